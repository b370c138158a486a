"""Running a study along its line: arguments for the solver, and the result from its answer.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError
from krogh.labeled import LabeledArray
from krogh.study.balance import ledger_of_study, with_eliminated
from krogh.study.levels import TargetOutcome
from krogh.study.outputs import Outputs
from krogh.study.result import DrugName, Mark, StudyResult
from krogh.units import Quantity, convert, factor, format_number, parse_quantity

if TYPE_CHECKING:
    from krogh.study.study import Study
    from krogh.study.volume_result import TumourResult

__all__ = [
    "check_targets",
    "dose_starts",
    "drug_names",
    "line_arguments",
    "marks_of",
    "models_hash",
    "num_lines",
    "outcomes",
    "plasma_exposure",
    "recorded_times",
    "run_line",
]

_AFTER_DOSE: Final = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""Additional times behind each dose, in steps of the grid: distribution is fast after a bolus."""

_MOST_DOSES: Final = 50
_FEW_LINES: Final = 10


# --- arguments ------------------------------------------------------------------------------------


def recorded_times(
    study: Study, until: Any, times: Any, steps: int = 200
) -> tuple[NDArray[np.float64], str]:
    """Return recorded times and their unit: those asked for, else a grid of so many steps."""
    from krogh.study.checks import checked_times

    if until is None and times is None:
        end, texts = study.until, study._times
    else:
        end, texts = checked_times(study.until if until is None else until, times)
    if study.plasma is not None:
        from krogh.study.medium import require_cover

        require_cover(study.plasma, end)
    unit = parse_quantity(end).unit
    if texts is not None:
        return np.array([parse_quantity(t).value for t in texts]), unit
    from krogh.simulate.grid import grid_of

    full, stop = grid_of(None, end, None, study._regimen)
    even = np.linspace(full[0], stop, 201)
    grid = np.concatenate([np.setdiff1d(full, even), np.linspace(full[0], stop, steps + 1)])
    grid = np.unique(np.concatenate([grid, [stop / 16.0, stop / 4.0, stop / 2.0]]))  # drawn
    step = stop / steps
    starts = dose_starts(study, stop)
    if len(starts) <= _MOST_DOSES:
        more = [start + step * part for start in starts for part in _AFTER_DOSE]
        grid = np.unique(np.concatenate([grid, [t for t in more if 0.0 <= t <= stop]]))
    return grid[grid >= 0.0] / factor(unit), unit


def dose_starts(study: Study, stop: float) -> list[float]:
    """Return the times at which doses are given up to the end, s."""
    doses = () if study._regimen is None else study._regimen.doses
    return [dose.time + k * dose.interval for dose in doses for k in _repeats(dose, stop)]


def _repeats(dose: Any, stop: float) -> range:
    if dose.interval <= 0.0:
        return range(1)
    last = int((stop - dose.time) / dose.interval)
    return range(min(last, last if dose.additional is None else dose.additional) + 1)


def line_arguments(study: Study, until: Any, times: Any, lines: int = 1) -> dict[str, Any]:
    """Return the arguments of `krogh.simulate_line`; see `Study.line_arguments`.

    For over 10 lines the grid is four times coarser, which makes results of hundreds of lines fit
    into memory.
    """
    study.require_line("line_arguments")
    systemic, tissue = study.models
    arguments: dict[str, Any] = {
        "tissue": tissue,
        "shape": study.shape,
        "dosing": study._regimen,
        "systemic": systemic,
        "times": recorded_times(study, until, times, 200 if lines <= _FEW_LINES else 50),
        "weight": study.subject.weight if study.plasma is None else None,
        "surface": study.subject.surface if study.plasma is None else None,
        "rtol": study.settings.rtol,
        "method": study.settings.method,
        "max_steps": study.settings.max_steps,
        "num_threads": study.settings.num_threads,
    }
    if study.assembly.fields:
        arguments["fields"] = dict(study.assembly.fields)
    if study.tumour_volume is not None:
        arguments["tumour_volume"] = study.tumour_volume
    if study.settings.verify:
        arguments["verify"] = True
    return arguments


def num_lines(values: Mapping[str, Any]) -> int:
    """Return how many lines values speak of: the length of the arrays among them, else 1."""
    sizes = {}
    for name, value in values.items():
        inner = value[0] if isinstance(value, tuple) and len(value) == 2 else value
        if np.ndim(inner) == 1:
            sizes[name] = len(inner)
    if len(set(sizes.values())) > 1:
        found = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise SpecError(f"KG-163: values have different numbers of lines: {found}.")
    return next(iter(sizes.values()), 1)


def drug_names(study: Study) -> tuple[DrugName, ...]:
    """Return how the drugs are called."""
    return tuple(DrugName(drug.label, drug.name) for drug in study.drugs)


# --- what cells are counted against ---------------------------------------------------------------


