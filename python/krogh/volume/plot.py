"""Pictures of a volume: three orthogonal slices.

SPDX-License-Identifier: BSD-3-Clause

matplotlib is imported when a picture is drawn.  Values have the colors of cividis (Nunez, Anderton
and Renslow 2018, doi 10.1371/journal.pone.0199239), which color-blind readers see as others do.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from krogh.errors import SpecError
from krogh.plot import new_figure
from krogh.units import format_number
from krogh.whole_files import write_whole

if TYPE_CHECKING:
    from krogh.tumour.lesion_result import LesionMap
    from krogh.volume.result import VolumeResult

__all__ = ["plot_slices"]

_OUTSIDE: Final = "#d9d9d9"
_BAR: Final = (1.0, 2.0, 5.0)


def plot_slices(
    result: VolumeResult | LesionMap,
    name: str,
    *,
    time: Any = None,
    at: Any = None,
    path: str | Path | None = None,
) -> Any:
    """See `VolumeResult.plot_slices`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = new_figure(10.2, 3.8)
    from matplotlib import colormaps

    grid = result.grid
    place = tuple(n // 2 for n in grid.shape) if at is None else tuple(int(i) for i in at)
    if len(place) != 3 or any(not 0 <= i < n for i, n in zip(place, grid.shape, strict=True)):
        raise SpecError(f"KG-166: at={at!r} is no voxel (z, y, x) of {grid.shape}.")
    fields = result.fields([name])
    k = fields.time_index(time)
    values, unit = fields[name].values[k], fields[name].unit
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    colors = colormaps["cividis"].with_extremes(bad=_OUTSIDE)
    z, y, x = place
    widths = grid.spacing * grid.shape[::-1]
    panels = (
        ("x", "y", values[z], widths[0], widths[1], f"z = {grid.centers('z')[z]:.4g} um"),
        ("x", "z", values[:, y], widths[0], widths[2], f"y = {grid.centers('y')[y]:.4g} um"),
        ("y", "z", values[:, :, x], widths[1], widths[2], f"x = {grid.centers('x')[x]:.4g} um"),
    )
    figure.set_layout_engine("constrained")
    shown = None
    axes = figure.subplots(1, 3)
    for ax, (across, up, picture, width, height, title) in zip(axes, panels, strict=True):
        shown = ax.imshow(
            np.ma.masked_invalid(picture),
            origin="lower",
            extent=(0.0, width, 0.0, height),
            cmap=colors,
            vmin=low,
            vmax=high if high > low else low + 1.0,
            interpolation="nearest",
        )
        ax.set(title=title, xlabel=across, ylabel=up, xticks=[], yticks=[])
    _scale_bar(axes[0], float(widths[0]), float(widths[1]))
    label = f"{name} [{unit}]" if unit else name
    figure.colorbar(shown, ax=list(axes), label=label, shrink=0.8)
    figure.suptitle(f"{name} at {format_number(float(fields.times[k]))} {fields.time_unit}")
    if path is not None:
        write_whole(path, lambda file: figure.savefig(file, dpi=150))
    return figure


def _scale_bar(ax: Any, width: float, height: float) -> None:
    """Draw a bar of a round length, about a quarter of the picture."""
    decade = 10.0 ** np.floor(np.log10(0.25 * width))
    length = max(m * decade for m in _BAR if m * decade <= 0.25 * width)
    start, level = 0.05 * width, 0.06 * height
    for color, thick in (("black", 5.0), ("white", 2.5)):
        ax.plot([start, start + length], [level, level], color=color, linewidth=thick)
    ax.text(
        start,
        level + 0.03 * height,
        f"{format_number(float(length / 1000.0))} mm"
        if length >= 1000.0
        else f"{format_number(float(length))} um",
        color="white",
        bbox={"facecolor": "black", "alpha": 0.6, "pad": 1.5, "linewidth": 0.0},
    )
