"""A corpus of wrong models: each gives its code and says what is wrong before anything runs.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from krogh.errors import InvalidInput
from krogh.model import (
    Compartment,
    Covariate,
    DoseInput,
    Event,
    Model,
    Output,
    Parameter,
    Rate,
    Reaction,
    Rule,
    Species,
    Table,
    Variability,
)

BASE = (
    Parameter("CL", "0.2 L/d", lower="0 L/d"),
    Parameter("V1", "3 L"),
    Parameter("kon", "0.1 1/(nM h)"),
    Parameter("koff", "0.01 1/h"),
    Covariate("WT", "70 kg"),
    Variability("eta", 0.09),
    Compartment("central", "V1"),
    Species("C", "nM", compartment="central"),
    Species("R", "nM", initial="10[nM]", compartment="central"),
    Species("B", "nM", compartment="central"),
    Species("A", "mg"),
    Rule("ke", "CL*(WT/70[kg])^0.75*exp(eta)/V1"),
    Table("profile", [0, 24], [1, 2], x_unit="h", y_unit="mg/h"),
)


def model(*more: Any, drop: tuple[str, ...] = (), **options: Any) -> Model:
    kept = [c for c in BASE if getattr(c, "name", "") not in drop]
    return Model("test", *kept, *more, **options)


Case = tuple[str, Callable[[], Any], str, str]

CASES: list[Case] = [
    ("time by another name", lambda: model(Rate("A", "A/TIME")), "KG-103", "Write 't'"),
    ("natural logarithm", lambda: model(Rule("x", "ln(WT/70[kg])")), "KG-107", "Write 'log(x)'"),
    ("power as a function", lambda: Rule("x", "pow(a, 2)"), "KG-107", "Write 'a^b'"),
    ("huge value", lambda: Parameter("x", 10**400), "KG-108", "must be finite"),
    ("huge value inside", lambda: Parameter("x", "1e300 mol"), "KG-108", "double precision"),
    ("huge number", lambda: Rule("x", 10**400), "KG-105", "is no expression"),
    (
        "huge number inside",
        lambda: model(Rule("x", "1e300[mol]"), Output("o", "x", unit="mol")).compile(),
        "KG-108",
        "the number 1e+300[mol]",
    ),
    ("huge variance", lambda: Variability("e", 10**400), "KG-101", "valid number"),
    ("doses of nothing", lambda: model().compile(doses={"Q": 3}), "KG-103", "no species 'Q'"),
    (
        "effect of two variabilities",
        lambda: model(Variability(("eta", "b"), [0.1, 0.1])),
        "KG-104",
        "state correlated effects together",
    ),
    # --- names
    ("unknown symbol", lambda: model(Rate("C", "-koff*CC")), "KG-103", "'CC' is unknown"),
    ("did you mean", lambda: model(Rate("C", "-kof*C")), "KG-103", "Did you mean 'koff'"),
    ("unknown name is marked", lambda: model(Rate("C", "-kof*C")), "KG-103", "  -kof*C\n   ^^^"),
    ("names know their case", lambda: model(Rate("C", "-KOFF*C")), "KG-103", "Did you mean 'koff'"),
    ("unknown species of a rate", lambda: model(Rate("D", "koff*C")), "KG-103", "no species 'D'"),
    (
        "rate of a parameter",
        lambda: model(Rate("CL", "koff*C")),
        "KG-103",
        "is a parameter, not a spec",
    ),
    ("rate of a rule", lambda: model(Rate("ke", "koff*C")), "KG-103", "is a rule, not a species"),
    (
        "unknown reactant",
        lambda: model(Reaction("C + X -> B", rate="kon*C*R")),
        "KG-103",
        "species 'X'",
    ),
    ("unknown function", lambda: model(Rate("C", "-koff*exq(C)")), "KG-107", "Did you mean 'exp'"),
    ("species called", lambda: model(Rate("C", "-koff*C(R)")), "KG-107", "write * to multiply"),
    ("table as a symbol", lambda: model(Rate("A", "profile")), "KG-103", "profile(t)"),
    ("function as a symbol", lambda: model(Rate("A", "exp*A")), "KG-103", "needs arguments"),
    (
        "compartment as a symbol",
        lambda: model(Rate("C", "-CL/central*C")),
        "KG-103",
        "its volume is 'V1'",
    ),
    ("tad outside", lambda: model(Rate("A", "-A/tad")), "KG-103", "only in the input_function"),
    (
        "unknown compartment",
        lambda: model(Species("D", "nM", compartment="centrl")),
        "KG-103",
        "'central'",
    ),
    ("two meanings", lambda: model(Rule("CL", "1")), "KG-104", "a parameter and a rule"),
    (
        "effect and parameter",
        lambda: model(Parameter("eta", 1)),
        "KG-104",
        "a parameter and a random",
    ),
    (
        "output and species",
        lambda: model(Output("C", "2*C", unit="nM")),
        "KG-104",
        "species and an output",
    ),
    ("table and rule", lambda: model(Rule("profile", "1")), "KG-104", "a rule and a table"),
    (
        "table and function",
        lambda: model(Table("exp", [0, 1], [0, 1], x_unit="h", y_unit="h")),
        "KG-104",
        "hide",
    ),
    ("reserved name", lambda: Parameter("t", "1 h"), "KG-104", "belongs to the language"),
    ("reserved pi", lambda: Species("pi", "nM"), "KG-104", "belongs to the language"),
    ("name with a blank", lambda: Parameter("my CL", "1 L"), "KG-104", "letters, digits"),
    ("name with a digit first", lambda: Rule("2x", "1"), "KG-104", "starts with a letter"),
    ("empty name", lambda: Species("", "nM"), "KG-104", "cannot be a name"),
    ("long name", lambda: Species("x" * 101, "nM"), "KG-104", "at most 100"),
    ("Greek letter", lambda: Species("\u03b1", "nM"), "KG-104", "letters, digits"),
    ("name is no text", lambda: Species(5, "nM"), "KG-101", "valid string; found 5"),
    ("model without a name", lambda: Model(Parameter("a", 1)), "KG-101", "needs a name"),
    ("no component", lambda: Model("m", "CL"), "KG-101", "not of str 'CL'"),
    ("a class, not a component", lambda: Model("m", Parameter), "KG-101", "made of components"),
    # --- conflicts
    (
        "conflict",
        lambda: model() + Parameter("CL", "0.3 L/d"),
        "KG-115",
        "value: 0.2 L/d / 0.3 L/d",
    ),
    ("conflict in one call", lambda: model(Parameter("CL", "0.3 L/d")), "KG-115", "replace(...)"),
    (
        "two dose inputs",
        lambda: model(DoseInput("C"), DoseInput("C", lag="1[h]")),
        "KG-115",
        "dose input of 'C'",
    ),
    (
        "replace what is not there",
        lambda: model().replace(Parameter("CLx", 1)),
        "KG-103",
        "Did you mean 'CL'",
    ),
    (
        "replace another kind",
        lambda: model().replace(Rule("CL", "1")),
        "KG-103",
        "no rule 'CL' to replace",
    ),
    ("replace an unnamed rate", lambda: model().replace(Rate("C", "0")), "KG-103", "has no name"),
    ("without what is used", lambda: model().without("V1"), "KG-103", "'V1' is unknown"),
    ("without what is unknown", lambda: model().without("koffe"), "KG-103", "Did you mean 'koff'"),
    (
        "rename into a collision",
        lambda: model().rename({"kon": "koff"}),
        "KG-115",
        "two definitions of parameter 'koff'",
    ),
    ("rename to no name", lambda: model().rename({"kon": "k on"}), "KG-104", "cannot be a name"),
    (
        "rename what is unknown",
        lambda: model().rename({"kOn": "k"}),
        "KG-103",
        "Did you mean 'kon'",
    ),
    ("unknown value", lambda: model().with_values(cl="1 L/d"), "KG-103", "Did you mean 'CL'"),
    (
        "value out of bounds",
        lambda: model().with_values(CL="-1 L/d"),
        "KG-108",
        "outside 0 L/d .. inf",
    ),
    (
        "value of another dimension",
        lambda: model().with_values(CL="1 L"),
        "KG-121",
        "parameter 'CL'",
    ),
    # --- dimensions
    ("rate", lambda: model(Rate("C", "-CL*C")), "KG-121", "Divide by the volume"),
    ("rate without time", lambda: model(Rate("C", "-C")), "KG-121", "d(C)/dt with C in nM"),
    ("terms differ", lambda: model(Rate("C", "koff*B - kon*C")), "KG-121", "two sides of '-'"),
    ("number without unit", lambda: model(Rate("C", "koff*(C - 5)")), "KG-121", "5[nM]"),
    ("mass and moles", lambda: model(Rate("A", "koff*C*V1")), "KG-121", "molar mass"),
    ("exponential", lambda: model(Rule("x", "exp(C)")), "KG-121", "exp needs a dimensionless"),
    ("exponent", lambda: model(Rule("x", "C^eta")), "KG-121", "no plain number"),
    ("rule unit", lambda: model(Rule("x", "C/V1", unit="nM")), "KG-121", "x in nM"),
    ("output unit", lambda: model(Output("o", "C", unit="mg/L")), "KG-121", "molar mass"),
    (
        "initial value",
        lambda: model(Species("D", "nM", initial="5[mg/L]")),
        "KG-121",
        "initial value of 'D'",
    ),
    ("bare initial value", lambda: model(Species("D", "nM", initial="5")), "KG-121", "5[nM]"),
    ("volume", lambda: model(Compartment("x", "CL")), "KG-121", "a volume"),
    ("lag", lambda: model(DoseInput("C", lag="2")), "KG-121", "lag of dose input of 'C'"),
    (
        "bioavailability",
        lambda: model(DoseInput("C", bioavailability="V1")),
        "KG-121",
        "a fraction",
    ),
    ("duration", lambda: model(DoseInput("C", duration="CL")), "KG-121", "a time"),
    ("infusion rate", lambda: model(DoseInput("C", rate="koff")), "KG-121", "dose per time"),
    (
        "input function",
        lambda: model(DoseInput("A", input_function="dose")),
        "KG-121",
        "dose per time",
    ),
    ("event", lambda: model(Event("e", "C > 5", {"C": "0"})), "KG-121", "5[nM]"),
    (
        "event value",
        lambda: model(Event("e", "C > 5[nM]", {"C": "1"})),
        "KG-121",
        "new value of 'C'",
    ),
    (
        "molar mass",
        lambda: model(Species("D", "nM", molar_mass="148 kg")),
        "KG-121",
        "a molar mass",
    ),
    (
        "reaction",
        lambda: model(Reaction("C -> B", rate="koff")),
        "KG-121",
        "the law does not fit 'C'",
    ),
    (
        "reaction of amount and mass",
        lambda: model(Reaction("C -> A", rate="koff*C*V1")),
        "KG-121",
        "molar mass",
    ),
    ("unknown unit", lambda: Species("D", "nMol"), "KG-120", "Did you mean 'nmol'"),
    ("unknown unit in a law", lambda: Rate("C", "5[nMol/h]"), "KG-120", "in the expression"),
    ("value is no number", lambda: Parameter("x", "fast"), "KG-124", "has no number"),
    ("unit is a number", lambda: Species("D", 5), "KG-124", "a unit must be text"),
    # --- structure
    ("law is true or false", lambda: Rate("C", "C > R"), "KG-106", "Rate 'C', law"),
    (
        "start is true or false",
        lambda: Species("D", "", initial="C > R"),
        "KG-106",
        "true or false",
    ),
    ("circular rules", lambda: model(Rule("a", "b"), Rule("b", "2*a")), "KG-110", "a -> b -> a"),
    ("rule of itself", lambda: model(Rule("a", "a + 1")), "KG-110", "a -> a"),
    (
        "circular starts",
        lambda: model(Species("D", "nM", initial="E"), Species("E", "nM", initial="D")),
        "KG-110",
        "initial values",
    ),
    ("start uses time", lambda: model(Species("D", "h", initial="t")), "KG-111", "it uses time"),
    (
        "start uses a moving rule",
        lambda: model(Rule("x", "2*t"), Species("D", "h", initial="x")),
        "KG-111",
        "rule 'x'",
    ),
    (
        "start from a steady state",
        lambda: model(Species("D", "nM", initial="steady"), Species("E", "nM", initial="D")),
        "KG-111",
        "steady state",
    ),
    ("moving volume", lambda: model(Compartment("x", "V1*(1 + A/1[mg])")), "KG-111", "species 'A'"),
    ("moving lag", lambda: model(DoseInput("C", lag="t")), "KG-111", "lag of dose input"),
    (
        "equality of states",
        lambda: model(Rule("x", "if(C == R, 1, 0)")),
        "KG-111",
        "changes in time",
    ),
    (
        "event that cannot happen",
        lambda: model(Event("e", "WT > 80[kg]", {"C": "0"})),
        "KG-111",
        "does not change",
    ),
    (
        "event by equality",
        lambda: model(Event("e", "WT == 80[kg] and C > R", {"C": "0"})),
        "KG-106",
        "cross zero",
    ),
    (
        "event of a parameter",
        lambda: model(Event("e", "C > R", {"CL": "0"})),
        "KG-103",
        "not a species",
    ),
    (
        "two compartments",
        lambda: model(
            Compartment("p", "2*V1"),
            Species("P", "nM", compartment="p"),
            Reaction("C -> P", rate="koff*C"),
        ),
        "KG-112",
        "amount per time",
    ),
    (
        "amount without a compartment",
        lambda: model(Species("D", "nM"), Reaction("-> D", rate="koff*C*V1")),
        "KG-121",
        "State the compartment",
    ),
    (
        "dose is a parameter",
        lambda: model(Parameter("dose", "1 mg"), DoseInput("A", input_function="dose*koff")),
        "KG-104",
        "the dose's own",
    ),
    ("no species", lambda: Model("m", Parameter("a", 1)).compile(), "KG-112", "no species"),
    (
        "block alone",
        lambda: Model("m", Rate("C", "-k*C"), partial=True).compile(),
        "KG-103",
        "partial block",
    ),
    # --- packing and doses
    ("packed unknown", lambda: model().compile().pack({"Cl": 1.0}), "KG-103", "Did you mean 'CL'"),
    (
        "packed nan",
        lambda: model().compile().pack({"CL": float("nan")}),
        "KG-108",
        "'CL' is not finite",
    ),
    (
        "packed nan of one",
        lambda: model().compile().pack({"CL": [1.0, float("nan")]}),
        "KG-108",
        "of subject 1",
    ),
    (
        "packed out of bounds",
        lambda: model().compile().pack({"CL": [1.0, -2.0]}),
        "KG-108",
        "-2 L/d of subject 1",
    ),
    ("packed dimension", lambda: model().compile().pack({"CL": "1 L"}), "KG-121", "parameter 'CL'"),
    (
        "packed length",
        lambda: model().compile().pack({"CL": [1.0, 2.0]}, 3),
        "KG-108",
        "2 values for 3 subjects",
    ),
    (
        "packed lengths",
        lambda: model().compile().pack({"CL": [1.0, 2.0], "V1": [1.0] * 3}),
        "KG-108",
        "differ in length",
    ),
    ("packed shape", lambda: model().compile().pack({"CL": [[1.0]]}), "KG-108", "shape (1, 1)"),
    ("packed object", lambda: model().compile().pack({"CL": object()}), "KG-108", "needs numbers"),
    ("packed state", lambda: model().compile().pack({"C": 1.0}), "KG-103", "no parameter"),
    ("no value", lambda: model(Parameter("x", unit="h")).compile().pack(), "KG-109", "'x'"),
    (
        "dose in mg into moles",
        lambda: model().compile().dose_amount(0, 5.0, "mg"),
        "KG-122",
        "molar_mass=",
    ),
    (
        "dose in litres",
        lambda: model().compile().dose_amount(0, 5.0, "L"),
        "KG-121",
        "does not fit 'C'",
    ),
    ("compartment 0", lambda: model().compile().cmt(0), "KG-103", "compartment 0 does not exist"),
    ("compartment 9", lambda: model().compile().cmt("9"), "KG-103", "1 C, 2 R, 3 B, 4 A"),
    ("compartment name", lambda: model().compile().cmt("D"), "KG-103", "no species 'D'"),
    ("output name", lambda: model().compile().output_index("Q"), "KG-103", "no output 'Q'"),
    (
        "too many doses",
        lambda: model(DoseInput("A", input_function="koff*dose", stored=2)).compile(doses={"A": 3}),
        "KG-113",
        "stored=3",
    ),
    # --- documents
    ("no document", lambda: Model.from_document([]), "KG-114", "is an object"),
    ("other format", lambda: Model.from_document({"format": "sbml"}), "KG-114", "'sbml'"),
    (
        "newer version",
        lambda: Model.from_document({"format": "krogh-model", "version": 2, "name": "m"}),
        "KG-114",
        "newer krogh",
    ),
    (
        "no version",
        lambda: Model.from_document({"format": "krogh-model", "name": "m"}),
        "KG-114",
        "version None",
    ),
    (
        "section",
        lambda: Model.from_document(
            {"format": "krogh-model", "version": 1, "name": "m", "rate": []}
        ),
        "KG-103",
        "'rates'",
    ),
    (
        "section is no list",
        lambda: Model.from_document(
            {"format": "krogh-model", "version": 1, "name": "m", "rates": {}}
        ),
        "KG-114",
        "must be a list",
    ),
    (
        "path of an item",
        lambda: Model.from_document(
            {
                "format": "krogh-model",
                "version": 1,
                "name": "m",
                "rates": [{"species": "C", "lw": "1"}],
            }
        ),
        "KG-103",
        "rates[0]: Rate 'C' has no field 'lw'",
    ),
    (
        "item is no object",
        lambda: Model.from_document(
            {"format": "krogh-model", "version": 1, "name": "m", "rules": [5]}
        ),
        "KG-114",
        "rules[0]",
    ),
    (
        "name is missing",
        lambda: Model.from_document({"format": "krogh-model", "version": 1}),
        "KG-114",
        "'name'",
    ),
]


@pytest.mark.parametrize(
    ("build", "code", "part"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_wrong_input_is_named(build, code, part):
    with pytest.raises(InvalidInput) as caught:
        build()
    message = str(caught.value)
    assert caught.value.code == code, message
    assert message.startswith(f"{code}: "), message
    assert part in message, message
    assert "pydantic" not in message
    assert "[type=" not in message


def test_the_base_of_the_corpus_is_right():
    assert model().compile().state_names == ("C", "R", "B", "A")


def test_the_corpus_is_large():
    assert len(CASES) >= 100
    assert len({name for name, *_ in CASES}) == len(CASES)
