"""NONMEM event tables: who gets what and when, what was measured, and covariates in time.

SPDX-License-Identifier: BSD-3-Clause

A table holds the records of all subjects, one after the other, with NONMEM's meaning:

=========  =========================================================================================
column     meaning
=========  =========================================================================================
ID         subject; its rows stand together
TIME       does not go back within a subject, except at EVID 3 and 4, which start a new clock
EVID       0 observation, 1 dose, 2 other, 3 reset, 4 reset and dose.  Without the column a row with
           an amount is a dose
AMT        amount.  AMT 0 with a RATE, SS 1 and II 0 is a constant infusion at its steady state,
           which stops at TIME
RATE       rate of the infusion; 0 a bolus, -1 the model gives the rate, -2 the model gives the
           duration.  With a bioavailability F a stated rate stands and the duration becomes
           F AMT / RATE
DUR        duration of the infusion (also TINF): it stands whatever F is.  In a table that was read,
           such rows have RATE = AMT / DUR as well; rows whose rate was stated have DUR 0
II, ADDL   dosing interval, and number of doses after the first
SS         1 the dose meets the periodic steady state, 2 that state is added to the present one
CMT        compartment, counted from 1; 0 leaves it to the model.  On EVID 2 a negative number turns
           the compartment off and a positive one turns it on again
MDV        1 where there is no observation.  EVID 0 with MDV 1 is a point of prediction
DV, DVID   measured value and the name of what was measured
CENS       1: the true value lies below DV, -1: above DV; LIMIT is the other end of the interval
BLQ, LLOQ  1: below the limit of quantification LLOQ
OCC        occasion
=========  =========================================================================================

Ties: doses that ADDL or a lag time brings to the time of an observation come before it; rows of the
table follow their order.  EVID 3, EVID 4 and SS 1 cancel doses that are still to come from ADDL.

Covariates change in time with NONMEM's rule by default: the value of a record holds on the interval
that ends at the record (``"nocb"``, next observation carried backward).
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from krogh.dosing.cells import from_frame, read_cells
from krogh.dosing.columns import Numbers, Place, shown, texts
from krogh.dosing.expansion import expanded
from krogh.dosing.interpolation import interpolate
from krogh.dosing.long_format import assemble_long
from krogh.dosing.reading import Interpolation, Options, Parts, assemble
from krogh.dosing.table_regimen import to_regimen
from krogh.errors import SpecError, did_you_mean

if TYPE_CHECKING:
    from krogh.dosing.regimen import Regimen

__all__ = ["EventTable"]


class EventTable:
    """A checked, immutable event table; made by `read`, `from_frame` or `Regimen.to_table`.

    Attributes
    ----------
    columns : dict of str to ndarray
        Canonical columns, each of shape (num_rows,).  Always: ID, TIME, EVID, AMT, RATE, DUR, II,
        ADDL, SS, CMT, MDV, DV.  Where the data have them: DVID (text), CENS, LIMIT, BLQ, LLOQ, OCC,
        CMT_NAME (text, empty where the compartment is a number; a negative CMT beside it turns that
        compartment off), DRUG, ROUTE (text).  Amounts are
        in ``units["AMT"]``, TIME, II and DUR in ``units["TIME"]``, RATE in ``units["RATE"]``.
    covariates : dict of str to ndarray
        Covariates as numbers, each of shape (num_rows,).
    other : dict of str to ndarray
        Columns that have no meaning for the simulation.
    units : dict
        Unit of each column that has one; DV may have one for each DVID.
    rows : ndarray of int
        Number of each row as an editor counts it, shape (num_rows,).
    offsets : ndarray of int
        First row of each subject and the end, shape (num_subjects + 1,).
    ignored : ndarray of int
        Numbers of the rows that were comments.
    """

    def __init__(self, parts: Parts) -> None:
        for group in (parts.columns, parts.covariates, parts.other):
            for name, column in group.items():
                if column.flags.writeable and column.base is not None:
                    group[name] = column = column.copy()
                column.flags.writeable = False
        self._parts = parts

    # --- making ---------------------------------------------------------------------------------

    @classmethod
    def read(
        cls,
        source: Any,
        *,
        units: Mapping[str, Any] | None = None,
        covariates: Mapping[str, Any] | None = None,
        compartments: Mapping[Any, str] | None = None,
        interpolation: Interpolation = "nocb",
        classic_evid: bool | Literal["auto"] = "auto",
        names: Mapping[str, str] | None = None,
        constant: Iterable[str] = (),
        blq: Literal["drop"] | None = None,
        sort: bool = False,
        ignore: str = "#",
        separator: str | None = None,
    ) -> EventTable:
        """Read a table from a path, an open file, or text of several lines.

        Column names may have any letter case; missing cells are ``.``, empty, NA or NaN.

        Parameters
        ----------
        source
            Path, open file (text or bytes), or the text itself.
        units
            Unit of TIME, AMT and DV (RATE, II and DUR if they differ from AMT and TIME): they are
            demanded where the column is used and never guessed.  DV may be a dictionary by DVID.
        covariates
            Name of a column to its unit (``""`` for a number without dimension), or to a dictionary
            of categories such as ``{"female": 0, "male": 1}``.
        compartments
            Number or name in CMT to the name of the compartment; then each used one must be listed.
        interpolation
            ``"nocb"`` (NONMEM's rule), ``"locf"`` or ``"linear"`` for the covariates between
            records.
        classic_evid
            Whether EVID holds classic RxODE codes (see `krogh.dosing.classic`); ``"auto"`` takes
            them so if one is above 100.
        names
            Column of the file to the canonical name: ``{"Y": "DV"}``.
        constant
            Covariates that must not change within a subject.
        blq
            ``"drop"`` makes values below the limit of quantification points of prediction.
        sort
            Bring each subject's rows together and sort them by time, keeping the order of ties.
        ignore
            Characters that make a row a comment at its start: ``"#"`` by default; ``"@"`` any
            letter (NONMEM's IGNORE=@), ``"C"`` a first cell that is C.  A column named C comments
            out the rows in which it is filled.
        separator
            Separator of the cells; found from the header by default (comma, semicolon, tab, blank).

        Raises
        ------
        DataError
            KG-200 and KG-210 to KG-222; the message names file, row, subject and column.
        UnitError
            KG-121 for a unit that does not fit, KG-126 for one that is not stated.
        """
        options = Options(
            units, covariates, compartments, interpolation, classic_evid, names, tuple(constant),
            blq, sort,
        )  # fmt: skip
        return cls(assemble(read_cells(source, separator, ignore), options))

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        units: Mapping[str, Any] | None = None,
        covariates: Mapping[str, Any] | None = None,
        compartments: Mapping[Any, str] | None = None,
        interpolation: Interpolation = "nocb",
        classic_evid: bool | Literal["auto"] = "auto",
        names: Mapping[str, str] | None = None,
        constant: Iterable[str] = (),
        blq: Literal["drop"] | None = None,
        sort: bool = False,
        name: str = "table",
    ) -> EventTable:
        """Take a dictionary of arrays or a data frame (pandas, polars or another).

        The options are those of `read`; `name` stands for the file in messages, and rows are
        counted from 1.
        """
        options = Options(
            units, covariates, compartments, interpolation, classic_evid, names, tuple(constant),
            blq, sort,
        )  # fmt: skip
        return cls(assemble(from_frame(frame, name), options))

    @classmethod
    def read_long(
        cls,
        source: Any,
        *,
        route: str | None = None,
        drug: str | None = None,
        ignore: str = "#",
        separator: str | None = None,
    ) -> EventTable:
        """Read a long table with units in its own columns (see `krogh.dosing.long_format`).

        Columns, in any letter case: ID, Time, Time unit, Observable, Value, Observable unit, and
        for doses Dose, Dose unit, Duration (in the unit of the time; empty for a bolus).  The rows
        of a subject are sorted by time; of one time they keep their order, a measurement before the
        dose of its own row.  An observable without a value is a point of prediction.

        Parameters
        ----------
        source
            Path, open file, or text of several lines.
        route, drug
            Route (see `krogh.dosing.dose.ROUTES`) and name of the drug of all doses.
        ignore, separator
            As for `read`.

        Raises
        ------
        DataError
            KG-200 and KG-211 to KG-221.
        UnitError
            For a unit that cannot be read.
        """
        return cls(assemble_long(read_cells(source, separator, ignore), route, drug))

    # --- facts ----------------------------------------------------------------------------------

    @property
    def source(self) -> str:
        """Name of the file, for messages."""
        return self._parts.source

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """Canonical columns; see the class."""
        return dict(self._parts.columns)

    @property
    def covariates(self) -> dict[str, Numbers]:
        """Covariates by name."""
        return dict(self._parts.covariates)

    @property
    def other(self) -> dict[str, NDArray[Any]]:
        """Columns without a meaning for the simulation, by the name they had."""
        return dict(self._parts.other)

    @property
    def units(self) -> dict[str, Any]:
        """Units by column."""
        return dict(self._parts.units)

    @property
    def categories(self) -> dict[str, dict[str, float]]:
        """Categories of the covariates that were text, with their numbers."""
        return {name: dict(values) for name, values in self._parts.categories.items()}

    @property
    def rows(self) -> NDArray[np.int64]:
        """Row numbers as an editor counts them, shape (num_rows,)."""
        return self._parts.rows

    @property
    def offsets(self) -> NDArray[np.int64]:
        """First row of each subject and the end, shape (num_subjects + 1,)."""
        return self._parts.offsets

    @property
    def ignored(self) -> NDArray[np.int64]:
        """Numbers of the rows that were comments."""
        return self._parts.ignored

    @property
    def num_dropped(self) -> int:
        """Number of values that ``blq="drop"`` made points of prediction."""
        return self._parts.dropped

    @property
    def interpolation(self) -> Interpolation:
        """How covariates change between records."""
        return self._parts.interpolation

    @property
    def num_subjects(self) -> int:
        """Number of subjects."""
        return len(self.offsets) - 1

    @property
    def subjects(self) -> list[Any]:
        """Identifiers of the subjects in the order of their rows."""
        found: list[Any] = self._parts.columns["ID"][self.offsets[:-1]].tolist()
        return found

    @property
    def subject_index(self) -> NDArray[np.int64]:
        """Position of each row's subject, shape (num_rows,)."""
        return np.repeat(np.arange(self.num_subjects), np.diff(self.offsets))

    @property
    def place(self) -> Place:
        """What names file, row and subject in messages."""
        return Place(self.source, self.rows, self._parts.columns["ID"])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> NDArray[Any]:
        parts = self._parts
        for group in (parts.columns, parts.covariates, parts.other):
            if name in group:
                return group[name]
        known = [*parts.columns, *parts.covariates, *parts.other]
        raise SpecError(f"KG-101: the table has no column {name!r}.{did_you_mean(name, known)}")

    def where(self, index: int) -> str:
        """Return ``file row n (ID id)`` of a row, for messages."""
        return self.place.where(index)

    def slice_of(self, subject: Any) -> slice:
        """Return the rows of a subject; SpecError KG-101 for an unknown one."""
        subjects = self.subjects
        if subject not in subjects:
            raise SpecError(
                f"KG-101: {self.source} has no subject {subject!r}."
                f"{did_you_mean(str(subject), [str(s) for s in subjects[:2000]])}"
            )
        position = subjects.index(subject)
        return slice(int(self.offsets[position]), int(self.offsets[position + 1]))

    def subject(self, subject: Any) -> EventTable:
        """Return the table of one subject."""
        rows = self.slice_of(subject)
        return self.picked(np.arange(rows.start, rows.stop))

    def picked(self, rows: NDArray[np.int64]) -> EventTable:
        """Return the table of some rows (positions from 0, in order, whole or part of subjects)."""
        parts = self._parts
        index = self.subject_index[rows]
        offsets = np.concatenate([np.flatnonzero(np.diff(index, prepend=-1)), [len(rows)]])
        return EventTable(
            Parts(
                parts.source,
                {name: column[rows] for name, column in parts.columns.items()},
                {name: column[rows] for name, column in parts.covariates.items()},
                {name: column[rows] for name, column in parts.other.items()},
                dict(parts.units),
                parts.categories,
                parts.rows[rows],
                offsets.astype(np.int64),
                parts.ignored,
                parts.interpolation,
                parts.dropped,
            )
        )

    # --- covariates -----------------------------------------------------------------------------

    def covariate_at(self, name: str, subject: Any, times: Any) -> Numbers:
        """Return a covariate of a subject at times in ``units["TIME"]``, shape of `times`.

        Raises
        ------
        DataError
            KG-214 if the subject's clock starts anew (EVID 3 or 4 with an earlier time): a time
            then has no single value.
        """
        if name not in self._parts.covariates:
            raise SpecError(
                f"KG-101: {name!r} is no covariate of {self.source}."
                f"{did_you_mean(name, self._parts.covariates)}"
            )
        rows = self.slice_of(subject)
        clock = self._parts.columns["TIME"][rows]
        if (np.diff(clock) < 0).any():
            back = rows.start + 1 + int(np.argmax(np.diff(clock) < 0))
            self.place.fail("KG-214", back, "the clock starts anew, so a time is not one moment.")
        return interpolate(
            clock, self._parts.covariates[name][rows], np.asarray(times, float), self.interpolation
        )

    # --- conversion -----------------------------------------------------------------------------

    def expanded(self) -> EventTable:
        """Return the table with each dose of ADDL as a row; see `krogh.dosing.expansion`."""
        return expanded(self)

    def to_regimen(self, subject: Any = None) -> Regimen:
        """Return the doses of a subject (or of the only one) as a regimen.

        Equal doses at equal distances become one repeated dose.

        Raises
        ------
        DataError
            KG-223 if the subject has resets, compartments turned off, or no dose.
        SpecError
            KG-101 for an unknown subject, or none named where there are several.
        """
        return to_regimen(self, subject)

    def to_dict(self) -> dict[str, NDArray[Any]]:
        """Return all columns in a dictionary that `from_frame` reads back.

        A stated duration stands in DUR alone (RATE 0 there).
        """
        result: dict[str, NDArray[Any]] = {}
        for name, column in self._parts.columns.items():
            result[name] = column
        running = result["DUR"] > 0
        result["RATE"] = np.where(running, 0.0, result["RATE"])
        for group in (self._parts.covariates, self._parts.other):
            for name, column in group.items():
                result.setdefault(name, column)
        return result

    def to_csv(self, path: Any = None) -> str:
        """Return the table as CSV text, and write it to a path if one is given.

        The first line states the units, so that `read` needs none for this text.
        """
        from krogh.dosing.writing import csv_text

        text = csv_text(self)
        if path is not None:
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        return text

    # --- text -----------------------------------------------------------------------------------

    def _summary(self) -> list[tuple[str, str]]:
        c = self._parts.columns
        doses = (c["EVID"] == 1) | (c["EVID"] == 4)
        observed = (c["EVID"] == 0) & (c["MDV"] == 0)
        lines = [
            ("subjects", str(self.num_subjects)),
            ("records", str(len(self))),
            ("doses", f"{int(doses.sum())} records, {int((c['ADDL'][doses] + 1).sum())} doses"),
            ("observations", str(int(observed.sum()))),
        ]
        if len(self):
            low, high = float(c["TIME"].min()), float(c["TIME"].max())
            lines.append(("time", f"{shown(low)} to {shown(high)} {self.units['TIME']}"))
        units = ", ".join(f"{n} {u}" for n, u in self.units.items() if n in ("AMT", "DV"))
        if units:
            lines.append(("units", units))
        if self._parts.covariates:
            found = ", ".join(f"{n} {self.units[n]}".strip() for n in self._parts.covariates)
            lines.append(("covariates", f"{found} ({self.interpolation})"))
        if self._parts.other:
            lines.append(("other columns", ", ".join(self._parts.other)))
        if len(self.ignored):
            lines.append(("comments", f"{len(self.ignored)} rows left out"))
        return lines

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self._summary())
        head = f"event table {self.source}"
        return "\n".join([head, *(f"  {name:<{width}}  {text}" for name, text in self._summary())])

    def __repr__(self) -> str:
        return f"<EventTable {self.source}: {self.num_subjects} subjects, {len(self)} rows>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(text)}</td></tr>"
            for name, text in self._summary()
        )
        shown_rows = min(len(self), 8)
        names = list(self._parts.columns)
        head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
        body = "".join(
            "<tr>"
            + "".join(
                f"<td>{html.escape(str(text))}</td>"
                for text in (texts(self._parts.columns[name][i : i + 1])[0] for name in names)
            )
            + "</tr>"
            for i in range(shown_rows)
        )
        caption = html.escape(f"event table {self.source}")
        return (
            f"<table><caption>{caption}</caption>{rows}</table>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EventTable):
            return NotImplemented
        mine, theirs = self.to_dict(), other.to_dict()
        return (
            mine.keys() == theirs.keys()
            and self.units == other.units
            and all(_same(mine[name], theirs[name]) for name in mine)
        )

    __hash__ = None  # type: ignore[assignment]  # as arrays, tables are compared by value


def _same(first: NDArray[Any], second: NDArray[Any]) -> bool:
    if first.shape != second.shape:
        return False
    if first.dtype.kind == "f" and second.dtype.kind == "f":
        return bool(np.array_equal(first, second, equal_nan=True))
    return bool(np.array_equal(first, second))
