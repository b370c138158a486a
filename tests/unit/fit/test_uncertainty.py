"""Covariances, and directions that the data do not see.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from krogh.fit.uncertainty import precision_of

RANDOM = np.random.default_rng(3).standard_normal((20, 3)) * np.array([1.0, 100.0, 1e-3])
NONE = np.zeros(3, dtype=bool)
ONES = np.ones(3)


def test_the_covariance_is_the_inverse_of_the_information() -> None:
    found = precision_of(RANDOM, np.array([1.0, 0.01, 1e3]), NONE)
    expected = np.linalg.inv(RANDOM.T @ RANDOM)
    assert found.covariance == pytest.approx(expected, rel=1e-9)
    assert found.standard_errors == pytest.approx(np.sqrt(np.diag(expected)))
    assert not found.flat
    assert not found.unseen
    assert np.diag(found.correlation).tolist() == [1.0, 1.0, 1.0]


def test_a_column_without_effect_is_named() -> None:
    slopes = RANDOM / np.linalg.norm(RANDOM, axis=0)
    slopes[:, 1] = 0.0
    found = precision_of(slopes, ONES, NONE)
    assert found.unseen == (1,)
    assert found.standard_errors[1] == np.inf


def test_columns_that_are_multiples_make_a_flat_direction() -> None:
    slopes = RANDOM / np.linalg.norm(RANDOM, axis=0)
    slopes[:, 2] = -slopes[:, 0]
    found = precision_of(slopes, ONES, NONE)
    (direction,) = found.flat
    assert direction.members == (0, 2)
    assert direction.weights[0] == pytest.approx(direction.weights[1])
    assert np.isinf(found.standard_errors[[0, 2]]).all()
    assert found.standard_errors[1] < 10.0


def test_correlation_short_of_flat_is_no_flat_direction() -> None:
    slopes = RANDOM / np.linalg.norm(RANDOM, axis=0)
    slopes[:, 2] = slopes[:, 0] + 0.01 * slopes[:, 2]
    found = precision_of(slopes, ONES, NONE)
    assert not found.flat
    assert found.correlation[0, 2] < -0.999


def test_held_variables_do_not_count() -> None:
    found = precision_of(RANDOM, np.array([1.0, 0.01, 1e3]), np.array([False, True, False]))
    kept = RANDOM[:, [0, 2]]
    assert np.isnan(found.standard_errors[1])
    assert found.covariance[np.ix_([0, 2], [0, 2])] == pytest.approx(
        np.linalg.inv(kept.T @ kept), rel=1e-9
    )
