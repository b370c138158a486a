"""Transport as a part of models: checks, printing, names, documents.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import json

import krogh as kg
import pytest
from krogh.errors import SpecError, UnitError
from krogh.model import Model, Output, Parameter, Reaction, Species, Transport, json_schema

PARTS = [
    Parameter("D", "10 um^2/s"),
    Parameter("eps", "0.24"),
    Parameter("P", "3e-3 um/s"),
    Parameter("kon", "7.1e-4 1/(nM s)"),
    Parameter("koff", "3.5e-4 1/s"),
    Parameter("S0", "833 nM"),
    Parameter("fu", "0.5"),
    Species("F", "nM"),
    Species("S", "nM", initial="S0"),
    Species("B", "nM"),
    Reaction("F + S <-> B", forward="kon/eps*F*S", backward="koff*B"),
    Output("free", "F/eps", unit="nM"),
]
MOVES = Transport(
    "F", diffusivity="D", void_fraction="eps", permeability="P", plasma="Cp", free_in_plasma="fu"
)


@pytest.fixture(scope="module")
def tissue():
    return Model("tissue", *PARTS, MOVES)


def test_a_transport_belongs_to_its_species(tissue):
    assert tissue.transports == {"F": MOVES}
    assert MOVES.wall_kind == "membrane"
    assert Transport("F", diffusivity="D").wall_kind == "closed"
    assert Transport("F", diffusivity="D", wall="fixed", plasma="Cp").wall_kind == "fixed"
    assert str(MOVES.outside) == "fu*Cp"
    assert str(MOVES.inside) == "F/eps"


def test_text_latex_and_html_show_the_divergence(tissue):
    text = str(tissue)
    assert "d(F)/dt = div(D*eps*grad(F/eps)) - kon/eps*F*S + koff*B" in text
    assert "F: flux in = P*(fu*Cp - F/eps)" in text
    assert "d(S)/dt = -kon/eps*F*S + koff*B" in text
    latex = tissue.to_latex()
    assert (
        r"\nabla \cdot \left(D\,\mathrm{eps} \, \nabla \left(\frac{F}{\mathrm{eps}}\right)" in latex
    )
    assert r"J_{F} &= P\,\left(\mathrm{fu}\,\mathrm{Cp} - \frac{F}{\mathrm{eps}}\right)" in latex
    page = tissue._repr_html_()
    assert "&nabla;&middot;(" in page
    assert "flux in" in page


@pytest.mark.parametrize(
    ("transport", "shown"),
    [
        (Transport("F", diffusivity="D"), "nothing passes the wall"),
        (Transport("F", diffusivity="D", wall="fixed", plasma="Cp"), "F = Cp at the wall"),
        (Transport("F", diffusivity="D", permeability="P"), "flux in = P*-F"),
        (Transport("F", diffusivity="D", retardation="0.9"), "0.9 of the fluid's velocity"),
        (Transport("F", diffusivity="D", permeability="P", reflection="eps"), "holds back eps of"),
        (Transport("F", diffusivity="D + D", void_fraction="eps"), "div((D + D)*eps*grad(F/eps))"),
    ],
)
def test_each_wall_is_shown(transport, shown):
    assert shown in str(Model("tissue", *PARTS, transport))


def test_document_and_schema_hold_it(tissue):
    document = json.loads(json.dumps(tissue.to_document()))
    assert document["transports"][0]["plasma"] == "Cp"
    assert Model.from_document(document) == tissue
    assert "Transport" in json_schema()["$defs"]
    assert json_schema()["properties"]["transports"]["type"] == "array"


def test_models_differ_by_their_transports(tissue):
    other = tissue.replace(MOVES.changed(plasma="C2"))
    assert other != tissue
    assert other.compile() is not tissue.compile()


def test_renaming_reaches_species_expressions_and_plasma(tissue):
    renamed = tissue.rename({"F": "G", "eps": "phi", "Cp": "C2"})
    assert renamed.transports["G"] == Transport(
        "G",
        diffusivity="D",
        void_fraction="phi",
        permeability="P",
        plasma="C2",
        free_in_plasma="fu",
    )
    prefixed = tissue.prefix("x_").transports["x_F"]
    assert str(prefixed.permeability) == "x_P"
    assert prefixed.plasma == "Cp"  # a name of another model


def test_merging_keeps_one_and_refuses_two(tissue):
    assert (tissue + tissue).transports == {"F": MOVES}
    with pytest.raises(SpecError, match=r"KG-115.*transport of 'F'") as caught:
        _ = tissue + MOVES.changed(plasma="C2")
    assert "plasma: Cp / C2" in str(caught.value)


def test_without_a_species_goes_its_transport():
    model = Model("two", *PARTS, MOVES, Species("X", "nM"), Transport("X", diffusivity="D"))
    assert list(model.without("X").transports) == ["F"]


def test_nothing_is_missed_by_the_warnings(tissue):
    assert tissue.check() == ()


@pytest.mark.parametrize(
    ("fields", "kind", "words"),
    [
        ({"diffusivity": "eps"}, UnitError, r"KG-121: diffusivity in the transport of 'F'"),
        ({"diffusivity": "D", "void_fraction": "P"}, UnitError, "KG-121: void fraction"),
        ({"diffusivity": "D", "permeability": "D"}, UnitError, "KG-121: permeability"),
        ({"diffusivity": "D", "void_fraction": "F/S"}, SpecError, "KG-111.*species 'F'"),
        ({"diffusivity": "DD"}, SpecError, "KG-103.*'DD' is unknown"),
        ({"diffusivity": "D", "retardation": "t/1[h]"}, SpecError, "KG-111.*time"),
        ({"diffusivity": "D", "permeability": "P", "reflection": "P"}, UnitError, "KG-121: reflec"),
        ({"diffusivity": "D", "permeability": "P", "reflection": 2}, SpecError, "KG-108.*reflect"),
        ({"diffusivity": "D", "reflection": 0.5}, SpecError, "KG-112.*: 'reflection' belongs"),
    ],
)
def test_expressions_are_checked(fields, kind, words):
    with pytest.raises(kind, match=words):
        Model("tissue", *PARTS, Transport("F", **fields))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "KG-101.*needs 'diffusivity'"),
        ({"diffusivity": "D", "difusivity": "D"}, "KG-103.*no field 'difusivity'.*'diffusivity'"),
        ({"diffusivity": "D", "wall": "membrane"}, "KG-112.*needs 'permeability'"),
        (
            {"diffusivity": "D", "wall": "fixed", "permeability": "P"},
            "KG-112.*belongs to a membrane",
        ),
        ({"diffusivity": "D", "plasma": "Cp"}, "KG-112.*closed wall"),
        ({"diffusivity": "D", "permeability": "P", "free_in_plasma": "fu"}, "KG-112.*not given"),
        ({"diffusivity": "D", "wall": "open"}, "KG-101.*'membrane', 'fixed' or 'closed'"),
        ({"diffusivity": "D", "void_fraction": 1.5}, r"KG-108.*\(0, 1\]"),
    ],
)
def test_parts_that_do_not_fit_are_refused(fields, words):
    with pytest.raises(SpecError, match=words):
        Transport("F", **fields)


def test_only_concentrations_move():
    with pytest.raises(
        UnitError,
        match=r"KG-121.*only concentrations, pressures and shares of the volume move; 'A' is in mg",
    ):
        Model("m", Parameter("D", "1 um^2/s"), Species("A", "mg"), Transport("A", diffusivity="D"))


def test_there_must_be_such_a_species():
    with pytest.raises(SpecError, match=r"KG-103.*transport of 'G'.*no species 'G'"):
        Model("tissue", *PARTS, Transport("G", diffusivity="D"))


def test_a_tissue_is_no_point(tissue):
    with pytest.raises(SpecError, match=r"(?s)KG-160.*simulate_line.*well_mixed") as caught:
        kg.simulate(tissue, until="1 h")
    assert "'F'" in str(caught.value)
    with pytest.raises(SpecError, match=r"KG-160"):
        kg.steady_state(tissue, None)
