"""The unit parser: text such as ``"mg/(L h)"`` to an exact factor and a dimension.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final

from krogh.errors import UnitError, did_you_mean, underline
from krogh.unit_table import BASE_NAMES, UNITS, lookup

__all__ = ["DIMENSIONLESS", "Dimension", "Unit", "describe_dimension", "parse_text"]


class Dimension(tuple[Fraction, ...]):
    """Exponents of the base dimensions `BASE_NAMES`; compares and hashes as a tuple."""

    __slots__ = ()

    def times(self, other: Dimension) -> Dimension:
        """Return the dimension of a product."""
        return Dimension(a + b for a, b in zip(self, other, strict=True))

    def over(self, other: Dimension) -> Dimension:
        """Return the dimension of a quotient."""
        return Dimension(a - b for a, b in zip(self, other, strict=True))

    def power(self, exponent: Fraction | int) -> Dimension:
        """Return the dimension of a power."""
        return Dimension(a * exponent for a in self)

    @property
    def is_dimensionless(self) -> bool:
        """Whether all exponents are zero."""
        return not any(self)

    def __str__(self) -> str:
        return describe_dimension(self)


def _dimension(**powers: int) -> Dimension:
    return Dimension(Fraction(powers.get(name.replace(" ", "_"), 0)) for name in BASE_NAMES)


DIMENSIONLESS: Final = _dimension()
TIME: Final = _dimension(time=1)
LENGTH: Final = _dimension(length=1)
AMOUNT: Final = _dimension(amount=1)
MASS: Final = _dimension(mass=1)
MOLAR_MASS: Final = _dimension(mass=1, amount=-1)

_NAMED: Final[dict[Dimension, str]] = {
    DIMENSIONLESS: "dimensionless",
    _dimension(length=2): "area",
    _dimension(length=3): "volume",
    _dimension(amount=1, length=-3): "molar concentration",
    _dimension(mass=1, length=-3): "mass concentration",
    _dimension(time=-1): "rate constant",
    _dimension(length=3, time=-1): "volume flow (clearance)",
    _dimension(length=3, amount=-1, time=-1): "association rate",
    _dimension(length=2, time=-1): "diffusivity",
    _dimension(length=1, time=-1): "permeability (velocity)",
    _dimension(mass=1, time=-1): "mass rate",
    _dimension(amount=1, time=-1): "amount rate",
    _dimension(mass=1, length=-3, time=1): "exposure (mass)",
    _dimension(amount=1, length=-3, time=1): "exposure (molar)",
    MOLAR_MASS: "molar mass",
}


@dataclass(frozen=True, slots=True)
class Unit:
    """A parsed unit.

    Attributes
    ----------
    text
        As the user wrote it, without outer blanks.
    exact
        Exact factor to the internal unit of the same dimension.
    dimension
        Exponents of the base dimensions.
    parts
        Canonical symbols with their exponents, in the order written.
    """

    text: str
    exact: Fraction
    dimension: Dimension
    parts: tuple[tuple[str, Fraction], ...]

    @property
    def factor(self) -> float:
        """Factor to the internal unit."""
        return float(self.exact)

    def __str__(self) -> str:
        return self.text


def _power_text(name: str, exponent: Fraction) -> str:
    if exponent == 1:
        return name
    shown = str(exponent) if exponent.denominator == 1 else f"({exponent})"
    return f"{name}^{shown}"


def describe_dimension(powers: Dimension) -> str:
    """Return a dimension in words, such as ``"mass / length^3 (mass concentration)"``."""
    if powers.is_dimensionless:
        return "dimensionless"
    pairs = list(zip(BASE_NAMES, powers, strict=True))
    above = " ".join(_power_text(name, p) for name, p in pairs if p > 0)
    below = " ".join(_power_text(name, -p) for name, p in pairs if p < 0)
    text = f"{above or '1'} / {below}" if below else above
    name = _NAMED.get(powers)
    return f"{text} ({name})" if name else text


# --- parsing --------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_]+?H2Os?|[A-Za-z_\u00b5\u03bc%][A-Za-z_]*)"
    r"|(?P<super>[\u207b\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+)"
    r"|(?P<symbol>\*\*|[-+*/^()\u00b7\u22c5]))"
)
_SUPERSCRIPTS = str.maketrans(
    "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079", "-0123456789"
)
_MAX_LENGTH = 200
_MAX_POWER = 100
_ONE = Fraction(1)


class _Parser:
    """Recursive descent over ``product := power (('*' | '/' | blank) power)*``."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        self.at = 0
        self.parts: list[tuple[str, Fraction]] = []
        position = 0
        while text[position:].strip():
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                start = position + len(text[position:]) - len(text[position:].lstrip())
                raise self.error("a unit holds names, numbers and * / ^ ( )", start)
            kind = match.lastgroup
            self.tokens.append((kind, match.group(kind), match.start(kind)))
            position = match.end()

    def error(self, why: str, start: int, stop: int | None = None) -> UnitError:
        shown = self.text if len(self.text) <= 60 else self.text[:57] + "..."
        return UnitError(
            f"KG-125: cannot read the unit {shown!r}: {why}.\n{underline(self.text, start, stop)}"
        )

    def peek(self) -> tuple[str, str, int]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "", len(self.text))

    def product(self, sign: int, depth: int) -> tuple[Fraction, Dimension]:
        value, powers = self.power(sign, depth)
        while True:
            kind, token, _ = self.peek()
            if kind == "symbol" and token in ("*", "\u00b7", "\u22c5", "/"):
                self.at += 1
                side = -sign if token == "/" else sign
            elif kind in ("name", "number") or token == "(":
                side = sign
            else:
                return value, powers
            more, dims = self.power(side, depth)
            if token == "/" and kind == "symbol":
                # a number written right before a name, as in mL/min/1.73m2, divides with it
                more, dims = self._glued(side, more, dims, depth)
                value, powers = value / more, powers.over(dims)
            else:
                value, powers = value * more, powers.times(dims)

    def _glued(
        self, sign: int, value: Fraction, powers: Dimension, depth: int
    ) -> tuple[Fraction, Dimension]:
        before = self.tokens[self.at - 1]
        after = self.peek()
        if before[0] == "number" and after[0] == "name" and before[2] + len(before[1]) == after[2]:
            more, dims = self.power(sign, depth)
            return value * more, powers.times(dims)
        return value, powers

    def power(self, sign: int, depth: int) -> tuple[Fraction, Dimension]:
        first = len(self.parts)
        value, powers = self.atom(sign, depth)
        exponent = self.exponent()
        if exponent is None:
            return value, powers
        for i in range(first, len(self.parts)):
            name, p = self.parts[i]
            self.parts[i] = (name, p * exponent)
        if exponent.denominator == 1:
            return value**exponent.numerator, powers.power(exponent)
        try:
            root = Fraction(float(value) ** float(exponent))
        except OverflowError:
            root = Fraction(0)
        if not root:
            raise self.error("its factor leaves the range of double precision", 0, len(self.text))
        return root, powers.power(exponent)

    def exponent(self) -> Fraction | None:
        kind, token, where = self.peek()
        if kind == "super":
            self.at += 1
            return self.checked(token.translate(_SUPERSCRIPTS), where, where + len(token))
        if token in ("^", "**"):
            self.at += 1
            return self.signed()
        before = self.tokens[self.at - 1]
        if kind == "number" and before[0] == "name" and before[2] + len(before[1]) == where:
            self.at += 1  # m2, cm3, h-1 is below
            return self.checked(token, where, where + len(token))
        if token == "-" and before[0] == "name" and before[2] + len(before[1]) == where:
            return self.signed()
        return None

    def signed(self) -> Fraction:
        kind, token, where = self.peek()
        closing = token == "("
        if closing:
            self.at += 1
            kind, token, where = self.peek()
        sign = ""
        if token in ("-", "+"):
            sign = token
            self.at += 1
            kind, token, _ = self.peek()
        if kind != "number":
            raise self.error("a number must follow as the power", self.peek()[2])
        self.at += 1
        value = self.checked(sign + token, where, self.tokens[self.at - 1][2] + len(token))
        if closing:
            if self.peek()[1] == "/":
                self.at += 1
                kind, token, where = self.peek()
                if kind != "number":
                    raise self.error("a number must follow '/' in the power", where)
                self.at += 1
                below = self.checked(token, where, where + len(token))
                if below == 0:
                    raise self.error("the power is divided by zero", where)
                value = value / below
            if self.peek()[1] != ")":
                raise self.error("')' is missing after the power", self.peek()[2])
            self.at += 1
        return value

    def checked(self, text: str, start: int, stop: int) -> Fraction:
        try:
            value = Fraction(text) if len(text) <= 12 else Fraction(_MAX_POWER + 1)
        except ValueError:
            raise self.error("this is not a power", start, stop) from None
        if abs(value) > _MAX_POWER or value.denominator > _MAX_POWER:
            raise self.error(f"a power must lie within -{_MAX_POWER} and {_MAX_POWER}", start, stop)
        return value

    def atom(self, sign: int, depth: int) -> tuple[Fraction, Dimension]:
        kind, token, where = self.peek()
        self.at += 1
        if kind == "number":
            number = float(token)
            if not math.isfinite(number) or number == 0:
                raise self.error("a number in a unit must be finite and not zero", where)
            exact = Fraction(token) if 1e-60 < number < 1e60 else Fraction(number)
            return exact, DIMENSIONLESS
        if kind == "name":
            entry = lookup(token) or _from_pint(token)
            if entry is None:
                raise _unknown(token, self.text, where)
            symbol, value, exponents = entry
            self.parts.append((symbol, Fraction(sign)))
            return value, Dimension(Fraction(e) for e in exponents)
        if token == "(":
            if depth > 20:
                raise self.error("too many parentheses", where)
            value, powers = self.product(sign, depth + 1)
            if self.peek()[1] != ")":
                raise self.error("')' is missing", self.peek()[2])
            self.at += 1
            return value, powers
        self.at -= 1
        raise self.error("a unit name or a number must stand here", where, where + len(token))


