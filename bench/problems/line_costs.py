"""Cost of sensitivities along lines: BENCH-N87, a vessel of 64 cells and 8 species over 24 h.

SPDX-License-Identifier: BSD-3-Clause

    python -m bench.problems.line_costs [--lines N] [--json FILE]

An antibody-drug conjugate (3.6 mg/kg in a mouse) and three times as much of its naked antibody
compete for one receptor around a capillary. Ten directions: the six parameters of the kinetics, the
diffusivities, the permeabilities, the doses and the accessible fractions.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from krogh import _core

from bench.problems.adapter import Symbol
from bench.record import machine, markdown_table, write_json
from bench.timing import time_interleaved

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = 3600.0
CELLS = 64
RTOL = 1e-3
ROUNDS = 7
COUNTS = (0, 1, 5, 10)
STATES = ("F1", "F2", "S", "B1", "B2", "E1", "L1", "E2")
PARAMETERS = ("kon", "koff", "ke", "klys", "S0", "eps")
TYPICAL = (7.1e-4, 3.5e-4, 3.3e-5, 1e-5, 833.0, 0.24)
"""1/(nM s), 1/s, 1/s, 1/s, nM, 1."""


def program() -> Any:
    """The kinetics as a program of the engine; s and nM."""
    graph = _core.Graph()
    f1, f2, s, b1, b2, e1, _, _ = (Symbol(graph, graph.state(i)) for i in range(len(STATES)))
    kon, koff, ke, klys, s0, eps = (
        Symbol(graph, graph.parameter(j)) for j in range(len(PARAMETERS))
    )
    adc = kon / eps * f1 * s - koff * b1
    antibody = kon / eps * f2 * s - koff * b2
    derivatives = [
        -adc,
        -antibody,
        ke * s0 - ke * s - adc - antibody,
        adc - ke * b1,
        antibody - ke * b2,
        ke * b1 - klys * e1,
        klys * e1,
        ke * b2,
    ]
    zero = graph.constant(0.0)
    return _core.Program(
        graph,
        list(STATES),
        list(PARAMETERS),
        derivatives=[d.node for d in derivatives],
        initial=[s0.node if name == "S" else zero for name in STATES],
        outputs=[],
        names_outputs=[],
    )


def inputs() -> dict[str, Any]:
    """Arrays of the solver with one set each; plasma of two compartments, amplitudes in nM."""
    k12, k21, k = 0.1726 / HOUR, 0.0890 / HOUR, np.log(2.0) / (278.4 * HOUR)
    values, vectors = np.linalg.eig(np.array([[-(k12 + k), k21], [k12, -(k21 + k)]]))
    weights = vectors[0] * np.linalg.solve(vectors, [1.0, 0.0])
    peak = 3.6 * 0.020 / 148781.0 * 1e6 / 1e-3
    return {
        "parameters": np.array([TYPICAL]),
        "diffusivity": np.full((1, 2, CELLS), 10.0),
        "permeability": np.array([[[3e-3, 0.0], [3e-3, 0.0]]]),
        "pulse_amplitudes": peak * np.array([weights, 3.0 * weights])[None, None],
        "fraction": np.full((1, 2, CELLS), 0.24),
        "rates": np.repeat(-values[None, None], 2, axis=1),
    }


def directions(given: dict[str, Any], count: int) -> dict[str, Any]:
    """Keywords for the first of the ten directions, each of the size of what it moves."""
    found: dict[str, Any] = {}
    for k in range(count):
        name = ("parameters", *list(given)[1:])[max(k - len(PARAMETERS) + 1, 0)]
        moved = found.setdefault("d_" + name, np.zeros((1, count, *given[name].shape[1:])))
        if name == "parameters":
            moved[0, k, k] = TYPICAL[k]
        else:
            moved[0, k] = given[name][0]
    return found


def costs(lines: int) -> list[dict[str, Any]]:
    """Time with 0, 1, 5 and 10 directions relative to none; one thread."""
    law, given = program(), inputs()
    walls = ("membrane", 0, "closed", -1), ("membrane", 1, "closed", -1)
    solve = partial(
        _core.simulate_line,
        law,
        given["parameters"],
        "cylindrical",
        _core.graded_faces(8.0, 75.0, CELLS)[None].copy(),
        [(j, *wall) for j, wall in enumerate(walls)],
        given["diffusivity"],
        given["fraction"],
        np.arange(3.0, 25.0, 3.0) * HOUR,
        permeability=given["permeability"],
        rates=given["rates"],
        pulse_times=np.zeros((1, 1)),
        pulse_amplitudes=given["pulse_amplitudes"],
        num_lines=lines,
        rtol=RTOL,
        recorded=[0, 3, 5, 6],
        num_threads=1,
    )
    work: dict[str, Callable[[], object]] = {
        str(n): partial(solve, **directions(given, n)) for n in COUNTS
    }
    timed = time_interleaved(work, ROUNDS)
    base = timed["0"].cpu_median
    return [
        {
            "directions": int(n),
            "ms per line": summary.cpu_median / lines * 1e3,
            "relative to one solve": summary.cpu_median / base,
            "per direction": (summary.cpu_median / base - 1.0) / max(int(n), 1),
        }
        for n, summary in timed.items()
    ]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=64)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = costs(arguments.lines)
    print(markdown_table(rows))
    if arguments.json:
        write_json(arguments.json, {"machine": machine(), "sensitivities along lines": rows})


if __name__ == "__main__":
    main()
