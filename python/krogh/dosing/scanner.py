"""Reads the smallest pieces of a dosing sentence: numbers, words, units, times.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
import re
import unicodedata
from fractions import Fraction
from typing import Final, NoReturn

from krogh.dosing.times import LONGEST_TIME
from krogh.dosing.words import KEYWORDS, NOT_UNITS, NUMBER_WORDS
from krogh.errors import DataError, InvalidInput, UnitError, underline
from krogh.unit_parser import TIME, Unit
from krogh.unit_table import lookup
from krogh.units import describe, parse_unit

__all__ = ["Scanner"]

MAX_LENGTH: Final = 20_000
"""Longest sentence in characters."""

_BLANK = re.compile(r"[^\S\n]*")
_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_INTEGER = re.compile(r"[0-9]+")
_FRACTION_BAR = re.compile(r"\s*[/\u2044]\s*([0-9]+)(?![0-9.eE])")
_MIXED = re.compile(r"[^\S\n]+([0-9]+)[/\u2044]([0-9]+)(?![0-9.])")
_WORD = re.compile(r"[^\W\d_](?:\.[^\W\d_])+\.?|[^\W\d_]\w*")
_NAME = re.compile(r"[^\W\d_][\w.\-]*[\w]|[^\W\d_]")
_QUOTED = re.compile(r"""(["'])([^"'`\n]{1,100})\1""")
_UNIT_NAME = re.compile(r"[A-Za-z\u00b5\u03bc%]+")
_UNIT_POWER = re.compile(r"\s*(?:\^|\*\*)\s*-?[0-9]+|[0-9]+|-[0-9]+|[\u207b\u00b9\u00b2\u00b3]+")
_UNIT_JOIN = re.compile(r"\s*[/*\u00b7\u22c5]\s*(?=[A-Za-z\u00b5\u03bc(])")
_MAX_DIGITS: Final = 40


class Scanner:
    """A position in a sentence, and what can be read there.

    Every error shows the sentence with carets below the place it is about.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        if len(text) > MAX_LENGTH:
            raise DataError(
                f"KG-201: the dosing sentence has {len(text)} characters, more than {MAX_LENGTH};"
                " build long schedules from Dose objects or read an event table."
            )

    # --- errors ---------------------------------------------------------------------------------

    def fail(
        self, code: str, why: str, start: int | None = None, stop: int | None = None
    ) -> NoReturn:
        """Raise `DataError` with the sentence and carets below ``text[start:stop]``."""
        raise DataError(self.message(code, why, start, stop))

    def fail_unit(self, code: str, why: str, start: int, stop: int | None = None) -> NoReturn:
        """Raise `UnitError` in the same form."""
        raise UnitError(self.message(code, why, start, stop))

    def message(self, code: str, why: str, start: int | None, stop: int | None) -> str:
        """Return the text of an error."""
        position = self.skip() if start is None else start
        return f"{code}: {why}\n{underline(self.text, position, stop)}"

    # --- pieces ---------------------------------------------------------------------------------

    def skip(self) -> int:
        """Step over blanks (not over the end of a line) and return the position."""
        match = _BLANK.match(self.text, self.at)
        assert match is not None
        self.at = match.end()
        return self.at

    def is_at_end(self) -> bool:
        """Whether only blanks are left."""
        return self.skip() >= len(self.text)

    def peek_symbol(self) -> str:
        """Return the next character after blanks, or an empty string at the end."""
        position = self.skip()
        return self.text[position : position + 1]

    def take_symbol(self, symbols: str) -> bool:
        """Step over the next character if it is one of `symbols`."""
        if (symbol := self.peek_symbol()) and symbol in symbols:
            self.at += 1
            return True
        return False

    def peek_word(self) -> str:
        """Return the next word in lower case, or an empty string."""
        match = _WORD.match(self.text, self.skip())
        return match.group().lower() if match else ""

    def take_word(self, *words: str) -> str:
        """Step over the next word if it is one of `words` and return it."""
        word = self.peek_word()
        if word and word in words:
            self.step_over_word()
            return word
        return ""

    def step_over_word(self) -> tuple[int, int]:
        """Step over the next word and return where it stands."""
        match = _WORD.match(self.text, self.skip())
        assert match is not None
        self.at = match.end()
        return match.start(), match.end()

    def take_name(self, what: str) -> str:
        """Read a name, quoted or not."""
        start = self.skip()
        quoted = _QUOTED.match(self.text, start)
        if quoted is not None:
            self.at = quoted.end()
            name = " ".join(quoted.group(2).split())
            if not name or not name.isprintable():
                self.fail("KG-201", f"{what} is empty or not printable.", start, self.at)
            return name
        match = _NAME.match(self.text, start)
        if match is None:
            self.fail("KG-201", f"{what} must stand here; put other characters in quotes.", start)
        self.at = match.end()
        return match.group()

    def peek_quoted(self) -> bool:
        """Whether a quoted name comes next."""
        return _QUOTED.match(self.text, self.skip()) is not None

    def peek_number(self) -> bool:
        """Whether a number comes next."""
        position = self.skip()
        character = self.text[position : position + 1]
        return (
            _NUMBER.match(self.text, position) is not None
            or (bool(character) and _vulgar(character) is not None)
            or self.peek_word() in NUMBER_WORDS
        )

    def number(self, what: str) -> Fraction:
        """Read a number exactly: ``3.6``, ``1e3``, ``1/2``, ``1 1/2``, ``three``, a half sign."""
        start = self.skip()
        if (word := self.take_word(*NUMBER_WORDS)) != "":
            return Fraction(NUMBER_WORDS[word])
        match = _NUMBER.match(self.text, start)
        if match is None:
            character = self.text[start : start + 1]
            value = _vulgar(character) if character else None
            if value is None:
                if (
                    character
                    and character in "+-\u2212"
                    and self.text[start + 1 : start + 2].isdecimal()
                ):
                    self.fail("KG-204", f"{what} has a sign; it must be a plain number.", start)
                self.fail("KG-201", f"{what} (a number with its unit) must stand here.", start)
            self.at = start + 1
            return value
        self.at = match.end()
        value = self._exact(match.group(), what, start)
        if _INTEGER.fullmatch(match.group()):
            value = self._with_fraction(value, what, start)
        following = self.text[self.at : self.at + 2]
        if following[:1] == "," and following[1:].isdecimal():
            self.fail(
                "KG-201",
                "a comma between digits may be a decimal comma, a thousands mark or a list; write a"
                " decimal point, no thousands mark, and a blank after the comma of a list.",
                start,
                self.at + 2,
            )
        return value

    def _with_fraction(self, value: Fraction, what: str, start: int) -> Fraction:
        bar = _FRACTION_BAR.match(self.text, self.at)
        if bar is not None:
            self.at = bar.end()
            return value / self._divisor(bar.group(1), what, start)
        mixed = _MIXED.match(self.text, self.at)
        if mixed is not None:
            self.at = mixed.end()
            below = self._divisor(mixed.group(2), what, start)
            return value + self._exact(mixed.group(1), what, start) / below
        blank = _BLANK.match(self.text, self.at)
        assert blank is not None
        character = self.text[blank.end() : blank.end() + 1]
        vulgar = _vulgar(character) if character else None
        if vulgar is not None:
            self.at = blank.end() + 1
            return value + vulgar
        return value

    def _divisor(self, text: str, what: str, start: int) -> Fraction:
        below = self._exact(text, what, start)
        if below == 0:
            self.fail("KG-204", f"{what} is divided by zero.", start, self.at)
        return below

    def _exact(self, text: str, what: str, start: int) -> Fraction:
        mantissa, _, exponent = text.lower().partition("e")
        if len(mantissa) > _MAX_DIGITS or len(exponent) > 5 or not math.isfinite(float(text)):
            self.fail("KG-204", f"{what} is out of range.", start, self.at)
        value = Fraction(text)
        if value != 0 and float(text) == 0.0:
            self.fail("KG-204", f"{what} is too small for a number.", start, self.at)
        return value

    def whole(self, what: str, largest: int) -> int:
        """Read a whole number from 1 to `largest`."""
        start = self.skip()
        value = self.number(what)
        if value.denominator != 1 or not 1 <= value <= largest:
            self.fail(
                "KG-204", f"{what} must be a whole number from 1 to {largest}.", start, self.at
            )
        return int(value)

    # --- units ----------------------------------------------------------------------------------

    def unit_text(self) -> tuple[str, int]:
        """Read the spelling of a unit, or an empty string; return it and where it starts.

        Names joined by ``/``, ``*`` or a middle dot belong to it, and also names after a blank as
        long as they are units and no word of the sentence (``mg/mL min``).
        """
        start = self.skip()
        end = self._unit_term(start)
        first = _UNIT_NAME.match(self.text, start)
        if end is None or (first is not None and first.group().lower() in NOT_UNITS):
            return "", start
        while True:
            joined = _UNIT_JOIN.match(self.text, end)
            if joined is not None:
                following = self._unit_term(joined.end())
                if following is None:
                    break
                end = following
                continue
            blank = _BLANK.match(self.text, end)
            assert blank is not None
            name = _UNIT_NAME.match(self.text, blank.end())
            if (
                blank.end() == end
                or name is None
                or name.group().lower() in KEYWORDS
                or lookup(name.group()) is None
                or self.text[name.end() : name.end() + 1].isalnum()
            ):
                break
            following = self._unit_term(blank.end())
            assert following is not None
            end = following
        self.at = end
        return self.text[start:end], start

    def _unit_term(self, position: int) -> int | None:
        if self.text[position : position + 1] == "(":
            close = self.text.find(")", position)
            return close + 1 if 0 < close - position < 60 else None
        name = _UNIT_NAME.match(self.text, position)
        if name is None:
            return None
        power = _UNIT_POWER.match(self.text, name.end())
        return power.end() if power is not None else name.end()

    def parsed_unit(self, text: str, start: int) -> Unit:
        """Parse a unit; its error shows the sentence."""
        try:
            return parse_unit(text)
        except InvalidInput as error:
            lines = str(error).split("\n")
            first = lines[0].partition(": ")[2].rstrip(":")
            self.fail_unit(error.code, first, start, start + len(text))

    def time_unit(self, what: str) -> Unit:
        """Read a unit of time."""
        position = self.at
        text, start = self.unit_text()
        if not text:
            self.fail_unit(
                "KG-124", f"{what} has no unit; write h, d, min or weeks.", max(0, position - 1)
            )
        return self.checked_time(text, start, what)

    def checked_time(self, text: str, start: int, what: str) -> Unit:
        """Parse a unit and require that it is a time."""
        unit = self.parsed_unit(text, start)
        if unit.dimension != TIME:
            self.fail_unit(
                "KG-121",
                f"{what} needs a time, but {text!r} is {describe(unit.dimension)}.",
                start,
                start + len(text),
            )
        return unit

    def in_seconds(self, value: Fraction, unit: Unit, what: str, start: int) -> float:
        """Return a time in seconds, rounded once."""
        result = value * unit.exact
        if result > Fraction(LONGEST_TIME):
            self.fail("KG-204", f"{what} is longer than 3,000 years.", start, self.at)
        return float(result)


def _vulgar(character: str) -> Fraction | None:
    """Return the value of a fraction character such as a half, or None."""
    if unicodedata.category(character) != "No":
        return None
    value = unicodedata.numeric(character, -1.0)
    exact = Fraction(value).limit_denominator(10)
    return exact if 0 < value < 1 else None
