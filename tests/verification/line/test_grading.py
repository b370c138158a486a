"""The default grading of cells: the one that serves BENCH-N87 best.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from krogh import _core
from krogh.space.shapes import DEFAULT_GROWTH
from lines import bench_n87

pytestmark = pytest.mark.verification

TIMES = np.array([6.0, 24.0]) * 3600.0


def content(cells, growth, ratio):
    """Contents of F1, B1 and E1 per volume of tissue."""
    line = bench_n87(cells, ratio).but(faces=_core.graded_faces(8.0, 75.0, cells, growth))
    run = line.run(TIMES, rtol=1e-6, atol=[1e-6] * 8)
    return run.contents[0][:, [0, 3, 5]]


@pytest.mark.parametrize("ratio", [0, 3, 8])
def test_the_default_growth_halves_the_error_of_contents_at_least(ratio):
    exact = content(512, 1.0, ratio)
    errors = {
        growth: float(np.max(np.abs(content(64, growth, ratio) / exact - 1.0)))
        for growth in (1.0, DEFAULT_GROWTH, 32.0)
    }
    assert errors[DEFAULT_GROWTH] < 0.5 * errors[1.0]
    assert errors[DEFAULT_GROWTH] < errors[32.0]
    assert errors[DEFAULT_GROWTH] < 3e-4
