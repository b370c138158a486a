"""The space of regimens: its texts, and the regimens that it makes of the study's own.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from krogh.dose.decision import lowest_first
from krogh.dose.regimens import base_candidate, candidates, dose_starts
from krogh.dose.space import axis_of
from krogh.dosing import Regimen
from krogh.errors import SpecError, UnitError
from krogh.units import Quantity

DAY = 86400.0


@pytest.mark.parametrize(
    ("kind", "what", "values", "unit"),
    [
        ("dose", "1 .. 8 mg/kg in 4 values", (1.0, 2.0, 4.0, 8.0), "mg/kg"),
        ("dose", "1 .. 8 mg/kg in 3 steps log", (1.0, 2.0, 4.0, 8.0), "mg/kg"),
        ("dose", "1 .. 7 mg/kg in 4 values linear", (1.0, 3.0, 5.0, 7.0), "mg/kg"),
        ("dose", "1 .. 2 mg/kg by 0.1 mg/kg", tuple(round(1 + k / 10, 1) for k in range(11)),
         "mg/kg"),
        ("dose", "1..2 mg/kg by 0.3", (1.0, 1.3, 1.6, 1.9), "mg/kg"),
        ("dose", "500 ug/kg .. 2 mg/kg in 2 values", (0.5, 2.0), "mg/kg"),
        ("dose", "3.6 mg/kg", (3.6,), "mg/kg"),
        ("dose", "1.8, 3.6, 2.4 mg/kg", (1.8, 2.4, 3.6), "mg/kg"),
        ("dose", ["1.8 mg/kg", Quantity(2400.0, "ug/kg")], (1800.0, 2400.0), "ug/kg"),
        ("dose", "100 .. 200 mg in 3 values", (100.0, 150.0, 200.0), "mg"),
        ("dose", "3 .. 3 mg/kg", (3.0,), "mg/kg"),
        ("interval", "7 .. 21 d", (7.0, 14.0, 21.0), "d"),
        ("interval", "1 .. 3 weeks by 1 week", (1.0, 2.0, 3.0), "weeks"),
        ("interval", "7 .. 28 d by 1 weeks", (7.0, 14.0, 21.0, 28.0), "d"),
        ("added", "0 .. 8 x", tuple(float(k) for k in range(9)), "x"),
        ("added", "0 .. 8 x in 3 values", (0.0, 4.0, 8.0), "x"),
        ("added", "0, 1, 3, 8 times", (0.0, 1.0, 3.0, 8.0), "x"),
        ("added", "0 .. 30 mg/kg in 4 values", (0.0, 10.0, 20.0, 30.0), "mg/kg"),
    ],
)  # fmt: skip
def test_axes(kind: Any, what: Any, values: tuple[float, ...], unit: str) -> None:
    axis = axis_of(kind, kind, what)
    assert axis.values == pytest.approx(values, rel=1e-12)
    assert axis.unit == unit


def test_doses_are_spread_on_the_logarithm_where_they_span_fourfold() -> None:
    wide, narrow = axis_of("dose", "dose", "1.2 .. 9.6 mg/kg"), axis_of("dose", "dose", "2 .. 4 mg")
    assert (len(wide), wide.is_log) == (8, True)
    assert (len(narrow), narrow.is_log) == (8, False)
    assert wide.values[0] == 1.2
    assert wide.values[-1] == 9.6
    assert len(axis_of("dose", "dose", "1.2 .. 9.6 mg/kg", points=5)) == 5


WRONG = [
    ("dose", "", "KG-154", "empty"),
    ("dose", [], "KG-154", "empty"),
    ("dose", "9.6 .. 1.2 mg/kg", "KG-154", "the range is empty"),
    ("dose", "-1 .. 3 mg/kg", "KG-154", "negative"),
    ("dose", ["-1 mg/kg"], "KG-154", "negative"),
    ("dose", [Quantity(-1.0, "mg/kg")], "KG-154", "negative"),
    ("dose", "0 .. 3 mg/kg", "KG-154", "0 mg/kg is no dose"),
    ("interval", "0 .. 7 d", "KG-154", "0 d is no interval"),
    ("dose", "1 .. 3", "KG-124", "no unit"),
    ("dose", 3.6, "KG-124", "no unit"),
    ("dose", [1.2, 3.6], "KG-124", "no unit"),
    ("dose", "1 .. 3 h", "KG-121", "needed is a dose"),
    ("dose", "1 .. 3 mg/kg/h", "KG-121", "needed is a dose"),
    ("interval", "7 .. 21 mg", "KG-121", "needed is a time"),
    ("added", "0 .. 8 h", "KG-121", "'x'"),
    ("dose", "0 .. 8 x", "KG-120", "x"),
    ("added", "0 x .. 8 mg", "KG-154", "same kind"),
    ("added", ["0 x", "8 mg"], "KG-121", "one kind"),
    ("dose", "1 .. 3 mg/kgg", "KG-120", "kgg"),
    ("dose", "1 .. 3 mg/kg by 0 mg/kg", "KG-154", "step must be above 0"),
    ("dose", "1 .. 3 mg/kg by 1 h", "KG-121", "time"),
    ("dose", "1 .. 3 mg/kg by 1e-9", "KG-154", "more than"),
    ("dose", "1 .. 3 mg/kg in 0 values", "KG-154", "whole number"),
    ("dose", "1 .. 3 mg/kg in 2.5 values", "KG-154", "whole number"),
    ("dose", "1 .. 3 mg/kg in 1 values", "KG-154", "no range"),
    ("dose", "1 .. 3 mg/kg in 3", "KG-154", "'steps'"),
    ("dose", "1 .. 3 mg/kg by 1 log", "KG-154", "linear"),
    ("added", "0 .. 8 x log", "KG-154", "cannot begin at 0"),
    ("dose", "1 .. 3 mg/kg foo", "KG-154", "must stand here"),
    ("dose", "1, 2, 1 mg/kg", "KG-154", "twice"),
    ("dose", ["1 mg/kg", "3 mg"], "KG-121", ""),
    ("dose", {"a": 1}, "KG-154", "dict"),
    ("dose", [None], "KG-154", "None"),
]


@pytest.mark.parametrize(("kind", "what", "code", "words"), WRONG)
def test_wrong_axes(kind: Any, what: Any, code: str, words: str) -> None:
    with pytest.raises((SpecError, UnitError)) as caught:
        axis_of(kind, kind, what)
    assert caught.value.code == code
    assert words in str(caught.value)


@given(st.text("0123456789. ,mgkdx/bystepinvalueslog-", max_size=40))
def test_any_text_is_an_axis_or_refused(text: str) -> None:
    try:
        axis = axis_of("dose", "dose", text)
    except (SpecError, UnitError):
        return
    assert list(axis.values) == sorted(set(axis.values))
    assert axis.values[0] > 0.0


# --- regimens -------------------------------------------------------------------------------------


def made(
    base: str, end_days: float, **axes: Any
) -> list[tuple[str, float, tuple[float, ...], int]]:
    kinds = {"dose": "dose", "interval": "interval"}
    found = [axis_of(kinds.get(n, "added"), n, what) for n, what in axes.items()]  # type: ignore[arg-type]
    regimens = candidates(Regimen(base), "T-DM1", found, end_days * DAY)
    return [(str(c.regimen), c.total.value, c.added, c.number) for c in regimens]


def test_doses_intervals_and_added_drugs() -> None:
    assert made("3.6 mg/kg", 1.0, dose="1.8, 3.6 mg/kg") == [
        ("1.8 mg/kg", 1.8, (), 1),
        ("3.6 mg/kg", 3.6, (), 1),
    ]
    assert made("3.6 mg/kg over 90 min every 21 d", 42.0, interval="7, 21 d") == [
        ("3.6 mg/kg over 90 min every 7 d x 6", pytest.approx(21.6), (), 6),
        ("3.6 mg/kg over 90 min every 21 d x 2", pytest.approx(7.2), (), 2),
    ]
    assert made("T-DM1 3.6 mg/kg + trastuzumab 1 mg/kg", 1.0, trastuzumab="0, 3 x") == [
        ("T-DM1 3.6 mg/kg", 3.6, (0.0,), 1),
        ("T-DM1 3.6 mg/kg + trastuzumab 10.8 mg/kg", 3.6, (pytest.approx(10.8),), 1),
    ]
    assert made("3.6 mg/kg", 1.0, trastuzumab="5 mg/kg") == [
        ("T-DM1 3.6 mg/kg + trastuzumab 5 mg/kg", 3.6, (5.0,), 1)
    ]


def test_loading_doses_keep_their_ratio_and_follow_the_interval() -> None:
    found = made("8 mg/kg then 6 mg/kg every 21 d", 63.0, dose="3 mg/kg", interval="14, 21 d")
    assert found == [
        ("4 mg/kg then 3 mg/kg every 14 d x 4", pytest.approx(16.0), (), 5),
        ("4 mg/kg then 3 mg/kg every 21 d x 2", pytest.approx(10.0), (), 3),
    ]


def test_doses_at_the_end_are_not_given() -> None:
    [(text, _, _, number)] = made("1 mg/kg every 7 d", 21.0, dose="2 mg/kg")
    assert (text, number) == ("2 mg/kg every 7 d x 3", 3)
    own = base_candidate(Regimen("1 mg/kg every 7 d"), "T-DM1", 20.9 * DAY)
    assert own.number == 3


def test_other_drugs_stay() -> None:
    [(text, *_)] = made("T-DM1 3.6 mg/kg + pertuzumab 8 mg/kg", 1.0, dose="1.8 mg/kg")
    assert text == "T-DM1 1.8 mg/kg + pertuzumab 8 mg/kg"


def test_lowest_is_the_lowest_total_then_the_least_added_then_the_fewest_doses() -> None:
    axes = [
        axis_of("dose", "dose", "2, 4 mg/kg"),
        axis_of("interval", "interval", "7, 14 d"),
        axis_of("added", "trastuzumab", "0, 3 x"),
    ]
    found = candidates(Regimen("2 mg/kg every 7 d"), "T-DM1", axes, 28 * DAY)
    order = lowest_first(found)
    seen = [(found[k].total.value, found[k].added[0], found[k].number) for k in order]
    assert seen == sorted(seen)
    assert [found[k].point[0].value for k in order[:2]] == [2.0, 2.0]
    # 2 mg/kg four times and 4 mg/kg twice are the same total: the fewer doses come first
    middle = [found[k] for k in order if found[k].total.value == 8.0 and found[k].added[0] == 0.0]
    assert [c.number for c in middle] == [2, 4]


def test_nothing_to_vary_and_too_much() -> None:
    with pytest.raises(SpecError, match=r"KG-154.*nothing is varied"):
        made("1 mg/kg", 1.0)
    with pytest.raises(SpecError, match=r"KG-154.*regimens, over"):
        made("1 mg/kg", 1.0, dose="1 .. 9 mg/kg in 900 values", trastuzumab="0 .. 8 x in 20 values")
    with pytest.raises(SpecError, match=r"KG-154.*ends after 1 d"):
        made("1 mg/kg", 1.0, interval="7 .. 21 d")
    with pytest.raises(SpecError, match=r"KG-154.*no dose of 'T-DM1'"):
        made("pertuzumab 1 mg/kg", 1.0, dose="1 mg/kg")


def test_starts_and_ends_of_doses() -> None:
    starts, ends = dose_starts(Regimen("1 mg/kg over 2 h every 1 d x 3 + B 2 mg/kg at 12 h"))
    assert starts == [0.0, 0.5 * DAY, DAY, 2 * DAY]
    assert ends == [7200.0, DAY + 7200.0, 2 * DAY + 7200.0]
