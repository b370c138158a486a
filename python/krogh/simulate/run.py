"""simulate(): a model, a dosing, subjects; labeled results with exposure from inside the solver.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from krogh.dosing import Dose, EventTable, Regimen
from krogh.draws import require_seed
from krogh.errors import SpecError
from krogh.model import Model
from krogh.model.compile import CompiledModel
from krogh.population import ParameterUncertainty
from krogh.result import SimulationResult
from krogh.schedule import Plan
from krogh.simulate.assembly import Assembly, assemble
from krogh.simulate.cases import Request, case_of
from krogh.simulate.directions import directions_of
from krogh.simulate.effects import levels_wanted
from krogh.simulate.engine import Options, run_engine, run_exactly_with_metrics
from krogh.simulate.failures import handle_failures
from krogh.simulate.memory import require_memory
from krogh.simulate.options import check_options
from krogh.simulate.progress import ProgressBar, chosen_progress
from krogh.simulate.tolerance import absolute_tolerances
from krogh.simulate.verify import verified
from krogh.units import parse_quantity, require_dimension

__all__ = ["METHODS", "simulate"]

METHODS = ("auto", "rodas4", "rodas5p", "ros34pw2", "explicit5", "rkc2", "propagator", "mixed")


def simulate(
    model: Model | CompiledModel,
    dosing: str | Dose | Regimen | EventTable | Sequence[Any] | None = None,
    *,
    subjects: Any = 1,
    times: Any = None,
    until: Any = None,
    every: Any = None,
    values: Mapping[str, Any] | None = None,
    variability: bool | str = False,
    occasions: Any = None,
    uncertainty: ParameterUncertainty | None = None,
    seed: int = 0,
    weight: Any = None,
    surface: Any = None,
    gfr: Any = None,
    metrics: bool = True,
    windows: Any = None,
    thresholds: Mapping[str, Any] | None = None,
    sensitivities: str | Sequence[str] = (),
    rtol: float = 1e-6,
    atol: Any = None,
    method: str = "auto",
    max_steps: int = 1_000_000,
    num_threads: int = 0,
    verify: bool = False,
    progress: bool | Callable[[int, int, float], Any] | None = None,
    on_failure: Literal["auto", "raise", "return", "nan"] = "auto",
    partial: bool = False,
    time_unit: str | None = None,
    out: NDArray[np.float64] | None = None,
) -> SimulationResult:
    """Solve a model for one subject or a population.

    Parameters
    ----------
    model
        What happens in the body.
    dosing
        A sentence (``"8 mg/kg then 6 mg/kg every 3 weeks x 6"``), a `Regimen` or `Dose`, or an
        `EventTable`, whose subjects are then simulated.
    subjects
        A number; a mapping or data frame of covariates, one row each (an ID column keeps its IDs);
        a `krogh.population.VirtualPopulation`.  Left out with an event table; a mapping or frame
        beside a table adds covariates by ID.
    times
        Observation times with unit: ``([0, 7, 14], "d")`` or ``["0 h", "30 min"]``; the result has
        them in increasing order, each once.  With an event table they stand in place of its
        observation rows.
    until, every
        End and step of a regular grid: ``until="84 d", every="1 d"``.  By default the run ends one
        interval after the last dose, on 201 points and the times of doses.  A repeated dose that
        falls on the end itself is given only if `times` ask for that moment.
    values
        Other values of parameters: ``{"CL": "0.3 L/d"}``, or an array with one value per subject.
    variability
        Random effects to draw: True (all), ``"subject"``, ``"occasion"`` or False.
    occasions
        What begins an occasion for between-occasion effects: ``"doses"`` or the name of a column of
        the event table; by default column OCC if there is one, else every dose.
    uncertainty
        Uncertainty of the parameter estimates, drawn on top.
    seed
        Selects the random numbers.  Subject i is the same person for every number and order of
        subjects.
    weight, surface, gfr
        For doses per weight, per body surface, or for a target AUC: ``"70 kg"`` or
        ``(array, "kg")``, before the subjects' columns (WT, BSA, GFR) and the model's covariates.
        They concern the doses alone; a covariate of the model keeps its own value (with a warning
        in the log where it was not stated).
    metrics
        Whether to take exposure metrics (Cmax, AUC, ...) in the solver.
    windows
        Over which times: None for the first and last dosing interval and the whole run, ``"doses"``
        for every dosing interval, or pairs such as ``[("0 d", "21 d")]``.
    thresholds
        Output to a value with unit: the time above it and the time to it are reported.
    sensitivities
        Names: ``"CL"``, ``"initial:C"``, ``"dose[0].amount"``, ``"dose[1].lag"``.  They follow the
        steps that the values ask for; their own errors are usually within 30 rtol of their largest
        value.
    rtol
        Relative tolerance of each step, 1e-13 to 0.1.
    atol
        Absolute tolerances with units, ``{"C": "1e-6 nM"}``; defaults in
        `krogh.simulate.tolerance`.
    method
        ``"auto"``, ``"rodas4"``, ``"rodas5p"``, ``"ros34pw2"``, ``"explicit5"``, ``"rkc2"`` or
        ``"propagator"`` or ``"mixed"`` (a closed linear part exactly, the rest stepped).
        ``"auto"`` takes exact propagators for linear models, otherwise what stiffness and tolerance
        ask for.
    max_steps
        Per subject.
    num_threads
        0: as many as are granted.
    verify
        Solve again by an independent method and report the difference.
    progress
        None: a bar on a terminal or in a notebook for runs over 2 s; True or False; or a function
        ``progress(done, total, seconds)``, which may return False to stop.
    on_failure
        ``"raise"``: a failed subject raises SolverError.  ``"return"``: failed subjects are NaN,
        counted in the first line and listed in ``failures``, with a warning in the log.  ``"nan"``:
        the same without the warning.  ``"auto"``: raise for one subject, return for many.
    partial
        Ctrl-C returns what is done (``is_complete`` is False) instead of raising KeyboardInterrupt.
    time_unit
        Unit of times in the result; by default as `times` or `until` state it.
    out
        Memory for the values, C-contiguous float64 of shape (num_subjects, num_times, num_outputs),
        or (num_rows, num_outputs) for an event table without `times`; written in declared units.

    Returns
    -------
    SimulationResult
        Memory: 8 bytes per subject, time and output; with metrics 64 bytes per subject, window and
        output; 8 bytes per subject and parameter where parameters differ.

    Raises
    ------
    SpecError, UnitError, DataError
        Wrong input, before any work is done.
    SolverError
        KG-310: a subject could not be solved (see `on_failure`).  ``error.result`` holds the rest.
    """
    began = time.perf_counter()
    check_options(
        rtol,
        max_steps,
        num_threads,
        on_failure,
        least_rtol=1e-13,
        ways=("auto", "raise", "return", "nan"),
        method=method,
        methods=METHODS,
    )
    _check_kinds(values, thresholds, sensitivities, uncertainty)
    require_seed(seed)
    keywords = {"weight": weight, "surface": surface, "gfr": gfr}
    case = case_of(
        Request(
            model=model,
            dosing=dosing,
            who=subjects,
            times=times,
            until=until,
            every=every,
            values=dict(values or {}),
            levels=levels_wanted(variability),
            occasions=occasions,
            uncertainty=uncertainty,
            seed=seed,
            keywords=keywords,
            metrics=metrics,
            windows=windows,
            time_unit=time_unit,
        )
    )
    compiled, plan = case.compiled, case.plan
    directions = directions_of(sensitivities, compiled, plan, case.time_unit)
    limits = _thresholds(compiled, thresholds or {}, metrics)
    parameters = with_initial(compiled.pack(case.overrides, case.subjects.count), plan)
    nominal = _typical(compiled, values or {}, parameters)
    options = Options(
        rtol=rtol,
        atol=absolute_tolerances(compiled, plan, rtol, atol, nominal),
        method=method,
        max_steps=max_steps,
        num_threads=num_threads,
        thresholds=_internal_thresholds(compiled, limits),
        sensitivities=[(d.kind, d.index) for d in directions],
        takes_metrics=metrics and plan.windows.shape[-2] > 0,
        stops_on_failure=on_failure == "raise" or (on_failure == "auto" and plan.num_subjects == 1),
        on_progress=chosen_progress(progress),
        keep_partial=partial,
        wants_states=True,
    )
    require_memory(plan, compiled, len(directions), has_room=out is not None)
    try:
        is_exact = case.has_modes and options.takes_metrics and method == "auto" and not directions
        solve = run_exactly_with_metrics if is_exact else run_engine
        run = solve(compiled.program, parameters, plan, options, out)
        checked = verified(compiled, parameters, plan, options, run) if verify else None
    finally:
        if isinstance(options.on_progress, ProgressBar):
            options.on_progress.close()
    result = assemble(
        Assembly(
            case=case,
            run=run,
            options=options,
            parameters=parameters,
            directions=directions,
            thresholds=limits,
            verification=checked,
            seed=seed,
            began=began,
        )
    )
    return handle_failures(result, on_failure)


def _check_kinds(values: Any, thresholds: Any, sensitivities: Any, uncertainty: Any) -> None:
    for what, given, example in (
        ("values", values, "{'CL': '0.3 L/d'}"),
        ("thresholds", thresholds, "{'Cp': '10 mg/L'}"),
    ):
        if given is not None and not isinstance(given, Mapping):
            raise SpecError(f"KG-119: {what} must be a mapping such as {example}, not {given!r}.")
    names = [sensitivities] if isinstance(sensitivities, str) else sensitivities
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise SpecError(
            "KG-119: sensitivities must be names such as ['CL', 'dose[0].amount'], not"
            f" {sensitivities!r}."
        )
    if uncertainty is not None and not isinstance(uncertainty, ParameterUncertainty):
        raise SpecError(
            "KG-119: uncertainty must be a krogh.population.ParameterUncertainty, not"
            f" {type(uncertainty).__name__}."
        )


def with_initial(parameters: NDArray[np.float64], plan: Plan) -> NDArray[np.float64]:
    """Return the parameters with the values that the first occasion or record gives them."""
    if not plan.initial_parameters:
        return parameters
    if parameters.shape[0] == 1 and plan.num_subjects > 1:
        parameters = np.repeat(parameters, plan.num_subjects, axis=0)
    for position, values in plan.initial_parameters.items():
        parameters[:, position] = values
    return parameters


def _typical(
    compiled: CompiledModel, values: Mapping[str, Any], parameters: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the parameters of a typical subject, which sets absolute tolerances.

    Nominal values and what `values` states for all; a parameter without either has the first
    subject's value.
    """
    typical = compiled.nominal.copy()
    for name, value in values.items():
        column = compiled.parameter_index(name)
        known = compiled.pack({**dict.fromkeys(_missing(compiled), 1.0), name: value})
        if known.shape[0] == 1:
            typical[column] = known[0, column]
    return np.where(np.isnan(typical), parameters[0], typical)


def _missing(compiled: CompiledModel) -> list[str]:
    return [compiled.parameter_names[i] for i in np.flatnonzero(np.isnan(compiled.nominal))]


def _thresholds(
    compiled: CompiledModel, thresholds: Mapping[str, Any], metrics: bool
) -> dict[str, float]:
    """Return thresholds in the outputs' declared units."""
    if thresholds and not metrics:
        raise SpecError("KG-119: thresholds need metrics=True.")
    found: dict[str, float] = {}
    for name, value in thresholds.items():
        unit = compiled.output_units[compiled.output_index(name)]
        if isinstance(value, (int, float)) and not isinstance(value, bool) and not unit:
            found[name] = float(value)
            continue
        quantity = parse_quantity(value, f"the threshold of {name}")
        require_dimension(quantity.unit, unit or "1", f"the threshold of {name}")
        found[name] = quantity.to(unit or "1")
    return found


def _internal_thresholds(compiled: CompiledModel, limits: Mapping[str, float]) -> list[float]:
    if not limits:
        return []
    return [
        limits.get(name, 0.0) / float(factor)
        for name, factor in zip(compiled.output_names, compiled.output_factors, strict=True)
    ]
