"""Compartments that records turn off and on (EVID 2 with a negative compartment number).

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from engine import Law, Record, dose, in_order, observe, solve

pytestmark = pytest.mark.verification

TURN_OFF, TURN_ON = 6, 7
KA, K = 0.9, 0.3
LINEAR = Law(
    ("depot", "central"), ("ka", "k"),
    lambda t, y, p: [-p.ka * y.depot, p.ka * y.depot - p.k * y.central],
)  # fmt: skip
# The same with a switch that is never met, which forbids propagators.
NOT_LINEAR = Law(
    LINEAR.states, LINEAR.parameters,
    lambda t, y, p: [
        -p.ka * y.depot, p.ka * y.depot - p.k * y.central * (1.0 + 0.0 * y.central * y.depot),
    ],
)  # fmt: skip
TIMES = np.arange(0.25, 15.0, 0.5)


def exact(times, off, on):
    """Amount in central: absorbed from 0 to ``off``, empty until ``on``, absorbed again."""

    def grown(t, depot, start=0.0):
        return start * np.exp(-K * t) + depot * KA / (KA - K) * (np.exp(-K * t) - np.exp(-KA * t))

    later = grown(times - on, 100.0 * np.exp(-KA * on))
    return np.where(times < off, grown(times, 100.0), np.where(times < on, 0.0, later))


@pytest.mark.parametrize("method", ["propagator", "rodas4", "rodas5p", "explicit5", "ros34pw2"])
def test_central_is_empty_while_it_is_off(method):
    off, on = 2.0, 5.0
    records = in_order(
        dose(0.0, 100.0), Record(off, TURN_OFF, 1), Record(on, TURN_ON, 1), observe(TIMES)
    )
    for law in (LINEAR, NOT_LINEAR):
        if law is NOT_LINEAR and method == "propagator":
            continue
        values = solve(law.program(), [KA, K], records, method=method, rtol=1e-9).values
        np.testing.assert_allclose(values[:, 0], 100.0 * np.exp(-KA * TIMES), rtol=1e-7, atol=1e-7)
        np.testing.assert_allclose(values[:, 1], exact(TIMES, off, on), rtol=1e-7, atol=1e-7)
        assert not values[(off < TIMES) & (on > TIMES), 1].any()
