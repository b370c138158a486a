"""The form of a study as a document (TOML), and messages that say in which line it is wrong.

SPDX-License-Identifier: BSD-3-Clause

::

    regimen = "3.6 mg/kg"
    subject = "mouse 20 g"
    until = "24 h"
    targets = ["occupancy >= 90 % in 90 % of viable cells"]

    [drug]
    name = "T-DM1"
    dissociation_rate = "3.5e-4 1/s"    # any value of the drug takes the place of the library's

    [tumour]
    name = "NCI-N87"
    outer_radius = "60 um"

    [settings]
    rtol = 1e-3

A tumour with ``kind = "spheroid"`` (or ``"krogh_cylinder"``, ``"slab"``) is made by the function of
`krogh.tumour` from the one called ``name``, and takes that function's arguments:
``kind = "spheroid"``, ``name = "HER2 3+"``, ``radius = "200 um"``.  ``kind = "generate"``,
``"from_vessels"`` and ``"from_image"`` make tumours in 3-D, with ``size = "1 mm"``,
``vessels = "network.csv"`` and so on; files lie beside the study's file.  Several drugs are an
array of tables (``[[drug]]``) or a list of names; a drug, a tumour or a subject without changes may
be its name alone (``drug = "T-DM1"``).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from krogh.errors import SpecError, closest, did_you_mean
from krogh.study.toml_text import line_of

__all__ = [
    "FORMAT",
    "KINDS_3D",
    "VERSION",
    "Part",
    "Place",
    "Settings",
    "StudyDocument",
    "checked",
    "neighbors_hint",
    "read_text",
]

KINDS_3D: Final = ("generate", "from_vessels", "from_image")
"""Functions of `krogh.tumour` that make a tumour in 3-D."""

FORMAT: Final = "krogh-study"
VERSION: Final = 1


class _Entry(BaseModel):
    """Frozen, without unknown fields, without quiet conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Settings(_Entry):
    """How a study is computed; the defaults suit nearly all studies.

    Attributes
    ----------
    cells
        Number of cells of the line; the tumour's own if left out.
    rtol
        Relative tolerance of each step.
    method
        ``"auto"``, ``"line"`` or ``"cells"``; see `krogh.simulate_line`.
    verify
        Solve again by an independent method and report the difference.
    max_steps
        Per line.
    num_threads
        0: as many as are granted.
    exposed
        Molecules per cell at or above which the table counts a cell as exposed.  A mark for
        comparison, no potency; that of the co-dosing benchmark of the numerics page.
    comparator
        Whether `Study.run` also runs the well-mixed model of the same study.
    ranges
        Whether `Study.run` also runs every value over its range, to say which matters most (for one
        line, by the line solver, where all of it is one call).
    """

    cells: int | None = Field(default=None, ge=2, le=100_000)
    rtol: float = Field(default=1e-3, ge=1e-13, le=0.1)
    method: Literal["auto", "line", "cells"] = "auto"
    verify: bool = False
    max_steps: int = Field(default=1_000_000, ge=1)
    num_threads: int = Field(default=0, ge=0)
    exposed: float = Field(default=1e5, gt=0.0)
    comparator: bool = True
    ranges: bool = True

    @field_validator("rtol", "exposed", mode="before")
    @classmethod
    def _whole_numbers_are_numbers(cls, value: Any) -> Any:
        whole = isinstance(value, int) and not isinstance(value, bool)
        return float(value) if whole else value


class Part(_Entry):
    """A drug, a tumour or a subject of a study.

    Attributes
    ----------
    name
        Its name in the library; or, with `definition`, its own.
    set
        A named value set of a drug.
    kind
        ``"krogh_cylinder"``, ``"spheroid"`` or ``"slab"``, in 3-D ``"generate"``,
        ``"from_vessels"`` or ``"from_image"``: the tumour that the function of `krogh.tumour` makes
        of the one called `name`; then `values` are its arguments.
    values
        Values that take the place of the library's, by name.
    definition
        The whole spec, for one that is not in the library.
    """

    name: str = Field(min_length=1)
    set: str = ""
    kind: Literal[
        "", "krogh_cylinder", "spheroid", "slab", "generate", "from_vessels", "from_image"
    ] = ""
    values: dict[str, Any] = {}
    definition: dict[str, Any] | None = None


class StudyDocument(_Entry):
    """A study as a document; see the module."""

    format: Literal["krogh-study"] = "krogh-study"
    version: Literal[1] = 1
    title: str = ""
    drug: tuple[Part, ...] = Field(min_length=1)
    tumour: Part
    subject: Part = Part(name="mouse 20 g")
    regimen: str | None = Field(default=None, min_length=1)
    until: str = "24 h"
    times: tuple[str, ...] | None = None
    targets: tuple[str, ...] = ()
    tumour_volume: str | None = None
    plasma: dict[str, Any] | None = None
    settings: Settings = Settings()


_PART_FIELDS: Final = {
    "drug": ("name", "set", "definition"),
    "tumour": ("name", "kind", "definition"),
    "subject": ("name", "definition"),
}


# --- reading --------------------------------------------------------------------------------------


