"""Regimens: one or several drugs, each given again and again, from a sentence or from doses.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, Literal

from krogh.dosing.dose import Dose
from krogh.dosing.grammar import parse_sentence
from krogh.dosing.segment import follow_on
from krogh.dosing.sentence import sentence
from krogh.dosing.times import seconds, time_text
from krogh.errors import DataError, SpecError, did_you_mean

if TYPE_CHECKING:
    from krogh.dosing.event_table import EventTable

__all__ = ["Regimen"]

MAX_DOSES: Final = 100_000
"""Most `Dose` records of a regimen; repetitions of one dose count once."""


class Regimen:
    """An immutable list of doses.

    Parameters
    ----------
    what
        A sentence (see `krogh.dosing.grammar`), a `Dose`, another regimen, or an iterable of doses
        and sentences.

    Raises
    ------
    DataError
        KG-201 to KG-204 for a sentence or a dose that is wrong.
    UnitError
        KG-120 to KG-125 for a wrong or missing unit.

    Examples
    --------
    >>> from krogh.dosing import Regimen
    >>> r = Regimen("8 mg/kg over 90 min then 6 mg/kg over 30 min every 3 weeks x 17")
    >>> [(str(dose.amount), dose.time / 86400, dose.additional) for dose in r.doses]
    [('8 mg/kg', 0.0, 0), ('6 mg/kg', 21.0, 16)]
    >>> Regimen(str(r)) == r
    True
    """

    __slots__ = ("_doses",)
    _doses: tuple[Dose, ...]

    def __init__(self, what: str | Dose | Regimen | Iterable[Any]) -> None:
        doses = tuple(_doses_of(what))
        if not doses:
            raise DataError("KG-201: a regimen has at least one dose.")
        if len(doses) > MAX_DOSES:
            raise DataError(
                f"KG-204: a regimen of {len(doses)} doses is more than {MAX_DOSES}; use repeated"
                " doses ('every ... x n') or an event table."
            )
        object.__setattr__(self, "_doses", doses)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Regimen does not change; use its methods to make another")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Regimen does not change")

    def __reduce__(self) -> tuple[Any, ...]:
        return Regimen, (self._doses,)

    # --- facts ----------------------------------------------------------------------------------

    @property
    def doses(self) -> tuple[Dose, ...]:
        """The doses in the order in which they were stated."""
        return self._doses

    @property
    def drugs(self) -> tuple[str | None, ...]:
        """Names of the drugs in the order of their first dose; None for unnamed."""
        return tuple(dict.fromkeys(dose.drug for dose in self._doses))

    @property
    def is_open_ended(self) -> bool:
        """Whether a dose is repeated without a stated end."""
        return any(dose.is_open_ended for dose in self._doses)

    @property
    def start(self) -> float:
        """Time of the first dose in seconds."""
        return min(dose.time for dose in self._doses)

    @property
    def last_time(self) -> float:
        """Time of the last dose in seconds; infinite without a stated end."""
        return max(dose.last_time for dose in self._doses)

    @property
    def num_doses(self) -> int | None:
        """Number of doses with all repetitions, or None without a stated end."""
        total = 0
        for dose in self._doses:
            if dose.additional is None:
                return None
            total += dose.additional + 1
        return total

    # --- making others --------------------------------------------------------------------------

    def __add__(self, other: Any) -> Regimen:
        if not isinstance(other, (Regimen, Dose, str)):
            return NotImplemented
        return Regimen((*self._doses, *_doses_of(other)))

    def __radd__(self, other: Any) -> Regimen:
        if not isinstance(other, (Dose, str)):
            return NotImplemented
        return Regimen((*_doses_of(other), *self._doses))

    def shift(self, by: Any) -> Regimen:
        """Return the regimen given later by a time (text such as ``"7 d"``, or seconds)."""
        delay = seconds(by, "the shift")
        return Regimen(dose.replace(time=dose.time + delay) for dose in self._doses)

    def scaled(self, factor: float, keep: Literal["duration", "rate"] = "duration") -> Regimen:
        """Return the regimen with all amounts multiplied; see `Dose.scaled`."""
        return Regimen(dose.scaled(factor, keep) for dose in self._doses)

    def repeat(self, times: int, every: Any) -> Regimen:
        """Return the whole regimen given `times` times, one start `every` so long.

        Parameters
        ----------
        times
            How often in all, at least 1.
        every
            Text with a unit (``"28 d"``), or seconds.

        Raises
        ------
        DataError
            KG-203 for a regimen without an end, KG-204 for a number out of range.
        """
        if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= MAX_DOSES:
            raise DataError(f"KG-204: repeat takes a whole number from 1 on, not {times!r}.")
        period = seconds(every, "the period of the repetition")
        if period <= 0:
            raise DataError("KG-204: the period of the repetition must be positive.")
        if self.is_open_ended and times > 1:
            raise DataError("KG-203: a regimen without an end cannot be repeated; say 'x n'.")
        if len(self._doses) * times > MAX_DOSES:
            raise DataError(f"KG-204: this makes more than {MAX_DOSES} doses.")
        return Regimen(
            dose.replace(time=dose.time + i * period) for i in range(times) for dose in self._doses
        )

    def then(self, other: str | Dose | Regimen, after: Any = None) -> Regimen:
        """Return this regimen followed by another.

        Parameters
        ----------
        other
            What follows; its times count from its own start.
        after
            Time from the last dose of this regimen to the start of the other.  By default one
            interval of the last dose, or of the other's first dose if that is not repeated.

        Raises
        ------
        DataError
            KG-203 if this regimen has no end, or nothing says when the other follows.
        """
        if self.is_open_ended:
            raise DataError("KG-203: nothing can follow a regimen without an end; say 'x n'.")
        following = other if isinstance(other, Regimen) else Regimen(other)
        last = max(self._doses, key=lambda dose: dose.last_time)
        if after is not None:
            start: float | None = last.last_time + seconds(after, "the delay")
        else:
            start = follow_on(last, following.doses[0].interval)
        if start is None:
            raise DataError(
                "KG-203: nothing says when the second regimen follows; give after='...'."
            )
        return self + following.shift(start)

    def for_drug(self, drug: str | None) -> Regimen:
        """Return the doses of one drug."""
        chosen = [dose for dose in self._doses if dose.drug == drug]
        if not chosen:
            names = [name for name in self.drugs if name is not None]
            raise SpecError(
                f"KG-101: the regimen has no drug {drug!r}.{did_you_mean(str(drug), names)}"
                f"  It has: {', '.join(names) or 'one drug without a name'}."
            )
        return Regimen(chosen)

    def until(self, end: Any) -> Regimen:
        """Return the doses given at or before a time, so that the regimen has an end.

        Raises
        ------
        DataError
            KG-203 if no dose is left, KG-204 if one dose would be given over a million times.
        """
        limit = seconds(end, "the end")
        kept: list[Dose] = []
        for dose in self._doses:
            if dose.time > limit:
                continue
            possible = 0
            if dose.interval > 0:
                possible = math.floor((limit - dose.time) / dose.interval)
                # the quotient is rounded: the count is right when the last dose is inside and the
                # next one outside
                while dose.time + possible * dose.interval > limit:
                    possible -= 1
                while dose.time + (possible + 1) * dose.interval <= limit:
                    possible += 1
            if dose.additional is not None:
                possible = min(possible, dose.additional)
            kept.append(dose.replace(additional=possible))
        if not kept:
            raise DataError(f"KG-203: no dose is given until {time_text(limit)}.")
        return Regimen(kept)

    # --- conversion -----------------------------------------------------------------------------

    def to_table(self, subjects: Any = 1, **options: Any) -> EventTable:
        """Return the regimen as an event table; see `krogh.dosing.regimen_table.to_table`."""
        from krogh.dosing.regimen_table import to_table

        return to_table(self, subjects, **options)

    # --- text -----------------------------------------------------------------------------------

    def __str__(self) -> str:
        return sentence(self._doses)

    def __repr__(self) -> str:
        return f"Regimen({str(self)!r})"

    def _repr_html_(self) -> str:
        rows = []
        for dose in self._doses:
            if dose.additional == 0 and not dose.steady:
                often = "once"
            else:
                times = (
                    "until stopped" if dose.additional is None else f"{dose.additional + 1} times"
                )
                often = f"every {time_text(dose.interval)}, {times}" if dose.interval else times
            steady = {0: "", 1: "steady state", 2: "added steady state"}[dose.steady]
            place = dose.compartment if dose.compartment is not None else (dose.route or "")
            cells = (
                dose.drug or "",
                dose.rate if dose.is_constant_infusion else dose.amount,
                time_text(dose.time),
                _infusion_text(dose),
                often,
                place,
                steady,
            )
            rows.append("".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells))
        head = ("drug", "dose", "start", "infusion", "repetition", "into", "state")
        return (
            f"<table><caption>{html.escape(str(self))}</caption><thead><tr>"
            + "".join(f"<th>{name}</th>" for name in head)
            + "</tr></thead><tbody>"
            + "".join(f"<tr>{row}</tr>" for row in rows)
            + "</tbody></table>"
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Regimen) and self._doses == other._doses

    def __hash__(self) -> int:
        return hash(self._doses)

    def __len__(self) -> int:
        return len(self._doses)

    def __iter__(self) -> Iterator[Dose]:
        return iter(self._doses)

    def __getitem__(self, index: int) -> Dose:
        return self._doses[index]


def _infusion_text(dose: Dose) -> str:
    if dose.duration is not None:
        return f"over {time_text(dose.duration)}"
    if dose.rate is not None:
        return "constant" if dose.is_constant_infusion else f"at {dose.rate}"
    return f"{dose.modeled} from the model" if dose.modeled is not None else ""


def _doses_of(what: Any) -> Iterator[Dose]:
    if isinstance(what, str):
        yield from parse_sentence(what)
    elif isinstance(what, Dose):
        yield what
    elif isinstance(what, Regimen):
        yield from what.doses
    elif isinstance(what, Iterable) and not isinstance(what, (bytes, dict)):
        for item in what:
            if not isinstance(item, (str, Dose, Regimen)):
                raise DataError(
                    f"KG-201: a regimen is made of sentences and Dose objects, not of"
                    f" {type(item).__name__}."
                )
            yield from _doses_of(item)
    else:
        raise DataError(
            f"KG-201: a regimen is a sentence such as '100 mg daily x 7' or Dose objects, not"
            f" {type(what).__name__}."
        )
