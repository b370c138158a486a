"""Dimension analysis: what is accepted, and messages that show both sides.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from fractions import Fraction

import pytest
from krogh.errors import SpecError, UnitError
from krogh.model import Model, Output, Parameter, Rate, Rule, Species, Table, parse
from krogh.model.dimensions import Scope, constant_value, dimension_of
from krogh.units import DIMENSIONLESS, dimension

UNITS = {
    "C": "nM",
    "S": "nM",
    "A": "mg",
    "V": "L",
    "k": "1/h",
    "kon": "1/(nM h)",
    "n": "",
    "t": "s",
    "rho": "mg/mL",
    "MW": "kDa",
    "phi": "rad",
    "pi": "",
}
SCOPE = Scope(
    lambda name: dimension(UNITS[name]), UNITS.get, {"input": (dimension("h"), dimension("mg/h"))}
)


def dim(text: str):
    return dimension_of(parse(text), SCOPE, "test")


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("kon*C*S", "nM/h"),
        ("k*C - kon*C*S", "nM/s"),
        ("A/V", "mg/L"),
        ("A/(V*MW)", "nM"),
        ("sqrt(C*S)", "uM"),
        ("C^0.5", "nM^0.5"),
        ("C^(1/3)", "nM^(1/3)"),
        ("C^-2", "1/nM^2"),
        ("C^(2*(1 + 1) - 1/2)", "nM^3.5"),
        ("(C/1[nM])^n", ""),
        ("2^n", ""),
        ("exp(-k*t)", ""),
        ("log(C/5[nM])", ""),
        ("sin(phi)", ""),
        ("sin(2*pi*t/24[h])", ""),
        ("if(C > S and t < 2[h], A, 3[ug])", "mg"),
        ("max(C, 0)", "nM"),
        ("max(0, C, 5[pM])", "nM"),
        ("C + 0", "nM"),
        ("if(C > 0, k, 0)", "1/d"),
        ("abs(C - S)", "nM"),
        ("hill(C, 3[nM], n)", ""),
        ("michaelis_menten(C, 2[nM/h], S)", "nM/h"),
        ("input(t)", "mg/d"),
        ("-C", "nM"),
        ("not C > S or n >= 2", ""),
        ("expit(n) + logit(n/2) + gamma(n) + lgamma(1 + n)", ""),
        ("5[%] * A", "mg"),
        ("t/1[d]", ""),
    ],
)
def test_consistent_expressions(text, unit):
    assert dim(text) == dimension(unit)


@pytest.mark.parametrize(
    "text", ["0", "0*C", "0/C", "-0", "0 + 0", "min(0, 0)", "sqrt(0)", "abs(0)"]
)
def test_a_bare_zero_fits_everywhere(text):
    assert dim(text) is None


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "kon*C*S - k*A",
            ["two sides of '-'", "kon*C*S", "amount / time length^3", "k*A", "mass rate"],
        ),
        ("C + A", ["C:  amount / length^3", "A:  mass", "C in nM", "A in mg"]),
        ("C + rho", ["one side counts mass", "molar mass"]),
        ("C + 5", ["5:  dimensionless", "in brackets: 5[nM]"]),
        ("C - -5", ["in brackets: 5[nM]"]),
        ("C > 5", ["two sides of '>'", "5[nM]"]),
        ("max(C, A)", ["two sides of max"]),
        ("max(0, C, A)", ["two sides of max", "C:", "A:"]),
        ("if(C > S, C, A)", ["two sides of if(...)"]),
        ("exp(C)", ["exp needs a dimensionless argument", "C/1[nM]"]),
        ("log10(A/V)", ["log10 needs", "A in mg, V in L"]),
        ("gamma(t)", ["gamma needs"]),
        ("2^C", ["an exponent needs a dimensionless argument"]),
        ("C^n", ["power that is no plain number", "(C/1[nM])^n"]),
        ("C^(n/n)", ["plain number"]),
        ("hill(C, A, n)", ["hill(x, k, n)", "C:", "A:"]),
        ("hill(C, S, C)", ["exponent of hill"]),
        ("michaelis_menten(C, k*C, A)", ["michaelis_menten(x, vmax, km)"]),
        ("input(C)", ["the table 'input' takes time", "C in nM"]),
        ("sin(C)", ["sin needs"]),
    ],
)
def test_inconsistent_expressions_show_both_sides(text, parts):
    with pytest.raises((UnitError, SpecError)) as caught:
        dim(text)
    message = str(caught.value)
    for part in parts:
        assert part.lower() in message.lower(), message


def test_division_by_a_bare_zero_is_an_error():
    with pytest.raises(SpecError, match=r"KG-105: test: 'C/0' divides by zero"):
        dim("C/0")


def test_constant_exponents_are_exact():
    assert constant_value(parse("0.1 + 0.2")) == Fraction(3, 10)
    assert constant_value(parse("1/3")) == Fraction(1, 3)
    assert constant_value(parse("2*(3 - 5)")) == -4
    assert constant_value(parse("n")) is None
    assert constant_value(parse("2[h]")) is None
    assert constant_value(parse("exp(1)")) is None
    assert constant_value(parse("1/0")) is None


def test_fractional_powers_cancel_exactly():
    assert dim("C^0.1*C^0.2*C^0.7/S") == DIMENSIONLESS


def base(*more):
    return Model("m", Parameter("k", "0.2 1/h"), Species("C", "nM"), *more)


def test_a_law_of_the_wrong_dimension_shows_law_and_derivative():
    with pytest.raises(UnitError) as caught:
        base(Rate("C", "k"))
    message = str(caught.value)
    assert message.startswith("KG-121: rate of 'C': the dimensions of the two sides differ.")
    assert "k:  1 / time (rate constant)   (k in 1/h)" in message
    assert "d(C)/dt with C in nM:  amount / time length^3" in message


def test_amounts_and_concentrations_are_told_to_use_the_volume():
    with pytest.raises(UnitError, match="Divide by the volume"):
        base(Parameter("V", "3 L"), Rate("C", "-k*C*V"))
    with pytest.raises(UnitError, match="Multiply by the volume"):
        Model("m", Species("A", "nmol"), Parameter("k", "1 nM/h"), Rate("A", "k"))


def test_rules_and_outputs_check_their_unit():
    with pytest.raises(UnitError, match="rule 'r'"):
        base(Rule("r", "k*C", unit="mg/h"))
    with pytest.raises(UnitError, match=r"output 'o'(.|\n)*molar mass"):
        base(Output("o", "C", unit="mg/L"))
    assert base(Rule("r", "k*C")).analysis.dimensions["r"] == dimension("nM/h")
    assert base(Rule("r", "0", unit="mg")).analysis.dimensions["r"] == dimension("mg")


def test_tables_check_argument_and_value():
    table = Table("f", [0, 1], [2, 3], x_unit="h", y_unit="nM/h")
    assert base(table, Rate("C", "f(t)")).derivative("C") == parse("f(t)")
    with pytest.raises(UnitError, match="the table 'f' takes time"):
        base(table, Rate("C", "f(C)"))
