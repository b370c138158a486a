"""Voxels: time per voxel, state and step of the volume solver, and cycles against the grid.

SPDX-License-Identifier: BSD-3-Clause

    python -m bench.problems.volume [cells ...]

The model is the barrier of binding sites at the receptor density of NCI-N87 in a cube of 10 um
voxels with straight vessels through 2 % of them, 24 h after one dose, rtol 1e-3: one antibody (4
states, one of them mobile), and an antibody with a competitor of the same dose (7 states, two
mobile). Steps that were refused count too.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from krogh import _core

HOUR = 3600.0
CONSTANTS = {"kon": 7.1e-4, "koff": 3.5e-4, "ke": 3.3e-5, "S0": 833.0, "eps": 0.24}


def program(drugs: int) -> tuple[_core.Program, list[str]]:
    """Antibodies that compete for one receptor: free, bound and internalized forms of each."""
    graph = _core.Graph()
    names = ["S"] + [f"{form}{d}" for d in range(drugs) for form in "FBE"]
    state = {name: graph.state(i) for i, name in enumerate(names)}
    kon, koff, ke, total, eps = (graph.parameter(i) for i in range(5))

    def times(a: int, b: int) -> int:
        return graph.binary("mul", a, b)

    free_rate = graph.binary("div", kon, eps)
    rates = {"S": times(ke, graph.binary("sub", total, state["S"]))}
    for d in range(drugs):
        taken = times(ke, state[f"B{d}"])
        bind = graph.binary(
            "sub",
            times(times(free_rate, state[f"F{d}"]), state["S"]),
            times(koff, state[f"B{d}"]),
        )
        rates["S"] = graph.binary("sub", rates["S"], bind)
        rates[f"F{d}"] = graph.unary("neg", bind)
        rates[f"B{d}"] = graph.binary("sub", bind, taken)
        rates[f"E{d}"] = taken
    zero = graph.constant(0.0)
    return (
        _core.Program(
            graph,
            names,
            list(CONSTANTS),
            derivatives=[rates[name] for name in names],
            initial=[total if name == "S" else zero for name in names],
            outputs=[state[name] for name in names],
            names_outputs=names,
        ),
        names,
    )


def vessels(cells: int, share: float = 0.02) -> np.ndarray:
    """Rates of exchange [1/s] of straight vessels along x, y and z."""
    draw = np.random.default_rng(0)
    inside = np.zeros((cells,) * 3, dtype=bool)
    while inside.mean() < share:
        place = [*draw.integers(cells, size=3)]
        place[draw.integers(3)] = slice(None)
        inside[tuple(place)] = True
    return np.where(inside, 3e-3 * 2.0 * np.pi * 8.0 / 100.0, 0.0)


def run(cells: int, drugs: int, num_threads: int) -> dict[str, float]:
    """One run; what it took."""
    of, names = program(drugs)
    faces = np.arange(cells + 1) * 10.0
    rate = vessels(cells)
    begin = time.perf_counter()
    result = _core.simulate_volume(
        of,
        np.array(list(CONSTANTS.values())),
        faces,
        faces,
        faces,
        [(names.index(f"F{d}"), []) for d in range(drugs)],
        np.full((drugs, 1), 10.0),
        np.full((drugs, 1), 0.24),
        np.array([24.0 * HOUR]),
        exchange=[(d, 0) for d in range(drugs)],
        exchange_rates=np.broadcast_to(rate, (drugs, *rate.shape)).copy(),
        rates=np.array([[6.9e-7, 7.3e-5]]),
        pulse_times=np.zeros(1),
        pulse_amplitudes=np.array([[[165.0, 318.0]]]),
        num_threads=num_threads,
    )
    seconds = time.perf_counter() - begin
    if result.status != 0:
        raise RuntimeError(str(result.failures))
    stats = result.stats
    steps = stats["accepted"] + stats["rejected"]
    return {
        "cells": cells,
        "states": len(names),
        "steps": steps,
        "cycles": stats["linear_iterations"] / stats["linear_solves"],
        "most": stats["most_iterations"],
        "seconds": seconds,
        "nanoseconds": 1e9 * seconds / (cells**3 * len(names) * steps),
    }


def main(arguments: list[str]) -> None:
    """Print a table."""
    print(" cells states threads steps cycles/stage (most) seconds ns/(voxel state step)")
    for cells in [int(a) for a in arguments] or [32, 64, 100]:
        for drugs in (1, 2):
            for threads in (1, 2):
                row = run(cells, drugs, threads)
                print(
                    f"{row['cells']:6} {row['states']:6} {threads:7} {row['steps']:5} "
                    f"{row['cycles']:12.2f} {row['most']:6} {row['seconds']:7.2f} "
                    f"{row['nanoseconds']:10.1f}"
                )


if __name__ == "__main__":
    main(sys.argv[1:])
