"""NONMEM's scenarios once more: event table, model language and `simulate` from end to end.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import csv

import krogh as kg
import numpy as np
import pytest
from krogh.dosing import EventTable
from krogh.model import Covariate, DoseInput, Model, Output, Parameter, Rate, Species

pytestmark = pytest.mark.verification

COLUMNS = ("LAGT", "BIOAV", "DUR2", "RAT2")
UNITS = {"TIME": "h", "AMT": "mg", "RATE": "mg/h", "II": "h"}
COVARIATES = {"LAGT": "h", "BIOAV": "1", "DUR2": "h", "RAT2": "mg/h"}


def model():
    return Model(
        "one compartment, oral",
        Parameter("CL", "1.1 L/h"),
        Parameter("V", "20 L"),
        Parameter("KA", "1.5 1/h"),
        Covariate("LAGT", "0 h"),
        Covariate("BIOAV", "1"),
        Covariate("DUR2", "2 h"),
        Covariate("RAT2", "10 mg/h"),
        Species("depot", "mg"),
        Species("central", "mg"),
        Rate("depot", "-KA*depot"),
        Rate("central", "KA*depot - CL/V*central"),
        DoseInput("depot"),
        DoseInput("central", bioavailability="BIOAV", lag="LAGT", duration="DUR2", rate="RAT2"),
        # The scenarios report amount over V/1000: micrograms per liter.
        Output("CP", "central/V", unit="ug/L"),
    )


@pytest.fixture(scope="module")
def scenarios(shared_data):
    """Columns of one event table with all subjects, and the exact values of its observations."""
    with (shared_data / "pk" / "dosing_scenarios_events.csv").open(newline="") as file:
        events = list(csv.DictReader(file))
    with (shared_data / "pk" / "dosing_scenarios_reference.csv").open(newline="") as file:
        reference = list(csv.DictReader(file))
    rows, exact = [], []
    for row in reference:
        if row["evid"] != "0":
            # Two rows of different subjects may look alike: take the subject's next event.
            event = next(e for e in events if e["ID"] == row["ID"])
            events.remove(event)
            last = {k: float(event[k]) for k in COLUMNS}
            rows.append(
                {"ID": int(row["ID"]), **{k: float(event[k.lower()]) for k in (
                    "TIME", "EVID", "AMT", "CMT", "SS", "II", "ADDL", "RATE")}, **last}
            )  # fmt: skip
        blank = dict.fromkeys(("EVID", "AMT", "SS", "II", "ADDL", "RATE"), 0.0)
        rows.append({"ID": int(row["ID"]), "TIME": float(row["time"]), "CMT": 2.0, **blank, **last})
        exact.append(float(row["CP_exact"]))
    assert not events
    return {name: np.array([r[name] for r in rows]) for name in rows[0]}, np.array(exact)


@pytest.mark.parametrize(
    ("method", "rtol", "bound"),
    [("auto", 1e-6, 1e-9), ("propagator", 1e-6, 1e-9), ("rodas4", 1e-9, 1e-6),
     ("rodas5p", 1e-9, 1e-6)],
)  # fmt: skip
def test_event_table_to_concentrations(scenarios, method, rtol, bound):
    frame, exact = scenarios
    table = EventTable.from_frame(frame, units=UNITS, covariates=COVARIATES)
    result = kg.simulate(model(), table, method=method, rtol=rtol, metrics=False)
    values = np.ravel(result["CP"].values)
    values = values[np.isfinite(values)]
    assert values.shape == exact.shape
    scale = np.maximum(exact, 1e-6 * exact.max())
    assert np.max(np.abs(values - exact) / scale) <= bound


def test_columns_in_any_case_and_order(scenarios):
    frame, _ = scenarios
    renamed = {name.lower(): column for name, column in reversed(frame.items())}
    plain = EventTable.from_frame(frame, units=UNITS, covariates=COVARIATES)
    other = EventTable.from_frame(
        renamed, units={k.lower(): v for k, v in UNITS.items()},
        covariates={k.lower(): v for k, v in COVARIATES.items()},
    )  # fmt: skip
    a = kg.simulate(model(), plain, metrics=False)["CP"].values
    b = kg.simulate(model(), other, metrics=False)["CP"].values
    np.testing.assert_array_equal(a, b)
