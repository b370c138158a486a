"""How dense vessels are and how far the tissue is from them.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from krogh.errors import DataError
from krogh.vessels.checks import length_um, numbers
from krogh.vessels.distance import distance_to_vessel
from krogh.vessels.network import VesselNetwork

__all__ = ["Statistics", "clipped_lengths", "statistics_of"]

Floats = NDArray[np.float64]

_POINTS = 50_000
"""Points of the lattice on which distances are taken, unless `spacing` is given."""


@dataclass(frozen=True)
class Statistics:
    """Density of vessels in a box of tissue, and distances from the tissue to them.

    Attributes
    ----------
    num_segments, num_nodes, num_components, num_ends
        Of the whole network.
    box_volume
        mm^3.
    length
        Length of vessels within the box, mm.
    length_density
        mm of vessel in mm^3 of box, which is the number crossing a mm^2 for parallel vessels.
    surface_density
        Lateral surface per volume, 1/cm.
    volume_fraction
        Vessel volume per volume.
    mean_diameter
        Weighted with length, um.
    mean_distance, median_distance, max_distance
        From tissue to the nearest vessel, um.
    beyond
        Share of the tissue farther than `threshold`.
    threshold
        um.
    to_wall
        Whether distances are to walls (else to center lines).
    num_points
        Points of the regular lattice on which the distances were taken.
    """

    num_segments: int
    num_nodes: int
    num_components: int
    num_ends: int
    box_volume: float
    length: float
    length_density: float
    surface_density: float
    volume_fraction: float
    mean_diameter: float
    mean_distance: float
    median_distance: float
    max_distance: float
    beyond: float
    threshold: float
    to_wall: bool
    num_points: int

    def __str__(self) -> str:
        where = "the nearest wall" if self.to_wall else "the nearest center line"
        return "\n".join(
            [
                f"segments {self.num_segments}, nodes {self.num_nodes}, ends {self.num_ends},"
                f" connected parts {self.num_components}",
                f"length {self.length:.4g} mm in {self.box_volume:.4g} mm^3:"
                f" {self.length_density:.4g} mm/mm^3",
                f"surface {self.surface_density:.4g} 1/cm, volume"
                f" {100 * self.volume_fraction:.3g} %, mean diameter {self.mean_diameter:.3g} um",
                f"distance of tissue to {where}: mean {self.mean_distance:.1f}, median"
                f" {self.median_distance:.1f}, largest {self.max_distance:.1f} um",
                f"{100 * self.beyond:.1f} % of the tissue beyond {self.threshold:g} um"
                f" ({self.num_points} points)",
            ]
        )


def clipped_lengths(network: VesselNetwork, box: ArrayLike) -> Floats:
    """Return the length of each segment within a box (2, 3), um, shape (m,)."""
    corners = numbers(box, (2, 3), "box")
    start = network.nodes[network.segments[:, 0]]
    along = network.vectors
    enter, leave = np.zeros(network.num_segments), np.ones(network.num_segments)
    with np.errstate(divide="ignore", invalid="ignore"):
        for axis in range(3):
            flat = along[:, axis] == 0.0
            one = (corners[0, axis] - start[:, axis]) / along[:, axis]
            two = (corners[1, axis] - start[:, axis]) / along[:, axis]
            inside = (start[:, axis] >= corners[0, axis]) & (start[:, axis] <= corners[1, axis])
            low = np.where(flat, np.where(inside, 0.0, np.inf), np.minimum(one, two))
            high = np.where(flat, np.where(inside, 1.0, -np.inf), np.maximum(one, two))
            enter, leave = np.maximum(enter, low), np.minimum(leave, high)
    return network.lengths * np.maximum(0.0, leave - enter)


def statistics_of(
    network: VesselNetwork,
    box: ArrayLike | None = None,
    *,
    threshold: Any = "100 um",
    wall: bool = False,
    spacing: Any = None,
    periodic: bool | Sequence[bool] = False,
) -> Statistics:
    """Return density and distances of a network in a box.

    Parameters
    ----------
    network
        The vessels.
    box
        Lower and upper corner, um, shape (2, 3); default the box of the network, or the smallest
        one around its nodes.
    threshold
        Distance beyond which the share of tissue is reported.
    wall
        Distances to the nearest wall, of the tissue outside the vessels, instead of from every
        point to the nearest center line.
    spacing
        Of the lattice of points; default about 50,000 points, which gives means to some 0.1 um.
    periodic
        Whether the vessels go on beyond the box as in it, for all or for each of x, y, z: removes
        the effect of the border from distances.

    Raises
    ------
    DataError
        KG-180 for a box that is none, KG-185 for options.
    """
    corners = network.tissue_box if box is None else numbers(box, (2, 3), "box")
    extent = corners[1] - corners[0]
    if not (np.isfinite(extent).all() and (extent > 0.0).all()):
        raise DataError(
            f"KG-180: the box has the extents {extent.tolist()} um; each must be positive.  A"
            " network in a plane needs a `box` with a thickness."
        )
    limit = length_um(threshold, "threshold")
    volume = float(np.prod(extent))
    step = (volume / _POINTS) ** (1.0 / 3.0) if spacing is None else length_um(spacing, "spacing")
    if not step > 0.0:
        raise DataError(f"KG-185: spacing must be positive, not {spacing}.")
    repeats = np.broadcast_to(np.asarray(periodic, dtype=bool), (3,))
    axes = [
        low + (np.arange(n) + 0.5) * (high - low) / n
        for low, high, n in zip(
            corners[0], corners[1], np.maximum(1, np.round(extent / step)).astype(int), strict=True
        )
    ]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    period = np.where(repeats, extent, 0.0).tolist() if repeats.any() else None
    distance = distance_to_vessel(network, points, wall=wall, periodic=period)
    if wall:
        distance = distance[distance > 0.0]
        if not distance.size:
            raise DataError("KG-185: no point of the lattice lies outside the vessels.")
    inside = clipped_lengths(network, corners)
    length = float(inside.sum())
    if length == 0.0:
        raise DataError("KG-185: no vessel lies within the box; are both in um?")
    return Statistics(
        num_segments=network.num_segments,
        num_nodes=network.num_nodes,
        num_components=network.num_components,
        num_ends=network.ends.size,
        box_volume=volume * 1e-9,
        length=length * 1e-3,
        length_density=length / volume * 1e6,
        surface_density=float(np.pi * (network.diameter * inside).sum()) / volume * 1e4,
        volume_fraction=float(0.25 * np.pi * (network.diameter**2 * inside).sum()) / volume,
        mean_diameter=float((network.diameter * inside).sum()) / length,
        mean_distance=float(distance.mean()),
        median_distance=float(np.median(distance)),
        max_distance=float(distance.max()),
        beyond=float((distance > limit).mean()),
        threshold=limit,
        to_wall=wall,
        num_points=distance.size,
    )
