"""Exposure metrics as the solver took them, and the table made of them.

SPDX-License-Identifier: BSD-3-Clause

Maxima, minima, integrals and times above a threshold come from the continuous output of every step
inside the solver; nothing here is computed from sampled points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, did_you_mean
from krogh.labeled import LabeledArray
from krogh.table import ResultTable

__all__ = ["Exposure", "Tail"]

MAXIMUM: Final = 0
TIME_OF_MAXIMUM: Final = 1
MINIMUM: Final = 2
TIME_OF_MINIMUM: Final = 3
INTEGRAL: Final = 4
TIME_ABOVE: Final = 5
LAST: Final = 6
FIRST_ABOVE: Final = 7

_ROUND_OFF: Final = 1e-12


@dataclass(frozen=True, eq=False)
class Tail:
    """What follows the last moment simulated, shapes (num_subjects, num_outputs).

    Attributes
    ----------
    half_life
        Terminal half-life in the time unit of the result; NaN where the output does not decay.
    area
        Area under the output from `begin` to infinity, output unit times time.
    begin
        Where the area begins: the last moment simulated, or the end of the last window; shape () or
        (num_subjects,), in the time unit of the result.
    how
        ``"slowest mode"`` or ``"decay over the last part of the run"``.
    """

    half_life: NDArray[np.float64]
    area: NDArray[np.float64]
    begin: NDArray[np.float64]
    how: str


@dataclass(frozen=True, eq=False)
class Exposure:
    """Metrics of every output over windows of time.

    Attributes
    ----------
    labels
        Name of each window.
    begin, end
        In the time unit of the result, shape (num_windows,) or (num_subjects, num_windows); NaN
        where a subject has fewer windows.
    metrics
        Maximum, its time, minimum, its time, integral, time above the threshold, last value (just
        before a dose that is given at the end), first time at the threshold; shape
        (num_subjects, num_windows, num_outputs, 8), in output and time units.
    thresholds
        Output name to its threshold in the output's unit; others have none.
    """

    subjects: NDArray[Any]
    outputs: tuple[str, ...]
    units: tuple[str, ...]
    time_unit: str
    labels: tuple[str, ...]
    begin: NDArray[np.float64]
    end: NDArray[np.float64]
    metrics: NDArray[np.float64]
    tail: Tail | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def output_index(self, output: str) -> int:
        """Return the position of an output."""
        if output not in self.outputs:
            raise SpecError(
                f"KG-118: no output {output!r}.{did_you_mean(output, self.outputs)}"
                f"  Outputs: {', '.join(self.outputs)}."
            )
        return self.outputs.index(output)

    def window_index(self, window: str) -> int:
        """Return the position of a window."""
        if window not in self.labels:
            raise SpecError(
                f"KG-118: no window {window!r}.{did_you_mean(window, self.labels)}"
                f"  Windows: {', '.join(self.labels)}."
            )
        return self.labels.index(window)

    def metric(self, name: str, output: str, window: str) -> LabeledArray:
        """Return one metric over the subjects.

        Parameters
        ----------
        name
            A column of `table`: Cmax, Tmax, Cmin, Tmin, trough, AUC, Cavg, time_above, half_life,
            AUC_inf, extrapolated, time_to_threshold.
        output, window
            Names.
        """
        m, w = self.output_index(output), self.window_index(window)
        columns = self._metrics_of(m, w)
        if name not in columns:
            raise SpecError(
                f"KG-118: no metric {name!r}.{did_you_mean(name, columns)}"
                f"  Metrics: {', '.join(columns)}."
            )
        unit = self._unit_of(name, m)
        return LabeledArray(
            columns[name], ("subject",), unit, f"{name} of {output}", {"subject": self.subjects}
        )

    def _unit_of(self, name: str, output: int) -> str:
        unit = self.units[output]
        if name in ("Tmax", "Tmin", "time_above", "half_life", "time_to_threshold"):
            return self.time_unit
        if name in ("AUC", "AUC_inf"):
            return f"{unit}*{self.time_unit}" if unit not in ("", "1") else self.time_unit
        return "1" if name == "extrapolated" else unit

    def _metrics_of(self, m: int, w: int) -> dict[str, NDArray[np.float64]]:
        v = self.metrics[:, w, m, :]
        begin = self.begin[..., w] if self.begin.ndim == 2 else self.begin[w]
        end = self.end[..., w] if self.end.ndim == 2 else self.end[w]
        with np.errstate(invalid="ignore", divide="ignore"):
            columns = {
                "Cmax": v[:, MAXIMUM],
                "Tmax": v[:, TIME_OF_MAXIMUM] - begin,
                "Cmin": v[:, MINIMUM],
                "Tmin": v[:, TIME_OF_MINIMUM] - begin,
                "trough": v[:, LAST],
                "AUC": v[:, INTEGRAL],
                "Cavg": v[:, INTEGRAL] / (end - begin),
            }
            if self.outputs[m] in self.thresholds:
                columns["time_above"] = v[:, TIME_ABOVE]
                columns["time_to_threshold"] = v[:, FIRST_ABOVE] - begin
            if self.tail is not None:
                columns["half_life"] = self.tail.half_life[:, m]
                meets = self._meets_tail(self.tail, end)
                if np.any(meets):
                    total = np.where(meets, v[:, INTEGRAL] + self.tail.area[:, m], np.nan)
                    columns["AUC_inf"] = total
                    columns["extrapolated"] = self.tail.area[:, m] / total
        absent = np.isnan(begin)  # a subject without this window has nothing in it, not zero
        return {name: np.where(absent, np.nan, column) for name, column in columns.items()}

    def _meets_tail(self, tail: Tail, end: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether a window ends where the tail begins, so that their areas add up."""
        apart = np.abs(end - tail.begin)
        met: NDArray[np.bool_] = apart <= _ROUND_OFF * np.maximum(np.abs(end), np.abs(tail.begin))
        return met

    def table(
        self, output: str | Sequence[str] | None = None, window: str | Sequence[str] | None = None
    ) -> ResultTable:
        """Return the metrics of every subject, window and output.

        Times (Tmax, Tmin, time_to_threshold) count from the beginning of the window; ``trough`` is
        the last value of the window, before a dose that is given at its end; ``extrapolated`` is
        the share of AUC_inf that lies beyond the run.
        """
        outputs = _chosen(output, self.outputs, self.output_index)
        windows = _chosen(window, self.labels, self.window_index)
        parts: list[dict[str, NDArray[Any]]] = []
        for m in outputs:
            for w in windows:
                part: dict[str, NDArray[Any]] = {
                    "subject": self.subjects,
                    "output": np.full(len(self.subjects), self.outputs[m]),
                    "window": np.full(len(self.subjects), self.labels[w]),
                }
                part.update(self._metrics_of(m, w))
                begin = self.begin[..., w]
                keep = np.broadcast_to(~np.isnan(begin), (len(self.subjects),))
                parts.append({name: values[keep] for name, values in part.items()})
        names = list(dict.fromkeys(name for part in parts for name in part))
        names.sort(key=_ORDER.index)
        sizes = [len(part["subject"]) for part in parts]
        columns = {
            name: np.concatenate(
                [p.get(name, np.full(n, np.nan)) for p, n in zip(parts, sizes, strict=True)]
            )
            for name in names
        }
        shared = {self.units[m] for m in outputs}
        column_units = {
            name: self._unit_of(name, outputs[0])
            for name in names
            if name not in ("subject", "output", "window")
            and (len(shared) == 1 or self._unit_of(name, 0) in (self.time_unit, "1"))
        }
        if len(shared) > 1:
            repeated = [self.units[m] for m in outputs for _ in windows]
            unit_column = [np.full(n, u) for n, u in zip(sizes, repeated, strict=True)]
            columns["unit"] = np.concatenate(unit_column)
        order = _subject_order(columns["subject"], self.subjects)
        table = {name: values[order] for name, values in columns.items()}
        return ResultTable(table, column_units, "Exposure")

    def summary(
        self,
        output: str | Sequence[str] | None = None,
        window: str | Sequence[str] | None = None,
        level: float = 0.9,
    ) -> ResultTable:
        """Return median and interval over subjects: a row per output, window and metric."""
        low, high = (1.0 - level) / 2.0, (1.0 + level) / 2.0
        rows: list[tuple[str, str, str, float, float, float, str]] = []
        for m in _chosen(output, self.outputs, self.output_index):
            for w in _chosen(window, self.labels, self.window_index):
                for name, values in self._metrics_of(m, w).items():
                    finite = values[np.isfinite(values)]
                    q = np.quantile(finite, [0.5, low, high]) if finite.size else [np.nan] * 3
                    rows.append(
                        (
                            self.outputs[m],
                            self.labels[w],
                            name,
                            float(q[0]),
                            float(q[1]),
                            float(q[2]),
                            self._unit_of(name, m),
                        )
                    )
        head = ("output", "window", "metric", "median", f"{low:.0%}", f"{high:.0%}", "unit")
        columns = zip(*rows, strict=True) if rows else [[] for _ in head]
        return ResultTable(dict(zip(head, columns, strict=True)), {}, "Exposure over subjects")


_ORDER: Final = [
    "subject",
    "output",
    "window",
    "Cmax",
    "Tmax",
    "Cmin",
    "Tmin",
    "trough",
    "AUC",
    "Cavg",
    "time_above",
    "time_to_threshold",
    "half_life",
    "AUC_inf",
    "extrapolated",
]


def _chosen(names: str | Sequence[str] | None, known: Sequence[str], index: Any) -> list[int]:
    if names is None:
        return list(range(len(known)))
    return [index(name) for name in ([names] if isinstance(names, str) else names)]


def _subject_order(column: NDArray[Any], subjects: NDArray[Any]) -> NDArray[np.int64]:
    """Rows by subject in the subjects' order; outputs and windows stay in theirs."""
    place = {subject: k for k, subject in enumerate(subjects.tolist())}
    return np.argsort([place[s] for s in column.tolist()], kind="stable")
