"""fit(): parameters of a model from measurements, by maximum likelihood.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from krogh.dosing import EventTable
from krogh.draws import require_seed
from krogh.errors import DataError, FitError, SpecError
from krogh.fit.judgment import judged, on_bound
from krogh.fit.likelihood import Floats, likelihood_at
from krogh.fit.observations import observations_of
from krogh.fit.parameters import resolve_parameters
from krogh.fit.prediction import Predictor
from krogh.fit.result import FitResult
from krogh.fit.search import Search, Start, starting_points
from krogh.fit.uncertainty import precision_of
from krogh.model import Model
from krogh.model.compile import CompiledModel
from krogh.simulate.progress import Callback, ProgressBar, chosen_progress

__all__ = ["fit"]


def fit(
    model: Model | CompiledModel,
    data: EventTable,
    parameters: Mapping[str, Any] | Sequence[str],
    *,
    observables: Any = None,
    error: str | Mapping[str, str] = "proportional",
    by: Mapping[str, str] | str | None = None,
    error_by: str | None = None,
    values: Mapping[str, Any] | None = None,
    include: ArrayLike | None = None,
    starts: int = 8,
    spread: float = 3.0,
    seed: int = 0,
    level: float = 0.95,
    subjects: Any = 1,
    weight: Any = None,
    surface: Any = None,
    gfr: Any = None,
    rtol: float = 1e-8,
    method: str = "auto",
    max_steps: int = 100_000,
    max_evaluations: int = 200,
    num_threads: int = 0,
    progress: bool | Callback | None = None,
    require: bool = False,
) -> FitResult:
    """Estimate parameters of a model at a point by maximum likelihood.

    The likelihood is that of independent normal residuals, maximized as a nonlinear least-squares
    problem (see `krogh.fit.likelihood`) by scipy's trust-region method with bounds, from several
    starts, with the derivatives that the solver computes beside the predictions.

    Parameters
    ----------
    model
        What happens in the body.
    data
        Doses and measurements (rows with EVID 0 and MDV 0) of one or several subjects.  Values
        marked by CENS or BLQ are limits and have a censored likelihood (`krogh.fit.censoring`).
        Subjects without a measurement are left out.
    parameters
        Names, or a mapping of names to first values: ``"5 L/h"``, ``("5 L/h", ("1 L/h", "50
        L/h"))`` with bounds, a `Free`, or None for the model's value.
    observables
        Which output is measured: a name, or a mapping of DVID to a name or to (name, error).  Left
        out where DVIDs are names of outputs or the model has one output.
    error
        ``"additive"``, ``"proportional"``, ``"combined"`` (variance a^2 + b^2 f^2) or ``"log"``,
        or a mapping of output or DVID to one of them.
    by
        A column of the table (or ``"ID"``) whose values have parameters of their own: for all
        parameters, or a mapping of names to columns.  Otherwise subjects share their parameters.
    error_by
        A column whose values have residual errors of their own.
    values
        Values of parameters and covariates that are not estimated.
    include
        Truth value for each row of the table: measurements to use.  What is left out is counted.
    starts
        Number of starts: the given values, then points of a Sobol sequence around them.
    spread
        The starts lie within this factor of the first value, to both sides, and inside bounds.
    seed
        Selects the Sobol points.
    level
        Of the confidence intervals.
    subjects, weight, surface, gfr
        Covariates by ID and body measures for doses, as for `krogh.simulate`.
    rtol, method, max_steps, num_threads
        Of the solver, as for `krogh.simulate`.
    max_evaluations
        Of one search.
    progress
        None: a bar over the starts on a terminal or in a notebook, for fits that take long; False:
        none; or a function called with starts done, their number, and seconds.
    require
        Raise FitError if the fit is not converged (it can be asked for later:
        `FitResult.require_converged`).

    Returns
    -------
    FitResult
        Look at ``converged`` before the numbers.

    Raises
    ------
    SpecError, UnitError, DataError
        Wrong input.  KG-250: an output with censored values only.  KG-251: measurements that the
        error does not permit.  KG-252: groups that change within a subject.  KG-253: no
        measurement, or no more than parameters.
    FitError
        KG-402 where no start has a finite objective; KG-401 with `require`, where it is
        not converged.

    Examples
    --------
    >>> result = fit(
    ...     model, table, {"CL": "3 L/h", "V": ("30 L", ("5 L", "200 L"))}, error="proportional"
    ... )
    >>> print(result)
    """
    _check(model, data, starts, spread, level, max_evaluations)
    require_seed(seed)
    compiled = model if isinstance(model, CompiledModel) else model.compile()
    observations = observations_of(data, compiled, observables, error, error_by, include)
    num_excluded = observations.num_excluded
    measured = np.unique(observations.subject)
    if measured.size < data.num_subjects and isinstance(subjects, int) and subjects == 1:
        rows = np.flatnonzero(np.isin(data.subject_index, measured))
        data = data.picked(rows)
        kept = None if include is None else np.asarray(include)[rows]
        observations = observations_of(data, compiled, observables, error, error_by, kept)
        observations = replace(observations, num_excluded=num_excluded)
    estimated = resolve_parameters(parameters, compiled, data, by)
    fixed = dict(values or {})
    for e in estimated:
        if e.parameter in fixed:
            raise SpecError(f"KG-112: {e.parameter!r} is both estimated and given in values.")
    stray = [e for e in estimated if not np.any(e.members[observations.subject])]
    if stray:
        raise DataError(f"KG-253: no measurement is left of the group of {stray[0].name!r}.")
    keywords = {"weight": weight, "surface": surface, "gfr": gfr}
    predictor = Predictor(
        compiled,
        data,
        observations,
        estimated,
        values=fixed,
        subjects=subjects,
        keywords=keywords,
        rtol=rtol,
        method=method,
        max_steps=max_steps,
        num_threads=num_threads,
    )
    search = Search(predictor, observations, estimated, max_evaluations)
    if observations.values.size <= search.num_variables:
        raise DataError(
            f"KG-253: {observations.values.size} measurements cannot determine"
            f" {search.num_variables} parameters and their errors."
        )
    begun = _searched(search, starting_points(search, starts, spread, seed), progress)
    best = min(range(len(begun)), key=lambda k: begun[k].objective)
    if not math.isfinite(begun[best].objective):
        raise FitError(_hopeless(search, begun[0].message, starts))
    x = begun[best].end
    prediction, residuals = search.at(x)
    assert prediction is not None
    assert residuals is not None
    likelihood = likelihood_at(observations, residuals, search.num_variables)
    sizes = np.ones(search.num_variables)
    for k, e in enumerate(estimated):
        if not e.is_log:
            sizes[k] = max(abs(x[k]), abs(e.start)) or 1.0
    held = np.zeros(search.num_variables, dtype=bool)
    precision = precision_of(likelihood.whitened, sizes, held)
    bounds = on_bound(search, x, precision.standard_errors)
    if bounds:
        held[list(bounds)] = True
        precision = precision_of(likelihood.whitened, sizes, held)
    verdict = judged(search, begun, begun[best], residuals, likelihood, precision, bounds, sizes)
    result = FitResult(
        model=compiled.model,
        table=data,
        estimated=estimated,
        level=level,
        seed=seed,
        rtol=rtol,
        best=best,
        _values=tuple(search.values(x)),
        _fixed=fixed,
        _observations=observations,
        _prediction=prediction,
        _residuals=residuals,
        _likelihood=likelihood,
        _precision=precision,
        _verdict=verdict,
        _starts=tuple(begun),
        _search=search,
        _subjects=subjects,
        _keywords={k: v for k, v in keywords.items() if v is not None},
    )
    return result.require_converged() if require else result


def _searched(
    search: Search, points: Sequence[Floats], progress: bool | Callback | None
) -> list[Start]:
    """Run the search from each point, and report after each."""
    report = chosen_progress(progress, "fitting")
    begin, begun = time.monotonic(), []
    try:
        for point in points:
            begun.append(search.run(point))
            if report is not None:
                report(len(begun), len(points), time.monotonic() - begin)
    finally:
        if isinstance(report, ProgressBar):
            report.close()
    return begun


def _check(
    model: Any, data: Any, starts: Any, spread: float, level: float, max_evaluations: Any
) -> None:
    if not isinstance(model, (Model, CompiledModel)):
        raise SpecError(
            f"KG-101: fit() needs a Model as its first argument, not {type(model).__name__}."
        )
    if not isinstance(data, EventTable):
        raise SpecError(
            f"KG-101: fit() needs an EventTable with measurements, not {type(data).__name__}."
            "  EventTable.read(file, units=...) and EventTable.from_frame(frame, units=...)"
            " make one."
        )
    for name, value in (("starts", starts), ("max_evaluations", max_evaluations)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise SpecError(f"KG-108: {name} must be a positive whole number, not {value!r}.")
    if not spread > 1.0 or not math.isfinite(spread):
        raise SpecError(f"KG-108: spread is a factor above 1, not {spread!r}.")
    if not 0.0 < level < 1.0:
        raise SpecError(f"KG-108: level must lie between 0 and 1, not {level!r}.")


def _hopeless(search: Search, message: str, starts: int) -> str:
    """Return why no start could be used, with the row that stands in the way."""
    observations, table = search.observations, search.predictor.table
    start = starting_points(search, 1, 2.0, 0)[0]
    prediction = search.at(start)[0]
    text = f"KG-402: none of {starts} starts has a finite objective: {message}."
    if prediction is None or prediction.failure:
        return text
    for stratum in observations.strata:
        bad = stratum.rows[~(prediction.values[stratum.rows] > 0.0)]
        if stratum.error in ("log", "proportional") and bad.size:
            row = int(observations.table_rows[bad[0]])
            return (
                f"{text}\n  {table.where(row)}: the model predicts"
                f" {prediction.values[bad[0]]:g} for {stratum.label}, where a {stratum.error!r}"
                f" error has no width ({bad.size} such rows).\n  Leave such rows out on purpose"
                " (include=mask), or use error='additive' or 'combined'."
            )
    return text
