"""A small solver front for tests of blocks.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from krogh import _core
from krogh.model import Model
from krogh.units import convert

Solve = Callable[..., dict[str, np.ndarray]]


def _solve(
    model: Model,
    doses: Sequence[tuple[float, str | int, float, str, float]],
    times: Sequence[float] | np.ndarray,
    *,
    unit: str = "h",
    rtol: float = 1e-10,
    method: str = "auto",
    values: Mapping[str, Any] | None = None,
) -> dict[str, np.ndarray]:
    """Return outputs and states by name, shape (num_times,), in their declared units.

    A dose is (time, species, amount, amount unit, duration); times and durations in `unit`.
    """
    counts: dict[str, int] = {}
    for _, species, *_ in doses:
        counts[str(species)] = counts.get(str(species), 0) + 1
    states = {n: s.unit for n, s in model.species.items()}
    complete = Model(
        model.name,
        *model.components,
        *(_state_output(n, u) for n, u in states.items() if n not in model.outputs),
    )
    inputs = {n: c for n, c in counts.items() if n in complete.dose_inputs}
    compiled = complete.compile(doses=inputs)
    rows = []
    for time, species, amount, amount_unit, duration in doses:
        state = compiled.cmt(species)
        size = float(compiled.dose_amount(state, amount, amount_unit))
        seconds = convert(duration, unit, "s")
        rate = size / seconds if seconds > 0 else 0.0
        rows.append((convert(time, unit, "s"), 1, state, size, rate))
    for time in np.asarray(times, dtype=float):
        rows.append((convert(float(time), unit, "s"), 0, 0, 0.0, 0.0))
    rows.sort(key=lambda r: (r[0], -r[1]))
    if rows[0][0] > 0:
        rows.insert(0, (0.0, 2, 0, 0.0, 0.0))
    columns = list(zip(*rows, strict=True))
    n = len(rows)
    schedule = _core.Schedule(
        np.array([0, n], dtype=np.int64),
        np.array(columns[0], dtype=float),
        np.array(columns[1], dtype=np.int8),
        np.array(columns[2], dtype=np.int32),
        np.array(columns[3], dtype=float),
        np.array(columns[4], dtype=float),
        np.zeros(n),
        np.zeros(n, dtype=np.int32),
        np.zeros(n, dtype=np.int8),
        shared=True,
    )
    packed = compiled.pack(values or {}, 1)
    run = _core.simulate_point(compiled.program, packed, schedule, rtol=rtol, method=method)
    assert not run.failures, run.failures
    factors = np.asarray(compiled.output_factors, dtype=float)
    table = np.asarray(run.values)[0] * factors
    return {name: table[:, i] for i, name in enumerate(compiled.output_names)}


def _state_output(name: str, unit: str) -> Any:
    from krogh.model import Output

    return Output(name, name, unit=unit)


@pytest.fixture
def solve() -> Solve:
    """Return the solver front."""
    return _solve
