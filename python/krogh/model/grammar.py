"""The grammar of expressions: text such as ``kon*C*S/eps - koff*B`` to a tree.

SPDX-License-Identifier: BSD-3-Clause

::

    condition  := conjunction ("or" conjunction)*
    conjunction:= negation ("and" negation)*
    negation   := "not" negation | comparison
    comparison := sum (("<" | "<=" | ">" | ">=" | "==" | "!=") sum)?
    sum        := product (("+" | "-") product)*
    product    := sign (("*" | "/") sign)*
    sign       := ("-" | "+") sign | power
    power      := atom (("^" | "**") sign)?
    atom       := number ("[" unit "]")? | name | name "(" condition ("," condition)* ")"
                  | "(" condition ")"

``-a^2`` is ``-(a^2)`` and ``a^b^c`` is ``a^(b^c)``, as in Python.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Final, NamedTuple

from krogh.errors import SpecError, UnitError, did_you_mean, underline
from krogh.model.expression import (
    MAX_LENGTH,
    Call,
    Expression,
    Number,
    Operation,
    Symbol,
    mixed_message,
)
from krogh.model.vocabulary import FUNCTIONS, MAX_NAME, count_message, other_spelling
from krogh.unit_table import lookup

__all__ = ["MAX_LENGTH", "MAX_NESTING", "parse"]

MAX_NESTING: Final = 60
"""Levels to which parentheses, calls, signs and powers may be nested."""

_TOKEN = re.compile(
    r"[ \t\r\n]*(?:"
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)"
    r"|(?P<symbol>\*\*|<=|>=|==|!=|[-+*/^<>(),\[])"
    r"|(?P<end>\Z))"
)
_UNIT = re.compile(r"[^\[\]]*")

# operator: (name, level); a higher level binds tighter
_LEVEL: Final[dict[str, tuple[str, int]]] = {
    "or": ("or", 1),
    "and": ("and", 2),
    "<": ("lt", 4),
    "<=": ("le", 4),
    ">": ("gt", 4),
    ">=": ("ge", 4),
    "==": ("eq", 4),
    "!=": ("ne", 4),
    "+": ("add", 5),
    "-": ("sub", 5),
    "*": ("mul", 6),
    "/": ("div", 6),
}
_COMPARISON: Final = 4
_SIGN: Final = 7

_INSTEAD: Final = {
    "&": "write 'and'",
    "|": "write 'or'",
    "!": "write 'not'",
    "=": "write '==' to compare",
    "%": "there is no remainder; a percentage is written 5[%]",
    "?": "write if(condition, a, b)",
    ";": "one expression stands here",
    "{": "write ( )",
    "}": "write ( )",
    "]": "'[' is missing before the unit",
    "\u00d7": "write *",
    "\u00b7": "write *",
    "\u22c5": "write *",
    "\u00f7": "write /",
    "\u2212": "write -",
    "\u2013": "write -",
    "\u00b2": "write ^2",
    "\u00b3": "write ^3",
    "\u2264": "write <=",
    "\u2265": "write >=",
    "'": "quotes do not belong here",
    '"': "quotes do not belong here",
    "$": "names are letters, digits and '_'",
    "@": "names are letters, digits and '_'",
    ":": "write if(condition, a, b)",
}


class _Token(NamedTuple):
    kind: str  # number, name, symbol, unit, end
    text: str
    start: int

    @property
    def stop(self) -> int:
        return self.start + len(self.text)


class _Parser:
    """Precedence climbing over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = self.split(text)
        self.at = 0

    def error(
        self, why: str, start: int, stop: int | None = None, code: str = "KG-105"
    ) -> SpecError:
        shown = self.text if len(self.text) <= 60 else self.text[:57] + "..."
        return SpecError(
            f"{code}: cannot read the expression {shown!r}: {why}\n"
            f"{underline(self.text, start, stop)}"
        )

    def split(self, text: str) -> list[_Token]:
        tokens: list[_Token] = []
        position = 0
        while True:
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                position += len(text[position:]) - len(text[position:].lstrip(" \t\r\n"))
                wrong = text[position]
                hint = _INSTEAD.get(wrong, "it has no meaning here")
                raise self.error(f"{wrong!r} is not expected; {hint}.", position)
            kind = match.lastgroup
            tokens.append(_Token(kind, match.group(kind), match.start(kind)))
            position = match.end()
            if kind == "end":
                return tokens
            if tokens[-1].text == "[":
                inside = _UNIT.match(text, position)
                stop = inside.end() if inside else position
                if stop >= len(text) or text[stop] != "]":
                    raise self.error("']' is missing after the unit.", tokens[-1].start, stop)
                tokens[-1] = _Token("unit", text[position:stop], position)
                position = stop + 1

    def peek(self) -> _Token:
        return self.tokens[self.at]

    def take(self) -> _Token:
        token = self.tokens[self.at]
        self.at += 1
        return token

    def guard(self, depth: int) -> None:
        if depth > MAX_NESTING:
            raise self.error(
                f"it is nested deeper than {MAX_NESTING} levels; name parts of it by rules.",
                self.peek().start,
            )

    def binary(self, lowest: int, depth: int) -> Expression:
        """Parse operators of level `lowest` and above."""
        self.guard(depth)
        start = self.peek().start
        left = self.sign(lowest, depth)
        while True:
            token = self.peek()
            if token.kind == "end" or token.text not in _LEVEL or token.kind in ("number", "unit"):
                return left
            op, level = _LEVEL[token.text]
            if level < lowest:
                return left
            wants_condition = level < _COMPARISON
            self.require(left, wants_condition, start, self.tokens[self.at - 1].stop)
            operands = [left]
            while True:  # all operands of 'and' and 'or' at once
                self.at += 1
                where = self.peek().start
                operands.append(self.binary(level + 1, depth))
                self.require(operands[-1], wants_condition, where, self.tokens[self.at - 1].stop)
                if not wants_condition or self.peek().text != token.text:
                    break
            left = Operation(op, *operands)
            if level == _COMPARISON and _LEVEL.get(self.peek().text, ("", 0))[1] == _COMPARISON:
                again = self.peek()
                raise self.error(
                    "comparisons cannot be chained; write (a < b) and (b < c).",
                    again.start,
                    again.stop,
                )

    def sign(self, lowest: int, depth: int) -> Expression:
        token = self.peek()
        if token.kind == "symbol" and token.text in "+-":
            self.at += 1
            where = self.peek().start
            self.guard(depth)
            operand = self.sign(_SIGN, depth + 1)
            self.require(operand, False, where, self.tokens[self.at - 1].stop)
            return Operation("neg", operand) if token.text == "-" else operand
        if token.kind == "name" and token.text == "not":
            if lowest > 3:
                raise self.error("put parentheses around 'not ...'.", token.start, token.stop)
            self.at += 1
            where = self.peek().start
            self.guard(depth)
            again = self.peek().text == "not"
            operand = self.sign(3, depth + 1) if again else self.binary(_COMPARISON, depth)
            self.require(operand, True, where, self.tokens[self.at - 1].stop)
            return Operation("not", operand)
        return self.power(depth)

    def power(self, depth: int) -> Expression:
        start = self.peek().start
        base = self.atom(depth)
        token = self.peek()
        if token.kind != "symbol" or token.text not in ("^", "**"):
            return base
        self.require(base, False, start, self.tokens[self.at - 1].stop)
        self.at += 1
        where = self.peek().start
        self.guard(depth)
        exponent = self.sign(_SIGN, depth + 1)
        self.require(exponent, False, where, self.tokens[self.at - 1].stop)
        return Operation("pow", base, exponent)

    def atom(self, depth: int) -> Expression:
        token = self.take()
        if token.kind == "number":
            return self.number(token)
        if token.kind == "name" and token.text not in ("and", "or"):
            if self.peek().kind == "symbol" and self.peek().text == "(":
                return self.call(token, depth)
            return self.name(token)
        if token.text == "(" and token.kind == "symbol":
            inner = self.binary(0, depth + 1)
            self.close(token)
            return inner
        self.at -= 1
        if token.kind == "end":
            raise self.error("it ends where a value must follow.", token.start)
        if token.kind == "unit":
            raise self.error(
                "a unit belongs behind a number, as in 5[nM].", token.start, token.stop
            )
        what = token.text if token.text != ")" else ")"
        raise self.error(f"a value must stand before {what!r}.", token.start, token.stop)

    def close(self, opening: _Token) -> None:
        token = self.peek()
        if token.kind == "symbol" and token.text == ")":
            self.at += 1
            return
        if token.kind == "end":
            raise self.error("'(' is not closed.", opening.start)
        raise self.error(self.unexpected(token), token.start, token.stop)

    def unexpected(self, token: _Token) -> str:
        if token.kind == "unit":
            return "a unit belongs behind a number, as in 5[nM]."
        before = self.tokens[self.at - 1] if self.at else token
        if token.kind == "name" and before.kind == "number" and lookup(token.text) is not None:
            return f"an operator is missing, or a unit in brackets: {before.text}[{token.text}]."
        if token.kind in ("number", "name") or token.text == "(":
            return "an operator such as * is missing."
        if token.text == ")":
            return "')' has no '('."
        if token.text == ",":
            return "a comma separates arguments of a function only."
        return f"{token.text!r} is not expected."

    def number(self, token: _Token) -> Expression:
        value = float(token.text)
        if not math.isfinite(value):
            raise self.error("the number is beyond double precision.", token.start, token.stop)
        unit = self.peek()
        if unit.kind != "unit":
            return Number(value)
        self.at += 1
        if not unit.text.strip():
            raise self.error("the unit is empty.", unit.start - 1, unit.start + 1)
        try:
            return Number(value, unit.text)
        except UnitError as error:
            raise UnitError(
                f"{error}\n  in the expression\n{underline(self.text, unit.start, unit.stop)}",
                error.code,
            ) from None

    def name(self, token: _Token) -> Expression:
        if len(token.text) > MAX_NAME:
            raise self.error(
                f"a name has at most {MAX_NAME} characters.", token.start, token.stop, "KG-104"
            )
        if token.text == "if":
            raise self.error("write if(condition, a, b).", token.start, token.stop)
        return Symbol(token.text)

    def call(self, token: _Token, depth: int) -> Expression:
        opening = self.take()
        args: list[Expression] = []
        starts: list[int] = []
        if self.peek().text == ")" and self.peek().kind == "symbol":
            self.at += 1
        else:
            while True:
                starts.append(self.peek().start)
                args.append(self.binary(0, depth + 1))
                following = self.peek()
                if following.kind == "symbol" and following.text == ",":
                    self.at += 1
                    continue
                self.close(opening)
                break
        name = token.text
        if name not in FUNCTIONS and (len(name) > MAX_NAME or name in ("t", "pi", "not")):
            raise self.error(
                f"{name[:MAX_NAME]!r} is not a function.", token.start, token.stop, "KG-107"
            )
        if len(args) not in FUNCTIONS.get(name, (1,)):
            hint = other_spelling(name) or did_you_mean(name, FUNCTIONS)
            message = count_message(name, len(args)).removeprefix("KG-107: ")
            if name not in FUNCTIONS:
                message = f"{name!r} is not a function with {len(args)} arguments.{hint}"
            raise self.error(message, token.start, token.stop, "KG-107")
        for i, (arg, start) in enumerate(zip(args, starts, strict=True)):
            self.require(arg, name == "if" and i == 0, start, None)
        return Call(name, *args)

    def require(self, node: Expression, condition: bool, start: int, stop: int | None) -> None:
        if node.is_condition != condition:
            message = mixed_message(node, condition).removeprefix("KG-106: ")
            raise self.error(message, start, stop, "KG-106")


