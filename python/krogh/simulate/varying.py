"""Parameters that change in time: covariates of an event table, effects of occasions.

SPDX-License-Identifier: BSD-3-Clause

Covariates hold backward from their record (NOCB, NONMEM's rule), forward (LOCF), or run linearly
between records.  The linear rule is exact: the covariate becomes ``value + slope (t - start)``
inside the model, whose three numbers change at each record.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError, Error, SpecError, did_you_mean
from krogh.model import Covariate, DoseInput, Model, Parameter, Rule, Species
from krogh.model.compile import CompiledModel
from krogh.model.expression import Expression, Symbol, substitute, symbols_of
from krogh.simulate.effects import draw_effects, has_occasions
from krogh.simulate.subjects import resolve_subjects
from krogh.units import factor, require_dimension

if TYPE_CHECKING:
    from krogh.simulate.table_plan import Prepared

__all__ = ["Varying", "apply_covariates", "occasion_columns", "require_constant_volumes"]


@dataclass
class Varying:
    """A parameter with a value for each row of the table.

    Attributes
    ----------
    position
        Of the parameter.
    values
        Internal units, shape (num_rows,).
    holds_backward
        Whether a row's value holds on the interval that ends at the row, else on the one that
        starts there.
    before
        What holds before the subject's first row, shape (num_subjects,); the first row's value if
        left out.
    """

    position: int
    values: NDArray[np.float64]
    holds_backward: bool
    before: NDArray[np.float64] | None = None


# --- covariates -----------------------------------------------------------------------------------


def apply_covariates(prepared: Prepared, who: Any, seed: int) -> None:
    """Give subjects their constant covariates and the plan those that change."""
    table, compiled = prepared.table, prepared.compiled
    subjects = prepared.subjects
    if not (isinstance(who, int) and who == 1):
        _add_columns(prepared, who, seed)
    by_upper = {name.upper(): name for name in compiled.model.covariates}
    changing: dict[str, NDArray[np.float64]] = {}
    starts = table.offsets[:-1]
    for column, numbers in table.covariates.items():
        name = column if column in compiled.model.covariates else by_upper.get(column.upper())
        if name is None:
            continue
        values = _internal(prepared, column, name, numbers)
        first = values[starts]
        if np.array_equal(values, first[table.subject_index]):
            unit = compiled.model.covariates[name].unit
            subjects.overrides[name] = first / factor(unit or "1")
        else:
            changing[name] = values
    if table.interpolation == "linear" and changing:
        _run_linearly(prepared, changing)
        return
    backward = table.interpolation == "nocb"
    for name, values in changing.items():
        prepared.varying.append(Varying(compiled.parameter_index(name), values, backward))


def _add_columns(prepared: Prepared, who: Any, seed: int) -> None:
    """Join columns of a mapping or frame beside the table, matched by ID."""
    ids = prepared.subjects.ids
    extra = resolve_subjects(who, prepared.compiled, seed)
    if isinstance(who, int):
        raise SpecError(
            f"KG-119: the event table brings its {ids.size:,} subjects; leave subjects out."
        )
    columns = {name.upper(): name for name in prepared.table.covariates}
    twice = [name for name in extra.overrides if name.upper() in columns]
    if twice:
        raise SpecError(
            f"KG-119: {twice[0]!r} is given twice, by subjects and by column"
            f" {columns[twice[0].upper()]} of {prepared.table.source}."
        )
    place = {str(i): k for k, i in enumerate(extra.ids.tolist())}
    missing = [i for i in ids.tolist() if str(i) not in place]
    if missing:
        raise DataError(
            f"KG-243: {prepared.table.source}: subject {missing[0]} of the table is not among the"
            f" subjects{'' if len(missing) == 1 else f' (nor are {len(missing) - 1:,} more)'}; give"
            " an ID column that matches."
        )
    order = np.array([place[str(i)] for i in ids.tolist()])

    def picked(value: Any) -> Any:
        if isinstance(value, tuple):
            return picked(value[0]), value[1]
        return value[order] if np.ndim(value) else value

    for name, value in extra.overrides.items():
        prepared.subjects.overrides[name] = picked(value)
    for name, (values, unit) in extra.others.items():
        prepared.subjects.others[name] = (picked(values), unit)


def _internal(
    prepared: Prepared, column: str, name: str, numbers: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return a covariate's column in internal units, checked against the model's unit and range."""
    table = prepared.table
    covariate = prepared.compiled.model.covariates[name]
    unit = str(table.units.get(column, ""))
    own, theirs = covariate.categories, table.categories.get(column)
    values = np.asarray(numbers, dtype=np.float64)
    if own is not None and theirs is not None:  # both name their numbers: go by the names
        translated = np.full(values.shape, np.nan)
        for label, code in theirs.items():
            if label in own:
                translated[values == code] = own[label]
        values = translated
    require_dimension(unit or "1", covariate.unit or "1", f"{table.source}: covariate {column}")
    values = values * factor(unit or "1")
    low, high = covariate.bounds
    good = (values >= low) & (values <= high)
    if own is not None:
        good &= np.isin(values, np.array(list(own.values())))
    if not np.all(good):
        row = int(np.argmin(good))
        allowed = ", ".join(f"{k} = {v:g}" for k, v in own.items()) if own else covariate.range_text
        raise DataError(
            f"KG-245: {table.where(row)}: {column} = {numbers[row]:g} {unit} is outside what model"
            f" {prepared.compiled.model.name!r} allows: {allowed}."
        )
    return values


