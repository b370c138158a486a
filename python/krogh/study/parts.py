"""Drugs, tumours and subjects of a study: from names and documents to specs, and back.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from krogh.errors import Error, SpecError
from krogh.study.document import KINDS_3D, Part, Place

if TYPE_CHECKING:
    from krogh.library.drug_spec import Drug
    from krogh.library.subject_spec import Subject
    from krogh.library.tumour_spec import Tumour
    from krogh.tumour.volume import Tumour3D

__all__ = [
    "document_of_part",
    "drugs_of",
    "is_3d",
    "known_values",
    "part_of_document",
    "subject_of",
    "tumour_of",
]


def _loaders() -> dict[str, tuple[Any, Callable[[str], Any]]]:
    from krogh import library
    from krogh.library.drug_spec import Drug
    from krogh.library.subject_spec import Subject
    from krogh.library.tumour_spec import Tumour

    return {
        "drug": (Drug, library.drug),
        "tumour": (Tumour, library.tumour),
        "subject": (Subject, library.subject),
    }


def _given(kind: str, what: Any) -> Any:
    """Return a spec that was given itself or by its name."""
    spec, load = _loaders()[kind]
    if isinstance(what, spec):
        return what
    if isinstance(what, str):
        return load(what)
    raise SpecError(
        f"KG-140: a {kind} is given by its name or as krogh.library.{kind}(...) returns it, not as"
        f" {type(what).__name__}."
    )


def drugs_of(what: Any) -> tuple[Drug, ...]:
    """Return the drugs of a study: one or several, by name or as specs.

    Raises
    ------
    SpecError
        KG-140 for something else, none, or two with one name; KG-103 for an unknown name.
    """
    items = list(what) if isinstance(what, Sequence) and not isinstance(what, str) else [what]
    if not items:
        raise SpecError("KG-140: a study has at least one drug.")
    drugs = tuple(_given("drug", item) for item in items)
    for name in ("name", "label"):
        seen = [getattr(drug, name) for drug in drugs]
        twice = next((n for n in seen if seen.count(n) > 1), None)
        if twice is not None:
            raise SpecError(
                f"KG-140: the study has the drug {twice!r} twice.  Two forms of one molecule need"
                " names of their own: drug.renamed(name, label)."
            )
    return drugs


def is_3d(what: Any) -> bool:
    """Whether this is a tumour in 3-D; does not load what a line does not need."""
    module = sys.modules.get("krogh.tumour.volume")
    return module is not None and isinstance(what, module.Tumour3D)


def tumour_of(what: Any) -> tuple[Tumour, Tumour3D | None]:
    """Return the tumour of a study, given by name or as spec, and the one in 3-D, if it is that."""
    if is_3d(what):
        return what.tumour, what
    found: Tumour = _given("tumour", what)
    return found, None


def subject_of(what: Any) -> Subject:
    """Return the subject of a study, given by name or as spec."""
    found: Subject = _given("subject", what)
    return found


# --- documents ------------------------------------------------------------------------------------


def part_of_document(kind: str, part: Part, path: Sequence[str | int], place: Place) -> Any:
    """Return the spec that a part of a document describes.

    Raises
    ------
    SpecError, UnitError
        KG-103 for an unknown name or value, KG-108 and KG-12x for wrong values, KG-140 for a
        definition that cannot be read; each with the line where there is a text.
    """
    spec, load = _loaders()[kind]
    try:
        if part.definition is not None:
            found = spec.model_validate({**_with_format(kind), **part.definition})
        else:
            found = load(part.name)
            if part.set:
                found = found.with_set(part.set)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(k) for k in first["loc"])
        raise SpecError(
            f"KG-140: {kind}.definition.{where}: {first['msg']}{place.of([*path, 'definition'])}"
        ) from None
    except Error as error:
        raise type(error)(f"{error}{place.of([*path, 'name'])}", error.code) from None
    if part.kind in KINDS_3D:
        from krogh.study.volume_parts import tumour_3d_of_part

        return tumour_3d_of_part(part, found, path, place)
    if part.kind:
        return _shaped(part, found, path, place)
    known = known_values(kind, found)
    for name in part.values:
        if name not in known:
            raise place.unknown([*path, *name.split(".")], known)
    for name, value in part.values.items():
        try:
            found = found.with_values({name: value})
        except Error as error:
            place_text = place.of([*path, *name.split(".")])
            raise type(error)(f"{error}{place_text}", error.code) from None
    return found


def _shaped(part: Part, base: Any, path: Sequence[str | int], place: Place) -> Any:
    """Return the tumour that a function of `krogh.tumour` makes."""
    import inspect

    from krogh import tumour

    function = getattr(tumour, part.kind)
    own = [n for n in inspect.signature(function).parameters if n not in ("antigen", "values")]
    known = list(dict.fromkeys([*own, *known_values("tumour", base)]))
    for name in part.values:
        if name not in known:
            raise place.unknown([*path, *name.split(".")], known)
    try:
        return function(part.name, **part.values)
    except Error as error:
        raise type(error)(f"{error}{place.of(path)}", error.code) from None


def _with_format(kind: str) -> dict[str, Any]:
    return {"format": f"krogh-library-{kind}", "version": 1}


def known_values(kind: str, spec: Any) -> list[str]:
    """Return the names of the values of a spec that can be changed."""
    names = list(spec.values)
    if kind == "drug":
        from krogh.library.drug_spec import DRUG_VALUES, PLASMA_VALUES

        plasma = [n for p in spec.plasma.values() for n in (p.values or PLASMA_VALUES)]
        return list(dict.fromkeys([*names, *plasma, *DRUG_VALUES, "KD"]))
    if kind == "tumour":
        from krogh.library.tumour_spec import _TARGET_VALUES

        of_targets = [f"{t}.{n}" for t in spec.targets for n in _TARGET_VALUES]
        alone = list(_TARGET_VALUES) if len(spec.targets) == 1 else []
        return [*names, "cells", "growth", "supply", *of_targets, *alone]
    return names


_LEFT_OUT: Final = ("format", "version")


def document_of_part(kind: str, spec: Any) -> dict[str, Any]:
    """Return a spec as part of a document: name and changed values, or the whole definition.

    The shortest form that reads back to the same spec is taken.
    """
    _, load = _loaders()[kind]
    whole = spec.model_dump(mode="json", exclude_defaults=True)
    definition = {k: v for k, v in whole.items() if k not in _LEFT_OUT}
    long = {"name": spec.name, "definition": definition}
    try:
        base = load(spec.name)
    except SpecError:
        return long
    if base == spec:
        return {"name": spec.name}
    short: dict[str, Any] = {"name": spec.name}
    if getattr(spec, "set", ""):
        short["set"] = spec.set
        try:
            base = base.with_set(spec.set)
        except SpecError:
            return long
    short |= _changes(kind, base, spec)
    place = Place()
    part = Part(
        name=short["name"],
        set=short.get("set", ""),
        values={k: v for k, v in short.items() if k not in ("name", "set")},
    )
    try:
        again = part_of_document(kind, part, [kind], place)
    except Error:
        return long
    return short if again == spec else long


def _changes(kind: str, base: Any, spec: Any) -> dict[str, Any]:
    """Return the values of a spec that differ from those of another, by name."""
    found: dict[str, Any] = {}
    for name, value in spec.values.items():
        if base.values.get(name) != value:
            found[name] = _value_text(value)
    if kind == "drug":
        for name, value in spec.given.items():
            found[name] = _value_text(value)
    if kind == "tumour":
        for name in ("cells", "growth", "supply"):
            if getattr(base, name) != getattr(spec, name):
                found[name] = getattr(spec, name)
        for target, entry in spec.targets.items():
            before = base.targets[target].values if target in base.targets else {}
            for name, value in entry.values.items():
                if before.get(name) != value:
                    found[f"{target}.{name}"] = _value_text(value)
    return found


def _value_text(value: Any) -> Any:
    """Return a value as the user gave it: text, or a table where it has a range of its own."""
    if value.source == "given by the user" and not value.is_uncertain:
        return value.value
    fields: Mapping[str, Any] = value.model_dump(mode="json", exclude_defaults=True)
    return dict(fields)
