"""Blocks of level 4: what they define, refuse, compose with and cite.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import inspect
import subprocess
import sys

import krogh as kg
import numpy as np
import pytest
from krogh.citations import all_citations, model_keys
from krogh.errors import SpecError, UnitError
from krogh.model import Model, Output, Parameter, Rule, Species, parse
from krogh.model import effect as pd
from krogh.model import systemic as pk

DRIVER = Parameter("C", "2 mg/L")


def value(model, expression, unit, *parts):
    """Return an expression of a model without time."""
    still = Species("still", "", initial="0")
    probe = Model("probe", model, *parts, still, Output("probe", expression, unit=unit))
    result = kg.simulate(probe, None, times=([0.0], "h"), until="1 h", metrics=False)
    return float(result["probe"].values[0, 0])


BLOCKS = {
    "emax": pd.emax("C", Emax=1.0, EC50="3 mg/L"),
    "linear_effect": pd.linear_effect("C", slope="0.2 L/mg"),
    "power_effect": pd.power_effect("C", reference="1 mg/L", amplitude=2.0, exponent=0.5),
    "effect_compartment": pd.effect_compartment("C", ke0="0.5 1/h"),
    "transit": pd.transit("C", unit="mg/L", tau="2 h"),
    "indirect_response": pd.indirect_response(
        "I", "C", R0=10.0, kout="0.1 1/h", Imax=0.9, IC50="1 mg/L"
    ),
    "precursor_response": pd.precursor_response("1 + C/1[mg/L]", R0=10.0, P0=40.0, kout="0.1 1/h"),
    "target_turnover": pd.target_turnover(
        R0="5 nM", kdeg="0.2 1/h", degradation="1 + C/1[mg/L]", synthesis="1 + C/4[mg/L]"
    ),
    "scaled_parameter": pd.scaled_parameter("CL", "1 + C/1[mg/L]", unit="L/h", at_rest="2 L/h"),
    "relative_to_start": pd.relative_to_start(
        "C", unit="mg/L", exponent=parse("2/3"), at_start="1 mg/L"
    ),
    "adducts": pd.adducts(
        "C",
        driver_unit="mg/L",
        kin="1 1/h",
        kout="2 1/h",
        kinact="0.5 1/h",
        kform="0.1 nmol/g/(mg/L)/h",
        krep="0.05 1/h",
    ),
    "radiation": pd.radiation(alpha="0.3 1/Gy", beta="0.03 1/Gy^2", mu="0.5 1/h"),
    "oxygen_enhancement": pd.oxygen_enhancement("5[mmHg]", OER=3.0, K_OER="3 mmHg"),
    "oxygen_limits": pd.oxygen_limits(
        "5[mmHg]", p_growth="5 mmHg", kd_hypoxic="0.4 1/d", p_death="1 mmHg"
    ),
    "growth": pd.growth("exponential", start="1 cm^3", kg="0.1 1/d"),
    "cell_kill": pd.growth(start="1 cm^3", kg="0.1 1/d")
    + pd.cell_kill("0.2[1/d]", kclear="0.5 1/d"),
    "cell_shell": pd.cell_shell(
        "0.2[1/d]",
        kclear="0.5 1/d",
        grows=True,
        kg="0.1 1/d",
        quiescence="0.3[1/d]",
        awakening="0.4[1/d]",
        necrosis="0.05[1/d]",
        knecrotic="0.02 1/d",
    ),
    "vessels": pd.vessels("0.4", formation="0.1 1/d", regression="0.3 1/d", pruning="0.1[1/d]"),
    "cell_cycle": pd.cell_cycle(
        {"G1": "10 h", "S": "8 h", "G2M": "4 h"}, kill={"S": "0.1[1/h]"}, start="1 cells"
    ),
    "simeoni": pd.simeoni(
        "C",
        driver_unit="mg/L",
        w0="0.1 g",
        lambda0="0.3 1/d",
        lambda1="0.8 g/d",
        k1="1 1/d",
        k2="0.1 L/mg/d",
    ),
    "koch": pd.koch(
        "C",
        w0="0.1 cm^3",
        lambda0="0.1 1/d",
        lambda1="0.1 cm^3/d",
        k1="1 1/d",
        k2="0.1 L/mg/d",
    ),
    "claret": pd.claret(
        "C",
        exposure_unit="mg/L",
        size0="70 mm",
        KL="0.02 1/week",
        KD="0.1 L/mg/week",
        lambda_r="0.05 1/week",
    ),
    "stein": pd.stein(size0="70 mm", g="0.003 1/d", d="0.02 1/d"),
    "ribba": pd.ribba(
        P0="7 mm",
        Q0="41 mm",
        capacity="100 mm",
        lambda_P="0.12 1/month",
        kPQ="0.03 1/month",
        kQpP="0.003 1/month",
        dQp="0.009 1/month",
        gamma_kill="0.7 1/mg",
        KDE="0.24 1/month",
    ),
    "myelosuppression": pd.myelosuppression(
        "0.1*C/1[mg/L]", Circ0="5 1e9/L", MTT="90 h", gamma_fb=0.17
    ),
}


def test_every_block_is_in_the_table():
    assert set(BLOCKS) == set(pd.__all__)


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_are_partial_models_that_complete_compile_print_and_survive_saving(name):
    block = BLOCKS[name]
    assert block.is_partial
    model = Model("whole", DRIVER, block)
    assert not model.is_partial
    if model.species:
        assert model.compile().state_names
    assert model.to_latex()
    assert Model.from_document(model.to_document()).content == model.content


@pytest.mark.parametrize("name", BLOCKS)
def test_what_a_block_cites_is_known(name):
    assert set(model_keys(BLOCKS[name])) <= set(all_citations())


@pytest.mark.parametrize("name", sorted(set(pd.__all__) - {"relative_to_start"}))
def test_a_label_stands_behind_every_name(name):
    function = getattr(pd, name)
    required = {
        "transit": ("S",),
        "precursor_response": ("S",),
        "indirect_response": ("III",),
        "scaled_parameter": ("CL", "S"),
        "cell_kill": ("S",),
        "cell_shell": ("S",),
        "claret": ("S",),
        "cell_cycle": ({"G1": None, "S": None},),
        "myelosuppression": ("S",),
    }
    options = {"unit": "L/h"} if name == "scaled_parameter" else {}
    model = function(*required.get(name, ()), label="x", **options)
    names = [*model.species, *model.rules, *model.outputs, *model.parameters]
    assert names
    assert all(n.endswith("_x") for n in names)


def test_blocks_load_lazily():
    code = "import sys, krogh.model; assert 'krogh.model.effect' not in sys.modules; \
import krogh; assert krogh.model.effect.emax and 'krogh.model.effect' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_docstring_names_its_parameters():
    for name in pd.__all__:
        function = getattr(pd, name)
        text = inspect.getdoc(function) or ""
        for parameter in inspect.signature(function).parameters:
            assert parameter in text.split("Parameters\n", 1)[1], (name, parameter)


# --- direct effects -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 4.0 * 2**1.5 / (3**1.5 + 2**1.5)),
        ({"E0": "1 1/d"}, 1 + 4.0 * 2**1.5 / (3**1.5 + 2**1.5)),
        ({"E0": "9 1/d", "direction": "inhibition"}, 9 - 4.0 * 2**1.5 / (3**1.5 + 2**1.5)),
        ({"direction": "inhibition"}, -4.0 * 2**1.5 / (3**1.5 + 2**1.5)),
        ({"nH": 1.0}, 4.0 * 2 / 5),
    ],
)
def test_sigmoid_emax(options, expected):
    options = {"unit": "1/d", "Emax": "4 1/d", "EC50": "3 mg/L", "nH": 1.5} | options
    block = pd.emax("C", **options)
    assert value(block, "effect", "1/d", DRIVER) == pytest.approx(expected, rel=1e-14)


def test_emax_as_a_fraction_of_an_expression():
    up = pd.emax("3*C", form="fraction", Emax=0.5, EC50="3 mg/L", label="up")
    down = pd.emax(
        "3*C", form="fraction", direction="inhibition", Emax=0.5, EC50="3 mg/L", label="down"
    )
    assert value(up, "effect_up", "", DRIVER) == pytest.approx(1 + 0.5 * 6 / 9)
    assert value(down, "effect_down", "", DRIVER) == pytest.approx(1 - 0.5 * 6 / 9)
    with pytest.raises(SpecError, match=r"KG-112: 'E0'.*fraction"):
        pd.emax("C", form="fraction", E0=1.0)


def test_linear_and_power_effects():
    linear = pd.linear_effect("C", effect="gain", unit="1/d", E0="1 1/d", slope="-0.2 1/d/(mg/L)")
    assert value(linear, "gain", "1/d", DRIVER) == pytest.approx(0.6)
    power = pd.power_effect("C", reference="8 mg/L", amplitude=-3.0, exponent=0.5)
    assert value(power, "effect", "", DRIVER) == pytest.approx(-1.5)


def test_oxygen_laws():
    oer = BLOCKS["oxygen_enhancement"]
    assert value(oer, "radiosensitivity", "") == pytest.approx((3 * 5 + 3) / (3 * 8))
    anoxic = pd.oxygen_enhancement("0[mmHg]", OER=3.0, K_OER="3 mmHg")
    assert value(anoxic, "radiosensitivity", "") == pytest.approx(1 / 3)
    limits = BLOCKS["oxygen_limits"]
    assert value(limits, "oxygen_growth", "") == pytest.approx(0.5)
    assert value(limits, "hypoxic_death", "1/d") == pytest.approx(0.4 * (1 - 5 / 6))
    none = pd.oxygen_limits("0[mmHg]", p_growth="5 mmHg", kd_hypoxic="0.4 1/d", p_death="1 mmHg")
    assert value(none, "oxygen_growth", "") == 0.0
    assert value(none, "hypoxic_death", "1/d") == pytest.approx(0.4)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: pd.emax(direction="up"), "KG-108"),
        (lambda: pd.emax(EC50="3 mg"), "KG-121"),
        (lambda: pd.emax(EC50=3.0), "KG-12[14]"),
        (lambda: pd.indirect_response("V"), "KG-108"),
        (lambda: pd.indirect_response("I", Smax=1.0), "KG-112: 'Smax'"),
        (lambda: pd.indirect_response("IV", IC50="1 mg/L"), "KG-112: 'IC50'"),
        (lambda: pd.transit("S", 0), "KG-108"),
        (lambda: pd.transit("S", 2.0), "KG-108"),
        (lambda: pd.transit("S", True), "KG-108"),
        (lambda: pd.adducts(kcross="1 1/h"), "KG-112: 'kcross'"),
        (lambda: pd.growth("linear"), "KG-108"),
        (lambda: pd.growth("exponential", capacity="3 cm^3"), "KG-112: 'capacity'"),
        (lambda: pd.growth("gompertz", psi=20.0), "KG-112: 'psi'"),
        (lambda: pd.cell_kill("S", -1), "KG-108"),
        (lambda: pd.cell_kill("S", 0, kclear="1 1/d"), "KG-112: 'kclear'"),
        (lambda: pd.cell_cycle({}), "KG-101"),
        (lambda: pd.cell_cycle({"mitosis": None}, kill={"mitoses": "k"}), "KG-103.*'mitosis'"),
        (lambda: pd.cell_cycle({"G1": None}, stages={"G1": 0}), "KG-108"),
        (lambda: pd.radiation("pulse"), "KG-108"),
        (lambda: pd.radiation("rate"), "KG-101"),
        (lambda: pd.radiation(dose_rate="R"), "KG-112: 'dose_rate'"),
        (lambda: pd.radiation(sensitivity="s"), "KG-112: 'sensitivity'"),
        (lambda: pd.radiation("rate", dose_rate="R", kdecay="1 1/h"), "KG-112: 'kdecay'"),
        (lambda: pd.radiation(Td="3 d"), "KG-112: 'Td'"),
        (lambda: pd.simeoni(kill="k", k2="1 L/mg/d"), "KG-112: 'k2'"),
        (lambda: pd.simeoni(number=0), "KG-108"),
        (lambda: pd.koch(number=0, k1="1 1/d"), "KG-112: 'k1'"),
        (lambda: pd.stein(phi=0.5), "KG-112: 'phi'"),
        (lambda: pd.ribba("Cp"), "KG-101"),
        (lambda: pd.ribba("Cp", driver_unit="mg/L", KDE="1 1/d"), "KG-112: 'KDE'"),
        (lambda: pd.scaled_parameter("CL", unit="L/h"), "KG-101"),
        (lambda: pd.myelosuppression("E", MTT="5 mg"), "KG-121"),
    ],
)
def test_wrong_options_are_named(call, code):
    with pytest.raises((SpecError, UnitError), match=code):
        call()


def test_a_driver_of_the_wrong_unit_is_refused():
    with pytest.raises(UnitError):
        Model("wrong", Parameter("C", "2 nM"), BLOCKS["effect_compartment"])


# --- composition ----------------------------------------------------------------------------------


def test_the_example_of_the_package_runs():
    code = pd.__doc__.split("::", 1)[1]
    space: dict[str, object] = {}
    exec(inspect.cleandoc(code), space)
    model = space["model"]
    result = kg.simulate(model, kg.Regimen("1 mg iv every 1 d x 10"), until="20 d")
    assert result["tumor_size"].values[0, -1] > 0


def test_feedback_on_clearance_and_receptors():
    """The hook takes the place of a parameter of a systemic block."""
    model = Model(
        "feedback",
        pk.compartments(1, V1="1 L"),
        pk.linear_elimination(),
        pd.growth(start="8 cm^3", kg="0.5 1/d"),
        pd.relative_to_start("tumor", unit="cm^3", exponent=parse("1/3")),
        pd.scaled_parameter("CL", "relative_tumor", unit="L/d", at_rest="0.2 L/d"),
    )
    times = np.array([0.0, 2.0, 6.0])
    cp = kg.simulate(model, kg.Regimen("10 mg iv"), times=(times, "d"), rtol=1e-10)["Cp"].values[0]
    integral = (np.exp(times * 0.5 / 3) - 1) / (0.5 / 3)
    np.testing.assert_allclose(cp, 10 * np.exp(-0.2 * integral), rtol=1e-8)


def test_doses_of_radiation_stand_in_sentences_beside_drugs():
    model = Model(
        "both",
        BLOCKS["radiation"],
        pk.compartments(1, V1="1 L", drug=""),
        pk.linear_elimination(CL="1 L/d"),
    )
    regimen = kg.Regimen("radiation 2 Gy every 1 d x 3 + 100 mg iv")
    assert kg.Regimen(str(regimen)).doses == regimen.doses
    result = kg.simulate(model, regimen, until="4 d", times=([4.0], "d"))
    assert result["Cp"].values[0, 0] == pytest.approx(100 * np.exp(-4), rel=1e-5)
    assert result["log_survival"].values[0, 0] == pytest.approx(-3 * 0.72, rel=1e-4)


def test_growth_factor_and_kill_add_up():
    model = Model(
        "hypoxic",
        BLOCKS["oxygen_limits"],
        pd.growth(factor="oxygen_growth", start="1 cm^3", kg="0.6 1/d"),
        pd.cell_kill("hypoxic_death", 0),
        Rule("net", "0.5*0.6[1/d] - 0.4[1/d]/6"),
        Output("net", "net", unit="1/d"),
    )
    result = kg.simulate(model, None, times=([0.0, 3.0], "d"), rtol=1e-10)
    grown = np.log(result["tumor_size"].values[0, 1])
    assert grown == pytest.approx(3 * result["net"].values[0, 0], rel=1e-8)
