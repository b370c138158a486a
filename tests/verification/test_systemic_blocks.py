"""Level 1 blocks through language, dosing and engine against independent references.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import csv
from collections import defaultdict

import krogh as kg
import numpy as np
import pytest
from krogh.model import Model
from krogh.model import systemic as pk

pytestmark = pytest.mark.verification


def _oral(ka):
    return [pk.first_order_absorption(KA=f"{ka} 1/h")] if ka else []


def _model(ka, number, clearance, **values):
    return Model(
        "reference",
        *_oral(ka),
        pk.compartments(number, **values),
        pk.linear_elimination(CL=clearance),
    )


TWO = {"V1": "10 L", "Q": "4 L/h", "V2": "200 L"}
THREE = {**TWO, "Q3": "1 L/h", "V3": "50 L"}
CASES = {
    "1cpt_bolus CL1 V20 D100": (_model(None, 1, "1 L/h", V1="20 L"), kg.Dose("100 mg")),
    "1cpt_oral CL1 V20 ka1.3 D100": (
        _model(1.3, 1, "1 L/h", V1="20 L"),
        kg.Dose("100 mg", route="oral"),
    ),
    "1cpt_oral_degenerate ka=k=0.05 V20 D100": (
        _model(0.05, 1, "1 L/h", V1="20 L"),
        kg.Dose("100 mg", route="oral"),
    ),
    "1cpt_oral_slow_SS CL.1 V50 ka1 II12 D100": (
        _model(1.0, 1, "0.1 L/h", V1="50 L"),
        kg.Dose("100 mg", route="oral", interval="12 h", steady=1),
    ),
    "2cpt_infusion CL1 V10 Q4 V2 200 D100 10h": (
        _model(None, 2, "1 L/h", **TWO),
        kg.Dose("100 mg", duration="10 h"),
    ),
    "2cpt_infusion_SS tau24 same": (
        _model(None, 2, "1 L/h", **TWO),
        kg.Dose("100 mg", duration="10 h", interval="24 h", steady=1),
    ),
    "2cpt_oral_SS ka1.3 tau24 D100": (
        _model(1.3, 2, "1 L/h", **TWO),
        kg.Dose("100 mg", route="oral", interval="24 h", steady=1),
    ),
    "3cpt_bolus CL1 V10 Q4 V2 200 Q3 1 V3 50 D100": (
        _model(None, 3, "1 L/h", **THREE),
        kg.Dose("100 mg"),
    ),
}
TRANSIT = "savic_transit n5.2 MTT2 ka.8 ke.2 V10 D100"


@pytest.fixture(scope="module")
def reference(shared_data):
    """Return times in h and concentrations by case."""
    table = defaultdict(list)
    with (shared_data / "pk" / "linear_reference.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            table[row["case"]].append((float(row["t"]), float(row["C"])))
    return {case: np.array(rows).T for case, rows in table.items()}


@pytest.mark.parametrize(("method", "rtol"), [("propagator", 1e-12), ("rodas5p", 1e-8)])
@pytest.mark.parametrize("case", CASES)
def test_linear_blocks(reference, case, method, rtol):
    model, dose = CASES[case]
    times, exact = reference[case]
    found = kg.simulate(
        model,
        kg.Regimen(dose),
        times=(times, "h"),
        until=f"{times[-1] + 1} h",
        method=method,
        rtol=max(rtol / 100, 1e-12),
        metrics=False,
    )["Cp"].values[0]
    np.testing.assert_allclose(found, exact, rtol=rtol)


def test_transit_block(reference):
    """Savic's input with 5.2 transit compartments; the reference uses the incomplete gamma."""
    model = Model(
        "transit",
        pk.transit_absorption(NN=5.2, MTT="2 h", KA="0.8 1/h"),
        pk.compartments(V1="10 L"),
        pk.linear_elimination(form="micro", kel="0.2 1/h"),
    )
    times, exact = reference[TRANSIT]
    found = kg.simulate(
        model, kg.Regimen("100 mg oral"), times=(times, "h"), until="25 h", rtol=1e-11
    )["Cp"].values[0]
    np.testing.assert_allclose(found, exact, rtol=1e-8)


