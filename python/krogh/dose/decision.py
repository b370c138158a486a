"""The rule: the lowest regimen that holds, or which level stops all of them; in words.

SPDX-License-Identifier: BSD-3-Clause

Joint attainment of a regimen is the share of the virtual tumours in which all targets are met and
all limits are held at once; it is counted over the sample, never a product over levels.  A regimen
holds when its joint attainment is at least the asked confidence and each limit is broken in at most
the accepted share of the tumours.  "Lowest" compares, in this order: the total amount of the main
drug up to the end of the run, the total amount of the added drugs, the number of administrations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from krogh.dose.probability import wilson
from krogh.dose.regimens import Candidate
from krogh.dose.sample import LIMITS, Sample
from krogh.units import convert, same_dimension

__all__ = ["Decision", "decide", "lowest_first"]

Label = Literal[
    "ESCALATE",
    "HOLD",
    "DE-ESCALATE",
    "CHANGE CARRIER",
    "CHANGE SCHEDULE",
    "NOT DELIVERABLE",
    "INACCESSIBLE TARGET",
    "NOT CERTAIN ENOUGH",
    "LIMITED BY TOXICITY",
    "UNFINISHED",
]

_HALF: Final = 0.5
_NEAR: Final = 1e-9


@dataclass(frozen=True)
class Decision:
    """What a search found.

    Attributes
    ----------
    best
        Position of the lowest regimen that holds; None if none does.
    nearest
        Position of the regimen to look at: `best`, or the one with the highest joint attainment
        (the lowest of equals) where none holds.
    label
        One word: ESCALATE, HOLD, DE-ESCALATE, CHANGE CARRIER, CHANGE SCHEDULE against the study's
        own regimen; NOT DELIVERABLE, INACCESSIBLE TARGET, NOT CERTAIN ENOUGH, LIMITED BY TOXICITY
        where none holds; UNFINISHED where none of those that were run holds and some were not run.
    stops
        Where none holds: ``"limits"`` if a regimen would hold without them, else the level whose
        removal raises the highest joint attainment most.
    without
        Level (or ``"limits"``) to the highest joint attainment without it, over the regimens that
        keep the limits (over all of them for the limits themselves).
    is_separated
        Whether the 95 % interval of the joint attainment of `nearest` leaves out the confidence.
    """

    best: int | None
    nearest: int
    label: Label
    stops: str | None
    without: dict[str, float]
    is_separated: bool


def lowest_first(candidates: Sequence[Candidate]) -> NDArray[np.int64]:
    """Return the positions of regimens from the lowest to the highest."""
    unit = candidates[0].total.unit

    def key(position: int) -> tuple[float, ...]:
        c = candidates[position]
        total = c.total.value
        if c.total.unit != unit and same_dimension(c.total.unit, unit):
            total = convert(total, c.total.unit, unit)
        return (float(f"{total:.9g}"), *(float(f"{a:.9g}") for a in c.added), float(c.number))

    return np.array(sorted(range(len(candidates)), key=key), dtype=np.int64)


def is_admissible(sample: Sample, risk: float) -> NDArray[np.bool_]:
    """Return which regimens break each limit in at most a share `risk` of the tumours."""
    allowed = sample.done.copy()
    first = len(sample.targets)
    for k in range(first, first + len(sample.limits)):
        broken = 1.0 - sample.reached[:, k, :].mean(axis=1)
        allowed &= broken <= risk + _NEAR
    return allowed


def decide(
    sample: Sample,
    candidates: Sequence[Candidate],
    current: Candidate | None,
    confidence: float,
    risk: float,
) -> Decision:
    """Return the decision.

    Parameters
    ----------
    sample
        The numbers; its first ``len(candidates)`` regimens are the space.
    candidates
        The regimens of the space.
    current
        The study's own regimen, which the label compares with.
    confidence
        Joint attainment asked for.
    risk
        Share of the tumours in which a limit may be broken.
    """
    size = len(candidates)
    joint = sample.probability(sample.joint)[:size]
    allowed = is_admissible(sample, risk)[:size]
    order = lowest_first(candidates)
    holds = allowed & (joint >= confidence - _NEAR)
    lowest = [int(k) for k in order if holds[k]]
    without = {}
    for group in sample.groups:
        rest = sample.probability(sample.joint_without(group))[:size]
        without[group] = _highest(rest if group == LIMITS else rest[allowed])
    if lowest:
        best = lowest[0]
        label = _compared(candidates[best], current)
        return Decision(best, best, label, None, without, _apart(joint[best], sample, confidence))
    pool = allowed if np.any(allowed) else sample.done[:size]
    nearest = _nearest(joint, pool, order)
    stops = _stopping(sample, without, size, confidence)
    label = _stopped(sample, nearest, stops, joint, allowed, confidence)
    value = joint[nearest] if sample.done[nearest] else np.nan
    return Decision(None, nearest, label, stops, without, _apart(value, sample, confidence))


def _highest(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.max()) if finite.size else float("nan")


def _nearest(joint: NDArray[np.float64], pool: NDArray[np.bool_], order: NDArray[np.int64]) -> int:
    top = _highest(joint[pool])
    for k in order:
        if pool[k] and joint[k] == top:
            return int(k)
    return int(order[0])


def _apart(value: float, sample: Sample, confidence: float) -> bool:
    if not np.isfinite(value):
        return False
    low, high = wilson(round(value * sample.tumours), sample.tumours)
    return not bool(low <= confidence <= high)


def _stopping(
    sample: Sample, without: dict[str, float], size: int, confidence: float
) -> str | None:
    """Return what stops all regimens.

    The limits, if some regimen would hold without them; else the level whose removal raises the
    highest joint attainment most, among equals the one that fewest tumours meet at its best
    regimen.
    """
    if not np.any(sample.done):
        return None
    groups = sample.groups
    if LIMITS in groups and without[LIMITS] >= confidence - _NEAR:
        return LIMITS
    alone = {
        group: _highest(sample.probability(sample.met(ks))[:size]) for group, ks in groups.items()
    }
    levels = [group for group in groups if group != LIMITS]
    return max(levels, key=lambda group: (round(np.nan_to_num(without[group]), 12), -alone[group]))


def _stopped(
    sample: Sample,
    nearest: int,
    stops: str | None,
    joint: NDArray[np.float64],
    allowed: NDArray[np.bool_],
    confidence: float,
) -> Label:
    if not np.all(sample.done[: joint.size]):
        return "UNFINISHED"
    if stops == LIMITS:
        return "LIMITED BY TOXICITY"
    groups = sample.groups
    tissue = next((ks for name, ks in groups.items() if name.startswith("2")), None)
    if stops is not None and stops.startswith("3") and tissue is not None:
        free = sample.probability(sample.met(tissue))[nearest]
        if free >= confidence:
            return "INACCESSIBLE TARGET"
    top = _highest(joint[allowed]) if np.any(allowed) else _highest(joint)
    return "NOT DELIVERABLE" if top < _HALF else "NOT CERTAIN ENOUGH"


def _compared(best: Candidate, current: Candidate | None) -> Label:
    if current is None or not same_dimension(best.total.unit, current.total.unit):
        return "CHANGE SCHEDULE"
    mine = best.total.value
    own = convert(current.total.value, current.total.unit, best.total.unit)
    if abs(mine - own) > 1e-6 * own:
        return "ESCALATE" if mine > own else "DE-ESCALATE"
    if set(best.regimen.drugs) - {None} > set(current.regimen.drugs) - {None} or any(best.added):
        same = [dose.replace(drug=None) for dose in best.regimen] == [
            dose.replace(drug=None) for dose in current.regimen
        ]
        return "HOLD" if same else "CHANGE CARRIER"
    return "HOLD" if best.number == current.number else "CHANGE SCHEDULE"
