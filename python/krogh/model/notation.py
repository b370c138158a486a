"""Expressions as text, LaTeX and HTML, with no more parentheses than needed.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import html
import math
import re
from typing import Final

from krogh.model.expression import COMPARISONS, Call, Expression, Number, Operation, Symbol, fold
from krogh.units import format_number, parse_unit

__all__ = ["name_html", "name_latex", "to_html", "to_latex", "to_text", "unit_latex"]

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


def _is_sign(node: Expression) -> bool:
    return isinstance(node, Operation) and node.op == "neg"


# --- text -----------------------------------------------------------------------------------------


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
            return f"not {wrap(node.args[0], args[0], level)}"
        if node.op == "neg":
            return f"-{wrap(node.args[0], args[0], level)}"
        left, right = node.args
        if node.op == "pow":
            return f"{wrap(left, args[0], _LEVEL_ATOM)}^{wrap(right, args[1], _LEVEL['neg'])}"
        lowest = level if node.op not in COMPARISONS else level + 1
        return wrap(left, args[0], lowest) + _INFIX[node.op] + wrap(right, args[1], level + 1)

    return fold(root, visit)


# --- names ----------------------------------------------------------------------------------------

_GREEK: Final = frozenset(
    (
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
        *("lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi"),
        *("omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega"),
    )
)
_PIECE: Final = re.compile(r"[A-Za-z]+|[0-9]+")


def _pieces(name: str) -> tuple[str, str]:
    """Return base and subscript of a name: ``("k", "on")`` of ``k_on``, ``("V", "1")`` of V1."""
    parts = [p for p in re.split(r"[_.]+", name) if p]
    if not parts:
        return name, ""
    found = _PIECE.findall(parts[0])
    head, rest = found[0], found[1:]
    return head, ",".join(["".join(rest)] * bool(rest) + parts[1:])


def name_latex(name: str) -> str:
    r"""Return a name for LaTeX: ``k_{\mathrm{on}}`` of ``k_on``, ``V_{1}`` of ``V1``."""
    base, below = _pieces(name)
    if base in _GREEK:
        shown = rf"\{base}"
    elif len(base) == 1:
        shown = base
    else:
        shown = rf"\mathrm{{{base}}}".replace("_", r"\_")
    if not below:
        return shown
    words = [
        rf"\{w}" if w in _GREEK else w if w.isdigit() else rf"\mathrm{{{w}}}"
        for w in below.split(",")
    ]
    return f"{shown}_{{{','.join(words)}}}"


def name_html(name: str) -> str:
    """Return a name for HTML: ``<i>k</i><sub>on</sub>`` of ``k_on``."""
    base, below = _pieces(name)
    shown = f"&{base};" if base in _GREEK else html.escape(base)
    return f"<i>{shown}</i>" + (f"<sub>{html.escape(below)}</sub>" if below else "")


_MICRO: Final = re.compile(r"u(?=(?:m|g|L|mol|M|s|Ci|Pa|IU|U)$)")


def unit_latex(unit: str) -> str:
    r"""Return a unit for LaTeX: ``\mathrm{L\,d^{-1}}`` of ``L/d``; as written with a number."""
    parsed = parse_unit(unit)
    product = math.prod(parse_unit(symbol).exact ** p for symbol, p in parsed.parts)
    if not parsed.parts or product != parsed.exact:
        return rf"\text{{{_latex_text(unit)}}}"
    shown = []
    for symbol, power in parsed.parts:
        plain = _MICRO.sub("", symbol)
        name = rf"\mu {plain}" if plain != symbol else _latex_text(symbol)
        shown.append(name if power == 1 else f"{name}^{{{power}}}")
    joined = r"\,".join(shown)
    return rf"\mathrm{{{joined}}}"


_LATEX_SPECIAL: Final = {
    **{c: rf"\{c}" for c in "%_#$&{}"},
    "^": r"\^{}",
    "~": r"\~{}",
    "\\": r"\textbackslash{}",
}


def _latex_text(text: str) -> str:
    """Return text with LaTeX's special characters escaped."""
    return "".join(_LATEX_SPECIAL.get(c, c) for c in text)


# --- LaTeX ----------------------------------------------------------------------------------------

_LATEX_COMPARISON: Final = {
    "lt": "<",
    "le": r"\le",
    "gt": ">",
    "ge": r"\ge",
    "eq": "=",
    "ne": r"\ne",
}
_LATEX_FUNCTION: Final = {
    "exp": r"\exp",
    "log": r"\ln",
    "log10": r"\log_{10}",
    "sin": r"\sin",
    "cos": r"\cos",
    "tan": r"\tan",
    "asin": r"\arcsin",
    "acos": r"\arccos",
    "atan": r"\arctan",
    "sinh": r"\sinh",
    "cosh": r"\cosh",
    "tanh": r"\tanh",
    "min": r"\min",
    "max": r"\max",
    "gamma": r"\Gamma",
    "lgamma": r"\ln\Gamma",
}


def number_latex(value: float) -> str:
    """Return a number for LaTeX, with a power of ten where it has an exponent."""
    text = format_number(value)
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    shown = "" if mantissa == "1" else rf"{mantissa}\times "
    return f"{shown}10^{{{int(exponent)}}}"


