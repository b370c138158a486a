"""Clearance that changes: with time, with other states, or induced by the drug itself.

SPDX-License-Identifier: BSD-3-Clause

Each block defines the rule ``CL``; it takes the place of a value for `linear_elimination`.
"""

from __future__ import annotations

from krogh.errors import SpecError
from krogh.model.components import Rate, Rule, Species
from krogh.model.expression import Expression, Symbol, as_expression
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = ["auto_induction", "state_driven_clearance", "time_varying_clearance"]


def time_varying_clearance(
    *,
    drug: str = "",
    CL0: Value = None,
    Emax_CL: Value = None,
    T50: Value = None,
    gamma_CL: Value = None,
) -> Model:
    """Return ``CL = CL0*exp(Emax_CL*t^gamma/(T50^gamma + t^gamma))`` (Bajaj 2017, Equation 8).

    Time counts from the start of the simulation, which is therefore the first dose.

    Parameters
    ----------
    drug
        Put behind every name.
    CL0
        Initial clearance, length^3/time.
    Emax_CL
        Largest change of log clearance; negative where clearance falls.
    T50
        Time of half the change.
    gamma_CL
        Steepness.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("time-varying clearance", drug, "time-varying clearance [bajaj_2017]")
    block.parameter("CL0", CL0, "L/d", "initial clearance")
    block.parameter("Emax_CL", Emax_CL, "", "largest change of log clearance")
    block.parameter("T50", T50, "d", "time of half the change")
    block.parameter("gamma_CL", gamma_CL, "", "steepness")
    law = block.text("{CL0}*exp({Emax_CL}*hill(t, {T50}, {gamma_CL}))")
    block.add(Rule(block.name("CL"), law, note=block.note))
    return block.model()


def state_driven_clearance(*effects: str | Expression, drug: str = "", CL0: Value = None) -> Model:
    """Return ``CL = CL0 * effect1 * effect2 ...``: clearance that follows other quantities.

    An effect is a dimensionless expression of covariates (which may vary in time), species (tumour
    size) or rules, for example of `krogh.model.systemic.power`.  Durvalumab's clearance follows
    albumin and tumour size in this way (Baverel 2018).

    Parameters
    ----------
    *effects
        Factors, at least one.
    drug
        Put behind every name.
    CL0
        Clearance where all factors are 1.

    Raises
    ------
    SpecError
        KG-101 without an effect.
    """
    if not effects:
        raise SpecError("KG-101: state_driven_clearance needs at least one effect.")
    block = Block("state-driven clearance", drug, "state-driven clearance [baverel_2018]")
    law: Expression = Symbol(block.parameter("CL0", CL0, "L/d", "clearance at reference"))
    for effect in effects:
        law = law * as_expression(effect)
    block.add(Rule(block.name("CL"), law, note=block.note))
    return block.model()


def auto_induction(
    *,
    drug: str = "",
    driver: str = "Cp",
    driver_unit: str = "mg/L",
    CL0: Value = None,
    kenz: Value = None,
    Emax_ind: Value = None,
    EC50_ind: Value = None,
) -> Model:
    """Return clearance by an enzyme whose production the drug stimulates.

    A turnover model (indirect response with stimulated production, Dayneka 1993) of the enzyme
    relative to its normal amount::

        d(enzyme)/dt = kenz*(1 + Emax_ind*Cp/(EC50_ind + Cp) - enzyme),   enzyme(0) = 1
        CL = CL0*enzyme

    At a constant concentration the clearance tends to ``CL0*(1 + Emax_ind*Cp/(EC50_ind + Cp))``.

    Parameters
    ----------
    drug
        Put behind every name.
    driver, driver_unit
        Name of the concentration that induces, and a unit of its dimension.
    CL0
        Clearance before induction, length^3/time.
    kenz
        Turnover of the enzyme, 1/time.
    Emax_ind
        Largest relative increase.
    EC50_ind
        Concentration of half the increase.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("auto-induction", drug, "auto-induction by enzyme turnover [dayneka_1993]")
    block.parameter("CL0", CL0, "L/d", "clearance before induction")
    block.parameter("kenz", kenz, "1/d", "turnover of the enzyme")
    block.parameter("Emax_ind", Emax_ind, "", "largest relative increase of the enzyme")
    block.parameter("EC50_ind", EC50_ind, driver_unit, "concentration of half the increase")
    c = block.name(driver) if driver == "Cp" else driver
    law = "{kenz}*(1 + {Emax_ind}*{c}/({EC50_ind} + {c}) - {enzyme})"
    block.add(
        Species(block.name("enzyme"), "", initial="1", note=block.note),
        Rate(block.name("enzyme"), block.text(law, c=c), name="induction"),
        Rule(block.name("CL"), block.text("{CL0}*{enzyme}")),
    )
    return block.model()
