"""Records of the solver: what happens to each subject and when.

SPDX-License-Identifier: BSD-3-Clause

A `Plan` holds the records of all subjects and makes the core's schedule for any range of them.
Times are in s and amounts in internal units.  At one time the order is: end of infusions and
additional or lagged doses (in the solver), then what was written as a row, in the order of rows,
then observations of a grid.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh import _core
from krogh.basis import Basis, calvert_dose, dose_factor
from krogh.dosing import Dose, Regimen
from krogh.errors import DataError, SpecError
from krogh.model.compile import CompiledModel
from krogh.units import convert

__all__ = [
    "Given",
    "ListPlan",
    "Plan",
    "Records",
    "TemplatePlan",
    "expanded",
    "regimen_plan",
    "require_modeled",
    "seconds_of",
]

OBSERVE: Final = 0
DOSE: Final = 1
OTHER: Final = 2
RESET: Final = 3
RESET_DOSE: Final = 4
SET_PARAMETER: Final = 5
TURN_OFF: Final = 6
TURN_ON: Final = 7

_FIELDS: Final[dict[str, str]] = {
    "time": "f8",
    "kind": "i1",
    "target": "i4",
    "amount": "f8",
    "rate": "f8",
    "interval": "f8",
    "additional": "i4",
    "steady": "i1",
    "duration": "f8",
}


@dataclass
class Records:
    """Columns of records, each of shape (num_records,)."""

    columns: dict[str, NDArray[Any]]

    @classmethod
    def empty(cls, size: int) -> Records:
        """Return records of zeros."""
        return cls({name: np.zeros(size, dtype=kind) for name, kind in _FIELDS.items()})

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> Records:
        """Return records made of dictionaries; what a row leaves out is zero."""
        records = cls.empty(len(rows))
        for i, row in enumerate(rows):
            for name, value in row.items():
                records.columns[name][i] = value
        return records

    def __len__(self) -> int:
        return len(self.columns["time"])

    def take(self, order: NDArray[np.int64]) -> Records:
        """Return the records in another order."""
        return Records({name: column[order] for name, column in self.columns.items()})

    def repeated(self, count: int) -> Records:
        """Return the records `count` times, one list after the other."""
        return Records({name: np.tile(column, count) for name, column in self.columns.items()})

    def schedule(self, offsets: NDArray[np.int64], *, shared: bool) -> Any:
        """Return the core's schedule."""
        ready = {
            name: np.ascontiguousarray(column, dtype=_FIELDS[name])
            for name, column in self.columns.items()
        }
        offsets = np.ascontiguousarray(offsets, dtype=np.int64)
        return _core.Schedule(offsets, shared=shared, **ready)


@dataclass
class Plan:
    """What happens to every subject.

    Attributes
    ----------
    num_subjects
        How many there are.
    grid
        Observation times shared by all, shape (num_observations,), or None.
    row_times, row_subjects
        Without a shared grid: time and subject of every observation.
    windows
        Shape (num_windows, 2), or (num_subjects, num_windows, 2) with NaN for none.
    window_labels
        A name for each window.
    dose_marks
        Times of doses by label, for pictures.
    dose_scales
        For each dose of the list (by position among a subject's doses): internal units in one unit
        of the dose as it was written, shape () or (num_subjects,), and that unit.
    initial_parameters
        Parameters that start with another value than the subject's: position to values,
        shape (num_subjects,).
    """

    num_subjects: int
    grid: NDArray[np.float64] | None = None
    row_times: NDArray[np.float64] | None = None
    row_subjects: NDArray[np.int64] | None = None
    windows: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    window_labels: tuple[str, ...] = ()
    dose_marks: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    dose_scales: list[tuple[Any, str]] = field(default_factory=list)
    initial_parameters: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    final_parameters: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    """The same at the end of the run."""
    largest_doses: dict[int, float] = field(default_factory=dict)
    """State to its largest dose for a typical subject, internal units: sets absolute tolerances."""

    @property
    def is_shared(self) -> bool:
        """Whether one list of records serves every subject."""
        raise NotImplementedError

    def schedule(self, start: int, stop: int) -> Any:
        """Return the core's schedule of subjects start to stop."""
        raise NotImplementedError

    def without_observations(self) -> Plan:
        """Return the plan with nothing observed: metrics and final states remain."""
        raise NotImplementedError

    def ends(self) -> NDArray[np.float64]:
        """Return the last moment simulated, s, shape () or (num_subjects,)."""
        raise NotImplementedError

    def observations(self, start: int, stop: int) -> tuple[int, int]:
        """Return the first and last row of the observations of subjects start to stop."""
        if self.grid is not None:
            return start * self.grid.size, stop * self.grid.size
        assert self.row_subjects is not None
        edges = np.searchsorted(self.row_subjects, [start, stop])
        return int(edges[0]), int(edges[1])


