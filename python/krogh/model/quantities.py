"""Components that are numbers: parameters, covariates, variability.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, model_validator

from krogh.errors import SpecError, UnitError, did_you_mean
from krogh.model.fields import (
    Component,
    Measure,
    Name,
    UnitText,
    as_measure,
    is_number,
    require_unit,
)
from krogh.units import Quantity, convert

__all__ = ["Covariate", "Parameter", "Variability"]

Amount = Quantity | str | float | tuple[float, str] | Any
"""What may stand for a number with a unit."""


class _Valued(Component):
    """Something with a nominal value, a unit and bounds."""

    name: Name
    value: Measure | None = None
    unit: UnitText = ""
    lower: Measure | None = None
    upper: Measure | None = None

    @model_validator(mode="before")
    @classmethod
    def _unit_from_value(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = dict(data)
        name = f"{cls.what} {data.get('name', '')!r}"
        given = data.get("unit")
        value = data.get("value")
        if value is None:
            if given is None and cls is Parameter:
                raise SpecError(
                    "KG-109: without a value it needs its unit, for example unit='L/d'."
                )
        elif isinstance(value, str) and isinstance(data.get("categories"), dict):
            data["value"] = _category(value, data["categories"])
        else:
            measure = as_measure(value, "the value")
            if given is not None:
                unit = str(given)
                bare = isinstance(value, Real) or is_number(str(value))
                if bare:
                    measure = Quantity(measure.value, unit)
                require_unit(measure.unit, unit, name)
                measure = Quantity(convert(measure.value, measure.unit or "1", unit or "1"), unit)
            data["value"] = measure
            data["unit"] = measure.unit
        unit = data.get("unit") or ""
        for bound in ("lower", "upper"):
            if data.get(bound) is not None:
                limit = as_measure(data[bound], bound)
                if isinstance(data[bound], Real) or is_number(str(data[bound])):
                    limit = Quantity(limit.value, unit)
                require_unit(limit.unit, unit, f"{bound} bound of {name}")
                data[bound] = limit
        return data

    @model_validator(mode="after")
    def _within_bounds(self) -> Any:
        low, high = self.bounds
        if low > high:
            raise SpecError(
                f"KG-108: the lower bound {self.lower} lies above the upper bound {self.upper}."
            )
        if self.value is not None and not low <= self.value.internal <= high:
            raise SpecError(f"KG-108: the value {self.value} lies outside {self.range_text}.")
        return self

    @property
    def bounds(self) -> tuple[float, float]:
        """Lower and upper bound in internal units, infinite where there is none."""
        low = -math.inf if self.lower is None else self.lower.internal
        high = math.inf if self.upper is None else self.upper.internal
        return low, high

    @property
    def range_text(self) -> str:
        """The permitted range as written."""
        low = "-inf" if self.lower is None else str(self.lower)
        high = "inf" if self.upper is None else str(self.upper)
        return f"{low} .. {high}"


class Parameter(_Valued):
    """A constant of the model with value, unit, bounds and where it comes from.

    Parameters
    ----------
    name : str
        Symbol in expressions; letters, digits, ``_``, parts joined by dots.
    value : str, Quantity, pint quantity, float or None
        ``"0.2 L/d"``; a bare number is dimensionless, or in `unit` where that is given.  None: the
        value must be given with each simulation.
    unit : str, optional
        Needed only without a value.
    lower, upper : str, optional
        Bounds with units; values outside are refused.
    source, note : str
        Where the value comes from (DOI, table), remarks.
    verified : bool
        Whether the value was checked against its source.
    """

    what: ClassVar[str] = "parameter"
    positional: ClassVar[tuple[str, ...]] = ("name", "value")
    source: str = ""
    note: str = ""
    verified: bool = True

    if TYPE_CHECKING:

        def __init__(
            self,
            name: str,
            value: Amount = None,
            *,
            unit: str | None = None,
            lower: Amount = None,
            upper: Amount = None,
            source: str = "",
            note: str = "",
            verified: bool = True,
        ) -> None: ...


def _category(value: str, categories: dict[str, Any]) -> Any:
    if value in categories:
        return float(categories[value])
    try:
        return float(value)
    except ValueError:
        raise SpecError(
            f"KG-108: {value!r} is not one of the categories {', '.join(map(repr, categories))}."
            f"{did_you_mean(value, categories)}"
        ) from None


class Covariate(_Valued):
    """A property of the subject that expressions may use; it may vary in time through the data.

    Parameters
    ----------
    name : str
        Symbol in expressions.
    value : str
        Reference value with unit, used where a subject does not state its own.
    lower, upper : str, optional
        Bounds with units.
    categories : dict, optional
        Numbers of the categories: ``{"female": 0, "male": 1}``; such a covariate is dimensionless.
    note : str
        Remarks.
    """

    what: ClassVar[str] = "covariate"
    positional: ClassVar[tuple[str, ...]] = ("name", "value")
    categories: dict[str, float] | None = None
    note: str = ""

    if TYPE_CHECKING:

        def __init__(
            self,
            name: str,
            value: Amount,
            *,
            unit: str | None = None,
            lower: Amount = None,
            upper: Amount = None,
            categories: Mapping[str, float] | None = None,
            note: str = "",
        ) -> None: ...

    @model_validator(mode="after")
    def _has_value(self) -> Any:
        if self.value is None:
            raise SpecError("KG-109: a covariate needs its reference value, for example '70 kg'.")
        if self.categories is not None:
            if not self.categories:
                raise SpecError("KG-108: 'categories' is empty.")
            if self.unit:
                raise UnitError(f"KG-121: categories have no unit; found {self.unit!r}.")
            if len(set(self.categories.values())) < len(self.categories):
                raise SpecError("KG-108: two categories have the same number.")
            if self.value.value not in self.categories.values():
                raise SpecError(f"KG-108: {self.value} is the number of no category.")
        return self


def _names(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _matrix(value: Any) -> Any:
    """Return a full matrix from a number, a diagonal, or a matrix (nested lists or arrays)."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, int | float):
        return ((value,),)
    if isinstance(value, list | tuple) and all(isinstance(v, int | float) for v in value):
        return tuple(
            tuple(v if i == j else 0.0 for j in range(len(value))) for i, v in enumerate(value)
        )
    return value


