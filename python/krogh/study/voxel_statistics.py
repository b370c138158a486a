"""Statistics over voxels, weighted by volume: as over cells of a line, but voxels count whole.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.study.statistics import mean, quantile

__all__ = ["mean", "quantile", "share_at_least"]

Floats = NDArray[np.float64]


def share_at_least(values: Any, weights: Any, threshold: Any) -> Floats:
    """Return the share of the weight in voxels whose value is at or above a threshold.

    Parameters
    ----------
    values, weights
        Shape (..., voxels).
    threshold
        A number, or an array that broadcasts to the shape of the values without the last axis.
    """
    from krogh.volume.weighing import whole_share

    limit = np.asarray(threshold, dtype=np.float64)[..., None]
    return whole_share(np.asarray(values, dtype=np.float64) - limit, weights)
