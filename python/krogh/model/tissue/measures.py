"""How the plain functions of this package read numbers with units and give them back.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from typing import Any

from krogh.errors import SpecError
from krogh.model.fields import as_measure, require_unit

__all__ = ["measured"]

Measured = Any
"""Text with a unit (``"8 um"``), a `krogh.units.Quantity`, or a quantity of pint."""


def measured(
    value: Any, unit: str, what: str, *, zero: bool = False, negative: bool = False
) -> float:
    """Return a value as a number in a unit.

    Parameters
    ----------
    value
        Text with a unit, or a quantity; a bare number where `unit` is empty.
    unit
        The unit of the result; empty for dimensionless.
    what
        What it is, for messages.
    zero, negative
        Whether 0 and negative values are meaningful.

    Raises
    ------
    UnitError
        KG-121 for another dimension.
    SpecError
        KG-108 for a value that is not finite, or negative or 0 where that has no meaning.
    """
    quantity = as_measure(value, f"the {what}")
    require_unit(quantity.unit, unit, f"the {what}")
    number = quantity.to(unit) if unit else quantity.internal
    if not math.isfinite(number):
        raise SpecError(f"KG-108: the {what} must be finite, not {quantity}.")
    if number < 0 and not negative:
        raise SpecError(f"KG-108: the {what} must not be negative, found {quantity}.")
    if number == 0 and not zero and not negative:
        raise SpecError(f"KG-108: the {what} must be positive, found {quantity}.")
    return number
