"""Vessels as two CSV tables, of nodes and of segments, with units in the headers.

SPDX-License-Identifier: BSD-3-Clause

``nodes.csv``: ``node, x [um], y [um], z [um]`` and optionally ``pressure [mmHg]``,
``boundary pressure [mmHg]``, ``boundary flow [nl/min]``, ``boundary hematocrit``.
``segments.csv``: ``from, to, diameter [um]`` (or ``radius [um]``) and optionally ``segment``,
``flow [nl/min]``, ``hematocrit``, ``kind``.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError, UnitError, did_you_mean
from krogh.units import convert
from krogh.vessels.files.assemble import assemble, text_of, unreadable
from krogh.vessels.files.paths import written
from krogh.vessels.network import Boundary, VesselNetwork

__all__ = ["read_csv", "write_csv"]

_NODES: dict[str, str | None] = {
    "node": None,
    "x": "um",
    "y": "um",
    "z": "um",
    "pressure": "mmHg",
    "boundary pressure": "mmHg",
    "boundary flow": "nl/min",
    "boundary hematocrit": "1",
}
_SEGMENTS: dict[str, str | None] = {
    "segment": None,
    "from": None,
    "to": None,
    "diameter": "um",
    "radius": "um",
    "flow": "nl/min",
    "hematocrit": "1",
    "kind": "1",
}
_HEADER = re.compile(r"\s*([^\[\]]*?)\s*(?:\[\s*([^\]]*?)\s*\])?\s*$")


def read_csv(nodes: str | Path, segments: str | Path) -> VesselNetwork:
    """Return the network of two CSV files; see `krogh.vessels.files.tables` for the columns.

    Raises
    ------
    DataError
        KG-186 with file and line for what cannot be read; KG-180 to KG-184 for a network that is
        wrong.
    UnitError
        KG-126 for a length, flow or pressure whose header states no unit.
    """
    node_path, segment_path = Path(nodes), Path(segments)
    table, lines = _columns(node_path, _NODES, ("x", "y", "z"))
    names = table.get("node") or [str(index) for index in range(len(lines))]
    places: dict[str, int] = {}
    for index, name in enumerate(names):
        if name in places:
            unreadable(node_path, f"node {name} stands twice.", lines[index])
        places[name] = index
    rows, numbers = _columns(segment_path, _SEGMENTS, ("from", "to"))
    ends = []
    for start, stop, line in zip(rows["from"], rows["to"], numbers, strict=True):
        for name in (start, stop):
            if name not in places:
                unreadable(
                    segment_path, f"there is no node {name!r}{did_you_mean(name, places)}.", line
                )
        ends.append([places[start], places[stop]])
    if ("diameter" in rows) == ("radius" in rows):
        unreadable(segment_path, "one column, 'diameter [um]' or 'radius [um]', is needed.", 1)
    width = rows["diameter"] if "diameter" in rows else 2.0 * rows["radius"]
    known = {"nodes": tuple(names)}
    if "segment" in rows:
        known["segments"] = tuple(rows["segment"])
    for what, column in (*table.items(), *rows.items()):
        if what not in ("boundary pressure", "boundary flow", "boundary hematocrit") and np.any(
            _missing(column)
        ):
            path, at = (node_path, lines) if what in table else (segment_path, numbers)
            unreadable(path, f"{what} is empty.", at[int(np.flatnonzero(_missing(column))[0])])
    return assemble(
        segment_path,
        nodes=np.column_stack([table["x"], table["y"], table["z"]]),
        segments=np.array(ends, dtype=np.intp).reshape(-1, 2),
        diameter=width,
        flow=rows.get("flow"),
        hematocrit=rows.get("hematocrit"),
        kind=rows.get("kind"),
        pressure=table.get("pressure"),
        boundary=_boundary(node_path, table, lines),
        names=known,
        note=segment_path.name,
    )


def _missing(column: Any) -> NDArray[np.bool_]:
    if isinstance(column, np.ndarray):
        return np.isnan(column)
    return np.array([not item for item in column], dtype=bool)


def _boundary(path: Path, table: dict[str, Any], lines: list[int]) -> Boundary | None:
    nothing = np.full(len(lines), np.nan)
    pressure = table.get("boundary pressure", nothing)
    flow = table.get("boundary flow", nothing)
    cells = table.get("boundary hematocrit", nothing)
    both = np.flatnonzero(~np.isnan(pressure) & ~np.isnan(flow))
    if both.size:
        unreadable(path, "a node has a boundary pressure and a flow; give one.", lines[both[0]])
    given = np.flatnonzero(~np.isnan(pressure) | ~np.isnan(flow))
    alone = np.flatnonzero(~np.isnan(cells) & np.isnan(pressure) & np.isnan(flow))
    if alone.size:
        unreadable(path, "a boundary hematocrit needs a pressure or a flow.", lines[alone[0]])
    if not given.size:
        return None
    kinds = ~np.isnan(pressure[given])
    return Boundary(given, kinds, np.where(kinds, pressure[given], flow[given]), cells[given])


def _columns(
    path: Path, known: dict[str, str | None], needed: tuple[str, ...]
) -> tuple[dict[str, Any], list[int]]:
    """Return the columns by name in internal units (NaN where empty), and the line of each row."""
    reader = csv.reader(io.StringIO(text_of(path)))
    rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    if len(rows) < 2:
        unreadable(path, "a header and at least one row are needed.")
    header = []
    for cell in rows[0][1]:
        match = _HEADER.match(cell)
        name = match.group(1).lower() if match else cell
        if match is None or name not in known:
            unreadable(path, f"the column {cell!r} is not known.{did_you_mean(name, known)}", 1)
        header.append((name, match.group(2)))
    names = [name for name, _ in header]
    for name in needed:
        if name not in names:
            unreadable(path, f"the column {name!r} is missing.", 1)
    if len(set(names)) < len(names):
        unreadable(path, "a column stands twice.", 1)
    lines = [line for line, _ in rows[1:]]
    found: dict[str, Any] = {}
    for index, (name, unit) in enumerate(header):
        cells = []
        for line, row in rows[1:]:
            if len(row) != len(header):
                unreadable(path, f"{len(header)} cells are needed, found {len(row)}.", line)
            cells.append(row[index].strip())
        wanted = known[name]
        if wanted is None:
            found[name] = cells
            continue
        if wanted != "1" and not unit:
            raise UnitError(
                f"KG-126: {path.name}: the column {name} states no unit; write '{name} [{wanted}]'."
            )
        factor = convert(1.0, unit, wanted) if unit else 1.0
        found[name] = factor * np.array(
            [_number(path, cell, name, line) for cell, line in zip(cells, lines, strict=True)]
        )
    return found, lines


def _number(path: Path, cell: str, name: str, line: int) -> float:
    if not cell:
        return float("nan")
    try:
        value = float(cell)
    except ValueError:
        unreadable(path, f"{name} is {cell!r}, which is no number.", line)
    if not np.isfinite(value):
        raise DataError(f"KG-181: {path.name}, line {line}: {name} is {cell}, not finite.")
    return value


def write_csv(network: VesselNetwork, nodes: str | Path, segments: str | Path) -> None:
    """Write a network as two CSV files that `read_csv` reads back to the same numbers.

    Raises
    ------
    SpecError
        KG-133 if a file cannot be written.
    """
    node_names = network.names.get("nodes") or tuple(str(i) for i in range(network.num_nodes))
    table: dict[str, Any] = {"node": node_names}
    for axis, name in enumerate(("x [um]", "y [um]", "z [um]")):
        table[name] = network.nodes[:, axis]
    if network.pressure is not None:
        table["pressure [mmHg]"] = network.pressure
    if network.boundary is not None:
        boundary = network.boundary
        for name, chosen, values in (
            ("boundary pressure [mmHg]", boundary.is_pressure, boundary.values),
            ("boundary flow [nl/min]", ~boundary.is_pressure, boundary.values),
            ("boundary hematocrit", ~np.isnan(boundary.hematocrit), boundary.hematocrit),
        ):
            if chosen.any():
                column = np.full(network.num_nodes, np.nan)
                column[boundary.nodes[chosen]] = values[chosen]
                table[name] = column
    rows: dict[str, Any] = {}
    if "segments" in network.names:
        rows["segment"] = network.names["segments"]
    rows["from"] = [node_names[i] for i in network.segments[:, 0]]
    rows["to"] = [node_names[i] for i in network.segments[:, 1]]
    rows["diameter [um]"] = network.diameter
    if network.flow is not None:
        rows["flow [nl/min]"] = network.flow
    if network.hematocrit is not None:
        rows["hematocrit"] = network.hematocrit
    if network.kind is not None:
        rows["kind"] = network.kind
    written(Path(nodes), _text(table))
    written(Path(segments), _text(rows))


def _text(table: dict[str, Any]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table)
    columns = [
        ["" if isinstance(item, float) and np.isnan(item) else item for item in _items(column)]
        for column in table.values()
    ]
    writer.writerows(zip(*columns, strict=True))
    return out.getvalue()


def _items(column: Any) -> list[Any]:
    if isinstance(column, np.ndarray):
        listed: list[Any] = column.tolist()
        return listed
    return list(column)
