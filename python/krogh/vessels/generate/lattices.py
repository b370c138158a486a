"""Regular lattices of parallel vessels (Krogh's picture), and of vessels that cross.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError
from krogh.vessels.generate.inputs import (
    axes_of,
    density_of,
    positive_length,
    size_of,
    straight_lines,
)
from krogh.vessels.network import VesselNetwork

__all__ = ["lattice"]

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


def lattice(
    size: Any, density: Any, *, diameter: Any, pattern: str = "square", axes: str = "z"
) -> VesselNetwork:
    """Return straight vessels on a square or hexagonal lattice.

    Parameters
    ----------
    size
        Of the box: ``"1 mm"``, or x, y and z.
    density
        Length per volume, ``"57 mm/mm^3"``, or number per area, ``"57 1/mm^2"``, over all axes
        together.
    diameter
        Of every vessel.
    pattern
        ``"square"`` or ``"hexagonal"`` (six neighbours).
    axes
        Along which vessels run: ``"z"``, or several such as ``"xyz"`` with equal densities.

    Notes
    -----
    The lattice is stretched to a whole number of vessels along each side (even for rows of the
    hexagonal one), so that it goes on periodically; of the whole numbers around those of the ideal
    lattice those nearest to the density are taken, see ``network.statistics(periodic=True)``.
    Vessels of several axes pass each other at half the spacing of the lattice and are not joined.
    Spacing of the square lattice: ``1/sqrt(n)``, of the
    hexagonal one ``sqrt(2/(sqrt(3) n))``.

    Raises
    ------
    DataError
        KG-185 for sizes, densities, patterns and axes that are none.
    """
    box, count = size_of(size), density_of(density)
    width = positive_length(diameter, "diameter")
    directions = axes_of(axes)
    if pattern not in ("square", "hexagonal"):
        raise DataError(f"KG-185: pattern must be 'square' or 'hexagonal', not {pattern!r}.")
    if pattern == "hexagonal" and len(directions) > 1:
        raise DataError("KG-185: vessels of several axes stand on square lattices only.")
    spacing = (count / len(directions)) ** -0.5
    if pattern == "square":
        shift = (0.5, 0.5) if len(directions) == 1 else (0.25, 0.75)
        planes = _planes(box, directions, count, spacing)
        lines = [
            (axis, _square(box[others], planes[others], shift))
            for axis in directions
            for others in [[(axis + 1) % 3, (axis + 2) % 3]]
        ]
    else:
        axis = directions[0]
        lines = [(axis, _hexagonal(box[(axis + 1) % 3], box[(axis + 2) % 3], spacing, count))]
    note = f"{pattern} lattice along {axes}, {density}"
    return straight_lines(box, lines, width, note)


def _planes(box: Floats, directions: list[int], count: float, spacing: float) -> Indices:
    """Return into how many planes the lattice cuts each side, nearest to the density `count`."""
    choices = [sorted({max(1, int(n)), max(1, int(n) + 1)}) for n in box / spacing]
    best, least = np.ones(3, dtype=np.intp), np.inf
    for choice in product(*choices):
        planes = np.array(choice, dtype=np.intp)
        number = [planes[(a + 1) % 3] * planes[(a + 2) % 3] * float(box[a]) for a in directions]
        apart = abs(sum(number) / float(box.prod()) - count) / count
        # Of equal densities the lattice nearest to squares.
        apart += 1e-6 * float(np.ptp(np.log(planes * spacing / box)))
        if apart < least:
            best, least = planes, apart
    return best


def _square(extent: Floats, planes: Indices, shift: tuple[float, float]) -> Floats:
    """Return places of a square lattice, shape (count, 2)."""
    one, two = ((np.arange(n) + s) * e / n for n, s, e in zip(planes, shift, extent, strict=True))
    return np.stack(np.meshgrid(one, two, indexing="ij"), axis=-1).reshape(-1, 2)


def _hexagonal(first: float, second: float, square: float, count: float) -> Floats:
    """Return a lattice in which every other row is shifted by half, shape (number, 2).

    The numbers of vessels in a row and of rows (even) are those nearest to the density.
    """
    spacing = square * (2.0 / 3.0**0.5) ** 0.5
    whole = int(first / spacing)
    pairs = int(second / (3.0**0.5 * spacing))
    choices = product((max(1, whole), whole + 1), (max(2, 2 * pairs), 2 * pairs + 2))
    along, rows = min(choices, key=lambda n: abs(n[0] * n[1] / (first * second) - count))
    row, place = np.divmod(np.arange(rows * along), along)
    one = (place + 0.25 + 0.5 * (row % 2)) * first / along
    two = (row + 0.5) * second / rows
    return np.column_stack([one, two])
