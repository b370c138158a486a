"""Dosing: sentences a clinician writes, NONMEM event tables, and the way between them.

SPDX-License-Identifier: BSD-3-Clause
"""

from krogh.dosing.dose import Dose
from krogh.dosing.regimen import Regimen

__all__ = ["Dose", "Regimen"]
