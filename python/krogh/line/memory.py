"""Room for the results of many lines, checked before the run.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from krogh.errors import SpecError
from krogh.line.outcome import Settings
from krogh.line.problem import LineProblem
from krogh.simulate.memory import SMALL, free_bytes

__all__ = ["bytes_needed", "require_line_memory"]


def bytes_needed(problem: LineProblem, settings: Settings) -> int:
    """Return the bytes of a result: cells, contents, what entered, plasma, derivatives."""
    states, mobiles = len(problem.tissue.state_names), len(problem.mobiles)
    plasma = 0 if problem.systemic is None else len(problem.systemic.state_names)
    each = len(settings.recorded) * problem.cells + states + 2 * mobiles + plasma
    records = problem.count * settings.grid.size * (1 + len(settings.directions))
    return 8 * records * each


def require_line_memory(problem: LineProblem, settings: Settings) -> None:
    """Raise SpecError KG-119 where a result would not fit into the free memory of the machine."""
    needed = bytes_needed(problem, settings)
    if needed < SMALL:
        return
    free = free_bytes()
    if free is not None and needed > free:
        raise SpecError(
            f"KG-119: the result needs {needed / 2**30:.2f} GiB, {free / 2**30:.2f} GiB are free:"
            f" {problem.count:,} lines, {settings.grid.size} times, {len(settings.recorded)}"
            f" species in {problem.cells} cells.\n"
            "  Record fewer outputs (record=[...]) or times, or simulate in parts."
        )