def _run_linearly(prepared: Prepared, changing: dict[str, NDArray[np.float64]]) -> None:
    """Make covariates straight lines between their records, exactly."""
    compiled, table = prepared.compiled, prepared.table
    parts = {name: _line_names(compiled, name) for name in changing}
    try:
        new = _with_lines(compiled.model, parts).compile()
    except Error as error:
        text = str(error).removeprefix(f"{error.code}: ")
        raise DataError(
            f"KG-245: {table.source}: {', '.join(changing)} cannot run linearly between records,"
            " because something that must not change between them depends on it (a volume of a"
            " compartment, for example, for which species that are amounts help).\n"
            f"  {text}"
        ) from None
    prepared.compiled = new
    time, index, segment = prepared.time, table.subject_index, prepared.segment
    following = np.zeros(time.size, dtype=bool)
    following[:-1] = (
        (index[1:] == index[:-1]) & (segment[1:] == segment[:-1]) & (time[1:] > time[:-1])
    )
    for name, values in changing.items():
        step = np.zeros(time.size)
        at = np.flatnonzero(following)
        step[at] = (values[at + 1] - values[at]) / (time[at + 1] - time[at])
        for part, column in zip(parts[name], (values, step, time, values), strict=True):
            level = np.zeros(table.num_subjects) if column is step else None
            prepared.varying.append(Varying(new.parameter_index(part), column, False, level))


def _line_names(compiled: CompiledModel, name: str) -> tuple[str, str, str, str]:
    """Return unused names: value, slope and start of the line, and the value at the record."""
    taken = {*compiled.parameter_names, *compiled.state_names, *compiled.output_names}
    taken |= {*compiled.model.rules, *compiled.model.tables}
    tail = ""
    while any(f"{name}_{part}{tail}" in taken for part in ("value", "slope", "start", "record")):
        tail += "_"
    value, slope, start, record = (
        f"{name}_{part}{tail}" for part in ("value", "slope", "start", "record")
    )
    return value, slope, start, record


def _with_lines(model: Model, parts: dict[str, tuple[str, str, str, str]]) -> Model:
    """Return the model in which covariates are lines; doses and initial values see the record."""
    at_record: dict[str, Expression] = {name: Symbol(p[3]) for name, p in parts.items()}
    definitions = {name: rule.expression for name, rule in model.rules.items()}

    def fixed(expression: Expression | None) -> Expression | None:
        """Return an expression with the covariates as they are at the record."""
        if expression is None:
            return None
        for _ in range(len(definitions) + 1):
            rules = {s: definitions[s] for s in symbols_of(expression) if s in definitions}
            if not rules:
                break
            expression = substitute(expression, rules)
        return substitute(expression, at_record)

    items: list[Any] = []
    for component in model.components:
        if isinstance(component, Covariate) and component.name in parts:
            value, slope, start, record = parts[component.name]
            unit = component.unit
            items += [
                Parameter(value, component.value, note="value at the start of the line"),
                Parameter(slope, 0.0, unit=f"{unit or '1'}/s", note="slope of the line"),
                Parameter(start, 0.0, unit="s", note="start of the line"),
                Parameter(record, component.value, note="value at the record"),
                Rule(component.name, f"{value} + {slope}*(t - {start})", unit=unit),
            ]
        elif isinstance(component, DoseInput):
            items.append(
                component.changed(
                    bioavailability=fixed(component.bioavailability),
                    lag=fixed(component.lag),
                    duration=fixed(component.duration),
                    rate=fixed(component.rate),
                )
            )
        elif isinstance(component, Species):
            given = component.initial
            items.append(
                component.changed(initial=given if isinstance(given, str) else fixed(given))
            )
        else:
            items.append(component)
    return Model(model.name, *items, note=model.note)


