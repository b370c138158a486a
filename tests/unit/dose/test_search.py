"""The search: probabilities known exactly, common random numbers, none that holds, interruption.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import krogh as kg
import numpy as np
import pytest
from krogh.dose import Plan
from krogh.dose.files import load
from krogh.dose.probability import paired_difference, standard_error, wilson
from krogh.dose.search import SearchInterrupted
from krogh.errors import SolverError, SpecError

DAY = 86400.0
TROUGH = "plasma concentration of D >= 5 nM at 7 d"
DOSES = "30 .. 480 nmol in 5 values"


def finish(search: Any, **options: Any) -> Plan:
    arguments = {"num_threads": 1, "progress": None, "save": None, "batch": None, **options}
    plan: Plan = search.run(**arguments)
    return plan


def same(first: Plan, second: Plan) -> None:
    """Require equal plans, number for number."""
    for name in ("values", "reached", "exposure", "done", "failed"):
        np.testing.assert_array_equal(getattr(first.sample, name), getattr(second.sample, name))
    assert first.decision == second.decision
    assert str(first) == str(second)
    assert [c.regimen for c in first.candidates] == [c.regimen for c in second.candidates]
    assert (first.axes, first.settings) == (second.axes, second.settings)
    assert (first.drawn.names, first.drawn.units) == (second.drawn.names, second.drawn.units)
    np.testing.assert_array_equal(first.drawn.values, second.drawn.values)


# --- known answers --------------------------------------------------------------------------------


def test_probabilities_meet_the_closed_form(decay: Any, decay_problem: Any, search_of: Any) -> None:
    n = 20_000
    plan = finish(search_of(decay_problem(), dose=DOSES, reach=[TROUGH], tumours=n))
    table = plan.probabilities
    exact = [decay.exact(dose, 5.0, 7 * DAY) for dose in table["dose"]]
    assert min(exact) < 0.1
    assert max(exact) > 0.8
    for found, error, low, high, wanted in zip(
        table["P joint"], table["error"], table["low"], table["high"], exact, strict=True
    ):
        assert abs(found - wanted) < 4.0 * math.sqrt(wanted * (1.0 - wanted) / n)
        assert error == pytest.approx(math.sqrt(wanted * (1.0 - wanted) / n), rel=0.05)
        assert low <= found <= high
    assert np.all(np.diff(table["P joint"]) >= 0.0)  # the same tumours: more is never worse


def test_error_is_the_spread_over_seeds(decay: Any, decay_problem: Any, search_of: Any) -> None:
    n, dose = 200, "100 nmol"
    exact = decay.exact(100.0, 5.0, 7 * DAY)
    found, inside = [], 0
    for seed in range(200):
        search = search_of(decay_problem(), dose=dose, reach=[TROUGH], tumours=n, seed=seed)
        table = finish(search).probabilities
        found.append(table["P joint"][0])
        inside += bool(table["low"][0] <= exact <= table["high"][0])
    spread = math.sqrt(exact * (1.0 - exact) / n)
    assert np.std(found) == pytest.approx(spread, rel=0.15)
    assert np.mean(found) == pytest.approx(exact, abs=3.5 * spread / math.sqrt(200))
    assert 0.90 <= inside / 200 <= 0.99  # 95 % by construction


def test_joint_is_counted_and_no_product(decay: Any, decay_problem: Any, search_of: Any) -> None:
    reach = [TROUGH, "plasma AUC of D >= 150 nM d", "free of D >= 5 nM in 50 % of cells at 7 d"]
    plan = finish(search_of(decay_problem(), dose=DOSES, reach=reach, tumours=4000))
    table, joint = plan.probabilities, plan.sample.joint
    assert list(plan.sample.groups) == ["1 systemic", "2 tissue"]
    # every target wants a slow elimination: the joint is the rarest of them
    alone = plan.sample.reached[: len(plan.candidates)].mean(axis=2)
    np.testing.assert_allclose(table["P joint"], alone.min(axis=1))
    assert np.any(np.abs(table["P joint"] - alone.prod(axis=1)) > 0.05)
    np.testing.assert_array_equal(joint.mean(axis=1)[: len(plan.candidates)], table["P joint"])


def test_best_is_the_lowest_that_holds(decay: Any, decay_problem: Any, search_of: Any) -> None:
    doses = "100 .. 1000 nmol in 10 values linear"
    plan = finish(search_of(decay_problem(), dose=doses, reach=[TROUGH], tumours=4000))
    holds = [d for d in plan.probabilities["dose"] if decay.exact(d, 5.0, 7 * DAY) >= 0.8]
    assert plan.best is not None
    assert plan.best.doses[0].amount.value == holds[0]
    assert plan.label == "ESCALATE"  # the study's own is 100 nmol
    assert plan.stops is None
    assert "the lowest regimen that holds" in plan.explain()
    assert "dose +" in plan.explain()  # paired with the next lower dose


def test_limits_bar_high_doses(decay: Any, decay_problem: Any, search_of: Any) -> None:
    arguments = {"dose": "100 .. 1000 nmol in 10 values linear", "reach": [TROUGH], "tumours": 500}
    limit = ["plasma Cmax of D <= 250 nM"]
    plan = finish(search_of(decay_problem(), limits=limit, **arguments))
    held = plan.probabilities["P limits"]
    dose = plan.probabilities["dose"]
    assert np.all(held[dose <= 700.0] == 1.0)  # 750 nmol in 3 L are 250 nM
    assert np.all(held[dose > 760.0] == 0.0)
    tight = finish(search_of(decay_problem(), limits=["plasma Cmax of D <= 40 nM"], **arguments))
    assert tight.best is None
    assert (tight.stops, tight.label) == ("limits", "LIMITED BY TOXICITY")
    assert tight.decision.without["limits"] > 0.8
    assert "The limits stop it" in tight.explain()


def test_names_the_level_that_stops(decay: Any, decay_problem: Any, search_of: Any) -> None:
    reach = [TROUGH, "free of D >= 200 nM in 50 % of cells at 7 d"]
    plan = finish(search_of(decay_problem(), dose="100 .. 1000 nmol", reach=reach, tumours=400))
    assert plan.best is None
    assert plan.stops == "2 tissue"
    assert plan.label == "NOT DELIVERABLE"
    words = plan.explain()
    assert "NOT DELIVERABLE: no regimen of the space holds" in words
    assert "Level 2 tissue stops it" in words
    without = plan.decision.without
    assert without["2 tissue"] == pytest.approx(plan.level_probability(7)["1 systemic"])
    assert without["1 systemic"] < 0.5


def test_interval_counts_the_total(decay: Any, decay_problem: Any, search_of: Any) -> None:
    problem = decay_problem(until=42 * DAY)
    target = "plasma trough of D >= 5 nM"
    search = search_of(
        problem, dose="50, 100, 200, 400 nmol", interval="7 .. 21 d", reach=[target], tumours=1000
    )
    plan = finish(search)
    assert plan.joint.shape == (4, 3)
    assert np.all(np.diff(plan.joint, axis=0) >= 0.0)
    assert np.all(np.diff(plan.joint, axis=1) <= 0.0)
    assert plan.best is not None
    held = [c for c, p in zip(plan.candidates, plan.probabilities["P joint"], strict=True)
            if p >= 0.8]  # fmt: skip
    assert min(c.total.value for c in held) == sum(
        d.amount.value * (d.additional + 1) for d in plan.best
    )


# --- common random numbers ------------------------------------------------------------------------


def test_all_regimens_see_the_same_tumours(decay: Any, decay_problem: Any, search_of: Any) -> None:
    problem = decay_problem()
    finish(search_of(problem, dose=DOSES, reach=[TROUGH], tumours=300))
    drawn = [values for _, values, _ in problem.calls]
    assert len(drawn) == 6  # five doses and the study's own
    for values in drawn[1:]:
        np.testing.assert_array_equal(values, drawn[0])


def test_batches_and_threads_change_nothing(decay: Any, decay_problem: Any, search_of: Any) -> None:
    reach = [TROUGH, "free of D >= 5 nM in 50 % of cells for 40 % of the time"]
    arguments = {"dose": DOSES, "interval": "2 .. 6 d", "reach": reach, "tumours": 333}
    plans = []
    for batch, threads in ((None, 1), (64, 2), (100, 3), (1, 1)):
        search = search_of(decay_problem(), **arguments)
        plans.append(finish(search, batch=batch, num_threads=threads))
    for plan in plans[1:]:
        same(plan, plans[0])


def test_more_tumours_keep_the_first_ones(decay: Any, decay_problem: Any, search_of: Any) -> None:
    few = finish(search_of(decay_problem(), dose=DOSES, reach=[TROUGH], tumours=100))
    many = finish(search_of(decay_problem(), dose=DOSES, reach=[TROUGH], tumours=250))
    np.testing.assert_array_equal(few.sample.values, many.sample.values[:, :, :100])
    other = finish(search_of(decay_problem(), dose=DOSES, reach=[TROUGH], tumours=100, seed=2))
    assert np.any(few.sample.values != other.sample.values)


def test_differences_are_paired(decay: Any, decay_problem: Any, search_of: Any) -> None:
    plan = finish(search_of(decay_problem(), dose=DOSES, reach=[TROUGH], tumours=500))
    found = plan.compare(3, 2)
    joint = plan.sample.joint
    assert found.only_second == 0  # whoever is reached by less is reached by more
    assert found.value == pytest.approx(joint[3].mean() - joint[2].mean())
    spread = np.std(joint[3].astype(float) - joint[2]) / math.sqrt(500)
    assert found.error == pytest.approx(spread)
    unpaired = math.hypot(standard_error(joint[3].sum(), 500), standard_error(joint[2].sum(), 500))
    assert found.error < unpaired
    with pytest.raises(SpecError, match="KG-118"):
        plan.compare(3, 77)


# --- intervals ------------------------------------------------------------------------------------


def test_wilson_interval() -> None:
    low, high = wilson(np.array([0, 8, 10]), 10)
    assert low == pytest.approx([0.0, 0.4902, 0.7225], abs=1e-4)  # Newcombe 1998, table I form
    assert high == pytest.approx([0.2775, 0.9433, 1.0], abs=1e-4)


def test_paired_difference_of_equal_samples_is_zero() -> None:
    flags = np.array([True, False, True])
    found = paired_difference(flags, flags)
    assert (found.value, found.error, found.is_clear) == (0.0, 0.0, False)


# --- interruption and failure ---------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["json", "h5"])
def test_interrupted_search_goes_on_where_it_stopped(
    decay: Any, decay_problem: Any, search_of: Any, tmp_path: Path, ending: str
) -> None:
    if ending == "h5":
        pytest.importorskip("h5py")
    path = tmp_path / f"plan.{ending}"
    arguments = {"dose": DOSES, "reach": [TROUGH], "tumours": 120}
    whole = finish(search_of(decay_problem(), **arguments))

    def interrupt(calls: int) -> None:
        if calls == 3:
            raise KeyboardInterrupt

    with pytest.raises(SearchInterrupted) as caught:
        finish(search_of(decay_problem(before_run=interrupt), **arguments), save=path)
    partial = caught.value.plan
    assert int(partial.sample.done.sum()) == 3
    assert not partial.is_complete
    assert "3 of 6 regimens were finished" in str(caught.value)
    same(load(path), partial)
    assert list(tmp_path.iterdir()) == [path]  # no half-written file

    problem = decay_problem()
    again = search_of(problem, **arguments)
    again.adopt(load(path))
    plan = finish(again, save=path)
    assert len(problem.calls) == 3
    same(plan, whole)
    same(load(path), whole)


def test_partial_plan_prints_and_draws_no_conclusion(
    decay: Any, decay_problem: Any, search_of: Any
) -> None:
    def interrupt(calls: int) -> None:
        if calls == 2:
            raise KeyboardInterrupt

    search = search_of(decay_problem(before_run=interrupt), dose=DOSES, reach=[TROUGH])
    with pytest.raises(SearchInterrupted) as caught:
        finish(search)
    plan = caught.value.plan
    assert plan.label == "UNFINISHED"
    assert "(of 5)" in plan.explain()
    assert "-" in str(plan)
    assert plan.to_frame()["P joint"].isna().sum() == 4


def test_progress_counts_lines_and_can_stop(decay: Any, decay_problem: Any, search_of: Any) -> None:
    seen: list[tuple[int, int]] = []

    def progress(done: int, total: int, seconds: float) -> bool:
        seen.append((done, total))
        return done < 400

    with pytest.raises(SearchInterrupted) as caught:
        finish(search_of(decay_problem(), dose=DOSES, reach=[TROUGH]), progress=progress)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {total for _, total in seen} == {6 * 200}
    assert int(caught.value.plan.sample.done.sum()) == 2


def test_failed_lines_count_against_and_are_told(
    decay: Any, decay_problem: Any, search_of: Any
) -> None:
    def fails(values: Any) -> Any:
        return np.asarray(values["k"]) < np.quantile(np.asarray(values["k"]), 0.05)

    good = finish(search_of(decay_problem(), dose="400 nmol", reach=[TROUGH]))
    bad = finish(search_of(decay_problem(fails=fails), dose="400 nmol", reach=[TROUGH]))
    lost = int(bad.sample.failed[0])
    assert lost == 10
    assert bad.sample.joint[0].sum() == good.sample.joint[0].sum() - lost  # slow ones reach it
    assert "could not be solved" in bad.explain()


def test_mostly_failed_regimen_raises_with_the_plan(
    decay: Any, decay_problem: Any, search_of: Any
) -> None:
    def fails(values: Any) -> Any:
        return np.ones(len(values["k"]), dtype=bool)

    with pytest.raises(SolverError, match=r"KG-310.*200 of 200") as caught:
        finish(search_of(decay_problem(fails=fails), dose=DOSES, reach=[TROUGH]))
    assert isinstance(caught.value.result, Plan)
    assert not caught.value.result.sample.done.any()


# --- files and exports ----------------------------------------------------------------------------


@pytest.fixture
def plan(decay_problem: Any, search_of: Any) -> Plan:
    search = search_of(
        decay_problem(until=14 * DAY),
        dose=DOSES,
        interval="2 .. 6 d",
        reach=["plasma trough of D >= 5 nM", "level 4: free of D >= 1 nM in 50 % of cells"],
        limits=["Cmax of D <= 150 nM"],
        tumours=64,
    )
    return finish(search)


@pytest.mark.parametrize("ending", ["json", "h5"])
def test_files_read_back_number_for_number(plan: Plan, tmp_path: Path, ending: str) -> None:
    if ending == "h5":
        pytest.importorskip("h5py")
    path = plan.save(tmp_path / f"plan.{ending}")
    again = Plan.load(path)
    same(again, plan)
    same(kg.open(path), plan)
    assert again.targets == plan.targets
    assert again.limits == plan.limits


def test_files_that_are_no_plan(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"KG-133.*\.json or \.h5"):
        plan.save(tmp_path / "plan.txt")
    with pytest.raises(SpecError, match="KG-133"):
        plan.save(tmp_path / "no" / "plan.json")
    with pytest.raises(SpecError, match=r"KG-158.*no file"):
        load(tmp_path / "absent.json")
    other = tmp_path / "other.json"
    for text in ("{}", "[]", "nonsense", '{"format": "krogh-plan", "version": 99}'):
        other.write_text(text)
        with pytest.raises(SpecError, match="KG-158"):
            load(other)
    cut = tmp_path / "cut.json"
    plan.save(cut)
    cut.write_text(cut.read_text()[:-500])
    with pytest.raises(SpecError, match="KG-158"):
        load(cut)


def test_exports(plan: Plan) -> None:
    frame = plan.to_frame()
    assert len(frame) == 15
    assert frame["regimen"][0] == str(plan.candidates[0].regimen)
    data = plan.to_xarray()
    assert data["P joint"].dims == ("dose", "interval")
    np.testing.assert_array_equal(data["P joint"].values, plan.joint)
    assert data["dose"].attrs["units"] == "nmol"
    assert "<table>" in plan._repr_html_()
    assert repr(plan).startswith("Plan(")


def test_pictures_have_axes_with_units(plan: Plan, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for draw, labels in (
        (plan.plot, ("dose (nmol)", "interval (d)")),
        (plan.plot_tradeoff, ("median plasma AUC of D (nM d)", "joint attainment (% of tumours)")),
    ):
        figure = draw(tmp_path / "picture.png")
        axes = figure.axes[0]
        assert (axes.get_xlabel(), axes.get_ylabel()) == labels
        assert (tmp_path / "picture.png").stat().st_size > 5000
    curve = plan.plot(at={"interval": 4.0}).axes[0]
    assert curve.get_xlabel() == "dose (nmol)"
    with pytest.raises(SpecError, match=r"KG-118.*Did you mean 'interval'"):
        plan.plot(at={"intervall": 4.0})
    with pytest.raises(SpecError, match="KG-118"):
        plan.plot(at={"interval": 5.0})


def test_report_stands_alone(plan: Plan, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    text = plan.report(tmp_path / "decision.html").read_text(encoding="utf-8")
    assert text.count("data:image/png;base64,") == 2
    assert "http" not in text.replace("http-equiv", "")
    assert text.count("<tr class=") == len(plan.candidates)
    assert text.count("<tr class='best'>") == (plan.best is not None)
    assert plan.settings.fingerprint in text
    assert "&gt;= 5 nM" in text
    assert "not a medical device" in text
    with pytest.raises(SpecError, match=r"KG-133.*\.html"):
        plan.report(tmp_path / "decision.pdf")


def test_drivers_name_the_value_that_decides(
    decay: Any, decay_problem: Any, search_of: Any
) -> None:
    class Noisy(decay_problem):  # type: ignore[misc, valid-type]
        """The elimination decides; a copy of it and noise do nothing of their own."""

        def tumours(self, seed: int, count: int) -> dict[str, Any]:
            found = super().tumours(seed, count)
            noise = np.random.default_rng(7).normal(size=count)
            return {"noise": noise, "k": (found["k"], "1/s"), "k_too": 2.0 * found["k"]}

        def run(self, regimen: Any, times: Any, outputs: Any, values: Any, *rest: Any) -> Any:
            return super().run(regimen, times, outputs, {"k": values["k"][0]}, *rest)

    plan = finish(search_of(Noisy(), dose="200 nmol", reach=[TROUGH], tumours=600))
    first, second = plan.drivers()
    assert first.names == ("k", "k_too")
    assert first.unit == "1/s"
    joint = plan.sample.joint[0]
    order = np.argsort(plan.drawn.values[1])
    assert first.low == joint[order[:200]].mean()
    assert first.high == joint[order[-200:]].mean()
    assert first.difference < 0.0  # a fast elimination reaches less
    assert first.is_clear
    assert not second.is_clear
    assert "What differs most between tumours that do and do not: k (" in plan.explain()
    assert "noise" not in plan.explain()


# --- labels ---------------------------------------------------------------------------------------


def test_free_drug_without_engagement_is_an_inaccessible_target(
    decay: Any, decay_problem: Any, search_of: Any
) -> None:
    reach = [
        "free of D >= 0.1 nM in 50 % of cells at 7 d",
        "level 3: free of D >= 900 nM in 50 % of cells at 7 d",
    ]
    plan = finish(search_of(decay_problem(), dose="400, 800 nmol", reach=reach))
    assert (plan.label, plan.stops) == ("INACCESSIBLE TARGET", "3 engagement")
    assert "Free drug is there but the target is not held" in plan.explain()


def test_between_half_and_the_confidence_is_not_certain_enough(
    decay: Any, decay_problem: Any, search_of: Any
) -> None:
    dose = 400.0
    exact = decay.exact(dose, 5.0, 7 * DAY)
    search = search_of(
        decay_problem(),
        dose=f"{dose:g} nmol",
        reach=[TROUGH],
        tumours=2000,
        confidence=0.5 * (1.0 + exact),
    )
    plan = finish(search)
    assert 0.5 < plan.probabilities["P joint"][0] < search.settings.confidence
    assert (plan.label, plan.stops) == ("NOT CERTAIN ENOUGH", "1 systemic")


@pytest.mark.parametrize(
    ("own", "space", "label"),
    [
        ("100 nmol every 2 d", {"dose": "50 nmol"}, "DE-ESCALATE"),
        ("100 nmol every 2 d", {"dose": "100 nmol"}, "HOLD"),
        ("100 nmol every 2 d", {"dose": "200 nmol"}, "ESCALATE"),
        ("100 nmol every 2 d", {"interval": "3 d"}, "DE-ESCALATE"),
        ("100 nmol every 2 d", {"dose": "200 nmol", "interval": "4 d"}, "CHANGE SCHEDULE"),
        ("D 100 nmol every 2 d", {"add": {"carrier": "2 x"}}, "CHANGE CARRIER"),
        ("D 100 nmol every 2 d + carrier 200 nmol every 2 d", {"add": {"carrier": "2 x"}}, "HOLD"),
    ],
)
def test_labels_compare_with_the_studys_own_regimen(
    decay_problem: Any, search_of: Any, own: str, space: dict[str, Any], label: str
) -> None:
    problem = decay_problem(regimen=kg.Regimen(own), until=8 * DAY)
    plan = finish(search_of(problem, reach=["Cmax of D >= 1 nM"], tumours=20, **space))
    assert plan.best is not None
    assert plan.label == label


def test_close_calls_are_said_to_be_close(decay: Any, decay_problem: Any, search_of: Any) -> None:
    exact = decay.exact(200.0, 5.0, 7 * DAY)
    arguments = {"dose": "200 nmol", "reach": [TROUGH], "tumours": 100}
    close = finish(search_of(decay_problem(), confidence=exact, **arguments))
    assert not close.decision.is_separated
    assert "with other tumours the answer may differ" in close.explain()
    clear = finish(search_of(decay_problem(), confidence=0.05, **arguments))
    assert clear.decision.is_separated
    assert "may differ" not in clear.explain()
