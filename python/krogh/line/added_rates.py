"""Rates into species of the plasma beside the doses: constant between times, of either sign.

SPDX-License-Identifier: BSD-3-Clause

What other parts of the body give to the plasma, or take from it, where they are solved elsewhere:
the lesions of one patient (`krogh.tumour.lesions`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, UnitError, did_you_mean
from krogh.model.compile import CompiledModel
from krogh.units import convert, dimension, factor, require_dimension

__all__ = ["AddedRate", "added_rates", "counted_unit", "require_followed"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AddedRate:
    """Amount per time into one species, the same for all lines.

    Attributes
    ----------
    state
        Of the systemic model.
    times
        s, ascending, shape (n,).
    rates
        Amount per s from each time on, to the end from the last on, shape (n,).
    """

    state: int
    times: Floats
    rates: Floats

    @property
    def changes(self) -> Floats:
        """By how much the rate changes at each time, shape (n,)."""
        return np.diff(self.rates, prepend=0.0)


def added_rates(systemic: CompiledModel | None, given: Any) -> tuple[AddedRate, ...]:
    """Return what is given as ``{species: (times, rates, unit)}``, in internal units.

    Parameters
    ----------
    given
        `times` are ``(array, unit)``, ascending; `rates` have one number for each of them, in an
        amount (or mass) per time.

    Raises
    ------
    SpecError
        KG-162 without a systemic model, KG-103 for an unknown species, KG-165 for times and rates
        that do not fit.
    UnitError
        KG-121 for a unit that is no amount of the species per time.
    """
    if not given:
        return ()
    if not isinstance(given, Mapping):
        raise SpecError(f"KG-119: plasma_rates must be a mapping by species, not {given!r}.")
    if systemic is None:
        raise SpecError("KG-162: plasma_rates go into the systemic model; give systemic=....")
    found = []
    for name, one in given.items():
        what = f"plasma_rates of {name!r}"
        if name not in systemic.state_names:
            raise SpecError(
                f"KG-103: {what}: the systemic model {systemic.model.name!r} has no such species."
                f"{did_you_mean(str(name), systemic.state_names)}"
            )
        if not isinstance(one, tuple) or len(one) != 3 or not isinstance(one[0], tuple):
            raise SpecError(
                f"KG-165: {what} must be (times, rates, unit), with times such as ([0, 1], 'h')."
            )
        times, rates, unit = one
        at = convert(np.asarray(times[0], dtype=np.float64).reshape(-1), str(times[1]), "s")
        numbers = np.asarray(rates, dtype=np.float64).reshape(-1)
        if at.size == 0 or at.size != numbers.size:
            raise SpecError(f"KG-165: {what} has {at.size} times and {numbers.size} rates.")
        if not (np.all(np.isfinite(at)) and np.all(np.diff(at) > 0.0)):
            raise SpecError(f"KG-165: the times of {what} must increase.")
        if not np.all(np.isfinite(numbers)):
            raise SpecError(f"KG-165: {what} is not finite everywhere.")
        state = systemic.state_index(name)
        require_dimension(str(unit), f"{counted_unit(systemic, state)}/s", what)
        found.append(AddedRate(state, at, numbers * factor(str(unit))))
    return tuple(found)


def require_followed(
    rates: tuple[AddedRate, ...],
    begin: float,
    reason: str,
    *,
    method: str,
    verify: bool,
    differentiates: bool,
) -> None:
    """Raise where added rates cannot be followed.

    Parameters
    ----------
    begin
        Of the run, s.
    reason
        Why the line solver cannot take the problem; empty if it can.

    Raises
    ------
    SpecError
        KG-164 where the line solver does not solve it, KG-165 for a rate before the begin.
    """
    if not reason and method not in ("auto", "line"):
        reason = f"method={method!r}"
    if not reason and verify:
        reason = "verify=True"
    if not reason and differentiates:
        reason = "sensitivities"
    if reason:
        raise SpecError(
            f"KG-164: plasma_rates are followed by the line solver alone, without {reason}."
        )
    for one in rates:
        if one.times[0] < begin:
            raise SpecError(
                f"KG-165: plasma_rates begin at {one.times[0] / 3600:g} h, the run at"
                f" {begin / 3600:g} h."
            )


def counted_unit(systemic: CompiledModel, state: int) -> str:
    """Return the unit in which a species is added to, nmol or mg; UnitError KG-121 for neither."""
    name = systemic.state_names[state]
    own = systemic.state_units[state] or "1"
    volume = systemic.model.analysis.volume_of(systemic.model.species[name])
    for amount, concentration in (("nmol", "nM"), ("mg", "ng/mL")):
        if dimension(own) == dimension(amount if volume is None else concentration):
            return amount
    raise UnitError(
        f"KG-121: plasma_rates of {name!r}: it counts {own}, which is no amount that could be"
        " added or taken."
    )
