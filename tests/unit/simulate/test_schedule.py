"""Doses and grids turned into records.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.model import Covariate, DoseInput, Model, Output, Parameter, Rate, Species


def at(model, dosing, time, **options):
    options = {"rtol": 1e-10, "metrics": False} | options
    return kg.simulate(model, dosing, times=([time], "h"), **options)["Cp"].values[:, 0]


def test_dose_by_weight_uses_the_subjects_weight(bolus):
    by_weight = at(bolus, "2 mg/kg", 0.0, subjects={"ID": [1, 2], "WT": ([50.0, 90.0], "kg")})
    assert by_weight == pytest.approx([2.0, 3.6])
    assert at(bolus, "2 mg/kg", 0.0, weight="110 lb") == pytest.approx(2 * 110 * 0.45359237 / 50)
    assert at(bolus, "50 mg/m2", 0.0, surface=([1.5, 2.0], "m^2"), subjects=2) == pytest.approx(
        [1.5, 2.0]
    )


def test_model_covariate_gives_the_weight(oral):
    assert at(oral, "2 mg/kg iv", 0.0) == pytest.approx(140 / 50)
    assert at(oral, "2 mg/kg iv", 0.0, values={"WT": "50 kg"}) == pytest.approx(100 / 50)
    assert at(oral, "2 mg/kg iv", 0.0, subjects={"WT": [100.0]}) == pytest.approx(200 / 50)


@pytest.mark.parametrize(
    ("dosing", "options", "message"),
    [
        ("2 mg/kg", {}, r"KG-240: the dose 2 mg/kg needs the body weight of subject 1"),
        (
            "2 mg/kg",
            {"subjects": {"ID": [4, 5], "WT": ([50.0, np.nan], "kg")}},
            "subject 5, which is missing",
        ),
        (
            "2 mg/kg",
            {"subjects": {"ID": [4, 5], "WT": ([50.0, -1.0], "kg")}},
            "subject 5, which is -1",
        ),
        ("20 mg/m2", {}, "body surface"),
        ("AUC 5 mg/mL*min", {}, "glomerular filtration rate"),
    ],
)
def test_missing_weight_names_the_subject(bolus, dosing, options, message):
    with pytest.raises(kg.DataError, match=message):
        at(bolus, dosing, 0.0, **options)


def test_target_exposure_by_calvert(bolus):
    assert at(bolus, "AUC 5 mg/mL*min", 0.0, gfr="90 mL/min") == pytest.approx(5 * 115 / 50)


def test_mass_into_moles_needs_the_molar_mass():
    def model(**more):
        return Model(
            "m",
            Parameter("V", "3 L"),
            Parameter("k", "0.1 1/d"),
            Species("A", "nmol", **more),
            Rate("A", "-k*A"),
            DoseInput("A"),
            Output("Cp", "A/V", unit="nM"),
        )

    value = at(model(molar_mass="150 kDa"), "450 mg", 0.0)
    assert value == pytest.approx(450e-3 / 150e3 / 3 * 1e9)
    with pytest.raises(kg.UnitError, match="KG-122"):
        at(model(), "450 mg", 0.0)


def test_concentration_species_divides_by_its_volume():
    from krogh.model import Compartment

    model = Model(
        "c",
        Parameter("V", "3 L"),
        Parameter("CL", "0.3 L/d"),
        Compartment("plasma", "V"),
        Species("C", "nM", compartment="plasma", molar_mass="150 kDa"),
        Rate("C", "-CL/V*C"),
        DoseInput("C", bioavailability="0.5"),
        Output("Cp", "C", unit="nM"),
    )
    assert at(model, "300 nmol", 0.0) == pytest.approx(50.0)
    assert at(model, "45 mg", 0.0) == pytest.approx(50.0)
    k = 0.3 / 3 / 24
    # over 10 h: the duration stands, F halves the rate
    expected = 15.0 / 3 / k * (1 - np.exp(-k * 10))
    assert at(model, "300 nmol over 10 h", 10.0) == pytest.approx(expected)
    # at 30 nmol/h: the rate stands, F halves the duration to 5 h
    expected = 30.0 / 3 / k * (1 - np.exp(-k * 5))
    dose = kg.Dose("300 nmol", rate="30 nmol/h")
    assert at(model, dose, 5.0) == pytest.approx(expected)


def test_routes_choose_the_dose_input(oral):
    assert at(oral, "100 mg iv", 0.0) == pytest.approx(2.0)
    assert at(oral, "100 mg oral", 0.0) == 0.0
    assert at(oral, kg.Dose("100 mg", compartment="central"), 0.0) == pytest.approx(2.0)
    assert at(oral, kg.Dose("100 mg", compartment=2), 0.0) == pytest.approx(2.0)
    with pytest.raises(kg.SpecError, match="no dose input for the route"):
        at(oral, "100 mg sc", 0.0)


def test_observation_at_the_time_of_a_dose_comes_after_it(bolus):
    q = np.exp(-1.2)
    assert at(bolus, "100 mg every 12 h x 3", 12.0) == pytest.approx(2 * (1 + q))


def test_round_off_does_not_decide_between_dose_and_observation(bolus):
    times = np.linspace(0.0, 3.9, 40)  # seven of them lie a digit before the dose they belong to
    result = kg.simulate(
        bolus, "100 mg every 0.3 h x 13", times=(times, "h"), metrics=False, rtol=1e-10
    )
    doses = 0.3 * np.arange(13)
    seen = np.round(10 * times)[:, None] >= np.round(10 * doses)
    gaps = np.where(seen, times[:, None] - doses, 0.0)
    exact = 2 * np.sum(np.where(seen, np.exp(-0.1 * gaps), 0.0), axis=1)
    assert result["Cp"].values[0] == pytest.approx(exact, rel=1e-9)


def test_open_ended_regimen_ends_with_the_run(bolus):
    result = kg.simulate(bolus, "100 mg every 12 h", until="36 h")
    assert result.dose_times["dose"].tolist() == [0.0, 0.5, 1.0] or result.dose_times[
        "dose"
    ].tolist() == [0.0, 12.0, 24.0]
    with pytest.raises(kg.SpecError, match="say how long"):
        kg.simulate(bolus, "100 mg every 12 h")
    with pytest.raises(kg.SpecError, match="say how long"):
        kg.simulate(bolus, "100 mg")


def test_run_starts_at_zero_even_if_nothing_happens_there(bolus):
    from krogh.model import Model

    decays = Model("d", *[c for c in bolus.components if c.what != "species"], Species(
        "A", "mg", initial="100[mg]"))  # fmt: skip
    assert at(decays, None, 10.0) == pytest.approx(2 * np.exp(-1.0))
    assert at(decays, kg.Dose("100 mg", time="5 h"), 10.0) == pytest.approx(
        2 * np.exp(-1.0) + 2 * np.exp(-0.5)
    )


@pytest.mark.parametrize(
    "times", [([0, 6, 12], "h"), ["0 h", "360 min", "0.5 d"], (np.array([12.0, 0.0, 6.0]), "h")]
)
def test_times_with_units(bolus, times):
    result = kg.simulate(bolus, "100 mg", times=times, time_unit="h")
    assert result.times.values == pytest.approx([0.0, 6.0, 12.0])


def test_times_as_pint_quantity(bolus):
    ureg = kg.units.registry()
    result = kg.simulate(bolus, "100 mg", times=np.array([0.0, 12.0]) * ureg.hour)
    assert result.times.values.tolist() == [0.0, 12.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"times": [0, 1, 2]}, "times need a unit"),
        ({"times": ([0, 1], "mg")}, "KG-121"),
        ({"times": ([0, np.nan], "h")}, "must be finite"),
        ({"times": ([], "h")}, "at least one"),
        ({"times": ([0, 5], "h"), "every": "1 h"}, "either times or every"),
        ({"times": ([0, 5], "h"), "until": "4 h"}, "beyond until"),
        ({"until": "-4 h"}, "end after it begins"),
        ({"until": "4 h", "every": "0 h"}, "not a positive step"),
        ({"until": 4.0}, "KG-124"),
        ({"until": "4 h", "rtol": 0.0}, "rtol must lie"),
        ({"until": "4 h", "method": "lsoda"}, "unknown method"),
        ({"until": "4 h", "max_steps": 0}, "max_steps"),
        ({"until": "4 h", "on_failure": "ignore"}, "on_failure must be"),
        ({"until": "4 h", "atol": {"C": "1 mg"}}, "no species"),
        ({"until": "4 h", "atol": {"A": "1 nM"}}, "KG-121"),
        ({"until": "4 h", "atol": {"A": "-1 mg"}}, "must not be negative"),
        ({"until": "4 h", "atol": 1e-6}, "atol needs units"),
        ({"until": "4 h", "values": {"CLL": "1 L/h"}}, "'CLL'"),
        ({"until": "4 h", "time_unit": "mg"}, "KG-121"),
    ],
)
def test_wrong_options(bolus, options, message):
    with pytest.raises((kg.InvalidInput), match=message):
        kg.simulate(bolus, "100 mg", **options)


def test_modeled_rate_needs_one_in_the_model(bolus, oral):
    with pytest.raises(kg.DataError, match="KG-244: the rate of a dose into 'A'"):
        at(bolus, kg.Dose("100 mg", modeled="rate"), 1.0)
    frame = {"ID": [1, 1], "TIME": [0.0, 1.0], "EVID": [1, 0], "AMT": [100.0, 0.0]}
    frame |= {"RATE": [-2.0, 0.0], "MDV": [1, 1]}
    table = kg.EventTable.from_frame(frame, units={"TIME": "h", "AMT": "mg"})
    with pytest.raises(kg.DataError, match=r"KG-244: table row 1 \(ID 1\): the duration"):
        kg.simulate(bolus, table)


def test_wrong_model_and_dosing(bolus):
    with pytest.raises(kg.SpecError, match="needs a Model"):
        kg.simulate("bolus", "100 mg", until="4 h")
    with pytest.raises(kg.DataError, match="dosing must be"):
        kg.simulate(bolus, 100.0, until="4 h")
    with pytest.raises(kg.DataError, match="no dose of the regimen falls"):
        kg.simulate(bolus, kg.Dose("100 mg", time="2 d"), until="1 d")


def test_default_tolerances_do_not_depend_on_who_is_simulated(oral):
    options = {"until": "1 d", "every": "6 h"}
    one = kg.simulate(oral, "1 mg/kg iv", subjects={"WT": [40.0]}, **options)
    two = kg.simulate(oral, "1 mg/kg iv", subjects={"WT": [40.0, 150.0]}, **options)
    assert one.provenance.atol == two.provenance.atol
    assert np.array_equal(one["Cp"].values[0], two["Cp"].values[0])


def test_default_tolerances_follow_the_dose_that_is_given(bolus):
    # 3.6 mg/kg: 0.072 mg for a mouse, 252 mg for an adult; decades of 0.01 and 100 mg
    options = {"until": "1 d", "rtol": 1e-3}
    plain = {
        text: kg.simulate(bolus, text, **options).provenance.atol for text in ("0.072 mg", "252 mg")
    }
    assert plain["0.072 mg"] != plain["252 mg"]
    for weight, dose in (("20 g", "0.072 mg"), ("70 kg", "252 mg")):
        found = kg.simulate(bolus, "3.6 mg/kg", weight=weight, **options)
        assert found.provenance.atol == plain[dose]
    different = kg.simulate(bolus, "3.6 mg/kg", weight=([0.02, 0.03], "kg"), subjects=2, **options)
    assert different.provenance.atol == plain["252 mg"]  # no subject sets that of another


def test_default_tolerances_follow_the_reference_weight_of_the_model(oral):
    options = {"until": "1 d", "metrics": False}
    adult = kg.simulate(oral, "1 mg/kg iv", subjects={"WT": [40.0, 150.0]}, **options)
    child = kg.simulate(
        oral.replace(oral.covariates["WT"].changed(value="7 kg", lower="2 kg")),
        "1 mg/kg iv",
        subjects={"WT": [40.0, 150.0]},
        **options,
    )
    assert adult.provenance.atol["central"] == "1e-08 mg"
    assert child.provenance.atol["central"] == "1e-09 mg"


def test_tolerance_of_one_species(oral):
    result = kg.simulate(oral, "1 mg/kg iv", until="1 d", atol={"depot": "1e-4 ug"})
    assert result.provenance.atol["depot"] == "1e-07 mg"


def test_out_is_used(bolus):
    room = np.empty((2, 3, 1))
    result = kg.simulate(bolus, "100 mg", subjects=2, times=([0, 1, 2], "h"), out=room)
    assert np.shares_memory(result["Cp"].values, room)
    assert room[0, 0, 0] == pytest.approx(2.0)
    with pytest.raises(kg.SpecError, match="out must be"):
        kg.simulate(bolus, "100 mg", subjects=3, times=([0, 1, 2], "h"), out=room)


def test_covariate_and_parameter_arrays(oral):
    result = kg.simulate(
        oral, "100 mg iv", subjects={"WT": [50.0, 70.0], "CL": ([5.0, 10.0], "L/h")},
        times=([10.0], "h"), rtol=1e-9,
    )  # fmt: skip
    rates = np.array([5 * (50 / 70) ** 0.75, 10.0]) / 50
    assert result["Cp"].values[:, 0] == pytest.approx(2 * np.exp(-10 * rates))


def test_categories_of_a_covariate():
    model = Model(
        "m",
        Parameter("CL", "5 L/h"),
        Parameter("V", "50 L"),
        Covariate("SEX", 0, categories={"female": 0, "male": 1}),
        Species("A", "mg"),
        Rate("A", "-CL*(1 + 0.5*SEX)/V*A"),
        DoseInput("A"),
        Output("Cp", "A/V", unit="mg/L"),
    )
    values = at(model, "100 mg", 10.0, subjects={"SEX": ["female", "male"]})
    assert values == pytest.approx([2 * np.exp(-1.0), 2 * np.exp(-1.5)])


def test_a_train_at_steady_state_takes_away_what_earlier_trains_had_to_give(bolus):
    """The same meaning as SS = 1 in a table, into which the sentence converts."""
    text = (
        "100 mg every 8 h x 4 + 50 mg every 6 h x 3 at steady state starting at 12 h"
        " + 10 mg every 4 h x 6 starting at 2 h"
    )
    regimen = kg.Regimen(text)
    grid = (np.arange(0.5, 40.0), "h")
    sentence = kg.simulate(bolus, regimen, times=grid)
    table = kg.simulate(bolus, regimen.to_table(), times=grid)
    assert sentence["Cp"].values == pytest.approx(table["Cp"].values, rel=1e-12)
    alone = kg.simulate(bolus, "50 mg every 6 h x 3 at steady state starting at 12 h", times=grid)
    late = grid[0] > 12.0
    assert sentence["Cp"].values[:, late] == pytest.approx(alone["Cp"].values[:, late], rel=1e-12)
    doses = kg.simulate(bolus, regimen, until="30 h", windows="doses").exposures
    given = [0.0, 2.0, 6.0, 8.0, 10.0, 12.0, 18.0, 24.0]
    assert doses.begin[:-1] == pytest.approx(given)
