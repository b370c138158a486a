"""What doses by weight, surface or target exposure amount to: body measures, Calvert's formula.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError
from krogh.model.compile import CompiledModel
from krogh.units import Quantity, convert, dimension, dose_unit

__all__ = ["Basis", "calvert_dose", "dose_factor"]

_ADULT: Final = {"weight": 70.0, "surface": 1.8, "gfr": 90.0}
"""kg, m^2, mL/min of an adult; only their size matters."""


@dataclass
class Basis:
    """What doses per weight, per surface and for a target AUC are counted by.

    Attributes
    ----------
    weight, surface, gfr
        kg, m^2 and mL/min, shape () or (num_subjects,); NaN where a subject has none; None where
        nobody has.
    ids
        Of the subjects, for messages.
    typical
        Those of a typical subject, by which tolerances are set: what holds for all, or the
        reference value of the model's covariate where subjects differ; never what one subject of
        several has, so that it stays the same in every batch.  None: 70 kg, 1.8 m^2, 90 mL/min.
    """

    ids: NDArray[Any]
    weight: NDArray[np.float64] | None = None
    surface: NDArray[np.float64] | None = None
    gfr: NDArray[np.float64] | None = None
    typical: dict[str, float] = field(default_factory=dict)

    def of_typical_subject(self) -> Basis:
        """Return the basis of one typical subject."""
        one = {name: np.array(value) for name, value in (_ADULT | self.typical).items()}
        return Basis(np.zeros(1), one["weight"], one["surface"], one["gfr"])

    _NAMES = {  # noqa: RUF012 - a constant of the class, not a field
        "weight": ("body weight", "a covariate WT in kg or weight='70 kg'"),
        "surface": ("body surface", "a covariate BSA in m^2 or surface='1.8 m^2'"),
        "gfr": ("glomerular filtration rate", "a covariate GFR in mL/min or gfr='90 mL/min'"),
    }

    def values(self, what: str, dose: str) -> NDArray[np.float64]:
        """Return weights, surfaces or filtration rates.

        Raises
        ------
        DataError
            KG-240 naming the subject that has none.
        """
        found: NDArray[np.float64] | None = getattr(self, what)
        label, advice = self._NAMES[what]
        if found is None:
            raise DataError(
                f"KG-240: the dose {dose} needs the {label} of subject {self.ids[0]}"
                f"{' and all others' if self.ids.size > 1 else ''}; give {advice}."
            )
        wrong = ~(np.isfinite(found) & (found > 0.0))
        if np.any(wrong):
            at = int(np.flatnonzero(np.atleast_1d(wrong))[0])
            value = np.atleast_1d(found)[at]
            raise DataError(
                f"KG-240: the dose {dose} needs the {label} of subject {self.ids[at]}, which is"
                f" {'missing' if np.isnan(value) else f'{value:g}'}; give {advice}."
            )
        return found


def dose_factor(
    compiled: CompiledModel, state: int, unit: str, basis: Basis, dose: str
) -> NDArray[np.float64]:
    """Return internal dose units in one `unit`, shape () or (num_subjects,).

    `unit` may count by weight or surface (mg/kg, mg/m2), for amounts and for rates.  A target
    exposure is not proportional to one number; see `calvert_dose`.
    """
    parts = dose_unit(unit)
    if parts is None:
        return np.asarray(compiled.dose_amount(state, 1.0, unit), dtype=np.float64)
    plain = parts.base if parts.per_time is None else f"{parts.base}/{parts.per_time}"
    one = np.asarray(compiled.dose_amount(state, 1.0, plain), dtype=np.float64)
    if parts.per is None:
        return one
    return one * basis.values(parts.per, dose) / parts.per_factor


def calvert_dose(
    compiled: CompiledModel, state: int, target: Quantity, basis: Basis
) -> NDArray[np.float64]:
    """Return the dose for a target AUC, internal units, shape () or (num_subjects,).

    Dose (mg) = AUC (mg/mL min) (GFR (mL/min) + 25): Calvert et al. 1989, J. Clin. Oncol. 7:1748,
    doi 10.1200/JCO.1989.7.11.1748.  The formula is carboplatin's.
    """
    gfr = basis.values("gfr", str(target))
    molar = dimension(target.unit) == dimension("nmol*h/L")
    area = convert(target.value, target.unit, "nmol*min/mL" if molar else "mg*min/mL")
    amount = area * (gfr + 25.0)
    return np.asarray(compiled.dose_amount(state, amount, "nmol" if molar else "mg"))
