"""Models: immutable collections of components that compose by name.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from krogh.errors import InvalidInput, SpecError, did_you_mean
from krogh.model.checks import Analysis
from krogh.model.components import (
    COMPONENTS,
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
from krogh.model.expression import Expression, Symbol, joined_sum, signed_terms
from krogh.model.fields import Component
from krogh.model.parts import Parts, identity, joined, names_of
from krogh.model.vocabulary import valid_name

if TYPE_CHECKING:
    from krogh.model.compile import CompiledModel

__all__ = ["Model"]


class Model:
    """A reaction network with parameters, rules, outputs, events and dose inputs.

    Parameters
    ----------
    name : str
        Name of the model.
    *parts : component, Model, or iterable of these
        Joined in this order as by ``+``.
    note : str
        What the model is, where it comes from.
    partial : bool
        A block that uses names other blocks define: only its own names are checked until it is
        added to a complete model.

    Raises
    ------
    SpecError
        KG-103 unknown name, KG-104 name collision, KG-107 unknown function, KG-110 circular rules,
        KG-111 time dependence where none is possible, KG-112 structure, KG-115 conflict.
    UnitError
        KG-121, KG-122: dimensions do not agree.

    Examples
    --------
    >>> m = Model(
    ...     "one compartment",
    ...     Parameter("CL", "0.2 L/d"),
    ...     Parameter("V", "3 L"),
    ...     Species("A", "mg"),
    ...     Rate("A", "-CL/V*A"),
    ...     Output("Cp", "A/V", unit="mg/L"),
    ... )
    >>> sorted(m.parameters)
    ['CL', 'V']
    """

    def __init__(self, name: str, *parts: Any, note: str = "", partial: bool = False) -> None:
        if not isinstance(name, str) or not name.strip() or len(name) > 200:
            raise SpecError(
                "KG-101: a model needs a name of 1 to 200 characters as first argument."
            )
        self._name = name
        self._note = note
        self._partial = partial
        self._parts = Parts(joined(_flattened(parts)))
        self._analysis = None if partial else Analysis(self._parts)
        self._warnings: tuple[str, ...] | None = None

    # --- what it holds ----------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Name of the model."""
        return self._name

    @property
    def note(self) -> str:
        """What the model is, where it comes from."""
        return self._note

    @property
    def is_partial(self) -> bool:
        """Whether this is a block that uses names defined elsewhere."""
        return self._partial

    @property
    def is_complete(self) -> bool:
        """Whether all it uses is defined and agrees; so is a sum of blocks that lacks nothing."""
        if self._partial and self._analysis is None:
            try:
                self._analysis = Analysis(self._parts)
            except InvalidInput:
                return False
        return True

    @property
    def components(self) -> tuple[Component, ...]:
        """All components in order."""
        return self._parts.components

    @property
    def parts(self) -> Parts:
        """The components sorted by kind."""
        return self._parts

    @property
    def analysis(self) -> Analysis:
        """The checked meaning; raises the first error of a partial model."""
        if self._analysis is None:
            try:
                self._analysis = Analysis(self._parts)
            except InvalidInput as error:
                raise type(error)(
                    f"{error}\n  Model {self._name!r} is a partial block; add it to a model that"
                    " defines what it uses.",
                    error.code,
                ) from None
        return self._analysis

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """Parameters by name."""
        return MappingProxyType(self._parts.parameters)

    @property
    def covariates(self) -> Mapping[str, Covariate]:
        """Covariates by name."""
        return MappingProxyType(self._parts.covariates)

    @property
    def compartments(self) -> Mapping[str, Compartment]:
        """Compartments by name."""
        return MappingProxyType(self._parts.compartments)

    @property
    def species(self) -> Mapping[str, Species]:
        """Species by name, in the order of the states."""
        return MappingProxyType(self._parts.species)

    @property
    def rates(self) -> tuple[Rate, ...]:
        """All rates."""
        return self._parts.rates

    @property
    def reactions(self) -> tuple[Reaction, ...]:
        """All reactions."""
        return self._parts.reactions

    @property
    def rules(self) -> Mapping[str, Rule]:
        """Assignment rules by name."""
        return MappingProxyType(self._parts.rules)

    @cached_property
    def outputs(self) -> Mapping[str, Output]:
        """Outputs by name; every species in its own unit where the model states none."""
        if not self._parts.outputs:
            return MappingProxyType(
                {n: Output(n, Symbol(n), unit=s.unit) for n, s in self._parts.species.items()}
            )
        return MappingProxyType(self._parts.outputs)

    @property
    def events(self) -> Mapping[str, Event]:
        """Events by name."""
        return MappingProxyType(self._parts.events)

    @property
    def dose_inputs(self) -> Mapping[str, DoseInput]:
        """Dose inputs by species."""
        return MappingProxyType(self._parts.dose_inputs)

    @property
    def tables(self) -> Mapping[str, Table]:
        """Interpolation tables by name."""
        return MappingProxyType(self._parts.tables)

    @property
    def transports(self) -> Mapping[str, Transport]:
        """How species move along a line, by species."""
        return MappingProxyType(self._parts.transports)

    @property
    def random_effects(self) -> Mapping[str, Variability]:
        """The variability that each random effect belongs to, by name of the effect."""
        return MappingProxyType(self._parts.random_effects)

    @property
    def variabilities(self) -> tuple[Variability, ...]:
        """All variabilities."""
        return self._parts.variabilities

    def derivative(self, species: str) -> Expression:
        """Return the right-hand side of a species as one expression (without infusions)."""
        terms = self.analysis.terms.get(species)
        if terms is None:
            raise SpecError(
                f"KG-103: there is no species {species!r}.{did_you_mean(species, self.species)}"
            )
        addends = [
            (negative != term.is_negative, part)
            for term in terms
            for negative, part in signed_terms(term.expression)
        ]
        return joined_sum(addends)

    def conserved(self) -> tuple[Expression, ...]:
        """Return sums of species that the reactions leave unchanged, such as ``R + RC``.

        Doses and events may still change them.  Amounts are meant: species of several compartments
        are weighted by the volumes.
        """
        from krogh.model.conserved import conserved_quantities

        return conserved_quantities(self)

    # --- composition ------------------------------------------------------------------------------

    def _with(self, components: Iterable[Component], name: str | None = None) -> Model:
        return Model(name or self._name, *components, note=self._note, partial=self._partial)

    def __add__(self, other: Any) -> Model:
        if not isinstance(other, Component | Model) and not _is_iterable(other):
            return NotImplemented
        note, partial = self._note, self._partial
        if isinstance(other, Model):
            partial = partial and other._partial
            note = "\n".join(dict.fromkeys(n for n in (note, other._note) if n))
        return Model(self._name, self, other, note=note, partial=partial)

    def __radd__(self, other: Any) -> Model:
        if not isinstance(other, Component) and not _is_iterable(other):
            return NotImplemented
        return Model(self._name, other, self, note=self._note, partial=self._partial)

    def replace(self, *components: Component) -> Model:
        """Return a model in which components take the place of those of the same kind and name.

        Raises
        ------
        SpecError
            KG-103 if there is none of that kind and name; unnamed rates and reactions cannot be
            told apart and are refused.
        """
        items = list(self.components)
        for component in components:
            key = identity(component)
            if key is None:
                raise SpecError(
                    f"KG-103: {component.label} has no name and cannot replace another; name rates"
                    " and reactions that shall be replaceable."
                )
            at = [i for i, c in enumerate(items) if identity(c) == key]
            if not at:
                others = [k[1] for k in map(identity, items) if k is not None and k[0] == key[0]]
                raise SpecError(
                    f"KG-103: model {self._name!r} has no {component.label} to replace."
                    f"{did_you_mean(key[1], others)}  Add it by +."
                )
            items[at[0]] = component
        return self._with(items)

    def without(self, *names: str) -> Model:
        """Return a model without the components of these names.

        With a species go its rates, dose input and transport; with a rule of a group of random
        effects the whole group.  What still uses a removed name is an error.
        """
        items = list(self.components)
        for name in names:
            gone = [c for c in items if name in names_of(c)]
            if not gone:
                known = [n for c in items for n in names_of(c)]
                raise SpecError(
                    f"KG-103: model {self._name!r} has nothing named {name!r}."
                    f"{did_you_mean(name, known)}"
                )
            items = [c for c in items if not any(c is g for g in gone)]
            if any(isinstance(c, Species) for c in gone):
                items = [
                    c
                    for c in items
                    if not (isinstance(c, Rate | DoseInput | Transport) and c.species == name)
                ]
        return self._with(items)

    def rename(
        self,
        mapping: Mapping[str, str] | None = None,
        *,
        prefix: str = "",
        keep: Iterable[str] = (),
    ) -> Model:
        """Return a model with other names, in components and expressions alike.

        Parameters
        ----------
        mapping
            New names by old names.
        prefix
            Put before every name that `mapping` does not mention.
        keep
            Names that `prefix` leaves alone, for example shared covariates.
        """
        from krogh.model.renaming import renamed

        given = dict(mapping or {})
        known = {n for c in self.components for n in names_of(c)}
        kept = set(keep)
        outside = {m.plasma for m in self._parts.transports.values()}  # of a systemic model
        for name in (*given, *kept):
            if name not in known and name not in outside:
                raise SpecError(
                    f"KG-103: model {self._name!r} has nothing named {name!r}."
                    f"{did_you_mean(name, known)}"
                )
        if prefix:
            for name in known:
                if name not in given and name not in kept:
                    given[name] = prefix + name
        for new in given.values():
            if not valid_name(new):
                raise SpecError(f"KG-104: {new!r} cannot be a name.")
        return self._with(renamed(c, given) for c in self.components)

    def prefix(self, text: str, keep: Iterable[str] = ()) -> Model:
        """Return a model with `text` before every name but those in `keep`."""
        return self.rename(prefix=text, keep=keep)

    def with_values(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> Model:
        """Return a model with other nominal values of parameters and covariates.

        A bare number is in the declared unit.

        Raises
        ------
        SpecError
            KG-103 unknown name, KG-108 outside the bounds.
        UnitError
            KG-121 wrong dimension.
        """
        given = {**(values or {}), **more}
        table = {**self._parts.parameters, **self._parts.covariates}
        for name in given:
            if name not in table:
                raise SpecError(
                    f"KG-103: model {self._name!r} has no parameter or covariate {name!r}."
                    f"{did_you_mean(name, table)}"
                )
        items = [
            c.changed(value=given[c.name])
            if isinstance(c, Parameter | Covariate) and c.name in given
            else c
            for c in self.components
        ]
        return self._with(items)

    def with_name(self, name: str, note: str | None = None) -> Model:
        """Return the same model under another name."""
        return Model(
            name,
            *self.components,
            note=self._note if note is None else note,
            partial=self._partial,
        )

    # --- use --------------------------------------------------------------------------------------

    def check(self) -> tuple[str, ...]:
        """Return warnings: unused names, species that nothing changes or that stay at zero."""
        if self._warnings is None:
            from krogh.model.warnings import warnings_of

            self._warnings = warnings_of(self)
        return self._warnings

    def compile(self, doses: Mapping[str, int] | None = None) -> CompiledModel:
        """Return the model compiled for the solvers; cached by content.

        Parameters
        ----------
        doses
            For species whose `DoseInput` has an input function: how many doses the largest schedule
            gives to one subject, so that room for all of them is made.
        """
        from krogh.model.compile import compile_model

        return compile_model(self, doses or {})

    @cached_property
    def content(self) -> str:
        """Canonical text of everything that matters for results; equal for equal models."""
        from krogh.model.document import canonical

        return canonical(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Model):
            return NotImplemented
        return self is other or self.content == other.content

    def __hash__(self) -> int:
        return hash(self.content)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuilt, (self._name, self.components, self._note, self._partial))

    def __repr__(self) -> str:
        p = self._parts
        return (
            f"<Model {self._name!r}: {len(p.species)} species, {len(p.parameters)} parameters,"
            f" {len(self.outputs)} outputs>"
        )

    def __str__(self) -> str:
        from krogh.model.printing import to_text

        return to_text(self)

    def to_latex(self) -> str:
        """Return the equations as a LaTeX ``aligned`` environment."""
        from krogh.model.printing import to_latex

        return to_latex(self)

    def _repr_html_(self) -> str:
        from krogh.model.printing import to_html

        return to_html(self)

    def to_document(self) -> dict[str, Any]:
        """Return the model as plain data: ``format`` "krogh-model", ``version`` 1."""
        from krogh.model.document import to_document

        return to_document(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Model:
        """Return the model of a document; errors name the path of what is wrong."""
        from krogh.model.document import from_document

        return from_document(document)

    def save(self, path: Any) -> None:
        """Write the document as JSON (UTF-8)."""
        from krogh.model.document import save

        save(self, path)

    @classmethod
    def load(cls, path: Any) -> Model:
        """Read a model from a JSON document."""
        from krogh.model.document import load

        return load(path)


def _rebuilt(name: str, components: tuple[Component, ...], note: str, partial: bool) -> Model:
    return Model(name, *components, note=note, partial=partial)


def _is_iterable(value: Any) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)


def _flattened(parts: Iterable[Any]) -> Iterator[Component]:
    for part in parts:
        if isinstance(part, Component):
            if type(part) not in COMPONENTS:
                raise SpecError(f"KG-101: {type(part).__name__} cannot be part of a model.")
            yield part
        elif isinstance(part, Model):
            yield from part.components
        elif _is_iterable(part):
            yield from _flattened(part)
        else:
            kinds = ", ".join(c.__name__ for c in COMPONENTS)
            raise SpecError(
                f"KG-101: a model is made of components ({kinds}) and models, not of"
                f" {type(part).__name__} {str(part)[:40]!r}."
            )
