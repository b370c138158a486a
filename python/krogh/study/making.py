"""From what a user gives to the parts of a study, checked.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from krogh.study.checks import (
    about,
    checked_settings,
    checked_targets,
    checked_times,
    volume_text,
)
from krogh.study.medium import curves_of, require_cover
from krogh.study.parts import drugs_of, subject_of, tumour_of
from krogh.study.regimen import given_regimen

__all__ = ["checked_parts"]


def checked_parts(given: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a study by name; errors know which argument they are about.

    Raises
    ------
    SpecError, UnitError, DataError
        As of `krogh.Study`.
    """
    values: dict[str, Any] = {}
    plasma, until, times = given["plasma"], given["until"], given["times"]
    with about("drug"):
        values["drugs"] = drugs_of(given["drug"])
    with about("tumour"):
        values["tumour"], values["tumour_3d"] = tumour_of(given["tumour"])
    with about("subject"):
        values["subject"] = subject_of(given["subject"])
    with about("regimen"):
        values["regimen"] = given_regimen(given["regimen"], plasma, values["drugs"])
    with about("plasma"):
        values["plasma"] = None if plasma is None else curves_of(plasma, values["drugs"])
    with about("until" if times is None else "times"):
        values["until"], values["times"] = checked_times(until, times)
        require_cover(values["plasma"] or {}, values["until"])
    with about("targets"):
        values["targets"] = checked_targets(given["targets"])
    with about("tumour_volume"):
        values["tumour_volume"] = volume_text(given["tumour_volume"])
    with about("settings"):
        values["settings"] = checked_settings(settings)
    return values
