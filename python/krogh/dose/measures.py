"""What a target can be about: the measures of the four levels, their words and their units.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from krogh.units import DIMENSIONLESS, Dimension, dimension

__all__ = ["LEVELS", "MEASURES", "OUTPUT", "SYNONYMS", "Measure", "level_of_output"]

LEVELS: Final = {1: "systemic", 2: "tissue", 3: "engagement", 4: "effect"}
"""The four levels by number."""

Place = Literal["plasma", "cells", "depth"]


@dataclass(frozen=True)
class Measure:
    """One thing that a target can be about.

    Attributes
    ----------
    word
        As it is printed, such as ``"plasma trough"``.
    level
        1 systemic, 2 tissue, 3 engagement, 4 effect.
    place
        ``"plasma"``: one number at a time; ``"cells"``: one number in every cell; ``"depth"``: one
        length per line.
    prefix
        Outputs ``prefix + label`` carry it (`viable` has no label).
    units
        Dimensions a value may have, the output's own or convertible to it.
    example
        A value with unit, for messages.
    labeled
        What the label names: ``"drug"``, ``"target"`` or None.
    largest
        Value that cannot be exceeded, None where there is none.
    """

    word: str
    level: int
    place: Place
    prefix: str
    units: tuple[Dimension, ...]
    example: str
    labeled: Literal["drug", "target"] | None = "drug"
    largest: float | None = None


_MOLAR: Final = dimension("nM")
_MASS: Final = dimension("mg/L")
_CONCENTRATION: Final = (_MOLAR, _MASS)
_EXPOSURE: Final = (dimension("nM h"), dimension("mg/L h"))
_TIME: Final = (dimension("h"),)
_SHARE: Final = (DIMENSIONLESS,)

_ALL: Final = (
    Measure("plasma concentration", 1, "plasma", "Cp_", _CONCENTRATION, "5 ug/mL"),
    Measure("plasma trough", 1, "plasma", "Cp_", _CONCENTRATION, "5 ug/mL"),
    Measure("plasma Cmax", 1, "plasma", "Cp_", _CONCENTRATION, "80 ug/mL"),
    Measure("plasma average", 1, "plasma", "Cp_", _CONCENTRATION, "20 ug/mL"),
    Measure("plasma AUC", 1, "plasma", "Cp_", _EXPOSURE, "370 ug d/mL"),
    Measure("plasma time", 1, "plasma", "Cp_", _TIME, "12 h"),
    Measure("free", 2, "cells", "free_", _CONCENTRATION, "1 nM"),
    Measure("total", 2, "cells", "total_", _CONCENTRATION, "10 nM"),
    Measure("penetration depth", 2, "depth", "total_", (dimension("um"),), "50 um"),
    Measure("bound", 3, "cells", "bound_", _CONCENTRATION, "10 nM"),
    Measure("internalized", 3, "cells", "internalized_", _CONCENTRATION, "10 nM"),
    Measure("occupancy", 3, "cells", "occupancy_", _SHARE, "90 %", "target", 1.0),
    Measure("uptake", 4, "cells", "uptake_", _SHARE, "1e5 per cell"),
    Measure("payload", 4, "cells", "payload_", _SHARE, "1e5 per cell"),
    Measure("kill", 4, "cells", "kill_", (dimension("1/d"),), "0.2 1/d"),
    Measure("viable", 4, "cells", "viable", _SHARE, "10 %", None, 1.0),
)
MEASURES: Final = {measure.word: measure for measure in _ALL}
"""The measures by their word."""

OUTPUT: Final = Measure("output", 4, "cells", "", (), "1 nM")
"""Any output by its name; where it is found decides whether it is plasma or cells."""

SYNONYMS: Final = {
    "concentration": "plasma concentration",
    "trough": "plasma trough",
    "cmin": "plasma trough",
    "cmax": "plasma Cmax",
    "peak": "plasma Cmax",
    "maximum": "plasma Cmax",
    "average": "plasma average",
    "cavg": "plasma average",
    "auc": "plasma AUC",
    "exposure": "plasma AUC",
    "time": "plasma time",
    "internalised": "internalized",
    "depth": "penetration depth",
    "penetration": "penetration depth",
    **{measure.word: measure.word for measure in _ALL if " " not in measure.word},
}
"""Single words, in lower case, and the measure that they stand for (after ``plasma`` too)."""

_PREFIXES: Final = {measure.prefix: measure.level for measure in _ALL}


def level_of_output(name: str) -> int:
    """Return the level of an output by its name: 4 where the name is none of the standard ones."""
    for prefix, level in _PREFIXES.items():
        if name.startswith(prefix):
            return level
    return OUTPUT.level
