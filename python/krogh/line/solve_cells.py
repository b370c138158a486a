"""Lines solved by the point engine, every cell a state.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh import _core
from krogh.errors import SpecError
from krogh.line.cells import CellProgram, build_cells, cell_parameters
from krogh.line.dosing import DoseGroup, Dosing, observations
from krogh.line.outcome import Failure, Outcome, Settings
from krogh.line.problem import Curve, LineProblem
from krogh.simulate.run import with_initial
from krogh.threads import granted_threads

__all__ = ["solve_cells"]

Floats = NDArray[np.float64]


def solve_cells(
    problem: LineProblem, dosing: Dosing | None, settings: Settings, engine: str
) -> Outcome:
    """Return the solution of all lines by the point engine's method `engine`."""
    began = time.perf_counter()
    out = _room(problem, settings)
    parameters = cell_parameters(problem)
    for curves, lines in _by_curves(problem):
        own = replace(problem, curves=curves)
        cells = build_cells(own, settings.recorded)
        for group in _groups(problem, dosing, settings, lines):
            if not _solve(problem, cells, parameters, group, settings, engine, out):
                out.stopped = True
                break
        if out.stopped:
            break
    out.seconds = time.perf_counter() - began
    return out


def _room(problem: LineProblem, settings: Settings) -> Outcome:
    n, r = problem.count, settings.grid.size
    states, mobiles = len(problem.tissue.state_names), len(problem.mobiles)
    plasma = 0 if problem.systemic is None else len(problem.systemic.state_names)
    d = len(settings.directions)
    recorded = (len(settings.recorded), problem.cells)
    return Outcome(
        values=np.full((n, r, *recorded), np.nan),
        contents=np.full((n, r, states), np.nan),
        entered=np.zeros((n, r, mobiles, 2)),
        plasma=np.full((n, r, plasma), np.nan) if plasma else None,
        vessel=(
            np.full((n, r, problem.pieces, mobiles), np.nan)
            if problem.capillary is not None
            else None
        ),
        status=np.full(n, 1, dtype=np.int64),
        stats={k: np.zeros(n, dtype=np.int64) for k in ("accepted", "rejected")},
        d_values=np.full((n, r, d, *recorded), np.nan) if d else None,
        d_contents=np.full((n, r, d, states), np.nan) if d else None,
        d_plasma=np.full((n, r, d, plasma), np.nan) if d and plasma else None,
        d_entered=np.zeros((n, r, d, mobiles, 2)) if d else None,
    )


def _by_curves(problem: LineProblem) -> list[tuple[dict[str, Curve], NDArray[np.int64]]]:
    """Return the lines that share their given curves, which are tables of the program."""
    everyone = np.arange(problem.count, dtype=np.int64)
    if all(c.values.shape[0] == 1 for c in problem.curves.values()):
        return [(problem.curves, everyone)]
    return [
        (
            {
                name: replace(c, values=c.values[i : i + 1] if c.values.shape[0] > 1 else c.values)
                for name, c in problem.curves.items()
            },
            everyone[i : i + 1],
        )
        for i in range(problem.count)
    ]


def _groups(
    problem: LineProblem, dosing: Dosing | None, settings: Settings, lines: NDArray[np.int64]
) -> list[DoseGroup]:
    if dosing is not None:
        return dosing.groups
    return [DoseGroup(lines, observations(lines.size, settings.grid, settings.begin))]


