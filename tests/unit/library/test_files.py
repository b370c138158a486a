"""Drugs, tumours and subjects of the library: every file loads and says where its numbers are from.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import copy
import pickle
import re
from importlib.resources import files

import krogh as kg
import pytest
from krogh.citations import all_citations, keys_of
from krogh.errors import SpecError, UnitError
from krogh.library.schema import NO_RANGE
from krogh.units import dimension

DRUGS = kg.library.drugs()
TUMOURS = kg.library.tumours()
SUBJECTS = kg.library.subjects()
SPECS = [
    *((kg.library.drug, n) for n in DRUGS),
    *((kg.library.tumour, n) for n in TUMOURS),
    *((kg.library.subject, n) for n in SUBJECTS),
]


def _values(spec):
    """Yield every value of a spec, those of sets and plasma too."""
    yield from spec.values.items()
    for plasma in getattr(spec, "plasma", {}).values():
        yield from plasma.values.items()
    for chosen in getattr(spec, "sets", {}).values():
        yield from chosen.values.items()
        for plasma in chosen.plasma.values():
            yield from plasma.values.items()
    for target in getattr(spec, "targets", {}).values():
        yield from target.values.items()
    for changed in getattr(spec, "drugs", {}).values():
        yield from changed.items()


def test_the_wanted_systems_are_there():
    assert set(DRUGS) >= {
        "T-DM1",
        "trastuzumab",
        "cetuximab",
        "doxorubicin",
        "methotrexate",
        "Zr-trastuzumab",
        "nanobody 2Rs15d",
        "liposome",
    }
    assert set(TUMOURS) >= {
        "NCI-N87",
        "HER2 3+",
        "HER2 2+",
        "HER2 1+",
        "A431",
        "HT-29",
        "tumour cord",
        "glioma, enhancing",
        "glioma, non-enhancing",
        "SK-BR-3 spheroid",
    }
    assert set(SUBJECTS) >= {"mouse 20 g", "human 70 kg"}
    for model in ("erlotinib_xenograft", "paclitaxel_simeoni_2004"):
        assert model in kg.library.names()


@pytest.mark.parametrize(("load", "name"), SPECS)
def test_every_value_has_unit_source_range_or_reason(load, name):
    spec = load(name)
    known = all_citations()
    assert spec.verification
    for base, value in _values(spec):
        assert value.source, base
        keys = keys_of(value.source)
        assert set(keys) <= set(known), (base, keys)
        formula = "molecular formula" in value.source or "convention" in value.source
        chosen = value.range == "not determined, value chosen here"
        assert keys or formula or chosen or not value.verified, base
        assert (value.ends is None) == (value.range in NO_RANGE)
        assert value.range_text[0].isdigit() or value.is_uncertain, base
        if value.ends is not None:
            assert value.ends[0] < value.quantity.value < value.ends[1]
    assert set(getattr(spec, "citations", ())) <= set(known)


@pytest.mark.parametrize(("load", "name"), SPECS)
def test_specs_are_frozen_copied_pickled_and_print(load, name):
    spec = load(name)
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert copy.deepcopy(spec) == spec
    assert type(spec).model_validate(spec.model_dump()) == spec
    with pytest.raises(ValueError, match="frozen"):
        spec.name = "other"
    spec.values.clear()  # its own copy, not the library's
    assert load(name).values
    text = str(load(name))
    for base, value in load(name).values.items():
        assert f"{base} = {value.value}" in text
    assert len(load(name).table()) >= len(load(name).values)


@pytest.mark.parametrize("name", DRUGS)
def test_regimens_are_sentences_and_drugs_are_found_by_any_spelling(name):
    drug = kg.library.drug(name)
    for regimen in drug.regimens:
        assert kg.Regimen(regimen.text).doses
    for other in (name.upper(), name.replace("-", " "), drug.label, *drug.aliases):
        assert kg.library.drug(other).name == name
    for base in ("permeability", "diffusivity", "void_fraction", "dissociation_rate"):
        if base in drug.values:
            assert base in drug.table()["value of"]


def test_what_the_optimizer_draws_has_a_range_in_the_main_system():
    values = kg.library.uncertain_values(["T-DM1", "trastuzumab"], "NCI-N87", "mouse 20 g")
    wanted = {
        f"{b}_{d}"
        for d in ("TDM1", "trastuzumab")
        for b in (
            "permeability",
            "diffusivity",
            "void_fraction",
            "dissociation_rate",
            "internalization_rate",
            "kel",
        )
    }
    assert set(values) >= wanted | {"target_density_HER2", "inner_radius", "outer_radius"}
    for value in values.values():
        assert "end" in value.source or "spread" in value.source


def test_public_sets_disagree_several_fold_and_both_are_there():
    default = kg.library.drug("T-DM1")
    lumped = kg.library.drug("T-DM1", set="Scheuher 2023")
    other = default.with_set("Singh 2016")

    def number(drug, base, unit):
        return drug.values[base].quantity.to(unit)

    assert number(default, "permeability", "cm/s") == 3e-7
    assert number(lumped, "permeability", "um/d") == pytest.approx(50.34, rel=0.005)
    assert number(other, "permeability", "um/d") == 334
    assert number(default, "diffusivity", "um^2/s") == 10
    assert number(lumped, "diffusivity", "um^2/s") == 2
    low, high = default.values["permeability"].ends
    assert low == 5.8e-8
    assert high == 3.9e-7
    assert lumped.set == "Scheuher 2023"
    assert "scheuher_2023" in kg.cite(lumped).keys
    assert "shah_2012" in kg.cite(other).keys


def test_benchmark_set_is_that_of_the_reference_case():
    """Every input of BENCH-N87 as stated there."""
    for name in ("T-DM1", "trastuzumab"):
        drug = kg.library.drug(name, set="NCI-N87 benchmark")
        stated = {
            "diffusivity": (10, "um^2/s"),
            "permeability": (3e-3, "um/s"),
            "void_fraction": (0.24, "1"),
            "association_rate": (7.1e-4, "1/nM/s"),
            "dissociation_rate": (3.5e-4, "1/s"),
            "internalization_rate": (3.3e-5, "1/s"),
            "molar_mass": (148781, "g/mol"),
        }
        assert set(drug.values) == set(stated)
        for base, (number, unit) in stated.items():
            given = drug.values[base].quantity
            assert kg.units.convert(given.value, given.unit or "1", unit) == pytest.approx(
                number, rel=1e-14
            )
        plasma = drug.plasma["mouse"]
        assert plasma.everywhere
        assert not plasma.deconjugates
        assert plasma.values["V1"].value == "1 mL"
        assert plasma.values["k12"].quantity.to("1/h") == 0.1726
        assert plasma.values["k21"].quantity.to("1/h") == 0.0890
        assert 0.6931471805599453 / plasma.values["kel"].quantity.to("1/h") == pytest.approx(
            278.4, rel=1e-12
        )
        assert drug.uncertain == ()
    tumour = kg.library.tumour("NCI-N87")
    assert tumour.molecules_per_cell_and_nM == pytest.approx(1200.5, rel=1e-7)
    target = tumour.target_values("HER2")
    assert target["target_density"].value == "833 nM"
    assert target["internalization_rate"].quantity.to("1/s") == 3.3e-5
    assert [tumour.values[n].value for n in ("inner_radius", "outer_radius")] == ["8 um", "75 um"]
    assert kg.library.subject("mouse 20 g").weight == "20 g"


def test_receptors_become_a_density():
    tumour = kg.library.tumour("HER2 3+")
    density = tumour.target_values("HER2")["target_density"]
    assert density.quantity.to("nM") == pytest.approx(1e6 / 1200.5, rel=1e-7)
    low, high = density.ends
    assert high / low == pytest.approx(1.6e6 / 499795, rel=1e-5)
    half = tumour.with_values(receptors_per_cell=5e5).target_values("HER2")["target_density"]
    assert half.quantity.to("nM") == pytest.approx(5e5 / 1200.5, rel=1e-7)
    assert half.ends is None
    given = tumour.with_values({"HER2.target_density": "100 nM"}).target_values("HER2")
    assert "receptors_per_cell" not in given
    assert given["target_density"].value == "100 nM"


def test_tables_list_everything():
    assert set(kg.library.drug_table()["name"]) == set(DRUGS)
    assert set(kg.library.tumour_table()["name"]) == set(TUMOURS)
    assert set(kg.library.subject_table()["name"]) == set(SUBJECTS)


def test_changes_make_new_specs():
    drug = kg.library.drug("T-DM1")
    other = drug.with_values(permeability="1e-7 cm/s", V1="2 mL", KD="2 nM")
    assert other.values["permeability"].value == "1e-07 cm/s"
    assert not other.values["permeability"].is_uncertain
    assert other.values["permeability"].source == "given by the user"
    assert drug.values["permeability"].value == "3e-7 cm/s"
    assert other.equilibrium_constant == pytest.approx(2.0)
    systemic, _ = kg.library.assemble(other, "NCI-N87", "mouse 20 g")
    assert systemic.parameters["V1_TDM1"].value.to("mL") == 2
    ranged = drug.with_values(
        permeability={"value": "2e-7 cm/s", "range": "interval 1e-7 to 4e-7, own data"}
    )
    assert ranged.values["permeability"].ends == (1e-7, 4e-7)
    assert "permeability" in ranged.uncertain
    bare = drug.without("deconjugation_rate", "max_kill_rate", "half_kill_payload", "kill_hill")
    assert "kill_TDM1" not in kg.library.assemble(bare, "NCI-N87", None)[1].outputs
    twin = drug.renamed("second", "other")
    assert (twin.label, twin.family) == ("other", "trastuzumab")
    subject = kg.library.subject("mouse").with_values(weight="25 g")
    assert subject.weight == "25 g"
    tumour = kg.library.tumour("NCI-N87").with_values(outer_radius="60 um", cells=32)
    assert (tumour.shape.cells, tumour.shape.outer_radius.to("um")) == (32, 60)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: kg.library.drug("T-DM2"), SpecError, r"KG-103: .*Did you mean 'T-DM1'"),
        (lambda: kg.library.drug(""), SpecError, "KG-103"),
        (lambda: kg.library.drug(3), SpecError, "KG-101"),
        (lambda: kg.library.drug("paclitaxel"), SpecError, "paclitaxel_simeoni_2004"),
        (lambda: kg.library.tumour("NCI-N78"), SpecError, r"Did you mean 'NCI-N87'"),
        (lambda: kg.library.subject("mouse 20 mg"), SpecError, r"Did you mean 'mouse 20 g'"),
        (
            lambda: kg.library.drug("T-DM1", set="NCI-N87 benchmrk"),
            SpecError,
            r"KG-103: .*Did you mean 'NCI-N87 benchmark'",
        ),
        (
            lambda: kg.library.drug("T-DM1").with_values(difusivity="3 um^2/s"),
            SpecError,
            r"KG-103: .*Did you mean 'diffusivity'",
        ),
        (
            lambda: kg.library.drug("T-DM1").with_values(diffusivity="3 um/s"),
            UnitError,
            "KG-121",
        ),
        (lambda: kg.library.drug("T-DM1").with_values(diffusivity=3), UnitError, "KG-121"),
        (lambda: kg.library.drug("T-DM1").with_values(KD="3 nM/s"), UnitError, "KG-121"),
        (
            lambda: kg.library.drug("T-DM1").with_values(permeability="-1e-7 cm/s"),
            SpecError,
            "KG-108: .*negative",
        ),
        (
            lambda: kg.library.drug("T-DM1").with_values(
                permeability={"value": "9e-7 cm/s", "range": "interval 1e-7 to 4e-7, x"}
            ),
            SpecError,
            "KG-108: .*does not lie inside",
        ),
        (
            lambda: kg.library.drug("T-DM1").with_values(permeability={"valu": "9e-7 cm/s"}),
            SpecError,
            "KG-108: .*no field 'valu'",
        ),
        (lambda: kg.library.drug("T-DM1").without("paylod"), SpecError, "KG-103"),
        (lambda: kg.library.drug("liposome").with_values(KD="1 nM"), SpecError, "KG-103"),
        (
            lambda: kg.library.tumour("NCI-N87").with_values(outer_radius="5 um"),
            SpecError,
            r"KG-108: .*must exceed the inner one",
        ),
        (
            lambda: kg.library.tumour("NCI-N87").with_values(outer_radus="50 um"),
            SpecError,
            r"KG-103: .*Did you mean 'outer_radius'",
        ),
        (
            lambda: kg.library.tumour("NCI-N87").with_target("EGFR", receptors="1e5"),
            SpecError,
            "KG-103",
        ),
        (
            lambda: kg.library.tumour("NCI-N87").with_target("EGFR"),
            SpecError,
            "KG-108: .*receptors_per_cell or target_density",
        ),
        (
            lambda: kg.library.tumour("NCI-N87").target_values("HER3"),
            SpecError,
            "KG-147: .*Did you mean 'HER2'",
        ),
        (lambda: kg.library.subject("mouse").with_values(height="1 m"), SpecError, "KG-103"),
        (lambda: kg.library.subject("mouse").with_values(weight="1 m"), UnitError, "KG-121"),
        (lambda: kg.cite("T-DM2"), SpecError, "Did you mean 'T-DM1'"),
    ],
)
def test_wrong_names_and_overrides_are_named(call, error, text):
    with pytest.raises(error, match=text):
        call()


_TDM1 = files("krogh.library").joinpath("drugs", "tdm1.toml").read_text(encoding="utf-8")
_N87 = files("krogh.library").joinpath("tumours", "nci_n87.toml").read_text(encoding="utf-8")
_MOUSE = files("krogh.library").joinpath("subjects", "mouse_20g.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("load", "text", "old", "new", "message"),
    [
        ("drug", _TDM1, 'name = "T-DM1"', "", "name: field required"),
        ("drug", _TDM1, 'kind = "antibody-drug conjugate"', 'kind = "pill"', "kind"),
        ("drug", _TDM1, 'label = "TDM1"', 'label = "T-DM1"', "no identifier"),
        ("drug", _TDM1, "\npermeability =", "\npermeabilty =", "Did you mean 'permeability'"),
        ("drug", _TDM1, '"3e-7 cm/s"', '"3e-7 cm"', r"permeability is 3e-7 cm; needed"),
        ("drug", _TDM1, '"interval 5.8e-8 to 3.9e-7', '"interval 3.1e-7 to 3.9e-7', "inside"),
        ("drug", _TDM1, '"interval 5.8e-8 to 3.9e-7', '"from 5.8e-8 to 3.9e-7', "a range is"),
        ("drug", _TDM1, "verified = false", "verfied = false", "Did you mean 'verified'"),
        ("drug", _TDM1, "k21 =", "k31 =", "plasma needs the value 'k21'"),
        ("drug", _TDM1, "[values]", "[values", "not valid TOML"),
        ("tumour", _N87, "outer_radius =", "outer_raduis =", "outer_raduis"),
        ("tumour", _N87, '"75 um"', '"75 nM"', "outer_radius is 75 nM"),
        ("tumour", _N87, '"cylinder"', '"cube"', "geometry"),
        ("tumour", _N87, "target_density =", "target_densty =", "Did you mean 'target_density'"),
        ("subject", _MOUSE, "surface =", "area =", "surface"),
        ("subject", _MOUSE, '"20 g"', '"20 um"', "weight is 20 um"),
    ],
)
def test_wrong_files_are_named(tmp_path, load, text, old, new, message):
    path = tmp_path / "own.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    loader = getattr(kg.library, f"load_{load}")
    with pytest.raises(SpecError, match=f"KG-114: (?s:.*){message}"):
        loader(path)


def test_own_files_load(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(_TDM1.replace('"T-DM1"', '"mine"', 1), encoding="utf-8")
    assert kg.library.load_drug(path).with_values() == kg.library.load_drug(path)
    assert kg.library.load_drug(path).name == "mine"
    path.write_text(_N87, encoding="utf-8")
    assert kg.library.load_tumour(path) == kg.library.tumour("NCI-N87")
    path.write_text(_MOUSE, encoding="utf-8")
    assert kg.library.load_subject(path) == kg.library.subject("mouse 20 g")


def test_missing_files_are_named(tmp_path):
    with pytest.raises(SpecError, match="KG-114: cannot read"):
        kg.library.load_drug(tmp_path / "none.toml")


def test_every_published_key_in_the_files_is_known():
    known = all_citations()
    for folder in ("drugs", "tumours", "subjects"):
        for entry in files("krogh.library").joinpath(folder).iterdir():
            if entry.name.endswith(".toml"):
                text = entry.read_text(encoding="utf-8")
                for key in re.findall(r"\[([a-z][a-z_]*_[0-9]{4})\]", text):
                    assert key in known, (entry.name, key)


def test_cite_knows_drugs_and_tumours():
    for thing in (kg.library.drug("T-DM1"), "T-DM1"):
        assert {"thurber_2008", "scheuher_2023", "khera_2018"} <= set(kg.cite(thing).keys)
    assert "larson_2010" in kg.cite(kg.library.tumour("HER2 1+")).keys
    assert kg.cite("HER2 1+").keys == kg.cite(kg.library.tumour("HER2 1+")).keys
    assert "du_bois_1916" in kg.cite("human 70 kg").keys


def test_units_of_the_names_are_units():
    from krogh.library.drug_spec import DRUG_VALUES, PLASMA_VALUES

    for unit in (*DRUG_VALUES.values(), *PLASMA_VALUES.values()):
        assert dimension(unit or "1") is not None


def test_the_page_lists_every_name_and_its_code_runs(source_tree):
    page = (source_tree / "python" / "docs" / "library.md").read_text(encoding="utf-8")
    for name in (*DRUGS, *TUMOURS, *SUBJECTS):
        assert f"| `{name}` |" in page, name
    for name in DRUGS:
        for chosen in kg.library.drug(name).sets:
            assert f"`{chosen}`" in page
    code = page.split("```python\n", 1)[1].split("```", 1)[0]
    scope: dict[str, object] = {"print": lambda *_: None}
    exec(code, scope)
    assert "occupancy_HER2" in scope["tissue"].outputs
