"""The search itself: regimens over the same virtual tumours, one call of the solver each.

SPDX-License-Identifier: BSD-3-Clause

What is searched is a `Problem`; `krogh.dose.optimize` makes one of a study.  The virtual tumours
are drawn once from (seed, purpose, tumour number), so they are the same for every regimen, whatever
the order of the regimens, the size of the batches or the number of threads.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from krogh.dose.attainment import attain
from krogh.dose.binding import Bound
from krogh.dose.decision import lowest_first
from krogh.dose.drivers import drawn_of
from krogh.dose.plan import Plan, Settings
from krogh.dose.readings import Names, Readings
from krogh.dose.recording import times_for
from krogh.dose.regimens import Candidate, dose_starts
from krogh.dose.sample import Sample
from krogh.dose.space import Axis
from krogh.dosing import Regimen
from krogh.errors import NumericalFailure, SolverError

__all__ = ["Problem", "Search", "SearchInterrupted"]

Floats = NDArray[np.float64]
Values = Mapping[str, Any]

_BYTES: Final = 256 * 2**20
_SAVE_EVERY: Final = 5.0
_FAILED: Final = 0.5

log = logging.getLogger("krogh")


class SearchInterrupted(KeyboardInterrupt):
    """A search was interrupted; what is done is kept.

    Attributes
    ----------
    plan : Plan
        The regimens that were finished.
    """

    def __init__(self, plan: Plan, where: str) -> None:
        self.plan = plan
        self.result = plan
        super().__init__(where)


class Problem(Protocol):
    """What can be searched."""

    main: str | None
    """Name of the main drug."""
    regimen: Regimen
    """The study's own."""
    until: float
    """End of the run, s."""
    names: Names
    num_cells: int
    about: Mapping[str, str]

    @property
    def uncertain(self) -> tuple[str, ...]:
        """Names of the values that are drawn."""

    @property
    def fingerprint(self) -> str:
        """Of models, values and numerical settings: equal for equal numbers."""

    def tumours(self, seed: int, count: int) -> Values:
        """Return the drawn values of virtual tumours 1 to `count`, each of shape (count,)."""

    def run(
        self,
        regimen: Regimen,
        times: Floats,
        outputs: Sequence[str],
        values: Values,
        num_threads: int,
        progress: Callable[[int, int, float], Any] | None,
    ) -> tuple[Readings, NDArray[np.bool_]]:
        """Return the readings of one regimen in all tumours, and which lines failed."""


