"""Exceptions of krogh, their stable codes, and the helpers that make their messages useful.

SPDX-License-Identifier: BSD-3-Clause

Every message starts with a code: ``KG-10x`` to ``KG-11x`` a wrong specification, ``KG-12x`` a wrong
unit, ``KG-13x`` the installation or the command line, ``KG-14x`` a study or the library, ``KG-15x``
a target or a space of regimens, ``KG-16x`` a line, its shape, or a volume, ``KG-18x`` a
network of vessels, ``KG-2xx`` wrong data or dosing, ``KG-3xx`` a numerical failure, ``KG-4xx`` a
fit, ``KG-9xx`` a missing optional package.  A code never changes its meaning, so it can be searched
for and tested.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any, ClassVar

__all__ = [
    "DataError",
    "Error",
    "FitError",
    "InvalidInput",
    "MissingExtra",
    "NumericalFailure",
    "SolverError",
    "SpecError",
    "UnitError",
    "closest",
    "did_you_mean",
    "underline",
]

_CODE = re.compile(r"KG-[0-9]{3}(?=: )")


class Error(Exception):
    """Base of every exception that krogh raises on purpose.

    Parameters
    ----------
    message
        What is wrong, where, and what to do.  It may start with its code (``"KG-121: ..."``).
    code
        The code, when the message does not start with it.

    Attributes
    ----------
    code : str
        The stable code, such as ``"KG-121"``.
    """

    default_code: ClassVar[str] = "KG-000"

    def __init__(self, message: str, code: str | None = None) -> None:
        found = _CODE.match(message)
        self.code: str = code or (found.group() if found else self.default_code)
        if found is None:
            message = f"{self.code}: {message}"
        super().__init__(message)


class InvalidInput(Error, ValueError):
    """The input is wrong; nothing was computed."""

    default_code = "KG-100"


class SpecError(InvalidInput):
    """A model, a parameter or an option is wrong or unknown."""

    default_code = "KG-100"


class UnitError(InvalidInput):
    """A unit is unknown, missing, or does not fit."""

    default_code = "KG-120"


class DataError(InvalidInput):
    """A dosing sentence, an event table or a measurement is wrong."""

    default_code = "KG-200"


class NumericalFailure(Error, RuntimeError):
    """A computation did not reach its goal.

    Attributes
    ----------
    result : object or None
        What had been computed up to the failure, with the status of each subject.
    """

    default_code = "KG-300"

    def __init__(self, message: str, code: str | None = None, *, result: Any = None) -> None:
        super().__init__(message, code)
        self.result = result


class SolverError(NumericalFailure):
    """The differential equations could not be solved to the tolerance."""

    default_code = "KG-300"


class FitError(NumericalFailure):
    """A fit has no estimate (KG-402), or one that is not converged (KG-401)."""

    default_code = "KG-400"


class MissingExtra(Error, ImportError):
    """An optional package is needed and absent."""

    default_code = "KG-900"


def closest(word: str, candidates: Iterable[str], count: int = 3) -> list[str]:
    """Return the candidates most like a misspelled word, the best first.

    Letter case is ignored in the comparison; the candidates are returned as they are written.
    """
    if len(word) > 40:  # nobody misspells that much
        return []
    by_lower: dict[str, str] = {}
    for candidate in candidates:
        by_lower.setdefault(candidate.lower(), candidate)
    found = difflib.get_close_matches(word.lower(), by_lower, n=count, cutoff=0.6)
    return [by_lower[name] for name in found]


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Return ``"  Did you mean 'x'?"`` for the closest candidate, or an empty string.

    Examples
    --------
    >>> did_you_mean("difusivity", ["diffusivity", "degradation"])
    "  Did you mean 'diffusivity'?"
    """
    found = closest(word, candidates, 1)
    return f"  Did you mean {found[0]!r}?" if found else ""


def underline(text: str, start: int, stop: int | None = None, *, indent: str = "  ") -> str:
    """Return the line of `text` that holds position `start`, with carets below the marked part.

    Parameters
    ----------
    text
        The whole input, possibly of several lines.
    start, stop
        The marked characters, counted from 0; `stop` is exclusive and defaults to one character.
        A position at the end of the text marks the place after its last character.
    indent
        Put before both lines.
    """
    start = max(0, min(start, len(text)))
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", start)
    line = text[first : last if last >= 0 else len(text)]
    column = start - first
    width = max(1, min((stop or start + 1) - start, max(1, len(line) - column)))
    if len(line) > 120:  # a window around the mark: messages stay readable for huge inputs
        cut = max(0, column - 60)
        line = ("... " if cut else "") + line[cut : cut + 110]
        column = column - cut + (4 if cut else 0)
        width = min(width, 60)
    visible = line.replace("\t", " ")
    return f"{indent}{visible}\n{indent}{' ' * column}{'^' * width}"
