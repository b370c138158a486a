"""Grids of voxels: shape, spacing, origin and direction, as of VTK and ITK.

SPDX-License-Identifier: BSD-3-Clause

>>> from krogh.space import Grid
>>> grid = Grid((40, 64, 64), ("2 mm", "2 mm", "3 mm"))
>>> grid.num_voxels, grid.spacing.tolist()
(163840, [2000.0, 2000.0, 3000.0])
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from numbers import Real
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from krogh.errors import DataError, UnitError
from krogh.units import Quantity, convert, dimension, parse_quantity

__all__ = ["Axis", "Grid"]

Floats = NDArray[np.float64]
Axis = Literal["x", "y", "z"]

_AXES: Final = ("x", "y", "z")
_SAME: Final = 1e-3
"""Grids are the same where no corner lies farther apart than this share of the smallest voxel.

Affines of NIfTI are stored in single precision: 6e-8 of a position, which is less than 1e-4 of a
voxel at a thousand voxels from the zero of space.
"""

_SQUARE: Final = 1e-4
"""Largest cosine between two axes, and deviation of a length from 1: headers are rounded."""


class Grid:
    """Where the voxels of an image lie in space.

    Arrays on a grid have the shape (nz, ny, nx), C order, x fastest; positions, spacings and
    origins are stated as x, y, z.  Space is that of NIfTI (RAS: x to the right of the patient, y
    to the front, z to the head) where the image has a patient, and any right-handed system
    elsewhere.  Grids do not change.

    Parameters
    ----------
    shape
        Voxels (nz, ny, nx); a 2-D image has nz = 1.
    spacing
        Distance of voxel centers along x, y, z with unit: ``"2 mm"`` for all three,
        ``("2 mm", "2 mm", "4 mm")``, or ``([2, 2, 4], "mm")``.
    origin
        Center of the first voxel (ITK's and NIfTI's meaning) as x, y, z with unit.  Left out, the
        corner of the first voxel lies at 0.
    direction
        Shape (3, 3): its columns are the unit vectors along which x, y and z count up; identity
        if left out.  A left-handed one (radiological storage) is a direction like others.

    Raises
    ------
    DataError
        KG-230 for counts that are none, spacings that are not positive (a flipped axis belongs
        into `direction`), numbers that are not finite, or axes that are not orthogonal.
    UnitError
        KG-121 for what is no length, KG-124 for a number without a unit.
    """

    def __init__(
        self,
        shape: Sequence[int],
        spacing: Any,
        origin: Any = None,
        direction: ArrayLike | None = None,
    ) -> None:
        self._shape = _counts(shape)
        self._spacing = _frozen(_lengths(spacing, "spacing"))
        wrong = np.flatnonzero(~(np.isfinite(self._spacing) & (self._spacing > 0.0)))
        if wrong.size:
            axis = int(wrong[0])
            value = self._spacing[axis]
            hint = "; to flip an axis turn its column of `direction`" if value < 0.0 else ""
            raise DataError(
                f"KG-230: the spacing along {_AXES[axis]} must be positive, found"
                f" {_text(value)} um{hint}."
            )
        self._direction = _frozen(_directions(direction))
        if origin is None:
            self._origin = _frozen(self._direction @ (0.5 * self._spacing))
        else:
            self._origin = _frozen(_lengths(origin, "origin"))
            if not np.isfinite(self._origin).all():
                raise DataError(f"KG-230: the origin is not finite: {self._origin.tolist()} um.")
        self._given: Floats | None = None  # an affine as it was read

    @classmethod
    def from_affine(cls, shape: Sequence[int], affine: ArrayLike, unit: str = "mm") -> Grid:
        """Return the grid of an affine: from voxel numbers (i, j, k) = (x, y, z) to space.

        Parameters
        ----------
        shape
            Voxels (nz, ny, nx).
        affine
            Shape (4, 4), as of NIfTI (RAS).  `affine` returns the very same numbers again.
        unit
            Of its lengths.

        Raises
        ------
        DataError
            KG-230 for numbers that are not finite, no volume, or axes that are not orthogonal.
        """
        matrix = np.array(affine, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise DataError(f"KG-230: an affine has 4 x 4 finite numbers, found {matrix.tolist()}.")
        if not np.array_equal(matrix[3], [0.0, 0.0, 0.0, 1.0]):
            raise DataError(
                f"KG-230: the last row of an affine is 0, 0, 0, 1, not {matrix[3].tolist()}."
            )
        steps = matrix[:3, :3]
        spacing = np.sqrt((steps**2).sum(axis=0))
        for axis in range(3):
            if not spacing[axis] > 0.0:
                raise DataError(f"KG-230: the affine gives the axis {_AXES[axis]} no length.")
        grid = cls(shape, (spacing, unit), (matrix[:3, 3], unit), steps / spacing)
        grid._given = _frozen(matrix * np.array([[convert(1.0, unit, "mm")]] * 3 + [[1.0]]))
        return grid

    # --- what it is -------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels (nz, ny, nx)."""
        return self._shape

    @property
    def spacing(self) -> Floats:
        """Distance of voxel centers along x, y, z, um."""
        return self._spacing

    @property
    def origin(self) -> Floats:
        """Center of the first voxel, x, y, z, um."""
        return self._origin

    @property
    def direction(self) -> Floats:
        """Shape (3, 3): columns are the directions of the axes x, y, z."""
        return self._direction

    @property
    def num_voxels(self) -> int:
        """Number of voxels."""
        z, y, x = self._shape
        return z * y * x

    @property
    def voxel_volume(self) -> float:
        """Volume of one voxel, um^3."""
        return float(np.prod(self._spacing))

    @cached_property
    def affine(self) -> Floats:
        """Shape (4, 4): from voxel numbers (x, y, z) to mm in space, as NIfTI (RAS) has it."""
        if self._given is not None:
            return self._given
        matrix = np.eye(4)
        matrix[:3, :3] = self._direction * self._spacing
        matrix[:3, 3] = self._origin
        matrix[:3] *= convert(1.0, "um", "mm")
        return _frozen(matrix)

    @property
    def is_left_handed(self) -> bool:
        """Whether the axes are left-handed, as of images in radiological storage."""
        return float(np.linalg.det(self._direction)) < 0.0

    # --- positions --------------------------------------------------------------------------------

    def _count(self, axis: Axis | int) -> tuple[int, int]:
        number = _AXES.index(axis) if axis in _AXES else axis
        if isinstance(number, bool) or number not in (0, 1, 2):
            raise DataError(f"KG-230: an axis is 'x', 'y' or 'z' (0, 1, 2), not {axis!r}.")
        return int(number), self._shape[2 - int(number)]

    def centers(self, axis: Axis | int) -> Floats:
        """Return where the centers lie along an axis' own direction, um, shape (n,).

        Without a turn (`direction` the identity) these are coordinates in space; otherwise those
        of ``points @ grid.direction``.
        """
        number, count = self._count(axis)
        start = float(self._direction[:, number] @ self._origin)
        found: Floats = start + float(self._spacing[number]) * np.arange(count, dtype=np.float64)
        return found

    def faces(self, axis: Axis | int) -> Floats:
        """Return where the faces between voxels lie along an axis' direction, um, shape (n + 1,).

        As `centers`.
        """
        number, count = self._count(axis)
        start = float(self._direction[:, number] @ self._origin)
        found: Floats = start + float(self._spacing[number]) * (
            np.arange(count + 1, dtype=np.float64) - 0.5
        )
        return found

    def position(self, index: ArrayLike) -> Floats:
        """Return the place of voxels in space, um, (..., 3) as x, y, z.

        Parameters
        ----------
        index
            Voxel numbers (..., 3) in the order of arrays: z, y, x.  Fractions lie in between.
        """
        numbers = np.asarray(index, dtype=np.float64)[..., ::-1]
        found: Floats = (numbers * self._spacing) @ self._direction.T + self._origin
        return found

    def index(self, position: ArrayLike) -> Floats:
        """Return voxel numbers (..., 3) as z, y, x (fractions in between) of places in um."""
        local = (np.asarray(position, dtype=np.float64) - self._origin) @ self._direction
        found: Floats = (local / self._spacing)[..., ::-1]
        return found

    @cached_property
    def corner(self) -> Floats:
        """Outer corner of the first voxel, x, y, z, um."""
        return _frozen(self._origin - self._direction @ (0.5 * self._spacing))

    # --- others -----------------------------------------------------------------------------------

    def differences(self, other: Grid) -> list[str]:
        """Return in words how another grid differs from this one; empty where it is the same."""
        found = []
        if self._shape != other._shape:
            found.append(f"shape {_by(self._shape)} vs {_by(other._shape)} (z, y, x)")
        tolerance = _SAME * float(min(self._spacing.min(), other._spacing.min()))
        counts = np.maximum(np.minimum(self._shape, other._shape)[::-1] - 1, 1)
        if np.any(np.abs(self._spacing - other._spacing) * counts > tolerance):
            unit = "mm" if max(self._spacing.max(), other._spacing.max()) >= 500.0 else "um"
            found.append(f"spacing {_apart(self._spacing, other._spacing, unit)} {unit}")
        apart = float(np.linalg.norm(self._origin - other._origin))
        if apart > tolerance:
            unit = "mm" if apart >= 100.0 else "um"
            found.append(f"origin differs by {_text(convert(apart, 'um', unit))} {unit}")
        reach = float((counts * self._spacing).max())
        if np.any(np.abs(self._direction - other._direction) * reach > tolerance):
            found.append(_turn(self._direction, other._direction))
        return found

    def same_as(self, other: Grid, names: tuple[str, str] = ("this image", "the other")) -> None:
        """Require that two grids are the same.

        Parameters
        ----------
        other
            The grid to compare with.
        names
            What lies on this grid and on the other, for the message.

        Raises
        ------
        DataError
            KG-233, which names what differs: shape, spacing, origin, direction.
        """
        found = self.differences(other)
        if found:
            raise DataError(
                f"KG-233: {names[0]} and {names[1]} do not share a grid ({'; '.join(found)}).\n"
                f"  Resample first: krogh.io.match({names[0].split()[-1]},"
                f" to={names[1].split()[-1]}).  Nothing was changed."
            )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Grid):
            return NotImplemented
        return self._shape == other._shape and all(
            np.array_equal(getattr(self, n), getattr(other, n))
            for n in ("spacing", "origin", "direction")
        )

    def __hash__(self) -> int:
        parts = (self._spacing.tobytes(), self._origin.tobytes(), self._direction.tobytes())
        return hash((self._shape, *parts))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (self._shape, self._spacing, self._origin, self._direction, self._given)

    def __repr__(self) -> str:
        unit = "mm" if self._spacing.max() >= 500.0 else "um"
        spacing = _by(convert(self._spacing, "um", unit))
        extent = _by(convert(self._spacing * self._shape[::-1], "um", unit))
        turned = "" if np.array_equal(self._direction, np.eye(3)) else ", turned"
        return (
            f"<Grid: {_by(self._shape[::-1])} voxels (x, y, z) of {spacing} {unit},"
            f" {extent} {unit}{turned}>"
        )


