"""Lines written out state by state for a dense stiff solver: branches, vessel, plasma, flow.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from engine import Names
from krogh import _core
from lines import sets
from scipy.integrate import solve_ivp


@dataclass(frozen=True)
class Dense:
    """Records of the first line: cells, plasma, capillary segments."""

    values: np.ndarray  # (records, states, cells)
    plasma: np.ndarray  # (records, plasma states)
    vessel: np.ndarray  # (records, branches, mobile)


def bernoulli(x):
    """x / (exp(x) - 1)."""
    return 1.0 - 0.5 * x if abs(x) < 1e-8 else x / np.expm1(x)


class _Piece:
    """One branch: conductances, flows and volumes of its faces and cells."""

    def __init__(self, line, faces, cells, d, eps, p, velocity):
        grid = _core.line_grid(line.geometry, list(faces))
        self.cells, self.eps, self.volumes = cells, eps, grid["volumes"]
        half = 0.5 * np.diff(faces) / (d * eps)
        m, n = eps.shape
        resistance = np.zeros((m, n + 1))
        resistance[:, 1:-1] = half[:, :-1] + half[:, 1:]
        self.conductance = np.zeros((m, n + 1))
        self.flow = grid["areas"] * velocity
        for j, walls in enumerate(line.mobile.values()):
            for w, (kind, _) in enumerate(walls):
                end = -w
                if kind == "closed":
                    resistance[j, end] = np.inf
                    self.flow[j, end] = 0.0
                else:
                    wall = 1.0 / p[j, w] if kind == "membrane" else 0.0
                    resistance[j, end] = wall + half[j, end]
        self.conductance = grid["areas"] / resistance

    def fluxes(self, j, free, outside):
        """Amounts per time through the faces, from inside to outside."""
        around = np.concatenate([[outside[0]], free, [outside[1]]])
        flux = np.zeros(len(around) - 1)
        for f, (g, u) in enumerate(zip(self.conductance[j], self.flow[j], strict=True)):
            if g > 0.0:
                peclet = u / g
                flux[f] = g * (bernoulli(-peclet) * around[f] - bernoulli(peclet) * around[f + 1])
        return flux


def dense(line, times, plasma=None, rtol=1e-10):
    """Solve the first line by Radau; ``plasma`` is the law of the program among its options."""
    options = line.options
    names, n = list(line.mobile), len(line.law.states)
    places = [line.law.states.index(s) for s in names]
    m = len(names)
    faces = np.atleast_2d(np.asarray(line.faces, dtype=float))[0]
    counts = options.get("branches") or [len(faces) - 1]
    total = sum(counts)
    d, eps = (sets(v, m, total)[0] for v in (line.diffusivity, line.fraction))
    p = np.broadcast_to(line.permeability, (len(counts), m, 2))
    velocity = options.get("velocity", np.zeros((1, m, len(faces))))[0]
    weights = options.get("branch_weights", np.ones((1, len(counts))))[0]
    parameters = sets(line.parameters, len(line.law.parameters))[0]
    pieces, first, face = [], 0, 0
    for count in counts:
        part, edge = slice(first, first + count), slice(face, face + count + 1)
        pieces.append(
            _Piece(
                line, faces[edge], part, d[:, part], eps[:, part], p[len(pieces)], velocity[:, edge]
            )
        )
        first, face = first + count, face + count + 1
    exchange = options.get("exchange", [])
    blood = len(plasma.states) if plasma else 0
    blood_parameters = options["plasma_parameters"][0] if plasma else None
    rates = np.zeros(blood)
    has_vessel = "axial_flow" in options
    segments = len(counts) * m if has_vessel else 0
    if has_vessel:
        flow, lengths = options["axial_flow"][0], options["axial_lengths"][0]
        starts = np.cumsum([0] + [c + 1 for c in counts[:-1]])
        radii = options.get("axial_radii", faces[starts][None])[0]

    def split(x):
        y = x[: n * total].reshape(n, total)
        return y, x[n * total : n * total + blood], x[n * total + blood :].reshape(-1, m)

    def slopes(t, x):
        y, b, q = split(x)
        dy = np.array([line.law.derivative(t, y[:, k], parameters) for k in range(total)]).T
        db = plasma.derivative(t, b, blood_parameters) + rates if plasma else np.zeros(0)
        dq = np.zeros_like(q)
        for c, piece in enumerate(pieces):
            for j, i in enumerate(places):
                outside = np.zeros(2)
                for e, (mobile, wall, state) in enumerate(exchange):
                    if mobile == j:
                        outside[wall] = options["outside_factor"][0, e] * b[state]
                inlet = outside[0]
                if has_vessel:
                    outside[0] = q[c, j]
                flux = piece.fluxes(j, y[i, piece.cells] / piece.eps[j], outside)
                dy[i, piece.cells] += (flux[:-1] - flux[1:]) / piece.volumes
                if has_vessel:
                    before = q[c - 1, j] if c > 0 else inlet
                    volume = np.pi * radii[c] ** 2 * lengths[c]
                    dq[c, j] = (flow * (before - q[c, j]) - lengths[c] * flux[0]) / volume
                for e, (mobile, wall, state) in enumerate(exchange):
                    if mobile != j:
                        continue
                    lost = options["uptake_factor"][0, e]
                    if not has_vessel:
                        db[state] -= lost * weights[c] * (flux[0] if wall == 0 else -flux[-1])
                    elif c == 0:
                        db[state] -= lost * flow / sum(lengths) * (inlet - q[-1, j])
        return np.concatenate([dy.ravel(), db, dq.ravel()])

    start = np.outer(_initial(line.law, parameters), np.ones(total))
    if "initial" in options:
        start = options["initial"][0]
    blood_start = _initial(plasma, blood_parameters) if plasma else np.zeros(0)
    x = np.concatenate([start.ravel(), blood_start, np.zeros(segments)])
    doses = []
    if plasma:
        doses = list(
            zip(
                *(options["dose_" + k] for k in ("times", "states", "amounts", "kinds")),
                strict=True,
            )
        )
    t, found = 0.0, []
    for stop in sorted({0.0, *times, *(dose[0] for dose in doses)}):
        if stop > t:
            x = solve_ivp(slopes, (t, stop), x, "Radau", rtol=rtol, atol=1e-2 * rtol).y[:, -1]
            t = stop
        for at, state, amount, kind in doses:
            if at == stop and kind == 0:
                x[n * total + state] += amount
            elif at == stop:
                rates[state] += amount
        if stop in times:
            found.append([part.copy() for part in split(x)])
    return Dense(*(np.array(part) for part in zip(*found, strict=True)))


def _initial(law, parameters):
    """Initial values of a law's states."""
    named = Names(law.parameters, parameters)
    return np.array([law.initial[s](named) if s in law.initial else 0.0 for s in law.states])
