"""Timing by repeats, and times compared at equal achieved error.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import statistics
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Seconds:
    """One repeat: processor time of the whole process, and the clock on the wall."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Summary:
    """Repeats of one measurement, seconds."""

    cpu_median: float
    cpu_best: float
    wall_median: float
    wall_best: float
    repeats: int

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return asdict(self)


def time_once(work: Callable[[], object]) -> Seconds:
    """One call, timed."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Seconds(time.process_time() - cpu, time.perf_counter() - wall)


def summarize(repeats: Sequence[Seconds]) -> Summary:
    """Medians and best values."""
    cpu, wall = [r.cpu for r in repeats], [r.wall for r in repeats]
    median = statistics.median
    return Summary(median(cpu), min(cpu), median(wall), min(wall), len(repeats))


def time_interleaved(work: dict[str, Callable[[], object]], repeats: int) -> dict[str, Summary]:
    """Time several things in turn, so that a machine that changes speed changes it for all."""
    collected: dict[str, list[Seconds]] = {name: [] for name in work}
    for call in work.values():
        call()
    for _ in range(repeats):
        for name, call in work.items():
            collected[name].append(time_once(call))
    return {name: summarize(seconds) for name, seconds in collected.items()}


def time_at_error(errors: Sequence[float], times: Sequence[float], error: float) -> float:
    """Time at which a program reaches ``error``, from its measured line of (error, time).

    Linear interpolation of log time against log error; outside the measured errors the nearest
    two points are prolonged, so callers say when that happened (`is_inside`).
    """
    order = np.argsort(errors)
    x, y = np.log(np.asarray(errors)[order]), np.log(np.asarray(times)[order])
    target = np.log(error)
    i = int(np.clip(np.searchsorted(x, target), 1, len(x) - 1))
    slope = (y[i] - y[i - 1]) / (x[i] - x[i - 1])
    return float(np.exp(y[i - 1] + slope * (target - x[i - 1])))


def is_inside(errors: Sequence[float], error: float) -> bool:
    """Whether an error lies within the measured ones."""
    return min(errors) <= error <= max(errors)
