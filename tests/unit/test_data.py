"""Data that come with krogh: readable, with units, and as their descriptions say.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import csv
import tomllib
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from krogh import data
from krogh.dosing import EventTable
from krogh.errors import SpecError


def test_names_and_paths() -> None:
    assert data.names() == ["erlotinib_growth", "erlotinib_plasma"]
    with pytest.raises(SpecError, match=r"KG-130.*Did you mean 'erlotinib_plasma'"):
        data.path("erlotinib_plasm")


@pytest.mark.parametrize("name", data.names())
def test_each_table_is_described_and_reads(name: str) -> None:
    file = data.path(name)
    about = tomllib.loads(file.with_suffix(".toml").read_text(encoding="utf-8"))
    assert "doi" in about["source"]
    assert about["license"].startswith("BSD-3-Clause")
    header = file.read_text(encoding="utf-8").splitlines()[1].split(",")
    assert list(about["columns"]) == header
    table = EventTable.read(file)
    assert table.units["TIME"] == "d"
    assert table.covariates["WT"].min() > 10.0
    assert table.covariates["WT"].max() < 50.0


def test_the_plasma_table_has_the_doses_it_claims() -> None:
    table = EventTable.read(data.path("erlotinib_plasma"))
    is_dose = np.asarray(table["EVID"]) == 1
    group, weight = np.asarray(table.other["GROUP"]), table.covariates["WT"]
    per_weight = np.asarray(table["AMT"])[is_dose] / (weight[is_dose] * 1e-3)
    for code, dose in ((1, 100.0), (2, 100.0), (3, 6.25), (4, 25.0), (5, 100.0)):
        chosen = np.asarray(group[is_dose], dtype=float) == code
        assert chosen.any()
        assert np.median(per_weight[chosen]) == pytest.approx(dose, rel=0.05)


def test_the_tables_hold_every_measured_value_of_the_source(shared_data: Path) -> None:
    wanted: dict[str, dict[str, list[float]]] = {
        "Plasma concentration": defaultdict(list),
        "Tumour volume": defaultdict(list),
    }
    doses: dict[str, list[float]] = defaultdict(list)
    for file in sorted((shared_data / "xenograft").glob("lxf_*.csv")):
        with file.open(encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                if row["Value"] and row["Observable"] in wanted:
                    wanted[row["Observable"]][row["ID"]].append(float(row["Value"]))
                if row.get("Dose"):
                    doses[row["ID"]].append(float(row["Dose"]))
    for name, kind in (("plasma", "Plasma concentration"), ("growth", "Tumour volume")):
        found: dict[str, list[float]] = defaultdict(list)
        given: dict[str, list[float]] = defaultdict(list)
        with data.path(f"erlotinib_{name}").open(encoding="utf-8") as stream:
            next(stream)
            for row in csv.DictReader(stream):
                if row["DV"] != ".":
                    found[row["ID"]].append(float(row["DV"]))
                if float(row["AMT"]) > 0:
                    given[row["ID"]].append(float(row["AMT"]))
        assert set(found) == set(wanted[kind])
        for animal, values in wanted[kind].items():
            assert sorted(found[animal]) == pytest.approx(sorted(values), rel=1e-9)
            assert sorted(given[animal]) == pytest.approx(sorted(doses[animal]), rel=1e-9)
