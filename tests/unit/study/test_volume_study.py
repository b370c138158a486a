"""Studies of tumours in 3-D: the four-level table over voxels, documents, changes, refusals.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import pickle
from typing import Any

import krogh as kg
import numpy as np
import pytest
from krogh.errors import Error
from krogh.space import Grid
from krogh.study import TumourResult
from krogh.vessels import generate

TARGETS = (
    "occupancy of HER2 >= 10 % in 50 % of viable cells",
    "depth of T-DM1 >= 20 um",
    "plasma Cmax of T-DM1 >= 100 nM",
    "plasma AUC of T-DM1 >= 4000 nM h",
)


def tumour() -> Any:
    return kg.tumour.generate(
        "NCI-N87", size="120 um", spacing="20 um", vessel_density="200 1/mm^2", diameter="10 um",
        seed=5,
    )  # fmt: skip


@pytest.fixture(scope="module")
def study() -> kg.Study:
    return kg.Study(
        ["T-DM1", "trastuzumab"],
        tumour(),
        "T-DM1 3.6 mg/kg + trastuzumab 10.8 mg/kg",
        targets=TARGETS,
        rtol=1e-2,
    )


@pytest.fixture(scope="module")
def result(study: kg.Study) -> Any:
    return study.run(times=["0 h", "6 h", "24 h"], progress=False)


def test_the_result_is_a_volume_with_the_four_levels(study, result):
    assert isinstance(result, TumourResult)
    assert isinstance(result, kg.volume.VolumeResult)
    levels = {row.level for row in result.rows()}
    assert levels == {1, 2, 3, 4}
    text = str(result)
    for words in (
        "NCI-N87 in a box of 120 um",
        "216 voxels",
        "cells with free T-DM1 >= Kd",
        "T-DM1 penetration depth (half of that beside the vessels)",
        "HER2 occupancy, mean",
        "cells alive",
        "well-mixed model ",
        "mass balance error",
        "what limits around a vessel of this density",
    ):
        assert words in text
    assert "<table>" in result._repr_html_()


def test_numbers_of_the_table_are_those_of_the_voxels(result):
    for k, at in ((1, "6 h"), (2, "24 h")):
        occupied = result.of_voxels("occupancy_HER2")[k]
        alive = result.of_voxels("viable")[k]
        share = 100.0 * ((occupied >= 0.9) * alive).sum() / alive.sum()
        assert result.value("occupancy:HER2", at) == pytest.approx(share, rel=1e-12)
        mean = 100.0 * np.average(occupied, weights=alive)
        assert result.value("mean occupancy:HER2", at) == pytest.approx(mean, rel=1e-12)
    away = result.tumour.wall_distance.reshape(-1)[result.problem.inside]
    total = result.of_voxels("total_TDM1")[-1]
    near = total[away < 20.0].mean()
    depth = result.value("depth:TDM1")
    beyond = [total[(away >= b) & (away < b + 20.0)].mean() / near for b in (0.0, 20.0, 40.0)]
    last = next(k for k, part in enumerate(beyond) if part <= 0.5)
    assert 20.0 * (last - 1) < depth < 20.0 * (last + 1)


def test_exposure_does_not_depend_on_the_times_that_are_kept(study, result):
    line = study.as_line().with_values({"settings.comparator": False, "settings.ranges": False})
    along = line.run(progress=False)
    for key in ("Cmax:TDM1", "AUC:TDM1", "AUC:trastuzumab", "last:TDM1"):
        assert result.value(key) == pytest.approx(along.value(key), rel=2e-3)
    times, curves = result.plasma_curves
    at_end = curves["Cp_TDM1"][times == 24.0][0]
    assert result.plasma["Cp_TDM1"].values[-1] == pytest.approx(at_end, rel=1e-3)


def test_targets_are_those_of_the_voxels(result):
    first, depth, plasma, area = result.targets
    occupied, alive = (result.of_voxels(n)[-1] for n in ("occupancy_HER2", "viable"))
    share = 100.0 * ((occupied >= 0.1) * alive).sum() / alive.sum()
    assert first.values[0] == pytest.approx(share, rel=1e-12)
    assert first.reached[0] == (share >= 50.0)
    assert depth.values[0] == pytest.approx(result.value("depth:TDM1"), rel=1e-12)
    assert plasma.reached[0]
    assert area.values[0] == pytest.approx(result.value("AUC:TDM1"), rel=1e-6)
    again = kg.dose.Target(TARGETS[0]).evaluate(result)
    assert again.values[0] == first.values[0]
    assert "yes" in str(result)


def test_without_gradients_the_means_are_those_of_one_voxel(study, result):
    mixed = result.comparator
    assert mixed.kind == "well-mixed"
    assert mixed.num_voxels == 1
    table = result.differences()
    assert "voxels" in table.columns
    mean = float(result.tumour.exchange.mean())
    (rates,) = {float(r) for r in mixed.problem.rates[0]}
    permeability = study.models[1].parameters["permeability_TDM1"].value.to("um/s")
    assert rates == pytest.approx(mean * permeability, rel=1e-9)
    alone = study.well_mixed(times=["0 h", "6 h", "24 h"])
    assert alone.value("mean occupancy:HER2") == mixed.value("mean occupancy:HER2")


def test_the_line_of_a_study_has_the_density_of_the_vessels(study):
    line = study.as_line()
    assert line.tumour_3d is None
    assert line.as_line() is line
    outer = line.shape.outer_radius.to("um")
    lengths = study.tumour_3d.voxels.inside_length.sum()
    volume = study.tumour_3d.tissue.sum() * 20.0**3
    assert outer == pytest.approx(1.0 / np.sqrt(np.pi * lengths / volume), rel=1e-5)
    assert line.shape.inner_radius.to("um") == pytest.approx(5.0)
    assert study.numbers().verdict == line.numbers().verdict


def test_what_needs_lines_says_so(study):
    for ask in (study.optimize, study.limits, study.line_arguments):
        with pytest.raises(Error, match=r"KG-112: \w+ needs a line.*as_line"):
            ask()
    with pytest.raises(Error, match="KG-112"):
        kg.tumour.lesion_map(study, vessel_density="60 1/mm^2", grid=Grid((1, 1, 2), "1 mm"))


def test_a_study_reads_back_from_its_text(study):
    text = study.to_toml()
    assert 'kind = "generate"' in text
    again = kg.Study.from_toml(text)
    assert again == study
    assert hash(again) == hash(study)
    np.testing.assert_array_equal(again.tumour_3d.exchange, study.tumour_3d.exchange)
    assert pickle.loads(pickle.dumps(study)) == study
    assert "Tumour3D" in str(study)
    assert "box" in study.title


def test_other_values_make_another_tumour(study):
    other = study.with_values(
        {
            "tumour.size": "160 um",
            "tumour.seed": "7",
            "tumour.HER2.receptors_per_cell": "5e5 molecules/cell",
            "trastuzumab.permeability": "1e-7 cm/s",
        }
    )
    assert other.tumour_3d.grid.shape == (8, 8, 8)
    assert other.tumour_3d.recipe["seed"] == 7
    assert "500000 molecules/cell" in other.to_toml()
    assert kg.Study.from_toml(other.to_toml()) == other
    assert study.with_values(tumour="NCI-N87").tumour_3d is None
    with pytest.raises(Error, match=r"KG-103: tumour\.sise is not a field.*'size'"):
        study.with_values({"tumour.sise": "160 um"})


def test_vessels_of_a_file_lie_beside_the_study(tmp_path):
    network = generate.poisson("100 um", "300 1/mm^2", diameter="10 um", seed=1)
    kg.vessels.write(network, tmp_path / "vessels.vtp")
    text = """
