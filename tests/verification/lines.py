"""Lines in as few words as a test needs: a problem with numbers or arrays, run by the engine.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from engine import Law
from krogh import _core

CLOSED = ("closed", -1)


def sets(value, *shape):
    """An array with a leading axis of sets, from a number, one set or all of them."""
    array = np.asarray(value, dtype=float)
    if array.ndim <= len(shape):
        array = np.broadcast_to(array, shape)[None]
    return np.ascontiguousarray(array)


@dataclass(frozen=True)
class Line:
    """A line problem; arrays without a leading axis of lines hold for all of them.

    ``mobile`` maps a state to its walls ``((kind, input), (kind, input))``.
    """

    law: Law
    parameters: Any
    faces: Any
    mobile: dict[str, Any]
    diffusivity: Any = 1.0
    fraction: Any = 1.0
    permeability: Any = 0.0
    geometry: str = "cartesian"
    options: dict[str, Any] = field(default_factory=dict)

    def but(self, **changes):
        """The same problem with something else in it."""
        return replace(self, **changes)

    def run(self, times, program=None, check=True, **options):
        """Solve it; all states are recorded unless told otherwise."""
        states = self.law.states
        faces = sets(self.faces, np.shape(self.faces)[-1])
        given = {"recorded": list(range(len(states))), "num_threads": 1} | self.options | options
        pieces = len(given.get("branches", ())) or 1
        cells, m = faces.shape[1] - pieces, len(self.mobile)
        run = _core.simulate_line(
            program if program is not None else self.law.program(),
            sets(self.parameters, len(self.law.parameters)),
            self.geometry,
            faces,
            [
                (states.index(s), inner[0], inner[1], outer[0], outer[1])
                for s, (inner, outer) in self.mobile.items()
            ],
            sets(self.diffusivity, m, cells),
            sets(self.fraction, m, cells),
            np.atleast_1d(np.asarray(times, dtype=float)),
            permeability=sets(self.permeability, *((pieces, m, 2) if pieces > 1 else (m, 2))),
            **given,
        )
        if check:
            assert set(run.status) == {0}, run.failures
        return run

    @property
    def volumes(self):
        """Volumes of the cells of the first line."""
        faces = np.atleast_2d(np.asarray(self.faces, dtype=float))[0]
        return _core.line_grid(self.geometry, list(faces))["volumes"]

    @property
    def centers(self):
        """Midpoints of the cells of the first line."""
        faces = np.atleast_2d(np.asarray(self.faces, dtype=float))[0]
        return _core.line_grid(self.geometry, list(faces))["centers"]


def with_plasma(line, law, parameters, exchange, doses=(), **options):
    """A line whose walls exchange with a plasma of its own.

    ``exchange`` lists ``(mobile state, wall, plasma state, outside factor, uptake factor)``, the
    factors numbers or arrays over the lines; ``doses`` lists ``(time, state, amount, kind)``, for
    all lines or, as a list of such lists, for each.
    """
    names = list(line.mobile)
    lines = line.options.get("num_lines", 1)
    given = list(doses)
    each = given if given and isinstance(given[0], list) else [given] * lines
    flat = [d for one in each for d in one]
    factors = [
        np.stack(np.broadcast_arrays(*(np.asarray(e[i], dtype=float) for e in exchange)), axis=-1)
        for i in (3, 4)
    ]
    plasma = {
        "plasma": law.program(),
        "plasma_parameters": sets(parameters, len(law.parameters)),
        "exchange": [(names.index(e[0]), e[1], law.states.index(e[2])) for e in exchange],
        "outside_factor": np.ascontiguousarray(np.atleast_2d(factors[0])),
        "uptake_factor": np.ascontiguousarray(np.atleast_2d(factors[1])),
        "dose_offsets": np.cumsum([0] + [len(one) for one in each], dtype=np.int64),
        "dose_times": np.array([d[0] for d in flat], dtype=float),
        "dose_states": np.array([law.states.index(d[1]) for d in flat], dtype=np.int32),
        "dose_amounts": np.array([d[2] for d in flat], dtype=float),
        "dose_kinds": np.array([d[3] for d in flat], dtype=np.int8),
    }
    return line.but(options=line.options | plasma | options)


def even_faces(inner, outer, cells):
    """Faces of cells of one width."""
    return _core.graded_faces(inner, outer, cells)


def constant_input(value):
    """Options of one input that has this value at all times."""
    return {
        "rates": np.zeros((1, 1, 1)),
        "pulse_times": np.zeros((1, 1)),
        "pulse_amplitudes": np.full((1, 1, 1, 1), float(value)),
    }


STILL = Law(("c",), ("k",), lambda t, y, p: [-p.k * y.c])
"""One species with first-order loss; k = 0 is diffusion alone."""


def adc_law():
    """BENCH-N87: an ADC and the naked antibody compete for one receptor."""

    def law(t, y, p):
        adc = p.kon / p.eps * y.F1 * y.S - p.koff * y.B1
        antibody = p.kon / p.eps * y.F2 * y.S - p.koff * y.B2
        return [
            -adc,
            -antibody,
            p.ke * p.S0 - p.ke * y.S - adc - antibody,
            adc - p.ke * y.B1,
            antibody - p.ke * y.B2,
            p.ke * y.B1 - p.klys * y.E1,
            p.klys * y.E1,
            p.ke * y.B2,
        ]

    return Law(
        ("F1", "F2", "S", "B1", "B2", "E1", "L1", "E2"),
        ("kon", "koff", "ke", "klys", "S0", "eps"),
        law,
        initial={"S": lambda p: p.S0},
    )


def bench_n87(cells, ratio, dose=3.6, lines=1):
    """BENCH-N87 with ``ratio`` mg of antibody per mg of ADC, mouse of 20 g, 24 h in seconds."""
    hour = 3600.0
    k12, k21, k = 0.1726 / hour, 0.0890 / hour, np.log(2.0) / (278.4 * hour)
    matrix = np.array([[-(k12 + k), k21], [k12, -(k21 + k)]])
    values, vectors = np.linalg.eig(matrix)
    weights = vectors[0] * np.linalg.solve(vectors, [1.0, 0.0])
    peak = dose * 0.020 / 148781.0 * 1e6 / 1e-3  # mg/kg of 20 g in 1 mL: nM
    amplitudes = np.array([peak * weights, ratio * peak * weights])
    wall = (("membrane", 0), CLOSED), (("membrane", 1), CLOSED)
    return Line(
        adc_law(),
        [7.1e-4, 3.5e-4, 3.3e-5, 1e-5, 833.0, 0.24],
        even_faces(8.0, 75.0, cells),
        {"F1": wall[0], "F2": wall[1]},
        diffusivity=10.0,
        fraction=0.24,
        permeability=[[3e-3, 0.0], [3e-3, 0.0]],
        geometry="cylindrical",
        options={
            "rates": np.broadcast_to(-values, (2, 2))[None].copy(),
            "pulse_times": np.zeros((1, 1)),
            "pulse_amplitudes": np.ascontiguousarray(amplitudes[None, None]),
            "num_lines": lines,
        },
    )
