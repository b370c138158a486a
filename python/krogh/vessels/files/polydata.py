"""VTK PolyData (.vtp): lines with radii or diameters, read in every encoding and written.

SPDX-License-Identifier: BSD-3-Clause

Format: VTK XML, https://docs.vtk.org/en/latest/vtk_file_formats/vtkxml_file_format.html
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError
from krogh.vessels.files.assemble import assemble, length_factor, polyline_pairs, unreadable
from krogh.vessels.files.vtk_arrays import ArrayReader
from krogh.vessels.network import VesselNetwork

__all__ = ["read_vtp", "vtp_text"]

_UNIT_ARRAY = "length_unit"
"""Name of the field array in which `vtp_text` states the unit of length."""

_RADII = ("radius", "Radius", "RADIUS", "radii")
_DIAMETERS = ("diameter", "Diameter", "DIAMETER")


def read_vtp(
    path: Path, *, unit: str | None = None, radius: str | None = None, diameter: str | None = None
) -> VesselNetwork:
    """Return the network of the lines of a .vtp file.

    Parameters
    ----------
    path
        The file; data in ascii, base64 (binary) or appended, with or without zlib.
    unit
        Unit of length; needed unless the file has a field array `length_unit`.
    radius, diameter
        Name of the array that holds radii or diameters, of lines or of points; by default
        ``radius`` or ``diameter`` in usual spellings.  Between two points with radii a segment has
        the mean.

    Notes
    -----
    Arrays ``flow`` (nl/min), ``hematocrit`` and ``kind`` of lines and ``pressure`` (mmHg) of
    points, as `krogh.vessels.write` makes them, are read too.  Points that no line uses are an
    error (KG-183).

    Raises
    ------
    DataError
        KG-186 for what cannot be read or has no radius, KG-185 for the options.
    UnitError
        KG-126 without a unit.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"KG-186: there is no file {path}.") from error
    except OSError as error:
        raise DataError(f"KG-186: {path} cannot be read: {error}.") from error
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        reason = f"it cannot be read as XML: {error}."
        if b"<AppendedData" in data:
            reason += "  Raw appended data are no XML; write the file with ascii or base64 data."
        raise DataError(f"KG-186: {path.name}: {reason}") from error
    if root.get("type") != "PolyData":
        unreadable(path, f"a VTK file of type PolyData is needed, not {root.get('type')!r}.")
    reader = ArrayReader(path, root)
    pieces = root.findall("./PolyData/Piece")
    if len(pieces) != 1:
        unreadable(path, f"it has {len(pieces)} pieces; one is needed.")
    piece = pieces[0]
    stated = _stated_unit(path, root)
    factor = length_factor(unit or stated, path, ".vtp")
    places = reader.only(piece, "Points")
    if places.ndim != 2 or places.shape[1] != 3:
        unreadable(path, "the points need three components.")
    connectivity = reader.named(piece, "Lines", "connectivity").astype(np.intp)
    offsets = reader.named(piece, "Lines", "offsets").astype(np.intp)
    if offsets.size and (np.any(np.diff(offsets) < 0) or offsets[-1] != connectivity.size):
        unreadable(path, "the offsets of the lines do not fit their connectivity.")
    lines = np.split(connectivity, offsets[:-1]) if offsets.size else []
    pairs = polyline_pairs(lines)
    owner = np.repeat(np.arange(len(lines)), [max(0, len(line) - 1) for line in lines])
    if pairs.size and (pairs.min() < 0 or pairs.max() >= len(places)):
        unreadable(path, f"a line uses point {pairs.max()} of {len(places)}.")
    first_line = reader.first_line(piece)
    cells = _of_rows(path, reader, piece, "CellData", first_line + len(lines))
    cells = {name: values[first_line:][: len(lines)][owner] for name, values in cells.items()}
    points = _of_rows(path, reader, piece, "PointData", len(places))
    width = _width(path, cells, points, pairs, radius, diameter)
    return assemble(
        path,
        nodes=places * factor,
        segments=pairs,
        diameter=width * factor,
        flow=cells.get("flow"),
        hematocrit=cells.get("hematocrit"),
        pressure=points.get("pressure"),
        kind=cells.get("kind"),
        note=path.name,
    )


def _of_rows(
    path: Path, reader: ArrayReader, piece: ElementTree.Element, section: str, rows: int
) -> dict[str, NDArray[Any]]:
    """Return the arrays of a section, each checked to have a row for each point or line."""
    found = {name: reader.values(array) for name, array in reader.arrays(piece, section).items()}
    for name, values in found.items():
        if len(values) < rows:
            unreadable(path, f"the array {name} in {section} has {len(values)} rows of {rows}.")
    return found


