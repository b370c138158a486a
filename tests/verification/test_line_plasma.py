"""Lines with a plasma of their own: ledger, limits, order, doses, walls, refusals, bits.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from engine import Law, Symbol, exp
from line_dense import dense
from lines import CLOSED, Line, bench_n87, even_faces, with_plasma
from scipy.integrate import solve_ivp

pytestmark = pytest.mark.verification

BOLUS, RATE = 0, 1
HOUR, DAY = 3600.0, 86400.0
MEMBRANE = ("membrane", -1)


def two_compartments(t, y, p):
    return [-(p.k + p.k12) * y.a + p.k21 * y.q, p.k12 * y.a - p.k21 * y.q]


LINEAR = Law(("a", "q"), ("k", "k12", "k21"), two_compartments)
LINEAR_AT = [2e-6, 5e-5, 2.5e-5]


def saturable(t, y, p):
    """Amounts [nmol]: an ADC lost by clearance and Michaelis-Menten, bound to a soluble target."""
    bind = p.kon * y.a * y.s - p.koff * y.c
    lost = p.k * y.a + p.vmax * y.a / (p.km + y.a)
    return [-lost - bind, p.ksyn - p.kdeg * y.s - bind, bind - p.kint * y.c, lost + p.kint * y.c]


SATURABLE = Law(
    ("a", "s", "c", "gone"),
    ("k", "vmax", "km", "kon", "koff", "ksyn", "kdeg", "kint"),
    saturable,
    initial={"s": lambda p: p.ksyn / p.kdeg},
)
SATURABLE_AT = [2e-6, 5e-7, 0.05, 3e-3, 1e-4, 1e-7, 1e-5, 1e-5]


def tissue(cells=32, geometry="cylindrical", walls=((MEMBRANE, CLOSED)), d=10.0, p=3e-3, **options):
    """The antibody and its conjugate of BENCH-N87 behind walls that exchange."""
    line = bench_n87(cells, 3)
    faces = even_faces(0.0 if walls[0] == CLOSED else 8.0, 75.0, cells)
    sides = [0.0 if w[0] == "closed" else p for w in walls]
    return line.but(
        faces=faces,
        geometry=geometry,
        mobile={"F1": walls, "F2": walls},
        diffusivity=d,
        permeability=[sides, sides],
        options=options,
    )


def exchange_of(length, wall=0, volume=1e-3, scale=1.0):
    """Exchange of both drugs by plasma amounts [nmol] in `volume` [L], per `length` [um or 1].

    A cylinder holds nM um^2 per um of its length: 1e-15 L nM = 1e-15 nmol per um^3.
    """
    return 1.0 / volume * scale, length * 1e-15, wall


def drugs(law=LINEAR):
    """A plasma of two drugs that do not see each other, twice the law."""
    n = len(law.states)
    names = tuple(s + d for d in "12" for s in law.states)

    class View:
        def __init__(self, y, d):
            self.__dict__.update({s: y[d * n + i] for i, s in enumerate(law.states)})

    def both(t, y, p):
        return [*law.law(t, View(y, 0), p), *law.law(t, View(y, 1), p)]

    initial = {s + d: f for s, f in law.initial.items() for d in "12"}
    return Law(names, law.parameters, both, initial=initial)


def coupled(law, values, length=2e9, wall=0, doses=None, **changes):
    """Tissue and plasma of both drugs, 0.48 nmol of conjugate and 1.45 nmol of antibody."""
    walls = (MEMBRANE, CLOSED) if wall == 0 else (CLOSED, MEMBRANE)
    line = tissue(walls=walls, **changes)
    outside, uptake, _ = exchange_of(length)
    given = [(0.0, "a1", 0.48, BOLUS), (0.0, "a2", 1.45, BOLUS)] if doses is None else doses
    pairs = [("F1", wall, "a1", outside, uptake), ("F2", wall, "a2", outside, uptake)]
    return with_plasma(line, drugs(law), values, pairs, given), uptake


FORMS = {1: (0, 3, 5, 6), 2: (1, 4, 7)}
"""States of the tissue that hold each drug."""


@pytest.mark.parametrize("rtol", [1e-2, 1e-3, 1e-6])
@pytest.mark.parametrize("kinetics", ["linear", "saturable"])
def test_a_closed_plasma_with_its_tissue_keeps_its_mass(kinetics, rtol):
    law, values = (
        (LINEAR, [0.0, 5e-5, 2.5e-5]) if kinetics == "linear" else (SATURABLE, SATURABLE_AT)
    )
    line, uptake = coupled(law, values)
    run = line.run(
        [60.0, HOUR, DAY, 21 * DAY], rtol=rtol, plasma_atol=[rtol * 1e-6] * 2 * len(law.states)
    )
    n = len(law.states)
    for drug, dose in ((1, 0.48), (2, 1.45)):
        first = (drug - 1) * n
        held = [first, first + 1] if kinetics == "linear" else [first, first + 2, first + 3]
        inside = uptake * run.contents[0][:, FORMS[drug]].sum(axis=1)
        entered = uptake * run.entered[0, :, drug - 1, 0]
        assert inside[-1] > 0.01 * dose
        assert np.max(np.abs(inside / entered - 1.0)) < 1e-12
        total = run.plasma[0][:, held].sum(axis=1) + inside
        assert np.max(np.abs(total / dose - 1.0)) < 1e-12


@pytest.mark.parametrize("rtol", [1e-2, 1e-4])
def test_boluses_and_infusions_are_in_the_ledger(rtol):
    line, uptake = coupled(
        SATURABLE,
        SATURABLE_AT,
        doses=[
            (0.0, "a1", 0.3, BOLUS),
            (HOUR, "a2", 1e-4, RATE),
            (3 * HOUR, "a2", 2e-4, RATE),
            (5 * HOUR, "a2", -1e-4, RATE),
            (9 * HOUR, "a2", -2e-4, RATE),
            (10 * HOUR, "a1", 0.7, BOLUS),
            (10 * HOUR, "a1", 0.1, BOLUS),
        ],
    )
    times = np.array([0.0, 2 * HOUR, 4 * HOUR, 10 * HOUR, 15 * HOUR, 30 * DAY])
    run = line.run(times, rtol=rtol)
    infused = sum(
        a * np.clip(times - t, 0.0, None)
        for t, a in ((HOUR, 1e-4), (3 * HOUR, 2e-4), (5 * HOUR, -1e-4), (9 * HOUR, -2e-4))
    )
    given = {1: np.array([0.3, 0.3, 0.3, 1.1, 1.1, 1.1]), 2: infused}
    for drug in (1, 2):
        first = 4 * (drug - 1)
        total = run.plasma[0][:, [first, first + 2, first + 3]].sum(axis=1)
        total += uptake * run.entered[0, :, drug - 1, 0]
        assert np.max(np.abs(total - given[drug])) < 1e-10 * given[drug][-1]
    assert np.max(np.abs(run.entered[0, :, 0, 0] - run.contents[0][:, FORMS[1]].sum(axis=1))) < (
        1e-11 * run.entered[0, -1, 0, 0]
    )
    assert run.plasma[0, 0, 0] == 0.3  # a record at the time of a dose comes after it


def test_one_way_exchange_is_a_sum_of_exponentials():
    """A plasma that does not feel the tissue, against its closed form as an input."""
    k, k12, k21 = LINEAR_AT
    values, vectors = np.linalg.eig(np.array([[-(k + k12), k21], [k12, -k21]]))
    weights = vectors[0] * np.linalg.solve(vectors, [1.0, 0.0])
    wall = ("membrane", 0), CLOSED
    given = tissue().but(
        mobile={"F1": wall, "F2": (("membrane", 1), CLOSED)},
        options={
            "rates": np.broadcast_to(-values, (2, 2))[None].copy(),
            "pulse_times": np.array([[0.0, 6 * HOUR]]),
            "pulse_amplitudes": np.array(
                [[[480.0 * weights, 1450.0 * weights], [480.0 * weights, 0.0 * weights]]]
            ),
        },
    )
    doses = [(0.0, "a1", 0.48, BOLUS), (0.0, "a2", 1.45, BOLUS), (6 * HOUR, "a1", 0.48, BOLUS)]
    line, _ = coupled(LINEAR, LINEAR_AT, length=0.0, doses=doses)
    tight = {"rtol": 1e-6}
    expected = given.run([HOUR, DAY, 5 * DAY], **tight).values
    run = line.run([HOUR, DAY, 5 * DAY], plasma_atol=[1e-9] * 4, **tight)
    scale = np.max(np.abs(expected), axis=(0, 1, 3))[:, None]
    assert np.max(np.abs(run.values - expected) / scale) < 1e-5
    after = np.array([HOUR, DAY, 5 * DAY])[:, None]
    level = 480.0 * (weights * np.exp(values * after)).sum(axis=1)
    level[1:] += 480.0 * (weights * np.exp(values * (after[1:] - 6 * HOUR))).sum(axis=1)
    assert 1e3 * run.plasma[0, :, 0] == pytest.approx(level, rel=1e-5)


SMALL = Law(
    ("f", "r", "b"),
    ("kon", "koff", "ke"),
    lambda t, y, p: [
        -p.kon * y.f * y.r + p.koff * y.b,
        -p.kon * y.f * y.r + (p.koff + p.ke) * y.b,
        p.kon * y.f * y.r - (p.koff + p.ke) * y.b,
    ],
    initial={"r": lambda p: 50.0 + 0.0 * p.ke},
)


def wandering(t, y, p):
    """Clearance that changes with time, and a saturable part."""
    lost = p.k * (1.0 + 0.5 * exp(-t * 0.3)) * y.a + p.v * y.a / (20.0 + y.a)
    return [-lost - 0.2 * y.a + 0.1 * y.q, 0.2 * y.a - 0.1 * y.q]


WANDERING = Law(("a", "q"), ("k", "v"), wandering)
SMALL_DOSES = [(0.0, "a", 80.0, BOLUS), (1.5, "q", 10.0, RATE), (3.0, "q", -10.0, RATE)]


def small(walls=(MEMBRANE, CLOSED), geometry="cylindrical", **options):
    """Five cells, one drug; transport, binding and plasma all of the same speed."""
    return Line(
        SMALL,
        [0.02, 0.1, 0.05],
        [4.0, 5.0, 6.5, 8.0, 10.0, 12.0],
        {"f": walls},
        diffusivity=[[6.0, 5.0, 4.0, 3.0, 2.0]],
        fraction=[[0.3, 0.3, 0.3, 0.2, 0.2]],
        permeability=[[1.3, 0.7]],
        geometry=geometry,
        options=options,
    )


CASES = {
    "inner": ((MEMBRANE, CLOSED), [("f", 0, "a", 1.1, 4e-3)]),
    "outer": ((CLOSED, MEMBRANE), [("f", 1, "a", 1.1, 4e-3)]),
    "both walls": ((MEMBRANE, MEMBRANE), [("f", 0, "a", 1.1, 4e-3), ("f", 1, "a", 0.9, 4e-3)]),
    "two uptakes": ((MEMBRANE, MEMBRANE), [("f", 0, "a", 1.1, 4e-3), ("f", 1, "a", 0.9, 1e-3)]),
    "two states": ((MEMBRANE, MEMBRANE), [("f", 0, "a", 1.1, 4e-3), ("f", 1, "q", 0.9, 3e-3)]),
    "washed out": ((MEMBRANE, MEMBRANE), [("f", 0, "a", 1.1, 4e-3)]),
}


@pytest.mark.parametrize("geometry", ["cartesian", "cylindrical", "spherical"])
@pytest.mark.parametrize("case", CASES)
def test_every_kind_of_exchange_agrees_with_a_dense_solver(case, geometry):
    walls, exchange = CASES[case]
    line = with_plasma(small(walls, geometry), WANDERING, [0.1, 2.0], exchange, SMALL_DOSES)
    times = [1.0, 2.5, 8.0]
    run = line.run(times, rtol=1e-7, atol=[1e-9] * 3, plasma_atol=[1e-9] * 2)
    expected = dense(line, times, WANDERING)
    assert run.values[0] == pytest.approx(expected.values, rel=2e-5, abs=1e-5)
    assert run.plasma[0] == pytest.approx(expected.plasma, rel=2e-6)


def test_order_three_in_time_with_exchange():
    walls, exchange = CASES["inner"]
    line = with_plasma(small(walls), WANDERING, [0.1, 2.0], exchange, SMALL_DOSES[:1])
    exact = dense(line, [4.0], WANDERING)
    errors = []
    for steps in (320, 640, 1280):
        run = line.run([4.0], fixed_step=4.0 / steps)
        assert run.stats["accepted"][0] == steps
        errors.append(
            [
                np.max(np.abs(run.values[0] - exact.values)),
                np.max(np.abs(run.plasma[0] - exact.plasma)),
            ]
        )
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(orders - 3.0) < 0.25), orders


def test_well_mixed_tissue_with_its_plasma_is_a_point():
    length = 0.02
    line = small().but(diffusivity=1e9, fraction=0.25, permeability=[[1.3, 0.0]])
    pairs = [("f", 0, "a", 1.1, length)]
    run = with_plasma(line, WANDERING, [0.1, 2.0], pairs, SMALL_DOSES).run(
        [1.0, 4.0, 9.0], rtol=1e-7, atol=[1e-9] * 3, plasma_atol=[1e-9] * 2
    )
    rate = 2.0 * np.pi * 4.0 * 1.3
    inside = np.pi * (12.0**2 - 4.0**2)

    def union(t, y):
        entering = rate * (1.1 * y[3] - y[0] / 0.25)
        dy = np.concatenate(
            [
                SMALL.derivative(t, y[:3], [0.02, 0.1, 0.05]),
                WANDERING.derivative(t, y[3:], [0.1, 2.0]),
            ]
        )
        dy[0] += entering / inside
        dy[3] -= length * entering
        if 1.5 <= t < 3.0:
            dy[4] += 10.0
        return dy

    y, t, expected = np.array([0.0, 50.0, 0.0, 80.0, 0.0]), 0.0, {}
    for stop in (1.0, 1.5, 3.0, 4.0, 9.0):
        inner = np.nextafter(stop, 0.0)
        y = solve_ivp(union, (t, inner), y, "Radau", rtol=1e-10, atol=1e-12).y[:, -1]
        t, expected[stop] = stop, y
    for i, stop in enumerate((1.0, 4.0, 9.0)):
        assert run.plasma[0, i] == pytest.approx(expected[stop][3:], rel=3e-6)
        for cell in (0, 4):
            assert run.values[0, i, :, cell] == pytest.approx(expected[stop][:3], rel=3e-5)


def many(count=13):
    """Lines with tissue, plasma, exchange and doses of their own."""
    rng = np.random.default_rng(3)
    spread = lambda *shape: np.exp(0.3 * rng.standard_normal((count, *shape)))  # noqa: E731
    length = 2e9 * spread()
    line, _ = coupled(
        SATURABLE,
        np.array(SATURABLE_AT) * spread(8),
        length=length,
        cells=21,
        num_lines=count,
        doses=[
            [
                *((float(t), "a1", 0.4, BOLUS) for t in np.sort(rng.uniform(0.0, DAY, k % 4))),
                (DAY + k, "a2", 1.0, BOLUS),
            ]
            for k in range(count)
        ],
    )
    return line.but(diffusivity=10.0 * spread(2, 21))


def test_bits_are_those_of_every_thread_count_order_and_width():
    line = many()
    times = [2e4, DAY, 3 * DAY]
    base = line.run(times)
    for options in ({"num_threads": 2}, {"num_threads": 3}, {"width": 8}, {"width": 16}):
        run = line.run(times, **options)
        for name in ("values", "entered", "plasma", "contents"):
            assert np.array_equal(getattr(run, name), getattr(base, name))
    order = np.random.default_rng(2).permutation(13)
    o = line.options
    which = [range(o["dose_offsets"][k], o["dose_offsets"][k + 1]) for k in order]
    rows = np.concatenate([np.array(w, dtype=int) for w in which])
    moved = {
        "plasma_parameters": np.ascontiguousarray(o["plasma_parameters"][order]),
        "uptake_factor": np.ascontiguousarray(o["uptake_factor"][order]),
        "dose_offsets": np.cumsum([0] + [len(w) for w in which], dtype=np.int64),
    } | {k: o[k][rows] for k in ("dose_times", "dose_states", "dose_amounts", "dose_kinds")}
    shuffled = line.but(
        diffusivity=np.ascontiguousarray(line.diffusivity[order]), options=o | moved
    )
    run = shuffled.run(times, num_threads=2)
    assert np.array_equal(run.values, base.values[order])
    assert np.array_equal(run.plasma, base.plasma[order])
    alone = {k: moved[k][:1] for k in ("plasma_parameters", "uptake_factor")}
    alone |= {"num_lines": 1, "dose_offsets": moved["dose_offsets"][:2]}
    alone |= {
        k: moved[k][: len(which[0])]
        for k in ("dose_times", "dose_states", "dose_amounts", "dose_kinds")
    }
    one = line.but(diffusivity=line.diffusivity[order[:1]], options=o | alone).run(times)
    assert np.array_equal(one.plasma[0], base.plasma[order[0]])


def test_kinks_of_the_plasma_in_time_are_stops():
    """An input given by a linear table of time is integrated exactly piece by piece."""
    x, y = [0.0, 10.0, 13.0, 40.0], [0.0, 2.0, 0.5, 0.5]

    def law(t, state, p):
        return [Symbol(t.graph, t.graph.table(x, y, "linear", t.node)) + 0.0 * p.k]

    line = with_plasma(small(), Law(("a",), ("k",), law), [1.0], [("f", 0, "a", 1.0, 0.0)])
    run = line.run([10.0, 12.0, 40.0], rtol=0.3)
    assert run.plasma[0, :, 0] == pytest.approx([10.0, 13.0, 27.25], rel=1e-12)


def test_initial_values_and_begin_of_the_plasma():
    """A run that goes on from the end of another is that run's continuation."""
    line = with_plasma(small(), WANDERING, [0.1, 2.0], [("f", 0, "a", 1.1, 4e-3)], SMALL_DOSES)
    tight = {"rtol": 1e-8, "atol": [1e-10] * 3, "plasma_atol": [1e-10] * 2}
    whole = line.run([2.0, 6.0], final_states=True, **tight)
    first = line.run([2.0], final_states=True, **tight)
    later = [(2.0, "q", 10.0, RATE), (3.0, "q", -10.0, RATE)]
    rest = with_plasma(small(), WANDERING, [0.1, 2.0], [("f", 0, "a", 1.1, 4e-3)], later).run(
        [2.0, 6.0],
        begin=2.0,
        plasma_initial=np.ascontiguousarray(first.plasma[:, -1]),
        initial=first.final_states,
        **tight,
    )
    assert np.array_equal(rest.plasma[0, 0], first.plasma[0, -1])
    assert rest.plasma[0, 1] == pytest.approx(whole.plasma[0, 1], rel=1e-7)
    assert rest.values[0, 1] == pytest.approx(whole.values[0, 1], rel=1e-6, abs=1e-9)


