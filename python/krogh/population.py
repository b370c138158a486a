"""Virtual populations: distributions of covariates, and populations drawn from them.

SPDX-License-Identifier: BSD-3-Clause

Every value is keyed by (seed, subject, covariate): enlarging a population or taking a part of it
leaves its members as they were.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from krogh import units
from krogh.draws import cholesky, purpose_of, standard_normals
from krogh.errors import SpecError, did_you_mean

__all__ = [
    "Categorical",
    "Distribution",
    "Empirical",
    "LogNormal",
    "Normal",
    "ParameterUncertainty",
    "Uniform",
    "VirtualPopulation",
]

Values = NDArray[Any]


@runtime_checkable
class Distribution(Protocol):
    """A covariate's distribution: turns standard normal numbers into values, one by one.

    Working on normal numbers lets covariates be correlated by a Gaussian copula.
    """

    @property
    def unit(self) -> str | None:
        """Unit of the values; None for codes and names."""

    def from_normals(self, z: NDArray[np.float64]) -> Values:
        """Return the values that belong to standard normal numbers, shape (num_subjects,)."""


def _number(value: Any, unit: str | None, what: str) -> tuple[float, str]:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if unit is None:
            raise SpecError(f"KG-117: {what} {value!r} has no unit; write it as text ('70 kg').")
        return float(value), unit
    quantity = units.parse_quantity(value, what)
    return (
        (quantity.value, quantity.unit)
        if unit is None
        else (units.convert(quantity.value, quantity.unit, unit), unit)
    )


def _limits(lower: Any, upper: Any, unit: str) -> tuple[float, float]:
    low = -math.inf if lower is None else _number(lower, unit, "the lower bound")[0]
    high = math.inf if upper is None else _number(upper, unit, "the upper bound")[0]
    if not low < high:
        raise SpecError(f"KG-117: the lower bound {low:g} {unit} is not below {high:g} {unit}.")
    return low, high


def _truncated(z: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Return standard normals confined to (low, high), by the inverse distribution function.

    Exact: u = Phi(low) + Phi(z) (Phi(high) - Phi(low)), from the tail in which low and high lie.
    """
    if low == -math.inf and high == math.inf:
        return z
    from scipy.special import log_ndtr, ndtr, ndtri_exp

    if low > 0.0:  # the upper tail, mirrored so that Phi keeps its digits
        mirrored: NDArray[np.float64] = -_truncated(-z, -high, -low)
        return mirrored
    log_low, log_high = float(log_ndtr(low)), float(log_ndtr(high))
    share = np.exp(log_low - log_high)
    u = share + ndtr(z) * (1.0 - share)
    inside: NDArray[np.float64] = ndtri_exp(log_high + np.log(u))
    return np.clip(inside, low, high)


@dataclass(frozen=True, init=False)
class Normal:
    """Normal distribution, truncated where bounds are given.

    Parameters
    ----------
    mean, sd
        Of the distribution before truncation, as text with unit: ``Normal("70 kg", "12 kg")``.
    lower, upper
        Bounds; values outside do not occur (the distribution is truncated, not clipped).
    """

    mean: float
    sd: float
    unit: str
    lower: float
    upper: float

    def __init__(self, mean: Any, sd: Any, *, lower: Any = None, upper: Any = None) -> None:
        value, unit = _number(mean, None, "the mean")
        spread = _number(sd, unit, "the standard deviation")[0]
        if not spread >= 0.0:
            raise SpecError(f"KG-117: a standard deviation must not be negative, found {sd!r}.")
        low, high = _limits(lower, upper, unit)
        _fill(self, mean=value, sd=spread, unit=unit, lower=low, upper=high)

    def from_normals(self, z: NDArray[np.float64]) -> Values:
        """Return mean + sd z, z confined to the bounds."""
        if self.sd == 0.0:
            return np.full(z.shape, self.mean)
        scaled = [(bound - self.mean) / self.sd for bound in (self.lower, self.upper)]
        return self.mean + self.sd * _truncated(z, scaled[0], scaled[1])


