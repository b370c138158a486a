"""Parts of a result in a volume: what failed, the plasma by name, voxels as cells of a line.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from krogh.errors import SpecError
from krogh.labeled import LabeledArray
from krogh.line.result import LineResult

__all__ = ["VolumeFailure", "VolumePlasma", "VoxelCells", "without_line"]


@dataclass(frozen=True)
class VolumeFailure:
    """Where a volume could not be solved further.

    Attributes
    ----------
    time, time_unit
        When.
    species, index, position
        The state involved (empty: none), its voxel z, y, x (empty: none) and where that is, x, y,
        z, um.
    """

    time: float
    time_unit: str
    species: str
    index: tuple[int, ...]
    position: tuple[float, ...]
    reason: str
    code: int = 0

    def __str__(self) -> str:
        what = f", {self.species}" if self.species else ""
        place = ", ".join(f"{p:.4g}" for p in self.position)
        where = f" in voxel {self.index} (z, y, x) at ({place}) um" if self.index else ""
        return f"at {self.time:.6g} {self.time_unit}{what}{where}: {self.reason}"


class VoxelCells(LineResult):
    """The voxels inside as the cells of one line; what is summed over cells is summed here."""

    @property
    def _size_unit(self) -> str:
        return "um^3"

    def _failure(self, f: Any) -> Any:
        return f

    def at(self, k: int) -> VoxelCells:
        """Return the cells with one of the records only, so that one time is computed."""
        n = self.settings.grid.size
        part = slice(k % n, k % n + 1)
        found = copy(self)
        found.settings = replace(self.settings, grid=self.settings.grid[part])
        o = self._outcome
        found._outcome = replace(
            o,
            values=o.values[:, part],
            contents=o.contents[:, part],
            entered=o.entered[:, part],
            plasma=None if o.plasma is None else o.plasma[:, part],
        )
        return found

    def fraction_of_voxels(
        self, name: str, at_least: Any, at_most: Any, weights: Any
    ) -> LabeledArray:
        """Return the share of the weight within limits; voxels count whole.

        Along a line values are straight between cells; voxels in the order of the grid are no line.
        """
        array = self[name]
        low, high = (self._limit(v, array.unit, name) for v in (at_least, at_most))
        if low is None and high is None:
            raise SpecError("KG-118: fraction_of_voxels needs at_least=... or at_most=....")
        w = np.broadcast_to(self._weights(weights), array.shape)
        met = np.ones(array.shape, dtype=bool)
        if low is not None:
            met &= array.values >= low
        if high is not None:
            met &= array.values <= high
        with np.errstate(invalid="ignore", divide="ignore"):
            share = (met * w).sum(axis=-1) / w.sum(axis=-1)
        share = np.where(np.isnan(array.values).any(axis=-1), np.nan, share)
        return self.labeled(share, f"fraction of voxels by {name}", "")


class VolumePlasma(Mapping[str, LabeledArray]):
    """Outputs and species of the systemic model, or given curves, axis ("time",)."""

    def __init__(self, cells: LineResult) -> None:
        self._plasma = cells.plasma

    def __iter__(self) -> Iterator[str]:
        return iter(self._plasma)

    def __len__(self) -> int:
        return len(self._plasma)

    def __getitem__(self, name: str) -> LabeledArray:
        return without_line(self._plasma[name])


def without_line(array: LabeledArray) -> LabeledArray:
    """Return the array of the one line, without its axis."""
    at = array.dims.index("line")
    coords = {k: v for k, v in array.coords.items() if k != "line"}
    dims = tuple(d for d in array.dims if d != "line")
    values = np.take(array.values, 0, axis=at)
    return LabeledArray(values, dims, array.unit, array.name, coords, array.coord_units)
