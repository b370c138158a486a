"""Values below and above limits: moments, likelihood, information, and fits against an optimizer.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from krogh.dosing import EventTable
from krogh.fit import Free, fit
from krogh.fit.censoring import log_probability, moments
from krogh.model import Model
from scipy.optimize import minimize
from scipy.stats import norm, truncnorm

Make = Callable[..., EventTable]
T = np.repeat(np.arange(10.0), 3)
DRAWS = np.random.default_rng(12).standard_normal(T.size)


@pytest.mark.parametrize(
    ("a", "b"), [(-np.inf, 0.3), (-np.inf, -9.0), (1.0, np.inf), (-0.5, 0.7), (3.0, 3.5)]
)
def test_probability_and_moments(a: float, b: float) -> None:
    one, other = np.array([a]), np.array([b])
    exact = truncnorm(a, b)
    assert np.exp(log_probability(one, other)) == pytest.approx(
        norm.sf(a) - norm.sf(b) if a > 0 else norm.cdf(b) - norm.cdf(a), rel=1e-10
    )
    mean, variance = moments(one, other)
    assert mean == pytest.approx(exact.mean(), rel=1e-8)
    assert variance == pytest.approx(exact.var(), rel=1e-5)


def test_the_far_tail_keeps_its_digits() -> None:
    mean, variance = moments(np.array([-np.inf]), np.array([-30.0]))
    # Asymptotic series of Mills' ratio: mean -b - 1/b + 2/b^3 - 10/b^5, variance 1/b^2 - 6/b^4.
    assert mean[0] == pytest.approx(-30.0 - 1 / 30 + 2 / 30**3 - 10 / 30**5, rel=1e-9)
    assert variance[0] == pytest.approx(1 / 900 - 6 / 30**4, rel=1e-3)


def curve(error: str, a: float, b: float) -> np.ndarray:
    return a + b * T if error == "additive" else np.exp(a + b * T)


def minus_twice_log_likelihood(
    x: np.ndarray, error: str, y: np.ndarray, low: np.ndarray, high: np.ndarray
) -> float:
    """Written out: density where measured, probability where censored."""
    f, sigma = curve(error, x[0], x[1]), np.exp(x[2])
    is_measured = np.isnan(low)
    if error == "log":
        with np.errstate(divide="ignore"):
            y_, low, high, f = np.log(y), np.log(np.maximum(low, 0)), np.log(high), np.log(f)
        jacobian = 2.0 * np.sum(np.log(y[is_measured]))
    else:
        y_, jacobian = y, 0.0
    s = sigma * (f if error == "proportional" else np.ones(T.size))
    measured = norm.logpdf(y_, f, s)[is_measured].sum()
    inside = norm.cdf((high - f) / s) - norm.cdf((low - f) / s)
    return float(-2.0 * (measured + np.log(inside[~is_measured]).sum()) + jacobian)


@pytest.mark.parametrize("error", ["additive", "proportional", "log"])
@pytest.mark.parametrize("kind", ["below", "above", "interval"])
def test_fits_are_those_of_a_general_optimizer(error: str, kind: str, points: Make) -> None:
    from krogh.model import Output, Parameter, Species

    growth = Model(
        "curve",
        Parameter("a", "1 1"),
        Parameter("b", "0.1 1/h"),
        Species("x", "mg/L"),
        Output(
            "y", f"1[mg/L]*{'(a + b*t)' if error == 'additive' else 'exp(a + b*t)'}", unit="mg/L"
        ),
    )
    f = curve(error, 1.2, -0.2)
    sd = 0.6 if error == "additive" else 0.3
    y = (
        f * np.exp(sd * DRAWS)
        if error == "log"
        else f + sd * DRAWS * (1 if error == "additive" else f)
    )
    limit = float(np.quantile(y, 0.75 if kind == "above" else 0.3))
    is_censored = y > limit if kind == "above" else y < limit
    shown = np.where(is_censored, limit, y)
    other = 0.2 * limit if limit > 0 else 3.0 * limit
    cens = np.where(is_censored, -1 if kind == "above" else 1, 0)
    columns = {"CENS": cens}
    low, high = np.full(y.size, np.nan), np.full(y.size, np.nan)
    if kind == "above":
        low[is_censored], high[is_censored] = limit, np.inf
    else:
        low[is_censored], high[is_censored] = -np.inf, limit
        if kind == "interval":
            low[is_censored] = other
            columns["LIMIT"] = np.where(is_censored, other, np.nan)
    free = {name: Free(scale="linear") for name in ("a", "b")}
    found = fit(growth, points(T, shown, **columns), free, error=error, spread=1.5, starts=4)
    assert found.converged
    best = minimize(
        minus_twice_log_likelihood,
        [1.2, -0.2, np.log(sd)],
        (error, shown, low, high),
        method="Nelder-Mead",
        options={"xatol": 1e-10, "fatol": 1e-12, "maxiter": 5000, "maxfev": 5000},
    )
    assert found.objective == pytest.approx(best.fun, abs=1e-6)
    assert [found["a"].value, found["b"].value] == pytest.approx(best.x[:2], abs=2e-4)
    assert f"{np.count_nonzero(is_censored)} of the values are limits" in str(found)


def test_standard_errors_are_those_of_the_observed_information(line: Model, points: Make) -> None:
    """A straight line has no second derivatives: the information is the Hessian of -ln L."""
    y = 3.0 - 0.4 * T + 0.7 * DRAWS
    is_censored = y < 1.0
    shown = np.where(is_censored, 1.0, y)
    low = np.where(is_censored, -np.inf, np.nan)
    high = np.where(is_censored, 1.0, np.nan)
    free = {name: Free(scale="linear") for name in ("a", "b")}
    table = points(T, shown, CENS=is_censored.astype(int))
    found = fit(line, table, free, observables="y", error="additive", starts=4)
    n, p = T.size, 2
    sigma = found.errors["sd"][0] * np.sqrt((n - p) / n)
    x = np.array([found["a"].value, found["b"].value, np.log(sigma)])

    def value(at: np.ndarray) -> float:
        return 0.5 * minus_twice_log_likelihood(at, "additive", shown, low, high)

    hessian = np.zeros((3, 3))
    step = 1e-4
    for i in range(3):
        for j in range(3):
            e, g = step * np.eye(3)[i], step * np.eye(3)[j]
            hessian[i, j] = (
                value(x + e + g) - value(x + e - g) - value(x - e + g) + value(x - e - g)
            ) / (4 * step**2)
    expected = np.linalg.inv(hessian)[:2, :2] * n / (n - p)
    assert found.covariance == pytest.approx(expected, rel=1e-4)


def test_dropping_is_biased_and_the_censored_likelihood_is_not(oral: Model) -> None:
    """Late samples below the limit: without them elimination looks slower than it is."""
    draws = np.random.default_rng(4).standard_normal((40, 5))
    times = np.array([1.0, 4.0, 12.0, 24.0, 36.0])
    ke, ka = 0.1, 1.5
    f = 100.0 * ka / 40.0 / (ka - ke) * (np.exp(-ke * times) - np.exp(-ka * times))
    y = f * np.exp(0.5 * draws)
    limit = 0.15
    is_censored = y < limit
    assert 0.1 < is_censored.mean() < 0.3
    first = np.zeros((40, 1))
    rows = {
        "ID": np.repeat(np.arange(40), 6),
        "TIME": np.tile([0.0, *times], 40),
        "EVID": np.hstack([first + 1, 0 * y]).ravel(),
        "AMT": np.hstack([first + 100, 0 * y]).ravel(),
        "DV": np.hstack([first, np.where(is_censored, limit, y)]).ravel(),
        "MDV": np.hstack([first + 1, 0 * y]).ravel(),
        "CENS": np.hstack([first, is_censored]).ravel(),
    }
    table = EventTable.from_frame(rows, units={"TIME": "h", "AMT": "mg", "DV": "mg/L"})
    names, kept = ["CL", "V", "KA"], rows["CENS"] == 0
    censored = fit(oral, table, names, error="log", starts=4)
    dropped = fit(oral, table, names, error="log", starts=4, include=kept)
    assert censored.converged
    assert dropped.num_observations == censored.num_observations - is_censored.sum()
    low, high = censored.interval("CL", 0.95)
    assert low < 4.0 < high
    low, high = dropped.interval("CL", 0.95)
    assert high < 4.0
    seen = censored.observations
    assert np.array_equal(seen["censored"] == "below", is_censored.ravel())
    assert np.array_equal(np.isnan(seen["standardized"]), is_censored.ravel())
    labels = [t.get_text() for t in censored.plot(log=True).legends[0].texts]
    assert labels == ["fit", "measured", "limit"]
