"""Blocks of tissue: equations at a point, conservation, equilibria, what they refuse.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from closed_cell import closed, course, right_hand_side, rule_value
from krogh.citations import all_citations, model_keys
from krogh.errors import SpecError, UnitError
from krogh.model import Model, Rate, Species, effect, engagement, tissue

IGG = {"diffusivity": "10 um^2/s", "void_fraction": 0.24, "permeability": "3e-7 cm/s"}
SMALL = {"diffusivity": "300 um^2/s", "void_fraction": 0.4, "permeability": "1e-4 cm/s"}


def free(drug, **options):
    return tissue.free_drug(drug, **({"plasma": None} | IGG | options))


def transport(model, species):
    """Return the texts of a transport's expressions."""
    t = model.transports[species]
    return {n: str(getattr(t, n)) for n in ("diffusivity", "void_fraction", "permeability")} | {
        "plasma": t.plasma,
        "wall": t.wall_kind,
        "free_in_plasma": str(t.free_in_plasma),
        "outside": str(t.outside),
    }


def test_free_drug():
    model = tissue.free_drug("Ab", free_in_plasma=0.5, **IGG)
    assert transport(model, "F_Ab") == {
        "diffusivity": "diffusivity_Ab",
        "void_fraction": "void_fraction_Ab",
        "permeability": "permeability_Ab",
        "plasma": "Cp_Ab",
        "wall": "membrane",
        "free_in_plasma": "free_in_plasma_Ab",
        "outside": "free_in_plasma_Ab*Cp_Ab",
    }
    assert rule_value(model, "free_Ab", {"F_Ab": 12.0}) == pytest.approx(50.0)
    assert right_hand_side(model, {"F_Ab": 12.0})["F_Ab"] == 0.0
    assert tissue.free_drug("", plasma="Cp").transports["F"].plasma == "Cp"
    assert tissue.free_drug("Ab", plasma="medium").transports["F_Ab"].plasma == "medium"
    washed = free("Ab")
    assert washed.transports["F_Ab"].plasma is None
    assert "free_in_plasma_Ab" not in washed.parameters
    fixed = tissue.free_drug("Ab", wall="fixed")
    assert fixed.transports["F_Ab"].wall_kind == "fixed"
    assert fixed.transports["F_Ab"].permeability is None


def test_values_by_size_are_taken():
    model = tissue.free_drug(
        "Ab",
        permeability=tissue.two_pore_permeability("150 kDa"),
        void_fraction=tissue.void_fraction_of("150 kDa"),
        diffusivity=tissue.free_diffusivity("150 kDa"),
    )
    assert model.parameters["permeability_Ab"].value.to("cm/s") == pytest.approx(3.87e-7, rel=2e-3)
    assert model.parameters["void_fraction_Ab"].value.value == pytest.approx(0.239, abs=5e-4)


def number(model, expression, state=None):
    """Return an expression of a block's names as a number."""
    return rule_value(Model("x", model, partial=True), str(expression), state or {})


@pytest.mark.parametrize("radius", [0.5, 2.0, 2.6999, 2.7, 3.3, 4.04, 4.06, 4.9, 12.0, 50.0, 460.0])
def test_laws_of_size_as_rules(radius):
    model = Model(
        "sized",
        tissue.transport_by_size("d", radius=f"{radius} nm", slowing=0.25),
        tissue.free_drug("d", plasma=None),
    )
    size = f"{radius} nm"
    expected = {
        "permeability_d": tissue.two_pore_permeability(radius=size).to("um/s"),
        "void_fraction_d": tissue.void_fraction_of(radius=size),
        "diffusivity_d": 0.25 * tissue.free_diffusivity(radius=size).to("um^2/s"),
    }
    for name, value in expected.items():
        assert rule_value(model, name, {}) == pytest.approx(value, rel=1e-9), name


