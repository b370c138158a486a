"""Measurements known as limits only: their likelihood, their moments, their information.

SPDX-License-Identifier: BSD-3-Clause

A value below a limit of quantification U contributes the probability Phi((U - f)/s) to the
likelihood (Tobin 1958, doi 10.2307/1907382; "M3" of Beal 2001, doi 10.1023/A:1012299115260), one
between L and U contributes Phi((U - f)/s) - Phi((L - f)/s).

The search stays one of least squares by expectation and maximization (Dempster, Laird and Rubin
1977, doi 10.1111/j.2517-6161.1977.tb01600.x): a censored value is replaced by its expectation, and
its variance is added to the squares, both at the point from which the search goes on; every round
lowers -2 ln L.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Imputation", "information_of", "log_probability", "moments", "sigma_of"]

Floats = NDArray[np.float64]

_HALF_LOG_TWO_PI: Final = 0.5 * math.log(2.0 * math.pi)
_MOST_ROUNDS: Final = 2000


@dataclass(frozen=True)
class Imputation:
    """What stands for censored values in one round of the search.

    Attributes
    ----------
    rows
        Positions of the censored measurements.
    offsets
        Expected value less the stated limit, shape (num_censored,).
    roots
        Standard deviation of the value, shape (num_censored,).
    """

    rows: NDArray[np.int64]
    offsets: Floats
    roots: Floats


def log_probability(a: Floats, b: Floats) -> Floats:
    """Return ln(Phi(b) - Phi(a)) for a < b, from the tail that keeps the digits."""
    from scipy.special import log_ndtr

    mirrored = a > 0.0
    low, high = np.where(mirrored, -b, a), np.where(mirrored, -a, b)
    upper = log_ndtr(high)
    with np.errstate(divide="ignore"):
        found: Floats = upper + np.log1p(-np.exp(log_ndtr(low) - upper))
    return found


def _ratios(a: Floats, b: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the densities at a and b over the probability, and a and b, 0 where infinite."""
    log_p = log_probability(a, b)
    a0, b0 = np.where(np.isfinite(a), a, 0.0), np.where(np.isfinite(b), b, 0.0)
    at_a = np.where(np.isfinite(a), np.exp(-0.5 * a0**2 - _HALF_LOG_TWO_PI - log_p), 0.0)
    at_b = np.where(np.isfinite(b), np.exp(-0.5 * b0**2 - _HALF_LOG_TWO_PI - log_p), 0.0)
    return at_a, at_b, a0, b0


def moments(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance of a standard normal number between a and b."""
    at_a, at_b, a0, b0 = _ratios(a, b)
    mean = at_a - at_b
    return mean, np.maximum(1.0 + a0 * at_a - b0 * at_b - mean**2, 0.0)


def sigma_of(weighted: Floats, low: Floats, high: Floats, floor: float) -> float:
    """Return sigma at its maximum.

    Parameters
    ----------
    weighted
        (y - f)/h of the measured values.
    low, high
        (limit - f)/h of the censored ones.
    floor
        Smallest value.
    """
    n = weighted.size + low.size
    square = float(np.sum(weighted**2))
    sigma = max(math.sqrt(square / max(weighted.size, 1)), floor)
    for _ in range(_MOST_ROUNDS if low.size else 0):
        mean, variance = moments(low / sigma, high / sigma)
        new = math.sqrt((square + sigma**2 * float(np.sum(mean**2 + variance))) / n)
        done = abs(new - sigma) <= 1e-13 * sigma
        sigma = max(new, floor)
        if done:
            break
    return sigma


def information_of(
    sigma: float,
    weighted: Floats,
    low: Floats,
    high: Floats,
    measured: tuple[Floats, Floats],
    censored: tuple[Floats, Floats],
) -> Floats:
    """Return the observed information of the variables, ln(sigma) eliminated.

    Second derivatives of prediction and h are left out: their expectation is zero.

    Parameters
    ----------
    sigma
        At its maximum.
    weighted, low, high
        As for `sigma_of`.
    measured, censored
        (f'/h, (ln h)') of each row, each of shape (num_rows, num_variables).
    """

    def extended(pair: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
        count = pair[0].shape[0]
        mean = np.column_stack([pair[0] / sigma, np.zeros(count)])
        return mean, np.column_stack([pair[1], np.ones(count)])

    def gram(left: Floats, weights: Floats, right: Floats) -> Floats:
        product: Floats = left.T @ (weights[:, None] * right)
        return product

    mean, log_s = extended(measured)
    z = weighted / sigma
    total = mean.T @ mean + gram(log_s, 2.0 * z**2, log_s)
    cross = gram(mean, 2.0 * z, log_s)
    mean, log_s = extended(censored)
    at_a, at_b, a, b = _ratios(low / sigma, high / sigma)
    aa, bb, ab = a * at_a - at_a**2, -b * at_b - at_b**2, at_a * at_b
    total -= gram(mean, aa + bb + 2.0 * ab, mean)
    total -= gram(log_s, aa * a**2 + bb * b**2 + 2.0 * ab * a * b + b * at_b - a * at_a, log_s)
    cross -= gram(mean, aa * a + bb * b + ab * (a + b) + at_b - at_a, log_s)
    total += cross + cross.T
    eliminated: Floats = total[:-1, :-1] - np.outer(total[:-1, -1], total[-1, :-1]) / total[-1, -1]
    return eliminated
