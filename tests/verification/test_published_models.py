"""Published exposures follow from the library: computed beside published.

SPDX-License-Identifier: BSD-3-Clause

Labels give medians of populations, the library the typical subject; 15 % is the agreement asked
for.  Where a figure stands for other patients than the model's, the wider band says so.
"""

from __future__ import annotations

from importlib.resources import files

import krogh as kg
import numpy as np
import pytest

pytestmark = pytest.mark.verification


def _simulate(name, regimen, until, **options):
    model = kg.library.model(name)
    options.setdefault("rtol", 1e-7)
    return kg.simulate(model, kg.Regimen(regimen), until=until, **options)


def _exposure(result, window, column, output="Cp"):
    table = result.exposure().where(output=output, window=window)
    return float(table[column][0])


# --- trastuzumab ----------------------------------------------------------------------------------

_LOADING = "8 mg/kg over 90 min then 6 mg/kg over 30 min every 3 weeks x 25"
_WEEKLY = "4 mg/kg over 90 min then 2 mg/kg over 30 min every week x 75"


@pytest.mark.parametrize(
    ("tumor", "published"),
    [
        ("metastatic breast", (28.7, 182.0, 1376, 44.2, 179.0, 1736)),
        ("early breast", (30.9, 176.0, 1390, 53.8, 184.0, 1927)),
        ("gastric", (23.1, 132.0, 1109, 32.9, 131.0, 1338)),
    ],
)
def test_trastuzumab_every_three_weeks(tumor, published):
    """European label, Tables 14 and 15: Cmin and Cmax (mg/L) and AUC over 21 d (mg d/L), in cycle 1
    and at steady state."""
    values = {"GASTRIC": 1} if tumor == "gastric" else {}
    result = _simulate("trastuzumab_quartino_2019", _LOADING, "525 d", values=values)
    found = [
        _exposure(result, window, column)
        for window in ("first dose", "last dose")
        for column in ("trough", "Cmax", "AUC")
    ]
    assert found == pytest.approx(published, rel=0.15)


def test_trastuzumab_weekly():
    """United States label, Table 7 (cycle 1, 21 d); European label, Table 15 (steady state)."""
    result = _simulate("trastuzumab_quartino_2019", _WEEKLY, "525 d")
    days, cp = result.times.values, result["Cp"].values[0]
    assert np.interp(21.0 - 1e-6, days, cp) == pytest.approx(37.7, rel=0.15)
    assert _exposure(result, "first dose", "Cmax") == pytest.approx(88.3, rel=0.15)
    for trough, peak in ((63.1, 107.0), (72.6, 115.0)):
        assert _exposure(result, "last dose", "trough") == pytest.approx(trough, rel=0.15)
        assert _exposure(result, "last dose", "Cmax") == pytest.approx(peak, rel=0.15)


def test_trastuzumab_at_the_higher_dose_of_heloise():
    """10 mg/kg every 3 weeks gives the typical gastric cancer patient a trough near 80 mg/L,
    where the saturable path is 90 % saturated."""
    result = _simulate(
        "trastuzumab_quartino_2019",
        "8 mg/kg over 90 min then 10 mg/kg over 30 min every 3 weeks x 25",
        "525 d",
        values={"GASTRIC": 1},
    )
    trough = _exposure(result, "last dose", "trough")
    assert trough == pytest.approx(79.8, rel=0.01)
    assert trough / (trough + 8.92) == pytest.approx(0.90, abs=0.005)


def test_trastuzumab_is_washed_out_after_seven_months():
    """Label: below 1 mg/L in 95 % of patients 7 months after the last of many doses."""
    result = _simulate(
        "trastuzumab_quartino_2019",
        "8 mg/kg over 90 min then 6 mg/kg over 30 min every 3 weeks x 18",
        "571 d",  # the last dose is given on day 357, 7 months before
        subjects=1000,
        variability=True,
        seed=1,
        times=([357.0, 571.0], "d"),
        rtol=1e-5,
    )
    assert np.mean(result["Cp"].values[:, -1] < 1.0) > 0.95


def test_trastuzumab_total_clearance():
    """CL + Vmax/(Km + C) between Cmax and Cmin at steady state: 0.173 to 0.337 L/d published."""
    result = _simulate("trastuzumab_quartino_2019", _LOADING, "525 d")
    total = [
        0.127 + 8.81 / (8.92 + _exposure(result, "last dose", column))
        for column in ("Cmax", "trough")
    ]
    assert total[0] == pytest.approx(0.173, rel=0.05)
    assert 0.173 < total[1] < 0.337


