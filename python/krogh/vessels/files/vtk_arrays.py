"""Data arrays of VTK XML files: ascii, base64 and appended, with or without zlib.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import base64
import binascii
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from krogh.vessels.files.assemble import unreadable

__all__ = ["ArrayReader"]

_TYPES = {
    "Int8": "i1",
    "UInt8": "u1",
    "Int16": "i2",
    "UInt16": "u2",
    "Int32": "i4",
    "UInt32": "u4",
    "Int64": "i8",
    "UInt64": "u8",
    "Float32": "f4",
    "Float64": "f8",
}


class ArrayReader:
    """Decodes the arrays of one VTK XML file."""

    def __init__(self, path: Path, root: ElementTree.Element) -> None:
        self.path = path
        order = "<" if root.get("byte_order", "LittleEndian") == "LittleEndian" else ">"
        self.order = order
        self.header = self._dtype(root.get("header_type", "UInt32"), ["UInt32", "UInt64"])
        compressor = root.get("compressor")
        if compressor not in (None, "vtkZLibDataCompressor"):
            unreadable(path, f"data compressed by {compressor} cannot be read; use zlib or none.")
        self.compressed = compressor is not None
        appended = root.find("AppendedData")
        self.appended: bytes | None = None
        if appended is not None:
            if appended.get("encoding") != "base64":
                unreadable(path, "appended data must be in base64.")
            text = (appended.text or "").strip()
            self.appended = self._ascii(text.removeprefix("_"), "the appended data")

    def arrays(self, piece: ElementTree.Element, section: str) -> dict[str, ElementTree.Element]:
        """Return the numeric arrays of a section of the piece by name."""
        return {
            array.get("Name", ""): array
            for array in piece.iterfind(f"./{section}/DataArray")
            if array.get("type") != "String"
        }

    def only(self, piece: ElementTree.Element, section: str) -> NDArray[np.float64]:
        """Return the single array of a section as float64."""
        found = list(piece.iterfind(f"./{section}/DataArray"))
        if len(found) != 1:
            unreadable(self.path, f"one array in {section} is needed, found {len(found)}.")
        return self.values(found[0]).astype(np.float64)

    def named(self, piece: ElementTree.Element, section: str, name: str) -> NDArray[Any]:
        """Return the array of this name in a section; KG-186 if it is absent."""
        found = self.arrays(piece, section)
        if name not in found:
            unreadable(self.path, f"there is no array {name} in {section}.")
        return self.values(found[name])

    def first_line(self, piece: ElementTree.Element) -> int:
        """Return the index of the first line among the cells: vertices stand before lines."""
        return self._whole(piece, "NumberOfVerts", 0)

    def _whole(self, element: ElementTree.Element, name: str, default: int) -> int:
        """Return an attribute that is a whole number."""
        text = element.get(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            unreadable(self.path, f"{name} is {text!r}, which is no number.")
        return int(text)

    def _dtype(self, name: str, allowed: list[str]) -> np.dtype[Any]:
        if name not in allowed:
            unreadable(self.path, f"the type {name!r} is none of {', '.join(allowed)}.")
        return np.dtype(self.order + _TYPES[name])

    def _ascii(self, text: str, what: str) -> bytes:
        if not text.isascii():
            unreadable(self.path, f"{what} holds characters that are not base64.")
        return text.encode("ascii")

    def values(self, array: ElementTree.Element) -> NDArray[Any]:
        """Return the values of an array, flat unless it has several components."""
        name = array.get("Name", "")
        dtype = self._dtype(array.get("type", "Float64"), list(_TYPES))
        form = array.get("format", "ascii")
        text = (array.text or "").strip()
        try:
            if form == "ascii":
                kind = np.float64 if dtype.kind == "f" else np.int64
                values = np.array(text.split(), dtype=kind)
            elif form == "binary":
                values = np.frombuffer(
                    self._decoded(self._ascii(text, f"the array {name}")), dtype=dtype
                )
            elif form == "appended" and self.appended is not None:
                start = self._whole(array, "offset", 0)
                values = np.frombuffer(self._decoded(self.appended[start:]), dtype=dtype)
            else:
                unreadable(self.path, f"the array {name} has the format {form!r}.")
        except (ValueError, OverflowError, binascii.Error, zlib.error, IndexError) as error:
            unreadable(self.path, f"the array {name} cannot be decoded: {error}.")
        components = self._whole(array, "NumberOfComponents", 1)
        if components > 1:
            if values.size % components:
                unreadable(
                    self.path,
                    f"the array {name} has {values.size} numbers, no multiple of"
                    f" its {components} components.",
                )
            values = values.reshape(-1, components)
        return values

    def _decoded(self, text: bytes) -> bytes:
        """Return the bytes of one base64 block, which begins with its header."""
        size = self.header.itemsize
        if not self.compressed:
            head = _base64(text[: _encoded(size)])
            length = int(np.frombuffer(head[:size], dtype=self.header)[0])
            return _exact(_base64(text[: _encoded(size + length)])[size:], length)
        head = _base64(text[: _encoded(size)])
        blocks = int(np.frombuffer(head[:size], dtype=self.header)[0])
        full = _encoded(size * (3 + blocks))
        header = np.frombuffer(_base64(text[:full]), dtype=self.header, count=3 + blocks)
        whole, last = int(header[1]), int(header[2])
        total = int(header[3:].sum())
        data = _exact(_base64(text[full : full + _encoded(total)]), total)
        parts, start = [], 0
        for length in header[3:].tolist():
            parts.append(zlib.decompress(data[start : start + int(length)]))
            start += int(length)
        expected = blocks * whole if last == 0 else (blocks - 1) * whole + last
        return _exact(b"".join(parts), expected if blocks else 0)


def _encoded(length: int) -> int:
    """Return how many base64 characters hold `length` bytes."""
    return 4 * ((length + 2) // 3)


def _base64(text: bytes) -> bytes:
    return base64.b64decode(text, validate=True)


def _exact(data: bytes, length: int) -> bytes:
    """Return the data cut to its stated length; ValueError if there is less."""
    if len(data) < length:
        raise ValueError(f"{length} bytes are stated and {len(data)} found")
    return data[:length]
