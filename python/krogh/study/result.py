"""The result of a study: arrays with names and units, the four-level table, how it came about.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, did_you_mean
from krogh.labeled import LabeledArray
from krogh.provenance import Provenance
from krogh.study.level_table import FourLevels
from krogh.study.levels import TargetOutcome
from krogh.table import ResultTable, require_extra

if TYPE_CHECKING:
    from types import ModuleType

    from krogh.study.limits import Limit
    from krogh.study.numbers import Numbers
    from krogh.study.study import Study

__all__ = ["DrugName", "Mark", "StudyResult"]


@dataclass(frozen=True)
class DrugName:
    """How a drug is called: `label` behind the names of outputs, `name` for people."""

    label: str
    name: str


@dataclass(frozen=True)
class Mark:
    """A value of an output that the table counts cells against.

    Attributes
    ----------
    values
        Shape (lines,), in the unit of the output.
    words
        How the table calls it, such as ``"Kd (0.49 nM)"``.
    """

    values: NDArray[np.float64]
    words: str


@dataclass(frozen=True, eq=False, repr=False)
class StudyResult(FourLevels):
    """What `Study.run` found, along one line or several.

    ``result["occupancy_HER2"]`` is a `LabeledArray` with the axes ("line", "time", "cell");
    ``result["Cp_TDM1"]``, an output of the plasma, has ("line", "time").

    Attributes
    ----------
    study
        What was asked.
    kind
        ``"line"``, or ``"well-mixed"`` for the comparator without gradients.
    times
        Recorded times, axes ("time",).
    distance, positions, volumes
        Of the middles of the cells from the supplying wall and from the center, and the cells'
        volumes (per um length of a cylinder, per um2 of a slab): axes ("line", "cell").
    tissue, plasma
        Outputs by name.
    drugs
        Names of the drugs.
    marks
        Output name to the value that the table counts cells against.
    targets
        The targets of the study and what became of them.
    ledger
        The balance of amounts: a row for each drug; its worst relative error is `balance_error`.
    stats
        Steps accepted and rejected and other counters of each line, shape (lines,).
    numbers
        The dimensionless report; None for the well-mixed comparator.
    limits
        What the outcome depends on most, the strongest first; empty where it was not asked for.
    comparator
        Result of the same study without gradients, None where it was not asked for.
    failures
        Lines that could not be solved; their values are NaN.
    """

    study: Study
    kind: Literal["line", "well-mixed"]
    times: LabeledArray
    distance: LabeledArray
    positions: LabeledArray
    volumes: LabeledArray
    tissue: Mapping[str, LabeledArray]
    plasma: Mapping[str, LabeledArray]
    drugs: tuple[DrugName, ...]
    marks: Mapping[str, Mark]
    targets: tuple[TargetOutcome, ...]
    ledger: ResultTable
    balance_error: float
    stats: Mapping[str, NDArray[np.int64]]
    provenance: Provenance
    numbers: Numbers | None = None
    limits: tuple[Limit, ...] = ()
    comparator: StudyResult | None = None
    failures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    _cache: dict[str, Any] = field(default_factory=dict)

    # --- access -----------------------------------------------------------------------------------

    @property
    def num_lines(self) -> int:
        """Number of lines."""
        return self.distance.shape[0]

    @property
    def num_cells(self) -> int:
        """Number of cells of a line."""
        return self.distance.shape[1]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tissue outputs."""
        return tuple(self.tissue)

    def __getitem__(self, output: str) -> LabeledArray:
        for group in (self.tissue, self.plasma):
            if output in group:
                return group[output]
        known = (*self.plasma, *self.tissue)
        raise SpecError(
            f"KG-118: the result has no output {output!r}.{did_you_mean(output, known)}"
            f"  Outputs: {', '.join(known)}."
        )

    def __contains__(self, output: object) -> bool:
        return output in self.tissue or output in self.plasma

    def __iter__(self) -> Iterator[str]:
        yield from self.plasma
        yield from self.tissue

    def __len__(self) -> int:
        return len(self.plasma) + len(self.tissue)

    def weights(self, time: int = -1) -> NDArray[np.float64]:
        """Return the volume of living cells at a recorded time, shape (lines, cells)."""
        volumes = np.asarray(self.volumes.values)
        if "viable" not in self.tissue:
            return volumes
        return np.asarray(volumes * self.tissue["viable"].values[:, time])

    # --- what the table reads ---------------------------------------------------------------------

    @property
    def statistics(self) -> ModuleType:
        """Statistics over the cells of a line."""
        from krogh.study import statistics

        return statistics

    @property
    def has_depth(self) -> bool:
        """Whether there is a distance to the supply."""
        return self.num_cells > 1

    @property
    def beside(self) -> str:
        """Where the depth begins."""
        return "at the wall"

    @property
    def cell_volumes(self) -> NDArray[np.float64]:
        """Volumes of the cells, shape (lines, cells)."""
        return np.asarray(self.volumes.values)

    def plasma_of(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64], str] | None:
        """Return times and values (lines, times) of an output of the plasma, and its unit."""
        if name not in self.plasma:
            return None
        array = self.plasma[name]
        return np.asarray(self.times.values), np.asarray(array.values), array.unit

    def at_record(self, name: str, k: int) -> NDArray[np.float64]:
        """Return an output of the tissue at a recorded time, shape (lines, cells)."""
        return np.asarray(self.tissue[name].values[:, k])

    def unit_of(self, name: str) -> str:
        """Return the unit of an output of the tissue."""
        return self.tissue[name].unit

    def half_depth(self, name: str, k: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return where an output has fallen to half, um, and whether it has, shape (lines,)."""
        from krogh.study.statistics import half_depth

        return half_depth(self.at_record(name, k), self.distance.values)

    def sel(self, *, line: int) -> StudyResult:
        """Return the result of one line, by its position."""
        if not -self.num_lines <= line < self.num_lines:
            raise SpecError(f"KG-118: no line {line}; there are 0 .. {self.num_lines - 1}.")
        k = line % self.num_lines

        def one(array: LabeledArray) -> LabeledArray:
            coords = {**array.coords, "line": array.coords["line"][k : k + 1]}
            return array._with(array.values[k : k + 1], array.dims, coords=coords)

        other = self.comparator
        return replace(
            self,
            distance=one(self.distance),
            positions=one(self.positions),
            volumes=one(self.volumes),
            tissue={name: one(array) for name, array in self.tissue.items()},
            plasma={name: one(array) for name, array in self.plasma.items()},
            marks={n: Mark(m.values[k : k + 1], m.words) for n, m in self.marks.items()},
            targets=tuple(
                replace(t, values=t.values[k : k + 1], reached=t.reached[k : k + 1])
                for t in self.targets
            ),
            stats={name: values[k : k + 1] for name, values in self.stats.items()},
            comparator=None if other is None else other.sel(line=k),
            _cache={},
        )

    # --- pictures and files -----------------------------------------------------------------------

    def plot(self, *, at: Any = None, path: str | Path | None = None) -> Any:
        """Draw one panel per level; see `krogh.study.plot.plot_levels`."""
        from krogh.study.plot import plot_levels

        return plot_levels(self, at=at, path=path)

    def save(self, path: str | Path) -> Path:
        """Save arrays, table, and the study itself as HDF5; `krogh.open` reads it back.

        Raises
        ------
        MissingExtra
            KG-901 without h5py.
        SpecError
            KG-133 for a path that cannot be written, or a full disk; a file that was there stays.
        """
        from krogh.study.store import save_result

        return save_result(self, Path(path))

    def to_table(self) -> ResultTable:
        """Return every tissue output as a long table: line, time, distance and a column each."""
        lines, times, cells = self.num_lines, len(self.times), self.num_cells
        shape = (lines, times, cells)
        line = np.broadcast_to(np.arange(lines)[:, None, None], shape)
        time = np.broadcast_to(self.times.values[None, :, None], shape)
        columns: dict[str, Any] = {
            "line": line.reshape(-1),
            "time": time.reshape(-1),
            "distance": np.broadcast_to(self.distance.values[:, None, :], shape).reshape(-1),
        }
        units = {"time": self.times.unit, "distance": self.distance.unit}
        for name, array in self.plasma.items():
            columns[name] = np.broadcast_to(array.values[:, :, None], shape).reshape(-1)
            units[name] = array.unit
        for name, array in self.tissue.items():
            columns[name] = array.values.reshape(-1)
            units[name] = array.unit
        return ResultTable(columns, {k: u for k, u in units.items() if u not in ("", "1")})

    def to_frame(self) -> Any:
        """Return the long table as a pandas DataFrame; units in ``frame.attrs["units"]``."""
        return self.to_table().to_frame()

    def to_csv(self, path: str | Path | None = None) -> str:
        """Return the long table as CSV, units in the header, and write it where a path is given."""
        return self.to_table().to_csv(path)

    def to_xarray(self) -> Any:
        """Return an xarray Dataset: outputs with units, distances, and the study in its attributes.

        Raises
        ------
        MissingExtra
            KG-901 without xarray.
        """
        xarray = require_extra("xarray", "a labeled dataset")
        data = {name: self[name].to_xarray() for name in self}
        dataset = xarray.Dataset(data)
        for array in (self.distance, self.positions, self.volumes):
            coordinate = (array.dims, array.values, {"units": array.unit})
            dataset = dataset.assign_coords({array.name: coordinate})
        p = self.provenance
        dataset.attrs.update(
            krogh_version=p.version,
            study=self.study.to_toml(),
            kind=self.kind,
            rtol=p.rtol,
            method=p.method,
            balance_error=self.balance_error,
        )
        return dataset

    # --- text -------------------------------------------------------------------------------------

    def _headline(self) -> str:
        parts = [self.study.title]
        if self.kind == "well-mixed":
            parts.append("well-mixed, no gradients")
        if self.num_lines > 1:
            parts.append(f"{self.num_lines:,} lines")
        if self.failures:
            parts.append(f"{len(self.failures):,} FAILED")
        p = self.provenance
        threads = f"{p.num_threads} thread{'s' if p.num_threads != 1 else ''}"
        return " · ".join([*parts, f"{p.wall_seconds:.2g} s on {threads}"])

    def _trust_lines(self) -> list[str]:
        p = self.provenance
        steps = f"steps {p.steps_accepted:,} (rejected {p.steps_rejected:,})"
        balance = ""
        if self.kind == "line" and len(self.ledger):
            of = "the dose" if self.study.tumour_volume is not None else "what entered"
            balance = f"mass balance error {self.balance_error:.1e} of {of} · "
        elif self.kind == "line":
            balance = "mass balance not checked: the model loses drug that it does not count · "
        lines = [balance + steps]
        if self.comparator is not None:
            from krogh.study.comparator import sentence

            lines.append(sentence(self))
        if self.numbers is not None:
            lines.append(f"what limits: {self.numbers.verdict}")
        if self.limits:
            from krogh.study.limits import limits_line

            lines.append(limits_line(self.limits))
        lines.extend(self.notes)
        lines.extend(f"failed: {text}" for text in self.failures[:5])
        if len(self.failures) > 5:
            lines.append(f"... and {len(self.failures) - 5:,} more in .failures")
        return lines
