"""Every wrong study gives its named error, in words, before anything is computed.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import pytest
from krogh.errors import InvalidInput
from wrong_decisions import DECISIONS
from wrong_studies import CASES, RIGHT, TOML, Wrong, study, toml

ALL = [*CASES, *DECISIONS]


@pytest.fixture(autouse=True)
def no_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors come before any work: no solver is called."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a solver was called")

    for name in ("simulate_line", "simulate_point"):
        monkeypatch.setattr(f"krogh._core.{name}", refuse)


@pytest.mark.parametrize("case", ALL, ids=[case.name for case in ALL])
def test_wrong_studies(case: Wrong) -> None:
    with pytest.raises(InvalidInput) as caught:
        case.make()
    message = str(caught.value)
    assert caught.value.code.startswith(case.code), message
    assert message.startswith(caught.value.code)
    for words in case.words:
        assert words in message, message
    assert "pydantic" not in message
    assert "Traceback" not in message


def test_names_of_cases_are_their_own() -> None:
    names = [case.name for case in ALL]
    assert len(names) == len(set(names))


def test_corpus_has_a_hundred_cases() -> None:
    assert len(ALL) >= 100


def test_what_the_corpus_starts_from_is_right() -> None:
    assert study().regimen == toml(TOML).regimen
    assert RIGHT["drug"] == toml(TOML).drugs[0].name
