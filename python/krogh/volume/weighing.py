"""Shares over voxels, which count whole (they lie in no row), and what is found by distance.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError
from krogh.line.weighing import quantile_of_cells
from krogh.table import ResultTable
from krogh.units import parse_quantity

if TYPE_CHECKING:
    from krogh.volume.result import VolumeResult

__all__ = ["against_distance", "binned_means", "half_distance", "whole_share"]

Floats = NDArray[np.float64]


def whole_share(excess: Any, weights: Any) -> Floats:
    """Return the share of the weight where `excess` is not negative, over the last axis.

    Parameters
    ----------
    excess
        Shape (..., voxels): value minus threshold; NaN makes the share NaN.
    weights
        Broadcast to it: volumes, or volumes times viable fraction.

    Returns
    -------
    ndarray
        Shape (...), 0 to 1; 1 where all weights are zero (no voxel is left that lacks anything).
    """
    values = np.asarray(excess, dtype=np.float64)
    w = np.broadcast_to(np.asarray(weights, dtype=np.float64), values.shape)
    met = values >= 0.0
    whole = w.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(whole > 0.0, (w * met).sum(axis=-1) / whole, 1.0)
    share = np.where(met.all(axis=-1), 1.0, share)  # free of rounding
    return np.where(np.isnan(values).any(axis=-1), np.nan, share)


def binned_means(
    values: Any, distance: Any, width: float, weights: Any = None
) -> tuple[Floats, Floats]:
    """Return mean distance and mean value of bins of distance; empty bins are left out.

    Parameters
    ----------
    values, distance
        Shape (voxels,).
    width
        Of the bins, in the unit of `distance`.
    weights
        Shape (voxels,); equal if left out.
    """
    y, d = np.asarray(values, dtype=np.float64), np.asarray(distance, dtype=np.float64)
    w = np.ones(y.shape) if weights is None else np.asarray(weights, dtype=np.float64)
    number = np.floor(d / width).astype(np.intp)
    amount = np.bincount(number, weights=w)
    some = amount > 0.0
    with np.errstate(invalid="ignore", divide="ignore"):
        at = np.bincount(number, weights=w * d)[some] / amount[some]
        mean = np.bincount(number, weights=w * y)[some] / amount[some]
    return at, mean


def half_distance(
    values: Any, distance: Any, width: float, weights: Any = None
) -> tuple[float, bool]:
    """Return how far from the vessels the mean falls to half of what it is beside them.

    Parameters
    ----------
    values, distance, weights
        Shape (voxels,).
    width
        Of the bins of distance whose means are compared; between their mean distances the mean is a
        straight line.

    Returns
    -------
    distance : float
        In the unit of `distance`; the farthest voxel's where the mean does not fall that far, 0
        where nothing has arrived, NaN for values that are NaN.
    reached : bool
        False where the mean stays above half: the distance is then a lower bound.
    """
    at, mean = binned_means(values, distance, width, weights)
    if np.isnan(mean).any():
        return float("nan"), True
    half = 0.5 * mean[0]
    if not half > 0.0:
        return 0.0, True
    below = np.flatnonzero(mean <= half)
    if not below.size:
        return float(np.max(np.asarray(distance))), False
    k = int(below[0])
    share = (mean[k - 1] - half) / (mean[k - 1] - mean[k])
    return float(at[k - 1] + share * (at[k] - at[k - 1])), True


def against_distance(
    result: VolumeResult, name: str, distance: Any, time: Any, width: Any, level: float
) -> ResultTable:
    """Return an output by bins of distance; see `VolumeResult.against_distance`.

    Raises
    ------
    SpecError
        KG-166 for a distance of another shape, or one that is negative or not finite in the tissue;
        KG-118 for a width or level that is none.
    """
    given = result.distance if distance is None else np.asarray(distance, dtype=np.float64)
    if given.shape != result.grid.shape:
        raise SpecError(
            f"KG-166: distance has shape {given.shape}; {result.grid.shape} (z, y, x) is needed."
        )
    if not 0.0 < level < 1.0:
        raise SpecError(f"KG-118: level lies between 0 and 1, not {level!r}.")
    step = float(result.grid.spacing.max())
    if width is not None:
        step = parse_quantity(width, "width").to("um")
    if not step > 0.0:
        raise SpecError(f"KG-118: the width of bins must be positive, not {width!r}.")
    away = given.reshape(-1)[result.problem.inside]
    if not np.all(np.isfinite(away) & (away >= 0.0)):
        raise SpecError("KG-166: distance must be finite and not negative in the tissue.")
    values, unit, when = result.at_time(name, time)
    number = np.floor(away / step).astype(np.intp)
    order = np.argsort(number, kind="stable")
    starts = np.unique(number[order], return_index=True)[1]
    levels = (0.5, 0.5 - 0.5 * level, 0.5 + 0.5 * level)
    rows = []
    for mine in np.split(order, starts[1:]):
        one = np.ones(mine.size)
        found = [float(quantile_of_cells(values[mine], one, q)) for q in levels]
        rows.append((float(away[mine].mean()), mine.size, *found))
    names = ("distance", "voxels", "median", "low", "high")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    units = {"distance": "um", "median": unit, "low": unit, "high": unit}
    title = f"{name} against the distance to the nearest vessel, {when}, {100 * level:g} % within"
    return ResultTable(columns, units, title)
