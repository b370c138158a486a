"""Each peer as one function: patients and tolerance in, daily states out.

SPDX-License-Identifier: BSD-3-Clause

``numbalsoda``     ODEPACK's LSODA (C++ translation), law and patient loop compiled by numba.
``scipy_lsoda``    scipy.integrate.odeint (Fortran or C LSODA), law compiled by numba.
``scipy_ivp``      scipy.integrate.solve_ivp(method="LSODA"), law in plain Python: usual practice.
``sundae_cvode``   SUNDIALS CVODE (BDF, dense) through scikit-sundae, law and Jacobian by numba.

Each starts anew at every dose, as their interfaces ask for, and uses atol = 1e-3 rtol.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.cases import (
    ATOL_PER_RTOL,
    DOSE_INTERVAL_DAYS,
    DOSE_NMOL,
    NUM_DOSES,
    OBSERVATION_DAYS,
    TMDD,
    Array,
    Case,
)

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_STEPS = 100_000
DAYS = np.arange(0.0, DOSE_INTERVAL_DAYS + 1.0)


@dataclass(frozen=True)
class Peer:
    """A program: its packages and a factory of solvers ``solve(patients, rtol) -> values``."""

    name: str
    packages: tuple[str, ...]
    prepare: Callable[[Case], Callable[[Array, float], Array]]
    cost_ms: float
    """Rough time a patient, from which the number of timed patients is chosen."""

    def versions(self) -> dict[str, str] | None:
        """Installed versions, or None where a package is absent."""
        try:
            return {package: version(package) for package in self.packages}
        except PackageNotFoundError:
            return None


@cache
def numbalsoda_solver(case: Case) -> Callable[[Array, float], Array]:
    """Whole population in one compiled call."""
    nb = import_module("numba")
    numbalsoda = import_module("numbalsoda")
    lsoda, lsoda_sig = numbalsoda.lsoda, numbalsoda.lsoda_sig

    ns, num_parameters, num_days = len(case.states), len(case.parameters), len(OBSERVATION_DAYS)
    law = nb.njit(case.rhs, inline="always")

    @nb.cfunc(lsoda_sig)  # type: ignore[untyped-decorator,unused-ignore]
    def rhs(_t: float, y_: Any, dy_: Any, p_: Any) -> None:
        law(nb.carray(y_, (ns,)), nb.carray(p_, (num_parameters,)), nb.carray(dy_, (ns,)))

    address = rhs.address

    @nb.njit  # type: ignore[untyped-decorator,unused-ignore]
    def population(patients: Array, initial: Array, days: Array, rtol: float) -> Array:
        values = np.empty((len(patients), num_days, ns))
        for i in range(len(patients)):
            y = initial[i].copy()
            for k in range(NUM_DOSES):
                y[0] += DOSE_NMOL
                part, success = lsoda(
                    address, y, days, patients[i], rtol, ATOL_PER_RTOL * rtol, MAX_STEPS
                )
                if not success:
                    raise RuntimeError("numbalsoda failed")
                first = k * DOSE_INTERVAL_DAYS
                values[i, first : first + DOSE_INTERVAL_DAYS] = part[1:]
                y = part[-1].copy()
        return values

    def solve(patients: Array, rtol: float) -> Array:
        values: Array = population(patients, case.initial(patients), DAYS, rtol)
        return values

    solve(case.patients(1), 1e-4)
    return solve


def piecewise(case: Case, interval: Callable[[Array, Array, float], Array]) -> Any:
    """Patient and dose loop in Python around ``interval(y, patient, rtol) -> (8, ns)``."""

    def solve(patients: Array, rtol: float) -> Array:
        values = np.empty((len(patients), len(OBSERVATION_DAYS), len(case.states)))
        for patient, y, out in zip(patients, case.initial(patients), values, strict=True):
            for k in range(NUM_DOSES):
                y[0] += DOSE_NMOL
                part = interval(y, patient, rtol)
                out[k * DOSE_INTERVAL_DAYS : (k + 1) * DOSE_INTERVAL_DAYS] = part[1:]
                y = part[-1].copy()
        return values

    return solve


@cache
def odeint_solver(case: Case) -> Callable[[Array, float], Array]:
    """scipy's oldest and fastest door to LSODA."""
    nb = import_module("numba")
    from scipy.integrate import odeint

    ns, law = len(case.states), nb.njit(case.rhs)

    @nb.njit  # type: ignore[untyped-decorator,unused-ignore]
    def rhs(y: Array, _t: float, p: Array) -> Array:
        dy = np.empty(ns)
        law(y, p, dy)
        return dy

    def interval(y: Array, patient: Array, rtol: float) -> Array:
        atol = ATOL_PER_RTOL * rtol
        out: Array = odeint(rhs, y, DAYS, args=(patient,), rtol=rtol, atol=atol, mxstep=MAX_STEPS)
        return out

    solver: Callable[[Array, float], Array] = piecewise(case, interval)
    solver(case.patients(1), 1e-4)
    return solver