@dataclass
class TemplatePlan(Plan):
    """One list of records, of which some numbers may differ between subjects.

    Attributes
    ----------
    records
        The list.
    own
        (column name, position in the list) to the subjects' values, shape (num_subjects,).
    """

    records: Records = field(default_factory=lambda: Records.empty(0))
    own: dict[tuple[str, int], NDArray[np.float64]] = field(default_factory=dict)

    @property
    def is_shared(self) -> bool:
        """Whether nothing differs between subjects."""
        return not self.own

    def schedule(self, start: int, stop: int) -> Any:
        """Return the core's schedule of subjects start to stop."""
        size = len(self.records)
        if self.is_shared:
            return self.records.schedule(np.array([0, size]), shared=True)
        count = stop - start
        tiled = self.records.repeated(count)
        for (name, position), values in self.own.items():
            tiled.columns[name][position::size] = values[start:stop]
        return tiled.schedule(np.arange(count + 1) * size, shared=False)

    def without_observations(self) -> Plan:
        """Return the plan with nothing observed."""
        keep = np.flatnonzero(self.records.columns["kind"] != OBSERVE)
        place = {int(old): new for new, old in enumerate(keep)}
        own = {(name, place[position]): values for (name, position), values in self.own.items()}
        return replace(self, grid=np.zeros(0), records=self.records.take(keep), own=own)

    def ends(self) -> NDArray[np.float64]:
        """Return the last moment simulated, s, shape ()."""
        return np.asarray(self.records.columns["time"].max())


@dataclass
class ListPlan(Plan):
    """A list of records for every subject, one after the other."""

    records: Records = field(default_factory=lambda: Records.empty(0))
    offsets: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, dtype=np.int64))

    @property
    def is_shared(self) -> bool:
        """Never: every subject has its own list."""
        return False

    def schedule(self, start: int, stop: int) -> Any:
        """Return the core's schedule of subjects start to stop."""
        first, last = int(self.offsets[start]), int(self.offsets[stop])
        part = Records({name: c[first:last] for name, c in self.records.columns.items()})
        return part.schedule(self.offsets[start : stop + 1] - first, shared=False)

    def without_observations(self) -> Plan:
        """Return the plan with nothing observed."""
        acts = self.records.columns["kind"] != OBSERVE
        kept_before = np.concatenate([[0], np.cumsum(acts)])
        return replace(
            self,
            grid=np.zeros(0),
            row_times=None,
            row_subjects=None,
            records=self.records.take(np.flatnonzero(acts)),
            offsets=kept_before[self.offsets],
        )

    def ends(self) -> NDArray[np.float64]:
        """Return the last moment simulated, s, shape (num_subjects,)."""
        last: NDArray[np.float64] = self.records.columns["time"][self.offsets[1:] - 1]
        return last


# --- regimens -------------------------------------------------------------------------------------


@dataclass
class Given:
    """One dose of a regimen at one time."""

    time: float
    order: int
    dose: Dose
    steady: int
    state: int


