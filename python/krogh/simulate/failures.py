"""What is done about subjects that could not be solved.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from krogh.errors import SolverError
from krogh.provenance import SubjectFailure
from krogh.result import SimulationResult

__all__ = ["handle_failures"]

_LOG = logging.getLogger("krogh")

_ADVICE: Final[Mapping[int, str]] = {
    2: "Raise max_steps, loosen rtol, or look for a rate constant with the wrong unit.",
    3: (
        "The solution changes faster than the clock resolves: look for a jump or a blow-up in the"
        " rate laws near this time, or a rate constant with the wrong unit."
    ),
    4: (
        "Look at the rate law of this species: a division, logarithm or power leaves its range at"
        " the subject's parameter values (result.parameters)."
    ),
    5: "The equations have no unique solution there: look for parameters that are 0 or infinite.",
    6: (
        "Is the input at or above the elimination capacity?  Compare dose/interval with Vmax, or"
        " simulate the train of doses without steady state."
    ),
}

_CAUSES: Final[Mapping[str, str]] = {
    "slides along a switching surface": (
        "A condition switches back and forth there.  Give it a width: hill(x, k, n) in place of"
        " if(x > k, ...), or two events with thresholds that lie apart."
    ),
    "outside the range of a table": (
        "Give the table points as far as its argument goes, or hold the argument inside by min and"
        " max."
    ),
}
"""Advice for causes that the status alone does not tell apart."""


def handle_failures(result: SimulationResult, on_failure: str) -> SimulationResult:
    """Raise, warn, or do nothing, as the user chose.

    Raises
    ------
    SolverError
        KG-310 with the species, the time, the subject, the cause and what to do.
    """
    if not result.failures:
        return result
    first = result.failures[0]
    raises = on_failure == "raise" or (on_failure == "auto" and len(result.subjects) == 1)
    if raises:
        raise SolverError(_message(first, len(result.subjects)), result=result)
    if on_failure != "nan":
        _LOG.warning(
            "%s of %s subjects failed; the first: %s",
            f"{len(result.failures):,}",
            f"{len(result.subjects):,}",
            first,
        )
    return result


def _message(failure: SubjectFailure, count: int) -> str:
    species = f"{failure.species}: " if failure.species else ""
    who = f", subject {failure.subject} (of {count:,})" if count > 1 else (
        f", subject {failure.subject}"
    )  # fmt: skip
    special = [text for words, text in _CAUSES.items() if words in failure.reason]
    advice = special[0] if special else _ADVICE.get(failure.code, "")
    more = "" if count == 1 else (
        "\n  on_failure='return' keeps the other subjects and lists all failures."
    )  # fmt: skip
    return (
        f"KG-310: {species}{failure.reason} at t = {failure.time:.6g} {failure.time_unit}{who}."
        f"\n  {advice}{more}"
    )
