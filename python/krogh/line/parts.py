"""Parts of a result along lines: what failed, the plasma by name, what an output needs.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from krogh import _core
from krogh.citations import model_keys
from krogh.errors import SpecError, did_you_mean
from krogh.labeled import LabeledArray
from krogh.line.outcome import Outcome
from krogh.model.expression import Expression, Symbol, symbols_of
from krogh.provenance import Provenance
from krogh.units import factor

if TYPE_CHECKING:
    from krogh.line.result import LineResult

__all__ = ["LineFailure", "PlasmaResult", "needed_states", "provenance_of"]


@dataclass(frozen=True)
class LineFailure:
    """What went wrong with one line.

    Attributes
    ----------
    line
        Its number, from 0.
    time, time_unit
        When.
    species, cell, position
        The state involved (empty: none), its cell (-1: none) and where that is, um.
    """

    line: int
    time: float
    time_unit: str
    species: str
    cell: int
    position: float
    reason: str
    code: int = 0

    def __str__(self) -> str:
        what = f", {self.species}" if self.species else ""
        where = f" in cell {self.cell} at {self.position:.4g} um" if self.cell >= 0 else ""
        return f"line {self.line} at {self.time:.6g} {self.time_unit}{what}{where}: {self.reason}"


class PlasmaResult(Mapping[str, LabeledArray]):
    """Outputs and species of the systemic model, or given curves, axes ("line", "time")."""

    def __init__(self, result: LineResult) -> None:
        self._result = result

    @cached_property
    def _names(self) -> tuple[str, ...]:
        problem = self._result.problem
        if problem.systemic is None:
            return tuple(problem.curves)
        c = problem.systemic
        return tuple(dict.fromkeys([*c.output_names, *c.state_names]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, name: str) -> LabeledArray:
        r = self._result
        problem = r.problem
        if problem.systemic is None:
            if name not in problem.curves:
                raise self._unknown(name)
            curve = problem.curves[name]
            rows = [np.interp(r.settings.grid, curve.times, v) for v in curve.values]
            values = np.broadcast_to(np.array(rows), (problem.count, r.settings.grid.size))
            return r.labeled(values / factor(curve.unit), name, curve.unit)
        expression, unit = self.expression_of(name)
        values = r.plasma_evaluator.value(expression)
        shape = (problem.count, r.settings.grid.size)
        return r.labeled(np.broadcast_to(values, shape) / factor(unit or "1"), name, unit)

    def expression_of(self, name: str) -> tuple[Expression, str]:
        """Return the expression and unit of an output or species; SpecError KG-118 if unknown."""
        c = self._result.problem.systemic
        assert c is not None
        if name in c.output_names:
            return c.model.outputs[name].expression, c.output_units[c.output_index(name)]
        if name in c.state_names:
            return Symbol(name), c.state_units[c.state_index(name)]
        raise self._unknown(name)

    def _unknown(self, name: str) -> SpecError:
        return SpecError(
            f"KG-118: the plasma has no output {name!r}.{did_you_mean(str(name), self._names)}"
            f"  It has {', '.join(self._names) or 'none'}."
        )


def needed_states(model: Any, expressions: Iterable[Expression]) -> set[str]:
    """Return the species that expressions need, through rules and outputs."""
    found: set[str] = set()
    seen: set[str] = set()
    pending = list(expressions)
    definitions = model.analysis.definitions
    while pending:
        for name in symbols_of(pending.pop()):
            if name in model.species:
                found.add(name)
            elif name in definitions and name not in seen:
                seen.add(name)
                pending.append(definitions[name])
    return found


def provenance_of(result: LineResult, outcome: Outcome) -> Provenance:
    """See `LineResult.provenance`."""
    problem, settings = result.problem, result.settings
    models = [problem.tissue, *([] if problem.systemic is None else [problem.systemic])]
    tolerances = [settings.atol, settings.plasma_atol]
    atol = {
        name: f"{float(value * scale):.3g} {unit}".rstrip()
        for c, values in zip(models, tolerances, strict=False)
        for name, value, scale, unit in zip(
            c.state_names, values, c.state_factors, c.state_units, strict=True
        )
    }
    content = "\n".join([*(c.model.content for c in models), repr(problem.shape)])
    keys = [key for c in models for key in model_keys(c.model)]
    return Provenance(
        version=str(_core.__version__),
        instruction_set=str(_core.instruction_set()),
        model=" + ".join(c.model.name for c in models),
        model_hash=hashlib.sha256(content.encode()).hexdigest()[:16],
        dosing=result.dosing,
        seed=0,
        rtol=settings.rtol,
        atol=atol,
        method=outcome.method,
        lanes=outcome.width,
        num_threads=outcome.num_threads,
        wall_seconds=result.wall_seconds,
        engine_seconds=outcome.seconds,
        steps_accepted=int(outcome.stats["accepted"].sum()),
        steps_rejected=int(outcome.stats["rejected"].sum()),
        citations=tuple(dict.fromkeys(keys)),
    )
