"""The demo on antibodies: four ratios, targets that only the highest reaches, the decision.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from krogh.demo import TDM1Answer, answer_tdm1
from krogh.demo.tdm1 import RATIOS, TARGETS, TDM1Interrupted, label, study_of


@pytest.fixture(scope="module")
def answer() -> TDM1Answer:
    return answer_tdm1(tumours=60, seed=0)


def at(answer: TDM1Answer, key: str) -> list[float]:
    return [result.value(key) for result in answer.results.values()]


def test_trastuzumab_widens_the_front_and_thins_it_at_the_same_uptake(answer: TDM1Answer) -> None:
    assert np.all(np.diff(at(answer, "mean occupancy:HER2")) > 0.0)
    assert np.all(np.diff(at(answer, "depth:TDM1")) > 0.0)
    mean = at(answer, "mean uptake_TDM1")
    assert mean == pytest.approx([mean[0]] * 4, rel=0.1)
    wall = [r.tissue["uptake_TDM1"].values[0, -1, 0] for r in answer.results.values()]
    assert np.all(np.diff(wall) < 0.0)
    assert wall[0] / wall[-1] == pytest.approx(6.7, rel=0.02)


def test_only_eight_to_one_reaches_the_targets(answer: TDM1Answer) -> None:
    for target in TARGETS:
        reached = [
            bool(next(t for t in r.targets if t.text == target).reached[0])
            for r in answer.results.values()
        ]
        assert reached == [False, False, False, True]


def test_the_profiles_are_those_of_the_explicit_benchmark_within_what_is_added() -> None:
    """BENCH-N87 has no payload and no deconjugation; occupancy hardly feels either."""
    occupied = {0: 0.0509, 3: 0.2027, 8: 0.4548}
    for ratio, expected in occupied.items():
        result = study_of(ratio).run(progress=False)
        values = result.tissue["occupancy_HER2"].values[0, -1]
        volumes = np.ravel(result.volumes.values)
        assert values @ volumes / volumes.sum() == pytest.approx(expected, rel=0.01)


def test_the_decision_and_its_probabilities(answer: TDM1Answer) -> None:
    plan = answer.plan
    assert plan is not None
    assert plan.is_complete
    joint = plan.probabilities["P joint"]
    assert len(joint) == 9
    assert joint[8] > joint[3] > joint[0]  # the same tumours at every ratio
    again = answer_tdm1(tumours=60, seed=0).plan
    assert again is not None
    assert np.array_equal(again.probabilities["P joint"], joint)


def test_tables_have_a_column_for_each_ratio(answer: TDM1Answer) -> None:
    table = answer.table()
    assert set(map(label, RATIOS)) <= set(table)
    assert sorted({row["level"] for row in table.rows()})[0] == "1 systemic"
    added = [row for row in table.rows() if row["measure"].startswith("trastuzumab")]
    assert added
    assert all(np.isnan(row["1:0"]) and np.isfinite(row["1:8"]) for row in added)
    profiles = answer.profiles()
    cells = answer.results[0].num_cells
    assert len(profiles) == 4 * cells
    distance = profiles["distance"].reshape(4, cells)
    assert np.all(np.diff(distance, axis=1) > 0.0)
    assert np.all(np.diff(profiles["uptake_TDM1"].reshape(4, cells), axis=1) < 0.0)


def test_an_interrupted_search_keeps_the_ratios_and_the_regimens_that_are_done() -> None:
    def stop(what: str, share: float) -> None:
        if share > 0.75:
            raise KeyboardInterrupt

    with pytest.raises(TDM1Interrupted) as caught:
        answer_tdm1(tumours=20, progress=stop)
    found = caught.value.answer
    assert list(found.results) == list(RATIOS)
    assert found.plan is not None
    assert not found.plan.is_complete
    assert 0 < np.sum(found.plan.sample.done) < 9


def test_progress_rises_to_one() -> None:
    seen: list[float] = []
    answer_tdm1(tumours=20, progress=lambda what, share: seen.append(share))
    assert seen == sorted(seen)
    assert seen[0] == 0.0
    assert seen[-1] == pytest.approx(1.0)
