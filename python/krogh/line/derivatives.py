"""Derivatives of outputs from those of the states, exact by a step along the imaginary axis.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, did_you_mean
from krogh.labeled import LabeledArray
from krogh.line.arrays import Evaluator
from krogh.line.outcome import Outcome
from krogh.line.problem import LineProblem
from krogh.model.compile import CompiledModel
from krogh.units import factor

if TYPE_CHECKING:
    from krogh.line.result import LineResult

__all__ = ["direction_unit", "directions_of", "output_derivative"]

STEP: Final = 1e-40
"""Relative to nothing: the imaginary part is never added to anything, so no digit is lost."""


def directions_of(names: Any, problem: LineProblem) -> tuple[str, ...]:
    """Return the directions of names: parameters of either model, lengths of the shape.

    Raises
    ------
    SpecError
        KG-103 for an unknown name, KG-164 for a field.
    """
    chosen = (names,) if isinstance(names, str) else names
    if not isinstance(chosen, Sequence) or not all(isinstance(n, str) for n in chosen):
        raise SpecError(f"KG-119: sensitivities must be names such as ['P'], not {names!r}.")
    chosen = tuple(chosen)
    known = list(problem.tissue.parameter_names[: problem.tissue.num_model_parameters])
    if problem.systemic is not None:
        systemic = problem.systemic
        known += systemic.parameter_names[: systemic.num_model_parameters]
    known += problem.shape.length_names
    for name in chosen:
        if name not in known:
            raise SpecError(
                f"KG-103: sensitivities: {name!r} is no parameter of the models and no length of"
                f" the {problem.shape.label}.{did_you_mean(str(name), known)}"
            )
        if name in problem.fields:
            raise SpecError(
                f"KG-164: sensitivities: {name!r} is a field; it has no single value to vary."
            )
    return chosen


def internal_directions(names: tuple[str, ...], problem: LineProblem) -> tuple[str, ...]:
    """Return the names as the program of cells has them."""
    return tuple(f"({n})" if n in problem.shape.length_names else n for n in names)


def direction_unit(problem: LineProblem, name: str) -> str:
    """Return the unit of what is varied."""
    for c in (problem.tissue, problem.systemic):
        if c is not None and name in c.parameter_names:
            return c.parameter_units[c.parameter_index(name)]
    return "um"


def output_derivative(result: LineResult, outcome: Outcome, output: str, name: str) -> LabeledArray:
    """See `LineResult.sensitivity`."""
    names = result.directions
    if name not in names:
        raise SpecError(
            f"KG-118: no sensitivity to {name!r} was asked for.{did_you_mean(name, names)}"
            f"  Available: {', '.join(names) or 'none'}; simulate_line(..., sensitivities=[...])."
        )
    k = names.index(name)
    problem = result.problem
    below = direction_unit(problem, name)
    in_tissue = output in problem.tissue.output_names or output in problem.tissue.state_names
    if in_tissue:
        expression, unit = result.expression_of(output)
        assert outcome.d_values is not None
        states = {
            s: (outcome.values[:, :, i, :], outcome.d_values[:, :, k, i, :])
            for i, s in enumerate(result.recorded)
        }
        symbols = _symbols(
            problem.tissue, problem.parameters[:, None, None, :], states, name, result.settings.grid
        )
        fields = {n: v[:, None, :] for n, v in problem.fields.items()}
        found = Evaluator(problem.tissue.model, symbols | fields).value(expression)
        shape: tuple[int, ...] = outcome.values[:, :, 0].shape if result.recorded else (
            problem.count, result.settings.grid.size, problem.cells
        )  # fmt: skip
    else:
        expression, unit = result.plasma.expression_of(output)
        c = problem.systemic
        assert c is not None
        assert outcome.plasma is not None
        assert outcome.d_plasma is not None
        states = {
            s: (outcome.plasma[:, :, i], outcome.d_plasma[:, :, k, i])
            for i, s in enumerate(c.state_names)
        }
        symbols = _symbols(
            c, problem.plasma_parameters[:, None, :], states, name, result.settings.grid
        )
        found = Evaluator(c.model, symbols).value(expression)
        shape = outcome.plasma.shape[:2]
    values = np.broadcast_to(np.imag(np.asarray(found)) / STEP, shape)
    scale = factor(below or "1") / factor(unit or "1")
    label = f"d({output})/d({name})"
    return result.labeled(values * scale, label, f"({unit or '1'})/({below or '1'})")


def _symbols(
    c: CompiledModel,
    parameters: NDArray[np.float64],
    states: dict[str, Any],
    name: str,
    grid: NDArray[np.float64],
) -> dict[str, Any]:
    """Return values with their derivatives as imaginary parts."""
    axes = parameters.ndim - 2
    symbols: dict[str, Any] = {"t": grid.reshape(1, -1, *([1] * (axes - 1)))}
    for i, parameter in enumerate(c.parameter_names):
        value = parameters[..., i]
        symbols[parameter] = value + 1j * STEP if parameter == name else value
    for state, (value, derivative) in states.items():
        symbols[state] = value + 1j * (STEP * derivative)
    return symbols
