"""optimize() and ladder() on a study of the library: T-DM1 and trastuzumab in NCI-N87.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import krogh as kg
import numpy as np
import pytest
from krogh.dose import Plan, SearchInterrupted, Target, ladder, optimize
from krogh.dose.of_study import StudyProblem
from krogh.errors import SpecError

OCCUPANCY = "occupancy >= 50 % in 50 % of viable cells"
PAYLOAD = "payload >= 1e5 per cell in 50 % of cells"
TROUGH = "plasma trough >= 5 ug/mL"
SMALL = {"tumours": 24, "cells": 12, "progress": False}


@pytest.fixture(scope="module")
def study() -> Any:
    return kg.Study("T-DM1", "NCI-N87", "3.6 mg/kg", until="24 h", comparator=False)


@pytest.fixture(scope="module")
def plan(study: Any) -> Plan:
    found: Plan = study.optimize(
        dose="1.8, 3.6, 7.2 mg/kg",
        add={"Herceptin": "0, 3, 8 x"},
        reach=[OCCUPANCY, PAYLOAD, TROUGH],
        limits=["Cmax <= 200 ug/mL"],
        **SMALL,
    )
    return found


def test_added_drugs_come_from_the_library(plan: Plan) -> None:
    assert [axis.name for axis in plan.axes] == ["dose", "trastuzumab"]
    assert str(plan.candidates[5].regimen) == "T-DM1 3.6 mg/kg + trastuzumab 28.8 mg/kg"
    assert plan.settings.main == "T-DM1"
    assert plan.is_complete
    assert "permeability_TDM1" in plan.settings.uncertain
    assert plan.settings.about["cells"] == "12"


def test_naked_antibody_raises_occupancy_and_more_drug_the_payload(plan: Plan) -> None:
    occupied = plan.sample.values[:9, 0].reshape(3, 3, -1)
    assert np.all(np.diff(occupied, axis=1) >= -1e-9)  # in every single tumour
    payload = plan.sample.values[:9, 1].reshape(3, 3, -1)
    assert np.all(np.diff(payload, axis=0) >= -1e-9)
    joint = plan.joint
    assert np.all(np.diff(joint, axis=0) >= 0.0)
    assert joint[2, 2] > joint[0, 0]


def test_targets_mean_the_studys_own_drug(plan: Plan) -> None:
    # 'plasma trough' of T-DM1 although trastuzumab was added: it does not change with the ratio
    trough = plan.sample.values[:9, 2].reshape(3, 3, -1)
    np.testing.assert_allclose(trough[:, 0], trough[:, 2], rtol=0.02)
    np.testing.assert_allclose(trough[2], 4.0 * trough[0], rtol=0.02)
    limit = plan.sample.values[:9, 3].reshape(3, 3, -1)
    np.testing.assert_allclose(limit[1, 0], 72.0, rtol=0.02)  # 3.6 mg/kg x 20 g / 1 mL


def test_tumours_threads_and_batches_give_the_same_bits(study: Any, plan: Plan) -> None:
    for options in ({"num_threads": 1}, {"batch": 5, "num_threads": 2}, {"batch": 1}):
        other = study.optimize(
            dose="1.8, 3.6, 7.2 mg/kg",
            add={"trastuzumab": "0, 3, 8 x"},
            reach=[OCCUPANCY, PAYLOAD, TROUGH],
            limits=["Cmax <= 200 ug/mL"],
            **SMALL,
            **options,
        )
        np.testing.assert_array_equal(other.sample.values, plan.sample.values)
        np.testing.assert_array_equal(other.sample.exposure, plan.sample.exposure)


def test_values_are_those_of_a_run_of_the_study(study: Any, plan: Plan) -> None:
    problem = StudyProblem(study, ["trastuzumab"], cells=12, rtol=1e-2)
    drawn = problem.tumours(0, 24)
    both = kg.Study(
        ["T-DM1", "trastuzumab"],
        "NCI-N87",
        "T-DM1 3.6 mg/kg + trastuzumab 10.8 mg/kg",
        until="24 h",
        cells=12,
        rtol=1e-2,
        comparator=False,
    )
    result = both.run(values=drawn, progress=False)
    for k, text in enumerate((OCCUPANCY, PAYLOAD)):
        found = Target(text).evaluate(result, names=problem.names)
        np.testing.assert_allclose(found.values, plan.sample.values[4, k], atol=0.5)


def test_exposure_is_the_area_under_the_plasma_curve(study: Any) -> None:
    coarse = study.optimize(dose="3.6 mg/kg", reach=PAYLOAD, **SMALL)
    problem = StudyProblem(study, cells=12, rtol=1e-4)
    values = problem.tumours(0, 24)
    times = np.linspace(0.0, 86400.0, 4001)
    readings, _ = problem.run(study.regimen, times, ("payload_TDM1",), values, 0, None)
    curve = readings.plasma("Cp_TDM1").copy()
    curve[:, 0] = curve[:, 1]
    area = np.trapezoid(curve, times / 86400.0, axis=1) * 148.781e-3
    np.testing.assert_allclose(coarse.sample.exposure[0], area, rtol=5e-3)


def test_intervals_are_repeated_until_the_end(study: Any) -> None:
    plan = study.optimize(
        dose="1.8, 3.6 mg/kg",
        interval="4, 8 h",
        reach=["plasma trough >= 1 ug/mL", "mean occupancy >= 1 % for 50 % of the time"],
        tumours=4,
        cells=8,
        progress=False,
    )
    assert [c.number for c in plan.candidates] == [6, 3, 6, 3]
    trough = plan.sample.values[:4, 0]
    assert np.all(trough[0] > trough[1])
    assert np.all(trough[2] > trough[0])


def test_trough_and_peak_are_those_of_the_plasma_alone(study: Any) -> None:
    # the run ends 4 h after the third dose, so the last trough is the one before that dose
    plan = kg.Study("T-DM1", "NCI-N87", "3.6 mg/kg over 30 min every 8 h", until="20 h").optimize(
        dose="3.6 mg/kg",
        reach=["plasma trough >= 1 nM", "plasma Cmax >= 1 nM", "plasma AUC >= 1 nM h",
               "plasma average >= 1 nM after 8 h", "plasma time above 300 nM >= 1 h",
               "plasma concentration >= 300 nM for 10 % of the time"],
        tumours=6, cells=8, rtol=1e-6, progress=False,
    )  # fmt: skip
    values = StudyProblem(study, cells=8).tumours(0, 6)
    systemic, _ = study.models
    known = {name: value for name, value in values.items() if name in systemic.parameters}
    exact = kg.simulate(
        systemic,
        "T-DM1 3.6 mg/kg over 30 min every 8 h x 3",
        subjects=6,
        values=known,
        weight="20 g",
        times=(np.linspace(0.0, 20.0, 8001), "h"),
        windows=[("0 h", "8 h"), ("8 h", "16 h"), ("0 h", "20 h"), ("8 h", "20 h")],
        thresholds={"Cp_TDM1": "300 nM"},
    ).exposure("Cp_TDM1")

    def metric(name: str, window: str) -> Any:
        return exact.where(window=window)[name]

    found = plan.sample.values[0]
    np.testing.assert_allclose(found[0], metric("trough", "8 h .. 16 h"), rtol=1e-4)
    np.testing.assert_allclose(found[1], metric("Cmax", "0 h .. 20 h"), rtol=1e-4)
    np.testing.assert_allclose(found[2], metric("AUC", "0 h .. 20 h"), rtol=2e-3)
    np.testing.assert_allclose(found[3], metric("Cavg", "8 h .. 20 h"), rtol=2e-3)
    np.testing.assert_allclose(found[4], metric("time_above", "0 h .. 20 h"), atol=0.05)
    np.testing.assert_allclose(found[5], metric("time_above", "0 h .. 20 h") / 0.2, atol=0.25)


def test_well_mixed_results_are_judged_too(study: Any) -> None:
    problem = StudyProblem(study, cells=8)
    values = problem.tumours(0, 5)
    mixed = study.well_mixed(values=values, progress=False)
    found = Target(PAYLOAD).evaluate(mixed, names=problem.names)
    assert set(found.values) <= {0.0, 100.0}
    model = kg.line.well_mixed(study.models[1], study.shape, systemic=study.models[0])
    point = kg.simulate(
        model, "T-DM1 3.6 mg/kg", subjects=3, until="24 h", weight="20 g", metrics=False
    )
    mean = Target("mean occupancy >= 1 %").evaluate(point)
    np.testing.assert_allclose(mean.values, 100.0 * point["occupancy_HER2"].values[:, -1])
    trough = Target("plasma trough of TDM1 >= 1 nM").evaluate(point)
    np.testing.assert_allclose(trough.values, point["Cp_TDM1"].values[:, -1])
    # a lone cell does not know that the far ones are empty: it over-predicts coverage
    line = study.run(values=values, progress=False)
    covered = Target("occupancy >= 5 % in 50 % of cells")
    share = covered.evaluate(line, names=problem.names).share
    assert covered.evaluate(mixed, names=problem.names).share >= share


def test_results_know_their_drugs_and_doses() -> None:
    study = kg.Study("T-DM1", "NCI-N87", "3.6 mg/kg every 8 h", until="20 h", cells=8)
    result = study.run(progress=False)
    curve, hours = result.plasma["Cp_TDM1"].values[0], result.times.values
    trough = Target("plasma trough of Kadcyla >= 5 ug/mL").evaluate(result)
    before = curve[hours < 16.0 - 1e-9][-1]
    assert trough.values[0] == pytest.approx(before * 148.781e-3)
    line = kg.simulate_line(**study.line_arguments())
    mass = Target("plasma concentration of TDM1 >= 5 ug/mL").evaluate(line)
    assert mass.values[0] == pytest.approx(curve[-1] * 148.781e-3)


def test_targets_of_the_study_are_the_default() -> None:
    study = kg.Study("T-DM1", "NCI-N87", "3.6 mg/kg", targets=[PAYLOAD])
    plan = study.optimize(dose="3.6 mg/kg", tumours=3, cells=8, progress=False)
    assert plan.targets == (Target(PAYLOAD),)
    assert len(plan.candidates) == 1


def test_several_drugs_need_a_name_in_the_target() -> None:
    study = kg.Study(["T-DM1", "trastuzumab"], "NCI-N87", "T-DM1 1 mg/kg + trastuzumab 1 mg/kg")
    with pytest.raises(SpecError, match=r"KG-153.*Write 'plasma trough of T-DM1'"):
        study.optimize(dose="1, 2 mg/kg", reach=TROUGH, **SMALL)
    plan = study.optimize(
        dose="1, 2 mg/kg", reach="plasma trough of trastuzumab >= 1 ug/mL", main="trastuzumab",
        **SMALL,
    )  # fmt: skip
    assert str(plan.candidates[1].regimen) == "trastuzumab 2 mg/kg + T-DM1 1 mg/kg"


def test_interrupted_optimize_is_resumed_from_its_file(study: Any, tmp_path: Path) -> None:
    arguments = {"dose": "1.8, 3.6, 7.2 mg/kg", "reach": [OCCUPANCY, PAYLOAD], **SMALL}
    whole = optimize(study, **arguments)
    path = tmp_path / "plan.json"
    seen: list[int] = []

    def stop(done: int, total: int, seconds: float) -> bool:
        seen.append(done)
        return done <= 40

    with pytest.raises(SearchInterrupted) as caught:
        optimize(study, **{**arguments, "progress": stop}, save=path)
    partial = caught.value.plan
    assert 0 < partial.sample.done.sum() < 3
    assert path.exists()
    resumed = optimize(study, **arguments, save=path)
    np.testing.assert_array_equal(resumed.sample.values, whole.sample.values)
    assert str(resumed) == str(whole)
    again = optimize(study, **arguments, resume=partial)
    np.testing.assert_array_equal(again.sample.values, whole.sample.values)
    np.testing.assert_array_equal(Plan.load(path).sample.values, whole.sample.values)


def test_file_of_another_search_is_not_taken(study: Any, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    arguments = {"dose": "1.8, 3.6 mg/kg", "reach": PAYLOAD, "save": path, **SMALL}
    optimize(study, **arguments)
    for other in (
        {"seed": 1},
        {"reach": OCCUPANCY},
        {"dose": "1.8, 3.7 mg/kg"},
        {"tumours": 25},
        {"cells": 13},
        {"until": "48 h"},
    ):
        with pytest.raises(SpecError, match=r"KG-158.*another search"):
            optimize(study, **{**arguments, **other})
    changed = study.with_values({"drug.permeability": "4e-7 cm/s"})
    with pytest.raises(SpecError, match="KG-158"):
        optimize(changed, **arguments)
    anew = optimize(study, **{**arguments, "seed": 1}, resume=False)
    assert Plan.load(path).settings == anew.settings
    # confidence and risk are the reader's: the same numbers serve another rule
    strict = optimize(study, **{**arguments, "seed": 1, "confidence": 0.99})
    assert strict.settings.confidence == 0.99


def test_ladder_has_the_four_levels(study: Any) -> None:
    table = ladder(
        study, "1.8, 3.6 mg/kg", add={"trastuzumab": "0, 8 x"}, reach=[PAYLOAD], cells=16
    )
    assert len(table) == 4
    names = list(table)
    assert [name[0] for name in names if name[0].isdigit()] == list("1122344444")[: len(names) - 2]
    occupancy = table["3 mean occupancy of HER2"]
    assert occupancy[1] > occupancy[0]
    assert table["1 plasma Cmax of T-DM1"] == pytest.approx([36.0, 36.0, 72.0, 72.0], rel=0.01)
    assert set(table[names[-1]]) <= {"reached", "not reached"}
    row = study.with_values({"settings.cells": 16}).run(progress=False)
    mean = np.average(row["occupancy_HER2"].values[0, -1], weights=row.volumes.values[0])
    assert occupancy[2] == pytest.approx(100.0 * mean, rel=0.01)


CHILD = """
import sys, time
import krogh as kg
from krogh.dose import SearchInterrupted
study = kg.Study("T-DM1", "NCI-N87", "3.6 mg/kg")
small = dict(reach="payload >= 1e5 per cell in 50 % of cells", progress=False)
study.optimize(dose="3.6 mg/kg", tumours=8, **small)  # all is loaded
print("ready", flush=True)
try:
    study.optimize(dose="1.2 .. 9.6 mg/kg", add={"trastuzumab": "0 .. 8 x"}, tumours=5000, **small)
except SearchInterrupted as stop:
    print("interrupted", time.time(), stop.plan.sample.tumours, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of this kind do not exist here")
def test_control_c_is_honoured_within_a_tenth_of_a_second() -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(1.0)
        assert child.poll() is None
        sent = time.time()
        child.send_signal(signal.SIGINT)
        word, when, tumours = child.stdout.readline().split()
        assert (word, tumours) == ("interrupted", "5000")
        # 0.1 s, and what a busy machine adds
        allowance = 0.0 if os.getloadavg()[0] < (os.cpu_count() or 1) else 0.4
        assert float(when) - sent < 0.1 + allowance
        assert child.wait(timeout=10.0) == 0
    finally:
        child.kill()
        child.wait()
        assert child.stdout is not None
        child.stdout.close()


def test_plans_carry_what_they_rest_on(plan: Plan, tmp_path: Path) -> None:
    content = json.loads(plan.save(tmp_path / "plan.json").read_text())
    about = content["settings"]["about"]
    assert about["drugs"] == "T-DM1, trastuzumab"
    assert about["tumour"] == "NCI-N87"
    assert about["version"] == kg.__version__
    assert content["settings"]["fingerprint"] == plan.settings.fingerprint
