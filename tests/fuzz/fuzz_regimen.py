"""Fuzz target of the regimen grammar: any text gives a regimen or an error of krogh.

SPDX-License-Identifier: BSD-3-Clause

A regimen that is read must print as a sentence that means the same.  Run it with

    python tests/fuzz/fuzz_regimen.py --runs 100000 [--seed 0]

atheris guides the search by coverage where it is installed; otherwise seeds and words are mutated
at random, the same way for the same seed.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fuzzing import run  # the loop beside this file
from krogh.dosing import Regimen
from krogh.errors import Error

SEEDS = [
    "3.6 mg/kg over 90 min every 21 d x 6",
    "400 mg/m2 then 250 mg/m2 weekly",
    "8 mg/kg iv then after 7 d 6 mg/kg every 3 weeks x 17",
    "0.5 g at 0, 12 and 36 h",
    "100 mg oral every 12 h for 10 d starting at 7 d",
    "2 mg/kg/h for 24 h every 21 d x 3 into compartment 2",
    'carboplatin: AUC 5 mg/mL min q21d x 4 + "5-FU" 400 mg/m\u00b2 bolus',
    "80 mg/m2 on days 1, 8 and 15 every 28 d x 6; 1 1/2 g bid",
    "100 mg every 12 h x 3 at superposed steady state",
    "loading dose 100 \u00b5g at 10 ug/h into depot\n2 mg/h at steady state",
    "100 mg with modeled duration three times a day for 6 doses of trastuzumab emtansine",
]
WORDS = [
    "mg", "g", "\u00b5g", "mg/kg", "mg/m2", "nmol", "MBq", "IU", "/", "*", "h", "d", "min",
    "weeks", "over", "for", "every", "other", "each", "then", "followed by", "at", "and", ",",
    "starting", "on", "day", "days", "from", "after", "into", "of", "x", "\u00d7", "x6",
    "q3w", "q 12 h", "bid", "tid", "qd", "daily", "weekly", "once", "twice", "three times",
    "a day", "doses", "cycles", "bolus", "infusion", "iv", "oral", "p.o.", "sc", "by mouth",
    "AUC", "mg/mL min", "steady state", "superposed", "modeled rate", "with", "loading",
    "maintenance", "single", "+", ";", "\n", "\"", "'", "(", ")", "0", "1", "2.5", "1e3",
    "1e999", "1/2", "1/0", "\u00bd", "-1", "^", "%", "monthly",
]  # fmt: skip


def one(text: str) -> None:
    """Read one text; only errors of krogh may leave it."""
    try:
        regimen = Regimen(text)
    except Error as error:
        if not str(error).startswith("KG-"):
            raise AssertionError(f"no code: {error}") from error
        return
    printed = str(regimen)
    if Regimen(printed) != regimen:
        raise AssertionError(f"{text!r} prints as {printed!r}, which means something else")


if __name__ == "__main__":
    run(one, SEEDS, WORDS, __file__)
