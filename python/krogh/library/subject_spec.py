"""Who is treated: species, weight and body surface, each with range and source.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from krogh.errors import SpecError, did_you_mean
from krogh.library.values import Value, chosen_value, table_of
from krogh.table import ResultTable
from krogh.units import dimension

__all__ = ["Subject"]


class Subject(BaseModel):
    """A typical subject of the library, frozen.

    Attributes
    ----------
    name
        As in ``kg.library.subject(name)``.
    species
        Selects the plasma of each drug: ``"mouse"`` or ``"human"``.
    values
        ``weight`` (doses in mg/kg) and ``surface`` (doses in mg/m2).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["krogh-library-subject"]
    version: Literal[1]
    name: str
    aliases: tuple[str, ...] = ()
    species: Literal["mouse", "rat", "human"]
    title: str
    citations: tuple[str, ...] = ()
    verification: str = Field(min_length=1)
    notes: tuple[str, ...] = ()
    values: dict[str, Value]

    @model_validator(mode="after")
    def _weight_and_surface(self) -> Subject:
        units = {"weight": "kg", "surface": "m^2"}
        for name, unit in units.items():
            if name not in self.values:
                raise ValueError(f"a subject needs the value {name!r}")
            if dimension(self.values[name].unit or "1") != dimension(unit):
                raise ValueError(f"{name} is {self.values[name].value}; needed: for example {unit}")
        for name in self.values:
            if name not in units:
                raise ValueError(f"unknown value {name!r}.{did_you_mean(name, units)}")
        return self

    @property
    def weight(self) -> str:
        """Body weight with its unit."""
        return self.values["weight"].value

    @property
    def surface(self) -> str:
        """Body surface area with its unit."""
        return self.values["surface"].value

    @property
    def source(self) -> str:
        """Every source, for `krogh.cite`."""
        keys = " ".join(f"[{key}]" for key in self.citations)
        return "\n".join([keys, *(v.source for v in self.values.values())])

    def with_values(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> Subject:
        """Return the subject with another weight or surface, ``with_values(weight="25 g")``.

        Plasma volumes of drugs that are stated for one weight do not change with it; those of
        published models with weight as covariate do.

        Raises
        ------
        SpecError
            KG-103 an unknown name, KG-108 a negative value.
        UnitError
            KG-121 another dimension, KG-124 no unit.
        """
        changes = {**(values or {}), **more}
        new = dict(self.values)
        for name, value in changes.items():
            if name not in new:
                raise SpecError(
                    f"KG-103: subject {self.name!r} has no value {name!r}.{did_you_mean(name, new)}"
                )
            new[name] = chosen_value(new[name], value, f"{name!r} of subject {self.name!r}")
        return Subject(**{**dict(self), "values": new})

    def table(self) -> ResultTable:
        """Return every value with its range and source."""
        return table_of(self.values.items(), f"{self.name} ({self.species})")

    def __str__(self) -> str:
        lines = [f"{self.name} ({self.species}): {self.title}"]
        lines += [f"  {name} = {value}" for name, value in self.values.items()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<subject {self.name!r}: {self.weight}, {self.species}>"
