"""Fractions and quantiles over cells that weigh differently.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["fraction_where", "weighted_quantile"]

Floats = NDArray[np.float64]


def fraction_where(
    values: Floats, weights: Floats, low: float | None, high: float | None
) -> Floats:
    """Return the share of the weight whose values lie within limits, NaN where values are NaN."""
    inside = np.ones(values.shape, dtype=bool)
    if low is not None:
        inside &= values >= low
    if high is not None:
        inside &= values <= high
    w = np.broadcast_to(weights, values.shape)
    found: Floats = (inside * w).sum(axis=-1) / w.sum(axis=-1)
    return np.where(np.isnan(values).any(axis=-1), np.nan, found)


def weighted_quantile(values: Floats, weights: Floats, levels: Floats) -> Floats:
    """Return the smallest value up to which a share `level` of the weight lies.

    Parameters
    ----------
    values, weights
        Same shape; the last axis is weighed.
    levels
        Shape (levels,).

    Returns
    -------
    ndarray, shape (levels, ...) without the last axis
    """
    order = np.argsort(values, axis=-1)
    ordered = np.take_along_axis(values, order, axis=-1)
    sums = np.cumsum(np.take_along_axis(weights, order, axis=-1), axis=-1)
    share = sums / sums[..., -1:]
    found = np.empty((levels.size, *values.shape[:-1]))
    for i, level in enumerate(levels):
        place = np.argmax(share >= level - 1e-12, axis=-1)
        found[i] = np.take_along_axis(ordered, place[..., None], axis=-1)[..., 0]
    found[:, np.isnan(values).any(axis=-1)] = np.nan
    return found
