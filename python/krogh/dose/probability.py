"""Probabilities from counts, with their Monte Carlo error, and paired differences.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["NORMAL_975", "Difference", "paired_difference", "standard_error", "wilson"]

Floats = NDArray[np.float64]

NORMAL_975: Final = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution: intervals of 95 %."""


def standard_error(count: Any, number: int) -> Floats:
    """Return the standard error sqrt(p (1 - p)/n) of the share ``count/number``, any shape."""
    p = np.asarray(count, dtype=np.float64) / number
    error: Floats = np.sqrt(p * (1.0 - p) / number)
    return error


def wilson(count: Any, number: int, z: float = NORMAL_975) -> tuple[Floats, Floats]:
    """Return the score interval of a probability (Wilson 1927, J Am Stat Assoc 22:209).

    It stays inside 0 to 1 and is sound at 0 and at `number` successes, where the binomial standard
    error is zero (Brown, Cai & DasGupta 2001, Stat Sci 16:101, doi:10.1214/ss/1009213286, eq. 4).

    Parameters
    ----------
    count
        Successes, any shape.
    number
        Trials.
    z
        Quantile of the normal distribution; the default gives 95 %.
    """
    k = np.asarray(count, dtype=np.float64)
    center = (k + 0.5 * z * z) / (number + z * z)
    half = z * np.sqrt(k * (number - k) / number + 0.25 * z * z) / (number + z * z)
    low: Floats = np.where(k <= 0.0, 0.0, center - half)
    high: Floats = np.where(k >= number, 1.0, center + half)
    return low, high


@dataclass(frozen=True)
class Difference:
    """The difference of two probabilities over the same virtual tumours.

    Attributes
    ----------
    value
        First minus second.
    error
        Standard error; the tumours that agree cancel out.
    only_first, only_second
        How many tumours reach the targets with one regimen alone.
    """

    value: float
    error: float
    only_first: int
    only_second: int

    @property
    def is_clear(self) -> bool:
        """Whether zero lies outside the 95 % interval."""
        return abs(self.value) > NORMAL_975 * self.error


def paired_difference(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Difference:
    """Return the paired difference of two shares, shapes (tumours,).

    With b and c discordant pairs of n, the difference is (b - c)/n with the variance
    (b + c - (b - c)^2/n)/n^2 (Fleiss, Levin & Paik, Statistical Methods for Rates and Proportions,
    2003, section 13.1).
    """
    n = first.size
    b = int(np.sum(first & ~second))
    c = int(np.sum(second & ~first))
    value = (b - c) / n
    return Difference(value, math.sqrt(max(b + c - (b - c) ** 2 / n, 0.0)) / n, b, c)
