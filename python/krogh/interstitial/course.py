"""Interstitial flow that changes in time: vascular normalization, stiffening, pruning.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, did_you_mean
from krogh.interstitial.flow import interstitial_flow
from krogh.interstitial.result import InterstitialFlow
from krogh.units import convert, dimension, parse_quantity

__all__ = ["FlowCourse", "flow_course"]

_FIXED: Final = frozenset({"grid", "tolerance", "num_threads"})


@dataclass(frozen=True, eq=False)
class FlowCourse:
    """Flows that follow each other; each holds from its time to the next.

    Attributes
    ----------
    times
        At which each flow begins, ascending, shape (n,).
    time_unit
        Of them.
    flows
        n `InterstitialFlow`.
    changes
        What changed: name to n values.
    permeability
        Of vessel walls for solutes, over that of the model, n numbers.
    """

    times: NDArray[np.float64]
    time_unit: str
    flows: tuple[InterstitialFlow, ...]
    changes: Mapping[str, tuple[Any, ...]]
    permeability: tuple[float, ...]

    def index(self, time: Any) -> int:
        """Return the number of the flow that holds at a time, ``"3 d"``.

        Raises
        ------
        SpecError
            KG-119 for a time before the first.
        """
        wanted = parse_quantity(time, "time").to(self.time_unit)
        found = int(np.searchsorted(self.times, wanted, side="right")) - 1
        if found < 0:
            raise SpecError(
                f"KG-119: the flows begin at {self.times[0]:g} {self.time_unit}, after {time}."
            )
        return found

    def at(self, time: Any) -> InterstitialFlow:
        """Return the flow that holds at a time, ``"3 d"``."""
        return self.flows[self.index(time)]

    def segments(self, end: Any) -> Iterator[tuple[float, float, InterstitialFlow]]:
        """Yield begin, end (in `time_unit`) and flow of each stretch up to an end, ``"21 d"``.

        Raises
        ------
        SpecError
            KG-119 for an end that is not after the first time.
        """
        stop = parse_quantity(end, "end").to(self.time_unit)
        if not stop > self.times[0]:
            raise SpecError(
                f"KG-119: the end {end} is not after the first flow, {self.times[0]:g}"
                f" {self.time_unit}."
            )
        bounds = [*self.times[self.times < stop].tolist(), float(stop)]
        yield from zip(bounds, bounds[1:], self.flows, strict=False)

    def mean_pressure(self, unit: str = "mmHg") -> NDArray[np.float64]:
        """Return the mean pressure in the tissue of each flow, shape (n,)."""
        means = [float(flow.pressure[flow.inside].mean()) for flow in self.flows]
        return np.asarray(convert(np.array(means), "Pa", unit))

    def __len__(self) -> int:
        return len(self.flows)

    def __getitem__(self, number: int) -> InterstitialFlow:
        return self.flows[number]

    def __repr__(self) -> str:
        pressures = ", ".join(f"{p:.3g}" for p in self.mean_pressure())
        return (
            f"<FlowCourse: {len(self.flows)} flows from {self.times[0]:g} to {self.times[-1]:g}"
            f" {self.time_unit}, mean pressure {pressures} mmHg>"
        )


def flow_course(
    grid: Any,
    vessels: Any = "tissue",
    *,
    times: Any,
    changes: Mapping[str, Sequence[Any]],
    permeability: Sequence[float] | None = None,
    **options: Any,
) -> FlowCourse:
    """Return interstitial flows while properties change in time, as under normalization.

    Parameters
    ----------
    grid, vessels, **options
        As of `krogh.interstitial_flow`; what does not change.
    times
        At which the flows begin: ``([0, 2, 5], "d")`` or texts, in the time of the run.
    changes
        Name of an argument of `krogh.interstitial_flow` (``"vascular_conductivity"``,
        ``"hydraulic_conductivity"``, ``"vessels"``, ...) to one value for each time.
    permeability
        Of vessel walls for solutes at each time, over that of the model that
        `krogh.simulate_volume` solves with this course; 1 if left out.

    Notes
    -----
    Pressure settles within seconds to minutes, far faster than vessels or matrix change: each flow
    is steady, and flows follow each other in steps.  Leaky vessels that tighten (smaller Lp, as
    `wall_of_pores` gives it for smaller pores) lower the pressure; this is the normalization of
    Jain, Tong & Munn 2007, Cancer Res 67:2729, doi 10.1158/0008-5472.CAN-06-4102.  A stiffer or
    denser matrix conducts less.

    Raises
    ------
    SpecError
        KG-119 for times that do not ascend, KG-103 for a name that is no argument, KG-167 for
        numbers of values that do not fit.

    Examples
    --------
    >>> from krogh.interstitial import flow_course
    >>> from krogh.space import Grid
    >>> course = flow_course(
    ...     Grid((1, 1, 40), "50 um"),
    ...     times=([0, 3], "d"),
    ...     changes={"vascular_conductivity": ["2.8e-7 cm/(mmHg s)", "7e-8 cm/(mmHg s)"]},
    ...     sides={"x": "0 mmHg"},
    ... )
    >>> course.mean_pressure().round(1).tolist()
    [8.4, 6.0]
    """
    at, unit = _times(times)
    known = [n for n in inspect.signature(interstitial_flow).parameters if n not in _FIXED]
    if not isinstance(changes, Mapping) or not changes:
        raise SpecError("KG-167: changes must be a mapping of names to one value for each time.")
    for name, values in changes.items():
        if name not in known:
            raise SpecError(
                f"KG-103: interstitial flow has no {name!r} that could change."
                f"{did_you_mean(str(name), known)}"
            )
        if name in options:
            raise SpecError(f"KG-167: {name!r} is given once for all and in changes.")
        if isinstance(values, str) or len(values) != at.size:
            raise SpecError(f"KG-167: changes: {name!r} needs {at.size} values, one for each time.")
    shares = (1.0,) * at.size if permeability is None else tuple(float(p) for p in permeability)
    if len(shares) != at.size or not all(np.isfinite(p) and p >= 0.0 for p in shares):
        raise SpecError(f"KG-167: permeability needs {at.size} numbers, none of them negative.")
    flows = []
    for k in range(at.size):
        now = {name: values[k] for name, values in changes.items()}
        where = now.pop("vessels", vessels)
        flows.append(interstitial_flow(grid, where, **options, **now))
    return FlowCourse(at, unit, tuple(flows), {n: tuple(v) for n, v in changes.items()}, shares)


def _times(given: Any) -> tuple[NDArray[np.float64], str]:
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], str):
        try:
            at, unit = np.atleast_1d(np.asarray(given[0], dtype=np.float64)), given[1]
        except (TypeError, ValueError):
            raise SpecError(f"KG-119: times need numbers, found {given[0]!r}.") from None
    else:
        found = [
            parse_quantity(t, "a time") for t in ([given] if isinstance(given, str) else given)
        ]
        if not found:
            raise SpecError("KG-119: times are empty.")
        unit = found[0].unit
        at = np.array([t.to(unit) for t in found])
    if dimension(unit) != dimension("h"):
        raise SpecError(f"KG-119: times need a unit of time, not {unit!r}.")
    if at.ndim != 1 or not np.isfinite(at).all() or not (np.diff(at) > 0.0).all():
        raise SpecError(f"KG-119: times must be finite and ascend, found {at.tolist()}.")
    at.flags.writeable = False
    return at, unit
