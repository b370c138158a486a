"""Components: what they accept, how they normalize, what they refuse.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from krogh.errors import SpecError, UnitError
from krogh.model import (
    Covariate,
    DoseInput,
    Event,
    Output,
    Parameter,
    Rate,
    Reaction,
    Rule,
    Species,
    Table,
    Variability,
    parse,
    symbol,
)
from krogh.model import functions as f
from krogh.model.expression import Number
from krogh.units import Quantity


def test_a_parameter_takes_its_unit_from_the_value():
    p = Parameter("CL", "0.2 L/d", lower="0 L/d", upper="1 L/h", source="doi", verified=False)
    assert p.value == Quantity(0.2, "L/d")
    assert p.unit == "L/d"
    assert p.bounds == (0.0, pytest.approx(1e15 / 3600))
    assert p.range_text == "0 L/d .. 1 L/h"


def test_a_bare_number_is_dimensionless_or_in_the_stated_unit():
    assert Parameter("n", 2).unit == ""
    assert Parameter("n", "2") == Parameter("n", 2.0)
    assert Parameter("CL", 0.2, unit="L/d").value == Quantity(0.2, "L/d")
    assert Parameter("CL", "0.2", unit="L/d").value == Quantity(0.2, "L/d")
    assert Parameter("f", "50 %").unit == "%"


def test_value_and_unit_together_convert():
    assert Parameter("CL", "4.8 L/d", unit="L/h").value == Quantity(pytest.approx(0.2), "L/h")
    with pytest.raises(UnitError, match="KG-121"):
        Parameter("CL", "4.8 L/d", unit="L")


def test_a_parameter_without_value_needs_a_unit():
    assert Parameter("CL", unit="L/d").value is None
    with pytest.raises(SpecError, match="KG-109"):
        Parameter("CL")


def test_pint_quantities_are_accepted():
    pint = pytest.importorskip("pint")
    registry = pint.get_application_registry()
    p = Parameter("CL", 0.2 * registry("liter / day"))
    assert p.value.to("L/d") == pytest.approx(0.2)


def test_components_are_frozen_and_equal_by_content():
    p = Parameter("CL", "0.2 L/d")
    with pytest.raises(Exception, match="frozen"):
        p.name = "x"
    assert p == Parameter("CL", value="0.2 L/d")
    assert p != Parameter("CL", "0.3 L/d")
    assert p.changed(value=0.3) == Parameter("CL", "0.3 L/d")
    assert eval(repr(p)) == p
    rate = Rate("C", -symbol("k") * symbol("C"))
    assert rate == Rate("C", "-k*C")
    assert eval(repr(rate)) == rate


def test_a_covariate_knows_its_categories():
    sex = Covariate("sex", "female", categories={"female": 0, "male": 1})
    assert sex.value == Quantity(0.0, "")
    assert sex.changed(value="male").value.value == 1.0
    with pytest.raises(SpecError, match="Did you mean 'female'"):
        Covariate("sex", "femal", categories={"female": 0, "male": 1})
    with pytest.raises(SpecError, match="no category"):
        Covariate("sex", 3, categories={"female": 0, "male": 1})
    with pytest.raises(SpecError, match="same number"):
        Covariate("sex", 0, categories={"female": 0, "male": 0})


def test_variability_takes_variances_diagonals_and_matrices():
    assert Variability("eta", 0.09).covariance == ((0.09,),)
    assert Variability(("a", "b"), [0.1, 0.2]).covariance == ((0.1, 0.0), (0.0, 0.2))
    full = Variability(("a", "b"), np.array([[0.1, 0.02], [0.02, 0.2]]), level="occasion")
    assert full.covariance[1][0] == 0.02
    assert Variability(("a", "b"), [[0.1, 0.1], [0.1, 0.1]]).names == ("a", "b")  # singular is fine


@pytest.mark.parametrize(
    ("names", "covariance", "part"),
    [
        (("a", "b"), [[1.0]], "2 x 2, found 1 x 1"),
        (("a", "b"), [[1.0, 0.5], [0.4, 1.0]], "not symmetric"),
        (("a", "b"), [[1.0, 2.0], [2.0, 1.0]], "not positive semidefinite"),
        (("a",), [[-1.0]], "not positive semidefinite"),
        (("a", "b"), [[0.0, 0.1], [0.1, 1.0]], "not positive semidefinite"),
        (("a",), [[math.nan]], "finite"),
        (("a", "a"), [0.1, 0.2], "named twice"),
        ((), [], "empty"),
    ],
)
def test_wrong_covariances(names, covariance, part):
    with pytest.raises(SpecError, match=part):
        Variability(names, covariance)


def test_species_start_at_zero_a_formula_or_a_steady_state():
    assert Species("C", "nM").start == Number(0.0)
    assert Species("C", "nM", initial="a/b").start == parse("a/b")
    steady = Species("C", "nM", initial="steady", initial_guess="5[nM]")
    assert steady.starts_steady
    assert steady.start == parse("5[nM]")
    with pytest.raises(SpecError, match="initial_guess"):
        Species("C", "nM", initial_guess="1[nM]")


@pytest.mark.parametrize("text", ["148 kDa", "148[kDa]", Quantity(148, "kDa"), (148.0, "kDa")])
def test_molar_mass_is_a_quantity_or_an_expression(text):
    assert Species("C", "nM", molar_mass=text).molar_mass == parse("148[kDa]")
    assert Species("C", "nM", molar_mass="MW").molar_mass == parse("MW")


@pytest.mark.parametrize(
    ("equation", "normal", "net"),
    [
        ("A -> B", "A -> B", {"A": -1, "B": 1}),
        ("  2A+B->3 * C ", "2 A + B -> 3 C", {"A": -2, "B": -1, "C": 3}),
        ("A + A -> B", "2 A -> B", {"A": -2, "B": 1}),
        ("-> S", "-> S", {"S": 1}),
        ("S ->", "S ->", {"S": -1}),
        ("E + S -> E + P", "E + S -> E + P", {"S": -1, "P": 1}),
        ("d.A -> d.B", "d.A -> d.B", {"d.A": -1, "d.B": 1}),
    ],
)
def test_reaction_equations(equation, normal, net):
    reaction = Reaction(equation, rate="k")
    assert reaction.equation == normal
    assert reaction.net == net


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"equation": "A B", "rate": "k"}, "one arrow"),
        ({"equation": "A -> B -> C", "rate": "k"}, "one arrow"),
        ({"equation": "A = B", "rate": "k"}, "one arrow"),
        ({"equation": "A => B", "rate": "k"}, "one arrow"),
        ({"equation": "->", "rate": "k"}, "one side at least"),
        ({"equation": "A -> A", "rate": "k"}, "nothing would change"),
        ({"equation": "A + -> B", "rate": "k"}, "no term"),
        ({"equation": "1.5 A -> B", "rate": "k"}, "whole numbers"),
        ({"equation": "0 A -> B", "rate": "k"}, "1 .. 100"),
        ({"equation": "A <-> B", "forward": "k"}, "needs 'backward'"),
        ({"equation": "A -> B", "forward": "k", "backward": "k"}, "needs the arrow"),
        ({"equation": "A -> B", "forward": "k", "rate": "k"}, "either 'rate' or 'forward'"),
        ({"equation": "A -> B"}, "needs 'forward'"),
        ({"equation": "A -> t", "rate": "k"}, "no term"),
    ],
)
def test_wrong_reactions(arguments, part):
    with pytest.raises(SpecError, match=part):
        Reaction(**arguments)


def test_outputs_report_the_symbol_of_their_name_by_default():
    assert Output("C", unit="nM").expression == parse("C")
    assert Output("C", unit="nM").is_alias
    assert not Output("C", "2*C", unit="nM").is_alias


def test_events_need_a_condition_and_something_to_do():
    event = Event("e", "C > 5[nM]", {"C": "0[nM]"})
    assert event.direction == "rising"
    with pytest.raises(SpecError, match="KG-106"):
        Event("e", "C - 5[nM]", {"C": "0"})
    with pytest.raises(SpecError, match="'assign' is empty"):
        Event("e", "C > 5[nM]", {})
    with pytest.raises(SpecError, match="direction"):
        Event("e", "C > 5[nM]", {"C": "0"}, direction="up")


def test_dose_inputs_with_an_input_function():
    assert DoseInput("A", input_function="dose*k").stored is None
    with pytest.raises(SpecError, match="KG-113"):
        DoseInput("A", stored=3)
    with pytest.raises(SpecError, match="KG-113"):
        DoseInput("A", input_function="dose*k", duration="2[h]")
    with pytest.raises(SpecError, match=r"KG-101.*stored"):
        DoseInput("A", input_function="dose*k", stored=0)


@pytest.mark.parametrize(
    ("x", "y", "part"),
    [
        ([0, 1], [1, 2, 3], "2 points, y has 3"),
        ([0], [1], "two points"),
        ([0, 0], [1, 2], r"x\[1\] = 0 follows 0"),
        ([1, 0], [1, 2], "increase strictly"),
        ([0, math.inf], [1, 2], r"x\[1\] is inf"),
        ([0, 1], [1, math.nan], r"y\[1\] is nan"),
        ([0, "a"], [1, 2], "KG-101"),
    ],
)
def test_wrong_tables(x, y, part):
    with pytest.raises(SpecError, match=part):
        Table("f", x, y, x_unit="h", y_unit="mg")


def test_tables_take_arrays():
    table = Table("f", np.arange(3), np.ones(3), x_unit="h", y_unit="mg", kind="step")
    assert table.x == (0.0, 1.0, 2.0)


def test_errors_name_component_field_and_place():
    with pytest.raises(SpecError) as caught:
        Rate("C", "kon*C*(S")
    assert str(caught.value).startswith("KG-105: Rate 'C', law: cannot read the expression")
    assert str(caught.value).endswith("kon*C*(S\n        ^")


def test_unknown_and_missing_fields():
    with pytest.raises(
        SpecError, match=r"KG-103: Parameter 'CL' has no field 'lowr'.  Did you mean 'lower'"
    ):
        Parameter("CL", "1 L", lowr="0 L")
    with pytest.raises(SpecError, match="KG-101: Output 'o' needs 'unit'"):
        Output("o", "C")
    with pytest.raises(SpecError, match="KG-101: Species takes name, unit by position, found 3"):
        Species("C", "nM", "0")
    with pytest.raises(SpecError, match="KG-101: Rule got 'name' twice"):
        Rule("r", "1", name="r")


def test_values_must_lie_within_their_bounds():
    with pytest.raises(SpecError, match=r"KG-108.*-1 L lies outside 0 L .. inf"):
        Parameter("V", "-1 L", lower="0 L")
    with pytest.raises(SpecError, match=r"KG-108.*above the upper"):
        Parameter("V", "1 L", lower="2 L", upper="1 L")
    with pytest.raises(UnitError, match=r"KG-121.*lower bound of parameter 'V'"):
        Parameter("V", "1 L", lower="0.1 mg")
    with pytest.raises(SpecError, match=r"KG-108.*finite"):
        Parameter("V", math.nan)
    assert Parameter("V", "1 L", lower=0.5).bounds[0] == 0.5e15


@pytest.mark.parametrize(
    ("given", "expression"),
    [
        ("10 nM", "10[nM]"),
        ("10nM", "10[nM]"),
        ("-2.5e-3 mg/L", "-2.5e-3[mg/L]"),
        ("0.1 1/h", "0.1[1/h]"),
        ("50 %", "50[%]"),
        (Quantity(3, "h"), "3[h]"),
        (Quantity(3, ""), "3"),
        ("10[nM]*2", "10[nM]*2"),
        (5, "5"),
    ],
)
def test_a_plain_quantity_is_read_as_a_number_with_its_unit(given, expression):
    assert Rule("r", given).expression == parse(expression)


def test_pint_quantities_are_formulas_too():
    pint = pytest.importorskip("pint")
    registry = pint.get_application_registry()
    assert DoseInput("A", lag=0.5 * registry("hour")).lag == parse("0.5[hour]")


@pytest.mark.parametrize("given", ["2 V1", "10 nMM", "3 n"])
def test_a_number_before_a_name_that_is_no_unit_is_an_error(given):
    with pytest.raises((SpecError, UnitError), match="operator"):
        Rule("r", given)


def test_functions_build_calls():
    x = symbol("x")
    for name in f.__all__:
        if name in (
            "minimum",
            "maximum",
            "where",
            "hill",
            "michaelis_menten",
            "mass_action",
            "table",
        ):
            continue
        assert getattr(f, name)(x) == parse(f"{name}(x)")
    assert f.minimum(x, 1, 2) == parse("min(x, 1, 2)")
    assert f.maximum(x, "y") == parse("max(x, y)")
    assert f.where(x > 1, x, 0) == parse("if(x > 1, x, 0)")
    assert f.hill(x, "k", 2) == parse("hill(x, k, 2)")
    assert f.michaelis_menten(x, "v", "k") == parse("michaelis_menten(x, v, k)")
    assert f.mass_action("k", "A", "A", x) == parse("k*A*A*x")
    assert f.table("g", symbol("t")) == parse("g(t)")
