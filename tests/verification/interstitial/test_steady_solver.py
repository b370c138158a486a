"""The steady solver: orders in 1, 2 and 3 dimensions, cycles against size, bits, exact cases.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from krogh.errors import SolverError, SpecError
from krogh.space.steady import SteadySolver

pytestmark = pytest.mark.verification
PI = math.pi


def box(cells: int, dimensions: int, stretch: float = 0.0) -> list[np.ndarray]:
    """Faces along x, y, z of the unit box; directions left out have one voxel of width 1."""
    even = np.linspace(0.0, 1.0, cells + 1)
    graded = even + stretch * np.sin(2.0 * PI * even) / (2.0 * PI)
    return [graded if d < dimensions else np.array([0.0, 1.0]) for d in range(3)]


def centers(faces: list[np.ndarray]) -> list[np.ndarray]:
    x, y, z = (0.5 * (f[1:] + f[:-1]) for f in faces)
    return [x[None, None, :], y[None, :, None], z[:, None, None]]


def manufactured(cells: int, dimensions: int, sides: str, stretch: float) -> float:
    """Largest error for p = product of sines or cosines, K = 1 + x/2 + ..., a = 3."""
    faces = box(cells, dimensions, stretch)
    x = centers(faces)
    shape = tuple(f.size - 1 for f in reversed(faces))
    slope = (0.5, 0.3, 0.2)
    k = 1.0 + sum(slope[d] * x[d] for d in range(dimensions)) + np.zeros(shape)
    wave, turned = (np.sin, np.cos) if sides == "fixed" else (np.cos, lambda v: -np.sin(v))
    p = np.ones(shape)
    for d in range(dimensions):
        p = p * wave(PI * x[d])
    along = [
        PI * turned(PI * x[d]) * p / np.where(wave(PI * x[d]) == 0.0, 1.0, wave(PI * x[d]))
        for d in range(dimensions)
    ]
    f = dimensions * PI**2 * k * p - sum(slope[d] * along[d] for d in range(dimensions)) + 3.0 * p
    kinds = [(sides if d < dimensions else "closed", 0.0) for d in (0, 0, 1, 1, 2, 2)]
    solver = SteadySolver(faces, k, sides=kinds, num_threads=1)
    solver.set_absorption(3.0)
    found = solver.solve(f, tolerance=1e-12)
    return float(np.abs(found.values - p).max())


@pytest.mark.parametrize("sides", ["fixed", "closed"])
@pytest.mark.parametrize(("dimensions", "cells"), [(1, 40), (2, 20), (3, 10)])
@pytest.mark.parametrize("stretch", [0.0, 0.5])
def test_second_order(dimensions: int, cells: int, sides: str, stretch: float) -> None:
    errors = [manufactured(cells * n, dimensions, sides, stretch) for n in (1, 2, 4)]
    orders = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    # The largest error sits beside the border, where the last orders are reached late.
    assert orders[-1] > 1.9, (errors, orders)
    assert errors[-1] < 2.5e-3


def test_layers_in_line_are_exact() -> None:
    """Conductivities in series with fixed sides: straight in every layer."""
    faces = [np.linspace(0.0, 10.0, 11), np.array([0.0, 2.0]), np.array([0.0, 3.0])]
    k = np.where(np.arange(10) < 4, 1.0, 100.0)[None, None, :]
    solver = SteadySolver(faces, k, sides=[("fixed", 0.0)] * 2 + [("closed", 0.0)] * 4)
    outside = (5.0, 1.0, 0.0, 0.0, 0.0, 0.0)
    found = solver.solve(0.0, outside=outside, tolerance=1e-13)
    flux = 4.0 / (4.0 / 1.0 + 6.0 / 100.0)
    x, y, z = solver.fluxes(found.values, outside)
    np.testing.assert_allclose(x, flux, rtol=1e-11)
    assert np.abs(y).max() == 0.0 == np.abs(z).max()
    np.testing.assert_allclose(
        found.values[0, 0, :4], 5.0 - flux * (np.arange(4) + 0.5), rtol=1e-11
    )


def test_a_membrane_adds_its_resistance() -> None:
    faces = [np.linspace(0.0, 4.0, 5), np.array([0.0, 1.0]), np.array([0.0, 1.0])]
    sides = [("membrane", 0.5), ("fixed", 0.0)] + [("closed", 0.0)] * 4
    solver = SteadySolver(faces, 2.0, sides=sides)
    outside = (3.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    found = solver.solve(0.0, outside=outside, tolerance=1e-13)
    x, _, _ = solver.fluxes(found.values, outside)
    np.testing.assert_allclose(x, 3.0 / (1.0 / 0.5 + 4.0 / 2.0), rtol=1e-11)


def test_conductivity_differs_along_axes() -> None:
    """Scaling an axis with its conductivity changes nothing: (h^2, K) to (4 h^2, 4 K)."""
    rng = np.random.default_rng(3)
    k, f = rng.uniform(0.5, 2.0, (6, 7, 8)), rng.standard_normal((6, 7, 8))
    faces = [np.arange(n + 1.0) for n in (8, 7, 6)]
    sides = [("fixed", 0.0)] * 6
    plain = SteadySolver(faces, k, sides=sides).solve(f, tolerance=1e-12).values
    faces[1] = 2.0 * faces[1]
    along = np.stack([k, 4.0 * k, k])
    scaled = SteadySolver(faces, along, sides=sides).solve(f, tolerance=1e-12).values
    np.testing.assert_allclose(scaled, plain, rtol=1e-9, atol=1e-11)


def noisy(
    cells: int, decades: float, sides: str, threads: int = 0, absorption: float = 30.0
) -> tuple[int, bytes]:
    rng = np.random.default_rng(1)
    k = 10.0 ** (decades * (rng.random((cells,) * 3) - 0.5))
    f = rng.standard_normal((cells,) * 3)
    faces = [np.linspace(0.0, 1.0, cells + 1)] * 3
    solver = SteadySolver(faces, k, sides=[(sides, 0.0)] * 6, num_threads=threads)
    solver.set_absorption(absorption)
    found = solver.solve(f)
    assert found.residual <= 1e-10
    return found.cycles, found.values.tobytes()


@pytest.mark.parametrize("sides", ["closed", "fixed", "periodic"])
def test_cycles_stay_flat(sides: str) -> None:
    even = [noisy(n, 0.0, sides)[0] for n in (16, 32, 64)]
    rough = [noisy(n, 2.0, sides)[0] for n in (16, 32, 64)]
    assert max(even) <= 20, even
    assert even[-1] <= even[0] + 4, even
    assert max(rough) <= 28, rough
    assert rough[-1] <= rough[0] + 8, rough


def test_cycles_stay_flat_where_only_the_sides_hold_the_field() -> None:
    cycles = [noisy(n, 0.0, "fixed", absorption=0.0)[0] for n in (16, 32, 64)]
    assert max(cycles) <= 21, cycles
    assert cycles[-1] <= cycles[0] + 4, cycles


@pytest.mark.parametrize("sides", ["fixed", "periodic"])
def test_threads_do_not_change_a_bit(sides: str) -> None:
    first = noisy(55 if sides == "fixed" else 56, 2.0, sides, 1)
    for threads in (2, 3, 5):
        assert noisy(55 if sides == "fixed" else 56, 2.0, sides, threads) == first


@pytest.mark.parametrize("kind", ["closed", "periodic"])
def test_a_field_up_to_a_constant(kind: str) -> None:
    rng = np.random.default_rng(5)
    f = rng.standard_normal((12, 13, 14))
    f -= f.mean()
    faces = [np.arange(n + 1.0) for n in (14, 13, 12)]
    solver = SteadySolver(faces, 1.0, sides=[(kind, 0.0)] * 6)
    assert solver.num_floating == 1
    found = solver.solve(f)
    assert abs(found.values.mean()) < 1e-12
    assert np.abs(solver.apply(found.values) - f.ravel()).max() < 1e-9
    with pytest.raises(SpecError, match=r"KG-167.*no steady state.*voxel 0"):
        solver.solve(f + 0.01)


def test_parts_that_nothing_joins() -> None:
    """One part at a fixed side, one that floats, and one voxel alone."""
    inside = np.ones((1, 1, 12), dtype=bool)
    inside[..., [4, 9]] = False
    sides = [("fixed", 0.0)] + [("closed", 0.0)] * 5
    faces = [np.arange(13.0), np.array([0.0, 1.0]), np.array([0.0, 1.0])]
    solver = SteadySolver(faces, 2.0, inside=inside, sides=sides)
    assert solver.num_floating == 2
    f = np.zeros((1, 1, 12))
    f[..., 5], f[..., 8] = 1.0, -1.0
    found = solver.solve(f, outside=(7.0, 0, 0, 0, 0, 0)).values[0, 0]
    np.testing.assert_allclose(found[:4], 7.0, rtol=1e-9)
    np.testing.assert_allclose(np.diff(found[5:9]), -0.5, rtol=1e-9)
    np.testing.assert_allclose(found[5:9].mean(), 0.0, atol=1e-9)
    np.testing.assert_allclose(found[10:], 0.0, atol=1e-9)
    assert np.isnan(found[[4, 9]]).all()


def test_fluxes_add_up_to_the_sources() -> None:
    rng = np.random.default_rng(9)
    shape = (9, 10, 11)
    inside = rng.random(shape) > 0.2
    faces = [np.cumsum(rng.uniform(0.5, 2.0, n + 1)) for n in (11, 10, 9)]
    sides = [("periodic", 0.0)] * 2 + [("fixed", 0.0), ("membrane", 0.3)] + [("closed", 0.0)] * 2
    k = 10.0 ** rng.uniform(-1.0, 1.0, (3, *shape))
    solver = SteadySolver(faces, k, inside=inside, sides=sides)
    a, f = rng.uniform(0.1, 1.0, shape), rng.standard_normal(shape)
    solver.set_absorption(a)
    outside = (0.0, 0.0, 2.0, -1.0, 0.0, 0.0)
    found = solver.solve(f, outside=outside, tolerance=1e-13)
    p = np.where(inside, found.values, 0.0)
    x, y, z = solver.fluxes(p, outside)
    hx, hy, hz = (np.diff(face) for face in faces)
    out = (
        np.diff(x, axis=2) / hx
        + np.diff(y, axis=1) / hy[:, None]
        + np.diff(z, axis=0) / hz[:, None, None]
    )
    assert np.abs((out - f + a * p)[inside]).max() < 1e-10
    np.testing.assert_array_equal(x[..., 0], x[..., -1])
    # Nothing passes into voxels outside.
    walls = inside[:, :, 1:] != inside[:, :, :-1]
    assert np.abs(x[:, :, 1:-1][walls]).max() == 0.0


def test_one_cycle_reduces_the_residual() -> None:
    rng = np.random.default_rng(2)
    faces = [np.linspace(0.0, 1.0, 33)] * 3
    solver = SteadySolver(faces, 1.0, sides=[("fixed", 0.0)] * 6)
    right = rng.standard_normal(32**3)
    rest = right - solver.apply(solver.precondition(right))
    assert np.linalg.norm(rest) < 0.7 * np.linalg.norm(right)


def test_what_cannot_be_solved_is_said() -> None:
    rng = np.random.default_rng(2)
    faces = [np.linspace(0.0, 1.0, 17)] * 3
    solver = SteadySolver(faces, 1.0, sides=[("fixed", 0.0)] * 6)
    f = rng.standard_normal((16,) * 3)
    with pytest.raises(SolverError, match=r"KG-327: the steady field.*after 3 cycles"):
        solver.solve(f, max_cycles=3)
    with pytest.raises(SolverError, match=r"KG-327: pressure.*1e-19 is wanted"):
        solver.solve(f, tolerance=1e-19, what="pressure")
    assert np.array_equal(solver.solve(0.0).values, np.zeros((16,) * 3))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conductivity": -1.0}, "conductivity must be finite and not negative"),
        ({"conductivity": np.ones(5)}, "conductivity: found 5 values"),
        ({"sides": [("fixed", 0.0)]}, "six are needed"),
        ({"sides": [("ajar", 0.0)] * 6}, "a side must be"),
        ({"sides": [("periodic", 0.0)] + [("closed", 0.0)] * 5}, "both sides of a direction"),
        ({"sides": [("membrane", -1.0)] + [("closed", 0.0)] * 5}, "permeability must be"),
        ({"inside": np.zeros((2, 3, 4), dtype=bool)}, "every voxel lies outside"),
        ({"inside": np.ones((2, 3, 5), dtype=bool)}, "regions: found 30 voxels"),
        ({"faces": [np.array([0.0])] * 3}, "faces_x"),
        ({"absorption": -1.0}, "absorption must be finite and not negative"),
        ({"absorption": np.ones(7)}, "absorption: found 7"),
        ({"source": np.nan}, "source must be finite"),
        ({"source": np.ones(7)}, "source: found 7"),
        ({"outside": (np.inf,) * 6}, "beyond side 0"),
        ({"tolerance": 0.0}, "tolerance must lie"),
        ({"max_cycles": 0}, "max_cycles must be positive"),
    ],
)
def test_wrong_input_is_named(change: dict, message: str) -> None:
    given = {
        "faces": [np.arange(n + 1.0) for n in (4, 3, 2)],
        "conductivity": 1.0,
        "sides": [("fixed", 0.0)] * 6,
        "inside": None,
        "absorption": 1.0,
        "source": 1.0,
        "outside": (0.0,) * 6,
        "tolerance": 1e-10,
        "max_cycles": 100,
    } | change

    def solve() -> None:
        solver = SteadySolver(
            given["faces"], given["conductivity"], sides=given["sides"], inside=given["inside"]
        )
        solver.set_absorption(given["absorption"])
        options = {name: given[name] for name in ("outside", "tolerance", "max_cycles")}
        solver.solve(given["source"], **options)

    with pytest.raises(SpecError, match=rf"KG-167: .*{message}"):
        solve()
