"""Voxels: time per voxel, state and step, share of the memory's bandwidth, cycles against the grid.

SPDX-License-Identifier: BSD-3-Clause

    python -m bench.problems.volume [--cells 64 128 200] [--states 2 6 12] [--threads 1 2]
        [--cycles 32 64 128 256] [--passes build/krogh_bench_voxels]

A cube of 10 um voxels with straight vessels through 2 % of them, 24 h after one dose at the
receptor density of NCI-N87, rtol 1e-3. 2 states, one of them mobile: an antibody that binds and is
taken up. 6 states, two mobile: an antibody and a competitor at the same dose. 12 states, three
mobile: two conjugates that compete, with what becomes of them in the cell and a payload that leaves
it, feeds nothing back and binds. Each row runs in a process of its own: its peak memory is the
largest resident set less what was there before the call. Refused steps count too. Before anything
is timed, every model's result on a small grid is compared with a run at rtol 1e-6.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
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


def antibody() -> tuple[_core.Program, list[str], list[int]]:
    """Free and bound: the receptors are those that are not bound."""
    graph = _core.Graph()
    names = ["F", "B"]
    free, bound = (graph.state(i) for i in range(2))
    kon, koff, ke, total, eps = (graph.parameter(i) for i in range(5))
    bind = graph.binary(
        "sub",
        graph.binary(
            "mul",
            graph.binary("mul", graph.binary("div", kon, eps), free),
            graph.binary("sub", total, bound),
        ),
        graph.binary("mul", koff, bound),
    )
    zero = graph.constant(0.0)
    rates = [
        graph.unary("neg", bind),
        graph.binary("sub", bind, graph.binary("mul", ke, bound)),
    ]
    return _program(graph, names, rates, [zero, zero]), names, [0]


def competition(payload: bool) -> tuple[_core.Program, list[str], list[int]]:
    """Two antibodies and one receptor; or two conjugates with a payload that leaves the cell."""
    graph = _core.Graph()
    kon, koff, ke, total, eps = (graph.parameter(i) for i in range(5))
    forms = "FBEY" if payload else "FBE"
    names = ["S"] + [f"{form}{d}" for d in range(2) for form in forms]
    names = [*names, "P", "N", "T"] if payload else names[:-1]
    state = {name: graph.state(i) for i, name in enumerate(names)}

    def times(a: int, b: int) -> int:
        return graph.binary("mul", a, b)

    def less(a: int, b: int) -> int:
        return graph.binary("sub", a, b)

    rates = {"S": times(ke, less(total, state["S"]))}
    free_rate = graph.binary("div", kon, eps)
    slow, fast = graph.constant(1e-4), graph.constant(1e-3)
    for d in range(2):
        taken = times(ke, state[f"B{d}"])
        bind = less(
            times(times(free_rate, state[f"F{d}"]), state["S"]), times(koff, state[f"B{d}"])
        )
        rates["S"] = less(rates["S"], bind)
        rates[f"F{d}"] = graph.unary("neg", bind)
        rates[f"B{d}"] = less(bind, taken)
        if payload:
            spent = times(slow, state[f"E{d}"])
            rates[f"E{d}"], rates[f"Y{d}"] = less(taken, spent), spent
        elif f"E{d}" in state:
            rates[f"E{d}"] = taken
    if payload:
        enters = less(times(fast, state["P"]), times(slow, state["N"]))
        sites = less(graph.constant(100.0), state["T"])
        binds = less(times(times(graph.constant(1e-5), state["N"]), sites), times(slow, state["T"]))
        rates["P"] = less(times(slow, state["E0"]), enters)
        rates["N"], rates["T"] = less(enters, binds), binds
    zero = graph.constant(0.0)
    initial = [total if name == "S" else zero for name in names]
    mobile = [names.index(n) for n in (["F0", "F1", "P"] if payload else ["F0", "F1"])]
    return _program(graph, names, [rates[n] for n in names], initial), names, mobile


def _program(
    graph: _core.Graph, names: list[str], rates: list[int], initial: list[int]
) -> _core.Program:
    return _core.Program(
        graph,
        names,
        list(CONSTANTS),
        derivatives=rates,
        initial=initial,
        outputs=[graph.state(i) for i in range(len(names))],
        names_outputs=names,
    )


MODELS = {2: antibody, 6: lambda: competition(False), 12: lambda: competition(True)}
AIMS = {2: 30.0, 6: 35.0, 12: 40.0}  # ns on one core


def vessels(cells: int, share: float = 0.02) -> np.ndarray:
    """Rates of exchange [1/s] of straight vessels along x, y and z."""
    draw = np.random.default_rng(0)
    inside = np.zeros((cells,) * 3, dtype=bool)
    while inside.mean() < share:
        place = [*draw.integers(cells, size=3)]
        place[draw.integers(3)] = slice(None)
        inside[tuple(place)] = True
    return np.where(inside, 3e-3 * 2.0 * np.pi * 8.0 / 100.0, 0.0)


def peak() -> float:
    """Largest resident set of this process so far [bytes]."""
    return 1024.0 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def simulate(
    cells: int, states: int, num_threads: int, *, rtol: float = 1e-3, recorded: bool = False
) -> dict[str, object]:
    """One run; what it took and, if asked for, the states at the end."""
    of, names, mobile = MODELS[states]()
    faces = np.arange(cells + 1) * 10.0
    carried = [j for j, state in enumerate(mobile) if names[state] != "P"]
    rates = np.broadcast_to(vessels(cells), (len(carried), *(cells,) * 3)).copy()
    is_payload = np.array([names[state] == "P" for state in mobile])
    before, processor, begin = peak(), time.process_time(), time.perf_counter()
    result = _core.simulate_volume(
        of,
        np.array(list(CONSTANTS.values())),
        faces,
        faces,
        faces,
        [(state, []) for state in mobile],
        np.where(is_payload, 300.0, 10.0)[:, None],
        np.where(is_payload, 0.44, 0.24)[:, None],
        np.array([24.0 * HOUR]),
        exchange=[(j, 0) for j in carried],
        exchange_rates=rates,
        rates=np.array([[6.9e-7, 7.3e-5]]),
        pulse_times=np.zeros(1),
        pulse_amplitudes=np.array([[[165.0, 318.0]]]),
        num_threads=num_threads,
        rtol=rtol,
        linear_rtol=1e-2 if rtol > 1e-4 else 1e-4,
        recorded=list(range(states)) if recorded else [],
    )
    seconds, processor = time.perf_counter() - begin, time.process_time() - processor
    if result.status != 0:
        raise RuntimeError(str(result.failures))
    stats = result.stats
    steps = stats["accepted"] + stats["rejected"]
    work = 1e-9 * cells**3 * states * steps
    return {
        "cells": cells,
        "states": states,
        "mobile": len(mobile),
        "threads": num_threads,
        "steps": steps,
        "cycles": stats["linear_iterations"] / stats["linear_solves"],
        "most": stats["most_iterations"],
        "seconds": seconds,
        "nanoseconds": seconds / work,
        "processor": processor / work,
        "bytes": (peak() - before) / cells**3,
        "values": result.values[-1] if recorded else None,
    }


def check() -> None:
    """Results at the tolerance of the table beside those at rtol 1e-6."""
    for states in MODELS:
        found = simulate(16, states, 1, recorded=True)["values"]
        exact = simulate(16, states, 1, rtol=1e-6, recorded=True)["values"]
        error = max(
            float(np.linalg.norm(a - b) / np.linalg.norm(b))
            for a, b in zip(found, exact, strict=True)
        )
        print(f"{states} states: relative L2 error of the worst state {error:.1e}")
        if not error < 2e-3:
            raise RuntimeError(f"wrong answer: {error}")


def row(cells: int, states: int, num_threads: int) -> dict[str, float]:
    """A run in a process of its own."""
    command = [sys.executable, "-m", "bench.problems.volume", "--one"]
    command += [str(cells), str(states), str(num_threads)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def table(cells: list[int], states: list[int], threads: list[int]) -> None:
    """Time per voxel, state and step, and peak memory beside 8 (6 S + 16 m) bytes a voxel."""
    print(
        "\n cells states mobile threads steps cycles (most)       s  ns wall  ns cpu (aim)"
        "  B/voxel (limit)"
    )
    for n in cells:
        for count in states:
            for num_threads in threads:
                r = row(n, count, num_threads)
                limit = 8 * (6 * count + 16 * r["mobile"])
                print(
                    f"{n:6} {count:6} {r['mobile']:6} {num_threads:7} {r['steps']:5} "
                    f"{r['cycles']:6.2f} {r['most']:6} {r['seconds']:8.2f} "
                    f"{r['nanoseconds']:8.1f} {r['processor']:7.1f} ({AIMS[count]:.0f}) "
                    f"{r['bytes']:9.0f} ({limit})",
                    flush=True,
                )


def main(arguments: list[str]) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cells", type=int, nargs="*", default=[64, 128, 200])
    parser.add_argument("--states", type=int, nargs="*", default=[2, 6, 12])
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--cycles", type=int, nargs="*", default=[32, 64, 128, 256])
    parser.add_argument("--passes", help="the program krogh_bench_voxels")
    parser.add_argument("--one", type=int, nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        print(json.dumps(simulate(*given.one)))
        return
    check()
    if given.passes:
        print("\nshare of the triad measured in the same run")
        for n, count in ((64, 1), (128, 1), (128, 2), (200, 1)):
            done = subprocess.run(
                [given.passes, str(n), str(count)], check=True, capture_output=True, text=True
            )
            print(done.stdout.strip(), flush=True)
    table(given.cells, given.states, given.threads)
    print("\n cells cycles a solve (most)")
    for n in given.cycles:
        r = row(n, 2, 2)
        print(f"{n:6} {r['cycles']:8.2f} {r['most']:6}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
