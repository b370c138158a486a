"""The demo on antibodies: how much trastuzumab beside T-DM1 lets the conjugate reach every cell.

SPDX-License-Identifier: BSD-3-Clause

T-DM1 binds HER2 faster than it diffuses past a cell, so that a dose below saturation stays beside
the vessels (the binding-site barrier). Naked trastuzumab takes targets there and lets the conjugate
travel farther: Cilliers et al. 2018, doi 10.1158/0008-5472.CAN-17-1638, in mice with NCI-N87
tumours at 1:0, 1:1, 1:3 and 1:8.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from krogh.study.levels import LEVEL_NAMES
from krogh.table import ResultTable

if TYPE_CHECKING:
    from krogh.dose.plan import Plan
    from krogh.study import Study, StudyResult
    from krogh.study.levels import Row

__all__ = ["DOSE", "RATIOS", "TARGETS", "TDM1Answer", "TDM1Interrupted", "answer_tdm1"]

Progress = Callable[[str, float], Any]
"""Called with what is being done and the share of the whole that is done."""

DOSE: Final = 3.6
"""T-DM1, mg/kg."""
RATIOS: Final = (0, 1, 3, 8)
"""mg of trastuzumab for each mg of T-DM1."""
UNTIL: Final = "24 h"
TARGETS: Final = (
    "occupancy of HER2 >= 10 % in 50 % of viable cells",
    "uptake of T-DM1 >= 1e4 per cell in 80 % of viable cells",
)
"""What has to be reached: HER2 held beyond the first cells, and the conjugate in most cells."""
CONFIDENCE: Final = 0.5
"""The lowest regimen is looked for that reaches the targets more often than not."""
_RTOL: Final = 1e-4


@dataclass(frozen=True)
class TDM1Answer:
    """Four co-doses solved along a line, and the decision over virtual tumours.

    Attributes
    ----------
    results
        By ratio, mg of trastuzumab for each mg of T-DM1.
    plan
        What `Study.optimize` found; None where it was interrupted before the first regimen.
    """

    results: dict[int, StudyResult]
    plan: Plan | None

    def rows(self) -> list[tuple[Row, dict[int, Row]]]:
        """Return the rows of the four-level tables: one to describe it, and those of the ratios.

        A ratio without a drug has no rows of that drug.
        """
        found: dict[str, dict[int, Row]] = {}
        for ratio, result in self.results.items():
            for row in result.rows():
                found.setdefault(row.key, {})[ratio] = row
        rows = [(next(iter(by.values())), by) for by in found.values()]
        return sorted(rows, key=lambda pair: (pair[0].level, bool(pair[0].target)))

    def table(self) -> ResultTable:
        """Return the four-level tables side by side: a row a measure, a column a ratio."""
        columns: dict[str, list[Any]] = {
            name: [] for name in ("level", "measure", "target", "unit", *map(label, self.results))
        }
        for row, by in self.rows():
            columns["level"].append(f"{row.level} {LEVEL_NAMES[row.level]}")
            columns["measure"].append(row.measure)
            columns["target"].append(row.target)
            columns["unit"].append(row.unit)
            for ratio in self.results:
                columns[label(ratio)].append(by[ratio].value if ratio in by else np.nan)
        return ResultTable(columns)

    def profiles(self) -> ResultTable:
        """Return the profiles at the end of the run: distance from the vessel and what is there."""
        columns: dict[str, list[Any]] = {"ratio": []}
        units: dict[str, str] = {}
        for ratio, result in self.results.items():
            distance = result.distance
            columns["ratio"] += [label(ratio)] * distance.values.shape[-1]
            columns.setdefault("distance", []).extend(np.ravel(distance.values).tolist())
            units["distance"] = distance.unit
            for name in ("free_TDM1", "total_TDM1", "occupancy_HER2", "uptake_TDM1"):
                array = result.tissue[name]
                columns.setdefault(name, []).extend(array.values[0, -1].tolist())
                units[name] = array.unit
        return ResultTable(columns, units)


class TDM1Interrupted(KeyboardInterrupt):
    """Ctrl-C after the ratios were solved; `answer` holds what is done."""

    def __init__(self, answer: TDM1Answer) -> None:
        self.answer = answer
        super().__init__("interrupted")


def label(ratio: int) -> str:
    """Return ``"1:3"`` for 3 mg of trastuzumab beside 1 mg of T-DM1."""
    return f"1:{ratio}"


def study_of(ratio: int) -> Study:
    """Return the study of one ratio: a mouse of 20 g with an NCI-N87 tumour, 24 h."""
    from krogh.study import Study

    drugs = ["T-DM1"]
    regimen = f"T-DM1 {DOSE} mg/kg"
    if ratio:
        drugs.append("trastuzumab")
        regimen += f" + trastuzumab {DOSE * ratio:g} mg/kg"
    return Study(
        drugs,
        "NCI-N87",
        regimen,
        subject="mouse 20 g",
        until=UNTIL,
        targets=TARGETS,
        rtol=_RTOL,
    )


def answer_tdm1(
    *, tumours: int = 500, seed: int = 0, progress: Progress | None = None
) -> TDM1Answer:
    """Solve the four co-doses, and search the lowest co-dose that holds over virtual tumours.

    Parameters
    ----------
    tumours
        Virtual tumours of each regimen: their uncertain values are drawn from the stated ranges.
    seed
        Selects them.
    progress
        Called with what is being done and the share that is done.

    Raises
    ------
    TDM1Interrupted
        Ctrl-C during the search; it holds the ratios, and the regimens that were finished.
    """
    report = progress or (lambda what, share: None)
    results = {}
    for k, ratio in enumerate(RATIOS):
        report(f"T-DM1 : trastuzumab {label(ratio)}", 0.3 * k / len(RATIOS))
        results[ratio] = study_of(ratio).run(progress=False)
    what = f"{tumours:,} virtual tumours"
    report(what, 0.3)
    try:
        plan = study_of(0).optimize(
            add={"trastuzumab": "0 .. 8 x"},
            reach=list(TARGETS),
            tumours=tumours,
            seed=seed,
            confidence=CONFIDENCE,
            progress=lambda done, total, seconds: report(what, 0.3 + 0.7 * done / total),
        )
    except KeyboardInterrupt as stop:
        partial: Plan | None = getattr(stop, "plan", None)
        kept = partial if partial is not None and np.any(partial.sample.done) else None
        raise TDM1Interrupted(TDM1Answer(results, kept)) from None
    return TDM1Answer(results, plan)
