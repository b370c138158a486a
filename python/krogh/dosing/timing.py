"""Phrases that say when: ``at 0, 12 and 36 h``, ``on days 1 and 8``, ``starting at 7 d``.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import itertools
from fractions import Fraction

from krogh.dosing.dose import basis_of, canonical_unit
from krogh.dosing.scanner import Scanner
from krogh.dosing.segment import Segment, put
from krogh.dosing.words import DAY
from krogh.errors import InvalidInput
from krogh.units import Quantity

__all__ = ["after", "days", "rate_or_times", "starting"]


def rate_or_times(scan: Scanner, segment: Segment, start: int) -> None:
    """Read ``at 10 mg/h`` or ``at 0, 12 and 36 h``."""
    where = scan.skip()
    value = scan.number("a time or a rate")
    position = scan.at
    text, unit_start = scan.unit_text()
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
            put(scan, segment, "rate", Quantity(float(value), canonical_unit(text)), start)
            return
    scan.at = position
    put(scan, segment, "times", times(scan, value, where), start)


def times(scan: Scanner, value: Fraction, where: int) -> tuple[float, ...]:
    """Read the rest of a list of times whose first number has been read."""
    found: list[float] = []
    waiting: list[tuple[Fraction, int]] = [(value, where)]
    while True:
        text, unit_start = scan.unit_text()
        if text:
            unit = scan.checked_time(text, unit_start, "'at'")
            found += [scan.in_seconds(v, unit, "a time", w) for v, w in waiting]
            waiting = []
        if not continues_list(scan):
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


def continues_list(scan: Scanner) -> bool:
    """Step over ``,`` or ``and`` if a number follows."""
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


def days(scan: Scanner, segment: Segment) -> None:
    """Read ``on days 1, 8 and 15``: day 1 is the start."""
    start, _ = scan.step_over_word()
    if scan.text[start : scan.at].lower() == "on" and not scan.take_word("day", "days"):
        scan.fail("KG-201", "'day' or 'days' must follow 'on'.")
    days = [scan.whole("a day", 1_000_000)]
    while continues_list(scan):
        days.append(scan.whole("a day", 1_000_000))
    if any(later <= earlier for earlier, later in itertools.pairwise(days)):
        scan.fail("KG-203", "the days must increase.", start, scan.at)
    put(scan, segment, "times", tuple(float((day - 1) * DAY) for day in days), start)


def starting(scan: Scanner, segment: Segment) -> None:
    """Read ``starting at 7 d`` and ``starting on day 8``."""
    start, _ = scan.step_over_word()
    scan.take_word("at", "from", "after")
    if scan.take_word("on"):
        if not scan.take_word("day"):
            scan.fail("KG-201", "'day' must follow 'on'.")
        put(
            scan,
            segment,
            "start",
            float((scan.whole("a day", 1_000_000) - 1) * DAY),
            start,
        )
        return
    where = scan.skip()
    value = scan.number("the starting time")
    unit = scan.time_unit("the starting time")
    put(
        scan,
        segment,
        "start",
        scan.in_seconds(value, unit, "the starting time", where),
        start,
    )


def after(scan: Scanner, segment: Segment) -> None:
    """Read ``after 7 d``: from the last dose of what stands before ``then``."""
    start, _ = scan.step_over_word()
    where = scan.skip()
    value = scan.number("the delay")
    unit = scan.time_unit("the delay")
    put(
        scan,
        segment,
        "delay",
        scan.in_seconds(value, unit, "the delay", where),
        start,
    )
