"""Membranes between regions of a volume.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from krogh.errors import SpecError, UnitError
from krogh.line.problem import value_and_unit
from krogh.volume.places import by_species

if TYPE_CHECKING:
    from krogh.volume.problem import VolumeProblem

__all__ = ["membranes_of"]

Membrane = tuple[int, int, int, float]


def membranes_of(problem: VolumeProblem, given: Any) -> tuple[Membrane, ...]:
    """Return mobile species, two regions and permeability, um/s, of every membrane.

    Parameters
    ----------
    given
        ``{(0, 1): "0.01 um/s"}`` for all species, or ``{(0, 1): {"drug": "0.01 um/s"}}``.

    Raises
    ------
    SpecError
        KG-166 for what is no pair of regions of the tissue, or a permeability that is negative or
        not finite.
    UnitError
        KG-124 without a unit, KG-121 for another dimension.
    """
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise SpecError(
            "KG-166: interfaces is a mapping from two regions to the permeability between them,"
            f" {{(0, 1): '0.01 um/s'}}; found {str(given)[:40]!r}."
        )
    known = np.unique(problem.labels).tolist()
    found: dict[tuple[int, int, int], float] = {}
    for pair, value in given.items():
        regions = _pair(pair, known)
        for k, own in by_species(problem, value, f"interfaces {regions}").items():
            what = f"the permeability between regions {regions[0]} and {regions[1]}"
            number, unit = value_and_unit(own, what, "um/s")
            if unit is None:
                raise UnitError(f"KG-124: {what} needs its unit: '0.01 um/s'.")
            try:
                p = float(number)
            except (TypeError, ValueError):
                raise SpecError(f"KG-166: {what} is one number, not {str(own)[:40]!r}.") from None
            if not (np.isfinite(p) and p >= 0.0):
                raise SpecError(f"KG-166: {what} must be finite and not negative, found {p:g}.")
            if (k, *regions) in found:
                raise SpecError(f"KG-166: {what} is given twice.")
            found[k, *regions] = p
    return tuple((*key, p) for key, p in found.items())


def _pair(given: Any, known: list[int]) -> tuple[int, int]:
    """Return two regions in ascending order."""
    pair = given if isinstance(given, tuple) else ()
    if len(pair) != 2 or any(isinstance(r, bool) or r not in known for r in pair):
        listed = ", ".join(str(r) for r in known)
        raise SpecError(
            f"KG-166: interfaces lie between two regions of the tissue ({listed}), such as (0, 1);"
            f" found {given!r}."
        )
    if pair[0] == pair[1]:
        raise SpecError(f"KG-166: interfaces lie between two regions; found {given!r}.")
    return int(min(pair)), int(max(pair))
