"""Body size and kidney function that doses are counted by, each with its source.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError, SpecError, UnitError
from krogh.units import Quantity, convert, parse_quantity, same_dimension

__all__ = [
    "FDA_GFR_CAP",
    "calvert_dose",
    "creatinine_clearance",
    "surface_area_du_bois",
    "surface_area_mosteller",
]

Numbers = NDArray[np.float64]

CALVERT_NONRENAL: Final = 25.0
"""Nonrenal clearance of carboplatin in mL/min (Calvert 1989)."""

FDA_GFR_CAP: Final = Quantity(125.0, "mL/min")
"""Largest estimated filtration rate for dosing carboplatin to a target AUC.

US Food and Drug Administration, carboplatin dosing communication of 8 October 2010: creatinine
measured by the IDMS standard can overestimate the rate, so it is capped at 125 mL/min (Paraplatin
label, section Dosage and Administration, formula dosing).
"""


def _value(quantity: Any, unit: str, what: str, low: float, high: float) -> float:
    """Return a positive quantity in `unit`, refusing what no body has."""
    given = parse_quantity(quantity, what)
    if not same_dimension(given.unit, unit):
        raise UnitError(f"KG-121: {what} is {given}; needed: a unit such as {unit!r}.")
    value = convert(given.value, given.unit, unit)
    if not (math.isfinite(value) and low <= value <= high):
        raise DataError(
            f"KG-208: {what} is {given}; expected between {low:g} and {high:g} {unit}.  Is the unit"
            " right?"
        )
    return value


def surface_area_du_bois(weight: Any, height: Any) -> Quantity:
    """Return the body surface area by Du Bois and Du Bois.

    ``BSA [m2] = 0.007184 (weight [kg])^0.425 (height [cm])^0.725``: D. Du Bois, E.F. Du Bois,
    Arch. Intern. Med. 17 (1916) 863, doi:10.1001/archinte.1916.00080130010002.

    Parameters
    ----------
    weight
        Text or quantity, 0.2 to 700 kg.
    height
        Text or quantity, 20 to 280 cm.

    Raises
    ------
    UnitError
        KG-121 or KG-124 for a wrong or missing unit.
    DataError
        KG-208 for a value no person has.

    Examples
    --------
    >>> f"{surface_area_du_bois('70 kg', '170 cm').value:.4f}"
    '1.8097'
    """
    w = _value(weight, "kg", "the body weight", 0.2, 700.0)
    h = _value(height, "cm", "the height", 20.0, 280.0)
    return Quantity(0.007184 * w**0.425 * h**0.725, "m^2")


def surface_area_mosteller(weight: Any, height: Any) -> Quantity:
    """Return the body surface area by Mosteller.

    ``BSA [m2] = sqrt(height [cm] weight [kg] / 3600)``: R.D. Mosteller, N. Engl. J. Med. 317 (1987)
    1098, doi:10.1056/NEJM198710223171717.

    Parameters and errors are those of `surface_area_du_bois`.

    Examples
    --------
    >>> f"{surface_area_mosteller('70 kg', '170 cm').value:.4f}"
    '1.8181'
    """
    w = _value(weight, "kg", "the body weight", 0.2, 700.0)
    h = _value(height, "cm", "the height", 20.0, 280.0)
    return Quantity(math.sqrt(h * w / 3600.0), "m^2")


def creatinine_clearance(
    age: Any, weight: Any, creatinine: Any, sex: Literal["female", "male"]
) -> Quantity:
    """Return the creatinine clearance by Cockcroft and Gault.

    ``CrCL [mL/min] = (140 - age [years]) weight [kg] / (72 creatinine [mg/dL])``, times 0.85 for
    women: D.W. Cockcroft, M.H. Gault, Nephron 16 (1976) 31, doi:10.1159/000180580.

    Parameters
    ----------
    age
        Text or quantity, 18 to 120 years: the formula was made with adults.
    weight
        Text or quantity, 20 to 700 kg.
    creatinine
        Serum creatinine, mass or molar concentration (molar mass 113.12 g/mol), 0.1 to 30 mg/dL.
    sex
        ``"female"`` or ``"male"``.

    Raises
    ------
    UnitError
        KG-121 or KG-124 for a wrong or missing unit.
    DataError
        KG-208 for a value out of range.
    SpecError
        KG-103 for another `sex`.

    Examples
    --------
    >>> f"{creatinine_clearance('40 years', '72 kg', '1 mg/dL', 'male').value:.4f}"
    '100.0000'
    """
    if sex not in ("female", "male"):
        raise SpecError(f"KG-103: sex must be 'female' or 'male', not {sex!r}.")
    years = _value(age, "year", "the age", 18.0, 120.0)
    w = _value(weight, "kg", "the body weight", 20.0, 700.0)
    given = parse_quantity(creatinine, "the serum creatinine")
    if same_dimension(given.unit, "umol/L"):
        given = Quantity(given.to("umol/L") * CREATININE_MOLAR_MASS / 1e4, "mg/dL")
    c = _value(given, "mg/dL", "the serum creatinine", 0.1, 30.0)
    factor = 0.85 if sex == "female" else 1.0
    return Quantity(factor * (140.0 - years) * w / (72.0 * c), "mL/min")


CREATININE_MOLAR_MASS: Final = 113.12
"""Molar mass of creatinine, C4H7N3O, in g/mol.

