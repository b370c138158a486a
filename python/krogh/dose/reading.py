"""Reads the pieces of a target or of a space of regimens: words, numbers, units; shows mistakes.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Final, NoReturn

from krogh.errors import InvalidInput, SpecError, UnitError, did_you_mean, underline
from krogh.unit_table import lookup
from krogh.units import Quantity, format_number, parse_unit

__all__ = ["Reader"]

_MAX_LENGTH: Final = 500
_WORD = re.compile(r"[^\W\d_][\w\-]*")
_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_UNIT_TERM = re.compile(r"1(?=\s*/)|[A-Za-z\u00b5\u03bc%]+(?:\s*(?:\^|\*\*)\s*-?[0-9]+|-?[0-9]+)?")
_UNIT_JOIN = re.compile(r"\s*[/*\u00b7\u22c5]\s*(?=[A-Za-z\u00b5\u03bc(1])")
_QUOTED = re.compile(r"""(["'])([^"'\n]{1,100})\1""")
_NAME = re.compile(r"[^\W\d_](?:[\w.\-]*\w)?")


class Reader:
    """A position in a text, and what can be read there.

    Parameters
    ----------
    text
        What the user wrote.
    code
        Code of an error that has none of its own.
    what
        What the text is, for messages: ``"target"``.
    keywords
        Words (lower case) that end a unit or a name.
    """

    def __init__(self, text: str, code: str, what: str, keywords: Iterable[str]) -> None:
        if not isinstance(text, str):
            raise SpecError(f"{code}: a {what} is text, not {type(text).__name__}: {text!r:.60}.")
        self.text = text
        self.at = 0
        self.code = code
        self.keywords = frozenset(keywords)
        if len(text) > _MAX_LENGTH:
            raise SpecError(f"{code}: the {what} has {len(text)} characters, over {_MAX_LENGTH}.")
        if not text.strip():
            raise SpecError(f"{code}: the {what} is empty.")

    # --- errors ---------------------------------------------------------------------------------

    def fail(
        self, why: str, start: int | None = None, stop: int | None = None, code: str | None = None
    ) -> NoReturn:
        """Raise SpecError with the text and carets below ``text[start:stop]``."""
        raise SpecError(self._message(why, start, stop, code))

    def fail_unit(
        self, why: str, start: int, stop: int | None = None, code: str = "KG-124"
    ) -> NoReturn:
        """Raise UnitError in the same form."""
        raise UnitError(self._message(why, start, stop, code))

    def _message(self, why: str, start: int | None, stop: int | None, code: str | None) -> str:
        begin = self.skip() if start is None else start
        return f"{code or self.code}: {why}\n{underline(self.text, begin, stop)}"

    def unknown(self, what: str, candidates: Iterable[str], code: str) -> NoReturn:
        """Raise SpecError for the next word, with the candidates that look like it."""
        start = self.skip()
        word = _WORD.match(self.text, start)
        if word is None:
            self.fail(f"{what} must stand here.", start)
        hint = did_you_mean(word.group(), candidates)
        self.fail(f"{word.group()!r} is not {what}.{hint}", start, word.end(), code)

    # --- pieces ---------------------------------------------------------------------------------

    def skip(self) -> int:
        """Step over blanks and return the position."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.at

    def is_at_end(self) -> bool:
        """Whether only blanks are left."""
        return self.skip() >= len(self.text)

    def peek(self) -> str:
        """Return the next word in lower case, or an empty string."""
        match = _WORD.match(self.text, self.skip())
        return match.group().lower() if match else ""

    def take(self, *words: str) -> str:
        """Step over the next word if it is one of `words` (lower case) and return it."""
        word = self.peek()
        if not word or word not in words:
            return ""
        self.at += len(word)
        return word

    def take_phrase(self, *words: str) -> bool:
        """Step over several words if all of them follow."""
        start = self.at
        for word in words:
            if not self.take(word):
                self.at = start
                return False
        return True

    def expect(self, *words: str) -> str:
        """Step over one of the words, which must follow."""
        found = self.take(*words)
        if not found:
            self.fail(f"{' or '.join(map(repr, words))} must stand here.")
        return found

    def take_symbol(self, *symbols: str) -> str:
        """Step over one of the symbols (the longest first) and return it."""
        start = self.skip()
        for symbol in sorted(symbols, key=len, reverse=True):
            if self.text.startswith(symbol, start):
                self.at = start + len(symbol)
                return symbol
        return ""

    def name(self, what: str) -> str:
        """Read a name: in quotes, or words up to a keyword or a symbol."""
        start = self.skip()
        quoted = _QUOTED.match(self.text, start)
        if quoted is not None:
            self.at = quoted.end()
            return " ".join(quoted.group(2).split())
        words: list[str] = []
        while (match := _NAME.match(self.text, self.skip())) is not None:
            if match.group().lower() in self.keywords:
                break
            words.append(match.group())
            self.at = match.end()
        if not words:
            self.fail(f"{what} must stand here; put unusual names in quotes.", start)
        return " ".join(words)

    def peek_number(self) -> bool:
        """Whether a number (or its sign) comes next."""
        start = self.skip()
        if self.text[start : start + 1] in ("+", "-", "\u2212"):
            start += 1
        return _NUMBER.match(self.text, start) is not None

    def number(self, what: str) -> float:
        """Read a number that is finite and not negative."""
        start = self.skip()
        if self.text[start : start + 1] in ("-", "\u2212"):
            self.fail(f"{what} must not be negative.", start)
        match = _NUMBER.match(self.text, start)
        if match is None:
            self.fail(f"{what} must stand here.", start)
        text = match.group()
        end = match.end()
        if text.endswith(".") and self.text[end : end + 1] == ".":  # "1..8": a range
            text, end = text[:-1], end - 1
        self.at = end
        if re.match(r",[0-9]", self.text[end : end + 2]):
            self.fail("write numbers without commas (1e5, 0.5).", start, end + 2)
        value = float(text)
        if not math.isfinite(value):
            self.fail(f"{what} is out of range.", start, end)
        return value

    def unit(self) -> tuple[str, int]:
        """Read the spelling of a unit and where it starts; an empty string where none stands.

        Terms are joined by ``/``, ``*`` or a middle dot, or by a blank where the next word is a
        unit and no keyword.
        """
        start = self.skip()
        end = self._term(start)
        if end is None:
            return "", start
        while True:
            joined = _UNIT_JOIN.match(self.text, end)
            following = self._term(joined.end()) if joined is not None else None
            if joined is None:
                blank = end
                while blank < len(self.text) and self.text[blank] == " ":
                    blank += 1
                word = _UNIT_TERM.match(self.text, blank)
                letters = re.match(r"[A-Za-z\u00b5\u03bc]+", self.text[blank:])
                if (
                    blank == end
                    or word is None
                    or letters is None
                    or letters.group().lower() in self.keywords
                    or lookup(letters.group()) is None
                ):
                    break
                following = self._term(blank)
            if following is None:
                break
            end = following
        self.at = end
        return self.text[start:end], start

    def _term(self, position: int) -> int | None:
        if self.text[position : position + 1] == "(":
            close = self.text.find(")", position)
            return close + 1 if 0 < close - position < 40 else None
        match = _UNIT_TERM.match(self.text, position)
        if match is None:
            return None
        letters = match.group().rstrip("0123456789^*- ").lower()
        return None if letters in self.keywords else match.end()

    def quantity(self, what: str, example: str) -> Quantity:
        """Read a number and its unit."""
        start = self.skip()
        value = self.number(what)
        unit, place = self.unit()
        if not unit:
            text = f"{what} {format_number(value)} has no unit; write for example {example!r}."
            self.fail_unit(text, start, self.at)
        self.checked_unit(unit, place)
        return Quantity(value, unit)

    def checked_unit(self, unit: str, place: int) -> None:
        """Parse a unit; its error shows the text."""
        try:
            parse_unit(unit)
        except InvalidInput as error:
            first = str(error).split("\n")[0].partition(": ")[2].rstrip(":")
            self.fail_unit(first, place, place + len(unit), error.code)
