"""Reference solutions of the cases: closed form for pk2, Taylor series for tmdd.

SPDX-License-Identifier: BSD-3-Clause

The tmdd law is a polynomial of degree two, so all Taylor coefficients follow from a recurrence;
steps of order 24 are taken so short that the last terms vanish beside rounding (the step rule of
Jorba and Zou 2005, doi:10.1080/10586458.2005.10128904, made stricter). Nothing is shared with the
solvers under test. `python -m bench.peers.reference` prints the difference from scipy's DOP853
and Radau on a few patients. Needs numba for tmdd.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from bench.cases import (
    DOSE_INTERVAL_DAYS,
    DOSE_NMOL,
    NUM_DOSES,
    PK2,
    TMDD,
    Array,
    Case,
    errors,
)

if TYPE_CHECKING:
    from collections.abc import Callable

NUM_REFERENCE_PATIENTS = 256
ORDER = 24
SERIES_RTOL = 1e-17


def taylor_step(y: Array, p: Array, series: Array, days_left: float) -> float:
    """Advance the five tmdd states by one Taylor step; returns its length in days.

    ``series`` is scratch of shape (5, ORDER + 1); ``p`` as in ``cases.TMDD_PARAMETERS``.
    """
    ka, clearance, v1, q, v2, kon, koff, kint, ksyn, kdeg = p
    series[:, 0] = y
    for k in range(ORDER):
        a, c, peripheral, r, rc = series[:, k]
        product = 0.0
        for j in range(k + 1):
            product += series[1, j] * series[3, k - j]
        bound = kon * product - koff * rc
        exchanged = q * (c - peripheral)
        series[0, k + 1] = -ka * a / (k + 1)
        series[1, k + 1] = ((ka * a - clearance * c - exchanged) / v1 - bound) / (k + 1)
        series[2, k + 1] = exchanged / v2 / (k + 1)
        series[3, k + 1] = ((ksyn if k == 0 else 0.0) - kdeg * r - bound) / (k + 1)
        series[4, k + 1] = (bound - kint * rc) / (k + 1)
    step = days_left
    for i in range(5):
        for k in (ORDER - 1, ORDER):
            term = abs(series[i, k])
            if term > 0.0:
                step = min(step, (SERIES_RTOL * (abs(y[i]) + 1e-12) / term) ** (1.0 / k))
    for i in range(5):
        total = series[i, ORDER]
        for k in range(ORDER - 1, -1, -1):
            total = total * step + series[i, k]
        y[i] = total
    return step


@cache
def tmdd_solver() -> Callable[[Array, Array], Array]:
    """Population of tmdd patients by Taylor series, compiled."""
    nb = import_module("numba")

    advance = nb.njit(taylor_step)

    @nb.njit  # type: ignore[untyped-decorator,unused-ignore]
    def population(patients: Array, initial: Array) -> Array:
        num_days = NUM_DOSES * DOSE_INTERVAL_DAYS
        values = np.empty((len(patients), num_days, 5))
        series = np.empty((5, ORDER + 1))
        for i in range(len(patients)):
            y = initial[i].copy()
            for day in range(num_days):
                if day % DOSE_INTERVAL_DAYS == 0:
                    y[0] += DOSE_NMOL
                left = 1.0
                while left > 0.0:
                    left -= advance(y, patients[i], series, left)
                values[i, day] = y
        return values

    solver: Callable[[Array, Array], Array] = population
    return solver


def solve_pk2(patient: Array) -> Array:
    """Daily states (num_days, 3) by the matrix exponential of one day."""
    ka, clearance, v1, q, v2 = patient
    rates = np.array(
        [
            [-ka, 0.0, 0.0],
            [ka / v1, -(clearance + q) / v1, q / v1],
            [0.0, q / v2, -q / v2],
        ]
    )
    one_day = expm(rates)
    dose = np.array([DOSE_NMOL, 0.0, 0.0])
    y = np.zeros(3)
    values = []
    for day in range(NUM_DOSES * DOSE_INTERVAL_DAYS):
        y = one_day @ (y + dose if day % DOSE_INTERVAL_DAYS == 0 else y)
        values.append(y)
    return np.array(values)


@cache
def reference(case: Case, num_patients: int = NUM_REFERENCE_PATIENTS) -> Array:
    """Solutions of the first patients, shape (num_patients, num_days, num_states)."""
    patients = case.patients(num_patients)
    if case is PK2:
        return np.array([solve_pk2(p) for p in patients])
    return tmdd_solver()(patients, case.initial(patients))


def solve_piecewise(case: Case, patient: Array, method: str, rtol: float) -> Array:
    """Daily states (num_days, num_states) by scipy's solve_ivp, restarted at each dose."""

    def fun(_t: float, y: Array) -> Array:
        derivative = np.empty(len(y))
        case.rhs(y, patient, derivative)
        return derivative

    days = np.arange(1.0, DOSE_INTERVAL_DAYS + 1.0)
    y = case.initial(patient[None])[0]
    values = []
    for _ in range(NUM_DOSES):
        y[0] += DOSE_NMOL
        solution = solve_ivp(
            fun, (0.0, days[-1]), y, method=method, t_eval=days, rtol=rtol, atol=1e-2 * rtol
        )
        if not solution.success:
            raise RuntimeError(solution.message)
        values.append(solution.y.T)
        y = solution.y[:, -1].copy()
    return np.concatenate(values)


def main() -> None:
    """Print how far other methods are from the tmdd reference on the first patients."""
    values = reference(TMDD)
    patients = TMDD.patients(2)
    for method, rtol in (("DOP853", 1e-13), ("Radau", 1e-11)):
        solution = np.array([solve_piecewise(TMDD, p, method, rtol) for p in patients])
        print(f"{method} (rtol {rtol:g}) minus reference: {errors(solution, values[:2])}")


if __name__ == "__main__":
    main()
