"""simulate_line: what comes back, what may be given, and what is refused by name.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import logging
import pickle

import krogh as kg
import numpy as np
import pytest
from krogh.errors import DataError, SolverError, SpecError, UnitError
from krogh.line import well_mixed
from krogh.model import (
    Covariate,
    DoseInput,
    Event,
    Output,
    Parameter,
    Rate,
    Rule,
    Species,
    Transport,
)
from krogh.space import Cylinder, Slab, Sphere
from line_models import MOVES, SHAPE, body, still, tissue

GIVEN = {"systemic": body(), "weight": "20 g"}
CURVE = {"Cp": (([0.0, 12.0, 24.0], "h"), [400.0, 300.0, 250.0], "nM")}


def run(*args, **options):
    return kg.simulate_line(tissue(), SHAPE, *args, **({"dosing": "3.6 mg/kg"} | GIVEN | options))


@pytest.fixture(scope="module")
def result():
    return run(times="0..24 h by 6 h", tumour_volume="0.2 mL")


# --- results --------------------------------------------------------------------------------------


def test_outputs_are_labeled(result):
    array = result["occupancy"]
    assert array.dims == ("line", "time", "cell")
    assert array.shape == (1, 5, 16)
    assert array.unit == "%"
    assert result["B"].unit == "nM"  # recorded, since the occupancy needs it
    by_hand = 100.0 * result["B"].values / (result["S"].values + result["B"].values)
    assert array.values == pytest.approx(by_hand, rel=1e-14)
    assert list(result.times.values) == [0.0, 6.0, 12.0, 18.0, 24.0]
    assert result.times.unit == "h"
    assert result.positions.values == pytest.approx(SHAPE.centers)
    assert result.distance.values == pytest.approx(SHAPE.distance)
    assert result.volumes.values == pytest.approx(SHAPE.volumes)
    assert result.volumes.unit == "um^2"
    assert "occupancy" in result
    assert list(result) == ["free", "occupancy", "total", "F", "S", "B", "I"]


def test_the_plasma_has_outputs_and_species(result):
    cp = result.plasma["Cp"]
    assert cp.dims == ("line", "time")
    assert cp.unit == "mg/L"
    assert cp.values[0, 0] == pytest.approx(3.6 * 0.02 * 1000.0)  # mg in 1 mL
    assert result.plasma["A"].values[0, 0] == pytest.approx(0.072)
    assert result.plasma["gone"].values[0, -1] > 0.0
    assert list(result.plasma) == ["Cp", "A", "gone"]


def test_summaries_are_weighted_by_volume(result):
    v, occupancy = SHAPE.volumes, result["occupancy"].values
    assert result.mean("occupancy").values == pytest.approx(occupancy @ v / v.sum())
    # between centers of cells values are straight lines over the volume in front of them
    ends = np.concatenate([[0.0], np.cumsum(v)])
    fine = (np.arange(200_000) + 0.5) / 200_000 * ends[-1]
    curves = [np.interp(fine, 0.5 * (ends[1:] + ends[:-1]), row) for row in occupancy[0]]
    share = result.fraction_of_cells("occupancy", at_least=50.0)
    expected = [np.mean(curve >= 50.0) for curve in curves]
    assert share.values[0] == pytest.approx(expected, abs=2e-5)
    assert result.fraction_of_cells("occupancy", at_least="50 %").values == pytest.approx(
        share.values
    )
    inside = result.fraction_of_cells("occupancy", at_least=10.0, at_most=50.0).values
    expected = [np.mean((curve >= 10.0) & (curve <= 50.0)) for curve in curves]
    assert inside[0] == pytest.approx(expected, abs=2e-5)
    assert np.all(result.fraction_of_cells("occupancy", at_least=50.0, at_most=10.0).values == 0.0)
    half = result.quantile("occupancy", 0.5).values[0, -1]
    assert half == pytest.approx(np.quantile(curves[-1], 0.5), rel=1e-3)
    several = result.quantile("occupancy", [0.0, 0.5, 1.0])
    assert several.dims == ("quantile", "line", "time")
    assert several.values[2, 0, -1] == occupancy[0, -1].max()


def test_further_weights_count(result):
    inner = np.arange(16) < 4
    v = SHAPE.volumes * inner
    found = result.mean("occupancy", weights=inner.astype(float)).values
    assert found == pytest.approx(result["occupancy"].values @ v / v.sum())
    assert result.mean("occupancy", weights="S").values[0, 0] == 0.0


def test_contents_and_what_entered_balance(result):
    v = SHAPE.volumes
    assert result.content["F"].values == pytest.approx(result["F"].values @ v)
    assert result.content["F"].unit == "nM um^2"
    assert list(result.entered) == ["F"]
    ledger = result.ledger()
    assert list(ledger.imbalance) == ["F + B + I"]
    assert ledger.largest < 1e-12
    whole = result.ledger({"drug": ["F", "B", "I"]}, plasma={"dose": ["A", "gone"]})
    assert whole.largest < 1e-10
    missing = result.ledger({"drug": ["F", "B"]}, plasma={"dose": ["A"]})
    assert missing.largest > 1e-2
    assert "drug" in str(missing)


def test_tables_frames_and_pictures_of_it(result):
    table = result.to_table(["occupancy"])
    assert len(table) == 5 * 16
    assert list(table.columns) == ["line", "time", "cell", "distance", "occupancy"]
    frame = pytest.importorskip("pandas") and result.to_frame()
    assert frame["total"].to_numpy() == pytest.approx(result["total"].values.reshape(-1))
    dataset = pytest.importorskip("xarray") and result.to_xarray()
    assert dataset["occupancy"].attrs["units"] == "%"
    assert dataset["Cp"].dims == ("line", "time")
    assert dataset["distance"].values == pytest.approx(SHAPE.distance)
    for text in (str(result), result._repr_html_()):
        assert "occupancy" in text
        assert "3.6 mg/kg" in text
        assert "16" in text


def test_a_result_says_how_it_came_about(result):
    p = result.provenance
    assert p.model == "tissue + body"
    assert p.method == "line, ros34pw2"
    assert set(p.atol) == {"F", "S", "B", "I", "A", "gone"}
    assert p.steps_accepted > 10
    assert p.model_hash != run(values={}, systemic=body(output="ug/mL")).provenance.model_hash
    assert p.version in str(p)


def test_results_travel(result):
    copy = pickle.loads(pickle.dumps(result))
    assert np.array_equal(copy["occupancy"].values, result["occupancy"].values)
    watched = run(progress=lambda done, total, seconds: True)
    assert pickle.loads(pickle.dumps(watched)).is_complete


def test_record_chooses_what_is_kept():
    few = run(record=["free"])
    assert few.outputs == ("free",)
    assert few.recorded == ("F",)
    with pytest.raises(SpecError, match=r"KG-118.*'occupancy' needs 'B', 'S'.*record="):
        few["occupancy"]
    with pytest.raises(SpecError, match=r"KG-118.*no output or species 'ocupancy'.*'occupancy'"):
        few["ocupancy"]
    with pytest.raises(SpecError, match=r"KG-118.*plasma has no output 'Cq'.*Cp"):
        few.plasma["Cq"]
    assert run(record="S").outputs == ("S",)


# --- what may be given ----------------------------------------------------------------------------


def test_values_by_line_reach_tissue_body_and_shape():
    many = run(
        values={
            "P": np.array([1e-3, 3e-3]),
            "CL": ([1.0, 2.0], "mL/d"),
            "S0": "0.5 uM",
            "outer_radius": np.array([60.0, 75.0]),
        }
    )
    assert many.num_lines == 2
    assert many.positions.dims == ("line", "cell")
    for i, (p, cl, r) in enumerate([(1e-3, "1 mL/d", "60 um"), (3e-3, "2 mL/d", "75 um")]):
        values = {"P": p, "CL": cl, "S0": 500.0}
        alone = kg.simulate_line(
            tissue(), Cylinder("8 um", r, cells=16), "3.6 mg/kg", values=values, **GIVEN
        )
        assert np.array_equal(many["occupancy"].values[i], alone["occupancy"].values[0])
        assert np.array_equal(many.plasma["Cp"].values[i], alone.plasma["Cp"].values[0])


def test_tumors_of_different_volume_take_different_shares():
    many = run(tumour_volume=([0.1, 0.4], "mL"))
    assert many.num_lines == 2
    alone = run(tumour_volume="0.4 mL")
    assert np.array_equal(many.plasma["A"].values[1], alone.plasma["A"].values[0])
    assert many.plasma["A"].values[1, -1] < many.plasma["A"].values[0, -1]


def test_fields_vary_over_the_cells():
    half = np.where(np.arange(16) < 8, 833.0, 100.0)
    by_array = run(fields={"S0": half})
    assert by_array["S"].values[0, -1, -1] == pytest.approx(100.0, rel=0.05)
    limit = SHAPE.distance[8]
    by_function = run(fields={"S0": lambda x: np.where(x < limit, 833.0, 100.0)})
    assert np.array_equal(by_array["S"].values, by_function["S"].values)
    by_unit = run(fields={"S0": (half / 1000.0, "uM")})
    assert by_unit["S"].values == pytest.approx(by_array["S"].values, rel=1e-12)
    lines = run(fields={"S0": np.stack([half, half[::-1]])})
    assert lines.num_lines == 2
    assert np.array_equal(lines["S"].values[0], by_array["S"].values[0])
    assert not np.array_equal(lines["S"].values[1], by_array["S"].values[0])


def test_times_in_every_form():
    assert list(run(times="6 h").times.values) == [6.0]
    assert list(run(times="0..1 d by 12 h").times.values) == [0.0, 0.5, 1.0]
    assert run(times="0..7 d").times.shape == (25,)
    assert list(run(times=([1.0, 3.0], "h")).times.values) == [1.0, 3.0]
    assert list(run(times=["30 min", "2 h"]).times.values) == [0.5, 2.0]
    assert list(run(times="0..5 h by 2 h").times.values) == [0.0, 2.0, 4.0, 5.0]


def test_a_given_curve_stands_in_for_the_body():
    curve = kg.simulate_line(tissue(), SHAPE, plasma=CURVE, times="0..24 h by 12 h")
    assert curve.plasma["Cp"].values[0] == pytest.approx([400.0, 300.0, 250.0])
    assert curve.plasma["Cp"].unit == "nM"
    heavy = {"Cp": (([0.0, 12.0, 24.0], "h"), [400.0, 300.0, 250.0], "nM")}
    mass = {"Cp": (heavy["Cp"][0], np.array(heavy["Cp"][1]) * 148e-3, "mg/L")}
    model = tissue().replace(Species("F", "nM", molar_mass="148 kDa"))
    same = kg.simulate_line(model, SHAPE, plasma=mass, times="0..24 h by 12 h")
    assert same["total"].values == pytest.approx(curve["total"].values, rel=1e-9)


def test_dosing_in_every_form():
    sentence = run()
    regimen = run(dosing=kg.Regimen("3.6 mg/kg"))
    amount = run(dosing="0.072 mg", weight=None)
    assert np.array_equal(sentence["total"].values, regimen["total"].values)
    assert amount["total"].values == pytest.approx(sentence["total"].values, rel=1e-12)
    each = run(dosing=["3.6 mg/kg", kg.Regimen("1.8 mg/kg"), "3.6 mg/kg"])
    assert each.num_lines == 3
    assert np.array_equal(each["total"].values[0], each["total"].values[2])
    assert np.array_equal(each["total"].values[0], sentence["total"].values[0])
    assert each.plasma["A"].values[1, 0] < each.plasma["A"].values[0, 0]
    weights = run(weight=([20.0, 40.0], "g"), times="0..6 h by 6 h")
    assert weights.plasma["A"].values[1, 0] == pytest.approx(2.0 * weights.plasma["A"].values[0, 0])


def test_an_event_table_gives_each_line_its_subject():
    rows = {
        "ID": [1, 1, 2, 2, 2],
        "TIME": [0.0, 6.0, 0.0, 12.0, 3.0],
        "AMT": [0.072, 0.0, 0.05, 0.02, 0.01],
        "RATE": [0.0, 0.0, 0.0, 0.01, 0.0],
        "II": [8.0, 0.0, 0.0, 0.0, 0.0],
        "ADDL": [1, 0, 0, 0, 0],
        "EVID": [1, 0, 1, 1, 1],
        "CMT": [1, 1, 1, 1, 1],
    }
    table = kg.EventTable.from_frame(rows, units={"TIME": "h", "AMT": "mg"}, sort=True)
    options = {"systemic": body(), "times": "0..24 h by 4 h", "rtol": 1e-6}
    both = kg.simulate_line(tissue(), SHAPE, table, **options)
    assert both.num_lines == 2
    cells = kg.simulate_line(tissue(), SHAPE, table, method="cells", **options)
    for name in ("A", "gone"):
        assert both.plasma[name].values == pytest.approx(cells.plasma[name].values, rel=1e-4)
    assert both["total"].values == pytest.approx(cells["total"].values, rel=1e-3, abs=1e-3)
    for line, words in enumerate(
        ("0.072 mg every 8 h x 2", "0.05 mg then 0.01 mg after 3 h then 0.02 mg over 2 h after 9 h")
    ):
        alone = kg.simulate_line(tissue(), SHAPE, words, **options)
        assert both.plasma["A"].values[line] == pytest.approx(alone.plasma["A"].values[0], rel=1e-4)
    first = table.subjects[0]
    one = kg.EventTable.from_frame(
        {k: v[:2] for k, v in rows.items()}, units={"TIME": "h", "AMT": "mg"}
    )
    assert first == 1
    many = kg.simulate_line(
        tissue(), SHAPE, one, values={"P": [1e-3, 2e-3, 3e-3]}, record=["total"], **options
    )
    assert many.num_lines == 3
    assert many.plasma["A"].values[2] == pytest.approx(both.plasma["A"].values[0], rel=1e-5)
    with pytest.raises(SpecError, match=r"KG-163.*2 subjects for 3 lines|KG-163.*disagree"):
        kg.simulate_line(tissue(), SHAPE, table, lines=3, **options)


def table_of(**columns):
    size = len(columns["TIME"])
    rows = {"ID": [1] * size, "EVID": [1] * size, "CMT": [1] * size} | columns
    units = {"TIME": "h", "AMT": "mg"}
    given = {"WT": "g"} if "WT" in columns else None
    return kg.EventTable.from_frame(rows, units=units, covariates=given)


def weighed():
    """Clearance follows a covariate."""
    return body(Covariate("WT", "20 g"), Rule("CLi", "CL*WT/20[g]")).replace(
        Rule("Cp", "A/V*CLi/CLi")
    ) + Rate("A", "-(CLi - CL)/V*A")


def test_covariates_of_an_event_table_reach_the_models():
    options = {"systemic": weighed(), "times": "0..24 h by 12 h", "rtol": 1e-6}
    table = table_of(ID=[1, 2], TIME=[0.0, 0.0], AMT=[0.07, 0.07], WT=[20.0, 40.0])
    found = kg.simulate_line(still(), SHAPE, table, **options)
    assert found.method.startswith("line")
    direct = kg.simulate_line(
        still(), SHAPE, "0.07 mg", values={"WT": ([20.0, 40.0], "g")}, **options
    )
    assert found.plasma["A"].values == pytest.approx(direct.plasma["A"].values, rel=1e-6)
    assert found.plasma["A"].values[1, -1] < 0.8 * found.plasma["A"].values[0, -1]
    with pytest.raises(SpecError, match=r"KG-119.*'WT' is given twice"):
        kg.simulate_line(still(), SHAPE, table, values={"WT": "30 g"}, **options)
    changing = table_of(TIME=[0.0, 12.0], AMT=[0.07, 0.07], WT=[20.0, 80.0])
    found = kg.simulate_line(still(), SHAPE, changing, **options)
    assert "values that change in time" in str(found)
    point = kg.simulate(weighed(), changing, times=([0, 12, 24], "h"), metrics=False, rtol=1e-8)
    by_point = point["Cp"].values.reshape(-1)
    assert found.plasma["Cp"].values[0] == pytest.approx(by_point, rel=1e-4)


def test_a_sequence_may_hold_tables_too():
    table = table_of(TIME=[0.0, 6.0], AMT=[0.07, 0.03])
    options = {"systemic": body(), "times": "0..24 h by 6 h", "rtol": 1e-6}
    found = kg.simulate_line(
        still(), SHAPE, ["0.05 mg", table, "0.01 mg after 3 h", table, None], **options
    )
    assert found.num_lines == 5
    assert found.plasma["A"].values[1] == pytest.approx(found.plasma["A"].values[3])
    alone = kg.simulate_line(still(), SHAPE, table, **options)
    assert found.plasma["A"].values[1] == pytest.approx(alone.plasma["A"].values[0], rel=1e-5)
    assert np.all(found.plasma["A"].values[4] == 0.0)
    two = table_of(ID=[1, 2], TIME=[0.0, 0.0], AMT=[0.07, 0.07])
    with pytest.raises(SpecError, match=r"KG-163.*2 subjects; in a sequence"):
        kg.simulate_line(still(), SHAPE, ["0.05 mg", two], **options)
    with_weight = table_of(TIME=[0.0], AMT=[0.07], WT=[30.0])
    with pytest.raises(SpecError, match=r"KG-164.*'WT'"):
        kg.simulate_line(still(), SHAPE, [with_weight, "1 mg"], **options | {"systemic": weighed()})


def test_infusions_lag_and_bioavailability_reach_the_lines():
    later = body(Parameter("F1", "0.5"), Parameter("tlag", "1 h")).replace(
        DoseInput("A", drug="X", route="iv", bioavailability="F1", lag="tlag")
    )
    options = {"dosing": "0.072 mg over 2 h then 0.03 mg after 6 h", "weight": None}
    options["times"] = ([0.5, 1.5, 3.0, 6.9, 7.1, 12.0], "h")
    for n in (1, 3):
        values = {"F1": np.linspace(0.5, 0.7, n), "tlag": np.linspace(1.0, 2.0, n)}
        both = [
            kg.simulate_line(
                still(),
                SHAPE,
                systemic=later,
                tumour_volume="0.2 mL",
                values=values,
                rtol=1e-7,
                method=method,
                **options,
            )
            for method in ("line", "cells")
        ]
        for name in ("A", "gone"):
            assert both[0].plasma[name].values == pytest.approx(
                both[1].plasma[name].values, abs=1e-7
            )
        assert both[0]["F"].values == pytest.approx(both[1]["F"].values, rel=1e-5, abs=1e-5)
        assert both[0].plasma["A"].values[0, 0] == 0.0
        assert both[0].ledger(plasma={"dose": ["A", "gone"]}).largest < 1e-10


def test_states_that_start_steady():
    model = tissue().replace(Species("S", "nM", initial="steady"))
    plain = run()
    for method in ("line", "cells"):
        found = kg.simulate_line(model, SHAPE, "3.6 mg/kg", method=method, **GIVEN)
        assert found["total"].values == pytest.approx(plain["total"].values, rel=4e-3, abs=1e-2)
    field = np.linspace(833.0, 400.0, 16)
    found = kg.simulate_line(model, SHAPE, fields={"S0": field}, times="0..1 h by 1 h", **GIVEN)
    assert found["S"].values[0, 0] == pytest.approx(field, rel=1e-8)


def test_progress_is_reported_and_may_stop():
    seen = []
    run(progress=lambda done, total, seconds: seen.append((done, total)))
    assert seen[-1] == (1, 1)
    stopped = run(
        lines=2000, progress=lambda done, total, seconds: False, on_failure="nan", rtol=1e-6
    )
    if not stopped.is_complete:  # a fast machine is done before it is asked
        assert np.isnan(stopped["total"].values).any()
        assert "NOT DONE" in str(stopped)


def test_threads_and_company_do_not_change_bits():
    values = {"P": np.linspace(1e-3, 5e-3, 37)}
    one = run(values=values, num_threads=1)
    two = run(values=values, num_threads=2)
    assert np.array_equal(one["total"].values, two["total"].values)
    turned = run(values={"P": values["P"][::-1]})
    assert np.array_equal(one["total"].values, turned["total"].values[::-1])


# --- failures -------------------------------------------------------------------------------------


def blowing(name="F"):
    return tissue(Parameter("k", "1e-3 1/(nM h)"), Rate(name, f"k*{name}*{name}"))


def test_a_failed_line_is_named(caplog):
    with pytest.raises(SolverError, match=r"KG-320: line 0 at .* h") as caught:
        kg.simulate_line(blowing("S"), SHAPE, "3.6 mg/kg", **GIVEN)
    assert caught.value.result.failures[0].line == 0
    values = {"k": np.array([0.0, 1e-3])}
    with caplog.at_level(logging.WARNING, logger="krogh"):
        many = kg.simulate_line(blowing("S"), SHAPE, "3.6 mg/kg", values=values, **GIVEN)
    assert "1 of 2 lines failed" in caplog.text
    assert list(many.status != 0) == [False, True]
    assert np.isfinite(many["total"].values[0]).all()
    assert np.isnan(many["total"].values[1, -1]).all()
    assert "FAILED" in str(many)


# --- wrong input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"systemic": None}, SpecError, "KG-162.*doses go into the systemic model"),
        ({"systemic": None, "dosing": None}, SpecError, "KG-162.*takes 'Cp' from the plasma"),
        ({"systemic": 3}, SpecError, "KG-101.*systemic model must be a Model"),
        ({"systemic": tissue()}, SpecError, "KG-162.*has transports"),
        ({"systemic": body(Species("F", "nM"))}, SpecError, "KG-162: 'F' is a species of both"),
        ({"systemic": body(Parameter("S0", "1 nM"))}, SpecError, "KG-115.*'S0'"),
        ({"values": {"Q": 1.0}}, SpecError, "KG-103.*'Q' is no parameter"),
        ({"values": {"S0": "3 h"}}, UnitError, "KG-121.*'S0'"),
        ({"values": {"outer_radius": "5 um"}}, SpecError, "KG-161.*larger"),
        ({"values": {"outer_radius": [70.0, 5.0]}}, SpecError, "KG-161.*line 1"),
        ({"values": {"eps": 2.0}}, SpecError, "KG-108.*'eps'"),
        ({"values": {"D": -1.0}}, SpecError, "KG-108.*diffusivity in the transport of 'F'"),
        ({"values": {"P": [1e-3, 2e-3], "D": [1.0, 2.0, 3.0]}}, SpecError, "KG-163.*disagree"),
        ({"lines": 3, "values": {"P": [1e-3, 2e-3]}}, SpecError, "KG-163.*disagree"),
        ({"lines": 0}, SpecError, "KG-163.*positive whole number"),
        ({"fields": {"S00": np.ones(16)}}, SpecError, "KG-103.*'S00'.*'S0'"),
        ({"fields": {"S0": np.ones(15)}}, SpecError, r"KG-163.*\(15,\)"),
        ({"fields": {"eps": np.full(16, 1.5)}}, SpecError, "KG-108.*'eps'"),
        ({"fields": {"S0": np.ones(16)}, "values": {"S0": 1.0}}, SpecError, "KG-163.*twice"),
        ({"times": 24}, SpecError, "KG-119.*unit"),
        ({"times": "24..0 h"}, SpecError, "KG-119.*end must come after"),
        ({"rtol": 1.0}, SpecError, "KG-119.*rtol"),
        ({"method": "lines"}, SpecError, "KG-119.*unknown method 'lines'.*'line'"),
        ({"record": ["fre"]}, SpecError, "KG-103.*'fre'.*'free'"),
        ({"sensitivities": ["Q"]}, SpecError, "KG-103.*'Q'"),
        ({"sensitivities": 3}, SpecError, "KG-119.*names"),
        ({"fields": {"S0": ["a"] * 16}}, SpecError, "KG-163.*needs numbers"),
        ({"values": {"P": np.ones((2, 2))}}, SpecError, "KG-108.*'P'"),
        ({"tumour_volume": "-1 mL"}, SpecError, "KG-108.*positive"),
        ({"dosing": []}, DataError, "KG-201"),
        ({"dosing": ["3 mg", 4]}, DataError, "KG-241"),
        ({"dosing": "Y 3 mg"}, SpecError, "KG-103.*'Y'"),
        ({"atol": {"X": "1 nM"}}, SpecError, "KG-103.*'X'"),
        ({"atol": {"F": "1 mg"}}, UnitError, "KG-121"),
        ({"tumour_volume": 0.2}, UnitError, "KG-124"),
        ({"tumour_volume": "0.2 g"}, UnitError, "KG-121"),
        ({"weight": None}, DataError, "KG-240"),
        ({"plasma": CURVE}, SpecError, "KG-162.*either plasma curves or a systemic model"),
        ({"dosing": ["3.6 mg/kg"] * 3, "lines": 2}, SpecError, "KG-163.*disagree"),
        ({"dosing": 3.6}, DataError, "KG-241"),
        ({"velocity": 0.1}, UnitError, "KG-124.*velocity needs its unit"),
        ({"velocity": "0.1 um"}, UnitError, "KG-121"),
        ({"velocity": (np.ones(16), "um/s")}, SpecError, "KG-163.*velocity"),
        ({"velocity": lambda r: r * np.nan}, SpecError, "KG-163.*not finite"),
    ],
)  # fmt: skip
def test_wrong_input_is_named(options, kind, words):
    with pytest.raises(kind, match=f"(?s){words}"):
        run(**options)


@pytest.mark.parametrize(
    ("plasma", "kind", "words"),
    [
        ({"Cq": CURVE["Cp"]}, SpecError, "KG-162.*'Cq'.*'Cp'"),
        ({"Cp": ([0, 1], [1, 1])}, SpecError, "KG-165.*times, values, unit"),
        ({"Cp": ([0, 1], [1, 1], "nM")}, SpecError, "KG-165.*need a unit"),
        ({"Cp": (([0, 24], "h"), [1, 1, 1], "nM")}, SpecError, "KG-165.*2 times"),
        ({"Cp": (([0, 24], "h"), [1, -1], "nM")}, SpecError, "KG-165.*negative"),
        ({"Cp": (([24, 0], "h"), [1, 1], "nM")}, SpecError, "KG-165.*must increase"),
        ({"Cp": (([0, 12], "h"), [1, 1], "nM")}, SpecError, "KG-165.*not extended"),
        ({"Cp": (([0, 24], "h"), [1, 1], "mg/L")}, UnitError, "KG-122.*molar mass"),
        ({"Cp": (([0, 24], "h"), [1, 1], "h")}, UnitError, "KG-121"),
    ],
)
def test_wrong_curves_are_named(plasma, kind, words):
    with pytest.raises(kind, match=f"(?s){words}"):
        kg.simulate_line(tissue(), SHAPE, plasma=plasma)


@pytest.mark.parametrize(
    ("plasma", "more", "kind", "words"),
    [
        ("Cq", [], SpecError, "KG-162.*no such species, rule or output.*'Cp'"),
        ("A", [], UnitError, "KG-121.*no concentration.*A/V"),
        ("square", [Rule("square", "A*A/V/1[mg]")], SpecError, "KG-162.*not proportional"),
        ("both", [Rule("both", "(A + gone)/V")], SpecError, "KG-162.*'A' and 'gone'"),
        ("fixed", [Rule("fixed", "2[mg]/V")], SpecError, "KG-162.*does not change"),
    ],
)
def test_a_plasma_that_is_none_is_named(plasma, more, kind, words):
    model = tissue(transport=MOVES.changed(plasma=plasma))
    with pytest.raises(kind, match=f"(?s){words}"):
        kg.simulate_line(model, SHAPE, "3.6 mg/kg", systemic=body(*more), weight="20 g")


def test_mass_against_moles_needs_a_molar_mass():
    light = body().replace(Species("A", "mg"))
    with pytest.raises(UnitError, match=r"(?s)KG-122.*molar_mass='148 kDa'"):
        kg.simulate_line(tissue(), SHAPE, "0.072 mg", systemic=light)


def test_a_concentration_needs_a_volume_to_lose_from():
    plain = kg.Model("c", Parameter("k", "1 1/d"), Species("Cp", "nM"), Rate("Cp", "-k*Cp"))
    kg.simulate_line(tissue(), SHAPE, systemic=plain)
    with pytest.raises(SpecError, match=r"KG-162.*in no compartment"):
        kg.simulate_line(tissue(), SHAPE, systemic=plain, tumour_volume="0.2 mL")


def test_shapes_and_tissues_that_are_none():
    with pytest.raises(SpecError, match=r"KG-161.*Cylinder, Sphere or Slab"):
        kg.simulate_line(tissue(), "8 um", systemic=body())
    with pytest.raises(SpecError, match=r"KG-112.*no species.*moves"):
        kg.simulate_line(body(), SHAPE)
    with pytest.raises(SpecError, match=r"KG-112.*has events"):
        kg.simulate_line(tissue(Event("e", "S < 1[nM]", {"S": "0[nM]"})), SHAPE, systemic=body())
    with pytest.raises(SpecError, match=r"KG-162.*doses into the tissue species 'F'"):
        kg.simulate_line(tissue(DoseInput("F")), SHAPE, systemic=body())


def test_what_the_line_solver_cannot_take_goes_to_cells_or_is_named():
    switching = tissue(Rate("I", "if(B > 1[nM], 1e-3[nM/h], 0[nM/h])"))
    with pytest.raises(SpecError, match=r"KG-164.*conditions.*method='cells'"):
        kg.simulate_line(switching, SHAPE, "3.6 mg/kg", method="line", **GIVEN)
    found = kg.simulate_line(switching, SHAPE, "3.6 mg/kg", **GIVEN)
    assert found.method.startswith("cells")
    assert "solved as cells because of conditions in the laws of 'tissue'" in str(found)
    with pytest.raises(SpecError, match=r"KG-164.*steady state.*method='cells'"):
        run(dosing="0.01 mg every 12 h at steady state", method="line", weight=None)


def test_verify_names_the_largest_difference():
    checked = run(verify=True)
    assert checked.verification.is_within
    assert checked.verification.largest > 0.0
    assert "verified by cells, rkc2" in str(checked)
    fast = run(verify=True, values={"D": 1e4})
    assert "rodas5p" in fast.verification.method


def test_well_mixed_is_a_point_with_the_same_outputs():
    model = well_mixed(tissue(), SHAPE, body(), "0.2 mL")
    assert not model.transports
    assert set(model.outputs) == {"free", "occupancy", "total", "Cp"}
    assert model.parameters["supply_surface_per_volume"].value.to("1/um") == pytest.approx(
        SHAPE.surface_per_volume
    )
    point = kg.simulate(model, "3.6 mg/kg", weight="20 g", times=([24], "h"))
    assert 0.0 < point["occupancy"].values[0, 0] < 100.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((still(wall="fixed"), SHAPE, body()), "KG-162.*wall='fixed'"),
        ((tissue(), SHAPE), "KG-162.*give the systemic model"),
        ((tissue(), SHAPE, None, "0.2 mL"), "KG-162.*tumour_volume needs"),
        ((tissue(), 3, body()), "KG-161"),
        ((tissue(Parameter("tumour_volume", "1 mL")), SHAPE, body()), "KG-104"),
        ((tissue(Rule("Vd", "2*eps")), SHAPE, body(Rule("Vd", "2*V"))), "KG-115.*'Vd'"),
    ],
)
def test_wrong_well_mixed_models_are_named(arguments, words):
    with pytest.raises(SpecError, match=f"(?s){words}"):
        well_mixed(*arguments)


def test_every_shape_runs():
    for shape in (Sphere("150 um", cells=12), Slab("80 um", cells=12, supply="both")):
        found = kg.simulate_line(tissue(), shape, "3.6 mg/kg", **GIVEN)
        assert found.ledger().largest < 1e-12
        near = np.argmin(found.distance.values)
        assert found["total"].values[0, -1].argmax() in (near, 11 - near)


def test_one_velocity_at_the_surface_of_a_sphere_is_refused():
    with pytest.raises(SpecError, match=r"KG-161.*through its center"):
        kg.simulate_line(tissue(), Sphere("90 um"), "3.6 mg/kg", velocity="1 um/s", **GIVEN)


def test_outputs_of_time_and_of_rules_are_followed():
    model = tissue(Rule("age", "t"), Output("hours", "age + 0*F/1[nM]*1[h]", unit="h"))
    found = kg.simulate_line(model, SHAPE, "3.6 mg/kg", times="0..6 h by 3 h", **GIVEN)
    assert found["hours"].values[0, :, 3] == pytest.approx([0.0, 3.0, 6.0])


def test_transports_without_plasma_wash_out():
    model = still(wall="membrane", plasma=None).replace(Species("F", "nM", initial="100 nM"))
    found = kg.simulate_line(model, SHAPE, times="0..24 h by 1 h")
    content = found.content["F"].values[0]
    assert np.all(np.diff(content) < 0.0)
    assert found.ledger().largest < 1e-12
    assert isinstance(model.transports["F"], Transport)
