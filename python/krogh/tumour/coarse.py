"""Coarser voxels: blocks of an image's voxels, with their means and sums.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError
from krogh.space.grid import Grid
from krogh.units import format_number
from krogh.vessels.checks import lengths_um

__all__ = ["Blocks", "blocks_of"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_WHOLE = 1e-6
"""By how much a spacing may miss a whole number of voxels, relative: headers are rounded."""


@dataclass(frozen=True)
class Blocks:
    """Blocks of voxels of a grid.

    Attributes
    ----------
    fine, grid
        The voxels, and their blocks; the last blocks may reach beyond the image.
    factors
        Voxels of a block along z, y and x.
    """

    fine: Grid
    grid: Grid
    factors: tuple[int, int, int]

    @property
    def is_one(self) -> bool:
        """Whether blocks are single voxels."""
        return self.factors == (1, 1, 1)

    def sums(self, values: Any) -> Floats:
        """Return the sum of every block; what lies beyond the image is 0."""
        array = np.asarray(values, dtype=np.float64)
        if self.is_one:
            return array
        pads = [
            (0, blocks * f - n)
            for n, f, blocks in zip(array.shape, self.factors, self.grid.shape, strict=True)
        ]
        array = np.pad(array, pads)
        (z, y, x), (fz, fy, fx) = self.grid.shape, self.factors
        found: Floats = array.reshape(z, fz, y, fy, x, fx).sum(axis=(1, 3, 5))
        return found

    def share(self, chosen: Bools) -> Floats:
        """Return the share of each block's volume that is chosen."""
        return self.sums(chosen) / float(np.prod(self.factors))

    def means(self, values: Any, chosen: Bools) -> Floats:
        """Return the mean of the chosen voxels of each block; NaN where none is."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.sums(np.where(chosen, values, 0.0)) / self.sums(chosen)


def blocks_of(grid: Grid, spacing: Any) -> Blocks:
    """Return the blocks of a grid with a spacing of whole voxels.

    Parameters
    ----------
    spacing
        ``"10 um"``, or x, y and z; None: the voxels themselves.  One length does not hold across a
        single section.

    Raises
    ------
    SpecError
        KG-166 for a spacing that is no whole number of voxels, and says which axis.
    """
    if spacing is None:
        return Blocks(grid, grid, (1, 1, 1))
    wanted = np.array(lengths_um(spacing, "spacing"))
    if np.ptp(wanted) == 0.0 and grid.shape[0] == 1:
        wanted[2] = grid.spacing[2]
    count = wanted / grid.spacing
    whole = np.rint(count)
    wrong = (whole < 1.0) | (np.abs(count - whole) > _WHOLE * count)
    if wrong.any():
        axis = int(np.argmax(wrong))
        raise SpecError(
            f"KG-166: a spacing of {format_number(float(wanted[axis]))} um along {'xyz'[axis]} is"
            f" no whole number of the image's voxels of"
            f" {format_number(float(grid.spacing[axis]))} um."
        )
    x, y, z = (int(n) for n in whole)
    factors = (z, y, x)
    if factors == (1, 1, 1):
        return Blocks(grid, grid, factors)
    shape = tuple(-(-n // f) for n, f in zip(grid.shape, factors, strict=True))
    first = grid.position([0.5 * (f - 1) for f in factors])
    coarse = Grid(shape, (grid.spacing * whole, "um"), (first, "um"), grid.direction)
    return Blocks(grid, coarse, factors)
