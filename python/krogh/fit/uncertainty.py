"""Standard errors, correlations, and directions in which the data say nothing.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from krogh.fit.likelihood import Floats

__all__ = ["Direction", "Precision", "precision_of"]

FLAT: Final = 1e-4
"""Singular value of the derivatives, columns scaled to length 1, below which a direction is flat:
two parameters then have a correlation above 1 - 1e-8."""

UNSEEN: Final = 1e-6
"""Effect of a parameter, relative to that of the most effective one, below which it has none."""


@dataclass(frozen=True)
class Direction:
    """A direction in which parameters can move without a change of the predictions.

    Attributes
    ----------
    members
        Positions of the variables that move.
    weights
        How far each moves, the largest 1 in magnitude.
    """

    members: tuple[int, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Precision:
    """Precision of the variables of the search.

    Attributes
    ----------
    covariance
        Shape (num_variables, num_variables); infinite variances for variables of a flat direction,
        NaN for variables that were held or sit on a bound.
    standard_errors
        Shape (num_variables,).
    correlation
        Shape (num_variables, num_variables), NaN where a variance is not finite.
    singular_values
        Of the derivatives with columns scaled to length 1, largest first.
    unseen
        Variables without an effect.
    flat
        Flat directions of the others.
    """

    covariance: Floats
    standard_errors: Floats
    correlation: Floats
    singular_values: Floats
    unseen: tuple[int, ...]
    flat: tuple[Direction, ...]


def precision_of(whitened: Floats, sizes: Floats, held: NDArray[np.bool_]) -> Precision:
    """Return the precision that the information gives.

    Parameters
    ----------
    whitened
        Derivatives whose Gram matrix is the information, shape (num_rows, num_variables).
    sizes
        A step of each variable that matters: 1 for a logarithm, the value's magnitude otherwise.
    held
        Which variables are held or sit on a bound.
    """
    count = whitened.shape[1]
    norms = np.linalg.norm(whitened, axis=0)
    effects = np.where(held, 0.0, norms * sizes)
    largest = float(effects.max(initial=0.0))
    sees = ~held & (effects > UNSEEN * largest)
    unseen = np.flatnonzero(~held & ~sees)
    used = np.flatnonzero(sees)
    covariance = np.full((count, count), np.nan)
    singular = np.zeros(0)
    flat: list[Direction] = []
    if used.size:
        _, singular, rows = np.linalg.svd(whitened[:, used] / norms[used], full_matrices=False)
        is_flat = singular < FLAT * singular[0]
        inverse = np.where(is_flat, 0.0, 1.0 / np.where(is_flat, 1.0, singular))
        root = rows.T * inverse / norms[used, None]
        covariance[np.ix_(used, used)] = root @ root.T
        for row in rows[is_flat]:
            step = row / norms[used]
            step = step / np.max(np.abs(step / sizes[used])) / sizes[used]
            moving = np.flatnonzero(np.abs(step) > 0.05)
            flat.append(
                Direction(
                    tuple(used[moving].tolist()), tuple(float(step[m]) for m in moving.tolist())
                )
            )
    unsure = {*unseen.tolist(), *(m for d in flat for m in d.members)}
    for k in unsure:
        covariance[k, :] = covariance[:, k] = np.nan
        covariance[k, k] = np.inf
    errors = np.sqrt(np.diag(covariance))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = covariance / np.outer(errors, errors)
    finite = np.flatnonzero(np.isfinite(errors) & (errors > 0.0))
    correlation[finite, finite] = 1.0
    return Precision(covariance, errors, correlation, singular, tuple(unseen.tolist()), tuple(flat))