def marks_of(
    study: Study, tissue: Mapping[str, Any], values: Mapping[str, Any], lines: int
) -> dict[str, Mark]:
    """Return the marks of the table: Kd for free drug, the exposed count for uptake and payload."""
    found: dict[str, Mark] = {}
    for drug in study.drugs:
        on = _parameter(study, f"association_rate_{drug.label}", values, "1/nM/s", lines)
        off = _parameter(study, f"dissociation_rate_{drug.label}", values, "1/s", lines)
        free = f"free_{drug.label}"
        if on is not None and off is not None and free in tissue and np.all(on > 0.0):
            kd = off / on * convert(1.0, "nM", tissue[free].unit)
            spread = float(np.ptp(kd)) > 1e-12 * float(np.max(kd))
            one = f" ({format_number(float(f'{kd[0]:.2g}'))} {tissue[free].unit})"
            found[free] = Mark(kd, "Kd" + ("" if spread else one))
        for kind in ("uptake", "payload"):
            name = f"{kind}_{drug.label}"
            if name in tissue:
                words = f"{study.settings.exposed:.3g}".replace("e+0", "e")
                found[name] = Mark(np.full(lines, study.settings.exposed), words)
    return found


def _parameter(
    study: Study, name: str, values: Mapping[str, Any], unit: str, lines: int
) -> NDArray[np.float64] | None:
    """Return a parameter of the tissue in a unit, shape (lines,), with the values of a run."""
    _, tissue = study.models
    own = tissue.parameters[name].value if name in tissue.parameters else None
    if own is None:
        return None
    given = values.get(name)
    if given is None:
        return np.full(lines, own.to(unit))
    if isinstance(given, tuple):
        return np.broadcast_to(convert(np.asarray(given[0], dtype=float), given[1], unit), (lines,))
    if isinstance(given, str):
        return np.full(lines, parse_quantity(given).to(unit))
    numbers = np.asarray(given, dtype=np.float64)
    return np.broadcast_to(convert(numbers, own.unit or "1", unit), (lines,))


# --- targets --------------------------------------------------------------------------------------


def _names(study: Study) -> Any:
    """Return what targets can be about, as `krogh.dose` takes it."""
    from krogh.dose.readings import Names

    systemic, tissue = study.models
    aliases = {drug.label: (drug.name, *drug.aliases) for drug in study.drugs}
    return Names(
        {name: output.unit for name, output in systemic.outputs.items()},
        {name: output.unit for name, output in tissue.outputs.items()},
        aliases,
        {drug.label: drug.molar_mass.value for drug in study.drugs},
    )


def check_targets(study: Study, record: Sequence[str] | None = None) -> None:
    """Check that the models have what the targets are about.

    Parameters
    ----------
    record
        Outputs of the tissue that are recorded; all if left out.

    Raises
    ------
    SpecError, UnitError
        KG-153 and others, as `krogh.dose.Target.evaluate` raises them.
    """
    if study.targets:
        from krogh.dose.binding import bind

        names = _names(study)
        if record is not None:
            kept = {name: unit for name, unit in names.tissue.items() if name in record}
            names = replace(names, tissue=kept)
        for target in study.targets:
            bind(target, names)


def outcomes(study: Study, result: StudyResult | TumourResult) -> tuple[TargetOutcome, ...]:
    """Return what became of the targets of a study."""
    if not study.targets:
        return ()
    stop = float(result.times.values[-1]) * factor(result.times.unit)
    doses = dose_starts(study, stop)
    found = []
    for target in study.targets:
        attained = target.evaluate(result, names=_names(study), dose_times=doses)
        found.append(
            TargetOutcome(
                text=str(target),
                level=target.level,
                measure=attained.measured,
                wanted=attained.wanted,
                values=np.asarray(attained.values, dtype=np.float64),
                unit="%" if attained.unit.startswith("% of") else attained.unit,
                reached=np.asarray(attained.reached, dtype=bool),
            )
        )
    return tuple(found)


# --- the run --------------------------------------------------------------------------------------


def run_line(
    study: Study, until: Any, times: Any, progress: Any, values: dict[str, Any]
) -> StudyResult:
    """Return the result of a study along its line; see `Study.run`."""
    from krogh.line import simulate_line

    began = time.perf_counter()
    lines = num_lines(values)
    check_targets(study)
    arguments = line_arguments(study, until, times, lines)
    if values:
        arguments |= _split(study, arguments, values, lines)
    groups: dict[str, tuple[str, ...]] = {}
    if study.tumour_volume is not None and study.plasma is None:
        arguments["systemic"], groups = with_eliminated(study)
    line = simulate_line(**arguments, progress=progress)
    result = _result_of(study, line, values, lines, groups)
    if study.settings.comparator:
        from krogh.study.comparator import no_counterpart, run_well_mixed

        reason = no_counterpart(study)
        if reason:
            result = replace(result, notes=(*result.notes, f"no well-mixed model: {reason}"))
    else:
        reason = "not wanted"
    if not reason:
        other = run_well_mixed(study, until, times, values, progress)
        result = replace(result, comparator=other)
    if study.settings.ranges and lines == 1 and line.method.startswith("line"):
        from krogh.study.limits import one_at_a_time

        plain = study if until is None and times is None else _with_times(study, until, times)
        result = replace(result, limits=one_at_a_time(plain, None, progress, values))
    seconds = time.perf_counter() - began
    provenance = replace(result.provenance, wall_seconds=seconds)
    return replace(result, provenance=provenance)


