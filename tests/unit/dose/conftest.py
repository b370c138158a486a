"""Small problems with known answers for the tests of krogh.dose.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import krogh as kg
import numpy as np
import pytest
from krogh.dose.binding import bind
from krogh.dose.plan import Settings
from krogh.dose.readings import InARow, Names, PointReadings
from krogh.dose.regimens import base_candidate, candidates
from krogh.dose.search import Search
from krogh.dose.space import axis_of
from krogh.dose.target import Target
from krogh.draws import purpose_of, standard_normals

DAY = 86400.0
MEDIAN_RATE = math.log(2.0) / (3.0 * DAY)  # 1/s
OMEGA = 0.5
VOLUME_L = 3.0


@dataclass
class StandInReadings(InARow):
    """Numbers given by hand, in the form that targets read."""

    times: Any
    tissue_values: Mapping[str, Any] = field(default_factory=dict)
    plasma_values: Mapping[str, Any] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    volumes: Any = None
    distance: Any = None
    farthest: Any = None
    dose_times: Any = None
    names: Names | None = None

    def __post_init__(self) -> None:
        self.times = np.asarray(self.times, dtype=float)
        arrays = [*self.tissue_values.values()]
        cells = np.asarray(arrays[0]).shape[-1] if arrays else 1
        self.volumes = np.atleast_2d(np.ones(cells) if self.volumes is None else self.volumes)
        place = np.arange(cells) + 0.5
        self.distance = np.atleast_2d(place if self.distance is None else self.distance)
        self.farthest = np.atleast_1d(
            self.distance.max(axis=-1) + 0.5 if self.farthest is None else self.farthest
        )
        if self.names is None:
            self.names = Names(
                {name: self.units.get(name, "nM") for name in self.plasma_values},
                {name: self.units.get(name, "1") for name in self.tissue_values},
            )

    @property
    def num_lines(self) -> int:
        return len(next(iter((*self.tissue_values.values(), *self.plasma_values.values()))))

    def plasma(self, name: str) -> Any:
        return np.asarray(self.plasma_values[name], dtype=float)

    def tissue(self, name: str) -> Any:
        return np.asarray(self.tissue_values[name], dtype=float)


@pytest.fixture(scope="session")
def stand_in() -> type[StandInReadings]:
    return StandInReadings


@dataclass
class DecayProblem:
    """A well-mixed model with one uncertain parameter: the elimination rate is log-normal.

    The plasma concentration t after a bolus D is D/V exp(-k t), so it is at least c at t in the
    share Phi(ln(ln(D/(V c))/(t k0))/omega) of the tumours.
    """

    regimen: Any = field(default_factory=lambda: kg.Regimen("100 nmol"))
    until: float = 7 * DAY
    main: str | None = "D"
    num_cells: int = 1
    uncertain: tuple[str, ...] = ("k",)
    fingerprint: str = "decay"
    about: Mapping[str, str] = field(default_factory=dict)
    calls: list[Any] = field(default_factory=list)
    before_run: Callable[[int], None] | None = None
    fails: Callable[[Any], Any] | None = None

    def __post_init__(self) -> None:
        self.names = Names({"Cp_D": "nM"}, {"free_D": "nM"}, {"D": ("drug D",)})

    def tumours(self, seed: int, count: int) -> dict[str, Any]:
        ids = np.arange(1, count + 1, dtype=np.int64)
        z = standard_normals(seed, purpose_of("decay", "k"), ids, 1)[:, 0]
        return {"k": MEDIAN_RATE * np.exp(OMEGA * z)}

    def run(
        self,
        regimen: Any,
        times: Any,
        outputs: Sequence[str],
        values: Mapping[str, Any],
        num_threads: int,
        progress: Any,
    ) -> Any:
        if self.before_run is not None:
            self.before_run(len(self.calls))
        self.calls.append((str(regimen), np.asarray(values["k"]).copy(), num_threads))
        k = np.asarray(values["k"])[:, None]
        curve = np.zeros((k.shape[0], len(times)))
        for dose in regimen:
            for n in range((dose.additional or 0) + 1):
                since = np.asarray(times) - (dose.time + n * dose.interval)
                fall = np.exp(-k * np.maximum(since, 0.0)) * (since > 0.0)
                curve += dose.amount.to("nmol") / VOLUME_L * fall
        starts = [d.time + n * d.interval for d in regimen for n in range((d.additional or 0) + 1)]
        readings = StandInReadings(
            times, {"free_D": curve[:, :, None]}, {"Cp_D": curve}, {}, dose_times=np.array(starts)
        )
        failed = np.zeros(k.shape[0], dtype=bool)
        if self.fails is not None:
            failed = np.asarray(self.fails(values))
        return readings, failed


@pytest.fixture
def decay_problem() -> type[DecayProblem]:
    return DecayProblem


@pytest.fixture(scope="session")
def decay() -> SimpleNamespace:
    """Numbers of the closed form."""

    def exact(dose_nmol: float, needed_nm: float, time: float) -> float:
        ratio = dose_nmol / VOLUME_L / needed_nm
        if ratio <= 1.0:
            return 0.0
        z = math.log(math.log(ratio) / (time * MEDIAN_RATE)) / OMEGA
        return 0.5 * math.erfc(-z / math.sqrt(2.0))

    return SimpleNamespace(exact=exact, median_rate=MEDIAN_RATE, omega=OMEGA, volume=VOLUME_L)


def make_search(
    problem: Any,
    *,
    dose: Any = None,
    interval: Any = None,
    add: Mapping[str, Any] | None = None,
    reach: Sequence[str] = (),
    limits: Sequence[str] = (),
    tumours: int = 200,
    seed: int = 1,
    confidence: float = 0.8,
    risk: float = 0.1,
) -> Search:
    axes = []
    if dose is not None:
        axes.append(axis_of("dose", "dose", dose))
    if interval is not None:
        axes.append(axis_of("interval", "interval", interval))
    for name, what in (add or {}).items():
        axes.append(axis_of("added", name, what))
    bounds = tuple(bind(Target(t), problem.names) for t in (*reach, *limits))
    exposure = bind(Target("plasma AUC of D >= 1 nM d"), problem.names)
    settings = Settings(
        problem.main, seed, confidence, risk, problem.until, "plasma AUC of D", "nM d",
        problem.uncertain, f"{problem.fingerprint}/{seed}/{tumours}",
    )  # fmt: skip
    return Search(
        problem,
        tuple(axes),
        candidates(problem.regimen, problem.main, axes, problem.until),
        base_candidate(problem.regimen, problem.main, problem.until),
        bounds,
        len(reach),
        exposure,
        settings,
        tumours,
    )


@pytest.fixture(scope="session")
def search_of() -> Callable[..., Search]:
    return make_search


@pytest.fixture(scope="session")
def point_readings() -> type[PointReadings]:
    return PointReadings
