"""Properties that hold for every model: superposition, time shift, split infusions, trains, bits.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import sys

import krogh as kg
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from krogh.dosing import Dose, EventTable, Regimen
from krogh.model import DoseInput, Model, Output, Parameter, Rate, Species, Variability

pytestmark = pytest.mark.verification

GRID = (np.linspace(0.0, 96.0, 33), "h")
FEW = settings(max_examples=15, deadline=None)


def linear(lag="0[h]"):
    return Model(
        "linear",
        Parameter("CL", "5 L/h"),
        Parameter("V", "50 L"),
        Parameter("Q", "3 L/h"),
        Parameter("V2", "40 L"),
        Parameter("ka", "0.7 1/h"),
        Species("depot", "mg"),
        Species("central", "mg"),
        Species("other", "mg"),
        Rate("depot", "-ka*depot"),
        Rate("central", "ka*depot - (CL + Q)/V*central + Q/V2*other"),
        Rate("other", "Q/V*central - Q/V2*other"),
        DoseInput("depot", lag=lag, bioavailability="0.8"),
        DoseInput("central", lag=lag),
        Output("Cp", "central/V", unit="mg/L"),
    )


def saturable():
    return Model(
        "saturable",
        Parameter("VM", "15 mg/h"),
        Parameter("KM", "300 mg"),
        Parameter("ka", "0.7 1/h"),
        Variability(("eta",), [[0.09]]),
        Species("depot", "mg"),
        Species("central", "mg"),
        Rate("depot", "-ka*depot"),
        Rate("central", "ka*depot - VM*exp(eta)*central/(KM + central)"),
        DoseInput("depot"),
        DoseInput("central"),
        Output("A", "central", unit="mg"),
    )


MODELS = {"linear": linear(), "lagged": linear("1.7[h]"), "saturable": saturable()}
OUTPUT = {"linear": "Cp", "lagged": "Cp", "saturable": "A"}


def solve(name, dosing, times=GRID, **options):
    options = {"metrics": False, "rtol": 1e-9} | options
    return kg.simulate(MODELS[name], dosing, times=times, **options)[OUTPUT[name]].values


def dose(amount, time, duration, compartment):
    return Dose(
        f"{amount!r} mg",
        f"{time!r} h",
        duration=f"{duration!r} h" if duration else None,
        compartment=compartment,
    )


doses = st.builds(
    dose,
    st.floats(1.0, 500.0),
    st.integers(0, 80).map(float),
    st.sampled_from([0.0, 0.5, 3.0, 30.0]),
    st.sampled_from(["depot", "central"]),
)


@FEW
@given(st.lists(doses, min_size=2, max_size=4), st.sampled_from(["linear", "lagged"]))
@pytest.mark.parametrize("method", ["auto", "rodas5p"])
def test_superposition(method, given_doses, name):
    together = solve(name, Regimen(given_doses), method=method)
    apart = sum(solve(name, Regimen([d]), method=method) for d in given_doses)
    assert together == pytest.approx(apart, rel=1e-7, abs=1e-9 * (1.0 + np.max(together)))


@FEW
@given(st.lists(doses, min_size=1, max_size=3), st.sampled_from(sorted(MODELS)))
def test_time_shift(given_doses, name):
    later = [d.replace(time=d.time + 16 * 3600.0) for d in given_doses]
    base = solve(name, Regimen(given_doses))
    moved = solve(name, Regimen(later), times=(GRID[0] + 16.0, "h"))
    assert moved == pytest.approx(base, rel=1e-6, abs=1e-8 * (1.0 + np.max(base)))


@FEW
@given(
    st.floats(10.0, 500.0),
    st.floats(1.0, 30.0),
    st.floats(0.1, 0.9),
    st.sampled_from(sorted(MODELS)),
)
def test_split_infusion(amount, duration, share, name):
    whole = Regimen([dose(amount, 2.0, duration, "central")])
    first = dose(amount * share, 2.0, duration * share, "central")
    second = dose(amount * (1 - share), 2.0 + duration * share, duration * (1 - share), "central")
    base = solve(name, whole)
    split = solve(name, Regimen([first, second]))
    assert split == pytest.approx(base, rel=1e-6, abs=1e-8 * np.max(base))


@FEW
@given(
    st.integers(1, 9),
    st.sampled_from([6.0, 8.0, 12.0]),
    st.sampled_from([0.0, 2.0, 15.0]),
    st.sampled_from(sorted(MODELS)),
)
def test_additional_doses_are_explicit_doses(additional, interval, duration, name):
    """ADDL of a table, the rows it stands for, and a regimen: three ways to say one thing."""
    frame = {
        "ID": [1],
        "TIME": [0.0],
        "EVID": [1],
        "AMT": [100.0],
        "DUR": [duration],
        "ADDL": [additional],
        "II": [interval],
        "CMT": [2],
        "MDV": [1],
    }
    table = EventTable.from_frame(frame, units={"TIME": "h", "AMT": "mg"})
    over = f" over {duration} h" if duration else ""
    sentence = f"100 mg{over} every {interval} h x {additional + 1}"
    regimen = Regimen(d.replace(compartment="central") for d in Regimen(sentence).doses)
    times = (GRID[0] + 0.25, "h")
    base = solve(name, table, times=times)
    scale = {"rel": 1e-7, "abs": 1e-9 * np.max(base)}
    assert solve(name, table.expanded(), times=times) == pytest.approx(base, **scale)
    assert solve(name, regimen, times=times) == pytest.approx(base, **scale)


@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize("duration", [0.0, 3.0, 17.0])
@pytest.mark.parametrize("compartment", ["depot", "central"])
def test_steady_state_is_the_end_of_a_long_train(name, duration, compartment):
    train = Dose(
        "100 mg",
        duration=f"{duration} h" if duration else None,
        interval="12 h",
        additional=219,
        compartment=compartment,
    )
    steady = train.replace(steady=1, additional=3)
    after = (np.arange(0.5, 48.0, 3.0), "h")
    at_end = (after[0] + 12.0 * 216, "h")
    long_way = solve(name, Regimen([train]), times=at_end, rtol=1e-10)
    assert solve(name, Regimen([steady]), times=after, rtol=1e-10) == pytest.approx(
        long_way, rel=2e-7
    )


def test_order_of_rows_decides_ties():
    """An observation before a dose of its time does not see it; one after it does."""
    frame = {
        "ID": [1] * 4,
        "TIME": [0.0, 5.0, 5.0, 5.0],
        "EVID": [1, 0, 1, 0],
        "AMT": [100.0, 0.0, 50.0, 0.0],
        "CMT": [2] * 4,
        "MDV": [1] * 4,
    }
    table = EventTable.from_frame(frame, units={"TIME": "h", "AMT": "mg"})
    result = kg.simulate(MODELS["linear"], table, rtol=1e-9)
    before, after = result["Cp"].values
    assert after - before == pytest.approx(1.0, rel=1e-9)
    derived = EventTable.from_frame(
        {
            "ID": [1, 1],
            "TIME": [0.0, 5.0],
            "EVID": [1, 0],
            "AMT": [50.0, 0.0],
            "ADDL": [1, 0],
            "II": [5.0, 0.0],
            "CMT": [2, 2],
            "MDV": [1, 1],
        },
        units={"TIME": "h", "AMT": "mg"},
    )
    seen = kg.simulate(MODELS["linear"], derived, rtol=1e-9)["Cp"].values[0]
    once = solve("linear", Regimen([dose(50.0, 0.0, 0.0, "central")]), times=([5.0], "h"))[0, 0]
    assert seen - once == pytest.approx(1.0, rel=1e-8)


@pytest.mark.parametrize("metrics", [False, True])
@pytest.mark.parametrize("name", ["linear", "saturable"])
def test_threads_give_identical_bits(name, metrics):
    options = {"subjects": 150, "variability": True, "metrics": metrics, "rtol": 1e-6}
    options["values"] = {"ka": (0.7 * np.linspace(0.5, 2.0, 150), "1/h")}
    regimen = "100 mg every 12 h x 4"
    model = MODELS[name]
    results = [
        kg.simulate(model, regimen, times=GRID, num_threads=k, **options) for k in (1, 2, 3, 5)
    ]
    for other in results[1:]:
        assert np.array_equal(other[OUTPUT[name]].values, results[0][OUTPUT[name]].values)
        if metrics:
            first, second = (r.exposures.metrics for r in (results[0], other))
            assert np.array_equal(first, second, equal_nan=True)


@pytest.mark.parametrize("by_weight", [False, True])
@pytest.mark.parametrize("name", ["linear", "saturable"])
def test_order_and_size_of_a_batch_change_no_bits(name, by_weight):
    rng = np.random.default_rng(4)
    ids = np.arange(1, 61)
    ka = 0.7 * rng.uniform(0.5, 2.0, ids.size)
    weight = rng.uniform(50.0, 90.0, ids.size)
    regimen = "1.5 mg/kg every 12 h x 4" if by_weight else "100 mg every 12 h x 4"

    def run(chosen):
        who = {"ID": ids[chosen], "ka": (ka[chosen], "1/h"), "WT": (weight[chosen], "kg")}
        return kg.simulate(
            MODELS[name], regimen, subjects=who, variability=True, times=GRID, metrics=True
        )

    everyone = run(np.arange(60))
    shuffled = rng.permutation(60)
    other = run(shuffled)
    few = run(np.array([7, 3]))
    values = everyone[OUTPUT[name]].values
    assert np.array_equal(other[OUTPUT[name]].values, values[shuffled])
    assert np.array_equal(few[OUTPUT[name]].values, values[[7, 3]])
    assert np.array_equal(
        other.exposures.metrics, everyone.exposures.metrics[shuffled], equal_nan=True
    )


def test_batches_of_records_change_no_bits(monkeypatch):
    who = {"WT": (np.linspace(50.0, 90.0, 30), "kg")}
    options = {"subjects": who, "times": GRID, "variability": True}
    model = MODELS["saturable"]
    whole = kg.simulate(model, "1.5 mg/kg every 12 h x 4", **options)
    monkeypatch.setattr(sys.modules["krogh.simulate.engine"], "_MOST_RECORDS", 200)
    parts = kg.simulate(model, "1.5 mg/kg every 12 h x 4", **options)
    assert np.array_equal(parts["A"].values, whole["A"].values)
    assert np.array_equal(parts.exposures.metrics, whole.exposures.metrics, equal_nan=True)
    assert np.array_equal(parts.stats["accepted"], whole.stats["accepted"])
    for name in whole.final_states:
        assert np.array_equal(parts.final_states[name].values, whole.final_states[name].values)


def test_scenarios_through_tables(shared_data):
    """Fifteen NONMEM scenarios: table, covariates for lag and bioavailability, propagators."""
    import csv
    from collections import defaultdict

    model = Model(
        "nmtests",
        Parameter("CL", "1.1 L/h"),
        Parameter("V", "20 L"),
        Parameter("KA", "1.5 1/h"),
        *_scenario_covariates(),
        Species("depot", "mg"),
        Species("central", "mg"),
        Rate("depot", "-KA*depot"),
        Rate("central", "KA*depot - CL/V*central"),
        DoseInput("depot"),
        DoseInput("central", bioavailability="BIOAV", lag="LAGT", duration="DUR2", rate="RAT2"),
        Output("CP", "central/V", unit="ug/L"),
    )
    folder = shared_data / "pk"
    events = defaultdict(list)
    with (folder / "dosing_scenarios_events.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            events[row["ID"]].append(row)
    rows, exact = [], []
    names = {"AMT": "amt", "CMT": "cmt", "SS": "ss", "II": "ii", "ADDL": "addl", "RATE": "rate"}
    with (folder / "dosing_scenarios_reference.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["evid"] != "0":
                event = events[row["ID"]].pop(0)
                given = {k: event[v] for k, v in names.items()}
                rows.append({"ID": row["ID"], "TIME": event["time"], "EVID": event["evid"]} | given)
                shared = {k: event[k] for k in ("LAGT", "DUR2", "RAT2", "BIOAV")}
                rows[-1] |= shared
            rows.append({"ID": row["ID"], "TIME": row["time"], "EVID": 0} | shared)
            rows[-1] |= dict.fromkeys(names, 0)
            exact.append(float(row["CP_exact"]))
    frame = {k: np.array([float(r[k]) for r in rows]) for k in rows[0]} | {
        "MDV": np.ones(len(rows))
    }
    table = EventTable.from_frame(
        frame,
        units={"TIME": "h", "AMT": "mg"},
        covariates={"LAGT": "h", "DUR2": "h", "RAT2": "mg/h", "BIOAV": ""},
    )
    result = kg.simulate(model, table, metrics=False)
    assert result.provenance.method == "propagator"
    exact = np.array(exact)
    top = np.zeros(len(result.subjects))
    np.maximum.at(top, result.row_subjects, exact)
    error = np.abs(result["CP"].values - exact) / top[result.row_subjects]
    assert np.max(error) < 1e-12


def _scenario_covariates():
    from krogh.model import Covariate

    return (
        Covariate("LAGT", "0 h"),
        Covariate("DUR2", "2 h"),
        Covariate("RAT2", "10 mg/h"),
        Covariate("BIOAV", 1),
    )