def _unknown(name: str, text: str, where: int) -> UnitError:
    if name in ("degC", "celsius", "degF", "fahrenheit", "degree_Celsius"):
        return UnitError(
            f"KG-127: {name} has an offset and cannot be a factor; give the temperature in K"
            " (0 degC = 273.15 K) or a difference in delta_degC."
        )
    shown = text if len(text) <= 60 else text[:57] + "..."
    halves = [(name[:k], name[k:]) for k in range(1, len(name))]
    ratio = next((f"{a}/{b}" for a, b in halves if a in UNITS and b in UNITS and a != "m"), None)
    hint = did_you_mean(name, [ratio]) if ratio and len(name) > 3 else did_you_mean(name, UNITS)
    return UnitError(
        f"KG-120: {name!r} is not a unit krogh knows.{hint}\n"
        f"{underline(text, where, where + len(name))}"
        + ("" if shown == text else f"\n  in {shown!r}")
    )


@lru_cache(maxsize=4096)
def parse_text(text: str) -> Unit:
    """Return the unit that a text stands for; the empty text is dimensionless.

    Raises
    ------
    UnitError
        KG-120 for an unknown name, KG-125 for text that cannot be read, KG-127 for a temperature
        with an offset.
    """
    if len(text) > _MAX_LENGTH:
        raise UnitError(
            f"KG-125: the unit {text[:40]!r}... has {len(text)} characters; that is not a unit."
        )
    stripped = text.strip()
    if not stripped:
        return Unit("", _ONE, DIMENSIONLESS, ())
    parser = _Parser(text)
    value, powers = parser.product(1, 0)
    kind, token, where = parser.peek()
    if kind != "end":
        raise parser.error(f"{token!r} is not expected here", where, where + len(token))
    if not 1e-250 < value < 1e250:
        raise parser.error("its factor leaves the range of double precision", 0, len(text))
    return Unit(stripped, value, powers, tuple(parser.parts))


