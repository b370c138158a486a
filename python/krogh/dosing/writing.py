"""Event tables as CSV text that states its own units.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from krogh.dosing.cells import UNITS_LINE, to_text
from krogh.units import format_number

if TYPE_CHECKING:
    from krogh.dosing.event_table import EventTable

__all__ = ["csv_text"]


def csv_text(table: EventTable) -> str:
    """Return header and rows; the first line is ``# krogh units: TIME=h; AMT=mg; ...``."""
    stated: list[str] = []
    for name in ("TIME", "AMT", "DV", *table.covariates):
        unit = table.units.get(name)
        if isinstance(unit, Mapping):
            stated += [f"{name}[{kind}]={text}" for kind, text in unit.items()]
        elif unit is not None:
            stated.append(f"{name}={unit}")
    columns = table.to_dict()
    cells = [_cells(column) for column in columns.values()]
    head = [list(columns)]
    return f"{UNITS_LINE} {'; '.join(stated)}\n" + to_text([*head, *zip(*cells, strict=True)])


def _cells(column: NDArray[Any]) -> list[str]:
    if column.dtype.kind == "f":
        return ["." if value != value else format_number(value) for value in column.tolist()]
    return [str(value) for value in column.tolist()]
