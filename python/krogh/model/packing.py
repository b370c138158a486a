"""Parameter values packed for the solver, each checked for name, unit, range and length.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from krogh.errors import SpecError, did_you_mean
from krogh.model.components import Covariate, Parameter
from krogh.model.expression import symbols_of
from krogh.model.lowering import internal_value
from krogh.units import Quantity, parse_quantity, parse_unit, require_dimension

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from krogh.model.compile import CompiledModel

__all__ = ["nominal_values", "packed"]


def nominal_values(c: CompiledModel) -> NDArray[np.float64]:
    """Return nominal values in internal units; NaN where a parameter has none."""
    values = np.zeros(len(c.parameter_names))
    items = (*c.model.parameters.values(), *c.model.covariates.values())
    for i, item in enumerate(items):
        if item.value is None:
            values[i] = np.nan
        else:
            values[i] = internal_value(item.value.value, item.value.unit)
    values.flags.writeable = False
    return values


def packed(
    c: CompiledModel, overrides: Mapping[str, Any], num_subjects: int | None
) -> NDArray[np.float64]:
    """See `CompiledModel.pack`."""
    known = c.parameter_names[: c.num_model_parameters]
    columns: dict[int, NDArray[np.float64]] = {}
    masses = _molar_masses(c)
    for name, given in overrides.items():
        if name in masses:
            raise SpecError(
                f"KG-111: {name!r} is part of the molar mass of {masses[name]!r}, by which doses"
                " are converted; it cannot differ between subjects.\n"
                f"  Change it in the model: model.with_values({name}=...)."
            )
        if name not in known:
            raise SpecError(
                f"KG-103: model {c.model.name!r} has no parameter, covariate or random effect"
                f" {name!r}.{did_you_mean(str(name), known)}"
            )
        columns[c.parameter_index(name)] = _column(c, name, given)
    lengths = {
        len(v): c.parameter_names[i] for i, v in columns.items() if v.ndim == 1 and len(v) != 1
    }
    rows = _common_length(lengths, num_subjects)
    table = np.tile(c.nominal, (rows, 1))
    for i, column in columns.items():
        table[:, i] = column
    missing = [c.parameter_names[int(i)] for i in np.flatnonzero(np.isnan(table[0]))]
    if missing:
        raise SpecError(
            f"KG-109: parameter {missing[0]!r} of model {c.model.name!r} has no value"
            + (f" (nor have {', '.join(map(repr, missing[1:6]))})" if len(missing) > 1 else "")
            + f"; give it in {c.parameter_units[c.parameter_index(missing[0])] or '1'}."
        )
    return np.ascontiguousarray(table)


def _molar_masses(c: CompiledModel) -> dict[str, str]:
    """Return the parameters that molar masses depend on, with the species."""
    found: dict[str, str] = {}
    definitions = c.model.analysis.definitions
    for name, species in c.model.species.items():
        pending = [species.molar_mass] if species.molar_mass is not None else []
        while pending:
            for symbol in symbols_of(pending.pop()):
                if symbol in definitions and symbol not in found:
                    pending.append(definitions[symbol])
                found.setdefault(symbol, name)
    return found


def _common_length(lengths: Mapping[int, str], num_subjects: int | None) -> int:
    if num_subjects is not None and num_subjects < 1:
        raise SpecError(f"KG-108: the number of subjects must be at least 1, not {num_subjects}.")
    if not lengths:
        return 1
    if num_subjects is None and len(lengths) == 1:
        return next(iter(lengths))
    if num_subjects is None:
        shown = ", ".join(f"{name!r} has {n}" for n, name in lengths.items())
        raise SpecError(f"KG-108: values of subjects differ in length: {shown}.")
    for n, name in lengths.items():
        if n != num_subjects:
            raise SpecError(f"KG-108: {name!r} has {n} values for {num_subjects} subjects.")
    return num_subjects


def _column(c: CompiledModel, name: str, given: Any) -> NDArray[np.float64]:
    """Return one override in internal units, a scalar array or one value per subject."""
    item = c.model.parameters.get(name) or c.model.covariates.get(name)
    unit = "" if item is None else item.unit
    values, given_unit = _values_and_unit(name, given, item)
    if given_unit is not None:
        kind = "random effect" if item is None else item.what
        require_dimension(given_unit or "1", unit or "1", f"{kind} {name!r}")
        unit = given_unit
    array = np.asarray(values, dtype=np.float64)
    if array.ndim > 1 or array.size == 0:
        raise SpecError(
            f"KG-108: {name!r} needs one value or one per subject, found shape {array.shape}."
        )
    if not np.all(np.isfinite(array)):
        where = (
            "" if array.ndim == 0 else f" of subject {int(np.flatnonzero(~np.isfinite(array))[0])}"
        )
        raise SpecError(f"KG-108: the value{where} of {name!r} is not finite.")
    scaled = np.asarray(internal_value(array, unit))
    if item is not None:
        _require_range(name, item, array, scaled, unit)
    return scaled


def _values_and_unit(
    name: str, given: Any, item: Parameter | Covariate | None
) -> tuple[Any, str | None]:
    """Return values and the unit stated with them; None for the declared unit."""
    categories = item.categories if isinstance(item, Covariate) else None
    if isinstance(given, str):
        if categories is not None:
            return _category(name, given, categories), None
        try:
            return float(given), None
        except ValueError:
            quantity = parse_quantity(given, f"the value of {name!r}")
            return quantity.value, quantity.unit
    if isinstance(given, Quantity):
        return given.value, given.unit
    if (
        isinstance(given, tuple)
        and len(given) == 2
        and isinstance(given[1], str)
        and categories is None
    ):
        parse_unit(given[1])
        return _numbers(name, given[0]), given[1]
    if hasattr(given, "magnitude") and hasattr(given, "units"):
        return _numbers(name, given.magnitude), parse_unit(given).text
    if categories is not None and not isinstance(given, int | float):
        flat = np.asarray(given)
        if flat.dtype.kind in "UOST":
            return [_category(name, str(v), categories) for v in flat.ravel()], None
    return _numbers(name, given), None


def _numbers(name: str, given: Any) -> Any:
    if isinstance(given, bool):
        raise SpecError(f"KG-108: {name!r} needs a number, not {given!r}.")
    if hasattr(given, "to_numpy"):
        given = given.to_numpy()
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise SpecError(
            f"KG-108: {name!r} needs numbers, text with a unit, or (values, unit); found"
            f" {type(given).__name__} {str(given)[:40]!r}."
        ) from None


def _category(name: str, word: str, categories: Mapping[str, float]) -> float:
    if word in categories:
        return float(categories[word])
    try:
        return float(word)
    except ValueError:
        raise SpecError(
            f"KG-108: {word!r} is not a category of {name!r}: {', '.join(map(repr, categories))}."
            f"{did_you_mean(word, categories)}"
        ) from None


def _require_range(
    name: str,
    item: Parameter | Covariate,
    array: NDArray[np.float64],
    scaled: NDArray[np.float64],
    unit: str,
) -> None:
    low, high = item.bounds
    if isinstance(item, Covariate) and item.categories is not None:
        allowed = np.array(sorted(item.categories.values()))
        wrong = ~np.isin(scaled, allowed)
        if np.any(wrong):
            value = float(np.atleast_1d(array)[np.flatnonzero(np.atleast_1d(wrong))[0]])
            pairs = ", ".join(f"{k}={v:g}" for k, v in item.categories.items())
            raise SpecError(f"KG-108: {name!r} = {value:g} is the number of no category ({pairs}).")
    outside = ~((scaled >= low) & (scaled <= high))
    if np.any(outside):
        at = int(np.flatnonzero(np.atleast_1d(outside))[0])
        value = float(np.atleast_1d(array)[at])
        who = "" if array.ndim == 0 else f" of subject {at}"
        raise SpecError(f"KG-108: {name!r} = {value:g} {unit}{who} lies outside {item.range_text}.")