def test_size_of_a_protein_as_rules():
    model = tissue.transport_by_size("d", molar_mass="150 kDa")
    whole = Model("sized", model, tissue.free_drug("d", plasma=None, diffusivity="10 um^2/s"))
    assert rule_value(whole, "free_d", {"F_d": 0.239}) == pytest.approx(1.0, rel=2e-3)
    assert rule_value(whole, "permeability_d", {}) == pytest.approx(3.87e-3, rel=2e-3)
    with pytest.raises(SpecError, match="KG-101"):
        tissue.transport_by_size("d", molar_mass="150 kDa", radius="5 nm")
    with pytest.raises(SpecError, match="KG-108"):
        tissue.transport_by_size("d", slowing=2.0)


def test_linear_binding():
    model = Model(
        "linear",
        free("d"),
        tissue.linear_tissue_binding("d", bound_ratio=4.0),
        tissue.total_drug("d", forms=("F", "N")),
    )
    found = right_hand_side(model, {"F_d": 30.0, "N_d": 20.0})
    assert found["N_d"] == pytest.approx(10.0 * (4 * 30.0 - 20.0))
    assert found["F_d"] == -found["N_d"]
    end = course(model, [0.0, 1.0], start={"F_d": "30[nM]"})
    assert end["N_d"][-1] == pytest.approx(24.0)
    assert end["free_d"][-1] == pytest.approx(6.0 / 0.24)
    np.testing.assert_allclose(end["total_d"], 30.0, rtol=1e-12)


@pytest.mark.parametrize("peclet", [-3.0, -1e-6, 0.0, 1e-6, 9e-5, 1.1e-4, 0.5, 10.0])
def test_filtration_through_the_wall(peclet):
    model = tissue.free_drug("d", peclet=peclet, free_in_plasma=0.5, **IGG)
    t = model.transports["F_d"]
    inward = number(model, t.permeability * t.free_in_plasma) / 3e-3 / 0.5
    outward = number(model, t.permeability) / 3e-3
    assert inward == pytest.approx(tissue.patlak_factor(peclet), rel=1e-12)
    assert outward == pytest.approx(tissue.patlak_factor(-peclet), rel=1e-12)
    with pytest.raises(SpecError, match=r"KG-112.*membrane"):
        tissue.free_drug("d", wall="fixed", peclet=peclet)


def test_lymph_drains_the_interstitium():
    model = free("d", drainage_rate="0.36 1/h")
    assert right_hand_side(model, {"F_d": 24.0})["F_d"] == pytest.approx(-1e-4 * 100.0)


def test_saturable_binding_by_hand_and_at_equilibrium():
    model = Model(
        "saturable",
        free("d"),
        tissue.saturable_tissue_binding(
            "d",
            capacity="50 nM",
            association_rate="1e-3 1/nM/s",
            dissociation_rate="0.02 1/s",
        ),
        tissue.total_drug("d", forms=("F", "N")),
    )
    found = right_hand_side(model, {"F_d": 12.0, "N_d": 20.0})
    assert found["N_d"] == pytest.approx(1e-3 * 50.0 * 30.0 - 0.02 * 20.0)
    assert found["F_d"] == -found["N_d"]
    end = course(model, [0.0, 10.0], start={"F_d": "40[nM]"})
    free_end = end["free_d"][-1]
    assert end["N_d"][-1] == pytest.approx(50.0 * free_end / (20.0 + free_end), rel=1e-8)
    np.testing.assert_allclose(end["total_d"], 40.0, rtol=1e-12)


def test_protein_binding():
    model = Model(
        "doxorubicin",
        tissue.free_drug("dox", free_in_plasma=0.25, **SMALL),
        tissue.protein_binding(
            "dox",
            association_rate="50 1/min",
            dissociation_rate="17 1/min",
            diffusivity="530 um^2/min",
            permeability="0.5 um/min",
        ),
        Species("Cp_dox", "nM"),
    )
    found = right_hand_side(model, {"F_dox": 8.0, "A_dox": 10.0})
    assert found["A_dox"] == pytest.approx((50 * 8 - 17 * 10) / 60)
    assert found["F_dox"] == -found["A_dox"]
    seen = transport(model, "A_dox")
    assert seen["outside"] == "(1 - free_in_plasma_dox)*Cp_dox"
    assert seen["void_fraction"] == "void_fraction_dox"
    assert seen["diffusivity"] == "protein_diffusivity_dox"
    assert rule_value(model, "protein_bound_dox", {"A_dox": 10.0}) == pytest.approx(25.0)


