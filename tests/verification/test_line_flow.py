"""Lines with several branches, a vessel along the axis, or a flow through the tissue.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from engine import Law, exp
from line_dense import dense
from lines import CLOSED, STILL, Line, constant_input, even_faces, with_plasma
from scipy.integrate import solve_ivp

pytestmark = pytest.mark.verification

BOLUS, RATE = 0, 1
MEMBRANE = ("membrane", -1)
FACES = np.array([4.0, 5.0, 6.5, 9.0, 12.0])
DOSES = [(0.0, "a", 80.0, BOLUS), (1.5, "b", 40.0, RATE), (3.0, "b", -40.0, RATE)]
TIGHT = {"rtol": 1e-7, "atol": [1e-9] * 5, "plasma_atol": [1e-9] * 3}
TIMES = [1.0, 2.5, 8.0]


def competing(t, y, p):
    """Two drugs for one receptor."""
    one = p.kon * y.f * y.r - p.koff * y.b
    two = p.kon * y.g * y.r - p.koff * y.d
    return [-one, -two, p.ke * (y.b + y.d) - one - two, one - p.ke * y.b, two - p.ke * y.d]


COMPETING = Law(
    ("f", "g", "r", "b", "d"),
    ("kon", "koff", "ke"),
    competing,
    initial={"r": lambda p: 50.0 + 0.0 * p.ke},
)


def wandering(t, y, p):
    """Clearance that changes with time, a saturable part, a second drug."""
    lost = p.k * (1.0 + 0.5 * exp(-t * 0.3)) * y.a + p.v * y.a / (20.0 + y.a)
    return [-lost, -0.2 * y.b, lost]


WANDERING = Law(("a", "b", "gone"), ("k", "v"), wandering)
PAIRS = [("f", 0, "a", 1.1, 4e-3), ("g", 0, "b", 0.9, 3e-3)]


def several(counts=(4, 4), walls=(MEMBRANE, CLOSED), seed=0, pairs=PAIRS, doses=DOSES, **options):
    """Branches of different faces, transport and membranes."""
    rng = np.random.default_rng(seed)
    cells = sum(counts)
    faces = [3.0 + i + np.cumsum(rng.uniform(0.5, 2.0, n + 1)) for i, n in enumerate(counts)]
    line = Line(
        COMPETING,
        [0.02, 0.1, 0.05],
        np.concatenate(faces),
        {"f": walls, "g": walls},
        diffusivity=rng.uniform(1.0, 6.0, (2, cells)),
        fraction=rng.uniform(0.15, 0.4, (2, cells)),
        permeability=rng.uniform(0.3, 1.5, (len(counts), 2, 2)),
        geometry="cylindrical",
        options={"branches": list(counts)} | options,
    )
    return with_plasma(line, WANDERING, [0.1, 2.0], pairs, doses) if pairs else line


def agrees(line, times=TIMES, **options):
    """Compare with the dense solver; return the run."""
    run = line.run(times, **(TIGHT | options))
    expected = dense(line, times, WANDERING)
    assert run.values[0] == pytest.approx(expected.values, rel=3e-5, abs=3e-5)
    assert run.plasma[0] == pytest.approx(expected.plasma, rel=3e-6, abs=1e-6)
    if run.vessel is not None:
        assert run.vessel[0].reshape(len(times), -1, 2) == pytest.approx(
            expected.vessel, rel=1e-5, abs=1e-5
        )
    return run


# --- branches -----------------------------------------------------------------------------------


def test_two_equal_branches_of_half_weight_are_one():
    one = several((4,))
    two = one.but(
        faces=np.tile(one.faces, 2),
        diffusivity=np.tile(one.diffusivity, 2),
        fraction=np.tile(one.fraction, 2),
        permeability=np.tile(one.permeability, (2, 1, 1)),
        options=one.options | {"branches": [4, 4], "branch_weights": np.array([[0.5, 0.5]])},
    )
    single, double = one.run(TIMES), two.run(TIMES)
    for half in (slice(0, 4), slice(4, 8)):
        assert double.values[..., half] == pytest.approx(single.values, rel=1e-9, abs=1e-12)
    assert double.plasma == pytest.approx(single.plasma, rel=1e-10)
    assert double.contents.shape == (1, 3, 2, 5)
    assert double.entered.shape == (1, 3, 2, 2, 2)
    assert double.contents[:, :, 1] == pytest.approx(single.contents[:, :, 0], rel=1e-9, abs=1e-12)
    assert double.entered[:, :, 0] == pytest.approx(single.entered[:, :, 0], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("walls", [(MEMBRANE, CLOSED), (MEMBRANE, ("fixed", -1))])
def test_branches_that_share_a_plasma_agree_with_a_dense_solver(walls):
    pairs = [*PAIRS, ("f", 1, "a", 0.5, 4e-3)] if walls[1] != CLOSED else PAIRS
    agrees(several((3, 1, 4), walls, pairs=pairs, branch_weights=np.array([[0.2, 0.5, 0.3]])))


def test_branches_without_a_plasma_are_lines_of_their_own():
    both = several((3, 5), pairs=None)
    wall = ("membrane", 0), CLOSED
    both = both.but(mobile={"f": wall, "g": wall}, options=both.options | constant_input(20.0))
    run = both.run(TIMES, **(TIGHT | {"plasma_atol": []}))
    at = face = 0
    for i, n in enumerate((3, 5)):
        part = slice(at, at + n)
        alone = both.but(
            faces=both.faces[face : face + n + 1],
            diffusivity=both.diffusivity[:, part],
            fraction=both.fraction[:, part],
            permeability=both.permeability[i],
            options=constant_input(20.0),
        ).run(TIMES, **(TIGHT | {"plasma_atol": []}))
        assert run.values[..., part] == pytest.approx(alone.values, rel=1e-5, abs=1e-7)
        at, face = at + n, face + n + 1


# --- a vessel -----------------------------------------------------------------------------------


def vessel(flow, lengths, **rest):
    """Options of capillary segments."""
    return {"axial_flow": np.array([flow]), "axial_lengths": np.array([lengths], float)} | rest


@pytest.mark.parametrize("flow", [30.0, 3e3])
@pytest.mark.parametrize("walls", [(MEMBRANE, CLOSED), (MEMBRANE, ("fixed", -1))])
def test_capillary_segments_agree_with_a_dense_solver(walls, flow):
    line = several((2, 3, 2), walls, **vessel(flow, [10.0, 20.0, 15.0]))
    agrees(line)


def test_segments_of_which_the_plasma_knows_one_drug():
    """The other is washed out of the tissue into the blood, and with it out of the vessel."""
    line = several((2, 3), pairs=PAIRS[:1], doses=DOSES[:1], **vessel(60.0, [10.0, 20.0]))
    start = np.zeros((1, 5, 5))
    start[0, 1], start[0, 2] = 30.0, 50.0
    run = agrees(line.but(options=line.options | {"initial": start}))
    assert np.all(run.vessel[0, :, :, 1] > 0.01)
    assert np.all(run.entered[0, :, :, 1, 0] < 0.0)


@pytest.mark.parametrize("rtol", [1e-2, 1e-3, 1e-6])
def test_plasma_capillary_and_tissue_conserve_mass(rtol):
    lengths = np.array([100.0, 200.0, 300.0])
    radii = np.array([4.0, 5.0, 3.0])
    line = several(
        (20, 20, 20),
        pairs=[("f", 0, "a", 1.0, 5e-3)],
        doses=[(0.0, "a", 80.0, BOLUS)],
        **vessel(4e3, lengths, axial_radii=radii[None]),
    )
    run = line.run([1.0, 30.0, 1e3, 1e5], rtol=rtol)
    share = lengths / lengths.sum()
    tissue = (run.contents[0][..., [0, 3]].sum(axis=-1) * share).sum(axis=1)
    entered = (run.entered[0][..., 0, 0] * share).sum(axis=1)
    blood = (run.vessel[0][..., 0] * share * np.pi * radii**2).sum(axis=1)
    given = run.plasma[0][:, 0] + run.plasma[0][:, 2]
    assert np.all(np.diff(entered - tissue) > -1e-6 * entered[-1])  # what was taken up
    assert np.max(np.abs(given + 5e-3 * (entered + blood) - 80.0)) < 1e-12 * 80.0


@pytest.mark.parametrize("rtol", [1e-2, 1e-6])
def test_a_closed_loop_of_vessel_and_tissue_keeps_its_mass_for_long(rtol):
    still = Law(("c",), ("k",), lambda t, y, p: [-p.k * y.c])
    plasma = Law(("a", "q"), ("k",), lambda t, y, p: [p.k * (y.q - y.a), p.k * (y.a - y.q)])
    lengths = np.array([100.0, 200.0])
    line = Line(
        still,
        [0.0],
        np.tile(even_faces(8.0, 75.0, 24), 2),
        {"c": (MEMBRANE, CLOSED)},
        diffusivity=1e4,
        fraction=0.24,
        permeability=[[1.0, 0.0]],
        geometry="cylindrical",
        options={"branches": [24, 24]} | vessel(6e4, lengths),
    )
    line = with_plasma(line, plasma, [1e-3], [("c", 0, "a", 1.0, 2e-5)], [(0.0, "a", 1.0, BOLUS)])
    run = line.run([10.0, 3600.0, 86400.0, 365 * 86400.0], rtol=rtol)
    share = lengths / lengths.sum()
    inside = (run.contents[0][..., 0] * share).sum(axis=1)
    blood = (run.vessel[0][..., 0] * share * np.pi * 64.0).sum(axis=1)
    total = run.plasma[0].sum(axis=1) + 2e-5 * (inside + blood)
    assert np.max(np.abs(total - 1.0)) < 1e-12
    assert run.vessel[0, -1, :, 0] == pytest.approx(run.plasma[0, -1, 0], rel=10 * rtol)


def test_fast_flow_is_one_cylinder():
    one = several((4,))
    many = one.but(
        faces=np.tile(one.faces, 3),
        diffusivity=np.tile(one.diffusivity, 3),
        fraction=np.tile(one.fraction, 3),
        permeability=np.tile(one.permeability, (3, 1, 1)),
        options=one.options
        | {"branches": [4, 4, 4]}
        | vessel(1e10, [10.0, 20.0, 15.0], axial_radii=np.full((1, 3), 1e-3)),
    )
    expected, run = one.run(TIMES, **TIGHT), many.run(TIMES, **TIGHT)
    assert run.plasma == pytest.approx(expected.plasma, rel=1e-6, abs=1e-7)
    for part in (slice(0, 4), slice(4, 8), slice(8, 12)):
        assert run.values[..., part] == pytest.approx(expected.values, rel=1e-5, abs=1e-7)


def lossy(flow, segments, length=600.0, **changes):
    """Steady uptake with first-order loss along a vessel fed with concentration one."""
    cells = 40
    wall = ("membrane", 0), CLOSED
    return Line(
        STILL,
        [0.05],
        np.tile(even_faces(5.0, 40.0, cells), segments),
        {"c": wall},
        diffusivity=20.0,
        fraction=0.3,
        permeability=[[0.4, 0.0]],
        geometry="cylindrical",
        options={"branches": [cells] * segments}
        | constant_input(1.0)
        | vessel(flow, [length / segments] * segments)
        | changes,
    )


def test_steady_depletion_along_a_vessel_is_geometric():
    flow, segments, length = 8e3, 12, 600.0
    plain = lossy(flow, 1).but(options={"branches": [40]} | constant_input(1.0))
    steady = plain.run([2e3, 2.1e3], rtol=1e-8, atol=[1e-12])
    per_length = np.diff(steady.entered[0, :, 0, 0, 0])[0] / 100.0
    run = lossy(flow, segments).run([2e3], rtol=1e-8, atol=[1e-12])
    one = 1.0 / (1.0 + per_length * length / segments / flow)
    assert run.vessel[0, 0, :, 0] == pytest.approx(one ** np.arange(1, segments + 1), rel=1e-6)
    # Upwind is of order one along the vessel: the outlet tends to exp(-uptake/flow).
    exact = np.exp(-per_length * length / flow)
    errors = [
        abs(lossy(flow, n).run([2e3], rtol=1e-8, atol=[1e-12]).vessel[0, 0, -1, 0] - exact)
        for n in (4, 8, 16)
    ]
    assert errors[0] / errors[1] == pytest.approx(2.0, abs=0.15)
    assert errors[1] / errors[2] == pytest.approx(2.0, abs=0.1)


def test_slow_flow_limits_what_enters():
    """Where the tissue takes all, the uptake is flow times inlet concentration."""
    line = lossy(20.0, 6).but(permeability=[[50.0, 0.0]], diffusivity=500.0)
    run = line.run([1e4, 1.1e4], rtol=1e-6, atol=[1e-10])
    assert run.vessel[0, -1, -1, 0] < 1e-6
    uptake = np.diff(run.entered[0, :, :, 0, 0].sum(axis=1) * 100.0)[0] / 1e3
    assert uptake == pytest.approx(20.0, rel=1e-5)


def test_a_decaying_inlet_is_followed_with_order_three():
    line = lossy(8e3, 3)
    line = line.but(options=line.options | {"rates": np.full((1, 1, 1), 0.7)})
    exact = line.run([3.0], fixed_step=3.0 / 20000)
    errors = [
        np.max(np.abs(line.run([3.0], fixed_step=3.0 / n).vessel - exact.vessel))
        for n in (100, 200, 400)
    ]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(orders - 3.0) < 0.3), orders


# --- flow through the tissue --------------------------------------------------------------------


def between(faces, velocity, geometry, d=2.0, eps=0.3, walls=None, p=0.0):
    """A species carried between a wall held at one and a wall held at zero."""
    return Line(
        STILL,
        [0.0],
        faces,
        {"c": walls or (("fixed", 0), ("fixed", -1))},
        diffusivity=d,
        fraction=eps,
        permeability=[[p, 0.0]],
        geometry=geometry,
        options=constant_input(1.0) | {"velocity": np.asarray(velocity, float)[None, None]},
    )


@pytest.mark.parametrize("speed", [-3.0, -0.05, 1e-7, 0.05, 3.0, 200.0])
def test_flow_through_a_slab_is_exact_at_the_nodes(speed):
    """v = (e^Pe - e^(Pe x/L))/(e^Pe - 1), also where a cell's Peclet number is 667."""
    faces = even_faces(0.0, 20.0, 10)
    line = between(faces, np.full(11, speed), "cartesian")
    run = line.run([1e5], rtol=1e-9, atol=[1e-13], signed_states=[0])
    x = line.centers / 20.0
    peclet = speed * 20.0 / (2.0 * 0.3)
    exact = (
        -np.expm1(-peclet * (1.0 - x)) / -np.expm1(-peclet)
        if speed > 0
        else ((np.exp(peclet * x) - np.exp(peclet)) / -np.expm1(peclet))
    )
    assert run.values[0, 0, 0] / 0.3 == pytest.approx(exact, abs=1e-8)


