"""Numbers that differ from place to place: one for all, one for each region, or one for each voxel.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, did_you_mean

if TYPE_CHECKING:
    from krogh.volume.problem import VolumeProblem

__all__ = ["anisotropy_of", "by_place", "by_species", "partition_of"]

Floats = NDArray[np.float64]


def by_place(problem: VolumeProblem, given: Any, what: str, *, positive: bool = False) -> Floats:
    """Return dimensionless numbers in the voxels inside, shape (cells,).

    Raises
    ------
    SpecError
        KG-166 for another shape, or numbers that are not finite, negative, or zero where `positive`
        is asked for.
    """
    try:
        array = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise SpecError(f"KG-166: {what} needs numbers, not {str(given)[:40]!r}.") from None
    regions = int(problem.labels.max()) + 1
    if array.ndim == 0:
        own = np.full(problem.cells, float(array))
    elif array.shape == problem.grid.shape:
        own = array.reshape(-1)[problem.inside]
    elif array.ndim == 1 and array.size >= regions:
        own = array[problem.labels]
    else:
        raise SpecError(
            f"KG-166: {what} has shape {array.shape}; one number, ({regions},) for the regions or"
            f" {problem.grid.shape} (z, y, x) is needed."
        )
    if not np.all(np.isfinite(own)) or np.any(own < 0.0) or (positive and np.any(own == 0.0)):
        raise SpecError(
            f"KG-166: {what} must be finite and {'positive' if positive else 'not negative'} in"
            f" every voxel; found {own.min():g} to {own.max():g}."
        )
    return np.ascontiguousarray(own)


def by_species(problem: VolumeProblem, given: Any, what: str) -> dict[int, Any]:
    """Return what is given for each mobile species by its number; what is no mapping is for all.

    Raises
    ------
    SpecError
        KG-166 for a name that does not move.
    """
    names = [problem.tissue.state_names[m.state] for m in problem.mobiles]
    if not isinstance(given, Mapping):
        return dict.fromkeys(range(len(names)), given)
    for name in given:
        if name not in names:
            raise SpecError(
                f"KG-166: {what}: {name!r} is no species that moves."
                f"{did_you_mean(str(name), names)}"
            )
    return {names.index(name): value for name, value in given.items()}


def partition_of(problem: VolumeProblem, given: Any) -> Floats | None:
    """Return partition coefficients K, shape (mobiles, cells); None where all are 1."""
    if given is None:
        return None
    found = np.ones((len(problem.mobiles), problem.cells))
    for k, value in by_species(problem, given, "partition").items():
        found[k] = by_place(problem, value, "partition", positive=True)
    return found


def anisotropy_of(problem: VolumeProblem, given: Any) -> Floats | None:
    """Return factors of the diffusivity, shape (mobiles, 3, cells); None where all are 1."""
    if given is None:
        return None
    found = np.ones((len(problem.mobiles), 3, problem.cells))
    for k, value in by_species(problem, given, "anisotropy").items():
        if isinstance(value, str) or not hasattr(value, "__len__") or len(value) != 3:
            raise SpecError(
                "KG-166: anisotropy is three factors of the diffusivity, along x, y, z, such as"
                f" (1, 1, 0.3), or a mapping from species to these; found {str(value)[:40]!r}."
            )
        for axis, one in enumerate(value):
            found[k, axis] = by_place(problem, one, f"anisotropy along {'xyz'[axis]}")
    return found
