"""What a search has computed: each regimen, each virtual tumour, each target.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from krogh.dose.measures import LEVELS
from krogh.dose.target import Target

__all__ = ["LIMITS", "Sample"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

LIMITS = "limits"
"""Name of the group of all limits, beside the levels."""


@dataclass(eq=False)
class Sample:
    """The numbers of a search; filled regimen by regimen.

    Attributes
    ----------
    targets, limits
        What has to be reached, and what must not be exceeded.
    values
        What was attained, shape (regimens, targets + limits, tumours), in the unit of each
        `krogh.dose.Attainment`; NaN where a line failed or was not run.
    reached
        Of the same shape; False where a line failed or was not run.
    exposure
        Shape (regimens, tumours), NaN likewise.
    done
        Shape (regimens,).
    failed
        Lines that could not be solved, shape (regimens,); they count as not reaching the targets
        and as exceeding the limits.
    """

    targets: tuple[Target, ...]
    limits: tuple[Target, ...]
    values: Floats
    reached: Flags
    exposure: Floats
    done: Flags
    failed: NDArray[np.int64]

    @classmethod
    def empty(
        cls, targets: tuple[Target, ...], limits: tuple[Target, ...], regimens: int, tumours: int
    ) -> Sample:
        """Return a sample in which nothing was run yet."""
        shape = (regimens, len(targets) + len(limits), tumours)
        return cls(
            targets,
            limits,
            np.full(shape, np.nan),
            np.zeros(shape, dtype=bool),
            np.full((regimens, tumours), np.nan),
            np.zeros(regimens, dtype=bool),
            np.zeros(regimens, dtype=np.int64),
        )

    @property
    def tumours(self) -> int:
        """Number of virtual tumours."""
        return int(self.values.shape[2])

    @property
    def groups(self) -> dict[str, list[int]]:
        """What is judged together: name of the level (or `LIMITS`) to positions of its targets."""
        found: dict[str, list[int]] = {}
        for level, name in LEVELS.items():
            positions = [k for k, target in enumerate(self.targets) if target.level == level]
            if positions:
                found[f"{level} {name}"] = positions
        if self.limits:
            first = len(self.targets)
            found[LIMITS] = list(range(first, first + len(self.limits)))
        return found

    def met(self, positions: list[int]) -> Flags:
        """Return where all targets at the positions are met, shape (regimens, tumours)."""
        return np.asarray(np.all(self.reached[:, positions, :], axis=1))

    @property
    def joint(self) -> Flags:
        """Where all targets are met and all limits held, shape (regimens, tumours)."""
        return self.met(list(range(self.reached.shape[1])))

    def joint_without(self, group: str) -> Flags:
        """Return where the targets and limits of all other groups are met, (regimens, tumours)."""
        left = [k for name, ks in self.groups.items() if name != group for k in ks]
        return self.met(left)

    def probability(self, flags: Flags) -> Floats:
        """Return the share of the tumours, shape (regimens,); NaN for regimens not run."""
        share: Floats = np.where(self.done, flags.mean(axis=1), np.nan)
        return share
