"""simulate_line(): tissue along a line, fed by a plasma; labeled results of every cell.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from krogh.errors import SolverError, SpecError, did_you_mean
from krogh.line.added_rates import added_rates, require_followed
from krogh.line.assembly import compiled_pair, line_count, line_problem, require_span
from krogh.line.derivatives import directions_of, internal_directions
from krogh.line.dosing import Dosing, dosing_of, lines_of_dosing
from krogh.line.memory import require_line_memory
from krogh.line.outcome import Outcome, Settings
from krogh.line.parts import needed_states
from krogh.line.problem import LineProblem
from krogh.line.result import LineResult
from krogh.line.solve_cells import solve_cells
from krogh.line.solve_line import cannot_solve, solve_line
from krogh.line.times import record_times
from krogh.line.tolerance import line_tolerances
from krogh.line.verify import compared, second_engine, second_settings
from krogh.model import Model
from krogh.model.compile import CompiledModel
from krogh.simulate.options import check_options
from krogh.simulate.progress import ProgressBar, chosen_progress
from krogh.space import Shape

__all__ = ["METHODS", "recorded_of", "simulate_line"]

METHODS: Final = ("auto", "line", "cells", "cells-rkc2", "cells-rodas5p")

MANY: Final = 100
"""Lines from which on a slower method is told of in the log as a warning."""

_LOG = logging.getLogger("krogh")
_ENGINES: Final = {"cells": "rodas5p", "cells-rodas5p": "rodas5p", "cells-rkc2": "rkc2"}


def simulate_line(
    tissue: Model | CompiledModel,
    shape: Shape,
    dosing: Any = None,
    *,
    systemic: Model | CompiledModel | None = None,
    lines: int | None = None,
    times: Any = "24 h",
    values: Mapping[str, Any] | None = None,
    fields: Mapping[str, Any] | None = None,
    weight: Any = None,
    surface: Any = None,
    tumour_volume: Any = None,
    plasma: Mapping[str, Any] | None = None,
    plasma_rates: Mapping[str, Any] | None = None,
    velocity: Any = None,
    record: Sequence[str] | None = None,
    sensitivities: str | Sequence[str] = (),
    rtol: float = 1e-3,
    atol: Any = None,
    method: str = "auto",
    verify: bool = False,
    num_threads: int = 0,
    progress: bool | Callable[[int, int, float], Any] | None = None,
    on_failure: Literal["auto", "raise", "return", "nan"] = "auto",
    max_steps: int = 1_000_000,
) -> LineResult:
    """Solve a tissue model along one or many lines, with the plasma that feeds it.

    Parameters
    ----------
    tissue
        What happens in every cell of the line; its `Transport` components say what moves.
    shape
        `krogh.space.Cylinder`, `Sphere` or `Slab`; `Several` of them that share one plasma; or a
        `Capillary`, along which the blood is depleted.
    dosing
        A sentence, a `Regimen` (doses name their drug), an `EventTable` with one subject for all
        lines or one for each, or a sequence with one of the former for each line.
    systemic
        The model of the body, which takes the doses; its species feed the transports.
    lines
        How many; left out, as many as the longest array says.
    times
        ``"24 h"``, ``"0..24 h by 1 h"``, ``([0, 6, 24], "h")``.
    values
        Parameters of either model and lengths of the shape: a number in the declared unit, text
        with a unit, or an array (or ``(array, unit)``) with one value for each line.
    fields
        Parameters of the tissue that vary over the cells: an array (cells,) or (lines, cells), or a
        function of the distance from the supplying wall in um.
    weight, surface
        For doses per weight or surface: ``"20 g"`` or ``(array, "g")``.
    tumour_volume
        ``"0.2 mL"``: the plasma loses what a tumour of this volume takes up, and gets back what it
        gives off; left out, the plasma feels nothing.
    plasma
        Instead of `systemic`, curves ``{name: (([0, 1], "h"), values, unit)}``, straight between
        their points; values (points,) or (lines, points).
    plasma_rates
        Beside the doses, what is added to species of `systemic`, or taken (negative), where other
        parts of the body are solved elsewhere: ``{species: (([0, 1], "h"), rates, "nmol/h")}``,
        constant from each time to the next, from the last on to the end.
    velocity
        Of the fluid, outward from the inner end (volume per area and time): ``"0.1 um/s"`` at
        the inner end, as much fluid passing every face; ``(array, "um/s")`` with a value for each
        face; or a function of the position in um that returns um/s.  Each species is carried along
        at its `retardation` times it.
    record
        Outputs and species of the tissue whose cells are kept; all outputs if left out.
    sensitivities
        Names of parameters of either model and lengths of the shape.
    rtol
        Relative tolerance of each step, 1e-12 to 0.1.
    atol
        Absolute tolerances with units; defaults in `krogh.line.tolerance`.
    method
        ``"line"`` (the line solver), ``"cells"`` (every cell as states of one point model, solved
        by Rodas5P; ``"cells-rkc2"`` by RKC2), or ``"auto"``: the line solver where it can, else
        cells, with the reason in the result.
    verify
        Solve again as cells at a tenth of the tolerance and report the largest difference: by
        RKC2, or by Rodas5P where a stabilized explicit method would need too many stages.
    num_threads
        0: as many as are granted.
    progress
        As in `krogh.simulate`.
    on_failure
        ``"raise"``, ``"return"`` (with a warning in the log) or ``"nan"``; ``"auto"`` raises for
        one line and returns for many.
    max_steps
        Per line.

    Returns
    -------
    LineResult
        Memory: 8 bytes per line, time, cell and recorded species.

    Raises
    ------
    SpecError, UnitError, DataError
        Wrong input, before any work is done.
    SolverError
        KG-320: a line could not be solved.  ``error.result`` holds the rest.
    """
    began = time.perf_counter()
    check_options(
        rtol,
        max_steps,
        num_threads,
        on_failure,
        least_rtol=1e-12,
        ways=("auto", "raise", "return", "nan"),
        method=method,
        methods=METHODS,
    )
    for what, mapping in (("values", values), ("fields", fields), ("plasma", plasma)):
        if mapping is not None and not isinstance(mapping, Mapping):
            raise SpecError(f"KG-119: {what} must be a mapping by name, not {mapping!r}.")
    own, other = compiled_pair(tissue, systemic)
    count = line_count(
        lines,
        values or {},
        fields or {},
        [
            ("dosing", lines_of_dosing(dosing)),
            ("weight", weight),
            ("surface", surface),
            ("tumour_volume", tumour_volume),
        ],
    )
    grid, time_unit = record_times(times)
    given: Dosing | None = None
    if other is not None:
        known = {k: v for k, v in (values or {}).items() if k in other.parameter_names}
        given = dosing_of(
            other,
            dosing,
            count,
            grid,
            {"weight": weight, "surface": surface},
            known,
            includes_end=True,
        )
        other = given.systemic
        values = {**(values or {}), **given.overrides}
        given.rates = added_rates(other, plasma_rates)
    elif plasma_rates:
        raise SpecError("KG-162: plasma_rates go into the systemic model; give systemic=....")
    elif dosing is not None:
        raise SpecError("KG-162: doses go into the systemic model; give systemic=....")
    problem, split = line_problem(
        own,
        other,
        shape,
        count=count,
        values=values or {},
        fields=fields or {},
        tumour_volume=tumour_volume,
        plasma=plasma,
        velocity=velocity,
    )
    begin = given.begin if given is not None else min(0.0, float(grid[0]))
    require_span(problem, begin, float(grid[-1]))
    if given is not None and given.rates:
        require_followed(
            given.rates,
            begin,
            cannot_solve(problem, given, ()),
            method=method,
            verify=verify,
            differentiates=bool(sensitivities),
        )
    outputs, recorded = recorded_of(own, record)
    directions = directions_of(sensitivities, problem)
    tolerances = line_tolerances(problem, given, rtol, atol, split)
    settings = Settings(
        grid=grid,
        begin=begin,
        recorded=recorded,
        rtol=rtol,
        atol=tolerances[0],
        plasma_atol=tolerances[1],
        max_steps=max_steps,
        num_threads=num_threads,
        directions=internal_directions(directions, problem),
        stops_on_failure=on_failure == "raise" or (on_failure == "auto" and count == 1),
        on_progress=chosen_progress(progress),
    )
    require_line_memory(problem, settings)
    try:
        outcome = _solve(problem, given, settings, method)
        if settings.on_progress is not None and not outcome.stopped:
            settings.on_progress(count, count, outcome.seconds)
        checked = None
        if verify and not outcome.stopped:
            engine = second_engine(problem, settings, outcome.method)
            second = solve_cells(problem, given, second_settings(settings), engine)
            checked = compared(problem, settings, outcome, second)
    finally:
        if isinstance(settings.on_progress, ProgressBar):
            settings.on_progress.close()
    result = LineResult(
        problem,
        replace(settings, on_progress=None),
        outcome,
        outputs=outputs,
        time_unit=time_unit,
        dosing=given.words if given is not None else ", ".join(problem.curves) or "none",
        verification=checked,
        directions=directions,
        wall_seconds=time.perf_counter() - began,
        doses=given,
    )
    return _handle_failures(result, on_failure)


def _solve(problem: LineProblem, dosing: Dosing | None, settings: Settings, method: str) -> Outcome:
    if method in _ENGINES:
        return solve_cells(problem, dosing, settings, _ENGINES[method])
    reason = cannot_solve(problem, dosing, settings.directions)
    if method == "line" and reason:
        raise SpecError(
            f"KG-164: the line solver cannot take {reason}; use method='cells' (or 'auto')."
        )
    if reason:
        tell = _LOG.warning if problem.count > MANY else _LOG.info
        tell("%s are solved as cells of a point model because of %s", _lines(problem), reason)
        outcome = solve_cells(problem, dosing, settings, _ENGINES["cells"])
        outcome.reason = reason
        return outcome
    return solve_line(problem, dosing, settings)


def _lines(problem: LineProblem) -> str:
    return f"{problem.count:,} lines" if problem.count > 1 else "the line"


def recorded_of(
    tissue: CompiledModel, record: Sequence[str] | None
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the outputs of the result and the states that they need."""
    if record is None:
        outputs = tissue.output_names
    else:
        outputs = (record,) if isinstance(record, str) else tuple(record)
    known = [*tissue.output_names, *tissue.state_names]
    needed: set[str] = set()
    for name in outputs:
        if name in tissue.output_names:
            needed |= needed_states(tissue.model, [tissue.model.outputs[name].expression])
        elif name in tissue.state_names:
            needed.add(name)
        else:
            raise SpecError(
                f"KG-103: record: the tissue model {tissue.model.name!r} has no output or species"
                f" {name!r}.{did_you_mean(str(name), known)}"
            )
    return outputs, tuple(i for i, n in enumerate(tissue.state_names) if n in needed)


def _handle_failures(result: LineResult, on_failure: str) -> LineResult:
    if not result.failures:
        return result
    first = result.failures[0]
    if on_failure == "raise" or (on_failure == "auto" and result.num_lines == 1):
        more = "" if result.num_lines == 1 else (
            "\n  on_failure='return' keeps the other lines and lists all failures."
        )  # fmt: skip
        raise SolverError(f"KG-320: {first}.{more}", result=result)
    if on_failure != "nan":
        _LOG.warning(
            "%s of %s lines failed; the first: %s",
            f"{len(result.failures):,}",
            f"{result.num_lines:,}",
            first,
        )
    return result
