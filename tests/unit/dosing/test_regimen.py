"""Regimens and doses as values: construction, arithmetic, printing.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import copy
import math
import pickle

import pytest
from krogh.dosing import Dose, Regimen
from krogh.errors import DataError, SpecError, UnitError
from krogh.units import Quantity

D = 86400.0


def test_a_dose_takes_text_quantities_and_seconds():
    dose = Dose(Quantity(100.0, "mg"), time="2 h", duration=("90", "min")[0] + " min")
    assert dose == Dose("100 mg", 7200.0, duration=5400.0)
    assert Dose(("100", "mg")[0] + " mg") == Dose((100, "mg"))
    assert dose.amount.value == 100.0
    assert dose.basis == "flat"
    assert Dose("3 mg/kg").basis == "weight"
    assert Dose("3 mg/m2").basis == "surface"
    assert Dose("3 mg/mL*min").basis == "auc"


def test_equal_units_in_other_spelling_are_equal():
    assert Dose("3 ug/m^2") == Dose("3 \u00b5g/m\u00b2") == Dose("3 mcg m-2")
    assert hash(Regimen("3 ug/m^2")) == hash(Regimen("3 \u00b5g/m\u00b2"))


def test_values_do_not_change():
    dose = Dose("1 mg")
    with pytest.raises(AttributeError):
        dose.time = 3.0  # type: ignore[misc]
    regimen = Regimen(dose)
    with pytest.raises(AttributeError):
        regimen.doses = ()  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del regimen._doses


def test_copies_and_pickles_are_equal():
    regimen = Regimen("alpha 8 mg/kg then 6 mg/kg every 3 weeks x 17 + beta AUC 5 mg/mL min q3w")
    assert pickle.loads(pickle.dumps(regimen)) == regimen
    assert copy.deepcopy(regimen) == regimen


def test_sum_keeps_the_order():
    first, second = Regimen("alpha 1 mg"), Regimen("beta 2 mg daily x 3")
    assert (first + second).doses == first.doses + second.doses
    assert first + "beta 2 mg daily x 3" == first + second
    assert "alpha 1 mg" + second == first + second
    assert first + Dose("3 mg") == Regimen([first, Dose("3 mg")])
    with pytest.raises(TypeError):
        first + 3  # type: ignore[operator]


def test_shift_and_repeat():
    regimen = Regimen("80 mg/m2 on days 1, 8 and 15")
    assert regimen.shift("2 d").doses[1].time == 9 * D
    cycles = regimen.repeat(3, every="28 d")
    assert [dose.time / D for dose in cycles] == [0, 7, 14, 28, 35, 42, 56, 63, 70]
    assert Regimen(str(cycles)) == cycles


def test_scaling_keeps_duration_or_rate():
    regimen = Regimen("100 mg at 10 mg/h + 100 mg over 2 h + 5 mg/h at steady state")
    by_duration = regimen.scaled(2.0)
    assert [str(dose.rate) for dose in by_duration if dose.rate] == ["20 mg/h", "10 mg/h"]
    by_rate = regimen.scaled(2.0, keep="rate")
    assert [str(dose.rate) for dose in by_rate if dose.rate] == ["10 mg/h", "10 mg/h"]
    assert by_rate.doses[0].amount == Quantity(200.0, "mg")
    assert by_rate.doses[1].duration == 7200.0


def test_then_follows_one_interval_later():
    assert Regimen("8 mg/kg").then("6 mg/kg every 3 weeks x 17") == Regimen(
        "8 mg/kg then 6 mg/kg every 3 weeks x 17"
    )
    assert Regimen("8 mg daily x 3").then("6 mg", after="7 d").doses[1].time == 9 * D
    with pytest.raises(DataError, match="KG-203"):
        Regimen("8 mg daily").then("6 mg")
    with pytest.raises(DataError, match="KG-203"):
        Regimen("8 mg").then("6 mg")


def test_until_counts_doses_at_the_end_too():
    regimen = Regimen("10 mg daily")
    assert regimen.is_open_ended
    assert regimen.num_doses is None
    assert math.isinf(regimen.last_time)
    limited = regimen.until("42 d")
    assert limited.num_doses == 43
    assert limited.last_time == 42 * D
    assert Regimen("10 mg daily x 3").until("42 d") == Regimen("10 mg daily x 3")
    assert len(Regimen("1 mg + 2 mg starting at 50 d").until("42 d")) == 1
    with pytest.raises(DataError, match="KG-203"):
        Regimen("1 mg starting at 50 d").until("42 d")


def test_until_is_right_where_the_quotient_is_rounded():
    regimen = Regimen([Dose("1 mg", interval=0.1, additional=None)])
    for count in (3, 7, 10, 1234):
        end = count * 0.1
        limited = regimen.until(end)
        assert limited.last_time <= end
        assert limited.last_time + 0.1 > end


def test_drugs_and_their_doses():
    regimen = Regimen("alpha 1 mg + beta 2 mg + alpha 3 mg starting at 1 d")
    assert regimen.drugs == ("alpha", "beta")
    assert [dose.amount.value for dose in regimen.for_drug("alpha")] == [1.0, 3.0]
    with pytest.raises(SpecError, match="KG-101"):
        regimen.for_drug("gamma")
    assert regimen[1].drug == "beta"
    assert regimen.start == 0.0


def test_html_escapes_names():
    text = Regimen([Dose("1 mg", drug="<b>")])._repr_html_()
    assert "<b>" not in text
    assert "&lt;b&gt;" in text
    assert "until stopped" in Regimen("1 mg daily")._repr_html_()
    assert "constant" in Regimen("1 mg/h at steady state")._repr_html_()
    assert "duration from the model" in Regimen("1 mg with modeled duration")._repr_html_()
    assert repr(Regimen("1 mg")) == "Regimen('1 mg')"


def test_a_name_that_reads_as_something_else_is_quoted():
    for name in ("oral", "5-FU", "q3w", "AUC", "then", "x", "mg and more", "1", "a+b", "over 2 h"):
        regimen = Regimen([Dose("1 mg", drug=name), Dose("2 mg", compartment=name)])
        assert Regimen(str(regimen)) == regimen


@pytest.mark.parametrize(
    ("arguments", "error", "part"),
    [
        ({"amount": "100"}, UnitError, "KG-124"),
        ({"amount": 100}, UnitError, "KG-124"),
        ({"amount": "5 mg/L"}, UnitError, "KG-121"),
        ({"amount": "5 60 mg*min/mL"}, UnitError, "KG-121"),
        ({"amount": "5 mg/h"}, UnitError, "is a rate"),
        ({"amount": "-5 mg"}, DataError, "KG-204"),
        ({"amount": (math.nan, "mg")}, DataError, "KG-204"),
        ({"amount": (math.inf, "mg")}, DataError, "KG-204"),
        ({"amount": "0 mg"}, DataError, "KG-204"),
        ({"amount": "1 mg", "time": "-1 h"}, DataError, "KG-204"),
        ({"amount": "1 mg", "time": math.nan}, DataError, "KG-204"),
        ({"amount": "1 mg", "time": "3 mg"}, UnitError, "KG-121"),
        ({"amount": "1 mg", "time": 10**400}, DataError, "KG-204"),
        ({"amount": "1 mg", "duration": 0}, DataError, "KG-204"),
        ({"amount": "1 mg", "duration": "1 h", "rate": "1 mg/h"}, DataError, "KG-203"),
        ({"amount": "1 mg", "rate": "1 mg/kg/h"}, UnitError, "both must count the same"),
        ({"amount": "1 mg", "rate": "1 mg"}, UnitError, "not an amount per time"),
        ({"amount": "1 mg", "rate": "0 mg/h"}, DataError, "KG-204"),
        ({"amount": "1 mg", "rate": "1 nmol/h"}, UnitError, "KG-121"),
        ({"amount": "5 mg/mL*min", "rate": "1 mg/h"}, DataError, "KG-203"),
        ({"amount": "1 mg", "additional": 3}, DataError, "need an interval"),
        ({"amount": "1 mg", "additional": -1, "interval": "1 d"}, DataError, "KG-204"),
        ({"amount": "1 mg", "additional": 1.5, "interval": "1 d"}, DataError, "KG-204"),
        ({"amount": "1 mg", "additional": True, "interval": "1 d"}, DataError, "KG-204"),
        ({"amount": "1 mg", "additional": 10**9, "interval": "1 d"}, DataError, "KG-204"),
        ({"amount": "1 mg", "additional": 10**6, "interval": "100 year"}, DataError, "KG-204"),
        ({"amount": "1 mg", "steady": 3, "interval": "1 d"}, DataError, "KG-204"),
        ({"amount": "1 mg", "steady": 1}, DataError, "KG-203"),
        ({"amount": "1 mg", "route": "orale"}, DataError, "Did you mean 'oral'"),
        ({"amount": "1 mg", "compartment": 0}, DataError, "KG-222"),
        ({"amount": "1 mg", "compartment": ""}, DataError, "KG-222"),
        ({"amount": "1 mg", "compartment": 1.5}, DataError, "KG-222"),
        ({"amount": "1 mg", "drug": 'a"b'}, DataError, "KG-203"),
        ({"amount": "1 mg", "drug": "a\nb"}, DataError, "KG-203"),
        ({"amount": "1 mg", "modeled": "speed"}, SpecError, "KG-103"),
    ],
)
def test_a_wrong_dose_is_an_error(arguments, error, part):
    with pytest.raises(error, match="KG-") as caught:
        Dose(**arguments)
    assert part in str(caught.value)


def test_wrong_uses_of_a_regimen():
    regimen = Regimen("1 mg daily x 3")
    with pytest.raises(DataError, match="KG-204"):
        regimen.scaled(-1.0)
    with pytest.raises(SpecError, match="KG-103"):
        regimen.scaled(2.0, keep="volume")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="KG-204"):
        regimen.repeat(0, "1 d")
    with pytest.raises(DataError, match="KG-204"):
        regimen.repeat(2, "0 d")
    with pytest.raises(DataError, match="KG-203"):
        Regimen("1 mg daily").repeat(2, "7 d")
    with pytest.raises(DataError, match="KG-201"):
        Regimen(3)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="KG-201"):
        Regimen([3])
    with pytest.raises(DataError, match="KG-201"):
        Regimen([])
    with pytest.raises(SpecError, match="Did you mean 'duration'"):
        regimen.doses[0].replace(durations=3)
