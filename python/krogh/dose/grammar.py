"""The grammar of targets: a sentence to its parts.

SPDX-License-Identifier: BSD-3-Clause

::

    target    := ["level" (1|2|3|4) ":"] subject relation value clause*
    subject   := ["plasma"] plasma ["of" drug]
               | "plasma time above" concentration ["of" drug]
               | [statistic] cellwise ["of" drug or target]
               | "penetration depth" ["of" drug]
               | [statistic] "output" name
    plasma    := "concentration" | "trough" | "Cmax" | "average" | "AUC"
    cellwise  := "free" | "total" | "bound" | "internalized" | "occupancy" | "uptake" | "payload"
               | "kill" | "viable"
    statistic := "mean" | "median" | "lowest" | "highest"            over the cells, by volume
    relation  := ">=" | "<=" | ">" | "<" | "at least" | "at most" | "above" | "below" | ...
    value     := number unit | number "%" | number "per cell"
    clause    := cells | time | window                               each at most once
    cells     := "in" (number "%" "of" | "all" | "every") ["viable"] ("cells" | "cell")
    time      := "at" time | "at the end" | "at all times" | "at some time"
               | "for" number "% of the time" | "for" time
    window    := "after" time | "until" time | "between" time "and" time

A measure of the cells needs a statistic or says in how many cells.  The order of time and cells
matters for a stretch of time: ``free >= 1 nM in 80 % of cells for 50 % of the time`` wants moments,
half of all, at which 80 % of the cells are at 1 nM; ``free >= 1 nM for 50 % of the time in 80 % of
cells`` wants 80 % of the cells, each above 1 nM half of the time.  Without a time, the end of the
run counts (for Cmax, AUC, average and time above: the whole run; for a trough: the last one).
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

from krogh.dose.measures import LEVELS, MEASURES, OUTPUT, SYNONYMS, Measure
from krogh.dose.reading import Reader
from krogh.dose.target import Cells, When
from krogh.errors import SpecError
from krogh.units import DIMENSIONLESS, Quantity, describe, dimension, format_number

__all__ = ["checked_level", "is_plain_name", "parse_target"]

_STATISTICS: Final = {
    "mean": "mean",
    "average": "mean",
    "median": "median",
    "lowest": "lowest",
    "minimum": "lowest",
    "smallest": "lowest",
    "highest": "highest",
    "maximum": "highest",
    "largest": "highest",
}
_RELATIONS: Final = {
    ">=": ">=",
    "=>": ">=",
    "\u2265": ">=",
    "<=": "<=",
    "=<": "<=",
    "\u2264": "<=",
    ">": ">",
    "<": "<",
}
_KEYWORDS: Final = frozenset(
    {"in", "of", "at", "for", "after", "until", "between", "and", "above", "below", "over"}
    | {"under", "exceeds", "least", "most", "percent", "per", "the", "all", "every", "each"}
    | {"cell", "cells", "viable", "time", "times", "end", "some", "any", "level", "output"}
    | {"reaches", "from", "to", "is"}
)
_PLAIN: Final = re.compile(r"[^\W\d_](?:[\w.\-]*\w)?(?: [^\W\d_](?:[\w.\-]*\w)?)*")
_CODE: Final = "KG-150"
_TIME: Final = dimension("h")


def is_plain_name(name: str) -> bool:
    """Whether a name can stand in a target without quotes."""
    match = _PLAIN.fullmatch(name)
    return match is not None and not _KEYWORDS & set(name.lower().split(" "))


def checked_level(level: Any) -> int:
    """Return a level, a whole number from 1 to 4; SpecError KG-150 otherwise."""
    if isinstance(level, bool) or level not in LEVELS:
        levels = ", ".join(f"{number} {name}" for number, name in LEVELS.items())
        raise SpecError(f"{_CODE}: the levels are {levels}; not {level!r}.")
    return int(level)


def parse_target(text: str) -> dict[str, Any]:
    """Return the parts of a target, the fields of `krogh.dose.Target`.

    Raises
    ------
    SpecError
        KG-150 to KG-152.
    UnitError
        KG-121, KG-124.
    """
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self.read = Reader(text, _CODE, "target", _KEYWORDS)
        self.parts: dict[str, Any] = {"of": None, "statistic": None, "above": None, "cells": None}
        self.each_cell: bool | None = None
        self.when: tuple[str, Quantity | None] | None = None
        self.window: tuple[Quantity | None, Quantity | None] | None = None

    def parse(self) -> dict[str, Any]:
        read, parts = self.read, self.parts
        parts["stated_level"] = self.level()
        measure = self.subject()
        parts["measure"] = measure.word
        place = read.skip()
        parts["relation"] = self.relation()
        parts["value"] = self.value(measure)
        value_end = read.at
        while not read.is_at_end():
            self.clause(measure)
        kind, amount = self.when or ("end", None)
        begin, end = self.window or (None, None)
        parts["when"] = When(kind, amount, begin, end)  # type: ignore[arg-type]
        self.complete(measure, place, value_end)
        self.reachable(measure, place, value_end)
        parts["each_cell"] = bool(self.each_cell) and parts["when"].is_span
        return parts

    # --- subject --------------------------------------------------------------------------------

    def level(self) -> int | None:
        read = self.read
        if not read.take("level"):
            return None
        start = read.skip()
        number = read.number("the number of the level")
        if number not in LEVELS:
            read.fail("a level is 1, 2, 3 or 4.", start, read.at)
        if not read.take_symbol(":"):
            read.fail("':' must follow the level.")
        return int(number)

    def subject(self) -> Measure:
        read, parts = self.read, self.parts
        start = read.skip()
        is_plasma = bool(read.take("plasma"))
        if not is_plasma and read.peek() in _STATISTICS and not self._is_measure_next():
            parts["statistic"] = _STATISTICS[read.take(*_STATISTICS)]
            read.take_phrase("of", "the") or read.take("of")
        if not is_plasma and read.take("output"):
            parts["of"] = read.name("the name of an output")
            return OUTPUT
        word = read.peek()
        known = SYNONYMS.get(word)
        if known is None or (is_plasma and MEASURES[known].place != "plasma"):
            if is_plasma and (word in ("of", "at", "") or not word):
                return self.named(MEASURES["plasma concentration"])
            names = [w for w, m in SYNONYMS.items() if not is_plasma or m.startswith("plasma")]
            read.unknown(
                "a plasma measure (concentration, trough, Cmax, average, AUC, time above)"
                if is_plasma
                else "what a target can be about (occupancy, payload, free, plasma trough, ...;"
                " 'output NAME' for any other output)",
                names,
                "KG-151",
            )
        read.take(word)
        if word == "penetration":
            read.take("depth")
        if known == "plasma time":
            read.expect("above", "over")
            parts["above"] = self.concentration()
        measure = MEASURES[known]
        if parts["statistic"] is not None and measure.place != "cells":
            read.fail(f"{measure.word} is not a measure of cells; leave out the statistic.", start)
        return self.named(measure)

    def _is_measure_next(self) -> bool:
        """Whether a word such as 'average' or 'maximum' is itself the measure (of the plasma)."""
        read, place = self.read, self.read.at
        word = read.peek()
        read.take(word)
        following = read.peek()
        if following == "of":
            read.take("of")
            read.take("the")
            following = read.peek()
        read.at = place
        return word in SYNONYMS and following not in SYNONYMS and following != "output"

    def named(self, measure: Measure) -> Measure:
        read = self.read
        if read.take("of"):
            place = read.skip()
            self.parts["of"] = read.name(f"the name of a {measure.labeled or 'drug'}")
            if measure.labeled is None:
                read.fail(f"{measure.word} belongs to the cells, not to a drug.", place, read.at)
        return measure

    def concentration(self) -> Quantity:
        read = self.read
        start = read.skip()
        found = read.quantity("the concentration", "5 ug/mL")
        self.fits(MEASURES["plasma concentration"], found, start)
        return found

    # --- relation and value ---------------------------------------------------------------------

    def relation(self) -> str:
        read = self.read
        symbol = read.take_symbol(*_RELATIONS)
        if symbol:
            return _RELATIONS[symbol]
        read.take("is")
        if read.take_phrase("at", "least") or read.take("reaches"):
            return ">="
        if read.take_phrase("at", "most"):
            return "<="
        if read.take("above", "over", "exceeds"):
            return ">"
        if read.take("below", "under"):
            return "<"
        return read.fail("a relation must stand here: '>=', '<=', 'at least' or 'at most'.")

    def value(self, measure: Measure) -> Quantity:
        read = self.read
        start = read.skip()
        number = read.number("the value")
        if read.take("percent"):
            found = Quantity(number, "%")
        elif self.per_cell():
            found = Quantity(number, "1")
            if measure.word not in ("uptake", "payload", OUTPUT.word):
                read.fail_unit(
                    f"{measure.word} does not count molecules per cell; write for example"
                    f" {measure.example!r}.",
                    start,
                    read.at,
                    "KG-121",
                )
            return found
        else:
            unit, place = read.unit()
            if unit:
                read.checked_unit(unit, place)
            found = Quantity(number, unit or "1")
            if not unit and measure is not OUTPUT and DIMENSIONLESS not in measure.units:
                read.fail_unit(
                    f"the value {format_number(number)} has no unit; write for example"
                    f" {measure.example!r}.",
                    start,
                    read.at,
                )
        self.fits(measure, found, start)
        return found

    def per_cell(self) -> bool:
        read, place = self.read, self.read.at
        read.take("molecules")
        if read.take_symbol("/"):
            if read.take("cell"):
                return True
        elif read.take("per"):
            read.take("viable")
            read.expect("cell")
            return True
        read.at = place
        return False

    def fits(self, measure: Measure, found: Quantity, start: int) -> None:
        """Require that a value has a dimension that the measure can have."""
        read = self.read
        given = dimension(found.unit)
        if measure is OUTPUT or given in measure.units:
            if measure.word in ("uptake", "payload") and found.unit not in ("1", ""):
                read.fail_unit(
                    f"{measure.word} counts molecules per cell; write {measure.example!r}.",
                    start,
                    read.at,
                    "KG-121",
                )
            return
        read.fail_unit(
            f"{measure.word} is compared with {describe(measure.units[0])}, but {found} is"
            f" {describe(given)}; write for example {measure.example!r}.",
            start,
            read.at,
            "KG-121",
        )

    # --- clauses --------------------------------------------------------------------------------

    def clause(self, measure: Measure) -> None:
        read = self.read
        start = read.skip()
        if read.take("in"):
            self.cells(measure, start)
        elif read.take("at"):
            self.moment(start)
        elif read.take("for"):
            self.stretch(start)
        elif read.peek() in ("after", "until", "between", "from"):
            self.limits(start)
        else:
            read.unknown(
                "the beginning of a clause ('in 90 % of viable cells', 'at 24 h', 'for 50 % of the"
                " time', 'at all times', 'after 7 d')",
                ("in", "at", "for", "after", "until", "between"),
                "KG-151",
            )

    def cells(self, measure: Measure, start: int) -> None:
        read = self.read
        if self.parts["cells"] is not None:
            read.fail("the cells are stated twice.", start)
        if read.take("all", "every", "each"):
            percent = 100.0
        else:
            place = read.skip()
            percent = read.number("a share of the cells ('90 %')")
            if not (read.take_symbol("%") or read.take("percent")):
                read.fail_unit("a share of the cells is in per cent ('90 %').", place, read.at)
            if not 0.0 < percent <= 100.0:
                read.fail(
                    f"{format_number(percent)} % of the cells: a share lies above 0 and up to"
                    " 100 %.",
                    place,
                    read.at,
                    "KG-152",
                )
            read.expect("of")
        read.take("all")
        read.take("the")
        viable = bool(read.take("viable", "living"))
        if not read.take("cells", "cell"):
            read.unknown("'cells' or 'viable cells'", ("cells", "viable"), "KG-151")
        if measure.place in ("plasma", "depth"):
            read.fail(f"{measure.word} has no cells.", start, read.at)
        if self.parts["statistic"] is not None:
            read.fail(
                f"the {self.parts['statistic']} over the cells is one number; leave out the"
                " statistic or the cells.",
                start,
                read.at,
            )
        self.parts["cells"] = Cells(percent, viable)
        if self.each_cell is None:
            self.each_cell = self.when is not None

    def moment(self, start: int) -> None:
        read = self.read
        if read.take_phrase("the", "end") or read.take("end"):
            self.set_when(("end", None), start)
        elif read.take("all"):
            read.expect("times")
            self.set_when(("always", None), start)
        elif read.take("every", "any", "each"):
            read.expect("time")
            self.set_when(("always", None), start)
        elif read.take("some"):
            read.expect("time")
            self.set_when(("ever", None), start)
        else:
            self.set_when(("at", self.time("a time ('24 h')")), start)

    def stretch(self, start: int) -> None:
        read = self.read
        place = read.skip()
        read.take_phrase("at", "least")
        if read.take("all"):
            read.expect("times")
            self.set_when(("always", None), start)
            return
        number_at = read.skip()
        number = read.number("a share of the time ('50 %') or a time ('12 h')")
        if read.take_symbol("%") or read.take("percent"):
            if not 0.0 < number <= 100.0:
                read.fail(
                    f"{format_number(number)} % of the time: a share lies above 0 and up to 100 %.",
                    place,
                    read.at,
                    "KG-152",
                )
            read.expect("of")
            read.take("the")
            read.expect("time")
            self.set_when(("share", Quantity(number, "%")), start)
            return
        read.at = number_at
        self.set_when(("duration", self.time("a time ('12 h')")), start)

    def set_when(self, when: tuple[str, Quantity | None], start: int) -> None:
        if self.when is not None:
            self.read.fail("the time is stated twice.", start, self.read.at)
        self.when = when
        if self.each_cell is None and self.parts["cells"] is not None:
            self.each_cell = False

    def limits(self, start: int) -> None:
        read = self.read
        if self.window is not None:
            read.fail("the stretch of time is stated twice.", start)
        if read.take("after"):
            self.window = (self.time("a time ('7 d')"), None)
        elif read.take("until"):
            self.window = (None, self.time("a time ('21 d')"))
        else:
            word = read.take("between", "from")
            begin = self.time("a time ('7 d')")
            read.expect("and") if word == "between" else read.expect("to")
            end = self.time("a time ('21 d')")
            if begin.internal >= end.internal:
                read.fail(f"{begin} is not before {end}.", start, read.at, "KG-152")
            self.window = (begin, end)

    def time(self, what: str) -> Quantity:
        read = self.read
        start = read.skip()
        found = read.quantity(what, "24 h")
        if dimension(found.unit) != _TIME:
            read.fail_unit(
                f"a time is needed, but {found} is {describe(found.unit)}.",
                start,
                read.at,
                "KG-121",
            )
        return found

    # --- whole ----------------------------------------------------------------------------------

    def complete(self, measure: Measure, start: int, stop: int) -> None:
        read, parts, when = self.read, self.parts, self.parts["when"]
        has_cells = parts["cells"] is not None or parts["statistic"] is not None
        if measure.place == "cells" and measure is not OUTPUT and not has_cells:
            read.fail(
                f"in which cells? Write 'in 90 % of viable cells' or 'in all cells' behind it, or"
                f" 'mean {measure.word}' for one number of all cells.",
                start,
                stop,
            )
        if measure.place == "plasma" and measure.word != "plasma concentration":
            if self.when is not None and not (
                measure.word == "plasma trough" and when.kind == "end"
            ):
                read.fail(
                    f"{measure.word} is one number of a stretch of time; state that with 'after',"
                    " 'until' or 'between', or write 'plasma concentration'.",
                    start,
                    stop,
                )
            if measure.word == "plasma trough" and self.window is not None:
                read.fail("a trough is the last one; leave out the stretch of time.", start, stop)
        elif self.window is not None and not when.is_span:
            read.fail(
                f"{when.window!r} needs a time to count: 'at all times', 'at some time' or 'for"
                " 50 % of the time'.",
                start,
                stop,
            )
        if when.kind == "duration" and when.amount.value == 0.0:
            read.fail("'for' a time of zero asks for nothing.", start, stop, "KG-152")

    def reachable(self, measure: Measure, start: int, stop: int) -> None:
        """Refuse what no treatment can reach, and what every treatment does."""
        value, relation = self.parts["value"], self.parts["relation"]
        number = value.internal
        more = relation in (">=", ">")
        fail = self.read.fail
        if more and number == 0.0:
            fail(f"{measure.word} >= 0 is always met.", start, stop, "KG-152")
        if not more and number == 0.0 and measure is not OUTPUT:
            fail(
                f"{measure.word} never falls to exactly 0; state a small value.",
                start,
                stop,
                "KG-152",
            )
        if measure.largest is None:
            return
        shown = str(value)
        if value.unit == "1":
            shown = format_number(number)
            if number > 1.0:
                shown = f"{shown} (without '%': {100.0 * number:g} %)"
        if more and number >= measure.largest and measure.word == "occupancy":
            fail(
                f"an occupancy of {shown} cannot be reached: bound target is always below 100 %.",
                start,
                stop,
                "KG-152",
            )
        if number > measure.largest or (more and math.isclose(number, measure.largest)):
            word = "cannot be reached" if more else "is always met"
            fail(
                f"{measure.word} {relation} {shown} {word}: it is a share, at most 100 %.",
                start,
                stop,
                "KG-152",
            )
