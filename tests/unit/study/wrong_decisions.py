"""Wrong targets, spaces and limits: the part of the corpus of wrong studies about decisions.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import krogh as kg
from wrong_studies import Wrong, study

__all__ = ["DECISIONS"]

REACH = "occupancy >= 50 % in 50 % of cells"


def decide(**options: Any) -> Any:
    """Start a small search that is right but for the options."""
    right = {"dose": "1.8, 3.6 mg/kg", "reach": REACH, "tumours": 2, "progress": False}
    return study().optimize(**{**right, **options})


def later(target: str, **options: Any) -> Any:
    """Start the search with a target."""
    return decide(reach=[REACH, target], **options)


def resumed() -> Any:
    """Go on with a file that holds no plan."""
    return decide(resume=Path(__file__))


DECISIONS: list[Wrong] = [
    # --- targets that cannot be reached, or always are
    Wrong(
        "more than all of the target occupied",
        lambda: later("occupancy >= 120 % in 90 % of cells"),
        "KG-152",
        ("120 %", "cannot be reached"),
    ),
    Wrong(
        "all of the target occupied",
        lambda: later("occupancy >= 100 % in 90 % of cells"),
        "KG-152",
        ("always below 100 %",),
    ),
    Wrong(
        "per cent forgotten",
        lambda: later("occupancy >= 90 in 90 % of cells"),
        "KG-152",
        ("without '%'", "cannot be reached"),
    ),
    Wrong(
        "more than all cells",
        lambda: later("occupancy >= 90 % in 110 % of cells"),
        "KG-152",
        ("110 % of the cells", "up to 100 %"),
    ),
    Wrong(
        "in none of the cells",
        lambda: later("occupancy >= 90 % in 0 % of cells"),
        "KG-152",
        ("0 % of the cells",),
    ),
    Wrong(
        "more than all of the time",
        lambda: later("free >= 1 nM in 50 % of cells for 120 % of the time"),
        "KG-152",
        ("120 % of the time",),
    ),
    Wrong("at least nothing", lambda: later("mean free >= 0 nM"), "KG-152", ("always met",)),
    Wrong(
        "more living cells than cells",
        lambda: later("viable >= 110 % in 50 % of cells"),
        "KG-152",
        ("at most 100 %",),
    ),
    Wrong(
        "at all times from the first moment on",
        lambda: later("occupancy >= 90 % in 90 % of cells at all times"),
        "KG-152",
        ("no drug when the run begins", "after 24 h"),
    ),
    Wrong(
        "an end before the beginning of a stretch",
        lambda: later("mean free >= 1 nM for 50 % of the time between 9 h and 3 h"),
        "KG-152",
        ("9 h is not before 3 h",),
    ),
    # --- targets that cannot be read
    Wrong(
        "which cells",
        lambda: later("occupancy >= 90 %"),
        "KG-150",
        ("in which cells", "mean occupancy"),
    ),
    Wrong(
        "a negative value",
        lambda: later("free >= -1 nM in 50 % of cells"),
        "KG-150",
        ("must not be negative", "^"),
    ),
    Wrong(
        "a level that is none",
        lambda: later("level 7: mean occupancy >= 50 %"),
        "KG-150",
        ("1, 2, 3 or 4",),
    ),
    Wrong(
        "cells of the plasma",
        lambda: later("plasma trough >= 5 ug/mL in 50 % of cells"),
        "KG-150",
        ("plasma trough has no cells",),
    ),
    Wrong(
        "misspelt cells",
        lambda: later("occupancy >= 90 % in 90 % of viabel cells"),
        "KG-151",
        ("Did you mean 'viable'",),
    ),
    Wrong(
        "misspelt plasma measure",
        lambda: later("plasma trogh >= 5 ug/mL"),
        "KG-151",
        ("Did you mean 'trough'",),
    ),
    Wrong("a target without unit", lambda: later("plasma trough >= 5"), "KG-124", ("no unit",)),
    Wrong(
        "a target of another dimension",
        lambda: later("plasma trough >= 5 mg"),
        "KG-121",
        ("plasma trough", "mass"),
    ),
    Wrong(
        "an occupancy in nM",
        lambda: later("occupancy >= 5 nM in 50 % of cells"),
        "KG-121",
        ("occupancy", "molar concentration"),
    ),
    # --- targets on what is not there
    Wrong(
        "an output that does not exist",
        lambda: later("output payload_TDM >= 5 in 50 % of cells"),
        "KG-153",
        ("payload_TDM", "Did you mean 'payload_TDM1'"),
    ),
    Wrong(
        "a payload of a naked antibody",
        lambda: later(
            "payload of trastuzumab >= 1e5 per cell in 50 % of cells", add={"trastuzumab": "1 x"}
        ),
        "KG-153",
        ("trastuzumab", "There is: T-DM1"),
    ),
    Wrong(
        "a moment after the end",
        lambda: later("mean occupancy >= 50 % at 48 h"),
        "KG-153",
        ("48 h is after the end of the run, 24 h", "until="),
    ),
    Wrong(
        "a stretch after the end",
        lambda: later("mean occupancy >= 50 % at all times after 48 h"),
        "KG-153",
        ("48 h",),
    ),
    Wrong(
        "nothing to reach",
        lambda: decide(reach=[]),
        "KG-156",
        ("nothing has to be",),
    ),
    Wrong("a number to reach", lambda: decide(reach=[0.9]), "KG-156", ("0.9", "no target")),
    # --- contradictions
    Wrong(
        "a trough above the highest peak",
        lambda: later("plasma trough >= 50 ug/mL", limits=["Cmax <= 20 ug/mL"]),
        "KG-155",
        ("plasma trough >= 50 ug/mL", "plasma Cmax <= 20 ug/mL", "exclude each other"),
    ),
    Wrong(
        "a limit below the target",
        lambda: later("plasma AUC >= 50 ug d/mL", limits=["plasma AUC <= 1 nM d"]),
        "KG-155",
        ("exclude each other",),
    ),
    Wrong(
        "more cells than there are",
        lambda: later(
            "occupancy >= 60 % in 70 % of cells", limits=["occupancy <= 50 % in 40 % of cells"]
        ),
        "KG-155",
        ("exclude each other",),
    ),
    Wrong(
        "a mean above the highest",
        lambda: later("mean free >= 5 nM", limits=["highest free <= 2 nM"]),
        "KG-155",
        ("exclude each other",),
    ),
    # --- the space of regimens
    Wrong("an empty space", lambda: decide(dose=None), "KG-154", ("nothing is varied",)),
    Wrong(
        "a range from high to low",
        lambda: decide(dose="9.6 .. 1.2 mg/kg"),
        "KG-154",
        ("the range is empty", "9.6 is above 1.2", "^"),
    ),
    Wrong("no doses", lambda: decide(dose=[]), "KG-154", ("the space of dose is empty",)),
    Wrong("a negative dose in the space", lambda: decide(dose="-1 .. 3 mg/kg"), "KG-154", ("neg",)),
    Wrong("a dose of nothing", lambda: decide(dose="0 .. 3 mg/kg"), "KG-154", ("no dose",)),
    Wrong("doses without unit", lambda: decide(dose="1 .. 3"), "KG-124", ("no unit is stated",)),
    Wrong("doses as numbers", lambda: decide(dose=[1.2, 3.6]), "KG-124", ("1.2", "no unit")),
    Wrong("doses in hours", lambda: decide(dose="1 .. 3 h"), "KG-121", ("needed is a dose",)),
    Wrong("an interval in mg", lambda: decide(interval="7 .. 21 mg"), "KG-121", ("a time",)),
    Wrong(
        "an interval longer than the run",
        lambda: decide(interval="7 .. 21 d"),
        "KG-154",
        ("ends after 1 d", "until="),
    ),
    Wrong("a step of zero", lambda: decide(dose="1 .. 3 mg/kg by 0"), "KG-154", ("above 0",)),
    Wrong(
        "too many regimens",
        lambda: decide(
            dose="1 .. 9 mg/kg in 900 values", add={"trastuzumab": "0 .. 8 x in 90 values"}
        ),
        "KG-154",
        ("81,000 regimens", "fewer points"),
    ),
    Wrong(
        "an added drug that nobody knows",
        lambda: decide(add={"trastuzumabb": "0 .. 8 x"}),
        "KG-103",
        ("trastuzumabb", "Did you mean 'trastuzumab'"),
    ),
    Wrong("the main drug added", lambda: decide(add={"T-DM1": "0 .. 8 x"}), "KG-154", ("main",)),
    Wrong(
        "one drug added under two names",
        lambda: decide(add={"trastuzumab": "1 x", "Herceptin": "1 x"}),
        "KG-154",
        ("trastuzumab is added twice",),
    ),
    Wrong(
        "added doses in hours", lambda: decide(add={"trastuzumab": "0 .. 8 h"}), "KG-121", ("'x'",)
    ),
    Wrong("added without a name", lambda: decide(add="0 .. 8 x"), "KG-154", ("names the drugs",)),
    Wrong(
        "points of a misspelt axis",
        lambda: decide(points={"doses": 3}),
        "KG-154",
        ("Did you mean 'dose'",),
    ),
    Wrong("a main drug that is not there", lambda: decide(main="cetuximab"), "KG-103", ("T-DM1",)),
    # --- options
    Wrong(
        "a misspelt option",
        lambda: decide(tumors=100),
        "KG-103",
        ("no option 'tumors'", "Did you mean 'tumours'"),
    ),
    Wrong("no tumours", lambda: decide(tumours=0), "KG-156", ("tumours", "from 1")),
    Wrong("half a tumour", lambda: decide(tumours=2.5), "KG-156", ("2.5",)),
    Wrong("a confidence in per cent", lambda: decide(confidence=80), "KG-156", ("0.8 is 80 %",)),
    Wrong("a certain confidence", lambda: decide(confidence=1.0), "KG-156", ("below 1",)),
    Wrong("a negative risk", lambda: decide(risk=-0.1), "KG-156", ("risk", "from 0")),
    Wrong("a seed of text", lambda: decide(seed="one"), "KG-117", ("seed",)),
    Wrong("a picture as plan", lambda: decide(save="plan.png"), "KG-133", (".json or .h5",)),
    Wrong("a file that is no plan", resumed, "KG-133", (".json or .h5",)),
    Wrong(
        "a plan that is not there",
        lambda: decide(resume="no_such_plan.json"),
        "KG-158",
        ("no file no_such_plan.json",),
    ),
    Wrong(
        "a target evaluated on nothing",
        lambda: kg.dose.Target(REACH).evaluate(None),
        "KG-153",
        ("simulate_line", "NoneType"),
    ),
]
