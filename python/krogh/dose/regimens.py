"""The regimens of a space: the study's own with other doses, intervals and added drugs.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from krogh.dose.readings import plain
from krogh.dose.space import MOST_REGIMENS, Axis
from krogh.dosing import Dose, Regimen
from krogh.errors import SpecError
from krogh.units import Quantity, convert, same_dimension

__all__ = [
    "Candidate",
    "base_candidate",
    "candidates",
    "dose_starts",
    "main_doses",
    "repeats",
    "with_added",
]

_CODE: Final = "KG-154"


@dataclass(frozen=True)
class Candidate:
    """One regimen of a search.

    Attributes
    ----------
    place
        Position on each axis.
    point
        Value on each axis.
    regimen
        The doses up to the end of the run.
    total
        Amount of the main drug given until then, in the unit of its doses.
    added
        The same of each added drug, in the order of the axes.
    number
        How often the main drug is given.
    """

    place: tuple[int, ...]
    point: tuple[Quantity, ...]
    regimen: Regimen
    total: Quantity
    added: tuple[float, ...]
    number: int

    def __str__(self) -> str:
        return str(self.regimen)


def _is_drug(dose: Dose, name: str | None) -> bool:
    if dose.drug is None or name is None:
        return dose.drug is None and name is None
    return plain(dose.drug) == plain(name)


def main_doses(base: Regimen, main: str | None) -> list[Dose]:
    """Return the doses of the main drug in order of time.

    A regimen without names of drugs is the main drug's.
    """
    found = [dose for dose in base if _is_drug(dose, main) or dose.drug is None]
    if not found:
        names = ", ".join(str(d) for d in base.drugs)
        raise SpecError(f"{_CODE}: the regimen has no dose of {main!r}; it has {names}.")
    return sorted(found, key=lambda dose: dose.time)


def _with_amount(doses: list[Dose], amount: Quantity) -> list[Dose]:
    """Return the doses with another amount; it is that of the last, others keep their ratio."""
    last = doses[-1]
    changed = []
    for dose in doses:
        if dose.amount.unit == last.amount.unit:
            ratio = dose.amount.value / last.amount.value
        elif same_dimension(dose.amount.unit, last.amount.unit):
            ratio = convert(dose.amount.value, dose.amount.unit, last.amount.unit)
            ratio /= last.amount.value
        else:
            raise SpecError(
                f"{_CODE}: the doses {dose.amount} and {last.amount} have units that cannot be"
                " compared, so one 'dose' cannot stand for both; give a list of regimens."
            )
        new = Quantity(float(f"{amount.value * ratio:.12g}"), amount.unit)
        if dose.rate is not None:
            if not same_dimension(new.unit, dose.amount.unit):
                raise SpecError(
                    f"{_CODE}: {dose} is an infusion at a rate in {dose.rate.unit}; scan its dose"
                    f" in {dose.amount.unit}."
                )
            factor = convert(new.value, new.unit, dose.amount.unit) / dose.amount.value
            changed.append(dose.scaled(factor))
        else:
            changed.append(dose.replace(amount=new))
    return changed


def _with_interval(doses: list[Dose], interval: float, end: float) -> list[Dose]:
    """Return the doses at another interval (s), the last ones repeated until the end of the run."""
    changed: list[Dose] = []
    time = doses[0].time
    for position, dose in enumerate(doses):
        additional = dose.additional
        if position == len(doses) - 1:
            additional = _repeats(time, interval, end)
        elif additional is None:
            raise SpecError(f"{_CODE}: {dose} has no end, so nothing says when the next follows.")
        step = interval if additional else 0.0
        changed.append(dose.replace(time=time, interval=step, additional=additional))
        time = time + interval * (additional + 1)
    return changed


def _repeats(time: float, interval: float, end: float) -> int:
    """Return how many doses follow the first one strictly before the end."""
    if time >= end:
        return 0
    return max(math.ceil((end - time) / interval * (1.0 - 1e-12)) - 1, 0)


def repeats(dose: Dose, end: float) -> list[float]:
    """Return when a dose is given strictly before the end, s."""
    if dose.interval <= 0.0:
        return [dose.time]
    most = _repeats(dose.time, dose.interval, end)
    number = most if dose.additional is None else min(dose.additional, most)
    return [dose.time + k * dose.interval for k in range(number + 1)]


def _until(doses: list[Dose], end: float) -> list[Dose]:
    """Return the doses strictly before the end of the run."""
    kept = []
    for dose in doses:
        if dose.time >= end and dose.time > 0.0:
            continue
        if dose.interval > 0.0:
            most = _repeats(dose.time, dose.interval, end)
            number = most if dose.additional is None else min(dose.additional, most)
            dose = dose.replace(additional=number, interval=dose.interval if number else 0.0)
        kept.append(dose)
    return kept


def with_added(doses: list[Dose], drug: str, amount: Quantity) -> list[Dose]:
    """Return the doses of an added drug: given together with the main drug."""
    if amount.value == 0.0:
        return []
    result = []
    for dose in doses:
        if amount.unit == "x":
            value = float(f"{amount.value * dose.amount.value:.12g}")
            own = Quantity(value, dose.amount.unit)
        else:
            own = amount
        result.append(dose.replace(drug=drug, amount=own, rate=None, compartment=None))
    return result


def _candidate(
    base: Regimen, main: str | None, axes: Sequence[Axis], place: tuple[int, ...], end: float
) -> Candidate:
    doses = main_doses(base, main)
    others = [dose for dose in base if dose not in doses]
    point = tuple(axis.quantities[k] for axis, k in zip(axes, place, strict=True))
    named = dict(zip((axis.name for axis in axes), point, strict=True))
    if "dose" in named:
        doses = _with_amount(doses, named["dose"])
    if "interval" in named:
        doses = _with_interval(doses, named["interval"].internal, end)
    doses = _until(doses, end)
    unit = doses[-1].amount.unit
    total = math.fsum(
        convert(d.amount.value, d.amount.unit, unit) * ((d.additional or 0) + 1) for d in doses
    )
    number = sum((d.additional or 0) + 1 for d in doses)
    added_totals = []
    extra: list[Dose] = []
    for axis, value in zip(axes, point, strict=True):
        if axis.kind != "added":
            continue
        others = [dose for dose in others if not _is_drug(dose, axis.name)]
        mine = with_added(doses, axis.name, value)
        extra += mine
        added_totals.append(
            math.fsum(
                convert(d.amount.value, d.amount.unit, mine[0].amount.unit)
                * ((d.additional or 0) + 1)
                for d in mine
            )
        )
    has_added = any(axis.kind == "added" for axis in axes)
    if has_added and main is not None:  # two drugs: every dose says which it is
        doses = [dose.replace(drug=dose.drug or main) for dose in doses]
    regimen = Regimen([*doses, *extra, *_until(others, end)])
    rounded = Quantity(float(f"{total:.12g}"), unit)
    return Candidate(place, point, regimen, rounded, tuple(added_totals), number)


def base_candidate(base: Regimen, main: str | None, end: float) -> Candidate:
    """Return the study's own regimen as a candidate without axes."""
    return _candidate(base, main, (), (), end)


