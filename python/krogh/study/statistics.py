"""Statistics over the cells of a line: weighted by volume, thresholds found between cells.

SPDX-License-Identifier: BSD-3-Clause

Shares, quantiles and depths are those of lines and targets (`krogh.line.weighing`,
`krogh.dose.shares`), so that a table, its targets and its line never disagree: cells stand in a row
by the volume in front of them, and a quantity is linear between the middles of neighboring cells.

Every function takes values of shape (..., cells) and weights that broadcast to it, and works along
the last axis.  A weight is the volume of a cell, times the share of its cells that are alive.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.dose import shares

__all__ = ["half_depth", "mean", "quantile", "share_at_least"]

Floats = NDArray[np.float64]


def mean(values: Any, weights: Any) -> Floats:
    """Return the weighted mean; NaN where all weights are zero. Shape (...)."""
    v = np.asarray(values, dtype=np.float64)
    w = np.broadcast_to(np.asarray(weights, dtype=np.float64), v.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((v * w).sum(axis=-1) / w.sum(axis=-1))


def quantile(values: Any, weights: Any, level: float) -> Floats:
    """Return the value that a share `level` of the weight does not exceed. Shape (...).

    The value of a cell stands at the middle of its weight among the sorted cells (type 5 of Hyndman
    & Fan 1996, doi:10.1080/00031305.1996.10473566, for equal weights).
    """
    v = np.asarray(values, dtype=np.float64)
    return shares.quantile_of_cells(v, np.asarray(weights, dtype=np.float64), level)


def share_at_least(values: Any, weights: Any, threshold: Any) -> Floats:
    """Return the share of the weight where the values are at or above a threshold. Shape (...).

    Parameters
    ----------
    threshold
        A number, or an array that broadcasts to the shape of the values without the last axis.
    """
    v = np.asarray(values, dtype=np.float64)
    excess = v - np.asarray(threshold, dtype=np.float64)[..., None]
    return shares.share_of_cells(excess, np.asarray(weights, dtype=np.float64))


def half_depth(values: Any, distance: Any) -> tuple[Floats, NDArray[np.bool_]]:
    """Return how far from the supplying wall a quantity falls to half of its value there.

    Parameters
    ----------
    values
        Shape (lines, cells).
    distance
        Distance of the cells' middles from the wall, shape (lines, cells), in any unit.

    Returns
    -------
    depth : ndarray
        In the unit of `distance`, linear between the middles of cells; shape (lines,).  The far end
        of the line where the quantity does not fall that far, 0 where nothing has arrived.
    reached : ndarray of bool
        False where the quantity stays above half of its value at the wall up to the far end: the
        depth is then a lower bound.
    """
    v, d = np.asarray(values, dtype=np.float64), np.asarray(distance, dtype=np.float64)
    x = np.sort(d, axis=-1)
    end = x[:, -1] if x.shape[-1] == 1 else x[:, -1] + 0.5 * (x[:, -1] - x[:, -2])
    depth = shares.depth_of_half(v, d, end)
    return depth, ~(depth >= end)