def _solve(
    problem: LineProblem,
    cells: CellProgram,
    parameters: Floats,
    group: DoseGroup,
    settings: Settings,
    engine: str,
    out: Outcome,
) -> bool:
    """Solve one group of lines into its place; False if it was stopped."""
    lines = group.lines
    own = parameters if parameters.shape[0] == 1 else parameters[lines]
    own = with_initial(own, group.plan)
    stopped = False

    def report(done: int, total: int, seconds: float) -> bool:
        nonlocal stopped
        if settings.on_progress is not None:
            solved = int(np.count_nonzero(out.status != 1)) + done
            stopped = settings.on_progress(solved, problem.count, seconds) is False
        return not stopped

    try:
        run = _core.simulate_point(
            cells.program,
            np.ascontiguousarray(own),
            group.plan.schedule(0, lines.size),
            num_subjects=lines.size,
            rtol=settings.rtol,
            atol=_tolerances(problem, cells, settings).tolist(),
            method=engine,
            max_steps=settings.max_steps,
            sensitivities=[
                ("parameter", cells.parameter_names.index(name)) for name in settings.directions
            ],
            stop_on_failure=settings.stops_on_failure,
            num_threads=granted_threads(settings.num_threads),
            progress=report,
        )
    except ValueError as error:
        raise SpecError(f"KG-164: the point engine refuses these cells: {error}.") from None
    count = settings.grid.size
    _place(
        problem,
        cells,
        np.asarray(run.values).reshape(lines.size, count, -1),
        (lines,),
        (out.values, out.contents, out.entered, out.plasma, out.vessel),
    )
    if settings.directions:
        derivatives = np.asarray(run.sensitivities)
        derivatives = derivatives.reshape(lines.size, count, -1, len(settings.directions))
        _place(
            problem,
            cells,
            np.moveaxis(derivatives, -1, 2),
            (lines,),
            (out.d_values, out.d_contents, out.d_entered, out.d_plasma, None),
        )
    out.status[lines] = np.asarray(run.status)
    for name, numbers in out.stats.items():
        numbers[lines] = run.stats[name]
    out.failures += [_failure(problem, cells, int(lines[f[0]]), f) for f in run.failures]
    out.method, out.num_threads, out.width = f"cells, {run.method}", run.num_threads, run.lanes
    return not stopped


def _tolerances(problem: LineProblem, cells: CellProgram, settings: Settings) -> Floats:
    """Return atol of every state; of what has entered, by the volume of one line."""
    volume = float(problem.volumes[0].sum())
    entered = [settings.atol[problem.mobiles[i].state] * volume for i, _ in cells.entered]
    return np.concatenate(
        [
            settings.plasma_atol,
            np.tile(settings.atol, problem.cells),
            np.tile([settings.atol[m.state] for m in problem.mobiles], cells.num_segments),
            np.array(entered),
        ]
    )


def _place(
    problem: LineProblem,
    cells: CellProgram,
    outputs: Floats,
    at: tuple[Any, ...],
    rooms: tuple[Floats | None, ...],
) -> None:
    """Put the engine's outputs (last axis) into their places."""
    values, contents, entered, plasma, vessel = rooms
    assert values is not None
    assert contents is not None
    assert entered is not None
    blood = cells.num_segments * len(problem.mobiles)
    sizes = [cells.num_plasma, len(cells.recorded) * problem.cells, cells.num_states, blood]
    first, second, third, fourth, last = np.split(outputs, np.cumsum(sizes), axis=-1)
    if vessel is not None:
        vessel[at] = fourth.reshape(*fourth.shape[:-1], cells.num_segments, len(problem.mobiles))
    if plasma is not None:
        plasma[at] = first
    values[at] = second.reshape(*second.shape[:-1], len(cells.recorded), problem.cells)
    contents[at] = third
    for k, (mobile, wall) in enumerate(cells.entered):
        entered[(*at, ..., mobile, wall)] = last[..., k]


def _failure(problem: LineProblem, cells: CellProgram, line: int, f: Any) -> Failure:
    _, code, sentence, when, state, cause = f
    species, cell = "", -1
    tissue = state - cells.num_plasma
    if 0 <= state < cells.num_plasma and problem.systemic is not None:
        species = problem.systemic.state_names[state]
    elif 0 <= tissue < cells.num_states * problem.cells:
        species = problem.tissue.state_names[tissue % cells.num_states]
        cell = tissue // cells.num_states
    reason = f"{sentence} ({cause})" if cause else sentence
    return Failure(line, int(code), reason, float(when), species, cell)
