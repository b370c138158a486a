"""Event tables turned into the solver's records.

SPDX-License-Identifier: BSD-3-Clause

Order of what happens at one time of one subject: derived doses (in the solver), the rows of the
table in their order with the values that belong to them set just before, observations of a grid,
values that hold from here on, edges of windows.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.dosing import EventTable
from krogh.errors import DataError, Error
from krogh.model.compile import CompiledModel
from krogh.schedule import (
    DOSE,
    OBSERVE,
    OTHER,
    RESET,
    RESET_DOSE,
    SET_PARAMETER,
    TURN_OFF,
    TURN_ON,
    ListPlan,
    Records,
    require_modeled,
)
from krogh.simulate.subjects import Subjects
from krogh.simulate.varying import (
    Varying,
    apply_covariates,
    occasion_columns,
    require_constant_volumes,
)
from krogh.simulate.windows import own_windows, with_tail
from krogh.units import factor

__all__ = ["Prepared", "prepare_table", "table_plan"]

_LOG = logging.getLogger("krogh")
_MOST_MARKS: Final = 500

_ROW, _GRID, _AFTER, _STOP = range(4)
"""Rank of records at one time."""


@dataclass
class Prepared:
    """An event table read against a model.

    Attributes
    ----------
    time
        Of every row, s.
    segment
        Counts the clocks of a subject: rises where time goes back at a reset.
    states
        State of the row's compartment, -1 where none is needed.
    varying
        Parameters that change from row to row.
    counts
        State to the largest number of doses of one subject.
    """

    compiled: CompiledModel
    table: EventTable
    subjects: Subjects
    time: NDArray[np.float64]
    segment: NDArray[np.int64]
    states: NDArray[np.int64]
    varying: list[Varying] = field(default_factory=list)
    counts: dict[int, int] = field(default_factory=dict)


def prepare_table(
    compiled: CompiledModel, table: EventTable, who: Any, seed: int, occasions: Any
) -> Prepared:
    """Return a table with its rows matched to the model's states, parameters and subjects.

    Raises
    ------
    DataError
        KG-243 where subjects beside the table do not fit it, KG-244 where a row names a compartment
        or route that the model does not have, KG-245 where a covariate cannot be interpolated.
    """
    if occasions == "doses":
        table = table.expanded()
    time = np.asarray(table["TIME"], dtype=np.float64) * factor(str(table.units["TIME"]))
    index = table.subject_index
    back = np.zeros(time.size, dtype=np.int64)
    back[1:] = (time[1:] < time[:-1]) & (index[1:] == index[:-1])
    prepared = Prepared(
        compiled=compiled,
        table=table,
        subjects=Subjects(np.array(table.subjects)),
        time=time,
        segment=np.cumsum(back),
        states=_states_of(compiled, table),
    )
    apply_covariates(prepared, who, seed)
    evid = np.asarray(table["EVID"])
    gives = (evid == DOSE) | (evid == RESET_DOSE)
    for state in np.unique(prepared.states[gives]).tolist():
        mine = gives & (prepared.states == state)
        number = np.bincount(index[mine], weights=1.0 + table["ADDL"][mine])
        prepared.counts[int(state)] = int(number.max())
    return prepared


def _states_of(compiled: CompiledModel, table: EventTable) -> NDArray[np.int64]:
    """Return the state that each dose or switch concerns, -1 for other rows."""
    evid, cmt = np.asarray(table["EVID"]), np.asarray(table["CMT"])
    needed = (evid == DOSE) | (evid == RESET_DOSE) | ((evid == OTHER) & (cmt != 0))
    states = np.full(len(table), -1, dtype=np.int64)
    columns = table.columns
    blank = np.full(len(table), "")
    keys = [columns.get(name, blank) for name in ("CMT_NAME", "ROUTE", "DRUG")]
    parts = [np.abs(cmt), *keys]
    codes = np.zeros(len(table), dtype=np.int64)
    for part in parts:
        _, inverse = np.unique(part, return_inverse=True)
        codes = codes * (int(inverse.max(initial=0)) + 1) + inverse.reshape(-1)
    for code in np.unique(codes[needed]).tolist():
        rows = np.flatnonzero(needed & (codes == code))
        first = int(rows[0])
        name, route, drug = (str(key[first]) for key in keys)
        number = abs(int(cmt[first]))
        try:
            if name:
                state = compiled.cmt(name)
            elif number:
                state = compiled.cmt(number)
            else:
                state = compiled.dose_state(route or None, drug or None)
        except Error as error:
            text = str(error).removeprefix(f"{error.code}: ")
            raise DataError(f"KG-244: {table.where(first)}: {text}") from None
        states[rows] = state
    return states


def table_plan(
    prepared: Prepared,
    *,
    grid: NDArray[np.float64] | None,
    end: float | None,
    levels: frozenset[str],
    occasions: Any,
    seed: int,
    takes_metrics: bool,
    windows: Any,
    has_tail: bool,
    stated: Iterable[str] = (),
) -> ListPlan:
    """Return the plan of a table.

    Parameters
    ----------
    grid
        Observation times in place of the table's observation rows, s.
    end
        Last moment simulated, if it lies beyond rows and grid, s.
    has_tail
        Whether windows get one more for the terminal slope.
    stated
        Names whose values the user states; random effects among them are not drawn.

    Raises
    ------
    DataError
        KG-246 for a grid or windows beside a clock that starts anew.
    """
    table, compiled = prepared.table, prepared.compiled
    subjects, index = prepared.subjects, table.subject_index
    n = subjects.count
    restarts = bool(prepared.segment[-1] > 0) if len(table) else False
    if grid is not None and restarts:
        row = int(np.argmax(np.diff(prepared.segment) > 0)) + 1
        raise DataError(
            f"KG-246: {table.where(row)}: the clock starts anew, so the times of a grid are not one"
            " moment; observe the table's own rows (leave out times, until and every)."
        )
    plan = ListPlan(n, grid=grid)
    varying = prepared.varying + occasion_columns(prepared, levels, occasions, seed, stated)
    require_constant_volumes(compiled, (v.position for v in varying))
    begins, ends = _spans(prepared, grid, end)
    table_windows, plan.window_labels = np.zeros((0, 2)), ()
    if takes_metrics and restarts:
        if windows is not None:
            raise DataError("KG-246: windows need a clock that does not start anew.")
        _LOG.info("%s: clocks start anew, so no exposure metrics are taken", table.source)
    elif takes_metrics:
        own, plan.window_labels = own_windows(windows, *_dose_times(prepared), begins, ends)
        own = with_tail(own) if has_tail else own
        ends = np.fmax(ends, np.fmax.reduce(own[..., 1], axis=1))
        alike = np.all((own == own[:1]) | (np.isnan(own) & np.isnan(own[:1])))
        table_windows = own[0] if alike and not np.isnan(own[0]).any() else own
    plan.windows = table_windows
    parts = [_row_records(prepared, grid is None)]
    parts += [_change_records(prepared, v) for v in varying]
    for v in varying:
        first = v.values[table.offsets[:-1]] if v.before is None else v.before
        last = v.values[table.offsets[1:] - 1]
        plan.initial_parameters[v.position] = first
        plan.final_parameters[v.position] = last
    last_segment = prepared.segment[table.offsets[1:] - 1] if len(table) else np.zeros(n, int)
    if grid is not None:
        who = np.repeat(np.arange(n), grid.size)
        parts.append(_plain(who, last_segment[who], np.tile(grid, n), _GRID, OBSERVE))
    edges = np.column_stack([ends, _edges(table_windows, n)])
    who = np.repeat(np.arange(n), edges.shape[1])
    keep = np.isfinite(edges.reshape(-1))
    times = edges.reshape(-1)[keep]
    parts.append(_plain(who[keep], last_segment[who[keep]], times, _STOP, OTHER))
    _join(plan, parts, n)
    if grid is None:
        seen = np.asarray(table["EVID"]) == 0
        plan.row_times, plan.row_subjects = prepared.time[seen], index[seen]
    _describe_doses(plan, prepared, compiled)
    return plan


@dataclass
class _Part:
    """Records with what they are sorted by."""

    subject: NDArray[np.int64]
    segment: NDArray[np.int64]
    rank: NDArray[np.int64]
    order: NDArray[np.int64]
    records: Records


def _plain(
    subject: NDArray[np.int64],
    segment: NDArray[np.int64],
    time: NDArray[np.float64],
    rank: int,
    kind: int,
) -> _Part:
    records = Records.empty(time.size)
    records.columns["time"][:] = time
    records.columns["kind"][:] = kind
    return _Part(
        subject, segment, np.full(time.size, rank), np.zeros(time.size, dtype=np.int64), records
    )


def _join(plan: ListPlan, parts: list[_Part], n: int) -> None:
    """Sort all records into the subjects' lists."""
    subject = np.concatenate([p.subject for p in parts])
    columns = {
        name: np.concatenate([p.records.columns[name] for p in parts])
        for name in parts[0].records.columns
    }
    order = np.lexsort(
        (
            np.concatenate([p.order for p in parts]),
            np.concatenate([p.rank for p in parts]),
            columns["time"],
            np.concatenate([p.segment for p in parts]),
            subject,
        )
    )
    plan.records = Records(columns).take(order)
    plan.offsets = np.searchsorted(subject[order], np.arange(n + 1)).astype(np.int64)


