"""Units at the door: dimensions, conversion to the internal system, mass and amount.

SPDX-License-Identifier: BSD-3-Clause

Plain unit strings are read by a small parser with exact (rational) factors and cached; names that
it does not know are looked up in pint's application registry, which is imported only then.  The
internal system is described in `krogh.unit_table`.

Mass and amount are converted into each other only through a molar mass, which the caller states.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import numpy as np

from krogh.errors import UnitError
from krogh.unit_parser import (
    AMOUNT,
    DIMENSIONLESS,
    LENGTH,
    MASS,
    MOLAR_MASS,
    TIME,
    Dimension,
    Unit,
    describe_dimension,
    parse_text,
)
from krogh.unit_table import BASE_NAMES, BASE_UNITS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "BASE_NAMES",
    "BASE_UNITS",
    "DIMENSIONLESS",
    "Dimension",
    "DoseUnit",
    "Quantity",
    "Unit",
    "convert",
    "convert_amount",
    "describe",
    "dimension",
    "dose_unit",
    "factor",
    "from_internal",
    "parse_quantity",
    "parse_unit",
    "registry",
    "require_dimension",
    "same_dimension",
    "to_internal",
    "to_pint",
]

Value = TypeVar("Value", float, "NDArray[np.float64]")
UnitLike = Any  # a string, a Unit, or a pint unit or quantity

_MASS_INDEX: Final = BASE_NAMES.index("mass")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit, as written: ``Quantity(3.6, "mg/kg")``."""

    value: float
    unit: str

    def __str__(self) -> str:
        return f"{format_number(self.value)} {self.unit}".rstrip()

    @property
    def internal(self) -> float:
        """The value in internal units."""
        return to_internal(self.value, self.unit)

    def to(self, unit: UnitLike) -> float:
        """Return the value in another unit of the same dimension."""
        return convert(self.value, self.unit, unit)


def format_number(value: float) -> str:
    """Return the shortest text that reads back as `value`, without a trailing ``.0``."""
    text = repr(float(value))
    return text[:-2] if text.endswith(".0") else text


def describe(what: UnitLike | Dimension) -> str:
    """Return a dimension in words, such as ``"mass / length^3 (mass concentration)"``."""
    return describe_dimension(what if isinstance(what, Dimension) else dimension(what))


def parse_unit(unit: UnitLike) -> Unit:
    """Return the parsed unit of a string, a `Unit`, or a pint unit or quantity.

    Powers are written ``m^2``, ``m**2``, ``m2``, ``m\u00b2`` or ``h^-1``; a blank multiplies;
    ``mL/min/1.73m2`` divides by 1.73 m2.  The result is cached by string.

    Raises
    ------
    UnitError
        KG-120 for an unknown name, KG-124 for something that is no unit, KG-125 for a spelling
        that cannot be read, KG-127 for a temperature with an offset.
    """
    if isinstance(unit, str):
        return parse_text(unit)
    if isinstance(unit, Unit):
        return unit
    if isinstance(unit, Quantity):
        return parse_text(unit.unit)
    inner = getattr(unit, "units", unit)  # a pint quantity has .units; a pint unit is one
    if hasattr(inner, "dimensionality"):
        return parse_text(str(inner))
    raise UnitError(
        f"KG-124: a unit must be text such as 'mg/L' or a pint unit, not {type(unit).__name__}."
    )


# --- dimensions and factors -----------------------------------------------------------------------


def dimension(unit: UnitLike) -> Dimension:
    """Return the exponents of a unit over `BASE_NAMES` (time, length, amount, mass, ...)."""
    return parse_unit(unit).dimension


def factor(unit: UnitLike) -> float:
    """Return the number of internal units in one `unit`: ``factor("h") == 3600``."""
    return float(parse_unit(unit).exact)


def same_dimension(first: UnitLike, second: UnitLike) -> bool:
    """Return whether two units can be converted into each other without a molar mass."""
    return parse_unit(first).dimension == parse_unit(second).dimension


