"""Calls of the core's solver: batches, progress, Ctrl-C, failures.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh import _core
from krogh.errors import SpecError
from krogh.schedule import Plan
from krogh.threads import granted_threads

__all__ = ["EngineRun", "Options", "run_engine", "run_exactly_with_metrics"]

SUCCESS: Final = 0
STOPPED: Final = 1
_MOST_RECORDS: Final = 1_500_000
"""Records of one call where subjects have lists of their own: about 100 MB in core and lists."""

Callback = Callable[[int, int, float], Any]


@dataclass
class Options:
    """Options of the solver, in internal units.

    Attributes
    ----------
    thresholds
        Per output; empty for none.
    sensitivities
        (kind, index) pairs.
    on_progress
        ``on_progress(done, total, seconds)``; returning False stops the run.
    keep_partial
        Whether Ctrl-C stops the run and keeps what is done, instead of raising KeyboardInterrupt.
    """

    rtol: float
    atol: NDArray[np.float64]
    method: str = "auto"
    max_steps: int = 1_000_000
    num_threads: int = 0
    thresholds: list[float] = field(default_factory=list)
    sensitivities: list[tuple[str, int]] = field(default_factory=list)
    takes_metrics: bool = False
    wants_states: bool = False
    stops_on_failure: bool = False
    on_progress: Callback | None = None
    keep_partial: bool = False


@dataclass
class EngineRun:
    """What the solver returned for all subjects, internal units.

    Attributes
    ----------
    values
        Shape (num_subjects, num_observations, num_outputs) or (num_rows, num_outputs).
    sensitivities
        As `values` with a last axis of directions, or None.
    metrics
        Shape (num_subjects, num_windows, num_outputs, num_metrics), or None.
    final_states
        Shape (num_subjects, num_states), or None.
    failures
        (subject, status, sentence, time, state, cause).
    """

    values: NDArray[np.float64]
    sensitivities: NDArray[np.float64] | None
    metrics: NDArray[np.float64] | None
    final_states: NDArray[np.float64] | None
    status: NDArray[np.int64]
    steady_residual: NDArray[np.float64]
    stats: dict[str, NDArray[np.int64]]
    failures: list[tuple[int, int, str, float, int, str]]
    method: str = ""
    lanes: int = 0
    num_threads: int = 0
    seconds: float = 0.0
    is_complete: bool = True


def run_engine(
    program: Any,
    parameters: NDArray[np.float64],
    plan: Plan,
    options: Options,
    out: NDArray[np.float64] | None = None,
) -> EngineRun:
    """Solve all subjects of a plan, in one call where they share their records.

    Parameters
    ----------
    program
        The core's program.
    parameters
        Shape (num_subjects or 1, num_parameters), internal units.
    out
        Memory for the values; shape as `EngineRun.values`.

    Raises
    ------
    SpecError
        KG-119 where `out` does not fit.
    KeyboardInterrupt
        On Ctrl-C, unless what is done shall be kept.
    """
    n = plan.num_subjects
    outputs = int(program.num_outputs)
    if plan.grid is not None:
        shape: tuple[int, ...] = (n, plan.grid.size, outputs)
    else:
        assert plan.row_times is not None
        shape = (plan.row_times.size, outputs)
    if out is None:
        out = np.empty(shape)
    _require_room(out, shape)
    flat = out.reshape(-1, outputs)
    directions = len(options.sensitivities)
    windows = plan.windows if options.takes_metrics else np.zeros((0, 2))
    has_own_windows = windows.ndim == 3
    num_windows = windows.shape[-2]
    run = EngineRun(
        values=out,
        sensitivities=np.empty((*shape, directions)) if directions else None,
        metrics=None,
        final_states=None,
        status=np.full(n, STOPPED, dtype=np.int64),
        steady_residual=np.zeros(n),
        stats={
            name: np.zeros(n, dtype=np.int64)
            for name in ("accepted", "rejected", "rhs_evaluations", "jacobians", "switches")
        },
        failures=[],
    )
    watch = _Watch(options, n)
    began = time.perf_counter()
    with watch:
        for start, stop in _batches(plan):
            rows = slice(*plan.observations(start, stop))
            own = parameters if parameters.shape[0] == 1 else parameters[start:stop]
            watch.start = start
            room = flat[rows]
            schedule = plan.schedule(start, stop)
            if schedule.is_shared:
                room = room.reshape(stop - start, -1, outputs)
            answer = _call(
                program,
                np.ascontiguousarray(own),
                schedule,
                num_subjects=stop - start,
                rtol=options.rtol,
                atol=options.atol.tolist(),
                method=options.method,
                max_steps=options.max_steps,
                sensitivities=options.sensitivities,
                windows=[] if has_own_windows else [(float(a), float(b)) for a, b in windows],
                subject_windows=(
                    np.ascontiguousarray(windows[start:stop])
                    if has_own_windows and num_windows
                    else None
                ),
                thresholds=options.thresholds,
                final_states=options.wants_states,
                stop_on_failure=options.stops_on_failure,
                num_threads=granted_threads(options.num_threads),
                progress=watch.report,
                out=room,
            )
            _gather(run, answer, start, stop, rows, n)
            has_failed = options.stops_on_failure and run.failures
            if watch.is_stopped or has_failed:
                run.is_complete = stop == n and not np.any(run.status == STOPPED)
                if stop < n:
                    flat[rows.stop :] = np.nan
                    _blank_rest(run, stop, rows.stop)
                break
    run.seconds = time.perf_counter() - began
    return run


def run_exactly_with_metrics(
    program: Any,
    parameters: NDArray[np.float64],
    plan: Plan,
    options: Options,
    out: NDArray[np.float64] | None = None,
) -> EngineRun:
    """Solve a linear model by propagators, and once more by a stepper for its metrics.

    Propagators give exact values at the observations but no continuous output between them.
    """
    run = run_engine(program, parameters, plan, replace(options, takes_metrics=False), out)
    if not run.is_complete or run.method != "propagator":
        return run
    rest = replace(options, method="rodas5p", wants_states=False)
    second = run_engine(program, parameters, plan.without_observations(), rest)
    run.metrics = second.metrics
    run.method = f"{run.method}, metrics {second.method}"
    run.seconds += second.seconds
    run.is_complete = second.is_complete
    for name, values in second.stats.items():
        run.stats[name] = run.stats[name] + values
    lost = (run.status == SUCCESS) & (second.status != SUCCESS)
    run.status = np.where(lost, second.status, run.status)
    if lost.any():
        of_rows = lost if plan.row_subjects is None else lost[plan.row_subjects]
        run.values[of_rows] = np.nan
    run.failures += [failure for failure in second.failures if lost[failure[0]]]
    run.failures.sort(key=lambda failure: failure[0])
    run.steady_residual = np.maximum(run.steady_residual, second.steady_residual)
    return run


def _call(*arguments: Any, **options: Any) -> Any:
    """Call the core; what it refuses becomes a SpecError."""
    try:
        return _core.simulate_point(*arguments, **options)
    except ValueError as error:
        raise SpecError(f"KG-119: the solver refuses this: {error}.") from None


def _require_room(out: NDArray[np.float64], shape: tuple[int, ...]) -> None:
    is_good = (
        isinstance(out, np.ndarray)
        and out.shape == shape
        and out.dtype == np.float64
        and out.flags.c_contiguous
        and out.flags.writeable
    )
    if not is_good:
        found = f"{getattr(out, 'shape', type(out).__name__)}, {getattr(out, 'dtype', '?')}"
        raise SpecError(
            f"KG-119: out must be a writable C-contiguous float64 array of shape {shape}"
            f" (subjects, times, outputs); found {found}."
        )


def _batches(plan: Plan) -> list[tuple[int, int]]:
    """Ranges of subjects, so that the lists of records of one call stay small."""
    n = plan.num_subjects
    if plan.is_shared:
        return [(0, n)]
    records = getattr(plan, "records", None)
    total = 0 if records is None else len(records)
    per_subject = total if plan.grid is not None and not hasattr(plan, "offsets") else total / n
    size = max(1, int(_MOST_RECORDS / max(1.0, per_subject)))
    return [(start, min(start + size, n)) for start in range(0, n, size)]


def _gather(
    run: EngineRun, answer: Any, start: int, stop: int, rows: slice, num_subjects: int
) -> None:
    """Put the answer of one call into its place."""
    span = slice(start, stop)
    status = np.asarray(answer.status, dtype=np.int64)
    run.status[span] = status
    run.steady_residual[span] = answer.steady_residual
    for name, values in answer.stats.items():
        run.stats[name][span] = values
    run.failures.extend((f[0] + start, *f[1:]) for f in answer.failures)
    if run.sensitivities is not None:
        k = run.sensitivities.shape[-1]
        flat = run.sensitivities.reshape(-1, run.values.shape[-1], k)
        flat[rows] = np.asarray(answer.sensitivities).reshape(-1, *flat.shape[1:])
    for name in ("metrics", "final_states"):
        part = getattr(answer, name)
        if part is None:
            continue
        part = np.asarray(part)
        if np.any(status == STOPPED):  # the solver did not come to them
            part[status == STOPPED] = np.nan
        if stop - start == num_subjects:
            setattr(run, name, part)
            continue
        if getattr(run, name) is None:
            setattr(run, name, np.full((num_subjects, *part.shape[1:]), np.nan))
        getattr(run, name)[span] = part
    # The explicit method may have served some subjects, an implicit one others.
    found = [answer.method]
    if answer.method == "auto":
        found = [_core.METHODS[code] for code in np.unique(answer.methods)]
    names = {*filter(None, run.method.split(" and ")), *found} - {"auto"}
    run.method = " and ".join(sorted(names)) or answer.method
    run.lanes = answer.lanes
    run.num_threads = max(run.num_threads, answer.num_threads)


def _blank_rest(run: EngineRun, subject: int, row: int) -> None:
    """Mark what was never reached."""
    if run.sensitivities is not None:
        run.sensitivities.reshape(-1, *run.sensitivities.shape[-2:])[row:] = np.nan
    for part in (run.metrics, run.final_states):
        if part is not None:
            part[subject:] = np.nan


class _Watch:
    """Progress over all calls of one run, and Ctrl-C where what is done shall be kept."""

    def __init__(self, options: Options, total: int) -> None:
        self.options = options
        self.total = total
        self.start = 0
        self.is_stopped = False
        self._began = time.perf_counter()
        self._before: Any = None
        self._is_catching = False

    def __enter__(self) -> _Watch:
        if self.options.keep_partial and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._on_interrupt)
            self._is_catching = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_catching:
            signal.signal(signal.SIGINT, self._before)

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        self.is_stopped = True

    def report(self, done: int, total: int, seconds: float) -> bool:
        """Forward progress; False stops the solver."""
        if self.options.on_progress is not None:
            elapsed = time.perf_counter() - self._began
            if self.options.on_progress(self.start + done, self.total, elapsed) is False:
                self.is_stopped = True
        return not self.is_stopped
