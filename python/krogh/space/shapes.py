"""Cylinder, sphere and slab: their cells, and what of a tumour one of them stands for.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from krogh.errors import SpecError, UnitError
from krogh.model.fields import Component, Measure, as_measure
from krogh.units import Quantity, dimension

__all__ = ["DEFAULT_GROWTH", "Cylinder", "Piece", "Shape", "Slab", "Sphere"]

Floats = NDArray[np.float64]

DEFAULT_GROWTH: float = 4.0
"""Width of the farthest cell over that of the cell at the wall.

Of 1, 2, 4, 8, 16 and 32 at 64 cells it gives the smallest errors of the contents of the benchmark
NCI-N87 (T-DM1 with 0, 3 and 8 times as much trastuzumab, 6 h and 24 h, against 1024 cells): 1.5e-4,
4.3e-5 and 1.1e-5, where even cells give 8.9e-4, 4.3e-4 and 2.5e-4; the errors of the profiles lie
within a factor of two of the best (tests/verification/line/test_grading.py).
"""

Cells = Annotated[int, Field(ge=2, le=100_000)]
Growth = Annotated[float, Field(gt=0.0, le=1e6)]


def _length(value: Any) -> Quantity:
    quantity = as_measure(value, "a length")
    if dimension(quantity.unit) != dimension("um"):
        hint = "; write '75 um'" if not quantity.unit else ""
        raise UnitError(f"KG-121: a length is needed, found {quantity}{hint}.")
    return quantity


Length = Annotated[Measure, BeforeValidator(_length)]


class Shape(Component):
    """What all shapes have; use `Cylinder`, `Sphere`, `Slab`, `Several` or `Capillary`.

    Lengths in um.  A cylinder counts per um of its length, a slab per um^2 of its area, a sphere as
    a whole.  A shape is one piece, or several that stand one behind the other in all arrays.
    """

    what: ClassVar[str] = "shape"
    length_names: ClassVar[tuple[str, ...]] = ()

    @property
    def label(self) -> str:
        """What and which, for messages."""
        return type(self).__name__

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The pieces of tissue that it is made of."""
        raise NotImplementedError

    @property
    def geometry(self) -> str:
        """What the core calls it: cylindrical, spherical or cartesian."""
        return self.pieces[0].form

    @property
    def num_cells(self) -> int:
        """Number of cells of all pieces."""
        return sum(p.cells for p in self.pieces)

    @property
    def walls(self) -> tuple[int, ...]:
        """The walls through which it is supplied: 0 the inner, 1 the outer end."""
        return self.pieces[0].supplied

    @property
    def lengths(self) -> dict[str, float]:
        """The lengths by name that may differ between lines, um."""
        return {n: getattr(self, n).to("um") for n in self.length_names}

    @property
    def cell_slices(self) -> tuple[slice, ...]:
        """Where the cells of each piece are."""
        return _slices([p.cells for p in self.pieces])

    @property
    def face_slices(self) -> tuple[slice, ...]:
        """Where the faces of each piece are."""
        return _slices([p.cells + 1 for p in self.pieces])

    # --- cells ------------------------------------------------------------------------------------

    def _piece_lengths(self, piece: Piece, lengths: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the lengths of a piece, for lengths of the whole."""
        return lengths

    def faces_of(self, lengths: Mapping[str, Any]) -> Floats:
        """Return faces for lengths in um (numbers or arrays), shape (..., cells + pieces)."""
        parts = []
        for piece in self.pieces:
            inner, outer = piece.ends(self._piece_lengths(piece, lengths))
            low, high = np.asarray(inner, dtype=np.float64), np.asarray(outer, dtype=np.float64)
            faces = low[..., None] + (high - low)[..., None] * piece.fractions
            faces[..., -1] = high
            parts.append(faces)
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)

    def _each(self, faces: Floats, of: Callable[[Piece, Floats], Floats]) -> Floats:
        """Return what is computed of every piece's faces, one behind the other."""
        parts = [of(p, faces[..., s]) for p, s in zip(self.pieces, self.face_slices, strict=True)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)

    @property
    def faces(self) -> Floats:
        """Faces of the cells, um, shape (cells + pieces,)."""
        return self.faces_of(self.lengths)

    @property
    def centers(self) -> Floats:
        """Midpoints of the cells, um."""
        return self.centers_of(self.faces)

    @property
    def volumes(self) -> Floats:
        """Volumes of the cells: um^2 (per um) of a cylinder, um^3 of a sphere, um of a slab."""
        return self.volumes_of(self.faces)

    @property
    def distance(self) -> Floats:
        """Distance of the centers from the supplying wall, the nearer of two, um."""
        return self.distance_of(self.faces)

    def centers_of(self, faces: Floats) -> Floats:
        """Return the midpoints of cells, shape (..., cells)."""
        return self._each(faces, lambda _, f: 0.5 * (f[..., 1:] + f[..., :-1]))

    def volumes_of(self, faces: Floats) -> Floats:
        """Return the volumes between faces, shape (..., cells)."""
        return self._each(faces, lambda p, f: _volumes(p.form, f))

    def areas_of(self, faces: Floats) -> Floats:
        """Return the areas of the faces, shape as `faces`."""
        return self._each(faces, lambda p, f: _areas(p.form, f))

    def distance_of(self, faces: Floats) -> Floats:
        """Return the distance of cell centers from the supplying wall, shape (..., cells)."""
        return self._each(faces, _distance)

    @property
    def surface_per_volume(self) -> float:
        """Area of the supplying wall over the volume of the tissue, 1/um."""
        faces, weights = self.faces, self.weights(self.lengths)
        areas, volumes = self.areas_of(faces), self.volumes_of(faces)
        surface = volume = 0.0
        pairs = zip(self.face_slices, self.cell_slices, strict=True)
        for weight, (at_faces, at_cells) in zip(weights, pairs, strict=True):
            ends = areas[at_faces]
            surface += weight * sum(ends[0] if wall == 0 else ends[-1] for wall in self.walls)
            volume += weight * volumes[at_cells].sum()
        return float(surface / volume)

    # --- the tumour -------------------------------------------------------------------------------

    def weights(self, lengths: Mapping[str, Any]) -> Any:
        """Return how much of each piece is in one unit of the whole, shape (..., pieces)."""
        return np.ones(1)

    def count_in(self, volume: Any, lengths: Mapping[str, Any]) -> Any:
        """Return how much of the shape fills a volume in um^3, for lengths in um.

        um of vessel length, number of spheres, or um^2 of area.
        """
        return volume / self.pieces[0].size(self._piece_lengths(self.pieces[0], lengths))

    def require_lengths(self, lengths: Mapping[str, Any]) -> None:
        """Raise SpecError KG-161 where lengths (numbers or arrays, um) make no shape."""
        for name, value in lengths.items():
            wrong = ~(np.isfinite(value) & (np.asarray(value) > 0.0))
            if np.any(wrong):
                raise SpecError(
                    f"KG-161: {name} must be positive, found"
                    f" {np.asarray(value)[wrong].flat[0]:g} um{_line(wrong)}."
                )


class Piece(Shape):
    """A shape of one piece: its cells and how they widen away from the supply."""

    form: ClassVar[str] = ""
    supply_walls: ClassVar[tuple[int, ...]] = (0,)

    cells: Cells = 64
    growth: Growth = DEFAULT_GROWTH

    def __repr__(self) -> str:
        lengths = "".join(f"{n}={str(getattr(self, n))!r}, " for n in self.length_names)
        supply = f", supply={self.supply!r}" if isinstance(self, Slab) else ""
        return f"{self.label}({lengths}cells={self.cells}, growth={self.growth:g}{supply})"

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The shape itself."""
        return (self,)

    @property
    def supplied(self) -> tuple[int, ...]:
        """The walls through which it is supplied: 0 the inner, 1 the outer end."""
        return self.supply_walls

    @cached_property
    def fractions(self) -> Floats:
        """Places of the faces between the inner end (0) and the outer end (1)."""
        ratio = self.growth ** (1.0 / (self.cells - 1))
        widths = ratio ** np.arange(self.cells, dtype=np.float64)
        if self.supplied == (1,):
            widths = widths[::-1]
        elif len(self.supplied) == 2:
            half = self.cells / 2.0
            away = np.minimum(np.arange(self.cells), np.arange(self.cells)[::-1])
            step = self.growth ** (1.0 / max(1.0, math.ceil(half) - 1))
            widths = step ** away.astype(np.float64)
        sums = np.concatenate([[0.0], np.cumsum(widths)])
        found: Floats = sums / sums[-1]
        found.flags.writeable = False
        return found

    def ends(self, lengths: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return the places of the inner and the outer end, um, for lengths in um."""
        raise NotImplementedError

    def size(self, lengths: Mapping[str, Any]) -> Any:
        """Return the volume of tumor that one unit takes: um^2 per um, um^3, or um per um^2."""
        raise NotImplementedError


def _slices(sizes: Sequence[int]) -> tuple[slice, ...]:
    ends = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    return tuple(slice(int(a), int(b)) for a, b in pairwise(ends))


def _volumes(form: str, faces: Floats) -> Floats:
    low, high = faces[..., :-1], faces[..., 1:]
    if form == "cylindrical":
        return math.pi * (high - low) * (high + low)
    if form == "spherical":
        return 4.0 / 3.0 * math.pi * (high - low) * (high * high + high * low + low * low)
    return high - low


def _areas(form: str, faces: Floats) -> Floats:
    if form == "cylindrical":
        return 2.0 * math.pi * faces
    if form == "spherical":
        return 4.0 * math.pi * faces * faces
    return np.ones_like(faces)


def _distance(piece: Piece, faces: Floats) -> Floats:
    centers = 0.5 * (faces[..., 1:] + faces[..., :-1])
    from_inner = centers - faces[..., :1]
    from_outer = faces[..., -1:] - centers
    if piece.supplied == (0,):
        return from_inner
    return from_outer if piece.supplied == (1,) else np.minimum(from_inner, from_outer)


def _line(wrong: Any) -> str:
    return f" (line {int(np.flatnonzero(wrong)[0])})" if np.ndim(wrong) else ""


class Cylinder(Piece):
    """The tissue around a vessel (Krogh 1919, doi 10.1113/jphysiol.1919.sp001839).

    Parameters
    ----------
    inner_radius : str
        Of the vessel, ``"8 um"``.
    outer_radius : str
        Half the distance to the next vessel, ``"75 um"``; nothing passes there.
    cells : int
        Number of cells.
    growth : float
        Width of the outermost cell over that of the cell at the vessel.

    Raises
    ------
    SpecError
        KG-161 where the outer radius is not the larger one, KG-103 for an unknown field.
    UnitError
        KG-121 for something that is no length.
    """

    positional: ClassVar[tuple[str, ...]] = ("inner_radius", "outer_radius")
    form: ClassVar[str] = "cylindrical"
    length_names: ClassVar[tuple[str, ...]] = ("inner_radius", "outer_radius")
    inner_radius: Length = Quantity(8.0, "um")
    outer_radius: Length = Quantity(75.0, "um")

    if TYPE_CHECKING:

        def __init__(
            self,
            inner_radius: Any = "8 um",
            outer_radius: Any = "75 um",
            *,
            cells: int = 64,
            growth: float = DEFAULT_GROWTH,
        ) -> None: ...

    @model_validator(mode="after")
    def _is_shape(self) -> Any:
        self.require_lengths(self.lengths)
        return self

    def require_lengths(self, lengths: Mapping[str, Any]) -> None:
        """Raise SpecError KG-161 where lengths make no cylinder."""
        super().require_lengths(lengths)
        inner, outer = np.broadcast_arrays(lengths["inner_radius"], lengths["outer_radius"])
        wrong = ~(outer > inner)
        if np.any(wrong):
            raise SpecError(
                f"KG-161: the outer radius {outer[wrong].flat[0]:g} um must be larger"
                f" than that of the vessel, {inner[wrong].flat[0]:g} um{_line(wrong)}."
            )

    def ends(self, lengths: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return the radii of the two ends, um."""
        inner, outer = np.broadcast_arrays(lengths["inner_radius"], lengths["outer_radius"])
        return inner, outer

    def size(self, lengths: Mapping[str, Any]) -> Any:
        """Return the cross-section, um^2: the vessel belongs to the volume."""
        return math.pi * np.asarray(lengths["outer_radius"]) ** 2


class Sphere(Piece):
    """A spheroid or an avascular nodule, supplied from outside.

    Parameters
    ----------
    radius : str
        ``"200 um"``.
    cells : int
        Number of cells.
    growth : float
        Width of the innermost cell over that of the cell at the surface.
    """

    positional: ClassVar[tuple[str, ...]] = ("radius",)
    form: ClassVar[str] = "spherical"
    supply_walls: ClassVar[tuple[int, ...]] = (1,)
    length_names: ClassVar[tuple[str, ...]] = ("radius",)
    radius: Length

    if TYPE_CHECKING:

        def __init__(
            self, radius: Any, *, cells: int = 64, growth: float = DEFAULT_GROWTH
        ) -> None: ...

    @model_validator(mode="after")
    def _is_shape(self) -> Any:
        self.require_lengths(self.lengths)
        return self

    def ends(self, lengths: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return the radii of the two ends, um."""
        radius = np.asarray(lengths["radius"], dtype=np.float64)
        return np.zeros_like(radius), radius

    def size(self, lengths: Mapping[str, Any]) -> Any:
        """Return the volume, um^3."""
        return 4.0 / 3.0 * math.pi * np.asarray(lengths["radius"]) ** 3


class Slab(Piece):
    """A layer of tissue, supplied from its inner face or from both.

    Parameters
    ----------
    thickness : str
        ``"200 um"``.
    cells : int
        Number of cells.
    growth : float
        Width of the cell farthest from the supply over that of the cell at it.
    supply : {"inner", "both"}
        From where it is supplied; nothing passes the other face.
    """

    positional: ClassVar[tuple[str, ...]] = ("thickness",)
    form: ClassVar[str] = "cartesian"
    length_names: ClassVar[tuple[str, ...]] = ("thickness",)
    thickness: Length
    supply: Literal["inner", "both"] = "inner"

    if TYPE_CHECKING:

        def __init__(
            self,
            thickness: Any,
            *,
            cells: int = 64,
            growth: float = DEFAULT_GROWTH,
            supply: Literal["inner", "both"] = "inner",
        ) -> None: ...

    @property
    def supplied(self) -> tuple[int, ...]:
        """The walls through which it is supplied: 0 the inner, 1 the outer end."""
        return (0,) if self.supply == "inner" else (0, 1)

    @model_validator(mode="after")
    def _is_shape(self) -> Any:
        self.require_lengths(self.lengths)
        return self

    def ends(self, lengths: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return the places of the two faces, um."""
        thickness = np.asarray(lengths["thickness"], dtype=np.float64)
        return np.zeros_like(thickness), thickness

    def size(self, lengths: Mapping[str, Any]) -> Any:
        """Return the thickness, um."""
        return np.asarray(lengths["thickness"])
