"""Steps of a fixed-point iteration that is not smooth everywhere: Anderson's method with a guard.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["FixedPoint"]

Floats = NDArray[np.float64]


class FixedPoint:
    """Proposes the next place from places and their residuals ``g(x) - x``.

    Anderson 1965 (J ACM 12:547, doi:10.1145/321296.321305) in the form of Walker and Ni 2011
    (doi:10.1137/10078356X): the combination of the last steps with the least residual, moved on by
    a share `mixing` of it.  Where the residual grows past its best, the memory is emptied and the
    share halved, since the map has a kink there; it recovers while the residual falls.

    Parameters
    ----------
    memory
        How many steps are combined.
    """

    def __init__(self, memory: int = 5) -> None:
        self.memory = memory
        self.mixing = 1.0
        self._places: list[Floats] = []
        self._residuals: list[Floats] = []
        self._best = np.inf
        self._worse = 0

    def next(self, place: Floats, residual: Floats) -> Floats:
        """Return where to go from a place with its residual."""
        size = float(np.linalg.norm(residual))
        if size < self._best:
            self._best, self._worse = size, 0
            self.mixing = min(1.0, 1.1 * self.mixing)
        else:
            self._worse += 1
        if self._worse > self.memory:
            self._places, self._residuals, self._worse = [], [], 0
            self._best = size
            self.mixing = max(0.1, 0.5 * self.mixing)
        self._places = [*self._places[-self.memory :], place]
        self._residuals = [*self._residuals[-self.memory :], residual]
        if len(self._places) == 1:
            return place + self.mixing * residual
        moves = np.diff(np.stack(self._places, axis=1), axis=1)
        changes = np.diff(np.stack(self._residuals, axis=1), axis=1)
        share = np.linalg.lstsq(changes, residual, rcond=1e-10)[0]
        found: Floats = place + self.mixing * residual - (moves + self.mixing * changes) @ share
        return found
