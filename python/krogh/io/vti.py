"""VTK image data (.vti) without a dependency: one time, all fields, raw appended numbers.

SPDX-License-Identifier: BSD-3-Clause

Cell data on ``<ImageData>`` with origin, spacing and direction, as in "VTK XML Formats" of the VTK
documentation; ParaView and 3D Slicer open it.  Units stand in the information key UNITS_LABEL of
each array, the time in the field ``TimeValue``.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError, SpecError
from krogh.io.fields import Fields
from krogh.space.grid import Grid
from krogh.units import format_number
from krogh.whole_files import write_whole

__all__ = ["read_vti", "write_vti"]

_TYPES: Final = {
    "f4": "Float32",
    "f8": "Float64",
    "i1": "Int8",
    "i2": "Int16",
    "i4": "Int32",
    "i8": "Int64",
    "u1": "UInt8",
    "u2": "UInt16",
    "u4": "UInt32",
    "u8": "UInt64",
}
_KINDS: Final = {name: kind for kind, name in _TYPES.items()}
_START: Final = b'<AppendedData encoding="raw">\n_'
_END: Final = b"\n</AppendedData>\n</VTKFile>\n"


def _raw(values: NDArray[Any]) -> NDArray[Any]:
    """Return numbers as they are stored: little-endian, truth values as bytes."""
    kind = "u1" if values.dtype.kind == "b" else f"{values.dtype.kind}{values.dtype.itemsize}"
    if kind not in _TYPES:  # half or extended precision
        kind = "f8"
    return np.ascontiguousarray(values, dtype=f"<{kind}")


def write_vti(fields: Fields, path: Path) -> Path:
    """Write fields at one time; see `krogh.io.write`."""
    if fields.times.size > 1:
        raise SpecError(
            "KG-112: a .vti file holds one time; say which: save(path, time='24 h'), or write all"
            " into one .vtkhdf file."
        )
    arrays = {name: _raw(array.values[0]) for name, array in fields.items()}
    grid = fields.grid
    z, y, x = grid.shape
    extent = f"0 {x} 0 {y} 0 {z}"
    facts = {
        "format": "krogh-fields",
        "version": 1,
        "time": [float(fields.times[0]), fields.time_unit],
        "length_unit": fields.length_unit,
        "affine": grid.affine.tolist(),
        "descriptions": {n: fields.describe(n) for n in fields},
        "facts": dict(fields.facts),
    }
    lines = [
        '<?xml version="1.0"?>',
        '<VTKFile type="ImageData" version="2.2" byte_order="LittleEndian" header_type="UInt64">',
        f"<!-- krogh: {_commented(json.dumps(facts))} -->",
        f'<ImageData WholeExtent="{extent}" Origin="{_row(fields.lengths(grid.corner))}"'
        f' Spacing="{_row(fields.lengths(grid.spacing))}"'
        f' Direction="{_row(grid.direction.ravel())}">',
        '<FieldData><DataArray type="Float64" Name="TimeValue" NumberOfTuples="1" format="ascii">'
        f"{format_number(float(fields.times[0]))}</DataArray></FieldData>",
        f'<Piece Extent="{extent}"><CellData>',
    ]
    offset = 0
    for name, array in arrays.items():
        unit = fields[name].unit or "1"
        lines.append(
            f'<DataArray type="{_TYPES[array.dtype.str[1:]]}" Name={quoteattr(name)}'
            f' format="appended" offset="{offset}">'
            '<InformationKey name="UNITS_LABEL" location="vtkDataArray">'
            f"{_text(unit)}</InformationKey></DataArray>"
        )
        offset += 8 + array.nbytes
    lines.append("</CellData></Piece></ImageData>")

    def put(temporary: Path) -> None:
        with temporary.open("wb") as file:
            file.write("\n".join(lines).encode("utf-8") + b"\n" + _START)
            for array in arrays.values():
                file.write(struct.pack("<Q", array.nbytes))
                file.write(array.data)
            file.write(_END)

    return write_whole(path, put)


def _row(values: Any) -> str:
    return " ".join(repr(float(v)) for v in values)


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _commented(text: str) -> str:
    """Return JSON without what would end a comment: '-' within strings is written as a code."""
    return text.replace("--", "-\\u002d")


def read_vti(path: str | Path) -> Fields:
    """Read a ``.vti`` file that krogh wrote.

    Raises
    ------
    DataError
        KG-234 for a file of another program, or one that is damaged.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"KG-234: {str(path)!r} cannot be read: {error.strerror}.") from error
    start = content.find(_START)
    found = content.find(b"<!-- krogh: ")
    if start < 0 or found < 0 or found > start:
        raise DataError(
            f"KG-234: {str(path)!r} was not written by krogh; it reads its own .vti files, and"
            " NIfTI, DICOM and OME-TIFF of others."
        )
    if not content.endswith(_END):
        raise DataError(f"KG-234: {str(path)!r} is cut off: its end is missing.")
    data = memoryview(content)[start + len(_START) : len(content) - len(_END)]
    try:
        facts = json.loads(content[found + len(b"<!-- krogh: ") : content.index(b" -->", found)])
        root = ElementTree.fromstring(content[:start].decode("utf-8") + "</VTKFile>")
        return _fields(facts, root, data)
    except (ValueError, KeyError, IndexError, AttributeError, ElementTree.ParseError) as error:
        raise DataError(f"KG-234: {str(path)!r} is damaged: {error}.") from error


def _fields(facts: Any, root: ElementTree.Element, data: memoryview) -> Fields:
    image = root.find("ImageData")
    assert image is not None
    counts = [int(n) for n in image.attrib["WholeExtent"].split()[1::2]]
    shape = (counts[2], counts[1], counts[0])
    grid = Grid.from_affine(shape, facts["affine"])
    values: dict[str, tuple[Any, str]] = {}
    for entry in image.iterfind("Piece/CellData/DataArray"):
        offset = int(entry.attrib["offset"])
        (size,) = struct.unpack_from("<Q", data, offset)
        part = data[offset + 8 : offset + 8 + size]
        dtype = np.dtype(f"<{_KINDS[entry.attrib['type']]}")
        if len(part) != size or size != dtype.itemsize * grid.num_voxels:
            raise ValueError(f"the numbers of {entry.attrib['Name']!r} are incomplete")
        unit = entry.findtext("InformationKey") or ""
        array = np.frombuffer(part, dtype).reshape(1, *shape)
        values[entry.attrib["Name"]] = (array, "" if unit == "1" else unit)
    time, unit = facts["time"]
    return Fields(
        grid,
        ([time], unit),
        values,
        descriptions=facts["descriptions"],
        facts=facts["facts"],
    )
