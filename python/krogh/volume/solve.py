"""Volumes solved by the native volume solver.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.line.dosing import Dosing
from krogh.line.outcome import Failure, Outcome, Settings
from krogh.line.solve_line import signed_states, starts_steady, steady_cells
from krogh.space.box import SIDES
from krogh.space.grid import Grid
from krogh.threads import granted_threads
from krogh.volume.blood import plasma_options
from krogh.volume.keeping import Keeping, Kept
from krogh.volume.placing import (
    change_of,
    diffusivity_of,
    exchange_options,
    moving_options,
    placed,
)
from krogh.volume.plasma import PlasmaCurves
from krogh.volume.problem import WAYS, VolumeProblem
from krogh.volume.turns import passed_by

__all__ = ["solve_volume"]

Floats = NDArray[np.float64]


def solve_volume(
    problem: VolumeProblem,
    curves: PlasmaCurves | None,
    plasma_states: Floats | None,
    dosing: Dosing | None,
    settings: Settings,
    keeping: Keeping | None = None,
    *,
    method: str = "ros34pw2",
) -> tuple[Outcome, dict[str, Any], Kept]:
    """Return the solution in all voxels, the solver's counters, and what it kept.

    Parameters
    ----------
    curves
        The systemic model in time; None where curves are given, or it is solved with the tissue.
    plasma_states
        Its states at the records, shape (1, records, states).
    dosing
        Of a systemic model that is solved with the tissue; else None.
    keeping
        Checkpoints and files of the run.
    method
        ``"ros34pw2"`` or ``"rkc2"``.

    Raises
    ------
    SpecError, DataError
        As of `Keeping.call`.
    """
    keeping = keeping or Keeping(recorded=settings.recorded, count=len(settings.recorded))
    began = time.perf_counter()
    tissue, grid = problem.tissue, problem.grid
    inputs, options = _inputs(problem, curves)
    if problem.fields:
        options["field_parameters"] = [tissue.parameter_index(name) for name in problem.fields]
        options["fields"] = placed(problem, np.concatenate(list(problem.fields.values())), 0.0)
    if starts_steady(tissue):
        states = steady_cells(problem)[0]
        options["initial"] = np.ascontiguousarray(problem.on_grid(states, 0.0))
    ways, of_exchange = exchange_options(problem, inputs)
    options |= of_exchange | moving_options(problem)
    if problem.turns:
        options["changes"] = [change_of(time, stage, inputs) for time, stage in problem.turns]
    factors = of_exchange.get("exchange_factors", [])
    if problem.fractions is not None and problem.fractions.times.size:
        options |= {
            "jump_times": problem.fractions.times,
            "jump_states": problem.fractions.states,
            "jump": problem.fractions.apply,
        }
    if dosing is not None:
        options |= plasma_options(problem, [k for k, _ in ways], dosing, settings)
    stopped = False

    def report(done: int, total: int, seconds: float) -> bool:
        nonlocal stopped
        if settings.on_progress is not None:
            stopped = settings.on_progress(done, total, seconds) is False
        return not stopped

    kept = keeping.call(
        tissue.program,
        np.ascontiguousarray(problem.parameters[0]),
        _faces(grid, 0),
        _faces(grid, 1),
        _faces(grid, 2),
        [(m.state, _sides(problem, k, inputs[k])) for k, m in enumerate(problem.mobiles)],
        diffusivity_of(problem),
        placed(problem, problem.fraction[0], 1.0),
        settings.grid,
        begin=settings.begin,
        rtol=settings.rtol,
        atol=settings.atol.tolist(),
        max_steps=settings.max_steps,
        recorded=list(keeping.recorded),
        signed_states=[s for s in signed_states(tissue) if s not in factors],
        num_threads=granted_threads(settings.num_threads),
        progress=report,
        method=method,
        **options,
    )
    run = kept.run
    records, count = settings.grid.size, len(settings.recorded)
    values = kept.values.reshape(records, count, grid.num_voxels)
    entered = np.zeros((1, records, len(problem.mobiles), len(WAYS)))
    entered[0, :, :, 1 : 1 + len(SIDES)] = kept.entered
    for number, (k, way) in enumerate(ways):
        entered[0, :, k, WAYS.index(way)] += kept.exchanged[:, number]
    stats = dict(run.stats)
    stopped = (stopped and run.status != 0) or kept.error is not None
    outcome = Outcome(
        values=(values if problem.whole else values[..., problem.inside])[None],
        contents=kept.contents[None],
        entered=entered,
        plasma=plasma_states if kept.plasma is None else kept.plasma[None],
        fed={f.state: kept.fed[:, k] for k, f in enumerate(problem.feeds)},
        status=np.array([run.status], dtype=np.int64),
        stats={k: np.array([stats[k]], dtype=np.int64) for k in ("accepted", "rejected")},
        failures=[] if stopped else [_failure(problem, *f) for f in run.failures],
        method=f"volume, {method}",
        num_threads=run.num_threads,
        seconds=time.perf_counter() - began,
        stopped=stopped,
    )
    return outcome, stats, kept


def _faces(grid: Grid, axis: int) -> Floats:
    """Return the faces along x, y or z from the box's corner, um."""
    return float(grid.spacing[axis]) * np.arange(grid.shape[2 - axis] + 1, dtype=np.float64)


