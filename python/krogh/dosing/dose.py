"""One dose: how much, when, how fast, how often, into what.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, Literal

from krogh.dosing.times import exact_product, seconds
from krogh.errors import DataError, SpecError, UnitError, did_you_mean
from krogh.units import (
    DoseUnit,
    Quantity,
    describe,
    dimension,
    dose_unit,
    parse_quantity,
    parse_unit,
)

__all__ = ["MAX_ADDITIONAL", "ROUTES", "Basis", "Dose", "basis_of", "canonical_unit", "route_name"]

Basis = Literal["flat", "weight", "surface", "auc"]
"""What a dose is counted by: nothing, body weight, body surface, or a target AUC (Calvert)."""

MAX_ADDITIONAL: Final = 1_000_000
"""Most repetitions of one dose."""

ROUTES: Final[dict[str, tuple[str, ...]]] = {
    "iv": ("i.v.", "intravenous", "intravenously"),
    "oral": ("po", "p.o.", "orally", "peroral"),
    "sc": ("s.c.", "subcutaneous", "subcutaneously", "subcut"),
    "im": ("i.m.", "intramuscular", "intramuscularly"),
    "ip": ("i.p.", "intraperitoneal", "intraperitoneally"),
    "intratumoral": ("intratumorally", "intratumoural"),
    "intrathecal": ("intrathecally",),
    "inhaled": ("inhalation",),
}
"""Routes and their other spellings."""

_ROUTE_OF: Final = {name: name for name in ROUTES} | {
    other: name for name, others in ROUTES.items() for other in others
}
_EXPOSURES: Final = (dimension("mg*min/mL"), dimension("nmol*h/L"))


def route_name(word: str) -> str | None:
    """Return the canonical name of a route, or None for another word."""
    return _ROUTE_OF.get(word.lower())


@lru_cache(maxsize=1024)
def canonical_unit(text: str) -> str:
    """Return a unit in plain spelling (``"µg/m²"`` to ``"ug/m2"``), so that equal units compare.

    A unit that holds a number, as in mL/min/1.73m2, is returned as it was written.
    """
    unit = parse_unit(text)
    above: list[str] = []
    below: list[str] = []
    exact = Fraction(1)
    for symbol, power in unit.parts:
        if power.denominator != 1:
            return unit.text
        exact *= parse_unit(symbol).exact ** int(power)
        shown = symbol if abs(power) == 1 else f"{symbol}{abs(power)}"
        (above if power > 0 else below).append(shown)
    if exact != unit.exact or not above:
        return unit.text
    return "/".join(["*".join(above), *below])


def _is_plain(unit: str) -> bool:
    """Whether a unit is made of names with a dimension alone, without numbers and percents."""
    parsed = parse_unit(unit)
    exact = Fraction(1)
    for symbol, power in parsed.parts:
        if power.denominator != 1 or dimension(symbol).is_dimensionless:
            return False
        exact *= parse_unit(symbol).exact ** int(power)
    return exact == parsed.exact


@lru_cache(maxsize=1024)
def basis_of(unit: str) -> tuple[Basis, DoseUnit | None]:
    """Return what an amount in `unit` is counted by, and the parts of the dose unit.

    Raises
    ------
    UnitError
        KG-121 for a unit that is no dose.
    """
    parts = dose_unit(unit)
    if parts is not None:
        return parts.per or "flat", parts
    if dimension(unit) in _EXPOSURES and _is_plain(unit):
        return "auc", None
    raise UnitError(
        f"KG-121: {unit!r} is not the unit of a dose but {describe(unit)}.\n"
        "  A dose is an amount (mg, nmol, MBq, IU, Gy), an amount per body weight (mg/kg) or body"
        " surface (mg/m2), or a target AUC (mg/mL*min)."
    )


@dataclass(frozen=True, init=False, slots=True)
class Dose:
    """A dose and its repetitions.

    Parameters
    ----------
    amount
        How much: ``"100 mg"``, ``"3.6 mg/kg"``, ``"250 mg/m2"``, a target exposure
        ``"5 mg/mL*min"`` (Calvert's formula then gives the dose), or ``"0 mg"`` with a `rate` and
        ``steady=1`` for a constant infusion that has reached its steady state and stops.
    time
        When the first dose is given; text with unit, or a number in seconds.
    duration
        Length of the infusion (text, or seconds); None for a bolus.  The duration stands when a
        bioavailability is not 1.
    rate
        Rate of the infusion, in the unit of `amount` per time.  The rate stands when a
        bioavailability is not 1 (NONMEM's RATE).
    interval
        Time between repetitions (text, or seconds); 0 for a single dose.
    additional
        Number of doses after the first; None for dosing without a stated end.
    steady
        1: the first dose meets the periodic steady state of this dosing; 2: that state is added to
        the present one (NONMEM's SS).
    compartment
        Name or 1-based number of the compartment; None leaves it to route and model.
    route
        One of `ROUTES` or its other spellings, or None.
    drug
        Name of the drug, or None where there is one only.
    modeled
        ``"rate"`` or ``"duration"`` if the model gives the rate or duration of the infusion
        (NONMEM's RATE -1 and -2).

    Raises
    ------
    DataError
        KG-203 for parts that contradict each other, KG-204 for a value out of range.
    UnitError
        KG-121 for a unit that does not fit, KG-124 for one that is missing.

    Examples
    --------
    >>> from krogh.dosing import Dose
    >>> str(Dose("3.6 mg/kg", duration="90 min", interval="21 d", additional=5))
    '3.6 mg/kg over 90 min every 21 d x 6'
    """

    amount: Quantity
    time: float
    duration: float | None
    rate: Quantity | None
    interval: float
    additional: int | None
    steady: int
    compartment: str | int | None
    route: str | None
    drug: str | None
    modeled: Literal["rate", "duration"] | None

    def __init__(
        self,
        amount: Any,
        time: Any = 0.0,
        *,
        duration: Any = None,
        rate: Any = None,
        interval: Any = 0.0,
        additional: int | None = 0,
        steady: int = 0,
        compartment: str | int | None = None,
        route: str | None = None,
        drug: str | None = None,
        modeled: Literal["rate", "duration"] | None = None,
    ) -> None:
        put = object.__setattr__
        put(self, "amount", _canonical(parse_quantity(amount, "the dose")))
        put(self, "time", seconds(time, "the time of a dose"))
        put(self, "duration", None if duration is None else seconds(duration, "the duration"))
        given_rate = None if rate is None else _canonical(parse_quantity(rate, "the rate"))
        put(self, "rate", given_rate)
        if given_rate is not None and self.amount.value == 0.0:  # one spelling of one fact
            put(self, "amount", Quantity(0.0, without_time(given_rate.unit)))
        put(self, "interval", seconds(interval, "the dosing interval"))
        put(self, "additional", additional)
        put(self, "steady", steady)
        put(self, "compartment", compartment)
        put(self, "route", None if route is None else _known_route(route))
        put(self, "drug", drug)
        put(self, "modeled", modeled)
        _check(self)

    @property
    def basis(self) -> Basis:
        """What the amount is counted by."""
        return basis_of(self.amount.unit)[0]

    @property
    def is_open_ended(self) -> bool:
        """Whether the dose is repeated without a stated end."""
        return self.additional is None

    @property
    def is_constant_infusion(self) -> bool:
        """Whether this is a constant infusion at its steady state, which stops at `time`."""
        return self.amount.value == 0.0

    @property
    def last_time(self) -> float:
        """Time of the last repetition in seconds; infinite without a stated end."""
        if self.additional is None:
            return math.inf
        return self.time + self.additional * self.interval

    def replace(self, **changes: Any) -> Dose:
        """Return a copy with some fields changed."""
        known = [field.name for field in dataclasses.fields(self)]
        for name in changes:
            if name not in known:
                raise SpecError(
                    f"KG-103: a dose has no field {name!r}.{did_you_mean(name, known)}"
                    f"  Its fields: {', '.join(known)}."
                )
        return dataclasses.replace(self, **changes)

    def scaled(self, factor: float, keep: Literal["duration", "rate"] = "duration") -> Dose:
        """Return the dose with its amount multiplied.

        Parameters
        ----------
        factor
            Positive number.
        keep
            What stays for an infusion with a stated rate: ``"duration"`` multiplies the rate too,
            ``"rate"`` lets the infusion run longer.  A stated duration always stays.
        """
        if not (isinstance(factor, (int, float)) and math.isfinite(factor) and factor > 0):
            raise DataError(f"KG-204: a dose is scaled by a positive number, not {factor!r}.")
        if keep not in ("duration", "rate"):
            raise SpecError(f"KG-103: keep must be 'duration' or 'rate', not {keep!r}.")
        amount = Quantity(self.amount.value * factor, self.amount.unit)
        rate = self.rate
        if rate is not None and (keep == "duration" or self.is_constant_infusion):
            rate = Quantity(rate.value * factor, rate.unit)
        return self.replace(amount=amount, rate=rate)

    def __str__(self) -> str:
        from krogh.dosing.sentence import sentence

        return sentence((self,))


def _canonical(given: Quantity) -> Quantity:
    return Quantity(given.value, canonical_unit(given.unit))


def _known_route(route: str) -> str:
    found = route_name(route)
    if found is None:
        raise DataError(
            f"KG-202: {route!r} is not a route.{did_you_mean(route, _ROUTE_OF)}"
            f"  Known: {', '.join(ROUTES)}."
        )
    return found


def _check(dose: Dose) -> None:
    """Raise for a dose that means nothing; the fields already have their types and units."""
    basis, parts = basis_of(dose.amount.unit)
    value = dose.amount.value
    if not math.isfinite(value) or value < 0:
        raise DataError(f"KG-204: a dose must be positive and finite, not {dose.amount}.")
    if parts is not None and parts.per_time is not None:
        raise UnitError(
            f"KG-121: {dose.amount} is a rate; give the amount, and this as rate='{dose.amount}'."
        )
    constant = value == 0.0
    if constant and not (dose.rate is not None and dose.steady == 1 and dose.interval == 0):
        raise DataError(
            "KG-204: a dose of 0 is no dose.  (With a rate, steady=1 and no interval it is a"
            " constant infusion that has reached its steady state.)"
        )
    for name in ("duration", "rate", "modeled"):
        others = [n for n in ("duration", "rate", "modeled") if getattr(dose, n) is not None]
        if getattr(dose, name) is not None and len(others) > 1:
            raise DataError(
                f"KG-203: a dose has one of duration, rate and modeled, not {' and '.join(others)};"
                " amount and rate give the duration."
            )
    if dose.duration is not None and dose.duration <= 0:
        raise DataError("KG-204: the duration of an infusion must be positive; leave it out for a"
                        " bolus.")  # fmt: skip
    if dose.rate is not None:
        _check_rate(dose, basis, dose.rate)
    if dose.modeled not in (None, "rate", "duration"):
        raise SpecError(f"KG-103: modeled must be 'rate' or 'duration', not {dose.modeled!r}.")
    _check_repetition(dose)
    _check_target(dose)


def _check_rate(dose: Dose, basis: Basis, rate: Quantity) -> None:
    if basis == "auc":
        raise DataError("KG-203: a target AUC gives the dose by Calvert's formula; state the"
                        " infusion by its duration, not by a rate.")  # fmt: skip
    rate_basis, rate_parts = basis_of(rate.unit)
    if rate_parts is None or rate_parts.per_time is None:
        raise UnitError(f"KG-121: the rate {rate} is not an amount per time; write for example"
                        " '10 mg/h'.")  # fmt: skip
    _, parts = basis_of(dose.amount.unit)
    assert parts is not None
    if rate_basis != basis or dimension(rate_parts.base) != dimension(parts.base):
        raise UnitError(
            f"KG-121: the rate {rate} does not fit the dose {dose.amount}: both must count the same"
            " way (mg/kg and mg/kg/h, not mg/kg and mg/h)."
        )
    if not (math.isfinite(rate.value) and rate.value > 0):
        raise DataError(f"KG-204: the rate of an infusion must be positive, not {rate}.")


def _check_repetition(dose: Dose) -> None:
    additional: object = dose.additional  # what the caller passed, which may be anything
    if additional is not None and (
        isinstance(additional, bool)
        or not isinstance(additional, int)
        or not 0 <= additional <= MAX_ADDITIONAL
    ):
        raise DataError(
            f"KG-204: the number of additional doses must be a whole number from 0 to"
            f" {MAX_ADDITIONAL}, or None for no end; not {additional!s:.40}."
        )
    if dose.additional != 0 and dose.interval <= 0:
        raise DataError("KG-203: repeated doses need an interval ('every ...').")
    if dose.interval > 0 and dose.additional is not None and dose.last_time > 1e12:
        raise DataError(
            f"KG-204: the last of {dose.additional + 1} doses would be given at"
            f" {dose.last_time:.3g} s; that is over 30,000 years."
        )
    steady: object = dose.steady
    if isinstance(steady, bool) or steady not in (0, 1, 2):
        raise DataError(f"KG-204: steady must be 0, 1 or 2 (NONMEM's SS), not {steady!s:.40}.")
    if dose.steady and dose.interval <= 0 and not dose.is_constant_infusion:
        raise DataError(
            "KG-203: a steady state needs the dosing interval ('every ...'), or a rate alone for a"
            " constant infusion."
        )


def _check_target(dose: Dose) -> None:
    compartment: object = dose.compartment
    if isinstance(compartment, int) and not isinstance(compartment, bool):
        if not 1 <= compartment <= 1_000_000:
            raise DataError(f"KG-222: compartments are counted from 1; {compartment} is none.")
    elif compartment is not None and not (
        isinstance(compartment, str) and _is_printable_name(compartment)
    ):
        raise DataError(f"KG-222: a compartment is a name or a number, not {compartment!r:.60}.")
    drug: object = dose.drug
    if drug is not None and not (isinstance(drug, str) and _is_printable_name(drug)):
        raise DataError(f"KG-203: the name of a drug is text in one line, not {drug!r:.60}.")


def _is_printable_name(name: str) -> bool:
    return (
        0 < len(name) <= 100
        and name.isprintable()
        and name == " ".join(name.split())
        and not set(name) & set("\"'`")
    )


def amount_of_rate(rate: Quantity, duration: float) -> Quantity:
    """Return the amount that an infusion at `rate` gives in `duration` seconds."""
    _, parts = basis_of(rate.unit)
    assert parts is not None
    assert parts.per_time is not None
    unit = canonical_unit(rate.unit)
    amount_unit = without_time(unit)
    per = parse_unit(parts.per_time).exact
    return Quantity(exact_product(rate.value, Fraction(repr(duration)) / per), amount_unit)


def without_time(unit: str) -> str:
    """Return the amount's unit of a rate's unit: ``"mg/kg/h"`` to ``"mg/kg"``."""
    _, parts = basis_of(unit)
    if parts is None or parts.per_time is None:
        return unit
    pieces = canonical_unit(unit).split("/")
    return "/".join(piece for piece in pieces if piece != parts.per_time)
