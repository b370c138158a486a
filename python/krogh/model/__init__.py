"""The language in which models are written: components, expressions, models.

SPDX-License-Identifier: BSD-3-Clause
"""

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
]
