"""Whole-tumor models of animal experiments: Simeoni 2004 and Koch 2009.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from krogh.model.components import Output, Rate, Rule, Species
from krogh.model.effect.signal import Signal, chain, refuse, written
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = ["koch", "simeoni"]


def simeoni(
    driver: Signal = "Cp",
    *,
    driver_unit: str = "ng/mL",
    unit: str = "g",
    number: int = 3,
    kill: Signal | None = None,
    label: str = "",
    w0: Value = None,
    lambda0: Value = None,
    lambda1: Value = None,
    psi: Value = 20.0,
    k1: Value = None,
    k2: Value = None,
) -> Model:
    r"""Return the model of Simeoni et al. 2004: growth, kill and delayed clearance of a tumor.

    .. math::
        \dot x_1 &= \frac{\lambda_0 x_1}{[1 + (\lambda_0 w/\lambda_1)^\psi]^{1/\psi}} - k_2 C x_1 \\
        \dot x_2 &= k_2 C x_1 - k_1 x_2, \qquad \dot x_i = k_1 (x_{i-1} - x_i) \\
        w &= x_1 + x_2 + \dots

    doi 10.1158/0008-5472.CAN-03-2524, Equations 5-9.  Growth turns from exponential to linear at
    the weight ``w_threshold = lambda1/lambda0``; a lasting concentration above ``C_threshold =
    lambda0/k2`` eradicates the tumor, below it an exponentially growing one goes on growing.

    Parameters
    ----------
    driver, driver_unit
        Concentration that kills, and its unit.
    unit
        Weight or volume of the tumor.
    number
        Stages of damaged cells; 3 in the article.
    kill
        Rate of kill, 1/time, instead of ``k2*C`` (saturable, or of several drugs).
    label
        Put behind every name; the tumor is ``tumor``, its parts ``cycling`` and ``damaged1`` ...
    w0
        Weight at the start.
    lambda0, lambda1
        Exponential growth, 1/time, and linear growth, `unit`/time.
    psi
        Sharpness of the switch between them; 20 as fixed in the article.
    k1
        Passage through the stages of damage, 1/time.
    k2
        Potency, 1/(driver_unit*time).

    Raises
    ------
    SpecError
        KG-108 for a number of stages below 1; KG-112 for k2 beside `kill`.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("tumor growth of Simeoni", label, "tumor growth and kill [simeoni_2004]")
    stages = [block.name(s) for s in chain(number, "simeoni", "damaged")]
    block.parameter("w0", w0, unit, "tumor at the start")
    block.parameter("lambda0", lambda0, "1/d", "exponential growth")
    block.parameter("lambda1", lambda1, f"{unit}/d", "linear growth")
    block.parameter("psi", psi, "", "sharpness of the switch")
    _kill(block, driver, driver_unit, kill, k2)
    growth = "{lambda0}*{cycling}/(1 + ({lambda0}*{tumor}/{lambda1})^{psi})^(1/{psi})"
    block.add(
        Species(block.name("cycling"), unit, initial=block.text("{w0}"), note=block.note),
        Rate(block.name("cycling"), block.text(growth), name="growth"),
        Rule(block.name("w_threshold"), block.text("{lambda1}/{lambda0}"), unit=unit),
    )
    _damaged(block, stages, unit, k1)
    return block.model()


def koch(
    driver: Signal = "Cp",
    *,
    driver_unit: str = "mg/L",
    unit: str = "cm^3",
    number: int = 3,
    kill: Signal | None = None,
    label: str = "",
    w0: Value = None,
    lambda0: Value = None,
    lambda1: Value = None,
    k1: Value = None,
    k2: Value = None,
) -> Model:
    r"""Return the model of Koch et al. 2009: a smooth passage from exponential to linear growth.

    .. math::
        \dot x_1 &= \frac{2\lambda_0\lambda_1 x_1^2}{(\lambda_1 + 2\lambda_0 x_1) w} - k_2 C x_1 \\
        \dot x_2 &= k_2 C x_1 - k_1 x_2, \qquad \dot x_i = k_1 (x_{i-1} - x_i) \\
        w &= x_1 + x_2 + \dots

    doi 10.1007/s10928-009-9117-9.  Undisturbed growth, :math:`\dot w = 2\lambda_0\lambda_1 w/
    (\lambda_1 + 2\lambda_0 w)`, starts with the rate :math:`2\lambda_0` and tends to the slope
    :math:`\lambda_1`.  With ``number=0`` killed cells vanish at once, :math:`w = x_1`, the form
    fitted to erlotinib xenografts by Eigenmann et al. 2016, doi 10.1158/1535-7163.MCT-16-0076.

    Parameters
    ----------
    driver, driver_unit, unit, kill, label, w0, k1, k2
        As in `simeoni`.
    number
        Stages of damaged cells; 3 in the article.
    lambda0, lambda1
        Half the rate of exponential growth, 1/time, and linear growth, `unit`/time.

    Raises
    ------
    SpecError
        KG-108 for a negative number of stages; KG-112 for k2 beside `kill`, or k1 without stages.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("tumor growth of Koch", label, "tumor growth and kill [koch_2009]")
    stages = [block.name(s) for s in chain(number, "koch", "damaged", least=0)]
    block.parameter("w0", w0, unit, "tumor at the start")
    block.parameter("lambda0", lambda0, "1/d", "half the rate of exponential growth")
    block.parameter("lambda1", lambda1, f"{unit}/d", "linear growth")
    _kill(block, driver, driver_unit, kill, k2, rate="2*{lambda0}")
    growth = "2*{lambda0}*{lambda1}*{cycling}/({lambda1} + 2*{lambda0}*{cycling})"
    if stages:
        growth += "*{cycling}/{tumor}"
    block.add(
        Species(block.name("cycling"), unit, initial=block.text("{w0}"), note=block.note),
        Rate(block.name("cycling"), block.text(growth), name="growth"),
    )
    _damaged(block, stages, unit, k1)
    return block.model()


def _kill(
    block: Block,
    driver: Signal,
    driver_unit: str,
    kill: Signal | None,
    k2: Value,
    rate: str = "{lambda0}",
) -> None:
    """Add the rule ``kill_rate``, and the concentration that it balances growth with."""
    if kill is not None:
        refuse({"k2": k2}, "the given rate of kill")
        block.add(Rule(block.name("kill_rate"), str(kill)))
        return
    block.parameter("k2", k2, f"1/({driver_unit})/d", "potency")
    block.add(
        Rule(block.name("kill_rate"), block.text(f"{{k2}}*{written(driver)}"), unit="1/d"),
        Rule(block.name("C_threshold"), block.text(f"{rate}/{{k2}}"), unit=driver_unit),
    )


def _damaged(block: Block, stages: list[str], unit: str, k1: Value) -> None:
    """Add the kill of cycling cells, the stages they pass, and the whole tumor."""
    cycling, tumor = block.name("cycling"), block.name("tumor")
    entering = block.text("{kill_rate}") + f"*{cycling}"
    block.add(Rate(cycling, f"-{entering}", name="kill"))
    if stages:
        block.parameter("k1", k1, "1/d", "passage through the stages of damage")
    else:
        refuse({"k1": k1}, "a tumor without stages of damage")
    for stage in stages:
        leaving = block.text("{k1}") + f"*{stage}"
        block.add(
            Species(stage, unit, initial="0"),
            Rate(stage, f"{entering} - {leaving}", name="damage"),
        )
        entering = leaving
    block.add(
        Rule(tumor, " + ".join([cycling, *stages]), unit=unit), Output(tumor, tumor, unit=unit)
    )
