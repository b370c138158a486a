"""Tumours in 3-D as parts of studies: given, described in a document, changed by name.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from krogh.errors import Error, SpecError
from krogh.study.document import Part, Place
from krogh.study.parts import document_of_part, known_values

if TYPE_CHECKING:
    from krogh.library.tumour_spec import Tumour
    from krogh.tumour.volume import Tumour3D

__all__ = [
    "document_of_tumour_3d",
    "known_of_tumour_3d",
    "tumour_3d_of_part",
    "with_value_of_tumour_3d",
]

_FILES: Final = ("vessels", "image", "mask", "surface")
"""Arguments that may be paths; those of a file are relative to the folder of the study's file."""


def _arguments(kind: str) -> list[str]:
    from krogh import tumour

    own = inspect.signature(getattr(tumour, kind)).parameters
    return [n for n in own if n not in ("antigen", "values", "grid")]


def tumour_3d_of_part(
    part: Part, cells: Tumour, path: Sequence[str | int], place: Place
) -> Tumour3D:
    """Return the tumour in 3-D that a part of a document describes.

    Raises
    ------
    SpecError
        KG-103 for an unknown argument or value, and the errors of the function; each with the line
        where there is a text.
    """
    known = list(dict.fromkeys([*_arguments(part.kind), *known_values("tumour", cells)]))
    for name in part.values:
        if name not in known:
            raise place.unknown([*path, *name.split(".")], known)
    try:
        return _made(part.kind, cells, _with_folder(part.kind, part.values, place.folder))
    except Error as error:
        raise type(error)(f"{error}{place.of(path)}", error.code) from None


def _made(kind: str, cells: Tumour, values: Mapping[str, Any]) -> Tumour3D:
    from krogh import tumour

    function = getattr(tumour, kind)
    lists = {n: tuple(v) if isinstance(v, list) else v for n, v in values.items()}
    found: Tumour3D = function(antigen=cells, **lists)
    return found


def _with_folder(kind: str, values: Mapping[str, Any], folder: Path | None) -> dict[str, Any]:
    """Return arguments with the paths among them relative to a folder."""
    found = dict(values)
    if folder is None:
        return found
    for name in _FILES:
        value = found.get(name)
        if not isinstance(value, str) or (kind, name) == ("from_image", "vessels"):
            continue  # a channel
        if (folder / value).exists():
            found[name] = str(folder / value)
    return found


def document_of_tumour_3d(tumour: Tumour3D) -> dict[str, Any]:
    """Return a tumour in 3-D as part of a document: the function that made it, and its arguments.

    Raises
    ------
    SpecError
        KG-140 for one that was made of arrays, or of cells that are not in the library.
    """
    if tumour.recipe is None:
        raise SpecError(
            "KG-140: this tumour in 3-D was made of arrays, which a study in text cannot hold.\n"
            "  Write its vessels or images to files, and make it by krogh.tumour.from_vessels(path)"
            " or from_image(path)."
        )
    cells = document_of_part("tumour", tumour.tumour)
    if "definition" in cells:
        cells = {"name": cells["name"], "definition": cells["definition"]}
    return {**cells, **tumour.recipe}


def known_of_tumour_3d(tumour: Tumour3D) -> list[str]:
    """Return the names of what can be changed: arguments of its function, values of its cells."""
    own = [] if tumour.recipe is None else _arguments(tumour.recipe["kind"])
    return [*own, *known_values("tumour", tumour.tumour)]


def with_value_of_tumour_3d(tumour: Tumour3D, name: str, value: Any) -> Tumour3D:
    """Return the tumour with another argument of its function, or another value of its cells."""
    recipe = tumour.recipe
    if recipe is not None and name in _arguments(recipe["kind"]):
        given = {n: v for n, v in recipe.items() if n != "kind"}
        kind = _kind_of(recipe["kind"], name)
        if isinstance(value, str) and kind in ("int", "float"):
            value = float(value) if kind == "float" else int(value)
        return _made(recipe["kind"], tumour.tumour, {**given, name: value})
    return replace(tumour, tumour=tumour.tumour.with_values({name: value}))


def _kind_of(function: str, name: str) -> str:
    from krogh import tumour

    return str(inspect.signature(getattr(tumour, function)).parameters[name].annotation)
