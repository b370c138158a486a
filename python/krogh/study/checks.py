"""Checks of a study's times, targets and settings.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError

from krogh.errors import Error, SpecError, did_you_mean
from krogh.study.document import Place, Settings, _readable
from krogh.units import format_number, parse_quantity, require_dimension

__all__ = [
    "about",
    "check_options",
    "checked_settings",
    "checked_targets",
    "checked_times",
    "volume_text",
]


@contextmanager
def about(field: str) -> Iterator[None]:
    """Note in errors which field of the study they are about, so that its line can be named."""
    try:
        yield
    except Error as error:
        error.field = field  # type: ignore[attr-defined]
        raise


def checked_settings(settings: Mapping[str, Any]) -> Settings:
    """Return settings from keywords.

    Raises
    ------
    SpecError
        KG-103 for an unknown keyword, KG-140 for a wrong value.
    """
    for name in settings:
        if name not in Settings.model_fields:
            options = [*Settings.model_fields, "subject", "until", "times", "targets", "title"]
            raise Place().unknown([name], [*options, "tumour_volume"])
    try:
        return Settings.model_validate(dict(settings))
    except ValidationError as error:
        raise _readable(error, Place(), many=False) from None


def checked_targets(targets: Any) -> tuple[Any, ...]:
    """Return targets from sentences or `krogh.dose.Target`.

    Raises
    ------
    SpecError
        KG-15x for a sentence that is no target, KG-140 for something else.
    """
    if not targets:
        return ()
    from krogh.dose import Target

    items = [targets] if isinstance(targets, (str, Target)) else targets
    if not isinstance(items, Sequence):
        raise SpecError(f"KG-140: targets are a list of sentences, not {type(targets).__name__}.")
    return tuple(item if isinstance(item, Target) else Target(item) for item in items)


def _time_text(value: Any, what: str) -> str:
    quantity = parse_quantity(value, what)
    require_dimension(quantity.unit, "h", what)
    return f"{format_number(quantity.value)} {quantity.unit}"


def checked_times(until: Any, times: Any) -> tuple[str, tuple[str, ...] | None]:
    """Return the end and the recorded times (None: a grid) as texts with units.

    Raises
    ------
    SpecError
        KG-119 for times that are not positive and finite, or contradict each other.
    UnitError
        KG-12x for a missing or wrong unit.
    """
    end = _time_text(until, "until")
    if not parse_quantity(end).value > 0.0:
        raise SpecError(f"KG-119: the run must end after it begins; until = {end!r}.")
    if times is None:
        return end, None
    from krogh.simulate.grid import times_of
    from krogh.units import factor

    unit = parse_quantity(end).unit
    if isinstance(times, tuple) and all(isinstance(t, str) for t in times):
        times = list(times)
    seconds = times_of(times)
    if seconds[0] < 0.0 or seconds.size < 2:
        raise SpecError("KG-119: a study records at least two times, none before 0.")
    texts = tuple(f"{format_number(float(s / factor(unit)))} {unit}" for s in seconds)
    return texts[-1], texts


def volume_text(volume: Any) -> str | None:
    """Return the volume of a tumour as text with unit.

    Raises
    ------
    SpecError
        KG-108 for one that is not positive.
    UnitError
        KG-12x for a missing or wrong unit.
    """
    if volume is None:
        return None
    quantity = parse_quantity(volume, "tumour_volume")
    require_dimension(quantity.unit, "mL", "tumour_volume")
    if not 0.0 < quantity.value < float("inf"):
        raise SpecError(f"KG-108: tumour_volume must be positive, not {quantity}.")
    return f"{format_number(quantity.value)} {quantity.unit}"


def check_options(function: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Check keywords that are passed on; SpecError KG-103 for one that the function lacks."""
    parameters = inspect.signature(function).parameters.values()
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    for name in options:
        if name not in known:
            raise SpecError(
                f"KG-103: {function.__name__} has no option {name!r}."
                f"{did_you_mean(name, known)}  It has: {', '.join(known)}."
            )
