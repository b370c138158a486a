"""The demo on erlotinib data: fits that converge, and the dose at which growth and kill balance.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from functools import cache

import krogh as kg
import numpy as np
import pytest
from krogh.demo import answer_erlotinib
from krogh.demo.erlotinib import GROUPS
from krogh.demo.growth_laws import LAWS
from krogh.model import Model, Parameter, Rule, effect

answer = cache(answer_erlotinib)


def test_both_fits_converge_and_their_estimates_are_those_of_the_data() -> None:
    found = answer()
    assert found.plasma.converged
    assert found.growth.converged
    assert found.growth.num_observations == 397
    assert len(found.starts) == 30
    shared = found.shared
    assert list(shared["parameter"]) == ["CL_kg", "V1_kg", "KA", "lambda0", "lambda1", "k2"]
    expected = [2.299, 11.86, 3.17, 0.04677, 0.766, 0.0951]
    assert list(shared["estimate"]) == pytest.approx(expected, rel=2e-3)
    assert list(shared["RSE"]) == pytest.approx([13.5, 19.1, 88.8, 5.0, 53.0, 8.6], rel=0.02)


def test_the_dose_is_where_twice_lambda0_equals_potency_times_concentration() -> None:
    found = answer()
    v = {name: found.growth[name].value for name in found.law.estimated}
    dose = 2.0 * v["lambda0"] / v["k2"] * found.plasma["CL_kg"].value * 24.0
    assert found.standstill.dose == pytest.approx(dose, rel=1e-12)
    assert found.standstill.dose == pytest.approx(54.27, abs=0.05)
    assert found.standstill.low < 50.0 < found.standstill.dose < 60.0 < found.standstill.high


@pytest.mark.parametrize("name", sorted({*LAWS} - {"simeoni", "claret"}))
def test_a_tumor_stands_still_under_the_dose_of_each_law(name: str) -> None:
    """Simulated with the model itself: a day at steady state neither adds nor takes volume.

    Dying cells (Simeoni) and resistance (Claret) move the volume at balance: see the next test.
    """
    found = answer(name)
    still = found.standstill
    assert still.low < still.dose < still.high
    size = still.size or 1e-6
    result = found.growth.simulate(
        kg.Regimen(f"{still.dose!r} mg/kg oral daily x 21"),
        subject=found.growth.table.subjects[0],
        values={found.law.start: f"{size!r} cm^3"},
        times=([10.0, 11.0, 20.0], "d"),
        metrics=False,
    )
    volume = result["tumor"].values[0]
    ratio = math.log(volume[1] / volume[0])
    assert ratio == pytest.approx(0.0, abs=2e-3 if still.size else 1e-6)
    assert volume[2] / volume[0] == pytest.approx(1.0, abs=0.02 if still.size else 1e-5)


def test_simeoni_has_its_threshold_and_claret_that_before_resistance() -> None:
    per_concentration = answer().plasma["CL_kg"].value * 24.0
    simeoni, claret = answer("simeoni"), answer("claret")
    threshold = simeoni.growth["lambda0"].value / simeoni.growth["k2"].value
    assert simeoni.standstill.dose == pytest.approx(per_concentration * threshold, rel=1e-12)
    threshold = claret.growth["KL"].value / claret.growth["KD"].value
    assert claret.standstill.dose == pytest.approx(per_concentration * threshold, rel=1e-12)


def test_a_law_that_the_data_do_not_determine_says_so() -> None:
    """Growth slows too little in 30 days: Gompertz' capacity runs away to its bound."""
    found = answer("gompertz")
    assert not found.growth.converged
    assert "capacity" in found.growth.reasons[0]
    assert math.isfinite(found.standstill.low)
    assert found.standstill.size == pytest.approx(0.142, abs=1e-3)


def test_an_unknown_law_is_named() -> None:
    with pytest.raises(kg.SpecError, match=r"KG-132.*'kock'.*Did you mean 'koch'"):
        answer_erlotinib("kock")


def test_net_growth_falls_through_zero_at_the_dose_with_a_band_that_holds_its_interval() -> None:
    found = answer()
    still = found.standstill
    middle, low, high = found.net_growth(np.array([0.0, still.dose, still.low, still.high]))
    assert middle[0] == pytest.approx(2.0 * found.growth["lambda0"].value)
    assert middle[1] == pytest.approx(0.0, abs=1e-15)
    assert low[1] < 0.0 < high[1]
    # The ends of the interval are where the band's edges cross zero, to the order of the method.
    assert high[3] == pytest.approx(0.0, abs=2e-3)
    assert low[2] == pytest.approx(0.0, abs=2e-3)


