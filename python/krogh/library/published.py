"""Models of the library and what is known about them.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

from krogh.library.ranges import ValueRange, value_ranges
from krogh.library.schema import ModelFile
from krogh.model.fields import Component
from krogh.model.network import Model
from krogh.table import ResultTable

__all__ = ["ModelInfo", "PublishedModel"]


class ModelInfo:
    """What a library file says beside the equations; prints as a page.

    Parameters
    ----------
    file
        The validated file.

    Attributes
    ----------
    name, drug, title, kind, species, molar_mass, verification, notes, citations
        As in the file.
    population, covariates, parameters, variability, residual, regimens, reference
        The file's entries; see `krogh.library.schema`.
    """

    def __init__(self, file: ModelFile) -> None:
        self.file = file

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in ModelFile.model_fields:
            raise AttributeError(f"a library model's info has no {name!r}")
        return getattr(self.file, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return (ModelInfo, (self.file,))

    @property
    def unverified(self) -> tuple[str, ...]:
        """Parameters that were not checked against a source."""
        return tuple(n for n, p in self.file.parameters.items() if not p.verified)

    @property
    def ranges(self) -> dict[str, ValueRange]:
        """The range of every parameter and what it rests on."""
        return value_ranges(self.file, f"library model {self.file.name!r}")

    def parameter_table(self) -> ResultTable:
        """Return every number with its range, its source and whether it was verified.

        The column ``range`` has the uncertainty of the value, else the 90 % range between subjects,
        else the one that is assumed; ``basis`` says which, and why none is known.
        """
        entries = self.file.parameters
        ranges = self.ranges
        return ResultTable(
            {
                "parameter": list(entries),
                "value": [p.value for p in entries.values()],
                "range": [r.text for r in ranges.values()],
                "basis": [r.basis for r in ranges.values()],
                "between subjects": [p.iiv or "-" for p in entries.values()],
                "verified": ["yes" if p.verified else "NO" for p in entries.values()],
                "source": [p.source for p in entries.values()],
            },
            title=self.file.name,
        )

    def _lines(self) -> list[tuple[str, list[str]]]:
        """Return headings and their lines."""
        f = self.file
        covariates = [
            f"{n}: {c.description}; reference {_reference(c)}{f'; {c.range}' if c.range else ''}"
            for n, c in f.covariates.items()
        ]
        ranges = self.ranges
        parameters = [
            f"{n} = {p.value}; range {ranges[n]}"
            + (f"; between subjects {p.iiv}" if p.iiv else "")
            + (f"; {p.note}" if p.note else "")
            + ("" if p.verified else "; NOT VERIFIED")
            + f"  ({p.source})"
            for n, p in f.parameters.items()
        ]
        effects = [
            f"{', '.join(v.names)}: "
            + (f"CV {_numbers(v.cv)}" if v.cv else f"variance {_numbers(v.variance or [])}")
            + f", {v.level}  ({v.source})"
            for v in f.variability
        ]
        residual = [
            f"{n}: "
            + ", ".join(
                f"{what.replace('_', ' ')} {value}"
                for what, value in (
                    ("proportional", r.proportional),
                    ("additive", r.additive),
                    ("log_additive", r.log_additive),
                )
                if value is not None
            )
            + f"  ({r.source})"
            for n, r in f.residual.items()
        ]
        return [
            (
                "Population",
                [f"{n}: {v}" for n, v in {"species": f.species, **f.population}.items()],
            ),
            ("Covariates", covariates),
            ("Parameters", parameters),
            ("Random effects", effects),
            ("Residual error (standard deviations)", residual),
            ("Regimens", [f"{r.text}{f'  ({r.note})' if r.note else ''}" for r in f.regimens]),
            ("Published figures", [f"{r.what}: {r.value}  ({r.source})" for r in f.reference]),
            ("Notes", list(f.notes)),
            ("Verification", [f.verification]),
        ]

    def __str__(self) -> str:
        f = self.file
        head = f"{f.name} ({f.kind})\n{f.title}"
        if f.molar_mass:
            head += f"\nmolar mass {f.molar_mass}"
        parts = [head]
        for heading, lines in self._lines():
            if lines:
                parts.append("\n".join([heading, *(f"  {line}" for line in lines)]))
        return "\n\n".join(parts)

    def __repr__(self) -> str:
        return f"<info on {self.file.name!r}: {self.file.title}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def _numbers(values: Iterable[float]) -> str:
    return ", ".join(f"{v:g}" for v in values)


def _reference(entry: Any) -> str:
    if entry.categories:
        return next((n for n, v in entry.categories.items() if v == entry.value), str(entry.value))
    return str(entry.value)


class PublishedModel(Model):
    """A model of the library.

    Values may be changed (`with_values`), parts replaced; what is added by ``+`` makes it an
    ordinary model.

    Attributes
    ----------
    info : ModelInfo or None
        Population, covariate ranges, sources, regimens, published figures.
    """

    def __init__(
        self,
        name: str,
        *parts: Any,
        note: str = "",
        partial: bool = False,
        info: ModelInfo | None = None,
    ) -> None:
        super().__init__(name, *parts, note=note, partial=partial)
        self.info = info

    def _with(self, components: Iterable[Component], name: str | None = None) -> Model:
        return PublishedModel(name or self.name, *components, note=self.note, info=self.info)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuilt, (self.name, self.components, self.note, self.info))


def _rebuilt(
    name: str, components: tuple[Component, ...], note: str, info: ModelInfo | None
) -> PublishedModel:
    return PublishedModel(name, *components, note=note, info=info)
