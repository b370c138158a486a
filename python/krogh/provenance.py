"""How a result came about: versions, tolerances, failures, the opinion of a second method.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Provenance", "SubjectFailure", "Verification"]


@dataclass(frozen=True)
class SubjectFailure:
    """What went wrong with one subject.

    Attributes
    ----------
    subject
        Its ID.
    time, time_unit
        When.
    species
        The state involved, or an empty text.
    reason
        The solver's sentence and cause.
    code
        The solver's status.
    """

    subject: Any
    time: float
    time_unit: str
    species: str
    reason: str
    code: int = 0

    def __str__(self) -> str:
        where = f", {self.species}" if self.species else ""
        return f"subject {self.subject} at {self.time:.6g} {self.time_unit}{where}: {self.reason}"


@dataclass(frozen=True)
class Verification:
    """Comparison with an independent method.

    Attributes
    ----------
    method
        The second method.
    differences
        Output name to the largest absolute difference divided by the subject's largest value of
        that output, the largest over all subjects.
    tolerance
        rtol of both runs.
    compared
        Number of subjects that both methods solved.
    """

    method: str
    differences: Mapping[str, float]
    tolerance: float
    compared: int

    @property
    def largest(self) -> float:
        """Largest difference of all outputs."""
        return max(self.differences.values(), default=0.0)

    @property
    def is_within(self) -> bool:
        """Whether no difference exceeds twice the tolerance."""
        return self.largest <= 2.0 * self.tolerance

    def __str__(self) -> str:
        verdict = "within" if self.is_within else "NOT within"
        return (
            f"verified by {self.method}: largest difference {self.largest:.2g} of the largest"
            f" value, {verdict} twice the tolerance {self.tolerance:g}"
        )


@dataclass(frozen=True)
class Provenance:
    """How a result came about: enough to repeat it."""

    version: str
    instruction_set: str
    model: str
    model_hash: str
    dosing: str
    seed: int
    rtol: float
    atol: Mapping[str, str]
    method: str
    lanes: int
    num_threads: int
    wall_seconds: float
    engine_seconds: float
    steps_accepted: int
    steps_rejected: int
    citations: tuple[str, ...] = ()

    def __str__(self) -> str:
        total = self.steps_accepted + self.steps_rejected
        return (
            f"krogh {self.version} ({self.instruction_set}) · {self.method} · rtol {self.rtol:g} ·"
            f" seed {self.seed} · {total:,} steps ({self.steps_rejected:,} rejected) ·"
            f" {self.num_threads} thread{'s' if self.num_threads != 1 else ''} ·"
            f" {self.wall_seconds:.3g} s"
        )