def _row_records(prepared: Prepared, observes: bool) -> _Part:
    """Return a record for each row of the table."""
    table, compiled = prepared.table, prepared.compiled
    evid = np.asarray(table["EVID"], dtype=np.int64)
    cmt = np.asarray(table["CMT"])
    size = len(table)
    r = Records.empty(size)
    c = r.columns
    c["time"][:] = prepared.time
    c["kind"][:] = evid
    c["kind"][(evid == OTHER) & (cmt < 0)] = TURN_OFF
    c["kind"][(evid == OTHER) & (cmt > 0)] = TURN_ON
    c["target"][:] = np.maximum(prepared.states, 0)
    gives = (evid == DOSE) | (evid == RESET_DOSE)
    clock = factor(str(table.units["TIME"]))
    rate, duration = np.asarray(table["RATE"]), np.asarray(table["DUR"])
    for state in np.unique(prepared.states[gives]).tolist():
        mine = gives & (prepared.states == state)
        unit = str(table.units["AMT"])
        c["amount"][mine] = compiled.dose_amount(state, np.asarray(table["AMT"])[mine], unit)
        stated = mine & (rate > 0.0) & (duration == 0.0)
        c["rate"][stated] = compiled.dose_amount(state, rate[stated], str(table.units["RATE"]))
    modeled = gives & (rate < 0.0)
    for code, what in ((-1.0, "rate"), (-2.0, "duration")):
        for row in np.flatnonzero(gives & (rate == code)).tolist():
            try:
                require_modeled(compiled, int(prepared.states[row]), what)
            except DataError as error:
                text = str(error).removeprefix(f"{error.code}: ")
                raise DataError(f"KG-244: {table.where(row)}: {text}") from None
    c["rate"][modeled] = rate[modeled]
    lasting = gives & (duration > 0.0)
    c["duration"][lasting] = duration[lasting] * clock
    c["interval"][gives] = np.asarray(table["II"])[gives] * clock
    c["additional"][gives] = np.asarray(table["ADDL"])[gives]
    c["steady"][gives] = np.asarray(table["SS"])[gives]
    c["interval"][gives & (c["additional"] == 0) & (c["steady"] == 0)] = 0.0
    order = 2 * np.arange(size) + 1
    keep = np.arange(size) if observes else np.flatnonzero(evid != 0)
    return _Part(
        table.subject_index[keep],
        prepared.segment[keep],
        np.zeros(keep.size, dtype=np.int64),
        order[keep],
        r.take(keep),
    )


