"""What the plasma hears of the tumour: species that grow by sums over its voxels.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from krogh.errors import SpecError, UnitError, did_you_mean
from krogh.units import Dimension, describe, dimension, factor, parse_quantity
from krogh.volume.problem import VolumeProblem

__all__ = ["Feed", "feeds_of"]

_TIME: Final = dimension("s")
_VOLUME: Final = dimension("um^3")


@dataclass(frozen=True)
class Feed:
    """A species of the plasma that grows by ``factor`` times the sum of volume times a species.

    Attributes
    ----------
    species, state
        Of the plasma, and its number.
    source, source_state
        Of the tissue, and its number.
    factor
        Internal units, per um^3 of the box: that of the whole tumour times how many such boxes it
        is.
    """

    species: str
    state: int
    source: str
    source_state: int
    factor: float


def feeds_of(problem: VolumeProblem, given: Any) -> tuple[Feed, ...]:
    """Return the feeds of a run.

    Raises
    ------
    SpecError
        KG-119 for something that is no mapping, KG-103 for unknown species, KG-162 without a
        systemic model or the tumour's volume.
    UnitError
        KG-121 for a rate of another dimension.
    """
    if given is None:
        return ()
    if not isinstance(given, Mapping):
        raise SpecError(
            "KG-119: feed must be a mapping from a species of the plasma to a species of the tissue"
            f" and a rate, {{'antigen': ('living', '2 pmol/mL/d')}}, not {given!r:.60}."
        )
    if problem.systemic is None or problem.volume is None:
        raise SpecError(
            "KG-162: what the plasma hears of the tumour needs systemic=... and tumour_volume=...,"
            " of which the grid is a part."
        )
    return tuple(_feed(problem, str(name), value) for name, value in given.items())


def _feed(problem: VolumeProblem, name: str, given: Any) -> Feed:
    body, tissue = problem.systemic, problem.tissue
    assert body is not None
    if not (isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str)):
        raise SpecError(
            f"KG-119: feed {name!r} must be (species of the tissue, rate), such as ('living',"
            f" '2 pmol/mL/d'), not {given!r:.60}."
        )
    source, rate = given
    for what, wanted, known in (
        ("systemic model", name, body.state_names),
        ("tissue", source, tissue.state_names),
    ):
        if wanted not in known:
            raise SpecError(
                f"KG-103: feed: the {what} has no species {wanted!r}.{did_you_mean(wanted, known)}"
            )
    quantity = parse_quantity(rate, f"the rate of feed {name!r}")
    own, other = (m.model.analysis.dimensions[n] for m, n in ((body, name), (tissue, source)))
    needed = tuple(a - b - t - v for a, b, t, v in zip(own, other, _TIME, _VOLUME, strict=True))
    if tuple(dimension(quantity.unit)) != needed:
        raise UnitError(
            f"KG-121: the rate of feed {name!r} is per tumour volume and time and per unit of"
            f" {source!r}: {describe(Dimension(needed))}; found"
            f" {describe(dimension(quantity.unit))}."
        )
    assert problem.volume is not None
    value = float(quantity.value) * factor(quantity.unit) * float(problem.number[0])
    return Feed(name, body.state_index(name), source, tissue.state_index(source), value)