@dataclass(frozen=True, init=False)
class LogNormal:
    """Log-normal distribution by its median and the standard deviation of the logarithm.

    Parameters
    ----------
    median
        Text with unit; exp(mean of the logarithm).
    sigma
        Standard deviation of the natural logarithm; or
    cv
        the coefficient of variation: sigma = sqrt(ln(1 + cv^2)).  Give one of the two.
    lower, upper
        Bounds of the truncated distribution.
    """

    median: float
    sigma: float
    unit: str
    lower: float
    upper: float

    def __init__(
        self,
        median: Any,
        sigma: float | None = None,
        *,
        cv: float | None = None,
        lower: Any = None,
        upper: Any = None,
    ) -> None:
        value, unit = _number(median, None, "the median")
        if (sigma is None) == (cv is None):
            raise SpecError("KG-117: LogNormal needs either sigma or cv.")
        spread = math.sqrt(math.log1p(cv * cv)) if cv is not None else float(sigma or 0.0)
        if not (spread >= 0.0 and value > 0.0):
            raise SpecError("KG-117: LogNormal needs a positive median and no negative spread.")
        low, high = _limits(lower, upper, unit)
        _fill(self, median=value, sigma=spread, unit=unit, lower=low, upper=high)

    def from_normals(self, z: NDArray[np.float64]) -> Values:
        """Return median exp(sigma z), confined to the bounds."""
        if self.sigma == 0.0:
            return np.full(z.shape, self.median)
        low = math.log(self.lower / self.median) / self.sigma if self.lower > 0.0 else -math.inf
        if self.upper <= 0.0:
            raise SpecError("KG-117: the upper bound of a LogNormal must be positive.")
        high = math.inf
        if self.upper < math.inf:
            high = math.log(self.upper / self.median) / self.sigma
        return self.median * np.exp(self.sigma * _truncated(z, low, high))


@dataclass(frozen=True, init=False)
class Uniform:
    """Uniform distribution between two values with unit."""

    lower: float
    upper: float
    unit: str

    def __init__(self, lower: Any, upper: Any) -> None:
        low, unit = _number(lower, None, "the lower bound")
        high = _number(upper, unit, "the upper bound")[0]
        if not low < high:
            raise SpecError(f"KG-117: Uniform needs lower < upper, found {lower!r} and {upper!r}.")
        _fill(self, lower=low, upper=high, unit=unit)

    def from_normals(self, z: NDArray[np.float64]) -> Values:
        """Return lower + (upper - lower) Phi(z)."""
        from scipy.special import ndtr

        return self.lower + (self.upper - self.lower) * np.asarray(ndtr(z))


@dataclass(frozen=True, init=False)
class Categorical:
    """Categories with their shares: ``Categorical({"female": 0.4, "male": 0.6})``.

    Values are the names where the keys are text (the model's covariate translates them), else
    numbers.  Shares must add up to 1 within 1e-9.
    """

    categories: tuple[Any, ...]
    shares: tuple[float, ...]
    unit: None = None

    def __init__(self, shares: Mapping[Any, float]) -> None:
        numbers = tuple(float(v) for v in shares.values())
        if not numbers or min(numbers) < 0.0 or abs(math.fsum(numbers) - 1.0) > 1e-9:
            raise SpecError(
                "KG-117: the shares of categories must not be negative and must add up to 1, found"
                f" {math.fsum(numbers):.10g}."
            )
        _fill(self, categories=tuple(shares), shares=numbers, unit=None)

    def from_normals(self, z: NDArray[np.float64]) -> Values:
        """Return the category in whose share of (0, 1) the number Phi(z) lies."""
        from scipy.special import ndtr

        edges = np.cumsum(self.shares)[:-1]
        chosen = np.searchsorted(edges, np.asarray(ndtr(z)), side="right")
        values: Values = np.array(self.categories)[chosen]
        return values


@dataclass(frozen=True, init=False, eq=False)
class Empirical:
    """Values observed in a real population, drawn with replacement.

    Parameters
    ----------
    values
        Shape (num_observed,).
    unit
        Their unit; None for codes and names.
    together
        Name of a group: members of one group are drawn from the same observed person, which keeps
        their dependence.  All columns of a group must have the same length.
    """

    values: Values
    unit: str | None
    together: str | None

    def __init__(
        self, values: ArrayLike, unit: str | None = None, *, together: str | None = None
    ) -> None:
        array = np.array(values)
        if array.ndim != 1 or array.size == 0:
            raise SpecError(f"KG-117: Empirical needs one row of values, found {array.shape}.")
        if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
            raise SpecError("KG-117: Empirical values must be finite; drop missing ones first.")
        if unit is not None:
            units.parse_unit(unit)
        array.flags.writeable = False
        _fill(self, values=array, unit=unit, together=together)

    def from_normals(self, z: NDArray[np.float64]) -> Values:
        """Return value number floor(N Phi(z))."""
        from scipy.special import ndtr

        size = self.values.size
        row = np.minimum((np.asarray(ndtr(z)) * size).astype(np.int64), size - 1)
        drawn: Values = self.values[row]
        return drawn


def _fill(target: Any, **values: Any) -> None:
    for name, value in values.items():
        object.__setattr__(target, name, value)


