"""Names of the columns of an event table, numbers from their cells, and errors that name the place.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from krogh.dosing.cells import MISSING, Cells, Column
from krogh.errors import DataError, Error, did_you_mean

__all__ = ["ALIASES", "CANONICAL", "Place", "integers", "missing", "named", "numbers", "texts"]

Mask = NDArray[np.bool_]
Numbers = NDArray[np.float64]

ALIASES: Final[dict[str, tuple[str, ...]]] = {
    "ID": ("#ID", "SUBJECT", "SUBJID"),
    "TIME": (),
    "EVID": (),
    "AMT": ("AMOUNT",),
    "RATE": (),
    "DUR": ("TINF", "DURATION"),
    "II": (),
    "ADDL": (),
    "SS": (),
    "CMT": ("COMPARTMENT",),
    "MDV": (),
    "DV": (),
    "DVID": ("YTYPE",),
    "CENS": (),
    "LIMIT": (),
    "BLQ": ("BLOQ",),
    "LLOQ": ("LOQ",),
    "OCC": (),
}
"""Canonical names and the other spellings that are taken for them (any letter case)."""

CANONICAL: Final = tuple(ALIASES)
_CANONICAL_OF: Final = {name: name for name in ALIASES} | {
    other: name for name, others in ALIASES.items() for other in others
}

_LIMIT_WORDS: Final = ("BLQ", "BLOQ", "BQL", "LLOQ", "LOQ", "ND", "BLD", "ALQ", "ULOQ")


class Place:
    """Says where something is wrong: file, row, subject and column."""

    def __init__(self, source: str, rows: NDArray[np.int64], ids: Column | None = None) -> None:
        self.source = source
        self.rows = rows
        self.ids = ids

    def where(self, index: int) -> str:
        """Return ``trial.csv row 57 (ID 12)``."""
        subject = "" if self.ids is None else f" (ID {shown(self.ids[index])})"
        return f"{self.source} row {int(self.rows[index])}{subject}"

    def fail(
        self,
        code: str,
        index: int,
        why: str,
        advice: str = "",
        more: int = 0,
        kind: type[Error] = DataError,
    ) -> NoReturn:
        """Raise the error for one row; `more` counts other rows with the same fault."""
        also = f"{more} more row{'s' if more > 1 else ''} like this.  " if more > 0 else ""
        tail = f"\n  {also}{advice}".rstrip() if also or advice else ""
        raise kind(f"{code}: {self.where(index)}: {why}{tail}")

    def require(self, good: Mask, code: str, why: str, advice: str = "", /, **values: Any) -> None:
        """Raise for the first row that is not good.

        `why` may hold ``{name}`` for each of `values`, columns whose cell in that row is filled in.
        """
        if good.all():
            return
        bad = np.flatnonzero(~good)
        first = int(bad[0])
        for name, column in values.items():
            why = why.replace("{" + name + "}", shown(column[first]))
        self.fail(code, first, why, advice, len(bad) - 1)


def shown(value: Any) -> str:
    """Return a cell for a message: whole numbers without a point, text as it is."""
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    if isinstance(value, (float, np.floating)):
        return "missing" if np.isnan(value) else f"{float(value):.10g}"
    return str(value)[:60]


def named(
    cells: Cells, names: Mapping[str, str] | None
) -> tuple[dict[str, Column], dict[str, str]]:
    """Return the columns by canonical or upper-case name, and the spelling each had.

    Parameters
    ----------
    cells
        As read.
    names
        The file's name to the canonical one, for columns that are called otherwise.

    Raises
    ------
    DataError
        KG-211 if `names` mentions an absent column, KG-212 if two columns get one name.
    """
    renamed: dict[str, str] = {}
    for given, wanted in (names or {}).items():
        match = [name for name in cells.columns if name.upper() == str(given).upper()]
        if not match:
            raise DataError(
                f"KG-211: {cells.source} has no column {given!r}."
                f"{did_you_mean(str(given), cells.columns)}"
            )
        renamed[match[0]] = str(wanted).upper()
    taken = set(renamed.values())
    columns: dict[str, Column] = {}
    spelling: dict[str, str] = {}
    for name, column in cells.columns.items():
        key = renamed.get(name) or name.upper()
        if name not in renamed:
            canonical = _CANONICAL_OF.get(key, key)
            other_has_it = any(n.upper() == canonical for n in cells.columns if n != name)
            key = key if canonical in taken or other_has_it else canonical
        if key in columns:
            raise DataError(
                f"KG-212: {cells.source}: the columns {spelling[key]!r} and {name!r} are both"
                f" {key!r} (letter case does not matter); rename or remove one."
            )
        columns[key] = column
        spelling[key] = name
    return columns, spelling


def missing(column: Column) -> Mask:
    """Return which cells are missing."""
    if column.dtype.kind == "f":
        return np.isnan(column)
    found = np.zeros(column.shape, dtype=bool)
    for word in MISSING:
        found |= column == (word.encode() if column.dtype.kind == "S" else word)
    return found


def numbers(column: Column, name: str, place: Place) -> Numbers:
    """Return the cells as numbers, NaN where missing.

    Raises
    ------
    DataError
        KG-213 for a cell that is no number or not finite.
    """
    if column.dtype.kind == "f":
        values: Numbers = column
    else:
        absent = missing(column)
        values = np.full(column.shape, np.nan)
        try:
            values[~absent] = column[~absent].astype(np.float64)
        except ValueError:
            _fail_number(column, absent, name, place)
    infinite = np.isinf(values)
    if infinite.any():
        place.fail("KG-213", int(np.argmax(infinite)), f"{name} is infinite.")
    return values


def _fail_number(column: Column, absent: Mask, name: str, place: Place) -> NoReturn:
    bad = [i for i in np.flatnonzero(~absent).tolist() if not _is_number(column[i])]
    first = bad[0]
    text = shown(column[first])
    advice = "Missing values are '.', empty or NA."
    if ":" in text:
        advice = "Clock times are not read; give the elapsed time as a number."
    elif text.startswith(("<", ">")) or text.upper() in _LIMIT_WORDS:
        advice = "Write the limit of quantification as a number with CENS 1 (or BLQ 1 and LLOQ)."
    elif "," in text:
        advice = "Write a decimal point."
    place.fail("KG-213", first, f"{name} = {text!r} is not a number.", advice, len(bad) - 1)


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def integers(column: Column, name: str, place: Place, largest: float = 2**31) -> NDArray[np.int64]:
    """Return whole numbers, 0 where missing; KG-213 for a cell that is none."""
    values = np.nan_to_num(numbers(column, name, place), nan=0.0)
    place.require(
        (values == np.rint(values)) & (np.abs(values) <= largest),
        "KG-213",
        name + " = {value} is not a whole number in range.",
        value=values,
    )
    return values.astype(np.int64)


def texts(column: Column) -> Column:
    """Return the cells as text; whole numbers without a point."""
    if column.dtype.kind == "f":
        return np.array([shown(value) for value in column.tolist()], dtype="U")
    return column.astype("U")


def listed(names: Sequence[str]) -> str:
    """Return names as ``A, B and C``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
