"""Grids of voxels: places, affines, and what differs between two of them.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from krogh.errors import DataError, UnitError
from krogh.space import Grid

TURN = np.array([[0.8, 0.0, -0.6], [0.0, -1.0, 0.0], [0.6, 0.0, 0.8]])


def test_faces_start_at_zero_unless_an_origin_is_given():
    grid = Grid((2, 3, 4), ("1 um", "2 um", "3 um"))
    assert grid.faces("x").tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert grid.centers("y").tolist() == [1.0, 3.0, 5.0]
    assert grid.faces(2).tolist() == [0.0, 3.0, 6.0]
    assert grid.num_voxels == 24
    assert grid.voxel_volume == 6.0
    assert np.array_equal(grid.corner, np.zeros(3))


def test_origin_is_the_center_of_the_first_voxel():
    grid = Grid((2, 3, 4), "2 mm", ("1 cm", "0 mm", "-5 mm"))
    assert np.allclose(grid.affine[:3, 3], [10.0, 0.0, -5.0])
    assert np.allclose(grid.position([0, 0, 0]), [10_000.0, 0.0, -5_000.0])
    assert np.allclose(grid.position([1, 2, 3]), [16_000.0, 4_000.0, -3_000.0])
    assert grid.faces("x")[0] == 9_000.0


def test_places_and_numbers_are_inverse_in_a_turned_grid():
    grid = Grid((5, 6, 7), ("1 mm", "2 mm", "3 mm"), ("3 mm", "4 mm", "5 mm"), TURN)
    numbers = np.random.default_rng(0).uniform(0.0, 5.0, (20, 3))
    assert np.allclose(grid.index(grid.position(numbers)), numbers)
    homogeneous = np.append(numbers[0, ::-1], 1.0)
    assert np.allclose(grid.affine @ homogeneous, np.append(grid.position(numbers[0]) / 1000.0, 1))
    local = grid.position([2, 3, 4]) @ grid.direction
    expected = [grid.centers("x")[4], grid.centers("y")[3], grid.centers("z")[2]]
    assert np.allclose(local, expected)
    assert grid.is_left_handed


def test_affine_is_kept_to_the_last_bit():
    affine = np.eye(4)
    affine[:3, :3] = (TURN * [0.7, 1.1, 3.3]).astype(np.float32)
    affine[:3, 3] = np.float32([-91.3, 12.7, 1.1])
    grid = Grid.from_affine((3, 4, 5), affine)
    assert np.array_equal(grid.affine, affine)
    assert np.allclose(grid.spacing, [700.0, 1100.0, 3300.0], rtol=1e-6)
    copy = pickle.loads(pickle.dumps(grid))
    assert copy == grid
    assert hash(copy) == hash(grid)
    assert np.array_equal(copy.affine, affine)
    again = Grid(grid.shape, (grid.spacing, "um"), (grid.origin, "um"), grid.direction)
    assert np.allclose(again.affine, affine, rtol=1e-12, atol=1e-12)
    assert not again.differences(grid)


@pytest.mark.parametrize(
    ("shape", "spacing", "origin", "direction", "text"),
    [
        ((2, 3), "1 mm", None, None, "three positive whole numbers"),
        ((2, 0, 3), "1 mm", None, None, "three positive whole numbers"),
        ((2, 3, 4.5), "1 mm", None, None, "three positive whole numbers"),
        ((2, 3, 4), ("1 mm", "0 mm", "1 mm"), None, None, "along y must be positive"),
        ((2, 3, 4), ([1, 1, -2], "mm"), None, None, "to flip an axis turn its column"),
        ((2, 3, 4), ([1, np.nan, 2], "mm"), None, None, "along y must be positive, found nan"),
        ((2, 3, 4), ([1, 2], "mm"), None, None, "needs x, y and z"),
        ((2, 3, 4), "1 mm", ([0, np.inf, 0], "mm"), None, "origin is not finite"),
        ((2, 3, 4), "1 mm", None, np.eye(3) * 2.0, "axis x must have length 1, found 2"),
        (
            (2, 3, 4),
            "1 mm",
            None,
            [[1, 0.6, 0], [0, 0.8, 0], [0, 0, 1]],
            "axes x and y are not orthogonal: they stand at 53.13 degrees",
        ),
        ((2, 3, 4), "1 mm", None, np.full((3, 3), np.nan), "3 x 3 finite numbers"),
    ],
)
def test_what_is_no_grid_is_named(shape, spacing, origin, direction, text):
    with pytest.raises(DataError, match=text) as error:
        Grid(shape, spacing, origin, direction)
    assert error.value.code == "KG-230"


def test_lengths_need_units():
    with pytest.raises(UnitError, match="KG-124: spacing needs a unit"):
        Grid((1, 1, 1), 2.0)
    with pytest.raises(UnitError, match="KG-124"):
        Grid((1, 1, 1), (1.0, 2.0, 3.0))
    with pytest.raises(UnitError, match="KG-121: spacing must be a length"):
        Grid((1, 1, 1), "2 s")


def test_affine_with_shear_or_without_volume_is_refused():
    shear = np.eye(4)
    shear[0, 1] = 0.3
    with pytest.raises(DataError, match="axes x and y are not orthogonal"):
        Grid.from_affine((2, 2, 2), shear)
    flat = np.diag([1.0, 0.0, 1.0, 1.0])
    with pytest.raises(DataError, match="the axis y no length"):
        Grid.from_affine((2, 2, 2), flat)
    with pytest.raises(DataError, match="last row"):
        Grid.from_affine((2, 2, 2), np.ones((4, 4)))


def test_differences_between_grids_are_named():
    grid = Grid((10, 20, 30), "2 mm")
    origin = (grid.origin, "um")
    cases = {
        "shape 10 x 20 x 30 vs 10 x 20 x 31": Grid((10, 20, 31), "2 mm"),
        "spacing 2 vs 4.07 mm; origin differs by 11 mm": Grid(
            (10, 20, 30), "4.07 mm", (grid.origin + np.array([11_000.0, 0.0, 0.0]), "um")
        ),
        "axis y runs the other way": Grid((10, 20, 30), "2 mm", origin, np.diag([1.0, -1.0, 1.0])),
        "axes x, y run the other way": Grid(
            (10, 20, 30), "2 mm", origin, np.diag([-1.0, -1.0, 1.0])
        ),
        "axes are in another order": Grid((10, 20, 30), "2 mm", origin, np.eye(3)[[1, 0, 2]]),
        "directions differ by 36.9 degrees": Grid(
            (10, 20, 30), "2 mm", origin, TURN @ np.diag([1.0, -1.0, 1.0])
        ),
    }
    for words, other in cases.items():
        with pytest.raises(DataError, match="KG-233: mask and image do not share") as error:
            grid.same_as(other, ("mask", "image"))
        assert words in str(error.value)
        assert "krogh.io.match(mask, to=image)" in str(error.value)


def test_single_precision_of_a_header_is_no_difference():
    affine = np.diag([0.6836, 0.6836, 1.25, 1.0])
    affine[:3, 3] = [-175.3, -312.7, 1033.9]
    grid = Grid.from_affine((300, 512, 512), affine)
    rounded = Grid.from_affine((300, 512, 512), affine.astype(np.float32).astype(float))
    grid.same_as(rounded)
    shifted = affine.copy()
    shifted[0, 3] += 0.01  # a sixtieth of a voxel
    with pytest.raises(DataError, match="origin differs by 10 um"):
        grid.same_as(Grid.from_affine((300, 512, 512), shifted))
