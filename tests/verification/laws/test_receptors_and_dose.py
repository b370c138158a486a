"""Receptor number, cold mass, permeability and escalation: what changes uptake and what does not.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from around_a_vessel import CELLS, EPS, VESSEL, antibody, plasma, target, tumor
from krogh.line import simulate_line
from krogh.model import DoseInput, Model, Output, Parameter, Rate, Species, engagement, tissue

pytestmark = pytest.mark.verification


def last(array):
    return np.asarray(array.values)[:, -1]


def test_uptake_follows_receptors_only_when_they_are_full():
    """Two receptor numbers, two doses (cetuximab in HT-29 and A431 as the pattern).

    Far below saturation both tumors take up the same; far above, in proportion to receptors.
    """
    densities = [83.0, 83.0, 2075.0, 2075.0]
    doses = ["mAb 1 ug", "mAb 200 mg"] * 2
    result = simulate_line(
        tumor("mAb"),
        VESSEL,
        doses,
        systemic=plasma("mAb"),
        values={"target_density_HER2": densities},
        times=([0.0, 24.0], "h"),
        rtol=1e-4,
    )
    held = last(result.mean("bound_mAb")) + last(result.mean("internalized_mAb"))
    low_few, high_few, low_many, high_many = held
    assert low_many / low_few == pytest.approx(1.0, abs=0.03)
    assert high_many / high_few == pytest.approx(2075.0 / 83.0, rel=0.03)
    occupied = last(result.mean("occupancy_HER2"))
    assert occupied[0] < 0.01
    assert occupied[1] > 0.95
    assert occupied[3] > 0.95


def test_cold_mass_lowers_the_signal_and_raises_the_mass():
    """A fixed tracer with more and more unlabeled antibody.

    Uptake of the tracer (its SUV) falls once receptors saturate, while the mass of antibody in the
    tumor goes on rising.
    """
    cold = [0.0, 5.0, 50.0, 500.0]
    doses = ["tracer 0.05 mg/kg" + (f" + cold {c} mg/kg" if c else "") for c in cold]
    result = simulate_line(
        tumor("tracer", "cold"),
        VESSEL,
        doses,
        systemic=plasma("tracer", "cold"),
        weight="20 g",
        times=([0.0, 96.0], "h"),
        rtol=1e-4,
    )
    tracer = last(result.mean("total_tracer"))
    mass = tracer + last(result.mean("total_cold"))
    occupied = last(result.mean("occupancy_HER2"))
    # below saturation cold mass changes little
    assert tracer[1] == pytest.approx(tracer[0], rel=0.02)
    assert occupied[1] < 0.3
    # above it the signal falls, the mass rises
    assert np.all(np.diff(tracer[1:]) < 0)
    assert tracer[3] < 0.35 * tracer[0]
    assert occupied[3] > 0.9
    assert np.all(np.diff(mass) > 0)
    assert mass[3] > 3.0 * mass[1]


def test_scans_of_lesions_need_delivery_beside_the_target():
    """Stained for HER2 but dark in PET: poor vessels or masked target; DCE-MRI tells them apart.

    Four lesions: high target in good vessels, high target behind tight walls, masked target, few
    receptors.  The antibody is dosed near saturation; a small contrast medium shows the wall.
    """
    permeability = np.array([3e-7, 3e-8, 3e-7, 3e-7])
    open_part = np.array([1.0, 1.0, 0.05, 1.0])
    receptors = np.array([833.0, 833.0, 833.0, 20.0])
    contrast = Model(
        "contrast medium",
        tissue.free_drug("Gd", diffusivity="200 um^2/s", void_fraction=0.4),
        partial=True,
    )
    model = Model(
        "lesions",
        target(accessible_fraction=1.0),
        antibody("mAb"),
        engagement.occupancy("HER2", ["mAb"]),
        tissue.total_drug("mAb", forms=("F", "B", "I")),
        contrast,
        Parameter("permeability_Gd", "1e-5 cm/s"),
    )
    mouse = Model(
        "mouse",
        plasma("mAb"),
        Species("Cp_Gd", "nM", initial="1000[nM]"),
        Rate("Cp_Gd", "-2[1/h]*Cp_Gd"),
        Output("Cp_Gd", unit="nM"),
    )
    result = simulate_line(
        model,
        VESSEL,
        "mAb 30 mg/kg",
        systemic=mouse,
        weight="20 g",
        values={
            "permeability_mAb": (permeability, "cm/s"),
            # the same wall for both, each with its own size
            "permeability_Gd": (permeability * (1e-5 / 3e-7), "cm/s"),
            "accessible_fraction_HER2": open_part,
            "target_density_HER2": (receptors, "nM"),
        },
        times=([0.0, 0.05, 48.0], "h"),
        rtol=1e-4,
    )
    pet = last(result.mean("total_mAb"))
    stained = receptors > 500
    dark = pet < 0.35 * pet[0]
    assert list(dark) == [False, True, True, True]
    assert list(stained) == [True, True, True, False]
    enhancement = np.asarray(result.mean("free_Gd").values)[:, 1]
    assert enhancement[1] < 0.2 * enhancement[0]
    np.testing.assert_allclose(enhancement[2:], enhancement[0], rtol=1e-3)


def level(drug):
    """A plasma held at a constant concentration, so that only its level differs."""
    return Model(
        "held plasma",
        Species(f"Cp_{drug}", "nM", initial="level"),
        Parameter("level", "1 nM"),
        Rate(f"Cp_{drug}", f"0[1/h]*Cp_{drug}"),
        Output(f"Cp_{drug}", unit="nM"),
    )


def test_escalation_pays_where_the_front_is_short():
    """Twice the plasma: nothing where occupancy is full, coverage where the front is short."""
    levels = np.array([20000.0, 40000.0, 300.0, 600.0])
    result = simulate_line(
        tumor("mAb"),
        VESSEL,
        systemic=level("mAb"),
        values={"level": (levels, "nM")},
        times=([0.0, 24.0 * 7], "h"),
        rtol=1e-4,
    )
    occupied = last(result.mean("occupancy_HER2"))
    lowest = np.asarray(result["occupancy_HER2"].values)[:2, -1].min(axis=1)
    assert lowest[0] > 0.95
    assert occupied[1] - occupied[0] < 0.01
    covered = last(result.fraction_of_cells("occupancy_HER2", at_least=0.5))
    assert covered[0] == covered[1] == 1.0
    assert 0.0 < covered[2] < 0.6
    assert covered[3] > 1.5 * covered[2]


@pytest.mark.parametrize("kind", ["residualizing", "non_residualizing"])
def test_labels_after_internalization(kind):
    """89Zr stays in the cell and rises for days, iodine leaves with the degraded antibody."""
    one = antibody("mAb", fate="lysosome", lysosomal_rate="1e-4 1/s", degradation_rate="0.5 1/h")
    options = {} if kind == "residualizing" else {"leaving_rate": "1 1/h"}
    model = Model("tracer", target(), one, tissue.label("mAb", kind, **options))
    result = simulate_line(
        model,
        VESSEL,
        "mAb 1 mg/kg",
        systemic=plasma("mAb"),
        weight="20 g",
        times=([0.0, 24.0, 48.0, 72.0, 96.0, 144.0], "h"),
        rtol=1e-4,
    )
    seen = np.asarray(result.mean("label_mAb").values)[0]
    blood = np.asarray(result.plasma["Cp_mAb"].values)[0]
    assert np.all(np.diff(blood) < 0)
    if kind == "residualizing":
        assert np.all(np.diff(seen) > 0)
    else:
        assert np.all(np.diff(seen[1:]) < 0)
        assert seen[-1] < 0.75 * seen[1]


def test_the_tumor_stands_on_published_conversions():
    """833 nM are 1e6 receptors per cell in the tissue of BENCH-N87; EPS is that of IgG."""
    assert CELLS.startswith("5.0165")
    per_cell = 833e-9 * 6.02214076e23 / 5.0165e11
    assert per_cell == pytest.approx(1e6, rel=1e-4)
    assert pytest.approx(tissue.void_fraction_of("150 kDa"), abs=0.002) == EPS
    assert DoseInput in {type(c) for c in plasma("x").components}
