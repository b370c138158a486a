"""Several lesions: what is refused and named, tables, tumours of their own, stopping.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import logging

import krogh as kg
import numpy as np
import pytest
from krogh.errors import DataError, SolverError, SpecError
from krogh.io import Image
from krogh.space import Grid
from krogh.tumour import Lesion, lesions

GRID = Grid((2, 3, 4), "2 mm")


@pytest.fixture(scope="module")
def study() -> kg.Study:
    return kg.Study("trastuzumab", "NCI-N87", "3.6 mg/kg", until="24 h", cells=8, rtol=1e-2)


@pytest.fixture(scope="module")
def result(study):
    half = np.zeros(GRID.shape, dtype=int)
    half[0] = 1
    half[1, 0] = 2
    return lesions(
        study,
        [
            Lesion("liver", vessel_density="60 1/mm^2", mask=Image(half, GRID, name="mask")),
            Lesion("node", grid=Grid((1, 1, 3), "1 mm"), target_density="50 nM"),
        ],
        times=["6 h", "24 h"],
    )


def test_maps_by_name_plasma_and_tables(result):
    assert list(result) == ["liver", "node"]
    assert result["liver"]["occupancy_HER2"].shape == (2, 2, 3, 4)
    assert result["node"].grid.num_voxels == 3
    assert result.converged
    assert result.is_complete
    assert result.change <= 0.1 * result.study.settings.rtol
    plasma = result.plasma["Cp_trastuzumab"]
    assert plasma.dims == ("time",)
    assert plasma.values[0] > plasma.values[-1] > 0.0
    table = result.summary(["total_trastuzumab"])
    assert table["name"].tolist() == ["liver", "liver", "node"]
    assert table["lesion"].tolist() == [1, 2, 1]
    assert table["volume"] == pytest.approx([12 * 8e-3, 4 * 8e-3, 3e-3])
    taken = result.taken()
    assert taken["lesion"].tolist() == ["liver", "node"]
    assert taken["share"][0] > 10.0 * taken["share"][1] > 0.0
    assert "2 lesions share one plasma, settled after" in str(result)
    assert "dose of trastuzumab: balanced to" in str(result)
    with pytest.raises(SpecError, match=r"KG-118: there is no lesion 'livr'.*liver"):
        result["livr"]


def test_plasma_is_lower_than_where_it_feels_nothing(result, study):
    alone = kg.tumour.lesion_map(study, vessel_density="60 1/mm^2", grid=GRID)
    felt = result.plasma["Cp_trastuzumab"].values[-1]
    assert felt < 0.97 * alone.plasma["Cp_trastuzumab"].values[-1]
    one = result["liver"].taken["share"][0]
    assert one == pytest.approx(result.taken()["share"][0], rel=1e-3)


def test_a_lesion_may_have_a_tumour_of_its_own(study):
    other = study.tumour.with_values(outer_radius="40 um")
    two = lesions(
        study,
        [Lesion("a", grid=GRID), Lesion("b", grid=GRID, tumour=other)],
    )
    same = lesions(
        study,
        [Lesion("a", grid=GRID), Lesion("b", grid=GRID, values={"outer_radius": "40 um"})],
    )
    name = "total_trastuzumab"
    assert np.allclose(two["b"].of_voxels(name), same["b"].of_voxels(name), rtol=1e-12)
    assert not np.allclose(two["b"].of_voxels(name), two["a"].of_voxels(name), rtol=1e-2)


def test_a_plasma_that_has_not_settled_is_an_error(study, caplog):
    given = [Lesion("a", grid=Grid((1, 1, 100), "2 mm"))]
    with pytest.raises(SolverError, match="KG-326: the plasma that 1 lesions share has not") as e:
        lesions(study, given, max_iterations=1)
    assert not e.value.result.converged
    assert e.value.result.iterations == 1
    with caplog.at_level(logging.WARNING, "krogh"):
        left = lesions(study, given, max_iterations=1, on_failure="return")
    assert not left.converged
    assert "has not settled" in caplog.text
    assert "NOT settled" in str(left)
    assert max(left.ledger()["largest imbalance"]) > 0.1  # and the balance says so


def test_what_does_not_fit_is_named(study):
    one = Lesion("a", grid=GRID)
    medium = kg.Study("trastuzumab", "NCI-N87", plasma={"trastuzumab": "10 nM"}, cells=8)
    cases = [
        (study, [], {}, "KG-112: lesions needs a list"),
        (study, one, {}, "KG-112: lesions needs a list"),
        (study, ["a"], {}, "KG-112: lesions needs krogh.tumour.Lesion, not str"),
        (study, [one, one], {}, "KG-112: two lesions are called 'a'"),
        (study, [Lesion("", grid=GRID)], {}, "KG-112: every lesion needs a name"),
        (study, [one], {"knots": 1}, "KG-119: knots must be a whole number from 2 on, not 1"),
        (study, [one], {"max_iterations": 0}, "KG-119: max_iterations"),
        (study, [one], {"tolerance": 0.0}, "KG-119: tolerance must lie between 0 and 1"),
        (study, [one], {"on_failure": "nan"}, "KG-119: on_failure"),
        (medium, [one], {}, "KG-112: the plasma of this study is given"),
        (
            study.with_values(tumour_volume="1 mL"),
            [one],
            {},
            "KG-112: the size of lesions follows from their voxels",
        ),
    ]
    for asked, given, options, text in cases:
        with pytest.raises(SpecError, match=text):
            lesions(asked, given, **options)
    with pytest.raises(DataError, match="KG-231: where do the voxels lie") as error:
        lesions(study, [one, Lesion("b")])
    assert error.value.__notes__ == ["in the lesion 'b'"]


def test_progress_is_told_by_pass_and_may_stop(study):
    seen: list[tuple[int, int]] = []

    def note(done: int, total: int, seconds: float) -> bool:
        assert seconds >= 0.0
        seen.append((done, total))
        return True

    given = [Lesion("a", grid=GRID), Lesion("b", grid=GRID)]
    result = lesions(study, given, progress=note)
    assert {total for _, total in seen} == {48}
    assert sum(done == 48 for done, _ in seen) == result.iterations + 1
    stopped = lesions(study, given, progress=lambda *_: False)
    assert not stopped.is_complete
    assert not stopped.converged
    assert len(stopped) == 0
    assert "NOT settled" in str(stopped)
