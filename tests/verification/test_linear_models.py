"""Linear compartment models to 1e-12 by propagators, and the transit input by quadrature of itself.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import csv
from collections import defaultdict

import krogh as kg
import numpy as np
import pytest
from engine import Law, dose, exp, in_order, lgamma, log, observe, solve, where
from krogh.model import systemic
from scipy.special import gammainc

pytestmark = pytest.mark.verification

# case: (compartments, CL, V, (Q, V2), (Q3, V3), ka, rate, interval); the dose is 100 everywhere.
CASES = {
    "1cpt_bolus CL1 V20 D100": (1.0, 20.0, (), None, 0.0, 0.0),
    "1cpt_oral CL1 V20 ka1.3 D100": (1.0, 20.0, (), 1.3, 0.0, 0.0),
    "1cpt_oral_degenerate ka=k=0.05 V20 D100": (1.0, 20.0, (), 0.05, 0.0, 0.0),
    "2cpt_infusion CL1 V10 Q4 V2 200 D100 10h": (1.0, 10.0, ((4.0, 200.0),), None, 10.0, 0.0),
    "2cpt_infusion_SS tau24 same": (1.0, 10.0, ((4.0, 200.0),), None, 10.0, 24.0),
    "2cpt_oral_SS ka1.3 tau24 D100": (1.0, 10.0, ((4.0, 200.0),), 1.3, 0.0, 24.0),
    "3cpt_bolus CL1 V10 Q4 V2 200 Q3 1 V3 50 D100": (
        1.0, 10.0, ((4.0, 200.0), (1.0, 50.0)), None, 0.0, 0.0,
    ),
    "1cpt_oral_slow_SS CL.1 V50 ka1 II12 D100": (0.1, 50.0, (), 1.0, 0.0, 12.0),
}  # fmt: skip
TRANSIT = "savic_transit n5.2 MTT2 ka.8 ke.2 V10 D100"


def compartments(peripherals, is_oral):
    """Central amount, peripheral amounts, and a depot (last) where the dose is oral."""
    count = len(peripherals)
    depot = ("depot",) if is_oral else ()
    states = ("central", *(f"peripheral{i}" for i in range(count)), *depot)
    names = ("CL", "V", *(f"{n}{i}" for i in range(count) for n in "QW"), "ka")

    def law(t, y, p):
        c = y.central / p.V
        flows = [p[2 + 2 * i] * (c - y[1 + i] / p[3 + 2 * i]) for i in range(count)]
        central = -p.CL * c
        for flow in flows:
            central = central - flow
        if not is_oral:
            return [central, *flows]
        return [central + p.ka * y.depot, *flows, -p.ka * y.depot]

    return Law(states, names, law, outputs={"C": lambda t, y, p: y.central / p.V})


@pytest.fixture(scope="module")
def reference(shared_data):
    table = defaultdict(list)
    with (shared_data / "pk" / "linear_reference.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            table[row["case"]].append((float(row["t"]), float(row["C"])))
    assert set(table) == {*CASES, TRANSIT}
    return {case: np.array(rows).T for case, rows in table.items()}


def run(case, times, **options):
    clearance, volume, peripherals, ka, rate, interval = CASES[case]
    law = compartments(peripherals, ka is not None)
    target = len(law.states) - 1 if ka is not None else 0
    values = [clearance, volume, *(v for pair in peripherals for v in pair), ka or 0.0]
    first = dose(0.0, 100.0, target, rate=rate, interval=interval, steady=int(interval > 0.0))
    # The steady-state profile repeats: the value at the end of the interval precedes the next dose.
    return solve(law.program(), values, in_order(first, observe(times)), **options).values[:, 0]


@pytest.mark.parametrize("case", CASES)
def test_propagators_reach_round_off(reference, case):
    times, exact = reference[case]
    values = run(case, times, method="propagator")
    np.testing.assert_allclose(values, exact, rtol=1e-12)


@pytest.mark.parametrize("method", ["rodas4", "rodas5p"])
@pytest.mark.parametrize("case", CASES)
def test_integrators_follow(reference, case, method):
    times, exact = reference[case]
    values = run(
        case,
        times,
        method=method,
        rtol=1e-10,
        atol=np.full(len(CASES[case][2]) + 1 + (CASES[case][3] is not None), 1e-9),
    )
    np.testing.assert_allclose(values, exact, rtol=1e-8)


def transit():
    """Savic's transit input (J Pharmacokinet Pharmacodyn 2007, 34:711, equation 6)."""

    def law(t, y, p):
        ktr = (p.n + 1.0) / p.MTT
        x = ktr * t
        # (ktr t)^n through the logarithm; before the dose and at it the input is zero.
        safe = where(x, x, 1.0)
        density = ktr * exp(p.n * log(safe) - x - lgamma(p.n + 1.0))
        return [
            where(x, p.D * density, 0.0) - p.ka * y.depot,
            p.ka * y.depot - p.ke * y.central,
        ]

    return Law(
        ("depot", "central"),
        ("n", "MTT", "ka", "ke", "V", "D"),
        law,
        outputs={"C": lambda t, y, p: y.central / p.V},
    )