def test_trastuzumab_tracer_doses_are_cleared_faster():
    """The saturable path: 10 mg give less than 50 mg per dose, by a factor of 1.2 to 1.4."""
    per_dose = [
        _exposure(
            _simulate("trastuzumab_quartino_2019", f"{dose} mg over 5 min", "4 d"), "whole", "AUC"
        )
        / dose
        for dose in (10, 50)
    ]
    assert per_dose[1] / per_dose[0] == pytest.approx(1.22, abs=0.02)


# --- other antibodies -----------------------------------------------------------------------------


def test_tdm1_half_life():
    """Lu 2014: terminal half-life 3.94 d."""
    result = _simulate("tdm1_lu_2014", "3.6 mg/kg over 90 min", "84 d")
    assert _exposure(result, "whole", "half_life") == pytest.approx(3.94, abs=0.005)


def test_nivolumab_clearance_falls_to_0_745():
    """Bajaj 2017: exp(-0.295); measured on the curve as rate of loss over concentration."""
    model = kg.library.model("nivolumab_bajaj_2017")
    model = model + kg.Output("CL", "CL", unit="mL/h")
    times = ([0.0, 58.75, 2000.0], "d")
    result = kg.simulate(model, kg.Regimen("240 mg over 30 min"), times=times, until="2000 d")
    start, middle, end = result["CL"].values[0]
    assert start == pytest.approx(9.4, rel=1e-9)
    assert end / start == pytest.approx(0.745, abs=5e-4)
    assert middle / start == pytest.approx(np.exp(-0.295 / 2), rel=1e-6)


def test_nivolumab_half_life():
    """25 d published: between the initial and the final half-life of the typical woman."""
    result = _simulate(
        "nivolumab_bajaj_2017",
        "240 mg over 30 min",
        "600 d",
        times=([15.0, 25.0, 500.0, 600.0], "d"),
    )
    c = result["Cp"].values[0]
    early, late = np.log(2) * np.array([10, 100]) / np.log(c[[0, 2]] / c[[1, 3]])
    assert early < 25.0 < late
    assert (early, late) == pytest.approx((21.1, 27.6), rel=0.01)


def test_durvalumab_half_life():
    """21 d in a review, about 18 d in the label; the curve bends with the saturable path."""
    result = _simulate(
        "durvalumab_baverel_2018", "10 mg/kg over 60 min every 2 weeks x 13", "182 d"
    )
    assert _exposure(result, "whole", "half_life") == pytest.approx(21.0, rel=0.1)


def test_durvalumab_clearance_follows_albumin_and_tumor():
    """A fall of the tumour from 74.8 to 20 mm and a rise of albumin to 42 g/L lower CL by 22 %."""
    model = kg.library.model("durvalumab_baverel_2018") + kg.Output("CL", "CL", unit="L/d")
    dose = kg.Regimen("1500 mg over 60 min")
    clearances = [
        kg.simulate(model, dose, times=["1 d"], until="2 d", values=values)["CL"].values[0, 0]
        for values in ({}, {"TUMOR": 20.0, "ALB": 42.0})
    ]
    factor = (1 - 0.035 * 4) * (1 + 0.00178 * (20 - 74.8))
    assert clearances[0] == pytest.approx(0.232, rel=1e-9)
    assert clearances[1] / clearances[0] == pytest.approx(factor, rel=1e-9)


def test_cetuximab_label():
    """European label (colorectal cancer): Cmax 185 (SD 55) mg/L after 400 mg/m2; peaks 156 and 152,
    troughs 41 and 55 mg/L in weeks 3 and 8.  The model's patients are smaller and had head and neck
    cancer; at 1.7 m2 it lies 14 to 40 % above the means."""
    result = _simulate(
        "cetuximab_dirks_2008",
        "400 mg/m2 over 2 h then 250 mg/m2 over 1 h every week x 12",
        "84 d",
        subjects={"BSA": [1.7]},
        times=([14 + 1 / 24, 21 - 1e-6, 49 + 1 / 24, 56 - 1e-6], "d"),
    )
    assert _exposure(result, "first dose", "Cmax") == pytest.approx(185, abs=55)
    found = result["Cp"].values[0]
    assert found == pytest.approx([155.8, 41.3, 151.6, 55.4], rel=0.40)
    assert found == pytest.approx([201.6, 57.6, 209.5, 63.1], rel=0.01)


