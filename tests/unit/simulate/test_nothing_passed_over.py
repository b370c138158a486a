"""What a user wrote is used or refused: columns, names, routes, options.

SPDX-License-Identifier: BSD-3-Clause
"""

import krogh as kg
import numpy as np
import pytest
from krogh.model import Covariate, DoseInput, Model, Output, Parameter, Rate, Rule, Species

UNITS = {"TIME": "h", "AMT": "mg"}


@pytest.fixture(scope="module")
def scaled() -> Model:
    """One compartment with an absorption site, clearance by weight."""
    return Model(
        "scaled",
        Parameter("CL", "2 L/h"),
        Parameter("V", "10 L"),
        Parameter("KA", "1 1/h"),
        Covariate("WT", "70 kg"),
        Covariate("SEX", 0, categories={"female": 0, "male": 1}),
        Rule("CLi", "CL*(WT/70[kg])*(1 + SEX)"),
        Species("depot", "mg"),
        Species("central", "mg"),
        Rate("depot", "-KA*depot"),
        Rate("central", "KA*depot - CLi/V*central"),
        DoseInput("depot"),
        DoseInput("central"),
        Output("Cp", "central/V", unit="mg/L"),
        Output("CLout", "CLi", unit="L/h"),
    )


def rows(**more):
    return {"ID": [1, 1], "TIME": [0, 5], "AMT": [100, 0], "EVID": [1, 0], "CMT": [2, 2], **more}


def test_a_covariate_of_the_model_is_not_passed_over_in_a_table(scaled):
    table = kg.EventTable.from_frame(rows(wt=[140, 140]), units=UNITS)
    with pytest.raises(kg.UnitError, match=r"KG-126.*column wt.*covariates=\{'wt': 'kg'\}"):
        kg.simulate(scaled, table)
    stated = kg.EventTable.from_frame(rows(wt=[140, 140]), units=UNITS, covariates={"wt": "kg"})
    assert kg.simulate(scaled, stated)["CLout"].values == pytest.approx([4.0])
    for_all = kg.simulate(scaled, table, values={"WT": "35 kg"})
    assert for_all["CLout"].values == pytest.approx([1.0])
    beside = kg.simulate(scaled, table, subjects={"ID": [1], "WT": ([35.0], "kg")})
    assert beside["CLout"].values == pytest.approx([1.0])


def test_the_advice_for_a_category_names_it(scaled):
    table = kg.EventTable.from_frame(rows(SEX=[1, 1]), units=UNITS)
    with pytest.raises(kg.UnitError, match=r"covariates=\{'SEX': \{'female': 0"):
        kg.simulate(scaled, table)


def test_a_table_says_which_columns_it_only_carries():
    table = kg.EventTable.from_frame(rows(ADL=[3, 0], CRCL=[90, 90]), units=UNITS)
    assert "ADL, CRCL" in str(table)


def test_another_name_of_weight_is_not_passed_over(scaled):
    with pytest.raises(kg.SpecError, match=r"KG-103.*'WEIGHT' but 'WT'"):
        kg.simulate(scaled, "100 mg", until="1 h", subjects={"WEIGHT": ([140.0], "kg")})
    both = {"WEIGHT": ([140.0], "kg"), "WT": ([70.0], "kg")}
    assert kg.simulate(scaled, "100 mg", until="1 h", subjects=both)["CLout"].values[0, 0] == 2.0


def test_a_route_that_no_dose_input_states_is_refused(scaled):
    with pytest.raises(kg.SpecError, match=r"KG-103.*route 'iv'.*depot, central"):
        kg.simulate(scaled, "100 mg iv", until="1 h")
    with pytest.raises(kg.SpecError, match=r"KG-103.*drug 'pertuzumab'"):
        kg.simulate(scaled, "pertuzumab 100 mg", until="1 h")
    into = kg.simulate(scaled, "100 mg into central", until="1 h")
    assert into["Cp"].values[0, 0] == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("option", "code"),
    [
        ({"num_threads": "2"}, "KG-119"),
        ({"num_threads": -1}, "KG-119"),
        ({"num_threads": True}, "KG-119"),
        ({"seed": "a"}, "KG-117"),
        ({"values": ["CL"]}, "KG-119: values"),
        ({"thresholds": ["Cp"]}, "KG-119: thresholds"),
        ({"sensitivities": [3]}, "KG-119: sensitivities"),
        ({"sensitivities": 3}, "KG-119: sensitivities"),
        ({"uncertainty": 5}, "KG-119: uncertainty"),
        ({"seed": -1}, "KG-117"),
    ],
)
def test_options_are_checked_also_where_they_are_not_used(scaled, option, code):
    with pytest.raises(kg.SpecError, match=code):
        kg.simulate(scaled, "100 mg", until="1 h", **option)


