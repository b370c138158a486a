"""Random effects of subjects and occasions, drawn for each subject by key.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from krogh.draws import cholesky, purpose_of, standard_normals
from krogh.errors import SpecError
from krogh.model.compile import CompiledModel

__all__ = ["draw_effects", "levels_wanted"]


def levels_wanted(variability: bool | str) -> frozenset[str]:
    """Return the levels of variability to simulate: "subject", "occasion", both or none."""
    if variability is True:
        return frozenset(("subject", "occasion"))
    if variability is False:
        return frozenset()
    if variability in ("subject", "occasion"):
        return frozenset((variability,))
    raise SpecError(
        f"KG-117: variability must be True, False, 'subject' or 'occasion', not {variability!r}."
    )


def draw_effects(
    compiled: CompiledModel,
    levels: frozenset[str],
    seed: int,
    keys: NDArray[np.int64],
    num_occasions: int,
) -> tuple[dict[str, NDArray[np.float64]], dict[int, NDArray[np.float64]]]:
    """Return effects of subjects and of occasions.

    Returns
    -------
    of_subjects
        Effect's name to values, shape (num_subjects,).
    of_occasions
        Effect's position among the parameters to values, shape (num_subjects, num_occasions).
        Occasion k of a subject has the same effects however many occasions there are.
    """
    of_subjects: dict[str, NDArray[np.float64]] = {}
    of_occasions: dict[int, NDArray[np.float64]] = {}
    for variability in compiled.model.variabilities:
        if variability.level not in levels:
            continue
        names = variability.names
        size = len(names)
        lower = cholesky(variability.covariance, names)
        purpose = purpose_of(variability.level, *names)
        if variability.level == "subject":
            z = standard_normals(seed, purpose, keys, size)
            for name, column in zip(names, (z @ lower.T).T, strict=True):
                of_subjects[name] = np.ascontiguousarray(column)
            continue
        z = standard_normals(seed, purpose, keys, size * num_occasions)
        drawn = z.reshape(keys.size, num_occasions, size) @ lower.T
        for k, name in enumerate(names):
            of_occasions[compiled.parameter_index(name)] = drawn[:, :, k]
    return of_subjects, of_occasions


def has_occasions(compiled: CompiledModel, levels: Mapping[str, object] | frozenset[str]) -> bool:
    """Return whether the model has between-occasion variability that is to be simulated."""
    return "occasion" in levels and any(v.level == "occasion" for v in compiled.model.variabilities)
