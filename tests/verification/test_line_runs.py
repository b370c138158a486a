"""The line solver as a call: bits, instruction sets, signs, limits, stops, refusals.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from engine import Law, where
from krogh import _core
from lines import CLOSED, STILL, Line, bench_n87, constant_input, even_faces

pytestmark = pytest.mark.verification


def last(run, state=0, line=0):
    """Cells of a state at the last record."""
    return run.values[line, -1, state]


def many(count=23):
    """Lines with parameters, geometry, transport and plasma of their own."""
    rng = np.random.default_rng(11)
    line = bench_n87(21, 3, lines=count)  # cells that do not fill their last block
    spread = lambda *shape: np.exp(0.3 * rng.standard_normal((count, *shape)))  # noqa: E731
    permeability = np.zeros((count, 2, 2))
    permeability[:, :, 0] = 3e-3 * spread(2)
    outer = 75.0 * spread(1) + 10.0
    return line.but(
        parameters=np.array(line.parameters) * spread(6).clip(None, 4.0),
        faces=8.0 + (outer - 8.0) * np.linspace(0.0, 1.0, 22),
        diffusivity=10.0 * spread(2, 21),
        permeability=permeability,
        options=line.options
        | {
            "pulse_amplitudes": line.options["pulse_amplitudes"] * spread(1, 1, 1),
            "pulse_times": np.sort(rng.uniform(0.0, 4e4, (count, 1)), axis=1),
            "rtol": 1e-2,
        },
    )


def test_bits_are_those_of_every_thread_count_order_and_width():
    line = many()
    times = [2e4, 86400.0]
    base = line.run(times)
    for options in ({"num_threads": 2}, {"num_threads": 3}, {"width": 8}, {"width": 16}):
        run = line.run(times, **options)
        assert np.array_equal(run.values, base.values)
        assert np.array_equal(run.entered, base.entered)
    order = np.random.default_rng(2).permutation(23)
    moved = {
        k: v[order] if k in ("pulse_amplitudes", "pulse_times") else v
        for k, v in line.options.items()
    }
    shuffled = line.but(
        parameters=line.parameters[order],
        faces=np.ascontiguousarray(line.faces[order]),
        diffusivity=line.diffusivity[order],
        permeability=line.permeability[order],
        options=moved,
    )
    run = shuffled.run(times, num_threads=2)
    assert np.array_equal(run.values, base.values[order])
    assert np.array_equal(run.stats["accepted"], base.stats["accepted"][order])


def test_instruction_sets_agree():
    line = many()
    best = _core.instruction_set()
    base = line.run([86400.0], rtol=1e-5)
    try:
        for name in _core.available_instruction_sets():
            _core.select_instruction_set(name)
            run = line.run([86400.0], rtol=1e-5)
            scale = base.values.max(axis=(0, 1, 3), keepdims=True)
            assert np.max(np.abs(run.values - base.values) / scale) < 1e-8
            assert np.all(np.abs(run.stats["accepted"] - base.stats["accepted"]) <= 1)
    finally:
        _core.select_instruction_set(best)


@pytest.mark.parametrize("rtol", [1e-1, 1e-2, 1e-3])
def test_a_saturating_dose_stays_positive_and_near_a_fine_solution(rtol):
    line = bench_n87(48, 8)
    fine = line.run([86400.0], rtol=1e-7, atol=[1e-8] * 8).values[0, 0]
    coarse = line.run([86400.0], rtol=rtol).values[0, 0]
    scale = fine.max(axis=1, keepdims=True)
    assert np.min(coarse / scale) > -rtol
    error = np.sqrt(np.mean(((coarse - fine) / scale) ** 2))
    assert error < rtol


def test_values_below_zero_need_leave():
    line = Line(
        STILL,
        [0.0],
        even_faces(0.0, 10.0, 8),
        {"c": (CLOSED, CLOSED)},
        options={"initial": np.linspace(-1.0, 1.0, 8)[None, None].copy()},
    )
    run = line.run([1e3], signed_states=[0])
    assert np.max(np.abs(last(run))) < 1e-2
    refused = line.run([1e3], check=False)
    ((number, _, sentence, time, state, cell, _),) = refused.failures
    assert (number, time, state, cell) == (0, 0.0, 0, 0)
    assert "below zero" in sentence


def test_too_many_steps_end_one_line():
    line = many()
    needed = np.sum(list(line.run([86400.0]).stats.values()), axis=0)
    limit = int(np.median(needed))
    run = line.run([86400.0], check=False, max_steps=limit)
    failed = [f[0] for f in run.failures]
    assert 0 < len(failed) < 23
    steps = run.stats["accepted"] + run.stats["rejected"]
    assert all(steps[f] == limit for f in failed)
    missing = np.isnan(run.values).any(axis=(1, 2, 3))
    assert sorted(failed) == list(np.flatnonzero(missing))


def test_progress_and_a_stop_by_the_caller():
    line = many()
    calls = []

    def stop(done, total, seconds):
        calls.append((done, total, seconds))
        return False

    busy = line.but(options=line.options | {"rtol": 1e-9})
    run = busy.run([86400.0], check=False, progress=stop)
    assert calls[0][1] == 23
    assert set(run.status) <= {0, 1}
    assert 1 in run.status


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"faces": [0.0, 1.0, 1.0]}, "faces must increase"),
        ({"diffusivity": -1.0}, "diffusivity must be finite and not negative"),
        ({"fraction": 0.0}, "fraction must be larger than 0 and at most 1"),
        ({"parameters": [math.nan]}, "parameters must be finite"),
        ({"geometry": "tube"}, "geometry must be cartesian, cylindrical or spherical"),
        ({"mobile": {"c": (("open", 0), CLOSED)}}, "a wall must be closed, membrane or fixed"),
        ({"mobile": {"c": (("fixed", 3), CLOSED)}}, "names input 3 of 1"),
        (
            {"options": constant_input(1.0) | {"table_times": np.array([0.0, 9.0])}},
            "table_values: found 0 values, expected 2",
        ),
        (
            {
                "options": constant_input(1.0)
                | {"table_times": np.array([0.0, 1.0]), "table_values": np.ones((1, 1, 2))}
            },
            "table_times must cover the run",
        ),
    ],
)
def test_wrong_lines_are_refused(change, words):
    line = Line(
        STILL,
        [0.0],
        [0.0, 1.0, 2.0],
        {"c": (("fixed", 0), CLOSED)},
        options=constant_input(1.0),
    ).but(**change)
    with pytest.raises(ValueError, match=words):
        line.run([2.0])


def test_conditions_are_refused_along_a_line():

    law = Law(("c",), ("k",), lambda t, y, p: [where(y.c - p.k, 1.0, 2.0)])
    with pytest.raises(ValueError, match="without events and conditions"):
        Line(law, [1.0], [0.0, 1.0], {"c": (CLOSED, CLOSED)}).run([1.0])


def test_grids_have_the_volumes_of_their_shapes():
    faces = _core.graded_faces(2.0, 5.0, 9, 3.0)
    for geometry, whole in (
        ("cartesian", 3.0),
        ("cylindrical", math.pi * 21.0),
        ("spherical", 4.0 / 3.0 * math.pi * 117.0),
    ):
        assert _core.line_grid(geometry, list(faces))["volumes"].sum() == pytest.approx(whole)


def test_a_caller_stops_one_long_line_between_two_steps():
    """Also while the other threads have nothing to do; a line of 2,000 cells is not cut short."""
    line = bench_n87(2000, 3)
    asked = []

    def progress(done, total, elapsed):
        asked.append(time.monotonic())
        return elapsed < 0.15

    run = line.run([86400.0], check=False, rtol=1e-8, num_threads=2, progress=progress)
    assert time.monotonic() - asked[-1] < 0.1
    assert [run.stats[k][0] for k in ("accepted", "rejected")] == [0, 0]  # of finished lines only
    assert list(run.status) == [1]
    assert np.all(np.isnan(run.values))
    assert not run.failures


def test_an_exception_of_the_caller_stops_one_long_line():
    def progress(done, total, elapsed):
        raise RuntimeError("enough")

    begin = time.monotonic()
    with pytest.raises(RuntimeError, match="enough"):
        bench_n87(2000, 3).run([86400.0], rtol=1e-8, progress=progress)
    assert time.monotonic() - begin < 5.0
