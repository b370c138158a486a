"""Checkpoints: everything a volume run needs to go on, in one file that is whole or refused.

SPDX-License-Identifier: BSD-3-Clause

Layout, all numbers little-endian: 8 bytes that name the kind of file; the version of the format
(4 bytes), the CRC-32 of the header (4) and its length (8); the header as JSON in UTF-8; then the
arrays one after the other as they lie in memory, each from a multiple of 64 bytes on, with zeros
between; at the end the CRC-32 of everything before (4 bytes) and 4 bytes that end the file.  The
header states kind, shape, place and CRC-32 of every array.  Nothing is compressed.  CRC-32 is that
of IEEE 802.3, as `zlib.crc32` computes it: it finds every change of up to 32 bits in a row.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError
from krogh.whole_files import write_whole

__all__ = ["Snapshot", "read_checkpoint", "write_checkpoint"]

Array = NDArray[Any]

FORMAT: Final = "krogh-checkpoint"
VERSION: Final = 1
_MAGIC: Final = b"\x89KRGCP\r\n"
_END: Final = b"\x1aEOF"
_FRONT: Final = struct.Struct("<8sIIQ")
_BACK: Final = struct.Struct("<I4s")
_ALIGNED: Final = 64
_KINDS: Final = ("<f8", "<i8", "|b1")
_PIECE: Final = 1 << 24
_NO_HEADER: Final = (AttributeError, LookupError, MemoryError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Snapshot:
    """A run after one of its accepted steps.

    Attributes
    ----------
    state
        Of the solver, by the names of its parts: arrays, and numbers as arrays without axes.
    records
        What was recorded so far, by name, the first axis being that of the records.
    problem
        Which problem it belongs to: a fingerprint of every part, by the part's name; or a function
        that returns it, as it takes time.
    saved
        CRC-32 of the records that went to a file of fields while the run went on.
    facts
        What else is worth knowing: version, machine, time.
    """

    state: Mapping[str, Any]
    records: Mapping[str, Array]
    problem: Mapping[str, str] | Callable[[], Mapping[str, str]]
    saved: tuple[int, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def time(self) -> float:
        """Reached time, s."""
        return float(self.state["time"])

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """Which problem it belongs to."""
        return self.problem() if callable(self.problem) else self.problem

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Yield all arrays as they are stored, by name."""
        for group, parts in (("state", self.state), ("records", self.records)):
            for name, value in parts.items():
                yield f"{group}/{name}", _stored(value)


def _stored(value: Any) -> Array:
    array = np.asarray(value)
    kind = {"b": "|b1", "i": "<i8"}.get(array.dtype.kind, "<f8")
    return np.asarray(array, dtype=kind, order="C")  # keeps arrays without axes as they are


def _bytes(array: Array) -> memoryview:
    return memoryview(array.reshape(-1).view(np.uint8).data)


def write_checkpoint(path: str | Path, snapshot: Snapshot) -> Path:
    """Write a checkpoint, whole or not at all; an older one stays until the new one is on the disk.

    Raises
    ------
    SpecError
        KG-133 for a path that cannot be written, or a full disk.
    """
    arrays = dict(snapshot.arrays())
    entries, at = [], 0
    for name, array in arrays.items():
        entries.append(
            {
                "name": name,
                "kind": array.dtype.str,
                "shape": list(array.shape),
                "at": at,
                "crc32": zlib.crc32(_bytes(array)),
            }
        )
        at += _round_up(array.nbytes)
    header = json.dumps(
        {
            "format": FORMAT,
            "problem": dict(snapshot.fingerprint),
            "saved": list(snapshot.saved),
            "facts": dict(snapshot.facts),
            "arrays": entries,
        },
        ensure_ascii=False,
    ).encode("utf-8")

    def put(temporary: Path) -> None:
        crc = 0
        with temporary.open("wb") as file:

            def write(data: bytes | memoryview) -> None:
                nonlocal crc
                crc = zlib.crc32(data, crc)
                file.write(data)

            write(_FRONT.pack(_MAGIC, VERSION, zlib.crc32(header), len(header)))
            write(header)
            write(_filling(_FRONT.size + len(header)))
            for array in arrays.values():
                write(_bytes(array))
                write(_filling(array.nbytes))
            file.write(_BACK.pack(crc, _END))

    return write_whole(path, put)


