"""Solutes that a fluid carries through voxels: orders, extrema, mass, membranes, lines, cycles.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from krogh.interstitial import interstitial_flow
from krogh.space import Grid
from lines import STILL, Line, constant_input
from manufactured import FLOWS, flowing, manufactured, orders_of
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
    require_same_bits,
)

pytestmark = pytest.mark.verification

OPEN = ("open", 0.0, -1)
MIDDLE = np.zeros((3, 3, 4))
MIDDLE[..., 1:3] = 1.0
TIGHT = {"rtol": 1e-7, "atol": [1e-9], "linear_rtol": 1e-5}


def uniform_flow(shape, along):
    """Velocity options of a uniform flow along x, y, z."""
    nz, ny, nx = shape
    shapes = ((nz, ny, nx + 1), (nz, ny + 1, nx), (nz + 1, ny, nx))
    return {
        f"velocity_{axis}": np.full(size, float(v))
        for axis, size, v in zip("xyz", shapes, along, strict=True)
    }


def circulation(shape, width, speed, draw=None, closed=None):
    """Velocity options of a flow in circles, of which nothing is lost: the curl of a potential on
    edges that vanishes at the sides and around voxels that are closed."""
    nz, ny, nx = shape
    draw = draw or np.random.default_rng(0)
    edges = [
        draw.standard_normal((nz + 1, ny + 1, nx)),
        draw.standard_normal((nz + 1, ny, nx + 1)),
        draw.standard_normal((nz, ny + 1, nx + 1)),
    ]
    solid = np.ones((nz + 2, ny + 2, nx + 2), dtype=bool)
    solid[1:-1, 1:-1, 1:-1] = False if closed is None else closed
    beside = [
        solid[:-1, :-1, 1:-1] | solid[1:, :-1, 1:-1] | solid[:-1, 1:, 1:-1] | solid[1:, 1:, 1:-1],
        solid[:-1, 1:-1, :-1] | solid[1:, 1:-1, :-1] | solid[:-1, 1:-1, 1:] | solid[1:, 1:-1, 1:],
        solid[1:-1, :-1, :-1] | solid[1:-1, 1:, :-1] | solid[1:-1, :-1, 1:] | solid[1:-1, 1:, 1:],
    ]
    a, b, c = (np.where(near, 0.0, e) for e, near in zip(edges, beside, strict=True))
    x = np.diff(c, axis=1) - np.diff(b, axis=0)
    y = np.diff(a, axis=0) - np.diff(c, axis=2)
    z = np.diff(b, axis=2) - np.diff(a, axis=1)
    most = max(np.abs(v).max() for v in (x, y, z))
    return {
        f"velocity_{n}": np.ascontiguousarray(v * speed / most)
        for n, v in zip("xyz", (x, y, z), strict=True)
    }


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("name", list(FLOWS))
def test_order_of_convection(name, dimensions):
    sizes = {1: (32, 64, 128), 2: (16, 32, 64), 3: (8, 16, 32)}[dimensions]
    loose = {"rtol": 1e-5, "atol": [1e-6], "linear_rtol": 1e-3}
    sizes = sizes[:-1] if (name, dimensions) == ("strong", 3) else sizes
    errors = [manufactured(flowing(name), dimensions, n, **loose)["mean"] for n in sizes]
    assert orders_of(errors, sizes)[-1] > 1.8, errors
    plain = [
        manufactured(flowing(name), dimensions, n, corrected=False, **loose)["mean"] for n in sizes
    ]
    if name == "strong":  # upstream differences alone are of order 1, and farther off
        assert errors[-1] < 0.25 * plain[-1]
        assert orders_of(plain, sizes)[-1] < 1.6


@pytest.mark.parametrize(("axis", "sign"), [(0, 1.0), (0, -1.0), (1, 1.0), (2, -1.0)])
def test_a_front_without_diffusion_makes_no_new_extrema(axis, sign):
    shape = [2, 2, 2]
    shape[2 - axis] = 60
    along = [0.0, 0.0, 0.0]
    along[axis] = sign
    position = np.moveaxis(np.arange(60.0)[:, None, None] * np.ones((60, 2, 2)), 0, 2 - axis)
    start = np.where((position > 20) & (position < 40), 1.0, 0.0)
    volume = Volume(STILL, [0.0], box(*reversed(shape)), {"c": [PERIODIC] * 6}, diffusivity=0.0)
    run = volume.run(
        [0.0, 100.0, 600.0],
        initial=start[None].copy(),
        rtol=1e-3,
        **uniform_flow(shape, along),
    )
    assert run.values.min() > -2e-3
    assert run.values.max() < 1.0 + 2e-3
    assert np.abs(run.contents / run.contents[0] - 1.0).max() < 1e-12
    # Once around it is where it was, and still steep: upstream differences alone spread it.
    error = np.abs(run.values[-1, 0] - start).mean()
    plain = volume.run(
        [600.0], initial=start[None].copy(), corrected=False, **uniform_flow(shape, along)
    )
    assert error < 0.09
    assert np.abs(plain.values[-1, 0] - start).mean() > 2.0 * error


@pytest.mark.parametrize("speed", [0.01, 1.0, 100.0])
def test_mass_of_a_closed_flow_is_kept_around_obstacles(speed):
    draw = np.random.default_rng(3)
    shape = (7, 9, 12)
    outside = draw.random(shape) < 0.25
    labels = np.where(outside, 255, draw.integers(0, 2, shape)).astype(np.uint8)
    start = np.zeros((4, *shape))
    start[0], start[1] = 50.0 * draw.random(shape), 833.0 * draw.random(shape)
    volume = Volume(
        antibody_law(),
        list((N87 | {"ke": 0.0}).values()),
        box(12, 9, 7),
        {"F": None},
        diffusivity=10.0 ** draw.uniform(-1.0, 1.0, shape),
        fraction=draw.uniform(0.1, 0.5, shape),
        options={
            "regions": labels,
            "num_regions": 2,
            "membranes": [(0, 0, 1, 1e-2)],
            "retardation": np.array([[0.7, 1.0]]),
            "initial": start,
            **circulation(shape, 10.0, speed, draw, outside),
        },
    )
    run = volume.run([0.0, HOUR, 4.0 * HOUR], rtol=1e-2)
    total = run.contents[:, 0] + run.contents[:, 2]
    assert np.abs(total / total[0] - 1.0).max() < 1e-12
    assert run.values[-1][:, ~outside].min() > -1e-2 * 833.0


def sourced(shape=(6, 7, 8)):
    """Fluid from vessels that goes to lymph and out of the box, with its exchanges."""
    draw = np.random.default_rng(8)
    filtration, lymph = 1e-3 * draw.random(shape), 4e-4 * draw.random(shape)
    rest = (filtration - lymph) * 10.0
    x = np.zeros((shape[0], shape[1], shape[2] + 1))
    x[..., 1:] = np.cumsum(rest, axis=2)
    flow = circulation(shape, 10.0, 0.02, draw)
    flow["velocity_x"] = flow["velocity_x"] + x
    return flow, filtration, lymph


def test_a_uniform_concentration_stays_where_fluid_and_solute_go_together():
    flow, filtration, lymph = sourced()
    draw = np.random.default_rng(1)
    eps = draw.uniform(0.1, 0.6, filtration.shape)
    sides = [CLOSED, ("open", 0.0, 0)] + [CLOSED] * 4
    volume = Volume(STILL, [0.0], box(8, 7, 6), {"c": sides}, diffusivity=3.0, fraction=eps)
    volume = volume.but(exchange=(("c", 0, filtration, 0.0), ("c", -1, 0.0, lymph)))
    for options in ({}, {"fixed_step": 2e3}):
        run = volume.run(
            [1e5], initial=(4.0 * eps)[None].copy(), **flow, **inputs_of(4.0), **options
        )
        assert run.values[-1, 0] == pytest.approx(4.0 * eps, rel=1e-9)


def test_the_ledger_of_a_flow_closes():
    flow, filtration, lymph = sourced()
    sides = [("membrane", 3e-3, 0), fixed(-1), fixed(0), CLOSED, CLOSED, ("membrane", 1e-2, -1)]
    flow["velocity_y"] = flow["velocity_y"] + 0.1
    flow["velocity_y"][:, -1] = 0.0
    volume = Volume(
        antibody_law(),
        list(N87.values()),
        box(8, 7, 6),
        {"F": sides},
        diffusivity=10.0,
        fraction=0.24,
        exchange=(("F", 0, filtration, 1e-5), ("F", -1, 0.0, lymph)),
        options=inputs_of(100.0) | flow | {"retardation": np.array([[0.8]])},
    )
    run = volume.run([HOUR, 24.0 * HOUR])
    total = run.contents[:, 0] + run.contents[:, 2] + run.contents[:, 3]
    booked = run.exchanged.sum(axis=-1) + run.entered[:, 0].sum(axis=-1)
    gain = np.abs(run.exchanged).sum(axis=-1) + np.abs(run.entered[:, 0]).sum(axis=-1)
    assert np.all(np.abs(total - booked) < 1e-10 * gain)
    assert run.exchanged[-1, 0] > 0.0 > run.exchanged[-1, 1]
    assert run.entered[-1, 0, 1] < 0.0 < run.entered[-1, 0, 2]


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("speed", [0.3, -0.3])
def test_a_slab_with_a_flow_equals_the_line(axis, speed):
    along = 30.0 * np.linspace(0.0, 1.0, 17) ** 1.3 * 6.0
    d, eps = np.where(np.arange(16) < 7, 10.0, 25.0), np.where(np.arange(16) < 11, 0.24, 0.4)
    law, values, times = antibody_law(), list(N87.values()), [60.0, HOUR, 8.0 * HOUR]
    line = Line(
        law,
        values,
        along,
        {"F": (("membrane", 0), ("fixed", -1))},
        diffusivity=d[None],
        fraction=eps[None],
        permeability=[[0.3, 0.0]],
        options=constant_input(480.0) | {"velocity": np.full((1, 1, 17), speed)},
    )
    expected = line.run(times, rtol=1e-6, atol=[1e-6] * 4).values[0]
    faces = [np.array([0.0, 9.0, 20.0]), np.array([0.0, 12.0, 20.0, 31.0]), along]
    others = [a for a in range(3) if a != axis]
    order = {axis: faces[2], others[0]: faces[0], others[1]: faces[1]}
    sides = [CLOSED] * 6
    sides[2 * axis], sides[2 * axis + 1] = ("membrane", 0.3, 0), fixed(-1)
    shape, velocity = [1, 1, 1], [0.0, 0.0, 0.0]
    shape[2 - axis], velocity[axis] = 16, speed
    volume = Volume(
        law,
        values,
        tuple(order[a] for a in range(3)),
        {"F": sides},
        diffusivity=d.reshape(shape),
        fraction=eps.reshape(shape),
        options=inputs_of(480.0),
    )
    flow = uniform_flow(volume.shape, velocity)
    found = volume.run(times, rtol=1e-6, atol=[1e-6] * 4, linear_rtol=1e-4, corrected=False, **flow)
    scale = np.abs(expected).max(axis=(0, 2))[:, None]
    each = np.moveaxis(found.values, 4 - axis, -1)
    for i in range(each.shape[2]):
        for j in range(each.shape[3]):
            assert np.max(np.abs(each[:, :, i, j] - expected) / scale) < 3e-6
    # With the correction a front that spans few cells is steeper; amounts are within a tenth.
    closer = volume.run(times, rtol=1e-4, **flow)
    each = np.moveaxis(closer.values, 4 - axis, -1)[:, :, 0, 0]
    amounts, of_line = each @ np.diff(along), expected @ np.diff(along)
    assert amounts[-1] == pytest.approx(of_line[-1], rel=0.1, abs=1e-3 * of_line[-1].max())


@pytest.mark.parametrize("peclet", [0.1, 3.0, 30.0])
def test_a_membrane_in_a_flow_passes_what_patlak_says(peclet):
    """Steady flux through a membrane alone: u (c_l - c_r e^-Pe)/(1 - e^-Pe), Pe = u/P."""
    cells, speed = 12, 0.2
    labels = (np.arange(cells) >= 6).astype(np.uint8).reshape(1, 1, cells)
    sides = [fixed(0), fixed(1)] + [CLOSED] * 4
    volume = Volume(STILL, [0.0], box(cells), {"c": sides}, diffusivity=1e6)
    p = speed / peclet
    run = volume.run(
        [1e6, 2e6],
        regions=labels,
        num_regions=2,
        membranes=[(0, 0, 1, p)],
        **inputs_of([5.0, 2.0]),
        **uniform_flow(volume.shape, (speed, 0.0, 0.0)),
        **TIGHT,
    )
    expected = speed * (5.0 - 2.0 * np.exp(-peclet)) / (1.0 - np.exp(-peclet))
    found = np.diff(run.entered[:, 0, 0])[0] / 1e6 / 100.0
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("peclet", [0.1, 10.0, 1e4])
def test_cycles_stay_bounded_at_large_peclet_numbers(peclet):
    """Fluid that vessels lose and that leaves at one side; steps far longer than it takes."""
    most = []
    for cells in (16, 32, 64):
        shape = (cells,) * 3
        draw = np.random.default_rng(1)
        surface = (np.where(draw.random(shape) < 0.1, 0.2, 0.0), "1/um")
        flow = interstitial_flow(Grid(shape, "10 um"), surface, sides={"x high": "0 mmHg"})
        scale = 1.0 / max(np.abs(v).max() for v in flow.velocity)
        given = {
            f"velocity_{n}": np.ascontiguousarray(scale * v)
            for n, v in zip("xyz", flow.velocity, strict=True)
        }
        volume = Volume(STILL, [0.0], box(*shape), {"c": [CLOSED, OPEN] + [CLOSED] * 4})
        run = volume.but(diffusivity=10.0 / peclet).run(
            [2e5], initial=draw.random((1, *shape)), fixed_step=1e5, corrected=False, **given
        )
        most.append(run.stats["linear_iterations"] / run.stats["linear_solves"])
    assert max(most) < 8.0, most


def test_cycles_in_a_flow_in_circles():
    shape = (32, 32, 32)
    draw = np.random.default_rng(1)
    volume = Volume(STILL, [0.0], box(*shape), {"c": None}, diffusivity=1.0)
    run = volume.run(
        [2e5],
        initial=draw.random((1, *shape)),
        fixed_step=1e5,
        corrected=False,
        **circulation(shape, 10.0, 1.0, draw),
    )
    assert run.stats["most_iterations"] < 9


def test_bits_of_a_flow_do_not_depend_on_threads():
    shape = (14, 19, 24)
    flow = circulation(shape, 10.0, 2.0)
    flow["velocity_y"] = flow["velocity_y"] + 0.3
    volume = Volume(
        antibody_law(),
        list(N87.values()),
        box(*reversed(shape)),
        {"F": [CLOSED] * 2 + [PERIODIC] * 2 + [CLOSED] * 2},
        diffusivity=5.0,
        fraction=0.24,
        exchange=(("F", 0, 1e-3, 2e-3),),
        options=inputs_of(100.0) | flow,
    )
    runs = [volume.run([300.0], num_threads=t) for t in (1, 2, 3, 5)]
    require_same_bits(runs, "values", "exchanged")
    assert all(run.stats == runs[0].stats for run in runs)


def test_two_integrators_agree_on_a_flow():
    flow, filtration, lymph = sourced()
    volume = Volume(STILL, [0.0], box(8, 7, 6), {"c": [CLOSED, OPEN] + [CLOSED] * 4})
    volume = volume.but(
        diffusivity=10.0,
        fraction=0.3,
        exchange=(("c", 0, filtration, 1e-4), ("c", -1, 0.0, lymph)),
        options=inputs_of(10.0) | flow,
    )
    first = volume.run([HOUR], rtol=1e-4, atol=[1e-5])
    second = volume.run([HOUR], rtol=1e-4, atol=[1e-5], method="rkc2")
    scale = first.values.max()
    assert np.abs(first.values - second.values).max() < 2e-4 * scale


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"velocity_x": np.zeros((3, 3, 3))}, "velocity along x: found 27 values, expected 36"),
        ({"velocity_x": np.full((3, 3, 4), np.nan)}, "velocity along x must be finite"),
        ({"velocity_z": np.full((4, 3, 3), 1.0)}, "fluid passes side 4 at voxel 0, which is clos"),
        ({"velocity_x": MIDDLE}, "between voxel 0 and voxel 1, of which one lies"),
        ({"velocity_y": np.ones((3, 4, 3)) * np.arange(4)[:, None]}, "what leaves a periodic side"),
        ({"retardation": np.full((1, 1), -1.0)}, "retardation must be finite and not negative"),
    ],
)
def test_flows_that_cannot_be_are_refused(changes, words):
    shape = (3, 3, 3)
    labels = np.zeros(shape, dtype=np.uint8)
    labels[0, 0, 1] = 255 if "velocity_x" in changes else 0
    sides = [CLOSED, CLOSED, PERIODIC, PERIODIC, CLOSED, CLOSED]
    volume = Volume(STILL, [0.0], box(3, 3, 3), {"c": sides})
    with pytest.raises(ValueError, match=words):
        volume.run([1.0], regions=labels, **(uniform_flow(shape, (0, 0, 0)) | changes))
