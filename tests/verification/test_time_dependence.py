"""Laws that depend on time: stiff tracking of a known solution, tables, clocks that start anywhere.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from itertools import pairwise

import krogh as kg
import numpy as np
import pytest
from engine import Law, Record, cos, dose, in_order, observe, schedule, sin, solve
from krogh import _core
from krogh.model import Model, Rate, Species, Table
from scipy.interpolate import PchipInterpolator

pytestmark = pytest.mark.verification

TIMES = np.linspace(0.0, 20.0, 81)
# Prothero and Robinson 1974 (doi:10.1090/S0025-5718-1974-0331793-2): y = cos t for every rate.
TRACKING = Law(
    ("y",), ("rate",), lambda t, y, p: [-p.rate * (y.y - cos(t)) - sin(t)],
    initial={"y": lambda p: 1.0},
)  # fmt: skip


@pytest.mark.parametrize("rtol", [1e-4, 1e-7])
@pytest.mark.parametrize("rate", [1.0, 1e3, 1e6, 1e9])
@pytest.mark.parametrize("method", ["rodas4", "rodas5p", "ros34pw2", "auto"])
def test_a_fast_state_follows_its_target(method, rate, rtol):
    run = solve(
        TRACKING.program(), [rate], observe(TIMES), method=method, rtol=rtol, atol=[0.1 * rtol]
    )
    # Measured: at most 0.9 rtol.
    assert np.abs(run.values[:, 0] - np.cos(TIMES)).max() <= 2.0 * rtol


@pytest.mark.parametrize("kind", ["linear", "pchip", "step"])
@pytest.mark.parametrize("method", ["auto", "rodas4", "rodas5p", "explicit5"])
def test_a_table_of_time_is_integrated_across_its_knots(method, kind):
    x = [0.0, 1.0, 1.6, 4.0, 7.0, 20.0]
    y = [0.0, 3.0, 1.0, 2.0, 2.0, -1.0]
    model = Model(
        "table",
        Table("supply", x=x, y=y, x_unit="h", y_unit="nM/h", kind=kind),
        Species("X", "nM"),
        Rate("X", "supply(t)"),
    )
    result = kg.simulate(
        model, times=(list(TIMES), "h"), method=method, rtol=1e-8, atol="1e-8 nM", metrics=False
    )
    if kind == "linear":
        function = lambda t: np.interp(t, x, y)  # noqa: E731
    elif kind == "step":
        function = lambda t: np.array(y)[np.searchsorted(x, t, side="right") - 1]  # noqa: E731
    else:
        function = PchipInterpolator(x, y)
    # Exact integral of the piecewise polynomial: Gauss points between all knots and times.
    knots = np.union1d(TIMES, x)
    nodes, weights = np.polynomial.legendre.leggauss(4)
    exact = [0.0]
    for a, b in pairwise(knots):
        points = 0.5 * (a + b) + 0.5 * (b - a) * nodes
        exact.append(exact[-1] + 0.5 * (b - a) * np.dot(weights, function(points)))
    exact = np.array(exact)[np.searchsorted(knots, TIMES)]
    # A step table is a chain of switches, met exactly; across other knots the tolerance holds.
    bound = 1e-12 if kind == "step" else 10.0 * 1e-8
    assert np.abs(result["X"].values.ravel() - exact).max() <= bound * exact.max()


SATURABLE = Law(
    ("x",), ("V", "K"), lambda t, y, p: [-p.V * y.x / (p.K + y.x)], initial={"x": lambda p: 3.0}
)


@pytest.mark.parametrize("method", ["rodas4", "rodas5p", "explicit5"])
@pytest.mark.parametrize("start", [-7.0, 2.0**20, -(2.0**16)])
def test_the_clock_may_start_anywhere(method, start):
    def records(begin):
        return in_order(
            dose(begin, 10.0, interval=4.0, additional=3), dose(begin + 1.0, 8.0, rate=3.0),
            observe(begin + 0.25 * np.arange(80)),
        )  # fmt: skip

    program = SATURABLE.program()
    here = solve(program, [4.0, 2.0], records(0.0), method=method, rtol=1e-9).values
    there = solve(program, [4.0, 2.0], records(start), method=method, rtol=1e-9).values
    np.testing.assert_allclose(there, here, atol=1e-7)


def test_limits_on_steps_are_kept():
    program = SATURABLE.program()
    records = schedule([[Record(0.0), Record(8.0)]])
    free = _core.simulate_point(program, np.array([[4.0, 2.0]]), records, method="rodas5p")
    held = _core.simulate_point(
        program, np.array([[4.0, 2.0]]), records, method="rodas5p", max_step=0.01
    )
    assert free.stats["accepted"][0] < 100
    assert 800 <= held.stats["accepted"][0] <= 803
    np.testing.assert_allclose(held.values, free.values, atol=1e-5)
