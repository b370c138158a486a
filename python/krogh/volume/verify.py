"""A second opinion on a volume: the same voxels by an integrator of another kind.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SolverError
from krogh.line.dosing import Dosing
from krogh.line.outcome import Outcome, Settings
from krogh.line.verify import compared, second_settings
from krogh.provenance import Verification
from krogh.volume.plasma import PlasmaCurves
from krogh.volume.problem import VolumeProblem
from krogh.volume.solve import solve_volume

__all__ = ["METHODS", "verified"]

METHODS: Final = ("ros34pw2", "rkc2")


def verified(
    problem: VolumeProblem,
    curves: PlasmaCurves | None,
    plasma_states: NDArray[np.float64] | None,
    dosing: Dosing | None,
    settings: Settings,
    first: Outcome,
    method: str,
) -> Verification:
    """Solve again by the other method at a tenth of the tolerance, and compare.

    Parameters
    ----------
    first, method
        The solution that is checked, and what made it.

    Raises
    ------
    SolverError
        KG-311 where the first method got through and the second does not.
    """
    (other,) = (m for m in METHODS if m != method)
    tighter = second_settings(settings)
    second, _, kept = solve_volume(problem, curves, plasma_states, dosing, tighter, method=other)
    if kept.error is not None:
        raise kept.error
    if first.status[0] == 0 and second.status[0] != 0 and not second.stopped:
        raise SolverError(
            f"KG-311: verify: {other} did not get through where {method} did"
            f" ({second.failures[0]}); the result could not be checked."
        )
    if dosing is None:  # the plasma was solved once, before both
        first, second = replace(first, plasma=None), replace(second, plasma=None)
    return compared(problem, settings, first, second)
