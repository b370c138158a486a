"""How the blocks of this package write the quantity that drives them.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from krogh.errors import SpecError
from krogh.model.components import Parameter
from krogh.model.expression import Expression
from krogh.model.systemic.block import Value
from krogh.units import Quantity

__all__ = ["Signal", "chain", "refuse", "unbounded", "written"]

Signal = str | Expression
"""Name of a state, rule, parameter or covariate, or an expression of such."""


def written(signal: Signal) -> str:
    """Return a signal as text that stands safely inside a product.

    Parameters
    ----------
    signal
        See `Signal`.
    """
    text = str(signal)
    return text if text.isidentifier() else f"({text})"


def refuse(given: Mapping[str, Any], where: str) -> None:
    """Raise SpecError KG-112 if a value is given that has no meaning.

    Parameters
    ----------
    given
        Values by name; None is not given.
    where
        What does not use them, for the message.
    """
    unused = sorted(name for name, value in given.items() if value is not None)
    if unused:
        raise SpecError(
            f"KG-112: {', '.join(map(repr, unused))} given, but {where} has no use for it."
        )


def chain(number: int, title: str, base: str = "", *, least: int = 1) -> tuple[str, ...]:
    """Return the names of a chain of stages: ``base1`` to ``base<number>``.

    Parameters
    ----------
    number, least
        How many there are and have to be.
    title
        The block, for the message.
    base
        Beginning of the names.

    Raises
    ------
    SpecError
        KG-108 for a number of stages below `least` or not whole.
    """
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise SpecError(
            f"KG-108: {title} needs a whole number of stages, {least} or more, not {number!r}."
        )
    return tuple(f"{base}{i}" for i in range(1, number + 1))


def unbounded(value: Value) -> Value:
    """Return a value whose parameter may be negative; blocks bound those with a unit at 0.

    Parameters
    ----------
    value
        As blocks take it.
    """
    if isinstance(value, str | int | float | Quantity) and not isinstance(value, bool):
        return Parameter("value", value)
    return value
