"""Values of virtual tumours and subjects, drawn from the ranges of the library.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.draws import purpose_of, require_seed, standard_normals
from krogh.errors import SpecError
from krogh.library.assembling import Assembly, assembly_of
from krogh.library.catalog import tumour as tumour_of_name
from krogh.library.subject_spec import Subject
from krogh.library.tumour_spec import Tumour
from krogh.library.values import Value
from krogh.units import convert

__all__ = ["NEVER_DRAWN", "uncertain_values", "virtual_values"]

NEVER_DRAWN: Final = ("molar_mass", "drug_antibody_ratio", "cell_density")
"""Values that stay as they are: they count molecules and cells rather than vary between tumours."""

_CLEARANCE: Final = 1.5
"""Least ratio of the outer to the inner radius of a drawn cylinder."""

_TRIES: Final = 64
"""Draws of both radii from which the first that makes a cylinder is taken."""


def uncertain_values(
    drugs: Any, tumour: Tumour | str, subject: Subject | str | None = None
) -> dict[str, Value]:
    """Return the values that `virtual_values` draws, by the name of the parameter.

    Parameters
    ----------
    drugs, tumour, subject
        As of `krogh.library.assemble`.
    """
    place = tumour_of_name(tumour) if isinstance(tumour, str) else tumour
    found = assembly_of(drugs, place, subject)
    names = _drawn(found)
    return {**{n: found.values[n] for n in names}, **_uncertain_lengths(place)}


def virtual_values(
    drugs: Any,
    tumour: Tumour | str,
    subject: Subject | str | None,
    count: int,
    seed: int = 0,
) -> dict[str, tuple[NDArray[np.float64], str]]:
    """Return values of virtual tumours by the name of the parameter, for `krogh.simulate_line`.

    Every value with a range is drawn from the distribution that the range stands for (see
    `krogh.library.values`): the range is its 90 % interval, the value its median.  A draw depends
    on the seed, the name and the number of the tumour alone, not on `count` or on the other drugs.
    Values that vary together (the permeability of one tumour to every IgG) share their draws.

    The radii of a cylinder are drawn until the outer one is 1.5 times the inner one at least.

    Parameters
    ----------
    drugs, tumour, subject
        As of `krogh.library.assemble`.
    count
        Number of virtual tumours.
    seed
        Whole number from 0 to 2^63 - 1.

    Returns
    -------
    dict
        Name to (values of shape (count,), unit): parameters of the systemic and the tissue model,
        and the lengths of the shape (``inner_radius``, ``outer_radius``, ``radius``,
        ``thickness``) that have a range.

    Raises
    ------
    SpecError
        KG-117 for a count that is not a whole number above 0, or a seed that is none; else as of
        `krogh.library.assemble`.
    """
    require_seed(seed)
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
        raise SpecError(f"KG-117: count must be a whole number above 0, not {count!r}.")
    place = tumour_of_name(tumour) if isinstance(tumour, str) else tumour
    found = assembly_of(drugs, place, subject)
    ids = np.arange(int(count), dtype=np.int64)
    drawn: dict[str, tuple[NDArray[np.float64], str]] = {}
    for name, base in _drawn(found).items():
        value = found.values[name]
        group = value.varies_with or found.owners[name]
        normals = standard_normals(seed, purpose_of("library", base, group), ids, 1)[:, 0]
        drawn[name] = (value.drawn(normals), value.unit)
    drawn.update(_lengths(place, seed, ids))
    return drawn


def _drawn(found: Assembly) -> dict[str, str]:
    """Return the names of the parameters that are drawn, each with the name of its value.

    A parameter's name is that of the value and a label: ``permeability_TDM1``.
    """
    labels = {d.label for d in found.drugs} | {d.target for d in found.drugs}
    names: dict[str, str] = {}
    for name, value in found.values.items():
        ends = [x for x in labels if x and name.endswith(f"_{x}")]
        longest = max(ends, key=len, default="")
        base = name.removesuffix(f"_{longest}") if longest else name
        if value.is_uncertain and base not in NEVER_DRAWN:
            names[name] = base
    return names


def _uncertain_lengths(place: Tumour) -> Mapping[str, Value]:
    return {n: v for n, v in place.lengths.items() if v.is_uncertain}


def _lengths(
    place: Tumour, seed: int, ids: NDArray[np.int64]
) -> dict[str, tuple[NDArray[np.float64], str]]:
    """Return the drawn lengths of the shape."""
    values = _uncertain_lengths(place)
    if not values:
        return {}
    tries = _TRIES if place.geometry == "cylinder" else 1
    drawn = {
        n: v.drawn(standard_normals(seed, purpose_of("library", n, place.name), ids, tries))
        for n, v in values.items()
    }
    first = np.zeros(ids.size, dtype=np.int64)
    if place.geometry == "cylinder":
        inner, outer = (
            convert(drawn.get(n, np.full((ids.size, tries), v.quantity.value)), v.unit or "1", "um")
            for n, v in place.lengths.items()
        )
        fits = outer >= _CLEARANCE * inner
        if not np.all(np.any(fits, axis=1)):
            raise SpecError(
                f"KG-148: the ranges of the radii of tumour {place.name!r} hardly ever make a"
                f" cylinder whose outer radius is {_CLEARANCE:g} times the inner one; narrow them."
            )
        first = np.argmax(fits, axis=1)
    rows = np.arange(ids.size)
    return {n: (array[rows, first], values[n].unit) for n, array in drawn.items()}
