"""Everything that is to be solved along lines, as arrays in internal units.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, UnitError, did_you_mean
from krogh.line.arrays import Evaluator
from krogh.line.supply import Supply
from krogh.model.compile import CompiledModel
from krogh.model.expression import Expression
from krogh.model.transport import Transport
from krogh.space import Capillary, Shape
from krogh.units import convert, parse_quantity, require_dimension

__all__ = ["Curve", "LineProblem", "Mobile"]

Floats = NDArray[np.float64]

CLOSED: Final = ("closed", "closed")


@dataclass(frozen=True)
class Curve:
    """A given plasma concentration: points in s and in the internal units of its dimension.

    Attributes
    ----------
    times
        Shape (points,).
    values
        Shape (1 or lines, points).
    unit
        In which it was given.
    """

    times: Floats
    values: Floats
    unit: str


@dataclass(frozen=True)
class Mobile:
    """A species that moves, and what is outside for it.

    Attributes
    ----------
    state
        Number among the states of the tissue.
    supply
        Of a systemic model; None for none.
    curve
        Name of a given curve; None for none.
    per_curve
        Units of the tissue's concentration in one of the curve's.
    """

    state: int
    transport: Transport
    supply: Supply | None = None
    curve: str | None = None
    per_curve: float = 1.0


@dataclass
class LineProblem:
    """Lines of one tissue model and one shape.

    Arrays have a leading axis of 1 (for all lines) or `count`.

    Attributes
    ----------
    lengths
        Lengths of the shape by name, um, shape (1 or count,).
    parameters, plasma_parameters
        Of the tissue and the systemic model.
    fields
        Parameters of the tissue that vary over the cells, shape (1 or count, cells).
    volume
        Of the tumour, um^3, shape (1 or count,); None: the plasma feels no uptake.
    flow
        Velocity of the fluid at the faces, outward, um/s, shape (1 or count, cells + 1); None: it
        rests.
    """

    tissue: CompiledModel
    systemic: CompiledModel | None
    shape: Shape
    count: int
    lengths: dict[str, Floats]
    parameters: Floats
    plasma_parameters: Floats
    mobiles: tuple[Mobile, ...]
    fields: dict[str, Floats] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)
    volume: Floats | None = None
    flow: Floats | None = None

    @property
    def cells(self) -> int:
        """Number of cells of every line."""
        return self.shape.num_cells

    @property
    def pieces(self) -> int:
        """Number of pieces of the shape, one behind the other in all arrays over cells."""
        return len(self.shape.pieces)

    @cached_property
    def weights(self) -> Floats:
        """How much of each piece is in one line, shape (1 or count, pieces)."""
        return np.atleast_2d(self.shape.weights(self.lengths))

    @property
    def capillary(self) -> Capillary | None:
        """The vessel along which the blood is depleted, or None."""
        return self.shape if isinstance(self.shape, Capillary) else None

    @cached_property
    def faces(self) -> Floats:
        """Faces, um, shape (1 or count, cells + pieces)."""
        return np.ascontiguousarray(np.atleast_2d(self.shape.faces_of(self.lengths)))

    @cached_property
    def volumes(self) -> Floats:
        """Volumes of cells in one line, um^2, um^3 or um, shape (1 or count, cells).

        Those of several pieces are weighted by how much of each piece there is.
        """
        volumes = self.shape.volumes_of(self.faces)
        if self.pieces == 1:
            return volumes
        return volumes * np.repeat(self.weights, [p.cells for p in self.shape.pieces], axis=1)

    @cached_property
    def values(self) -> Evaluator:
        """Values of the tissue's parameters, shapes (1 or count, 1 or cells)."""
        symbols: dict[str, Any] = {
            name: self.parameters[:, i : i + 1]
            for i, name in enumerate(self.tissue.parameter_names)
        }
        return Evaluator(self.tissue.model, symbols | self.fields)

    @cached_property
    def plasma_values(self) -> Evaluator:
        """Values of the systemic model's parameters, shapes (1 or count,)."""
        assert self.systemic is not None
        symbols = {
            name: self.plasma_parameters[:, i]
            for i, name in enumerate(self.systemic.parameter_names)
        }
        return Evaluator(self.systemic.model, symbols)

    def per_cell(self, expressions: list[Expression]) -> Floats:
        """Return values in every cell, shape (1 or count, number of expressions, cells)."""
        found = [np.atleast_2d(self.values.value(e)) for e in expressions]
        sets = max((v.shape[0] for v in found), default=1)
        result = np.empty((sets, len(found), self.cells))
        for i, value in enumerate(found):
            result[:, i] = value
        return result

    def at_walls(self, expression: Expression, wall: int) -> Floats:
        """Return a value in the cells at the walls of all pieces, shape (1 or count, pieces)."""
        found: Floats = at_walls(self.shape, self.values.value(expression), wall)
        return found

    @cached_property
    def diffusivity(self) -> Floats:
        """D, um^2/s, shape (1 or count, mobiles, cells)."""
        found = self.per_cell([m.transport.diffusivity for m in self.mobiles])
        self._require(found, "diffusivity", lambda v: v >= 0.0, "not negative")
        return found

    @cached_property
    def fraction(self) -> Floats:
        """Fraction of the tissue that the species enters, shape (1 or count, mobiles, cells)."""
        found = self.per_cell([m.transport.void_fraction for m in self.mobiles])
        self._require(found, "void fraction", lambda v: (v > 0.0) & (v <= 1.0), "in (0, 1]")
        return found

    @cached_property
    def permeability(self) -> Floats:
        """P of the membranes, um/s, 0 elsewhere, shape (1 or count, pieces, mobiles, 2).

        Without the axis of pieces where there is one.
        """
        columns = []
        for m in self.mobiles:
            for wall in (0, 1):
                p = m.transport.permeability
                passes = p is not None and wall in self.shape.walls
                values = self.at_walls(p, wall) if passes and p is not None else np.zeros((1, 1))
                columns.append(values)
        sets = max((c.shape[0] for c in columns), default=1)
        found = np.empty((sets, self.pieces, len(columns)))
        for i, column in enumerate(columns):
            found[:, :, i] = column
        found = found.reshape(sets, self.pieces * len(self.mobiles), 2)
        self._require(found, "permeability", lambda v: v >= 0.0, "not negative")
        if self.pieces == 1:
            return found
        return found.reshape(sets, self.pieces, len(self.mobiles), 2)

    @cached_property
    def velocity(self) -> Floats | None:
        """Velocity of every mobile species, shape (1 or count, mobiles, faces), or None.

        That of the fluid times the retardation: of the cell at a wall, the mean of both cells at a
        face between two.
        """
        if self.flow is None:
            return None
        retardation = self.per_cell([m.transport.retardation for m in self.mobiles])
        at_faces = np.empty((*retardation.shape[:2], self.faces.shape[1]))
        for faces, cells in zip(self.shape.face_slices, self.shape.cell_slices, strict=True):
            piece, values = at_faces[..., faces], retardation[..., cells]
            piece[..., 0], piece[..., -1] = values[..., 0], values[..., -1]
            piece[..., 1:-1] = 0.5 * (values[..., 1:] + values[..., :-1])
        found: Floats = np.ascontiguousarray(at_faces * self.flow[:, None, :])
        return found

    def from_plasma(self, entered: Floats) -> Floats:
        """Return what the plasma has lost of what entered by each wall, (..., walls)."""
        found: Floats = entered.sum(axis=-1)
        return found

    def _require(self, values: Floats, what: str, test: Any, words: str) -> None:
        wrong = ~(np.isfinite(values) & test(values))
        if np.any(wrong):
            line, mobile, place = (int(i) for i in np.argwhere(wrong)[0])
            transport = self.mobiles[mobile % len(self.mobiles)].transport
            where = f" of line {line}" if values.shape[0] > 1 else ""
            raise SpecError(
                f"KG-108: {what} in the {transport.label}{where}"
                f"{f', cell {place}' if values.shape[2] == self.cells else ''} is"
                f" {values[line, mobile, place]:g} in um and s; it must be finite and {words}."
            )

    def free(self, mobile: Mobile, wall: int) -> Floats:
        """Return the free fraction in plasma, shape (1 or count,)."""
        pieces = self.at_walls(mobile.transport.free_in_plasma, wall)
        found = pieces[:, 0]
        if np.any(pieces != found[:, None]):
            raise SpecError(
                f"KG-108: free_in_plasma of the {mobile.transport.label} must be one value for all"
                " pieces of a shape; it belongs to the plasma."
            )
        wrong = ~(np.isfinite(found) & (found >= 0.0))
        if np.any(wrong):
            raise SpecError(
                f"KG-108: free_in_plasma of the {mobile.transport.label} is {found[wrong][0]:g}; it"
                " must be finite and not negative."
            )
        return found

    def wall_kinds(self, mobile: Mobile) -> tuple[str, str]:
        """Return what the inner and the outer end is."""
        kinds = ["closed", "closed"]
        for wall in self.shape.walls:
            kinds[wall] = mobile.transport.wall_kind
        return kinds[0], kinds[1]

    @cached_property
    def number(self) -> Floats:
        """Vessel length (um), number of spheres, or area (um^2), shape (1 or count,)."""
        assert self.volume is not None
        return np.atleast_1d(self.shape.count_in(self.volume, self.lengths))