@dataclass(eq=False)
class Search:
    """A search that is under way.

    Attributes
    ----------
    problem
        What is searched.
    axes, candidates, current
        The space, its regimens, and the study's own regimen.
    bounds
        Targets, then limits, bound to outputs.
    num_targets
        How many of `bounds` are targets.
    exposure
        The exposure, bound; None where the plasma has no such output.
    settings
        Of the plan.
    tumours
        Number of virtual tumours.
    """

    problem: Problem
    axes: tuple[Axis, ...]
    candidates: tuple[Candidate, ...]
    current: Candidate | None
    bounds: tuple[Bound, ...]
    num_targets: int
    exposure: Bound | None
    settings: Settings
    tumours: int

    def __post_init__(self) -> None:
        texts = [str(c.regimen) for c in self.candidates]
        self.regimens = [c.regimen for c in self.candidates]
        self.current_position: int | None = None
        if self.current is not None:
            own = str(self.current.regimen)
            if own not in texts:
                self.regimens.append(self.current.regimen)
            self.current_position = texts.index(own) if own in texts else len(texts)
        targets = tuple(bound.target for bound in self.bounds)
        self.sample = Sample.empty(
            targets[: self.num_targets],
            targets[self.num_targets :],
            len(self.regimens),
            self.tumours,
        )

    def plan(self) -> Plan:
        """Return a plan of what is done so far."""
        s = self.sample
        copied = replace(
            s,
            values=s.values.copy(),
            reached=s.reached.copy(),
            exposure=s.exposure.copy(),
            done=s.done.copy(),
            failed=s.failed.copy(),
        )
        return Plan(
            self.axes,
            self.candidates,
            self.current,
            self.current_position,
            copied,
            self.settings,
            drawn_of(self.problem.tumours(self.settings.seed, self.tumours), self.tumours),
        )

    def adopt(self, plan: Plan) -> None:
        """Take over what an earlier search has done; it must be the same search."""
        for name in ("values", "reached", "exposure", "done", "failed"):
            getattr(self.sample, name)[...] = getattr(plan.sample, name)

    def order(self) -> list[int]:
        """Return the positions of the regimens in the order in which they are run."""
        order = [int(k) for k in lowest_first(self.candidates)]
        if self.current_position is not None:
            order = [self.current_position, *(k for k in order if k != self.current_position)]
        return order

    def run(
        self,
        num_threads: int,
        progress: Callable[[int, int, float], Any] | None,
        save: Path | None,
        batch: int | None,
    ) -> Plan:
        """Run what is not done yet and return the plan.

        Raises
        ------
        SearchInterrupted
            For Ctrl-C, or where `progress` returns False; its `plan` holds what is done.
        SolverError
            KG-310 where more than half of the lines of a regimen fail; `result` is the plan.
        """
        values = self.problem.tumours(self.settings.seed, self.tumours)
        total = len(self.regimens) * self.tumours
        started = saved = time.monotonic()
        try:
            for position in self.order():
                if self.sample.done[position]:
                    continue
                done = int(self.sample.done.sum()) * self.tumours
                report = _Report(progress, done, total, started)
                self._run_one(position, values, num_threads, report, batch)
                if save is not None and time.monotonic() - saved > _SAVE_EVERY:
                    self.plan().save(save)
                    saved = time.monotonic()
        except KeyboardInterrupt:
            plan = self.plan()
            raise SearchInterrupted(plan, self._kept(plan, save)) from None
        except NumericalFailure as error:
            plan = self.plan()
            raise SolverError(f"{error}\n  {self._kept(plan, save)}", result=plan) from error
        finally:
            close = getattr(progress, "close", None)
            if close is not None:
                close()
        plan = self.plan()
        if save is not None:
            plan.save(save)
        return plan

    def _kept(self, plan: Plan, save: Path | None) -> str:
        done = int(plan.sample.done.sum())
        where = "the exception's plan holds them"
        if save is not None:
            plan.save(save)
            where = f"{save} holds them; the same call with save={str(save)!r} goes on from there"
        return f"{done} of {len(self.regimens)} regimens were finished; {where}."

    def _run_one(
        self,
        position: int,
        values: Values,
        num_threads: int,
        report: _Report,
        batch: int | None,
    ) -> None:
        regimen = self.regimens[position]
        starts, ends = dose_starts(regimen)
        wanted = self.bounds if self.exposure is None else (*self.bounds, self.exposure)
        times = times_for(wanted, starts, ends, self.problem.until)
        outputs = tuple(dict.fromkeys(o for bound in wanted for o in bound.outputs[1]))
        size = batch or self._batch(times.size, len(outputs))
        sample, n = self.sample, self.tumours
        failed = np.zeros(n, dtype=bool)
        for first in range(0, n, size):
            part = slice(first, min(first + size, n))
            chosen = {name: _part(value, part) for name, value in values.items()}
            readings, bad = self.problem.run(
                regimen, times, outputs, chosen, num_threads, report.at(first)
            )
            failed[part] = bad
            for k, bound in enumerate(self.bounds):
                found = attain(bound, readings)
                sample.values[position, k, part] = np.where(bad, np.nan, found.values)
                sample.reached[position, k, part] = found.reached & ~bad
            if self.exposure is not None:
                exposure = attain(self.exposure, readings).values
                sample.exposure[position, part] = np.where(bad, np.nan, exposure)
        sample.failed[position] = int(failed.sum())
        if failed.mean() > _FAILED:
            sample.reached[position] = False
            raise SolverError(
                f"KG-310: {int(failed.sum())} of {n} virtual tumours could not be solved with"
                f" {regimen}."
            )
        sample.done[position] = True
        report.at(n)(0, 0, 0.0)

    def _batch(self, times: int, outputs: int) -> int:
        """Return how many lines fit into memory at once: a multiple of 64."""
        per_line = 8 * times * max(self.problem.num_cells, 1) * max(outputs, 1) * 3
        return int(max(64, _BYTES // per_line // 64 * 64))


def _part(value: Any, part: slice) -> Any:
    """Return the values of some tumours: of an array, or of an (array, unit) pair."""
    if isinstance(value, tuple):
        return np.asarray(value[0])[part], value[1]
    return np.asarray(value)[part]


@dataclass(frozen=True)
class _Report:
    """Turns the solver's progress on one batch into that of the whole search."""

    progress: Callable[[int, int, float], Any] | None
    before: int
    total: int
    started: float

    def at(self, first: int) -> Callable[[int, int, float], Any]:
        """Return the callback of a batch that begins with tumour `first`."""

        def report(done: int, _total: int, _seconds: float) -> bool:
            if self.progress is None:
                return True
            seconds = time.monotonic() - self.started
            answer = self.progress(self.before + first + done, self.total, seconds)
            if answer is False:
                raise KeyboardInterrupt
            return True

        return report
