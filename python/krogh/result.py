"""Results of a simulation: labeled, immutable, with their provenance.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, did_you_mean
from krogh.exposure import Exposure
from krogh.labeled import LabeledArray
from krogh.provenance import Provenance, SubjectFailure, Verification
from krogh.table import ResultTable, require_extra

__all__ = ["Provenance", "SimulationResult", "SubjectFailure", "Verification"]


@dataclass(frozen=True, eq=False, repr=False)
class SimulationResult:
    """Outputs of every subject, with axes, units and provenance.

    ``result["Cp"]`` is a `LabeledArray`.  With one time grid for all subjects its axes are
    ("subject", "time"); where an event table gives each subject times of its own they are
    ("row",), and `row_subjects` and `times` say whose and when.

    Attributes
    ----------
    subjects
        IDs, shape (num_subjects,).
    times
        Observation times: axes ("time",) or ("row",).
    row_subjects
        Position of each row's subject in `subjects`, shape (num_rows,); None on a shared grid.
    outputs, output_units
        Names and units, in the order of the last axis of the stored values.
    status
        0 for success, shape (num_subjects,); others are explained in `failures`.
    stats
        Steps accepted and rejected, evaluations and Jacobians, each (num_subjects,).
    parameters
        What varied between subjects: name to values, shape (num_subjects,) in declared units.
    steady_residual
        Largest relative residual of the subject's steady states, shape (num_subjects,).
    dose_times
        Times of doses for the marks of the plot, in the result's time unit, with a label each.
    """

    subjects: NDArray[Any]
    times: LabeledArray
    outputs: tuple[str, ...]
    output_units: tuple[str, ...]
    status: NDArray[np.int64]
    provenance: Provenance
    stats: Mapping[str, NDArray[np.int64]]
    steady_residual: NDArray[np.float64]
    row_subjects: NDArray[np.int64] | None = None
    failures: tuple[SubjectFailure, ...] = ()
    exposures: Exposure | None = None
    verification: Verification | None = None
    parameters: Mapping[str, LabeledArray] = field(default_factory=dict)
    dose_times: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    final_states: Mapping[str, LabeledArray] = field(default_factory=dict)
    sensitivity_names: tuple[str, ...] = ()
    sensitivity_units: tuple[str, ...] = ()
    is_complete: bool = True
    _values: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0, 0)))
    _sensitivities: NDArray[np.float64] | None = None

    # --- access -----------------------------------------------------------------------------------

    @property
    def time_unit(self) -> str:
        """Unit of every time in the result."""
        return self.times.unit

    @property
    def num_failed(self) -> int:
        """Number of subjects without a result."""
        return int(np.count_nonzero(self.status))

    def _position(self, output: str) -> int:
        if output not in self.outputs:
            raise SpecError(
                f"KG-118: the result has no output {output!r}."
                f"{did_you_mean(output, self.outputs)}  Outputs: {', '.join(self.outputs)}."
            )
        return self.outputs.index(output)

    def _labeled(self, values: NDArray[Any], name: str, unit: str) -> LabeledArray:
        if self.row_subjects is not None:
            coords = {"row": np.arange(values.shape[0])}
            return LabeledArray(values, ("row",), unit, name, coords)
        return LabeledArray(
            values,
            ("subject", "time"),
            unit,
            name,
            {"subject": self.subjects, "time": self.times.values},
            {"time": self.time_unit},
        )

    def _column(self, stored: NDArray[np.float64], *last: int) -> NDArray[np.float64]:
        return stored[..., last[0]] if len(last) == 1 else stored[..., last[0], last[1]]

    def __getitem__(self, output: str) -> LabeledArray:
        position = self._position(output)
        return self._labeled(
            self._column(self._values, position), output, self.output_units[position]
        )

    def __contains__(self, output: object) -> bool:
        return output in self.outputs

    def __iter__(self) -> Iterator[str]:
        return iter(self.outputs)

    def __len__(self) -> int:
        return len(self.outputs)

    def sensitivity(self, output: str, name: str) -> LabeledArray:
        """Return d(output)/d(name), shaped as the output, in output unit per unit of `name`.

        Parameters
        ----------
        output
            Output name.
        name
            A direction as it was asked for: ``"CL"``, ``"initial:C"``, ``"dose[0].amount"``.
        """
        position = self._position(output)
        if name not in self.sensitivity_names or self._sensitivities is None:
            raise SpecError(
                f"KG-118: no sensitivity to {name!r} was asked for."
                f"{did_you_mean(name, self.sensitivity_names)}"
                f"  Available: {', '.join(self.sensitivity_names) or 'none'};"
                " simulate(..., sensitivities=[...])."
            )
        k = self.sensitivity_names.index(name)
        below = self.sensitivity_units[k]
        unit = f"({self.output_units[position] or '1'})/({below or '1'})"
        return self._labeled(
            self._column(self._sensitivities, position, k), f"d({output})/d({name})", unit
        )

    def sel(self, *, subject: Any) -> SimulationResult:
        """Return the result of one subject, or of a list of them, by ID."""
        places: dict[Any, list[int]] = {}
        for index, identity in enumerate(self.subjects.tolist()):
            places.setdefault(identity, []).append(index)
        chosen: list[int] = []
        for item in np.atleast_1d(np.asarray(subject)).tolist():
            if item not in places:
                known = f"{self.subjects[0]!s} .. {self.subjects[-1]!s}"
                raise SpecError(f"KG-118: no subject {item!s}; there are {known}.")
            chosen.extend(places[item])
        return self._pick(np.array(chosen, dtype=np.int64))

    def _pick(self, chosen: NDArray[np.int64]) -> SimulationResult:
        ids = set(self.subjects[chosen].tolist())
        changes: dict[str, Any] = {
            "subjects": self.subjects[chosen],
            "status": self.status[chosen],
            "stats": {k: v[chosen] for k, v in self.stats.items()},
            "steady_residual": self.steady_residual[chosen],
            "failures": tuple(f for f in self.failures if f.subject in ids),
            "exposures": _pick_exposure(self.exposures, chosen),
            "parameters": {k: _pick_array(v, chosen) for k, v in self.parameters.items()},
            "final_states": {k: _pick_array(v, chosen) for k, v in self.final_states.items()},
        }
        if self.row_subjects is None:
            changes["_values"] = self._values[chosen]
            if self._sensitivities is not None:
                changes["_sensitivities"] = self._sensitivities[chosen]
        else:
            rows = np.concatenate([np.flatnonzero(self.row_subjects == c) for c in chosen])
            order = np.concatenate(
                [np.full(np.count_nonzero(self.row_subjects == c), k) for k, c in enumerate(chosen)]
            )
            changes["_values"] = self._values[rows]
            if self._sensitivities is not None:
                changes["_sensitivities"] = self._sensitivities[rows]
            changes["row_subjects"] = order
            changes["times"] = LabeledArray(
                self.times.values[rows], ("row",), self.time_unit, "time"
            )
        return replace(self, **changes)

    # --- summaries --------------------------------------------------------------------------------

    def _on_grid(self, what: str) -> None:
        if self.row_subjects is not None:
            raise SpecError(
                f"KG-118: {what} need one time grid for all subjects, and the event table gives"
                " each its own.  Give a grid: simulate(..., times=([0, 1, 2], 'h')) or until='7 d'."
            )

    def quantiles(self, output: str, levels: Sequence[float]) -> LabeledArray:
        """Return quantiles over subjects, axes ("quantile", "time"); failed ones left out."""
        self._on_grid("quantiles")
        return self[output].quantiles(levels)

    def median(self, output: str) -> LabeledArray:
        """Return the median over subjects, axes ("time",)."""
        return self.quantiles(output, [0.5]).sel(quantile=0.5)

    def interval(self, output: str, level: float = 0.9) -> LabeledArray:
        """Return the central interval over subjects, axes ("quantile", "time")."""
        if not 0.0 < level < 1.0:
            raise SpecError(f"KG-118: level must lie between 0 and 1, not {level!r}.")
        return self.quantiles(output, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])

    def _exposures(self) -> Exposure:
        if self.exposures is None:
            raise SpecError(
                "KG-118: no metrics were taken; simulate(..., metrics=True).  Where a clock of an"
                " event table starts anew (EVID 3 or 4 with an earlier time) there are none."
            )
        return self.exposures

    def exposure(
        self, output: str | Sequence[str] | None = None, window: str | Sequence[str] | None = None
    ) -> ResultTable:
        """Return exposure metrics: a row for each subject, output and window.

        Cmax, Tmax, Cmin, Tmin, trough, AUC, Cavg, and where known time above and time to the
        threshold, terminal half-life, AUC to infinity and its extrapolated share.
        """
        return self._exposures().table(output, window)

    def exposure_summary(
        self,
        output: str | Sequence[str] | None = None,
        window: str | Sequence[str] | None = None,
        level: float = 0.9,
    ) -> ResultTable:
        """Return median and interval of the exposure metrics over the subjects."""
        return self._exposures().summary(output, window, level)

    # --- export -----------------------------------------------------------------------------------

    def to_table(self) -> ResultTable:
        """Return the long table: ID, TIME and a column for each output."""
        count = self.times.shape[0]
        if self.row_subjects is None:
            ids = np.repeat(self.subjects, count)
            time = np.tile(self.times.values, len(self.subjects))
        else:
            ids = self.subjects[self.row_subjects]
            time = self.times.values
        columns: dict[str, NDArray[Any]] = {"ID": ids, "TIME": time}
        for output in self.outputs:
            columns[output] = self[output].values.reshape(-1)
        named = dict(zip(self.outputs, self.output_units, strict=True))
        return ResultTable(columns, {"TIME": self.time_unit, **named})

    def to_frame(self) -> Any:
        """Return the long table as a pandas DataFrame; units in ``frame.attrs["units"]``.

        Raises
        ------
        MissingExtra
            KG-901 without pandas.
        """
        return self.to_table().to_frame()

    def to_csv(self, path: str | Path | None = None) -> str:
        """Return the long table as CSV, units in the header, and write it where a path is given."""
        return self.to_table().to_csv(path)

    def to_xarray(self) -> Any:
        """Return an xarray Dataset with units in the attributes and provenance in the global ones.

        Raises
        ------
        MissingExtra
            KG-901 without xarray.
        """
        xarray = require_extra("xarray", "a labeled dataset")
        data = {name: self[name].to_xarray() for name in self.outputs}
        dataset = xarray.Dataset(data)
        if self.row_subjects is not None:
            dataset = dataset.assign_coords(
                subject=("row", self.subjects[self.row_subjects]),
                time=("row", self.times.values, {"units": self.time_unit}),
            )
        p = self.provenance
        dataset.attrs.update(
            krogh_version=p.version,
            model=p.model,
            model_hash=p.model_hash,
            dosing=p.dosing,
            seed=p.seed,
            rtol=p.rtol,
            method=p.method,
        )
        return dataset

    def plot(
        self,
        outputs: str | Sequence[str] | None = None,
        *,
        log: bool = False,
        level: float = 0.9,
        data: Any = None,
        path: str | Path | None = None,
    ) -> Any:
        """Draw the outputs against time; see `krogh.plot.plot_result`."""
        from krogh.plot import plot_result

        return plot_result(self, outputs, log=log, level=level, data=data, path=path)

    # --- text -------------------------------------------------------------------------------------

    def _headline(self) -> str:
        count = len(self.subjects)
        people = f"{count:,} subject{'s' if count != 1 else ''}"
        failed = f", {self.num_failed:,} FAILED" if self.num_failed else ""
        stopped = "" if self.is_complete else ", STOPPED before the end"
        return f"{self.provenance.model}: {people}{failed}{stopped}"

    def _lines(self) -> list[str]:
        t = self.times.values
        span = f"{t.min():.4g} .. {t.max():.4g}" if t.size else "none"
        many = f"{t.shape[0]:,} {'rows' if self.row_subjects is not None else 'times'}"
        lines = [
            f"dosing   {self.provenance.dosing}",
            f"times    {many}, {span} {self.time_unit}",
        ]
        if self.verification is not None:
            lines.append(str(self.verification))
        residual = float(np.nanmax(self.steady_residual, initial=0.0))
        if residual > 0.0:
            lines.append(f"steady state residual at most {residual:.2g} (relative)")
        lines.extend(f"failed   {failure}" for failure in self.failures[:5])
        if len(self.failures) > 5:
            lines.append(f"         ... and {len(self.failures) - 5:,} more in .failures")
        return lines

    def summary(self) -> ResultTable:
        """Return the main metrics: a row for each output and window."""
        return _summary(self)

    def __str__(self) -> str:
        return "\n".join(
            [self._headline(), *self._lines(), str(_summary(self)), str(self.provenance)]
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        lines = "<br>".join(html.escape(line) for line in self._lines())
        return (
            f"<div><strong>{html.escape(self._headline())}</strong><br>{lines}"
            f"{_summary(self)._repr_html_()}"
            f"<small>{html.escape(str(self.provenance))}</small></div>"
        )


def _pick_array(array: LabeledArray, chosen: NDArray[np.int64]) -> LabeledArray:
    coords = {**array.coords, "subject": array.coords["subject"][chosen]}
    return LabeledArray(array.values[chosen], array.dims, array.unit, array.name, coords)


def _pick_exposure(exposure: Exposure | None, chosen: NDArray[np.int64]) -> Exposure | None:
    if exposure is None:
        return None
    tail = exposure.tail
    if tail is not None:
        begin = tail.begin[chosen] if tail.begin.ndim else tail.begin
        half_life, area = tail.half_life[chosen], tail.area[chosen]
        tail = replace(tail, half_life=half_life, area=area, begin=begin)
    own = exposure.begin.ndim == 2
    return replace(
        exposure,
        subjects=exposure.subjects[chosen],
        begin=exposure.begin[chosen] if own else exposure.begin,
        end=exposure.end[chosen] if own else exposure.end,
        metrics=exposure.metrics[chosen],
        tail=tail,
    )


def _middle(values: NDArray[np.float64]) -> str:
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return "-"
    if values.size == 1:
        return f"{finite[0]:.4g}"
    low, mid, high = np.quantile(finite, [0.05, 0.5, 0.95])
    return f"{mid:.3g} ({low:.3g} .. {high:.3g})"


def _summary(result: SimulationResult) -> ResultTable:
    """Return medians with 90 % intervals per output and window, or final values without metrics."""
    exposure = result.exposures
    rows: dict[str, list[str]] = {}

    def add(**cells: str) -> None:
        for name, cell in cells.items():
            rows.setdefault(name, []).append(cell)

    on_grid = result.row_subjects is None
    people = "median (5 % .. 95 % of the subjects)" if len(result.subjects) > 1 else ""
    if exposure is None:
        for output, unit in zip(result.outputs, result.output_units, strict=True):
            values = result[output].values
            if on_grid and values.size:
                add(output=f"{output} [{unit or '1'}]", last=_middle(values[:, -1]))
            else:
                add(output=f"{output} [{unit or '1'}]", values=_middle(values))
        return ResultTable(rows, title=people if on_grid else "median (5 % .. 95 %) of the rows")
    shown = ("Cmax", "Tmax", "trough", "AUC", "half_life")
    for m, output in enumerate(exposure.outputs):
        for w, label in enumerate(exposure.labels):
            metrics = exposure._metrics_of(m, w)
            cells = {name: _middle(metrics[name]) for name in shown if name in metrics}
            add(output=f"{output} [{exposure.units[m] or '1'}]", window=label, **cells)
    timed = {"Tmax": result.time_unit, "half_life": result.time_unit}
    if len(set(exposure.units)) == 1:
        timed["AUC"] = exposure._unit_of("AUC", 0)
    return ResultTable(rows, {k: u for k, u in timed.items() if k in rows}, people)
