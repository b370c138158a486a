"""Vessels in voxels: lengths, surfaces, kernels, resolved vessels, turned grids.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from krogh.errors import DataError
from krogh.space.grid import Grid
from krogh.vessels import VesselNetwork, VoxelFrame, line_exchange


def random_network(count: int = 80, seed: int = 0) -> VesselNetwork:
    random = np.random.default_rng(seed)
    pairs = np.column_stack([np.arange(count - 1), np.arange(1, count)])
    return VesselNetwork(random.random((count, 3)) * 300.0, pairs, random.uniform(4, 9, count - 1))


@pytest.mark.parametrize("shape", [(30, 31, 32), (7, 13, 3), (1, 1, 1)])
def test_lengths_are_conserved(shape: tuple[int, int, int]) -> None:
    network = random_network()
    frame = VoxelFrame.regular(shape, np.array([300.0, 300.0, 300.0]) / shape[::-1])
    voxels = network.voxelize(frame)
    assert voxels.length.sum() == pytest.approx(network.lengths.sum(), rel=1e-12)
    np.testing.assert_allclose(voxels.inside_length, network.lengths, rtol=1e-12)
    surface = float((voxels.surface_density * frame.volumes).sum())
    assert surface == pytest.approx(network.surfaces.sum(), rel=1e-12)
    volume = float((voxels.volume_fraction * frame.volumes).sum())
    assert volume == pytest.approx(network.volumes.sum(), rel=1e-12)


def test_lengths_outside_and_inside_add_up() -> None:
    network = random_network(seed=4)
    frame = VoxelFrame.regular((8, 9, 10), 17.0, corner=(60.0, 70.0, 80.0))
    voxels = network.voxelize(frame)
    outside = voxels.pieces.length[voxels.pieces.voxel < 0].sum()
    assert outside > 0.0
    assert voxels.length.sum() + outside == pytest.approx(network.lengths.sum(), rel=1e-12)


def test_each_voxel_has_the_length_that_a_box_would_have() -> None:
    from krogh.vessels.statistics import clipped_lengths

    network = random_network(40, seed=2)
    faces = (np.array([0.0, 40, 110, 300]), np.array([0.0, 150, 300]), np.array([0.0, 90, 300]))
    length = network.voxelize(VoxelFrame(faces)).length
    for z, y, x in np.ndindex(length.shape):
        low = [faces[0][x], faces[1][y], faces[2][z]]
        high = [faces[0][x + 1], faces[1][y + 1], faces[2][z + 1]]
        expected = clipped_lengths(network, [low, high]).sum()
        assert length[z, y, x] == pytest.approx(expected, rel=1e-10, abs=1e-9)


def test_a_segment_in_a_face_counts_once() -> None:
    network = VesselNetwork(
        [[10, 10, 0], [10, 10, 40], [20, 0, 5], [20, 20, 5]], [[0, 1], [2, 3]], [5, 5]
    )
    voxels = network.voxelize(VoxelFrame.regular((4, 2, 2), 10.0))
    assert voxels.length[:, 1, 1].tolist() == [10.0 + 10.0, 10.0, 10.0, 10.0]
    assert voxels.length[0, 0, 1] == 10.0  # in the upper face of the grid
    assert voxels.length.sum() == 60.0


def test_a_turned_grid_gives_the_same_as_turned_vessels() -> None:
    network = random_network(30, seed=5)
    angle = 0.4
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]]
    )
    grid = Grid((10, 12, 14), ("20 um", "25 um", "30 um"), ([10.0, 12.5, 15.0], "um"))
    straight = network.voxelize(grid)
    placed = turn @ grid.origin + [500.0, -40.0, 7.0]
    turned_grid = Grid(grid.shape, (grid.spacing, "um"), (placed, "um"), turn)
    moved = network.replace(nodes=network.nodes @ turn.T + [500.0, -40.0, 7.0])
    turned = moved.voxelize(turned_grid)
    np.testing.assert_allclose(turned.length, straight.length, atol=1e-9)
    np.testing.assert_allclose(turned.distance(), straight.distance(), atol=1e-9)
    assert straight.frame.centers()[0].tolist() == grid.position([0, 0, 0]).tolist()


@pytest.mark.parametrize("spacing", [5.0, 10.0, 20.0])
def test_kernels_keep_lengths_and_lie_within_their_radius(spacing: float) -> None:
    network = VesselNetwork([[150, 150, 0], [150, 150, 300]], [[0, 1]], [4])
    frame = VoxelFrame.regular((int(300 / spacing),) * 3, spacing)
    voxels = network.voxelize(frame, kernel_radius="30 um")
    assert voxels.weights.sum() == pytest.approx(300.0, rel=1e-12)
    reach = 30.0 + spacing
    assert (voxels.distance()[voxels.surface_density > 0.0] <= reach).all()
    # Shares of a disc in strips, from the area of its segments.
    place = np.clip((frame.faces[0] - 150.0) / 30.0, -1.0, 1.0)
    strips = np.diff((place * np.sqrt(1.0 - place**2) + np.arcsin(place)) / np.pi)
    middle = 0.5 * (frame.faces[0][1:] + frame.faces[0][:-1]) - 150.0
    away = voxels.frame.centers()[:, :2] - 150.0
    square = (away**2).sum(axis=1).reshape(frame.shape)
    expected = 2.0 * float((strips * middle**2).sum())
    assert voxels.average(square)[0] == pytest.approx(expected, rel=0.03)


def test_kernels_at_the_border_lose_nothing() -> None:
    network = VesselNetwork([[1, 1, 0], [1, 1, 100]], [[0, 1]], [8])
    voxels = network.voxelize(VoxelFrame.regular((10, 10, 10), 10.0), kernel_radius="25 um")
    assert voxels.weights.sum() == pytest.approx(100.0, rel=1e-12)


def test_spread_and_average_are_adjoint() -> None:
    network = random_network(30, seed=8)
    frame = VoxelFrame.regular((15, 15, 15), 20.0)
    voxels = network.voxelize(frame, kernel_radius="25 um")
    random = np.random.default_rng(0)
    amount, field = random.random(network.num_segments), random.random(frame.shape)
    there = float((voxels.spread(amount) * frame.volumes * field).sum())
    back = float((amount * voxels.average(field) * voxels.inside_length).sum())
    assert there == pytest.approx(back, rel=1e-12)
    far = VesselNetwork([[900, 900, 900], [950, 900, 900]], [[0, 1]], [5]).voxelize(frame)
    assert np.isnan(far.average(field)).all()


def test_wide_vessels_are_resolved() -> None:
    network = VesselNetwork(
        [[100, 100, 0], [100, 100, 200], [100, 100, 90], [180, 100, 90]], [[0, 1], [2, 3]], [60, 6]
    )
    frame = VoxelFrame.regular((20, 20, 20), 10.0)
    voxels = network.voxelize(frame)
    assert voxels.resolved.tolist() == [True, False]
    assert voxels.lumen.sum() * 1000 == pytest.approx(np.pi * 900 * 200, rel=0.15)
    assert not (voxels.lumen & voxels.wall).any()
    assert (voxels.distance(wall=True)[voxels.wall] < 10.0).all()
    assert voxels.buried[1] == pytest.approx(30.0)
    rows = np.asarray(voxels.weights.sum(axis=1)).ravel()
    assert rows[0] == pytest.approx(200.0, rel=1e-12)
    assert rows[1] == pytest.approx(50.0, rel=1e-12)
    assert not np.any(voxels.surface_density[voxels.lumen])
    lines = network.voxelize(frame, resolve=False)
    assert not lines.lumen.any()
    assert lines.buried.sum() == 0.0


def test_short_pieces_of_a_wide_vessel_share_its_wall() -> None:
    whole = VesselNetwork([[100, 100, 0], [100, 100, 200]], [[0, 1]], [60])
    frame = VoxelFrame.regular((20, 20, 20), 10.0)
    cut = whole.subdivided("4 um").voxelize(frame)
    assert cut.weights.sum() == pytest.approx(200.0, rel=1e-12)
    np.testing.assert_array_equal(cut.wall, whole.voxelize(frame).wall)


def test_permeability_of_lines() -> None:
    # P R/(eps D) = 0.5, r0 = rho e^-1/4
    found = line_exchange(1.0, 10.0, 1.0, 5.0, kernel_radius=20.0)
    assert found == pytest.approx(1.0 / (1.0 + 0.5 * (np.log(4.0) - 0.25)))
    assert line_exchange(1e-3, 10.0, 0.24, 1.0, spacing=10.0) == pytest.approx(
        1e-3 / (1.0 + 1e-3 / 2.4 * np.log(1.9849)), rel=1e-4
    )
    with pytest.raises(DataError, match=r"KG-185.*vessel 1"):
        line_exchange(1.0, 10.0, 1.0, [1.0, 5.0], spacing=10.0)
    with pytest.raises(DataError, match=r"KG-185.*either"):
        line_exchange(1.0, 10.0, 1.0, 1.0)


def test_wrong_grids_are_named() -> None:
    network = random_network(5)
    with pytest.raises(DataError, match=r"KG-185.*a grid is needed"):
        network.voxelize((10, 10, 10))
    with pytest.raises(DataError, match=r"KG-185.*ascending"):
        VoxelFrame((np.array([0.0, 1.0]), np.array([1.0, 0.0]), np.array([0.0, 1.0])))
    with pytest.raises(DataError, match=r"KG-185.*orthogonal"):
        VoxelFrame.regular((2, 2, 2), 1.0, direction=np.ones((3, 3)))
    with pytest.raises(DataError, match=r"KG-185.*spacings"):
        VoxelFrame.regular((2, 2, 2), -1.0)
    with pytest.raises(DataError, match=r"KG-185.*kernel_radius"):
        network.voxelize(VoxelFrame.regular((2, 2, 2), 1.0), kernel_radius="-1 um")
