"""Expressions through the core agree with a slow evaluator written here.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from krogh import _core
from krogh.model import Model, Output, Parameter, Rate, Species, Table
from krogh.model.expression import Call, Expression, Number, Operation, Symbol
from krogh.units import factor

NUMPY = {n: n for n in ("exp", "log", "log10", "log1p", "expm1", "sqrt", "sin", "cos", "tan")}
NUMPY |= {n: n for n in ("sinh", "cosh", "tanh", "abs")}
NUMPY |= {"asin": "arcsin", "acos": "arccos", "atan": "arctan"}
X, Y = (-2.0, 0.0, 1.0, 5.0), (1.0, -1.0, 2.0, 3.0)


def reference(node: Expression, values: dict[str, float]) -> float:
    """Evaluate by plain recursion; NaN where there is no value."""
    with np.errstate(all="ignore"):
        return float(_reference(node, values))


def _reference(node, values):
    f = np.float64
    if isinstance(node, Number):
        return f(node.value) * factor(node.unit or "1")
    if isinstance(node, Symbol):
        return f(math.pi) if node.name == "pi" else f(values[node.name])
    if isinstance(node, Call) and node.name == "if":
        chosen = 1 if _holds(node.args[0], values) else 2
        return _reference(node.args[chosen], values)
    a = [_reference(x, values) for x in node.args]
    if isinstance(node, Operation):
        return {
            "neg": lambda: -a[0],
            "add": lambda: a[0] + a[1],
            "sub": lambda: a[0] - a[1],
            "mul": lambda: a[0] * a[1],
            "div": lambda: a[0] / a[1],
            "pow": lambda: a[0] ** a[1],
        }[node.op]()
    if node.name in NUMPY:
        return getattr(np, NUMPY[node.name])(a[0])
    if node.name == "table":
        return f(np.interp(a[0], X, Y)) if X[0] <= a[0] <= X[-1] else f("nan")
    if node.name in ("min", "max"):
        return f("nan") if any(map(np.isnan, a)) else getattr(np, node.name)(a)
    return {
        "lgamma": lambda: f(math.lgamma(a[0])) if a[0] > 0 else f("nan"),
        "gamma": lambda: np.exp(f(math.lgamma(a[0]))) if a[0] > 0 else f("nan"),
        "expit": lambda: 1 / (1 + np.exp(-a[0])),
        "logit": lambda: np.log(a[0] / (1 - a[0])),
        "hill": lambda: a[0] ** a[2] / (a[1] ** a[2] + a[0] ** a[2]) if a[0] > 0 else f(0),
        "michaelis_menten": lambda: a[1] * a[0] / (a[2] + a[0]),
    }[node.name]()


def _holds(node, values) -> bool:
    if node.op == "and":
        return all(_holds(a, values) for a in node.args)
    if node.op == "or":
        return any(_holds(a, values) for a in node.args)
    if node.op == "not":
        return not _holds(node.args[0], values)
    a, b = (_reference(x, values) for x in node.args)
    if np.isnan(a) or np.isnan(b):
        raise ArithmeticError("a comparison of no number")
    return bool(
        {"lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b, "eq": a == b, "ne": a != b}[node.op]
    )


ONE = ["exp", "log", "log10", "log1p", "expm1", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan"]
ONE += ["sinh", "cosh", "tanh", "abs", "lgamma", "gamma", "expit", "logit", "table"]


@st.composite
def expressions(draw, levels=4, comparisons=("lt", "le", "gt", "ge", "eq", "ne")):
    def condition(left):
        if left > 0 and draw(st.integers(0, 2)) == 0:
            op = draw(st.sampled_from(["and", "or", "not"]))
            return Operation(op, *(condition(left - 1) for _ in range(1 if op == "not" else 2)))
        return Operation(draw(st.sampled_from(comparisons)), value(left - 1), value(left - 1))

    def value(left):
        choice = draw(st.integers(0, 9 if left > 0 else 1))
        if choice == 0:
            return Symbol(draw(st.sampled_from(["a", "b", "c", "pi"])))
        if choice == 1:
            return Number(
                draw(st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.25])),
                draw(st.sampled_from([None, "%"])),
            )
        if choice <= 5:
            op = draw(st.sampled_from(["add", "sub", "mul", "div", "pow", "neg"]))
            return Operation(op, *(value(left - 1) for _ in range(1 if op == "neg" else 2)))
        if choice == 6:
            return Call("if", condition(left - 1), value(left - 1), value(left - 1))
        if choice == 7:
            name, count = draw(
                st.sampled_from([("hill", 3), ("michaelis_menten", 3), ("min", 2), ("max", 3)])
            )
            return Call(name, *(value(left - 1) for _ in range(count)))
        return Call(draw(st.sampled_from(ONE)), value(left - 1))

    return value(levels)


VALUES = st.fixed_dictionaries(
    {n: st.sampled_from([-2.0, -0.5, 0.0, 0.25, 1.0, 1.5, 3.0]) for n in "abc"}
)


def is_benign(node: Expression, values: dict[str, float]) -> bool:
    """Whether every part has a moderate finite value: elsewhere rounding is amplified at will."""
    from krogh.model.lowering import numeric_operands

    stack = [node]
    while stack:
        part = stack.pop()
        try:
            value = reference(part, values)
        except ArithmeticError:
            return False
        if not math.isfinite(value) or (value != 0.0 and not 1e-6 < abs(value) < 1e6):
            return False
        if isinstance(part, Call) and part.name == "tan" and abs(value) > 1e3:
            return False
        stack.extend(numeric_operands(part))
    return True


def model_of(expression: Expression, parts: list) -> Model:
    table = Table("table", X, Y, x_unit="", y_unit="")
    return Model("m", table, *parts, Output("o", expression, unit=""))


@given(expressions(), VALUES)
@settings(max_examples=300, deadline=None)
def test_expressions_of_parameters(expression, values):
    if not is_benign(expression, values):
        return
    parts = [*(Parameter(n, v) for n, v in values.items()), Species("S", "")]
    c = model_of(expression, parts).compile()
    ours, expected = c.evaluate("o"), reference(expression, values)
    assert ours == pytest.approx(expected, rel=1e-9, abs=1e-9), str(expression)


@given(expressions(comparisons=("lt", "le", "gt", "ge")), VALUES)
@settings(max_examples=150, deadline=None)
def test_expressions_of_states_through_the_tape(expression, values):
    """The same through compiled tapes, where the symbols are states that stand still."""
    if not is_benign(expression, values):
        return
    parts = [Species(n, "", initial=v) for n, v in values.items()]
    c = model_of(expression, parts).compile()
    schedule = _core.Schedule(
        np.array([0, 1], dtype=np.int64),
        np.zeros(1),
        np.zeros(1, dtype=np.int8),
        np.zeros(1, dtype=np.int32),
        np.zeros(1),
        np.zeros(1),
        np.zeros(1),
        np.zeros(1, dtype=np.int32),
        np.zeros(1, dtype=np.int8),
        shared=True,
    )
    run = _core.simulate_point(c.program, c.pack(), schedule, method="rodas4")
    if is_on_a_surface(expression, values):
        return  # a state of exactly zero belongs to either side
    expected = reference(expression, values)
    assert run.values[0, 0, 0] == pytest.approx(expected, rel=1e-9, abs=1e-9), str(expression)


def is_on_a_surface(expression: Expression, values: dict[str, float]) -> bool:
    """Whether two compared numbers are equal."""
    from krogh.model.expression import COMPARISONS, nodes_of

    return any(
        isinstance(n, Operation)
        and n.op in COMPARISONS
        and abs(reference(n.args[0], values) - reference(n.args[1], values)) < 1e-9
        for n in nodes_of(expression)
    )


def test_numbers_are_rounded_once_on_their_way_to_internal_units():
    c = Model("m", Parameter("k", "0.1 1/d"), Species("A", ""), Rate("A", "0")).compile()
    assert c.nominal[0] == 0.1 / 86400
    assert c.evaluate("0.1[1/d]") == 0.1 / 86400
    assert c.evaluate("3.6[mg/mL]") == 3.6e6


@pytest.mark.parametrize("name", ONE)
def test_every_function_of_one_argument(name):
    if name == "table":
        return
    parameters = [Parameter("x", 0.375), Species("A", "")]
    value = Model("m", *parameters).compile().evaluate(f"{name}(x)")
    assert value == pytest.approx(reference(Call(name, Symbol("x")), {"x": 0.375}), rel=1e-14)