def _stated_unit(path: Path, root: ElementTree.Element) -> str | None:
    """Return the unit in the field array, a string of character codes, if there is one."""
    for array in root.iterfind("./PolyData/FieldData/"):
        if array.get("Name") == _UNIT_ARRAY and array.get("format") == "ascii":
            words = (array.text or "").split()
            if not all(word.isascii() and word.isdigit() and int(word) < 128 for word in words):
                unreadable(path, f"the field array {_UNIT_ARRAY} holds no character codes.")
            return "".join(chr(int(word)) for word in words if int(word))
    return None


def _width(
    path: Path,
    cells: Mapping[str, NDArray[Any]],
    points: Mapping[str, NDArray[Any]],
    pairs: NDArray[np.intp],
    radius: str | None,
    diameter: str | None,
) -> NDArray[np.float64]:
    """Return the diameter of each segment, in the unit of the file."""
    if radius is not None and diameter is not None:
        raise DataError("KG-185: give the name of the radius or of the diameter, not both.")
    wanted = [(name, 2.0) for name in ([radius] if radius else [] if diameter else _RADII)]
    wanted += [(name, 1.0) for name in ([diameter] if diameter else [] if radius else _DIAMETERS)]
    for name, scale in wanted:
        if name in cells:
            return scale * cells[name].astype(np.float64)
        if name in points:
            mean: NDArray[np.float64] = scale * np.mean(
                points[name].astype(np.float64)[pairs], axis=1
            )
            return mean
    have = ", ".join(sorted({*cells, *points})) or "none"
    asked = radius or diameter or "radius or diameter"
    return unreadable(
        path, f"there is no array {asked}; arrays: {have}.  Name it with radius= or diameter=."
    )


def vtp_text(network: VesselNetwork, *, encoding: str = "base64") -> str:
    """Return a network as a .vtp document, each segment a line; encoding "base64" or "ascii"."""
    if encoding not in ("ascii", "base64"):
        raise DataError(f"KG-185: encoding must be 'base64' or 'ascii', not {encoding!r}.")
    count = network.num_segments
    cells: dict[str, NDArray[Any]] = {"diameter": network.diameter}
    if network.flow is not None:
        cells["flow"] = network.flow
    if network.hematocrit is not None:
        cells["hematocrit"] = network.hematocrit
    if network.kind is not None:
        cells["kind"] = network.kind.astype(np.int64)
    points = {} if network.pressure is None else {"pressure": network.pressure}
    codes = " ".join(str(ord(letter)) for letter in "um") + " 0"

    def array(name: str, values: NDArray[Any], components: int = 1) -> str:
        kind = "Int64" if values.dtype.kind == "i" else "Float64"
        parts = "" if components == 1 else f' NumberOfComponents="{components}"'
        flat = np.ascontiguousarray(values).ravel()
        if encoding == "ascii":
            body = " ".join(repr(item) for item in flat.tolist())
        else:
            body = base64.b64encode(
                np.uint64(flat.nbytes).astype("<u8").tobytes()
                + flat.astype(flat.dtype.newbyteorder("<")).tobytes()
            ).decode("ascii")
        how = "ascii" if encoding == "ascii" else "binary"
        return (
            f'<DataArray type="{kind}" Name={quoteattr(name)}{parts} format="{how}">'
            f"{body}</DataArray>"
        )

    lines = [
        '<?xml version="1.0"?>',
        '<VTKFile type="PolyData" version="1.0" byte_order="LittleEndian" header_type="UInt64">',
        "<PolyData>",
        "<FieldData>",
        f'<Array type="String" Name="{_UNIT_ARRAY}" NumberOfTuples="1" format="ascii">'
        f"{codes}</Array>",
        "</FieldData>",
        f'<Piece NumberOfPoints="{network.num_nodes}" NumberOfVerts="0" NumberOfLines="{count}"'
        ' NumberOfStrips="0" NumberOfPolys="0">',
        "<PointData>",
        *(array(name, values) for name, values in points.items()),
        "</PointData>",
        "<CellData>",
        *(array(name, values) for name, values in cells.items()),
        "</CellData>",
        "<Points>",
        array("Points", network.nodes, 3),
        "</Points>",
        "<Lines>",
        array("connectivity", network.segments.astype(np.int64)),
        array("offsets", 2 * np.arange(1, count + 1, dtype=np.int64)),
        "</Lines>",
        "</Piece>",
        "</PolyData>",
        "</VTKFile>",
        "",
    ]
    return "\n".join(lines)
