"""Targets, and the search for the lowest dose that reaches them.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from krogh.dose.attainment import Attainment
    from krogh.dose.files import load
    from krogh.dose.ladders import ladder
    from krogh.dose.optimizing import optimize
    from krogh.dose.plan import Plan
    from krogh.dose.search import SearchInterrupted
    from krogh.dose.target import Target

__all__ = ["Attainment", "Plan", "SearchInterrupted", "Target", "ladder", "load", "optimize"]

_HOME = {
    "Attainment": "attainment",
    "Plan": "plan",
    "SearchInterrupted": "search",
    "Target": "target",
    "ladder": "ladders",
    "load": "files",
    "optimize": "optimizing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'krogh.dose' has no attribute {name!r}")
    value = getattr(import_module(f"krogh.dose.{_HOME[name]}"), name)
    globals()[name] = value
    return value
