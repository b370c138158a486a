"""Components of a model sorted by kind, with their names checked and joined.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from krogh.errors import SpecError
from krogh.model.components import (
    Compartment,
    Covariate,
    DoseInput,
    Event,
    Output,
    Parameter,
    Rate,
    Reaction,
    Rule,
    Species,
    Table,
    Transport,
    Variability,
)
from krogh.model.fields import Component
from krogh.model.vocabulary import FUNCTIONS

__all__ = ["Parts", "identity", "joined", "names_of"]

Kind = TypeVar("Kind", bound=Component)


class Parts:
    """Components sorted by kind, names checked for collisions."""

    def __init__(self, components: Iterable[Component]) -> None:
        self.components = tuple(components)
        self.parameters = self._named(Parameter)
        self.covariates = self._named(Covariate)
        self.compartments = self._named(Compartment)
        self.species = self._named(Species)
        self.rules = self._named(Rule)
        self.outputs = self._named(Output)
        self.events = self._named(Event)
        self.tables = self._named(Table)
        self.rates = self._all(Rate)
        self.reactions = self._all(Reaction)
        self.variabilities = self._all(Variability)
        self.dose_inputs = {d.species: d for d in self._all(DoseInput)}
        self.transports = {m.species: m for m in self._all(Transport)}
        self.random_effects: dict[str, Variability] = {}
        self._owners: dict[str, str] = {}
        self._check_names()

    def _all(self, kind: type[Kind]) -> tuple[Kind, ...]:
        return tuple(c for c in self.components if type(c) is kind)

    def _named(self, kind: type[Kind]) -> dict[str, Kind]:
        return {str(c.name): c for c in self._all(kind)}  # type: ignore[attr-defined]

    def _check_names(self) -> None:
        seen: dict[tuple[str, str], Component] = {}
        for component in self.components:
            key = identity(component)
            if key is None:
                continue
            if key in seen:
                raise SpecError(f"KG-104: {component.label} is defined twice.")
            seen[key] = component
        groups: list[tuple[str, Iterable[str]]] = [
            ("parameter", self.parameters),
            ("covariate", self.covariates),
            ("random effect", [n for v in self.variabilities for n in v.names]),
            ("species", self.species),
            ("rule", self.rules),
            ("table", self.tables),
            ("output", [o.name for o in self.outputs.values() if not o.is_alias]),
        ]
        for kind, names in groups:
            for name in names:
                if self._owners.get(name) == kind == "random effect":
                    raise SpecError(
                        f"KG-104: the random effect {name!r} belongs to two variabilities; state"
                        " correlated effects together in one."
                    )
                if name in self._owners:
                    article = "an" if kind == "output" else "a"
                    raise SpecError(
                        f"KG-104: {name!r} names a {self._owners[name]} and {article} {kind}; a"
                        " name has one meaning in a model."
                    )
                self._owners[name] = kind
        for table in self.tables:
            if table in FUNCTIONS:
                raise SpecError(
                    f"KG-104: the table {table!r} would hide the function of that name."
                )
        for v in self.variabilities:
            for name in v.names:
                self.random_effects[name] = v

    def kind_of(self, name: str) -> str | None:
        """Return what a name is ("parameter", "species", ...), or None."""
        return self._owners.get(name) or ("output" if name in self.outputs else None)


def identity(component: Component) -> tuple[str, str] | None:
    """Return what makes a component unique in a model; None for unnamed rates and reactions."""
    if isinstance(component, DoseInput | Transport):
        return component.what, component.species
    if isinstance(component, Variability):
        return component.what, ",".join(component.names)
    if isinstance(component, Rate):
        return (component.what, f"{component.species}:{component.name}") if component.name else None
    name = getattr(component, "name", "")
    return (component.what, str(name)) if name else None


def names_of(component: Component) -> tuple[str, ...]:
    """Return the names by which `Model.without` and friends find a component."""
    if isinstance(component, Variability):
        return component.names
    name = getattr(component, "name", "")
    return (str(name),) if name else ()


def joined(components: Iterable[Component]) -> list[Component]:
    """Merge identical components; those of one kind and name that differ are a conflict."""
    result: list[Component] = []
    seen: dict[tuple[str, str], Component] = {}
    for component in components:
        key = identity(component)
        if key is not None and key in seen:
            if seen[key] == component:
                continue
            raise SpecError(_conflict(seen[key], component))
        if key is not None:
            seen[key] = component
        result.append(component)
    return result


def _conflict(first: Component, second: Component) -> str:
    differing = [
        name for name in type(first).model_fields if getattr(first, name) != getattr(second, name)
    ]
    lines = "\n".join(
        f"    {name}: {getattr(first, name)!s} / {getattr(second, name)!s}"
        for name in differing[:6]
    )
    return (
        f"KG-115: two definitions of {first.label} differ:\n{lines}\n"
        "  Use replace(...) to change one, or rename(...) to keep both."
    )
