"""The only place where the benchmarks touch krogh: cases as programs, populations as calls.

SPDX-License-Identifier: BSD-3-Clause

Forms of a case
---------------
``core``      expression graph given straight to the engine, in days and nM.
``language``  a ``krogh.Model`` written as text; the engine works in its internal units.
``builtin``   the block of ``krogh.model.systemic``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.cases import (
    ATOL_PER_RTOL,
    DOSE_DAYS,
    DOSE_NMOL,
    OBSERVATION_DAYS,
    PK2,
    TMDD,
    Array,
    Case,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

OBSERVE, DOSE = 0, 1


@dataclass(frozen=True)
class Population:
    """A case ready to run: ``solve`` is what gets timed."""

    program: Any
    schedule: Any
    num_states: int

    def solve(
        self,
        patients: Array,
        rtol: float,
        *,
        num_threads: int = 1,
        method: str = "auto",
        sensitivities: Sequence[int] = (),
        out: Array | None = None,
    ) -> Any:
        """Result of the engine; ``values`` has shape (num_patients, num_days, num_states)."""
        from krogh import _core

        return _core.simulate_point(
            self.program,
            patients,
            self.schedule,
            rtol=rtol,
            atol=np.full(self.num_states, ATOL_PER_RTOL * rtol),
            method=method,
            sensitivities=list(sensitivities),
            num_threads=num_threads,
            out=out,
        )

    def values(self, patients: Array, rtol: float, **options: Any) -> Array:
        """States only."""
        values: Array = self.solve(patients, rtol, **options).values
        return values.reshape(len(patients), len(OBSERVATION_DAYS), self.num_states)


def population(case: Case, form: str = "core") -> Population:
    """A case in one of its forms."""
    if form != "core":
        raise ValueError(f"no form {form!r} of {case.name}")
    return Population(core_program(case), shared_schedule(), len(case.states))


def shared_schedule() -> Any:
    """Doses and daily observations, the same rows for every patient; observations come first."""
    from krogh import _core

    time = np.concatenate([OBSERVATION_DAYS, DOSE_DAYS])
    kind = np.concatenate(
        [np.full(len(OBSERVATION_DAYS), OBSERVE), np.full(len(DOSE_DAYS), DOSE)]
    ).astype(np.int8)
    order = np.argsort(time, kind="stable")
    n = len(time)
    return _core.Schedule(
        np.array([0, n], dtype=np.int64),
        time[order],
        kind[order],
        np.zeros(n, dtype=np.int32),
        np.where(kind[order] == DOSE, DOSE_NMOL, 0.0),
        np.zeros(n),
        np.zeros(n),
        np.zeros(n, dtype=np.int32),
        np.zeros(n, dtype=np.int8),
        shared=True,
    )


def core_program(case: Case) -> Any:
    """The case as a program of the engine, states in nmol and nM, time in days."""
    from krogh import _core

    graph = _core.Graph()
    states = [Symbol(graph, graph.state(i)) for i in range(len(case.states))]
    parameters = [Symbol(graph, graph.parameter(j)) for j in range(len(case.parameters))]
    derivatives: list[Any] = [None] * len(case.states)
    case.rhs(states, parameters, derivatives)
    initial = [graph.constant(0.0)] * len(case.states)
    if case is TMDD:
        initial[3] = (parameters[8] / parameters[9]).node
    elif case is not PK2:
        raise ValueError(case.name)
    return _core.Program(
        graph,
        list(case.states),
        list(case.parameters),
        derivatives=[d.node for d in derivatives],
        initial=initial,
        outputs=[s.node for s in states],
        names_outputs=list(case.states),
    )


@dataclass(frozen=True)
class Symbol:
    """A node with operators, so that the law of a case can be traced."""

    graph: Any
    node: int

    def _binary(self, operation: str, a: int, b: int) -> Symbol:
        return Symbol(self.graph, self.graph.binary(operation, a, b))

    def __add__(self, other: Symbol) -> Symbol:
        return self._binary("add", self.node, other.node)

    def __sub__(self, other: Symbol) -> Symbol:
        return self._binary("sub", self.node, other.node)

    def __mul__(self, other: Symbol) -> Symbol:
        return self._binary("mul", self.node, other.node)

    def __truediv__(self, other: Symbol) -> Symbol:
        return self._binary("div", self.node, other.node)

    def __neg__(self) -> Symbol:
        return Symbol(self.graph, self.graph.unary("neg", self.node))
