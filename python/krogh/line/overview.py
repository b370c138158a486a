"""What a result along lines prints: a headline, notes, and a table of its last time.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from krogh.table import ResultTable

if TYPE_CHECKING:
    from krogh.line.result import LineResult

__all__ = ["headline", "notes", "summary"]


def headline(result: LineResult) -> str:
    """Return the first line: the model, how many lines, how many of them failed, the shape."""
    p = result.problem
    failed = int(np.count_nonzero(result.status))
    lines = f"{p.count:,} line{'s' if p.count != 1 else ''}"
    lost = f", {failed:,} {'FAILED' if result.is_complete else 'NOT DONE'}" if failed else ""
    return f"{p.tissue.model.name} along {lines}{lost}: {p.shape!r}"


def summary(result: LineResult) -> ResultTable:
    """Return mean, wall and farthest cell of each output at the last time, medians over lines."""
    rows: dict[str, list[Any]] = {"output": [], "unit": [], "mean": [], "at the wall": []}
    rows["farthest"] = []
    far = np.argmax(np.atleast_2d(result.distance.values)[0])
    near = np.argmin(np.atleast_2d(result.distance.values)[0])
    good = result.status == 0
    for name in result.outputs:
        array = result[name]
        last = array.values[good, -1]
        rows["output"].append(name)
        rows["unit"].append(array.unit or "1")
        columns = (result.mean(name).values[good, -1], last[:, near], last[:, far])
        for key, values in zip(("mean", "at the wall", "farthest"), columns, strict=True):
            middle = float(np.median(values)) if values.size else float("nan")
            rows[key].append(f"{middle:.4g}")
    return ResultTable({k: np.array(v) for k, v in rows.items()}, {})


def notes(result: LineResult) -> list[str]:
    """Return what stands between the two: dosing, steps, why cells, verification, failures."""
    end = f"{result.times.values[-1]:g} {result.time_unit}"
    middle = "" if result.problem.count == 1 else " (medians over the lines)"
    notes = [
        f"dosing: {result.dosing}; values at {end}{middle}",
        f"{result.method}, rtol {result.settings.rtol:g},"
        f" {int(result.stats['accepted'].sum()):,} steps in {result._outcome.seconds:.3g} s",
    ]
    if result._outcome.reason:
        notes.append(f"solved as cells because of {result._outcome.reason}")
    if result.verification is not None:
        notes.append(str(result.verification))
    return notes + [str(f) for f in result.failures[:3]]
