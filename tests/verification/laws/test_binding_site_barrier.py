"""Naked antibody beside a conjugate: how far it reaches and what each cell receives.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from around_a_vessel import VESSEL, half_radius, plasma, tumor
from krogh.line import simulate_line, well_mixed

pytestmark = pytest.mark.verification
RATIOS = (0.0, 1.0, 3.0, 8.0, 20.0)


@pytest.fixture(scope="module")
def co_dosing():
    """3.6 mg/kg of conjugate with more and more naked antibody, after 24 h."""
    doses = ["ADC 3.6 mg/kg" + (f" + mAb {3.6 * r:g} mg/kg" if r else "") for r in RATIOS]
    return simulate_line(
        tumor("ADC", "mAb"),
        VESSEL,
        doses,
        systemic=plasma("ADC", "mAb"),
        weight="20 g",
        times=([0.0, 24.0], "h"),
        rtol=1e-4,
    )


def test_the_front_widens(co_dosing):
    r = np.asarray(co_dosing.positions)
    r = np.broadcast_to(r, (len(RATIOS), r.shape[-1]))
    profiles = np.asarray(co_dosing["occupancy_HER2"].values)[:, -1]
    fronts = [half_radius(r[i], profiles[i], 0.5) for i in range(len(RATIOS))]
    assert np.all(np.diff(fronts) > 3.0)
    # the figures of BENCH-N87 at 1:0, 1:3 and 1:8, on a coarse grid
    np.testing.assert_allclose([fronts[0], fronts[2], fronts[3]], [14.06, 32.3, 49.9], atol=0.7)


def test_each_reached_cell_gets_less(co_dosing):
    """The tissue takes up the same number of conjugates; more cells share it."""
    per_cell = np.asarray(co_dosing["uptake_ADC"].values)[:, -1]
    at_vessel = per_cell[:, 0]
    assert np.all(at_vessel[1:] < at_vessel[:-1])
    assert at_vessel[0] / at_vessel[3] == pytest.approx(6.7, rel=0.06)
    means = np.asarray(co_dosing.mean("uptake_ADC").values)[:, -1]
    # until the target is full, at 1:20
    np.testing.assert_allclose(means[:4], means[0], rtol=0.01)
    assert means[4] < 0.95 * means[0]
    reached = np.asarray(co_dosing.fraction_of_cells("uptake_ADC", at_least=1e4).values)[:, -1]
    assert np.all(np.diff(reached[:4]) > 0)


def test_a_threshold_per_cell_makes_an_optimum(co_dosing):
    """Where a cell needs 2e5 conjugates, an intermediate ratio reaches most cells."""
    share = {
        level: np.asarray(co_dosing.fraction_of_cells("uptake_ADC", at_least=level).values)[:, -1]
        for level in (1e5, 2e5, 2e6)
    }
    # low threshold: more naked antibody, more cells, up to the ratio at which all share equally
    assert np.all(np.diff(share[1e5][:4]) > 0)
    # medium: it first helps, then takes away what each cell needs
    best = int(np.argmax(share[2e5]))
    assert 0 < best < len(RATIOS) - 1
    assert share[2e5][best] > 1.2 * share[2e5][0]
    assert share[2e5][best] > 1.2 * share[2e5][-1]
    # high: the benefit is reversed from the start
    assert share[2e6][0] > 0.01
    assert np.all(share[2e6][1:] == 0.0)


DOSES = (3.6, 20.0, 36.0, 45.0, 57.6)


@pytest.fixture(scope="module")
def both_shapes():
    """Antibody alone at rising doses, around a vessel and in a well-mixed tissue."""
    model, mouse = tumor("mAb"), plasma("mAb")
    options = {"weight": "20 g", "times": ([0.0, 24.0], "h")}
    line = simulate_line(
        model, VESSEL, [f"mAb {d} mg/kg" for d in DOSES], systemic=mouse, rtol=1e-4, **options
    )
    return line, model, mouse


def mixed_occupancy(model, mouse, dose):
    import krogh as kg

    point = well_mixed(model, VESSEL, systemic=mouse)
    result = kg.simulate(
        point,
        f"mAb {dose} mg/kg",
        times=([24.0], "h"),
        until="24 h",
        weight="20 g",
        metrics=False,
    )
    return float(np.asarray(result["occupancy_HER2"].values).ravel()[-1])


def test_well_mixed_tissue_promises_too_much(both_shapes):
    """All cells above half occupancy in the mixed model, at doses that leave many below it."""
    line, model, mouse = both_shapes
    covered = np.asarray(line.fraction_of_cells("occupancy_HER2", at_least=0.5).values)[:, -1]
    mixed = np.array([mixed_occupancy(model, mouse, d) for d in DOSES])
    promised = np.array([float(m >= 0.5) for m in mixed])
    assert np.all(np.diff(mixed) > 0)
    assert np.all(np.diff(covered) >= 0)
    over = promised - covered
    assert over.max() > 0.4
    # dose needed for half occupancy in 90 % of the cells
    needed_mixed = DOSES[int(np.argmax(promised >= 0.9))]
    needed_line = DOSES[int(np.argmax(covered >= 0.9))]
    assert covered[-1] >= 0.9
    assert needed_mixed < 0.7 * needed_line


def test_well_mixed_tissue_takes_up_as_much_while_unsaturated(both_shapes):
    """What differs is where the drug is, not how much: the wall limits uptake."""
    line, model, mouse = both_shapes
    means = np.asarray(line.mean("occupancy_HER2").values)[:, -1]
    assert means[0] == pytest.approx(mixed_occupancy(model, mouse, DOSES[0]), rel=0.03)
