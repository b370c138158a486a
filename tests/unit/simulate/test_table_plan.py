"""Event tables through simulate(): covariates in time, clocks, compartments, subjects.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.model import (
    Compartment,
    Covariate,
    DoseInput,
    Model,
    Output,
    Parameter,
    Rate,
    Rule,
    Species,
    Variability,
)
from scipy.integrate import solve_ivp

UNITS = {"TIME": "h", "AMT": "mg"}


def table(rows, covariates=None, interpolation="nocb"):
    size = len(rows["TIME"])
    frame = {"ID": [1] * size, "MDV": [1] * size} | rows
    return kg.EventTable.from_frame(
        frame, units=UNITS, covariates=covariates or {}, interpolation=interpolation
    )


@pytest.fixture(scope="module")
def weighted():
    """Clearance and bioavailability follow the body weight."""
    return Model(
        "weighted",
        Parameter("CL", "5 L/h"),
        Parameter("V", "50 L"),
        Covariate("WT", "70 kg"),
        Rule("CLi", "CL*(WT/70[kg])^0.75"),
        Species("A", "mg"),
        Rate("A", "-CLi/V*A"),
        DoseInput("A", bioavailability="0.5*WT/70[kg]"),
        Output("Cp", "A/V", unit="mg/L"),
    )


TIMES = np.array([0.0, 5.0, 5.0, 12.0, 20.0, 30.0])
WEIGHTS = np.array([50.0, 90.0, 70.0, 60.0, 120.0, 80.0])
DOSES = {0.0: (100.0, 50.0), 5.0: (50.0, 70.0), 20.0: (70.0, 120.0)}


def weight_between(rule, left, right, s):
    """Weight at s, inside (left, right), which holds no record."""
    if left >= TIMES[-1]:
        return WEIGHTS[-1]
    after = np.searchsorted(TIMES, right, side="left")
    before = np.searchsorted(TIMES, left, side="right") - 1
    if rule == "nocb":
        return WEIGHTS[after]
    if rule == "locf":
        return WEIGHTS[before]
    share = (s - TIMES[before]) / (TIMES[before + 1] - TIMES[before])
    return WEIGHTS[before] + share * (WEIGHTS[before + 1] - WEIGHTS[before])


def reference(rule, grid):
    values, amount, previous = [], 0.0, 0.0
    for t in sorted({*grid.tolist(), *TIMES.tolist()}):
        if t > previous:
            span = (previous, t)
            amount = solve_ivp(
                lambda s, y, span=span: -5 * (weight_between(rule, *span, s) / 70) ** 0.75 / 50 * y,
                span,
                [amount],
                rtol=1e-11,
                atol=1e-13,
            ).y[0, -1]
        if t in DOSES:
            dose, weight = DOSES[t]
            amount += dose * 0.5 * weight / 70
        if t in grid:
            values.append(amount / 50)
        previous = t
    return np.array(values)


@pytest.mark.parametrize("rule", ["nocb", "locf", "linear"])
def test_covariates_in_time(weighted, rule):
    rows = {
        "TIME": TIMES,
        "EVID": [1, 0, 1, 0, 1, 0],
        "AMT": [100.0, 0.0, 50.0, 0.0, 70.0, 0.0],
        "WT": WEIGHTS,
    }
    events = table(rows, {"WT": "kg"}, rule)
    grid = np.arange(0.0, 36.0, 1.5)
    result = kg.simulate(weighted, events, times=(grid, "h"), rtol=1e-10, metrics=False)
    assert np.max(np.abs(result["Cp"].values[0] - reference(rule, grid))) < 1e-9
    own = kg.simulate(weighted, events, rtol=1e-10)
    expected = reference(rule, np.unique(TIMES))[[1, 2, 4]]
    expected[0] -= 50 * 0.5 / 50  # the observation at 5 h stands in the row before the dose
    assert own["Cp"].values == pytest.approx(expected)


def test_linear_covariate_before_the_first_record_keeps_its_value(weighted):
    rows = {"TIME": [10.0, 20.0], "EVID": [1, 0], "AMT": [100.0, 0.0], "WT": [50.0, 90.0]}
    result = kg.simulate(
        weighted, table(rows, {"WT": "kg"}, "linear"), times=([0.0, 10.0], "h"), metrics=False
    )
    assert result["Cp"].values[0] == pytest.approx([0.0, 100 * 0.5 * 50 / 70 / 50])


def test_linear_covariate_in_a_volume_is_refused():
    model = Model(
        "v",
        Covariate("WT", "70 kg"),
        Parameter("CL", "5 L/h"),
        Compartment("plasma", "50[L]*WT/70[kg]"),
        Species("C", "mg/L", compartment="plasma"),
        Rate("C", "-CL/(50[L]*WT/70[kg])*C"),
        DoseInput("C"),
    )
    rows = {"TIME": [0.0, 20.0], "EVID": [1, 0], "AMT": [100.0, 0.0], "WT": [50.0, 90.0]}
    with pytest.raises(kg.DataError, match=r"KG-245.*WT cannot run linearly"):
        kg.simulate(model, table(rows, {"WT": "kg"}, "linear"))
    with pytest.raises(kg.DataError, match=r"KG-245: WT changes in time.*as an amount"):
        kg.simulate(model, table(rows, {"WT": "kg"}))


def test_covariate_outside_the_models_range_names_the_row(oral):
    rows = {"TIME": [0.0, 20.0], "EVID": [1, 0], "AMT": [100.0, 0.0], "WT": [50.0, 900.0]}
    with pytest.raises(kg.DataError, match=r"KG-245: table row 2 \(ID 1\): WT = 900"):
        kg.simulate(oral, table(rows, {"WT": "kg"}))


def test_units_of_table_covariates_are_converted(oral):
    rows = {"TIME": [0.0, 20.0], "EVID": [1, 0], "AMT": [100.0, 0.0], "WT": [50e3, 50e3]}
    result = kg.simulate(oral, table(rows, {"WT": "g"}))
    assert result.parameters["WT"].values == pytest.approx([50.0])


def test_a_clock_that_starts_anew(bolus):
    rows = {
        "TIME": [0.0, 10.0, 0.0, 10.0],
        "EVID": [1, 0, 4, 0],
        "AMT": [100.0, 0.0, 50.0, 0.0],
    }
    events = table(rows)
    result = kg.simulate(bolus, events, rtol=1e-9)
    assert result["Cp"].values == pytest.approx([2 * np.exp(-1), np.exp(-1)])
    assert result.exposures is None
    with pytest.raises(kg.DataError, match=r"KG-246: table row 3.*the clock starts anew"):
        kg.simulate(bolus, events, times=([1.0], "h"))
    with pytest.raises(kg.DataError, match="KG-246"):
        kg.simulate(bolus, events, windows="doses")


def test_reset_keeps_the_clock(bolus):
    rows = {"TIME": [0.0, 5.0, 5.0, 6.0], "EVID": [1, 3, 0, 0], "AMT": [100.0, 0.0, 0.0, 0.0]}
    assert kg.simulate(bolus, table(rows))["Cp"].values.tolist() == [0.0, 0.0]


def test_compartments_by_name_and_number(oral):
    for cmt in ([2, 2], ["central", "central"]):
        rows = {"TIME": [0.0, 0.0], "EVID": [1, 0], "AMT": [100.0, 0.0], "CMT": cmt}
        assert kg.simulate(oral, table(rows))["Cp"].values == pytest.approx([2.0])
    rows["CMT"] = ["centrall", "central"]
    with pytest.raises(kg.DataError, match=r"KG-244: table row 1 \(ID 1\).*Did you mean"):
        kg.simulate(oral, table(rows))
    rows["CMT"] = [7, 2]
    with pytest.raises(kg.DataError, match=r"KG-244: table row 1.*compartment 7"):
        kg.simulate(oral, table(rows))


def test_duration_and_rate_columns(bolus):
    k = 0.1
    by_duration = {"TIME": [0.0, 4.0], "EVID": [1, 0], "AMT": [100.0, 0.0], "DUR": [4.0, 0.0]}
    by_rate = {"TIME": [0.0, 4.0], "EVID": [1, 0], "AMT": [100.0, 0.0], "RATE": [25.0, 0.0]}
    expected = 25 / 50 / k * (1 - np.exp(-k * 4))
    for rows in (by_duration, by_rate):
        value = kg.simulate(bolus, table(rows), rtol=1e-9)["Cp"].values
        assert value == pytest.approx([expected])


def test_windows_of_each_subjects_own(bolus):
    frame = {
        "ID": [1, 1, 1, 2, 2, 2],
        "TIME": [0.0, 10.0, 20.0, 0.0, 6.0, 30.0],
        "EVID": [1, 1, 0] * 2,
        "AMT": [100.0, 100.0, 0.0] * 2,
        "MDV": [1] * 6,
    }
    events = kg.EventTable.from_frame(frame, units=UNITS)
    result = kg.simulate(bolus, events, rtol=1e-9)
    first = result.exposures.metric("trough", "Cp", "first dose").values
    assert first == pytest.approx([2 * np.exp(-1.0), 2 * np.exp(-0.6)], rel=1e-7)
    whole = result.exposures.metric("AUC", "Cp", "whole").values
    expected = 20 * (2 - np.exp([-2.0, -3.0]) - np.exp([-1.0, -2.4]))
    assert whole == pytest.approx(expected, rel=1e-7)


def test_covariates_beside_the_table(oral):
    frame = {
        "ID": ["b", "b", "a", "a"],
        "TIME": [0.0, 10.0] * 2,
        "EVID": [1, 0] * 2,
        "AMT": [100.0, 0.0] * 2,
        "CMT": [2] * 4,
        "MDV": [1] * 4,
    }
    events = kg.EventTable.from_frame(frame, units=UNITS)
    who = {"ID": ["a", "b"], "WT": [50.0, 90.0]}
    result = kg.simulate(oral, events, subjects=who, rtol=1e-9)
    assert result.parameters["WT"].values == pytest.approx([90.0, 50.0])
    with pytest.raises(kg.DataError, match="subject b of the table is not among"):
        kg.simulate(oral, events, subjects={"ID": ["a", "c"], "WT": [50.0, 90.0]})
    with pytest.raises(kg.SpecError, match="leave subjects out"):
        kg.simulate(oral, events, subjects=5)


def test_regimen_and_its_table_agree(oral):
    regimen = kg.Regimen("100 mg iv over 2 h every 12 h x 4")
    grid = (np.arange(0, 48, 3.0), "h")
    direct = kg.simulate(oral, regimen, times=grid, rtol=1e-9, metrics=False)
    through = kg.simulate(oral, regimen.to_table(), times=grid, rtol=1e-9, metrics=False)
    assert through["Cp"].values == pytest.approx(direct["Cp"].values, rel=1e-12, abs=1e-14)


def test_end_of_a_grid_needs_both(bolus):
    rows = {"TIME": [0.0, 10.0], "EVID": [1, 0], "AMT": [100.0, 0.0]}
    with pytest.raises(kg.SpecError, match="needs until"):
        kg.simulate(bolus, table(rows), until="20 h")
    result = kg.simulate(bolus, table(rows), until="20 h", every="5 h")
    assert result.times.values.tolist() == [0.0, 5.0, 10.0, 15.0, 20.0]


def test_effects_follow_the_id(oral):
    frame = {
        "ID": [3, 3, 8, 8],
        "TIME": [0.0, 10.0] * 2,
        "EVID": [1, 0] * 2,
        "AMT": [100.0, 0.0] * 2,
        "MDV": [1] * 4,
    }
    events = kg.EventTable.from_frame(frame, units=UNITS)
    both = kg.simulate(oral, events, variability=True, seed=2)
    alone = kg.simulate(oral, events.subject(8), variability=True, seed=2)
    assert np.array_equal(alone["Cp"].values, both["Cp"].values[1:])


def test_compartment_turned_off_and_on(oral):
    """A negative CMT on EVID 2 empties a compartment and holds it at zero until a positive one."""
    rows = {
        "TIME": [0.0, 2.0, 3.0, 4.0, 4.0, 5.0],
        "EVID": [1, 2, 0, 2, 1, 0],
        "AMT": [100.0, 0.0, 0.0, 0.0, 50.0, 0.0],
        "CMT": [2, -2, 2, 2, 2, 2],
    }
    values = kg.simulate(oral, table(rows), metrics=False)["Cp"].values
    assert values == pytest.approx([0.0, 50 / 50 * np.exp(-0.1)])


def test_windows_of_every_dose_of_every_subject(bolus):
    frame = {
        "ID": [1, 1, 2, 2, 3],
        "TIME": [0.0, 30.0, 0.0, 20.0, 0.0],
        "EVID": [1, 0, 1, 0, 1],
        "AMT": [100.0, 0.0, 100.0, 0.0, 100.0],
        "ADDL": [2, 0, 0, 0, 0],
        "II": [10.0, 0.0, 0.0, 0.0, 0.0],
        "MDV": [1] * 5,
    }
    events = kg.EventTable.from_frame(frame, units=UNITS)
    result = kg.simulate(bolus, events, windows="doses", rtol=1e-9)
    assert result.exposures.labels == ("dose 1", "dose 2", "dose 3", "whole")
    rows = list(result.exposure().rows())
    assert [(r["subject"], r["window"]) for r in rows] == [
        (1, "dose 1"),
        (1, "dose 2"),
        (1, "dose 3"),
        (1, "whole"),
        (2, "dose 1"),
        (2, "whole"),
    ]
    e = np.exp(-1.0)
    assert [r["trough"] for r in rows[:3]] == pytest.approx(
        [2 * e, 2 * (e + e**2), 2 * (e + e**2 + e**3)], rel=1e-8
    )
    assert rows[4]["AUC"] == pytest.approx(20 * (1 - e**2), rel=1e-8)


def test_windows_leave_out_doses_that_a_reset_takes_away(weighted):
    """ADDL reaches beyond EVID 3 and SS = 1; the doses after them are never given."""
    rows = {
        "TIME": [0.0, 20.0, 24.0, 40.0],
        "AMT": [100.0, 0.0, 60.0, 0.0],
        "II": [8.0, 0.0, 6.0, 0.0],
        "ADDL": [5, 0, 1, 0],
        "SS": [0, 0, 1, 0],
        "EVID": [1, 3, 1, 0],
    }
    result = kg.simulate(weighted, table(rows), windows="doses")
    begins = result.exposures.begin
    begins = begins[:-1] if begins.ndim == 1 else begins[0, :-1]
    assert begins == pytest.approx([0.0, 8.0, 16.0, 24.0, 30.0])
    steady = kg.simulate(weighted, table(rows | {"EVID": [1, 2, 1, 0]}), windows="doses")
    begins = steady.exposures.begin
    begins = begins[:-1] if begins.ndim == 1 else begins[0, :-1]
    assert begins == pytest.approx([0.0, 8.0, 16.0, 24.0, 30.0])


def test_marks_of_doses_on_a_clock_that_starts_anew(weighted):
    rows = {"TIME": [0.0, 20.0, 0.0, 9.0], "AMT": [100.0, 0.0, 60.0, 0.0], "II": [8.0, 0, 0, 0],
            "ADDL": [5, 0, 0, 0], "EVID": [1, 0, 4, 0]}  # fmt: skip
    result = kg.simulate(weighted, table(rows))
    assert result.dose_times["dose"] == pytest.approx([0.0, 8.0, 16.0])


def test_a_volume_that_changes_under_a_concentration_is_refused():
    """The concentration would stay and drug appear; an amount in the same place is fine."""
    common = (Covariate("VV", "3 L"), Compartment("p", volume="VV"))
    molar = Model(
        "concentration", *common, Species("C", "nM", compartment="p"), Rate("C", "-0.1[1/h]*C"),
        DoseInput("C"), Output("A", "C*VV", unit="nmol"),
    )  # fmt: skip
    amount = Model(
        "amount", *common, Species("A0", "nmol", compartment="p"), Rate("A0", "-0.1[1/h]*A0"),
        DoseInput("A0"), Output("A", "A0", unit="nmol"),
    )  # fmt: skip
    frame = {"ID": [1] * 3, "TIME": [0, 1, 2], "AMT": [30, 0, 0], "EVID": [1, 0, 0]}
    units = {"TIME": "h", "AMT": "nmol"}

    def read(volumes):
        return kg.EventTable.from_frame(
            frame | {"VV": volumes}, units=units, covariates={"VV": "L"}
        )

    with pytest.raises(kg.DataError, match=r"KG-245: VV changes in time.*'C'"):
        kg.simulate(molar, read([3, 3, 6]))
    expected = 30 * np.exp(-0.1 * np.array([1.0, 2.0]))
    assert kg.simulate(molar, read([6, 6, 6]))["A"].values == pytest.approx(expected, rel=1e-9)
    assert kg.simulate(amount, read([3, 3, 6]))["A"].values == pytest.approx(expected, rel=1e-9)


def test_a_volume_of_occasions_under_a_concentration_is_refused():
    model = Model(
        "concentration", Parameter("V", "3 L"), Variability("kappa", 0.04, level="occasion"),
        Rule("VO", "V*exp(kappa)"), Compartment("p", volume="VO"),
        Species("C", "nM", compartment="p"), Rate("C", "-0.1[1/h]*C"), DoseInput("C"),
        Output("A", "C*VO", unit="nmol"),
    )  # fmt: skip
    with pytest.raises(kg.DataError, match=r"KG-245: kappa changes in time"):
        kg.simulate(model, "10 nmol every 12 h x 2", until="24 h", variability=True)
    once = kg.simulate(model, "10 nmol", until="24 h", variability=True)  # one occasion
    assert once["A"].values[0, 0] == pytest.approx(10.0)
    kg.simulate(model, "10 nmol every 12 h x 2", until="24 h", variability="subject")


@pytest.mark.parametrize("initial", ["steady", "kin/kout", "50"])
@pytest.mark.parametrize("bend", ["", "*(1 + A/1e12[mg])"])
def test_a_reset_brings_initial_values_back(initial, bend):
    """EVID 3 and 4 start anew, also where a species starts at rest; solved exactly and stepped."""
    model = Model(
        "turnover",
        Parameter("kin", "10 1/h"),
        Parameter("kout", "0.2 1/h"),
        Species("A", "mg"),
        Species("R", "", initial=initial),
        Rate("A", f"-0.1[1/h]*A{bend}"),
        Rate("R", "kin - 0.05[1/mg/h]*A - kout*R"),
        DoseInput("A"),
        Output("Re", "R", unit=""),
    )
    times, doses = [0.0, 5.0, 5.0, 9.0, 9.0, 12.0], [100.0, 0.0, 0.0, 0.0, 100.0, 0.0]
    rows = {"TIME": times, "AMT": doses, "EVID": [1, 3, 0, 0, 4, 0]}
    found = kg.simulate(model, table(rows), rtol=1e-9)["Re"].values
    t = 3.0  # R = 50 - 5 (exp(-0.1 t) - exp(-0.2 t))/(0.2 - 0.1)
    fallen = 50.0 - 5.0 * (np.exp(-0.1 * t) - np.exp(-0.2 * t)) / 0.1
    assert found == pytest.approx([50.0, 50.0, fallen], rel=1e-7)
