"""Wrong dosing input: each gets its named error, with the words that help, before anything runs.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re

import pytest
from krogh.dosing import EventTable, Regimen
from krogh.errors import Error, InvalidInput

# sentence, code, part of the message, marked text (None where no place is marked)
SENTENCES = [
    ("", "KG-201", "is empty", None),
    ("   \n ", "KG-201", "is empty", None),
    ("+", "KG-201", "a dose (a number with its unit) must stand here", "+"),
    ("trastuzumab", "KG-201", "a dose (a number with its unit) must stand here", None),
    ("weekly 100 mg", "KG-201", "must come before 'weekly'", "weekly"),
    ("100", "KG-124", "the dose 100 has no unit", "100"),
    ("100 daily", "KG-124", "Units are never guessed", "100"),
    ("-5 mg", "KG-204", "has a sign", "-"),
    ("0 mg daily", "KG-204", "must be positive", "0 mg"),
    ("1/0 mg", "KG-204", "divided by zero", "1/0"),
    ("1e999 mg", "KG-204", "out of range", "1e999"),
    ("1e-999 mg", "KG-204", "too small", "1e-999"),
    ("3,6 mg/kg", "KG-201", "decimal point", "3,6"),
    ("1,000 mg", "KG-201", "no thousands mark", "1,0"),
    ("100 mg at 0,5 h", "KG-201", "a blank after the comma", "0,5"),
    ("100 mgg daily", "KG-120", "Did you mean 'mg'?", "mgg"),
    ("100 mg/kgg", "KG-120", "'kgg' is not a unit", "mg/kgg"),
    ("5 mg/L daily", "KG-121", "mass concentration", "mg/L"),
    ("5 h daily", "KG-121", "not the unit of a dose but time", "h"),
    ("5 mg/mL min", "KG-121", "'AUC 5 mg/mL min'", "mg/mL min"),
    ("AUC 5 q3w", "KG-124", "the target AUC 5 has no unit", "5"),
    ("carboplatin AUC5 q3w", "KG-124", "'AUC 5 mg/mL min'", "AUC5"),
    ("AUC 5 mg/mL% min", "KG-121", "not the unit of a dose", "mg/mL% min"),
    ("AUC 5 mg", "KG-121", "does not fit it", "mg"),
    ("3.6 mg/kg ovr 90 min", "KG-202", "Did you mean 'over'?", "ovr"),
    ("100 mg evry 12 h", "KG-202", "Did you mean 'every'?", "evry"),
    ("100 mg dayly", "KG-202", "Did you mean 'daily'?", "dayly"),
    ("100 mg orla", "KG-202", "Did you mean 'oral'?", "orla"),
    ("100 mg with love", "KG-201", "'modeled rate' or 'modeled duration'", "l"),
    ("100 mg every", "KG-201", "a time must follow 'every'", None),
    ("100 mg every 21", "KG-124", "the dosing interval has no unit", None),
    ("100 mg every 21 mg", "KG-121", "needs a time", "mg"),
    ("100 mg every 0 h", "KG-204", "must be positive", "0 h"),
    ("100 mg every 1e12 d", "KG-204", "longer than 3,000 years", "1e12 d"),
    ("100 mg q3", "KG-124", "'q12h', 'q3w' or 'q21d'", "q3"),
    ("100 mg q0h", "KG-204", "must be positive", "q0h"),
    ("100 mg monthly", "KG-203", "ambiguous; write 'every 28 d'", "monthly"),
    ("100 mg biweekly", "KG-203", "ambiguous", "biweekly"),
    ("100 mg daily until 42 d", "KG-203", "'for 42 d' (doses before", "until"),
    ("100 mg per day", "KG-203", "a rate ('4 mg/h for 24 h') or a dose and its interval", "per"),
    ("100 mg day 1 of a 28-day", "KG-201", "'cycle' must follow its length", None),
    ("100 mg day 1 of a 28 cycle", "KG-124", "the length of the cycle has no unit", None),
    ("100 mg day 1 of a 0 d cycle", "KG-204", "must be positive", "0 d cycle"),
    ("100 mg twice weekly", "KG-203", "leaves open when", "twice weekly"),
    ("100 mg 6 times every 12 h", "KG-203", "write the interval and 'x 6'", "6 times every 12 h"),
    ("100 mg three weekly", "KG-201", "a number is not expected here", "three"),
    ("100 mg daily every 12 h", "KG-203", "the interval is stated twice", "every 12 h"),
    ("100 mg x 3", "KG-203", "3 doses need an interval", "x 3"),
    ("100 mg daily x 3 for 2 doses", "KG-203", "the count is stated twice", "for 2 doses"),
    ("100 mg daily x 3 for 2 d", "KG-203", "both stated", "for 2 d"),
    ("100 mg daily x 0", "KG-204", "whole number from 1", "0"),
    ("100 mg daily x 2.5", "KG-204", "whole number from 1", "2.5"),
    ("100 mg daily x 9999999", "KG-204", "whole number from 1 to 1000000", "9999999"),
    ("100 mg daily x0", "KG-204", "between 1 and 1000000", "x0"),
    ("100 mg every 1 s for 1 year", "KG-204", "these are 31557600 doses", "for 1 year"),
    ("100 mg for 10 d", "KG-203", "needs a rate (2 mg/h for 24 h)", "for 10 d"),
    ("100 mg over 90", "KG-124", "has no unit; write h, d, min or weeks", None),
    ("100 mg over 0 h", "KG-204", "must be positive", "0 h"),
    ("100 mg over 1 h over 2 h", "KG-203", "the duration is stated twice", "over 2 h"),
    ("100 mg bolus over 1 h", "KG-203", "a bolus has no duration", "bolus"),
    ("2 mg/h bolus for 2 h", "KG-203", "a bolus has no duration and no rate", "bolus"),
    ("2 mg/h", "KG-203", "needs its duration", "2 mg/h"),
    ("2 mg/h every 24 h for 8 h", "KG-203", "(before 'every')", "2 mg/h"),
    ("2 mg/h for 1 h at 3 mg/h", "KG-203", "the rate is stated twice", "2 mg/h"),
    ("100 mg at 10 mg/h over 2 h", "KG-203", "one of duration, rate and modeled", "100 mg"),
    ("100 mg at 10 mg/kg/h", "KG-121", "both must count the same way", "100 mg"),
    ("100 mg at 10 mg", "KG-121", "'at' takes a time or a rate", "10 mg"),
    ("100 mg at 0 mg/h", "KG-204", "the rate must be positive", "0 mg/h"),
    ("AUC 5 mg/mL min at 3 mg/h", "KG-203", "state the infusion by its duration", "5 mg/mL min"),
    ("100 mg at 0, 12 and 36", "KG-124", "the time has no unit", "0, 12 and 36"),
    ("100 mg at 12, 6 h", "KG-203", "must increase", "12, 6 h"),
    ("100 mg on days 8 and 1", "KG-203", "the days must increase", "on days 8 and 1"),
    ("100 mg on days 0 and 7", "KG-204", "whole number from 1", "0"),
    ("100 mg on 3", "KG-201", "'day' or 'days' must follow 'on'", "3"),
    ("100 mg at steady state", "KG-203", "a steady state needs the dosing interval", "100 mg"),
    ("100 mg daily steady", "KG-201", "'state' must follow 'steady'", None),
    ("100 mg daily then 50 mg daily", "KG-203", "have no end", "5"),
    ("100 mg then 50 mg", "KG-203", "nothing says when this dose follows", "5"),
    ("100 mg then", "KG-201", "a dose (a number with its unit) must stand here", None),
    ("100 mg then 50 mg at 12 h", "KG-203", "count from the start of the sentence", "at 12 h"),
    ("100 mg then 50 mg oral daily", "KG-203", "names a route while the one before", "oral"),
    ("100 mg daily x 3 then 50 mg starting at 1 d", "KG-203", "before the last dose",
     "starting at 1 d"),
    ("100 mg starting at 7", "KG-124", "the starting time has no unit", None),
    ("100 mg starting at 7 d after 3 d", "KG-203", "the start is stated twice", "after 3 d"),
    ("100 mg into", "KG-201", "the name of a compartment must stand here", None),
    ("100 mg into 0", "KG-204", "the number of a compartment", "0"),
    ("100 mg iv oral", "KG-203", "the route is stated twice", "oral"),
    ("100 mg 50 mg", "KG-201", "join a further dose with '+' or 'then'", "50"),
    ("100 mg ! daily", "KG-201", "'!' is not expected here", "!"),
    ("100 mg +", "KG-201", "a dose must follow '+'", "+"),
    ('"" 100 mg', "KG-201", "must stand here", '"'),
    ("mg 100", "KG-124", "the dose 100 has no unit", "100"),
    ("1 mg " * 5000, "KG-201", "25000 characters", None),
    ("100 m\u00b3g", "KG-121", "not the unit of a dose", "m\u00b3"),
    ("\u00b2 mg", "KG-201", "a dose (a number with its unit) must stand here", None),
    ("+5 mg", "KG-204", "has a sign", "+"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code", "part", "marked"),
    SENTENCES,
    ids=[f"{i}-{case[0][:24]!r}" for i, case in enumerate(SENTENCES)],
)
def test_wrong_sentences(text, code, part, marked):
    with pytest.raises(InvalidInput) as caught:
        Regimen(text)
    message = str(caught.value)
    assert caught.value.code == code, message
    assert part in message
    if marked is not None:
        line, carets = message.split("\n")[-2:]
        start = carets.index("^")
        assert line[start : start + carets.count("^")].startswith(marked), message


UNITS = {"TIME": "h", "AMT": "mg", "DV": "mg/L"}
HEAD = "ID,TIME,AMT,EVID,DV,RATE,II,ADDL,SS,CMT"
DOSE = "7,0,100,1,.,0,0,0,0,1"

# rows below HEAD and a good dose in row 2, code, part of the message
ROWS = [
    ("7,-1,.,0,3,0,0,0,0,2", "KG-214", "row 3 (ID 7): TIME = -1 lies before the 0"),
    ("7,1,.,0,3,0,0,0,0,2\n8,0,1,1,.,0,0,0,0,1\n7,2,.,0,3,0,0,0,0,2", "KG-214",
     "row 5 (ID 7): the rows of this subject do not stand together"),
    ("7,1,5,0,3,0,0,0,0,2", "KG-216", "AMT = 5 on a record with EVID 0"),
    ("7,1,.,0,3,5,0,0,0,2", "KG-216", "RATE = 5 on a record with EVID 0"),
    ("7,1,.,0,3,0,12,0,0,2", "KG-216", "II = 12 on a record with EVID 0"),
    ("7,1,.,2,.,0,0,1,0,2", "KG-216", "ADDL = 1 on a record with EVID 2"),
    ("7,1,.,3,.,0,0,0,1,2", "KG-216", "SS = 1 on a record with EVID 3"),
    ("7,1,-5,1,.,0,0,0,0,1", "KG-217", "AMT = -5 is negative"),
    ("7,1,5,1,.,-3,0,0,0,1", "KG-217", "RATE = -3 is negative"),
    ("7,1,0,1,.,5,0,0,0,1", "KG-217", "RATE = 5 without AMT"),
    ("7,1,0,1,.,-2,0,0,0,1", "KG-217", "RATE = -2 without AMT"),
    ("7,1,0,1,.,0,0,0,0,1", "KG-217", "a dose record (EVID 1) with AMT 0"),
    ("7,1,0,4,.,0,0,0,0,1", "KG-217", "a dose record (EVID 4) with AMT 0"),
    ("7,1,5,1,.,0,0,3,0,1", "KG-218", "ADDL = 3 without II"),
    ("7,1,5,1,.,0,12,0,0,1", "KG-218", "II = 12 without ADDL or SS"),
    ("7,1,5,1,.,0,0,0,1,1", "KG-218", "SS = 1 without II"),
    ("7,1,5,1,.,0,-12,2,0,1", "KG-218", "II = -12 is negative"),
    ("7,1,5,1,.,0,12,-2,0,1", "KG-218", "ADDL = -2 is not a number of doses"),
    ("7,1,5,1,.,0,12,9999999,0,1", "KG-218", "ADDL = 9999999 is not a number of doses"),
    ("7,1,5,1,.,0,12,1.5,0,1", "KG-213", "ADDL = 1.5 is not a whole number"),
    ("7,1,5,1,.,0,12,0,3,1", "KG-218", "SS = 3 is none of 0, 1 and 2"),
    ("7,1,5,5,.,0,0,0,0,1", "KG-215", "EVID 5 (replace a state"),
    ("7,1,5,6,.,0,0,0,0,1", "KG-215", "EVID 6 (multiply a state"),
    ("7,1,5,7,.,0,0,0,0,1", "KG-215", "EVID 7 (transit"),
    ("7,1,5,-1,.,0,0,0,0,1", "KG-215", "EVID -1 is unknown"),
    ("7,1,5,12,.,0,0,0,0,1", "KG-215", "EVID 12 is unknown"),
    ("7,1,5,1.5,.,0,0,0,0,1", "KG-213", "EVID = 1.5 is not a whole number"),
    ("7,1,5,one,.,0,0,0,0,1", "KG-213", "EVID = 'one' is not a number"),
    (".,1,5,1,.,0,0,0,0,1", "KG-219", "row 3: ID is missing"),
    ("7,.,5,1,.,0,0,0,0,1", "KG-219", "row 3 (ID 7): TIME is missing"),
    ("7,x,5,1,.,0,0,0,0,1", "KG-213", "TIME = 'x' is not a number"),
    ("7,10:30,5,1,.,0,0,0,0,1", "KG-213", "Clock times are not read"),
    ("7,1,\"5,5\",1,.,0,0,0,0,1", "KG-213", "Write a decimal point"),
    ("7,inf,5,1,.,0,0,0,0,1", "KG-213", "TIME is infinite"),
    ("7,1,1e999,1,.,0,0,0,0,1", "KG-213", "AMT is infinite"),
    ("7,1,.,0,BLQ,0,0,0,0,2\n7,2,.,0,BLQ,0,0,0,0,2", "KG-213",
     "row 3 (ID 7): DV = 'BLQ' is not a number.\n  1 more row like this.  Write the limit"),
    ("7,1,.,0,<0.05,0,0,0,0,2", "KG-213", "with CENS 1 (or BLQ 1 and LLOQ)"),
    ("7,1,.,0,3,0,0,0,0,-2", "KG-222", "CMT = -2 is negative"),
    ("7,1,5,1,.,0,0,0,0,-1", "KG-222", "only EVID 2 turns a compartment off"),
    ("7,1,.,1", "KG-200", "row 3: 4 cells, but the header names 10 columns"),
    ("7,1,.,0,3,0,0,0,0,2,9", "KG-200", "row 3: 11 cells"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "code", "part"), ROWS, ids=[part for _, _, part in ROWS])
def test_wrong_rows(rows, code, part):
    with pytest.raises(InvalidInput) as caught:
        EventTable.read(f"{HEAD}\n{DOSE}\n{rows}\n", units=UNITS)
    message = str(caught.value)
    assert caught.value.code == code, message
    assert part in message
    assert "text row " in message


# the whole text, options, code, part of the message
TABLES = [
    ("\n", {}, "KG-200", "text is empty: no header"),
    ("ID,TIME,AMT\n\n", {}, "KG-200", "has a header but no rows"),
    ("ID,TIME,,AMT\n1,0,,1\n", {}, "KG-200", "column 3 has no name"),
    ("ID,TIME,AMT\n1,0,\0\n", {}, "KG-200", "control character '\\x00' in row 2"),
    (",,\n1,0,1\n", {}, "KG-200", "the header names no column"),
    ('ID,TIME,AMT\n1,0,"1\n', {}, "KG-200", "cannot be read as CSV"),
    ("C,ID,TIME,AMT\n.,#1,0,1\n", {}, "KG-213", "ID = #1 starts with '#'"),
    ("ID,TIME,AMT,time\n1,0,1,0\n", {}, "KG-212", "'TIME' and 'time' are both 'TIME'"),
    ("ID,TIME,AMT,TIME\n1,0,1,0\n", {}, "KG-212", "'TIME' occurs twice"),
    ("TIME,AMT\n0,1\n", {}, "KG-211", "has no column ID"),
    ("ID,AMT\n1,1\n", {}, "KG-211", "has no column TIME"),
    ("ID,TIME,DATE,AMT\n1,0,2,1\n", {}, "KG-211", "has a DATE column"),
    ("ID,TIME,AMT\n1,0,1\n", {"units": None}, "KG-126", "the unit of column TIME is not stated"),
    ("ID,TIME,AMT\n1,0,1\n", {"units": {"TIME": "h"}}, "KG-126", "unit of column AMT"),
    ("ID,TIME,AMT,DV\n1,0,1,.\n1,1,.,3\n", {"units": {"TIME": "h", "AMT": "mg"}}, "KG-126",
     "unit of column DV"),
    ("ID,TIME,AMT\n1,0,1\n", {"units": {"TIME": "mg", "AMT": "mg"}}, "KG-121", "TIME in 'mg'"),
    ("ID,TIME,AMT\n1,0,1\n", {"units": {"TIME": "h", "AMT": "mg/L"}}, "KG-121", "AMT in 'mg/L'"),
    ("ID,TIME,AMT\n1,0,1\n", {"units": {"TIME": "h", "AMT": "mg/kg"}}, "KG-121",
     "Multiply doses per weight"),
    ("ID,TIME,AMT\n1,0,1\n", {"units": {"TIME": "hx", "AMT": "mg"}}, "KG-120", "'hx'"),
    ("ID,TIME,AMT\n1,0,1\n", {"units": {"TIME": 3, "AMT": "mg"}}, "KG-124", "must be text"),
    ("ID,TIME,AMT\n1,0,1\n", {"units": {**UNITS, "AMTT": "mg"}}, "KG-211", "Did you mean 'AMT'"),
    ("ID,TIME,AMT,WT\n1,0,1,70\n", {"units": {**UNITS, "WT": "kg"}}, "KG-221",
     "covariates are listed in covariates={'WT': 'kg'}"),
    ("ID,TIME,AMT,DV\n1,0,1,.\n", {"units": {**UNITS, "DV": {"cp": "mg/L"}}, }, None, None),
    ("ID,TIME,AMT,DV\n1,0,1,.\n1,1,.,3\n", {"units": {**UNITS, "DV": {"cp": "mg/L"}}}, "KG-211",
     "has no column DVID"),
    ("ID,TIME,AMT,DV,DVID\n1,0,1,.,.\n1,1,.,3,pca\n", {"units": {**UNITS, "DV": {"pc": "%"}}},
     "KG-126", "DVID 'pca' is not stated; known: pc.  Did you mean 'pc'?"),
    ("ID,TIME,AMT,DV,DVID\n1,0,1,.,.\n1,1,.,3,.\n", {}, "KG-219", "DVID is missing"),
    ("ID,TIME,AMT,WT\n1,0,1,70\n", {"covariates": {"WEIGHT": "kg"}}, "KG-211",
     "no column for the covariate 'WEIGHT'"),
    ("ID,TIME,AMT,WT\n1,0,1,70\n", {"covariates": {"WT": 3}}, "KG-126", "must be text"),
    ("ID,TIME,AMT,WT\n1,0,1,.\n", {"covariates": {"WT": "kg"}}, "KG-221",
     "row 2 (ID 1): the covariate WT is missing"),
    ("ID,TIME,AMT,SEX\n1,0,1,mal\n", {"covariates": {"SEX": {"male": 1}}}, "KG-221",
     "none of the categories male.  Did you mean 'male'?"),
    ("ID,TIME,AMT,SEX\n1,0,1,m\n", {"covariates": {"SEX": {"m": "1"}}}, "KG-221", "needs a number"),
    ("ID,TIME,AMT\n1,0,1\n", {"covariates": {"AMT": "mg"}}, "KG-221", "not a covariate"),
    ("ID,TIME,AMT,WT\n1,0,1,70\n1,1,.,71\n",
     {"covariates": {"WT": "kg"}, "constant": ["WT"]}, "KG-221", "from 70 to 71"),
    ("ID,TIME,AMT\n1,0,1\n", {"constant": ["WT"]}, "KG-211", "is no covariate"),
    ("ID,TIME,AMT\n1,0,1\n", {"names": {"Y": "DV"}}, "KG-211", "has no column 'Y'"),
    ("ID,TIME,AMT\n1,0,1\n", {"interpolation": "spline"}, "KG-103", "'nocb', 'locf' or 'linear'"),
    ("ID,TIME,AMT\n1,0,1\n", {"classic_evid": "yes"}, "KG-103", "True, False or 'auto'"),
    ("ID,TIME,AMT\n1,0,1\n", {"blq": "keep"}, "KG-103", "None or 'drop'"),
    ("ID,TIME,AMT,WT\n1,0,1,70\n", {"covariates": ["WT"]}, "KG-103", "mapping such as {'WT'"),
    ("ID,TIME,AMT\n1,0,1\n", {"compartments": "depot"}, "KG-103", "mapping such as {'1'"),
    ("ID,TIME,AMT\n1,0,1\n", {"separator": ",,"}, "KG-200", "one character"),
    ("ID,TIME,AMT,MDV,DV\n1,0,1,0,.\n", {}, "KG-216", "MDV is 0 on a record with EVID 1"),
    ("ID,TIME,AMT,MDV,DV\n1,0,1,1,.\n1,1,.,2,3\n", {}, "KG-216", "MDV = 2 is neither"),
    ("ID,TIME,AMT,MDV,DV\n1,0,1,1,.\n1,1,.,0,.\n", {}, "KG-219", "DV is missing on an observation"),
    ("ID,TIME,AMT,RATE,DUR\n1,0,100,10,5\n", {}, "KG-217", "contradict each other"),
    ("ID,TIME,AMT,DUR\n1,0,100,-5\n", {}, "KG-217", "DUR = -5 is negative"),
    ("ID,TIME,AMT,DUR,EVID\n1,0,0,5,1\n", {}, "KG-217", "without AMT"),
    ("ID,TIME,AMT,CMT\n1,0,100,99999999\n", {}, "KG-222", "CMT"),
    ("ID,TIME,AMT,DV,LLOQ,CENS\n1,0,1,.,.,.\n1,1,.,.03,.05,0\n", {}, "KG-210", "but CENS = 0"),
    ("ID,TIME,AMT,DV,LLOQ\n1,0,1,.,.\n1,1,.,.03,.05\n", {}, "KG-210", "nothing marks it"),
    ("ID,TIME,AMT,DV,LLOQ,CENS\n1,0,1,.,.,.\n1,1,.,3,.05,1\n", {}, "KG-210", "but LLOQ is 0.05"),
    ("ID,TIME,AMT,DV,LLOQ\n1,0,1,.,.\n1,1,.,3,-1\n", {}, "KG-210", "LLOQ = -1 is negative"),
    ("ID,TIME,AMT,DV,CENS\n1,0,1,.,.\n1,1,.,3,2\n", {}, "KG-210", "CENS = 2 is none of"),
    ("ID,TIME,AMT,DV,CENS,LIMIT\n1,0,1,.,.,.\n1,1,.,3,1,4\n", {}, "KG-210", "but is not less"),
    ("ID,TIME,AMT,DV,CENS,LIMIT\n1,0,1,.,.,.\n1,1,.,3,-1,2\n", {}, "KG-210", "but is not more"),
    ("ID,TIME,AMT,DV,BLQ\n1,0,1,.,.\n1,1,.,0,1\n", {}, "KG-210", "without a limit"),
    ("ID,TIME,AMT,DV,BLQ\n1,0,1,.,.\n1,1,.,0,4\n", {}, "KG-210", "neither 0 nor 1"),
    ("ID,TIME,AMT,CMT\n1,0,1,depo\n", {"compartments": {1: "depot"}}, "KG-222",
     "CMT = depo is not among the compartments"),
]  # fmt: skip
TABLES = [case for case in TABLES if case[2] is not None]


@pytest.mark.parametrize(
    ("text", "options", "code", "part"), TABLES, ids=[f"{i}-{t[3]}" for i, t in enumerate(TABLES)]
)
def test_wrong_tables(text, options, code, part):
    with pytest.raises(InvalidInput) as caught:
        EventTable.read(text, **{"units": UNITS, **options})
    message = str(caught.value)
    assert caught.value.code == code, message
    assert part in message


SOURCES = [
    (lambda: EventTable.read("no/such/file.csv"), "KG-200", "No such file"),
    (lambda: EventTable.read("/"), "KG-200", "cannot be read"),
    (lambda: EventTable.read(3), "KG-200", "not from int"),
    (lambda: EventTable.from_frame(3), "KG-200", "not from int"),
    (lambda: EventTable.from_frame({}), "KG-200", "has no columns"),
    (lambda: EventTable.from_frame({"ID": [1], "TIME": [0, 1]}), "KG-200", "different lengths"),
    (lambda: EventTable.from_frame({"ID": []}), "KG-200", "no rows"),
    (lambda: EventTable.from_frame({"ID": [[1, 2]]}), "KG-200", "one value per row"),
    (lambda: EventTable.from_frame({"ID": [1], 7: [2], "7": [3]}), "KG-212", "occurs twice"),
    (
        lambda: EventTable.from_frame({"ID": ["a"], "TIME": [float("inf")]}, units={"TIME": "h"}),
        "KG-213",
        "TIME is infinite",
    ),
]


@pytest.mark.parametrize(("call", "code", "part"), SOURCES, ids=[part for _, _, part in SOURCES])
def test_wrong_sources(call, code, part):
    with pytest.raises(InvalidInput) as caught:
        call()
    assert caught.value.code == code
    assert part in str(caught.value)


LONG = "ID,Time,Time unit,Observable,Value,Observable unit,Dose,Dose unit,Duration\n"
LONG_TABLES = [
    ("ID,Time,Time unit,Observable,Value\n1,0,d,x,1\n", "KG-211", "no column 'Observable unit'"),
    (LONG + "1,0,d,,,,,,\n", "KG-219", "neither an observable nor a dose"),
    (LONG + "1,0,,x,1,g,,,\n", "KG-219", "Time without its unit"),
    (LONG + "1,0,d,x,1,,,,\n", "KG-219", "x without its unit"),
    (LONG + "1,0,d,,,,5,,\n", "KG-219", "Dose without its unit"),
    (LONG + "1,0,d,,3,,5,mg,\n", "KG-219", "a value without an observable"),
    (LONG + "1,,d,x,1,g,,,\n", "KG-219", "Time is missing"),
    (LONG + "1,0,d,x,1,g,,,\n1,1,d,x,1,mL,,,\n", "KG-221", "row 3 (ID 1): x is in 'mL' here"),
    (LONG + "1,0,d,x,1,gg,,,\n", "KG-120", "row 2 (ID 1): x: 'gg' is not a unit"),
    (LONG + "1,0,d,x,1,g,,,3\n", "KG-217", "without a dose"),
    (LONG + "1,0,d,,,,-3,mg,\n", "KG-217", "AMT = -3 is negative"),
]


@pytest.mark.parametrize(("text", "code", "part"), LONG_TABLES, ids=[p for _, _, p in LONG_TABLES])
def test_wrong_long_tables(text, code, part):
    with pytest.raises(InvalidInput) as caught:
        EventTable.read_long(text)
    assert caught.value.code == code, str(caught.value)
    assert part in str(caught.value)


def test_the_corpus_is_large_and_every_code_is_used():
    total = len(SENTENCES) + len(ROWS) + len(TABLES) + len(SOURCES) + len(LONG_TABLES)
    assert total >= 180
    codes = {c[1] for c in SENTENCES} | {c[1] for c in ROWS} | {c[2] for c in TABLES}
    assert codes >= {f"KG-{n}" for n in (200, 201, 202, 203, 204, *range(210, 220), 221, 222)} - {
        "KG-220"
    }
    assert all(re.fullmatch(r"KG-[12][0-9]{2}", code) for code in codes)
    assert issubclass(InvalidInput, Error)