def test_cells_take_up_and_pump_out():
    model = Model(
        "cells",
        free("d", **SMALL),
        tissue.cell_uptake(
            "d",
            uptake_rate="3 1/h",
            efflux_rate="1 1/h",
            saturable_uptake=True,
            uptake_capacity="500 nM/h",
            uptake_constant="40 nM",
            saturable_efflux=True,
            efflux_capacity="900 nM/h",
            efflux_constant="70 nM",
            cell_density="5e8 cells/mL",
        ),
    )
    outside, inside = 20.0 / 0.4, 30.0 / 0.6
    flux = 0.6 * 3 * outside - 30.0
    flux += 0.6 * 500 * outside / (40 + outside) - 0.6 * 900 * inside / (70 + inside)
    found = right_hand_side(model, {"F_d": 20.0, "C_d": 30.0})
    assert found["C_d"] == pytest.approx(flux / 3600)
    assert found["F_d"] == pytest.approx(-flux / 3600)
    end = course(model, [0.0, 10.0], start={"F_d": "80[nM]"})
    np.testing.assert_allclose(end["F_d"] + end["C_d"], 80.0, rtol=1e-12)
    np.testing.assert_allclose(end["uptake_d"], end["C_d"] * 602.214076 / 0.5, rtol=1e-12)
    np.testing.assert_allclose(end["intracellular_d"], end["C_d"] / 0.6, rtol=1e-12)


def test_cells_without_passage_and_with_another_outside():
    model = Model(
        "doxorubicin",
        free("d", **SMALL),
        tissue.cell_uptake(
            "d",
            passive=False,
            outside="3*free_d",
            saturable_uptake=True,
            uptake_capacity="500 nM/h",
            uptake_constant="40 nM",
        ),
    )
    found = right_hand_side(model, {"F_d": 4.0})
    assert found["C_d"] == pytest.approx(0.6 * 500 * 30 / 70 / 3600)


def test_macrophages_compete_and_release():
    model = Model(
        "macrophages",
        free("lip"),
        free("dox", **SMALL),
        tissue.macrophage_uptake(
            "lip",
            uptake_clearance="2e-6 uL/h/cell",
            macrophage_density="5e7 cells/mL",
            saturation_constant="200 nM",
            release_rate="0.1 1/h",
            released="dox",
            load=10000.0,
        ),
    )
    found = right_hand_side(model, {"F_lip": 24.0, "K_lip": 6.0})
    taken = 2e-6 * 5e4 * 100.0 / 1.5 / 3600  # uL/h/cell * cells/uL
    assert found["F_lip"] == pytest.approx(-taken)
    assert found["K_lip"] == pytest.approx(taken - 0.6 / 3600)
    assert found["F_dox"] == pytest.approx(6000.0 / 3600)
    kept = Model(
        "kept",
        free("lip"),
        tissue.macrophage_uptake(
            "lip", uptake_clearance="2e-6 uL/h/cell", macrophage_density="5e7 cells/mL"
        ),
        tissue.total_drug("lip", forms=("F", "K")),
    )
    end = course(kept, [0.0, 5.0], start={"F_lip": "7[nM]"})
    np.testing.assert_allclose(end["total_lip"], 7.0, rtol=1e-12)
    rate = 2e-6 * 5e4 / 0.24
    assert end["F_lip"][-1] == pytest.approx(7.0 * np.exp(-5 * rate), rel=1e-8)


