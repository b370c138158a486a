"""Times of records: lists with units, an end, or a range such as "0..24 h by 1 h".

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError
from krogh.schedule import seconds_of
from krogh.simulate.grid import time_unit_of, times_of
from krogh.units import parse_quantity

__all__ = ["record_times"]

_RANGE: Final = re.compile(r"\s*(.+?)\s*\.\.\s*(.+?)\s*(?:\bby\b\s*(.+?)\s*)?\Z")
_POINTS: Final = 25
_MOST: Final = 1_000_000


def record_times(times: Any) -> tuple[NDArray[np.float64], str]:
    """Return times in s, increasing, and the unit in which to show them.

    Parameters
    ----------
    times
        ``"24 h"`` (that moment), ``"0..24 h by 1 h"``, ``"0..7 d"`` (25 points), ``([0, 1], "h")``
        or ``["0 h", "30 min"]``.

    Raises
    ------
    SpecError
        KG-119 for times without a unit, or a range that does not run forward.
    """
    if isinstance(times, str) and ".." in times:
        return _range(times)
    grid = times_of(times)
    first = times
    if not isinstance(times, (str, tuple)) and np.ndim(times) and not hasattr(times, "units"):
        first = list(times)[-1]
    return grid, time_unit_of(None, [first], float(grid[-1]))


def _range(text: str) -> tuple[NDArray[np.float64], str]:
    match = _RANGE.match(text)
    if match is None:
        raise SpecError(f"KG-119: times {text!r} cannot be read; write '0..24 h by 1 h'.")
    first, last, step = match.groups()
    unit = parse_quantity(last, "times").unit
    end = seconds_of(last, "times")
    begin = seconds_of(f"{first} {unit}" if _is_number(first) else first, "times")
    if not end > begin:
        raise SpecError(f"KG-119: times {text!r}: the end must come after the begin.")
    if step is None:
        return np.linspace(begin, end, _POINTS), unit
    width = seconds_of(step, "times")
    if not (width > 0.0 and (end - begin) / width <= _MOST):
        raise SpecError(f"KG-119: times {text!r}: {step!r} is no positive step of a sensible size.")
    count = int(np.floor((end - begin) / width * (1.0 + 1e-12)))
    grid = begin + width * np.arange(count + 1, dtype=np.float64)
    if end - grid[-1] > 1e-9 * (end - begin):
        grid = np.append(grid, end)
    else:
        grid[-1] = end
    return grid, unit


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
