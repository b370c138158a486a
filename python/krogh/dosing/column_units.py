"""Units of the columns of an event table, and its covariates.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.dosing.cells import Column
from krogh.dosing.columns import CANONICAL, Numbers, Place, missing, numbers, shown, texts
from krogh.errors import DataError, UnitError, did_you_mean
from krogh.unit_parser import TIME
from krogh.units import convert, describe, dose_unit, parse_unit

__all__ = ["UNIT_KEYS", "column_units", "read_covariates"]

UNIT_KEYS: Final = ("TIME", "AMT", "DV", "RATE", "II", "DUR")
"""Columns whose unit may be stated."""


# --- units ----------------------------------------------------------------------------------------


def column_units(
    stated: Mapping[str, Any],
    found: dict[str, Column],
    columns: dict[str, Numbers],
    place: Place,
    options: Any,
) -> dict[str, Any]:
    """Return the unit of each column, demanding those that are needed."""
    given = {str(key).upper(): unit for key, unit in stated.items()}
    covariates = {str(name).upper() for name in options.covariates or {}}
    for key in given:
        if key not in UNIT_KEYS and key not in covariates and key not in found:
            raise DataError(
                f"KG-211: units names {key!r}, which is no column of {place.source}."
                f"{did_you_mean(key, [*UNIT_KEYS, *found])}"
            )
    units: dict[str, Any] = {"TIME": _stated(given, "TIME", place, "'h'")}
    _require(units["TIME"], "TIME", TIME, place)
    if ((columns["AMT"] != 0) | (columns["RATE"] > 0)).any() or "AMT" in given:
        units["AMT"] = _stated(given, "AMT", place, "'mg'")
        parts = dose_unit(units["AMT"])
        if parts is None or parts.per is not None or parts.per_time is not None:
            raise UnitError(
                f"KG-121: {place.source}: AMT in {units['AMT']!r} is"
                f" {describe(units['AMT'])}; needed: an amount (mg, nmol, IU, MBq).\n"
                "  Multiply doses per weight or surface before, or write a Regimen."
            )
    for name in ("II", "DUR"):
        units[name] = units["TIME"]
        if name in given:
            unit = _stated(given, name, place, "'h'")
            _require(unit, name, TIME, place)
            columns[name] *= convert(1.0, unit, units["TIME"])
    if "AMT" in units:
        units["RATE"] = f"{units['AMT']}/{units['TIME']}"
        if "RATE" in given:
            unit = _stated(given, "RATE", place, "'mg/h'")
            _require(unit, "RATE", parse_unit(units["RATE"]).dimension, place)
            running = columns["RATE"] > 0
            columns["RATE"][running] *= convert(1.0, unit, units["RATE"])
    observed = columns["MDV"] == 0
    if observed.any() or "DV" in given:
        units["DV"] = _response_units(given, found, observed, place)
    return units


def _stated(given: Mapping[str, Any], name: str, place: Place, example: str) -> str:
    unit = given.get(name)
    if unit is None:
        raise UnitError(
            f"KG-126: {place.source}: the unit of column {name} is not stated; say it once, for"
            f" example units={{{name!r}: {example}}}.  Units are never guessed."
        )
    if not isinstance(unit, str):
        raise UnitError(f"KG-124: the unit of {name} must be text, not {type(unit).__name__}.")
    parse_unit(unit)
    return unit.strip()


def _require(unit: str, name: str, wanted: Any, place: Place) -> None:
    if parse_unit(unit).dimension != wanted:
        raise UnitError(
            f"KG-121: {place.source}: {name} in {unit!r} is {describe(unit)}; needed:"
            f" {describe(wanted)}."
        )


def _response_units(
    given: Mapping[str, Any],
    found: dict[str, Column],
    observed: NDArray[np.bool_],
    place: Place,
) -> Any:
    """Return one unit, or one for each DVID."""
    unit = given.get("DV")
    if not isinstance(unit, Mapping):
        return _stated(given, "DV", place, "'mg/L'")
    if "DVID" not in found:
        raise DataError(
            f"KG-211: units gives DV for each DVID, but {place.source} has no column DVID."
        )
    by_kind = {str(key): str(value) for key, value in unit.items()}
    for value in by_kind.values():
        parse_unit(value)
    kinds = texts(found["DVID"])
    for kind in np.unique(kinds[observed]).tolist():
        if kind not in by_kind:
            raise UnitError(
                f"KG-126: {place.source}: the unit of DV for DVID {kind!r} is not stated; known:"
                f" {', '.join(by_kind) or 'none'}.{did_you_mean(kind, by_kind)}"
            )
    return by_kind


# --- covariates -----------------------------------------------------------------------------------


def read_covariates(
    found: dict[str, Column],
    stated: Mapping[str, Any],
    units: dict[str, Any],
    spelling: dict[str, str],
    place: Place,
    options: Any,
    subject: NDArray[np.int64],
) -> tuple[dict[str, Numbers], dict[str, dict[str, float]]]:
    """Return the covariates as numbers, by the names under which they were asked for."""
    values: dict[str, Numbers] = {}
    categories: dict[str, dict[str, float]] = {}
    wanted = dict(options.covariates or {})
    for name, unit in wanted.items():
        key = str(name).upper()
        if key not in found:
            raise DataError(
                f"KG-211: {place.source} has no column for the covariate {name!r}."
                f"{did_you_mean(str(name), spelling.values())}"
            )
        if key in CANONICAL and key != "OCC":
            raise DataError(f"KG-221: {name} is a column of the event table, not a covariate.")
        column = found[key]
        if isinstance(unit, Mapping):
            values[name] = _categorical(column, name, unit, place)
            categories[name] = {str(k): float(v) for k, v in unit.items()}
            units[name] = ""
        else:
            if not isinstance(unit, str):
                raise UnitError(
                    f"KG-126: the unit of the covariate {name} must be text ('kg', or '' for a"
                    f" number without dimension) or a dictionary of categories, not {unit!r}."
                )
            parse_unit(unit)
            values[name] = numbers(column, name, place)
            units[name] = unit.strip()
        place.require(
            ~np.isnan(values[name]),
            "KG-221",
            f"the covariate {name} is missing.",
            "Fill it in; krogh does not invent covariates.",
        )
    for key, unit in stated.items():
        upper = str(key).upper()
        if upper in UNIT_KEYS or upper in {str(name).upper() for name in wanted}:
            continue
        raise DataError(
            f"KG-221: units states {unit!r} for {key!r}; covariates are listed in covariates="
            f"{{{key!r}: {unit!r}}}."
        )
    for name in options.constant:
        _check_constant(name, values, subject, place)
    return values, categories


def _categorical(column: Column, name: str, mapping: Mapping[Any, Any], place: Place) -> Numbers:
    written = texts(column)
    result = np.full(written.shape, np.nan)
    for label, value in mapping.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise DataError(
                f"KG-221: the category {label!r} of {name} needs a number, not {value!r}."
            )
        result[written == str(label)] = float(value)
    unknown = np.isnan(result) & ~missing(written)
    if unknown.any():
        first = int(np.argmax(unknown))
        text = shown(written[first])
        place.fail(
            "KG-221",
            first,
            f"{name} = {text!r} is none of the categories {', '.join(map(str, mapping))}."
            f"{did_you_mean(text, [str(label) for label in mapping])}",
            more=int(unknown.sum()) - 1,
        )
    return result


def _check_constant(
    name: str, values: dict[str, Numbers], subject: NDArray[np.int64], place: Place
) -> None:
    if name not in values:
        raise DataError(
            f"KG-211: {name!r} is to be constant but is no covariate.{did_you_mean(name, values)}"
        )
    column = values[name]
    same = np.ones(column.shape, dtype=bool)
    same[1:] = (subject[1:] != subject[:-1]) | (column[1:] == column[:-1])
    before = np.concatenate([column[:1], column[:-1]])
    place.require(
        same,
        "KG-221",
        f"the covariate {name} changes within the subject from {{before}} to {{now}}, but it was"
        " said to be constant.",
        before=before,
        now=column,
    )
