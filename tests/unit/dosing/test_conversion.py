"""Regimens and tables into each other, and additional doses as rows.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from krogh.dosing import EventTable, Regimen
from krogh.errors import DataError, SpecError, UnitError

UNITS = {"TIME": "h", "AMT": "mg"}


def read(text, **options):
    return EventTable.read(text, **{"units": UNITS, **options})


def test_a_regimen_as_a_table():
    table = Regimen("3.6 mg/kg over 90 min iv every 21 d x 6").to_table(
        weight="70 kg", times=["1 h", "504 h"], observe="central"
    )
    assert list(table["TIME"]) == [0, 1, 504]
    assert list(table["EVID"]) == [1, 0, 0]
    assert table["AMT"][0] == 252.0
    assert table["DUR"][0] == 1.5
    assert table["RATE"][0] == 168.0
    assert table["II"][0] == 504.0
    assert table["ADDL"][0] == 5
    assert list(table["ROUTE"]) == ["iv", "", ""]
    assert list(table["CMT_NAME"]) == ["", "central", "central"]
    assert list(table["MDV"]) == [1, 1, 1]
    assert table.units == {"TIME": "h", "II": "h", "DUR": "h", "AMT": "mg", "RATE": "mg/h"}


def test_doses_for_each_subject():
    table = Regimen("2 mg/kg/h for 3 h + 100 mg/m2 at 1 h").to_table(
        ["a", "b"], weight=(np.array([50.0, 80.0]), "kg"), surface=["1.5 m^2", "20000 cm^2"]
    )
    assert table.subjects == ["a", "b"]
    assert list(table["AMT"]) == [300, 150, 480, 200]
    assert list(table["RATE"]) == [100, 0, 160, 0]
    assert list(table["DUR"]) == [0, 0, 0, 0]


def test_calvert_dosing_in_a_table():
    regimen = Regimen("carboplatin AUC 5 mg/mL min over 30 min every 21 d x 4")
    table = regimen.to_table(2, gfr=([75.0, 175.0], "mL/min"))
    assert list(table["AMT"]) == [500, 1000]
    assert list(
        regimen.to_table(2, gfr=([75.0, 175.0], "mL/min"), gfr_cap="125 mL/min")["AMT"]
    ) == [
        500,
        750,
    ]
    assert list(table["DRUG"]) == ["carboplatin", "carboplatin"]
    per_hour = regimen.to_table(gfr="4.5 L/h", amount_unit="g", time_unit="d")
    assert per_hour["AMT"][0] == pytest.approx(0.5, rel=1e-14)
    assert per_hour["II"][0] == 21.0


def test_doses_per_gram_of_mouse():
    table = Regimen("0.05 mg/g").to_table(weight="25 g")
    assert table["AMT"][0] == pytest.approx(1.25, rel=1e-15)


def test_times_and_ties():
    table = Regimen("1 mg every 12 h x 3 + 2 mg at 12 h").to_table(times=([0.0, 720.0], "min"))
    assert list(table["TIME"]) == [0, 0, 12, 12]
    assert list(table["EVID"]) == [1, 0, 1, 0]  # at one time the dose comes first


def test_an_open_end_needs_a_time():
    regimen = Regimen("400 mg then 250 mg weekly")
    with pytest.raises(DataError, match="KG-205"):
        regimen.to_table()
    table = regimen.to_table(until="28 d")
    assert list(table["ADDL"]) == [0, 3]
    assert table.to_regimen() == regimen.until("28 d")


def test_covariates_in_the_table():
    table = Regimen("1 mg").to_table(
        2, covariates={"WT": "70 kg", "CREA": ([80.0, 90.0], "umol/L")}, times=["1 h"]
    )
    assert list(table.covariates["WT"]) == [70, 70, 70, 70]
    assert list(table.covariates["CREA"]) == [80, 80, 90, 90]
    assert table.units["CREA"] == "umol/L"


@pytest.mark.parametrize(
    ("text", "options", "error", "part"),
    [
        ("3 mg/kg", {}, DataError, "weight='70 kg'"),
        ("3 mg/m2", {}, DataError, "surface='1.8 m^2'"),
        ("AUC 5 mg/mL min", {}, DataError, "gfr='90 mL/min'"),
        ("3 mg/kg", {"weight": 70}, UnitError, "KG-124"),
        ("3 mg/kg", {"weight": "70 cm"}, UnitError, "KG-121"),
        ("3 mg/kg", {"weight": "-70 kg"}, DataError, "KG-206"),
        ("3 mg/kg", {"weight": ([70.0, 80.0], "kg")}, DataError, "KG-206"),
        ("3 mg/kg", {"weight": (np.array([np.nan]), "kg")}, DataError, "KG-206"),
        ("3 mg + 4 MBq", {}, UnitError, "for_drug"),
        ("3 mg", {"amount_unit": "nmol"}, UnitError, "KG-121"),
        ("3 mg", {"time_unit": "mg"}, UnitError, "KG-121"),
        ("3 mg", {"times": [1.0]}, UnitError, "KG-124"),
        ("3 mg", {"times": np.array([1.0])}, UnitError, "KG-124"),
        ("3 mg", {"times": ([2.0, 1.0], "h")}, DataError, "do not decrease"),
        ("3 mg", {"subjects": 0}, SpecError, "KG-103"),
        ("3 mg", {"subjects": ["a", "a"]}, SpecError, "without repeats"),
        ("AUC 5 mg/mL min", {"gfr": "90 mL/min", "amount_unit": "IU"}, UnitError, "KG-121"),
        ("AUC 5 mg/mL min", {"gfr": "90 mL/min", "gfr_cap": "9 mL"}, UnitError, "KG-121"),
        ("3 mg", {"covariates": {"WT": ([1.0, 2.0, 3.0], "kg")}}, DataError, "KG-206"),
    ],
)
def test_what_a_table_needs(text, options, error, part):
    with pytest.raises(error) as caught:
        Regimen(text).to_table(**options)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "100 mg every 24 h x 6",
        "100 mg over 90 min iv every 21 d x 6 + 50 mg oral daily x 7 starting at 1 d",
        "100 mg at 10 mg/h into 2 every 12 h x 4 at steady state",
        "2 mg/h at steady state",
        "100 mg with modeled duration into depot every 12 h x 2 at superposed steady state",
        "pertuzumab 840 mg then 420 mg every 3 weeks x 4 + trastuzumab 560 mg",
    ],
)
def test_flat_regimens_come_back_from_a_table(text):
    regimen = Regimen(text)
    table = regimen.to_table()
    back = table.to_regimen()
    assert back.to_table() == table
    assert EventTable.read(table.to_csv(), units={}) == table


def test_explicit_doses_come_back_as_the_same_doses():
    table = Regimen("100 mg at 0 and 12 h then 50 mg every 12 h x 5").to_table()
    back = table.to_regimen()
    assert str(back) == "100 mg every 12 h x 2 then 50 mg every 12 h x 5"
    for name in ("TIME", "AMT", "EVID"):
        assert list(back.to_table().expanded()[name]) == list(table.expanded()[name])


def test_equal_doses_become_one_repeated_dose():
    table = read("ID,TIME,AMT\n1,0,200\n" + "".join(f"1,{24 * i},100\n" for i in range(1, 8)))
    assert str(table.to_regimen()) == "200 mg then 100 mg every 1 d x 7"
    uneven = read("ID,TIME,AMT\n1,0,100\n1,24,100\n1,48,100\n1,60,100\n1,72,100\n")
    assert (
        str(uneven.to_regimen()) == "100 mg every 1 d x 3 + 100 mg every 12 h x 2 starting at 60 h"
    )


def test_times_in_other_units_still_have_equal_distances():
    times = [i * 0.1 for i in range(12)]  # rounded in every step
    table = read(
        "ID,TIME,AMT\n" + "".join(f"1,{t!r},5\n" for t in times), units={"TIME": "d", "AMT": "mg"}
    )
    assert str(table.to_regimen()) == "5 mg every 144 min x 12"


def test_what_is_no_regimen():
    reset = read("ID,TIME,AMT,EVID\n1,0,100,1\n1,24,0,3\n")
    with pytest.raises(DataError, match=r"KG-223.*row 3"):
        reset.to_regimen()
    first = read("ID,TIME,AMT,EVID\n1,0,100,4\n1,24,100,1\n")
    assert str(first.to_regimen()) == "100 mg every 1 d x 2"
    with pytest.raises(DataError, match="KG-223"):
        read("ID,TIME,AMT,EVID,CMT\n1,0,100,1,1\n1,24,0,2,-1\n").to_regimen()
    with pytest.raises(DataError, match=r"KG-223.*no dose"):
        read("ID,TIME,AMT,EVID\n1,0,0,2\n").to_regimen()
    with pytest.raises(DataError, match="KG-223"):
        read("ID,TIME,AMT\n1,-1,5\n").to_regimen()
    with pytest.raises(SpecError, match="KG-101"):
        read("ID,TIME,AMT\n1,0,5\n2,0,5\n").to_regimen()


def test_additional_doses_come_before_rows_of_their_time():
    table = read(
        "ID,TIME,AMT,EVID,II,ADDL,CMT\n1,0,100,1,12,3,1\n1,12,0,0,0,0,2\n1,12,7,1,0,0,1\n1,30,0,0,0,0,2\n"
    ).expanded()
    assert list(table["TIME"]) == [0, 12, 12, 12, 24, 30, 36]
    assert list(table["AMT"]) == [100, 100, 0, 7, 100, 0, 100]
    assert list(table.rows) == [2, 2, 3, 4, 2, 5, 2]
    assert not table["ADDL"].any()
    assert not table["II"].any()


def test_a_steady_state_stays_with_the_first_dose():
    table = read("ID,TIME,AMT,II,ADDL,SS\n1,0,100,12,2,1\n").expanded()
    assert list(table["SS"]) == [1, 0, 0]
    assert list(table["II"]) == [12, 0, 0]


@pytest.mark.parametrize("cancel", ["1,25,0,3,0,0,0", "1,25,50,4,0,0,0", "1,25,50,1,24,0,1"])
def test_resets_and_steady_states_cancel_what_is_pending(cancel):
    text = f"ID,TIME,AMT,EVID,II,ADDL,SS\n1,0,100,1,12,5,0\n{cancel}\n1,40,0,0,0,0,0\n"
    table = read(text).expanded()
    assert list(table["TIME"]) == [0, 12, 24, 25, 40]
    at_the_dose = read(text.replace("1,25,", "1,24,")).expanded()
    assert list(at_the_dose["TIME"]) == [0, 12, 24, 40]


def test_a_new_clock_cancels_too():
    text = "ID,TIME,AMT,EVID,II,ADDL\n1,0,100,1,12,5\n1,24,0,0,0,0\n1,0,50,4,6,1\n2,0,10,1,12,1\n"
    table = read(text).expanded()
    assert list(table["TIME"]) == [0, 12, 24, 24, 0, 6, 0, 12]
    assert list(table["AMT"]) == [100, 100, 100, 0, 50, 50, 10, 10]
    assert list(table.offsets) == [0, 6, 8]


@pytest.mark.parametrize("rule", ["nocb", "locf", "linear"])
def test_expansion_changes_no_covariate(rule):
    text = (
        "ID,TIME,AMT,EVID,II,ADDL,WT\n1,0,100,1,12,5,70\n1,18,0,0,0,0,79\n1,40,0,0,0,0,90\n"
        "2,0,100,1,12,5,60\n2,40,0,0,0,0,50\n"
    )
    table = read(text, covariates={"WT": "kg"}, interpolation=rule)
    longer = table.expanded()
    times = np.linspace(-1.0, 70.0, 143)
    for subject in (1, 2):
        before = table.covariate_at("WT", subject, times)
        after = longer.covariate_at("WT", subject, times)
        np.testing.assert_allclose(after, before, rtol=1e-14)
    assert len(longer) == 15


def test_an_enormous_expansion_is_refused():
    with pytest.raises(DataError, match="KG-204"):
        read("ID,TIME,AMT,II,ADDL\n" + "1,0,1,1,1000000\n" * 51).expanded()
