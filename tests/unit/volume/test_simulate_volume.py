"""simulate_volume: what it takes, what it says, and what it refuses.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import replace

import krogh as kg
import numpy as np
import pytest
from krogh.errors import Error
from krogh.model import Covariate, Rate, Rule
from krogh.space import Grid
from krogh.vessels import generate
from krogh.volume import verify
from line_models import body, still, tissue

GRID = Grid((3, 4, 5), "20 um")
CURVE = {"Cp": (([0.0, 24.0], "h"), [500.0, 100.0], "nM")}


def run(model=None, grid=GRID, **options):
    given = {"plasma": CURVE, "times": "0..24 h by 12 h", "progress": False, "num_threads": 1}
    return kg.simulate_volume(tissue() if model is None else model, grid, **{**given, **options})


@pytest.fixture(scope="module")
def result():
    labels = np.zeros(GRID.shape, dtype=np.uint8)
    labels[:, :, 3:] = 1
    labels[0, 0, 0] = 255
    return run(exchange="0.004 1/um", regions=labels, fields={"S0": ([833.0, 83.0], "nM")})


def test_axes_regions_and_what_lies_outside(result):
    free = result["free"]
    assert free.dims == ("time", "z", "y", "x")
    assert free.shape == (3, 3, 4, 5)
    np.testing.assert_array_equal(free.coords["x"], [10.0, 30.0, 50.0, 70.0, 90.0])
    assert result.num_voxels == 59
    assert np.isnan(free.values[:, 0, 0, 0]).all()
    assert np.isfinite(free.values).sum() == 3 * 59
    last = result["occupancy"].values[-1]
    assert last[1, 1, 4] > last[1, 1, 1]  # fewer receptors are occupied sooner
    assert result["total"].values[0][~np.isnan(last)].max() == 0.0


def test_summaries_weigh_voxels(result):
    values = result.of_voxels("total")
    np.testing.assert_allclose(result.mean("total").values, values.mean(axis=1), rtol=1e-14)
    share = result.fraction_of_voxels("total", at_least="100 nM")
    assert share.dims == ("time",)
    np.testing.assert_array_equal(share.values, (values >= 100.0).mean(axis=1))
    both = result.quantile("total", [0.1, 0.9])
    assert both.dims == ("quantile", "time")
    assert np.all(both.values[0] <= both.values[1])
    weights = np.zeros(GRID.shape)
    weights[1, 1, 4] = 1.0
    one = result.mean("total", weights=weights)
    np.testing.assert_allclose(one.values, result["total"].values[:, 1, 1, 4], rtol=1e-14)


def test_the_ledger_balances(result):
    ledger = result.ledger()
    assert ledger.imbalance
    assert ledger.largest < 1e-12
    assert result.entered["F"].values[-1] > 0.0
    total = sum(result.content[name].values[-1] for name in "FBI")
    np.testing.assert_allclose(total, result.entered["F"].values[-1], rtol=1e-12)


def test_it_says_what_it_is(result):
    text = str(result)
    assert "59 voxels" in text
    assert "occupancy" in text
    assert "<div>" in result._repr_html_()
    assert result.provenance.method == "volume, ros34pw2"
    np.testing.assert_allclose(result.plasma["Cp"].values, [500.0, 300.0, 100.0])
    assert result.plasma["Cp"].dims == ("time",)


def test_files_and_datasets(result, tmp_path):
    pytest.importorskip("xarray")
    dataset = result.to_xarray()
    assert dict(dataset["free"].sizes) == {"time": 3, "z": 3, "y": 4, "x": 5}
    assert dataset["Cp"].dims == ("time",)
    path = result.save(tmp_path / "tumour.vti", time="24 h")
    back = kg.open(path)
    np.testing.assert_array_equal(back["free"].values[0], result["free"].values[-1])
    assert result.image("free").grid == GRID


def test_slices_are_drawn(result, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "slices.png"
    figure = result.plot_slices("occupancy", time="12 h", at=(0, 0, 0), path=path)
    assert path.stat().st_size > 1000
    assert "12 h" in figure.get_suptitle()
    assert any("µm" in t.get_text() for t in figure.axes[0].texts)
    with pytest.raises(Error, match="KG-166"):
        result.plot_slices("occupancy", at=(3, 0, 0))


def test_drug_against_the_distance_to_vessels(result):
    network = generate.poisson("60 um", "500 1/mm^2", diameter="4 um", seed=2)
    grid = Grid((3, 12, 12), "5 um")
    found = run(grid=grid, exchange=network)
    table = found.against_distance("total", width="10 um")
    assert table["voxels"].sum() == found.num_voxels
    assert np.all(np.diff(table["median"]) < 0.0)
    assert np.all((table["low"] <= table["median"]) & (table["median"] <= table["high"]))
    with pytest.raises(Error, match="KG-166: the vessels were given as a surface"):
        result.against_distance("total")
    whole = result.against_distance("total", np.full(GRID.shape, 3.0))
    assert whole["voxels"].tolist() == [59]


def test_vessels_wider_than_voxels_are_no_tissue():
    network = generate.lattice("80 um", "156 1/mm^2", diameter="20 um")
    found = run(grid=Grid((1, 16, 16), "5 um"), exchange=network, times="6 h")
    lumen = found.vessels.lumen
    assert lumen.sum() == 256 - found.num_voxels > 0
    assert np.isnan(found["total"].values[0][lumen]).all()


def test_vessels_that_are_neither_lines_nor_resolved_say_how_far_they_are_off():
    network = generate.lattice("80 um", "156 1/mm^2", diameter="10 um")
    grid = Grid((1, 8, 8), "10 um")
    found = run(still(), grid, exchange=network, times="6 h")
    assert "is right to" in str(found)
    with pytest.raises(Error, match=r"KG-166.*neither lines nor resolved"):
        run(still(), grid, exchange=network, times="6 h", values={"P": "1 um/s"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grid": (3, 3, 3)}, "KG-166: a volume needs a krogh.space.Grid"),
        ({"exchange": 0.1}, "KG-124: exchange"),
        ({"exchange": "1 um"}, "KG-121"),
        ({"exchange": (np.ones((2, 2)), "1/um")}, "KG-166: exchange has shape"),
        ({"exchange": (-np.ones(GRID.shape), "1/um")}, "KG-166: exchange must be"),
        ({"regions": np.zeros((2, 2), dtype=int)}, "KG-166: regions must be"),
        ({"regions": np.full(GRID.shape, 300)}, "KG-166: regions run"),
        ({"regions": np.full(GRID.shape, 255)}, "KG-166: every voxel"),
        ({"sides": {"x": "ajar"}}, "KG-166: a side is"),
        ({"sides": {"w": "closed"}}, "KG-166: there is no side"),
        ({"sides": {"x low": "periodic"}}, "KG-166: both sides along x"),
        ({"fields": {"S0": np.ones(3)}}, "KG-166: the field 'S0' has shape"),
        ({"fields": {"S1": np.ones(GRID.shape)}}, "KG-103: fields"),
        ({"fields": {"eps": np.full(GRID.shape, 2.0)}}, "KG-108: the field 'eps'"),
        ({"values": {"S0": [1.0, 2.0]}}, "KG-163: values"),
        ({"tumour_volume": "0.2 mL"}, "KG-162: tumour_volume"),
        ({"plasma": None}, "KG-162"),
        ({"record": "nothing"}, "KG-103: record"),
        ({"rtol": 1.0}, "KG-119: rtol"),
        ({"on_failure": "hide"}, "KG-119: on_failure"),
        ({"method": "rkc3"}, "KG-119: unknown method 'rkc3'.  Did you mean 'rkc2'"),
    ],
)
def test_what_is_wrong_is_said(options, message):
    with pytest.raises(Error, match=message):
        run(**{"times": "1 h", **options})


def test_a_run_can_be_stopped():
    found = run(
        grid=Grid((24, 24, 24), "20 um"),
        progress=lambda done, total, seconds: False,
        exchange="0.004 1/um",
        rtol=1e-7,
    )
    assert not found.is_complete
    assert not found.failures
    assert "NOT DONE" in str(found)


@pytest.mark.parametrize(("method", "other"), [("ros34pw2", "rkc2"), ("rkc2", "ros34pw2")])
def test_verify_solves_again_by_the_other_method(method, other):
    found = run(exchange="0.004 1/um", method=method, verify=True, record=["total", "free"])
    assert found.method == f"volume, {method}"
    checked = found.verification
    assert checked.method == f"volume, {other}"
    assert 0.0 < checked.largest < 2e-3
    assert checked.is_within
    assert set(checked.differences) == set(found.recorded)  # given curves are not compared
    assert f"verified by volume, {other}" in str(found)
    coupled = run(
        plasma=None,
        systemic=body(),
        dosing="3.6 mg/kg",
        weight="20 g",
        exchange="0.004 1/um",
        tumour_volume="1 mL",
        method=method,
        verify=True,
    ).verification
    assert coupled.is_within
    assert {"A", "gone"} <= set(coupled.differences)


def test_a_check_that_does_not_get_through_is_an_error(monkeypatch):
    few = verify.second_settings
    monkeypatch.setattr(verify, "second_settings", lambda s: replace(few(s), max_steps=1))
    with pytest.raises(Error, match="KG-311: verify: rkc2 did not get through where ros34pw2 did"):
        run(exchange="0.004 1/um", verify=True)


def test_the_stabilized_method_can_be_stopped():
    found = run(
        grid=Grid((24, 24, 24), "20 um"),
        progress=lambda done, total, seconds: False,
        exchange="0.004 1/um",
        method="rkc2",
        verify=True,
    )
    assert not found.is_complete
    assert found.verification is None


def test_a_run_that_fails_says_where():
    with pytest.raises(Error, match="KG-320: at"):
        run(exchange="0.004 1/um", max_steps=2)
    found = run(exchange="0.004 1/um", max_steps=2, on_failure="nan")
    assert len(found.failures) == 1
    assert np.isnan(found["total"].values[-1]).all()


def test_doses_by_weight_need_a_weight_and_a_body():
    options = {"plasma": None, "exchange": "0.004 1/um", "times": "1 h", "dosing": "3.6 mg/kg"}
    with pytest.raises(Error, match="KG-162: doses go into the systemic model"):
        run(**options)
    found = run(systemic=body(), weight="20 g", **options)
    assert found.plasma["Cp"].values[-1] == pytest.approx(72.0 * np.exp(-2.0 / 24.0), rel=1e-4)
    assert "whose uptake it does not feel" in str(found)


def table_of(**rows):
    return kg.EventTable.from_frame(
        rows, units={"TIME": "h", "AMT": "mg"}, covariates={"WT": "g"} if "WT" in rows else None
    )


def test_event_tables_of_one_subject():
    systemic = body(Covariate("WT", "20 g"), Rule("CLi", "CL*WT/20[g]")).replace(
        Rule("Cp", "A/V*CLi/CLi")
    ) + Rate("A", "-(CLi - CL)/V*A")
    options = {"plasma": None, "exchange": "0.004 1/um", "systemic": systemic, "times": "24 h"}
    options["rtol"] = 1e-5
    found = run(dosing=table_of(ID=[1], TIME=[0.0], AMT=[0.07], WT=[40.0]), **options)
    assert found.plasma["A"].values[-1] == pytest.approx(0.07 * np.exp(-4.0), rel=1e-3)
    changing = table_of(ID=[1, 1], TIME=[0.0, 5.0], AMT=[0.07, 0.07], WT=[40.0, 30.0])
    with pytest.raises(Error, match="KG-164: the event table has covariates that change"):
        run(dosing=changing, **options)
    two = table_of(ID=[1, 2], TIME=[0.0, 0.0], AMT=[0.07, 0.07])
    with pytest.raises(Error, match="KG-163: dosing is for several"):
        run(dosing=two, **options)
