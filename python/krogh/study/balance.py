"""The balance of the dose: a count of what leaves the body beside what is in plasma and tumour.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from krogh.model.components import Rate, Species
from krogh.model.expression import joined_sum, signed_terms
from krogh.model.network import Model
from krogh.table import ResultTable

if TYPE_CHECKING:
    from krogh.line.ledger import Ledger
    from krogh.line.result import LineResult
    from krogh.study.study import Study

__all__ = ["ledger_of_study", "with_eliminated"]

_PREFIX = "eliminated_"


def with_eliminated(study: Study) -> tuple[Model, dict[str, tuple[str, ...]]]:
    """Return the systemic model with a species ``eliminated_<label>`` for every drug, and groups.

    What a drug loses in the body is the negative sum of the rates of all its systemic species, the
    exchange with the tumour not among them.  A conjugate and the naked antibody that it becomes
    count together, molecule for molecule.

    Returns
    -------
    model
        The systemic model with the new species, nmol.
    groups
        ``"dose of T-DM1"`` to the species that hold it, the new one among them.
    """
    systemic, _ = study.models
    parts: list[Species | Rate] = []
    groups: dict[str, tuple[str, ...]] = {}
    owner = {name: _label_of(name, study) for name in systemic.species}
    for names, labels in _families(study):
        members = [name for name, label in owner.items() if label in labels]
        count = f"{_PREFIX}{labels[0]}"
        addends = [
            (not negative, term)
            for member in members
            for negative, term in signed_terms(systemic.derivative(member))
        ]
        parts.append(Species(count, "nmol", note="what has left the body otherwise than by tumour"))
        parts.append(Rate(count, joined_sum(addends), name="elimination"))
        groups[f"dose of {' and '.join(names)}"] = (*members, count)
    return systemic + Model("count of what is eliminated", *parts, partial=True), groups


def _families(study: Study) -> list[tuple[list[str], list[str]]]:
    """Return names and labels of drugs that become each other, in the order of the study.

    A conjugate that loses its payload in plasma becomes the naked antibody whose name its rates
    have; where it does so in the tissue alone, ``<label>_naked`` comes back from there.
    """
    systemic, _ = study.models
    drugs = study.assembly.drugs
    labels = [drug.label for drug in drugs]
    naked = {f"{label}_naked": label for label in labels}
    family = {label: {label, naked.get(label, label)} for label in labels}
    family |= {naked[label]: {label, naked[label]} for label in labels if label in naked}
    for rate in systemic.rates:
        source = rate.name.removeprefix("deconjugation_")
        if source == rate.name or source not in family:
            continue
        label = _label_of(rate.species, study)
        if label is not None:
            both = family[source] | family[label]
            family |= dict.fromkeys(both, both)
    given = {drug.label: drug.name for drug in study.drugs}
    found: list[tuple[list[str], list[str]]] = []
    for label in labels:
        if any(label in known for _, known in found):
            continue
        members = [other for other in labels if other in family[label]]
        found.append(([given[m] for m in members if m in given], members))
    return found


def _label_of(species: str, study: Study) -> str | None:
    """Return the label of the drug behind the name of a systemic species; the longest that fits."""
    found = [d.label for d in study.assembly.drugs if species.endswith(f"_{d.label}")]
    return max(found, key=len, default=None)


def ledger_of_study(
    line: LineResult, groups: dict[str, tuple[str, ...]]
) -> tuple[ResultTable, float]:
    """Return the table of a line's ledger and its largest imbalance, NaN where nothing balances."""
    ledger = line.ledger(plasma=groups or None)
    worst = float(ledger.largest) if ledger.imbalance else float("nan")
    return _table(ledger, groups), worst


def _table(ledger: Ledger, groups: dict[str, tuple[str, ...]]) -> ResultTable:
    """Return a ledger as a table: a row for what the tissue holds, and one for every dose."""
    sums = [
        (f"{name}: " if name in groups else "")
        + " + ".join(n if k == 1.0 else f"{k:g} {n}" for n, k in members.items())
        + (" + taken by the tumour" if name in groups else "")
        for name, members in ledger.species.items()
    ]
    largest = [float(np.nanmax(np.abs(values))) for values in ledger.imbalance.values()]
    return ResultTable(
        {"amount": sums, "largest imbalance": largest},
        title="content less what entered, of the largest content"
        + ("; what was given less where it is, of the dose" if groups else ""),
    )
