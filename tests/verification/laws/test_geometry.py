"""Vessel density and distances: formulas beside scattered vessels, lattices and the cylinder.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from krogh.model import tissue
from krogh.space import Cylinder

pytestmark = pytest.mark.verification

DENSITY = tissue.vessel_density("75 um")
PER_UM2 = DENSITY.to("1/um^2")


def nearest(points, vessels, side):
    """Distances from points to the nearest vessel in a periodic square."""
    gap = np.abs(points[:, None, :] - vessels[None, :, :])
    gap = np.minimum(gap, side - gap)
    return np.sqrt((gap**2).sum(axis=2)).min(axis=1)


def test_scattered_vessels():
    """Poisson vessels: mean 66.5, median 62.4 um, 16.9 % of the tissue beyond 100 um."""
    rng = np.random.default_rng(20240614)
    side = np.sqrt(2000.0 / PER_UM2)
    found = np.concatenate(
        [
            nearest(rng.uniform(0, side, (400, 2)), rng.uniform(0, side, (2000, 2)), side)
            for _ in range(25)
        ]
    )
    error = 3.0 / np.sqrt(found.size)
    mean = tissue.distance_to_vessel(DENSITY).to("um")
    median = tissue.distance_to_vessel(DENSITY, "random", "median").to("um")
    assert found.mean() == pytest.approx(mean, rel=0.53 * error)
    assert np.median(found) == pytest.approx(median, rel=0.7 * error)
    share = np.mean(found > 100.0)
    assert share == pytest.approx(tissue.share_beyond("100 um", DENSITY), abs=0.4 * error)


@pytest.mark.parametrize("pattern", ["square", "hexagonal"])
def test_lattices(pattern):
    """The farthest place between vessels of a lattice: 94.0 and 82.5 um."""
    if pattern == "square":
        a = 1.0 / np.sqrt(PER_UM2)
        assert a == pytest.approx(132.9, abs=0.05)
        basis = np.array([[a, 0.0], [0.0, a]])
    else:
        a = np.sqrt(2.0 / (np.sqrt(3.0) * PER_UM2))
        basis = np.array([[a, 0.0], [0.5 * a, np.sqrt(3.0) / 2.0 * a]])
    assert abs(np.linalg.det(basis)) * PER_UM2 == pytest.approx(1.0)
    u = np.linspace(0.0, 1.0, 121)
    points = np.stack(np.meshgrid(u, u), axis=-1).reshape(-1, 2) @ basis
    i = np.arange(-1, 3)
    vessels = np.stack(np.meshgrid(i, i), axis=-1).reshape(-1, 2) @ basis
    gap = points[:, None, :] - vessels[None, :, :]
    farthest = np.sqrt((gap**2).sum(axis=2)).min(axis=1).max()
    expected = tissue.distance_to_vessel(DENSITY, pattern, "largest").to("um")
    assert farthest == pytest.approx(expected, rel=1e-4)


def test_the_cylinder_of_one_vessel():
    """Volumes of its cells give the mean distance of a disc, 50.0 um, and the wall per volume."""
    thin = Cylinder(inner_radius="0.01 um", outer_radius="75 um", cells=2000, growth=1)
    centers, volumes = np.asarray(thin.centers), np.asarray(thin.volumes)
    mean = np.sum(centers * volumes) / volumes.sum()
    assert mean == pytest.approx(tissue.distance_to_vessel(DENSITY, "disc").to("um"), rel=1e-4)
    vessel = Cylinder(inner_radius="8 um", outer_radius="75 um")
    found = tissue.surface_per_volume("8 um", "75 um").to("1/um")
    assert float(vessel.surface_per_volume) == pytest.approx(found)
    radius = tissue.krogh_radius(DENSITY)
    assert Cylinder(outer_radius=radius).lengths["outer_radius"] == pytest.approx(75.0)
