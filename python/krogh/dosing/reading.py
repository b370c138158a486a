"""From cells to checked columns: what `EventTable.read` and `EventTable.from_frame` do.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from krogh.dosing import classic
from krogh.dosing.cells import MISSING, Cells, Column
from krogh.dosing.checks import (
    check_censoring,
    check_doses,
    check_order,
    check_records,
    drop_below_limit,
)
from krogh.dosing.column_units import UNIT_KEYS, column_units, read_covariates
from krogh.dosing.columns import (
    Numbers,
    Place,
    integers,
    listed,
    missing,
    named,
    numbers,
    texts,
)
from krogh.errors import DataError, SpecError, did_you_mean

__all__ = ["Interpolation", "Options", "Parts", "assemble"]

Interpolation = Literal["nocb", "locf", "linear"]

_LOG = logging.getLogger("krogh")
_COUNTS: Final = ("EVID", "ADDL", "SS", "MDV")
_AMOUNTS: Final = ("AMT", "RATE", "DUR", "II")
_OPTIONAL: Final = ("CENS", "BLQ")

LARGEST_COMPARTMENT: Final = 1e6
"""No model has that many; a larger number is a mistake in the table."""


@dataclass
class Options:
    """What the caller of a reader says; see `EventTable.read`."""

    units: Mapping[str, Any] | None = None
    covariates: Mapping[str, Any] | None = None
    compartments: Mapping[Any, str] | None = None
    interpolation: Interpolation = "nocb"
    classic_evid: bool | Literal["auto"] = "auto"
    names: Mapping[str, str] | None = None
    constant: tuple[str, ...] = ()
    blq: Literal["drop"] | None = None
    sort: bool = False

    def check(self) -> None:
        """Raise for an option that is none."""
        rules = ("nocb", "locf", "linear")
        if self.interpolation not in rules:
            raise SpecError(
                "KG-103: interpolation must be 'nocb', 'locf' or 'linear', not"
                f" {self.interpolation!r}.{did_you_mean(str(self.interpolation), rules)}"
            )
        if self.classic_evid not in (True, False, "auto"):
            raise SpecError(
                f"KG-103: classic_evid must be True, False or 'auto', not {self.classic_evid!r}."
            )
        if self.blq not in (None, "drop"):
            raise SpecError(f"KG-103: blq must be None or 'drop', not {self.blq!r}.")
        stated = {"units": self.units, "covariates": self.covariates, "names": self.names}
        examples = {"units": "{'AMT': 'mg'}", "covariates": "{'WT': 'kg'}", "names": "{'Y': 'DV'}"}
        for option, value in (stated | {"compartments": self.compartments}).items():
            if value is not None and not isinstance(value, Mapping):
                example = examples.get(option, "{'1': 'depot'}")
                raise SpecError(
                    f"KG-103: {option} must be a mapping such as {example}, not {value!r}."
                )


@dataclass
class Parts:
    """Checked columns and what else makes an event table."""

    source: str
    columns: dict[str, NDArray[Any]]
    covariates: dict[str, Numbers]
    other: dict[str, NDArray[Any]]
    units: dict[str, Any]
    categories: dict[str, dict[str, float]]
    rows: NDArray[np.int64]
    offsets: NDArray[np.int64]
    ignored: NDArray[np.int64]
    interpolation: Interpolation
    dropped: int = 0
    work: dict[str, Any] = field(default_factory=dict)


def assemble(cells: Cells, options: Options) -> Parts:
    """Return the checked columns of an event table.

    Raises
    ------
    DataError
        KG-210 to KG-222, naming file, row, subject and column.
    UnitError
        KG-121 for a unit that does not fit its column, KG-126 for one that is not stated.
    """
    options.check()
    found, spelling = named(cells, options.names)
    stated = _with_file_units(cells, options)
    ids, place = _identities(cells, found)
    columns = _dose_columns(found, place)
    order, subject = _grouped(ids, columns, place, options)
    if order is not None:
        ids = ids[order]
        found = {name: column[order] for name, column in found.items()}
        columns = {name: column[order] for name, column in columns.items()}
        place = Place(place.source, place.rows[order], ids)
    names = _compartment_names(found, columns, place, options)
    if options.classic_evid is True or (
        options.classic_evid == "auto" and classic.is_classic(columns["EVID"].astype(np.int64))
    ):
        classic.decode(columns, place, subject)
    _observations(found, columns, place)
    check_records(columns, place)
    check_order(columns["TIME"], columns["EVID"].astype(np.int64), subject, place)
    dropped = drop_below_limit(columns) if options.blq == "drop" else 0
    check_censoring(columns, place)
    units = column_units(stated, found, columns, place, options)
    check_doses(columns, place)
    _rates_of_durations(columns)
    covariates, categories = read_covariates(
        found, stated, units, spelling, place, options, subject
    )
    if dropped:
        _LOG.info("%s: %d values below the limit of quantification dropped", cells.source, dropped)
    if cells.ignored:
        _LOG.info("%s: %d comment rows left out", cells.source, len(cells.ignored))
    typed: dict[str, NDArray[Any]] = {"ID": ids}
    for name, column in columns.items():
        whole = name in (*_COUNTS, "CMT", "OCC", *_OPTIONAL)
        typed[name] = column.astype(np.int64) if whole else column
    if "DVID" in found:
        typed["DVID"] = texts(found["DVID"])
    if names is not None:
        typed["CMT_NAME"] = names
    asked = {str(name).upper() for name in covariates}  # letter case of columns does not matter
    used = {*typed, *asked}
    other = {
        spelling[name]: texts(column) if column.dtype.kind != "f" else column
        for name, column in found.items()
        if name not in used
    }
    for name in ("DRUG", "ROUTE"):
        if name in found and name not in asked:
            column = texts(found[name])
            typed[name] = np.where(missing(column), "", column)
            other.pop(spelling[name], None)
    offsets = np.concatenate([np.flatnonzero(np.diff(subject, prepend=-1)), [len(ids)]])
    return Parts(
        cells.source,
        typed,
        covariates,
        other,
        units,
        categories,
        place.rows,
        offsets.astype(np.int64),
        np.array(cells.ignored, dtype=np.int64),
        options.interpolation,
        dropped,
    )


def _with_file_units(cells: Cells, options: Options) -> dict[str, Any]:
    """Join the units that a file states about itself with those of the caller, who wins.

    A file written by `EventTable.to_csv` states the units of its covariates too; they are the
    covariates unless the caller lists some.
    """
    stated: dict[str, Any] = {}
    covariates: dict[str, str] = {}
    for key, unit in cells.stated.items():
        name, bracket, kind = key.partition("[")
        if bracket:
            by_kind = stated.setdefault(name, {})
            if isinstance(by_kind, dict):
                by_kind[kind.rstrip("]")] = unit
        elif name.upper() in UNIT_KEYS:
            stated[name] = unit
        else:
            covariates[name] = unit
    if options.covariates is None:
        options.covariates = covariates
    for key, unit in dict(options.units or {}).items():
        stated.pop(str(key).upper(), None)
        stated[key] = unit
    return stated


# --- subjects and order ---------------------------------------------------------------------------


def _identities(cells: Cells, found: dict[str, Column]) -> tuple[NDArray[Any], Place]:
    place = Place(cells.source, cells.rows)
    if "ID" not in found:
        raise DataError(
            f"KG-211: {cells.source} has no column ID."
            f"{did_you_mean('ID', cells.columns)}  Its columns: {', '.join(cells.columns)[:300]}."
            "\n  Name it with names={'PATIENT': 'ID'}."
        )
    column = found["ID"]
    place.require(~missing(column), "KG-219", "ID is missing.")
    ids: NDArray[Any]
    try:
        values = column.astype(np.float64)
        whole = np.isfinite(values) & (values == np.rint(values)) & (np.abs(values) < 2**53)
        ids = values.astype(np.int64) if whole.all() else texts(column)
    except ValueError:
        ids = texts(column)
    if ids.dtype.kind == "U":
        place.require(
            ~np.char.startswith(ids, "#"), "KG-213", "ID = {value} starts with '#'.", value=ids
        )
    return ids, Place(cells.source, cells.rows, ids)


def _grouped(
    ids: NDArray[Any], columns: dict[str, Numbers], place: Place, options: Options
) -> tuple[NDArray[np.int64] | None, NDArray[np.int64]]:
    """Return the new order of the rows, if there is one, and the number of each row's subject."""
    starts = np.ones(ids.shape, dtype=bool)
    starts[1:] = ids[1:] != ids[:-1]
    if not options.sort:
        subject = np.cumsum(starts) - 1
        firsts = np.flatnonzero(starts)
        unique, index = np.unique(ids[firsts], return_index=True)
        if len(unique) != len(firsts):
            again = np.setdiff1d(np.arange(len(firsts)), index)
            place.fail(
                "KG-214",
                int(firsts[again[0]]),
                "the rows of this subject do not stand together.",
                "Sort the rows (sort=True does it); NONMEM would take them for another subject.",
                len(again) - 1,
            )
        return None, subject
    _, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))  # subjects in the order in which they first appear
    subject = rank[inverse.reshape(-1)]
    evid = columns["EVID"]
    by_subject = np.argsort(subject, kind="stable")
    resets = np.cumsum(((evid == 3) | (evid == 4))[by_subject])  # clocks start anew at resets
    within = np.lexsort((columns["TIME"][by_subject], resets, subject[by_subject]))
    order = by_subject[within]
    return order, subject[order]


