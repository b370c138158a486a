"""Likelihood profiles: one parameter held at each value, the others estimated anew.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from krogh.errors import SpecError
from krogh.table import ResultTable

if TYPE_CHECKING:
    from krogh.fit.result import FitResult

__all__ = ["profile_of"]


def profile_of(result: FitResult, name: str, points: int, width: float) -> ResultTable:
    """Return objective against the value of a parameter, the others at their best.

    Parameters
    ----------
    result
        A fit.
    name
        Which estimate.
    points
        Number of values.
    width
        How far to go to both sides, in standard errors on the scale of the search.

    Returns
    -------
    ResultTable
        Columns ``value``, ``above best`` (rise of -2 ln L; the 95 % interval is where it is below
        3.84, the quantile of chi-squared with one degree of freedom), and one for every other
        estimate.

    Raises
    ------
    SpecError
        KG-118 for an unknown name or a parameter without a finite standard error, KG-108 for fewer
        than 3 points.
    """
    k = result._position(name)
    error = float(result._precision.standard_errors[k])
    if not (math.isfinite(error) and error > 0.0):
        raise SpecError(
            f"KG-118: {name!r} has no finite standard error to choose values by; see diagnose()."
        )
    if points < 3 or not width > 0.0:
        raise SpecError("KG-108: a profile needs at least 3 points and a positive width.")
    search = result._search
    best = result._starts[result.best].end
    middle = float(best[k])
    offsets = np.linspace(-width, width, points) * error
    grid = np.clip(middle + offsets, search.lower[k], search.upper[k])
    grid = np.unique(grid)
    ends = {}
    for side in (grid[grid >= middle], grid[grid < middle][::-1]):
        point = best
        for value in side.tolist():
            ends[value] = search.run(point, {k: value})
            point = ends[value].end
    runs = [ends[value] for value in grid.tolist()]
    estimated = result.estimated
    columns = {
        "value": [search.values(run.end)[k] for run in runs],
        "above best": [run.objective - result.objective for run in runs],
    }
    units = {"value": estimated[k].unit}
    for j, e in enumerate(estimated):
        if j != k:
            columns[e.name] = [search.values(run.end)[j] for run in runs]
            units[e.name] = e.unit
    return ResultTable(columns, units, title=f"profile of {name}")
