"""Simulation: a model, a dosing and subjects give labeled results.

SPDX-License-Identifier: BSD-3-Clause

>>> from krogh.simulate import simulate
>>> result = simulate(model, "100 mg every 12 h x 6", until="3 d")
"""

from krogh.simulate.run import METHODS, simulate
from krogh.simulate.steady import SteadyState, steady_state

__all__ = ["METHODS", "SteadyState", "simulate", "steady_state"]
