"""Anderson's method: exact for linear maps, through kinks, and better than plain steps.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from krogh.vessels.fixed_point import FixedPoint
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def steps_to(g: Callable[[Floats], Floats], start: Floats, tolerance: float) -> int:
    method, place = FixedPoint(), start
    for count in range(200):  # a failure shows as 200
        rest = g(place) - place
        if np.abs(rest).max() <= tolerance:
            return count
        place = method.next(place, rest)
    return 200


def test_a_linear_map_of_few_dimensions_is_solved_in_as_many_steps() -> None:
    matrix = np.array([[0.5, 2.0, 0.0], [-1.0, -1.5, 0.3], [0.2, 0.0, 1.8]])  # plain steps diverge
    assert np.abs(np.linalg.eigvals(matrix)).max() > 1.0
    assert steps_to(lambda x: matrix @ x + 1.0, np.zeros(3), 1e-9) <= 5


def test_a_map_with_a_kink_is_passed() -> None:
    def g(x: Floats) -> Floats:
        return np.where(x > 0.3, 1.0 - 1.4 * x, 0.2 - 0.9 * x) + 0.05 * np.roll(x, 1)

    place = steps_to(g, np.linspace(-2.0, 2.0, 8), 1e-10)
    assert place < 60


def test_a_slow_map_is_accelerated() -> None:
    rates = np.linspace(0.1, 0.98, 20)
    plain = int(np.log(1e-8) / np.log(0.98))  # the residual of the slowest part begins at 1
    assert plain > 900
    assert steps_to(lambda x: rates * x + 1.0, np.zeros(20), 1e-8) < plain / 5  # measured: 106
