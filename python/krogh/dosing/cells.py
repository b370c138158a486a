"""Cells of an event table: text, files, dictionaries and data frames to named columns.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import csv
import io
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError

__all__ = ["MISSING", "Cells", "from_frame", "read_cells"]

MISSING: Final = ("", ".", "NA", "NaN", "nan", "N/A")
"""What stands for a missing value: NONMEM's period, an empty cell, and R's and Python's words."""

UNITS_LINE: Final = "# krogh units:"
"""First words of the line in which `EventTable.to_csv` states the units."""

_CONTROLS: Final = tuple(chr(i) for i in (*range(32), 127) if chr(i) not in "\t\n\r")
_BLANKS: Final = " \t\n"
_CHUNK: Final = 50_000
_BLANK_AT_CELL = re.compile(r"[ \t][,;]|[,;][ \t]|^[ \t]|[ \t]$", re.MULTILINE)
_MAX_COLUMNS: Final = 2_000
_CSV: Final[dict[str, Any]] = {"skipinitialspace": True, "strict": True}

Column = NDArray[Any]


@dataclass
class Cells:
    """Columns as they were read.

    Attributes
    ----------
    source
        Name of the file, for messages.
    columns
        Name as written to cells, each of shape (num_rows,): byte strings, text, or numbers.
    rows
        Number of each row as an editor counts it (the header included), shape (num_rows,).
    stated
        What a line ``# krogh units: ...`` says.
    ignored
        Numbers of the rows left out as comments.
    """

    source: str
    columns: dict[str, Column]
    rows: NDArray[np.int64]
    stated: dict[str, str] = field(default_factory=dict)
    ignored: list[int] = field(default_factory=list)


# --- text and files -------------------------------------------------------------------------------


def read_cells(source: Any, separator: str | None, ignore: str) -> Cells:
    """Read a path, an open file, or text that holds a line break.

    Raises
    ------
    DataError
        KG-200 for a file that cannot be read, has no header or no rows, or has a row with another
        number of cells; KG-212 for two columns of one name.
    """
    text, name = _text_of(source)
    for character in _CONTROLS:
        if character in text:
            raise DataError(
                f"KG-200: {name} is not a plain text file: it holds the control character"
                f" {character!r} in row {text.count(chr(10), 0, text.index(character)) + 1}."
            )
    return _Reader(text, name, separator, ignore).read()


def _text_of(source: Any) -> tuple[str, str]:
    if isinstance(source, str) and "\n" in source:
        return source, "text"
    if hasattr(source, "read"):
        try:
            content = source.read()
        except (OSError, ValueError) as error:
            raise DataError(f"KG-200: the open file cannot be read: {error}.") from error
        name = os.path.basename(str(getattr(source, "name", "file")))
    elif isinstance(source, (str, os.PathLike)):
        path = Path(source)
        name = path.name
        try:
            content = path.read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise DataError(
                f"KG-200: the event table {str(source)[:200]!r} cannot be read: {reason}."
            ) from error
    else:
        raise DataError(
            f"KG-200: an event table is read from a path, an open file or text of several lines,"
            f" not from {type(source).__name__}; use EventTable.from_frame for data in memory."
        )
    if isinstance(content, bytes):
        try:
            return content.decode("utf-8-sig"), name
        except UnicodeDecodeError as error:
            raise DataError(
                f"KG-200: {name} is not UTF-8 text (byte {error.start}); save it as UTF-8 CSV."
            ) from None
    if not isinstance(content, str):
        raise DataError(f"KG-200: {name} gives neither text nor bytes.")
    return content.removeprefix("\ufeff"), name


