"""Pictures of a volume: orthogonal slices with vessels and a scale bar.

SPDX-License-Identifier: BSD-3-Clause

matplotlib is imported when a picture is drawn.  Values have the colors of cividis (Nunez, Anderton
and Renslow 2018, doi 10.1371/journal.pone.0199239), which color-blind readers see as others do.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError
from krogh.plot import new_figure
from krogh.units import format_number
from krogh.whole_files import write_whole

if TYPE_CHECKING:
    from krogh.space.grid import Axis, Grid
    from krogh.tumour.lesion_result import LesionMap
    from krogh.volume.result import VolumeResult

__all__ = ["plot_slices", "plot_slices_of"]

Floats = NDArray[np.float64]

_OUTSIDE: Final = "#d9d9d9"
_BAR: Final = (1.0, 2.0, 5.0)
_DECADES: Final = 4.0
"""Least value of a logarithmic scale, in decades below the largest."""


def plot_slices(
    result: VolumeResult | LesionMap,
    name: str,
    *,
    time: Any = None,
    at: Any = None,
    vessels: bool = True,
    log: bool = False,
    path: str | Path | None = None,
) -> Any:
    """Draw three orthogonal slices of an output with the vessels in them and a scale bar.

    Parameters
    ----------
    result
        Of a volume, or a map of lesions.
    name
        An output or recorded species.
    time
        One of the recorded times, with unit; the last one if left out.
    at
        Voxel z, y, x through which the slices go; the middle of the grid if left out.
    vessels
        Whether the vessels within each slice (a voxel thick, or as the widest vessel) are
        drawn, radii to scale, where a network was given.
    log
        Whether colors are logarithmic, four decades at most.
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
    grid = result.grid
    z, y, x = _place(grid, at)
    shown = _Shown(result, name, time)
    slices: list[tuple[Axis, int]] = [("z", z), ("y", y), ("x", x)]
    thick = dict(zip("zyx", grid.shape, strict=True))
    flat = [s for s in slices if all(thick[seen] > 1 for seen in _seen(s[0]))]
    slices = flat or slices[:1]  # of a single section only itself
    figure = new_figure(5.4 if len(slices) == 1 else 3.0 * len(slices) + 1.2, 3.9)
    figure.set_layout_engine("constrained")
    norm = _norm([shown.values], log)
    picture = None
    axes = figure.subplots(1, len(slices), squeeze=False)[0]
    for ax, (axis, index) in zip(axes, slices, strict=True):
        picture = _draw(ax, shown, axis, index, norm, vessels)
        ax.set_title(_at(grid, axis, index), fontsize=10)
    _scale_bar(axes[0], grid, slices[0][0])
    figure.colorbar(picture, ax=list(axes), label=shown.label, shrink=0.8)
    figure.suptitle(f"{name} at {shown.when}", fontsize=11)
    return _saved(figure, path)


