"""Derivatives of what the line solver is given, by a step along the imaginary axis.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.line.arrays import Evaluator
from krogh.line.derivatives import STEP
from krogh.line.dosing import Dosing, dose_list
from krogh.line.problem import LineProblem, Mobile, at_walls
from krogh.model.compile import CompiledModel
from krogh.model.expression import Expression, symbols_of
from krogh.model.transport import transport_expressions

__all__ = ["cannot_differentiate", "tangents"]

Floats = NDArray[np.float64]
_TIMES: Final = ("lag", "duration", "rate")


def cannot_differentiate(
    problem: LineProblem, dosing: Dosing | None, directions: Sequence[str]
) -> str:
    """Return which sensitivity the line solver cannot give, in words; empty if it can give all."""
    if problem.capillary is not None:
        return "sensitivities along a capillary"
    for name in directions:
        if name.startswith("("):
            return f"sensitivities to the {name.strip('()')}"
        if problem.flow is not None and _moves(problem, name):
            return f"sensitivities to {name!r}, on which transport in moving fluid depends"
        for c in (problem.tissue, problem.systemic):
            if c is not None and any(
                s.starts_steady and name in c.parameter_names for s in c.model.species.values()
            ):
                return f"sensitivities of {c.model.name!r}, which starts steady"
        if dosing is None:
            continue
        model = dosing.systemic.model
        for dose in model.dose_inputs.values():
            for what in _TIMES:
                expression = getattr(dose, what)
                if expression is not None and _uses(dosing.systemic, expression, name):
                    return f"sensitivities to {name!r}, on which the {what} of doses depends"
            if _uses(dosing.systemic, dose.bioavailability, name) and _has_rates(dosing):
                return f"sensitivities to {name!r}, on which the duration of infusions depends"
    return ""


def _moves(problem: LineProblem, name: str) -> bool:
    """Whether a parameter is part of how something moves."""
    c = problem.tissue
    return any(
        _uses(c, e, name)
        for m in problem.mobiles
        for what, e, _ in transport_expressions(m.transport)
        if what != "free fraction in plasma"
    )


def _has_rates(dosing: Dosing) -> bool:
    """Whether infusions state their rate, so that the bioavailability scales their duration."""
    return any(
        bool(np.any(group.plan.records.columns["rate"] != 0.0))  # type: ignore[attr-defined]
        for group in dosing.groups
    )


def _uses(c: CompiledModel, expression: Expression, name: str) -> bool:
    definitions = c.model.analysis.definitions
    pending, seen = [expression], set()
    while pending:
        for symbol in symbols_of(pending.pop()):
            if symbol == name:
                return True
            if symbol in definitions and symbol not in seen:
                seen.add(symbol)
                pending.append(definitions[symbol])
    return False


class _Shifted:
    """One direction: the evaluators of both models with one parameter off the real axis."""

    def __init__(self, problem: LineProblem, name: str) -> None:
        self.problem = problem
        self.name = name
        self.tissue = Evaluator(
            problem.tissue.model,
            self._symbols(problem.tissue, problem.parameters[:, None, :]) | problem.fields,
        )
        self.plasma: Evaluator | None = None
        if problem.systemic is not None:
            self.plasma = Evaluator(
                problem.systemic.model, self._symbols(problem.systemic, problem.plasma_parameters)
            )

    def _symbols(self, c: CompiledModel, parameters: Floats) -> dict[str, Any]:
        symbols: dict[str, Any] = {}
        for i, name in enumerate(c.parameter_names):
            value = parameters[..., i]
            symbols[name] = value + 1j * STEP if name == self.name else value
        return symbols

    def cells(self, expression: Expression) -> Floats:
        """Return the derivative in every cell, shape (1 or count, 1 or cells)."""
        return np.atleast_2d(_slope(self.tissue.value(expression)))

    def at_walls(self, expression: Expression, wall: int) -> Any:
        """Return values off the real axis in the cells at the walls, shape (sets, pieces)."""
        return at_walls(self.problem.shape, self.tissue.value(expression), wall)

    def at_wall(self, expression: Expression, wall: int) -> Any:
        """Return the value of the first piece, shape (1 or count,)."""
        return self.at_walls(expression, wall)[:, 0]


def _slope(value: Any) -> Floats:
    found: Floats = np.imag(np.asarray(value)) / STEP
    return found


def tangents(
    problem: LineProblem, dosing: Dosing | None, directions: Sequence[str]
) -> dict[str, Any]:
    """Return the keywords ``d_...`` of the core, each with axes (1 or lines, directions, ...)."""
    shifted = [_Shifted(problem, name) for name in directions]
    m = problem.cells
    found: dict[str, Any] = {
        "d_parameters": _unit_rows(problem.tissue, directions),
        "d_diffusivity": _stack(
            shifted, lambda s: _per_cell(s, [k.transport.diffusivity for k in problem.mobiles], m)
        ),
        "d_fraction": _stack(
            shifted, lambda s: _per_cell(s, [k.transport.void_fraction for k in problem.mobiles], m)
        ),
        "d_permeability": _stack(shifted, _permeability),
    }
    free = _free_of_curves(shifted)
    if free is not None:
        found["d_table_values"] = free
    if problem.systemic is not None:
        assert dosing is not None
        found["d_plasma_parameters"] = _unit_rows(problem.systemic, directions)
        if any(k.supply is not None for k in problem.mobiles):
            found["d_outside_factor"] = _stack(shifted, lambda s: _exchange(s, _outside))
            found["d_uptake_factor"] = _stack(shifted, lambda s: _exchange(s, _uptake))
        amounts = _doses(dosing, shifted, problem)
        if amounts.size:
            found["d_dose_amounts"] = amounts
    return found


def _unit_rows(c: CompiledModel, directions: Sequence[str]) -> Floats:
    rows = np.zeros((1, len(directions), len(c.parameter_names)))
    for k, name in enumerate(directions):
        if name in c.parameter_names:
            rows[0, k, c.parameter_index(name)] = 1.0
    return rows


def _stack(shifted: Sequence[_Shifted], of: Callable[[_Shifted], Floats]) -> Floats:
    """Return derivatives with the axis of directions behind that of lines."""
    parts = [of(s) for s in shifted]
    sets = max(p.shape[0] for p in parts)
    found = np.empty((sets, len(parts), *parts[0].shape[1:]))
    for k, part in enumerate(parts):
        found[:, k] = part
    return found


def _per_cell(s: _Shifted, expressions: Sequence[Expression], cells: int) -> Floats:
    parts = [s.cells(e) for e in expressions]
    found = np.empty((max(p.shape[0] for p in parts), len(parts), cells))
    for i, part in enumerate(parts):
        found[:, i] = part
    return found


def _permeability(s: _Shifted) -> Floats:
    problem = s.problem
    columns: list[Floats] = []
    for k in problem.mobiles:
        for wall in (0, 1):
            p = k.transport.permeability
            passes = p is not None and wall in problem.shape.walls
            slope = _slope(s.at_walls(p, wall)) if passes and p is not None else np.zeros((1, 1))
            columns.append(slope)
    found = np.empty((max(c.shape[0] for c in columns), problem.pieces, len(columns)))
    for i, column in enumerate(columns):
        found[:, :, i] = column
    pieces = (problem.pieces,) if problem.pieces > 1 else ()
    return found.reshape(-1, *pieces, len(problem.mobiles), 2)


def _free_of_curves(shifted: Sequence[_Shifted]) -> Floats | None:
    """Return derivatives of the tables of given curves by the free fraction; None without any."""
    problem = shifted[0].problem
    fed = [(k, wall) for k in problem.mobiles if k.curve for wall in problem.shape.walls]
    if not fed:
        return None
    times = np.unique(np.concatenate([c.times for c in problem.curves.values()]))

    def of(s: _Shifted) -> Floats:
        rows = []
        for k, wall in fed:
            assert k.curve is not None
            curve = problem.curves[k.curve]
            values = np.array([np.interp(times, curve.times, v) for v in curve.values])
            slope = _slope(s.at_wall(k.transport.free_in_plasma, wall))[:, None]
            rows.append(slope * values * k.per_curve)
        found = np.empty((max(r.shape[0] for r in rows), len(rows), times.size))
        for i, row in enumerate(rows):
            found[:, i] = row
        return found

    return _stack(shifted, of)


def _exchange(s: _Shifted, of: Callable[[_Shifted, Mobile, int], Floats]) -> Floats:
    columns = [
        np.atleast_1d(of(s, k, wall))
        for k in s.problem.mobiles
        if k.supply is not None
        for wall in s.problem.shape.walls
    ]
    found = np.empty((max(c.size for c in columns), len(columns)))
    for i, column in enumerate(columns):
        found[:, i] = column
    return found


def _outside(s: _Shifted, k: Mobile, wall: int) -> Floats:
    assert k.supply is not None
    assert s.plasma is not None
    factor = np.atleast_1d(s.plasma.value(k.supply.factor)) * k.supply.per_tissue
    return _slope(s.at_wall(k.transport.free_in_plasma, wall) * factor)


def _uptake(s: _Shifted, k: Mobile, wall: int) -> Floats:
    assert k.supply is not None
    assert s.plasma is not None
    if s.problem.volume is None or k.supply.volume is None:
        return np.zeros(1)
    number = s.problem.number / k.supply.per_tissue
    return _slope(number / np.atleast_1d(s.plasma.value(k.supply.volume)))


def _doses(dosing: Dosing, shifted: Sequence[_Shifted], problem: LineProblem) -> Floats:
    """Return derivatives of the doses, shape (1, directions, doses).

    An entry is proportional to the bioavailability and to the inverse of the volume.
    """
    doses = dose_list(dosing, problem.plasma_values, problem.count)
    line = np.repeat(np.arange(problem.count), np.diff(doses.offsets))
    found = np.zeros((1, len(shifted), doses.times.size))
    model = dosing.systemic.model
    for state in np.unique(doses.states).tolist():
        name = dosing.systemic.state_names[state]
        mine = doses.states == state
        dose = model.dose_inputs.get(name)
        volume = model.analysis.volume_of(model.species[name])
        for k, s in enumerate(shifted):
            assert s.plasma is not None
            relative = np.zeros(problem.count)
            if dose is not None:
                fraction = s.plasma.value(dose.bioavailability)
                relative = relative + _slope(fraction) / np.real(fraction)
            if volume is not None:
                size = s.plasma.value(volume)
                relative = relative - _slope(size) / np.real(size)
            found[0, k, mine] = doses.amounts[mine] * relative[line[mine]]
    return found
