"""Dosing: sentences a clinician writes, NONMEM event tables, and the way between them.

SPDX-License-Identifier: BSD-3-Clause

>>> from krogh.dosing import EventTable, Regimen
>>> r = Regimen("3.6 mg/kg over 90 min every 21 d x 6")
>>> table = r.to_table(weight="70 kg")
>>> print(table.to_regimen())
252 mg over 90 min every 21 d x 6

Codes of the errors:

======  ============================================================================================
KG-126  the unit of a column is not stated
KG-200  a file or data frame cannot be taken as a table
KG-201  a sentence cannot be read at the marked place
KG-202  an unknown word
KG-203  parts of a dose that are missing, twice, or contradict each other
KG-204  a number out of range
KG-205  a regimen without an end where one is needed
KG-206  weight, surface, filtration rate or a covariate missing or wrong for a dose
KG-208  a body measure that no person has
KG-210  values below the limit of quantification and how they are marked
KG-211  a column is missing, or a name is no column
KG-212  two columns of one name
KG-213  a cell that is no number
KG-214  order of rows and times
KG-215  an unknown EVID
KG-216  dose data or MDV on a record they do not belong to
KG-217  amount, rate and duration
KG-218  ADDL, II and SS
KG-219  a missing cell that is needed
KG-220  classic RxODE codes
KG-221  covariates and units of long tables
KG-222  compartments
KG-223  a table that is no regimen
======  ============================================================================================
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
