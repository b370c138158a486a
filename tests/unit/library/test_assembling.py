"""Models assembled from drugs, tumours and subjects.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.errors import SpecError
from krogh.model import Model

SYSTEMS = [
    (["T-DM1"], "NCI-N87", "mouse 20 g"),
    (["T-DM1", "trastuzumab"], "NCI-N87", "mouse 20 g"),
    (["T-DM1", "trastuzumab"], "HER2 3+", "human 70 kg"),
    (["T-DM1"], "HER2 1+", "human 70 kg"),
    (["trastuzumab"], "HER2 2+", "mouse 20 g"),
    (["Zr-trastuzumab", "trastuzumab"], "HER2 3+", "human 70 kg"),
    (["cetuximab"], "A431", "mouse 20 g"),
    (["cetuximab"], "HT-29", "human 70 kg"),
    (["doxorubicin"], "tumour cord", "human 70 kg"),
    (["methotrexate"], "glioma, non-enhancing", "human 70 kg"),
    (["nanobody"], "NCI-N87", "human 70 kg"),
    (["nanobody", "trastuzumab"], "NCI-N87", "mouse 20 g"),
    (["liposome"], "HER2 3+", None),
    (["liposome", "trastuzumab"], "SK-BR-3 spheroid", None),
]
SETS = [(n, s) for n in kg.library.drugs() for s in kg.library.drug(n).sets]


def _standard(drug):
    names = [f"free_{drug.label}", f"total_{drug.label}"]
    if drug.target:
        names += [f"{b}_{drug.label}" for b in ("bound", "internalized", "uptake")]
        names.append(f"occupancy_{drug.target}")
    if "drug_antibody_ratio" in drug.values:
        names.append(f"payload_{drug.label}")
    if "max_kill_rate" in drug.values:
        names += [f"kill_{drug.label}", "viable"]
    if drug.label_kind:
        names.append(f"label_{drug.label}")
    return names


@pytest.mark.parametrize(("drugs", "tumour", "subject"), SYSTEMS)
def test_assembled_models_have_the_standard_outputs_and_compile(drugs, tumour, subject):
    found = kg.library.assembly_of(drugs, tumour, subject)
    tissue = found.tissue
    for name in drugs:
        for output in _standard(kg.library.drug(name)):
            assert output in tissue.outputs, output
    assert Model.from_document(tissue.to_document()).content == tissue.content
    names = [c.name for c in tissue.components if isinstance(c, kg.Rule | kg.Parameter)]
    assert len(names) == len(set(names))
    assert all(p.source for n, p in tissue.parameters.items() if not n.startswith("free_in_plasma"))
    assert set(found.owners) == set(found.values)
    if subject is None:
        assert found.systemic is None
    else:
        systemic = found.systemic
        assert systemic.compile().state_names
        for name in drugs:
            label = kg.library.drug(name).label
            assert systemic.outputs[f"Cp_{label}"].unit == "nM"
            assert tissue.transports[f"F_{label}"].plasma == f"Cp_{label}"
        assert not set(systemic.species) & set(tissue.species)
        merged = systemic + tissue  # common parameters are identical
        assert len(merged.species) == len(systemic.species) + len(tissue.species)
        assert set(found.values) <= set(merged.parameters)


@pytest.mark.parametrize(("name", "chosen"), SETS)
def test_every_value_set_assembles(name, chosen):
    drug = kg.library.drug(name, set=chosen)
    for subject in ("mouse 20 g", "human 70 kg"):
        systemic, tissue = kg.library.assemble(drug, "NCI-N87", subject)
        assert systemic.parameters[f"molar_mass_{drug.label}"].value is not None
        for output in _standard(drug):
            assert output in tissue.outputs


def test_doses_per_weight_arrive_as_nmol_at_the_drug_they_name():
    systemic, _ = kg.library.assemble(["T-DM1", "trastuzumab"], "NCI-N87", "mouse 20 g")
    result = kg.simulate(
        systemic,
        kg.Regimen("T-DM1 3.6 mg/kg + trastuzumab 10.8 mg/kg"),
        times=["0 h"],
        weight="20 g",
    )
    nM = 3.6e6 * 0.020 / 148781 / 1e-3
    assert result["Cp_TDM1"].values[0, 0] == pytest.approx(nM, rel=1e-9)
    assert result["Cp_trastuzumab"].values[0, 0] == pytest.approx(3 * nM, rel=1e-9)


def test_mouse_plasma_is_two_compartments_with_loss_from_both():
    systemic, _ = kg.library.assemble(
        kg.library.drug("trastuzumab", set="NCI-N87 benchmark"), "NCI-N87", "mouse 20 g"
    )
    hours = np.array([0.0, 6.0, 24.0, 240.0])
    result = kg.simulate(systemic, "1 nmol", times=(hours, "h"), rtol=1e-9)
    k12, k21, k = 0.1726, 0.0890, np.log(2) / 278.4
    # loss from both compartments factors out: exp(-k t) times the closed two-compartment exchange
    closed = (k21 + k12 * np.exp(-(k12 + k21) * hours)) / (k12 + k21)
    np.testing.assert_allclose(
        result["Cp_trastuzumab"].values[0], 1e3 * closed * np.exp(-k * hours), rtol=1e-6
    )


@pytest.mark.parametrize(
    ("drug", "model", "weight", "dose"),
    [
        ("T-DM1", "tdm1_lu_2014", "70 kg", "3.6 mg/kg"),
        ("trastuzumab", "trastuzumab_quartino_2019", "60 kg", "8 mg/kg"),
        ("cetuximab", "cetuximab_dirks_2008", "85 kg", "400 mg"),
    ],
)
def test_human_plasma_is_that_of_the_published_typical_subject(drug, model, weight, dose):
    spec = kg.library.drug(drug)
    subject = kg.library.subject("human").with_values(weight=weight)
    systemic, _ = kg.library.assemble(spec, {"cetuximab": "A431"}.get(drug, "HER2 3+"), subject)
    published = kg.library.model(model).with_values(WT=weight)
    times = ([0.5, 24, 168, 504], "h")
    ours = kg.simulate(systemic, dose, times=times, weight=weight, rtol=1e-9)
    theirs = kg.simulate(published, dose, times=times, weight=weight, rtol=1e-9)
    mass = spec.molar_mass.quantity.to("kg/mol")
    np.testing.assert_allclose(
        ours[f"Cp_{spec.label}"].values * mass * 1e-3, theirs["Cp"].values, rtol=2e-6
    )


def test_methotrexate_plasma_is_in_moles_and_three_compartments():
    systemic, _ = kg.library.assemble("methotrexate", "glioma", "human 70 kg")
    times = ([2, 6, 48], "h")
    ours = kg.simulate(systemic, "12 g over 4 h", times=times, rtol=1e-9)
    theirs = kg.simulate(
        kg.library.model("methotrexate_joerger_2006"), "12 g over 4 h", times=times, rtol=1e-9
    )
    np.testing.assert_allclose(
        ours["Cp_methotrexate"].values * 1e-3, theirs["Cp"].values, rtol=1e-6
    )


def test_drugs_of_one_sink_fill_it_together():
    """A tracer leaves as part of the cold drug: the pair behaves as one drug of the summed dose."""
    systemic, _ = kg.library.assemble(["Zr-trastuzumab", "trastuzumab"], "HER2 3+", "human 70 kg")
    one, _ = kg.library.assemble("trastuzumab", "HER2 3+", "human 70 kg")
    times = ([24, 96, 240], "h")
    pair = kg.simulate(
        systemic, kg.Regimen("Zr-trastuzumab 10 mg + trastuzumab 40 mg"), times=times, rtol=1e-9
    )
    sum_ = kg.simulate(one, "50 mg", times=times, rtol=1e-9)
    alone = kg.simulate(systemic, kg.Regimen("Zr-trastuzumab 10 mg"), times=times, rtol=1e-9)
    total = pair["Cp_tracer"].values + pair["Cp_trastuzumab"].values
    np.testing.assert_allclose(total, sum_["Cp_trastuzumab"].values, rtol=1e-6)
    np.testing.assert_allclose(pair["Cp_tracer"].values, total / 5, rtol=1e-6)
    assert np.all(alone["Cp_tracer"].values[0] < pair["Cp_tracer"].values[0])


def test_drugs_of_one_target_share_it():
    _, tissue = kg.library.assemble(["T-DM1", "trastuzumab"], "NCI-N87", None)
    text = str(tissue.derivative("S_HER2"))
    assert "association_rate_TDM1" in text
    assert "association_rate_trastuzumab" in text
    occupied = str(tissue.rules["occupancy_HER2"].expression)
    assert "B_TDM1" in occupied
    assert "B_trastuzumab" in occupied


def test_conjugates_become_naked_antibody():
    systemic, tissue = kg.library.assemble("T-DM1", "NCI-N87", "mouse 20 g")
    assert {"F_TDM1_naked", "B_TDM1_naked"} <= set(tissue.species)
    assert "B_TDM1_naked" in str(tissue.rules["occupancy_HER2"].expression)
    assert "central_TDM1_naked" in systemic.species
    assert set(systemic.dose_inputs) == {"central_TDM1"}
    total = kg.simulate(systemic, "1 nmol", times=([0, 240], "h"), rtol=1e-9)
    loss = np.exp(-8.5e-7 * 240 * 3600)
    naked = total["Cp_TDM1_naked"].values[0, -1]
    intact = total["Cp_TDM1"].values[0, -1]
    assert intact / (intact + naked) == pytest.approx(loss, rel=1e-6)
    pair, both = kg.library.assemble(["T-DM1", "trastuzumab"], "NCI-N87", "mouse 20 g")
    assert "F_TDM1_naked" not in both.species
    assert "deconjugation_rate_TDM1" in str(both.derivative("F_trastuzumab"))
    assert "deconjugation_rate_TDM1" in str(pair.derivative("central_trastuzumab"))
    kept, _ = kg.library.assemble(
        kg.library.drug("T-DM1").without("deconjugation_rate"), "NCI-N87", "mouse 20 g"
    )
    assert set(kept.species) == {"central_TDM1", "peripheral_TDM1"}
    human, _ = kg.library.assemble(["T-DM1", "trastuzumab"], "NCI-N87", "human 70 kg")
    assert "deconjugation" not in str(human.derivative("central_TDM1"))  # Lu's clearance holds it


def test_tumours_change_values_of_drugs():
    _, tissue = kg.library.assemble("trastuzumab", "SK-BR-3 spheroid", None)
    assert tissue.parameters["diffusivity_trastuzumab"].value.to("um^2/s") == 6
    assert tissue.parameters["dissociation_rate_trastuzumab"].value.to("1/s") == 4e-3
    assert tissue.transports["F_trastuzumab"].wall_kind == "fixed"
    assert "permeability_trastuzumab" not in tissue.parameters


def test_fields_of_porosity():
    found = kg.library.assembly_of(["liposome", "trastuzumab"], "SK-BR-3 spheroid", None)
    assert set(found.fields) == {
        f"{b}_{d}" for b in ("void_fraction", "diffusivity") for d in ("liposome", "trastuzumab")
    }
    void = found.fields["void_fraction_trastuzumab"]
    np.testing.assert_allclose(void(np.array([0.0, 200.0])), [0.24, 0.24 * 0.56052], rtol=1e-12)
    center = void(np.array([100.0]))[0] / 0.24
    assert center == pytest.approx(0.43948 * 0.5**3.1974 + 0.56052, rel=1e-12)
    assert kg.library.assembly_of("trastuzumab", "NCI-N87", None).fields == {}


def test_transport_of_particles_follows_from_their_radius():
    small, large = (
        kg.library.assemble(kg.library.drug("liposome").with_values(radius=r), "HER2 3+", None)[1]
        for r in ("10 nm", "50 nm")
    )
    for tissue, p, eps in ((small, 1.79e-7, 0.083), (large, 2.5e-8, 0.045)):
        assert tissue.parameters["permeability_liposome"].value.to("cm/s") == pytest.approx(
            p, rel=0.01
        )
        assert tissue.parameters["void_fraction_liposome"].value.value == pytest.approx(
            eps, abs=6e-4
        )
    given = kg.library.drug("liposome").with_values(permeability="1e-8 cm/s")
    tissue = kg.library.assemble(given, "HER2 3+", None)[1]
    assert tissue.parameters["permeability_liposome"].value.to("cm/s") == 1e-8


@pytest.mark.parametrize(
    ("drugs", "tumour", "subject", "text"),
    [
        ([], "NCI-N87", None, "KG-147: .*one drug"),
        (["trastuzumab", "trastuzumab"], "NCI-N87", None, "KG-148: .*'trastuzumab'"),
        (["trastuzumab"], "A431", None, "KG-147: .*no target 'HER2'"),
        (["doxorubicin"], "NCI-N87", "mouse 20 g", "KG-147: .*no plasma values for the mouse"),
        (["methotrexate"], "NCI-N87", None, "KG-147: .*no permeability"),
        (["T-DM2"], "NCI-N87", None, "KG-103: .*Did you mean 'T-DM1'"),
        ([3], "NCI-N87", None, "KG-147: .*is no Drug"),
        (["trastuzumab"], 3, None, "KG-147: .*is no Tumour"),
        (["trastuzumab"], "NCI-N87", 3, "KG-147: .*is no Subject"),
    ],
)
def test_what_does_not_go_together_is_said(drugs, tumour, subject, text):
    with pytest.raises(SpecError, match=text):
        kg.library.assemble(drugs, tumour, subject)


def test_missing_parts_of_a_process_are_said():
    drug = kg.library.drug("T-DM1")
    for gone, text in (
        (("internalization_rate",), "no internalization_rate"),
        (("kill_hill",), "no kill_hill"),
        (("lysosomal_rate",), "lysosom"),
        (("diffusivity",), "no diffusivity"),
    ):
        with pytest.raises(SpecError, match=f"KG-147: .*{text}"):
            kg.library.assemble(drug.without(*gone), "NCI-N87", None)
    big = kg.library.drug("liposome").with_values(radius="600 nm")
    with pytest.raises(SpecError, match=r"KG-147: .*passes no pore"):
        kg.library.assemble(big, "HER2 3+", None)


def test_shapes_of_the_tumours():
    cylinder = kg.tumour.krogh_cylinder(antigen="HER2 2+", vessel_density="100 1/mm^2", cells=32)
    assert cylinder.shape.outer_radius.to("um") == pytest.approx(56.4189583548)
    assert cylinder.shape.cells == 32
    assert not cylinder.values["outer_radius"].is_uncertain
    assert cylinder.values["inner_radius"].is_uncertain
    ball = kg.tumour.spheroid("NCI-N87", radius="150 um", receptors_per_cell=2e5)
    assert ball.shape.radius.to("um") == 150
    density = ball.target_values("HER2")["target_density"]
    assert density.quantity.to("nM") == pytest.approx(2e5 / 1200.5, rel=1e-7)
    sheet = kg.tumour.slab("A431", thickness="180 um", supply="both")
    assert (sheet.shape.thickness.to("um"), sheet.shape.supply) == (180, "both")
    for tumour in (cylinder, ball, sheet):
        drug = "cetuximab" if "EGFR" in tumour.targets else "trastuzumab"
        _, tissue = kg.library.assemble(drug, tumour, None)
        wall = tissue.transports[f"F_{drug}"].wall_kind
        assert wall == ("fixed" if tumour.geometry == "sphere" else "membrane")
    assert kg.tumour.spheroid("SK-BR-3 spheroid", radius="100 um").porosity


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: kg.tumour.krogh_cylinder("HER2 4+"), "KG-103"),
        (lambda: kg.tumour.krogh_cylinder("SK-BR-3 spheroid"), "KG-147: .*is a sphere"),
        (
            lambda: kg.tumour.krogh_cylinder(vessel_density="50 1/mm^2", outer_radius="70 um"),
            "KG-112",
        ),
        (lambda: kg.tumour.krogh_cylinder(inner_radius="80 um"), "KG-108: .*must exceed"),
        (lambda: kg.tumour.krogh_cylinder(vessel_densty="50 1/mm^2"), "KG-103"),
        (lambda: kg.tumour.spheroid(radius="-3 um"), "KG-108: .*negative"),
        (lambda: kg.tumour.slab(supply="outer"), "KG-108"),
        (lambda: kg.tumour.slab(cells=1), "KG-108"),
    ],
)
def test_wrong_shapes_are_named(call, text):
    with pytest.raises(SpecError, match=text):
        call()
