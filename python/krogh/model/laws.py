"""Components that move: compartments, species, rates and reactions.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema, model_validator

from krogh.errors import SpecError
from krogh.model.expression import Expression, Number
from krogh.model.fields import Component, Formula, Name, Text, UnitText, as_formula, as_measure
from krogh.model.vocabulary import valid_name

__all__ = ["Compartment", "Rate", "Reaction", "Species", "reaction_text"]


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
    return as_formula(value)


def _molar_mass(value: Any) -> Any:
    """Accept ``"148 kDa"``, ``"148[kDa]"``, a quantity, or an expression such as ``"MW"``."""
    if value is None:
        return None
    if isinstance(value, Expression):
        return as_formula(value)
    if isinstance(value, str):
        head = value.strip()
        if head[:1].isdigit() and "[" not in head:
            quantity = as_measure(head, "the molar mass")
            return Number(quantity.value, quantity.unit or None)
        return as_formula(value)
    quantity = as_measure(value, "the molar mass")
    return Number(quantity.value, quantity.unit or None)


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
    may_be_negative : bool
        Whether the laws themselves may take an amount or a concentration below zero, as some
        published ones do; the line solver refuses steps that do otherwise.
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
    may_be_negative: bool = False
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
            may_be_negative: bool = False,
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
    also: ClassVar[tuple[str, ...]] = ("rate",)
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
