"""Pictures of a plan: the map of joint attainment over doses, and attainment against exposure.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.dose.probability import wilson
from krogh.dose.sample import LIMITS
from krogh.dose.space import Axis
from krogh.errors import SpecError, did_you_mean
from krogh.plot import COLORS, new_figure
from krogh.units import format_number

if TYPE_CHECKING:
    from krogh.dose.plan import Plan

__all__ = ["plot_map", "plot_tradeoff"]

Floats = NDArray[np.float64]

_MARKS: Final = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
_LINES: Final = ("-", "--", "-.", ":")


def _figure(width: float, height: float) -> Any:
    figure = new_figure(width, height)
    figure.set_layout_engine("constrained")
    return figure


def _save(figure: Any, path: str | Path | None) -> Any:
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure


def _ticks(axes: Any, axis: Axis, which: str) -> None:
    """Put ticks at the values of an axis, on its own scale, at most twelve."""
    from matplotlib.ticker import FixedLocator, NullLocator

    setter = getattr(axes, f"set_{which}scale")
    if axis.is_log:
        setter("log")
    ticks = list(axis.values)
    while len(ticks) > 12:
        ticks = [ticks[0], *ticks[2:-1:2], ticks[-1]]
    side = axes.xaxis if which == "x" else axes.yaxis
    side.set_major_locator(FixedLocator(ticks))
    side.set_minor_locator(NullLocator())
    side.set_major_formatter(lambda value, _: format_number(float(f"{value:.4g}")))


def _edges(axis: Axis) -> Floats:
    """Edges of the fields of a map around the values of an axis."""
    values = np.asarray(axis.values, dtype=np.float64)
    scaled = np.log(values) if axis.is_log else values
    middle = 0.5 * (scaled[1:] + scaled[:-1])
    first, last = scaled[0] - (middle[0] - scaled[0]), scaled[-1] + (scaled[-1] - middle[-1])
    edges: Floats = np.concatenate([[first], middle, [last]])
    return np.exp(edges) if axis.is_log else edges


def _title(plan: Plan) -> str:
    n = plan.sample.tumours
    return f"all targets together, {n} virtual tumours"


def plot_map(
    plan: Plan, path: str | Path | None = None, *, at: Mapping[str, Any] | None = None
) -> Any:
    """Draw joint attainment over the space: a map for two axes, a curve for one.

    Further axes are held at the chosen regimen (or the nearest where none holds), or at `at`.

    Parameters
    ----------
    plan
        What `optimize` returned.
    path
        Where to save the picture (.png, .pdf, .svg), 150 dots per inch.
    at
        Axis name to the value (a number in the unit of the axis) at which it is held.

    Returns
    -------
    matplotlib.figure.Figure
        Colors run from dark (no tumour) to bright (all), readable without color vision; lines at
        50 %, 90 % and the confidence asked for; a star on the chosen regimen (hollow on the nearest
        where none holds), a ring on the study's own, crosses where a limit is broken too often.
    """
    held = _held(plan, at)
    free = [k for k, axis in enumerate(plan.axes) if len(axis) > 1 and k not in held]
    nearest = plan.candidates[plan.decision.nearest].place
    if len(free) > 2:
        for k in free[2:]:
            held[k] = nearest[k]
        free = free[:2]
    for k, axis in enumerate(plan.axes):
        if len(axis) == 1:
            held[k] = 0
    figure = _figure(6.4, 4.6)
    axes = figure.add_subplot()
    if len(free) == 2:
        _draw_map(figure, axes, plan, free, held)
    elif len(free) == 1:
        _draw_curve(axes, plan, free[0], held)
    else:
        raise SpecError("KG-118: the space has one regimen; there is nothing to draw.")
    fixed = [
        f"{plan.axes[k].name} {format_number(plan.axes[k].values[i])} {plan.axes[k].unit}"
        for k, i in sorted(held.items())
    ]
    second = f"\nat {', '.join(fixed)}" if fixed else ""
    axes.set_title(f"{plan.label}: {_title(plan)}{second}", fontsize=10)
    return _save(figure, path)


def _held(plan: Plan, at: Mapping[str, Any] | None) -> dict[int, int]:
    held: dict[int, int] = {}
    names = [axis.name for axis in plan.axes]
    for name, value in (at or {}).items():
        if name not in names:
            raise SpecError(
                f"KG-118: the plan has no axis {name!r}.{did_you_mean(name, names)}"
                f"  Axes: {', '.join(names)}."
            )
        k = names.index(name)
        distance = np.abs(np.asarray(plan.axes[k].values) - float(value))
        if distance.min() > 1e-6 * max(abs(float(value)), 1e-12):
            raise SpecError(f"KG-118: {plan.axes[k]} has no value {value!r}.")
        held[k] = int(np.argmin(distance))
    return held


def _slice(plan: Plan, values: Floats, free: list[int], held: dict[int, int]) -> Floats:
    """Values of the regimens (in order) over the free axes, the first free axis first."""
    array = values.reshape(tuple(len(axis) for axis in plan.axes))
    index = tuple(held.get(k, slice(None)) for k in range(len(plan.axes)))
    return np.asarray(array[index])


def _draw_map(figure: Any, axes: Any, plan: Plan, free: list[int], held: dict[int, int]) -> None:
    first, second = (plan.axes[k] for k in free)
    table = plan.probabilities
    joint = _slice(plan, 100.0 * table["P joint"], free, held)
    masked = np.ma.masked_invalid(joint.T)
    colors = axes.pcolormesh(
        _edges(first), _edges(second), masked, cmap="cividis", vmin=0.0, vmax=100.0
    )
    axes.set_facecolor("0.85")
    bar = figure.colorbar(colors, ax=axes)
    bar.set_label("joint attainment (% of tumours)")
    wanted = 100.0 * plan.settings.confidence
    levels = sorted({50.0, 90.0, wanted})
    if min(joint.shape) > 1 and np.isfinite(joint).all():
        from matplotlib.patheffects import withStroke

        edge = [withStroke(linewidth=3.2, foreground="black")]  # readable on dark and on bright
        lines = axes.contour(
            first.values,
            second.values,
            joint.T,
            levels=levels,
            colors="white",
            linewidths=[2.4 if level == wanted else 1.1 for level in levels],
        )
        lines.set_path_effects(edge)
        if any(len(segments) for segments in lines.allsegs):
            labels = axes.clabel(lines, fmt="%g %%", fontsize=8)
            for label in labels:
                label.set_path_effects([withStroke(linewidth=2.0, foreground="black")])
        for level in levels:
            bar.ax.axhline(level, color="white" if level < 60.0 else "black", lw=1.0)
    _ticks(axes, first, "x")
    _ticks(axes, second, "y")
    axes.set_xlabel(first.title)
    axes.set_ylabel(second.title)
    _marks(axes, plan, free, held)


def _marks(axes: Any, plan: Plan, free: list[int], held: dict[int, int]) -> None:
    from krogh.dose.decision import is_admissible

    first, second = (plan.axes[k] for k in free)
    allowed = is_admissible(plan.sample, plan.settings.risk)
    labels = False
    if plan.limits:
        barred = [
            c
            for k, c in enumerate(plan.candidates)
            if plan.sample.done[k] and not allowed[k] and _lies(c.place, held)
        ]
        if barred:
            labels = True
            axes.plot(
                [first.values[c.place[free[0]]] for c in barred],
                [second.values[c.place[free[1]]] for c in barred],
                linestyle="none",
                marker="x",
                ms=6,
                mew=1.4,
                color=COLORS[1],
                label="breaks a limit too often",
            )
    own = _own_place(plan, free, held)
    if own is not None:
        labels = True
        axes.plot(*own, "o", ms=11, mfc="none", mec="white", mew=3.2, clip_on=False)
        axes.plot(
            *own, "o", ms=11, mfc="none", mec="black", mew=1.4, clip_on=False, label="study's own"
        )
    best, nearest = plan.decision.best, plan.decision.nearest
    place = plan.candidates[nearest].place
    if plan.sample.done[nearest] and _lies(place, held):
        labels = True
        axes.plot(
            first.values[place[free[0]]],
            second.values[place[free[1]]],
            "*",
            ms=16,
            mfc=COLORS[1] if best is not None else "none",
            mec="white",
            mew=1.2 if best is not None else 2.0,
            zorder=5,
            path_effects=None if best is not None else _outline(),
            label="lowest that holds" if best is not None else "most that is reached",
        )
    if labels:
        axes.figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)


def _outline() -> list[Any]:
    """Return a dark edge, so that a white mark shows on a bright field and in the legend."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=3.6, foreground="black")]


