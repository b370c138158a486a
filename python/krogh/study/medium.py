"""Given concentrations in place of a body: a medium that is held, a measured plasma curve.

SPDX-License-Identifier: BSD-3-Clause

Each drug has one species that stays at its value, or follows straight lines between the points of
the curve; so plasma and tissue are solved as with any other body, and the well-mixed comparator and
the numbers are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from krogh.errors import SpecError, did_you_mean
from krogh.model.components import Output, Rate, Species, Table
from krogh.model.network import Model
from krogh.study.regimen import drug_called
from krogh.units import (
    convert,
    convert_amount,
    format_number,
    parse_quantity,
    require_dimension,
    same_dimension,
)

if TYPE_CHECKING:
    from krogh.library.drug_spec import Drug

__all__ = ["Curve", "curves_of", "medium_model"]

_FIELDS = ("times", "time_unit", "values", "unit")


@dataclass(frozen=True)
class Curve:
    """The concentration of one drug outside of the tissue.

    Attributes
    ----------
    times, time_unit
        Increasing from 0; a single time for a constant concentration.
    values, unit
        Of the same length.
    """

    times: tuple[float, ...]
    time_unit: str
    values: tuple[float, ...]
    unit: str

    @property
    def is_constant(self) -> bool:
        """Whether the concentration is held."""
        return len(self.times) == 1

    @property
    def text(self) -> str:
        """In words: ``"held at 100 nM"``."""
        if self.is_constant:
            return f"held at {format_number(self.values[0])} {self.unit}"
        return f"given at {len(self.times)} times"

    def to_document(self) -> Any:
        """Return the curve as plain data."""
        if self.is_constant:
            return f"{format_number(self.values[0])} {self.unit}"
        return {
            "times": list(self.times),
            "time_unit": self.time_unit,
            "values": list(self.values),
            "unit": self.unit,
        }

    def molar(self, drug: Drug) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return the values in nM."""
        values = np.array(self.values, dtype=np.float64)
        if same_dimension(self.unit, "nM"):
            return np.asarray(convert(values, self.unit, "nM"))
        grams = convert(values, self.unit, "g/L")
        moles = [convert_amount(float(v), "g", "nmol", drug.molar_mass.value) for v in grams]
        return np.array(moles, dtype=np.float64)


def curves_of(what: Any, drugs: Sequence[Drug]) -> dict[str, Curve]:
    """Return the curve of each drug by its name.

    Parameters
    ----------
    what
        Drug to ``"100 nM"``, to ``(times, values, unit)`` with times such as ``([0, 6, 24], "h")``,
        or to a mapping with ``times``, ``time_unit``, ``values`` and ``unit``.

    Raises
    ------
    SpecError
        KG-141 for a drug that is not there or has no concentration, and curves that are none.
    UnitError
        KG-12x for units that are missing or no concentration.
    """
    if not isinstance(what, Mapping):
        raise SpecError(
            'KG-141: plasma gives each drug its concentration, such as {"T-DM1": "100 nM"}, not'
            f" {what!r:.60}."
        )
    names = [drug.name for drug in drugs]
    found: dict[str, Curve] = {}
    for name, given in what.items():
        drug = drug_called(str(name), drugs)
        if drug is None:
            raise SpecError(
                f"KG-141: plasma gives {name!r}, which is no drug of the study."
                f"{did_you_mean(str(name), names)}  The study has {', '.join(names)}."
            )
        found[drug.name] = _curve(given, f"plasma of {drug.name}")
    for name in names:
        if name not in found:
            raise SpecError(f"KG-141: plasma does not say the concentration of {name!r}.")
    return {name: found[name] for name in names}