def require_dimension(unit: UnitLike, expected: UnitLike | Dimension, what: str = "it") -> None:
    """Raise `UnitError` KG-121, showing both sides, unless `unit` has the expected dimension.

    Parameters
    ----------
    unit
        The unit that was given.
    expected
        A `Dimension`, or a unit that has the wanted one.
    what
        What carries the unit, in the user's words (``"parameter 'kon'"``).
    """
    given = parse_unit(unit)
    wanted = expected if isinstance(expected, Dimension) else dimension(expected)
    if given.dimension == wanted:
        return
    example = "" if isinstance(expected, Dimension) else f", for example {str(expected)!r}"
    raise UnitError(
        f"KG-121: {what} has the unit {given.text!r}: {describe(given.dimension)}.\n"
        f"  Needed: {describe(wanted)}{example}."
        f"{_mass_hint(given.dimension, wanted)}"
    )


def _mass_hint(given: Dimension, wanted: Dimension) -> str:
    if _molar_power(given, wanted) is None:
        return ""
    return "\n  Mass and amount are converted only with a molar mass; state it (molar_mass='...')."


def _molar_power(given: Dimension, wanted: Dimension) -> Fraction | None:
    """Return p if ``wanted = given * molar_mass**-p``, or None."""
    ratio = given.over(wanted)
    power = ratio[_MASS_INDEX]
    if power == 0 or ratio != MOLAR_MASS.power(power):
        return None
    return power


def to_internal(value: Value, unit: UnitLike) -> Value:
    """Return `value` in internal units (float or array)."""
    return value * factor(unit)


def from_internal(value: Value, unit: UnitLike) -> Value:
    """Return an internal `value` in `unit` (float or array)."""
    return value / factor(unit)


@lru_cache(maxsize=4096)
def _ratio(from_unit: Unit, to_unit: Unit) -> float:
    return float(from_unit.exact / to_unit.exact)


def convert(value: Value, from_unit: UnitLike, to_unit: UnitLike) -> Value:
    """Return `value` in another unit of the same dimension; UnitError KG-121 otherwise."""
    source, target = parse_unit(from_unit), parse_unit(to_unit)
    if source.dimension != target.dimension:
        require_dimension(source, target, "the value")
    return value * _ratio(source, target)


def convert_amount(
    value: Value, from_unit: UnitLike, to_unit: UnitLike, molar_mass: Any = None
) -> Value:
    """Convert between units that may differ by mass against amount of substance.

    Parameters
    ----------
    value
        Float or array.
    from_unit, to_unit
        For example ``"mg"`` and ``"nmol"``, ``"mg/L"`` and ``"nM"``, ``"mg/h"`` and ``"nmol/h"``.
    molar_mass
        Text with unit (``"148 kDa"``), a `Quantity`, or a pint quantity.

    Raises
    ------
    UnitError
        KG-121 if the units differ otherwise, KG-122 if the molar mass is missing, KG-123 if it is
        not a positive molar mass.

    Examples
    --------
    >>> round(convert_amount(0.5, "mg/L", "nM", molar_mass="148 kDa"), 6)
    3.378378
    """
    source, target = parse_unit(from_unit), parse_unit(to_unit)
    if source.dimension == target.dimension:
        return value * _ratio(source, target)
    power = _molar_power(source.dimension, target.dimension)
    if power is None:
        require_dimension(source, target, "the value")
    if molar_mass is None:
        raise UnitError(
            f"KG-122: {source.text!r} to {target.text!r} goes from {describe(source.dimension)} to"
            f" {describe(target.dimension)} and needs the drug's molar mass.\n"
            "  Give it with its unit, for example molar_mass='148 kDa'; it is never guessed."
        )
    mass = molar_mass_internal(molar_mass)
    scale: float = float(source.exact / target.exact) / mass ** float(power or 0)
    return value * scale


def molar_mass_internal(molar_mass: Any) -> float:
    """Return a molar mass in internal units (kDa); UnitError KG-123 or KG-124 if it is none."""
    given = parse_quantity(molar_mass, "the molar mass")
    if dimension(given.unit) != MOLAR_MASS:
        raise UnitError(
            f"KG-123: {given} is not a molar mass but {describe(given.unit)};"
            " write for example '148 kDa' or '423.9 g/mol'."
        )
    if not (math.isfinite(given.value) and given.value > 0):
        raise UnitError(f"KG-123: a molar mass must be positive and finite, not {given}.")
    return given.internal


