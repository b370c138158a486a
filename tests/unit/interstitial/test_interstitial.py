"""Interstitial flow: what it takes, what it refuses, courses in time, walls with pores, files.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import krogh as kg
import numpy as np
import pytest
from krogh.errors import DataError, SolverError, SpecError, UnitError
from krogh.interstitial import (
    NORMAL,
    TUMOUR,
    flow_course,
    interstitial_flow,
    wall_of_pores,
)
from krogh.interstitial.pores import hindrance
from krogh.space import Grid
from krogh.vessels import VesselNetwork

GRID = Grid((3, 4, 5), "50 um")
BAR = Grid((1, 1, 20), "50 um")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"grid": 3}, SpecError, r"KG-167.*krogh.space.Grid.*not int"),
        ({"tissue": "tumr"}, SpecError, "KG-167.*Did you mean 'tumo"),
        ({"tissue": ("tumour", "normal")}, SpecError, r"KG-167.*2 entries.*left out"),
        ({"regions": np.zeros((2, 2, 2), dtype=int)}, SpecError, "KG-167: regions must be whole"),
        ({"regions": np.zeros((3, 4, 5))}, SpecError, "KG-167: regions must be whole"),
        ({"regions": np.full((3, 4, 5), 300)}, SpecError, "KG-167: regions run from 0"),
        ({"regions": np.zeros((3, 4, 5), dtype=bool)}, SpecError, "KG-167: every voxel"),
        ({"hydraulic_conductivity": 3.0}, UnitError, "KG-124: hydraulic_conductivity needs a"),
        ({"hydraulic_conductivity": "3 um"}, UnitError, "KG-121"),
        ({"hydraulic_conductivity": "-3 um^2/(Pa s)"}, SpecError, "KG-167.*not negative"),
        (
            {"hydraulic_conductivity": {"x": "1 um^2/(Pa s)"}},
            SpecError,
            "KG-167.*by axis needs 'x', 'y' and 'z'",
        ),
        ({"vascular_pressure": ([1.0, 2.0], "mmHg")}, SpecError, r"KG-167.*shape \(2,\)"),
        (
            {"vascular_pressure": (np.full((3, 4, 5), np.nan), "mmHg")},
            SpecError,
            "KG-167: vascular_pressure is not finite",
        ),
        ({"reflection": 1.5}, SpecError, "KG-167: reflection must be between 0 and 1"),
        ({"reflection": "much"}, SpecError, "KG-167: reflection needs a number"),
        ({"sides": {"x lo": "0 mmHg"}}, SpecError, "KG-167: there is no side.*'x low'"),
        ({"sides": "opened"}, SpecError, "KG-167: a side is 'closed'"),
        ({"sides": 3.0}, UnitError, "KG-124: the pressure at the side"),
        ({"sides": {"x low": "periodic"}}, SpecError, "KG-167: both sides along x"),
        ({"outer_pressure": 0.0}, UnitError, "KG-124: outer_pressure"),
        ({"vessels": "tisue"}, SpecError, "KG-167: vessels are 'tissue'"),
        ({"vessels": 3.0}, UnitError, "KG-124"),
        ({"vessels": "-3 1/um"}, SpecError, "KG-166.*not negative"),
    ],
)
def test_what_is_refused(options: dict[str, Any], error: type, message: str) -> None:
    given = {"grid": GRID} | options
    with pytest.raises(error, match=message):
        interstitial_flow(**given)


def test_no_vessels_and_no_way_out_leave_nothing_to_flow() -> None:
    flow = interstitial_flow(GRID, None)
    assert np.abs(flow.pressure).max() == 0.0 == flow.mismatch
    through = interstitial_flow(BAR, None, sides={"x low": "10 mmHg", "x high": "0 mmHg"})
    speed = 4.13e-8 * 10.0 / 0.1 * 1e4  # um/s: K times 10 mmHg over 1 mm
    np.testing.assert_allclose(through.velocity[0], speed, rtol=1e-9)
    assert through.ledger().left["x low"] == pytest.approx(-speed * 2500.0)


def test_closed_tissue_reaches_the_pressure_of_its_vessels() -> None:
    flow = interstitial_flow(GRID)
    np.testing.assert_allclose(flow.pressure_in("mmHg"), 11.5, rtol=1e-9)
    assert np.nanmax(flow.speed) < 1e-9
    normal = interstitial_flow(GRID, tissue="normal")
    rate = 3.6e-8 * 70.0
    expected = rate * (15.6 - 0.91 * 10.0) / (rate + 1.33e-5)
    np.testing.assert_allclose(normal.pressure_in(), expected, rtol=1e-9)


def test_values_by_region_array_and_axis_are_the_same() -> None:
    labels = np.zeros(BAR.shape, dtype=int)
    labels[..., 10:] = 1
    sides = {"x": "0 mmHg"}
    one = interstitial_flow(BAR, tissue=("tumour", "normal"), regions=labels, sides=sides)
    conductivity = np.where(labels == 0, 4.13e-8, 8.53e-9)
    two = interstitial_flow(
        BAR,
        (np.where(labels == 0, 200.0, 70.0), "1/cm"),
        tissue=("tumour", NORMAL),
        regions=labels,
        hydraulic_conductivity={
            "x": (conductivity, "cm^2/(mmHg s)"),
            "y": "1 um^2/(Pa s)",
            "z": ([1.0, 2.0], "um^2/(Pa s)"),
        },
        sides=sides,
    )
    np.testing.assert_allclose(two.pressure, one.pressure, rtol=1e-8)
    three = interstitial_flow(
        BAR, ([200.0, 70.0], "1/cm"), tissue=(TUMOUR, "normal"), regions=labels, sides=sides
    )
    np.testing.assert_allclose(three.pressure, one.pressure, rtol=1e-8)


@pytest.mark.parametrize("sides", [{}, {"x": "periodic", "y": "3 mmHg"}])
def test_border_to_voxels_outside(sides: dict[str, str]) -> None:
    """All that vessels give leaves through the faces to the outside, also around the box."""
    inside = np.random.default_rng(4).random(GRID.shape) > 0.3
    flow = interstitial_flow(GRID, regions=inside, outer_pressure="1 mmHg", sides=sides)
    assert np.isnan(flow.pressure[~inside]).all()
    assert flow.mismatch < 1e-10
    ledger = flow.ledger()
    assert abs(ledger.imbalance) < 1e-10
    assert ledger.left["border"] > 0.0
    np.testing.assert_array_equal(
        flow.velocity[0][..., 0] == flow.velocity[0][..., -1], np.full((3, 4), True)
    )
    shut = interstitial_flow(GRID, regions=inside)
    np.testing.assert_allclose(shut.pressure_in()[inside], 11.5, rtol=1e-9)


def network(pressure: tuple[float, float] | None) -> VesselNetwork:
    return VesselNetwork(
        [[0.0, 75.0, 75.0], [250.0, 75.0, 75.0]], [[0, 1]], [10.0], pressure=pressure
    )


def test_a_network_brings_its_pressures() -> None:
    flow = interstitial_flow(GRID, network((30.0, 10.0)), sides={"z": "0 mmHg"})
    given = float(flow.filtration.sum()) * GRID.voxel_volume
    assert given > 0.0
    assert flow.mismatch < 1e-10
    other = interstitial_flow(
        GRID, network(None), sides={"z": "0 mmHg"}, vascular_pressure="20 mmHg"
    )
    np.testing.assert_allclose(other.pressure, flow.pressure, rtol=1e-9)
    wide = VesselNetwork([[0.0, 75.0, 75.0], [250.0, 75.0, 75.0]], [[0, 1]], [90.0])
    resolved = interstitial_flow(GRID, wide, sides={"z": "0 mmHg"})
    assert np.isnan(resolved.pressure[1, 1, 2])
    with pytest.raises((SpecError, DataError), match="KG-1"):
        interstitial_flow(GRID, network(None).voxelize(Grid((2, 2, 2), "50 um")))


def test_a_tolerance_beyond_round_off_is_named() -> None:
    with pytest.raises(SolverError, match="KG-327: the interstitial pressure"):
        interstitial_flow(BAR, sides={"x": "0 mmHg"}, tolerance=1e-17)


def test_pictures_and_files(tmp_path: Path) -> None:
    flow = interstitial_flow(GRID, sides={"x": "0 mmHg"})
    assert "5 x 4 x 3 voxels" in repr(flow)
    path = flow.save(tmp_path / "flow.vti")
    again = kg.io.read_vti(path)
    np.testing.assert_allclose(again["pressure"].values[-1], flow.pressure_in(), rtol=1e-6)
    flow.plot_slices("speed", path=tmp_path / "speed.png")
    assert (tmp_path / "speed.png").stat().st_size > 1000
    with pytest.raises(SpecError, match="KG-118"):
        flow.plot_slices("presure")


def test_normalization_in_time() -> None:
    course = flow_course(
        BAR,
        times=["0 d", "48 h", "5 d"],
        changes={
            "vascular_conductivity": [
                wall_of_pores(f"{r} nm", "3.5 nm").vascular_conductivity for r in (100, 50, 80)
            ],
            "vessels": ["200 1/cm", "150 1/cm", "150 1/cm"],
        },
        sides={"x": "0 mmHg"},
    )
    assert len(course) == 3
    low = course.mean_pressure()
    assert low[1] < low[2] < low[0]
    assert course.at("3 d") is course[1]
    assert course.at("0 h") is course[0]
    stretches = list(course.segments("3 d"))
    assert [(a, b) for a, b, _ in stretches] == [(0.0, 2.0), (2.0, 3.0)]
    assert stretches[1][2] is course[1]
    assert "3 flows from 0 to 5 d" in repr(course)
    alone = interstitial_flow(
        BAR,
        "150 1/cm",
        vascular_conductivity=wall_of_pores("50 nm", "3.5 nm").vascular_conductivity,
        sides={"x": "0 mmHg"},
    )
    np.testing.assert_array_equal(alone.pressure, course[1].pressure)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"times": ([0, 0], "d")}, SpecError, "KG-119: times must be finite and ascend"),
        ({"times": ([0, 1], "um")}, SpecError, "KG-119: times need a unit of time"),
        ({"times": (["a", "b"], "d")}, SpecError, "KG-119: times need numbers"),
        ({"times": []}, SpecError, "KG-119: times are empty"),
        ({"changes": {}}, SpecError, "KG-167: changes must be"),
        ({"changes": {"reflction": [0, 1]}}, SpecError, "KG-103.*'reflection'"),
        ({"changes": {"grid": [0, 1]}}, SpecError, "KG-103"),
        ({"changes": {"reflection": [0.5]}}, SpecError, "KG-167: changes: 'reflection' needs 2"),
        ({"changes": {"reflection": "0.5"}}, SpecError, "KG-167: changes: 'reflection' needs 2"),
        ({"reflection": 0.5}, SpecError, "KG-167: 'reflection' is given once"),
    ],
)
def test_courses_that_are_none(options: dict[str, Any], error: type, message: str) -> None:
    given = {"times": ([0, 1], "d"), "changes": {"reflection": [0.5, 0.8]}} | options
    with pytest.raises(error, match=message):
        flow_course(BAR, **given)


def test_times_of_a_course() -> None:
    course = flow_course(BAR, times="1 d", changes={"reflection": [0.5]})
    with pytest.raises(SpecError, match="KG-119: the flows begin at 1 d"):
        course.at("3 h")
    with pytest.raises(SpecError, match="KG-119: the end 1 d"):
        list(course.segments("1 d"))


def test_hindrance_of_spheres_in_pores() -> None:
    """Limits for small spheres, a table of Deen (1987), and no way for wide ones."""
    diffusion, convection = hindrance(1e-6)
    assert diffusion == pytest.approx(1.0, abs=5e-4)
    assert convection == pytest.approx(1.0, abs=5e-4)
    for ratio in (0.05, 0.1, 0.2):  # centerline series of Deen 1987, good for small spheres
        gap = (1.0 - ratio) ** 2
        drag = 1.0 - 2.1044 * ratio + 2.089 * ratio**3 - 0.948 * ratio**5
        assert hindrance(ratio)[0] == pytest.approx(gap * drag, rel=0.01)
        lag = 1.0 - 2.0 / 3.0 * ratio**2 - 0.163 * ratio**3
        assert hindrance(ratio)[1] == pytest.approx(gap * (2.0 - gap) * lag, rel=0.01)
    assert hindrance(1.0) == (0.0, 0.0) == hindrance(2.0)
    grid = np.linspace(0.01, 0.99, 50)
    assert (np.diff([hindrance(r)[0] for r in grid]) < 0.0).all()
    assert (np.diff([hindrance(r)[1] for r in grid]) < 0.0).all()


def test_a_wall_with_pores() -> None:
    wall = wall_of_pores("100 nm", "5 nm", viscosity="1 mPa s", diffusivity="50 um^2/s")
    assert kg.units.parse_quantity(wall.vascular_conductivity).to("um/(Pa s)") == pytest.approx(
        1e-3 * 0.1**2 / (8.0 * 1e-3 * 5.0)
    )
    share, _ = hindrance(0.05)
    assert kg.units.parse_quantity(wall.permeability).to("um/s") == pytest.approx(
        1e-3 * share * 50.0 / 5.0
    )
    free = wall_of_pores("1 um", "5 nm", pore_share=1.0, thickness="1 um")
    # A sphere of 5 nm in water at 37 C: 65.7 um^2/s.
    assert kg.units.parse_quantity(free.permeability).to("um/s") == pytest.approx(65.7, rel=0.03)
    assert float(wall_of_pores("4 nm", "5 nm").reflection) == 1.0
    with pytest.raises(SpecError, match="KG-167: pore_share"):
        wall_of_pores("4 nm", "5 nm", pore_share=0.0)
    with pytest.raises(SpecError, match="KG-167: pore_radius must be one positive"):
        wall_of_pores("-4 nm", "5 nm")
    with pytest.raises(UnitError, match="KG-124: solute_radius"):
        wall_of_pores("4 nm", 5.0)
