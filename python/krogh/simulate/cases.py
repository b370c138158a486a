"""What is to be simulated: a regimen or an event table turned into a plan and parameter values.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.dosing import Dose, EventTable, Regimen
from krogh.errors import DataError, SpecError, UnitError
from krogh.model import Model
from krogh.model.compile import CompiledModel
from krogh.population import ParameterUncertainty
from krogh.schedule import Given, Plan, expanded, regimen_plan
from krogh.simulate.effects import draw_effects, has_occasions
from krogh.simulate.grid import grid_of, time_unit_of, times_of
from krogh.simulate.subjects import Subjects, basis_of, resolve_subjects
from krogh.simulate.table_plan import prepare_table, table_plan
from krogh.simulate.varying import require_constant_volumes
from krogh.simulate.windows import WHOLE, shared_windows, with_tail

__all__ = ["Case", "Request", "case_of", "require_point"]


_ROUND_OFF: Final = 8.0 * np.finfo(np.float64).eps


@dataclass
class Request:
    """The arguments of `simulate` that say who gets what when."""

    model: Model | CompiledModel
    dosing: Any
    who: Any
    times: Any
    until: Any
    every: Any
    values: Mapping[str, Any]
    levels: frozenset[str]
    occasions: Any
    uncertainty: ParameterUncertainty | None
    seed: int
    keywords: Mapping[str, Any]
    metrics: bool
    windows: Any
    time_unit: str | None


@dataclass
class Case:
    """What is simulated.

    Attributes
    ----------
    overrides
        Parameter, covariate or random effect to values, as `CompiledModel.pack` takes them.
    dosing
        In words.
    has_modes
        Whether terminal half-lives come from the modes of a linear model; otherwise the last window
        of the plan is there for the terminal slope alone.
    """

    compiled: CompiledModel
    plan: Plan
    subjects: Subjects
    overrides: dict[str, Any]
    time_unit: str
    dosing: str
    has_modes: bool


def case_of(request: Request) -> Case:
    """Return the plan of a request.

    Raises
    ------
    SpecError, UnitError, DataError
        Everything that is wrong with model, dosing, subjects or times.
    """
    model = request.model
    if not isinstance(model, (Model, CompiledModel)):
        raise SpecError(
            f"KG-101: simulate() needs a Model as its first argument, not {type(model).__name__}."
        )
    compiled = model if isinstance(model, CompiledModel) else model.compile()
    require_point(compiled.model)
    if isinstance(request.dosing, EventTable):
        case = _table_case(compiled, request.dosing, request)
    else:
        case = _regimen_case(compiled, _regimen(request.dosing), request)
    if request.uncertainty is not None:
        _add_uncertainty(case, request.uncertainty, request.seed)
    return case


def require_point(model: Model) -> None:
    """Raise SpecError KG-160 for a model with species that move along a line."""
    if model.transports:
        name = next(iter(model.transports))
        raise SpecError(
            f"KG-160: model {model.name!r} describes tissue: {name!r} moves along a line, so it is"
            " no point.\n"
            "  Use krogh.simulate_line(tissue, shape, ...), or"
            " krogh.line.well_mixed(tissue, shape, ...) for the same model without gradients."
        )


def _regimen(dosing: Any) -> Regimen | None:
    if dosing is None or isinstance(dosing, Regimen):
        return dosing
    if isinstance(dosing, (str, Dose)) or (
        isinstance(dosing, Sequence) and all(isinstance(d, (str, Dose, Regimen)) for d in dosing)
    ):
        return Regimen(dosing)
    raise DataError(
        "KG-241: dosing must be a sentence ('100 mg daily x 7'), a Regimen, doses, an EventTable or"
        f" None, not {type(dosing).__name__}."
    )


def with_room(compiled: CompiledModel, counts: Mapping[int, int]) -> CompiledModel:
    """Return the model compiled with room for the doses that its input functions see."""
    if not compiled.stored:
        return compiled
    named = {compiled.state_names[state]: count for state, count in counts.items()}
    if any(count > compiled.stored.get(name, count) for name, count in named.items()):
        compiled = compiled.model.compile(doses=named)
    compiled.require_doses(dict(counts))
    return compiled


def _has_modes(compiled: CompiledModel) -> bool:
    return bool(compiled.program.is_linear) and not compiled.stored


def _regimen_case(compiled: CompiledModel, regimen: Regimen | None, request: Request) -> Case:
    subjects = resolve_subjects(request.who, compiled, request.seed)
    _require_once("values", request.values, "subjects", subjects.overrides)
    grid, end = grid_of(request.times, request.until, request.every, regimen)
    named = request.windows is not None and request.windows not in ("doses", WHOLE)
    if request.metrics and named:
        explicit, _ = shared_windows(request.windows, np.zeros(0), 0.0, end)
        end = max(end, float(explicit[:, 1].max()))
    given = (
        []
        if regimen is None
        else expanded(regimen, compiled, end, includes_end=request.times is not None)
    )
    compiled = with_room(compiled, _counts(given))
    starts = np.array([g.time for g in given])
    grid = snapped(grid, starts)
    begin = float(min([0.0, *starts[:1].tolist(), float(grid[0])]))
    windows: NDArray[np.float64] = np.zeros((0, 2))
    labels: tuple[str, ...] = ()
    if request.metrics:
        windows, labels = shared_windows(request.windows, starts, begin, end)
        windows = snapped(windows, starts)
        if not _has_modes(compiled):
            windows = with_tail(windows)
    moments = _moments(request.occasions, starts)
    effects, of_occasions = draw_effects(
        compiled, request.levels, request.seed, subjects.keys, max(1, moments.size)
    )
    for name in (*request.values, *subjects.overrides):  # what is stated is not drawn
        if name in compiled.model.random_effects:
            of_occasions.pop(compiled.parameter_index(name), None)
    if moments.size > 1 and has_occasions(compiled, request.levels):
        require_constant_volumes(compiled, of_occasions)
    plan = regimen_plan(
        compiled,
        given,
        basis_of(subjects, compiled, request.keywords, request.values),
        begin=begin,
        end=end,
        grid=grid,
        occasions=of_occasions if has_occasions(compiled, request.levels) else {},
        moments=moments,
        stops=windows.reshape(-1),
    )
    plan.windows, plan.window_labels = windows, labels
    return Case(
        compiled,
        plan,
        subjects,
        {**effects, **request.values, **subjects.overrides},
        time_unit_of(request.time_unit, [request.times, request.until, request.every], end - begin),
        "none" if regimen is None else str(regimen),
        _has_modes(compiled),
    )


def snapped(times: NDArray[np.float64], marks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return times of which those that differ from a mark by round-off alone are the mark.

    0.3 h is 1080 s when a dose falls there, also if 3 times 0.1 h makes it a bit more or less: the
    order of a dose and an observation must not hang on the last digit of a product.
    """
    if marks.size == 0 or times.size == 0:
        return times
    marks = np.unique(marks)
    after = np.clip(np.searchsorted(marks, times), 1, max(1, marks.size - 1))
    before = marks[after - 1]
    following = marks[np.minimum(after, marks.size - 1)]
    nearest = np.where(np.abs(times - before) <= np.abs(following - times), before, following)
    return np.where(np.abs(times - nearest) <= _ROUND_OFF * np.abs(nearest), nearest, times)


