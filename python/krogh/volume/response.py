"""What becomes of a tumour: its cells, volume, hypoxia and regrowth from the voxels of a run.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError
from krogh.table import ResultTable
from krogh.units import factor, parse_quantity, require_dimension

if TYPE_CHECKING:
    from krogh.volume.result import VolumeResult

__all__ = ["regrowth_time", "response_table"]

Floats = NDArray[np.float64]

_PARTS = ("viable", "quiescent", "necrotic")


def _mean(result: VolumeResult, name: str) -> Floats:
    return np.asarray(result.mean(name).values, dtype=np.float64)


def response_table(
    result: VolumeResult,
    *,
    cell_density: Any = None,
    hypoxia: Any = "10 mmHg",
    oxygen: str = "pO2",
) -> ResultTable:
    """Return the course of a tumour whose cells are those of `krogh.model.effect.cell_shell`.

    Parameters
    ----------
    result
        With ``viable`` and ``cells_present``, and ``quiescent``, ``necrotic`` and the pressure of
        oxygen as far as they were recorded.
    cell_density
        Cells per tissue volume where it is packed, ``"1e8 cells/mL"``; the tissue's parameter of
        this name if it has one; without either there are no numbers of cells.
    hypoxia
        Pressure below which a living cell counts as hypoxic; 10 mmHg is the usual limit of clinical
        measurements (Vaupel & Mayer 2007, doi 10.1007/s10555-007-9055-1, unverified).
    oxygen
        Name of the pressure.

    Returns
    -------
    ResultTable
        Columns by time: ``volume``, the volume that cells fill if they are packed as at the start
        (`cells_present` times that of the voxels; of the whole tumour where `tumour_volume` was
        given, else of the box); ``relative_volume``; ``viable``, ``quiescent``, ``necrotic`` as
        parts of that volume; ``surviving``, living cells relative to those at the first record,
        before a fraction at its time;
        ``hypoxic``, the part of the living cells below `hypoxia`; ``mean_oxygen``; ``cells``,
        living cells in number.

    Raises
    ------
    SpecError
        KG-118 where ``viable`` or ``cells_present`` were not recorded.
    """
    problem = result.problem
    for name in ("viable", "cells_present"):
        if name not in result:
            raise SpecError(
                f"KG-118: response() needs the output {name!r} of krogh.model.effect.cell_shell;"
                " the result does not have it."
            )
    whole = float(problem.volumes.sum())
    if problem.volume is not None:
        whole *= float(problem.number[0])
    present, viable = _mean(result, "cells_present"), _mean(result, "viable")
    before = viable[0]  # of the first record, which comes after fractions at its time
    if problem.fractions is not None:
        done = problem.fractions.times[: len(problem.fractions.survival)]
        early = np.array(problem.fractions.survival)[done <= result.settings.grid[0]]
        before = before / float(np.prod(early))
    with np.errstate(invalid="ignore", divide="ignore"):
        columns: dict[str, Any] = {
            "time": np.asarray(result.times.values),
            "volume": whole * present / factor("mm^3"),
            "relative_volume": present / present[0],
            **{n: _mean(result, n) / present for n in _PARTS if n in result},
            "surviving": viable / before,
        }
    units = {"time": result.time_unit, "volume": "mm^3"}
    if oxygen in result:
        below = result.fraction_of_voxels(oxygen, at_most=hypoxia, weights="viable")
        columns["hypoxic"] = np.asarray(below.values)
        columns["mean_oxygen"] = _mean(result, oxygen)
        units["mean_oxygen"] = result[oxygen].unit
    density = _density(result, cell_density)
    if density is not None:
        columns["cells"] = whole * viable * density
    return ResultTable(columns, units, f"response: {problem.tissue.model.name}")


def _density(result: VolumeResult, given: Any) -> float | None:
    """Return cells per um^3 of packed tissue, or None."""
    c = result.problem.tissue
    if given is None:
        if "cell_density" not in c.parameter_names or "cell_density" in result.problem.fields:
            return None
        return float(result.problem.parameters[0, c.parameter_index("cell_density")]) / factor(
            "cells"
        )
    quantity = parse_quantity(given, "cell_density")
    require_dimension(quantity.unit, "cells/mL", "cell_density")
    return quantity.to("cells/um^3")


def regrowth_time(table: ResultTable, column: str = "relative_volume") -> float:
    """Return when a tumour is back at its first value after its lowest, straight between records.

    Parameters
    ----------
    table
        As of `response_table`.
    column
        ``"relative_volume"``, ``"surviving"``, ...

    Returns
    -------
    float
        In the table's unit of time; infinite where it does not come back, 0 where it never falls.

    Raises
    ------
    SpecError
        KG-118 for another column.
    """
    if column not in table.columns:
        raise SpecError(
            f"KG-118: the response has no column {column!r}: {', '.join(table.columns)}."
        )
    time = np.asarray(table["time"], dtype=np.float64)
    value = np.asarray(table[column], dtype=np.float64)
    lowest = int(np.nanargmin(value))
    if lowest == 0:
        return 0.0
    above = np.flatnonzero(value[lowest:] >= value[0])
    if not above.size:
        return float("inf")
    k = lowest + int(above[0])
    part = (value[0] - value[k - 1]) / (value[k] - value[k - 1])
    return float(time[k - 1] + part * (time[k] - time[k - 1]))
