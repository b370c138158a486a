"""One segment of a dosing sentence: what it said, and the doses that makes.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from krogh.dosing.dose import MAX_ADDITIONAL, Dose, amount_of_rate, without_time
from krogh.dosing.scanner import Scanner
from krogh.errors import InvalidInput, underline
from krogh.units import Quantity

__all__ = ["Segment", "build", "follow_on", "put"]


@dataclass
class Segment:
    """What one segment said; positions are kept for messages."""

    start: int
    amount: Quantity | None = None
    is_rate: bool = False
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)


def put(scan: Scanner, segment: Segment, name: str, value: Any, start: int) -> None:
    """Store what a phrase said; saying it twice is an error."""
    if name in segment.values:
        scan.fail(
            "KG-203",
            f"the {name} is stated twice; join a further dose with '+' or 'then'.",
            start,
            scan.at,
        )
    segment.values[name] = value
    segment.places[name] = (start, scan.at)


def follow_on(before: Dose, interval: float) -> float | None:
    """Return when a segment after `before` starts by default, or None if nothing says so.

    One interval of `before` after its last dose; if `before` is not repeated, one interval of the
    new segment.
    """
    gap = before.interval or interval
    return before.last_time + gap if gap > 0 else None


def build(scan: Scanner, segment: Segment, before: Dose | None, held: dict[str, Any]) -> list[Dose]:
    """Return the doses of a segment.

    Parameters
    ----------
    scan
        Shows the sentence in errors.
    segment
        What was said.
    before
        Last dose of the segment before ``then``, or None.
    held
        Drug, route and compartment that hold from here on; changed in place.
    """
    values = segment.values
    if "route" in values or "compartment" in values:
        held["route"] = held["compartment"] = None  # a new place replaces the old one
    held.update({name: values[name] for name in held if name in values})
    contradictions(scan, segment, before)
    amount, rate, duration = infusion(scan, segment)
    interval = values.get("interval", 0.0)
    try:
        first = Dose(
            amount,
            0.0,
            duration=duration,
            rate=rate,
            interval=interval,
            additional=repetitions(scan, segment, interval),
            steady=values.get("steady", 0),
            modeled=values.get("modeled"),
            **held,
        )
        times = start_times(scan, segment, before, interval)
        return [first.replace(time=time) for time in times]
    except InvalidInput as error:
        if "\n" in str(error) and "^" in str(error):
            raise
        start, stop = segment.places["amount"]
        raise type(error)(f"{error}\n{underline(scan.text, start, stop)}") from None


def contradictions(scan: Scanner, segment: Segment, before: Dose | None) -> None:
    """Raise DataError, with the place in the text, for phrases that exclude each other."""
    values, places = segment.values, segment.places
    fail = scan.fail
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


def infusion(scan: Scanner, segment: Segment) -> tuple[Quantity, Quantity | None, float | None]:
    """Return amount, rate and duration."""
    values, places = segment.values, segment.places
    amount = segment.amount
    assert amount is not None
    rate, duration = values.get("rate"), values.get("duration")
    if not segment.is_rate:
        return amount, rate, duration
    if rate is not None or "modeled" in values:
        scan.fail("KG-203", "the rate is stated twice.", *places["amount"])
    if duration is not None:
        given = amount_of_rate(amount, duration)
        return given, amount, None
    if values.get("steady") == 1 and "interval" not in values:
        return Quantity(0.0, without_time(amount.unit)), amount, None
    return scan.fail(
        "KG-203",
        f"the rate {amount} needs its duration: write for example '{amount} for 24 h' (before"
        " 'every'), or 'at steady state' for a constant infusion.",
        *places["amount"],
    )


def repetitions(scan: Scanner, segment: Segment, interval: float) -> int | None:
    """Return the number of additional doses, or None without an end."""
    values = segment.values
    if "count" in values:
        return int(values["count"]) - 1
    if "span" in values:
        ratio = Fraction(values["span"]) / Fraction(interval)
        number = round(ratio)
        if abs(ratio - number) > Fraction(1, 10**9):  # an interval such as 1/7 d is rounded
            number = math.ceil(ratio)  # doses before the end
        if number > MAX_ADDITIONAL:
            scan.fail("KG-204", f"these are {number} doses.", *segment.places["span"])
        return max(number, 1) - 1  # the first dose is given in any case
    return None if interval > 0 else 0


def start_times(
    scan: Scanner, segment: Segment, before: Dose | None, interval: float
) -> tuple[float, ...]:
    """Return when the doses of a segment start, s; those after ``then`` follow the dose before."""
    values = segment.values
    if before is None:
        start = values.get("start", values.get("delay", 0.0))
        return tuple(start + time for time in values.get("times", (0.0,)))
    if "start" in values:
        if values["start"] < before.last_time:
            scan.fail(
                "KG-203",
                "this starts before the last dose of what stands before 'then'; join with '+'.",
                *segment.places["start"],
            )
        return (values["start"],)
    if "delay" in values:
        return (before.last_time + values["delay"],)
    start = follow_on(before, interval)
    if start is None:
        scan.fail(
            "KG-203",
            "nothing says when this dose follows; write for example 'then after 7 d 50 mg', or"
            " give it an interval.",
            segment.start,
        )
    return (start,)
