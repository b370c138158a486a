"""Sensitivities of lines with a plasma of their own: differences, conservation, bits, refusals.

SPDX-License-Identifier: BSD-3-Clause

With a fixed step the tangent is the derivative of the numbers that the solver returns.
"""

from __future__ import annotations

import numpy as np
import pytest
from test_line_plasma import (
    BOLUS,
    DAY,
    FORMS,
    HOUR,
    RATE,
    SATURABLE,
    SATURABLE_AT,
    coupled,
    drugs,
)
from test_line_sensitivities import difference, keywords

pytestmark = pytest.mark.verification

CELLS = 6
LAW = drugs(SATURABLE)
DOSES = [
    (0.0, "a1", 0.48, BOLUS),
    (0.0, "a2", 1.0, BOLUS),
    (0.5 * HOUR, "a2", 2e-4, RATE),
    (1.5 * HOUR, "a2", -2e-4, RATE),
    (1.5 * HOUR, "a1", 0.3, BOLUS),
]
OWN = ("parameters", "diffusivity", "fraction", "permeability")


def problem(wall=0, doses=DOSES, **changes):
    """A line, its program, and its inputs by name, with one set each."""
    line, uptake = coupled(
        SATURABLE, SATURABLE_AT, wall=wall, doses=doses, cells=CELLS, geometry="cylindrical",
        **changes,
    )  # fmt: skip
    cells = np.linspace(0.9, 1.1, CELLS)
    inputs = {
        "parameters": np.array([line.parameters], dtype=float),
        "diffusivity": np.full((1, 2, CELLS), 10.0) * cells,
        "fraction": np.full((1, 2, CELLS), 0.24) * cells[::-1],
        "permeability": np.array([line.permeability], dtype=float),
        "plasma_parameters": np.array([SATURABLE_AT]),
        "plasma_initial": np.array([[0.01, 0.02, 0.003, 0.0, 0.02, 0.01, 0.001, 0.0]]),
        "outside_factor": line.options["outside_factor"],
        "uptake_factor": line.options["uptake_factor"],
        "dose_amounts": line.options["dose_amounts"],
    }
    return line, line.law.program(), inputs, uptake


def solve(line, program, inputs, times, **options):
    own = {k: inputs[k] for k in OWN}
    rest = {k: v for k, v in inputs.items() if k not in OWN}
    return line.but(options=line.options | rest, **own).run(times, program=program, **options)


def directions(inputs):
    rng = np.random.default_rng(13)
    found = []
    for name in ("parameters", "plasma_parameters"):
        for i in range(inputs[name].shape[1]):
            moved = np.zeros_like(inputs[name])
            moved[0, i] = inputs[name][0, i]
            found.append((name, moved))
    for name, value in inputs.items():
        if name not in ("parameters", "plasma_parameters"):
            found.append((name, value * rng.uniform(0.5, 1.5, value.shape)))
    return found


def tangents(inputs, chosen):
    """Keywords of the solver; doses have no axis of lines."""
    inputs = inputs | {"dose_amounts": inputs["dose_amounts"][None]}
    return keywords(inputs, [(n, m[None] if n == "dose_amounts" else m) for n, m in chosen])


def results(run):
    return [run.values[0], run.contents[0], run.entered[0], run.plasma[0]]


@pytest.mark.parametrize("wall", [0, 1])
def test_derivative_of_the_numbers_themselves(wall):
    line, program, inputs, _ = problem(wall)
    times = [1.0 * HOUR, 3.0 * HOUR]
    fixed = {"fixed_step": 0.02 * HOUR}
    chosen = directions(inputs)
    run = solve(line, program, inputs, times, **fixed, **tangents(inputs, chosen))
    assert run.plasma_sensitivities.shape == (1, 2, len(chosen), 8)
    for k, (name, moved) in enumerate(chosen):

        def at(h, name=name, moved=moved):
            return results(
                solve(line, program, inputs | {name: inputs[name] + h * moved}, times, **fixed)
            )

        found = [
            run.sensitivities[0, :, k], run.content_sensitivities[0, :, k],
            run.entered_sensitivities[0, :, k], run.plasma_sensitivities[0, :, k],
        ]  # fmt: skip
        for mine, right, value in zip(found, difference(at, 1e-4), results(run), strict=True):
            error = np.max(np.abs(mine - right))
            bound = 1e-7 * np.max(np.abs(right)) + 1e-9 * np.max(np.abs(value))
            assert error <= bound, (name, k, error, np.max(np.abs(right)))


