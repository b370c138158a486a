"""Pictures of vessels: their outlines over a slice, and all of them in their box.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError
from krogh.plot import COLORS, new_figure
from krogh.table import require_extra
from krogh.whole_files import write_whole

if TYPE_CHECKING:
    from krogh.space.grid import Grid
    from krogh.tumour.volume import Tumour3D
    from krogh.vessels import VesselNetwork

__all__ = ["draw_outlines", "local_places", "plot_vessels", "within_slab"]

Floats = NDArray[np.float64]

VESSEL: Final = COLORS[1]
"""Vermilion of Okabe and Ito, which stands out from cividis for color-blind readers too."""


def local_places(network: VesselNetwork, grid: Grid) -> Floats:
    """Return the nodes along a grid's axes from its lower corner, um, shape (n, 3): x, y, z."""
    found: Floats = (np.asarray(network.nodes) - grid.corner) @ grid.direction
    return found


def within_slab(
    network: VesselNetwork, grid: Grid, axis: int, at: float, half: float
) -> tuple[Floats, Floats, Floats]:
    """Return the parts of vessels within a slab across an axis.

    Parameters
    ----------
    axis
        0, 1, 2 for x, y, z: across which the slab lies.
    at, half
        Middle of the slab from the grid's lower corner, and half its width, um.

    Returns
    -------
    starts, stops
        Ends of the parts, projected along the axis, um, shape (m, 2).
    radius
        um, shape (m,).
    """
    nodes = local_places(network, grid)
    first, second = nodes[network.segments[:, 0]], nodes[network.segments[:, 1]]
    step = second - first
    along = step[:, axis]
    with np.errstate(divide="ignore", invalid="ignore"):
        one = (at - half - first[:, axis]) / along
        other = (at + half - first[:, axis]) / along
    flat = along == 0.0
    lies_in = np.abs(first[:, axis] - at) <= half
    low = np.where(flat, np.where(lies_in, 0.0, 1.0), np.clip(np.minimum(one, other), 0.0, 1.0))
    high = np.where(flat, np.where(lies_in, 1.0, 0.0), np.clip(np.maximum(one, other), 0.0, 1.0))
    touches = np.where(flat, lies_in, high > low)
    seen = [a for a in range(3) if a != axis]
    chosen = np.flatnonzero(touches)
    starts = (first + low[:, None] * step)[chosen][:, seen]
    stops = (first + high[:, None] * step)[chosen][:, seen]
    return starts, stops, np.asarray(network.radius)[chosen]


def draw_outlines(
    ax: Any, network: VesselNetwork, grid: Grid, axis: int, at: float, half: float
) -> None:
    """Draw the vessels of a slab over a slice, with their radii to scale."""
    from matplotlib.collections import EllipseCollection, PolyCollection

    starts, stops, radius = within_slab(network, grid, axis, at, half)
    if not len(radius):
        return
    step = stops - starts
    length = np.linalg.norm(step, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        side = np.where(length[:, None] > 0.0, step[:, ::-1] * [-1.0, 1.0] / length[:, None], 0.0)
    side = side * radius[:, None]
    corners = np.stack([starts + side, stops + side, stops - side, starts - side], axis=1)
    ax.add_collection(PolyCollection(list(corners), facecolors=VESSEL, edgecolors="none"))
    ends = np.concatenate([starts, stops])
    widths = 2.0 * np.concatenate([radius, radius])
    ax.add_collection(
        EllipseCollection(
            widths,
            widths,
            np.zeros(widths.size),
            units="xy",
            offsets=ends,
            transOffset=ax.transData,
            facecolors=VESSEL,
            edgecolors="none",
        )
    )


def plot_vessels(tumour: Tumour3D, *, path: str | Path | None = None) -> Any:
    """Draw the vessels of a tumour in their box: nearer ones darker, widths by diameter.

    Parameters
    ----------
    tumour
        With a network of vessels.
    path
        Where to save the picture (.png, .pdf, .svg), 150 dots per inch.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    SpecError
        KG-166 for a tumour without a network.
    MissingExtra
        KG-901 without matplotlib.
    """
    network = tumour.network
    if network is None:
        raise SpecError(
            "KG-166: of the vessels of this tumour only their surface per volume is known;"
            " result.plot_slices shows what they do."
        )
    figure = new_figure(6.4, 5.8)
    art = require_extra("mpl_toolkits.mplot3d.art3d", "a picture of vessels")
    from matplotlib import colormaps
    from matplotlib.ticker import MaxNLocator

    ax = figure.add_axes((0.02, 0.04, 0.88, 0.9), projection="3d", computed_zorder=False)
    grid = tumour.grid
    extent = grid.spacing * grid.shape[::-1]
    nodes = local_places(network, grid)
    lines = nodes[network.segments]
    ax.view_init(elev=22.0, azim=-58.0)
    toward = np.array([np.cos(np.radians(-58.0)), np.sin(np.radians(-58.0)), 0.4])
    depth = (lines.mean(axis=1) / extent) @ toward
    order = np.argsort(depth)
    shade = np.interp(depth[order], [depth.min(), depth.max() + 1e-9], [0.35, 0.95])
    points_per_um = 300.0 / float(np.linalg.norm(extent)) * 0.72
    widths = np.clip(np.asarray(network.diameter)[order] * points_per_um, 0.6, 6.0)
    ax.add_collection3d(
        art.Line3DCollection(
            list(lines[order]),
            colors=colormaps["Reds"](shade),
            linewidths=widths,
            capstyle="round",
        )
    )
    _box(ax, extent)
    ax.set(
        xlim=(0.0, extent[0]),
        ylim=(0.0, extent[1]),
        zlim=(0.0, extent[2]),
        xlabel="x (µm)",
        ylabel="y (µm)",
        zlabel="z (µm)",
    )
    ax.set_box_aspect(tuple(extent / extent.max()), zoom=0.94)
    for way in (ax.xaxis, ax.yaxis, ax.zaxis):
        way.pane.set_visible(False)
        way.set_major_locator(MaxNLocator(4, prune="lower" if way is ax.yaxis else None))
    ax.grid(False)
    density = 1e6 * float(tumour.voxels.inside_length.sum()) / float(extent.prod())
    figure.suptitle(
        f"{network.num_segments:,} vessels, {density:.3g} mm/mm³, {tumour.tumour.name}", fontsize=11
    )
    if path is not None:
        write_whole(path, lambda file: figure.savefig(file, dpi=150))
    return figure


def _box(ax: Any, extent: Floats) -> None:
    """Draw the edges of a box."""
    x, y, z = extent
    corners = [(a * x, b * y, c * z) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    for k, one in enumerate(corners):
        for other in corners[k + 1 :]:
            if sum(p != q for p, q in zip(one, other, strict=True)) == 1:
                pairs = zip(one, other, strict=True)
                ax.plot(*pairs, color="0.65", lw=0.7, zorder=0)
