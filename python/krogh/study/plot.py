"""Pictures of a study: one panel per level.

SPDX-License-Identifier: BSD-3-Clause

matplotlib is imported when a picture is drawn.  Drugs and targets have the colors of Okabe and Ito
(Color Universal Design, 2008) and times have line styles, so nothing is told by color alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.plot import COLORS, new_figure, tidy_axes
from krogh.study.levels import time_position
from krogh.units import format_number
from krogh.whole_files import write_whole

if TYPE_CHECKING:
    from krogh.study.result import StudyResult

__all__ = ["plot_levels"]

_STYLES: Final = (":", "-.", "--", "-")
"""Line styles from the earliest to the latest time."""

_DECADES: Final = 6.0
"""Smallest value on a logarithmic axis, in decades below the largest."""


def plot_levels(result: StudyResult, *, at: Any = None, path: str | Path | None = None) -> Any:
    """Draw plasma against time, and free drug, occupancy and uptake against distance.

    Parameters
    ----------
    result
        What `Study.run` returned.  Of several lines the median is drawn, and a band that holds 90 %
        of them.
    at
        The last time drawn, with unit; the end of the run if left out.
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
    last = time_position(result, at)
    times = _times_drawn(result, last)
    figure = new_figure(9.6, 7.4)
    figure.set_layout_engine("constrained")
    panels = figure.subplots(2, 2)
    _plasma(panels[0, 0], result, last)
    _free(panels[0, 1], result, times)
    _engagement(panels[1, 0], result, times)
    _effect(panels[1, 1], result, times)
    lines = "" if result.num_lines == 1 else f" · {result.num_lines:,} lines: median, 5 .. 95 %"
    figure.suptitle(f"{result.study.title}{lines}", fontsize=11)
    _time_legend(figure, result, times)
    if path is not None:
        write_whole(path, lambda file: figure.savefig(file, dpi=150))
    return figure


def _times_drawn(result: StudyResult, last: int) -> list[int]:
    """Return the positions of up to four times: a sixteenth, a quarter, a half, and the last."""
    if result.num_lines > 1:
        return [last]
    t = result.times.values
    wanted = [t[last] * part for part in (1 / 16, 1 / 4, 1 / 2)]
    found = [int(np.argmin(np.abs(t - w))) for w in wanted]
    return sorted({*(k for k in found if 0 < k < last), last})


def _time_text(result: StudyResult, k: int) -> str:
    return f"{format_number(float(f'{result.times.values[k]:.3g}'))} {result.times.unit}"


def _time_legend(figure: Any, result: StudyResult, times: Sequence[int]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color="0.25", ls=style, lw=1.6)
        for style in _STYLES[len(_STYLES) - len(times) :]
    ]
    labels = [f"at {_time_text(result, k)}" for k in times]
    if result.comparator is not None:
        handles.append(Line2D([], [], color="0.25", ls="none", marker=">", ms=7, mfc="none"))
        labels.append(f"well-mixed model at {_time_text(result, times[-1])}")
    figure.legend(
        handles, labels, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=9
    )


# --- panels ---------------------------------------------------------------------------------------


def _dress(axes: Any, title: str, x: str, y: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    tidy_axes(axes)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8.5)


