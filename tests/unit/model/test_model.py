"""Models: composition by name, reaction semantics, what they hold and warn about.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import pickle

import pytest
from krogh.errors import SpecError
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
    parse,
)

K = Parameter("k", "0.1 1/h")
A = Species("A", "mg")


def one() -> Model:
    return Model("one", K, A, Rate("A", "-k*A"))


def test_a_model_sorts_its_components():
    m = Model(
        "all",
        K,
        Covariate("WT", "70 kg"),
        Variability(("a", "b"), [0.1, 0.2]),
        Compartment("c", "1[L]"),
        A,
        Rate("A", "-r*A"),
        Reaction("A ->", rate="k*A"),
        Rule("r", "k"),
        Output("A", unit="mg"),
        Event("e", "A > 1[mg]", {"A": "0"}),
        DoseInput("A"),
        Table("f", [0, 1], [0, 1], x_unit="h", y_unit="h"),
    )
    assert list(m.parameters) == ["k"]
    assert list(m.covariates) == ["WT"]
    assert list(m.random_effects) == ["a", "b"]
    assert list(m.compartments) == ["c"]
    assert list(m.species) == ["A"]
    assert list(m.rules) == ["r"]
    assert list(m.outputs) == ["A"]
    assert list(m.events) == ["e"]
    assert list(m.dose_inputs) == ["A"]
    assert list(m.tables) == ["f"]
    assert len(m.rates) == len(m.reactions) == len(m.variabilities) == 1
    assert len(m.components) == 12
    with pytest.raises(TypeError):
        m.parameters["x"] = K


def test_without_outputs_every_species_is_reported():
    assert {n: o.unit for n, o in one().outputs.items()} == {"A": "mg"}


def test_parts_may_be_lists_and_models():
    assert Model("one", [K, (A,)], [Rate("A", "-k*A")]) == one()
    assert Model("one", one()) == one()


# --- sums -----------------------------------------------------------------------------------------


def test_rates_add_up_and_identical_components_merge():
    both = one() + Model("two", K, A, Rate("A", "-2*k*A"))
    assert both.derivative("A") == parse("-k*A - 2*k*A")
    assert list(both.parameters) == ["k"]
    assert both.name == "one"


def test_named_rates_merge_and_conflict_like_other_components():
    named = Model("n", K, A, Rate("A", "-k*A", name="loss"))
    assert (named + named).derivative("A") == parse("-k*A")
    with pytest.raises(SpecError, match=r"KG-115.*rate 'loss' of 'A'"):
        named + Rate("A", "-2*k*A", name="loss")


def test_components_and_lists_are_added():
    m = one() + Output("o", "2*A", unit="mg") + [Parameter("x", 1), Parameter("y", 2)]
    assert list(m.outputs) == ["o"]
    assert list(m.parameters) == ["k", "x", "y"]
    assert list((Parameter("x", 1) + one()).parameters) == ["x", "k"]
    with pytest.raises(TypeError):
        one() + 5


def test_models_are_not_changed_by_composition():
    m = one()
    before = m.content
    m + Parameter("x", 1)
    m.replace(Parameter("k", "1 1/h"))
    m.with_values(k=3)
    assert m.content == before


def test_notes_are_joined():
    a = Model("a", K, note="first")
    b = Model("b", A, note="second")
    assert (a + b).note == "first\nsecond"
    assert (a + a).note == "first"


def test_partial_blocks_wait_for_what_they_use():
    loss = Model("loss", Rate("A", "-k*A"), partial=True)
    assert loss.is_partial
    assert "d(A)/dt: -k*A" in str(loss)
    more = [K]
    assert (loss + more).is_partial
    whole = Model("m", K, A) + loss
    assert not whole.is_partial
    assert whole.derivative("A") == parse("-k*A")
    with pytest.raises(SpecError, match="KG-103"):
        Model("m", A) + loss
    with pytest.raises(SpecError, match="KG-103"):
        loss.analysis  # noqa: B018


def test_blocks_that_lack_nothing_print_as_a_whole():
    loss = Model("loss", Rate("A", "-k*A"), partial=True)
    blocks = loss + Model("rest", K, A, partial=True)
    assert not loss.is_complete
    assert "(partial)" in str(loss)
    assert "Equations" not in loss._repr_html_()
    assert blocks.is_complete
    assert "(partial)" not in str(blocks)
    assert "d(A)/dt = -k*A" in str(blocks)
    assert "Equations" in blocks._repr_html_()


def test_a_sum_of_blocks_that_is_wrong_says_what_is_wrong():
    wrong = Model("wrong", K, A, Rate("A", "-k*k*A"), partial=True)
    first = str(wrong).splitlines()[0]
    assert first.startswith("Model 'wrong' (partial: KG-121: rate of 'A'")


# --- changes --------------------------------------------------------------------------------------


def test_replace_takes_the_place():
    m = Model("m", Parameter("x", 1), K, A, Rate("A", "-k*A", name="loss"))
    changed = m.replace(Parameter("x", 2), Rate("A", "-3*k*A", name="loss"))
    assert list(changed.parameters) == ["x", "k"]
    assert changed.parameters["x"].value.value == 2
    assert changed.derivative("A") == parse("-3*k*A")


def test_without_removes_a_species_with_its_rates_and_doses():
    m = one() + Model("b", Species("B", "mg"), Rate("B", "k*A"), DoseInput("B"), partial=True)
    assert m.without("B") == one()


def test_rename_reaches_every_expression():
    m = Model(
        "m",
        K,
        Parameter("V", "2 L"),
        Variability("eta", 0.1),
        Compartment("c", "V"),
        Species("C", "nM", compartment="c", initial="2*D"),
        Species("D", "nM", compartment="c", initial="5[nM]", molar_mass="148 kDa"),
        Table("f", [0, 1], [1, 1], x_unit="h", y_unit=""),
        Rule("r", "k*exp(eta)*f(t)"),
        Reaction("C -> 2 D", rate="r*C"),
        Rate("D", "-k*D"),
        Output("o", "C/(C + D)", unit="%"),
        Event("e", "C > 5[nM]", {"D": "D/2"}),
        DoseInput("C", bioavailability="exp(-eta)", lag="1/k"),
        DoseInput("D", input_function="dose*k*exp(-k*tad)"),
    )
    other = m.rename({"k": "K", "eta": "ETA", "C": "drug", "c": "plasma", "f": "g"})
    assert other.rules["r"].expression == parse("K*exp(ETA)*g(t)")
    assert other.reactions[0].equation == "drug -> 2 D"
    assert other.species["drug"].compartment == "plasma"
    assert other.species["drug"].initial == parse("2*D")
    assert other.outputs["o"].expression == parse("drug/(drug + D)")
    assert other.events["e"].when == parse("drug > 5[nM]")
    assert other.dose_inputs["drug"].lag == parse("1/K")
    assert list(other.random_effects) == ["ETA"]
    back = other.rename({"K": "k", "ETA": "eta", "drug": "C", "plasma": "c", "g": "f"})
    assert back == m
    prefixed = m.prefix("x.", keep=["k"])
    assert set(prefixed.species) == {"x.C", "x.D"}
    assert list(prefixed.parameters) == ["k", "x.V"]
    assert prefixed.dose_inputs["x.D"].input_function == parse("dose*k*exp(-k*tad)")
    assert prefixed.rename({"x.V": "V"}, prefix="y.").parameters.keys() == {"V", "y.k"}


def test_two_copies_of_a_block_live_side_by_side():
    m = Model("two drugs", one().prefix("a_", keep=["k"]), one().prefix("b_", keep=["k"]))
    assert list(m.species) == ["a_A", "b_A"]
    assert list(m.parameters) == ["k"]


def test_with_values_keeps_the_unit_and_the_rest():
    m = one().with_values(k="4.8 1/d")
    assert m.parameters["k"].value.value == pytest.approx(0.2)
    assert m.parameters["k"].unit == "1/h"
    assert one().with_values({"k": 0.3}).parameters["k"].value.value == 0.3


# --- reactions ------------------------------------------------------------------------------------

PLACES = (
    Parameter("V1", "3 L"),
    Parameter("V2", "1 L"),
    Compartment("c1", "V1"),
    Compartment("c2", "V2"),
    Species("C1", "nM", compartment="c1"),
    Species("C2", "nM", compartment="c2"),
    Species("D1", "nM", compartment="c1"),
    Species("N", "nmol"),
)


def test_an_amount_rate_is_divided_by_each_volume():
    m = Model("m", *PLACES, Parameter("Q", "2 L/h"), Reaction("C1 -> C2", rate="Q*C1"))
    assert m.derivative("C1") == parse("-Q*C1/V1")
    assert m.derivative("C2") == parse("Q*C1/V2")


def test_an_amount_species_takes_the_amount_rate_as_it_is():
    m = Model("m", *PLACES, K, Reaction("N -> 2 C1", rate="k*N"))
    assert m.derivative("N") == parse("-k*N")
    assert m.derivative("C1") == parse("2*(k*N)/V1")


def test_a_concentration_rate_applies_directly_in_one_compartment():
    m = Model("m", *PLACES, K, Reaction("C1 <-> D1", "k*C1", "2*k*D1"))
    assert m.derivative("C1") == parse("-k*C1 + 2*k*D1")
    assert m.derivative("D1") == parse("k*C1 - 2*k*D1")


def test_a_catalyst_is_not_changed():
    m = Model("m", *PLACES, K, Reaction("C1 + D1 -> D1", rate="k*C1"))
    assert m.derivative("D1") == parse("0")


def test_species_without_compartment_react_among_themselves():
    m = Model("m", K, Species("X", ""), Species("Y", ""), Reaction("X -> Y", rate="k*X"))
    assert m.derivative("Y") == parse("k*X")


@pytest.mark.parametrize(
    ("reactions", "expected"),
    [
        (["C1 <-> D1"], ["C1 + D1"]),
        (["C1 <-> C2"], ["V1*C1 + V2*C2"]),
        (["N <-> 2 C1"], ["V1*C1 + 2*N"]),
        (["C1 + D1 <-> C2"], ["V1*C1 + V2*C2", "-C1 + D1"]),
        (["C1 ->"], []),
    ],
)
def test_conserved_quantities(reactions, expected):
    laws = {"C1 <-> D1": "1[nM/h]"}
    built = [
        Reaction(r, laws.get(r, "1[nmol/h]"), laws.get(r, "1[nmol/h]") if "<->" in r else None)
        for r in reactions
    ]
    used = {n for r in built for n in r.net}
    kept = [p for p in PLACES if not isinstance(p, Species) or p.name in used]
    found = Model("m", *kept, *built).conserved()
    assert [str(f) for f in found] == [str(parse(e)) for e in expected]


# --- names ----------------------------------------------------------------------------------------


def test_a_compartment_may_share_the_name_of_a_species():
    m = Model(
        "m", Parameter("V", "1 L"), Compartment("A", "V"), Species("A", "nM", compartment="A")
    )
    assert m.species["A"].compartment == "A"


def test_rules_may_come_in_any_order_and_use_outputs():
    m = Model("m", K, A, Rule("c", "2*b"), Rule("b", "o + k*A"), Output("o", "k*A", unit="mg/h"))
    assert m.analysis.rule_order == ("o", "b", "c")


def test_long_chains_of_rules_are_fine():
    rules = [Rule(f"r{i}", f"r{i + 1} + 1") for i in range(2000)]
    m = Model("m", A, *rules, Rule("r2000", "1"))
    assert m.analysis.rule_order[0] == "r2000"
    assert m.compile().evaluate("r0") == 2001


def test_initial_values_may_use_other_initial_values():
    m = Model(
        "m",
        Species("A", "nM", initial="3*B"),
        Species("B", "nM", initial="b + 1[nM]"),
        Parameter("b", "2 nM"),
    )
    assert m.analysis.starts["A"] == parse("3*(b + 1[nM])")


def test_what_does_not_change_in_time_is_known():
    m = Model(
        "m",
        K,
        A,
        Covariate("WT", "70 kg"),
        Variability("eta", 0.1),
        Table("f", [0, 1], [0, 1], x_unit="h", y_unit=""),
        Rule("i", "k*WT/70[kg]*exp(eta)"),
        Rule("j", "2*i"),
        Rule("m", "j*A"),
        Rule("n", "f(t)"),
    )
    assert {"i", "j"} <= m.analysis.constant_names
    assert not {"m", "n", "A", "t"} & m.analysis.constant_names


# --- equality, pickling ---------------------------------------------------------------------------


def test_equal_models_hash_alike_and_survive_pickling():
    assert one() == one()
    assert hash(one()) == hash(one())
    assert one() != one().with_values(k=1)
    assert one() != one().with_name("two")
    assert pickle.loads(pickle.dumps(one())) == one()


def test_repr_is_short():
    assert repr(one()) == "<Model 'one': 1 species, 1 parameters, 1 outputs>"


# --- warnings -------------------------------------------------------------------------------------


def test_check_finds_nothing_in_a_plain_model():
    assert one().check() == ()


def test_check_names_what_is_forgotten():
    m = Model(
        "m",
        K,
        Parameter("x", 1),
        Parameter("y", 1, verified=False),
        Covariate("WT", "70 kg"),
        Variability("eta", 0.1),
        Compartment("c", "1[L]"),
        Table("f", [0, 1], [0, 1], x_unit="h", y_unit=""),
        Rule("r", "2*y"),
        A,
        Species("B", "mg"),
        Species("D", "mg", initial="2*E"),
        Species("E", "mg"),
        Species("F", "mg"),
        Species("G", "mg"),
        Rate("A", "-k*A"),
        Rate("B", "k*A"),
        Rate("D", "k*E*exp(-E/1[mg])/(1 + E/1[mg])"),
        Rate("E", "k*sqrt(D*E)"),
        Rate("F", "if(A > 1[mg], k*B, 0)"),
        DoseInput("A"),
    )
    found = "\n".join(m.check())
    for part in (
        "parameter 'x' is not used",
        "covariate 'WT' is not used",
        "random effect 'eta' is not used",
        "rule 'r' is not used",
        "table 'f' is not used",
        "compartment 'c' holds no species",
        "species 'G' never changes",
        "species 'E' stays at zero",
        "parameter 'y' is not verified",
    ):
        assert part in found
    assert "'F' stays" not in found
    assert "'B'" not in found
