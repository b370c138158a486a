"""Rates into the plasma beside doses: equal infusions, balance, units, refusals.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.errors import SpecError, UnitError
from line_models import SHAPE, body, tissue

TIMES = "0..24 h by 1 h"


def solved(**options):
    options = {"systemic": body(), "weight": "20 g", "times": TIMES, "rtol": 1e-8} | options
    return kg.simulate_line(tissue(), SHAPE, **options)


def species() -> str:
    return body().compile().state_names[0]


def test_a_rate_equals_an_infusion():
    name = species()
    rates = {name: (([2.0, 5.0], "h"), [1.5, 0.0], "mg/h")}
    one = solved(plasma_rates=rates)
    other = solved(dosing="4.5 mg over 3 h at 2 h")
    assert np.allclose(one.plasma_states, other.plasma_states, rtol=1e-9, atol=0.0)
    output = one.outputs[0]
    assert np.allclose(one[output].values, other[output].values, rtol=1e-8, atol=1e-12)


def test_what_is_taken_is_missing():
    """Sign, units and the value between times: dA/dt = rate - loss."""
    name = species()
    hours = np.array([0.0, 6.0, 12.0])
    taken = {name: ((hours, "h"), [0.0, -1e-3, 0.0], "mg/h")}
    same = {name: ((hours * 3600.0, "s"), np.array([0.0, -1e-3, 0.0]) / 3600.0, "mg/s")}
    free = solved(dosing="3.6 mg/kg")
    less, again = (
        solved(dosing="3.6 mg/kg", plasma_rates=taken),
        solved(dosing="3.6 mg/kg", plasma_rates=same),
    )
    assert np.allclose(less.plasma_states, again.plasma_states, rtol=1e-9)
    before = slice(0, 7)
    assert np.allclose(
        less.plasma_states[0, before], free.plasma_states[0, before], rtol=1e-6, atol=0.0
    )
    assert np.all(less.plasma_states[0, 7:, 0] < free.plasma_states[0, 7:, 0])


def test_what_does_not_fit_is_named():
    name = species()
    good = (([0.0, 1.0], "h"), [1.0, 0.0], "mg/h")
    cases = [
        ({"systemic": None, "plasma": {}}, {name: good}, "KG-162"),
        ({}, {"centrl": good}, "KG-103: plasma_rates of 'centrl'"),
        ({}, {name: ([0.0], [1.0], "mg/h")}, "KG-165: .* must be .times, rates, unit"),
        ({}, {name: (([0.0, 1.0], "h"), [1.0], "mg/h")}, "KG-165: .* 2 times and 1 rates"),
        ({}, {name: (([1.0, 0.0], "h"), [1.0, 0.0], "mg/h")}, "KG-165: .* must increase"),
        ({}, {name: (([0.0], "h"), [np.nan], "mg/h")}, "KG-165: .* not finite"),
        ({}, {name: (([-1.0, 0.0], "h"), [1.0, 0.0], "mg/h")}, "KG-165: plasma_rates begin"),
        ({"method": "cells"}, {name: good}, "KG-164: plasma_rates .* method='cells'"),
        ({"verify": True}, {name: good}, "KG-164: plasma_rates .* verify=True"),
        ({}, [good], "KG-119: plasma_rates must be a mapping"),
    ]
    for options, rates, text in cases:
        with pytest.raises(SpecError, match=text):
            solved(plasma_rates=rates, **options)
    with pytest.raises(UnitError, match="KG-121"):
        solved(plasma_rates={name: (([0.0], "h"), [1.0], "nmol/h")})