def at_walls(shape: Shape, value: Any, wall: int) -> Any:
    """Return values in the cells at the walls of all pieces, shape (sets, pieces)."""
    found = np.atleast_2d(value)
    if found.shape[1] == 1:
        return np.repeat(found, len(shape.pieces), axis=1)
    cells = [s.start if wall == 0 else s.stop - 1 for s in shape.cell_slices]
    return found[:, cells]


def per_line(values: Any, count: int, what: str) -> Floats:
    """Return numbers as an array of shape (1,) or (count,)."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise SpecError(f"KG-163: {what} needs numbers, not {str(values)[:40]!r}.") from None
    if array.ndim > 1 or array.size not in (1, count):
        raise SpecError(
            f"KG-163: {what} has shape {array.shape}; one value or one for each of the {count}"
            " lines is needed."
        )
    return array.reshape(-1)


def split_values(
    given: Mapping[str, Any], tissue: CompiledModel, systemic: CompiledModel | None, shape: Shape
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return the values of the tissue, of the systemic model, and of the shape.

    Raises
    ------
    SpecError
        KG-103 for a name that neither knows.
    """
    own = set(tissue.parameter_names[: tissue.num_model_parameters])
    other = set() if systemic is None else set(
        systemic.parameter_names[: systemic.num_model_parameters]
    )  # fmt: skip
    of_tissue, of_plasma, of_shape = {}, {}, {}
    for name, value in given.items():
        if name in own:
            of_tissue[name] = value
        if name in other:
            of_plasma[name] = value
        if name in shape.length_names:
            of_shape[name] = value
        if name not in own and name not in other and name not in shape.length_names:
            known = [*own, *other, *shape.length_names]
            raise SpecError(
                f"KG-103: values: {name!r} is no parameter of the tissue model"
                f" {tissue.model.name!r}"
                + ("" if systemic is None else f" or the systemic model {systemic.model.name!r}")
                + f" and no length of the {shape.label}.{did_you_mean(str(name), known)}"
            )
    return of_tissue, of_plasma, of_shape


