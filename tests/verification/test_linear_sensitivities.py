"""Sensitivities of linear models, by propagators and by integrators, against differences.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from differences import Case, all_parameters, check
from engine import OTHER, RESET, Law, Record, dose, in_order, observe
from laws import MICHAELIS

pytestmark = pytest.mark.verification

LINEAR = Law(
    ("depot", "central", "far"),
    ("KA", "k", "k12", "k21", "F", "LAG", "D", "R"),
    lambda t, y, p: [
        -p.KA * y.depot,
        p.KA * y.depot - (p.k + p.k12) * y.central + p.k21 * y.far + 0.1 * p.k,
        p.k12 * y.central - p.k21 * y.far,
    ],
    initial={"central": lambda p: 2.0 * p.k, "far": lambda p: p.k12 / p.k21},
    outputs={
        "C": lambda t, y, p: y.central / (1.0 + p.F),
        "log": lambda t, y, p: p.k * (1.0 + y.central + y.far) * (1.0 + y.depot),
    },
    bioavailability=MICHAELIS.bioavailability,
    lag=MICHAELIS.lag,
    duration=MICHAELIS.duration,
    rate=MICHAELIS.rate,
)
LINEAR_TYPICAL = (1.0, 0.3, 0.2, 0.1, 0.8, 0.4, 2.0, 30.0)


def linear(records, *directions, **changes):
    values = dict(zip(LINEAR.parameters, LINEAR_TYPICAL, strict=True)) | changes
    # A lag of zero has a derivative on one side only.
    named = [d for d in all_parameters(LINEAR) if values["LAG"] > 0 or d[1] != 5]
    # Resets go back to the model's initial values, which the perturbation from outside cannot move.
    if all(r.kind != RESET for r in in_order(*records)):
        named += [("initial", i) for i in range(3)]
    return Case(
        LINEAR, tuple(values.values()), in_order(*records), (*named, *directions)
    )  # fmt: skip


TIMES = observe(np.arange(0.05, 40.0, 0.77))
LINEAR_CASES = {
    "doses of all kinds": lambda: linear(
        [
            Record(0.0, OTHER),
            TIMES,
            dose(1.0, 100.0),
            dose(3.0, 80.0, 1, rate=-2.0, interval=9.0, additional=2),
            dose(6.0, 120.0, 1, rate=-1.0),
            dose(13.5, 60.0, 1, rate=25.0),
            Record(19.0, RESET),
            dose(20.0, 50.0, 0, interval=6.0, additional=2),
        ],
        *((kind, i) for i in range(5) for kind in ("amount", "time", "lag", "bioavailability")),
        ("duration", 3),
    ),
    "steady oral": lambda: linear(
        [dose(0.0, 100.0, interval=12.0, additional=1, steady=1), TIMES],
        ("amount", 0), ("bioavailability", 0),
    ),
    "steady, lag beyond interval": lambda: linear(
        [dose(0.0, 100.0, interval=12.0, additional=1, steady=1), TIMES], ("amount", 0), LAG=14.3
    ),
    "steady, overlapping infusions": lambda: linear(
        [dose(0.0, 50.0, 1, rate=4.0, interval=6.0, additional=2, steady=1), TIMES],
        ("amount", 0), ("duration", 0), LAG=2.3,
    ),
    "steady, added and moved": lambda: linear(
        [
            dose(0.0, 130.0),
            dose(5.0, 60.0, 1, rate=12.0, interval=6.0, steady=2),
            observe(np.arange(6.05, 30.0, 0.77)),
        ],
        ("time", 1), ("amount", 0), ("duration", 1), LAG=1.1,
    ),
    "steady, moved without lag": lambda: linear(
        [
            dose(5.0, 60.0, 1, rate=12.0, interval=6.0, steady=1),
            observe(np.arange(6.05, 30.0, 0.77)),
        ],
        ("time", 0), ("lag", 0), ("amount", 0), LAG=0.0,
    ),
    "steady constant infusion": lambda: linear(
        [dose(5.0, 0.0, 1, rate=6.0, steady=1), observe(np.arange(6.05, 30.0, 0.77))], ("time", 0)
    ),
}  # fmt: skip


@pytest.mark.parametrize("method", ["auto", "propagator", "rodas4", "rodas5p"])
@pytest.mark.parametrize("name", LINEAR_CASES)
def test_sensitivities_of_linear_models(name, method):
    check("linear: " + name, LINEAR_CASES[name](), method)
