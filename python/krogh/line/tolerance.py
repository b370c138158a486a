"""Absolute tolerances of states along lines.

SPDX-License-Identifier: BSD-3-Clause

``atol = 3e-3 rtol scale`` in the tissue, ``1e-3 rtol scale`` in the plasma, as at a point
(`krogh.simulate.tolerance`).  The scale of a tissue state, rounded down to a power of ten, is the
largest of its initial value and, where it moves, of the scale of the concentration outside; a state
that has neither takes the smallest scale of its dimension, since what is formed cannot exceed what
it is formed from, or one declared unit where there is none.  Doses count as they are given to the
line that gets least, of several regimens the smallest tolerance holds; nothing depends on the order
of lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, UnitError, did_you_mean
from krogh.line.arrays import Evaluator
from krogh.line.dosing import Dosing
from krogh.line.problem import LineProblem
from krogh.model.compile import CompiledModel
from krogh.schedule import DOSE, Plan, TemplatePlan
from krogh.simulate.tolerance import absolute_tolerances
from krogh.units import dimension, factor, parse_quantity, require_dimension

__all__ = ["line_tolerances", "typical"]

Floats = NDArray[np.float64]
_SHARE: Final = 3e-3
"""Of the tolerance of the scale.  A smaller share buys steps in the first seconds after a dose and
little else: with 1e-3 BENCH-N87 takes 58 steps instead of 51, with errors of 6.8e-5 instead of
8.3e-5 of the largest values, and of 4e-4 instead of 5e-4 of what is left far from the vessel.
With 1e-2 (47 steps) free drug that a tight wall keeps far below its scale lost too much."""

_PLASMA_SHARE: Final = 1e-3
"""What `krogh.simulate.tolerance.absolute_tolerances` takes."""


def typical(compiled: CompiledModel, values: Mapping[str, Any], packed: Floats) -> Floats:
    """Return the parameters that set tolerances: nominal ones and what `values` states for all."""
    known = compiled.nominal.copy()
    for name, value in values.items():
        if np.ndim(value[0] if isinstance(value, tuple) else value) == 0:
            at = compiled.parameter_index(name)
            known[at] = packed[0, at]
    return np.where(np.isnan(known), packed[0], known)


def line_tolerances(
    problem: LineProblem,
    dosing: Dosing | None,
    rtol: float,
    given: Any,
    values: tuple[Mapping[str, Any], Mapping[str, Any]],
) -> tuple[Floats, Floats]:
    """Return atol of the tissue's states and of the systemic states, internal units.

    Parameters
    ----------
    given
        None, a mapping of species of either model to text with unit, or text for all species of
        that dimension.
    values
        Values given for the tissue and for the systemic model.

    Raises
    ------
    SpecError, UnitError
        As `krogh.simulate.tolerance.absolute_tolerances`.
    """
    tissue, systemic = problem.tissue, problem.systemic
    plasma = np.zeros(0)
    if systemic is not None:
        assert dosing is not None
        nominal = typical(systemic, values[1], problem.plasma_parameters)
        plans = [replace(g.plan, largest_doses=_largest_doses(g.plan)) for g in dosing.groups]
        rows = [absolute_tolerances(systemic, plan, rtol, None, nominal) for plan in plans]
        plasma = np.min(rows, axis=0)
    atol = _SHARE * rtol * _scales(problem, plasma / (_PLASMA_SHARE * rtol), values)
    if given is None:
        return atol, plasma
    targets = [(tissue, atol)] + ([(systemic, plasma)] if systemic is not None else [])
    if isinstance(given, str):
        wanted = dimension(parse_quantity(given, "atol").unit)
        given = {
            name: given
            for c, _ in targets
            for name, unit in zip(c.state_names, c.state_units, strict=True)
            if dimension(unit or "1") == wanted
        }
        if not given:
            raise UnitError("KG-121: no species has the dimension of atol.")
    if not isinstance(given, Mapping):
        raise SpecError(f"KG-108: atol needs units: {{'C': '1e-6 nM'}}; found {given!r}.")
    for name, value in given.items():
        found = [(c, array) for c, array in targets if name in c.state_names]
        if not found:
            known = [n for c, _ in targets for n in c.state_names]
            raise SpecError(
                f"KG-103: atol names {name!r}, which is no species.{did_you_mean(str(name), known)}"
            )
        quantity = parse_quantity(value, f"atol of {name}")
        for c, array in found:
            at = c.state_index(name)
            require_dimension(quantity.unit, c.state_units[at] or "1", f"atol of {name}")
            if not quantity.value >= 0.0:
                raise SpecError(f"KG-108: atol of {name} must not be negative, found {quantity}.")
            array[at] = quantity.internal
    return atol, plasma


def _largest_doses(plan: Plan) -> dict[int, float]:
    """Return the largest dose into each state, of the line that gets least where they differ."""
    if not isinstance(plan, TemplatePlan):
        return plan.largest_doses
    columns, own = plan.records.columns, plan.own
    found: dict[int, float] = {}
    for k in np.flatnonzero(columns["kind"] == DOSE).tolist():
        state = int(columns["target"][k])
        amount = float(np.min(own["amount", k])) if ("amount", k) in own else columns["amount"][k]
        found[state] = max(found.get(state, 0.0), float(amount))
    return found


def _scales(
    problem: LineProblem, plasma: Floats, values: tuple[Mapping[str, Any], Mapping[str, Any]]
) -> Floats:
    c = problem.tissue
    own = _evaluator(c, typical(c, values[0], problem.parameters), problem.fields)
    starts = c.model.analysis.starts
    known = np.array([float(np.max(np.abs(own.value(starts[n])))) for n in c.state_names])
    for m in problem.mobiles:
        outside = 0.0
        if m.supply is not None and problem.systemic is not None:
            other = _evaluator(
                problem.systemic,
                typical(problem.systemic, values[1], problem.plasma_parameters),
                {},
            )
            by = np.max(np.abs(other.value(m.supply.factor)))
            outside = float(plasma[m.supply.state] * by * m.supply.per_tissue)
        elif m.curve is not None:
            outside = float(np.max(np.abs(problem.curves[m.curve].values[0])) * m.per_curve)
        known[m.state] = max(known[m.state], outside)
    one = np.array([factor(u or "1") for u in c.state_units])
    scale = np.zeros(known.size)
    has = known > 0.0
    scale[has] = 10.0 ** np.floor(np.log10(known[has] / one[has])) * one[has]
    dimensions = [dimension(u or "1") for u in c.state_units]
    for i in np.flatnonzero(~has):
        same = [scale[j] for j in np.flatnonzero(has) if dimensions[j] == dimensions[i]]
        scale[i] = min(same, default=one[i])
    return scale


def _evaluator(c: CompiledModel, row: Floats, fields: Mapping[str, Floats]) -> Evaluator:
    symbols: dict[str, Any] = dict(zip(c.parameter_names, row.tolist(), strict=True))
    return Evaluator(c.model, symbols | {k: v[0] for k, v in fields.items()})