def _change_records(prepared: Prepared, varying: Varying) -> _Part:
    """Return the records that set a parameter where its value changes from row to row.

    A value that holds backward (NOCB) is set right after the row before; one that holds forward
    (LOCF) right before its own row.  A new clock starts with the values of its first row.
    """
    table, index = prepared.table, prepared.table.subject_index
    time, segment, values = prepared.time, prepared.segment, varying.values
    same = np.zeros(time.size, dtype=bool)
    same[1:] = index[1:] == index[:-1]
    changed = np.zeros(time.size, dtype=bool)
    changed[1:] = same[1:] & (values[1:] != values[:-1])
    if varying.before is not None:
        starts = table.offsets[:-1]
        changed[starts] = values[starts] != varying.before
    rows = np.flatnonzero(changed)
    before = np.where(same[rows], rows - 1, rows)
    new_clock = segment[rows] != segment[before]
    waits = new_clock | (time[rows] > time[before]) if varying.holds_backward else new_clock
    records = Records.empty(rows.size)
    c = records.columns
    c["time"][:] = np.where(waits, time[before], time[rows])
    c["kind"][:] = SET_PARAMETER
    c["target"][:] = varying.position
    c["amount"][:] = values[rows]
    return _Part(
        index[rows],
        np.where(waits, segment[before], segment[rows]),
        np.where(waits, _AFTER, _ROW),
        np.where(waits, varying.position, 2 * rows),
        records,
    )


