"""Words of the language: functions and the arguments they take, reserved names, what a name is.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["FUNCTIONS", "MAX_NAME", "RESERVED", "count_message", "other_spelling", "valid_name"]

FUNCTIONS: Final[dict[str, tuple[int, ...]]] = {
    "exp": (1,),
    "log": (1,),
    "log10": (1,),
    "log1p": (1,),
    "expm1": (1,),
    "sqrt": (1,),
    "sin": (1,),
    "cos": (1,),
    "tan": (1,),
    "asin": (1,),
    "acos": (1,),
    "atan": (1,),
    "sinh": (1,),
    "cosh": (1,),
    "tanh": (1,),
    "abs": (1,),
    "lgamma": (1,),
    "gamma": (1,),
    "expit": (1,),
    "logit": (1,),
    "min": (2, 3, 4, 5, 6, 7, 8),
    "max": (2, 3, 4, 5, 6, 7, 8),
    "if": (3,),
    "hill": (3,),
    "michaelis_menten": (3,),
}
"""Functions of the language with the numbers of arguments that they take.

``hill(x, k, n) = x^n / (k^n + x^n)``, 0 for x <= 0;
``michaelis_menten(x, vmax, km) = vmax x / (km + x)``;
``expit(x) = 1 / (1 + exp(-x))`` and ``logit`` is its inverse; ``gamma(x) = exp(lgamma(x))``;
``log`` is the natural logarithm; ``if(condition, a, b)``.
"""

RESERVED: Final = frozenset({"t", "pi", "if", "and", "or", "not"})
"""Names that no component may bear: time, the circle constant, and words of the grammar."""


INSTEAD: Final[dict[str, str]] = {
    "ln": "log(x)",
    "log2": "log(x)/log(2)",
    "pow": "a^b",
    "power": "a^b",
    "sqr": "x^2",
    "ifelse": "if(condition, a, b)",
    "piecewise": "if(condition, a, b)",
    "where": "if(condition, a, b)",
    "heaviside": "if(condition, a, b)",
    "step": "if(condition, a, b)",
    "tgamma": "gamma(x)",
    "gammaln": "lgamma(x)",
    "arcsin": "asin(x)",
    "arccos": "acos(x)",
    "arctan": "atan(x)",
    "fabs": "abs(x)",
    "fmin": "min(a, b)",
    "fmax": "max(a, b)",
    "sigmoid": "expit(x)",
    "time": "t",
    "e": "exp(1)",
}
"""What is written instead of names that other languages have, in lower case."""


def other_spelling(name: str) -> str:
    """Return ``"  Write 'log(x)'."`` for a name that other languages have, or an empty string."""
    found = INSTEAD.get(name.lower())
    return f"  Write '{found}'." if found is not None else ""


MAX_NAME: Final = 100
"""Characters a name may have."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*\Z")


def valid_name(name: str) -> bool:
    """Return whether `name` may name a component: letters, digits, ``_``, parts joined by dots."""
    return len(name) <= MAX_NAME and name not in RESERVED and _NAME.match(name) is not None


def count_message(name: str, found: int) -> str:
    """Return the message for a wrong number of arguments."""
    counts = FUNCTIONS.get(name, (1,))
    wanted = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    usage = {
        "if": "if(condition, a, b)",
        "hill": "hill(x, k, n)",
        "michaelis_menten": "michaelis_menten(x, vmax, km)",
    }.get(name)
    hint = f": {usage}" if usage else ""
    plural = "" if wanted == "1" else "s"
    return f"KG-107: {name} takes {wanted} argument{plural}{hint}, not {found}."
