"""Expressions as text, LaTeX and HTML, with no more parentheses than needed.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Final

from krogh.model.expression import COMPARISONS, Call, Expression, Number, Operation, Symbol, fold

__all__ = ["to_text"]

_INFIX: Final = {"add": " + ", "sub": " - ", "mul": "*", "div": "/", "pow": "^"} | {
    op: f" {sign} " for op, sign in COMPARISONS.items()
}
_LEVEL: Final = {"or": 1, "and": 2, "not": 3, "add": 5, "sub": 5, "mul": 6, "div": 6, "neg": 7}
_LEVEL_COMPARISON, _LEVEL_POWER, _LEVEL_ATOM = 4, 8, 9


def _level(node: Expression) -> int:
    if isinstance(node, Operation):
        if node.op == "pow":
            return _LEVEL_POWER
        return _LEVEL.get(node.op, _LEVEL_COMPARISON)
    return _LEVEL_ATOM


def to_text(root: Expression) -> str:
    """Return the expression in the language itself; `parse` reads it back to an equal tree."""

    def wrap(node: Expression, text: str, lowest: int) -> str:
        return text if _level(node) >= lowest else f"({text})"

    def visit(node: Expression, args: list[str]) -> str:
        if isinstance(node, Number):
            return node.text
        if isinstance(node, Symbol):
            return node.name
        if isinstance(node, Call):
            return f"{node.name}({', '.join(args)})"
        assert isinstance(node, Operation)
        level = _level(node)
        if node.op in ("and", "or"):
            parts = (wrap(a, text, level + 1) for a, text in zip(node.args, args, strict=True))
            return f" {node.op} ".join(parts)
        if node.op == "not":
            return f"not {wrap(node.args[0], args[0], 3)}"
        if node.op == "neg":
            return f"-{wrap(node.args[0], args[0], _LEVEL_POWER)}"
        left, right = node.args
        if node.op == "pow":
            return f"{wrap(left, args[0], _LEVEL_ATOM)}^{wrap(right, args[1], _LEVEL_POWER)}"
        # a sign directly behind an operator would read badly, so it gets parentheses
        tight = _LEVEL_POWER if isinstance(right, Operation) and right.op == "neg" else level + 1
        lowest = level if node.op not in COMPARISONS else level + 1
        return wrap(left, args[0], lowest) + _INFIX[node.op] + wrap(right, args[1], tight)

    return fold(root, visit)
