"""What the names of a model mean: unknown names, cycles, time dependence, and dimensions.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from krogh.errors import SpecError, UnitError, did_you_mean
from krogh.model.components import (
    Compartment,
    DoseInput,
    Event,
    Output,
    Rate,
    Reaction,
    Rule,
    Species,
    Transport,
)
from krogh.model.dimensions import Scope, dimension_of, mass_hint, require
from krogh.model.expression import (
    Expression,
    Number,
    Operation,
    nodes_of,
    substitute,
    symbols_of,
    tables_of,
)
from krogh.model.names import (
    dose_expressions,
    marked,
    sorted_by_use,
    unknown_function,
    unknown_symbol,
)
from krogh.model.transport import transport_expressions
from krogh.units import DIMENSIONLESS, Dimension, describe, dimension

if TYPE_CHECKING:
    from krogh.model.parts import Parts

__all__ = ["Analysis", "Term"]

TIME: Final = dimension("s")
VOLUME: Final = dimension("m^3")
MOLAR_MASS: Final = dimension("kDa")
_LENGTH_INDEX: Final = next(i for i, p in enumerate(dimension("m")) if p)
_PRESSURE: Final = dimension("mmHg")


class Term:
    """One term of a species' derivative: ``factor * law / volume``."""

    __slots__ = ("count", "law", "source", "volume")

    def __init__(
        self, law: Expression, source: str, count: int = 1, volume: Expression | None = None
    ):
        self.law = law
        self.source = source
        self.count = count
        self.volume = volume

    @property
    def expression(self) -> Expression:
        """The term, without the sign that `count` may carry."""
        result = self.law if abs(self.count) == 1 else Number(abs(self.count)) * self.law
        return result if self.volume is None else result / self.volume

    @property
    def is_negative(self) -> bool:
        """Whether the term is subtracted."""
        return self.count < 0


