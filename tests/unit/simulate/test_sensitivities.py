"""Sensitivities by name, in declared units, against central differences.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest

TIMES = ([1.0, 6.0, 13.0, 20.0], "h")


def test_parameters_in_declared_units(oral):
    options = {"times": TIMES, "rtol": 1e-10, "metrics": False}
    result = kg.simulate(
        oral, "100 mg oral every 12 h x 2", sensitivities=["CL", "ka", "WT"], **options
    )
    for name, unit, value in (("CL", "L/h", 5.0), ("ka", "1/h", 1.0), ("WT", "kg", 70.0)):
        step = 1e-4 * value
        plus, minus = (
            kg.simulate(
                oral, "100 mg oral every 12 h x 2", values={name: (value + s, unit)}, **options
            )["Cp"].values
            for s in (step, -step)
        )
        found = result.sensitivity("Cp", name)
        difference = (plus - minus) / (2 * step)
        assert found.values == pytest.approx(difference, rel=1e-6, abs=1e-9)
        assert found.unit == f"(mg/L)/({unit})"
        assert found.dims == ("subject", "time")


def test_dose_attributes_and_initial_values(bolus):
    options = {"times": TIMES, "rtol": 1e-10, "metrics": False}
    names = ["dose[0].amount", "dose[1].time", "dose[1].bioavailability", "initial:A"]
    result = kg.simulate(bolus, "100 mg every 12 h x 2", sensitivities=names, **options)
    t = np.array(TIMES[0])
    k = 0.1
    late = np.where(t >= 12, np.exp(-k * (t - 12)), 0.0)
    exact = {
        "dose[0].amount": np.exp(-k * t) / 50,
        "dose[1].time": 100 / 50 * k * late,
        "dose[1].bioavailability": 100 / 50 * late,
        "initial:A": np.exp(-k * t) / 50,
    }
    for name, values in exact.items():
        assert result.sensitivity("Cp", name).values[0] == pytest.approx(values, abs=1e-9)
    assert result.sensitivity("Cp", "dose[0].amount").unit == "(mg/L)/(mg)"
    assert result.sensitivity("Cp", "dose[1].time").unit == "(mg/L)/(h)"


def test_dose_per_weight_counts_in_its_own_unit(bolus):
    result = kg.simulate(
        bolus, "2 mg/kg", subjects={"WT": ([50.0, 90.0], "kg")}, times=([0.0], "h"),
        sensitivities="dose[0].amount", rtol=1e-9,
    )  # fmt: skip
    found = result.sensitivity("Cp", "dose[0].amount")
    assert found.unit == "(mg/L)/(mg/kg)"
    assert found.values[:, 0] == pytest.approx([50 / 50, 90 / 50])


def test_duration_of_an_infusion(bolus):
    options = {"times": TIMES, "rtol": 1e-10, "metrics": False}
    result = kg.simulate(bolus, "100 mg over 4 h", sensitivities="dose[0].duration", **options)
    plus, minus = (
        kg.simulate(bolus, f"100 mg over {d} h", **options)["Cp"].values for d in (4.001, 3.999)
    )
    found = result.sensitivity("Cp", "dose[0].duration").values
    assert found == pytest.approx((plus - minus) / 0.002, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("CLL", "no parameter of model 'oral'"),
        ("initial:centrall", "no species 'centrall'.*Did you mean 'central'"),
        ("dose[5].amount", "there are 1 doses, counted from 0 to 0"),
        ("dose[0].size", "a dose has no 'size'"),
    ],
)
def test_wrong_names(oral, name, message):
    with pytest.raises(kg.SpecError, match=message):
        kg.simulate(oral, "100 mg iv", until="1 d", sensitivities=[name])


def test_what_was_not_asked_for(oral):
    result = kg.simulate(oral, "100 mg iv", until="1 d", sensitivities=["CL"])
    with pytest.raises(kg.SpecError, match=r"no sensitivity to 'V' was asked for.*\n*.*CL"):
        result.sensitivity("Cp", "V")
