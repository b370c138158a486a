"""Absolute tolerances by species.

SPDX-License-Identifier: BSD-3-Clause

The error of a state y is kept below ``atol + rtol |y|`` per step.  Without a statement of the user,
``atol = 1e-3 rtol scale`` where the scale of a species is, rounded down to a power of ten,

- its largest dose (after bioavailability and volume) or its initial value at nominal parameters,
  whichever is larger, where it has one;
- otherwise the smaller of one declared unit and the smallest scale found for its dimension.

So a state is followed with full relative accuracy down to a thousandth of what enters it.  The
scales depend on the model, its nominal values and the regimen for a typical subject (`weight` and
`surface` where one is stated for all, else the reference value of the model's covariate, else 70 kg
and 1.8 m^2), never on who else is simulated: a subject's bits stay the same in every batch.  Of an
event table the median dose into each compartment counts, so a part of a table may get other scales
than the whole; state `atol` where bits must agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh import _core
from krogh.errors import SpecError, UnitError, did_you_mean
from krogh.model.compile import CompiledModel
from krogh.schedule import DOSE, OTHER, Plan, Records
from krogh.units import dimension, factor, parse_quantity, require_dimension

__all__ = ["absolute_tolerances"]

_SHARE: Final = 1e-3


def absolute_tolerances(
    compiled: CompiledModel, plan: Plan, rtol: float, given: Any, nominal: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return atol of every state in internal units, shape (num_states,).

    Parameters
    ----------
    given
        None; a mapping of species to text with unit (``{"C": "1e-6 nM"}``), the others by default;
        or text with a unit for all species of that dimension.
    nominal
        Parameters of a typical subject, internal units, shape (num_parameters,).

    Raises
    ------
    SpecError
        KG-103 for an unknown species, KG-108 for a negative tolerance.
    UnitError
        KG-121 for a wrong dimension.
    """
    atol = _SHARE * rtol * _scales(compiled, plan, nominal)
    if given is None:
        return atol
    if isinstance(given, str):
        quantity = parse_quantity(given, "atol")
        same = [u for u in compiled.state_units if dimension(u or "1") == dimension(quantity.unit)]
        if not same:
            raise UnitError(f"KG-121: no species has the dimension of atol = {given!r}.")
        given = {
            name: given
            for name, unit in zip(compiled.state_names, compiled.state_units, strict=True)
            if unit in same
        }
    if not isinstance(given, Mapping):
        raise SpecError(
            "KG-108: atol needs units: {'C': '1e-6 nM'}, or text for all species of a dimension;"
            f" found {given!r}."
        )
    for name, value in given.items():
        if name not in compiled.state_names:
            raise SpecError(
                f"KG-103: atol names {name!r}, which is no species."
                f"{did_you_mean(str(name), compiled.state_names)}"
            )
        state = compiled.state_index(name)
        unit = compiled.state_units[state]
        quantity = parse_quantity(value, f"atol of {name}")
        require_dimension(quantity.unit, unit or "1", f"atol of {name}")
        if not quantity.value >= 0.0:
            raise SpecError(f"KG-108: atol of {name} must not be negative, found {quantity}.")
        atol[state] = quantity.internal
    return atol


def _scales(
    compiled: CompiledModel, plan: Plan, nominal: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the scale of every state, internal units, see the module's text."""
    size = len(compiled.state_names)
    units = [u or "1" for u in compiled.state_units]
    one = np.array([factor(u) for u in units])
    with_doses = _after_doses(compiled, nominal, plan.largest_doses)
    bare = _after_doses(compiled, nominal, {})
    known = np.maximum(np.abs(with_doses), np.abs(bare))
    for state, dose in plan.largest_doses.items():
        delayed = with_doses[state] == bare[state]  # a lag, or a dose that an input function takes
        if delayed and compiled.dose_dimension(state) == dimension(units[state]):
            known[state] = max(known[state], dose)
    scale = np.zeros(size)
    decade = known > 0.0
    scale[decade] = 10.0 ** np.floor(np.log10(known[decade] / one[decade])) * one[decade]
    dimensions = [dimension(u) for u in units]
    for i in range(size):
        if scale[i] > 0.0:
            continue
        same = [scale[j] for j in range(size) if decade[j] and dimensions[j] == dimensions[i]]
        scale[i] = min([one[i], *same])
    return scale


def _after_doses(
    compiled: CompiledModel, nominal: NDArray[np.float64], doses: Mapping[int, float]
) -> NDArray[np.float64]:
    """Return the states of a typical subject at time 0 after a bolus of each largest dose."""
    rows: list[dict[str, Any]] = [{"kind": OTHER}]
    rows += [{"kind": DOSE, "target": s, "amount": a} for s, a in doses.items() if a > 0.0]
    schedule = Records.of(rows).schedule(np.array([0, len(rows)]), shared=True)
    run = _core.simulate_point(
        compiled.program,
        np.ascontiguousarray(nominal.reshape(1, -1)),
        schedule,
        rtol=1e-3,
        final_states=True,
        num_threads=1,
    )
    states = np.asarray(run.final_states)[0]
    return np.where(np.isfinite(states), states, 0.0)
