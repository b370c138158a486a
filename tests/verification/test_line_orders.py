"""Orders of the line solver by manufactured solutions: two in space, three in time.

SPDX-License-Identifier: BSD-3-Clause

The free concentration is psi(r) T(t) with psi' = f(r) / (D eps), so that the flux f is smooth while
D, eps and the slope jump at a face. T = 1 + exp(-lam t) lets the walls' concentrations be inputs.
"""

from __future__ import annotations

import numpy as np
import pytest
from engine import Law, cos, exp, sin
from lines import CLOSED, Line, even_faces

pytestmark = pytest.mark.verification

DIMENSION = {"cartesian": 0, "cylindrical": 1, "spherical": 2}
LAM, WAVE = 0.7, 1.3
INNER_D, OUTER_D = 2.0, 0.4
INNER_EPS, OUTER_EPS = 0.3, 0.8


def manufactured(geometry, cells, inner=1.0, outer=3.0, permeability=(0.6, 0.9), nonlinear=0.0):
    """The problem on a grid whose middle face carries the jump, and its solution at the centers.

    ``nonlinear`` adds loss by a saturable law, whose value on the solution the source gives back.
    """
    g = DIMENSION[geometry]
    middle = 0.5 * (inner + outer)

    def law(t, y, p):
        angle = WAVE * p.x
        f, df = sin(angle), WAVE * cos(angle)
        psi = p.base - cos(angle) / (WAVE * p.conductivity)
        course, slope = 1.0 + exp(-LAM * t), -LAM * exp(-LAM * t)
        exact = p.eps * psi * course
        source = p.eps * psi * slope - course * (df + g * f / p.x)
        loss = nonlinear * (exact / (1.0 + exact) - y.c / (1.0 + y.c))
        return [source + loss]

    faces = even_faces(inner, outer, cells)
    x = 0.5 * (faces[1:] + faces[:-1])
    is_inner = x < middle
    d = np.where(is_inner, INNER_D, OUTER_D)
    eps = np.where(is_inner, INNER_EPS, OUTER_EPS)

    def psi(r, conductivity, base):
        return base - np.cos(WAVE * r) / (WAVE * conductivity)

    inner_base = 4.0
    jump = psi(middle, INNER_D * INNER_EPS, inner_base) - psi(middle, OUTER_D * OUTER_EPS, 0.0)
    base = np.where(is_inner, inner_base, jump)
    shape = eps * psi(x, d * eps, base)
    flux = np.sin(WAVE * np.array([inner, outer]))
    ends = np.array(
        [psi(inner, INNER_D * INNER_EPS, inner_base), psi(outer, OUTER_D * OUTER_EPS, jump)]
    )
    has_inner = permeability[0] > 0.0
    outside = ends + np.array([-1.0, 1.0]) * flux / np.where(
        np.array(permeability) > 0, permeability, 1.0
    )
    line = Line(
        Law(("c",), ("x", "conductivity", "base", "eps"), law),
        [1.0, 1.0, 1.0, 1.0],
        faces,
        {"c": (("membrane", 0) if has_inner else CLOSED, ("membrane", 1))},
        diffusivity=d,
        fraction=eps,
        permeability=[list(permeability)],
        geometry=geometry,
        options={
            "field_parameters": [0, 1, 2, 3],
            "fields": np.array([[x, d * eps, base, eps]]),
            "initial": (2.0 * shape)[None, None].copy(),
            "rates": np.array([[[0.0, LAM]] * 2]),
            "pulse_times": np.zeros((1, 1)),
            "pulse_amplitudes": np.repeat(outside[:, None], 2, axis=1)[None, None].copy(),
            "signed_states": [0],
        },
    )
    return line, lambda t: shape * (1.0 + np.exp(-LAM * t))


def slope_of(sizes, errors):
    return np.polyfit(np.log(sizes), np.log(errors), 1)[0]


@pytest.mark.parametrize("geometry", list(DIMENSION))
@pytest.mark.parametrize(
    "extent", [(1.0, 3.0, (0.6, 0.9)), (0.0, 2.0, (0.0, 0.9))], ids=["walls", "from the center"]
)
def test_order_in_space_is_two(geometry, extent):
    inner, outer, permeability = extent
    errors, sizes = [], []
    for cells in (24, 48, 96):
        line, exact = manufactured(geometry, cells, inner, outer, permeability)
        run = line.run([2.0], rtol=1e-9, atol=[1e-10])
        weight = line.volumes / line.volumes.sum()
        difference = run.values[0, 0, 0] - exact(2.0)
        errors.append(np.sqrt(weight @ difference**2))
        sizes.append(1.0 / cells)
    assert errors[-1] < 2e-3
    assert slope_of(sizes, errors) > 1.9


@pytest.mark.parametrize("geometry", list(DIMENSION))
def test_order_in_time_is_three(geometry):
    line, _ = manufactured(geometry, 8, nonlinear=2.0)
    fine = line.run([2.0], fixed_step=2.0 / 2048).values[0, 0, 0]
    steps = np.array([32, 64, 128, 256])
    errors = [
        np.max(np.abs(line.run([2.0], fixed_step=2.0 / n).values[0, 0, 0] - fine)) for n in steps
    ]
    assert slope_of(1.0 / steps, errors) == pytest.approx(3.0, abs=0.2)


@pytest.mark.parametrize("rtol", [1e-3, 1e-5, 1e-7])
def test_the_error_in_time_follows_the_tolerance(rtol):
    line, _ = manufactured("cylindrical", 16, nonlinear=2.0)
    fine = line.run([2.0], rtol=1e-10, atol=[1e-11]).values[0, 0, 0]
    found = line.run([2.0], rtol=rtol, atol=[0.1 * rtol]).values[0, 0, 0]
    assert np.max(np.abs(found / fine - 1.0)) < 3.0 * rtol
