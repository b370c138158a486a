"""The demo in 3-D: a tumour of 1 mm with patchy vessels, T-DM1 with and without trastuzumab.

SPDX-License-Identifier: BSD-3-Clause

Vessels of tumours are no lattice: they leave gaps (Baish et al. 1996, Microvasc Res 51:327,
doi:10.1006/mvre.1996.0031).  A percolation cluster with the mean vessel density of NCI-N87 tumours
has such gaps, and the question is the same as along a line: does trastuzumab beside T-DM1 let the
conjugate reach every cell (Cilliers et al. 2018, doi 10.1158/0008-5472.CAN-17-1638)?
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from krogh.demo.tdm1 import DOSE, TARGETS
from krogh.study.levels import LEVEL_NAMES
from krogh.table import ResultTable

if TYPE_CHECKING:
    from krogh.study import StudyResult, TumourResult
    from krogh.study.levels import Row
    from krogh.tumour import Tumour3D

__all__ = ["RATIO", "SIZE", "SPACING", "VolumeAnswer", "answer_volume", "demo_tumour"]

Progress = Callable[[str, float], Any]
"""Called with what is being done and the share of the whole that is done."""

RATIO: Final = 8
"""mg of trastuzumab for each mg of T-DM1 in the second run: the largest of Cilliers 2018."""
SIZE: Final = "1 mm"
SPACING: Final = "20 um"
UNTIL: Final = "24 h"
TIMES: Final = ([0.0, 1.0, 3.0, 6.0, 12.0, 24.0], "h")
SHOWN: Final = ("free_TDM1", "occupancy_HER2", "uptake_TDM1")
"""What is drawn against the distance to vessels."""
_RTOL: Final = 1e-2


@dataclass(frozen=True)
class VolumeAnswer:
    """Two treatments of one tumour in 3-D.

    Attributes
    ----------
    tumour
        The box with its vessels.
    results
        By treatment: ``"T-DM1"`` and ``"T-DM1 + trastuzumab"``.
    lines
        The same around one vessel of the same density (Krogh's cylinder).
    """

    tumour: Tumour3D
    results: dict[str, TumourResult]
    lines: dict[str, StudyResult]

    def rows(self) -> list[tuple[Row, dict[str, Row]]]:
        """Return the rows of the four-level tables: one to describe it, and those by treatment."""
        found: dict[str, dict[str, Row]] = {}
        for label, result in self.results.items():
            for row in result.rows():
                found.setdefault(row.key, {})[label] = row
        rows = [(next(iter(by.values())), by) for by in found.values()]
        return sorted(rows, key=lambda pair: (pair[0].level, bool(pair[0].target)))

    def table(self) -> ResultTable:
        """Return the four-level tables side by side: a row a measure, a column a treatment."""
        columns: dict[str, list[Any]] = {
            name: [] for name in ("level", "measure", "target", "unit", *self.results)
        }
        for row, by in self.rows():
            columns["level"].append(f"{row.level} {LEVEL_NAMES[row.level]}")
            columns["measure"].append(row.measure)
            columns["target"].append(row.target)
            columns["unit"].append(row.unit)
            for label in self.results:
                columns[label].append(by[label].value if label in by else np.nan)
        return ResultTable(columns)

    def profiles(self) -> ResultTable:
        """Return what is drawn against the distance to the nearest vessel: medians and bands."""
        columns: dict[str, list[Any]] = {"treatment": [], "output": [], "unit": []}
        for label, result in self.results.items():
            for name in SHOWN:
                table = result.against_distance(name)
                count = len(table["distance"])
                columns["treatment"] += [label] * count
                columns["output"] += [name] * count
                columns["unit"] += [table.units["median"] or "1"] * count
                for column in ("distance", "voxels", "median", "low", "high"):
                    columns.setdefault(column, []).extend(np.asarray(table[column]).tolist())
        return ResultTable(columns, {"distance": "um"})


def demo_tumour(size: Any = SIZE, spacing: Any = SPACING, seed: int = 0) -> Tumour3D:
    """Return the tumour of the demo: cells of NCI-N87, vessels of a percolation cluster.

    Raises
    ------
    SpecError, UnitError, DataError
        As of `krogh.tumour.generate`.
    """
    from krogh import tumour

    return tumour.generate("NCI-N87", size=size, spacing=spacing, pattern="percolation", seed=seed)


def answer_volume(
    size: Any = SIZE, spacing: Any = SPACING, seed: int = 0, progress: Progress | None = None
) -> VolumeAnswer:
    """Run both treatments in the voxels, and around one vessel.

    Parameters
    ----------
    size, spacing
        Of the box and of its voxels.
    seed
        Selects the vessels.
    progress
        Called with what is being done and the share that is done.
    """
    from krogh.study import Study

    report = progress or (lambda what, share: None)
    tumour = demo_tumour(size, spacing, seed)
    treatments = {
        "T-DM1": ("T-DM1", f"{DOSE} mg/kg"),
        "T-DM1 + trastuzumab": (
            ["T-DM1", "trastuzumab"],
            f"T-DM1 {DOSE} mg/kg + trastuzumab {DOSE * RATIO:g} mg/kg",
        ),
    }
    begins, ends = (0.0, 0.25), (0.25, 0.97)  # the mixture takes three times as many steps
    results: dict[str, TumourResult] = {}
    lines: dict[str, StudyResult] = {}
    for (label, (drugs, regimen)), begin, end in zip(treatments.items(), begins, ends, strict=True):
        what = f"{label} in {tumour.grid.num_voxels:,} voxels"
        report(what, begin)

        def told(done: int, total: int, seconds: float, a: float = begin, b: float = end) -> None:
            report(what, a + (b - a) * done / total)  # noqa: B023  (called before the next turn)

        study = Study(
            drugs, tumour, regimen, until=UNTIL, targets=TARGETS, rtol=_RTOL, ranges=False
        )
        results[label] = study.run(times=TIMES, progress=told)
        lines[label] = study.as_line().run(times=TIMES, progress=False)
    report("tables and pictures", ends[-1])
    return VolumeAnswer(tumour, results, lines)
