"""Directions in turn: what they solve, what they keep, and where the multigrid takes over.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from engine import Law
from krogh import _core
from test_volume_integrators import SOURCE, small_binding
from test_volume_plasma import blood
from volume_cases import case
from volumes import (
    CLOSED,
    HOUR,
    N87,
    PERIODIC,
    Volume,
    antibody_law,
    box,
    fixed,
    n87,
    n87_with_a_hole,
    require_same_bits,
)

pytestmark = pytest.mark.verification


def test_the_order_in_time_stays_three():
    """The product of the factors is another matrix than the Jacobian asks for; for a W-method any
    will do."""
    volume = small_binding().but(diffusivity=15.0)
    end = 2000.0
    fine = volume.run([end], fixed_step=end / 1024, linear="multigrid", linear_rtol=1e-5).values
    errors = []
    for steps in (64, 128, 256):
        run = volume.run([end], fixed_step=end / steps, linear="adi")
        assert run.stats["adi_steps"] == steps
        assert run.stats["linear_iterations"] == 0
        errors.append(np.abs(run.values - fine).max())
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(orders > 2.7), (errors, orders)
    assert np.all(orders < 3.6), (errors, orders)


def two_of_one_receptor():
    """Two mobile states that compete, in voxels of two regions with holes and uneven widths."""
    draw = np.random.default_rng(3)
    shape = (7, 9, 12)
    regions = np.where(draw.random(shape) < 0.3, 255, 0).astype(np.uint8)
    start = np.zeros((4, *shape))
    start[0], start[1] = 50.0 * draw.random(shape), 30.0 * draw.random(shape)
    start[2] = 833.0 * draw.random(shape)
    law = Law(
        ("F1", "F2", "S", "B"),
        ("kon", "koff"),
        lambda t, y, p: [
            -p.kon * y.F1 * y.S + p.koff * y.B,
            -0.1 * p.koff * y.F2 + 0.5 * p.koff * y.B,
            -p.kon * y.F1 * y.S + p.koff * y.B,
            p.kon * y.F1 * y.S - 1.5 * p.koff * y.B + 0.1 * p.koff * y.F2,
        ],
    )
    return Volume(
        law,
        [2e-4, 3.5e-4],
        (np.cumsum(4.0 + 9.0 * draw.random(13)), *box(9, 7)[:2]),
        {"F1": None, "F2": None},
        diffusivity=[
            10.0 ** draw.uniform(-1.0, 1.0, shape),
            10.0 ** draw.uniform(-1.0, 1.0, shape),
        ],
        fraction=[draw.uniform(0.1, 0.5, shape), draw.uniform(0.2, 0.9, shape)],
        options={"regions": regions, "initial": start},
    )


@pytest.mark.parametrize("mobile", [1, 2])
def test_a_closed_system_keeps_its_mass(mobile):
    if mobile == 2:
        volume = two_of_one_receptor()
    else:
        two = two_of_one_receptor()
        volume = two.but(
            law=antibody_law(),
            parameters=list((N87 | {"ke": 0.0}).values()),
            mobile={"F": None},
            diffusivity=two.diffusivity[0],
            fraction=two.fraction[0],
        )
    run = volume.run([0.0, 200.0, HOUR], linear="adi", max_step=20.0)
    assert run.stats["adi_steps"] > 0.8 * run.stats["accepted"]
    if mobile == 2:
        total = run.contents[:, 0] + run.contents[:, 1] + run.contents[:, 3]
    else:
        total = run.contents[:, 0] + run.contents[:, 2]
    assert np.abs(total / total[0] - 1.0).max() < 1e-12


def test_two_mobile_states_agree_with_the_multigrid():
    volume = two_of_one_receptor()
    options = {"rtol": 1e-6, "atol": [1e-6] * 4, "max_step": 20.0}
    run = volume.run([300.0], linear="adi", **options)
    other = volume.run([300.0], linear="multigrid", linear_rtol=1e-4, **options)
    assert run.stats["adi_steps"] > 10
    scale = np.nanmax(np.abs(other.values), axis=(0, 2, 3, 4))
    apart = np.nanmax(np.abs(run.values - other.values), axis=(0, 2, 3, 4))
    assert np.max(apart / scale) < 1e-5


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_in_one_direction_they_solve_the_system_itself(axis):
    counts = [1, 1, 1]
    counts[axis] = 16
    shape = tuple(reversed(counts))
    volume = Volume(
        antibody_law(),
        list(N87.values()),
        tuple(np.arange(n + 1) * 10.0 for n in counts),
        {"F": None},
        diffusivity=10.0,
        fraction=0.24,
        exchange=(("F", 0, np.where(np.arange(16).reshape(shape) == 3, 1e-2, 0.0)),),
        options={
            "rates": np.zeros((1, 1)),
            "pulse_times": np.zeros(1),
            "pulse_amplitudes": np.array([[[480.0]]]),
            "fixed_step": 30.0,
        },
    )
    run = volume.run([3000.0], linear="adi")
    assert run.stats["adi_steps"] == 100
    other = volume.run([3000.0], linear="multigrid", linear_rtol=1e-5)
    assert other.stats["adi_steps"] == 0
    scale = np.abs(other.values).max(axis=(0, 2, 3, 4))[:, None, None, None]
    assert np.max(np.abs(run.values - other.values)[0] / scale) < 1e-5


def test_what_is_at_rest_stays_at_rest():
    still = Law(("c",), ("k",), lambda t, y, p: [0.0 * p.k * y.c])
    volume = Volume(still, [0.0], box(9, 8, 7), {"c": None}, diffusivity=30.0)
    x, y, _ = volume.centers
    eps = np.where((x < 45.0) & (y > 30.0), 0.1, 0.6)
    run = volume.but(fraction=eps).run(
        [2e3], initial=(3.0 * eps)[None].copy(), linear="adi", fixed_step=20.0
    )
    assert np.abs(run.values[-1, 0] / eps - 3.0).max() < 1e-13


def test_a_steady_source_keeps_its_contrast():
    """A source of 100 um wavelength in all three directions, steps as long as is allowed."""
    d, k, cells, width = 10.0, 1e-2, 10, 10.0
    volume = Volume(SOURCE, [0.0, k], box(cells, cells, cells, width=width), {"c": None})
    volume = volume.but(diffusivity=d)
    q = 2.0 * np.pi / 100.0
    wave = np.prod([np.cos(q * c) for c in volume.centers], axis=0)
    fields = ((1.0 + wave) * k)[None].copy()
    run = volume.run([2e3], field_parameters=[0], fields=fields, linear="adi", max_step=68.0)
    assert run.stats["adi_steps"] > 0.9 * run.stats["accepted"]
    amplitude = 8.0 * np.mean(run.values[-1, 0] * wave)
    on_grid = k / (k + 3.0 * d * (2.0 - 2.0 * np.cos(q * width)) / width**2)
    assert amplitude == pytest.approx(on_grid, rel=1e-3)


def test_bits_do_not_depend_on_threads():
    two_way = blood([(0, 0), (1, 1)], [1.0, 0.5], [3e-7, 1e-7], [(0.0, 0, 480.0, 0)])
    sides = [CLOSED] * 2 + [fixed(-1)] + [CLOSED] * 3
    volume = n87_with_a_hole(sides, -1, two_way | {"linear": "adi"})
    runs = [volume.run([300.0], num_threads=t) for t in (1, 2, 3, 5)]
    assert runs[0].stats["adi_steps"] > 5
    require_same_bits(runs, "values", "plasma", "exchanged", "contents")


def test_where_too_much_is_left_the_multigrid_takes_over():
    volume, times = case("1:8")
    run = volume.run(times, linear="adi")
    assert run.stats["adi_refused"] > 0
    assert run.stats["adi_steps"] > 0
    other = volume.run(times, method="rkc2", rtol=1e-4)
    scale = other.values.max(axis=(0, 2, 3, 4))
    assert np.max(np.abs(run.values - other.values).max(axis=(0, 2, 3, 4)) / scale) < 2e-3


def test_who_takes_them():
    one = n87(6)
    assert one.run([HOUR], linear="adi").stats["adi_steps"] > 0
    for linear in ("auto", "multigrid"):
        assert one.run([HOUR], linear=linear).stats["adi_steps"] == 0
    two = n87(6, ratio=1.0)
    assert two.run([HOUR], linear="adi").stats["adi_steps"] > 0
    ring = one.but(mobile={"F": [PERIODIC] * 2 + [CLOSED] * 4})
    assert ring.run([HOUR], linear="adi").stats["adi_steps"] == 0
    long_steps = one.run([400.0], fixed_step=200.0, linear="adi")
    assert long_steps.stats["adi_steps"] == long_steps.stats["adi_refused"] == 0
    with pytest.raises(ValueError, match="linear must be 'auto', 'multigrid' or 'adi'"):
        one.run([1.0], linear="thomas")


def differences(count):
    """Second differences with closed ends, (count, count)."""
    off = np.eye(count, k=1) + np.eye(count, k=-1)
    return off - np.diag(off.sum(axis=1))


@pytest.mark.parametrize("shape", [(5, 4, 3), (1, 9, 17), (2, 11, 24), (19, 1, 1), (1, 1, 1)])
def test_plain_diffusion_is_the_product_of_its_factors(shape):
    draw = np.random.default_rng(1)
    start = draw.random(shape)
    spacing, d, decay, step = (3.0, 4.0, 5.0), 7.0, 2e-2, 3.0
    expected = start.copy()
    weight = 1.0 + step * decay
    for axis in range(3):
        count = shape[axis]
        matrix = np.eye(count) - step * d / spacing[2 - axis] ** 2 / weight * differences(count)
        expected = np.moveaxis(
            np.tensordot(np.linalg.inv(matrix), expected, axes=(1, axis)), 0, axis
        )
    expected /= weight
    found = start.copy()
    _core.diffuse_adi(found, spacing, d, decay, step, 1, num_threads=1)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    for threads in (1, 2, 3, 5):
        other = start.copy()
        _core.diffuse_adi(other, spacing, d, decay, step, 4, num_threads=threads)
        if threads == 1:
            first = other
        assert other.tobytes() == first.tobytes()


def test_plain_diffusion_keeps_the_sum_and_refuses_nonsense():
    values = np.random.default_rng(2).random((13, 20, 150))
    total = values.sum()
    _core.diffuse_adi(values, (10.0, 10.0, 10.0), 10.0, 0.0, 50.0, 20)
    assert values.sum() == pytest.approx(total, rel=1e-12)
    assert values.min() > 0.0
    for name, arguments in {
        "spacing": ((0.0, 1.0, 1.0), 1.0, 0.0, 1.0, 1),
        "diffusivity": ((1.0, 1.0, 1.0), -1.0, 0.0, 1.0, 1),
        "decay": ((1.0, 1.0, 1.0), 1.0, np.nan, 1.0, 1),
        "step": ((1.0, 1.0, 1.0), 1.0, 0.0, 0.0, 1),
        "num_steps": ((1.0, 1.0, 1.0), 1.0, 0.0, 1.0, -1),
    }.items():
        with pytest.raises(ValueError, match=name):
            _core.diffuse_adi(values, *arguments)
    with pytest.raises(ValueError, match="axes"):
        _core.diffuse_adi(values[0], (1.0, 1.0, 1.0), 1.0, 0.0, 1.0, 1)
