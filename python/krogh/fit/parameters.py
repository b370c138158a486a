"""What is estimated: parameters with first values, bounds, scale, and whom they belong to.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.dosing import EventTable
from krogh.errors import DataError, SpecError, did_you_mean
from krogh.model.compile import CompiledModel
from krogh.units import convert, parse_quantity, require_dimension

__all__ = ["Estimated", "Free", "groups_of", "resolve_parameters"]

FARTHEST: Final = 1e6
"""A positive parameter without bounds is looked for within this factor of its first value."""


@dataclass(frozen=True)
class Free:
    """A parameter to be estimated.

    Parameters
    ----------
    value
        Where the first start begins, as text with unit; None for the model's value.
    lower, upper
        Bounds as text with unit; None for those of the model.  A positive parameter without bounds
        is looked for within a factor of 1e6 of its first value.
    scale
        ``"log"`` estimates the logarithm, ``"linear"`` the value itself.  By default the logarithm
        of everything whose value is positive and whose lower bound is not negative.
    by
        A column of the event table (or ``"ID"``): each of its values has a parameter of its own.
        None shares the parameter over all subjects.
    """

    value: Any = None
    lower: Any = None
    upper: Any = None
    scale: str | None = None
    by: str | None = None


@dataclass(frozen=True)
class Estimated:
    """One estimated number.

    Attributes
    ----------
    name
        As it is reported: ``"CL"``, or ``"CL[3]"`` for the group 3.
    parameter
        The model's parameter.
    unit
        Declared unit of the parameter.
    members
        Which subjects it belongs to, shape (num_subjects,).
    start, lower, upper
        In the declared unit.
    is_log
        Whether the logarithm is estimated.
    states_bounds
        Whether the user or the model stated (lower, upper); 0 is no bound of a logarithm.
    """

    name: str
    parameter: str
    unit: str
    members: NDArray[np.bool_]
    start: float
    lower: float
    upper: float
    is_log: bool
    states_bounds: tuple[bool, bool]

    def to_search(self, value: float) -> float:
        """Return the variable of the search that stands for a value."""
        if not self.is_log:
            return value
        return math.log(value) if value > 0.0 else -math.inf

    def from_search(self, variable: float) -> float:
        """Return the value that a variable of the search stands for."""
        return math.exp(variable) if self.is_log else variable

    def slope(self, value: float) -> float:
        """Return d(value)/d(variable of the search)."""
        return value if self.is_log else 1.0

    @property
    def text(self) -> str:
        """Name and unit."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name


def groups_of(table: EventTable, column: str) -> tuple[NDArray[np.int64], list[Any]]:
    """Return the group of each subject, shape (num_subjects,), and the groups' labels.

    Raises
    ------
    SpecError
        KG-101 for an unknown column.
    DataError
        KG-252 where a subject belongs to more than one group.
    """
    values = np.asarray(table[column])
    first = values[table.offsets[:-1]]
    differs = np.flatnonzero(values != np.repeat(first, np.diff(table.offsets)))
    if differs.size:
        raise DataError(
            f"KG-252: {table.where(int(differs[0]))}: {column} changes within a subject; parameters"
            " and errors can differ between subjects or groups of them only."
        )
    labels, index = np.unique(first, return_inverse=True)
    return index.reshape(-1).astype(np.int64), labels.tolist()