class Variability(Component):
    """Random effects of subjects or occasions: normal with mean 0 and a covariance.

    The names are dimensionless symbols that are 0 unless variability is simulated.

    Parameters
    ----------
    names : str or tuple of str
        The random effects.
    covariance : float, sequence, matrix
        Variance of one effect, variances, or the covariance matrix; symmetric, positive
        semidefinite.
    level : {"subject", "occasion"}
        Whether values hold for a subject or for one occasion.
    source : str
        Where the values come from.
    """

    what: ClassVar[str] = "variability"
    positional: ClassVar[tuple[str, ...]] = ("names", "covariance")
    names: Annotated[tuple[Name, ...], BeforeValidator(_names)]
    covariance: Annotated[tuple[tuple[float, ...], ...], BeforeValidator(_matrix)]
    level: Literal["subject", "occasion"] = "subject"
    source: str = ""

    if TYPE_CHECKING:

        def __init__(
            self,
            names: str | Sequence[str],
            covariance: Any,
            *,
            level: Literal["subject", "occasion"] = "subject",
            source: str = "",
        ) -> None: ...

    @property
    def label(self) -> str:
        """What and which, for messages."""
        return f"variability of {', '.join(self.names)}"

    @model_validator(mode="after")
    def _is_covariance(self) -> Any:
        n = len(self.names)
        if n == 0:
            raise SpecError("KG-101: 'names' is empty.")
        if len(set(self.names)) < n:
            raise SpecError("KG-104: a random effect is named twice.")
        rows = self.covariance
        if len(rows) != n or any(len(row) != n for row in rows):
            found = f"{len(rows)} x {len(rows[0]) if rows else 0}"
            raise SpecError(f"KG-108: the covariance of {n} effects is {n} x {n}, found {found}.")
        if not all(math.isfinite(v) for row in rows for v in row):
            raise SpecError("KG-108: the covariance must be finite.")
        scale = max(abs(v) for row in rows for v in row)
        for i in range(n):
            for j in range(i):
                if abs(rows[i][j] - rows[j][i]) > 1e-12 * scale:
                    raise SpecError(
                        f"KG-108: the covariance is not symmetric: ({self.names[i]},"
                        f" {self.names[j]}) is {rows[i][j]:g} and {rows[j][i]:g}."
                    )
        if not _is_semidefinite(rows, scale):
            raise SpecError(
                "KG-108: the covariance is not positive semidefinite (a variance is negative or a"
                " correlation lies beyond -1 .. 1)."
            )
        return self


def _is_semidefinite(rows: tuple[tuple[float, ...], ...], scale: float) -> bool:
    """Cholesky factorization that tolerates zero pivots up to round-off."""
    n = len(rows)
    tolerance = 1e-12 * scale * n
    factor = [[0.0] * n for _ in range(n)]
    for j in range(n):
        pivot = rows[j][j] - sum(factor[j][k] ** 2 for k in range(j))
        if pivot < -tolerance:
            return False
        root = math.sqrt(max(pivot, 0.0))
        factor[j][j] = root
        for i in range(j + 1, n):
            rest = rows[i][j] - sum(factor[i][k] * factor[j][k] for k in range(j))
            if root * root > tolerance:
                factor[i][j] = rest / root
            elif abs(rest) > math.sqrt(tolerance * scale) + tolerance:
                return False
    return True
