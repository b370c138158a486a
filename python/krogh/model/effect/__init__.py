"""Level 4, effect: blocks of drug effects, damage, radiation, growth and whole tumors.

SPDX-License-Identifier: BSD-3-Clause

Every function returns a `Model` that is driven by a name which another block defines (a plasma or
tissue concentration, an occupancy, payload in cells) and composes with `krogh.model.systemic`::

    from krogh.model import Model
    from krogh.model import effect as pd
    from krogh.model import systemic as pk

    model = Model(
        "xenograft",
        pk.compartments(1, V1="0.02 L"),
        pk.linear_elimination(CL="0.05 L/h"),
        pd.emax("Cp", effect="kill", unit="1/d", Emax="0.4 1/d", EC50="2 mg/L"),
        pd.growth("gompertz", size="tumor_size", start="0.1 cm^3", kg="0.1 1/d", capacity="5 cm^3"),
        pd.cell_kill("kill", 3, kclear="0.8 1/d"),
    )
"""

from krogh.model.effect.blood import myelosuppression
from krogh.model.effect.clinical import claret, ribba, stein
from krogh.model.effect.cycle import cell_cycle
from krogh.model.effect.damage import adducts
from krogh.model.effect.delay import effect_compartment, transit
from krogh.model.effect.feedback import relative_to_start, scaled_parameter
from krogh.model.effect.growth import cell_kill, growth, oxygen_limits
from krogh.model.effect.radiation import oxygen_enhancement, radiation
from krogh.model.effect.response import emax, linear_effect, power_effect
from krogh.model.effect.shell import cell_shell
from krogh.model.effect.turnover import indirect_response, precursor_response, target_turnover
from krogh.model.effect.vessels import vessels
from krogh.model.effect.xenograft import koch, simeoni

__all__ = [
    "adducts",
    "cell_cycle",
    "cell_kill",
    "cell_shell",
    "claret",
    "effect_compartment",
    "emax",
    "growth",
    "indirect_response",
    "koch",
    "linear_effect",
    "myelosuppression",
    "oxygen_enhancement",
    "oxygen_limits",
    "power_effect",
    "precursor_response",
    "radiation",
    "relative_to_start",
    "ribba",
    "scaled_parameter",
    "simeoni",
    "stein",
    "target_turnover",
    "transit",
    "vessels",
]
