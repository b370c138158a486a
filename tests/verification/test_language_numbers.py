"""Numbers through the model language and `simulate`: units, resets, sensitivities, target binding.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import csv

import krogh as kg
import numpy as np
import pytest
from krogh.dosing import EventTable
from krogh.model import (
    Compartment,
    DoseInput,
    Model,
    Output,
    Parameter,
    Rate,
    Reaction,
    Species,
    systemic,
)

pytestmark = pytest.mark.verification


def binding(row):
    """Full target-mediated disposition, doses in nmol, from a row of pk/tmdd_parameters.csv."""
    return Model(
        row["set"],
        Parameter("V", f"{row['V_L']} L"),
        *(Parameter(n, f"{row[n + '_1/d']} 1/d") for n in ("kel", "kpt", "ktp", "koff", "kint",
                                                         "kdeg")),
        Parameter("kon", f"{row['kon_1/(nM d)']} 1/(nM*d)"),
        Parameter("ksyn", f"{row['ksyn_nM/d']} nM/d"),
        Compartment("plasma", "V"),
        Species("C", "nM", compartment="plasma"),
        Species("AT", "nmol"),
        Species("R", "nM", initial="ksyn/kdeg", compartment="plasma"),
        Species("RC", "nM", compartment="plasma"),
        Rate("C", "-(kel + kpt)*C + ktp*AT/V"),
        Rate("AT", "kpt*C*V - ktp*AT"),
        Rate("R", "ksyn - kdeg*R"),
        Reaction("C + R <-> RC", forward="kon*C*R", backward="koff*RC"),
        Reaction("RC ->", rate="kint*RC"),
        DoseInput("C"),
    )  # fmt: skip


@pytest.mark.parametrize("method", ["auto", "rodas4"])
def test_full_target_mediated_disposition(shared_data, method):
    with (shared_data / "pk" / "tmdd_parameters.csv").open(newline="") as file:
        parameters = {row["set"]: row for row in csv.DictReader(file)}
    with (shared_data / "pk" / "tmdd_full_reference.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for name, first in sorted({(r["set"], r["C0"]) for r in rows}):
        mine = [r for r in rows if (r["set"], r["C0"]) == (name, first)]
        times = [float(r["t"]) for r in mine]
        amount = float(first) * float(parameters[name]["V_L"])
        # Observations at the time of the dose see it.
        result = kg.simulate(
            binding(parameters[name]), f"{amount!r} nmol", times=(times, "d"), rtol=1e-8,
            method=method, metrics=False,
            atol={"C": "1e-11 nM", "R": "1e-11 nM", "RC": "1e-11 nM", "AT": "1e-11 nmol"},
        )  # fmt: skip
        for state in ("C", "AT", "R", "RC"):
            exact = np.array([float(r[state]) for r in mine])
            error = np.abs(result[state].values.ravel() - exact)[1:].max() / np.abs(exact).max()
            assert error <= 1e-6, (name, first, state, error)


def oral():
    return Model(
        "oral",
        Parameter("CL", "2 L/h"),
        Parameter("V", "30 L"),
        Parameter("ka", "0.02 1/min"),
        Parameter("Vmax", "1.5 mg/h"),
        Parameter("Km", "400 ug/L"),
        Parameter("F", "0.7"),
        Parameter("lag", "20 min"),
        Species("depot", "mg"),
        Species("central", "mg"),
        Rate("depot", "-ka*depot"),
        Rate("central", "ka*depot - CL*central/V - Vmax*(central/V)/(Km + central/V)"),
        DoseInput("depot", bioavailability="F", lag="lag"),
        Output("Cp", "central/V", unit="ng/mL"),
    )


def test_sensitivities_have_the_units_of_output_and_parameter():
    model = oral()
    times = (list(np.arange(0.1, 30.0, 0.7)), "h")
    dosing = "100 mg every 12 h x 2"
    names = {"CL": "L/h", "V": "L", "ka": "1/min", "Vmax": "mg/h", "Km": "ug/L", "F": "1",
             "lag": "min"}  # fmt: skip
    result = kg.simulate(
        model, dosing, times=times, sensitivities=list(names), rtol=1e-10, metrics=False
    )

    def values(name, value):
        unit = "" if names[name] == "1" else f" {names[name]}"
        changed = kg.simulate(
            model, dosing, times=times, values={name: f"{value!r}{unit}"}, rtol=1e-12, metrics=False
        )
        return changed["Cp"].values.ravel()

    typical = {"CL": 2.0, "V": 30.0, "ka": 0.02, "Vmax": 1.5, "Km": 400.0, "F": 0.7, "lag": 20.0}
    for name, value in typical.items():
        h = 1e-3 * value
        coarse = (values(name, value + h) - values(name, value - h)) / (2 * h)
        fine = (values(name, value + h / 2) - values(name, value - h / 2)) / h
        exact = (4.0 * fine - coarse) / 3.0
        found = result.sensitivity("Cp", name).values.ravel()
        assert np.abs(found - exact).max() <= 1e-6 * np.abs(exact).max(), name


def test_units_of_model_and_dose_do_not_matter():
    times = (list(np.arange(0.0, 30.0, 0.7)), "h")
    other = oral().with_values(
        CL="33.333333333333336 mL/min", V="0.03 m^3", ka="1.2 1/h", Vmax="36 mg/d", Km="0.4 mg/L",
        lag="1200 s",
    )  # fmt: skip
    a = kg.simulate(oral(), "0.1 g every 0.5 d x 2", times=times, rtol=1e-9)
    b = kg.simulate(other, "100000 ug every 720 min x 2", times=times, rtol=1e-9)
    np.testing.assert_allclose(a["Cp"].values, b["Cp"].values, rtol=1e-9, atol=1e-9)


def test_a_reset_stops_an_input_function():
    model = (
        systemic.compartments(1, form="micro", V1="10 L")
        + systemic.linear_elimination(form="micro", kel="0.2 1/h")
        + systemic.transit_absorption(MTT="2 h", NN="5.2", KA="0.8 1/h")
    )
    table = EventTable.from_frame(
        {
            "ID": np.ones(7),
            "TIME": np.array([0.0, 1.0, 1.5, 1.5, 3.0, 6.0, 9.0]),
            "EVID": np.array([1.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0]),
            "AMT": np.array([100.0, 0, 0, 0, 0, 0, 0]),
            "CMT": np.ones(7),
        },
        units={"TIME": "h", "AMT": "mg"},
        compartments={"1": "depot"},
    )
    result = kg.simulate(model, table, metrics=False)
    values = result["Cp"].values.ravel()
    values = values[np.isfinite(values)]
    assert values[0] > 0.05
    assert not values[1:].any(), values
