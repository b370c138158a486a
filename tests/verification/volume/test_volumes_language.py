"""Volumes against lines: slabs, cylinders in voxels, several doses; bits over threads.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.errors import Error
from krogh.space import Cylinder, Grid, Slab
from krogh.vessels import VesselNetwork
from line_models import body, tissue

DOSED = {
    "dosing": "3.6 mg/kg then 3.6 mg/kg every 8 h x 2",
    "weight": "20 g",
    "times": "0..24 h by 4 h",
    "progress": False,
}


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_a_volume_that_varies_in_one_direction_is_a_slab(axis):
    """Both solvers at rtol 1e-4: they differ by less than ten times that, plasma included."""
    shape = [2, 2, 2]
    shape["zyx".index(axis)] = 16
    options = {**DOSED, "systemic": body(), "rtol": 1e-4}
    volume = kg.simulate_volume(
        tissue(), Grid(shape, "10 um"), sides={f"{axis} low": "membrane"}, **options
    )
    line = kg.simulate_line(tissue(), Slab("160 um", cells=16, growth=1.0), **options)
    found = np.moveaxis(volume["total"].values, 1 + "zyx".index(axis), -1)
    expected = line["total"].values[0]
    assert np.abs(found - found[:, :1, :1]).max() < 1e-4 * expected.max()
    assert np.abs(found[:, 0, 0] - expected).max() < 1e-3 * expected.max()
    plasma = line.plasma["Cp"].values[0]
    assert np.abs(volume.plasma["Cp"].values - plasma).max() < 1e-3 * plasma.max()
    assert volume.plasma_error < 1e-4
    assert volume.ledger().largest < 1e-12
    area = 400.0
    entered = volume.entered["F"].values / area
    np.testing.assert_allclose(entered[1:], line.entered["F"].values[0, 1:], rtol=1e-3)


def test_a_cylinder_in_voxels_approaches_the_line():
    """A resolved vessel of 8 um in tissue of 40 um: the content is that of the cylinder."""
    options = {**DOSED, "systemic": body(), "times": "24 h", "dosing": "3.6 mg/kg"}
    line = kg.simulate_line(tissue(), Cylinder("8 um", "40 um", cells=64), **options)
    expected = float(sum(line.content[n].values[0, -1] for n in "FBI"))
    errors = []
    for width in (8.0, 4.0, 2.0):
        n = int(80.0 / width)
        grid = Grid((1, n, n), (width, "um"))
        away = np.hypot(grid.centers("x")[None, :] - 40.0, grid.centers("y")[:, None] - 40.0)
        vessel = VesselNetwork(
            nodes=np.array([[40.0, 40.0, 0.0], [40.0, 40.0, width]]),
            segments=np.array([[0, 1]]),
            diameter=np.array([16.0]),
        )
        found = kg.simulate_volume(
            tissue(), grid, exchange=vessel, regions=(away < 40.0)[None], **options
        )
        content = float(sum(found.content[n].values[-1] for n in "FBI")) / width
        errors.append(abs(content / expected - 1.0))
    assert max(errors) < 0.002, errors


def test_bits_do_not_depend_on_threads():
    draw = np.random.default_rng(1)
    surface = np.where(draw.random((9, 10, 11)) < 0.05, 0.05, 0.0)
    first, *others = (
        kg.simulate_volume(
            tissue(),
            Grid((9, 10, 11), "10 um"),
            systemic=body(),
            exchange=(surface, "1/um"),
            num_threads=threads,
            **DOSED,
        )
        for threads in (1, 2)
    )
    for other in others:
        np.testing.assert_array_equal(first["total"].values, other["total"].values)
        np.testing.assert_array_equal(first.entered["F"].values, other.entered["F"].values)


def test_what_enters_is_what_vessels_hand_over():
    """One voxel: dC/dt = P S/V (Cp - C/eps), with Cp in nM given as straight lines, by hand."""
    from line_models import still

    rate, eps = 3e-3 * 0.01, 0.24
    found = kg.simulate_volume(
        still(),
        Grid((1, 1, 1), "10 um"),
        exchange="0.01 1/um",
        plasma={"Cp": (([0.0, 24.0], "h"), [100.0, 100.0], "nM")},
        times="0..24 h by 2 h",
        rtol=1e-6,
        progress=False,
    )
    t = found.times.values * 3600.0
    expected = 100.0 * eps * -np.expm1(-rate / eps * t)
    np.testing.assert_allclose(found["F"].values[:, 0, 0, 0], expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("tumour_volume", [None, "0.2 mL"])
def test_one_voxel_is_the_well_mixed_tumour(tumour_volume):
    """S/V of a cylinder in one voxel against the point model without gradients, both ways.

    The volume of a cylinder's tumour counts the vessel's own; the voxel has none.
    """
    vessel = Cylinder("8 um", "75 um")
    surface = vessel.surface_per_volume
    options = {"weight": "20 g", "rtol": 1e-5, "progress": False}
    volume = kg.simulate_volume(
        tissue(),
        Grid((1, 1, 1), "10 um"),
        DOSED["dosing"],
        systemic=body(),
        exchange=(surface, "1/um"),
        tumour_volume=tumour_volume and (0.2 * (1.0 - (8.0 / 75.0) ** 2), "mL"),
        times="0..24 h by 4 h",
        **options,
    )
    mixed = kg.line.well_mixed(tissue(), vessel, body(), tumour_volume)
    point = kg.simulate(mixed, DOSED["dosing"], times=(volume.times.values, "h"), **options)
    for name in ("total", "occupancy", "free"):
        expected = point[name].values[0]
        assert np.abs(volume.mean(name).values - expected).max() < 1e-5 * expected.max()
    expected = point["Cp"].values[0]
    assert np.abs(volume.plasma["Cp"].values - expected).max() < 1e-5 * expected.max()


def test_what_the_tumour_takes_leaves_the_plasma():
    draw = np.random.default_rng(2)
    surface = np.where(draw.random((6, 6, 6)) < 0.1, 0.05, 0.0)
    found, alone = (
        kg.simulate_volume(
            tissue(),
            Grid((6, 6, 6), "10 um"),
            systemic=body(),
            exchange=(surface, "1/um"),
            tumour_volume=size,
            **DOSED,
        )
        for size in ("0.5 mL", None)
    )
    ledger = found.ledger(plasma={"dose": ["A", "gone"]})
    assert ledger.largest < 1e-9
    assert found.plasma["Cp"].values[-1] < 0.99 * alone.plasma["Cp"].values[-1]
    assert "whose uptake it feels" in str(found)
    assert "whose uptake it does not feel" in str(alone)


def test_plasma_that_is_solved_alone_says_why():
    found = kg.simulate_volume(
        tissue(), Grid((1, 1, 4), "10 um"), systemic=body(), sides={"x low": "fixed"}, **DOSED
    )
    assert "solved alone because of the side 'x low'" in str(found)
    with pytest.raises(Error, match=r"KG-164: what the plasma loses.*the side 'x low'"):
        kg.simulate_volume(
            tissue(),
            Grid((1, 1, 4), "10 um"),
            systemic=body(),
            sides={"x low": "fixed"},
            tumour_volume="0.2 mL",
            **DOSED,
        )


def test_the_volume_of_vessels_is_a_part_of_the_tumour():
    network = VesselNetwork(
        nodes=np.array([[40.0, 40.0, 0.0], [40.0, 40.0, 8.0]]),
        segments=np.array([[0, 1]]),
        diameter=np.array([24.0]),
    )
    found = kg.simulate_volume(
        tissue(),
        Grid((1, 10, 10), "8 um"),
        systemic=body(),
        exchange=network,
        tumour_volume="0.5 mL",
        **DOSED,
    )
    assert found.num_voxels < 100
    assert found.problem.number[0] == pytest.approx(5e11 / (100 * 512.0), rel=1e-12)
    assert found.ledger(plasma={"dose": ["A", "gone"]}).largest < 1e-9