def _lies(place: tuple[int, ...], held: dict[int, int]) -> bool:
    return all(place[k] == i for k, i in held.items())


def _own_place(plan: Plan, free: list[int], held: dict[int, int]) -> tuple[float, float] | None:
    """Coordinates of the study's own regimen if it is one of the space."""
    position = plan.current_position
    if position is None or position >= len(plan.candidates):
        return None
    place = plan.candidates[position].place
    if not _lies(place, held):
        return None
    first, second = (plan.axes[k] for k in free)
    return first.values[place[free[0]]], second.values[place[free[1]]]


def _draw_curve(axes: Any, plan: Plan, free: int, held: dict[int, int]) -> None:
    axis, table = plan.axes[free], plan.probabilities
    x = np.asarray(axis.values)
    groups = [(name, f"P {name}") for name in plan.sample.groups]
    for k, (name, column) in enumerate(groups):
        values = _slice(plan, 100.0 * table[column], [free], held)
        axes.plot(
            x,
            values,
            color=COLORS[(k + 1) % len(COLORS)],
            ls=_LINES[(k + 1) % len(_LINES)],
            marker=_MARKS[(k + 1) % len(_MARKS)],
            ms=4,
            lw=1.2,
            label="limits held" if name == LIMITS else f"level {name}",
        )
    joint = _slice(plan, 100.0 * table["P joint"], [free], held)
    low = _slice(plan, 100.0 * table["low"], [free], held)
    high = _slice(plan, 100.0 * table["high"], [free], held)
    axes.fill_between(x, low, high, color=COLORS[0], alpha=0.22, lw=0, label="95 % interval")
    axes.plot(x, joint, color=COLORS[0], lw=2.0, marker="o", ms=5, label="all together")
    wanted = 100.0 * plan.settings.confidence
    _asked_for(axes, wanted)
    best = plan.decision.best
    if best is not None and _lies(plan.candidates[best].place, held):
        k = plan.candidates[best].place[free]
        axes.plot(
            x[k],
            joint[k],
            "*",
            ms=16,
            mfc=COLORS[1],
            mec="white",
            zorder=5,
            label="lowest that holds",
        )
    _ticks(axes, axis, "x")
    axes.set_ylim(-3.0, 103.0)
    axes.set_xlabel(axis.title)
    axes.set_ylabel("attainment (% of tumours)")
    axes.grid(True, color="0.9", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)


