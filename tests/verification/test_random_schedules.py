"""Randomly generated schedules against a slow, plain reference: every tie, lag, train and reset.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from engine import DOSE, RESET, RESET_DOSE, Law, Record, solve
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from slow_reference import Subject

pytestmark = pytest.mark.verification

NAMES = ("k", "ka", "F", "LAG", "D", "R")
ATTRIBUTES = {
    "bioavailability": {"central": lambda p: p.F},
    "lag": {"central": lambda p: p.LAG, "depot": lambda p: 0.5 * p.LAG},
    "duration": {"central": lambda p: p.D, "depot": lambda p: p.D},
    "rate": {"central": lambda p: p.R, "depot": lambda p: p.R},
}
LINEAR = Law(
    ("depot", "central"), NAMES,
    lambda t, y, p: [-p.ka * y.depot, p.ka * y.depot - p.k * y.central], **ATTRIBUTES,
)  # fmt: skip
SATURABLE = Law(
    ("depot", "central"), NAMES,
    lambda t, y, p: [
        -p.ka * y.depot,
        p.ka * y.depot - 80.0 * p.k * y.central / (80.0 + y.central),
    ],
    initial={"central": lambda p: 7.0 * p.F}, **ATTRIBUTES,
)  # fmt: skip

quarter = st.integers(0, 96).map(lambda k: 0.25 * k)


@st.composite
def doses(draw):
    kind = draw(st.sampled_from([DOSE] * 5 + [RESET_DOSE, RESET]))
    time = draw(quarter)
    if kind == RESET:
        return Record(time, RESET)
    target = draw(st.integers(0, 1))
    steady = draw(st.sampled_from([0, 0, 0, 1, 2]))
    if steady and draw(st.integers(0, 5)) == 0:
        rate = draw(st.sampled_from([2.0, 5.0]))
        return Record(time, kind, target, 0.0, rate=rate, steady=steady)
    amount = draw(st.sampled_from([4.0, 10.0, 24.0, 40.0]))
    rate = draw(st.sampled_from([0.0, 0.0, -1.0, -2.0, 8.0, 2.0]))
    interval = draw(st.sampled_from([6.0, 8.0, 12.5]))
    additional = draw(st.integers(0, 3))
    return Record(time, kind, target, amount, rate, interval, additional, steady)


@st.composite
def subjects(draw):
    records = draw(st.lists(doses(), min_size=1, max_size=5))
    records += [Record(t) for t in draw(st.lists(quarter, min_size=1, max_size=8))]
    records += [Record(0.25 * k + 0.11) for k in range(0, 130, 9)]
    records = draw(st.permutations(records))
    records = sorted(records, key=lambda r: r.time)  # stable: ties stay shuffled
    parameters = (
        draw(st.sampled_from([0.9, 1.7])),
        draw(st.sampled_from([1.3, 2.2])),
        draw(st.sampled_from([1.0, 0.5, 0.7])),
        draw(st.sampled_from([0.0, 0.5, 1.25, 7.0, 13.0])),
        draw(st.sampled_from([0.75, 3.0, 14.5])),
        draw(st.sampled_from([3.0, 16.0])),
    )
    return parameters, records


def compare(law, methods, subject, matrix=None):
    parameters, records = subject
    exact = Subject(law, parameters, matrix).solve(records)
    scale = max(np.abs(exact).max(), 1.0)
    program = law.program()
    for method in methods:
        run = solve(program, parameters, records, method=method, rtol=1e-9)
        np.testing.assert_allclose(
            run.values, exact, rtol=0.0, atol=1e-6 * scale, err_msg=f"method {method}"
        )


TIES = (
    (1.7, 2.2, 0.7, 1.25, 3.0, 16.0),
    [
        Record(0.0),
        Record(0.0, DOSE, 1, 10.0, interval=6.0, additional=2),
        Record(0.0),
        Record(1.25),
        Record(7.25),
        Record(7.25, DOSE, 0, 5.0),
        Record(7.25, RESET),
        Record(7.25),
        Record(13.25),
        Record(13.25, RESET_DOSE, 1, 24.0, rate=2.0, interval=6.0, additional=1, steady=2),
        Record(13.25),
        Record(20.0),
    ],
)


few = settings(
    max_examples=80, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


@few
@given(subject=subjects())
@example(subject=TIES)
def test_linear(subject):
    k, ka = subject[0][:2]
    matrix = np.array([[-ka, 0.0], [ka, -k]])
    compare(LINEAR, ("propagator", "rodas5p", "explicit5"), subject, matrix)


@few
@given(subject=subjects())
@example(subject=TIES)
def test_saturable(subject):
    compare(SATURABLE, ("rodas4", "rodas5p", "ros34pw2", "auto"), subject)
