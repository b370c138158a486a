"""Exchange that follows a state of its voxel, a plasma that hears of the tissue, states that jump.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from engine import Law
from scipy.integrate import solve_ivp
from test_volume_plasma import blood
from volumes import HOUR, PERIODIC, Volume, box

pytestmark = pytest.mark.verification

TISSUE = Law(
    ("c", "b", "v"),
    ("kon", "eps", "kill", "back"),
    lambda t, y, p: [
        -p.kon / p.eps * y.c * (80.0 - y.b),
        p.kon / p.eps * y.c * (80.0 - y.b),
        p.back * (1.0 - y.v) - p.kill * y.b / (20.0 + y.b) * y.v,
    ],
    initial={"v": lambda p: 1.0},
)
NUMBERS = [2e-6, 0.3, 4e-5, 4e-6]

BODY = Law(
    ("Cp", "A"),
    ("k", "more", "gone"),
    lambda t, y, p: [-p.k * (1.0 + p.more * y.A) * y.Cp, -p.gone * y.A],
)
BODY_NUMBERS = [1e-5, 0.3, 2e-5]
DOSES = [(0.0, 0, 100.0, 0), (6.0 * HOUR, 0, 40.0, 0)]
UPTAKE, FEED = 3e-7, 4e-9


def tumour(cells=(4, 3, 2), uptake=UPTAKE, feed=FEED, rate=None, **options):
    """Vessels whose working part v is lost where much is bound; the plasma hears of v."""
    feeds = [] if feed is None else [(1, 2, feed)]
    given = blood([(0, 0)], [0.7], [uptake], DOSES, law=BODY, parameters=BODY_NUMBERS)
    shape = tuple(reversed(cells))
    return Volume(
        TISSUE,
        NUMBERS,
        box(*cells),
        {"c": None},
        diffusivity=20.0,
        fraction=0.3,
        exchange=(("c", -1, np.full(shape, 2e-4) if rate is None else rate),),
        options=given | {"exchange_factors": [2], "plasma_feeds": feeds} | options,
    )


def patchy(cells):
    draw = np.random.default_rng(3)
    return np.where(draw.random(tuple(reversed(cells))) < 0.1, 2e-3, 0.0)


def compartment(times, uptake, feed, volume, out=2e-4):
    """The same without gradients, between the doses, by another integrator."""

    def law(t, y):
        flow = y[4] * (2e-4 * 0.7 * y[0] - out * y[2] / 0.3)
        tissue = TISSUE.derivative(t, y[2:], NUMBERS)
        body = BODY.derivative(t, y[:2], BODY_NUMBERS)
        return [
            body[0] - uptake * volume * flow,
            body[1] + feed * volume * y[4],
            tissue[0] + flow,
            *tissue[1:],
        ]

    state, begin, found = np.array([0.0, 0.0, 0.0, 0.0, 1.0]), 0.0, []
    for when, _, amount, _ in [*DOSES, (max(times) + 1.0, 0, 0.0, 0)]:
        if when == begin:
            state[0] += amount
            continue
        inner = [t for t in times if begin <= t < when]
        run = solve_ivp(
            law, (begin, when), state, "Radau", t_eval=[*inner, when], rtol=1e-11, atol=1e-12
        )
        found += list(run.y.T[: len(inner)])
        state, begin = run.y[:, -1].copy(), when
        state[0] += amount
    return np.array(found)


@pytest.mark.parametrize("uptake", [0.0, UPTAKE])
def test_voxels_that_are_all_alike_are_one_compartment_with_its_body(uptake):
    volume = tumour(uptake=uptake).but(mobile={"c": [PERIODIC] * 6})
    times = [5.0 * HOUR, 12.0 * HOUR, 72.0 * HOUR]
    exact = compartment(times, uptake, FEED, volume.volumes.sum())
    run = volume.run(times, rtol=1e-6, atol=[1e-8, 1e-8, 1e-9])
    assert pytest.approx(exact[:, :2], rel=2e-5) == run.plasma
    assert run.values[:, :, 1, 1, 2] == pytest.approx(exact[:, 2:], rel=2e-5)
    assert exact[-1, 4] < 0.4  # most vessels are lost
    assert exact[:, 1].max() > 0.5  # and clearance has risen by a sixth
    # with another rate for what leaves
    more = volume.run(
        times,
        rtol=1e-6,
        atol=[1e-8, 1e-8, 1e-9],
        exchange_out_rates=np.full((1, *volume.shape), 9e-4),
    )
    exact_more = compartment(times, uptake, FEED, volume.volumes.sum(), out=9e-4)
    assert pytest.approx(exact_more[:, :2], rel=2e-5) == more.plasma
    assert more.values[:, :, 1, 1, 2] == pytest.approx(exact_more[:, 2:], rel=2e-5)
    assert exact_more[0, 2] < 0.7 * exact[0, 2]
    # without the factor, or the feed, it is another course
    steady = volume.run(times, exchange_factors=[-1])
    assert steady.values[0, 1, 0, 0, 0] > 1.02 * exact[0, 3]
    deaf = volume.run(times, plasma_feeds=[])
    assert abs(deaf.plasma[-1, 0] / exact[-1, 0] - 1.0) > 0.1


def test_third_order_in_time_with_rates_that_follow_and_feeds():
    cells = (5, 4, 3)
    volume = tumour(cells, rate=patchy(cells), linear_rtol=1e-5)
    times = [24.0 * HOUR]
    tight = {"rtol": 1e-5, "atol": [1e-7] * 3, "max_steps": 100_000}
    reference = volume.run(times, fixed_step=24.0 * HOUR / 1280, **tight)
    errors = []
    for count in (40, 80, 160):
        run = volume.run(times, fixed_step=24.0 * HOUR / count, **tight)
        scale = np.abs(reference.values).max(axis=(0, 2, 3, 4))[:, None, None, None]
        off = np.abs((run.values - reference.values) / scale).max()
        errors.append(max(off, np.abs(run.plasma / reference.plasma - 1.0).max()))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(orders > 2.6), (errors, orders)


@pytest.mark.parametrize("linear_rtol", [1e-1, 1e-2])
@pytest.mark.parametrize("out", [1.0, 2.5])
def test_what_vessels_bring_while_they_are_lost_is_booked(linear_rtol, out):
    cells = (8, 7, 6)
    rate = patchy(cells)
    volume = tumour(cells, rate=rate, linear_rtol=linear_rtol, exchange_out_rates=out * rate[None])
    body = Law(("Cp", "A"), ("k", "more", "gone"), lambda t, y, p: [0.0 * y.Cp, 0.0 * y.A])
    volume = volume.but(options=volume.options | {"plasma": body.program()})
    regions = np.zeros((6, 7, 8), dtype=np.uint8)
    regions[3] = 255  # two pieces that only the plasma connects
    run = volume.run([3.0 * HOUR, 48.0 * HOUR], regions=regions)
    given = np.array([100.0, 140.0])
    held = run.contents[:, 0] + run.contents[:, 1]
    assert np.abs(run.plasma[:, 0] + UPTAKE * held - given).max() < 1e-10 * given[-1]
    assert run.exchanged[:, 0] == pytest.approx(held, rel=1e-10)
    assert run.plasma[:, 1] == pytest.approx(run.fed[:, 0], rel=1e-12)
    inside = np.broadcast_to(regions == 0, run.values[:, 2].shape)
    assert run.values[:, 2][inside].min() < 0.5
    # what is heard is the integral of the sum, here against a trapezoid over many records
    many = np.linspace(0.0, 48.0, 400) * HOUR
    fine = volume.run(many, regions=regions)
    area = np.trapezoid(fine.contents[:, 2], many) * FEED
    assert fine.fed[-1, 0] == pytest.approx(area, rel=1e-4)


def test_rates_that_follow_go_on_after_a_change_of_transport():
    """Vessels that close at a stated time: what is in the tissue stays, binding and loss go on."""
    cells = (6, 5, 4)
    rate = patchy(cells)
    volume = tumour(cells, rate=rate, exchange_out_rates=2.0 * rate[None])
    none, shut = np.zeros(0), np.zeros_like(rate)[None]
    change = (6.0 * HOUR, none, none, none, shut, shut)
    times = [5.0 * HOUR, 6.0 * HOUR, 12.0 * HOUR, 48.0 * HOUR]
    run = volume.run(times, changes=[change])
    open_ = volume.run(times)
    held = run.contents[:, 0] + run.contents[:, 1]
    assert run.exchanged[:, 0] == pytest.approx(held, rel=1e-10)
    assert held[2:] == pytest.approx(held[1], rel=1e-10)
    assert open_.contents[3, 1] > 1.1 * run.contents[3, 1]
    assert np.array_equal(run.values[0], open_.values[0])
    halved = (6.0 * HOUR, none, none, none, 0.5 * rate[None], rate[None])
    half = volume.run(times, changes=[halved])
    given = np.array([100.0, 140.0, 140.0, 140.0]) - UPTAKE * half.exchanged[:, 0]
    assert half.exchanged[:, 0] == pytest.approx(half.contents[:, :2].sum(axis=1), rel=1e-10)
    assert np.all(half.plasma[:, 0] < given)  # the rest is cleared
    assert held[3] < half.contents[3, :2].sum() < open_.contents[3, :2].sum()


def test_bits_do_not_depend_on_threads():
    cells = (24, 16, 12)
    volume = tumour(cells, rate=patchy(cells))

    def halved(number, states):
        return 0.5 * states

    options = {"jump_times": np.array([600.0]), "jump_states": [2, 1], "jump": halved, "rtol": 0.01}
    runs = [volume.run([1200.0], num_threads=n, **options) for n in (1, 2, 3)]
    for other in runs[1:]:
        for name in ("values", "contents", "plasma", "exchanged", "fed"):
            assert np.array_equal(getattr(runs[0], name), getattr(other, name)), name


def test_a_jump_happens_at_its_time_and_records_come_after_it():
    """Decay, halved at two times: what is left is known; a jump moves from one state to another."""
    law = Law(("a", "b"), ("k",), lambda t, y, p: [-p.k * y.a, 0.0 * y.b], {"a": lambda p: 8.0})
    calls = []

    def move(number, states):
        calls.append((number, states.copy()))
        part = np.array([0.5, 0.75])[number] * states[1]
        return np.stack([states[0] + part, states[1] - part])

    volume = Volume(law, [1e-4], box(3, 2, 2), {"b": None})
    at = np.array([1000.0, 5000.0])
    run = volume.run(
        [500.0, 1000.0, 5000.0, 9000.0],
        rtol=1e-8,
        atol=[1e-9] * 2,
        jump_times=at,
        jump_states=[1, 0],
        jump=move,
    )
    left = 8.0 * np.exp(-1e-4 * np.array([500.0, 1000.0, 5000.0, 9000.0]))
    left *= [1.0, 0.5, 0.125, 0.125]
    assert run.values[:, 0, 1, 1, 2] == pytest.approx(left, rel=1e-6)
    moved = 8.0 * (0.5 * np.exp(-0.1) + 0.5 * 0.75 * np.exp(-0.5))
    assert run.values[-1, 1, 0, 0, 0] == pytest.approx(moved, rel=1e-6)
    assert [n for n, _ in calls] == [0, 1]
    assert calls[0][1].shape == (2, 2, 2, 3)


def test_a_jump_that_fails_names_why():
    volume = tumour()
    where = {"jump_times": np.array([HOUR]), "jump_states": [0]}
    with pytest.raises(ValueError, match=r"jump 0 leaves 'c' not finite in voxel 0"):
        volume.run([2 * HOUR], jump=lambda n, y: y * np.nan, **where)

    def breaks(number, states):
        raise ZeroDivisionError("by the caller")

    with pytest.raises(ZeroDivisionError, match="by the caller"):
        volume.run([2 * HOUR], jump=breaks, **where)
    with pytest.raises(ValueError, match="jump: found 1 values, expected 24"):
        volume.run([2 * HOUR], jump=lambda n, y: y.ravel()[:1], **where)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exchange_factors": [3]}, "factor state 3 of 3"),
        ({"exchange_factors": [0]}, "'c' is a state that moves"),
        ({"exchange_factors": [2, 2]}, "found 2 for 1"),
        ({"signed_states": [2]}, "'v' is the factor of an exchange"),
        ({"plasma_feeds": [(2, 2, 1.0)]}, "feeds name state 2 of the plasma's 2"),
        ({"plasma_feeds": [(1, 3, 1.0)]}, "state 3 of the tissue's 3"),
        ({"plasma_feeds": [(1, 2, np.inf)]}, "not finite"),
        ({"jump_times": np.array([1.0])}, "need jump_states and a jump"),
        ({"jump_times": np.array([-1.0])}, "need jump_states and a jump"),
        ({"jump_times": np.array([2.0, 1.0])}, "must increase"),
        ({"jump_states": [7]}, "item 7 of 3"),
    ],
)
def test_what_does_not_fit_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        tumour().run([HOUR], **options)
    early = {"jump_times": np.array([-1.0]), "jump_states": [0], "jump": lambda n, y: y}
    with pytest.raises(ValueError, match="before the begin"):
        tumour().run([HOUR], **early)
