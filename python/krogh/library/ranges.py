"""The range of each value of a library model, and what it rests on.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final, Literal

from krogh.errors import SpecError, did_you_mean
from krogh.library.schema import (
    BETWEEN_SUBJECTS,
    NO_RANGE,
    ModelFile,
    ParameterEntry,
    PublishedRange,
    VariabilityEntry,
)
from krogh.model.fields import as_measure
from krogh.model.systemic import variability

__all__ = ["SubjectRange", "ValueRange", "subject_range", "value_ranges"]

NORMAL_95: Final = 1.6448536269514722
"""The 95 % quantile of the standard normal distribution: 90 % lie between minus and plus it."""

ASSUMED_FACTOR: Final = 2.0
"""Half and twice a positive value: what is assumed where no range is known."""

ASSUMED_SHARE: Final = 0.5
"""Share of a value of either sign (exponents, covariate effects) assumed to either side."""


@dataclass(frozen=True)
class SubjectRange:
    """The range in which a value lies in 90 % of the subjects.

    Attributes
    ----------
    lower, upper
        In `unit`: ``value*exp(-+1.645*omega)``, or ``value -+ 1.645*omega`` for an additive effect.
    unit
        That of the value.
    effect
        The random effect.
    omega
        Its standard deviation.
    additive
        Whether the effect is added (normal) instead of an exponent (log-normal).
    """

    lower: float
    upper: float
    unit: str
    effect: str
    omega: float
    additive: bool

    @property
    def text(self) -> str:
        """Both ends and the unit."""
        return f"{self.lower:.3g} to {self.upper:.3g} {self.unit}".rstrip()

    @property
    def basis(self) -> str:
        """What the range is."""
        if self.additive:
            return f"90 % between subjects, value +- 1.645*omega, omega {self.omega:.3g}"
        return f"90 % between subjects, value*exp(+-1.645*omega), omega {self.omega:.3g}"


@dataclass(frozen=True)
class ValueRange:
    """What a library model says on the range of one value.

    Attributes
    ----------
    kind
        ``"uncertainty"`` of the value as stated by the source or the fit, ``"between subjects"``
        computed from the variability of the file, or ``"assumed"``: no range is known, and half to
        twice the value (value +- 50 % where it may be negative, a fraction at most 1) stands in
        for sensitivity analyses.
    text
        The range.
    basis
        What it rests on; of an assumed one, why none is known.
    subjects
        The range between subjects wherever the file has variability, whatever the kind.
    """

    kind: Literal["uncertainty", "between subjects", "assumed"]
    text: str
    basis: str
    subjects: SubjectRange | None = None

    def __str__(self) -> str:
        if self.kind == "between subjects" or self.subjects is None:
            return f"{self.text} ({self.basis})"
        return f"{self.text} ({self.basis}); {self.subjects.text} ({self.subjects.basis})"


def value_ranges(file: ModelFile, where: str) -> dict[str, ValueRange]:
    """Return the range of every parameter of a library file.

    Raises
    ------
    SpecError
        KG-114 for a range between subjects without a random effect, an unknown random effect, one
        that the rules do not apply as an exponent or as a term, a random effect between subjects
        that no parameter names, and an interval without the value.
    """
    ranges = {name: _value_range(file, name, where) for name in file.parameters}
    _check_effects_are_named(file, where)
    return ranges


def _value_range(file: ModelFile, name: str, where: str) -> ValueRange:
    entry = file.parameters[name]
    subjects = subject_range(file, name, where)
    if entry.range == BETWEEN_SUBJECTS:
        if subjects is None:
            raise SpecError(
                f"KG-114: {where}, parameter {name!r}: a range {BETWEEN_SUBJECTS!r} needs "
                "'effect', the random effect that it is computed from."
            )
        return ValueRange("between subjects", subjects.text, subjects.basis, subjects)
    if entry.range in NO_RANGE:
        if subjects is not None:
            raise SpecError(
                f"KG-114: {where}, parameter {name!r} has the random effect {entry.effect!r}: its "
                f"range is {BETWEEN_SUBJECTS!r}, not {entry.range!r}."
            )
        return _assumed_range(entry, where, name)
    found = PublishedRange.of(entry.range)
    value = as_measure(entry.value, f"{where}, parameter {name!r}").value
    if found.ends is not None and not found.ends[0] <= value <= found.ends[1]:
        raise SpecError(
            f"KG-114: {where}, parameter {name!r}: the value {entry.value} lies outside its range "
            f"{entry.range!r}."
        )
    basis = "uncertainty of the fit to data" if file.kind == "estimated" else "as published"
    if found.kind == "interval":
        basis = "interval"
    return ValueRange("uncertainty", entry.range, basis, subjects)


def _assumed_range(entry: ParameterEntry, where: str, name: str) -> ValueRange:
    """Return the range that stands in where none is known."""
    measure = as_measure(entry.value, f"{where}, parameter {name!r}")
    value = measure.value
    if entry.lower == 0.0 and value > 0.0:
        ends = [value / ASSUMED_FACTOR, value * ASSUMED_FACTOR]
    else:
        ends = sorted(value * (1.0 + s * ASSUMED_SHARE) for s in (-1.0, 1.0))
    if entry.upper is not None:
        ends[1] = min(ends[1], entry.upper)
    text = f"{ends[0]:.3g} to {ends[1]:.3g} {measure.unit}".rstrip()
    return ValueRange("assumed", text, f"assumed, {entry.range}")


def subject_range(file: ModelFile, name: str, where: str) -> SubjectRange | None:
    """Return the 90 % range of a parameter between subjects, None without a random effect.

    Raises
    ------
    SpecError
        KG-114 for an effect that the file does not have, or that its rules do not apply.
    """
    entry = file.parameters[name]
    if entry.effect is None:
        return None
    omegas = _omegas(file)
    if entry.effect not in omegas:
        raise SpecError(
            f"KG-114: {where}, parameter {name!r} names the unknown random effect between subjects "
            f"{entry.effect!r}.{did_you_mean(entry.effect, omegas)}"
        )
    omega = omegas[entry.effect]
    additive = _is_additive(file, name, entry.effect, where)
    measure = as_measure(entry.value, f"{where}, parameter {name!r}")
    if additive:
        ends = [measure.value + s * NORMAL_95 * omega for s in (-1.0, 1.0)]
    else:
        ends = sorted(measure.value * math.exp(s * NORMAL_95 * omega) for s in (-1.0, 1.0))
    return SubjectRange(ends[0], ends[1], measure.unit, entry.effect, omega, additive)


def _omegas(file: ModelFile) -> dict[str, float]:
    """Return the standard deviations of the random effects between subjects."""
    found: dict[str, float] = {}
    for entry in file.variability:
        if entry.level == "subject":
            found.update(_deviations(entry))
    return found


def _deviations(entry: VariabilityEntry) -> dict[str, float]:
    block = variability(entry.names, cv=entry.cv, variance=entry.variance)
    return {n: math.sqrt(block.covariance[i][i]) for i, n in enumerate(entry.names)}


def _is_additive(file: ModelFile, name: str, effect: str, where: str) -> bool:
    """Tell how the rules apply the effect to the parameter."""
    for text in file.rules.values():
        if not _mentions(text, effect) or not _reaches(file, text, name):
            continue
        if re.search(rf"\*\s*exp\((?:[^()]*\+\s*)?{effect}(?:\s*\+[^()]*)?\)$", text):
            return False
        if re.fullmatch(rf"{name}\s*\+\s*{effect}", text):
            return True
    raise SpecError(
        f"KG-114: {where}: no rule multiplies parameter {name!r} by exp({effect}), nor adds "
        f"{effect} to it; its range between subjects cannot be computed."
    )


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", text) is not None


def _reaches(file: ModelFile, text: str, name: str) -> bool:
    """Tell whether an expression has a parameter in it, also through other rules."""
    return _mentions(text, name) or any(
        _mentions(text, rule) and _mentions(inner, name) for rule, inner in file.rules.items()
    )


def _check_effects_are_named(file: ModelFile, where: str) -> None:
    named = {entry.effect for entry in file.parameters.values()}
    for effect in _omegas(file):
        if effect not in named:
            raise SpecError(
                f"KG-114: {where}: no parameter names the random effect {effect!r} as its 'effect'."
            )
