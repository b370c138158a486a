"""Who is simulated: numbers of subjects, covariate arrays, data frames and populations.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.basis import Basis
from krogh.draws import subject_keys
from krogh.errors import DataError, SpecError, UnitError, did_you_mean
from krogh.model.compile import CompiledModel
from krogh.population import VirtualPopulation
from krogh.units import convert, dimension, parse_quantity

__all__ = ["Subjects", "basis_of", "resolve_subjects"]

_LOG = logging.getLogger("krogh")
_ID_NAMES: Final = ("ID", "SUBJECT", "SUBJID")
_BASIS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "weight": (("WT", "WEIGHT", "BW", "BODYWEIGHT", "BODY_WEIGHT", "BWT"), "kg"),
    "surface": (("BSA", "SURFACE", "BODYSURFACE", "BODY_SURFACE"), "m^2"),
    "gfr": (("GFR", "EGFR"), "mL/min"),
}
_BASIS_OF: Final = {name: what for what, (names, _) in _BASIS.items() for name in names}


@dataclass
class Subjects:
    """Subjects and what is known of them.

    Attributes
    ----------
    ids
        Shape (num_subjects,).
    overrides
        Model parameter or covariate to its values, as `CompiledModel.pack` takes them.
    others
        Columns that the model does not know, (values, unit or None): weights for dosing, occasions.
    """

    ids: NDArray[Any]
    overrides: dict[str, Any] = field(default_factory=dict)
    others: dict[str, tuple[NDArray[Any], str | None]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Number of subjects."""
        return int(self.ids.size)

    @property
    def keys(self) -> NDArray[np.int64]:
        """Keys of the random numbers."""
        return subject_keys(self.ids)


def resolve_subjects(what: Any, compiled: CompiledModel, seed: int) -> Subjects:
    """Return the subjects of a count, a mapping, a data frame or a population.

    Raises
    ------
    SpecError
        KG-117 for something that is none of these, KG-103 for a name in a mapping that neither
        model nor dosing knows.
    DataError
        KG-242 for columns of different length or IDs that occur twice.
    """
    if isinstance(what, (int, np.integer)) and not isinstance(what, bool):
        if what < 1:
            raise SpecError(f"KG-117: subjects must be at least 1, not {what}.")
        return Subjects(np.arange(1, int(what) + 1, dtype=np.int64))
    if isinstance(what, VirtualPopulation):
        subjects = Subjects(what.ids)
        _place(subjects, what.draw(seed), compiled, strict=True)
        return subjects
    if isinstance(what, Mapping):
        return _from_columns(dict(what), compiled, strict=True)
    if hasattr(what, "columns") and hasattr(what, "__getitem__"):
        columns = {str(name): _array(what[name]) for name in what.columns}
        return _from_columns(columns, compiled, strict=False)
    raise SpecError(
        "KG-117: subjects must be a number, a mapping of covariates, a data frame or a"
        f" VirtualPopulation, not {type(what).__name__}."
    )


def _array(column: Any) -> NDArray[Any]:
    return np.asarray(column.to_numpy() if hasattr(column, "to_numpy") else column)


def _from_columns(columns: dict[str, Any], compiled: CompiledModel, *, strict: bool) -> Subjects:
    ids: NDArray[Any] | None = None
    for name in list(columns):
        if name.upper() in _ID_NAMES and name not in compiled.parameter_names:
            ids = _array(columns.pop(name))
    lengths = {name: _length(value) for name, value in columns.items()}
    sizes = {size for size in lengths.values() if size is not None}
    if ids is not None:
        sizes.add(ids.size)
    if len(sizes) > 1:
        shown = ", ".join(f"{name} {size}" for name, size in lengths.items() if size is not None)
        raise DataError(f"KG-242: the columns of subjects differ in length: {shown}.")
    count = sizes.pop() if sizes else 1
    if ids is None:
        ids = np.arange(1, count + 1, dtype=np.int64)
    elif np.unique(ids).size < ids.size:
        values, times = np.unique(ids, return_counts=True)
        raise DataError(
            f"KG-242: subject {values[times > 1][0]} occurs {times.max()} times; simulate() takes"
            " one row per subject.  Covariates that change in time go into an EventTable."
        )
    subjects = Subjects(ids)
    pairs = {name: _pair(value) for name, value in columns.items()}
    _place(subjects, pairs, compiled, strict=strict)
    return subjects


def _length(value: Any) -> int | None:
    if isinstance(value, str):
        return None
    values: Any = value[0] if isinstance(value, tuple) and len(value) == 2 else value
    values = getattr(values, "magnitude", values)
    if np.ndim(values) == 0:
        return None
    return int(np.shape(values)[0])


def _pair(value: Any) -> tuple[Any, str | None]:
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], str):
        return value
    if hasattr(value, "magnitude") and hasattr(value, "units"):
        return value.magnitude, str(value.units)
    if isinstance(value, str):
        try:
            quantity = parse_quantity(value)
        except ValueError:
            return value, None
        return quantity.value, quantity.unit
    return value, None


