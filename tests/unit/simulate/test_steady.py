"""Steady states: state, residual, Floquet radius, and inputs that have none.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.model import DoseInput, Model, Parameter, Rate, Species
from krogh.simulate import steady_state


def test_linear_steady_state_in_closed_form(bolus):
    steady = steady_state(bolus, "100 mg every 12 h")
    q = np.exp(-1.2)
    assert steady.states["A"].values == pytest.approx([100 * q / (1 - q)], rel=1e-9)
    assert steady.states["A"].unit == "mg"
    assert steady.floquet_radius == pytest.approx([q], rel=1e-8)
    assert steady.intervals_to_90_percent == pytest.approx([np.log(10) / 1.2], rel=1e-8)
    assert steady.residual[0] < 1e-9
    row = next(steady.result.exposure("Cp", "whole").rows())
    assert row["AUC"] == pytest.approx(100 / 5, rel=1e-8)
    assert "Floquet radius" in str(steady)


def test_saturable_steady_state_is_where_a_long_train_ends(saturable):
    steady = steady_state(saturable, "100 mg every 12 h")
    train = kg.simulate(
        saturable, "100 mg every 12 h x 200", times=([2400 - 1e-9], "h"), metrics=False, rtol=1e-10
    )
    for name in ("depot", "central"):
        assert steady.states[name].values[0] == pytest.approx(train[name].values[0, 0], rel=1e-7)


@pytest.mark.parametrize(
    "dosing", ["100 mg", "100 mg over 5 h", "100 mg over 10 h", "100 mg over 31 h"]
)
def test_floquet_radius_is_the_decay_of_deviations(dosing):
    """Lag, bioavailability, infusions that outlast the interval: the same multiplier shows."""
    model = Model(
        "m",
        Parameter("VM", "15 mg/h"),
        Parameter("KM", "300 mg"),
        Parameter("k", "0.3 1/h"),
        Species("central", "mg"),
        Species("other", "mg"),
        Rate("central", "-VM*central/(KM + central) - k*central + k*other"),
        Rate("other", "k*central - k*other"),
        DoseInput("central", lag="3[h]", bioavailability="0.8"),
    )
    steady = steady_state(model, f"{dosing} every 12 h")
    at = 12.0 * np.array([50, 51]) - 1e-7
    train = kg.simulate(
        model, f"{dosing} every 12 h x 52", times=(at, "h"), metrics=False, rtol=1e-12
    )
    gap = np.abs(train["central"].values[0] - steady.states["central"].values[0])
    assert gap[1] / gap[0] == pytest.approx(steady.floquet_radius[0], rel=2e-3)


def test_constant_infusion(saturable):
    dose = kg.Dose("0 mg", rate="5 mg/h", steady=1, compartment="central")
    steady = steady_state(saturable, dose)
    assert steady.states["central"].values == pytest.approx([5 * 300 / 10], rel=1e-9)
    assert np.isnan(steady.floquet_radius[0])


@pytest.mark.parametrize(
    "dosing",
    [
        "200 mg every 12 h",
        kg.Dose("0 mg", rate="20 mg/h", steady=1, compartment="central"),
    ],
)
def test_input_above_capacity(saturable, dosing):
    with pytest.raises(kg.SolverError, match=r"KG-312: subject 1 has no steady state"):
        steady_state(saturable, dosing)


def test_subjects_with_states_of_their_own(bolus):
    steady = steady_state(bolus, "100 mg every 12 h", subjects={"CL": ([5.0, 10.0], "L/h")})
    q = np.exp([-1.2, -2.4])
    assert steady.states["A"].values == pytest.approx(100 * q / (1 - q), rel=1e-8)
    assert steady.floquet_radius == pytest.approx(q, rel=1e-7)


def test_wrong_requests(bolus):
    with pytest.raises(kg.DataError, match="has no interval"):
        steady_state(bolus, "100 mg")
    with pytest.raises(kg.DataError, match="2 parts"):
        steady_state(bolus, "100 mg then 50 mg every 12 h")
    with pytest.raises(kg.SpecError, match="sets until itself"):
        steady_state(bolus, "100 mg every 12 h", until="1 d")


@pytest.mark.parametrize(("rtol", "judge"), [(1e-4, "rkc2"), (1e-6, "rkc2"), (1e-9, "explicit5")])
def test_verification_by_a_second_method(tmdd, rtol, judge):
    result = kg.simulate(tmdd, "300 nmol every 7 d x 2", verify=True, rtol=rtol, method="rodas5p")
    checked = result.verification
    assert checked.method == judge
    assert set(checked.differences) == set(result.outputs)
    assert checked.largest > 0.0
    assert checked.is_within
    assert checked.compared == 1
    assert f"verified by {judge}" in str(result)


def test_verification_says_when_it_is_not_within():
    from krogh.provenance import Verification

    wrong = Verification("rkc2", {"C": 1e-3}, 1e-6, 1)
    assert not wrong.is_within
    assert "NOT within" in str(wrong)


def test_second_method_gives_up_in_favor_of_another(tmdd, monkeypatch):
    import sys

    monkeypatch.setattr(sys.modules["krogh.simulate.verify"], "_STEPS", 1200)
    result = kg.simulate(tmdd, "300 nmol every 7 d x 12", verify=True, rtol=1e-4, method="rodas5p")
    assert result.verification.method == "rodas4"
    assert result.verification.largest < 1e-3
