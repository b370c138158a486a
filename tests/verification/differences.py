"""Sensitivities beside Richardson-extrapolated differences of the engine's values.

SPDX-License-Identifier: BSD-3-Clause

Everything is perturbed from outside (parameters, records, initial states) at rtol 1e-13: no
derivative code takes part in the reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from engine import DOSE, RESET_DOSE, Law, Names, Record, schedule
from krogh import _core

RTOL = 1e-9
BOUND = 1e-6
STEP = 2e-3


@dataclass(frozen=True)
class Case:
    """A subject and the directions in which it is differentiated."""

    law: Law
    parameters: tuple[float, ...]
    records: list[Record]
    directions: tuple[tuple[str, int], ...]
    scale: dict[tuple[str, int], float] = field(default_factory=dict)

    def size(self, direction):
        """Length of a perturbation."""
        kind, index = direction
        if direction in self.scale:
            return self.scale[direction]
        if kind == "parameter":
            return STEP * max(abs(self.parameters[index]), 0.1)
        if kind == "initial":
            return STEP
        record = [r for r in self.records if r.kind in (DOSE, RESET_DOSE)][index]
        return {
            "amount": STEP * record.amount, "bioavailability": STEP, "time": STEP, "lag": STEP,
            "duration": STEP,
        }[kind]  # fmt: skip

    def perturbed(self, direction, delta):
        """Parameters, records and initial states with one of them moved."""
        kind, index = direction
        parameters = np.array(self.parameters)
        records: list[Any] = list(self.records)
        initial = None
        if kind == "parameter":
            parameters[index] += delta
        elif kind == "initial":
            initial = self.first_states()
            initial[index] += delta
        else:
            position = [i for i, r in enumerate(records) if r.kind in (DOSE, RESET_DOSE)][index]
            records[position] = moved(self, records[position], kind, delta)
            # A moved time keeps the order of the list; observations stay clear of it.
        return parameters, records, initial

    def first_states(self):
        """The model's own initial states."""
        run = _core.simulate_point(
            self.law.program(), np.array([self.parameters]), schedule([[Record(0.0, 2)]]),
            final_states=True,
        )  # fmt: skip
        return run.final_states[0].copy()


def bioavailability_of(case, record):
    """F of the compartment a record doses."""
    state = case.law.states[record.target]
    function = case.law.bioavailability.get(state)
    if function is None:
        return 1.0
    return function(Names(case.law.parameters, case.parameters))


def moved(case, record, kind, delta):
    """The record with one attribute moved by delta."""
    f = bioavailability_of(case, record)
    if kind == "amount":
        return replace(record, amount=record.amount + delta)
    if kind == "bioavailability":
        return replace(record, amount=record.amount * (f + delta) / f)
    if kind in ("time", "lag"):
        return replace(record, time=record.time + delta)
    # Duration at a fixed amount: the rate follows.
    duration = f * record.amount / record.rate
    return replace(record, rate=f * record.amount / (duration + delta))


def values(case, parameters, records, initial, method="rodas5p", rtol=1e-13, **options):
    count = len(case.law.states)
    run = _core.simulate_point(
        case.law.program(), np.atleast_2d(parameters), schedule([records]), method=method,
        rtol=rtol, atol=np.full(count, max(1e-13, 1e-4 * rtol)), initial_states=initial, **options,
    )  # fmt: skip
    assert not run.failures, run.failures
    return run


def difference(case, direction):
    """Derivative of all outputs, shape (observations, outputs)."""

    def central(h):
        plus = values(case, *case.perturbed(direction, h)).values
        minus = values(case, *case.perturbed(direction, -h)).values
        return (plus - minus) / (2.0 * h)

    h = case.size(direction)
    d1, d2, d3 = central(h), central(h / 2), central(h / 4)
    first, second = (4 * d2 - d1) / 3, (4 * d3 - d2) / 3
    return (16 * second - first) / 15


_known: dict[str, np.ndarray] = {}


def check(name, case, method):
    if name not in _known:
        _known[name] = np.stack([difference(case, d) for d in case.directions], axis=-1)
    reference = _known[name]
    run = values(
        case, case.parameters, case.records, None, method=method, rtol=RTOL,
        sensitivities=list(case.directions),
    )  # fmt: skip
    largest = np.abs(reference).max(axis=0)
    error = np.abs(run.sensitivities - reference).max(axis=0)
    # An output that does not depend on a direction: zero to the size of the outputs.
    floor = 1e-9 * np.abs(run.values).max()
    wrong = {
        (direction, case.law.states[m] if not case.law.outputs else m): error[m, k] / largest[m, k]
        for k, direction in enumerate(case.directions)
        for m in range(error.shape[0])
        if error[m, k] > BOUND * largest[m, k] + floor
    }
    assert not wrong, wrong


def all_parameters(law):
    return tuple(("parameter", i) for i in range(len(law.parameters)))
