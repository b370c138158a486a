"""What targets read from a result: outputs by name, cells by weight, times in seconds.

SPDX-License-Identifier: BSD-3-Clause

`Names` says what a model has, before any run; `Readings` gives the numbers of a run.  Both are made
from what `krogh.simulate_line` and `krogh.simulate` return.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from krogh.dose import shares
from krogh.errors import SpecError
from krogh.units import factor

__all__ = [
    "InARow",
    "LineReadings",
    "Names",
    "PointReadings",
    "Readings",
    "VolumeReadings",
    "plain",
    "readings_of",
]

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

    @property
    def of_plasma(self) -> Readings:
        """The same with every time at which the plasma is known."""

    def plasma(self, name: str) -> Floats:
        """Return an output of the plasma, shape (lines, times)."""

    def tissue(self, name: str) -> Floats:
        """Return an output of the tissue, shape (lines, times, cells)."""

    def share_of_cells(self, excess: Floats, weights: Floats) -> Floats:
        """Return the share of the weight where `excess` is not negative, over the last axis."""

    def depths(self, profile: Floats) -> Floats:
        """Return where profiles (lines, times, cells) have fallen to half, um, (lines, times)."""


class InARow:
    """Cells that lie in a row: between their middles values are straight lines."""

    distance: Floats
    farthest: Floats

    @property
    def of_plasma(self) -> Any:
        """The same: plasma and tissue have the same times."""
        return self

    def share_of_cells(self, excess: Floats, weights: Floats) -> Floats:
        """Return the share of the weight where `excess` is not negative, over the last axis."""
        return shares.share_of_cells(excess, weights)

    def depths(self, profile: Floats) -> Floats:
        """Return where profiles (lines, times, cells) have fallen to half, um, (lines, times)."""
        lines, times = profile.shape[:2]
        distance = np.broadcast_to(self.distance, (lines, profile.shape[2]))
        farthest = np.broadcast_to(self.farthest, (lines,))
        found = [shares.depth_of_half(profile[:, k], distance, farthest) for k in range(times)]
        return np.stack(found, axis=1)


class LineReadings(InARow):
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


class VolumeReadings:
    """Readings of a result in a volume: voxels count whole, as they lie in no row.

    Parameters
    ----------
    cells
        The voxels as cells of one line.
    distance
        Returns the distance of the voxels to the nearest vessel wall, um, shape (voxels,); asked
        for where a target is about a depth.
    width
        Of the bins of distance, um.
    curves
        Times (s) and outputs of the plasma, where it is known at more times than the voxels.
    """

    num_lines = 1

    def __init__(
        self,
        cells: Any,
        distance: Callable[[], Floats],
        width: float,
        names: Names | None = None,
        dose_times: Iterable[float] | None = None,
        curves: tuple[Floats, Mapping[str, Floats]] | None = None,
    ) -> None:
        self._cells = cells
        self._curves = curves
        self._is_plasma = False
        self._distance = distance
        self._width = width
        self.times: Floats = np.asarray(cells.times.values, np.float64) * factor(cells.time_unit)
        self.names = names if names is not None else _names_of_cells(cells)
        self.volumes: Floats = np.atleast_2d(np.asarray(cells.problem.volumes, dtype=np.float64))
        self.dose_times = None if dose_times is None else np.unique(np.fromiter(dose_times, float))

    @property
    def of_plasma(self) -> VolumeReadings:
        """The same with every time at which the plasma is known; without a tissue."""
        if self._curves is None:
            return self
        found = copy(self)
        found.times, found._is_plasma = self._curves[0], True
        return found

    @property
    def distance(self) -> Floats:
        """Of the voxels' centers from the nearest vessel wall, um, shape (1, voxels)."""
        return self._distance()[None]

    @property
    def farthest(self) -> Floats:
        """Of the farthest voxel, um, shape (1,)."""
        found: Floats = self.distance.max(axis=-1)
        return found

    def plasma(self, name: str) -> Floats:
        """Return an output of the plasma, shape (1, times)."""
        if self._is_plasma and self._curves is not None:
            return self._curves[1][name][None]
        return np.asarray(self._cells.plasma[name].values, dtype=np.float64)

    def tissue(self, name: str) -> Floats:
        """Return an output of the tissue, shape (1, times, voxels)."""
        return np.asarray(self._cells[name].values, dtype=np.float64)

    def share_of_cells(self, excess: Floats, weights: Floats) -> Floats:
        """Return the share of the weight where `excess` is not negative, over the last axis."""
        from krogh.volume.weighing import whole_share

        return whole_share(excess, weights)

    def depths(self, profile: Floats) -> Floats:
        """Return where means by distance have fallen to half, um, shape (1, times)."""
        from krogh.volume.weighing import half_distance

        away = self._distance()
        found = [half_distance(row, away, self._width)[0] for row in profile[0]]
        return np.array(found)[None]


class PointReadings(InARow):
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


def _names_of_cells(cells: Any) -> Names:
    """Return the names of a volume without computing its outputs."""
    models = cells.problem.tissue.model, cells.problem.systemic
    plasma = {} if models[1] is None else models[1].model.outputs
    return Names(
        {name: output.unit for name, output in plasma.items()},
        {name: models[0].outputs[name].unit for name in cells.outputs},
        molar_mass=_masses(cells.problem),
    )


def names_of(result: Any) -> Names:
    """Return the names and units of a line result's outputs, and molar masses its models have."""
    tissue = getattr(result, "tissue", result)
    return Names(
        {name: result.plasma[name].unit for name in result.plasma},
        {name: tissue[name].unit for name in tissue},
        molar_mass=_masses(getattr(result, "problem", None)),
    )


def _masses(problem: Any) -> dict[str, str]:
    """Return the molar masses that the models of a problem have, by label."""
    masses: dict[str, str] = {}
    for model in (getattr(problem, "tissue", None), getattr(problem, "systemic", None)):
        for name, parameter in ({} if model is None else model.model.parameters).items():
            if name.startswith(_MASS) and parameter.value is not None:
                masses[name.removeprefix(_MASS)] = str(parameter.value)
    return masses


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
    if hasattr(result, "readings"):
        found: Readings = result.readings(names, dose_times)
        return found
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