@cache
def solve_ivp_solver(case: Case) -> Callable[[Array, float], Array]:
    """scipy's documented interface with the law as one would write it first."""
    from scipy.integrate import solve_ivp

    ns = len(case.states)

    def rhs(_t: float, y: Array, p: Array) -> list[float]:
        dy = [0.0] * ns
        case.rhs(y, p, dy)
        return dy

    def interval(y: Array, patient: Array, rtol: float) -> Array:
        solution = solve_ivp(
            rhs,
            (0.0, DAYS[-1]),
            y,
            method="LSODA",
            t_eval=DAYS,
            args=(patient,),
            rtol=rtol,
            atol=ATOL_PER_RTOL * rtol,
        )
        if not solution.success:
            raise RuntimeError(solution.message)
        out: Array = solution.y.T
        return out

    solver: Callable[[Array, float], Array] = piecewise(case, interval)
    return solver


@cache
def cvode_solver(case: Case) -> Callable[[Array, float], Array]:
    """CVODE with the exact Jacobian."""
    nb = import_module("numba")
    sundae = import_module("sksundae.cvode")

    law, jacobian = nb.njit(case.rhs), nb.njit(tmdd_jacobian if case is TMDD else pk2_jacobian)

    current = np.empty(len(case.parameters))  # read by the callbacks; one solver serves everyone

    def rhs(_t: float, y: Array, dy: Array) -> None:
        law(y, current, dy)

    def jac(_t: float, y: Array, _dy: Array, matrix: Array) -> None:
        jacobian(y, current, matrix)

    @cache
    def cvode(rtol: float) -> Any:
        atol = ATOL_PER_RTOL * rtol
        return sundae.CVODE(rhs, jacfn=jac, rtol=rtol, atol=atol, max_num_steps=MAX_STEPS)

    def interval(y: Array, patient: Array, rtol: float) -> Array:
        current[:] = patient
        solution = cvode(rtol).solve(DAYS, y)
        if not solution.success:
            raise RuntimeError(solution.message)
        out: Array = solution.y
        return out

    solver: Callable[[Array, float], Array] = piecewise(case, interval)
    solver(case.patients(1), 1e-4)
    return solver


def pk2_jacobian(_y: Any, p: Any, j: Any) -> None:
    """Derivatives of ``cases.pk2_rhs`` (the matrix arrives filled with zeros)."""
    j[0, 0] = -p[0]
    j[1, 0] = p[0] / p[2]
    j[1, 1] = -(p[1] + p[3]) / p[2]
    j[1, 2] = p[3] / p[2]
    j[2, 1] = p[3] / p[4]
    j[2, 2] = -p[3] / p[4]


def tmdd_jacobian(y: Any, p: Any, j: Any) -> None:
    """Derivatives of ``cases.tmdd_rhs`` (the matrix arrives filled with zeros)."""
    per_drug, per_receptor, off = p[5] * y[3], p[5] * y[1], p[6]
    j[0, 0] = -p[0]
    j[1, 0] = p[0] / p[2]
    j[1, 1] = -(p[1] + p[3]) / p[2] - per_drug
    j[1, 2] = p[3] / p[2]
    j[1, 3] = -per_receptor
    j[1, 4] = off
    j[2, 1] = p[3] / p[4]
    j[2, 2] = -p[3] / p[4]
    j[3, 1] = -per_drug
    j[3, 3] = -p[9] - per_receptor
    j[3, 4] = off
    j[4, 1] = per_drug
    j[4, 3] = per_receptor
    j[4, 4] = -off - p[7]


PEERS = (
    Peer("numbalsoda", ("numbalsoda", "numba"), numbalsoda_solver, 0.8),
    Peer("scipy_lsoda", ("scipy", "numba"), odeint_solver, 10.0),
    Peer("scipy_ivp", ("scipy",), solve_ivp_solver, 60.0),
    Peer("sundae_cvode", ("scikit-sundae", "numba"), cvode_solver, 15.0),
)
