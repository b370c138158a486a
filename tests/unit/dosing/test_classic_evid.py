"""Classic RxODE event codes.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import logging

import pytest
from krogh.dosing import EventTable
from krogh.errors import DataError

UNITS = {"TIME": "h", "AMT": "mg", "DV": "mg/L"}


def read(text, **options):
    return EventTable.read(text, **{"units": UNITS, **options})


def test_bolus_and_observations():
    table = read("ID,TIME,AMT,EVID,DV,CMT\n1,0,100,101,.,1\n1,1,0,0,3,2\n1,2,50,201,.,.\n")
    assert list(table["EVID"]) == [1, 0, 1]
    assert list(table["CMT"]) == [1, 2, 2]
    assert list(table["AMT"]) == [100, 0, 50]


@pytest.mark.parametrize(
    ("code", "compartment"), [(101, 1), (9901, 99), (100101, 101), (112301, 123), (201501, 215)]
)
def test_compartments(code, compartment):
    flag = code // 10000 % 10
    if flag:  # 112301 holds the flag 1: an infusion
        text = f"ID,TIME,AMT,EVID\n1,0,10,{code}\n1,2,-10,{code}\n"
    else:
        text = f"ID,TIME,AMT,EVID\n1,0,10,{code}\n"
    assert read(text)["CMT"][0] == compartment


def test_infusions_by_rate_and_by_duration():
    text = (
        "ID,TIME,AMT,EVID,DV\n1,0,10,10101,.\n1,1,5,20201,.\n1,2,.,0,4\n1,3,-5,20201,.\n"
        "1,4,-10,10101,.\n"
    )
    table = read(text)
    assert list(table["EVID"]) == [1, 1, 0, 2, 2]
    assert list(table["AMT"]) == [40, 10, 0, 0, 0]
    assert list(table["RATE"]) == [10, 5, 0, 0, 0]
    assert list(table["DUR"]) == [0, 2, 0, 0, 0]
    assert list(table["CMT"]) == [1, 2, 0, 2, 1]
    assert list(table["MDV"]) == [1, 1, 0, 1, 1]


def test_overlapping_infusions_end_in_their_order():
    text = "ID,TIME,AMT,EVID\n1,0,10,10101\n1,1,10,10101\n1,3,-10,10101\n1,6,-10,10101\n"
    assert list(read(text)["AMT"][:2]) == [30, 50]


def test_repeated_infusions():
    text = "ID,TIME,AMT,EVID,II,ADDL\n1,0,10,10101,24,3\n1,2,-10,10101,24,3\n"
    table = read(text)
    assert list(table["ADDL"]) == [3, 0]
    assert list(table["II"]) == [24, 0]
    assert str(table.to_regimen()) == "20 mg at 10 mg/h into 1 every 1 d x 4"


def test_modeled_infusions():
    text = "ID,TIME,AMT,EVID\n1,0,10,90101\n1,0,10,70101\n1,5,20,80101\n1,5,20,60101\n"
    table = read(text)
    assert list(table["RATE"]) == [-1, 0, -2, 0]
    assert list(table["EVID"]) == [1, 2, 1, 2]


def test_steady_states():
    text = "ID,TIME,AMT,EVID,II\n1,0,10,110,12\n1,30,10,120,12\n1,60,5,10140,0\n"
    table = read(text)
    assert list(table["SS"]) == [1, 2, 1]
    assert list(table["AMT"]) == [10, 10, 0]
    assert list(table["RATE"]) == [0, 0, 5]


def test_compartment_off():
    table = read("ID,TIME,AMT,EVID\n1,0,10,101\n1,3,0,130\n")
    assert list(table["EVID"]) == [1, 2]
    assert list(table["CMT"]) == [1, -1]


def test_resets_keep_their_meaning_and_the_compartment_of_the_code_counts(caplog):
    with caplog.at_level(logging.WARNING, logger="krogh"):
        table = read("ID,TIME,AMT,EVID,CMT\n1,0,10,101,2\n1,3,0,3,.\n1,4,0,2,.\n")
    assert list(table["EVID"]) == [1, 3, 2]
    assert table["CMT"][0] == 1
    assert "CMT differs" in caplog.text


def test_codes_can_be_stated():
    with pytest.raises(DataError, match=r"KG-215.*EVID 101 is unknown"):
        read("ID,TIME,AMT,EVID\n1,0,10,101\n", classic_evid=False)
    with pytest.raises(DataError, match=r"KG-220.*EVID 1 among classic"):
        read("ID,TIME,AMT,EVID\n1,0,10,1\n", classic_evid=True)


@pytest.mark.parametrize(
    ("rows", "part"),
    [
        ("1,0,10,40101", "replaces or multiplies"),
        ("1,0,10,50101", "replaces or multiplies"),
        ("1,0,10,30101", "flag 3 has no meaning"),
        ("1,0,10,150", "internal to RxODE"),
        ("1,0,10,10102", "internal to RxODE"),
        ("1,0,10,99999901", "too large"),
        ("1,0,10,10001", "names compartment 0"),
        ("1,0,10,101\n1,1,10,4", "EVID 4 among classic"),
        ("1,0,10,10101", "has no end"),
        ("1,0,-10,10101", "was not started"),
        ("1,0,0,10101", "was not started"),
        ("1,0,10,10101\n1,1,-9,10101", "was not started"),
        ("1,0,10,10101\n2,1,-10,10101", "was not started"),
        ("1,0,10,10101\n1,0,-10,10101", "at the time at which it starts"),
        ("1,0,-10,101", "AMT = -10 is negative"),
        ("1,0,-5,10140", "negative rate"),
    ],
)
def test_codes_that_are_refused(rows, part):
    with pytest.raises(DataError, match="KG-2") as caught:
        read(f"ID,TIME,AMT,EVID\n{rows}\n")
    assert part in str(caught.value)
    assert "row" in str(caught.value)


def test_a_rate_column_beside_classic_codes_is_refused():
    with pytest.raises(DataError, match=r"KG-220.*RATE or DUR"):
        read("ID,TIME,AMT,EVID,RATE\n1,0,10,101,5\n")
    with pytest.raises(DataError, match="different ADDL or II"):
        read("ID,TIME,AMT,EVID,II,ADDL\n1,0,10,10101,24,3\n1,2,-10,10101,24,2\n")
