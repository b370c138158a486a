"""Conjugates, clearance that changes, tissue sinks, curves, covariates and variability.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from krogh.errors import SpecError, UnitError
from krogh.model import Covariate, Model, Parameter
from krogh.model import systemic as pk
from scipy.stats import binom

TIMES = np.array([0.5, 1.0, 3.0, 7.0, 21.0])  # d
SPREAD = [0.02, 0.08, 0.15, 0.2, 0.2, 0.15, 0.1, 0.07, 0.03]


def _chain(**changes):
    options = {
        "fractions": SPREAD,
        "CL": "0.3 L/d",
        "V1": "3 L",
        "Q": "0.5 L/d",
        "V2": "2 L",
        "kdec": "0.1 1/d",
        "CL_payload": "10 L/d",
        "V_payload": "20 L",
    }
    return Model("adc", pk.conjugate_chain(8, **{**options, **changes}))


def test_chain_conserves_antibody(solve):
    """Without elimination all antibody stays, whatever the payloads do."""
    model = _chain(CL="0 L/d")
    found = solve(model, [(0, "mixture", 100, "nmol", 0)], TIMES, unit="d")
    total = sum(found[f"{place}{n}"] for place in ("central", "peripheral") for n in range(9))
    np.testing.assert_allclose(total + found["mixture"], 100, rtol=1e-10)


def test_chain_conserves_payload(solve):
    """Bound and released payload add up to the dose while nothing is eliminated."""
    model = _chain(CL="0 L/d", CL_payload="0 L/d")
    found = solve(model, [(0, "mixture", 100, "nmol", 0)], TIMES, unit="d")
    bound = sum(n * found[f"{place}{n}"] for place in ("central", "peripheral") for n in range(9))
    dose = 100 * sum(n * f for n, f in enumerate(SPREAD))
    np.testing.assert_allclose(bound + found["payload"], dose, rtol=1e-10)


def test_total_antibody_follows_the_naked_antibody(solve):
    plain = Model(
        "ab",
        pk.compartments(2, amount="nmol", V1="3 L", Q="0.5 L/d", V2="2 L"),
        pk.linear_elimination(CL="0.3 L/d"),
    )
    antibody = solve(plain, [(0, "central", 100, "nmol", 0)], TIMES, unit="d")["Cp"]
    found = solve(_chain(), [(0, "mixture", 100, "nmol", 0)], TIMES, unit="d")
    np.testing.assert_allclose(found["total_antibody"], antibody, rtol=2e-6)


def test_linkers_that_break_alike_give_the_binomial_law(solve):
    """From 8 payloads, after time t: n are left with the probability of Bin(8, exp(-k t))."""
    model = _chain(fractions=[0.0] * 8 + [1.0], CL="0 L/d", Q="0 L/d")
    found = solve(model, [(0, "mixture", 100, "nmol", 0)], TIMES, unit="d")
    for n in range(9):
        law = 100 * binom.pmf(n, 8, np.exp(-0.1 * TIMES))
        np.testing.assert_allclose(found[f"central{n}"], law, rtol=2e-5, atol=1e-4)
    np.testing.assert_allclose(found["DAR"], 8 * np.exp(-0.1 * TIMES), rtol=1e-5)


def test_ratio_falls_faster_where_payload_adds_clearance(solve):
    dose = [(0, "mixture", 100, "nmol", 0)]
    slow = solve(_chain(), dose, TIMES, unit="d")
    fast = solve(_chain(CL_per_payload=0.2), dose, TIMES, unit="d")
    assert np.all(fast["DAR"] < slow["DAR"])
    assert np.all(fast["total_antibody"] < slow["total_antibody"])


def test_steps_may_have_own_constants(solve):
    """A chain of two: closed form of two first-order steps."""
    model = Model(
        "adc",
        pk.conjugate_chain(
            2,
            peripheral=False,
            payload=False,
            deconjugation="per_step",
            fractions=[0, 0, 1],
            CL="0 L/d",
            V1="3 L",
            kdec=["0.3 1/d", "0.9 1/d"],
        ),
    )
    found = solve(model, [(0, "mixture", 10, "nmol", 0)], TIMES, unit="d")
    two = 10 * np.exp(-0.9 * TIMES)
    one = 10 * 0.9 / (0.9 - 0.3) * (np.exp(-0.3 * TIMES) - np.exp(-0.9 * TIMES))
    np.testing.assert_allclose(found["central2"], two, rtol=1e-5)
    np.testing.assert_allclose(found["central1"], one, rtol=1e-5)
    np.testing.assert_allclose(found["central0"], 10 - two - one, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"fractions": [0.5, 0.5]}, "9 fractions"),
        ({"fractions": [0.1] * 9}, "add up to 1"),
        ({"fractions": [-0.1, 1.1] + [0] * 7}, "not be negative"),
        ({"kdec": ["1 1/d"] * 8}, "per_step"),
        ({"deconjugation": "per_step", "kdec": ["1 1/d"]}, "each n = 1 ... 8"),
        ({"payload": False}, "payload=True"),
    ],
)
def test_wrong_chains_are_named(change, text):
    with pytest.raises(SpecError, match=text):
        _chain(**change)


def test_time_varying_clearance(solve):
    """The rate of change follows CL(t): Emax -0.295 gives 0.745 of the initial clearance."""
    model = Model(
        "m",
        pk.compartments(V1="3 L"),
        pk.linear_elimination(),
        pk.time_varying_clearance(CL0="0.2 L/d", Emax_CL=-0.295, T50="58.75 d", gamma_CL=3.15),
    )
    times = np.linspace(0, 200, 2001)
    cp = solve(model, [(0, "central", 300, "mg", 0)], times, unit="d", rtol=1e-11)["Cp"]
    middle = (times[1:] + times[:-1]) / 2
    rate = -np.diff(np.log(cp)) / np.diff(times) * 3
    exact = 0.2 * np.exp(-0.295 * middle**3.15 / (58.75**3.15 + middle**3.15))
    np.testing.assert_allclose(rate, exact, rtol=2e-6)


def test_clearance_follows_another_state(solve):
    """Tumour shrinks as exp(-0.01 t): CL = 0.2 (1 + 0.005 (size - 50))."""
    from krogh.model import Rate, Species

    model = Model(
        "m",
        pk.compartments(V1="3 L"),
        pk.linear_elimination(),
        pk.state_driven_clearance(pk.linear("size", "0.005 1/mm", "50 mm"), CL0="0.2 L/d"),
        Species("size", "mm", initial="100[mm]"),
        Rate("size", "-0.01[1/d]*size"),
    )
    found = solve(model, [(0, "central", 300, "mg", 0)], TIMES, unit="d", rtol=1e-11)["Cp"]
    area = 0.2 * ((1 - 0.25) * TIMES + 0.5 * (1 - np.exp(-0.01 * TIMES)) / 0.01)
    np.testing.assert_allclose(found, 100 * np.exp(-area / 3), rtol=1e-8)


def test_auto_induction_reaches_its_steady_state(solve):
    """Constant infusion R: C solves C CL0 (1 + Emax C/(EC50 + C)) = R."""
    model = Model(
        "m",
        pk.compartments(V1="50 L"),
        pk.linear_elimination(),
        pk.auto_induction(CL0="1 L/h", kenz="0.02 1/h", Emax_ind=1.5, EC50_ind="2 mg/L"),
    )
    rate = 8.0
    end = solve(model, [(0, "central", rate * 3000, "mg", 3000)], [2999.0])
    # C (EC50 + C) + Emax C^2 = R (EC50 + C) with CL0 = 1
    a, b, c = 2.5, 2.0 - rate, -2.0 * rate
    level = (-b + math.sqrt(b * b - 4 * a * c)) / (2 * a)
    assert end["Cp"][0] == pytest.approx(level, rel=1e-8)
    assert end["enzyme"][0] == pytest.approx(1 + 1.5 * level / (2 + level), rel=1e-8)


def test_tissue_sink_gives_a_patlak_line(solve):
    """Content/Cp against the integral of Cp over Cp: slope Ki mass, intercept VT mass."""
    model = Model(
        "m",
        pk.compartments(V1="3 L"),
        pk.linear_elimination(CL="0.2 L/d"),
        pk.tissue_sink("liver", Ki="1.1 uL/g/h", VT="0.12 mL/g", mass="1800 g"),
    )
    found = solve(model, [(0, "central", 50, "mg", 0)], TIMES, unit="d", rtol=1e-11)
    k = (0.2 + 1.1e-6 * 24 * 1800) / 3
    area = 50 / 3 * -np.expm1(-k * TIMES) / k
    ratio = found["tissue_liver"] / found["Cp"]
    slope, intercept = np.polyfit(area / found["Cp"], ratio, 1)
    assert slope == pytest.approx(1.1e-6 * 24 * 1800, rel=1e-7)
    assert intercept == pytest.approx(0.12e-3 * 1800, rel=1e-7)


def test_saturable_sink_takes_less_of_a_large_dose(solve):
    model = Model(
        "m",
        pk.compartments(V1="3 L"),
        pk.linear_elimination(CL="0.2 L/d"),
        pk.tissue_sink(
            "liver", saturable=True, Ki="20 uL/g/h", VT="0.1 mL/g", mass="1800 g", Ksat="5 mg/L"
        ),
    )
    shares = [
        solve(model, [(0, "central", dose, "mg", 0)], [4.0], unit="d")["residual_liver"][0] / dose
        for dose in (1, 10, 50, 500)
    ]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 3 * shares[-1]


def test_label_that_leaves_the_tissue(solve):
    model = Model(
        "m",
        pk.compartments(V1="3 L"),
        pk.linear_elimination(CL="0 L/d"),
        pk.tissue_sink(
            "liver",
            residualizing=False,
            Ki="10 uL/g/h",
            VT="0.1 mL/g",
            mass="1800 g",
            kloss="2 1/d",
        ),
    )
    end = solve(model, [(0, "central", 50, "mg", 0)], [0.2, 10.0], unit="d")["residual_liver"]
    assert end[1] < end[0]


def test_plasma_curve_stands_in_for_compartments(solve):
    """A curve from outside feeds other blocks: the amount taken up is Ki mass times its area."""
    times = np.linspace(0, 30, 61)
    from krogh.model import Rate, Species

    model = Model(
        "m",
        pk.plasma_curve(times, 100 * np.exp(-0.1 * times), time_unit="d", unit="mg/L"),
        Species("area", "mg*d/L"),
        Rate("area", "Cp"),
    )
    found = solve(model, [], [10.0, 30.0], unit="d")
    np.testing.assert_allclose(
        found["area"], 1000 * -np.expm1(-0.1 * np.array([10.0, 30.0])), rtol=1e-5
    )
    np.testing.assert_allclose(found["Cp"], 100 * np.exp([-1.0, -3.0]), rtol=1e-6)


def _with_effects():
    return Model(
        "cov",
        pk.compartments(V1="3 L"),
        pk.linear_elimination(),
        pk.individual(
            "CL",
            "0.2 L/d",
            pk.power("WT", "70 kg", 0.75),
            pk.exponential("LMET", 0.152),
            pk.linear("ALB", "-0.035 L/g", "38 g/L"),
            pk.categorical("SEX", {0: 1, 1: "CL_MALE"}),
            eta="eta_CL",
        ),
        Parameter("CL_MALE", 1.18),
        Covariate("WT", "70 kg"),
        Covariate("LMET", 0, categories={"no": 0, "yes": 1}),
        Covariate("ALB", "38 g/L"),
        Covariate("SEX", 0, categories={"female": 0, "male": 1}),
        pk.variability("eta_CL", cv=0.3),
    )


@pytest.mark.parametrize(
    ("values", "factor"),
    [
        ({}, 1.0),
        ({"WT": 140.0}, 2**0.75),
        ({"LMET": 1.0}, math.exp(0.152)),
        ({"ALB": 48.0}, 0.65),
        ({"SEX": 1.0}, 1.18),
        ({"eta_CL": 0.4}, math.exp(0.4)),
        ({"WT": 50.0, "SEX": 1.0, "ALB": 30.0}, (5 / 7) ** 0.75 * 1.18 * 1.28),
    ],
)
def test_covariate_effects_multiply(solve, values, factor):
    found = solve(_with_effects(), [(0, "central", 300, "mg", 0)], [10.0], unit="d", values=values)[
        "Cp"
    ][0]
    assert found == pytest.approx(100 * math.exp(-0.2 * factor / 3 * 10), rel=1e-9)


def test_fractions_vary_on_the_logit_scale(solve):
    model = Model(
        "m",
        pk.first_order_absorption(KA="1 1/h", bioavailability=True),
        pk.compartments(V1="1 L"),
        pk.linear_elimination(CL="0 L/h"),
        pk.individual("F1", 0.7, scale="logit", eta="eta_F"),
        pk.variability("eta_F", sd=0.5),
    )
    odds = 0.7 / 0.3 * math.exp(1.0)
    found = solve(model, [(0, "depot", 1, "mg", 0)], [100.0], values={"eta_F": 1.0})
    assert found["central"][0] == pytest.approx(odds / (1 + odds), rel=1e-9)


def test_occasions_add_on_the_log_scale():
    model = Model(
        "m",
        pk.compartments(V1="1 L"),
        pk.linear_elimination(),
        pk.individual("CL", "1 L/h", eta="eta_CL", kappa="kappa_CL"),
        pk.variability("eta_CL", cv=0.3),
        pk.variability("kappa_CL", cv=0.1, level="occasion"),
    )
    assert str(model.rules["CL"].expression) == "CL_pop*exp(eta_CL + kappa_CL)"
    assert model.random_effects["kappa_CL"].level == "occasion"


def test_variability_turns_published_numbers_into_a_covariance():
    v = pk.variability(
        ["a", "b"], cv=[0.401, 0.246], covariances=[("a", "b", 0.023)], source="table"
    )
    np.testing.assert_allclose(
        v.covariance,
        [[math.log(1 + 0.401**2), 0.023], [0.023, math.log(1 + 0.246**2)]],
        rtol=1e-14,
    )
    w = pk.variability(["a", "b"], sd=[0.3, 0.4], correlations=[("b", "a", 0.5)])
    np.testing.assert_allclose(w.covariance, [[0.09, 0.06], [0.06, 0.16]], rtol=1e-14)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: pk.variability("a"), SpecError, "exactly one"),
        (lambda: pk.variability("a", cv=0.1, sd=0.1), SpecError, "exactly one"),
        (lambda: pk.variability(["a", "b"], cv=[0.1]), SpecError, "2 effects"),
        (lambda: pk.variability("a", variance=-1), SpecError, "not negative"),
        (
            lambda: pk.variability(
                ["eta_CL", "eta_V"], cv=[0.1, 0.1], covariances=[("eta_CL", "eta_VV", 0)]
            ),
            SpecError,
            "'eta_V'",
        ),
        (
            lambda: pk.variability(["a", "b"], sd=[1, 1], correlations=[("a", "b", 1.5)]),
            SpecError,
            "semidefinite",
        ),
        (lambda: pk.categorical("SEX", {0: 1}), SpecError, "two or more"),
        (lambda: pk.individual("CL", "1 L/h", scale="probit"), SpecError, "KG-108"),
        (
            lambda: Model(
                "m",
                pk.individual("CL", "1 L/h", pk.power("WT", "70 L", 0.75)),
                Covariate("WT", "70 kg"),
            ),
            UnitError,
            "KG-12",
        ),
    ],
)
def test_wrong_effects_are_named(make, error, text):
    with pytest.raises(error, match=text):
        make()
