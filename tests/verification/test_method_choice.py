"""The automatic choice: per subject, without loss of work, the same whoever else is in the batch.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from engine import Law, dose, exp, in_order, observe, schedule, where
from krogh import _core

pytestmark = pytest.mark.verification

# Binding whose rates scale with k: soft for small k, stiff for large k.
BINDING = Law(
    ("A", "C", "R", "B"),
    ("ka", "ke", "k", "kd"),
    lambda t, y, p: [
        -p.ka * y.A,
        p.ka * y.A - p.ke * y.C - p.k * (y.C * y.R - p.kd * y.B),
        0.2 - 0.1 * y.R - p.k * (y.C * y.R - p.kd * y.B),
        p.k * (y.C * y.R - p.kd * y.B) - 0.1 * y.B,
    ],
    initial={"R": lambda p: 2.0 + 0.0 * p.k},
)
# Soft at first, stiff later: a rate that grows like exp(t), which no look at the start can see.
LATE = Law(
    ("u", "v"),
    ("k", "g"),
    lambda t, y, p: [-0.5 * y.u, p.k * exp(p.g * t) * (y.u * y.u - y.v)],
    initial={"u": lambda p: 1.0 + 0.0 * p.k, "v": lambda p: 0.5 + 0.0 * p.k},
)
RECORDS = in_order([dose(12.0 * i, 5.0) for i in range(4)], observe(np.arange(1.0, 48.5, 1.7)))
IMPLICIT = ("rodas4", "rodas5p")


def run(law, parameters, records=RECORDS, **options):
    parameters = np.ascontiguousarray(np.atleast_2d(parameters), dtype=float)
    options = {"rtol": 1e-6, "num_threads": 1} | options
    result = _core.simulate_point(
        law.program(), parameters, schedule([records], shared=True), **options
    )
    assert not result.failures, result.failures
    return result


def names(result):
    return [_core.METHODS[code] for code in result.methods]


def test_soft_subjects_run_explicitly_and_stiff_ones_implicitly():
    k = np.array([0.05, 3000.0, 0.1, 500.0, 0.02])
    parameters = np.column_stack([np.full(5, 0.4), np.full(5, 0.1), k, np.full(5, 0.3)])
    result = run(BINDING, parameters)
    assert names(result) == ["explicit5", "rodas5p", "explicit5", "rodas5p", "explicit5"]
    assert result.method == "auto"
    assert list(result.stats["switches"]) == [0] * 5
    assert np.all((result.stats["jacobians"] == 0) == (k < 1.0))
    # Where all agree, the call as a whole has that method.
    assert run(BINDING, parameters[[0, 2]]).method == "explicit5"
    assert run(BINDING, parameters[[1, 3]]).method == "rodas5p"
    assert run(BINDING, parameters[[1, 3]], rtol=1e-3).method == "rodas4"


def test_the_choice_of_a_subject_depends_on_no_other():
    rng = np.random.default_rng(5)
    k = np.exp(rng.uniform(np.log(0.01), np.log(1e4), 200))
    parameters = np.column_stack([np.full(200, 0.4), np.full(200, 0.1), k, np.full(200, 0.3)])
    together = run(BINDING, parameters)
    assert {"explicit5", "rodas5p"} == set(names(together))
    order = rng.permutation(200)
    for threads, lanes in ((1, 32), (2, 8), (3, 16)):
        shuffled = run(BINDING, parameters[order], num_threads=threads, lanes=lanes)
        np.testing.assert_array_equal(shuffled.values, together.values[order])
        np.testing.assert_array_equal(shuffled.methods, together.methods[order])
    for subject in (0, 17, 100):
        alone = run(BINDING, parameters[subject])
        np.testing.assert_array_equal(alone.values[0], together.values[subject])


def test_what_turns_stiff_on_the_way_is_handed_over_without_loss():
    records = in_order(observe(np.linspace(0.0, 30.0, 61)))
    parameters = [[0.1, 0.5], [0.1, 0.0], [0.2, 0.45]]
    result = run(LATE, parameters, records)
    assert names(result) == ["rodas5p", "explicit5", "rodas5p"]
    assert list(result.stats["switches"]) == [1, 0, 1]
    exact = run(LATE, parameters, records, method="rodas5p", rtol=1e-11, atol=[1e-14] * 2)
    assert np.abs(result.values - exact.values).max() < 5e-6
    # The explicit part is kept: steps were taken without a Jacobian, the others each with one.
    steps = result.stats["accepted"] + result.stats["rejected"]
    assert np.all(result.stats["jacobians"][[0, 2]] > 0)
    assert np.all(result.stats["jacobians"][[0, 2]] < steps[[0, 2]])
    # The explicit method alone would need 100 times as many steps.
    assert np.all(steps < 2000)
    for threads, lanes, order in ((2, 8, [2, 0, 1]), (1, 16, [1, 2, 0])):
        again = run(LATE, np.array(parameters)[order], records, num_threads=threads, lanes=lanes)
        np.testing.assert_array_equal(again.values, result.values[order])


def test_a_handed_over_subject_keeps_doses_windows_tangents_and_switches():
    law = Law(
        ("A", "u", "v"),
        ("ka", "k", "g"),
        lambda t, y, p: [
            -p.ka * y.A,
            p.ka * y.A - 0.5 * y.u,
            p.k * exp(p.g * t) * (y.u * y.u - y.v) * where(y.u - 0.05, 1.0, 0.5),
        ],
        bioavailability={"A": lambda p: 0.5 + 0.0 * p.ka},
        lag={"A": lambda p: 0.25 + 0.0 * p.ka},
    )
    records = in_order(
        [dose(0.0, 4.0, additional=3, interval=7.0), dose(3.0, 6.0, rate=0.5)],
        observe(np.linspace(0.0, 30.0, 41)),
    )
    parameters = [[1.1, 0.05, 0.6], [0.8, 0.05, 0.55]]
    options = {
        "sensitivities": [("parameter", 0), ("parameter", 2), ("amount", 1)],
        "windows": [(0.0, 14.0), (14.0, 30.0)],
        "thresholds": [0.5, 0.2, 0.1],
    }
    result = run(law, parameters, records, rtol=1e-8, final_states=True, **options)
    assert list(result.stats["switches"]) == [1, 1]
    exact = run(
        law, parameters, records, method="rodas5p", rtol=1e-11, atol=[1e-14] * 3,
        final_states=True, **options,
    )  # fmt: skip
    scale = np.abs(exact.values).max(axis=1, keepdims=True)
    assert np.all(np.abs(result.values - exact.values) <= 1e-6 * scale)
    scale = np.abs(exact.sensitivities).max(axis=1, keepdims=True)
    assert np.all(np.abs(result.sensitivities - exact.sensitivities) <= 1e-5 * scale)
    np.testing.assert_allclose(result.final_states, exact.final_states, rtol=1e-5, atol=1e-9)
    for metric in (0, 2, 4, 5):  # maximum, minimum, integral, time above
        np.testing.assert_allclose(
            result.metrics[..., metric], exact.metrics[..., metric], rtol=1e-5, atol=1e-6
        )


def test_no_explicit_start_where_it_cannot_be():
    steady = in_order([dose(0.0, 5.0, interval=12.0, steady=1)], observe([1.0, 5.0, 11.0]))
    soft = [0.4, 0.1, 0.05, 0.3]
    assert run(BINDING, soft, steady).method == "rodas5p"
    assert run(BINDING, soft, fixed_step=0.25).method in IMPLICIT


def test_the_screen_does_not_depend_on_units():
    """States in units a billion times apart: the spectral radius is the same, so is the choice."""
    unit = 1e9

    def scaled(t, y, p):
        return [
            -p.ka * y.A,
            p.ka * y.A / unit - p.ke * y.C - p.k * (y.C * y.R * unit - p.kd * y.B),
            0.2 / unit - 0.1 * y.R - p.k * (y.C * y.R * unit - p.kd * y.B),
            p.k * (y.C * y.R * unit - p.kd * y.B) - 0.1 * y.B,
        ]

    law = Law(
        BINDING.states, BINDING.parameters, scaled, initial={"R": lambda p: 2.0 / unit + 0.0 * p.k}
    )
    k = np.exp(np.linspace(np.log(0.01), np.log(1e4), 60))
    parameters = np.column_stack([np.full(60, 0.4), np.full(60, 0.1), k, np.full(60, 0.3)])
    plain = run(BINDING, parameters, atol=[1e-9] * 4)
    other = run(law, parameters, atol=[1e-9, *[1e-9 / unit] * 3])
    assert names(plain) == names(other)