TRANSIT_VALUES = (5.2, 2.0, 0.8, 0.2, 10.0, 100.0)


def transit_exactly(times):
    """Two convolutions of the gamma density with exponentials: incomplete gamma functions."""
    n, mtt, ka, ke, volume, amount = TRANSIT_VALUES
    ktr = (n + 1.0) / mtt

    def convolved(rate):
        weight = (ktr / (ktr - rate)) ** (n + 1.0)
        return weight * np.exp(-rate * times) * gammainc(n + 1.0, (ktr - rate) * times)

    return amount * ka / (ka - ke) * (convolved(ke) - convolved(ka)) / volume


def test_transit_reference_is_the_incomplete_gamma_function(reference):
    times, exact = reference[TRANSIT]
    np.testing.assert_allclose(transit_exactly(times), exact, rtol=1e-13)


@pytest.mark.parametrize(
    ("method", "rtol", "bound"),
    [
        ("rodas4", 1e-8, 1e-6),
        ("rodas5p", 1e-10, 1e-8),
        ("rodas4", 1e-13, 1e-12),
        ("rodas5p", 1e-13, 1e-12),
        ("explicit5", 1e-13, 1e-12),
    ],
)
def test_transit_input_function(reference, method, rtol, bound):
    times, exact = reference[TRANSIT]
    records = [*observe([0.0]), *observe(times)]
    atol = np.full(2, rtol * 1e-2)
    run = solve(transit().program(), TRANSIT_VALUES, records, method=method, rtol=rtol, atol=atol)
    np.testing.assert_allclose(run.values[1:, 0], exact, rtol=bound)


def test_transit_block_of_the_product(reference):
    times, exact = reference[TRANSIT]
    model = (
        systemic.compartments(1, form="micro", V1="10 L")
        + systemic.linear_elimination(form="micro", kel="0.2 1/h")
        + systemic.transit_absorption(MTT="2 h", NN="5.2", KA="0.8 1/h")
    )
    result = kg.simulate(
        model, "100 mg oral", times=(list(times), "h"), rtol=1e-13, atol="1e-13 mg", metrics=False
    )
    np.testing.assert_allclose(result["Cp"].values.ravel(), exact, rtol=1e-12)
    # Two doses, the later one long after the first: each brings its own curve.
    later = kg.simulate(
        model, "100 mg oral every 60 h x 2", times=(list(times + 60.0), "h"), rtol=1e-12,
        atol="1e-12 mg", metrics=False,
    )  # fmt: skip
    both = transit_exactly(times) + transit_exactly(times + 60.0)
    np.testing.assert_allclose(later["Cp"].values.ravel(), both, rtol=1e-9)
