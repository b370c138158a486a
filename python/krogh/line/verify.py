"""Two solutions of the same lines compared.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from krogh.line.outcome import Outcome, Settings
from krogh.line.problem import LineProblem
from krogh.provenance import Verification

__all__ = ["compared", "second_engine", "second_settings"]

Floats = NDArray[np.float64]


STIFFEST: Final = 1e8
"""Spectral radius of diffusion times the span above which RKC2 is not used.

RKC2 evaluates the laws about ``sqrt(steps radius span / 0.65)`` times (Verwer, Hundsdorfer &
Sommeijer 1990, doi 10.1007/BF01386405): 120,000 times for 100 steps here, about a second.
"""


_TIGHTER: Final = 0.1
"""Tolerance of the second solution, of that of the first: the difference is the first one's error.

At equal tolerances RKC2 itself is off by up to 3.5 times the tolerance where receptors fill fast.
"""


def second_settings(settings: Settings) -> Settings:
    """Return how the second solution is computed: tighter, without sensitivities."""
    return replace(
        settings,
        rtol=max(_TIGHTER * settings.rtol, 1e-13),
        atol=_TIGHTER * settings.atol,
        plasma_atol=_TIGHTER * settings.plasma_atol,
        directions=(),
    )


def second_engine(problem: LineProblem, settings: Settings, first: str) -> str:
    """Return the point engine's method that checks a solution."""
    if first == "cells, rkc2":
        return "rodas5p"
    widths = np.diff(problem.faces, axis=1)[:, None, :]
    radius = float(np.max(4.0 * problem.diffusivity / widths**2))
    span = float(settings.grid[-1] - settings.begin)
    if radius * span > STIFFEST and first != "cells, rodas5p":
        return "rodas5p"
    return "rkc2"


def compared(
    problem: LineProblem, settings: Settings, first: Outcome, second: Outcome
) -> Verification:
    """Return the largest difference of every state relative to its largest value in the line."""
    both = (first.status == 0) & (second.status == 0)
    differences: dict[str, float] = {}
    for i, state in enumerate(settings.recorded):
        name = problem.tissue.state_names[state]
        differences[name] = _largest(first.values[both, :, i], second.values[both, :, i])
    if first.plasma is not None and second.plasma is not None and problem.systemic is not None:
        for i, name in enumerate(problem.systemic.state_names):
            differences[name] = _largest(first.plasma[both, :, i], second.plasma[both, :, i])
    return Verification(second.method, differences, settings.rtol, int(both.sum()))


def _largest(a: Floats, b: Floats) -> float:
    if a.size == 0:
        return 0.0
    axes = tuple(range(1, a.ndim))
    scale = np.maximum(np.abs(a).max(axis=axes), np.abs(b).max(axis=axes))
    apart = np.abs(a - b).max(axis=axes)
    return float(np.max(np.where(scale > 0.0, apart / np.where(scale > 0.0, scale, 1.0), 0.0)))
