"""Fits against closed forms, simulation, and published estimates.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import krogh as kg
import numpy as np
import pytest
from krogh.fit import Free
from numpy.typing import NDArray

pytestmark = pytest.mark.verification

NAMES = ("CL", "V", "KA")


@lru_cache(maxsize=1)
def oral() -> kg.Model:
    """One compartment, first-order absorption."""
    return kg.Model(
        "oral",
        kg.Parameter("CL", "3 L/h"),
        kg.Parameter("V", "30 L"),
        kg.Parameter("KA", "1.5 1/h"),
        kg.Species("depot", "mg"),
        kg.Species("central", "mg"),
        kg.Rate("depot", "-KA*depot"),
        kg.Rate("central", "KA*depot - CL/V*central"),
        kg.DoseInput("depot"),
        kg.Output("Cp", "central/V", unit="mg/L"),
    )


def concentration(
    dose: float, cl: float, v: float, ka: float, t: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Bateman's function."""
    ke = cl / v
    return dose * ka / v / (ka - ke) * (np.exp(-ke * t) - np.exp(-ka * t))


def table_of(values: NDArray[np.float64], times: NDArray[np.float64], dose: float):
    """Return subjects (rows of `values`) that get one dose at time 0, measured at `times`."""
    subjects, size = values.shape
    first = np.zeros((subjects, 1))
    stacked = {
        "ID": np.repeat(np.arange(1, subjects + 1), size + 1),
        "TIME": np.tile(np.concatenate([[0.0], times]), subjects),
        "EVID": np.hstack([first + 1, np.zeros_like(values)]).ravel(),
        "AMT": np.hstack([first + dose, np.zeros_like(values)]).ravel(),
        "DV": np.hstack([first, values]).ravel(),
        "MDV": np.hstack([first + 1, np.zeros_like(values)]).ravel(),
    }
    return kg.EventTable.from_frame(stacked, units={"TIME": "h", "AMT": "mg", "DV": "mg/L"})


TIMES = np.array([0.25, 0.5, 1.0, 2.0, 4.0, 6.0, 9.0, 12.0, 24.0])
TRUTH = (2.4, 36.0, 1.1)


@pytest.mark.parametrize("error", ["additive", "proportional", "combined", "log"])
def test_data_without_noise_give_the_parameters_back(error: str) -> None:
    values = concentration(200.0, *TRUTH, TIMES)[None, :]
    found = kg.fit(oral(), table_of(values, TIMES, 200.0), list(NAMES), error=error)
    assert found.converged
    assert [found[n].value for n in NAMES] == pytest.approx(TRUTH, rel=1e-6)


def test_a_nonlinear_model_without_noise_gives_the_parameters_back() -> None:
    """Michaelis-Menten elimination of a bolus: by the solver's own values at a tight tolerance."""
    model = kg.Model(
        "saturable",
        kg.Parameter("VM", "12 mg/h"),
        kg.Parameter("KM", "80 mg"),
        kg.Parameter("V", "20 L"),
        kg.Species("A", "mg"),
        kg.Rate("A", "-VM*A/(KM + A)"),
        kg.DoseInput("A"),
        kg.Output("Cp", "A/V", unit="mg/L"),
    )
    truth = {"VM": "15 mg/h", "KM": "60 mg", "V": "25 L"}
    times = np.array([0.5, 2.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0])
    run = kg.simulate(model, "300 mg", times=(times, "h"), values=truth, rtol=1e-12, metrics=False)
    found = kg.fit(model, table_of(run["Cp"].values, times, 300.0), list(truth), error="additive")
    assert found.converged
    assert [found[n].value for n in truth] == pytest.approx([15.0, 60.0, 25.0], rel=1e-6)


