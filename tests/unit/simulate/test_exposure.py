"""Exposure metrics against closed forms: they come from the solver, not from samples.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest

K = 0.1  # 1/h: CL/V of the bolus model
C0 = 2.0  # mg/L: 100 mg in 50 L


def test_bolus_metrics_in_closed_form(bolus):
    result = kg.simulate(
        bolus, "100 mg", times=([24.0], "h"), thresholds={"Cp": "1 mg/L"}, rtol=1e-9
    )
    row = next(result.exposure("Cp", "whole").rows())
    assert row["Cmax"] == pytest.approx(C0, rel=1e-9)
    assert row["Tmax"] == 0.0
    assert row["trough"] == pytest.approx(C0 * np.exp(-K * 24), rel=1e-8)
    assert row["Cmin"] == row["trough"]
    assert row["Tmin"] == 24.0
    assert row["AUC"] == pytest.approx(C0 / K * (1 - np.exp(-K * 24)), rel=1e-8)
    assert row["Cavg"] == pytest.approx(row["AUC"] / 24.0)
    assert row["time_above"] == pytest.approx(np.log(2.0) / K, rel=1e-7)
    assert row["time_to_threshold"] == 0.0
    assert row["half_life"] == pytest.approx(np.log(2.0) / K, rel=1e-12)
    assert row["AUC_inf"] == pytest.approx(C0 / K, rel=1e-8)
    assert row["extrapolated"] == pytest.approx(np.exp(-K * 24), rel=1e-8)


def test_metrics_do_not_depend_on_the_grid(oral):
    tables = [
        kg.simulate(oral, "100 mg oral every 12 h x 3", times=t, until="36 h", rtol=1e-8).exposure()
        for t in (([36.0], "h"), (np.linspace(0, 36, 1000), "h"))
    ]
    for name in ("Cmax", "AUC", "trough"):
        assert tables[0][name] == pytest.approx(tables[1][name], rel=1e-7)


def test_oral_peak_in_closed_form(oral):
    result = kg.simulate(oral, "100 mg oral", times=([24.0], "h"), rtol=1e-9)
    row = next(result.exposure("Cp", "whole").rows())
    peak = np.log(1.0 / K) / (1.0 - K)
    assert row["Tmax"] == pytest.approx(peak, rel=1e-5)
    height = 100 / 50 / (1 - K) * (np.exp(-K * peak) - np.exp(-peak))
    assert row["Cmax"] == pytest.approx(height, rel=1e-8)
    assert row["AUC_inf"] == pytest.approx(100 / 5.0, rel=1e-8)


def test_time_to_threshold_of_a_rising_curve(oral):
    result = kg.simulate(
        oral, "100 mg oral", times=([24.0], "h"), thresholds={"Cp": "1 mg/L"}, rtol=1e-9
    )
    reached = next(result.exposure("Cp", "whole").rows())["time_to_threshold"]
    value = 100 / 50 / (1 - K) * (np.exp(-K * reached) - np.exp(-reached))
    assert value == pytest.approx(1.0, rel=1e-7)


def test_threshold_that_is_never_reached(bolus):
    result = kg.simulate(bolus, "100 mg", until="24 h", thresholds={"Cp": "3 mg/L"})
    row = next(result.exposure("Cp", "whole").rows())
    assert row["time_above"] == 0.0
    assert np.isnan(row["time_to_threshold"])


def test_half_life_of_a_saturable_model_comes_from_its_tail(saturable):
    # Long after the dose elimination is linear: VM/KM = 0.05 1/h.
    result = kg.simulate(saturable, "100 mg", times=([400.0], "h"), rtol=1e-9)
    row = next(result.exposure("central", "whole").rows())
    assert row["half_life"] == pytest.approx(np.log(2.0) / 0.05, rel=1e-4)
    assert result.exposures.tail.how.startswith("decay")


def test_slowest_mode_that_an_output_shows():
    from krogh.model import DoseInput, Model, Output, Parameter, Rate, Species

    # B decays ten times slower than A and does not feed it: A must not show B's half-life.
    model = Model(
        "chain",
        Parameter("k", "1 1/h"),
        Species("A", "mg"),
        Species("B", "mg"),
        Species("area", "mg*h"),
        Rate("A", "-k*A"),
        Rate("B", "k*A - 0.1*k*B"),
        Rate("area", "A"),
        DoseInput("A"),
        Output("A", unit="mg"),
        Output("B", unit="mg"),
        Output("area", unit="mg*h"),
    )
    result = kg.simulate(model, "10 mg", until="5 h")
    half = {r["output"]: r["half_life"] for r in result.exposure(window="whole").rows()}
    assert half["A"] == pytest.approx(np.log(2.0), rel=1e-12)
    assert half["B"] == pytest.approx(10 * np.log(2.0), rel=1e-12)
    assert np.isnan(half["area"])
    areas = {r["output"]: r["AUC_inf"] for r in result.exposure(window="whole").rows()}
    assert areas["B"] == pytest.approx(100.0, rel=1e-6)


def test_windows_by_name_and_by_dose(bolus):
    result = kg.simulate(bolus, "100 mg every 12 h x 3", until="36 h", windows="doses", rtol=1e-9)
    assert result.exposures.labels == ("dose 1", "dose 2", "dose 3", "whole")
    first, second = (result.exposures.metric("AUC", "Cp", f"dose {k}").values[0] for k in (1, 2))
    q = np.exp(-K * 12)
    assert first == pytest.approx(C0 / K * (1 - q), rel=1e-8)
    assert second == pytest.approx(C0 * (1 + q) / K * (1 - q), rel=1e-8)
    trough = result.exposures.metric("trough", "Cp", "dose 1")
    assert trough.values[0] == pytest.approx(C0 * q, rel=1e-8)
    assert trough.unit == "mg/L"
    named = kg.simulate(bolus, "100 mg", until="24 h", windows={"late": ("12 h", "48 h")})
    assert named.exposures.labels == ("late",)
    assert named.exposures.metric("Tmax", "Cp", "late").values[0] == 0.0
    assert named.exposures.metric("AUC", "Cp", "late").values[0] == pytest.approx(
        C0 / K * (np.exp(-1.2) - np.exp(-4.8)), rel=1e-5
    )


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        ([("12 h", "6 h")], "does not end after it begins"),
        ("weekly", "windows must be"),
        ([("1 h",)], "a pair of times"),
        ([], "is empty"),
    ],
)
def test_wrong_windows(bolus, windows, message):
    with pytest.raises(kg.SpecError, match=message):
        kg.simulate(bolus, "100 mg", until="24 h", windows=windows)


def test_threshold_must_have_the_outputs_unit(bolus):
    with pytest.raises(kg.UnitError, match="KG-121"):
        kg.simulate(bolus, "100 mg", until="24 h", thresholds={"Cp": "1 nM"})
    with pytest.raises(kg.SpecError, match=r"no output 'Cpp'.*Did you mean 'Cp'"):
        kg.simulate(bolus, "100 mg", until="24 h", thresholds={"Cpp": "1 mg/L"})


def test_table_and_summary_print(oral):
    result = kg.simulate(oral, "100 mg oral every 12 h x 3", subjects=30, variability=True)
    text = str(result.exposure())
    assert "Cmax [mg/L]" in text
    assert "more rows" in text
    summary = result.exposure_summary("Cp", "whole")
    metrics = dict(zip(summary["metric"], summary["median"], strict=True))
    assert metrics["Cmax"] == pytest.approx(
        np.median(result.exposure("Cp", "whole")["Cmax"]), rel=1e-12
    )


def test_linear_models_keep_exact_values_beside_metrics(oral):
    result = kg.simulate(oral, "100 mg oral", times=([1.0, 5.0, 24.0], "h"))
    t = np.array([1.0, 5.0, 24.0])
    exact = 100 / 50 / (1 - K) * (np.exp(-K * t) - np.exp(-t))
    assert result["Cp"].values[0] == pytest.approx(exact, rel=1e-13)
    assert result.provenance.method == "propagator, metrics rodas5p"
    checked = kg.simulate(oral, "100 mg oral", until="24 h", verify=True).verification
    assert checked.method == "rodas5p"
    assert checked.is_within


def test_no_metrics(bolus):
    result = kg.simulate(bolus, "100 mg", until="24 h", metrics=False)
    assert result.exposures is None
    with pytest.raises(kg.SpecError, match="metrics=True"):
        result.exposure()
    with pytest.raises(kg.SpecError, match="need metrics"):
        kg.simulate(bolus, "100 mg", until="24 h", metrics=False, thresholds={"Cp": "1 mg/L"})
    assert "last" in str(result)


def test_an_area_to_infinity_needs_a_window_that_meets_the_end_of_the_run(bolus):
    """The tail begins where the run ends: a window that ends earlier must not get it."""
    windows = {"early": ("0 h", "24 h"), "all": ("0 h", "30 h")}
    result = kg.simulate(bolus, "100 mg every 12 h x 4", until="30 h", windows=windows)
    table = result.exposure("Cp")
    early, whole = table.where(window="early"), table.where(window="all")
    assert np.isnan(early["AUC_inf"][0])
    clearance = result.exposures.metric("AUC_inf", "Cp", "all").values[0] / 300
    single = kg.simulate(bolus, "100 mg", until="1 h")
    alone = single.exposures.metric("AUC_inf", "Cp", "whole").values[0] / 100
    assert clearance == pytest.approx(alone, rel=1e-6)  # three doses until 30 h
    assert 0.0 < whole["extrapolated"][0] < 1.0
    only_early = kg.simulate(
        bolus, "100 mg every 12 h x 4", until="30 h", windows={"early": ("0 h", "24 h")}
    )
    assert "AUC_inf" not in only_early.exposure("Cp").columns
    assert "half_life" in only_early.exposure("Cp").columns
