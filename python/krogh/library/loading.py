"""Reading library files, checking them, and building their models.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from krogh.errors import Error, SpecError, did_you_mean
from krogh.library.published import ModelInfo, PublishedModel
from krogh.library.ranges import value_ranges
from krogh.library.schema import ModelFile
from krogh.model import effect, systemic
from krogh.model.components import Covariate, DoseInput, Parameter, Rule
from krogh.model.fields import as_measure
from krogh.model.network import Model
from krogh.table import ResultTable

__all__ = ["info", "load_file", "model", "models", "names"]

_BLOCKS: dict[str, Callable[..., Model]] = {
    name: function
    for package in (systemic, effect)
    for name in package.__all__
    if callable(function := getattr(package, name))
    and "Model" in str(inspect.signature(function).return_annotation)
}


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """Return the names of all models of the library, sorted."""
    folder = files("krogh.library").joinpath("models")
    found = (entry.name for entry in folder.iterdir())
    return tuple(sorted(n.removesuffix(".toml") for n in found if n.endswith(".toml")))


@lru_cache(maxsize=64)
def _file(name: str) -> ModelFile:
    if name not in names():
        by_drug = [n for n in names() if n.partition("_")[0] == name.lower()]
        hint = f"  Did you mean {by_drug[0]!r}?" if by_drug else did_you_mean(str(name), names())
        raise SpecError(
            f"KG-103: the library has no model {str(name)[:60]!r}.{hint}\n"
            f"  Models: {', '.join(names())}."
        )
    text = files("krogh.library").joinpath("models", f"{name}.toml").read_text(encoding="utf-8")
    return _validated(text, f"library model {name!r}")


def _validated(text: str, where: str) -> ModelFile:
    """Return the checked content of a library file."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"KG-114: {where} is not valid TOML: {error}.") from None
    try:
        return ModelFile.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = ".".join(str(p) for p in first["loc"])
        hint = ""
        if first["type"] == "extra_forbidden":
            hint = did_you_mean(str(first["loc"][-1]), _field_names())
        raise SpecError(f"KG-114: {where}, {path}: {first['msg'].lower()}.{hint}") from None


def _field_names() -> set[str]:
    from krogh.library import schema

    entries = [getattr(schema, name) for name in schema.__all__]
    return {field for entry in entries for field in getattr(entry, "model_fields", ())}


def _block(options: Mapping[str, Any], where: str) -> Model:
    """Return the block that one entry of ``structure`` describes."""
    given = dict(options)
    kind = given.pop("block", None)
    if kind not in _BLOCKS:
        raise SpecError(
            f"KG-114: {where} names the unknown block {kind!r}.{did_you_mean(str(kind), _BLOCKS)}"
        )
    known = inspect.signature(_BLOCKS[kind]).parameters
    for option in given:
        if option not in known:
            raise SpecError(
                f"KG-114: {where}: block {kind!r} has no option {option!r}."
                f"{did_you_mean(option, known)}"
            )
    return _BLOCKS[kind](**given)


def _bound(value: float | None, unit: str) -> Any:
    return None if value is None else f"{value} {unit}" if unit else value


def _build(file: ModelFile, where: str) -> PublishedModel:
    """Return the model of a checked file."""
    blocks = [_block(entry, where) for entry in file.structure]
    parts: list[Any] = [
        c.changed(drug=file.drug) if isinstance(c, DoseInput) and not c.drug else c
        for block in blocks
        for c in block.components
    ]
    ranges = value_ranges(file, where)
    for name, entry in file.parameters.items():
        unit = as_measure(entry.value, f"{where}, parameter {name!r}").unit
        note = "; ".join(
            text
            for text in (
                entry.note,
                f"range {ranges[name]}",
                f"between subjects {entry.iiv}" if entry.iiv else "",
            )
            if text
        )
        parts.append(
            Parameter(
                name,
                entry.value,
                lower=_bound(entry.lower, unit),
                upper=_bound(entry.upper, unit),
                source=entry.source,
                verified=entry.verified,
                note=note,
            )
        )
    for name, covariate in file.covariates.items():
        unit = as_measure(covariate.value, f"{where}, covariate {name!r}").unit
        note = covariate.description + (f"; {covariate.range}" if covariate.range else "")
        parts.append(
            Covariate(
                name,
                covariate.value,
                lower=_bound(covariate.lower, unit),
                upper=_bound(covariate.upper, unit),
                categories=covariate.categories,
                note=note,
            )
        )
    for effects in file.variability:
        parts.append(
            systemic.variability(
                effects.names,
                cv=effects.cv,
                variance=effects.variance,
                covariances=effects.covariances,
                correlations=effects.correlations,
                level=effects.level,
                source=effects.source,
            )
        )
    parts += [Rule(name, expression) for name, expression in file.rules.items()]
    note = f"{file.title} {' '.join(f'[{key}]' for key in file.citations)}"
    return PublishedModel(file.name, *parts, note=note, info=ModelInfo(file))


@lru_cache(maxsize=64)
def model(name: str) -> PublishedModel:
    """Return a published model, ready to simulate.

    Parameters
    ----------
    name
        One of `names`, for example ``"trastuzumab_quartino_2019"``; see `models`.

    Returns
    -------
    PublishedModel
        Typical values as parameters (``CL_pop``, ...), individual ones as rules of covariates and
        random effects.  ``.info`` tells population, ranges, sources and regimens.

    Raises
    ------
    SpecError
        KG-103 for an unknown name, with the most similar one.
    """
    return _build(_file(name), f"library model {name!r}")


def info(name: str) -> ModelInfo:
    """Return what the library knows about a model, without building it.

    Raises
    ------
    SpecError
        KG-103 for an unknown name.
    """
    return ModelInfo(_file(name))


def models() -> ResultTable:
    """Return the models of the library: name, drug, kind, subjects, verified numbers, title.

    ``known range`` counts the numbers with a published uncertainty or a range between subjects; the
    others have an assumed one.
    """
    entries = [_file(name) for name in names()]
    ranges = [info(name).ranges.values() for name in names()]
    return ResultTable(
        {
            "name": [f.name for f in entries],
            "drug": [f.drug for f in entries],
            "kind": [f.kind for f in entries],
            "subjects": [str(f.population.get("subjects", "-")) for f in entries],
            "verified": [
                f"{sum(p.verified for p in f.parameters.values())} of {len(f.parameters)}"
                for f in entries
            ],
            "known range": [
                f"{sum(r.kind != 'assumed' for r in rs)} of {len(rs)}" for rs in ranges
            ],
            "title": [f.title for f in entries],
        },
        title="Models of the library; krogh.library.model(name) loads one, .info tells more",
    )


def load_file(path: str | Path) -> PublishedModel:
    """Return the model of a library file of your own.

    Parameters
    ----------
    path
        A TOML file of the form that `krogh.library.schema.ModelFile` describes.

    Raises
    ------
    SpecError
        KG-114 for a file that cannot be read or does not have the form, and the errors of the
        components.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"KG-114: cannot read {path}: {error}.") from None
    where = f"library file {path.name!r}"
    try:
        return _build(_validated(text, where), where)
    except Error:
        raise
