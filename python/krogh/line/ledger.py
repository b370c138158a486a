"""Whether what is in the tissue is what has entered.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, did_you_mean
from krogh.line.dosing import Dosing, dose_list
from krogh.line.outcome import Outcome
from krogh.line.problem import LineProblem
from krogh.model.expression import Number, Operation, Symbol, signed_terms

if TYPE_CHECKING:
    from krogh.line.result import LineResult

__all__ = ["Ledger", "ledger_of"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Ledger:
    """Imbalance of every group, relative to its largest content or what has entered.

    Attributes
    ----------
    imbalance
        Group to ``(content - content at the begin - entered) / largest``, shape (lines, times).
    species
        Group to its species with their numbers.
    """

    imbalance: Mapping[str, Floats]
    species: Mapping[str, Mapping[str, float]]

    @property
    def largest(self) -> float:
        """Largest imbalance of all groups, lines and times; 0 without groups."""
        return max((float(np.nanmax(np.abs(v))) for v in self.imbalance.values()), default=0.0)

    def __str__(self) -> str:
        lines = []
        for name, values in self.imbalance.items():
            members = " + ".join(
                s if k == 1.0 else f"{k:g} {s}" for s, k in self.species[name].items()
            )
            lines.append(f"{name}: {float(np.nanmax(np.abs(values))):.2g}   ({members})")
        return "\n".join(lines) or "no group of species is conserved"


def ledger_of(
    result: LineResult,
    outcome: Outcome,
    groups: Mapping[str, Iterable[str]] | None,
    plasma: Mapping[str, Iterable[str]] | None,
    dosing: Dosing | None,
) -> Ledger:
    """See `LineResult.ledger`.

    Raises
    ------
    SpecError
        KG-118 for a group with an unknown species, KG-162 for a plasma without systemic model.
    """
    problem = result.problem
    c = problem.tissue
    chosen = _own_groups(result) if groups is None else _checked(c.state_names, groups)
    imbalance: dict[str, Floats] = {}
    for name, members in chosen.items():
        total = np.zeros(outcome.contents.shape[:2])
        entered = np.zeros_like(total)
        for species, number in members.items():
            i = c.state_index(species)
            total += number * outcome.contents[:, :, i]
            for k, m in enumerate(problem.mobiles):
                if m.state == i:
                    entered += number * outcome.entered[:, :, k].sum(axis=-1)
        start = _initial(result, members)
        largest = np.maximum(np.abs(total), np.abs(entered) + np.abs(start)).max(
            axis=1, keepdims=True
        )
        with np.errstate(invalid="ignore", divide="ignore"):
            imbalance[name] = np.where(largest > 0.0, (total - start - entered) / largest, 0.0)
    if plasma is not None:
        if problem.systemic is None or dosing is None or outcome.plasma is None:
            raise SpecError(
                "KG-162: ledger: there is no systemic model whose plasma could balance."
            )
        for name, members in _checked(problem.systemic.state_names, plasma).items():
            imbalance[name] = _plasma(problem, outcome, members, dosing, result.settings.grid)
            chosen = {**chosen, name: members}
    return Ledger(imbalance, chosen)


def _plasma(
    problem: LineProblem,
    outcome: Outcome,
    members: Mapping[str, float],
    dosing: Dosing,
    grid: Floats,
) -> Floats:
    """Return the imbalance of systemic species, doses and the tumour, shape (lines, records)."""
    c, values = problem.systemic, problem.plasma_values
    assert c is not None
    assert outcome.plasma is not None
    doses = dose_list(dosing, values, problem.count)
    line = np.repeat(np.arange(problem.count), np.diff(doses.offsets))
    total = np.zeros(outcome.plasma.shape[:2])
    given = np.zeros_like(total)
    start = np.zeros((problem.count, 1))
    for species, number in members.items():
        i = c.state_index(species)
        volume = c.model.analysis.volume_of(c.model.species[species])
        per = np.full(problem.count, number)
        if volume is not None:
            per = per * values.value(volume)
        total += per[:, None] * outcome.plasma[:, :, i]
        start[:, 0] += per * values.value(c.model.analysis.starts[species])
        if i in outcome.fed:
            given += per[:, None] * outcome.fed[i]
        mine = doses.states == i
        for k, time in enumerate(grid):
            so_far = mine & (doses.times <= time)
            amounts = doses.amounts[so_far]
            rates = doses.kinds[so_far] == 1
            amounts = np.where(rates, amounts * (time - doses.times[so_far]), amounts)
            sums = np.bincount(line[so_far], weights=amounts, minlength=problem.count)
            given[:, k] += per * sums
        if problem.volume is None:
            continue
        for k, m in enumerate(problem.mobiles):
            if m.supply is not None and m.supply.state == i:
                lost = problem.from_plasma(outcome.entered[:, :, k])
                taken = lost + _in_blood(problem, outcome, k)
                total += number * problem.number[:, None] * taken / m.supply.per_tissue
    largest = np.maximum(np.abs(total), np.abs(given) + np.abs(start)).max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(largest > 0.0, (total - start - given) / largest, 0.0)


def _in_blood(problem: LineProblem, outcome: Outcome, mobile: int) -> Floats:
    """Return what the blood of a capillary holds per um of its length, 0 for other shapes."""
    if outcome.vessel is None:
        return np.zeros((1, 1))
    area = np.pi * problem.lengths["inner_radius"][:, None] ** 2
    mean: Floats = (outcome.vessel[:, :, :, mobile] * problem.weights[:, None, :]).sum(axis=2)
    return area * mean


def _initial(result: LineResult, members: Mapping[str, float]) -> Floats:
    """Return the content of a group at the begin, shape (1 or lines, 1)."""
    problem = result.problem
    starts = problem.tissue.model.analysis.starts
    total = np.zeros((1, 1))
    for species, number in members.items():
        value = np.atleast_2d(problem.values.value(starts[species]))
        amount = (value * problem.volumes).sum(axis=1, keepdims=True)
        total = total + number * amount
    return total


def _own_groups(result: LineResult) -> dict[str, dict[str, float]]:
    """Return the sums that reactions conserve, and mobile species that nothing else changes."""
    c = result.problem.tissue
    model = c.model
    found: dict[str, dict[str, float]] = {}
    for expression in model.conserved():
        members: dict[str, float] = {}
        for negative, term in signed_terms(expression):
            number, name = 1.0, ""
            if isinstance(term, Symbol):
                name = term.name
            elif isinstance(term, Operation) and term.op == "mul":
                first, second = term.args
                if isinstance(first, Number) and isinstance(second, Symbol):
                    number, name = first.value, second.name
            if name not in model.species:
                members = {}
                break
            members[name] = -number if negative else number
        if members:
            found[str(expression)] = members
    grouped = {s for members in found.values() for s in members}
    for m in result.problem.mobiles:
        name = c.state_names[m.state]
        if name not in grouped and not model.analysis.terms[name]:
            found[name] = {name: 1.0}
    return found


def _checked(
    names: tuple[str, ...], groups: Mapping[str, Iterable[str]]
) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for group, members in groups.items():
        numbers = members if isinstance(members, Mapping) else dict.fromkeys(members, 1.0)
        for name in numbers:
            if name not in names:
                raise SpecError(
                    f"KG-118: ledger, group {group!r}: there is no species {name!r}."
                    f"{did_you_mean(str(name), names)}"
                )
        found[group] = {str(k): float(v) for k, v in numbers.items()}
    return found
