"""The plasma of a volume: curves of a systemic model, as dense as the tolerance asks.

SPDX-License-Identifier: BSD-3-Clause

The volume solver takes the concentrations outside as jumps and straight lines between points.  The
systemic model is solved alone, and points are added between two others until the straight line
misses the curve in their middle by less than a share of the tolerance.  Where that still fails over
a billionth of the run the curve jumps, as after a bolus.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SolverError
from krogh.line.dosing import Dosing, rows_of
from krogh.line.run import simulate_line
from krogh.model import Model, Parameter, Species, Transport
from krogh.model.compile import CompiledModel
from krogh.schedule import DOSE
from krogh.space import Slab

__all__ = ["PlasmaCurves", "Sampler", "curves_of_states", "no_tissue", "systemic_alone"]

Floats = NDArray[np.float64]
Sampler = Callable[[Floats], Floats]

SHARE: Final = 0.25
"""Of the tolerance, that the straight lines may use."""

NARROWEST: Final = 1e-9
"""Share of the run over which a curve that is not straight counts as a jump."""

_POINTS: Final = 17
_MOST: Final = 20_000


@dataclass(frozen=True)
class PlasmaCurves:
    """Plasma states in time: straight lines between points, and jumps.

    Attributes
    ----------
    times
        Points, s, shape (points,).
    values
        States at the points less all jumps so far, shape (states, points).
    jump_times, jumps
        Shapes (jumps,) and (jumps, states).
    error
        Largest difference from the curve that was found in the middle between points, relative to
        the largest value of its state.
    """

    times: Floats
    values: Floats
    jump_times: Floats
    jumps: Floats
    error: float


@cache
def no_tissue() -> CompiledModel:
    """Return a tissue that takes nothing from the plasma."""
    return Model(
        "no tissue",
        Parameter("diffusivity_of_no_tissue", "1 um^2/s"),
        Species("in_no_tissue", "nM"),
        Transport("in_no_tissue", diffusivity="diffusivity_of_no_tissue"),
    ).compile()


def systemic_alone(
    systemic: CompiledModel,
    dosing: Any,
    *,
    weight: Any,
    surface: Any,
    values: Mapping[str, Any],
    rtol: float,
    max_steps: int,
) -> Sampler:
    """Return a function from times in s to the states of the systemic model, (times, states).

    Raises
    ------
    SolverError
        KG-320 where it cannot be solved.
    """

    def states(times: Floats) -> Floats:
        later = np.asarray(times, dtype=np.float64)
        result = simulate_line(
            no_tissue(),
            Slab("1 um", cells=2),
            dosing,
            systemic=systemic,
            lines=1,
            times=(later, "s"),
            values=values,
            weight=weight,
            surface=surface,
            rtol=max(1e-12, 0.1 * rtol),
            max_steps=max_steps,
            num_threads=1,
            progress=False,
            on_failure="raise",
        )
        found: Floats = result.plasma_states[0]
        if not np.all(np.isfinite(found)):
            raise SolverError("KG-320: the systemic model has values that are not finite.")
        return found

    return states


def curves_of_states(
    sample: Sampler, dosing: Dosing, begin: float, end: float, rtol: float, atol: Floats
) -> PlasmaCurves:
    """Return points and jumps that follow the sampled states within a share of the tolerances.

    Raises
    ------
    SolverError
        KG-320 where 20,000 points do not suffice.
    """
    narrow = NARROWEST * (end - begin)
    times = np.unique(np.concatenate([np.linspace(begin, end, _POINTS), _moments(dosing, narrow)]))
    times = times[(times >= begin) & (times <= end)]
    times = times[np.concatenate([[True], np.diff(times) > 0.25 * narrow])]
    times[-1] = end
    values = sample(times)
    largest = np.abs(values).max(axis=0)
    open_ = np.diff(times) > narrow
    error = np.zeros_like(largest)
    while np.any(open_):
        at = np.flatnonzero(open_)
        middle = 0.5 * (times[at] + times[at + 1])
        found = sample(middle)
        miss = np.abs(found - 0.5 * (values[at] + values[at + 1]))
        largest = np.maximum(largest, np.abs(found).max(axis=0))
        bad = np.any(miss > SHARE * (rtol * np.abs(found) + atol), axis=1)
        if np.any(~bad):
            error = np.maximum(error, miss[~bad].max(axis=0))
        if times.size + at.size > _MOST:
            raise SolverError(
                f"KG-320: the plasma needs more than {_MOST:,} points to be followed within the"
                f" tolerance; loosen rtol ({rtol:g}) or shorten the run."
            )
        # Points that were tried are kept where they were needed: both halves are looked at again.
        times = np.insert(times, at[bad] + 1, middle[bad])
        values = np.insert(values, at[bad] + 1, found[bad], axis=0)
        still = np.zeros(times.size - 1, dtype=bool)
        first = np.searchsorted(times, middle[bad]) - 1
        still[first] = still[first + 1] = True
        open_ = still & (np.diff(times) > narrow)
    steps, widths = np.diff(values, axis=0), np.diff(times)
    leaps = (widths <= narrow) & np.any(
        np.abs(steps) > SHARE * (rtol * np.abs(values[1:]) + atol), axis=1
    )
    jumps = np.where(leaps[:, None], steps, 0.0)
    smooth = values - np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(jumps, axis=0)])
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(largest > 0.0, error / largest, 0.0)
    return PlasmaCurves(
        times=times,
        values=np.ascontiguousarray(smooth.T),
        jump_times=times[1:][leaps],
        jumps=steps[leaps],
        error=float(relative.max(initial=0.0)),
    )


def _moments(dosing: Dosing, narrow: float) -> Floats:
    """Return when doses are stated to start and end, each with a moment before and after."""
    found = [np.zeros(0)]
    for group in dosing.groups:
        rows = rows_of(group)
        given = rows["kind"] == DOSE
        start = rows["time"][given].astype(np.float64)
        length = np.maximum(rows["duration"][given].astype(np.float64), 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            by_rate = rows["amount"][given] / rows["rate"][given]
        by_rate = np.where(np.isfinite(by_rate) & (rows["rate"][given] > 0.0), by_rate, 0.0)
        found += [start, start + length, start + by_rate]
    times = np.concatenate(found)
    return np.concatenate([times - 0.5 * narrow, times, times + 0.5 * narrow])
