"""Shapes of several pieces: vessels of one tumour, and segments along one capillary.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from krogh.errors import SpecError, UnitError
from krogh.model.fields import Measure, as_measure
from krogh.space.shapes import Cylinder, Length, Piece, Shape
from krogh.units import Quantity, dimension

__all__ = ["Capillary", "Several"]


def _velocity(value: Any) -> Quantity:
    quantity = as_measure(value, "a velocity")
    if dimension(quantity.unit) != dimension("um/s"):
        raise UnitError(f"KG-121: a velocity is needed, found {quantity}; write '200 um/s'.")
    return quantity


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


class Several(Shape):
    """Several cylinders, spheres or slabs of one tumour: all share one plasma.

    Parameters
    ----------
    shapes : sequence
        Of one kind, each with cells of its own.
    shares : sequence of float, optional
        Of the volume of the tumour; equal ones if left out.  They are scaled to a sum of 1.

    Raises
    ------
    SpecError
        KG-161 for shapes of different kinds, or shares that are no shares.
    """

    positional: ClassVar[tuple[str, ...]] = ("shapes", "shares")
    shapes: Annotated[tuple[Piece, ...], BeforeValidator(_tuple)]
    shares: Annotated[tuple[float, ...] | None, BeforeValidator(_tuple)] = None

    if TYPE_CHECKING:

        def __init__(self, shapes: Sequence[Piece], shares: Sequence[float] | None = None): ...

    @model_validator(mode="after")
    def _fit_together(self) -> Any:
        if not self.shapes:
            raise SpecError("KG-161: 'shapes' is empty.")
        first = self.shapes[0]
        for shape in self.shapes[1:]:
            if type(shape) is not type(first) or shape.supplied != first.supplied:
                raise SpecError(
                    f"KG-161: shapes that share a plasma must be of one kind, found {first.label}"
                    f" and {shape.label}, or slabs with different supply."
                )
        if self.shares is not None:
            if len(self.shares) != len(self.shapes):
                raise SpecError(f"KG-161: {len(self.shares)} shares for {len(self.shapes)} shapes.")
            if not all(np.isfinite(s) and s > 0.0 for s in self.shares):
                raise SpecError(f"KG-161: shares must be positive, found {self.shares}.")
        return self

    def __repr__(self) -> str:
        shares = "" if self.shares is None else f", shares={list(self.shares)}"
        return f"Several([{', '.join(map(repr, self.shapes))}]{shares})"

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The shapes."""
        return self.shapes

    def _piece_lengths(self, piece: Piece, lengths: Mapping[str, Any]) -> Mapping[str, Any]:
        return piece.lengths

    @cached_property
    def _per_volume(self) -> Any:
        """How much of each piece is in one unit of volume."""
        shares = np.ones(len(self.shapes)) if self.shares is None else np.asarray(self.shares)
        sizes = np.array([float(p.size(p.lengths)) for p in self.shapes])
        return shares / shares.sum() / sizes

    def weights(self, lengths: Mapping[str, Any]) -> Any:
        """Return how much of each piece is in one unit of all together, shape (pieces,)."""
        return self._per_volume / self._per_volume.sum()

    def count_in(self, volume: Any, lengths: Mapping[str, Any]) -> Any:
        """Return how much of all pieces together fills a volume in um^3."""
        return volume * self._per_volume.sum()


class Capillary(Shape):
    """A vessel along which the blood is depleted, cut into segments in series.

    In every segment blood and tissue exchange through the wall; what leaves one segment enters the
    next, what leaves the last returns to the plasma.  Diffusion along the vessel is left out.

    Parameters
    ----------
    cylinder : Cylinder
        The vessel and the tissue around it, as in every segment.
    length : str
        From the arterial to the venous end, ``"500 um"``.
    velocity : str
        Of the blood, ``"200 um/s"``.
    segments : int
        Their number.
    """

    positional: ClassVar[tuple[str, ...]] = ("cylinder",)
    length_names: ClassVar[tuple[str, ...]] = ("inner_radius", "outer_radius")
    cylinder: Cylinder
    length: Length
    velocity: Annotated[Measure, BeforeValidator(_velocity)]
    segments: Annotated[int, Field(ge=1, le=1000)] = 8

    if TYPE_CHECKING:

        def __init__(
            self, cylinder: Cylinder, *, length: Any, velocity: Any, segments: int = 8
        ) -> None: ...

    @model_validator(mode="after")
    def _is_positive(self) -> Any:
        for name, unit in (("length", "um"), ("velocity", "um/s")):
            if not getattr(self, name).to(unit) > 0.0:
                raise SpecError(f"KG-161: {name} must be positive, found {getattr(self, name)}.")
        return self

    def __repr__(self) -> str:
        return (
            f"Capillary({self.cylinder!r}, length={str(self.length)!r},"
            f" velocity={str(self.velocity)!r}, segments={self.segments})"
        )

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The cylinder, once for each segment."""
        return (self.cylinder,) * self.segments

    @property
    def lengths(self) -> dict[str, float]:
        """The radii, um."""
        return self.cylinder.lengths

    def weights(self, lengths: Mapping[str, Any]) -> Any:
        """Return the part of the length that each segment takes, shape (segments,)."""
        return np.full(self.segments, 1.0 / self.segments)

    def require_lengths(self, lengths: Mapping[str, Any]) -> None:
        """Raise SpecError KG-161 where lengths make no cylinder."""
        self.cylinder.require_lengths(lengths)