# --- columns --------------------------------------------------------------------------------------


def _dose_columns(found: dict[str, Column], place: Place) -> dict[str, Numbers]:
    """Return TIME, EVID, AMT and what goes with them as numbers, 0 where missing."""
    if "TIME" not in found:
        raise DataError(
            f"KG-211: {place.source} has no column TIME.{did_you_mean('TIME', found)}"
            "\n  Name it with names={'HOURS': 'TIME'}."
        )
    if "DATE" in found or any(name in found for name in ("DAT1", "DAT2", "DAT3")):
        raise DataError(
            f"KG-211: {place.source} has a DATE column; give the elapsed time in TIME as a number"
            " and leave the date out."
        )
    num_rows = len(place.rows)
    columns: dict[str, Numbers] = {"TIME": numbers(found["TIME"], "TIME", place).copy()}
    place.require(~np.isnan(columns["TIME"]), "KG-219", "TIME is missing.")
    for name in _AMOUNTS:
        column = found.get(name)
        values = np.zeros(num_rows) if column is None else numbers(column, name, place)
        columns[name] = np.nan_to_num(values, nan=0.0)
    for name in ("ADDL", "SS"):
        column = found.get(name)
        columns[name] = (
            np.zeros(num_rows)
            if column is None
            else integers(column, name, place).astype(np.float64)
        )
    if "EVID" in found:
        columns["EVID"] = integers(found["EVID"], "EVID", place).astype(np.float64)
    else:  # NM-TRAN's rule: a record that gives a dose is a dose
        gives = (columns["AMT"] != 0) | ((columns["RATE"] != 0) & (columns["SS"] != 0))
        columns["EVID"] = gives.astype(np.float64)
    columns["CMT"] = np.zeros(num_rows)
    return columns


