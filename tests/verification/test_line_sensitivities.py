"""Sensitivities along lines: differences, order, conservation, analytic cases, bits, refusals.

SPDX-License-Identifier: BSD-3-Clause

With a fixed step the tangent is the derivative of the numbers that the solver returns, so that
differences of two runs agree with it to their own rounding; with error control it is compared with
Richardson differences of runs at a tight tolerance.
"""

from __future__ import annotations

import numpy as np
import pytest
from engine import Law, exp
from lines import CLOSED, STILL, Line, adc_law, bench_n87, constant_input, even_faces

pytestmark = pytest.mark.verification

HOUR = 3600.0
CELLS = 8
GEOMETRIES = ("cartesian", "cylindrical", "spherical")
INPUTS = ("rates", "pulse_times", "pulse_amplitudes", "fields", "initial")
CONCENTRATION_STATES = 8


class Problem:
    """BENCH-N87 on few cells with every input uneven; its inputs by name, with one set each."""

    def __init__(self, geometry, given_initial=False):
        rng = np.random.default_rng(7)
        self.line = bench_n87(CELLS, 3.0)
        if geometry == "spherical":  # supplied from outside, as a spheroid is
            walls = {s: (CLOSED, inner) for s, (inner, _) in self.line.mobile.items()}
            self.line = self.line.but(mobile=walls, permeability=[[0.0, 3e-3]] * 2)
        self.line = self.line.but(geometry=geometry, faces=even_faces(8.0, 55.0, CELLS))
        self.program = self.line.law.program()

        def uneven(value, *shape):
            return np.asarray(value) * rng.uniform(0.8, 1.2, (1, *shape))

        amplitudes = self.line.options["pulse_amplitudes"][0, 0]
        self.inputs = {
            "parameters": np.array([self.line.parameters]),
            "diffusivity": uneven(10.0, 2, CELLS),
            "fraction": uneven(0.24, 2, CELLS),
            "permeability": np.array([self.line.permeability]),
            "faces": np.array([self.line.faces]),
            "fields": uneven(833.0, 1, CELLS),  # of S0
            "rates": np.array(self.line.options["rates"]),
            # A second, smaller dose within the run.
            "pulse_amplitudes": np.stack([amplitudes, 0.3 * amplitudes])[None],
        }
        if given_initial:
            run = self.run(self.inputs, [1e-9], final_states=True)
            self.inputs["initial"] = uneven(1.0, 8, CELLS) * np.maximum(run.final_states, 0.1)

    def run(self, inputs, times, **options):
        given = {k: v for k, v in inputs.items() if k in INPUTS} | {
            "pulse_times": np.array([[0.0, 2.5 * HOUR]]),
            "field_parameters": [4],
        }
        rest = {k: v for k, v in inputs.items() if k not in INPUTS}
        return self.line.but(options=given, **rest).run(times, program=self.program, **options)

    def directions(self):
        """Name and tangent of the input that moves, all others standing still."""
        rng = np.random.default_rng(11)
        found = []
        for i in range(6):
            moved = np.zeros((1, 6))
            moved[0, i] = self.inputs["parameters"][0, i]
            found.append(("parameters", moved))
        for name, value in self.inputs.items():
            if name != "parameters":
                found.append((name, value * rng.uniform(0.5, 1.5, value.shape)))
        return found

    def tangents(self, directions=None):
        """Keywords of the solver."""
        return keywords(self.inputs, directions if directions is not None else self.directions())


def keywords(inputs, directions):
    found = {}
    for k, (name, moved) in enumerate(directions):
        shape = (moved.shape[0], len(directions), *np.shape(inputs[name])[1:])
        found.setdefault("d_" + name, np.zeros(shape))[:, k] = moved
    return found


def results(run):
    return [run.values[0], run.contents[0], run.entered[0]]


def sensitivities(run, k):
    return [
        run.sensitivities[0, :, k],
        run.content_sensitivities[0, :, k],
        run.entered_sensitivities[0, :, k],
    ]


