"""Functions of the language for expressions built by operators: ``exp(-k * t)``.

SPDX-License-Identifier: BSD-3-Clause

Examples
--------
>>> from krogh.model import symbol
>>> from krogh.model import functions as f
>>> k, t = symbol("k"), symbol("t")
>>> str(f.exp(-k * t))
'exp(-k*t)'
>>> str(f.mass_action("kon", "C", "R"))
'kon*C*R'
"""

from __future__ import annotations

from typing import Any

from krogh.model.expression import Call, Expression, as_expression

__all__ = [
    "acos",
    "asin",
    "atan",
    "cos",
    "cosh",
    "exp",
    "expit",
    "expm1",
    "gamma",
    "hill",
    "lgamma",
    "log",
    "log1p",
    "log10",
    "logit",
    "mass_action",
    "maximum",
    "michaelis_menten",
    "minimum",
    "sin",
    "sinh",
    "sqrt",
    "table",
    "tan",
    "tanh",
    "where",
]


def exp(x: Any) -> Expression:
    """Return e to the power x."""
    return Call("exp", x)


def expm1(x: Any) -> Expression:
    """Return exp(x) - 1, accurate for small x."""
    return Call("expm1", x)


def log(x: Any) -> Expression:
    """Return the natural logarithm."""
    return Call("log", x)


def log10(x: Any) -> Expression:
    """Return the decimal logarithm."""
    return Call("log10", x)


def log1p(x: Any) -> Expression:
    """Return log(1 + x), accurate for small x."""
    return Call("log1p", x)


def sqrt(x: Any) -> Expression:
    """Return the square root."""
    return Call("sqrt", x)


def sin(x: Any) -> Expression:
    """Return the sine."""
    return Call("sin", x)


def cos(x: Any) -> Expression:
    """Return the cosine."""
    return Call("cos", x)


def tan(x: Any) -> Expression:
    """Return the tangent."""
    return Call("tan", x)


def asin(x: Any) -> Expression:
    """Return the arc sine."""
    return Call("asin", x)


def acos(x: Any) -> Expression:
    """Return the arc cosine."""
    return Call("acos", x)


def atan(x: Any) -> Expression:
    """Return the arc tangent."""
    return Call("atan", x)


def sinh(x: Any) -> Expression:
    """Return the hyperbolic sine."""
    return Call("sinh", x)


def cosh(x: Any) -> Expression:
    """Return the hyperbolic cosine."""
    return Call("cosh", x)


def tanh(x: Any) -> Expression:
    """Return the hyperbolic tangent."""
    return Call("tanh", x)


def gamma(x: Any) -> Expression:
    """Return the gamma function of a positive x."""
    return Call("gamma", x)


def lgamma(x: Any) -> Expression:
    """Return the logarithm of the gamma function."""
    return Call("lgamma", x)


def expit(x: Any) -> Expression:
    """Return 1 / (1 + exp(-x))."""
    return Call("expit", x)


def logit(x: Any) -> Expression:
    """Return log(x / (1 - x))."""
    return Call("logit", x)


def minimum(*values: Any) -> Expression:
    """Return the smallest of two to eight values."""
    return Call("min", *values)


def maximum(*values: Any) -> Expression:
    """Return the largest of two to eight values."""
    return Call("max", *values)


def where(condition: Any, yes: Any, no: Any) -> Expression:
    """Return `yes` where the condition holds, else `no`: ``if(condition, yes, no)``."""
    return Call("if", condition, yes, no)


def hill(x: Any, k: Any, n: Any) -> Expression:
    """Return x^n / (k^n + x^n), 0 for x <= 0."""
    return Call("hill", x, k, n)


def michaelis_menten(x: Any, vmax: Any, km: Any) -> Expression:
    """Return vmax x / (km + x)."""
    return Call("michaelis_menten", x, vmax, km)


def mass_action(k: Any, *reactants: Any) -> Expression:
    """Return the product of a rate constant and reactants, each named as often as it takes part."""
    product = as_expression(k)
    for reactant in reactants:
        product = product * reactant
    return product


def table(name: str, x: Any) -> Expression:
    """Return the value of the interpolation table `name` at x."""
    return Call(name, x)
