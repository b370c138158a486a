"""SWC trees: one node a line with its radius and its parent.

SPDX-License-Identifier: BSD-3-Clause

Format: Cannon, Turner, Pyapali and Wheal 1998, J Neurosci Methods 84:49,
doi:10.1016/S0165-0270(98)00091-0; lengths in um.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from krogh.vessels.files.assemble import assemble, field_of, text_of, unreadable
from krogh.vessels.network import VesselNetwork

__all__ = ["read_swc"]


def read_swc(path: Path) -> VesselNetwork:
    """Return the network of an SWC file; a segment has the mean diameter of its two nodes.

    The kind of a segment is the type of its lower node.

    Raises
    ------
    DataError
        KG-186 with the line for what cannot be read.
    """
    names: list[str] = []
    rows: list[list[float]] = []
    lines: list[int] = []
    for number, raw in enumerate(text_of(path).splitlines(), start=1):
        words = raw.split("#")[0].split()
        if not words:
            continue
        what = ("the identifier", "the type", "x", "y", "z", "the radius", "the parent")
        rows.append([field_of(path, words, i, number, name) for i, name in enumerate(what)])
        names.append(words[0])
        lines.append(number)
    if not rows:
        unreadable(path, "there is no node.")
    data = np.array(rows)
    places: dict[float, int] = {}
    for index, identifier in enumerate(data[:, 0]):
        if identifier in places:
            unreadable(path, f"node {names[index]} stands twice.", lines[index])
        places[identifier] = index
    pairs, kinds = [], []
    for index, parent in enumerate(data[:, 6]):
        if parent == -1:
            continue
        if parent not in places:
            unreadable(
                path,
                f"node {names[index]} has the parent {parent:g}, which is not there.",
                lines[index],
            )
        pairs.append([places[parent], index])
        kinds.append(data[index, 1])
    ends = np.array(pairs, dtype=np.intp).reshape(-1, 2)
    return assemble(
        path,
        nodes=data[:, 2:5],
        segments=ends,
        diameter=data[ends, 5].sum(axis=1),
        kind=np.array(kinds),
        names={"nodes": tuple(names)},
        note=path.name,
    )