def _counts(given: Sequence[Given]) -> dict[int, int]:
    counts: dict[int, int] = {}
    for g in given:
        counts[g.state] = counts.get(g.state, 0) + 1
    return counts


def _moments(occasions: Any, starts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return when occasions begin: at doses, or at times the user states."""
    if occasions is None or occasions == "doses":
        return np.unique(starts)
    if isinstance(occasions, str):
        raise SpecError(
            f"KG-119: occasions = {occasions!r}: a regimen has no columns; use 'doses' or times"
            " such as ([0, 21], 'd')."
        )
    return times_of(occasions)


def _require_once(first: str, given: Iterable[str], second: str, also_given: Iterable[str]) -> None:
    """Refuse a name that is given in two places, of which one would be passed over."""
    twice = sorted(set(given) & set(also_given))
    if twice:
        raise SpecError(f"KG-119: {twice[0]!r} is given twice, by {first} and by {second}.")


def _require_stated(compiled: CompiledModel, table: EventTable, known: set[str]) -> None:
    """Refuse a column that is a covariate of the model but was read without its unit.

    It would be passed over, and every subject would silently have the reference value.
    """
    stated = {name.upper() for name in table.covariates}
    columns = {column.upper(): column for column in table.other}
    for name, covariate in compiled.model.covariates.items():
        if name in known or name.upper() in stated or name.upper() not in columns:
            continue
        column = columns[name.upper()]
        what = covariate.categories or covariate.unit or "1"
        raise UnitError(
            f"KG-126: {table.source}: column {column} is a covariate of model"
            f" {compiled.model.name!r}, but its unit is not stated; read the table with"
            f" covariates={{{column!r}: {what!r}}} (on the command line --covariates"
            f" {column}={covariate.unit or '1'}), or give values={{{name!r}: ...}} for all."
        )


def _table_case(compiled: CompiledModel, table: EventTable, request: Request) -> Case:
    occasions = request.occasions
    if occasions is None and "OCC" not in table.columns and has_occasions(compiled, request.levels):
        occasions = "doses"
    prepared = prepare_table(compiled, table, request.who, request.seed, occasions)
    table = prepared.table
    columns = {name.upper() for name in table.covariates}
    in_table = [name for name in compiled.model.covariates if name.upper() in columns]
    _require_once("values", request.values, f"a column of {table.source}", in_table)
    _require_once("values", request.values, "subjects", prepared.subjects.overrides)
    for name, given in request.keywords.items():
        if given is not None:
            raise SpecError(
                f"KG-119: {name} is for doses per weight, surface or target AUC in sentences; the"
                " doses of an event table are amounts already.  A covariate goes into a column."
            )
    _require_stated(compiled, table, {*request.values, *prepared.subjects.overrides})
    compiled = with_room(prepared.compiled, prepared.counts)
    prepared.compiled = compiled
    grid: NDArray[np.float64] | None = None
    end: float | None = None
    if request.times is not None:
        grid, end = grid_of(request.times, request.until, request.every, None)
    elif request.until is not None or request.every is not None:
        if request.until is None or request.every is None:
            raise SpecError(
                "KG-119: beside an event table a grid needs until='84 d' and every='1 d' together,"
                " or times; left out, the table's own rows are observed."
            )
        grid, end = grid_of(None, request.until, request.every, None)
    if grid is not None:
        grid = snapped(grid, prepared.time)
    effects, _ = draw_effects(
        compiled, request.levels & {"subject"}, request.seed, prepared.subjects.keys, 1
    )
    plan = table_plan(
        prepared,
        grid=grid,
        end=end,
        levels=request.levels,
        occasions=occasions,
        seed=request.seed,
        takes_metrics=request.metrics,
        windows=request.windows,
        has_tail=not _has_modes(compiled),
        stated=request.values,
    )
    unit = time_unit_of(
        request.time_unit,
        [request.times, request.until, request.every, (0, str(table.units["TIME"]))],
        0.0,
    )
    count = prepared.subjects.count
    return Case(
        compiled,
        plan,
        prepared.subjects,
        {**effects, **request.values, **prepared.subjects.overrides},
        unit,
        f"{table.source}: {count:,} subject{'s' if count != 1 else ''}, {len(table):,} rows",
        _has_modes(compiled),
    )


def _add_uncertainty(case: Case, uncertainty: ParameterUncertainty, seed: int) -> None:
    """Multiply or shift parameters by their drawn errors, in declared units."""
    compiled = case.compiled
    drawn = uncertainty.draw(seed, case.subjects.keys)
    for k, name in enumerate(uncertainty.names):
        if name not in compiled.model.parameters:
            raise SpecError(f"KG-103: uncertainty names {name!r}, which is no parameter.")
        column = compiled.parameter_index(name)
        typical = compiled.pack({name: case.overrides[name]} if name in case.overrides else {})
        unit = compiled.parameter_units[column]
        from krogh.units import factor

        values = typical[:, column] / factor(unit or "1")
        shift = drawn[:, k]
        case.overrides[name] = values * shift if uncertainty.log else values + shift
