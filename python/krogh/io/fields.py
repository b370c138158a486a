"""Fields: named quantities in space and time, as results are stored.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from krogh.errors import DataError, SpecError, did_you_mean
from krogh.io.image import Image
from krogh.labeled import LabeledArray
from krogh.space.grid import Grid
from krogh.table import require_extra
from krogh.units import convert, dimension, format_number, parse_quantity

__all__ = ["Fields", "record_number"]


class Fields(Mapping[str, LabeledArray]):
    """Quantities on one grid at several times: ``fields["occupancy_HER2"]`` is (time, z, y, x).

    Parameters
    ----------
    grid
        Where the voxels lie.
    times
        Ascending times with unit: ``([0, 6, 24], "h")``.
    values
        Name to (array, unit), arrays (time, nz, ny, nx), or without time where there is one time.
        NaN marks voxels without a value.
    descriptions
        Name to what it is, in words.
    facts
        What should be known later; plain data, stored with the file.

    Raises
    ------
    DataError
        KG-231 for values that do not fit grid and times, KG-119 for times that do not ascend.
    """

    def __init__(
        self,
        grid: Grid,
        times: tuple[Any, str],
        values: Mapping[str, tuple[ArrayLike, str]],
        *,
        descriptions: Mapping[str, str] | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        numbers, unit = times
        at = np.atleast_1d(np.array(numbers, dtype=np.float64))
        if dimension(unit) != dimension("h"):
            raise SpecError(f"KG-119: times need a unit of time, not {unit!r}.")
        if at.ndim != 1 or not np.isfinite(at).all() or not (np.diff(at) > 0.0).all():
            raise SpecError(f"KG-119: times must be finite and ascend, found {at.tolist()}.")
        at.flags.writeable = False
        self.grid = grid
        self.times: NDArray[np.float64] = at
        self.time_unit = unit
        self.descriptions: Mapping[str, str] = dict(descriptions or {})
        self.facts: Mapping[str, Any] = dict(facts or {})
        coords = {"time": at, **{a: grid.centers(a) for a in ("z", "y", "x")}}
        units = {"time": unit, "z": "um", "y": "um", "x": "um"}
        self._arrays: dict[str, LabeledArray] = {}
        for name, (array, of) in values.items():
            given = np.array(array)
            if given.shape == grid.shape and at.size == 1:
                given = given[None]
            if given.shape != (at.size, *grid.shape):
                raise DataError(
                    f"KG-231: the field {name!r} has the shape {given.shape}; {at.size} times on"
                    f" the grid need {(at.size, *grid.shape)} (time, z, y, x)."
                )
            if given.dtype.kind not in "buif":
                raise DataError(f"KG-231: the field {name!r} holds {given.dtype}, no numbers.")
            dims = ("time", "z", "y", "x")
            self._arrays[name] = LabeledArray(given, dims, of, name, coords, units)

    def __getitem__(self, name: str) -> LabeledArray:
        if name not in self._arrays:
            raise SpecError(
                f"KG-118: there is no field {name!r}.{did_you_mean(str(name), self._arrays)}"
                f"  There are {', '.join(self._arrays) or 'none'}."
            )
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def time_index(self, time: Any = None) -> int:
        """Return the number of a time: the last one, or ``"6 h"``, which must be one of them.

        Raises
        ------
        SpecError
            KG-119 for a time that is not there.
        """
        return record_number(self.times, self.time_unit, time)

    def image(self, name: str, time: Any = None) -> Image:
        """Return one field at one time (the last if left out) as an image."""
        array = self[name]
        return Image(array.values[self.time_index(time)], self.grid, array.unit, name=name)

    def at(self, time: Any = None) -> Fields:
        """Return the fields at one time, the last if left out."""
        k = self.time_index(time)
        return Fields(
            self.grid,
            (self.times[k : k + 1], self.time_unit),
            {n: (a.values[k : k + 1], a.unit) for n, a in self.items()},
            descriptions=self.descriptions,
            facts=self.facts,
        )

    def describe(self, name: str) -> str:
        """Return what a field is, in words; its name where nothing is said."""
        return self.descriptions.get(name, name)

    def save(self, path: str | Path, name: str | None = None, time: Any = None) -> Path:
        """Write a file, whole or not at all.

        Parameters
        ----------
        path
            ``.vtkhdf`` or ``.h5``: HDF5 of all fields and times, for ParaView and xarray;
            ``.vti``: VTK's image data of all fields at one time; ``.nii`` or ``.nii.gz``: one field
            at one time on the same grid.
        name
            Of the field, for NIfTI.
        time
            Which time, where the file holds one; the only one if left out.

        Raises
        ------
        SpecError
            KG-133 where the file cannot be written; KG-112 for several times or fields in a file
            that holds one.
        """
        from krogh.io.files import write

        chosen = self if time is None else self.at(time)
        if name is None:
            return write(chosen, path)
        if chosen.times.size > 1:
            raise SpecError("KG-112: several times do not fit into one image; say time='24 h'.")
        return write(chosen.image(name), path)

    def to_xarray(self) -> Any:
        """Return an xarray Dataset with coordinates time, z, y, x.

        Raises
        ------
        MissingExtra
            KG-901 without xarray.
        """
        xarray = require_extra("xarray", "a labeled dataset")
        dataset = xarray.Dataset({name: array.to_xarray() for name, array in self.items()})
        for name in self:
            dataset[name].attrs["long_name"] = self.describe(name)
        return dataset

    @property
    def length_unit(self) -> str:
        """Unit of lengths in files: mm for voxels of 0.5 mm and more, um below."""
        return "mm" if self.grid.spacing.max() >= 500.0 else "um"

    def lengths(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return lengths in um in the unit that files have."""
        return convert(np.asarray(values, dtype=np.float64), "um", self.length_unit)

    def __repr__(self) -> str:
        times = f"{self.times.size} time{'s' if self.times.size > 1 else ''} up to"
        return (
            f"<Fields: {', '.join(self) or 'none'}; {times}"
            f" {format_number(float(self.times[-1]))} {self.time_unit} on {self.grid!r}>"
        )


def record_number(times: NDArray[np.float64], unit: str, time: Any) -> int:
    """Return the number of a recorded time, with unit; the last one for None.

    Raises
    ------
    SpecError
        KG-119 for a time that is not there.
    """
    if time is None:
        return times.size - 1
    wanted = parse_quantity(time, "time").to(unit)
    near = int(np.argmin(np.abs(times - wanted)))
    scale = max(abs(wanted), float(np.abs(times).max()))
    if abs(times[near] - wanted) > 1e-9 * scale:
        raise SpecError(
            f"KG-119: there is no record at {time}; the nearest is"
            f" {format_number(float(times[near]))} {unit}."
        )
    return near
