"""krogh: a drug's way from the dose to the tumour's response.

SPDX-License-Identifier: BSD-3-Clause

Names are loaded when they are first used, so ``import krogh`` costs little:

>>> import krogh as kg
>>> model = kg.library.model("trastuzumab_quartino_2019")
>>> regimen = kg.Regimen("8 mg/kg then 6 mg/kg every 3 weeks x 6")
>>> result = kg.simulate(model, regimen, subjects=100, variability=True, until="126 d")
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from krogh import (
        data,
        dose,
        dosing,
        errors,
        interstitial,
        io,
        library,
        line,
        model,
        space,
        tumour,
        units,
        vessels,
    )
    from krogh._core import __version__
    from krogh.data import cmake_dir
    from krogh.dosing import Dose, EventTable, Regimen
    from krogh.errors import (
        DataError,
        Error,
        FitError,
        InvalidInput,
        MissingExtra,
        NumericalFailure,
        SolverError,
        SpecError,
        UnitError,
    )
    from krogh.fit import fit
    from krogh.interstitial import interstitial_flow
    from krogh.library import cite
    from krogh.line import simulate_line
    from krogh.model import (
        Compartment,
        Covariate,
        DoseInput,
        Event,
        Model,
        Output,
        Parameter,
        Rate,
        Reaction,
        Rule,
        Species,
        Table,
        Transport,
        Variability,
        symbol,
    )
    from krogh.simulate import simulate, steady_state
    from krogh.space import Cylinder, Slab, Sphere
    from krogh.study import Study, open
    from krogh.volume import simulate_volume

__all__ = [
    "Compartment",
    "Covariate",
    "Cylinder",
    "DataError",
    "Dose",
    "DoseInput",
    "Error",
    "Event",
    "EventTable",
    "FitError",
    "InvalidInput",
    "MissingExtra",
    "Model",
    "NumericalFailure",
    "Output",
    "Parameter",
    "Rate",
    "Reaction",
    "Regimen",
    "Rule",
    "Slab",
    "SolverError",
    "SpecError",
    "Species",
    "Sphere",
    "Study",
    "Table",
    "Transport",
    "UnitError",
    "Variability",
    "__version__",
    "cite",
    "cmake_dir",
    "data",
    "dose",
    "dosing",
    "errors",
    "fit",
    "interstitial",
    "interstitial_flow",
    "io",
    "library",
    "line",
    "model",
    "open",
    "simulate",
    "simulate_line",
    "simulate_volume",
    "space",
    "steady_state",
    "symbol",
    "tumour",
    "units",
    "vessels",
]

_MODULES = (
    "data",
    "dose",
    "dosing",
    "errors",
    "interstitial",
    "io",
    "library",
    "line",
    "model",
    "space",
    "tumour",
    "units",
    "vessels",
)

_NAMES = {
    "krogh._core": ("__version__",),
    "krogh.data": ("cmake_dir",),
    "krogh.dosing": ("Dose", "EventTable", "Regimen"),
    "krogh.errors": (
        "DataError",
        "Error",
        "FitError",
        "InvalidInput",
        "MissingExtra",
        "NumericalFailure",
        "SolverError",
        "SpecError",
        "UnitError",
    ),
    "krogh.fit": ("fit",),
    "krogh.interstitial": ("interstitial_flow",),
    "krogh.library": ("cite",),
    "krogh.line": ("simulate_line",),
    "krogh.model": (
        "Compartment",
        "Covariate",
        "DoseInput",
        "Event",
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
        "symbol",
    ),
    "krogh.simulate": ("simulate", "steady_state"),
    "krogh.space": ("Cylinder", "Slab", "Sphere"),
    "krogh.study": ("Study", "open"),
    "krogh.volume": ("simulate_volume",),
}

_HOME = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"krogh.{name}")
    if name not in _HOME:
        if name.startswith("_"):
            raise AttributeError(f"module 'krogh' has no attribute {name!r}")
        from krogh.errors import did_you_mean

        hint = did_you_mean(name, [*_HOME, *_MODULES])
        raise AttributeError(f"module 'krogh' has no attribute {name!r}.{hint}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


class _Package(ModuleType):
    """The package's module: a submodule never takes the name of a public function."""

    def __setattr__(self, name: str, value: Any) -> None:
        # The import system binds every submodule in its parent; krogh.simulate is the function.
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
