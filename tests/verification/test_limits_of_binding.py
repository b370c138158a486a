"""Approximate forms of target binding are approached by the full one at the expected orders.

SPDX-License-Identifier: BSD-3-Clause

Forms: Mager and Krzyzanski 2005 (equilibrium), Gibiansky et al. 2008 (quasi-steady state and
Michaelis-Menten; doi:10.1007/s10928-008-9102-8).  They are written here anew, apart from the
building blocks of the product.
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from engine import Law, Record, dose, in_order, observe, solve, sqrt
from krogh.model import DoseInput, Model, Output, Parameter, Rate, Rule, Species, systemic

pytestmark = pytest.mark.verification

NAMES = ("kel", "K", "kint", "ksyn", "kdeg", "kon")
BASE = {"kel": 0.1, "K": 0.8, "kint": 0.6, "ksyn": 2.0, "kdeg": 0.25}
TIMES = np.linspace(0.5, 20.0, 40)


def full(dissociation):
    """``K`` is KD; koff = KD kon."""
    assert dissociation
    return Law(
        ("C", "R", "RC"), NAMES,
        lambda t, y, p: [
            -p.kel * y.C - p.kon * (y.C * y.R - p.K * y.RC),
            p.ksyn - p.kdeg * y.R - p.kon * (y.C * y.R - p.K * y.RC),
            p.kon * (y.C * y.R - p.K * y.RC) - p.kint * y.RC,
        ],
        initial={"R": lambda p: p.ksyn / p.kdeg},
        outputs={"total": lambda t, y, p: y.C + y.RC, "target": lambda t, y, p: y.R + y.RC},
    )  # fmt: skip


def reduced():
    """``K`` is KD or KSS."""

    def law(t, y, p):
        gap = y.Ct - y.Rt - p.K
        free = 0.5 * (gap + sqrt(gap * gap + 4.0 * p.K * y.Ct))
        bound = y.Ct - free
        return [
            -p.kel * free - p.kint * bound,
            p.ksyn - p.kdeg * (y.Rt - bound) - p.kint * bound,
        ]

    return Law(("Ct", "Rt"), NAMES, law, initial={"Rt": lambda p: p.ksyn / p.kdeg})


def values(**changes):
    return [{**BASE, "kon": 1.0, **changes}[name] for name in NAMES]


def run(law, parameters, records):
    atol = np.full(len(law.states), 1e-12)
    return solve(law.program(), parameters, records, rtol=1e-10, atol=atol, method="rodas5p").values


def orders(errors, ratio):
    return np.log(np.array(errors[:-1]) / np.array(errors[1:])) / np.log(ratio)


RECORDS = in_order(dose(0.0, 30.0), dose(8.0, 12.0), observe(TIMES))
AFFINITIES = (300.0, 900.0, 2700.0, 8100.0)


def distance(kon, constant):
    exact = run(full("KD"), values(kon=kon), RECORDS)
    reduced_values = run(reduced(), values(K=constant), RECORDS)
    # Behind a dose the complex needs a few 1/(kon R) to settle.
    settled = np.abs(TIMES - 8.0) > 0.3
    return np.abs(exact - reduced_values)[settled].max() / exact.max()


def test_equilibrium_is_approached_in_first_order():
    errors = [distance(kon, BASE["K"]) for kon in AFFINITIES]
    np.testing.assert_allclose(orders(errors, 3.0), 1.0, atol=0.05)


def test_quasi_steady_state_is_approached_in_first_order_and_is_closer():
    errors = [distance(kon, BASE["K"] + BASE["kint"] / kon) for kon in AFFINITIES]
    np.testing.assert_allclose(orders(errors, 3.0), 1.0, atol=0.05)
    equilibrium = [distance(kon, BASE["K"]) for kon in AFFINITIES]
    assert all(a < 0.8 * b for a, b in zip(errors, equilibrium, strict=True))


def test_quasi_steady_state_is_exact_at_rest_where_equilibrium_is_not():
    kon = 0.7
    rest = [dose(0.0, 6000.0, 0, rate=5.0), Record(1100.0)]
    exact = run(full("KD"), values(kon=kon), rest)
    kss = BASE["K"] + BASE["kint"] / kon
    np.testing.assert_allclose(run(reduced(), values(K=kss), rest), exact, rtol=1e-8)
    off = np.abs(run(reduced(), values(K=BASE["K"]), rest) / exact - 1.0).max()
    assert off > 0.01
    # Without turnover of the complex Kss could as well be smaller: the sign of the term counts.
    wrong = run(reduced(), values(K=BASE["K"] - 0.5 * BASE["kint"] / kon), rest)
    assert np.abs(wrong / exact - 1.0).max() > off


def test_michaelis_menten_is_approached_in_first_order_of_the_target():
    vmax, kss = 1.5, 0.8
    saturable = Law(
        ("C",), ("kel", "V", "K"), lambda t, y, p: [-p.kel * y.C - p.V * y.C / (p.K + y.C)]
    )
    exact = run(saturable, (BASE["kel"], vmax, kss), RECORDS)[:, 0]
    errors = []
    for target in (0.3, 0.1, 0.1 / 3.0, 0.1 / 9.0):
        # Target total stays ``target`` (kint = kdeg), kint Rt = vmax.
        kint = vmax / target
        changed = values(K=kss, kint=kint, kdeg=kint, ksyn=vmax)
        total, rt = run(reduced(), changed, RECORDS).T
        np.testing.assert_allclose(rt, target, rtol=1e-9)
        errors.append(np.abs(total - exact).max() / exact.max())
    np.testing.assert_allclose(orders(errors, 3.0), 1.0, atol=0.1)


def test_blocks_of_the_product_agree_with_these_equations():
    block = (
        systemic.compartments(1, amount="nmol", total=True, V1="1 L", output_unit="nM")
        + systemic.linear_elimination(CL="0.1 L/d")
        + systemic.target_quasi_steady(
            Kss="0.8 nM", kint="0.6 1/d", ksyn="2.0 nM/d", kdeg="0.25 1/d"
        )
    )
    own = Model(
        "own",
        Parameter("kel", "0.1 1/d"), Parameter("K", "0.8 nM"), Parameter("kint", "0.6 1/d"),
        Parameter("ksyn", "2.0 nM/d"), Parameter("kdeg", "0.25 1/d"), Parameter("V", "1 L"),
        Species("A", "nmol"), Species("Rt", "nM", initial="ksyn/kdeg"),
        Rule("gap", "A/V - Rt - K"),
        Rule("free", "(gap + sqrt(gap^2 + 4*K*A/V))/2"),
        Rule("bound", "A/V - free"),
        Rate("A", "-(kel*free + kint*bound)*V"),
        Rate("Rt", "ksyn - kdeg*(Rt - bound) - kint*bound"),
        DoseInput("A"),
        Output("free_drug", "free", unit="nM"),
    )  # fmt: skip
    times = (list(TIMES), "d")
    dosing = "30 nmol"
    a = kg.simulate(own, dosing, times=times, rtol=1e-10, metrics=False)
    b = kg.simulate(block, dosing, times=times, rtol=1e-10, metrics=False)
    np.testing.assert_allclose(b["Cp"].values, a["free_drug"].values, rtol=1e-8)