def _sides(problem: VolumeProblem, mobile: int, source: int) -> list[tuple[str, float, int]]:
    """Return kind, permeability and input of the six sides for a species."""
    m = problem.mobiles[mobile]
    transport = m.transport
    found: list[tuple[str, float, int]] = []
    passed = passed_by([problem.fluid, *(stage.fluid for _, stage in problem.turns)])
    for kind, passes in zip(problem.sides, passed, strict=True):
        if kind == "membrane" and transport.permeability is not None:
            p = problem.uniform(transport.permeability, "permeability at a side", m)
            found.append(("membrane", p, source))
        elif kind == "fixed" and transport.wall_kind != "closed":
            found.append(("fixed", 0.0, source))
        elif kind == "periodic":
            found.append(("periodic", 0.0, -1))
        elif kind == "open" or passes:  # what has no way through the wall goes with the fluid
            found.append(("open", 0.0, -1))
        else:
            found.append(("closed", 0.0, -1))
    return found


def _inputs(
    problem: VolumeProblem, curves: PlasmaCurves | None
) -> tuple[list[int], dict[str, Any]]:
    """Return the input of every mobile species (-1: none), and the keywords of the inputs."""
    numbers = [-1] * len(problem.mobiles)
    rows: list[tuple[Floats, Floats]] = []
    jumps: list[Floats] = []
    for k, m in enumerate(problem.mobiles):
        if m.transport.wall_kind == "closed":
            continue
        if m.supply is not None and curves is not None:
            by = problem.plasma_values.value(m.supply.factor)
            scale = float(problem.free(m, 0)[0] * np.atleast_1d(by)[0] * m.supply.per_tissue)
            rows.append((curves.times, scale * curves.values[m.supply.state]))
            jumps.append(scale * curves.jumps[:, m.supply.state])
        elif m.curve is not None:
            curve = problem.curves[m.curve]
            scale = float(problem.free(m, 0)[0] * m.per_curve)
            rows.append((curve.times, scale * curve.values[0]))
        else:
            continue
        numbers[k] = len(rows) - 1
    if not rows:
        return numbers, {}
    times = np.unique(np.concatenate([t for t, _ in rows]))
    found: dict[str, Any] = {
        "table_times": times,
        "table_values": np.array(
            [row if own.size == times.size else np.interp(times, own, row) for own, row in rows]
        ),
    }
    if curves is not None and curves.jump_times.size:
        found |= {
            "rates": np.zeros((len(rows), 1)),
            "pulse_times": curves.jump_times,
            "pulse_amplitudes": np.ascontiguousarray(np.stack(jumps, axis=1)[:, :, None]),
        }
    return numbers, found


def _failure(
    problem: VolumeProblem,
    code: int,
    sentence: str,
    when: float,
    state: int,
    voxel: int,
    in_plasma: bool = False,
) -> Failure:
    c = problem.systemic if in_plasma else problem.tissue
    species = c.state_names[state] if c is not None and state >= 0 else ""
    cell = int(np.searchsorted(problem.inside, voxel)) if voxel >= 0 else -1
    return Failure(0, code, sentence, when, species, cell)
