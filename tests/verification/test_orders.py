"""Observed orders of all methods by steps of fixed size on nonlinear problems with time in them.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from engine import Law, cos, exp, in_order, observe, schedule, sin
from krogh import _core

pytestmark = pytest.mark.verification

ORDERS = {"rodas4": 4, "rodas5p": 5, "ros34pw2": 3, "rkc2": 2, "explicit5": 5}
END = 2.0

# Predator and prey with a seasonal supply: nonlinear, time-dependent, not stiff.
SEASONS = Law(
    ("u", "v"),
    ("a", "b"),
    lambda t, y, p: [
        p.a * y.u - y.u * y.v + 0.5 * sin(2.0 * t),
        -p.b * y.v + y.u * y.v + 0.3 * cos(t) * exp(-0.1 * t),
    ],
    initial={"u": lambda p: 1.0 + 0.0 * p.a, "v": lambda p: 0.7 * p.b},
)
# Several subjects and many times inside the steps, so that no error vanishes by accident.
SUBJECTS = np.array([[0.5 + 0.13 * k, 1.4 - 0.11 * k] for k in range(8)])
TIMES = np.append(END * (np.arange(40) + 0.31) / 40.5, END)
RECORDS = [in_order(observe([0.0]), observe(TIMES))]


def run(law, parameters, method, h, **options):
    """All subjects; values (subjects, observations, outputs)."""
    records = schedule(RECORDS, shared=True)
    result = _core.simulate_point(
        law.program(), np.atleast_2d(parameters), records, method=method, fixed_step=h, **options
    )
    assert not result.failures
    return result


def reference(law, parameters, **options):
    return run(law, parameters, "rodas5p", 0.0, rtol=1e-13, atol=[1e-15] * 2, **options)


def slope(errors, steps):
    """Order by regression over the step sizes."""
    return np.polyfit(np.log(steps), np.log(errors), 1)[0]


def observed(method, exact, values):
    """Orders at the end of the run and inside its steps."""
    counts = {5: (16, 32, 64), 4: (32, 64, 128), 3: (64, 128, 256), 2: (64, 128, 256)}
    steps = [END / k for k in counts[ORDERS[method]]]
    deviations = [np.abs(values(h) - exact) for h in steps]
    end = [d[:, -1].max() for d in deviations]
    inside = [d[:, 1:-1].max() for d in deviations]
    return slope(end, steps), slope(inside, steps)


def check(method, end, inside):
    """Two-sided, but for the end of a run of Tsit5, whose leading errors cancel over the steps.

    Its weights of the trees of order 6 come in pairs of opposite sign (quadrature against its
    adjoint), so the h^5 term of the global error is a difference between end and start and small.
    """
    order = ORDERS[method]
    assert abs(inside - order) < 0.2
    assert order - 0.2 < end < (order + 1.2 if method == "explicit5" else order + 0.25)


@pytest.mark.parametrize("method", ORDERS)
def test_states(method):
    exact = reference(SEASONS, SUBJECTS).values
    check(method, *observed(method, exact, lambda h: run(SEASONS, SUBJECTS, method, h).values))


@pytest.mark.parametrize("method", ORDERS)
def test_tangents(method):
    """Sensitivities have the method's order: the Jacobian of the augmented system is exact."""
    wanted = {"sensitivities": [("parameter", 0), ("parameter", 1), ("initial", 0)]}
    exact = reference(SEASONS, SUBJECTS, **wanted).sensitivities
    check(
        method,
        *observed(
            method, exact, lambda h: run(SEASONS, SUBJECTS, method, h, **wanted).sensitivities
        ),
    )


@pytest.mark.parametrize("method", ORDERS)
def test_one_step(method):
    """The error of a single step goes like the step to the power order + 1."""
    steps = [0.1, 0.05, 0.025] if ORDERS[method] == 5 else [0.03, 0.015, 0.0075]

    def after(h, **options):
        records = schedule([in_order(observe([0.8]), observe([0.8 + h]))], shared=True)
        result = _core.simulate_point(SEASONS.program(), SUBJECTS, records, **options)
        return result.values[:, -1]

    errors = [
        np.abs(
            after(h, method=method, fixed_step=h)
            - after(h, method="rodas5p", rtol=1e-13, atol=[1e-16] * 2)
        ).max()
        for h in steps
    ]
    assert abs(slope(errors, steps) - (ORDERS[method] + 1)) < 0.2


def test_rkc2_with_many_stages():
    """Order 2 in u where v is fast: the number of stages follows the spectral radius."""
    stiff = Law(
        ("u", "v"),
        ("k",),
        lambda t, y, p: [-y.u * y.v + cos(t), p.k * (sin(t) + 1.5 - y.v) + 0.1 * y.u],
        initial={"u": lambda p: 1.0 + 0.0 * p.k, "v": lambda p: 1.5 + 0.0 * p.k},
    )
    exact = reference(stiff, [2000.0]).values
    stages = []

    def values(h):
        result = run(stiff, [2000.0], "rkc2", h)
        stages.append(result.stats["rhs_evaluations"][0] * h / END)
        return result.values

    steps = [END / k for k in (16, 32, 64, 128)]
    errors = [np.abs(values(h) - exact)[0, -1, 0] for h in steps]
    assert abs(slope(errors, steps) - 2.0) < 0.2, errors
    expected = [2 + np.ceil(np.sqrt(1.54 * h * 2000.0 + 1.0)) for h in steps]
    np.testing.assert_allclose(stages, expected, atol=1.0)


@pytest.mark.parametrize("method", ORDERS)
def test_every_method_runs_what_it_says(method):
    result = run(SEASONS, SUBJECTS, method, 0.0, rtol=1e-6)
    assert result.method == method
    stats = result.stats
    attempts = stats["accepted"] + stats["rejected"]
    per_step = {"rodas4": 6, "rodas5p": 8, "ros34pw2": 4, "explicit5": 6}
    if method in per_step:
        # The explicit method takes its first slope from the step before, but for the first one.
        extra = 1 if method == "explicit5" else 0
        assert np.all(stats["rhs_evaluations"] == per_step[method] * attempts + extra)
    else:
        assert np.all(stats["rhs_evaluations"] >= 3 * attempts)
    assert np.all(stats["jacobians"] == (0 if method == "explicit5" else attempts))


@pytest.mark.parametrize("method", ORDERS)
@pytest.mark.parametrize("rtol", [1e-4, 1e-7])
def test_error_follows_the_tolerance(method, rtol):
    """Global error like rtol^(p/(q+1)), q the order of the estimate: 1 but for RKC2, where 2/3."""
    exact = reference(SEASONS, SUBJECTS).values
    error = np.abs(run(SEASONS, SUBJECTS, method, 0.0, rtol=rtol).values - exact).max()
    assert error < (3.0 * rtol ** (2.0 / 3.0) if method == "rkc2" else 30.0 * rtol)
