"""From the solver's arrays to a labeled result in declared units.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from krogh import _core
from krogh.citations import model_keys
from krogh.exposure import (
    FIRST_ABOVE,
    INTEGRAL,
    MAXIMUM,
    MINIMUM,
    TIME_ABOVE,
    TIME_OF_MAXIMUM,
    TIME_OF_MINIMUM,
    Exposure,
    Tail,
)
from krogh.labeled import LabeledArray
from krogh.provenance import Provenance, SubjectFailure, Verification
from krogh.result import SimulationResult
from krogh.simulate.cases import Case
from krogh.simulate.directions import NamedDirection
from krogh.simulate.engine import EngineRun, Options
from krogh.simulate.pending import has_pending_input
from krogh.simulate.tail import linear_tail, tail_of_window
from krogh.units import factor

__all__ = ["Assembly", "assemble"]

_TIMES: Final = (TIME_OF_MAXIMUM, TIME_OF_MINIMUM, TIME_ABOVE, FIRST_ABOVE)

Floats = NDArray[np.float64]


@dataclass
class Assembly:
    """Everything a result is made of; `parameters` are internal, (num_subjects or 1, ...)."""

    case: Case
    run: EngineRun
    options: Options
    parameters: Floats
    directions: tuple[NamedDirection, ...]
    thresholds: Mapping[str, float]
    verification: Verification | None
    seed: int
    began: float


def assemble(a: Assembly) -> SimulationResult:
    """Return the result; the values are converted where they lie."""
    case, run = a.case, a.run
    compiled, plan = case.compiled, case.plan
    unit = factor(case.time_unit)
    ids = case.subjects.ids
    exposures = _exposure(a, unit) if run.metrics is not None else None
    sensitivities = _sensitivities(a)
    scale = np.asarray(compiled.output_factors)
    if np.any(scale != 1.0):
        np.multiply(run.values, scale, out=run.values)
    if plan.grid is not None:
        times = LabeledArray(plan.grid / unit, ("time",), case.time_unit, "time")
    else:
        assert plan.row_times is not None
        times = LabeledArray(plan.row_times / unit, ("row",), case.time_unit, "time")
    return SimulationResult(
        subjects=ids,
        times=times,
        outputs=compiled.output_names,
        output_units=compiled.output_units,
        status=run.status,
        provenance=_provenance(a),
        stats=run.stats,
        steady_residual=run.steady_residual,
        row_subjects=None if plan.grid is not None else plan.row_subjects,
        failures=_failures(a, unit),
        exposures=exposures,
        verification=a.verification,
        parameters=_varied(a),
        dose_times={label: times_ / unit for label, times_ in plan.dose_marks.items()},
        final_states=_final_states(a),
        sensitivity_names=tuple(d.name for d in a.directions),
        sensitivity_units=tuple(d.unit for d in a.directions),
        is_complete=run.is_complete,
        _values=run.values,
        _sensitivities=sensitivities,
    )


def _sensitivities(a: Assembly) -> Floats | None:
    s = a.run.sensitivities
    if s is None:
        return None
    s *= np.asarray(a.case.compiled.output_factors)[:, None]
    for k, direction in enumerate(a.directions):
        size = np.asarray(direction.factor)
        if size.ndim == 0:
            s[..., k] *= float(size)
        elif a.case.plan.grid is not None:
            s[..., k] *= size[:, None, None]
        else:
            assert a.case.plan.row_subjects is not None
            s[..., k] *= size[a.case.plan.row_subjects][:, None]
    return s


def _exposure(a: Assembly, unit: float) -> Exposure:
    """Return the metrics in declared units; the extra window of the tail is taken off."""
    case, run = a.case, a.run
    compiled, plan = case.compiled, case.plan
    metrics = run.metrics
    assert metrics is not None
    windows = plan.windows
    tail: Tail | None
    if case.has_modes:
        assert run.final_states is not None
        last = a.parameters
        if plan.final_parameters:
            last = a.parameters.copy()
            for position, values in plan.final_parameters.items():
                last[:, position] = values
        size = np.maximum(a.options.atol / (1e-3 * a.options.rtol), 1e-300)
        tail = linear_tail(compiled, last, run.final_states, size, plan.ends())
        if tail is not None:  # what has yet to come in is not in the states
            pending = has_pending_input(compiled, plan, last)
            tail = replace(tail, area=np.where(pending[:, None], np.nan, tail.area))
    else:
        tail = tail_of_window(metrics[:, -1], windows[..., -1, 1])
        metrics, windows = metrics[:, :-1], windows[..., :-1, :]
    scale = np.asarray(compiled.output_factors)
    if tail is not None:
        half_life, area = tail.half_life / unit, tail.area * scale / unit
        tail = Tail(half_life, area, tail.begin / unit, tail.how)
    factors = np.ones((len(scale), metrics.shape[-1]))
    factors *= scale[:, None]
    factors[:, INTEGRAL] = scale / unit
    factors[:, list(_TIMES)] = 1.0 / unit
    np.multiply(metrics, factors, out=metrics)
    if windows.ndim == 3:
        for column in (MAXIMUM, MINIMUM):
            values = metrics[..., column]
            values[np.isinf(values)] = np.nan  # windows that a subject does not have
    return Exposure(
        subjects=case.subjects.ids,
        outputs=compiled.output_names,
        units=compiled.output_units,
        time_unit=case.time_unit,
        labels=plan.window_labels,
        begin=windows[..., 0] / unit,
        end=windows[..., 1] / unit,
        metrics=metrics,
        tail=tail,
        thresholds=dict(a.thresholds),
    )


def _reason(sentence: str, cause: str) -> str:
    """Join what the status says and the cause, which may say the same and more."""
    if not cause or cause.startswith(sentence):
        return cause or sentence
    return f"{sentence}: {cause}"


def _failures(a: Assembly, unit: float) -> tuple[SubjectFailure, ...]:
    names = a.case.compiled.state_names
    ids = a.case.subjects.ids
    return tuple(
        SubjectFailure(
            subject=ids[subject].item() if hasattr(ids[subject], "item") else ids[subject],
            time=when / unit,
            time_unit=a.case.time_unit,
            species=names[state] if state >= 0 else "",
            reason=_reason(sentence, cause),
            code=status,
        )
        for subject, status, sentence, when, state, cause in a.run.failures
    )


def _varied(a: Assembly) -> dict[str, LabeledArray]:
    """Return the values of what was given or drawn for each subject."""
    compiled, ids = a.case.compiled, a.case.subjects.ids
    found: dict[str, LabeledArray] = {}
    for name in a.case.overrides:
        column = compiled.parameter_index(name)
        unit = compiled.parameter_units[column]
        values = a.parameters[:, column] / factor(unit or "1")
        if values.size != ids.size:
            values = np.broadcast_to(values, ids.shape)
        found[name] = LabeledArray(values, ("subject",), unit, name, {"subject": ids})
    return found


def _final_states(a: Assembly) -> dict[str, LabeledArray]:
    states = a.run.final_states
    if states is None:
        return {}
    compiled, ids = a.case.compiled, a.case.subjects.ids
    return {
        name: LabeledArray(
            states[:, i] * compiled.state_factors[i],
            ("subject",),
            compiled.state_units[i],
            name,
            {"subject": ids},
        )
        for i, name in enumerate(compiled.state_names)
    }


@lru_cache(maxsize=64)
def _hash_of(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _provenance(a: Assembly) -> Provenance:
    compiled, run = a.case.compiled, a.run
    atol = {
        name: f"{float(value * scale):.3g} {unit}".rstrip()
        for name, value, scale, unit in zip(
            compiled.state_names,
            a.options.atol,
            compiled.state_factors,
            compiled.state_units,
            strict=True,
        )
    }
    return Provenance(
        version=str(_core.__version__),
        instruction_set=str(_core.instruction_set()),
        model=compiled.model.name,
        model_hash=_hash_of(compiled.model.content),
        dosing=a.case.dosing,
        seed=a.seed,
        rtol=a.options.rtol,
        atol=atol,
        method=run.method,
        lanes=run.lanes,
        num_threads=run.num_threads,
        wall_seconds=time.perf_counter() - a.began,
        engine_seconds=run.seconds,
        steps_accepted=int(run.stats["accepted"].sum()),
        steps_rejected=int(run.stats["rejected"].sum()),
        citations=model_keys(compiled.model),
    )
