"""The only place where the benchmarks touch krogh: cases as programs, populations as calls.

SPDX-License-Identifier: BSD-3-Clause

Forms of a case
---------------
``core``      expression graph given straight to the engine, in days and nM.
``language``  a ``krogh.Model`` written as text, run through ``krogh.simulate``.
``builtin``   the blocks of ``krogh.model.systemic``, run through ``krogh.simulate``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bench.cases import (
    ATOL_PER_RTOL,
    DOSE_DAYS,
    DOSE_INTERVAL_DAYS,
    DOSE_NMOL,
    NUM_DOSES,
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

    takes_out: ClassVar[bool] = True
    """Whether `solve` writes into memory of the caller."""

    def solve(
        self,
        patients: Array,
        rtol: float,
        *,
        num_threads: int = 1,
        method: str = "auto",
        sensitivities: Sequence[tuple[str, int]] = (),
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


def population(case: Case, form: str = "core") -> Population | LanguagePopulation:
    """A case in one of its forms."""
    if form == "core":
        return Population(core_program(case), shared_schedule(), len(case.states))
    if form in ("language", "builtin"):
        model = language_model(case) if form == "language" else builtin_model(case)
        return LanguagePopulation(case, model)
    raise ValueError(f"no form {form!r} of {case.name}")


UNITS = dict(
    zip(
        TMDD.parameters,
        ("1/d", "L/d", "L", "L/d", "L", "1/(nM d)", "1/d", "1/d", "nM/d", "1/d"),
        strict=True,
    )
)
"""Units of the parameters of `TMDD` and `PK2`."""
STATE_UNITS = dict(zip(TMDD.states, ("nmol", "nM", "nM", "nM", "nM"), strict=True))


def language_model(case: Case) -> Any:
    """The case written in the model language, its laws as text."""
    from krogh.model import DoseInput, Model, Output, Parameter, Rate, Species

    bound = " - (kon*C*R - koff*RC)" if case is TMDD else ""
    laws = {
        "A": "-ka*A",
        "C": "(ka*A - CL*C - Q*(C - P))/V1" + bound,
        "P": "Q*(C - P)/V2",
        "R": "ksyn - kdeg*R - (kon*C*R - koff*RC)",
        "RC": "kon*C*R - koff*RC - kint*RC",
    }
    initial = {"R": "ksyn/kdeg"}
    return Model(
        case.name,
        *(
            Parameter(name, f"{value!r} {UNITS[name]}")
            for name, value in zip(case.parameters, case.typical, strict=True)
        ),
        *(Species(s, STATE_UNITS[s], initial=initial.get(s, "0")) for s in case.states),
        *(Rate(s, laws[s]) for s in case.states),
        *(Output(f"{s}_out", s, unit=STATE_UNITS[s]) for s in case.states),
        DoseInput("A"),
    )


def builtin_model(case: Case) -> Any:
    """The case from the blocks of level 1; the central compartments hold amounts."""
    from krogh.model import Model, Output
    from krogh.model import systemic as pk

    value = {
        name: f"{typical!r} {UNITS[name]}"
        for name, typical in zip(case.parameters, case.typical, strict=True)
    }
    blocks = [
        pk.first_order_absorption(amount="nmol", KA=value["ka"]),
        pk.compartments(2, amount="nmol", V1=value["V1"], Q=value["Q"], V2=value["V2"]),
        pk.linear_elimination(CL=value["CL"]),
    ]
    if case is TMDD:
        binding = {name: value[name] for name in ("kon", "koff", "kint", "ksyn", "kdeg")}
        blocks.append(pk.target_full(**binding))
    law = {"A": "depot", "C": "central/V1", "P": "peripheral/V2", "R": "R", "RC": "RC"}
    outputs = [Output(f"{s}_out", law[s], unit=STATE_UNITS[s]) for s in case.states]
    return Model(case.name, *blocks, *outputs)


class LanguagePopulation:
    """A case as a user runs it: the model compiled once, populations through `krogh.simulate`."""

    takes_out: ClassVar[bool] = False

    def __init__(self, case: Case, model: Any) -> None:
        self.case = case
        self.model = model
        self.num_states = len(case.states)
        renamed = {"ka": "KA"} if "KA" in model.parameters else {}
        self.names = [renamed.get(name, name) for name in case.parameters]
        self.regimen = f"{DOSE_NMOL:g} nmol every {DOSE_INTERVAL_DAYS} d x {NUM_DOSES}"

    def solve(self, patients: Array, rtol: float, *, num_threads: int = 1, **options: Any) -> Any:
        """Result of `krogh.simulate` for the population."""
        import krogh

        given = {
            name: (np.ascontiguousarray(patients[:, j]), UNITS[original])
            for j, (name, original) in enumerate(zip(self.names, self.case.parameters, strict=True))
        }
        atol = {
            name: f"{ATOL_PER_RTOL * rtol!r} {species.unit}"
            for name, species in self.model.species.items()
        }
        return krogh.simulate(
            self.model,
            self.regimen,
            subjects=len(patients),
            times=(OBSERVATION_DAYS, "d"),
            values=given,
            metrics=False,
            rtol=rtol,
            atol=atol,
            progress=False,
            num_threads=num_threads,
            **options,
        )

    def values(self, patients: Array, rtol: float, **options: Any) -> Array:
        """States only, shape (num_patients, num_days, num_states).

        Doses of a regimen come before observations at the same time (NONMEM's rule for derived
        doses); the reference is taken before the dose, which only the depot tells apart.
        """
        result = self.solve(patients, rtol, **options)
        columns = [result[f"{s}_out"].values for s in self.case.states]
        values = np.stack(columns, axis=-1)
        values[:, np.isin(OBSERVATION_DAYS, DOSE_DAYS), 0] -= DOSE_NMOL
        return values


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