class _Reader:
    def __init__(self, text: str, name: str, separator: str | None, ignore: str) -> None:
        self.name = name
        self.ignore = ignore
        self.ignored: list[int] = []
        self.stated: dict[str, str] = {}
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        self.lines = text.split("\n")
        self.first = self.header_line()
        header = self.lines[self.first]
        self.separator = separator if separator is not None else _separator_of(header)
        if len(self.separator) != 1 or self.separator in '"\r\n':
            raise DataError(f"KG-200: the separator is one character, not {self.separator!r}.")
        self.is_ragged_space = self.separator == " "
        self.has_quotes = '"' in text
        self.strips = not self.is_ragged_space and (
            self.has_quotes
            or ((" " in text or "\t" in text) and _BLANK_AT_CELL.search(text) is not None)
        )
        self.names = [cell.strip(_BLANKS) for cell in self.split_one(header)]
        self.comment = next((i for i, n in enumerate(self.names) if n.upper() == "C"), None)
        self.numbers: list[int] = []

    def fail(self, row: int, why: str) -> NoReturn:
        raise DataError(f"KG-200: {self.name} row {row}: {why}")

    def header_line(self) -> int:
        for number, line in enumerate(self.lines):
            stripped = line.strip()
            if stripped.startswith(UNITS_LINE):
                self.stated = _stated_units(stripped)
            elif stripped and not (stripped.startswith("#") and not _is_hash_header(stripped)):
                return number
        raise DataError(f"KG-200: {self.name} is empty: no header with the names of the columns.")

    def split_one(self, line: str) -> list[str]:
        if self.is_ragged_space:
            return line.split()
        try:
            return next(csv.reader([line], delimiter=self.separator, **_CSV), [])
        except csv.Error as error:
            self.fail(self.first + 1, f"the header cannot be read ({error}).")

    def read(self) -> Cells:
        names = self.names
        if len(names) > _MAX_COLUMNS:
            self.fail(self.first + 1, f"{len(names)} columns are more than {_MAX_COLUMNS}.")
        while names and not names[-1]:
            names.pop()  # a separator at the end of the header
        if not names:
            self.fail(self.first + 1, "the header names no column.")
        for position, name in enumerate(names):
            if not name:
                self.fail(self.first + 1, f"column {position + 1} has no name.")
        chunks: list[list[Column]] = [[] for _ in names]
        rows: list[NDArray[np.int64]] = []
        for numbers, records in self.records():
            rows.append(numbers)
            for column, cells in zip(chunks, zip(*records, strict=True), strict=True):
                column.append(_as_array(cells))
        if not rows:
            raise DataError(f"KG-200: {self.name} has a header but no rows of data.")
        columns: dict[str, Column] = {}
        for name, parts in zip(names, chunks, strict=True):
            if name in columns:
                raise DataError(
                    f"KG-212: {self.name} row {self.first + 1}: the column {name!r} occurs twice."
                )
            columns[name] = _joined(parts)
        return Cells(self.name, columns, np.concatenate(rows), self.stated, self.ignored)

    def records(self) -> Iterator[tuple[NDArray[np.int64], list[list[str]]]]:
        """Yield row numbers and cells, some thousands at a time."""
        rows = self.split()
        base = self.first + 2
        is_plain = not (self.has_quotes or self.strips or self.is_ragged_space)
        while chunk := list(itertools.islice(rows, _CHUNK)):
            if is_plain:  # one line is one row
                numbers = np.arange(base, base + len(chunk), dtype=np.int64)
                base += len(chunk)
                if self.is_clean(chunk):
                    yield numbers, chunk
                    continue
                numbered = list(zip(numbers.tolist(), chunk, strict=True))
            else:
                numbered = list(zip(self.numbers, chunk, strict=True))
            self.numbers.clear()
            kept = self.kept(numbered)
            if kept:
                yield np.array([n for n, _ in kept], dtype=np.int64), [c for _, c in kept]

    def is_clean(self, chunk: list[list[str]]) -> bool:
        """Whether all rows have the right number of cells and none can be a comment."""
        if set(map(len, chunk)) != {len(self.names)} or self.comment is not None:
            return False
        leads = {row[0][:1] for row in chunk}
        return not any(lead == "" or lead in "#@" or not lead.isdecimal() for lead in leads)

    def kept(self, rows: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
        """Return the rows that are neither empty nor comments, with exactly the header's width."""
        width = len(self.names)
        letters = "@" in self.ignore
        marks = ("#", *(mark for mark in self.ignore if mark not in "@C"))
        result: list[tuple[int, list[str]]] = []
        for number, row in rows:
            cells = [cell.strip(_BLANKS) for cell in row] if self.strips else row
            if not any(cells):
                continue
            lead = cells[0].lstrip(_BLANKS)[:1]
            is_comment = lead != "" and (
                lead in marks
                or (letters and (lead.isalpha() or lead == "@"))
                or ("C" in self.ignore and cells[0].strip(_BLANKS) in ("C", "c"))
            )
            if not is_comment and len(cells) != width:
                if len(cells) < width or any(cell.strip(_BLANKS) for cell in cells[width:]):
                    self.fail(number, f"{len(cells)} cells, but the header names {width} columns.")
                cells = cells[:width]  # separators at the end of the row
            if not is_comment and self.comment is not None:
                is_comment = cells[self.comment].strip(_BLANKS) not in MISSING
            if is_comment:
                self.ignored.append(number)
            else:
                result.append((number, cells))
        return result

    def split(self) -> Iterator[list[str]]:
        """Yield the cells of each row below the header; `numbers` gets the row numbers."""
        first = self.first + 1
        body = self.lines[first:]
        if self.is_ragged_space:
            for number, line in enumerate(body, first + 1):
                if line and not line.isspace():
                    self.numbers.append(number)
                    yield line.split()
            return
        # a quoted cell may hold a line break, which splitting into lines took away
        source = (line + "\n" for line in body) if self.has_quotes else body
        reader = csv.reader(source, delimiter=self.separator, **_CSV)
        is_plain = not (self.has_quotes or self.strips)
        try:
            if is_plain:
                yield from reader
                return
            for cells in reader:
                self.numbers.append(first + reader.line_num)
                yield cells
        except csv.Error as error:
            self.fail(first + reader.line_num, f"cannot be read as CSV: {error}.")


def _is_hash_header(line: str) -> bool:
    """Whether a line such as ``#ID,TIME,AMT`` is a header after all."""
    return re.match(r"#\s*(?:ID|C)\s*[,;\t ]", line, re.IGNORECASE) is not None


def _separator_of(header: str) -> str:
    for candidate in (",", ";", "\t"):
        if candidate in header:
            return candidate
    return " "


def _stated_units(line: str) -> dict[str, str]:
    units: dict[str, str] = {}
    for item in line[len(UNITS_LINE) :].split(";"):
        name, found, unit = item.partition("=")
        if found:
            units[name.strip()] = unit.strip()
    return units


def _as_array(cells: Iterable[str]) -> Column:
    """Return cells as byte strings (a quarter of the memory), or as text if they are not ASCII."""
    try:
        return np.array(cells, dtype="S")
    except UnicodeEncodeError:
        return np.array(cells, dtype="U")


def _joined(parts: list[Column]) -> Column:
    if any(part.dtype.kind == "U" for part in parts):
        parts = [part.astype("U") for part in parts]
    return np.concatenate(parts)


# --- data in memory -------------------------------------------------------------------------------


def from_frame(frame: Any, name: str = "table") -> Cells:
    """Take the columns of a dictionary of arrays or of a data frame (pandas, polars, others).

    A data frame is anything with `columns` whose columns, ``frame[name]``, have `to_numpy`.

    Raises
    ------
    DataError
        KG-200 if it is neither, has no rows, or has columns of different length.
    """
    columns: dict[str, Column] = {}
    if isinstance(frame, Mapping):
        pairs: list[tuple[Any, Any]] = list(frame.items())
    elif hasattr(frame, "columns") and hasattr(frame, "__getitem__"):
        try:
            pairs = [(key, frame[key].to_numpy()) for key in list(frame.columns)]
        except AttributeError:
            raise DataError(
                f"KG-200: the columns of the {type(frame).__name__} have no to_numpy(); pass a"
                " dictionary of arrays."
            ) from None
    else:
        raise DataError(
            f"KG-200: an event table is made from a dictionary of arrays or a data frame, not from"
            f" {type(frame).__name__}."
        )
    for key, values in pairs:
        if str(key) in columns:
            raise DataError(f"KG-212: {name}: the column {str(key)!r} occurs twice.")
        columns[str(key)] = _column_of(values, str(key), name)
    lengths = {key: array.shape[0] for key, array in columns.items()}
    if not columns or len(set(lengths.values())) != 1:
        raise DataError(
            f"KG-200: {name}: the columns have different lengths: {lengths}."
            if columns
            else f"KG-200: {name} has no columns."
        )
    num_rows = next(iter(lengths.values()))
    if num_rows == 0:
        raise DataError(f"KG-200: {name} has columns but no rows.")
    return Cells(name, columns, np.arange(1, num_rows + 1, dtype=np.int64))


def _column_of(values: Any, key: str, name: str) -> Column:
    if hasattr(values, "to_numpy"):
        values = values.to_numpy()
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biuf" and not isinstance(values, np.ndarray):
            array = np.array(values, dtype=object)  # one type for all would change some cells
    except (ValueError, TypeError) as error:
        raise DataError(f"KG-200: {name}: the column {key!r} is not a list of cells.") from error
    if array.ndim != 1:
        raise DataError(
            f"KG-200: {name}: the column {key!r} has the shape {array.shape}; needed: one value per"
            " row."
        )
    if array.dtype.kind in "iu" and array.size and np.abs(array.astype(object)).max() > 2**53:
        return array.astype("U")  # identifiers that a double does not hold
    if array.dtype.kind in "biuf":
        return array.astype(np.float64)
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "replace")
    if array.dtype.kind == "U":
        return np.char.strip(array)
    return np.array([_cell_text(cell) for cell in array.tolist()], dtype="U")


def _cell_text(cell: Any) -> str:
    """Return an object as the text a file would hold."""
    if cell is None or str(cell) in ("<NA>", "NaT"):  # the latter two are pandas' missing values
        return ""
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace").strip()
    if isinstance(cell, float):
        return "" if cell != cell else repr(cell)
    return str(cell).strip()


def to_text(cells: Iterable[Iterable[str]]) -> str:
    """Return rows of cells as CSV text."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(cells)
    return out.getvalue()
