"""Event tables: how cells become records, in every form in which they can be given.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from krogh.dosing import EventTable, Regimen
from krogh.errors import DataError, SpecError

UNITS = {"TIME": "h", "AMT": "mg", "DV": "mg/L"}
BASIC = """id,Time,AMT,evid,dv,Cmt,wt
1,0,100,1,.,1,70
1,1,.,0,5.5,2,70
1,2,,0,4.5,2,71
2,0,50,1,NA,1,60
2,4,.,0,1.25,2,60
"""


def read(text, **options):
    return EventTable.read(text, **{"units": UNITS, **options})


def test_columns_are_canonical_and_complete():
    table = read(BASIC, covariates={"WT": "kg"})
    c = table.columns
    assert list(c["ID"]) == [1, 1, 1, 2, 2]
    assert list(c["EVID"]) == [1, 0, 0, 1, 0]
    assert list(c["AMT"]) == [100, 0, 0, 50, 0]
    assert list(c["CMT"]) == [1, 2, 2, 1, 2]
    assert list(c["MDV"]) == [1, 0, 0, 1, 0]
    assert np.isnan(c["DV"][0])
    for name in ("RATE", "DUR", "II"):
        assert list(c[name]) == [0.0] * 5
    for name in ("ADDL", "SS"):
        assert c[name].dtype == np.int64
    assert list(table.covariates["WT"]) == [70, 70, 71, 60, 60]
    assert table.subjects == [1, 2]
    assert list(table.offsets) == [0, 3, 5]
    assert list(table.rows) == [2, 3, 4, 5, 6]
    assert table.units["RATE"] == "mg/h"
    assert table.where(3) == "text row 5 (ID 2)"
    assert list(table.subject_index) == [0, 0, 0, 1, 1]


def test_the_same_table_from_every_source(tmp_path):
    pandas = pytest.importorskip("pandas")
    expected = read(BASIC, covariates={"WT": "kg"})
    path = tmp_path / "basic.csv"
    path.write_bytes(b"\xef\xbb\xbf" + BASIC.replace("\n", "\r\n").encode())
    frame = pandas.read_csv(io.StringIO(BASIC), na_values=["."])
    columns = {name: frame[name].to_numpy() for name in frame.columns}
    objects = {name: list(frame[name]) for name in frame.columns}
    sources = [
        EventTable.read(path, units=UNITS, covariates={"WT": "kg"}),
        EventTable.read(str(path), units=UNITS, covariates={"WT": "kg"}),
        EventTable.read(io.StringIO(BASIC), units=UNITS, covariates={"WT": "kg"}),
        EventTable.read(io.BytesIO(BASIC.encode()), units=UNITS, covariates={"WT": "kg"}),
        EventTable.read(BASIC.replace(",", ";"), units=UNITS, covariates={"WT": "kg"}),
        EventTable.read(BASIC.replace(",", "\t"), units=UNITS, covariates={"WT": "kg"}),
        EventTable.read(BASIC.replace(",,", ",.,").replace(",", "  "), units=UNITS,
                        covariates={"WT": "kg"}),
        EventTable.from_frame(frame, units=UNITS, covariates={"WT": "kg"}),
        EventTable.from_frame(columns, units=UNITS, covariates={"WT": "kg"}),
        EventTable.from_frame(objects, units=UNITS, covariates={"WT": "kg"}),
        EventTable.from_frame(frame.astype(object), units=UNITS, covariates={"WT": "kg"}),
    ]  # fmt: skip
    for table in sources:
        assert table == expected
    assert sources[0].where(0) == "basic.csv row 2 (ID 1)"


def test_polars_frames():
    polars = pytest.importorskip("polars")
    frame = polars.read_csv(io.StringIO(BASIC), null_values=[".", "NA"])
    assert EventTable.from_frame(frame, units=UNITS, covariates={"WT": "kg"}) == read(
        BASIC, covariates={"WT": "kg"}
    )


def test_neither_pandas_nor_polars_nor_pint_is_imported():
    code = (
        "import sys, krogh.dosing as d;"
        f"d.EventTable.read({BASIC!r}, units={UNITS!r});"
        "d.Regimen('100 mg/m2 over 2 h weekly x 3').to_table(surface='1.8 m^2').to_csv();"
        "print([m for m in ('pandas', 'polars', 'pint', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_evid_is_derived_as_nm_tran_does():
    table = read("ID,TIME,AMT,DV,RATE,SS\n1,0,100,.,.,.\n1,0,0,.,5,1\n1,1,.,3,.,.\n1,2,0,.,.,.\n")
    assert list(table["EVID"]) == [1, 1, 0, 0]
    assert list(table["MDV"]) == [1, 1, 0, 1]


def test_a_row_without_data_is_a_point_of_prediction():
    table = read("ID,TIME,AMT,EVID,MDV,DV\n1,0,1,1,1,0\n1,1,0,0,1,7\n1,2,0,0,.,.\n")
    assert list(table["MDV"]) == [1, 1, 1]
    table = read("ID,TIME,AMT,EVID\n1,0,1,1\n1,1,0,0\n")
    assert list(table["MDV"]) == [1, 1]


def test_comment_rows():
    text = "C,ID,TIME,AMT,DV\n.,1,0,100,.\nC,1,1,.,5\n# remark\n\n.,1,2,.,6\nC,,,,\n"
    table = read(text)
    assert list(table.rows) == [2, 6]
    assert list(table.ignored) == [3, 4, 7]
    at = read("ID,TIME,AMT,DV\nremark\n@x,1,1,1\n1,0,100,.\nID,TIME,AMT,DV\n1,2,.,6\n", ignore="@")
    assert list(at.rows) == [4, 6]
    c = read("ID,TIME,AMT,DV\n1,0,100,.\nC,1,.,6\n1,2,.,6\n", ignore="C")
    assert list(c.rows) == [2, 4]
    semicolon = read("ID,TIME,AMT,DV\n! x\n1,0,100,.\n", ignore="!")
    assert list(semicolon.rows) == [3]
    assert list(read("#ID,TIME,AMT,DV\n1,0,100,.\n")["ID"]) == [1]


def test_quotes_blanks_and_trailing_separators():
    text = 'ID , "TIME",AMT,note,DV,\n1, 0, 100,"a, b\nc", . ,\n1,2, . ,x,"6",\n'
    table = read(text)
    assert list(table.rows) == [3, 4]  # the first record ends in row 3
    assert list(table.other["note"]) == ["a, b\nc", "x"]
    assert table["DV"][1] == 6.0


def test_renamed_columns_and_other_spellings():
    table = read("Patient,Hours,Amount,TINF,Y\nA,0,100,2,.\nA,1,.,.,3\n",
                 names={"patient": "ID", "Hours": "TIME", "Y": "DV"})  # fmt: skip
    assert table.subjects == ["A"]
    assert list(table["DUR"]) == [2.0, 0.0]
    assert list(table["RATE"]) == [50.0, 0.0]  # the rate of a stated duration is filled in
    assert list(read("ID,TIME,AMT,AMOUNT,DV\n1,0,100,7,.\n")["AMT"]) == [100.0]


def test_identifiers():
    assert read("ID,TIME,AMT,DV\n1.0,0,1,.\n").subjects == [1]
    assert read("ID,TIME,AMT,DV\nS01,0,1,.\n").subjects == ["S01"]
    assert read("ID,TIME,AMT,DV\n1.5,0,1,.\n").subjects == ["1.5"]
    big = 2**60 + 1
    frame = {"ID": np.array([big]), "TIME": [0], "AMT": [1]}
    assert EventTable.from_frame(frame, units=UNITS).subjects == [str(big)]


def test_rates_and_durations():
    table = read(
        "ID,TIME,AMT,RATE,DUR,EVID,SS,II\n1,0,100,50,.,1,0,0\n1,0,100,.,2,1,0,0\n"
        "1,0,100,50,2,1,0,0\n1,0,100,-1,.,1,0,0\n1,0,100,-2,.,1,0,0\n1,0,0,5,.,1,1,0\n"
    )
    assert list(table["RATE"]) == [50, 50, 50, -1, -2, 5]
    assert list(table["DUR"]) == [0, 2, 0, 0, 0, 0]  # where both are given the rate stands


def test_stated_units_of_rate_and_times_are_converted():
    table = read(
        "ID,TIME,AMT,RATE,II,ADDL\n1,0,100,0.5,1,3\n",
        units={"TIME": "h", "AMT": "mg", "RATE": "mg/min", "II": "d"},
    )
    assert table["RATE"][0] == 30.0
    assert table["II"][0] == 24.0
    assert table.units["RATE"] == "mg/h"
    table = read("ID,TIME,AMT,DUR\n1,0,100,30\n", units={"TIME": "h", "AMT": "mg", "DUR": "min"})
    assert table["DUR"][0] == 0.5
    assert table["RATE"][0] == 200.0


def test_compartments_by_name():
    text = "ID,TIME,AMT,CMT,EVID\n1,0,100,depot,1\n1,1,.,(obs),0\n1,2,.,-depot,2\n1,3,5,2,1\n"
    table = read(text)
    assert list(table["CMT"]) == [0, 0, -1, 2]
    assert list(table["CMT_NAME"]) == ["depot", "", "depot", ""]
    assert EventTable.read(table.to_csv()) == table
    renamed = read(text, compartments={"depot": "gut", 2: "blood"})
    assert list(renamed["CMT_NAME"]) == ["gut", "", "gut", "blood"]
    assert list(renamed["CMT"]) == [0, 0, -1, 2]
    with pytest.raises(DataError, match=r"KG-222.*row 2.*needs EVID 2"):
        read("ID,TIME,AMT,CMT,EVID\n1,0,100,-depot,1\n")
    table = read(BASIC, compartments={"1": "depot", 2: "central"})
    assert list(table["CMT_NAME"]) == ["depot", "central", "central", "depot", "central"]
    with pytest.raises(DataError, match=r"KG-222.*row 3"):
        read(BASIC, compartments={1: "depot"})


def test_a_covariate_asked_for_in_other_letters_is_kept_once():
    table = EventTable.read(
        "ID,TIME,AMT,WT\n1,0,5,70\n", units={"TIME": "h", "AMT": "mg"}, covariates={"wt": "kg"}
    )
    assert list(table.covariates) == ["wt"]
    assert table.to_csv().splitlines()[1].upper().split(",").count("WT") == 1
    assert EventTable.read(table.to_csv()) == table


def test_two_signs_are_no_number_of_a_compartment():
    with pytest.raises(DataError, match=r"KG-222.*'--2'"):
        EventTable.read("ID,TIME,AMT,CMT\n1,0,10,--2\n", units=UNITS)


def test_a_compartment_beyond_any_model_is_refused_also_where_names_may_stand():
    with pytest.raises(DataError, match=r"KG-222.*row 2.*2415444"):
        EventTable.read("id;time;amt;cmt;DVID\n1;0;5;2415444;2x;\n", units=UNITS)
    with pytest.raises(DataError, match=r"KG-222.*row 2"):
        EventTable.read("id;time;amt;cmt\n1;0;5;2415444\n1;1;5;depot\n", units=UNITS)


def test_units_of_responses_by_kind():
    text = "ID,TIME,AMT,DV,DVID\n1,0,100,.,.\n1,1,.,3,cp\n1,1,.,40,pca\n"
    table = read(text, units={"TIME": "h", "AMT": "mg", "DV": {"cp": "mg/L", "pca": "%"}})
    assert list(table["DVID"]) == [".", "cp", "pca"]
    assert table.units["DV"] == {"cp": "mg/L", "pca": "%"}
    numeric = read("ID,TIME,AMT,DV,DVID\n1,0,100,.,1\n1,1,.,3,2\n",
                   units={"TIME": "h", "AMT": "mg", "DV": {2: "mg/L"}})  # fmt: skip
    assert list(numeric["DVID"]) == ["1", "2"]


def test_categorical_and_constant_covariates():
    text = "ID,TIME,AMT,SEX,AGE\n1,0,100,F,40\n1,1,.,F,40\n2,0,100,M,50\n"
    table = read(text, covariates={"SEX": {"F": 0, "M": 1}, "age": "year"}, constant=["SEX", "age"])
    assert list(table.covariates["SEX"]) == [0, 0, 1]
    assert list(table.covariates["age"]) == [40, 40, 50]
    assert table.categories == {"SEX": {"F": 0.0, "M": 1.0}}
    with pytest.raises(DataError, match=r"row 3.*ID 1.*changes within the subject from 70 to 71"):
        read("ID,TIME,AMT,WT\n1,0,1,70\n1,1,.,71\n", covariates={"WT": "kg"}, constant=["WT"])


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("nocb", [70, 70, 72, 72, 80, 80]),
        ("locf", [70, 70, 70, 72, 72, 80]),
        ("linear", [70, 70, 71, 72, 76, 80]),
    ],
)
def test_covariates_between_records(rule, expected):
    text = "ID,TIME,AMT,WT\n1,0,1,70\n1,2,.,72\n1,4,.,80\n"
    table = read(text, covariates={"WT": "kg"}, interpolation=rule)
    values = table.covariate_at("WT", 1, [-1.0, 0.0, 1.0, 2.0, 3.0, 9.0])
    assert list(values) == expected


def test_a_covariate_may_jump_at_one_time():
    """Two records at one time make a step: the first value before it, the second after it."""
    text = "ID,TIME,EVID,AMT,WT\n1,0,1,1,70\n1,2,2,.,70\n1,2,2,.,80\n1,4,2,.,80\n"
    for rule in ("nocb", "linear"):
        table = read(text, covariates={"WT": "kg"}, interpolation=rule)
        assert list(table.covariate_at("WT", 1, [1.0, 3.0])) == [70, 80]
    table = read("ID,TIME,EVID,AMT,WT\n1,5,1,1,70\n", covariates={"WT": "kg"})
    assert list(table.covariate_at("WT", 1, [1.0, 9.0])) == [70, 70]
    linear = read("ID,TIME,EVID,AMT,WT\n1,5,1,1,70\n", covariates={"WT": "kg"},
                  interpolation="linear")  # fmt: skip
    assert list(linear.covariate_at("WT", 1, [1.0, 5.0, 9.0])) == [70, 70, 70]


def test_a_clock_that_starts_anew_has_no_single_time():
    text = "ID,TIME,EVID,AMT,WT\n1,0,1,1,70\n1,9,2,.,70\n1,0,4,1,80\n"
    table = read(text, covariates={"WT": "kg"})
    with pytest.raises(DataError, match=r"KG-214.*row 4"):
        table.covariate_at("WT", 1, [1.0])
    with pytest.raises(SpecError, match="KG-101"):
        table.covariate_at("HT", 1, [1.0])


def test_sorting_brings_subjects_together_and_keeps_ties():
    text = "ID,TIME,AMT,DV\n2,1,.,3\n1,1,.,4\n2,0,50,.\n1,0,60,.\n2,1,.,5\n"
    table = read(text, sort=True)
    assert list(table["ID"]) == [2, 2, 2, 1, 1]
    assert list(table["TIME"]) == [0, 1, 1, 0, 1]
    assert list(table.rows) == [4, 2, 6, 5, 3]


def test_sorting_keeps_the_clocks_apart():
    text = "ID,TIME,EVID,AMT\n1,5,2,.\n1,0,1,60\n1,0,4,50\n1,3,2,.\n1,1,2,.\n"
    table = read(text, sort=True)
    assert list(table["TIME"]) == [0, 5, 0, 1, 3]


def test_values_below_the_limit():
    text = "ID,TIME,AMT,DV,LLOQ,CENS\n1,0,100,.,.,.\n1,1,.,0.05,0.05,1\n1,2,.,3,0.05,0\n"
    table = read(text)
    assert list(table["CENS"]) == [0, 1, 0]
    assert list(read(text, blq="drop")["MDV"]) == [1, 1, 0]
    with pytest.raises(DataError, match="KG-210") as caught:
        read("ID,TIME,AMT,DV,LLOQ,CENS\n12,0,1,.,.,.\n12,1,.,0.03,0.05,0\n12,2,.,0.01,0.05,0\n")
    assert str(caught.value) == (
        "KG-210: text row 3 (ID 12): DV = 0.03 is below LLOQ 0.05 but CENS = 0.\n"
        "  1 more row like this.  Set CENS=1 (censored likelihood) or blq='drop' to remove them on"
        " purpose."
    )
    dropped = read("ID,TIME,AMT,DV,LLOQ\n12,0,1,.,.\n12,1,.,0.03,0.05\n12,2,.,1,0.05\n", blq="drop")
    assert list(dropped["MDV"]) == [1, 1, 0]
    assert dropped.num_dropped == 1
    blq = read("ID,TIME,AMT,DV,LLOQ,BLQ\n12,0,1,.,.,.\n12,1,.,0,0.05,1\n")
    assert list(blq["BLQ"]) == [0, 1]
    interval = read("ID,TIME,AMT,DV,CENS,LIMIT\n1,0,1,.,.,.\n1,1,.,0.05,1,0\n1,2,.,9,-1,12\n")
    assert interval["LIMIT"][2] == 12.0


def test_arrays_do_not_change_and_are_not_the_callers():
    time = np.array([0.0, 1.0])
    frame = {"ID": [1, 1], "TIME": time, "AMT": [1.0, 0.0]}
    table = EventTable.from_frame(frame, units=UNITS)
    with pytest.raises(ValueError):
        table["TIME"][0] = 5.0
    time[0] = -7.0
    assert table["TIME"][0] == 0.0
    table.columns.pop("TIME")
    assert "TIME" in table.columns


def test_text_forms():
    table = read(BASIC, covariates={"WT": "kg"})
    text = str(table)
    assert "event table text" in text
    assert "2 records, 2 doses" in text
    assert "WT kg (nocb)" in text
    assert repr(table) == "<EventTable text: 2 subjects, 5 rows>"
    html = table._repr_html_()
    assert html.count("<tr>") == 6 + 7
    assert len(table) == 5
    with pytest.raises(SpecError, match="Did you mean 'TIME'"):
        table["TIMES"]
    with pytest.raises(SpecError, match="KG-101"):
        table.subject(17)


def test_one_subject():
    one = read(BASIC).subject(2)
    assert one.subjects == [2]
    assert list(one["TIME"]) == [0, 4]
    assert list(one.rows) == [5, 6]
    assert one.to_regimen() == Regimen("50 mg into 1")


def test_csv_states_its_own_units(tmp_path):
    table = read(BASIC, covariates={"WT": "kg"})
    text = table.to_csv(tmp_path / "out.csv")
    assert text.startswith("# krogh units: TIME=h; AMT=mg; DV=mg/L; WT=kg\n")
    again = EventTable.read(tmp_path / "out.csv")
    assert again == table
    assert EventTable.read(text, units={"TIME": "min"}).units["TIME"] == "min"  # the caller wins
    kinds = read("ID,TIME,AMT,DV,DVID\n1,0,1,.,.\n1,1,.,3,cp\n",
                 units={"TIME": "h", "AMT": "mg", "DV": {"cp": "mg/L"}})  # fmt: skip
    assert EventTable.read(kinds.to_csv()) == kinds
    assert EventTable.from_frame(table.to_dict(), units=UNITS, covariates={"WT": "kg"}) == table


def test_equality_sees_values_and_units():
    table = read(BASIC)
    assert table == read(BASIC)
    assert table != read(BASIC.replace("5.5", "5.6"))
    assert table != read(BASIC, units={**UNITS, "TIME": "d"})
    assert table != 3


def test_a_long_table_is_read_in_seconds():
    import time

    num = 200_000
    subject = np.arange(num) // 20
    clock = (np.arange(num) % 20) * 1.5
    lines = [
        f"{s},{t:g},{100 if t == 0 else '.'},{'.' if t == 0 else 1.5},70"
        for s, t in zip(subject.tolist(), clock.tolist(), strict=True)
    ]
    text = "ID,TIME,AMT,DV,WT\n" + "\n".join(lines) + "\n"
    start = time.process_time()
    table = read(text, covariates={"WT": "kg"})
    assert len(table) == num
    assert time.process_time() - start < 5.0  # takes 0.4 s; a loop over rows would take minutes


def test_other_kinds_of_columns_in_data_frames():
    pandas = pytest.importorskip("pandas")
    expected = read(BASIC, covariates={"WT": "kg"})
    plain = pandas.read_csv(io.StringIO(BASIC), na_values=["."])
    frame = plain.convert_dtypes()  # nullable integers and floats, whose missing value is pandas.NA
    assert EventTable.from_frame(frame, units=UNITS, covariates={"WT": "kg"}) == expected
    text = pandas.read_csv(io.StringIO(BASIC), dtype="string", keep_default_na=False)
    assert EventTable.from_frame(text, units=UNITS, covariates={"WT": "kg"}) == expected
    category = plain.astype({"id": "category", "evid": "category"})
    assert EventTable.from_frame(category, units=UNITS, covariates={"WT": "kg"}) == expected
    shuffled = plain.set_index(np.array([5, 3, 1, 2, 9]))
    assert EventTable.from_frame(shuffled, units=UNITS, covariates={"WT": "kg"}) == expected
    dates = plain.assign(Time=pandas.to_datetime("2020-01-01"))
    with pytest.raises(DataError, match=r"KG-213.*table row 1 \(ID 1\): TIME = '2020"):
        EventTable.from_frame(dates, units=UNITS)
