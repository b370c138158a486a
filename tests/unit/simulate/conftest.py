"""Small models that the tests of the simulation share.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import pytest
from krogh.model import (
    Covariate,
    DoseInput,
    Model,
    Output,
    Parameter,
    Rate,
    Rule,
    Species,
    Variability,
)


@pytest.fixture(scope="session")
def oral() -> Model:
    """One compartment with first-order absorption, weight on clearance, random effects."""
    return Model(
        "oral",
        Parameter("CL", "5 L/h"),
        Parameter("V", "50 L"),
        Parameter("ka", "1 1/h"),
        Covariate("WT", "70 kg", lower="10 kg", upper="200 kg"),
        Variability(("eta_CL", "eta_V"), [[0.09, 0.01], [0.01, 0.04]]),
        Variability("kappa_CL", 0.04, level="occasion"),
        Rule("CLi", "CL*(WT/70[kg])^0.75*exp(eta_CL + kappa_CL)"),
        Rule("Vi", "V*exp(eta_V)"),
        Species("depot", "mg"),
        Species("central", "mg"),
        Rate("depot", "-ka*depot"),
        Rate("central", "ka*depot - CLi/Vi*central"),
        DoseInput("depot", route="oral"),
        DoseInput("central", route="iv"),
        Output("Cp", "central/Vi", unit="mg/L"),
    )


@pytest.fixture(scope="session")
def bolus() -> Model:
    """One compartment, dose into it: everything is known in closed form."""
    return Model(
        "bolus",
        Parameter("CL", "5 L/h"),
        Parameter("V", "50 L"),
        Species("A", "mg"),
        Rate("A", "-CL/V*A"),
        DoseInput("A"),
        Output("Cp", "A/V", unit="mg/L"),
    )


@pytest.fixture(scope="session")
def saturable() -> Model:
    """Michaelis-Menten elimination from an absorption depot."""
    return Model(
        "saturable",
        Parameter("KA", "1 1/h"),
        Parameter("VM", "15 mg/h"),
        Parameter("KM", "300 mg"),
        Species("depot", "mg"),
        Species("central", "mg"),
        Rate("depot", "-KA*depot"),
        Rate("central", "KA*depot - VM*central/(KM + central)"),
        DoseInput("depot"),
    )


@pytest.fixture(scope="session")
def tmdd() -> Model:
    """Full target-mediated disposition with an absorption depot (nonlinear, stiff)."""
    return Model(
        "tmdd",
        *(
            Parameter(name, value)
            for name, value in {
                "ka": "0.3 1/d",
                "CL": "0.2 L/d",
                "V1": "3 L",
                "Q": "0.5 L/d",
                "V2": "3 L",
                "kon": "10 1/nM/d",
                "koff": "1 1/d",
                "kint": "1 1/d",
                "ksyn": "1 nM/d",
                "kdeg": "0.5 1/d",
            }.items()
        ),
        Variability(("eta_CL", "eta_V1"), [[0.09, 0.0], [0.0, 0.09]]),
        Rule("CLi", "CL*exp(eta_CL)"),
        Rule("V1i", "V1*exp(eta_V1)"),
        Species("A", "nmol"),
        Species("C", "nM"),
        Species("P", "nM"),
        Species("R", "nM", initial="ksyn/kdeg"),
        Species("RC", "nM"),
        Rate("A", "-ka*A"),
        Rate("C", "ka*A/V1i - (CLi + Q)/V1i*C + Q/V1i*P - kon*C*R + koff*RC"),
        Rate("P", "Q/V2*(C - P)"),
        Rate("R", "ksyn - kdeg*R - kon*C*R + koff*RC"),
        Rate("RC", "kon*C*R - (koff + kint)*RC"),
        DoseInput("A", bioavailability="0.7"),
    )
