"""Input that is still under way when a run ends: infusions that run, doses that wait for their lag.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from krogh.model.compile import CompiledModel
from krogh.schedule import DOSE, RESET, RESET_DOSE, ListPlan, Plan, TemplatePlan

__all__ = ["has_pending_input"]

_ROUND_OFF: Final = 1e-9
_SPREAD: Final = 10.0  # doses that end this many times earlier need no look at every subject

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


def has_pending_input(compiled: CompiledModel, plan: Plan, parameters: Floats) -> NDArray[np.bool_]:
    """Return whether a dose goes on after the end of the run, shape (num_subjects,).

    Doses that a reset or a steady state has taken away do not count.  Lag, bioavailability,
    duration and rate are taken at the parameters' values at the end of the run.

    Parameters
    ----------
    parameters
        Shape (num_subjects or 1, num_parameters), internal units.
    """
    n = plan.num_subjects
    late = np.zeros(n, dtype=bool)
    doses = _Doses(compiled, parameters)
    if isinstance(plan, ListPlan):
        columns = plan.records.columns
        who = np.repeat(np.arange(n), np.diff(plan.offsets))
        rows = _still_there(columns, who, n)
        rows = rows[doses.may_go_on(columns, rows, plan.ends()[who[rows]])]
        goes_on = doses.go_on(columns, rows, plan.ends()[who[rows]], who[rows])
        late[who[rows[goes_on]]] = True
        return late
    assert isinstance(plan, TemplatePlan)
    columns, end = plan.records.columns, plan.ends()
    largest = dict(columns)
    for (name, position), values in plan.own.items():
        largest[name] = largest[name].copy() if largest[name] is columns[name] else largest[name]
        largest[name][position] = values.min() if name == "rate" else values.max()
    rows = _still_there(columns, np.zeros(len(plan.records), dtype=np.int64), 1)
    for position in rows[doses.may_go_on(largest, rows, end)]:
        own = {name: c[np.full(n, position)] for name, c in columns.items()}
        own |= {name: values for (name, at), values in plan.own.items() if at == position}
        late |= doses.go_on(own, np.arange(n), end, np.arange(n))
    return late


def _still_there(columns: Mapping[str, NDArray[np.generic]], who: Rows, n: int) -> Rows:
    """Return the rows of doses that no later reset of the subject takes away."""
    kind = columns["kind"]
    is_dose = (kind == DOSE) | (kind == RESET_DOSE)
    resets = np.flatnonzero(
        (kind == RESET) | (kind == RESET_DOSE) | (is_dose & (columns["steady"] == 1))
    )
    last = np.full(n, -1)
    np.maximum.at(last, who[resets], resets)
    rows = np.flatnonzero(is_dose)
    return rows[rows >= last[who[rows]]]


class _Doses:
    """When doses end, by the model's attributes of them."""

    def __init__(self, compiled: CompiledModel, parameters: Floats) -> None:
        self.compiled = compiled
        self.parameters = parameters
        self._known: dict[tuple[int, str, bool], Floats] = {}

    def may_go_on(
        self, columns: Mapping[str, NDArray[np.generic]], rows: Rows, end: Floats
    ) -> NDArray[np.bool_]:
        """Return which doses go on in a typical subject if they lasted several times longer."""
        start, length = self._times(columns, rows, end, None)
        clearly_over: NDArray[np.bool_] = start + _SPREAD * length <= end * (1.0 + _ROUND_OFF)
        return ~clearly_over

    def go_on(
        self, columns: Mapping[str, NDArray[np.generic]], rows: Rows, end: Floats, who: Rows
    ) -> NDArray[np.bool_]:
        """Return which doses go on after `end` in the subjects who get them."""
        start, length = self._times(columns, rows, end, who)
        later: NDArray[np.bool_] = start + length > end + _ROUND_OFF * np.abs(end)
        return later

    def _times(
        self, columns: Mapping[str, NDArray[np.generic]], rows: Rows, end: Floats, who: Rows | None
    ) -> tuple[Floats, Floats]:
        """Return when the last dose of each row begins, and lag and duration together, s."""
        part = {name: np.asarray(c[rows], dtype=np.float64) for name, c in columns.items()}
        start, interval = part["time"], part["interval"]
        with np.errstate(invalid="ignore", divide="ignore"):
            passed = np.floor((end - start) / interval * (1.0 + _ROUND_OFF))
            count = np.where(interval > 0.0, np.minimum(part["additional"], passed), 0.0)
            rate = part["rate"]
            share = self._values("bioavailability", part["target"], who)
            length = np.where(part["duration"] > 0.0, part["duration"], 0.0)
            length = np.where(rate > 0.0, share * part["amount"] / rate, length)
            for code, what in ((-1.0, "rate"), (-2.0, "duration")):
                if np.any(rate == code):
                    given = self._values(what, part["target"], who)
                    modeled = share * part["amount"] / given if code == -1.0 else given
                    length = np.where(rate == code, modeled, length)
        start = start + np.maximum(count, 0.0) * interval
        return start, length + self._values("lag", part["target"], who)

    def _values(self, what: str, states: Floats, who: Rows | None) -> Floats:
        found = np.zeros(states.size)
        for state in np.unique(states).astype(int).tolist():
            mine = states == state
            values = self._attribute(state, what, who is not None)
            chosen = values if who is None or values.ndim == 0 else values[who[mine]]
            found[mine] = chosen
        return found

    def _attribute(self, state: int, what: str, own: bool) -> Floats:
        """Return an attribute of doses into a state, of a typical subject or of each."""
        key = (state, what, own)
        if key not in self._known:
            given = self.compiled.model.dose_inputs.get(self.compiled.state_names[state])
            expression = None if given is None else getattr(given, what)
            if expression is None:
                values = np.asarray(1.0 if what == "bioavailability" else 0.0)
            elif own and self.parameters.shape[0] > 1:
                values = np.asarray(self.compiled.evaluate(expression, self.parameters))
            else:
                values = np.asarray(self.compiled.evaluate(expression, self.parameters[0]))
            self._known[key] = values
        return self._known[key]