def _rebuilt(shape: Any, spacing: Any, origin: Any, direction: Any, given: Any) -> Grid:
    grid = Grid(shape, (spacing, "um"), (origin, "um"), direction)
    if given is not None:
        grid._given = _frozen(given)
    return grid


# --- checks ---------------------------------------------------------------------------------------


def _frozen(array: Floats) -> Floats:
    array = np.array(array, dtype=np.float64)
    array.flags.writeable = False
    return array


def _counts(shape: Sequence[int]) -> tuple[int, int, int]:
    counts = [c for c in shape if isinstance(c, (int, np.integer)) and not isinstance(c, bool)]
    if len(counts) != 3 or len(list(shape)) != 3 or min(counts) < 1:
        raise DataError(
            f"KG-230: the shape of a grid is three positive whole numbers (nz, ny, nx), not"
            f" {tuple(shape)!r}; a 2-D image has nz = 1."
        )
    z, y, x = (int(c) for c in counts)
    return z, y, x


def _lengths(given: Any, what: str) -> Floats:
    """Return x, y, z in um."""
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], str):
        values, unit = given
        if not isinstance(values, str):
            _require_length(unit, what)
            array = np.asarray(values, dtype=np.float64)
            if array.shape not in ((), (3,)):
                raise DataError(f"KG-230: {what} needs x, y and z, found shape {array.shape}.")
            return np.broadcast_to(convert(array, unit, "um"), (3,))
    if isinstance(given, (str, Quantity)) or hasattr(given, "units") or np.ndim(given) == 0:
        return np.full(3, _length(given, what))
    if len(given) != 3:
        raise DataError(f"KG-230: {what} needs x, y and z, found {len(given)} values.")
    return np.array([_length(v, f"{what} along {a}") for v, a in zip(given, _AXES, strict=True)])


