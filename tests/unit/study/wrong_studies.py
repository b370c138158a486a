"""A corpus of wrong studies: what is done, the code of the error, and words that it must have.

SPDX-License-Identifier: BSD-3-Clause

A case calls something that must raise an `InvalidInput` before anything is computed.  To extend the
corpus append to `CASES`; every case is one line of the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import krogh as kg
import numpy as np
from krogh.study import Study

__all__ = ["CASES", "Wrong", "study", "toml", "toml_with"]


@dataclass(frozen=True)
class Wrong:
    """One wrong study.

    Attributes
    ----------
    name
        What is wrong, in a few words.
    make
        Does it.
    code
        Of the error.
    words
        All of them must stand in the message.
    """

    name: str
    make: Callable[[], Any]
    code: str
    words: tuple[str, ...]


RIGHT: dict[str, Any] = {
    "drug": "T-DM1",
    "tumour": "NCI-N87",
    "regimen": "3.6 mg/kg",
    "subject": "mouse 20 g",
}

TOML = """\
regimen = "3.6 mg/kg"
until = "24 h"

[drug]
name = "T-DM1"
diffusivity = "10 um^2/s"

[tumour]
name = "NCI-N87"

[settings]
rtol = 1e-3
"""


def study(**changes: Any) -> Study:
    """Return a small right study with changes."""
    return Study(**{**RIGHT, **changes})


def toml(text: str) -> Study:
    """Return the study of a TOML text, as a file called study.toml."""
    return Study.from_toml(text, "study.toml")


def toml_with(old: str, new: str) -> Study:
    """Return the study of the right TOML with one piece replaced."""
    assert old in TOML
    return toml(TOML.replace(old, new))


def drug(**values: Any) -> Any:
    """Return T-DM1 with other values."""
    return kg.library.drug("T-DM1").with_values(**values)


def tumour(**values: Any) -> Any:
    """Return NCI-N87 with other values."""
    return kg.library.tumour("NCI-N87").with_values(**values)


def without(name: str) -> Any:
    """Return T-DM1 as a definition of one's own that lacks a value."""
    definition = study().to_document()
    whole = kg.library.drug("T-DM1").model_dump(mode="json", exclude_defaults=True)
    values = {k: v for k, v in whole["values"].items() if k != name}
    definition["drug"] = {"name": "mine", "definition": {**whole, "name": "mine", "values": values}}
    return Study.from_document(definition)


