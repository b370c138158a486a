"""Shares of cells and of time above a threshold, and what else is taken from sampled curves.

SPDX-License-Identifier: BSD-3-Clause

Between the centers of neighboring cells, and between neighboring times, values are straight lines;
a share is the exact share of that broken line, so it changes smoothly with the threshold.  The
first and the last half cell hold the value of their center.  What lines themselves need of it is
`krogh.line.weighing`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from krogh.line.weighing import quantile_of_cells, share_above, share_of_cells, total

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


def mean_of_cells(values: Floats, weights: Floats) -> Floats:
    """Return the weighted mean over the last axis."""
    w = np.broadcast_to(weights, values.shape)
    mean: Floats = total(values * w) / total(w)
    return mean


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
    share: Floats = total(share_above(excess) * steps) / steps.sum()
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
    return total(mean * np.diff(times))


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
