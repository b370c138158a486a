"""The parts a model is made of: parameters, species, laws, rules, outputs, events, doses, tables.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from krogh.errors import SpecError, UnitError
from krogh.model.expression import Expression, Number, Symbol, as_expression, valid_name
from krogh.model.fields import Component, Formula, Measure, Name, UnitText, as_measure, require_unit
from krogh.units import Quantity, convert

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
    "Variability",
]


Text = Expression | str | float
"""What may stand for an expression."""

Amount = Quantity | str | float | tuple[float, str] | Any
"""What may stand for a number with a unit."""


class _Valued(Component):
    """Something with a nominal value, a unit and bounds."""

    name: Name
    value: Measure | None = None
    unit: UnitText = ""
    lower: Measure | None = None
    upper: Measure | None = None

    @model_validator(mode="before")
    @classmethod
    def _unit_from_value(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = dict(data)
        name = f"{cls.what} {data.get('name', '')!r}"
        given = data.get("unit")
        value = data.get("value")
        if value is None:
            if given is None and cls is Parameter:
                raise SpecError(
                    "KG-109: without a value it needs its unit, for example unit='L/d'."
                )
        elif isinstance(value, str) and isinstance(data.get("categories"), dict):
            data["value"] = _category(value, data["categories"])
        else:
            measure = as_measure(value, "the value")
            if given is not None:
                unit = str(given)
                bare = isinstance(value, int | float) or (not measure.unit and measure.value == 0)
                if bare:
                    measure = Quantity(measure.value, unit)
                require_unit(measure.unit, unit, name)
                measure = Quantity(convert(measure.value, measure.unit or "1", unit or "1"), unit)
            data["value"] = measure
            data["unit"] = measure.unit
        unit = data.get("unit") or ""
        for bound in ("lower", "upper"):
            if data.get(bound) is not None:
                limit = as_measure(data[bound], bound)
                if not limit.unit and (isinstance(data[bound], int | float) or limit.value == 0):
                    limit = Quantity(limit.value, unit)
                require_unit(limit.unit, unit, f"{bound} bound of {name}")
                data[bound] = limit
        return data

    @model_validator(mode="after")
    def _within_bounds(self) -> Any:
        low, high = self.bounds
        if low > high:
            raise SpecError(
                f"KG-108: the lower bound {self.lower} lies above the upper bound {self.upper}."
            )
        if self.value is not None and not low <= self.value.internal <= high:
            raise SpecError(f"KG-108: the value {self.value} lies outside {self.range_text}.")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Lower and upper bound in internal units, infinite where there is none."""
        low = -math.inf if self.lower is None else self.lower.internal
        high = math.inf if self.upper is None else self.upper.internal
        return low, high

    @property
    def range_text(self) -> str:
        """The permitted range as written."""
        low = "-inf" if self.lower is None else str(self.lower)
        high = "inf" if self.upper is None else str(self.upper)
        return f"{low} .. {high}"


class Parameter(_Valued):
    """A constant of the model with value, unit, bounds and where it comes from.

    Parameters
    ----------
    name : str
        Symbol in expressions; letters, digits, ``_``, parts joined by dots.
    value : str, Quantity, pint quantity, float or None
        ``"0.2 L/d"``; a bare number is dimensionless, or in `unit` where that is given.  None: the
        value must be given with each simulation.
    unit : str, optional
        Needed only without a value.
    lower, upper : str, optional
        Bounds with units; values outside are refused.
    source, note : str
        Where the value comes from (DOI, table), remarks.
    verified : bool
        Whether the value was checked against its source.
    """

    what: ClassVar[str] = "parameter"
    positional: ClassVar[tuple[str, ...]] = ("name", "value")
    source: str = ""
    note: str = ""
    verified: bool = True

    if TYPE_CHECKING:

        def __init__(
            self,
            name: str,
            value: Amount = None,
            *,
            unit: str | None = None,
            lower: Amount = None,
            upper: Amount = None,
            source: str = "",
            note: str = "",
            verified: bool = True,
        ) -> None: ...