def test_infliximab_half_life():
    """Fasanmade 2009: about 14 d."""
    result = _simulate("infliximab_fasanmade_2009", "5 mg/kg over 2 h", "200 d")
    assert _exposure(result, "whole", "half_life") == pytest.approx(14.0, rel=0.1)


def test_typical_antibody():
    """Davda 2014: CL 0.200 L/d and F 0.744 from areas after intravenous and subcutaneous use."""
    iv = _simulate("antibody_davda_2014", "1 mg/kg iv over 60 min", "600 d", rtol=1e-9)
    sc = _simulate("antibody_davda_2014", "1 mg/kg sc", "600 d", rtol=1e-9)
    areas = [_exposure(r, "whole", "AUC") for r in (iv, sc)]
    assert 70 / areas[0] == pytest.approx(0.200, rel=1e-6)
    assert areas[1] / areas[0] == pytest.approx(0.744, rel=1e-6)


def test_critical_concentration_of_trastuzumab():
    """Stein & Peletier 2018: Vmax/CL = 69.4 mg/L, where elimination is twice the linear one."""
    p = kg.library.model("trastuzumab_quartino_2019").parameters
    critical = p["Vmax"].value.to("mg/d") / p["CL_pop"].value.to("L/d")
    assert critical == pytest.approx(69.4, rel=1e-3)


# --- small molecules ------------------------------------------------------------------------------


@pytest.mark.parametrize(("gfr", "area"), [(8.38e3 / 60 - 25, 5.0), (126.0, 5.406)])
def test_carboplatin_by_calvert(gfr, area):
    """AUC is the target where GFR + 25 is the clearance; at the cohort's median of 126 mL/min the
    formula overdoses the typical patient by 8 %."""
    result = _simulate(
        "carboplatin_ekhart_2008",
        "AUC 5 mg/mL*min over 30 min",
        "10 d",
        subjects={"GFR": [gfr]},
        rtol=1e-9,
    )
    found = _exposure(result, "whole", "AUC") * 24 * 60 / 1000
    assert found == pytest.approx(area, rel=1e-4)


def test_methotrexate_areas_and_interactions():
    """AUC = dose/CL; metabolite to parent 0.1 CL/CL_m; clearance falls by 27 % with benzimidazoles
    and by 16 % with NSAIDs (abstract of Joerger 2006)."""
    areas = {}
    for name, values in {"none": {}, "PPI": {"PPI": 1}, "NSAID": {"NSAID": 1}}.items():
        result = _simulate(
            "methotrexate_joerger_2006",
            "12000 mg/m2 over 4 h",
            "300 d",
            subjects={"BSA": [1.94]},
            values=values,
            rtol=1e-9,
        )
        areas[name] = [_exposure(result, "whole", "AUC", o) for o in ("Cp", "Cp_hydroxy")]
    moles = 12000 * 1.94 / 454.44 * 1e3  # umol
    assert areas["none"][0] * 24 == pytest.approx(moles / 8.85, rel=1e-5)
    assert areas["none"][1] / areas["none"][0] == pytest.approx(0.1 * 8.85 / 2, rel=1e-5)
    assert 1 - areas["none"][0] / areas["PPI"][0] == pytest.approx(0.27, abs=0.01)
    assert 1 - areas["none"][0] / areas["NSAID"][0] == pytest.approx(0.16, abs=0.01)


@pytest.fixture(scope="module")
def apalutamide():
    """Return 56 days of 240 mg daily."""
    model = kg.library.model("apalutamide_typical") + kg.Output("CL", "CL", unit="L/h")
    hours = np.concatenate([np.linspace(0, 24, 241), 27 * 24 + np.linspace(0, 24, 241)])
    return kg.simulate(
        model,
        kg.Regimen("240 mg oral every day x 56"),
        until="56 d",
        times=(np.unique(np.append(hours, 55 * 24 + np.linspace(0, 24, 241))), "h"),
        rtol=1e-7,
    )


def test_apalutamide_induces_its_clearance(apalutamide):
    """Perez-Ruixo 2020: CL/F 1.31 L/h at first, 2.04 L/h at steady state."""
    clearance = apalutamide["CL"].values[0]
    assert clearance[0] == pytest.approx(1.31, rel=1e-9)
    assert clearance[-1] == pytest.approx(2.04, rel=0.005)