@lru_cache(maxsize=1024)
def _from_pint(name: str) -> tuple[str, Fraction, tuple[int, ...]] | None:
    """Return the entry of a single unit name that only pint knows, or None."""
    try:
        import pint

        pint_registry: Any = pint.get_application_registry()  # type: ignore[no-untyped-call]
    except ImportError:
        return None
    try:
        scale, base = pint_registry.get_base_units(name)
        powers = {str(key): Fraction(p) for key, p in base._units.items()}
        offset = float(pint_registry.Quantity(0.0, name).to_base_units().magnitude)
    except Exception:  # pint raises many kinds for names that are no multiplicative unit
        return None
    bases = {"meter": "m", "kilogram": "kg", "second": "s", "mole": "mol", "kelvin": "K"}
    bases |= {"radian": "rad", "becquerel": "Bq", "gram": "g", "IU": "IU", "cell": "cell"}
    if any(key not in bases for key in powers) or not math.isfinite(float(scale)) or offset:
        return None
    mass = powers.get("kilogram", Fraction(0))
    if mass > 0 and powers.get("second", Fraction(0)) <= -2 * mass:
        # force, energy, viscosity: krogh writes them through pressure (1 kg = 1 Pa m s^2)
        powers["Pa"] = mass
        powers["meter"] = powers.get("meter", Fraction(0)) + mass
        powers["second"] = powers.get("second", Fraction(0)) + 2 * mass
        del powers["kilogram"]
    value, exponents = Fraction(float(scale)), DIMENSIONLESS
    for key, power in powers.items():
        _, one, dims = UNITS[bases.get(key, key)]
        if power.denominator != 1:
            return None
        value *= one ** int(power)
        exponents = exponents.times(Dimension(Fraction(e) for e in dims).power(power))
    return name, value, tuple(int(e) for e in exponents)