def _category(value: str, categories: dict[str, Any]) -> Any:
    if value in categories:
        return float(categories[value])
    try:
        return float(value)
    except ValueError:
        from krogh.errors import did_you_mean

        raise SpecError(
            f"KG-108: {value!r} is not one of the categories {', '.join(map(repr, categories))}."
            f"{did_you_mean(value, categories)}"
        ) from None


class Covariate(_Valued):
    """A property of the subject that expressions may use; it may vary in time through the data.

    Parameters
    ----------
    name : str
        Symbol in expressions.
    value : str
        Reference value with unit, used where a subject does not state its own.
    lower, upper : str, optional
        Bounds with units.
    categories : dict, optional
        Numbers of the categories: ``{"female": 0, "male": 1}``; such a covariate is dimensionless.
    note : str
        Remarks.
    """

    what: ClassVar[str] = "covariate"
    positional: ClassVar[tuple[str, ...]] = ("name", "value")
    categories: dict[str, float] | None = None
    note: str = ""

    if TYPE_CHECKING:

        def __init__(
            self,
            name: str,
            value: Amount,
            *,
            unit: str | None = None,
            lower: Amount = None,
            upper: Amount = None,
            categories: Mapping[str, float] | None = None,
            note: str = "",
        ) -> None: ...

    @model_validator(mode="after")
    def _has_value(self) -> Any:
        if self.value is None:
            raise SpecError("KG-109: a covariate needs its reference value, for example '70 kg'.")
        if self.categories is not None:
            if not self.categories:
                raise SpecError("KG-108: 'categories' is empty.")
            if self.unit:
                raise UnitError(f"KG-121: categories have no unit; found {self.unit!r}.")
            if len(set(self.categories.values())) < len(self.categories):
                raise SpecError("KG-108: two categories have the same number.")
            if self.value.value not in self.categories.values():
                raise SpecError(f"KG-108: {self.value} is the number of no category.")
        return self


