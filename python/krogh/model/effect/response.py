"""Direct effects: linear, power and sigmoid Emax laws of any state, rule or expression.

SPDX-License-Identifier: BSD-3-Clause

Each block defines one rule, which the other blocks of this package take as their signal.
"""

from __future__ import annotations

from typing import Literal

from krogh.model.components import Rule
from krogh.model.effect.signal import Signal, refuse, unbounded, written
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = ["emax", "linear_effect", "power_effect"]


def emax(
    driver: Signal = "Cp",
    *,
    driver_unit: str = "mg/L",
    effect: str = "effect",
    unit: str = "",
    direction: Literal["stimulation", "inhibition"] = "stimulation",
    form: Literal["absolute", "fraction"] = "absolute",
    label: str = "",
    E0: Value = None,
    Emax: Value = None,
    EC50: Value = None,
    nH: Value = 1.0,
) -> Model:
    r"""Return a sigmoid Emax (Hill) law; ``nH=1`` is the plain Emax law.

    With ``form="absolute"``:

    .. math:: E = E_0 \pm E_{max} \frac{C^{n_H}}{EC_{50}^{n_H} + C^{n_H}}

    and with ``form="fraction"`` the factor :math:`1 \pm E_{max} C^{n_H}/(EC_{50}^{n_H} + C^{n_H})`
    that scales another quantity.  Laws of drug effect: Holford & Sheiner 1981, doi
    10.2165/00003088-198106060-00002.  A driver below zero has no effect.

    Parameters
    ----------
    driver, driver_unit
        The quantity that acts, and a unit of its dimension.
    effect
        Name of the rule that results (with the label behind it).
    unit
        Unit of the effect; empty for dimensionless, ``"1/d"`` for a rate of kill.
    direction
        Whether the driver raises or lowers the effect.
    form
        An effect of its own, or a factor around 1.
    label
        Put behind every name, so that several effects fit into one model.
    E0
        Effect without the driver, in `unit`; no such term if left out.
    Emax
        Largest change, in `unit`.
    EC50
        Value of the driver at half the largest change.
    nH
        Hill coefficient, dimensionless.

    Raises
    ------
    SpecError
        KG-108 for another direction or form; KG-112 for E0 or a unit in a fraction.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("sigmoid Emax effect", label, "sigmoid Emax effect [holford_sheiner_1981]")
    block.choice(direction, ("stimulation", "inhibition"), "the direction")
    block.choice(form, ("absolute", "fraction"), "the form")
    sign = "+" if direction == "stimulation" else "-"
    if form == "fraction":
        refuse({"E0": E0, "unit": unit or None}, "the form 'fraction'")
    block.parameter("Emax", Emax, unit, "largest change of the effect")
    block.parameter("EC50", EC50, driver_unit, "driver at half the largest change")
    block.parameter("nH", nH, "", "Hill coefficient")
    law = f"{{Emax}}*hill({driver}, {{EC50}}, {{nH}})"
    if form == "fraction":
        law = f"1 {sign} {law}"
    elif E0 is not None:
        block.parameter("E0", E0, unit, "effect without the driver")
        law = f"{{E0}} {sign} {law}"
    elif sign == "-":
        law = f"-{law}"
    block.add(Rule(block.name(effect), block.text(law), unit=unit or None, note=block.note))
    return block.model()


def linear_effect(
    driver: Signal = "Cp",
    *,
    driver_unit: str = "mg/L",
    effect: str = "effect",
    unit: str = "",
    label: str = "",
    E0: Value = None,
    slope: Value = None,
) -> Model:
    """Return an effect in proportion to its driver: ``E = E0 + slope*C``.

    Parameters
    ----------
    driver, driver_unit, effect, unit, label, E0
        As in `emax`.
    slope
        Effect per driver, ``unit/driver_unit``; its sign is free.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("linear effect", label, "linear effect")
    block.parameter("slope", unbounded(slope), _per(unit, driver_unit), "effect per driver")
    law = f"{{slope}}*{written(driver)}"
    if E0 is not None:
        block.parameter("E0", E0, unit, "effect without the driver")
        law = "{E0} + " + law
    block.add(Rule(block.name(effect), block.text(law), unit=unit or None, note=block.note))
    return block.model()


def power_effect(
    driver: Signal = "Cp",
    *,
    driver_unit: str = "mg/L",
    effect: str = "effect",
    unit: str = "",
    label: str = "",
    reference: Value = None,
    amplitude: Value = None,
    exponent: Value = None,
) -> Model:
    """Return ``E = amplitude*(C/reference)^exponent``, for drivers that stay positive.

    Parameters
    ----------
    driver, driver_unit, effect, unit, label
        As in `emax`.
    reference
        Value of the driver at which the effect is `amplitude`.
    amplitude
        Effect at the reference, in `unit`.
    exponent
        Dimensionless.

    Raises
    ------
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("power effect", label, "power effect")
    block.parameter("reference", reference, driver_unit, "driver with the effect 'amplitude'")
    block.parameter("amplitude", unbounded(amplitude), unit, "effect at the reference")
    block.parameter("exponent", exponent, "", "exponent of the effect")
    law = f"{{amplitude}}*({written(driver)}/{{reference}})^{{exponent}}"
    block.add(Rule(block.name(effect), block.text(law), unit=unit or None, note=block.note))
    return block.model()


def _per(unit: str, driver_unit: str) -> str:
    return f"{unit or 1}/({driver_unit})" if driver_unit else unit
