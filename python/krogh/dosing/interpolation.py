"""Covariates between their records: NOCB, LOCF and linear.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["interpolate"]

Numbers = NDArray[np.float64]


def interpolate(
    clock: Numbers, values: Numbers, times: Numbers, rule: Literal["nocb", "locf", "linear"]
) -> Numbers:
    """Return the covariate at some times.

    Parameters
    ----------
    clock, values
        Times of the records, not decreasing, and the values there, shape (num_records,).
    times
        Where the value is wanted, any shape.
    rule
        ``"nocb"``: the value of a record holds on the interval that ends at it, the end included
        (NONMEM's rule); ``"locf"``: on the interval that starts at it, the start included;
        ``"linear"``: straight lines between.  Before the first and after the last record their
        values hold.

    Notes
    -----
    Of several records at one time the last one counts for LOCF and the first one for NOCB at that
    time itself; between records the nearest one on the side of the rule counts.
    """
    if rule == "nocb":
        index = np.searchsorted(clock, times, side="left")
        return values[np.minimum(index, len(clock) - 1)]
    if rule == "locf":
        index = np.searchsorted(clock, times, side="right") - 1
        return values[np.maximum(index, 0)]
    return _linear(clock, values, times)


def _linear(clock: Numbers, values: Numbers, times: Numbers) -> Numbers:
    right = np.clip(np.searchsorted(clock, times, side="right"), 1, max(len(clock) - 1, 1))
    right = np.minimum(right, len(clock) - 1)
    left = np.maximum(right - 1, 0)
    width = clock[right] - clock[left]
    inside = np.clip(times, clock[0], clock[-1])
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = np.where(width > 0, (inside - clock[left]) / width, 1.0)
    result: Numbers = values[left] + (values[right] - values[left]) * weight
    return result
