"""TOML: in which line a key stands, and writing of plain documents.

SPDX-License-Identifier: BSD-3-Clause

The standard library reads TOML but neither tells where a key was nor writes it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from krogh.errors import SpecError

__all__ = ["line_of", "toml_text"]

Path = tuple[str | int, ...]

_KEY: Final = r"(?:[A-Za-z0-9_-]+|\"(?:[^\"\\]|\\.)*\"|'[^']*')"
_DOTTED: Final = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER: Final = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]\]?\s*(?:#.*)?$")
_PAIR: Final = re.compile(rf"\s*({_DOTTED})\s*=")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+\Z")


def _parts(dotted: str) -> tuple[str, ...]:
    found = []
    for key in re.findall(_KEY, dotted):
        found.append(json.loads(key) if key[0] == '"' else key[1:-1] if key[0] == "'" else key)
    return tuple(found)


def _positions(text: str) -> Iterator[tuple[Path, int]]:
    """Yield the path of every key and header with its line, counted from 1."""
    table: Path = ()
    counts: dict[Path, int] = {}
    depth, quotes = 0, ""  # of a value that goes on over several lines
    for number, line in enumerate(text.split("\n"), start=1):
        rest = line
        if not depth and not quotes:
            header, pair = _HEADER.match(line), _PAIR.match(line)
            if header is not None:
                table = _parts(header[2])
                if header[1] == "[[":
                    counts[table] = counts.get(table, -1) + 1
                table = _with_counts(table, counts)
                yield table, number
                continue
            if pair is None:
                continue
            yield (*table, *_parts(pair[1])), number
            rest = line[pair.end() :]
        depth, quotes = _open_value(rest, depth, quotes)


def _with_counts(path: Path, counts: Mapping[Path, int]) -> Path:
    """Return the path with the position in an array of tables behind its name."""
    full: list[str | int] = []
    for k, key in enumerate(path):
        full.append(key)
        at = counts.get(path[: k + 1])
        if at is not None:
            full.append(at)
    return tuple(full)


def _open_value(text: str, depth: int, quotes: str) -> tuple[int, str]:
    """Return how many brackets, and which triple quotes, are open after a line of a value."""
    at = 0
    while at < len(text):
        if quotes:
            end = text.find(quotes, at)
            if end < 0:
                return depth, quotes
            at, quotes = end + 3, ""
            continue
        letter = text[at]
        if letter == "#":
            break
        if text[at : at + 3] in ('"""', "'''"):
            quotes = text[at : at + 3]
            at += 3
            continue
        if letter in "\"'":
            at += 1
            while at < len(text) and text[at] != letter:
                at += 2 if letter == '"' and text[at] == "\\" else 1
        depth += (letter in "[{") - (letter in "]}")
        at += 1
    return depth, quotes


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    """Return the line (from 1) where a key stands, or what holds it, or the first in it.

    Parameters
    ----------
    text
        The whole document.
    path
        Keys from the top, with the position in an array of tables: ``("drug", 0, "name")``.
    """
    places: dict[Path, int] = {}
    for found, number in _positions(text):
        places.setdefault(found, number)
    whole = tuple(path)
    for size in range(len(whole), 0, -1):
        for part in (whole[:size], tuple(k for k in whole[:size] if isinstance(k, str))):
            if part in places:
                return places[part]
    inside = [number for found, number in places.items() if found[: len(whole)] == whole]
    return min(inside, default=None)


# --- writing --------------------------------------------------------------------------------------


def _key(name: str) -> str:
    return name if _BARE.match(name) else json.dumps(name, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
        return repr(value) if "." in repr(value) or "e" in repr(value) else f"{value!r}.0"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None)
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_value(v) for v in value)}]"
    raise SpecError(f"KG-140: a {type(value).__name__} cannot be written as TOML.")


def _is_tables(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and bool(value)
        and all(isinstance(item, Mapping) for item in value)
    )


def _is_flat(value: Mapping[str, Any]) -> bool:
    return not any(isinstance(item, (Mapping, list, tuple)) for item in value.values())


def toml_text(document: Mapping[str, Any], _above: str = "") -> str:
    """Return a document of texts, numbers, truth values, lists and mappings as TOML.

    Plain values come first, then a table for every mapping and every entry of a list of mappings;
    small tables inside of tables stand in one line.  Entries that are None are left out.

    Raises
    ------
    SpecError
        KG-140 for a value of another kind.
    """
    lines: list[str] = []
    tables: list[str] = []
    for name, value in document.items():
        if value is None:
            continue
        path = f"{_above}{_key(name)}"
        if isinstance(value, Mapping) and not (_above and _is_flat(value)):
            tables.append(f"[{path}]\n{toml_text(value, path + '.')}".rstrip("\n"))
        elif _is_tables(value):
            tables.extend(
                f"[[{path}]]\n{toml_text(item, path + '.')}".rstrip("\n") for item in value
            )
        else:
            lines.append(f"{_key(name)} = {_value(value)}")
    return "\n\n".join(["\n".join(lines), *tables] if lines else tables) + "\n"