@pytest.mark.parametrize("name", ["mrgsolve_tmdd", "mAb_stiff"])
def test_target_block(shared_data, name):
    """Full binding: each state to 1e-6 of its largest value at rtol 1e-8, drug as an amount."""
    with (shared_data / "pk" / "tmdd_parameters.csv").open(newline="") as file:
        p = next(row for row in csv.DictReader(file) if row["set"] == name)
    model = Model(
        name,
        pk.compartments(
            2,
            form="micro",
            amount="nmol",
            V1=f"{p['V_L']} L",
            k12=f"{p['kpt_1/d']} 1/d",
            k21=f"{p['ktp_1/d']} 1/d",
        ),
        pk.linear_elimination(form="micro", kel=f"{p['kel_1/d']} 1/d"),
        pk.target_full(
            kon=f"{p['kon_1/(nM d)']} 1/nM/d",
            koff=f"{p['koff_1/d']} 1/d",
            kint=f"{p['kint_1/d']} 1/d",
            ksyn=f"{p['ksyn_nM/d']} nM/d",
            kdeg=f"{p['kdeg_1/d']} 1/d",
        ),
        kg.Output("outer", "peripheral", unit="nmol"),
    )
    rows = defaultdict(list)
    with (shared_data / "pk" / "tmdd_full_reference.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["set"] == name:
                rows[float(row["C0"])].append([float(row[k]) for k in ("t", "C", "AT", "R", "RC")])
    assert len(rows) >= 3
    for start, table in rows.items():
        times, *exact = np.array(table).T
        result = kg.simulate(
            model,
            kg.Regimen(kg.Dose(f"{start * float(p['V_L'])!r} nmol")),
            times=(times, "d"),
            until=f"{times[-1]} d",
            rtol=1e-8,
            metrics=False,
        )
        for output, wanted in zip(("Cp", "outer", "R", "RC"), exact, strict=True):
            error = np.max(np.abs(result[output].values[0] - wanted)) / np.max(np.abs(wanted))
            assert error < 1e-6, (start, output)


def test_several_drugs_from_one_sentence():
    """Two library models in one, each dosed by its name."""
    trastuzumab = kg.library.model("trastuzumab_quartino_2019")
    conjugate = kg.library.model("tdm1_lu_2014")
    both = Model("both", trastuzumab.prefix("naked_"), conjugate.prefix("adc_"))
    sentence = "trastuzumab 8 mg/kg over 90 min + trastuzumab emtansine 3.6 mg/kg over 30 min"
    options = {"until": "21 d", "rtol": 1e-9, "subjects": {"WT": [70.0]}}
    found = kg.simulate(both, kg.Regimen(sentence), **options)
    alone = kg.simulate(
        conjugate,
        kg.Regimen("3.6 mg/kg over 30 min"),
        times=(found.times.values, found.time_unit),
        **options,
    )
    np.testing.assert_allclose(found["adc_Cp"].values, alone["Cp"].values, rtol=1e-6, atol=1e-9)
    assert found["naked_Cp"].values[0, 1:].min() > 0


def test_doses_in_milligrams_meet_molar_states():
    """7.5 mg of a 150 kDa antibody into 3 L: 16.67 nM, without and with the target's molar form."""
    model = Model(
        "molar",
        pk.compartments(amount="nmol", molar_mass="MW", V1="3 L"),
        pk.linear_elimination(CL="0.2 L/d"),
        kg.Parameter("MW", "150 kDa"),
    )
    found = kg.simulate(model, kg.Regimen("7.5 mg"), times=["0 d"], until="1 d")["Cp"]
    assert found.values[0, 0] == pytest.approx(50 / 3, rel=1e-12)
