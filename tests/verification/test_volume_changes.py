"""Transport that changes at stated times: as two runs one after the other, balance, bits, refusals.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from test_volume_plasma import RATES, blood
from volumes import CLOSED, HOUR, N87, Volume, antibody_law, box, require_same_bits, vessel_lines

pytestmark = pytest.mark.verification

OPEN = ("open", 0.0, -1)
TURN = 3.0 * HOUR


def tumour(shape=(6, 7, 8), **options):
    """Vessels that share a plasma with the body, a slow stream along x that leaves at both ends."""
    rate = vessel_lines(shape, 0.05)
    return Volume(
        antibody_law(),
        list(N87.values()),
        box(*reversed(shape)),
        {"F": [OPEN, OPEN] + [CLOSED] * 4},
        diffusivity=10.0,
        fraction=0.24,
        exchange=(("F", -1, rate, 1.3 * rate),),
        options=blood([(0, 0)], [1.0], [1e-6]) | flow(shape, 2e-2) | options,
    )


def flow(shape, speed):
    """Options of a velocity that grows along x from -speed to speed."""
    z, y, x = shape
    along = np.broadcast_to(np.linspace(-speed, speed, x + 1), (z, y, x + 1)).copy()
    return {
        "velocity_x": along,
        "velocity_y": np.zeros((z, y + 1, x)),
        "velocity_z": np.zeros((z + 1, y, x)),
    }


def change(time, shape=(6, 7, 8), speed=-1e-2, factor=2.0):
    v = flow(shape, speed)
    rate = np.ascontiguousarray(factor * vessel_lines(shape, 0.05)[None])
    return (time, v["velocity_x"], v["velocity_y"], v["velocity_z"], rate, 0.5 * rate)


def then(volume):
    """The problem as it is after the change."""
    rate = vessel_lines(volume.shape, 0.05)
    return volume.but(
        exchange=(("F", -1, 2.0 * rate, rate),),
        options=volume.options | flow(volume.shape, -1e-2),
    )


@pytest.mark.parametrize("method", ["ros34pw2", "rkc2"])
def test_a_change_is_two_runs_one_after_the_other(method):
    volume, end = tumour(), 6.0 * HOUR
    start = np.array([480.0, 0.0, 0.0])
    fixed = {"fixed_step": 600.0, "method": method}
    whole = volume.run([TURN, end], plasma_initial=start, changes=[change(TURN)], **fixed)
    first = volume.run([TURN], plasma_initial=start, **fixed)
    second = then(volume).run(
        [end],
        begin=TURN,
        initial=np.ascontiguousarray(first.values[-1]),
        plasma_initial=first.plasma[-1].copy(),
        **fixed,
    )
    np.testing.assert_array_equal(whole.values[0], first.values[0])
    # Linear systems are solved in single precision, from what the steps before left.
    close = 1e-7 if method == "ros34pw2" else 1e-12
    apart = np.abs(whole.values[1] - second.values[0]).max(axis=(1, 2, 3))
    assert np.all(apart <= close * np.abs(whole.values[1]).max(axis=(1, 2, 3)))
    np.testing.assert_allclose(whole.plasma[1], second.plasma[0], rtol=close)
    np.testing.assert_allclose(
        whole.entered[1], first.entered[0] + second.entered[0], rtol=close, atol=1e-6
    )
    np.testing.assert_allclose(
        whole.exchanged[1], first.exchanged[0] + second.exchanged[0], rtol=close
    )
    # The change is felt.
    same = volume.run([end], plasma_initial=start, **fixed)
    assert np.abs(same.contents[0, 0] / whole.contents[1, 0] - 1.0) > 0.05


def test_the_dose_stays_balanced_through_changes():
    volume = tumour()
    start = np.array([480.0, 0.0, 0.0])
    changes = [change(t, speed=s, factor=f) for t, s, f in ((-1.0, 1e-2, 3.0), (TURN, 3e-2, 0.1))]
    times = [HOUR, TURN, 2.0 * TURN]
    run = volume.run(times, plasma_initial=start, changes=changes)
    held = run.contents[:, 0] + run.contents[:, 2] + run.contents[:, 3]
    left = run.entered[:, 0].sum(axis=1)
    assert np.all(left[1:] < -1e-3 * held[1:])
    rest = 1e-6 * (held - left) + run.plasma.sum(axis=1) - 480.0
    assert np.abs(rest).max() < 1e-10 * 480.0
    # A change before the begin holds from the begin on.
    other = volume.run(times, plasma_initial=start, changes=[(0.0, *changes[0][1:]), changes[1]])
    np.testing.assert_array_equal(run.values, other.values)
    # Steps end at the change: a run that is not turned there agrees before it.
    alone = volume.run(times[:2], plasma_initial=start, changes=changes[:1])
    np.testing.assert_allclose(run.values[0], alone.values[0], rtol=2e-3, atol=1e-3)


def test_threads_do_not_change_a_bit():
    volume = tumour((18, 20, 22))
    start = np.array([480.0, 0.0, 0.0])
    turn = change(30.0, (18, 20, 22))
    runs = [
        volume.run([60.0], plasma_initial=start, changes=[turn], num_threads=threads)
        for threads in (1, 2, 3, 5)
    ]
    require_same_bits(runs, "values", "plasma", "entered")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ([change(2.0), change(1.0)], "changes must have finite times that increase"),
        ([change(np.nan)], "changes must have finite times"),
        ([(1.0, np.zeros(3), None, None, None, None)], "velocity along x: found 3 values"),
        ([(1.0, None, None, None, -np.ones((1, 336)), None)], "exchange_rates of a change must be"),
        ([(1.0, None, None, None, np.ones((2, 336)), None)], "exchange_rates of a change: found"),
        ([(1.0, None, None, None, None, np.full(336, np.nan))], "exchange_out_rates of a change"),
    ],
)
def test_changes_that_do_not_fit(wrong, words):
    with pytest.raises(ValueError, match=words):
        tumour().run([HOUR], changes=wrong)


def test_a_change_brings_nothing_that_was_not_there():
    rate = vessel_lines((6, 7, 8), 0.05)
    volume = Volume(
        antibody_law(),
        list(N87.values()),
        box(8, 7, 6),
        {"F": None},
        exchange=(("F", -1, rate),),
        options=blood([(0, 0)], [1.0], [1e-6], parameters=RATES),
    )
    with pytest.raises(ValueError, match="brings a velocity, but"):
        volume.run([HOUR], changes=[change(1.0)])
    with pytest.raises(ValueError, match="brings exchange_out_rates, but"):
        volume.run([HOUR], changes=[(1.0, None, None, None, None, rate[None].copy())])


def test_a_run_goes_on_to_the_same_bits_on_both_sides_of_a_change():
    volume, start = tumour(), np.array([480.0, 0.0, 0.0])
    common = {
        "plasma_initial": start,
        "changes": [change(TURN), change(2.0 * TURN, speed=1e-2)],
    }
    times = [HOUR, TURN, 2.0 * TURN, 3.0 * TURN]
    states = []
    whole = volume.run(
        times, on_state=lambda state, *_: states.append(state), state_steps=1, **common
    )
    assert len(states) == whole.stats["accepted"]
    picked = [s for s in states if s["time"] in (TURN, 2.0 * TURN)]
    assert len(picked) == 2
    for state in [states[2], *picked, states[-3]]:
        again = volume.run(times, resume=state, **common)
        np.testing.assert_array_equal(again.values[-1], whole.values[-1])
        np.testing.assert_array_equal(again.plasma[-1], whole.plasma[-1])
        np.testing.assert_array_equal(again.entered[-1], whole.entered[-1])