def to_latex(root: Expression) -> str:
    """Return the expression for LaTeX's math mode."""

    def level(node: Expression) -> int:
        if isinstance(node, Operation) and node.op == "div":
            return _LEVEL_ATOM  # a fraction needs no parentheses, but as the base of a power
        if isinstance(node, Number) and (node.unit is not None or "e" in node.text):
            return 6
        return _level(node)

    def wrap(node: Expression, text: str, lowest: int) -> str:
        return text if level(node) >= lowest else rf"\left({text}\right)"

    def visit(node: Expression, args: list[str]) -> str:
        if isinstance(node, Number):
            unit = "" if node.unit is None else rf"\,{unit_latex(node.unit)}"
            return number_latex(node.value) + unit
        if isinstance(node, Symbol):
            return r"\pi" if node.name == "pi" else name_latex(node.name)
        if isinstance(node, Call):
            return function(node, args)
        assert isinstance(node, Operation)
        return operation(node, args)

    def operation(node: Operation, args: list[str]) -> str:
        op = node.op
        own = _level(node)
        if op in ("and", "or"):
            sign = r" \land " if op == "and" else r" \lor "
            return sign.join(wrap(a, s, own + 1) for a, s in zip(node.args, args, strict=True))
        if op == "not":
            return rf"\lnot {wrap(node.args[0], args[0], _LEVEL_ATOM)}"
        if op == "neg":
            return f"-{wrap(node.args[0], args[0], 6)}"
        left, right = node.args
        if op == "div":
            return rf"\frac{{{args[0]}}}{{{args[1]}}}"
        if op == "pow":
            base_is_plain = level(left) >= _LEVEL_ATOM and not (
                isinstance(left, Call) or (isinstance(left, Operation) and left.op == "div")
            )
            base = args[0] if base_is_plain else rf"\left({args[0]}\right)"
            return f"{{{base}}}^{{{args[1]}}}"
        if op in _LATEX_COMPARISON:
            return f"{wrap(left, args[0], 5)} {_LATEX_COMPARISON[op]} {wrap(right, args[1], 5)}"
        tight = _LEVEL_POWER if _is_sign(right) else own + 1
        if op == "mul":
            sign = r" \cdot " if isinstance(right, Number) else r"\,"
            return wrap(left, args[0], own) + sign + wrap(right, args[1], tight)
        sign = " + " if op == "add" else " - "
        return wrap(left, args[0], own) + sign + wrap(right, args[1], tight)

    def function(node: Call, args: list[str]) -> str:
        if node.name == "sqrt":
            return rf"\sqrt{{{args[0]}}}"
        if node.name == "abs":
            return rf"\left|{args[0]}\right|"
        if node.name == "if":
            condition, yes, no = args
            return (
                rf"\begin{{cases}}{yes} & \text{{if }} {condition}\\{no} & \text{{otherwise}}"
                r"\end{cases}"
            )
        shown = _LATEX_FUNCTION.get(node.name) or rf"\operatorname{{{node.name}}}".replace(
            "_", r"\_"
        )
        return rf"{shown}\left({', '.join(args)}\right)"

    return fold(fold(root, _written_out), visit)


def _written_out(node: Expression, args: list[Expression]) -> Expression:
    """Return a node with hill and michaelis_menten as the fractions that they are."""
    if isinstance(node, Call):
        if node.name == "hill":
            x, k, n = args
            return x**n / (k**n + x**n)
        if node.name == "michaelis_menten":
            x, vmax, km = args
            return vmax * x / (km + x)
        return Call(node.name, *args)
    return Operation(node.op, *args) if isinstance(node, Operation) else node


# --- HTML -----------------------------------------------------------------------------------------

_HTML_INFIX: Final = {"add": " + ", "sub": " &minus; ", "mul": "&middot;", "div": "/"} | {
    "lt": " &lt; ",
    "le": " &le; ",
    "gt": " &gt; ",
    "ge": " &ge; ",
    "eq": " = ",
    "ne": " &ne; ",
}


def to_html(root: Expression) -> str:
    """Return the expression for HTML, every name escaped."""

    def wrap(node: Expression, text: str, lowest: int) -> str:
        return text if _level(node) >= lowest else f"({text})"

    def visit(node: Expression, args: list[str]) -> str:
        if isinstance(node, Number):
            value = html.escape(format_number(node.value))
            return value if node.unit is None else f"{value}&nbsp;{html.escape(node.unit)}"
        if isinstance(node, Symbol):
            return "&pi;" if node.name == "pi" else name_html(node.name)
        if isinstance(node, Call):
            return f"{html.escape(node.name)}({', '.join(args)})"
        assert isinstance(node, Operation)
        level = _level(node)
        if node.op in ("and", "or"):
            parts = (wrap(a, text, level + 1) for a, text in zip(node.args, args, strict=True))
            return f" {node.op} ".join(parts)
        if node.op == "not":
            return f"not {wrap(node.args[0], args[0], level)}"
        if node.op == "neg":
            return f"&minus;{wrap(node.args[0], args[0], _LEVEL_POWER)}"
        left, right = node.args
        if node.op == "pow":
            return f"{wrap(left, args[0], _LEVEL_ATOM)}<sup>{args[1]}</sup>"
        tight = _LEVEL_POWER if _is_sign(right) else level + 1
        lowest = level if node.op not in COMPARISONS else level + 1
        return wrap(left, args[0], lowest) + _HTML_INFIX[node.op] + wrap(right, args[1], tight)

    return fold(root, visit)
