"""Who gets which doses: lines grouped by regimen, and the doses of every line in one list.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.basis import Basis
from krogh.dosing import Dose, EventTable, Regimen
from krogh.errors import DataError, SpecError
from krogh.line.added_rates import AddedRate
from krogh.line.arrays import Evaluator
from krogh.model.compile import CompiledModel
from krogh.schedule import (
    DOSE,
    OBSERVE,
    OTHER,
    ListPlan,
    Plan,
    Records,
    TemplatePlan,
    expanded,
    regimen_plan,
)
from krogh.simulate.cases import with_room
from krogh.simulate.subjects import Subjects, basis_of
from krogh.simulate.table_plan import prepare_table, table_plan

__all__ = [
    "DoseGroup",
    "DoseList",
    "Dosing",
    "dose_list",
    "dosing_of",
    "lines_of_dosing",
    "rows_of",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass
class DoseGroup:
    """Lines that follow one plan; `plan` holds as many subjects as there are lines."""

    lines: Ints
    plan: Plan


@dataclass
class Dosing:
    """The dosing of all lines.

    Attributes
    ----------
    systemic
        The systemic model, with room for the doses that its input functions see.
    begin
        First moment simulated, s.
    overrides
        Covariates that an event table states: name to values, as `CompiledModel.pack` takes them.
    rates
        What is added to species beside the doses, the same for all lines.
    """

    systemic: CompiledModel
    groups: list[DoseGroup]
    begin: float
    words: str
    overrides: dict[str, Any] = field(default_factory=dict)
    rates: tuple[AddedRate, ...] = ()


@dataclass
class DoseList:
    """Doses of all lines in the order of lines and times, as the line solver takes them.

    Attributes
    ----------
    offsets
        Shape (lines + 1,).
    times, states, amounts, kinds
        Shape (doses,); kind 0 adds to a state, 1 changes its constant input.
    """

    offsets: Ints
    times: Floats
    states: NDArray[np.int32]
    amounts: Floats
    kinds: NDArray[np.int8]


def lines_of_dosing(dosing: Any) -> int:
    """Return how many lines a dosing speaks of: a sequence or the subjects of a table; else 1."""
    if isinstance(dosing, EventTable):
        return len(dosing.subjects)
    return len(dosing) if _is_one_per_line(dosing) else 1


def _is_one_per_line(dosing: Any) -> bool:
    return (
        isinstance(dosing, Sequence)
        and not isinstance(dosing, str)
        and len(dosing) > 0
        and not all(isinstance(d, Dose) for d in dosing)
    )


def dosing_of(
    systemic: CompiledModel,
    dosing: Any,
    count: int,
    grid: Floats,
    bases: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    includes_end: bool,
) -> Dosing:
    """Return the plans of all lines; each distinct regimen is worked out once.

    Raises
    ------
    DataError
        KG-240 to KG-244 as in `krogh.simulate`; KG-241 for something that is no dosing.
    SpecError
        KG-163 where numbers of lines disagree.
    """
    everyone = np.arange(count, dtype=np.int64)
    if isinstance(dosing, EventTable):
        _require_amounts(bases)
        systemic, plan, overrides = _table(systemic, dosing, count, grid, values)
        groups = [DoseGroup(everyone, plan)]
        return Dosing(systemic, groups, _begin(plan), f"{dosing.source}", overrides)
    subjects = Subjects(everyone)
    basis = basis_of(subjects, systemic, bases, values)
    end = float(grid[-1])
    if not _is_one_per_line(dosing):
        kinds: list[tuple[_Kind, Ints]] = [(_regimen(dosing), everyone)]
    else:
        if len(dosing) != count:
            raise SpecError(
                f"KG-163: dosing has {len(dosing)} items for {count} lines; give one regimen, or"
                " one for each line."
            )
        kinds = _distinct(dosing)
    tables = [(kind, lines) for kind, lines in kinds if isinstance(kind, EventTable)]
    regimens = [(kind, lines) for kind, lines in kinds if not isinstance(kind, EventTable)]
    given = [
        [] if r is None else expanded(r, systemic, end, includes_end=includes_end)
        for r, _ in regimens
    ]  # fmt: skip
    for table, _ in tables:
        prepared = prepare_table(systemic, table, 1, 0, None)
        systemic = with_room(prepared.compiled, prepared.counts)
    for doses in given:
        counts: dict[int, int] = {}
        for g in doses:
            counts[g.state] = counts.get(g.state, 0) + 1
        systemic = with_room(systemic, counts)
    groups = [
        DoseGroup(lines, _own_table(systemic, table, lines.size, grid, values))
        for table, lines in tables
    ]
    starts = [doses[0].time for doses in given if doses] + [_begin(g.plan) for g in groups]
    begin = min([0.0, float(grid[0]), *starts])
    for (_, lines), doses in zip(regimens, given, strict=True):
        plan = regimen_plan(
            systemic,
            doses,
            _part(basis, lines),
            begin=begin,
            end=end,
            grid=grid,
            occasions={},
            moments=np.zeros(0),
            stops=np.zeros(0),
        )
        groups.append(DoseGroup(lines, plan))
    return Dosing(systemic, groups, begin, _words(kinds))


_Kind = Regimen | EventTable | None


def _words(kinds: Sequence[tuple[_Kind, Ints]]) -> str:
    if len(kinds) == 1:
        return "none" if kinds[0][0] is None else str(kinds[0][0])
    return f"{len(kinds)} regimens"


def _begin(plan: Plan) -> float:
    return min(0.0, float(plan.records.columns["time"].min()))  # type: ignore[attr-defined]


def _part(basis: Basis, lines: Ints) -> Basis:
    def of(values: Floats | None) -> Floats | None:
        return values if values is None or values.ndim == 0 else values[lines]

    ids = basis.ids[lines]
    return Basis(ids, of(basis.weight), of(basis.surface), of(basis.gfr), basis.typical)


def _regimen(dosing: Any) -> Regimen | None:
    if dosing is None or isinstance(dosing, Regimen):
        return dosing
    if isinstance(dosing, (str, Dose)) or (
        isinstance(dosing, Sequence) and all(isinstance(d, Dose) for d in dosing)
    ):
        return Regimen(dosing)
    raise DataError(
        "KG-241: dosing must be a sentence ('3.6 mg/kg'), a Regimen, an EventTable, a sequence of"
        f" sentences or regimens with one for each line, or None, not {type(dosing).__name__}."
    )


def _distinct(dosing: Sequence[Any]) -> list[tuple[_Kind, Ints]]:
    """Return the distinct regimens and tables with the lines that follow them."""
    lines: dict[Regimen | None, list[int]] = {}
    tables: list[tuple[EventTable, list[int]]] = []
    known: dict[int, list[int]] = {}  # lines of an object that was seen before
    for line, item in enumerate(dosing):
        mine = known.get(id(item))
        if mine is None and isinstance(item, EventTable):
            mine = known[id(item)] = []
            tables.append((item, mine))
        elif mine is None:
            mine = known[id(item)] = lines.setdefault(_regimen(item), [])
        mine.append(line)
    found: list[tuple[_Kind, list[int]]] = [*lines.items(), *tables]
    return [(kind, np.array(mine, dtype=np.int64)) for kind, mine in found]


def _require_amounts(bases: Mapping[str, Any]) -> None:
    for name, given in bases.items():
        if given is not None:
            raise SpecError(
                f"KG-119: {name} is for doses per weight or surface in sentences; the doses of an"
                " event table are amounts already."
            )


def _own_table(
    systemic: CompiledModel, table: EventTable, count: int, grid: Floats, values: Mapping[str, Any]
) -> Plan:
    """Return the plan of a table in a sequence: one subject, without covariates of its own."""
    if len(table.subjects) != 1:
        raise SpecError(
            f"KG-163: {table.source} has {len(table.subjects)} subjects; in a sequence each table"
            " is one line's."
        )
    _, plan, overrides = _table(systemic, table, count, grid, values)
    if overrides:
        raise SpecError(
            f"KG-164: {table.source} states {next(iter(overrides))!r}; in a sequence of dosings"
            " give covariates by values={...}."
        )
    return plan


def _table(
    systemic: CompiledModel,
    table: EventTable,
    count: int,
    grid: Floats,
    values: Mapping[str, Any],
) -> tuple[CompiledModel, Plan, dict[str, Any]]:
    number = len(table.subjects)
    if number not in (1, count):
        raise SpecError(
            f"KG-163: {table.source} has {number} subjects for {count} lines; one for all or one"
            " for each is needed."
        )
    prepared = prepare_table(systemic, table, 1, 0, None)
    systemic = with_room(prepared.compiled, prepared.counts)
    prepared.compiled = systemic
    plan: ListPlan | TemplatePlan = table_plan(
        prepared,
        grid=grid,
        end=float(grid[-1]),
        levels=frozenset(),
        occasions=None,
        seed=0,
        takes_metrics=False,
        windows=None,
        has_tail=False,
        stated=values,
    )
    overrides = dict(prepared.subjects.overrides)
    twice = sorted(set(overrides) & set(values))
    if twice:
        raise SpecError(f"KG-119: {twice[0]!r} is given twice, by values and by {table.source}.")
    if number == 1 and count > 1:
        plan = TemplatePlan(
            num_subjects=count,
            grid=plan.grid,
            dose_marks=plan.dose_marks,
            dose_scales=plan.dose_scales,
            largest_doses=plan.largest_doses,
            records=plan.records,
            initial_parameters={k: np.repeat(v, count) for k, v in plan.initial_parameters.items()},
        )
    return systemic, plan, overrides


# --- the list of the line solver ------------------------------------------------------------------


def dose_list(dosing: Dosing, values: Evaluator, count: int) -> DoseList:
    """Return the doses of all lines with bioavailability, lag and volume worked in.

    Parameters
    ----------
    values
        Of the systemic model's parameters, shapes (1 or lines,).

    Raises
    ------
    SpecError
        KG-164 for what the line solver cannot give: steady-state doses, resets, changes of
        parameters in time, input functions.
    DataError
        KG-244 for an infusion whose rate or duration is not positive.
    """
    parts = [rows_of(group) for group in dosing.groups]
    columns = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
    line, state = columns["line"], columns["target"]
    kind = columns["kind"]
    problem = _unlike(columns)
    if problem:
        raise SpecError(
            f"KG-164: the line solver cannot follow {problem} in the dosing of"
            f" {dosing.systemic.model.name!r}; use method='cells'."
        )
    keep = kind == DOSE
    columns = {k: v[keep] for k, v in columns.items()}
    line, state = columns["line"], columns["target"]
    fraction, lag, scale, given_duration, given_rate = (
        np.ones(line.size),
        np.zeros(line.size),
        np.ones(line.size),
        np.full(line.size, np.nan),
        np.full(line.size, np.nan),
    )
    model = dosing.systemic.model
    for number in np.unique(state).tolist():
        name = dosing.systemic.state_names[number]
        mine = state == number
        volume = model.analysis.volume_of(model.species[name])
        if volume is not None:
            scale[mine] = 1.0 / _by_line(values.value(volume), line[mine])
        dose = model.dose_inputs.get(name)
        if dose is None:
            continue
        if dose.input_function is not None:
            raise SpecError(
                f"KG-164: {dose.label} has an input function, which the line solver cannot follow;"
                " use method='cells'."
            )
        fraction[mine] = _by_line(values.value(dose.bioavailability), line[mine])
        lag[mine] = _by_line(values.value(dose.lag), line[mine])
        if dose.duration is not None:
            given_duration[mine] = _by_line(values.value(dose.duration), line[mine])
        if dose.rate is not None:
            given_rate[mine] = _by_line(values.value(dose.rate), line[mine])
    amount = columns["amount"] * fraction
    rate, duration = columns["rate"].copy(), columns["duration"].copy()
    rate = np.where(rate == -1.0, given_rate, rate)
    duration = np.where(columns["rate"] == -2.0, given_duration, duration)
    by_duration = (duration > 0.0) | (columns["rate"] == -2.0)
    infused = by_duration | (columns["rate"] != 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):  # F scales the duration of a given rate
        duration = np.where(by_duration, duration, amount / rate)
        rate = np.where(by_duration, amount / duration, rate)
    gives = amount > 0.0
    wrong = infused & gives & ~(np.isfinite(rate) & (rate > 0.0) & np.isfinite(duration))
    if np.any(wrong):
        at = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"KG-244: the infusion into {dosing.systemic.state_names[state[at]]!r} of line"
            f" {line[at]} has the rate {rate[at]:g} and the duration {duration[at]:g} s."
        )
    infused &= gives
    start = columns["time"] + lag
    bolus = ~infused & gives
    order = np.concatenate(
        [np.flatnonzero(bolus), np.flatnonzero(infused), np.flatnonzero(infused)]
    )
    number_of = [int(bolus.sum()), int(infused.sum())]
    times = start[order]
    amounts = np.where(infused, rate, amount)[order] * scale[order]
    tail = slice(number_of[0] + number_of[1], None)
    times[tail] += duration[infused]
    amounts[tail] *= -1.0
    kinds = infused[order].astype(np.int8)
    lines, states = line[order], state[order]
    for added in dosing.rates:
        size = added.times.size
        volume = model.analysis.volume_of(model.species[dosing.systemic.state_names[added.state]])
        per = np.ones(1) if volume is None else 1.0 / np.atleast_1d(values.value(volume))
        changes = np.broadcast_to(per[:, None] * added.changes, (count, size))
        lines = np.concatenate([lines, np.repeat(np.arange(count, dtype=np.int64), size)])
        states = np.concatenate([states, np.full(count * size, added.state, dtype=states.dtype)])
        times = np.concatenate([times, np.tile(added.times, count)])
        amounts = np.concatenate([amounts, changes.reshape(-1)])
        kinds = np.concatenate([kinds, np.ones(count * size, dtype=np.int8)])
    by = np.lexsort((np.arange(lines.size), times, lines))
    offsets = np.searchsorted(lines[by], np.arange(count + 1)).astype(np.int64)
    return DoseList(
        offsets,
        np.ascontiguousarray(times[by]),
        np.ascontiguousarray(states[by], dtype=np.int32),
        np.ascontiguousarray(amounts[by]),
        np.ascontiguousarray(kinds[by]),
    )


def _by_line(value: Any, line: Ints) -> Any:
    array = np.atleast_1d(value)
    return array[0] if array.size == 1 else array[line]


def rows_of(group: DoseGroup) -> dict[str, NDArray[Any]]:
    """Return the records of a group that are no observations, additional doses written out."""
    plan = group.plan
    if isinstance(plan, TemplatePlan):
        records, size = plan.records, len(plan.records)
        place = np.flatnonzero(records.columns["kind"] != OBSERVE)
        n = group.lines.size
        columns = {k: np.tile(c[place], n) for k, c in records.columns.items()}
        back = {int(old): new for new, old in enumerate(place)}
        for (name, position), values in plan.own.items():
            columns[name] = np.asarray(columns[name], dtype=np.float64)
            columns[name][back[position] :: place.size] = values
        line = np.repeat(group.lines, place.size)
        assert size >= place.size
    else:
        assert isinstance(plan, ListPlan)
        columns = dict(plan.records.columns)
        line = np.repeat(group.lines, np.diff(plan.offsets))
        keep = columns["kind"] != OBSERVE
        columns = {k: c[keep] for k, c in columns.items()}
        line = line[keep]
    columns["line"] = line
    more = columns["additional"].astype(np.int64)
    if np.any(more > 0):
        at = np.repeat(np.arange(line.size), 1 + np.maximum(more, 0))
        first = np.cumsum(1 + np.maximum(more, 0)) - (1 + np.maximum(more, 0))
        k = np.arange(at.size) - first[at]
        columns = {name: c[at] for name, c in columns.items()}
        columns["time"] = columns["time"] + k * columns["interval"]
    return columns


def unlike_lists(dosing: Dosing) -> str:
    """Return what in a dosing is no list of doses, in words; empty if all is."""
    for group in dosing.groups:
        problem = _unlike(group.plan.records.columns)  # type: ignore[attr-defined]
        if group.plan.initial_parameters:
            problem = problem or "values that change in time"
        if problem:
            return f"{problem} in the dosing"
    return ""


def _unlike(columns: Mapping[str, NDArray[Any]]) -> str:
    kind = columns["kind"]
    if np.any((kind == DOSE) & (columns["steady"] != 0)):
        return "doses at steady state"
    if np.any((kind != DOSE) & (kind != OTHER) & (kind != OBSERVE)):
        return "resets, switches and values that change in time"
    return ""


def observations(count: int, grid: Floats, begin: float) -> TemplatePlan:
    """Return a plan without doses."""
    rows = [{"time": begin, "kind": OTHER}] + [{"time": float(t), "kind": OBSERVE} for t in grid]
    return TemplatePlan(num_subjects=count, grid=grid, records=Records.of(rows))
