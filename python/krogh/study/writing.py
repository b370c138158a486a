"""Studies as plain data and back: what stands in a study's TOML file.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from krogh.dosing import Regimen
from krogh.errors import Error
from krogh.study.document import Place, StudyDocument, checked
from krogh.study.parts import document_of_part, part_of_document
from krogh.study.volume_parts import document_of_tumour_3d

if TYPE_CHECKING:
    from krogh.study.study import Study

__all__ = [
    "arguments_of_document",
    "arguments_of_study",
    "document_of_study",
    "identity_of",
    "placed",
]


def arguments_of_study(study: Study) -> dict[str, Any]:
    """Return the arguments of the constructor that make a study."""
    return {
        "drug": study.drugs,
        "tumour": study.tumour_3d or study.tumour,
        "regimen": _regimen_as_written(study),
        "subject": study.subject,
        "until": study.until,
        "times": study._times,
        "targets": study.targets,
        "tumour_volume": study.tumour_volume,
        "plasma": _plasma_document(study),
        "title": study._title,
        **study.settings.model_dump(exclude_defaults=True),
    }


def document_of_study(study: Study) -> dict[str, Any]:
    """Return a study as plain data; `arguments_of_document` reads it back.

    Raises
    ------
    SpecError
        KG-140 for a tumour in 3-D that was made of arrays.
    """
    drugs = [document_of_part("drug", drug) for drug in study.drugs]
    regimen = _regimen_as_written(study)
    settings = study.settings.model_dump(mode="json", exclude_defaults=True)
    if study.tumour_3d is not None:
        tumour = document_of_tumour_3d(study.tumour_3d)
    else:
        tumour = document_of_part("tumour", study.tumour)
    document: dict[str, Any] = {
        "format": "krogh-study",
        "version": 1,
        "title": study._title or None,
        "regimen": None if regimen is None else str(regimen),
        "until": study.until,
        "times": None if study._times is None else list(study._times),
        "targets": [str(target) for target in study.targets] or None,
        "tumour_volume": study.tumour_volume,
        "drug": drugs[0] if len(drugs) == 1 else drugs,
        "tumour": tumour,
        "subject": document_of_part("subject", study.subject),
        "plasma": _plasma_document(study),
        "settings": settings or None,
    }
    if study.plasma is not None:
        del document["subject"]
    return {name: value for name, value in document.items() if value is not None}


def arguments_of_document(content: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """Return the arguments of the constructor for the study that plain data describe.

    Raises
    ------
    SpecError
        KG-103 for an unknown key or name, KG-140 for what is missing or of a wrong kind.
    """
    document: StudyDocument = checked(content, place)
    many = isinstance(content.get("drug"), (list, tuple))
    drugs = [
        part_of_document("drug", part, ("drug", k) if many else ("drug",), place)
        for k, part in enumerate(document.drug)
    ]
    arguments: dict[str, Any] = {
        "drug": drugs,
        "tumour": part_of_document("tumour", document.tumour, ("tumour",), place),
        "regimen": document.regimen,
        "subject": part_of_document("subject", document.subject, ("subject",), place),
    }
    arguments |= {
        name: getattr(document, name)
        for name in ("until", "times", "targets", "tumour_volume", "plasma", "title")
    }
    return arguments | document.settings.model_dump(exclude_defaults=True)


def identity_of(study: Study) -> Any:
    """Return what equal studies share; a tumour in 3-D made of arrays equals only itself."""
    if study.tumour_3d is None or study.tumour_3d.recipe is not None:
        return study.to_toml()
    parts = arguments_of_study(study)
    del parts["tumour"]
    return id(study.tumour_3d), repr(parts)


def placed(error: Error, place: Place) -> Error:
    """Return an error of the constructor with the line of the field that it is about."""
    field = getattr(error, "field", None)
    found = place.of([field]) if field else ""
    return type(error)(f"{error}{found}", error.code)


def _plasma_document(study: Study) -> dict[str, Any] | None:
    if study.plasma is None:
        return None
    return {name: curve.to_document() for name, curve in study.plasma.items()}


def _regimen_as_written(study: Study) -> Regimen | None:
    """Return the regimen, with one drug without its name."""
    if study._regimen is None or len(study.drugs) > 1:
        return study._regimen
    return Regimen(dose.replace(drug=None) for dose in study.regimen.doses)
