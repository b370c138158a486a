"""Drugs, tumours and subjects of the library by name, and files of your own.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from krogh.errors import SpecError, closest
from krogh.library.drug_spec import Drug, Plasma, ValueSet
from krogh.library.loading import names
from krogh.library.subject_spec import Subject
from krogh.library.tumour_spec import Target, Tumour
from krogh.library.values import Value
from krogh.table import ResultTable

__all__ = [
    "drug",
    "drug_table",
    "drugs",
    "load_drug",
    "load_subject",
    "load_tumour",
    "subject",
    "subject_table",
    "subjects",
    "tumour",
    "tumour_table",
    "tumours",
]


class _Named(Protocol):
    """What the three kinds of specs have in common."""

    name: str
    aliases: tuple[str, ...]


Spec = TypeVar("Spec", bound=BaseModel)

_FOLDERS: dict[str, type[BaseModel]] = {"drugs": Drug, "tumours": Tumour, "subjects": Subject}
_WORDS = {"drugs": "drug", "tumours": "tumour", "subjects": "subject"}


def _plain(name: str) -> str:
    """Return a name as it is compared: lower case, letters, digits and ``+`` only."""
    return re.sub(r"[^a-z0-9+]", "", name.lower())


@lru_cache(maxsize=3)
def _all(folder: str) -> dict[str, Any]:
    """Return the checked files of a folder by name, in the order of the names."""
    place = files("krogh.library").joinpath(folder)
    found: dict[str, Any] = {}
    for entry in sorted(place.iterdir(), key=lambda e: e.name):
        if entry.name.endswith(".toml"):
            where = f"library {_WORDS[folder]} file {entry.name!r}"
            spec = _validated(entry.read_text(encoding="utf-8"), _FOLDERS[folder], where)
            found[spec.name] = spec
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def _validated(text: str, kind: type[Any], where: str) -> Any:
    """Return the spec that a TOML text describes."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"KG-114: {where} is not valid TOML: {error}.") from None
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(str(p) for p in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        hint = ""
        if first["type"] == "extra_forbidden":
            known = [f for m in (kind, Value, Plasma, Target, ValueSet) for f in m.model_fields]
            near = closest(str(first["loc"][-1]), known, 1)
            hint = f"  Did you mean {near[0]!r}?" if near else ""
        place = f", {path}" if path else ""
        raise SpecError(
            f"KG-114: {where}{place}: {message[:1].lower()}{message[1:]}.{hint}"
        ) from None


def _found(folder: str, name: Any) -> Any:
    """Return the spec of a name or alias, whatever its letter case, blanks and hyphens."""
    known = _all(folder)
    word = _WORDS[folder]
    if not isinstance(name, str):
        raise SpecError(f"KG-101: a {word} is asked for by its name, not by {name!r:.60}.")
    by_plain: dict[str, str] = {}
    spelled: dict[str, str] = {}
    for own, spec in known.items():
        for other in (own, *spec.aliases, *([spec.label] if folder == "drugs" else [])):
            by_plain.setdefault(_plain(other), own)
            spelled.setdefault(other, own)
    own = by_plain.get(_plain(name), "")
    if own and _plain(name):
        return known[own].model_copy(deep=True)
    near = closest(name, spelled, 1)
    hint = f"  Did you mean {near[0]!r}?" if near else ""
    models = [m for m in names() if folder == "drugs" and m.startswith(f"{_plain(name)}_")]
    if models:
        hint += f"  There are models of it: krogh.library.model({models[0]!r})."
    raise SpecError(
        f"KG-103: the library has no {word} {name[:60]!r}.{hint}\n"
        f"  {word.capitalize()}s: {', '.join(known)}."
    )


def drug(name: str, *, set: str = "") -> Drug:
    """Return a drug of the library.

    Parameters
    ----------
    name
        One of `drugs`, for example ``"T-DM1"``; letter case, blanks and hyphens do not matter.
    set
        A named value set of the drug in place of its default values; see ``Drug.sets``.

    Raises
    ------
    SpecError
        KG-103 for an unknown name or set, with the most similar one.
    """
    found: Drug = _found("drugs", name)
    return found.with_set(set) if set else found


def tumour(name: str) -> Tumour:
    """Return a tumour of the library, for example ``"NCI-N87"`` or ``"HER2 3+"``.

    Raises
    ------
    SpecError
        KG-103 for an unknown name, with the most similar one.
    """
    found: Tumour = _found("tumours", name)
    return found


def subject(name: str) -> Subject:
    """Return a subject of the library, for example ``"mouse 20 g"`` or ``"human 70 kg"``.

    Raises
    ------
    SpecError
        KG-103 for an unknown name, with the most similar one.
    """
    found: Subject = _found("subjects", name)
    return found


def _counted(specs: list[Any]) -> tuple[list[str], list[str]]:
    """Return how many values are verified and how many have a range, as text."""
    verified, ranged = [], []
    for spec in specs:
        values = list(spec.values.values())
        values += [v for t in getattr(spec, "targets", {}).values() for v in t.values.values()]
        values += [v for p in getattr(spec, "plasma", {}).values() for v in p.values.values()]
        verified.append(f"{sum(v.verified for v in values)} of {len(values)}")
        ranged.append(f"{sum(v.is_uncertain for v in values)} of {len(values)}")
    return verified, ranged


def drugs() -> tuple[str, ...]:
    """Return the names of the drugs of the library; `drug_table` says more."""
    return tuple(_all("drugs"))


def drug_table() -> ResultTable:
    """Return the drugs of the library: name, kind, target, species with plasma, value sets."""
    specs = list(_all("drugs").values())
    verified, ranged = _counted(specs)
    return ResultTable(
        {
            "name": [d.name for d in specs],
            "kind": [d.kind for d in specs],
            "target": [d.target or "-" for d in specs],
            "plasma": [", ".join(d.plasma) or "-" for d in specs],
            "verified": verified,
            "with range": ranged,
            "value sets": [", ".join(d.sets) or "-" for d in specs],
        },
        title="Drugs of the library; krogh.library.drug(name) loads one, print it for its sources",
    )


def tumours() -> tuple[str, ...]:
    """Return the names of the tumours of the library; `tumour_table` says more."""
    return tuple(_all("tumours"))


def tumour_table() -> ResultTable:
    """Return the tumours of the library: name, geometry, targets."""
    specs = list(_all("tumours").values())
    verified, ranged = _counted(specs)
    return ResultTable(
        {
            "name": [t.name for t in specs],
            "geometry": [t.geometry for t in specs],
            "targets": [", ".join(t.targets) or "-" for t in specs],
            "verified": verified,
            "with range": ranged,
            "title": [t.title for t in specs],
        },
        title="Tumours of the library; krogh.library.tumour(name) loads one",
    )


def subjects() -> tuple[str, ...]:
    """Return the names of the subjects of the library; `subject_table` says more."""
    return tuple(_all("subjects"))


def subject_table() -> ResultTable:
    """Return the subjects of the library: name, species, weight, surface."""
    specs = list(_all("subjects").values())
    return ResultTable(
        {
            "name": [s.name for s in specs],
            "species": [s.species for s in specs],
            "weight": [s.weight for s in specs],
            "surface": [s.surface for s in specs],
        },
        title="Subjects of the library; krogh.library.subject(name) loads one",
    )


def _loader(kind: type[Spec], word: str) -> Callable[[str | Path], Spec]:
    def load(path: str | Path) -> Spec:
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SpecError(f"KG-114: cannot read {path}: {error}.") from None
        result: Spec = _validated(text, kind, f"{word} file {path.name!r}")
        return result

    load.__name__ = f"load_{word}"
    load.__qualname__ = load.__name__
    load.__doc__ = f"""Return the {word} of a TOML file of your own.

    Raises
    ------
    SpecError
        KG-114 for a file that cannot be read or does not have the form of `{kind.__name__}`.
    """
    return load


load_drug = _loader(Drug, "drug")
load_tumour = _loader(Tumour, "tumour")
load_subject = _loader(Subject, "subject")
