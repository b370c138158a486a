"""The space of regimens: axes such as ``"1.2 .. 9.6 mg/kg"`` and the values on them.

SPDX-License-Identifier: BSD-3-Clause

::

    axis  := range | value ("," value)*
    range := number [unit] ".." number unit ["by" number [unit] | "in" count ("steps" | "values")]
             ["log" | "linear"]
    value := number [unit]                  the unit of the last value holds for those without

``x`` is a unit of an added drug: that many times the dose of the main drug.  A range without a
number of values has whole numbers of ``x`` (up to 12), else as many values as `POINTS` says: evenly
on the logarithm where a dose spans fourfold or more, evenly on the values otherwise.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NoReturn

from krogh.dose.reading import Reader
from krogh.errors import InvalidInput, SpecError, UnitError
from krogh.units import (
    Quantity,
    convert,
    describe,
    dimension,
    dose_unit,
    format_number,
    parse_unit,
)

__all__ = ["MOST_REGIMENS", "POINTS", "Axis", "axis_of"]

Kind = Literal["dose", "interval", "added"]

POINTS: Final = {"dose": 8, "interval": 3, "added": 9}
"""Values of a range where nothing says how many."""

MOST_REGIMENS: Final = 10_000
"""Most regimens of a search."""

_CODE: Final = "KG-154"
_LOG_SPAN: Final = 4.0
_WHOLE: Final = 12.0
_MOST_VALUES: Final = 1000
_KEYWORDS: Final = ("by", "in", "log", "linear", "steps", "step", "values", "value", "points")
_EXAMPLE: Final = {"dose": "1.2 .. 9.6 mg/kg", "interval": "7 .. 21 d", "added": "0 .. 8 x"}
_KIND_WORDS: Final = {
    "dose": "a dose (mg/kg, mg/m2, mg, nmol, ...)",
    "interval": "a time (d, h, weeks)",
    "added": "'x' (times the dose of the main drug) or a dose (mg/kg, ...)",
}


@dataclass(frozen=True)
class Axis:
    """One thing that is varied.

    Attributes
    ----------
    kind
        ``"dose"`` of the main drug, ``"interval"`` between doses, ``"added"``: dose of another
        drug.
    name
        ``"dose"``, ``"interval"``, or the name of the added drug.
    values
        Increasing, in `unit`.
    unit
        Of the values; ``"x"`` for multiples of the main dose.
    is_log
        Whether the values are evenly spaced on the logarithm, for pictures.
    """

    kind: Kind
    name: str
    values: tuple[float, ...]
    unit: str
    is_log: bool = False

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """The values with their unit."""
        return tuple(Quantity(value, self.unit) for value in self.values)

    @property
    def title(self) -> str:
        """Name and unit, for the axis of a picture or the head of a column."""
        unit = "times the main dose" if self.unit == "x" else self.unit
        return f"{self.name} ({unit})"

    def __str__(self) -> str:
        shown = ", ".join(format_number(value) for value in self.values)
        return f"{self.name}: {shown} {self.unit}"

    def __len__(self) -> int:
        return len(self.values)


def axis_of(kind: Kind, name: str, what: Any, points: int | None = None) -> Axis:
    """Return the axis that a text, a list of texts, or a list of quantities describes.

    Parameters
    ----------
    kind
        What is varied.
    name
        For messages and columns.
    what
        The description.
    points
        Number of values of a range that does not state it.

    Raises
    ------
    SpecError
        KG-154 for a description that cannot be read, an empty range, negative or repeated values.
    UnitError
        KG-121 for a unit of another dimension, KG-124 where it is missing.
    """
    if points is not None and (
        isinstance(points, bool) or not isinstance(points, int) or not 1 <= points <= _MOST_VALUES
    ):
        raise SpecError(
            f"{_CODE}: points is a whole number from 1 to {_MOST_VALUES}, not {points!r}."
        )
    if isinstance(what, str):
        values, unit, is_log = _Text(kind, name, what, points).parse()
    elif isinstance(what, Quantity):
        values, unit, is_log = _from_items(kind, name, [what])
    elif isinstance(what, Iterable) and not isinstance(what, (bytes, dict)):
        values, unit, is_log = _from_items(kind, name, list(what))
    elif isinstance(what, (int, float)) and not isinstance(what, bool):
        values, unit, is_log = _from_items(kind, name, [what])
    else:
        raise SpecError(
            f"{_CODE}: {name} is a text such as {_EXAMPLE[kind]!r} or a list of texts with units,"
            f" not {type(what).__name__}."
        )
    return _checked(Axis(kind, name, tuple(values), unit, is_log))


def _checked(axis: Axis) -> Axis:
    values = axis.values
    if not values:
        raise SpecError(f"{_CODE}: the space of {axis.name} is empty.")
    if axis.kind != "added" and values[0] == 0.0:
        word = "a dose" if axis.kind == "dose" else "an interval"
        raise SpecError(f"{_CODE}: {axis.name}: {word} of 0 {axis.unit} is no {axis.name}.")
    for first, second in itertools.pairwise(values):
        if not first < second:
            raise SpecError(
                f"{_CODE}: {axis.name}: {format_number(second)} {axis.unit} stands twice."
            )
    if len(values) > _MOST_VALUES:
        raise SpecError(f"{_CODE}: {axis.name} has {len(values):,} values, over {_MOST_VALUES}.")
    return axis


def _fits(kind: Kind, unit: str) -> bool:
    if kind == "interval":
        return dimension(unit) == dimension("h")
    if kind == "added" and unit == "x":
        return True
    parts = dose_unit(unit)
    return parts is not None and parts.per_time is None


def _from_items(kind: Kind, name: str, items: Sequence[Any]) -> tuple[list[float], str, bool]:
    quantities = []
    for item in items:
        if isinstance(item, Quantity):
            quantities.append(item)
        elif isinstance(item, str):
            values, unit, _ = _Text(kind, name, item, None).parse()
            quantities += [Quantity(value, unit) for value in values]
        elif isinstance(item, (int, float)) and not isinstance(item, bool):
            raise UnitError(
                f"KG-124: {name}: {item!r} has no unit; write for example {_EXAMPLE[kind]!r}."
            )
        else:
            raise SpecError(f"{_CODE}: {name}: {item!r} is not a value with its unit.")
    if not quantities:
        raise SpecError(f"{_CODE}: the space of {name} is empty.")
    unit = quantities[-1].unit
    found = []
    for quantity in quantities:
        if not _fits(kind, quantity.unit) or (
            "x" in (unit, quantity.unit) and quantity.unit != unit
        ):
            raise UnitError(
                f"KG-121: {name}: {quantity} does not fit: needed is {_KIND_WORDS[kind]}, and one"
                " kind of it."
            )
        if not (math.isfinite(quantity.value) and quantity.value >= 0.0):
            raise SpecError(f"{_CODE}: {name}: {quantity} must not be negative.")
        found.append(
            quantity.value
            if quantity.unit == unit
            else convert(quantity.value, quantity.unit, unit)
        )
    return sorted(found), unit, False


class _Text:
    def __init__(self, kind: Kind, name: str, text: str, points: int | None) -> None:
        self.kind: Kind = kind
        self.name = name
        self.points = points
        self.read = Reader(text, _CODE, f"space of {name}", _KEYWORDS)

    def fail(self, why: str, start: int | None = None, stop: int | None = None) -> NoReturn:
        self.read.fail(f"{self.name}: {why}", start, stop)

    def parse(self) -> tuple[list[float], str, bool]:
        read = self.read
        start = read.skip()
        first = read.number(f"{self.name}: a number")
        first_unit, first_at = self.unit()
        if read.take_symbol("..", "\u2026", "\u2013"):
            return self.range(first, first_unit, start)
        values, units, places = [first], [first_unit], [first_at]
        while read.take_symbol(",", ";"):
            read.skip()
            values.append(read.number(f"{self.name}: a number"))
            unit, place = self.unit()
            units.append(unit)
            places.append(place)
        if not read.is_at_end():
            self.fail("'..', ',' or the end must stand here.")
        if not units[-1]:
            self.no_unit(start)
        items = [
            Quantity(value, self.checked(unit or units[-1], place))
            for value, unit, place in zip(values, units, places, strict=True)
        ]
        return _from_items(self.kind, self.name, items)

    def no_unit(self, start: int) -> NoReturn:
        self.read.fail_unit(
            f"{self.name}: no unit is stated; write for example {_EXAMPLE[self.kind]!r}.",
            start,
            self.read.at,
        )

    def unit(self) -> tuple[str, int]:
        read = self.read
        start = read.skip()
        if self.kind == "added" and (read.take_symbol("\u00d7") or read.take("x", "times", "fold")):
            return "x", start
        return read.unit()

    def checked(self, unit: str, place: int) -> str:
        read = self.read
        if unit == "x" and self.kind == "added":
            return unit
        try:
            parse_unit(unit)
        except InvalidInput as error:
            first = str(error).split("\n")[0].partition(": ")[2].rstrip(":")
            read.fail_unit(f"{self.name}: {first}", place, place + len(unit), error.code)
        if not _fits(self.kind, unit):
            read.fail_unit(
                f"{self.name}: {unit!r} is {describe(unit)}; needed is {_KIND_WORDS[self.kind]}.",
                place,
                place + len(unit),
                "KG-121",
            )
        return unit

    def range(self, first: float, first_unit: str, start: int) -> tuple[list[float], str, bool]:
        read = self.read
        last = read.number(f"{self.name}: the end of the range")
        unit, place = self.unit()
        if not unit:
            self.no_unit(start)
        self.checked(unit, place)
        if first_unit:
            self.checked(first_unit, start)
            if (first_unit == "x") != (unit == "x"):
                self.fail("both ends need the same kind of unit.", start, read.at)
            first = first if first_unit == unit else convert(first, first_unit, unit)
        if first > last:
            self.fail(
                f"the range is empty: {format_number(first)} is above {format_number(last)}.",
                start,
                read.at,
            )
        step, count = self.spacing(first, last, unit)
        scale = read.take("log", "linear")
        if not read.is_at_end():
            self.fail("'by', 'in', 'log', 'linear' or the end must stand here.")
        if step is not None:
            if scale == "log":
                self.fail("a step is linear; write 'in 8 values log'.", start)
            number = math.floor((last - first) / step * (1.0 + 1e-12) + 1e-9) + 1
            return [_rounded(first + k * step) for k in range(number)], unit, False
        return self.spread(first, last, unit, count, scale, start)

    def spacing(self, first: float, last: float, unit: str) -> tuple[float | None, int | None]:
        """Read ``by 0.5 mg/kg`` and ``in 8 values``."""
        read = self.read
        if read.take("by"):
            start = read.skip()
            step = read.number(f"{self.name}: the step")
            given, place = self.unit()
            if given:
                self.checked(given, place)
                if (given == "x") != (unit == "x"):
                    self.fail("the step needs the unit of the range.", start, read.at)
                step = step if given == unit else convert(step, given, unit)
            if step <= 0.0:
                self.fail("the step must be above 0.", start, read.at)
            if (last - first) / step > _MOST_VALUES:
                self.fail(f"this makes more than {_MOST_VALUES} values.", start, read.at)
            return step, None
        if read.take("in"):
            start = read.skip()
            number = read.number(f"{self.name}: how many")
            word = read.expect("steps", "step", "values", "value", "points")
            count = number + 1.0 if word.startswith("step") else number
            if number != int(number) or not 1.0 <= count <= _MOST_VALUES or number < 1.0:
                self.fail(
                    f"a whole number from 1 to {_MOST_VALUES} must stand here.", start, read.at
                )
            return None, int(count)
        return None, None

    def spread(
        self, first: float, last: float, unit: str, count: int | None, scale: str, start: int
    ) -> tuple[list[float], str, bool]:
        if first == last:
            return [first], unit, False
        if scale == "log" and first == 0.0:
            self.fail("a logarithmic range cannot begin at 0.", start)
        is_log = scale == "log" or (
            scale == "" and self.kind != "interval" and 0.0 < first * _LOG_SPAN <= last
        )
        count = count or self.points
        if count is None and unit == "x" and scale == "":
            whole = first == int(first) and last == int(last) and last - first <= _WHOLE
            count = int(last - first) + 1 if whole else None
            is_log = is_log and not whole
        count = count or POINTS[self.kind]
        if count == 1:
            self.fail("one value is no range; write that value alone.", start)
        shares = [k / (count - 1) for k in range(count)]
        if is_log:
            inner = [first * (last / first) ** share for share in shares[1:-1]]
        else:
            inner = [first + (last - first) * share for share in shares[1:-1]]
        is_coarse = is_log and (last / first) ** shares[1] > 1.02  # then 3 digits tell values apart
        values = [first, *(_rounded(value, 3 if is_coarse else 12) for value in inner), last]
        return values, unit, is_log


def _rounded(value: float, digits: int = 12) -> float:
    """Round to significant digits, so that 0.1 steps read as 0.3 and not 0.30000000000000004."""
    return float(f"{value:.{digits}g}")
