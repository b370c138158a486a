"""Transport as text, LaTeX and HTML: ``div(D*eps*grad(F/eps))`` and what stands at the wall.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from krogh.model import notation
from krogh.model.expression import Expression, Number, Operation, Symbol
from krogh.model.transport import Transport

__all__ = ["moved_html", "moved_latex", "moved_text", "wall_html", "wall_latex", "wall_text"]


def _is_sum(expression: Expression) -> bool:
    return isinstance(expression, Operation) and expression.op in ("add", "sub", "neg")


def _plus(moved: str, rest: str, kinetics: Expression) -> str:
    """Join the moved part and the kinetics, which may be nothing."""
    if isinstance(kinetics, Number) and kinetics.value == 0.0:
        return moved
    return f"{moved} - {rest[1:]}" if rest.startswith("-") else f"{moved} + {rest}"


def moved_text(transport: Transport, kinetics: Expression) -> str:
    """Return the whole derivative of a species that moves."""
    conductivity = str(transport.conductivity)
    if _is_sum(transport.conductivity):
        conductivity = f"({conductivity})"
    return _plus(
        f"div({conductivity}*grad({transport.inside}))", notation.to_text(kinetics), kinetics
    )


def wall_text(transport: Transport) -> str:
    """Return what passes the supplying wall: ``flux in = P*(Cp - F/eps)``."""
    kind = transport.wall_kind
    if kind == "closed":
        return "nothing passes the wall"
    if kind == "fixed":
        return f"{transport.inside} = {transport.outside} at the wall"
    return f"flux in = {_driven(transport)}"


def _driven(transport: Transport) -> Expression:
    assert transport.permeability is not None
    difference = transport.outside - transport.inside
    if transport.plasma is None:
        difference = -transport.inside
    if transport.vessel_factor is not None:
        return transport.permeability * Symbol(transport.vessel_factor) * difference
    return transport.permeability * difference


def moved_latex(transport: Transport, kinetics: Expression) -> str:
    """Return the whole derivative of a species that moves."""
    conductivity = notation.to_latex(transport.conductivity)
    if _is_sum(transport.conductivity):
        conductivity = rf"\left({conductivity}\right)"
    inside = notation.to_latex(transport.inside)
    if transport.inside.args:
        inside = rf"\left({inside}\right)"
    moved = rf"\nabla \cdot \left({conductivity} \, \nabla {inside}\right)"
    return _plus(moved, notation.to_latex(kinetics), kinetics)


def wall_latex(transport: Transport) -> str:
    """Return the flux per area through the supplying wall, or the value held there."""
    kind = transport.wall_kind
    name = notation.name_latex(transport.species)
    if kind == "closed":
        return rf"J_{{{name}}} &= 0"
    if kind == "fixed":
        inside = notation.to_latex(transport.inside)
        outside = notation.to_latex(transport.outside)
        return rf"\left.{inside}\right|_{{\mathrm{{wall}}}} &= {outside}"
    return rf"J_{{{name}}} &= {notation.to_latex(_driven(transport))}"


def moved_html(transport: Transport, kinetics: Expression) -> str:
    """Return the whole derivative of a species that moves."""
    conductivity = notation.to_html(transport.conductivity)
    if _is_sum(transport.conductivity):
        conductivity = f"({conductivity})"
    moved = f"&nabla;&middot;({conductivity} &nabla;({notation.to_html(transport.inside)}))"
    return _plus(moved, notation.to_html(kinetics), kinetics)


def wall_html(transport: Transport) -> str:
    """Return what passes the supplying wall."""
    kind = transport.wall_kind
    if kind == "closed":
        return "closed"
    if kind == "fixed":
        inside, outside = (notation.to_html(e) for e in (transport.inside, transport.outside))
        return f"{inside} = {outside} at the wall"
    return f"flux in = {notation.to_html(_driven(transport))}"
