"""What the outcome depends on most: one value at a time over its stated range.

SPDX-License-Identifier: BSD-3-Clause

Every value with a range is set to the lower and the upper end of its 90 % interval, all others
stay; values that share their random draws (one permeability for every IgG) move together.  All
lines are one call of the solver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from krogh.errors import SpecError, did_you_mean
from krogh.study.levels import Row
from krogh.study.result import StudyResult
from krogh.table import ResultTable

if TYPE_CHECKING:
    from krogh.study.study import Study

__all__ = ["Limit", "limits_line", "limits_table", "one_at_a_time"]


@dataclass(frozen=True)
class Limit:
    """How far one value moves the outcome.

    Attributes
    ----------
    name
        The value, such as ``"permeability of IgG"``.
    parameters
        Names of the models' parameters that move together.
    low_value, high_value
        Ends of the range, of the first parameter, with unit.
    low, high
        The outcome at the lower and the upper end.
    base
        The outcome at the study's own values.
    measure, unit
        What the outcome is.
    """

    name: str
    parameters: tuple[str, ...]
    low_value: str
    high_value: str
    low: float
    high: float
    base: float
    measure: str
    unit: str

    @property
    def size(self) -> float:
        """Difference of the outcome between the ends of the range; NaN where one was not solved."""
        return abs(self.high - self.low)


@dataclass(frozen=True)
class _Group:
    """Values that move together."""

    name: str
    values: Mapping[str, Any]


def _groups(study: Study) -> list[_Group]:
    """Return the values with ranges, those with shared draws together."""
    from krogh.library.sampling import uncertain_values

    assembly = study.assembly
    labels = [*(drug.label for drug in assembly.drugs), *study.tumour.targets]
    found: dict[tuple[str, str], dict[str, Any]] = {}
    person = study.subject if study.plasma is None else None
    for name, value in uncertain_values(study.drugs, study.tumour, person).items():
        label = next((x for x in labels if name.endswith(f"_{x}")), "")
        base = name.removesuffix(f"_{label}") if label else name
        owner = assembly.owners.get(name, study.tumour.name)
        shared = value.varies_with or (label if owner == study.tumour.name else "") or owner
        found.setdefault((base, shared), {})[name] = value
    return [
        _Group(f"{base.replace('_', ' ')} of {shared}", values)
        for (base, shared), values in found.items()
    ]


def one_at_a_time(
    study: Study, measure: str | None, progress: Any, given: Mapping[str, Any] | None = None
) -> tuple[Limit, ...]:
    """Return what the outcome depends on, the strongest first; see `Study.limits`.

    Values that were given for the run stay as they are.

    Raises
    ------
    SpecError
        KG-118 for a row that the table does not have.
    """
    fixed = dict(given or {})
    groups = [group for group in _groups(study) if not set(group.values) & set(fixed)]
    if not groups:
        return ()
    count = 2 * len(groups) + 1
    values = {name: _repeated(value, count) for name, value in fixed.items()}
    for k, group in enumerate(groups):
        for name, value in group.values.items():
            column = np.full(count, value.quantity.value)
            column[2 * k + 1], column[2 * k + 2] = value.ends
            values[name] = (column, value.unit or "1")
    plain = study._changed(comparator=False, ranges=False, verify=False)
    result = plain.run(values=values, progress=progress)
    rows = {row.key: row for row in result.rows()}
    key = measure if measure is not None else default_measure(result)
    if key not in rows:
        raise SpecError(
            f"KG-118: the table has no row {key!r}.{did_you_mean(key, rows)}"
            f"  Rows: {', '.join(rows)}."
        )
    row = rows[key]
    found = []
    for k, group in enumerate(groups):
        name, value = next(iter(group.values.items()))
        ends = [f"{end:.4g} {value.unit}".strip() for end in value.ends]
        found.append(
            Limit(
                name=group.name,
                parameters=tuple(group.values),
                low_value=ends[0],
                high_value=ends[1],
                low=float(row.values[2 * k + 1]),
                high=float(row.values[2 * k + 2]),
                base=float(row.values[0]),
                measure=row.measure,
                unit=row.unit,
            )
        )
    return tuple(sorted(found, key=lambda limit: -limit.size if limit.size >= 0.0 else np.inf))


def _repeated(value: Any, count: int) -> Any:
    """Return a value of one line for `count` lines."""
    if isinstance(value, tuple) and len(value) == 2 and np.ndim(value[0]) == 1:
        return np.repeat(value[0], count), value[1]
    return np.repeat(value, count) if np.ndim(value) == 1 else value


def default_measure(result: StudyResult) -> str:
    """Return the row that is judged, of those that the values move at all.

    The first target in the tissue, else a share of cells of the highest level, else the depth.
    """
    rows = [row for row in result.rows() if row.level > 1]
    shares = [row for row in rows if row.unit == "%" and row.measure.startswith("cells")]
    wanted = [row for row in rows if row.target]
    wanted += [row for level in (4, 3, 2) for row in shares if row.level == level]
    wanted += [row for row in rows if row.key.startswith(("depth:", "mean free_"))]
    moved = [row for row in wanted if _spread(row) > 0.05 * np.nanmax(np.abs(row.values))]
    telling = [row for row in moved if row.unit != "%" or _spread(row) > 1.0]
    return (telling or moved or wanted or rows)[0].key


def _spread(row: Row) -> float:
    """Return the difference of the largest and the smallest value of the lines that were solved."""
    return float(np.nanmax(row.values) - np.nanmin(row.values))


def limits_line(limits: Sequence[Limit]) -> str:
    """Return the strongest limits in one line."""
    first = limits[0]
    parts = [
        f"{limit.name} ({_number(limit.low)} .. {_number(limit.high)} {limit.unit})"
        for limit in limits[:3]
    ]
    return f"matters most to '{first.measure}', each over its range: {', '.join(parts)}"


def limits_table(limits: Sequence[Limit]) -> ResultTable:
    """Return all limits as a table."""
    title = f"{limits[0].measure} [{limits[0].unit}], one value at a time" if limits else ""
    return ResultTable(
        {
            "value": [limit.name for limit in limits],
            "from": [limit.low_value for limit in limits],
            "to": [limit.high_value for limit in limits],
            "at low end": [limit.low for limit in limits],
            "as it is": [limit.base for limit in limits],
            "at high end": [limit.high for limit in limits],
        },
        title=title,
    )


def _number(value: float) -> str:
    return "not solved" if np.isnan(value) else f"{value:.3g}"


def with_limits(result: StudyResult, limits: tuple[Limit, ...]) -> StudyResult:
    """Return a result that shows what it depends on."""
    return replace(result, limits=limits, _cache={})