regimen = "3.6 mg/kg"
drug = "T-DM1"

[tumour]
name = "NCI-N87"
kind = "from_vessels"
vessels = "vessels.vtp"
spacing = "20 um"
"""
    (tmp_path / "study.toml").write_text(text, encoding="utf-8")
    study = kg.Study.load(tmp_path / "study.toml")
    assert study.tumour_3d.network.num_segments == network.num_segments
    assert kg.Study.from_toml(study.to_toml()) == study
    (tmp_path / "wrong.toml").write_text(text.replace("spacing", "spacin"), encoding="utf-8")
    with pytest.raises(Error, match=r"KG-103: tumour.spacin is not a field.*\n.*line 9"):
        kg.Study.load(tmp_path / "wrong.toml")
    made = kg.Study("T-DM1", kg.tumour.from_vessels(network, spacing="20 um"), "3.6 mg/kg")
    with pytest.raises(Error, match="KG-140: this tumour in 3-D was made of arrays"):
        made.to_toml()
    copy = pickle.loads(pickle.dumps(made))
    assert copy != made  # arrays are not compared
    assert copy.tumour_3d.network.num_segments == network.num_segments
    assert made == made.with_values({})


def test_a_tumour_that_draws_on_the_plasma_balances_the_dose():
    study = kg.Study("T-DM1", tumour(), "3.6 mg/kg", tumour_volume="0.2 mL", rtol=1e-2)
    found = study.run(times=["0 h", "24 h"], progress=False)
    assert any("dose of T-DM1" in amount for amount in found.balance["amount"])
    assert found.balance_error < 1e-9
    assert "of the dose" in str(found)


def test_a_given_medium_takes_the_place_of_the_body():
    study = kg.Study("T-DM1", tumour(), plasma={"T-DM1": "100 nM"}, until="6 h", rtol=1e-2)
    found = study.run(times=["0 h", "6 h"], progress=False)
    assert found.plasma["Cp_TDM1"].values.tolist() == [100.0, 100.0]
    assert found.value("Cmax:TDM1") == 100.0


def test_fewer_outputs_make_fewer_rows(study):
    small = study.with_values(targets=[])
    found = small.run(times=["0 h", "6 h"], record=["occupancy_HER2"], progress=False)
    assert {row.level for row in found.rows()} == {1, 3}
    with pytest.raises(Error, match="KG-153"):
        study.run(record=["uptake_TDM1"], progress=False)


def test_what_does_not_fit_is_said_before_the_run(study):
    with pytest.raises(Error, match=r"KG-103: simulate_volume has no option 'recrod'.*'record'"):
        study.run(recrod=["occupancy_HER2"])
    with pytest.raises(Error, match="KG-103: 'grid' is stated by the study"):
        study.run(grid=Grid((1, 1, 1), "1 um"))
    with pytest.raises(Error, match="KG-140: the setting 'cells' belongs to lines"):
        study.with_values({"settings.cells": 8}).run()
    line = kg.Study("T-DM1", "NCI-N87", "3.6 mg/kg")
    with pytest.raises(Error, match="KG-103: 'sides': options of a run belong to tumours in 3-D"):
        line.run(sides="closed")
    with pytest.raises(Error, match="KG-118: the table has no row 'occupancy:HER'"):
        study.run(times=["0 h", "6 h"], progress=False).value("occupancy:HER")


def test_another_method_is_asked_for_its_opinion():
    study = kg.Study("trastuzumab", tumour(), "3.6 mg/kg", until="2 h", rtol=1e-2, verify=True)
    found = study.run(times=["0 h", "2 h"], progress=False)
    assert found.verification is not None
    assert str(found.verification) in str(found)
    assert found.comparator.verification is None


def test_sides_have_no_well_mixed_counterpart(study):
    found = study.run(times=["0 h", "6 h"], sides="periodic", progress=False)
    assert found.comparator is None
    assert "no well-mixed model: sides given for the run" in str(found)


def test_pictures_and_files(result, tmp_path):
    pytest.importorskip("matplotlib")
    figure = result.plot(path=tmp_path / "levels.png")
    assert len(figure.axes) == 4
    assert (tmp_path / "levels.png").stat().st_size > 20_000
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert [t[0] for t in titles] == ["1", "2", "3", "4"]
    assert result.tumour.plot().axes[0].get_xlabel() == "x (µm)"
    path = result.save(tmp_path / "tumour.vti", time="24 h")
    assert kg.open(path)["occupancy_HER2"].values.shape == (1, 6, 6, 6)


def test_the_run_command_takes_a_tumour_in_3d(tmp_path, monkeypatch):
    from krogh.cli import app
    from typer.testing import CliRunner

    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    study = kg.Study("T-DM1", tumour(), "3.6 mg/kg", until="6 h", rtol=1e-2)
    study.save("study.toml")
    done = CliRunner().invoke(app, ["run", "study.toml", "--set", "tumour.seed=6"])
    assert done.exit_code == 0, done.output
    names = {p.name for p in (tmp_path / "krogh-study").iterdir()}
    assert names == {
        "table.csv",
        "distance.csv",
        "well_mixed.csv",
        "numbers.csv",
        "study_as_run.toml",
        "levels.png",
        "result.vtkhdf",
    }
    assert "seed = 6" in (tmp_path / "krogh-study" / "study_as_run.toml").read_text()
    assert "penetration depth" in done.output
