"""Lines solved by the native line solver.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh import _core
from krogh.errors import SolverError, SpecError
from krogh.line.dosing import Dosing, dose_list, unlike_lists
from krogh.line.outcome import Failure, Outcome, Settings
from krogh.line.problem import LineProblem, Mobile
from krogh.line.tangents import cannot_differentiate, tangents
from krogh.model.compile import CompiledModel
from krogh.schedule import OTHER, Records
from krogh.threads import granted_threads
from krogh.units import BASE_NAMES

__all__ = [
    "cannot_solve",
    "signed_states",
    "solve_line",
    "starts_steady",
    "steady_cells",
    "steady_states",
    "uptake_of",
]

Floats = NDArray[np.float64]


def cannot_solve(problem: LineProblem, dosing: Dosing | None, directions: tuple[str, ...]) -> str:
    """Return why the line solver cannot take a problem; empty if it can."""
    tissue, systemic = problem.tissue, problem.systemic
    if tissue.program.num_surfaces:
        return f"conditions in the laws of {tissue.model.name!r}"
    reason = cannot_differentiate(problem, dosing, directions) if directions else ""
    if reason or systemic is None or dosing is None:
        return reason
    if systemic.model.events:
        return f"events of {systemic.model.name!r}"
    if systemic.stored:
        return f"input functions of {systemic.model.name!r}"
    if systemic.program.num_surfaces:
        return f"conditions in the laws of {systemic.model.name!r}"
    return unlike_lists(dosing)


def solve_line(problem: LineProblem, dosing: Dosing | None, settings: Settings) -> Outcome:
    """Return the solution of all lines.

    Raises
    ------
    SpecError
        KG-164 for what the core refuses.
    """
    began = time.perf_counter()
    tissue = problem.tissue
    mobile, inputs = _walls(problem)
    options: dict[str, Any] = {}
    if problem.fields:
        options["field_parameters"] = [tissue.parameter_index(name) for name in problem.fields]
        options["fields"] = _stacked(list(problem.fields.values()))
    if inputs is not None:
        options |= inputs
    if starts_steady(tissue):
        options["initial"] = steady_cells(problem)
    if problem.systemic is not None:
        assert dosing is not None
        options |= _plasma(problem, dosing, settings)
    if problem.velocity is not None:
        options["velocity"] = problem.velocity
    options |= _pieces(problem)
    if settings.directions:
        options |= tangents(problem, dosing, settings.directions)
    parameters = problem.parameters
    stopped = False

    def report(done: int, total: int, seconds: float) -> bool:
        nonlocal stopped
        if settings.on_progress is not None:
            stopped = settings.on_progress(done, total, seconds) is False
        return not stopped

    try:
        run = _core.simulate_line(
            tissue.program,
            np.ascontiguousarray(parameters),
            problem.shape.geometry,
            problem.faces,
            mobile,
            problem.diffusivity,
            problem.fraction,
            settings.grid,
            permeability=problem.permeability,
            begin=settings.begin,
            num_lines=problem.count,
            rtol=settings.rtol,
            atol=settings.atol.tolist(),
            max_steps=settings.max_steps,
            recorded=list(settings.recorded),
            signed_states=signed_states(tissue),
            num_threads=granted_threads(settings.num_threads),
            progress=report,
            **options,
        )
    except ValueError as error:
        raise SpecError(f"KG-164: the line solver refuses this: {error}.") from None
    return Outcome(
        values=np.asarray(run.values),
        contents=_of_all(problem, run.contents),
        entered=_of_all(problem, run.entered),
        vessel=None if problem.capillary is None else np.asarray(run.vessel),
        plasma=None if problem.systemic is None else np.asarray(run.plasma),
        status=np.asarray(run.status, dtype=np.int64),
        stats={k: np.asarray(v) for k, v in run.stats.items()},
        failures=[_failure(problem, *failure) for failure in run.failures],
        method="line, ros34pw2",
        num_threads=run.num_threads,
        width=run.width,
        seconds=time.perf_counter() - began,
        stopped=stopped,
        d_values=run.sensitivities if settings.directions else None,
        d_contents=_of_all(problem, run.content_sensitivities, 3) if settings.directions else None,
        d_plasma=run.plasma_sensitivities if settings.directions else None,
        d_entered=_of_all(problem, run.entered_sensitivities, 3) if settings.directions else None,
    )


def _pieces(problem: LineProblem) -> dict[str, Any]:
    """Return the keywords of a shape of several pieces, or of a capillary."""
    capillary = problem.capillary
    if problem.pieces == 1 and capillary is None:
        return {}
    found: dict[str, Any] = {"branches": [p.cells for p in problem.shape.pieces]}
    if capillary is None:
        found["branch_weights"] = np.ascontiguousarray(problem.weights)
        return found
    lengths = capillary.length.to("um") * problem.weights
    velocity = capillary.velocity.to("um/s")
    found["axial_lengths"] = np.ascontiguousarray(lengths)
    found["axial_flow"] = velocity * np.pi * problem.lengths["inner_radius"] ** 2
    return found


def _of_all(problem: LineProblem, amounts: Any, axis: int = 2) -> Floats:
    """Return amounts in one line from those of its pieces, which have an axis of their own."""
    array = np.asarray(amounts)
    if problem.pieces == 1 and problem.capillary is None:
        return array
    places = [1] * array.ndim
    places[0], places[axis] = -1, problem.pieces
    found: Floats = (array * problem.weights.reshape(places)).sum(axis=axis)
    return found


def _failure(
    problem: LineProblem,
    line: int,
    code: int,
    sentence: str,
    when: float,
    state: int,
    cell: int,
    in_plasma: bool,
) -> Failure:
    c = problem.systemic if in_plasma else problem.tissue
    species = c.state_names[state] if c is not None and state >= 0 else ""
    return Failure(line, code, sentence, when, species, -1 if in_plasma else cell)


def signed_states(c: CompiledModel) -> list[int]:
    """Return the states that may be negative.

    All but amounts, masses, cells and concentrations, and the species that say so.
    """
    counted = [BASE_NAMES.index(n) for n in ("amount", "mass", "cells", "radioactivity")]
    found = []
    for i, name in enumerate(c.state_names):
        powers = c.model.analysis.dimensions[name]
        may = c.model.species[name].may_be_negative
        if may or not any(powers[k] == 1 for k in counted):
            found.append(i)
    return found


def _walls(
    problem: LineProblem,
) -> tuple[list[tuple[int, str, int, str, int]], dict[str, Any] | None]:
    """Return the mobile states with their walls, and the inputs of given curves."""
    mobile: list[tuple[int, str, int, str, int]] = []
    tables: list[tuple[Floats, Floats]] = []
    for m in problem.mobiles:
        kinds = problem.wall_kinds(m)
        at = [-1, -1]
        if m.curve is not None:
            curve = problem.curves[m.curve]
            for wall in problem.shape.walls:
                free = problem.free(m, wall)[:, None]
                at[wall] = len(tables)
                tables.append((curve.times, free * (curve.values * m.per_curve)))
        mobile.append((m.state, kinds[0], at[0], kinds[1], at[1]))
    if not tables:
        return mobile, None
    times = np.unique(np.concatenate([t for t, _ in tables]))
    sets = max(v.shape[0] for _, v in tables)
    values = np.empty((sets, len(tables), times.size))
    for i, (own, rows) in enumerate(tables):
        if own.size == times.size:
            values[:, i] = rows
        else:
            values[:, i] = np.array([np.interp(times, own, row) for row in rows])
    return mobile, {"table_times": times, "table_values": values}


def _plasma(problem: LineProblem, dosing: Dosing, settings: Settings) -> dict[str, Any]:
    """Return the keywords of the plasma: program, exchange, doses."""
    systemic = problem.systemic
    assert systemic is not None
    exchange: list[tuple[int, int, int]] = []
    outside: list[Floats] = []
    uptake: list[Floats] = []
    values = problem.plasma_values
    for number, m in enumerate(problem.mobiles):
        if m.supply is None:
            continue
        for wall in problem.shape.walls:
            exchange.append((number, wall, m.supply.state))
            factor = np.atleast_1d(values.value(m.supply.factor)) * m.supply.per_tissue
            outside.append(problem.free(m, wall) * factor)
            uptake.append(uptake_of(problem, m))
    doses = dose_list(dosing, values, problem.count)
    found: dict[str, Any] = {
        "plasma": systemic.program,
        "plasma_parameters": np.ascontiguousarray(problem.plasma_parameters),
        "plasma_atol": settings.plasma_atol.tolist(),
        "plasma_signed_states": signed_states(systemic),
        "exchange": exchange,
    }
    if starts_steady(systemic):
        found["plasma_initial"] = steady_states(systemic, problem.plasma_parameters)
    if exchange:
        found["outside_factor"] = _columns(outside)
        found["uptake_factor"] = _columns(uptake)
    if doses.times.size:
        found |= {
            "dose_offsets": doses.offsets,
            "dose_times": doses.times,
            "dose_states": doses.states,
            "dose_amounts": doses.amounts,
            "dose_kinds": doses.kinds,
        }
    return found


def starts_steady(c: CompiledModel) -> bool:
    """Return whether a species starts from its steady state."""
    return any(s.starts_steady for s in c.model.species.values())


def steady_cells(problem: LineProblem) -> Floats:
    """Return the states from which cells start, each without transport, (sets, states, cells)."""
    c, m = problem.tissue, problem.cells
    if not problem.fields:
        states = steady_states(c, problem.parameters)
        return np.repeat(states[:, :, None], m, axis=2)
    sets = max(problem.parameters.shape[0], *(f.shape[0] for f in problem.fields.values()))
    rows = np.empty((sets, m, len(c.parameter_names)))
    rows[:] = problem.parameters[:, None, :]
    for name, values in problem.fields.items():
        rows[:, :, c.parameter_index(name)] = values
    states = steady_states(c, rows.reshape(sets * m, -1))
    return np.ascontiguousarray(states.reshape(sets, m, -1).transpose(0, 2, 1))


def steady_states(c: CompiledModel, parameters: Floats) -> Floats:
    """Return the initial states of a model whose steady ones the point solver finds.

    Raises
    ------
    SolverError
        KG-312 where there is no steady state.
    """
    schedule = Records.of([{"kind": OTHER}]).schedule(np.array([0, 1]), shared=True)
    run = _core.simulate_point(
        c.program,
        np.ascontiguousarray(parameters),
        schedule,
        num_subjects=parameters.shape[0],
        rtol=1e-9,
        final_states=True,
    )
    if run.failures:
        first = run.failures[0]
        raise SolverError(
            f"KG-312: no steady state from which {c.model.name!r} could start (set {first[0]}):"
            f" {first[2]} {first[5]}."
        )
    states: Floats = np.asarray(run.final_states)
    return states


def uptake_of(problem: LineProblem, m: Mobile) -> Floats:
    """Return by how much an amount that enters a line per time lowers the plasma state."""
    if problem.volume is None:
        return np.zeros(1)
    assert m.supply is not None
    number = problem.number / m.supply.per_tissue
    if m.supply.volume is not None:
        number = number / np.atleast_1d(problem.plasma_values.value(m.supply.volume))
    return number


def _columns(arrays: list[Floats]) -> Floats:
    found = np.empty((max(a.size for a in arrays), len(arrays)))
    for i, array in enumerate(arrays):
        found[:, i] = array
    return found


def _stacked(arrays: list[Floats]) -> Floats:
    sets = max(a.shape[0] for a in arrays)
    found = np.empty((sets, len(arrays), arrays[0].shape[1]))
    for i, array in enumerate(arrays):
        found[:, i] = array
    return found
