"""Random expressions: tapes against plain arithmetic, derivatives against the complex step.

SPDX-License-Identifier: BSD-3-Clause

The complex step Im f(x + ih)/h has no cancellation (Squire and Trapp 1998,
doi:10.1137/S003614459631241X), so derivatives are compared to rounding.
"""

from __future__ import annotations

import cmath

import numpy as np
import pytest
from engine import Record, schedule
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from krogh import _core

pytestmark = pytest.mark.verification

NUM_STATES, NUM_PARAMETERS, SUBJECTS = 2, 2, 11
STEP = 1e-30

# Name in the graph, value on complex numbers, where it is defined (on the real part).
UNARY = {
    "neg": (lambda x: -x, lambda x: True),
    "exp": (cmath.exp, lambda x: x < 30.0),
    "expm1": (lambda x: x if abs(x.real) < 1e-30 else cmath.exp(x) - 1.0, lambda x: 1 < abs(x) < 9),
    "log": (cmath.log, lambda x: x > 1e-3),
    "log10": (cmath.log10, lambda x: x > 1e-3),
    "log1p": (lambda x: cmath.log(1.0 + x), lambda x: 0.5 < x < 1e9),
    "sqrt": (cmath.sqrt, lambda x: x > 1e-3),
    "sin": (cmath.sin, lambda x: abs(x) < 1e3),
    "cos": (cmath.cos, lambda x: abs(x) < 1e3),
    "tan": (cmath.tan, lambda x: abs(x) < 1e2 and abs(cmath.cos(x)) > 1e-2),
    "asin": (cmath.asin, lambda x: abs(x) < 0.99),
    "acos": (cmath.acos, lambda x: abs(x) < 0.99),
    "atan": (cmath.atan, lambda x: True),
    "sinh": (cmath.sinh, lambda x: 1e-3 < abs(x) < 30.0),
    "cosh": (cmath.cosh, lambda x: abs(x) < 30.0),
    "tanh": (cmath.tanh, lambda x: 1e-3 < abs(x) < 30.0),
    "abs": (lambda x: x if x.real > 0 else -x, lambda x: abs(x) > 1e-9),
}
BINARY = {
    "add": (lambda a, b: a + b, lambda a, b: True),
    "sub": (lambda a, b: a - b, lambda a, b: True),
    "mul": (lambda a, b: a * b, lambda a, b: True),
    "div": (lambda a, b: a / b, lambda a, b: abs(b) > 1e-3),
    "pow": (lambda a, b: cmath.exp(b * cmath.log(a)), lambda a, b: a > 1e-2 and abs(b) < 8.0),
    "min": (lambda a, b: a if a.real < b.real else b, lambda a, b: abs(a - b) > 1e-9),
    "max": (lambda a, b: a if a.real > b.real else b, lambda a, b: abs(a - b) > 1e-9),
}

leaves = st.one_of(
    st.tuples(st.just("state"), st.integers(0, NUM_STATES - 1)),
    st.tuples(st.just("parameter"), st.integers(0, NUM_PARAMETERS - 1)),
    st.tuples(st.just("constant"), st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5, 3.7, -0.25])),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(sorted(UNARY)), inner),
        st.tuples(st.sampled_from(sorted(BINARY)), inner, inner),
        st.tuples(st.just("where"), inner, inner, inner),
    ),
    max_leaves=14,
)


class OutsideDomainError(Exception):
    """The tree has no tame value here."""


def build(graph, tree):
    kind = tree[0]
    if kind in ("state", "parameter", "constant"):
        return getattr(graph, kind)(tree[1])
    operands = [build(graph, t) for t in tree[1:]]
    if kind == "where":
        return graph.select(*operands)
    return graph.unary(kind, *operands) if kind in UNARY else graph.binary(kind, *operands)