def test_oxygen_and_hypoxic_metabolism():
    model = Model(
        "prodrug",
        tissue.oxygen(
            plasma=None,
            diffusivity="1350 um^2/s",
            solubility="3.1e-5 1/mmHg",
            consumption="5e-4 1/s",
            half_pressure="1 mmHg",
        ),
        free("PR104", **SMALL),
        free("metabolite", **SMALL),
        tissue.metabolism(
            "PR104",
            metabolic_rate="0.3 1/s",
            oxygen="pO2",
            oxygen_constant="0.1 mmHg",
            oxic_fraction=0.023,
            metabolite="metabolite",
        ),
    )
    found = right_hand_side(model, {"pO2": 3.0, "F_PR104": 5.0})
    assert found["pO2"] == pytest.approx(-5e-4 / 3.1e-5 * 3 / 4)
    speed = 0.3 * (0.023 + 0.977 * 0.1 / 3.1)
    assert found["F_PR104"] == pytest.approx(-speed * 5)
    assert found["F_metabolite"] == pytest.approx(speed * 5)
    seen = transport(model, "pO2")
    assert seen["wall"] == "fixed"
    assert seen["void_fraction"] == "1"
    saturable = tissue.metabolism("PR104", capacity="6 nM/h", half_concentration="5 nM")
    again = Model("saturable", free("PR104"), saturable)
    assert right_hand_side(again, {"F_PR104": 10.0})["F_PR104"] == pytest.approx(-4.0 / 3600)


def test_nanoparticles_by_size():
    model = tissue.nanoparticle("lip", "100 nm")
    values = {n: p.value for n, p in model.parameters.items()}
    assert values["permeability_lip"].to("cm/s") == pytest.approx(2.5e-8, rel=0.01)
    assert values["void_fraction_lip"].value == pytest.approx(0.045, abs=5e-4)
    expected = tissue.nanoparticle_diffusivity("100 nm").to("cm^2/s")
    assert values["diffusivity_lip"].to("cm^2/s") == pytest.approx(expected)
    assert not model.parameters["permeability_lip"].verified
    assert "10.1158" in model.parameters["permeability_lip"].source
    known = tissue.nanoparticle("lip", "100 nm", permeability="1.1e-8 cm/s")
    assert known.parameters["permeability_lip"].value.value == 1.1e-8
    with pytest.raises(SpecError, match=r"KG-108.*permeability"):
        tissue.nanoparticle("huge", "960 nm")


def test_carriers_release_inside_and_outside():
    model = Model(
        "liposome",
        free("lip"),
        free("dox", **SMALL),
        tissue.cell_uptake("dox", uptake_rate="0 1/h", efflux_rate="0 1/h"),
        engagement.surface_target(
            "HER2", target_density="100 nM", internalization_rate="0 1/h", synthesis="0 nM/h"
        ),
        engagement.binding(
            "lip",
            "HER2",
            association_rate="0 1/nM/h",
            dissociation_rate="0 1/h",
            internalization_rate="0 1/h",
        ),
        tissue.carrier_release(
            "lip", "dox", release_rate="0.05 1/h", load=12000.0, forms=("F", "I")
        ),
    )
    found = right_hand_side(model, {"F_lip": 2.0, "I_lip": 3.0, "B_lip": 4.0})
    k = 0.05 / 3600
    assert found["F_lip"] == pytest.approx(-2 * k)
    assert found["I_lip"] == pytest.approx(-3 * k)
    assert found["B_lip"] == 0.0
    assert found["F_dox"] == pytest.approx(2 * k * 12000)
    assert found["C_dox"] == pytest.approx(3 * k * 12000)


def labeled(kind, **options):
    return Model(
        kind,
        free("Ab"),
        engagement.surface_target("HER2", target_density="800 nM", internalization_rate="1e-4 1/s"),
        engagement.binding(
            "Ab",
            "HER2",
            association_rate="7e-4 1/nM/s",
            dissociation_rate="3e-4 1/s",
            internalization_rate="1e-4 1/s",
            fate="lysosome",
            lysosomal_rate="1e-4 1/s",
            degradation_rate="1 1/h",
        ),
        tissue.label("Ab", kind, **options),
    )


