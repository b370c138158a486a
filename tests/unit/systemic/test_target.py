"""Target-mediated disposition: limits, conserved quantities, several drugs, shed targets.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from krogh.errors import SpecError, UnitError
from krogh.model import Model, Parameter, parse
from krogh.model import systemic as pk

TIMES = np.array([0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0])  # d
BODY = {"V1": "3 L", "Q": "0.5 L/d", "V2": "3 L"}
TARGET = {"kint": "0.5 1/d", "ksyn": "10 nM/d", "kdeg": "1 1/d"}


def _body(amount="nmol", total=False, **more):
    return [
        pk.compartments(2, amount=amount, total=total, **BODY, **more),
        pk.linear_elimination(CL="0.25 L/d"),
    ]


def _full(kon, koff, **changes):
    rates = {**TARGET, "kon": f"{kon} 1/nM/d", "koff": f"{koff} 1/d", **changes}
    return Model("full", *_body(), pk.target_full(**rates))


DOSE = [(0, "central", 300, "nmol", 0.05)]  # given over an hour: C starts at 0


def test_full_binding_approaches_equilibrium_in_first_order_of_1_over_kon(solve):
    """The difference to quasi-equilibrium falls tenfold with tenfold kon at constant KD."""
    limit = Model("qe", *_body(total=True), pk.target_quasi_equilibrium(KD="0.5 nM", **TARGET))
    exact = solve(limit, DOSE, TIMES, unit="d")["Cp"]
    errors = []
    for kon in (1e2, 1e3, 1e4):
        found = solve(_full(kon, 0.5 * kon), DOSE, TIMES, unit="d", rtol=1e-9)["Cp"]
        errors.append(np.max(np.abs(found - exact)))
    orders = -np.diff(np.log10(errors))
    assert orders == pytest.approx([1.0, 1.0], abs=0.1)


def test_full_binding_approaches_quasi_steady_state_in_first_order(solve):
    """kon, koff, kint and kdeg grow together: Kss and ksyn stay, the difference falls tenfold."""
    errors = []
    for factor in (1e2, 1e3, 1e4):
        rates = {
            "kon": f"{factor} 1/nM/d",
            "koff": f"{0.2 * factor} 1/d",
            "kint": f"{0.3 * factor} 1/d",
            "ksyn": "2 nM/d",
            "kdeg": f"{0.1 * factor} 1/d",
        }
        full = Model("full", *_body(), pk.target_full(**rates))
        short = Model("qss", *_body(total=True), pk.target_quasi_steady(**rates))
        dose = [(0, "central", 30, "nmol", 0.05)]
        late = np.array([1.0, 2.0, 5.0])
        a = solve(full, dose, late, unit="d", rtol=1e-11)["Cp"]
        b = solve(short, dose, late, unit="d", rtol=1e-11)["Cp"]
        errors.append(np.max(np.abs(a - b) / a))
    orders = -np.diff(np.log10(errors))
    assert orders == pytest.approx([1.0, 1.0], abs=0.15)


def test_quasi_steady_state_with_kss_or_with_rate_constants_is_the_same(solve):
    rates = {**TARGET, "kon": "2 1/nM/d", "koff": "0.5 1/d"}
    a = Model("a", *_body(total=True), pk.target_quasi_steady(**rates))
    b = Model("b", *_body(total=True), pk.target_quasi_steady(Kss="0.5 nM", **TARGET))
    np.testing.assert_allclose(
        solve(a, DOSE, TIMES, unit="d")["Cp"], solve(b, DOSE, TIMES, unit="d")["Cp"], rtol=1e-8
    )


def test_quasi_steady_free_drug_solves_its_quadratic(solve):
    """C = ((Ct - Rt - Kss) + sqrt((Ct - Rt - Kss)^2 + 4 Kss Ct))/2 (Gibiansky 2008)."""
    model = Model("q", *_body(total=True), pk.target_quasi_steady(Kss="0.5 nM", **TARGET))
    found = solve(model, DOSE, TIMES, unit="d")
    ct, rt = found["Cp_total"], found["R"] + found["RC"]
    b = ct - rt - 0.5
    np.testing.assert_allclose(found["Cp"], (b + np.sqrt(b**2 + 2.0 * ct)) / 2, rtol=1e-9)
    np.testing.assert_allclose(found["Cp"] * found["R"], 0.5 * found["RC"], rtol=1e-9)


def test_quasi_steady_state_is_accurate_for_traces_of_drug(solve):
    """No cancellation: at 1e-12 of the target the free drug keeps 10 digits."""
    model = Model("q", *_body(total=True), pk.target_quasi_steady(Kss="0.5 nM", **TARGET))
    found = solve(model, [(0, "central", 3e-11, "nmol", 0)], [0.0], unit="d")
    assert found["Cp"][0] == pytest.approx(1e-11 * 0.5 / 10.5, rel=1e-10)


def test_michaelis_menten_form_is_the_limit_of_excess_drug(solve):
    """Quasi-steady state with constant total target and vanishing target amount."""
    errors = []
    for total in (1.0, 0.1, 0.01):
        kint = 2.0 / total  # the largest rate stays
        rates = {"kint": f"{kint} 1/d", "Kss": "5 nM", "Rtot": f"{total} nM"}
        qss = Model("q", *_body(total=True), pk.target_quasi_steady(constant_total=True, **rates))
        saturable = Model("mm", *_body(), pk.target_michaelis_menten(**rates))
        a = solve(qss, DOSE, TIMES, unit="d")["Cp"]
        b = solve(saturable, DOSE, TIMES, unit="d")["Cp"]
        errors.append(np.max(np.abs(a - b) / b))
    assert np.array(errors[:2]) / errors[1:] == pytest.approx([10, 10], rel=0.15)


def test_michaelis_menten_form_equals_saturable_elimination(solve):
    a = Model("a", *_body(), pk.target_michaelis_menten(Rtot="4 nM", kint="0.5 1/d", Kss="5 nM"))
    b = Model(
        "b", *_body(), pk.saturable_elimination(amount="nmol", Vmax="6 nmol/d", Km="5 nmol/L")
    )
    np.testing.assert_allclose(
        solve(a, DOSE, TIMES, unit="d")["Cp"], solve(b, DOSE, TIMES, unit="d")["Cp"], rtol=1e-9
    )


def test_without_binding_the_model_is_linear(solve):
    full = solve(_full(0, 1), DOSE, TIMES, unit="d")["Cp"]
    plain = solve(Model("p", *_body()), DOSE, TIMES, unit="d")["Cp"]
    np.testing.assert_allclose(full, plain, rtol=1e-8)


def test_equal_losses_keep_the_total_target(solve):
    """kint = kdeg: R + RC stays ksyn/kdeg to 1e-12."""
    found = solve(_full(10, 1, kint="1 1/d"), DOSE, TIMES, unit="d", rtol=1e-8)
    np.testing.assert_allclose(found["R"] + found["RC"], 10.0, rtol=1e-12)


def test_binding_conserves_drug(solve):
    """Free, peripheral and bound drug add up to the dose while nothing is lost."""
    model = Model(
        "closed",
        pk.compartments(2, amount="nmol", **BODY),
        pk.linear_elimination(CL="0 L/d"),
        pk.target_full(kon="10 1/nM/d", koff="1 1/d", kint="0 1/d", ksyn="10 nM/d", kdeg="1 1/d"),
    )
    found = solve(model, DOSE, TIMES, unit="d", rtol=1e-8)
    total = found["central"] + found["peripheral"] + 3 * found["RC"]
    np.testing.assert_allclose(total, 300, rtol=1e-10)


def test_constant_total_is_the_full_model_with_equal_losses(solve):
    constant = Model(
        "c",
        *_body(),
        pk.target_full(
            constant_total=True, kon="10 1/nM/d", koff="1 1/d", kint="1 1/d", Rtot="10 nM"
        ),
    )
    a = solve(constant, DOSE, TIMES, unit="d")
    b = solve(_full(10, 1, kint="1 1/d"), DOSE, TIMES, unit="d")
    for name in ("Cp", "RC", "occupancy"):
        np.testing.assert_allclose(a[name], b[name], rtol=1e-6, atol=1e-9)


def test_irreversible_binding_is_the_limit_without_dissociation(solve):
    """koff = 0 and any kint: drug and free target agree."""
    short = Model(
        "i", *_body(), pk.target_irreversible(kon="0.3 1/nM/d", ksyn="10 nM/d", kdeg="1 1/d")
    )
    a = solve(short, DOSE, TIMES, unit="d")
    b = solve(_full(0.3, 0), DOSE, TIMES, unit="d")
    np.testing.assert_allclose(a["Cp"], b["Cp"], rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(a["R"], b["R"], rtol=1e-7)


def test_masses_and_moles_agree(solve):
    """A dose in mg with binding in nM: the same curve as in nmol."""
    mass = Model(
        "mg",
        pk.compartments(2, amount="mg", **BODY),
        pk.linear_elimination(CL="0.25 L/d"),
        pk.target_full(molar_mass="MW", kon="10 1/nM/d", koff="1 1/d", **TARGET),
        Parameter("MW", "150 kDa"),
    )
    found = solve(mass, [(0, "central", 45, "mg", 0.05)], TIMES, unit="d")
    molar = solve(_full(10, 1), DOSE, TIMES, unit="d")
    np.testing.assert_allclose(found["Cp"] / 0.150, molar["Cp"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found["RC"], molar["RC"], rtol=1e-6)
    quick = Model(
        "q",
        pk.compartments(2, amount="mg", total=True, **BODY),
        pk.linear_elimination(CL="0.25 L/d"),
        pk.target_quasi_steady(molar_mass="MW", Kss="0.15 nM", **TARGET),
        Parameter("MW", "150 kDa"),
    )
    other = Model("n", *_body(total=True), pk.target_quasi_steady(Kss="0.15 nM", **TARGET))
    a = solve(quick, [(0, "central", 45, "mg", 0.05)], TIMES, unit="d")
    b = solve(other, DOSE, TIMES, unit="d")
    np.testing.assert_allclose(a["Cp"] / 0.150, b["Cp"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(a["occupancy"], b["occupancy"], rtol=1e-6)


def test_mass_without_molar_mass_is_refused():
    with pytest.raises(UnitError, match="molar mass"):
        Model(
            "m",
            *_body(amount="mg"),
            pk.target_full(kon="10 1/nM/d", koff="1 1/d", **TARGET),
        )


def _pair(drug):
    return [
        pk.compartments(amount="nmol", drug=drug, V1="3 L"),
        pk.linear_elimination(drug=drug, CL="0.25 L/d"),
    ]


def _shared(**koff):
    drugs = list(koff)
    return Model(
        "shared",
        *(block for drug in drugs for block in _pair(drug)),
        pk.shared_target(
            drugs,
            kon=dict.fromkeys(drugs, "10 1/nM/d"),
            koff=koff,
            kint=dict.fromkeys(drugs, "0.5 1/d"),
            ksyn="10 nM/d",
            kdeg="1 1/d",
        ),
    )


def test_a_tracer_of_the_same_drug_behaves_as_a_part_of_it(solve):
    """Tracer and cold drug with equal constants: together one drug, each its share of it."""
    model = _shared(cold="1 1/d", tracer="1 1/d")
    found = solve(
        model,
        [(0, "central_cold", 270, "nmol", 0), (0, "central_tracer", 30, "nmol", 0)],
        TIMES,
        unit="d",
    )
    one = Model(
        "one",
        pk.compartments(amount="nmol", V1="3 L"),
        pk.linear_elimination(CL="0.25 L/d"),
        pk.target_full(kon="10 1/nM/d", koff="1 1/d", **TARGET),
    )
    whole = solve(one, [(0, "central", 300, "nmol", 0)], TIMES, unit="d")
    np.testing.assert_allclose(found["RC_tracer"], 0.1 * whole["RC"], rtol=1e-6)
    np.testing.assert_allclose(
        found["Cp_cold"] + found["Cp_tracer"], whole["Cp"], rtol=1e-5, atol=1e-8
    )
    np.testing.assert_allclose(found["occupancy"], whole["occupancy"], rtol=1e-6)


def test_competition_at_equilibrium(solve):
    """Long infusion of both: bound shares follow the competitive law of Gaddum."""
    model = _shared(a="1 1/d", b="20 1/d")
    found = solve(
        model,
        [(0, "central_a", 3e5, "nmol", 300), (0, "central_b", 3e6, "nmol", 300)],
        [299.0],
        unit="d",
    )
    ca, cb = found["Cp_a"][0], found["Cp_b"][0]
    ka, kb = (1 + 0.5) / 10, (20 + 0.5) / 10  # steady-state constants
    share = (ca / ka) / (1 + ca / ka + cb / kb)
    total = found["R"] + found["RC_a"] + found["RC_b"]
    assert found["RC_a"][0] / total[0] == pytest.approx(share, rel=1e-6)


def test_cold_drug_keeps_a_tracer_in_the_plasma(solve):
    """More cold drug occupies the sink: less tracer is bound, more stays in the plasma."""
    model = _shared(cold="1 1/d", tracer="1 1/d")
    curves = [
        solve(
            model,
            [(0, "central_cold", cold, "nmol", 0), (0, "central_tracer", 3, "nmol", 0)],
            [0.2],
            unit="d",
        )
        for cold in (1, 30, 3000)
    ]
    assert curves[0]["Cp_tracer"] < curves[1]["Cp_tracer"] < curves[2]["Cp_tracer"]
    assert curves[0]["RC_tracer"] > curves[1]["RC_tracer"] > curves[2]["RC_tracer"]


def test_shed_target_starts_in_steady_state_and_is_conserved(solve):
    model = Model(
        "shed",
        *_body(),
        pk.target_full(kon="1 1/nM/d", koff="1 1/d", **TARGET),
        pk.soluble_target(
            shed_from="R",
            kon="1 1/nM/d",
            koff="1 1/d",
            kint="0.2 1/d",
            ksyn="0.5 nM/d",
            kdeg="2 1/d",
            kshed="0.4 1/d",
        ),
    )
    rest = solve(model, [], [0.0, 50.0], unit="d")
    for name, level in (("R", 10.0), ("S", (0.5 + 0.4 * 10) / 2)):
        np.testing.assert_allclose(rest[name], level, rtol=1e-10)
    dosed = solve(model, [(0, "central", 3000, "nmol", 0)], TIMES, unit="d")
    assert np.all(dosed["SC"] > 0)
    assert dosed["S"][1] < 0.05 * rest["S"][0]  # bound by the drug
    assert dosed["S"][2] + dosed["SC"][2] > 2 * rest["S"][0]  # the complex is cleared slowly


def test_soluble_target_alone_is_a_second_target(solve):
    model = Model(
        "two",
        *_body(),
        pk.target_full(kon="10 1/nM/d", koff="1 1/d", **TARGET),
        pk.soluble_target(
            kon="1 1/nM/d", koff="1 1/d", kint="0.2 1/d", ksyn="2 nM/d", kdeg="2 1/d"
        ),
    )
    rest = solve(model, [], [30.0], unit="d")
    assert rest["S"][0] == pytest.approx(1.0, rel=1e-10)
    assert {"kon", "kon_S", "kint_S"} <= set(model.parameters)


def test_critical_concentration_doubles_the_elimination(solve):
    """At C = Vmax/CL >> Km linear and saturable paths are equal (Stein & Peletier 2018)."""
    model = Model(
        "m",
        pk.compartments(V1="3 L"),
        pk.elimination("parallel", CL="0.2 L/d", Vmax="20 mg/d", Km="0.01 mg/L"),
    )
    critical = 20 / 0.2
    h = 1e-4
    found = solve(model, [(0, "central", 3 * critical, "mg", 0)], [0.0, h], unit="d")["Cp"]
    assert -(found[1] - found[0]) / h == pytest.approx(2 * 0.2 / 3 * critical, rel=1e-3)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: pk.target_full(Rtot="1 nM"), "'Rtot'"),
        (lambda: pk.target_full(constant_total=True, ksyn="1 nM/d"), "'ksyn'"),
        (lambda: pk.target_quasi_steady(Kss="1 nM", kon="1 1/nM/d", koff="1 1/d"), "KG-112"),
        (lambda: pk.target_quasi_steady(kon="1 1/nM/d"), "KG-112"),
        (lambda: pk.shared_target(["a"]), "two or more"),
        (lambda: pk.shared_target(["a", "a"]), "different"),
        (lambda: pk.shared_target(["cold", "hot"], kon={"hott": "1 1/nM/d"}), "'hot'"),
        (lambda: pk.soluble_target(kshed="1 1/d"), "shed_from"),
    ],
)
def test_wrong_targets_are_named(make, text):
    with pytest.raises(SpecError, match=text):
        make()


def test_rules_may_define_binding_constants(solve):
    model = Model(
        "m",
        *_body(),
        pk.target_full(kon="10 1/nM/d", koff=parse("KD*kon"), **TARGET),
        Parameter("KD", "0.1 nM"),
    )
    np.testing.assert_allclose(
        solve(model, DOSE, TIMES, unit="d")["RC"],
        solve(_full(10, 1), DOSE, TIMES, unit="d")["RC"],
        rtol=1e-8,
    )


def test_shared_target_in_masses_and_moles(solve):
    """One drug in mg, the other in nmol, on one target: as both in nmol."""
    molar = _shared(a="1 1/d", b="3 1/d")
    mixed = Model(
        "mixed",
        pk.compartments(amount="mg", drug="a", V1="3 L"),
        pk.linear_elimination(drug="a", CL="0.25 L/d"),
        *_pair("b"),
        pk.shared_target(
            ["a", "b"],
            molar_mass={"a": "MW_a"},
            kon=dict.fromkeys("ab", "10 1/nM/d"),
            koff={"a": "1 1/d", "b": "3 1/d"},
            kint=dict.fromkeys("ab", "0.5 1/d"),
            ksyn="10 nM/d",
            kdeg="1 1/d",
        ),
        Parameter("MW_a", "150 kDa"),
    )
    b = (0, "central_b", 60, "nmol", 0)
    first = solve(molar, [(0, "central_a", 200, "nmol", 0), b], TIMES, unit="d")
    second = solve(mixed, [(0, "central_a", 30, "mg", 0), b], TIMES, unit="d")
    np.testing.assert_allclose(second["RC_a"], first["RC_a"], rtol=1e-6)
    np.testing.assert_allclose(second["Cp_a"] / 0.15, first["Cp_a"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(second["Cp_b"], first["Cp_b"], rtol=1e-6, atol=1e-9)
