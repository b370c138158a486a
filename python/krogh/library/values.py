"""A number of the library with unit, range, source, and how it is drawn for virtual patients.

SPDX-License-Identifier: BSD-3-Clause

The range of a value is its 90 % interval.  A value is drawn on a scale on which it is spread
normally (the logarithm of positive values), with its own width to either side, so that the median
is the value and 5 % of the draws lie below the lower and 5 % above the upper end, wherever in the
range the value lies.  With the value at the middle of the scale that is a lognormal distribution.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from krogh.errors import SpecError
from krogh.library.ranges import ASSUMED_FACTOR, NORMAL_95
from krogh.library.schema import NO_RANGE, PublishedRange
from krogh.model.components import Parameter
from krogh.model.fields import as_measure, require_unit
from krogh.table import ResultTable
from krogh.units import Quantity, convert, format_number

__all__ = [
    "CHOSEN",
    "Value",
    "chosen_value",
    "parameter_of",
    "reason_of",
    "same_unit",
    "table_of",
]

CHOSEN: Final = "not determined, value chosen here"
"""As `Value.range`: the value was given by the user or chosen, not found."""

_LEVEL: Final = re.compile(r"(\d+(?:\.\d+)?) % CI")

_QUANTILES: Final = {"90": NORMAL_95, "95": 1.959963984540054, "99": 2.5758293035489004}
"""Standard normal quantiles of the ends of central intervals: 5 %, 2.5 % and 0.5 % beyond each."""


class Value(BaseModel):
    """A number of a drug, a tumour or a subject.

    Attributes
    ----------
    value
        With unit.
    range
        ``"interval 1 to 2, of what"`` (taken as a 90 % interval), ``"90 % CI 1-2"``, ``"SE 0.1"``,
        ``"RSE 10 %"``, in the unit of the value; or why none is known (`NO_RANGE`).
    distribution
        The scale on which it is spread: the logarithm (positive values), the logit (fractions), or
        the value itself.
    varies_with
        Values of one name that share this word share their random draws, as the permeability of one
        tumour to every IgG does.  Left out: the owner's name.
    source
        Author, year, place, and ``[key]`` of the citation; both ends of the range where it comes
        from the spread of published values.
    verified
        Whether the number was checked against its source or a transcription of it.
    note
        What it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: str
    range: str
    distribution: Literal["lognormal", "logitnormal", "normal"] = "lognormal"
    varies_with: str = ""
    source: str = Field(min_length=1)
    verified: bool = True
    note: str = ""

    @field_validator("range")
    @classmethod
    def _known_range(cls, text: str) -> str:
        if text not in NO_RANGE:
            try:
                PublishedRange.of(text)
            except ValueError:
                raise ValueError(
                    "a range is 'interval 1 to 2, of what', '90 % CI 1-2', 'SE 0.1', 'RSE 10 %', "
                    + ", ".join(repr(t) for t in NO_RANGE)
                    + f"; not {text[:60]!r}"
                ) from None
        return text

    @model_validator(mode="after")
    def _value_lies_in_range(self) -> Value:
        number = self.quantity.value
        ends = self.ends
        if ends is not None and not ends[0] < number < ends[1]:
            raise ValueError(f"the value {self.value} does not lie inside its range {self.range!r}")
        lowest = {"normal": -math.inf, "lognormal": 0.0, "logitnormal": 0.0}[self.distribution]
        highest = 1.0 if self.distribution == "logitnormal" else math.inf
        if ends is not None and not lowest < ends[0] < ends[1] < highest:
            raise ValueError(
                f"the range {self.range!r} leaves what a {self.distribution} distribution can be"
            )
        return self

    @property
    def quantity(self) -> Quantity:
        """The value as number and unit."""
        return as_measure(self.value, "the value")

    @property
    def unit(self) -> str:
        """The unit as written; empty for a plain number."""
        return self.quantity.unit

    @property
    def is_uncertain(self) -> bool:
        """Whether it has a range, so that it is drawn for virtual patients."""
        return self.range not in NO_RANGE

    @property
    def ends(self) -> tuple[float, float] | None:
        """Lower and upper end of the 90 % interval in the unit of the value, or None."""
        if not self.is_uncertain:
            return None
        found = PublishedRange.of(self.range)
        center = self.quantity.value
        if found.ends is None:
            return self._ends_of_error(found, center)
        level = _LEVEL.match(found.kind)
        if level is None or level.group(1) == "90":
            return found.ends
        if level.group(1) not in _QUANTILES:
            raise ValueError(f"a confidence interval is of 90, 95 or 99 %, not {found.kind!r}")
        shrink = NORMAL_95 / _QUANTILES[level.group(1)]
        scale, back = _SCALES[self.distribution]
        low, mid, high = (scale(x) for x in (found.ends[0], center, found.ends[1]))
        return float(back(mid + (low - mid) * shrink)), float(back(mid + (high - mid) * shrink))

    @property
    def range_text(self) -> str:
        """The range as stated; where none is known half to twice the value, said to be assumed.

        An assumed range stands for sensitivity analyses; it is not drawn for virtual patients.
        """
        if self.is_uncertain:
            return self.range
        number = self.quantity.value
        ends = sorted((number / ASSUMED_FACTOR, number * ASSUMED_FACTOR))
        if self.distribution == "logitnormal":
            ends[1] = min(ends[1], 1.0)
        text = f"{ends[0]:.3g} to {ends[1]:.3g} {self.unit}".rstrip()
        return f"{text} (assumed, {self.range})"

    def _ends_of_error(self, found: PublishedRange, center: float) -> tuple[float, float]:
        """Return the 90 % interval of a standard error."""
        number = re.search(r"(\d[\d.e+-]*)", self.range)
        assert number is not None  # the form was checked
        error = float(number.group(1))
        relative = error / 100.0 if found.kind == "RSE" else error / abs(center)
        if self.distribution == "lognormal":
            omega = math.sqrt(math.log1p(relative**2))
            return center * math.exp(-NORMAL_95 * omega), center * math.exp(NORMAL_95 * omega)
        half = NORMAL_95 * relative * abs(center)
        return center - half, center + half

    def drawn(self, normals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the value at standard normal deviates, in its unit; any shape.

        The value itself at 0, the ends of the 90 % interval at -1.645 and 1.645.
        """
        center, ends = self.quantity.value, self.ends
        z = np.asarray(normals, dtype=np.float64)
        if ends is None:
            return np.full(z.shape, center)
        scale, back = _SCALES[self.distribution]
        low, mid, high = (scale(x) for x in (ends[0], center, ends[1]))
        width = np.where(z < 0.0, mid - low, high - mid) / NORMAL_95
        drawn: NDArray[np.float64] = back(mid + width * z)
        return drawn

    def scaled(self, factor: float, unit: str, note: str) -> Value:
        """Return the value times a constant, in another unit, with its range scaled alike."""
        ends = self.ends
        text = self.range
        if ends is not None:
            text = f"interval {ends[0] * factor:.6g} to {ends[1] * factor:.6g}, {self.range}"
        number = format_number(float(f"{self.quantity.value * factor:.12g}"))
        fields = {**self.model_dump(), "value": f"{number} {unit}".strip(), "range": text}
        return Value(**{**fields, "note": "; ".join(n for n in (self.note, note) if n)})

    def __str__(self) -> str:
        doubt = "" if self.verified else "; NOT VERIFIED"
        return f"{self.value}; range {self.range_text}{doubt}  ({self.source})"


def _logit(x: Any) -> Any:
    return np.log(x) - np.log1p(-x)


def _expit(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


_SCALES: Final[dict[str, tuple[Any, Any]]] = {
    "lognormal": (np.log, np.exp),
    "logitnormal": (_logit, _expit),
    "normal": (lambda x: x, lambda x: x),
}


def chosen_value(old: Value, given: Any, what: str) -> Value:
    """Return a value that takes the place of another: its dimension must be the same.

    Parameters
    ----------
    old
        The value of the library.
    given
        Text with unit, a quantity, a number (for dimensionless values), or a mapping with the
        fields of `Value` that change, such as ``{"value": "3e-7 cm/s", "range": "interval 1e-7 to
        9e-7, own measurements"}``.  Without a range the new value has none: it is not drawn.
    what
        What it is, for messages.

    Raises
    ------
    UnitError
        KG-121 another dimension, KG-124 no unit.
    SpecError
        KG-108 negative, not finite, or outside its range.
    """
    fields = dict(given) if isinstance(given, dict) else {"value": given}
    unknown = [name for name in fields if name not in Value.model_fields]
    if unknown:
        raise SpecError(
            f"KG-108: {what} has no field {unknown[0]!r}; fields: {', '.join(Value.model_fields)}."
        )
    measure = as_measure(fields.get("value", old.value), what)
    require_unit(measure.unit, old.unit, what)
    if measure.value < 0.0 <= old.quantity.value:
        raise SpecError(f"KG-108: {what} must not be negative, but is {measure}.")
    if "value" in fields:
        fields["value"] = f"{format_number(measure.value)} {measure.unit}".strip()
        fields.setdefault("range", CHOSEN)
        fields.setdefault("source", "given by the user")
        fields.setdefault("verified", True)
    try:
        return Value(**{**old.model_dump(), **fields})
    except ValueError as error:
        raise SpecError(f"KG-108: {what}: {reason_of(error)}.") from None


def reason_of(error: ValueError) -> str:
    """Return what pydantic found, in one line."""
    errors = getattr(error, "errors", None)
    if errors is None:
        return str(error)
    return str(errors(include_url=False)[0]["msg"]).removeprefix("Value error, ")


def parameter_of(value: Value, name: str = "value") -> Parameter:
    """Return a value as a parameter of the model language, with range, source and note."""
    parts = [value.note, f"range {value.range_text}"]
    return Parameter(
        name,
        value.value,
        lower=f"0 {value.unit}".strip() if value.quantity.value >= 0 else None,
        upper=1 if value.distribution == "logitnormal" else None,
        source=value.source,
        verified=value.verified,
        note="; ".join(p for p in parts if p),
    )


def same_unit(value: Value, unit: str) -> float:
    """Return the number of a value in another unit of its dimension."""
    return convert(value.quantity.value, value.unit or "1", unit or "1")


def table_of(values: Iterable[tuple[str, Value]], title: str) -> ResultTable:
    """Return named values, one a row, with range, whether they were verified, and source."""
    rows = list(values)
    return ResultTable(
        {
            "value of": [name for name, _ in rows],
            "value": [v.value for _, v in rows],
            "range": [v.range_text for _, v in rows],
            "verified": ["yes" if v.verified else "NO" for _, v in rows],
            "source": [v.source for _, v in rows],
        },
        title=title,
    )
