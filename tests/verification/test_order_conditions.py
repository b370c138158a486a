"""Order conditions of all integration methods, by rooted trees, from the coefficients of the core.

SPDX-License-Identifier: BSD-3-Clause

A tree is the sorted tuple of the trees that hang from its root. Elementary weights and densities
are those of Hairer, Norsett & Wanner 1993 (Solving ODEs I, II.2) for Runge-Kutta methods and of
Hairer & Wanner 1996 (Solving ODEs II, IV.7, theorems 7.4 and 7.7) for Rosenbrock and W-methods.
Sums are taken in exact rational arithmetic on the doubles of the core where it matters.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from itertools import product

import numpy as np
import pytest
from krogh import _core

pytestmark = pytest.mark.verification
ROSENBROCK = {"rodas4": (4, 3, 3), "rodas5p": (5, 4, 4), "ros34pw2": (3, 2, 3)}


@cache
def trees(order):
    """All rooted trees with that many vertices."""
    if order == 1:
        return ((),)

    def forests(left, largest):
        if left == 0:
            yield ()
        for size in range(1, min(left, largest) + 1):
            for tree in trees(size):
                for rest in forests(left - size, size):
                    yield tuple(sorted((tree, *rest)))

    return tuple(sorted(set(forests(order - 1, order - 1))))


def vertices(tree):
    return 1 + sum(vertices(branch) for branch in tree)


def density(tree):
    value = vertices(tree)
    for branch in tree:
        value *= density(branch)
    return value


def up_to(order):
    return [tree for size in range(1, order + 1) for tree in trees(size)]


def test_trees_are_counted_right():
    assert [len(trees(n)) for n in range(1, 7)] == [1, 1, 2, 4, 9, 20]
    assert [density(t) for t in trees(3)] in ([3, 6], [6, 3])


class Rosenbrock:
    """Coefficients transformed back to alpha, Gamma, b (IV.7, eq. 7.24)."""

    def __init__(self, method):
        t = _core.tableau(method)
        stages = len(t["m"])
        self.table = t
        # Gamma^-1 = I/gamma - C, A_u = alpha Gamma^-1, m = b Gamma^-1.
        self.gamma = np.linalg.inv(np.eye(stages) / t["gamma"] - t["c"])
        self.alpha = t["a"] @ self.gamma
        self.weights = t["m"] @ self.gamma
        self.error = t["e"] @ self.gamma
        self.dense = t["h"] @ self.gamma
        self.ones = np.ones(stages)

    def phi(self, tree):
        """Elementary weights of the stages: single branches through alpha + gamma."""
        value = self.ones.copy()
        matrix = self.alpha + self.gamma if len(tree) == 1 else self.alpha
        for branch in tree:
            value = value * (matrix @ self.phi(branch))
        return value


class Explicit:
    """Exact rational copies of the doubles."""

    def __init__(self, method):
        t = _core.tableau(method)
        exact = np.vectorize(Fraction, otypes=[object])
        self.table = t
        self.a = exact(t["a"])
        self.alpha = exact(t["alpha"])
        self.weights = self.a[-1]
        self.error = exact(t["e"])
        self.dense = exact(t["h"])
        self.stages = len(t["alpha"])

    def phi(self, tree):
        value = np.array([Fraction(1)] * self.stages, dtype=object)
        for branch in tree:
            value = value * (self.a @ self.phi(branch))
        return value


@pytest.mark.parametrize("method", ROSENBROCK)
def test_rosenbrock_orders(method):
    scheme = Rosenbrock(method)
    order, embedded, _ = ROSENBROCK[method]
    assert (scheme.table["order"], scheme.table["embedded_order"]) == (order, embedded)
    for tree in up_to(order):
        residual = scheme.weights @ scheme.phi(tree) - 1.0 / density(tree)
        assert abs(residual) < 1e-13, (tree, residual)
    for tree in up_to(embedded):
        assert abs(scheme.error @ scheme.phi(tree)) < 1e-13, tree
    # The claim is sharp: the next order fails, for the method and for its embedded one.
    assert (
        max(abs(scheme.weights @ scheme.phi(t) - 1.0 / density(t)) for t in trees(order + 1)) > 1e-5
    )
    assert max(abs(scheme.error @ scheme.phi(t)) for t in trees(embedded + 1)) > 1e-5


@pytest.mark.parametrize("method", ROSENBROCK)
def test_rosenbrock_sums_and_stability(method):
    scheme = Rosenbrock(method)
    table = scheme.table
    np.testing.assert_allclose(scheme.alpha.sum(axis=1), table["alpha"], atol=1e-13)
    np.testing.assert_allclose(scheme.gamma.sum(axis=1), table["gamma_i"], atol=1e-13)
    # Stiffly accurate: the last stage is the solution, so the stability function vanishes at
    # infinity (IV.3, prop. 3.8), for the embedded solution as well where it is of the same form.
    np.testing.assert_allclose(table["m"][:-1], table["a"][-1][:-1], atol=1e-14)
    assert table["m"][-1] == 1.0
    beta = scheme.alpha + scheme.gamma
    at_infinity = 1.0 - scheme.weights @ np.linalg.solve(beta, scheme.ones)
    assert abs(at_infinity) < 1e-13
    # A-stable along the imaginary axis: |R(iy)| <= 1.
    for y in np.logspace(-3, 6, 200):
        z = 1j * y
        r = 1.0 + z * scheme.weights @ np.linalg.solve(np.eye(len(beta)) - z * beta, scheme.ones)
        assert abs(r) <= 1.0 + 1e-12, y


@pytest.mark.parametrize("method", ROSENBROCK)
def test_rosenbrock_dense_output(method):
    scheme = Rosenbrock(method)
    order = ROSENBROCK[method][2]
    assert scheme.table["dense_order"] == order
    for theta in (0.1, 0.37, 0.5, 0.83):
        inner = scheme.dense[0] + theta * (scheme.dense[1] + theta * scheme.dense[2])
        weights = theta * (scheme.weights + (1.0 - theta) * inner)
        for tree in up_to(order):
            expected = theta ** vertices(tree) / density(tree)
            assert abs(weights @ scheme.phi(tree) - expected) < 1e-12, (tree, theta)


def test_ros34pw2_keeps_order_3_with_any_matrix():
    """W-conditions: a vertex with one branch may be fat, that is go by gamma; then the sum is 0."""
    scheme = Rosenbrock("ros34pw2")

    def colored(tree):
        branches = list(product(*(colored(branch) for branch in tree)))
        for fat in (False, True) if len(tree) == 1 else (False,):
            for choice in branches:
                yield (fat, choice)

    def phi(tree):
        fat, branches = tree
        value = scheme.ones.copy()
        matrix = scheme.gamma if fat else scheme.alpha
        for branch in branches:
            value = value * (matrix @ phi(branch))
        return value

    def is_fat(tree):
        return tree[0] or any(is_fat(branch) for branch in tree[1])

    count = 0
    for tree in up_to(3):
        for coloring in colored(tree):
            expected = 0.0 if is_fat(coloring) else 1.0 / density(tree)
            assert abs(scheme.weights @ phi(coloring) - expected) < 1e-13, coloring
            if vertices(tree) <= 2:
                assert abs(scheme.error @ phi(coloring)) < 1e-13, coloring
            count += 1
    assert count == 8  # theorem 7.7: 1, 2 and 5 conditions for orders 1, 2 and 3


def test_explicit5_orders_are_exact_to_rounding():
    scheme = Explicit("explicit5")
    for row, alpha in zip(scheme.a, scheme.alpha, strict=True):
        assert abs(float(sum(row) - alpha)) < 1e-15
    for tree in up_to(5):
        residual = float(scheme.weights @ scheme.phi(tree) - Fraction(1, density(tree)))
        assert abs(residual) < 1e-15, (tree, residual)
    for tree in up_to(4):
        assert abs(float(scheme.error @ scheme.phi(tree))) < 1e-15, tree
    assert (
        max(abs(float(scheme.weights @ scheme.phi(t)) - 1.0 / density(t)) for t in trees(6)) > 1e-5
    )
    assert max(abs(float(scheme.error @ scheme.phi(t))) for t in trees(5)) > 1e-5


def test_explicit5_dense_output_has_order_4():
    scheme = Explicit("explicit5")
    for theta in (Fraction(1, 10), Fraction(1, 2), Fraction(5, 6)):
        inner = scheme.dense[0] + theta * (scheme.dense[1] + theta * scheme.dense[2])
        weights = theta * (scheme.weights + (1 - theta) * inner)
        for tree in up_to(4):
            residual = float(weights @ scheme.phi(tree) - theta ** vertices(tree) / density(tree))
            assert abs(residual) < 1e-14, (tree, theta, residual)


def test_tableau_of_unknown_method_is_refused():
    with pytest.raises(ValueError, match="no table of coefficients"):
        _core.tableau("rkc2")
