"""The four-level table: what each level reads, its targets, and whether they are reached.

SPDX-License-Identifier: BSD-3-Clause

Everything is read at one time of the run, by default the last.  Statistics over cells are weighted
by their volume and, where the model has an output `viable`, by the share of cells that is alive.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError
from krogh.table import ResultTable
from krogh.units import convert, format_number, parse_quantity, require_dimension

if TYPE_CHECKING:
    from types import ModuleType

    from krogh.labeled import LabeledArray
    from krogh.study.result import DrugName, Mark

__all__ = [
    "LEVEL_NAMES",
    "LevelSource",
    "Row",
    "TargetOutcome",
    "level_rows",
    "levels_table",
    "table_text",
]

LEVEL_NAMES: Final = {1: "systemic", 2: "tissue", 3: "engagement", 4: "effect"}
"""The four levels by number."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TargetOutcome:
    """What became of one target of a study.

    Attributes
    ----------
    text
        The target as it was written.
    level
        1 systemic, 2 tissue, 3 engagement, 4 effect.
    measure
        What is compared: the left side of the target, in words.
    wanted
        What it is compared with, such as ``">= 90 %"``.
    values
        The measure of each line, shape (lines,), in `unit`.
    unit
        Such as ``"%"``.
    reached
        Shape (lines,).
    """

    text: str
    level: int
    measure: str
    wanted: str
    values: Floats
    unit: str
    reached: NDArray[np.bool_]


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes
    ----------
    level
        1 systemic, 2 tissue, 3 engagement, 4 effect.
    measure
        What is read, in words.
    values
        Shape (lines,), in `unit`; unit ``"%"`` is a share in per cent.
    key
        A short name that does not change, for finding the row: ``"depth:TDM1"``.
    at_least
        Shape (lines,): True where the value is a lower bound.
    target, reached
        What is wanted and whether each line reaches it, or an empty text and None.
    """

    level: int
    measure: str
    values: Floats
    unit: str
    key: str
    at_least: NDArray[np.bool_] | None = None
    target: str = ""
    reached: NDArray[np.bool_] | None = None

    @property
    def value(self) -> float:
        """The value of the only line, or the median of several."""
        finite = self.values[np.isfinite(self.values)]
        return float(np.median(finite)) if finite.size else float("nan")

    @property
    def text(self) -> str:
        """The value with its unit, as it is printed."""
        return _value_text(self)

    @property
    def reached_text(self) -> str:
        """``"yes"``, ``"no"``, the share of the lines that reach the target, or ``"-"``."""
        if self.reached is None:
            return "-"
        if self.reached.size == 1:
            return "yes" if self.reached[0] else "no"
        return f"{self.reached.mean():.0%} of lines"


def _number(value: float) -> str:
    if not np.isfinite(value):
        return "-"
    if value != 0.0 and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.3g}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


def _value_text(row: Row) -> str:
    unit = "" if row.unit in ("", "1") else f" {row.unit}"
    finite = row.values[np.isfinite(row.values)]
    if finite.size == 0:
        return "-"
    bound = row.at_least is not None and bool(np.median(row.at_least) > 0.5)
    sign = "> " if bound else ""
    if row.values.size == 1:
        return f"{sign}{_number(float(finite[0]))}{unit}"
    low, middle, high = np.quantile(finite, [0.05, 0.5, 0.95])
    return f"{sign}{_number(middle)}{unit} ({_number(low)} .. {_number(high)})"


class LevelSource(Protocol):
    """What the rows are read from: a `StudyResult` along lines, a `TumourResult` in voxels."""

    @property
    def times(self) -> LabeledArray:
        """Recorded times."""

    @property
    def drugs(self) -> tuple[DrugName, ...]:
        """Names of the drugs."""

    @property
    def marks(self) -> Mapping[str, Mark]:
        """Output name to the value that cells are counted against."""

    @property
    def targets(self) -> tuple[TargetOutcome, ...]:
        """What became of the targets."""

    @property
    def tissue(self) -> Collection[str]:
        """Names of the tissue's outputs."""

    @property
    def target_labels(self) -> tuple[str, ...]:
        """Labels of the targets whose occupancy is known."""

    @property
    def statistics(self) -> ModuleType:
        """Statistics over cells: ``mean``, ``quantile``, ``share_at_least``."""

    @property
    def has_depth(self) -> bool:
        """Whether there is a distance to the supply."""

    @property
    def beside(self) -> str:
        """Where the depth begins, in words."""

    @property
    def cell_volumes(self) -> Floats:
        """Volumes of the cells, shape (lines, cells)."""

    def plasma_of(self, name: str) -> tuple[Floats, Floats, str] | None:
        """Return times (recorded ones among them), values and unit of a plasma output, or None.

        Values have the shape (lines, times).
        """

    def at_record(self, name: str, k: int) -> Floats:
        """Return an output of the tissue at a recorded time, shape (lines, cells)."""

    def unit_of(self, name: str) -> str:
        """Return the unit of an output of the tissue."""

    def weights(self, time: int = -1) -> Floats:
        """Return the volume of living cells at a recorded time, shape (lines, cells)."""

    def half_depth(self, name: str, k: int) -> tuple[Floats, NDArray[np.bool_]]:
        """Return where an output has fallen to half, um, and whether it has, shape (lines,)."""