def _round_up(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED


def _filling(size: int) -> bytes:
    return bytes(_round_up(size) - size)


class _Damaged(Exception):
    """What is wrong with a file."""


def read_checkpoint(path: str | Path) -> Snapshot:
    """Read a checkpoint.

    Raises
    ------
    DataError
        KG-237 for a file that is not there, is cut off or damaged, or is no checkpoint.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return _read(file, path.stat().st_size)
    except FileNotFoundError:
        raise DataError(f"KG-237: there is no checkpoint {str(path)!r}.") from None
    except OSError as error:
        raise DataError(
            f"KG-237: the checkpoint {str(path)!r} cannot be read: {error.strerror}."
        ) from error
    except _Damaged as error:
        raise DataError(f"KG-237: {str(path)!r} {error}.") from None


def _read(file: BinaryIO, size: int) -> Snapshot:
    crc = 0

    def take(count: int) -> bytes:
        nonlocal crc
        if file.tell() + count + _BACK.size > size:
            raise _Damaged("is cut off")
        data = file.read(count)
        if len(data) != count:
            raise _Damaged("is cut off")
        crc = zlib.crc32(data, crc)
        return data

    if size < _FRONT.size + _BACK.size or file.read(len(_MAGIC)) != _MAGIC:
        raise _Damaged("is no checkpoint that krogh wrote")
    file.seek(0)
    _, version, header_crc, length = _FRONT.unpack(take(_FRONT.size))
    text = take(length)
    if zlib.crc32(text) != header_crc:
        raise _Damaged("is damaged: its header does not match its check sum")
    if version != VERSION:
        raise _Damaged(
            f"has version {version} of the format, and this krogh reads version {VERSION}"
        )
    _skip(take, len(text) + _FRONT.size)
    try:
        header = json.loads(text)
        if header["format"] != FORMAT:
            raise _Damaged("is no checkpoint that krogh wrote")
        groups: dict[str, dict[str, Array]] = {"state": {}, "records": {}}
        for at, entry in _entries(header["arrays"]):
            group, name = entry["name"].split("/")
            array = np.empty(entry["shape"], dtype=_kind(entry["kind"]))
            if at != entry["at"]:
                raise ValueError("arrays overlap")
            _fill(array, take, entry)
            groups[group][name] = array
        snapshot = Snapshot(
            groups["state"],
            groups["records"],
            header["problem"],
            tuple(header["saved"]),
            header["facts"],
        )
    except (*_NO_HEADER, TypeError, ValueError) as error:
        raise _Damaged(f"is damaged: {error}") from None
    if file.read() != _BACK.pack(crc, _END):
        raise _Damaged("is damaged: its end does not match its check sum")
    return snapshot


def _entries(entries: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    at = 0
    for entry in entries:
        yield at, entry
        count = 1
        for n in entry["shape"]:
            if not isinstance(n, int) or n < 0:
                raise ValueError(f"an array of the shape {entry['shape']}")
            count *= n
        at += _round_up(count * np.dtype(entry["kind"]).itemsize)


def _kind(name: str) -> Any:
    if name not in _KINDS:
        raise ValueError(f"numbers of the kind {name!r}")
    return np.dtype(name)


def _fill(array: Array, take: Any, entry: Mapping[str, Any]) -> None:
    """Read an array's bytes in pieces, and what fills up after them."""
    target = _bytes(array)
    crc = 0
    for first in range(0, len(target), _PIECE):
        data = take(min(_PIECE, len(target) - first))
        crc = zlib.crc32(data, crc)
        target[first : first + len(data)] = data
    if crc != entry["crc32"]:
        raise _Damaged(f"is damaged: {entry['name']!r} does not match its check sum")
    _skip(take, len(target))


def _skip(take: Any, size: int) -> None:
    """Read the zeros that fill up after `size` bytes."""
    expected = _filling(size)
    if take(len(expected)) != expected:
        raise _Damaged("is damaged: there is something between its arrays")
