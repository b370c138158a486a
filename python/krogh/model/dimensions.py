"""Dimension analysis of expressions, with messages that show both sides.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Final

from krogh.errors import SpecError, UnitError
from krogh.model.expression import (
    COMPARISONS,
    Call,
    Expression,
    Number,
    Operation,
    Symbol,
    fold,
    shortened,
    symbols_of,
)
from krogh.units import BASE_NAMES, DIMENSIONLESS, Dimension, describe, dimension

__all__ = ["ANY", "Scope", "constant_value", "dimension_of", "mass_hint", "require"]

ANY: Final = None
"""The dimension of a bare zero, which fits everywhere."""

_MOLAR_MASS: Final = dimension("kDa")
_MASS: Final = BASE_NAMES.index("mass")
_ANGLE: Final = dimension("rad")
_TRIGONOMETRIC: Final = ("sin", "cos", "tan")


class Scope:
    """What names mean in an expression.

    Parameters
    ----------
    dimension_of
        Dimension of a symbol; raises `SpecError` for an unknown one.  None for "any".
    unit_of
        The unit in which a symbol was declared, for messages, or None.
    tables
        For each interpolation table the dimensions of argument and value.
    """

    __slots__ = ("dimension_of", "tables", "unit_of")

    def __init__(
        self,
        dimension_of: Callable[[str], Dimension | None],
        unit_of: Callable[[str], str | None],
        tables: Mapping[str, tuple[Dimension, Dimension]],
    ) -> None:
        self.dimension_of = dimension_of
        self.unit_of = unit_of
        self.tables = tables


@lru_cache(maxsize=4096)
def _times(a: Dimension, b: Dimension) -> Dimension:
    return a.times(b)


@lru_cache(maxsize=4096)
def _over(a: Dimension, b: Dimension) -> Dimension:
    return a.over(b)


@lru_cache(maxsize=4096)
def _power(a: Dimension, p: Fraction) -> Dimension:
    return a.power(p)


def mass_hint(given: Dimension, wanted: Dimension) -> str:
    """Return a line on molar mass if the dimensions differ by mass against amount, else ""."""
    ratio = given.over(wanted)
    power = ratio[_MASS]
    if power == 0 or ratio != _MOLAR_MASS.power(power):
        return ""
    return (
        "\n  One side counts mass, the other moles; they meet only through a molar mass, for"
        " example a Parameter('MW', '148 kDa') as a factor."
    )


def _bare_hint(node: Expression, found: Dimension | None, wanted: Dimension | None) -> str:
    if found != DIMENSIONLESS or wanted is None or wanted == DIMENSIONLESS:
        return ""
    inner = node.args[0] if isinstance(node, Operation) and node.op == "neg" else node
    if isinstance(inner, Number) and inner.unit is None:
        shown = inner.text
        return f"\n  A number may carry its unit in brackets: {shown}[nM] or {shown}[1/h]."
    return ""


def _side(node: Expression, found: Dimension | None, scope: Scope) -> str:
    """Return one line: the term, its dimension, and the units of the names in it."""
    shown = describe(found) if found is not None else "any (zero)"
    names = [(n, scope.unit_of(n)) for n in symbols_of(node)[:8] if n != "t"]
    units = ", ".join(f"{n} in {u or '1'}" for n, u in names if u is not None)
    return f"    {shortened(node)}:  {shown}" + (f"   ({units})" if units else "")


def _disagree(
    op: str,
    left: tuple[Expression, Dimension | None],
    right: tuple[Expression, Dimension | None],
    where: str,
    scope: Scope,
) -> UnitError:
    hint = ""
    if left[1] is not None and right[1] is not None:
        hint = mass_hint(left[1], right[1])
    hint = hint or _bare_hint(*left, right[1]) or _bare_hint(*right, left[1])
    return UnitError(
        f"KG-121: {where}: the two sides of {op} differ.\n"
        f"{_side(*left, scope)}\n{_side(*right, scope)}{hint}"
    )


def _not_plain(
    name: str, node: Expression, found: Dimension, where: str, scope: Scope
) -> UnitError:
    return UnitError(
        f"KG-121: {where}: {name} needs a dimensionless argument.\n{_side(node, found, scope)}\n"
        "  Divide by a reference of the same dimension, for example C/1[nM]."
    )


def constant_value(node: Expression) -> Fraction | None:
    """Return the exact value of an expression of bare numbers, or None if it is something else."""

    def visit(part: Expression, args: list[Fraction | None]) -> Fraction | None:
        if isinstance(part, Number):
            if part.unit is not None or not (part.value == 0 or 1e-9 < part.value < 1e9):
                return None
            return Fraction(repr(part.value))
        if not isinstance(part, Operation) or any(a is None for a in args):
            return None
        values = [a for a in args if a is not None]
        if any(v.denominator > 10**12 or abs(v.numerator) > 10**24 for v in values):
            return None
        if part.op == "neg":
            return -values[0]
        if part.op == "add":
            return values[0] + values[1]
        if part.op == "sub":
            return values[0] - values[1]
        if part.op == "mul":
            return values[0] * values[1]
        if part.op == "div" and values[1] != 0:
            return values[0] / values[1]
        return None

    return fold(node, visit)


def dimension_of(root: Expression, scope: Scope, where: str) -> Dimension | None:
    """Return the dimension of an expression; None for a bare zero, which fits any.

    Parameters
    ----------
    root
        The expression.
    scope
        What its names mean.
    where
        What the expression is, for messages: ``"rate of 'C'"``.

    Raises
    ------
    UnitError
        KG-121 where terms do not agree or a function needs a dimensionless argument.
    SpecError
        KG-103 for an unknown name, KG-105 for a division by a bare zero.
    """

    def same(
        op: str, node: Expression, i: int, j: int, args: list[Dimension | None]
    ) -> Dimension | None:
        a, b = args[i], args[j]
        if a is not None and b is not None and a != b:
            raise _disagree(op, (node.args[i], a), (node.args[j], b), where, scope)
        return b if a is None else a

    def plain(name: str, node: Expression, found: Dimension | None) -> None:
        if found is not None and found != DIMENSIONLESS:
            raise _not_plain(name, node, found, where, scope)

    def visit(node: Expression, args: list[Dimension | None]) -> Dimension | None:
        if isinstance(node, Number):
            if node.unit is not None:
                return dimension(node.unit)
            return ANY if node.value == 0 else DIMENSIONLESS
        if isinstance(node, Symbol):
            return scope.dimension_of(node.name)
        if isinstance(node, Operation):
            return operation(node, args)
        assert isinstance(node, Call)
        return function(node, args)

    def operation(node: Operation, args: list[Dimension | None]) -> Dimension | None:
        op = node.op
        if op == "neg":
            return args[0]
        if op in ("add", "sub"):
            return same("'+'" if op == "add" else "'-'", node, 0, 1, args)
        if op in COMPARISONS:
            same(f"'{COMPARISONS[op]}'", node, 0, 1, args)
            return DIMENSIONLESS
        if op in ("and", "or", "not"):
            return DIMENSIONLESS
        a, b = args
        if op == "mul":
            return ANY if a is None or b is None else _times(a, b)
        if op == "div":
            if b is None:
                raise SpecError(f"KG-105: {where}: '{shortened(node)}' divides by zero.")
            return ANY if a is None else _over(a, b)
        base, exponent = node.args
        plain("an exponent", exponent, b)
        if a is None or a == DIMENSIONLESS:
            return DIMENSIONLESS
        power = constant_value(exponent)
        if power is None:
            raise UnitError(
                f"KG-121: {where}: '{shortened(node)}' raises a quantity with a dimension to a"
                f" power that is no plain number.\n{_side(base, a, scope)}\n"
                "  Make the base dimensionless, for example (C/1[nM])^n."
            )
        return _power(a, power)

    def function(node: Call, args: list[Dimension | None]) -> Dimension | None:
        name = node.name
        if name in ("min", "max"):
            result = args[0]
            for j in range(1, len(args)):
                if result is None:
                    result = args[j]
                elif args[j] is not None and args[j] != result:
                    i = next(k for k in range(j) if args[k] is not None)
                    same(name, node, i, j, args)
            return result
        if name == "if":
            return same("if(...)", node, 1, 2, args)
        if name == "abs":
            return args[0]
        if name == "sqrt":
            return ANY if args[0] is None else _power(args[0], Fraction(1, 2))
        if name == "hill":
            same("hill(x, k, n)", node, 0, 1, args)
            plain("the exponent of hill", node.args[2], args[2])
            return DIMENSIONLESS
        if name == "michaelis_menten":
            same("michaelis_menten(x, vmax, km)", _ends(node), 0, 1, [args[0], args[2]])
            return args[1]
        if name in scope.tables:
            argument, value = scope.tables[name]
            if args[0] is not None and args[0] != argument:
                raise UnitError(
                    f"KG-121: {where}: the table {name!r} takes {describe(argument)}.\n"
                    f"{_side(node.args[0], args[0], scope)}{mass_hint(args[0], argument)}"
                )
            return value
        if name in _TRIGONOMETRIC and args[0] == _ANGLE:
            return DIMENSIONLESS
        plain(name, node.args[0], args[0])
        return DIMENSIONLESS

    return fold(root, visit)


def _ends(node: Call) -> Expression:
    """Return the first and last argument of a call as the operands of one node."""
    return Operation("lt", node.args[0], node.args[-1])


def require(
    root: Expression,
    wanted: Dimension,
    scope: Scope,
    where: str,
    needed: str,
    hint: Callable[[Dimension], str] | None = None,
) -> None:
    """Raise UnitError KG-121, showing both sides, unless an expression has a dimension.

    Parameters
    ----------
    root, scope, where
        As in `dimension_of`.
    wanted
        The dimension needed.
    needed
        What needs it, for the second line: ``"d(C)/dt with C in nM"``.
    hint
        Gives a further line for the dimension found.
    """
    found = dimension_of(root, scope, where)
    if found is None or found == wanted:
        return
    more = mass_hint(found, wanted) or (hint(found) if hint else "")
    more = more or _bare_hint(root, found, wanted)
    raise UnitError(
        f"KG-121: {where}: the dimensions of the two sides differ.\n"
        f"{_side(root, found, scope)}\n    {needed}:  {describe(wanted)}{more}"
    )