# --- the rows of each level -----------------------------------------------------------------------


def level_rows(result: LevelSource, at: Any = None) -> tuple[Row, ...]:
    """Return the rows of the table for one time of the run.

    Parameters
    ----------
    result
        What `Study.run` returned, along lines or in voxels.
    at
        A time with unit, ``"12 h"``; the last of the run if left out.  It must be a recorded time.

    Raises
    ------
    SpecError
        KG-119 for a time that was not recorded.
    """
    k = time_position(result, at)
    rows = [*_systemic(result, k), *_tissue(result, k), *_engagement(result, k)]
    rows += _effect(result, k)
    if k == len(result.times) - 1:
        rows = _with_targets(rows, result.targets)
    return tuple(sorted(rows, key=lambda row: row.level))


def time_position(result: LevelSource, at: Any) -> int:
    """Return the position of a recorded time; see `level_rows`."""
    times = result.times.values
    if at is None:
        return len(times) - 1
    asked = parse_quantity(at, "the time")
    require_dimension(asked.unit, "h", "the time")
    value = convert(asked.value, asked.unit, result.times.unit)
    k = int(np.argmin(np.abs(times - value)))
    if abs(times[k] - value) > 1e-9 * max(abs(value), float(times[-1])):
        raise SpecError(
            f"KG-119: {asked} was not recorded; the nearest recorded time is"
            f" {format_number(float(times[k]))} {result.times.unit}.  Study(..., times=[...]) says"
            " which times are."
        )
    return k


def _systemic(result: LevelSource, k: int) -> Iterator[Row]:
    times, unit = result.times.values, result.times.unit
    for drug in result.drugs:
        found = result.plasma_of(f"Cp_{drug.label}")
        if found is None:
            continue
        at_times, curve, of = found
        upto = at_times <= times[k]
        values = curve[:, upto]
        who = drug.name
        yield Row(1, f"{who} in plasma, Cmax", values.max(axis=1), of, f"Cmax:{drug.label}")
        at = f"{format_number(float(times[k]))} {unit}"
        yield Row(1, f"{who} in plasma at {at}", values[:, -1], of, f"last:{drug.label}")
        area = area_under(at_times[upto], values)
        yield Row(1, f"{who} in plasma, AUC", area, f"{of} {unit}", f"AUC:{drug.label}")


def area_under(times: Floats, values: Floats) -> Floats:
    """Return the area under curves, shape (lines,): linear upward, logarithmic downward.

    The logarithmic rule is exact for one exponential between two times (Gabrielsson & Weiner 2012,
    Methods Mol Biol 929:377, doi:10.1007/978-1-62703-050-2_16).
    """
    if values.shape[1] < 2:
        return np.zeros(values.shape[0])
    first, second, step = values[:, :-1], values[:, 1:], np.diff(times)
    falls = (second > 0.0) & (first > second * (1.0 + 1e-6))
    with np.errstate(divide="ignore", invalid="ignore"):
        log = (first - second) / np.log(np.where(falls, first / second, np.e))
    return np.asarray((np.where(falls, log, 0.5 * (first + second)) * step).sum(axis=1))


def _tissue(result: LevelSource, k: int) -> Iterator[Row]:
    weights, statistics = result.weights(k), result.statistics
    for drug in result.drugs:
        name = f"free_{drug.label}"
        mark = result.marks.get(name)
        if name in result.tissue and mark is not None:
            share = statistics.share_at_least(result.at_record(name, k), weights, mark.values)
            words = f"cells with free {drug.name} >= {mark.words}"
            yield Row(2, words, 100.0 * share, "%", f"free:{drug.label}")
        elif name in result.tissue:
            values, unit = result.at_record(name, k), result.unit_of(name)
            found = statistics.mean(values, weights)
            yield Row(2, f"free {drug.name}, mean", found, unit, f"mean {name}")
            found = statistics.quantile(values, weights, 0.1)
            words = f"free {drug.name}, 10th percentile"
            yield Row(2, words, found, unit, f"10th percentile {name}")
        total = f"total_{drug.label}"
        if total in result.tissue and result.has_depth:
            depth, reached = result.half_depth(total, k)
            words = f"{drug.name} penetration depth (half of that {result.beside})"
            yield Row(2, words, depth, "um", f"depth:{drug.label}", at_least=~reached)


