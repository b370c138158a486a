"""Fields as one HDF5 file in the VTKHDF layout with dimension scales.

SPDX-License-Identifier: BSD-3-Clause

ParaView reads the group ``/VTKHDF`` (image data, version 2.2 of the VTKHDF specification, one entry
of ``Steps`` for each time); xarray reads ``xarray.open_datatree(path, engine="h5netcdf")``, where
every field of ``/VTKHDF/CellData`` has the axes time, z, y, x with the coordinates at the root.
Fields carry ``units`` and ``long_name``; the group ``krogh`` holds the affine and facts as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError
from krogh.io.fields import Fields
from krogh.space.grid import Grid
from krogh.table import require_extra
from krogh.whole_files import write_hdf5

__all__ = ["FORMAT", "read_vtkhdf", "write_vtkhdf"]

FORMAT: Final = "krogh-fields"
VERSION: Final = 1
_AXES: Final = ("time", "z", "y", "x")


def write_vtkhdf(fields: Fields, path: Path) -> Path:
    """Write fields at all times; see `krogh.io.write`."""
    return write_hdf5(path, lambda file: _write(file, fields), "an HDF5 file")


def _write(file: Any, fields: Fields) -> None:
    def put(cells: Any, name: str) -> Any:
        values = stored(fields[name].values)
        small = values.nbytes < 4096
        options: dict[str, Any] = (
            {}
            if small
            else {"chunks": (1, *fields.grid.shape), "compression": "gzip", "shuffle": True}
        )
        if not small and values[0].nbytes > 2**30:  # HDF5 takes chunks below 4 GiB
            options["chunks"] = (1, 1, *fields.grid.shape[1:])
        return cells.create_dataset(name, data=values, **options)

    lay_out(file, fields, fields.times, put)


def stored(values: NDArray[Any]) -> NDArray[Any]:
    """Return numbers as they are stored: truth values as bytes."""
    return values.astype(np.uint8) if values.dtype.kind == "b" else values


def lay_out(
    file: Any, fields: Fields, times: NDArray[np.float64], put: Callable[[Any, str], Any]
) -> None:
    """Make groups, scales and attributes for fields at `times`, whose datasets `put` makes.

    Parameters
    ----------
    file
        An open, empty ``h5py.File``.
    fields
        Grid, names, units and facts are taken from them, times and values are not.
    put
        Called with the group and the name of each field; returns the dataset (time, z, y, x).
    """
    grid = fields.grid
    file.attrs["format"] = FORMAT
    file.attrs["version"] = VERSION
    scales: dict[str, tuple[Any, str]] = {"time": (times, fields.time_unit)}
    for axis in ("z", "y", "x"):
        scales[axis] = (fields.lengths(grid.centers(axis)), fields.length_unit)
    for name, (values, unit) in scales.items():
        dataset = file.create_dataset(name, data=values)
        dataset.attrs["units"] = unit
        dataset.attrs["long_name"] = "time" if name == "time" else f"position along {name}"
        dataset.make_scale(name)
    z, y, x = grid.shape
    group = file.create_group("VTKHDF", track_order=True)
    group.attrs["Version"] = np.array([2, 2], dtype=np.int64)
    group.attrs.create("Type", np.bytes_("ImageData"))
    group.attrs["WholeExtent"] = np.array([0, x, 0, y, 0, z], dtype=np.int64)
    group.attrs["Origin"] = fields.lengths(grid.corner)
    group.attrs["Spacing"] = fields.lengths(grid.spacing)
    group.attrs["Direction"] = np.array(grid.direction.ravel())
    cells = group.create_group("CellData", track_order=True)
    steps = group.create_group("Steps")
    steps.attrs["NSteps"] = np.int64(times.size)
    steps.create_dataset("Values", data=times).dims[0].attach_scale(file["time"])
    offsets = steps.create_group("CellDataOffsets")
    for name, array in fields.items():
        dataset = put(cells, name)
        dataset.attrs["units"] = array.unit
        dataset.attrs["long_name"] = fields.describe(name)
        for number, axis in enumerate(_AXES):
            dataset.dims[number].attach_scale(file[axis])
        entries = np.arange(times.size, dtype=np.int64)
        offsets.create_dataset(name, data=entries).dims[0].attach_scale(file["time"])
    krogh = file.create_group("krogh")
    krogh.attrs["affine"] = grid.affine
    krogh["facts"] = json.dumps(dict(fields.facts), ensure_ascii=False)
    krogh.attrs["fields"] = json.dumps(list(fields))


def read_vtkhdf(path: str | Path) -> Fields:
    """Read a ``.vtkhdf`` or ``.h5`` file of fields that krogh wrote.

    Raises
    ------
    DataError
        KG-234 for another file, or one that is damaged.
    MissingExtra
        KG-901 without h5py.
    """
    path = Path(path)
    h5py = require_extra("h5py", "an HDF5 file")
    if not path.is_file() or not h5py.is_hdf5(path):
        raise DataError(f"KG-234: {str(path)!r} is no HDF5 file.")
    try:
        with h5py.File(path, "r", locking="best-effort") as file:
            if file.attrs.get("format") != FORMAT:
                raise DataError(f"KG-234: {str(path)!r} is HDF5, but no fields that krogh wrote.")
            version = int(file.attrs["version"])
            if version > VERSION:
                raise DataError(
                    f"KG-234: {str(path)!r} has version {version} of the format and this krogh"
                    f" reads up to {VERSION}; update krogh."
                )
            return _read(file)
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"KG-234: {str(path)!r} is damaged or incomplete: {error}.") from error


def _read(file: Any) -> Fields:
    cells = file["VTKHDF/CellData"]
    names = json.loads(file["krogh"].attrs["fields"])
    extent = [int(n) for n in file["VTKHDF"].attrs["WholeExtent"][1::2]]
    grid = Grid.from_affine((extent[2], extent[1], extent[0]), file["krogh"].attrs["affine"])
    values = {n: (cells[n][()], str(cells[n].attrs["units"])) for n in names}
    return Fields(
        grid,
        (file["time"][()], str(file["time"].attrs["units"])),
        values,
        descriptions={n: str(cells[n].attrs["long_name"]) for n in names},
        facts=json.loads(file["krogh/facts"][()].decode("utf-8")),
    )
