"""NONMEM's dosing semantics: fifteen scenarios against exact values.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
import scenarios
from engine import schedule
from krogh import _core

pytestmark = pytest.mark.verification

NUMBERS = tuple(range(1, 31, 2))


@pytest.fixture(scope="module")
def cases(shared_data):
    found = scenarios.read(shared_data / "pk")
    assert tuple(sorted(found)) == NUMBERS
    return found


@pytest.fixture(scope="module")
def program():
    return scenarios.law().program()


def run(program, cases, numbers, **options):
    parameters = np.array([cases[n][0] for n in numbers])
    result = _core.simulate_point(
        program, parameters, schedule([cases[n][1] for n in numbers]), **options
    )
    assert not result.failures
    return result


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    ("method", "rtol", "bound"),
    [
        ("propagator", 1e-6, 1e-9),
        ("rodas4", 1e-9, 1e-6),
        ("rodas5p", 1e-9, 1e-6),
        ("ros34pw2", 1e-9, 1e-6),
        ("explicit5", 1e-9, 1e-6),
    ],
)
def test_scenario(program, cases, number, method, rtol, bound):
    result = run(program, cases, [number], method=method, rtol=rtol)
    assert result.method == method
    exact = cases[number][2]
    error = np.abs(result.values[:, 0] - exact)
    # Relative where there is a concentration; absolute (of the largest) where it is zero.
    assert np.all(error <= bound * np.maximum(exact, 1e-6 * exact.max())), np.max(
        error / np.maximum(exact, 1e-6 * exact.max())
    )


def test_linear_models_choose_propagators(program, cases):
    result = run(program, cases, NUMBERS)
    assert result.method == "propagator"
    exact = np.concatenate([cases[n][2] for n in NUMBERS])
    np.testing.assert_allclose(result.values[:, 0], exact, rtol=1e-9, atol=1e-9)


def test_all_scenarios_in_one_batch_equal_single_runs_to_the_bit(program, cases):
    together = run(program, cases, NUMBERS, method="rodas5p").values
    alone = np.concatenate([run(program, cases, [n], method="rodas5p").values for n in NUMBERS])
    assert together.tobytes() == alone.tobytes()
