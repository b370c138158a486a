"""The language of targets: what it reads, how it prints back, what it refuses.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from krogh.dose import Target
from krogh.dose.measures import MEASURES
from krogh.errors import SpecError, UnitError

GOOD = [
    ("occupancy >= 90 % in 90 % of viable cells", None, 3),
    ("Occupancy at least 90% in 90 percent of the viable cells",
     "occupancy >= 90 % in 90 % of viable cells", 3),
    ("occupancy of HER2 ≥ 0.9 in all cells at 24 h",
     "occupancy of HER2 >= 0.9 in all cells at 24 h", 3),
    ("occupancy > 50 % in every viable cell at the end",
     "occupancy > 50 % in all viable cells", 3),
    ("payload of T-DM1 >= 1e5 per cell in 50 % of cells", None, 4),
    ("payload >= 25000 molecules per cell in 50 % of cells",
     "payload >= 2.5e4 per cell in 50 % of cells", 4),
    ("uptake >= 800 molecules/cell in 50 % of cells",
     "uptake >= 800 per cell in 50 % of cells", 4),
    ("level 3: payload >= 1e5 per cell in 50 % of cells", None, 3),
    ("level 4: payload >= 1e5 per cell in 50 % of cells",
     "payload >= 1e5 per cell in 50 % of cells", 4),
    ("plasma trough >= 5 ug/mL", None, 1),
    ("trough of trastuzumab is at least 20 mg/L",
     "plasma trough of trastuzumab >= 20 mg/L", 1),
    ("Cmax of T-DM1 <= 80 ug/mL", "plasma Cmax of T-DM1 <= 80 ug/mL", 1),
    ("AUC at most 372 ug d/mL until 21 d", "plasma AUC <= 372 ug d/mL until 21 d", 1),
    ("plasma average of T-DM1 >= 20 nM after 21 d", None, 1),
    ("average >= 20 nM", "plasma average >= 20 nM", 1),
    ("plasma time above 5 ug/mL of T-DM1 >= 12 h", None, 1),
    ("plasma time above 5 ug/mL >= 3 d between 7 d and 14 d", None, 1),
    ("plasma of T-DM1 >= 3 nM at 24 h", "plasma concentration of T-DM1 >= 3 nM at 24 h", 1),
    ("plasma concentration >= 3 nM for 50 % of the time", None, 1),
    ("free >= 1 nM in 80 % of cells for 50 % of the time", None, 2),
    ("free >= 1 nM for 50 % of time in 80 % of cells",
     "free >= 1 nM for 50 % of the time in 80 % of cells", 2),
    ("free >= 1 nM in 80 % of cells for at least 12 h",
     "free >= 1 nM in 80 % of cells for 12 h", 2),
    ("free >= 1 nM in 80 % of cells at all times after 6 h", None, 2),
    ("free >= 1 nM at some time in 80 % of cells", None, 2),
    ("free >= 1 nM for all times in all cells from 6 h to 24 h",
     "free >= 1 nM at all times between 6 h and 24 h in all cells", 2),
    ("mean total of T-DM1 >= 10 nM", None, 2),
    ("average of occupancy >= 50 %", "mean occupancy >= 50 %", 3),
    ("maximum of the free <= 3 nM", "highest free <= 3 nM", 2),
    ("median occupancy of HER2 >= 50 % at 12 h", None, 3),
    ("lowest free >= 0.1 nM for 2 d", None, 2),
    ("penetration depth of T-DM1 >= 50 um", None, 2),
    ("depth > 0.05 mm at 24 h", "penetration depth > 0.05 mm at 24 h", 2),
    ("kill >= 0.2 1/d in 50 % of cells", None, 4),
    ("mean viable <= 10 %", None, 4),
    ("viable <= 10 % in 90 % of cells", None, 4),
    ("output damage_x >= 3 nM in 50 % of cells", None, 4),
    ("output Cp_TDM1 <= 3 nM", None, 1),
    ('output "my own" > 3', "output my own > 3", 4),
    ('payload of "drug in x" >= 1e5 per cell in 5 % of cells', None, 4),
    ("bound of trastuzumab >= 3 nM in 5 % of cells", None, 3),
    ("internalised >= 3 nM in 5 % of cells", "internalized >= 3 nM in 5 % of cells", 3),
]  # fmt: skip


@pytest.mark.parametrize(("text", "printed", "level"), GOOD)
def test_reads_and_prints_back(text: str, printed: str | None, level: int) -> None:
    target = Target(text)
    assert str(target) == (printed or text)
    assert target.level == level
    again = Target(str(target))
    assert again == target
    assert hash(again) == hash(target)
    assert pickle.loads(pickle.dumps(target)) == target
    assert Target(target) == target


WRONG = [
    ("", "KG-150", "empty", None),
    ("   ", "KG-150", "empty", None),
    ("ocupancy >= 90 % in 90 % of cells", "KG-151", "Did you mean 'occupancy'", 0),
    ("occupancy", "KG-150", "relation", 9),
    ("occupancy 90 %", "KG-150", "relation", 10),
    ("occupancy >= in 90 % of cells", "KG-150", "value", 13),
    ("occupancy >= 90 %", "KG-150", "in which cells", 10),
    ("payload >= 1e5 per cell", "KG-150", "in which cells", 8),
    ("occupancy >= 120 % in 90 % of cells", "KG-152", "cannot be reached", 10),
    ("occupancy >= 100 % in 90 % of cells", "KG-152", "below 100 %", 10),
    ("occupancy >= 90 in 90 % of cells", "KG-152", "cannot be reached", 10),
    ("occupancy <= 120 % in 90 % of cells", "KG-152", "always met", 10),
    ("occupancy >= 0 % in 90 % of cells", "KG-152", "always met", 10),
    ("free <= 0 nM in 90 % of cells", "KG-152", "never falls to exactly 0", 5),
    ("viable >= 101 % in 10 % of cells", "KG-152", "at most 100 %", 7),
    ("occupancy >= 90 % in 0 % of cells", "KG-152", "share", 21),
    ("occupancy >= 90 % in 101 % of cells", "KG-152", "share", 21),
    ("free >= 1 nM in 9 % of cells for 0 % of the time", "KG-152", "share", 33),
    ("free >= 1 nM in 9 % of cells for 200 % of the time", "KG-152", "share", 33),
    ("free >= 1 nM in 9 % of cells for 0 h", "KG-152", "zero", 5),
    ("free >= 1 nM in 9 % of cells at all times between 9 h and 3 h", "KG-152", "before", 42),
    ("occupancy >= 90 % in 90 of cells", "KG-124", "per cent", 21),
    ("occupancy >= 90 % in 90 % of viabel cells", "KG-151", "Did you mean 'viable'", 29),
    ("occupancy >= 90 % in 90 % of viable", "KG-150", "cells", 35),
    ("occupancy >= 90 % in 90 % cells", "KG-150", "'of'", 26),
    ("occupancy >= 90 nM in 90 % of cells", "KG-121", "molar concentration", 13),
    ("occupancy >= 90 per cell in 90 % of cells", "KG-121", "does not count", 13),
    ("payload >= 5 nM in 90 % of cells", "KG-121", "dimensionless", 11),
    ("payload >= 5 % in 90 % of cells", "KG-121", "per cell", 11),
    ("free >= 5 in 90 % of cells", "KG-124", "no unit", 8),
    ("free >= 5 h in 90 % of cells", "KG-121", "time", 8),
    ("free >= 5 nMM in 90 % of cells", "KG-120", "nMM", 10),
    ("free >= -5 nM in 90 % of cells", "KG-150", "negative", 8),
    ("free >= 1,000 nM in 90 % of cells", "KG-150", "commas", 8),
    ("free >= 1e999 nM in 90 % of cells", "KG-150", "out of range", 8),
    ("plasma trough >= 5", "KG-124", "no unit", 17),
    ("plasma trough >= 5 mg", "KG-121", "mass", 17),
    ("plasma AUC >= 5 ug/mL", "KG-121", "mass concentration", 14),
    ("plasma AUC >= 5 nM h at 24 h", "KG-150", "stretch of time", 11),
    ("plasma trough >= 5 nM after 24 h", "KG-150", "last one", 14),
    ("plasma trough >= 5 nM in 90 % of cells", "KG-150", "no cells", 22),
    ("plasma trogh >= 5 nM", "KG-151", "Did you mean 'trough'", 7),
    ("plasma occupancy >= 5 nM", "KG-151", "plasma measure", 7),
    ("plasma time >= 5 h", "KG-150", "'above'", 12),
    ("plasma time above 5 h >= 5 h", "KG-121", "time", 18),
    ("mean plasma trough >= 5 nM", "KG-151", "plasma", 5),
    ("mean trough >= 5 nM", "KG-150", "not a measure of cells", 0),
    ("mean occupancy >= 50 % in 90 % of cells", "KG-150", "one number", 23),
    ("penetration depth >= 50 um in 90 % of cells", "KG-150", "no cells", 27),
    ("penetration depth >= 50 nM", "KG-121", "length", 21),
    ("viable of T-DM1 <= 5 % in 90 % of cells", "KG-150", "belongs to the cells", 10),
    ("free of >= 5 nM in 90 % of cells", "KG-150", "name of a drug", 8),
    ("output >= 5 nM in 90 % of cells", "KG-150", "name of an output", 7),
    ("free >= 1 nM in 9 % of cells in 8 % of cells", "KG-150", "twice", 29),
    ("free >= 1 nM in 9 % of cells at 3 h at 4 h", "KG-150", "twice", 36),
    ("free >= 1 nM in 9 % of cells after 3 h", "KG-150", "needs a time to count", 5),
    ("free >= 1 nM in 9 % of cells at 3 nM", "KG-121", "time is needed", 32),
    ("free >= 1 nM in 9 % of cells at 3", "KG-124", "no unit", 32),
    ("free >= 1 nM in 9 % of cells wen ready", "KG-151", "beginning of a clause", 29),
    ("free >= 1 nM in 9 % of cells for ever", "KG-150", "share of the time", 33),
    ("level 5: free >= 1 nM in 9 % of cells", "KG-150", "1, 2, 3 or 4", 6),
    ("level 2 free >= 1 nM in 9 % of cells", "KG-150", "':'", 8),
    ("x" * 600, "KG-150", "600 characters", None),
]


@pytest.mark.parametrize(("text", "code", "words", "place"), WRONG)
def test_wrong_targets_say_what_and_where(
    text: str, code: str, words: str, place: int | None
) -> None:
    with pytest.raises((SpecError, UnitError)) as caught:
        Target(text)
    assert caught.value.code == code
    message = str(caught.value)
    assert words in message
    if place is not None:
        *_, shown, carets = message.split("\n")
        assert shown.strip() == text.strip()
        assert carets.index("^") == 2 + place


@pytest.mark.parametrize("level", [0, 5, "3", True, None.__class__])
def test_refuses_levels_that_are_none(level: object) -> None:
    with pytest.raises(SpecError, match="KG-150"):
        Target("mean occupancy >= 50 %", level)  # type: ignore[arg-type]


def test_refuses_what_is_no_text() -> None:
    with pytest.raises(SpecError, match=r"KG-150.*int"):
        Target(5)  # type: ignore[arg-type]


def test_level_can_be_stated() -> None:
    target = Target("payload >= 1e5 per cell in 50 % of cells", 3)
    assert str(target).startswith("level 3: ")
    assert (target.level, target.level_name) == (3, "3 engagement")
    assert Target(str(target)) == target


def test_html_escapes() -> None:
    assert "&gt;=" in Target("mean occupancy >= 50 %")._repr_html_()


# --- round trip of generated targets --------------------------------------------------------------

numbers = st.floats(1e-6, 1e9, allow_nan=False).map(lambda x: float(f"{x:.6g}"))
shares = st.floats(0.001, 99.9).map(lambda x: float(f"{x:.4g}"))
names = st.one_of(
    st.sampled_from(["T-DM1", "trastuzumab", "HER2", "drug of the year", "x y", "A.b"]),
    st.text("abcXYZ0129-_. ", min_size=1, max_size=12).filter(lambda s: s == " ".join(s.split())),
)
moments = st.tuples(numbers, st.sampled_from(["h", "d", "min", "weeks"])).map(
    lambda t: f"{t[0]!r} {t[1]}"
)
cells = st.tuples(shares, st.booleans()).map(lambda t: f"in {t[0]!r} % of {'viable ' * t[1]}cells")
spans = st.one_of(
    shares.map(lambda x: f"for {x!r} % of the time"),
    moments.map(lambda x: f"for {x}"),
    st.sampled_from(["at all times", "at some time"]),
)
windows = st.one_of(
    st.just(""), moments.map(lambda x: f"after {x}"), moments.map("until {}".format)
)
VALUES = {
    "free": "nM",
    "total": "ug/mL",
    "bound": "nM",
    "internalized": "mg/L",
    "uptake": "per cell",
    "payload": "molecules per cell",
    "kill": "1/d",
}


@st.composite
def sentences(draw: st.DrawFn) -> str:
    word = draw(st.sampled_from([*VALUES, "occupancy", "viable"]))
    value = f"{draw(numbers)!r} {VALUES[word]}" if word in VALUES else f"{draw(shares)!r} %"
    relation = draw(st.sampled_from([">=", "<=", ">", "<"]))
    of = f' of "{draw(names)}"' if word != "viable" and draw(st.booleans()) else ""
    level = f"level {draw(st.integers(1, 4))}: " if draw(st.booleans()) else ""
    if draw(st.booleans()):
        statistic = draw(st.sampled_from(["mean", "median", "lowest", "highest"]))
        clauses = [draw(st.one_of(st.just(""), moments.map("at {}".format), spans))]
        subject = f"{statistic} {word}"
    else:
        clauses = [draw(cells), draw(st.one_of(st.just(""), moments.map("at {}".format), spans))]
        if draw(st.booleans()):
            clauses.reverse()
        subject = word
    if any(clause and not clause.startswith(("in", "at 0", "at 1")) for clause in clauses):
        spanned = any(c.startswith("for") or c in ("at all times", "at some time") for c in clauses)
        if spanned:
            clauses.append(draw(windows))
    text = " ".join(part for part in clauses if part)
    return f"{level}{subject}{of} {relation} {value} {text}".strip()


@given(sentences())
def test_every_target_prints_back_to_itself(text: str) -> None:
    target = Target(text)
    printed = str(target)
    again = Target(printed)
    assert again == target
    assert str(again) == printed
    assert vars(again) == vars(target)


CODES = ("KG-150", "KG-151", "KG-152", "KG-120", "KG-121", "KG-124", "KG-125")


def read_or_code(text: str) -> str:
    """Return the code of the error; nothing for a target, which must print back to itself."""
    try:
        target = Target(text)
    except (SpecError, UnitError) as error:
        return error.code
    assert Target(str(target)) == target
    return ""


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert read_or_code(text) in {"", *CODES}


@given(st.lists(st.sampled_from(
    ["occupancy", "free", "plasma", "trough", "AUC", "of", "T-DM1", ">=", "<=", "90", "%", "nM",
     "in", "for", "at", "all", "times", "the", "time", "viable", "cells", "24", "h", "mean",
     "level", ":", "output", "per", "cell", "after", "between", "and", "1e5",
     "-", "/", "depth", "'"]
), max_size=14))  # fmt: skip
def test_any_order_of_words_is_read_or_refused(words: list[str]) -> None:
    assert read_or_code(" ".join(words)) in {"", *CODES}


def test_every_measure_is_in_the_language() -> None:
    for word, measure in MEASURES.items():
        above = " above 5 nM" if word == "plasma time" else ""
        where = " in 50 % of cells" if measure.place == "cells" else ""
        target = Target(f"{word}{above} >= {measure.example}{where}")
        assert target.measure == word
        assert target.level == measure.level
