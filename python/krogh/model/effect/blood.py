"""Myelosuppression by chemotherapy: Friberg 2002.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from krogh.model.components import Output, Rate, Rule, Species
from krogh.model.effect.signal import Signal, chain, written
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = ["myelosuppression"]


def myelosuppression(
    effect: Signal,
    number: int = 3,
    *,
    unit: str = "1e9/L",
    label: str = "",
    Circ0: Value = None,
    MTT: Value = None,
    gamma_fb: Value = None,
) -> Model:
    r"""Return blood cells under chemotherapy: proliferation, maturation and feedback.

    .. math::
        \dot P &= k_{tr} P (1 - E) (C_0/C)^\gamma - k_{tr} P, \qquad k_{tr} = (n + 1)/MTT \\
        \dot T_1 &= k_{tr} (P - T_1), \quad \dot T_i = k_{tr} (T_{i-1} - T_i), \quad
        \dot C = k_{tr} (T_n - C)

    with everything at :math:`C_0` at the start.  Friberg et al. 2002, doi 10.1200/JCO.2002.02.140
    (n = 3).

    Parameters
    ----------
    effect
        Dimensionless effect on proliferation, 0 without drug: `linear_effect` or `emax`.
    number
        Stages of maturation.
    unit
        Of the counts.
    label
        Put behind every name; cells in blood are ``circulating``.
    Circ0
        Count without drug.
    MTT
        Mean time of maturation.
    gamma_fb
        Strength of the feedback.

    Raises
    ------
    SpecError
        KG-108 for a number of stages below 1.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("myelosuppression", label, "myelosuppression [friberg_2002]")
    stages = [block.name(s) for s in chain(number, "myelosuppression", "maturing")]
    block.parameter("Circ0", Circ0, unit, "count without drug")
    block.parameter("MTT", MTT, "h", "mean time of maturation")
    block.parameter("gamma_fb", gamma_fb, "", "strength of the feedback")
    dividing, blood = block.name("dividing"), block.name("circulating")
    growth = f"{{ktr}}*{dividing}*(1 - {written(effect)})*({{Circ0}}/{blood})^{{gamma_fb}}"
    start = block.text("{Circ0}")
    block.add(
        Rule(block.name("ktr"), block.text(f"{number + 1}/{{MTT}}")),
        Species(dividing, unit, initial=start, note=block.note),
        Rate(dividing, block.text(growth), name="proliferation"),
        Rate(dividing, block.text(f"-{{ktr}}*{dividing}"), name="maturation"),
    )
    before = dividing
    for stage in [*stages, blood]:
        block.add(
            Species(stage, unit, initial=start),
            Rate(stage, block.text(f"{{ktr}}*({before} - {stage})"), name="maturation"),
        )
        before = stage
    block.add(Output(blood, blood, unit=unit))
    return block.model()