def _place(
    subjects: Subjects,
    columns: Mapping[str, tuple[Any, str | None]],
    compiled: CompiledModel,
    *,
    strict: bool,
) -> None:
    """Sort columns into what the model knows and the rest."""
    known = {*compiled.model.parameters, *compiled.model.covariates, *compiled.model.random_effects}
    by_upper = {name.upper(): name for name in compiled.model.covariates}
    for name, (values, unit) in columns.items():
        target = name if name in known else by_upper.get(name.upper())
        if target is not None:
            item = compiled.model.covariates.get(target)
            array = _array(values)
            if item is not None and item.categories is not None and array.dtype.kind == "O":
                array = array.astype(str)
            subjects.overrides[target] = array if unit is None else (array, unit)
            if name.upper() not in _BASIS_OF:
                continue
        elif name.upper() in _BASIS_OF:
            _require_own_name(name, columns, compiled)
        elif strict and name.upper() != "OCC":
            advice = did_you_mean(name, [*known, *_BASIS_OF])
            raise SpecError(
                f"KG-103: model {compiled.model.name!r} has no covariate or parameter {name!r}, and"
                f" dosing does not use it.{advice}"
            )
        if unit is None and target is not None and target in compiled.model.covariates:
            unit = compiled.model.covariates[target].unit
        subjects.others[name] = (_array(values), unit)


def _require_own_name(name: str, columns: Mapping[str, Any], compiled: CompiledModel) -> None:
    """Refuse WEIGHT where the model's covariate is WT: its reference value would stay unseen."""
    given = {column.upper() for column in columns}
    for covariate in compiled.model.covariates:
        same = _BASIS_OF.get(covariate.upper()) == _BASIS_OF[name.upper()]
        if same and covariate.upper() not in given:
            raise SpecError(
                f"KG-103: model {compiled.model.name!r} has no covariate {name!r} but"
                f" {covariate!r}, which would keep its reference value; name the column"
                f" {covariate!r}."
            )


def basis_of(
    subjects: Subjects,
    compiled: CompiledModel,
    given: Mapping[str, Any],
    values: Mapping[str, Any],
) -> Basis:
    """Return weights, surfaces and filtration rates for dosing.

    Taken from the keyword (`given`), else from the subjects' columns (WT, BSA, GFR and their usual
    spellings), else from the model's covariate of that name: its value in `values` or its reference
    value, which is the subject's own value in such a simulation.
    """
    basis = Basis(subjects.ids)
    for what, (names, unit) in _BASIS.items():
        value, of_all = given.get(what), True
        if value is not None:
            _warn_of_unlike_covariate(subjects, compiled, what, values)
        if value is None:
            value = _from_subjects(subjects, names, unit)
            of_all = value is None
        if value is None:
            value = _from_model(compiled, names, unit, values)
        if value is None:
            continue
        numbers = _in_unit(value, unit, what)
        if of_all and numbers.ndim == 0:
            basis.typical[what] = float(numbers)
        else:
            reference = _from_model(compiled, names, unit, {})
            if reference is not None:
                basis.typical[what] = float(_in_unit(reference, unit, what))
        if numbers.ndim > 0 and numbers.size not in (1, subjects.count):
            raise DataError(
                f"KG-242: {what} has {numbers.size} values for {subjects.count} subjects."
            )
        setattr(basis, what, numbers.reshape(()) if numbers.size == 1 else numbers)
    return basis


def _warn_of_unlike_covariate(
    subjects: Subjects, compiled: CompiledModel, what: str, values: Mapping[str, Any]
) -> None:
    """Tell in the log that a model's covariate does not follow the keyword."""
    for name, covariate in compiled.model.covariates.items():
        is_stated = name in values or name in subjects.overrides
        if _BASIS_OF.get(name.upper()) == what and not is_stated:
            _LOG.warning(
                "%s is used for doses alone: covariate %s of model %r stays at %s; give"
                " subjects={%r: ...} for both",
                what, name, compiled.model.name, covariate.value, name,
            )  # fmt: skip


def _from_subjects(subjects: Subjects, names: tuple[str, ...], unit: str) -> Any:
    for name, (values, given_unit) in subjects.others.items():
        if name.upper() in names:
            return values, given_unit or unit
    return None


def _from_model(
    compiled: CompiledModel, names: tuple[str, ...], unit: str, values: Mapping[str, Any]
) -> Any:
    for name, covariate in compiled.model.covariates.items():
        if name.upper() not in names:
            continue
        if name in values:
            pair = _pair(values[name])
            return pair[0], pair[1] or covariate.unit
        if covariate.value is not None and dimension(covariate.unit or "1") == dimension(unit):
            return covariate.value.value, covariate.unit
    return None


def _in_unit(value: Any, unit: str, what: str) -> NDArray[np.float64]:
    numbers, given = _pair(value)
    if given is None:
        raise UnitError(f"KG-124: {what} needs its unit, for example {what}='70 {unit}'.")
    try:
        array = np.asarray(_array(numbers), dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"KG-242: {what} needs numbers, not {numbers!r}.") from None
    return np.asarray(convert(array, given, unit))
