"""Images: shapes, channels, masks, resampling, and what is refused.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from krogh.errors import DataError, SpecError, UnitError
from krogh.io import Fields, Image, match
from krogh.space import Grid

GRID = Grid((2, 3, 4), ("1 mm", "2 mm", "3 mm"), ("5 mm", "0 mm", "-5 mm"))


def ramp(grid: Grid, unit: str = "") -> Image:
    """Return an image whose value is 2 x + 3 y + 5 z of the place in mm."""
    z, y, x = np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij")
    places = grid.position(np.stack([z, y, x], axis=-1)) / 1000.0
    return Image(places @ [2.0, 3.0, 5.0], grid, unit, name="ramp")


def test_images_do_not_change():
    values = np.ones(GRID.shape)
    image = Image(values, GRID, "nM")
    values[0, 0, 0] = 7.0
    assert image.values[0, 0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        image.values[0, 0, 0] = 2.0
    with pytest.raises(AttributeError):
        image.unit = "mg"
    copy = pickle.loads(pickle.dumps(image))
    assert np.array_equal(copy.values, image.values)
    assert copy.unit == "nM"
    assert copy.grid == GRID


def test_channels_have_names():
    image = Image(np.stack([np.zeros(GRID.shape), np.ones(GRID.shape)]), GRID, channels=["a", "b"])
    assert image["b"].values.sum() == 24.0
    assert image["b"].name == "b"
    with pytest.raises(DataError, match=r"no channel 'c'.*It has a, b"):
        image["c"]
    with pytest.raises(DataError, match="two channels of image have one name"):
        Image(np.zeros((2, *GRID.shape)), GRID, channels=["a", "a"])


def test_sections_may_have_two_axes():
    grid = Grid((1, 3, 4), "1 um")
    assert Image(np.zeros((3, 4)), grid).values.shape == (1, 3, 4)
    channels = Image(np.zeros((2, 3, 4)), grid, channels=["a", "b"])
    assert channels.values.shape == (2, 1, 3, 4)


def test_values_that_do_not_fit_are_named():
    with pytest.raises(DataError, match=r"KG-231: image has the shape \(4, 3, 2\)"):
        Image(np.zeros((4, 3, 2)), GRID)
    with pytest.raises(DataError, match="KG-231: image holds complex128"):
        Image(np.zeros(GRID.shape, dtype=complex), GRID)
    with pytest.raises(DataError, match=r"needs a krogh.space.Grid, not tuple"):
        Image(np.zeros((1, 1, 1)), (1, 2, 3))
    with pytest.raises(UnitError, match="KG-120"):
        Image(np.zeros(GRID.shape), GRID, "frobs")


def test_nan_is_named_with_its_place():
    values = np.zeros(GRID.shape)
    values[1, 2, 3] = np.nan
    values[0, 0, 1] = np.inf
    image = Image(values, GRID, name="PET")
    place = r"voxel \(z 0, y 0, x 1\), \(6, 0, -5\) mm, and at 1 more voxels"
    with pytest.raises(DataError, match=f"KG-231: the PET is inf at {place}"):
        image.require_finite()
    where = np.ones(GRID.shape, dtype=bool)
    where[0, 0, 1] = where[1, 2, 3] = False
    image.require_finite(where)
    with pytest.raises(DataError, match="of channel 'b' is nan at voxel"):
        Image(np.stack([np.zeros(GRID.shape), values * np.nan]), GRID, channels=["a", "b"]).to(
            ""
        ).require_finite()


def test_masks_and_labels():
    labels = np.zeros(GRID.shape)
    labels[0] = 2.0
    image = Image(labels, GRID, name="lesions")
    assert image.mask().sum() == 12
    assert image.mask(2).sum() == 12
    with pytest.raises(DataError, match="KG-232: no voxel of the lesions has the label 3; it has"):
        image.mask(3)
    with pytest.raises(DataError, match="KG-232: the lesions is empty"):
        image.replaced(np.zeros(GRID.shape)).mask()
    with pytest.raises(DataError, match=r"no mask: nan at voxel \(z 0, y 0, x 0\)"):
        image.replaced(np.full(GRID.shape, np.nan)).mask()
    with pytest.raises(DataError, match="has channels"):
        Image(labels[None], GRID, channels=["a"]).mask()


def test_resampling_is_exact_for_what_is_linear():
    turn = np.array([[0.8, 0.0, -0.6], [0.0, 1.0, 0.0], [0.6, 0.0, 0.8]])
    source = ramp(
        Grid((12, 14, 16), ("2 mm", "1 mm", "3 mm"), ("-8 mm", "-3 mm", "4 mm"), turn), "nM"
    )
    inside = source.grid.position([5.0, 6.0, 7.0])
    grid = Grid((3, 4, 5), "0.7 mm", (inside, "um"))
    found = match(source, to=grid)
    assert found.unit == "nM"
    assert found.grid is grid
    assert np.allclose(found.values, ramp(grid).values, rtol=1e-12, atol=1e-9)
    assert np.array_equal(match(source, to=source).values, source.values)


def test_resampled_masks_stay_masks_and_outside_is_marked():
    coarse = Grid((2, 2, 2), "4 mm")
    labels = np.arange(1, 9, dtype=np.int16).reshape(2, 2, 2)
    fine = Grid((10, 8, 8), "1 mm")
    found = match(Image(labels, coarse, name="mask"), to=fine)
    assert found.values.dtype == np.int16
    expected = np.zeros(fine.shape, dtype=np.int16)
    expected[:8] = labels.repeat(4, 0).repeat(4, 1).repeat(4, 2)
    assert np.array_equal(found.values, expected)
    image = match(Image(labels.astype(float), coarse), to=fine)
    assert np.isnan(image.values[8:]).all()
    assert np.isfinite(image.values[:8]).all()
    with pytest.raises(DataError, match="KG-231: no voxel of the new grid lies within the mask"):
        match(Image(labels, coarse, name="mask"), to=Grid((1, 1, 1), "1 mm", "1 m"))
    with pytest.raises(SpecError, match="order must be 0"):
        match(image, to=coarse, order=3)
    flags = match(Image(labels > 4, coarse), to=fine)
    assert flags.values.dtype == bool


def test_fields_check_their_arrays():
    ok = np.zeros((2, *GRID.shape))
    fields = Fields(GRID, ([0, 6], "h"), {"a": (ok, "nM")}, descriptions={"a": "what it is"})
    assert fields.describe("a") == "what it is"
    assert fields["a"].dims == ("time", "z", "y", "x")
    assert fields["a"].coords["x"].tolist() == [5000.0, 6000.0, 7000.0, 8000.0]
    assert fields.at("0 h").times.tolist() == [0.0]
    assert fields.image("a", "360 min").unit == "nM"
    with pytest.raises(DataError, match="KG-231: the field 'a' has the shape"):
        Fields(GRID, ([0, 6], "h"), {"a": (ok[0], "")})
    with pytest.raises(SpecError, match="KG-119: times must be finite and ascend"):
        Fields(GRID, ([6, 0], "h"), {"a": (ok, "")})
    with pytest.raises(SpecError, match="a unit of time"):
        Fields(GRID, ([0, 6], "mm"), {"a": (ok, "")})
    with pytest.raises(SpecError, match=r"no field 'b'"):
        fields["b"]
    with pytest.raises(SpecError, match="KG-119: there is no record at 1 h; the nearest is 0 h"):
        fields.at("1 h")
