"""Cost of sensitivities, scaling over threads, memory a patient, and the cost of the import.

SPDX-License-Identifier: BSD-3-Clause

    python -m bench.problems.costs [sensitivities|threads|memory|import ...] [--json FILE]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.cases import OBSERVATION_DAYS, TMDD
from bench.problems.adapter import population
from bench.record import ROOT, available_cores, machine, markdown_table, write_json
from bench.timing import time_interleaved

if TYPE_CHECKING:
    from collections.abc import Callable

RTOL = 1e-6
NUM_PATIENTS = 1_000
ROUNDS = 7


def sensitivities() -> list[dict[str, Any]]:
    """Time with 0, 5 and 10 parameters relative to none; tmdd, one thread, 1,000 patients."""
    run, patients = population(TMDD), TMDD.patients(NUM_PATIENTS)
    work: dict[str, Callable[[], object]] = {
        str(n): partial(
            run.solve, patients, RTOL, sensitivities=[("parameter", j) for j in range(n)]
        )
        for n in (0, 5, 10)
    }
    timed = time_interleaved(work, ROUNDS)
    base = timed["0"].cpu_median
    return [
        {
            "parameters": int(n),
            "ms per patient": summary.cpu_median / NUM_PATIENTS * 1e3,
            "relative to one solve": summary.cpu_median / base,
            "per parameter": (summary.cpu_median / base - 1.0) / max(int(n), 1),
        }
        for n, summary in timed.items()
    ]


def threads() -> list[dict[str, Any]]:
    """Wall time of 20,000 tmdd patients over the number of threads."""
    run, patients = population(TMDD), TMDD.patients(20 * NUM_PATIENTS)
    counts = [n for n in (1, 2, 4, 8, 16, 32, 64) if n <= available_cores()]
    out = run.solve(patients, RTOL).values
    work: dict[str, Callable[[], object]] = {
        str(n): partial(run.solve, patients, RTOL, num_threads=n, out=out) for n in counts
    }
    timed = time_interleaved(work, 5)
    base = timed["1"].wall_median
    return [
        {
            "threads": int(n),
            "wall s": summary.wall_median,
            "speed-up": base / summary.wall_median,
            "efficiency": base / summary.wall_median / int(n),
        }
        for n, summary in timed.items()
    ]


def memory() -> list[dict[str, Any]]:
    """Growth of the peak resident set from 1,000 to 100,000 tmdd patients, fresh processes."""
    small, large = 1_000, 100_000
    peaks = {n: peak_in_new_process(n) for n in (small, large)}
    per_patient = (peaks[large] - peaks[small]) / (large - small)
    values = len(OBSERVATION_DAYS) * len(TMDD.states) * 8 + len(TMDD.parameters) * 8
    return [
        {
            "peak MB, 1,000 patients": peaks[small] / 1e6,
            "peak MB, 100,000 patients": peaks[large] / 1e6,
            "bytes per patient": per_patient,
            "of these parameters and values": values,
        }
    ]


def peak_in_new_process(num_patients: int) -> int:
    """Peak resident set, bytes, of a process that solves so many patients."""
    command = [sys.executable, "-m", "bench.problems.costs", "--peak", str(num_patients)]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return int(out)


def print_peak(num_patients: int) -> None:
    """Body of the process started by `peak_in_new_process`."""
    population(TMDD).solve(TMDD.patients(num_patients), 1e-4)
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss: bytes on macOS, kB elsewhere
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def import_cost() -> list[dict[str, Any]]:
    """Processor time of ``import krogh`` in fresh processes, less that of a bare interpreter."""
    bare = children_cpu("pass")
    rows = []
    for module in ("numpy", "krogh"):
        extra = children_cpu(f"import {module}") - bare
        rows.append({"import": module, "cpu ms": float(extra * 1e3)})
    return rows


def children_cpu(code: str, repeats: int = 9) -> float:
    """Median processor time (s) of a process that runs ``code``."""
    times = []
    for _ in range(repeats):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True, cwd="/")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return float(np.median(times))


MEASUREMENTS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "sensitivities": sensitivities,
    "threads": threads,
    "memory": memory,
    "import": import_cost,
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", choices=[*MEASUREMENTS, []], default=[])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--peak", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        print_peak(arguments.peak)
        return
    content: dict[str, Any] = {"machine": machine()}
    for name in arguments.what or MEASUREMENTS:
        content[name] = MEASUREMENTS[name]()
        print(f"\n{name}\n" + markdown_table(content[name]))
    if arguments.json:
        write_json(arguments.json, content)


if __name__ == "__main__":
    main()
