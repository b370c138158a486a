"""Pressure in a sphere of tumor, in fluid and in normal tissue (Baxter & Jain 1989), and a slab.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from krogh.interstitial import InterstitialFlow, interstitial_flow
from krogh.space import Grid

pytestmark = pytest.mark.verification

PE = 15.6 - 0.82 * 5.0  # mmHg, at which nothing passes the walls
ALPHA = math.sqrt(2.8e-7 * 200.0 / 4.13e-8)  # 1/cm
BETA = math.sqrt(3.6e-8 * 70.0 / 8.53e-9)


def octant(radius: float, voxels: int, size: int) -> tuple[Grid, np.ndarray]:
    """Return an eighth of a box around a sphere, and the distance from its center, um."""
    grid = Grid((size,) * 3, f"{radius / voxels} um")
    x = grid.centers("x")
    return grid, np.sqrt(x[:, None, None] ** 2 + x[:, None] ** 2 + x**2)


def shell_means(r: np.ndarray, values: np.ndarray, inside: np.ndarray, width: float) -> np.ndarray:
    """Return means over shells of one voxel."""
    shell = (r[inside] / width).astype(int)
    return np.bincount(shell, weights=values[inside]) / np.maximum(np.bincount(shell), 1)


def assert_sources_are_divergence(flow: InterstitialFlow) -> None:
    rest = flow.divergence - (flow.filtration - flow.lymph)
    assert np.abs(rest).max() <= 1e-10 * np.abs(flow.filtration).max()
    assert abs(flow.ledger().imbalance) < 1e-10


def test_isolated_sphere_within_one_percent() -> None:
    """Radius 1 mm, 80 voxels: every voxel within 1 % of the profile, the staircase included."""
    radius = 1000.0
    grid, r = octant(radius, 80, 81)
    flow = interstitial_flow(grid, regions=r < radius, outer_pressure="0 mmHg")
    a, x = ALPHA * radius * 1e-4, r / radius
    exact = PE * (1.0 - np.sinh(a * x) / (x * math.sinh(a)))
    off = np.abs(flow.pressure_in("mmHg") - exact)[flow.inside] / PE
    assert off.max() < 0.01
    assert math.sqrt((off**2).mean()) < 0.0025
    # Published numbers of the profile: center, r/R = 0.5 and 0.9; flow at the surface.
    profile = {0.5: 0.6905, 0.9: 0.2317}
    for place, value in profile.items():
        here = np.abs(x - place) < 0.01
        expected = exact[here].mean() / PE
        assert expected == pytest.approx(value, abs=0.004)
        assert flow.pressure_in()[here].mean() / PE == pytest.approx(expected, abs=0.003)
    assert flow.pressure_in()[0, 0, 0] / PE == pytest.approx(0.8145, abs=1e-3)
    through = 8.0 * flow.ledger().left["border"] / (4.0 * math.pi * radius**2)
    assert through == pytest.approx(0.1276, rel=0.005)
    assert_sources_are_divergence(flow)


def test_isolated_sphere_of_one_centimeter_across() -> None:
    """The pressure falls within 0.27 mm of 5: a voxel is a quarter of that length, so it shows
    beyond 0.9 of the radius."""
    radius = 5000.0
    grid, r = octant(radius, 80, 81)
    flow = interstitial_flow(grid, regions=r < radius, outer_pressure="0 mmHg")
    a, x = ALPHA * radius * 1e-4, r / radius
    exact = PE * (1.0 - np.sinh(a * x) / (x * math.sinh(a)))
    off = np.abs(flow.pressure_in("mmHg") - exact) / PE
    assert off[x < 0.9].max() < 0.01
    through = 8.0 * flow.ledger().left["border"] / (4.0 * math.pi * radius**2)
    assert through == pytest.approx(0.1654, rel=0.01)


@pytest.mark.parametrize("voxels", [16, 32])
def test_sphere_in_normal_tissue(voxels: int) -> None:
    """Means over shells within 1 %, the root mean square within 0.1 % (per voxel 2 % at the
    staircase for 16 voxels)."""
    radius = 1000.0
    grid, r = octant(radius, voxels, int(4.0 * voxels))
    flow = interstitial_flow(
        grid,
        tissue=("tumour", "normal"),
        regions=np.where(r < radius, 0, 1),
        vascular_pressure=([15.6, 9.1], "mmHg"),  # nothing is filtered in normal tissue at rest
        lymph_conductance="0 1/(Pa s)",
        sides={f"{axis} high": "0 mmHg" for axis in "xyz"},
    )
    big, ratio = radius * 1e-4, 4.13e-8 / 8.53e-9
    a, b = ALPHA * big, BETA * big
    inner = -big * PE / (math.sinh(a) + ratio * (a * math.cosh(a) - math.sinh(a)) / (1.0 + b))
    edge = PE + inner * math.sinh(a) / big
    cm = r * 1e-4
    exact = np.where(
        r < radius,
        PE + inner * np.sinh(np.minimum(ALPHA * cm, a)) / cm,
        edge * big / cm * np.exp(-BETA * (cm - big)),
    )
    found = flow.pressure_in("mmHg")
    off = (found - exact) / PE
    width = radius / voxels
    shells = shell_means(r, off, flow.inside, width)[: 2 * voxels]
    assert np.abs(shells).max() < 0.01
    assert math.sqrt((off**2).mean()) < 1e-3
    assert np.abs(off).max() < (0.03 if voxels == 16 else 0.015)
    assert_sources_are_divergence(flow)


def test_a_slab_at_second_order() -> None:
    half, errors = 500.0, []
    for cells in (10, 20, 40):
        grid = Grid((1, 1, cells), f"{2 * half / cells} um")
        flow = interstitial_flow(grid, sides={"x": "2 mmHg"})
        x = (grid.centers("x") - half) * 1e-4
        exact = PE + (2.0 - PE) * np.cosh(ALPHA * x) / math.cosh(ALPHA * half * 1e-4)
        errors.append(np.abs(flow.pressure_in("mmHg")[0, 0] - exact).max())
        assert_sources_are_divergence(flow)
    assert math.log2(errors[1] / errors[2]) > 1.9
    assert errors[-1] < 1e-3 * PE


def test_lymphatics_drain_above_their_pressure_only() -> None:
    """Without exchange between voxels each is at its own balance."""
    grid = Grid((2, 3, 4), "50 um")
    at = np.array([0.0, 30.0])[:, None, None] + np.zeros(grid.shape)
    flow = interstitial_flow(
        grid,
        hydraulic_conductivity="0 um^2/(Pa s)",
        lymph_conductance="1e-4 1/(mmHg s)",
        lymph_pressure=(at, "mmHg"),
    )
    rate = 2.8e-7 * 200.0  # 1/(mmHg s)
    np.testing.assert_allclose(flow.pressure_in()[0], rate * PE / (rate + 1e-4), rtol=1e-9)
    np.testing.assert_allclose(flow.pressure_in()[1], PE, rtol=1e-9)
    assert np.abs(flow.lymph[1]).max() == 0.0 < flow.lymph[0].min()
    assert_sources_are_divergence(flow)


def test_leaky_vessels_and_dense_matrix_raise_the_pressure() -> None:
    grid = Grid((1, 1, 40), "50 um")
    mean = {}
    for name, options in {
        "as it is": {},
        "tight": {"vascular_conductivity": "7e-8 cm/(mmHg s)"},
        "dense": {"hydraulic_conductivity": "1e-8 cm^2/(mmHg s)"},
    }.items():
        flow = interstitial_flow(grid, sides={"x": "0 mmHg"}, **options)
        mean[name] = float(flow.pressure.mean())
    assert mean["tight"] < mean["as it is"] < mean["dense"]