def _parse(text: str) -> Expression:
    parser = _Parser(text)
    if parser.peek().kind == "end":
        raise SpecError("KG-105: the expression is empty.")
    tree = parser.binary(0, 0)
    if len(text) > MAX_LENGTH // 5 and len(str(tree)) > MAX_LENGTH:
        raise SpecError(
            f"KG-105: the expression {text[:40]!r}... has more than {MAX_LENGTH} characters when"
            " printed.  Name parts of it by rules."
        )
    token = parser.peek()
    if token.kind != "end":
        raise parser.error(parser.unexpected(token), token.start, token.stop)
    return tree


_CACHED_LENGTH: Final = 400
_parse_cached = lru_cache(maxsize=4096)(_parse)


def parse(text: str) -> Expression:
    """Return the expression tree of `text`.

    Parameters
    ----------
    text
        For example ``"kon*C*S/eps - koff*B"`` or ``"if(C > 5[nM], kmax, 0[1/h])"``; at most
        `MAX_LENGTH` characters.

    Raises
    ------
    SpecError
        KG-104 (name), KG-105 (syntax), KG-106 (condition for a number or the reverse), KG-107
        (number of arguments), each with the place marked.
    UnitError
        A unit in brackets that cannot be read.

    Examples
    --------
    >>> str(parse("kon * C*(S / eps)-koff*B"))
    'kon*C*(S/eps) - koff*B'
    """
    if not isinstance(text, str):
        raise SpecError(f"KG-105: an expression is text, not {type(text).__name__}.")
    if len(text) > MAX_LENGTH:
        raise SpecError(
            f"KG-105: the expression {text[:40]!r}... has {len(text)} characters; at most"
            f" {MAX_LENGTH} are read.  Name parts of it by rules."
        )
    try:
        return _parse(text) if len(text) > _CACHED_LENGTH else _parse_cached(text)
    except RecursionError:
        raise SpecError(
            "KG-105: the expression is nested too deeply for the stack that is left here."
        ) from None
