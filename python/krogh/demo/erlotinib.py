"""The demo on real data: erlotinib in xenografts, from measurements to the dose that stops growth.

SPDX-License-Identifier: BSD-3-Clause

Data: Eigenmann et al. 2016, doi 10.1158/1535-7163.MCT-16-0076, as they come with krogh.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh import data, library
from krogh.demo.growth_laws import GrowthLaw, growth_law
from krogh.dosing import EventTable, Regimen
from krogh.fit import fit
from krogh.fit.result import FitResult
from krogh.model import Model
from krogh.simulate import simulate
from krogh.table import ResultTable

__all__ = ["ErlotinibAnswer", "Standstill", "answer_erlotinib"]

Floats = NDArray[np.float64]
Progress = Callable[[str, float], Any]
"""Called with what is being done and the share of the whole that is done."""

GROUPS: Final = {"0": 0.0, "3": 6.25, "4": 25.0, "5": 100.0}
"""Daily dose, mg/kg, of the groups of the growth data."""
_HOURS: Final = 24.0
_RTOL: Final = 1e-6  # far below the scatter of the data
_DRAWS: Final = 200


@dataclass(frozen=True)
class Standstill:
    """The daily dose at which kill balances growth.

    Attributes
    ----------
    dose, low, high
        mg/kg a day: estimate and ends of the interval.
    level
        Of the interval.
    concentration
        Average plasma concentration at that dose, mg/L.
    size
        Volume of the tumor that stands still, cm^3; 0 for a small one.
    """

    dose: float
    low: float
    high: float
    level: float
    concentration: float
    size: float


@dataclass(frozen=True)
class ErlotinibAnswer:
    """Fits of plasma and growth, and the dose that stops growth."""

    law: GrowthLaw
    plasma: FitResult
    growth: FitResult
    standstill: Standstill
    seed: int

    def net_growth(self, doses: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the net rate of growth under daily doses, and the ends of its interval, 1/d.

        Parameters
        ----------
        doses
            mg/kg a day, shape (num_doses,).
        """
        clearance = self.plasma["CL_kg"].value
        values = _values(self.growth, self.law)

        def rates(at: dict[str, float]) -> Floats:
            size = self.standstill.size
            kill = self.law.potency(at) * doses / (clearance * _HOURS)
            return np.asarray(self.law.growth(at, size) - kill)

        middle, error = rates(values), _standard_error(rates, values, self.growth, self.law)
        half = _quantile(self.growth) * error
        return middle, middle - half, middle + half

    def courses(self, doses: Floats, days: Floats) -> Floats:
        """Return predicted volumes, cm^3, drawn from the uncertainty of the fit.

        Parameters
        ----------
        doses
            mg/kg, once a day from day 3 on, when treatment began in the experiment; shape
            (num_doses,).
        days
            Shape (num_days,).

        Returns
        -------
        numpy.ndarray
            Shape (num_doses, 1 + num_draws, num_days); the first are those of the estimates.
        """
        law, names = self.law, self.law.estimated
        rows = [self.growth.names.index(name) for name in names]
        covariance = _held(self.growth.covariance[np.ix_(rows, rows)])
        variances, axes = np.linalg.eigh(covariance)
        z = np.zeros((1 + _DRAWS, len(names)))
        z[1:] = np.random.default_rng(self.seed).standard_normal((_DRAWS, len(names)))
        z = z * np.sqrt(np.maximum(variances, 0.0)) @ axes.T
        values = {name: self.growth[name].value * np.exp(z[:, k]) for k, name in enumerate(names)}
        values[law.start] = np.full(1 + _DRAWS, self.typical_start)
        found = []
        for dose in doses:
            regimen = None
            if dose > 0.0:
                regimen = Regimen(f"{float(dose)!r} mg/kg oral daily x 28").shift("3 d")
            result = simulate(
                self.growth.model,
                regimen,
                subjects=1 + _DRAWS,
                values={**self.plasma.values(), **values},
                times=(days, "d"),
                metrics=False,
                rtol=_RTOL,
                progress=False,
            )
            found.append(np.asarray(result["tumor"].values))
        return np.array(found)

    @property
    def starts(self) -> Floats:
        """Volumes of the animals at the start, as fitted, cm^3."""
        head = f"{self.law.start}["
        return np.array([self.growth[n].value for n in self.growth.names if n.startswith(head)])

    @property
    def typical_start(self) -> float:
        """Median of `starts`, cm^3."""
        return float(np.median(self.starts))

    @property
    def plasma_and_growth(self) -> ResultTable:
        """All estimates of both fits with their precision; those of an animal have its ID."""
        columns: dict[str, list[Any]] = {}
        for what, result in (("plasma", self.plasma), ("growth", self.growth)):
            for row in result.parameters.rows():
                for name, cell in {"fit": what, **row}.items():
                    columns.setdefault(name, []).append(cell)
        return ResultTable(columns, {"RSE": "%"})

    @property
    def shared(self) -> ResultTable:
        """Those of `plasma_and_growth` that all animals share."""
        table = self.plasma_and_growth
        own = np.char.startswith(table["parameter"].astype(str), f"{self.law.start}[")
        return ResultTable({name: table[name][~own] for name in table}, table.units, table.title)

    def dose_table(self, doses: Floats) -> ResultTable:
        """Return net growth and doubling time under daily doses."""
        middle, low, high = self.net_growth(doses)
        percent = f"{100.0 * self.standstill.level:g} %"
        return ResultTable(
            {
                "daily dose": doses,
                "net growth": middle,
                f"{percent} low": low,
                f"{percent} high": high,
                "doubling time": [math.log(2.0) / g if g > 0.0 else math.nan for g in middle],
            },
            {
                "daily dose": "mg/kg",
                "net growth": "1/d",
                f"{percent} low": "1/d",
                f"{percent} high": "1/d",
                "doubling time": "d",
            },
        )


