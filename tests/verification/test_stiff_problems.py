"""The stiff test set: values on the way and at the end against an independent method.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from engine import observe, solve
from stiff import PROBLEMS

pytestmark = pytest.mark.verification

REFERENCE = json.loads((Path(__file__).parent / "data" / "stiff_reference.json").read_text())


@pytest.mark.parametrize("method", ["rodas4", "rodas5p", "auto"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_values_at_rtol_1e_8(name, method):
    problem = PROBLEMS[name]
    stored = REFERENCE["problems"][name]
    times = [0.0, *stored["times"]]
    run = solve(
        problem.law.program(), [1.0], observe(times), method=method, rtol=1e-8,
        atol=np.full(len(problem.start), problem.atol),
    )  # fmt: skip
    largest = np.array(stored["largest"])
    error = np.abs(run.values[1:] - np.array(stored["values"])) / largest
    published = np.abs(run.values[-1] - np.array(problem.published)) / largest
    assert published.max() <= 1e-6, published
    assert error.max() <= 1e-6, error.max(axis=0)


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_reference_agrees_with_the_published_end_values(name):
    problem = PROBLEMS[name]
    stored = REFERENCE["problems"][name]
    error = np.abs(np.array(stored["values"][-1]) - np.array(problem.published))
    assert (error / np.array(stored["largest"])).max() <= 1e-9
