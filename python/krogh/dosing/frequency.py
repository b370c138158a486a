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
    COUNT_WORDS,
    COUNTED,
    DAY,
    PERIODS,
    Q_FORM,
    Q_UNITS,
    TIMES_WORDS,
    X_FORM,
)

__all__ = ["counted", "every", "frequency"]


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
    """Read ``daily``, ``a day``, ``weekly`` after a number of times."""
    word = scan.take_word("daily", "weekly", "a", "per", "each", "every")
    if not word:
        return False
    period = ADVERBS.get(word)
    if period is None:
        name = scan.take_word(*PERIODS)
        if not name:
            scan.fail("KG-201", "'day' or 'week' must stand here.")
        period = PERIODS[name]
    if count > 1 and period != DAY:
        scan.fail(
            "KG-203",
            f"{count} times in {period / DAY} d leaves the days open; write for example"
            " 'on days 1 and 4 every 7 d', or the interval.",
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
    if word in TIMES_WORDS or word in COUNT_WORDS:
        scan.step_over_word()
        count = TIMES_WORDS.get(word) or COUNT_WORDS[word]
        if word in COUNT_WORDS and not scan.take_word("times"):
            scan.fail("KG-201", "'times' must stand here, or write the number in digits.")
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
    if seconds <= 0:
        scan.fail("KG-204", "the interval must be positive.", start, scan.at)
    if seconds > Fraction(10) ** 11:
        scan.fail("KG-204", "the interval is too long.", start, scan.at)
    put(scan, segment, "interval", float(seconds), start)


def every(scan: Scanner, segment: Segment) -> None:
    """Read ``every 21 d``, ``every day``, ``every other week``."""
    start, _ = scan.step_over_word()
    if scan.take_word("other", "second"):
        factor = 2
    else:
        factor = 1
        if scan.peek_number():
            where = scan.skip()
            value = scan.number("the dosing interval")
            unit = scan.time_unit("the dosing interval")
            seconds = scan.in_seconds(value, unit, "the dosing interval", where)
            if seconds <= 0:
                scan.fail("KG-204", "the dosing interval must be positive.", where, scan.at)
            put(scan, segment, "interval", seconds, start)
            return
    word = scan.take_word(*PERIODS)
    if not word:
        scan.fail("KG-201", "a time must follow 'every', for example 'every 21 d'.")
    put(scan, segment, "interval", float(factor * PERIODS[word]), start)
