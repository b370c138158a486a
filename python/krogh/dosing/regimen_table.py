"""From a regimen to an event table: doses for each subject.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from krogh.dosing import body
from krogh.dosing.dose import Dose, basis_of
from krogh.dosing.reading import Parts
from krogh.dosing.regimen import Regimen
from krogh.errors import DataError, SpecError, UnitError
from krogh.units import Quantity, convert, factor, parse_quantity, parse_unit, same_dimension

if TYPE_CHECKING:
    from krogh.dosing.event_table import EventTable

__all__ = ["per_subject", "resolved_amount", "to_table"]

Numbers = NDArray[np.float64]


def per_subject(value: Any, unit: str, num_subjects: int, what: str) -> Numbers:
    """Return a value for each subject in `unit`, shape (num_subjects,).

    Parameters
    ----------
    value
        Text or a quantity (for all), a list of such, or (array of shape (num_subjects,), unit).
    unit
        The wanted unit.
    num_subjects
        Number of subjects.
    what
        What it is, for messages.

    Raises
    ------
    UnitError
        KG-121 for a unit that does not fit, KG-124 for a number without one.
    DataError
        KG-206 for a wrong number of values or one that is not positive.
    """
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str):
        numbers = np.atleast_1d(np.asarray(value[0], dtype=np.float64))
        given_unit = value[1]
    elif isinstance(value, (list, tuple)):
        quantities = [parse_quantity(item, what) for item in value]
        given_unit = quantities[0].unit if quantities else unit
        numbers = np.array([convert(q.value, q.unit, given_unit) for q in quantities])
    else:
        given = getattr(value, "magnitude", None)
        if isinstance(given, np.ndarray):
            numbers, given_unit = np.atleast_1d(given).astype(np.float64), str(value.units)
        else:
            quantity = parse_quantity(value, what)
            numbers, given_unit = np.array([quantity.value]), quantity.unit
    if not same_dimension(given_unit, unit):
        raise UnitError(f"KG-121: {what} is in {given_unit!r}; needed: a unit such as {unit!r}.")
    if numbers.ndim != 1 or numbers.size not in (1, num_subjects):
        raise DataError(
            f"KG-206: {what} has the shape {numbers.shape} for {num_subjects} subjects."
        )
    numbers = np.broadcast_to(convert(numbers, given_unit, unit), (num_subjects,))
    if not (np.isfinite(numbers) & (numbers > 0)).all():
        bad = int(np.argmax(~(np.isfinite(numbers) & (numbers > 0))))
        raise DataError(
            f"KG-206: {what} of subject {bad + 1} is {numbers[bad]:g} {unit}; it must be positive."
        )
    return numbers


def resolved_amount(
    amount: Quantity,
    unit: str,
    num_subjects: int,
    *,
    weight: Any = None,
    surface: Any = None,
    gfr: Any = None,
    gfr_cap: Any = None,
) -> Numbers:
    """Return an amount or rate for each subject in `unit`, shape (num_subjects,).

    Parameters
    ----------
    amount
        Of a dose: per weight, per surface, a target AUC, or flat.
    unit
        Plain unit of an amount (or of a rate, if `amount` is one).
    num_subjects
        Number of subjects.
    weight, surface, gfr, gfr_cap
        Body weight, body surface, glomerular filtration rate and the largest one to use for
        Calvert's formula; see `per_subject` for their form.

    Raises
    ------
    DataError
        KG-206 for a value that is needed and missing.
    UnitError
        KG-121 if the amount cannot be given in `unit` (mass and amount of substance, ...).
    """
    basis, parts = basis_of(amount.unit)
    if basis == "auc":
        if gfr is None:
            raise DataError(
                f"KG-206: the dose AUC {amount} needs the glomerular filtration rate: gfr="
                "'90 mL/min' (one for all, or one per subject)."
            )
        rate = per_subject(gfr, "mL/min", num_subjects, "gfr")
        cap = None if gfr_cap is None else parse_quantity(gfr_cap, "gfr_cap")
        return body.calvert_values(amount, rate, cap, unit)
    assert parts is not None
    plain = parts.base if parts.per_time is None else f"{parts.base}/{parts.per_time}"
    if not same_dimension(plain, unit):
        raise UnitError(
            f"KG-121: a dose of {amount} cannot be stated in {unit!r}; make one table for each kind"
            " of unit (regimen.for_drug(...)), or state the dose otherwise."
        )
    value = convert(amount.value, plain, unit)
    if basis == "flat":
        return np.full(num_subjects, value)
    if basis == "weight":
        given, per, name, example = weight, "kg", "weight", "70 kg"
    else:
        given, per, name, example = surface, "m^2", "surface", "1.8 m^2"
    if given is None:
        raise DataError(
            f"KG-206: a dose of {amount} needs the body {name}: {name}='{example}' (one for all, or"
            " one per subject)."
        )
    return value / parts.per_factor * per_subject(given, per, num_subjects, name)


def to_table(
    regimen: Regimen,
    subjects: Any = 1,
    *,
    weight: Any = None,
    surface: Any = None,
    gfr: Any = None,
    gfr_cap: Any = None,
    until: Any = None,
    times: Any = None,
    observe: str | int | None = None,
    amount_unit: str | None = None,
    time_unit: str = "h",
    covariates: Mapping[str, Any] | None = None,
) -> EventTable:
    """Return a regimen as an event table.

    Parameters
    ----------
    regimen
        What is given.
    subjects
        Number of subjects, or their identifiers.
    weight, surface, gfr, gfr_cap
        Needed for doses per weight (mg/kg), per surface (mg/m2), and target AUCs: text with unit
        for all subjects, or one value per subject (a list of texts, or an array and its unit).
        `gfr_cap` is the largest filtration rate to use.
    until
        End of a regimen without one (``"42 d"``); doses at that time are given.
    times
        Points of prediction: (array, unit) or a list of texts.  At the time of a dose they come
        after it.
    observe
        Compartment of these points; None leaves it to the model.
    amount_unit
        Unit of AMT; by default that of the first dose without weight or surface.
    time_unit
        Unit of TIME.
    covariates
        Name to value (as for `weight`) or to (array, unit); they do not change in time.

    Raises
    ------
    DataError
        KG-205 if a regimen without an end has no `until`, KG-206 if weight, surface or filtration
        rate is needed.
    UnitError
        KG-121 for doses whose units do not go into one column.
    """
    ids = _identifiers(subjects)
    if until is not None:
        regimen = regimen.until(until)
    elif regimen.is_open_ended:
        raise DataError(
            "KG-205: the regimen has no stated end; say how often ('x 6'), or until='42 d'."
        )
    hour = factor(time_unit)
    parse_unit(time_unit)
    if not same_dimension(time_unit, "h"):
        raise UnitError(f"KG-121: time_unit = {time_unit!r} is no unit of time.")
    unit = amount_unit or _plain_unit(regimen.doses[0].amount)
    given = {"weight": weight, "surface": surface, "gfr": gfr, "gfr_cap": gfr_cap}
    num = len(ids)
    blocks: list[dict[str, Any]] = []
    for dose in regimen.doses:
        blocks.append(_block(dose, unit, time_unit, hour, num, given))
    points = _points(times, time_unit)
    for time in points.tolist():
        blocks.append({"TIME": time, "EVID": 0, "CMT": observe})
    return _stacked(blocks, ids, unit, time_unit, covariates)


def _identifiers(subjects: Any) -> NDArray[Any]:
    if isinstance(subjects, bool):
        raise SpecError("KG-103: subjects is a number or a list of identifiers.")
    if isinstance(subjects, (int, np.integer)):
        if not 1 <= int(subjects) <= 10_000_000:
            raise SpecError(f"KG-103: the number of subjects must be positive, not {subjects}.")
        return np.arange(1, int(subjects) + 1)
    ids = np.asarray(list(subjects))
    if ids.ndim != 1 or not ids.size or len(np.unique(ids)) != ids.size:
        raise SpecError("KG-103: the identifiers of the subjects must be a list without repeats.")
    return ids


def _plain_unit(amount: Quantity) -> str:
    basis, parts = basis_of(amount.unit)
    if basis == "auc":
        return parse_unit(amount.unit).parts[0][0]
    assert parts is not None
    return parts.base


def _points(times: Any, time_unit: str) -> Numbers:
    if times is None:
        return np.zeros(0)
    if isinstance(times, tuple) and len(times) == 2 and isinstance(times[1], str):
        values = np.atleast_1d(np.asarray(times[0], dtype=np.float64))
        values = convert(values, times[1], time_unit)
    elif isinstance(times, (list, tuple, str)):
        items = [times] if isinstance(times, str) else times
        values = np.array([parse_quantity(item, "a time").to(time_unit) for item in items])
    else:
        raise UnitError(
            "KG-124: times needs its unit: times=(array, 'h'), or a list such as ['1 h', '2 h']."
        )
    if values.ndim != 1 or not np.isfinite(values).all() or (np.diff(values) < 0).any():
        raise DataError("KG-204: times must be one list of finite numbers that do not decrease.")
    return values


def _block(
    dose: Dose, unit: str, time_unit: str, hour: float, num: int, given: dict[str, Any]
) -> dict[str, Any]:
    """Return the row of one dose; AMT and RATE have a value for each subject."""
    amount = (
        np.zeros(num)
        if dose.is_constant_infusion
        else resolved_amount(dose.amount, unit, num, **given)
    )
    rate: Any = 0.0
    if dose.rate is not None:
        rate = resolved_amount(dose.rate, f"{unit}/{time_unit}", num, **given)
    elif dose.duration is not None:
        rate = amount / (dose.duration / hour)
    elif dose.modeled is not None:
        rate = -1.0 if dose.modeled == "rate" else -2.0
    additional = dose.additional or 0
    repeats = additional > 0 or dose.steady > 0
    return {
        "TIME": dose.time / hour,
        "EVID": 1,
        "AMT": amount,
        "RATE": rate,
        "DUR": 0.0 if dose.duration is None else dose.duration / hour,
        "II": dose.interval / hour if repeats else 0.0,
        "ADDL": additional,
        "SS": dose.steady,
        "CMT": dose.compartment,
        "DRUG": dose.drug or "",
        "ROUTE": dose.route or "",
    }


def _stacked(
    blocks: list[dict[str, Any]],
    ids: NDArray[Any],
    unit: str,
    time_unit: str,
    covariates: Mapping[str, Any] | None,
) -> EventTable:
    from krogh.dosing.event_table import EventTable

    order = sorted(
        range(len(blocks)), key=lambda i: (blocks[i]["TIME"], blocks[i]["EVID"] == 0)
    )  # sorted is stable: doses of one time keep their order
    blocks = [blocks[i] for i in order]
    num, width = len(ids), len(blocks)

    def column(name: str, missing: Any, dtype: Any) -> NDArray[Any]:
        table = np.empty((num, width), dtype=dtype)
        for j, block in enumerate(blocks):
            table[:, j] = block.get(name, missing)
        return table.reshape(-1)

    places = [block["CMT"] for block in blocks]
    columns: dict[str, NDArray[Any]] = {"ID": np.repeat(ids, width)}
    for name in ("TIME", "AMT", "RATE", "DUR", "II"):
        columns[name] = column(name, 0.0, np.float64)
    for name in ("EVID", "ADDL", "SS"):
        columns[name] = column(name, 0, np.int64)
    columns["CMT"] = np.tile([p if isinstance(p, int) else 0 for p in places], num).astype(np.int64)
    columns["MDV"] = np.ones(num * width, dtype=np.int64)
    columns["DV"] = np.full(num * width, np.nan)
    if any(isinstance(p, str) for p in places):
        columns["CMT_NAME"] = np.tile([p if isinstance(p, str) else "" for p in places], num)
    for name in ("DRUG", "ROUTE"):
        texts = [block.get(name, "") for block in blocks]
        if any(texts):
            columns[name] = np.tile(texts, num)
    units: dict[str, Any] = {
        "TIME": time_unit, "II": time_unit, "DUR": time_unit,
        "AMT": unit, "RATE": f"{unit}/{time_unit}",
    }  # fmt: skip
    values: dict[str, Numbers] = {}
    for name, value in (covariates or {}).items():
        array, units[name] = _covariate(name, value, num)
        values[name] = np.repeat(array, width)
    return EventTable(
        Parts(
            "regimen", columns, values, {}, units, {}, np.arange(1, num * width + 1),
            np.arange(0, num * width + 1, width), np.zeros(0, dtype=np.int64), "nocb",
        )
    )  # fmt: skip


def _covariate(name: str, value: Any, num: int) -> tuple[Numbers, str]:
    """Return a covariate of each subject and its unit; zero and negative values are allowed."""
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str):
        array, unit = np.atleast_1d(np.asarray(value[0], dtype=np.float64)), value[1].strip()
        parse_unit(unit)
    else:
        quantity = parse_quantity(value, f"the covariate {name}")
        array, unit = np.array([quantity.value]), quantity.unit
    if array.ndim != 1 or array.size not in (1, num) or not np.isfinite(array).all():
        raise DataError(
            f"KG-206: the covariate {name} needs one finite value, or one for each of {num}"
            f" subjects; it has the shape {array.shape}."
        )
    return np.broadcast_to(array, (num,)), unit
