"""Distances to vessels against direct evaluation, and statistics of simple networks.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from krogh.errors import DataError
from krogh.vessels import VesselNetwork, distance_to_vessel, nearest_segment
from krogh.vessels.statistics import clipped_lengths
from numpy.typing import NDArray


def random_network(count: int = 60, seed: int = 0) -> VesselNetwork:
    random = np.random.default_rng(seed)
    pairs = np.column_stack([np.arange(count - 1), np.arange(1, count)])
    return VesselNetwork(random.random((count, 3)) * 300.0, pairs, random.uniform(4, 30, count - 1))


def directly(
    network: VesselNetwork, points: NDArray[np.float64], wall: bool, shift: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distance to every segment, displaced by `shift`, one point at a time."""
    start = network.nodes[network.segments[:, 0]] + shift
    along = network.vectors
    share = ((points[:, None] - start) * along).sum(axis=2) / (along**2).sum(axis=1)
    foot = start + np.clip(share, 0.0, 1.0)[..., None] * along
    away = np.linalg.norm(points[:, None] - foot, axis=2)
    return np.min(away - network.radius if wall else away, axis=1)


@pytest.mark.parametrize("wall", [False, True])
def test_distance_equals_direct_evaluation(wall: bool) -> None:
    network = random_network()
    points = np.random.default_rng(1).uniform(-50, 350, (3000, 3))
    found, segment = nearest_segment(network, points, wall=wall)
    np.testing.assert_allclose(found, directly(network, points, wall, np.zeros(3)), atol=1e-12)
    for row in range(0, 3000, 300):
        alone = network.subset([segment[row]])
        assert nearest_segment(alone, points[row : row + 1], wall=wall)[0][0] == found[row]


def test_periodic_distance_sees_the_images() -> None:
    network = random_network(20, 3)
    points = np.random.default_rng(2).uniform(0, 300, (500, 3))
    found = distance_to_vessel(network, points, periodic=[300.0, 300.0, 0.0])
    images = [
        directly(network, points, False, np.array([300.0 * i, 300.0 * j, 0.0]))
        for i in (-1, 0, 1)
        for j in (-1, 0, 1)
    ]
    np.testing.assert_allclose(found, np.min(images, axis=0), atol=1e-11)


def test_distance_within_a_vessel_is_zero_to_the_wall() -> None:
    network = VesselNetwork([[0, 0, 0], [100, 0, 0]], [[0, 1]], [20])
    points = [[50, 3, 0], [50, 25, 0], [130, 0, 0]]
    assert distance_to_vessel(network, points, wall=True).tolist() == [0.0, 15.0, 20.0]


def test_points_and_periods_are_checked() -> None:
    network = random_network(5)
    with pytest.raises(DataError, match="KG-180"):
        distance_to_vessel(network, [[1, 2]])
    with pytest.raises(DataError, match=r"KG-181.*point 1"):
        distance_to_vessel(network, [[1, 2, 3], [1, np.nan, 3]])
    with pytest.raises(DataError, match="KG-185"):
        distance_to_vessel(network, [[1, 2, 3]], periodic=[-1.0, 0.0, 0.0])


def test_lengths_within_a_box() -> None:
    network = VesselNetwork(
        [[-50, 5, 5], [50, 5, 5], [5, 5, 50], [300, 5, 5], [5, 300, 5]],
        [[0, 1], [1, 2], [3, 4]],
        [5, 5, 5],
    )
    inside = clipped_lengths(network, [[0, 0, 0], [10, 10, 10]])
    assert inside[0] == pytest.approx(10.0)
    assert inside[1] == 0.0
    assert inside[2] == 0.0
    whole = clipped_lengths(network, [[-100, -100, -100], [400, 400, 400]])
    np.testing.assert_allclose(whole, network.lengths, rtol=1e-15)


def test_statistics_of_one_vessel_in_a_box() -> None:
    network = VesselNetwork([[50, 50, 0], [50, 50, 100]], [[0, 1]], [10])
    box = [[0, 0, 0], [100, 100, 100]]
    found = network.statistics(box, threshold="50 um", spacing="1 um")
    assert found.length_density == pytest.approx(100.0)
    assert found.surface_density == pytest.approx(np.pi * 10 * 1e-4 * 1e4)
    assert found.volume_fraction == pytest.approx(np.pi * 25 / 1e4)
    assert found.beyond == pytest.approx(1.0 - np.pi / 4.0, abs=2e-3)
    # Mean distance from the center of a square of side a: a (sqrt 2 + asinh 1)/6.
    assert found.mean_distance == pytest.approx(100 * (2**0.5 + np.arcsinh(1)) / 6, rel=1e-3)
    assert found.num_components == 1
    assert "100 mm/mm^3" in str(found)
    walls = network.statistics(box, wall=True, spacing="1 um")
    assert walls.max_distance == pytest.approx(found.max_distance - 5.0)
    with pytest.raises(DataError, match=r"KG-180.*thickness"):
        VesselNetwork([[0, 0, 0], [9, 5, 0]], [[0, 1]], [5]).statistics()
    with pytest.raises(DataError, match=r"KG-185.*no vessel"):
        network.statistics([[500, 500, 500], [600, 600, 600]])
