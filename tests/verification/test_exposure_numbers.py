"""Exposures of the library's antibodies, beside numbers computed with other solvers.

SPDX-License-Identifier: BSD-3-Clause

The numbers come from the published parameters alone (Lu 2014, Quartino 2019, Dirks 2008); they test
the solver and the library, not the drug. Measured exposures are in test_published_models.py.
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest

pytestmark = pytest.mark.verification


def simulated(name, regimen, until, **options):
    return kg.simulate(
        kg.library.model(name), kg.Regimen(regimen), until=until, rtol=1e-8, **options
    )


def exposure(result, window, column):
    return float(result.exposure().where(output="Cp", window=window)[column][0])


def test_tdm1_in_a_patient_of_70_kg():
    """3.6 mg/kg at once: Cmax 80.6 mg/L, terminal half-life 3.94 d, AUC 372.8 mg d/L."""
    result = simulated("tdm1_lu_2014", "3.6 mg/kg", "300 d", subjects={"WT": [70.0]})
    assert exposure(result, "whole", "Cmax") == pytest.approx(80.6, abs=0.05)
    assert exposure(result, "whole", "half_life") == pytest.approx(3.94, abs=0.005)
    assert exposure(result, "whole", "AUC") == pytest.approx(372.8, abs=0.05)


def test_tdm1_of_3_6_mg_per_kg_lies_near_the_course_measured_in_patients():
    """Girish 2012, digitized: within 50 %; another population than the model's."""
    result = simulated(
        "tdm1_lu_2014", "3.6 mg/kg", "18 d", subjects={"WT": [70.0]}, times=([0.26, 1, 7, 17], "d")
    )
    found = result["Cp"].values[0]
    assert found == pytest.approx([69.2, 55.1, 18.9, 3.24], rel=5e-3)
    assert found == pytest.approx([66.5, 48.2, 13.95, 2.27], rel=0.5)


@pytest.mark.parametrize(
    ("regimen", "window", "peak", "trough"),
    [
        ("8 mg/kg then 6 mg/kg every 3 weeks x 25", "first dose", 201.5, 29.2),
        ("8 mg/kg then 6 mg/kg every 3 weeks x 25", "last dose", 199.2, 48.0),
        ("4 mg/kg then 2 mg/kg every week x 75", "last dose", 117.7, 67.3),
    ],
)
def test_trastuzumab_in_a_patient_of_66_kg(regimen, window, peak, trough):
    result = simulated("trastuzumab_quartino_2019", regimen, "525 d", weight="66 kg")
    assert exposure(result, window, "Cmax") == pytest.approx(peak, rel=2e-3)
    assert exposure(result, window, "trough") == pytest.approx(trough, rel=5e-3)


@pytest.mark.parametrize(("dose", "left"), [(10, 0.158), (50, 0.252), (420, 0.434)])
def test_a_larger_dose_of_trastuzumab_stays_longer(dose, left):
    """Share of the first concentration that is left on day 4, the saturable path being filled."""
    result = simulated("trastuzumab_quartino_2019", f"{dose} mg", "4 d", times=([0.0, 4.0], "d"))
    cp = result["Cp"].values[0]
    assert cp[1] / exposure(result, "whole", "Cmax") == pytest.approx(left, abs=6e-4)


def test_cetuximab_every_week():
    """400 then 250 mg/m2, 1.7 m2, at once: 240 and 50 mg/L in week 1, 214 and 64 mg/L at rest."""
    result = simulated(
        "cetuximab_dirks_2008",
        "400 mg/m2 then 250 mg/m2 every week x 40",
        "280 d",
        subjects={"BSA": [1.7]},
    )
    found = [
        exposure(result, w, c) for w in ("first dose", "last dose") for c in ("Cmax", "trough")
    ]
    assert found == pytest.approx([240.0, 50.0, 214.0, 64.0], abs=0.6)
    assert np.all(np.diff(found[::2]) < 0.0)  # the loading dose is meant to lie above the rest
