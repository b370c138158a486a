"""Threads granted to a call.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import pytest
from krogh.threads import granted_threads, thread_limits


@pytest.mark.parametrize(
    ("text", "limit"),
    [("3", 3), ("4,2", 4), (" 5 ", 5), ("0", 0), ("-2", 0), ("many", 0), ("9" * 20, 0), ("", 0)],
)
def test_openmp_variable_limits_where_it_is_a_number(text: str, limit: int) -> None:
    assert thread_limits({"OMP_NUM_THREADS": text})["openmp"] == limit


def test_variables_limit_each_by_itself() -> None:
    limits = thread_limits({"SLURM_CPUS_PER_TASK": "7"})
    assert limits["slurm"] == 7
    assert limits["openmp"] == 0
    assert limits["processors"] >= 1


def test_a_request_stands_and_the_smallest_limit_is_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert granted_threads(5) == 5
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert granted_threads() == 1
