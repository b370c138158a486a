"""Tumours from images: vessels, receptors, cells, grids, and what is refused.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import importlib.util
from typing import Any

import krogh as kg
import numpy as np
import pytest
from krogh.errors import Error
from krogh.io import Image, match, read
from krogh.space import Grid
from krogh.tumour.image_vessels import wall_areas
from krogh.units import parse_quantity
from krogh.vessels import VesselNetwork

HAS_SKIMAGE = importlib.util.find_spec("skimage") is not None
needs_skimage = pytest.mark.skipif(not HAS_SKIMAGE, reason="scikit-image is not installed")

SECTION = Grid((1, 60, 80), ("2 um", "2 um", "5 um"))


def discs(grid: Grid, places: list[tuple[float, float]], radius: float) -> Any:
    """Return the voxels within circles around places x, y, um."""
    x, y = np.meshgrid(grid.centers("x"), grid.centers("y"))
    found = np.zeros(grid.shape, dtype=bool)
    for px, py in places:
        found |= (x - px) ** 2 + (y - py) ** 2 <= radius**2
    return found


def section(**changes: Any) -> Image:
    """Return a section with four channels: vessels, cells and receptors that grow with x, drug."""
    x = np.broadcast_to(SECTION.centers("x"), SECTION.shape)
    vessels = discs(SECTION, [(40.0, 60.0), (120.0, 60.0)], 8.0)
    channels = {
        "CD31": np.where(vessels, 900.0, 40.0) + np.sin(x),
        "Hoechst": np.full(SECTION.shape, 300.0),
        "target": 1.0 + x / 80.0,
        "drug": x,
    } | changes
    return Image(np.stack(list(channels.values())), SECTION, channels=list(channels))


def tumour_of(image: Image, antigen: str = "NCI-N87", **options: Any) -> Any:
    return kg.tumour.from_image(image, **{"antigen": antigen, "threshold": 500.0, **options})


def test_a_section_is_one_layer_of_voxels_with_walls_and_receptors():
    tumour = tumour_of(section(), "NCI-N87")
    assert tumour.grid == SECTION
    assert tumour.network is None
    assert tumour.lumen.sum() == discs(SECTION, [(40.0, 60.0), (120.0, 60.0)], 8.0).sum()
    wall = tumour.exchange.sum() * SECTION.voxel_volume
    assert wall == pytest.approx(2 * 2 * np.pi * 8.0 * 5.0, rel=0.05)
    assert (tumour.exchange[tumour.lumen] == 0.0).all()
    density, unit = tumour.fields["target_density_HER2"]
    own = parse_quantity(tumour.tumour.target_values("HER2")["target_density"].value).to(unit)
    assert density[tumour.tissue].mean() == pytest.approx(own, rel=1e-12)
    x = np.broadcast_to(SECTION.centers("x"), SECTION.shape)
    ratio = density / (1.0 + x / 80.0)
    assert np.ptp(ratio[tumour.tissue]) < 1e-12 * ratio.max()
    cells, unit = tumour.fields["cell_density"]
    own = parse_quantity(tumour.tumour.cell_density.value).to(unit)
    np.testing.assert_allclose(cells[tumour.tissue], own)
    np.testing.assert_array_equal(tumour.measured["drug"].values, x)
    assert any("by the threshold 500" in note for note in tumour.notes)
    assert tumour.wall_distance[0, 30, 39] == pytest.approx(30.0, abs=2.0)


def test_it_runs_and_the_result_lies_on_the_image(tmp_path):
    image = section().replaced(section().values)
    tumour = tumour_of(image, "NCI-N87", spacing="4 um")
    assert tumour.grid.shape == (1, 30, 40)
    result = tumour.run("T-DM1", "3.6 mg/kg", times=([0.0, 24.0], "h"), rtol=1e-2, progress=False)
    assert "vessels from CD31" in str(result)
    assert result.ledger().largest < 1e-12
    assert result.num_voxels == int(tumour.tissue.sum())
    occupied = result["occupancy_HER2"].values[-1]
    assert occupied[0, 15, 13] > 2.0 * occupied[0, 1, 20]  # beside a vessel, and far from both
    table = result.against_distance("uptake_TDM1", width="10 um")
    assert table["median"][0] > 10.0 * table["median"][-1]
    whole = match(result.image("occupancy_HER2"), to=image, order=0)
    assert whole.grid == SECTION
    pytest.importorskip("nibabel")
    back = read(whole.save(tmp_path / "occupancy.nii.gz"))
    assert back.grid.differences(SECTION) == []
    np.testing.assert_allclose(back.values[0, 29, 27], occupied[0, 14, 13], rtol=1e-6)


def test_otsus_threshold_parts_vessels_from_tissue():
    tumour = tumour_of(section(), threshold=None)
    np.testing.assert_array_equal(tumour.lumen, tumour_of(section()).lumen)
    assert any("Otsu's threshold" in note for note in tumour.notes)
    with pytest.raises(Error, match="KG-232: the CD31 has one value everywhere"):
        tumour_of(section(CD31=np.full(SECTION.shape, 3.0)), threshold=None)


@needs_skimage
def test_a_stack_becomes_a_network_that_does_not_depend_on_the_voxels():
    grid = Grid((40, 40, 20), "2 um")
    vessel = np.zeros(grid.shape, dtype=bool)
    y, x = np.meshgrid(grid.centers("y"), grid.centers("x"), indexing="ij")
    vessel[:] = (x - 19.0) ** 2 + (y - 39.0) ** 2 <= 7.0**2
    surfaces = []
    for spacing in ("4 um", "10 um"):
        tumour = kg.tumour.from_image(Image(vessel, grid), spacing=spacing)
        assert tumour.network is not None
        assert tumour.network.lengths.sum() == pytest.approx(80.0, rel=0.1)
        surfaces.append(tumour.exchange.sum() * tumour.grid.voxel_volume)
    expected = 2.0 * np.pi * 7.0 * 80.0
    assert surfaces == pytest.approx([expected, expected], rel=0.2)
    walls = kg.tumour.from_image(Image(vessel, grid), way="walls")
    assert walls.exchange.sum() * grid.voxel_volume == pytest.approx(expected, rel=0.06)


@needs_skimage
def test_a_skeleton_that_misses_vessels_says_so(caplog):
    grid = Grid((40, 40, 40), "2 um")
    x, y = np.meshgrid(grid.centers("x"), grid.centers("y"))
    two = (np.hypot(x - 50.0, y - 50.0) <= 6.0) | (np.hypot(x, y - 20.0) <= 8.0)
    vessel = np.broadcast_to(two, grid.shape)  # one of them is cut in half by the border
    tumour = kg.tumour.from_image(Image(vessel, grid))
    assert any("way='walls' keeps their walls" in note for note in tumour.notes)
    assert "of the vessel voxels" in caplog.text


def test_walls_and_a_network_give_the_same_uptake():
    fine, coarse = Grid((10, 50, 50), "2 um"), Grid((2, 10, 10), "10 um")
    x, y = np.meshgrid(fine.centers("x"), fine.centers("y"))
    vessel = np.broadcast_to(np.hypot(x - 47.0, y - 51.0) <= 9.0, fine.shape)
    network = VesselNetwork([[47.0, 51.0, 0.0], [47.0, 51.0, 20.0]], [[0, 1]], [18.0])
    options = {"times": ([0.0, 24.0], "h"), "rtol": 1e-2, "progress": False}
    found = []
    image = Image(vessel, fine)
    for tumour in (
        kg.tumour.from_image(image, "NCI-N87", way="walls"),
        kg.tumour.from_image(image, "NCI-N87", way="walls", spacing="10 um"),
        kg.tumour.from_vessels(network, "NCI-N87", grid=coarse),
    ):
        result = tumour.run("trastuzumab", "10.8 mg/kg", **options)
        amount = result.mean("total_trastuzumab").values[-1] * result.num_voxels
        found.append(float(amount) * tumour.grid.voxel_volume)
    assert found[0] == pytest.approx(found[1], rel=1e-2)  # walls do not depend on the voxels
    assert found[1] == pytest.approx(found[2], rel=0.06)  # walls of 4.5 voxels: right to 5 %


@pytest.mark.parametrize("radius", [3.0, 6.0, 15.0])
def test_walls_have_the_area_of_what_they_bound(radius):
    """Steps of a sphere and of a slanted plane: raw faces are 50 % and 41 % too many."""
    n = 2 * int(radius) + 9
    z, y, x = np.meshgrid(*[np.arange(n) - n / 2 + 0.3] * 3, indexing="ij")
    ball = x**2 + y**2 + z**2 <= radius**2
    area = wall_areas(ball, ~ball, np.ones(3)).sum()
    assert area == pytest.approx(4.0 * np.pi * radius**2, rel=0.07 if radius < 5 else 0.03)
    wedge = x + y <= 0.0
    area = wall_areas(wedge, ~wedge, np.array([1.0, 1.0, 1.0])).sum()
    assert area == pytest.approx(n * n * np.sqrt(2.0), rel=0.06)


def test_walls_in_coarse_voxels_keep_their_area():
    fine = tumour_of(section(), spacing="2 um")
    for spacing in ("6 um", "10 um", "20 um"):
        coarse = tumour_of(section(), spacing=spacing)
        assert coarse.exchange.sum() * coarse.grid.voxel_volume == pytest.approx(
            fine.exchange.sum() * fine.grid.voxel_volume, rel=1e-12
        )
        assert (coarse.exchange[~coarse.tissue] == 0.0).all()


def test_a_density_of_vessels_in_place_of_an_image_of_them():
    number = Image(np.full(SECTION.shape, 100.0), SECTION, "1/mm^2", name="microvessels")
    tumour = kg.tumour.from_image(None, "NCI-N87", surface=number)
    np.testing.assert_allclose(tumour.exchange, 2.0 * np.pi * 8.0 * 1e-4)
    assert not tumour.has_distance
    with pytest.raises(Error, match="KG-166: where the vessels"):
        _ = tumour.wall_distance
    result = tumour.run(
        "T-DM1",
        "3.6 mg/kg",
        times=([0.0, 6.0], "h"),
        rtol=1e-2,
        progress=False,
    )
    assert "penetration depth" not in str(result)
    assert "well-mixed model agrees on coverage" in str(result)


def test_units_of_receptors_and_cells_hold_as_they_are():
    grid, per = Grid((1, 4, 6), "10 um"), np.linspace(1e5, 1e6, 24).reshape(1, 4, 6)
    surface = Image(np.full(grid.shape, 0.003), grid, "1/um")
    receptors = Image(per, grid, "molecules/cell", name="HER2 count")
    cells = Image(np.full(grid.shape, 2e8), grid, "cells/mL", name="nuclei count")
    tumour = kg.tumour.from_image(None, surface=surface, target=receptors, nuclei=cells)
    density, unit = tumour.fields["target_density_HER2"]
    assert unit == "nM"
    np.testing.assert_allclose(density, per * 2e11 / 6.02214076e14)
    alone = kg.tumour.from_image(None, surface=surface, nuclei=cells)
    own = parse_quantity(alone.tumour.target_values("HER2")["target_density"].value).to("nM")
    ratio = 2e8 / parse_quantity(alone.tumour.cell_density.value).to("cells/mL")
    np.testing.assert_allclose(alone.fields["target_density_HER2"][0], own * ratio)
    with pytest.raises(Error, match="KG-121: the drug has the unit"):
        kg.tumour.from_image(None, surface=surface, nuclei=Image(per, grid, "nM", name="drug"))


def test_the_mask_chooses_tissue_and_its_mean():
    labels = np.zeros(SECTION.shape, dtype=np.int64)
    labels[0, :, :40] = 1
    labels[0, :, 40:60] = 2
    tumour = tumour_of(section(), mask=Image(labels, SECTION), label=2)
    assert tumour.mask.sum() == 60 * 20
    density, unit = tumour.fields["target_density_HER2"]
    own = parse_quantity(tumour.tumour.target_values("HER2")["target_density"].value).to(unit)
    assert density[tumour.tissue].mean() == pytest.approx(own, rel=1e-12)
    assert (density[~tumour.mask] == 0.0).all()


def test_smoothing_makes_a_density_of_single_nuclei():
    spots = np.zeros(SECTION.shape)
    spots[0, 3::6, 3::6] = 1.0
    with pytest.raises(Error, match=r"KG-231: by the Hoechst there are no cells at voxel \(z 0"):
        tumour_of(section(Hoechst=spots))
    tumour = tumour_of(section(Hoechst=spots), smoothing="20 um")
    cells = tumour.fields["cell_density"][0][tumour.tissue]
    assert cells.max() < 1.25 * cells.min()


def test_the_patients_grid_is_kept(tmp_path):
    """An oblique, left-handed grid goes in and comes out, to the last bit of the affine."""
    nibabel = pytest.importorskip("nibabel")
    turn = np.array([[-0.8, 0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    grid = Grid((4, 12, 10), ("20 um", "20 um", "20 um"), ([3.0, -2.0, 1.0], "mm"), turn)
    surface = Image(np.full(grid.shape, 0.004), grid, "1/um", name="surface")
    path = surface.save(tmp_path / "surface.nii.gz")
    given = read(path, unit="1/um")
    tumour = kg.tumour.from_image(None, "NCI-N87", surface=given)
    result = tumour.run("T-DM1", "3.6 mg/kg", times=([0.0, 6.0], "h"), rtol=1e-2, progress=False)
    out = result.image("occupancy_HER2").save(tmp_path / "occupancy.nii.gz")
    np.testing.assert_array_equal(nibabel.load(out).affine, nibabel.load(path).affine)


OTHER = Grid((1, 60, 80), ("2 um", "2.5 um", "5 um"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask": Image(np.ones(OTHER.shape, bool), OTHER)}, r"KG-233: .*mask.*spacing 2"),
        ({"mask": Image(np.zeros(SECTION.shape, bool), SECTION)}, "KG-232: the .* is empty"),
        ({"mask": Image(np.full(SECTION.shape, 0.5), SECTION)}, "KG-232: the .* is no mask"),
        ({"label": 1}, "KG-112: a label needs the mask"),
        ({"vessels": "CD13"}, r"KG-231: .*no channel 'CD13'.*CD31"),
        ({"vessels": False}, "KG-231: from_image needs the vessels"),
        ({"threshold": 1e6}, "KG-232: by the threshold 1000000, no voxel"),
        ({"way": "skelton"}, "KG-103: way is .*skeleton"),
        ({"spacing": "3 um"}, "KG-166: a spacing of 3 um along x is no whole number"),
        ({"antigen": "HER3"}, "KG-103"),
        ({"target": {"EGFR": "target"}}, "KG-103: the tumour has no target 'EGFR'"),
        ({"target": 3}, "KG-112: target is the name of a channel"),
        ({"smoothing": "-1 um"}, "KG-108: smoothing"),
        ({"surface": Image(np.ones(SECTION.shape), SECTION, "nM")}, "KG-121: surface has the unit"),
        (
            {"surface": Image(np.ones(SECTION.shape), SECTION, "1/um"), "vessels": "CD31"},
            "KG-112: 'surface' and 'vessels'",
        ),
    ],
)
def test_what_is_wrong_is_said(options, message):
    with pytest.raises(Error, match=message):
        tumour_of(section(), **options)


@pytest.mark.parametrize("channel", ["CD31", "target", "Hoechst"])
def test_values_that_are_none_are_named_with_their_voxel(channel):
    values = np.array(section()[channel].values, dtype=np.float64)
    values[0, 7, 11] = np.nan
    with pytest.raises(Error, match=rf"KG-231: the {channel} is nan at voxel \(z 0, y 7, x 11\)"):
        tumour_of(section(**{channel: values}))
    if channel != "CD31":
        values[0, 7, 11] = -4.0
        with pytest.raises(Error, match=rf"KG-231: the {channel} is -4 at voxel \(z 0, y 7, x 11"):
            tumour_of(section(**{channel: values}))


def test_no_image_at_all():
    with pytest.raises(Error, match=r"KG-231: from_image needs a krogh\.io\.Image"):
        kg.tumour.from_image(None)
    with pytest.raises(Error, match=r"KG-231: the image is a krogh\.io\.Image or the path"):
        kg.tumour.from_image(3.0)


def test_a_study_in_a_file_names_images_beside_it(tmp_path):
    pytest.importorskip("tifffile")
    section().save(tmp_path / "section.ome.tif")
    text = """
regimen = "3.6 mg/kg"
drug = "T-DM1"
until = "6 h"

[tumour]
name = "NCI-N87"
kind = "from_image"
image = "section.ome.tif"
spacing = "8 um"
threshold = 500.0

[settings]
rtol = 1e-2
"""
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    study = kg.Study.load(tmp_path / "study.toml")
    assert study.tumour_3d.grid.shape == (1, 15, 20)
    assert kg.Study.from_toml(study.to_toml()) == study
