"""The dose of a library drug is found again: in the plasma, eliminated, or taken by the tumor.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Any

import krogh as kg
import numpy as np
import pytest
from krogh.study.balance import with_eliminated

CASES: list[tuple[Any, str, str, str, int]] = [
    ("T-DM1", "NCI-N87", "3.6 mg/kg", "mouse 20 g", 1),
    (["T-DM1", "trastuzumab"], "NCI-N87", "T-DM1 3.6 mg/kg + trastuzumab 29 mg/kg",
     "mouse 20 g", 1),
    ("T-DM1", "NCI-N87", "3.6 mg/kg every 7 d x 3", "human 70 kg", 1),
    (["T-DM1", "cetuximab"], "both targets", "T-DM1 3.6 mg/kg + cetuximab 10 mg/kg",
     "mouse 20 g", 2),
    ("nanobody 2Rs15d", "NCI-N87", "0.5 mg/kg over 2 h", "mouse 20 g", 1),
]  # fmt: skip


@pytest.mark.parametrize(("drug", "tumour", "regimen", "subject", "doses"), CASES)
def test_plasma_and_tissue_hold_the_dose(
    drug: Any, tumour: str, regimen: str, subject: str, doses: int
) -> None:
    place = (
        kg.library.tumour("NCI-N87").with_target("EGFR", receptors_per_cell="1e5 molecules/cell")
        if tumour == "both targets"
        else tumour
    )
    study = kg.Study(
        drug, place, regimen, subject=subject, until="21 d", tumour_volume="0.2 mL",
        comparator=False, ranges=False,
    )  # fmt: skip
    found = study.run()
    rows = [text for text in found.ledger["amount"] if text.startswith("dose of")]
    assert len(rows) == doses
    assert found.balance_error < 1e-10
    assert "of the dose" in str(found)


def test_the_balance_counts_every_place() -> None:
    study = kg.Study("T-DM1", "NCI-N87", "3.6 mg/kg", until="7 d", tumour_volume="0.2 mL")
    systemic, groups = with_eliminated(study)
    line = kg.simulate_line(**study.line_arguments() | {"systemic": systemic})
    (name,) = groups
    for left_out in groups[name]:
        some = [s for s in groups[name] if s != left_out]
        assert line.ledger({}, plasma={"dose": some}).largest > 1e-4, left_out
    one_way = kg.simulate_line(
        **study.line_arguments() | {"systemic": systemic, "tumour_volume": None}
    )
    taken = one_way.plasma["central_TDM1"].values - line.plasma["central_TDM1"].values
    assert np.max(np.abs(taken)) > 1e-4  # what the tumor takes is part of the balance
    count = line.plasma["eliminated_TDM1"].values[0]
    assert np.all(np.diff(count) > 0.0)


def test_one_way_the_tissue_is_balanced_against_what_entered() -> None:
    found = kg.Study(
        "T-DM1", "NCI-N87", "3.6 mg/kg", until="24 h", comparator=False, ranges=False
    ).run()
    assert found.balance_error < 1e-10
    assert "of what entered" in str(found)
    assert not any(text.startswith("dose of") for text in found.ledger["amount"])
