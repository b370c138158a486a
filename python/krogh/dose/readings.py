"""What targets read from a result: outputs by name, cells by weight, times in seconds.

SPDX-License-Identifier: BSD-3-Clause

`Names` says what a model has, before any run; `Readings` gives the numbers of a run.  Both are made
from what `krogh.simulate_line` and `krogh.simulate` return.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError
from krogh.units import factor

__all__ = ["LineReadings", "Names", "PointReadings", "Readings", "plain", "readings_of"]

Floats = NDArray[np.float64]

_MASS = "molar_mass_"


def plain(name: str) -> str:
    """Return a name without what people write differently: ``T-DM1`` and ``TDM1`` agree."""
    return re.sub(r"[\W_]", "", name).lower()


@dataclass(frozen=True)
class Names:
    """Outputs and their units, and what is known of the drugs.

    Attributes
    ----------
    plasma, tissue
        Output name to its unit.
    aliases
        Label to further names of the drug or target: ``{"TDM1": ("T-DM1", "Kadcyla")}``.
    molar_mass
        Label to molar mass with unit.
    default
        Label of the drug that is meant where a target of several names none.
    """

    plasma: Mapping[str, str]
    tissue: Mapping[str, str]
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    molar_mass: Mapping[str, str] = field(default_factory=dict)
    default: str | None = None

    def is_called(self, label: str, name: str) -> bool:
        """Whether a user's name means a label."""
        own = {plain(label), *(plain(a) for a in self.aliases.get(label, ()))}
        return plain(name) in own

    def shown(self, label: str) -> str:
        """Return the name of a label as users know it."""
        return self.aliases.get(label, (label,))[0]


class Readings(Protocol):
    """The numbers of a run."""

    names: Names
    times: Floats
    """Seconds, shape (times,)."""
    num_lines: int
    volumes: Floats
    """Shape (lines or 1, cells)."""
    distance: Floats
    """Of the centers from the supplying wall, um, shape (lines or 1, cells)."""
    farthest: Floats
    """Of the far end, um, shape (lines or 1,)."""
    dose_times: Floats | None
    """Seconds at which doses start, or None where that is not known."""

    def plasma(self, name: str) -> Floats:
        """Return an output of the plasma, shape (lines, times)."""

    def tissue(self, name: str) -> Floats:
        """Return an output of the tissue, shape (lines, times, cells)."""


class LineReadings:
    """Readings of a result of `krogh.simulate_line`."""

    def __init__(
        self, result: Any, names: Names | None = None, dose_times: Iterable[float] | None = None
    ) -> None:
        self._result = result
        times = result.times
        self.times: Floats = np.asarray(times.values, dtype=np.float64) * factor(times.unit)
        self.names = names if names is not None else names_of(result)
        self.volumes: Floats = np.atleast_2d(np.asarray(result.volumes, dtype=np.float64))
        self.distance: Floats = np.atleast_2d(np.asarray(result.distance, dtype=np.float64))
        self.num_lines = int(result.num_lines)
        self.farthest = _farthest(self.distance)
        self._tissue = getattr(result, "tissue", result)
        self.dose_times = None if dose_times is None else np.unique(np.fromiter(dose_times, float))

    def plasma(self, name: str) -> Floats:
        """Return an output of the plasma, shape (lines, times)."""
        return np.asarray(self._result.plasma[name].values, dtype=np.float64)

    def tissue(self, name: str) -> Floats:
        """Return an output of the tissue, shape (lines, times, cells)."""
        return np.asarray(self._tissue[name].values, dtype=np.float64)


def _farthest(distance: Floats) -> Floats:
    """Distance of the far face: as far beyond the last center as that lies beyond its neighbor."""
    x = np.sort(distance, axis=-1)
    if x.shape[-1] == 1:
        return x[:, -1]
    ends: Floats = x[:, -1] + 0.5 * (x[:, -1] - x[:, -2])
    return ends


class PointReadings:
    """Readings of a result of `krogh.simulate` for a well-mixed model: one cell."""

    def __init__(
        self, result: Any, names: Names | None = None, dose_times: Iterable[float] | None = None
    ) -> None:
        self._result = result
        if result.row_subjects is not None:
            raise SpecError(
                "KG-153: a target needs one grid of times for all subjects; simulate with 'until'"
                " or 'times' instead of the observation rows of a table."
            )
        self.times = np.asarray(result.times.values, dtype=np.float64) * factor(result.time_unit)
        if names is None:
            found = {name: result[name].unit for name in result.outputs}
            names = Names({n: u for n, u in found.items() if n.startswith("Cp")}, found)
        self.names = names
        self.num_lines = len(result.subjects)
        self.volumes = np.ones((1, 1))
        self.distance = np.zeros((1, 1))
        self.farthest = np.zeros(1)
        self.dose_times = None if dose_times is None else np.unique(np.fromiter(dose_times, float))

    def plasma(self, name: str) -> Floats:
        """Return an output of the plasma, shape (subjects, times)."""
        return np.asarray(self._result[name].values, dtype=np.float64)

    def tissue(self, name: str) -> Floats:
        """Return an output of the well-mixed tissue, shape (subjects, times, 1)."""
        return np.asarray(self._result[name].values, dtype=np.float64)[:, :, None]


def names_of(result: Any) -> Names:
    """Return the names and units of a line result's outputs, and molar masses its models have."""
    tissue = getattr(result, "tissue", result)
    masses: dict[str, str] = {}
    problem = getattr(result, "problem", None)
    for model in (getattr(problem, "tissue", None), getattr(problem, "systemic", None)):
        for name, parameter in ({} if model is None else model.model.parameters).items():
            if name.startswith(_MASS) and parameter.value is not None:
                masses[name.removeprefix(_MASS)] = str(parameter.value)
    return Names(
        {name: result.plasma[name].unit for name in result.plasma},
        {name: tissue[name].unit for name in tissue},
        molar_mass=masses,
    )


def readings_of(
    result: Any, names: Names | None = None, dose_times: Iterable[float] | None = None
) -> Readings:
    """Return the readings of a result, whichever it is.

    Raises
    ------
    SpecError
        KG-153 for something that is no result.
    """
    if hasattr(result, "farthest"):
        ready: Readings = result
        return ready
    if hasattr(result, "volumes") and hasattr(result, "distance"):
        study = getattr(result, "study", None)
        if study is not None:
            from krogh.dose.of_study import names_of_study, starts_of_study

            names = names_of_study(study) if names is None else names
            dose_times = starts_of_study(study, result) if dose_times is None else dose_times
        return LineReadings(result, names, dose_times)
    if hasattr(result, "subjects") and hasattr(result, "row_subjects"):
        return PointReadings(result, names, dose_times)
    raise SpecError(
        "KG-153: a target is evaluated on a result of simulate_line, of a Study, or of simulate;"
        f" this is {type(result).__name__}."
    )
