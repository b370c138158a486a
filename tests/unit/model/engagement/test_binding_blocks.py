"""Targets, binding, occupancy: equations at a point, equilibria, invariants, conservation.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from closed_cell import closed, course, evaluator, right_hand_side, rule_value
from krogh.errors import SpecError, UnitError
from krogh.model import Model, Parameter, engagement, tissue

H = 3600.0
KON, KOFF, KE, EPS, S0 = 7.1e-4, 3.5e-4, 3.3e-5, 0.24, 833.0


def free(drug, eps=EPS):
    return tissue.free_drug(
        drug, plasma=None, diffusivity="10 um^2/s", void_fraction=eps, permeability="3e-7 cm/s"
    )


def bound(drug, target="HER2", **options):
    values = {
        "association_rate": "7.1e-4 1/nM/s",
        "dissociation_rate": "3.5e-4 1/s",
        "internalization_rate": "3.3e-5 1/s",
    }
    return engagement.binding(drug, target, **(values | options))


def her2(**options):
    values = {"target_density": "833 nM", "internalization_rate": "3.3e-5 1/s"}
    return engagement.surface_target("HER2", **(values | options))


TWO = Model(
    "two antibodies",
    free("Ab"),
    free("ADC", eps=0.3),
    her2(),
    bound("Ab"),
    bound(
        "ADC",
        association_rate="2e-4 1/nM/s",
        dissociation_rate="1e-4 1/s",
        internalization_rate="8e-5 1/s",
        fate="lysosome",
        lysosomal_rate="1e-5 1/s",
        degradation_rate="2e-5 1/s",
        recycling=True,
        recycling_rate="3e-5 1/s",
    ),
    engagement.occupancy("HER2", ["Ab", "ADC"]),
)
STATE = {
    "F_Ab": 40.0,
    "F_ADC": 70.0,
    "S_HER2": 500.0,
    "B_Ab": 120.0,
    "B_ADC": 90.0,
    "I_Ab": 11.0,
    "I_ADC": 13.0,
    "L_ADC": 17.0,
    "G_ADC": 19.0,
}


def test_competition_by_hand():
    y = STATE
    on_ab = KON * y["F_Ab"] / EPS * y["S_HER2"] - KOFF * y["B_Ab"]
    on_adc = 2e-4 * y["F_ADC"] / 0.3 * y["S_HER2"] - 1e-4 * y["B_ADC"]
    expected = {
        "F_Ab": -on_ab,
        "F_ADC": -on_adc,
        "S_HER2": KE * S0 - KE * y["S_HER2"] - on_ab - on_adc,
        "B_Ab": on_ab - KE * y["B_Ab"],
        "B_ADC": on_adc - 8e-5 * y["B_ADC"] + 3e-5 * y["I_ADC"],
        "I_Ab": KE * y["B_Ab"],
        "I_ADC": 8e-5 * y["B_ADC"] - (3e-5 + 1e-5) * y["I_ADC"],
        "L_ADC": 1e-5 * y["I_ADC"] - 2e-5 * y["L_ADC"],
        "G_ADC": 2e-5 * y["L_ADC"],
    }
    found = right_hand_side(TWO, y)
    assert found == pytest.approx(expected, rel=1e-13)


def test_outputs_by_hand():
    y = STATE
    assert rule_value(TWO, "free_Ab", y) == pytest.approx(40.0 / 0.24)
    assert rule_value(TWO, "internalized_ADC", y) == pytest.approx(30.0)
    assert rule_value(TWO, "internalized_Ab", y) == pytest.approx(11.0)
    assert rule_value(TWO, "bound_ADC", y) == pytest.approx(90.0)
    assert rule_value(TWO, "occupancy_HER2", y) == pytest.approx(210.0 / 710.0)
    units = {n: o.unit for n, o in TWO.outputs.items()}
    assert units["free_Ab"] == units["bound_Ab"] == units["internalized_Ab"] == "nM"
    assert units["occupancy_HER2"] == ""


def test_cells_without_target_are_unoccupied():
    assert rule_value(TWO, "occupancy_HER2", {"F_Ab": 10.0}) == 0.0


def test_void_fraction_drives_binding_not_the_total():
    """Dropping eps would make binding 1/eps = 4.2 times slower."""
    half = right_hand_side(TWO.with_values(void_fraction_Ab=0.12), {"F_Ab": 40.0, "S_HER2": 833.0})
    full = right_hand_side(TWO, {"F_Ab": 40.0, "S_HER2": 833.0})
    assert half["B_Ab"] == pytest.approx(2.0 * full["B_Ab"])
    assert full["B_Ab"] == pytest.approx(KON * 40.0 / 0.24 * 833.0)


def test_drug_is_conserved_in_a_closed_cell():
    found = course(TWO, np.linspace(0.0, 96.0, 13), start={"F_Ab": "100[nM]", "F_ADC": "60[nM]"})
    ab = found["F_Ab"] + found["B_Ab"] + found["I_Ab"]
    adc = sum(found[f"{form}_ADC"] for form in "FBILG")
    np.testing.assert_allclose(ab, 100.0, rtol=1e-12)
    np.testing.assert_allclose(adc, 60.0, rtol=1e-12)
    assert found["G_ADC"][-1] > 1.0
    assert {str(c) for c in closed(TWO).conserved()} == {
        "F_Ab + B_Ab + I_Ab",
        "F_ADC + B_ADC + I_ADC + L_ADC + G_ADC",
    }


def test_equilibrium_of_competing_ligands():
    """Without turnover: theta_i = (C_i/K_i)/(1 + sum C_j/K_j) with the free drug that is left."""
    still = TWO.with_values(
        internalization_rate_Ab="0 1/s",
        internalization_rate_ADC="0 1/s",
        internalization_rate_HER2="0 1/s",
    )
    start = {"F_Ab": "300[nM]", "F_ADC": "500[nM]"}
    end = {n: v[-1] for n, v in course(still, [0.0, 500.0], start=start).items()}
    ab, adc = end["free_Ab"] / (KOFF / KON), end["free_ADC"] / (1e-4 / 2e-4)
    total = 1.0 + ab + adc
    assert end["B_Ab"] / S0 == pytest.approx(ab / total, rel=1e-7)
    assert end["B_ADC"] / S0 == pytest.approx(adc / total, rel=1e-7)
    assert end["occupancy_HER2"] == pytest.approx((ab + adc) / total, rel=1e-7)


def test_total_target_stays_when_complexes_turn_over_like_the_target():
    """kint = kdeg: S + B is constant whatever the drug does."""
    model = Model("one", free("Ab"), her2(), bound("Ab"))
    found = course(model, np.linspace(0.0, 72.0, 10), start={"F_Ab": "900[nM]"})
    np.testing.assert_allclose(found["S_HER2"] + found["B_Ab"], S0, rtol=1e-9)
    faster = course(
        model.with_values(internalization_rate_Ab="1e-4 1/s"),
        [0.0, 4.0],
        start={"F_Ab": "900[nM]"},
    )
    assert faster["S_HER2"][-1] + faster["B_Ab"][-1] < 0.9 * S0


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("recycling", [False, True])
@pytest.mark.parametrize("shedding", [False, True])
def test_tissue_without_drug_rests(masked, recycling, shedding):
    options = {}
    parts = []
    if recycling:
        options |= {
            "recycling": True,
            "recycling_rate": "2.4e-5 1/s",
            "endosomal_degradation_rate": "1.27e-4 1/s",
        }
    if shedding:
        options |= {"shedding": True, "shedding_rate": "1e-5 1/s"}
        parts.append(
            engagement.soluble_target(
                "HER2",
                diffusivity="10 um^2/s",
                void_fraction=0.24,
                permeability="3e-7 cm/s",
                clearance_rate="1e-4 1/s",
            )
        )
    if masked:
        options["masked"] = True
        parts.append(
            engagement.masking(
                "HER2", masking_rate="2e-4 1/s", unmasking_rate="1e-4 1/s", recycling=recycling
            )
        )
    model = Model("rest", her2(**options), *parts)
    compiled = closed(model).compile()
    start = {
        n: float(compiled.evaluate(s.start)) if n != "Z_HER2" else 0.0
        for n, s in model.species.items()
    }
    rates = right_hand_side(model, start)
    for name in set(rates) - {"Z_HER2"}:
        assert abs(rates[name]) < 1e-12 * S0, name
    if shedding:
        assert rates["Z_HER2"] == pytest.approx(1e-5 * start["S_HER2"])


def test_net_loss_with_recycling():
    """Without synthesis the surface is lost at ke*kdeg/(krec + kdeg): 3.6e-5 1/s, 5.4 h."""
    model = Model(
        "lost",
        engagement.surface_target(
            "HER2",
            target_density="833 nM",
            internalization_rate="4.27e-5 1/s",
            synthesis="0 nM/h",
            recycling=True,
            recycling_rate="2.4e-5 1/s",
            endosomal_degradation_rate="1.27e-4 1/s",
        ),
    )
    # quasi-steady start: R = ke S/(krec + kdeg); the slow mode is close to the net constant
    found = course(model, [0.0, 40.0, 60.0])["S_HER2"]
    decay = np.log(found[1] / found[2]) / (20 * H)
    net = 4.27e-5 * 1.27e-4 / (2.4e-5 + 1.27e-4)
    assert net == pytest.approx(3.59e-5, rel=1e-3)
    matrix = np.array([[-4.27e-5, 2.4e-5], [4.27e-5, -(2.4e-5 + 1.27e-4)]])
    assert decay == pytest.approx(-np.linalg.eigvals(matrix).max(), rel=1e-6)
    assert decay == pytest.approx(net, rel=0.1)


def test_recycled_complexes_return_and_empty_targets_too():
    model = Model(
        "back",
        free("Ab"),
        her2(
            recycling=True,
            recycling_rate="2e-5 1/s",
            endosomal_degradation_rate="5e-5 1/s",
        ),
        bound("Ab", recycling=True, recycling_rate="7e-5 1/s"),
    )
    found = right_hand_side(model, {"I_Ab": 10.0, "R_HER2": 20.0})
    assert found["B_Ab"] == pytest.approx(7e-4)
    assert found["I_Ab"] == pytest.approx(-7e-4)
    made = KE * S0 * 5e-5 / 7e-5
    assert found["S_HER2"] == pytest.approx(2e-5 * 20.0 + made)
    assert found["R_HER2"] == pytest.approx(-7e-5 * 20.0)


def test_synthesis_by_value_and_by_factors():
    model = Model(
        "regulated",
        Parameter("signal", 0.5),
        her2(
            synthesis="60 nM/h",
            synthesis_factor="signal",
            internalization_factor="1 + 3*signal",
        ),
    )
    found = right_hand_side(model, {"S_HER2": 100.0})
    assert found["S_HER2"] == pytest.approx(0.5 * 60.0 / H - KE * 2.5 * 100.0)


def test_static_masking_leaves_out_what_is_hidden():
    model = Model("masked", her2(accessible_fraction=0.3))
    assert course(model, [0.0, 24.0])["S_HER2"] == pytest.approx(0.3 * S0, rel=1e-9)
    with pytest.raises(SpecError, match=r"KG-112.*masking"):
        her2(accessible_fraction=0.3, masked=True)
    with pytest.raises(SpecError, match="KG-108"):
        her2(accessible_fraction=1.3)


def test_modifier_frees_masked_target():
    model = Model(
        "mucolytic",
        free("NAC"),
        her2(masked=True),
        engagement.masking(
            "HER2",
            masking_rate="2e-4 1/s",
            unmasking_rate="1e-4 1/s",
            modifier="NAC",
            largest_effect=9.0,
            half_effect="100 nM",
        ),
    )
    found = right_hand_side(model, {"M_HER2": 50.0, "F_NAC": 72.0, "S_HER2": 10.0})
    free_modifier = 72.0 / 0.24
    unmask = 1e-4 * (1 + 9.0 * free_modifier / (100.0 + free_modifier))
    assert found["M_HER2"] == pytest.approx(2e-4 * 10 - unmask * 50 - KE * 50)
    assert found["S_HER2"] == pytest.approx(KE * S0 - KE * 10 - 2e-4 * 10 + unmask * 50)
    without = course(model, [0.0, 240.0])
    treated = course(model, [0.0, 240.0], start={"F_NAC": "1e6[nM]"})
    share = (1e-4 + KE) / (3e-4 + KE)
    assert without["S_HER2"][-1] / S0 == pytest.approx(share, rel=1e-8)
    assert treated["S_HER2"][-1] / S0 == pytest.approx((1e-3 + KE) / (1.2e-3 + KE), rel=1e-3)
    with pytest.raises(SpecError, match=r"KG-112.*half_effect"):
        engagement.masking("HER2", half_effect="1 nM")


def test_shed_target_binds_and_is_lost():
    model = Model(
        "shed",
        free("Ab"),
        her2(shedding=True, shedding_rate="1e-5 1/s"),
        bound("Ab", shedding=True),
        engagement.soluble_target(
            "HER2",
            diffusivity="20 um^2/s",
            void_fraction=0.24,
            permeability="4e-7 cm/s",
            clearance_rate="2e-4 1/s",
        ),
        engagement.soluble_binding(
            "Ab",
            "HER2",
            association_rate="5e-4 1/nM/s",
            dissociation_rate="3e-4 1/s",
            diffusivity="8 um^2/s",
            void_fraction=0.2,
            permeability="2e-7 cm/s",
            clearance_rate="6e-5 1/s",
        ),
    )
    y = {"F_Ab": 24.0, "S_HER2": 700.0, "B_Ab": 50.0, "Z_HER2": 30.0, "Y_Ab": 12.0}
    surface = KON * 100.0 * 700.0 - KOFF * 50.0
    solution = 5e-4 * 100.0 * 30.0 - 3e-4 * 12.0
    expected = {
        "F_Ab": -surface - solution,
        "S_HER2": KE * S0 + 1e-5 * S0 - (KE + 1e-5) * 700.0 - surface,
        "B_Ab": surface - (KE + 1e-5) * 50.0,
        "I_Ab": KE * 50.0,
        "Z_HER2": 1e-5 * 700.0 - 2e-4 * 30.0 - solution,
        "Y_Ab": 1e-5 * 50.0 + solution - 6e-5 * 12.0,
    }
    assert right_hand_side(model, y) == pytest.approx(expected, rel=1e-12)
    assert set(model.transports) == {"F_Ab", "Z_HER2", "Y_Ab"}
    assert rule_value(model, "soluble_HER2", y) == pytest.approx(30.0 / 0.24)
    with pytest.raises(SpecError, match="Z_HER2"):
        Model("nowhere", her2(shedding=True, shedding_rate="1e-5 1/s"))
    with pytest.raises(SpecError, match=r"KG-112.*shedding_rate"):
        her2(shedding_rate="1e-5 1/s")


def test_large_carriers_hide_their_neighbors():
    model = Model(
        "liposome",
        free("lip"),
        her2(internalization_rate="0 1/s"),
        engagement.steric_exclusion("HER2", ["lip"], hidden=4.0),
        bound("lip", accessible="open_HER2", internalization_rate="0 1/s"),
    )
    found = right_hand_side(model, {"F_lip": 24.0, "S_HER2": 600.0, "B_lip": 50.0})
    assert found["B_lip"] == pytest.approx(KON * 100.0 * (600.0 - 200.0) - KOFF * 50.0)
    crowded = right_hand_side(model, {"F_lip": 24.0, "S_HER2": 100.0, "B_lip": 50.0})
    assert crowded["B_lip"] == pytest.approx(-KOFF * 50.0)
    tight = model.with_values(dissociation_rate_lip="0 1/s")
    full = course(tight, [0.0, 400.0], start={"F_lip": "5000[nM]"})
    assert full["B_lip"][-1] == pytest.approx(S0 / 5.0, rel=1e-6)
    with pytest.raises(SpecError, match="KG-101"):
        engagement.steric_exclusion("HER2", [])
    with pytest.raises(SpecError, match="KG-108"):
        engagement.steric_exclusion("HER2", ["a"], hidden=-1)


def test_a_drug_on_two_targets():
    model = Model(
        "two sites",
        free("Ab"),
        her2(),
        engagement.surface_target(
            "FcR", target_density="40 nM", internalization_rate="1e-4 1/s", synthesis="0 nM/h"
        ),
        bound("Ab"),
        bound("Ab", "FcR", site="Ab_FcR", association_rate="1e-5 1/nM/s"),
    )
    found = right_hand_side(model, {"F_Ab": 24.0, "S_HER2": 100.0, "S_FcR": 40.0})
    first, second = KON * 100 * 100, 1e-5 * 100 * 40
    assert found["F_Ab"] == pytest.approx(-first - second)
    assert found["B_Ab_FcR"] == pytest.approx(second)
    assert found["S_FcR"] == pytest.approx(-second - 1e-4 * 40)


def test_two_epitopes_by_hand_and_at_equilibrium():
    still = {"internalization_rate": "0 1/s"}
    model = Model(
        "two epitopes",
        free("mab"),
        free("tracer"),
        her2(**still),
        bound("mab", **still),
        bound("tracer", association_rate="1e-3 1/nM/s", dissociation_rate="1e-3 1/s", **still),
        engagement.two_epitopes("HER2", "mab", "tracer", internalization_rate="0 1/s"),
        engagement.occupancy("HER2", ["mab", "tracer"], both=["D_HER2"]),
    )
    fast = model.with_values(internalization_rate_both_HER2="1e-4 1/s")
    y = {"F_mab": 24.0, "F_tracer": 48.0, "S_HER2": 5.0, "B_mab": 7.0, "B_tracer": 9.0}
    y["D_HER2"] = 11.0
    beside_mab = 1e-3 * 200.0 * 7.0 - 1e-3 * 11.0
    beside_tracer = KON * 100.0 * 9.0 - KOFF * 11.0
    found = right_hand_side(fast, y)
    assert found["D_HER2"] == pytest.approx(beside_mab + beside_tracer - 1e-4 * 11.0)
    assert found["B_mab"] == pytest.approx(KON * 100 * 5 - KOFF * 7 - beside_mab)
    assert found["I_mab"] == found["I_tracer"] == pytest.approx(1e-4 * 11.0)
    end = course(model, [0.0, 2000.0], start={"F_mab": "200[nM]", "F_tracer": "900[nM]"})
    end = {n: v[-1] for n, v in end.items()}
    mab = end["free_mab"] / (end["free_mab"] + KOFF / KON)
    tracer = end["free_tracer"] / (end["free_tracer"] + 1.0)
    assert end["on_first_HER2"] == pytest.approx(mab, rel=1e-6)
    assert end["on_second_HER2"] == pytest.approx(tracer, rel=1e-6)
    assert end["D_HER2"] == pytest.approx(S0 * mab * tracer, rel=1e-6)
    assert end["occupancy_HER2"] == pytest.approx(1 - (1 - mab) * (1 - tracer), rel=1e-6)
    alone = right_hand_side(model.with_values(cooperativity_HER2=0.0), y | {"D_HER2": 0.0})
    assert alone["D_HER2"] == 0.0


def test_uptake_counts_molecules_per_cell():
    """1 nM at 5e8 cells/mL is 1204.4 molecules per cell, 1200.5 with the cells of BENCH-N87."""
    model = Model(
        "cells",
        TWO,
        engagement.uptake("ADC", forms=("B", "I", "L", "G"), cell_density="5e8 cells/mL"),
        engagement.uptake("Ab", forms=TWO),
    )
    found = course(model, [0.0, 1.0], start={"F_ADC": "60[nM]"})
    bound_nm = sum(found[f"{f}_ADC"] for f in "BILG")
    np.testing.assert_allclose(found["uptake_ADC"], bound_nm * 602.214076 / 0.5, rtol=1e-12)
    assert model.outputs["uptake_Ab"].unit == "molecules/cell"
    assert str(model.rules["uptake_Ab"].expression) == "(B_Ab + I_Ab)/cell_density"


def test_total_counts_the_forms_of_the_model():
    total = tissue.total_drug("ADC", forms=TWO)
    assert str(total.rules["total_ADC"].expression) == "F_ADC + B_ADC + I_ADC + L_ADC + G_ADC"
    intact = tissue.total_drug("ADC", forms=TWO, degraded=False)
    assert "G_ADC" not in str(intact.rules["total_ADC"].expression)
    with pytest.raises(SpecError, match=r"KG-103.*'Q'"):
        tissue.total_drug("ADC", forms=("F", "Q"))
    with pytest.raises(SpecError, match="KG-101"):
        tissue.total_drug("ADC", forms=())


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: bound("Ab", fate="gone"), SpecError, "KG-108.*fate"),
        (lambda: bound("Ab", lysosomal_rate="1 1/h"), SpecError, "KG-112.*lysosomal_rate"),
        (lambda: bound("Ab", recycling_rate="1 1/h"), SpecError, "KG-112.*recycling_rate"),
        (lambda: bound("Ab", association_rate="1 1/h"), UnitError, "KG-121"),
        (lambda: bound("Ab", dissociation_rate="-1 1/h"), SpecError, "KG-108"),
        (lambda: her2(target_density="833 um"), UnitError, "KG-121"),
        (lambda: her2(recycling_rate="1 1/h"), SpecError, "KG-112.*recycling_rate"),
        (lambda: engagement.occupancy("HER2", []), SpecError, "KG-101"),
        (lambda: engagement.occupancy("HER2", "Ab"), SpecError, "KG-101"),
        (lambda: engagement.occupancy("HER2", ["a", "a"]), SpecError, "KG-101"),
        (lambda: engagement.two_epitopes("HER2", "a", "a"), SpecError, "KG-101"),
        (lambda: engagement.uptake("Ab", cell_density="1 nM"), UnitError, "KG-121"),
    ],
)
def test_wrong_inputs(make, error, match):
    with pytest.raises(error, match=match):
        make()


def test_open_names_are_named():
    """A block whose values others give says what lacks."""
    model = Model(
        "open",
        tissue.free_drug("Ab", plasma=None),
        engagement.surface_target("HER2"),
        engagement.binding("Ab", "HER2"),
        partial=True,
    )
    assert not model.is_complete
    with pytest.raises(SpecError, match="KG-103"):
        evaluator(model)


def test_points_need_a_line():
    with pytest.raises(SpecError, match="simulate_line"):
        kg.simulate(TWO, None, until="1 h")
