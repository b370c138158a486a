"""The parts a model is made of; here rules, outputs, events, dose inputs and tables.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from krogh.errors import SpecError
from krogh.model.expression import Number, Symbol
from krogh.model.fields import Component, Condition, Formula, Name, Text, UnitText
from krogh.model.laws import Compartment, Rate, Reaction, Species
from krogh.model.quantities import Covariate, Parameter, Variability
from krogh.model.transport import Transport

__all__ = [
    "COMPONENTS",
    "Compartment",
    "Covariate",
    "DoseInput",
    "Event",
    "Output",
    "Parameter",
    "Rate",
    "Reaction",
    "Rule",
    "Species",
    "Table",
    "Transport",
    "Variability",
]


class Rule(Component):
    """A named expression, evaluated wherever its name is used.

    Parameters
    ----------
    name : str
        Symbol in expressions.
    expression : str or Expression
        Any expression.  A rule of parameters, covariates and random effects only is computed once
        per subject.
    unit : str, optional
        The unit in which it is shown; checked against the expression, inferred if left out.
    """

    what: ClassVar[str] = "rule"
    positional: ClassVar[tuple[str, ...]] = ("name", "expression")
    name: Name
    expression: Formula
    unit: UnitText | None = None
    note: str = ""

    if TYPE_CHECKING:

        def __init__(
            self,
            name: str,
            expression: Text,
            *,
            unit: str | None = None,
            note: str = "",
        ) -> None: ...


class Output(Component):
    """What a simulation reports.

    Parameters
    ----------
    name : str
        Column of the result.  It may be the name of the species, rule or parameter it reports.
    expression : str or Expression, optional
        Any expression; the symbol `name` if left out.
    unit : str
        The unit of the report.
    """

    what: ClassVar[str] = "output"
    positional: ClassVar[tuple[str, ...]] = ("name", "expression")
    name: Name
    expression: Formula
    unit: UnitText
    note: str = ""

    if TYPE_CHECKING:

        def __init__(
            self,
            name: str,
            expression: Text | None = None,
            *,
            unit: str,
            note: str = "",
        ) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _symbol_by_default(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("expression") is None and "name" in data:
            data = dict(data)
            data["expression"] = str(data["name"])
        return data

    @property
    def is_alias(self) -> bool:
        """Whether it reports the symbol of its own name."""
        return isinstance(self.expression, Symbol) and self.expression.name == self.name


class Event(Component):
    """A change of species at the moment a condition becomes true.

    Parameters
    ----------
    name : str
        For messages.
    when : str or Expression
        A comparison such as ``"C > 5[nM]"``, or several joined by and/or/not.  A condition that
        holds from the start fires only after it has ceased to hold.
    assign : dict
        New values of species, all computed from the state before the event.
    direction : {"rising", "falling", "both"}
        Whether it fires when the condition becomes true, becomes false, or either.
    """

    what: ClassVar[str] = "event"
    positional: ClassVar[tuple[str, ...]] = ("name", "when", "assign")
    name: Name
    when: Condition
    assign: dict[Name, Formula]
    direction: Literal["rising", "falling", "both"] = "rising"
    note: str = ""

    if TYPE_CHECKING:

        def __init__(
            self,
            name: str,
            when: Text,
            assign: Mapping[str, Text],
            *,
            direction: Literal["rising", "falling", "both"] = "rising",
            note: str = "",
        ) -> None: ...

    @model_validator(mode="after")
    def _does_something(self) -> Any:
        if not self.assign:
            raise SpecError("KG-101: 'assign' is empty; the event would do nothing.")
        return self


class DoseInput(Component):
    """How doses into a species behave.

    Parameters
    ----------
    species : str
        Where the dose goes.
    bioavailability, lag, duration, rate : str or Expression
        Expressions of parameters: fraction F, lag time, duration of doses with RATE = -2, rate of
        doses with RATE = -1.
    input_function : str or Expression, optional
        Rate of input as a function of ``tad`` (time after dose) and ``dose`` (amount after F),
        summed over the doses given; the dose itself is then not added.  ``tad`` is never taken
        below 1e-6 s, so that functions such as the inverse Gaussian density need no case at 0.
    stored : int, optional
        How many of the latest doses `input_function` sees.  Left out, `Model.compile` makes room
        for as many as the schedule has; a schedule with more than a stated number is an error.
    route, drug : str
        By which dosing sentences choose among several inputs (``"oral"``).
    """

    what: ClassVar[str] = "dose input"
    positional: ClassVar[tuple[str, ...]] = ("species",)
    species: Name
    bioavailability: Formula = Number(1.0)
    lag: Formula = Number(0.0)
    duration: Formula | None = None
    rate: Formula | None = None
    input_function: Formula | None = None
    stored: Annotated[int, Field(ge=1, le=10_000)] | None = None
    route: str = ""
    drug: str = ""
    note: str = ""

    if TYPE_CHECKING:

        def __init__(
            self,
            species: str,
            *,
            bioavailability: Text = 1.0,
            lag: Text = 0.0,
            duration: Text | None = None,
            rate: Text | None = None,
            input_function: Text | None = None,
            stored: int | None = None,
            route: str = "",
            drug: str = "",
            note: str = "",
        ) -> None: ...

    @property
    def label(self) -> str:
        """What and which, for messages."""
        return f"dose input of {self.species!r}"

    @model_validator(mode="after")
    def _stored_needs_function(self) -> Any:
        if self.stored is not None and self.input_function is None:
            raise SpecError("KG-113: 'stored' belongs to 'input_function'.")
        if self.input_function is not None and (self.duration is not None or self.rate is not None):
            raise SpecError(
                "KG-113: 'input_function' delivers the dose; 'duration' and 'rate' do not apply."
            )
        return self


def _series(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


class Table(Component):
    """An interpolation table, used as ``name(expression)``.

    Parameters
    ----------
    name : str
        The name of the function.
    x, y : sequence of float
        Points, x strictly increasing; outside their range the simulation fails (no extrapolation).
    x_unit, y_unit : str
        Their units.
    kind : {"linear", "pchip", "step"}
        Straight lines, monotone cubics (Fritsch & Butland 1984, doi 10.1137/0905021), or steps that
        hold the value of the point before.
    """

    what: ClassVar[str] = "table"
    positional: ClassVar[tuple[str, ...]] = ("name", "x", "y")
    name: Name
    x: Annotated[tuple[float, ...], BeforeValidator(_series)]
    y: Annotated[tuple[float, ...], BeforeValidator(_series)]
    x_unit: UnitText
    y_unit: UnitText
    kind: Literal["linear", "pchip", "step"] = "linear"
    source: str = ""
    note: str = ""

    if TYPE_CHECKING:

        def __init__(
            self,
            name: str,
            x: Any,
            y: Any,
            *,
            x_unit: str,
            y_unit: str,
            kind: Literal["linear", "pchip", "step"] = "linear",
            source: str = "",
            note: str = "",
        ) -> None: ...

    @model_validator(mode="after")
    def _increasing(self) -> Any:
        if len(self.x) != len(self.y):
            raise SpecError(f"KG-108: x has {len(self.x)} points, y has {len(self.y)}.")
        if len(self.x) < 2:
            raise SpecError("KG-108: a table needs two points at least.")
        for axis, values in (("x", self.x), ("y", self.y)):
            for i, value in enumerate(values):
                if not math.isfinite(value):
                    raise SpecError(f"KG-108: {axis}[{i}] is {value}; points must be finite.")
        for i in range(1, len(self.x)):
            if not self.x[i] > self.x[i - 1]:
                raise SpecError(
                    f"KG-108: x must increase strictly; x[{i}] = {self.x[i]:g} follows"
                    f" {self.x[i - 1]:g}."
                )
        return self


COMPONENTS: tuple[type[Component], ...] = (
    Parameter,
    Covariate,
    Variability,
    Compartment,
    Species,
    Rate,
    Reaction,
    Rule,
    Output,
    Event,
    DoseInput,
    Table,
    Transport,
)
"""Every class of component."""
