"""Models as versioned JSON documents, with a JSON schema.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from krogh.errors import Error, SpecError, did_you_mean
from krogh.model.components import (
    Compartment,
    Covariate,
    DoseInput,
    Event,
    Output,
    Parameter,
    Rate,
    Reaction,
    Rule,
    Species,
    Table,
    Transport,
    Variability,
)
from krogh.model.expression import Expression
from krogh.model.fields import Component

if TYPE_CHECKING:
    from krogh.model.network import Model

__all__ = ["FORMAT", "VERSION", "canonical", "from_document", "load", "save", "to_document"]

FORMAT: Final = "krogh-model"
VERSION: Final = 1

SECTIONS: Final[dict[str, type[Component]]] = {
    "parameters": Parameter,
    "covariates": Covariate,
    "variability": Variability,
    "compartments": Compartment,
    "species": Species,
    "rates": Rate,
    "reactions": Reaction,
    "rules": Rule,
    "outputs": Output,
    "events": Event,
    "dose_inputs": DoseInput,
    "tables": Table,
    "transports": Transport,
}
"""Sections of a document and the class of their items."""

_REMARKS: Final = frozenset({"source", "note", "verified"})
_VALUES: Final = frozenset({"value", "lower", "upper", "categories"})


def _item(component: Component, *, structure_only: bool = False) -> dict[str, Any]:
    """Return one component as plain data, defaults left out."""
    data = component.model_dump(mode="json", exclude_defaults=True)
    if isinstance(component, Parameter | Covariate):
        if component.value is not None:
            data.pop("unit", None)
        if structure_only:
            data = {"name": component.name}
    elif isinstance(component, Variability) and structure_only:
        data = {"names": list(component.names)}
    if isinstance(component, Output | Species):
        data["unit"] = component.unit
    if structure_only:
        data = {k: v for k, v in data.items() if k not in _REMARKS}
    return data


def to_document(model: Model) -> dict[str, Any]:
    """See `Model.to_document`."""
    document: dict[str, Any] = {"format": FORMAT, "version": VERSION, "name": model.name}
    if model.note:
        document["note"] = model.note
    if model.is_partial:
        document["partial"] = True
    for section, kind in SECTIONS.items():
        items = [_item(c) for c in model.components if type(c) is kind]
        if items:
            document[section] = items
    return document


def canonical(model: Model, *, structure_only: bool = False) -> str:
    """Return text that is equal for models of equal content.

    With `structure_only`, nominal values, bounds and remarks are left out: what remains decides the
    compiled program.
    """
    if not structure_only:
        return json.dumps(to_document(model), separators=(",", ":"), ensure_ascii=False)
    sections = {
        section: [_item(c, structure_only=True) for c in model.components if type(c) is kind]
        for section, kind in SECTIONS.items()
    }
    return json.dumps(sections, separators=(",", ":"), ensure_ascii=False)


def from_document(document: Any) -> Model:
    """See `Model.from_document`."""
    from krogh.model.network import Model

    if not isinstance(document, Mapping):
        raise SpecError(f"KG-114: a model document is an object, not {type(document).__name__}.")
    _require_format(document)
    known = {"$schema", "format", "version", "name", "note", "partial", *SECTIONS}
    for key in document:
        if key not in known:
            raise SpecError(
                f"KG-103: the model document has an unknown section {str(key)[:60]!r}."
                f"{did_you_mean(str(key), known)}"
            )
    name = document.get("name")
    if not isinstance(name, str):
        raise SpecError("KG-114: the model document needs 'name' (text).")
    note, partial = document.get("note", ""), document.get("partial", False)
    if not isinstance(note, str) or not isinstance(partial, bool):
        raise SpecError("KG-114: 'note' of the model document is text, 'partial' true or false.")
    components: list[Component] = []
    for section, kind in SECTIONS.items():
        items = document.get(section, [])
        if not isinstance(items, list):
            raise SpecError(f"KG-114: '{section}' of the model document must be a list.")
        for i, item in enumerate(items):
            components.append(_read(item, kind, f"{section}[{i}]"))
    return Model(name, *components, note=note, partial=partial)


def _read(item: Any, kind: type[Component], path: str) -> Component:
    if not isinstance(item, Mapping) or not all(isinstance(k, str) for k in item):
        raise SpecError(f"KG-114: {path} of the model document must be an object.")
    try:
        return kind(**item)
    except Error as error:
        text = str(error).removeprefix(f"{error.code}: ")
        raise type(error)(f"{error.code}: {path}: {text}") from None


def _require_format(document: Mapping[str, Any]) -> None:
    found = document.get("format")
    if found != FORMAT:
        raise SpecError(
            f"KG-114: this is not a krogh model: 'format' is {str(found)[:60]!r}, not {FORMAT!r}."
        )
    version = document.get("version")
    if version != VERSION or isinstance(version, bool):
        newer = isinstance(version, int) and version > VERSION
        advice = "  It was written by a newer krogh; update krogh to read it." if newer else ""
        raise SpecError(
            f"KG-114: the model document has version {str(version)[:60]}; this krogh reads"
            f" version {VERSION}.{advice}"
        )


def save(model: Model, path: str | os.PathLike[str]) -> None:
    """See `Model.save`; the file appears whole or not at all."""
    target = Path(path)
    text = json.dumps(to_document(model), indent=2, ensure_ascii=False) + "\n"
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=target.name, suffix=".tmp")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load(path: str | os.PathLike[str]) -> Model:
    """See `Model.load`."""
    source = Path(path)
    try:
        document = json.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        why = error.strerror or error
        raise SpecError(f"KG-114: the model document '{source}' cannot be read: {why}.") from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SpecError(f"KG-114: {source} is not JSON: {error}") from None
    try:
        return from_document(document)
    except Error as error:
        raise type(error)(f"{error}\n  in {source}", error.code) from None


def json_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of model documents."""
    from pydantic.json_schema import GenerateJsonSchema, models_json_schema

    class Generator(GenerateJsonSchema):
        """Writes defaults that are expressions as text."""

        def encode_default(self, dft: Any) -> Any:
            return str(dft) if isinstance(dft, Expression) else super().encode_default(dft)

    _, definitions = models_json_schema(
        [(kind, "validation") for kind in SECTIONS.values()],
        ref_template="#/$defs/{model}",
        schema_generator=Generator,
    )
    properties: dict[str, Any] = {
        "$schema": {"type": "string"},
        "format": {"const": FORMAT},
        "version": {"const": VERSION},
        "name": {"type": "string", "minLength": 1, "maxLength": 200},
        "note": {"type": "string"},
        "partial": {"type": "boolean"},
    }
    for section, kind in SECTIONS.items():
        properties[section] = {"type": "array", "items": {"$ref": f"#/$defs/{kind.__name__}"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "krogh model",
        "type": "object",
        "properties": properties,
        "required": ["format", "version", "name"],
        "additionalProperties": False,
        "$defs": definitions.get("$defs", {}),
    }
