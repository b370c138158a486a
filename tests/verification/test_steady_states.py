"""Steady states of nonlinear models against published values, trains of doses and closed forms.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import csv

import numpy as np
import pytest
from engine import Law, Record, dose, in_order, observe, solve
from laws import ABSORBED_TMDD, ABSORBED_TYPICAL, MICHAELIS

pytestmark = pytest.mark.verification

# KA 1 /h, VM 15 amount/h, KM 300 amount (../shared/data/README.md).
PARAMETERS = (1.0, 15.0, 300.0, 1.0, 0.0, 1.0, 1.0)


@pytest.mark.parametrize("method", ["rodas4", "rodas5p", "explicit5", "auto"])
def test_oral_saturable_model(shared_data, method):
    with (shared_data / "pk" / "nonlinear_steady_state.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["EVID"] == "0"]
    times = [float(row["TIME"]) for row in rows]
    exact = np.array([float(row["DV"]) for row in rows])
    records = [dose(0.0, 100.0, interval=12.0, steady=1), *observe(times), Record(12.0)]
    run = solve(
        MICHAELIS.program(), PARAMETERS, records, method=method, rtol=1e-10, atol=[1e-10, 1e-10]
    )
    np.testing.assert_allclose(run.values[:-1, 1], exact, rtol=1e-7)
    # The trough to which NONMEM's profile belongs (science notes, case G).
    assert run.values[-1, 1] == pytest.approx(334.645096379, rel=1e-9)
    assert run.steady_residual[0] < 1e-8


@pytest.mark.parametrize("rtol", [1e-6, 1e-9])
@pytest.mark.parametrize("lag", [0.0, 5.0, 30.0])
@pytest.mark.parametrize("rate", [0.0, 5.0, 40.0])
def test_a_long_train_of_doses_ends_in_the_steady_state(rate, lag, rtol):
    parameters = (1.0, 60.0, 100.0, 0.9, lag, 1.0, 1.0)
    target = int(rate > 0.0)
    late = 12.0 * 60
    times = np.linspace(0.0, 12.0, 25)
    steady = [dose(0.0, 100.0, target, rate=rate, interval=12.0, additional=3, steady=1)]
    train = [dose(0.0, 100.0, target, rate=rate, interval=12.0, additional=70)]
    program = MICHAELIS.program()
    ss = solve(program, parameters, in_order(steady, observe(times)), rtol=rtol, method="rodas5p")
    # The train sits on its orbit after so many periods; a lag only moves what is observed.
    long = solve(
        program, parameters, in_order(train, observe(late + times)), rtol=rtol, method="rodas5p"
    )
    scale = np.abs(long.values).max(axis=0)
    assert np.abs(ss.values - long.values)[1:-1].max() <= 30.0 * rtol * scale.max()


def test_antibody_with_target():
    times = np.linspace(0.1, 6.9, 18)
    steady = in_order(dose(0.0, 210.0, interval=7.0, steady=1), observe(times))
    train = in_order(dose(0.0, 210.0, interval=7.0, additional=120), observe(7.0 * 120 + times))
    program = ABSORBED_TMDD.program()
    one = solve(program, ABSORBED_TYPICAL, steady, rtol=1e-9, atol=np.full(5, 1e-11)).values
    many = solve(program, ABSORBED_TYPICAL, train, rtol=1e-10, atol=np.full(5, 1e-12)).values
    np.testing.assert_allclose(one, many, atol=0.0, rtol=1e-6)


def test_initial_values_at_rest_come_from_the_model():
    # Target with synthesis that its complex hinders: at rest a quadratic has to be solved.
    law = Law(
        ("R", "E"),
        ("ksyn", "kdeg", "IC"),
        lambda t, y, p: [p.ksyn / (1.0 + y.E / p.IC) - p.kdeg * y.R, 0.5 * y.R - 0.1 * y.E],
        initial={"R": lambda p: 1.0, "E": lambda p: 1.0},
        options={"steady_initial": ["\x01", "\x01"]},
    )
    ksyn, kdeg, ic = 3.0, 0.4, 2.0
    run = solve(
        law.program(), (ksyn, kdeg, ic), [Record(0.0), Record(50.0)],
        sensitivities=[("parameter", i) for i in range(3)], rtol=1e-9,
    )  # fmt: skip

    def rest(ksyn, kdeg, ic):
        # kdeg R (1 + 5 R/ic) = ksyn
        return (-1.0 + np.sqrt(1.0 + 20.0 * ksyn / (kdeg * ic))) / (10.0 / ic)

    exact = rest(ksyn, kdeg, ic)
    np.testing.assert_allclose(run.values, [[exact, 5.0 * exact]] * 2, rtol=1e-9)
    h = 1e-6
    for i in range(3):
        plus, minus = [ksyn, kdeg, ic], [ksyn, kdeg, ic]
        plus[i] += h
        minus[i] -= h
        slope = (rest(*plus) - rest(*minus)) / (2 * h)
        np.testing.assert_allclose(run.sensitivities[:, :, i], [[slope, 5 * slope]] * 2, rtol=1e-7)


@pytest.mark.parametrize("method", ["rodas4", "rodas5p", "explicit5"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9, 0.99, 0.999, 1.0 - 1e-5])
def test_input_close_to_capacity_has_a_closed_form(share, method):
    # Between doses KM ln(x0/x) + x0 - x = VM tau; periodic with x0 = x + D this gives
    # x = D/(exp((VM tau - D)/KM) - 1).
    dose_size, interval, km = 100.0, 12.0, 30.0
    vmax = dose_size / interval / share
    law = Law(("x",), ("VM", "KM"), lambda t, y, p: [-p.VM * y.x / (p.KM + y.x)])
    records = [dose(0.0, dose_size, interval=interval, steady=1), Record(0.0), Record(interval)]
    run = solve(
        law.program(), (vmax, km), records, method=method, rtol=1e-9, atol=[1e-9],
        sensitivities=[("parameter", 0), ("parameter", 1), ("amount", 0)],
    )  # fmt: skip
    excess = (vmax * interval - dose_size) / km
    trough = dose_size / np.expm1(excess)
    # The condition of the problem: a relative error of the period map grows by 1/(1 - multiplier).
    factor = 1.0 + 1.0 / excess
    np.testing.assert_allclose(run.values[:, 0], [trough + dose_size, trough], rtol=5e-8 * factor)
    slope = -dose_size * np.exp(excess) / np.expm1(excess) ** 2
    exact = [slope * interval / km, -slope * excess / km, trough / dose_size - slope / km]
    np.testing.assert_allclose(run.sensitivities[1, 0], exact, rtol=1e-6 * factor)


@pytest.mark.parametrize("method", ["rodas4", "rodas5p", "explicit5"])
@pytest.mark.parametrize("rtol", [1e-5, 1e-9, 1e-13])
@pytest.mark.parametrize("rate", [0.0, 2.0, 16.0])
def test_troughs_far_below_the_tolerance(rate, rtol, method):
    # Between doses the amount falls by nine decades, below what atol looks at.
    k, amount, interval = 1.7, 4.0, 12.5
    law = Law(("x",), ("k",), lambda t, y, p: [-p.k * y.x + 0.0 * y.x * y.x])
    times = np.array([0.1, 1.0, 3.0, 12.5])
    records = [dose(0.0, amount, rate=rate, interval=interval, steady=1), *observe(times)]
    run = solve(
        law.program(), (k,), records, method=method, rtol=rtol, atol=[max(1e-13, 1e-4 * rtol)]
    )
    if rate == 0.0:
        one, tail = amount * np.exp(-k * times), amount
    else:
        given = np.minimum(times, amount / rate)
        one = rate / k * (1.0 - np.exp(-k * given)) * np.exp(-k * (times - given))
        tail = rate / k * np.expm1(k * amount / rate)
    exact = one + tail * np.exp(-k * (times + interval)) / (1.0 - np.exp(-k * interval))
    np.testing.assert_allclose(run.values[:, 0], exact, rtol=0.0, atol=10.0 * rtol * amount + 1e-12)
