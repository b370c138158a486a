"""Transport of a species through tissue: diffusion, a wall to the plasma, convection.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import model_validator

from krogh.errors import SpecError
from krogh.model.expression import Expression, Number, Symbol
from krogh.model.fields import Component, Formula, Name, Text
from krogh.units import DIMENSIONLESS, Dimension, dimension

__all__ = ["Transport", "transport_expressions"]

Wall = Literal["membrane", "fixed", "closed"]

_ONE, _ZERO = Number(1.0), Number(0.0)


class Transport(Component):
    """How a species moves along a line: ``dC/dt = div(D eps grad(C/eps)) + kinetics``.

    C counts amount per total tissue volume, eps is the fraction of the tissue that the species can
    enter, so C/eps is the concentration in that space; what drives diffusion is its gradient
    (Thurber, Schmidt & Wittrup 2008, doi 10.1016/j.addr.2008.04.012).  At the supplying wall of the
    line the flux per area inward is ``permeability*(free_in_plasma*plasma - C/eps)`` (membrane), or
    C/eps is held at ``free_in_plasma*plasma`` (fixed); the other end is closed.

    All expressions are of parameters and covariates, which may vary from cell to cell.

    Parameters
    ----------
    species : str
        What moves; a concentration per total tissue volume.
    diffusivity : str or Expression
        D, length^2/time.
    void_fraction : str or Expression
        eps, between 0 and 1.
    permeability : str or Expression, optional
        P of the wall, length/time.
    plasma : str, optional
        The concentration outside: a species of the systemic model, or a rule or output of it that
        is proportional to one species.  None: nothing outside (wash-out).
    free_in_plasma : str or Expression
        The free fraction of the plasma concentration.
    wall : {"membrane", "fixed", "closed"}, optional
        What the supplying wall is; a membrane if `permeability` is given, else closed.
    retardation : str or Expression
        Of convection: the species moves with ``retardation`` times the velocity of the fluid.
    reflection : str or Expression
        Of solvent drag through a membrane: the share of the species, between 0 and 1, that fluid
        leaves behind when it passes (`krogh.simulate_volume` with ``flow``).
    vessel_factor : str, optional
        A species without unit that does not move, by which the exchange with vessels that lie
        within a voxel is multiplied: the part of them that works (`krogh.model.effect.vessels`).
        The one vessel of a line has no such part.
    """

    what: ClassVar[str] = "transport"
    positional: ClassVar[tuple[str, ...]] = ("species",)
    species: Name
    diffusivity: Formula
    void_fraction: Formula = _ONE
    permeability: Formula | None = None
    plasma: Name | None = None
    free_in_plasma: Formula = _ONE
    wall: Wall | None = None
    retardation: Formula = _ONE
    reflection: Formula = _ZERO
    note: str = ""
    vessel_factor: Name | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            species: str,
            *,
            diffusivity: Text,
            void_fraction: Text = 1.0,
            permeability: Text | None = None,
            plasma: str | None = None,
            free_in_plasma: Text = 1.0,
            wall: Wall | None = None,
            retardation: Text = 1.0,
            reflection: Text = 0.0,
            note: str = "",
            vessel_factor: str | None = None,
        ) -> None: ...

    @property
    def label(self) -> str:
        """What and which, for messages."""
        return f"transport of {self.species!r}"

    @property
    def wall_kind(self) -> Wall:
        """What the supplying wall is: as stated, else a membrane where there is a permeability."""
        if self.wall is not None:
            return self.wall
        return "closed" if self.permeability is None else "membrane"

    @model_validator(mode="after")
    def _parts_fit(self) -> Any:
        kind = self.wall_kind
        if kind == "membrane" and self.permeability is None:
            raise SpecError("KG-112: a wall that is a membrane needs 'permeability'.")
        if kind != "membrane" and self.permeability is not None:
            raise SpecError(
                f"KG-112: 'permeability' belongs to a membrane; the wall is {kind!r}.  Leave one of"
                " the two out."
            )
        if kind == "closed" and self.plasma is not None:
            raise SpecError(
                f"KG-112: nothing of {self.plasma!r} passes a closed wall; give 'permeability', or"
                " wall='fixed', or leave 'plasma' out."
            )
        if self.vessel_factor is not None and kind != "membrane":
            raise SpecError(f"KG-112: 'vessel_factor' belongs to a membrane; the wall is {kind!r}.")
        if self.plasma is None and self.free_in_plasma != _ONE:
            raise SpecError("KG-112: 'free_in_plasma' belongs to 'plasma', which is not given.")
        for what in ("diffusivity", "void_fraction", "permeability"):
            value = getattr(self, what)
            if isinstance(value, Number) and value.value < 0.0:
                raise SpecError(f"KG-108: {what} must not be negative, found {value}.")
        if kind != "membrane" and self.reflection != _ZERO:
            raise SpecError(
                f"KG-112: 'reflection' belongs to a membrane; the wall is {kind!r}.  Leave one of"
                " the two out."
            )
        sigma = self.reflection
        if isinstance(sigma, Number) and sigma.unit is None and not 0.0 <= sigma.value <= 1.0:
            raise SpecError(f"KG-108: reflection must lie between 0 and 1, found {sigma}.")
        fraction = self.void_fraction
        if isinstance(fraction, Number) and fraction.unit is None and not 0 < fraction.value <= 1:
            raise SpecError(f"KG-108: void_fraction must lie in (0, 1], found {fraction}.")
        return self

    @property
    def inside(self) -> Expression:
        """The concentration in the accessible space, C/eps."""
        c = Symbol(self.species)
        return c if self.void_fraction == _ONE else c / self.void_fraction

    @property
    def outside(self) -> Expression:
        """The concentration outside the supplying wall; zero where nothing is stated."""
        if self.plasma is None:
            return Number(0.0)
        plasma = Symbol(self.plasma)
        return plasma if self.free_in_plasma == _ONE else self.free_in_plasma * plasma

    @property
    def conductivity(self) -> Expression:
        """D eps, by which the gradient of C/eps is multiplied."""
        if self.void_fraction == _ONE:
            return self.diffusivity
        return self.diffusivity * self.void_fraction


def transport_expressions(transport: Transport) -> list[tuple[str, Expression, Dimension]]:
    """Return the expressions of a transport that are set: name, expression, dimension needed."""
    found: list[tuple[str, Expression | None, Dimension]] = [
        ("diffusivity", transport.diffusivity, dimension("um^2/s")),
        ("void fraction", transport.void_fraction, DIMENSIONLESS),
        ("permeability", transport.permeability, dimension("um/s")),
        ("free fraction in plasma", transport.free_in_plasma, DIMENSIONLESS),
        ("retardation", transport.retardation, DIMENSIONLESS),
        ("reflection coefficient", transport.reflection, DIMENSIONLESS),
    ]
    return [(what, e, needed) for what, e, needed in found if e is not None]
