"""The verdict: what is converged, and the reasons why not.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable

import krogh as kg
import numpy as np
import pytest
from krogh.dosing import EventTable
from krogh.errors import FitError
from krogh.fit import FitResult, Free, fit
from krogh.fit.judgment import agreeing
from krogh.fit.search import Start
from krogh.model import DoseInput, Model, Output, Parameter, Rate, Species

Make = Callable[..., EventTable]
T = np.arange(8.0)
Y = 2.0 + 0.1 * np.array([1, -1, 0.5, 0.2, -0.3, 0.7, -0.9, 0.4])


def start(end: float, objective: float) -> Start:
    return Start(np.zeros(1), np.array([end]), 9.0, objective, 3, "settled")


def test_starts_agree_within_a_tenth_of_a_standard_error() -> None:
    best = start(1.0, 5.0)
    others = [start(1.004, 5.0001), start(1.2, 9.0), start(1.5, 5.05), start(0.0, np.inf)]
    assert agreeing([best, *others], best, np.ones(1), np.array([0.05])) == (2, [3])
    assert agreeing([best, *others], best, np.ones(1), np.array([np.inf])) == (1, [1, 3])


def test_a_good_fit_is_converged(oral: Model, dosed: Make) -> None:
    found = fit(oral, dosed(0.1), ["CL", "V", "KA"])
    assert found.converged
    assert found.reasons == ()
    assert found.require_converged() is found
    assert "converged" in str(found).splitlines()[0]


def test_only_a_product_is_seen(product: Model, points: Make) -> None:
    found = fit(product, points(T, Y), ["p", "q"], observables="y", error="additive")
    assert not found.converged
    assert any(
        "'p' and 'q' move against each other: only their product" in r for r in found.reasons
    )
    assert found.standard_error("p") == np.inf
    assert found["p"].value * found["q"].value == pytest.approx(Y.mean(), rel=1e-7)


def test_only_a_ratio_is_seen(product: Model, points: Make) -> None:
    found = fit(product, points(T, Y), ["p", "q"], observables="ratio", error="additive")
    assert any("'p' and 'q' move together: only their ratio" in r for r in found.reasons)


def test_a_parameter_without_effect_is_named(line: Model, points: Make) -> None:
    found = fit(line, points(T, Y), ["a", "b", "c"], observables="y", error="additive")
    assert not found.converged
    assert any("do not depend on 'c'" in reason for reason in found.reasons)


def test_the_flat_residual_that_scipy_calls_a_success(line: Model, points: Make) -> None:
    """The trap: gtol is met where nothing can move."""
    from scipy.optimize import least_squares

    trap = least_squares(lambda x: Y - 1.0 + 0.0 * x, [0.3], jac=lambda x: np.zeros((8, 1)))
    assert trap.success
    assert trap.x[0] == 0.3
    found = fit(line, points(T, Y), ["c"], observables="y", error="additive")
    assert not found.converged
    assert np.ptp(found.starts["objective"]) == 0.0
    assert any("do not depend on 'c'" in reason for reason in found.reasons)
    with pytest.raises(FitError, match=r"KG-401"):
        found.require_converged()


def test_a_bound_is_said_in_the_first_lines(line: Model, points: Make) -> None:
    found = fit(
        line,
        points(T, Y),
        {"a": ("1 mg/L", ("0.5 mg/L", "1.5 mg/L")), "b": Free("0.1 mg/L/h", scale="linear")},
        observables="y",
        error="additive",
    )
    assert not found.converged
    assert "'a' sits on its upper bound 1.5 mg/L" in found.reasons
    assert "NOT CONVERGED" in str(found).splitlines()[0]
    assert "upper bound" in "\n".join(str(found).splitlines()[:3])
    assert np.isnan(found.standard_error("a"))
    assert np.isfinite(found.standard_error("b"))


def test_running_away_without_a_bound_is_said(product: Model, points: Make) -> None:
    """A positive parameter cannot follow data at zero; its logarithm runs to the end."""
    found = fit(product, points(T, Y - 2.04), ["p"], observables="y", error="additive")
    assert not found.converged
    assert any("no bound was stated: it ran away" in reason for reason in found.reasons)


def test_one_start_cannot_be_confirmed(oral: Model, dosed: Make) -> None:
    found = fit(oral, dosed(0.1), ["CL", "V", "KA"], starts=1)
    assert not found.converged
    assert "single start" in found.reasons[0]


def test_two_points_that_fit_equally_well_are_found(oral: Model, dosed: Make) -> None:
    """Flip-flop: absorption and elimination rates change places in an oral model."""
    found = fit(oral, dosed(), ["CL", "V", "KA"], spread=30.0, starts=16, error="additive")
    noisy = fit(oral, dosed(0.05), ["CL", "V", "KA"], spread=30.0, starts=16)
    assert not noisy.converged
    assert any("another point fits as well" in reason for reason in noisy.reasons)
    ends = {round(float(v), 2) for v in noisy.starts["KA"][noisy.starts["above best"] < 0.1]}
    assert len(ends) == 2
    assert found["CL"].value == pytest.approx(4.0, rel=1e-6)


def test_a_search_that_was_cut_short_is_not_converged(oral: Model, dosed: Make) -> None:
    found = fit(oral, dosed(0.1), ["CL", "V", "KA"], max_evaluations=2)
    assert not found.converged
    assert any("did not come to rest (ran out of evaluations)" in r for r in found.reasons)


def test_a_start_at_the_optimum_is_converged(oral: Model, dosed: Make) -> None:
    first = fit(oral, dosed(0.1), ["CL", "V", "KA"])
    again = fit(oral, dosed(0.1), first.values())
    assert again.converged
    assert again.objective == pytest.approx(first.objective, abs=1e-8)


def test_require_raises_with_the_result(product: Model, points: Make) -> None:
    with pytest.raises(FitError, match=r"KG-401.*\n.*\n?.*only their product") as caught:
        fit(product, points(T, Y), ["p", "q"], observables="y", error="additive", require=True)
    assert isinstance(caught.value.result, FitResult)


def test_a_loose_solver_is_noticed() -> None:
    """Precise data of a nonlinear law: at a loose tolerance predictions move by more than noise."""
    saturable = Model(
        "saturable",
        Parameter("VM", "20 mg/h"),
        Parameter("V", "50 L"),
        Parameter("KA", "1 1/h"),
        Species("depot", "mg"),
        Species("central", "mg"),
        Rate("depot", "-KA*depot"),
        Rate("central", "KA*depot - VM*central/(150[mg] + central)"),
        DoseInput("depot"),
        Output("Cp", "central/V", unit="mg/L"),
    )
    names = ["VM", "V", "KA"]
    times = np.array([0.3, 0.8, 1.5, 3.0, 5.0, 8.0, 12.0, 18.0, 24.0])
    run = kg.simulate(saturable, "400 mg", times=(times, "h"), rtol=1e-10, metrics=False)
    noise = 1.0 + 1e-4 * np.random.default_rng(0).standard_normal(9)
    table = EventTable.from_frame(
        {
            "ID": np.ones(10),
            "TIME": [0.0, *times],
            "EVID": [1, *[0] * 9],
            "AMT": [400.0, *[0.0] * 9],
            "DV": [0.0, *(run["Cp"].values[0] * noise)],
            "MDV": [1, *[0] * 9],
        },
        units={"TIME": "h", "AMT": "mg", "DV": "mg/L"},
    )
    sound = fit(saturable, table, names)
    assert sound.converged
    loose = fit(saturable, table, names, rtol=0.01, method="rodas4")
    assert not loose.converged
    assert any("tolerance is tightened from 0.01" in reason for reason in loose.reasons)
