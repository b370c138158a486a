"""ladder(): the four levels of a study at several doses, with the study's own values.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from krogh.dose.attainment import Attainment, attain
from krogh.dose.binding import bind
from krogh.dose.checks import check_bounds, targets_of
from krogh.dose.measures import LEVELS
from krogh.dose.of_study import StudyProblem
from krogh.dose.optimizing import axes_of, with_own_names
from krogh.dose.readings import Names
from krogh.dose.recording import times_for
from krogh.dose.regimens import candidates, dose_starts
from krogh.dose.target import Target, quoted
from krogh.errors import SolverError
from krogh.table import ResultTable

if TYPE_CHECKING:
    from krogh.study import Study

__all__ = ["ladder"]


def ladder(
    study: Study,
    doses: Any = None,
    *,
    interval: Any = None,
    add: Mapping[str, Any] | None = None,
    reach: Any = None,
    points: int | Mapping[str, int] | None = None,
    main: str | None = None,
    until: Any = None,
    cells: int | None = None,
    rtol: float | None = None,
    num_threads: int = 0,
) -> ResultTable:
    """Return what each regimen reaches on the four levels, without uncertainty.

    Parameters
    ----------
    study
        What is treated.
    doses, interval, add, points, main, until
        The space of regimens as for `krogh.dose.optimize`.
    reach
        Targets whose attainment stands in columns of its own; by default those of the study.
    cells, rtol
        In place of the study's own.
    num_threads
        0 for all that are granted.

    Returns
    -------
    ResultTable
        A row for each regimen: its place in the space, then measures of the levels at the end of
        the run (Cmax and concentration in plasma; mean free drug and penetration depth; mean
        occupancy; mean uptake, payload and living cells), as far as the models have them, then for
        each target what was attained and whether it is reached.

    Raises
    ------
    SpecError
        KG-150 to KG-155 as for `krogh.dose.optimize`.
    SolverError
        KG-310 for a regimen that cannot be solved.
    """
    axes = axes_of(doses, interval, add, points)
    names = [axis.name for axis in axes if axis.kind == "added"]
    problem = StudyProblem(study, names, main=main, cells=cells, rtol=rtol, until=until)
    axes = with_own_names(axes, [drug.name for drug in problem.added_drugs])
    wanted = targets_of(study.targets if reach is None else reach, "reach")
    bounds = [bind(target, problem.names) for target in wanted]
    check_bounds(bounds, [], problem.until)
    measures = [bind(target, problem.names) for target in _standard(problem)]
    rows = []
    regimens = candidates(problem.regimen, problem.main, axes, problem.until)
    every = [*measures, *bounds]
    outputs = tuple(dict.fromkeys(o for bound in every for o in bound.outputs[1]))
    for candidate in regimens:
        starts, ends = dose_starts(candidate.regimen)
        times = times_for(every, starts, ends, problem.until)
        readings, failed = problem.run(candidate.regimen, times, outputs, {}, num_threads, None)
        if failed.any():
            raise SolverError(f"KG-310: the study could not be solved with {candidate.regimen}.")
        rows.append([attain(bound, readings) for bound in every])
    columns: dict[str, Any] = {}
    units: dict[str, str] = {}
    for k, axis in enumerate(axes):
        columns[axis.name] = np.array([axis.values[c.place[k]] for c in regimens])
        units[axis.name] = axis.unit
    for k in range(len(every)):
        _add(columns, units, [row[k] for row in rows], with_verdict=k >= len(measures))
    return ResultTable(columns, units, f"Ladder: {study.title}")


def _add(
    columns: dict[str, Any], units: dict[str, str], found: list[Attainment], with_verdict: bool
) -> None:
    first = found[0]
    name = f"{first.target.level} {first.measured}"
    columns[name] = np.array([float(a.values[0]) for a in found])
    units[name] = first.unit.replace("% of viable cells", "%").replace("% of cells", "%")
    if with_verdict:
        columns[f"{name}: {first.wanted}"] = np.array(
            ["reached" if a.reached[0] else "not reached" for a in found]
        )


def _standard(problem: StudyProblem) -> list[Target]:
    """Return measures of the four levels that the models have, as targets."""
    names = problem.names
    label, drug = problem.main_drug.label, problem.main_drug.name
    return [Target(text) for level in LEVELS for text in _texts(level, names, label, drug)]


def _texts(level: int, names: Names, label: str, drug: str) -> list[str]:
    of = f"of {quoted(drug)}"
    if level == 1 and f"Cp_{label}" in names.plasma:
        return [f"plasma Cmax {of} >= 1 ug/mL", f"plasma concentration {of} >= 1 ug/mL"]
    if level == 2:
        texts = [f"mean free {of} >= 1 nM"] if f"free_{label}" in names.tissue else []
        if f"total_{label}" in names.tissue:
            texts.append(f"penetration depth {of} >= 1 um")
        return texts
    if level == 3:
        targets = [n.removeprefix("occupancy_") for n in names.tissue if n.startswith("occupancy_")]
        return [f"mean occupancy of {quoted(target)} >= 1 %" for target in targets]
    if level == 4:
        kinds = [kind for kind in ("uptake", "payload") if f"{kind}_{label}" in names.tissue]
        texts = [f"mean {kind} {of} >= 1 per cell" for kind in kinds]
        return [*texts, "mean viable <= 1 %"] if "viable" in names.tissue else texts
    return []
