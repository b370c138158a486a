"""Additional doses of an event table as rows of their own.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from krogh.dosing.reading import Parts
from krogh.errors import DataError

if TYPE_CHECKING:
    from krogh.dosing.event_table import EventTable

__all__ = ["expanded"]

Numbers = NDArray[np.float64]


MAX_EXPANDED: Final = 50_000_000
"""Most rows of an expanded table."""


def expanded(table: EventTable) -> EventTable:
    """Return the table with each dose that ADDL stands for as a row of its own.

    A derived dose comes before the rows of its time.  It is left out if a reset (EVID 3 or 4) or a
    dose with SS 1 cancels it: one at or before its time, later in the table.  Rows keep the number
    and the covariates of the row they come from; under NOCB a derived dose takes the covariates of
    the next row, since its own record would change them.
    """
    from krogh.dosing.event_table import EventTable

    columns = table.columns
    additional = columns["ADDL"]
    total = len(table) + int(additional.sum())
    if total > MAX_EXPANDED:
        raise DataError(f"KG-204: the expanded table would have {total} rows.")
    source = np.repeat(np.arange(len(table)), additional + 1)
    first = np.concatenate([[0], np.cumsum(additional + 1)[:-1]])
    number = np.arange(total) - first[source]
    time = columns["TIME"][source] + number * columns["II"][source]
    subject = table.subject_index
    cancels = (
        (columns["EVID"] == 3)
        | (columns["EVID"] == 4)
        | ((columns["EVID"] == 1) & (columns["SS"] == 1))
    )
    segment = np.cumsum(cancels | (np.diff(subject, prepend=-1) != 0))
    limit = _ends_of_segments(columns["TIME"], subject, segment)
    keep = (number == 0) | (time < limit[source])
    source, number, time = source[keep], number[keep], time[keep]
    order = np.lexsort((source, number == 0, time, segment[source]))
    source, number, time = source[order], number[order], time[order]
    derived = number > 0
    new = {name: column[source] for name, column in columns.items()}
    new["TIME"] = time
    new["ADDL"] = np.zeros_like(new["ADDL"])
    new["SS"] = np.where(derived, 0, new["SS"])
    new["II"] = np.where(new["SS"] > 0, new["II"], 0.0)
    new["EVID"] = np.where(derived, 1, new["EVID"])
    origin = _origin_of_covariates(source, derived, subject, table.interpolation)
    parts = Parts(
        table.source,
        new,
        {name: column[origin] for name, column in table.covariates.items()},
        {name: column[source] for name, column in table.other.items()},
        table.units,
        table.categories,
        table.rows[source],
        np.concatenate([np.flatnonzero(np.diff(subject[source], prepend=-1)), [len(source)]]),
        table.ignored,
        table.interpolation,
    )
    if table.interpolation == "linear":
        for name, values in _linear_covariates(table, source, time, derived).items():
            parts.covariates[name] = values
    return EventTable(parts)


def _ends_of_segments(
    time: Numbers, subject: NDArray[np.int64], segment: NDArray[np.int64]
) -> Numbers:
    """Return for each row the time at which what is pending is cancelled, infinite if never.

    A segment ends where the next one of the same subject starts.  If the clock starts anew there,
    time had come to the segment's last record.
    """
    starts = np.flatnonzero(np.diff(segment, prepend=-1))
    last = np.concatenate([starts[1:], [len(segment)]]) - 1
    ends = np.full(len(starts), np.inf)
    same = subject[starts[1:]] == subject[starts[:-1]]
    following = time[starts[1:]]
    reached = time[last[:-1]]
    back = following < reached
    ends[:-1][same] = np.where(back, np.nextafter(reached, np.inf), following)[same]
    return ends[np.searchsorted(starts, np.arange(len(segment)), side="right") - 1]


def _origin_of_covariates(
    source: NDArray[np.int64],
    derived: NDArray[np.bool_],
    subject: NDArray[np.int64],
    rule: str,
) -> NDArray[np.int64]:
    """Return the row whose covariates each row of the expanded table takes.

    Rows of the table take their own.  A derived dose takes those of the nearest row of the table
    after it (NOCB) or before it (LOCF) in its subject, so that the expansion changes no covariate.
    """
    real = np.flatnonzero(~derived)
    position = np.arange(len(source))
    if rule == "nocb":
        index = np.searchsorted(real, position, side="left")
        candidate = source[real[np.minimum(index, len(real) - 1)]]
        other = source[real[np.maximum(np.searchsorted(real, position, side="right") - 1, 0)]]
    else:
        index = np.searchsorted(real, position, side="right") - 1
        candidate = source[real[np.maximum(index, 0)]]
        other = candidate
    own = subject[source]
    return np.where(subject[candidate] == own, candidate, other)


def _linear_covariates(
    table: EventTable, source: NDArray[np.int64], time: Numbers, derived: NDArray[np.bool_]
) -> dict[str, Numbers]:
    """Return the covariates under linear interpolation.

    A derived dose lies between the rows of the table next to it.  Where no row of its subject
    follows, or the next one starts a new clock, the value before it holds.
    """
    real = np.flatnonzero(~derived)
    here = np.flatnonzero(derived)
    following = np.searchsorted(real, here)
    left = source[real[following - 1]]  # the first row of a table is never derived
    right = source[real[np.minimum(following, len(real) - 1)]]
    clock, subject = table.columns["TIME"], table.subject_index
    width = clock[right] - clock[left]
    between = (following < len(real)) & (subject[right] == subject[left]) & (width > 0)
    weight = np.zeros(len(here))
    weight[between] = (time[here] - clock[left])[between] / width[between]
    result: dict[str, Numbers] = {}
    for name, values in table.covariates.items():
        column = values[source]
        column[here] = values[left] + (values[right] - values[left]) * weight
        result[name] = column
    return result
