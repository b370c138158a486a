"""Phrases that say how often: ``every 21 d``, ``q3w``, ``3 times a day``, ``x 6``.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from fractions import Fraction

from krogh.dosing.dose import MAX_ADDITIONAL
from krogh.dosing.scanner import Scanner
from krogh.dosing.segment import Segment, put
from krogh.dosing.words import (
    ABBREVIATIONS,
    ADVERBS,
    COUNTED,
    DAY,
    PERIODS,
    Q_FORM,
    Q_UNITS,
    TIMES_WORDS,
    X_FORM,
)

__all__ = ["counted", "cycle", "every", "frequency"]


def counted(scan: Scanner, segment: Segment, start: int) -> bool:
    """Read ``6 doses`` and ``3 times a day``."""
    count = scan.number("a number")
    word = scan.take_word(*COUNTED)
    if not word or count.denominator != 1 or not 1 <= count <= MAX_ADDITIONAL:
        scan.fail(
            "KG-201",
            "a number is not expected here; write 'x 6' for six doses and join a further dose"
            " with '+' or 'then'.",
            start,
            scan.at,
        )
    if word == "times" and per_day(scan, segment, int(count), start):
        return True
    put(scan, segment, "count", int(count), start)
    return True


def per_day(scan: Scanner, segment: Segment, count: int, start: int) -> bool:
    """Read ``daily``, ``a day``, ``every 12 h`` after a number of times."""
    word = scan.take_word("daily", "weekly", "a", "per", "each", "every")
    if not word:
        return False
    period = ADVERBS.get(word) or Fraction(period_of_every(scan))
    if count > 1 and period != DAY:
        scan.fail(
            "KG-203",
            f"{count} times in {period / DAY} d leaves open when; write the interval and 'x"
            f" {count}', or for example 'on days 1 and 4 every 7 d'.",
            start,
            scan.at,
        )
    put(scan, segment, "interval", float(period / count), start)
    return True


def frequency(scan: Scanner, segment: Segment, word: str, start: int) -> bool:
    """Read the words and abbreviations for an interval, and ``x6``."""
    period = ADVERBS.get(word) or ABBREVIATIONS.get(word)
    if period is not None:
        scan.step_over_word()
        put(scan, segment, "interval", float(period), start)
        return True
    if word in TIMES_WORDS:
        scan.step_over_word()
        count = TIMES_WORDS[word]
        if not per_day(scan, segment, count, start):
            put(scan, segment, "count", count, start)
        return True
    if word == "q" or (match := Q_FORM.fullmatch(word)) is not None:
        q_form(scan, segment, start)
        return True
    if (match := X_FORM.fullmatch(word)) is not None:
        scan.step_over_word()
        digits = match.group(1)
        if len(digits) > 8 or not 1 <= int(digits) <= MAX_ADDITIONAL:
            scan.fail(
                "KG-204",
                f"the number of doses must lie between 1 and {MAX_ADDITIONAL}.",
                start,
                scan.at,
            )
        put(scan, segment, "count", int(digits), start)
        return True
    return False


def q_form(scan: Scanner, segment: Segment, start: int) -> None:
    """Read ``q3w``, ``q 12 h``, ``q8 h``."""
    scan.at = start + 1
    value = scan.number("the dosing interval")
    word = scan.take_word(*Q_UNITS)
    if not word:
        scan.fail_unit(
            "KG-124",
            "the dosing interval has no unit; write for example 'q12h', 'q3w' or 'q21d'.",
            start,
            scan.at,
        )
    put_interval(scan, segment, value * Q_UNITS[word], start)


def put_interval(scan: Scanner, segment: Segment, seconds: Fraction, start: int) -> None:
    """Put the interval between doses, s, into a segment; DataError KG-204 out of range."""
    if seconds <= 0:
        scan.fail("KG-204", "the interval must be positive.", start, scan.at)
    if seconds > Fraction(10) ** 11:
        scan.fail("KG-204", "the interval is too long.", start, scan.at)
    put(scan, segment, "interval", float(seconds), start)


def every(scan: Scanner, segment: Segment) -> None:
    """Read ``every 21 d``, ``every day``, ``every other week``."""
    start, _ = scan.step_over_word()
    put(scan, segment, "interval", period_of_every(scan), start)


def period_of_every(scan: Scanner) -> float:
    """Read what follows ``every`` and return it in seconds."""
    factor = 2 if scan.take_word("other", "second") else 1
    if factor == 1 and scan.peek_number():
        where = scan.skip()
        value = scan.number("the dosing interval")
        unit = scan.time_unit("the dosing interval")
        seconds = scan.in_seconds(value, unit, "the dosing interval", where)
        if seconds <= 0:
            scan.fail("KG-204", "the dosing interval must be positive.", where, scan.at)
        return seconds
    word = scan.take_word(*PERIODS)
    if not word:
        scan.fail("KG-201", "a time must follow 'every', for example 'every 21 d'.")
    return float(factor * PERIODS[word])


def cycle(scan: Scanner, segment: Segment, start: int) -> None:
    """Read the rest of ``of a 28-day cycle``: the interval."""
    where = scan.skip()
    value = scan.number("the length of the cycle")
    scan.take_symbol("-")
    unit = scan.time_unit("the length of the cycle")
    seconds = scan.in_seconds(value, unit, "the length of the cycle", where)
    if not scan.take_word("cycle", "cycles"):
        scan.fail("KG-201", "'cycle' must follow its length.")
    if seconds <= 0:
        scan.fail("KG-204", "the length of the cycle must be positive.", where, scan.at)
    put(scan, segment, "interval", seconds, start)
