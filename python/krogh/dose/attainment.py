"""How far the lines of a result get toward a target, and which of them reach it.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.dose import shares
from krogh.dose.binding import Bound, bind
from krogh.dose.readings import Names, Readings, readings_of
from krogh.dose.target import Target
from krogh.errors import SpecError
from krogh.units import Quantity, convert, format_number

__all__ = ["Attainment", "attain", "evaluate"]

Floats = NDArray[np.float64]

_ROUND_OFF: Final = 1e-9
_COMPARED: Final = {
    ">=": lambda value, needed: value >= needed - _ROUND_OFF * abs(needed),
    "<=": lambda value, needed: value <= needed + _ROUND_OFF * abs(needed),
    ">": lambda value, needed: value > needed,
    "<": lambda value, needed: value < needed,
}


@dataclass(frozen=True, eq=False)
class Attainment:
    """What the lines of a result attain.

    Attributes
    ----------
    target
        The target.
    values
        What was attained, shape (lines,), in `unit`: the share of cells or of the time where the
        target asks for one, else the measure itself.  NaN where a line failed.
    needed
        What has to be attained, in `unit`.
    unit
        ``"% of viable cells"``, ``"% of the time"``, or the unit of the target.
    reached
        Shape (lines,), bool; False where a line failed.
    """

    target: Target
    values: Floats
    needed: float
    unit: str
    reached: NDArray[np.bool_]

    @property
    def measured(self) -> str:
        """What `values` are, in words: ``"viable cells with occupancy >= 90 %"``."""
        target = self.target
        condition = f"{target.what} {target.relation} {target.value_text}"
        when = str(target.when)
        if target.cells is not None and self.unit.endswith("cells"):
            cells = "viable cells" if target.cells.viable else "cells"
            return f"{cells} with {condition}{', ' * bool(when)}{when}"
        if target.when.kind in ("share", "duration"):
            cells = f" {target.cells}" if target.cells is not None else ""
            window = target.when.window
            return f"time with {condition}{cells}{', ' * bool(window)}{window}"
        return f"{target.what}{', ' * bool(when)}{when}"

    @property
    def wanted(self) -> str:
        """What `values` are compared with: ``">= 90 %"``."""
        is_share = self.unit.startswith("% of")
        if is_share or self.target.when.kind == "duration":
            unit = "%" if is_share else self.unit
            return f">= {format_number(self.needed)} {unit}"
        return f"{self.target.relation} {self.target.value_text}"

    @property
    def share(self) -> float:
        """The share of the lines that reach the target."""
        return float(np.mean(self.reached))

    def __len__(self) -> int:
        return self.values.size

    def __str__(self) -> str:
        if self.values.size == 1:
            word = "reached" if self.reached[0] else "not reached"
            return f"{self.target}: {self.values[0]:.4g} {self.unit} ({word})"
        low, middle, high = np.nanquantile(self.values, [0.05, 0.5, 0.95])
        return (
            f"{self.target}: reached by {self.reached.sum():,} of {self.values.size:,} lines"
            f" (median {middle:.4g}, 90 % of them {low:.4g} to {high:.4g} {self.unit})"
        )


def evaluate(
    target: Target,
    result: Any,
    *,
    molar_mass: str | Mapping[str, str] | None = None,
    dose_times: Iterable[float] | None = None,
    names: Names | None = None,
) -> Attainment:
    """Return what the lines of a result attain; see `krogh.dose.Target.evaluate`."""
    readings = readings_of(result, names, dose_times)
    known = names if names is not None else readings.names
    if isinstance(molar_mass, str):
        labels = {name.partition("_")[2] for name in (*known.plasma, *known.tissue)}
        molar_mass = dict.fromkeys(labels, molar_mass)
    if molar_mass is not None:
        known = replace(known, molar_mass={**known.molar_mass, **molar_mass})
    return attain(bind(target, known), readings)


def attain(bound: Bound, readings: Readings) -> Attainment:
    """Return what the lines attain of a target that is bound to their outputs.

    Raises
    ------
    SpecError
        KG-153 for a time outside the result.
    """
    target = bound.target
    if bound.place == "plasma":
        readings = readings.of_plasma
    if bound.place == "plasma" and target.measure not in ("plasma concentration", "output"):
        values = _plasma_number(bound, readings) / bound.scale
        return _judged(target, values, target.value.value, target.value.unit)
    if bound.place == "plasma":
        curve = readings.plasma(bound.output) / bound.scale
        return _over_time(bound, curve, readings)
    if bound.place == "depth":
        depth = readings.depths(readings.tissue(bound.output))
        return _over_time(bound, depth / bound.scale, readings)
    return _cells(bound, readings)


def _judged(target: Target, values: Floats, needed: float, unit: str) -> Attainment:
    with np.errstate(invalid="ignore"):
        reached = np.asarray(_COMPARED[target.relation](values, needed)) & ~np.isnan(values)
    if unit == "1":
        unit = "per cell" if target.measure in ("uptake", "payload") else ""
    return Attainment(target, values, needed, unit, reached)


def _shared(target: Target, values: Floats, needed: float, unit: str) -> Attainment:
    """Judge a share or a duration, of which more is wanted whatever the relation."""
    with np.errstate(invalid="ignore"):
        reached = (values >= needed - _ROUND_OFF * abs(needed)) & ~np.isnan(values)
    return Attainment(target, values, needed, unit, reached)


# --- time -----------------------------------------------------------------------------------------


def _window(bound: Bound, readings: Readings) -> tuple[float, float]:
    """Return begin and end of the time that counts, s, inside the result."""
    when, times = bound.target.when, readings.times
    begin = times[0] if when.begin is None else when.begin.internal
    end = times[-1] if when.end is None else when.end.internal
    for moment, quantity in ((begin, when.begin), (end, when.end)):
        _inside(bound.target, moment, quantity, readings)
    if not begin < end:
        raise SpecError(
            f"KG-153: target '{bound.target}': the result ends at {_hours(times[-1])}, so no time"
            f" is left {when.window or 'to count'}."
        )
    return float(begin), float(end)


def _inside(target: Target, moment: float, quantity: Quantity | None, readings: Readings) -> None:
    first, last = readings.times[0], readings.times[-1]
    slack = 1e-9 * max(abs(last), 1.0)
    if not first - slack <= moment <= last + slack:
        raise SpecError(
            f"KG-153: target '{target}': {quantity} lies outside the result, which runs from"
            f" {_hours(first)} to {_hours(last)}."
        )


def _hours(seconds: float) -> str:
    return f"{format_number(round(seconds / 3600.0, 6))} h"


def _plasma_number(bound: Bound, readings: Readings) -> Floats:
    """One number of the plasma curve in the unit of the output (times seconds for an area)."""
    curve, times, measure = readings.plasma(bound.output), readings.times, bound.target.measure
    if measure == "plasma trough":
        return shares.at_time(curve, times, last_trough(readings))
    begin, end = _window(bound, readings)
    part, at = shares.within(curve, times, begin, end)
    if measure == "plasma Cmax":
        top: Floats = part.max(axis=1)
        return top
    if measure == "plasma AUC":
        return shares.area(part, at)
    if measure == "plasma average":
        return shares.area(part, at) / (end - begin)
    assert bound.above is not None
    return shares.share_of_time(part - bound.above, at) * (end - begin)


def last_trough(readings: Readings) -> float:
    """Return when the last trough is, s.

    The end of the run; or, where the run goes on for less than a whole interval after the last
    dose, the last recorded time before that dose (a record at a dose holds the value after it).
    """
    end = float(readings.times[-1])
    doses = readings.dose_times
    if doses is None:
        return end
    given = doses[doses < end * (1.0 - _ROUND_OFF)]
    if given.size < 2:
        return end
    last, interval = float(given[-1]), float(given[-1] - given[-2])
    if end - last >= interval * (1.0 - 1e-9):
        return end
    before = readings.times[readings.times < last * (1.0 - _ROUND_OFF)]
    return float(before[-1]) if before.size else float(readings.times[0])


def _over_time(bound: Bound, curve: Floats, readings: Readings) -> Attainment:
    """Judge one number per line and time (shape (lines, times), in the target's unit)."""
    target, when, times = bound.target, bound.target.when, readings.times
    needed, unit = target.value.value, target.value.unit
    if not when.is_span:
        return _judged(target, _moment(bound, curve, readings), needed, unit)
    part, at = shares.within(curve, times, *_window(bound, readings))
    if when.kind in ("always", "ever"):
        wants_low = (when.kind == "always") == target.wants_more
        extreme: Floats = part.min(axis=1) if wants_low else part.max(axis=1)
        return _judged(target, extreme, needed, unit)
    excess = part - needed if target.wants_more else needed - part
    return _stretch(target, shares.share_of_time(excess, at), at[-1] - at[0])


def _stretch(target: Target, share: Floats, span: float) -> Attainment:
    """Judge the share of the time, shape (lines,), that a condition held."""
    amount = target.when.amount
    assert amount is not None
    if target.when.kind == "share":
        return _shared(target, 100.0 * share, amount.value, "% of the time")
    return _shared(target, share * convert(span, "s", amount.unit), amount.value, amount.unit)


def _moment(bound: Bound, values: Floats, readings: Readings) -> Floats:
    """Values (time axis 1) at the end or at the stated moment."""
    when = bound.target.when
    if when.amount is None:
        last: Floats = values[:, -1]
        return last
    _inside(bound.target, when.amount.internal, when.amount, readings)
    return shares.at_time(values, readings.times, when.amount.internal)


# --- cells ----------------------------------------------------------------------------------------


def _cells(bound: Bound, readings: Readings) -> Attainment:
    target, when = bound.target, bound.target.when
    values = readings.tissue(bound.output)
    if target.statistic is not None:
        curve = _statistic(target.statistic, values, readings.volumes) / bound.scale
        return _over_time(bound, curve, readings)
    assert target.cells is not None
    needed, unit = target.cells.percent, f"% of {'viable ' * target.cells.viable}cells"
    if not when.is_span:
        weights = readings.volumes
        if bound.weighs_viable:
            weights = weights * _moment(bound, readings.tissue("viable"), readings)
        excess = _excess(bound, _moment(bound, values, readings))
        return _shared(target, 100.0 * readings.share_of_cells(excess, weights), needed, unit)
    begin, end = _window(bound, readings)
    part, at = shares.within(_excess(bound, values), readings.times, begin, end)
    weighted = readings.volumes[:, None, :]
    if bound.weighs_viable:
        viable, _ = shares.within(readings.tissue("viable"), readings.times, begin, end)
        weighted = weighted * viable
    weighted = np.broadcast_to(weighted, part.shape)
    if target.each_cell:
        return _each_cell(bound, part, weighted[:, -1], at, readings)
    share = 100.0 * readings.share_of_cells(part, weighted)
    if when.kind in ("always", "ever"):
        over = share.min(axis=1) if when.kind == "always" else share.max(axis=1)
        return _shared(target, over, needed, unit)
    return _stretch(target, shares.share_of_time(share - needed, at), end - begin)


def _excess(bound: Bound, values: Floats) -> Floats:
    """Return how far values are on the wanted side, in the target's unit."""
    scaled, needed = values / bound.scale, bound.target.value.value
    return scaled - needed if bound.target.wants_more else needed - scaled


def _each_cell(
    bound: Bound, excess: Floats, weights: Floats, at: Floats, readings: Readings
) -> Attainment:
    """Judge the cells by their own time; weights are those at the end of that time."""
    target, when = bound.target, bound.target.when
    assert target.cells is not None
    if when.kind == "always":
        met = excess.min(axis=1)
    elif when.kind == "ever":
        met = excess.max(axis=1)
    else:
        assert when.amount is not None
        held = shares.share_of_time(np.moveaxis(excess, 1, -1), at)
        if when.kind == "share":
            met = held - when.amount.value / 100.0
        else:
            met = held * (at[-1] - at[0]) - when.amount.internal
    share = 100.0 * readings.share_of_cells(met, weights)
    unit = f"% of {'viable ' * target.cells.viable}cells"
    return _shared(target, share, target.cells.percent, unit)


def _statistic(name: str, values: Floats, volumes: Floats) -> Floats:
    """One number over the cells (last axis), by volume."""
    if name == "lowest":
        lowest: Floats = values.min(axis=-1)
        return lowest
    if name == "highest":
        highest: Floats = values.max(axis=-1)
        return highest
    weights = np.broadcast_to(volumes[:, None, :], values.shape)
    if name == "mean":
        return shares.mean_of_cells(values, weights)
    return shares.quantile_of_cells(values, weights, 0.5)
