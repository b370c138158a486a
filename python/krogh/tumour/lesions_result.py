"""Results of lesions that share one plasma: maps by name, plasma, balance of the dose.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, did_you_mean
from krogh.labeled import LabeledArray
from krogh.table import ResultTable
from krogh.tumour.lesion_result import LesionMap
from krogh.units import factor

if TYPE_CHECKING:
    from krogh.study.study import Study
    from krogh.tumour.lesion_sharing import Settled
    from krogh.tumour.shared_plasma import Body

__all__ = ["Lesions"]

Floats = NDArray[np.float64]


class Lesions(Mapping[str, LesionMap]):
    """Results of `krogh.tumour.lesions`: ``result["liver"]`` is the `LesionMap` of one lesion.

    Attributes
    ----------
    study
        What was asked.
    tolerance
        To which the plasma was to settle.
    converged
        Whether it did.
    history
        Of each pass over all voxels: how much the plasma changed by what the lesions took in it,
        over the largest value of each species; and how much they took otherwise than was drawn,
        over the dose.
    sampled
        Passes over samples of the voxels, which went before.
    is_complete
        False where progress returned False: there are no maps then, or not all.
    wall_seconds
        Of the whole call.
    """

    def __init__(
        self,
        *,
        study: Study,
        maps: dict[str, LesionMap],
        settled: Settled,
        tolerance: float,
        body: Body,
        wall_seconds: float,
    ) -> None:
        self.study = study
        self.tolerance = tolerance
        self.converged = settled.converged
        self.history = tuple(settled.history)
        self.sampled = settled.sampled
        self.wall_seconds = wall_seconds
        self._maps = maps
        self._settled = settled
        self._body = body

    def __getitem__(self, name: str) -> LesionMap:
        if name not in self._maps:
            raise SpecError(
                f"KG-118: there is no lesion {name!r}.{did_you_mean(str(name), self._maps)}"
                f"  There are {', '.join(self._maps) or 'none'}."
            )
        return self._maps[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._maps)

    def __len__(self) -> int:
        return len(self._maps)

    @property
    def iterations(self) -> int:
        """Passes over all voxels until the plasma had settled."""
        return len(self.history)

    @property
    def change(self) -> float:
        """Change of the plasma in the last pass, over the largest value of each species."""
        return self.history[-1][0] if self.history else np.inf

    @property
    def is_complete(self) -> bool:
        """Whether the run came to its end."""
        stopped = self._settled.stopped
        return not stopped and all(m.is_complete for m in self._maps.values())

    @property
    def plasma(self) -> dict[str, LabeledArray]:
        """Outputs and species of the plasma at the knots, axis ("time",)."""
        return {n: a.sel(line=0) for n, a in self._settled.body.plasma.items()}

    @cached_property
    def knot_error(self) -> float:
        """By how much of the dose uptake at constant rates between knots may be off, estimated.

        The amount taken is straight between knots.  Its distance from what every other knot would
        give, quartered, as the error of a straight line falls with the square of its length.
        """
        drawn, t = self._settled.taken, self._settled.taken.knots
        u = drawn.amounts
        if t.size < 3 or not np.all(np.isfinite(u)):
            return 0.0
        share = (t[1:-1] - t[:-2]) / (t[2:] - t[:-2])
        miss = np.abs(u[1:-1] - u[:-2] - share[:, None] * (u[2:] - u[:-2]))
        return float((miss.max(axis=0) / self._doses).max(initial=0.0)) / 4.0

    @cached_property
    def _doses(self) -> Floats:
        dosed = self._body.dosed
        largest = max(dosed.values(), default=0.0)
        return np.array([dosed.get(n) or largest or 1.0 for n in self._settled.drawn.species])

    def taken(self) -> ResultTable:
        """Return what each lesion took of each species of the plasma up to the end, net.

        Columns: lesion, species, taken (nmol or mg), share (% of the dose).
        """
        drawn = self._settled.drawn
        columns: dict[str, list[Any]] = {n: [] for n in ("lesion", "species", "taken", "share")}
        for lesion, amounts in self._settled.by_lesion.items():
            for k, name in enumerate(drawn.species):
                columns["lesion"].append(lesion)
                columns["species"].append(name)
                columns["taken"].append(amounts[-1, k] / factor(drawn.units[k]))
                columns["share"].append(100.0 * amounts[-1, k] / self._doses[k])
        one = drawn.units[0] if drawn.units else ""
        units = {"taken": one, "share": "%"}
        return ResultTable(
            {n: np.array(c) for n, c in columns.items()}, units, "what lesions took of the dose"
        )

    def ledger(self) -> ResultTable:
        """Return the balance of each dose over plasma, body and all lesions, and that of tissue.

        A dose is what the body holds, what it has eliminated and what the lesions took; the largest
        error at the knots over the dose.  It is as small as the iteration has come to: what is
        taken less what was drawn is part of it.
        """
        found = self._body.imbalance(self._settled.body, self._settled.taken)
        rows = [*found, "what the tissue holds less what entered"]
        return ResultTable(
            {"balance": rows, "largest imbalance": [*found.values(), self._settled.tissue]},
            title="what was given less where it is, of the dose",
        )

    def summary(self, names: Sequence[str] | None = None, time: Any = None) -> ResultTable:
        """Return a table with one row for each lesion and label of its mask.

        Parameters
        ----------
        names, time
            As of `LesionMap.lesions`; maps that a lesion does not have are NaN.
        """
        tables = {name: m.lesions(names, time) for name, m in self._maps.items()}
        titles = list(dict.fromkeys(t for table in tables.values() for t in table))
        units: dict[str, str] = {}
        columns: dict[str, list[Any]] = {"name": []}
        for name, table in tables.items():
            columns["name"] += [name] * len(table)
            for title in titles:
                own = table[title] if title in table else np.full(len(table), np.nan)
                columns.setdefault(title, []).extend(own.tolist())
            units |= table.units
        return ResultTable(
            {n: np.array(c) for n, c in columns.items()}, units, "lesions of one patient"
        )

    def __str__(self) -> str:
        last = f"it still changes by {self.change:.1e}"
        state = "settled" if self.converged else "NOT settled"
        lines = [
            self.study.title,
            f"{len(self._maps)} lesions share one plasma, {state} after {self.iterations} passes"
            + (f" ({self.sampled} over a sample before)" if self.sampled else "")
            + f": {last}",
        ]
        table = self.taken()
        for k in range(len(table)):
            lines.append(
                f"  {table['lesion'][k]:<20} took {table['share'][k]:.3g} % of the dose of"
                f" {table['species'][k]}"
            )
        for row in self.ledger().rows():
            lines.append(f"  {row['balance']}: balanced to {row['largest imbalance']:.1e}")
        return "\n".join(lines)

    __repr__ = __str__
