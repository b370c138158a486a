"""The line solver against closed forms: steady profiles, transients, mass, walls, inputs.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from engine import Law, Symbol, exp, solve
from engine import observe as observe_at
from lines import CLOSED, STILL, Line, bench_n87, constant_input, even_faces
from scipy import special

pytestmark = pytest.mark.verification

FIXED = ("fixed", 0)
TIGHT = {"rtol": 1e-8, "atol": [1e-10]}


def still(geometry, faces, k=0.0, **rest):
    """One species that only diffuses and decays; the wall is held at one on the named side."""
    return Line(STILL, [k], faces, {"c": (FIXED, CLOSED)}, geometry=geometry, **rest)


def last(run, state=0, line=0):
    """Cells of a state at the last record."""
    return run.values[line, -1, state]


def test_steady_cylinder_between_a_membrane_and_a_fixed_wall_is_logarithmic():
    line = Line(
        STILL,
        [0.0],
        even_faces(8.0, 75.0, 256),
        {"c": (("membrane", 0), ("fixed", -1))},
        diffusivity=10.0,
        fraction=0.24,
        permeability=[[3e-2, 0.0]],
        geometry="cylindrical",
        options=constant_input(100.0),
    )
    run = line.run([1e6], rtol=1e-6, atol=[1e-8])
    resistance = 1.0 / (8.0 * 3e-2) + math.log(75.0 / 8.0) / (10.0 * 0.24)
    expected = 0.24 * 100.0 * np.log(75.0 / line.centers) / (10.0 * 0.24) / resistance
    assert np.max(np.abs(last(run) - expected)) < 1e-4 * expected[0]
    inflow = run.entered[0, -1, 0]  # what enters inside leaves outside
    assert inflow[0] > 0.0 > inflow[1]


@pytest.mark.parametrize(
    ("length", "expected"),
    [(50.0, (0.6658, 0.5050, 0.3541, 0.3016)), (20.0, (0.4382, 0.2212, 0.0687, 0.0307))],
)
def test_steady_uptake_in_the_krogh_annulus(length, expected):
    d = 10.0
    line = still(
        "cylindrical",
        even_faces(8.0, 75.0, 400),
        d / length**2,
        diffusivity=d,
        options=constant_input(1.0),
    )
    run = line.run([100.0 * length**2 / d], rtol=1e-7, atol=[1e-9])
    m = 1.0 / length

    def profile(r):
        return special.i0(m * r) * special.k1(m * 75.0) + special.k0(m * r) * special.i1(m * 75.0)

    exact = profile(line.centers) / profile(8.0)
    assert np.max(np.abs(last(run) - exact)) < 1e-4
    found = np.interp([18.0, 28.0, 48.0], line.centers, last(run))
    assert found == pytest.approx(expected[:3], abs=2e-4)
    assert last(run)[-1] == pytest.approx(expected[3], abs=2e-4)


@pytest.mark.parametrize(
    ("phi", "center", "effectiveness"),
    [(1.0, 0.8509, 0.9391), (2.0, 0.5514, 0.8060), (5.0, 0.06738, 0.4801), (10.0, 9.08e-4, 0.2700)],
)
def test_steady_uptake_in_a_sphere_follows_thiele(phi, center, effectiveness):
    radius, d = 200.0, 14.0
    k = phi**2 * d / radius**2
    line = still(
        "spherical", even_faces(0.0, radius, 400), k, diffusivity=d, options=constant_input(1.0)
    ).but(mobile={"c": (CLOSED, FIXED)})
    run = line.run([50.0 * radius**2 / d], rtol=1e-7, atol=[1e-9])
    c = last(run)
    x = line.centers / radius
    exact = np.sinh(phi * x) / (x * math.sinh(phi))
    assert np.max(np.abs(c - exact)) < 1e-4
    assert c[0] == pytest.approx(center, abs=1e-4)
    volumes = line.volumes
    assert volumes @ c / volumes.sum() == pytest.approx(effectiveness, abs=1e-4)


def test_uptake_of_a_sphere_in_time_follows_crank():
    radius, d = 1.0, 1.0
    line = still("spherical", even_faces(0.0, radius, 400), options=constant_input(1.0)).but(
        mobile={"c": (CLOSED, FIXED)}
    )
    times = np.array([0.01, 0.05, 0.1, 0.2]) * radius**2 / d
    run = line.run(times, rtol=1e-7, atol=[1e-9])
    n = np.arange(1, 200)[:, None]
    uptake = 1.0 - 6.0 / math.pi**2 * np.sum(np.exp(-((n * math.pi) ** 2) * times) / n**2, axis=0)
    whole = 4.0 / 3.0 * math.pi * radius**3
    assert run.contents[0, :, 0] / whole == pytest.approx(uptake, abs=1e-4)
    assert run.contents[0, :, 0] / whole == pytest.approx(
        (0.3085, 0.6069, 0.7705, 0.9155), abs=1e-4
    )
    # Crank, The Mathematics of Diffusion, 1975, eq. 6.20: the center.
    center = 1.0 + 2.0 * np.sum((-1.0) ** n * np.exp(-((n * math.pi) ** 2) * times), axis=0)
    assert run.values[0, :, 0, 0] == pytest.approx(center, abs=1e-4)


def test_diffusion_with_loss_into_a_half_space_follows_danckwerts():
    d, k = 100.0, 0.04
    line = still("cartesian", even_faces(0.0, 800.0, 1600), k, diffusivity=d).but(
        options=constant_input(1.0)
    )
    times = np.array([5.0, 25.0, 100.0])
    run = line.run(times, rtol=1e-7, atol=[1e-9])
    x = line.centers
    table = {25.0: (0.3927, 0.5825, 0.6063), 50.0: (0.0996, 0.3257, 0.3674)}
    for i, t in enumerate(times):
        root, decay = math.sqrt(k * t), math.sqrt(k / d)
        spread = x / (2.0 * math.sqrt(d * t))
        exact = 0.5 * (
            np.exp(-x * decay) * special.erfc(spread - root)
            + np.exp(x * decay) * special.erfc(spread + root)
        )
        assert np.max(np.abs(run.values[0, i, 0] - exact)) < 1e-4
        for place, values in table.items():
            assert np.interp(place, x, run.values[0, i, 0]) == pytest.approx(values[i], abs=2e-4)


@pytest.mark.parametrize("geometry", ["cartesian", "cylindrical", "spherical"])
def test_a_jump_of_the_accessible_fraction_at_rest_stays_at_rest(geometry):
    eps = np.where(np.arange(40) < 17, 0.24, 0.61)
    line = still(geometry, even_faces(3.0, 75.0, 40), fraction=eps, diffusivity=12.0).but(
        mobile={"c": (CLOSED, CLOSED)}, options={"initial": (5.0 * eps)[None, None].copy()}
    )
    run = line.run([1e6], rtol=1e-3)
    assert np.max(np.abs(last(run) / eps - 5.0)) < 5e-12


@pytest.mark.parametrize("geometry", ["cartesian", "cylindrical", "spherical"])
def test_a_closed_system_keeps_its_mass(geometry):
    def law(t, y, p):
        bind = p.kon * y.c * y.r - p.koff * y.b
        return [-bind, -bind + p.ke * y.b, bind - p.ke * y.b, p.ke * y.b]

    rng = np.random.default_rng(5)
    initial = np.zeros((1, 4, 48))
    initial[0, 0] = 300.0 * np.exp(-np.linspace(0.0, 9.0, 48))
    initial[0, 1] = 833.0 * rng.uniform(0.5, 1.5, 48)
    line = Line(
        Law(("c", "r", "b", "e"), ("kon", "koff", "ke"), law),
        [3e-3, 3.5e-4, 3.3e-5],
        even_faces(8.0, 75.0, 48),
        {"c": (CLOSED, CLOSED)},
        diffusivity=np.where(np.arange(48) < 20, 10.0, 2.0),
        fraction=np.where(np.arange(48) < 31, 0.24, 0.5),
        geometry=geometry,
        options={"initial": initial},
    )
    run = line.run([1.0, 3600.0, 21 * 86400.0])
    drug = run.contents[0][:, [0, 2, 3]].sum(axis=1)
    start = line.volumes @ initial[0, 0]
    assert np.max(np.abs(drug / start - 1.0)) < 1e-12
    receptor = run.values[0, -1, 1] + run.values[0, -1, 2]
    assert np.max(np.abs(receptor / initial[0, 1] - 1.0)) < 1e-12


def test_a_well_mixed_line_is_a_point():
    kon, koff, ke, r0, eps, k = 1e-3, 1e-4, 3e-5, 100.0, 0.24, 2e-5
    rc, rk, p = 8.0, 75.0, 3e-3
    conductance = 2.0 * p * rc / (rk**2 - rc**2)

    def law(t, y, q, feed=None):
        bind = kon * y.c * y.r - koff * y.b
        into = conductance * (200.0 * exp(-k * t) - y.c / eps) if feed else 0.0
        return [into - bind + q.zero, -bind + ke * y.b, bind - ke * y.b, ke * y.b]

    names = ("c", "r", "b", "e")
    start = {"r": lambda q: r0 + q.zero}
    times = np.linspace(3600.0, 86400.0, 6)
    point = Law(names, ("zero",), lambda t, y, q: law(t, y, q, True), initial=start)
    expected = solve(point.program(), [0.0], observe_at([0.0, *times]), rtol=1e-9, method="rodas5p")
    line = Line(
        Law(names, ("zero",), law, initial=start),
        [0.0],
        even_faces(rc, rk, 8),
        {"c": (("membrane", 0), CLOSED)},
        diffusivity=1e9,
        fraction=eps,
        permeability=[[p, 0.0]],
        geometry="cylindrical",
        options=constant_input(200.0) | {"rates": np.full((1, 1, 1), k)},
    )
    run = line.run(times, rtol=1e-7, atol=[1e-9] * 4)
    for cell in (0, 7):
        found = run.values[0, :, :, cell]
        scale = np.max(expected.values, axis=0)
        assert np.max(np.abs(found - expected.values[1:]) / scale) < 1e-5


@pytest.mark.parametrize(
    ("ratio", "r50", "occupancy", "volumes", "mean", "wall", "cells"),
    [
        (0, 14.06, 0.0509, (0.138, 0.024), 155.4, 2.8e6, (0.409, 0.220)),
        (3, 32.3, 0.2027, (0.413, 0.176), 619.6, 9.0e5, (0.640, 0.378)),
        (8, 49.9, 0.4548, (0.819, 0.436), 1389.9, 4.2e5, (1.0, 0.599)),
    ],
)
def test_antibody_conjugate_with_naked_antibody(ratio, r50, occupancy, volumes, mean, wall, cells):
    """The benchmark of T-DM1 and trastuzumab in NCI-N87 at 24 h (values of an own 320-cell run)."""
    line = bench_n87(320, ratio)
    run = line.run([86400.0])
    f1, f2, s, b1, b2, e1, l1, e2 = run.values[0, 0]
    weight = line.volumes / line.volumes.sum()
    edges = np.concatenate([[0.0], np.cumsum(weight)])
    occupied = (b1 + b2) / (b1 + b2 + s)
    conjugate = (f1 + b1 + e1 + l1) * 1200.5

    def share_above(profile, level):
        """Volume fraction above a level of a profile that falls outward, between cells linear."""
        middle = 0.5 * (edges[1:] + edges[:-1])
        return 1.0 if profile.min() > level else np.interp(-level, -profile, middle)

    assert np.interp(-0.5, -occupied, line.centers) == pytest.approx(r50, abs=0.5)
    assert weight @ occupied == pytest.approx(occupancy, rel=0.01)
    found = [share_above(occupied, level) for level in (0.1, 0.5)]
    assert found == pytest.approx(volumes, abs=0.002)
    assert weight @ (f1 + f2 + b1 + b2 + e1 + l1 + e2) == pytest.approx(mean, rel=0.01)
    assert weight @ conjugate == pytest.approx(1.86e5, rel=0.01)
    assert conjugate[0] == pytest.approx(wall, rel=0.01)
    found = [share_above(conjugate, level) for level in (1e4, 1e5)]
    assert found == pytest.approx(cells, abs=0.002)
    for row, states in ((0, (0, 3, 5, 6)), (1, (1, 4, 7))):
        entered = run.entered[0, -1, row, 0]
        held = run.contents[0, -1, list(states)].sum()
        assert abs(held - entered) <= 1e-12 * max(entered, 1e-300)
    assert np.max(np.abs(s + b1 + b2 - 833.0)) < 1e-10


def test_few_cells_come_near_many():
    """64 cells against 640: profile of the conjugate and what lies within 10 um of the wall."""
    few, many_cells = bench_n87(64, 3), bench_n87(640, 3)
    coarse = few.run([86400.0]).values[0, 0][[0, 3, 5, 6]].sum(axis=0)
    fine = many_cells.run([86400.0], rtol=1e-5).values[0, 0][[0, 3, 5, 6]].sum(axis=0)
    weights = many_cells.volumes.reshape(64, 10)
    averaged = (weights * fine.reshape(64, 10)).sum(axis=1) / weights.sum(axis=1)
    volumes = few.volumes
    difference = volumes @ (coarse - averaged) ** 2 / (volumes @ averaged**2)
    assert np.sqrt(difference) < 1e-3
    near = few.centers < 18.0
    assert (volumes @ (coarse * near)) / (volumes @ (averaged * near)) == pytest.approx(
        1.0, abs=0.01
    )


def one_cell(**options):
    """A slab of one cell behind a membrane: dC/dt = a (input - C/eps), and a."""
    width, d, eps, p = 20.0, 4.0, 0.3, 0.02
    rate = 1.0 / (width * (1.0 / p + 0.5 * width / (d * eps)))
    line = Line(
        STILL,
        [0.0],
        [0.0, width],
        {"c": (("membrane", 0), CLOSED)},
        diffusivity=d,
        fraction=eps,
        permeability=[[p, 0.0]],
        options=options,
    )
    return line, rate, rate / eps


def test_a_table_runs_straight_between_its_points():
    table = {
        "table_times": np.array([-5.0, 10.0, 20.0, 90.0, 200.0]),
        "table_values": np.array([[[0.0, 3.0, 3.0, 1.6, 1.6]]]),
    }
    line, rate, back = one_cell(**table)
    times = np.array([10.0, 20.0, 55.0, 90.0, 200.0])
    run = line.run(times, **TIGHT)
    c, expected, t0 = 0.0, [], 0.0
    for t1 in times:
        u0, u1 = np.interp([t0, t1], table["table_times"], table["table_values"][0, 0])
        slope, h = (u1 - u0) / (t1 - t0), t1 - t0
        decay = math.exp(-back * h)
        c = c * decay + rate / back * (u0 * (1.0 - decay) + slope * (h - (1.0 - decay) / back))
        expected.append(c)
        t0 = t1
    assert run.values[0, :, 0, 0] == pytest.approx(expected, rel=1e-6)


def test_kinks_of_the_kinetics_in_time_are_stops():
    """A rate given by a linear table of time is integrated exactly piece by piece."""
    x, y = [0.0, 10.0, 13.0, 40.0], [0.0, 2.0, 0.5, 0.5]

    def law(t, state, p):
        table = t.graph.table(x, y, "linear", t.node)
        return [Symbol(t.graph, table) + p.zero]

    line = Line(Law(("c",), ("zero",), law), [0.0], [0.0, 1.0, 2.0], {"c": (CLOSED, CLOSED)})
    run = line.run([10.0, 12.0, 40.0], rtol=0.3)
    assert run.values[0, :, 0, 0] == pytest.approx([10.0, 13.0, 27.25], rel=1e-12)


def test_pulses_add_up_and_an_infusion_is_two_of_them():
    lam, start, stop, rate_in = 0.05, 7.0, 31.0, 2.0
    pulses = {
        "rates": np.array([[[lam, 0.0]]]),
        "pulse_times": np.array([[-3.0, start, stop, 40.0]]),
        "pulse_amplitudes": np.array(
            [
                [
                    [[4.0, 0.0]],
                    [[-rate_in / lam, rate_in / lam]],
                    [[rate_in / lam, -rate_in / lam]],
                    [[5.0, 0.0]],
                ]
            ]
        ),
    }
    line, rate, back = one_cell(**pulses)
    times = np.array([5.0, 20.0, 31.0, 40.0, 70.0])
    run = line.run(times, **TIGHT)

    def part(t, onset, amplitude, r):
        """Answer at t to one exponential that begins at `onset`, from rest at t = 0."""
        if t <= onset:
            return 0.0
        first = max(onset, 0.0)
        scale = amplitude * math.exp(-r * (first - onset)) * rate / (back - r)
        return scale * (math.exp(-r * (t - first)) - math.exp(-back * (t - first)))

    expected = [
        sum(
            part(t, onset, a, r)
            for onset, row in zip(
                pulses["pulse_times"][0], pulses["pulse_amplitudes"][0, :, 0], strict=True
            )
            for a, r in zip(row, (lam, 0.0), strict=True)
        )
        for t in times
    ]
    assert run.values[0, :, 0, 0] == pytest.approx(expected, rel=2e-6)
