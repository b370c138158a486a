"""The result of a study in 3-D: voxels with the four-level table, and how far one may trust it.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from krogh.study.level_table import FourLevels
from krogh.study.levels import TargetOutcome
from krogh.study.result import DrugName, Mark
from krogh.table import ResultTable
from krogh.units import factor
from krogh.volume.result import VolumeResult

if TYPE_CHECKING:
    from types import ModuleType

    from krogh.io.fields import Fields
    from krogh.study.numbers import Numbers
    from krogh.study.study import Study
    from krogh.tumour.volume import Tumour3D

__all__ = ["TumourResult"]

Floats = NDArray[np.float64]


class TumourResult(FourLevels, VolumeResult):
    """What `Study.run` found in a tumour in 3-D: a `VolumeResult` with the four-level table.

    Attributes
    ----------
    study
        What was asked.
    kind
        ``"volume"``, or ``"well-mixed"`` for the comparator without gradients.
    drugs
        Names of the drugs.
    marks
        Output name to the value that the table counts voxels against.
    targets
        The targets of the study and what became of them.
    balance
        The balance of amounts: a row for each drug; its worst relative error is `balance_error`.
    numbers
        The dimensionless report of the cylinder with the same density of vessels; None for the
        comparator.
    comparator
        The same study without gradients, in one voxel; None where it was not asked for.
    more_notes
        What else should be known.
    plasma_curves
        Times and outputs of the plasma that does not feel the tumour; None where it does.
    """

    study: Study
    kind: Literal["volume", "well-mixed"]
    drugs: tuple[DrugName, ...]
    marks: Mapping[str, Mark]
    targets: tuple[TargetOutcome, ...]
    balance: ResultTable
    balance_error: float
    numbers: Numbers | None
    comparator: TumourResult | None
    more_notes: tuple[str, ...]
    plasma_curves: tuple[Floats, Mapping[str, Floats]] | None
    _cache: dict[str, Any]

    @classmethod
    def of(cls, result: VolumeResult, study: Study, **facts: Any) -> TumourResult:
        """Return a result of `krogh.simulate_volume` as that of a study.

        Parameters
        ----------
        **facts
            The attributes that `VolumeResult` does not have.
        """
        found = cls.__new__(cls)
        found.__dict__.update(result.__dict__)
        found.__dict__.update(
            {"study": study, "kind": "volume", "targets": (), "numbers": None, "comparator": None}
            | {"more_notes": (), "plasma_curves": None, "_cache": {}}
            | facts
        )
        return found

    @property
    def tumour(self) -> Tumour3D:
        """The tumour in 3-D."""
        tumour = self.study.tumour_3d
        assert tumour is not None  # a study without one gives a StudyResult
        return tumour

    @property
    def distance(self) -> Floats:
        """Distance of each voxel's center to the nearest vessel, um, (nz, ny, nx).

        Raises
        ------
        SpecError
            KG-166 where vessels are known as a surface per volume only.
        """
        return self.tumour.distance

    # --- what the table reads ---------------------------------------------------------------------

    @property
    def tissue(self) -> tuple[str, ...]:
        """Names of the tissue's outputs that were recorded."""
        return self.outputs

    @property
    def num_lines(self) -> int:
        """One: a tumour in 3-D is one of one subject."""
        return 1

    @property
    def statistics(self) -> ModuleType:
        """Statistics over voxels, which count whole."""
        from krogh.study import voxel_statistics

        return voxel_statistics

    @property
    def has_depth(self) -> bool:
        """Whether it is known how far voxels are from the vessels."""
        return self.num_voxels > 1 and self.tumour.has_distance

    @property
    def beside(self) -> str:
        """Where the depth begins."""
        return "beside the vessels"

    @property
    def cell_volumes(self) -> Floats:
        """Volumes of the voxels within the tissue, um^3, shape (1, voxels)."""
        return self.problem.volumes

    def plasma_of(self, name: str) -> tuple[Floats, Floats, str] | None:
        """Return times and values (1, times) of an output of the plasma, and its unit.

        Where the plasma does not feel the tumour it was solved at many more times than the voxels
        are kept at, so that Cmax and AUC do not depend on those.
        """
        if name not in self.plasma:
            return None
        array = self.plasma[name]
        if self.plasma_curves is None:
            return np.asarray(self.times.values), np.asarray(array.values)[None], array.unit
        times, curves = self.plasma_curves
        return times, curves[name][None], array.unit

    def at_record(self, name: str, k: int) -> Floats:
        """Return an output at a recorded time in the voxels of the tissue, shape (1, voxels)."""
        found: Floats = self._cells.at(k)[name].values[:, 0]
        return found

    def unit_of(self, name: str) -> str:
        """Return the unit of an output."""
        return self._cells.expression_of(name)[1]

    def weights(self, time: int = -1) -> Floats:
        """Return the volume of living cells at a recorded time, um^3, shape (1, voxels)."""
        if "viable" not in self.outputs:
            return self.cell_volumes
        return self.cell_volumes * self.at_record("viable", time)

    def half_depth(self, name: str, k: int) -> tuple[Floats, NDArray[np.bool_]]:
        """Return how far from the vessel walls the mean of an output has fallen to half.

        Returns
        -------
        depth : ndarray
            um, shape (1,).  Means of bins as wide as the widest spacing are compared with that of
            the nearest bin (`krogh.volume.half_distance`).
        reached : ndarray of bool
            False where it stays above half: the depth is then a lower bound.
        """
        from krogh.volume.weighing import half_distance

        away = self.tumour.wall_distance.reshape(-1)[self.problem.inside]
        width = float(self.grid.spacing.max())
        depth, reached = half_distance(self.at_record(name, k)[0], away, width)
        return np.array([depth]), np.array([reached])

    def readings(self, names: Any = None, dose_times: Any = None) -> Any:
        """Return what targets read of the result (`krogh.dose.Target.evaluate`)."""
        from krogh.dose.of_study import names_of_study
        from krogh.dose.readings import VolumeReadings
        from krogh.study.run import dose_starts

        def distance() -> Floats:
            found: Floats = self.tumour.wall_distance.reshape(-1)[self.problem.inside]
            return found

        if names is None:
            names = names_of_study(self.study)
        if dose_times is None:
            dose_times = dose_starts(self.study, float(self.settings.grid[-1]))
        curves = None
        if self.plasma_curves is not None:
            times, outputs = self.plasma_curves
            curves = (times * factor(self.time_unit), outputs)
        width = float(self.grid.spacing.max())
        return VolumeReadings(self._cells, distance, width, names, dose_times, curves)

    # --- pictures and files -----------------------------------------------------------------------

    def plot(self, *, path: str | Path | None = None) -> Any:
        """Draw the four levels against time; see `krogh.volume.plot_course`."""
        from krogh.volume.course_pictures import plot_course

        return plot_course(self, path=path)

    def fields(self, names: Any = None) -> Fields:
        """Return outputs as `krogh.io.Fields` on the grid, with the study where text has it."""
        found = super().fields(names)
        if self.tumour.recipe is not None:
            found.facts = {**found.facts, "study": self.study.to_toml()}
        return found

    # --- text -------------------------------------------------------------------------------------

    def _headline(self) -> str:
        parts = [self.study.title, f"{self.num_voxels:,} voxels"]
        if self.kind == "well-mixed":
            parts[1] = "well-mixed, no gradients"
        if self.failures:
            parts.append("FAILED")
        elif not self.is_complete:
            parts.append("NOT DONE")
        p = self.provenance
        threads = f"{p.num_threads} thread{'s' if p.num_threads != 1 else ''}"
        return " · ".join([*parts, f"{p.wall_seconds:.2g} s on {threads}"])

    def _trust_lines(self) -> list[str]:
        accepted, rejected = (int(self.stats[n]) for n in ("accepted", "rejected"))
        balance = "mass balance not checked: the model loses drug that it does not count"
        if len(self.balance):
            of = "the dose" if self.study.tumour_volume is not None else "what entered"
            balance = f"mass balance error {self.balance_error:.1e} of {of}"
        lines = [f"{balance} · steps {accepted:,} (rejected {rejected:,})"]
        if self.comparator is not None:
            from krogh.study.comparator import sentence

            lines.append(sentence(self))
        if self.numbers is not None:
            lines.append(f"what limits around a vessel of this density: {self.numbers.verdict}")
        lines += [*self.problem.notes, *self.tumour.notes, *self.more_notes]
        if self.plasma_error is not None:
            lines.append(
                f"plasma solved alone because of {self._reason}; its curve has"
                f" {self.plasma_points:,} points, right to {self.plasma_error:.1g}"
            )
        if self.verification is not None:
            lines.append(str(self.verification))
        return [*lines, *(f"failed: {failure}" for failure in self.failures)]
