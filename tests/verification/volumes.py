"""Volumes in as few words as a test needs: a problem with numbers or arrays, run by the engine.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from engine import Law
from krogh import _core
from lines import adc_law

CLOSED = ("closed", 0.0, -1)
PERIODIC = ("periodic", 0.0, -1)


def fixed(number=-1):
    """A side held at an input, or at zero."""
    return ("fixed", 0.0, number)


def inputs_of(values):
    """Options of inputs that have these values at all times."""
    values = np.atleast_1d(np.asarray(values, dtype=float))
    return {
        "rates": np.zeros((values.size, 1)),
        "pulse_times": np.zeros(1),
        "pulse_amplitudes": values.reshape(1, -1, 1).copy(),
    }


@dataclass(frozen=True)
class Volume:
    """A volume problem. ``mobile`` maps a state to its six sides, low and high along x, y, z, or to
    ``None`` (closed); ``exchange`` lists ``(mobile state, input, rate by voxel)``, with a fourth
    item where the rate of what leaves is another.

    What is given by voxel has the shape of the voxels, (z, y, x); numbers hold for all.
    """

    law: Law
    parameters: Any
    faces: tuple[Any, Any, Any]
    mobile: dict[str, Any]
    diffusivity: Any = 1.0
    fraction: Any = 1.0
    exchange: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def but(self, **changes):
        """The same problem with something else in it."""
        return replace(self, **changes)

    @property
    def shape(self):
        """Voxels along z, y, x."""
        return tuple(len(f) - 1 for f in reversed(self.faces))

    @property
    def volumes(self):
        """Of the voxels, (z, y, x)."""
        x, y, z = (np.diff(f) for f in self.faces)
        return z[:, None, None] * y[None, :, None] * x[None, None, :]

    @property
    def centers(self):
        """Positions of the voxels, each of the shape of the voxels."""
        x, y, z = (0.5 * (np.asarray(f)[1:] + np.asarray(f)[:-1]) for f in self.faces)
        return np.broadcast_arrays(x[None, None, :], y[None, :, None], z[:, None, None])

    def _places(self, value, sets):
        """One set per mobile state: a number, an array over voxels, or a list of these."""
        if isinstance(value, (list, tuple)):
            return np.stack([np.broadcast_to(np.asarray(v, float), self.shape) for v in value])
        value = np.asarray(value, dtype=float)
        return np.ascontiguousarray(np.broadcast_to(value, (sets, *self.shape)))

    def run(self, times, check=True, **options):
        """Solve it; all states are recorded unless told otherwise."""
        states = self.law.states
        m = len(self.mobile)
        given = {"recorded": list(range(len(states))), "num_threads": 1} | self.options | options
        rates = [np.broadcast_to(np.asarray(e[2], float), self.shape) for e in self.exchange]
        if any(len(e) > 3 for e in self.exchange):
            each = [np.broadcast_to(np.asarray(e[-1], float), self.shape) for e in self.exchange]
            given["exchange_out_rates"] = np.ascontiguousarray(np.stack(each))
        if given.get("axes", 1) == 3:
            diffusivity = np.ascontiguousarray(np.asarray(self.diffusivity, float))
        else:
            diffusivity = self._places(self.diffusivity, m)
        run = _core.simulate_volume(
            self.law.program(),
            np.atleast_1d(np.asarray(self.parameters, dtype=float)),
            *(np.ascontiguousarray(np.asarray(f, dtype=float)) for f in self.faces),
            [(states.index(s), list(sides or ())) for s, sides in self.mobile.items()],
            diffusivity,
            self._places(self.fraction, m),
            np.atleast_1d(np.asarray(times, dtype=float)),
            exchange=[(list(self.mobile).index(e[0]), e[1]) for e in self.exchange],
            exchange_rates=np.ascontiguousarray(np.stack(rates)) if rates else None,
            **given,
        )
        if check:
            assert run.status == 0, run.failures
        return run


def box(*cells, width=10.0):
    """Faces of cubes: cells along x, y, z (one where not given)."""
    return tuple(np.arange(n + 1) * width for n in (*cells, 1, 1)[:3])


def antibody_law():
    """One antibody, its receptor, the bound and the internalized form; kon per free volume."""

    def law(t, y, p):
        bind = p.kon / p.eps * y.F * y.S - p.koff * y.B
        return [-bind, p.ke * (p.S0 - y.S) - bind, bind - p.ke * y.B, p.ke * y.B]

    return Law(
        ("F", "S", "B", "E"),
        ("kon", "koff", "ke", "S0", "eps"),
        law,
        initial={"S": lambda p: p.S0},
    )


N87 = {"kon": 7.1e-4, "koff": 3.5e-4, "ke": 3.3e-5, "S0": 833.0, "eps": 0.24}
HOUR = 3600.0


def vessel_lines(shape, share, seed=0):
    """Rates of exchange [1/s] of straight vessels along x, y and z that fill a share of the voxels:
    P S/V with P = 3e-3 um/s and vessels of radius 8 um in voxels of 10 um."""
    draw = np.random.default_rng(seed)
    nz, ny, nx = shape
    inside = np.zeros(shape, dtype=bool)
    while inside.mean() < share:
        axis = draw.integers(3)
        if axis == 0:
            inside[draw.integers(nz), draw.integers(ny), :] = True
        elif axis == 1:
            inside[draw.integers(nz), :, draw.integers(nx)] = True
        else:
            inside[:, draw.integers(ny), draw.integers(nx)] = True
    return np.where(inside, 3e-3 * 2.0 * np.pi * 8.0 / 100.0, 0.0)


def plasma_of(doses):
    """Two-compartment plasma of an antibody after boluses of 3.6 mg/kg times each of ``doses``."""
    k12, k21, k = 0.1726 / HOUR, 0.0890 / HOUR, np.log(2.0) / (278.4 * HOUR)
    values, vectors = np.linalg.eig(np.array([[-(k12 + k), k21], [k12, -(k21 + k)]]))
    weights = vectors[0] * np.linalg.solve(vectors, [1.0, 0.0])
    peak = 3.6 * 0.020 / 148781.0 * 1e6 / 1e-3
    doses = np.atleast_1d(np.asarray(doses, dtype=float))
    return {
        "rates": np.broadcast_to(-values, (doses.size, 2)).copy(),
        "pulse_times": np.zeros(1),
        "pulse_amplitudes": (peak * doses[:, None] * weights)[None].copy(),
    }


def n87(cells, ratio=None, share=0.02, seed=0):
    """The barrier of binding sites in a cube of voxels with vessels: one antibody, or with
    ``ratio`` a conjugate and that many times as much of the naked antibody."""
    faces = box(cells, cells, cells)
    rate = vessel_lines((cells,) * 3, share, seed)
    common = {"diffusivity": 10.0, "fraction": 0.24}
    if ratio is None:
        return Volume(
            antibody_law(),
            list(N87.values()),
            faces,
            {"F": None},
            exchange=(("F", 0, rate),),
            options=plasma_of(1.0),
            **common,
        )
    return Volume(
        adc_law(),
        [7.1e-4, 3.5e-4, 3.3e-5, 1e-5, 833.0, 0.24],
        faces,
        {"F1": None, "F2": None},
        exchange=(("F1", 0, rate), ("F2", 1, rate)),
        options=plasma_of([1.0, ratio]),
        **common,
    )


def n87_with_a_hole(sides, inputs=None, options=None):
    """Two antibodies (``n87`` with ratio 3) in a box of unequal lengths: a layer outside, a region
    within. ``sides`` are those of F2; ``inputs`` replaces the inputs of the exchanges, ``options``
    what the plasma is."""
    shape = (14, 19, 24)
    regions = np.zeros(shape, dtype=np.uint8)
    regions[:, :, :3] = 255
    regions[5:9, 5:9, 7:11] = 1
    volume = n87(24, ratio=3.0)
    return volume.but(
        faces=box(*reversed(shape)),
        exchange=tuple(
            (s, i if inputs is None else inputs, r[:14, :19]) for s, i, r in volume.exchange
        ),
        mobile={"F1": None, "F2": sides},
        diffusivity=1.0,
        options=(volume.options if options is None else options)
        | {"regions": regions, "num_regions": 2},
    )


def scattered_tissue(least, sides, **options):
    """An antibody that nothing takes up, from random amounts in tissue with random holes, widths
    (``least`` um and more), diffusivities and fractions; and where it is tissue, (z, y, x)."""
    draw = np.random.default_rng(3)
    shape = (7, 9, 12)
    regions = np.where(draw.random(shape) < 0.35, 255, 0).astype(np.uint8)
    start = np.zeros((4, *shape))
    start[0], start[1] = 50.0 * draw.random(shape), 833.0 * draw.random(shape)
    volume = Volume(
        antibody_law(),
        list((N87 | {"ke": 0.0}).values()),
        (np.cumsum(least + 9.0 * draw.random(13)), *box(9, 7)[:2]),
        {"F": sides},
        diffusivity=10.0 ** draw.uniform(-1.0, 1.0, shape),
        fraction=draw.uniform(0.1, 0.5, shape),
        options={"regions": regions, "initial": start} | options,
    )
    return volume, regions == 0


def require_same_bits(runs, *names):
    """Every run has the bits of the first in these arrays."""
    for run in runs[1:]:
        for name in names:
            assert getattr(run, name).tobytes() == getattr(runs[0], name).tobytes(), name