def _asked_for(axes: Any, wanted: float) -> None:
    """Draw the confidence asked for; its words stand beside the axes, where nothing is drawn."""
    axes.axhline(wanted, color="0.35", lw=1.0, ls=(0, (6, 3)))
    axes.annotate(
        f"{wanted:g} %\nasked for",
        (1.0, wanted),
        (5, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="left",
        va="center",
        fontsize=8,
    )


def plot_tradeoff(plan: Plan, path: str | Path | None = None) -> Any:
    """Draw joint attainment against the median exposure, a point with its error for each regimen.

    Shape and color of the points tell the added dose (or the interval, where no drug is added).
    Lines join regimens that differ in one thing alone.  The study's own regimen (the label dose) is
    ringed.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    SpecError
        KG-118 where the plasma has no concentration of the main drug, so that nothing says what
        the exposure is.
    """
    if not plan.settings.exposure_unit:
        raise SpecError(f"KG-118: the plasma has no concentration of {plan.settings.main}.")
    figure = _figure(6.8, 4.8)
    axes = figure.add_subplot()
    size = len(plan.candidates)
    sample = plan.sample
    joint = 100.0 * sample.joint.mean(axis=1)
    low, high = (100.0 * bound for bound in wilson(sample.joint.sum(axis=1), sample.tumours))
    exposure = np.array(plan.probabilities["exposure"])
    done = sample.done[:size] & np.isfinite(exposure)
    free = [k for k, axis in enumerate(plan.axes) if len(axis) > 1]
    kinds = ("added", "interval") if len(free) > 1 else ()
    split = next((k for kind in kinds for k in free if plan.axes[k].kind == kind), None)
    count = 1 if split is None else len(plan.axes[split])
    from matplotlib import colormaps

    shades = colormaps["cividis"](np.linspace(0.0, 0.9, count))
    for k in range(count):
        rows = np.array(
            [
                i
                for i, c in enumerate(plan.candidates)
                if done[i] and (split is None or c.place[split] == k)
            ],
            dtype=np.int64,
        )
        if rows.size == 0:
            continue
        rows = rows[np.argsort(exposure[rows], kind="stable")]
        label = "regimens"
        if split is not None:
            axis = plan.axes[split]
            label = f"{axis.name} {format_number(axis.values[k])} {axis.unit}"
        error = np.maximum([joint[rows] - low[rows], high[rows] - joint[rows]], 0.0)
        axes.errorbar(
            exposure[rows],
            joint[rows],
            yerr=error,
            color=shades[k],
            marker=_MARKS[k % len(_MARKS)],
            ms=5,
            lw=1.0,
            ls="-" if len(free) <= 2 else "none",
            elinewidth=0.8,
            capsize=2,
            label=label,
        )
    _tradeoff_marks(axes, plan, joint)
    wanted = 100.0 * plan.settings.confidence
    _asked_for(axes, wanted)
    positive = exposure[done]
    if positive.size and positive.min() > 0.0 and positive.max() / positive.min() > 4.0:
        axes.set_xscale("log")
        _plain_numbers(axes)
    if positive.size and np.ptp(positive) < 0.01 * positive.max():  # all the same, to rounding
        axes.set_xlim(0.5 * positive.max(), 1.5 * positive.max())
    axes.set_ylim(-3.0, 103.0)
    axes.set_xlabel(f"median {plan.settings.exposure} ({plan.settings.exposure_unit})")
    axes.set_ylabel("joint attainment (% of tumours)")
    axes.set_title(f"{plan.label}: {_title(plan)}", fontsize=10)
    axes.grid(True, color="0.9", lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return _save(figure, path)


def _plain_numbers(axes: Any) -> None:
    """Write the numbers of a logarithmic x axis plainly, at 1, 2 and 5 of each decade."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def _tradeoff_marks(axes: Any, plan: Plan, joint: Floats) -> None:
    sample = plan.sample
    position = plan.current_position
    if position is not None and sample.done[position]:
        x = float(np.nanmedian(sample.exposure[position]))
        axes.plot(
            x,
            joint[position],
            "o",
            ms=13,
            mfc="none",
            mec="black",
            mew=1.6,
            ls="none",
            label="study's own (label) dose",
        )
    best = plan.decision.best
    if best is not None:
        x = float(np.nanmedian(sample.exposure[best]))
        axes.plot(
            x,
            joint[best],
            "*",
            ms=16,
            mfc=COLORS[1],
            mec="white",
            ls="none",
            zorder=5,
            label="lowest that holds",
        )