def _curve(given: Any, what: str) -> Curve:
    if isinstance(given, Mapping):
        unknown = [field for field in given if field not in _FIELDS]
        missing = [field for field in _FIELDS if field not in given]
        if unknown or missing:
            hint = did_you_mean(unknown[0], _FIELDS) if unknown else ""
            wrong = f"has no field {unknown[0]!r}.{hint}" if unknown else f"needs {missing[0]!r}."
            raise SpecError(f"KG-141: {what} {wrong}  Fields: {', '.join(_FIELDS)}.")
        given = ((given["times"], given["time_unit"]), given["values"], given["unit"])
    if isinstance(given, tuple) and len(given) == 3:
        return _checked(given, what)
    quantity = parse_quantity(given, what)
    _require_concentration(quantity.unit, what)
    if not 0.0 <= quantity.value < np.inf:
        raise SpecError(f"KG-141: {what} must not be negative, but is {quantity}.")
    return Curve((0.0,), "h", (quantity.value,), quantity.unit)


def _require_concentration(unit: str, what: str) -> None:
    if not same_dimension(unit, "g/L"):
        require_dimension(unit, "nM", what)


def _checked(given: tuple[Any, Any, Any], what: str) -> Curve:
    times, values, unit = given
    if not (isinstance(times, tuple) and len(times) == 2 and isinstance(times[1], str)):
        raise SpecError(f"KG-141: {what}: times need their unit, ([0, 6, 24], 'h').")
    require_dimension(times[1], "h", f"times of the {what}")
    _require_concentration(unit, what)
    try:
        at = np.asarray(times[0], dtype=np.float64).reshape(-1)
        curve = np.asarray(values, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        raise SpecError(f"KG-141: {what}: times and values are lists of numbers.") from None
    if at.size != curve.size or at.size < 2:
        raise SpecError(
            f"KG-141: {what} has {at.size} times and {curve.size} values; two or more of each, one"
            " value for each time, are needed."
        )
    if at[0] != 0.0 or not np.all(np.diff(at) > 0.0):
        raise SpecError(f"KG-141: the times of the {what} must begin at 0 and increase.")
    if not np.all(np.isfinite(curve)) or np.any(curve < 0.0):
        raise SpecError(f"KG-141: the values of the {what} must be finite and not negative.")
    return Curve(tuple(at.tolist()), times[1], tuple(curve.tolist()), unit)


def require_cover(curves: Mapping[str, Curve], until: str) -> None:
    """Raise SpecError KG-141 where a curve ends before the run."""
    end = parse_quantity(until)
    for name, curve in curves.items():
        if curve.is_constant:
            continue
        last = convert(curve.times[-1], curve.time_unit, end.unit)
        if last < end.value * (1.0 - 1e-9):
            raise SpecError(
                f"KG-141: the plasma of {name} is given until {format_number(last)} {end.unit}, but"
                f" the run ends at {until}.  Give more of the curve, or an earlier end."
            )


def medium_model(drugs: Sequence[Drug], curves: Mapping[str, Curve]) -> Model:
    """Return the model of what is outside; drugs without a curve (lost payload) stay at zero."""
    parts: list[Any] = []
    for drug in drugs:
        species, curve = f"given_{drug.label}", curves.get(drug.name)
        values = np.zeros(1) if curve is None else curve.molar(drug)
        start = f"{float(values[0])!r} nM"
        parts.append(Species(species, "nM", initial=start, note="given concentration"))
        parts.append(Output(f"Cp_{drug.label}", species, unit="nM"))
        if curve is None or curve.is_constant:
            continue
        times = np.array(curve.times)
        slopes = np.diff(values) / np.diff(times)
        table = f"slope_{drug.label}"
        parts.append(
            Table(
                table,
                times.tolist(),
                [*slopes.tolist(), float(slopes[-1])],
                x_unit=curve.time_unit,
                y_unit=f"nM/{curve.time_unit}",
                kind="step",
            )
        )
        parts.append(Rate(species, f"{table}(t)", name="given curve"))
    names = ", ".join(drug.name for drug in drugs)
    return Model(f"given concentration of {names}", *parts)
