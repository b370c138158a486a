"""Residual errors: standardized residuals, the likelihood, and the information of the parameters.

SPDX-License-Identifier: BSD-3-Clause

A measurement y of a prediction f has the standard deviation s = sigma h, with

=============  =====================================  =============================================
error          h                                      measured
=============  =====================================  =============================================
additive       1                                      y
proportional   f (positive)                           y
combined       sqrt((1 - w) c^2 + w f^2)              y; c is the median measurement, w is estimated
log            1                                      ln y, of a prediction ln f
=============  =====================================  =============================================

The combined error has the variance a^2 + b^2 f^2 with a = sigma c sqrt(1 - w), b = sigma sqrt(w).

Measurements are independent and normal.  With sigma at its maximum for given h, sigma^2 =
mean((y - f)^2 / h^2), twice the negative logarithm of the likelihood of a stratum of n measurements
is n ln(S) + constant, where S is the sum of squares of rho = (y - f) g / h and g the geometric mean
of h.  So maximum likelihood *is* nonlinear least squares in rho, also where the error depends on
the prediction (the device of Box and Cox 1964, doi 10.1111/j.2517-6161.1964.tb00553.x, section 3).
Values below a limit of quantification have the likelihood of `krogh.fit.censoring`.

With several strata the weighted sum of their S is minimized with weights n/S renewed until they
stay: ln S <= ln S0 + (S - S0)/S0, so every round lowers the objective (a majorization, Hunter and
Lange 2004, doi 10.1198/0003130042836).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from krogh.fit.censoring import Imputation, information_of, log_probability, moments, sigma_of
from krogh.fit.observations import Observations, Stratum
from krogh.fit.prediction import Prediction

__all__ = ["Likelihood", "Residuals", "likelihood_at", "residuals_at"]

ROUND_OFF: Final = float(np.finfo(np.float64).eps)
TINY: Final = float(np.finfo(np.float64).tiny)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Residuals:
    """Residuals before weighting, in the order of the measurements.

    Attributes
    ----------
    deviations
        y - f, or ln y - ln f, shape (n,).
    spreads
        h, shape (n,).
    spread_slopes
        d(ln h)/d(variable), shape (n, num_variables).
    slopes
        d(f or ln f)/d(variable), shape (n, num_variables).
    low, high
        Limits of censored values less f (their logarithms where the error is logarithmic), NaN for
        measured ones, shape (n,).
    """

    deviations: Floats
    spreads: Floats
    spread_slopes: Floats
    slopes: Floats
    low: Floats
    high: Floats

    def censored(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return which of some rows are measured, and which are censored."""
        is_censored = ~np.isnan(self.low[rows])
        return rows[~is_censored], rows[is_censored]

    def sigma(self, stratum: Stratum) -> float:
        """Return sigma of a stratum at its maximum.

        A residual below round-off is not told from one at round-off: ln(sigma) stays finite.
        """
        floor = max(ROUND_OFF * (stratum.size if stratum.error == "additive" else 1.0), TINY)
        measured, censored = self.censored(stratum.rows)
        h = self.spreads
        return sigma_of(
            self.deviations[measured] / h[measured],
            self.low[censored] / h[censored],
            self.high[censored] / h[censored],
            floor,
        )

    def imputed(self, observations: Observations) -> Imputation:
        """Return expectations and variances of the censored values at this point."""
        rows = np.flatnonzero(~np.isnan(self.low))
        spread = np.zeros(self.low.size)
        for stratum in observations.strata:
            _, censored = self.censored(stratum.rows)
            if censored.size:
                spread[censored] = self.sigma(stratum) * self.spreads[censored]
        s = spread[rows]
        mean, variance = moments(self.low[rows] / s, self.high[rows] / s)
        return Imputation(rows, s * mean - self.deviations[rows], s * np.sqrt(variance))

    def scaled(self, observations: Observations, imputation: Imputation) -> tuple[Floats, Floats]:
        """Return rho = (y - f) g / h and its derivatives.

        Censored values are replaced; behind the rows of all measurements stand those of their
        standard deviations.
        """
        rows = imputation.rows
        deviations = self.deviations.copy()
        deviations[rows] += imputation.offsets
        rho = deviations / self.spreads
        slopes = -self.slopes / self.spreads[:, None] - rho[:, None] * self.spread_slopes
        extra = imputation.roots / self.spreads[rows]
        extra_slopes = -extra[:, None] * self.spread_slopes[rows]
        for stratum in observations.strata:
            mine = stratum.rows
            mean = math.exp(float(np.mean(np.log(self.spreads[mine]))))
            slope = self.spread_slopes[mine].mean(axis=0)
            slopes[mine] = mean * (slopes[mine] + rho[mine, None] * slope)
            rho[mine] *= mean
            own = np.isin(rows, mine)
            extra_slopes[own] = mean * (extra_slopes[own] + extra[own, None] * slope)
            extra[own] *= mean
        return np.concatenate([rho, extra]), np.concatenate([slopes, extra_slopes])


