"""Sensitivities of lines with branches or a flow through the tissue, beside differences; refusals.

SPDX-License-Identifier: BSD-3-Clause

With a fixed step the tangent is the derivative of the numbers that the solver returns.
"""

from __future__ import annotations

import numpy as np
import pytest
from lines import CLOSED, Line, even_faces
from test_line_flow import COMPETING, MEMBRANE, several
from test_line_sensitivities import difference, keywords

pytestmark = pytest.mark.verification

TIMES = [1.0, 4.0]
FIXED = {"fixed_step": 0.05}
OWN = ("parameters", "faces", "diffusivity", "fraction", "permeability")


def inputs_of(line, names):
    """Inputs by name with one set each, from the fields and the options of a line."""
    given = {k: np.asarray(getattr(line, k), dtype=float)[None] for k in OWN if k in names}
    return given | {k: np.asarray(line.options[k]) for k in names if k not in OWN}


def check(line, names):
    """Every direction moves one input, all of its values by a share of their own."""
    rng = np.random.default_rng(23)
    program = line.law.program()
    inputs = inputs_of(line, names)

    def solve(inputs, **options):
        own = {k: v for k, v in inputs.items() if k in OWN}
        rest = {k: v for k, v in inputs.items() if k not in OWN}
        return line.but(options=line.options | rest, **own).run(
            TIMES, program=program, **FIXED, **options
        )

    chosen = [(n, v * rng.uniform(0.5, 1.5, v.shape)) for n, v in inputs.items()]
    run = solve(inputs, **keywords(inputs, chosen))
    branches = len(line.options.get("branches", ()))
    if branches:
        assert run.content_sensitivities.shape == (1, 2, len(chosen), branches, 5)
        assert run.entered_sensitivities.shape == (1, 2, len(chosen), branches, 2, 2)

    def results(run):
        found = [run.values[0], run.contents[0], run.entered[0]]
        return found if run.plasma is None else [*found, run.plasma[0]]

    for k, (name, moved) in enumerate(chosen):

        def at(h, name=name, moved=moved):
            return results(solve(inputs | {name: inputs[name] + h * moved}))

        found = [
            run.sensitivities[0, :, k], run.content_sensitivities[0, :, k],
            run.entered_sensitivities[0, :, k],
        ]  # fmt: skip
        if run.plasma is not None:
            found.append(run.plasma_sensitivities[0, :, k])
        for mine, right, value in zip(found, difference(at, 1e-3), results(run), strict=True):
            error = np.max(np.abs(mine - right))
            assert error <= 1e-8 * np.max(np.abs(right)) + 1e-10 * np.max(np.abs(value)), name
    return run


@pytest.mark.parametrize("walls", [(MEMBRANE, CLOSED), (CLOSED, MEMBRANE), (MEMBRANE, MEMBRANE)])
def test_branches_that_share_a_plasma(walls):
    pairs = [
        (state, w, blood, 1.1, 4e-3)
        for w in (0, 1)
        for state, blood in (("f", "a"), ("g", "b"))
        if walls[w] == MEMBRANE
    ]
    weights = {"branch_weights": np.array([[0.7, 1.0, 1.4]])}
    line = several((3, 1, 4), walls=walls, pairs=pairs, **weights)
    check(line, (*OWN, "plasma_parameters", "outside_factor", "uptake_factor"))


def test_flow_through_the_tissue():
    cells = 7
    velocity = np.linspace(0.5, -0.3, cells + 1)  # Peclet numbers of a cell from -0.3 to 3
    line = Line(
        COMPETING,
        [0.02, 0.1, 0.05],
        even_faces(5.0, 25.0, cells),
        {"f": (("membrane", 0), ("membrane", -1)), "g": (("fixed", 0), CLOSED)},
        diffusivity=np.linspace(2.0, 4.0, 2 * cells).reshape(2, cells),
        fraction=np.linspace(0.2, 0.4, 2 * cells).reshape(2, cells),
        permeability=[[0.5, 0.2], [0.0, 0.0]],
        geometry="cylindrical",
        options={
            "velocity": np.array([velocity, 0.5 * velocity])[None],
            "rates": np.array([[[0.1, 0.0]]]),
            "pulse_times": np.array([[0.0, 2.0]]),
            "pulse_amplitudes": np.array([[[[3.0, 1.0]], [[2.0, 0.0]]]]),
        },
    )
    check(line, (*OWN, "velocity", "rates", "pulse_amplitudes"))


def test_a_flow_at_rest_can_be_moved():
    line = several((4, 3))
    line = line.but(options=line.options | {"velocity": np.zeros((1, 2, 9))})
    moved = np.ones((1, 1, 2, 9))
    run = line.run(TIMES, **FIXED, d_velocity=moved)

    def at(h):
        velocity = {"velocity": np.full((1, 2, 9), h)}
        found = line.but(options=line.options | velocity).run(TIMES, **FIXED)
        return [found.values[0], found.plasma[0]]

    found = [run.sensitivities[0, :, 0], run.plasma_sensitivities[0, :, 0]]
    for mine, right in zip(found, difference(at, 1e-2), strict=True):
        assert np.max(np.abs(mine - right)) < 1e-8 * np.max(np.abs(right))


def test_flow_beside_a_plasma():
    line = several((4, 3))
    velocity = np.full((1, 2, 9), 0.4)
    line = line.but(options=line.options | {"velocity": velocity})
    names = (*OWN, "velocity", "plasma_parameters", "outside_factor", "uptake_factor")
    run = check(line, names)
    assert np.max(np.abs(run.plasma_sensitivities)) > 0.0


def test_what_has_no_tangents_is_refused():
    line = several((4, 4))
    with pytest.raises(ValueError, match="needs a velocity"):
        line.run(TIMES, d_velocity=np.ones((1, 1, 2, 10)))
    vessel = line.but(
        options=line.options
        | {"axial_flow": np.array([50.0]), "axial_lengths": np.array([[10.0, 10.0]])}
    )
    with pytest.raises(ValueError, match="axial_flow"):
        vessel.run(TIMES, d_parameters=np.ones((1, 1, 3)))
