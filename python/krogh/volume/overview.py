"""What a result in a volume says of itself.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from krogh.table import ResultTable

if TYPE_CHECKING:
    from krogh.volume.result import VolumeResult

__all__ = ["headline", "notes", "summary"]


def headline(result: VolumeResult) -> str:
    """Return the first line: model, voxels, grid, and whether it came to its end."""
    voxels = f"{result.num_voxels:,} voxels"
    lost = "" if not result.failures else " FAILED"
    lost = lost if result.is_complete else " NOT DONE"
    return f"{result.problem.tissue.model.name} in {voxels}{lost}: {result.grid!r}"


def summary(result: VolumeResult) -> ResultTable:
    """Return mean and quantiles of each output over the voxels at the last time."""
    rows: dict[str, list[Any]] = {
        k: [] for k in ("output", "unit", "mean", "5 % below", "median", "5 % above")
    }
    for name in result.outputs:
        array = result._cells[name]
        numbers = [float(result.mean(name).values[-1])]
        numbers += result.quantile(name, [0.05, 0.5, 0.95]).values[:, -1].tolist()
        rows["output"].append(name)
        rows["unit"].append(array.unit or "1")
        for key, value in zip(list(rows)[2:], numbers, strict=True):
            rows[key].append(f"{value:.4g}")
    return ResultTable({k: np.array(v) for k, v in rows.items()}, {})


def notes(result: VolumeResult) -> list[str]:
    """Return how it was solved, what should be known of it, and what failed."""
    end = f"{result.times.values[-1]:g} {result.time_unit}"
    found = [
        f"dosing: {result.dosing}; values at {end}",
        f"{result.method}, rtol {result.settings.rtol:g}, {result.stats['accepted']:,} steps in"
        f" {result._outcome.seconds:.3g} s on {result.num_threads} threads",
    ]
    if result.plasma_error is not None:
        found.append(
            f"plasma solved alone because of {result._reason}; its curve has"
            f" {result.plasma_points:,} points, right to {result.plasma_error:.1g}"
        )
    elif result.problem.systemic is not None:
        felt = "feels" if result.problem.volume is not None else "does not feel"
        found.append(f"plasma solved with the tissue, whose uptake it {felt}")
    if result.verification is not None:
        found.append(str(result.verification))
    return [*found, *result.problem.notes, *(str(f) for f in result.failures)]
