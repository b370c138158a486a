"""What a solver of lines hands back, and what it is asked for.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Failure", "Outcome", "Settings"]

Floats = NDArray[np.float64]


@dataclass
class Settings:
    """What is asked for, in internal units.

    Attributes
    ----------
    grid
        Times of records, s.
    recorded
        Tissue states whose cells are kept.
    atol, plasma_atol
        By state.
    directions
        Names of parameters and lengths by which to differentiate.
    """

    grid: Floats
    begin: float
    recorded: tuple[int, ...]
    rtol: float
    atol: Floats
    plasma_atol: Floats
    max_steps: int = 1_000_000
    num_threads: int = 0
    directions: tuple[str, ...] = ()
    stops_on_failure: bool = False
    on_progress: Callable[[int, int, float], Any] | None = None


@dataclass(frozen=True)
class Failure:
    """What went wrong with one line: time in s, state and cell -1 where none is to blame."""

    line: int
    code: int
    reason: str
    time: float
    species: str
    cell: int


@dataclass
class Outcome:
    """Results of all lines, internal units; what was not reached is NaN.

    Attributes
    ----------
    values
        Shape (lines, records, recorded, cells).
    contents
        Amounts in one line by tissue state, shape (lines, records, states).
    entered
        Amounts that entered one line, shape (lines, records, mobiles, 2): inner and outer end.
    plasma
        Shape (lines, records, plasma states); None without a systemic model.
    vessel
        Concentrations in the segments of a capillary, shape (lines, records, segments, mobiles).
    fed
        What states of the plasma heard of a volume, added up in time, each shape (records,).
    d_values, d_contents, d_plasma
        Derivatives, with an axis of directions after that of records; None if none were asked for.
    """

    values: Floats
    contents: Floats
    entered: Floats
    plasma: Floats | None
    status: NDArray[np.int64]
    stats: dict[str, NDArray[np.int64]]
    failures: list[Failure] = field(default_factory=list)
    method: str = ""
    num_threads: int = 1
    width: int = 1
    seconds: float = 0.0
    d_values: Floats | None = None
    d_contents: Floats | None = None
    d_plasma: Floats | None = None
    d_entered: Floats | None = None
    vessel: Floats | None = None
    fed: dict[int, Floats] = field(default_factory=dict)
    stopped: bool = False
    reason: str = ""
    """Why the line solver could not take it, where cells stand in for it."""
