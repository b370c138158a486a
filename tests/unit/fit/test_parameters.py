"""What is estimated: values, bounds, scales, groups, and their errors.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from krogh.dosing import EventTable
from krogh.errors import DataError, SpecError, UnitError
from krogh.fit import Free
from krogh.fit.parameters import resolve_parameters
from krogh.model import Model, Parameter

Make = Callable[..., EventTable]


def resolved(given: Any, model: Model, table: EventTable, by: Any = None) -> Any:
    return resolve_parameters(given, model.compile(), table, by)


def test_names_take_the_models_values_and_the_logarithm(oral: Model, dosed: Make) -> None:
    first, second = resolved(["CL", "KA"], oral, dosed())
    assert (first.name, first.start, first.unit, first.is_log) == ("CL", 5.0, "L/h", True)
    assert second.start == 1.0
    assert (first.lower, first.upper) == pytest.approx((5e-6, 5e6))
    assert first.states_bounds == (False, False)
    assert first.members.all()


def test_values_and_bounds_are_converted_to_the_declared_unit(oral: Model, dosed: Make) -> None:
    (cl,) = resolved({"CL": ("50 mL/min", ("10 mL/min", "240 L/d"))}, oral, dosed())
    assert cl.start == pytest.approx(3.0)
    assert cl.lower == pytest.approx(0.6)
    assert cl.upper == pytest.approx(10.0)


def test_bounds_that_do_not_hold_the_value_are_refused(oral: Model, dosed: Make) -> None:
    with pytest.raises(SpecError, match=r"KG-108.*'CL' starts at 5 L/h"):
        resolved({"CL": ("5 L/h", ("6 L/h", "9 L/h"))}, oral, dosed())


def test_the_models_bounds_hold_where_none_are_given(oral: Model, dosed: Make) -> None:
    bounded = oral.replace(Parameter("KA", "1 1/h", lower="0.5 1/h", upper="4 1/h"))
    (ka,) = resolved(["KA"], bounded, dosed())
    assert (ka.lower, ka.upper, ka.states_bounds) == (0.5, 4.0, (True, True))


def test_the_scale_follows_sign_and_lower_bound(oral: Model, dosed: Make) -> None:
    (linear,) = resolved({"CL": Free(scale="linear")}, oral, dosed())
    assert not linear.is_log
    assert linear.lower == -math.inf
    (signed,) = resolved({"CL": Free("5 L/h", lower="-1 L/h")}, oral, dosed())
    assert not signed.is_log
    with pytest.raises(SpecError, match=r"KG-108.*logarithmic"):
        resolved({"CL": Free("5 L/h", lower="-1 L/h", scale="log")}, oral, dosed())
    with pytest.raises(SpecError, match=r"KG-108.*'log' or 'linear'"):
        resolved({"CL": Free(scale="logit")}, oral, dosed())


def test_groups_have_parameters_of_their_own(oral: Model, dosed: Make) -> None:
    table = dosed(ids=("a", "b", "c"), GROUP=["x"] * 11 + ["y"] * 22)
    found = resolved(["CL", "V"], oral, table, {"CL": "ID"})
    assert [e.name for e in found] == ["CL[a]", "CL[b]", "CL[c]", "V"]
    found = resolved({"CL": Free(by="GROUP")}, oral, table)
    assert [e.name for e in found] == ["CL[x]", "CL[y]"]
    assert [e.members.tolist() for e in found] == [[True, False, False], [False, True, True]]


def test_a_group_that_changes_within_a_subject_is_refused(oral: Model, dosed: Make) -> None:
    table = dosed(GROUP=["x"] * 10 + ["y"] * 23)
    with pytest.raises(DataError, match=r"KG-252: table row 11 \(ID 1\): GROUP changes"):
        resolved(["CL"], oral, table, "GROUP")


@pytest.mark.parametrize(
    ("given", "by", "kind", "text"),
    [
        (["CLL"], None, SpecError, "KG-103.*Did you mean 'CL'"),
        ([], None, SpecError, "KG-101.*at least one"),
        ({"CL": "5"}, None, UnitError, "KG-124"),
        ({"CL": "5 L"}, None, UnitError, "KG-121"),
        (["CL"], {"V": "ID"}, SpecError, "KG-103: by names 'V'"),
        (["CL"], {"CL": "GROUPE"}, SpecError, "KG-101.*no column 'GROUPE'"),
        ({"CL": ("5 L/h", ("1 L/h",))}, None, SpecError, "KG-108.*lower, upper"),
    ],
)
def test_wrong_requests_have_their_error(
    oral: Model, dosed: Make, given: Any, by: Any, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        resolved(given, oral, dosed(), by)


def test_a_parameter_without_a_value_needs_one(oral: Model, dosed: Make) -> None:
    bare = oral.replace(Parameter("CL", None, unit="L/h"))
    with pytest.raises(SpecError, match=r"KG-109: parameter 'CL' has no value"):
        resolved(["CL"], bare, dosed())
    assert resolved({"CL": "2 L/h"}, bare, dosed())[0].start == 2.0
