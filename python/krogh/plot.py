"""Pictures of simulation results: median, prediction interval, dose marks, data.

SPDX-License-Identifier: BSD-3-Clause

matplotlib is imported when a picture is drawn; figures are drawn without pyplot and without a
display.  Colors are Okabe and Ito's (Color Universal Design, 2008), which color-blind readers can
tell apart; what a color says is also said by a label, a line style or a marker.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError
from krogh.table import require_extra

if TYPE_CHECKING:
    from krogh.result import SimulationResult

__all__ = ["new_figure", "plot_result", "tidy_axes"]

COLORS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKS: Final = ("^", "D", "s", "v", "o")
_MOST_PANELS: Final = 9
_MOST_LINES: Final = 10


def new_figure(width: float, height: float) -> Any:
    """Return an empty figure of matplotlib, `width` by `height` inches, which a notebook can show.

    Raises
    ------
    MissingExtra
        KG-901 without matplotlib.
    """
    require_extra("matplotlib", "a picture")
    from matplotlib.figure import Figure

    if "ipykernel" in sys.modules:  # registers the notebook's way of showing figures
        import matplotlib.pyplot  # noqa: F401

    return Figure(figsize=(width, height))


def tidy_axes(axes: Any) -> None:
    """Give axes a light grid behind what is drawn, and no frame above and to the right."""
    axes.grid(True, color="0.9", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def plot_result(
    result: SimulationResult,
    outputs: str | Sequence[str] | None = None,
    *,
    log: bool = False,
    level: float = 0.9,
    data: Any = None,
    path: str | Path | None = None,
) -> Any:
    """Draw outputs against time, a panel each.

    Parameters
    ----------
    result
        What `simulate` returned.
    outputs
        Names; all of them (at most 9) if left out.
    log
        Logarithmic value axis; values that are not positive are left out.
    level
        Width of the prediction interval of a population.
    data
        Measurements to draw as points: a mapping of output name to (times, values) in the units of
        the result, or (times, values) for the first output.
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
    names = _names(result, outputs)
    columns = 1 if len(names) == 1 else 2 if len(names) <= 4 else 3
    rows = -(-len(names) // columns)
    figure = new_figure(6.4 if columns == 1 else 4.4 * columns, 3.9 * rows + 0.35)
    figure.set_layout_engine("constrained")
    points = data if isinstance(data, Mapping) or data is None else {names[0]: data}
    handles: dict[str, Any] = {}
    for k, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, k + 1)
        _draw_panel(axes, result, name, log, level)
        if points and name in points:
            times, values = points[name]
            axes.plot(times, values, "o", mfc="none", mec="black", ms=4, mew=0.9, label="measured")
        _draw_doses(axes, result)
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if len(handles) > 1 or len(result.subjects) > 1:
        figure.legend(
            list(handles.values()),
            list(handles),
            loc="outside lower center",
            ncols=min(4, len(handles)),
            frameon=False,
            fontsize=9,
        )
    count = len(result.subjects)
    who = f"{count:,} subjects" if count > 1 else f"subject {result.subjects[0]}"
    figure.suptitle(f"{result.provenance.model} · {who}", fontsize=11)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def _names(result: SimulationResult, outputs: str | Sequence[str] | None) -> list[str]:
    if outputs is None:
        return list(result.outputs[:_MOST_PANELS])
    names = [outputs] if isinstance(outputs, str) else list(outputs)
    if not names:
        raise SpecError("KG-118: plot() got an empty list of outputs.")
    for name in names:
        result._position(name)
    return names


def _positive(values: NDArray[Any], log: bool) -> NDArray[Any]:
    return np.where(values > 0.0, values, np.nan) if log else values


def _draw_panel(axes: Any, result: SimulationResult, name: str, log: bool, level: float) -> None:
    array = result[name]
    color = COLORS[0]
    if result.row_subjects is not None:
        shown = range(min(_MOST_LINES, len(result.subjects)))
        for k in shown:
            rows = result.row_subjects == k
            axes.plot(
                result.times.values[rows],
                _positive(array.values[rows], log),
                color=COLORS[k % len(COLORS)],
                ls=("-", "--")[(k // len(COLORS)) % 2],
                marker=".",
                ms=3,
                lw=1.1,
                label=f"subject {result.subjects[k]}",
            )
        if len(result.subjects) > _MOST_LINES:
            axes.set_title(
                f"first {_MOST_LINES} of {len(result.subjects):,} subjects", fontsize=8, loc="right"
            )
    elif len(result.subjects) == 1:
        axes.plot(result.times.values, _positive(array.values[0], log), color=color, lw=1.6)
    else:
        low, high = result.interval(name, level).values
        middle = result.median(name).values
        t = result.times.values
        axes.fill_between(
            t,
            _positive(low, log),
            _positive(high, log),
            color=color,
            alpha=0.22,
            lw=0,
            label=f"{level:.0%} of subjects",
        )
        axes.plot(t, _positive(middle, log), color=color, lw=1.6, label="median")
    if log:
        axes.set_yscale("log")
        _plain_decades(axes)
    else:
        axes.margins(y=0.08)
        if np.nanmin(array.values, initial=0.0) >= 0.0:
            axes.set_ylim(bottom=0.0)
    axes.set_xlabel(f"time ({result.time_unit})")
    unit = array.unit
    axes.set_ylabel(f"{name} ({unit})" if unit not in ("", "1") else name)
    tidy_axes(axes)


def _plain_decades(axes: Any) -> None:
    """Write the numbers of a logarithmic axis plainly; below two decades 2 and 5 as well."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axes.get_ylim()
    decades = np.log10(high / low) if low > 0.0 else np.inf
    plain = FuncFormatter(lambda value, _: f"{value:g}")
    if decades <= 4.0:
        axes.yaxis.set_major_formatter(plain)
    axes.yaxis.set_minor_locator(LogLocator(subs=(2.0, 5.0) if decades < 2.0 else "auto"))
    axes.yaxis.set_minor_formatter(plain if decades < 2.0 else NullFormatter())


def _draw_doses(axes: Any, result: SimulationResult) -> None:
    """Mark the doses on the time axis, each kind with a marker of its own."""
    t = result.times.values
    if t.size == 0:
        return
    last = float(t.max())
    for k, (label, times) in enumerate(result.dose_times.items()):
        inside = times[times <= last]
        if inside.size == 0:
            continue
        axes.plot(
            inside,
            np.full(inside.shape, 0.04 * k),  # above each other, so that none hides another
            linestyle="none",
            marker=_MARKS[k % len(_MARKS)],
            ms=5,
            color="0.25",
            mfc="white" if k % 2 else "0.25",
            transform=axes.get_xaxis_transform(),
            clip_on=False,
            zorder=5,
            label=label,
        )
