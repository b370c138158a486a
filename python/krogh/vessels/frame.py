"""Where the voxels of a grid lie: faces along three axes, and how the axes stand in space.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from krogh.errors import DataError
from krogh.vessels.checks import numbers

__all__ = ["VoxelFrame", "frame_of"]

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class VoxelFrame:
    """Faces of voxels along x, y, z, um, in axes that may be turned in space.

    Attributes
    ----------
    faces
        Ascending faces along x, y and z, um, shapes (nx + 1,), (ny + 1,), (nz + 1,).
    origin
        Where the zero of the faces lies, um, x, y, z.
    direction
        Columns: the directions of the three axes; orthonormal.
    """

    faces: tuple[Floats, Floats, Floats]
    origin: Floats = field(default_factory=lambda: np.zeros(3))
    direction: Floats = field(default_factory=lambda: np.eye(3))

    def __post_init__(self) -> None:
        checked = []
        for name, faces in zip("xyz", self.faces, strict=True):
            array = numbers(faces, (None,), f"faces along {name}")
            if array.size < 2 or not (np.isfinite(array).all() and (np.diff(array) > 0.0).all()):
                raise DataError(
                    f"KG-185: the faces along {name} must be two or more ascending numbers."
                )
            checked.append(array)
        object.__setattr__(self, "faces", tuple(checked))
        object.__setattr__(self, "origin", numbers(self.origin, (3,), "origin"))
        turn = numbers(self.direction, (3, 3), "direction")
        if not np.allclose(turn.T @ turn, np.eye(3), atol=5e-4):
            raise DataError(
                "KG-185: the columns of direction must be orthogonal and of length 1, found"
                f" {turn.tolist()}."
            )
        if not np.array_equal(turn.T @ turn, np.eye(3)):
            # Headers hold rounded axes; the nearest orthonormal ones keep lengths as they are.
            left, _, right = np.linalg.svd(turn)
            turn = numbers(left @ right, (3, 3), "direction")
        object.__setattr__(self, "direction", turn)

    @classmethod
    def regular(
        cls,
        shape: Sequence[int],
        spacing: ArrayLike,
        corner: ArrayLike = (0.0, 0.0, 0.0),
        direction: ArrayLike | None = None,
    ) -> VoxelFrame:
        """Return even voxels: shape (nz, ny, nx), spacing and lower corner in um as x, y, z."""
        step = np.broadcast_to(np.asarray(spacing, dtype=np.float64), (3,))
        counts = [int(n) for n in reversed(list(shape))]
        if len(counts) != 3 or min(counts) < 1 or not (np.isfinite(step) & (step > 0.0)).all():
            raise DataError(
                "KG-185: a grid needs three counts of at least 1 and positive spacings, found"
                f" shape {tuple(shape)} and spacing {step.tolist()} um."
            )
        x, y, z = (np.arange(n + 1) * h for n, h in zip(counts, step, strict=True))
        turn = np.eye(3) if direction is None else np.asarray(direction, dtype=np.float64)
        return cls((x, y, z), np.asarray(corner, dtype=np.float64), turn)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along z, y, x."""
        x, y, z = (faces.size - 1 for faces in self.faces)
        return z, y, x

    @property
    def num_voxels(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    @cached_property
    def widths(self) -> tuple[Floats, Floats, Floats]:
        """Widths along x, y, z, um."""
        x, y, z = (np.diff(faces) for faces in self.faces)
        return x, y, z

    @cached_property
    def volumes(self) -> Floats:
        """Volume of each voxel, um^3, shape (nz, ny, nx)."""
        x, y, z = self.widths
        return z[:, None, None] * y[:, None] * x

    def to_local(self, points: Floats) -> Floats:
        """Return places in the axes of the grid, shape (..., 3)."""
        return (points - self.origin) @ self.direction

    def centers(self) -> Floats:
        """Return the centers in space, um, shape (num_voxels, 3), x fastest."""
        x, y, z = (0.5 * (faces[1:] + faces[:-1]) for faces in self.faces)
        local = np.stack(np.meshgrid(z, y, x, indexing="ij"), axis=-1)[..., ::-1].reshape(-1, 3)
        return local @ self.direction.T + self.origin

    def locate(self, local: Floats, *, clamp: bool = False) -> Indices:
        """Return the flat index of the voxel around each place (in the grid's axes), -1 outside.

        The upper faces of the grid belong to its last voxels.  With `clamp` places outside get the
        nearest voxel.
        """
        flat = np.zeros(len(local), dtype=np.intp)
        inside = np.ones(len(local), dtype=bool)
        for axis in (2, 1, 0):
            faces = self.faces[axis]
            place = local[:, axis]
            index = np.searchsorted(faces, place, side="right") - 1
            index = np.where(place == faces[-1], faces.size - 2, index)
            inside &= (index >= 0) & (index < faces.size - 1)
            flat = flat * (faces.size - 1) + np.clip(index, 0, faces.size - 2)
        return flat if clamp else np.where(inside, flat, -1)


def frame_of(grid: Any) -> VoxelFrame:
    """Return the frame of a `krogh.space.Grid`, or the frame itself.

    Raises
    ------
    DataError
        KG-185 for anything else.
    """
    from krogh.space.grid import Grid

    if isinstance(grid, VoxelFrame):
        return grid
    if isinstance(grid, Grid):
        return VoxelFrame.regular(grid.shape, grid.spacing, grid.corner, grid.direction)
    raise DataError(
        "KG-185: a grid is needed: krogh.space.Grid, or"
        f" krogh.vessels.VoxelFrame.regular(shape, spacing, corner); found {type(grid).__name__}."
    )
