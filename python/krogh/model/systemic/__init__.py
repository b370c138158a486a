"""Level 1, systemic exposure: blocks that compose by name into models of plasma and targets.

SPDX-License-Identifier: BSD-3-Clause

Every function returns a `Model` that uses names which other blocks define (``central``, ``Cp``,
``V1``, ``CL``, ...).  Join them and give the parameters by value, by rule or by `individual`::

    from krogh.model import Model
    from krogh.model import systemic as pk

    model = Model(
        "antibody",
        pk.compartments(2, V1="3 L", Q="0.5 L/d", V2="3 L"),
        pk.elimination("parallel", CL="0.2 L/d", Vmax="8 mg/d", Km="9 mg/L"),
    )
"""

from krogh.model.systemic.absorption import (
    first_order_absorption,
    inverse_gaussian_absorption,
    parallel_absorption,
    transit_absorption,
    weibull_absorption,
    zero_order_absorption,
)
from krogh.model.systemic.clearance import (
    auto_induction,
    state_driven_clearance,
    time_varying_clearance,
)
from krogh.model.systemic.compartments import compartments
from krogh.model.systemic.conjugate import conjugate_chain
from krogh.model.systemic.covariates import categorical, exponential, individual, linear, power
from krogh.model.systemic.elimination import elimination, linear_elimination, saturable_elimination
from krogh.model.systemic.fate import metabolite, plasma_curve, tissue_sink
from krogh.model.systemic.shared_target import shared_target, soluble_target
from krogh.model.systemic.target import (
    target_full,
    target_irreversible,
    target_michaelis_menten,
    target_quasi_equilibrium,
    target_quasi_steady,
)
from krogh.model.systemic.variability import variability

__all__ = [
    "auto_induction",
    "categorical",
    "compartments",
    "conjugate_chain",
    "elimination",
    "exponential",
    "first_order_absorption",
    "individual",
    "inverse_gaussian_absorption",
    "linear",
    "linear_elimination",
    "metabolite",
    "parallel_absorption",
    "plasma_curve",
    "power",
    "saturable_elimination",
    "shared_target",
    "soluble_target",
    "state_driven_clearance",
    "target_full",
    "target_irreversible",
    "target_michaelis_menten",
    "target_quasi_equilibrium",
    "target_quasi_steady",
    "time_varying_clearance",
    "tissue_sink",
    "transit_absorption",
    "variability",
    "weibull_absorption",
    "zero_order_absorption",
]
