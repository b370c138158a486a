"""Random reaction networks with rates over many decades against an independent implicit method.

SPDX-License-Identifier: BSD-3-Clause

Every network has its own sparsity, so the elimination in a fixed order meets many patterns.
"""

from __future__ import annotations

import numpy as np
import pytest
from engine import Law, observe, schedule
from krogh import _core
from scipy.integrate import solve_ivp

pytestmark = pytest.mark.verification

TIMES = np.array([0.0, 0.01, 0.1, 0.5, 1.0, 3.0, 10.0])


def network(seed):
    """Law with mass action, saturable and inhibited steps, inflow and loss of every species."""
    draw = np.random.default_rng(seed)
    count = int(draw.integers(2, 11))
    names = tuple(f"y{i}" for i in range(count))
    steps = []
    for _ in range(int(draw.integers(count, 3 * count))):
        kind = draw.choice(["one", "two", "saturable", "inhibited", "growth"])
        rate = 10.0 ** draw.uniform(-2.0, 4.0)
        steps.append((kind, rate, *draw.integers(0, count, 4), 10.0 ** draw.uniform(-1.0, 1.0)))
    inflow = draw.uniform(0.0, 1.0, count)
    loss = 10.0 ** draw.uniform(-1.0, 1.0, count)

    def law(t, y, p):
        change = [p.one * inflow[i] - loss[i] * y[i] for i in range(count)]
        for kind, rate, a, b, c, d, k in steps:
            if kind == "one":
                flux = rate * y[a]
            elif kind == "two":
                flux = rate * y[a] * y[b]
                change[b] = change[b] - flux
            elif kind == "saturable":
                flux = rate * y[a] / (k + y[a])
            elif kind == "inhibited":
                flux = rate * y[a] / (1.0 + (y[d] / k) ** 2)
            else:  # a positive entry on the diagonal, held by saturation
                flux = -min(rate, 5.0) * y[a] / (1.0 + y[a] * y[a])
            change[a] = change[a] - flux
            change[c] = change[c] + (flux if kind != "growth" else -0.5 * flux)
        return change

    initial = draw.uniform(0.0, 2.0, count)
    return Law(
        names, ("one",), law,
        initial={n: (lambda p, v=v: v) for n, v in zip(names, initial, strict=True)},
    ), initial  # fmt: skip


@pytest.mark.parametrize("seed", range(24))
def test_network(seed):
    law, initial = network(seed)
    reference = solve_ivp(
        lambda t, y: law.derivative(t, y, (1.0,)), (0.0, TIMES[-1]), initial, method="LSODA",
        t_eval=TIMES, rtol=1e-11, atol=1e-13,
    )  # fmt: skip
    assert reference.success
    program = law.program()
    exact = reference.y.T
    scale = np.maximum(np.abs(exact).max(axis=0), 1e-3)
    for method in ("rodas4", "rodas5p", "ros34pw2", "auto"):
        run = _core.simulate_point(
            program, np.array([[1.0]]), schedule([observe(TIMES)]), method=method, rtol=1e-8,
            atol=np.full(len(initial), 1e-11),
        )  # fmt: skip
        assert not run.failures, (method, run.failures)
        assert np.abs((run.values - exact) / scale).max() <= 1e-6, method
