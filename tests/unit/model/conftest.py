"""Fixtures of the tests of the model language.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from krogh import _core

Run = Callable[..., np.ndarray]


def _run(
    model: Any,
    times: Sequence[float],
    doses: Sequence[tuple[Any, ...]] = (),
    *,
    unit: str = "h",
    values: dict[str, Any] | None = None,
    compiled: Any = None,
    **options: Any,
) -> np.ndarray:
    """Solve a model; outputs (subjects, times, outputs) in declared units.

    A dose is (time, species, amount in internal units, rate, ...); rate 0 is a bolus.
    """
    from krogh.units import factor

    c = compiled or model.compile()
    second = factor(unit)
    rows = [(t * second, 1, c.state_index(s), a, r) for t, s, a, r in doses]
    rows += [(t * second, 0, 0, 0.0, 0.0) for t in times]
    rows.sort(key=lambda row: (row[0], -row[1]))
    n = len(rows)
    zeros = np.zeros(n)
    schedule = _core.Schedule(
        np.array([0, n], dtype=np.int64),
        np.array([row[0] for row in rows]),
        np.array([row[1] for row in rows], dtype=np.int8),
        np.array([row[2] for row in rows], dtype=np.int32),
        np.array([row[3] for row in rows]),
        np.array([row[4] for row in rows]),
        zeros,
        np.zeros(n, dtype=np.int32),
        np.zeros(n, dtype=np.int8),
        shared=True,
    )
    options = {"rtol": 1e-9, "method": "rodas5p", **options}
    run = _core.simulate_point(c.program, c.pack(values or {}), schedule, **options)
    assert not run.failures, run.failures
    return run.values * c.output_factors


@pytest.fixture
def solve() -> Run:
    """Return the function that solves a model."""
    return _run