def _engagement(result: LevelSource, k: int) -> Iterator[Row]:
    weights, statistics = result.weights(k), result.statistics
    for target in result.target_labels:
        values = result.at_record(f"occupancy_{target}", k)
        key = f"occupancy:{target}"
        what = f"{target} occupancy"
        yield Row(3, f"{what}, mean", 100.0 * statistics.mean(values, weights), "%", f"mean {key}")
        for level, words in ((0.5, "median"), (0.1, "10th percentile")):
            found = 100.0 * statistics.quantile(values, weights, level)
            yield Row(3, f"{what}, {words}", found, "%", f"{words} {key}")
        share = 100.0 * statistics.share_at_least(values, weights, 0.9)
        yield Row(3, f"cells with {what} >= 90 %", share, "%", key)


def _effect(result: LevelSource, k: int) -> Iterator[Row]:
    weights, statistics = result.weights(k), result.statistics
    for kind in ("uptake", "payload"):
        for drug in result.drugs:
            name = f"{kind}_{drug.label}"
            if name not in result.tissue:
                continue
            values = result.at_record(name, k)
            words = f"{drug.name} {kind}"
            yield Row(
                4, f"{words} per cell, mean", statistics.mean(values, weights), "1", f"mean {name}"
            )
            mark = result.marks.get(name)
            if mark is not None:
                share = 100.0 * statistics.share_at_least(values, weights, mark.values)
                yield Row(4, f"cells with {words} >= {mark.words}", share, "%", name)
    for name in result.tissue:
        if name.startswith("kill_"):
            rate = statistics.mean(result.at_record(name, k), weights)
            label = name.removeprefix("kill_")
            who = next((drug.name for drug in result.drugs if drug.label == label), label)
            yield Row(4, f"{who} kill, mean rate", rate, result.unit_of(name), name)
    if "viable" in result.tissue:
        alive = 100.0 * statistics.mean(result.at_record("viable", k), result.cell_volumes)
        yield Row(4, "cells alive", alive, "%", "viable")


def _with_targets(rows: list[Row], targets: Sequence[TargetOutcome]) -> list[Row]:
    """Return the rows with one for every target; a row that says the same gives way to it."""
    found = list(rows)
    for target in targets:
        row = Row(
            target.level,
            target.measure,
            target.values,
            target.unit,
            f"target:{target.text}",
            target=target.wanted,
            reached=target.reached,
        )
        same = [k for k, other in enumerate(found) if _says(other, target)]
        if same:
            found[same[0]] = replace(row, key=found[same[0]].key)
        else:
            found.append(row)
    return found


def _says(row: Row, target: TargetOutcome) -> bool:
    """Whether a row is the share of cells above 90 % occupancy that a target is about."""
    label = row.key.partition(":")[2]
    return (
        row.key.startswith("occupancy:")
        and target.measure.endswith(("occupancy >= 90 %", f"occupancy of {label} >= 90 %"))
        and bool(np.allclose(row.values, target.values, rtol=1e-9, atol=1e-9, equal_nan=True))
    )


# --- the table ------------------------------------------------------------------------------------


def levels_table(rows: Sequence[Row], num_lines: int) -> ResultTable:
    """Return rows as a table of numbers: median, 5 and 95 % quantile where there are several lines.

    Columns: level, measure, value, (5 %, 95 %,) unit, target, reached, and the key by which
    `StudyResult.value` finds the row.
    """
    columns: dict[str, list[Any]] = {
        "level": [f"{row.level} {LEVEL_NAMES[row.level]}" for row in rows],
        "measure": [row.measure for row in rows],
        "value": [row.value for row in rows],
    }
    if num_lines > 1:
        for name, level in (("5 %", 0.05), ("95 %", 0.95)):
            columns[name] = [float(np.nanquantile(row.values, level)) for row in rows]
    columns |= {
        "unit": [row.unit for row in rows],
        "target": [row.target or "-" for row in rows],
        "reached": [row.reached_text for row in rows],
        "key": [row.key for row in rows],
    }
    return ResultTable(columns)


def table_text(rows: Sequence[Row]) -> str:
    """Return the rows as text, four columns beside the level's name, which stands once."""
    cells = [("level", "measure", "value", "target", "reached")]
    before = 0
    for row in rows:
        level = f"{row.level} {LEVEL_NAMES[row.level]}" if row.level != before else ""
        before = row.level
        cells.append((level, row.measure, row.text, row.target or "-", row.reached_text))
    widths = [max(len(line[i]) for line in cells) for i in range(5)]
    right = (False, False, True, False, False)
    lines = []
    for line in cells:
        pairs = zip(line, widths, right, strict=True)
        lines.append("  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in pairs).rstrip())
    return "\n".join(lines)
