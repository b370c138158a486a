"""Oxygen in tissue and blood together: Krogh and Erlang's profile, balances, starving tissue.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from krogh.errors import DataError, SolverError
from krogh.vessels import (
    TissueOxygen,
    VesselNetwork,
    VoxelFrame,
    intravascular_resistance,
    oxygen_field,
)

SIDE, LENGTH, RADIUS, KERNEL = 100.0, 20.0, 5.0, 20.0
TISSUE = TissueOxygen(half_pressure=1e-3)  # consumption as good as constant


def one_vessel(flow: float, length: float = LENGTH) -> VesselNetwork:
    half = 0.5 * SIDE
    return VesselNetwork(
        [[half, half, 0], [half, half, length]],
        [[0, 1]],
        [2.0 * RADIUS],
        flow=[flow],
        hematocrit=[0.4],
    )


@pytest.mark.parametrize("cells", [20, 40])
def test_around_one_vessel_lies_the_profile_of_krogh_and_erlang(cells: int) -> None:
    """The mean over the angle obeys it exactly out to the nearest border of a square tissue."""
    spacing = SIDE / cells
    frame = VoxelFrame.regular((2, cells, cells), (spacing, spacing, LENGTH / 2))
    found = oxygen_field(
        one_vessel(1000.0), frame, 100.0, tissue=TISSUE, kernel_radius=f"{KERNEL} um"
    )
    d, m = TISSUE.conductivity, TISSUE.consumption
    supply = m * SIDE**2  # per length
    assert found.supplied == pytest.approx(supply * LENGTH, rel=1e-4)
    wall = float(intravascular_resistance(2 * RADIUS))
    inner = (math.log(KERNEL / RADIUS) - 0.25) / (2 * math.pi * d)
    mean = 100.0 - supply * (wall + inner)
    edge = mean - supply / (8 * math.pi * d) + m * KERNEL**2 / (8 * d)
    away = np.linalg.norm(frame.centers()[:, :2] - SIDE / 2, axis=1)
    for place in (26.0, 34.0, 42.0):
        ring = np.abs(away - place) < 4.0
        expected = (
            edge
            - supply / (2 * math.pi * d) * np.log(away[ring] / KERNEL)
            + m * (away[ring] ** 2 - KERNEL**2) / (4 * d)
        )
        # Blood gives up less than 0.1 mmHg; the fall from wall to border is 45 mmHg.
        assert found.pressure.ravel()[ring].mean() == pytest.approx(expected.mean(), abs=0.35)


def test_what_is_consumed_left_the_blood() -> None:
    frame = VoxelFrame.regular((15, 10, 10), 10.0)
    network = one_vessel(2.0, 150.0).subdivided("10 um")
    found = oxygen_field(network, frame, 60.0, kernel_radius="20 um")
    assert abs(found.imbalance) < 1e-8
    assert abs(found.blood.imbalance) < 1e-12
    assert found.blood.entered - found.blood.left == pytest.approx(found.consumed, rel=1e-8)
    assert found.iterations < 20
    # Downstream there is less.
    assert found.pressure[0].mean() > found.pressure[-1].mean() + 1.0


def test_starving_tissue_takes_all_and_stays_positive() -> None:
    frame = VoxelFrame.regular((30, 10, 10), 10.0)
    network = one_vessel(0.2, 300.0).subdivided("10 um")
    found = oxygen_field(network, frame, 60.0, kernel_radius="20 um")
    assert np.nanmin(found.pressure) > 0.0
    assert found.blood.left < 0.02 * found.blood.entered
    assert abs(found.imbalance) < 1e-8
    assert found.hypoxic_fraction(1.0) > 0.3
    assert found.hypoxic_fraction(1.0) < found.hypoxic_fraction(10.0) <= 1.0


def test_wide_vessels_are_left_out_of_the_tissue() -> None:
    network = VesselNetwork(
        [[52, 53, 0], [52, 53, 100]], [[0, 1]], [40], flow=[5.0], hematocrit=[0.4]
    )
    frame = VoxelFrame.regular((10, 10, 10), 10.0)
    found = oxygen_field(network.subdivided("10 um"), frame, 60.0)
    assert np.isnan(found.pressure[:, 5, 5]).all()
    assert abs(found.imbalance) < 1e-8
    tissue = ~np.isnan(found.pressure)
    assert found.consumed < 5e-4 * frame.volumes[tissue].sum()


def test_what_is_refused() -> None:
    frame = VoxelFrame.regular((2, 10, 10), 10.0)
    with pytest.raises(DataError, match=r"KG-185.*kernel_radius above 6.42 um"):
        oxygen_field(one_vessel(1.0), frame, 60.0, kernel_radius="6 um")
    with pytest.raises(DataError, match="KG-187"):
        oxygen_field(one_vessel(1.0).replace(flow=None), frame, 60.0)
    with pytest.raises(DataError, match=r"KG-181.*consumption"):
        TissueOxygen(consumption=0.0)
    with pytest.raises(SolverError, match="KG-325"):
        oxygen_field(one_vessel(0.2), frame, 60.0, max_iterations=1)
