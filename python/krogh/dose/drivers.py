"""What decides whether a virtual tumour reaches the targets: the drawn values, one at a time.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.table import ResultTable

__all__ = ["Drawn", "Driver", "drawn_of", "drivers", "drivers_table"]

Floats = NDArray[np.float64]

_THIRD: Final = 3


@dataclass(frozen=True, eq=False)
class Drawn:
    """The drawn values of the virtual tumours.

    Attributes
    ----------
    names, units
        Of the values.
    values
        Shape (values, tumours).
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    values: Floats


def drawn_of(values: Mapping[str, Any], count: int) -> Drawn:
    """Return drawn values from a mapping of name to array, or to array and unit."""
    names, units, rows = [], [], []
    for name, value in values.items():
        numbers, unit = value if isinstance(value, tuple) else (value, "")
        names.append(name)
        units.append(str(unit))
        rows.append(np.broadcast_to(np.asarray(numbers, dtype=np.float64), (count,)))
    return Drawn(tuple(names), tuple(units), np.array(rows).reshape(len(rows), count))


@dataclass(frozen=True)
class Driver:
    """How joint attainment depends on one value.

    Attributes
    ----------
    names
        The value, and others that are drawn in the same order (one permeability for every IgG).
    unit, low_end, high_end
        Bounds of the lowest and the highest third of the first value.
    low, high
        Joint attainment in the tumours of the lowest and of the highest third.
    error
        Standard error of the difference.
    """

    names: tuple[str, ...]
    unit: str
    low_end: float
    high_end: float
    low: float
    high: float
    error: float

    @property
    def difference(self) -> float:
        """Attainment in the highest third less that in the lowest."""
        return self.high - self.low

    @property
    def is_clear(self) -> bool:
        """Whether the difference is over three standard errors from zero.

        Three, not two: the largest of some twenty differences is looked at.
        """
        return abs(self.difference) > 3.0 * self.error


def drivers(drawn: Drawn, reached: NDArray[np.bool_]) -> tuple[Driver, ...]:
    """Return how attainment depends on each drawn value, the strongest first.

    Parameters
    ----------
    drawn
        The values.
    reached
        Whether each tumour reaches everything, shape (tumours,).
    """
    count = reached.size
    third = count // _THIRD
    groups: dict[bytes, list[int]] = {}
    for k, row in enumerate(drawn.values):
        if third == 0 or np.ptp(row) == 0.0:
            continue
        order = np.argsort(row, kind="stable")
        groups.setdefault(order.tobytes(), []).append(k)
    found = []
    for key, members in groups.items():
        order = np.frombuffer(key, dtype=np.intp)
        low, high = reached[order[:third]].mean(), reached[order[-third:]].mean()
        error = math.sqrt((low * (1.0 - low) + high * (1.0 - high)) / third)
        row = drawn.values[members[0]][order]
        found.append(
            Driver(
                tuple(drawn.names[k] for k in members),
                drawn.units[members[0]],
                float(row[third - 1]),
                float(row[-third]),
                float(low),
                float(high),
                error,
            )
        )
    return tuple(sorted(found, key=lambda driver: -abs(driver.difference)))


def drivers_table(found: tuple[Driver, ...]) -> ResultTable:
    """Return drivers as a table."""
    return ResultTable(
        {
            "value": [", ".join(driver.names) for driver in found],
            "lowest third up to": [f"{d.low_end:.3g} {d.unit}".strip() for d in found],
            "highest third from": [f"{d.high_end:.3g} {d.unit}".strip() for d in found],
            "P joint in lowest": [driver.low for driver in found],
            "P joint in highest": [driver.high for driver in found],
            "difference": [driver.difference for driver in found],
            "error": [driver.error for driver in found],
        },
        title="joint attainment by the drawn values",
    )
