"""The volume solver against closed forms, the line solver and its own promises.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from engine import Law
from lines import CLOSED as CLOSED_WALL
from lines import STILL, Line, constant_input, even_faces
from volumes import (
    CLOSED,
    HOUR,
    N87,
    PERIODIC,
    Volume,
    antibody_law,
    box,
    fixed,
    inputs_of,
    n87,
    n87_with_a_hole,
    require_same_bits,
    scattered_tissue,
)

pytestmark = pytest.mark.verification

SOURCE = Law(("c",), ("s", "k"), lambda t, y, p: [p.s - p.k * y.c])
"""A source that may differ from voxel to voxel, and first-order loss."""

TIGHT = {"rtol": 1e-8, "atol": [1e-10], "linear_rtol": 1e-5}


def decaying_input(value, rate):
    """Options of one decaying input, for volumes and for lines."""
    rates, times = np.array([[rate]]), np.zeros(1)
    amplitudes = np.array([[[value]]])
    of_line = {"rates": rates[None], "pulse_times": times[None]}
    return (
        {"rates": rates, "pulse_times": times, "pulse_amplitudes": amplitudes},
        of_line | {"pulse_amplitudes": amplitudes[None]},
    )


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("side", ["fixed", "membrane"])
def test_a_run_that_varies_in_one_direction_equals_the_line(axis, side):
    along = 30.0 * np.linspace(0.0, 1.0, 17) ** 1.3 * 6.0
    d, eps = np.where(np.arange(16) < 7, 10.0, 25.0), np.where(np.arange(16) < 11, 0.24, 0.4)
    of_volume, of_line = decaying_input(480.0, 2e-5)
    law, values = antibody_law(), list(N87.values())
    times = [60.0, HOUR, 8.0 * HOUR]
    line = Line(
        law,
        values,
        along,
        {"F": ((side, 0), CLOSED_WALL)},
        diffusivity=d[None],
        fraction=eps[None],
        permeability=[[3e-3, 0.0]],
        options=of_line,
    )
    expected = line.run(times, rtol=1e-6, atol=[1e-6] * 4).values[0]
    faces = [np.array([0.0, 9.0, 20.0]), np.array([0.0, 12.0, 20.0, 31.0]), along]
    order = [None, None, None]
    order[axis] = faces[2]
    others = [a for a in range(3) if a != axis]
    order[others[0]], order[others[1]] = faces[0], faces[1]
    sides = [CLOSED] * 6
    sides[2 * axis] = (side, 3e-3, 0)
    shape = [1, 1, 1]
    shape[2 - axis] = 16
    volume = Volume(
        law,
        values,
        tuple(order),
        {"F": sides},
        diffusivity=d.reshape(shape),
        fraction=eps.reshape(shape),
        options=of_volume,
    )
    run = volume.run(times, rtol=1e-6, atol=[1e-6] * 4, linear_rtol=1e-4)
    found = np.moveaxis(run.values, 4 - axis, -1)
    scale = np.abs(expected).max(axis=(0, 2))[:, None]
    for i in range(found.shape[2]):
        for j in range(found.shape[3]):
            assert np.max(np.abs(found[:, :, i, j] - expected) / scale) < 3e-6


def jump_problem(dimensions, cells):
    """A steady state with a jump of D and eps; C/eps is known, it and the flux are continuous."""
    length, k = 100.0, 1e-2
    n = [cells if a < dimensions else 1 for a in range(3)]
    faces = box(*n)
    faces = tuple(f / f[-1] * length for f in faces)
    volume = Volume(SOURCE, [0.0, k], faces, {"c": None})
    x, y, z = volume.centers
    d = np.where(x < 50.0, 40.0, 10.0)
    eps = np.where(x < 50.0, 0.25, 0.5)
    q = np.pi / length
    part = np.cos(q * x) / (d * eps) * 10.0
    wave_y = 1.0 + 0.5 * np.cos(q * y) * (dimensions > 1)
    wave_z = 1.0 + 0.5 * np.cos(q * z) * (dimensions > 2)
    exact = (2.0 + part) * wave_y * wave_z
    laplacian = -(q**2) * (
        part * wave_y * wave_z
        + (2.0 + part) * (wave_y - 1.0) * wave_z
        + (2.0 + part) * wave_y * (wave_z - 1.0)
    )
    source = k * eps * exact - d * eps * laplacian
    volume = volume.but(
        diffusivity=d,
        fraction=eps,
        options={
            "field_parameters": [0],
            "fields": source[None].copy(),
            "signed_states": [0],
            "initial": (eps * exact)[None].copy(),
        },
    )
    return volume, eps * exact


@pytest.mark.parametrize(("dimensions", "sizes"), [(2, (8, 16, 32)), (3, (6, 12, 24))])
def test_order_in_space_is_two_across_jumps_of_diffusivity_and_fraction(dimensions, sizes):
    errors = []
    for cells in sizes:
        volume, exact = jump_problem(dimensions, cells)
        run = volume.run([3e4], rtol=1e-5, atol=[1e-7], linear_rtol=1e-3)
        errors.append(np.abs(run.values[-1, 0] - exact).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert orders[-1] > 1.9, (errors, orders)


def test_order_in_time_is_three():
    def law(t, y, p):
        bind = 2e-4 * y.F * y.S - 1e-4 * y.B
        return [-bind, -bind, bind]

    volume = Volume(
        Law(("F", "S", "B"), ("zero",), law, initial={"S": lambda p: 20.0 + 0.0 * p.zero}),
        [0.0],
        box(6, 5, 4),
        {"F": [("membrane", 2e-2, 0)] + [CLOSED] * 5},
        diffusivity=5.0,
        fraction=0.5,
        exchange=(("F", 0, np.arange(120.0).reshape(4, 5, 6) * 1e-5),),
        options=decaying_input(30.0, 1e-3)[0] | {"linear_rtol": 1e-5},
    )
    end = 2000.0
    fine = volume.run([end], fixed_step=end / 256).values
    errors = [
        np.abs(volume.run([end], fixed_step=end / n).values - fine).max() for n in (8, 16, 32)
    ]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(orders > 2.75), (errors, orders)
    assert np.all(orders < 3.5), (errors, orders)


@pytest.mark.parametrize("linear_rtol", [1e-1, 1e-2])
def test_a_closed_system_keeps_its_mass_at_any_linear_tolerance(linear_rtol):
    volume, inside = scattered_tissue(1.0, None, linear_rtol=linear_rtol)
    run = volume.run([0.0, HOUR, 24.0 * HOUR])
    assert run.stats["connected_regions"] > 3
    assert np.isnan(run.values[-1, 0][~inside]).all()
    assert np.isfinite(run.values[-1, 0][inside]).all()
    total = run.contents[:, 0] + run.contents[:, 2]
    assert np.abs(total / total[0] - 1.0).max() < 1e-12
    weight = np.where(inside, volume.volumes, 0.0)
    recorded = np.nansum(run.values * weight, axis=(2, 3, 4))
    assert recorded == pytest.approx(run.contents, rel=1e-12)


def test_the_ledger_of_an_open_system_closes():
    sides = [("membrane", 3e-3, 0), CLOSED, fixed(0), fixed(-1), CLOSED, ("membrane", 1e-2, -1)]
    volume = n87(12).but(mobile={"F": sides})
    run = volume.run([HOUR, 24.0 * HOUR])
    total = run.contents[:, 0] + run.contents[:, 2] + run.contents[:, 3]
    booked = run.exchanged[:, 0] + run.entered[:, 0].sum(axis=-1)
    gain = np.abs(run.exchanged[:, 0]) + np.abs(run.entered[:, 0]).sum(axis=-1)
    assert np.all(np.abs(total - booked) < 1e-10 * gain)
    assert np.all(run.entered[-1, 0, [0, 2]] > 0.0)
    assert np.all(run.entered[-1, 0, [1, 4]] == 0.0)
    assert np.all(run.entered[-1, 0, [3, 5]] < 0.0)


def test_a_jump_of_the_fraction_at_rest_stays_at_rest():
    volume = Volume(STILL, [0.0], box(9, 8, 7), {"c": None}, diffusivity=30.0)
    x, y, _ = volume.centers
    eps = np.where((x < 45.0) & (y > 30.0), 0.1, 0.6)
    run = volume.but(fraction=eps).run([1e6], initial=(3.0 * eps)[None].copy())
    assert np.abs(run.values[-1, 0] / eps - 3.0).max() < 1e-13


@pytest.mark.parametrize("width", [10.0, 5.0])
def test_a_steady_source_keeps_its_contrast(width):
    d, k, cells = 10.0, 1e-2, round(100.0 / width)
    volume = Volume(SOURCE, [0.0, k], box(cells, 4, 2, width=width), {"c": [PERIODIC] * 6})
    volume = volume.but(diffusivity=d)
    q = 2.0 * np.pi / 100.0
    wave = np.cos(q * volume.centers[0])
    source = (1.0 + wave) * k
    run = volume.run([1e5], field_parameters=[0], fields=source[None].copy(), rtol=1e-3)
    amplitude = 2.0 * np.mean(run.values[-1, 0] * wave)
    on_grid = k / (k + d * (2.0 - 2.0 * np.cos(q * width)) / width**2)
    assert amplitude == pytest.approx(on_grid, rel=1e-3)
    assert run.values[-1, 0].mean() == pytest.approx(1.0, rel=1e-3)


SATURATING = [2.0 * HOUR, 6.0 * HOUR, 24.0 * HOUR]


@pytest.fixture(scope="module")
def saturated():
    """A conjugate with eight times as much antibody, which fills every receptor; tightly."""
    volume = n87(16, ratio=8.0)
    tight = {"rtol": 1e-5, "atol": [1e-5] * 8, "linear_rtol": 1e-4}
    return volume, volume.run(SATURATING, num_threads=2, **tight).values


@pytest.mark.parametrize("tol", [1e-2, 1e-3])
def test_a_saturating_mixture_stays_within_its_tolerance(saturated, tol):
    volume, exact = saturated
    values = volume.run(SATURATING, num_threads=2, rtol=tol).values
    difference = values - exact
    scale = np.abs(exact).max(axis=(0, 2, 3, 4))
    norm = np.sqrt((exact**2).sum(axis=(2, 3, 4)))
    error = np.sqrt((difference**2).sum(axis=(2, 3, 4))) / norm
    assert np.all(error < tol), error
    largest = np.abs(difference).max(axis=(0, 2, 3, 4)) / scale
    assert np.all(largest < 3.0 * tol), largest
    lowest = values.min(axis=(0, 2, 3, 4))
    assert np.all(lowest >= -tol * scale), lowest


def test_bits_do_not_depend_on_threads():
    volume = n87_with_a_hole([PERIODIC] * 2 + [fixed(1)] + [CLOSED] * 3)
    runs = [volume.run([600.0], num_threads=t) for t in (1, 2, 3, 5)]
    require_same_bits(runs, "values", "contents", "exchanged", "entered")
    assert all(run.stats == runs[0].stats for run in runs)


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_cycles_do_not_grow_with_the_grid(noise):
    average = []
    for cells in (16, 32, 64):
        draw = np.random.default_rng(1)
        shape = (cells,) * 3
        volume = Volume(STILL, [0.0], box(*shape), {"c": None})
        volume = volume.but(diffusivity=10.0 * 10.0 ** (noise * draw.uniform(-1.0, 1.0, shape)))
        start = draw.random((1, *shape))
        run = volume.run([2e5], initial=start, fixed_step=1e5)
        average.append(run.stats["linear_iterations"] / run.stats["linear_solves"])
    assert max(average) <= 4.5, average
    assert average[2] <= average[0] + 1.0, average


@pytest.mark.parametrize("shape", [(8, 6, 10), (7, 5, 9), (1, 7, 6)])
def test_periodic_sides_know_no_origin(shape):
    draw = np.random.default_rng(5)
    volume = Volume(STILL, [1e-5], box(*reversed(shape)), {"c": [PERIODIC] * 4 + [CLOSED] * 2})
    d = 10.0 ** draw.uniform(0.0, 2.0, shape)
    start = draw.random(shape)
    options = {"rtol": 1e-4, "linear_rtol": 1e-5}
    run = volume.but(diffusivity=d).run([20.0], initial=start[None].copy(), **options)
    shift = (0, 2, 3)
    moved = volume.but(diffusivity=np.roll(d, shift, (0, 1, 2))).run(
        [20.0], initial=np.roll(start, shift, (0, 1, 2))[None].copy(), **options
    )
    difference = moved.values[0, 0] - np.roll(run.values[0, 0], shift, (0, 1, 2))
    assert np.abs(difference).max() < 1e-6
    assert np.ptp(run.values[0, 0]) > 0.05  # far from even
    assert run.stats["most_iterations"] < 25


def test_diffusivity_along_axes_and_graded_faces_agree_with_the_decay_of_a_wave():
    cells, length, rates = 24, (240.0, 120.0, 60.0), (40.0, 5.0, 1.0)
    faces = tuple(np.linspace(0.0, side, cells + 1) for side in length)
    volume = Volume(STILL, [0.0], faces, {"c": None})
    d = np.broadcast_to(np.array(rates)[None, :, None, None, None], (1, 3, cells, cells, cells))
    x, y, z = volume.centers
    wave = 1.0 + 0.9 * np.prod(
        [np.cos(np.pi * c / side) for c, side in zip((x, y, z), length, strict=True)], axis=0
    )
    run = volume.but(diffusivity=d).run([40.0], initial=wave[None].copy(), axes=3, rtol=1e-6)
    decay = sum(
        r * (2.0 - 2.0 * np.cos(np.pi / cells)) / (side / cells) ** 2
        for r, side in zip(rates, length, strict=True)
    )
    expected = 1.0 + (wave - 1.0) * np.exp(-40.0 * decay)
    assert np.abs(run.values[0, 0] - expected).max() < 1e-4


def test_a_vessel_in_the_middle_of_voxels_approaches_the_krogh_line():
    """Steady: supply through the wall of a vessel, first-order uptake in the tissue around it."""
    d, eps, p, k, radius, outer = 20.0, 0.3, 5e-3, 2e-4, 8.0, 75.0
    line = Line(
        STILL,
        [k],
        even_faces(radius, outer, 200),
        {"c": (("membrane", 0), CLOSED_WALL)},
        diffusivity=d,
        fraction=eps,
        permeability=[[p, 0.0]],
        geometry="cylindrical",
        options=constant_input(100.0),
    )
    profile = line.run([2e5], rtol=1e-5).values[0, -1, 0]
    law = Law(("c",), ("k",), lambda t, y, q: [-q.k * y.c])
    errors = []
    for cells in (30, 60):
        width = 150.0 / cells
        volume = Volume(law, [k], box(cells, cells, 1, width=width), {"c": None})
        volume = volume.but(diffusivity=d, fraction=eps)
        x, y, _ = volume.centers
        r = np.hypot(x - 75.0, y - 75.0)
        vessel = r < radius
        supply = 2.0 * np.pi * radius * p / (vessel.sum() * width**2)
        run = volume.but(exchange=(("c", 0, np.where(vessel, supply, 0.0)),)).run(
            [2e5],
            regions=np.where(r > outer, 255, 0).astype(np.uint8),
            field_parameters=[0],
            fields=np.where(vessel, 0.0, k)[None].copy(),
            rtol=1e-4,
            **inputs_of(100.0),
        )
        around = (r > 12.0) & (r < 70.0)
        expected = np.interp(r[around], line.centers, profile)
        errors.append(np.sqrt(np.mean((run.values[-1, 0][around] / expected - 1.0) ** 2)))
    assert errors[1] < 0.01, errors
    assert errors[1] < 0.7 * errors[0], errors
