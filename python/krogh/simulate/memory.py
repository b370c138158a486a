"""Room for the results of large populations, checked before the run.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import os
from typing import Final

from krogh.errors import SpecError
from krogh.model.compile import CompiledModel
from krogh.schedule import Plan

__all__ = ["SMALL", "bytes_needed", "free_bytes", "require_memory"]

_METRICS: Final = 8
SMALL: Final = 64 * 2**20
"""Bytes that are always there."""


def bytes_needed(
    plan: Plan, compiled: CompiledModel, num_directions: int, *, has_room: bool
) -> int:
    """Return the bytes of a result: values, sensitivities, metrics, parameters, final states."""
    n, outputs = plan.num_subjects, len(compiled.output_names)
    observed = plan.grid if plan.grid is not None else plan.row_times
    per_subject = n if plan.grid is not None else 1
    rows = 0 if observed is None else per_subject * int(observed.size)
    values = rows * outputs * ((0 if has_room else 1) + num_directions)
    metrics = n * plan.windows.shape[-2] * outputs * _METRICS
    other = n * (len(compiled.parameter_names) + 2 * len(compiled.state_names) + 8)
    return int(8 * (values + 2 * metrics + other))


def require_memory(
    plan: Plan, compiled: CompiledModel, num_directions: int, *, has_room: bool
) -> None:
    """Raise SpecError KG-119 where a result would not fit into the free memory of the machine."""
    needed = bytes_needed(plan, compiled, num_directions, has_room=has_room)
    if needed < SMALL:
        return
    free = free_bytes()
    if free is not None and needed > free:
        raise SpecError(
            f"KG-119: the result needs {needed / 2**30:.2f} GiB, {free / 2**30:.2f} GiB are free:"
            f" {plan.num_subjects:,} subjects, {len(compiled.output_names)} outputs.\n"
            "  Report fewer times or outputs, set metrics=False, or simulate in parts (subjects"
            " keep their random numbers by ID)."
        )


def free_bytes() -> int | None:
    """Return the free memory of the machine; None where the system does not say."""
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
    return max(free, _available())


def _available() -> int:
    """Return what Linux says can be had without swapping, page cache included; 0 elsewhere."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            for line in lines:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0
