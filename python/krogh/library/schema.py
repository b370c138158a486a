"""The form of a library file: one published model with the source of every number.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

__all__ = [
    "BETWEEN_SUBJECTS",
    "NO_RANGE",
    "CovariateEntry",
    "ModelFile",
    "ParameterEntry",
    "PublishedRange",
    "ReferenceEntry",
    "RegimenEntry",
    "ResidualEntry",
    "VariabilityEntry",
]


BETWEEN_SUBJECTS: Final = "between subjects"
"""As `ParameterEntry.range`: computed from the variability of the file."""

NO_RANGE: Final = (
    "not reported in the source read",
    "not estimated, fixed in the source read",
    "not determined, value chosen here",
)
"""As `ParameterEntry.range`: there is none, and why."""

_NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_PUBLISHED = re.compile(
    rf"(?P<kind>{_NUMBER} % CI|interval) (?P<low>{_NUMBER})(?:-| to )(?P<high>{_NUMBER})(?:, .+)?"
    rf"|(?P<error>SE|RSE) {_NUMBER}(?P<percent> %)?"
)


@dataclass(frozen=True)
class PublishedRange:
    """A range as a publication states it: ``90 % CI 1-2``, ``interval 1-2, of what``, ``SE 1``.

    Attributes
    ----------
    kind
        ``"90 % CI"`` (or another level), ``"interval"``, ``"SE"`` or ``"RSE"``.
    ends
        Lower and upper end in the unit of the value; None for a standard error.
    """

    kind: str
    ends: tuple[float, float] | None

    @classmethod
    def of(cls, text: str) -> PublishedRange:
        """Return the range that a text states.

        Raises
        ------
        ValueError
            For a text of another form.
        """
        found = _PUBLISHED.fullmatch(text)
        if found is None or (found["error"] == "RSE") != (found["percent"] is not None):
            raise ValueError(
                "a range is '90 % CI 1-2', 'SE 0.1', 'RSE 10 %', 'interval 1-2, of what', "
                + ", ".join(repr(t) for t in (BETWEEN_SUBJECTS, *NO_RANGE))
                + f"; not {text[:60]!r}"
            )
        if found["error"]:
            return cls(found["error"], None)
        return cls(found["kind"], (float(found["low"]), float(found["high"])))


class _Entry(BaseModel):
    """Frozen, without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ParameterEntry(_Entry):
    """A number of the model.

    Attributes
    ----------
    value
        With unit.
    lower, upper
        Bounds, in the unit of the value.
    range
        Required: a standard error, confidence interval or interval as published
        (`PublishedRange`), `BETWEEN_SUBJECTS` where it is to be computed from the variability of
        `effect`, or one of `NO_RANGE`.  It is no bound: simulations do not depend on it.
    effect
        The random effect between subjects that acts on this value.
    iiv
        Variability between subjects as published.
    source
        Author, year, table, and ``[key]`` of the citation.
    verified
        Whether the number was checked against its source or a transcription of it.
    note
        What it is.
    """

    value: str
    lower: float | None = None
    upper: float | None = None
    range: str
    effect: str | None = None
    iiv: str = ""
    source: str = Field(min_length=1)
    verified: bool = True
    note: str = ""

    @field_validator("range")
    @classmethod
    def _known_range(cls, text: str) -> str:
        if text not in (BETWEEN_SUBJECTS, *NO_RANGE):
            PublishedRange.of(text)
        return text


class CovariateEntry(_Entry):
    """A covariate with its reference value and the range that was studied."""

    value: str | float
    lower: float | None = None
    upper: float | None = None
    categories: dict[str, float] | None = None
    range: str = ""
    description: str = Field(min_length=1)


class VariabilityEntry(_Entry):
    """Random effects, as `krogh.model.systemic.variability` takes them."""

    names: list[str]
    cv: list[float] | None = None
    variance: list[float] | None = None
    covariances: list[tuple[str, str, float]] = []
    correlations: list[tuple[str, str, float]] = []
    level: Literal["subject", "occasion"] = "subject"
    source: str = Field(min_length=1)
    verified: bool = True

    @model_validator(mode="after")
    def _one_scale(self) -> VariabilityEntry:
        if (self.cv is None) == (self.variance is None):
            raise ValueError("give either 'cv' or 'variance'")
        return self


class ResidualEntry(_Entry):
    """The published residual error of an output: standard deviations."""

    proportional: float | None = None
    additive: str | None = None
    log_additive: float | None = None
    source: str = Field(min_length=1)
    verified: bool = True


class RegimenEntry(_Entry):
    """A regimen that was studied or is approved, as a dosing sentence."""

    text: str
    note: str = ""


class ReferenceEntry(_Entry):
    """A published exposure or other figure that the model can be compared with."""

    what: str
    value: str
    source: str = Field(min_length=1)


class ModelFile(_Entry):
    """A library file.

    Attributes
    ----------
    name
        Under which it is loaded; also the file's name.
    kind
        ``"published"`` parameter table, ``"typical"`` values chosen to fit published figures, or
        ``"estimated"`` from data.
    structure
        Blocks of `krogh.model.systemic` and `krogh.model.effect` by name, with their options.
    verification
        How the numbers were checked.
    """

    format: Literal["krogh-library-model"]
    version: Literal[1]
    name: str
    drug: str
    title: str
    kind: Literal["published", "typical", "estimated"]
    citations: list[str] = Field(min_length=1)
    verification: str = Field(min_length=1)
    species: str = "human"
    molar_mass: str = ""
    notes: list[str] = []
    structure: list[dict[str, Any]] = Field(min_length=1)
    parameters: dict[str, ParameterEntry]
    covariates: dict[str, CovariateEntry] = {}
    variability: list[VariabilityEntry] = []
    rules: dict[str, str] = {}
    residual: dict[str, ResidualEntry] = {}
    population: dict[str, str | int] = {}
    regimens: list[RegimenEntry] = []
    reference: list[ReferenceEntry] = []
