"""The language in which models are written: components, expressions, models.

SPDX-License-Identifier: BSD-3-Clause
"""

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from krogh.model.components import (
    Compartment,
    Covariate,
    DoseInput,
    Event,
    Output,
    Parameter,
    Rate,
    Reaction,
    Rule,
    Species,
    Table,
    Variability,
)
from krogh.model.document import json_schema
from krogh.model.expression import Expression, call, number, symbol
from krogh.model.grammar import parse
from krogh.model.network import Model

if TYPE_CHECKING:
    from krogh.model import systemic

__all__ = [
    "Compartment",
    "Covariate",
    "DoseInput",
    "Event",
    "Expression",
    "Model",
    "Output",
    "Parameter",
    "Rate",
    "Reaction",
    "Rule",
    "Species",
    "Table",
    "Variability",
    "call",
    "json_schema",
    "number",
    "parse",
    "symbol",
    "systemic",
]


def __getattr__(name: str) -> ModuleType:
    """Load the building blocks when they are first used."""
    if name == "systemic":
        return import_module("krogh.model.systemic")
    raise AttributeError(f"module 'krogh.model' has no attribute {name!r}")
