"""The grammar of dosing sentences: text to a tuple of doses.

SPDX-License-Identifier: BSD-3-Clause

::

    sentence  := part (("+" | ";" | end of line) part)*
    part      := segment ("then" segment)*
    segment   := ["loading" | "maintenance"] [route] [drug [":"]] amount phrase*
    amount    := number unit | "AUC" number unit
    phrase    := "over" time | "for" time | "at" rate | "at" "modeled" ("rate" | "duration")
               | "every" time | "daily" | "weekly" | "q3w" | "bid" | "3 times a day" | ...
               | "x" count | "for" count ("doses" | "cycles") | "for" time
               | "at" times | "on days" numbers | "starting at" time | "after" time
               | route | "into" compartment | "of" drug | "bolus" | ["at"] "steady state"

Times are counted from the start of the sentence.  A segment after ``then`` starts one interval
after the last dose of the segment before it (its own interval if that one is not repeated), or
``after`` a stated time.  Drug, route and compartment hold until another is named.  Units are never
guessed: a number without one is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Final

from krogh.dosing.dose import (
    MAX_ADDITIONAL,
    ROUTES,
    Dose,
    amount_of_rate,
    basis_of,
    canonical_unit,
    route_name,
    without_time,
)
from krogh.dosing.scanner import Scanner
from krogh.errors import DataError, InvalidInput, did_you_mean, underline
from krogh.units import Quantity

__all__ = ["KEYWORDS", "follow_on", "parse_sentence"]

_DAY: Final = Fraction(86400)
_ADVERBS: Final = {
    "hourly": Fraction(3600),
    "daily": _DAY,
    "weekly": 7 * _DAY,
    "fortnightly": 14 * _DAY,
    "nightly": _DAY,
}
_ABBREVIATIONS: Final = {
    "qd": _DAY,
    "qod": 2 * _DAY,
    "qw": 7 * _DAY,
    "qwk": 7 * _DAY,
    "qh": Fraction(3600),
    "bid": _DAY / 2,
    "bd": _DAY / 2,
    "tid": _DAY / 3,
    "tds": _DAY / 3,
    "qid": _DAY / 4,
    "qds": _DAY / 4,
}
_Q_UNITS: Final = {
    "min": Fraction(60),
    "h": Fraction(3600),
    "hr": Fraction(3600),
    "hrs": Fraction(3600),
    "d": _DAY,
    "day": _DAY,
    "days": _DAY,
    "w": 7 * _DAY,
    "wk": 7 * _DAY,
    "wks": 7 * _DAY,
    "week": 7 * _DAY,
    "weeks": 7 * _DAY,
}
_PERIODS: Final = {
    "hour": Fraction(3600),
    "day": _DAY,
    "week": 7 * _DAY,
    "evening": _DAY,
    "morning": _DAY,
    "night": _DAY,
}
_TIMES_WORDS: Final = {"once": 1, "twice": 2, "thrice": 3}
_COUNT_WORDS: Final = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_AMBIGUOUS: Final = {
    "monthly": "'every 28 d' or 'every 4 weeks'",
    "biweekly": "'every 14 d' or 'on days 1 and 4 every 7 d'",
    "bimonthly": "the interval in days",
    "yearly": "'every 365 d'",
}
_STARTERS: Final = ("loading", "load", "maintenance", "give")
_Q_FORM = re.compile(r"q([0-9]+)([a-z]*)")
_X_FORM = re.compile(r"x([0-9]+)")
_COUNTED: Final = ("times", "doses", "dose", "cycles", "cycle", "infusions", "injections")

KEYWORDS: Final = frozenset(
    {
        *("over", "for", "every", "each", "then", "followed", "by", "at", "and", "starting"),
        *("start", "from", "after", "into", "of", "on", "day", "days", "x", "steady", "state"),
        *("bolus", "infusion", "ss", "other", "second", "a", "per", "auc", "with", "modeled"),
        *("rate", "duration", "superposed", "compartment", "mouth", "infused", "q", "single"),
        *_ADVERBS,
        *_ABBREVIATIONS,
        *_TIMES_WORDS,
        *_COUNT_WORDS,
        *_AMBIGUOUS,
        *_STARTERS,
        *_COUNTED,
        *ROUTES,
        *(other for others in ROUTES.values() for other in others),
    }
)
"""Words with a meaning; a drug with such a name is written in quotes."""

_NOT_UNITS: Final = KEYWORDS - {"day", "days"}
"""Words that cannot be a unit after another unit."""


@dataclass
class _Segment:
    """What one segment said; positions are kept for messages."""

    start: int
    amount: Quantity | None = None
    is_rate: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)


def parse_sentence(text: str) -> tuple[Dose, ...]:
    """Return the doses of a sentence.

    Raises
    ------
    DataError
        KG-201 for a sentence that cannot be read, KG-202 for an unknown word, KG-203 for parts that
        are missing or contradict each other, KG-204 for a value out of range.
    UnitError
        KG-120, KG-121, KG-124 or KG-125 for a unit that is unknown, does not fit, is missing or
        cannot be read.
    """
    return _Parser(text).sentence()


def follow_on(before: Dose, interval: float) -> float | None:
    """Return when a segment after `before` starts by default, or None if nothing says so.

    One interval of `before` after its last dose; if `before` is not repeated, one interval of the
    new segment.
    """
    gap = before.interval or interval
    return before.last_time + gap if gap > 0 else None


class _Parser:
    def __init__(self, text: str) -> None:
        self.scan = Scanner(text)
        self.text = text

    # --- structure ------------------------------------------------------------------------------

    def sentence(self) -> tuple[Dose, ...]:
        doses: list[Dose] = []
        while True:
            while self.scan.take_symbol("\n"):
                pass
            if self.scan.is_at_end():
                break
            doses.extend(self.part())
            if self.scan.is_at_end():
                break
            if not self.scan.take_symbol("+;\n"):
                self.unexpected()
            while self.scan.take_symbol("\n"):
                pass
            if self.scan.is_at_end() and self.text.rstrip()[-1:] == "+":
                self.scan.fail("KG-201", "a dose must follow '+'.", len(self.text.rstrip()) - 1)
        if not doses:
            raise DataError(
                "KG-201: the dosing sentence is empty; write for example"
                " '3.6 mg/kg over 90 min every 21 d x 6'."
            )
        return tuple(doses)

    def part(self) -> list[Dose]:
        held: dict[str, Any] = {"drug": None, "route": None, "compartment": None}
        doses = self.build(self.segment(), None, held)
        while self.takes_then():
            where = self.scan.skip()
            segment = self.segment()
            for name in ("route", "compartment", "drug"):
                if held[name] is None and name in segment.values:
                    self.scan.fail(
                        "KG-203",
                        f"this dose names a {name} while the one before 'then' has none; name it"
                        " for the first one, it then holds for the others.",
                        *segment.places[name],
                    )
            segment.start = where
            doses.extend(self.build(segment, doses[-1], held))
        return doses

    def takes_then(self) -> bool:
        position = self.scan.at
        self.scan.take_symbol(",")
        if self.scan.take_word("then"):
            return True
        if self.scan.take_word("followed"):
            if not self.scan.take_word("by"):
                self.scan.fail("KG-201", "'by' must follow 'followed'.")
            return True
        self.scan.at = position
        return False

    def unexpected(self) -> None:
        word = self.scan.peek_word()
        start = self.scan.skip()
        if word:
            self.scan.fail(
                "KG-202",
                f"{self.text[start : start + len(word)]!r} is not understood here."
                f"{did_you_mean(word, KEYWORDS)}",
                start,
                start + len(word),
            )
        if self.scan.peek_number():
            self.scan.fail(
                "KG-201",
                "a number is not expected here; join a further dose with '+' or 'then'.",
                start,
            )
        self.scan.fail("KG-201", f"{self.text[start]!r} is not expected here.", start)

    # --- one segment ----------------------------------------------------------------------------

    def segment(self) -> _Segment:
        segment = _Segment(self.scan.skip())
        self.lead(segment)
        self.amount(segment)
        while self.phrase(segment):
            pass
        return segment

    def lead(self, segment: _Segment) -> None:
        if self.scan.take_word(*_STARTERS):
            self.scan.take_word("dose")
        if self.scan.peek_word() == "after":
            self.after(segment)
        names: list[str] = []
        start = self.scan.skip()
        while not self.scan.peek_number():
            word = self.scan.peek_word()
            if self.scan.peek_quoted():
                names.append(self.scan.take_name("the name of a drug"))
            elif not word or word == "auc":
                break
            elif not names and route_name(word) is not None:
                self.route(segment)
                start = self.scan.skip()
            elif word in KEYWORDS:
                self.scan.fail(
                    "KG-201",
                    f"a dose (a number with its unit) must come before {word!r}; a drug of this"
                    " name is written in quotes.",
                    self.scan.skip(),
                    self.scan.skip() + len(word),
                )
            elif re.fullmatch(r"auc[0-9.]+", word):
                where = self.scan.step_over_word()
                self.scan.fail_unit(
                    "KG-124", "a target AUC needs its unit; write 'AUC 5 mg/mL min'.", *where
                )
            else:
                names.append(self.scan.take_name("the name of a drug"))
        if names:
            self.put(segment, "drug", " ".join(names), start)
            self.scan.take_symbol(":")

    def amount(self, segment: _Segment) -> None:
        is_auc = bool(self.scan.take_word("auc"))
        start = self.scan.skip()
        value = self.scan.number("a dose")
        text, unit_start = self.scan.unit_text(_NOT_UNITS)
        if not text:
            shown = self.text[start : self.scan.at].strip()
            self.scan.fail_unit(
                "KG-124",
                f"the {'target AUC' if is_auc else 'dose'} {shown} has no unit; write for example"
                f" '{shown} {'mg/mL min' if is_auc else 'mg'}'.  Units are never guessed.",
                start,
                self.scan.at,
            )
        self.scan.parsed_unit(text, unit_start)
        try:
            basis, parts = basis_of(text)
        except InvalidInput as error:
            self.scan.fail_unit(
                error.code, str(error).partition(": ")[2], unit_start, unit_start + len(text)
            )
        if is_auc != (basis == "auc"):
            self.scan.fail_unit(
                "KG-121",
                f"a target AUC is written 'AUC 5 mg/mL min'; {text!r} does not fit"
                f" {'it' if is_auc else 'a dose without the word AUC'}.",
                unit_start,
                unit_start + len(text),
            )
        segment.is_rate = parts is not None and parts.per_time is not None
        segment.amount = Quantity(float(value), canonical_unit(text))
        segment.places["amount"] = (start, self.scan.at)
        if value == 0:
            self.check_zero(segment, start)

    def check_zero(self, segment: _Segment, start: int) -> None:
        assert segment.amount is not None
        self.scan.fail("KG-204", "a dose must be positive.", start, self.scan.at)

    def put(self, segment: _Segment, name: str, value: Any, start: int) -> None:
        """Store what a phrase said; saying it twice is an error."""
        if name in segment.values:
            self.scan.fail(
                "KG-203",
                f"the {name} is stated twice; join a further dose with '+' or 'then'.",
                start,
                self.scan.at,
            )
        segment.values[name] = value
        segment.places[name] = (start, self.scan.at)

    # --- phrases --------------------------------------------------------------------------------

    def phrase(self, segment: _Segment) -> bool:
        scan = self.scan
        start = scan.skip()
        if scan.peek_number():
            return self.counted(segment, start)
        if scan.take_symbol("\u00d7"):
            self.put(segment, "count", scan.whole("the number of doses", MAX_ADDITIONAL), start)
            return True
        word = scan.peek_word()
        if not word:
            if scan.peek_symbol() == "," and not self.then_follows():
                scan.take_symbol(",")
                return True
            return False
        if word in ("then", "followed"):
            return False
        if self.frequency(segment, word, start):
            return True
        handler = _HANDLERS.get(word)
        if handler is not None:
            handler(self, segment)
            return True
        if route_name(word) is not None:
            self.route(segment)
            return True
        if word in _AMBIGUOUS:
            where = scan.step_over_word()
            scan.fail("KG-203", f"{word!r} is ambiguous; write {_AMBIGUOUS[word]}.", *where)
        self.unexpected()
        return False

    def then_follows(self) -> bool:
        position = self.scan.at
        found = self.takes_then()
        self.scan.at = position
        return found

    def counted(self, segment: _Segment, start: int) -> bool:
        """Read ``6 doses`` and ``3 times a day``."""
        scan = self.scan
        count = scan.number("a number")
        word = scan.take_word(*_COUNTED)
        if not word or count.denominator != 1 or not 1 <= count <= MAX_ADDITIONAL:
            scan.fail(
                "KG-201",
                "a number is not expected here; write 'x 6' for six doses and join a further dose"
                " with '+' or 'then'.",
                start,
                scan.at,
            )
        if word == "times" and self.per_day(segment, int(count), start):
            return True
        self.put(segment, "count", int(count), start)
        return True

    def per_day(self, segment: _Segment, count: int, start: int) -> bool:
        """Read ``daily``, ``a day``, ``weekly`` after a number of times."""
        scan = self.scan
        word = scan.take_word("daily", "weekly", "a", "per", "each", "every")
        if not word:
            return False
        period = _ADVERBS.get(word)
        if period is None:
            name = scan.take_word(*_PERIODS)
            if not name:
                scan.fail("KG-201", "'day' or 'week' must stand here.")
            period = _PERIODS[name]
        if count > 1 and period != _DAY:
            scan.fail(
                "KG-203",
                f"{count} times in {period / _DAY} d leaves the days open; write for example"
                " 'on days 1 and 4 every 7 d', or the interval.",
                start,
                scan.at,
            )
        self.put(segment, "interval", float(period / count), start)
        return True

    def frequency(self, segment: _Segment, word: str, start: int) -> bool:
        """Read the words and abbreviations for an interval, and ``x6``."""
        scan = self.scan
        period = _ADVERBS.get(word) or _ABBREVIATIONS.get(word)
        if period is not None:
            scan.step_over_word()
            self.put(segment, "interval", float(period), start)
            return True
        if word in _TIMES_WORDS or word in _COUNT_WORDS:
            scan.step_over_word()
            count = _TIMES_WORDS.get(word) or _COUNT_WORDS[word]
            if word in _COUNT_WORDS and not scan.take_word("times"):
                scan.fail("KG-201", "'times' must stand here, or write the number in digits.")
            if not self.per_day(segment, count, start):
                self.put(segment, "count", count, start)
            return True
        if word == "q" or (match := _Q_FORM.fullmatch(word)) is not None:
            self.q_form(segment, start)
            return True
        if (match := _X_FORM.fullmatch(word)) is not None:
            scan.step_over_word()
            digits = match.group(1)
            if len(digits) > 8 or not 1 <= int(digits) <= MAX_ADDITIONAL:
                scan.fail(
                    "KG-204",
                    f"the number of doses must lie between 1 and {MAX_ADDITIONAL}.",
                    start,
                    scan.at,
                )
            self.put(segment, "count", int(digits), start)
            return True
        return False

    def q_form(self, segment: _Segment, start: int) -> None:
        """Read ``q3w``, ``q 12 h``, ``q8 h``."""
        scan = self.scan
        scan.at = start + 1
        value = scan.number("the dosing interval")
        word = scan.take_word(*_Q_UNITS)
        if not word:
            scan.fail_unit(
                "KG-124",
                "the dosing interval has no unit; write for example 'q12h', 'q3w' or 'q21d'.",
                start,
                scan.at,
            )
        self.put_interval(segment, value * _Q_UNITS[word], start)

    def put_interval(self, segment: _Segment, seconds: Fraction, start: int) -> None:
        if seconds <= 0:
            self.scan.fail("KG-204", "the interval must be positive.", start, self.scan.at)
        if seconds > Fraction(10) ** 11:
            self.scan.fail("KG-204", "the interval is too long.", start, self.scan.at)
        self.put(segment, "interval", float(seconds), start)

    def every(self, segment: _Segment) -> None:
        scan = self.scan
        start, _ = scan.step_over_word()
        if scan.take_word("other", "second"):
            factor = 2
        else:
            factor = 1
            if scan.peek_number():
                where = scan.skip()
                value = scan.number("the dosing interval")
                unit = scan.time_unit("the dosing interval", _NOT_UNITS)
                seconds = scan.in_seconds(value, unit, "the dosing interval", where)
                if seconds <= 0:
                    scan.fail("KG-204", "the dosing interval must be positive.", where, scan.at)
                self.put(segment, "interval", seconds, start)
                return
        word = scan.take_word(*_PERIODS)
        if not word:
            scan.fail("KG-201", "a time must follow 'every', for example 'every 21 d'.")
        self.put(segment, "interval", float(factor * _PERIODS[word]), start)

    def over(self, segment: _Segment) -> None:
        start, _ = self.scan.step_over_word()
        self.scan.take_word("over")  # after 'infused'
        self.put(segment, "duration", self.positive_time("the infusion"), start)

    def positive_time(self, what: str) -> float:
        scan = self.scan
        where = scan.skip()
        value = scan.number(f"the time of {what}")
        unit = scan.time_unit(f"the time of {what}", _NOT_UNITS)
        seconds = scan.in_seconds(value, unit, f"the time of {what}", where)
        if seconds <= 0:
            scan.fail("KG-204", f"the time of {what} must be positive.", where, scan.at)
        return seconds

    def for_phrase(self, segment: _Segment) -> None:
        scan = self.scan
        start, _ = scan.step_over_word()
        where = scan.skip()
        value = scan.number("how long, or how many doses,")
        if scan.take_word(*_COUNTED):
            if value.denominator != 1 or not 1 <= value <= MAX_ADDITIONAL:
                scan.fail("KG-204", "the number of doses must be whole and positive.", where,
                          scan.at)  # fmt: skip
            self.put(segment, "count", int(value), start)
            return
        unit = scan.time_unit("how long", _NOT_UNITS)
        seconds = scan.in_seconds(value, unit, "the time", where)
        if seconds <= 0:
            scan.fail("KG-204", "the time must be positive.", where, scan.at)
        if "interval" in segment.values:
            self.put(segment, "span", seconds, start)
        elif segment.is_rate:
            self.put(segment, "duration", seconds, start)
        else:
            scan.fail(
                "KG-203",
                "'for' a time needs a rate (2 mg/h for 24 h) or an interval before it (100 mg every"
                " 12 h for 10 d); the time of an infusion is written 'over'.",
                start,
                scan.at,
            )

    def at_phrase(self, segment: _Segment) -> None:
        scan = self.scan
        start, _ = scan.step_over_word()
        if scan.take_word("steady"):
            self.state(segment, start, 1)
        elif scan.take_word("superposed"):
            if not scan.take_word("steady"):
                scan.fail("KG-201", "'steady state' must follow 'superposed'.")
            self.state(segment, start, 2)
        elif scan.take_word("modeled"):
            self.modeled(segment, start)
        else:
            self.rate_or_times(segment, start)

    def modeled(self, segment: _Segment, start: int) -> None:
        word = self.scan.take_word("rate", "duration")
        if not word:
            self.scan.fail("KG-201", "'rate' or 'duration' must follow 'modeled'.")
        self.put(segment, "modeled", word, start)

    def with_phrase(self, segment: _Segment) -> None:
        start, _ = self.scan.step_over_word()
        if not self.scan.take_word("modeled"):
            self.scan.fail("KG-201", "'modeled rate' or 'modeled duration' must follow 'with'.")
        self.modeled(segment, start)

    def state(self, segment: _Segment, start: int, kind: int) -> None:
        if not self.scan.take_word("state"):
            self.scan.fail("KG-201", "'state' must follow 'steady'.")
        self.put(segment, "steady", kind, start)

    def steady(self, segment: _Segment) -> None:
        start, _ = self.scan.step_over_word()
        if self.text[start : self.scan.at].lower() == "ss":
            self.put(segment, "steady", 1, start)
        else:
            self.state(segment, start, 1)

    def rate_or_times(self, segment: _Segment, start: int) -> None:
        """Read ``at 10 mg/h`` or ``at 0, 12 and 36 h``."""
        scan = self.scan
        where = scan.skip()
        value = scan.number("a time or a rate")
        position = scan.at
        text, unit_start = scan.unit_text(_NOT_UNITS)
        if text:
            unit = scan.parsed_unit(text, unit_start)
            try:
                _, parts = basis_of(text)
            except InvalidInput:
                parts = None
            if parts is not None:
                if parts.per_time is None:
                    scan.fail_unit(
                        "KG-121",
                        f"'at' takes a time or a rate (mg/h), not {unit.text!r}; join a further"
                        " dose with '+' or 'then'.",
                        where,
                        scan.at,
                    )
                if value == 0:
                    scan.fail("KG-204", "the rate must be positive.", where, scan.at)
                self.put(segment, "rate", Quantity(float(value), canonical_unit(text)), start)
                return
        scan.at = position
        self.put(segment, "times", self.times(value, where), start)

    def times(self, value: Fraction, where: int) -> tuple[float, ...]:
        """Read the rest of a list of times whose first number has been read."""
        scan = self.scan
        found: list[float] = []
        waiting: list[tuple[Fraction, int]] = [(value, where)]
        while True:
            text, unit_start = scan.unit_text(_NOT_UNITS)
            if text:
                unit = scan.checked_time(text, unit_start, "'at'")
                found += [scan.in_seconds(v, unit, "a time", w) for v, w in waiting]
                waiting = []
            if not self.continues_list():
                break
            place = scan.skip()
            waiting.append((scan.number("a time"), place))
        if waiting:
            place = waiting[0][1]
            scan.fail_unit(
                "KG-124", "the time has no unit; write for example 'at 0, 12 and 36 h'.", place,
                scan.at)  # fmt: skip
        for i in range(1, len(found)):
            if found[i] <= found[i - 1]:
                scan.fail("KG-203", "the times of a list must increase.", where, scan.at)
        return tuple(found)

    def continues_list(self) -> bool:
        """Step over ``,`` or ``and`` if a number follows."""
        scan = self.scan
        position = scan.at
        if scan.take_symbol(",&"):
            scan.take_word("and")
        elif not scan.take_word("and"):
            return False
        if scan.peek_number():
            return True
        scan.at = position
        if scan.peek_word() == "and":
            scan.fail("KG-201", "a number must follow 'and'; join a further dose with '+'.")
        return False

    def days(self, segment: _Segment) -> None:
        """Read ``on days 1, 8 and 15``: day 1 is the start."""
        scan = self.scan
        start, _ = scan.step_over_word()
        if self.text[start : scan.at].lower() == "on" and not scan.take_word("day", "days"):
            scan.fail("KG-201", "'day' or 'days' must follow 'on'.")
        days = [scan.whole("a day", 1_000_000)]
        while self.continues_list():
            days.append(scan.whole("a day", 1_000_000))
        if any(later <= earlier for earlier, later in zip(days, days[1:], strict=False)):
            scan.fail("KG-203", "the days must increase.", start, scan.at)
        self.put(segment, "times", tuple(float((day - 1) * _DAY) for day in days), start)

    def starting(self, segment: _Segment) -> None:
        scan = self.scan
        start, _ = scan.step_over_word()
        scan.take_word("at", "from", "after")
        if scan.take_word("on"):
            if not scan.take_word("day"):
                scan.fail("KG-201", "'day' must follow 'on'.")
            self.put(segment, "start", float((scan.whole("a day", 1_000_000) - 1) * _DAY), start)
            return
        where = scan.skip()
        value = scan.number("the starting time")
        unit = scan.time_unit("the starting time", _NOT_UNITS)
        self.put(segment, "start", scan.in_seconds(value, unit, "the starting time", where), start)

    def after(self, segment: _Segment) -> None:
        start, _ = self.scan.step_over_word()
        where = self.scan.skip()
        value = self.scan.number("the delay")
        unit = self.scan.time_unit("the delay", _NOT_UNITS)
        self.put(segment, "delay", self.scan.in_seconds(value, unit, "the delay", where), start)

    def into(self, segment: _Segment) -> None:
        scan = self.scan
        start, _ = scan.step_over_word()
        scan.take_word("compartment")
        if scan.peek_number():
            value: str | int = scan.whole("the number of a compartment", 1_000_000)
        else:
            value = scan.take_name("the name of a compartment")
        self.put(segment, "compartment", value, start)

    def of(self, segment: _Segment) -> None:
        start, _ = self.scan.step_over_word()
        names = [self.scan.take_name("the name of a drug")]
        while (word := self.scan.peek_word()) and word not in KEYWORDS and not re.fullmatch(
            r"[qx][0-9]+[a-z]*", word
        ):  # fmt: skip
            names.append(self.scan.take_name("the name of a drug"))
        self.put(segment, "drug", " ".join(names), start)

    def route(self, segment: _Segment) -> None:
        where = self.scan.step_over_word()
        word = self.text[where[0] : where[1]].lower()
        if word == "by":
            if not self.scan.take_word("mouth"):
                self.scan.fail("KG-201", "'mouth' must follow 'by'.")
            word = "oral"
        self.put(segment, "route", route_name(word), where[0])

    def count(self, segment: _Segment) -> None:
        start, _ = self.scan.step_over_word()
        self.put(segment, "count", self.scan.whole("the number of doses", MAX_ADDITIONAL), start)

    def word_only(self, segment: _Segment) -> None:
        """Step over ``infusion``, ``single``; remember ``bolus``."""
        where = self.scan.step_over_word()
        word = self.text[where[0] : where[1]].lower()
        if word == "bolus":
            self.put(segment, "bolus", True, where[0])
        elif word == "single":
            self.scan.take_word("dose")
            self.put(segment, "count", 1, where[0])

    # --- from phrases to doses ------------------------------------------------------------------

    def build(self, segment: _Segment, before: Dose | None, held: dict[str, Any]) -> list[Dose]:
        values = segment.values
        if "route" in values or "compartment" in values:
            held["route"] = held["compartment"] = None  # a new place replaces the old one
        held.update({name: values[name] for name in held if name in values})
        self.contradictions(segment, before)
        amount, rate, duration = self.infusion(segment)
        interval = values.get("interval", 0.0)
        try:
            first = Dose(
                amount,
                0.0,
                duration=duration,
                rate=rate,
                interval=interval,
                additional=self.repetitions(segment, interval),
                steady=values.get("steady", 0),
                modeled=values.get("modeled"),
                **held,
            )
            times = self.start_times(segment, before, interval)
            return [first.replace(time=time) for time in times]
        except InvalidInput as error:
            if "\n" in str(error) and "^" in str(error):
                raise
            start, stop = segment.places["amount"]
            raise type(error)(f"{error}\n{underline(self.text, start, stop)}") from None

    def contradictions(self, segment: _Segment, before: Dose | None) -> None:
        values, places = segment.values, segment.places
        fail = self.scan.fail
        if "bolus" in values:
            for other in ("duration", "rate", "modeled"):
                if other in values or segment.is_rate:
                    fail("KG-203", "a bolus has no duration and no rate.", *places["bolus"])
        if "count" in values and "span" in values:
            fail("KG-203", "the number of doses and the time for which they are given are both"
                 " stated; one of them is enough.", *places["span"])  # fmt: skip
        if "span" in values and "interval" not in values:
            fail("KG-203", "'for' a time needs an interval.", *places["span"])
        if "count" in values and values["count"] > 1 and "interval" not in values:
            fail(
                "KG-203",
                f"{values['count']} doses need an interval, for example 'every 21 d'.",
                *places["count"],
            )
        if before is not None:
            if "times" in values:
                fail("KG-203", "'at' and 'on days' count from the start of the sentence and cannot"
                     " stand after 'then'; join with '+'.", *places["times"])  # fmt: skip
            if "start" in values and "delay" in values:
                fail("KG-203", "the start is stated twice.", *places["delay"])
            if before.is_open_ended:
                fail(
                    "KG-203",
                    "the doses before 'then' have no end; say how many ('x 4') or for how long"
                    " ('for 28 d').",
                    segment.start,
                )
        elif "start" in values and "delay" in values:
            fail("KG-203", "the start is stated twice.", *places["delay"])

    def infusion(self, segment: _Segment) -> tuple[Quantity, Quantity | None, float | None]:
        """Return amount, rate and duration."""
        values, places = segment.values, segment.places
        amount = segment.amount
        assert amount is not None
        rate, duration = values.get("rate"), values.get("duration")
        if not segment.is_rate:
            return amount, rate, duration
        if rate is not None or "modeled" in values:
            self.scan.fail("KG-203", "the rate is stated twice.", *places["amount"])
        if duration is not None:
            given = amount_of_rate(amount, duration)
            return given, amount, None
        if values.get("steady") == 1 and "interval" not in values:
            return Quantity(0.0, without_time(amount.unit)), amount, None
        self.scan.fail(
            "KG-203",
            f"the rate {amount} needs its duration: write for example '{amount} for 24 h' (before"
            " 'every'), or 'at steady state' for a constant infusion.",
            *places["amount"],
        )

    def repetitions(self, segment: _Segment, interval: float) -> int | None:
        values = segment.values
        if "count" in values:
            return int(values["count"]) - 1
        if "span" in values:
            number = -(-Fraction(values["span"]) // Fraction(interval))  # doses before the end
            if number > MAX_ADDITIONAL:
                self.scan.fail("KG-204", f"these are {number} doses.", *segment.places["span"])
            return int(number) - 1
        return None if interval > 0 else 0

    def start_times(
        self, segment: _Segment, before: Dose | None, interval: float
    ) -> tuple[float, ...]:
        values = segment.values
        if before is None:
            start = values.get("start", values.get("delay", 0.0))
            return tuple(start + time for time in values.get("times", (0.0,)))
        if "start" in values:
            if values["start"] < before.last_time:
                self.scan.fail(
                    "KG-203",
                    "this starts before the last dose of what stands before 'then'; join with '+'.",
                    *segment.places["start"],
                )
            return (values["start"],)
        if "delay" in values:
            return (before.last_time + values["delay"],)
        start = follow_on(before, interval)
        if start is None:
            self.scan.fail(
                "KG-203",
                "nothing says when this dose follows; write for example 'then after 7 d 50 mg', or"
                " give it an interval.",
                segment.start,
            )
        return (start,)


_HANDLERS: Final = {
    "over": _Parser.over,
    "infused": _Parser.over,
    "for": _Parser.for_phrase,
    "every": _Parser.every,
    "each": _Parser.every,
    "at": _Parser.at_phrase,
    "with": _Parser.with_phrase,
    "on": _Parser.days,
    "day": _Parser.days,
    "days": _Parser.days,
    "starting": _Parser.starting,
    "start": _Parser.starting,
    "from": _Parser.starting,
    "after": _Parser.after,
    "into": _Parser.into,
    "of": _Parser.of,
    "by": _Parser.route,
    "x": _Parser.count,
    "steady": _Parser.steady,
    "ss": _Parser.steady,
    "bolus": _Parser.word_only,
    "infusion": _Parser.word_only,
    "single": _Parser.word_only,
}