def candidates(
    base: Regimen, main: str | None, axes: Sequence[Axis], end: float
) -> tuple[Candidate, ...]:
    """Return all regimens of a space, the last axis varying fastest.

    Parameters
    ----------
    base
        The study's regimen.  ``dose`` replaces the amount of the main drug's last stated doses
        (loading doses keep their ratio to it), ``interval`` the time between its doses, which are
        then repeated until the end of the run; an added drug is given with every dose of the main
        drug, with the same infusion.
    main
        Name of the main drug.
    axes
        What is varied.
    end
        End of the run, s.

    Raises
    ------
    SpecError
        KG-154 for nothing to vary, or more than `MOST_REGIMENS` regimens.
    """
    if not axes:
        raise SpecError(
            f"{_CODE}: the space of regimens is empty: nothing is varied.\n"
            "  Give dose='1.2 .. 9.6 mg/kg', interval='7 .. 21 d' or add={'trastuzumab':"
            " '0 .. 8 x'}."
        )
    number = math.prod(len(axis) for axis in axes)
    if number > MOST_REGIMENS:
        raise SpecError(
            f"{_CODE}: the space has {number:,} regimens, over {MOST_REGIMENS:,}; take fewer points"
            f" ({' x '.join(f'{len(axis)} {axis.name}' for axis in axes)})."
        )
    for axis in axes:
        if axis.kind == "interval" and axis.values[0] * Quantity(1.0, axis.unit).internal >= end:
            raise SpecError(
                f"{_CODE}: interval: no dose but the first falls into the run, which ends after"
                f" {end / 86400.0:.6g} d; run longer (until='...') or take shorter intervals."
            )
    places = itertools.product(*(range(len(axis)) for axis in axes))
    return tuple(_candidate(base, main, axes, place, end) for place in places)


def dose_starts(regimen: Regimen) -> tuple[list[float], list[float]]:
    """Return when doses start and when their infusions end, s, each sorted and once."""
    starts: set[float] = set()
    ends: set[float] = set()
    for dose in regimen:
        for k in range((dose.additional or 0) + 1):
            time = dose.time + k * dose.interval
            starts.add(time)
            if dose.duration:
                ends.add(time + dose.duration)
    return sorted(starts), sorted(ends)
