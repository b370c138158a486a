"""Lesions of one plasma equal the same tissue solved at once, and their doses balance.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.space import Cylinder, Grid, Several
from krogh.tumour import Lesion, lesions

pytestmark = pytest.mark.verification

CELLS = 16
TIMES = ["6 h", "72 h"]


def asked(drug: str, rtol: float = 1e-4, **options) -> kg.Study:
    options = {"until": "72 h", "cells": CELLS} | options
    return kg.Study(drug, "NCI-N87", "3.6 mg/kg", rtol=rtol, **options)


def box(voxels: int) -> Grid:
    """Voxels of 8 uL."""
    return Grid((1, 1, voxels), "2 mm")


def at_once(study: kg.Study, shape=None, **options):
    arguments = study.line_arguments() | {"times": TIMES} | options
    if shape is not None:
        arguments["shape"] = shape
    return kg.simulate_line(**arguments)


@pytest.mark.parametrize("drug", ["trastuzumab", "T-DM1"])
def test_lesions_of_equal_voxels_equal_one_line_that_the_plasma_feels(drug):
    """Second order in the knots: what is left is the constant rate between them."""
    study = asked(drug, rtol=1e-6)
    total = f"total_{drug.replace('-', '')}"
    line = at_once(study, tumour_volume="0.24 mL")
    weights = {"weights": "viable"} if "viable" in line else {}
    wanted = line.mean(total, **weights).values[0]
    unfelt = at_once(study).mean(total, **weights).values[0]
    assert unfelt[-1] > 1.1 * wanted[-1]  # the plasma feels it
    errors = []
    for knots in (64, 256):
        both = lesions(
            study,
            [Lesion("a", grid=box(20)), Lesion("b", grid=box(10))],
            times=TIMES,
            knots=knots,
            tolerance=1e-7,
        )
        assert both.converged
        found = [both[name].of_voxels(total) for name in "ab"]
        assert np.array_equal(found[0][:, :1], found[1][:, :1])
        errors.append(float(np.max(np.abs(found[0][:, 0] / wanted - 1.0))))
        assert both.knot_error < 2e-3
    assert errors[1] < 2e-5
    assert errors[0] > 6.0 * errors[1]


def test_unlike_lesions_equal_pieces_of_one_tumour():
    """A monolithic solver of two cylinders that share one plasma gives the same."""
    study = asked("trastuzumab")
    small, large = 40.0, 90.0
    inner = study.shape.inner_radius.to("um")
    pieces = [Cylinder(f"{inner} um", f"{r} um", cells=CELLS) for r in (small, large)]
    targets = np.repeat([300.0, 1500.0], CELLS)
    line = at_once(
        study,
        Several(pieces, [0.16, 0.08]),
        tumour_volume="0.24 mL",
        fields={"target_density_HER2": targets},
        record=["total_trastuzumab"],
    )
    cells, volumes = line["total_trastuzumab"].values[0], line.problem.volumes[0]
    wanted = [
        (cells * volumes)[:, part].sum(axis=1) / volumes[part].sum()
        for part in (slice(0, CELLS), slice(CELLS, None))
    ]
    both = lesions(
        study,
        [
            Lesion(
                "small", grid=box(20), values={"outer_radius": "40 um"}, target_density="300 nM"
            ),
            Lesion(
                "large", grid=box(10), values={"outer_radius": "90 um"}, target_density="1500 nM"
            ),
        ],
        times=TIMES,
        knots=100,
        tolerance=1e-7,
    )
    for name, expected in zip(("small", "large"), wanted, strict=True):
        found = both[name].of_voxels("total_trastuzumab")[:, 0]
        assert np.allclose(found, expected, rtol=2e-4), name
    taken = both.taken()
    assert taken["share"].sum() > 5.0


def unlike(voxels: int, seed: int, spacing: str = "2 mm") -> dict:
    rng = np.random.default_rng(seed)
    shape = (1, 1, voxels)
    return {
        "grid": Grid((1, 1, voxels), spacing),
        "vessel_density": (rng.uniform(20.0, 300.0, shape), "1/mm^2"),
        "permeability": (rng.uniform(5e-8, 5e-7, shape), "cm/s"),
        "receptors_per_cell": (rng.uniform(1e4, 1e6, shape), "molecules/cell"),
    }


def test_the_dose_balances_over_plasma_and_all_lesions():
    study = asked("T-DM1", rtol=1e-2, cells=8)
    both = lesions(
        study, [Lesion("a", **unlike(20, 1)), Lesion("b", **unlike(7, 2))], tolerance=1e-11
    )
    assert both.converged
    ledger = both.ledger()
    assert ledger["balance"].tolist()[0] == "dose of T-DM1"
    assert max(ledger["largest imbalance"]) < 1e-10
    # The same from the amounts themselves: dosed = body + eliminated + lesions, at the end.
    states = both.plasma
    held = sum(
        float(states[name].values[-1])
        for name in states
        if name.startswith(("central_", "peripheral_", "eliminated_"))
    )
    dosed = sum(v for v in both["a"].taken["dosed"])
    assert held + both.taken()["taken"].sum() == pytest.approx(dosed, rel=1e-10)
    assert both.taken()["taken"].sum() > 0.02 * dosed


def test_bits_depend_on_neither_batches_nor_threads_nor_whom_it_names_first():
    few = asked("trastuzumab", rtol=1e-2, cells=8)
    parts = [Lesion("a", **unlike(300, 1)), Lesion("b", **unlike(20, 2))]
    one = lesions(few, parts)
    name = "total_trastuzumab"
    for other in (
        lesions(few, parts, batch=256),
        lesions(few.with_values({"settings.num_threads": 2}), parts),
    ):
        for lesion in "ab":
            assert np.array_equal(other[lesion].of_voxels(name), one[lesion].of_voxels(name))
    turned = lesions(few, parts[::-1])
    for lesion in "ab":
        assert np.allclose(turned[lesion].of_voxels(name), one[lesion].of_voxels(name), rtol=1e-9)


def test_lesions_that_take_most_of_the_dose_settle():
    study = asked("trastuzumab", rtol=1e-3, until="21 d", cells=8)
    one = lesions(study, [Lesion("large", grid=box(125))], times=["6 h", "21 d"], knots=200)
    assert one.converged
    assert 70.0 < one.taken()["share"][0] < 95.0
    line = kg.simulate_line(
        **(study.line_arguments() | {"times": ["6 h", "21 d"], "tumour_volume": "1 mL"})
    )
    found = one["large"].of_voxels("total_trastuzumab")[:, 0]
    assert np.allclose(found, line.mean("total_trastuzumab").values[0], rtol=2e-3)


def test_a_sample_goes_before_many_voxels():
    study = asked("trastuzumab", rtol=1e-2, cells=8, until="24 h")
    many = lesions(study, [Lesion("a", **unlike(2100, 5, "0.5 mm"))])
    assert many.sampled >= 2
    assert many.iterations <= 3
    assert many.converged
    assert max(many.ledger()["largest imbalance"]) < 1e-3