def _compartment_names(
    found: dict[str, Column], columns: dict[str, Numbers], place: Place, options: Options
) -> NDArray[Any] | None:
    """Fill CMT and return the names of the compartments where names are used."""
    mapping = {str(key).strip(): str(value) for key, value in (options.compartments or {}).items()}
    given = found.get("CMT_NAME")
    written: NDArray[Any] | None = None
    if given is not None:
        written = texts(given)
        written = np.where(missing(written), "", written)
    if "CMT" in found:
        column = found["CMT"]
        try:
            columns["CMT"] = integers(column, "CMT", place, LARGEST_COMPARTMENT).astype(np.float64)
        except DataError:
            if column.dtype.kind == "f" or written is not None:
                raise
            written = _named_compartments(texts(column), columns, place)
    if not mapping:
        return written
    names = np.array([""] * len(place.rows), dtype="U100") if written is None else written
    known = np.zeros(len(place.rows), dtype=bool)
    result = names.astype("U100")
    for key, value in mapping.items():
        rows = (names == key) & (names != "")
        if re.fullmatch(r"[+-]?\d+", key):
            rows |= (np.abs(columns["CMT"]) == abs(int(key))) & (columns["CMT"] != 0)
        result[rows] = value
        known |= rows
    place.require(
        known | ((columns["CMT"] == 0) & (names == "")),
        "KG-222",
        "CMT = {cmt} is not among the compartments that were stated"
        f" ({listed([f'{k}: {v}' for k, v in mapping.items()])}).",
        cmt=texts(found["CMT"]) if "CMT" in found else names,
    )
    return result


