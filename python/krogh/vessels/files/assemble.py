"""From what a file holds to a checked network; errors name the file.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from krogh.errors import DataError, UnitError
from krogh.units import convert, require_dimension
from krogh.vessels.network import VesselNetwork

__all__ = [
    "assemble",
    "field_of",
    "length_factor",
    "polyline_pairs",
    "text_of",
    "unreadable",
]


def unreadable(path: Path, why: str, line: int | None = None) -> NoReturn:
    """Raise KG-186 for a file that cannot be read, with its line (counted from 1)."""
    where = f"{path.name}, line {line}" if line is not None else path.name
    raise DataError(f"KG-186: {where}: {why}")


def text_of(path: Path) -> str:
    """Return the text of a file; KG-186 if there is none or it is no text."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"KG-186: there is no file {path}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"KG-186: {path} cannot be read as text: {error}.") from error


def field_of(path: Path, words: list[str], index: int, line: int, what: str) -> float:
    """Return one number of a line that was split at blanks; KG-186 if it is missing or none."""
    if index >= len(words):
        unreadable(path, f"{what} is missing (column {index + 1} of {len(words)}).", line)
    try:
        return float(words[index])
    except ValueError:
        unreadable(path, f"{what} is {words[index]!r}, which is no number.", line)


def length_factor(unit: str | None, path: Path, format_name: str) -> float:
    """Return um per unit of length of a file whose format does not state it.

    Raises
    ------
    UnitError
        KG-126 if no unit is given, KG-121 if it is no length.
    """
    if unit is None:
        raise UnitError(
            f"KG-126: {path.name}: {format_name} files do not state their unit of length; give it,"
            " for example unit='um'.  Units are never guessed."
        )
    require_dimension(unit, "um", "the unit of length")
    return convert(1.0, unit, "um")


def assemble(path: Path, **arrays: Any) -> VesselNetwork:
    """Return the network; the errors of its checks begin with the file's name."""
    try:
        return VesselNetwork(**arrays)
    except DataError as error:
        code, _, rest = str(error).partition(": ")
        named = ""
        names = arrays.get("names") or {}
        if names:
            named = _named(rest, names)
        raise DataError(f"{code}: {path.name}: {rest}{named}") from error


def _named(message: str, names: dict[str, tuple[str, ...]]) -> str:
    """Return the file's name of the first segment or node that a message mentions, if any."""
    for what, key in (("segment", "segments"), ("node", "nodes")):
        found = re.search(rf"{what} (\d+)", message)
        if found and key in names and int(found.group(1)) < len(names[key]):
            name = names[key][int(found.group(1))]
            return f"  In the file {what} {found.group(1)} is called {name!r}."
    return ""


def polyline_pairs(lines: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Return the pairs of neighbours along each line of nodes, shape (segments, 2)."""
    pairs = [np.column_stack([line[:-1], line[1:]]) for line in lines if len(line) > 1]
    return np.concatenate(pairs) if pairs else np.zeros((0, 2), dtype=np.intp)
