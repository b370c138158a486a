"""Measurements: which rows are used, to which output they belong, and what is refused.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from krogh.dosing import EventTable
from krogh.errors import DataError, Error, SpecError, UnitError
from krogh.fit.observations import Observations, observations_of
from krogh.model import Model

Make = Callable[..., EventTable]
T = np.arange(4.0)


def observed(
    table: EventTable,
    model: Model,
    observables: Any = "y",
    error: Any = "additive",
    error_by: Any = None,
    include: Any = None,
) -> Observations:
    return observations_of(table, model.compile(), observables, error, error_by, include)


def test_points_without_a_value_are_counted_not_fitted(line: Model, points: Make) -> None:
    found = observed(points(T, [1, 2, 3, 4], MDV=[0, 1, 0, 0]), line)
    assert found.values.tolist() == [1, 3, 4]
    assert found.seen_rows.tolist() == [0, 2, 3]
    assert found.num_points == 1


def test_what_is_left_out_on_purpose_is_counted(line: Model, points: Make) -> None:
    found = observed(points(T, [1, 2, 3, 4]), line, include=np.array([True, False, True, False]))
    assert found.values.tolist() == [1, 3]
    assert found.num_excluded == 2
    with pytest.raises(SpecError, match=r"KG-108: include must be 4 truth values"):
        observed(points(T, [1, 2, 3, 4]), line, include=[1, 0, 1, 0])
    with pytest.raises(DataError, match=r"KG-253"):
        observed(points(T, [1, 2, 3, 4]), line, include=np.zeros(4, dtype=bool))


def test_values_are_converted_to_the_unit_of_their_output(line: Model) -> None:
    table = EventTable.from_frame(
        {"ID": [1, 1], "TIME": [0, 1], "EVID": [0, 0], "DV": [1500, 2500]},
        units={"TIME": "h", "DV": "ug/L"},
    )
    assert observed(table, line).values == pytest.approx([1.5, 2.5])


def test_a_unit_of_another_dimension_names_output_and_table(line: Model) -> None:
    table = EventTable.from_frame(
        {"ID": [1, 1], "TIME": [0, 1], "EVID": [0, 0], "DV": [1500, 2500]},
        units={"TIME": "h", "DV": "nM"},
    )
    with pytest.raises(UnitError, match=r"KG-12.: table: DV against output y"):
        observed(table, line)


def test_several_outputs_have_their_errors(line: Model, points: Make) -> None:
    table = points(T, [1, 2, 3, 4], DVID=["y", "constant", "y", "constant"])
    found = observed(table, line, None, {"y": "additive", "constant": "proportional"})
    assert [(s.label, s.error, s.rows.tolist()) for s in found.strata] == [
        ("y", "additive", [0, 2]),
        ("constant", "proportional", [1, 3]),
    ]
    again = observed(table, line, {"y": ("y", "log"), "constant": "constant"}, "additive")
    assert [s.error for s in again.strata] == ["log", "additive"]


def test_errors_of_groups_are_strata(line: Model, points: Make) -> None:
    table = points(T, [1, 2, 3, 4], ID=[1, 1, 2, 2])
    found = observed(table, line, error_by="ID")
    assert [s.label for s in found.strata] == ["y[1]", "y[2]"]


@pytest.mark.parametrize("column", ["CENS", "BLQ"])
def test_values_below_a_limit(line: Model, points: Make, column: str) -> None:
    value = 2 if column == "CENS" else 0
    found = observed(points(T, [2, value, 3, 4], LLOQ=[2.0] * 4, **{column: [0, 1, 0, 0]}), line)
    assert found.is_censored.tolist() == [False, True, False, False]
    assert (found.values[1], found.low[1], found.high[1]) == (2.0, -np.inf, 2.0)


def test_intervals_and_values_above_a_limit(line: Model, points: Make) -> None:
    none = np.nan
    table = points(T, [2, 2, 3, 4], CENS=[0, 1, -1, -1], LIMIT=[none, 0.5, none, 9.0])
    found = observed(table, line)
    assert found.low[1:].tolist() == [0.5, 3.0, 4.0]
    assert found.high[1:].tolist() == [2.0, np.inf, 9.0]


def test_limits_are_in_the_unit_of_the_output(line: Model) -> None:
    columns = {"ID": [1, 1], "TIME": [0, 1], "EVID": [0, 0], "DV": [1500, 500], "CENS": [0, 1]}
    table = EventTable.from_frame(columns, units={"TIME": "h", "DV": "ug/L"})
    assert observed(table, line).high[1] == pytest.approx(0.5)


def test_limits_alone_have_no_error(line: Model, points: Make) -> None:
    table = points(T, [2, 2, 3, 4], ID=[1, 1, 2, 2], CENS=[1, 1, 0, 0])
    with pytest.raises(
        DataError, match=r"KG-250: table row 1 \(ID 1\): all 2 measurements of y\[1\]"
    ):
        observed(table, line, error_by="ID")
    assert observed(table, line).values.size == 4


@pytest.mark.parametrize("error", ["log", "proportional"])
def test_values_that_an_error_does_not_permit(line: Model, points: Make, error: str) -> None:
    with pytest.raises(DataError, match=r"KG-251: table row 1 \(ID 1\).*\n.*include=mask"):
        observed(points(T, [0, 2, -3, 4]), line, error=error)


@pytest.mark.parametrize(
    ("observables", "error", "text"),
    [
        (None, "additive", "KG-101: which output are measurements"),
        ("yy", "additive", "KG-103.*no output 'yy'.*Did you mean 'y'"),
        ("y", "aditive", "KG-108: unknown error 'aditive'.*Did you mean 'additive'"),
        ("y", {"z": "log"}, "KG-103: error does not say which error 'y' has"),
    ],
)
def test_wrong_requests_have_their_error(
    line: Model, points: Make, observables: Any, error: Any, text: str
) -> None:
    with pytest.raises(Error, match=text):
        observed(points(T, [1, 2, 3, 4]), line, observables, error)


def test_a_dvid_that_is_not_explained_names_its_row(line: Model, points: Make) -> None:
    table = points(T, [1, 2, 3, 4], DVID=["1", "2", "1", "1"])
    with pytest.raises(SpecError, match=r"KG-103: table row 2 .*DVID '2'"):
        observed(table, line, {"1": "y"})


def test_one_output_has_one_error(line: Model, points: Make) -> None:
    table = points(T, [1, 2, 3, 4], DVID=["1", "2", "1", "1"])
    with pytest.raises(SpecError, match=r"KG-112: output y has two errors"):
        observed(table, line, {"1": ("y", "log"), "2": ("y", "additive")})