def _named_compartments(
    column: NDArray[Any], columns: dict[str, Numbers], place: Place
) -> NDArray[Any]:
    """Return names of a CMT column that holds names, or names and numbers."""
    names = column.copy()
    names[missing(column)] = ""
    for unset in ("(default)", "(obs)", "0"):
        names[names == unset] = ""
    for value in np.unique(names).tolist():
        if not value:
            continue
        rows = names == value
        if re.fullmatch(r"[+-]?\d+(?:\.0)?", value):
            place.require(
                ~rows | (abs(float(value)) <= LARGEST_COMPARTMENT),
                "KG-222",
                f"CMT = {value} is not a compartment's number.",
            )
            columns["CMT"][rows] = float(value)
            names[rows] = ""
        elif value.startswith("-") and len(value) > 1:  # rxode2's "-depot" turns depot off
            place.require(
                ~rows | (columns["EVID"] == 2),
                "KG-222",
                f"CMT = {value!r} turns a compartment off, which needs EVID 2.",
            )
            name = value[1:].strip()
            place.require(
                ~rows | (name not in MISSING), "KG-222", f"CMT = {value!r} names no compartment."
            )
            columns["CMT"][rows] = -1.0  # the sign says off; the name stands beside it
            names[rows] = name
    return names


def _observations(found: dict[str, Column], columns: dict[str, Numbers], place: Place) -> None:
    """Add MDV, DV and what goes with them."""
    num_rows = len(place.rows)
    evid = columns["EVID"]
    dv = numbers(found["DV"], "DV", place).copy() if "DV" in found else np.full(num_rows, np.nan)
    derived = ((evid != 0) | np.isnan(dv)).astype(np.float64)
    if "MDV" in found:
        given = numbers(found["MDV"], "MDV", place)
        mdv = np.where(np.isnan(given), derived, given)
    else:
        mdv = derived
    place.require(
        (evid != 0) | (mdv != 0) | ~np.isnan(dv),
        "KG-219",
        "DV is missing on an observation (MDV 0).",
        "Write MDV 1 to predict there without data, or remove the row.",
    )
    columns["MDV"], columns["DV"] = mdv, dv
    for name in _OPTIONAL:
        if name in found:
            columns[name] = integers(found[name], name, place).astype(np.float64)
    for name in ("LIMIT", "LLOQ"):
        if name in found:
            columns[name] = numbers(found[name], name, place).copy()
    if "OCC" in found:
        columns["OCC"] = integers(found["OCC"], "OCC", place).astype(np.float64)
    if "DVID" in found:
        place.require(
            ~missing(found["DVID"]) | (mdv == 1), "KG-219", "DVID is missing on an observation."
        )


def _rates_of_durations(columns: dict[str, Numbers]) -> None:
    """Give infusions with a stated duration their rate; a stated rate makes DUR 0."""
    rate, duration = columns["RATE"], columns["DUR"]
    duration[rate != 0] = 0.0
    rows = duration > 0
    rate[rows] = columns["AMT"][rows] / duration[rows]