def _length(given: Any, what: str) -> float:
    if isinstance(given, (Real, np.ndarray)):
        raise UnitError(f"KG-124: {what} needs a unit: '2 mm', or ([2, 2, 4], 'mm').")
    quantity = parse_quantity(given, what)
    _require_length(quantity.unit, what)
    return quantity.to("um")


def _require_length(unit: str, what: str) -> None:
    if dimension(unit) != dimension("um"):
        raise UnitError(f"KG-121: {what} must be a length, found {unit!r}.")


def _directions(given: ArrayLike | None) -> Floats:
    if given is None:
        return np.eye(3)
    turn = np.asarray(given, dtype=np.float64)
    if turn.shape == (9,):
        turn = turn.reshape(3, 3)
    if turn.shape != (3, 3) or not np.isfinite(turn).all():
        raise DataError(
            f"KG-230: direction needs 3 x 3 finite numbers, found {np.asarray(given).tolist()}."
        )
    lengths = np.sqrt((turn**2).sum(axis=0))
    for axis in range(3):
        if abs(lengths[axis] - 1.0) > _SQUARE:
            raise DataError(
                f"KG-230: the column of direction for the axis {_AXES[axis]} must have length 1,"
                f" found {_text(lengths[axis])}."
            )
    for a, b in ((0, 1), (0, 2), (1, 2)):
        cosine = float(turn[:, a] @ turn[:, b])
        if abs(cosine) > _SQUARE:
            angle = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
            raise DataError(
                f"KG-230: the axes {_AXES[a]} and {_AXES[b]} are not orthogonal: they stand at"
                f" {angle:.4g} degrees.  Resample the (sheared) image to orthogonal axes first."
            )
    unit: Floats = turn / lengths
    return unit


