"""Expressions lowered to nodes of the core's expression graph, in internal units.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from krogh.errors import SpecError
from krogh.model.components import Table
from krogh.model.expression import Call, Expression, Number, Operation, Symbol, nodes_of
from krogh.units import parse_unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from krogh.model.network import Model

Value = TypeVar("Value", float, "NDArray[np.float64]")

__all__ = ["MAX_STEP_SURFACES", "Lowering", "internal_value"]

MAX_STEP_SURFACES: Final = 256
"""Steps that a step table of something that changes in time may have.

Each is a switching surface, which the integrator meets exactly; a jump that it only feels through
its error estimate would cost accuracy and steps.
"""

_UNARY: Final = (
    *("exp", "expm1", "log", "log1p", "log10", "sqrt", "abs", "lgamma"),
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"),
)


def internal_value(value: Value, unit: str | None) -> Value:
    """Return a number or an array in internal units, rounded once where the factor allows it."""
    if not unit:
        return value
    exact = parse_unit(unit).exact
    if exact.numerator == 1:
        return value / float(exact.denominator)
    return value * float(exact)


class Lowering:
    """Adds expressions to a graph.

    Parameters
    ----------
    graph
        A ``krogh._core.Graph``.
    symbol_node
        Node of a symbol.
    tables
        Interpolation tables by name.
    is_constant
        Whether an expression is fixed for a subject.
    """

    def __init__(
        self,
        graph: Any,
        symbol_node: Callable[[str], int],
        tables: Mapping[str, Table],
        is_constant: Callable[[Expression], bool],
    ) -> None:
        self.graph = graph
        self.symbol_node = symbol_node
        self.tables = tables
        self.is_constant = is_constant
        self._known: dict[Expression, int] = {}

    def node(self, root: Expression) -> int:
        """Return the node of a numeric expression; equal expressions are lowered once."""
        known = self._known
        stack: list[tuple[Expression, bool]] = [(root, False)]
        while stack:
            expression, ready = stack.pop()
            if expression in known:
                continue
            below = numeric_operands(expression)
            if ready or not below:
                known[expression] = self._lower(expression)
                continue
            stack.append((expression, True))
            stack.extend((b, False) for b in reversed(below))
        return known[root]

    def with_symbols(self, symbol_node: Callable[[str], int]) -> Lowering:
        """Return a lowering into the same graph that reads symbols otherwise."""
        return Lowering(self.graph, symbol_node, self.tables, self.is_constant)

    # --- one node, operands already lowered ------------------------------------------------------

    def _lower(self, e: Expression) -> int:
        g = self.graph
        if isinstance(e, Number):
            value = internal_value(e.value, e.unit)
            if not math.isfinite(value):
                raise SpecError(
                    f"KG-108: the number {e.text} leaves the range of double precision."
                )
            return int(g.constant(value))
        if isinstance(e, Symbol):
            return int(g.constant(math.pi)) if e.name == "pi" else self.symbol_node(e.name)
        if isinstance(e, Operation):
            a = self._known[e.args[0]]
            if e.op == "neg":
                return int(g.unary("neg", a))
            return int(g.binary(e.op, a, self._known[e.args[1]]))
        assert isinstance(e, Call)
        return self._call(e)

    def _call(self, e: Call) -> int:
        g, known = self.graph, self._known
        if e.name == "if":
            condition, a, b = e.args
            return self.select(condition, known[a], known[b])
        args = [known[a] for a in e.args]
        if e.name in self.tables:
            return self._table(self.tables[e.name], e.args[0])
        if e.name in _UNARY:
            return int(g.unary(e.name, args[0]))
        if e.name in ("min", "max"):
            result = args[0]
            for other in args[1:]:
                result = g.binary(e.name, result, other)
            return int(result)
        one = g.constant(1.0)
        if e.name == "gamma":
            return int(g.unary("exp", g.unary("lgamma", args[0])))
        if e.name == "expit":
            return int(
                g.binary("div", one, g.binary("add", one, g.unary("exp", g.unary("neg", args[0]))))
            )
        if e.name == "logit":
            return int(g.unary("log", g.binary("div", args[0], g.binary("sub", one, args[0]))))
        if e.name == "michaelis_menten":
            x, vmax, km = args
            return int(g.binary("div", g.binary("mul", vmax, x), g.binary("add", km, x)))
        assert e.name == "hill", e.name
        x, k, n = args
        xn = g.binary("pow", x, n)
        ratio = g.binary("div", xn, g.binary("add", g.binary("pow", k, n), xn))
        return int(g.choose(x, ratio, g.constant(0.0)))

    # --- conditions -------------------------------------------------------------------------------

    def select(self, condition: Expression, yes: int, no: int) -> int:
        """Return the node that is `yes` where the condition holds, else `no`.

        Strict and non-strict comparisons are told apart: ``a >= b`` is the negation of ``b > a``.
        """
        assert isinstance(condition, Operation)
        g = self.graph
        op, args = condition.op, condition.args
        if op == "not":
            return self.select(args[0], no, yes)
        if op == "and":
            for part in reversed(args):
                yes = self.select(part, yes, no)
            return yes
        if op == "or":
            for part in reversed(args):
                no = self.select(part, yes, no)
            return no
        left, right = self._known[args[0]], self._known[args[1]]
        if op in ("gt", "le"):
            surface = g.binary("sub", left, right)
        elif op in ("lt", "ge"):
            surface = g.binary("sub", right, left)
        else:
            surface = g.unary("abs", g.binary("sub", left, right))
        negated = op in ("le", "ge", "eq")
        return int(g.select(surface, no, yes) if negated else g.select(surface, yes, no))

    def trigger(self, condition: Expression) -> int:
        """Return a node that is positive where the condition holds and crosses zero with it."""
        for operand in numeric_operands_of_condition(condition):
            self.node(operand)
        return self._trigger(condition)

    def _trigger(self, condition: Expression) -> int:
        assert isinstance(condition, Operation)
        g = self.graph
        op, args = condition.op, condition.args
        if op == "not":
            return int(g.unary("neg", self._trigger(args[0])))
        if op in ("and", "or"):
            result = self._trigger(args[0])
            for part in args[1:]:
                result = g.binary("min" if op == "and" else "max", result, self._trigger(part))
            return int(result)
        left, right = self._known[args[0]], self._known[args[1]]
        return int(
            g.binary("sub", left, right) if op in ("gt", "ge") else g.binary("sub", right, left)
        )

    # --- tables -----------------------------------------------------------------------------------

    def _table(self, table: Table, expression: Expression) -> int:
        g, argument = self.graph, self._known[expression]
        x = [internal_value(v, table.x_unit) for v in table.x]
        y = [internal_value(v, table.y_unit) for v in table.y]
        if table.kind != "step" or self.is_constant(expression):
            return int(g.table(x, y, table.kind, argument))
        if len(x) > MAX_STEP_SURFACES + 1:
            raise SpecError(
                f"KG-112: the step table {table.name!r} of '{expression}' has {len(x)} points; at"
                f" most {MAX_STEP_SURFACES + 1} are possible where its argument changes in time.\n"
                "  Use kind='linear' or 'pchip', or fewer steps."
            )
        value = g.constant(y[0])
        for place, level in zip(x[1:], y[1:], strict=True):
            # not (place > x): the new level holds from the point itself on
            value = g.select(g.binary("sub", g.constant(place), argument), value, g.constant(level))
        # 1 inside the table's range, not a number outside: there is no extrapolation
        inside = g.table([x[0], x[-1]], [1.0, 1.0], "linear", argument)
        return int(g.binary("mul", inside, value))


def numeric_operands_of_condition(condition: Expression) -> list[Expression]:
    """Return the numbers that the comparisons of a condition compare."""
    found: list[Expression] = []
    stack = [condition]
    while stack:
        node = stack.pop()
        if isinstance(node, Operation) and node.op in ("and", "or", "not"):
            stack.extend(reversed(node.args))
        else:
            found.extend(node.args)
    return found


def numeric_operands(expression: Expression) -> list[Expression]:
    """Return the numeric expressions that a node needs first; conditions are looked through."""
    found: list[Expression] = []
    for arg in expression.args:
        found.extend(numeric_operands_of_condition(arg) if arg.is_condition else (arg,))
    return found


def break_times(model: Model) -> tuple[float, ...]:
    """Return the points in s of linear tables that are evaluated at time itself."""
    times: set[float] = set()
    for _, expression in model.analysis.expressions():
        for node in nodes_of(expression):
            if not isinstance(node, Call) or node.name not in model.tables:
                continue
            table = model.tables[node.name]
            if node.args[0] == Symbol("t") and table.kind == "linear":
                times.update(internal_value(x, table.x_unit) for x in table.x)
    return tuple(sorted(times))
