"""Whether a fit is converged, and if not, why, in words.

SPDX-License-Identifier: BSD-3-Clause

A fit is converged only if all of these hold:

- the objective is finite at the estimate;
- at least half of the starts, and at least two, end at the estimate: every parameter within a tenth
  of its standard error (or 1e-4, relative, if that is more);
- no start ends better than 0.1 elsewhere: no other point is as good within 0.1 of -2 ln L;
- the search came to rest: the relative offset of Bates and Watts (1981, doi
  10.1080/00401706.1981.10486259), the part of the residuals that a step could still remove
  against the part that it could not, is below 0.001.  A search that never left its start passes
  only by this test;
- no parameter sits on a bound (nearer than 1e-6 of the range, or a hundredth of its standard
  error);
- every parameter has an effect on the predictions, and no direction is flat: no singular value of
  the derivatives, columns scaled to length 1, is below 1e-4 of the largest;
- no logarithm of a parameter has a standard error above ln 10, and no two parameters with a
  correlation of 0.99 or more both have relative standard errors above 50 %;
- the predictions stay when the solver's tolerance is tightened ten times: none moves by more than a
  hundredth of its residual standard deviation (and 1e-6 of the largest).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from krogh.fit.likelihood import Floats, Likelihood, Residuals
from krogh.fit.observations import Observations
from krogh.fit.parameters import Estimated
from krogh.fit.search import Search, Start, stratum_weights
from krogh.fit.uncertainty import Direction, Precision

__all__ = ["Verdict", "agreeing", "judged", "on_bound"]

CLOSE: Final = 0.1
SAME: Final = 1e-4
OFFSET: Final = 1e-3
FAR: Final = 5.0
_BOUND: Final = 1e-6


@dataclass(frozen=True)
class Verdict:
    """What was found.

    Attributes
    ----------
    reasons
        Why the fit is not converged; empty if it is.
    notes
        What else the reader should know.
    agreeing
        Starts that ended at the estimate.
    offset
        Relative offset at the estimate.
    """

    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    agreeing: int
    offset: float


def on_bound(search: Search, x: Floats, errors: Floats) -> dict[int, str]:
    """Return variables on a bound, ``"lower"`` or ``"upper"``."""
    found: dict[int, str] = {}
    for k in range(search.num_variables):
        low, high = float(search.lower[k]), float(search.upper[k])
        wide = high - low if math.isfinite(high - low) else max(1.0, abs(float(x[k])))
        near = _BOUND * wide
        if math.isfinite(errors[k]):
            near = max(near, 0.01 * float(errors[k]))
        near = min(near, 0.01 * wide)
        if x[k] - low <= near:
            found[k] = "lower"
        elif high - x[k] <= near:
            found[k] = "upper"
    return found


def agreeing(
    starts: Sequence[Start], best: Start, sizes: Floats, errors: Floats
) -> tuple[int, list[int]]:
    """Return how many starts end at the best, and which end elsewhere as good as there.

    `sizes` and `errors` are those of the estimated parameters; shares of errors are not compared.
    """
    near = np.maximum(SAME * sizes, np.where(np.isfinite(errors), 0.1 * errors, 0.0))
    size = near.size
    count, elsewhere = 0, []
    for number, start in enumerate(starts):
        if not math.isfinite(start.objective):
            continue
        if np.all(np.abs(start.end[:size] - best.end[:size]) <= near):
            count += 1
        elif start.objective <= best.objective + CLOSE:
            elsewhere.append(number)
    return count, elsewhere


def relative_offset(
    search: Search, x: Floats, residuals: Residuals, moving: Sequence[int]
) -> tuple[float, bool]:
    """Return the relative offset, and whether what a step could remove is below 1e-6 of the data.

    Strata are weighted by n/S, as in the search.
    """
    observations = search.observations
    imputation = residuals.imputed(observations)
    rho, slopes = residuals.scaled(observations, imputation)
    weights = stratum_weights(observations, imputation, rho)
    rho, slopes = weights * rho, weights[:, None] * slopes
    size = weights[: observations.values.size] * _data_size(observations, residuals)
    if not moving:
        return 0.0, True
    columns = slopes[:, list(moving)]
    step = np.linalg.lstsq(columns, rho, rcond=1e-10)[0]
    removable = columns @ step
    rest = rho - removable
    freedom = max(rho.size - len(moving), 1)
    above = float(np.linalg.norm(removable)) / math.sqrt(len(moving))
    below = float(np.linalg.norm(rest)) / math.sqrt(freedom)
    offset = above / below if below > 0.0 else (0.0 if above == 0.0 else math.inf)
    return offset, float(np.linalg.norm(removable)) <= 1e-6 * float(np.linalg.norm(size))


def _data_size(observations: Observations, residuals: Residuals) -> Floats:
    """Return the measurements on the scale of rho."""
    values = observations.values / residuals.spreads
    for stratum in observations.strata:
        mine = stratum.rows
        values[mine] *= math.exp(float(np.mean(np.log(residuals.spreads[mine]))))
        if stratum.error == "log":
            values[mine] = 1.0
    return values


def judged(
    search: Search,
    starts: Sequence[Start],
    best: Start,
    residuals: Residuals,
    likelihood: Likelihood,
    precision: Precision,
    bounds: dict[int, str],
    sizes: Floats,
) -> Verdict:
    """Return the verdict on an estimate."""
    estimated = search.estimated
    reasons: list[str] = []
    notes: list[str] = []
    if not math.isfinite(likelihood.objective):
        reasons.append("the objective is not finite")
    count, elsewhere = agreeing(
        starts, best, sizes[: len(estimated)], precision.standard_errors[: len(estimated)]
    )
    failed = [start for start in starts if not math.isfinite(start.objective)]
    total = len(starts)
    needed = max(2, (total + 1) // 2)
    if total == 1:
        reasons.append("a single start cannot be confirmed by another; use starts=8")
    elif count < needed:
        reasons.append(f"{count} of {total} starts end at the estimate ({needed} are needed)")
    if elsewhere and not precision.flat and not precision.unseen:
        reasons.append(_elsewhere(search, starts[elsewhere[0]], best))
    if failed:
        notes.append(f"{len(failed)} of {total} starts {failed[0].message}")
    used = [k for k in range(search.num_variables) if k not in bounds]
    moving = [k for k in used if k not in precision.unseen]
    offset, is_small = relative_offset(search, best.end, residuals, moving)
    if offset > OFFSET and not is_small:
        stayed = bool(np.all(np.abs(best.end - best.begin) <= 1e-9 * sizes))
        what = "never left its start" if stayed else f"did not come to rest ({best.message})"
        reasons.append(f"the search {what}: relative offset {offset:.2g}, at most {OFFSET:g}")
    for k, side in bounds.items():
        if k < len(estimated):
            reasons.append(_bound(estimated[k], side))
        else:
            part = "proportional" if side == "lower" else "additive"
            notes.append(f"the {part} part of the combined error is 0")
    for k in precision.unseen:
        if k >= len(estimated):
            notes.append("the parts of the combined error are not told apart")
            continue
        name = _name(search, k)
        reasons.append(f"the predictions do not depend on {name}: these data say nothing about it")
    reasons.extend(_flat(search, direction) for direction in precision.flat)
    reasons.extend(_vague(estimated, precision))
    notes.extend(_notes(estimated, precision))
    notes.extend(_outliers(search, residuals, likelihood))
    drift = _drift(search, best.end, residuals, likelihood)
    if drift:
        reasons.append(drift)
    return Verdict(tuple(reasons), tuple(notes), count, offset)


def _name(search: Search, k: int) -> str:
    size = len(search.estimated)
    return repr(search.estimated[k].name) if k < size else "the share of the combined error"


def _bound(e: Estimated, side: str) -> str:
    value = e.lower if side == "lower" else e.upper
    is_own = e.states_bounds[0 if side == "lower" else 1]
    what = "" if is_own else " of the search (no bound was stated: it ran away)"
    return f"{e.name!r} sits on its {side} bound {value:.4g} {e.unit}{what}".rstrip()


def _elsewhere(search: Search, other: Start, best: Start) -> str:
    there = search.values(other.end)
    shown = ", ".join(
        f"{e.name} = {v:.4g} {e.unit}".rstrip()
        for e, v in zip(search.estimated, there, strict=True)
    )
    gap = other.objective - best.objective
    return f"another point fits as well (objective {gap:+.2g}): {shown[:300]}"


def _flat(search: Search, direction: Direction) -> str:
    names = [_name(search, k) for k in direction.members]
    how = "move together"
    both_log = all(k < len(search.estimated) and search.estimated[k].is_log
                   for k in direction.members)  # fmt: skip
    if len(names) == 2 and both_log:
        first, second = direction.weights
        if abs(first + second) < 1e-3:
            how = "move against each other: only their product is seen"
        elif abs(first - second) < 1e-3:
            how = "move together: only their ratio is seen"
    shown = " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
    return f"{shown} {how}; these data cannot separate them.  Fix one of them, or add data"


def _vague(estimated: Sequence[Estimated], precision: Precision) -> list[str]:
    errors, correlation = precision.standard_errors, precision.correlation
    found: list[str] = []
    told: set[int] = set()
    for i in range(len(estimated)):
        for j in range(i):
            r = correlation[i, j]
            both = estimated[i].is_log and estimated[j].is_log
            if both and abs(r) >= 0.99 and min(errors[i], errors[j]) > 0.5:
                found.append(
                    f"{estimated[j].name!r} and {estimated[i].name!r} move together"
                    f" (corr {r:.2f}): these data cannot separate them.  Fix one of them, or add"
                    " data"
                )
                told |= {i, j}
    for k, e in enumerate(estimated):
        vague = e.is_log and np.isfinite(errors[k]) and errors[k] > math.log(10.0)
        if vague and k not in told:
            found.append(f"{e.name!r} is not determined: relative standard error above 230 %")
    return found


def _notes(estimated: Sequence[Estimated], precision: Precision) -> list[str]:
    errors, correlation = precision.standard_errors, precision.correlation
    found = [
        f"{e.name!r} is known poorly: relative standard error {100.0 * errors[k]:.0f} %"
        for k, e in enumerate(estimated)
        if e.is_log and 0.5 < errors[k] <= math.log(10.0)
    ]
    for i in range(len(estimated)):
        for j in range(i):
            if abs(correlation[i, j]) >= 0.95:
                found.append(
                    f"{estimated[j].name!r} and {estimated[i].name!r} are correlated"
                    f" ({correlation[i, j]:.3f})"
                )
    return found


def _outliers(search: Search, residuals: Residuals, likelihood: Likelihood) -> list[str]:
    """Return measurements more than `FAR` standard deviations from the fit, at most three."""
    observations, table = search.observations, search.predictor.table
    standardized = residuals.deviations / likelihood.spreads(observations, residuals)
    standardized[observations.is_censored] = 0.0
    order = np.argsort(-np.abs(standardized), kind="stable")
    far = [int(k) for k in order if abs(standardized[k]) > FAR]
    found = [
        f"{table.where(int(observations.table_rows[k]))}: measured {observations.values[k]:.4g},"
        f" {abs(standardized[k]):.1f} standard deviations from the fit"
        for k in far[:3]
    ]
    if len(far) > 3:
        found.append(f"{len(far) - 3} more measurements are as far from the fit")
    return found


def _drift(search: Search, x: Floats, residuals: Residuals, likelihood: Likelihood) -> str:
    """Return what is wrong with the solver's tolerance, or nothing."""
    predictor = search.predictor
    now = search.at(x)[0]
    if now is None:
        return ""
    tight = predictor(search.values(x), rtol=max(0.1 * predictor.rtol, 1e-13))
    search.evaluations += 1
    if tight.failure:
        return f"the solver fails when its tolerance is tightened: {tight.failure}"
    moved = np.abs(tight.values - now.values)
    scale = np.zeros(moved.size)
    for k, stratum in enumerate(search.observations.strata):
        mine = stratum.rows
        scale[mine] = likelihood.sigma[k] * residuals.spreads[mine]
        if stratum.error == "log":
            scale[mine] *= now.values[mine]
    limit = np.maximum(0.01 * scale, 1e-6 * float(np.max(np.abs(now.values))))
    if np.all(moved <= limit):
        return ""
    return (
        f"predictions move by {float(np.max(moved / limit)):.2g} times what the fit can bear when"
        f" the solver's tolerance is tightened from {predictor.rtol:g}; give a smaller rtol"
    )
