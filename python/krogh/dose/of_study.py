"""A study as a problem that can be searched: its models, its virtual tumours, its lines.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from krogh.dose.readings import LineReadings, Names, Readings, plain
from krogh.dose.regimens import dose_starts, main_doses, repeats, with_added
from krogh.dosing import Regimen
from krogh.errors import SpecError, did_you_mean
from krogh.units import Quantity, factor, parse_quantity, require_dimension

if TYPE_CHECKING:
    from krogh.study import Study

__all__ = ["StudyProblem", "names_of_study", "starts_of_study"]

Floats = NDArray[np.float64]


def names_of_study(study: Study, default: str | None = None) -> Names:
    """Return the outputs of a study's models and the names of its drugs."""
    systemic, tissue = study.models
    return Names(
        {name: output.unit for name, output in systemic.outputs.items()},
        {name: output.unit for name, output in tissue.outputs.items()},
        {drug.label: (drug.name, *drug.aliases) for drug in study.drugs},
        {drug.label: drug.molar_mass.value for drug in study.drugs},
        default,
    )


def starts_of_study(study: Study, result: Any) -> list[float]:
    """Return when doses of a study's regimen start within a result, s."""
    end = float(result.times.values[-1]) * factor(result.times.unit)
    return [time for dose in study.regimen for time in repeats(dose, end)]


def _drug(study: Study, name: str) -> Any:
    """Return the drug of a study, or of the library, that a name means."""
    from krogh.study.regimen import drug_called

    found = drug_called(name, study.drugs)
    if found is not None:
        return found
    from krogh import library

    return library.drug(name)


class StudyProblem:
    """What `krogh.dose.search.Search` asks of a study.

    Parameters
    ----------
    study
        The study.
    added
        Names of drugs that are added to it, where it does not have them.
    main
        Name of the main drug; the first of the study if left out.
    cells, rtol, until
        In place of the study's own.

    Raises
    ------
    SpecError
        KG-103 for a drug that neither the study nor the library has, KG-154 for a drug added twice,
        or to itself.
    """

    def __init__(
        self,
        study: Study,
        added: Sequence[str] = (),
        *,
        main: str | None = None,
        cells: int | None = None,
        rtol: float | None = None,
        until: Any = None,
    ) -> None:
        from krogh import _core

        self.main_drug = study.drugs[0] if main is None else _main(study, main)
        self.main: str | None = self.main_drug.name
        self.regimen: Regimen = study.regimen
        self.added_drugs = tuple(_drug(study, name) for name in added)
        own = {drug.name for drug in study.drugs}
        for position, drug in enumerate(self.added_drugs):
            if drug in self.added_drugs[:position]:
                raise SpecError(f"KG-154: {drug.name} is added twice.")
            if drug.name == self.main:
                raise SpecError(
                    f"KG-154: {drug.name} is the main drug; scan its dose=..., and add others."
                )
        new = [drug for drug in self.added_drugs if drug.name not in own]
        default = self.main_drug.label if len(study.drugs) == 1 else None
        changes: dict[str, Any] = {}
        if new:
            doses = main_doses(study.regimen, self.main)
            more = [d for drug in new for d in with_added(doses, drug.name, Quantity(1.0, "x"))]
            changes["drug"] = [*study.drugs, *new]
            changes["regimen"] = Regimen([*study.regimen, *more])
        if cells is not None:
            changes["cells"] = cells
        if rtol is not None:
            changes["rtol"] = rtol
        if until is not None:
            changes |= {"until": until, "times": None}
        changes["targets"] = ()
        self.study = study._changed(**changes)
        self.until = self._end()
        self.names = names_of_study(self.study, default)
        self.num_cells = int(self.study.shape.cells)
        arguments = self.study.line_arguments()
        for name in ("tissue", "systemic"):
            arguments[name] = arguments[name].compile()
        arguments["shape"] = self.study.shape
        self._arguments = arguments
        settings = self.study.settings
        self.about: Mapping[str, str] = {
            "study": self.study.title,
            "drugs": ", ".join(drug.name for drug in self.study.drugs),
            "tumour": self.study.tumour.name,
            "subject": self.study.subject.name,
            "cells": str(self.num_cells),
            "rtol": f"{settings.rtol:g}",
            "version": str(_core.__version__),
        }
        self._drawn: tuple[tuple[int, int], dict[str, Any]] | None = None

    def _end(self) -> float:
        end = parse_quantity(self.study.until, "until")
        require_dimension(end.unit, "h", "until")
        return end.internal

    @property
    def uncertain(self) -> tuple[str, ...]:
        """Names of the values that are drawn."""
        from krogh import library

        study = self.study
        return tuple(library.uncertain_values(list(study.drugs), study.tumour, study.subject))

    @property
    def fingerprint(self) -> str:
        """Of models, values, cells and tolerance."""
        text = "\n".join(
            [
                self.study.to_toml(),
                *(model.content for model in self.study.models),
                *(f"{name}={value}" for name, value in self.about.items()),
            ]
        )
        return hashlib.sha256(text.encode()).hexdigest()

    def tumours(self, seed: int, count: int) -> dict[str, Any]:
        """Return the drawn values of virtual tumours, each (values, unit)."""
        from krogh import library

        if self._drawn is None or self._drawn[0] != (seed, count):
            study = self.study
            values = library.virtual_values(
                list(study.drugs), study.tumour, study.subject, count, seed
            )
            self._drawn = (seed, count), dict(values)
        return self._drawn[1]

    def run(
        self,
        regimen: Regimen,
        times: Floats,
        outputs: Sequence[str],
        values: Mapping[str, Any],
        num_threads: int,
        progress: Callable[[int, int, float], Any] | None,
    ) -> tuple[Readings, NDArray[np.bool_]]:
        """Return the readings of one regimen in all tumours, and which lines failed."""
        from krogh.line import simulate_line

        count = len(next(iter(values.values()))[0]) if values else 1
        arguments = {
            **self._arguments,
            "dosing": regimen,
            "times": (times, "s"),
            "values": dict(values),
            "lines": count,
            "record": list(outputs),
            "num_threads": num_threads,
            "progress": progress if progress is not None else False,
            "on_failure": "nan",
        }
        result = simulate_line(**arguments)
        starts, _ = dose_starts(regimen)
        return LineReadings(result, self.names, starts), np.asarray(result.status) != 0


def _main(study: Study, name: str) -> Any:
    for drug in study.drugs:
        if plain(name) in {plain(n) for n in (drug.name, drug.label, *drug.aliases)}:
            return drug
    known = [drug.name for drug in study.drugs]
    raise SpecError(
        f"KG-103: the study has no drug {name!r}.{did_you_mean(name, known)}"
        f"  It has {', '.join(known)}."
    )
