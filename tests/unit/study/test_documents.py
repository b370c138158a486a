"""Studies as documents: TOML round trips, changed values, definitions of one's own.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import pickle
import tomllib
from pathlib import Path
from typing import Any

import krogh as kg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from krogh.errors import SpecError
from krogh.study import Settings, Study
from krogh.study.toml_text import line_of, toml_text


def studies() -> dict[str, Study]:
    tumour = kg.library.tumour("NCI-N87")
    drug = kg.library.drug("T-DM1")
    two = ["T-DM1", "trastuzumab"]
    mixture = "T-DM1 3.6 mg/kg + trastuzumab 10.8 mg/kg"
    return {
        "by name": Study("T-DM1", "NCI-N87", "3.6 mg/kg"),
        "repeated": Study("T-DM1", "NCI-N87", "3.6 mg/kg over 90 min every 21 d x 2", until="42 d"),
        "two drugs": Study(two, "NCI-N87", mixture, targets="occupancy >= 90 % in 90 % of cells"),
        "other values": Study(
            drug.with_values(dissociation_rate="1e-4 1/s", kel="0.1 1/d"),
            tumour.with_values({"outer_radius": "60 um", "cells": 32}),
            "1.8 mg/kg",
            rtol=1e-4,
            title="thinner",
        ),
        "a value with a range": Study(
            drug.with_values(
                permeability={
                    "value": "2e-7 cm/s",
                    "range": "interval 1e-7 to 3e-7, own measurements",
                    "source": "notebook 7",
                }
            ),
            tumour,
            "3.6 mg/kg",
        ),
        "a set of values": Study(drug.with_set("NCI-N87 benchmark"), tumour, "3.6 mg/kg"),
        "of one's own": Study(drug.renamed("mine", "M"), tumour, "3.6 mg/kg", times=["0 h", "6 h"]),
        "two way": Study(drug, tumour, "3.6 mg/kg", tumour_volume="0.2 mL", comparator=False),
        "in a medium": Study("trastuzumab", "SK-BR-3 spheroid", plasma={"trastuzumab": "100 nM"}),
        "on a curve": Study(
            two,
            tumour,
            plasma={
                "T-DM1": (([0, 6, 24], "h"), [60, 30, 20], "ug/mL"),
                "trastuzumab": "15 ug/mL",
            },
        ),
        "heavier": Study(drug, tumour, "1 mg", subject=kg.library.subject("mouse 20 g")),
    }


@pytest.mark.parametrize("name", studies())
def test_a_study_reads_back_from_its_own_text(name: str, tmp_path: Path) -> None:
    study = studies()[name]
    again = Study.from_toml(study.to_toml())
    assert again == study
    assert again.drugs == study.drugs
    assert again.tumour == study.tumour
    assert again._regimen == study._regimen
    assert again.plasma == study.plasma
    assert again.targets == study.targets
    assert again.settings == study.settings
    path = study.save(tmp_path / "study.toml")
    assert Study.load(path) == study
    assert kg.open(path) == study
    assert pickle.loads(pickle.dumps(study)) == study


def test_what_the_library_has_is_named_and_not_copied() -> None:
    document = studies()["other values"].to_document()
    assert document["drug"] == {
        "name": "T-DM1",
        "dissociation_rate": "0.0001 1/s",
        "kel": "0.1 1/d",
    }
    assert document["tumour"] == {"name": "NCI-N87", "outer_radius": "60 um", "cells": 32}
    assert "definition" in studies()["of one's own"].to_document()["drug"]


def test_a_study_does_not_change() -> None:
    study = studies()["by name"]
    with pytest.raises(AttributeError, match="does not change"):
        study.until = "3 d"  # type: ignore[misc]
    with pytest.raises(AttributeError, match="does not change"):
        del study._until
    other = study.with_values(until="3 d")
    assert (study.until, other.until) == ("24 h", "3 d")
    assert study != other
    assert len({study, other, study.with_values(until="24 h")}) == 2


def test_an_unknown_attribute_is_suggested() -> None:
    with pytest.raises(AttributeError, match="Did you mean 'regimen'"):
        _ = studies()["by name"].regimens


def test_values_by_dotted_names() -> None:
    study = studies()["two drugs"].with_values(
        {
            "TDM1.dissociation_rate": "1e-4 1/s",
            "trastuzumab.KD": "0.1 nM",
            "tumour.HER2.internalization_rate": "2e-5 1/s",
            "tumour.cells": "48",
            "subject.weight": "25 g",
            "settings.rtol": "1e-4",
            "settings.comparator": "false",
            "regimen": "trastuzumab 10 mg/kg + T-DM1 1 mg/kg",
        }
    )
    assert study.drugs[0].values["dissociation_rate"].value == "0.0001 1/s"
    assert study.drugs[1].equilibrium_constant == pytest.approx(0.1)
    assert study.tumour.targets["HER2"].values["internalization_rate"].value == "2e-05 1/s"
    assert study.shape.cells == 48
    assert study.subject.weight == "25 g"
    assert study.settings == Settings(rtol=1e-4, comparator=False)
    assert study.regimen.drugs == ("trastuzumab", "T-DM1")


def test_another_drug_or_tumour_by_name() -> None:
    study = studies()["by name"].with_values(tumour="HER2 1+", drug="trastuzumab")
    assert study.tumour.name == kg.library.tumour("HER2 1+").name
    assert study.drugs[0].name == "trastuzumab"


def test_names_of_drugs_in_regimens_are_read_as_people_write_them() -> None:
    drugs = ["T-DM1", "trastuzumab"]
    study = Study(drugs, "NCI-N87", "Kadcyla 3.6 mg/kg + Trastuzumab 1 mg/kg")
    assert study.regimen.drugs == ("T-DM1", "trastuzumab")


def test_shapes_of_a_document_are_those_of_python() -> None:
    study = Study.from_toml(
        'drug = "T-DM1"\nregimen = "1 mg/kg"\n'
        '[tumour]\nkind = "spheroid"\nname = "HER2 3+"\nradius = "150 um"\ncells = 32\n'
    )
    assert study.tumour == kg.tumour.spheroid("HER2 3+", radius="150 um", cells=32)
    assert "HER2 3+ spheroid" in study.title
    again = Study.from_toml(study.to_toml())
    assert again.tumour == study.tumour
    dense = Study.from_toml(
        'drug = "T-DM1"\nregimen = "1 mg/kg"\n'
        '[tumour]\nkind = "krogh_cylinder"\nname = "HER2 3+"\nvessel_density = "150 1/mm^2"\n'
    )
    assert dense.tumour == kg.tumour.krogh_cylinder(vessel_density="150 1/mm^2")


def test_the_models_have_the_names_that_tables_and_targets_look_for() -> None:
    systemic, tissue = studies()["two drugs"].models
    assert {"Cp_TDM1", "Cp_trastuzumab"} <= set(systemic.outputs)
    assert {"free_TDM1", "total_TDM1", "uptake_TDM1", "occupancy_HER2"} <= set(tissue.outputs)


def test_what_to_cite() -> None:
    keys = kg.cite(studies()["by name"]).keys
    assert "krogh" in keys
    assert "thurber_2008" in keys


def test_html_of_a_study_is_escaped_and_has_its_parts() -> None:
    text = Study("T-DM1", "NCI-N87", "3.6 mg/kg", title="<b>a & b</b>")._repr_html_()
    assert "&lt;b&gt;a &amp; b&lt;/b&gt;" in text
    assert text.startswith("<table>")
    for part in ("NCI-N87", "mouse 20 g", "T-DM1 3.6 mg/kg"):
        assert part in text


# --- TOML -----------------------------------------------------------------------------------------

KEYS = st.text(min_size=1, max_size=12).filter(lambda s: s.isprintable())
PLAIN = st.one_of(
    st.text(max_size=20),
    st.integers(-(2**60), 2**60),
    st.floats(allow_nan=False),
    st.booleans(),
    st.lists(st.integers(-9, 9), max_size=3),
)
TABLES = st.recursive(
    st.dictionaries(KEYS, PLAIN, max_size=4),
    lambda inner: st.dictionaries(
        KEYS, st.one_of(PLAIN, inner, st.lists(inner, min_size=1, max_size=2)), max_size=4
    ),
    max_leaves=12,
)


@given(TABLES)
def test_any_plain_document_reads_back_from_its_toml(document: dict[str, Any]) -> None:
    assert tomllib.loads(toml_text(document)) == document


def test_lines_of_keys() -> None:
    text = (
        "a = 1  # [x]\n"
        'b = """\n'
        "[c]\n"
        'd = 1\n"""\n'
        "[e.f]\n"
        "g.h = [1,\n"
        "  2]\n"
        "[[i]]\n"
        "j = { k = 1, l = 2 }\n"
        "[[i]]\n"
        "'m n' = \"#\"\n"
    )
    assert tomllib.loads(text)["e"]["f"]["g"]["h"] == [1, 2]
    wanted = {
        ("a",): 1,
        ("b",): 2,
        ("e", "f"): 6,
        ("e", "f", "g", "h"): 7,
        ("i", 0, "j"): 10,
        ("i", 0, "j", "l"): 10,
        ("i", 1, "m n"): 12,
        ("i", 1): 11,
        ("no", "such"): None,
        ("c",): None,
    }
    assert {path: line_of(text, path) for path in wanted} == wanted


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    study = studies()["by name"]
    with pytest.raises(SpecError, match=r"KG-133: .*the folder does not exist"):
        study.save(tmp_path / "none" / "study.toml")
    with pytest.raises(SpecError, match=r"KG-133: .*a folder of that name"):
        study.save(tmp_path)
