"""Living cells at a place in the tissue: kill with delayed clearance, room and regrowth.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from krogh.errors import SpecError
from krogh.model.components import Output, Rate, Rule, Species
from krogh.model.effect.signal import Signal, chain, refuse, written
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = ["cell_shell"]


def cell_shell(
    *kills: Signal,
    number: int = 3,
    kclear: Value = None,
    grows: bool = False,
    kg: Value = None,
    factor: Signal | None = None,
    kill_outputs: tuple[str, ...] = (),
    label: str = "",
) -> Model:
    r"""Return the cells of one shell of tissue: living, dying, and the room that these leave.

    As fractions of the cells that fill the shell (1 at the start):

    .. math::
        \dot N &= f k_g N (1 - N - \textstyle\sum_j Y_j) - \sum_i k_i N, \qquad N(0) = 1 \\
        \dot Y_1 &= \sum_i k_i N - k_c Y_1, \qquad \dot Y_j = k_c (Y_{j-1} - Y_j)

    For tissue models that live in every cell of a line: each shell is killed at its own payload,
    adducts or occupancy, its dead are cleared with the mean delay ``number/kclear``, and cleared
    room is grown over, limited by oxygen through `factor` (`oxygen_limits`).  Delayed clearance:
    Simeoni et al. 2004, doi 10.1158/0008-5472.CAN-03-2524; the limit of room is that of logistic
    growth.  ``viable`` is N, so blocks that scale with living cells take ``"viable"``: synthesis of
    a receptor (``surface_target(..., synthesis_factor="viable")``), consumption of oxygen.

    Parameters
    ----------
    *kills
        Rates of kill per living cell, 1/time: rules of `emax` with ``unit="1/d"``,
        ``hypoxic_death`` of `oxygen_limits`, expressions.  None: nothing kills.
    number
        Stages of dying; 0 clears at once.
    kclear
        Rate constant :math:`k_c` from stage to stage, 1/time.
    grows, kg
        Whether living cells grow into room; :math:`k_g`, 1/time.
    factor
        Dimensionless factor of growth.
    kill_outputs
        Names of rules among `kills` to report in 1/d (``"kill_TDM1"``).
    label
        Put behind every name.

    Notes
    -----
    Outputs: ``viable`` (living cells) and ``cells_present`` (living and dying).

    Raises
    ------
    SpecError
        KG-101 for a shell that neither is killed nor grows; KG-103 for a reported kill that is
        not among `kills`; KG-108 for a negative number of stages; KG-112 for values without use.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("cells of a shell", label, "kill with delayed clearance [simeoni_2004]")
    if not kills and not grows:
        raise SpecError("KG-101: cell_shell needs a rate of kill or grows=True.")
    for name in kill_outputs:
        if name not in kills:
            raise SpecError(
                f"KG-103: the kill {name!r} to report is not among those given,"
                f" {', '.join(map(repr, map(str, kills))) or 'none'}."
            )
    if not grows:
        refuse({"kg": kg, "factor": factor}, "cell_shell without growth")
    stages = [block.name(s) for s in chain(number, "cell_shell", "dying", least=0)]
    stages = stages if kills else []
    living, present, flux = (block.name(n) for n in ("living", "cells_present", "killed"))
    viable = block.name("viable")
    block.add(
        Species(living, "", initial="1", note=block.note),
        Rule(present, " + ".join([living, *stages])),
        Rule(viable, living),
        Output(viable, unit=""),
        Output(present, unit=""),
    )
    if kills:
        rate = " + ".join(map(written, kills))
        block.add(
            Rule(flux, f"({rate})*{living}", unit="1/d"),
            Rate(living, f"-{flux}", name="kill"),
        )
        if stages:
            k = block.parameter("kclear", kclear, "1/d", "passage through the stages of dying")
        entering = flux
        for stage in stages:
            leaving = f"{k}*{stage}"
            block.add(
                Species(stage, "", initial="0"),
                Rate(stage, f"{entering} - {leaving}", name="dying"),
            )
            entering = leaving
    if not kills or not stages:
        refuse({"kclear": kclear}, "cell_shell without dying cells")
    if grows:
        speed = block.parameter("kg", kg, "1/d", "growth into room")
        scale = "" if factor is None else f"{written(factor)}*"
        block.add(Rate(living, f"{scale}{speed}*{living}*(1 - {present})", name="growth"))
    block.add(*(Output(name, unit="1/d") for name in kill_outputs))
    return block.model()
