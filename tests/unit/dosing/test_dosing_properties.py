"""Properties that hold for all regimens and tables, tried with many.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from krogh.dosing import Dose, EventTable, Regimen
from krogh.dosing.dose import ROUTES
from krogh.dosing.times import seconds, time_text
from krogh.errors import Error, InvalidInput
from krogh.units import Quantity

UNITS = {"TIME": "h", "AMT": "mg", "DV": "mg/L"}

amounts = st.floats(min_value=1e-9, max_value=1e9, allow_subnormal=False) | st.sampled_from(
    [1.0, 3.6, 0.1, 400.0, 1e3]
)
times = (
    st.sampled_from([0.0, 3600.0, 86400.0, 21 * 86400.0, 5400.0, 0.1, 1 / 3])
    | st.integers(0, 10**7).map(float)
    | st.floats(min_value=0.0, max_value=1e10)
)
spans = times.filter(lambda value: value > 1e-6)
names = st.none() | st.sampled_from(
    ["alpha", "T-DM1", "5-FU", "oral", "q3w", "AUC", "x", "trastuzumab emtansine", "a.b", "x6"]
) | st.text(min_size=1, max_size=12).filter(
    lambda s: s.isprintable() and s == " ".join(s.split()) and not set(s) & set("\"'`")
)  # fmt: skip
plain = st.sampled_from(["mg", "g", "ug", "nmol", "IU", "MBq", "mg/kg", "ug/g", "mg/m2", "cell/kg"])


@st.composite
def doses(draw):
    unit = draw(plain | st.just("mg*min/mL"))
    value = draw(amounts)
    options = {
        "interval": draw(st.just(0.0) | spans),
        "route": draw(st.none() | st.sampled_from(sorted(ROUTES))),
        "compartment": draw(names | st.integers(1, 99)),
        "drug": draw(names),
    }
    kind = draw(st.sampled_from(["bolus", "duration", "rate", "modeled", "constant"]))
    if kind == "duration":
        options["duration"] = draw(spans)
    elif kind == "modeled":
        options["modeled"] = draw(st.sampled_from(["rate", "duration"]))
    elif kind in ("rate", "constant") and unit != "mg*min/mL":
        per = draw(st.sampled_from(["h", "min", "d"]))
        options["rate"] = Quantity(draw(amounts), f"{unit}/{per}")
        if kind == "constant":
            value, options["steady"], options["interval"] = 0.0, 1, 0.0
    if options["interval"] > 0:
        options["additional"] = draw(st.none() | st.integers(0, 50))
        options["steady"] = draw(st.sampled_from([0, 1, 2]))
    return Dose(Quantity(value, unit), draw(times), **options)


regimens = st.lists(doses(), min_size=1, max_size=5).map(Regimen)


@given(regimens)
@settings(max_examples=400, deadline=None)
def test_every_regimen_prints_as_a_sentence_that_means_it(regimen):
    assert Regimen(str(regimen)) == regimen
    assert "\n" not in str(regimen)


@given(st.lists(doses(), min_size=1, max_size=3), st.data())
@settings(max_examples=150, deadline=None)
def test_chains_print_with_then_and_mean_themselves(items, data):
    """Doses that follow each other by the rule of ``then`` are found and read back."""
    from krogh.dosing.segment import follow_on

    chain = [items[0]]
    for item in items[1:]:
        before = chain[-1]
        assume(before.additional is not None)
        start = follow_on(before, item.interval)
        assume(start is not None and start < 1e11)
        chain.append(
            item.replace(
                time=start, drug=before.drug, route=before.route, compartment=before.compartment
            )
        )
    regimen = Regimen(chain)
    assert Regimen(str(regimen)) == regimen
    if len(chain) == 3 and len({dose.replace(time=0.0) for dose in chain}) == 3:
        assert " + " not in str(regimen)


@given(st.lists(spans, min_size=2, max_size=6, unique=True).map(sorted), doses())
@settings(max_examples=100, deadline=None)
def test_lists_of_times_print_and_mean_themselves(moments, dose):
    regimen = Regimen([dose.replace(time=time) for time in moments])
    assert Regimen(str(regimen)) == regimen
    assert " + " not in str(regimen)


@given(st.floats(min_value=0.0, max_value=1e11))
def test_every_time_reads_back(value):
    assert seconds(time_text(value), "it") == value


@given(regimens, st.sampled_from([0.5, 2.0, 4.0]))
@settings(max_examples=100, deadline=None)
def test_scaling_and_shifting_are_undone(regimen, factor):
    assert regimen.scaled(factor).scaled(1 / factor) == regimen
    assert regimen.shift(0.0) == regimen
    assert len(regimen.shift(60.0) + regimen) == 2 * len(regimen)


flat = st.builds(
    lambda amount, time, interval, additional, rest: Dose(
        Quantity(amount, "mg"), time * 3600.0, interval=interval * 3600.0,
        additional=additional if interval else 0, **rest,
    ),
    st.integers(1, 500).map(float),
    st.integers(0, 200).map(float),
    st.integers(0, 48).map(float),
    st.integers(0, 6),
    st.sampled_from(
        [{}, {"duration": "2 h"}, {"rate": "5 mg/h"}, {"modeled": "rate"}, {"compartment": 2},
         {"compartment": "depot"}, {"route": "oral"}, {"drug": "alpha"}]
    ),
)  # fmt: skip


def _given(table):
    """Return what is given: sorted (time, amount, rate, duration) of all single doses."""
    table = table.expanded()
    rows = table["EVID"] == 1
    return sorted(
        zip(*(table[n][rows].tolist() for n in ("TIME", "AMT", "RATE", "DUR")), strict=True)
    )


@given(st.lists(flat, min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_a_table_of_a_regimen_gives_the_same_doses_and_comes_back(items):
    regimen = Regimen(items)
    table = regimen.to_table()
    back = table.to_regimen()
    assert _given(back.to_table()) == _given(table)
    assert EventTable.read(table.to_csv()) == table
    assert _given(table) == sorted(
        (
            dose.time / 3600 + i * (dose.interval / 3600),
            dose.amount.value,
            {"rate": -1.0}.get(dose.modeled, 0.0)
            or (5.0 if dose.rate else 0.0)
            or (dose.amount.value / 2 if dose.duration else 0.0),
            2.0 if dose.duration else 0.0,
        )
        for dose in regimen
        for i in range(dose.additional + 1)
    )


@st.composite
def tables(draw):
    """Return correct rows of one or two subjects."""
    rows = []
    for subject in range(1, draw(st.integers(1, 2)) + 1):
        clock = 0.0
        for _ in range(draw(st.integers(1, 8))):
            clock += draw(st.sampled_from([0.0, 1.0, 6.0, 12.0, 0.1]))
            evid = draw(st.sampled_from([0, 0, 1, 1, 2, 3, 4]))
            is_dose = evid in (1, 4)
            interval = draw(st.sampled_from([0.0, 6.0, 12.0])) if is_dose else 0.0
            rows.append(
                {
                    "ID": subject,
                    "TIME": clock,
                    "EVID": evid,
                    "AMT": draw(st.integers(1, 100)) if is_dose else 0,
                    "RATE": draw(st.sampled_from([0, 5, -1, -2])) if is_dose else 0,
                    "II": interval,
                    "ADDL": draw(st.integers(1, 4)) if interval else 0,
                    "SS": draw(st.sampled_from([0, 1, 2])) if interval else 0,
                    "CMT": draw(st.integers(0, 3)),
                    "DV": draw(st.sampled_from([1.0, 2.5])) if evid == 0 else np.nan,
                    "WT": draw(st.integers(50, 90)),
                }
            )
    return {name: [row[name] for row in rows] for name in rows[0]}


@given(tables())
@settings(max_examples=200, deadline=None)
def test_correct_tables_survive_csv_expansion_and_sorting(frame):
    table = EventTable.from_frame(frame, units=UNITS, covariates={"WT": "kg"})
    assert EventTable.read(table.to_csv()) == table
    longer = table.expanded()
    assert longer.expanded() == longer
    assert not longer["ADDL"].any()
    for subject in table.subjects:
        one = longer.subject(subject)
        back = np.diff(one["TIME"]) < 0
        assert not (back & ~np.isin(one["EVID"][1:], (3, 4))).any()
    kept = np.isin(np.arange(len(longer)), np.unique(longer.rows, return_index=True)[1])
    assert kept.sum() == len(table)  # each row of the table is still there
    again = EventTable.from_frame(longer.to_dict(), units=UNITS, covariates={"WT": "kg"})
    assert again == longer


@given(tables(), st.randoms())
@settings(max_examples=100, deadline=None)
def test_sorting_undoes_a_shuffle_of_subjects(frame, random):
    assume(not set(frame["EVID"]) & {3, 4})
    table = EventTable.from_frame(frame, units=UNITS)
    order = sorted(range(len(frame["ID"])), key=lambda i: (frame["TIME"][i], frame["ID"][i]))
    mixed = {name: [column[i] for i in order] for name, column in frame.items()}
    resorted = EventTable.from_frame(mixed, units=UNITS, sort=True)
    for subject in table.subjects:
        first, second = table.subject(subject), resorted.subject(subject)
        for name in ("TIME", "AMT", "EVID", "II"):
            np.testing.assert_array_equal(first[name], second[name])


def _check_code(error):
    assert str(error).startswith("KG-")


@given(st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_regimen_or_an_error_of_krogh(text):
    try:
        regimen = Regimen(text)
    except InvalidInput as error:
        _check_code(error)
    else:
        assert Regimen(str(regimen)) == regimen


pieces = st.sampled_from(
    ["100 mg", "3.6", "mg/kg", "over", "90 min", "every", "21 d", "x 6", "then", "+", ";", "oral",
     "at", "0, 12 and 36 h", "for", "10 d", "AUC", "5", "mg/mL min", "weekly", "bid", "q3w",
     "starting at", "after", "7 d", "into depot", "2 mg/h", "at steady state", "steady", "1/2", ",",
     "and", "on days 1, 8", "trastuzumab", "'5-FU'", "bolus", "with modeled rate", "once",
     "superposed steady state"]
)  # fmt: skip


@given(st.lists(pieces, max_size=14).map(" ".join))
@settings(max_examples=600, deadline=None)
def test_words_in_any_order_are_a_regimen_or_an_error_of_krogh(text):
    try:
        regimen = Regimen(text)
    except InvalidInput as error:
        _check_code(error)
    else:
        assert Regimen(str(regimen)) == regimen


cells = st.sampled_from(
    ["0", "1", "2", "3", "4", "-1", "-2", "100", "0.5", ".", "", "NA", "x", "101", "10101", "1e9",
     "inf", "nan", '"1"', " 1 ", "#", "C", "depot", "-depot", "\u00b2", "1_0", "0x1", "1e400"]
)  # fmt: skip
heads = st.lists(
    st.sampled_from(
        ["ID", "TIME", "AMT", "EVID", "DV", "RATE", "II", "ADDL", "SS", "CMT", "MDV", "DUR", "DVID",
         "CENS", "LIMIT", "LLOQ", "BLQ", "OCC", "WT", "C", "id", "x"]
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip


@given(heads, st.lists(st.lists(cells, min_size=1, max_size=9), max_size=6), st.booleans())
@settings(max_examples=400, deadline=None)
def test_any_table_is_read_or_an_error_of_krogh(head, rows, sort):
    width = len(head)
    body = [(row * width)[:width] for row in rows]
    text = "\n".join(",".join(row) for row in [head, *body]) + "\n"
    try:
        table = EventTable.read(text, units=UNITS, sort=sort)
    except Error as error:
        _check_code(error)
    else:
        assert EventTable.read(table.to_csv()) == table


def test_the_strategies_make_what_they_say():
    """A guard: the generated regimens do contain each kind of dose."""
    found = set()

    @given(doses())
    @settings(max_examples=300, deadline=None, database=None)
    def collect(dose):
        for name in ("duration", "rate", "modeled", "compartment", "route", "drug"):
            if getattr(dose, name) is not None:
                found.add(name)
        found.add(f"steady {dose.steady}")
        found.add("open" if dose.is_open_ended else "closed")

    collect()
    assert found >= {"duration", "rate", "modeled", "compartment", "steady 1", "steady 2", "open"}
    with pytest.raises(InvalidInput):
        Dose("1 mg", time="1")


things = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4),
    st.binary(max_size=3),
    st.complex_numbers(), st.lists(st.integers(), max_size=2), st.decimals(), st.datetimes(),
    st.sampled_from([0, 1, 100, "1", ".", 4]),
)  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(["ID", "TIME", "AMT", "EVID", "DV", "CMT", "II", "ADDL", "SS", "RATE"]),
        st.lists(things, min_size=2, max_size=2),
    ),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_any_objects_are_a_table_or_an_error_of_krogh(columns, has_keys):
    if has_keys:
        columns = {**columns, "ID": [1, 1], "TIME": [0, 1]}
    try:
        table = EventTable.from_frame(columns, units=UNITS)
    except Error as error:
        _check_code(error)
    else:
        assert EventTable.from_frame(table.to_dict(), units=UNITS) == table
