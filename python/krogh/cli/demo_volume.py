"""What ``krogh demo 3d`` shows.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.markup import escape

from krogh.cli.demo import Shown
from krogh.cli.demo_levels import levels_beside, print_balance
from krogh.demo.tdm1 import DOSE
from krogh.demo.volume import RATIO, VolumeAnswer, answer_volume
from krogh.demo.volume_pictures import draw_coverage, draw_distance, draw_slices, draw_vessels
from krogh.study.comparator import sentence
from krogh.study.levels import Row

__all__ = ["shown"]

_HIDDEN: Final = ("last:", "mean ", "10th", "free:trastuzumab", "AUC:", "uptake_trastuzumab")
"""Beginnings of the keys of rows that only the CSV file has."""
_COVERED: Final = "target:uptake of T-DM1 >= 1e4 per cell in 80 % of viable cells"


def shown(size: str, spacing: str, seed: int, report: Callable[[str, float], Any]) -> Shown:
    """Return tables and pictures of the part in 3-D."""
    answer = answer_volume(size, spacing, seed, report)
    return Shown(
        screen=lambda console: _print(answer, console),
        tables={"3d_levels": answer.table(), "3d_distance": answer.profiles()},
        pictures={
            "3d_vessels": lambda: draw_vessels(answer),
            "3d_slices": lambda: draw_slices(answer),
            "3d_distance": lambda: draw_distance(answer),
            "3d_coverage": lambda: draw_coverage(answer),
        },
    )


def _print(answer: VolumeAnswer, console: Console) -> None:
    grid, away = answer.tumour.grid, answer.tumour.wall_distance[answer.tumour.tissue]
    extent = " x ".join(f"{length:g}" for length in grid.spacing * grid.shape[::-1])
    console.print(
        "[bold]T-DM1 in a tumour with patchy vessels: does trastuzumab help it along?[/bold]"
    )
    density = 1e6 * float(answer.tumour.voxels.inside_length.sum())
    density /= grid.num_voxels * grid.voxel_volume
    console.print(
        f"A box of {extent} um in {grid.num_voxels:,} voxels, {density:.3g} mm of vessels per mm^3;"
        f" half of the tissue lies more than {np.median(away):.0f} um from a vessel, a tenth more"
        f" than {np.quantile(away, 0.9):.0f} um.",
        highlight=False,
    )
    headers = {
        label: f"{label}{f' 1:{RATIO}' if '+' in label else ' alone'}" for label in answer.results
    }
    measure = f"measure, 24 h after T-DM1 {DOSE} mg/kg"
    rows = [(row, by) for row, by in answer.rows() if _is_shown(row)]
    console.print(levels_beside(rows, headers, measure=measure))
    print_balance(answer.results.values(), console)
    _print_sentences(answer, console)


def _print_sentences(answer: VolumeAnswer, console: Console) -> None:
    for label, result in answer.results.items():
        reached = result.value(_COVERED)
        even = answer.lines[label].value(_COVERED)
        console.print(
            escape(
                f"{label}: {reached:.0f} % of the cells take up 10,000 or more; around one vessel"
                f" of the same density (Krogh's cylinder) it would be {even:.0f} %."
            ),
            highlight=False,
        )
    first = next(iter(answer.results.values()))
    console.print(escape(f"Without gradients: {sentence(first)}."), highlight=False)


def _is_shown(row: Row) -> bool:
    return row.key.startswith("mean occupancy") or not row.key.startswith(_HIDDEN)
