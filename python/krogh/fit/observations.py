"""What was measured: the rows of an event table, the outputs they belong to, and their errors.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from krogh.dosing import EventTable
from krogh.errors import DataError, SpecError, UnitError, did_you_mean
from krogh.fit.parameters import groups_of
from krogh.model.compile import CompiledModel
from krogh.units import convert

__all__ = ["ERRORS", "Observations", "observations_of"]

ERRORS: Final = ("additive", "proportional", "combined", "log")


@dataclass(frozen=True)
class Stratum:
    """Measurements that share a residual error.

    Attributes
    ----------
    label
        Output, and the group where errors differ between groups.
    output
        Position of the output.
    error
        One of `ERRORS`.
    rows
        Positions among the measurements, shape (num_measurements,).
    size
        Typical measurement (median of the magnitudes), the scale of the combined error.
    """

    label: str
    output: int
    error: str
    rows: NDArray[np.int64]
    size: float


@dataclass(frozen=True)
class Observations:
    """Measurements in the units of their outputs, in the order of the table.

    Attributes
    ----------
    table_rows
        Positions of the measurements in the table, shape (n,).
    seen_rows
        Positions among the table's rows of EVID 0, which the solver reports, shape (n,).
    subject
        Position of each measurement's subject, shape (n,).
    output
        Position of each measurement's output, shape (n,).
    values
        Shape (n,); the limit where the value is censored.
    low, high
        Limits between which a censored value lies, NaN for measured ones, shape (n,).
    strata
        Which share a residual error.
    num_points
        Rows of EVID 0 without a measurement (MDV 1).
    num_excluded
        Measurements that the user left out.
    """

    table_rows: NDArray[np.int64]
    seen_rows: NDArray[np.int64]
    subject: NDArray[np.int64]
    output: NDArray[np.int64]
    values: NDArray[np.float64]
    strata: tuple[Stratum, ...]
    num_points: int
    num_excluded: int
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @property
    def is_censored(self) -> NDArray[np.bool_]:
        """Which values are known as limits only, shape (n,)."""
        return ~np.isnan(self.low)


def observations_of(
    table: EventTable,
    compiled: CompiledModel,
    observables: Any,
    error: str | Mapping[str, str],
    error_by: str | None,
    include: ArrayLike | None,
) -> Observations:
    """Return the measurements of a table.

    Raises
    ------
    DataError
        KG-250 where an output has censored values only, KG-251 for values that the error model
        cannot have, KG-253 where there is no measurement.
    SpecError
        KG-101, KG-103, KG-108 for outputs, errors or a mask that do not fit.
    UnitError
        Where a value cannot be given in the unit of its output.
    """
    evid, mdv = np.asarray(table["EVID"]), np.asarray(table["MDV"])
    seen = evid == 0
    measured = seen & (mdv == 0)
    num_points = int(np.count_nonzero(seen & ~measured))
    wanted = measured & _mask(include, len(table))
    num_excluded = int(np.count_nonzero(measured & ~wanted))
    rows = np.flatnonzero(wanted)
    if rows.size == 0:
        raise DataError(f"KG-253: {table.source} has no measurement (EVID 0, MDV 0) to fit.")
    outputs, names, errors = _outputs(table, compiled, observables, error, rows)
    stated, low, high = (
        _in_output_units(table, compiled, rows, outputs, names, v) for v in _limits(table, rows)
    )
    values = stated
    index, labels = (
        (np.zeros(table.num_subjects, dtype=np.int64), [""])
        if error_by is None
        else groups_of(table, error_by)
    )
    subject = table.subject_index[rows]
    strata: list[Stratum] = []
    for output in np.unique(outputs).tolist():
        for g, label in enumerate(labels):
            mine = np.flatnonzero((outputs == output) & (index[subject] == g))
            if mine.size == 0:
                continue
            name = compiled.output_names[output]
            strata.append(
                Stratum(
                    label=f"{name}[{label}]" if error_by is not None else name,
                    output=output,
                    error=errors[output],
                    rows=mine,
                    size=float(np.median(np.abs(values[mine]))),
                )
            )
            if np.all(~np.isnan(low[mine])):
                raise DataError(
                    f"KG-250: {table.where(int(rows[mine[0]]))}: all {mine.size} measurements of"
                    f" {strata[-1].label} are limits; their residual error cannot be estimated."
                )
            if errors[output] in ("log", "proportional"):
                _require_positive(table, rows[mine], values[mine], errors[output])
            if errors[output] == "combined" and strata[-1].size == 0.0:
                raise DataError(f"KG-251: most measurements of {name} are 0; use error='additive'.")
    position = np.cumsum(seen) - 1
    return Observations(
        table_rows=rows,
        seen_rows=position[rows],
        subject=subject,
        output=outputs,
        values=values,
        strata=tuple(strata),
        num_points=num_points,
        num_excluded=num_excluded,
        low=low,
        high=high,
    )


def _mask(include: ArrayLike | None, size: int) -> NDArray[np.bool_]:
    if include is None:
        return np.ones(size, dtype=bool)
    mask = np.asarray(include)
    if mask.shape != (size,) or mask.dtype != np.bool_:
        raise SpecError(
            f"KG-108: include must be {size} truth values, one for each row of the table, not"
            f" {mask.dtype} of shape {mask.shape}."
        )
    return mask


def _limits(
    table: EventTable, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the stated values, and the limits of those that are censored (NaN elsewhere).

    CENS = 1: the value lies below DV (and above LIMIT, if that is stated); CENS = -1: above DV (and
    below LIMIT); BLQ = 1: below LLOQ.
    """
    columns = table.columns
    none, missing = np.zeros(len(table)), np.full(len(table), np.nan)
    values = np.asarray(table["DV"], dtype=np.float64)[rows].copy()
    cens = np.asarray(columns.get("CENS", none))[rows]
    blq = (np.asarray(columns.get("BLQ", none))[rows] == 1) & (cens == 0)
    other = np.asarray(columns.get("LIMIT", missing), dtype=np.float64)[rows]
    values[blq] = np.asarray(columns.get("LLOQ", missing), dtype=np.float64)[rows][blq]
    low, high = np.full(rows.size, np.nan), np.full(rows.size, np.nan)
    below, above = (cens == 1) | blq, cens == -1
    low[below] = np.where(np.isnan(other) | blq, -np.inf, other)[below]
    high[below] = values[below]
    low[above] = values[above]
    high[above] = np.where(np.isnan(other), np.inf, other)[above]
    return values, low, high


