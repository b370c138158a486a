"""Fractions of radiation: linear-quadratic kill in every voxel by its oxygen at that moment.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.dosing.regimen import Regimen
from krogh.errors import SpecError, UnitError, did_you_mean
from krogh.line.arrays import Evaluator
from krogh.line.parts import needed_states
from krogh.model.expression import Number, Symbol
from krogh.units import dimension, factor, parse_quantity
from krogh.volume.problem import VolumeProblem

__all__ = ["Fractions", "Radiation", "fractions_of"]

Floats = NDArray[np.float64]

_GRAY: Final = dimension("Gy")
_CELLS: Final = ("living", "quiescent")
_MOST: Final = 10_000
"""Most fractions of a run."""


@dataclass(frozen=True)
class Radiation:
    r"""Fractions of radiation, for `krogh.simulate_volume`.

    Each fraction of dose d leaves in every voxel the part

    .. math:: S = \exp(-\alpha\, \omega_\alpha d - \beta\, (\omega_\beta d)^2), \qquad
              \omega = \frac{m p + K}{m (p + K)}

    of the living cells, with the oxygen pressure p of the voxel at that moment.  The form of
    :math:`\omega` is that of Alper & Howard-Flanders 1956 (Nature 178:978-979): 1/m without
    oxygen, 1 in plenty; :math:`\alpha` and :math:`\beta` are those of cells with plenty.  m and K
    may differ for both terms (Wenzl & Wilkens 2011, doi 10.1186/1748-717X-6-171).

    A fraction is given at once, and what it damages is repaired before the next: for protracted
    doses, dose rates and incomplete repair see `krogh.model.effect.radiation`.

    Parameters
    ----------
    schedule
        ``"2 Gy daily x 5"``, or a `krogh.Regimen` in Gy.
    alpha, beta
        ``"0.3 1/Gy"``, ``"0.03 1/Gy^2"``; or the name of a parameter or rule of the tissue, which
        may be a field over the voxels or follow the drug.
    oxygen
        Species or rule of the tissue, a pressure; None: all cells have plenty.
    OER, K
        m and K of the linear term: 3 and 3 mmHg, the usual values (Alper & Howard-Flanders 1956,
        unverified).
    OER_beta
        m of the quadratic term; that of the linear one if left out.
    cells
        Species of living cells that are hit; ``living`` and ``quiescent`` of
        `krogh.model.effect.cell_shell`, as far as the tissue has them, if left out.
    dead
        Species that receives the killed cells, None: they are gone at once.
    dose_factor
        Dimensionless factor of the dose: the name of a parameter or rule of the tissue (a plan's
        dose as a field; a drug that sensitizes), or an array (nz, ny, nx).

    Raises
    ------
    SpecError
        KG-108 for ratios below 1, or coefficients that are negative.
    UnitError, DataError
        As of sentences and quantities.

    Examples
    --------
    >>> Radiation("2 Gy daily x 5", alpha="0.3 1/Gy", beta="0.03 1/Gy^2").times[:2]
    (0.0, 86400.0)
    """

    schedule: Any
    alpha: str
    beta: str
    oxygen: str | None = "pO2"
    OER: float = 3.0
    K: str = "3 mmHg"
    OER_beta: float | None = None
    cells: Sequence[str] | None = None
    dead: str | None = "dying1"
    dose_factor: Any = None
    times: tuple[float, ...] = field(init=False)
    doses: tuple[float, ...] = field(init=False)

    def __post_init__(self) -> None:
        for name in ("OER", "OER_beta"):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value >= 1.0):
                raise SpecError(f"KG-108: {name} is 1 or more, not {value!r}.")
        if isinstance(self.cells, str) or (self.cells is not None and not self.cells):
            raise SpecError("KG-108: cells is a list of species of living cells.")
        pressure = parse_quantity(self.K, "K")
        if dimension(pressure.unit) != dimension("mmHg") or not pressure.value > 0.0:
            raise UnitError(f"KG-121: K is a positive pressure such as '3 mmHg', not {self.K!r}.")
        given = _fractions(Regimen(self.schedule))
        object.__setattr__(self, "times", tuple(t for t, _ in given))
        object.__setattr__(self, "doses", tuple(d for _, d in given))

    @property
    def facts(self) -> dict[str, Any]:
        """Everything that is stated, the schedule as times and doses."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "schedule"}


