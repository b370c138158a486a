"""The search: starts from a Sobol sequence, each led down by scipy's trust-region least squares.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import Error
from krogh.fit.censoring import Imputation
from krogh.fit.likelihood import TINY, Floats, Likelihood, Residuals, likelihood_at, residuals_at
from krogh.fit.observations import Observations
from krogh.fit.parameters import Estimated
from krogh.fit.prediction import Prediction, Predictor

__all__ = ["Search", "Start", "starting_points", "stratum_weights"]

_HALF: Final = 0.5
_MOST_ROUNDS: Final = 200
_FEW: Final = 3
_XTOL: Final = 1e-10
_FTOL: Final = 1e-12
_GTOL: Final = 1e-12


@dataclass(frozen=True)
class Start:
    """One start and where it ended.

    Attributes
    ----------
    begin, end
        Variables of the search, shape (num_variables,).
    begin_objective, objective
        -2 ln L; infinite where there is none.
    evaluations
        Solutions of the model with sensitivities.
    message
        Why the search ended.
    """

    begin: Floats
    end: Floats
    begin_objective: float
    objective: float
    evaluations: int
    message: str


class Search:
    """The objective as a function of the variables of the search.

    Variables are the estimated parameters (their logarithms where positive), then the share w of
    each combined error.
    """

    def __init__(
        self,
        predictor: Predictor,
        observations: Observations,
        estimated: tuple[Estimated, ...],
        most_evaluations: int,
    ) -> None:
        self.predictor, self.observations = predictor, observations
        self.estimated = estimated
        self.most_evaluations = most_evaluations
        combined = [k for k, s in enumerate(observations.strata) if s.error == "combined"]
        self.columns = {k: len(estimated) + i for i, k in enumerate(combined)}
        self.num_variables = len(estimated) + len(combined)
        limits = [(e.to_search(e.lower), e.to_search(e.upper)) for e in estimated]
        limits += [(0.0, 1.0)] * len(combined)
        self.lower, self.upper = (np.array(side) for side in zip(*limits, strict=True))
        self._has_limits = bool(observations.is_censored.any())
        self.evaluations = 0
        self.failure = ""
        self._last: tuple[bytes, Prediction | None, Residuals | None] = (b"", None, None)

    def values(self, x: Floats) -> list[float]:
        """Return the estimated parameters in declared units."""
        return [
            min(max(e.from_search(float(v)), e.lower), e.upper)
            for e, v in zip(self.estimated, x[: len(self.estimated)], strict=True)
        ]

    def shares(self, x: Floats) -> dict[int, tuple[int, float]]:
        """Return column and value of w of each stratum with a combined error."""
        return {k: (column, float(x[column])) for k, column in self.columns.items()}

    def at(self, x: Floats) -> tuple[Prediction | None, Residuals | None]:
        """Return prediction and residuals; None where there are none."""
        key = x.tobytes()
        if key != self._last[0]:
            self.evaluations += 1
            prediction: Prediction | None = None
            residuals: Residuals | None = None
            try:
                prediction = self.predictor(self.values(x))
                residuals = residuals_at(self.observations, prediction, self.shares(x))
                self.failure = prediction.failure
            except Error as error:
                self.failure = str(error)
            self._last = (key, prediction, residuals)
        return self._last[1], self._last[2]

    def objective(self, x: Floats) -> float:
        """Return -2 ln L, infinite where there is none."""
        residuals = self.at(x)[1]
        return math.inf if residuals is None else self._likelihood(residuals).objective

    def _likelihood(self, residuals: Residuals) -> Likelihood:
        return likelihood_at(self.observations, residuals, self.num_variables)

    def run(self, begin: Floats, held: dict[int, float] | None = None) -> Start:
        """Go down from a point.

        Parameters
        ----------
        begin
            Shape (num_variables,).
        held
            Position of variables that keep a value, for profiles.
        """
        count = self.evaluations
        x = np.array(begin, dtype=np.float64)
        for k, value in (held or {}).items():
            x[k] = value
        begin = x.copy()
        first = self.objective(x)
        if not math.isfinite(first):
            reason = self.failure or "a prediction is not positive, or not finite"
            return Start(begin, x, first, math.inf, self.evaluations - count, f"failed: {reason}")
        free = np.array([k for k in range(self.num_variables) if k not in (held or {})])
        message = "nothing to search"
        best = first
        if free.size and len(self.observations.strata) == 1 and not self._has_limits:
            x, message = self._descend(x, free, self.most_evaluations)
            best = self.objective(x)
        elif free.size:
            x, message = self._in_rounds(x, free)
            best = self.objective(x)
        return Start(begin, x, first, best, self.evaluations - count, message)

    def _in_rounds(self, x: Floats, free: NDArray[np.int64]) -> tuple[Floats, str]:
        """Renew weights and imputed values until they stay.

        The rounds converge linearly; two of them give an extrapolation, which is taken where it
        lowers the objective (SQUAREM: Varadhan and Roland 2008, doi
        10.1111/j.1467-9469.2007.00585.x, step length S3).
        """
        best = self.objective(x)
        most = self.most_evaluations
        for _ in range(_MOST_ROUNDS):
            first = self._descend(x, free, most)[0]
            second = self._descend(first, free, min(most, _FEW))[0]
            step, bend = first - x, second - 2.0 * first + x
            x, now = second, self.objective(second)
            size = float(np.linalg.norm(bend))
            length = float(np.linalg.norm(step)) / size if size > 0.0 else 1.0
            if length > 1.0:
                start = first - step
                far = np.clip(
                    start + 2.0 * length * step + length**2 * bend, self.lower, self.upper
                )
                there = self.objective(far)
                if there < now:
                    x, now = far, there
            gain, best = best - now, now
            if not gain > 1e-9 * (1.0 + abs(now)):
                return x, "settled"
            most = min(self.most_evaluations, _FEW)
        return x, "the weights of the errors did not settle"

    def _descend(self, x: Floats, free: NDArray[np.int64], most: int) -> tuple[Floats, str]:
        """Minimize the weighted sum of squares, the weights as at `x`."""
        from scipy.optimize import least_squares

        observations = self.observations
        start = self.at(x)[1]
        assert start is not None
        imputation = start.imputed(observations)
        rho = start.scaled(observations, imputation)[0]
        weights = stratum_weights(observations, imputation, rho)
        full = x.copy()

        def whole(part: Floats) -> Floats:
            point = full.copy()
            point[free] = part
            return point

        def residual(part: Floats) -> Floats:
            return weights * self._scaled(whole(part), imputation)[0]

        def slopes(part: Floats) -> Floats:
            return weights[:, None] * self._scaled(whole(part), imputation)[1][:, free]

        answer: Any = least_squares(
            residual,
            x[free],
            jac=slopes,
            bounds=(self.lower[free], self.upper[free]),
            method="trf",
            x_scale="jac",
            xtol=_XTOL,
            ftol=_FTOL,
            gtol=_GTOL,
            max_nfev=most,
        )
        end = whole(np.asarray(answer.x))
        message = "ran out of evaluations" if answer.status == 0 else "settled"
        return end, message

    def _scaled(self, x: Floats, imputation: Imputation) -> tuple[Floats, Floats]:
        """Return rho and its derivatives; infinite residuals turn the search back."""
        residuals = self.at(x)[1]
        if residuals is None:
            size = self.observations.values.size + imputation.rows.size
            return np.full(size, np.inf), np.zeros((size, self.num_variables))
        return residuals.scaled(self.observations, imputation)


def stratum_weights(observations: Observations, imputation: Imputation, rho: Floats) -> Floats:
    """Return the root of n/S of each row's stratum."""
    weights = np.ones(rho.size)
    count = observations.values.size
    for stratum in observations.strata:
        extra = count + np.flatnonzero(np.isin(imputation.rows, stratum.rows))
        mine = np.concatenate([stratum.rows, extra])
        square = float(np.sum(rho[mine] ** 2))
        size = stratum.size if stratum.error == "additive" else 1.0
        weights[mine] = math.sqrt(stratum.rows.size / max(square, (1e-14 * size) ** 2, TINY))
    return weights


def starting_points(search: Search, count: int, spread: float, seed: int) -> list[Floats]:
    """Return the given values, then points of a scrambled Sobol sequence around them.

    A positive parameter is spread by the factor `spread` to both sides, another by `spread` - 1
    times its magnitude (or by `spread` - 1 units at 0); bounds cut the range.  Sobol 1967, doi
    10.1016/0041-5553(67)90144-9; scrambled as in Matousek 1998, doi 10.1006/jcom.1998.0489.
    """
    center = np.array([e.to_search(e.start) for e in search.estimated])
    width = np.array(
        [
            math.log(spread) if e.is_log else (spread - 1.0) * (abs(e.start) or 1.0)
            for e in search.estimated
        ]
    )
    size = len(search.estimated)
    low = np.maximum(center - width, search.lower[:size])
    high = np.minimum(center + width, search.upper[:size])
    shares = np.full(search.num_variables - size, _HALF)
    points = [np.concatenate([center, shares])]
    if count > 1:
        from scipy.stats import qmc

        sobol = qmc.Sobol(size, scramble=True, seed=seed)
        drawn = sobol.random_base2((count - 2).bit_length())[: count - 1]
        points += [np.concatenate([low + row * (high - low), shares]) for row in drawn]
    return points
