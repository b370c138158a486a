"""The two throughput cases: patients, schedule, equations and the error measure.

SPDX-License-Identifier: BSD-3-Clause

``tmdd`` is target-mediated disposition with full binding (states A nmol; C, P, R, RC nM) and
``pk2`` its two-compartment part (A, C, P). Time is in days.

    A'  = -ka A
    C'  = ka A/V1 - (CL + Q)/V1 C + Q/V1 P - kon C R + koff RC
    P'  = Q/V2 (C - P)
    R'  = ksyn - kdeg R - kon C R + koff RC          R(0) = ksyn/kdeg
    RC' = kon C R - (koff + kint) RC

Every parameter of every patient is its typical value times exp(0.3 z), z standard normal.
210 nmol reach the depot at days 0, 7, ..., 77. All states are reported at days 1, 2, ..., 84;
on a day of dosing the value is the one before the dose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

Array = NDArray[np.float64]

SEED = 20240607
LOG_SD = 0.3
DOSE_NMOL = 210.0
NUM_DOSES = 12
DOSE_INTERVAL_DAYS = 7
DOSE_DAYS = np.arange(NUM_DOSES, dtype=float) * DOSE_INTERVAL_DAYS
OBSERVATION_DAYS = np.arange(1.0, NUM_DOSES * DOSE_INTERVAL_DAYS + 1.0)
ATOL_PER_RTOL = 1e-3
"""Absolute tolerance (nmol or nM) of every program, as a multiple of the relative one."""


@dataclass(frozen=True)
class Case:
    """One problem: names, typical values, and its law written as plain Python."""

    name: str
    states: tuple[str, ...]
    parameters: tuple[str, ...]
    typical: tuple[float, ...]
    rhs: Callable[[Any, Any, Any], None]
    """``rhs(y, p, dy)`` writes the derivatives into ``dy``; numba can compile it."""

    def patients(self, num_patients: int) -> Array:
        """Parameters, shape (num_patients, num_parameters); the first rows never change."""
        z = np.random.default_rng(SEED).standard_normal((num_patients, len(TMDD_PARAMETERS)))
        columns = [TMDD_PARAMETERS.index(name) for name in self.parameters]
        return np.ascontiguousarray(np.asarray(self.typical) * np.exp(LOG_SD * z[:, columns]))

    def initial(self, patients: Array) -> Array:
        """Initial states before the first dose, shape (num_patients, num_states)."""
        y0 = np.zeros((len(patients), len(self.states)))
        if "R" in self.states:
            ksyn, kdeg = (self.parameters.index(name) for name in ("ksyn", "kdeg"))
            y0[:, self.states.index("R")] = patients[:, ksyn] / patients[:, kdeg]
        return y0


def tmdd_rhs(y: Any, p: Any, dy: Any) -> None:
    """Full-binding law; ``p`` in the order of ``TMDD_PARAMETERS``."""
    absorbed = p[0] * y[0]
    bound = p[5] * y[1] * y[3] - p[6] * y[4]
    exchanged = p[3] * (y[1] - y[2])
    dy[0] = -absorbed
    dy[1] = (absorbed - p[1] * y[1] - exchanged) / p[2] - bound
    dy[2] = exchanged / p[4]
    dy[3] = p[8] - p[9] * y[3] - bound
    dy[4] = bound - p[7] * y[4]


def pk2_rhs(y: Any, p: Any, dy: Any) -> None:
    """Two compartments with absorption; ``p`` in the order of ``PK2_PARAMETERS``."""
    absorbed = p[0] * y[0]
    exchanged = p[3] * (y[1] - y[2])
    dy[0] = -absorbed
    dy[1] = (absorbed - p[1] * y[1] - exchanged) / p[2]
    dy[2] = exchanged / p[4]


TMDD_PARAMETERS = ("ka", "CL", "V1", "Q", "V2", "kon", "koff", "kint", "ksyn", "kdeg")
TMDD_TYPICAL = (0.3, 0.2, 3.0, 0.5, 3.0, 10.0, 1.0, 1.0, 1.0, 0.5)
TMDD = Case("tmdd", ("A", "C", "P", "R", "RC"), TMDD_PARAMETERS, TMDD_TYPICAL, tmdd_rhs)

PK2_PARAMETERS = TMDD_PARAMETERS[:5]
PK2 = Case("pk2", ("A", "C", "P"), PK2_PARAMETERS, TMDD_TYPICAL[:5], pk2_rhs)

CASES = {case.name: case for case in (TMDD, PK2)}


def errors(values: Array, reference: Array) -> Array:
    """Error of each patient: over states, largest deviation by the state's largest value.

    Both arguments have shape (num_patients, num_days, num_states); the result (num_patients,).
    """
    deviation = np.abs(values - reference).max(axis=1)
    worst: Array = (deviation / np.abs(reference).max(axis=1)).max(axis=1)
    return worst
