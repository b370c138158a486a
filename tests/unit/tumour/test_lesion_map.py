"""Lesion maps: what is refused and named, units, lesions, files, stopping.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import logging
from itertools import pairwise

import krogh as kg
import numpy as np
import pytest
from krogh.errors import DataError, SolverError, SpecError, UnitError
from krogh.io import Fields, Image, read
from krogh.space import Grid
from krogh.units import from_internal

GRID = Grid((2, 3, 4), "2 mm", ("10 mm", "20 mm", "30 mm"))


@pytest.fixture(scope="module")
def study() -> kg.Study:
    return kg.Study("trastuzumab", "NCI-N87", "3.6 mg/kg", until="24 h", cells=8, rtol=1e-2)


def density(value: float = 60.0) -> Image:
    return Image(np.full(GRID.shape, value), GRID, "1/mm^2", name="CD31")


def changed(image: Image, index: tuple[int, int, int], value: float) -> Image:
    values = np.array(image.values)
    values[index] = value
    return image.replaced(values)


def test_maps_have_units_times_and_the_grid_of_the_image(study):
    result = kg.tumour.lesion_map(study, vessel_density=density(), times=["6 h", "24 h"])
    occupancy = result["occupancy_HER2"]
    assert occupancy.dims == ("time", "z", "y", "x")
    assert occupancy.shape == (2, 2, 3, 4)
    assert occupancy.coords["time"].tolist() == [6.0, 24.0]
    assert result["total_trastuzumab"].unit == "nM"
    assert result["depth_trastuzumab"].unit == "um"
    assert result["amount_trastuzumab"].unit == "pmol"
    assert result.image("covered_HER2", "6 h").grid == GRID
    assert result.is_complete
    assert (result.status == 0).all()
    assert result.plasma["Cp_trastuzumab"].shape == (2,)
    assert "24 voxels solved" in str(result)
    assert "share of cells with HER2 occupancy" in result.describe("covered_HER2")
    with pytest.raises(SpecError, match="KG-118: there is no map 'occupancy_HER1'"):
        result["occupancy_HER1"]
    with pytest.raises(SpecError, match="KG-119: there is no record at 5 h"):
        result.image("covered_HER2", "5 h")


def test_units_of_images_are_converted(study):
    one = kg.tumour.lesion_map(study, vessel_density=density())
    other = kg.tumour.lesion_map(study, vessel_density=density().to("1/cm^2"))
    text = kg.tumour.lesion_map(study, vessel_density="60 1/mm^2", grid=GRID)
    array = kg.tumour.lesion_map(
        study, vessel_density=(np.full(GRID.shape, 60.0), "1/mm^2"), grid=GRID
    )
    for result in (other, text, array):
        found = result.of_voxels("total_trastuzumab")
        assert np.allclose(found, one.of_voxels("total_trastuzumab"), rtol=1e-12)


def test_receptors_are_target_density_by_the_density_of_cells(study):
    per_cell = 2e5
    own = kg.tumour.lesion_map(study, receptors_per_cell=f"{per_cell} molecules/cell", grid=GRID)
    factor = study.tumour.molecules_per_cell_and_nM
    by_density = kg.tumour.lesion_map(study, target_density=f"{per_cell / factor} nM", grid=GRID)
    assert np.allclose(own.of_voxels("occupancy_HER2"), by_density.of_voxels("occupancy_HER2"))
    half = study.tumour.cell_density.value
    number = float(half.split()[0])
    fewer = kg.tumour.lesion_map(
        study,
        receptors_per_cell=f"{per_cell} molecules/cell",
        cell_density=f"{0.5 * number} cells/mL",
        grid=GRID,
    )
    expected = kg.tumour.lesion_map(
        study, target_density=f"{0.5 * per_cell / factor} nM", grid=GRID
    )
    found = fewer.of_voxels("occupancy_HER2")
    assert np.allclose(found, expected.of_voxels("occupancy_HER2"), rtol=1e-9)


def test_mask_on_another_grid_is_refused(study):
    other = Grid(GRID.shape, "4.07 mm", ("21 mm", "20 mm", "30 mm"))
    mask = Image(np.ones(GRID.shape, dtype=bool), other, name="mask")
    with pytest.raises(DataError, match="KG-233: mask and vessel density do not share") as error:
        kg.tumour.lesion_map(study, vessel_density=density(), mask=mask)
    assert "spacing 2 vs 4.07 mm" in str(error.value) or "4.07 vs 2 mm" in str(error.value)
    flipped = Grid(GRID.shape, "2 mm", (GRID.origin, "um"), np.diag([-1.0, 1.0, 1.0]))
    mask = Image(np.ones(GRID.shape, dtype=bool), flipped, name="mask")
    with pytest.raises(DataError, match="axis x runs the other way"):
        kg.tumour.lesion_map(study, vessel_density=density(), mask=mask)


def test_voxels_that_cannot_be_are_named(study):
    place = r"voxel \(z 1, y 2, x 3\), \(16, 24, 32\) mm"
    cases = {
        np.nan: f"KG-231: the vessel density is nan at {place}",
        np.inf: f"KG-231: the vessel density is inf at {place}",
        0.0: f"KG-231: the vessel density is 0 1/mm\\^2 at {place}",
        -3.0: f"KG-231: the vessel density is -3 1/mm\\^2 at {place}",
        1e5: f"would reach to 1.784 um only .vessel density 1e\\+05 1/mm\\^2. at {place}",
    }
    for value, text in cases.items():
        with pytest.raises(DataError, match=text):
            kg.tumour.lesion_map(study, vessel_density=changed(density(), (1, 2, 3), value))
    target = changed(Image(np.full(GRID.shape, 100.0), GRID, "nM"), (1, 2, 3), -1.0)
    with pytest.raises(DataError, match=f"target_density_HER2 is -1 nM at {place}"):
        kg.tumour.lesion_map(study, target_density=target)


def test_what_lies_outside_of_the_mask_does_not_matter(study):
    mask = np.ones(GRID.shape, dtype=int)
    mask[1, 2, 3] = 0
    image = changed(density(), (1, 2, 3), np.nan)
    result = kg.tumour.lesion_map(study, vessel_density=image, mask=mask)
    found = result["occupancy_HER2"].values[-1]
    assert np.isnan(found[1, 2, 3])
    assert np.isfinite(found[mask == 1]).all()


def test_masks_that_are_none(study):
    with pytest.raises(DataError, match="KG-232: the mask is empty"):
        kg.tumour.lesion_map(study, vessel_density=density(), mask=np.zeros(GRID.shape, int))
    with pytest.raises(DataError, match=r"KG-232: the mask is no mask: 0\.5"):
        kg.tumour.lesion_map(study, vessel_density=density(), mask=np.full(GRID.shape, 0.5))
    with pytest.raises(DataError, match="has the label -2"):
        kg.tumour.lesion_map(study, vessel_density=density(), mask=np.full(GRID.shape, -2))
    with pytest.raises(DataError, match="KG-231: mask has the shape"):
        kg.tumour.lesion_map(study, vessel_density=density(), mask=np.ones((2, 2, 2)))


def test_units_and_names_are_checked(study):
    bare = Image(np.full(GRID.shape, 60.0), GRID)
    with pytest.raises(UnitError, match="KG-121: the vessel density"):
        kg.tumour.lesion_map(study, vessel_density=bare)
    with pytest.raises(UnitError, match="KG-124: the vessel density needs a unit"):
        kg.tumour.lesion_map(study, vessel_density=np.ones(GRID.shape), grid=GRID)
    with pytest.raises(SpecError, match=r"no parameter 'diffusivty_trastuzumab'.*Did you mean"):
        kg.tumour.lesion_map(
            study, vessel_density=density(), values={"diffusivty_trastuzumab": "1 um^2/s"}
        )
    with pytest.raises(SpecError, match="KG-112: 'V1_trastuzumab' belongs to the plasma"):
        kg.tumour.lesion_map(study, vessel_density=density(), values={"V1_trastuzumab": "1 mL"})
    with pytest.raises(SpecError, match="state the same"):
        kg.tumour.lesion_map(study, vessel_density=density(), values={"outer_radius": "60 um"})
    with pytest.raises(SpecError, match=r"permeability: this study has no 'T-DM1'"):
        kg.tumour.lesion_map(study, permeability={"T-DM1": "3e-7 cm/s"}, grid=GRID)
    with pytest.raises(DataError, match="where do the voxels lie"):
        kg.tumour.lesion_map(study, vessel_density="60 1/mm^2")
    channels = Image(np.ones((2, *GRID.shape)), GRID, "1/mm^2", channels=["a", "b"])
    with pytest.raises(DataError, match=r"has channels \(a, b\); take one"):
        kg.tumour.lesion_map(study, vessel_density=channels)
    with pytest.raises(SpecError, match="KG-119: maps are taken between 0 and the end"):
        kg.tumour.lesion_map(study, vessel_density=density(), times=["48 h"])


def test_studies_that_make_no_map(study):
    with pytest.raises(SpecError, match=r"KG-112: lesion_map needs a krogh.Study"):
        kg.tumour.lesion_map("T-DM1", vessel_density=density())
    sphere = kg.Study("trastuzumab", kg.tumour.spheroid(), "3.6 mg/kg")
    with pytest.raises(SpecError, match="is a sphere; the voxels of a lesion are cylinders"):
        kg.tumour.lesion_map(sphere, vessel_density=density())
    two_way = study.with_values(tumour_volume="0.2 mL")
    with pytest.raises(SpecError, match="the size of lesions follows from their voxels"):
        kg.tumour.lesion_map(two_way, vessel_density=density())


def test_conjugates_and_their_naked_antibody_share_the_wall():
    study = kg.Study("T-DM1", "NCI-N87", "3.6 mg/kg", until="6 h", cells=4, rtol=1e-2)
    tight = kg.tumour.lesion_map(study, permeability="3e-8 cm/s", grid=GRID)
    own = kg.tumour.lesion_map(study, vessel_density=None, grid=GRID)
    for drug in ("TDM1", "TDM1_naked"):
        found = tight.of_voxels(f"total_{drug}") / own.of_voxels(f"total_{drug}")
        assert np.all(found < 0.2)


def test_lesions_by_label_share_one_plasma(study):
    mask = np.ones(GRID.shape, dtype=int)
    mask[0] = 7
    values = np.full(GRID.shape, 60.0)
    values[0] = 120.0
    result = kg.tumour.lesion_map(study, vessel_density=(values, "1/mm^2"), mask=mask, grid=GRID)
    table = result.lesions()
    assert table["lesion"].tolist() == [1, 7]
    assert table["voxels"].tolist() == [12, 12]
    assert np.allclose(table["volume"], 12 * 0.008)
    assert table["covered_HER2"][1] >= table["covered_HER2"][0]
    total = result.of_voxels("amount_trastuzumab")[-1]
    assert np.isclose(table["amount_trastuzumab"].sum(), total.sum())


def test_amount_is_concentration_times_tissue(study):
    result = kg.tumour.lesion_map(study, vessel_density=density())
    concentration = result.of_voxels("total_trastuzumab")[-1, 0]  # nM, living cells all alike
    radius = 1.0 / np.sqrt(np.pi * 60e-6)
    tissue = 8e9 * (1.0 - (study.shape.inner_radius.to("um") / radius) ** 2)  # um^3
    expected = concentration * 1e-9 * tissue * 1e-15 * 1e12  # pmol
    assert np.isclose(result.of_voxels("amount_trastuzumab")[-1, 0], expected, rtol=1e-9)


def test_what_is_taken_of_the_dose_is_told(study, caplog):
    mass = float(study.drugs[0].molar_mass.value.split()[0])  # g/mol
    dosed = 3.6e-3 * 0.02 / mass * 1e9  # nmol in 20 g
    with caplog.at_level(logging.WARNING, "krogh"):
        result = kg.tumour.lesion_map(study, vessel_density=density())
    table = result.taken
    assert table["drug"].tolist() == ["trastuzumab"]
    assert np.isclose(table["dosed"][0], dosed, rtol=1e-6)
    assert np.isclose(table["share"][0], 100.0 * table["taken"][0] / dosed)
    # Nothing of an antibody is lost within a day but what is degraded: a little less is held.
    held = result.of_voxels("amount_trastuzumab")[-1].sum() * 1e-3
    assert held <= table["taken"][0] * 1.001
    assert "% of the dose of trastuzumab" in str(result)
    large = Grid((2, 3, 4), "8 mm")  # far more tissue than a mouse has
    values = np.full(GRID.shape, 60.0)
    with caplog.at_level(logging.WARNING, "krogh"):
        kg.tumour.lesion_map(study, vessel_density=(values, "1/mm^2"), grid=large)
    assert "the plasma does not feel it" in caplog.text
    medium = kg.Study(
        "trastuzumab", "NCI-N87", plasma={"trastuzumab": "10 nM"}, until="6 h", cells=4, rtol=1e-2
    )
    assert len(kg.tumour.lesion_map(medium, grid=GRID).taken) == 0


def test_taken_equals_the_line_that_the_plasma_feels_where_little_is_taken(study):
    """One voxel of a tenth of a cubic millimeter: one way and two ways agree to what is taken."""
    grid = Grid((1, 1, 1), "0.1 mm")
    result = kg.tumour.lesion_map(study, vessel_density="60 1/mm^2", grid=grid)
    arguments = study.line_arguments() | {"times": ([24.0], "h"), "tumour_volume": "1e-3 mm^3"}
    radius = str(kg.model.tissue.krogh_radius("60 1/mm^2"))
    line = kg.simulate_line(**arguments, values={"outer_radius": radius})
    entered = result.taken["taken"][0]
    inner = line.problem.number[0] * line._outcome.entered[0, -1, 0].sum()
    alone = from_internal(float(inner), "nmol")
    assert np.isclose(entered, alone, rtol=1e-5)
    found = result.of_voxels("occupancy_HER2")[0, 0]
    assert np.isclose(found, line.mean("occupancy_HER2").values[0, -1], rtol=1e-4)


def test_targets_become_maps():
    study = kg.Study(
        "trastuzumab",
        "NCI-N87",
        "3.6 mg/kg",
        until="24 h",
        cells=8,
        rtol=1e-2,
        targets=["occupancy >= 90 % in 50 % of viable cells", "plasma trough >= 5 ug/mL"],
    )
    values = np.full(GRID.shape, 1e6)
    values[1] = 1e4
    result = kg.tumour.lesion_map(study, receptors_per_cell=(values, "molecules/cell"), grid=GRID)
    reached = result["target_1_reached"].values[-1]
    assert (reached[1] == 1.0).all()
    assert (reached[0] == 0.0).all()
    assert result["target_1"].unit == "%"
    covered = 100.0 * result["covered_HER2"].values
    assert np.allclose(result["target_1"].values, covered)
    assert result["target_2"].unit == "ug/mL"
    # Each line solves the plasma along its own steps, to the tolerance.
    assert np.ptp(result["target_2"].values) < 1e-6 * result["target_2"].values.max()


def test_files_land_on_the_grid_of_the_image(study, tmp_path):
    mask = np.ones(GRID.shape, dtype=int)
    mask[0, 0, 0] = 0
    result = kg.tumour.lesion_map(study, vessel_density=density(), mask=mask, times=["6 h", "24 h"])
    pytest.importorskip("h5py", reason="krogh[std] is not installed")
    fields = read(result.save(tmp_path / "lesion.vtkhdf"))
    assert isinstance(fields, Fields)
    assert list(fields) == list(result)
    for name in result:
        assert np.array_equal(fields[name].values, result[name].values, equal_nan=True)
        assert fields[name].unit == result[name].unit
    again = kg.Study.from_toml(fields.facts["study"], "the file")
    assert again.title == study.title
    one = read(result.save(tmp_path / "lesion.vti", time="6 h"))
    assert np.array_equal(
        one["occupancy_HER2"].values[0], result["occupancy_HER2"].values[0], equal_nan=True
    )
    pytest.importorskip("nibabel", reason="krogh[imaging] is not installed")
    image = read(result.save(tmp_path / "occupancy.nii.gz", "occupancy_HER2"))
    GRID.same_as(image.grid)
    assert np.array_equal(image.values, result["occupancy_HER2"].values[-1], equal_nan=True)
    with pytest.raises(SpecError, match=r"KG-112: a file \.nii\.gz holds one image; say which"):
        result.save(tmp_path / "all.nii.gz")


def test_slices_are_drawn(study, tmp_path):
    pytest.importorskip("matplotlib", reason="krogh[std] is not installed")
    mask = np.zeros(GRID.shape, dtype=int)
    mask[1, 1:, 1:] = 1
    result = kg.tumour.lesion_map(study, vessel_density=density(), mask=mask)
    figure = result.plot_slices("occupancy_HER2", path=tmp_path / "slices.png")
    assert (tmp_path / "slices.png").stat().st_size > 5000
    pictures = [ax.images[0].get_array() for ax in figure.axes if ax.images][:3]
    assert pictures[0].shape == (3, 4)
    assert pictures[0].mask.sum() == 12 - mask[1].sum()  # through the slice of the lesion
    with pytest.raises(SpecError, match="KG-118: there is no map 'occupancy'"):
        result.plot_slices("occupancy")


def test_a_stopped_run_says_so(study):
    seen = []

    def stop(done: int, total: int, seconds: float) -> bool:
        seen.append((done, total))
        return done < 8

    result = kg.tumour.lesion_map(study, vessel_density=density(), batch=6, progress=stop)
    assert not result.is_complete
    assert all(total == 24 for _, total in seen)
    found = result.of_voxels("occupancy_HER2")[-1]
    assert np.isfinite(found[result.status == 0]).all()
    assert np.isnan(found[result.status == -1]).all()
    assert "NOT REACHED" in str(result)


def test_progress_counts_all_voxels(study):
    seen = []
    kg.tumour.lesion_map(
        study, vessel_density=density(), batch=5, progress=lambda *a: seen.append(a)
    )
    done = [d for d, _, _ in seen]
    assert done == sorted(done)
    assert seen[-1][:2] == (24, 24)
    assert all(later[2] >= sooner[2] for sooner, later in pairwise(seen))


def test_voxels_that_fail_are_named_and_the_others_kept(caplog):
    # At 4000 vessels per mm^2 the line takes half as many steps again as at 60.
    most = 30
    study = kg.Study(
        "trastuzumab", "NCI-N87", "3.6 mg/kg", until="24 h", cells=8, rtol=1e-2, max_steps=most
    )
    image = changed(density(), (1, 2, 3), 4000.0)
    with caplog.at_level(logging.WARNING, "krogh"):
        result = kg.tumour.lesion_map(study, vessel_density=image)
    assert len(result.failures) == 1
    failure = result.failures[0]
    assert failure.index == (1, 2, 3)
    assert np.allclose(failure.position, (16.0, 24.0, 32.0))
    assert "voxel (z 1, y 2, x 3), (16, 24, 32) mm at" in str(failure)
    assert "number of steps" in str(failure)
    assert "1 of 24 voxels failed" in caplog.text
    found = result.of_voxels("occupancy_HER2")[-1]
    assert np.isnan(found).sum() == 1
    assert result.is_complete
    assert "1 FAILED" in str(result)
    with pytest.raises(SolverError, match=r"KG-320: voxel \(z 1, y 2, x 3\)"):
        kg.tumour.lesion_map(study, vessel_density=image, on_failure="raise")