def _spans(
    prepared: Prepared, grid: NDArray[np.float64] | None, end: float | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the first and the last moment of every subject, s."""
    offsets = prepared.table.offsets
    begins = prepared.time[offsets[:-1]].copy()
    ends = prepared.time[offsets[1:] - 1].copy()
    if grid is not None:
        begins = np.minimum(begins, grid[0])
        ends = np.maximum(ends, grid[-1])
    if end is not None:
        ends = np.maximum(ends, end)
    return begins, ends


def _edges(windows: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return the edges of windows by subject, shape (num_subjects, num_edges)."""
    if windows.ndim == 3:
        return windows.reshape(n, -1)
    return np.broadcast_to(np.unique(windows), (n, np.unique(windows).size))


def _dose_times(prepared: Prepared) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return subject and time (s) of every dose, additional ones included."""
    table = prepared.table
    evid = np.asarray(table["EVID"])
    gives = np.flatnonzero((evid == DOSE) | (evid == RESET_DOSE))
    count = np.asarray(table["ADDL"], dtype=np.int64)[gives] + 1
    source = np.repeat(gives, count)
    number = np.arange(source.size) - np.repeat(np.cumsum(count) - count, count)
    interval = np.asarray(table["II"]) * factor(str(table.units["TIME"]))
    time = prepared.time[source] + number * interval[source]
    kept = (number == 0) | (time < _next_reset(prepared)[source])
    return table.subject_index[source[kept]], time[kept]


def _next_reset(prepared: Prepared) -> NDArray[np.float64]:
    """Return for each row when a later row takes pending doses away, s; inf for never.

    EVID 3 and 4 and doses with SS = 1 do.  Where the clock starts anew there, it is just after the
    last moment of the row's own clock.
    """
    table, time, segment = prepared.table, prepared.time, prepared.segment
    evid, steady = np.asarray(table["EVID"]), np.asarray(table["SS"])
    resets = (evid == RESET) | (evid == RESET_DOSE) | ((evid == DOSE) & (steady == 1))
    found = np.full(len(table), np.inf)
    rows = np.flatnonzero(resets)
    if rows.size == 0:
        return found
    place = np.searchsorted(rows, np.arange(len(table)), side="right")
    following = rows[np.minimum(place, rows.size - 1)]
    same = (place < rows.size) & (table.subject_index[following] == table.subject_index)
    one_clock = segment[following] == segment
    last = np.nextafter(time[following - 1], np.inf)
    found[same] = np.where(one_clock, time[following], last)[same]
    return found


def _describe_doses(plan: ListPlan, prepared: Prepared, compiled: CompiledModel) -> None:
    """Fill in marks for pictures, sizes of doses by their number, and the scale of doses."""
    table = prepared.table
    evid = np.asarray(table["EVID"])
    gives = np.flatnonzero((evid == DOSE) | (evid == RESET_DOSE))
    if gives.size == 0:
        return
    marks = np.unique(_dose_times(prepared)[1])
    if marks.size <= _MOST_MARKS:
        plan.dose_marks = {"dose": marks}
    unit = str(table.units["AMT"])
    one = np.zeros(len(table))
    for state in np.unique(prepared.states[gives]).tolist():
        mine = gives[prepared.states[gives] == state]
        one[mine] = float(compiled.dose_amount(state, 1.0, unit))
        amounts = np.asarray(table["AMT"])[mine]
        amounts = amounts[amounts > 0.0]
        if amounts.size:
            plan.largest_doses[int(state)] = float(np.median(amounts)) * float(one[mine[0]])
    who = table.subject_index[gives]
    number = np.arange(gives.size) - np.searchsorted(who, who)
    for k in range(int(number.max()) + 1):
        size = np.full(prepared.subjects.count, np.nan)
        size[who[number == k]] = one[gives[number == k]]
        plan.dose_scales.append((size, unit))
