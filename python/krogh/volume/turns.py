"""Flows that follow each other in a run: the transport that each brings.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError
from krogh.space.grid import Grid
from krogh.units import convert
from krogh.volume.fluid import Fluid, drag, drains, fluid_of, passed_sides

if TYPE_CHECKING:
    from krogh.volume.problem import VolumeProblem

__all__ = ["Turn", "flows_of", "passed_by", "turn_problem"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Turn:
    """A flow from a time on, s, and the share of the permeabilities that walls have then."""

    time: float
    fluid: Any
    permeability: float = 1.0

    def checked(self, grid: Grid, inside: NDArray[np.bool_]) -> Fluid:
        """Return the flow where it fits the grid; SpecError KG-166 where not."""
        found = fluid_of(self.fluid, grid, inside)
        assert found is not None
        return found


def passed_by(fluids: Iterable[Fluid | None]) -> tuple[bool, ...]:
    """Return whether any of the flows passes each of the six sides of the box."""
    found = np.zeros(6, dtype=bool)
    for fluid in fluids:
        found |= passed_sides(fluid)
    return tuple(bool(p) for p in found)


def flows_of(given: Any) -> tuple[Turn, ...]:
    """Return what flows, in order: one flow, or those of a `krogh.interstitial.FlowCourse`.

    Raises
    ------
    SpecError
        KG-166 for a course whose flows are none.
    """
    from krogh.interstitial.course import FlowCourse

    if not isinstance(given, FlowCourse):
        return () if given is None else (Turn(-np.inf, given),)
    times = np.asarray(convert(given.times, given.time_unit, "s"))
    return tuple(
        Turn(float(time), flow, share)
        for time, flow, share in zip(times, given.flows, given.permeability, strict=True)
    )


def turn_problem(
    problem: VolumeProblem, fluids: tuple[tuple[Turn, Fluid], ...], rates: Floats, begin: float
) -> None:
    """Let a problem have the flow that holds at its begin, and those that follow.

    Parameters
    ----------
    problem
        Without a flow; gets `fluid`, `rates`, `out_rates`, `drained`, `exchanges` and `turns`.
    fluids
        Each turn and its checked flow.
    rates
        P S/V of every mobile species, (mobiles, cells).
    begin
        Of the run, s.

    Raises
    ------
    SpecError
        KG-166 where no flow holds at the begin, KG-108 as of `krogh.volume.fluid.drag`.
    """
    first = max((k for k, (turn, _) in enumerate(fluids) if turn.time <= begin), default=-1)
    if first < 0:
        raise SpecError(
            f"KG-166: the flows begin at {fluids[0][0].time:g} s, the run at {begin:g} s; let the"
            " course begin no later."
        )
    stages = []
    for turn, fluid in fluids[first:]:
        own = replace(problem, fluid=fluid)
        into, out = drag(own, turn.permeability * rates)
        stages.append(replace(own, rates=into, out_rates=out, drained=drains(own)))
    # Every stage has the same ways in the same order; what one does not use has rates of zero.
    names = list(dict.fromkeys(name for stage in stages for name, _ in stage.drained))
    used = [np.any(s.rates + s.out_rates > 0.0, axis=1) for s in stages if s.out_rates is not None]
    exchanges = tuple(bool(u) for u in np.any(used, axis=0))
    for stage in stages:
        known = dict(stage.drained)
        stage.drained = tuple((name, known.get(name, np.zeros_like(stage.rates))) for name in names)
        stage.exchanges = exchanges
    now = stages[0]
    problem.fluid, problem.rates, problem.out_rates = now.fluid, now.rates, now.out_rates
    problem.drained, problem.exchanges = now.drained, exchanges
    later = zip(fluids[first + 1 :], stages[1:], strict=True)
    problem.turns = tuple((turn.time, stage) for (turn, _), stage in later)