def test_labels():
    times = np.linspace(0.0, 96.0, 9)
    start = {"F_Ab": "50[nM]"}
    stays = course(labeled("residualizing", half_life="78.4 h"), times, start=start)
    goes = course(labeled("non_residualizing", leaving_rate="2 1/h"), times, start=start)
    np.testing.assert_allclose(stays["label_Ab"], 50.0, rtol=1e-9)
    np.testing.assert_allclose(stays["X_Ab"], stays["G_Ab"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(stays["activity_Ab"], 50 * 2 ** (-times / 78.4), rtol=1e-9)
    intact = sum(goes[f"{f}_Ab"] for f in "FBIL")
    np.testing.assert_allclose(goes["label_Ab"], intact + goes["X_Ab"], rtol=1e-9)
    assert np.all(np.diff(goes["label_Ab"]) < 0)
    assert goes["label_Ab"][-1] < 1.0
    with pytest.raises(SpecError, match=r"KG-112.*leaving_rate"):
        tissue.label("Ab", leaving_rate="1 1/h")
    with pytest.raises(SpecError, match="KG-108"):
        tissue.label("Ab", "sticky")


def test_pressure_by_hand_and_at_rest():
    model = tissue.interstitial_pressure(
        tissue_conductivity="4.13e-8 cm^2/mmHg/s",
        hydraulic_conductivity="2.8e-7 cm/mmHg/s",
        surface_per_volume="200 1/cm",
        vascular_pressure="15.6 mmHg",
        reflection=0.82,
        oncotic_plasma="20 mmHg",
        oncotic_tissue="15 mmHg",
        lymph=True,
        lymph_conductivity="1e-5 1/mmHg/s",
        lymph_pressure="-1 mmHg",
    )
    assert rule_value(model, "effective_pressure", {}) == pytest.approx(11.5)
    lps = 2.8e-7 * 200
    found = right_hand_side(model, {"interstitial_pressure": 4.0})
    fluid = lps * 7.5 - 1e-5 * 5.0
    assert found["interstitial_pressure"] == pytest.approx(fluid / 0.01)
    rest = course(model, [0.0, 10.0])["interstitial_pressure"][-1]
    assert rest == pytest.approx((lps * 11.5 - 1e-5) / (lps + 1e-5), rel=1e-8)
    t = model.transports["interstitial_pressure"]
    assert rule_value(Model("p", model, partial=True), str(t.diffusivity), {}) == pytest.approx(413)


def test_channel_of_a_chip():
    channel = tissue.channel("d", volume="2 uL", flow="0.5 uL/min", inlet="80 nM")
    model = Model("chip", channel)
    found = course(model, [0.0, 4.0], "min")["Cp_d"]
    assert found[-1] == pytest.approx(80 * (1 - np.exp(-1.0)), rel=1e-8)
    matrix = tissue.free_drug("d", **SMALL)
    assert matrix.transports["F_d"].plasma in model.species
    assert tissue.residence_time("2 uL", "0.5 uL/min").to("min") == pytest.approx(4.0)
    speed = tissue.darcy_velocity("1e-7 cm^2/mmHg/s", "2 mmHg", "0.5 mm")
    assert speed.to("um/s") == pytest.approx(10 * 2 / 500)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: tissue.free_drug("d", void_fraction=0.0 - 0.1), SpecError, "KG-108"),
        (lambda: tissue.free_drug("d", void_fraction=1.5), SpecError, "KG-108"),
        (lambda: tissue.free_drug("d", void_fraction="3 nM"), UnitError, "KG-121"),
        (lambda: tissue.free_drug("d", permeability="-1 cm/s"), SpecError, "KG-108"),
        (lambda: tissue.free_drug("d", permeability="1 cm^2/s"), UnitError, "KG-121"),
        (lambda: tissue.free_drug("d", diffusivity="1 cm/s"), UnitError, "KG-121"),
        (lambda: tissue.free_drug("d", diffusivity=10.0), UnitError, "KG-12"),
        (lambda: tissue.free_drug("d", free_in_plasma=2.0), SpecError, "KG-108"),
        (
            lambda: tissue.cell_uptake("d", passive=False),
            SpecError,
            "KG-101.*passive",
        ),
        (
            lambda: tissue.cell_uptake("d", efflux_capacity="1 nM/h"),
            SpecError,
            "KG-112.*efflux_capacity",
        ),
        (
            lambda: tissue.macrophage_uptake("d", released="x"),
            SpecError,
            "KG-112.*released",
        ),
        (
            lambda: tissue.macrophage_uptake("d", release_rate="1 1/h", load=3.0),
            SpecError,
            "KG-112.*load",
        ),
        (
            lambda: tissue.metabolism("d", metabolic_rate="1 1/h", capacity="1 nM/h"),
            SpecError,
            "KG-112",
        ),
        (
            lambda: tissue.metabolism("d", oxygen_constant="1 mmHg"),
            SpecError,
            "KG-112.*oxygen_constant",
        ),
        (lambda: tissue.metabolism("d", oxygen="pO2"), SpecError, "KG-101.*oxygen_constant"),
        (lambda: tissue.metabolism("d", form="I"), SpecError, "KG-108"),
        (lambda: tissue.oxygen(permeability="1 cm/s"), SpecError, "KG-112"),
        (lambda: tissue.carrier_release("a", "a"), SpecError, "KG-101"),
        (lambda: tissue.carrier_release("a", "b", load=-1.0), SpecError, "KG-108"),
        (lambda: tissue.interstitial_pressure(lymph_pressure="1 mmHg"), SpecError, "KG-112"),
        (lambda: tissue.linear_tissue_binding("d", bound_ratio=-1.0), SpecError, "KG-108"),
        (lambda: effect.cell_shell(), SpecError, "KG-101"),
        (lambda: effect.cell_shell("k", kg="1 1/d"), SpecError, "KG-112.*kg"),
        (lambda: effect.cell_shell("k", number=0, kclear="1 1/d"), SpecError, "KG-112.*kclear"),
        (lambda: effect.cell_shell("k", kill_outputs=("kk",)), SpecError, "KG-103.*'kk'"),
        (lambda: effect.cell_shell("k", number=-1), SpecError, "KG-108"),
    ],
)
def test_wrong_inputs(make, error, match):
    with pytest.raises(error, match=match):
        make()


