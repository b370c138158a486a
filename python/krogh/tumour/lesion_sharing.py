"""Lesions that share one plasma: passes over all of them until the plasma no longer changes.

SPDX-License-Identifier: BSD-3-Clause

Waveform relaxation (Lelarasmee, Ruehli and Sangiovanni-Vincentelli 1982,
doi:10.1109/TCAD.1982.1270004): the plasma is solved over the whole run with what the lesions took
in the last pass, then every line of every lesion with that plasma.  On a run of finite length this
converges for every size of the lesions; each pass lowers the error by about their share of the
dose, and combining the last passes (Anderson 1965, doi:10.1145/321296.321305) by more.  A sample of
the voxels settles first, as whole passes cost the most.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SolverError
from krogh.line.result import LineResult
from krogh.line.run import simulate_line
from krogh.simulate.progress import Callback, ProgressBar, chosen_progress
from krogh.tumour.shared_plasma import Body, Drawn
from krogh.tumour.voxel_values import VoxelValues
from krogh.vessels.fixed_point import FixedPoint

__all__ = ["Part", "Passes", "Settled", "share_plasma"]

Floats = NDArray[np.float64]

_GROUP: Final = 256
"""Lines that are added up together in every batch, so that the bits do not depend on batches."""

_SAMPLE: Final = 512
"""Voxels of the sample of each lesion."""

_FIRST: Final = 1e-3
"""To which the sample settles; it stands for the whole only to a few per cent."""

_HALVINGS: Final = 30


@dataclass(frozen=True)
class Part:
    """A lesion as the iteration sees it.

    Attributes
    ----------
    arguments
        Of `krogh.simulate_line`, without lines and times.
    weight
        Voxels that each voxel stands for.
    batch
        Voxels that are solved at a time.
    """

    name: str
    voxels: VoxelValues
    arguments: dict[str, Any]
    batch: int
    weight: float = 1.0

    def sample(self, count: int) -> Part:
        """Return a part of so many voxels at random places; itself where it has no more."""
        voxels = self.voxels
        if voxels.count <= count:
            return self
        at = np.sort(np.random.default_rng(0).permutation(voxels.count)[:count])
        few = VoxelValues(
            voxels.grid,
            voxels.chosen[at],
            voxels.labels[at],
            {n: (v[at], unit) for n, (v, unit) in voxels.values.items()},
        )
        return replace(self, voxels=few, weight=self.weight * voxels.count / count)


@dataclass
class Settled:
    """What the iteration came to.

    Attributes
    ----------
    drawn
        With what the last pass was made.
    taken
        What the lesions took in it, and by lesion.
    body
        The plasma of the last pass.
    history
        Of each pass over all voxels: largest change of the plasma that it makes, over the largest
        value of each species; and largest difference of what was taken from what was drawn, over
        the dose.
    sampled
        Passes over samples.
    tissue
        Largest imbalance of what the lesions hold and what has entered them.
    """

    drawn: Drawn
    taken: Drawn
    by_lesion: dict[str, Floats]
    body: LineResult
    history: list[tuple[float, float]]
    sampled: int
    tissue: float
    converged: bool
    stopped: bool = False


class _Stopped(Exception):
    """The caller asked for the end."""


class Passes:
    """Passes over lesions, each with its progress.

    Parameters
    ----------
    progress
        As of `krogh.simulate`.
    """

    def __init__(self, progress: Any) -> None:
        self.progress = progress
        self.began = time.perf_counter()
        self.callback: Callback | None = None
        self.tissue = 0.0
        self.number = 0

    @contextmanager
    def next(self, what: str = "") -> Iterator[None]:
        """Show the progress of one pass more."""
        self.number += 1
        self.callback = chosen_progress(self.progress, f"voxels, {what or f'pass {self.number}'}")
        try:
            yield
        finally:
            if isinstance(self.callback, ProgressBar):
                self.callback.close()
            self.callback = None

    def tell(self, done: int, total: int) -> bool:
        """Tell of voxels that are done; False to stop."""
        if self.callback is None:
            return True
        return self.callback(done, total, time.perf_counter() - self.began) is not False

    def over(self, parts: Sequence[Part], drawn: Drawn) -> dict[str, Floats]:
        """Return what each lesion takes up to each knot, shape (knots, species)."""
        total = sum(p.voxels.count for p in parts)
        done, found = 0, {}
        with self.next():
            for part in parts:
                found[part.name] = self._one(part, drawn, done, total)
                done += part.voxels.count
        return found

    def _one(self, part: Part, drawn: Drawn, before: int, total: int) -> Floats:
        count = part.voxels.count
        size = -(-part.batch // _GROUP) * _GROUP
        sums = np.zeros((drawn.knots.size, len(drawn.species)))
        rates = drawn.rates
        stopped = False
        for start in range(0, count, size):
            stop = min(start + size, count)

            def report(done: int, _total: int, _seconds: float, start: int = start) -> Any:
                nonlocal stopped
                stopped = not self.tell(before + start + done, total)
                return not stopped

            line = simulate_line(
                **part.arguments,
                lines=stop - start,
                values=part.voxels.part(start, stop),
                times=(drawn.knots, "s"),
                plasma_rates=rates,
                record=[],
                progress=report,
                on_failure="nan",
            )
            if stopped:
                raise _Stopped
            if line.failures:
                first = line.failures[0]
                raise SolverError(
                    f"KG-320: a voxel of the lesion {part.name!r} (number {start + first.line} of"
                    f" its mask): {first}.\n  The plasma cannot be balanced without it; leave it"
                    " out of the mask, or loosen rtol."
                )
            ledger = line.ledger()
            if ledger.imbalance:
                self.tissue = max(self.tissue, ledger.largest)
            self._add(sums, line, part, drawn.species)
        return sums * part.weight

    @staticmethod
    def _add(sums: Floats, line: LineResult, part: Part, species: tuple[str, ...]) -> None:
        problem, outcome = line.problem, line._outcome
        assert problem.systemic is not None
        radius = np.broadcast_to(problem.lengths["outer_radius"], (outcome.entered.shape[0],))
        length = part.voxels.grid.voxel_volume / (np.pi * radius**2)  # um of vessel in a voxel
        starts = np.arange(0, length.size, _GROUP)
        for k, mobile in enumerate(problem.mobiles):
            if mobile.supply is None:
                continue
            entered = (
                outcome.entered[:, :, k].sum(axis=-1) * (length / mobile.supply.per_tissue)[:, None]
            )
            column = species.index(problem.systemic.state_names[mobile.supply.state])
            for group in np.add.reduceat(entered, starts, axis=0):
                sums[:, column] += group


def share_plasma(
    parts: Sequence[Part],
    body: Body,
    start: Drawn,
    *,
    tolerance: float,
    max_iterations: int,
    passes: Passes,
) -> Settled:
    """Return what the lesions take from the plasma that they share.

    Parameters
    ----------
    start
        Nothing: the knots and the species that lesions exchange with.
    tolerance
        For the change of the plasma over the largest value of each species, and for what is taken
        less what was drawn, over the dose.

    Raises
    ------
    SolverError
        KG-320 for a voxel that cannot be solved.
    """
    sampled = 0
    drawn = start
    found = None
    few = [p.sample(_SAMPLE) for p in parts]
    whole = sum(p.voxels.count for p in parts)
    try:
        if 4 * sum(p.voxels.count for p in few) <= whole:
            first = _settle(few, body, drawn, passes, max(tolerance, _FIRST), max_iterations)
            drawn, sampled = first.drawn, len(first.history)
        passes.tissue = 0.0
        found = _settle(parts, body, drawn, passes, tolerance, max_iterations)
    except _Stopped:
        plasma = body.after(drawn)
        assert plasma is not None
        nothing = {p.name: np.full_like(drawn.amounts, np.nan) for p in parts}
        return Settled(drawn, drawn, nothing, plasma, [], sampled, np.nan, False, True)
    found.sampled = sampled
    return found


def _settle(
    parts: Sequence[Part],
    body: Body,
    drawn: Drawn,
    passes: Passes,
    tolerance: float,
    max_iterations: int,
) -> Settled:
    plasma = body.after(drawn)
    assert plasma is not None
    steps, scale = FixedPoint(), _scales(body, drawn)
    history: list[tuple[float, float]] = []
    while True:
        by_lesion = passes.over(parts, drawn)
        total = np.sum([by_lesion[p.name] for p in parts], axis=0)
        taken = replace(drawn, amounts=total)
        rest = (total - drawn.amounts) / scale
        next_plasma = body.after(taken)
        change = np.inf if next_plasma is None else _change(plasma, next_plasma)
        history.append((change, float(np.abs(rest).max(initial=0.0))))
        converged = max(history[-1]) <= tolerance
        if converged or len(history) == max_iterations:
            return Settled(drawn, taken, by_lesion, plasma, history, 0, passes.tissue, converged)
        place = drawn.amounts / scale
        wanted = steps.next(place.ravel(), rest.ravel()).reshape(place.shape)
        # The plasma cannot lose what it does not hold: go as far as it can.
        for halving in range(_HALVINGS + 1):
            step = 0.5**halving * (wanted - place)
            drawn = replace(taken, amounts=(place + step) * scale)
            found = body.after(drawn)
            if found is not None:
                plasma = found
                break
        else:
            raise SolverError(
                "KG-320: the plasma cannot be solved with what the lesions take, not even with a"
                " small part of it; tighten rtol, or use more knots."
            )


def _scales(body: Body, drawn: Drawn) -> Floats:
    """Return the dose that each species is compared with, shape (species,)."""
    dosed = body.dosed
    largest = max(dosed.values(), default=0.0)
    return np.array([dosed.get(n) or largest or 1.0 for n in drawn.species])


def _change(old: LineResult, new: LineResult) -> float:
    """Return the largest difference of species of the plasma, over the largest of each."""
    a, b = old.plasma_states[0], new.plasma_states[0]
    size = np.maximum(np.abs(a), np.abs(b)).max(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.where(size > 0.0, np.abs(a - b).max(axis=0) / size, 0.0)
    return float(relative.max(initial=0.0))