def test_flow_drags_through_a_membrane():
    """Patlak: flux = u (c0 e^Pe - c1)/(e^Pe - 1), Pe = u (1/P + L/(D eps)) with the tissue."""
    speed, p = 0.08, 0.05
    walls = (("membrane", 0), ("fixed", -1))
    line = between(even_faces(0.0, 20.0, 7), np.full(8, speed), "cartesian", walls=walls, p=p)
    run = line.run([1e4, 2e4], rtol=1e-9, atol=[1e-13])
    peclet = speed * (1.0 / p + 20.0 / (2.0 * 0.3))
    flux = np.diff(run.entered[0, :, 0, 0])[0] / 1e4
    assert flux == pytest.approx(-speed / np.expm1(-peclet), rel=1e-7)


@pytest.mark.parametrize("strength", [-1.0, 0.4, 2.0])
def test_a_source_flow_in_a_cylinder_is_met_with_order_two(strength):
    """u = q/r: v = (r^n - b^n)/(a^n - b^n) with n = q/(D eps)."""
    inner, outer, d, eps = 5.0, 40.0, 2.0, 0.5
    power = strength / (d * eps)
    errors = []
    for cells in (40, 80, 160):
        faces = even_faces(inner, outer, cells)
        line = between(faces, strength / faces, "cylindrical", d=d, eps=eps)
        run = line.run([1e6], rtol=1e-8, atol=[1e-12])
        r = line.centers
        exact = (r**power - outer**power) / (inner**power - outer**power)
        errors.append(np.max(np.abs(run.values[0, 0, 0] / eps - exact)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(orders - 2.0) < 0.2), (errors, orders)


def test_a_flow_that_spreads_agrees_with_a_dense_solver():
    """Both drugs carried in opposite directions, competing, with walls to the plasma."""
    rng = np.random.default_rng(1)
    velocity = np.stack([rng.uniform(0.1, 3.0, 8), rng.uniform(-3.0, -0.1, 8)])[None]
    walls = (MEMBRANE, MEMBRANE)
    pairs = [*PAIRS, ("f", 1, "a", 0.5, 4e-3)]
    line = several((7,), walls, pairs=pairs, velocity=velocity)
    agrees(line)
    agrees(
        several((3, 3), velocity=rng.uniform(-2.0, 2.0, (1, 2, 8)), **vessel(60.0, [10.0, 20.0]))
    )


@pytest.mark.parametrize("speed", [0.5, -20.0, 1e4])
def test_a_closed_system_with_flow_keeps_its_mass(speed):
    """Drugs pressed against opposite walls; the profiles at rest are exponentials of Pe."""
    cells = 12
    velocity = np.stack([np.full(cells + 1, speed), np.full(cells + 1, -speed)])[None]
    start = np.zeros((1, 5, cells))
    start[0, :3] = [[100.0], [70.0], [50.0]]
    line = Line(
        COMPETING,
        [0.02, 0.1, 0.0],
        even_faces(0.0, 24.0, cells),
        {"f": (CLOSED, CLOSED), "g": (CLOSED, CLOSED)},
        diffusivity=6.0,
        fraction=0.3,
        options={"velocity": velocity, "initial": start},
    )
    run = line.run([1.0, 100.0, 1e6])
    for states, amount in (((0, 3), 2400.0), ((1, 4), 1680.0)):
        held = run.contents[0][:, list(states)].sum(axis=1)
        assert np.max(np.abs(held / amount - 1.0)) < 1e-12
    assert np.min(run.values) > -1e-6
    if speed == 0.5:
        step = np.exp(speed * 2.0 / (6.0 * 0.3))
        assert run.values[0, -1, 0, 1:] / run.values[0, -1, 0, :-1] == pytest.approx(step, rel=1e-3)


def test_flow_without_diffusion_is_upwind():
    """A source of fluid in the axis: each cell is a stirred tank of the one before it."""
    faces = np.array([1.0, 2.0, 3.0, 4.0])
    line = Line(
        STILL,
        [0.0],
        faces,
        {"c": (("membrane", 0), ("membrane", -1))},
        diffusivity=0.0,
        fraction=0.5,
        geometry="cylindrical",
        options=constant_input(1.0) | {"velocity": (0.3 / faces)[None, None]},
    )
    run = line.run([2.0, 9.0], rtol=1e-8, atol=[1e-10])
    flow, volumes = 2.0 * np.pi * 0.3, line.volumes

    def tanks(t, c):
        free = np.concatenate([[1.0], c / 0.5])
        return flow * (free[:-1] - free[1:]) / volumes

    exact = solve_ivp(
        tanks, (0.0, 9.0), np.zeros(3), "DOP853", t_eval=[2.0, 9.0], rtol=1e-11, atol=1e-12
    ).y.T
    assert run.values[0, :, 0] == pytest.approx(exact, rel=1e-6)


# --- bits and refusals --------------------------------------------------------------------------


def test_bits_are_those_of_every_thread_count_order_and_width():
    count = 7
    rng = np.random.default_rng(4)
    line = several((5, 6), pairs=None, num_lines=count)
    line = line.but(
        faces=np.array([line.faces + 0.1 * k for k in range(count)]),
        options=line.options
        | {
            "velocity": rng.uniform(-1.0, 1.0, (count, 2, 13)),
            "axial_flow": rng.uniform(20.0, 90.0, count),
            "axial_lengths": rng.uniform(5.0, 20.0, (count, 2)),
        },
    )
    line = with_plasma(line, WANDERING, [0.1, 2.0], PAIRS, DOSES)
    base = line.run(TIMES)
    for options in ({"num_threads": 2}, {"num_threads": 3}, {"width": 8}, {"width": 16}):
        run = line.run(TIMES, **options)
        for name in ("values", "entered", "plasma", "contents", "vessel"):
            assert np.array_equal(getattr(run, name), getattr(base, name))
    one = line.but(
        faces=line.faces[4:5],
        options=line.options
        | {"num_lines": 1, "dose_offsets": line.options["dose_offsets"][:2]}
        | {k: line.options[k][4:5] for k in ("velocity", "axial_flow", "axial_lengths")}
        | {
            k: line.options[k][:3]
            for k in ("dose_times", "dose_states", "dose_amounts", "dose_kinds")
        },
    ).run(TIMES)
    assert np.array_equal(one.values[0], base.values[4])
    assert np.array_equal(one.vessel[0], base.vessel[4])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"branches": [4, 3]}, "branches have 7 cells"),
        ({"branches": [8, 0]}, "at least 1 cell"),
        ({"branch_weights": np.array([[0.5]])}, "branch_weights: found 1 values"),
        ({"branch_weights": np.array([[0.5, -0.5]])}, "branch_weights must be finite and not neg"),
        ({"velocity": np.zeros((1, 2, 9))}, "velocity: found 18 values, expected 20"),
        ({"velocity": np.full((1, 2, 10), np.nan)}, "velocity must be finite"),
        ({"axial_lengths": np.ones((1, 2))}, "need axial_flow"),
        (vessel(0.0, [1.0, 1.0]), "axial_flow must be finite and positive"),
        (vessel(1.0, [1.0]), "axial_lengths: found 1 values"),
        (vessel(1.0, [1.0, -1.0]), "axial_lengths must be finite and positive"),
        (vessel(1.0, [1.0, 1.0], axial_radii=np.zeros((1, 2))), "axial_radii must be"),
        (vessel(1.0, [1.0, 1.0], axial_initial=np.zeros((1, 2))), "axial_initial: found 2"),
        (vessel(1.0, [1.0, 1.0], branch_weights=np.ones((1, 2))), "lengths are the weights"),
    ],
)
def test_wrong_branches_vessels_and_flows_are_refused(change, message):
    line = several()
    with pytest.raises(ValueError, match=message):
        line.but(options=line.options | change).run([1.0])


def test_a_vessel_needs_a_cylinder_and_its_inner_wall():
    line = several(**vessel(1.0, [1.0, 1.0]))
    with pytest.raises(ValueError, match="only cylinders"):
        line.but(geometry="spherical").run([1.0])
    outer = several(
        walls=(MEMBRANE, MEMBRANE), pairs=[("f", 1, "a", 1.0, 1e-3)], **vessel(1.0, [1.0, 1.0])
    )
    with pytest.raises(ValueError, match="inner wall only"):
        outer.run([1.0])
