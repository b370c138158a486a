"""Fuzz target of the event-table reader: any text gives a table or an error of krogh.

SPDX-License-Identifier: BSD-3-Clause

A table that is read must survive CSV, and its expansion must be a correct table again.  Run it with

    python tests/fuzz/fuzz_event_table.py --runs 100000 [--seed 0]
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fuzzing import run  # the loop beside this file
from krogh.dosing import EventTable
from krogh.errors import DataError, Error

UNITS = {"TIME": "h", "AMT": "mg", "DV": "mg/L"}
SEEDS = [
    "ID,TIME,AMT,EVID,DV,CMT,WT\n1,0,100,1,.,1,70\n1,1,.,0,5.5,2,70\n2,0,50,1,NA,1,60\n",
    "ID,TIME,AMT,RATE,II,ADDL,SS\n1,0,100,-2,12,3,1\n1,40,0,5,0,0,1\n",
    "ID,TIME,AMT,EVID\n1,0,10,10101\n1,2,-10,10101\n1,3,5,80101\n1,4,0,3\n",
    "C,ID,TIME,AMT,DV\n.,1,0,100,.\nC,1,1,.,5\n# remark\n\n.,1,2,.,6\n",
    "id;time;amt;cmt;evid\n1;0;100;depot;1\n1;2;.;-depot;2\n1;3;5;2;4\n",
    "ID TIME AMT TINF DVID DV\nA 0 100 2 . .\nA 1 . . cp 3\n",
    "ID,TIME,AMT,DV,LLOQ,CENS,LIMIT\n1,0,1,.,.,.,.\n1,1,.,0.05,0.05,1,0\n",
    "# krogh units: TIME=d; AMT=mg; DV[cp]=mg/L\nID,TIME,AMT,DV,DVID\n1,0,5,.,.\n1,1,.,3,cp\n",
    '#ID\tTIME\tAMT\tnote\n1\t0\t1\t"a ""b""\nc"\n',
]
WORDS = [
    "ID", "TIME", "AMT", "EVID", "DV", "MDV", "RATE", "DUR", "TINF", "II", "ADDL", "SS",
    "CMT", "CMT_NAME", "DVID", "CENS", "LIMIT", "LLOQ", "BLQ", "OCC", "WT", "C", "DRUG",
    "ROUTE", "#", "# krogh units: ", "=", ";", ",", "\n", "\r\n", "\t", " ", "\"", ".", "NA",
    "nan", "inf", "-1", "-2", "0", "1", "2", "3", "4", "5", "101", "10101", "20101", "90101",
    "130", "1e9", "1e400", "0.5", "1:30", "1,5", "depot", "-depot", "(obs)", "\u00b5",
    "\u00b2", "\ufeff", "\u0000", "x",
]  # fmt: skip


def one(text: str) -> None:
    """Read one text; only errors of krogh may leave it."""
    text = text if "\n" in text else text + "\n"
    try:
        table = EventTable.read(text, units=UNITS)
    except Error as error:
        if not str(error).startswith("KG-"):
            raise AssertionError(f"no code: {error}") from error
        return
    if EventTable.read(table.to_csv()) != table:
        raise AssertionError(f"{text!r} changes in CSV")
    if table["ADDL"].sum() < 1000:
        longer = table.expanded()
        if EventTable.read(longer.to_csv()) != longer:
            raise AssertionError(f"{text!r}: the expansion changes in CSV")
    for subject in table.subjects[:3]:
        try:
            regimen = table.to_regimen(subject)
        except DataError:
            continue
        if type(regimen)(str(regimen)) != regimen:
            raise AssertionError(f"{text!r}: {regimen} means something else")


if __name__ == "__main__":
    run(one, SEEDS, WORDS, __file__)
