"""One patient's plasma beside what lesions take from it: the body alone, and what it is told.

SPDX-License-Identifier: BSD-3-Clause

Lesions are solved with the plasma's model and its doses; what they take enters it as a rate that is
constant between knots, so that the amount taken up to each knot is exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SolverError
from krogh.line.added_rates import added_rates
from krogh.line.ledger import ledger_of
from krogh.line.run import simulate_line
from krogh.model import Model
from krogh.space import Slab
from krogh.tumour.lesion_dose import dosed_amounts
from krogh.units import factor
from krogh.volume.plasma import no_tissue

if TYPE_CHECKING:
    from krogh.line.result import LineResult
    from krogh.study.study import Study

__all__ = ["Body", "Drawn"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Drawn:
    """What lesions have taken from species of the plasma up to each knot.

    Attributes
    ----------
    knots
        s, ascending, shape (k,).
    species
        Of the systemic model.
    amounts
        Since the first knot, internal units, shape (k, species).
    units
        Of the species' amounts.
    """

    knots: Floats
    species: tuple[str, ...]
    units: tuple[str, ...]
    amounts: Floats

    @property
    def rates(self) -> dict[str, Any]:
        """As `krogh.simulate_line` takes them: what the plasma loses between the knots."""
        widths = np.diff(self.knots)
        found: dict[str, Any] = {}
        for k, (name, unit) in enumerate(zip(self.species, self.units, strict=True)):
            lost = -np.diff(self.amounts[:, k]) / widths / factor(unit)
            if np.any(lost != 0.0):
                found[name] = ((self.knots, "s"), np.append(lost, 0.0), f"{unit}/s")
        return found


class Body:
    """The systemic model of a study, which counts what it eliminates, without any tissue.

    Parameters
    ----------
    study
        With doses.
    systemic, groups
        As of `krogh.study.balance.with_eliminated`.
    knots
        Times at which the plasma is looked at, and between which the lesions' uptake is constant.
    """

    def __init__(
        self,
        study: Study,
        systemic: Model,
        groups: Mapping[str, tuple[str, ...]],
        knots: Floats,
    ) -> None:
        self.systemic = systemic.compile()
        self.groups = groups
        self.knots = knots
        self._study = study

    @cached_property
    def untouched(self) -> LineResult:
        """The body without lesions."""
        return self._solve({})

    @cached_property
    def dosed(self) -> dict[str, float]:
        """Amount dosed into each species up to the end, internal units."""
        return dosed_amounts(self.untouched)

    def _solve(self, rates: Mapping[str, Any]) -> LineResult:
        study = self._study
        return simulate_line(
            no_tissue(),
            Slab("1 um", cells=2),
            study.regimen,
            systemic=self.systemic,
            lines=1,
            times=(self.knots, "s"),
            weight=study.subject.weight,
            surface=study.subject.surface,
            plasma_rates=rates,
            rtol=max(1e-12, 0.1 * study.settings.rtol),
            max_steps=study.settings.max_steps,
            num_threads=1,
            progress=False,
            on_failure="raise",
        )

    def after(self, drawn: Drawn) -> LineResult | None:
        """Return the body from which so much is taken; None where it does not hold as much."""
        rates = drawn.rates
        if not rates:
            return self.untouched
        try:
            return self._solve(rates)
        except SolverError:
            return None

    def imbalance(self, result: LineResult, taken: Drawn) -> dict[str, float]:
        """Return for each dose the largest error of its balance at the knots, over the dose.

        Parameters
        ----------
        result
            As of `after`.
        taken
            What the lesions took in it: where the iteration has not come to its end this differs
            from what was given to `after`, and the balance shows by how much.
        """
        doses = result._doses
        assert doses is not None
        wanted = replace(doses, rates=added_rates(self.systemic, taken.rates))
        ledger = ledger_of(result, result._outcome, {}, self.groups, wanted)
        return {n: float(np.max(np.abs(v))) for n, v in ledger.imbalance.items()}
