"""Picture of a study in 3-D: the four levels against time, over all voxels.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.plot import COLORS, new_figure, tidy_axes
from krogh.whole_files import write_whole

if TYPE_CHECKING:
    from krogh.study.volume_result import TumourResult

__all__ = ["plot_course"]

Floats = NDArray[np.float64]

_LEVELS: Final = (0.1, 0.5, 0.9)
_DECADES: Final = 6.0
_EFFECTS: Final = {
    "payload": "payload molecules per cell",
    "uptake": "molecules taken up per cell",
    "kill": "kill rate",
}


def plot_course(result: TumourResult, *, path: str | Path | None = None) -> Any:
    """Draw plasma, free drug, occupancy and effect against time: medians and bands of voxels.

    Parameters
    ----------
    result
        What `krogh.Study.run` returned for a tumour in 3-D.
    path
        Where to save the picture (.png, .pdf, .svg), 150 dots per inch.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingExtra
        KG-901 without matplotlib.
    """
    figure = new_figure(9.6, 7.2)
    figure.set_layout_engine("constrained")
    panels = figure.subplots(2, 2)
    _plasma(panels[0, 0], result)
    drugs = [(d.name, f"free_{d.label}", k) for k, d in enumerate(result.drugs)]
    _tissue(
        panels[0, 1],
        result,
        drugs,
        "2 tissue: does it reach every cell?",
        "free in the interstitium",
        log=True,
    )
    targets = [(t, f"occupancy_{t}", 2 + k) for k, t in enumerate(result.target_labels)]
    _tissue(
        panels[1, 0],
        result,
        targets,
        "3 engagement: does it hold its target?",
        "occupancy of the target (%)",
        scale=100.0,
    )
    title = "4 effect: does it do what it should?"
    for kind, words in _EFFECTS.items():
        named = [(d.name, f"{kind}_{d.label}", k) for k, d in enumerate(result.drugs)]
        if any(name in result.outputs for _, name, _ in named):
            _tissue(panels[1, 1], result, named, title, words, log=kind != "kill")
            break
    else:
        _empty(panels[1, 1], title, "no uptake, payload or kill was recorded")
    figure.suptitle(
        f"{result.study.title}\nline: median of the voxels, band: 10 to 90 % of them", fontsize=10
    )
    if path is not None:
        write_whole(path, lambda file: figure.savefig(file, dpi=150))
    return figure


def _dress(ax: Any, title: str, result: TumourResult, y: str) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.set_title(title, loc="left", fontsize=10, fontweight="bold")
    ax.set_xlabel(f"time ({result.time_unit})")
    ax.set_ylabel(y)
    ax.set_xlim(float(result.times.values[0]), float(result.times.values[-1]))
    if result.time_unit == "h":
        ax.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 3, 6, 10]))
    tidy_axes(ax)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(frameon=False, fontsize=8.5)


def _empty(ax: Any, title: str, why: str) -> None:
    ax.set_title(title, loc="left", fontsize=10, fontweight="bold")
    ax.text(0.5, 0.5, why, ha="center", va="center", color="0.4", transform=ax.transAxes)
    ax.set_axis_off()


def _plasma(ax: Any, result: TumourResult) -> None:
    title = "1 systemic: does the blood carry enough?"
    named = [(d, f"Cp_{d.label}") for d in result.drugs if f"Cp_{d.label}" in result.plasma]
    if not named:
        _empty(ax, title, "the study has no plasma output")
        return
    units = {result.plasma[name].unit for _, name in named}
    for k, (drug, name) in enumerate(named):
        found = result.plasma_of(name)
        assert found is not None  # it is one of the plasma's outputs
        times, values, unit = found
        label = drug.name if len(units) == 1 else f"{drug.name} ({unit})"
        ax.plot(times, values[0], color=COLORS[k % len(COLORS)], lw=1.6, label=label)
    ax.set_ylim(bottom=0.0)
    unit = units.pop() if len(units) == 1 else "each in its unit"
    _dress(ax, title, result, f"in plasma ({unit})")


def _tissue(
    ax: Any,
    result: TumourResult,
    named: list[tuple[str, str, int]],
    title: str,
    words: str,
    *,
    scale: float = 1.0,
    log: bool = False,
) -> None:
    shown = [entry for entry in named if entry[1] in result.outputs]
    if not shown:
        _empty(ax, title, "nothing of it was recorded")
        return
    t, largest, unit = result.times.values, 0.0, ""
    for label, name, k in shown:
        low, middle, high = _bands(result, name) * scale
        color = COLORS[k % len(COLORS)]
        ax.fill_between(t, low, high, color=color, alpha=0.2, lw=0)
        ax.plot(t, middle, color=color, lw=1.6, label=label)
        largest = max(largest, float(np.nanmax(high)))
        unit = result.unit_of(name)
    if log and largest > 0.0:
        ax.set_yscale("log")
        ax.set_ylim(largest * 10.0**-_DECADES, 2.0 * largest)
    else:
        ax.set_ylim(0.0, 105.0 if scale == 100.0 else None)
    more = f" ({unit})" if unit not in ("", "1") and "per cell" not in words else ""
    _dress(ax, title, result, f"{words}{more}")


def _bands(result: TumourResult, name: str) -> Floats:
    """Return quantiles over the voxels at each recorded time, shape (levels, times)."""
    rows = []
    for k in range(len(result.times)):
        values, weights = result.at_record(name, k), result.cell_volumes
        rows.append([float(result.statistics.quantile(values, weights, q)[0]) for q in _LEVELS])
    return np.array(rows).T
