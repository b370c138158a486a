"""Pictures of what reaches how much of the tissue: against distance to vessels, and by share.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError
from krogh.plot import COLORS, new_figure, tidy_axes
from krogh.whole_files import write_whole

if TYPE_CHECKING:
    from krogh.volume.result import VolumeResult

__all__ = ["plot_coverage", "plot_distance"]

Floats = NDArray[np.float64]

_STYLES: Final = ("-", "--", "-.", ":")
_DECADES: Final = 5.0
"""Least value of a logarithmic axis, in decades below the largest."""
_BINS: Final = 40


def plot_distance(
    results: VolumeResult | Mapping[str, VolumeResult],
    names: str | Sequence[str],
    *,
    time: Any = None,
    width: Any = None,
    level: float = 0.9,
    log: Any = None,
    labels: Mapping[str, str] | None = None,
    path: str | Path | None = None,
) -> Any:
    """Draw outputs against the distance to the nearest vessel: medians and bands of voxels.

    Parameters
    ----------
    results
        What `krogh.simulate_volume` or `krogh.Study.run` returned, or several by name.
    names
        Outputs or recorded species, a panel each.
    time
        One of the recorded times, with unit; the last one if left out.
    width
        Of the bins of distance, with unit; the widest spacing of the grid if left out.
    level
        Share of the voxels of a bin within the band.
    log
        Outputs with a logarithmic axis; if left out, those that have a unit, or counts over more
        than two decades.
    labels
        What outputs are called at their axes.
    path
        Where to save the picture (.png, .pdf, .svg), 150 dots per inch.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    SpecError
        KG-166 where it is not known where vessels lie, KG-118 for unknown outputs.
    MissingExtra
        KG-901 without matplotlib.
    """
    several, chosen = _given(results, names)
    figure, axes = _panels(len(chosen))
    when = ""
    for ax, name in zip(axes, chosen, strict=True):
        largest, unit, least = 0.0, "", np.inf
        for k, (label, result) in enumerate(several.items()):
            table = result.against_distance(name, time=time, width=width, level=level)
            look: dict[str, Any] = {"color": COLORS[k % len(COLORS)], "lw": 1.7}
            look["ls"] = _STYLES[k % len(_STYLES)]
            x, median = table["distance"], np.asarray(table["median"], dtype=np.float64)
            low, high = table["low"], table["high"]
            ax.fill_between(x, low, high, color=look["color"], alpha=0.2, lw=0)
            ax.plot(x, median, label=label, **look)
            largest = max(largest, float(np.max(high)))
            least = min(least, float(np.min(median)))
            unit = table.units.get("median", "")
            when = table.title.split(", ")[1]
        wants = name in log if log is not None else _is_log(unit, least, largest)
        _value_axis(ax, name, unit, labels, wants, largest)
        ax.set_xlabel("distance to the nearest vessel (µm)")
        ax.set_xlim(left=0.0)
    band = f"line: median of the voxels, band: {100.0 * level:g} % of them"
    _finish(figure, axes, several, f"at {when}; {band}")
    return _saved(figure, path)


def plot_coverage(
    results: VolumeResult | Mapping[str, VolumeResult],
    names: str | Sequence[str],
    *,
    time: Any = None,
    marks: Mapping[str, float] | None = None,
    log: Any = None,
    labels: Mapping[str, str] | None = None,
    path: str | Path | None = None,
) -> Any:
    """Draw histograms of outputs over the tissue, and the share of it that reaches each value.

    Parameters
    ----------
    results, names, time, log, labels, path
        As of `plot_distance`; a row of two panels for each output.  Voxels weigh by their volume.
    marks
        By output, a value that is drawn as a line: a potency, a target.

    Returns
    -------
    matplotlib.figure.Figure
    """
    several, chosen = _given(results, names)
    figure = new_figure(9.2, 3.0 * len(chosen) + 0.9)
    figure.set_layout_engine("constrained")
    axes = figure.subplots(len(chosen), 2, squeeze=False)
    when = ""
    for (left, right), name in zip(axes, chosen, strict=True):
        values, unit = {}, ""
        for label, result in several.items():
            one, unit, when = result.at_time(name, time)
            values[label] = np.sort(one)
        largest = max(float(v[-1]) for v in values.values())
        least = min(float(np.median(v)) for v in values.values())
        wants = name in log if log is not None else _is_log(unit, least, largest)
        scale = 1.0 if wants or unit or largest > 1.0 else 100.0
        bottom = largest * 10.0**-_DECADES
        if wants:
            edges = np.geomspace(bottom, largest, _BINS + 1)
        else:
            edges = np.linspace(0.0, scale if scale > 1.0 else largest, _BINS + 1)
            lowest = min(float(v[0]) for v in values.values())
            edges[0] = min(0.0, scale * lowest)  # below zero by less than the tolerance
            edges[-1] = max(edges[-1], scale * largest)
        below: list[str] = []
        for k, (label, own) in enumerate(values.items()):
            look: dict[str, Any] = {"color": COLORS[k % len(COLORS)], "lw": 1.6}
            look["ls"] = _STYLES[k % len(_STYLES)]
            number = np.histogram(scale * own, edges)[0]
            left.stairs(100.0 * number / own.size, edges, label=label, **look)
            first = int(np.searchsorted(scale * own, edges[0])) if wants else 0
            below.append(f"{100.0 * first / own.size:.3g} %")
            keep = np.unique(np.linspace(first, own.size - 1, 2000).astype(int))
            share = 100.0 * (1.0 - keep / own.size)
            x = np.concatenate([[edges[0]] if wants else [], scale * own[keep], [scale * own[-1]]])
            y = np.concatenate([share[:1] if wants else [], share, [0.0]])
            right.step(x, y, where="pre", label=label, **look)
        if wants:
            left.set_title(
                f"below the axis: {', '.join(below)} of the tissue", fontsize=8, loc="right"
            )
        for ax, what in ((left, "share of the tissue (%)"), (right, "tissue at or above it (%)")):
            text = (labels or {}).get(name, name)
            of = "%" if scale > 1.0 else unit
            ax.set_xlabel(f"{text} ({of})" if of not in ("", "1") else text)
            ax.set_ylabel(what)
            ax.set_ylim(bottom=0.0)
            if wants:
                ax.set_xscale("log")
            if marks and name in marks:
                ax.axvline(scale * marks[name], color="0.35", lw=0.9, ls=(0, (1, 2)))
            tidy_axes(ax)
        right.set_ylim(0.0, 103.0)
    _finish(figure, axes.ravel(), several, f"at {when}")
    return _saved(figure, path)


def _given(
    results: VolumeResult | Mapping[str, VolumeResult], names: str | Sequence[str]
) -> tuple[dict[str, VolumeResult], list[str]]:
    several = dict(results) if isinstance(results, Mapping) else {"": results}
    chosen = [names] if isinstance(names, str) else list(names)
    if not several or not chosen:
        raise SpecError("KG-118: a picture needs a result and the name of an output.")
    return several, chosen


def _panels(count: int) -> tuple[Any, list[Any]]:
    columns = min(count, 3)
    rows = -(-count // columns)
    figure = new_figure(5.2 if count == 1 else 3.9 * columns, 3.6 * rows + 0.6)
    figure.set_layout_engine("constrained")
    axes = np.ravel(figure.subplots(rows, columns, squeeze=False))
    for ax in axes[count:]:
        ax.set_axis_off()
    return figure, list(axes[:count])


def _is_log(unit: str, least: float, largest: float) -> bool:
    """Whether values are better seen by decades: concentrations, or counts over two decades."""
    if not largest > 0.0:
        return False
    return unit not in ("", "1", "%") or (largest > 10.0 and least < 0.01 * largest)


def _value_axis(
    ax: Any, name: str, unit: str, labels: Mapping[str, str] | None, log: bool, largest: float
) -> None:
    text = (labels or {}).get(name, name)
    ax.set_ylabel(f"{text} ({unit})" if unit not in ("", "1") else text)
    if log:
        ax.set_yscale("log")
        ax.set_ylim(largest * 10.0**-_DECADES, 2.0 * largest)
    else:
        ax.set_ylim(0.0, 1.03 if largest <= 1.0 else 1.06 * largest)
    tidy_axes(ax)


def _finish(figure: Any, axes: Any, several: Mapping[str, Any], title: str) -> None:
    figure.suptitle(title, fontsize=10)
    if len(several) > 1:
        handles, labels = next(iter(axes)).get_legend_handles_labels()
        figure.legend(
            handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=9
        )


def _saved(figure: Any, path: str | Path | None) -> Any:
    if path is not None:
        write_whole(path, lambda file: figure.savefig(file, dpi=150))
    return figure
