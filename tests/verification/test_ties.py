"""What happens at one and the same time, with times that rounding makes almost the same.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from engine import RESET, Law, Record, dose, in_order, observe, solve

pytestmark = pytest.mark.verification

# Amounts stay where they are, so that every dose can be counted.
KEEP = Law(
    ("x", "y"), ("k", "LAG"), lambda t, y, p: [0.0 * p.k * y.x, p.k - p.k * y.y],
    lag={"x": lambda p: p.LAG},
)  # fmt: skip
METHODS = ("propagator", "rodas4", "rodas5p", "ros34pw2", "explicit5", "rkc2")


def doses_seen(records, lag=0.0, method="rodas5p"):
    return solve(KEEP.program(), [1.0, lag], records, method=method).values[:, 0]


@pytest.mark.parametrize("method", METHODS)
def test_a_train_on_a_decimal_grid_is_seen_at_each_of_its_times(method):
    # 3 * 0.1 and 6 * 0.1, 7 * 0.1 differ from 0.3, 0.6, 0.7 by rounding.
    times = [round(0.1 * k, 1) for k in range(12)]
    assert any(0.1 * k != times[k] for k in range(12))
    records = [dose(0.0, 1.0, interval=0.1, additional=9), *observe(times)]
    expected = np.minimum(np.arange(12) + 1.0, 10.0)
    np.testing.assert_allclose(doses_seen(records, method=method), expected, rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_a_lagged_dose_precedes_the_observation_at_its_arrival(method):
    # 0.1 + 0.2 is larger than 0.3 by rounding; 1.1 + 2.2 is larger than 3.3.
    for time, lag, arrival in ((0.1, 0.2, 0.3), (1.1, 2.2, 3.3), (0.7, 0.1, 0.8)):
        records = [Record(0.0), dose(time, 1.0), Record(arrival), Record(arrival + 0.01)]
        np.testing.assert_allclose(doses_seen(records, lag, method), [0.0, 1.0, 1.0], rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_explicit_rows_keep_their_order(method):
    records = [
        Record(0.0), dose(1.0, 1.0), Record(1.0), dose(1.0, 1.0), Record(1.0),
        Record(1.0, RESET), Record(1.0), dose(1.0, 5.0), Record(1.0), Record(2.0),
    ]  # fmt: skip
    np.testing.assert_allclose(
        doses_seen(records, method=method), [0.0, 1.0, 2.0, 0.0, 5.0, 5.0], rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("method", METHODS)
def test_an_explicit_dose_after_an_observation_is_not_seen_by_it(method):
    records = [Record(0.0), Record(2.0), dose(2.0, 1.0), Record(2.0), Record(3.0)]
    np.testing.assert_allclose(doses_seen(records, method=method), [0.0, 0.0, 1.0, 1.0], atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_times_one_rounding_apart_neither_lose_nor_double_a_dose(method):
    just_after = np.nextafter(4.0, 5.0)
    records = [
        Record(0.0), dose(4.0, 1.0), Record(4.0), Record(just_after), dose(just_after, 1.0),
        Record(just_after), Record(6.0),
    ]  # fmt: skip
    np.testing.assert_allclose(
        doses_seen(records, method=method), [0.0, 1.0, 1.0, 2.0, 2.0], atol=1e-12
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_reset_cancels_what_is_on_its_way(method):
    records = in_order(
        Record(0.0), dose(0.0, 1.0, interval=2.0, additional=5), Record(3.0),
        Record(3.5, RESET), Record(5.0), Record(20.0),
    )  # fmt: skip
    np.testing.assert_allclose(doses_seen(records, 0.5, method), [0.0, 2.0, 0.0, 0.0], atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_the_clock_may_go_back_at_a_reset(method):
    records = [
        Record(0.0), dose(0.0, 1.0), Record(9.0), Record(0.0, 4, 0, 3.0), Record(0.0), Record(5.0),
    ]  # fmt: skip
    np.testing.assert_allclose(doses_seen(records, method=method), [0.0, 1.0, 3.0, 3.0], atol=1e-12)