class Analysis:
    """The checked meaning of a complete model.

    Attributes
    ----------
    dimensions : dict
        Dimension of every symbol.
    units : dict
        Unit of every symbol as declared, None where it was inferred.
    constant_names : set
        Names that do not change in time of themselves: parameters, covariates, random effects, and
        rules of them.
    rule_order : tuple of str
        Rules and outputs, each after those that it uses.
    terms : dict
        For each species the terms of its derivative.
    starts : dict
        For each species its initial value, other species' names replaced by their initial values.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.dimensions: dict[str, Dimension] = {"t": TIME, "pi": DIMENSIONLESS}
        self.units: dict[str, str | None] = {"t": None, "pi": None}
        self.constant_names: set[str] = {"pi"}
        self._declare()
        self.scope = Scope(self._dimension, self.units.get, self._tables())
        self.definitions: dict[str, Expression] = {
            rule.name: rule.expression for rule in parts.rules.values()
        } | {o.name: o.expression for o in parts.outputs.values() if not o.is_alias}
        self._check_names()
        self.rule_order = sorted_by_use(self.definitions, "rules")
        self._constants()
        self._check_rules()
        self._check_compartments()
        self.starts = self._initial_values()
        self.terms: dict[str, list[Term]] = {name: [] for name in parts.species}
        for rate in parts.rates:
            self._add_rate(rate)
        for reaction in parts.reactions:
            self._add_reaction(reaction)
        for dose in parts.dose_inputs.values():
            self._check_dose(dose)
        for event in parts.events.values():
            self._check_event(event)
        for transport in parts.transports.values():
            self._check_transport(transport)
        for output in parts.outputs.values():
            self._check_output(output)

    # --- names ------------------------------------------------------------------------------------

    def _declare(self) -> None:
        parts = self.parts
        for group in (parts.parameters, parts.covariates):
            for name, item in group.items():
                self.dimensions[name] = dimension(item.unit)
                self.units[name] = item.unit
                self.constant_names.add(name)
        for name in parts.random_effects:
            self.dimensions[name] = DIMENSIONLESS
            self.units[name] = ""
            self.constant_names.add(name)
        for name, species in parts.species.items():
            self.dimensions[name] = dimension(species.unit)
            self.units[name] = species.unit

    def _tables(self) -> dict[str, tuple[Dimension, Dimension]]:
        return {
            name: (dimension(table.x_unit), dimension(table.y_unit))
            for name, table in self.parts.tables.items()
        }

    def _dimension(self, name: str) -> Dimension | None:
        return self.dimensions[name]

    def expressions(self) -> Iterable[tuple[str, Expression]]:
        """Yield every expression of the model with what it is."""
        parts = self.parts
        for rule in parts.rules.values():
            yield rule.label, rule.expression
        for output in parts.outputs.values():
            yield output.label, output.expression
        for rate in parts.rates:
            yield rate.label, rate.law
        for reaction in parts.reactions:
            yield reaction.label, reaction.forward
            if reaction.backward is not None:
                yield reaction.label, reaction.backward
        for compartment in parts.compartments.values():
            yield f"volume of {compartment.label}", compartment.volume
        for species in parts.species.values():
            yield f"initial value of {species.name!r}", species.start
            if species.molar_mass is not None:
                yield f"molar mass of {species.name!r}", species.molar_mass
        for event in parts.events.values():
            yield event.label, event.when
            for name, value in event.assign.items():
                yield f"{event.label}, new value of {name!r}", value
        for dose in parts.dose_inputs.values():
            for what, expression in dose_expressions(dose):
                yield f"{what} of {dose.label}", expression
        for transport in parts.transports.values():
            for what, expression, _ in transport_expressions(transport):
                yield f"{what} in the {transport.label}", expression

    def _check_names(self) -> None:
        parts = self.parts
        known = {*self.dimensions, *self.definitions}
        for where, expression in self.expressions():
            extra = ("tad", "dose") if where.startswith("input function of ") else ()
            for name in symbols_of(expression):
                if name not in known and name not in extra:
                    raise unknown_symbol(name, expression, where, known, parts)
            for name in tables_of(expression):
                if name not in parts.tables:
                    raise unknown_function(name, expression, where, parts)
        for species in parts.species.values():
            if species.compartment is not None and species.compartment not in parts.compartments:
                raise SpecError(
                    f"KG-103: {species.label} lives in the unknown compartment"
                    f" {species.compartment!r}."
                    f"{did_you_mean(species.compartment, parts.compartments)}"
                )
        for rate in parts.rates:
            self._require_species(rate.species, rate.label)
        for reaction in parts.reactions:
            for name in (*reaction.sides[0], *reaction.sides[1]):
                self._require_species(name, reaction.label)
        for dose in parts.dose_inputs.values():
            self._require_species(dose.species, dose.label)
        for event in parts.events.values():
            for name in event.assign:
                self._require_species(name, event.label)
        for transport in parts.transports.values():
            self._require_species(transport.species, transport.label)
            if transport.vessel_factor is not None:
                self._require_species(transport.vessel_factor, f"{transport.label}, vessel factor")

    def _require_species(self, name: str, where: str) -> None:
        species = self.parts.species
        if name in species:
            return
        kind = self.parts.kind_of(name)
        if kind is not None:
            raise SpecError(
                f"KG-103: {where}: {name!r} is a {kind}, not a species; only species change by"
                " rates, doses and events."
            )
        raise SpecError(
            f"KG-103: {where}: there is no species {name!r}.{did_you_mean(name, species)}"
        )

    # --- time dependence --------------------------------------------------------------------------

    def _constants(self) -> None:
        for name in self.rule_order:
            if self.is_constant(self.definitions[name]):
                self.constant_names.add(name)
        for where, expression in self.expressions():
            for node in nodes_of(expression):
                if isinstance(node, Operation) and node.op in ("eq", "ne"):
                    moving = self.moving_names(node)
                    if moving:
                        raise SpecError(
                            f"KG-111: {where}: '{node}' compares for equality, but {moving[0]!r}"
                            " changes in time; write < or >."
                        )

    def moving_names(self, expression: Expression) -> list[str]:
        """Return the symbols of an expression that change in time."""
        return [n for n in symbols_of(expression) if n not in self.constant_names]

    def is_constant(self, expression: Expression) -> bool:
        """Whether an expression is fixed for a subject (between changes of covariates)."""
        return not self.moving_names(expression)

    def _require_constant(self, expression: Expression, where: str) -> None:
        moving = self.moving_names(expression)
        if moving:
            name = moving[0]
            what = "time" if name == "t" else f"{self.parts.kind_of(name)} {name!r}"
            through = "" if name in self.parts.species or name == "t" else ", which changes in time"
            raise SpecError(
                f"KG-111: {where} may depend on parameters, covariates and random effects only; it"
                f" uses {what}{through}.\n{marked(expression, name)}"
            )

    # --- dimensions -------------------------------------------------------------------------------

    def _check_rules(self) -> None:
        outputs = self.parts.outputs
        for name in self.rule_order:
            rule = self.parts.rules.get(name) or outputs[name]
            found = dimension_of(rule.expression, self.scope, rule.label)
            unit = rule.unit
            if unit is not None:
                self._require_rule_unit(rule, unit)
                found = dimension(unit)
            self.dimensions[name] = DIMENSIONLESS if found is None else found
            self.units[name] = unit

    def _require_rule_unit(self, rule: Rule | Output, unit: str) -> None:
        needed = f"{rule.name} in {unit or '1'}"
        require(rule.expression, dimension(unit), self.scope, rule.label, needed)

    def _check_output(self, output: Output) -> None:
        if output.is_alias:
            if output.name not in self.dimensions:
                raise unknown_symbol(
                    output.name, output.expression, output.label, self.dimensions, self.parts
                )
            self._require_rule_unit(output, output.unit)

    def _check_compartments(self) -> None:
        for compartment in self.parts.compartments.values():
            where = f"volume of {compartment.label}"
            self._require_constant(compartment.volume, where)
            require(compartment.volume, VOLUME, self.scope, where, "a volume")

    def _initial_values(self) -> dict[str, Expression]:
        species = self.parts.species
        steady = {name for name, s in species.items() if s.starts_steady}
        starts: dict[str, Expression] = {}
        raw = {name: s.start for name, s in species.items()}
        for name in sorted_by_use(raw, "initial values"):
            where = f"initial value of {name!r}"
            from_steady = [n for n in symbols_of(raw[name]) if n in steady]
            if from_steady:
                raise SpecError(
                    f"KG-111: {where} uses {from_steady[0]!r}, whose own initial value is a steady"
                    " state found by the solver; make both 'steady'."
                )
            require(
                raw[name],
                self.dimensions[name],
                self.scope,
                where,
                f"{name} in {species[name].unit or '1'}",
            )
            start = substitute(raw[name], starts)
            self._require_constant(start, where)
            starts[name] = start
            if species[name].molar_mass is not None:
                self._check_molar_mass(species[name])
        return {name: starts[name] for name in species}

    def _check_molar_mass(self, species: Species) -> None:
        where = f"molar mass of {species.name!r}"
        require(species.molar_mass, MOLAR_MASS, self.scope, where, "a molar mass")
        self._require_constant(species.molar_mass, where)

    def _add_rate(self, rate: Rate) -> None:
        wanted = self.dimensions[rate.species].over(TIME)
        unit = self.parts.species[rate.species].unit or "1"

        def hint(found: Dimension) -> str:
            if found == wanted.times(VOLUME):
                return "\n  Divide by the volume: the species is a concentration."
            if found.times(VOLUME) == wanted:
                return "\n  Multiply by the volume: the species is an amount."
            return ""

        require(
            rate.law,
            wanted,
            self.scope,
            rate.label,
            f"d({rate.species})/dt with {rate.species} in {unit}",
            hint,
        )
        self.terms[rate.species].append(Term(rate.law, rate.label))

    def volume_of(self, species: Species) -> Expression | None:
        """Return the volume that turns amounts into this species; None for no concentration."""
        if species.compartment is None or dimension(species.unit)[_LENGTH_INDEX] != -3:
            return None
        compartment: Compartment = self.parts.compartments[species.compartment]
        return compartment.volume

    def _add_reaction(self, reaction: Reaction) -> None:
        laws = [(reaction.forward, 1)]
        if reaction.backward is not None:
            laws.append((reaction.backward, -1))
        species = self.parts.species
        for law, sign in laws:
            which = "" if reaction.backward is None else (" forward" if sign > 0 else " backward")
            where = f"{reaction.label}{',' + which if which else ''}"
            found = dimension_of(law, self.scope, where)
            direct: list[str] = []
            for name, count in reaction.net.items():
                own = self.dimensions[name].over(TIME)
                volume = self.volume_of(species[name])
                if found is None or found == own:
                    direct.append(name)
                    volume = None
                elif volume is None or found != own.times(VOLUME):
                    raise self._reaction_error(law, found, name, where)
                self.terms[name].append(Term(law, reaction.label, sign * count, volume))
            self._require_one_place(direct, law, found, where)

    def _reaction_error(
        self, law: Expression, found: Dimension, name: str, where: str
    ) -> UnitError:
        own = self.dimensions[name].over(TIME)
        unit = self.parts.species[name].unit or "1"
        has_volume = self.volume_of(self.parts.species[name]) is not None
        also = f", or {describe(own.times(VOLUME))}" if has_volume else ""
        hint = mass_hint(found, own) or (mass_hint(found, own.times(VOLUME)) if has_volume else "")
        if not hint and found == own.times(VOLUME):
            hint = (
                f"\n  State the compartment of {name!r}, so that the amount can be divided by its"
                " volume."
            )
        if not hint and found.times(VOLUME) == own:
            hint = f"\n  {name!r} is an amount: multiply the law by the volume."
        return UnitError(
            f"KG-121: {where}: the law does not fit {name!r}.\n"
            f"    {law}:  {describe(found)}\n"
            f"    d({name})/dt with {name} in {unit}:  {describe(own)}{also}{hint}"
        )

    def _require_one_place(
        self, direct: list[str], law: Expression, found: Dimension | None, where: str
    ) -> None:
        """Refuse a law in concentration per time whose participants do not share one volume."""
        species = self.parts.species
        concentrations = [n for n in direct if self.dimensions[n][_LENGTH_INDEX] == -3]
        places = {species[n].compartment for n in concentrations}
        if found is None or len(places) < 2:
            return
        listed = ", ".join(f"{n!r} in {species[n].compartment or 'none'}" for n in concentrations)
        raise SpecError(
            f"KG-112: {where}: a law of concentration per time ('{law}') needs all participants in"
            f" one compartment, found {listed}.\n"
            "  Write the law as an amount per time (times a volume); each species is then divided"
            " by its own volume."
        )

    # --- doses and events -------------------------------------------------------------------------

    def dose_dimension(self, name: str) -> Dimension:
        """Return the dimension of a dose into a species: an amount where it has a volume."""
        species = self.parts.species[name]
        own = self.dimensions[name]
        return own if self.volume_of(species) is None else own.times(VOLUME)

    def _check_dose(self, dose: DoseInput) -> None:
        amount = self.dose_dimension(dose.species)
        wanted = {
            "bioavailability": (DIMENSIONLESS, "a fraction"),
            "lag": (TIME, "a time"),
            "duration": (TIME, "a time"),
            "rate": (amount.over(TIME), "dose per time"),
            "input function": (amount.over(TIME), "dose per time"),
        }
        for what, expression in dose_expressions(dose):
            where = f"{what} of {dose.label}"
            scope = self.scope
            if what == "input function":
                scope = self._input_scope(dose, amount)
            else:
                self._require_constant(expression, where)
            needed, words = wanted[what]
            require(expression, needed, scope, where, words)

    def _input_scope(self, dose: DoseInput, amount: Dimension) -> Scope:
        for name in ("tad", "dose"):
            if name in self.dimensions:
                raise SpecError(
                    f"KG-104: {dose.label}: {name!r} is the {self.parts.kind_of(name)} {name!r} and"
                    " would also be the dose's own; rename the component."
                )
        own = {"tad": TIME, "dose": amount}
        unit = self.parts.species[dose.species].unit
        return Scope(
            lambda name: own[name] if name in own else self.dimensions[name],
            lambda name: unit if name == "dose" else self.units.get(name),
            self.scope.tables,
        )

    def _check_transport(self, transport: Transport) -> None:
        name = transport.species
        unit = self.parts.species[name].unit
        found = self.dimensions[name]
        if found[_LENGTH_INDEX] != -3 and found not in (_PRESSURE, DIMENSIONLESS):
            raise UnitError(
                f"KG-121: {transport.label}: only concentrations, pressures and shares of the"
                f" volume move; {name!r} is in {unit or '1'}."
            )
        self._check_vessel_factor(transport)
        for what, expression, needed in transport_expressions(transport):
            where = f"{what} in the {transport.label}"
            self._require_constant(expression, where)
            require(expression, needed, self.scope, where, what)

    def _check_vessel_factor(self, transport: Transport) -> None:
        name = transport.vessel_factor
        if name is None:
            return
        if self.dimensions[name] != DIMENSIONLESS:
            raise UnitError(
                f"KG-121: {transport.label}: the vessel factor {name!r} must have no unit, it is in"
                f" {self.parts.species[name].unit}."
            )
        if name in self.parts.transports or self.parts.species[name].may_be_negative:
            why = "moves" if name in self.parts.transports else "may be negative"
            raise SpecError(f"KG-112: {transport.label}: the vessel factor {name!r} {why}.")

    def _check_event(self, event: Event) -> None:
        dimension_of(event.when, self.scope, event.label)
        for node in nodes_of(event.when):
            if isinstance(node, Operation) and node.op in ("eq", "ne"):
                raise SpecError(
                    f"KG-106: {event.label}: '{node}' does not cross zero; an event needs < or >."
                )
        if self.is_constant(event.when):
            raise SpecError(
                f"KG-111: {event.label}: '{event.when}' does not change in time, so it never"
                " becomes true; use if(...) in the laws instead."
            )
        for name, value in event.assign.items():
            require(
                value,
                self.dimensions[name],
                self.scope,
                f"{event.label}, new value of {name!r}",
                f"{name} in {self.parts.species[name].unit or '1'}",
            )