@pytest.mark.slow
def test_differences_at_a_tight_tolerance():
    line, program, inputs, _ = problem()
    times = [0.7 * HOUR, 6.0 * HOUR]

    def tolerances(tol):
        return {"rtol": tol, "atol": [tol] * 8, "plasma_atol": [tol * 1e-2] * 8}

    chosen = directions(inputs)
    run = solve(line, program, inputs, times, **tolerances(1e-8), **tangents(inputs, chosen))
    for k, (name, moved) in enumerate(chosen):

        def at(h, name=name, moved=moved):
            changed = inputs | {name: inputs[name] + h * moved}
            found = solve(line, program, changed, times, **tolerances(1e-10))
            return [found.values[0], found.plasma[0]]

        found = [run.sensitivities[0, :, k], run.plasma_sensitivities[0, :, k]]
        values = [run.values[0], run.plasma[0]]
        for mine, right, value in zip(found, difference(at, 3e-3), values, strict=True):
            error = np.max(np.abs(mine - right))
            assert error <= 1e-6 * np.max(np.abs(right)) + 1e-9 * np.max(np.abs(value)), (name, k)


@pytest.mark.parametrize("rtol", [1e-2, 1e-5])
def test_doses_and_their_tangents_are_somewhere(rtol):
    # Amounts in plasma, lost from it and in the tissue add up to what has been given, along every
    # direction; per dose nothing but that dose's own tangent.
    line, program, inputs, uptake = problem()
    inputs = {k: v for k, v in inputs.items() if k not in ("plasma_initial", "uptake_factor")}
    times = [60.0, HOUR, 2 * HOUR, DAY, 21 * DAY]
    chosen = directions(inputs)
    run = solve(line, program, inputs, times, rtol=rtol, **tangents(inputs, chosen))
    for drug in (1, 2):
        held = [4 * (drug - 1) + i for i in (0, 2, 3)]
        forms = uptake * run.content_sensitivities[0][..., FORMS[drug]]
        inside = forms.sum(axis=-1)
        plasma = run.plasma_sensitivities[0][..., held]
        given = np.zeros((len(times), len(chosen)))
        for k, (name, moved) in enumerate(chosen):
            if name != "dose_amounts":
                continue
            for (time, state, _, kind), amount in zip(DOSES, moved, strict=True):
                if state == f"a{drug}":
                    past = np.clip(np.array(times) - time, 0.0, None)
                    given[:, k] += (
                        amount * (past if kind == RATE else past >= 0.0) * (np.array(times) >= time)
                    )
        size = np.max(np.abs(plasma), axis=(0, 2)) + np.max(np.abs(forms), axis=(0, 2))
        error = np.max(np.abs(plasma.sum(axis=-1) + inside - given), axis=0)
        moving = size > 0.0
        assert np.max(error[moving] / size[moving]) < 1e-11


def test_bits():
    line, program, inputs, _ = problem(num_lines=5)
    rng = np.random.default_rng(17)
    inputs = inputs | {
        "plasma_parameters": inputs["plasma_parameters"] * rng.uniform(0.9, 1.1, (5, 8)),
        "dose_amounts": inputs["dose_amounts"] * np.repeat(rng.uniform(0.9, 1.1, 5), 5),
    }
    chosen = [(name, moved) for name, moved in directions(problem()[2]) if name != "dose_amounts"]
    moved = tangents(inputs | {"plasma_parameters": np.ones((1, 8))}, chosen)
    times = [1.0 * HOUR, 5.0 * HOUR]

    def same(a, b):
        return np.array_equal(a.sensitivities, b.sensitivities) and np.array_equal(
            a.plasma_sensitivities, b.plasma_sensitivities
        )

    run = solve(line, program, inputs, times, **moved)
    plain = solve(line, program, inputs, times)
    assert np.array_equal(run.values, plain.values)
    assert np.array_equal(run.plasma, plain.plasma)
    assert plain.plasma_sensitivities is None
    for options in ({"num_threads": 2}, {"width": 8}, {"width": 32}):
        assert same(run, solve(line, program, inputs, times, **options, **moved)), options
    for k in (0, 9, 16):
        one = {name: v[:, k : k + 1].copy() for name, v in moved.items()}
        alone = solve(line, program, inputs, times, **one)
        assert np.array_equal(run.sensitivities[:, :, k], alone.sensitivities[:, :, 0])
        assert np.array_equal(
            run.plasma_sensitivities[:, :, k], alone.plasma_sensitivities[:, :, 0]
        )


def test_refusals():
    line, program, inputs, _ = problem()
    for name, wrong in (
        ("d_plasma_parameters", np.zeros((1, 2, 3))),
        ("d_outside_factor", np.zeros((1, 2, 1))),
        ("d_dose_amounts", np.zeros((1, 2, 4))),
    ):
        with pytest.raises(ValueError, match=name):
            solve(line, program, inputs, [1.0], **{name: wrong})
