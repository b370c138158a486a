"""The same model without gradients: one tissue cell that exchanges with the plasma.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Any

from krogh.errors import SpecError
from krogh.line.assembly import compiled_pair
from krogh.line.supply import supply_of
from krogh.model import Model
from krogh.model.components import Covariate, Parameter, Rate, Rule, Table
from krogh.model.expression import Expression, Number, Symbol
from krogh.model.fields import Component
from krogh.model.transport import Transport
from krogh.space import Shape
from krogh.units import Quantity, parse_quantity, require_dimension

__all__ = ["well_mixed"]

SURFACE = "supply_surface_per_volume"
SIZE = "tumour_volume"


def well_mixed(
    tissue: Model, shape: Shape, systemic: Model | None = None, tumour_volume: Any = None
) -> Model:
    """Return the model of a tissue without gradients, for `krogh.simulate`.

    Every mobile species exchanges as ``P S/V (free_in_plasma plasma - C/eps)``, times its
    vessel factor where it has one, with the surface of
    the supplying wall S and the volume V of the shape (Thurber & Wittrup 2012, doi
    10.1016/j.jtbi.2012.08.034); its outputs are those of the tissue and of the systemic model.

    Parameters
    ----------
    tissue
        With transports, as for `simulate_line`.
    shape
        Gives S/V, as the parameter ``supply_surface_per_volume``.
    systemic
        The model of the body; left out where nothing is taken from a plasma.
    tumour_volume
        As in `simulate_line`: what the tumour takes up leaves the plasma.  The tissue's share of it
        is that of the shape (a cylinder without its vessel).

    Raises
    ------
    SpecError
        KG-162 for a wall that holds its concentration (wall='fixed'), which has no permeability,
        and for models that do not fit together.
    """
    own, other = compiled_pair(tissue, systemic)
    if not isinstance(shape, Shape):
        raise SpecError(
            f"KG-161: the shape must be a Cylinder, Sphere or Slab, not {type(shape).__name__}."
        )
    if tumour_volume is not None and other is None:
        raise SpecError("KG-162: tumour_volume needs systemic=....")
    for name in (SURFACE, SIZE):
        if own.model.parts.kind_of(name) or (other and other.model.parts.kind_of(name)):
            raise SpecError(f"KG-104: {name!r} is a name of well_mixed(); rename the component.")
    parts: list[Any] = [c for c in own.model.components if not isinstance(c, Transport)]
    exchanged: list[Any] = [
        Parameter(SURFACE, Quantity(shape.surface_per_volume, "1/um"), note=f"of {shape!r}")
    ]
    if tumour_volume is not None:
        volume = parse_quantity(tumour_volume, "tumour_volume")
        require_dimension(volume.unit, "mL", "tumour_volume")
        exchanged.append(Parameter(SIZE, volume, note="of the tumour"))
    for transport in own.model.transports.values():
        if transport.wall_kind == "closed":
            continue
        if transport.wall_kind == "fixed":
            raise SpecError(
                f"KG-162: the {transport.label} has wall='fixed', a wall without resistance; its"
                " well-mixed counterpart would follow the plasma at once.  Give a permeability."
            )
        exchanged += _exchange(transport, own, other, shape, tumour_volume is not None)
    title = f"{own.model.name}, well mixed"
    if other is None:
        return Model(title, parts, exchanged, note=own.model.note)
    names = {getattr(c, "name", None) for c in parts if isinstance(c, Parameter | Covariate)}
    shared = [
        c
        for c in other.model.components
        if not (isinstance(c, Parameter | Covariate) and c.name in names)
    ]
    _require_apart(own.model, other.model)
    return Model(title, shared, parts, exchanged, note=own.model.note)


def _require_apart(tissue: Model, systemic: Model) -> None:
    for c in systemic.components:
        name = getattr(c, "name", "")
        if not isinstance(c, Rule | Table) or not name:
            continue
        same = [
            o for o in tissue.components if type(o) is type(c) and getattr(o, "name", "") == name
        ]
        if same and same[0] != c:
            raise SpecError(
                f"KG-115: the {c.what} {name!r} is defined differently in {tissue.name!r} and"
                f" {systemic.name!r}; rename one of them."
            )


def _exchange(
    transport: Transport, own: Any, other: Any, shape: Shape, two_way: bool
) -> list[Component]:
    assert transport.permeability is not None
    outside: Expression | None = None
    supply = None
    if transport.plasma is not None:
        if other is None:
            raise SpecError(
                f"KG-162: the {transport.label} takes {transport.plasma!r} from the plasma; give"
                " the systemic model."
            )
        supply = supply_of(transport, own, other, two_way=two_way)
        state = Symbol(other.state_names[supply.state])
        outside = transport.free_in_plasma * _times(supply.factor, state)
        if supply.per_tissue != 1.0:
            outside = outside * _molar(supply.per_tissue)
    inside = transport.inside
    difference = -inside if outside is None else outside - inside
    flow = transport.permeability * Symbol(SURFACE) * difference
    if transport.vessel_factor is not None:
        flow = Symbol(transport.vessel_factor) * flow
    found: list[Component] = [
        Rate(transport.species, flow, name=f"exchange_of_{transport.species}")
    ]
    if two_way and supply is not None:
        share = Number(1.0) if shape.geometry != "cylindrical" else _tissue_share(shape)
        taken = flow * Symbol(SIZE) * share
        if supply.per_tissue != 1.0:
            taken = taken / _molar(supply.per_tissue)
        if supply.volume is not None:
            taken = taken / supply.volume
        name = other.state_names[supply.state]
        found.append(Rate(name, -taken, name=f"uptake_of_{transport.species}"))
    return found


def _tissue_share(shape: Shape) -> Expression:
    lengths = shape.lengths
    inner, outer = lengths["inner_radius"], lengths["outer_radius"]
    return Number(1.0 - (inner / outer) ** 2)


def _times(factor: Expression, state: Expression) -> Expression:
    return state if factor == Number(1.0) else factor * state


def _molar(per_tissue: float) -> Expression:
    """Return the number of tissue units in a unit of the plasma, a molar mass or its inverse."""
    if per_tissue > 1.0:
        return Number(per_tissue, "kDa")
    return Number(1.0) / Number(1.0 / per_tissue, "kDa")