def shape_lengths(shape: Shape, given: Mapping[str, Any], count: int) -> dict[str, Floats]:
    """Return the lengths of the shape by name, um, shape (1 or count,), checked."""
    found = {name: np.array([value]) for name, value in shape.lengths.items()}
    for name, value in given.items():
        numbers, unit = value_and_unit(value, f"the value of {name!r}", "um")
        values = per_line(numbers, count, f"the value of {name!r}")
        if unit is None:  # as in the shape
            stated = getattr(shape, name, None)
            values = values * convert(1.0, "um" if stated is None else stated.unit, "um")
        found[name] = values
    shape.require_lengths({k: v if v.size > 1 else v[0] for k, v in found.items()})
    return found


def fluid_velocity(given: Any, problem: LineProblem) -> Floats | None:
    """Return the velocity of the fluid at the faces, um/s, shape (1 or count, cells + 1).

    Raises
    ------
    SpecError
        KG-163 for a shape that does not fit, KG-161 for one velocity at the surface of a sphere,
        whose fluid would have to leave through its center.
    UnitError
        KG-124 without a unit.
    """
    if given is None:
        return None
    faces, count = problem.faces, problem.count
    if callable(given):
        given = (given(faces[0] if faces.shape[0] == 1 else faces), "um/s")
    numbers, unit = value_and_unit(given, "velocity", "um/s")
    if unit is None:
        raise UnitError("KG-124: velocity needs its unit: '0.1 um/s' or (array, 'um/s').")
    array = np.asarray(numbers, dtype=np.float64)
    if not np.all(np.isfinite(array)):
        raise SpecError("KG-163: velocity is not finite everywhere.")
    if array.shape[-1:] == (faces.shape[1],) and array.ndim in (1, 2):
        if array.ndim == 2 and array.shape[0] not in (1, count):
            raise SpecError(f"KG-163: velocity has {array.shape[0]} rows for {count} lines.")
        return np.ascontiguousarray(np.atleast_2d(array))
    at_wall = per_line(array, count, "velocity")
    if problem.shape.geometry == "spherical":
        raise SpecError(
            "KG-161: velocity: the fluid of a sphere cannot leave through its center; give the"
            " velocity at every face, or a function of the radius in um."
        )
    areas = problem.shape.areas_of(faces)
    parts = [areas[:, s][:, :1] / areas[:, s] for s in problem.shape.face_slices]
    return np.ascontiguousarray(at_wall[:, None] * np.concatenate(parts, axis=1))


def value_and_unit(value: Any, what: str, unit: str) -> tuple[Any, str | None]:
    """Return numbers in `unit`, and the unit stated with them; None where there is none."""
    stated: str | None = None
    numbers: Any = value
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str):
        numbers, stated = np.asarray(value[0], dtype=np.float64), value[1]
    elif isinstance(value, str) or hasattr(value, "unit"):
        quantity = parse_quantity(value, what)
        numbers, stated = quantity.value, quantity.unit
    elif hasattr(value, "magnitude") and hasattr(value, "units"):
        numbers, stated = np.asarray(value.magnitude, dtype=np.float64), str(value.units)
    if stated is None:
        return numbers, None
    require_dimension(stated, unit, what)
    return convert(numbers, stated, unit), stated
