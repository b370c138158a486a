"""optimize(): the lowest regimen of a space that reaches its targets in enough virtual tumours.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from krogh.dose.binding import Bound, bind
from krogh.dose.checks import check_bounds, check_options, targets_of
from krogh.dose.files import checked_ending, load
from krogh.dose.of_study import StudyProblem
from krogh.dose.plan import Plan, Settings
from krogh.dose.regimens import base_candidate, candidates
from krogh.dose.search import Problem, Search
from krogh.dose.space import Axis, axis_of
from krogh.dose.target import Target, quoted
from krogh.draws import require_seed
from krogh.errors import SpecError, did_you_mean
from krogh.units import dimension

if TYPE_CHECKING:
    from krogh.study import Study

__all__ = ["CELLS", "RTOL", "axes_of", "optimize", "prepare", "with_own_names"]

CELLS: Final = 32
"""Cells of a line in a search."""

RTOL: Final = 1e-2
"""Relative tolerance of a line in a search."""

_POINTS: Final = ("dose", "interval", "add")


def optimize(
    study: Study,
    *,
    dose: Any = None,
    interval: Any = None,
    add: Mapping[str, Any] | None = None,
    reach: Any = None,
    limits: Any = (),
    tumours: int = 500,
    seed: int = 0,
    confidence: float = 0.8,
    risk: float = 0.1,
    points: int | Mapping[str, int] | None = None,
    main: str | None = None,
    until: Any = None,
    cells: int | None = CELLS,
    rtol: float | None = RTOL,
    num_threads: int = 0,
    progress: bool | Callable[[int, int, float], Any] | None = None,
    save: str | Path | None = None,
    resume: Plan | str | Path | bool = True,
    batch: int | None = None,
) -> Plan:
    """Search the lowest regimen that reaches its targets in enough virtual tumours.

    Every regimen of the space is solved in the same virtual tumours, whose values are drawn from
    the ranges that the study's drugs, tumour and subject state.  A regimen holds when all targets
    are met and all limits held together in at least `confidence` of the tumours, and each limit is
    broken in at most `risk` of them.  The lowest one has the lowest total dose of the main drug up
    to the end of the run, then the lowest total of the added drugs, then the fewest doses.

    Parameters
    ----------
    study
        What is treated, whose doses are varied.
    dose
        Doses of the main drug: ``"1.2 .. 9.6 mg/kg"``, ``"1.2 .. 9.6 mg/kg by 1.2"``,
        ``"1.2 .. 9.6 mg/kg in 5 values"``, or a list ``["1.8 mg/kg", "3.6 mg/kg"]``.  A loading
        dose keeps its ratio to the dose that is repeated.
    interval
        Times between doses, ``"7 .. 21 d"``; the doses are then repeated until the end of the run.
    add
        Drugs given together with every dose of the main drug: ``{"trastuzumab": "0 .. 8 x"}``, in
        multiples of the main dose (``x``) or as doses.  A drug that the study does not have is
        taken from the library.
    reach
        Targets, one or several; by default those of the study.
    limits
        What must not be exceeded, such as ``["Cmax of T-DM1 <= 80 ug/mL"]``.
    tumours
        Number of virtual tumours; 500 leave a standard error of at most 2.3 points.
    seed
        Selects the virtual tumours: tumour i is the same for every number of tumours and regimens.
    confidence
        Share of the tumours in which all has to be met together.
    risk
        Share of the tumours in which a limit may be broken (0.1).
    points
        Number of values of ranges that do not state it: one number, or
        ``{"dose": 8, "interval": 3, "add": 9}``.
    main
        The main drug of a study with several; the first by default.
    until
        End of the run in place of the study's.
    cells, rtol
        Of the lines; None takes the study's own.  The defaults, 32 cells and 1e-2, are coarser than
        those of a run: ``python/docs/decisions.md`` has the change of probabilities that this
        makes.
    num_threads
        0 for all that are granted.
    progress
        None: a bar with the time left on a terminal or in a notebook, after 2 s; True or False; or
        a function ``progress(lines_done, lines, seconds)``, which may return False to stop.
    save
        A file (``.json`` or ``.h5``) that holds what is done, written every few seconds and at the
        end.
    resume
        Where to go on: True takes the file of `save` if it is there, False begins anew; a plan or
        the file of one is taken over.  It must be of the same search; numbers are the same as
        without the interruption.
    batch
        Lines solved at once; by default as many as fit into 256 MB.

    Returns
    -------
    Plan

    Raises
    ------
    SpecError
        KG-150 to KG-153 for targets, KG-154 for the space, KG-155 for targets and limits that
        exclude each other, KG-156 for options, KG-157 where nothing is uncertain, KG-158 for a file
        that does not fit; all before any work.
    SearchInterrupted
        Ctrl-C; a KeyboardInterrupt whose ``plan`` holds what was done.
    SolverError
        KG-310 where more than half of the tumours cannot be solved; ``result`` is the plan so far.
    """
    targets = targets_of(study.targets if reach is None else reach, "reach")
    limit_targets = targets_of(limits, "limits")
    require_seed(seed)
    check_options(targets, tumours, confidence, risk, 1)
    path = None if save is None else Path(save)
    if path is not None:
        checked_ending(path)
    axes = axes_of(dose, interval, add, points)
    names = [axis.name for axis in axes if axis.kind == "added"]
    problem = StudyProblem(study, names, main=main, cells=cells, rtol=rtol, until=until)
    axes = with_own_names(axes, [drug.name for drug in problem.added_drugs])
    search = prepare(
        problem,
        axes,
        targets,
        limit_targets,
        tumours=tumours,
        seed=seed,
        confidence=confidence,
        risk=risk,
    )
    _resume(search, path, resume)
    from krogh.simulate.progress import chosen_progress

    return search.run(num_threads, chosen_progress(progress, "searching the dose"), path, batch)


def axes_of(
    dose: Any, interval: Any, add: Mapping[str, Any] | None, points: Any
) -> tuple[Axis, ...]:
    """Return the axes of a space."""
    counts = _counts(points)
    axes: list[Axis] = []
    if dose is not None:
        axes.append(axis_of("dose", "dose", dose, counts["dose"]))
    if interval is not None:
        axes.append(axis_of("interval", "interval", interval, counts["interval"]))
    if add is not None and not isinstance(add, Mapping):
        raise SpecError(
            "KG-154: add names the drugs: add={'trastuzumab': '0 .. 8 x'}, not"
            f" {type(add).__name__}."
        )
    for name, what in (add or {}).items():
        if name in ("dose", "interval"):
            raise SpecError(f"KG-154: add: {name!r} is no drug.")
        axes.append(axis_of("added", str(name), what, counts["add"]))
    return tuple(axes)


def _counts(points: Any) -> dict[str, int | None]:
    if points is None or isinstance(points, int):
        return dict.fromkeys(_POINTS, points)
    if not isinstance(points, Mapping):
        raise SpecError(f"KG-154: points is a number or {{'dose': 8, ...}}, not {points!r}.")
    for name in points:
        if name not in _POINTS:
            raise SpecError(
                f"KG-154: points has no {name!r}.{did_you_mean(str(name), _POINTS)}"
                f"  It has {', '.join(_POINTS)}."
            )
    return {name: points.get(name) for name in _POINTS}


def with_own_names(axes: Sequence[Axis], names: Sequence[str]) -> tuple[Axis, ...]:
    """Return the axes with added drugs called as the library calls them."""
    from dataclasses import replace

    left = list(names)
    found = [replace(a, name=left.pop(0)) if a.kind == "added" else a for a in axes]
    return tuple(found)


def prepare(
    problem: Problem,
    axes: tuple[Axis, ...],
    targets: Sequence[Target],
    limits: Sequence[Target],
    *,
    tumours: int,
    seed: int,
    confidence: float,
    risk: float,
) -> Search:
    """Return the search of a problem, checked and ready to run."""
    uncertain = problem.uncertain
    check_options(targets, tumours, confidence, risk, len(uncertain))
    bounds = tuple(bind(target, problem.names) for target in targets)
    bars = tuple(bind(target, problem.names) for target in limits)
    check_bounds(bounds, bars, problem.until)
    regimens = candidates(problem.regimen, problem.main, axes, problem.until)
    exposure, words, unit = _exposure(problem)
    content = {
        "problem": problem.fingerprint,
        "targets": [[str(t), t.level] for t in (*targets, *limits)],
        "number": len(targets),
        "regimens": [str(c.regimen) for c in regimens],
        "own": str(problem.regimen),
        "until": problem.until,
        "tumours": tumours,
        "seed": seed,
        "uncertain": uncertain,
    }
    settings = Settings(
        main=problem.main,
        seed=seed,
        confidence=confidence,
        risk=risk,
        until=problem.until,
        exposure=words,
        exposure_unit=unit,
        uncertain=uncertain,
        fingerprint=hashlib.sha256(json.dumps(content).encode()).hexdigest(),
        about=problem.about,
    )
    return Search(
        problem,
        axes,
        regimens,
        base_candidate(problem.regimen, problem.main, problem.until),
        (*bounds, *bars),
        len(bounds),
        exposure,
        settings,
        tumours,
    )


def _exposure(problem: Problem) -> tuple[Bound | None, str, str]:
    """Return the exposure that is reported: the plasma AUC of the main drug."""
    names = problem.names
    label = next((x for x in names.aliases if names.is_called(x, problem.main or "")), None)
    output = f"Cp_{label}"
    if label is None or output not in names.plasma:
        return None, "plasma AUC", ""
    by_mass = label in names.molar_mass or dimension(names.plasma[output]) == dimension("mg/L")
    unit = "ug d/mL" if by_mass else "nM d"
    target = Target(f"plasma AUC of {quoted(names.shown(label))} >= 1 {unit}")
    return bind(target, names), f"plasma AUC of {names.shown(label)}", unit


def _resume(search: Search, path: Path | None, resume: Any) -> None:
    """Take over what an earlier search has done."""
    if resume is False:
        return
    if resume is True:
        if path is None or not path.exists():
            return
        plan = load(path)
    elif isinstance(resume, Plan):
        plan = resume
    elif isinstance(resume, (str, Path)):
        plan = load(resume)
    else:
        raise SpecError(f"KG-156: resume is a plan, a file, True or False, not {resume!r}.")
    if plan.settings.fingerprint != search.settings.fingerprint:
        where = f"the plan in {path}" if resume is True else "the plan to resume"
        raise SpecError(
            f"KG-158: {where} is of another search (drugs, tumour, values, space, targets, number"
            " of tumours, seed or version differ).\n  Save to another file, or give resume=False to"
            " begin anew."
        )
    search.adopt(plan)
