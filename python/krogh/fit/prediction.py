"""Predictions of the measurements and their derivatives, from the solver's forward sensitivities.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.dosing import EventTable
from krogh.fit.observations import Observations
from krogh.fit.parameters import Estimated
from krogh.model.compile import CompiledModel
from krogh.simulate.cases import Request, case_of
from krogh.simulate.directions import directions_of
from krogh.simulate.engine import Options, run_engine
from krogh.simulate.run import with_initial
from krogh.simulate.tolerance import absolute_tolerances

__all__ = ["Prediction", "Predictor"]


@dataclass(frozen=True)
class Prediction:
    """Predictions in the units of the outputs.

    Attributes
    ----------
    values
        Shape (num_measurements,); NaN where a subject could not be solved.
    slopes
        d(prediction)/d(variable of the search), shape (num_measurements, num_estimated).
    failure
        The first subject that could not be solved, in words; empty if all were.
    """

    values: NDArray[np.float64]
    slopes: NDArray[np.float64]
    failure: str


class Predictor:
    """Solves the model at given parameters; the schedule of doses is made once.

    Absolute tolerances come from the first values and stay, so that a prediction depends on the
    parameters alone.
    """

    def __init__(
        self,
        compiled: CompiledModel,
        table: EventTable,
        observations: Observations,
        estimated: tuple[Estimated, ...],
        *,
        values: Mapping[str, Any],
        subjects: Any,
        keywords: Mapping[str, Any],
        rtol: float,
        method: str,
        max_steps: int,
        num_threads: int,
    ) -> None:
        self.table, self.observations, self.estimated = table, observations, estimated
        self.fixed = dict(values)
        self.rtol = rtol
        first = {e.parameter: self.by_subject([e.start for e in estimated], e) for e in estimated}
        request = Request(
            model=compiled,
            dosing=table,
            who=subjects,
            times=None,
            until=None,
            every=None,
            values={**self.fixed, **first},
            levels=frozenset(),
            occasions=None,
            uncertainty=None,
            seed=0,
            keywords=keywords,
            metrics=False,
            windows=None,
            time_unit=None,
        )
        self.case = case_of(request)
        self.compiled = self.case.compiled
        names = list(dict.fromkeys(e.parameter for e in estimated))
        directions = directions_of(names, self.compiled, self.case.plan, self.case.time_unit)
        self._direction = {d.name: k for k, d in enumerate(directions)}
        self._factors = np.array([float(d.factor) for d in directions])
        parameters = self._packed(first)
        self._options = Options(
            rtol=rtol,
            atol=absolute_tolerances(self.compiled, self.case.plan, rtol, None, parameters[0]),
            method=method,
            max_steps=max_steps,
            num_threads=num_threads,
            sensitivities=[(d.kind, d.index) for d in directions],
        )

    def by_subject(self, values: list[float], of: Estimated) -> NDArray[np.float64]:
        """Return the values of one model parameter for all subjects, in its declared unit."""
        result = np.full(self.table.num_subjects, np.nan)
        for e, value in zip(self.estimated, values, strict=True):
            if e.parameter == of.parameter:
                result[e.members] = value
        return result

    def overrides(self, values: list[float]) -> dict[str, NDArray[np.float64]]:
        """Return the values of every estimated model parameter for all subjects."""
        return {e.parameter: self.by_subject(values, e) for e in self.estimated}

    def _packed(self, overrides: Mapping[str, Any]) -> NDArray[np.float64]:
        case = self.case
        count = case.subjects.count
        packed = self.compiled.pack({**case.overrides, **overrides}, count)
        return with_initial(packed, case.plan)

    def __call__(self, values: list[float], rtol: float | None = None) -> Prediction:
        """Return the predictions at values of the estimated parameters in declared units.

        Raises
        ------
        SpecError
            KG-108 for values that the model does not permit.
        """
        seen, output = self.observations.seen_rows, self.observations.output
        options = self._options
        parameters = self._packed(self.overrides(values))
        if rtol is not None:
            atol = absolute_tolerances(self.compiled, self.case.plan, rtol, None, parameters[0])
            options = Options(
                rtol=rtol,
                atol=atol,
                method=options.method,
                max_steps=options.max_steps,
                num_threads=options.num_threads,
                sensitivities=options.sensitivities,
            )
        run = run_engine(self.compiled.program, parameters, self.case.plan, options)
        scale = np.asarray(self.compiled.output_factors)[output]
        predicted = run.values[seen, output] * scale
        assert run.sensitivities is not None
        raw = run.sensitivities[seen, output] * scale[:, None] * self._factors
        slopes = np.zeros((seen.size, len(self.estimated)))
        for k, (e, value) in enumerate(zip(self.estimated, values, strict=True)):
            mine = e.members[self.observations.subject]
            slopes[mine, k] = raw[mine, self._direction[e.parameter]] * e.slope(value)
        return Prediction(predicted, slopes, self._failure(run.failures))

    def _failure(self, failures: list[tuple[int, int, str, float, int, str]]) -> str:
        if not failures:
            return ""
        subject, _, sentence, _, state, cause = failures[0]
        species = f"{self.compiled.state_names[state]}: " if state >= 0 else ""
        who = self.case.subjects.ids[subject]
        return f"{species}{sentence}{f': {cause}' if cause else ''} (ID {who})"
