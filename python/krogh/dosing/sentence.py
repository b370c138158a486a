"""Doses to a sentence that the grammar reads back as the same doses.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from krogh.dosing.dose import Dose
from krogh.dosing.grammar import parse_sentence
from krogh.dosing.segment import follow_on
from krogh.dosing.times import exact_product, time_text
from krogh.errors import InvalidInput
from krogh.units import format_number

__all__ = ["sentence"]


def sentence(doses: Sequence[Dose]) -> str:
    """Return the doses as one line; `krogh.dosing.grammar.parse_sentence` is its inverse."""
    text = ""
    position = 0
    before: Dose | None = None
    while position < len(doses):
        dose = doses[position]
        times = _equal_run(doses, position)
        position += len(times)
        if len(times) == 1 and before is not None and _continues(before, dose):
            text += " then " + _phrases(dose, (), is_held=True)
        else:
            text += (" + " if text else "") + _phrases(dose, times, is_held=False)
        before = doses[position - 1]
    return text


def _equal_run(doses: Sequence[Dose], first: int) -> tuple[float, ...]:
    """Return the increasing times of the doses from `first` on that differ in their time only."""
    times = [doses[first].time]
    for dose in doses[first + 1 :]:
        if dose.time <= times[-1] or dose.replace(time=doses[first].time) != doses[first]:
            break
        times.append(dose.time)
    return tuple(times)


def _continues(before: Dose, dose: Dose) -> bool:
    return (
        not before.is_open_ended
        and (before.drug, before.route, before.compartment)
        == (dose.drug, dose.route, dose.compartment)
        and follow_on(before, dose.interval) == dose.time
    )


def _phrases(dose: Dose, times: tuple[float, ...], *, is_held: bool) -> str:
    words: list[str] = []
    if dose.drug is not None and not is_held:
        words.append(_drug(dose.drug))
    if dose.is_constant_infusion:
        words.append(str(dose.rate))
    elif dose.basis == "auc":
        words.append(f"AUC {dose.amount}")
    else:
        words.append(str(dose.amount))
        if dose.rate is not None:
            words.append(f"at {dose.rate}")
    if dose.duration is not None:
        words.append(f"over {time_text(dose.duration)}")
    if dose.modeled is not None:
        words.append(f"with modeled {dose.modeled}")
    if dose.route is not None and not is_held:
        words.append(dose.route)
    if dose.compartment is not None and not is_held:
        words.append(f"into {_compartment(dose.compartment)}")
    if dose.interval > 0:
        words.append(f"every {time_text(dose.interval)}")
        if dose.additional is not None:
            words.append(f"x {dose.additional + 1}")
    if dose.steady:
        words.append("at steady state" if dose.steady == 1 else "at superposed steady state")
    if len(times) > 1:
        words.append(f"at {_time_list(times)}")
    elif times and times[0] > 0:
        words.append(f"starting at {time_text(times[0])}")
    return " ".join(words)


def _time_list(times: tuple[float, ...]) -> str:
    texts = [time_text(time) for time in times]
    for unit, scale in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        numbers = [float(f"{time / scale:.12g}") for time in times]
        whole = all(number == int(number) for number in numbers)
        if whole and all(
            exact_product(number, Fraction(scale)) == time
            for number, time in zip(numbers, times, strict=True)
        ):
            shown = [format_number(number) for number in numbers]
            return f"{', '.join(shown[:-1])} and {shown[-1]} {unit}"
    return f"{', '.join(texts[:-1])} and {texts[-1]}"


@lru_cache(maxsize=1024)
def _drug(name: str) -> str:
    """Return the name as it must be written, in quotes where it would read as something else."""
    try:
        (dose,) = parse_sentence(f"{name} 1 mg")
        is_plain = dose == Dose("1 mg", drug=name)
    except (InvalidInput, ValueError):
        is_plain = False
    return name if is_plain else f'"{name}"'


@lru_cache(maxsize=1024)
def _compartment(name: str | int) -> str:
    if isinstance(name, int):
        return str(name)
    try:
        (dose,) = parse_sentence(f"1 mg into {name} every 1 d x 2")
        is_plain = dose == Dose("1 mg", compartment=name, interval=86400.0, additional=1)
    except (InvalidInput, ValueError):
        is_plain = False
    return name if is_plain else f'"{name}"'
