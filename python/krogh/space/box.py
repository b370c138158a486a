"""The box of a grid: names of its sides, and labels that say which voxels are tissue.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, did_you_mean
from krogh.space.grid import Grid

__all__ = ["OUTSIDE", "SIDES", "region_labels", "require_pairs", "sides_named"]

OUTSIDE: Final = 255
"""Region of voxels that are no tissue; nothing passes into them."""

SIDES: Final = ("x low", "x high", "y low", "y high", "z low", "z high")


def region_labels(given: Any, grid: Grid, code: str) -> NDArray[np.uint8]:
    """Return labels of the voxels, 255 outside, shape (nz, ny, nx).

    Parameters
    ----------
    given
        Whole numbers from 0 to 254, and 255 outside; or a mask, True within the tissue.
    grid
        The voxels.
    code
        Of the error.

    Raises
    ------
    SpecError
        Of that code, for another shape, kind or range.
    """
    array = np.asarray(given)
    if array.shape != grid.shape or array.dtype.kind not in "bui":
        raise SpecError(
            f"{code}: regions must be whole numbers, or a mask, of the shape {grid.shape} (z, y,"
            f" x), 255 outside; found {array.dtype} of shape {array.shape}."
        )
    if array.dtype.kind == "b":  # a mask: what is not tissue is outside
        return np.where(array, np.uint8(0), np.uint8(OUTSIDE))
    if array.min() < 0 or array.max() > OUTSIDE:
        raise SpecError(
            f"{code}: regions run from 0 to 254, 255 is outside; found {array.min()} to"
            f" {array.max()}."
        )
    return array.astype(np.uint8)


def sides_named(name: Any, code: str) -> list[str]:
    """Return the side of this name, or both along an axis.

    Raises
    ------
    SpecError
        Of that code, for an unknown name.
    """
    chosen = [s for s in SIDES if name in (s, s[0])]
    if not chosen:
        raise SpecError(
            f"{code}: there is no side {name!r}.{did_you_mean(str(name), SIDES)}"
            f"  Sides are {', '.join(SIDES)}, or 'x' for both."
        )
    return chosen


def require_pairs(kinds: Mapping[str, str], grid: Grid, code: str) -> None:
    """Raise SpecError of that code where one side of a pair is periodic, or one voxel is."""
    for axis, count in zip("xyz", reversed(grid.shape), strict=True):
        both = [kinds[f"{axis} {end}"] == "periodic" for end in ("low", "high")]
        if both[0] != both[1]:
            raise SpecError(f"{code}: both sides along {axis} are periodic, or none.")
        if both[0] and count == 1:
            raise SpecError(f"{code}: one voxel along {axis} cannot be periodic.")
