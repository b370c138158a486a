"""Level 4 against closed forms, published figures and laws of conservation.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.model import Model, Output, Parameter, Rate, Rule, Species
from krogh.model import effect as pd
from krogh.model import systemic as pk
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq
from scipy.special import gammainc

pytestmark = pytest.mark.verification

STILL = Species("still", "", initial="0")


def solve(parts, times, name, *, unit="d", dosing=None, rtol=1e-10, **options):
    """Return an output of a model of `parts` at `times`."""
    model = parts if isinstance(parts, Model) else Model("case", *parts)
    result = kg.simulate(model, dosing, times=(np.asarray(times), unit), rtol=rtol, **options)
    return result[name].values[0]


# --- Claret, Stein, Ribba -------------------------------------------------------------------------

CLARET = pd.claret(
    "log(dose/1[mg])",
    exposure_unit="",
    size0="70 mm",
    KL="0.6 1/week",
    KD="0.4 1/week",
    lambda_r="0.8 1/week",
)
# NONMEM 7.5, KG 0.6, KS0 0.4, gamma 0.8, D = 10 (exposure log D), y0 = 70, at 0 (0.1) 1.
CLARET_TABLE = [70, 68.032, 66.571, 65.552, 64.924, 64.647, 64.690, 65.029, 65.646, 66.526, 67.661]


def test_claret_is_its_closed_form_and_the_published_table():
    times = np.linspace(0, 1, 11)
    found = solve([CLARET, Parameter("dose", "10 mg")], times, "tumor", unit="week")
    kill = 0.4 * np.log(10)
    closed = 70 * np.exp(0.6 * times - kill / 0.8 * (1 - np.exp(-0.8 * times)))
    np.testing.assert_allclose(found, closed, rtol=1e-8)
    np.testing.assert_allclose(found, CLARET_TABLE, rtol=1e-5)


@pytest.mark.parametrize("fraction", [False, True])
def test_stein_is_its_closed_form(fraction):
    g, d = 10**-2.5, 10**-1.7  # medians per day, Stein 2011
    options = {"phi": 0.7} if fraction else {}
    block = pd.stein(size0="50 mm", g=f"{g} 1/d", d=f"{d} 1/d", fraction=fraction, **options)
    t = np.array([0.0, 30.0, 90.0, 365.0])
    shrink, grow = np.exp(-d * t), np.exp(g * t)
    closed = 0.7 * shrink + 0.3 * grow if fraction else shrink + grow - 1
    np.testing.assert_allclose(solve([block], t, "tumor"), 50 * closed, rtol=1e-8)


def ribba(**options):
    """Return the model with the typical values of Mazzocco 2015, Table 2."""
    values = {
        "P0": "1.72 mm",
        "Q0": "32.1 mm",
        "capacity": "100 mm",
        "lambda_P": "0.143 1/month",
        "kPQ": "0.0429 1/month",
        "kQpP": "0.00947 1/month",
        "dQp": "0.0188 1/month",
        "gamma_kill": "0.254 1/mg",
        "KDE": "8.3 1/month",
    }
    return pd.ribba(**values | options)


@pytest.mark.parametrize(
    ("gamma", "kQpP", "smallest", "month"),
    [(0.254, 0.00947, 26.46, 18), (0.254, 0.00807, 26.27, 19), (0.143, 0.00947, 29.45, 16.5)],
)
def test_ribba_gives_the_typical_gliomas_under_temozolomide(gamma, kQpP, smallest, month):
    """Mazzocco 2015 (doi 10.1002/psp4.54) as nlmixr2lib computes it: p53 wild type, with 1p/19q
    codeletion, and p53 mutated; one virtual dose a cycle, 18 cycles, resistance 0.1 per month."""
    block = ribba(gamma_kill=f"{gamma} 1/mg", kQpP=f"{kQpP} 1/month", res="0.1 1/month")
    cycles = kg.Dose("1 mg", interval="28 d", additional=17)
    t = np.linspace(0, 900, 361)
    size = solve([block], t, "tumor", dosing=cycles, rtol=1e-7)
    assert size[0] == pytest.approx(33.82, abs=1e-9)
    assert size.min() == pytest.approx(smallest, rel=2e-3)
    assert t[size.argmin()] / 30.4375 == pytest.approx(month, abs=1.0)


def test_ribba_with_a_driver_is_ribba_with_its_virtual_concentration():
    """A concentration in place of the virtual one: the same tumor where both decline alike."""
    virtual = ribba()
    parts = [
        pk.compartments(1, V1="1 L"),
        pk.linear_elimination(CL="8.3 L/month"),
        ribba(gamma_kill="2.1082 L/mg/month", KDE=None, driver="Cp", driver_unit="mg/L"),
    ]
    t, dose = [0.0, 0.2, 1.0, 10.0], kg.Dose("1 mg")  # 0.254*8.3 = 2.1082
    found = solve(parts, t, "tumor", unit="month", dosing=dose)
    expected = solve([virtual], t, "tumor", unit="month", dosing=dose)
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_ribba_without_treatment_and_balance_of_tissue():
    """Without dose the two pools follow a two-state model; treatment loses what it kills."""
    early = solve([ribba()], [0.0, 1e-3], "tumor", unit="month", rtol=1e-12)
    slope = 0.143 * 1.72 * (1 - 33.82 / 100)
    assert (early[1] - early[0]) / 1e-3 == pytest.approx(slope, rel=1e-3)
    lost = Rate("lost", "kill_rate*P + dQp*Q_P")
    grown = Rate("grown", "lambda_P*P*(1 - tumor/capacity)")
    books = [Species("lost", "mm", initial="0"), Species("grown", "mm", initial="0"), lost, grown]
    total = Output("balance", "tumor + lost - grown", unit="mm")
    found = solve(
        [ribba(), *books, total], [0.0, 2.0, 20.0], "balance", unit="month", dosing=kg.Dose("1 mg")
    )
    np.testing.assert_allclose(found, 33.82, rtol=1e-9)


# --- Simeoni and Koch -----------------------------------------------------------------------------


def simeoni(concentration=0.0, w0=0.055, **options):
    """Return the tumor of the paclitaxel experiment at a constant concentration in ng/mL."""
    block = pd.simeoni(
        "C",
        w0=f"{w0} g",
        lambda0="0.273 1/d",
        lambda1="0.814 g/d",
        k1="0.968 1/d",
        k2="6.29e-4 1/(ng/mL)/d",
        **options,
    )
    return [block, Parameter("C", f"{concentration} ng/mL")]


def test_simeoni_control_growth():
    """Control weights of the paclitaxel experiment, computed with other solvers."""
    found = solve(simeoni(), [8.0, 13.0, 20.0, 28.0], "tumor")
    np.testing.assert_allclose(found, [0.4885, 1.9128, 7.3434, 13.8554], rtol=1e-4)


def test_simeoni_early_and_late_slopes():
    t = np.array([0.0, 5.0])
    early = solve(simeoni(), t, "tumor")
    assert np.log(early[1] / early[0]) / 5 == pytest.approx(0.273, rel=1e-8)
    late = solve(simeoni(), [30.0, 40.0], "tumor")
    assert (late[1] - late[0]) / 10 == pytest.approx(0.814, rel=1e-8)


def test_simeoni_thresholds():
    parts = simeoni()
    outputs = [
        Output("weight", "w_threshold", unit="g"),
        Output("concentration", "C_threshold", unit="ng/mL"),
    ]
    result = kg.simulate(Model("s", *parts, *outputs), None, times=([0.0], "d"), until="1 d")
    assert result["weight"].values[0, 0] == pytest.approx(2.982, abs=5e-4)
    assert result["concentration"].values[0, 0] == pytest.approx(434.0, abs=0.05)


@pytest.mark.parametrize(("ratio", "sign"), [(0.99, 1), (1.0, 0), (1.01, -1)])
def test_simeoni_cells_stand_still_at_the_threshold_concentration(ratio, sign):
    """Cycling cells keep their number at C = lambda0/k2; the dying ones fill up to
    3*lambda0/k1 of it and the tumor then stands still."""
    parts = simeoni(ratio * 0.273 / 6.29e-4, w0=0.01)
    cells = solve([*parts, Output("cycling", "cycling", unit="g")], [0.0, 40.0], "cycling")
    assert np.log(cells[1] / cells[0]) / 40 == pytest.approx(sign * 0.00273, rel=1e-5, abs=1e-9)
    if sign == 0:
        tumor = solve(parts, [30.0, 40.0], "tumor")
        np.testing.assert_allclose(tumor, 0.01 * (1 + 3 * 0.273 / 0.968), rtol=1e-6)


def test_simeoni_treated_tumor():
    """30 mg/kg on days 8, 12 and 16; weights computed with other solvers."""
    found = solve(
        kg.library.model("paclitaxel_simeoni_2004"),
        [10.0, 13.0, 16.0, 20.0, 24.0, 28.0],
        "tumor",
        dosing=kg.Dose("30 mg/kg", time="8 d", interval="4 d", additional=2),
        rtol=1e-8,
    )
    np.testing.assert_allclose(found, [0.5095, 0.5531, 0.5545, 0.5404, 1.3511, 3.8523], rtol=2e-4)


def test_simeoni_from_parts_is_simeoni_whole():
    """Growth and kill as blocks of their own give the same tumor."""
    parts = [
        Parameter("C", "300 ng/mL"),
        pd.linear_effect("C", driver_unit="ng/mL", unit="1/d", slope="6.29e-4 1/(ng/mL)/d"),
        pd.growth(
            "linear-exponential",
            unit="g",
            size="tumor_size",
            start="0.055 g",
            kg="0.273 1/d",
            kg_linear="0.814 g/d",
        ),
        pd.cell_kill("effect", unit="g", kclear="0.968 1/d"),
    ]
    t = [0.0, 5.0, 20.0, 40.0, 60.0]
    np.testing.assert_allclose(
        solve(parts, t, "tumor_size"), solve(simeoni(300.0), t, "tumor"), rtol=1e-8
    )


def test_koch_undisturbed_growth():
    """w + (lambda1/(2 lambda0)) ln w grows by lambda1 t (the integral of the law)."""
    block = pd.koch(
        "C",
        number=0,
        w0="0.01 cm^3",
        lambda0="0.07 1/d",
        lambda1="0.09 cm^3/d",
        k2="0.1 L/mg/d",
    )
    t = np.array([0.0, 1.0, 30.0, 120.0])
    w = solve([block, Parameter("C", "0 mg/L")], t, "tumor")
    np.testing.assert_allclose(w - 0.01 + 0.09 / 0.14 * np.log(w / 0.01), 0.09 * t, atol=1e-8)


def test_koch_kill_and_threshold():
    """A small tumor dies or lives at C = 2 lambda0/k2, and dying cells take room."""
    for number, clear in ((0, {}), (3, {"k1": "1 1/d"})):
        block = pd.koch(
            "C",
            number=number,
            w0="1e-6 cm^3",
            lambda0="0.07 1/d",
            lambda1="0.09 cm^3/d",
            k2="0.1 L/mg/d",
            **clear,
        )
        parts = [block, Output("threshold", "C_threshold", unit="mg/L")]
        threshold = solve([*parts, Parameter("C", "1 mg/L")], [0.0, 1.0], "threshold")[0]
        assert threshold == pytest.approx(1.4)
        t = [20.0, 30.0]
        for c in (0.4, 2.4) if number == 0 else (2.4,):
            w = solve(
                [*parts, Parameter("C", f"{c} mg/L")], t, "tumor", rtol=1e-10, atol="1e-20 cm^3"
            )
            net = np.log(w[1] / w[0]) / 10
            if number == 0:
                assert net == pytest.approx(0.14 - 0.1 * c, rel=1e-4)
            else:
                assert net < 0


def test_koch_with_dying_cells_against_another_solver():
    """The growth of cycling cells is 2 l0 l1 x^2/((l1 + 2 l0 x) w) with dying cells in w."""
    l0, l1, k1, kill = 0.15, 0.3, 0.6, 0.25

    def slope(_, x):
        w = x.sum()
        growth = 2 * l0 * l1 * x[0] ** 2 / ((l1 + 2 * l0 * x[0]) * w)
        flow = [kill * x[0], k1 * x[1], k1 * x[2], k1 * x[3]]
        return [growth - flow[0], *(flow[i] - flow[i + 1] for i in range(3))]

    t = np.array([0.0, 2.0, 10.0, 40.0])
    options = {"t_eval": t, "rtol": 1e-11, "atol": 1e-14, "method": "LSODA"}
    expected = solve_ivp(slope, (0, 40), [0.5, 0, 0, 0], **options).y.sum(axis=0)
    block = pd.koch(
        kill="0.25[1/d]",
        w0="0.5 cm^3",
        lambda0=f"{l0} 1/d",
        lambda1=f"{l1} cm^3/d",
        k1=f"{k1} 1/d",
    )
    np.testing.assert_allclose(solve([block], t, "tumor"), expected, rtol=1e-7)


# --- growth laws ----------------------------------------------------------------------------------


def _bertalanffy(t, kg_=0.2, capacity=4.0, start=0.5):
    return capacity * (1 - (1 - (start / capacity) ** (1 / 3)) * np.exp(-kg_ * t / 3)) ** 3


@pytest.mark.parametrize(
    ("law", "closed"),
    [
        ("exponential", lambda t: 0.5 * np.exp(0.2 * t)),
        ("gompertz", lambda t: 4 * np.exp(np.log(0.5 / 4) * np.exp(-0.2 * t))),
        ("logistic", lambda t: 4 / (1 + (4 / 0.5 - 1) * np.exp(-0.2 * t))),
        ("bertalanffy", _bertalanffy),
    ],
)
def test_growth_laws(law, closed):
    options = {} if law == "exponential" else {"capacity": "4 cm^3"}
    block = pd.growth(law, start="0.5 cm^3", kg="0.2 1/d", **options)
    t = np.array([0.0, 1.0, 7.0, 30.0])
    np.testing.assert_allclose(solve([block], t, "tumor"), closed(t), rtol=1e-8)


# --- cell cycle ---------------------------------------------------------------------------------

CYCLE = {"G1": "10 h", "S": "8 h", "G2M": "4 h"}
STAGES = {"G1": 3, "S": 2}


def _euler_lotka(rate, kill=0.0):
    """Return 2 times the transform of the times in the phases, minus 1."""
    phases = ((10, 3, 0.0), (8, 2, kill), (4, 1, 0.0))
    return 2 * np.prod([(1 + (rate + k) * t / n) ** -n for t, n, k in phases]) - 1


@pytest.mark.parametrize("kill", [0.0, 0.05, 0.3])
def test_cell_cycle_ends_in_balanced_growth(kill):
    """The growth rate solves the Euler-Lotka equation, with kill in the S phase too."""
    block = pd.cell_cycle(CYCLE, stages=STAGES, kill={"S": f"{kill}[1/h]"}, start="1 cells")
    t = [250.0, 300.0]
    cells = solve([block], t, "cells", unit="h", rtol=1e-11, atol="1e-30 cells")
    expected = brentq(lambda rate: _euler_lotka(rate, kill), -0.2, 0.2, xtol=1e-15)
    assert np.log(cells[1] / cells[0]) / 50 == pytest.approx(expected, rel=1e-6)


def test_arrested_cells_neither_divide_nor_vanish():
    """Full arrest in G2M keeps all cells and gathers them there."""
    block = pd.cell_cycle(CYCLE, stages=STAGES, arrest={"G2M": "0"}, start="7 cells")
    parts = [block, Output("late", "G2M", unit="cells")]
    t = [0.0, 10.0, 400.0]
    np.testing.assert_allclose(solve(parts, t, "cells", unit="h"), 7.0, rtol=1e-10)
    np.testing.assert_allclose(solve(parts, t, "late", unit="h")[[0, 2]], [28 / 22, 7], rtol=1e-8)


# --- radiation ------------------------------------------------------------------------------------

ALPHA, BETA, MU = 0.3, 0.03, 0.46
LQ = {"alpha": f"{ALPHA} 1/Gy", "beta": f"{BETA} 1/Gy^2", "mu": f"{MU} 1/h"}


def lea_catcheside(duration, mu=MU):
    """Return G of a constant dose rate (Lea & Catcheside 1942)."""
    x = mu * duration
    return 2 / x**2 * (np.expm1(-x) + x)


def test_acute_dose():
    """2 Gy at once: exp(-0.3*2 - 0.03*4) = 0.4868."""
    found = solve([pd.radiation(**LQ)], [1e-6, 100.0], "survival", unit="h", dosing=kg.Dose("2 Gy"))
    np.testing.assert_allclose(found, 0.4868, atol=5e-5)
    np.testing.assert_allclose(found, np.exp(-0.72), rtol=1e-9)


@pytest.mark.parametrize(("duration", "expected"), [(0.1, 0.9675), (1.0, 0.7358), (5.0, 0.3205)])
@pytest.mark.parametrize("given", ["fractions", "rate"])
def test_protracted_dose_follows_lea_and_catcheside(given, duration, expected):
    """G at mu T = 0.1, 1, 5."""
    hours = duration / MU
    assert lea_catcheside(hours) == pytest.approx(expected, abs=5e-5)
    dose = 10.0
    after = [hours, hours + 1.0, hours + 50.0]
    if given == "fractions":
        parts = [pd.radiation(**LQ)]
        dosing = kg.Dose(f"{dose} Gy", duration=f"{hours} h")
    else:
        parts = [
            pd.radiation("rate", dose_rate="R", **LQ),
            Rule("R", f"if(t < {hours}[h], {dose / hours}[Gy/h], 0[Gy/h])"),
        ]
        dosing = None
        after = after[:1]
    found = solve(parts, after, "log_survival", unit="h", dosing=dosing)
    np.testing.assert_allclose(
        found, -ALPHA * dose - BETA * lea_catcheside(hours) * dose**2, rtol=1e-7
    )


def test_incomplete_repair_between_fractions():
    """n fractions of d at an interval: G D^2 = n d^2 + 2 d^2 sum over pairs of exp(-mu distance)
    (Dale 1985; Fowler 1989)."""
    n, d, interval = 5, 3.0, 6.0
    found = solve(
        [pd.radiation(**LQ)],
        [interval * (n - 1) + 1e-6],
        "log_survival",
        unit="h",
        dosing=kg.Dose(f"{d} Gy", interval=f"{interval} h", additional=n - 1),
    )
    gaps = np.arange(1, n)
    pairs = np.sum((n - gaps) * np.exp(-MU * gaps * interval))
    assert found[0] == pytest.approx(-ALPHA * n * d - BETA * d**2 * (n + 2 * pairs), rel=1e-8)


def test_decaying_source():
    """A decaying source has G = k/(k + mu) in the end (Dale 1985), and its rate of kill adds up
    to the log of survival."""
    k, dose = 0.05, 20.0
    parts = [
        pd.radiation("decaying", kdecay=f"{k} 1/h", **LQ),
        pd.growth(start="1 cm^3", kg="0 1/d"),
        pd.cell_kill("radiation_kill", 0),
    ]
    t = [0.0, 10.0, 1000.0]
    log_survival = solve(parts, t, "log_survival", unit="h", dosing=kg.Dose(f"{dose} Gy"))
    end = -ALPHA * dose - BETA * dose**2 * k / (k + MU)
    assert log_survival[-1] == pytest.approx(end, rel=1e-8)
    cells = solve(parts, t, "tumor", unit="h", dosing=kg.Dose(f"{dose} Gy"), atol="1e-12 cm^3")
    np.testing.assert_allclose(np.log(cells), log_survival, rtol=1e-6, atol=1e-9)


def test_quadratic_term_of_any_dose_rate():
    """The state form agrees with the double integral for a rate that rises and falls."""
    parts = [pd.radiation("rate", dose_rate="2[Gy/h]*sin(t/1[h])^2", **LQ)]

    def rate(time):
        return 2 * np.sin(time) ** 2

    def unrepaired(time):
        return quad(lambda u: rate(u) * np.exp(-MU * (time - u)), 0, time)[0]

    end = 7.0
    dose = quad(rate, 0, end)[0]
    double = 2 * quad(lambda v: rate(v) * unrepaired(v), 0, end)[0]
    found = solve(parts, [end], "log_survival", unit="h")
    assert found[0] == pytest.approx(-ALPHA * dose - BETA * double, rel=1e-7)


def test_oxygen_scales_the_dose():
    """Without oxygen the same survival needs OER times the dose."""
    s = pd.oxygen_enhancement("p", OER=3.0, K_OER="3 mmHg")
    parts = [pd.radiation("decaying", kdecay="20 1/h", sensitivity="radiosensitivity", **LQ), s]
    found = {
        (p, dose): solve(
            [*parts, Parameter("p", f"{p} mmHg")],
            [200.0],
            "log_survival",
            unit="h",
            dosing=kg.Dose(f"{dose} Gy"),
        )[0]
        for p, dose in ((0, 6), (1e9, 2))
    }
    assert found[0, 6] == pytest.approx(found[1e9, 2], rel=1e-7)


def test_repopulation_and_bed():
    """30 x 2 Gy with full repair between: BED = D (1 + d/(alpha/beta)); survivors double every
    Td after Tk (Fowler 1989)."""
    block = pd.radiation(repopulation=True, Td="3 d", Tk="21 d", **{**LQ, "mu": "2 1/h"})
    parts, dosing = [block], kg.Dose("2 Gy", interval="1 d", additional=29)
    t = [10.5, 39.5]
    bed = solve(parts, t, "BED", dosing=dosing)
    assert bed[-1] == pytest.approx(60 * (1 + 2 * BETA / ALPHA), rel=1e-8)
    log_survival = solve(parts, t, "log_survival", dosing=dosing)
    regrown = np.array([0.0, np.log(2) * 18.5 / 3])
    np.testing.assert_allclose(log_survival, -ALPHA * bed + regrown, rtol=1e-9)


# --- indirect response ----------------------------------------------------------------------------


def response(kind, concentration=2.0):
    names = ("Imax", "IC50") if kind in ("I", "II") else ("Smax", "SC50")
    options = {names[0]: 0.8, names[1]: "3 mg/L"}
    return [
        pd.indirect_response(kind, "C", R0=50.0, kout="0.4 1/h", nH=1.5, **options),
        Parameter("C", f"{concentration} mg/L"),
    ]


FACTOR = 0.8 * 2**1.5 / (3**1.5 + 2**1.5)


@pytest.mark.parametrize(
    ("kind", "steady", "rate"),
    [
        ("I", 50 * (1 - FACTOR), 0.4),
        ("II", 50 / (1 - FACTOR), 0.4 * (1 - FACTOR)),
        ("III", 50 * (1 + FACTOR), 0.4),
        ("IV", 50 / (1 + FACTOR), 0.4 * (1 + FACTOR)),
    ],
)
def test_indirect_response(kind, steady, rate):
    t = np.array([0.0, 1.0, 4.0, 60.0])
    found = solve(response(kind), t, "response", unit="h")
    np.testing.assert_allclose(found, steady + (50 - steady) * np.exp(-rate * t), rtol=1e-8)
    still = solve(response(kind, 0.0), t, "response", unit="h")
    np.testing.assert_allclose(still, 50.0, rtol=1e-12)
    settled = solve(response(kind), [200.0], "response", unit="h")
    assert settled[0] == pytest.approx(steady, rel=1e-9)


def test_area_between_baseline_and_effect():
    """Kind I after an iv bolus with monoexponential decline and Imax = 1: the area is
    (R0/kel) ln(1 + C0/IC50) (Krzyzanski & Jusko 1998)."""
    parts = [
        pk.compartments(1, V1="1 L"),
        pk.linear_elimination(CL="0.5 L/h"),
        pd.indirect_response("I", R0=50.0, kout="0.4 1/h", Imax=1.0, IC50="3 mg/L"),
        Species("area", "h", initial="0"),
        Rate("area", "R0 - response"),
        Output("area", "area", unit="h"),
    ]
    found = solve(parts, [200.0], "area", unit="h", dosing=kg.Dose("60 mg"))
    assert found[0] == pytest.approx(50 / 0.5 * np.log(1 + 60 / 3), rel=1e-8)


def test_precursor_pool_gives_tolerance_and_rebound():
    """A lasting stimulus acts only until the pool has adjusted; what was released early is missing
    afterwards, so that the area against the baseline ends at 0."""
    parts = [
        pd.precursor_response("factor", R0=50.0, P0=200.0, kout="0.4 1/h"),
        Rule("factor", "if(t < 100[h], 1.5, 1)"),
    ]
    t = np.array([0.0, 5.0, 99.0, 105.0, 300.0])
    found = solve(parts, t, "response", unit="h")
    assert found[0] == pytest.approx(50.0, rel=1e-12)
    assert found[1] > 55
    np.testing.assert_allclose(found[[2, 4]], 50.0, rtol=1e-5)
    assert found[3] < 45
    still = solve([parts[0], Rule("factor", "1")], t, "response", unit="h")
    np.testing.assert_allclose(still, 50.0, rtol=1e-12)
    # The early slope is the extra release of the full pool: kp*P0*(factor - 1) = kout*R0/2.
    early = solve(parts, [1e-4], "response", unit="h", rtol=1e-12)[0]
    assert (early - 50) / 1e-4 == pytest.approx(0.4 * 50 * 0.5, rel=1e-3)


@pytest.mark.parametrize(
    ("options", "steady"),
    [
        ({}, 8.0),
        ({"degradation": "1 + 3*occupancy"}, 8 / 2.5),
        ({"synthesis": "1 + 3*occupancy"}, 8 * 2.5),
        ({"synthesis": "1 + occupancy", "degradation": "1 + 3*occupancy"}, 8 * 1.5 / 2.5),
    ],
)
def test_target_regulation(options, steady):
    block = pd.target_turnover(R0="8 nM", kdeg="0.1 1/h", **options)
    found = solve([block, Parameter("occupancy", 0.5)], [0.0, 300.0], "target", unit="h")
    np.testing.assert_allclose(found, [8.0, steady], rtol=1e-8)


# --- delays ---------------------------------------------------------------------------------------


def test_effect_compartment_lags_and_equals_at_rest():
    """C from k and ke0: Ce = C0 ke0/(ke0 - k) (exp(-k t) - exp(-ke0 t))."""
    parts = [
        pk.compartments(1, V1="1 L"),
        pk.linear_elimination(CL="0.5 L/h"),
        pd.effect_compartment(ke0="0.2 1/h"),
        Output("Ce", "Ce", unit="mg/L"),
    ]
    t = np.array([0.5, 3.0, 20.0])
    found = solve(parts, t, "Ce", unit="h", dosing=kg.Dose("10 mg"))
    closed = 10 * 0.2 / (0.2 - 0.5) * (np.exp(-0.5 * t) - np.exp(-0.2 * t))
    np.testing.assert_allclose(found, closed, rtol=1e-8)


@pytest.mark.parametrize("number", [1, 4, 7])
def test_transit_is_a_gamma_distribution(number):
    """The step response is the regularized gamma function; the integral is kept."""
    parts = [
        pd.transit("C", number, unit="mg/L", tau="3 h"),
        Parameter("C", "2 mg/L"),
        Output("out", "signal_delayed", unit="mg/L"),
    ]
    t = np.array([1.0, 6.0, 12.0, 30.0])
    found = solve(parts, t, "out", unit="h")
    np.testing.assert_allclose(found, 2 * gammainc(number, t / 3), rtol=1e-8)


def test_transit_keeps_the_integral_of_the_signal():
    parts = [
        pk.compartments(1, V1="1 L"),
        pk.linear_elimination(CL="0.5 L/h"),
        pd.transit("Cp", 5, unit="mg/L", tau="2 h"),
        Species("area", "mg*h/L", initial="0"),
        Rate("area", "signal_delayed"),
        Output("area", "area", unit="mg*h/L"),
    ]
    found = solve(parts, [200.0], "area", unit="h", dosing=kg.Dose("10 mg"))
    assert found[0] == pytest.approx(10 / 0.5, rel=1e-8)


@pytest.mark.parametrize("number", [1, 3, 6])
def test_dying_cells_are_conserved_until_cleared(number):
    """Living, dying and cleared cells add up; the mean stay of the dying is number/kclear."""
    parts = [
        pd.growth(start="1 cm^3", kg="0 1/d"),
        pd.cell_kill("0.3[1/d]", number, kclear="0.8 1/d"),
        Species("cleared", "cm^3", initial="0"),
        Rate("cleared", f"kclear*dying{number}_tumor"),
        Species("stay", "cm^3*d", initial="0"),
        Rate("stay", "tumor_size - tumor"),
        Output("sum", "tumor_size + cleared", unit="cm^3"),
        Output("stay", "stay", unit="cm^3*d"),
    ]
    t = [0.0, 1.0, 5.0, 150.0]
    np.testing.assert_allclose(solve(parts, t, "sum"), 1.0, rtol=1e-10)
    assert solve(parts, t, "stay")[-1] == pytest.approx(number / 0.8, rel=1e-8)


# --- adducts and blood ----------------------------------------------------------------------------

ADDUCTS = {
    "kin": "0.3 1/h",
    "kout": "0.5 1/h",
    "kinact": "0.1 1/h",
    "kform": "0.02 nmol/g/nM/h",
    "krep": "0.05 1/h",
}


def test_adducts_at_rest_and_repaired():
    parts = [pd.adducts("C", **ADDUCTS), Parameter("C", "10 nM")]
    end = 0.02 * 0.3 * 10 / (0.6 * 0.05)
    assert solve(parts, [500.0], "adducts_total", unit="h")[0] == pytest.approx(end, rel=1e-8)
    t = np.array([2.0, 20.0])
    cell, repair = 0.6, 0.05
    closed = (
        0.02
        * 0.3
        * 10
        / cell
        * (
            -np.expm1(-repair * t) / repair
            - (np.exp(-repair * t) - np.exp(-cell * t)) / (cell - repair)
        )
    )
    np.testing.assert_allclose(solve(parts, t, "adducts_total", unit="h"), closed, rtol=1e-8)


def test_crosslinks_at_rest():
    parts = [
        pd.adducts("C", crosslinks=True, kcross="0.03 1/h", krep_cross="0.01 1/h", **ADDUCTS),
        Parameter("C", "10 nM"),
    ]
    mono = 0.02 * 0.3 * 10 / (0.6 * 0.08)
    found = solve(parts, [3000.0], "adducts_total", unit="h")
    assert found[0] == pytest.approx(mono * (1 + 0.03 / 0.01), rel=1e-8)


def test_myelosuppression_at_rest_under_constant_effect_and_after():
    """Without drug everything stays at Circ0; a constant effect E settles where
    (Circ0/C)^gamma = 1/(1 - E)."""
    block = pd.myelosuppression("E", Circ0="5.05 1e9/L", MTT="89.3 h", gamma_fb=0.163)
    rest = solve([block, Parameter("E", 0.0)], [0.0, 500.0], "circulating", unit="h")
    np.testing.assert_allclose(rest, 5.05, rtol=1e-10)
    held = solve([block, Parameter("E", 0.1)], [10000.0], "circulating", unit="h")
    assert held[0] == pytest.approx(5.05 * 0.9 ** (1 / 0.163), rel=1e-6)


def test_myelosuppression_delay_is_the_time_of_maturation():
    """Once proliferation has stopped each of the five equal pools empties through blood, where a
    cell stays for 1/ktr = MTT/4."""
    block = pd.myelosuppression("E", Circ0="5 1e9/L", MTT="80 h", gamma_fb=0.2)
    parts = [
        block,
        Parameter("E", 1.0),
        Species("area", "h*1e9/L", initial="0"),
        Rate("area", "circulating"),
        Output("area", "area", unit="h*1e9/L"),
    ]
    assert solve(parts, [3000.0], "area", unit="h")[0] == pytest.approx(5 * 5 * 80 / 4, rel=1e-6)
