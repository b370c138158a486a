"""Maps of a lesion: quantities on the image's grid, lesions by label, failed voxels.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, did_you_mean
from krogh.io.fields import Fields
from krogh.io.image import Image, place_of
from krogh.labeled import LabeledArray
from krogh.space.grid import Grid
from krogh.table import ResultTable
from krogh.tumour.lesion_quantities import Quantities
from krogh.tumour.voxel_values import VoxelValues
from krogh.units import convert, format_number

if TYPE_CHECKING:
    from krogh.study.study import Study

__all__ = ["LesionMap", "VoxelFailure"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class VoxelFailure:
    """A voxel whose line could not be solved.

    Attributes
    ----------
    index
        Its numbers z, y, x.
    position
        Of its center, x, y, z, mm.
    reason
        When, what and why, as `krogh.simulate_line` says it.
    """

    index: tuple[int, int, int]
    position: tuple[float, float, float]
    place: str
    reason: str

    @classmethod
    def of(cls, failure: Any, voxels: VoxelValues, start: int) -> VoxelFailure:
        """Return the failure of a line of a batch that starts at a voxel."""
        grid = voxels.grid
        z, y, x = np.unravel_index(int(voxels.chosen[start + failure.line]), grid.shape)
        index = (int(z), int(y), int(x))
        px, py, pz = convert(grid.position(index), "um", "mm")
        text = str(failure).partition(" at ")[2]
        return cls(index, (float(px), float(py), float(pz)), place_of(grid, index), f"at {text}")

    def __str__(self) -> str:
        return f"{self.place} {self.reason}"


class LesionMap(Mapping[str, LabeledArray]):
    """Results of `krogh.tumour.lesion_map`.

    ``result["occupancy_HER2"]`` is a `LabeledArray` (time, z, y, x) on the grid of the images, NaN
    outside of the mask.  Means and shares are over the living cells of a voxel, by volume:

    - every output of the tissue (``occupancy_<target>``, ``free_<drug>``, ``total_<drug>``,
      ``uptake_<drug>``, ...): its mean;
    - ``reached_<drug>``: share of cells whose free drug is at least its Kd;
    - ``covered_<target>``: share of cells whose occupancy is at least 90 %;
    - ``depth_<drug>``: where the total drug falls to half of that at the vessel, um; the far end of
      the tissue where it does not;
    - ``amount_<drug>``: all forms of the drug in the voxel, pmol;
    - ``target_<k>`` and ``target_<k>_reached``: the study's targets, at the last time.

    Attributes
    ----------
    study
        What was asked.
    grid
        Of the maps.
    status
        0 for a solved voxel, -1 for one that was not reached, else the core's code; in the order of
        ``voxels.chosen``.
    failures
        Voxels that could not be solved.
    plasma
        Outputs and species of the plasma that all voxels share, axis ("time",).
    taken
        What all voxels took of the dose up to the end, with the share of it: by so much the plasma,
        which does not feel it, is too high.
    wall_seconds
        Of the whole call.
    """

    def __init__(
        self,
        *,
        study: Study,
        voxels: VoxelValues,
        quantities: Quantities,
        maps: dict[str, Floats],
        status: NDArray[np.int64],
        failures: tuple[VoxelFailure, ...],
        plasma: Mapping[str, LabeledArray],
        steps: int,
        taken: ResultTable,
    ) -> None:
        self.study = study
        self.voxels = voxels
        self._quantities = quantities
        self._by_name = {q.name: q for q in quantities.items}
        self._maps = maps
        self.status = status
        self.failures = failures
        self.plasma = plasma
        self.steps = steps
        self.taken = taken
        self.wall_seconds = 0.0

    @property
    def grid(self) -> Grid:
        """Where the voxels lie."""
        return self.voxels.grid

    @property
    def times(self) -> LabeledArray:
        """Times of the maps."""
        q = self._quantities
        return LabeledArray(q.times, ("time",), q.time_unit, "time")

    @property
    def is_complete(self) -> bool:
        """Whether every voxel was reached; False where the run was stopped."""
        return not bool((self.status == -1).any())

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def _require(self, name: str) -> None:
        if name not in self._by_name:
            raise SpecError(
                f"KG-118: there is no map {name!r}.{did_you_mean(str(name), self._by_name)}"
                f"  There are {', '.join(self._by_name)}."
            )

    def of_voxels(self, name: str) -> Floats:
        """Return a map's values of the computed voxels only, shape (times, voxels)."""
        self._require(name)
        return self._maps[name]

    def __getitem__(self, name: str) -> LabeledArray:
        return self.fields([name])[name]

    def describe(self, name: str) -> str:
        """Return what a map is, in words."""
        self._require(name)
        return self._by_name[name].words

    def fields(self, names: Sequence[str] | None = None) -> Fields:
        """Return maps as `krogh.io.Fields` on the whole grid.

        Parameters
        ----------
        names
            Which; all if left out.

        Raises
        ------
        SpecError
            KG-118 for an unknown name; KG-119 where they do not fit into memory.
        """
        chosen = list(self._by_name if names is None else names)
        for name in chosen:
            self._require(name)
        q = self._quantities
        _require_room(len(chosen) * q.times.size * self.grid.num_voxels)
        values: dict[str, tuple[Any, str]] = {}
        for name in chosen:
            full = np.full((q.times.size, self.grid.num_voxels), np.nan)
            full[:, self.voxels.chosen] = self._maps[name]
            values[name] = (full.reshape(q.times.size, *self.grid.shape), q.units[name])
        return Fields(
            self.grid,
            (q.times, q.time_unit),
            values,
            descriptions={n: self._by_name[n].words for n in chosen},
            facts={
                "study": self.study.to_toml(),
                "voxels": self.voxels.count,
                "failed": [str(f) for f in self.failures[:100]],
            },
        )

    def image(self, name: str, time: Any = None) -> Image:
        """Return one map at one time, the last if left out, as an image."""
        return self.fields([name]).image(name, time)

    def save(self, path: str | Path, name: str | None = None, time: Any = None) -> Path:
        """Write maps on the grid of the images; see `krogh.io.Fields.save`.

        Parameters
        ----------
        path
            ``.nii``, ``.nii.gz`` (one map), ``.vti`` (one time), ``.vtkhdf`` (all).
        name
            One map only.
        time
            One time only; the last for NIfTI.
        """
        fields = self.fields(None if name is None else [name])
        if str(path).lower().endswith((".nii", ".nii.gz")):
            return fields.at(time).save(path, name)
        return fields.save(path, None, time)

    def plot_slices(
        self, name: str, *, time: Any = None, at: Any = None, path: str | Path | None = None
    ) -> Any:
        """Draw three orthogonal slices of a map with a scale bar.

        Parameters
        ----------
        name
            A map.
        time
            One of the recorded times, with unit; the last one if left out.
        at
            Voxel z, y, x through which the slices go; the middle of the lesion if left out.
        path
            Where to save the picture (.png, .pdf, .svg), 150 dots per inch.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        SpecError
            KG-118 for an unknown map, KG-119 for a time that was not recorded.
        MissingExtra
            KG-901 without matplotlib.
        """
        from krogh.volume.plot import plot_slices

        self._require(name)
        if at is None:  # the computed voxel that is nearest to the middle of all
            index = np.stack(np.unravel_index(self.voxels.chosen, self.grid.shape), axis=1)
            near = np.abs(index - index.mean(axis=0)).sum(axis=1)
            at = tuple(index[int(np.argmin(near))].tolist())
        return plot_slices(self, name, time=time, at=at, path=path)

    def lesions(self, names: Sequence[str] | None = None, time: Any = None) -> ResultTable:
        """Return a table with one row for each label of the mask.

        Columns: label, voxels, volume (mL), and for each map the mean over the voxels and the value
        that a tenth of them does not exceed; of amounts the sum.

        Parameters
        ----------
        names
            Maps; shares of cells, uptake and amounts if left out.
        time
            The last if left out.
        """
        if names is None:
            starts = ("reached_", "covered_", "uptake_", "amount_")
            names = [n for n in self._by_name if n.startswith(starts)]
        k = self.fields([]).time_index(time)
        labels = np.unique(self.voxels.labels)
        parts = [self.voxels.labels == label for label in labels]
        size = convert(self.grid.voxel_volume, "um^3", "mL")
        columns: dict[str, Any] = {
            "lesion": labels,
            "voxels": np.array([int(p.sum()) for p in parts]),
            "volume": np.array([p.sum() * size for p in parts]),
        }
        units = {"volume": "mL"}
        for name in names:
            self._require(name)
            unit = self._quantities.units[name]
            groups = [self._maps[name][k, p] for p in parts]
            groups = [g[np.isfinite(g)] for g in groups]
            if self._by_name[name].kind == "amount":
                columns[name] = np.array([g.sum() for g in groups])
                units[name] = unit
                continue
            for title, of in ((name, np.mean), (f"{name}, 10 %", _tenth)):
                columns[title] = np.array([of(g) if g.size else np.nan for g in groups])
                units[title] = unit
        return ResultTable(columns, {n: u for n, u in units.items() if u}, "lesions by label")

    def __str__(self) -> str:
        q = self._quantities
        solved = int((self.status == 0).sum())
        failed = f", {len(self.failures):,} FAILED" if self.failures else ""
        waiting = int((self.status == -1).sum())
        stopped = f", {waiting:,} NOT REACHED" if waiting else ""
        end = f"{format_number(float(q.times[-1]))} {q.time_unit}"
        lines = [
            f"{self.study.title}",
            f"{solved:,} voxels solved{failed}{stopped} of {self.grid!r}",
            f"at {end}: mean (10th to 90th percentile) over the voxels",
        ]
        for item in q.items:
            values = self._maps[item.name][-1]
            values = values[np.isfinite(values)]
            if values.size:
                low, high = np.quantile(values, [0.1, 0.9])
                text = (
                    f"{values.mean():.4g} ({low:.4g} .. {high:.4g}) {q.units[item.name]}".rstrip()
                )
                lines.append(f"  {item.name:<24} {text:<36} {item.words}")
        for drug, share in zip(self.taken["drug"], self.taken["share"], strict=True):
            lines.append(f"all voxels took {share:.3g} % of the dose of {drug}")
        lines += [str(f) for f in self.failures[:3]]
        return "\n".join(lines)

    __repr__ = __str__


def _tenth(values: Floats) -> float:
    return float(np.quantile(values, 0.1))


def _require_room(numbers: int) -> None:
    from krogh.simulate.memory import SMALL, free_bytes

    needed = 8 * numbers
    free = free_bytes()
    if needed >= SMALL and free is not None and needed > free:
        raise SpecError(
            f"KG-119: the maps need {needed / 2**30:.2f} GiB, {free / 2**30:.2f} GiB are free; ask"
            " for fewer of them (fields([...]), save(path, name)), or crop the images to the"
            " lesion."
        )
