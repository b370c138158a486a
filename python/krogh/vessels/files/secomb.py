"""Secomb's network.dat: segments with flow and hematocrit, nodes, boundary nodes.

SPDX-License-Identifier: BSD-3-Clause

Format of the networks that accompany Secomb, Hsu, Park and Dewhirst 2004 (Ann Biomed Eng 32:1519,
doi:10.1114/B:ABME.0000049036.08817.44, unverified): lengths in um, flow in nl/min, pressure in
mmHg.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from krogh.vessels.files.assemble import assemble, field_of, text_of, unreadable
from krogh.vessels.network import Boundary, VesselNetwork

__all__ = ["read_secomb"]

_PRESSURE, _FLOWS, _UNKNOWN = 0, (1, 2), 3
"""Kinds of boundary nodes: a pressure, a flow, or nothing known."""


class _Lines:
    """The lines of the file, taken one after the other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = text_of(path).splitlines()
        self.number = 0  # of the last line taken, counted from 1

    def take(self, what: str) -> list[str]:
        if self.number >= len(self.lines):
            unreadable(self.path, f"the file ends before {what}.", self.number)
        self.number += 1
        return self.lines[self.number - 1].split()

    def take_filled(self, what: str) -> list[str]:
        words = self.take(what)
        while not words:
            words = self.take(what)
        return words

    def number_at(self, words: list[str], index: int, what: str) -> float:
        return field_of(self.path, words, index, self.number, what)

    def count(self, what: str) -> int:
        words = self.take_filled(what)
        value = self.number_at(words, 0, what)
        if not (1 <= value <= 1e9 and value == int(value)):
            unreadable(
                self.path, f"{what} must be a whole number from 1, not {words[0]}.", self.number
            )
        return int(value)


def read_secomb(path: Path) -> VesselNetwork:
    """Return the network of a network.dat file, with flow, hematocrit and boundary conditions.

    The flow of a segment is positive from its first to its second node.  Boundary nodes of kind 0
    have a pressure, of kind 1 and 2 a flow into the network, of kind 3 nothing but a hematocrit;
    the columns after the hematocrit are kept in ``boundary.others`` by the names in the header.

    Raises
    ------
    DataError
        KG-186 with the line for what cannot be read; KG-180 to KG-184 for a network that is wrong.
    """
    lines = _Lines(path)
    title = " ".join(lines.take("the title"))
    words = lines.take("the box")
    extent = [lines.number_at(words, i, f"the box along {axis}") for i, axis in enumerate("xyz")]
    for setting in ("the tissue points", "the outer bound", "the longest segment"):
        words = lines.take(setting)
        lines.number_at(words, 0, setting)
    lines.count("the number of segments at a node")
    num_segments = lines.count("the number of segments")
    lines.take("the header of the segments")
    segment_names, kinds, pairs, columns = [], [], [], []
    for index in range(num_segments):
        words = lines.take_filled(f"segment {index + 1} of {num_segments}")
        segment_names.append(words[0])
        kinds.append(lines.number_at(words, 1, "the type"))
        pairs.append((words[2:4], lines.number))
        what = ("the diameter", "the flow", "the hematocrit")
        columns.append([lines.number_at(words, 4 + i, name) for i, name in enumerate(what)])
    num_nodes = lines.count("the number of nodes")
    lines.take("the header of the nodes")
    nodes, places = [], {}
    for index in range(num_nodes):
        words = lines.take_filled(f"node {index + 1} of {num_nodes}")
        if words[0] in places:
            unreadable(path, f"node {words[0]} stands twice.", lines.number)
        places[words[0]] = index
        nodes.append([lines.number_at(words, 1 + i, axis) for i, axis in enumerate("xyz")])

    def place(name: str, line: int) -> int:
        if name not in places:
            unreadable(path, f"there is no node {name}.", line)
        return places[name]

    segments = []
    for ends, line in pairs:
        if len(ends) < 2:
            unreadable(path, "a segment needs two nodes.", line)
        segments.append([place(ends[0], line), place(ends[1], line)])
    data = np.array(columns)
    arrays: dict[str, Any] = {
        "nodes": nodes,
        "segments": segments,
        "diameter": data[:, 0],
        "flow": data[:, 1],
        "hematocrit": data[:, 2],
        "kind": kinds,
        "boundary": _boundary(lines, place),
        "box": [[0.0, 0.0, 0.0], extent],
        "names": {"nodes": tuple(places), "segments": tuple(segment_names)},
        "note": title,
    }
    return assemble(path, **arrays)


def _boundary(lines: _Lines, place: Any) -> Boundary | None:
    count = lines.count("the number of boundary nodes")
    header = lines.take("the header of the boundary nodes")
    rows: list[tuple[int, bool, float, float]] = []
    others: list[list[float]] = []
    for index in range(count):
        words = lines.take_filled(f"boundary node {index + 1} of {count}")
        kind = lines.number_at(words, 1, "the kind of boundary node")
        value = lines.number_at(words, 2, "the pressure or flow")
        cells = lines.number_at(words, 3, "the hematocrit")
        node = place(words[0], lines.number)
        if kind not in (_PRESSURE, *_FLOWS, _UNKNOWN):
            unreadable(
                lines.path, f"a boundary node of kind {words[1]} is not known.", lines.number
            )
        if kind == _UNKNOWN:
            continue
        rows.append((node, kind == _PRESSURE, value, cells))
        others.append([lines.number_at(words, i, f"column {i + 1}") for i in range(4, len(words))])
    if not rows:
        return None
    nodes, pressures, values, hematocrit = zip(*rows, strict=True)
    widths = {len(row) for row in others}
    if len(widths) > 1:
        unreadable(lines.path, "the boundary nodes have different numbers of columns.")
    width = widths.pop()
    titles = (
        header[-width:] if 0 < width <= len(header) else [f"column {i + 5}" for i in range(width)]
    )
    if len(set(titles)) < width:
        titles = [f"{title} ({i + 5})" for i, title in enumerate(titles)]
    columns = np.array(others, dtype=np.float64).reshape(len(rows), width).T
    return Boundary(
        nodes=np.array(nodes),
        is_pressure=np.array(pressures),
        values=np.array(values),
        hematocrit=np.array(hematocrit),
        others=dict(zip(titles, columns, strict=True)),
    )
