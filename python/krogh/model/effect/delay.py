"""Delayed effects: the effect compartment, and chains of transit compartments.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from krogh.model.components import Rate, Rule, Species
from krogh.model.effect.signal import Signal, chain, written
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = ["effect_compartment", "transit"]


def effect_compartment(
    driver: Signal = "Cp",
    *,
    driver_unit: str = "mg/L",
    effect_site: str = "Ce",
    label: str = "",
    ke0: Value = None,
) -> Model:
    """Return the concentration at a site of effect that lags behind plasma.

    ::

        d(Ce)/dt = ke0*(C - Ce),   Ce(0) = 0

    The site holds a negligible amount and equals the driver at steady state (Sheiner et al. 1979,
    doi 10.1002/cpt1979253358).

    Parameters
    ----------
    driver, driver_unit
        The concentration that drives, and its unit.
    effect_site
        Name of the state.
    label
        Put behind every name.
    ke0
        Rate constant of equilibration, 1/time.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("effect compartment", label, "effect compartment [sheiner_1979]")
    block.parameter("ke0", ke0, "1/h", "equilibration with the site of effect")
    site = block.name(effect_site)
    law = block.text(f"{{ke0}}*({written(driver)} - {site})")
    block.add(
        Species(site, driver_unit, initial="0", note=block.note),
        Rate(site, law, name="equilibration"),
    )
    return block.model()


def transit(
    signal: Signal,
    number: int = 4,
    *,
    unit: str = "",
    state: str = "signal",
    initial: str = "0",
    label: str = "",
    tau: Value = None,
) -> Model:
    """Return a signal, or damage, that arrives delayed through transit compartments.

    ::

        d(signal1)/dt = (S - signal1)/tau
        d(signali)/dt = (signal(i-1) - signali)/tau
        signal_delayed = signal<number>

    The step response is a gamma distribution with mean ``number*tau`` and variance
    ``number*tau^2``; the integral of what leaves is that of what enters.  Mager & Jusko
    2001, Clin Pharmacol Ther 70:210-216; Lobo & Balthasar 2002, doi 10.1208/ps040442.

    Parameters
    ----------
    signal, unit
        What enters, and its unit (empty for dimensionless).
    number
        How many compartments.
    state
        Beginning of the names; the rule ``<state>_delayed`` is the last compartment.
    initial
        Value of all compartments at the start; the undisturbed signal where that is not 0.
    label
        Put behind every name.
    tau
        Mean time in one compartment.

    Raises
    ------
    SpecError
        KG-108 for a number of compartments below 1.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("transit compartments", label, "signal through transit [lobo_balthasar_2002]")
    stages = chain(number, "transit", state)
    block.parameter("tau", tau, "h", "mean time in one compartment")
    before = written(signal)
    for stage in map(block.name, stages):
        block.add(
            Species(stage, unit, initial=initial, note=block.note),
            Rate(stage, block.text(f"({before} - {stage})/{{tau}}"), name="transit"),
        )
        before = stage
    block.add(Rule(block.name(f"{state}_delayed"), before))
    return block.model()
