"""What is still coming in when the run ends is not left out of an area to infinity.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.model import Covariate, DoseInput, Model, Output, Parameter, Rate, Species

UNITS = {"TIME": "h", "AMT": "mg"}


@pytest.fixture(scope="module")
def model() -> Model:
    """One compartment whose doses have a lag, a bioavailability, and a duration of the model."""
    return Model(
        "one",
        Parameter("CL", "2 L/h"),
        Parameter("V", "10 L"),
        Parameter("F", 1.0),
        Parameter("LAG", "0 h"),
        Parameter("D", "5 h"),
        Covariate("WT", "70 kg"),
        Species("A", "mg"),
        Rate("A", "-CL/V*A"),
        DoseInput("A", bioavailability="F", lag="LAG", duration="D"),
        Output("Cp", "A/V", unit="mg/L"),
    )


def area(result):
    exposure = result.exposures
    return exposure.metric("AUC_inf", "Cp", "whole").values


@pytest.mark.parametrize(
    ("dosing", "until", "values", "expected"),
    [
        ("100 mg over 4 h", "5 h", {}, 50.0),
        ("100 mg over 4 h", "4 h", {}, 50.0),
        ("100 mg over 4 h", "2 h", {}, np.nan),
        ("100 mg at 25 mg/h", "3 h", {"F": 0.5}, 25.0),  # F shortens: it ends after 2 h
        ("100 mg at 25 mg/h", "3 h", {}, np.nan),
        ("100 mg with modeled duration", "4 h", {}, np.nan),
        ("100 mg with modeled duration", "4 h", {"D": "3 h"}, 50.0),
        ("100 mg", "2 h", {"LAG": "3 h"}, np.nan),
        ("100 mg", "2 h", {"LAG": "1 h"}, 50.0),
        ("100 mg over 4 h every 12 h x 2", "14 h", {}, np.nan),
        ("100 mg over 4 h every 12 h x 2", "17 h", {}, 100.0),
        ("1 mg/kg over 4 h", "2 h", {}, np.nan),
    ],
)
def test_sentences(model, dosing, until, values, expected):
    result = kg.simulate(model, dosing, until=until, values=values)
    assert area(result) == pytest.approx([expected], rel=1e-6, nan_ok=True)


def test_subjects_differ(model):
    people = {"LAG": ([0.0, 3.0], "h"), "WT": ([70.0, 50.0], "kg")}
    result = kg.simulate(model, "1 mg/kg", until="2 h", subjects=people)
    assert area(result) == pytest.approx([35.0, np.nan], rel=1e-6, nan_ok=True)


def test_rows_of_a_table(model):
    """Running, ended, repeated and running, taken away by a reset."""
    frame = {
        "ID": [1, 1, 2, 2, 3, 3, 4, 4, 4],
        "TIME": [0, 2, 0, 6, 0, 14, 0, 1, 2],
        "AMT": [100, 0, 100, 0, 100, 0, 100, 100, 0],
        "DUR": [4, 0, 4, 0, 4, 0, 4, 0, 0],
        "II": [0, 0, 0, 0, 12, 0, 0, 0, 0],
        "ADDL": [0, 0, 0, 0, 5, 0, 0, 0, 0],
        "EVID": [1, 0, 1, 0, 1, 0, 1, 4, 0],
    }
    result = kg.simulate(model, kg.EventTable.from_frame(frame, units=UNITS))
    found = area(result)
    assert np.isnan(found[[0, 2]]).all()
    assert found[1] == pytest.approx(50.0, rel=1e-6)
    assert found[3] == pytest.approx(50.0 + 25 / 2 * (1 - (1 - np.exp(-0.2)) / 0.2), rel=1e-6)
