"""Times of doses: from text to seconds without rounding twice, and back to the shortest text.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Final

from krogh.errors import DataError, UnitError
from krogh.unit_parser import TIME
from krogh.units import Quantity, describe, format_number, parse_quantity, parse_unit

__all__ = ["LONGEST_TIME", "exact_product", "seconds", "time_text"]

LONGEST_TIME: Final = 1e11
"""Longest time of a dose in seconds (about 3,200 years); more is a slip of the pen."""

_TEXT_UNITS: Final = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def exact_product(value: float, scale: Fraction) -> float:
    """Return ``value * scale`` with the shortest decimal that reads as `value` taken as exact.

    ``0.1 h`` is 360 s and ``4.15 h`` is 14940 s to the last bit, which the product of two doubles
    does not always give.
    """
    return float(Fraction(repr(float(value))) * scale)


def seconds(value: Any, what: str) -> float:
    """Return a time in seconds.

    Parameters
    ----------
    value
        Text (``"21 d"``), a `Quantity`, a (number, unit) pair, a pint quantity, or a plain number
        that already is in seconds.
    what
        What the time is, for messages.

    Raises
    ------
    UnitError
        KG-121 if the unit is no time, KG-124 if text has no unit.
    DataError
        KG-204 if the time is negative, not finite or longer than `LONGEST_TIME`.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            result = float(value)
        except OverflowError:
            result = math.inf
    else:
        given = parse_quantity(value, what)
        unit = parse_unit(given.unit)
        if unit.dimension != TIME:
            raise UnitError(
                f"KG-121: {what} is {given}, which is {describe(unit.dimension)}; needed: a time,"
                " for example '21 d'."
            )
        result = exact_product(given.value, unit.exact) if math.isfinite(given.value) else math.nan
    if not (0.0 <= result <= LONGEST_TIME):
        raise DataError(
            f"KG-204: {what} is {value!s:.60}; it must lie between 0 and {LONGEST_TIME:g} s."
        )
    return result


def time_text(value: float) -> str:
    """Return a time in seconds as the simplest text that reads back as the same double.

    Whole numbers win (``12 h``, not ``0.5 d``), then the largest unit, then the fewest digits.

    Examples
    --------
    >>> time_text(1814400.0), time_text(5400.0), time_text(43200.0)
    ('21 d', '90 min', '12 h')
    """
    best: tuple[bool, int, str] | None = None
    for unit, scale in _TEXT_UNITS:
        for digits in (6, 12, 15, 17):
            number = float(f"{value / scale:.{digits}g}")
            if exact_product(number, Fraction(scale)) == value:
                text = format_number(number)
                candidate = ("." in text or "e" in text, len(text), f"{text} {unit}")
                whole = not candidate[0] and len(text) <= 4
                if whole:
                    return candidate[2]
                if best is None or candidate[:2] < best[:2]:
                    best = candidate
                break
    if best is None:  # seconds always read back; reached only for values that are not finite
        return str(Quantity(value, "s"))
    return best[2]
