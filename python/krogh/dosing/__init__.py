"""Dosing: sentences a clinician writes, NONMEM event tables, and the way between them.

SPDX-License-Identifier: BSD-3-Clause

>>> from krogh.dosing import EventTable, Regimen
>>> r = Regimen("3.6 mg/kg over 90 min every 21 d x 6")
>>> table = r.to_table(weight="70 kg")
>>> print(table.to_regimen())
252 mg over 90 min every 21 d x 6
"""

from krogh.dosing.body import (
    FDA_GFR_CAP,
    calvert_dose,
    creatinine_clearance,
    surface_area_du_bois,
    surface_area_mosteller,
)
from krogh.dosing.dose import Dose
from krogh.dosing.event_table import EventTable
from krogh.dosing.regimen import Regimen
from krogh.dosing.regimen_table import per_subject, resolved_amount

__all__ = [
    "FDA_GFR_CAP",
    "Dose",
    "EventTable",
    "Regimen",
    "calvert_dose",
    "creatinine_clearance",
    "per_subject",
    "resolved_amount",
    "surface_area_du_bois",
    "surface_area_mosteller",
]