def difference(solve, step):
    """Central differences with one Richardson step."""

    def central(h):
        return [(a - b) / (2.0 * h) for a, b in zip(solve(h), solve(-h), strict=True)]

    return [(4 * b - a) / 3 for a, b in zip(central(step), central(step / 2), strict=True)]


def check_all(problem, bound, step, times, reference, **options):
    directions = problem.directions()
    run = problem.run(problem.inputs, times, **options, **problem.tangents(directions))
    assert run.sensitivities.shape == (1, len(times), len(directions), 8, CELLS)
    for k, (name, moved) in enumerate(directions):

        def solve(h, name=name, moved=moved):
            inputs = problem.inputs | {name: problem.inputs[name] + h * moved}
            return results(problem.run(inputs, times, **reference))

        expected = difference(solve, step)
        for found, right, value in zip(sensitivities(run, k), expected, results(run), strict=True):
            # What does not depend on a direction has differences of rounding size.
            floor = 1e-9 * np.max(np.abs(value))
            error = np.max(np.abs(found - right))
            assert error <= bound * np.max(np.abs(right)) + floor, (name, k, error)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_derivative_of_the_numbers_themselves(geometry):
    fixed = {"fixed_step": 0.01 * HOUR}
    problem = Problem(geometry, given_initial=geometry == "cartesian")
    check_all(problem, 1e-8, 1e-4, [1.0 * HOUR, 4.0 * HOUR], fixed, **fixed)


@pytest.mark.slow
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_differences_at_a_tight_tolerance(geometry):
    problem = Problem(geometry, given_initial=geometry == "cartesian")
    tight = {"rtol": 1e-10, "atol": [1e-9] * CONCENTRATION_STATES}
    usual = {"rtol": 1e-8, "atol": [1e-8] * CONCENTRATION_STATES}
    check_all(problem, 1e-6, 4e-3, [1.0 * HOUR, 6.0 * HOUR], tight, **usual)


def test_tolerance_is_felt_by_stiff_tangents():
    # Binding is faster than the steps are long; the W-method without curvature is at 1e-6 here.
    problem = Problem("cylindrical")
    directions = problem.tangents()

    def solve(tol):
        options = {"rtol": tol, "atol": [tol] * CONCENTRATION_STATES}
        return problem.run(problem.inputs, [6.0 * HOUR], **options, **directions).sensitivities

    best = solve(1e-11)
    largest = np.max(np.abs(best), axis=(0, 1, 3, 4), keepdims=True) + 1e-300
    errors = [np.max(np.abs(solve(tol) - best) / largest) for tol in (1e-6, 1e-8)]
    assert errors[0] < 2e-5
    assert errors[1] < 2e-7


BINDING = Law(
    ("c", "r", "b"),
    ("kon", "koff"),
    lambda t, y, p: [
        -p.kon * y.c * y.r + p.koff * y.b,
        -p.kon * y.c * y.r + p.koff * y.b,
        p.kon * y.c * y.r - p.koff * y.b,
    ],
)


def closed_box(law, parameters, cells=6, **rest):
    return Line(
        law, parameters, even_faces(0.0, 1.0, cells), {law.states[0]: (CLOSED, CLOSED)},
        diffusivity=0.1, **rest,
    )  # fmt: skip


