"""Pictures of a fit: measurements and predicted curves, a panel for each subject or group.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError, SpecError
from krogh.fit.parameters import groups_of
from krogh.plot import COLORS, _plain_decades, new_figure
from krogh.units import factor

if TYPE_CHECKING:
    from krogh.fit.result import FitResult

__all__ = ["plot_fit"]

MARKS: Final = ("o", "s", "^", "D", "v", "P")
STYLES: Final = ("-", "--", "-.", ":")
_MOST_PANELS: Final = 16
_MOST_NAMED: Final = 6
_POINTS: Final = 201


@dataclass(frozen=True)
class _Curves:
    """Predicted curves of all subjects: times of each, and values by output position."""

    times: list[NDArray[np.float64]]
    values: list[NDArray[np.float64]]


def plot_fit(
    result: FitResult,
    *,
    by: str | None = None,
    log: bool = False,
    path: str | Path | None = None,
) -> Any:
    """Draw measurements and fit.

    Parameters
    ----------
    result
        What `krogh.fit.fit` returned.
    by
        A column of the table (or ``"ID"``): a panel for each of its values.  By default a panel for
        each subject, or one for all where there are more than 16 or most have fewer than three
        measurements.
    log
        Logarithmic value axis; values that are not positive are left out.
    path
        Where to save the picture (.png, .pdf, .svg), 150 dots per inch.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingExtra
        KG-901 without matplotlib.
    SpecError
        KG-118 for more panels than 16.
    """
    panels = _panels(result, by)
    compiled = result._search.predictor.compiled
    outputs = sorted({s.output for s in result._observations.strata})
    columns = min(4, max(len(panels), len(outputs)) if len(outputs) == 1 else len(panels))
    rows = -(-len(panels) // columns)
    if len(panels) * len(outputs) > _MOST_PANELS:
        raise SpecError(
            f"KG-118: {len(panels)} groups and {len(outputs)} outputs make too many panels (at"
            f" most {_MOST_PANELS}); name a column with fewer values: plot(by=...)."
        )
    curves = _curves(result)
    height = rows * len(outputs)
    wide = 6.4 if columns == 1 else 3.2 * columns
    figure = new_figure(wide, (3.9 if height == 1 else 2.5 * height) + 0.7)
    figure.set_layout_engine("constrained")
    handles: dict[str, Any] = {}
    for block, output in enumerate(outputs):
        for k, (title, members) in enumerate(panels):
            axes = figure.add_subplot(height, columns, block * rows * columns + k + 1)
            is_named = len(panels) == 1 and 1 < len(members) <= _MOST_NAMED
            _draw(axes, result, curves, members, output, log=log, is_named=is_named)
            axes.set_title(title, fontsize=9, loc="left")
            unit = compiled.output_units[output]
            name = compiled.output_names[output]
            if k % columns == 0:
                axes.set_ylabel(f"{name} ({unit})" if unit not in ("", "1") else name)
            if k // columns == rows - 1 or k + columns >= len(panels):
                axes.set_xlabel(f"time ({result.table.units['TIME']})")
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside lower center",
        ncols=min(4 if columns > 1 else 3, len(handles)),
        frameon=False,
        fontsize=9,
    )
    state = "" if result.converged else " · NOT CONVERGED"
    figure.suptitle(f"{result.model.name} · fit{state}", fontsize=11)
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def _panels(result: FitResult, by: str | None) -> list[tuple[str, list[int]]]:
    """Return titles and the subjects of each panel that have measurements."""
    measured = sorted(set(result._observations.subject.tolist()))
    ids = result.table.subjects
    if by is not None and by != "ID":
        index, labels = groups_of(result.table, by)
        pairs = [
            (f"{by} {label}", [s for s in measured if index[s] == g])
            for g, label in enumerate(labels)
        ]
        return [(title, members) for title, members in pairs if members]
    counts = np.bincount(result._observations.subject)[measured]
    if by is None and (len(measured) > _MOST_PANELS or 1 < len(measured) > 2 * np.sum(counts > 2)):
        return [(f"{len(measured)} subjects", measured)]
    return [(f"ID {ids[s]}", [s]) for s in measured]


def _curves(result: FitResult) -> _Curves:
    """Return the predicted curves, on a fine grid unless clocks start anew."""
    table = result.table
    unit = str(table.units["TIME"])
    own = np.asarray(table["TIME"])[result._observations.table_rows]
    first, last = float(np.min(np.asarray(table["TIME"]))), float(np.max(own))
    grid = np.unique(np.concatenate([np.linspace(first, last, _POINTS), own]))
    count = table.num_subjects
    try:
        run = result.simulate(times=(grid, unit), metrics=False)
    except DataError:  # a clock that starts anew has no grid: only the rows themselves
        run = result.simulate(metrics=False)
        assert run.row_subjects is not None
        rows = [np.flatnonzero(run.row_subjects == s) for s in range(count)]
        clock = factor(run.time_unit) / factor(unit)
        times = [run.times.values[r] * clock for r in rows]
        return _Curves(times, [run._values[r] for r in rows])
    return _Curves([grid] * count, list(run._values))


def _draw(
    axes: Any,
    result: FitResult,
    curves: _Curves,
    members: Sequence[int],
    output: int,
    *,
    log: bool,
    is_named: bool,
) -> None:
    observations, table = result._observations, result.table
    times = np.asarray(table["TIME"], dtype=np.float64)[observations.table_rows]
    is_crowd = len(members) > 1 and not is_named
    for k, subject in enumerate(members):
        mine = (observations.subject == subject) & (observations.output == output)
        if not np.any(mine):
            continue
        color = COLORS[k % len(COLORS)] if is_named else COLORS[0]
        style = STYLES[k % len(STYLES)] if is_named else "-"
        mark = MARKS[k % len(MARKS)] if is_named else "o"
        label = f"ID {table.subjects[subject]}" if is_named else "fit"
        t, y = curves.times[subject], curves.values[subject][:, output]
        axes.plot(
            t,
            _visible(y, log),
            style,
            color=color,
            lw=0.8 if is_crowd else 1.5,
            alpha=0.6 if is_crowd else 1.0,
            label=f"fit {label}" if is_named else label,
        )
        for rows, form, what in (
            (mine & ~observations.is_censored, mark, "measured"),
            (mine & observations.is_censored, "_", "limit"),
        ):
            if not np.any(rows):
                continue
            axes.plot(
                times[rows],
                _visible(observations.values[rows], log),
                form,
                mfc="none" if not is_named else color,
                mec=color if form == "_" else "black",
                ms=9.0 if form == "_" else 4.5,
                mew=0.9,
                ls="none",
                label=f"{what} {label}" if is_named else what,
                zorder=3,
            )
    if log:
        axes.set_yscale("log")
        measured = observations.values[observations.output == output]
        if np.any(measured > 0.0):  # a curve far below all data would set the axis
            axes.set_ylim(bottom=float(np.min(measured[measured > 0.0])) / 3.0)
        _plain_decades(axes)
    else:
        axes.margins(y=0.08)
        if float(np.min(observations.values[observations.output == output])) >= 0.0:
            axes.set_ylim(bottom=0.0)
    axes.grid(True, color="0.9", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _visible(values: NDArray[np.float64], log: bool) -> NDArray[np.float64]:
    return np.where(values > 0.0, values, np.nan) if log else values
