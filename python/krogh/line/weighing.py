"""Fractions and quantiles over cells that weigh differently: one meaning for lines and targets.

SPDX-License-Identifier: BSD-3-Clause

Between the centers of neighboring cells values are straight lines; a share is the exact share of
that broken line, so it changes smoothly with the threshold and with the grid.  The first and the
last half cell of a piece hold the value of their center.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["fraction_between", "quantile_of_cells", "share_above", "share_of_cells", "total"]

Floats = NDArray[np.float64]


def total(x: Floats) -> Floats:
    """Sum over the last axis, in an order that does not depend on the other axes."""
    found: Floats = np.ascontiguousarray(x).sum(axis=-1)
    return found


def share_above(d: Floats) -> Floats:
    """Share of each piece of a broken line (last axis) that is not below zero."""
    left, right = d[..., :-1], d[..., 1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        length = np.abs(left) + np.abs(right)
        part = np.maximum(left, 0.0) + np.maximum(right, 0.0)
        mixed = np.where(length > 0.0, part / length, 1.0)
        crossing = np.where((left >= 0.0) == (right >= 0.0), left >= 0.0, mixed)
    result: Floats = np.where(np.isnan(d[..., :-1] + d[..., 1:]), np.nan, crossing)
    return result


def share_of_cells(excess: Floats, weights: Floats) -> Floats:
    """Return the share of the weight where `excess` is not negative, over the last axis.

    Parameters
    ----------
    excess
        Shape (..., cells): value minus threshold; NaN makes the share NaN.
    weights
        Shape broadcastable to it: volumes of the cells, or volumes times viable fraction.

    Returns
    -------
    ndarray
        Shape (...), 0 to 1; 1 where all weights are zero (no cell is left that lacks anything).
    """
    w = np.broadcast_to(weights, excess.shape)
    whole = total(w)
    with np.errstate(invalid="ignore"):
        ends = np.where(np.isnan(excess), np.nan, excess >= 0.0)
    met = 0.5 * (w[..., 0] * ends[..., 0] + w[..., -1] * ends[..., -1])
    if excess.shape[-1] > 1:
        met = met + total(0.5 * (w[..., :-1] + w[..., 1:]) * share_above(excess))
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Floats = np.where(whole > 0.0, met / whole, 1.0)
    return np.where(np.all(excess >= 0.0, axis=-1), 1.0, share)  # free of rounding


def quantile_of_cells(values: Floats, weights: Floats, level: float) -> Floats:
    """Return the value that a share `level` of the weight does not exceed, over the last axis.

    The value of a cell stands for the middle of its weight among the sorted cells; between them it
    is interpolated (type 5 of Hyndman & Fan 1996, doi:10.1080/00031305.1996.10473566, for equal
    weights).  NaN where a value is NaN.
    """
    order = np.argsort(values, axis=-1)
    v = np.take_along_axis(values, order, axis=-1)
    w = np.take_along_axis(np.broadcast_to(weights, values.shape), order, axis=-1)
    middle = np.cumsum(w, axis=-1) - 0.5 * w
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = middle / w.sum(axis=-1, keepdims=True)
    flat_v, flat_m = v.reshape(-1, v.shape[-1]), middle.reshape(-1, v.shape[-1])
    found = [np.interp(level, m, row) for m, row in zip(flat_m, flat_v, strict=True)]
    result: Floats = np.array(found).reshape(values.shape[:-1])
    return np.where(np.isnan(values).any(axis=-1), np.nan, result)


def fraction_between(
    values: Floats,
    weights: Floats,
    low: float | None,
    high: float | None,
    pieces: Sequence[int] | None = None,
) -> Floats:
    """Return the share of the weight whose values lie within limits, over the last axis.

    Parameters
    ----------
    low, high
        Either may be None.
    pieces
        Numbers of cells of pieces (vessels, segments) that do not touch: between them nothing is
        interpolated.

    Returns
    -------
    ndarray
        Shape (...), NaN where values are NaN.
    """
    if low is not None and high is not None and low > high:
        return np.where(np.isnan(values).any(axis=-1), np.nan, 0.0)
    w = np.broadcast_to(weights, values.shape)
    ends = np.cumsum([0, *(pieces or [values.shape[-1]])])
    whole = total(w)
    met = np.zeros(values.shape[:-1])
    for begin, end in pairwise(ends.tolist()):
        part, own = values[..., begin:end], w[..., begin:end]
        share = np.ones(part.shape[:-1])
        if low is not None:
            share = share_of_cells(part - low, own)
        if high is not None:  # no value is both below low and above high
            share = share + share_of_cells(high - part, own) - 1.0
        met = met + share * total(own)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(whole > 0.0, met / whole, 1.0)
    inside = np.ones(values.shape, dtype=bool)
    if low is not None:
        inside &= values >= low
    if high is not None:
        inside &= values <= high
    found = np.where(inside.all(axis=-1), 1.0, found)  # free of rounding
    return np.where(np.isnan(values).any(axis=-1), np.nan, found)
