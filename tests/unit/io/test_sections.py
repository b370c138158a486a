"""Serial sections: known turns and shifts are found, errors of sections left out are honest.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from krogh.errors import DataError, SpecError, UnitError
from krogh.io import Image, register_sections
from krogh.space import Grid

SIZE = (72, 80)
PIXEL = 2.0  # um
COUNT = 5
GRID = Grid((1, *SIZE), f"{PIXEL} um")


def tissue(x: np.ndarray, y: np.ndarray, z: float, seed: int = 2) -> np.ndarray:
    """Return a smooth tissue of blobs that changes slowly from section to section."""
    rng = np.random.default_rng(seed)
    found = np.zeros_like(x)
    for _ in range(120):
        cx, cy, cz = rng.uniform(-80, 80), rng.uniform(-72, 72), rng.uniform(-20, 40)
        width = rng.uniform(5.0, 10.0)
        found += rng.uniform(0.3, 1.0) * np.exp(
            -((x - cx) ** 2 + (y - cy) ** 2) / (2 * width**2) - (z - cz) ** 2 / (2 * 60.0**2)
        )
    return found


def section(angle: float, shift: tuple[float, float], z: float) -> np.ndarray:
    """Return the tissue as it lies on a slide: turned about its center, then moved, um."""
    rows, columns = np.meshgrid(*(np.arange(n) for n in SIZE), indexing="ij")
    x = (columns - 0.5 * (SIZE[1] - 1)) * PIXEL - shift[0]
    y = (rows - 0.5 * (SIZE[0] - 1)) * PIXEL - shift[1]
    a = np.radians(angle)
    return tissue(np.cos(a) * x + np.sin(a) * y, -np.sin(a) * x + np.cos(a) * y, z)


ANGLES = np.array([-12.0, 25.0, 0.0, -40.0, 8.0])
SHIFTS = np.array([[9.0, -5.0], [-12.0, 4.0], [0.0, 0.0], [6.0, 11.0], [-7.0, -8.0]])


@pytest.fixture(scope="module")
def slides() -> list[Image]:
    found = []
    for k in range(COUNT):
        nuclei = section(ANGLES[k], tuple(SHIFTS[k]), 5.0 * k)
        found.append(
            Image(
                np.stack([nuclei, 2.0 * nuclei + 1.0])[:, None],
                GRID,
                "",
                channels=["Hoechst", "drug"],
            )
        )
    return found


@pytest.fixture(scope="module")
def registered(slides):
    return register_sections(slides, "5 um", channel="Hoechst")


def test_turns_and_shifts_are_found(registered):
    assert np.allclose(registered.angles, -ANGLES, atol=0.3)
    # Turned back about the middle, the shift is turned with the section.
    turn = np.radians(-ANGLES)
    back = np.stack(
        [
            -(np.cos(turn) * SHIFTS[:, 0] - np.sin(turn) * SHIFTS[:, 1]),
            -(np.sin(turn) * SHIFTS[:, 0] + np.cos(turn) * SHIFTS[:, 1]),
        ],
        axis=1,
    )
    assert np.allclose(registered.shifts, back, atol=0.5)  # a quarter of a pixel


def test_the_volume_is_the_tissue(registered):
    image = registered.image
    assert image.channels == ("Hoechst", "drug")
    assert image.grid.shape == (COUNT, *SIZE)
    assert np.allclose(image.grid.spacing, [PIXEL, PIXEL, 5.0])
    for k in range(COUNT):
        truth = section(0.0, (0.0, 0.0), 5.0 * k)
        found = image["Hoechst"].values[k]
        known = np.isfinite(found)
        assert known.mean() > 0.6
        error = np.sqrt(np.mean((found - truth)[known] ** 2)) / truth.std()
        assert error < 0.05
        assert np.allclose(image["drug"].values[k][known], 2.0 * found[known] + 1.0)


def test_sections_left_out_tell_the_error(registered, slides):
    assert np.isnan(registered.held_out[[0, -1]]).all()
    assert np.isnan(registered.closure[[0, -1]]).all()
    assert registered.held_out[1:-1].max() < 0.1
    assert registered.closure[1:-1].max() < 1.0
    assert "sections left out: median error" in str(registered)
    # A section of other tissue is found out.
    wrong = list(slides)
    rng = np.random.default_rng(7)
    noise = np.cumsum(np.cumsum(rng.normal(size=SIZE), axis=0), axis=1)
    wrong[1] = Image(np.stack([noise, noise])[:, None], GRID, "", channels=["Hoechst", "drug"])
    found = register_sections(wrong, "5 um", channel="Hoechst")
    assert found.held_out[1] > 0.5
    assert found.held_out[3] < 0.1  # neither of its neighbors is the wrong one
    assert found.similarity[1] < 0.9 < registered.similarity[1]


def test_sections_that_do_not_fit_are_named(slides):
    with pytest.raises(DataError, match="KG-235: two sections at least"):
        register_sections(slides[:1], "5 um")
    with pytest.raises(SpecError, match=r"KG-112: by which channel.*Hoechst, drug"):
        register_sections(slides, "5 um")
    with pytest.raises(UnitError, match="KG-121: thickness"):
        register_sections(slides, "5 s", channel="Hoechst")
    small = Image(np.ones((1, 5, 6)), Grid((1, 5, 6), "2 um"))
    with pytest.raises(DataError, match=r"KG-235: section 1 .* does not fit section 0"):
        register_sections([slides[0]["Hoechst"], small], "5 um")
    with pytest.raises(DataError, match="KG-231: section 1 has no contrast"):
        register_sections([slides[0]["Hoechst"], Image(np.ones((1, *SIZE)), GRID)], "5 um")
    oblong = Grid((1, *SIZE), ("1 um", "2 um", "2 um"))
    flat = [Image(s["Hoechst"].values, oblong) for s in slides[:2]]
    with pytest.raises(DataError, match="KG-235: the pixels are not square"):
        register_sections(flat, "5 um")