def resolve_parameters(
    given: Mapping[str, Any] | Sequence[str] | str,
    compiled: CompiledModel,
    table: EventTable,
    by: Mapping[str, str] | str | None,
) -> tuple[Estimated, ...]:
    """Return what is estimated.

    Raises
    ------
    SpecError
        KG-101 for an empty list, KG-103 for an unknown name, KG-108 for bounds that do not hold the
        value, KG-109 where neither user nor model state a first value.
    UnitError
        For a value without unit, or with one of another dimension.
    """
    if isinstance(given, str):
        given = [given]
    wanted = dict(given) if isinstance(given, Mapping) else dict.fromkeys(given)
    if not wanted:
        raise SpecError("KG-101: fit() needs at least one parameter to estimate.")
    known = compiled.model.parameters
    for name in wanted:
        if name not in known:
            raise SpecError(
                f"KG-103: model {compiled.model.name!r} has no parameter {name!r}."
                f"{did_you_mean(str(name), known)}\n  Parameters: {', '.join(known)}."
            )
    columns = dict.fromkeys(wanted, by) if isinstance(by, str) else dict(by or {})
    for name in columns:
        if name not in wanted:
            raise SpecError(
                f"KG-103: by names {name!r}, which is not estimated.{did_you_mean(name, wanted)}"
            )
    found: list[Estimated] = []
    for name, what in wanted.items():
        free = _free(what)
        column = columns.get(name) or free.by
        found.extend(_estimated(name, free, column, compiled, table))
    return tuple(found)


def _free(what: Any) -> Free:
    """Return the specification of a value, a (value, (lower, upper)) pair, or a `Free`."""
    if isinstance(what, Free):
        return what
    if isinstance(what, tuple) and len(what) == 2 and isinstance(what[1], (tuple, list)):
        if len(what[1]) != 2:
            raise SpecError(f"KG-108: bounds are (lower, upper), not {what[1]!r}.")
        return Free(what[0], *what[1])
    return Free(what)


def _estimated(
    name: str, free: Free, column: str | None, compiled: CompiledModel, table: EventTable
) -> list[Estimated]:
    item = compiled.model.parameters[name]
    unit = item.unit or ""

    def number(value: Any, own: Any, what: str) -> float | None:
        if value is None:
            return None if own is None else float(convert(own.value, own.unit or "1", unit or "1"))
        if isinstance(value, (int, float)) and not isinstance(value, bool) and not unit:
            return float(value)
        quantity = parse_quantity(value, f"{what} of {name}")
        require_dimension(quantity.unit, unit or "1", f"{what} of {name}")
        return float(convert(quantity.value, quantity.unit, unit or "1"))

    start = number(free.value, item.value, "the value")
    if start is None:
        raise SpecError(
            f"KG-109: parameter {name!r} has no value to start from; give one in"
            f" {unit or '1'}: parameters={{{name!r}: '1 {unit or '1'}'}}."
        )
    low = number(free.lower, item.lower, "the lower bound")
    high = number(free.upper, item.upper, "the upper bound")
    stated = (low is not None and low != 0.0, high is not None)
    if free.scale not in (None, "log", "linear"):
        raise SpecError(f"KG-108: scale of {name!r} is 'log' or 'linear', not {free.scale!r}.")
    is_log = free.scale == "log" if free.scale else start > 0.0 and (low is None or low >= 0.0)
    if is_log and (start <= 0.0 or (low is not None and low < 0.0)):
        raise SpecError(
            f"KG-108: {name!r} cannot be estimated on the logarithmic scale: its value and lower"
            " bound must not be negative.  Use Free(..., scale='linear')."
        )
    if is_log:
        floor, ceiling = start / FARTHEST, start * FARTHEST
        low = floor if low is None or low == 0.0 else low
        high = ceiling if high is None else high
    low = -math.inf if low is None else low
    high = math.inf if high is None else high
    if not low < start < high:
        raise SpecError(
            f"KG-108: {name!r} starts at {start:g} {unit}, which does not lie inside its bounds"
            f" {low:g} .. {high:g} {unit}."
        )
    if column is None:
        shared = np.ones(table.num_subjects, dtype=bool)
        return [Estimated(name, name, unit, shared, start, low, high, is_log, stated)]
    index, labels = groups_of(table, column)
    return [
        Estimated(f"{name}[{label}]", name, unit, index == k, start, low, high, is_log, stated)
        for k, label in enumerate(labels)
    ]