def test_a_plasma_without_walls_runs_by_itself():
    line = with_plasma(small(), WANDERING, [0.1, 2.0], [("f", 0, "a", 0.0, 0.0)], SMALL_DOSES)
    alone = line.but(
        options=line.options
        | {"exchange": [], "outside_factor": np.zeros((1, 0)), "uptake_factor": np.zeros((1, 0))}
    )
    found = [case.run([1.0, 8.0], rtol=1e-6, plasma_atol=[1e-8] * 2) for case in (line, alone)]
    assert found[0].plasma == pytest.approx(found[1].plasma, rel=1e-5)
    assert np.all(found[0].entered <= 0.0)


def test_plasma_that_leaves_the_numbers_fails_by_name():
    law = Law(
        ("a", "x"),
        ("k",),
        lambda t, y, p: [-p.k * y.a, p.k * y.x * y.x],
        initial={"x": lambda p: 1.0 + 0.0 * p.k},
    )
    line = with_plasma(
        small(num_lines=2),
        law,
        [[1.0], [1e-9]],
        [("f", 0, "a", 1.0, 1e-3)],
        [(0.0, "a", 5.0, BOLUS)],
    )
    run = line.run([10.0], check=False, max_steps=5000)
    ((number, _, _, time, state, cell, is_plasma),) = run.failures
    assert (number, state, cell, is_plasma) == (0, 1, -1, True)
    assert 0.99 < time < 1.01
    assert list(run.status == 0) == [False, True]
    assert np.all(np.isnan(run.plasma[0]))
    assert np.all(np.isfinite(run.plasma[1]))


