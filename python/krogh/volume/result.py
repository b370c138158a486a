"""Results in a volume: outputs of every voxel and of the plasma, summaries, pictures, files.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError
from krogh.io.fields import Fields, record_number
from krogh.labeled import LabeledArray
from krogh.line.ledger import Ledger
from krogh.line.outcome import Outcome, Settings
from krogh.provenance import Provenance, Verification
from krogh.space.grid import Grid
from krogh.table import ResultTable
from krogh.units import factor
from krogh.volume.checkpoint import Snapshot, write_checkpoint
from krogh.volume.exchange import Exchange
from krogh.volume.overview import headline, notes, summary
from krogh.volume.parts import VolumeFailure, VolumePlasma, VoxelCells, without_line
from krogh.volume.plasma import PlasmaCurves
from krogh.volume.problem import WAYS, VolumeProblem

__all__ = ["VolumeResult"]

Floats = NDArray[np.float64]


class VolumeResult:
    """Results of `simulate_volume`.

    ``result["occupancy_HER2"]`` is a `LabeledArray` with axes ("time", "z", "y", "x"), NaN outside
    of the tissue, computed from the recorded states when it is asked for.

    Attributes
    ----------
    problem, settings
        What was solved and how, internal units.
    stats
        Steps accepted and rejected, multigrid cycles, and the like.
    failures : tuple of VolumeFailure
        Empty, or where the run ended early; values from there on are NaN.
    verification
        Comparison with a second method; None unless it was asked for.
    plasma_error
        Largest difference between the plasma and the lines that the solver was given, relative to
        its largest value; None where it was solved with the tissue, or curves were given.
    snapshot
        Where a run that did not come to its end stands: ``resume=result`` goes on from there, and
        `write_checkpoint` stores it.  None where it came to its end.
    """

    def __init__(
        self,
        problem: VolumeProblem,
        settings: Settings,
        outcome: Outcome,
        *,
        outputs: tuple[str, ...],
        time_unit: str,
        dosing: str,
        stats: Mapping[str, Any],
        curves: PlasmaCurves | None,
        vessels: Exchange,
        reason: str = "",
        doses: Any = None,
        verification: Verification | None = None,
        wall_seconds: float = 0.0,
        snapshot: Snapshot | None = None,
    ) -> None:
        self.problem = problem
        self.settings = settings
        self.outputs = outputs
        self.time_unit = time_unit
        self.dosing = dosing
        self.stats = dict(stats)
        self.vessels = vessels
        self.plasma_error = None if curves is None else curves.error
        self.plasma_points = 0 if curves is None else int(curves.times.size)
        self.verification = verification
        self._reason = reason
        self.snapshot = snapshot
        self._outcome = outcome
        self._cells = VoxelCells(
            problem,
            settings,
            outcome,
            outputs=outputs,
            time_unit=time_unit,
            dosing=dosing,
            wall_seconds=wall_seconds,
            doses=doses,
        )
        self.failures = tuple(self._failure(f) for f in outcome.failures)

    # --- where and when ---------------------------------------------------------------------------

    @property
    def grid(self) -> Grid:
        """Where the voxels lie."""
        return self.problem.grid

    @property
    def num_voxels(self) -> int:
        """Number of voxels within the tissue."""
        return self.problem.cells

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which voxels are tissue, (nz, ny, nx)."""
        found = np.zeros(self.grid.num_voxels, dtype=bool)
        found[self.problem.inside] = True
        return found.reshape(self.grid.shape)

    @property
    def times(self) -> LabeledArray:
        """Times of records, axis ("time",)."""
        return self._cells.times

    @property
    def is_complete(self) -> bool:
        """Whether the run came to its end; False where `progress` stopped it."""
        return self._cells.is_complete

    @property
    def provenance(self) -> Provenance:
        """How it came about: versions, models, tolerances, steps, references of the models."""
        return self._cells.provenance

    @property
    def method(self) -> str:
        """What solved it."""
        return self._outcome.method

    @property
    def num_threads(self) -> int:
        """Threads that worked."""
        return self._outcome.num_threads

    # --- values -----------------------------------------------------------------------------------

    @property
    def recorded(self) -> tuple[str, ...]:
        """Tissue species whose voxels are kept."""
        return self._cells.recorded

    def __iter__(self) -> Iterator[str]:
        return iter(self._cells)

    def __len__(self) -> int:
        return len(self._cells)

    def __contains__(self, name: object) -> bool:
        return name in self._cells

    def __getitem__(self, name: str) -> LabeledArray:
        array = self._cells[name]
        return self._on_grid(array.values[0], name, array.unit)

    def _on_grid(self, values: Floats, name: str, unit: str) -> LabeledArray:
        coords = {"time": self.times.values}
        coords |= {axis: self.grid.centers(axis) for axis in ("z", "y", "x")}
        units = {"time": self.time_unit, "z": "um", "y": "um", "x": "um"}
        dims = ("time", "z", "y", "x")
        return LabeledArray(self.problem.on_grid(values), dims, unit, name, coords, units)

    def of_voxels(self, name: str) -> Floats:
        """Return an output in the voxels of the tissue only, in its unit, shape (times, voxels)."""
        found: Floats = self._cells[name].values[0]
        return found

    def at_time(self, name: str, time: Any = None) -> tuple[Floats, str, str]:
        """Return an output in the voxels of the tissue at one time: values, unit, and the time.

        Parameters
        ----------
        name
            An output or recorded species.
        time
            One of the recorded times, with unit; the last one if left out.

        Raises
        ------
        SpecError
            KG-119 for a time that was not recorded.
        """
        k = record_number(self.times.values, self.time_unit, time)
        array = self._cells.at(k)[name]
        return array.values[0, 0], array.unit, f"{self.times.values[k]:g} {self.time_unit}"

    @cached_property
    def plasma(self) -> VolumePlasma:
        """Outputs and species of the systemic model by name, axis ("time",)."""
        return VolumePlasma(self._cells)

    # --- summaries over the voxels ----------------------------------------------------------------

    def _weights(self, weights: Any) -> Any:
        if weights is None or isinstance(weights, str):
            return weights
        array = np.asarray(weights, dtype=np.float64)
        if array.shape[-3:] != self.grid.shape or array.ndim not in (3, 4):
            raise SpecError(
                f"KG-166: weights have shape {array.shape}; {self.grid.shape} (z, y, x), or with a"
                " leading axis of times, is needed."
            )
        return array.reshape(*array.shape[:-3], -1)[..., self.problem.inside][None]

    def mean(self, name: str, *, weights: Any = None) -> LabeledArray:
        """Return the mean over the tissue, axis ("time",).

        Parameters
        ----------
        name
            An output or recorded species.
        weights
            A further weight: the name of an output such as ``"viable"``, or an array (z, y, x).
        """
        return without_line(self._cells.mean(name, weights=self._weights(weights)))

    def quantile(self, name: str, q: Any, *, weights: Any = None) -> LabeledArray:
        """Return what a fraction `q` of the tissue does not exceed, axis ("time",).

        For several `q` the axes are ("quantile", "time").
        """
        return without_line(self._cells.quantile(name, q, weights=self._weights(weights)))

    def fraction_of_voxels(
        self, name: str, *, at_least: Any = None, at_most: Any = None, weights: Any = None
    ) -> LabeledArray:
        """Return the fraction of the tissue whose value is at least, or at most, so much.

        Parameters
        ----------
        at_least, at_most
            A number in the output's unit or text with a unit.
        """
        return without_line(
            self._cells.fraction_of_voxels(name, at_least, at_most, self._weights(weights))
        )

    @cached_property
    def distance(self) -> Floats:
        """Distance of each voxel's center to the nearest vessel's center line, um, (nz, ny, nx).

        Raises
        ------
        SpecError
            KG-166 where no network of vessels was given.
        """
        if self.vessels.voxels is None:
            raise SpecError(
                "KG-166: the vessels were given as a surface per volume; against_distance needs"
                " distance=(nz, ny, nx) in um."
            )
        return self.vessels.voxels.distance()

    def against_distance(
        self,
        name: str,
        distance: Any = None,
        *,
        time: Any = None,
        width: Any = None,
        level: float = 0.9,
    ) -> ResultTable:
        """Return an output against the distance to the nearest vessel: median and interval.

        Parameters
        ----------
        name
            An output or recorded species.
        distance
            Shape (nz, ny, nx), um; that of the network if left out.
        time
            One of the recorded times, with unit; the last one if left out.
        width
            Of the bins, with unit; the widest spacing of the grid if left out.
        level
            Share of the voxels of a bin between ``low`` and ``high``.

        Returns
        -------
        ResultTable
            Columns distance (mean of the bin), voxels, median, low, high; empty bins are left out.
        """
        from krogh.volume.weighing import against_distance

        return against_distance(self, name, distance, time, width, level)

    def readings(self, names: Any = None, dose_times: Any = None) -> Any:
        """Return what targets read of the result (`krogh.dose.Target.evaluate`)."""
        from krogh.dose.readings import VolumeReadings

        def distance() -> Floats:
            found: Floats = self.distance.reshape(-1)[self.problem.inside]
            return found

        width = float(self.grid.spacing.max())
        return VolumeReadings(self._cells, distance, width, names, dose_times)

    # --- amounts ----------------------------------------------------------------------------------

    @property
    def content(self) -> dict[str, LabeledArray]:
        """Amounts in the tissue by species, axis ("time",), such as nM um^3."""
        return {name: without_line(a) for name, a in self._cells.content.items()}

    @property
    def entered(self) -> dict[str, LabeledArray]:
        """Amounts that have entered from vessels and sides, by mobile species."""
        return {name: without_line(a) for name, a in self._cells.entered.items()}

    @property
    def fed(self) -> dict[str, LabeledArray]:
        """What species of the plasma have gained by `feed`, in their units, axis ("time",)."""
        c = self.problem.systemic
        found = {}
        for f in self.problem.feeds:
            assert c is not None
            unit = c.state_units[f.state]
            values = self._outcome.fed[f.state] * c.state_factors[f.state]
            coords = {"time": self.times.values}
            found[f.species] = LabeledArray(
                values, ("time",), unit, f"fed {f.species}", coords, {"time": self.time_unit}
            )
        return found

    def response(
        self, *, cell_density: Any = None, hypoxia: Any = "10 mmHg", oxygen: str = "pO2"
    ) -> ResultTable:
        """Return volume, living, resting and necrotic parts, hypoxia and cells by time.

        See `krogh.volume.response.response_table`.
        """
        from krogh.volume.response import response_table

        return response_table(self, cell_density=cell_density, hypoxia=hypoxia, oxygen=oxygen)

    @property
    def fractions(self) -> ResultTable:
        """Fractions of radiation so far: time, dose, part of the living cells that survived each.

        Raises
        ------
        SpecError
            KG-118 where no radiation was given.
        """
        given = self.problem.fractions
        if given is None:
            raise SpecError("KG-118: no radiation was given.")
        done = len(given.survival)
        times = given.times[:done] / factor(self.time_unit)
        columns = {"time": times, "dose": given.doses[:done], "survival": given.survival}
        units = {"time": self.time_unit, "dose": "Gy"}
        return ResultTable({k: np.asarray(v) for k, v in columns.items()}, units, "fractions")

    @property
    def entered_by(self) -> dict[str, dict[str, Floats]]:
        """Amounts that have entered by each way, by mobile species, in the unit of `entered`.

        Arrays of the shape (times,).  Ways are ``"vessels"``, the six sides, ``"lymph"`` and
        ``"border"`` (faces to voxels outside of the tissue); what has left is negative.
        """
        found: dict[str, dict[str, Floats]] = {}
        for k, m in enumerate(self.problem.mobiles):
            species = self.problem.tissue.state_names[m.state]
            scale = self.problem.tissue.state_factors[m.state]
            found[species] = {
                way: self._outcome.entered[0, :, k, i] * scale for i, way in enumerate(WAYS)
            }
        return found

    def ledger(
        self,
        groups: Mapping[str, Iterable[str]] | None = None,
        plasma: Mapping[str, Iterable[str]] | None = None,
    ) -> Ledger:
        """Return what does not balance: content less what was there and what has entered.

        Parameters
        ----------
        groups, plasma
            As of `krogh.line.LineResult.ledger`.
        """
        return self._cells.ledger(groups, plasma)

    # --- other forms ------------------------------------------------------------------------------

    def fields(self, names: Sequence[str] | None = None) -> Fields:
        """Return outputs as `krogh.io.Fields` on the grid, for files and images.

        Parameters
        ----------
        names
            Which; all outputs if left out.
        """
        chosen = list(self.outputs if names is None else names)
        arrays = {name: self[name] for name in chosen}
        facts = {
            "model": self.problem.tissue.model.name,
            "dosing": self.dosing,
            "rtol": self.settings.rtol,
            "method": self.method,
            **self.problem.facts,
        }
        return Fields(
            self.grid,
            (self.times.values, self.time_unit),
            {name: (a.values, a.unit) for name, a in arrays.items()},
            facts=facts,
        )

    def image(self, name: str, time: Any = None) -> Any:
        """Return one output at one time, the last if left out, as a `krogh.io.Image`."""
        return self.fields([name]).image(name, time)

    def save(self, path: str | Path, name: str | None = None, time: Any = None) -> Path:
        """Write outputs to a file: ``.vtkhdf``, ``.h5``, ``.vti``, ``.nii``, ``.nii.gz``.

        See `krogh.io.Fields.save`.
        """
        return self.fields(None if name is None else [name]).save(path, name, time)

    def write_checkpoint(self, path: str | Path) -> Path:
        """Write where a run stands that did not come to its end; ``resume=path`` goes on from it.

        Raises
        ------
        SpecError
            KG-133 where it cannot be written; KG-119 where the run came to its end.
        """
        if self.snapshot is None:
            raise SpecError("KG-119: the run came to its end; there is nothing to go on with.")
        return write_checkpoint(path, self.snapshot)

    def to_xarray(self) -> Any:
        """Return an xarray Dataset: outputs by time, z, y, x, the plasma by time.

        Raises
        ------
        MissingExtra
            KG-901 without xarray.
        """
        dataset = self.fields().to_xarray()
        for name in self.plasma:
            label = name if name not in dataset else f"plasma_{name}"
            dataset[label] = self.plasma[name].to_xarray()
        dataset.attrs.update(
            model=self.problem.tissue.model.name,
            dosing=self.dosing,
            rtol=self.settings.rtol,
            method=self.method,
        )
        return dataset

    def plot_slices(
        self,
        name: str,
        *,
        time: Any = None,
        at: Any = None,
        vessels: bool = True,
        log: bool = False,
        path: str | Path | None = None,
    ) -> Any:
        """Draw three orthogonal slices of an output; see `krogh.volume.plot.plot_slices`."""
        from krogh.volume.plot import plot_slices

        return plot_slices(self, name, time=time, at=at, vessels=vessels, log=log, path=path)

    def plot_distance(self, names: str | Sequence[str], **options: Any) -> Any:
        """Draw outputs against the distance to vessels; see `krogh.volume.plot_distance`."""
        from krogh.volume.distance_pictures import plot_distance

        return plot_distance(self, names, **options)

    def plot_coverage(self, names: str | Sequence[str], **options: Any) -> Any:
        """Draw histograms and coverage of outputs; see `krogh.volume.plot_coverage`."""
        from krogh.volume.distance_pictures import plot_coverage

        return plot_coverage(self, names, **options)

    def _failure(self, f: Any) -> VolumeFailure:
        index: tuple[int, ...] = ()
        position: tuple[float, ...] = ()
        if f.cell >= 0:
            flat = int(self.problem.inside[f.cell])
            index = tuple(int(i) for i in np.unravel_index(flat, self.grid.shape))
            position = tuple(float(p) for p in self.grid.position(index))
        when = f.time / factor(self.time_unit)
        return VolumeFailure(when, self.time_unit, f.species, index, position, f.reason, f.code)

    def __str__(self) -> str:
        return "\n".join([headline(self), *notes(self), str(summary(self))])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        lines = "<br>".join(html.escape(line) for line in notes(self))
        return (
            f"<div><strong>{html.escape(headline(self))}</strong><br>{lines}"
            f"{summary(self)._repr_html_()}</div>"
        )
