"""A plasma that the voxels take from: ledger, the well-mixed limit, the line, doses, order, bits.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from engine import Law
from lines import CLOSED as CLOSED_WALL
from lines import STILL, Line, with_plasma
from scipy.integrate import solve_ivp
from volumes import (
    CLOSED,
    HOUR,
    N87,
    PERIODIC,
    Volume,
    antibody_law,
    box,
    require_same_bits,
    vessel_lines,
)

pytestmark = pytest.mark.verification

PLASMA = Law(
    ("Cp", "Cq", "lost"),
    ("k12", "k21", "k"),
    lambda t, y, p: [
        -(p.k12 + p.k) * y.Cp + p.k21 * y.Cq,
        p.k12 * y.Cp - p.k21 * y.Cq,
        p.k * y.Cp,
    ],
)
RATES = [4.8e-5, 2.5e-5, 7e-7]


def blood(exchange, outside, uptake, doses=(), law=PLASMA, parameters=RATES, **rest):
    """Options of a plasma; ``exchange`` lists (exchange, state), ``doses`` (time, state, amount,
    kind)."""
    columns = list(zip(*doses, strict=True)) if doses else [[], [], [], []]
    return {
        "plasma": law.program(),
        "plasma_parameters": np.array(parameters, dtype=float),
        "plasma_exchange": exchange,
        "outside_factor": np.array(outside, dtype=float),
        "uptake_factor": np.array(uptake, dtype=float),
        "dose_times": np.array(columns[0], dtype=float),
        "dose_states": np.array(columns[1], dtype=np.int32),
        "dose_amounts": np.array(columns[2], dtype=float),
        "dose_kinds": np.array(columns[3], dtype=np.int8),
    } | rest


def tumour(cells, uptake, **options):
    """Voxels with vessels whose antibody comes from a plasma of the given uptake factor."""
    rate = vessel_lines((cells,) * 3, 0.03)
    doses = [(0.0, 0, 480.0, 0), (3.0 * HOUR, 0, 0.02, 1), (5.0 * HOUR, 0, -0.02, 1)]
    return Volume(
        antibody_law(),
        list(N87.values()),
        box(cells, cells, cells),
        {"F": None},
        diffusivity=10.0,
        fraction=0.24,
        exchange=(("F", -1, rate),),
        options=blood([(0, 0)], [1.0], [uptake], doses) | options,
    )


@pytest.mark.parametrize("linear_rtol", [1e-1, 1e-2])
def test_tissue_and_plasma_together_keep_every_dose(linear_rtol):
    volume = tumour(10, 2e-7, linear_rtol=linear_rtol)
    regions = np.zeros((10, 10, 10), dtype=np.uint8)
    regions[4, :, :] = 255  # two pieces that only the plasma connects
    run = volume.run([2.0 * HOUR, 4.0 * HOUR, 24.0 * HOUR], regions=regions)
    assert run.stats["connected_regions"] == 2
    given = 480.0 + np.array([0.0, 0.02 * HOUR, 0.04 * HOUR])
    in_tissue = 2e-7 * (run.contents[:, 0] + run.contents[:, 2] + run.contents[:, 3])
    assert np.abs(in_tissue + run.plasma.sum(axis=1) - given).max() < 1e-10 * 480.0
    booked = run.contents[:, 0] + run.contents[:, 2] + run.contents[:, 3]
    assert run.exchanged[:, 0] == pytest.approx(booked, rel=1e-10)
    assert 0.05 * given[-1] < in_tissue[-1] < 0.95 * given[-1]  # the plasma feels the tumour


def test_the_coupled_run_equals_a_tight_one_within_its_tolerance():
    volume = tumour(8, 4e-7)
    times = [HOUR, 8.0 * HOUR, 24.0 * HOUR]
    tight = volume.run(times, rtol=1e-6, atol=[1e-6] * 4, linear_rtol=1e-4)
    run = volume.run(times)
    assert np.abs(run.plasma - tight.plasma).max() < 1e-3 * 480.0
    for state in (0, 2, 3):
        scale = np.abs(tight.values[:, state]).max()
        assert np.abs(run.values[:, state] - tight.values[:, state]).max() < 2e-3 * scale
    assert run.stats["accepted"] < 120
    assert run.stats["most_iterations"] <= 6


def test_one_way_is_the_limit_of_no_uptake_and_of_given_exponentials():
    volume = tumour(8, 0.0)
    times = [HOUR, 24.0 * HOUR]
    one_way = volume.run(times, rtol=1e-5, atol=[1e-6] * 4)
    nearly = tumour(8, 1e-18).run(times, rtol=1e-5, atol=[1e-6] * 4)
    assert np.abs(one_way.values - nearly.values).max() < 1e-4 * np.abs(nearly.values).max()
    alone = blood([(0, 0)], [1.0], [0.0], [(0.0, 0, 480.0, 0)])
    given = volume.but(options=alone).run(times, rtol=1e-6, atol=[1e-7] * 4)
    matrix = np.array([[-(RATES[0] + RATES[2]), RATES[1]], [RATES[0], -RATES[1]]])
    values, vectors = np.linalg.eig(matrix)
    weights = vectors[0] * np.linalg.solve(vectors, [480.0, 0.0])
    inputs = {
        "rates": -values[None].copy(),
        "pulse_times": np.zeros(1),
        "pulse_amplitudes": weights[None, None].copy(),
    }
    rate = volume.exchange[0][2]
    expected = volume.but(exchange=(("F", 0, rate),), options=inputs).run(
        times, rtol=1e-6, atol=[1e-7] * 4
    )
    scale = np.abs(expected.values).max(axis=(0, 2, 3, 4))[:, None, None, None]
    assert np.max(np.abs(given.values - expected.values) / scale) < 3e-5


def test_voxels_that_are_all_alike_are_one_well_mixed_compartment():
    rate, factor, k, eps = 2e-4, 3e-7, 1e-5, 0.3
    shape = (3, 4, 5)
    volume = Volume(
        STILL,
        [k],
        box(*reversed(shape)),
        {"c": [PERIODIC] * 6},
        fraction=eps,
        exchange=(("c", -1, np.full(shape, rate)),),
        options=blood([(0, 0)], [0.7], [factor], [(0.0, 0, 100.0, 0)]),
    )
    total = volume.volumes.sum()

    def law(t, y):
        flow = rate * (0.7 * y[0] - y[3] / eps)
        return [
            *PLASMA.derivative(t, y[:3], RATES) - [factor * total * flow, 0, 0],
            flow - k * y[3],
        ]

    times = [HOUR, 10.0 * HOUR, 100.0 * HOUR]
    exact = solve_ivp(
        law,
        (0.0, times[-1]),
        [100.0, 0, 0, 0],
        method="Radau",
        t_eval=times,
        rtol=1e-10,
        atol=1e-10,
    ).y
    run = volume.run(times, rtol=1e-7, atol=[1e-9])
    assert pytest.approx(exact[:3], rel=1e-5) == run.plasma.T
    assert run.values[:, 0, 1, 1, 1] == pytest.approx(exact[3], rel=1e-5)


def test_two_drugs_of_two_plasma_states_with_two_kinds_of_vessels():
    law = Law(("a", "b"), ("k",), lambda t, y, p: [-p.k * y.a * y.b, -p.k * y.a * y.b])
    plasma = Law(("A", "B"), ("k",), lambda t, y, p: [-p.k * y.A, -2.0 * p.k * y.B])
    rate = vessel_lines((6, 6, 6), 0.1)
    other = vessel_lines((6, 6, 6), 0.1, seed=1)
    volume = Volume(
        law,
        [1e-7],
        box(6, 6, 6),
        {"b": None, "a": None},
        diffusivity=[20.0, 5.0],
        fraction=[0.3, 0.2],
        exchange=(("a", -1, rate), ("b", -1, rate), ("a", -1, other)),
        options=blood(
            [(0, 0), (1, 1), (2, 0)],
            [1.0, 0.5, 0.8],
            [4e-6, 3e-6, 4e-6],
            [(0.0, 0, 50.0, 0), (HOUR, 1, 80.0, 0)],
            law=plasma,
            parameters=[0.0],
        ),
    )
    run = volume.run([2.0 * HOUR, 30.0 * HOUR])
    # a and b vanish together, so that their difference is kept.
    a = run.plasma[:, 0] / 4e-6 + run.contents[:, 0]
    b = run.plasma[:, 1] / 3e-6 + run.contents[:, 1]
    assert a - b == pytest.approx(50.0 / 4e-6 - 80.0 / 3e-6, rel=1e-9)
    assert np.all(np.abs(run.exchanged[-1]) > 1.0)


def test_a_slab_of_voxels_equals_the_line_with_its_plasma():
    along = np.linspace(0.0, 100.0, 21)
    law, values = antibody_law(), list(N87.values())
    permeability, area, uptake = 3e-3, 20.0 * 30.0, 4e-6
    doses = [(0.0, "Cp", 480.0, 0), (2.0 * HOUR, "Cp", 100.0, 0)]
    line = Line(
        law,
        values,
        along,
        {"F": (("membrane", -1), CLOSED_WALL)},
        diffusivity=10.0,
        fraction=0.24,
        permeability=[[permeability, 0.0]],
    )
    line = with_plasma(line, PLASMA, RATES, [("F", 0, "Cp", 1.0, uptake * area)], doses)
    times = [HOUR, 24.0 * HOUR]
    expected = line.run(times, rtol=1e-7, atol=[1e-7] * 4)
    # The wall's half cell and membrane, as an exchange of the first layer of voxels.
    width = along[1]
    rate = np.zeros((1, 2, 20))
    rate[:, :, 0] = 1.0 / (1.0 / permeability + width / 2.0 / (10.0 * 0.24)) / width
    volume = Volume(
        law,
        values,
        (along, np.array([0.0, 8.0, 20.0]), np.array([0.0, 30.0])),
        {"F": [CLOSED] * 6},
        diffusivity=10.0,
        fraction=0.24,
        exchange=(("F", -1, rate),),
        options=blood([(0, 0)], [1.0], [uptake], [(t, 0, x, k) for t, _, x, k in doses]),
    )
    run = volume.run(times, rtol=1e-7, atol=[1e-7] * 4, linear_rtol=1e-4)
    assert run.plasma == pytest.approx(expected.plasma[0], rel=1e-5, abs=1e-4)
    scale = np.abs(expected.values[0]).max(axis=(0, 2))[:, None]
    for j in range(2):
        assert np.max(np.abs(run.values[:, :, 0, j] - expected.values[0]) / scale) < 2e-5


def test_bits_do_not_depend_on_threads():
    volume = tumour(18, 4e-7)
    runs = [volume.run([600.0], num_threads=t) for t in (1, 2, 3)]
    require_same_bits(runs, "plasma", "values")
    assert all(run.stats == runs[0].stats for run in runs)


def test_a_plasma_that_explodes_is_named():
    law = Law(("x", "Cp"), ("k",), lambda t, y, p: [p.k * y.x * y.x, -1e-5 * y.Cp])
    volume = tumour(4, 1e-7)
    options = blood(
        [(0, 1)], [1.0], [1e-7], law=law, parameters=[1e-2], plasma_initial=np.array([1.0, 5.0])
    )
    run = volume.but(options=options).run([HOUR], check=False)
    assert run.status != 0
    assert run.failures[0][3:] == (0, -1, True)
    # x = 1/(1 - t/100 s) explodes at 100 s, met as well as the tolerance of 1e-3 per step allows.
    assert run.failures[0][2] == pytest.approx(100.0, rel=5e-3)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"plasma_exchange": [(1, 0)]}, "plasma_exchange"),
        ({"plasma_exchange": [(0, 3)]}, "plasma_exchange"),
        ({"outside_factor": np.array([-1.0])}, "outside_factor"),
        ({"uptake_factor": np.ones(2)}, "uptake_factor"),
        ({"plasma_parameters": np.ones(2)}, "plasma_parameters"),
        ({"plasma_initial": np.ones(2)}, "plasma_initial"),
        ({"plasma_atol": [0.0] * 3}, "plasma_atol"),
        ({"plasma_signed_states": [3]}, "plasma_signed_states"),
        ({"dose_times": np.array([-1.0, 0.0, 1.0])}, "dose 0"),
        ({"dose_times": np.array([1.0, 0.0, 2.0])}, "dose 1"),
        ({"dose_times": np.zeros(2)}, "dose_times"),
        ({"dose_states": np.array([0, 3, 0], dtype=np.int32)}, "dose 1"),
        ({"dose_kinds": np.array([0, 1, 2], dtype=np.int8)}, "dose 2"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(change, name):
    volume = tumour(3, 1e-7)
    with pytest.raises(ValueError, match=name):
        volume.run([1.0], **change)