CASES: list[Wrong] = [
    # --- names of the library
    Wrong("unknown drug", lambda: study(drug="T-DM2"), "KG-103", ("no drug 'T-DM2'", "'T-DM1'")),
    Wrong("unknown tumour", lambda: study(tumour="NCI-N78"), "KG-103", ("NCI-N87",)),
    Wrong("unknown subject", lambda: study(subject="mouse 30 g"), "KG-103", ("mouse 20 g",)),
    Wrong("no drug at all", lambda: study(drug=[]), "KG-140", ("at least one drug",)),
    Wrong("a number as drug", lambda: study(drug=3), "KG-140", ("by its name", "int")),
    Wrong("one drug twice", lambda: study(drug=["T-DM1", "T-DM1"]), "KG-140", ("twice",)),
    Wrong("a drug as tumour", lambda: study(tumour=drug()), "KG-140", ("tumour", "Drug")),
    # --- values of drugs
    Wrong(
        "misspelt value of a drug",
        lambda: drug(difusivity="10 um^2/s"),
        "KG-103",
        ("difusivity", "Did you mean 'diffusivity'"),
    ),
    Wrong("diffusivity in cm", lambda: drug(diffusivity="1e-7 cm"), "KG-121", ("diffusivity",)),
    Wrong("a permeability without unit", lambda: drug(permeability=3e-7), "KG-12", ("permeab",)),
    Wrong(
        "negative permeability", lambda: drug(permeability="-3e-7 cm/s"), "KG-108", ("negative",)
    ),
    Wrong("a Kd as mass", lambda: drug(KD="0.5 mg/L"), "KG-12", ("KD",)),
    Wrong("infinite rate", lambda: drug(association_rate="inf 1/nM/s"), "KG-1", ()),
    Wrong("missing molar mass", lambda: without("molar_mass"), "KG-140", ("molar_mass",)),
    Wrong("missing affinity", lambda: without("association_rate"), "KG-140", ("association_rate",)),
    # --- tumours
    Wrong(
        "outer radius below the vessel's",
        lambda: tumour(outer_radius="5 um"),
        "KG-108",
        ("outer radius", "must exceed the inner one"),
    ),
    Wrong("a radius in seconds", lambda: tumour(outer_radius="75 s"), "KG-121", ("outer_radius",)),
    Wrong("misspelt value of a tumour", lambda: tumour(outer_radis="60 um"), "KG-103", ("mean",)),
    Wrong("one cell", lambda: study(cells=1), "KG-140", ("cells", "greater than or equal to 2")),
    Wrong(
        "a drug for another target",
        lambda: study(
            drug=kg.library.drug("T-DM1").model_copy(update={"target": "EGFR"})
        ).line_arguments(),
        "KG-147",
        ("EGFR", "HER2"),
    ),
    # --- regimens
    Wrong("a regimen without unit", lambda: study(regimen="3.6"), "KG-124", ("3.6",)),
    Wrong("a regimen of words", lambda: study(regimen="a lot"), "KG-20", ("a lot",)),
    Wrong("a negative dose", lambda: study(regimen="-3.6 mg/kg"), "KG-204", ("sign",)),
    Wrong("a dose in um", lambda: study(regimen="3.6 um"), "KG-121", ("um",)),
    Wrong(
        "a dose of a drug that is not there",
        lambda: study(regimen="trastuzumab 3.6 mg/kg"),
        "KG-141",
        ("'trastuzumab'", "no drug of the study", "T-DM1"),
    ),
    Wrong(
        "a misspelt drug in the regimen",
        lambda: study(drug=["T-DM1", "trastuzumab"], regimen="T-DM1 1 mg + trastuzmab 1 mg"),
        "KG-141",
        ("Did you mean 'trastuzumab'",),
    ),
    Wrong(
        "two drugs, one dose without name",
        lambda: study(drug=["T-DM1", "trastuzumab"]),
        "KG-141",
        ("does not say which drug", "T-DM1 3.6 mg/kg + trastuzumab"),
    ),
    Wrong(
        "a drug that is never given",
        lambda: study(drug=["T-DM1", "trastuzumab"], regimen="T-DM1 3.6 mg/kg"),
        "KG-141",
        ("never gives 'trastuzumab'",),
    ),
    # --- times
    Wrong("until without unit", lambda: study(until="24"), "KG-124", ("until", "no unit")),
    Wrong("until a number", lambda: study(until=24), "KG-124", ("until",)),
    Wrong("until in mg", lambda: study(until="24 mg"), "KG-121", ("until",)),
    Wrong(
        "an end before the beginning", lambda: study(until="-1 h"), "KG-119", ("after it begins",)
    ),
    Wrong("times without unit", lambda: study(times=[0, 1, 2]), "KG-119", ("unit",)),
    Wrong("one time", lambda: study(times=["24 h"]), "KG-119", ("at least two times",)),
    Wrong(
        "a time that was not recorded",
        lambda: study().line_arguments(times=["-3 h", "2 h"]),
        "KG-119",
        ("none before 0",),
    ),
    # --- targets
    Wrong("a target of nonsense", lambda: study(targets=["all good"]), "KG-15", ("all good",)),
    Wrong(
        "a misspelt measure",
        lambda: study(targets=["ocupancy >= 90 % in 90 % of cells"]),
        "KG-151",
        ("Did you mean 'occupancy'",),
    ),
    Wrong(
        "an occupancy above one",
        lambda: study(targets=["occupancy >= 190 % in 90 % of cells"]),
        "KG-152",
        ("190",),
    ),
    Wrong(
        "a target on a species that does not exist",
        lambda: study(targets=["occupancy of EGFR >= 90 % in 90 % of cells"]).run(),
        "KG-153",
        ("EGFR", "HER2"),
    ),
    Wrong(
        "a target on a drug that is not there",
        lambda: study(targets=["plasma trough of cetuximab >= 5 ug/mL"]).run(),
        "KG-153",
        ("cetuximab",),
    ),
    Wrong("a target in other units", lambda: study(targets=["free >= 1 um"]), "KG-121", ("um",)),
    Wrong("a number as target", lambda: study(targets=0.9), "KG-140", ("sentences",)),
    # --- settings and arguments
    Wrong("a misspelt setting", lambda: study(rtoll=1e-4), "KG-103", ("rtoll", "'rtol'")),
    Wrong("a tolerance of one", lambda: study(rtol=1.0), "KG-140", ("rtol", "less than")),
    Wrong("a method that is none", lambda: study(method="euler"), "KG-140", ("method", "line")),
    Wrong("threads in words", lambda: study(num_threads="two"), "KG-140", ("whole number",)),
    Wrong(
        "a volume without unit", lambda: study(tumour_volume="0.2"), "KG-124", ("tumour_volume",)
    ),
    Wrong("a volume in g", lambda: study(tumour_volume="0.2 g"), "KG-121", ("tumour_volume",)),
    Wrong("a negative volume", lambda: study(tumour_volume="-1 mL"), "KG-108", ("positive",)),
    # --- given concentrations
    Wrong(
        "regimen and plasma",
        lambda: study(plasma={"T-DM1": "100 nM"}),
        "KG-141",
        ("regimen ('3.6 mg/kg')", "both are given"),
    ),
    Wrong("neither", lambda: study(regimen=None), "KG-141", ("neither is given",)),
    Wrong(
        "plasma of another drug",
        lambda: study(regimen=None, plasma={"T-DM": "100 nM"}),
        "KG-141",
        ("'T-DM', which is no drug of the study", "Did you mean 'T-DM1'"),
    ),
    Wrong(
        "plasma of one of two drugs",
        lambda: study(drug=["T-DM1", "trastuzumab"], regimen=None, plasma={"T-DM1": "1 nM"}),
        "KG-141",
        ("does not say the concentration of 'trastuzumab'",),
    ),
    Wrong(
        "plasma as an amount",
        lambda: study(regimen=None, plasma={"T-DM1": "100 nmol"}),
        "KG-121",
        ("plasma of T-DM1",),
    ),
    Wrong(
        "a curve that ends too early",
        lambda: study(regimen=None, plasma={"T-DM1": (([0, 6], "h"), [2, 1], "nM")}),
        "KG-141",
        ("until 6 h", "ends at 24 h"),
    ),
    Wrong(
        "a run beyond the curve",
        lambda: study(regimen=None, plasma={"T-DM1": (([0, 24], "h"), [2, 1], "nM")}).run("2 d"),
        "KG-141",
        ("until 1 d", "ends at 2 d"),
    ),
    Wrong(
        "a curve with a value too many",
        lambda: study(regimen=None, plasma={"T-DM1": (([0, 24], "h"), [3, 2, 1], "nM")}),
        "KG-141",
        ("2 times and 3 values",),
    ),
    Wrong(
        "a curve backwards in time",
        lambda: study(regimen=None, plasma={"T-DM1": (([0, 30, 24], "h"), [3, 2, 1], "nM")}),
        "KG-141",
        ("begin at 0 and increase",),
    ),
    Wrong(
        "a curve below zero",
        lambda: study(regimen=None, plasma={"T-DM1": (([0, 24], "h"), [3, -1], "nM")}),
        "KG-141",
        ("not negative",),
    ),
    Wrong(
        "a curve with a misspelt field",
        lambda: toml(
            'drug = "T-DM1"\ntumour = "NCI-N87"\n[plasma.T-DM1]\n'
            'times = [0, 24]\ntime_unit = "h"\nvalue = [2, 1]\nunit = "nM"\n'
        ),
        "KG-141",
        ("no field 'value'", "Did you mean 'values'", "line 3"),
    ),
    # --- other values
    Wrong(
        "a misspelt owner",
        lambda: study().with_values({"drugg.diffusivity": "1 um^2/s"}),
        "KG-103",
        ("drugg.diffusivity", "Did you mean 'drug.diffusivity'"),
    ),
    Wrong(
        "a misspelt value",
        lambda: study().with_values({"drug.difusivity": "1 um^2/s"}),
        "KG-103",
        ("drug.difusivity is not a field", "Did you mean 'diffusivity'"),
    ),
    Wrong(
        "which of two drugs",
        lambda: study(
            drug=["T-DM1", "trastuzumab"], regimen="T-DM1 1 mg + trastuzumab 1 mg"
        ).with_values({"drug.diffusivity": "1 um^2/s"}),
        "KG-140",
        ("several drugs", "TDM1.diffusivity"),
    ),
    Wrong(
        "lines of two lengths",
        lambda: study().run(
            values={"permeability_TDM1": np.ones(3), "diffusivity_TDM1": np.ones(2)}
        ),
        "KG-163",
        ("permeability_TDM1 3", "diffusivity_TDM1 2"),
    ),
    Wrong(
        "a parameter that no model has",
        lambda: study().run(values={"permeability_TDM2": "1e-7 cm/s"}),
        "KG-1",
        ("permeability_TDM2", "permeability_TDM1"),
    ),
    # --- documents
    Wrong(
        "a misspelt key of a drug, with its line",
        lambda: toml_with("diffusivity", "difusivity"),
        "KG-103",
        ("drug.difusivity is not a field", "'diffusivity'", "in study.toml, line 6"),
    ),
    Wrong(
        "a misspelt key of the second drug, with its line",
        lambda: toml(
            'tumour = "NCI-N87"\nregimen = "T-DM1 1 mg + trastuzumab 1 mg"\n'
            '[[drug]]\nname = "T-DM1"\n[[drug]]\nname = "trastuzumab"\nKd = "1 nM"\n'
        ),
        "KG-103",
        ("drug.Kd is not a field", "'KD'", "line 7"),
    ),
    Wrong(
        "a misspelt key of the study, with its line",
        lambda: toml_with("until", "untill"),
        "KG-103",
        ("untill is not a field", "'until'", "in study.toml, line 2"),
    ),
    Wrong(
        "a misspelt setting, with its line",
        lambda: toml_with("rtol", "rtoll"),
        "KG-103",
        ("settings.rtoll", "'rtol'", "line 12"),
    ),
    Wrong(
        "a misspelt drug, with its line",
        lambda: toml_with('"T-DM1"', '"T-DM2"'),
        "KG-103",
        ("T-DM2", "line 5"),
    ),
    Wrong(
        "a wrong unit, with its line",
        lambda: toml_with("um^2/s", "um/s"),
        "KG-121",
        ("diffusivity", "line 6"),
    ),
    Wrong(
        "a wrong regimen, with its line",
        lambda: toml_with('"3.6 mg/kg"', '"3.6 mg/kgg"'),
        "KG-12",
        ("kgg", "line 1"),
    ),
    Wrong(
        "a number where a text belongs",
        lambda: toml_with('"24 h"', "24"),
        "KG-140",
        ("until", "a text in quotes is needed, not a number (24)", "carry their unit", "line 2"),
    ),
    Wrong(
        "a text where a number belongs",
        lambda: toml_with("1e-3", '"fine"'),
        "KG-140",
        ("settings.rtol", "a number is needed", "line 12"),
    ),
    Wrong(
        "a list where a name belongs",
        lambda: toml('regimen = "1 mg"\ndrug = "T-DM1"\ntumour = [1, 2]\n'),
        "KG-140",
        ("tumour is a name", "a list", "line 3"),
    ),
    Wrong(
        "no regimen",
        lambda: toml('drug = "T-DM1"\ntumour = "NCI-N87"\n'),
        "KG-141",
        ("neither is given",),
    ),
    Wrong(
        "no tumour",
        lambda: toml('drug = "T-DM1"\nregimen = "1 mg"\n'),
        "KG-140",
        ("needs 'tumour'", "krogh init"),
    ),
    Wrong(
        "a drug without name",
        lambda: toml('regimen = "1 mg"\ntumour = "NCI-N87"\n[drug]\nnam = "T-DM1"\n'),
        "KG-140",
        ("drug needs its name", "Did you mean 'name'", "line 3"),
    ),
    Wrong(
        "a shape that is none",
        lambda: toml_with('name = "NCI-N87"', 'name = "NCI-N87"\nkind = "cube"'),
        "KG-140",
        ("tumour.kind", "spheroid", "line 10"),
    ),
    Wrong(
        "an argument that a spheroid does not have",
        lambda: toml_with(
            'name = "NCI-N87"', 'name = "NCI-N87"\nkind = "spheroid"\nradis = "1 um"'
        ),
        "KG-103",
        ("tumour.radis is not a field", "'radius'", "line 11"),
    ),
    Wrong(
        "a radius without unit",
        lambda: toml_with('name = "NCI-N87"', 'name = "NCI-N87"\nkind = "spheroid"\nradius = 200'),
        "KG-12",
        ("radius", "in study.toml, line 8"),
    ),
    Wrong("no TOML", lambda: toml("regimen = 3.6 mg/kg\n"), "KG-140", ("not valid TOML", "quotes")),
    Wrong(
        "a newer version",
        lambda: toml(f"version = 2\n{TOML}"),
        "KG-140",
        ("version", "line 1"),
    ),
    Wrong(
        "a file that is not there",
        lambda: Study.load("no_such_study.toml"),
        "KG-140",
        ("no study 'no_such_study.toml'", "krogh init"),
    ),
]
