"""Compartments, absorption and elimination against closed forms.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.errors import SpecError, UnitError
from krogh.model import Model, Parameter, parse
from krogh.model import systemic as pk
from scipy.linalg import expm
from scipy.special import gammainc, lambertw

TIMES = np.array([0.0, 0.25, 1.0, 3.0, 8.0, 24.0, 72.0])


def test_one_compartment_bolus_is_an_exponential(solve):
    model = Model("m", pk.compartments(V1="20 L"), pk.linear_elimination(CL="2 L/h"))
    found = solve(model, [(0, "central", 100, "mg", 0)], TIMES)
    np.testing.assert_allclose(found["Cp"], 5 * np.exp(-0.1 * TIMES), rtol=1e-12)


def test_three_compartments_follow_the_matrix_exponential(solve):
    v1, v2, v3, q2, q3, cl = 10.0, 20.0, 50.0, 5.0, 1.0, 3.0
    model = Model(
        "m",
        pk.compartments(3, V1="10 L", Q="5 L/h", V2="20 L", Q3="1 L/h", V3="50 L"),
        pk.linear_elimination(CL="3 L/h"),
    )
    matrix = np.array(
        [
            [-(cl + q2 + q3) / v1, q2 / v2, q3 / v3],
            [q2 / v1, -q2 / v2, 0],
            [q3 / v1, 0, -q3 / v3],
        ]
    )
    exact = np.array([expm(matrix * t) @ [100.0, 0, 0] for t in TIMES])
    found = solve(model, [(0, "central", 100, "mg", 0)], TIMES)
    for i, name in enumerate(("central", "peripheral", "peripheral2")):
        np.testing.assert_allclose(found[name], exact[:, i], rtol=1e-10, atol=1e-12)


def test_micro_constants_equal_clearances(solve):
    clear = Model(
        "c",
        pk.compartments(2, V1="10 L", Q="5 L/h", V2="20 L"),
        pk.linear_elimination(CL="3 L/h"),
    )
    micro = Model(
        "m",
        pk.compartments(2, form="micro", V1="10 L", k12="0.5 1/h", k21="0.25 1/h"),
        pk.linear_elimination(form="micro", kel="0.3 1/h"),
    )
    dose = [(0, "central", 100, "mg", 2)]
    np.testing.assert_allclose(
        solve(clear, dose, TIMES)["Cp"], solve(micro, dose, TIMES)["Cp"], rtol=1e-12
    )


def test_michaelis_menten_follows_the_lambert_function(solve):
    """Beal 1982: C = Km W(C0/Km exp((C0 - Vmax t/V)/Km))."""
    model = Model(
        "m",
        pk.compartments(V1="10 L"),
        pk.saturable_elimination(Vmax="20 mg/h", Km="3 mg/L"),
    )
    found = solve(model, [(0, "central", 300, "mg", 0)], TIMES, rtol=1e-11)
    x = 30.0 / 3.0 * np.exp((30.0 - 2.0 * TIMES) / 3.0)
    exact = 3.0 * lambertw(x).real
    np.testing.assert_allclose(found["Cp"], exact, rtol=1e-9, atol=1e-9)


def test_parallel_elimination_is_linear_far_above_and_below_km(solve):
    model = Model(
        "m",
        pk.compartments(V1="10 L"),
        pk.elimination("parallel", CL="1 L/h", Vmax="2 mg/h", Km="4 mg/L"),
    )
    low = solve(model, [(0, "central", 1e-6, "mg", 0)], [5.0])["Cp"][0]
    assert low == pytest.approx(1e-7 * np.exp(-(1 + 0.5) / 10 * 5), rel=1e-6)
    high = solve(model, [(0, "central", 1e7, "mg", 0)], [5.0])["Cp"][0]
    assert high == pytest.approx(1e6 * np.exp(-0.5), rel=1e-5)


def test_first_order_absorption_with_lag_and_bioavailability(solve):
    model = Model(
        "m",
        pk.first_order_absorption(KA="1.5 1/h", F1=0.7, ALAG1="0.5 h"),
        pk.compartments(V1="20 L"),
        pk.linear_elimination(CL="2 L/h"),
    )
    found = solve(model, [(0, "depot", 100, "mg", 0)], TIMES)["Cp"]
    t = np.maximum(TIMES - 0.5, 0)
    exact = 70 * 1.5 / 20 / (1.5 - 0.1) * (np.exp(-0.1 * t) - np.exp(-1.5 * t))
    np.testing.assert_allclose(found, exact, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("number", [0.0, 0.5, 3.7, 20.0])
def test_transit_chain_delivers_the_incomplete_gamma_function(solve, number):
    """Amount that has left the chain: P(NN + 1, ktr t); the depot keeps it for KA = 0."""
    model = Model(
        "m",
        pk.transit_absorption(MTT="2 h", NN=number, KA="0 1/h"),
        pk.compartments(V1="1 L"),
        pk.linear_elimination(CL="0 L/h"),
    )
    found = solve(model, [(0, "depot", 100, "mg", 0)], TIMES, rtol=1e-11)["depot"]
    exact = 100 * gammainc(number + 1, (number + 1) / 2 * TIMES)
    np.testing.assert_allclose(found, exact, atol=2e-7)


def test_transit_doses_add_up(solve):
    model = Model(
        "m",
        pk.transit_absorption(MTT="6 h", NN=4.2, KA="0.4 1/h", F1=0.8),
        pk.compartments(V1="10 L"),
        pk.linear_elimination(CL="1 L/h"),
    )
    single = [
        solve(model, [(start, "depot", 50, "mg", 0)], TIMES)["Cp"] for start in (0.0, 2.0, 4.0)
    ]
    both = solve(model, [(s, "depot", 50, "mg", 0) for s in (0.0, 2.0, 4.0)], TIMES)["Cp"]
    np.testing.assert_allclose(both, sum(single), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("cv2", [0.05, 0.5, 3.0])
def test_inverse_gaussian_input_adds_up_to_the_dose(solve, cv2):
    from scipy.stats import invgauss

    model = Model(
        "m",
        pk.inverse_gaussian_absorption(MAT="3 h", CV2=cv2, F1=0.9),
        pk.compartments(V1="1 L", intravenous=False),
        pk.linear_elimination(CL="0 L/h"),
    )
    times = np.array([1.0, 3.0, 10.0, 1000.0])
    found = solve(model, [(0, "central", 100, "mg", 0)], times, rtol=1e-10)["central"]
    law = invgauss(mu=cv2, scale=3.0 / cv2)
    np.testing.assert_allclose(found, 90 * law.cdf(times), atol=1e-5)
    assert found[-1] == pytest.approx(90, rel=1e-6)


@pytest.mark.parametrize("beta", [0.7, 1.0, 2.5])
def test_weibull_input_has_its_cumulative_function(solve, beta):
    model = Model(
        "m",
        pk.weibull_absorption(TDW="3 h", beta=beta),
        pk.compartments(V1="1 L", intravenous=False),
        pk.linear_elimination(CL="0 L/h"),
    )
    found = solve(model, [(0, "central", 100, "mg", 0)], TIMES[1:], rtol=1e-10)["central"]
    np.testing.assert_allclose(found, 100 * -np.expm1(-((TIMES[1:] / 3) ** beta)), atol=2e-3)


@pytest.mark.parametrize("by_record", [False, True])
def test_zero_order_input_is_an_infusion(solve, by_record):
    pieces = (pk.compartments(V1="10 L", intravenous=False), pk.linear_elimination(CL="2 L/h"))
    model = Model("m", pk.zero_order_absorption(D1="4 h", by_record=by_record), *pieces)
    plain = Model("p", pk.compartments(V1="10 L"), pk.linear_elimination(CL="2 L/h"))
    infusion = solve(plain, [(0, "central", 100, "mg", 4)], TIMES)["Cp"]
    duration = 4 if by_record else 0
    found = solve(model, [(0, "central", 100, "mg", duration)], TIMES)["Cp"]
    np.testing.assert_allclose(found, infusion, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("second", ["first_order", "zero_order"])
def test_parallel_absorption_is_the_sum_of_its_paths(solve, second):
    extra = {"KA2": "0.5 1/h"} if second == "first_order" else {"D2": "6 h"}
    model = Model(
        "m",
        pk.parallel_absorption(second, KA="2 1/h", fraction=0.3, ALAG2="2 h", F1=0.5, **extra),
        pk.compartments(V1="10 L", intravenous=False),
        pk.linear_elimination(CL="1 L/h"),
    )
    found = solve(model, [(0, "central", 100, "mg", 0)], TIMES)["Cp"]

    def oral(rate, start, amount):
        t = np.maximum(TIMES - start, 0)
        return amount / 10 * rate / (rate - 0.1) * (np.exp(-0.1 * t) - np.exp(-rate * t))

    def infusion(start, duration, amount):
        t = np.maximum(TIMES - start, 0)
        during = np.minimum(t, duration)
        level = amount / duration / 1.0 * -np.expm1(-0.1 * during)
        return level * np.exp(-0.1 * (t - during))

    late = oral(0.5, 2, 35.0) if second == "first_order" else infusion(2, 6, 35.0)
    np.testing.assert_allclose(found, oral(2.0, 0, 15.0) + late, rtol=1e-7, atol=1e-8)


def test_mass_balance_with_every_path(solve):
    """What is eliminated, metabolized, kept and absorbed adds up to the dose."""
    gone = Model(
        "m",
        pk.first_order_absorption(KA="1 1/h"),
        pk.compartments(2, V1="10 L", Q="5 L/h", V2="20 L"),
        pk.elimination("parallel", CL="1 L/h", Vmax="2 mg/h", Km="1 mg/L"),
        pk.metabolite("met", source="linear_flux + saturable_flux", fm=1.0, V1="5 L", CL="0 L/h"),
        pk.tissue_sink("liver", Ki="1 mL/g/h", VT="0.1 mL/g", mass="500 g"),
    )
    found = solve(gone, [(0, "depot", 100, "mg", 0)], TIMES, rtol=1e-9)
    names = ("depot", "central", "peripheral", "central_met", "residual_liver")
    np.testing.assert_allclose(sum(found[n] for n in names), 100.0, rtol=1e-10)


def test_metabolite_of_a_mass_gains_its_molar_mass(solve):
    model = Model(
        "m",
        pk.compartments(V1="10 L"),
        pk.linear_elimination(CL="1 L/h"),
        pk.metabolite("m2", fm=0.25, mass_ratio=1.2, V1="10 L", CL="0 L/h"),
    )
    end = solve(model, [(0, "central", 100, "mg", 0)], [1000.0])
    assert end["central_m2"][0] == pytest.approx(30.0, rel=1e-8)


def test_mg_into_moles_needs_the_molar_mass(solve):
    model = Model(
        "m",
        pk.compartments(V1="3 L", amount="nmol", molar_mass="MW"),
        pk.linear_elimination(CL="0.2 L/d"),
        Parameter("MW", "150 kDa"),
    )
    found = solve(model, [(0, "central", 450, "mg", 0)], [0.0])
    assert found["Cp"][0] == pytest.approx(1000.0, rel=1e-12)
    bare = Model("m", pk.compartments(V1="3 L", amount="nmol"), pk.linear_elimination(CL="1 L/d"))
    with pytest.raises(UnitError, match="KG-122"):
        solve(bare, [(0, "central", 450, "mg", 0)], [0.0])


def test_blocks_join_in_any_order_and_merge():
    blocks = [
        pk.compartments(2, V1="10 L", Q="5 L/h", V2="20 L"),
        pk.linear_elimination(CL="1 L/h"),
        pk.first_order_absorption(KA="1 1/h"),
    ]
    forward = blocks[0] + blocks[1] + blocks[2] + blocks[1]
    assert len(forward.rates) == len(Model("m", *blocks).rates)
    assert set(forward.compile().state_names) == set((blocks[2] + blocks[0] + blocks[1]).species)


def test_drugs_have_their_own_names():
    model = Model(
        "two",
        *(
            block
            for drug in ("a", "b")
            for block in (
                pk.compartments(2, drug=drug, V1="3 L", Q="1 L/d", V2="2 L"),
                pk.linear_elimination(drug=drug, CL="1 L/d"),
            )
        ),
    )
    assert set(model.species) == {"central_a", "peripheral_a", "central_b", "peripheral_b"}
    assert set(model.outputs) == {"Cp_a", "Cp_b"}


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: pk.compartments(4), SpecError, "KG-108"),
        (lambda: pk.compartments(2, form="micros"), SpecError, "'micro'"),
        (lambda: pk.compartments(1, Q="1 L/h"), SpecError, "KG-112: 'Q'"),
        (lambda: pk.compartments(2, form="micro", V2="1 L"), SpecError, "KG-112: 'V2'"),
        (lambda: pk.compartments(V1="3 L/h"), UnitError, "KG-121: parameter 'V1'"),
        (lambda: pk.compartments(V1=3), UnitError, "KG-121: parameter 'V1'"),
        (lambda: pk.linear_elimination(CL="-1 L/h"), SpecError, "KG-108"),
        (lambda: pk.saturable_elimination(Vmax="1 nmol/h"), UnitError, "KG-121"),
        (lambda: pk.elimination("both"), SpecError, "KG-108"),
        (lambda: pk.zero_order_absorption(KA="1 1/h"), SpecError, "KG-112: 'KA'"),
        (lambda: pk.parallel_absorption("zero_order", KA2="1 1/h"), SpecError, "KG-112: 'KA2'"),
        (lambda: pk.transit_absorption(MTT="3 L"), UnitError, "'MTT'"),
        (lambda: pk.state_driven_clearance(), SpecError, "KG-101"),
        (
            lambda: Model("m", pk.compartments(V1="3 L"), pk.linear_elimination()),
            SpecError,
            "KG-103",
        ),
    ],
)
def test_wrong_blocks_are_named(make, error, text):
    with pytest.raises(error, match=text):
        make()


def test_an_expression_makes_a_rule():
    model = Model(
        "m",
        pk.compartments(V1="3 L"),
        pk.linear_elimination(CL=parse("0.1[1/h]*V1")),
    )
    assert model.rules["CL"].unit == "L/d"


def test_zero_order_doses_through_simulate():
    """Room for many doses: the empty slots' conditions change together with the dose's own."""
    model = Model(
        "m",
        pk.zero_order_absorption(D1="4 h"),
        pk.compartments(V1="10 L", intravenous=False),
        pk.linear_elimination(CL="2 L/h"),
    )
    hours = np.array([1.0, 4.0, 8.0, 13.0, 16.0, 20.0])
    found = kg.simulate(
        model, kg.Regimen("100 mg oral every 12 h x 2"), times=(hours, "h"), until="24 h", rtol=1e-9
    )["Cp"].values[0]

    def once(t):
        level = 12.5 * -np.expm1(-0.2 * np.clip(t, 0, 4))
        return level * np.exp(-0.2 * np.maximum(t - 4, 0))

    np.testing.assert_allclose(found, once(hours) + once(hours - 12), rtol=1e-7)


def test_events_at_one_time_all_happen():
    """Two conditions that become true together; each event acts once."""
    model = Model(
        "m",
        kg.Species("a", "mg"),
        kg.Species("b", "mg"),
        kg.Event("first", when="t > 3[h]", assign={"a": "a + 1[mg]"}),
        kg.Event("second", when="2*t > 6[h]", assign={"b": "b + 2[mg]"}),
        kg.Rate("a", "0[mg/h]"),
        kg.Rate("b", "0[mg/h]"),
    )
    result = kg.simulate(model, None, times=([2.0, 4.0], "h"), until="5 h", metrics=False)
    np.testing.assert_allclose(result["a"].values[0], [0, 1])
    np.testing.assert_allclose(result["b"].values[0], [0, 2])


def test_zero_order_followed_by_first_order(solve):
    """The dose enters the depot over D1: an infusion into the depot of a first-order model."""
    body = (pk.compartments(V1="10 L"), pk.linear_elimination(CL="2 L/h"))
    both = Model("b", pk.zero_order_absorption(depot=True, D1="4 h", KA="0.7 1/h"), *body)
    plain = Model("p", pk.first_order_absorption(KA="0.7 1/h"), *body)
    a = solve(both, [(0, "depot", 100, "mg", 0)], TIMES)["Cp"]
    b = solve(plain, [(0, "depot", 100, "mg", 4)], TIMES)["Cp"]
    np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-8)


def test_modeled_duration_by_record():
    """RATE = -2 in a table is a dose with modeled='duration': exact with the propagator."""
    model = Model(
        "m",
        pk.zero_order_absorption(D1="4 h", by_record=True, F1=0.5),
        pk.compartments(V1="10 L", intravenous=False),
        pk.linear_elimination(CL="2 L/h"),
    )
    dose = kg.Dose("100 mg", route="oral", modeled="duration")
    found = kg.simulate(
        model,
        kg.Regimen(dose),
        times=([2.0, 6.0], "h"),
        until="8 h",
        method="propagator",
        metrics=False,
    )["Cp"].values[0]
    exact = 6.25 * -np.expm1(-0.2 * np.array([2.0, 4.0])) * np.exp([0.0, -0.4])
    np.testing.assert_allclose(found, exact, rtol=1e-10)


@pytest.mark.parametrize(
    "blocks",
    [
        [pk.compartments, pk.linear_elimination],
        [pk.compartments, pk.linear_elimination, pk.first_order_absorption],
        [pk.compartments, pk.linear_elimination, pk.saturable_elimination],
        [pk.compartments, pk.linear_elimination, pk.transit_absorption],
        [pk.compartments, pk.linear_elimination, pk.time_varying_clearance],
        [pk.compartments, pk.linear_elimination, pk.auto_induction],
        [pk.compartments, pk.linear_elimination, pk.target_irreversible],
        [pk.compartments, pk.linear_elimination, pk.target_full, pk.soluble_target],
        [pk.conjugate_chain],
    ],
)
def test_a_suffix_reaches_every_name(blocks):
    """All names of a drug's blocks end with its suffix, so that a second drug fits beside it."""
    options = {pk.compartments: {"amount": "nmol"}, pk.soluble_target: {"shed_from": "R"}}
    options[pk.saturable_elimination] = {"amount": "nmol"}
    options[pk.first_order_absorption] = options[pk.transit_absorption] = {"amount": "nmol"}
    parts = [b(drug="x", **options.get(b, {})) for b in blocks]
    model = sum(parts[1:], parts[0])
    names = [*model.species, *model.rules, *model.outputs, *model.dose_inputs, *model.parameters]
    assert all(name.endswith("_x") for name in names), names
    open_names = {s for p in parts for s in _symbols(p)} - set(names)
    assert all(name.endswith("_x") or name in ("t", "pi", "tad", "dose") for name in open_names)


def _symbols(model):
    from krogh.model.expression import symbols_of

    for component in model.components:
        for field in ("law", "expression", "initial", "input_function", "bioavailability", "lag"):
            expression = getattr(component, field, None)
            if expression is not None and not isinstance(expression, str):
                yield from symbols_of(expression)
