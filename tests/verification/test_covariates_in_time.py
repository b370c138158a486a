"""Covariates that change in time: next, last or linear value, against the integrated rate.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.dosing import EventTable
from krogh.model import Covariate, DoseInput, Model, Output, Parameter, Rate, Species

pytestmark = pytest.mark.verification

MODEL = Model(
    "weight on clearance",
    Parameter("CL", "3 L/h"),
    Parameter("V", "20 L"),
    Covariate("WT", "70 kg"),
    Species("A", "mg"),
    Rate("A", "-CL*(WT/70[kg])/V*A"),
    DoseInput("A", bioavailability="WT/140[kg]"),
    Output("Cp", "A/V", unit="mg/L"),
)
TIME = np.array([0.0, 0.0, 2.0, 5.0, 5.0, 9.0, 14.0])
EVID = np.array([1.0, 0, 0, 1, 0, 0, 0])
AMT = np.array([100.0, 0, 0, 50, 0, 0, 0])
WEIGHTS = {1: [70.0, 70, 80, 60, 60, 90, 75], 2: [50.0, 50, 50, 55, 55, 40, 100]}


def exact(weights, rule):
    """Concentrations at the observation rows."""
    weights = np.array(weights)
    amount, values = 0.0, []
    for i, time in enumerate(TIME):
        if i > 0:
            span = time - TIME[i - 1]
            mean = {
                "nocb": weights[i],
                "locf": weights[i - 1],
                "linear": 0.5 * (weights[i] + weights[i - 1]),
            }[rule]
            amount *= np.exp(-3.0 / 20.0 * mean / 70.0 * span)
        if EVID[i] == 1:
            amount += AMT[i] * weights[i] / 140.0
        else:
            values.append(amount / 20.0)
    return np.array(values)


@pytest.mark.parametrize("method", ["auto", "rodas4", "rodas5p", "explicit5"])
@pytest.mark.parametrize("rule", ["nocb", "locf", "linear"])
def test_interpolation_rules(rule, method):
    count = len(TIME)
    table = EventTable.from_frame(
        {
            "ID": np.repeat([1, 2], count),
            "TIME": np.tile(TIME, 2),
            "EVID": np.tile(EVID, 2),
            "AMT": np.tile(AMT, 2),
            "WT": np.concatenate([WEIGHTS[1], WEIGHTS[2]]),
        },
        units={"TIME": "h", "AMT": "mg"},
        covariates={"WT": "kg"},
        interpolation=rule,
    )
    result = kg.simulate(MODEL, table, method=method, rtol=1e-10, metrics=False)
    found = np.ravel(result["Cp"].values)
    found = found[np.isfinite(found)]
    expected = np.concatenate([exact(WEIGHTS[1], rule), exact(WEIGHTS[2], rule)])
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_nocb_is_the_default():
    columns = {"ID": np.ones(len(TIME)), "TIME": TIME, "EVID": EVID, "AMT": AMT,
               "WT": np.array(WEIGHTS[1])}  # fmt: skip
    table = EventTable.from_frame(
        columns, units={"TIME": "h", "AMT": "mg"}, covariates={"WT": "kg"}
    )
    found = np.ravel(kg.simulate(MODEL, table, rtol=1e-10, metrics=False)["Cp"].values)
    found = found[np.isfinite(found)]
    np.testing.assert_allclose(found, exact(WEIGHTS[1], "nocb"), rtol=1e-8)