def _with_times(study: Study, until: Any, times: Any) -> Study:
    """Return the study with the times of one of its runs."""
    if times is None:
        return study._changed(until=until, times=None)
    return study._changed(times=times)


def _split(
    study: Study, arguments: Mapping[str, Any], values: Mapping[str, Any], lines: int
) -> dict[str, Any]:
    """Return the arguments for values of a run; those of fields scale the fields."""
    from krogh.study.comparator import lengths_of

    fields = dict(arguments.get("fields", {}))
    scaled = {name: value for name, value in values.items() if name in fields}
    if not scaled:
        return {"values": dict(values), "lines": lines}
    shape = study.shape
    distance = np.atleast_2d(shape.distance_of(shape.faces_of(lengths_of(shape, values))))
    for name in scaled:
        own = study.models[1].parameters[name].value
        assert own is not None  # a field varies a value of the library
        unit = own.unit or "1"
        number = _parameter(study, name, values, unit, lines)
        assert number is not None
        fields[name] = fields[name](distance) * (number / own.to(unit))[:, None]
    kept = {name: value for name, value in values.items() if name not in scaled}
    return {"values": kept, "lines": lines, "fields": fields}


def _result_of(
    study: Study,
    line: Any,
    values: Mapping[str, Any],
    lines: int,
    groups: dict[str, tuple[str, ...]],
) -> StudyResult:
    """Return the result of a study from what `krogh.simulate_line` returned.

    `groups` are the systemic species that hold each dose, where plasma and tumour are balanced.
    """
    from krogh.study.numbers import numbers_of

    systemic, tissue = study.models
    outputs = Outputs(tissue.outputs, line.__getitem__)
    plasma = Outputs(systemic.outputs, line.plasma.__getitem__)
    ledger, balance_error = ledger_of_study(line, groups)
    exposures = {
        name: plasma_exposure(array.coords["time"], array.values, array.unit, line.time_unit)
        for name, array in plasma.items()
        if name.startswith("Cp_")
    }
    result = StudyResult(
        study=study,
        kind="line",
        times=line.times,
        distance=_per_cell(line.distance, lines, "distance"),
        positions=_per_cell(line.positions, lines, "positions"),
        volumes=_per_cell(line.volumes, lines, "volumes"),
        tissue=outputs,
        plasma=plasma,
        drugs=drug_names(study),
        marks=marks_of(study, outputs, values, lines),
        targets=(),
        ledger=ledger,
        balance_error=balance_error,
        stats=dict(line.stats),
        provenance=_provenance(study, line),
        numbers=numbers_of(study, exposures),
        failures=tuple(str(failure) for failure in line.failures),
        notes=() if line.verification is None else (str(line.verification),),
    )
    return replace(result, targets=outcomes(study, result))


def plasma_exposure(times: Any, values: Any, unit: str, time_unit: str) -> Quantity:
    """Return the AUC of a curve over its last axis, of several lines the median."""
    from krogh.study.levels import area_under

    at = np.asarray(times, dtype=np.float64)
    areas = area_under(at, np.atleast_2d(np.asarray(values, dtype=np.float64)))
    return Quantity(float(np.nanmedian(areas)), f"{unit} {time_unit}")


def _per_cell(array: LabeledArray, lines: int, name: str) -> LabeledArray:
    """Return an array of cells with its axis of lines."""
    values = np.atleast_2d(array.values)
    values = np.broadcast_to(values, (lines, values.shape[1]))
    coords = {"line": np.arange(lines), "cell": np.arange(values.shape[1])}
    return LabeledArray(values, ("line", "cell"), array.unit, name, coords)


def models_hash(study: Study) -> str:
    """Return a fingerprint of both models with all their values, and of the shape."""
    texts = "\n".join([*(model.content for model in study.models), repr(study.shape)])
    return hashlib.sha256(texts.encode("utf-8")).hexdigest()[:16]


def _provenance(study: Study, line: Any) -> Any:
    """Return how a result came about."""
    from krogh import _core
    from krogh.citations import keys_of
    from krogh.provenance import Provenance

    stats, outcome = line.stats, line._outcome
    _, tissue = study.models
    return Provenance(
        version=str(_core.__version__),
        instruction_set=str(_core.instruction_set()),
        model=tissue.name,
        model_hash=models_hash(study),
        dosing=study._given,
        seed=0,
        rtol=study.settings.rtol,
        atol={},
        method=line.method,
        lanes=int(outcome.width),
        num_threads=int(outcome.num_threads),
        wall_seconds=float(line.wall_seconds),
        engine_seconds=float(outcome.seconds),
        steps_accepted=int(np.sum(stats["accepted"])),
        steps_rejected=int(np.sum(stats["rejected"])),
        citations=keys_of(study.source),
    )
