"""Full target-mediated disposition: reference values, conservation of the target, error honesty.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import csv
from collections import defaultdict

import numpy as np
import pytest
from engine import ROSENBROCK, Law, dose, in_order, observe, schedule, solve
from krogh import _core
from laws import ABSORBED_TMDD, ABSORBED_TYPICAL, TMDD, TMDD_PARAMETERS, TMDD_STIFF

pytestmark = pytest.mark.verification

STATES = ("C", "AT", "R", "RC")


@pytest.fixture(scope="module")
def reference(shared_data):
    with (shared_data / "pk" / "tmdd_parameters.csv").open(newline="") as file:
        parameters = {
            row["set"]: [
                float(row[k])
                for k in ("V_L", "kel_1/d", "kpt_1/d", "ktp_1/d", "kon_1/(nM d)", "koff_1/d",
                          "kint_1/d", "kdeg_1/d", "ksyn_nM/d")
            ]
            for row in csv.DictReader(file)
        }  # fmt: skip
    tables = defaultdict(list)
    with (shared_data / "pk" / "tmdd_full_reference.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            key = (row["set"], float(row["C0"]))
            tables[key].append([float(row[k]) for k in ("t", *STATES)])
    return parameters, {key: np.array(rows) for key, rows in tables.items()}


CASES = [
    *(("mrgsolve_tmdd", c) for c in (10.0, 100.0, 1000.0)),
    *(("mAb_stiff", c) for c in (5.0, 50.0, 500.0, 5000.0)),
]


@pytest.mark.parametrize("method", ["rodas4", "rodas5p", "auto"])
@pytest.mark.parametrize(("name", "first"), CASES)
def test_reference_values_at_1e_8(reference, name, first, method):
    parameters, tables = reference
    assert set(tables) == set(CASES)
    table = tables[name, first]
    records = [dose(0.0, first), *observe(table[:, 0])]
    run = solve(
        TMDD.program(), parameters[name], records, method=method, rtol=1e-8, atol=np.full(4, 1e-11)
    )
    error = np.abs(run.values - table[:, 1:]).max(axis=0) / np.abs(table[:, 1:]).max(axis=0)
    assert error.max() <= 1e-6, dict(zip(STATES, error, strict=True))


@pytest.mark.parametrize("method", [*ROSENBROCK, "rkc2"])
def test_total_target_is_constant_when_the_complex_leaves_as_the_target_does(method):
    parameters = list(TMDD_STIFF)
    parameters[TMDD_PARAMETERS.index("kdeg")] = parameters[TMDD_PARAMETERS.index("kint")] = 0.7
    total = Law(
        TMDD.states, TMDD.parameters, TMDD.law, TMDD.initial,
        outputs={"total": lambda t, y, p: y.R + y.RC},
    )  # fmt: skip
    records = in_order(dose(0.0, 100.0), dose(5.0, 40.0), observe(np.linspace(0.0, 20.0, 81)))
    run = solve(total.program(), parameters, records, method=method, rtol=1e-5)
    np.testing.assert_allclose(run.values[:, 0], 10.0 / 0.7, rtol=1e-12)


def patients(count):
    """Typical values times exp(0.3 z), as in pk/tmdd_bench.md."""
    z = np.random.default_rng(11).standard_normal((count, len(ABSORBED_TYPICAL)))
    return np.array(ABSORBED_TYPICAL) * np.exp(0.3 * z)


@pytest.fixture(scope="module")
def honest_reference():
    values = weekly(patients(64), 1e-12, "rodas5p")
    # The reference itself: a method of another order at nearly its tolerance.
    other = weekly(patients(4), 1e-11, "rodas4")
    assert worst(other, values[:4]).max() < 1e-9
    return values


def weekly(parameters, rtol, method):
    records = in_order(
        observe(np.arange(1.0, 85.0)), *(dose(7.0 * k, 210.0) for k in range(12))
    )  # fmt: skip
    run = _core.simulate_point(
        ABSORBED_TMDD.program(), parameters, schedule([records], shared=True),
        rtol=rtol, atol=np.full(5, 1e-3 * rtol), method=method,
    )  # fmt: skip
    assert not run.failures
    return run.values


def worst(values, exact):
    deviation = np.abs(values - exact).max(axis=1)
    return (deviation / np.abs(exact).max(axis=1)).max(axis=1)


# Largest error over rtol of 64 patients at the three tolerances, measured: rodas4 1.2, 1.5, 4.6;
# rodas5p 2.0, 1.7, 0.6; ros34pw2 1.5, 2.7, 1.0 (medians between 0.2 and 1.0).
LARGEST_FACTOR = {"rodas4": 6.0, "rodas5p": 4.0, "ros34pw2": 4.0, "auto": 4.0}


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("method", ["rodas4", "rodas5p", "ros34pw2", "auto"])
def test_achieved_error_follows_the_tolerance(honest_reference, method, rtol):
    error = worst(weekly(patients(64), rtol, method), honest_reference) / rtol
    # The lower bound catches a tolerance that is tightened in secret.
    assert np.median(error) > 1e-3
    assert error.max() <= LARGEST_FACTOR[method], (np.median(error), error.max())