def test_linear_regression_in_closed_form() -> None:
    """Estimates, covariance, residual variance and -2 ln L of y = a + b t."""
    model = kg.Model(
        "line",
        kg.Parameter("a", "1 mg/L"),
        kg.Parameter("b", "1 mg/L/h"),
        kg.Species("x", "mg/L"),
        kg.Output("y", "a + b*t", unit="mg/L"),
    )
    t = np.array([0.0, 1.0, 1.0, 2.0, 3.5, 5.0, 8.0])
    y = np.array([2.1, 1.7, 1.4, 1.05, 0.1, -0.4, -2.2])
    table = kg.EventTable.from_frame(
        {"ID": np.ones(7), "TIME": t, "EVID": np.zeros(7), "DV": y},
        units={"TIME": "h", "DV": "mg/L"},
    )
    free = {"a": Free(scale="linear"), "b": Free(scale="linear")}
    found = kg.fit(model, table, free, error="additive")
    design = np.column_stack([np.ones(7), t])
    best, square, *_ = np.linalg.lstsq(design, y, rcond=None)
    variance = square[0] / (7 - 2)
    assert found.converged
    assert [found["a"].value, found["b"].value] == pytest.approx(best, rel=1e-9)
    assert found.covariance == pytest.approx(variance * np.linalg.inv(design.T @ design), rel=1e-8)
    assert found.errors["variance"][0] == pytest.approx(variance, rel=1e-9)
    likelihood = 7 * (np.log(2 * np.pi * square[0] / 7) + 1)
    assert found.objective == pytest.approx(likelihood, rel=1e-10)
    from scipy.stats import t as student

    half = student.ppf(0.975, 5) * found.standard_error("b")
    assert found.interval("b") == pytest.approx((best[1] - half, best[1] + half), rel=1e-9)


def test_relative_standard_errors_are_those_of_the_fisher_information() -> None:
    """Bolus, proportional error: ln f = ln(D/V) - (CL/V) t, derivatives by hand."""
    model = kg.Model(
        "bolus",
        kg.Parameter("CL", "3 L/h"),
        kg.Parameter("V", "30 L"),
        kg.Species("A", "mg"),
        kg.Rate("A", "-CL/V*A"),
        kg.DoseInput("A"),
        kg.Output("Cp", "A/V", unit="mg/L"),
    )
    draws = np.random.default_rng(11).standard_normal((3, TIMES.size))
    values = 200.0 / 40.0 * np.exp(-0.1 * TIMES) * (1.0 + 0.1 * draws)
    found = kg.fit(model, table_of(values, TIMES, 200.0), ["CL", "V"])
    cl, v = found["CL"].value, found["V"].value
    t = np.tile(TIMES, 3)
    relative = np.column_stack([-cl / v * t, -1.0 + cl / v * t])  # d ln f / d ln(CL), d ln V
    sigma = found.errors["cv"][0] / 100.0
    centered = relative - relative.mean(axis=0)
    information = relative.T @ relative / sigma**2 + 2.0 * centered.T @ centered
    expected = 100.0 * np.sqrt(np.diag(np.linalg.inv(information)))
    rse = [found.relative_standard_error(n) for n in ("CL", "V")]
    assert rse == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("error", ["additive", "proportional", "log"])
def test_intervals_cover_the_truth_as_often_as_they_say(error: str) -> None:
    """200 data sets, 3 parameters: coverage of 90 % intervals within 3.5 standard deviations."""
    trials, level, sd = 200, 0.9, 0.15
    draws = np.random.default_rng(2024).standard_normal((trials, 2, TIMES.size))
    f = concentration(200.0, *TRUTH, TIMES)
    hits = np.zeros(3)
    for e in draws:
        noisy = {
            "additive": f + 0.3 * e,
            "proportional": f * (1.0 + sd * e),
            "log": f * np.exp(sd * e),
        }[error]
        found = kg.fit(
            oral(), table_of(noisy, TIMES, 200.0), list(NAMES), error=error, starts=1, level=level
        )
        for k, name in enumerate(NAMES):
            low, high = found.interval(name)
            hits[k] += low < TRUTH[k] < high
    tolerance = 3.5 * np.sqrt(level * (1.0 - level) / trials)
    assert np.all(np.abs(hits / trials - level) < tolerance), hits / trials


