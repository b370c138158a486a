"""Vessels that are wider than voxels: what passes the faces of their lumen.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from krogh.vessels import VesselVoxels
    from krogh.volume.problem import VolumeProblem

__all__ = ["wall_exchange"]

Floats = NDArray[np.float64]


def wall_exchange(
    problem: VolumeProblem, k: int, permeability: Floats, voxels: VesselVoxels
) -> tuple[Floats, Floats]:
    """Return what passes the walls of resolved vessels per concentration.

    Through a face the wall and the half voxel behind it follow each other: ``1/(1/(P A') + h/(2 D
    eps K A))``, with the face's area A and the surface A' of the vessel that it stands for
    (`krogh.vessels.voxels.WallFaces`).

    Parameters
    ----------
    permeability
        Of species `k` in the voxels inside, um/s, shape (cells,).

    Returns
    -------
    rates
        In the voxels inside, 1/s, shape (cells,).
    per_length
        Mean of each segment, um^2/s, shape (segments,); 0 for those that are not resolved.
    """
    faces = voxels.faces
    cell = np.searchsorted(problem.inside, faces.voxel)
    cell = np.minimum(cell, problem.cells - 1)
    tissue = problem.inside[cell] == faces.voxel  # others touch no tissue of this problem
    d = np.broadcast_to(problem.diffusivity[0, k], problem.cells)[cell]
    if problem.anisotropy is not None:
        d = d * problem.anisotropy[k, faces.axis, cell]
    half = 0.5 * problem.grid.spacing[faces.axis]
    p = np.broadcast_to(permeability, problem.cells)[cell]
    with np.errstate(divide="ignore", invalid="ignore"):
        wall = 1.0 / (p * faces.surface)
        behind = half / (d * problem.storage[k][cell] * faces.area)
        passes = np.where(tissue & (faces.surface > 0.0), 1.0 / (wall + behind), 0.0)
    rates = np.bincount(cell, passes, problem.cells) / problem.volumes[0]
    count = voxels.network.num_segments
    total = np.bincount(faces.segment, passes, count)
    surface = np.bincount(faces.segment, faces.surface, count)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(surface > 0.0, total / surface, 0.0)
    return rates, 2.0 * np.pi * voxels.network.radius * mean