Sum of the IUPAC 2021 abridged standard atomic weights (doi:10.1515/pac-2019-0603):
4 x 12.011 + 7 x 1.0080 + 3 x 14.007 + 15.999 = 113.12.
"""


def calvert_dose(auc: Any, gfr: Any, *, cap: Any = None) -> Quantity:
    """Return the dose of carboplatin for a target AUC by Calvert's formula.

    ``dose [mg] = AUC [mg/mL min] (GFR [mL/min] + 25)``: A.H. Calvert et al., J. Clin. Oncol. 7
    (1989) 1748, doi:10.1200/JCO.1989.7.11.1748.

    Parameters
    ----------
    auc
        Target area under the curve of free platinum as carboplatin, ``"5 mg/mL*min"``.
    gfr
        Glomerular filtration rate of the patient (not per 1.73 m2), ``"90 mL/min"``.
    cap
        Largest filtration rate to use, for example `FDA_GFR_CAP`; None for none.

    Raises
    ------
    UnitError
        KG-121 or KG-124 for a wrong or missing unit.
    DataError
        KG-208 for a value that is not positive.

    Examples
    --------
    >>> str(calvert_dose("5 mg/mL*min", "75 mL/min"))
    '500 mg'
    """
    target = parse_quantity(auc, "the target AUC")
    rate = np.array([_value(gfr, "mL/min", "the filtration rate", 1e-3, 400.0)])
    limit = None if cap is None else parse_quantity(cap, "the cap of the filtration rate")
    return Quantity(float(calvert_values(target, rate, limit, "mg")[0]), "mg")


def calvert_values(auc: Quantity, gfr: Numbers, cap: Quantity | None, unit: str) -> Numbers:
    """Return Calvert doses in `unit` for filtration rates in mL/min, shape (num_subjects,)."""
    if not (math.isfinite(auc.value) and auc.value > 0):
        raise DataError(f"KG-208: the target AUC must be positive, not {auc}.")
    clearance = gfr
    if cap is not None:
        clearance = np.minimum(gfr, _value(cap, "mL/min", "the cap of the filtration rate", 1, 400))
    for exposure, amount in (("mg*min/mL", "mg"), ("nmol*min/mL", "nmol")):
        if same_dimension(auc.unit, exposure):
            if not same_dimension(amount, unit):
                raise UnitError(
                    f"KG-121: a target AUC of {auc} gives a dose in {amount}, not in {unit!r}."
                )
            target = convert(auc.value, auc.unit, exposure)
            dose: Numbers = convert(target * (clearance + CALVERT_NONRENAL), amount, unit)
            return dose
    raise UnitError(
        f"KG-121: the target AUC is {auc}; needed: a concentration times a time, for example"
        " '5 mg/mL*min'."
    )
