"""Numerical failures: named, with species and time, for their own subject alone, never half way.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from engine import Law, Record, dose, exp, in_order, log, observe, schedule, sqrt, where
from krogh import _core
from laws import MICHAELIS, MICHAELIS_PARAMETERS

pytestmark = pytest.mark.verification

SUCCESS, STOPPED, MAX_STEPS, TOO_SMALL, NOT_FINITE, LINEAR_SOLVE, STEADY = range(7)
TIMES = np.linspace(0.0, 4.0, 9)
COUNT = 37
BAD = (3, 20, 36)  # subjects that fail; the others may not notice


def population(law, good, bad, **options):
    """One program, many subjects, three of which have parameters that break the law."""
    parameters = np.tile(np.array(good, dtype=float), (COUNT, 1))
    for i in BAD:
        parameters[i] = bad
    options = {"method": "rodas5p", "num_threads": 2, **options}
    records = options.pop("records", observe(TIMES))
    options.setdefault("windows", [(0.0, 4.0)])
    run = _core.simulate_point(
        law.program(), parameters, schedule([records], True), final_states=True, **options
    )
    alone = _core.simulate_point(
        law.program(), parameters[:1], schedule([records], True), final_states=True, **options
    )
    assert not alone.failures
    good_ones = [i for i in range(COUNT) if i not in BAD]
    for i in good_ones:
        assert run.values[i].tobytes() == alone.values[0].tobytes()
        assert run.metrics[i].tobytes() == alone.metrics[0].tobytes()
    assert np.all(np.isnan(run.values[list(BAD)]))
    assert np.all(np.isnan(run.metrics[list(BAD)]))
    assert np.all(np.isnan(run.final_states[list(BAD)]))
    assert [f[0] for f in run.failures] == list(BAD)
    assert [int(s) for s in run.status] == [
        run.failures[0][1] if i in BAD else SUCCESS for i in range(COUNT)
    ]
    return run.failures[0]


def one_more(derivative):
    """State x that breaks something, beside a harmless one in front of it."""
    return Law(
        ("calm", "x"), ("a", "b"), lambda t, y, p: [-y.calm, derivative(t, y, p)],
        initial={"calm": lambda p: 1.0, "x": lambda p: 1.0},
    )  # fmt: skip


# (law of x, good parameters, bad ones, cause, when it happens at the latest)
BREAKING = {
    "overflow": (
        lambda t, y, p: exp(p.a * y.x) - y.x, (-1.0, 0.0), (800.0, 0.0), "overflow", 0.0,
    ),
    "finite escape": (
        # x' = a x^2, x(0) = 1: infinite at t = 1/a.
        lambda t, y, p: p.a * y.x * y.x, (0.1, 0.0), (0.5, 0.0), None, 2.0,
    ),
    "division by zero": (
        lambda t, y, p: y.x / p.b - p.a * y.x, (1.0, 2.0), (1.0, 0.0), "division by zero", 0.0,
    ),
    "division by a state that is zero": (
        lambda t, y, p: p.b / (y.x - 1.0 + p.a), (1.0, 1.0), (0.0, 1.0), "division by zero", 0.0,
    ),
    "logarithm": (
        # x falls by 1 per unit of time and meets zero at t = 1.
        lambda t, y, p: p.b * log(y.x) - p.a, (0.0, -1.0), (1.0, 1.0), "logarithm", 1.0,
    ),
    "logarithm of a negative number": (
        lambda t, y, p: log(p.a) - y.x, (1.0, 0.0), (-1.0, 0.0), "logarithm", 0.0,
    ),
    "square root": (
        lambda t, y, p: sqrt(p.a) - y.x, (1.0, 0.0), (-1.0, 0.0), "square root", 0.0,
    ),
    "power": (
        lambda t, y, p: (y.x + p.a) ** p.b - y.x, (1.0, 0.7), (-3.0, 0.7), "power", 0.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("method", ["rodas4", "rodas5p", "ros34pw2", "explicit5", "rkc2"])
@pytest.mark.parametrize("name", BREAKING)
def test_breaking_laws(name, method):
    derivative, good, bad, cause, latest = BREAKING[name]
    _, status, _, time, state, found = population(one_more(derivative), good, bad, method=method)
    assert status in (NOT_FINITE, TOO_SMALL)
    assert state == 1 or cause is None
    assert 0.0 <= time <= latest + 1e-3
    if cause is not None:
        assert cause in found
    if name == "finite escape":
        assert time == pytest.approx(2.0, rel=1e-3)


def test_table_range():
    graph = _core.Graph()
    state, span = graph.state(0), graph.parameter(0)
    clock = graph.binary("mul", graph.time(), span)
    value = graph.table([0.0, 1.0, 4.0], [0.0, 2.0, 3.0], "linear", clock)
    program = _core.Program(
        graph, ["x"], ["span"], derivatives=[graph.binary("sub", value, state)],
        initial=[graph.constant(0.0)], outputs=[state], names_outputs=["x"],
    )  # fmt: skip
    run = _core.simulate_point(
        program, np.array([[1.0], [2.0]]), schedule([observe(TIMES)], True), method="rodas5p"
    )
    assert list(run.status) == [SUCCESS, NOT_FINITE]
    (subject, _, _, time, state, cause) = run.failures[0]
    assert (subject, state) == (1, 0)
    assert "range of a table" in cause
    assert 1.9 < time <= 2.0
    assert np.all(np.isfinite(run.values[0]))


def test_a_parameter_that_is_not_finite_is_refused_before_anything_runs():
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="parameter 'VM' of subject 0 is not finite"):
            _core.simulate_point(
                MICHAELIS.program(), np.array([[1.0, bad, 1.0, 1.0, 0.0, 1.0, 1.0]]),
                schedule([observe(TIMES)]),
            )  # fmt: skip


def test_max_steps():
    law = one_more(lambda t, y, p: p.a * (p.b - y.x))
    oscillating = Law(
        law.states, law.parameters,
        lambda t, y, p: [-p.a * (y.x - 1.0), p.a * y.calm], initial=law.initial,
    )  # fmt: skip
    _, status, sentence, time, _, _ = population(oscillating, (1.0, 0.0), (1e5, 0.0), max_steps=400)
    assert status == MAX_STEPS
    assert "steps" in sentence
    assert 0.0 < time < 4.0


def test_sliding_along_a_surface():
    # x falls above zero and rises below: it reaches zero and can go nowhere.
    law = one_more(lambda t, y, p: where(y.x - p.b, -1.0, p.a))
    _, status, _, time, _, cause = population(law, (-1.0, 0.5), (1.0, 0.5))
    assert status == NOT_FINITE
    assert "slides along a switching surface" in cause
    assert time == pytest.approx(0.5, abs=1e-8)


def test_events_that_set_each_other_off():
    law = Law(
        ("calm", "x"), ("a", "b"), lambda t, y, p: [-y.calm, 1.0 + 0.0 * y.x],
        initial={"calm": lambda p: 1.0},
        events=(
            (lambda t, y, p: y.x - 1.0, 1, {"x": lambda t, y, p: p.a * y.x - 3.0}),
            (lambda t, y, p: -y.x - 1.0, 1, {"x": lambda t, y, p: p.b + 2.0}),
        ),
    )  # fmt: skip
    _, status, _, time, _, cause = population(law, (1.5, -1.5), (0.5, 0.0))
    assert status == NOT_FINITE
    assert "without end" in cause
    assert time == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("method", ["rodas4", "rodas5p"])
@pytest.mark.parametrize("rate", [0.0, 40.0])
@pytest.mark.parametrize("excess", [1.0, 1.02, 3.0])
def test_input_at_or_above_the_elimination_capacity(excess, rate, method):
    values = {"KA": 1.0, "VM": 15.0, "KM": 300.0, "F": 1.0, "LAG": 0.0, "D": 1.0, "R": 1.0}
    good = [values[k] for k in MICHAELIS_PARAMETERS]
    # 100 every 12: capacity 100/12.
    bad = [{**values, "VM": 100.0 / 12.0 / excess}[k] for k in MICHAELIS_PARAMETERS]
    records = in_order(
        dose(0.0, 100.0, int(rate > 0), rate=rate, interval=12.0, steady=1), observe(TIMES)
    )
    _, status, _, time, state, cause = population(
        MICHAELIS, good, bad, records=records, method=method
    )
    assert status == STEADY
    assert time == 0.0
    assert state == int(rate > 0)
    assert "capacity" in cause


def test_constant_infusion_above_capacity():
    values = {"KA": 1.0, "VM": 15.0, "KM": 300.0, "F": 1.0, "LAG": 0.0, "D": 1.0, "R": 1.0}
    good = [values[k] for k in MICHAELIS_PARAMETERS]
    bad = [{**values, "VM": 9.9}[k] for k in MICHAELIS_PARAMETERS]
    records = in_order(dose(0.0, 0.0, 1, rate=10.0, steady=1), observe(TIMES))
    _, status, *_ = population(MICHAELIS, good, bad, records=records)
    assert status == STEADY


def test_a_steady_state_without_elimination():
    law = Law(("x",), ("k",), lambda t, y, p: [-p.k * y.x])
    records = in_order(dose(0.0, 10.0, interval=6.0, steady=1), observe(TIMES))
    for method in ("propagator", "rodas5p"):
        run = _core.simulate_point(
            law.program(), np.array([[0.3], [0.0], [0.2]]), schedule([records], True), method=method
        )
        assert list(run.status) == [SUCCESS, STEADY, SUCCESS], method
        assert np.all(np.isnan(run.values[1]))
        exact = 10.0 * np.exp(-0.3 * TIMES) / (1.0 - np.exp(-1.8))
        np.testing.assert_allclose(run.values[0, :, 0], exact, rtol=1e-5)


def test_dose_attributes_that_make_no_sense_fail_by_name():
    base = {"KA": 1.0, "VM": 15.0, "KM": 300.0, "F": 1.0, "LAG": 0.0, "D": 2.0, "R": 10.0}
    cases = [
        ({"F": -0.1}, dose(1.0, 10.0), "bioavailability"),
        ({"LAG": -1.0}, dose(1.0, 10.0), "lag"),
        ({"D": 0.0}, dose(1.0, 10.0, 1, rate=-2.0), "duration"),
        ({"R": -3.0}, dose(1.0, 10.0, 1, rate=-1.0), "rate"),
    ]
    for change, record, word in cases:
        good = [base[k] for k in MICHAELIS_PARAMETERS]
        bad = [{**base, **change}[k] for k in MICHAELIS_PARAMETERS]
        _, _, _, time, state, cause = population(
            MICHAELIS, good, bad, records=in_order(record, observe(TIMES))
        )
        assert word in cause
        assert time == 1.0
        assert state == record.target


@pytest.mark.parametrize("num_threads", [1, 2])
def test_the_batch_may_stop_at_the_first_failure(num_threads):
    law = one_more(lambda t, y, p: y.x / p.b - p.a * y.x)
    parameters = np.tile([1.0, 2.0], (5000, 1))
    parameters[40] = (1.0, 0.0)
    run = _core.simulate_point(
        law.program(), parameters, schedule([observe(TIMES)], True), stop_on_failure=True,
        num_threads=num_threads, method="rodas5p",
    )  # fmt: skip
    assert run.failures[0][0] == 40
    assert STOPPED in set(run.status.tolist())
    assert np.all(np.isnan(run.values[run.status != SUCCESS]))
    assert np.all(np.isfinite(run.values[run.status == SUCCESS]))


def test_cancelled_by_the_progress_hook():
    parameters = np.tile([1.0, 300.0], (200_000, 1))
    law = one_more(lambda t, y, p: y.calm * y.x / p.b - p.a * y.x * y.x)
    seen = []

    def hook(done, total, elapsed):
        seen.append((done, total, elapsed))
        return done < 0

    run = _core.simulate_point(
        law.program(), parameters, schedule([observe(TIMES)], True), progress=hook, num_threads=2
    )
    assert len(seen) == 1
    assert seen[0][1] == 200_000
    statuses = set(run.status.tolist())
    assert statuses <= {SUCCESS, STOPPED}
    assert STOPPED in statuses
    assert np.all(np.isnan(run.values[run.status == STOPPED]))
    assert not run.failures


def test_records_without_observations_and_empty_subjects():
    law = one_more(lambda t, y, p: -p.a * y.x)
    run = _core.simulate_point(
        law.program(), np.ones((3, 2)), schedule([[], [Record(0.0)], [dose(1.0, 2.0)]])
    )
    assert list(run.status) == [0, 0, 0]
    assert run.values.shape == (1, 2)