def _empty(axes: Any, title: str, why: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axes.text(0.5, 0.5, why, ha="center", va="center", color="0.4", transform=axes.transAxes)
    axes.set_axis_off()


def _curve(axes: Any, x: NDArray[Any], lines: NDArray[Any], **style: Any) -> None:
    """Draw a curve, or of several lines the median and the band of 90 % of them."""
    if len(lines) == 1:
        axes.plot(x[0] if x.ndim == 2 else x, lines[0], **style)
        return
    low, middle, high = np.nanquantile(lines, [0.05, 0.5, 0.95], axis=0)
    along = np.median(x, axis=0) if x.ndim == 2 else x
    axes.fill_between(along, low, high, color=style["color"], alpha=0.2, lw=0)
    axes.plot(along, middle, **style)


def _log_axis(axes: Any, largest: float) -> None:
    """Make the axis logarithmic, from one to `_DECADES` decades high."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    bottom, top = axes.get_ylim()
    top = max(top, 2.0 * largest)
    bottom = min(max(bottom, largest * 10.0**-_DECADES), 0.05 * top)
    axes.set_ylim(bottom, top)
    if bottom > 5e-4 and top < 2e4:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(LogLocator(subs="auto"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _plasma(axes: Any, result: StudyResult, last: int) -> None:
    title = "1 systemic: does the blood carry enough?"
    named = [(d, f"Cp_{d.label}") for d in result.drugs if f"Cp_{d.label}" in result.plasma]
    if not named:
        _empty(axes, title, "the study has no plasma output")
        return
    t = result.times.values[: last + 1]
    units = {result.plasma[name].unit for _, name in named}
    for k, (drug, name) in enumerate(named):
        array = result.plasma[name]
        label = drug.name if len(units) == 1 else f"{drug.name} ({array.unit})"
        color = COLORS[k % len(COLORS)]
        _curve(axes, t, array.values[:, : last + 1], color=color, lw=1.6, label=label)
    axes.set_ylim(bottom=0.0)
    unit = units.pop() if len(units) == 1 else "each in its unit"
    _dress(axes, title, f"time ({result.times.unit})", f"in plasma ({unit})")


def _where(result: StudyResult) -> str:
    geometry = result.study.tumour.geometry
    wall = {"cylinder": "vessel wall", "sphere": "rim"}.get(geometry, "wall")
    return f"distance from the {wall} ({result.distance.unit})"


def _profiles(
    axes: Any,
    result: StudyResult,
    name: str,
    times: Sequence[int],
    color: str,
    scale: float,
    label: str,
) -> float:
    """Draw an output against the distance at several times; return its largest value."""
    values = result.tissue[name].values * scale
    styles = _STYLES[len(_STYLES) - len(times) :]
    order = np.argsort(result.distance.values[0], kind="stable")
    x = result.distance.values[:, order]
    for k, style in zip(times, styles, strict=True):
        y = values[:, k][:, order]
        is_last = k == times[-1]
        _curve(axes, x, y, color=color, ls=style, lw=1.6, label=label if is_last else None)
    if result.comparator is not None and name in result.comparator.tissue:
        mixed = result.comparator.tissue[name].values[:, times[-1], 0] * scale
        axes.plot(
            0.985,
            float(np.median(mixed)),
            marker=">",
            ms=7,
            color=color,
            mfc="none",
            ls="none",
            transform=axes.get_yaxis_transform(),
            clip_on=False,
        )
    return float(np.nanmax(values[:, list(times)], initial=0.0))


def _mark(axes: Any, value: float, text: str) -> None:
    """Draw a value as a line across the panel, or say on which side of it that would be."""
    bottom, top = axes.get_ylim()
    behind = {"fc": "white", "ec": "none", "alpha": 0.75, "pad": 0.6}
    style = {"ha": "right", "va": "bottom", "fontsize": 8, "color": "0.35", "bbox": behind}
    if bottom <= value <= top:
        axes.axhline(value, color="0.35", lw=0.9, ls=(0, (1, 2)))
        axes.annotate(text, (0.99, value), xycoords=("axes fraction", "data"), **style)
    else:
        side, height = ("below", 0.02) if value < bottom else ("above", 0.78)
        axes.annotate(f"{text}: {side}", (0.99, height), xycoords="axes fraction", **style)


def _free(axes: Any, result: StudyResult, times: Sequence[int]) -> None:
    title = "2 tissue: does it reach every cell?"
    named = [(d, f"free_{d.label}") for d in result.drugs if f"free_{d.label}" in result.tissue]
    if not named:
        _empty(axes, title, "the model has no free drug in the tissue")
        return
    largest = 0.0
    for k, (drug, name) in enumerate(named):
        color = COLORS[k % len(COLORS)]
        largest = max(largest, _profiles(axes, result, name, times, color, 1.0, drug.name))
    if largest > 0.0:
        _log_axis(axes, largest)
        mark = result.marks.get(named[0][1])
        if mark is not None:
            _mark(axes, float(np.median(mark.values)), mark.words.partition(" (")[0])
    unit = result.tissue[named[0][1]].unit
    _dress(axes, title, _where(result), f"free in the interstitium ({unit})")


def _engagement(axes: Any, result: StudyResult, times: Sequence[int]) -> None:
    title = "3 engagement: does it hold its target?"
    if not result.target_labels:
        _empty(axes, title, "the model has no target")
        return
    for k, target in enumerate(result.target_labels):
        color = COLORS[(k + 2) % len(COLORS)]
        _profiles(axes, result, f"occupancy_{target}", times, color, 100.0, target)
    axes.set_ylim(0.0, 105.0)
    _mark(axes, 90.0, "90 %")
    _dress(axes, title, _where(result), "occupancy of the target (%)")


_EFFECTS: Final = {
    "payload": "payload molecules per cell",
    "uptake": "drug molecules taken up per cell",
    "kill": "kill rate",
}


def _effect(axes: Any, result: StudyResult, times: Sequence[int]) -> None:
    title = "4 effect: does it do what it should?"
    for kind in _EFFECTS:
        named = [
            (d, f"{kind}_{d.label}") for d in result.drugs if f"{kind}_{d.label}" in result.tissue
        ]
        if named:
            break
    else:
        _empty(axes, title, "the model has no uptake, payload or kill")
        return
    words, largest = _EFFECTS[kind], 0.0
    for drug, name in named:
        color = COLORS[[d.label for d in result.drugs].index(drug.label) % len(COLORS)]
        largest = max(largest, _profiles(axes, result, name, times, color, 1.0, drug.name))
    if kind == "kill":
        words = f"{words} ({result.tissue[named[0][1]].unit})"
    elif largest > 0.0:
        _log_axis(axes, largest)
        mark = result.marks.get(named[0][1])
        if mark is not None:
            _mark(axes, float(np.median(mark.values)), f"exposed: {mark.words} per cell")
    _dress(axes, title, _where(result), words)