def _fractions(regimen: Regimen) -> list[tuple[float, float]]:
    """Return time, s, and dose, Gy, of every fraction in order; those at one time add up."""
    if regimen.is_open_ended:
        raise SpecError("KG-108: state how many fractions there are: '2 Gy daily x 5'.")
    if (regimen.num_doses or 0) > _MOST:
        raise SpecError(f"KG-108: {regimen.num_doses} fractions are more than {_MOST:,}.")
    found: dict[float, float] = {}
    for dose in regimen.doses:
        if dimension(dose.amount.unit) != _GRAY:
            raise UnitError(f"KG-121: a fraction is in Gy, not {dose.amount.unit!r}.")
        if dose.duration or dose.rate is not None:
            raise SpecError(
                "KG-108: a fraction is given at once; protracted doses are those of"
                " krogh.model.effect.radiation."
            )
        amount = float(dose.amount.value) * factor(dose.amount.unit) / factor("Gy")
        for k in range((dose.additional or 0) + 1):
            at = dose.time + k * (dose.interval or 0.0)
            found[at] = found.get(at, 0.0) + amount
    return sorted(found.items())


class Fractions:
    """The fractions of one run: which states they need, and how they change them.

    Attributes
    ----------
    times, doses
        s and Gy of the fractions within the run.
    states
        Numbers of the tissue states that are read or changed.
    survival : list of float
        Part of the living cells of the tissue that survived each fraction so far.
    """

    def __init__(self, problem: VolumeProblem, radiation: Radiation, begin: float, end: float):
        self._problem = problem
        self._given = radiation
        self.survival: list[float] = []
        within = [k for k, t in enumerate(radiation.times) if begin <= t <= end]
        if radiation.times[0] < begin:
            raise SpecError(
                f"KG-162: a fraction at {radiation.times[0] / 3600:g} h lies before the begin of"
                f" the run, {begin / 3600:g} h."
            )
        self.times = np.array([radiation.times[k] for k in within])
        self.doses = [radiation.doses[k] for k in within]
        model = problem.tissue.model
        self._alpha, self._beta = (
            self._term(name, getattr(radiation, name), unit)
            for name, unit in (("alpha", "1/Gy"), ("beta", "1/Gy^2"))
        )
        self._oxygen = self._term("oxygen", radiation.oxygen, "mmHg")
        self._factor = self._dose_factor(radiation.dose_factor)
        cells = radiation.cells
        if cells is None:
            cells = [n for n in _CELLS if n in problem.tissue.state_names] or _CELLS[:1]
        self._cells = tuple(self._species(name, "cells") for name in cells)
        self._dead = None if radiation.dead is None else self._species(radiation.dead, "dead")
        if self._dead in self._cells:
            raise SpecError(f"KG-108: {self._dead!r} cannot be both hit and dead.")
        read = [e for e in (self._alpha, self._beta, self._oxygen, self._factor) if e is not None]
        needed = needed_states(model, [e for e in read if not isinstance(e, np.ndarray)])
        changed = [*self._cells, *([] if self._dead is None else [self._dead])]
        self._names = tuple(dict.fromkeys([*changed, *sorted(needed)]))
        self.states = [problem.tissue.state_index(name) for name in self._names]

    def _species(self, name: str, what: str) -> str:
        c = self._problem.tissue
        if name not in c.state_names:
            raise SpecError(
                f"KG-103: radiation, {what}: the tissue {c.model.name!r} has no species {name!r}."
                f"{did_you_mean(name, c.state_names)}"
            )
        if any(c.model.analysis.dimensions[name]) and what == "dead":
            own = c.model.analysis.dimensions[name]
            if own != c.model.analysis.dimensions[self._cells[0]]:
                raise UnitError(f"KG-121: radiation: {name!r} does not count what the cells do.")
        return name

    def _term(self, what: str, given: str | None, unit: str) -> Any:
        """Return a number with its unit, or the name of a parameter, species or rule."""
        if given is None:
            return None
        model = self._problem.tissue.model
        dimensions = model.analysis.dimensions
        if given in dimensions and given not in ("t", "pi"):
            if dimensions[given] != dimension(unit):
                raise UnitError(f"KG-121: radiation, {what}: {given!r} is not in {unit}.")
            return Symbol(given)
        if str(given).isidentifier():
            raise SpecError(
                f"KG-103: radiation, {what}: the tissue {model.name!r} has no species, parameter or"
                f" rule {given!r}.{did_you_mean(given, list(dimensions))}"
            )
        quantity = parse_quantity(given, f"{what} of the radiation")
        if dimension(quantity.unit) != dimension(unit):
            raise UnitError(f"KG-121: {what} of the radiation is in {unit}, not {given!r}.")
        if not quantity.value >= 0.0:
            raise SpecError(f"KG-108: {what} of the radiation must not be negative, {given!r}.")
        return Number(float(quantity.value), quantity.unit)

    def _dose_factor(self, given: Any) -> Any:
        if given is None or isinstance(given, str):
            return self._term("dose_factor", given, "")
        array = np.asarray(given, dtype=np.float64)
        if array.shape != self._problem.grid.shape:
            raise SpecError(
                f"KG-166: dose_factor has shape {array.shape}; {self._problem.grid.shape} (z, y, x)"
                " is needed."
            )
        own: Floats = array.reshape(-1)[self._problem.inside]
        if not np.all(np.isfinite(own) & (own >= 0.0)):
            raise SpecError("KG-166: dose_factor must be finite and not negative in the tissue.")
        return own

    def log_survival(self, number: int, values: Floats) -> Floats:
        """Return ln S of a fraction in the voxels inside.

        Parameters
        ----------
        number
            Of the fraction, from 0.
        values
            The `states` in the voxels inside, shape (states, cells).
        """
        p = self._problem
        symbols: dict[str, Any] = {"t": self.times[number]}
        for i, name in enumerate(p.tissue.parameter_names):
            symbols[name] = p.parameters[0, i]
        symbols |= {name: given[0] for name, given in p.fields.items()}
        symbols |= dict(zip(self._names, values, strict=True))
        at = Evaluator(p.tissue.model, symbols)
        dose: Any = self.doses[number] * factor("Gy")
        if isinstance(self._factor, np.ndarray):
            dose = dose * self._factor
        elif self._factor is not None:
            dose = dose * at.value(self._factor)
        linear, quadratic = dose, dose
        if self._oxygen is not None:
            given = self._given
            pressure = at.value(self._oxygen)
            half = parse_quantity(given.K, "K").to("mmHg") * factor("mmHg")
            ratios = (given.OER, given.OER if given.OER_beta is None else given.OER_beta)
            linear, quadratic = (
                dose * (m * pressure + half) / (m * (pressure + half)) for m in ratios
            )
        alpha, beta = at.value(self._alpha), at.value(self._beta)
        found = -alpha * linear - beta * quadratic**2
        return np.broadcast_to(np.asarray(found, dtype=np.float64), (p.cells,))

    def apply(self, number: int, states: Floats) -> Floats:
        """Return the states after a fraction, shape (states, nz, ny, nx)."""
        p = self._problem
        flat = states.reshape(len(self.states), -1)
        inside = flat[:, p.inside]
        part = -np.expm1(self.log_survival(number, inside))
        killed = np.zeros(p.cells)
        before = 0.0
        for name in self._cells:
            row = self._names.index(name)
            gone = part * inside[row]
            before += float(inside[row].sum())
            inside[row] -= gone
            killed += gone
        if self._dead is not None:
            inside[self._names.index(self._dead)] += killed
        del self.survival[number:]  # of a run before, where a second one checks it
        self.survival.append(1.0 - float(killed.sum()) / before if before > 0.0 else np.nan)
        flat[:, p.inside] = inside
        return flat.reshape(states.shape)


def fractions_of(problem: VolumeProblem, given: Any, begin: float, end: float) -> Fractions | None:
    """Return the fractions of a run; SpecError KG-119 for something else."""
    if given is None:
        return None
    if not isinstance(given, Radiation):
        raise SpecError(
            "KG-119: radiation is a krogh.volume.Radiation('2 Gy daily x 5', alpha=..., beta=...),"
            f" not {given!r:.60}."
        )
    return Fractions(problem, given, begin, end)
