"""Expression trees: building, comparing, hashing, limits.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from krogh.errors import SpecError, UnitError
from krogh.model import call, number, parse, symbol
from krogh.model.expression import MAX_SIZE, Call, Number, Operation, substitute, symbols_of


def test_operators_build_the_tree_that_the_text_describes():
    kon, c, s, eps, koff, b = map(symbol, ("kon", "C", "S", "eps", "koff", "B"))
    assert kon * c * s / eps - koff * b == parse("kon*C*S/eps - koff*B")


def test_operators_take_numbers_and_text_on_both_sides():
    x = symbol("x")
    assert 2 * x + 1 == parse("2*x + 1")
    assert x - "k/2[h]" == parse("x - k/2[h]")
    assert 1 / x**2 == parse("1/x^2")
    assert 2**x == parse("2^x")
    assert 3 - x == parse("3 - x")
    assert +x is x
    assert abs(-x) == parse("abs(-x)")


def test_comparisons_and_logic_build_conditions():
    x, y = symbol("x"), symbol("y")
    condition = (x > 1) & (y <= 2) | ~(x < y)
    assert condition == parse("x > 1 and y <= 2 or not x < y")
    assert (x >= y).is_condition
    assert not x.is_condition


def test_numpy_scalars_take_part():
    x = symbol("x")
    for two in (np.float64(2), np.int64(2)):
        assert two * x == parse("2*x")
        assert x / two == parse("x/2")
        assert two - x == parse("2 - x")


def test_equality_in_the_language_is_a_method():
    assert symbol("sex").equals(1) == parse("sex == 1")


def test_negative_numbers_are_negations():
    assert number(-5, "nM") == parse("-5[nM]")
    assert symbol("x") + (-2) == parse("x + -2")
    assert number(-0.0) == Number(0.0)


def test_equality_is_structural_and_hash_agrees():
    assert parse("a + b") == parse(" a+b ")
    assert hash(parse("a + b")) == hash(parse("a+b"))
    assert parse("a + b") != parse("b + a")
    assert parse("5[nM]") != parse("5[uM]")
    assert parse("exp(x)") != parse("log(x)")
    assert parse("a") != "a"
    assert len({parse("a*b"), parse("a * b"), parse("b*a")}) == 2


def test_a_node_cannot_be_changed():
    node = parse("a + b")
    with pytest.raises(AttributeError):
        node.args = ()
    with pytest.raises(AttributeError):
        del node.op


def test_truth_value_is_refused_with_a_hint():
    x = symbol("x")
    with pytest.raises(TypeError, match="chain"):
        bool(1 < x < 3)


@pytest.mark.parametrize("text", ["-a^2*exp(b/5[nM])", "if(a > 1 and b < 2, a, b)", "3[mg/L]"])
def test_copies_and_pickles_are_equal(text):
    node = parse(text)
    assert pickle.loads(pickle.dumps(node)) == node
    assert copy.deepcopy(node) is node
    assert copy.copy(node) is node


def test_long_sums_need_no_deep_recursion():
    total = symbol("x0")
    for i in range(1, 2000):
        total = total + symbol(f"x{i}")
    assert total.depth == 2000
    assert len(symbols_of(total)) == 2000
    assert parse(str(total)) == total


def test_size_is_limited_before_shared_parts_explode():
    node = symbol("x")
    while node.size < MAX_SIZE // 2:
        node = node + node
    with pytest.raises(SpecError, match=f"more than {MAX_SIZE} parts"):
        node + node


def test_conditions_and_numbers_do_not_mix():
    x = symbol("x")
    with pytest.raises(SpecError, match=r"KG-106.*true or false"):
        (x > 1) + 1
    with pytest.raises(SpecError, match=r"KG-106.*is a number"):
        x & (x > 1)
    with pytest.raises(SpecError, match="KG-106"):
        call("if", x, 1, 2)
    with pytest.raises(SpecError, match="KG-106"):
        call("exp", x > 1)


def test_wrong_nodes_are_refused():
    with pytest.raises(SpecError, match="KG-105"):
        Number(-1.0)
    with pytest.raises(SpecError, match="KG-105"):
        Number(float("nan"))
    with pytest.raises(SpecError, match="KG-105"):
        Number(1.0, " ")
    with pytest.raises(UnitError, match="KG-120"):
        Number(1.0, "nMol")
    with pytest.raises(SpecError, match="KG-104"):
        symbol("2x")
    with pytest.raises(SpecError, match="KG-104"):
        symbol("and")
    with pytest.raises(SpecError, match="KG-105"):
        Operation("mod", 1, 2)
    with pytest.raises(SpecError, match="KG-105"):
        Operation("add", 1)
    with pytest.raises(SpecError, match=r"KG-107.*3 arguments: hill"):
        Call("hill", 1, 2)
    with pytest.raises(SpecError, match="KG-105"):
        symbol("x") + True
    with pytest.raises(SpecError, match=r"KG-105.*dict"):
        symbol("x") + {}
    with pytest.raises(SpecError, match="KG-105"):
        symbol("x") * float("inf")


def test_substitution_replaces_symbols_and_tables():
    changed = substitute(parse("a*f(b) + a"), {"a": parse("x + y"), "b": symbol("z")}, {"f": "g"})
    assert changed == parse("(x + y)*g(z) + (x + y)")


def test_symbols_come_in_order_of_appearance_without_pi():
    assert symbols_of(parse("b*a + pi*b + c^t")) == ("b", "a", "c", "t")