@dataclass(frozen=True)
class VirtualPopulation:
    """A population that can be drawn at any size: covariates by name and their distributions.

    Parameters
    ----------
    size
        Number of subjects.
    covariates
        Name to distribution, to a fixed value with unit (``"70 kg"``), or to an array of `size`
        values with its unit ``(array, "kg")``.
    correlation
        ``{("WT", "HT"): 0.6}``: correlations of the underlying normal numbers (a Gaussian copula).
    first_subject
        ID of the first subject; they count upward.

    Examples
    --------
    >>> people = VirtualPopulation(
    ...     1000,
    ...     {
    ...         "WT": LogNormal("70 kg", cv=0.2, lower="40 kg", upper="140 kg"),
    ...         "SEX": Categorical({"female": 0.5, "male": 0.5}),
    ...     },
    ... )
    """

    size: int
    covariates: Mapping[str, Any] = field(default_factory=dict)
    correlation: Mapping[tuple[str, str], float] = field(default_factory=dict)
    first_subject: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.size, bool) or not isinstance(self.size, int) or self.size < 1:
            raise SpecError(f"KG-117: a population needs at least 1 subject, not {self.size!r}.")
        for pair in self.correlation:
            for name in pair:
                if name not in self._drawn():
                    raise SpecError(
                        f"KG-117: the correlation names {name!r}, which is not a drawn covariate."
                        f"{did_you_mean(name, self._drawn())}"
                    )
        self._lower()

    @property
    def ids(self) -> NDArray[np.int64]:
        """IDs of the subjects, shape (size,)."""
        return np.arange(self.first_subject, self.first_subject + self.size, dtype=np.int64)

    def _drawn(self) -> list[str]:
        return [n for n, d in self.covariates.items() if isinstance(d, Distribution)]

    def _lower(self) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        names = tuple(n for n in self._drawn() if any(n in pair for pair in self.correlation))
        matrix = np.eye(len(names))
        for (first, second), value in self.correlation.items():
            i, j = names.index(first), names.index(second)
            matrix[i, j] = matrix[j, i] = float(value)
        return names, cholesky(matrix, names)

    def draw(
        self, seed: int = 0, subjects: NDArray[np.int64] | None = None
    ) -> dict[str, tuple[Values, str | None]]:
        """Return covariates by name as (values, unit), values of shape (num_subjects,).

        Parameters
        ----------
        seed
            Selects the population.
        subjects
            IDs to draw instead of all of them.
        """
        keys = self.ids if subjects is None else np.asarray(subjects, dtype=np.int64)
        joint, lower = self._lower()
        normals: dict[str, NDArray[np.float64]] = {}
        if joint:
            independent = np.column_stack(
                [standard_normals(seed, purpose_of("covariate", n), keys, 1)[:, 0] for n in joint]
            )
            normals = dict(zip(joint, (independent @ lower.T).T, strict=True))
        result: dict[str, tuple[Values, str | None]] = {}
        for name, source in self.covariates.items():
            if isinstance(source, Distribution):
                group = getattr(source, "together", None)
                stream = purpose_of("together", group) if group else purpose_of("covariate", name)
                z = normals.get(name)
                if z is None:
                    z = standard_normals(seed, stream, keys, 1)[:, 0]
                result[name] = (source.from_normals(z), source.unit)
            elif isinstance(source, tuple) and len(source) == 2 and not isinstance(source[0], str):
                values = np.asarray(source[0])
                if values.shape != (self.size,):
                    raise SpecError(
                        f"KG-117: {name} has {values.shape} values for {self.size} subjects."
                    )
                result[name] = (values[keys - self.first_subject], source[1])
            else:
                quantity = units.parse_quantity(source, f"covariate {name}")
                result[name] = (np.full(keys.size, quantity.value), quantity.unit)
        return result

    def __len__(self) -> int:
        return self.size

    def __str__(self) -> str:
        rows = [f"  {name}: {source}" for name, source in self.covariates.items()]
        return "\n".join([f"population of {self.size:,} subjects", *rows])


_LEVELS: Final = ("subject", "population")


@dataclass(frozen=True, eq=False)
class ParameterUncertainty:
    """Uncertainty of parameter estimates: multivariate normal on the logarithm or as it stands.

    Parameters
    ----------
    names
        Model parameters.
    covariance
        Shape (k, k): of ln(parameter) where `log` (the estimate's relative variance), else of the
        parameters in their declared units.
    log
        Whether the logarithm is normal.
    level
        ``"population"``: one draw for all subjects, selected by the seed (one replicate of a
        trial); ``"subject"``: a draw of its own for every subject.
    """

    names: Sequence[str]
    covariance: ArrayLike
    log: bool = True
    level: str = "population"

    def __post_init__(self) -> None:
        if self.level not in _LEVELS:
            raise SpecError(f"KG-117: level must be 'subject' or 'population', not {self.level!r}.")
        cholesky(self.covariance, tuple(self.names))

    def draw(self, seed: int, subjects: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return factors (`log`) or additions, shape (num_subjects or 1, k)."""
        keys = np.zeros(1, dtype=np.int64) if self.level == "population" else subjects
        z = standard_normals(seed, purpose_of("uncertainty", *self.names), keys, len(self.names))
        shift: NDArray[np.float64] = z @ cholesky(self.covariance, tuple(self.names)).T
        return np.exp(shift) if self.log else shift
