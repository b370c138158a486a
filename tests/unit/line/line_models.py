"""A tissue and a body, small enough to be solved in a millisecond.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from krogh.model import (
    DoseInput,
    Model,
    Output,
    Parameter,
    Rate,
    Reaction,
    Rule,
    Species,
    Transport,
)
from krogh.space import Cylinder

SHAPE = Cylinder("8 um", "75 um", cells=16)

MOVES = Transport("F", diffusivity="D", void_fraction="eps", permeability="P", plasma="Cp")


def tissue(*more, transport=MOVES):
    """One antibody binds one receptor."""
    return Model(
        "tissue",
        Parameter("D", "10 um^2/s"),
        Parameter("eps", "0.24", lower="0.01", upper="1"),
        Parameter("P", "3e-3 um/s"),
        Parameter("kon", "7.1e-4 1/(nM s)"),
        Parameter("koff", "3.5e-4 1/s"),
        Parameter("ke", "3.3e-5 1/s"),
        Parameter("S0", "833 nM"),
        Species("F", "nM"),
        Species("S", "nM", initial="S0"),
        Species("B", "nM"),
        Species("I", "nM"),
        Reaction("F + S <-> B", forward="kon/eps*F*S", backward="koff*B"),
        Reaction("-> S", "ke*S0"),
        Reaction("S ->", "ke*S"),
        Reaction("B -> I", "ke*B"),
        transport,
        Output("free", "F/eps", unit="nM"),
        Output("occupancy", "B/(S + B)", unit="%"),
        Output("total", "F + B + I", unit="nM"),
        *more,
    )


def body(*more, unit="mg", output="mg/L"):
    """One compartment; what is eliminated is counted."""
    return Model(
        "body",
        Parameter("CL", "2 mL/d"),
        Parameter("V", "1 mL"),
        Parameter("MW", "148 kDa"),
        Species("A", unit, molar_mass="MW"),
        Species("gone", unit),
        Rule("Cp", "A/V"),
        Output("Cp", "Cp", unit=output),
        Reaction("A -> gone", "CL/V*A"),
        DoseInput("A", drug="X", route="iv"),
        *more,
    )


def still(*more, wall="membrane", **fields):
    """One species that only moves."""
    membrane = {"permeability": "P"} if wall == "membrane" else {}
    outside = {} if wall == "closed" else {"plasma": "Cp"}
    return Model(
        "still",
        Parameter("D", "10 um^2/s"),
        Parameter("eps", "0.24"),
        Parameter("P", "3e-3 um/s"),
        Species("F", "nM"),
        Transport(
            "F",
            diffusivity="D",
            void_fraction="eps",
            wall=wall,
            **(membrane | outside | fields),
        ),
        *more,
    )


def rates_only(model):
    """The rates of a model."""
    return [c for c in model.components if isinstance(c, Rate)]
