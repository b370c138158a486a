"""What all generators are given: size, density, diameter, seed; random numbers by position.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh import _core
from krogh.draws import purpose_of, require_seed
from krogh.errors import DataError
from krogh.units import parse_quantity
from krogh.vessels.checks import length_um, lengths_um
from krogh.vessels.network import VesselNetwork

__all__ = ["axes_of", "density_of", "positive_length", "size_of", "straight_lines", "uniforms"]

Floats = NDArray[np.float64]


def size_of(size: Any) -> Floats:
    """Return the extents x, y, z of the box, um; KG-185 unless they are positive."""
    found = lengths_um(size, "size")
    if not (np.isfinite(found) & (found > 0.0)).all():
        raise DataError(f"KG-185: size must be positive, found {found.tolist()} um.")
    return found


def density_of(density: Any) -> float:
    """Return a density of vessels (``"57 1/mm^2"``, ``"57 mm/mm^3"``) in 1/um^2."""
    found = float(parse_quantity(density, "density").to("1/um^2"))
    if not 0.0 < found < np.inf:
        raise DataError(f"KG-185: density must be positive, found {density}.")
    return found


def positive_length(value: Any, what: str) -> float:
    """Return a length in um; KG-185 unless it is positive."""
    found = length_um(value, what)
    if not 0.0 < found < np.inf:
        raise DataError(f"KG-185: {what} must be positive, found {value}.")
    return found


def axes_of(axes: str) -> list[int]:
    """Return the axes of a text such as "z" or "xyz" as numbers; KG-185 for another text."""
    if not axes or any(letter not in "xyz" for letter in axes) or len(set(axes)) < len(axes):
        raise DataError(
            f"KG-185: axes must be some of 'x', 'y' and 'z', such as 'z', not {axes!r}."
        )
    return sorted("xyz".index(letter) for letter in axes)


def uniforms(seed: int, what: str, rows: int, count: int, first: int = 0) -> Floats:
    """Return numbers between 0 and 1 that depend on seed, purpose, row and column alone.

    Parameters
    ----------
    seed
        Of the user, checked (KG-117).
    what
        Purpose: streams of different names are independent.
    rows, count
        Shape (rows, count).
    first
        Number of the first row.
    """
    require_seed(seed)
    keys = np.arange(first, first + rows, dtype=np.int64)
    found: Floats = np.asarray(_core.uniforms(seed, purpose_of("vessels", what), keys, count))
    return found.reshape(rows, count)


def straight_lines(
    size: Floats, lines: Iterable[tuple[int, Floats]], diameter: float, note: str
) -> VesselNetwork:
    """Return vessels through the whole box along axes.

    Parameters
    ----------
    size
        Extents of the box, um.
    lines
        Axis, and places across it, shape (count, 2), in the order of the two axes that follow it
        cyclically.
    diameter
        um.
    note
        What they are.
    """
    starts, stops = [], []
    for axis, places in lines:
        start = np.zeros((len(places), 3))
        start[:, (axis + 1) % 3], start[:, (axis + 2) % 3] = places[:, 0], places[:, 1]
        stop = start.copy()
        stop[:, axis] = size[axis]
        starts.append(start)
        stops.append(stop)
    low, high = np.concatenate(starts), np.concatenate(stops)
    count = len(low)
    if count == 0:
        raise DataError("KG-185: the density gives no vessel in a box of this size.")
    return VesselNetwork(
        nodes=np.concatenate([low, high]),
        segments=np.column_stack([np.arange(count), np.arange(count) + count]),
        diameter=np.full(count, diameter),
        box=np.array([np.zeros(3), size]),
        note=note,
    )
