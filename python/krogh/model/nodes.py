"""Nodes of immutable expression trees: numbers with units, symbols, operators, calls.

SPDX-License-Identifier: BSD-3-Clause

Trees are built by `krogh.model.grammar.parse` or by Python operators on symbols.  They compare and
hash by structure, so ``==`` is a plain bool; every algorithm on them walks an explicit stack, so a
sum of thousands of terms needs no deep recursion.
"""

from __future__ import annotations

import math
from typing import Any, Final

from krogh.errors import SpecError, did_you_mean
from krogh.model.vocabulary import FUNCTIONS, MAX_NAME, RESERVED, count_message, valid_name
from krogh.units import format_number, parse_unit

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
    "mixed_message",
    "number",
    "require_printable",
    "shortened",
]

COMPARISONS: Final = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_ARITHMETIC: Final = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^"}
_CONDITIONS: Final = frozenset({*COMPARISONS, "and", "or", "not"})

MAX_LENGTH: Final = 20_000
"""Characters that an expression's text may have."""
MAX_SIZE: Final = 40_000
"""Nodes that an expression may have."""
_MAX_DEPTH: Final = 20_000
_MAX_CONDITION_DEPTH: Final = 100


class Expression:
    """A node of an expression tree; see the subclasses.

    Attributes
    ----------
    args : tuple of Expression
        Operands or arguments, empty for numbers and symbols.
    depth : int
        Levels below and including this node.
    size : int
        Nodes of the tree, shared ones counted as often as they occur.
    """

    __slots__ = ("_hash", "args", "depth", "size")

    __array_ufunc__ = None  # numpy scalars leave operators to the expression

    args: tuple[Expression, ...]
    depth: int
    size: int
    _hash: int

    def _init(self, key: tuple[Any, ...], args: tuple[Expression, ...]) -> None:
        depth = 1 + max((a.depth for a in args), default=0)
        if depth > _MAX_DEPTH:
            raise SpecError(f"KG-105: an expression is more than {_MAX_DEPTH} levels deep.")
        size = 1 + sum(a.size for a in args)
        if size > MAX_SIZE:
            raise SpecError(
                f"KG-105: an expression has more than {MAX_SIZE} parts; name parts of it by rules."
            )
        set_ = object.__setattr__
        set_(self, "args", args)
        set_(self, "depth", depth)
        set_(self, "size", size)
        set_(self, "_hash", hash((type(self).__name__, *key, *(a._hash for a in args))))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("expressions are immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("expressions are immutable")

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells this node from others of its class, operands aside."""
        raise NotImplementedError

    @property
    def is_condition(self) -> bool:
        """Whether the value is a truth value, not a number."""
        return False

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Expression):
            return NotImplemented
        stack: list[tuple[Expression, Expression]] = [(self, other)]
        while stack:
            a, b = stack.pop()
            if a is b:
                continue
            if a._hash != b._hash or type(a) is not type(b) or a.key != b.key:
                return False
            if len(a.args) != len(b.args):
                return False
            stack.extend(zip(a.args, b.args, strict=True))
        return True

    def __bool__(self) -> bool:
        raise TypeError(
            "an expression has no truth value; a chain such as a < b < c is written"
            " (a < b) & (b < c), and conditions belong into call('if', condition, a, b)"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        from krogh.model.grammar import parse

        return (parse, (str(self),))

    def __copy__(self) -> Expression:
        return self

    def __deepcopy__(self, memo: object) -> Expression:
        return self

    def __str__(self) -> str:
        from krogh.model.notation import to_text

        return to_text(self)

    def __repr__(self) -> str:
        return f"parse({str(self)!r})"

    def _repr_latex_(self) -> str:
        from krogh.model.notation import to_latex

        return f"${to_latex(self)}$"

    # --- operators --------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Expression:
        return Operation("add", self, other)

    def __radd__(self, other: Any) -> Expression:
        return Operation("add", other, self)

    def __sub__(self, other: Any) -> Expression:
        return Operation("sub", self, other)

    def __rsub__(self, other: Any) -> Expression:
        return Operation("sub", other, self)

    def __mul__(self, other: Any) -> Expression:
        return Operation("mul", self, other)

    def __rmul__(self, other: Any) -> Expression:
        return Operation("mul", other, self)

    def __truediv__(self, other: Any) -> Expression:
        return Operation("div", self, other)

    def __rtruediv__(self, other: Any) -> Expression:
        return Operation("div", other, self)

    def __pow__(self, other: Any) -> Expression:
        return Operation("pow", self, other)

    def __rpow__(self, other: Any) -> Expression:
        return Operation("pow", other, self)

    def __neg__(self) -> Expression:
        return Operation("neg", self)

    def __pos__(self) -> Expression:
        return self

    def __abs__(self) -> Expression:
        return Call("abs", self)

    def __lt__(self, other: Any) -> Expression:
        return Operation("lt", self, other)

    def __le__(self, other: Any) -> Expression:
        return Operation("le", self, other)

    def __gt__(self, other: Any) -> Expression:
        return Operation("gt", self, other)

    def __ge__(self, other: Any) -> Expression:
        return Operation("ge", self, other)

    def equals(self, other: Any) -> Expression:
        """Return the condition ``self == other`` of the language (``==`` itself compares trees)."""
        return Operation("eq", self, other)

    def __and__(self, other: Any) -> Expression:
        return Operation("and", self, other)

    def __or__(self, other: Any) -> Expression:
        return Operation("or", self, other)

    def __invert__(self) -> Expression:
        return Operation("not", self)


class Number(Expression):
    """A non-negative finite number, with a unit or without (``5[nM]``, ``2``).

    A negative number is the negation of a `Number`, as in the grammar.
    """

    __slots__ = ("unit", "value")

    value: float
    unit: str | None

    def __init__(self, value: float, unit: str | None = None) -> None:
        value = float(value)
        if not math.isfinite(value) or math.copysign(1.0, value) < 0:
            raise SpecError(
                f"KG-105: a number in an expression must be finite and not negative, not {value}."
            )
        if unit is not None:
            unit = " ".join(parse_unit(unit).text.split())
            if not unit:
                raise SpecError(
                    "KG-105: the unit in the brackets is empty; write for example 5[nM]."
                )
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "unit", unit)
        self._init((value, unit), ())

    @property
    def key(self) -> tuple[Any, ...]:
        """Value and unit."""
        return (self.value, self.unit)

    @property
    def text(self) -> str:
        """As written in the language."""
        value = format_number(self.value)
        return value if self.unit is None else f"{value}[{self.unit}]"


class Symbol(Expression):
    """The name of a parameter, covariate, random effect, species, rule or output; `t` is time."""

    __slots__ = ("name",)

    name: str

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not (name in ("t", "pi") or valid_name(name)):
            raise SpecError(
                f"KG-104: {str(name)[:MAX_NAME]!r} cannot be a name; names are letters, digits and"
                f" '_', start with a letter, and are none of {', '.join(sorted(RESERVED))}."
            )
        object.__setattr__(self, "name", name)
        self._init((name,), ())

    @property
    def key(self) -> tuple[Any, ...]:
        """The name."""
        return (self.name,)


class Operation(Expression):
    """An operator and its operands.

    Parameters
    ----------
    op
        ``"neg"``, ``"add"``, ``"sub"``, ``"mul"``, ``"div"``, ``"pow"``, a comparison (``"lt"``,
        ``"le"``, ``"gt"``, ``"ge"``, ``"eq"``, ``"ne"``) or ``"and"``, ``"or"``, ``"not"``.
    *args
        Expressions, numbers, or text.

    Raises
    ------
    SpecError
        KG-106 where a condition stands for a number or the reverse.
    """

    __slots__ = ("condition_depth", "op")

    op: str
    condition_depth: int

    def __init__(self, op: str, *args: Any) -> None:
        nodes = tuple(as_expression(a) for a in args)
        count = 1 if op in ("neg", "not") else 2
        if op not in _CONDITIONS and op not in _ARITHMETIC and op != "neg":
            raise SpecError(f"KG-105: {op!r} is not an operation of the language.")
        if op in ("and", "or"):
            if len(nodes) < 2:
                raise SpecError(f"KG-105: '{op}' joins two conditions or more.")
            flat: list[Expression] = []
            for node in nodes:
                flat.extend(node.args if isinstance(node, Operation) and node.op == op else (node,))
            nodes = tuple(flat)
        elif len(nodes) != count:
            raise SpecError(f"KG-105: {op!r} takes {count} operands, not {len(nodes)}.")
        wants_condition = op in ("and", "or", "not")
        for node in nodes:
            if node.is_condition != wants_condition:
                raise SpecError(mixed_message(node, wants_condition))
        object.__setattr__(self, "op", op)
        self._init((op,), nodes)
        levels = 0
        if wants_condition:
            levels = 1 + max(n.condition_depth for n in nodes if isinstance(n, Operation))
        object.__setattr__(self, "condition_depth", levels)
        if levels > _MAX_CONDITION_DEPTH:
            raise SpecError(
                f"KG-105: a condition nests 'and', 'or' and 'not' deeper than"
                f" {_MAX_CONDITION_DEPTH} levels."
            )

    @property
    def key(self) -> tuple[Any, ...]:
        """The operator."""
        return (self.op,)

    @property
    def is_condition(self) -> bool:
        """Whether this is a comparison or a combination of comparisons."""
        return self.op in _CONDITIONS


class Call(Expression):
    """A function of the language, or an interpolation table, applied to arguments."""

    __slots__ = ("name",)

    name: str

    def __init__(self, name: str, *args: Any) -> None:
        nodes = tuple(as_expression(a) for a in args)
        counts = FUNCTIONS.get(name, (1,))
        if name not in FUNCTIONS and not valid_name(name):
            raise SpecError(
                f"KG-107: {name[:MAX_NAME]!r} is not a function.{did_you_mean(name, FUNCTIONS)}"
            )
        if len(nodes) not in counts:
            raise SpecError(count_message(name, len(nodes)))
        for i, node in enumerate(nodes):
            wants_condition = name == "if" and i == 0
            if node.is_condition != wants_condition:
                raise SpecError(mixed_message(node, wants_condition))
        object.__setattr__(self, "name", name)
        self._init((name,), nodes)

    @property
    def key(self) -> tuple[Any, ...]:
        """The function's name."""
        return (self.name,)


def require_printable(node: Expression) -> None:
    """Raise SpecError KG-105 unless the text of an expression can be read back."""
    if node.depth > 40 or node.size > 1000:  # anything smaller can
        from krogh.model.grammar import parse

        parse(str(node))


def mixed_message(node: Expression, wants_condition: bool) -> str:
    """Return the message for a condition where a number belongs, or the reverse."""
    text = shortened(node)
    if wants_condition:
        return f"KG-106: '{text}' is a number; a comparison such as C > 5[nM] belongs here."
    return (
        f"KG-106: '{text}' is true or false; a number belongs here."
        "  Write if(condition, a, b) to choose between values."
    )


def shortened(node: Expression, limit: int = 80) -> str:
    """Return the text of an expression, cut in the middle if it is long."""
    text = str(node)
    if len(text) <= limit:
        return text
    half = (limit - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


# --- building -------------------------------------------------------------------------------------


def as_expression(value: Any) -> Expression:
    """Return `value` as an expression: itself, a number, or parsed text.

    Raises
    ------
    SpecError
        KG-105 for anything else, and the errors of the grammar for text.
    """
    if isinstance(value, Expression):
        return value
    if isinstance(value, str):
        from krogh.model.grammar import parse

        return parse(value)
    if isinstance(value, bool):
        raise SpecError(f"KG-105: {value!r} is no expression; write a number or a comparison.")
    try:
        return number(float(value))
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, SpecError):
            raise
        raise SpecError(
            f"KG-105: {type(value).__name__} is no expression; give text, a number, or symbols"
            " joined by operators."
        ) from None


def number(value: float, unit: str | None = None) -> Expression:
    """Return a number with an optional unit: ``number(5, "nM")``."""
    value = float(value)
    if math.copysign(1.0, value) < 0 and value != 0.0 and not math.isnan(value):
        return Operation("neg", Number(-value, unit))
    return Number(abs(value), unit)
