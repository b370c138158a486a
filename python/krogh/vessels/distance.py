"""Exact distance of points from the nearest vessel.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from krogh.errors import DataError
from krogh.vessels.checks import numbers
from krogh.vessels.network import VesselNetwork

__all__ = ["distance_to_vessel", "nearest_segment"]

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

_BLOCK = 65_536  # points at a time: bounds the memory


def distance_to_vessel(
    network: VesselNetwork,
    points: ArrayLike,
    *,
    wall: bool = False,
    periodic: Sequence[float] | None = None,
) -> Floats:
    """Return the distance of each point to the nearest vessel, um, shape (points,).

    Parameters
    ----------
    network
        The vessels.
    points
        Places, um, shape (points, 3), in x, y, z.
    wall
        Measure to the nearest wall (zero inside a vessel) instead of to the nearest center line.
    periodic
        Extents in x, y, z, um, after which the vessels repeat; 0 where they do not.

    Raises
    ------
    DataError
        KG-180, KG-181 for points of a wrong shape or not finite, KG-185 for the periods.
    """
    found = nearest_segment(network, points, wall=wall, periodic=periodic)[0]
    return np.maximum(found, 0.0) if wall else found


def nearest_segment(
    network: VesselNetwork,
    points: ArrayLike,
    *,
    wall: bool = False,
    periodic: Sequence[float] | None = None,
) -> tuple[Floats, Indices]:
    """Return the distance to the nearest vessel (below 0 inside it with `wall`) and its segment.

    The result is exact: segments are cut into pieces, the pieces with the nearest midpoints are
    measured, and a point is done when no piece that was not measured can be nearer; the others are
    looked at again with twice as many pieces.
    """
    from scipy.spatial import cKDTree

    places = numbers(points, (None, 3), "points")
    if not np.isfinite(places).all():
        bad = int(np.flatnonzero(~np.isfinite(places).all(axis=1))[0])
        raise DataError(f"KG-181: point {bad} is not finite: {places[bad].tolist()}.")
    period = np.zeros(3) if periodic is None else np.asarray(periodic, dtype=np.float64)
    if period.shape != (3,) or not (np.isfinite(period) & (period >= 0.0)).all():
        raise DataError(f"KG-185: periodic needs three extents, 0 for none; found {periodic!r}.")
    piece = _piece_length(network, period)
    count = np.maximum(1, np.ceil(network.lengths / piece)).astype(np.intp)
    owner = np.repeat(np.arange(network.num_segments), count)
    step = np.arange(owner.size) - np.repeat(np.cumsum(count) - count, count)
    half = 0.5 * network.vectors[owner] / count[owner, None]
    middle = network.nodes[network.segments[owner, 0]] + (2 * step + 1)[:, None] * half
    radius = network.radius[owner] if wall else np.zeros(owner.size)
    size = np.where(period > 0.0, period, 0.0)
    tree = cKDTree(_wrapped(middle, size), boxsize=size if size.any() else None)
    reach = float(np.linalg.norm(half, axis=1).max() + radius.max())

    best = np.empty(len(places))
    which = np.empty(len(places), dtype=np.intp)
    for first in range(0, len(places), _BLOCK):
        todo = np.arange(first, min(first + _BLOCK, len(places)))
        wanted = 4
        while todo.size:
            wanted = min(wanted, owner.size)
            spots = places[todo]
            far, near = tree.query(_wrapped(spots, size), k=np.arange(1, wanted + 1))
            value = _to_pieces(spots, middle[near], half[near], size) - radius[near]
            choice = np.argmin(value, axis=1)
            rows = np.arange(todo.size)
            best[todo] = value[rows, choice]
            which[todo] = owner[near[rows, choice]]
            done = (far[:, -1] - reach >= best[todo]) | (wanted == owner.size)
            todo = todo[~done]
            wanted *= 2
    return best, which


def _piece_length(network: VesselNetwork, period: Floats) -> float:
    """Return a length of pieces: the median segment, at most 100,000 pieces, half a period."""
    total = float(network.lengths.sum())
    length = max(min(float(np.median(network.lengths)), 20.0), total / 100_000.0)
    return float(min([length, *(0.25 * period[period > 0.0])]))


def _wrapped(points: Floats, size: Floats) -> Floats:
    """Return the points within [0, size) along periodic axes."""
    if not size.any():
        return points
    found = points.copy()
    for axis in np.flatnonzero(size):
        inside = np.mod(found[:, axis], size[axis])
        found[:, axis] = np.where(inside >= size[axis], 0.0, inside)  # np.mod may round up
    return found


def _to_pieces(spots: Floats, middle: Floats, half: Floats, size: Floats) -> Floats:
    """Return distances from (p, 3) points to (p, k, 3) pieces, nearest image, shape (p, k)."""
    away = spots[:, None, :] - middle
    for axis in np.flatnonzero(size):
        away[..., axis] -= size[axis] * np.round(away[..., axis] / size[axis])
    along = np.sum(away * half, axis=2) / np.sum(half * half, axis=2)
    away -= np.clip(along, -1.0, 1.0)[..., None] * half
    found: Floats = np.sqrt(np.sum(away * away, axis=2))
    return found
