"""A plan in words, and the rows of its printed table.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from krogh.dose.decision import Decision
from krogh.dose.probability import Difference, wilson
from krogh.dose.sample import LIMITS
from krogh.units import format_number

if TYPE_CHECKING:
    from krogh.dose.plan import Plan

__all__ = ["explanation", "table_cells", "table_notes"]

_DRIVERS: Final = 3


def _percent(value: float) -> str:
    return "-" if not np.isfinite(value) else f"{100.0 * value:.1f} %".replace(".0 %", " %")


def _interval(plan: Plan, position: int) -> str:
    n = plan.sample.tumours
    low, high = wilson(int(plan.sample.joint[position].sum()), n)
    return f"95 % interval {100.0 * float(low):.1f} to {100.0 * float(high):.1f} %"


def explanation(plan: Plan) -> str:
    """Return the decision in words."""
    decision = plan.decision
    lines = [_headline(plan, decision)]
    if plan.sample.done[decision.nearest]:
        lines.append(_levels(plan, decision))
        lines += _neighbors(plan)
    if decision.best is None:
        lines += _stopping(plan, decision)
    lines += _current(plan)
    lines += _drivers(plan)
    lines += _cautions(plan, decision)
    targets = "; ".join(str(target) for target in plan.targets)
    lines.append(f"Targets: {targets}.")
    if plan.limits:
        limits = "; ".join(str(limit) for limit in plan.limits)
        risk = _percent(plan.settings.risk)
        lines.append(f"Limits, each broken in at most {risk} of the tumours: {limits}.")
    drawn = len(plan.settings.uncertain)
    lines.append(
        f"{len(plan.candidates)} regimens over the same {plan.sample.tumours} virtual tumours"
        f" ({drawn} uncertain values, seed {plan.settings.seed})."
    )
    return "\n".join(lines)


def _headline(plan: Plan, decision: Decision) -> str:
    n, wanted = plan.sample.tumours, _percent(plan.settings.confidence)
    shown = plan.candidates[decision.nearest]
    joint = float(plan.sample.joint[decision.nearest].mean())
    held = " and all limits held" if plan.limits else ""
    if decision.best is not None:
        return (
            f"{decision.label}: {shown} is the lowest regimen that holds.  All targets are met"
            f"{held} together in {_percent(joint)} of {n} virtual tumours"
            f" ({_interval(plan, decision.nearest)}); {wanted} was asked for."
        )
    done = int(plan.sample.done[: len(plan.candidates)].sum())
    if done == 0:
        return f"{decision.label}: no regimen was run."
    among = "no regimen of the space holds"
    if decision.label == "UNFINISHED":
        among = f"none of the {done} regimens that were run (of {len(plan.candidates)}) holds"
    return (
        f"{decision.label}: {among}.  The most that is reached together is {_percent(joint)} of"
        f" {n} virtual tumours ({_interval(plan, decision.nearest)}), with {shown}; {wanted} was"
        " asked for."
    )


def _levels(plan: Plan, decision: Decision) -> str:
    found = plan.level_probability(decision.nearest)
    parts = [
        f"{'limits held' if name == LIMITS else name} {_percent(value)}"
        for name, value in found.items()
    ]
    return f"By level: {', '.join(parts)}."


def _neighbors(plan: Plan) -> list[str]:
    parts = [_step(name, found) for name, found in plan.neighbors().items()]
    if not parts:
        return []
    return [f"Against the next lower step, in the same tumours: {'; '.join(parts)}."]


def _step(name: str, difference: Difference) -> str:
    words = "" if difference.is_clear else ", not clear of zero"
    value, error = 100.0 * difference.value, 100.0 * difference.error
    return f"{name} {value:+.1f} +- {error:.1f} points{words}"


def _stopping(plan: Plan, decision: Decision) -> list[str]:
    if decision.stops is None:
        return []
    is_limit = decision.stops == LIMITS
    text = "The limits stop it" if is_limit else f"Level {decision.stops} stops it"
    raised = decision.without[decision.stops]
    if np.isfinite(raised):
        rest = "them" if is_limit else "it"
        text += f": without {rest} the highest joint attainment would be {_percent(raised)}"
    others = [
        f"{name} {_percent(value)}"
        for name, value in decision.without.items()
        if name != decision.stops and np.isfinite(value)
    ]
    if others:
        text += f" (without {', '.join(others)})"
    meaning = {
        "NOT DELIVERABLE": "No dose of the space, up to its highest, brings the drug to the cells"
        " as the targets ask: change the target, the carrier, the schedule or the drug.",
        "INACCESSIBLE TARGET": "Free drug is there but the target is not held: more drug does not"
        " help; look for masking, another epitope or a faster turnover of the target.",
        "NOT CERTAIN ENOUGH": "More than half of the tumours reach it: a higher dose outside the"
        " space, or a measurement that narrows the uncertain values, may change the answer.",
        "LIMITED BY TOXICITY": "The doses that reach the targets break the limits.",
    }.get(decision.label, "")
    return [f"{text}.", *([meaning] if meaning else [])]


def _current(plan: Plan) -> list[str]:
    position = plan.current_position
    if position is None or not plan.sample.done[position] or position == plan.decision.nearest:
        return []
    joint = float(plan.sample.joint[position].mean())
    return [
        f"The study's own regimen, {plan.current}: {_percent(joint)} ({_interval(plan, position)})."
    ]


def _drivers(plan: Plan) -> list[str]:
    """Return which drawn values decide most, where that is clear."""
    if not plan.sample.done[plan.decision.nearest]:
        return []
    clear = [driver for driver in plan.drivers() if driver.is_clear][:_DRIVERS]
    if not clear:
        return []
    parts = [
        f"{driver.names[0]} ({_percent(driver.low)} in its lowest third, {_percent(driver.high)} in"
        " its highest)"
        for driver in clear
    ]
    return [f"What differs most between tumours that do and do not: {', '.join(parts)}."]


def _cautions(plan: Plan, decision: Decision) -> list[str]:
    lines = []
    if plan.sample.done[decision.nearest] and not decision.is_separated:
        lines.append(
            f"The interval holds the {_percent(plan.settings.confidence)} asked for: with other"
            " tumours the answer may differ; more tumours narrow it."
        )
    failed = int(plan.sample.failed.sum())
    if failed:
        lines.append(
            f"{failed} lines could not be solved; they count as not reaching the targets and as"
            " breaking the limits."
        )
    if decision.best is not None:
        axes, place = plan.axes, plan.candidates[decision.best].place
        edge = [
            axis.name
            for axis, k in zip(axes, place, strict=True)
            if len(axis) > 1 and axis.kind == "dose" and k == 0
        ]
        if edge:
            lines.append("It is the lowest dose of the space: a lower one may hold too.")
        if not plan.is_complete:
            lines.append("Not all regimens were run: a lower one among the rest may hold too.")
    return lines


def table_notes(plan: Plan, shown: list[int]) -> list[str]:
    """Return the lines below the printed table."""
    marks = []
    if plan.decision.best in shown:
        marks.append("* lowest that holds")
    if plan.current_position in shown:
        marks.append("o the study's own")
    hidden = len(plan.candidates) - len(shown)
    if hidden:
        marks.append(f"{hidden} more regimens in .probabilities")
    return [f"({'; '.join(marks)})"] if marks else []


def table_cells(plan: Plan, rows: list[int]) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of the printed table; ``*`` marks the chosen one, ``o`` the study's."""
    table, groups = plan.probabilities, plan.sample.groups
    head = ["", *(f"{axis.name} [{axis.unit}]" for axis in plan.axes)]
    head += [f"P {name}" for name in groups]
    head += ["P joint", "95 % interval", f"exposure [{plan.settings.exposure_unit}]"]
    body = []
    for k in rows:
        mark = "*" if k == plan.decision.best else "o" if k == plan.current_position else ""
        cells = [mark, *(format_number(float(table[axis.name][k])) for axis in plan.axes)]
        cells += [_share(float(table[f"P {name}"][k])) for name in groups]
        low, high = float(table["low"][k]), float(table["high"][k])
        interval = "-" if np.isnan(low) else f"{low:.3f} .. {high:.3f}"
        exposure = float(table["exposure"][k])
        cells += [_share(float(table["P joint"][k])), interval]
        cells.append("-" if np.isnan(exposure) else f"{exposure:.4g}")
        body.append(cells)
    return head, body


def _share(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"
