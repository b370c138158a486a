"""Cells that pass through the phases of their cycle, killed phase by phase.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping

from krogh.errors import SpecError, did_you_mean
from krogh.model.components import Output, Rate, Rule, Species
from krogh.model.effect.signal import Signal, chain, written
from krogh.model.network import Model
from krogh.model.systemic.block import Block, Value

__all__ = ["cell_cycle"]


def cell_cycle(
    durations: Mapping[str, Value],
    *,
    stages: Mapping[str, int] | None = None,
    kill: Mapping[str, Signal] | None = None,
    arrest: Mapping[str, Signal] | None = None,
    unit: str = "cells",
    label: str = "",
    start: Value = None,
) -> Model:
    r"""Return dividing cells by phase, with gamma-distributed times in each phase.

    A phase of mean duration :math:`T` and :math:`n` stages passes with the rate :math:`k = n/T`
    from stage to stage; what leaves the last stage of the last phase enters the first phase twice:

    .. math:: \dot x_{p,1} = \text{in} - a_p k_p x_{p,1} - \kappa_p x_{p,1}, \qquad
              \dot x_{p,i} = a_p k_p (x_{p,i-1} - x_{p,i}) - \kappa_p x_{p,i}

    with kill :math:`\kappa_p` and the factor :math:`a_p` of arrest.  Undisturbed cells end up
    growing with the rate :math:`\lambda` that solves :math:`2 \prod_p (1 + \lambda T_p/n_p)^{-n_p}
    = 1`.  Cycle as a chain of stages: Takahashi 1966, J Theor Biol 13:202-211.

    Parameters
    ----------
    durations
        Mean duration by phase in the order of the cycle, ``{"G1": "10 h", "S": "8 h", "G2M": "4
        h"}``; the parameters ``T_<phase>``.
    stages
        Number of stages by phase; 1 where left out.
    kill
        Rate of kill by phase, 1/time.
    arrest
        Dimensionless factor of the passage by phase: 1 without drug, 0 for full arrest.
    unit
        Of the cells: a number, mass or volume.
    label
        Put behind every name; the rules ``<phase>`` are the cells in a phase, ``cells`` all.
    start
        All cells at the start, in `unit`, spread over the stages by duration; ``cells_start``.

    Raises
    ------
    SpecError
        KG-101 without a phase; KG-103 for a phase that is not in `durations`; KG-108 for a wrong
        number of stages.
    UnitError
        KG-121 for a value of another dimension.
    """
    block = Block("cell cycle", label, "cell cycle by stages [takahashi_1966]")
    if not durations:
        raise SpecError("KG-101: cell_cycle needs the duration of at least one phase.")
    phases = list(durations)
    for what, given in (("stages", stages), ("kill", kill), ("arrest", arrest)):
        for phase in given or {}:
            if phase not in durations:
                raise SpecError(
                    f"KG-103: {what} names the phase {phase!r}, which has no duration."
                    f"{did_you_mean(phase, phases)}"
                )
    names = {
        phase: [
            block.name(f"{phase}_{s}") for s in chain((stages or {}).get(phase, 1), "cell_cycle")
        ]
        for phase in phases
    }
    block.parameter("cells_start", start, unit, "all cells at the start")
    for phase in phases:
        block.parameter(f"T_{phase}", durations[phase], "h", f"mean duration of {phase}")
    whole = " + ".join(block.name(f"T_{phase}") for phase in phases)
    flux = f"2*{_passage(block, phases[-1], names, arrest)}*{names[phases[-1]][-1]}"
    for phase in phases:
        passage = _passage(block, phase, names, arrest)
        share = block.text(f"{{cells_start}}*{{T_{phase}}}/({whole})/{len(names[phase])}")
        for stage in names[phase]:
            block.add(
                Species(stage, unit, initial=share, note=block.note),
                Rate(stage, flux, name="entry"),
                Rate(stage, f"-{passage}*{stage}", name="passage"),
            )
            if kill and phase in kill:
                block.add(Rate(stage, f"-{written(kill[phase])}*{stage}", name="kill"))
            flux = f"{passage}*{stage}"
        block.add(Rule(block.name(phase), " + ".join(names[phase]), unit=unit))
    total = block.name("cells")
    block.add(
        Rule(total, " + ".join(map(block.name, phases)), unit=unit),
        Output(total, total, unit=unit),
    )
    return block.model()


def _passage(
    block: Block,
    phase: str,
    names: Mapping[str, list[str]],
    arrest: Mapping[str, Signal] | None,
) -> str:
    """Return the rate at which a stage of a phase is passed."""
    rate = block.text(f"{len(names[phase])}/{{T_{phase}}}")
    return f"{written(arrest[phase])}*{rate}" if arrest and phase in arrest else rate