def plot_slices_of(
    results: Mapping[str, VolumeResult],
    names: str | tuple[str, ...],
    *,
    axis: Axis = "z",
    time: Any = None,
    at: Any = None,
    vessels: bool = True,
    log: Any = (),
    labels: Mapping[str, str] | None = None,
    path: str | Path | None = None,
) -> Any:
    """Draw the same slice of several results side by side: a row for each output.

    Parameters
    ----------
    results
        Title of a column to its result; all on one grid.
    names
        Outputs or recorded species; the columns of a row share one range of colors.
    axis
        ``"z"``, ``"y"`` or ``"x"``: across which the slice lies.
    time
        One of the recorded times, with unit; the last one if left out.
    at
        Number of the slice along the axis; the middle if left out.
    vessels
        Whether the vessels within the slice are drawn, radii to scale.
    log
        Outputs whose colors are logarithmic.
    labels
        What outputs are called beside their colors.
    path
        Where to save the picture (.png, .pdf, .svg), 150 dots per inch.

    Raises
    ------
    SpecError
        KG-166 for results on different grids, or a slice that is not there.
    MissingExtra
        KG-901 without matplotlib.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = (names,) if isinstance(names, str) else tuple(names)
    if not results or axis not in ("x", "y", "z"):
        raise SpecError(f"KG-166: slices need results, and an axis x, y or z, not {axis!r}.")
    grid = next(iter(results.values())).grid
    for title, result in results.items():
        if result.grid != grid:
            raise SpecError(f"KG-166: {title!r} lies on another grid than the first result.")
    count = grid.shape["zyx".index(axis)]
    index = count // 2 if at is None else int(at)
    if not 0 <= index < count:
        raise SpecError(f"KG-166: there is no slice {at!r} along {axis}; there are {count}.")
    across, up = _seen(axis)
    widths = dict(zip("xyz", grid.spacing * grid.shape[::-1], strict=True))
    tall = 3.1 * min(max(widths[up] / widths[across], 0.3), 2.0)
    figure = new_figure(3.3 * len(results) + 1.3, tall * len(rows) + 0.7)
    figure.set_layout_engine("constrained")
    axes = figure.subplots(len(rows), len(results), squeeze=False)
    when = ""
    for row, name in zip(axes, rows, strict=True):
        shown = [_Shown(result, name, time) for result in results.values()]
        norm = _norm([s.values for s in shown], name in log)
        picture = None
        for ax, one, title in zip(row, shown, results, strict=True):
            picture = _draw(ax, one, axis, index, norm, vessels)
            if name == rows[0]:
                ax.set_title(title, fontsize=10)
        label = (labels or {}).get(name, shown[0].label)
        figure.colorbar(picture, ax=list(row), label=label, shrink=0.9)
        when = shown[0].when
    _scale_bar(axes[-1, 0], grid, axis)
    figure.suptitle(f"{_at(grid, axis, index)} at {when}", fontsize=11)
    return _saved(figure, path)


class _Shown:
    """One output at one time."""

    def __init__(self, result: Any, name: str, time: Any) -> None:
        self.grid: Grid = result.grid
        if hasattr(result, "at_time"):  # of a volume, without computing the other times
            values, unit, self.when = result.at_time(name, time)
            self.values: Floats = result.problem.on_grid(values)
        else:
            fields = result.fields([name])
            k = fields.time_index(time)
            self.values = np.asarray(fields[name].values[k], dtype=np.float64)
            unit = fields[name].unit
            self.when = f"{format_number(float(fields.times[k]))} {fields.time_unit}"
        self.label = f"{name} ({unit})" if unit not in ("", "1") else name
        voxels = getattr(getattr(result, "vessels", None), "voxels", None)
        self.network = None if voxels is None else voxels.network


def _place(grid: Grid, at: Any) -> tuple[int, int, int]:
    place = tuple(n // 2 for n in grid.shape) if at is None else tuple(int(i) for i in at)
    if len(place) != 3 or any(not 0 <= i < n for i, n in zip(place, grid.shape, strict=True)):
        raise SpecError(f"KG-166: at={at!r} is no voxel (z, y, x) of {grid.shape}.")
    return place[0], place[1], place[2]


def _at(grid: Grid, axis: Axis, index: int) -> str:
    """Return where a slice lies: ``z = 250 µm``, of wide voxels in mm."""
    place = float(grid.centers(axis)[index])
    if grid.spacing.max() >= 500.0:
        return f"{axis} = {place / 1000.0:.4g} mm"
    return f"{axis} = {place:.4g} µm"


def _seen(axis: str) -> tuple[str, str]:
    """Return the axes of a slice: across and up."""
    return {"z": ("x", "y"), "y": ("x", "z"), "x": ("y", "z")}[axis]


def _norm(arrays: list[Floats], log: bool) -> Any:
    """Return one range of colors for all."""
    from matplotlib.colors import LogNorm, Normalize

    known = np.concatenate([a[np.isfinite(a)] for a in arrays])
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    if log and high > 0.0:
        return LogNorm(max(low, high * 10.0**-_DECADES), high, clip=True)
    return Normalize(low, high if high > low else low + 1.0)


def _draw(ax: Any, shown: _Shown, axis: str, index: int, norm: Any, vessels: bool) -> Any:
    from matplotlib import colormaps

    from krogh.volume.vessel_pictures import draw_outlines

    grid = shown.grid
    across, up = _seen(axis)
    widths = dict(zip("xyz", grid.spacing * grid.shape[::-1], strict=True))
    picture = np.take(shown.values, index, axis="zyx".index(axis))
    drawn = ax.imshow(
        np.ma.masked_invalid(picture),
        origin="lower",
        extent=(0.0, widths[across], 0.0, widths[up]),
        cmap=colormaps["cividis"].with_extremes(bad=_OUTSIDE),
        norm=norm,
        interpolation="nearest",
    )
    ax.set(xlabel=across, ylabel=up, xticks=[], yticks=[])
    if vessels and shown.network is not None:
        number = "xyz".index(axis)
        step = float(grid.spacing[number])
        half = 0.5 * max(step, float(np.max(shown.network.diameter)))
        draw_outlines(ax, shown.network, grid, number, (index + 0.5) * step, half)
        ax.set_xlim(0.0, widths[across])
        ax.set_ylim(0.0, widths[up])
    return drawn


def _scale_bar(ax: Any, grid: Grid, axis: str = "z") -> None:
    """Draw a bar of a round length, about a quarter of the picture."""
    across, up = _seen(axis)
    widths = dict(zip("xyz", grid.spacing * grid.shape[::-1], strict=True))
    width, height = float(widths[across]), float(widths[up])
    decade = 10.0 ** np.floor(np.log10(0.25 * width))
    length = max(m * decade for m in _BAR if m * decade <= 0.25 * width)
    start, level = 0.05 * width, 0.06 * height
    for color, thick in (("black", 5.0), ("white", 2.5)):
        ax.plot([start, start + length], [level, level], color=color, linewidth=thick)
    text = f"{format_number(float(length))} µm"
    if length >= 1000.0:
        text = f"{format_number(float(length / 1000.0))} mm"
    ax.annotate(
        text,
        (start, level),
        (0, 5),
        textcoords="offset points",
        color="white",
        fontsize=9,
        bbox={"facecolor": "black", "alpha": 0.6, "pad": 1.5, "linewidth": 0.0},
    )


def _saved(figure: Any, path: str | Path | None) -> Any:
    if path is not None:
        write_whole(path, lambda file: figure.savefig(file, dpi=150))
    return figure
