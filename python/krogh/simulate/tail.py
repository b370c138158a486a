"""What follows the last moment simulated: terminal half-lives and areas to infinity.

SPDX-License-Identifier: BSD-3-Clause

A linear model gives them exactly: with dy/dt = A y after the last input, the terminal half-life of
an output is ln 2 over the slowest mode of A that the output shows, and its area to infinity is
-c A^-1 y(T).  Other models get them from the solver's own decay over the last twentieth of the last
window: rate = ln(C1/C2)/(t2 - t1), area = C2/rate.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh import _core
from krogh.exposure import MAXIMUM, MINIMUM, TIME_OF_MAXIMUM, TIME_OF_MINIMUM, Tail
from krogh.model import Output
from krogh.model.compile import CompiledModel
from krogh.schedule import OBSERVE, Records

__all__ = ["linear_tail", "tail_of_window"]

_BATCH: Final = 20_000
_VISIBLE: Final = 1e-9  # share of an output below which a mode does not show in it
_ROUND_OFF: Final = 1e-12

Floats = NDArray[np.float64]


def tail_of_window(metrics: Floats, begin: Floats) -> Tail:
    """Return half-lives (s) and areas from the metrics of the last twentieth of a window.

    Parameters
    ----------
    metrics
        Shape (num_subjects, num_outputs, num_metrics), internal units.
    begin
        End of that window, s, shape () or (num_subjects,).
    """
    high, low = metrics[..., MAXIMUM], metrics[..., MINIMUM]
    first, last = metrics[..., TIME_OF_MAXIMUM], metrics[..., TIME_OF_MINIMUM]
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = np.log(high / low) / (last - first)
        decays = (last > first) & (low > 0.0) & np.isfinite(rate) & (rate > 0.0)
        rate = np.where(decays, rate, np.nan)
        how = "decay over the last part of the run"
        return Tail(np.log(2.0) / rate, low / rate, begin, how)


def linear_tail(
    compiled: CompiledModel, parameters: Floats, states: Floats, scale: Floats, begin: Floats
) -> Tail | None:
    """Return half-lives (s) and areas of a linear model, or None for others.

    Parameters
    ----------
    parameters
        At the end of the run, shape (num_subjects or 1, num_parameters), internal units.
    states
        At the end of the run, shape (num_subjects, num_states).
    scale
        Size of each state, shape (num_states,): where the linear form is probed.
    begin
        Last moment simulated, s, shape () or (num_subjects,).
    """
    if not compiled.program.is_linear or compiled.stored:
        return None
    probe = _with_slopes(compiled)
    if not probe.program.is_linear:
        return None
    n, size = states.shape
    outputs = len(compiled.output_names)
    half_life, area = np.full((n, outputs), np.nan), np.full((n, outputs), np.nan)
    for start in range(0, n, _BATCH):
        rows = slice(start, min(start + _BATCH, n))
        own = parameters if parameters.shape[0] == 1 else parameters[rows]
        form = _linear_form(probe, own, states[rows], scale)
        half_life[rows], area[rows] = _modes(*form, states[rows], size)
    return Tail(half_life, area, begin, "slowest mode")


def _with_slopes(compiled: CompiledModel) -> CompiledModel:
    """Return the model whose outputs are the slopes of its states, then its own outputs."""
    model = compiled.model
    own = [c for c in model.components if not isinstance(c, Output)]
    taken = {*compiled.parameter_names, *compiled.state_names, *compiled.output_names, *model.rules}
    prefix = "slope"
    while any(name.startswith(prefix) for name in taken):
        prefix += "_"
    slopes = [
        Output(f"{prefix}{i}", model.derivative(name), unit=f"{unit or '1'}/s")
        for i, (name, unit) in enumerate(
            zip(compiled.state_names, compiled.state_units, strict=True)
        )
    ]
    return type(model)(model.name, *own, *slopes, *model.outputs.values()).compile()


def _linear_form(
    probe: CompiledModel, parameters: Floats, states: Floats, scale: Floats
) -> tuple[Floats, Floats, Floats, Floats, NDArray[np.bool_]]:
    """Return A, b, C, d of dy/dt = A y + b, out = C y + d, and whether the outputs are linear."""
    n, size = states.shape
    points = np.zeros((n, size + 2, size))
    for j in range(size):
        points[:, j + 1, j] = scale[j]
    points[:, size + 1] = np.nan_to_num(states)
    repeated = parameters
    if parameters.shape[0] > 1:
        repeated = np.repeat(parameters, size + 2, axis=0)
    schedule = Records.of([{"kind": OBSERVE}]).schedule(np.array([0, 1]), shared=True)
    run = _core.simulate_point(
        probe.program,
        np.ascontiguousarray(repeated),
        schedule,
        num_subjects=n * (size + 2),
        method="propagator",
        initial_states=np.ascontiguousarray(points.reshape(-1, size)),
    )
    values = np.asarray(run.values).reshape(n, size + 2, -1)
    zero = values[:, 0]
    slope = np.moveaxis(values[:, 1 : size + 1] - zero[:, None], 1, 2) / scale
    a, c = slope[:, :size], slope[:, size:]
    expected = zero[:, size:] + np.einsum("nms,ns->nm", c, np.nan_to_num(states))
    found = values[:, size + 1, size:]
    is_linear = np.abs(found - expected) <= 1e-9 * np.maximum(np.abs(found), np.abs(expected))
    return a, zero[:, :size], c, zero[:, size:], is_linear


def _modes(
    a: Floats,
    b: Floats,
    c: Floats,
    d: Floats,
    is_linear: NDArray[np.bool_],
    states: Floats,
    size: int,
) -> tuple[Floats, Floats]:
    """Return half-lives and areas, shape (num_subjects, num_outputs)."""
    acts = np.any(a != 0.0, axis=(0, 1))  # running integrals act on nothing and have no mode
    shows_idle = np.any(c[:, :, ~acts] != 0.0, axis=2)
    a, c = a[:, acts][:, :, acts], c[:, :, acts]
    y, drift = states[:, acts], b[:, acts]
    n, outputs = c.shape[:2]
    nothing = np.full((n, outputs), np.nan)
    is_solved = np.all(np.isfinite(y), axis=1) & np.all(np.isfinite(a), axis=(1, 2))
    if not acts.any() or not is_solved.any():
        return nothing, nothing
    safe = np.where(is_solved[:, None, None], a, -np.eye(int(acts.sum())))
    y = np.where(is_solved[:, None], y, 0.0)
    values, vectors = np.linalg.eig(safe)
    largest = np.max(np.abs(values), axis=1)
    is_regular = np.min(np.abs(values), axis=1) > _ROUND_OFF * largest
    has_drift = np.any(drift != 0.0, axis=1)
    source = np.where(has_drift[:, None], 1.0, y)  # what is away from rest excites every mode
    weights = _solve(vectors, source.astype(vectors.dtype))
    shown = np.abs(np.einsum("nms,nsk->nmk", c, vectors) * weights[:, None, :])
    total = shown.sum(axis=2, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        visible = shown > _VISIBLE * total
        rates = np.where(visible, -values.real[:, None, :], np.inf)
        slowest = rates.min(axis=2)
        decays = np.isfinite(slowest) & (slowest > _ROUND_OFF * largest[:, None])
        good = decays & is_linear & ~shows_idle & is_solved[:, None]
        half_life = np.where(good, np.log(2.0) / slowest, np.nan)
    regular = np.where(is_regular[:, None, None], safe, -np.eye(safe.shape[-1]))
    rest = np.einsum("nms,ns->nm", c, -_solve(regular, y))
    tends_to_zero = ~has_drift[:, None] & (d == 0.0)
    area = np.where(good & tends_to_zero & is_regular[:, None], rest, np.nan)
    return half_life, area


def _solve(matrices: Any, right: Any) -> Any:
    """Solve every system; least squares where one of them is singular."""
    try:
        return np.linalg.solve(matrices, right[..., None])[..., 0]
    except np.linalg.LinAlgError:
        pairs = zip(matrices, right, strict=True)
        return np.array([np.linalg.lstsq(m, r, rcond=None)[0] for m, r in pairs])
