"""From an event table to a regimen: equal doses become one repeated dose.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from krogh.dosing.dose import Dose
from krogh.dosing.regimen import Regimen
from krogh.dosing.times import seconds
from krogh.errors import SpecError
from krogh.units import Quantity

if TYPE_CHECKING:
    from krogh.dosing.event_table import EventTable

__all__ = ["to_regimen"]

Numbers = NDArray[np.float64]


def to_regimen(table: EventTable, subject: Any = None) -> Regimen:
    """Return the doses of one subject as a regimen; see `EventTable.to_regimen`."""
    if subject is None:
        if table.num_subjects != 1:
            raise SpecError(
                f"KG-101: {table.source} has {table.num_subjects} subjects; say which:"
                f" to_regimen({table.subjects[0]!r})."
            )
        subject = table.subjects[0]
    rows = table.slice_of(subject)
    columns = {name: column[rows] for name, column in table.columns.items()}
    place = table.place
    evid = columns["EVID"]
    for index in range(len(evid)):
        absolute = rows.start + index
        if evid[index] == 3 or (evid[index] == 4 and index > 0):
            place.fail("KG-223", absolute, f"a reset (EVID {evid[index]}) is no part of a regimen.",
                       "A regimen says what is given; use the table itself.")  # fmt: skip
        if evid[index] == 2 and columns["CMT"][index] < 0:
            place.fail("KG-223", absolute, "a compartment turned off is no part of a regimen.")
    chosen = np.flatnonzero((evid == 1) | (evid == 4))
    if not chosen.size:
        place.fail("KG-223", rows.start, "the subject gets no dose.")
    doses = []
    for index in chosen.tolist():
        if columns["TIME"][index] < 0:
            place.fail("KG-223", rows.start + index, "a regimen starts at time 0 or later.")
        doses.append(_dose_of(columns, index, table.units))
    return Regimen(_merged(doses))


def _dose_of(columns: Mapping[str, NDArray[Any]], i: int, units: Mapping[str, Any]) -> Dose:
    time_unit = units["TIME"]
    rate = float(columns["RATE"][i])
    duration = float(columns["DUR"][i])
    modeled = {-1.0: "rate", -2.0: "duration"}.get(rate)
    name = str(columns["CMT_NAME"][i]) if "CMT_NAME" in columns else ""
    number = int(columns["CMT"][i])

    def text(key: str) -> str | None:
        return (str(columns[key][i]) or None) if key in columns else None

    def time(key: str) -> float:
        return seconds(Quantity(float(columns[key][i]), time_unit), key)

    return Dose(
        Quantity(float(columns["AMT"][i]), units["AMT"]),
        time("TIME"),
        duration=time("DUR") if duration > 0 else None,
        rate=Quantity(rate, units["RATE"]) if rate > 0 and duration == 0 else None,
        interval=time("II"),
        additional=int(columns["ADDL"][i]),
        steady=int(columns["SS"][i]),
        compartment=name or (number or None),
        route=text("ROUTE"),
        drug=text("DRUG"),
        modeled=modeled,  # type: ignore[arg-type]
    )


def _merged(doses: Sequence[Dose]) -> list[Dose]:
    """Join equal doses at equal distances into one repeated dose.

    Distances are equal if the times agree to 1e-12 of themselves: the rounding of times that were
    written in another unit.
    """
    result: list[Dose] = []
    position = 0
    while position < len(doses):
        dose = doses[position]
        stop = position + 1
        is_single = dose.additional == 0 and dose.steady == 0
        if is_single and stop < len(doses):
            interval = doses[stop].time - dose.time
            while (
                interval > 0
                and stop < len(doses)
                and doses[stop].replace(time=dose.time) == dose
                and abs(doses[stop].time - (dose.time + (stop - position) * interval))
                <= 1e-12 * doses[stop].time
            ):
                stop += 1
        count = stop - position
        if count > 1:
            dose = dose.replace(interval=interval, additional=count - 1)
        result.append(dose)
        position = stop
    return result
