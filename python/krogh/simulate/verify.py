"""A second opinion: the same problem by an independent method.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SolverError
from krogh.model.compile import CompiledModel
from krogh.provenance import Verification
from krogh.schedule import Plan
from krogh.simulate.engine import EngineRun, Options, run_engine

__all__ = ["verified"]

_SECOND: Final[dict[str, tuple[str, ...]]] = {
    # A Rosenbrock method is checked by an explicit stabilized one and the reverse; where that
    # needs too many steps, by a Rosenbrock method of another family and order.
    "rodas4": ("rkc2", "ros34pw2"),
    "rodas5p": ("rkc2", "rodas4"),
    "ros34pw2": ("rkc2", "rodas5p"),
    "explicit5": ("rodas5p", "rkc2"),
    "auto": ("rkc2", "rodas4"),  # explicit5 for some subjects, an implicit method for others
    "rkc2": ("rodas5p", "rodas4"),
    "propagator": ("rodas5p", "explicit5"),
}
_TIGHT: Final = 1e-7
"""Below this a method of order 2 is a poor judge and Tsit5 comes first."""
_TIGHTER: Final = 0.01
_STEPS: Final = 200_000
"""Steps that the second method may take for one subject before another method is tried."""


def verified(
    compiled: CompiledModel,
    parameters: NDArray[np.float64],
    plan: Plan,
    options: Options,
    run: EngineRun,
) -> Verification:
    """Solve again by an independent method and compare all outputs of all subjects.

    The second method runs at a hundredth of the tolerance, so that the difference shows the error
    of the first.  Each difference is divided by the subject's largest value of that output.

    Raises
    ------
    SolverError
        KG-311 where no second method gets through.
    """
    solved = run.status == 0
    second: EngineRun | None = None
    first = run.method.partition(",")[0]
    methods = _SECOND[first]
    if options.rtol < _TIGHT and "rkc2" in methods and first != "explicit5":
        methods = ("explicit5", *methods)
    for method in methods:
        trial = replace(
            options,
            method=method,
            rtol=max(_TIGHTER * options.rtol, 1e-13),
            atol=_TIGHTER * options.atol,
            max_steps=min(options.max_steps, _STEPS),
            sensitivities=[],
            takes_metrics=False,
            wants_states=False,
            stops_on_failure=method != methods[-1],
        )
        second = run_engine(compiled.program, parameters, plan, trial)
        if np.all((second.status == 0) | ~solved):
            break
    assert second is not None
    both = solved & (second.status == 0)
    if not both.any():
        raise SolverError(
            f"KG-311: verify: {' and '.join(methods)} did not get through where"
            f" {first} did; the result could not be checked."
        )
    differences = {
        name: _difference(run, second, plan, both, k)
        for k, name in enumerate(compiled.output_names)
    }
    return Verification(second.method, differences, options.rtol, int(both.sum()))


def _difference(
    run: EngineRun, second: EngineRun, plan: Plan, both: NDArray[np.bool_], output: int
) -> float:
    """Return the largest difference of one output relative to the subject's largest value."""
    first, other = run.values[..., output], second.values[..., output]
    gap: Any = np.abs(first - other)
    size: Any = np.maximum(np.abs(first), np.abs(other))
    if plan.grid is not None:
        gap, size = gap[both].max(axis=1, initial=0.0), size[both].max(axis=1, initial=0.0)
    else:
        assert plan.row_subjects is not None
        tops = [np.zeros(plan.num_subjects) for _ in range(2)]
        for top, values in zip(tops, (gap, size), strict=True):
            np.fmax.at(top, plan.row_subjects, values)
        gap, size = tops[0][both], tops[1][both]
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(size > 0.0, gap / size, 0.0)
    return float(relative.max(initial=0.0))