def test_maximum_likelihood_of_a_proportional_error() -> None:
    """No other point near the estimate is more likely (a general optimizer agrees)."""
    from scipy.optimize import minimize

    draws = np.random.default_rng(5).standard_normal((2, TIMES.size))
    values = concentration(200.0, *TRUTH, TIMES) * (1.0 + 0.2 * draws)
    found = kg.fit(oral(), table_of(values, TIMES, 200.0), list(NAMES))

    def minus_twice_log_likelihood(x: NDArray[np.float64]) -> float:
        s = np.exp(x[3]) * (f := concentration(200.0, *np.exp(x[:3]), TIMES))
        return float(np.sum(np.log(2 * np.pi * s**2) + ((values - f) / s) ** 2))

    start = [*np.log(TRUTH), np.log(0.2)]
    best = minimize(minus_twice_log_likelihood, start, method="BFGS", options={"gtol": 1e-8})
    assert found.objective == pytest.approx(best.fun, abs=1e-7)
    assert [found[n].value for n in NAMES] == pytest.approx(np.exp(best.x[:3]), rel=1e-5)


def theophylline(folder: Path) -> kg.EventTable:
    return kg.EventTable.read(
        folder / "pk" / "theo_sd.csv",
        units={"TIME": "h", "AMT": "mg", "DV": "mg/L"},
        covariates={"WT": "kg"},
    )


def test_theophylline_one_by_one(shared_data: Path) -> None:
    """Nonlinear least squares of each subject, against the closed form in scipy's curve_fit.

    Subject 1 is also the example of SSfol in R's package stats; its reference output
    (tests/Examples/stats-Ex.Rout.save, 2024) has lKe -2.9196 (0.1709), lKa 0.5752 (0.1728), lCl
    -3.9159 (0.1273), the clearance per kg.
    """
    from scipy.optimize import curve_fit

    table = theophylline(shared_data)
    found = kg.fit(oral(), table, list(NAMES), error="additive", by="ID", error_by="ID")
    assert found.converged
    for k, subject in enumerate(table.subjects):
        rows = table.slice_of(subject)
        seen = np.asarray(table["EVID"])[rows] == 0
        time = np.asarray(table["TIME"])[rows][seen]
        values = np.asarray(table["DV"])[rows][seen]
        dose = float(np.asarray(table["AMT"])[rows].max())

        def curve(t, cl, v, ka, dose=dose):
            return concentration(dose, np.exp(cl), np.exp(v), np.exp(ka), t)

        best, covariance = curve_fit(curve, time, values, [1.0, 3.4, 0.4], ftol=1e-14, xtol=1e-14)
        here = [found[f"{n}[{subject}]"].value for n in NAMES]
        assert np.log(here) == pytest.approx(best, abs=2e-6)
        # The residual variance of one by one has 11 - 3 degrees of freedom, as here 132 - 36 do.
        rse = [found.relative_standard_error(f"{n}[{subject}]") for n in NAMES]
        assert rse == pytest.approx(100.0 * np.sqrt(np.diag(covariance)), rel=1e-3)
        assert found.errors["n"][k] == 11
    cl, v, ka = (found[f"{n}[1]"].value for n in NAMES)
    assert np.log([cl / v, ka, cl / 79.6]) == pytest.approx([-2.9196, 0.5752, -3.9159], abs=6e-5)
    alone = kg.fit(oral(), table.subject(1), list(NAMES), error="additive")
    covariance = alone.covariance
    variances = [covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1], covariance[2, 2]]
    errors = np.sqrt([*variances, covariance[0, 0]])
    assert errors == pytest.approx([0.1709, 0.1728, 0.1273], abs=6e-5)


def test_theophylline_together_is_worse_than_one_by_one(shared_data: Path) -> None:
    """Shared parameters leave twice the residual; AIC prefers parameters of each subject."""
    table = theophylline(shared_data)
    shared = kg.fit(oral(), table, list(NAMES), error="additive")
    own = kg.fit(oral(), table, list(NAMES), error="additive", by="ID")
    assert shared.converged
    assert own.converged
    assert own.aic < shared.aic
    assert own.errors["sd"][0] < 0.6 * shared.errors["sd"][0]


def erlotinib():
    table = kg.EventTable.read(kg.data.path("erlotinib_plasma"), covariates={"WT": "g"})
    # One dose on day 0 (group 1); at time 0 stand values before the dose.
    single = np.asarray(table["GROUP"]).astype(float) == 1.0
    return table, single & (np.asarray(table["TIME"]) > 0.0) & (np.asarray(table["TIME"]) <= 1.0)


