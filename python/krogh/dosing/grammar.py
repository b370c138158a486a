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
               | "of a" time "cycle" | route | "into" compartment | "of" drug | "bolus"
               | ["at"] "steady state"

Times are counted from the start of the sentence.  A segment after ``then`` starts one interval
after the last dose of the segment before it (its own interval if that one is not repeated), or
``after`` a stated time.  Drug, route and compartment hold until another is named.  Units are never
guessed: a number without one is an error.
"""

from __future__ import annotations

import re
from typing import Any, Final

from krogh.dosing.dose import (
    MAX_ADDITIONAL,
    Dose,
    basis_of,
    canonical_unit,
    route_name,
)
from krogh.dosing.frequency import counted, cycle, every, frequency
from krogh.dosing.scanner import Scanner
from krogh.dosing.segment import Segment, build, put
from krogh.dosing.timing import after, days, rate_or_times, starting
from krogh.dosing.words import AMBIGUOUS, COUNTED, KEYWORDS, STARTERS
from krogh.errors import DataError, InvalidInput, did_you_mean
from krogh.units import Quantity

__all__ = ["parse_sentence"]


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
        doses = build(self.scan, self.segment(), None, held)
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
            doses.extend(build(self.scan, segment, doses[-1], held))
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

    def segment(self) -> Segment:
        segment = Segment(self.scan.skip())
        self.lead(segment)
        self.amount(segment)
        while self.phrase(segment):
            pass
        return segment

    def lead(self, segment: Segment) -> None:
        if self.scan.take_word(*STARTERS):
            self.scan.take_word("dose")
        if self.scan.peek_word() == "after":
            after(self.scan, segment)
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
            put(self.scan, segment, "drug", " ".join(names), start)
            self.scan.take_symbol(":")

    def amount(self, segment: Segment) -> None:
        is_auc = bool(self.scan.take_word("auc"))
        start = self.scan.skip()
        value = self.scan.number("a dose")
        text, unit_start = self.scan.unit_text()
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
            self.scan.fail("KG-204", "a dose must be positive.", start, self.scan.at)

    # --- phrases --------------------------------------------------------------------------------

    def phrase(self, segment: Segment) -> bool:
        scan = self.scan
        start = scan.skip()
        if scan.peek_number():
            return counted(self.scan, segment, start)
        if scan.take_symbol("\u00d7"):
            self.count_after(segment, start)
            return True
        word = scan.peek_word()
        if not word:
            if scan.peek_symbol() == "," and not self.then_follows():
                scan.take_symbol(",")
                return True
            return False
        if word in ("then", "followed"):
            return False
        if frequency(self.scan, segment, word, start):
            return True
        handler = _HANDLERS.get(word)
        if handler is not None:
            handler(self, segment)
            return True
        if route_name(word) is not None:
            self.route(segment)
            return True
        if word in AMBIGUOUS:
            where = scan.step_over_word()
            scan.fail("KG-203", f"{word!r} is ambiguous; write {AMBIGUOUS[word]}.", *where)
        self.unexpected()
        return False

    def then_follows(self) -> bool:
        position = self.scan.at
        found = self.takes_then()
        self.scan.at = position
        return found

    def every_phrase(self, segment: Segment) -> None:
        every(self.scan, segment)

    def days_phrase(self, segment: Segment) -> None:
        days(self.scan, segment)

    def starting_phrase(self, segment: Segment) -> None:
        starting(self.scan, segment)

    def after_phrase(self, segment: Segment) -> None:
        after(self.scan, segment)

    def over(self, segment: Segment) -> None:
        start, _ = self.scan.step_over_word()
        self.scan.take_word("over")  # after 'infused'
        put(self.scan, segment, "duration", self.positive_time("the infusion"), start)

    def positive_time(self, what: str) -> float:
        scan = self.scan
        where = scan.skip()
        value = scan.number(f"the time of {what}")
        unit = scan.time_unit(f"the time of {what}")
        seconds = scan.in_seconds(value, unit, f"the time of {what}", where)
        if seconds <= 0:
            scan.fail("KG-204", f"the time of {what} must be positive.", where, scan.at)
        return seconds

    def for_phrase(self, segment: Segment) -> None:
        scan = self.scan
        start, _ = scan.step_over_word()
        where = scan.skip()
        value = scan.number("how long, or how many doses,")
        if scan.take_word(*COUNTED):
            if value.denominator != 1 or not 1 <= value <= MAX_ADDITIONAL:
                scan.fail("KG-204", "the number of doses must be whole and positive.", where,
                          scan.at)  # fmt: skip
            put(self.scan, segment, "count", int(value), start)
            return
        unit = scan.time_unit("how long")
        seconds = scan.in_seconds(value, unit, "the time", where)
        if seconds <= 0:
            scan.fail("KG-204", "the time must be positive.", where, scan.at)
        if "interval" in segment.values:
            put(self.scan, segment, "span", seconds, start)
        elif segment.is_rate:
            put(self.scan, segment, "duration", seconds, start)
        else:
            scan.fail(
                "KG-203",
                "'for' a time needs a rate (2 mg/h for 24 h) or an interval before it (100 mg every"
                " 12 h for 10 d); the time of an infusion is written 'over'.",
                start,
                scan.at,
            )

    def at_phrase(self, segment: Segment) -> None:
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
            rate_or_times(self.scan, segment, start)

    def modeled(self, segment: Segment, start: int) -> None:
        word = self.scan.take_word("rate", "duration")
        if not word:
            self.scan.fail("KG-201", "'rate' or 'duration' must follow 'modeled'.")
        put(self.scan, segment, "modeled", word, start)

    def with_phrase(self, segment: Segment) -> None:
        start, _ = self.scan.step_over_word()
        if not self.scan.take_word("modeled"):
            self.scan.fail("KG-201", "'modeled rate' or 'modeled duration' must follow 'with'.")
        self.modeled(segment, start)

    def state(self, segment: Segment, start: int, kind: int) -> None:
        if not self.scan.take_word("state"):
            self.scan.fail("KG-201", "'state' must follow 'steady'.")
        put(self.scan, segment, "steady", kind, start)

    def steady(self, segment: Segment) -> None:
        start, _ = self.scan.step_over_word()
        if self.text[start : self.scan.at].lower() == "ss":
            put(self.scan, segment, "steady", 1, start)
        else:
            self.state(segment, start, 1)

    def into(self, segment: Segment) -> None:
        scan = self.scan
        start, _ = scan.step_over_word()
        scan.take_word("compartment")
        if scan.peek_number():
            value: str | int = scan.whole("the number of a compartment", 1_000_000)
        else:
            value = scan.take_name("the name of a compartment")
        put(self.scan, segment, "compartment", value, start)

    def of(self, segment: Segment) -> None:
        """Read ``of trastuzumab`` and ``of a 28-day cycle``."""
        start, _ = self.scan.step_over_word()
        if self.scan.take_word("a", "an", "each", "every") or self.scan.peek_number():
            cycle(self.scan, segment, start)
            return
        names = [self.scan.take_name("the name of a drug")]
        while (word := self.scan.peek_word()) and not self.is_said(word):
            names.append(self.scan.take_name("the name of a drug"))
        put(self.scan, segment, "drug", " ".join(names), start)

    def is_said(self, word: str) -> bool:
        """Whether a word starts a phrase, so that it is not the rest of a drug's name."""
        return word in KEYWORDS or re.fullmatch(r"[qx][0-9]+[a-z]*", word) is not None

    def route(self, segment: Segment) -> None:
        where = self.scan.step_over_word()
        word = self.text[where[0] : where[1]].lower()
        if word == "by":
            if not self.scan.take_word("mouth"):
                self.scan.fail("KG-201", "'mouth' must follow 'by'.")
            word = "oral"
        put(self.scan, segment, "route", route_name(word), where[0])

    def count(self, segment: Segment) -> None:
        start, _ = self.scan.step_over_word()
        self.count_after(segment, start)

    def count_after(self, segment: Segment, start: int) -> None:
        """Read the number after ``x``, and ``doses`` if it stands there."""
        number = self.scan.whole("the number of doses", MAX_ADDITIONAL)
        self.scan.take_word(*COUNTED)
        put(self.scan, segment, "count", number, start)

    def word_only(self, segment: Segment) -> None:
        """Step over ``infusion``, ``single``; remember ``bolus``."""
        where = self.scan.step_over_word()
        word = self.text[where[0] : where[1]].lower()
        if word == "bolus":
            put(self.scan, segment, "bolus", True, where[0])
        elif word == "single":
            self.scan.take_word("dose")
            put(self.scan, segment, "count", 1, where[0])


_HANDLERS: Final = {
    "over": _Parser.over,
    "infused": _Parser.over,
    "for": _Parser.for_phrase,
    "every": _Parser.every_phrase,
    "each": _Parser.every_phrase,
    "at": _Parser.at_phrase,
    "with": _Parser.with_phrase,
    "on": _Parser.days_phrase,
    "day": _Parser.days_phrase,
    "days": _Parser.days_phrase,
    "starting": _Parser.starting_phrase,
    "start": _Parser.starting_phrase,
    "from": _Parser.starting_phrase,
    "after": _Parser.after_phrase,
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
