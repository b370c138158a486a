"""Vessels from segmented images: known lines, branches, rings, radii, turned grids, wrong masks.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import importlib.util
import itertools

import numpy as np
import pytest
from krogh.errors import DataError, MissingExtra
from krogh.space.grid import Grid
from krogh.vessels import VesselNetwork, VoxelFrame, distance_to_vessel, from_mask
from numpy.typing import NDArray

HAS_SKIMAGE = importlib.util.find_spec("skimage") is not None


def painted(network: VesselNetwork, frame: VoxelFrame) -> NDArray[np.bool_]:
    inside = distance_to_vessel(network, frame.centers(), wall=True) == 0.0
    return inside.reshape(frame.shape)


def lines_of(frame: VoxelFrame, *points: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Return a chain of voxels through points (z, y, x), each step to a neighbour."""
    found = np.zeros(frame.shape, dtype=bool)
    for one, two in itertools.pairwise(points):
        steps = int(np.abs(np.subtract(two, one)).max())
        for step in range(steps + 1):
            found[
                tuple(np.round(np.add(one, np.subtract(two, one) * step / steps)).astype(int))
            ] = 1
    return found


def test_a_straight_vessel_has_its_radius_place_and_length() -> None:
    frame = VoxelFrame.regular((40, 21, 21), 2.0, corner=(100.0, 0.0, -7.0))
    vessel = VesselNetwork([[121, 21, -60], [121, 21, 300]], [[0, 1]], [16])
    skeleton = lines_of(frame, (0, 10, 10), (39, 10, 10))
    network, report = from_mask(painted(vessel, frame), frame, skeleton=skeleton)
    assert network.num_components == 1
    assert network.lengths.sum() == pytest.approx(39 * 2.0)
    np.testing.assert_allclose(network.diameter, 16.0, atol=2.0)
    np.testing.assert_allclose(network.nodes[:, 0], 121.0)
    np.testing.assert_allclose(network.nodes[:, 1], 21.0)
    assert network.nodes[:, 2].min() == pytest.approx(-6.0)
    assert (report.lost_voxels, report.removed_spurs, report.uncovered_voxels) == (0, 0, 0)
    half = skeleton.copy()
    half[20:] = False
    _, report = from_mask(painted(vessel, frame), frame, skeleton=half)
    assert report.uncovered_voxels > 0.3 * report.vessel_voxels
    assert network.lengths.max() <= 8.0 + 1e-9


def test_a_branch_is_one_node() -> None:
    frame = VoxelFrame.regular((3, 41, 41), 5.0)
    skeleton = lines_of(frame, (1, 20, 0), (1, 20, 20), (1, 0, 40))
    skeleton |= lines_of(frame, (1, 20, 20), (1, 40, 40))
    mask = np.zeros(frame.shape, dtype=bool)
    mask[1] = skeleton[1]
    network, _ = from_mask(mask, frame, skeleton=skeleton, max_segment="1 mm")
    assert network.num_segments == 3
    assert sorted(network.degrees.tolist()) == [1, 1, 1, 3]
    assert network.lengths.sum() == pytest.approx(5 * 20 * (1 + 2 * 2**0.5), rel=0.02)
    # A line of one voxel: its radius is half a voxel.
    np.testing.assert_allclose(network.diameter, 5.0)


def test_a_ring_closes() -> None:
    frame = VoxelFrame.regular((3, 30, 30), 4.0)
    skeleton = lines_of(frame, (1, 5, 5), (1, 5, 24), (1, 24, 24), (1, 24, 5), (1, 5, 5))
    network, _ = from_mask(skeleton, frame, skeleton=skeleton, spur=0.0)
    assert network.num_components == 1
    assert (network.degrees == 2).all()
    assert network.lengths.sum() == pytest.approx(4 * 19 * 4.0, rel=0.08)


def test_spurs_shorter_than_the_radius_are_removed() -> None:
    frame = VoxelFrame.regular((15, 31, 61), 2.0)
    vessel = VesselNetwork([[-50, 31, 15], [200, 31, 15]], [[0, 1]], [20])
    skeleton = lines_of(frame, (7, 15, 0), (7, 15, 60))
    bump = skeleton | lines_of(frame, (7, 15, 30), (7, 18, 30))
    network, report = from_mask(painted(vessel, frame), frame, skeleton=bump)
    assert report.removed_spurs == 1
    assert (network.degrees <= 2).all()
    kept, report = from_mask(painted(vessel, frame), frame, skeleton=bump, spur=0.0)
    assert report.removed_spurs == 0
    assert kept.degrees.max() == 3


def test_turned_grids_and_uneven_axes() -> None:
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    grid = Grid((5, 9, 30), ("2 um", "3 um", "4 um"), ([10.0, 20.0, 30.0], "um"), turn)
    skeleton = np.zeros(grid.shape, dtype=bool)
    skeleton[2, 4, :] = True
    network, _ = from_mask(skeleton, grid, skeleton=skeleton, max_segment="1 mm")
    ends = [grid.position([2, 4, 0]), grid.position([2, 4, 29])]
    np.testing.assert_allclose(np.sort(network.nodes, axis=0), np.sort(ends, axis=0), atol=1e-9)
    assert network.box is None


