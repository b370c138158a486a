"""Body surface, creatinine clearance and Calvert's dose against known numbers.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math

import pytest
from krogh.dosing import (
    FDA_GFR_CAP,
    calvert_dose,
    creatinine_clearance,
    surface_area_du_bois,
    surface_area_mosteller,
)
from krogh.errors import DataError, SpecError, UnitError


@pytest.mark.parametrize(
    ("weight", "height", "du_bois", "mosteller"),
    [
        # the published formulas evaluated outside this package
        ("70 kg", "170 cm", 1.80971, 1.81812),
        ("80 kg", "180 cm", 1.99642, 2.00000),
        ("50 kg", "1.5 m", 1.43250, 1.44338),
        ("3500 g", "50 cm", 0.20862, 0.22048),
    ],
)
def test_body_surface(weight, height, du_bois, mosteller):
    assert surface_area_du_bois(weight, height).to("m^2") == pytest.approx(du_bois, abs=1e-5)
    assert surface_area_mosteller(weight, height).to("m^2") == pytest.approx(mosteller, abs=1e-5)


def test_both_formulas_agree_for_adults():
    for weight in (50, 60, 70, 80, 90, 100):
        for height in (150, 165, 180, 195):
            first = surface_area_du_bois(f"{weight} kg", f"{height} cm").value
            second = surface_area_mosteller(f"{weight} kg", f"{height} cm").value
            assert abs(first / second - 1) < 0.09


def test_creatinine_clearance():
    assert creatinine_clearance("40 years", "72 kg", "1 mg/dL", "male").value == 100.0
    assert creatinine_clearance("40 years", "72 kg", "1 mg/dL", "female").value == 85.0
    molar = creatinine_clearance("40 years", "72 kg", "88.4 umol/L", "male")
    assert molar.value == pytest.approx(100.0, rel=1e-4)  # 1 mg/dL is 88.4 umol/L in every table
    assert creatinine_clearance("68 years", "60 kg", "1.5 mg/dL", "male").value == 40.0
    assert molar.unit == "mL/min"


def test_calvert():
    assert calvert_dose("5 mg/mL*min", "75 mL/min").to("mg") == 500.0
    assert calvert_dose("7 mg/mL min", "0.1 L/min").to("mg") == pytest.approx(875.0, rel=1e-15)
    assert calvert_dose("6 mg/mL*min", "180 mL/min").to("mg") == 1230.0
    assert calvert_dose("6 mg/mL*min", "180 mL/min", cap=FDA_GFR_CAP).to("mg") == 900.0
    assert calvert_dose("6 mg/mL*min", "100 mL/min", cap="125 mL/min").to("mg") == 750.0


@pytest.mark.parametrize(
    ("call", "error", "part"),
    [
        (lambda: surface_area_du_bois("70", "170 cm"), UnitError, "KG-124"),
        (lambda: surface_area_du_bois("70 kg", "170 kg"), UnitError, "KG-121"),
        (lambda: surface_area_du_bois("70 g", "170 cm"), DataError, "KG-208"),
        (lambda: surface_area_mosteller("70 kg", "170 m"), DataError, "Is the unit right?"),
        (lambda: surface_area_mosteller((math.nan, "kg"), "170 cm"), DataError, "KG-208"),
        (lambda: creatinine_clearance("4 years", "15 kg", "0.4 mg/dL", "male"), DataError, "age"),
        (lambda: creatinine_clearance("40 years", "72 kg", "1 mg/L", "m"), SpecError, "sex"),
        (lambda: creatinine_clearance("40 years", "72 kg", "1 g/dL", "male"), DataError, "208"),
        (lambda: calvert_dose("5 mg", "90 mL/min"), UnitError, "concentration times a time"),
        (lambda: calvert_dose("0 mg/mL*min", "90 mL/min"), DataError, "KG-208"),
        (lambda: calvert_dose("5 mg/mL*min", "-3 mL/min"), DataError, "KG-208"),
        (lambda: calvert_dose("5 mg/mL*min", "90 mL/min/1.73m2"), UnitError, "KG-121"),
    ],
)
def test_wrong_bodies(call, error, part):
    with pytest.raises(error) as caught:
        call()
    assert part in str(caught.value)
