"""Pictures of the demo in 3-D: vessels, slices, drug against distance, coverage.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Any, Final

from krogh.demo.volume import SHOWN, VolumeAnswer
from krogh.volume import plot_coverage, plot_distance, plot_slices_of, plot_vessels

__all__ = ["draw_coverage", "draw_distance", "draw_slices", "draw_vessels"]

_LABELS: Final = {
    "free_TDM1": "free T-DM1",
    "occupancy_HER2": "HER2 occupied",
    "uptake_TDM1": "T-DM1 taken up",
}


def draw_vessels(answer: VolumeAnswer) -> Any:
    """Draw the vessels in their box."""
    return plot_vessels(answer.tumour)


def draw_slices(answer: VolumeAnswer) -> Any:
    """Draw occupancy and uptake of both treatments in the middle of the box, with the vessels."""
    return plot_slices_of(
        answer.results,
        ("occupancy_HER2", "uptake_TDM1"),
        log=("uptake_TDM1",),
        labels={"occupancy_HER2": "HER2 occupied", "uptake_TDM1": "T-DM1 taken up per cell"},
    )


def draw_distance(answer: VolumeAnswer) -> Any:
    """Draw free drug, occupancy and uptake against the distance to the nearest vessel."""
    return plot_distance(answer.results, SHOWN, labels=_LABELS)


def draw_coverage(answer: VolumeAnswer) -> Any:
    """Draw how much of the tissue has how much; the lines are the targets."""
    return plot_coverage(
        answer.results,
        ("occupancy_HER2", "uptake_TDM1"),
        marks={"occupancy_HER2": 0.1, "uptake_TDM1": 1e4},
        labels=_LABELS,
    )
