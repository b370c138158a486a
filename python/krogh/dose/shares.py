"""Shares of cells and of time above a threshold, and what else is taken from sampled curves.

SPDX-License-Identifier: BSD-3-Clause

Between the centers of neighboring cells, and between neighboring times, values are straight lines;
a share is the exact share of that broken line, so it changes smoothly with the threshold.  The
first and the last half cell hold the value of their center.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "area",
    "at_time",
    "depth_of_half",
    "mean_of_cells",
    "quantile_of_cells",
    "share_of_cells",
    "share_of_time",
    "within",
]

Floats = NDArray[np.float64]


def _total(x: Floats) -> Floats:
    """Sum over the last axis, in an order that does not depend on the other axes."""
    total: Floats = np.ascontiguousarray(x).sum(axis=-1)
    return total


def _above(d: Floats) -> Floats:
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
    total = _total(w)
    with np.errstate(invalid="ignore"):
        ends = np.where(np.isnan(excess), np.nan, excess >= 0.0)
    met = 0.5 * (w[..., 0] * ends[..., 0] + w[..., -1] * ends[..., -1])
    if excess.shape[-1] > 1:
        met = met + _total(0.5 * (w[..., :-1] + w[..., 1:]) * _above(excess))
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Floats = np.where(total > 0.0, met / total, 1.0)
    return share


def mean_of_cells(values: Floats, weights: Floats) -> Floats:
    """Return the weighted mean over the last axis."""
    w = np.broadcast_to(weights, values.shape)
    mean: Floats = _total(values * w) / _total(w)
    return mean


def quantile_of_cells(values: Floats, weights: Floats, level: float) -> Floats:
    """Return the value that a share `level` of the weight does not exceed, over the last axis.

    The value of a cell stands for the middle of its weight among the sorted cells; between them it
    is interpolated.
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
    return result


def share_of_time(excess: Floats, times: Floats) -> Floats:
    """Return the share of the time where `excess` is not negative, over the last axis.

    Parameters
    ----------
    excess
        Shape (..., times).
    times
        Shape (times,), increasing; at least two.
    """
    steps = np.diff(times)
    share: Floats = _total(_above(excess) * steps) / steps.sum()
    return share


def at_time(values: Floats, times: Floats, moment: float) -> Floats:
    """Return values at a moment, straight between times; the time axis is axis 1."""
    k = int(np.clip(np.searchsorted(times, moment), 1, max(times.size - 1, 1)))
    if times.size == 1:
        return values[:, 0]
    share = (moment - times[k - 1]) / (times[k] - times[k - 1])
    if share == 1.0:  # exactly a recorded time: no arithmetic with its neighbor
        return values[:, k]
    result: Floats = values[:, k - 1] + share * (values[:, k] - values[:, k - 1])
    return result


def within(values: Floats, times: Floats, begin: float, end: float) -> tuple[Floats, Floats]:
    """Return the part of curves (time axis 1) from `begin` to `end`, both ends included."""
    inside = (times > begin) & (times < end)
    parts = [at_time(values, times, begin)[:, None], values[:, inside]]
    parts.append(at_time(values, times, end)[:, None])
    return np.concatenate(parts, axis=1), np.concatenate([[begin], times[inside], [end]])


def area(values: Floats, times: Floats) -> Floats:
    """Return the area under curves, shape (lines, times), over the last axis.

    Straight where a curve rises or touches zero, exponential where it falls between positive
    values (the linear-up logarithmic-down rule: Gabrielsson & Weiner, Pharmacokinetic and
    Pharmacodynamic Data Analysis, 2016, section 2.8.1).
    """
    left, right = values[:, :-1], values[:, 1:]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.log(left / right)
        falling = (right > 0.0) & (left > right) & (ratio > 1e-6)
        mean = np.where(falling, (left - right) / ratio, 0.5 * (left + right))
    return _total(mean * np.diff(times))


def depth_of_half(profile: Floats, distance: Floats, farthest: Floats) -> Floats:
    """Return the distance from the wall at which a profile has fallen to half of its first value.

    Parameters
    ----------
    profile
        Shape (lines, cells).
    distance
        Of the cell centers from the supplying wall, shape (lines, cells).
    farthest
        Distance of the far end, shape (lines,): returned where the profile never falls to half.
    """
    order = np.argsort(distance, axis=-1)
    x = np.take_along_axis(distance, order, axis=-1)
    y = np.take_along_axis(profile, order, axis=-1)
    depth = np.array(farthest, dtype=np.float64)
    half = 0.5 * y[:, 0]
    below = y <= half[:, None]
    for line in np.flatnonzero(below.any(axis=-1) & (half > 0.0)):
        k = int(np.argmax(below[line]))
        high, low = y[line, k - 1], y[line, k]
        step = (high - half[line]) / (high - low)
        depth[line] = x[line, k - 1] + step * (x[line, k] - x[line, k - 1])
    depth[half <= 0.0] = 0.0  # nothing has entered
    depth[np.isnan(y).any(axis=-1)] = np.nan
    return depth
