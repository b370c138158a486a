"""Decisions: optimize over 60 regimens x 500 virtual tumours, its accuracy, and the whole demo.

SPDX-License-Identifier: BSD-3-Clause

    python -m bench.problems.decisions [optimize|accuracy|demo ...] [--tumours 500] [--json FILE]

T-DM1 in NCI-N87 (mouse, 24 h), ten doses times six additions of trastuzumab, a target at each of
the four levels, all values with stated ranges drawn. ``accuracy`` repeats the search with 64 cells
and tolerance 1e-3 in the same virtual tumours and says how many verdicts change; ``demo`` runs
``krogh demo`` as a user does, in a fresh process.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import krogh as kg
import numpy as np

from bench.record import available_cores, machine, markdown_table, write_json
from bench.timing import summarize, time_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from krogh.dose import Plan

DOSES = "1.2 .. 9.6 mg/kg in 10 values"
ADDED = {"trastuzumab": "0, 1, 2, 3, 5, 8 x"}
REACH = (
    "plasma concentration >= 5 ug/mL",
    "free >= 1 nM in 50 % of cells",
    "occupancy >= 50 % in 50 % of cells",
    "payload >= 1e5 per cell in 50 % of cells",
)
REPEATS = 3
SAMPLE = 100
"""Virtual tumours of the accuracy check; every regimen is solved at every setting."""
LENIENT = 0.3
"""Joint attainment asked for there, so that some regimens hold and others do not."""


def search(tumours: int, num_threads: int = 0, **settings: Any) -> Plan:
    """Run the search."""
    study = kg.Study("T-DM1", "NCI-N87", "3.6 mg/kg", until="24 h")
    plan: Plan = study.optimize(
        dose=DOSES,
        add=ADDED,
        reach=REACH,
        tumours=tumours,
        num_threads=num_threads,
        progress=False,
        **settings,
    )
    if plan.sample.failed.any():
        raise RuntimeError(f"{plan.sample.failed.sum()} lines failed")
    return plan


def optimize(tumours: int) -> list[dict[str, Any]]:
    """Wall and processor time on one thread and on all; the answer must not depend on them."""
    first = search(min(tumours, 64), 1)
    if not np.array_equal(first.sample.values, search(min(tumours, 64), 0).sample.values):
        raise RuntimeError("the number of threads changes the answer")
    rows = []
    for num_threads in sorted({1, available_cores()}):
        repeats = [time_once(lambda n=num_threads: search(tumours, n)) for _ in range(REPEATS)]
        summary = summarize(repeats)
        lines = len(first.candidates) * tumours
        rows.append(
            {
                "regimens": len(first.candidates),
                "tumours": tumours,
                "threads": num_threads,
                "wall s": summary.wall_median,
                "wall s, best": summary.wall_best,
                "cpu s": summary.cpu_median,
                "lines per second": lines / summary.wall_median,
            }
        )
    return rows


def accuracy(tumours: int) -> list[dict[str, Any]]:
    """Change of the probabilities from finer cells and a tighter tolerance, same tumours."""
    number = min(tumours, SAMPLE)
    finest = search(number, cells=128, rtol=1e-4, confidence=LENIENT)
    settings: dict[str, dict[str, Any]] = {
        "32 cells, 1e-2 (default)": {},
        "32 cells, 1e-3": {"rtol": 1e-3},
        "64 cells, 1e-2": {"cells": 64},
        "64 cells, 1e-3": {"cells": 64, "rtol": 1e-3},
    }
    return [
        {"setting": name, **_changes(search(number, confidence=LENIENT, **options), finest)}
        for name, options in settings.items()
    ]


def _changes(plan: Plan, other: Plan) -> dict[str, Any]:
    """How the verdicts of two searches over the same tumours differ."""
    size = len(plan.candidates)
    joint = np.abs(plan.probabilities["P joint"] - other.probabilities["P joint"])
    alone = np.abs(
        plan.sample.reached[:size].mean(axis=2) - other.sample.reached[:size].mean(axis=2)
    )
    return {
        "against 128 cells, 1e-4: joint, mean change": float(joint.mean()),
        "joint, largest": float(joint.max()),
        "one target, largest": float(alone.max()),
        "verdicts that differ": float(np.mean(plan.sample.reached != other.sample.reached)),
        "same decision": (plan.decision.best, plan.stops) == (other.decision.best, other.stops),
        "largest standard error": float(other.probabilities["error"].max()),
    }


def demo(_tumours: int) -> list[dict[str, Any]]:
    """Wall time of ``krogh demo`` in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        command = [sys.executable, "-m", "krogh", "demo", "--out", str(Path(folder) / "demo")]
        subprocess.run(command, check=True, capture_output=True, text=True)
        return [{"krogh demo, wall s": time.perf_counter() - began}]


MEASUREMENTS: dict[str, Callable[[int], list[dict[str, Any]]]] = {
    "optimize": optimize,
    "accuracy": accuracy,
    "demo": demo,
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", choices=[*MEASUREMENTS, []], default=[])
    parser.add_argument("--tumours", type=int, default=500)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    content: dict[str, Any] = {"machine": machine()}
    for name in arguments.what or MEASUREMENTS:
        content[name] = MEASUREMENTS[name](arguments.tumours)
        print(f"\n{name}\n" + markdown_table(content[name]))
    if arguments.json:
        write_json(arguments.json, content)


if __name__ == "__main__":
    main()