def test_wrong_masks_are_named() -> None:
    frame = VoxelFrame.regular((4, 5, 6), 2.0)
    line = np.zeros(frame.shape, dtype=bool)
    line[2, 2, :] = True
    with pytest.raises(DataError, match=r"KG-188.*shape \(4, 5\)"):
        from_mask(np.zeros((4, 5)), frame)
    with pytest.raises(DataError, match=r"KG-188.*no vessel voxel"):
        from_mask(np.zeros(frame.shape), frame)
    with pytest.raises(DataError, match=r"KG-188.*vessel voxels only"):
        from_mask(np.ones(frame.shape), frame)
    bad = line.astype(float)
    bad[1, 2, 3] = np.nan
    with pytest.raises(DataError, match=r"KG-188.*not finite in 1 voxels.*\[1, 2, 3\]"):
        from_mask(bad, frame)
    with pytest.raises(DataError, match=r"KG-188.*leaves the mask in 6 voxels"):
        from_mask(line, frame, skeleton=np.roll(line, 1, axis=1))
    dots = np.zeros(frame.shape, dtype=bool)
    dots[0, 0, 0] = dots[3, 4, 5] = True
    with pytest.raises(DataError, match=r"KG-188.*single voxels"):
        from_mask(dots, frame, skeleton=dots)
    uneven = VoxelFrame((np.array([0.0, 1, 3, 4, 5, 6, 7]), np.arange(6.0), np.arange(5.0)))
    with pytest.raises(DataError, match=r"KG-188.*along x is not even"):
        from_mask(line, uneven, skeleton=line)


def test_a_tree_is_found_again() -> None:
    """Painted and thinned by scikit-image, a fork keeps its lengths, radii and branch."""
    frame = VoxelFrame.regular((30, 90, 90), 2.0)
    fork = VesselNetwork(
        [[-40, 90.5, 30.5], [80, 90.5, 30.5], [150, 150, 30.5], [150, 30, 30.5]],
        [[0, 1], [1, 2], [1, 3]],
        [20, 14, 14],
    )
    mask = painted(fork, frame)
    if not HAS_SKIMAGE:
        with pytest.raises(MissingExtra, match=r'KG-901.*pip install "krogh\[imaging\]"'):
            from_mask(mask, frame)
        pytest.skip("scikit-image is not here; that from_mask says so was tested")
    network, report = from_mask(mask, frame)
    assert report.components == 1
    assert (network.degrees == 3).sum() == 1
    assert network.ends.size == 3
    branch = network.nodes[network.degrees == 3][0]
    assert np.linalg.norm(branch - [80, 90, 30]) < 8.0
    assert report.uncovered_voxels < 0.05 * report.vessel_voxels
    inside = 80.0 + 2 * np.hypot(70, 60)
    assert network.lengths.sum() == pytest.approx(inside, rel=0.1)
    trunk = network.subset(network.nodes[network.segments, 0].max(axis=1) < 60)
    assert trunk.diameter.mean() == pytest.approx(20.0, abs=2.0)


def odd_only(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the middle of each part along z if its widths are odd numbers of voxels, else none.

    As the thinning of scikit-image 0.26 does with straight vessels.
    """
    from scipy import ndimage

    found = np.zeros(mask.shape, dtype=bool)
    labels, count = ndimage.label(mask, np.ones((3, 3, 3)))
    for part in range(1, count + 1):
        _, y, x = np.nonzero(labels == part)
        if (np.ptp(y) + 1) % 2 and (np.ptp(x) + 1) % 2:
            found[:, (y.min() + y.max()) // 2, (x.min() + x.max()) // 2] = True
    return found


def test_straight_vessels_of_even_width_keep_a_line() -> None:
    from krogh.vessels.skeleton import _thinned

    mask = np.zeros((8, 30, 30), dtype=bool)
    mask[:, 2:7, 2:7] = True  # odd, odd
    mask[:, 12:18, 3:8] = True  # even, odd
    mask[:, 3:8, 12:18] = True  # odd, even
    mask[:, 20:26, 20:26] = True  # even, even
    lines = _thinned(mask, odd_only)
    assert odd_only(mask).sum() == 8
    places = {tuple(p) for p in np.argwhere(lines)[:, 1:]}
    assert places == {(4, 4), (14, 5), (5, 14), (22, 22)}
    assert not (lines & ~mask).any()


@pytest.mark.skipif(not HAS_SKIMAGE, reason="scikit-image is not installed")
@pytest.mark.parametrize("middle", [49.0, 50.0, 50.3])
def test_scikit_image_finds_straight_vessels_wherever_they_lie(middle: float) -> None:
    frame = VoxelFrame.regular((20, 40, 40), 2.0)
    vessel = VesselNetwork([[middle, middle, -9], [middle, middle, 99]], [[0, 1]], [12])
    network, report = from_mask(painted(vessel, frame), frame)
    assert network.lengths.sum() == pytest.approx(38.0, abs=4.0)
    np.testing.assert_allclose(network.nodes[:, :2], middle, atol=1.5)
    assert report.uncovered_voxels == 0
