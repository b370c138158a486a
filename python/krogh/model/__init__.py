"""The language in which models are written: components, expressions, models.

SPDX-License-Identifier: BSD-3-Clause

A model is a collection of components.  Expressions are text (or symbols joined by operators); a
number may carry its unit in brackets, and every law is checked for its dimension.

>>> from krogh.model import Compartment, DoseInput, Model, Output, Parameter, Reaction, Species
>>> tmdd = Model(
...     "binding to a membrane target",
...     Parameter("CL", "0.2 L/d"),
...     Parameter("V", "3 L"),
...     Parameter("kon", "0.1 1/(nM h)"),
...     Parameter("koff", "0.01 1/h"),
...     Parameter("kint", "0.05 1/h"),
...     Parameter("kdeg", "0.03 1/h"),
...     Compartment("plasma", volume="V"),
...     Species("C", "nM", compartment="plasma", molar_mass="148 kDa"),
...     Species("R", "nM", compartment="plasma", initial="10 nM"),
...     Species("RC", "nM", compartment="plasma"),
...     Reaction("C + R <-> RC", forward="kon*C*R", backward="koff*RC"),
...     Reaction("C ->", rate="CL*C"),  # an amount per time: divided by the volume
...     Reaction("-> R", rate="kdeg*10[nM]"),
...     Reaction("R ->", rate="kdeg*R"),
...     Reaction("RC ->", rate="kint*RC"),
...     DoseInput("C"),
...     Output("occupancy", "RC/(R + RC)", unit="%"),
... )
>>> str(tmdd.derivative("C"))
'-kon*C*R + koff*RC - CL*C/V'

Expressions: ``+ - * / ^`` (or ``**``), comparisons and ``and``, ``or``, ``not``, the functions of
`krogh.model.functions`, interpolation tables by their names, ``t`` for time, ``pi``.
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
    Transport,
    Variability,
)
from krogh.model.document import json_schema
from krogh.model.expression import Expression, call, number, symbol
from krogh.model.grammar import parse
from krogh.model.network import Model

if TYPE_CHECKING:
    from krogh.model import effect, engagement, systemic, tissue

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
    "Transport",
    "Variability",
    "call",
    "effect",
    "engagement",
    "json_schema",
    "number",
    "parse",
    "symbol",
    "systemic",
    "tissue",
]


def __getattr__(name: str) -> ModuleType:
    """Load the building blocks when they are first used."""
    if name in ("effect", "engagement", "systemic", "tissue"):
        return import_module(f"krogh.model.{name}")
    raise AttributeError(f"module 'krogh.model' has no attribute {name!r}")
