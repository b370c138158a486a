"""A study: drugs, a tumour, a subject, a regimen and targets; run, compared, saved.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from krogh.dosing import Dose, Regimen
from krogh.errors import Error, SpecError, did_you_mean
from krogh.study.document import Place, Settings, StudyDocument, checked, parsed, read_text
from krogh.study.medium import Curve, curves_of, medium_model, require_cover
from krogh.study.parts import document_of_part, drugs_of, part_of_document, subject_of, tumour_of
from krogh.study.regimen import given_regimen
from krogh.study.toml_text import toml_text
from krogh.whole_files import write_whole

if TYPE_CHECKING:
    from krogh.dose import Target
    from krogh.library.assembling import Assembly
    from krogh.library.drug_spec import Drug
    from krogh.library.subject_spec import Subject
    from krogh.library.tumour_spec import Tumour
    from krogh.model import Model
    from krogh.study.limits import Limit
    from krogh.study.numbers import Numbers
    from krogh.study.result import StudyResult

__all__ = ["Study"]


class Study:
    """What is asked: which drugs, in which tumour, of whom, how dosed, and what must be reached.

    Immutable; changes make another study.

    Parameters
    ----------
    drug
        A name (``"T-DM1"``) or what ``krogh.library.drug`` returns, or a list of several.
    tumour
        A name (``"NCI-N87"``), or what ``krogh.library.tumour`` or a function of `krogh.tumour`
        returns.
    regimen
        A sentence (``"3.6 mg/kg"``, ``"T-DM1 3.6 mg/kg + trastuzumab 10.8 mg/kg"``), a `Regimen` or
        `Dose`.  With several drugs every dose says which drug it is.
    subject
        A name (``"mouse 20 g"``) or what ``krogh.library.subject`` returns.
    until
        End of the run, with unit.
    times
        Recorded times in place of a grid up to `until`: ``["0 h", "6 h", "24 h"]`` or
        ``([0, 6, 24], "h")``.
    targets
        Sentences such as ``"occupancy >= 90 % in 90 % of viable cells"``, or `krogh.dose.Target`.
    tumour_volume
        ``"0.2 mL"``: what the tumour takes leaves the plasma.  None: the plasma does not feel it.
    plasma
        In place of a regimen and a body, the concentration of every drug outside of the tissue:
        ``{"T-DM1": "100 nM"}`` (a medium that is held), or a curve ``(times, values, unit)`` with
        times such as ``([0, 6, 24], "h")``, straight between its points.
    title
        First line of every table; made from the rest if left out.
    **settings
        See `krogh.study.Settings`: ``rtol``, ``cells``, ``method``, ...

    Raises
    ------
    SpecError
        KG-103 for unknown names, KG-140 for wrong kinds of input, KG-141 where drugs and regimen do
        not fit, and the errors of specs, regimen, targets and times.

    Examples
    --------
    >>> import krogh as kg
    >>> study = kg.Study("T-DM1", "NCI-N87", "3.6 mg/kg", until="24 h")  # doctest: +SKIP
    >>> print(study.run())  # doctest: +SKIP
    """

    __slots__ = (
        "_cache",
        "_drugs",
        "_plasma",
        "_regimen",
        "_settings",
        "_subject",
        "_targets",
        "_times",
        "_title",
        "_tumour",
        "_tumour_volume",
        "_until",
    )
    _cache: dict[str, Any]
    _drugs: tuple[Drug, ...]
    _plasma: dict[str, Curve] | None
    _regimen: Regimen | None
    _settings: Settings
    _subject: Subject
    _targets: tuple[Target, ...]
    _times: tuple[str, ...] | None
    _title: str
    _tumour: Tumour
    _tumour_volume: str | None
    _until: str

    def __init__(
        self,
        drug: Any,
        tumour: Any,
        regimen: str | Dose | Regimen | Sequence[Any] | None = None,
        *,
        subject: Any = "mouse 20 g",
        until: str = "24 h",
        times: Any = None,
        targets: Any = (),
        tumour_volume: str | None = None,
        plasma: Mapping[str, Any] | None = None,
        title: str = "",
        **settings: Any,
    ) -> None:
        from krogh.study.checks import (
            about,
            checked_settings,
            checked_targets,
            checked_times,
            volume_text,
        )

        values: dict[str, Any] = {"title": title, "cache": {}}
        with about("drug"):
            values["drugs"] = drugs_of(drug)
        with about("tumour"):
            values["tumour"] = tumour_of(tumour)
        with about("subject"):
            values["subject"] = subject_of(subject)
        with about("regimen"):
            values["regimen"] = given_regimen(regimen, plasma, values["drugs"])
        with about("plasma"):
            values["plasma"] = None if plasma is None else curves_of(plasma, values["drugs"])
        with about("until" if times is None else "times"):
            values["until"], values["times"] = checked_times(until, times)
            require_cover(values["plasma"] or {}, values["until"])
        with about("targets"):
            values["targets"] = checked_targets(targets)
        with about("tumour_volume"):
            values["tumour_volume"] = volume_text(tumour_volume)
        with about("settings"):
            values["settings"] = checked_settings(settings)
        for name, value in values.items():
            object.__setattr__(self, f"_{name}", value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Study does not change; with_values(...) makes another")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Study does not change")

    def __reduce__(self) -> tuple[Any, ...]:
        return Study.from_toml, (self.to_toml(), "the study")

    # --- what it consists of ----------------------------------------------------------------------

    @property
    def drugs(self) -> tuple[Drug, ...]:
        """The drugs."""
        return self._drugs

    @property
    def tumour(self) -> Tumour:
        """The tumour."""
        return self._tumour

    @property
    def subject(self) -> Subject:
        """Who is treated."""
        return self._subject

    @property
    def regimen(self) -> Regimen:
        """The doses, each with the name of its drug.

        Raises
        ------
        SpecError
            KG-141 for a study whose plasma is given.
        """
        if self._regimen is None:
            raise SpecError(
                "KG-141: the plasma of this study is given, so it has no regimen, and no dose that"
                " could be chosen.  Give a regimen and a subject instead of plasma=...."
            )
        return self._regimen

    @property
    def plasma(self) -> Mapping[str, Curve] | None:
        """Given concentrations by drug; None where doses make them."""
        return self._plasma

    @property
    def until(self) -> str:
        """End of the run."""
        return self._until

    @property
    def targets(self) -> tuple[Target, ...]:
        """What must be reached."""
        return self._targets

    @property
    def tumour_volume(self) -> str | None:
        """Volume of the tumour that draws on the plasma; None: the plasma does not feel it."""
        return self._tumour_volume

    @property
    def settings(self) -> Settings:
        """How it is computed."""
        return self._settings

    @property
    def title(self) -> str:
        """The first line of its tables: what was given as title, then what is asked."""
        start = f"{self._title}: " if self._title else ""
        shape = {"sphere": "spheroid", "slab": "slab"}.get(self.tumour.geometry, "")
        said = not shape or self.tumour.name.endswith(shape)
        where = self.tumour.name if said else f"{self.tumour.name} {shape}"
        return f"{start}{self._given} · {where} · {self.until}"

    @property
    def _given(self) -> str:
        """What is given, and to whom."""
        if self._plasma is None:
            return f"{self.regimen} · {self.subject.name}"
        return " + ".join(f"{name} {curve.text}" for name, curve in self._plasma.items())

    @property
    def shape(self) -> Any:
        """The shape of the line with its cells."""
        tumour = self.tumour
        if self.settings.cells is not None:
            tumour = tumour.with_values(cells=self.settings.cells)
        return tumour.shape

    @property
    def assembly(self) -> Assembly:
        """Models, values, owners and fields as `krogh.library.assembling` joins them."""
        if "assembly" not in self._cache:
            from krogh.library.assembling import assembly_of

            person = None if self._plasma is not None else self.subject
            self._cache["assembly"] = assembly_of(list(self.drugs), self.tumour, person)
        found: Assembly = self._cache["assembly"]
        return found

    @property
    def models(self) -> tuple[Model, Model]:
        """The systemic and the tissue model, assembled from drugs, tumour and subject."""
        assembly = self.assembly
        if assembly.systemic is not None:
            return assembly.systemic, assembly.tissue
        if "medium" not in self._cache:
            self._cache["medium"] = medium_model(assembly.drugs, self._plasma or {})
        return self._cache["medium"], assembly.tissue

    @property
    def source(self) -> str:
        """Every source, for `krogh.cite`."""
        from krogh.citations import model_keys

        parts: list[Any] = [*self.drugs, self.tumour]
        if self._plasma is None:
            parts.append(self.subject)
        keys = " ".join(f"[{key}]" for model in self.models for key in model_keys(model))
        return "\n".join([*(part.source for part in parts), keys])

    # --- running ----------------------------------------------------------------------------------

    def line_arguments(self, until: Any = None, times: Any = None) -> dict[str, Any]:
        """Return the arguments of `krogh.simulate_line` for this study.

        ``krogh.simulate_line(**study.line_arguments(), lines=500, values={...})`` runs the same
        study for many tumours.

        Parameters
        ----------
        until, times
            In place of the study's own.
        """
        from krogh.study.run import line_arguments

        return line_arguments(self, until, times)

    def run(
        self,
        until: Any = None,
        times: Any = None,
        progress: Any = None,
        values: Mapping[str, Any] | None = None,
    ) -> StudyResult:
        """Solve the study along its line.

        Parameters
        ----------
        until, times
            In place of the study's own.
        progress
            None: a bar on a terminal or in a notebook for runs over 2 s; True or False; or a
            function ``progress(done, total, seconds)``, which may return False to stop.
        values
            Other values of the models' parameters, by their names (``"permeability_TDM1"``): text
            with unit, or an array with one value for each of several lines.

        Raises
        ------
        SpecError, UnitError, DataError
            Wrong input, before any work is done.
        SolverError
            KG-310: the study could not be solved.
        KeyboardInterrupt
            Ctrl-C; nothing is kept.
        """
        from krogh.study.run import run_line

        return run_line(self, until, times, progress, dict(values or {}))

    def well_mixed(
        self,
        until: Any = None,
        times: Any = None,
        values: Mapping[str, Any] | None = None,
        progress: Any = None,
    ) -> StudyResult:
        """Solve the same study without gradients: one well-mixed tumour behind the same wall."""
        from krogh.study.comparator import run_well_mixed

        return run_well_mixed(self, until, times, dict(values or {}), progress)

    def numbers(self) -> Numbers:
        """Return the dimensionless report, which says in words which step limits."""
        if "numbers" not in self._cache:
            from krogh.study.numbers import numbers_of

            self._cache["numbers"] = numbers_of(self)
        found: Numbers = self._cache["numbers"]
        return found

    def limits(self, measure: str | None = None, progress: Any = None) -> tuple[Limit, ...]:
        """Return what the outcome depends on most: one value at a time over its stated range.

        Parameters
        ----------
        measure
            Key of a row of the table (``"depth:TDM1"``); by default the row of the first target in
            the tissue, or a share of cells, or the depth: the first of them that moves.
        progress
            As for `run`.
        """
        from krogh.study.limits import one_at_a_time

        return one_at_a_time(self, measure, progress)

    def optimize(self, **options: Any) -> Any:
        """Search the lowest regimen that reaches the targets; see `krogh.dose.optimize`.

        Raises
        ------
        SpecError
            KG-103 for an unknown option; the errors of `krogh.dose.optimize`.
        """
        from krogh.dose import optimize
        from krogh.study.checks import check_options

        check_options(optimize, options)
        return optimize(self, **options)

    # --- others like it ---------------------------------------------------------------------------

    def with_values(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> Study:
        """Return the study with other values.

        Parameters
        ----------
        values, **more
            By name, as in a document: ``{"drug.dissociation_rate": "1e-4 1/s",
            "tumour.outer_radius": "60 um", "settings.rtol": 1e-4}``, ``regimen="1.8 mg/kg"``.
            Where there are several drugs, their names take the place of ``drug``:
            ``{"trastuzumab.dissociation_rate": ...}``.

        Raises
        ------
        SpecError
            KG-103 for an unknown name, and the errors of the constructor.
        """
        from krogh.study.overrides import overridden

        return overridden(self, {**(values or {}), **more})

    def _changed(self, **fields: Any) -> Study:
        """Return the study with other arguments of the constructor."""
        own: dict[str, Any] = {
            "drug": self.drugs,
            "tumour": self.tumour,
            "regimen": self._regimen_as_written(),
            "subject": self.subject,
            "until": self.until,
            "times": self._times,
            "targets": self.targets,
            "tumour_volume": self.tumour_volume,
            "plasma": None if self._plasma is None else self._plasma_document(),
            "title": self._title,
            **self.settings.model_dump(exclude_defaults=True),
        }
        return Study(**{**own, **fields})

    # --- documents --------------------------------------------------------------------------------

    def to_document(self) -> dict[str, Any]:
        """Return the study as plain data; `from_document` reads it back."""
        drugs = [document_of_part("drug", drug) for drug in self.drugs]
        one = drugs[0] if len(drugs) == 1 else drugs
        settings = self.settings.model_dump(mode="json", exclude_defaults=True)
        document: dict[str, Any] = {
            "format": "krogh-study",
            "version": 1,
            "title": self._title or None,
            "regimen": None if self._regimen is None else str(self._regimen_as_written()),
            "until": self.until,
            "times": None if self._times is None else list(self._times),
            "targets": [str(target) for target in self.targets] or None,
            "tumour_volume": self.tumour_volume,
            "drug": one,
            "tumour": document_of_part("tumour", self.tumour),
            "subject": document_of_part("subject", self.subject),
            "plasma": None if self._plasma is None else self._plasma_document(),
            "settings": settings or None,
        }
        if self._plasma is not None:
            del document["subject"]
        return {name: value for name, value in document.items() if value is not None}

    def _plasma_document(self) -> dict[str, Any]:
        return {name: curve.to_document() for name, curve in (self._plasma or {}).items()}

    def _regimen_as_written(self) -> Regimen | None:
        """Return the regimen, with one drug without its name."""
        if self._regimen is None or len(self.drugs) > 1:
            return self._regimen
        return Regimen(dose.replace(drug=None) for dose in self.regimen.doses)

    @classmethod
    def from_document(cls, content: Mapping[str, Any], where: str = "the study") -> Study:
        """Return the study that plain data describe; see `krogh.study.document`.

        Raises
        ------
        SpecError
            KG-103 for an unknown key or name, KG-140 for what is missing or of a wrong kind.
        """
        return cls._of(content, Place(where))

    @classmethod
    def from_toml(cls, text: str, where: str = "the study") -> Study:
        """Return the study of a TOML text; errors say in which line."""
        place = Place(where, text)
        return cls._of(parsed(text, place), place)

    @classmethod
    def load(cls, path: str | Path) -> Study:
        """Return the study of a file (TOML).

        Raises
        ------
        SpecError
            KG-140 for a file that cannot be read, KG-103 for an unknown key with its line, and the
            errors of the constructor.
        """
        path = Path(path)
        return cls.from_toml(read_text(path), path.name)

    @classmethod
    def _of(cls, content: Mapping[str, Any], place: Place) -> Study:
        document: StudyDocument = checked(content, place)
        many = isinstance(content.get("drug"), (list, tuple))
        drugs = [
            part_of_document("drug", part, ("drug", k) if many else ("drug",), place)
            for k, part in enumerate(document.drug)
        ]
        tumour = part_of_document("tumour", document.tumour, ("tumour",), place)
        subject = part_of_document("subject", document.subject, ("subject",), place)
        arguments: dict[str, Any] = {
            name: getattr(document, name)
            for name in ("until", "times", "targets", "tumour_volume", "plasma", "title")
        }
        arguments |= document.settings.model_dump(exclude_defaults=True)
        try:
            return cls(drugs, tumour, document.regimen, subject=subject, **arguments)
        except Error as error:
            field = getattr(error, "field", None)
            found = place.of([field]) if field else ""
            raise type(error)(f"{error}{found}", error.code) from None

    def to_toml(self) -> str:
        """Return the study as TOML; `from_toml` reads it back to an equal study."""
        return toml_text(self.to_document())

    def save(self, path: str | Path) -> Path:
        """Write the study as TOML.

        Raises
        ------
        SpecError
            KG-133 for a path that cannot be written.
        """
        text = self.to_toml()
        return write_whole(path, lambda file: file.write_text(text, encoding="utf-8"))

    # --- text -------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Study) and self.to_document() == other.to_document()

    def __hash__(self) -> int:
        return hash(self.to_toml())

    def _facts(self) -> list[tuple[str, str]]:
        facts = [
            ("drugs", ", ".join(drug.name for drug in self.drugs)),
            ("tumour", f"{self.tumour.name} ({self.tumour.geometry}, {self.shape.cells} cells)"),
            ("given", self._given),
            ("until", self.until),
        ]
        facts += [("target", f"{target} (level {target.level})") for target in self.targets]
        if self.tumour_volume is not None:
            facts.append(("tumour volume", f"{self.tumour_volume}, drawn from the plasma"))
        return facts

    def __str__(self) -> str:
        return "\n".join(f"{name:<14}{value}" for name, value in self._facts())

    def __repr__(self) -> str:
        return f"<study {self.title!r}>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
            f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
            for name, value in self._facts()
        )
        return f"<table><caption>{html.escape(self.title)}</caption>{rows}</table>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        known = [n for n in dir(type(self)) if not n.startswith("_")]
        raise AttributeError(f"a study has no attribute {name!r}.{did_you_mean(name, known)}")