def answer_erlotinib(
    law: str = "koch", *, seed: int = 0, progress: Progress | None = None
) -> ErlotinibAnswer:
    """Fit plasma and growth, and predict the dose that stops growth.

    Plasma: the animals dosed once with 100 mg/kg, measured within a day, log-normal errors.
    Growth: all control and treated animals with the plasma course of their doses; each animal has
    its own volume at the start, everything else is shared; errors have a constant and a
    proportional part, because volumes reach down to nearly zero.

    Parameters
    ----------
    law
        A name of `krogh.demo.growth_laws.LAWS`.
    seed
        Selects the starts of the searches and the draws of the predictions.
    progress
        Called with what is being done and the share that is done.

    Raises
    ------
    SpecError
        KG-132 for an unknown law.
    """
    chosen = growth_law(law)
    report = progress or (lambda what, share: None)
    report("erlotinib: plasma", 0.0)
    plasma = _fit_plasma(seed)
    report("erlotinib: growth", 0.15)
    growth = _fit_growth(
        chosen, plasma, seed, lambda s: report("erlotinib: growth", 0.15 + 0.8 * s)
    )
    standstill = _standstill(chosen, plasma, growth)
    report("erlotinib: dose", 1.0)
    return ErlotinibAnswer(chosen, plasma, growth, standstill, seed)


def _fit_plasma(seed: int) -> FitResult:
    table = EventTable.read(data.path("erlotinib_plasma"))
    time = np.asarray(table["TIME"], dtype=float)
    # Group 1 alone had single doses, all on day 0; values at time 0 were taken before them.
    include = (np.asarray(table["GROUP"], dtype=float) == 1.0) & (time > 0.0) & (time <= 1.0)
    model = library.model("erlotinib_mouse")
    return fit(model, table, ["CL_kg", "V1_kg", "KA"], error="log", include=include, seed=seed)


def _fit_growth(
    law: GrowthLaw, plasma: FitResult, seed: int, progress: Callable[[float], Any]
) -> FitResult:
    table = EventTable.read(data.path("erlotinib_growth"))
    model = Model(
        f"erlotinib_xenograft_{law.name.replace('-', '_')}",
        library.model("erlotinib_mouse"),
        law.build(),
    )
    return fit(
        model,
        table,
        [*law.estimated, law.start],
        by={law.start: "ID"},
        values=plasma.values(),
        observables="tumor",
        error="combined",
        starts=3,
        seed=seed,
        rtol=_RTOL,
        progress=lambda done, total, seconds: progress(done / total),
    )


def _standstill(law: GrowthLaw, plasma: FitResult, growth: FitResult) -> Standstill:
    """Return the dose at which growth equals kill, and its interval.

    The average concentration over a day at steady state is dose/(CL*24 h).  The interval is
    log-normal, from the covariance of the growth parameters; the uncertainty of CL is not added,
    because growth data determine the ratio of potency and CL: another CL would have changed the
    potency by the same factor and left the dose where it is.
    """
    size = 0.0 if law.is_bounded else _size_at_treatment(growth.table)
    values = _values(growth, law)

    def log_concentration(at: dict[str, float]) -> Floats:
        return np.asarray(math.log(law.growth(at, size) / law.potency(at)))

    middle = float(log_concentration(values))
    half = _quantile(growth) * float(_standard_error(log_concentration, values, growth, law))
    per_concentration = plasma["CL_kg"].value * _HOURS
    low, dose, high = (per_concentration * math.exp(middle + k * half) for k in (-1.0, 0.0, 1.0))
    return Standstill(dose, low, high, growth.level, math.exp(middle), size)


def _values(growth: FitResult, law: GrowthLaw) -> dict[str, float]:
    return {name: growth[name].value for name in law.estimated}


def _quantile(result: FitResult) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(result.degrees_of_freedom, 0.5 + 0.5 * result.level))


def _standard_error(
    function: Callable[[dict[str, float]], Floats],
    values: dict[str, float],
    result: FitResult,
    law: GrowthLaw,
) -> Floats:
    """Return the standard error of a function of the shared estimates, by the delta method."""
    step = 1e-5  # of the logarithms, which are what was estimated
    rows = [result.names.index(name) for name in law.estimated]
    slopes = np.array(
        [
            (
                function({**values, name: values[name] * math.exp(step)})
                - function({**values, name: values[name] * math.exp(-step)})
            )
            / (2.0 * step)
            for name in law.estimated
        ]
    )
    covariance = _held(result.covariance[np.ix_(rows, rows)])
    return np.asarray(np.sqrt(np.einsum("i...,ij,j...->...", slopes, covariance, slopes)))


def _held(covariance: Floats) -> Floats:
    """Return the covariance with parameters that have none, which sit on a bound, held there."""
    return np.where(np.isfinite(covariance), covariance, 0.0)


def _size_at_treatment(table: EventTable) -> float:
    """Return the median of the last volumes measured before the first dose, cm^3."""
    time, value = (np.asarray(table[name], dtype=float) for name in ("TIME", "DV"))
    is_dose = np.asarray(table["EVID"]) == 1
    volumes = []
    for subject in range(table.num_subjects):
        mine = table.subject_index == subject
        if np.any(mine & is_dose):
            first = float(np.min(time[mine & is_dose]))
            before = np.flatnonzero(mine & ~is_dose & (time <= first))
            volumes.append(float(value[before[np.argmax(time[before])]]))
    return float(np.median(volumes))
