"""Pictures of the T-DM1 demo: gradients from the vessel, cross-sections, the decision.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from krogh.demo.tdm1 import CONFIDENCE, DOSE, TDM1Answer, label
from krogh.plot import COLORS, new_figure, tidy_axes

__all__ = ["draw_decision", "draw_gradients", "draw_sections"]

_STYLES: Final = ("-", "--", "-.", ":")


def draw_gradients(answer: TDM1Answer) -> Any:
    """Draw plasma against time, and free drug, occupancy and uptake against distance."""
    figure = new_figure(9.6, 6.4)
    figure.set_layout_engine("constrained")
    plasma, free, occupancy, uptake = figure.subplots(2, 2).ravel()
    for k, (ratio, result) in enumerate(answer.results.items()):
        look: dict[str, Any] = {"color": COLORS[k], "ls": _STYLES[k], "lw": 1.7}
        if ratio == 0:
            curve = result.plasma["Cp_TDM1"]
            plasma.plot(result.times.values, curve.values[0], color="black", lw=1.7)
            middle = curve.values.shape[1] // 2
            plasma.annotate(
                "T-DM1, the same at all ratios",
                (result.times.values[middle], curve.values[0, middle]),
                (0, -14),
                textcoords="offset points",
                ha="center",
                fontsize=8,
            )
        else:
            curve = result.plasma["Cp_trastuzumab"]
            plasma.plot(result.times.values, curve.values[0], **look)
        distance = np.ravel(result.distance.values)
        for axes, output in (
            (free, "free_TDM1"),
            (occupancy, "occupancy_HER2"),
            (uptake, "uptake_TDM1"),
        ):
            values = result.tissue[output].values[0, -1]
            name = f"T-DM1 : trastuzumab {label(ratio)}"
            scale = 100.0 if axes is occupancy else 1.0
            axes.plot(distance, scale * values, **look, label=name)
    for axes in (free, occupancy, uptake):
        axes.set_xlabel("distance from the vessel (µm)")
    plasma.set_xlabel(f"time ({result.times.unit})")
    plasma.set_xticks(np.arange(0, 25, 6))
    plasma.set_ylabel(f"antibody in plasma ({curve.unit})")
    free.set_ylabel(f"free T-DM1 ({result.tissue['free_TDM1'].unit})")
    occupancy.set_ylabel("HER2 occupied (%)")
    occupancy.set_ylim(-2.0, 102.0)
    uptake.set_ylabel("T-DM1 taken up (per cell)")
    for axes, low in ((plasma, 50.0), (free, 1e-5), (uptake, 1e2)):
        axes.set_yscale("log")
        axes.set_ylim(bottom=low)
    uptake.axhline(1e4, color="0.5", lw=0.9)
    uptake.annotate(
        "target", (0.0, 1e4), (0, 3), textcoords="offset points", fontsize=8, color="0.3"
    )
    for axes, title in (
        (plasma, "1 systemic: T-DM1 and the added trastuzumab"),
        (free, "2 tissue, 24 h"),
        (occupancy, "3 engagement, 24 h"),
        (uptake, "4 effect, 24 h"),
    ):
        axes.set_title(title, fontsize=10, loc="left")
        tidy_axes(axes)
    handles = free.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    return figure


def draw_sections(answer: TDM1Answer) -> Any:
    """Draw the tissue cylinder of each ratio in cross-section: occupancy above, uptake below."""
    from matplotlib.colors import LogNorm, Normalize

    figure = new_figure(9.6, 5.2)
    figure.set_layout_engine("constrained")
    grid = figure.subplots(2, len(answer.results), squeeze=False)
    kinds: tuple[tuple[str, str, float, Any, str], ...] = (
        ("occupancy_HER2", "HER2 occupied (%)", 100.0, Normalize(0.0, 100.0), "cividis"),
        ("uptake_TDM1", "T-DM1 per cell", 1.0, LogNorm(1e3, 1e7), "magma"),
    )
    angles = np.linspace(0.0, 2.0 * np.pi, 121)
    outer = 0.0
    for row, (output, what, scale, norm, colors) in zip(grid, kinds, strict=True):
        drawn = None
        for axes, result in zip(row, answer.results.values(), strict=True):
            faces = np.ravel(result.study.shape.faces)
            outer = max(outer, float(faces[-1]))
            x, y = faces[:, None] * np.cos(angles), faces[:, None] * np.sin(angles)
            values = scale * result.tissue[output].values[0, -1]
            ring = np.broadcast_to(values[:, None], (values.size, angles.size - 1))
            drawn = axes.pcolormesh(x, y, np.maximum(ring, norm.vmin), cmap=colors, norm=norm)
            axes.fill(x[0], y[0], color=COLORS[1], lw=0)
            axes.set_aspect("equal")
            axes.set_axis_off()
        figure.colorbar(drawn, ax=list(row), label=what, shrink=0.85)
    for axes in grid.ravel():
        axes.set_xlim(-1.02 * outer, 1.02 * outer)
        axes.set_ylim(-1.02 * outer, 1.02 * outer)
    for axes, ratio in zip(grid[0], answer.results, strict=True):
        axes.set_title(label(ratio), fontsize=11)
    # A scale bar in the corner between circle and frame.
    corner = grid[1][0]
    corner.plot([-outer, -outer + 25.0], [-outer, -outer], color="black", lw=2.0, clip_on=False)
    corner.text(-outer, -0.96 * outer, "25 µm", va="bottom", fontsize=8)
    figure.suptitle(
        f"Tissue around one vessel (orange), 24 h after {DOSE} mg/kg T-DM1 with trastuzumab",
        fontsize=11,
    )
    return figure


def draw_decision(answer: TDM1Answer) -> Any:
    """Draw the probability of reaching the targets against the ratio."""
    assert answer.plan is not None
    figure = answer.plan.plot()
    figure.axes[0].set_title(
        f"virtual tumours that reach the targets; {100.0 * CONFIDENCE:g} % asked for", fontsize=10
    )
    return figure
