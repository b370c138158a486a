"""Work-precision lines of the peers: time a patient and achieved error at each tolerance.

SPDX-License-Identifier: BSD-3-Clause

    python -m bench.peers.run [--case tmdd|pk2] [--budget SECONDS] [--json FILE]
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.cases import CASES, Array, Case, errors
from bench.peers.programs import PEERS, Peer
from bench.peers.reference import reference
from bench.record import machine, markdown_table, write_json
from bench.timing import summarize, time_once

TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
MIN_PATIENTS = 4
REPEATS = 5


def work_precision(peer: Peer, case: Case, solutions: Array, budget: float) -> list[dict[str, Any]]:
    """One row per tolerance; ``budget`` is the processor time (s) to spend on a row, roughly."""
    solve = peer.prepare(case)
    rows = []
    for rtol in TOLERANCES:
        affordable = int(budget * 1e3 / peer.cost_ms / REPEATS)
        patients = case.patients(int(np.clip(affordable, MIN_PATIENTS, len(solutions))))
        achieved = errors(solve(patients, rtol), solutions[: len(patients)])
        if not np.all(achieved < 1e3 * rtol):
            raise RuntimeError(f"{peer.name} at rtol {rtol:g} is wrong: error {achieved.max():.2g}")
        repeats = [time_once(partial(solve, patients, rtol)) for _ in range(REPEATS)]
        summary = summarize(repeats)
        rows.append(
            {
                "program": peer.name,
                "rtol": rtol,
                "ms per patient, median": summary.cpu_median / len(patients) * 1e3,
                "ms per patient, best": summary.cpu_best / len(patients) * 1e3,
                "median error": float(np.median(achieved)),
                "largest error": float(achieved.max()),
                "patients": len(patients),
            }
        )
    return rows


def measure_peers(case: Case, budget: float) -> dict[str, Any]:
    """Lines of all installed peers, and the versions of all."""
    solutions = reference(case)
    versions = {peer.name: peer.versions() or "not installed" for peer in PEERS}
    rows = [
        row
        for peer in PEERS
        if peer.versions() is not None
        for row in work_precision(peer, case, solutions, budget)
    ]
    return {"versions": versions, "rows": rows}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", choices=sorted(CASES), default="tmdd")
    parser.add_argument("--budget", type=float, default=1.0, help="seconds a row")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    measured = measure_peers(CASES[arguments.case], arguments.budget)
    print(markdown_table(measured["rows"]))
    if arguments.json:
        write_json(arguments.json, {"case": arguments.case, "machine": machine(), **measured})


if __name__ == "__main__":
    main()
