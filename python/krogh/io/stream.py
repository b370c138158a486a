"""Fields that are written time by time, so that memory need not hold them all.

SPDX-License-Identifier: BSD-3-Clause

A file of the VTKHDF layout (`krogh.io.vtkhdf`) is laid out at its full size under the name
``NAME.part``; each time goes to its place in it by an ordinary write, which HDF5 has no part in (an
HDF5 file whose write fails cannot be closed any more).  Its first bytes, which make it an HDF5
file, come last: nobody takes what is not reached yet for zeros.  Then it gets its name.

A series of ``.vti`` files, each of them whole, is listed in ``NAME.vti.series``, which ParaView
opens as one data set in time.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError, SpecError
from krogh.io.fields import Fields
from krogh.io.vti import read_vti, write_vti
from krogh.io.vtkhdf import lay_out, stored
from krogh.table import require_extra
from krogh.whole_files import cannot_write, sync, write_whole

__all__ = ["FieldStream", "open_stream"]

Floats = NDArray[np.float64]

_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"
"""First bytes of an HDF5 file, as its file format specification states them."""


class FieldStream(Protocol):
    """A file, or a series of files, of fields at times that are known beforehand.

    Errors of the disk are SpecError KG-133 with the path.
    """

    def put(self, number: int, fields: Fields) -> int:
        """Write the fields at one time. @return their CRC-32."""

    def check(self, number: int) -> int:
        """Return the CRC-32 of what stands in the file for a time."""

    def sync(self) -> None:
        """Wait until everything that was put is on the disk."""

    def finish(self) -> Path:
        """Give the file its name; all times have been put."""

    def close(self, *, remove: bool = False) -> None:
        """Leave the unfinished file as it is, or remove it."""


def open_stream(path: Path, template: Fields, times: Floats, *, begun: bool) -> FieldStream:
    """Return the stream for a file, by its suffix.

    Parameters
    ----------
    path
        ``.vtkhdf`` or ``.h5``, or ``.vti`` for a series.
    template
        Grid, names, units and facts; values of one time, which only say of what kind they are.
    times
        All times, in the template's unit.
    begun
        Go on with an unfinished file.

    Raises
    ------
    SpecError
        KG-112 for another suffix, KG-133 for a path that cannot be written.
    DataError
        KG-237 where the unfinished file is not there.
    MissingExtra
        KG-901 without h5py.
    """
    suffix = path.suffix.lower()
    if suffix in (".vtkhdf", ".h5"):
        return _Hdf5Stream(path, template, times, begun=begun)
    if suffix == ".vti":
        return _VtiSeries(path, template, times)
    raise SpecError(
        f"KG-112: {path.name!r} has no suffix that fields can be streamed to: .vtkhdf, .h5, .vti."
    )


def _crc(arrays: list[NDArray[Any]]) -> int:
    crc = 0
    for array in arrays:
        crc = zlib.crc32(_bytes(np.ascontiguousarray(array)), crc)
    return crc


def _bytes(array: NDArray[Any]) -> memoryview:
    return memoryview(array.reshape(-1).view(np.uint8).data)


class _Sparse:
    """A file in memory that keeps only pages that were written, as HDF5 needs it for a layout."""

    PAGE: Final = 4096

    def __init__(self) -> None:
        self.pages: dict[int, bytearray] = {}
        self.size = 0
        self._at = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def truncate(self, size: int | None = None) -> int:
        self.size = self._at if size is None else size
        return self.size

    def flush(self) -> None:
        return None

    def readinto(self, target: Any) -> int:
        view = memoryview(target).cast("B")
        for page, low, high, done in self._parts(len(view)):
            if page in self.pages:
                view[done : done + high - low] = self.pages[page][low:high]
            else:
                view[done : done + high - low] = bytes(high - low)
        self._at += len(view)
        return len(view)

    def read(self, count: int = -1) -> bytes:
        found = bytearray(max(0, self.size - self._at) if count < 0 else count)
        self.readinto(found)
        return bytes(found)

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        for page, low, high, done in self._parts(len(view)):
            self.pages.setdefault(page, bytearray(self.PAGE))[low:high] = view[
                done : done + high - low
            ]
        self._at += len(view)
        self.size = max(self.size, self._at)
        return len(view)

    def _parts(self, count: int) -> Any:
        done = 0
        while done < count:
            page, low = divmod(self._at + done, self.PAGE)
            high = min(self.PAGE, low + count - done)
            yield page, low, high, done
            done += high - low


class _Hdf5Stream:
    def __init__(self, path: Path, template: Fields, times: Floats, *, begun: bool) -> None:
        self._path = path
        self._part = path.with_name(path.name + ".part")
        self._handle = -1
        self._names = list(template)
        self._shape = template.grid.shape
        self._kinds = {n: stored(a.values).dtype for n, a in template.items()}
        self._writable = True
        sparse = _Sparse()
        self._offsets = self._layout(sparse, template, times)
        if path.is_dir():
            raise SpecError(f"KG-133: {str(path)!r} cannot be written: there is such a folder.")
        if begun:
            self._reopen(sparse.size)
            return
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
            self._handle = os.open(self._part, flags, 0o666)
            os.ftruncate(self._handle, sparse.size)
            for page, content in sparse.pages.items():
                at = page * sparse.PAGE
                data = bytes(content[: max(0, sparse.size - at)])
                if page == 0:
                    data = bytes(len(_SIGNATURE)) + data[len(_SIGNATURE) :]
                self._write(at, memoryview(data))
        except OSError as error:
            self.close(remove=self._handle >= 0)
            raise cannot_write(self._part, error) from error

    def _layout(self, sparse: _Sparse, template: Fields, times: Floats) -> dict[str, int]:
        h5py = require_extra("h5py", "an HDF5 file")
        datasets: dict[str, Any] = {}

        def put(cells: Any, name: str) -> Any:
            plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            plist.set_layout(h5py.h5d.CONTIGUOUS)
            plist.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
            plist.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
            space = h5py.h5s.create_simple((times.size, *self._shape))
            kind = h5py.h5t.py_create(self._kinds[name])
            made = h5py.h5d.create(cells.id, name.encode("utf-8"), kind, space, plist)
            datasets[name] = h5py.Dataset(made)
            return datasets[name]

        with h5py.File(sparse, "w") as file:
            lay_out(file, template, times, put)
            file.flush()
            return {name: int(d.id.get_offset()) for name, d in datasets.items()}

    def _reopen(self, size: int) -> None:
        binary = getattr(os, "O_BINARY", 0)
        try:
            self._handle = os.open(self._part, os.O_RDWR | binary)
        except FileNotFoundError:
            try:  # it was finished, and nothing is left to write
                self._handle = os.open(self._path, os.O_RDONLY | binary)
            except OSError:
                raise DataError(
                    f"KG-237: the unfinished file {str(self._part)!r}, into which this run saves"
                    " its fields, is not there."
                ) from None
            self._writable = False
        except OSError as error:
            raise cannot_write(self._part, error) from error
        found = os.fstat(self._handle).st_size
        if found != size:
            self.close()
            raise DataError(
                f"KG-237: the unfinished file {str(self._part)!r} has {found:,} bytes; {size:,} are"
                " expected."
            )

    def _arrays(self, fields: Fields) -> list[NDArray[Any]]:
        found = []
        for name in self._names:
            array = np.ascontiguousarray(stored(fields[name].values), dtype=self._kinds[name])
            found.append(array[0])
        return found

    def _write(self, at: int, data: memoryview) -> None:
        os.lseek(self._handle, at, os.SEEK_SET)
        while data:
            data = data[os.write(self._handle, data) :]

    def _place(self, number: int, name: str) -> tuple[int, int]:
        size = int(np.prod(self._shape)) * self._kinds[name].itemsize
        return self._offsets[name] + number * size, size

    def put(self, number: int, fields: Fields) -> int:
        arrays = self._arrays(fields)
        if not self._writable:
            raise DataError(
                f"KG-237: {str(self._path)!r} is finished, but the run that goes on is not: the"
                f" unfinished file {str(self._part)!r} is not there."
            )
        try:
            for name, array in zip(self._names, arrays, strict=True):
                at, _ = self._place(number, name)
                self._write(at, _bytes(array))
        except OSError as error:
            raise cannot_write(self._part, error) from error
        return _crc(arrays)

    def check(self, number: int) -> int:
        crc = 0
        for name in self._names:
            at, size = self._place(number, name)
            os.lseek(self._handle, at, os.SEEK_SET)
            while size:
                data = os.read(self._handle, min(size, 1 << 24))
                if not data:
                    return -1
                crc = zlib.crc32(data, crc)
                size -= len(data)
        return crc

    def sync(self) -> None:
        try:
            os.fsync(self._handle)
        except OSError as error:
            raise cannot_write(self._part, error) from error

    def finish(self) -> Path:
        if self._writable:
            self.sync()
            try:
                self._write(0, memoryview(_SIGNATURE))
            except OSError as error:
                raise cannot_write(self._part, error) from error
            self.sync()
        self.close()
        if self._writable:
            try:
                os.replace(self._part, self._path)
                sync(self._path.parent)
            except OSError as error:
                raise cannot_write(self._path, error) from error
        return self._path

    def close(self, *, remove: bool = False) -> None:
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)
        if remove and self._writable:
            self._part.unlink(missing_ok=True)


class _VtiSeries:
    def __init__(self, path: Path, template: Fields, times: Floats) -> None:
        self._path = path
        self._times = times
        self._digits = max(4, len(str(times.size - 1)))
        self._listed = path.with_name(path.name + ".series")
        self._unit = template.time_unit
        self._list(0)  # finds out now whether it can be written

    def _file(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.stem}_{number:0{self._digits}d}.vti")

    def _list(self, count: int) -> None:
        files = [{"name": self._file(k).name, "time": float(self._times[k])} for k in range(count)]
        text = json.dumps({"file-series-version": "1.0", "files": files}, indent=1)
        write_whole(self._listed, lambda file: file.write_text(text, encoding="utf-8"))

    def put(self, number: int, fields: Fields) -> int:
        write_vti(fields, self._file(number))
        self._list(number + 1)
        return _crc([stored(a.values) for a in fields.values()])

    def check(self, number: int) -> int:
        found = read_vti(self._file(number))
        self._list(number + 1)
        return _crc([a.values for a in found.values()])

    def sync(self) -> None:
        return None  # every file is on the disk when it has its name

    def finish(self) -> Path:
        return self._listed

    def close(self, *, remove: bool = False) -> None:
        if remove:
            self._listed.unlink(missing_ok=True)
