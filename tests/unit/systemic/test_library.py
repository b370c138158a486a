"""The library: every file loads, carries its sources, and wrong files are named.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import copy
import pickle
import re
from importlib.resources import files

import krogh as kg
import numpy as np
import pytest
from krogh.citations import Citations, all_citations, keys_of
from krogh.errors import SpecError
from krogh.library.loading import load_file
from krogh.model import Model
from krogh.model import systemic as pk

NAMES = kg.library.names()
_SOURCE = files("krogh.library").joinpath("models", "infliximab_fasanmade_2009.toml")


def test_the_wanted_models_are_there():
    drugs = {kg.library.info(n).drug for n in NAMES}
    assert drugs >= {
        "trastuzumab",
        "trastuzumab emtansine",
        "cetuximab",
        "nivolumab",
        "durvalumab",
        "methotrexate",
        "carboplatin",
        "antibody",
        "apalutamide",
        "enzalutamide",
        "infliximab",
        "erlotinib",
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_model_compiles_and_survives_saving(name):
    model = kg.library.model(name)
    assert model.compile().state_names
    assert Model.from_document(model.to_document()).content == model.content
    assert pickle.loads(pickle.dumps(model)).info.title == model.info.title
    assert kg.library.model(name) is model


@pytest.mark.parametrize("name", NAMES)
def test_every_number_has_unit_source_and_a_known_publication(name):
    info = kg.library.info(name)
    known = all_citations()
    for parameter, entry in info.parameters.items():
        keys = keys_of(entry.source)
        assert keys or "molecular formula" in entry.source or not entry.verified, parameter
        assert set(keys) <= set(known), (parameter, keys)
    assert set(info.citations) <= set(known)
    for entry in (*info.variability, *info.residual.values(), *info.reference):
        assert set(keys_of(entry.source)) <= set(known)


@pytest.mark.parametrize("name", NAMES)
def test_regimens_are_sentences(name):
    info = kg.library.info(name)
    assert info.regimens
    for regimen in info.regimens:
        assert kg.Regimen(regimen.text).doses


@pytest.mark.parametrize("name", NAMES)
def test_typical_values_are_reproduced_without_random_effects(name):
    """At the reference covariates each individual parameter is its typical value."""
    model = kg.library.model(name)
    for rule, text in model.info.rules.items():
        pop = f"{rule}_pop"
        if pop in model.parameters and not text.startswith("("):
            outputs = Model(
                "probe", *model.components, kg.Output(f"probe_{rule}", rule, unit=_unit(model, pop))
            )
            found = kg.simulate(outputs, None, times=["0 h"], until="1 h", metrics=False)[
                f"probe_{rule}"
            ]
            expected = model.parameters[pop].value.value
            assert found.values[0, 0] == pytest.approx(expected, rel=1e-12), rule


def _unit(model, name):
    return model.parameters[name].unit


def test_variability_is_as_published():
    v = kg.library.model("trastuzumab_quartino_2019").random_effects["eta_CL"]
    np.testing.assert_allclose(v.covariance, [[0.149110, 0.0230], [0.0230, 0.058756]], rtol=2e-5)
    nivolumab = kg.library.model("nivolumab_bajaj_2017").random_effects["eta_V1"].covariance
    assert nivolumab[0][1] / np.sqrt(nivolumab[0][0] * nivolumab[1][1]) == pytest.approx(
        0.352, abs=0.001
    )
    durvalumab = kg.library.model("durvalumab_baverel_2018").random_effects["eta_V2"].covariance
    np.testing.assert_allclose(durvalumab[0][1], 0.01574739, rtol=1e-6)
    carboplatin = kg.library.model("carboplatin_ekhart_2008").random_effects
    assert carboplatin["kappa_CL"].level == "occasion"


def test_unverified_numbers_are_marked():
    assert kg.library.info("trastuzumab_quartino_2019").unverified == ()
    assert set(kg.library.info("methotrexate_joerger_2006").unverified) == {
        "CL_hydroxy_PPI",
        "CL_hydroxy_NSAID",
    }
    model = kg.library.model("apalutamide_typical")
    assert not model.parameters["kenz"].verified
    assert model.parameters["CL0_pop"].verified


def test_listing_and_info_print():
    text = str(kg.library.models())
    assert all(name in text for name in NAMES)
    page = str(kg.library.model("cetuximab_dirks_2008").info)
    for part in ("Population", "34-113 kg", "90 % CI 38.2-163.3", "Regimens", "400 mg/m2"):
        assert part in page
    table = kg.library.info("cetuximab_dirks_2008").parameter_table()
    assert table["range"][list(table["parameter"]).index("Km")] == "90 % CI 38.2-163.3"


def test_assumed_ranges_are_half_to_twice_the_value():
    ranges = kg.library.info("nivolumab_bajaj_2017").ranges
    assert str(ranges["Q"]) == "16.1 to 64.2 mL/h (assumed, not reported in the source read)"
    assert ranges["CL_ASIAN"].text == "-0.188 to -0.0625"
    assert kg.library.info("antibody_davda_2014").ranges["F1"].text == "0.372 to 1"


@pytest.mark.parametrize("name", NAMES)
def test_every_value_has_a_range_and_says_what_it_rests_on(name):
    info, model = kg.library.info(name), kg.library.model(name)
    assert set(info.ranges) == set(info.parameters)
    omegas = {}
    for effects in info.variability:
        spread = effects.variance or [np.log(1 + v * v) for v in effects.cv]
        omegas.update(zip(effects.names, np.sqrt(spread), strict=True))
    for parameter, found in info.ranges.items():
        entry = info.parameters[parameter]
        assert found.text
        assert found.basis
        assert f"range {found}" in model.parameters[parameter].note
        assert f"{parameter} = {entry.value}; range {found}" in str(info)
        assert (found.kind == "assumed") == found.basis.startswith("assumed, not ")
        if found.subjects is not None:
            value = model.parameters[parameter].value.value
            half = 1.6448536 * omegas[entry.effect]
            additive = (name, parameter) == ("nivolumab_bajaj_2017", "Emax_pop")
            ends = value + np.array([-half, half])
            if not additive:
                ends = value * np.exp([-half, half])
            np.testing.assert_allclose(
                [found.subjects.lower, found.subjects.upper], ends, rtol=1e-6
            )


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('range = "SE 0.16", ', "", "parameters.V2.range"),
        ('range = "SE 0.16"', 'range = ""', "a range is"),
        ('range = "SE 0.16"', 'range = "wide"', "a range is"),
        ('range = "SE 0.16"', 'range = "RSE 0.16"', "a range is"),
        ('range = "SE 0.16"', 'range = "90 % CI 5-6"', "outside its range"),
        ('range = "SE 0.16"', 'range = "between subjects"', "needs 'effect'"),
        ('effect = "eta_V1"', 'effect = "eta_V"', "names the unknown random effect"),
        ('effect = "eta_V1", ', "", "no parameter names the random effect 'eta_V1'"),
        ('range = "SE 0.0679"', 'range = "not reported in the source read"', "its range is"),
        ('effect = "eta_V1"', 'effect = "eta_CL"', "no rule multiplies parameter 'V1_pop'"),
    ],
)
def test_wrong_ranges_are_named(tmp_path, old, new, text):
    content = _SOURCE.read_text(encoding="utf-8")
    assert old in content
    path = tmp_path / "own.toml"
    changed = content.replace(old, new, 1)
    if text.startswith("no rule"):  # both effects stay named
        changed = changed.replace('range = "SE 0.16"', 'range = "SE 0.16", effect = "eta_V1"')
    path.write_text(changed, encoding="utf-8")
    with pytest.raises(kg.InvalidInput, match=re.escape(text)):
        load_file(path)


def test_values_may_be_changed_and_keep_the_info():
    model = kg.library.model("tdm1_lu_2014").with_values(CL_pop="0.8 L/d")
    assert model.parameters["CL_pop"].value.value == 0.8
    assert model.info.name == "tdm1_lu_2014"
    assert kg.library.model("tdm1_lu_2014").parameters["CL_pop"].value.value == 0.676


def test_library_models_compose_with_blocks():
    model = kg.library.model("antibody_davda_2014") + pk.tissue_sink(
        "liver", Ki="1.1 uL/g/h", VT="0.1 mL/g", mass="1800 g"
    )
    assert "residual_liver" in model.compile().state_names
    assert "patlak_1983" in kg.cite(model).keys


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("trastuzumab", "trastuzumab_quartino_2019"),
        ("trastuzumab_quartino_2018", "trastuzumab_quartino_2019"),
        ("Nivolumab", "nivolumab_bajaj_2017"),
    ],
)
def test_unknown_names_are_corrected(name, hint):
    with pytest.raises(SpecError, match=f"KG-103.*Did you mean '{hint}'"):
        kg.library.model(name)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("version = 1", "version = 2", "version"),
        ('kind = "published"', 'kind = "guess"', "kind"),
        ("[population]", "[populations]", "Did you mean 'population'"),
        ('block = "linear_elimination"', 'block = "linear_eliminatoin"', "'linear_elimination'"),
        ("number = 2", "nummer = 2", "Did you mean 'number'"),
        ('source = "Fasanmade 2009, Table 3 [fasanmade_2009]", note', "note", "source"),
        ("variance = [0.131, 0.048]", "", "cv"),
        ('value = "0.407 L/d"', 'value = "0.407 L/dy"', "L/dy"),
        ('value = "0.407 L/d"', 'value = "-0.407 L/d"', "KG-108"),
        ("V1_pop*(WT/77[kg])", "V1_popp*(WT/77[kg])", "V1_pop"),
        ("(WT/77[kg])", "(WT/77[L])", "KG-121"),
        ("format =", "format ==", "TOML"),
    ],
)
def test_wrong_files_are_named(tmp_path, old, new, text):
    content = _SOURCE.read_text(encoding="utf-8")
    assert old in content
    path = tmp_path / "own.toml"
    path.write_text(content.replace(old, new), encoding="utf-8")
    with pytest.raises(kg.InvalidInput, match=re.escape(text)):
        load_file(path)


def test_own_files_load(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(_SOURCE.read_text(encoding="utf-8"), encoding="utf-8")
    assert load_file(path).content == kg.library.model("infliximab_fasanmade_2009").content
    with pytest.raises(SpecError, match="KG-114: cannot read"):
        load_file(tmp_path / "none.toml")


# --- citations ------------------------------------------------------------------------------------


def test_cite_names_program_publication_and_blocks():
    found = kg.cite("trastuzumab_quartino_2019")
    assert isinstance(found, Citations)
    assert found.keys[0] == "krogh"
    assert {"quartino_2019", "stein_peletier_2018", "gibaldi_perrier_1982"} <= set(found.keys)
    text = str(found)
    assert "doi:10.1007/s00280-018-3728-z" in text
    assert "@article{quartino_2019," in text
    assert "Quartino, A. L. and Li, H." in text


def test_cite_follows_composition_renaming_and_saving():
    model = Model(
        "m",
        pk.compartments(2, total=True, amount="nmol", V1="3 L", Q="1 L/d", V2="2 L"),
        pk.linear_elimination(CL="0.2 L/d"),
        pk.target_quasi_steady(Kss="1 nM", kint="1 1/d", ksyn="1 nM/d", kdeg="1 1/d"),
        pk.transit_absorption(MTT="1 h", NN=2, KA="1 1/h", amount="nmol"),
    )
    wanted = {"gibiansky_2008", "savic_2007"}
    assert wanted <= set(kg.cite(model).keys)
    assert wanted <= set(kg.cite(model.rename(prefix="x_")).keys)
    assert wanted <= set(kg.cite(Model.from_document(copy.deepcopy(model.to_document()))).keys)


def test_cite_of_a_result_names_model_and_method():
    model = kg.library.model("cetuximab_dirks_2008")
    result = kg.simulate(model, kg.Regimen("500 mg over 2 h"), until="7 d", method="rodas4")
    assert {"dirks_2008", "hairer_wanner_1996"} <= set(kg.cite(result).keys)


def test_cite_of_a_calvert_dose_names_the_formula():
    model = kg.library.model("carboplatin_ekhart_2008")
    regimen = kg.Regimen("AUC 5 mg/mL*min over 30 min")
    result = kg.simulate(model, regimen, until="1 d", subjects={"GFR": [100.0]})
    assert "calvert_1989" in kg.cite(result).keys
    assert "weight matter? Cancer" in kg.cite(result).text


def test_every_publication_is_complete():
    for key, citation in all_citations().items():
        assert all((citation.authors, citation.title, citation.journal)), key
        assert 1800 < citation.year < 2030, key
        found = citation.doi.startswith("10.") or bool(citation.volume and citation.pages)
        assert found or citation.kind in ("label", "book"), key
        assert citation.bibtex.count("{") == citation.bibtex.count("}"), key
        doubt = f"unverified: {citation.unverified}"
        assert (doubt in citation.text) == (doubt in citation.bibtex) == bool(citation.unverified)


def test_every_key_in_the_package_is_known():
    root = files("krogh")
    folders = [root.joinpath("model", "systemic"), root.joinpath("library", "models")]
    for folder in folders:
        for entry in folder.iterdir():
            if entry.name.endswith((".py", ".toml")):
                for key in keys_of(entry.read_text(encoding="utf-8")):
                    assert key in all_citations(), (entry.name, key)


@pytest.mark.parametrize(
    ("thing", "text"),
    [("mager_jusko_2002", "mager_jusko_2001"), (3.0, "KG-101"), ("rodas5", "rodas5p")],
)
def test_what_cannot_be_cited_is_said(thing, text):
    with pytest.raises(SpecError, match=text):
        kg.cite(thing)
