"""Random effects from what publications print: coefficients of variation, variances, correlations.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from krogh.errors import SpecError, did_you_mean
from krogh.model.components import Variability

__all__ = ["variability"]

Pair = tuple[str, str, float]


def variability(
    names: str | Sequence[str],
    *,
    cv: float | Sequence[float] | None = None,
    variance: float | Sequence[float] | None = None,
    sd: float | Sequence[float] | None = None,
    covariances: Iterable[Pair] = (),
    correlations: Iterable[Pair] = (),
    level: Literal["subject", "occasion"] = "subject",
    source: str = "",
) -> Variability:
    """Return random effects with the covariance that a publication reports.

    Parameters
    ----------
    names
        Random effects, for example ``("eta_CL", "eta_V1")``.
    cv
        Coefficients of variation of log-normal parameters as fractions (0.40 for 40 %); the
        variance of the effect is ``log(1 + cv^2)``.
    variance, sd
        Instead: variances or standard deviations of the effects.
    covariances, correlations
        Off-diagonal entries as (name, name, value); those not named are 0.
    level
        Between subjects or between occasions.
    source
        Where the values come from.

    Raises
    ------
    SpecError
        KG-101 unless exactly one of `cv`, `variance`, `sd` is given; KG-103 for a pair with an
        unknown name; KG-108 for wrong numbers of values, negative ones, or a matrix that is no
        covariance.

    Examples
    --------
    >>> variability("eta_CL", cv=0.401).covariance[0][0]  # doctest: +ELLIPSIS
    0.1491...
    """
    effects = (names,) if isinstance(names, str) else tuple(names)
    given = {k: v for k, v in {"cv": cv, "variance": variance, "sd": sd}.items() if v is not None}
    if len(given) != 1:
        raise SpecError("KG-101: variability needs exactly one of cv, variance and sd.")
    kind, raw = next(iter(given.items()))
    values = [float(raw)] if isinstance(raw, int | float) else [float(v) for v in raw]
    if len(values) != len(effects):
        raise SpecError(f"KG-108: {len(effects)} effects need as many values, found {len(values)}.")
    if min(values) < 0 or not all(math.isfinite(v) for v in values):
        raise SpecError(f"KG-108: {kind} must be finite and not negative, found {values}.")
    if kind == "cv":
        values = [math.log1p(v * v) for v in values]
    elif kind == "sd":
        values = [v * v for v in values]
    matrix = [[v if i == j else 0.0 for j in range(len(values))] for i, v in enumerate(values)]
    for pairs, is_correlation in ((covariances, False), (correlations, True)):
        for first, second, value in pairs:
            i, j = _index(first, effects), _index(second, effects)
            entry = value * math.sqrt(values[i] * values[j]) if is_correlation else value
            matrix[i][j] = matrix[j][i] = entry
    return Variability(effects, matrix, level=level, source=source)


def _index(name: str, effects: tuple[str, ...]) -> int:
    if name not in effects:
        raise SpecError(
            f"KG-103: there is no random effect {name!r} here.{did_you_mean(name, effects)}"
        )
    return effects.index(name)
