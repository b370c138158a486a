"""Residual errors: objective, derivatives, information, against formulas written out.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from krogh.fit.censoring import Imputation
from krogh.fit.likelihood import likelihood_at, residuals_at
from krogh.fit.observations import Observations, Stratum
from krogh.fit.prediction import Prediction

N = 12
DRAWS = np.random.default_rng(7)
TIMES = np.linspace(0.2, 3.0, N)
VALUES = 5.0 * np.exp(-0.7 * TIMES) * np.exp(0.2 * DRAWS.standard_normal(N))
NONE = Imputation(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))
POINT = np.array([np.log(4.5), np.log(0.6), 0.4])


def observations(error: str, groups: int = 1) -> Observations:
    rows = np.array_split(np.arange(N), groups)
    strata = tuple(
        Stratum(f"y{k}", 0, error, mine, float(np.median(np.abs(VALUES[mine]))))
        for k, mine in enumerate(rows)
    )
    zeros = np.zeros(N, dtype=np.int64)
    none = np.full(N, np.nan)
    return Observations(zeros, zeros, zeros, zeros, VALUES, strata, 0, 0, none, none)


def prediction(x: np.ndarray) -> Prediction:
    f = np.exp(x[0]) * np.exp(-np.exp(x[1]) * TIMES)
    return Prediction(f, np.column_stack([f, -f * np.exp(x[1]) * TIMES]), "")


def residuals(error: str, x: np.ndarray, groups: int = 1):
    shares = {k: (2 + k, float(x[2])) for k in range(groups)} if error == "combined" else {}
    return residuals_at(observations(error, groups), prediction(x), shares)


def spread(error: str, x: np.ndarray, size: float) -> np.ndarray:
    f = prediction(x).values
    return {
        "additive": np.ones(N),
        "proportional": f,
        "combined": np.sqrt((1.0 - x[2]) * size**2 + x[2] * f**2),
    }[error]


@pytest.mark.parametrize("error", ["additive", "proportional", "combined"])
def test_the_objective_is_the_normal_density_at_the_best_sigma(error: str) -> None:
    f = prediction(POINT).values
    h = spread(error, POINT, float(np.median(VALUES)))
    sigma = np.sqrt(np.mean((VALUES - f) ** 2 / h**2))
    s = sigma * h
    expected = np.sum(np.log(2 * np.pi * s**2) + (VALUES - f) ** 2 / s**2)
    found = likelihood_at(observations(error), residuals(error, POINT), 2)
    assert found.objective == pytest.approx(expected, rel=1e-13)
    assert found.sigma[0] == pytest.approx(sigma, rel=1e-13)
    assert found.sigma_unbiased[0] == pytest.approx(sigma * np.sqrt(N / (N - 2)), rel=1e-13)


def test_the_logarithmic_error_has_the_density_of_the_measurement_itself() -> None:
    d = np.log(VALUES) - np.log(prediction(POINT).values)
    sigma = np.sqrt(np.mean(d**2))
    density = np.exp(-0.5 * d**2 / sigma**2) / (np.sqrt(2 * np.pi) * sigma * VALUES)  # log-normal
    found = likelihood_at(observations("log"), residuals("log", POINT), 2)
    assert found.objective == pytest.approx(-2 * np.sum(np.log(density)), rel=1e-12)


@pytest.mark.parametrize("error", ["additive", "proportional", "combined", "log"])
def test_the_sum_of_squares_orders_points_as_the_objective_does(error: str) -> None:
    """n ln(S) and -2 ln L differ by a constant."""
    gaps = []
    for k in range(4):
        x = POINT + 0.1 * k * np.array([1.0, -0.5, 0.3])
        r = residuals(error, x)
        rho = r.scaled(observations(error), NONE)[0]
        objective = likelihood_at(observations(error), r, 2).objective
        gaps.append(objective - N * np.log(np.sum(rho**2)))
    assert np.ptp(gaps) < 1e-11


@pytest.mark.parametrize("error", ["additive", "proportional", "combined", "log"])
@pytest.mark.parametrize("groups", [1, 2])
def test_the_derivatives_of_the_scaled_residuals(error: str, groups: int) -> None:
    x = np.concatenate([POINT[:2], np.full(groups, POINT[2])])

    def rho(at: np.ndarray) -> np.ndarray:
        shares = {k: (2 + k, float(at[2 + k])) for k in range(groups)}
        o = observations(error, groups)
        r = residuals_at(o, prediction(at), shares if error == "combined" else {})
        return r.scaled(o, NONE)[0]

    o = observations(error, groups)
    shares = {k: (2 + k, POINT[2]) for k in range(groups)} if error == "combined" else {}
    slopes = residuals_at(o, prediction(x), shares).scaled(o, NONE)[1]
    for j in range(slopes.shape[1]):
        step = np.zeros(x.size)
        step[j] = 1e-6
        numeric = (rho(x + step) - rho(x - step)) / 2e-6
        assert slopes[:, j] == pytest.approx(numeric, rel=1e-7, abs=1e-8)


def test_the_information_of_a_proportional_error_is_fishers() -> None:
    """Information of (theta, ln sigma) by numeric expectation over normal draws' moments."""
    f = prediction(POINT).values
    slopes = prediction(POINT).slopes
    found = likelihood_at(observations("proportional"), residuals("proportional", POINT), 2)
    sigma = found.sigma_unbiased[0]
    s, d = sigma * f, slopes / f[:, None]
    # For N(f, s^2): E[l' l'^T] = f' f'^T / s^2 + 2 (ln s)' (ln s)'^T.
    log_s = np.column_stack([d, np.ones(N)])
    mean = np.column_stack([slopes, np.zeros(N)])
    full = (mean / s[:, None]).T @ (mean / s[:, None]) + 2.0 * log_s.T @ log_s
    eliminated = full[:2, :2] - np.outer(full[:2, 2], full[2, :2]) / full[2, 2]
    assert found.whitened.T @ found.whitened == pytest.approx(eliminated, rel=1e-12)


@pytest.mark.parametrize("error", ["proportional", "log"])
def test_a_prediction_that_is_not_positive_has_no_residual(error: str) -> None:
    good = prediction(POINT)
    values = good.values.copy()
    values[3] = 0.0
    assert residuals_at(observations(error), Prediction(values, good.slopes, ""), {}) is None
    values[3] = np.nan
    assert residuals_at(observations("additive"), Prediction(values, good.slopes, ""), {}) is None
