"""Field types of the components and the translation of pydantic's errors into krogh's.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping
from numbers import Real
from typing import Annotated, Any, ClassVar, NoReturn

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)

from krogh.errors import Error, SpecError, UnitError, did_you_mean
from krogh.model.expression import (
    Expression,
    as_expression,
    mixed_message,
    number,
    require_printable,
)
from krogh.model.vocabulary import RESERVED, valid_name
from krogh.units import Quantity, factor, parse_quantity, parse_unit, require_dimension

__all__ = [
    "Component",
    "Condition",
    "Formula",
    "Measure",
    "Name",
    "Text",
    "UnitText",
    "as_formula",
    "as_measure",
    "raise_spec_error",
]


def as_measure(value: Any, what: str = "the value") -> Quantity:
    """Return a quantity; a bare number is dimensionless, as in expressions.

    Raises
    ------
    UnitError
        The errors of `krogh.units.parse_quantity`.
    SpecError
        KG-108 for a value that is not finite.
    """
    if isinstance(value, bool):
        raise SpecError(f"KG-108: {what} must be a number with a unit, not {value!r}.")
    if isinstance(value, Real) or (isinstance(value, str) and is_number(value)):
        quantity = Quantity(_as_float(value), "")
    else:
        quantity = parse_quantity(value, what)
    if not math.isfinite(quantity.value):
        raise SpecError(f"KG-108: {what} must be finite, not {quantity}.")
    unit = "" if quantity.unit in ("dimensionless", "1") else quantity.unit
    if not math.isfinite(quantity.value * factor(unit)):
        raise SpecError(f"KG-108: {what} {quantity} leaves the range of double precision.")
    return Quantity(quantity.value, unit)


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def is_number(text: str) -> bool:
    """Return whether text is a finite number without a unit."""
    if not text.isascii() or "_" in text:
        return False
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _name(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not valid_name(value):
        shown = value if len(value) <= 60 else value[:57] + "..."
        why = (
            "that word belongs to the language"
            if value in RESERVED
            else "a name is letters, digits and '_' and starts with a letter; parts may be joined"
            " by dots; it has at most 100 characters"
        )
        raise SpecError(f"KG-104: {shown!r} cannot be a name: {why}.")
    return value


def as_formula(value: Any) -> Expression:
    """Return a numeric expression whose text can be read back; ``"5 nM"`` is ``5[nM]``."""
    quantity = _as_number(value)
    expression = as_expression(value) if quantity is None else quantity
    if expression.is_condition:
        raise SpecError(mixed_message(expression, wants_condition=False))
    require_printable(expression)
    return expression


def _as_number(value: Any) -> Expression | None:
    """Return a plain quantity as a number with its unit, or None for anything else.

    A number followed by a name is no expression, so the two readings never compete.
    """
    if isinstance(value, str):
        if "[" in value or not _QUANTITY.match(value):
            return None
        try:
            quantity = parse_quantity(value)
        except UnitError:
            return None
        return number(quantity.value, quantity.unit)
    if isinstance(value, Quantity) or (hasattr(value, "magnitude") and hasattr(value, "units")):
        quantity = parse_quantity(value)
        return number(quantity.value, quantity.unit or None)
    return None


_QUANTITY = re.compile(
    r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?:\s*[A-Za-z%\u00b5]|\s+1/)"
)


def _condition(value: Any) -> Expression:
    expression = as_expression(value)
    if not expression.is_condition:
        raise SpecError(mixed_message(expression, wants_condition=True))
    require_printable(expression)
    return expression


def _unit(value: Any) -> Any:
    if value is None:
        return value
    text = " ".join(parse_unit(value).text.split())
    return "" if text in ("dimensionless", "1") else text


Text = Expression | str | float
"""What may stand for an expression."""

Name = Annotated[str, BeforeValidator(_name)]
"""The name of a component."""

UnitText = Annotated[str, BeforeValidator(_unit)]
"""A unit as text, checked; empty for dimensionless."""

Formula = Annotated[
    Expression,
    BeforeValidator(as_formula),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "description": "expression, for example kon*C*S - koff*B"}),
]
"""An expression, given as text or built by operators."""

Condition = Annotated[
    Expression,
    BeforeValidator(_condition),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "description": "condition, for example C > 5[nM]"}),
]
"""A comparison, or comparisons joined by and/or/not."""

Measure = Annotated[
    Quantity,
    BeforeValidator(as_measure),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "description": "number with unit, for example 0.2 L/d"}),
]
"""A quantity, as text with its unit."""


class Component(BaseModel):
    """Base of everything a model is made of: frozen, without unknown fields.

    The first fields may be given by position.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, ser_json_inf_nan="constants"
    )
    what: ClassVar[str] = "component"
    positional: ClassVar[tuple[str, ...]] = ("name",)
    also: ClassVar[tuple[str, ...]] = ()  # further names by which a field may be given

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Give the class the signature that a reader expects: plain names and defaults."""
        super().__pydantic_init_subclass__(**options)
        kind = inspect.Parameter
        parameters = []
        ordered = [*cls.positional, *(n for n in cls.model_fields if n not in cls.positional)]
        for name in ordered:
            field = cls.model_fields.get(name)
            if field is None:
                continue
            default = kind.empty if field.is_required() else field.default
            where = kind.POSITIONAL_OR_KEYWORD if name in cls.positional else kind.KEYWORD_ONLY
            parameters.append(kind(name, where, default=_plain(default)))
        parameters += [kind(name, kind.KEYWORD_ONLY, default=None) for name in cls.also]
        cls.__signature__ = inspect.Signature(parameters)

    def __init__(self, *args: Any, **fields: Any) -> None:
        cls = type(self)
        if len(args) > len(cls.positional):
            raise SpecError(
                f"KG-101: {cls.__name__} takes {', '.join(cls.positional)} by position, found"
                f" {len(args)} values; write the others as name=value."
            )
        for key, value in zip(cls.positional, args, strict=False):
            if key in fields:
                raise SpecError(f"KG-101: {cls.__name__} got {key!r} twice.")
            fields[key] = value
        for key in fields:
            if key not in cls.model_fields and key not in cls.also:
                raise SpecError(
                    f"KG-103: {_owner(cls, fields)} has no field {key!r}."
                    f"{did_you_mean(key, cls.model_fields)}\n"
                    f"  Fields: {', '.join((*cls.model_fields, *cls.also))}."
                )
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise_spec_error(error, cls, fields)

    @property
    def label(self) -> str:
        """What and which, for messages: ``"species 'C'"``."""
        return f"{self.what} {getattr(self, 'name', '')!r}"

    def changed(self, **fields: Any) -> Any:
        """Return a copy with some fields changed, validated again."""
        values = {key: getattr(self, key) for key in type(self).model_fields}
        return type(self)(**(values | fields))

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{key}={_shown(getattr(self, key))}"
            for key, field in type(self).model_fields.items()
            if getattr(self, key) != field.default or field.is_required()
        )
        return f"{type(self).__name__}({shown})"

    def __str__(self) -> str:
        return repr(self)


def _shown(value: Any) -> str:
    if isinstance(value, Expression | Quantity):
        return repr(str(value))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k!r}: {_shown(v)}" for k, v in value.items()) + "}"
    return repr(value)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Expression | Quantity) else value


def _owner(cls: type[Component], fields: Mapping[str, Any]) -> str:
    """Return class and name of a component that could not be built."""
    for key in ("name", "names", "species", "equation"):
        if fields.get(key):
            return f"{cls.__name__} {str(fields[key])[:60]!r}"
    return cls.__name__


def raise_spec_error(
    error: ValidationError, cls: type[Component], fields: Mapping[str, Any], where: str = ""
) -> NoReturn:
    """Raise the krogh error that says what pydantic found, in the user's words.

    Errors that krogh's own validators raised keep their code; the text gains the component and
    the field.
    """
    first = error.errors(include_url=False)[0]
    more = error.error_count() - 1
    owner = _owner(cls, fields)
    path = ".".join(str(part) for part in first["loc"] if part not in ("function-before", "str"))
    place = (where + ": " if where else "") + owner + (f", {path}" if path else "")
    tail = f"\n  ({more} more problem{'s' if more > 1 else ''} in this component)" if more else ""
    original = first.get("ctx", {}).get("error")
    if isinstance(original, Error):
        text = str(original).removeprefix(f"{original.code}: ")
        raise type(original)(f"{original.code}: {place}: {text}{tail}") from None
    kind = first["type"]
    if kind == "missing":
        raise SpecError(
            f"KG-101: {owner} needs {path!r}.\n  Fields: {', '.join(cls.model_fields)}.{tail}"
        ) from None
    given = first.get("input")
    shown = repr(given)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    message = first["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    message = message[:1].lower() + message[1:]
    raise SpecError(f"KG-101: {place}: {message}; found {shown}.{tail}") from None


def require_unit(unit: str, expected: str, what: str) -> None:
    """Raise UnitError KG-121 unless two units have one dimension; "" is dimensionless."""
    require_dimension(unit or "dimensionless", expected or "dimensionless", what)
