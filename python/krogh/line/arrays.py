"""Expressions of the model language on numpy arrays, in internal units.

SPDX-License-Identifier: BSD-3-Clause

The solvers evaluate expressions in compiled tapes; this evaluator serves what is known before a run
(diffusivities of ten thousand lines) and after it (outputs of recorded states).  It follows
`krogh.model.lowering` node by node.  Numbers may be complex, so that a step along the imaginary
axis gives exact derivatives (Squire & Trapp 1998, doi 10.1137/S003614459631241X); comparisons look
at real parts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.model.components import Table
from krogh.model.expression import Call, Expression, Number, Operation, Symbol, fold
from krogh.model.lowering import internal_value
from krogh.model.network import Model

__all__ = ["Evaluator"]

Floats = NDArray[np.float64]

_lgamma: Final = np.vectorize(math.lgamma, otypes=[np.float64])

_UNARY: Final[dict[str, Callable[[Any], Any]]] = {
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "log10": np.log10,
    "sqrt": np.sqrt,
    "abs": lambda x: np.where(np.real(x) < 0.0, -x, x),
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "lgamma": _lgamma,
    "gamma": lambda x: np.exp(_lgamma(x)),
    "expit": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "logit": lambda x: np.log(x / (1.0 - x)),
}

_BINARY: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a, b: _power(a, b),
    "lt": lambda a, b: np.real(a) < np.real(b),
    "le": lambda a, b: np.real(a) <= np.real(b),
    "gt": lambda a, b: np.real(a) > np.real(b),
    "ge": lambda a, b: np.real(a) >= np.real(b),
    "eq": lambda a, b: np.real(a) == np.real(b),
    "ne": lambda a, b: np.real(a) != np.real(b),
    "and": np.logical_and,
    "or": np.logical_or,
}


class Evaluator:
    """Values of a model's names and expressions for arrays that broadcast.

    Parameters
    ----------
    model
        Whose rules and outputs the expressions may use.
    symbols
        Name to numbers in internal units.
    """

    def __init__(self, model: Model, symbols: Mapping[str, Any]) -> None:
        self._model = model
        self._definitions = model.analysis.definitions
        self._known: dict[str, Any] = {"pi": math.pi, **symbols}

    def name(self, name: str) -> Any:
        """Return the value of a parameter, state or rule; KeyError for one that is not known."""
        if name not in self._known:
            self._known[name] = self.value(self._definitions[name])
        return self._known[name]

    def value(self, expression: Expression) -> Any:
        """Return the value of an expression: a float or an array."""
        with np.errstate(all="ignore"):  # a branch that is not taken may divide by zero
            return fold(expression, self._visit)

    def _visit(self, node: Expression, args: list[Any]) -> Any:
        if isinstance(node, Number):
            return internal_value(node.value, node.unit)
        if isinstance(node, Symbol):
            return self.name(node.name)
        if isinstance(node, Operation):
            if node.op == "neg":
                return -args[0]
            return np.logical_not(args[0]) if node.op == "not" else _BINARY[node.op](*args)
        assert isinstance(node, Call)
        if node.name in self._model.tables:
            return _table(self._model.tables[node.name], np.asarray(args[0]))
        if node.name in _UNARY:
            return _UNARY[node.name](args[0])
        return _call(node.name, args)


def _call(name: str, args: list[Any]) -> Any:
    if name == "if":
        return np.where(args[0], args[1], args[2])
    if name in ("min", "max"):
        result = args[0]
        for other in args[1:]:
            first = np.real(result) <= np.real(other)
            result = np.where(first if name == "min" else ~first, result, other)
        return result
    if name == "michaelis_menten":
        x, vmax, km = args
        return vmax * x / (km + x)
    assert name == "hill", name
    x, k, n = args
    xn = _power(x, n)
    return np.where(np.real(x) > 0.0, xn / (_power(k, n) + xn), 0.0)


def _power(a: Any, b: Any) -> Any:
    """Return a^b; numpy's complex power goes through a logarithm and loses digits."""
    if not np.iscomplexobj(a) and not np.iscomplexobj(b):
        return np.power(a, b)
    base, exponent = np.real(a), np.real(b)
    value = np.power(base, exponent)
    slope = exponent * np.power(base, exponent - 1.0) * np.imag(a)
    if np.iscomplexobj(b):
        slope = slope + np.where(np.imag(b) == 0.0, 0.0, value * np.log(base) * np.imag(b))
    return value + 1j * slope


def _table(table: Table, at: NDArray[Any]) -> NDArray[Any]:
    """Return the values of an interpolation table, NaN outside its range."""
    place = np.real(at)
    x = np.array([internal_value(v, table.x_unit) for v in table.x])
    y = np.array([internal_value(v, table.y_unit) for v in table.y])
    inside = (place >= x[0]) & (place <= x[-1])
    k = np.clip(np.searchsorted(x, place, side="right") - 1, 0, x.size - 2)
    if table.kind == "step":
        values = np.where(place >= x[-1], y[-1], y[k])
    elif table.kind == "linear":
        values = y[k] + (y[k + 1] - y[k]) * ((at - x[k]) / (x[k + 1] - x[k]))
    else:
        h, s = x[k + 1] - x[k], (at - x[k]) / (x[k + 1] - x[k])
        slopes = _slopes(x, y)
        values = (
            y[k] * (1.0 + 2.0 * s) * (1.0 - s) ** 2
            + h * slopes[k] * s * (1.0 - s) ** 2
            + y[k + 1] * s * s * (3.0 - 2.0 * s)
            + h * slopes[k + 1] * s * s * (s - 1.0)
        )
    return np.where(inside, values, np.nan)


def _slopes(x: Floats, y: Floats) -> Floats:
    """Return the slopes of monotone cubics (Fritsch & Butland 1984, doi 10.1137/0905021)."""
    h, d = np.diff(x), np.diff(y) / np.diff(x)
    if x.size == 2:
        return np.repeat(d, 2)
    slopes = np.zeros_like(y)
    for k in range(1, x.size - 1):
        if d[k - 1] * d[k] > 0.0:
            first, second = 2.0 * h[k] + h[k - 1], h[k] + 2.0 * h[k - 1]
            slopes[k] = (first + second) / (first / d[k - 1] + second / d[k])
    slopes[0] = _end(h[0], h[1], d[0], d[1])
    slopes[-1] = _end(h[-1], h[-2], d[-1], d[-2])
    return slopes


def _end(h0: float, h1: float, d0: float, d1: float) -> float:
    slope = ((2.0 * h0 + h1) * d0 - h0 * d1) / (h0 + h1)
    if slope * d0 <= 0.0:
        return 0.0
    return 3.0 * d0 if d0 * d1 <= 0.0 and abs(slope) > 3.0 * abs(d0) else float(slope)
