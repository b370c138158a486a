"""All instruction sets of this machine agree beyond what any tolerance asks for.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from engine import dose, in_order, observe, schedule
from krogh import _core
from laws import ABSORBED_TMDD, ABSORBED_TYPICAL, SWITCHING, SWITCHING_TYPICAL

pytestmark = pytest.mark.verification


@pytest.fixture
def each_instruction_set():
    chosen = _core.instruction_set()
    if len(_core.available_instruction_sets()) < 2:
        pytest.skip("this processor or build has one instruction set")

    def run(work):
        found = {}
        for name in _core.available_instruction_sets():
            _core.select_instruction_set(name)
            assert _core.instruction_set() == name
            found[name] = work()
        return found

    yield run
    _core.select_instruction_set(chosen)


def population(typical):
    z = np.random.default_rng(5).standard_normal((40, len(typical)))
    return np.array(typical) * np.exp(0.2 * z)


@pytest.mark.parametrize("method", ["rodas4", "rodas5p", "ros34pw2", "explicit5", "rkc2"])
def test_a_stiff_model(each_instruction_set, method):
    records = in_order(observe(np.arange(0.5, 21.0, 1.3)), dose(0.0, 210.0), dose(7.0, 150.0))

    def work():
        run = _core.simulate_point(
            ABSORBED_TMDD.program(), population(ABSORBED_TYPICAL), schedule([records], True),
            method=method, rtol=1e-8, sensitivities=[("parameter", 5), ("amount", 0)],
        )  # fmt: skip
        assert not run.failures
        return run.values, run.sensitivities

    # The explicit method is held by stability here: from different roundings its steps drift apart,
    # so that the values agree to the tolerance alone.
    bound = 1e-8 if method == "explicit5" else 1e-9
    results = each_instruction_set(work)
    for k in range(2):
        first = next(iter(results.values()))[k]
        scale = np.maximum(np.abs(first).max(axis=1, keepdims=True), 1e-12)
        for name, found in results.items():
            assert np.abs((found[k] - first) / scale).max() < bound, name


@pytest.mark.parametrize("method", ["rodas5p", "explicit5"])
def test_a_model_that_switches(each_instruction_set, method):
    records = in_order(observe(np.arange(0.5, 24.0, 1.3)), dose(0.0, 100.0), dose(10.0, 120.0))

    def work():
        return _core.simulate_point(
            SWITCHING.program(), population(SWITCHING_TYPICAL), schedule([records], True),
            method=method, rtol=1e-9, windows=[(0.0, 24.0)],
        )  # fmt: skip

    results = each_instruction_set(work)
    first = next(iter(results.values()))
    for name, found in results.items():
        np.testing.assert_allclose(found.values, first.values, rtol=1e-9, atol=1e-9, err_msg=name)
        np.testing.assert_allclose(
            found.metrics[..., [0, 2, 4]], first.metrics[..., [0, 2, 4]], rtol=1e-9, err_msg=name
        )