def test_courses_are_drawn_from_the_uncertainty_and_start_with_the_estimates() -> None:
    found = answer()
    days = np.array([0.0, 3.0, 30.0])
    courses = found.courses(np.array([0.0, found.standstill.dose]), days)
    assert courses.shape == (2, 201, 3)
    assert courses[:, :, 0] == pytest.approx(found.typical_start)
    free, held = courses[:, :, -1]
    assert free[0] > 10.0 * found.typical_start
    assert held[0] == pytest.approx(0.175, abs=0.01)
    assert np.quantile(held, 0.1) < held[0] < np.quantile(held, 0.9)
    again = found.courses(np.array([0.0]), days)
    assert np.array_equal(again[0], courses[0])


def test_progress_rises_to_one() -> None:
    seen: list[float] = []
    answer_erlotinib("exponential", progress=lambda what, share: seen.append(share))
    assert seen == sorted(seen)
    assert seen[0] == 0.0
    assert seen[-1] == 1.0
    assert len(seen) >= 5


@pytest.mark.slow
def test_another_clearance_leaves_the_dose_where_it_is() -> None:
    """Volumes determine potency over clearance; the interval rightly leaves that of CL out."""
    found = answer()
    table = kg.EventTable.read(kg.data.path("erlotinib_growth"))
    model = found.growth.model
    values = {**found.plasma.values(), "CL_kg": f"{1.25 * found.plasma['CL_kg'].value} L/h/kg"}
    fit = kg.fit(
        model, table, [*found.law.estimated, "w0"], by={"w0": "ID"}, values=values,
        observables="tumor", error="combined", starts=1, rtol=1e-6,
    )  # fmt: skip
    ratio = 2.0 * fit["lambda0"].value / fit["k2"].value
    dose = ratio * 1.25 * found.plasma["CL_kg"].value * 24.0
    assert dose == pytest.approx(found.standstill.dose, rel=0.01)


@pytest.mark.slow
def test_the_interval_is_that_of_the_threshold_fitted_itself_and_near_its_profile() -> None:
    """The threshold concentration as a parameter in place of the potency, and its likelihood."""
    found = answer()
    model = Model(
        "koch_threshold",
        kg.library.model("erlotinib_mouse"),
        effect.koch("Cp", number=0, w0="0.15 cm^3", lambda0="0.05 1/d", lambda1="0.2 cm^3/d"),
        Parameter("C0", "1 mg/L"),
        Rule("k2", "2*lambda0/C0", unit="L/mg/d"),
    )
    fit = kg.fit(
        model, kg.EventTable.read(kg.data.path("erlotinib_growth")),
        ["lambda0", "lambda1", "C0", "w0"], by={"w0": "ID"}, values=found.plasma.values(),
        observables="tumor", error="combined", starts=1, rtol=1e-6,
    )  # fmt: skip
    per_dose = found.plasma["CL_kg"].value * 24.0
    ends = np.array(fit.interval("C0")) * per_dose
    assert ends == pytest.approx([found.standstill.low, found.standstill.high], rel=2e-3)
    profile = fit.profile("C0", points=7, width=3.0)
    value, above = profile["value"] * per_dose, profile["above best"]
    left, right = value <= found.standstill.dose * 1.001, value >= found.standstill.dose * 0.999
    crossings = (
        np.interp(-1.92, -above[left] / 2.0, value[left]),
        np.interp(1.92, above[right] / 2.0, value[right]),
    )
    assert crossings == pytest.approx(ends, rel=0.05)


def test_groups_are_those_of_the_data() -> None:
    table = kg.EventTable.read(kg.data.path("erlotinib_growth"))
    dosed = np.asarray(table["EVID"]) == 1
    per_kg = np.asarray(table["AMT"])[dosed] / (np.asarray(table["WT"])[dosed] * 1e-3)
    for number, dose in GROUPS.items():
        mine = np.asarray(table["GROUP"], dtype=float)[dosed] == float(number)
        if dose > 0.0:
            assert np.median(per_kg[mine]) == pytest.approx(dose, rel=0.05)
        else:
            assert not mine.any()
