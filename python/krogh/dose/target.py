"""A target: what has to be reached, in how many cells, when; read from a sentence and printed back.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from krogh.dose.measures import LEVELS, MEASURES, OUTPUT, Measure, level_of_output
from krogh.units import Quantity, format_number

if TYPE_CHECKING:
    from krogh.dose.attainment import Attainment

__all__ = ["Cells", "Target", "When"]

Relation = Literal[">=", "<=", ">", "<"]
Kind = Literal["end", "at", "share", "duration", "always", "ever"]


@dataclass(frozen=True)
class Cells:
    """In how many cells: a share in percent, of all cells by volume or of the viable ones."""

    percent: float
    viable: bool = False

    def __str__(self) -> str:
        cells = "viable cells" if self.viable else "cells"
        if self.percent == 100.0:
            return f"in all {cells}"
        return f"in {format_number(self.percent)} % of {cells}"


@dataclass(frozen=True)
class When:
    """When: at the end, at a moment, for a share of the time or a duration, always, or ever.

    Attributes
    ----------
    kind
        ``"end"``, ``"at"``, ``"share"``, ``"duration"``, ``"always"``, ``"ever"``.
    amount
        The moment, the share (unit ``%``) or the duration; None for the others.
    begin, end
        Of the time that counts; None for that of the run.
    """

    kind: Kind = "end"
    amount: Quantity | None = None
    begin: Quantity | None = None
    end: Quantity | None = None

    @property
    def is_span(self) -> bool:
        """Whether it is about a stretch of time and not about one moment."""
        return self.kind not in ("end", "at")

    def __str__(self) -> str:
        text = {
            "end": "",
            "at": f"at {self.amount}",
            "share": f"for {self.amount} of the time",
            "duration": f"for {self.amount}",
            "always": "at all times",
            "ever": "at some time",
        }[self.kind]
        return " ".join(part for part in (text, self.window) if part)

    @property
    def window(self) -> str:
        """The stretch of time in words, empty for the whole run."""
        if self.begin is not None and self.end is not None:
            return f"between {self.begin} and {self.end}"
        if self.begin is not None:
            return f"after {self.begin}"
        return f"until {self.end}" if self.end is not None else ""


@dataclass(frozen=True, init=False)
class Target:
    """What has to be reached.

    Parameters
    ----------
    text
        A sentence: ``"occupancy >= 90 % in 90 % of viable cells"``, ``"payload of T-DM1 >= 1e5 per
        cell in 50 % of cells at 24 h"``, ``"plasma trough >= 5 ug/mL"``, ``"free >= 1 nM for 50 %
        of the time in 80 % of cells"``, ``"penetration depth >= 50 um"``.  `krogh.dose.grammar` has
        the grammar.
    level
        1 systemic, 2 tissue, 3 engagement, 4 effect; by default that of the measure.

    Attributes
    ----------
    measure : str
        ``"occupancy"``, ``"plasma trough"``, ... or ``"output"``.
    of : str or None
        Drug, target or output that it is about.
    statistic : str or None
        ``"mean"``, ``"median"``, ``"lowest"``, ``"highest"`` over the cells, where stated.
    relation : str
        ``">="``, ``"<="``, ``">"`` or ``"<"``.
    value : Quantity
        What has to be reached.
    above : Quantity or None
        The concentration of ``plasma time above``.
    cells : Cells or None
        In how many cells.
    when : When
        When.
    each_cell : bool
        Whether the time is counted for each cell (the time stands before the cells) and not for the
        line as a whole.

    Raises
    ------
    SpecError
        KG-150 for a sentence that cannot be read, KG-151 for an unknown word, KG-152 for a target
        that no treatment can reach, or every treatment does.
    UnitError
        KG-121 for a unit of another dimension, KG-124 where it is missing.

    Examples
    --------
    >>> t = Target("occupancy of HER2 at least 90% in 90 percent of the viable cells at 24 h")
    >>> str(t), t.level
    ('occupancy of HER2 >= 90 % in 90 % of viable cells at 24 h', 3)
    >>> Target(str(t)) == t
    True
    """

    measure: str
    of: str | None
    statistic: str | None
    relation: Relation
    value: Quantity
    above: Quantity | None
    cells: Cells | None
    when: When
    each_cell: bool
    stated_level: int | None

    def __init__(self, text: str | Target, level: int | None = None) -> None:
        from krogh.dose.grammar import parse_target

        parts = dict(vars(text)) if isinstance(text, Target) else parse_target(text)
        for name, part in parts.items():
            object.__setattr__(self, name, part)
        if level is not None:
            from krogh.dose.grammar import checked_level

            object.__setattr__(self, "stated_level", checked_level(level))
        if self.stated_level == self._natural_level:
            object.__setattr__(self, "stated_level", None)

    @property
    def _natural_level(self) -> int:
        if self.measure == OUTPUT.word:
            return level_of_output(self.of or "")
        return MEASURES[self.measure].level

    @property
    def level(self) -> int:
        """1 systemic, 2 tissue, 3 engagement, 4 effect."""
        return self.stated_level or self._natural_level

    @property
    def level_name(self) -> str:
        """Number and name of the level: ``"3 engagement"``."""
        return f"{self.level} {LEVELS[self.level]}"

    @property
    def about(self) -> Measure:
        """What is known of the measure."""
        return MEASURES.get(self.measure, OUTPUT)

    @property
    def wants_more(self) -> bool:
        """Whether large values are wanted (``>=``)."""
        return self.relation in (">=", ">")

    @property
    def what(self) -> str:
        """The measure in words: ``"occupancy of HER2"``, ``"mean payload"``."""
        if self.measure == OUTPUT.word:
            name = f"output {quoted(self.of or '')}"
            return f"{self.statistic} {name}" if self.statistic else name
        parts = [self.statistic] if self.statistic else []
        parts.append(self.measure)
        if self.above is not None:
            parts.append(f"above {self.above}")
        if self.of is not None:
            parts.append(f"of {quoted(self.of)}")
        return " ".join(parts)

    @property
    def value_text(self) -> str:
        """The value as it is printed: ``"90 %"``, ``"1e5 per cell"``, ``"5 ug/mL"``."""
        if self.measure in ("uptake", "payload"):
            return f"{count_text(self.value.value)} per cell"
        return format_number(self.value.value) if self.value.unit == "1" else str(self.value)

    def evaluate(self, result: Any, **options: Any) -> Attainment:
        """Return how far lines of a result get, and which reach the target.

        Parameters
        ----------
        result
            What `krogh.simulate_line` returned, a `krogh.study.Result`, or what `krogh.simulate`
            returned for a well-mixed model.
        options
            ``molar_mass``: text with unit, or drug label to text, where mass and amount are
            compared; ``dose_times``: seconds, for troughs.

        Raises
        ------
        SpecError
            KG-153 where the result lacks what the target is about, or has several of it.
        """
        from krogh.dose.attainment import evaluate

        return evaluate(self, result, **options)

    def __str__(self) -> str:
        level = f"level {self.stated_level}: " if self.stated_level is not None else ""
        value = self.value_text
        cells = "" if self.cells is None else str(self.cells)
        when = str(self.when)
        clauses = (when, cells) if self.each_cell else (cells, when)
        parts = (f"{level}{self.what}", self.relation, value, *clauses)
        return " ".join(part for part in parts if part)

    def __repr__(self) -> str:
        return f"Target({str(self)!r})"

    def _repr_html_(self) -> str:
        return f"<span>{html.escape(str(self))} <small>({self.level_name})</small></span>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Target, (str(self),)


def count_text(value: float) -> str:
    """Return a number of molecules briefly and exactly: ``1e5``, ``2.5e4``, ``800``."""
    if value >= 1e4:
        mantissa, _, exponent = f"{value:.15e}".partition("e")
        short = f"{format_number(float(mantissa))}e{int(exponent)}"
        if float(short) == value:
            return short
    return format_number(value)


def quoted(name: str) -> str:
    """Return a name as the grammar reads it back: with quotes where it needs them."""
    from krogh.dose.grammar import is_plain_name

    if is_plain_name(name):
        return name
    return f'"{name}"' if '"' not in name else f"'{name}'"
