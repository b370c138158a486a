"""What dosing sentences mean, one by one.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import pytest
from krogh.dosing import Dose, Regimen

H, D, W = 3600.0, 86400.0, 7 * 86400.0

MEANINGS = [
    (
        "3.6 mg/kg over 90 min every 21 d x 6",
        [Dose("3.6 mg/kg", duration=5400.0, interval=21 * D, additional=5)],
    ),
    (
        "400 mg/m2 then 250 mg/m2 weekly",
        [Dose("400 mg/m2"), Dose("250 mg/m2", W, interval=W, additional=None)],
    ),
    (
        "8 mg/kg then 6 mg/kg every 3 weeks x 17",
        [Dose("8 mg/kg"), Dose("6 mg/kg", 3 * W, interval=3 * W, additional=16)],
    ),
    ("100 mg oral daily x 7", [Dose("100 mg", route="oral", interval=D, additional=6)]),
    ("0.5 g at 0, 12 and 36 h", [Dose("0.5 g", t * H) for t in (0, 12, 36)]),
    ("0.5 g at 0 h, 0.5 d, and 36 h", [Dose("0.5 g", t * H) for t in (0, 12, 36)]),
    ("100 mg every 12 h for 10 d", [Dose("100 mg", interval=12 * H, additional=19)]),
    ("100 mg 7 times a day for 5 d", [Dose("100 mg", interval=D / 7, additional=34)]),
    ("100 mg every 12 h for 1 s", [Dose("100 mg", interval=12 * H, additional=0)]),
    ("100 mg every 12 h for 30 h", [Dose("100 mg", interval=12 * H, additional=2)]),
    ("2 mg/kg/h for 24 h", [Dose("48 mg/kg", rate="2 mg/kg/h")]),
    ("0.1 mg/min for 0.1 h", [Dose("0.6 mg", rate="0.1 mg/min")]),
    (
        "2 mg/h for 24 h every 21 d x 3",
        [Dose("48 mg", rate="2 mg/h", interval=21 * D, additional=2)],
    ),
    (
        "2 mg/h for 4 h every 12 h for 3 d",
        [Dose("8 mg", rate="2 mg/h", interval=12 * H, additional=5)],
    ),
    (
        "AUC 5 mg/mL min every 21 d x 4",
        [Dose("5 mg/mL*min", interval=21 * D, additional=3)],
    ),
    ("carboplatin: AUC 6 mg*min/mL over 30 min",
     [Dose("6 mg/mL*min", duration=1800.0, drug="carboplatin")]),
    (
        "pertuzumab 840 mg then 420 mg every 3 weeks x 3 + trastuzumab 8 mg/kg; T-DM1 3.6 mg/kg",
        [
            Dose("840 mg", drug="pertuzumab"),
            Dose("420 mg", 3 * W, interval=3 * W, additional=2, drug="pertuzumab"),
            Dose("8 mg/kg", drug="trastuzumab"),
            Dose("3.6 mg/kg", drug="T-DM1"),
        ],
    ),
    (
        "trastuzumab emtansine 3.6 mg/kg iv q3w",
        [
            Dose("3.6 mg/kg", drug="trastuzumab emtansine", route="iv", interval=3 * W,
                 additional=None)
        ],
    ),
    ("5 mg of apalutamide daily x 2",
     [Dose("5 mg", drug="apalutamide", interval=D, additional=1)]),
    ('"5-FU" 400 mg/m2', [Dose("400 mg/m2", drug="5-FU")]),
    ("oral apalutamide 240 mg", [Dose("240 mg", drug="apalutamide", route="oral")]),
    ("100 mg p.o. bid x 6", [Dose("100 mg", route="oral", interval=12 * H, additional=5)]),
    ("100 mg tid x6", [Dose("100 mg", interval=8 * H, additional=5)]),
    ("100 mg qid \u00d7 6", [Dose("100 mg", interval=6 * H, additional=5)]),
    ("100 mg qd for 6 doses", [Dose("100 mg", interval=D, additional=5)]),
    ("100 mg qod 6 times", [Dose("100 mg", interval=2 * D, additional=5)]),
    ("100 mg qw for 6 cycles", [Dose("100 mg", interval=W, additional=5)]),
    ("100 mg q3w x 6", [Dose("100 mg", interval=3 * W, additional=5)]),
    ("100 mg q 12 h x 6", [Dose("100 mg", interval=12 * H, additional=5)]),
    ("100 mg Q12H x 6", [Dose("100 mg", interval=12 * H, additional=5)]),
    ("100 mg q21d x 6", [Dose("100 mg", interval=21 * D, additional=5)]),
    ("100 mg q2wk x 6", [Dose("100 mg", interval=2 * W, additional=5)]),
    ("100 mg every other day x 6", [Dose("100 mg", interval=2 * D, additional=5)]),
    ("100 mg every second week x 6", [Dose("100 mg", interval=2 * W, additional=5)]),
    ("100 mg every day x 6", [Dose("100 mg", interval=D, additional=5)]),
    ("100 mg 3 times a day for 5 d", [Dose("100 mg", interval=8 * H, additional=14)]),
    ("100 mg three times daily x 6", [Dose("100 mg", interval=8 * H, additional=5)]),
    ("100 mg every three weeks x 4 doses", [Dose("100 mg", interval=3 * W, additional=3)]),
    ("100 mg once every 2 weeks for six cycles", [Dose("100 mg", interval=2 * W, additional=5)]),
    ("100 mg 3 times daily \u00d7 6 doses", [Dose("100 mg", interval=8 * H, additional=5)]),
    ("two mg every other day x 2", [Dose("2 mg", interval=2 * D, additional=1)]),
    ("100 mg twice every day x 2", [Dose("100 mg", interval=12 * H, additional=1)]),
    ("100 mg twice a day x 6", [Dose("100 mg", interval=12 * H, additional=5)]),
    ("100 mg once weekly x 6", [Dose("100 mg", interval=W, additional=5)]),
    ("100 mg once daily", [Dose("100 mg", interval=D, additional=None)]),
    ("100 mg once", [Dose("100 mg")]),
    ("100 mg single dose", [Dose("100 mg")]),
    ("100 mg iv bolus", [Dose("100 mg", route="iv")]),
    ("100 mg intravenous infusion over 2 h", [Dose("100 mg", route="iv", duration=2 * H)]),
    ("100 mg infused over 2 h", [Dose("100 mg", duration=2 * H)]),
    ("100 mg by mouth", [Dose("100 mg", route="oral")]),
    ("100 mg subcutaneously into depot", [Dose("100 mg", route="sc", compartment="depot")]),
    ("100 mg into compartment 2", [Dose("100 mg", compartment=2)]),
    ('100 mg into "2"', [Dose("100 mg", compartment="2")]),
    ("100 mg at 10 mg/h", [Dose("100 mg", rate="10 mg/h")]),
    ("100 mg with modeled duration", [Dose("100 mg", modeled="duration")]),
    ("100 mg at modeled rate", [Dose("100 mg", modeled="rate")]),
    ("100 mg starting at 7 d", [Dose("100 mg", W)]),
    ("100 mg after 7 d", [Dose("100 mg", W)]),
    ("100 mg starting on day 8", [Dose("100 mg", W)]),
    ("100 mg daily x 3 from 1 week", [Dose("100 mg", W, interval=D, additional=2)]),
    (
        "80 mg/m2 on days 1, 8 and 15 every 28 d x 6",
        [Dose("80 mg/m2", t * D, interval=28 * D, additional=5) for t in (0, 7, 14)],
    ),
    (
        "80 mg/m2 on days 1, 8 and 15 of a 28-day cycle for 6 cycles",
        [Dose("80 mg/m2", t * D, interval=28 * D, additional=5) for t in (0, 7, 14)],
    ),
    (
        "paclitaxel 80 mg/m2 over 1 h days 1, 8 of each 3 week cycle x 2",
        [
            Dose("80 mg/m2", t * D, duration=H, interval=21 * D, additional=1, drug="paclitaxel")
            for t in (0, 7)
        ],
    ),
    ("4 mg/kg on day 1 then 2 mg/kg weekly x 5",
     [Dose("4 mg/kg"), Dose("2 mg/kg", W, interval=W, additional=4)]),
    ("80 mg/m2 day 1 every 28 d x 2", [Dose("80 mg/m2", interval=28 * D, additional=1)]),
    (
        "80 mg at 0 and 12 h starting at 7 d",
        [Dose("80 mg", W), Dose("80 mg", W + 12 * H)],
    ),
    (
        "8 mg/kg iv then after 7 d 6 mg/kg weekly x 3",
        [Dose("8 mg/kg", route="iv"), Dose("6 mg/kg", W, route="iv", interval=W, additional=2)],
    ),
    (
        "8 mg/kg, then 6 mg/kg weekly x 3 starting at 14 d",
        [Dose("8 mg/kg"), Dose("6 mg/kg", 2 * W, interval=W, additional=2)],
    ),
    (
        "loading dose 8 mg/kg followed by maintenance dose 6 mg/kg weekly x 3",
        [Dose("8 mg/kg"), Dose("6 mg/kg", W, interval=W, additional=2)],
    ),
    (
        "100 mg over 2 h every 24 h x 7 then 50 mg every 12 h x 20 then 25 mg",
        [
            Dose("100 mg", duration=2 * H, interval=D, additional=6),
            Dose("50 mg", 7 * D, interval=12 * H, additional=19),
            Dose("25 mg", 17 * D),
        ],
    ),
    (
        "100 mg at 0 and 12 h then 50 mg every 12 h x 5",
        [Dose("100 mg"), Dose("100 mg", 12 * H), Dose("50 mg", D, interval=12 * H, additional=4)],
    ),
    (
        "doxorubicin 60 mg/m2 every 21 d x 4 then paclitaxel 80 mg/m2 weekly x 12",
        [
            Dose("60 mg/m2", interval=21 * D, additional=3, drug="doxorubicin"),
            Dose("80 mg/m2", 84 * D, interval=W, additional=11, drug="paclitaxel"),
        ],
    ),
    (
        "100 mg every 12 h at steady state",
        [Dose("100 mg", interval=12 * H, additional=None, steady=1)],
    ),
    (
        "100 mg every 12 h x 3 steady state",
        [Dose("100 mg", interval=12 * H, additional=2, steady=1)],
    ),
    (
        "100 mg every 12 h x 1 at superposed steady state",
        [Dose("100 mg", interval=12 * H, additional=0, steady=2)],
    ),
    ("2 mg/h at steady state", [Dose("0 mg", rate="2 mg/h", steady=1)]),
    ("1e3 mg", [Dose("1000 mg")]),
    (".5 mg", [Dose("0.5 mg")]),
    ("1/2 g", [Dose("0.5 g")]),
    ("1 1/2 g", [Dose("1.5 g")]),
    ("\u00bd mg", [Dose("0.5 mg")]),
    ("1\u00bd mg", [Dose("1.5 mg")]),
    ("2 \u00be mg", [Dose("2.75 mg")]),
    ("100 \u00b5g", [Dose("100 ug")]),
    ("100 \u03bcg", [Dose("100 ug")]),
    ("100 mcg", [Dose("100 ug")]),
    ("400 mg/m\u00b2", [Dose("400 mg/m2")]),
    ("400 mg/m^2", [Dose("400 mg/m2")]),
    ("400 mg m-2", [Dose("400 mg/m2")]),
    ("2e8 cells/kg", [Dose("2e8 cell/kg")]),
    ("37 MBq then 74 MBq weekly x 2",
     [Dose("37 MBq"), Dose("74 MBq", W, interval=W, additional=1)]),
    ("5 IU/kg", [Dose("5 IU/kg")]),
    ("3 nmol/kg", [Dose("3 nmol/kg")]),
    ("3.6mg/kg over 90min every 21d x6",
     [Dose("3.6 mg/kg", duration=5400.0, interval=21 * D, additional=5)]),
    ("  100 mg  \n\n 50 mg \n", [Dose("100 mg"), Dose("50 mg")]),
    ("100 mg;", [Dose("100 mg")]),
    ("100 mg x 7, daily", [Dose("100 mg", interval=D, additional=6)]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "doses"), MEANINGS, ids=[text for text, _ in MEANINGS])
def test_a_sentence_means_its_doses_and_prints_as_one_that_means_the_same(text, doses):
    regimen = Regimen(text)
    assert list(regimen.doses) == doses
    assert Regimen(str(regimen)) == regimen


@pytest.mark.parametrize(
    "text",
    [
        "3.6 mg/kg over 90 min every 21 d x 6",
        "8 mg/kg then 6 mg/kg every 21 d x 17",
        "pertuzumab 840 mg then 420 mg every 21 d + trastuzumab 8 mg/kg iv",
        "0.5 g at 0, 12 and 36 h",
        "100 mg at 10 mg/h into 2 every 1 d x 4 at steady state",
        '"5-FU" 400 mg/m2 every 14 d x 12',
        "2 mg/h at steady state",
        "AUC 5 mg*min/mL over 30 min",
    ],
)
def test_simple_sentences_print_as_they_were_written(text):
    assert str(Regimen(text)) == text


def test_times_are_exact_although_decimals_are_not():
    """0.1 h and 4.15 h are 360 s and 14940 s to the last bit."""
    assert Regimen("1 mg starting at 0.1 h").doses[0].time == 360.0
    assert Regimen("1 mg over 4.15 h").doses[0].duration == 14940.0
    assert str(Regimen("1 mg over 4.15 h")) == "1 mg over 249 min"


def test_position_of_an_error_is_marked():
    with pytest.raises(ValueError) as caught:
        Regimen("3.6 mg/kg ovr 90 min every 21 d")
    lines = str(caught.value).split("\n")
    assert lines[0] == "KG-202: 'ovr' is not understood here.  Did you mean 'over'?"
    assert lines[1].index("ovr") == lines[2].index("^^^")