class Place:
    """Where a document came from: names the line of a wrong key.

    Parameters
    ----------
    where
        What people call it: the file's name.
    text
        Its TOML; empty where it did not come from text.
    folder
        Where the file lies, to which paths in it are relative; None where it is no file.
    """

    def __init__(
        self, where: str = "the study", text: str = "", folder: Path | None = None
    ) -> None:
        self.where = where
        self.text = text
        self.folder = folder

    def of(self, path: Sequence[str | int]) -> str:
        """Return a line break and ``in study.toml, line 7`` for a key, nothing without a text."""
        if not self.text:
            return ""
        line = line_of(self.text, path)
        return f"\n  in {self.where}" + (f", line {line}" if line else "")

    def unknown(self, path: Sequence[str | int], known: Sequence[str]) -> SpecError:
        """Return the error for a key that is none: KG-103, with the most similar ones."""
        word = str(path[-1])
        shown = ".".join(str(k) for k in path if isinstance(k, str))
        near = closest(word, known, 4) or sorted(known)[:12]
        found = self.of(path)
        start = f"{found}." if found else "\n "
        return SpecError(
            f"KG-103: {shown} is not a field.{did_you_mean(word, known)}{start}"
            f"  Known fields near it: {', '.join(near)}."
        )


def read_text(path: Path) -> str:
    """Return the text of a study's file.

    Raises
    ------
    SpecError
        KG-140 for a file that is not there or cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError(
            f"KG-140: there is no study {str(path)!r}.{neighbors_hint(path)}\n"
            "  `krogh init` writes one to begin with."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"KG-140: the study {str(path)!r} cannot be read: {error}.") from None


def neighbors_hint(path: Path) -> str:
    """Return the file of the same folder whose name is most like this one's, as a hint."""
    try:
        there = [p.name for p in path.parent.iterdir() if p.suffix == path.suffix]
    except OSError:
        return ""
    return did_you_mean(path.name, there)


def parsed(text: str, place: Place) -> dict[str, Any]:
    """Return the content of a TOML text.

    Raises
    ------
    SpecError
        KG-140 where it is no TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(
            f"KG-140: {place.where} is not valid TOML: {error}.\n"
            '  Texts stand in quotes: until = "24 h".'
        ) from None


def checked(content: Mapping[str, Any], place: Place) -> StudyDocument:
    """Return a checked document.

    Raises
    ------
    SpecError
        KG-103 for an unknown key, KG-140 for a missing one or a value of a wrong kind; each with
        the line where there is a text.
    """
    data = {str(name): value for name, value in content.items()}
    many = isinstance(data.get("drug"), (list, tuple))
    if "drug" in data:
        entries = data["drug"] if many else [data["drug"]]
        data["drug"] = tuple(
            _part(entry, ("drug", k) if many else ("drug",), place)
            for k, entry in enumerate(entries)
        )
    for name in ("tumour", "subject"):
        if name in data:
            data[name] = _part(data[name], (name,), place)
    for name in ("targets", "times"):
        if isinstance(data.get(name), list):
            data[name] = tuple(data[name])
    try:
        return StudyDocument.model_validate(data)
    except ValidationError as error:
        raise _readable(error, place, many) from None


def _part(entry: Any, path: tuple[str | int, ...], place: Place) -> dict[str, Any]:
    """Return a drug, a tumour or a subject with its changed values apart."""
    word = str(path[0])
    if isinstance(entry, str):
        return {"name": entry}
    if not isinstance(entry, Mapping):
        raise SpecError(
            f'KG-140: {word} is a name ({word} = "...") or a table with a name, not'
            f" {_kind(entry)}.{place.of(path)}"
        )
    fields = {k: v for k, v in entry.items() if k in _PART_FIELDS[word]}
    values = {k: v for k, v in entry.items() if k not in _PART_FIELDS[word]}
    if "name" not in fields:
        hint = next((h for key in values if (h := did_you_mean(key, ["name"]))), "")
        raise SpecError(
            f'KG-140: {word} needs its name, such as name = "{_EXAMPLES[word]}".'
            f"{hint}{place.of(path)}"
        )
    return {**fields, "values": flattened(values)}


_EXAMPLES: Final = {"drug": "T-DM1", "tumour": "NCI-N87", "subject": "mouse 20 g"}

_VALUE_FIELDS: Final = ("value", "range", "distribution", "source", "verified", "note")


def flattened(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return nested tables as dotted names: ``{"HER2": {"x": 1}}`` is ``{"HER2.x": 1}``.

    A table with a ``value`` is a value with its range and source, and stays whole.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and "value" not in value:
            found |= flattened(value, f"{above}{name}.")
        else:
            found[f"{above}{name}"] = value
    return found


def _kind(value: Any) -> str:
    names = {bool: "a truth value", int: "a number", float: "a number", str: "a text"}
    return names.get(type(value), "a list" if isinstance(value, (list, tuple)) else "a table")


def _readable(error: ValidationError, place: Place, many: bool) -> SpecError:
    """Return the first finding as a message for people."""
    first = error.errors(include_url=False)[0]
    path = [
        k for k in first["loc"] if many or not (isinstance(k, int) and first["loc"][0] == "drug")
    ]
    shown = ".".join(str(k) for k in path if isinstance(k, str)) or place.where
    kind = first["type"]
    if kind == "extra_forbidden":
        group = Settings if path[:1] == ["settings"] else StudyDocument
        return place.unknown(path, list(group.model_fields))
    if kind == "missing":
        return SpecError(
            f"KG-140: {place.where} needs {shown!r}."
            f"  A study has at least drug, tumour and regimen (or plasma); `krogh init` writes an"
            " example."
        )
    return SpecError(f"KG-140: {shown}: {_demand(first)}{place.of(path)}")


_WANTED: Final = {
    "string_type": "a text in quotes",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}


def _demand(finding: Any) -> str:
    given = finding["input"]
    shown = f"{_kind(given)} ({str(given)[:40]})"
    if finding["type"] in _WANTED:
        hint = ""
        if finding["type"] == "string_type" and isinstance(given, (int, float)):
            hint = "  Numbers carry their unit."
        return f"{_WANTED[finding['type']]} is needed, not {shown}.{hint}"
    message = str(finding["msg"]).removeprefix("Value error, ")
    return f"{message[:1].lower()}{message[1:]}, but it is {shown}."
