"""Manufactured steady states in voxels: a known C/eps, and the source that keeps it.

SPDX-License-Identifier: BSD-3-Clause

``div(-D eps grad f + u f) + k eps f = s`` with f = C/eps.  The divergence is taken by differences
over a hundredth of a micrometer, which leaves an error far below that of the grids compared here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from engine import Law
from volumes import CLOSED, PERIODIC, Volume, box, inputs_of

BOX = 100.0
"""Length of the side of the box, um."""

_STEP = 1e-2
_LOSS = 5e-3

SOURCE = Law(("c",), ("s", "k"), lambda t, y, p: [p.s - p.k * y.c])


def _wave(q, phase=0.0):
    return lambda x: np.cos(q * x + phase)


@dataclass(frozen=True)
class Case:
    """A solution f(x, y, z), fields, sides and a velocity, as functions of x, y, z and the
    dimensions; what varies along a direction varies only if there are so many dimensions."""

    solution: Any
    sides: Any
    outside: float = 0.0
    diffusivity: Any = (lambda p, d: 20.0 + 0.0 * p[0],) * 3
    fraction: Any = lambda p, d: 0.3 + 0.0 * p[0]
    velocity: Any = None


def _product(first, others):
    """first(x) times others(y) and others(z) where these directions exist."""

    def value(p, dimensions):
        found = first(p[0])
        for a in range(1, dimensions):
            found = found * others(p[a])
        return found

    return value


def _smooth_axes(p, dimensions, axis):
    q = np.pi / BOX
    scale = (40.0, 15.0, 6.0)[axis]
    return scale * (1.0 + 0.4 * np.cos(q * p[0]) * (np.cos(q * p[1]) if dimensions > 1 else 1.0))


def _smooth_fraction(p, dimensions):
    q = np.pi / BOX
    return 0.3 + 0.1 * np.cos(q * p[0]) + (0.05 * np.cos(q * p[1]) if dimensions > 1 else 0.0)


_Q = np.pi / BOX
_P, _D, _EPS = 0.02, 20.0, 0.3
_SLOPE = _P / (_D * _EPS)

CASES = {
    "closed": Case(
        _product(lambda x: 2.0 + np.cos(_Q * x), lambda y: 1.0 + 0.5 * np.cos(2 * _Q * y)),
        lambda d: [CLOSED] * 6,
        diffusivity=tuple(lambda p, d, axis=axis: _smooth_axes(p, d, axis) for axis in range(3)),
        fraction=_smooth_fraction,
    ),
    "membrane": Case(
        # The slope at the wall is that of its flux into nothing.
        _product(
            lambda x: 1.0 + _SLOPE * (x - 0.5 * x**2 / BOX), lambda y: 1.0 + 0.5 * np.cos(_Q * y)
        ),
        lambda d: [("membrane", _P, -1)] + [CLOSED] * 5,
    ),
    "fixed": Case(
        _product(lambda x: np.sin(0.5 * _Q * x), lambda y: 1.0 + 0.5 * np.cos(_Q * y)),
        lambda d: [("fixed", 0.0, -1)] + [CLOSED] * 5,
    ),
    "fixed to a value": Case(
        lambda p, d: 1.5 + _product(lambda x: np.sin(_Q * x), lambda y: np.cos(_Q * y))(p, d),
        lambda d: [("fixed", 0.0, 0), ("fixed", 0.0, 0)] + [CLOSED] * 4,
        outside=1.5,
    ),
    "periodic": Case(
        _product(
            lambda x: 2.0 + np.sin(2 * _Q * x + 0.3), lambda y: 1.0 + 0.5 * np.sin(2 * _Q * y)
        ),
        lambda d: [PERIODIC] * (2 * d) + [CLOSED] * (6 - 2 * d),
        fraction=lambda p, d: 0.3 + 0.1 * np.sin(2 * _Q * p[0]),
    ),
}

FLOWS = {
    # Along x from side to side, around in circles across it; D eps = 6: cell Peclet 0.2 to 2.
    "weak": (20.0, 0.3),
    # D eps = 0.15: cell Peclet 20 to 80.
    "strong": (0.5, 0.3),
}


def _along(p, dimensions):
    return 1.0 + 0.3 * np.cos(_Q * p[0]) + (0.2 * np.cos(_Q * p[1]) if dimensions > 1 else 0.0)


def _across(axis):
    return lambda p, dimensions: 0.5 * np.sin(_Q * p[axis]) * np.cos(0.5 * _Q * p[0])


def flowing(name):
    """A case with a flow that enters at one side, where a value holds, and leaves at the other."""
    d, eps = FLOWS[name]
    return Case(
        lambda p, dims: (
            1.5 + _product(lambda x: 1.0 - np.cos(_Q * x), lambda y: 0.5 * np.cos(_Q * y))(p, dims)
        ),
        lambda dims: [("fixed", 0.0, 0), ("open", 0.0, -1)] + [CLOSED] * 4,
        outside=1.5,
        diffusivity=(lambda p, dims: d + 0.0 * p[0],) * 3,
        fraction=lambda p, dims: eps + 0.0 * p[0],
        velocity=(_along, _across(1), _across(2)),
    )


def _shifted(p, axis, by):
    moved = list(p)
    moved[axis] = p[axis] + by
    return moved


def _divergence(case, p, dimensions):
    """div(-D eps grad f + u f) at points."""
    total = np.zeros_like(p[0])
    for axis in range(dimensions):

        def flux(at, axis=axis):
            slope = (
                case.solution(_shifted(at, axis, 0.5 * _STEP), dimensions)
                - case.solution(_shifted(at, axis, -0.5 * _STEP), dimensions)
            ) / _STEP
            found = -case.diffusivity[axis](at, dimensions) * case.fraction(at, dimensions) * slope
            if case.velocity is not None:
                found = found + case.velocity[axis](at, dimensions) * case.solution(at, dimensions)
            return found

        ahead, behind = (_shifted(p, axis, s * 0.5 * _STEP) for s in (1.0, -1.0))
        total = total + (flux(ahead) - flux(behind)) / _STEP
    return total


def _face_velocity(case, faces, dimensions):
    """Options of the velocity at the middles of faces; at rest along directions that are not."""
    centers = [0.5 * (f[1:] + f[:-1]) for f in faces]
    found = {}
    for axis, name in enumerate("xyz"):
        at = [faces[a] if a == axis else centers[a] for a in range(3)]
        p = np.broadcast_arrays(at[0][None, None, :], at[1][None, :, None], at[2][:, None, None])
        value = case.velocity[axis](p, dimensions) if axis < dimensions else 0.0 * p[0]
        found[f"velocity_{name}"] = np.ascontiguousarray(np.broadcast_to(value, p[0].shape))
    return found


def manufactured(case, dimensions, cells, has_source=True, **options):
    """Largest and mean error of C/eps after many times the slowest decay, and the run."""
    counts = [cells if a < dimensions else 1 for a in range(3)]
    faces = tuple(
        f / f[-1] * BOX if n > 1 else f for f, n in zip(box(*counts), counts, strict=True)
    )
    volume = Volume(SOURCE, [0.0, _LOSS], faces, {"c": case.sides(dimensions)})
    p = [np.array(c) for c in volume.centers]
    eps = np.broadcast_to(case.fraction(p, dimensions), volume.shape)
    exact = np.broadcast_to(case.solution(p, dimensions), volume.shape)
    source = _divergence(case, p, dimensions) + _LOSS * eps * exact
    d = [np.broadcast_to(of(p, dimensions), volume.shape) for of in case.diffusivity]
    given = inputs_of(case.outside) | {
        "axes": 3,
        "field_parameters": [0],
        "fields": source[None].copy() if has_source else np.zeros((1, *volume.shape)),
        "signed_states": [0],
        "initial": (eps * exact)[None].copy(),
        "rtol": 1e-6,
        "atol": [1e-8],
        "linear_rtol": 1e-3,
    }
    if case.velocity is not None:
        given |= _face_velocity(case, faces, dimensions)
    volume = volume.but(diffusivity=np.stack(d)[None], fraction=eps)
    run = volume.run([20.0 / _LOSS], **(given | options))
    error = run.values[-1, 0] / eps - exact
    return {"largest": np.abs(error).max(), "mean": np.abs(error).mean(), "run": run}


def orders_of(errors, sizes):
    """Orders between grids."""
    return np.log(np.array(errors[:-1]) / errors[1:]) / np.log(np.array(sizes[1:]) / sizes[:-1])
