"""Names of sensitivities: "CL", "initial:C", "dose[0].amount".

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from krogh.errors import SpecError, did_you_mean
from krogh.model.compile import CompiledModel
from krogh.schedule import Plan
from krogh.units import factor

__all__ = ["NamedDirection", "directions_of"]

_DOSE: Final = re.compile(r"dose\[(\d+)\]\.(\w+)\Z")
_ATTRIBUTES: Final = ("amount", "time", "duration", "bioavailability", "lag")


@dataclass(frozen=True)
class NamedDirection:
    """One direction of differentiation.

    Attributes
    ----------
    name
        As the user wrote it.
    kind, index
        As the core takes them.
    unit
        Of the quantity that is varied.
    factor
        Internal units in one `unit`, shape () or (num_subjects,).
    """

    name: str
    kind: str
    index: int
    unit: str
    factor: Any


def directions_of(
    names: str | Sequence[str], compiled: CompiledModel, plan: Plan, time_unit: str
) -> tuple[NamedDirection, ...]:
    """Return the directions of names.

    Parameters
    ----------
    names
        A parameter, covariate or random effect (``"CL"``); ``"initial:C"`` for the value a species
        starts with; ``"dose[k].amount"``, ``.time``, ``.duration``, ``.bioavailability`` or
        ``.lag`` of dose k, counted from 0 in the order in which a subject gets them.

    Raises
    ------
    SpecError
        KG-103 for an unknown name, KG-119 for a dose that does not exist.
    """
    return tuple(
        _direction(name, compiled, plan, time_unit)
        for name in ([names] if isinstance(names, str) else names)
    )


def _direction(name: str, compiled: CompiledModel, plan: Plan, time_unit: str) -> NamedDirection:
    if name.startswith("initial:"):
        species = name.removeprefix("initial:").strip()
        state = compiled.state_index(species)
        unit = compiled.state_units[state]
        return NamedDirection(name, "initial", state, unit, factor(unit or "1"))
    match = _DOSE.match(name)
    if match:
        number, attribute = int(match.group(1)), match.group(2)
        if attribute not in _ATTRIBUTES:
            raise SpecError(
                f"KG-119: {name!r}: a dose has no {attribute!r}."
                f"{did_you_mean(attribute, _ATTRIBUTES)}  It has {', '.join(_ATTRIBUTES)}."
            )
        count = len(plan.dose_scales)
        if number >= count:
            raise SpecError(
                f"KG-119: {name!r}: there are {count} doses, counted from 0"
                f"{f' to {count - 1}' if count else ''}."
            )
        if attribute == "amount":
            scale, unit = plan.dose_scales[number]
            return NamedDirection(name, "amount", number, unit, np.asarray(scale))
        if attribute == "bioavailability":
            return NamedDirection(name, attribute, number, "1", 1.0)
        return NamedDirection(name, attribute, number, time_unit, factor(time_unit))
    known = compiled.parameter_names[: compiled.num_model_parameters]
    if name not in known:
        raise SpecError(
            f"KG-103: sensitivities: {name!r} is no parameter of model {compiled.model.name!r}."
            f"{did_you_mean(name, known)}\n"
            "  Write a parameter, 'initial:SPECIES' or 'dose[0].amount'."
        )
    index = compiled.parameter_index(name)
    unit = compiled.parameter_units[index]
    return NamedDirection(name, "parameter", index, unit, factor(unit or "1"))
