"""DUNE grid format (DGF) of one-dimensional networks: VERTEX and SIMPLEX blocks with parameters.

SPDX-License-Identifier: BSD-3-Clause

Format: https://www.dune-project.org/doxygen/master/group__DuneGridFormatParser.html
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from krogh.errors import DataError
from krogh.vessels.files.assemble import assemble, field_of, length_factor, text_of, unreadable
from krogh.vessels.network import VesselNetwork

__all__ = ["read_dgf"]

Block = list[tuple[int, list[str]]]


def read_dgf(
    path: Path, *, unit: str | None = None, parameter: int | None = None, is_radius: bool = True
) -> VesselNetwork:
    """Return the network of a DGF file.

    Parameters
    ----------
    path
        The file.
    unit
        Unit of length of places and radii; the format does not state it.
    parameter
        Which parameter of the simplices (counted from 0) is the radius; needed if there are
        several.
    is_radius
        Whether it is the radius, else the diameter.

    Raises
    ------
    DataError
        KG-186 with the line for what cannot be read, KG-185 for `parameter`.
    UnitError
        KG-126 without a unit.
    """
    factor = length_factor(unit, path, "DGF")
    blocks = _blocks(path)
    vertices, _, first = _rows(path, blocks, "VERTEX")
    nodes = [
        [field_of(path, words, i, line, axis) for i, axis in enumerate("xyz")]
        for line, words in vertices
    ]
    key = "SIMPLEX" if "SIMPLEX" in blocks else "CUBE"
    rows, count, _ = _rows(path, blocks, key)
    if count == 0:
        raise DataError(
            f"KG-186: {path.name}: the {key} block has no parameters, so no radius; a line"
            " 'parameters 1' and a number after the two vertices give one."
        )
    if parameter is None and count > 1:
        raise DataError(
            f"KG-185: {path.name}: the segments have {count} parameters; say which one is the"
            " radius, for example parameter=0."
        )
    chosen = 0 if parameter is None else parameter
    if not 0 <= chosen < count:
        raise DataError(f"KG-185: {path.name}: parameter {parameter} of {count}, counted from 0.")
    pairs, widths = [], []
    for line, words in rows:
        ends = [field_of(path, words, i, line, "a vertex") - first for i in range(2)]
        pairs.append(ends)
        widths.append(field_of(path, words, 2 + chosen, line, "the radius"))
    scale = factor * (2.0 if is_radius else 1.0)
    return assemble(
        path,
        nodes=np.array(nodes).reshape(-1, 3) * factor,
        segments=np.array(pairs).reshape(-1, 2),
        diameter=np.array(widths) * scale,
        note=path.name,
    )


def _blocks(path: Path) -> dict[str, Block]:
    """Return the lines of each block by its keyword; a block ends at '#'."""
    found: dict[str, Block] = {}
    current: Block | None = None
    lines = text_of(path).splitlines()
    if not lines or lines[0].strip().split("%")[0].strip().upper() != "DGF":
        unreadable(path, "a DGF file begins with the line 'DGF'.", 1)
    for number, raw in enumerate(lines[1:], start=2):
        text = raw.split("%")[0].strip()  # % begins a comment
        if not text:
            continue
        if text.startswith("#"):
            current = None
        elif current is None:
            current = found.setdefault(text.split()[0].upper(), [])
        else:
            current.append((number, text.split()))
    return found


def _rows(path: Path, blocks: dict[str, Block], key: str) -> tuple[Block, int, int]:
    """Return the rows of a block, its number of parameters, and its first index."""
    if key not in blocks:
        unreadable(path, f"there is no {key} block.")
    rows, parameters, first = [], 0, 0
    for number, words in blocks[key]:
        word = words[0].lower()
        if word == "parameters":
            parameters = _whole(path, words, number, "the number of parameters")
        elif word == "firstindex":
            first = _whole(path, words, number, "the first index")
        else:
            rows.append((number, words))
    return rows, parameters, first


def _whole(path: Path, words: list[str], line: int, what: str) -> int:
    """Return the second word of a line as a whole number."""
    value = field_of(path, words, 1, line, what)
    if not (0 <= value <= 1e9 and value == int(value)):
        unreadable(path, f"{what} must be a whole number, not {words[1]}.", line)
    return int(value)
