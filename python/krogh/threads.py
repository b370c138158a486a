"""Threads granted to a call, and by whose word: affinity, control group, environment.

SPDX-License-Identifier: BSD-3-Clause

The core never reads the environment; the Python layer does and passes a number.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

__all__ = ["granted_threads", "thread_limits"]

VARIABLES: Final = {"openmp": "OMP_NUM_THREADS", "slurm": "SLURM_CPUS_PER_TASK"}
"""Environment variables that limit the threads; of a list like ``4,2`` the first number counts."""

_NUMBER: Final = re.compile(r"\s*([0-9]{1,9})\s*(?:$|,)")


def thread_limits(environment: Mapping[str, str] | None = None) -> dict[str, int]:
    """Return the limits on the number of threads, each 0 where nothing is said.

    Parameters
    ----------
    environment
        Variables to read in place of the process's own; a value that is no positive number counts
        as not set.

    Returns
    -------
    dict
        ``processors`` (affinity), ``cgroup`` (quota of containers), ``openmp``
        (OMP_NUM_THREADS) and ``slurm`` (SLURM_CPUS_PER_TASK).
    """
    from krogh import _core

    variables = os.environ if environment is None else environment
    limits = dict(_core.thread_limits())
    for name, variable in VARIABLES.items():
        found = _NUMBER.match(variables.get(variable, ""))
        limits[name] = int(found.group(1)) if found else 0
    return limits


def granted_threads(wanted: int = 0) -> int:
    """Return `wanted` if it is positive, else the smallest of `thread_limits`, at least 1."""
    if wanted > 0:
        return wanted
    return max(1, min(limit for limit in thread_limits().values() if limit > 0))
