"""Targets against numbers worked out by hand: shares by volume, times, plasma measures, units.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from krogh.dose import Target
from krogh.dose.readings import Names
from krogh.dose.shares import area, share_of_cells, share_of_time
from krogh.errors import SpecError, UnitError

HOUR = 3600.0


def value(text: str, readings: Any, **options: Any) -> float:
    return float(Target(text).evaluate(readings, **options).values[0])


# --- shares of cells ------------------------------------------------------------------------------


def test_share_counts_volumes(stand_in: Any) -> None:
    # Volumes 1, 2, 3, 4: the middles lie at 0.5, 2, 4.5, 8 of 10.  Between 100 % (at 2) and 0 %
    # (at 4.5) the half is passed at 3.25.
    readings = stand_in([0.0], {"occupancy_R": [[[1.0, 1.0, 0.0, 0.0]]]}, volumes=[1, 2, 3, 4])
    assert value("occupancy >= 50 % in 30 % of cells", readings) == pytest.approx(32.5)
    assert value("occupancy >= 80 % in 30 % of cells", readings) == pytest.approx(25.0)
    assert value("occupancy <= 80 % in 30 % of cells", readings) == pytest.approx(75.0)


def test_share_counts_living_cells(stand_in: Any) -> None:
    # Weights 1*1, 2*0.5, 3*0, 4*0.5 = 1, 1, 0, 2; middles at 0.5, 1.5, 2, 3 of 4; the fall from 1
    # to 0 lies between the second and the third middle, its half at 1.75.
    readings = stand_in(
        [0.0],
        {"occupancy_R": [[[1.0, 1.0, 0.0, 0.0]]], "viable": [[[1.0, 0.5, 0.0, 0.5]]]},
        volumes=[1, 2, 3, 4],
    )
    assert value("occupancy >= 50 % in 30 % of viable cells", readings) == pytest.approx(43.75)
    assert value("occupancy >= 50 % in 30 % of cells", readings) == pytest.approx(32.5)


def test_without_living_cells_nothing_is_lacking(stand_in: Any) -> None:
    readings = stand_in(
        [0.0], {"occupancy_R": [[[0.0, 0.0]]], "viable": [[[0.0, 0.0]]]}, volumes=[1, 2]
    )
    assert value("occupancy >= 50 % in 30 % of viable cells", readings) == 100.0


def test_one_cell_is_all_or_nothing(stand_in: Any) -> None:
    readings = stand_in([0.0], {"occupancy_R": [[[0.7]], [[0.3]]]})
    found = Target("occupancy >= 50 % in 90 % of cells").evaluate(readings)
    assert found.values.tolist() == [100.0, 0.0]
    assert found.reached.tolist() == [True, False]


def test_each_line_has_its_own_volumes(stand_in: Any) -> None:
    profile = [[[1.0, 0.0]], [[1.0, 0.0]]]
    readings = stand_in([0.0], {"occupancy_R": profile}, volumes=[[1.0, 1.0], [1.0, 3.0]])
    found = Target("occupancy >= 50 % in 50 % of cells").evaluate(readings)
    assert found.values == pytest.approx([50.0, 100.0 * (0.5 + 1.0) / 4.0])
    assert found.reached.tolist() == [True, False]


def test_share_equals_that_of_the_finely_sampled_line() -> None:
    rng = np.random.default_rng(4)
    values, weights = rng.normal(size=(20, 12)), rng.uniform(0.1, 2.0, size=(20, 12))
    middle = np.cumsum(weights, axis=1) - 0.5 * weights
    for row, place, weight, share in zip(
        values, middle, weights, share_of_cells(values, weights), strict=True
    ):
        at = (np.arange(400_000) + 0.5) / 400_000 * weight.sum()
        assert share == pytest.approx(np.mean(np.interp(at, place, row) >= 0.0), abs=1e-5)


def test_share_of_time_equals_that_of_the_finely_sampled_line() -> None:
    rng = np.random.default_rng(5)
    values, times = rng.normal(size=(10, 9)), np.sort(rng.uniform(0.0, 5.0, 9))
    at = times[0] + (np.arange(400_000) + 0.5) / 400_000 * (times[-1] - times[0])
    for row, share in zip(values, share_of_time(values, times), strict=True):
        assert share == pytest.approx(np.mean(np.interp(at, times, row) >= 0.0), abs=1e-5)


def test_statistics_count_volumes(stand_in: Any) -> None:
    readings = stand_in([0.0], {"occupancy_R": [[[0.9, 0.5, 0.1, 0.2]]]}, volumes=[1, 2, 3, 4])
    assert value("mean occupancy >= 50 %", readings) == pytest.approx(
        100.0 * (0.9 + 1.0 + 0.3 + 0.8) / 10.0
    )
    assert value("lowest occupancy >= 50 %", readings) == pytest.approx(10.0)
    assert value("highest occupancy >= 50 %", readings) == pytest.approx(90.0)
    # sorted 0.1, 0.2, 0.5, 0.9 with weights 3, 4, 2, 1: middles 1.5, 5, 8, 9.5 of 10
    assert value("median occupancy >= 50 %", readings) == pytest.approx(20.0)


# --- time -----------------------------------------------------------------------------------------

TIMES = np.array([0.0, 1.0, 2.0, 3.0, 4.0]) * HOUR


@pytest.fixture
def two_halves(stand_in: Any) -> Any:
    """Two halves of the tissue: the first has drug in the first two hours, the other later."""
    first, second = [2.0, 2.0, 2.0, 0.0, 0.0], [0.0, 0.0, 2.0, 2.0, 2.0]
    profile = np.stack([first, first, second, second], axis=-1)[None]
    return stand_in(TIMES, {"free_D": profile}, units={"free_D": "nM"})


def test_order_of_cells_and_time_matters(two_halves: Any) -> None:
    # each cell is above 1 nM for 2.5 of 4 h, half of the cells at any moment
    each = "free >= 1 nM for 60 % of the time in 100 % of cells"
    line = "free >= 1 nM in 100 % of cells for 60 % of the time"
    assert value(each, two_halves) == pytest.approx(100.0)
    assert Target(each).evaluate(two_halves).reached[0]
    assert value(line, two_halves) < 30.0
    assert not Target(line).evaluate(two_halves).reached[0]


def test_half_of_the_cells_at_all_times(two_halves: Any) -> None:
    assert value("free >= 1 nM in 50 % of cells at all times", two_halves) == pytest.approx(50.0)
    assert value("free >= 1 nM at all times in 50 % of cells", two_halves) == pytest.approx(0.0)
    assert value("free >= 1 nM at some time in 50 % of cells", two_halves) == pytest.approx(100.0)
    assert value("free >= 1 nM in 50 % of cells at some time", two_halves) == pytest.approx(100.0)


def test_durations_are_in_their_own_unit(two_halves: Any) -> None:
    found = Target("free >= 1 nM in 50 % of cells for 150 min").evaluate(two_halves)
    assert (found.values[0], found.unit) == (pytest.approx(240.0), "min")
    assert value("free >= 1 nM for 2 h in 50 % of cells", two_halves) == pytest.approx(100.0)


def test_windows_limit_the_time(two_halves: Any) -> None:
    assert value("free >= 1 nM in 90 % of cells for 1 h between 1.5 h and 2.5 h", two_halves) > 0.2
    with pytest.raises(SpecError, match=r"KG-153.*outside the result"):
        value("free >= 1 nM in 90 % of cells for 1 h after 5 h", two_halves)


def test_moments_lie_between_recorded_times(stand_in: Any) -> None:
    readings = stand_in(TIMES, {"occupancy_R": np.array([[0.0], [0.4], [0.6], [0.8], [1.0]])[None]})
    assert value("mean occupancy >= 10 % at 90 min", readings) == pytest.approx(50.0)
    assert value("mean occupancy >= 10 %", readings) == pytest.approx(100.0)
    assert value("mean occupancy >= 10 % at the end", readings) == pytest.approx(100.0)
    assert value("lowest occupancy >= 10 % at all times after 1 h", readings) == pytest.approx(40.0)
    assert value("highest occupancy >= 10 % at some time until 3 h", readings) == pytest.approx(
        80.0
    )
    assert value("mean occupancy >= 50 % for 10 % of the time", readings) == pytest.approx(62.5)
    assert value("mean occupancy <= 50 % for 10 % of the time", readings) == pytest.approx(37.5)
    with pytest.raises(SpecError, match=r"KG-153.*5 h lies outside"):
        value("mean occupancy >= 10 % at 5 h", readings)


# --- plasma ---------------------------------------------------------------------------------------


def test_plasma_measures(stand_in: Any) -> None:
    times = np.linspace(0.0, 10.0, 401) * HOUR
    curve = 8.0 * np.exp(-times / HOUR / 4.0)
    readings = stand_in(times, plasma_values={"Cp_D": curve[None]})
    exact = 8.0 * 4.0 * (1.0 - np.exp(-2.5))
    assert value("Cmax >= 1 nM", readings) == 8.0
    assert value("AUC >= 1 nM h", readings) == pytest.approx(exact, rel=1e-12)
    assert value("AUC >= 1 nM d", readings) == pytest.approx(exact / 24.0, rel=1e-12)
    assert value("average >= 1 nM", readings) == pytest.approx(exact / 10.0, rel=1e-12)
    assert value("trough >= 1 nM", readings) == pytest.approx(8.0 * np.exp(-2.5))
    assert value("plasma time above 4 nM >= 1 h", readings) == pytest.approx(
        4.0 * np.log(2.0), rel=1e-4
    )
    assert value("AUC >= 1 nM h until 5 h", readings) == pytest.approx(
        32.0 * (1.0 - np.exp(-1.25)), rel=1e-12
    )
    assert value("plasma concentration >= 4 nM at 5 h", readings) == pytest.approx(
        8.0 * np.exp(-1.25)
    )


def test_area_is_exact_for_exponentials_and_lines() -> None:
    t = np.array([0.0, 1.0, 3.0, 7.0])
    assert area(np.exp(-t)[None], t)[0] == pytest.approx(1.0 - np.exp(-7.0), rel=1e-14)
    assert area(t[None], t)[0] == pytest.approx(24.5, rel=1e-14)
    assert area(np.array([[0.0, 2.0, 0.0, 0.0]]), t)[0] == pytest.approx(3.0)


def test_trough_is_before_the_last_dose(stand_in: Any) -> None:
    times = np.arange(0.0, 49.0) * HOUR
    curve = np.arange(49.0)[None]
    once = stand_in(times, plasma_values={"Cp_D": curve}, dose_times=np.array([0.0]))
    assert value("trough >= 1 nM", once) == 48.0
    whole = stand_in(times, plasma_values={"Cp_D": curve}, dose_times=np.array([0.0, 24.0]) * HOUR)
    assert value("trough >= 1 nM", whole) == 48.0
    part = stand_in(times, plasma_values={"Cp_D": curve}, dose_times=np.array([0.0, 36.0]) * HOUR)
    assert value("trough >= 1 nM", part) == 35.0  # a record at a dose holds the value after it


# --- depth ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("turned", [False, True])
def test_penetration_depth_is_half_of_the_wall(stand_in: Any, turned: bool) -> None:
    profile, distance = np.array([8.0, 6.0, 2.0, 1.0]), np.array([1.0, 3.0, 5.0, 7.0])
    if turned:  # a sphere: cells run from the center outward
        profile, distance = profile[::-1], distance[::-1]
    readings = stand_in([0.0], {"total_D": profile[None, None]}, distance=distance, farthest=8.0)
    assert value("penetration depth >= 1 um", readings) == pytest.approx(4.0)
    flat = stand_in([0.0], {"total_D": [[[2.0, 2.0]]]}, distance=[1.0, 3.0], farthest=4.0)
    assert value("penetration depth >= 1 um", flat) == 4.0
    empty = stand_in([0.0], {"total_D": [[[0.0, 0.0]]]}, distance=[1.0, 3.0], farthest=4.0)
    assert value("penetration depth >= 1 um", empty) == 0.0


# --- names and units ------------------------------------------------------------------------------

NAMES = Names(
    {"Cp_TDM1": "nM", "Cp_mab": "nM"},
    {"payload_TDM1": "1", "free_TDM1": "nM", "free_mab": "nM", "occupancy_HER2": "1"},
    {"TDM1": ("T-DM1", "trastuzumab emtansine"), "mab": ("trastuzumab",)},
    {"TDM1": "148.781 kDa"},
)


def two_drugs(stand_in: Any) -> Any:
    tissue = {name: np.full((1, 1, 2), 3.0) for name in NAMES.tissue}
    plasma = {name: np.full((1, 1), 3.0) for name in NAMES.plasma}
    return stand_in([0.0], tissue, plasma, names=NAMES)


def test_drugs_are_found_by_any_of_their_names(stand_in: Any) -> None:
    readings = two_drugs(stand_in)
    for name in ("T-DM1", "TDM1", "tdm1", "trastuzumab emtansine"):
        assert value(f"plasma of {name} >= 1 nM", readings) == 3.0
    assert value("plasma of trastuzumab >= 1 nM", readings) == 3.0
    assert value("payload >= 2 per cell in 5 % of cells", readings) == 100.0


def test_mass_needs_the_molar_mass(stand_in: Any) -> None:
    readings = two_drugs(stand_in)
    expected = 3.0 * 148.781e-3
    assert value("plasma of T-DM1 >= 1 ug/mL", readings) == pytest.approx(expected)
    with pytest.raises(UnitError, match=r"KG-122.*molar mass of trastuzumab"):
        value("plasma of trastuzumab >= 1 ug/mL", readings)
    found = value("plasma of trastuzumab >= 1 ug/mL", readings, molar_mass="145 kDa")
    assert found == pytest.approx(3.0 * 0.145)
    found = value("plasma of trastuzumab >= 1 ug/mL", readings, molar_mass={"mab": "145 kDa"})
    assert found == pytest.approx(3.0 * 0.145)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("free >= 1 nM in 5 % of cells", "which drug?  Write 'free of T-DM1'"),
        ("plasma trough >= 1 nM", "there are T-DM1, trastuzumab"),
        ("free of trastuzumabb >= 1 nM in 5 % of cells", "Did you mean 'trastuzumab'"),
        ("occupancy of EGFR >= 1 % in 5 % of cells", "There is: HER2"),
        ("kill >= 1 1/d in 5 % of cells", "no output 'kill_<drug>'"),
        ("mean viable <= 5 %", "no output 'viable'"),
        ("penetration depth of cetuximab >= 5 um", "There is: T-DM1, trastuzumab"),
        ("output free_TDM >= 5 nM in 5 % of cells", "Did you mean 'free_TDM1'"),
        ("output free_TDM1 >= 5 nM", "has a value in every cell"),
        ("output Cp_TDM1 >= 5 nM in 5 % of cells", "output of the plasma"),
    ],
)
def test_targets_on_outputs_that_are_not_there(stand_in: Any, text: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        value(text, two_drugs(stand_in))
    assert caught.value.code == "KG-153"
    assert words in str(caught.value)


def test_outputs_of_another_dimension(stand_in: Any) -> None:
    with pytest.raises(UnitError, match="KG-121"):
        value("output free_TDM1 >= 5 h in 5 % of cells", two_drugs(stand_in))


def test_failed_lines_do_not_reach(stand_in: Any) -> None:
    readings = stand_in([0.0], {"occupancy_R": [[[0.9, 0.9]], [[np.nan, np.nan]]]})
    found = Target("occupancy >= 50 % in 50 % of cells").evaluate(readings)
    assert found.reached.tolist() == [True, False]
    assert np.isnan(found.values[1])
    assert not Target("occupancy <= 50 % in 50 % of cells").evaluate(readings).reached.any()
    assert not Target("mean occupancy <= 99 %").evaluate(readings).reached[1]


def test_attainment_in_words(stand_in: Any) -> None:
    readings = stand_in([0.0], {"occupancy_R": [[[0.9, 0.1]]]})
    found = Target("occupancy >= 50 % in 50 % of viable cells").evaluate(readings)
    assert found.measured == "viable cells with occupancy >= 50 %"
    assert found.wanted == ">= 50 %"
    assert str(found).endswith("50 % of viable cells (reached)")
    assert len(found) == 1
    lines = stand_in([0.0], {"occupancy_R": [[[0.9]], [[0.1]]]})
    found = Target("mean occupancy >= 50 %").evaluate(lines)
    assert (found.measured, found.wanted) == ("mean occupancy", ">= 50 %")
    assert "reached by 1 of 2 lines" in str(found)


def test_only_results_are_evaluated() -> None:
    with pytest.raises(SpecError, match=r"KG-153.*int"):
        Target("mean occupancy >= 50 %").evaluate(5)


def test_counts_per_cell_have_their_own_unit(stand_in: Any) -> None:
    names = Names({}, {"payload_D": "molecules/cell", "payload_free_D": "nM"})
    readings = stand_in([0.0], {"payload_D": [[[2e5, 1e4]]], "payload_free_D": [[[1.0, 1.0]]]},
                        names=names)  # fmt: skip
    assert value("highest payload >= 1e5 per cell", readings) == pytest.approx(2e5)
    assert Target("highest payload >= 1e5 per cell").evaluate(readings).unit == "per cell"
    assert value("payload >= 1e5 per cell in 50 % of cells", readings) == pytest.approx(
        50.0 * 0.5 + 50.0 * 0.5 * 0.0 + 50.0 * (1e5 / 1.9e5)
    )


def test_the_studys_drug_is_meant_before_what_it_turns_into(stand_in: Any) -> None:
    names = Names({}, {"free_D": "nM", "free_D_naked": "nM"}, {"D": ("drug",)})
    values = {"free_D": [[[1.0]]], "free_D_naked": [[[9.0]]]}
    assert value("mean free >= 1 nM", stand_in([0.0], values, names=names)) == 1.0
    of_naked = value("mean free of D_naked >= 1 nM", stand_in([0.0], values, names=names))
    assert of_naked == 9.0
    several = Names({}, names.tissue, {"D": ("drug",), "D_naked": ("naked",)}, {}, "D_naked")
    assert value("mean free >= 1 nM", stand_in([0.0], values, names=several)) == 9.0
