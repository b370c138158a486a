"""The reference data sets beside the source tree.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from krogh.dosing import EventTable, Regimen
from krogh.errors import DataError, UnitError

UNITS = {"TIME": "h", "AMT": "mg", "DV": "mg/L"}


def test_theophylline(shared_data):
    table = EventTable.read(shared_data / "pk/theo_sd.csv", units=UNITS, covariates={"WT": "kg"})
    assert table.num_subjects == 12
    doses = table["EVID"] == 1
    assert doses.sum() == 12
    assert (table["CMT"][doses] == 1).all()
    assert (table["MDV"] == doses).all()
    assert table["AMT"][0] == 319.99199999999996
    assert table["AMT"][0] / table.covariates["WT"][0] == pytest.approx(4.02, rel=1e-12)
    assert (table["EVID"] == 0).sum() == 132
    assert EventTable.read(table.to_csv()) == table


def test_warfarin(shared_data):
    table = EventTable.read(
        shared_data / "pk/warfarin.csv",
        units={"TIME": "h", "AMT": "mg", "DV": {"cp": "mg/L", "pca": "%"}},
        covariates={"WT": "kg", "AGE": "year", "SEX": {"female": 0, "male": 1}},
        constant=["WT", "AGE", "SEX"],
    )
    assert table.num_subjects == 32
    assert (table["EVID"] == 1).sum() == 32
    kinds, counts = np.unique(table["DVID"][table["MDV"] == 0], return_counts=True)
    assert dict(zip(kinds.tolist(), counts.tolist(), strict=True)) == {"cp": 251, "pca": 232}
    assert set(table.covariates["SEX"].tolist()) == {0.0, 1.0}
    assert table.to_regimen(1) == Regimen("100 mg")


def test_dosing_scenarios(shared_data):
    covariates = {"LAGT": "h", "MODE": "", "DUR2": "h", "RAT2": "mg/h", "BIOAV": ""}
    table = EventTable.read(
        shared_data / "pk/dosing_scenarios_events.csv",
        units={"TIME": "h", "AMT": "mg"},
        covariates=covariates,
        compartments={1: "depot", 2: "central"},
    )
    assert table.num_subjects == 15
    assert list(table.covariates) == list(covariates)
    assert list(table.other) == ["descr"]
    assert table.other["descr"][0] == "Bolus with additional"
    expected = {
        1: "100 mg into depot every 1 d x 4",
        3: "100 mg at 10 mg/h into central every 1 d x 4",
        5: "480 mg with modeled duration into central",
        11: "100 mg at 2 mg/h into central every 12 h x 4 at steady state",
        17: "100 mg into central + 50 mg at 24 mg/h into depot every 1 d x 3 starting at 13 h",
        21: "100 mg into depot every 12 h x 1 at steady state",
        29: "100 mg/h into depot at steady state",
    }
    for subject, text in expected.items():
        assert str(table.to_regimen(subject)) == text
    with pytest.raises(DataError, match="KG-223"):
        table.to_regimen(25)
    # scenario 27: ADDL 3 every 12 h from 0, reset at 50 (nothing pending then), two more every 16 h
    longer = table.subject(27).expanded()
    assert list(longer["TIME"]) == [0, 12, 24, 36, 50, 54, 70, 86]
    assert list(longer["EVID"]) == [1, 1, 1, 1, 3, 1, 1, 1]


def test_map_subjects(shared_data):
    units = {"TIME": "h", "AMT": "ug", "DV": "ug/L"}
    table = EventTable.read(shared_data / "pk/map_8_subjects.csv", units=units)
    assert table.num_subjects == 8
    assert (table["MDV"] == 0).sum() == 20
    assert (
        str(table.to_regimen(1))
        == "10000 ug into 1 + 10000 ug into 1 every 1 d x 7 starting at 3 d"
    )
    assert list(table.subject(4).expanded()["TIME"]) == [0, 72, 96, 120, 144, 168, 192, 216, 237.1]


def test_nonlinear_steady_state(shared_data):
    table = EventTable.read(shared_data / "pk/nonlinear_steady_state.csv", units=UNITS)
    assert list(table["SS"]) == [1, 0, 0, 0, 0, 0]
    assert list(table["II"]) == [12, 0, 0, 0, 0, 0]
    assert list(table["MDV"]) == [1, 0, 0, 0, 0, 0]
    assert table["DV"][1] == 389.60439420601


def test_wang(shared_data):
    path = shared_data / "pk/Wang2007.csv"
    table = EventTable.read(path, units={"TIME": "h", "DV": "mg/L"}, names={"Y": "DV"})
    assert table.num_subjects == 10
    assert (table["EVID"] == 0).all()
    with pytest.raises(UnitError, match="KG-126"):
        EventTable.read(path, names={"Y": "DV"})


@pytest.mark.parametrize(
    ("name", "subjects", "doses", "observations"),
    [
        ("lxf_control_growth", 8, 0, 204),
        ("lxf_high_erlotinib_dose", 6, 51, None),
        ("lxf_medium_erlotinib_dose", 8, 112, None),
        ("lxf_low_erlotinib_dose", 8, 112, None),
        ("lxf_single_erlotinib_dose", 30, 30, 60),
    ],
)
def test_erlotinib_in_mice(shared_data, name, subjects, doses, observations):
    path = shared_data / f"xenograft/{name}.csv"
    table = EventTable.read_long(path, route="oral", drug="erlotinib")
    assert table.num_subjects == subjects
    assert (table["EVID"] == 1).sum() == doses
    if observations is not None:
        assert (table["MDV"] == 0).sum() == observations
    lines = path.read_text().splitlines()[1:]
    filled = [line.split(",") for line in lines]
    assert (table["EVID"] == 0).sum() == sum(1 for cells in filled if cells[3])
    assert (table["MDV"] == 0).sum() == sum(1 for cells in filled if cells[4])
    assert table.units["TIME"] == "d"
    assert table.units["DV"]["Body weight"] == "g"
    if doses:
        assert table.units["AMT"] == "mg"
        rows = table["EVID"] == 1
        assert table["AMT"][rows].sum() == pytest.approx(
            sum(float(cells[6]) for cells in filled if len(cells) > 6 and cells[6])
        )
        assert set(table["ROUTE"][rows]) == {"oral"}
    if name == "lxf_single_erlotinib_dose":
        weight = {c[0]: float(c[4]) for c in filled if c[3] == "Body weight"}
        for subject in table.subjects:
            regimen = table.to_regimen(subject)
            assert regimen.doses[0].amount.value == pytest.approx(0.1 * weight[str(subject)])
    if name == "lxf_high_erlotinib_dose":
        first = table.to_regimen(6)
        assert first.drugs == ("erlotinib",)
        assert first.num_doses == 9
        assert first.start == 3 * 86400.0
