"""Steady state of repeated dosing: its states, how exact they are, how fast it is reached.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh import _core
from krogh.dosing import Dose, Regimen
from krogh.errors import DataError, SolverError, SpecError
from krogh.labeled import LabeledArray
from krogh.model import DoseInput, Model, Output
from krogh.model.compile import CompiledModel
from krogh.result import SimulationResult
from krogh.schedule import DOSE, OBSERVE, OTHER, Plan, Records, TemplatePlan
from krogh.simulate.cases import Request, case_of, require_point
from krogh.simulate.effects import levels_wanted
from krogh.simulate.run import simulate, with_initial

__all__ = ["SteadyState", "steady_state"]

_CAPACITY_STATUS: Final = 6

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SteadyState:
    """The periodic state under repeated dosing, or the state at rest under a constant infusion.

    Attributes
    ----------
    states
        Species to its value just before a dose, shape (num_subjects,), declared units.
    residual
        Largest change of a state over one period, relative to the state, shape (num_subjects,).
    floquet_radius
        Spectral radius of the period map, shape (num_subjects,): a deviation shrinks by this factor
        per dosing interval.  Below 1 the steady state is stable.  NaN for a constant infusion and
        where the model holds a running integral, which has none.
    result
        One dosing interval at steady state with its exposure: Cmax, trough, AUC over the interval.
    """

    states: Mapping[str, LabeledArray]
    residual: Floats
    floquet_radius: Floats
    result: SimulationResult

    @property
    def intervals_to_90_percent(self) -> Floats:
        """Dosing intervals until 90 % of the way to steady state: ln 0.1 / ln radius."""
        with np.errstate(divide="ignore", invalid="ignore"):
            count: Floats = math.log(0.1) / np.log(self.floquet_radius)
        return count

    def __str__(self) -> str:
        lines = [f"steady state of {self.result.provenance.dosing}"]
        for name, array in self.states.items():
            values = array.values
            shown = f"{values[0]:.6g}" if values.size == 1 else f"median {np.nanmedian(values):.6g}"
            lines.append(f"  {name:12s} {shown} {array.unit}".rstrip())
        known = self.floquet_radius[np.isfinite(self.floquet_radius)]
        radius = f", Floquet radius {known.max():.6g}" if known.size else ""
        lines.append(f"  residual {np.nanmax(self.residual):.2g}{radius}")
        return "\n".join(lines)


def steady_state(
    model: Model | CompiledModel, dosing: Any, *, rtol: float = 1e-9, **options: Any
) -> SteadyState:
    """Return the steady state of one dose given again and again, or of a constant infusion.

    Parameters
    ----------
    model
        The model.
    dosing
        ``"100 mg every 12 h"``, a `Regimen` or `Dose` with an interval; or
        ``Dose("0 mg", rate="10 mg/h", steady=1)`` for a constant infusion.
    rtol
        Tolerance of the orbit; the residual shows what was reached.
    **options
        Passed to `simulate`: subjects, values, weight, variability, num_threads, ...

    Raises
    ------
    DataError
        KG-241 for several doses or a dose without interval.
    SolverError
        KG-312 where there is no steady state: input at or above the elimination capacity.
    """
    compiled = model if isinstance(model, CompiledModel) else model.compile()
    require_point(compiled.model)
    regimen = dosing if isinstance(dosing, Regimen) else Regimen(dosing)
    dose = _one_dose(regimen)
    for name in ("times", "until", "every", "windows", "on_failure", "partial", "out"):
        if name in options:
            raise SpecError(f"KG-119: steady_state() sets {name} itself.")
    period = dose.interval if dose.interval > 0.0 else 1.0
    once = Regimen(dose.replace(time=0.0, steady=1, additional=0))
    try:
        result = simulate(
            compiled,
            once,
            until=f"{period!r} s",
            rtol=rtol,
            windows="whole",
            metrics=dose.interval > 0.0,
            on_failure="raise",
            **{"time_unit": "h", **options},
        )
    except SolverError as error:
        partial = error.result
        codes = {f.code for f in getattr(partial, "failures", ())}
        if _CAPACITY_STATUS not in codes:
            raise
        failed = partial.failures[0]
        raise SolverError(
            f"KG-312: subject {failed.subject} has no steady state under {dose}: the input is at or"
            " above the elimination capacity.\n"
            "  Compare dose times bioavailability per interval with Vmax and the linear clearance;"
            " give less, or simulate the train of doses.",
            result=partial,
        ) from None
    if dose.interval > 0.0:
        radius = _floquet(compiled, once, result, rtol, options)
        states = result.final_states
    else:
        radius = np.full(result.subjects.size, np.nan)
        states = _at_record(compiled, result, once, rtol, options)
    return SteadyState(states, result.steady_residual, radius, result)


def _one_dose(regimen: Regimen) -> Dose:
    if len(regimen.doses) != 1:
        raise DataError(
            f"KG-241: a steady state needs one dose given again and again; '{regimen}' has"
            f" {len(regimen.doses)} parts.  Simulate the train of doses instead."
        )
    dose = regimen.doses[0]
    if dose.interval <= 0.0 and not dose.is_constant_infusion:
        raise DataError(f"KG-241: '{dose}' has no interval; write 'every 12 h'.")
    return dose


def _at_record(
    compiled: CompiledModel, result: SimulationResult, once: Regimen, rtol: float, options: Any
) -> Mapping[str, LabeledArray]:
    """Return the states at the moment at which a constant infusion stops."""
    model = _with_states(compiled.model, keeps_lag=True)
    kept = {k: v for k, v in options.items() if k not in ("sensitivities", "thresholds")}
    at_start = simulate(model, once, times=([0.0], "s"), rtol=rtol, metrics=False, **kept)
    return {
        name: LabeledArray(
            at_start[label].values[:, 0], ("subject",), unit, name, {"subject": result.subjects}
        )
        for name, label, unit in zip(
            compiled.state_names, at_start.outputs, compiled.state_units, strict=True
        )
    }


def _with_states(model: Model, *, keeps_lag: bool) -> Model:
    """Return the model whose outputs are its states, without lag times unless they are kept."""
    items: list[Any] = []
    for component in model.components:
        if isinstance(component, Output):
            continue
        if isinstance(component, DoseInput) and not keeps_lag:
            component = component.changed(lag="0[s]")
        items.append(component)
    outputs = [Output(name, unit=species.unit) for name, species in model.species.items()]
    return Model(model.name, *items, *outputs)


def _floquet(
    compiled: CompiledModel, once: Regimen, result: SimulationResult, rtol: float, options: Any
) -> Floats:
    """Return the spectral radius of the period map from its exact derivative.

    The map runs from one dosing record to the next over the orbit itself: lag times become times of
    arrival, and infusions that outlast the interval are given as the part that always runs and the
    rest.
    """
    count, size = result.subjects.size, len(compiled.state_names)
    acts = np.zeros(size, dtype=bool)
    for _, column in compiled.program.jacobian_pattern:
        acts[column] = True
    if compiled.stored or not acts.any():  # an input function remembers doses beside the states
        return np.full(count, np.nan)
    interval = once.doses[0].interval
    case = case_of(_request(compiled, once, interval, options))
    parameters = with_initial(compiled.pack(case.overrides, count), case.plan)
    mapped = _with_states(compiled.model, keeps_lag=False).compile()
    states = np.column_stack(
        [
            a.values / f
            for a, f in zip(result.final_states.values(), compiled.state_factors, strict=True)
        ]
    )
    radius = np.full(count, np.nan)
    for i in range(count):
        row = parameters[i if parameters.shape[0] > 1 else 0]
        if result.status[i] != 0:
            continue
        run = _core.simulate_point(
            mapped.program,
            np.ascontiguousarray(row.reshape(1, -1)),
            _one_period(compiled, case.plan, row, i, interval),
            rtol=max(rtol, 1e-10),
            sensitivities=[("initial", j) for j in range(size)],
            initial_states=np.ascontiguousarray(states[i].reshape(1, -1)),
            num_threads=1,
        )
        monodromy = np.asarray(run.sensitivities)[0, -1][np.ix_(acts, acts)]
        if np.all(np.isfinite(monodromy)):
            radius[i] = np.max(np.abs(np.linalg.eigvals(monodromy)))
    return radius


def _request(compiled: CompiledModel, once: Regimen, interval: float, options: Any) -> Request:
    return Request(
        model=compiled,
        dosing=once,
        who=options.get("subjects", 1),
        times=None,
        until=f"{interval!r} s",
        every=None,
        values=dict(options.get("values") or {}),
        levels=levels_wanted(options.get("variability", False)),
        occasions=options.get("occasions"),
        uncertainty=options.get("uncertainty"),
        seed=options.get("seed", 0),
        keywords={name: options.get(name) for name in ("weight", "surface", "gfr")},
        metrics=False,
        windows=None,
        time_unit="h",
    )


def _one_period(
    compiled: CompiledModel, plan: Plan, row: Floats, subject: int, interval: float
) -> Any:
    """Return the records of one period of the orbit of a subject, lag times taken out."""
    assert isinstance(plan, TemplatePlan)
    columns = plan.records.columns
    position = int(np.flatnonzero(columns["kind"] == DOSE)[0])

    def cell(name: str) -> float:
        own = plan.own.get((name, position))
        return float(columns[name][position] if own is None else own[subject])

    state = int(columns["target"][position])
    dose_input = compiled.model.dose_inputs.get(compiled.state_names[state])

    def attribute(name: str, otherwise: float) -> float:
        expression = None if dose_input is None else getattr(dose_input, name)
        return otherwise if expression is None else compiled.evaluate(expression, row)

    amount, rate, duration = cell("amount"), cell("rate"), cell("duration")
    if rate > 0.0:
        duration = attribute("bioavailability", 1.0) * amount / rate
    elif rate == -1.0:
        duration = attribute("bioavailability", 1.0) * amount / attribute("rate", math.nan)
    elif rate == -2.0:
        duration = attribute("duration", math.nan)
    arrival = attribute("lag", 0.0) % interval
    rows: list[dict[str, Any]] = [{"time": 0.0, "kind": OTHER}]

    def give(time: float, share: float, lasts: float) -> None:
        if share > 0.0:
            rows.append(
                {
                    "time": time,
                    "kind": DOSE,
                    "target": state,
                    "amount": amount * share,
                    "duration": lasts,
                }
            )

    if duration == 0.0:
        give(arrival, 1.0, 0.0)
    else:
        always = math.floor(duration / interval)
        rest = duration - always * interval
        still = rest - (interval - arrival) if arrival > 0.0 else 0.0
        give(0.0, always * interval / duration, interval)
        give(0.0, still / duration, still)
        give(arrival, rest / duration, rest)
    rows.append({"time": interval, "kind": OBSERVE})
    return Records.of(rows).schedule(np.array([0, len(rows)]), shared=True)