def _names(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _matrix(value: Any) -> Any:
    """Return a full matrix from a number, a diagonal, or a matrix (nested lists or arrays)."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, int | float):
        return ((value,),)
    if isinstance(value, list | tuple) and all(isinstance(v, int | float) for v in value):
        return tuple(
            tuple(v if i == j else 0.0 for j in range(len(value))) for i, v in enumerate(value)
        )
    return value


class Variability(Component):
    """Random effects of subjects or occasions: normal with mean 0 and a covariance.

    The names are dimensionless symbols that are 0 unless variability is simulated.

    Parameters
    ----------
    names : str or tuple of str
        The random effects.
    covariance : float, sequence, matrix
        Variance of one effect, variances, or the covariance matrix; symmetric, positive
        semidefinite.
    level : {"subject", "occasion"}
        Whether values hold for a subject or for one occasion.
    source : str
        Where the values come from.
    """

    what: ClassVar[str] = "variability"
    positional: ClassVar[tuple[str, ...]] = ("names", "covariance")
    names: Annotated[tuple[Name, ...], BeforeValidator(_names)]
    covariance: Annotated[tuple[tuple[float, ...], ...], BeforeValidator(_matrix)]
    level: Literal["subject", "occasion"] = "subject"
    source: str = ""

    if TYPE_CHECKING:

        def __init__(
            self,
            names: str | Sequence[str],
            covariance: Any,
            *,
            level: Literal["subject", "occasion"] = "subject",
            source: str = "",
        ) -> None: ...

    @property
    def label(self) -> str:
        """What and which, for messages."""
        return f"variability of {', '.join(self.names)}"

    @model_validator(mode="after")
    def _is_covariance(self) -> Any:
        n = len(self.names)
        if n == 0:
            raise SpecError("KG-101: 'names' is empty.")
        if len(set(self.names)) < n:
            raise SpecError("KG-104: a random effect is named twice.")
        rows = self.covariance
        if len(rows) != n or any(len(row) != n for row in rows):
            found = f"{len(rows)} x {len(rows[0]) if rows else 0}"
            raise SpecError(f"KG-108: the covariance of {n} effects is {n} x {n}, found {found}.")
        if not all(math.isfinite(v) for row in rows for v in row):
            raise SpecError("KG-108: the covariance must be finite.")
        scale = max(abs(v) for row in rows for v in row)
        for i in range(n):
            for j in range(i):
                if abs(rows[i][j] - rows[j][i]) > 1e-12 * scale:
                    raise SpecError(
                        f"KG-108: the covariance is not symmetric: ({self.names[i]},"
                        f" {self.names[j]}) is {rows[i][j]:g} and {rows[j][i]:g}."
                    )
        if not _is_semidefinite(rows, scale):
            raise SpecError(
                "KG-108: the covariance is not positive semidefinite (a variance is negative or a"
                " correlation lies beyond -1 .. 1)."
            )
        return self


def _is_semidefinite(rows: tuple[tuple[float, ...], ...], scale: float) -> bool:
    """Cholesky factorization that tolerates zero pivots up to round-off."""
    n = len(rows)
    tolerance = 1e-12 * scale * n
    factor = [[0.0] * n for _ in range(n)]
    for j in range(n):
        pivot = rows[j][j] - sum(factor[j][k] ** 2 for k in range(j))
        if pivot < -tolerance:
            return False
        root = math.sqrt(max(pivot, 0.0))
        factor[j][j] = root
        for i in range(j + 1, n):
            rest = rows[i][j] - sum(factor[i][k] * factor[j][k] for k in range(j))
            if root * root > tolerance:
                factor[i][j] = rest / root
            elif abs(rest) > math.sqrt(tolerance * scale) + tolerance:
                return False
    return True


class Compartment(Component):
    """A space in which concentrations live.

    Parameters
    ----------
    name : str
        Used by ``Species(..., compartment=name)``; in expressions use the volume's own symbol.
    volume : str or Expression
        Expression of parameters with the dimension of a volume.
    """

    what: ClassVar[str] = "compartment"
    positional: ClassVar[tuple[str, ...]] = ("name", "volume")
    name: Name
    volume: Formula
    note: str = ""

    if TYPE_CHECKING:

        def __init__(
            self,
            name: str,
            volume: Text,
            *,
            note: str = "",
        ) -> None: ...


def _initial(value: Any) -> Any:
    if isinstance(value, str) and value.strip() == "steady":
        return "steady"
    return as_expression(value)


def _molar_mass(value: Any) -> Any:
    """Accept ``"148 kDa"``, ``"148[kDa]"``, a quantity, or an expression such as ``"MW"``."""
    if value is None or isinstance(value, Expression):
        return value
    if isinstance(value, str):
        head = value.strip()
        if head[:1].isdigit() and "[" not in head:
            quantity = as_measure(head, "the molar mass")
            return Number(quantity.value, quantity.unit or None)
        return as_expression(value)
    quantity = as_measure(value, "the molar mass")
    return Number(quantity.value, quantity.unit or None)


_FORMULA_SCHEMA = {"type": "string", "description": "expression"}
Initial = Annotated[
    Any,
    BeforeValidator(_initial),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "description": "expression of parameters, or 'steady'"}),
]
MolarMass = Annotated[
    Any,
    BeforeValidator(_molar_mass),
    PlainSerializer(lambda v: None if v is None else str(v)),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}]}),
]


class Species(Component):
    """A state of the model: an amount, a concentration, or any other quantity that changes.

    Parameters
    ----------
    name : str
        Symbol in expressions.
    unit : str
        ``"nM"``, ``"mg"``, ``"mg/L"``, ``"mm"``, ...
    initial : str, float or Expression
        Expression of parameters (another species' name stands for its initial value), a bare 0, or
        ``"steady"``: start where its derivative vanishes.
    initial_guess : str, optional
        Where the search for the steady state starts.
    compartment : str, optional
        Where a concentration lives: doses and amount rates are divided by its volume.
    molar_mass : str, optional
        ``"148 kDa"`` or the name of a parameter; needed to dose mg into a molar species and the
        reverse.
    note : str
        Remarks.
    """

    what: ClassVar[str] = "species"
    positional: ClassVar[tuple[str, ...]] = ("name", "unit")
    name: Name
    unit: UnitText
    initial: Initial = Number(0.0)
    initial_guess: Formula | None = None
    compartment: Name | None = None
    molar_mass: MolarMass = None
    note: str = ""

    if TYPE_CHECKING:

        def __init__(
            self,
            name: str,
            unit: str,
            *,
            initial: Text = "0",
            initial_guess: Text | None = None,
            compartment: str | None = None,
            molar_mass: Any = None,
            note: str = "",
        ) -> None: ...

    @model_validator(mode="after")
    def _guess_needs_steady(self) -> Any:
        if self.initial_guess is not None and not self.starts_steady:
            raise SpecError("KG-112: 'initial_guess' belongs to initial='steady'.")
        return self

    @property
    def starts_steady(self) -> bool:
        """Whether the initial value is the steady state."""
        return isinstance(self.initial, str)

    @property
    def start(self) -> Expression:
        """The initial value, or the guess where the start is steady."""
        if self.starts_steady:
            return self.initial_guess if self.initial_guess is not None else Number(0.0)
        result: Expression = self.initial
        return result


class Rate(Component):
    """A term of a species' derivative; the rates of a species add up.

    Parameters
    ----------
    species : str
        The species that changes.
    law : str or Expression
        Its dimension is that of the species per time.
    name : str
        Makes the rate replaceable; unnamed rates only add up.
    """

    what: ClassVar[str] = "rate"
    positional: ClassVar[tuple[str, ...]] = ("species", "law")
    species: Name
    law: Formula
    name: str = ""
    note: str = ""

    if TYPE_CHECKING:

        def __init__(
            self,
            species: str,
            law: Text,
            *,
            name: str = "",
            note: str = "",
        ) -> None: ...

    @property
    def label(self) -> str:
        """What and which, for messages."""
        return (
            f"rate {self.name!r} of {self.species!r}" if self.name else f"rate of {self.species!r}"
        )


_ARROW = re.compile(r"\s*(<->|->|<=>|=>|=|<-)\s*")
_TERM = re.compile(r"\s*(?:(\d+)\s*\*?\s*)?([A-Za-z_][A-Za-z0-9_.]*)\s*\Z")


def _side(text: str, equation: str) -> dict[str, int]:
    """Return species and stoichiometric numbers of one side; an empty side is nothing."""
    found: dict[str, int] = {}
    if not text.strip():
        return found
    for part in text.split("+"):
        match = _TERM.match(part)
        if match is None or not valid_name(match.group(2)):
            shown = part.strip() or "nothing"
            raise SpecError(
                f"KG-112: {shown!r} is no term of the reaction {equation!r}; write for example"
                " 'A + 2 B -> C' with whole numbers."
            )
        count = int(match.group(1) or 1)
        if not 1 <= count <= 100:
            raise SpecError(f"KG-112: the number {count} in {equation!r} must lie in 1 .. 100.")
        found[match.group(2)] = found.get(match.group(2), 0) + count
    return found


def reaction_text(left: dict[str, int], arrow: str, right: dict[str, int]) -> str:
    """Return the equation of a reaction in its normal form."""
    sides = (
        " + ".join(name if n == 1 else f"{n} {name}" for name, n in side.items())
        for side in (left, right)
    )
    return f" {arrow} ".join(sides).strip()


class Reaction(Component):
    """A conversion of species into each other, written as an equation.

    Parameters
    ----------
    equation : str
        ``"C + R <-> RC"`` or ``"A -> 2 B"``; an empty side is nothing (``"-> S"``, ``"S ->"``).
    forward : str or Expression
        Law from left to right (also as ``rate=``).  An amount per time: it is divided by the
        compartment's volume for each concentration.  A concentration per time: it applies as it
        is, and all participants must share one compartment.
    backward : str or Expression
        Law from right to left, for ``<->``.
    name : str
        Makes the reaction replaceable; unnamed reactions only add up.
    """

    what: ClassVar[str] = "reaction"
    positional: ClassVar[tuple[str, ...]] = ("equation", "forward", "backward")
    equation: str
    forward: Formula
    backward: Formula | None = None
    name: str = ""
    note: str = ""

    if TYPE_CHECKING:

        def __init__(
            self,
            equation: str,
            forward: Text | None = None,
            backward: Text | None = None,
            *,
            rate: Text | None = None,
            name: str = "",
            note: str = "",
        ) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _rate_is_forward(cls, data: Any) -> Any:
        if isinstance(data, dict) and "rate" in data:
            data = dict(data)
            if "forward" in data:
                raise SpecError("KG-101: give either 'rate' or 'forward', not both.")
            data["forward"] = data.pop("rate")
        return data

    @model_validator(mode="before")
    @classmethod
    def _normal_equation(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("equation"), str):
            return data
        text = data["equation"]
        shown = text if len(text) <= 80 else text[:77] + "..."
        parts = _ARROW.split(text)
        if len(parts) != 3 or parts[1] not in ("->", "<->"):
            raise SpecError(
                f"KG-112: the reaction {shown!r} needs one arrow: '->' for one direction, '<->' for"
                " both."
            )
        left, right = _side(parts[0], shown), _side(parts[2], shown)
        if not left and not right:
            raise SpecError("KG-112: a reaction needs a species on one side at least.")
        if left == right:
            raise SpecError(f"KG-112: both sides of {shown!r} are the same; nothing would change.")
        data = dict(data)
        data["equation"] = reaction_text(left, parts[1], right)
        has_backward = data.get("backward") is not None
        if parts[1] == "<->" and not has_backward:
            raise SpecError(f"KG-112: {shown!r} runs both ways and needs 'backward'.")
        if parts[1] == "->" and has_backward:
            raise SpecError(f"KG-112: 'backward' needs the arrow '<->' in {shown!r}.")
        return data

    @property
    def label(self) -> str:
        """What and which, for messages."""
        return f"reaction {self.name or self.equation!r}"

    @property
    def sides(self) -> tuple[dict[str, int], dict[str, int]]:
        """Species and numbers on the left and on the right."""
        left, _, right = _ARROW.split(self.equation)
        return _side(left, self.equation), _side(right, self.equation)

    @property
    def net(self) -> dict[str, int]:
        """Net number of each species that the forward direction produces, zeros left out."""
        left, right = self.sides
        names = dict.fromkeys([*left, *right])
        change = {n: right.get(n, 0) - left.get(n, 0) for n in names}
        return {n: k for n, k in change.items() if k}


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
        A comparison such as ``"C > 5[nM]"``, or several joined by and/or/not.
    assign : dict
        New values of species, all computed from the state before the event.
    direction : {"rising", "falling", "both"}
        Whether it fires when the condition becomes true, becomes false, or either.
    """

    what: ClassVar[str] = "event"
    positional: ClassVar[tuple[str, ...]] = ("name", "when", "assign")
    name: Name
    when: Formula
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
    def _condition(self) -> Any:
        if not self.when.is_condition:
            raise SpecError(f"KG-106: 'when' is a comparison such as C > 5[nM], not '{self.when}'.")
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
)
"""Every class of component."""
