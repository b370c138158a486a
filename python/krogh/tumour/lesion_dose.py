"""How much of the dose lesions take: whether the plasma may be left without feeling it.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from krogh.table import ResultTable
from krogh.units import dimension, from_internal

if TYPE_CHECKING:
    from krogh.study.study import Study

__all__ = ["Taken", "dosed_amounts"]


class Taken:
    """What entered all voxels up to the end, by species of the plasma, and what was dosed.

    Amounts are net: what went back to the plasma is subtracted.
    """

    def __init__(self, study: Study, voxel_volume: float) -> None:
        self._study = study
        self._volume = voxel_volume
        self._taken: dict[str, float] = {}
        self._dosed: dict[str, float] = {}

    def add(self, line: Any) -> None:
        """Count the lines of a batch; lines that failed or were not reached count nothing."""
        problem, outcome = line.problem, line._outcome
        if problem.systemic is None or line._doses is None or self._study.plasma is not None:
            return
        length = self._volume / (np.pi * problem.lengths["outer_radius"] ** 2)  # um of vessel
        names = problem.systemic.state_names
        for k, mobile in enumerate(problem.mobiles):
            if mobile.supply is None:
                continue
            entered = outcome.entered[:, -1, k].sum(axis=-1) * length / mobile.supply.per_tissue
            name = names[mobile.supply.state]
            found = float(entered[np.isfinite(entered)].sum())
            self._taken[name] = self._taken.get(name, 0.0) + found
        if not self._dosed:
            self._dosed = dosed_amounts(line)

    def table(self) -> ResultTable:
        """Return for each dosed drug what was dosed and taken, and the share of the dose.

        Amounts in nmol; a drug whose plasma is no amount is left out.  Empty where the plasma is
        given and nothing is dosed.
        """
        columns: dict[str, list[Any]] = {"drug": [], "dosed": [], "taken": [], "share": []}
        for drug in self._study.drugs:
            dosed = sum(v for n, v in self._dosed.items() if n.endswith(f"_{drug.label}"))
            labels = (drug.label, f"{drug.label}_naked")
            taken = sum(
                v for n, v in self._taken.items() if n.endswith(tuple(f"_{x}" for x in labels))
            )
            if dosed > 0.0:
                columns["drug"].append(drug.name)
                columns["dosed"].append(from_internal(dosed, "nmol"))
                columns["taken"].append(from_internal(taken, "nmol"))
                columns["share"].append(100.0 * taken / dosed)
        units = {"dosed": "nmol", "taken": "nmol", "share": "%"}
        title = "what all voxels took of the dose"
        return ResultTable({n: np.array(c) for n, c in columns.items()}, units, title)


def dosed_amounts(line: Any) -> dict[str, float]:
    """Return what one patient was dosed up to the end, by species that is an amount."""
    from krogh.line.dosing import dose_list

    problem = line.problem
    systemic = problem.systemic
    dosing = replace(line._doses, rates=())  # what lesions take is no dose
    doses = dose_list(dosing, problem.plasma_values, problem.count)
    mine = slice(int(doses.offsets[0]), int(doses.offsets[1]))
    end = float(line.settings.grid[-1])
    times, states = doses.times[mine], doses.states[mine]
    rates = doses.kinds[mine] == 1
    amounts: NDArray[np.float64] = np.where(
        rates, doses.amounts[mine] * (end - times), doses.amounts[mine]
    )
    found: dict[str, float] = {}
    for i, name in enumerate(systemic.state_names):
        chosen = (states == i) & (times <= end)
        if chosen.any() and dimension(systemic.state_units[i]) == dimension("nmol"):
            found[name] = float(amounts[chosen].sum())
    return found
