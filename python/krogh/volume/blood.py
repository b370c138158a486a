"""The plasma of a volume, solved together with the tissue that it feeds.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Any

import numpy as np

from krogh.line.dosing import Dosing, dose_list
from krogh.line.outcome import Settings
from krogh.line.solve_line import (
    cannot_solve,
    signed_states,
    starts_steady,
    steady_states,
    uptake_of,
)
from krogh.space.box import SIDES
from krogh.volume.carried import blood_of_rows
from krogh.volume.problem import VolumeProblem

__all__ = ["cannot_couple", "plasma_options"]


def cannot_couple(problem: VolumeProblem, dosing: Dosing) -> str:
    """Return why the plasma cannot be solved with the tissue; empty if it can."""
    fed = [s for s, k in zip(SIDES, problem.sides, strict=True) if k in ("fixed", "membrane")]
    if fed:
        return f"the side {fed[0]!r}, which the plasma feeds"
    if not any(problem.exchanges):
        return "a tissue without vessels"
    return cannot_solve(problem, dosing, ())


def plasma_options(
    problem: VolumeProblem, exchanging: list[int], dosing: Dosing, settings: Settings
) -> dict[str, Any]:
    """Return the keywords of the plasma: program, exchange, doses.

    Parameters
    ----------
    exchanging
        The mobile species that exchange, in the order of the exchanges; several times where each
        segment of a network does.
    """
    systemic = problem.systemic
    assert systemic is not None
    values = problem.plasma_values
    pairs: list[tuple[int, int]] = []
    outside: list[float] = []
    uptake: list[float] = []
    blood = blood_of_rows(problem, exchanging)
    for number, k in enumerate(exchanging):
        m = problem.mobiles[k]
        if m.supply is None:
            continue
        own = None if blood is None else blood[number]
        if own is not None:
            state, volume = own
            pairs.append((number, state))
            outside.append(float(problem.free(m, 0)[0]) * m.supply.per_tissue)
            uptake.append(1.0 / (volume * m.supply.per_tissue))
            continue
        pairs.append((number, m.supply.state))
        factor = float(np.atleast_1d(values.value(m.supply.factor))[0])
        outside.append(float(problem.free(m, 0)[0]) * factor * m.supply.per_tissue)
        uptake.append(float(uptake_of(problem, m)[0]))
    doses = dose_list(dosing, values, 1)
    found: dict[str, Any] = {
        "plasma": systemic.program,
        "plasma_parameters": np.ascontiguousarray(problem.plasma_parameters[0]),
        "plasma_atol": settings.plasma_atol.tolist(),
        "plasma_signed_states": signed_states(systemic),
        "plasma_exchange": pairs,
        "outside_factor": np.array(outside),
        "uptake_factor": np.array(uptake),
        "plasma_feeds": [(f.state, f.source_state, f.factor) for f in problem.feeds],
    }
    if starts_steady(systemic):
        found["plasma_initial"] = steady_states(systemic, problem.plasma_parameters)[0]
    if doses.times.size:
        found |= {
            "dose_times": doses.times,
            "dose_states": doses.states,
            "dose_amounts": doses.amounts,
            "dose_kinds": doses.kinds,
        }
    return found
