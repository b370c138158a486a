"""Random numbers keyed by seed, purpose and subject, and correlated draws made from them.

SPDX-License-Identifier: BSD-3-Clause

A draw depends on (seed, purpose, subject, position) alone, so subject 17 is the same person in a
batch of ten and in one of a million, in any order and on any number of threads.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from krogh import _core
from krogh.errors import SpecError

__all__ = ["cholesky", "purpose_of", "require_seed", "standard_normals", "subject_keys"]

_SEMIDEFINITE: Final = 1e-10  # eigenvalues of correlations between -1e-10 and 1e-10 are round-off


def purpose_of(*names: str) -> int:
    """Return the 31-bit stream number of a purpose, the same on every machine.

    Streams of different names differ unless BLAKE2b's first 31 bits agree.
    """
    digest = hashlib.blake2b("\x1f".join(names).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") & 0x7FFFFFFF


def subject_keys(ids: ArrayLike) -> NDArray[np.int64]:
    """Return the key of each subject: its ID where that is a whole number, else a hash of its text.

    Parameters
    ----------
    ids
        Shape (num_subjects,).
    """
    array = np.asarray(ids)
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind == "f" and np.all(array == np.floor(array)):
        return array.astype(np.int64)
    keys = [
        int.from_bytes(hashlib.blake2b(str(i).encode(), digest_size=8).digest(), "little") >> 1
        for i in array.tolist()
    ]
    return np.array(keys, dtype=np.int64)


def require_seed(seed: int) -> None:
    """Raise SpecError KG-117 unless `seed` is a whole number from 0 to 2^63 - 1."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**63:
        raise SpecError(f"KG-117: seed must be a whole number from 0 to 2^63 - 1, not {seed!r}.")


def standard_normals(
    seed: int, purpose: int, subjects: NDArray[np.int64], count: int
) -> NDArray[np.float64]:
    """Return independent N(0, 1) numbers, shape (num_subjects, count).

    Column k of a subject does not depend on `count`, on the other subjects or on their order.
    """
    require_seed(seed)
    keys = np.ascontiguousarray(subjects, dtype=np.int64)
    if count == 0 or keys.size == 0:
        return np.zeros((keys.size, count))
    draws: NDArray[np.float64] = _core.standard_normals(int(seed), int(purpose), keys, int(count))
    return draws


def cholesky(covariance: ArrayLike, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Return a lower triangle L with L L^T = covariance, which may be singular.

    Parameters
    ----------
    covariance
        Shape (k, k), symmetric and positive semi-definite.
    names
        The k quantities, for messages.

    Raises
    ------
    SpecError
        KG-116 where the matrix has the wrong shape, is not symmetric, not finite, or not positive
        semi-definite; the message names the offending pair or the smallest eigenvalue.
    """
    matrix: NDArray[Any] = np.array(covariance, dtype=np.float64)
    k = len(names)
    label = ", ".join(names)
    if matrix.shape != (k, k):
        raise SpecError(
            f"KG-116: the covariance of ({label}) must have shape ({k}, {k}), not {matrix.shape}."
        )
    if not np.all(np.isfinite(matrix)):
        raise SpecError(f"KG-116: the covariance of ({label}) holds values that are not finite.")
    largest = float(np.max(np.abs(matrix), initial=0.0))
    uneven = np.abs(matrix - matrix.T) > 1e-12 * largest
    if np.any(uneven):
        i, j = map(int, np.argwhere(uneven)[0])
        raise SpecError(
            f"KG-116: the covariance of ({label}) is not symmetric: {names[i]} with {names[j]} is"
            f" {matrix[i, j]:g}, {names[j]} with {names[i]} is {matrix[j, i]:g}."
        )
    deviation = np.sqrt(np.clip(np.diag(matrix), 0.0, None))
    safe = np.where(deviation > 0.0, deviation, 1.0)
    correlation = matrix / np.outer(safe, safe)
    wrong = [
        f"  The variance of {names[i]} is {matrix[i, i]:g}." for i in range(k) if matrix[i, i] < 0.0
    ] + [
        f"  {names[i]} and {names[j]} would have the correlation {correlation[i, j]:.3g}."
        for i in range(k)
        for j in range(i)
        if abs(correlation[i, j]) > (1.0 + 1e-12) * (deviation[i] > 0.0 and deviation[j] > 0.0)
    ]
    smallest = float(np.linalg.eigvalsh(correlation)[0]) if k else 0.0
    if wrong or smallest < -_SEMIDEFINITE:
        raise SpecError(
            f"KG-116: the covariance of ({label}) is not positive semi-definite: the smallest"
            f" eigenvalue of its correlations is {smallest:.3g}.\n"
            + "\n".join(wrong or ["  No single pair is at fault; the correlations contradict."])
            + "\n  Give variances on the diagonal and covariances (not correlations) beside it."
        )
    lower = np.zeros((k, k))
    for j in range(k):
        pivot = correlation[j, j] - lower[j, :j] @ lower[j, :j]
        if pivot <= _SEMIDEFINITE:
            continue  # a direction without variance of its own: its column stays zero
        lower[j, j] = np.sqrt(pivot)
        lower[j + 1 :, j] = (correlation[j + 1 :, j] - lower[j + 1 :, :j] @ lower[j, :j]) / lower[
            j, j
        ]
    scaled: NDArray[np.float64] = deviation[:, None] * lower
    return scaled