# --- doses ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DoseUnit:
    """What a dose unit says.

    Attributes
    ----------
    base
        The plain amount: ``"mg"`` of ``"mg/kg/h"``.
    per
        ``"weight"`` for a unit per body weight (mg/kg), ``"surface"`` for one per body surface
        (mg/m2), else None.
    per_factor
        How many kg or m2 the divisor is (1e-3 for mg/g); 1 where `per` is None.
    per_time
        The time unit of a rate (``"h"`` of mg/kg/h), else None.
    """

    base: str
    per: Literal["weight", "surface"] | None
    per_factor: float
    per_time: str | None


@lru_cache(maxsize=1024)
def dose_unit(text: str) -> DoseUnit | None:
    """Return the parts of a dose unit such as mg/kg, mg/m2/d, IU/kg, MBq, Gy; None for others."""
    base: list[str] = []
    per: Literal["weight", "surface"] | None = None
    per_factor, per_time = 1.0, None
    doses = (MASS, AMOUNT, *map(dimension, ("IU", "Bq", "cell", "Gy")))
    for symbol, power in parse_unit(text).parts:
        powers = dimension(symbol)
        if power == 1 and powers in doses:
            base.append(symbol)
        elif power == -1 and powers == MASS and per is None:
            per, per_factor = "weight", convert(1.0, symbol, "kg")
        elif power == -2 and powers == LENGTH and per is None:
            per, per_factor = "surface", convert(1.0, f"{symbol}^2", "m^2")
        elif power == -1 and powers == TIME and per_time is None:
            per_time = symbol
        else:
            return None
    pure = parse_unit(text)
    if len(base) != 1 or not math.isclose(pure.factor, _parts_factor(pure.parts)):
        return None
    return DoseUnit(base[0], per, per_factor, per_time)


def _parts_factor(parts: tuple[tuple[str, Fraction], ...]) -> float:
    """Return the factor the named parts alone would give: a number in the unit changes it."""
    value = Fraction(1)
    for symbol, power in parts:
        value *= parse_unit(symbol).exact ** int(power)
    return float(value)


# --- quantities -----------------------------------------------------------------------------------

_NUMBER = re.compile(r"\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)")


def parse_quantity(value: Any, what: str = "the quantity") -> Quantity:
    """Return the number and unit of ``"3.6 mg/kg"``, a pint quantity, or a (number, unit) pair.

    Raises
    ------
    UnitError
        KG-124 if there is no number or no unit (a bare number is never given a unit), and the
        errors of `parse_unit`.
    """
    if isinstance(value, Quantity):
        return value
    if isinstance(value, str):
        match = _NUMBER.match(value)
        if match is None:
            raise UnitError(
                f"KG-124: {what} {value[:60]!r} has no number; write for example '3.5 mg/L'."
            )
        unit = value[match.end() :].strip()
        parse_unit(unit)
        number = float(match.group(1))
        if not unit:
            raise UnitError(f"KG-124: {what} {value[:60]!r} has no unit; units are never guessed.")
        return Quantity(number, unit)
    if hasattr(value, "magnitude") and hasattr(value, "units"):
        return Quantity(float(value.magnitude), parse_unit(value).text)
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str):
        parse_unit(value[1])
        return Quantity(float(value[0]), value[1].strip())
    raise UnitError(
        f"KG-124: {what} is {value!r} without a unit; write it as text, for example"
        " '3.5 mg/L'.  Units are never guessed."
    )


# --- pint -----------------------------------------------------------------------------------------


def registry() -> Any:
    """Return pint's application registry, so that quantities mix with the caller's own."""
    import pint

    return pint.get_application_registry()  # type: ignore[no-untyped-call]


def to_pint(value: Value, unit: UnitLike) -> Any:
    """Return a pint quantity of the application registry."""
    pint_registry = registry()
    parsed = parse_unit(unit)
    for symbol, _ in parsed.parts:
        if symbol not in pint_registry and symbol in ("IU", "U", "cell"):
            pint_registry.define("IU = [biological_activity] = _ = U = international_unit")
            pint_registry.define("cell = [cell_count] = _ = cells")
    product = pint_registry.dimensionless
    for symbol, power in parsed.parts:
        named = {"M": "molar", "Da": "gram / mole", "kDa": "kilogram / mole"}.get(symbol, symbol)
        product = product * pint_registry.Unit(named) ** float(power)
    return pint_registry.Quantity(value, product)


def __getattr__(name: str) -> Any:
    if name == "ureg":
        return registry()
    raise AttributeError(f"module 'krogh.units' has no attribute {name!r}")
