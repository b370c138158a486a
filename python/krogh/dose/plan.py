"""What a search for a dose returns: the table, the decision and its words, pictures, files.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.dose.decision import Decision, decide, lowest_first
from krogh.dose.drivers import Drawn, Driver, drivers
from krogh.dose.probability import Difference, paired_difference, wilson
from krogh.dose.regimens import Candidate
from krogh.dose.sample import Sample
from krogh.dose.space import Axis
from krogh.dose.target import Target
from krogh.dosing import Regimen
from krogh.errors import SpecError
from krogh.table import ResultTable

__all__ = ["Plan", "Settings"]

Floats = NDArray[np.float64]

_ROWS: Final = 16


@dataclass(frozen=True)
class Settings:
    """How a search was made.

    Attributes
    ----------
    main
        Name of the main drug, None where the regimen has no names.
    seed
        Selects the virtual tumours.
    confidence
        Joint attainment asked for.
    risk
        Share of the tumours in which a limit may be broken.
    until
        End of the run, s.
    exposure
        What the exposure is, in words.
    exposure_unit
        Its unit.
    uncertain
        Names of the values drawn for virtual tumours.
    fingerprint
        Of models, values, settings, targets, regimens and seed: equal for equal searches.
    about
        Further facts for people: drugs, tumour, subject, cells, tolerance, version.
    """

    main: str | None
    seed: int
    confidence: float
    risk: float
    until: float
    exposure: str
    exposure_unit: str
    uncertain: tuple[str, ...]
    fingerprint: str
    about: Mapping[str, str] = field(default_factory=dict)


class Plan:
    """The regimens of a space with their probabilities, and the lowest one that holds.

    Attributes
    ----------
    axes
        What was varied.
    candidates
        The regimens, the last axis varying fastest.
    sample
        What was computed for each regimen and virtual tumour; its last regimen is the study's own
        where that is not in the space.
    settings
        Seed, confidence and so on.
    drawn
        The values of the virtual tumours.
    """

    def __init__(
        self,
        axes: tuple[Axis, ...],
        candidates: tuple[Candidate, ...],
        current: Candidate | None,
        current_position: int | None,
        sample: Sample,
        settings: Settings,
        drawn: Drawn,
    ) -> None:
        self.axes = axes
        self.candidates = candidates
        self.current = current
        self._current_position = current_position
        self.sample = sample
        self.settings = settings
        self.drawn = drawn

    # --- the decision ---------------------------------------------------------------------------

    @cached_property
    def decision(self) -> Decision:
        """The lowest regimen that holds, or what stops all of them."""
        settings = self.settings
        return decide(
            self.sample, self.candidates, self.current, settings.confidence, settings.risk
        )

    @property
    def best(self) -> Regimen | None:
        """The lowest regimen that holds, None where none does."""
        position = self.decision.best
        return None if position is None else self.candidates[position].regimen

    @property
    def label(self) -> str:
        """The decision in a word; see `krogh.dose.decision.Decision`."""
        return self.decision.label

    @property
    def stops(self) -> str | None:
        """Where no regimen holds, the level that stops them: ``"3 engagement"``."""
        return self.decision.stops

    @property
    def is_complete(self) -> bool:
        """Whether all regimens were run."""
        return bool(np.all(self.sample.done))

    # --- numbers --------------------------------------------------------------------------------

    @property
    def targets(self) -> tuple[Target, ...]:
        """What has to be reached."""
        return self.sample.targets

    @property
    def limits(self) -> tuple[Target, ...]:
        """What must not be exceeded."""
        return self.sample.limits

    @cached_property
    def probabilities(self) -> ResultTable:
        """A row for each regimen: its place, totals, probabilities with their 95 % intervals.

        ``P joint`` counts the tumours in which all targets are met and all limits held at once;
        ``error`` is its standard error, ``low`` and ``high`` its Wilson interval; ``P <level>``
        those that meet all targets of one level; ``P limits`` those that hold all limits;
        ``exposure`` is the median.
        """
        rows = np.arange(len(self.candidates))
        sample, n = self.sample, self.sample.tumours
        columns: dict[str, Any] = {}
        units: dict[str, str] = {}
        for k, axis in enumerate(self.axes):
            columns[axis.name] = np.array([axis.values[c.place[k]] for c in self.candidates])
            units[axis.name] = axis.unit
        columns["total"] = np.array([c.total.value for c in self.candidates])
        units["total"] = self.candidates[0].total.unit
        for name, positions in sample.groups.items():
            columns[f"P {name}"] = sample.probability(sample.met(positions))[rows]
        counts = sample.joint.sum(axis=1)[rows]
        low, high = wilson(counts, n)
        done = sample.done[rows]
        columns["P joint"] = sample.probability(sample.joint)[rows]
        joint = columns["P joint"]
        columns["error"] = np.sqrt(joint * (1.0 - joint) / n)
        columns["low"] = np.where(done, low, np.nan)
        columns["high"] = np.where(done, high, np.nan)
        columns["exposure"] = np.array([_median(sample.exposure[k]) for k in rows])
        units["exposure"] = self.settings.exposure_unit
        columns["failed"] = sample.failed[rows]
        return ResultTable(columns, units, "Regimens")

    @property
    def joint(self) -> Floats:
        """Joint attainment on the axes, shape (values of the first axis, of the second, ...)."""
        shape = tuple(len(axis) for axis in self.axes)
        joint: Floats = self.probabilities["P joint"].reshape(shape)
        return joint

    def compare(self, first: int, second: int) -> Difference:
        """Return the paired difference of the joint attainment of two regimens by position."""
        for position in (first, second):
            if not 0 <= position < len(self.candidates) or not self.sample.done[position]:
                raise SpecError(
                    f"KG-118: no regimen {position} was run; there are {len(self.candidates)}."
                )
        joint = self.sample.joint
        return paired_difference(joint[first], joint[second])

    def neighbors(self, position: int | None = None) -> dict[str, Difference]:
        """Return the gain over the next lower value of each axis, paired over the same tumours.

        Parameters
        ----------
        position
            Of the regimen; by default the chosen one (or the nearest where none holds).
        """
        k = self.decision.nearest if position is None else position
        at = {c.place: i for i, c in enumerate(self.candidates)}
        place = self.candidates[k].place
        found: dict[str, Difference] = {}
        for i, axis in enumerate(self.axes):
            # a longer interval is the lower dose
            step = 1 if axis.kind == "interval" else -1
            lower = (*place[:i], place[i] + step, *place[i + 1 :])
            if lower in at and self.sample.done[at[lower]] and self.sample.done[k]:
                found[axis.name] = self.compare(k, at[lower])
        return found

    def drivers(self, position: int | None = None) -> tuple[Driver, ...]:
        """Return what decides whether a tumour reaches everything, the strongest value first.

        For each drawn value: joint attainment in the third of the tumours with its lowest and in
        that with its highest values.  To know such a value of a tumour says most on it.

        Parameters
        ----------
        position
            Of the regimen; by default the chosen one (or the nearest where none holds).
        """
        k = self.decision.nearest if position is None else position
        return drivers(self.drawn, self.sample.joint[k])

    # --- words ----------------------------------------------------------------------------------

    def explain(self) -> str:
        """Return the decision in words: what holds, how sure, what limits, what it rests on."""
        from krogh.dose.words import explanation

        return explanation(self)

    def _shown_rows(self) -> list[int]:
        """Return the regimens of the printed table: from low ones to a few past the chosen."""
        order = [int(k) for k in lowest_first(self.candidates)]
        if len(order) <= _ROWS:
            return order
        at = order.index(self.decision.nearest)
        last = min(max(at + 4, _ROWS), len(order))
        return order[last - _ROWS : last]

    def _table_text(self) -> tuple[list[str], list[list[str]]]:
        from krogh.dose.words import table_cells

        return table_cells(self, self._shown_rows())

    def __str__(self) -> str:
        head, body = self._table_text()
        widths = [max(len(row[k]) for row in [head, *body]) for k in range(len(head))]
        lines = [
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in [head, *body]
        ]
        from krogh.dose.words import table_notes

        return "\n".join([self.explain(), "", *lines, *table_notes(self, self._shown_rows())])

    def __repr__(self) -> str:
        return (
            f"Plan({self.label}: {self.best if self.best is not None else 'no regimen holds'};"
            f" {len(self.candidates)} regimens, {self.sample.tumours} virtual tumours)"
        )

    def _repr_html_(self) -> str:
        head, body = self._table_text()
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in body
        )
        words = "<br>".join(html.escape(line) for line in self.explain().split("\n"))
        names = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
        return f"<p>{words}</p><table><thead><tr>{names}</tr></thead><tbody>{rows}</tbody></table>"

    # --- export ---------------------------------------------------------------------------------

    def to_frame(self) -> Any:
        """Return `probabilities` as a pandas DataFrame with the regimens as sentences."""
        frame = self.probabilities.to_frame()
        frame.insert(0, "regimen", [str(c.regimen) for c in self.candidates])
        return frame

    def to_xarray(self) -> Any:
        """Return an xarray Dataset over the axes: probabilities, interval, exposure."""
        from krogh.table import require_extra

        xarray = require_extra("xarray", "a data set of xarray")
        names = [axis.name for axis in self.axes]
        shape = tuple(len(axis) for axis in self.axes)
        table = self.probabilities
        skipped = {*names, "total"}
        data = {
            name: (names, np.array(values).reshape(shape), {"units": table.units.get(name, "1")})
            for name, values in table.columns.items()
            if name not in skipped
        }
        coords = {a.name: (a.name, np.array(a.values), {"units": a.unit}) for a in self.axes}
        about: dict[str, Any] = {"seed": self.settings.seed, "tumours": self.sample.tumours}
        about |= {"confidence": self.settings.confidence, "decision": self.label}
        return xarray.Dataset(data, coords, about)

    def plot(self, path: str | Path | None = None, *, at: Mapping[str, Any] | None = None) -> Any:
        """Draw the dose map; see `krogh.dose.plot.plot_map`."""
        from krogh.dose.plot import plot_map

        return plot_map(self, path, at=at)

    def plot_tradeoff(self, path: str | Path | None = None) -> Any:
        """Draw attainment against exposure; see `krogh.dose.plot.plot_tradeoff`."""
        from krogh.dose.plot import plot_tradeoff

        return plot_tradeoff(self, path)

    def save(self, path: str | Path) -> Path:
        """Write the plan to a file, ``.json`` or ``.h5``; see `krogh.dose.load`."""
        from krogh.dose.files import save

        return save(self, path)

    def report(self, path: str | Path) -> Path:
        """Write the plan as one HTML file with its pictures; see `krogh.dose.report`."""
        from krogh.dose.report import write_report

        return write_report(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Plan:
        """Read a plan that `save` wrote."""
        from krogh.dose.files import load

        return load(path)

    # --- parts used by pictures and words -------------------------------------------------------

    @property
    def current_position(self) -> int | None:
        """Row of the sample with the study's own regimen, None where it was not run."""
        return self._current_position

    def level_probability(self, position: int) -> dict[str, float]:
        """Return the probability of each level (and of the limits) of one regimen."""
        sample = self.sample
        return {
            name: float(sample.probability(sample.met(positions))[position])
            for name, positions in sample.groups.items()
        }


def _median(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else float("nan")
