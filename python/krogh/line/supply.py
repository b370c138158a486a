"""What stands outside a wall: which plasma state, and by which factor.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from krogh.errors import SpecError, UnitError, did_you_mean
from krogh.model import Model
from krogh.model.compile import CompiledModel
from krogh.model.expression import Expression, Number, Operation, Symbol
from krogh.model.transport import Transport
from krogh.units import Dimension, describe, dimension

__all__ = ["Supply", "molar_conversion", "supply_of"]

_MOLAR: Final = dimension("nM")
_MASS: Final = dimension("ng/mL")
_LENGTH: Final = next(i for i, p in enumerate(dimension("m")) if p)
_ONE: Final = Number(1.0)


@dataclass(frozen=True)
class Supply:
    """The concentration outside is ``factor * state`` in the dimension of the plasma's own count.

    Attributes
    ----------
    state
        Number of the plasma state.
    factor
        Expression of the systemic model's parameters.
    volume
        By which an amount is divided to change the state; None where the state is an amount.
    per_tissue
        Units of the tissue's concentration in one of the plasma's: 1, or a molar mass.
    """

    state: int
    factor: Expression
    volume: Expression | None
    per_tissue: float


def supply_of(
    transport: Transport, tissue: CompiledModel, systemic: CompiledModel, *, two_way: bool
) -> Supply:
    """Return what the plasma of a transport is.

    Raises
    ------
    SpecError
        KG-162 for a plasma that the systemic model does not have, or that is not proportional to
        one of its species.
    UnitError
        KG-121 where it is no concentration, KG-122 for mass against moles without a molar mass.
    """
    model, name = systemic.model, transport.plasma
    assert name is not None
    where = f"{transport.label}, plasma {name!r}"
    analysis = model.analysis
    if name in model.species:
        species, factor = name, _concentration(model, name, where)
    elif name in analysis.definitions or name in model.outputs:
        expression = analysis.definitions.get(name, Symbol(name))
        species, factor = _proportional(expression, model, where)
        species_dimension = analysis.dimensions[name]
        if species_dimension[_LENGTH] != -3:
            raise UnitError(
                f"KG-121: {where} is no concentration but {describe(species_dimension)}."
            )
    else:
        known = [*model.species, *analysis.definitions]
        raise SpecError(
            f"KG-162: {where}: the systemic model {model.name!r} has no such species, rule or"
            f" output.{did_you_mean(name, known)}  It has {', '.join(map(repr, known[:20]))}."
        )
    volume = analysis.volume_of(model.species[species])
    is_concentration = analysis.dimensions[species][_LENGTH] == -3
    if two_way and is_concentration and volume is None:
        raise SpecError(
            f"KG-162: {where}: what the tumour takes up cannot be taken from {species!r}, a"
            " concentration in no compartment.\n"
            f"  Write Species({species!r}, ..., compartment=...) in the systemic model, or leave"
            " tumour_volume out (one way)."
        )
    plasma = analysis.dimensions[name]
    return Supply(
        state=systemic.state_index(species),
        factor=factor,
        volume=volume,
        per_tissue=molar_conversion(transport, tissue, systemic, species, plasma, where),
    )


def molar_conversion(
    transport: Transport,
    tissue: CompiledModel,
    systemic: CompiledModel | None,
    species: str | None,
    plasma: Dimension,
    where: str,
) -> float:
    """Return the units of the tissue species in one of the plasma's, through a molar mass."""
    own = tissue.model.analysis.dimensions[transport.species]
    if own == plasma:
        return 1.0
    if {own, plasma} != {_MOLAR, _MASS}:
        raise UnitError(
            f"KG-121: {where} counts {describe(plasma)}, {transport.species!r} in the tissue"
            f" {describe(own)}."
        )
    mass = None
    if systemic is not None and species is not None:
        mass = systemic.molar_mass(systemic.state_index(species))
    if mass is None:
        mass = tissue.molar_mass(tissue.state_index(transport.species))
    if mass is None:
        raise UnitError(
            f"KG-122: {where} counts {describe(plasma)}, {transport.species!r} in the tissue"
            f" {describe(own)}; they meet only through a molar mass.\n"
            f"  State it: Species({transport.species!r}, ..., molar_mass='148 kDa')."
        )
    return 1.0 / mass if plasma == _MASS else mass


def _concentration(model: Model, name: str, where: str) -> Expression:
    """Return by what a species is multiplied to be a concentration."""
    species = model.species[name]
    own = model.analysis.dimensions[name]
    if own[_LENGTH] == -3:
        return _ONE
    if species.compartment is not None and own in (dimension("nmol"), dimension("mg")):
        return _ONE / model.compartments[species.compartment].volume
    raise UnitError(
        f"KG-121: {where} is no concentration but {describe(own)}; name the rule or output that is"
        f" its concentration, such as {name}/V."
    )


def _proportional(root: Expression, model: Model, where: str) -> tuple[str, Expression]:
    """Return the one species that an expression is proportional to, and the factor."""
    analysis = model.analysis

    def fail(why: str) -> SpecError:
        return SpecError(
            f"KG-162: {where} = {root}: {why}.  The plasma of a transport is a species or"
            " proportional to one, so that what the tissue takes up can be taken from it."
        )

    def visit(e: Expression) -> tuple[str, Expression]:
        if isinstance(e, Symbol):
            if e.name in model.species:
                return e.name, _ONE
            if e.name in analysis.definitions:
                return visit(analysis.definitions[e.name])
            raise fail(f"{e.name!r} is no species")
        if isinstance(e, Operation):
            moving = [not analysis.is_constant(a) for a in e.args]
            if e.op == "mul" and moving != [True, True]:
                at = moving.index(True)
                name, factor = visit(e.args[at])
                return name, _times(e.args[1 - at], factor)
            if e.op == "div" and moving == [True, False]:
                name, factor = visit(e.args[0])
                return name, factor / e.args[1]
            if e.op == "neg":
                name, factor = visit(e.args[0])
                return name, -factor
            if e.op in ("add", "sub") and all(moving):
                (first, f1), (second, f2) = (visit(a) for a in e.args)
                if first == second:
                    return first, Operation(e.op, f1, f2)
                raise fail(f"it holds {first!r} and {second!r}")
        raise fail("it is not proportional to a species")

    if analysis.is_constant(root):
        raise fail("it does not change in time")
    return visit(root)


def _times(a: Expression, b: Expression) -> Expression:
    return a if b == _ONE else a * b


def curves_only(model: Model, curves: Mapping[str, object]) -> None:
    """Raise SpecError KG-162 for a given curve that no transport names."""
    named = {m.plasma for m in model.transports.values() if m.plasma is not None}
    for name in curves:
        if name not in named:
            raise SpecError(
                f"KG-162: plasma: no transport of model {model.name!r} names {name!r}; they name"
                f" {', '.join(map(repr, sorted(named))) or 'none'}."
            )
