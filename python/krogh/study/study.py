"""A study: drugs, a tumour, a subject, a regimen and targets; run, compared, saved.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from krogh.dosing import Dose, Regimen
from krogh.errors import SpecError, did_you_mean
from krogh.study import words, writing
from krogh.study.document import Settings
from krogh.study.in_text import InText
from krogh.study.medium import Curve, medium_model

if TYPE_CHECKING:
    from krogh.dose import Target
    from krogh.library.assembling import Assembly
    from krogh.library.drug_spec import Drug
    from krogh.library.subject_spec import Subject
    from krogh.library.tumour_spec import Tumour
    from krogh.model import Model
    from krogh.study.limits import Limit
    from krogh.study.numbers import Numbers
    from krogh.tumour.volume import Tumour3D

__all__ = ["Study"]


class Study(InText):
    """What is asked: which drugs, in which tumour, of whom, how dosed, and what must be reached.

    Immutable; changes make another study.

    Parameters
    ----------
    drug
        A name (``"T-DM1"``) or what ``krogh.library.drug`` returns, or a list of several.
    tumour
        A name (``"NCI-N87"``), or what ``krogh.library.tumour`` or a function of `krogh.tumour`
        returns; a `krogh.tumour.Tumour3D` is solved in its voxels.
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
        "_tumour_3d",
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
    _tumour_3d: Tumour3D | None
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
        from krogh.study.making import checked_parts

        given = {
            "drug": drug,
            "tumour": tumour,
            "regimen": regimen,
            "subject": subject,
            "until": until,
            "times": times,
            "targets": targets,
            "tumour_volume": tumour_volume,
            "plasma": plasma,
        }
        parts = checked_parts(given, settings)
        for name, value in {"title": title, "cache": {}, **parts}.items():
            object.__setattr__(self, f"_{name}", value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Study does not change; with_values(...) makes another")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("a Study does not change")

    # --- what it consists of ----------------------------------------------------------------------

    @property
    def drugs(self) -> tuple[Drug, ...]:
        """The drugs."""
        return self._drugs

    @property
    def tumour(self) -> Tumour:
        """The tumour; of one in 3-D its cells and targets."""
        return self._tumour

    @property
    def tumour_3d(self) -> Tumour3D | None:
        """The tumour in 3-D; None for a line."""
        return self._tumour_3d

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
        return words.title_of(self)

    @property
    def _given(self) -> str:
        """What is given, and to whom."""
        return words.given_of(self)

    @property
    def shape(self) -> Any:
        """The shape of the line with its cells; of a tumour in 3-D that of `as_line`."""
        tumour = self.tumour if self._tumour_3d is None else self._tumour_3d.as_cylinder()
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
        return words.sources_of(self)

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

    def as_line(self) -> Study:
        """Return the study around one vessel of the same density, where the tumour is in 3-D.

        Krogh's cylinder (`krogh.tumour.Tumour3D.as_cylinder`): a thousand times cheaper, for
        limits, decisions and populations.  A study of a line is returned as it is.
        """
        if self._tumour_3d is None:
            return self
        return self._changed(tumour=self._tumour_3d.as_cylinder())

    def require_line(self, what: str) -> None:
        """Raise SpecError KG-112 for a tumour in 3-D, which has no `what`."""
        if self._tumour_3d is not None:
            raise SpecError(
                f"KG-112: {what} needs a line, or many of them, and this tumour is in 3-D.  Use"
                f" study.as_line(), one vessel of the same density: study.as_line().{what}(...).\n"
                "  What it finds can be run in 3-D: study.with_values(regimen=...).run()."
            )

    def run(
        self,
        until: Any = None,
        times: Any = None,
        progress: Any = None,
        values: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Any:
        """Solve the study along its line, or in the voxels of a tumour in 3-D.

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
        **options
            Of a tumour in 3-D: further arguments of `krogh.simulate_volume`, such as
            ``record=["occupancy_HER2"]``, ``sides``, ``save``.

        Returns
        -------
        StudyResult
            Of a tumour in 3-D a `krogh.study.TumourResult`, which is a `krogh.VolumeResult` with
            the same four-level table.  Where no times are asked for it records 24 even steps, and
            some behind each dose: 8 bytes for each time, voxel and species.

        Raises
        ------
        SpecError, UnitError, DataError
            Wrong input, before any work is done.
        SolverError
            KG-310: the study could not be solved; KG-320 in 3-D.
        KeyboardInterrupt
            Ctrl-C; nothing is kept.
        """
        if self._tumour_3d is not None:
            from krogh.study.volume import run_tumour

            return run_tumour(self, until, times, progress, dict(values or {}), options)
        if options:
            raise SpecError(
                f"KG-103: {', '.join(map(repr, options))}: options of a run belong to tumours in"
                " 3-D; this study is along a line."
            )
        from krogh.study.run import run_line

        return run_line(self, until, times, progress, dict(values or {}))

    def well_mixed(
        self,
        until: Any = None,
        times: Any = None,
        values: Mapping[str, Any] | None = None,
        progress: Any = None,
    ) -> Any:
        """Solve the same study without gradients: one well-mixed tumour behind the same wall.

        Of a tumour in 3-D: one voxel with the mean of vessel surface and fields.
        """
        if self._tumour_3d is not None:
            from krogh.study.volume import well_mixed_tumour

            return well_mixed_tumour(self, until, times, dict(values or {}))
        from krogh.study.comparator import run_well_mixed

        return run_well_mixed(self, until, times, dict(values or {}), progress)

    def numbers(self) -> Numbers:
        """Return the dimensionless report, which says in words which step limits.

        Of a tumour in 3-D that of `as_line`.
        """
        if "numbers" not in self._cache:
            from krogh.study.numbers import numbers_of

            self._cache["numbers"] = numbers_of(self.as_line())
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

        Raises
        ------
        SpecError
            KG-112 for a tumour in 3-D: `as_line` has limits.
        """
        self.require_line("limits")
        from krogh.study.limits import one_at_a_time

        return one_at_a_time(self, measure, progress)

    def optimize(self, **options: Any) -> Any:
        """Search the lowest regimen that reaches the targets; see `krogh.dose.optimize`.

        Raises
        ------
        SpecError
            KG-103 for an unknown option; KG-112 for a tumour in 3-D, whose `as_line` can be
            optimized; the errors of `krogh.dose.optimize`.
        """
        self.require_line("optimize")
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
        return Study(**{**writing.arguments_of_study(self), **fields})

    # --- text -------------------------------------------------------------------------------------

    def __str__(self) -> str:
        return "\n".join(f"{name:<14}{value}" for name, value in words.facts_of(self))

    def __repr__(self) -> str:
        return f"<study {self.title!r}>"

    def _repr_html_(self) -> str:
        return words.facts_html(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        known = [n for n in dir(type(self)) if not n.startswith("_")]
        raise AttributeError(f"a study has no attribute {name!r}.{did_you_mean(name, known)}")
