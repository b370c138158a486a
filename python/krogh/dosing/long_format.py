"""Tables with one measurement or dose a row and the units in columns of their own.

SPDX-License-Identifier: BSD-3-Clause

The form of preclinical data sets (and of the package chi): ``ID, Time, Time unit, Observable,
Value, Observable unit, Dose, Dose unit, Duration``.  A row may hold a measurement, a dose, or both.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.dosing.cells import Cells, Column
from krogh.dosing.columns import Numbers, Place, missing, numbers, shown, texts
from krogh.dosing.reading import Options, Parts, assemble
from krogh.errors import DataError, InvalidInput, did_you_mean
from krogh.units import convert, parse_unit, same_dimension

__all__ = ["assemble_long"]

_NEEDED: Final = ("ID", "TIME", "TIME UNIT", "OBSERVABLE", "VALUE", "OBSERVABLE UNIT")
_DOSES: Final = ("DOSE", "DOSE UNIT", "DURATION")


def assemble_long(cells: Cells, route: str | None, drug: str | None) -> Parts:
    """Return the columns of an event table for a long table; see `EventTable.read_long`.

    Raises
    ------
    DataError
        KG-211 for a missing column, KG-213 for a cell that is no number, KG-219 for a row without
        time or with a dose or value without unit.
    UnitError
        KG-120 to KG-125 for a unit that cannot be read or does not fit the others.
    """
    found: dict[str, Column] = {}
    for name, column in cells.columns.items():
        key = " ".join(name.upper().split())
        if key in found:
            raise DataError(f"KG-212: {cells.source}: the column {key!r} occurs twice.")
        found[key] = column
    for key in _NEEDED:
        if key not in found:
            raise DataError(
                f"KG-211: {cells.source} has no column {key.capitalize()!r}, which a long table"
                f" needs.{did_you_mean(key, found)}"
            )
    num_rows = len(cells.rows)
    for key in _DOSES:
        found.setdefault(key, np.full(num_rows, "", dtype="U1"))
    place = Place(cells.source, cells.rows, texts(found["ID"]))
    time = numbers(found["TIME"], "Time", place)
    place.require(~np.isnan(time), "KG-219", "Time is missing.")
    everywhere = np.ones(num_rows, dtype=bool)
    time, time_unit = _in_one_unit(time, found["TIME UNIT"], everywhere, "Time", place)
    value = numbers(found["VALUE"], "Value", place)
    dose = np.nan_to_num(numbers(found["DOSE"], "Dose", place), nan=0.0)
    duration = np.nan_to_num(numbers(found["DURATION"], "Duration", place), nan=0.0)
    measured = ~missing(found["OBSERVABLE"])
    given = dose != 0
    place.require(
        measured | given,
        "KG-219",
        "the row holds neither an observable nor a dose.",
    )
    place.require(measured | np.isnan(value), "KG-219", "a value without an observable.", "")
    place.require(given | (duration == 0), "KG-217", "Duration = {d} without a dose.", d=duration)
    kinds = texts(found["OBSERVABLE"])
    units: dict[str, Any] = {"TIME": time_unit}
    by_kind: dict[str, str] = {}
    for kind in np.unique(kinds[measured]).tolist():
        rows = measured & (kinds == kind)
        value, by_kind[kind] = _in_one_unit(value, found["OBSERVABLE UNIT"], rows, kind, place)
    if by_kind:
        units["DV"] = by_kind
    if given.any():
        dose, units["AMT"] = _in_one_unit(dose, found["DOSE UNIT"], given, "Dose", place)
    source = np.concatenate([np.flatnonzero(measured), np.flatnonzero(given)])
    is_dose = np.concatenate([np.zeros(measured.sum(), bool), np.ones(given.sum(), bool)])
    order = np.lexsort((is_dose, source))  # a measurement of a row comes before its dose
    source, is_dose = source[order], is_dose[order]
    columns: dict[str, Column] = {
        "ID": found["ID"][source],
        "TIME": time[source],
        "EVID": is_dose.astype(np.float64),
        "AMT": np.where(is_dose, dose[source], 0.0),
        "DUR": np.where(is_dose, duration[source], 0.0),
        "DV": np.where(is_dose, np.nan, value[source]),
        "DVID": np.where(is_dose, "", kinds[source]),
    }
    if route is not None:
        columns["ROUTE"] = np.where(is_dose, route, "")
    if drug is not None:
        columns["DRUG"] = np.where(is_dose, drug, "")
    long = Cells(cells.source, columns, cells.rows[source], {}, cells.ignored)
    return assemble(long, Options(units=units, sort=True))


def _in_one_unit(
    values: Numbers, unit_cells: Column, rows: NDArray[np.bool_], what: str, place: Place
) -> tuple[Numbers, str]:
    """Return the values with those of `rows` in the unit of the first of them, and that unit."""
    place.require(~rows | ~missing(unit_cells), "KG-219", f"{what} without its unit.")
    written = texts(unit_cells)
    first = str(written[int(np.argmax(rows))]).strip()
    result = values.copy()
    for unit in np.unique(written[rows]).tolist():
        chosen = rows & (written == unit)
        index = int(np.argmax(chosen))
        try:
            parse_unit(unit)
        except InvalidInput as error:
            text = str(error).partition(": ")[2]
            place.fail(error.code, index, f"{what}: {text}", kind=type(error))
        if not same_dimension(unit, first):
            place.fail(
                "KG-221",
                index,
                f"{what} is in {shown(unit)!r} here but in {first!r} above; they do not convert.",
            )
        if unit != first:
            result[chosen] = convert(result[chosen], unit, first)
    return result, first