# --- words ----------------------------------------------------------------------------------------


def _text(value: float) -> str:
    return f"{value:.4g}"


def _by(values: Any) -> str:
    return " x ".join(f"{v:.4g}" if isinstance(v, float) else str(v) for v in values)


def _apart(first: Floats, second: Floats, unit: str) -> str:
    """Return two spacings, as one number each where the axes are alike."""
    one, two = (convert(s, "um", unit) for s in (first, second))
    if np.ptp(one) < 1e-6 * one.max() and np.ptp(two) < 1e-6 * two.max():
        return f"{_text(one[0])} vs {_text(two[0])}"
    return f"{_by([float(v) for v in one])} vs {_by([float(v) for v in two])}"


def _turn(first: Floats, second: Floats) -> str:
    """Return how the axes of two grids differ."""
    relative = first.T @ second
    flat = np.round(relative)
    if np.allclose(relative, flat, atol=1e-3) and np.allclose(np.abs(flat).sum(axis=0), 1.0):
        if np.array_equal(np.abs(flat), np.eye(3)):
            flipped = [_AXES[a] for a in range(3) if flat[a, a] < 0.0]
            plural = "axes" if len(flipped) > 1 else "axis"
            verb = "run" if len(flipped) > 1 else "runs"
            return f"{plural} {', '.join(flipped)} {verb} the other way"
        return "their axes are in another order"
    cosine = 0.5 * (float(np.trace(relative)) - 1.0)
    if np.linalg.det(relative) < 0.0:
        return "one is a mirror image of the other and turned"
    angle = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return f"directions differ by {angle:.3g} degrees"
