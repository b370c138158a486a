"""The integrators of volumes against each other and against what each of them promises.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from engine import Law
from test_volume_plasma import blood, tumour
from test_volume_response import patchy
from test_volume_response import tumour as living
from volume_cases import CASES, case
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
    scattered_tissue,
)

pytestmark = pytest.mark.verification

BINDING = Law(
    ("F", "S", "B"),
    ("zero",),
    lambda t, y, p: [
        -2e-4 * y.F * y.S + 1e-4 * y.B,
        -2e-4 * y.F * y.S + 1e-4 * y.B,
        2e-4 * y.F * y.S - 1e-4 * y.B,
    ],
    initial={"S": lambda p: 20.0 + 0.0 * p.zero},
)


def small_binding():
    """A smooth problem with an input that decays, a leaking side and vessels."""
    return Volume(
        BINDING,
        [0.0],
        box(6, 5, 4),
        {"F": [("membrane", 2e-2, 0)] + [CLOSED] * 5},
        diffusivity=5.0,
        fraction=0.5,
        exchange=(("F", 0, np.arange(120.0).reshape(4, 5, 6) * 1e-5),),
        options={
            "rates": np.array([[1e-3]]),
            "pulse_times": np.zeros(1),
            "pulse_amplitudes": np.array([[[30.0]]]),
        },
    )


@pytest.mark.parametrize("name", list(CASES))
def test_two_integrators_agree_within_twice_the_tolerance(name):
    volume, times = case(name)
    run = volume.run(times)
    other = volume.run(times, method="rkc2", rtol=1e-4)
    scale = np.nanmax(np.abs(other.values), axis=(0, 2, 3, 4))
    apart = np.nanmax(np.abs(run.values - other.values), axis=(0, 2, 3, 4)) / scale
    assert apart.max() < 2e-3, apart
    assert other.stats["linear_solves"] == 0
    assert other.stats["evaluations"] > other.stats["accepted"]
    if run.plasma is not None:
        assert np.abs(run.plasma - other.plasma).max() < 2e-3 * np.abs(run.plasma).max()


def test_rates_that_follow_states_and_what_the_plasma_hears_agree_as_well():
    volume = living((9, 8, 7), rate=patchy((9, 8, 7)))
    times = [4.0 * HOUR, 12.0 * HOUR, 48.0 * HOUR]
    run = volume.run(times)
    other = volume.run(times, method="rkc2", rtol=1e-4)
    scale = other.values.max(axis=(0, 2, 3, 4))
    assert np.max(np.abs(run.values - other.values).max(axis=(0, 2, 3, 4)) / scale) < 2e-3
    assert np.max(np.abs(run.plasma - other.plasma).max(axis=0) / other.plasma.max(axis=0)) < 2e-3
    assert other.values[-1, 2].min() < 0.9  # vessels were lost
    assert np.abs(run.fed / other.fed - 1.0).max() < 2e-3


def test_a_flow_through_a_membrane_between_regions_agrees_as_well():
    volume = n87(8)
    x, _, _ = volume.centers
    regions = np.where(x > 40.0, 1, 0).astype(np.uint8)
    options = volume.options | {
        "regions": regions,
        "num_regions": 2,
        "membranes": [(0, 0, 1, 1e-2)],
        "velocity_x": np.full((8, 8, 9), 0.3),
        "velocity_y": np.zeros((8, 9, 8)),
        "velocity_z": np.zeros((9, 8, 8)),
        "retardation": np.full((1, 2), 0.8),
    }
    sides = [fixed(0), fixed(-1)] + [CLOSED] * 4
    volume = volume.but(mobile={"F": sides}, options=options)
    times = [0.5 * HOUR, 4.0 * HOUR]
    run = volume.run(times)
    other = volume.run(times, method="rkc2", rtol=1e-4)
    scale = other.values.max(axis=(0, 2, 3, 4))
    assert np.max(np.abs(run.values - other.values).max(axis=(0, 2, 3, 4)) / scale) < 2e-3
    assert np.abs(other.entered[-1]).max() > 0.0


def test_the_order_of_rkc2_in_time_is_two():
    volume = small_binding()
    end = 2000.0
    fine = volume.run([end], fixed_step=end / 4096, method="rkc2").values
    errors = [
        np.abs(volume.run([end], fixed_step=end / n, method="rkc2").values - fine).max()
        for n in (128, 256, 512)
    ]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(orders - 2.0) < 0.15), (errors, orders)


def test_rkc2_and_ros34pw2_go_to_the_same_limit():
    """The error of a method of order 2 whose steps are chosen by local errors of order 3 falls
    with the tolerance to the power 2/3."""
    volume = small_binding()
    exact = volume.run([2000.0], rtol=1e-9, atol=[1e-10] * 3, linear_rtol=1e-5).values
    apart = []
    for rtol in (1e-5, 1e-7, 1e-9):
        run = volume.run([2000.0], rtol=rtol, atol=[0.1 * rtol] * 3, method="rkc2")
        apart.append(np.abs(run.values - exact).max() / np.abs(exact).max())
    assert apart[-1] < 1e-6, apart
    powers = np.log(np.array(apart[:-1]) / apart[1:]) / np.log(100.0)
    assert np.all(np.abs(powers - 2.0 / 3.0) < 0.15), (apart, powers)


def test_rkc2_keeps_the_mass_of_a_closed_system():
    sides = [PERIODIC] * 2 + [CLOSED] * 4
    volume, inside = scattered_tissue(2.0, sides, method="rkc2")
    run = volume.run([0.0, HOUR, 8.0 * HOUR])
    assert np.isnan(run.values[-1, 0][~inside]).all()
    assert np.isfinite(run.values[-1, 0][inside]).all()
    total = run.contents[:, 0] + run.contents[:, 2]
    assert np.abs(total / total[0] - 1.0).max() < 1e-12
    sites = run.contents[:, 1] + run.contents[:, 2]
    assert np.abs(sites / sites[0] - 1.0).max() < 1e-12


def test_the_ledger_of_rkc2_closes_with_and_without_a_plasma():
    sides = [("membrane", 3e-3, 0), CLOSED, fixed(0), fixed(-1), CLOSED, ("membrane", 1e-2, -1)]
    run = n87(10).but(mobile={"F": sides}).run([HOUR, 6.0 * HOUR], method="rkc2")
    total = run.contents[:, 0] + run.contents[:, 2] + run.contents[:, 3]
    booked = run.exchanged[:, 0] + run.entered[:, 0].sum(axis=-1)
    gain = np.abs(run.exchanged[:, 0]) + np.abs(run.entered[:, 0]).sum(axis=-1)
    assert np.all(np.abs(total - booked) < 1e-11 * gain)
    run = tumour(8, 2e-7).run([2.0 * HOUR, 4.0 * HOUR, 24.0 * HOUR], method="rkc2")
    given = 480.0 + np.array([0.0, 0.02 * HOUR, 0.04 * HOUR])
    in_tissue = 2e-7 * (run.contents[:, 0] + run.contents[:, 2] + run.contents[:, 3])
    assert np.abs(in_tissue + run.plasma.sum(axis=1) - given).max() < 1e-11 * 480.0
    assert 0.02 * given[-1] < in_tissue[-1] < 0.95 * given[-1]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_rkc2_reduces_to_one_dimension_exactly(axis):
    """Voxels so wide across the direction of change that they add nothing to the number of stages,
    and steps of one size, so that nothing but the operator tells the two runs apart."""
    along = 30.0 * np.linspace(0.0, 1.0, 17) ** 1.3 * 6.0
    d, eps = np.where(np.arange(16) < 7, 10.0, 25.0), np.where(np.arange(16) < 11, 0.24, 0.4)

    def volume(counts):
        faces = [np.arange(n + 1) * 2e3 for n in counts]
        faces[axis] = along
        sides = [CLOSED] * 6
        sides[2 * axis] = ("membrane", 3e-3, 0)
        shape = [1, 1, 1]
        shape[2 - axis] = 16
        return Volume(
            antibody_law(),
            list(N87.values()),
            tuple(faces),
            {"F": sides},
            diffusivity=d.reshape(shape),
            fraction=eps.reshape(shape),
            options={
                "rates": np.array([[2e-5]]),
                "pulse_times": np.zeros(1),
                "pulse_amplitudes": np.array([[[480.0]]]),
                "method": "rkc2",
                "fixed_step": 30.0,
            },
        )

    counts = [1, 1, 1]
    counts[axis] = 16
    line = volume(counts).run([60.0, HOUR, 4.0 * HOUR])
    counts = [3, 3, 3]
    counts[axis] = 16
    run = volume(counts).run([60.0, HOUR, 4.0 * HOUR])
    assert run.stats["evaluations"] == line.stats["evaluations"]
    expected = np.broadcast_to(line.values, run.values.shape)
    scale = np.abs(expected).max(axis=(0, 2, 3, 4), keepdims=True)
    assert np.max(np.abs(run.values - expected) / scale) < 1e-12


def cube_symmetries():
    """All 48 ways to turn and mirror a cube, as (order of axes, which are reversed)."""
    orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    return [(order, flips) for order in orders for flips in np.ndindex(2, 2, 2)]


def test_rkc2_has_the_symmetries_of_the_cube():
    draw = np.random.default_rng(5)
    rate = np.where(draw.random((6, 6, 6)) < 0.1, 1e-2, 0.0)
    d = 10.0 ** draw.uniform(-1.0, 1.0, (6, 6, 6))

    def turned(array, order, flips):
        array = np.transpose(array, order)
        return np.ascontiguousarray(array[tuple(slice(None, None, -1 if f else 1) for f in flips)])

    def values(order, flips):
        volume = n87(6).but(
            diffusivity=turned(d, order, flips),
            exchange=(("F", 0, turned(rate, order, flips)),),
        )
        return volume.run([HOUR], method="rkc2").values[0]

    plain = values((0, 1, 2), (0, 0, 0))
    scale = plain.max(axis=(1, 2, 3))[:, None, None, None]
    for order, flips in cube_symmetries()[1:]:
        expected = np.stack([turned(v, order, flips) for v in plain])
        assert np.max(np.abs(values(order, flips) - expected) / scale) < 1e-12, (order, flips)


def test_rkc2_does_not_see_where_a_ring_begins():
    draw = np.random.default_rng(8)
    rate = np.where(draw.random((5, 6, 7)) < 0.15, 1e-2, 0.0)

    def values(shift):
        volume = n87(7).but(
            faces=box(7, 6, 5),
            mobile={"F": [PERIODIC] * 6},
            exchange=(("F", 0, np.ascontiguousarray(np.roll(rate, shift, axis=(0, 1, 2)))),),
        )
        return volume.run([HOUR], method="rkc2").values[0]

    plain = values((0, 0, 0))
    for shift in ((2, 0, 0), (0, 3, 0), (1, 5, 4)):
        expected = np.roll(plain, shift, axis=(1, 2, 3))
        scale = plain.max(axis=(1, 2, 3))[:, None, None, None]
        assert np.max(np.abs(values(shift) - expected) / scale) < 1e-12


def test_bits_of_rkc2_do_not_depend_on_threads():
    two_way = blood([(0, 0), (1, 1)], [1.0, 0.5], [3e-7, 1e-7], [(0.0, 0, 480.0, 0)])
    sides = [PERIODIC] * 2 + [fixed(-1)] + [CLOSED] * 3
    volume = n87_with_a_hole(sides, -1, two_way | {"method": "rkc2"})
    runs = [volume.run([300.0], num_threads=t) for t in (1, 2, 3, 5)]
    require_same_bits(runs, "values", "plasma", "exchanged", "contents")
    assert all(run.stats == runs[0].stats for run in runs)


SOURCE = Law(("c",), ("s", "k"), lambda t, y, p: [p.s - p.k * y.c])


@pytest.mark.parametrize("method", ["ros34pw2", "rkc2"])
def test_a_steady_source_in_three_dimensions_keeps_its_contrast(method):
    d, k, cells, width = 10.0, 1e-2, 10, 10.0
    volume = Volume(SOURCE, [0.0, k], box(cells, cells, cells, width=width), {"c": [PERIODIC] * 6})
    volume = volume.but(diffusivity=d)
    q = 2.0 * np.pi / 100.0
    wave = np.prod([np.cos(q * c) for c in volume.centers], axis=0)
    fields = ((1.0 + wave) * k)[None].copy()
    run = volume.run([2e3], field_parameters=[0], fields=fields, method=method)
    amplitude = 8.0 * np.mean(run.values[-1, 0] * wave)
    on_grid = k / (k + 3.0 * d * (2.0 - 2.0 * np.cos(q * width)) / width**2)
    assert amplitude == pytest.approx(on_grid, rel=1e-3)


def test_rkc2_names_what_explodes():
    law = Law(("c",), ("k",), lambda t, y, p: [p.k * y.c * y.c])
    volume = Volume(law, [1.0], box(5, 4, 3), {"c": None})
    start = np.full((1, 3, 4, 5), 0.5)
    start[0, 1, 2, 3] = 1.0
    run = volume.run([10.0], check=False, initial=start, method="rkc2")
    assert run.status != 0
    (failure,) = run.failures
    assert failure[2] < 2.0
    assert failure[3] == 0
    assert failure[4] == 1 * 20 + 2 * 5 + 3


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="method must be 'ros34pw2' or 'rkc2', found 'euler'"):
        n87(4).run([1.0], method="euler")
