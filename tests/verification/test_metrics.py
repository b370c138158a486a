"""Metrics taken inside the solver against closed forms.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from engine import OTHER, Law, Record, dose, in_order, observe, solve
from scipy.optimize import brentq

pytestmark = pytest.mark.verification

ORAL = Law(
    ("depot", "central"),
    ("ka", "k", "V"),
    lambda t, y, p: [-p.ka * y.depot, p.ka * y.depot - p.k * y.central],
    outputs={"C": lambda t, y, p: y.central / p.V, "log": lambda t, y, p: y.depot - 30.0},
)
KA, K, V, DOSE = 1.1, 0.17, 12.0, 100.0
MAXIMUM, T_MAX, MINIMUM, T_MIN, INTEGRAL, ABOVE, LAST, FIRST_ABOVE = range(8)
METHODS = ("rodas4", "rodas5p", "ros34pw2", "explicit5", "propagator", "auto")
NAN = float("nan")


def bateman(t):
    return DOSE * KA / V / (KA - K) * (np.exp(-K * t) - np.exp(-KA * t))


def bateman_integral(a, b):
    def antiderivative(t):
        return DOSE * KA / V / (KA - K) * (-np.exp(-K * t) / K + np.exp(-KA * t) / KA)

    return antiderivative(b) - antiderivative(a)


def metrics(records, windows, threshold=0.0, method="rodas5p", rtol=1e-8, law=ORAL, values=None):
    stops = [Record(t, OTHER) for t in sorted({t for window in windows for t in window})]
    run = solve(
        law.program(), values or (KA, K, V), in_order(records, stops), method=method, rtol=rtol,
        atol=np.full(len(law.states), 1e-2 * rtol), windows=list(windows),
        thresholds=[threshold] + [0.0] * (len(law.outputs) - 1),
    )  # fmt: skip
    return run.metrics[0, :, 0]


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8, 1e-10])
@pytest.mark.parametrize("method", METHODS)
def test_oral_dose(method, rtol):
    end, threshold = 24.0, 3.0
    m = metrics([dose(0.0, DOSE)], [(0.0, end)], threshold, method, rtol)[0]
    t_max = np.log(KA / K) / (KA - K)
    up = brentq(lambda t: bateman(t) - threshold, 1e-9, t_max, xtol=1e-14)
    down = brentq(lambda t: bateman(t) - threshold, t_max, end, xtol=1e-14)
    bound = 20.0 * rtol + 1e-13
    top = bateman(t_max)
    assert m[MAXIMUM] == pytest.approx(top, rel=bound)
    # The top is flat: an error of rtol in the value moves its time by the square root.
    assert m[T_MAX] == pytest.approx(t_max, abs=20.0 * np.sqrt(rtol))
    assert m[MINIMUM] == pytest.approx(0.0, abs=bound * top)
    assert m[T_MIN] == 0.0
    assert m[INTEGRAL] == pytest.approx(bateman_integral(0.0, end), rel=bound)
    assert m[ABOVE] == pytest.approx(down - up, abs=20.0 * bound)
    assert m[LAST] == pytest.approx(bateman(end), abs=bound * top)
    assert m[FIRST_ABOVE] == pytest.approx(up, abs=20.0 * bound)


@pytest.mark.parametrize("method", METHODS)
def test_windows_cut_where_they_say(method):
    windows = [(1.0, 5.0), (0.25, 0.75), (5.0, 20.0), (2.0, 30.0)]
    found = metrics([dose(0.0, DOSE), Record(40.0)], windows, 4.0, method)
    for (begin, end), m in zip(windows, found, strict=True):
        t_max = min(max(np.log(KA / K) / (KA - K), begin), end)
        assert m[MAXIMUM] == pytest.approx(bateman(t_max), rel=1e-7)
        assert m[MINIMUM] == pytest.approx(min(bateman(begin), bateman(end)), rel=1e-7)
        assert m[T_MIN] == pytest.approx(begin if bateman(begin) < bateman(end) else end, abs=1e-9)
        assert m[INTEGRAL] == pytest.approx(bateman_integral(begin, end), rel=1e-7)
        assert m[LAST] == pytest.approx(bateman(end), rel=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_infusion(method):
    law = Law(("x",), ("k",), lambda t, y, p: [-p.k * y.x], outputs={"x": lambda t, y, p: y.x})
    rate, length, end, k, threshold = 30.0, 2.5, 12.0, 0.4, 20.0
    top = rate / k * (1.0 - np.exp(-k * length))
    m = metrics(
        [dose(0.0, rate * length, rate=rate)], [(0.0, end)], threshold, method, law=law, values=(k,)
    )[0]
    up = -np.log(1.0 - threshold * k / rate) / k
    down = length + np.log(top / threshold) / k
    area = rate / k * (length - (1.0 - np.exp(-k * length)) / k)
    area += top / k * (1.0 - np.exp(-k * (end - length)))
    assert m[MAXIMUM] == pytest.approx(top, rel=1e-8)
    assert m[T_MAX] == pytest.approx(length, abs=1e-12)
    assert m[INTEGRAL] == pytest.approx(area, rel=1e-7)
    assert m[ABOVE] == pytest.approx(down - up, rel=1e-7)
    assert m[FIRST_ABOVE] == pytest.approx(up, rel=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_jumps_belong_to_both_sides(method):
    law = Law(("x",), ("k",), lambda t, y, p: [-p.k * y.x], outputs={"x": lambda t, y, p: y.x})
    records = [dose(1.0, 10.0), dose(5.0, 10.0)]
    m = metrics(records, [(0.0, 9.0), (2.0, 8.0)], 10.0, method, law=law, values=(0.5,))
    trough = 10.0 * np.exp(-2.0)
    assert m[0, MAXIMUM] == pytest.approx(trough + 10.0, rel=1e-7)
    assert m[0, T_MAX] == pytest.approx(5.0, abs=1e-12)
    assert m[0, MINIMUM] == 0.0
    assert m[1, MINIMUM] == pytest.approx(trough, rel=1e-7)
    assert m[1, T_MIN] == pytest.approx(5.0, abs=1e-12)
    assert m[0, INTEGRAL] == pytest.approx(
        20.0 * (1 - np.exp(-2.0)) + (trough + 10.0) * 2.0 * (1 - np.exp(-2.0))
        - 20.0 * (1 - np.exp(-2.0)) + 20.0 * (1 - np.exp(-2.0)), rel=1e-7,
    )  # fmt: skip
    # At 10 from the first dose on an instant only; above again until 10 is reached from the top.
    assert m[0, ABOVE] == pytest.approx(2.0 * np.log((trough + 10.0) / 10.0), rel=1e-6)
    assert m[0, FIRST_ABOVE] == pytest.approx(1.0, abs=1e-12)


def test_observations_do_not_move_metrics():
    plain = metrics([dose(0.0, DOSE)], [(0.0, 24.0)], 3.0)
    observed = metrics([dose(0.0, DOSE), *observe(np.linspace(0.0, 24.0, 501))], [(0.0, 24.0)], 3.0)
    np.testing.assert_allclose(observed, plain, rtol=1e-12, atol=1e-12)


def test_thresholds_never_and_always_reached():
    records = [dose(0.0, DOSE)]
    never = metrics(records, [(0.0, 24.0)], 100.0)[0]
    assert never[ABOVE] == 0.0
    assert np.isnan(never[FIRST_ABOVE])
    always = metrics(records, [(1.0, 9.0)], 1.0)[0]
    assert always[ABOVE] == pytest.approx(8.0, rel=1e-12)
    assert always[FIRST_ABOVE] == pytest.approx(1.0, abs=1e-12)


def test_a_window_without_stops_at_its_edges_is_as_good():
    run = solve(
        ORAL.program(), (KA, K, V), [dose(0.0, DOSE), Record(24.0)], method="rodas5p", rtol=1e-8,
        atol=[1e-10, 1e-10], windows=[(1.3, 7.7)],
    )  # fmt: skip
    m = run.metrics[0, 0, 0]
    assert m[INTEGRAL] == pytest.approx(bateman_integral(1.3, 7.7), rel=1e-7)
    assert m[MINIMUM] == pytest.approx(min(bateman(1.3), bateman(7.7)), rel=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_metrics_of_a_steady_state_repeat(method):
    records = [dose(0.0, DOSE, interval=8.0, additional=5, steady=1), Record(48.0)]
    windows = [(8.0 * k, 8.0 * (k + 1)) for k in range(6)]
    m = metrics(records, windows, 8.0, method, rtol=1e-9)
    # Over one interval at steady state the integral is that of a single dose to infinity.
    np.testing.assert_allclose(m[:, INTEGRAL], DOSE / V / K, rtol=1e-7)
    for k in (MAXIMUM, MINIMUM, ABOVE, LAST):
        np.testing.assert_allclose(m[:, k], m[0, k], rtol=1e-7)
    np.testing.assert_allclose(m[:, T_MAX] - 8.0 * np.arange(6), m[0, T_MAX], atol=1e-4)


@pytest.mark.parametrize("method", ["auto", "rodas4", "rodas5p", "explicit5"])
def test_outputs_that_are_not_linear_in_the_states(method):
    law = Law(
        ("x",), ("k",), lambda t, y, p: [-p.k * y.x],
        outputs={"square": lambda t, y, p: y.x * y.x, "moment": lambda t, y, p: t * y.x},
    )  # fmt: skip
    k, first, end = 0.3, 7.0, 15.0
    run = solve(
        law.program(), (k,), [dose(0.0, first), Record(end)], method=method, rtol=1e-9,
        atol=[1e-11], windows=[(0.0, end)], thresholds=[4.0, 5.0],
    )  # fmt: skip
    square, moment = run.metrics[0, 0]
    assert square[INTEGRAL] == pytest.approx(
        first**2 / (2 * k) * (1 - np.exp(-2 * k * end)), rel=1e-8
    )
    assert square[ABOVE] == pytest.approx(np.log(first / 2.0) / k, rel=1e-7)
    area = first * (1.0 - (1.0 + k * end) * np.exp(-k * end)) / k**2
    assert moment[INTEGRAL] == pytest.approx(area, rel=1e-8)
    assert moment[MAXIMUM] == pytest.approx(first / k * np.exp(-1.0), rel=1e-8)
    assert moment[T_MAX] == pytest.approx(1.0 / k, abs=1e-3)