def test_plasma_may_be_negative_where_it_is_told_to():
    law = Law(("a", "x"), ("k",), lambda t, y, p: [-p.k * y.a, -1.0 + 0.0 * y.x])
    line = with_plasma(small(), law, [1.0], [("f", 0, "a", 1.0, 1e-3)], [(0.0, "a", 5.0, BOLUS)])
    ((*_, state, cell, is_plasma),) = line.run([10.0], check=False).failures
    assert (state, cell, is_plasma) == (1, -1, True)
    run = line.run([10.0], plasma_signed_states=[1])
    assert run.plasma[0, -1, 1] == pytest.approx(-10.0, rel=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"exchange": [(1, 0, 0)]}, "exchange names mobile state 1 of 1"),
        ({"exchange": [(0, 2, 0)]}, "a wall is 0"),
        ({"exchange": [(0, 0, 2)]}, "names state 2"),
        ({"exchange": [(0, 1, 0)]}, "outer wall is closed"),
        ({"exchange": [(0, 0, 0)] * 2}, "named twice"),
        ({"outside_factor": np.array([[-1.0]])}, "outside_factor must be finite and not negative"),
        ({"uptake_factor": np.array([[np.nan]])}, "uptake_factor must be finite"),
        ({"uptake_factor": np.zeros((1, 2))}, "uptake_factor: found 2 values, expected 1"),
        ({"plasma_parameters": np.zeros((1, 3))}, "plasma_parameters: found 3 values"),
        ({"plasma_initial": np.zeros((1, 3))}, "plasma_initial: found 3 values"),
        ({"plasma_atol": [1.0]}, "plasma_atol: found 1 values"),
        ({"dose_times": np.array([-1.0, 1.5, 3.0])}, "lies before the begin"),
        ({"dose_times": np.array([1.0, 0.5, 3.0])}, "lies before that of the dose before it"),
        ({"dose_times": np.array([1.0, np.nan, 3.0])}, "must be finite"),
        ({"dose_kinds": np.array([0, 1, 2], dtype=np.int8)}, "kind must be 0"),
        ({"dose_states": np.array([0, 1, 2], dtype=np.int32)}, "there is no state 2"),
        ({"dose_offsets": np.array([0, 2], dtype=np.int64)}, "must rise from 0"),
        ({"dose_offsets": np.array([0, 2, 3], dtype=np.int64)}, "expected 2"),
        ({"dose_offsets": None}, "need dose_offsets"),
        ({"dose_amounts": np.zeros(2)}, "must have one length"),
        ({"plasma": None}, "need a plasma model"),
    ],
)
def test_wrong_plasma_is_refused(change, message):
    line = with_plasma(small(), WANDERING, [0.1, 2.0], [("f", 0, "a", 1.1, 4e-3)], SMALL_DOSES)
    with pytest.raises(ValueError, match=message):
        line.but(options=line.options | change).run([1.0])


def test_plasma_with_events_is_refused():
    law = Law(
        ("a",),
        ("k",),
        lambda t, y, p: [-p.k * y.a],
        events=((lambda t, y, p: y.a - 1.0, -1, {"a": lambda t, y, p: 5.0 + 0.0 * t}),),
    )
    line = with_plasma(small(), law, [1.0], [("f", 0, "a", 1.1, 4e-3)])
    with pytest.raises(ValueError, match="that of the plasma has 1"):
        line.run([1.0])
