"""The times that the targets of a search need, and no others.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from krogh.dose.binding import Bound

__all__ = ["times_for"]

Floats = NDArray[np.float64]

_PER_DOSE: Final = 16
_MOST: Final = 240
_SPAN: Final = 24
_MOMENT: Final = 1.0
"""Seconds before and after a dose: long for the clock, too short for anything to move."""


def times_for(
    bounds: Sequence[Bound], starts: Sequence[float], ends: Sequence[float], until: float
) -> Floats:
    """Return the times to record, s, increasing, from 0 to the end of the run.

    Parameters
    ----------
    bounds
        What is evaluated.
    starts, ends
        Of doses and of infusions, s.
    until
        End of the run, s.

    Notes
    -----
    Areas and maxima of the plasma are taken over `_PER_DOSE` times after each dose, evenly on the
    logarithm, and the ends of infusions; shares of a stretch of time over 24 times of that stretch.
    """
    found: set[float] = {0.0, until}
    for bound in bounds:
        when, measure = bound.target.when, bound.target.measure
        for quantity in (when.begin, when.end, when.amount if when.kind == "at" else None):
            if quantity is not None:
                found.add(quantity.internal)
        if bound.place == "plasma" and (when.is_span or measure not in _MOMENTS):
            found |= _curve(starts, ends, until)
        if measure == "plasma trough":
            found |= {s - _MOMENT for s in starts if s > _MOMENT}
        if when.is_span:
            begin = 0.0 if when.begin is None else when.begin.internal
            end = until if when.end is None else when.end.internal
            found |= set(np.linspace(begin, end, _SPAN + 1).tolist())
            found |= {s for s in starts if begin < s < end}
    times = np.array(sorted(time for time in found if 0.0 <= time <= until))
    apart = np.concatenate([[True], np.diff(times) > 1e-9 * until])
    apart[-1] = True
    kept: Floats = times[apart]
    if kept.size > 1 and kept[-1] - kept[-2] <= 1e-9 * until:
        kept = np.delete(kept, -2)
    return kept


_MOMENTS: Final = ("plasma concentration", "plasma trough", "output")


def _curve(starts: Sequence[float], ends: Sequence[float], until: float) -> set[float]:
    """Return times that follow a plasma curve."""
    inside = [s for s in starts if s < until]
    per_dose = int(np.clip(_MOST // max(len(inside), 1), 4, _PER_DOSE))
    found: set[float] = set(ends)
    for start, following in zip(inside, [*inside[1:], until], strict=True):
        gap = following - start
        if gap <= 0.0:
            continue
        shortest = min(600.0, 0.05 * gap)
        brief = min(_MOMENT, 1e-3 * gap)
        found |= {start - brief, start, start + brief}
        found |= set((start + np.geomspace(shortest, gap, per_dose)).tolist())
        for end in ends:
            if start < end < following:  # after an infusion the fall begins anew
                rest = following - end
                found |= set((end + np.geomspace(min(600.0, 0.05 * rest), rest, 6)).tolist())
    return found