def _require_positive(
    table: EventTable, rows: NDArray[np.int64], values: NDArray[np.float64], error: str
) -> None:
    bad = rows[values <= 0.0]
    if bad.size:
        more = f"  {bad.size - 1} more rows like this." if bad.size > 1 else ""
        raise DataError(
            f"KG-251: {table.where(int(bad[0]))}: a measurement of {table['DV'][bad[0]]:g} does not"
            f" occur with a {error!r} error.{more}\n"
            "  Leave such rows out on purpose (include=mask), or use error='additive' or"
            " 'combined'."
        )


def _outputs(
    table: EventTable,
    compiled: CompiledModel,
    observables: Any,
    error: str | Mapping[str, str],
    rows: NDArray[np.int64],
) -> tuple[NDArray[np.int64], list[str], dict[int, str]]:
    """Return the output of each measurement, its DVID, and the error of each output."""
    dvid = np.asarray(table.columns.get("DVID", np.full(len(table), "")))[rows].astype(str)
    present = sorted(set(dvid.tolist()))
    known = compiled.output_names
    if observables is None:
        observables = _guess(present, known)
    elif not isinstance(observables, Mapping):
        observables = dict.fromkeys(present, observables)
    wanted = {str(key): what for key, what in observables.items()}
    if len(wanted) == 1 and present == [""]:  # {"DV": "Cp"}: a table of one kind of measurement
        wanted = {"": next(iter(wanted.values()))}
    outputs = np.zeros(rows.size, dtype=np.int64)
    errors: dict[int, str] = {}
    for key in present:
        if key not in wanted:
            first = int(rows[np.flatnonzero(dvid == key)[0]])
            raise SpecError(
                f"KG-103: {table.where(first)}: observables do not say which output is DVID"
                f" {key!r}."
                f"{did_you_mean(key, wanted)}  Outputs: {', '.join(known)}."
            )
        what = wanted[key]
        name, own = what if isinstance(what, tuple) else (what, None)
        if name not in known:
            raise SpecError(
                f"KG-103: model {compiled.model.name!r} has no output {name!r}."
                f"{did_you_mean(str(name), known)}  Outputs: {', '.join(known)}."
            )
        position = compiled.output_index(name)
        kind = own or _error_of(error, key, name)
        if kind not in ERRORS:
            raise SpecError(
                f"KG-108: unknown error {kind!r} of {name}.{did_you_mean(str(kind), ERRORS)}"
                f"  Errors: {', '.join(ERRORS)}."
            )
        if errors.setdefault(position, kind) != kind:
            raise SpecError(f"KG-112: output {name} has two errors, {errors[position]} and {kind}.")
        outputs[dvid == key] = position
    return outputs, dvid.tolist(), errors


def _error_of(error: str | Mapping[str, str], key: str, name: str) -> str:
    if isinstance(error, str):
        return error
    for candidate in (name, key):
        if candidate in error:
            return error[candidate]
    raise SpecError(f"KG-103: error does not say which error {name!r} has.")


def _guess(present: list[str], known: tuple[str, ...]) -> dict[str, str]:
    """Return the outputs that DVIDs name, or the only output of the model."""
    if all(key in known for key in present):
        return {key: key for key in present}
    if present == [""] and len(known) == 1:
        return {"": known[0]}
    shown = ", ".join(repr(key) for key in present if key) or "measurements"
    raise SpecError(
        f"KG-101: which output are {shown}?  Say observables={{'DVID': 'output'}} or"
        f" observables='output'.  Outputs: {', '.join(known)}."
    )


def _in_output_units(
    table: EventTable,
    compiled: CompiledModel,
    rows: NDArray[np.int64],
    outputs: NDArray[np.int64],
    names: list[str],
    values: NDArray[np.float64],
) -> NDArray[np.float64]:
    values = values.copy()
    stated = table.units.get("DV")
    for key, output in {(k, int(o)) for k, o in zip(names, outputs, strict=True)}:
        unit = stated.get(key) if isinstance(stated, Mapping) else stated
        mine = (outputs == output) & (np.asarray(names) == key)
        target = compiled.output_units[output] or "1"
        if unit is None:
            raise UnitError(f"KG-126: {table.source}: the unit of DV {key} is not stated.")
        try:
            values[mine] = convert(values[mine], str(unit) or "1", target)
        except UnitError as problem:
            text = str(problem).removeprefix(f"{problem.code}: ")
            what = f"DV {key}".strip()
            raise UnitError(
                f"{problem.code}: {table.source}: {what} against output"
                f" {compiled.output_names[output]}: {text}"
            ) from None
    return values
