"""Studies: a drug's whole way around a vessel, in four levels, from what a user asks.

SPDX-License-Identifier: BSD-3-Clause

>>> import krogh as kg
>>> study = kg.Study("T-DM1", "NCI-N87", "3.6 mg/kg", until="24 h")  # doctest: +SKIP
>>> result = study.run()  # doctest: +SKIP
>>> print(result)  # doctest: +SKIP
>>> result.plot()  # doctest: +SKIP

======  ============================================================================================
KG-140  a study that cannot be read, or input of a wrong kind
KG-141  drugs and regimen that do not fit each other
KG-142  a file that is no result of krogh
======  ============================================================================================
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from krogh.study.document import Settings
    from krogh.study.limits import Limit
    from krogh.study.numbers import Numbers
    from krogh.study.result import StudyResult
    from krogh.study.store import open_file as open
    from krogh.study.study import Study
    from krogh.study.volume_result import TumourResult

    Result = StudyResult

__all__ = [
    "Limit",
    "Numbers",
    "Result",
    "Settings",
    "Study",
    "StudyResult",
    "TumourResult",
    "open",
]

_HOME = {
    "Limit": ("limits", "Limit"),
    "Numbers": ("numbers", "Numbers"),
    "Result": ("result", "StudyResult"),
    "Settings": ("document", "Settings"),
    "Study": ("study", "Study"),
    "StudyResult": ("result", "StudyResult"),
    "TumourResult": ("volume_result", "TumourResult"),
    "open": ("store", "open_file"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'krogh.study' has no attribute {name!r}")
    module, attribute = _HOME[name]
    value = getattr(import_module(f"krogh.study.{module}"), attribute)
    globals()[name] = value
    return value
