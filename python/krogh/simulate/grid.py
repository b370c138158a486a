"""Times at which outputs are reported, and the unit in which times are shown.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.dosing import Regimen
from krogh.errors import SpecError
from krogh.schedule import seconds_of
from krogh.units import factor, parse_quantity, parse_unit, require_dimension

__all__ = ["grid_of", "time_unit_of", "times_of"]

_DEFAULT_POINTS: Final = 201
_MOST_POINTS: Final = 10_000_000


def times_of(times: Any) -> NDArray[np.float64]:
    """Return observation times in s, increasing, each once.

    Parameters
    ----------
    times
        ``([0, 1, 2], "d")``, a pint quantity, or texts with units (``["0 h", "30 min"]``).

    Raises
    ------
    SpecError
        KG-119 for numbers without a unit, or times that are not finite.
    """
    if isinstance(times, tuple) and len(times) == 2 and isinstance(times[1], str):
        first = times[0]
        if not (isinstance(first, str) and _is_time(times[1])):
            require_dimension(times[1], "h", "times")
            values = np.asarray(first, dtype=np.float64).reshape(-1) * factor(times[1])
            return _checked(values)
    if hasattr(times, "magnitude") and hasattr(times, "units"):
        unit = parse_unit(times).text
        require_dimension(unit, "h", "times")
        return _checked(np.asarray(times.magnitude, dtype=np.float64).reshape(-1) * factor(unit))
    if isinstance(times, str):
        return _checked(np.array([seconds_of(times, "times")]))
    items = list(np.asarray(times, dtype=object).reshape(-1)) if np.ndim(times) else [times]
    if not items or not all(isinstance(t, str) for t in items):
        raise SpecError(
            "KG-119: times need a unit: times=([0, 1, 2], 'd') or times=['0 h', '30 min']; units"
            " are never guessed."
        )
    return _checked(np.array([seconds_of(t, "times") for t in items]))


def _is_time(text: str) -> bool:
    return text.strip()[:1].isdigit() or text.strip()[:1] in "+-."


def _checked(values: NDArray[np.float64]) -> NDArray[np.float64]:
    if values.size == 0 or not np.all(np.isfinite(values)):
        raise SpecError("KG-119: times must be finite, and there must be at least one.")
    return np.unique(values)


def grid_of(
    times: Any, until: Any, every: Any, regimen: Regimen | None
) -> tuple[NDArray[np.float64], float]:
    """Return observation times and the end of the run, both in s.

    Without `times` the grid runs from 0 (or an earlier first dose) to `until`, by default one
    dosing interval after the last dose, in steps of `every`, by default in 200 equal steps joined
    by the times of doses and ends of infusions.

    Raises
    ------
    SpecError
        KG-119 where nothing says how long to simulate, or the arguments contradict each other.
    """
    grid: NDArray[np.float64]
    if times is not None:
        if every is not None:
            raise SpecError("KG-119: give either times or every, not both.")
        grid = times_of(times)
        end = float(grid[-1]) if until is None else seconds_of(until, "until")
        if end < grid[-1]:
            raise SpecError("KG-119: times go beyond until; leave until out.")
        return grid, end
    end = _end_of(regimen) if until is None else seconds_of(until, "until")
    begin = 0.0 if regimen is None else min(0.0, regimen.start)
    if not end > begin:
        raise SpecError(f"KG-119: the run must end after it begins; until = {until!r}.")
    if every is not None:
        step = seconds_of(every, "every")
        if not (step > 0.0 and (end - begin) / step <= _MOST_POINTS):
            raise SpecError(f"KG-119: every = {every!r} is not a positive step of a sensible size.")
        count = int(np.floor((end - begin) / step * (1.0 + 1e-12)))
        grid = begin + step * np.arange(count + 1, dtype=np.float64)
        return grid, end
    grid = np.linspace(begin, end, _DEFAULT_POINTS)
    return np.unique(np.concatenate([grid, _marks(regimen, end)])), end


def _end_of(regimen: Regimen | None) -> float:
    if regimen is None or regimen.is_open_ended:
        raise SpecError("KG-119: say how long to simulate: until='21 d' or times=([...], 'd').")
    last = max(regimen.doses, key=lambda dose: dose.last_time)
    if last.interval <= 0.0:
        raise SpecError(
            "KG-119: the last dose has no interval; say how long to simulate: until='21 d' or"
            " times=([...], 'd')."
        )
    return max(dose.last_time + dose.interval for dose in regimen.doses)


def _marks(regimen: Regimen | None, end: float) -> NDArray[np.float64]:
    """Return times of doses and ends of infusions up to `end`."""
    marks: list[NDArray[Any]] = [np.zeros(0)]
    for dose in [] if regimen is None else regimen.doses:
        count = dose.additional
        if count is None:
            count = int((end - dose.time) / dose.interval)
        begins = dose.time + dose.interval * np.arange(min(count, 100_000) + 1)
        marks += [begins] if dose.duration is None else [begins, begins + dose.duration]
    times = np.concatenate(marks)
    return times[times <= end]


def time_unit_of(chosen: str | None, candidates: list[Any], span: float) -> str:
    """Return the unit for times: the chosen one, else a candidate's, else one for the span."""
    if chosen is not None:
        require_dimension(chosen, "h", "time_unit")
        return chosen
    for candidate in candidates:
        if isinstance(candidate, tuple) and len(candidate) == 2 and isinstance(candidate[1], str):
            return candidate[1]
        if isinstance(candidate, str):
            return parse_quantity(candidate, "a time").unit
        if hasattr(candidate, "magnitude") and hasattr(candidate, "units"):
            return parse_unit(candidate).text
    if span > 3.0 * 86400.0:
        return "d"
    return "h" if span > 2.0 * 3600.0 else "min"