def test_labels_do_not_collide():
    """Two drugs with all blocks side by side have no name in common but the shared ones."""
    parts = [
        Model(
            d,
            tissue.free_drug(d, **IGG),
            tissue.saturable_tissue_binding(d),
            tissue.protein_binding(d),
            tissue.cell_uptake(d),
            tissue.macrophage_uptake(d),
            engagement.binding(d, "T", fate="lysosome"),
            engagement.payload(d),
            tissue.label(d),
            partial=True,
        )
        for d in ("a", "b")
    ]
    both = parts[0] + parts[1]
    assert len(both.species) == len(parts[0].species) + len(parts[1].species)


def test_every_citation_of_the_blocks_is_known():
    models = [
        free("d"),
        tissue.protein_binding("d"),
        free("d", peclet=0.1),
        tissue.transport_by_size("d"),
        tissue.linear_tissue_binding("d"),
        tissue.cell_uptake("d"),
        tissue.oxygen(),
        tissue.interstitial_pressure(),
        engagement.surface_target("T"),
        engagement.binding("d", "T"),
        engagement.payload("d"),
        engagement.deconjugation("d", "e"),
        engagement.conjugate_chain("d", "T", 2),
        effect.cell_shell("k"),
    ]
    known = set(all_citations())
    for model in models:
        keys = set(model_keys(model))
        assert keys, model.name
        assert keys <= known, keys - known


def test_blocks_say_that_they_are_partial():
    assert free("d").is_partial
    assert closed(free("d")).species["F_d"].unit == "nM"
    with pytest.raises(SpecError):
        Model("rate of nothing", tissue.total_drug("d"), Rate("F_d", "0[nM/h]"))


@pytest.mark.parametrize("room", [tissue, engagement], ids=["tissue", "engagement"])
def test_every_docstring_names_its_parameters(room):
    for name in room.__all__:
        function = getattr(room, name)
        if not callable(function):
            continue
        text = inspect.getdoc(function) or ""
        for parameter in inspect.signature(function).parameters:
            assert parameter in text.split("Parameters\n", 1)[1], (name, parameter)


def test_blocks_print_and_survive_saving():
    model = Model(
        "whole",
        free("d"),
        engagement.surface_target("T", target_density="1 nM", internalization_rate="1 1/h"),
    )
    assert "flux in = permeability_d" in str(model)
    assert r"\nabla" in model.to_latex()
    assert Model.from_document(model.to_document()) == model
