"""Results of studies: the table and its numbers, several lines, files, pictures, comparator.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import krogh as kg
import numpy as np
import pytest
from krogh.errors import MissingExtra, SpecError
from krogh.study import Study, StudyResult
from krogh.study.levels import area_under, table_text
from krogh.study.statistics import half_depth, mean, quantile, share_at_least

TARGETS = ["occupancy >= 90 % in 90 % of viable cells", "plasma trough >= 5 ug/mL"]


@pytest.fixture(scope="module")
def result() -> StudyResult:
    """T-DM1 3.6 mg/kg around a vessel of an NCI-N87 tumour, 24 h."""
    return Study("T-DM1", "NCI-N87", "3.6 mg/kg", targets=TARGETS).run()


@pytest.fixture(scope="module")
def mixture() -> StudyResult:
    """With three parts of trastuzumab, coarser."""
    study = Study(
        ["T-DM1", "trastuzumab"],
        "NCI-N87",
        "T-DM1 3.6 mg/kg + trastuzumab 10.8 mg/kg",
        cells=32,
        comparator=False,
    )
    return study.run()


def many() -> StudyResult:
    study = Study("T-DM1", "NCI-N87", "3.6 mg/kg", cells=16, targets=TARGETS)
    rng = np.random.default_rng(1)
    return study.run(
        values={
            "permeability_TDM1": (np.geomspace(5e-8, 5e-7, 20), "cm/s"),
            "outer_radius": (rng.uniform(40.0, 90.0, 20), "um"),
        }
    )


# --- the table ------------------------------------------------------------------------------------


def test_the_table_has_four_levels_with_values_targets_and_verdicts(result: StudyResult) -> None:
    text = str(result)
    lines = text.split("\n")
    assert lines[0].startswith("T-DM1 3.6 mg/kg · mouse 20 g · NCI-N87 · 24 h · ")
    assert re.search(r" s on \d+ threads?$", lines[0])
    assert lines[1].split() == ["level", "measure", "value", "target", "reached"]
    for level in ("1 systemic", "2 tissue", "3 engagement", "4 effect"):
        assert sum(line.startswith(level) for line in lines) == 1
    assert re.search(r"viable cells with occupancy >= 90 % +0 % +>= 90 % +no", text)
    assert re.search(r"plasma trough +\S+ ug/mL +>= 5 ug/mL +yes", text)
    assert "mass balance error" in text
    assert re.search(r"steps [\d,]+ \(rejected \d+\)", text)
    assert "what limits: supply through the vessel wall" in text
    assert "well-mixed model over-predicts coverage" in text


def test_numbers_of_the_table_are_those_of_the_arrays(result: StudyResult) -> None:
    occupancy = result["occupancy_HER2"].values[0, -1]
    volumes = result.volumes.values[0]
    viable = result["viable"].values[0, -1]
    weights = volumes * viable
    assert result.value("mean occupancy:HER2") == pytest.approx(
        100.0 * np.average(occupancy, weights=weights)
    )
    assert result.value("Cmax:TDM1") == result["Cp_TDM1"].values.max()
    assert result.value("viable") == pytest.approx(100.0 * np.average(viable, weights=volumes))
    assert result.value("mean uptake_TDM1") == pytest.approx(
        np.average(result["uptake_TDM1"].values[0, -1], weights=weights)
    )
    table = result.table()
    assert list(table) == ["level", "measure", "value", "unit", "target", "reached", "key"]
    for row in table.rows():
        assert row["value"] == result.value(row["key"])
    assert len(table) == len(result.rows())


def test_line_table_and_target_count_cells_alike() -> None:
    text = "occupancy of HER2 >= 90 % in 50 % of cells"
    study = kg.Study(
        ["T-DM1", "trastuzumab"], "NCI-N87", "T-DM1 3.6 mg/kg + trastuzumab 29 mg/kg",
        until="24 h", targets=[text], comparator=False, ranges=False,
    )  # fmt: skip
    found, line = study.run(), kg.simulate_line(**study.line_arguments())
    share = line.fraction_of_cells("occupancy_HER2", at_least="90 %").values[0, -1]
    assert 0.0 < share < 1.0
    assert 100.0 * share == pytest.approx(float(found.targets[0].values[0]), rel=1e-12)
    alive = {"weights": "viable"} if "viable" in found else {}
    median = line.quantile("occupancy_HER2", 0.5, **alive).values[0, -1]
    assert 100.0 * median == pytest.approx(found.value("median occupancy:HER2"), rel=1e-12)


def test_an_earlier_time_has_its_own_table(result: StudyResult) -> None:
    early, late = (result.value("depth:TDM1", at=at) for at in ("6 h", "24 h"))
    assert early != late
    assert result.value("AUC:TDM1", at="6 h") < result.value("AUC:TDM1")
    with pytest.raises(SpecError, match=r"KG-119: .*was not recorded"):
        result.rows(at="6.123456 h")
    with pytest.raises(SpecError, match=r"KG-118: .*Did you mean 'depth:TDM1'"):
        result.value("dept:TDM1")


def test_the_amounts_balance(result: StudyResult, mixture: StudyResult) -> None:
    for found in (result, mixture):
        assert found.balance_error < 1e-10
        assert "F_TDM1" in str(found.ledger)


def test_the_plasma_is_that_of_the_systemic_model(result: StudyResult) -> None:
    systemic, _ = result.study.models
    alone = kg.simulate(systemic, result.study.regimen, until="24 h", weight="20 g", rtol=1e-8)
    area = alone.exposure("Cp_TDM1", "whole")["AUC"][0]
    own = result.value("AUC:TDM1")
    assert result["Cp_TDM1"].unit == "nM"
    assert own == pytest.approx(area if alone.time_unit == "h" else area / 3600.0, rel=2e-4)


def test_a_second_drug_on_the_same_target_widens_the_front(
    result: StudyResult, mixture: StudyResult
) -> None:
    assert mixture.value("depth:TDM1") > 1.5 * result.value("depth:TDM1")
    assert {"Cmax:TDM1", "Cmax:trastuzumab"} <= {row.key for row in mixture.rows()}
    assert mixture.comparator is None
    with pytest.raises(SpecError, match="KG-118: the comparator was not run"):
        mixture.differences()


def test_outputs_have_names_units_and_suggestions(result: StudyResult) -> None:
    array = result["free_TDM1"]
    assert array.dims == ("line", "time", "cell")
    assert array.unit == "nM"
    assert "free_TDM1" in result
    assert set(result) == {*result.tissue, *result.plasma}
    with pytest.raises(SpecError, match=r"KG-118: .*Did you mean 'free_TDM1'"):
        _ = result["fre_TDM1"]


# --- several lines --------------------------------------------------------------------------------


def test_several_lines_give_medians_ranges_and_shares_of_lines() -> None:
    found = many()
    assert found.num_lines == 20
    depth = next(row for row in found.rows() if row.key == "depth:TDM1")
    assert depth.values.shape == (20,)
    assert " .. " in depth.text
    verdicts = [row.reached_text for row in found.rows() if row.target]
    assert verdicts
    assert all(text.endswith("% of lines") for text in verdicts)
    assert list(found.table())[2:5] == ["value", "5 %", "95 %"]
    alone = found.sel(line=3)
    assert alone.num_lines == 1
    assert alone.value("depth:TDM1") == depth.values[3]
    assert alone.targets[0].values == found.targets[0].values[3]
    assert found.comparator is not None
    assert found.comparator.num_lines == 20
    with pytest.raises(SpecError, match="KG-118: no line 20"):
        found.sel(line=20)


def test_a_line_of_many_is_the_line_alone() -> None:
    study = Study("T-DM1", "NCI-N87", "3.6 mg/kg", cells=16, times=["0 h", "6 h", "24 h"])
    permeability, radius = np.geomspace(5e-8, 5e-7, 9), np.linspace(40.0, 90.0, 9)

    def of(part: slice) -> StudyResult:
        values = {
            "permeability_TDM1": (permeability[part], "cm/s"),
            "outer_radius": (radius[part], "um"),
        }
        return study.run(values=values)

    several, one = of(slice(None)), of(slice(7, 8))
    for name in ("occupancy_HER2", "payload_TDM1"):
        np.testing.assert_array_equal(one[name].values[0], several[name].values[7])
    assert one.comparator is not None
    assert several.comparator is not None
    np.testing.assert_allclose(
        one.comparator["total_TDM1"].values[0], several.comparator["total_TDM1"].values[7]
    )


def test_what_a_tumour_takes_up_leaves_the_plasma() -> None:
    plain = Study("T-DM1", "NCI-N87", "3.6 mg/kg", cells=16, comparator=False)
    drawn = plain.with_values(tumour_volume="0.3 mL")
    lost = plain.run()["Cp_TDM1"].values[0, -1] - drawn.run()["Cp_TDM1"].values[0, -1]
    assert lost > 1.0


# --- given concentrations ---


def test_a_spheroid_in_a_medium_that_is_held() -> None:
    study = Study("trastuzumab", "SK-BR-3 spheroid", plasma={"trastuzumab": "100 nM"}, cells=32)
    found = study.run()
    np.testing.assert_allclose(found["Cp_trastuzumab"].values, 100.0)
    assert found.value("AUC:trastuzumab") == pytest.approx(2400.0)
    free = found["free_trastuzumab"].values[0, -1]
    near, far = np.argmin(found.distance.values[0]), np.argmax(found.distance.values[0])
    assert free[near] == pytest.approx(100.0, rel=0.1)
    assert free[far] < free[near]
    assert "trastuzumab held at 100 nM · SK-BR-3 spheroid · 24 h" in str(found)
    assert "no well-mixed model" in str(found)
    with pytest.raises(SpecError, match="KG-141: the plasma of this study is given"):
        study.optimize(reach="free >= 1 nM in 50 % of cells")


def test_a_given_curve_is_followed_between_its_points() -> None:
    curve = (([0, 6, 24], "h"), [60, 30, 20], "ug/mL")
    study = Study("T-DM1", "NCI-N87", plasma={"T-DM1": curve}, cells=12, ranges=False)
    found = study.run()
    per = 1e6 / 148781.0  # nM in a ug/mL of T-DM1
    expected = np.interp(found.times.values, [0.0, 6.0, 24.0], [60.0, 30.0, 20.0]) * per
    np.testing.assert_allclose(found["Cp_TDM1"].values[0], expected, rtol=2e-3)
    given = kg.simulate_line(
        study.models[1],
        study.shape,
        plasma={
            "Cp_TDM1": (([0, 6, 24], "h"), np.array([60.0, 30.0, 20.0]) * per, "nM"),
            "Cp_TDM1_naked": (([0, 24], "h"), [0.0, 0.0], "nM"),
        },
        times=(found.times.values, "h"),
    )
    whole = given["occupancy_HER2"].values[0, -1]
    np.testing.assert_allclose(found["occupancy_HER2"].values[0, -1], whole, rtol=0.01, atol=1e-4)
    assert found.comparator is not None


# --- the comparator -------------------------------------------------------------------------------


def test_the_well_mixed_model_over_predicts_coverage(result: StudyResult) -> None:
    mixed = result.study.well_mixed()
    assert mixed.kind == "well-mixed"
    assert mixed.num_cells == 1
    share = result.value("uptake_TDM1")
    assert share < 50.0
    assert mixed.value("uptake_TDM1") == 100.0
    means = [r.value("mean uptake_TDM1") for r in (result, mixed)]
    assert means[1] == pytest.approx(means[0], rel=0.2)
    table = result.differences().where(measure="cells with T-DM1 uptake >= 1e5")
    assert table["difference"][0] == pytest.approx(100.0 - share)
    assert "no gradients" in str(mixed)


def test_the_well_mixed_model_has_the_same_plasma(result: StudyResult) -> None:
    assert result.comparator is not None
    np.testing.assert_allclose(
        result.comparator["Cp_TDM1"].values, result["Cp_TDM1"].values, rtol=5e-3
    )


# --- statistics -----------------------------------------------------------------------------------


def test_statistics_of_a_known_profile() -> None:
    cells = 2000
    x = (np.arange(cells) + 0.5) / cells
    weights = np.full(cells, 1.0 / cells)
    falling = np.exp(-3.0 * x)[None]
    assert share_at_least(falling, weights, np.array([0.5]))[0] == pytest.approx(
        np.log(2.0) / 3.0, abs=1e-6
    )
    assert quantile(falling, weights, 0.25)[0] == pytest.approx(np.exp(-3.0 * 0.75), rel=1e-5)
    assert mean(falling, weights)[0] == pytest.approx((1.0 - np.exp(-3.0)) / 3.0, rel=1e-6)
    depth, reached = half_depth(falling, x[None])
    assert reached[0]
    assert depth[0] == pytest.approx(np.log(2.0) / 3.0, abs=3e-4)
    flat = np.exp(-0.1 * x)[None]
    depth, reached = half_depth(flat, x[None])
    assert not reached[0]
    assert depth[0] == pytest.approx(1.0)
    assert np.isnan(mean(falling, np.zeros(cells))[0])


def test_the_area_under_an_exponential_is_exact() -> None:
    times = np.array([0.0, 0.3, 1.0, 4.0])
    curve = np.exp(-2.0 * times)[None]
    assert area_under(times, curve)[0] == pytest.approx(0.5 * (1.0 - np.exp(-8.0)), rel=1e-12)
    rising = np.array([[0.0, 1.0, 3.0]])
    assert area_under(np.array([0.0, 1.0, 2.0]), rising)[0] == pytest.approx(2.5)


def test_a_depth_that_is_not_reached_is_shown_as_a_bound() -> None:
    study = Study("T-DM1", "HER2 1+", "36 mg/kg", until="72 h", cells=16, comparator=False)
    row = next(r for r in study.run().rows() if r.key == "depth:TDM1")
    assert row.at_least is not None
    assert row.at_least[0]
    assert row.text.startswith("> ")


# --- files ----------------------------------------------------------------------------------------


def same(first: StudyResult, second: StudyResult) -> None:
    assert second.study == first.study
    assert str(second) == str(first)
    assert list(second) == list(first)
    for name in first:
        np.testing.assert_array_equal(second[name].values, first[name].values)
        assert (second[name].unit, second[name].dims) == (first[name].unit, first[name].dims)
    for name in ("times", "distance", "positions", "volumes"):
        np.testing.assert_array_equal(getattr(second, name).values, getattr(first, name).values)
    for a, b in zip(first.rows(), second.rows(), strict=True):
        assert (a.measure, a.text, a.reached_text, a.value) == (
            b.measure,
            b.text,
            b.reached_text,
            b.value,
        )
    np.testing.assert_equal(second.balance_error, first.balance_error)
    assert second.provenance == first.provenance
    assert second.numbers == first.numbers
    for name, counts in first.stats.items():
        np.testing.assert_array_equal(second.stats[name], counts)


def test_a_result_reads_back_with_equal_numbers(result: StudyResult, tmp_path: Path) -> None:
    path = result.save(tmp_path / "x.h5")
    again = kg.open(path)
    same(result, again)
    assert result.comparator is not None
    same(result.comparator, again.comparator)
    assert [p.name for p in tmp_path.iterdir()] == ["x.h5"]
    again.save(path)  # in place of itself
    same(result, kg.open(path))


def test_several_lines_read_back(tmp_path: Path) -> None:
    found = many()
    same(found, kg.open(found.save(tmp_path / "many.h5")))


def test_a_study_in_a_file_runs_again_to_the_same_numbers(
    result: StudyResult, tmp_path: Path
) -> None:
    study = kg.open(result.save(tmp_path / "x.h5")).study
    np.testing.assert_array_equal(study.run()["free_TDM1"].values, result["free_TDM1"].values)


def test_a_file_says_when_the_library_has_changed_since(
    result: StudyResult, tmp_path: Path
) -> None:
    h5py = pytest.importorskip("h5py")
    path = result.save(tmp_path / "x.h5")
    with h5py.File(path, "a") as file:
        text = file["krogh/study"][()].decode("utf-8")
        del file["krogh/study"]
        file["krogh/study"] = text.replace('"T-DM1"', '"T-DM1"\ndiffusivity = "11 um^2/s"')
    assert "have changed since" in str(kg.open(path))
    assert "have changed since" not in str(kg.open(result.save(path)))


def test_xarray_reads_the_file_itself(result: StudyResult, tmp_path: Path) -> None:
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5netcdf")
    path = result.save(tmp_path / "x.h5")
    with xarray.open_datatree(path, engine="h5netcdf") as tree:
        inside = tree["tissue"].to_dataset()
        assert inside["occupancy_HER2"].dims == ("line", "time", "cell")
        assert inside["free_TDM1"].attrs["units"] == "nM"
        np.testing.assert_array_equal(inside["free_TDM1"], result["free_TDM1"].values)


def test_files_that_are_no_results_are_named(tmp_path: Path, result: StudyResult) -> None:
    with pytest.raises(SpecError, match=r"KG-142: there is no file"):
        kg.open(tmp_path / "x.h5")
    text = tmp_path / "text.h5"
    text.write_text("no HDF5")
    with pytest.raises(SpecError, match=r"KG-142: .* is no HDF5 file"):
        kg.open(text)
    h5py = pytest.importorskip("h5py")
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["x"] = 1.0
    with pytest.raises(SpecError, match=r"KG-142: .*no result of krogh"):
        kg.open(other)
    newer = result.save(tmp_path / "newer.h5")
    with h5py.File(newer, "a") as file:
        file.attrs["version"] = 2
    with pytest.raises(SpecError, match=r"KG-142: .*update krogh"):
        kg.open(newer)
    damaged = result.save(tmp_path / "damaged.h5")
    with h5py.File(damaged, "a") as file:
        del file["krogh/facts"]
    with pytest.raises(SpecError, match=r"KG-142: .*damaged or incomplete"):
        kg.open(damaged)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError("Can't write data (file write failed: errno = 28, ...)"), "the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied"), "you may not write there"),
    ],
)
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    error: OSError, words: str, result: StudyResult, tmp_path: Path, monkeypatch: Any
) -> None:
    path = result.save(tmp_path / "x.h5")
    before = path.read_bytes()
    h5py = pytest.importorskip("h5py")

    def fails(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(h5py.Group, "create_dataset", fails)
    with pytest.raises(SpecError, match=f"KG-133: .*{words}"):
        result.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.h5"]


def test_a_missing_extra_names_the_command(
    result: StudyResult, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtra, match=r'KG-901: .*pip install "krogh\[std\]"'):
        result.save(tmp_path / "x.h5")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r'KG-901: .*pip install "krogh\[std\]"'):
        result.plot()
    assert list(tmp_path.iterdir()) == []


def test_tables_for_other_programs(result: StudyResult, tmp_path: Path) -> None:
    frame = result.to_frame()
    assert len(frame) == result["free_TDM1"].values.size
    assert frame.attrs["units"]["free_TDM1"] == "nM"
    text = result.to_csv(tmp_path / "x.csv")
    assert text.startswith("line,time [h],distance [um],Cp_TDM1 [nM]")
    dataset = result.to_xarray()
    assert dataset["Cp_TDM1"].dims == ("line", "time")
    assert dataset["distance"].attrs["units"] == "um"
    assert Study.from_toml(dataset.attrs["study"]) == result.study
    np.testing.assert_array_equal(dataset["free_TDM1"], result["free_TDM1"].values)


# --- pictures and notebooks -----------------------------------------------------------------------


def panels(figure: Any) -> list[Any]:
    return list(figure.axes)


def test_a_picture_has_a_panel_for_each_level_with_units(
    result: StudyResult, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "levels.png"
    figure = result.plot(path=path)
    assert path.read_bytes().startswith(b"\x89PNG")
    found = panels(figure)
    assert [axes.get_title(loc="left")[:2] for axes in found] == ["1 ", "2 ", "3 ", "4 "]
    labels = [(axes.get_xlabel(), axes.get_ylabel()) for axes in found]
    assert labels[0] == ("time (h)", "in plasma (nM)")
    assert labels[1] == ("distance from the vessel wall (um)", "free in the interstitium (nM)")
    assert labels[2][1] == "occupancy of the target (%)"
    assert labels[3][1] == "payload molecules per cell"
    drawn = found[2].get_lines()[3].get_xydata()
    np.testing.assert_allclose(drawn[:, 1], 100.0 * result["occupancy_HER2"].values[0, -1])
    times = [text.get_text() for text in figure.legends[0].get_texts()]
    assert times == ["at 1.5 h", "at 6 h", "at 12 h", "at 24 h", "well-mixed model at 24 h"]


def test_pictures_of_many_lines_of_two_drugs_and_of_earlier_times(mixture: StudyResult) -> None:
    pytest.importorskip("matplotlib")
    bands = [axes.collections for axes in panels(many().plot())]
    assert all(len(found) >= 1 for found in bands)
    figure = mixture.plot(at="12 h")
    words = {t.get_text() for axes in panels(figure) for t in axes.get_legend().get_texts()}
    assert words == {"T-DM1", "trastuzumab", "HER2"}


def test_html_for_notebooks(result: StudyResult) -> None:
    text = result._repr_html_()
    assert text.count("<tr>") == len(result.rows()) + 1
    assert "viable cells with occupancy &gt;= 90 %" in text
    assert "<script" not in text
    assert result.numbers is not None
    assert "clearance modulus" in result.numbers._repr_html_()


def test_the_text_of_rows_is_aligned(result: StudyResult) -> None:
    lines = table_text(result.rows()).split("\n")
    place = lines[0].index("target")
    assert all(line[place - 2 : place] == "  " for line in lines)


# --- progress and Ctrl-C --------------------------------------------------------------------------


def test_an_interrupt_from_the_progress_hook_comes_out_and_leaves_nothing(tmp_path: Path) -> None:
    study = Study("T-DM1", "NCI-N87", "3.6 mg/kg", cells=16, comparator=False)
    calls = []

    def stop(done: int, total: int, seconds: float) -> bool:
        calls.append((done, total))
        raise KeyboardInterrupt

    values = {"permeability_TDM1": (np.full(300, 1e-7), "cm/s")}
    with pytest.raises(KeyboardInterrupt):
        study.run(values=values, progress=stop)
    assert calls
    assert list(tmp_path.iterdir()) == []


def test_progress_is_reported_over_the_lines() -> None:
    study = Study("T-DM1", "NCI-N87", "3.6 mg/kg", cells=16, comparator=False)
    seen: list[tuple[int, int]] = []
    values = {"permeability_TDM1": (np.full(300, 1e-7), "cm/s")}
    study.run(
        until="1 h",
        values=values,
        progress=lambda done, total, _: bool(seen.append((done, total))) or True,
    )
    assert all(total == 300 for _, total in seen)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_running_and_printing_a_study_loads_no_optional_package() -> None:
    code = (
        "import sys\n"
        "import krogh as kg\n"
        "study = kg.Study('T-DM1', 'NCI-N87', '3.6 mg/kg', cells=12)\n"
        "str(study.run())\n"
        "print(' '.join(sorted(name.partition('.')[0] for name in sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    heavy = {"pandas", "polars", "matplotlib", "xarray", "h5py", "rich", "typer", "pint", "scipy"}
    assert not heavy & set(done.stdout.split())
