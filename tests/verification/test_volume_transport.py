"""Transport in voxels: orders by manufactured solutions, membranes, partition, exchange both ways.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from engine import Law
from lines import STILL
from manufactured import BOX, CASES, manufactured, orders_of
from volumes import (
    CLOSED,
    HOUR,
    N87,
    Volume,
    antibody_law,
    box,
    fixed,
    inputs_of,
    plasma_of,
    require_same_bits,
)

pytestmark = pytest.mark.verification

TIGHT = {"rtol": 1e-7, "atol": [1e-9], "linear_rtol": 1e-5}


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("case", list(CASES))
def test_order_of_diffusion(case, dimensions):
    sizes = (8, 16, 32) if dimensions < 3 else (6, 12, 24)
    errors = [manufactured(CASES[case], dimensions, n)["largest"] for n in sizes]
    assert orders_of(errors, sizes)[-1] > 1.9, errors


def slab(cells=20, width=5.0, **options):
    """A slab of two regions, fed on the left and emptied on the right."""
    labels = np.zeros((1, 1, cells), dtype=np.uint8)
    labels[..., cells * 2 // 5 :] = 1
    sides = [fixed(0), fixed(-1)] + [CLOSED] * 4
    volume = Volume(STILL, [0.0], box(cells, width=width), {"c": sides})
    return volume.but(options=inputs_of(1.0) | {"regions": labels, "num_regions": 2} | options)


@pytest.mark.parametrize("membrane", [2e-3, 0.5, None])
@pytest.mark.parametrize("partition", [(1.0, 1.0), (1.0, 3.0), (0.2, 1.5)])
def test_a_steady_profile_through_a_membrane_is_exact(membrane, partition):
    d, eps, k = np.array([8.0, 20.0]), np.array([0.2, 0.5]), np.array(partition)
    volume = slab(partition=k[None].copy(), membranes=[] if membrane is None else [(0, 1, 0, 0.5)])
    if membrane is not None:
        volume.options["membranes"] = [(0, 1, 0, membrane)]
    labels = volume.options["regions"]
    run = volume.but(diffusivity=d[labels], fraction=eps[labels]).run([3e6], **TIGHT)
    lengths = np.array([40.0, 60.0])
    resistance = lengths / (d * eps * k)
    through = 1.0 / (resistance.sum() + (0.0 if membrane is None else 1.0 / membrane))
    x = volume.centers[0]
    left = 1.0 - through * x / (d * eps * k)[0]
    right = through * (100.0 - x) / (d * eps * k)[1]
    exact = np.where(labels == 0, left, right) * (eps * k)[labels]
    assert run.values[-1, 0] == pytest.approx(exact, rel=1e-6)
    # Early on less leaves than enters; at the end the rates are those of the steady state.
    later = volume.but(diffusivity=d[labels], fraction=eps[labels]).run([3e6, 4e6], **TIGHT)
    area = 25.0
    assert np.diff(later.entered[:, 0, 0])[0] == pytest.approx(through * area * 1e6, rel=1e-5)
    assert np.diff(later.entered[:, 0, 1])[0] == pytest.approx(-through * area * 1e6, rel=1e-5)


def test_a_closed_membrane_keeps_regions_apart():
    volume = slab(membranes=[(0, 0, 1, 0.0)]).but(diffusivity=30.0)
    run = volume.run([1e5], **TIGHT)
    labels = volume.options["regions"]
    assert run.stats["connected_regions"] == 2
    assert run.values[-1, 0][labels == 0] == pytest.approx(1.0, rel=1e-6)
    assert np.all(run.values[-1, 0][labels == 1] == 0.0)


def test_equilibrium_across_regions_stays_where_it_is():
    draw = np.random.default_rng(4)
    labels = draw.integers(0, 3, (7, 8, 9)).astype(np.uint8)
    k = np.array([[1.0, 4.0, 0.3]])
    eps = draw.uniform(0.1, 0.6, labels.shape)
    start = 3.0 * eps * k[0][labels]
    volume = Volume(STILL, [0.0], box(9, 8, 7), {"c": None}, diffusivity=30.0, fraction=eps)
    run = volume.run(
        [1e6],
        regions=labels,
        num_regions=3,
        partition=k,
        membranes=[(0, 0, 1, 1e-3), (0, 1, 2, 0.1)],
        initial=start[None].copy(),
    )
    assert np.abs(run.values[-1, 0] / start - 1.0).max() < 1e-13


def test_a_graded_membrane_problem_keeps_mass_and_reaches_equilibrium():
    draw = np.random.default_rng(6)
    faces = tuple(np.cumsum(1.0 + 9.0 * draw.random(n + 1)) for n in (9, 8, 7))
    labels = draw.integers(0, 2, (7, 8, 9)).astype(np.uint8)
    volume = Volume(
        STILL,
        [0.0],
        faces,
        {"c": None},
        diffusivity=10.0 ** draw.uniform(0.0, 1.0, labels.shape),
        fraction=draw.uniform(0.1, 0.5, labels.shape),
        options={
            "regions": labels,
            "num_regions": 2,
            "partition": np.array([[1.0, 2.5]]),
            "membranes": [(0, 0, 1, 1e-2)],
            "initial": draw.random((1, *labels.shape)),
        },
    )
    run = volume.run([0.0, 1e3, 1e7])
    assert np.abs(run.contents / run.contents[0] - 1.0).max() < 1e-12
    free = run.values[-1, 0] / (volume.fraction * np.where(labels == 0, 1.0, 2.5))
    assert np.ptp(free) < 1e-3 * free.mean()


def test_what_enters_and_what_leaves_may_have_two_rates():
    rate_in, rate_out, eps, outside = 2e-4, 5e-4, 0.3, 50.0
    volume = Volume(STILL, [0.0], box(4, 3, 2), {"c": None}, diffusivity=5.0, fraction=eps)
    volume = volume.but(exchange=(("c", 0, rate_in, rate_out),), options=inputs_of(outside))
    times = [600.0, HOUR, 12.0 * HOUR]
    run = volume.run(times, **TIGHT)
    k = rate_out / eps
    exact = rate_in * outside / k * (1.0 - np.exp(-k * np.array(times)))
    assert run.values[:, 0] == pytest.approx(exact[:, None, None, None] * np.ones((2, 3, 4)), 1e-5)
    assert run.exchanged[:, 0] == pytest.approx(run.contents[:, 0], rel=1e-10)


def test_a_drain_alone_takes_what_it_takes():
    """As lymph does: nothing enters by it, and its own ledger says how much has left."""
    draw = np.random.default_rng(2)
    drain = 1e-4 * draw.random((5, 6, 7))
    start = 10.0 * draw.random((1, 5, 6, 7))
    volume = Volume(STILL, [0.0], box(7, 6, 5), {"c": None}, diffusivity=3.0, fraction=0.4)
    volume = volume.but(exchange=(("c", 0, 1e-4, 2e-4), ("c", -1, 0.0, drain)))
    run = volume.run([0.0, HOUR, 24.0 * HOUR], initial=start, **inputs_of(7.0))
    total = run.contents[:, 0]
    assert np.all(np.diff(run.exchanged[:, 1]) < 0.0)
    gain = np.abs(run.exchanged).sum(axis=1) + total[0]
    assert np.all(np.abs(total - total[0] - run.exchanged.sum(axis=1)) < 1e-10 * gain)


def test_a_plasma_with_two_rates_keeps_the_sum():
    """Amounts only go between plasma and tissue, by an exchange and a drain that returns."""
    blood = Law(("A",), ("k",), lambda t, y, p: [-p.k * y.A])
    draw = np.random.default_rng(9)
    shape = (6, 7, 8)
    regions = np.where(draw.random(shape) < 0.3, 255, 0).astype(np.uint8)
    volume = Volume(
        antibody_law(),
        list((N87 | {"ke": 0.0}).values()),
        box(8, 7, 6),
        {"F": None},
        diffusivity=10.0,
        fraction=0.24,
        exchange=(
            ("F", -1, 1e-3 * draw.random(shape), 3e-3 * draw.random(shape)),
            ("F", -1, 0.0, 1e-3 * draw.random(shape)),
        ),
        options={"regions": regions},
    )
    each = volume.volumes[0, 0, 0]
    per = 1.0 / (each * (regions == 0).sum() * 20.0)
    run = volume.run(
        [0.0, HOUR, 24.0 * HOUR],
        plasma=blood.program(),
        plasma_parameters=np.zeros(1),
        plasma_exchange=[(0, 0), (1, 0)],
        outside_factor=np.array([1.0, 1.0]),
        uptake_factor=np.array([per, per]),
        plasma_atol=[1e-3],
        dose_times=np.zeros(1),
        dose_states=np.zeros(1, dtype=np.int32),
        dose_amounts=np.array([500.0]),
        dose_kinds=np.zeros(1, dtype=np.int8),
    )
    tissue = run.contents[:, 0] + run.contents[:, 2]
    total = run.plasma[:, 0] + per * tissue
    assert np.abs(total[1:] / 500.0 - 1.0).max() < 1e-12
    assert np.abs(run.exchanged.sum(axis=1) - tissue).max() < 1e-10 * np.abs(run.exchanged).max()
    assert run.exchanged[-1, 1] < 0.0 < run.exchanged[-1, 0]
    assert run.plasma[-1, 0] < 490.0


def test_bits_of_membranes_and_rates_do_not_depend_on_threads():
    shape = (14, 19, 24)
    draw = np.random.default_rng(0)
    labels = (draw.random(shape) < 0.3).astype(np.uint8)
    volume = Volume(
        antibody_law(),
        list(N87.values()),
        box(*reversed(shape)),
        {"F": [fixed(0)] + [CLOSED] * 5},
        fraction=0.24,
        exchange=(("F", 0, 1e-3 * draw.random(shape), 1e-3 * draw.random(shape)),),
        options=plasma_of(1.0)
        | {
            "regions": labels,
            "num_regions": 2,
            "axes": 3,
            "membranes": [(0, 0, 1, 1e-2)],
            "partition": np.array([[1.0, 0.5]]),
        },
    )
    d = np.array([10.0, 5.0, 2.0])[None, :, None, None, None] * np.ones(shape)
    runs = [volume.but(diffusivity=d).run([600.0], num_threads=t) for t in (1, 2, 3, 5)]
    require_same_bits(runs, "values", "exchanged", "entered")
    assert all(run.stats == runs[0].stats for run in runs)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"membranes": [(1, 0, 1, 1.0)]}, "membrane 0 names mobile state 1"),
        ({"membranes": [(0, 0, 2, 1.0)]}, "between two of 2 regions"),
        ({"membranes": [(0, 1, 1, 1.0)]}, "between two of 2 regions"),
        ({"membranes": [(0, 0, 1, -1.0)]}, "permeability must be finite and not negative"),
        ({"membranes": [(0, 0, 1, np.nan)]}, "permeability must be finite and not negative"),
        ({"partition": np.array([[1.0, 0.0]])}, "partition must be finite and larger than 0"),
        ({"partition": np.ones((1, 3))}, "partition: found 3 values"),
        ({"exchange_out_rates": np.ones((1, 2))}, "exchange_out_rates: found 2 values"),
        ({"retardation": np.ones((1, 2))}, "retardation needs a velocity"),
    ],
)
def test_what_does_not_fit_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        slab(**options).run([1.0])


def test_the_box_of_the_manufactured_solutions_is_long_enough_to_be_seen():
    """A guard of the tests themselves: without the source the profile moves."""
    found = manufactured(CASES["closed"], 2, 12, has_source=False)
    assert found["largest"] > 0.05
    assert BOX == 100.0