def expanded(
    regimen: Regimen, compiled: CompiledModel, end: float, *, includes_end: bool = True
) -> list[Given]:
    """Return every single dose of a regimen up to `end`, in order of time.

    A dose at `end` itself is given where that is wanted, and never if the regimen has no stated
    end.  Steady state belongs to the first of a train; it takes away what earlier trains still had
    to give, as SS = 1 does in a table.
    """
    given: list[Given] = []
    for order, dose in enumerate(regimen.doses):
        state = (
            compiled.cmt(dose.compartment)
            if dose.compartment is not None
            else compiled.dose_state(dose.route, dose.drug)
        )
        if dose.additional is None:
            span = (end - dose.time) / dose.interval
            count = max(0, math.ceil(span - 1e-9)) if math.isfinite(span) else 0
        else:
            count = dose.additional + 1
        for k in range(count):
            time = dose.time + k * dose.interval
            if time > end or (time == end and k > 0 and not includes_end):
                break
            given.append(Given(time, order, dose, dose.steady if k == 0 else 0, state))
    given = _without_canceled(given)
    given.sort(key=lambda g: (g.time, g.order))
    if not given:
        raise DataError(
            "KG-241: no dose of the regimen falls into the simulated time, which ends at"
            f" {end / 86400:.6g} d."
        )
    return given


def _without_canceled(given: list[Given]) -> list[Given]:
    """Return the doses without those that a later train at steady state takes away."""
    resets = [(g.time, g.order) for g in given if g.steady == 1]
    if not resets:
        return given
    return [
        g
        for g in given
        if g.time == g.dose.time  # the first of its train
        or not any((g.dose.time, g.order) < reset and reset[0] <= g.time for reset in resets)
    ]


def regimen_plan(
    compiled: CompiledModel,
    given: Sequence[Given],
    basis: Basis,
    *,
    begin: float,
    end: float,
    grid: NDArray[np.float64],
    occasions: Mapping[int, NDArray[np.float64]],
    moments: NDArray[np.float64],
    stops: NDArray[np.float64],
) -> TemplatePlan:
    """Return the plan of a regimen on an observation grid.

    Parameters
    ----------
    compiled
        The model.
    given
        Doses in order of time, see `expanded`.
    basis
        Weights and surfaces.
    begin, end
        First and last moment simulated, s.
    grid
        Observation times, increasing, s.
    occasions
        Position of a random effect among the parameters to its values, shape
        (num_subjects, num_occasions).
    moments
        When occasions begin, increasing, s; the first one lasts from the beginning.
    stops
        Further times at which steps must end.
    """
    num_subjects = basis.ids.size
    rows: list[tuple[float, int, int, dict[str, Any], dict[str, NDArray[np.float64]]]] = [
        (begin, -1, 0, {"kind": OTHER}, {}),
        (end, 3, 0, {"kind": OTHER}, {}),
    ]
    plan = TemplatePlan(num_subjects, grid=grid)
    for position, values in occasions.items():
        plan.initial_parameters[position] = values[:, 0]
        plan.final_parameters[position] = values[:, 0]
        for k in range(1, min(moments.size, values.shape[1])):
            if moments[k] > end:
                break
            row = {"kind": SET_PARAMETER, "target": position}
            rows.append((float(moments[k]), 0, position, row, {"amount": values[:, k]}))
            plan.final_parameters[position] = values[:, k]
    known: dict[tuple[int, int], _Row] = {}  # a repeated dose is worked out once
    for order, g in enumerate(given):
        key = (g.order, g.steady)
        if key not in known:
            known[key] = _dose_row(compiled, g, basis)
        row, own, scale = known[key]
        rows.append((g.time, 1, order, row, own))
        plan.dose_scales.append(scale)
    for time in np.unique(stops).tolist():
        rows.append((time, 3, 0, {"kind": OTHER}, {}))
    few = Records.of([{"time": r[0], **r[3]} for r in rows])
    seen = Records.empty(grid.size)
    seen.columns["time"][:], seen.columns["kind"][:] = grid, OBSERVE
    columns = {k: np.concatenate([c, seen.columns[k]]) for k, c in few.columns.items()}
    ranks = np.concatenate([[r[1] for r in rows], np.full(grid.size, 2)])
    orders = np.concatenate([[r[2] for r in rows], np.zeros(grid.size, dtype=np.int64)])
    sorted_by = np.lexsort((orders, ranks, columns["time"]))
    plan.records = Records(columns).take(sorted_by)
    place = np.argsort(sorted_by)
    for i, r in enumerate(rows):
        for name, values in r[4].items():
            plan.own[name, int(place[i])] = np.broadcast_to(values, (num_subjects,))
    marks: dict[str, list[float]] = {}
    has_drugs = len({g.dose.drug for g in given}) > 1
    for g in given:
        label = f"dose of {g.dose.drug or 'drug'}" if has_drugs else "dose"
        marks.setdefault(label, []).append(g.time)
    plan.dose_marks = {label: np.unique(times) for label, times in marks.items()}
    reference = basis.of_typical_subject()
    for g in {g.order: g for g in given}.values():
        row, own, _ = _dose_row(compiled, g, reference)
        amount = float(own["amount"]) if "amount" in own else row["amount"]
        plan.largest_doses[g.state] = max(plan.largest_doses.get(g.state, 0.0), amount)
    return plan