def value(tree, states, parameters):
    """Value on complex numbers; OutsideDomainError where an operation is not smooth and tame."""
    kind = tree[0]
    if kind == "state":
        return states[tree[1]]
    if kind == "parameter":
        return parameters[tree[1]]
    if kind == "constant":
        return complex(tree[1])
    operands = [value(t, states, parameters) for t in tree[1:]]
    if kind == "where":
        if abs(operands[0].real) < 1e-9:
            raise OutsideDomainError
        return operands[1] if operands[0].real > 0 else operands[2]
    function, is_defined = UNARY[kind] if kind in UNARY else BINARY[kind]
    if not is_defined(*(x.real for x in operands)):
        raise OutsideDomainError
    result = function(*operands)
    if not (abs(result.real) < 1e12 and abs(result.imag) < 1e15):
        raise OutsideDomainError
    return result


@settings(
    max_examples=400, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
@given(several=st.lists(trees, min_size=1, max_size=3), seed=st.integers(0, 10_000))
def test_values_and_derivatives(several, seed):
    draw = np.random.default_rng(seed)
    states = draw.uniform(0.2, 3.0, (SUBJECTS, NUM_STATES))
    parameters = draw.uniform(0.2, 3.0, (SUBJECTS, NUM_PARAMETERS))
    exact = np.full((SUBJECTS, len(several)), np.nan)
    slopes = np.full((SUBJECTS, len(several), NUM_STATES + NUM_PARAMETERS), np.nan)
    for i in range(SUBJECTS):
        point = [*states[i].astype(complex), *parameters[i].astype(complex)]
        for m, tree in enumerate(several):
            try:
                results = []
                for k in range(len(point)):
                    moved = list(point)
                    moved[k] += 1j * STEP
                    results.append(value(tree, moved[:NUM_STATES], moved[NUM_STATES:]))
            except (OutsideDomainError, OverflowError, ZeroDivisionError, ValueError):
                continue
            exact[i, m] = results[0].real
            slopes[i, m] = [r.imag / STEP for r in results]
    assume(np.any(np.isfinite(exact)))
    graph = _core.Graph()
    outputs = [build(graph, tree) for tree in several]
    program = _core.Program(
        graph, [f"y{i}" for i in range(NUM_STATES)], [f"p{i}" for i in range(NUM_PARAMETERS)],
        # The law is harmless: only values at the start are looked at.
        derivatives=[graph.constant(0.0)] * NUM_STATES,
        initial=[graph.constant(0.0)] * NUM_STATES, outputs=outputs,
        names_outputs=[f"f{m}" for m in range(len(several))],
    )  # fmt: skip
    directions = [("initial", k) for k in range(NUM_STATES)]
    directions += [("parameter", k) for k in range(NUM_PARAMETERS)]
    run = _core.simulate_point(
        program, parameters, schedule([[Record(0.0)]], True), initial_states=states,
        sensitivities=directions, method="rodas5p",
    )  # fmt: skip
    known = np.isfinite(exact)
    found, derivatives = run.values[:, 0], run.sensitivities[:, 0]
    for i, m in zip(*np.nonzero(known), strict=True):
        scalar = graph.evaluate(outputs[m], states[i].copy(), parameters[i].copy())
        # Cancellation inside an expression is not the tape's: the scale of its parts decides.
        size = largest_part(several[m], states[i], parameters[i])
        assert abs(found[i, m] - exact[i, m]) <= 1e-12 * size, several[m]
        assert abs(scalar - exact[i, m]) <= 1e-12 * size, several[m]
        scale = max(size, np.abs(slopes[i, m]).max()) * SENSITIVITY_ROOM
        assert np.abs(derivatives[i, m] - slopes[i, m]).max() <= 1e-12 * scale, several[m]


SENSITIVITY_ROOM = 1e4  # derivatives of parts (quotients, tangents) may be that much larger


def largest_part(tree, states, parameters):
    """Largest magnitude among the values of all subtrees, at least 1."""
    size = max(1.0, abs(value(tree, states.astype(complex), parameters.astype(complex))))
    if tree[0] in ("state", "parameter", "constant"):
        return size
    for part in tree[1:]:
        size = max(size, largest_part(part, states, parameters))
    return size * (30.0 if tree[0] in ("exp", "pow", "sinh", "cosh", "tan", "div") else 1.0)
