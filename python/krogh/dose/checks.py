"""What is refused before a search starts: targets out of reach, limits that contradict.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any, Final

from krogh.dose.binding import Bound
from krogh.dose.target import Target
from krogh.errors import SpecError
from krogh.units import format_number

__all__ = ["check_bounds", "check_options", "targets_of"]

_PLASMA_ORDER: Final = {"plasma trough": 0, "plasma average": 1, "plasma Cmax": 2}
"""A trough is never above the average, the average never above Cmax."""

_CELL_ORDER: Final = {"lowest": 0, "median": 1, "mean": 1, "highest": 2}


def targets_of(what: Any, name: str) -> tuple[Target, ...]:
    """Return the targets of a text, a `Target`, or an iterable of them.

    Raises
    ------
    SpecError
        KG-150 to KG-152 as for `krogh.dose.Target`, KG-156 for something else.
    """
    if isinstance(what, (str, Target)):
        return (Target(what),)
    if what is None:
        return ()
    if not isinstance(what, Iterable) or isinstance(what, (bytes, dict)):
        raise SpecError(
            f"KG-156: {name} is a target or a list of targets, such as 'occupancy >= 90 % in 90 %"
            f" of viable cells', not {type(what).__name__}."
        )
    found = []
    for item in what:
        if not isinstance(item, (str, Target)):
            raise SpecError(f"KG-156: {name} holds {item!r}, which is no target.")
        found.append(Target(item))
    return tuple(found)


def check_options(
    reach: Sequence[Target], tumours: Any, confidence: Any, risk: Any, drawn: int
) -> None:
    """Refuse options that make no search.

    Raises
    ------
    SpecError
        KG-156 for a wrong option, KG-157 where nothing is uncertain and several tumours are asked.
    """
    if not reach:
        raise SpecError(
            "KG-156: nothing has to be reached: give reach=['occupancy >= 90 % in 90 % of viable"
            " cells', ...], or targets to the study."
        )
    if isinstance(tumours, bool) or not isinstance(tumours, int) or not 1 <= tumours <= 1_000_000:
        raise SpecError(f"KG-156: tumours is a whole number from 1 to 1,000,000, not {tumours!r}.")
    for name, value, low in (("confidence", confidence, False), ("risk", risk, True)):
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not (value >= 0.0 if low else value > 0.0)
            or not value < 1.0
        ):
            lowest = "from 0" if low else "above 0"
            raise SpecError(
                f"KG-156: {name} is a probability {lowest} and below 1 (0.8 is 80 %), not"
                f" {value!r}."
            )
    if drawn == 0 and tumours > 1:
        raise SpecError(
            f"KG-157: no value of the study has a range, so {tumours} virtual tumours would be"
            " equal.\n  Give values with ranges, or ask for tumours=1."
        )


def check_bounds(bounds: Sequence[Bound], limits: Sequence[Bound], until: float) -> None:
    """Refuse targets that cannot be met in this run, and pairs that exclude each other.

    Raises
    ------
    SpecError
        KG-152 for a target that no regimen can meet, KG-153 for a time after the end of the run,
        KG-155 for a contradiction.
    """
    for bound in (*bounds, *limits):
        _check_times(bound, until)
    for bound in bounds:
        _check_start(bound)
    for first, second in itertools.combinations((*bounds, *limits), 2):
        low, high = (first, second) if first.target.wants_more else (second, first)
        if low.target.wants_more and not high.target.wants_more:
            _check_pair(low, high)


def _check_times(bound: Bound, until: float) -> None:
    when = bound.target.when
    moments = [q for q in (when.begin, when.end) if q is not None]
    if when.kind in ("at", "duration") and when.amount is not None:
        moments.append(when.amount)
    for moment in moments:
        if moment.internal > until * (1.0 + 1e-9):
            raise SpecError(
                f"KG-153: target '{bound.target}': {moment} is after the end of the run,"
                f" {format_number(round(until / 3600.0, 6))} h.\n  Run longer (until='...')."
            )


def _check_start(bound: Bound) -> None:
    target = bound.target
    if (
        target.when.kind == "always"
        and target.wants_more
        and target.when.begin is None
        and target.measure != "viable"
    ):
        raise SpecError(
            f"KG-152: target '{target}' cannot be reached: there is no drug when the run begins.\n"
            f"  Say from when on, for example '{target} after 24 h'."
        )


def _check_pair(low: Bound, high: Bound) -> None:
    """Refuse ``low`` (wants at least) beside ``high`` (wants at most) where both cannot be."""
    if low.output != high.output or low.threshold <= high.threshold:
        return
    first, second = low.target, high.target
    if low.place == "plasma":
        ranks = [_PLASMA_ORDER.get(t.measure) for t in (first, second)]
        same = first.measure == second.measure and first.when == second.when
        ordered = None not in ranks and ranks[0] <= ranks[1]  # type: ignore[operator]
        ordered &= second.when == first.when or second.when.kind == "end" == first.when.kind
        excluded = same or ordered
    elif first.when != second.when:
        excluded = False
    elif first.cells is not None and second.cells is not None:
        excluded = (
            first.cells.viable == second.cells.viable
            and not first.when.is_span
            and first.cells.percent + second.cells.percent > 100.0 + 1e-9
        )
    elif first.statistic is not None and second.statistic is not None:
        excluded = first.statistic == second.statistic or (
            _CELL_ORDER[first.statistic] < _CELL_ORDER[second.statistic]
        )
    else:
        excluded = low.place == "depth"
    if excluded:
        raise SpecError(
            f"KG-155: '{first}' and '{second}' exclude each other: no regimen can do both."
        )