def test_apalutamide_accumulates(apalutamide):
    """Accumulation 5.3 (found 5.1); more than 95 % of steady state after 4 weeks."""
    first = _exposure(apalutamide, "first dose", "AUC")
    last = _exposure(apalutamide, "last dose", "AUC")
    assert last / first == pytest.approx(5.3, rel=0.05)
    hours, cp = apalutamide.times.values, apalutamide["Cp"].values[0]
    fourth = (hours >= 27 * 24) & (hours <= 28 * 24)
    area = float(np.trapezoid(cp[fourth], hours[fourth]))
    assert area / (last * _hours_per(apalutamide)) > 0.95


def _hours_per(result):
    """Hours in the time unit of the result's areas."""
    return {"h": 1.0, "d": 24.0}[result.time_unit]


def test_apalutamide_label(apalutamide):
    """Label at steady state: Cmax 6.0 (SD 1.7), AUC 100 (SD 32) mg h/L, peak to trough 1.63."""
    peak = _exposure(apalutamide, "last dose", "Cmax")
    area = _exposure(apalutamide, "last dose", "AUC") * _hours_per(apalutamide)
    assert peak == pytest.approx(6.0, abs=1.7)
    assert area == pytest.approx(100, abs=32)
    trough = _exposure(apalutamide, "last dose", "trough")
    assert peak / trough == pytest.approx(1.63, rel=0.15)


def test_apalutamide_is_nearly_proportional():
    """Label: proportional from 30 to 480 mg daily; found within 5 % of 240 mg."""
    per_dose = [
        _exposure(
            _simulate("apalutamide_typical", f"{dose} mg oral every day x 56", "56 d"),
            "last dose",
            "AUC",
        )
        / dose
        for dose in (30, 240, 480)
    ]
    np.testing.assert_allclose(np.array(per_dose) / per_dose[1], 1.0, atol=0.05)


def test_enzalutamide_steady_state():
    """Half-life 5.8 d, accumulation 8.3 (found 8.9); AUC over 24 h at steady state 61, 120, 480
    mg h/L at 30, 60, 240 mg, and 361 at 150 mg, which the others do not support."""
    result = _simulate("enzalutamide_typical", "160 mg oral every day x 84", "84 d")
    assert _exposure(result, "last dose", "half_life") == pytest.approx(5.8, rel=0.01)
    first = _exposure(result, "first dose", "AUC")
    last = _exposure(result, "last dose", "AUC")
    assert last / first == pytest.approx(8.3, rel=0.1)
    per_mg = last * 24 / 160
    assert per_mg * np.array([30, 60, 240]) == pytest.approx([61, 120, 480], rel=0.03)
    assert per_mg * 150 / 361 == pytest.approx(0.83, abs=0.02)


def test_erlotinib_in_the_shipped_mice():
    """First-dose animals of the shipped data: residuals of log concentration with SD 0.47."""
    text = files("krogh.data").joinpath("erlotinib_plasma.csv").read_text(encoding="utf-8")
    header, *lines = (
        line.split(",") for line in text.strip().splitlines() if not line.startswith("#")
    )
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    doses = {
        r["ID"]: r for r in rows if r["EVID"] == "1" and float(r["TIME"]) == 0.0 and r["AMT"] != "."
    }
    residuals = []
    for r in rows:
        if r["EVID"] != "0" or r["ID"] not in doses or r["DV"] in (".", ""):
            continue
        time, dose = float(r["TIME"]), doses[r["ID"]]
        if not 0 < time <= 1.0 or dose.get("GROUP") not in (None, r.get("GROUP")):
            continue
        if abs(float(dose["AMT"]) / float(dose["WT"]) * 1000 - 100) > 1:
            continue  # the treated arms
        result = _simulate(
            "erlotinib_mouse",
            f"{dose['AMT']} mg oral",
            "2 d",
            times=([time], "d"),
            values={"WT": float(dose["WT"])},
        )
        residuals.append(np.log(float(r["DV"])) - np.log(result["Cp"].values[0, 0]))
    assert len(residuals) == 14
    assert np.mean(residuals) == pytest.approx(0.0, abs=0.05)
    assert np.sqrt(np.sum(np.square(residuals)) / 11) == pytest.approx(0.47, abs=0.02)
