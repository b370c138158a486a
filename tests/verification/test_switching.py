"""Switching surfaces and events against closed forms: where they fire, how often, what they leave.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from engine import OTHER, SET_PARAMETER, Law, Record, dose, observe, solve, where
from krogh.model import DoseInput, Event, Model, Output, Parameter, Rate, Species

pytestmark = pytest.mark.verification

METHODS = ("rodas4", "rodas5p", "ros34pw2", "explicit5")
TIMES = np.linspace(0.0, 12.0, 97)
RATE = 0.5


def decay(**rest):
    return Law(
        ("x", "count"), ("k", "limit", "gift"), lambda t, y, p: [-p.k * y.x, 0.0 * t], **rest
    )


def refill(direction, sign):
    """x gets a gift when it falls below the limit, and the count goes up."""
    return decay(
        initial={"x": lambda p: 8.0},
        events=(
            (
                lambda t, y, p: sign * (y.x - p.limit),
                direction,
                {"x": lambda t, y, p: y.x + p.gift, "count": lambda t, y, p: y.count + 1.0},
            ),
        ),
    )


def saw_tooth(times, first, limit, gift):
    """Exact x and number of refills."""
    x, count, t, values = first, 0, 0.0, []
    for time in times:
        while x > limit and t + np.log(x / limit) / RATE <= time:
            t += np.log(x / limit) / RATE
            x = limit + gift
            count += 1
        values.append((x * np.exp(-RATE * (time - t)), count))
    return np.array(values)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("direction", "sign"), [(-1, 1.0), (1, -1.0), (0, 1.0)])
def test_refills_at_a_limit(method, direction, sign):
    records = [Record(0.0, OTHER), *observe(TIMES[1:] + 0.017)]
    run = solve(
        refill(direction, sign).program(), (RATE, 2.0, 3.0), records, method=method, rtol=1e-9
    )
    exact = saw_tooth(TIMES[1:] + 0.017, 8.0, 2.0, 3.0)
    assert exact[-1, 1] >= 4
    np.testing.assert_allclose(run.values, exact, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_the_wrong_direction_never_fires(method):
    records = [Record(0.0, OTHER), *observe(TIMES[1:])]
    values = solve(
        refill(1, 1.0).program(), (RATE, 2.0, 3.0), records, method=method, rtol=1e-9
    ).values
    np.testing.assert_allclose(values[:, 0], 8.0 * np.exp(-RATE * TIMES[1:]), rtol=1e-7)
    assert not values[:, 1].any()


@pytest.mark.parametrize("method", METHODS)
def test_doses_and_records_that_jump_over_a_limit_fire_once(method):
    law = decay(
        events=((lambda t, y, p: y.x - p.limit, 1, {"count": lambda t, y, p: y.count + 1.0}),),
    )
    records = [
        Record(0.0), dose(1.0, 5.0), Record(1.0), Record(2.0), dose(2.0, 5.0), Record(2.0),
        Record(6.0), dose(6.0, 0.5), Record(6.0), Record(7.0, SET_PARAMETER, 1, 0.1), Record(7.0),
        dose(8.0, 9.0), Record(8.0), Record(11.0),
    ]  # fmt: skip
    values = solve(law.program(), (RATE, 4.0, 0.0), records, method=method).values
    # 5 > 4 fires; 5 e^-0.5 + 5 > 4 while 5 e^-0.5 < 4 fires again; 0.5 does not; the lower limit
    # does; above it already, the last dose does not.
    np.testing.assert_allclose(values[:, 1], [0, 1, 1, 2, 2, 2, 3, 3, 3])


@pytest.mark.parametrize("method", METHODS)
def test_a_switch_in_time_is_met_exactly(method):
    law = Law(("x",), ("a", "when"), lambda t, y, p: [where(t - p.when, p.a, 0.0)])
    times = np.array([0.0, 1.0, np.pi - 1e-9, np.pi + 1e-6, 4.0, 10.0])
    values = solve(law.program(), (2.0, np.pi), observe(times), method=method).values[:, 0]
    np.testing.assert_allclose(values, 2.0 * np.maximum(times - np.pi, 0.0), atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_a_switch_in_state_changes_the_rate_where_it_should(method):
    # x' = -k x above the limit, -2 k x below.
    law = Law(("x",), ("k", "limit"), lambda t, y, p: [-p.k * y.x * where(y.x - p.limit, 1.0, 2.0)])
    run = solve(
        law.program(), (RATE, 1.0), [dose(0.0, 5.0), *observe(TIMES)], method=method, rtol=1e-10
    )
    cross = np.log(5.0) / RATE
    exact = np.where(
        cross > TIMES, 5.0 * np.exp(-RATE * TIMES), np.exp(-2.0 * RATE * (TIMES - cross))
    )
    np.testing.assert_allclose(run.values[:, 0], exact, rtol=1e-7, atol=1e-10)


def test_events_of_the_language():
    model = Model(
        "refills",
        Parameter("k", "0.5 1/h"),
        Parameter("limit", "2 nmol"),
        Parameter("gift", "3 nmol"),
        Species("x", "nmol"),
        Species("count", "1"),
        Rate("x", "-k*x"),
        Event("refill", when="x < limit", assign={"x": "x + gift", "count": "count + 1"}),
        DoseInput("x"),
        Output("X", "x", unit="nmol"),
        Output("N", "count", unit="1"),
    )
    # The condition holds from the start, where nothing has been given: it only fires when it
    # becomes true.
    times = TIMES[1:] + 0.017
    result = kg.simulate(model, "8 nmol", times=(list(times), "h"), rtol=1e-9)
    exact = saw_tooth(times, 8.0, 2.0, 3.0)
    np.testing.assert_allclose(result["X"].values.ravel(), exact[:, 0], rtol=1e-7)
    np.testing.assert_allclose(result["N"].values.ravel(), exact[:, 1], atol=1e-9)
