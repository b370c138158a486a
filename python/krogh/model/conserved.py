"""Quantities that a model's reactions conserve.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

from krogh.model.expression import Expression, Number, Symbol

if TYPE_CHECKING:
    from krogh.model.network import Model

__all__ = ["conserved_quantities"]


def conserved_quantities(model: Model) -> tuple[Expression, ...]:
    """See `Model.conserved`.

    The left null space of the stoichiometric matrix, by exact elimination (Reder 1988, J. Theor.
    Biol. 135:175, doi 10.1016/S0022-5193(88)80073-0); species with rates of their own are changed
    by something that is no conversion and are left out.
    """
    analysis = model.analysis
    with_rates = {rate.species for rate in model.rates}
    names = [n for n in model.species if n not in with_rates]
    columns = [[reaction.net.get(n, 0) for n in names] for reaction in model.reactions]
    found: list[Expression] = []
    for vector in _null_space(columns, len(names)):
        if len([v for v in vector if v]) == 1:
            name = names[next(i for i, v in enumerate(vector) if v)]
            if not analysis.terms[name]:
                continue  # a species that nothing changes
        places = {
            model.species[n].compartment
            for n, v in zip(names, vector, strict=True)
            if v and analysis.volume_of(model.species[n]) is not None
        }
        total: Expression | None = None
        for name, weight in zip(names, vector, strict=True):
            if not weight:
                continue
            term: Expression = Symbol(name)
            volume = analysis.volume_of(model.species[name])
            if volume is not None and (len(places) > 1 or _has_amounts(model, names, vector)):
                term = volume * term
            if abs(weight) != 1:
                term = Number(float(abs(weight))) * term
            if total is None:
                total = term if weight > 0 else -term
            else:
                total = total + term if weight > 0 else total - term
        if total is not None:
            found.append(total)
    return tuple(found)


def _has_amounts(model: Model, names: list[str], vector: list[int]) -> bool:
    """Return whether a combination mixes amounts with concentrations."""
    kinds = {
        model.analysis.volume_of(model.species[n]) is None
        for n, v in zip(names, vector, strict=True)
        if v
    }
    return len(kinds) > 1


def _null_space(columns: list[list[int]], size: int) -> list[list[int]]:
    """Return whole-number vectors v with v . column = 0 for all columns."""
    rows = [[Fraction(v) for v in column] for column in columns]
    pivots: list[int] = []
    reduced: list[list[Fraction]] = []
    for row in rows:
        current = list(row)
        for pivot, known in zip(pivots, reduced, strict=True):
            factor = current[pivot]
            if factor:
                current = [a - factor * b for a, b in zip(current, known, strict=True)]
        lead = next((i for i, v in enumerate(current) if v), None)
        if lead is None:
            continue
        current = [v / current[lead] for v in current]
        for i, known in enumerate(reduced):
            factor = known[lead]
            if factor:
                reduced[i] = [a - factor * b for a, b in zip(known, current, strict=True)]
        pivots.append(lead)
        reduced.append(current)
    vectors: list[list[int]] = []
    for free in (i for i in range(size) if i not in pivots):
        vector = [Fraction(0)] * size
        vector[free] = Fraction(1)
        for pivot, known in zip(pivots, reduced, strict=True):
            vector[pivot] = -known[free]
        scale = 1
        for v in vector:
            scale = math.lcm(scale, v.denominator)
        vectors.append([int(v * scale) for v in vector])
    return vectors
