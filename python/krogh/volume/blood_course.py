"""Blood that flowed along vessels: its concentrations, and the balance of what it carried.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, did_you_mean
from krogh.labeled import LabeledArray
from krogh.units import factor

if TYPE_CHECKING:
    from krogh.volume.result import VolumeResult

__all__ = ["BloodCourse", "blood_course"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class BloodCourse:
    """One species in flowing blood.

    Attributes
    ----------
    concentration
        In each segment, axes ("time", "segment"); of the part of the blood that carries it.
    entered, left, given
        Amounts since the start: into the network, out of it, to the tissue (less what came back),
        axis ("time",).
    content
        Amount in the vessels, axis ("time",).
    """

    concentration: LabeledArray
    entered: LabeledArray
    left: LabeledArray
    given: LabeledArray
    content: LabeledArray

    @property
    def extraction(self) -> Floats:
        """Share of what had entered that was not carried out, NaN before anything enters."""
        into = np.asarray(self.entered.values)
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Floats = np.where(into > 0.0, 1.0 - np.asarray(self.left.values) / into, np.nan)
        return found

    @property
    def imbalance(self) -> float:
        """Largest error of entered - left - given - content, over what entered."""
        into = np.asarray(self.entered.values)
        rest = into - np.asarray(self.left.values) - np.asarray(self.given.values)
        rest = rest - np.asarray(self.content.values)
        return float(np.abs(rest).max() / into.max()) if into.max() > 0.0 else 0.0


def blood_course(result: VolumeResult, species: str | None = None) -> BloodCourse:
    """Return the blood of a run with ``carried=...``.

    Parameters
    ----------
    species
        Of the tissue; may be left out where one species is carried.

    Raises
    ------
    SpecError
        KG-118 for a run without flowing blood, or a species that it did not carry.
    """
    problem, outcome = result.problem, result._outcome
    carried = problem.carried
    if carried is None:
        raise SpecError("KG-118: no blood flowed in this run; give carried=True.")
    if species is None and len(carried.states) == 1:
        species = next(iter(carried.states))
    if species not in carried.states:
        raise SpecError(
            f"KG-118: the blood carried no {species!r}."
            f"{did_you_mean(str(species), carried.states)}  It carried"
            f" {', '.join(carried.states)}."
        )
    assert outcome.plasma is not None
    plasma, c = outcome.plasma[0], carried.systemic
    states = carried.states[species]
    unit = c.state_units[states[0]] or ""
    into = c.state_index(f"carried_in_{species}")
    out = c.state_index(f"carried_out_{species}")
    amount = c.state_units[into] or ""
    number = next(k for k, m in enumerate(problem.mobiles) if m.transport.species == species)
    supply = carried.supplies[species]
    given = outcome.entered[0, :, number, 0] / supply.per_tissue
    times = result.times.values

    def course(values: Floats, name: str) -> LabeledArray:
        return LabeledArray(values / factor(amount), ("time",), amount, name, {"time": times})

    return BloodCourse(
        concentration=LabeledArray(
            plasma[:, states] / factor(unit),
            ("time", "segment"),
            unit,
            f"{species} in the blood",
            {"time": times, "segment": np.arange(states.size)},
        ),
        entered=course(plasma[:, into], "entered"),
        left=course(plasma[:, out], "left"),
        given=course(given, "given to the tissue"),
        content=course(plasma[:, states] @ carried.volumes[species], "in the vessels"),
    )
