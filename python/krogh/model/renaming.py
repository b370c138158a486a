"""Components under other names.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from krogh.model.components import (
    Compartment,
    DoseInput,
    Event,
    Rate,
    Reaction,
    Species,
    Transport,
    Variability,
)
from krogh.model.expression import Expression, Symbol, substitute
from krogh.model.fields import Component
from krogh.model.laws import reaction_text

__all__ = ["renamed"]


def renamed(component: Component, mapping: Mapping[str, str]) -> Component:
    """Return a component in which names are replaced, in its fields and its expressions."""
    symbols: dict[str, Expression] = {old: Symbol(new) for old, new in mapping.items()}
    if isinstance(component, DoseInput):  # its own symbols are not the model's
        symbols = {old: new for old, new in symbols.items() if old not in ("tad", "dose")}

    def change(value: Any) -> Any:
        return substitute(value, symbols, mapping) if isinstance(value, Expression) else value

    def name(value: Any) -> Any:
        return mapping.get(value, value) if isinstance(value, str) else value

    fields: dict[str, Any] = {}
    for field in type(component).model_fields:
        value = getattr(component, field)
        if isinstance(value, Expression):
            fields[field] = change(value)
    if getattr(component, "name", ""):
        fields["name"] = name(component.name)  # type: ignore[attr-defined]
    if isinstance(component, Species):
        fields["compartment"] = name(component.compartment)
    elif isinstance(component, Rate | DoseInput):
        fields["species"] = name(component.species)
    elif isinstance(component, Transport):
        fields["species"] = name(component.species)
        fields["plasma"] = name(component.plasma)
        fields["vessel_factor"] = name(component.vessel_factor)
    elif isinstance(component, Variability):
        fields["names"] = tuple(name(n) for n in component.names)
    elif isinstance(component, Event):
        fields["assign"] = {name(n): change(v) for n, v in component.assign.items()}
    elif isinstance(component, Reaction):
        left, right = component.sides
        arrow = "->" if component.backward is None else "<->"
        fields["equation"] = reaction_text(
            {name(n): k for n, k in left.items()}, arrow, {name(n): k for n, k in right.items()}
        )
    elif isinstance(component, Compartment):
        pass  # its name and its volume are handled above
    result: Component = component.changed(**fields)
    return result
