"""Errors: stable codes, bases, suggestions, marks below the text.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import krogh
import pytest
from hypothesis import given
from hypothesis import strategies as st
from krogh import errors
from krogh.errors import closest, did_you_mean, underline

CLASSES = {
    errors.InvalidInput: ("KG-100", ValueError),
    errors.SpecError: ("KG-100", errors.InvalidInput),
    errors.UnitError: ("KG-120", errors.InvalidInput),
    errors.DataError: ("KG-200", errors.InvalidInput),
    errors.NumericalFailure: ("KG-300", RuntimeError),
    errors.SolverError: ("KG-300", errors.NumericalFailure),
    errors.MissingExtra: ("KG-900", ImportError),
}


@pytest.mark.parametrize("kind", list(CLASSES))
def test_each_class_has_its_code_and_base(kind: type[errors.Error]) -> None:
    code, base = CLASSES[kind]
    error = kind("something is wrong")
    assert error.code == code
    assert str(error) == f"{code}: something is wrong"
    assert isinstance(error, errors.Error)
    assert isinstance(error, base)


def test_a_code_in_the_message_is_the_code() -> None:
    error = errors.SpecError("KG-107: text")
    assert error.code == "KG-107"
    assert str(error) == "KG-107: text"
    assert errors.SpecError("text", "KG-108").code == "KG-108"
    assert str(errors.SpecError("text", "KG-108")) == "KG-108: text"


def test_numerical_failures_carry_what_was_computed() -> None:
    error = errors.SolverError("KG-301: text", result={"status": 1})
    assert error.result == {"status": 1}
    assert errors.NumericalFailure("text").result is None


def test_errors_survive_pickling() -> None:
    error = pickle.loads(pickle.dumps(errors.UnitError("KG-121: text")))
    assert isinstance(error, errors.UnitError)
    assert (error.code, str(error)) == ("KG-121", "KG-121: text")


def test_every_code_in_the_package_belongs_to_the_class_that_raises_it(source_tree: Path) -> None:
    families = {
        "SpecError": r"KG-1[0134568]\d",
        "UnitError": r"KG-12\d",
        "DataError": r"KG-(2\d\d|18\d)",
        "SolverError": r"KG-3\d\d",
        "NumericalFailure": r"KG-3\d\d",
        "FitError": r"KG-4\d\d",
        "MissingExtra": r"KG-9\d\d",
    }
    wrong: list[str] = []
    seen = 0
    for file in (source_tree / "python" / "krogh").rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        for kind, code in re.findall(r"\b(\w+)\(\s*f?\"(KG-\d{3}):", text):
            if kind in families:
                seen += 1
                if not re.fullmatch(families[kind], code):
                    wrong.append(f"{file.name}: {kind} {code}")
    assert seen > 50
    assert not wrong


def test_the_closest_names_come_first() -> None:
    names = ["diffusivity", "degradation", "permeability", "Diffusion"]
    assert closest("difusivity", names)[0] == "diffusivity"
    assert closest("DEGRADATION", names) == ["degradation"]
    assert closest("zzz", names) == []
    assert closest("x" * 41, ["x" * 41]) == []
    assert did_you_mean("kom", ["kon", "V"]) == "  Did you mean 'kon'?"
    assert did_you_mean("q", ["kon"]) == ""


def test_marks_stand_below_the_text() -> None:
    assert underline("kon*C*Q", 6, 7) == "  kon*C*Q\n        ^"
    assert underline("ab", 2) == "  ab\n    ^"
    assert underline("first\nsecond", 6, 9) == "  second\n  ^^^"
    assert underline("", 0) == "  \n  ^"
    assert underline("a\tb", 2) == "  a b\n    ^"


@given(st.text(max_size=400), st.integers(-5, 500), st.integers(-5, 500))
def test_marks_never_fail_and_lie_within_the_line(text: str, start: int, stop: int) -> None:
    shown = underline(text, start, stop)
    mark = shown.rpartition("\n")[2]
    assert set(mark) <= {" ", "^"}
    assert 1 <= mark.count("^") <= 130


def test_a_misspelt_name_of_the_package_is_guessed() -> None:
    with pytest.raises(AttributeError, match=r"'krogh' has no attribute 'Stduy'.* mean 'Study'"):
        getattr(krogh, "Stduy")  # noqa: B009
    assert not hasattr(krogh, "__absent__")