def test_order_is_three():
    line = closed_box(BINDING, [1.0, 0.5])
    wave = 1.0 + 0.3 * np.cos(np.pi * line.centers)
    given = {
        "initial": np.array([1.0, 1.5, 0.1])[None, :, None] * wave,
        "d_parameters": np.eye(2)[None].copy(),
    }
    program = BINDING.program()

    def solve(steps):
        run = line.run([1.0], program=program, fixed_step=1.0 / steps, **given)
        return run.sensitivities

    best = solve(1024)
    errors = [np.max(np.abs(solve(steps) - best)) for steps in (16, 32, 64)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(orders > 2.9), orders


def test_first_order_loss_in_a_closed_cell_is_known():
    line = Line(STILL, [0.7], even_faces(0.0, 1.0, 1), {"c": (CLOSED, CLOSED)})
    times = np.array([0.5, 1.0, 3.0])
    run = line.run(
        times, rtol=1e-9, atol=[1e-12], initial=np.ones((1, 1, 1)), d_parameters=np.ones((1, 2, 1)),
        d_initial=np.array([0.0, 2.0]).reshape(1, 2, 1, 1),
    )  # fmt: skip
    by_rate = -times * np.exp(-0.7 * times)
    np.testing.assert_allclose(run.sensitivities[0, :, 0, 0, 0], by_rate, rtol=1e-8)
    both = by_rate + 2.0 * np.exp(-0.7 * times)
    np.testing.assert_allclose(run.sensitivities[0, :, 1, 0, 0], both, rtol=1e-8)


def test_steady_flux_through_a_membrane_by_its_permeability():
    # Flux between a membrane (outside 1) and a fixed wall (outside 0): 1/(1/P + L/D).
    d, length, p = 10.0, 40.0, 0.3
    line = Line(
        STILL, [0.0], even_faces(0.0, length, 4), {"c": (("membrane", 0), ("fixed", -1))},
        diffusivity=d, permeability=[[p, 0.0]], options=constant_input(1.0),
    )  # fmt: skip
    run = line.run(
        [1e6], rtol=1e-8, atol=[1e-10], d_permeability=np.array([[[[1.0, 0.0]], [[0.0, 0.0]]]]),
        d_diffusivity=np.array([0.0, 1.0]).reshape(1, 2, 1, 1) * np.ones(4),
    )  # fmt: skip
    # Derivatives of the profile C(x) = J (L - x)/D with J = 1/(1/P + L/D).
    flux = 1.0 / (1.0 / p + length / d)
    x = line.centers
    by_p = flux**2 / p**2 * (length - x) / d
    by_d = flux**2 * length / d**2 * (length - x) / d - flux * (length - x) / d**2
    np.testing.assert_allclose(run.sensitivities[0, -1, 0, 0], by_p, rtol=1e-7)
    np.testing.assert_allclose(run.sensitivities[0, -1, 1, 0], by_d, rtol=1e-7, atol=1e-10)


def test_kinetics_and_table_that_depend_on_time():
    law = Law(
        ("c", "b"),
        ("k", "w"),
        lambda t, y, p: [
            -p.k * exp(-p.w * t) * y.c + 0.1 * t * y.b,
            p.k * exp(-p.w * t) * y.c * y.b,
        ],
    )
    program = law.program()
    times = np.array([0.0, 0.4, 1.3, 2.0])
    inputs = {
        "parameters": np.array([[0.9, 0.6]]),
        "initial": np.array([1.0, 0.5])[None, :, None] * np.linspace(1.0, 1.5, 5),
        "table_values": np.array([[[0.0, 2.0, 1.0, 0.5]]]),
    }

    def run(inputs, **options):
        given = {k: v for k, v in inputs.items() if k != "parameters"} | {"table_times": times}
        line = Line(
            law, inputs["parameters"], even_faces(0.0, 2.0, 5), {"c": (("membrane", 0), CLOSED)},
            permeability=[[0.7, 0.0]], options=given,
        )  # fmt: skip
        return line.run([0.7, 2.0], program=program, fixed_step=0.05, **options)

    directions = [
        ("parameters", np.array([[1.0, 0.0]])),
        ("parameters", np.array([[0.0, 1.0]])),
        ("table_values", np.array([[[0.3, -1.0, 0.5, 2.0]]])),
    ]
    found = run(inputs, **keywords(inputs, directions))
    for k, (name, moved) in enumerate(directions):

        def solve(h, name=name, moved=moved):
            return results(run(inputs | {name: inputs[name] + h * moved}))

        for mine, right in zip(sensitivities(found, k), difference(solve, 1e-3), strict=True):
            assert np.max(np.abs(mine - right)) < 1e-9 * max(np.max(np.abs(right)), 1.0), (name, k)


def test_what_is_closed_keeps_the_tangent_of_its_amount():
    line = closed_box(BINDING, [5e3, 2.0], fraction=0.4, geometry="cylindrical").but(
        faces=even_faces(1.0, 3.0, 6)
    )
    rng = np.random.default_rng(3)
    initial = rng.uniform(0.5, 2.0, (1, 3, 6))
    moved = np.zeros((1, 4, 3, 6))
    moved[0, 3] = rng.uniform(-1.0, 1.0, (3, 6))
    ones = np.zeros((1, 4, 1, 6))
    ones[0, 2] = rng.uniform(0.0, 1.0, (1, 6))
    run = line.run(
        [0.0, 0.1, 10.0, 1000.0], rtol=1e-4, initial=initial, d_initial=moved, d_diffusivity=ones,
        d_fraction=0.1 * ones, d_parameters=np.eye(4, 2)[None].copy(),
    )  # fmt: skip
    drug = run.content_sensitivities[0, :, :, 0] + run.content_sensitivities[0, :, :, 2]
    size = np.max(np.abs(run.content_sensitivities[0]), axis=(0, 2))
    assert np.max(np.abs(drug - drug[0]) / size) < 1e-12
    expected = np.sum(line.volumes * (moved[0, 3, 0] + moved[0, 3, 2]))
    assert drug[0, 3] == pytest.approx(expected, rel=1e-13)
    assert not run.entered_sensitivities.any()


def test_ledger_and_contents_agree_in_their_tangents():
    problem = Problem("cylindrical")
    run = problem.run(problem.inputs, [HOUR, 6 * HOUR, 24 * HOUR], **problem.tangents())
    content = run.content_sensitivities[0]
    # F1 + B1 + E1 + L1 of the ADC, F2 + B2 + E2 of the antibody.
    amounts = np.stack(
        [content[..., [0, 3, 5, 6]].sum(axis=-1), content[..., [1, 4, 7]].sum(axis=-1)], axis=-1
    )
    entered = run.entered_sensitivities[0].sum(axis=-1)
    size = np.max(np.abs(content), axis=(0, 2))[None, :, None] + 1e-300
    assert np.max(np.abs(amounts - entered) / size) < 1e-12


def test_directions_are_linear():
    problem = Problem("cylindrical")
    directions = [d for d in problem.directions() if d[0] != "initial"]
    options = problem.tangents(directions)
    single = problem.run(problem.inputs, [5 * HOUR], **options).sensitivities.sum(axis=2)
    summed = {k: v.sum(axis=1, keepdims=True) for k, v in options.items()}
    together = problem.run(problem.inputs, [5 * HOUR], **summed).sensitivities[:, :, 0]
    size = np.max(np.abs(together), axis=-1, keepdims=True) + 1e-300
    assert np.max(np.abs(together - single) / size) < 1e-10


def test_bits():
    problem = Problem("cylindrical")
    lines = 7
    rng = np.random.default_rng(5)
    parameters = problem.inputs["parameters"] * rng.uniform(0.9, 1.1, (lines, 6))
    inputs = problem.inputs | {"parameters": parameters}
    directions = problem.tangents()
    directions["d_parameters"] = directions["d_parameters"] * rng.uniform(0.5, 1.5, (lines, 1, 1))
    times = [HOUR, 6 * HOUR]

    def solve(inputs, directions, lines=lines, **options):
        return problem.run(inputs, times, num_lines=lines, **options, **directions)

    def same(a, b):
        return (
            np.array_equal(a.values, b.values)
            and np.array_equal(a.sensitivities, b.sensitivities)
            and np.array_equal(a.content_sensitivities, b.content_sensitivities)
            and np.array_equal(a.entered_sensitivities, b.entered_sensitivities)
        )

    run = solve(inputs, directions)
    plain = solve(inputs, {})
    assert plain.sensitivities is None
    assert np.array_equal(run.values, plain.values)
    assert np.array_equal(run.entered, plain.entered)
    assert run.stats["accepted"].tolist() == plain.stats["accepted"].tolist()
    for options in ({"num_threads": 2}, {"width": 8}, {"width": 16}, {"width": 32}):
        assert same(run, solve(inputs, directions, **options)), options
    order = rng.permutation(lines)
    turned = solve(
        inputs | {"parameters": parameters[order]},
        directions | {"d_parameters": directions["d_parameters"][order]},
    )
    assert np.array_equal(run.sensitivities[order], turned.sensitivities)
    # One line alone, and one direction alone.
    alone = solve(
        inputs | {"parameters": parameters[3:4]},
        directions | {"d_parameters": directions["d_parameters"][3:4]},
        lines=1,
    )
    assert np.array_equal(run.sensitivities[3:4], alone.sensitivities)
    for k in (2, 7):
        one = solve(inputs, {name: v[:, k : k + 1].copy() for name, v in directions.items()})
        assert np.array_equal(run.sensitivities[:, :, k], one.sensitivities[:, :, 0])


def test_a_line_is_not_moved_by_what_others_move():
    # Line 0 moves its inputs only, line 1 its operator and a parameter as well.
    problem = Problem("cylindrical")
    shared = problem.inputs
    moved = {
        "d_pulse_amplitudes": np.repeat(shared["pulse_amplitudes"][:, None], 2, axis=0),
        "d_permeability": np.stack([0.0 * shared["permeability"], shared["permeability"]]),
        "d_parameters": np.stack([np.zeros((1, 6)), shared["parameters"]]),
    }
    both = problem.run(shared, [5 * HOUR], num_lines=2, **moved)
    alone = problem.run(shared, [5 * HOUR], d_pulse_amplitudes=moved["d_pulse_amplitudes"][:1])
    assert np.array_equal(both.sensitivities[0], alone.sensitivities[0])
    assert not np.array_equal(both.sensitivities[1], alone.sensitivities[0])


def test_a_tangent_that_is_not_finite_is_a_failure():
    # The derivative of sqrt(p) at p = 0 is infinite, the values are not.
    law = Law(("c",), ("k", "p"), lambda t, y, p: [-p.k * y.c + p.p**0.5])
    line = Line(law, [1.0, 0.0], even_faces(0.0, 1.0, 3), {"c": (CLOSED, CLOSED)})
    run = line.run(
        [1.0], check=False, initial=np.ones((1, 1, 3)), d_parameters=np.array([[[0.0, 1.0]]])
    )
    (failure,) = run.failures
    assert failure[2] == "a value became infinite or not a number" or "finite" in failure[2]
    assert np.isfinite(run.values).all()
    still = line.run([1.0], initial=np.ones((1, 1, 3)), d_parameters=np.array([[[1.0, 0.0]]]))
    assert np.isfinite(still.sensitivities).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"d_parameters": np.zeros((1, 2, 5))}, "d_parameters"),
        ({"d_parameters": np.zeros((2, 6))}, "axes"),
        (
            {"d_parameters": np.zeros((1, 2, 6)), "d_permeability": np.zeros((1, 3, 2, 2))},
            "directions",
        ),
        ({"d_diffusivity": np.full((1, 1, 2, 8), np.nan)}, "finite"),
        ({"d_pulse_amplitudes": np.zeros((1, 1, 3, 2, 2))}, "d_pulse_amplitudes"),
        ({"d_table_values": np.zeros((1, 1, 2, 2))}, "d_table_values"),
    ],
)
def test_refusals(wrong, message):
    problem = Problem("cylindrical")
    with pytest.raises(ValueError, match=message):
        problem.run(problem.inputs, [1.0], **wrong)


def test_a_diffusivity_of_zero_cannot_be_moved():
    line = closed_box(STILL, [1.0]).but(diffusivity=[[0.0, 0.0, 1.0, 1.0, 1.0, 1.0]])
    given = {"initial": np.ones((1, 1, 6))}
    with pytest.raises(ValueError, match="zero"):
        line.run([1.0], d_diffusivity=np.ones((1, 1, 1, 6)), **given)
    moved = np.array([0.0, 0.0, 1.0, 1.0, 1.0, 1.0]).reshape(1, 1, 1, 6)
    assert np.isfinite(line.run([1.0], d_diffusivity=moved, **given).sensitivities).all()


def test_law_of_the_bench_has_eight_species():
    assert len(adc_law().states) == CONCENTRATION_STATES