_Row = tuple[dict[str, Any], dict[str, NDArray[np.float64]], tuple[Any, str]]


def _dose_row(compiled: CompiledModel, g: Given, basis: Basis) -> _Row:
    """Return a dose's record, the columns that differ between subjects, and its unit's size."""
    dose = g.dose
    row: dict[str, Any] = {"kind": DOSE, "target": g.state, "steady": g.steady}
    own: dict[str, NDArray[np.float64]] = {}
    if g.steady:
        row["interval"] = dose.interval
    if dose.duration is not None:
        row["duration"] = dose.duration
    elif dose.modeled is not None:
        require_modeled(compiled, g.state, dose.modeled)
        row["rate"] = -1.0 if dose.modeled == "rate" else -2.0

    def put(name: str, values: NDArray[np.float64]) -> None:
        if values.ndim == 0 or values.size == 1:
            row[name] = float(values.reshape(()))
        else:
            own[name] = values

    shown = str(dose.amount)
    if dose.basis == "auc":
        amount = calvert_dose(compiled, g.state, dose.amount, basis)
        unit = dose.amount.unit
        put("amount", amount)
        scale = (amount / dose.amount.value, unit)
    else:
        unit = dose.amount.unit
        size = dose_factor(compiled, g.state, unit, basis, shown)
        put("amount", size * dose.amount.value)
        scale = (size, unit)
        if dose.rate is not None:
            put(
                "rate",
                dose_factor(compiled, g.state, dose.rate.unit, basis, shown) * dose.rate.value,
            )
    return row, own, scale


def require_modeled(compiled: CompiledModel, state: int, what: str) -> None:
    """Raise DataError KG-244 unless the model gives the rate or duration of doses into a state."""
    name = compiled.state_names[state]
    given = compiled.model.dose_inputs.get(name)
    if given is None or getattr(given, what) is None:
        raise DataError(
            f"KG-244: the {what} of a dose into {name!r} is to come from the model, which states"
            f" none; write DoseInput({name!r}, {what}=...)."
        )


def seconds_of(value: Any, what: str) -> float:
    """Return a time with unit in seconds."""
    from krogh.units import parse_quantity

    if isinstance(value, (int, float)) and not isinstance(value, bool) and value == 0:
        return 0.0
    quantity = parse_quantity(value, what)
    time = convert(quantity.value, quantity.unit, "s")
    if not math.isfinite(time):
        raise SpecError(f"KG-119: {what} must be finite, not {quantity}.")
    return time
