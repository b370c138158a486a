"""Nonlinear laws that several verification tests use.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from engine import Law, where

# Full target-mediated disposition as in ../shared/data/README.md; time d, C, R, RC nM, AT nmol.
TMDD_PARAMETERS = ("V", "kel", "kpt", "ktp", "kon", "koff", "kint", "kdeg", "ksyn")
TMDD = Law(
    ("C", "AT", "R", "RC"),
    TMDD_PARAMETERS,
    lambda t, y, p: [
        -(p.kel + p.kpt) * y.C + p.ktp * y.AT / p.V - p.kon * y.C * y.R + p.koff * y.RC,
        p.kpt * y.C * p.V - p.ktp * y.AT,
        p.ksyn - p.kdeg * y.R - p.kon * y.C * y.R + p.koff * y.RC,
        p.kon * y.C * y.R - (p.koff + p.kint) * y.RC,
    ],
    initial={"R": lambda p: p.ksyn / p.kdeg},
)
TMDD_STIFF = (3.0, 0.25 / 3.0, 0.5 / 3.0, 0.5 / 3.0, 10.0, 1.0, 0.5, 1.0, 10.0)
"""The set mAb_stiff of pk/tmdd_parameters.csv."""

# The throughput case with an absorption depot (pk/tmdd_bench.md); doses in nmol into A.
ABSORBED_PARAMETERS = ("ka", "CL", "V1", "Q", "V2", "kon", "koff", "kint", "ksyn", "kdeg")
ABSORBED_TYPICAL = (0.3, 0.2, 3.0, 0.5, 3.0, 10.0, 1.0, 1.0, 1.0, 0.5)


def _absorbed(t, y, p):
    bound = p.kon * y.C * y.R - p.koff * y.RC
    exchanged = p.Q * (y.C - y.P)
    return [
        -p.ka * y.A,
        (p.ka * y.A - p.CL * y.C - exchanged) / p.V1 - bound,
        exchanged / p.V2,
        p.ksyn - p.kdeg * y.R - bound,
        bound - p.kint * y.RC,
    ]


ABSORBED_TMDD = Law(
    ("A", "C", "P", "R", "RC"),
    ABSORBED_PARAMETERS,
    _absorbed,
    initial={"R": lambda p: p.ksyn / p.kdeg},
)

# Oral Michaelis-Menten model with every dose attribute a parameter; states in amounts.
MICHAELIS_PARAMETERS = ("KA", "VM", "KM", "F", "LAG", "D", "R")
MICHAELIS = Law(
    ("depot", "central"),
    MICHAELIS_PARAMETERS,
    lambda t, y, p: [-p.KA * y.depot, p.KA * y.depot - p.VM * y.central / (p.KM + y.central)],
    bioavailability={"depot": lambda p: p.F, "central": lambda p: p.F},
    lag={"depot": lambda p: p.LAG, "central": lambda p: p.LAG},
    duration={"central": lambda p: p.D},
    rate={"central": lambda p: p.R},
)
MICHAELIS_TYPICAL = (1.0, 15.0, 300.0, 1.0, 0.0, 2.0, 10.0)

# Clearance that switches on above a threshold of the effect compartment.
SWITCHING = Law(
    ("central", "effect"),
    ("CL", "V", "keo", "extra", "limit"),
    lambda t, y, p: [
        -(p.CL + where(y.effect - p.limit, p.extra, 0.0)) / p.V * y.central,
        p.keo * (y.central / p.V - y.effect),
    ],
)
SWITCHING_TYPICAL = (1.0, 10.0, 0.7, 4.0, 3.0)