def test_a_subject_without_a_window_is_left_out_of_its_summary(scaled):
    """A subject of one dose has no first and last dosing interval: nothing, not an area of 0."""
    frame = {
        "ID": [1, 1, 1, 2, 2],
        "TIME": [0, 12, 24, 0, 24],
        "AMT": [100, 100, 0, 100, 0],
        "EVID": [1, 1, 0, 1, 0],
        "CMT": [2] * 5,
    }
    result = kg.simulate(scaled, kg.EventTable.from_frame(frame, units=UNITS))
    area = result.exposures.metric("AUC", "Cp", "first dose").values
    assert area[0] == pytest.approx(100 / 2 * (1 - np.exp(-0.2 * 12)), rel=1e-6)
    assert np.isnan(area[1])
    assert np.isnan(result.exposures.metric("half_life", "Cp", "first dose").values[1])
    summary = result.exposure_summary("Cp", "first dose").where(metric="AUC")
    assert summary["median"][0] == pytest.approx(area[0])


def test_no_metrics_where_a_clock_starts_anew_and_the_message_says_so(scaled):
    frame = {"ID": [1] * 4, "TIME": [0, 5, 0, 5], "AMT": [100, 0, 100, 0], "EVID": [1, 0, 4, 0],
             "CMT": [2] * 4}  # fmt: skip
    result = kg.simulate(scaled, kg.EventTable.from_frame(frame, units=UNITS))
    with pytest.raises(kg.SpecError, match=r"KG-118.*starts anew"):
        result.exposure()


def test_a_weight_that_is_no_number(scaled):
    with pytest.raises(kg.DataError, match="KG-242: weight needs numbers"):
        kg.simulate(scaled, "1 mg/kg", until="1 h", weight=(["heavy"], "kg"))


def test_a_weight_for_doses_alone_is_told(scaled, caplog):
    kg.simulate(scaled, "1 mg/kg into central", until="1 h", weight="140 kg")
    assert "covariate WT of model 'scaled' stays at 70 kg" in caplog.text
    caplog.clear()
    both = kg.simulate(scaled, "1 mg/kg into central", until="1 h", subjects={"WT": "140 kg"})
    assert caplog.text == ""
    assert both["Cp"].values[0, 0] == pytest.approx(14.0)
    assert both["CLout"].values[0, 0] == pytest.approx(4.0)


def test_what_is_given_twice_is_refused(scaled):
    twice = {"until": "1 h", "values": {"CL": "3 L/h"}, "subjects": {"CL": ([4.0], "L/h")}}
    with pytest.raises(kg.SpecError, match=r"KG-119: 'CL' is given twice, by values and by subje"):
        kg.simulate(scaled, "100 mg", **twice)
    table = kg.EventTable.from_frame(rows(WT=[70, 80]), units=UNITS, covariates={"WT": "kg"})
    with pytest.raises(kg.SpecError, match=r"KG-119: 'WT' .* values and by a column of table"):
        kg.simulate(scaled, table, values={"WT": "60 kg"})
    with pytest.raises(kg.SpecError, match=r"KG-119: 'WT' .* subjects and by column WT of table"):
        kg.simulate(scaled, table, subjects={"ID": [1], "WT": ([60.0], "kg")})
    plain = kg.EventTable.from_frame(rows(), units=UNITS)
    both = {"values": {"WT": "60 kg"}, "subjects": {"ID": [1], "WT": ([60.0], "kg")}}
    with pytest.raises(kg.SpecError, match=r"KG-119: 'WT' is given twice"):
        kg.simulate(scaled, plain, **both)
    with pytest.raises(kg.SpecError, match="KG-119: weight is for doses per weight"):
        kg.simulate(scaled, plain, weight="60 kg")