def residuals_at(
    observations: Observations, prediction: Prediction, shares: dict[int, tuple[int, float]]
) -> Residuals | None:
    """Return the residuals, or None where an error model has no value at this prediction.

    Parameters
    ----------
    shares
        Position of a stratum with a combined error to (column of w among the variables, w).  The
        derivatives have columns for the estimated parameters and behind them for each w.
    """
    f, y = prediction.values, observations.values
    if not np.all(np.isfinite(f)) or not np.all(np.isfinite(prediction.slopes)):
        return None
    size = prediction.slopes.shape[1] + len(shares)
    slopes = np.zeros((y.size, size))
    slopes[:, : prediction.slopes.shape[1]] = prediction.slopes
    deviations, spreads = y - f, np.ones(y.size)
    low, high = observations.low - f, observations.high - f
    spread_slopes = np.zeros((y.size, size))
    for k, stratum in enumerate(observations.strata):
        mine = stratum.rows
        own = f[mine]
        if stratum.error == "additive":
            continue
        if stratum.error in ("log", "proportional"):
            if not np.all(own > 0.0):
                return None
            relative = slopes[mine] / own[:, None]
            if stratum.error == "log":
                deviations[mine] = np.log(y[mine]) - np.log(own)
                with np.errstate(divide="ignore"):  # nothing is below 0
                    low[mine] = np.log(np.maximum(observations.low[mine], 0.0)) - np.log(own)
                    high[mine] = np.log(observations.high[mine]) - np.log(own)
                slopes[mine] = relative
            else:
                spreads[mine], spread_slopes[mine] = own, relative
            continue
        column, w = shares[k]
        square = (1.0 - w) * stratum.size**2 + w * own**2
        if not np.all(square > 0.0):
            return None
        spreads[mine] = np.sqrt(square)
        spread_slopes[mine] = (w * own / square)[:, None] * slopes[mine]
        spread_slopes[mine, column] = (own**2 - stratum.size**2) / (2.0 * square)
    return Residuals(deviations, spreads, spread_slopes, slopes, low, high)


@dataclass(frozen=True)
class Likelihood:
    """Likelihood at one point.

    Attributes
    ----------
    objective
        -2 ln L of the measurements, all constants included.
    sigma, sigma_unbiased
        Of each stratum, shape (num_strata,): at its maximum, which the objective holds, and for
        n - p degrees of freedom, which the standard errors hold (NaN for n <= p).
    whitened
        Derivatives whose Gram matrix is the expected (Fisher) information of the variables, sigma
        eliminated; shape (num_rows, num_variables).
    """

    objective: float
    sigma: Floats
    sigma_unbiased: Floats
    whitened: Floats

    def spreads(self, observations: Observations, residuals: Residuals) -> Floats:
        """Return the standard deviation of each measurement, for n - p degrees of freedom."""
        sigma = np.zeros(observations.values.size)
        for k, stratum in enumerate(observations.strata):
            sigma[stratum.rows] = self.sigma_unbiased[k]
        return sigma * residuals.spreads


def likelihood_at(observations: Observations, residuals: Residuals, num_free: int) -> Likelihood:
    """Return the objective, sigma, and the root of the information.

    With s = sigma h and f', d = (ln h)': the information of the variables is sum(f' f'^T / s^2) +
    2 sum(d d^T); eliminating ln(sigma) (2n, with 2 sum(d)) leaves d minus its mean.

    Parameters
    ----------
    num_free
        Variables that are estimated, p.
    """
    n = observations.values.size
    freedom = max(n - num_free, 0) / n
    objective = n * math.log(2.0 * math.pi)
    sigma = np.zeros(len(observations.strata))
    unbiased = np.zeros(len(observations.strata))
    blocks: list[Floats] = []
    for k, stratum in enumerate(observations.strata):
        mine = stratum.rows
        sigma[k] = residuals.sigma(stratum)
        unbiased[k] = sigma[k] / math.sqrt(freedom) if freedom > 0.0 else math.nan
        measured, censored = residuals.censored(mine)
        h = residuals.spreads
        weighted = residuals.deviations[measured] / h[measured]
        low, high = residuals.low[censored] / h[censored], residuals.high[censored] / h[censored]
        objective += measured.size * 2.0 * math.log(sigma[k])
        objective += float(np.sum((weighted / sigma[k]) ** 2))
        objective += 2.0 * float(np.sum(np.log(h[measured])))
        if stratum.error == "log":  # density of y, not of ln y, so that AIC compares errors
            objective += 2.0 * float(np.sum(np.log(observations.values[measured])))
        if censored.size:
            objective -= 2.0 * float(np.sum(log_probability(low / sigma[k], high / sigma[k])))
            objective -= censored.size * math.log(2.0 * math.pi)
            pairs = [
                (residuals.slopes[rows] / h[rows, None], residuals.spread_slopes[rows])
                for rows in (measured, censored)
            ]
            information = information_of(sigma[k], weighted, low, high, pairs[0], pairs[1])
            values, vectors = np.linalg.eigh(freedom * information)
            blocks.append((vectors * np.sqrt(np.maximum(values, 0.0))).T)
            continue
        centered = residuals.spread_slopes[mine] - residuals.spread_slopes[mine].mean(axis=0)
        scale = unbiased[k] if unbiased[k] > 0.0 else 1.0
        blocks.append(residuals.slopes[mine] / (scale * residuals.spreads[mine])[:, None])
        if np.any(centered):
            blocks.append(math.sqrt(2.0) * centered)
    whitened = np.concatenate(blocks)
    return Likelihood(objective, sigma, unbiased, whitened)
