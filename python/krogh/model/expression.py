"""Expressions: symbols and calls to build them, and what can be done with the trees.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from krogh.model.nodes import (
    COMPARISONS,
    MAX_LENGTH,
    MAX_SIZE,
    Call,
    Expression,
    Number,
    Operation,
    Symbol,
    as_expression,
    mixed_message,
    number,
    require_printable,
    shortened,
)
from krogh.model.vocabulary import FUNCTIONS

__all__ = [
    "COMPARISONS",
    "MAX_LENGTH",
    "MAX_SIZE",
    "Call",
    "Expression",
    "Number",
    "Operation",
    "Symbol",
    "as_expression",
    "call",
    "fold",
    "joined_sum",
    "mixed_message",
    "nodes_of",
    "number",
    "require_printable",
    "shortened",
    "signed_terms",
    "substitute",
    "symbol",
    "symbols_of",
    "tables_of",
]

Result = TypeVar("Result")


def symbol(name: str) -> Symbol:
    """Return the symbol `name`, to be combined by operators: ``symbol("kon") * symbol("C")``."""
    return Symbol(name)


def call(name: str, *args: Any) -> Expression:
    """Return a function applied to expressions: ``call("exp", -symbol("k") * symbol("t"))``."""
    return Call(name, *args)


# --- sums -----------------------------------------------------------------------------------------


def signed_terms(root: Expression) -> list[tuple[bool, Expression]]:
    """Return the terms of a sum from left to right, each with whether it is subtracted."""
    found: list[tuple[bool, Expression]] = []
    stack = [(False, root)]
    while stack:
        negative, node = stack.pop()
        if isinstance(node, Operation) and node.op in ("add", "sub"):
            stack.append((negative != (node.op == "sub"), node.args[1]))
            stack.append((negative, node.args[0]))
        elif isinstance(node, Operation) and node.op == "neg":
            stack.append((not negative, node.args[0]))
        else:
            sign, plain = _without_sign(node)
            found.append((negative != sign, plain))
    return found


def _without_sign(node: Expression) -> tuple[bool, Expression]:
    """Split the sign of the first factor off: ``-a*b/c`` is minus ``a*b/c``."""
    spine: list[Operation] = []
    head = node
    while isinstance(head, Operation) and head.op in ("mul", "div"):
        spine.append(head)
        head = head.args[0]
    if not (isinstance(head, Operation) and head.op == "neg"):
        return False, node
    return True, _rebuilt(head.args[0], spine)


def _rebuilt(head: Expression, spine: list[Operation]) -> Expression:
    for node in reversed(spine):
        head = Operation(node.op, head, node.args[1])
    return head


def joined_sum(terms: list[tuple[bool, Expression]]) -> Expression:
    """Return the sum of signed terms; a leading sign stands at the first factor."""
    total: Expression | None = None
    for negative, term in terms:
        if total is not None:
            total = total - term if negative else total + term
        elif negative:
            spine: list[Operation] = []
            head = term
            while isinstance(head, Operation) and head.op in ("mul", "div"):
                spine.append(head)
                head = head.args[0]
            total = _rebuilt(-head, spine)
        else:
            total = term
    return Number(0.0) if total is None else total


# --- walking --------------------------------------------------------------------------------------


def fold(root: Expression, visit: Callable[[Expression, list[Result]], Result]) -> Result:
    """Return ``visit(root, results of its operands)``, computed from the leaves up.

    Equal subtrees that are one object are visited once.
    """
    done: dict[int, Result] = {}
    stack: list[tuple[Expression, bool]] = [(root, False)]
    while stack:
        node, ready = stack.pop()
        if id(node) in done:
            continue
        if ready or not node.args:
            done[id(node)] = visit(node, [done[id(a)] for a in node.args])
            continue
        stack.append((node, True))
        stack.extend((a, False) for a in reversed(node.args))
    return done[id(root)]


def nodes_of(root: Expression) -> Iterator[Expression]:
    """Yield every distinct node object, parents before their operands, left to right."""
    seen: set[int] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        stack.extend(reversed(node.args))


def symbols_of(root: Expression) -> tuple[str, ...]:
    """Return the names of the symbols in an expression, in order of appearance, `pi` left out."""
    names = (n.name for n in nodes_of(root) if isinstance(n, Symbol) and n.name != "pi")
    return tuple(dict.fromkeys(names))


def tables_of(root: Expression) -> tuple[str, ...]:
    """Return the names called that are no functions of the language: interpolation tables."""
    names = (n.name for n in nodes_of(root) if isinstance(n, Call) and n.name not in FUNCTIONS)
    return tuple(dict.fromkeys(names))


def substitute(
    root: Expression,
    symbols: Mapping[str, Expression],
    tables: Mapping[str, str] | None = None,
) -> Expression:
    """Return a copy with symbols replaced by expressions and tables by other names."""
    renamed = tables or {}

    def visit(node: Expression, args: list[Expression]) -> Expression:
        if isinstance(node, Symbol):
            return symbols.get(node.name, node)
        if isinstance(node, Call):
            if node.name in renamed or any(
                a is not b for a, b in zip(args, node.args, strict=True)
            ):
                return Call(renamed.get(node.name, node.name), *args)
        elif isinstance(node, Operation) and any(
            a is not b for a, b in zip(args, node.args, strict=True)
        ):
            return Operation(node.op, *args)
        return node

    return fold(root, visit)
