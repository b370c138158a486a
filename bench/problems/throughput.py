"""Throughput of the cases through krogh, beside the peers at equal achieved error.

SPDX-License-Identifier: BSD-3-Clause

    python -m bench.problems.throughput [--case tmdd|pk2] [--form core|language|builtin]
        [--large 100000] [--peers FILE | --no-peers] [--json FILE]

For each tolerance the answer is first checked against the reference on 256 patients; then 1,000
patients are timed on one thread, interleaved with numbalsoda, and the large population on one
thread and on all. A ratio compares processor time a patient with the time at which a peer reaches
the same median error, read off the peer's measured line.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.cases import CASES, Case, errors
from bench.peers.programs import PEERS
from bench.peers.reference import reference
from bench.peers.run import measure_peers
from bench.problems.adapter import LanguagePopulation, Population, population
from bench.record import available_cores, machine, markdown_table, write_json
from bench.timing import is_inside, summarize, time_at_error, time_interleaved, time_once

TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)
TABLE_TOLERANCES = (1e-4, 1e-6, 1e-8)
SMALL = 1_000
ROUNDS = 7
LARGE_REPEATS = 3


def check(case: Case, run: Population | LanguagePopulation) -> list[dict[str, Any]]:
    """Errors at each tolerance; stops the benchmark where an answer is wrong."""
    solutions = reference(case)
    patients = case.patients(len(solutions))
    rows = []
    for rtol in TOLERANCES:
        result = run.solve(patients, rtol)
        if np.any(np.asarray(result.status) != 0):
            raise RuntimeError(f"rtol {rtol:g}: {result.failures[0]}")
        values = run.values(patients, rtol)
        achieved = errors(values, solutions)
        if not np.all(achieved < 10.0 * rtol):
            raise RuntimeError(f"rtol {rtol:g}: largest error {achieved.max():.2g}")
        if not np.array_equal(values, run.values(patients, rtol, num_threads=0)):
            raise RuntimeError(f"rtol {rtol:g}: the number of threads changes the answer")
        rows.append(
            {
                "rtol": rtol,
                "median error": float(np.median(achieved)),
                "largest error": float(achieved.max()),
                "stats": {key: float(np.mean(value)) for key, value in dict(result.stats).items()},
            }
        )
    return rows


def time_small(case: Case, run: Population | LanguagePopulation) -> dict[float, dict[str, Any]]:
    """1,000 patients on one thread, a line over tolerances, interleaved with numbalsoda."""
    patients = case.patients(SMALL)
    anchor = next(peer for peer in PEERS if peer.name == "numbalsoda")
    table = {}
    for rtol in TOLERANCES:
        work: dict[str, Any] = {"krogh": partial(run.solve, patients, rtol)}
        if anchor.versions() is not None:
            work["numbalsoda"] = partial(anchor.prepare(case), patients, rtol)
        table[rtol] = {
            name: summary.to_dict() for name, summary in time_interleaved(work, ROUNDS).items()
        }
    return table


def time_large(
    case: Case, run: Population | LanguagePopulation, num_patients: int
) -> list[dict[str, Any]]:
    """The large population on one thread and on all, wall and processor time."""
    patients = case.patients(num_patients)
    rows = []
    for rtol in TABLE_TOLERANCES:
        for num_threads in sorted({1, available_cores()}):
            solve = partial(run.solve, patients, rtol, num_threads=num_threads)
            if run.takes_out:
                solve = partial(solve, out=run.solve(patients, rtol, num_threads=0).values)
            repeats = [time_once(solve) for _ in range(LARGE_REPEATS)]
            summary = summarize(repeats)
            rows.append(
                {
                    "patients": num_patients,
                    "rtol": rtol,
                    "threads": num_threads,
                    "wall s": summary.wall_median,
                    "wall s, best": summary.wall_best,
                    "cpu s": summary.cpu_median,
                    "us per patient": summary.wall_median / num_patients * 1e6,
                }
            )
    return rows


def ratios(
    checks: list[dict[str, Any]], small: dict[float, dict[str, Any]], peers: dict[str, Any]
) -> list[dict[str, Any]]:
    """krogh's time and error at each tolerance, and the peers' time at that error."""
    rows = []
    for checked in checks:
        rtol, error = checked["rtol"], checked["median error"]
        own = small[rtol]["krogh"]["cpu_median"] / SMALL * 1e3
        row: dict[str, Any] = {"rtol": rtol, "median error": error, "krogh ms": own}
        row["krogh ms, best"] = small[rtol]["krogh"]["cpu_best"] / SMALL * 1e3
        for name in dict.fromkeys(r["program"] for r in peers["rows"]):
            line = [r for r in peers["rows"] if r["program"] == name]
            achieved = [r["median error"] for r in line]
            times = [r["ms per patient, median"] for r in line]
            mark = "" if is_inside(achieved, error) else " (prolonged)"
            row[f"{name} / krogh"] = f"{time_at_error(achieved, times, error) / own:.1f}{mark}"
        if "numbalsoda" in small[rtol]:
            peer = small[rtol]["numbalsoda"]["cpu_median"] / SMALL * 1e3
            row["numbalsoda at the same rtol"] = f"{peer / own:.1f}"
        rows.append(row)
    return rows


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", choices=sorted(CASES), default="tmdd")
    parser.add_argument("--form", choices=("core", "language", "builtin"), default="core")
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--peers", type=Path, help="lines measured by bench.peers.run earlier")
    parser.add_argument("--budget", type=float, default=1.0, help="seconds a peer's row")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    case = CASES[arguments.case]
    run = population(case, arguments.form)
    checks = check(case, run)
    small = time_small(case, run)
    if arguments.peers:
        peers = json.loads(arguments.peers.read_text())
    else:
        peers = measure_peers(case, arguments.budget)
    compared = ratios(checks, small, peers)
    print(markdown_table(compared))
    large = time_large(case, run, arguments.large) if arguments.large else []
    if large:
        print("\n" + markdown_table(large))
    if arguments.json:
        content = {"case": case.name, "form": arguments.form, "machine": machine()}
        content |= {"checks": checks, "small": {f"{r:g}": row for r, row in small.items()}}
        content |= {"ratios": compared, "large": large, "peers": peers}
        write_json(arguments.json, content)


if __name__ == "__main__":
    main()
