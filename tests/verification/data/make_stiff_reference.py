"""Writes stiff_reference.json: solutions of the stiff problems by scipy's Radau IIA.

SPDX-License-Identifier: BSD-3-Clause

    python tests/verification/data/make_stiff_reference.py

Radau IIA of order 5 (Hairer and Wanner 1996, IV.8) shares nothing with Rosenbrock methods; the
Jacobian is by complex step. The end values agree with the published ones to the digits printed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import scipy
from scipy.integrate import solve_ivp

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from stiff import PROBLEMS  # noqa: E402

RTOL = 3e-13


def law_of(problem):
    from engine import Names

    def fun(t, y):
        return np.array(problem.law.law(t, Names(problem.law.states, y), None))

    def jacobian(t, y):
        n = len(y)
        columns = []
        for j in range(n):
            moved = np.array(y, dtype=complex)
            moved[j] += 1e-200j
            columns.append(np.imag(fun(t, moved)) / 1e-200)
        return np.array(columns).T

    return fun, jacobian


def main():
    stored = {}
    for name, problem in PROBLEMS.items():
        fun, jacobian = law_of(problem)
        atol = 1e-4 * problem.atol
        solution = solve_ivp(
            fun, (0.0, problem.end), problem.start, method="Radau", t_eval=problem.times,
            rtol=RTOL, atol=atol, jac=jacobian, first_step=1e-12,
        )  # fmt: skip
        assert solution.success, (name, solution.message)
        dense = solve_ivp(
            fun, (0.0, problem.end), problem.start, method="Radau", rtol=1e-6,
            atol=1e-2 * problem.atol, jac=jacobian, first_step=1e-12,
        )  # fmt: skip
        largest = np.abs(dense.y).max(axis=1)
        published = np.array(problem.published)
        error = np.abs(solution.y[:, -1] - published)
        print(name, "largest error by the largest value", (error / largest).max(),
              "relative", (error / np.maximum(published, 1e-300)).max(), flush=True)  # fmt: skip
        stored[name] = {
            "times": problem.times.tolist(),
            "values": solution.y.T.tolist(),
            "largest": largest.tolist(),
        }
    note = f"scipy {scipy.__version__} Radau, rtol {RTOL}, atol 1e-4 of the problem's"
    text = json.dumps({"source": note, "problems": stored}, indent=1)
    (HERE / "stiff_reference.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