def require_constant_volumes(compiled: CompiledModel, positions: Iterable[int]) -> None:
    """Refuse values that change in time and move the volume of a compartment with concentrations.

    The concentrations would stay as they are at the change, and amounts would appear or vanish.

    Parameters
    ----------
    positions
        Of the parameters that change in time.

    Raises
    ------
    DataError
        KG-245.
    """
    changing = {compiled.parameter_names[position] for position in positions}
    model = compiled.model
    definitions = {name: rule.expression for name, rule in model.rules.items()}
    for species in model.species.values():
        volume = model.analysis.volume_of(species)
        if not changing or volume is None:
            continue
        pending, seen = [volume], set[str]()
        while pending:
            new = {*symbols_of(pending.pop())} - seen
            seen |= new
            pending += [definitions[name] for name in new if name in definitions]
        if seen & changing:
            raise DataError(
                f"KG-245: {sorted(seen & changing)[0]} changes in time, and the volume of"
                f" compartment {species.compartment!r} depends on it: the concentration"
                f" {species.name!r} would stay as it is and drug appear or vanish.  Write"
                f" {species.name!r} as an amount and its concentration as a rule."
            )


# --- occasions ------------------------------------------------------------------------------------


def _numbered(labels: NDArray[Any], subject: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the occasions of each subject from 0 in the order of their labels.

    The numbers, and so the draws, do not depend on the occasions of other subjects.
    """
    _, label = np.unique(labels, return_inverse=True)
    label = label.reshape(-1)
    pairs, place = np.unique(subject * (int(label.max()) + 1) + label, return_inverse=True)
    first = np.searchsorted(pairs, np.arange(int(subject.max()) + 1) * (int(label.max()) + 1))
    numbers: NDArray[np.int64] = place.reshape(-1) - first[subject]
    return numbers


def occasion_columns(
    prepared: Prepared,
    levels: frozenset[str],
    occasions: Any,
    seed: int,
    stated_names: Iterable[str],
) -> list[Varying]:
    """Return between-occasion effects as columns of the table, without those that were stated.

    A column of the table names the occasion of each row and holds as covariates do; without one an
    occasion begins with each dose.
    """
    compiled, table = prepared.compiled, prepared.table
    if not has_occasions(compiled, levels):
        return []
    backward = table.interpolation == "nocb"
    if occasions is None and "OCC" in table.columns:
        occasions = "OCC"
    if occasions is None or occasions == "doses":
        evid = np.asarray(table["EVID"])
        gives = ((evid == 1) | (evid == 4)).astype(np.int64)
        total = np.cumsum(gives)
        start = table.offsets[:-1]
        number = total - (total[start] - gives[start])[table.subject_index]
        codes = np.maximum(number - 1, 0)
        backward = False
    elif isinstance(occasions, str):
        known = [*table.columns, *table.covariates, *table.other]
        if occasions not in known:
            raise DataError(
                f"KG-243: {table.source} has no column {occasions!r} of occasions."
                f"{did_you_mean(occasions, known)}"
            )
        codes = _numbered(table[occasions], table.subject_index)
    else:
        raise SpecError(
            "KG-119: beside an event table occasions is 'doses' or the name of a column, not"
            f" {occasions!r}."
        )
    _, drawn = draw_effects(
        compiled, frozenset(("occasion",)), seed, prepared.subjects.keys, int(codes.max()) + 1
    )
    stated = {
        compiled.parameter_index(name) for name in (*prepared.subjects.overrides, *stated_names)
    }
    return [
        Varying(position, values[table.subject_index, codes], backward)
        for position, values in drawn.items()
        if position not in stated
    ]
