"""The evaluator on arrays against the core's own evaluator, and derivatives by complex steps.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from krogh import _core
from krogh.line.arrays import Evaluator
from krogh.line.derivatives import STEP
from krogh.model import Model, Parameter, Species, Table, parse
from krogh.model.expression import as_expression
from krogh.model.lowering import Lowering

EXPRESSIONS = [
    "a + b*c - a/b",
    "-a^2 + b^0.5 + a^b",
    "(-a)^3",
    "2[1]*a + 3[%]",
    "exp(-a) + expm1(a/9) + log(b) + log1p(a) + log10(b)",
    "sqrt(b) + abs(a - c) + abs(c - a)",
    "sin(a) + cos(b) + tan(a/3) + asin(a/9) + acos(a/9) + atan(b)",
    "sinh(a/4) + cosh(a/4) + tanh(b)",
    "expit(a - 2) + logit(a/9)",
    "min(a, b, c) + max(a, b, c)",
    "if(a > b, a, c) + if(a <= b and c > 1, b, 2) + if(a < 1 or not c > 2, 1, a)",
    "if(a >= 2, 1, a*b)",
    "hill(a - 2, b, c)",
    "hill(a, b, 2)",
    "michaelis_menten(a, b, c)",
    "line(a) + cubic(a) + stairs(a)",
    "pi*a",
]
SPECIAL = ["lgamma(b) + gamma(c)"]
PARTS = [
    Parameter("a", "1"),
    Parameter("b", "1"),
    Parameter("c", "1"),
    Table("line", [0, 1, 2.5, 9], [1, 4, 2, 3], x_unit="", y_unit=""),
    Table("cubic", [0, 1, 2.5, 5, 9], [1, 4, 4.5, 2, 3], x_unit="", y_unit="", kind="pchip"),
    Table("stairs", [0, 1, 2.5, 9], [1, 4, 2, 3], x_unit="", y_unit="", kind="step"),
    Species("X", ""),
]


@pytest.fixture(scope="module")
def model():
    return Model("m", *PARTS)


def by_core(model, expression, rows):
    graph = _core.Graph()
    nodes = {n: graph.parameter(i) for i, n in enumerate("abc")}
    node = Lowering(graph, nodes.__getitem__, model.tables, lambda e: True).node(expression)
    return np.array([graph.evaluate(node, np.zeros(1), row, 0.0) for row in rows])


@pytest.mark.parametrize("text", EXPRESSIONS + SPECIAL)
def test_every_function_is_that_of_the_core(model, text):
    rows = np.ascontiguousarray(np.random.default_rng(1).uniform(0.3, 4.0, (60, 3)))
    rows[:4, 0] = [1.0, 2.5, 2.0, 9.0]  # points of the tables, ends of conditions
    expression = as_expression(parse(text))
    evaluator = Evaluator(model, {n: rows[:, i] for i, n in enumerate("abc")})
    inside = rows[:, 0] < (9.0 if "a/9" in text else 10.0)
    found = np.broadcast_to(evaluator.value(expression), 60)
    assert found[inside] == pytest.approx(by_core(model, expression, rows)[inside], rel=1e-12)


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_complex_steps_give_derivatives(model, text):
    rows = np.random.default_rng(2).uniform(0.4, 4.0, (40, 3))
    expression = as_expression(parse(text))
    for k, name in enumerate("abc"):
        symbols = {n: rows[:, i] for i, n in enumerate("abc")}

        def value(shift, symbols=symbols, name=name, k=k):
            moved = {**symbols, name: rows[:, k] + shift}
            return np.broadcast_to(Evaluator(model, moved).value(expression), 40)

        exact = np.imag(value(1j * STEP)) / STEP
        slope = (value(1e-6) - value(-1e-6)) / 2e-6
        assert exact == pytest.approx(slope, rel=1e-5, abs=1e-6)


def test_outside_a_table_there_is_no_number(model):
    evaluator = Evaluator(model, {"a": np.array([-0.1, 9.1]), "b": 1.0, "c": 1.0})
    assert np.isnan(evaluator.value(as_expression(parse("line(a)")))).all()


def test_units_are_internal(model):
    assert Evaluator(model, {}).value(as_expression(parse("2[h] + 1[min]"))) == 7260.0