def test_erlotinib_plasma_shared_over_animals() -> None:
    """The library's values of erlotinib_mouse are the naive pooled fit of these 14 values."""
    table, include = erlotinib()
    model = kg.library.model("erlotinib_mouse")
    names = ["CL_kg", "V1_kg", "KA"]
    found = kg.fit(model, table, names, observables="Cp", error="log", include=include)
    assert found.converged
    assert found.num_observations == 14
    assert [found[n].value for n in names] == pytest.approx([2.30, 11.9, 3.2], rel=0.01)
    rse = [found.relative_standard_error(n) for n in names]
    assert rse == pytest.approx([14.0, 19.0, 89.0], abs=0.6)
    assert found.errors["sd"][0] == pytest.approx(0.47, abs=0.005)
    assert any("'KA' is known poorly" in note for note in found.notes)


def test_erlotinib_absorption_without_early_samples_is_not_converged() -> None:
    """From four hours on the data do not see the absorption."""
    table, include = erlotinib()
    late = include & (np.asarray(table["TIME"]) > 0.15)
    model = kg.library.model("erlotinib_mouse")
    names = ["CL_kg", "V1_kg", "KA"]
    found = kg.fit(model, table, names, observables="Cp", error="log", include=late)
    assert not found.converged
    assert found.reasons


def test_two_outputs_with_their_own_errors_and_dose_groups() -> None:
    """Drug and effect of three dose groups, measured at different times: the truth is covered."""
    model = kg.Model(
        "effect",
        kg.Parameter("CL", "3 L/h"),
        kg.Parameter("V", "30 L"),
        kg.Parameter("EC50", "2 mg/L"),
        kg.Parameter("KOUT", "0.3 1/h"),
        kg.Species("A", "mg"),
        kg.Species("R", "1", initial="1"),
        kg.Rate("A", "-CL/V*A"),
        kg.Rate("R", "KOUT*(1 - A/V/(A/V + EC50)) - KOUT*R"),
        kg.DoseInput("A"),
        kg.Output("Cp", "A/V", unit="mg/L"),
        kg.Output("response", "R", unit="1"),
    )
    truth = {"CL": 4.0, "V": 25.0, "EC50": 1.5, "KOUT": 0.4}
    units = {"CL": "L/h", "V": "L", "EC50": "mg/L", "KOUT": "1/h"}
    draws = np.random.default_rng(8)
    rows: dict[str, list] = {n: [] for n in ("ID", "TIME", "EVID", "AMT", "DV", "MDV", "DVID")}
    for subject, dose in enumerate((30.0, 100.0, 300.0), start=1):
        run = kg.simulate(
            model,
            f"{dose} mg",
            times=(np.arange(1.0, 25.0), "h"),
            values={n: f"{v} {units[n]}" for n, v in truth.items()},
            rtol=1e-10,
            metrics=False,
        )
        rows_of = [(0.0, 1, dose, 0.0, 1, "Cp")]
        for k in range(0, 24, 3):
            cp = float(run["Cp"].values[0, k] * np.exp(0.1 * draws.standard_normal()))
            rows_of.append((k + 1.0, 0, 0.0, cp, 0, "Cp"))
        for k in range(1, 24, 4):
            response = float(run["response"].values[0, k] + 0.02 * draws.standard_normal())
            rows_of.append((k + 1.0, 0, 0.0, response, 0, "response"))
        for row in sorted(rows_of, key=lambda r: r[0]):
            for column, entry in zip(rows.values(), (subject, *row), strict=True):
                column.append(entry)
    table = kg.EventTable.from_frame(
        rows, units={"TIME": "h", "AMT": "mg", "DV": {"Cp": "mg/L", "response": "1"}}
    )
    found = kg.fit(model, table, list(truth), error={"Cp": "log", "response": "additive"})
    assert found.converged
    for name, value in truth.items():
        low, high = found.interval(name, 0.999)
        assert low < value < high
        assert found.relative_standard_error(name) < 20.0
    sd = dict(zip(found.errors["output"], found.errors["sd"], strict=True))
    assert sd["Cp"] == pytest.approx(0.1, rel=0.4)
    assert sd["response"] == pytest.approx(0.02, rel=0.4)
