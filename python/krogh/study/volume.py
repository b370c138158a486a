"""Running a study in a tumour in 3-D: arguments for the volume solver, the result, the comparator.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, did_you_mean
from krogh.study.balance import ledger_of_study, with_eliminated
from krogh.study.run import (
    check_targets,
    drug_names,
    marks_of,
    outcomes,
    plasma_exposure,
    recorded_times,
)
from krogh.study.volume_result import TumourResult
from krogh.units import convert

if TYPE_CHECKING:
    from krogh.study.study import Study

__all__ = ["run_tumour", "volume_arguments", "well_mixed_tumour"]

Floats = NDArray[np.float64]

_RECORDS: Final = 24
"""Even steps between records where nothing is asked for: each holds every voxel."""

_OWN: Final = ("tissue", "grid", "dosing", "systemic", "weight", "surface", "tumour_volume")
"""Arguments of `krogh.simulate_volume` that a study states itself."""

_SPATIAL: Final = (
    "exchange",
    "regions",
    "sides",
    "fields",
    "flow",
    "interfaces",
    "carried",
    "feed",
    "radiation",
)
"""Options by which one voxel is no counterpart of the tumour."""


def volume_arguments(study: Study, until: Any, times: Any) -> dict[str, Any]:
    """Return the arguments of `krogh.simulate_volume` for a study of a tumour in 3-D.

    Fields of the tumour that no model of the drugs has are left out.
    """
    tumour = study.tumour_3d
    assert tumour is not None  # the caller has looked
    systemic, tissue = study.models
    if times is None:
        times = recorded_times(study, until, None, _RECORDS)
    given = study.plasma is None
    arguments: dict[str, Any] = {
        "tissue": tissue,
        "grid": tumour.grid,
        "dosing": study._regimen,
        "systemic": systemic,
        "exchange": tumour.voxels if tumour.network is not None else (tumour.exchange, "1/um"),
        "times": times,
        "weight": study.subject.weight if given else None,
        "surface": study.subject.surface if given else None,
        "rtol": study.settings.rtol,
        "max_steps": study.settings.max_steps,
        "num_threads": study.settings.num_threads,
    }
    if tumour.mask is not None or (tumour.network is None and tumour.lumen is not None):
        arguments["regions"] = tumour.tissue
    fields = {n: f for n, f in tumour.fields.items() if n in tissue.parameters}
    if fields:
        arguments["fields"] = fields
    if study.tumour_volume is not None:
        arguments["tumour_volume"] = study.tumour_volume
    if study.settings.verify:
        arguments["verify"] = True
    return arguments


def run_tumour(
    study: Study,
    until: Any,
    times: Any,
    progress: Any,
    values: Mapping[str, Any],
    options: Mapping[str, Any],
) -> TumourResult:
    """Return the result of a study in 3-D; see `Study.run`.

    Raises
    ------
    SpecError
        KG-103 for an option that `krogh.simulate_volume` does not have, or that the study states;
        the errors of `krogh.simulate_volume`.
    """
    from krogh.volume import simulate_volume

    began = time.perf_counter()
    _check(study, options)
    check_targets(study, options.get("record"))
    arguments = volume_arguments(study, until, times)
    if "regions" in options and "regions" in arguments:
        raise SpecError("KG-166: this tumour has a mask; regions=... would take its place.")
    if "fields" in options:
        options = {**options, "fields": {**arguments.get("fields", {}), **options["fields"]}}
    arguments |= options
    groups: dict[str, tuple[str, ...]] = {}
    if study.tumour_volume is not None and study.plasma is None:
        arguments["systemic"], groups = with_eliminated(study)
    found = simulate_volume(**arguments, values=dict(values) or None, progress=progress)
    result = _result_of(study, found, values, groups, "volume")
    result.numbers = _numbers(study, result)
    reason = "" if study.settings.comparator else "not wanted"
    spatial = [name for name in _SPATIAL if options.get(name) is not None]
    if spatial and not reason:
        reason = f"{', '.join(spatial)} given for the run"
        result.more_notes = (f"no well-mixed model: {reason}",)
    if not reason and result.is_complete and not result.failures:
        result.comparator = well_mixed_tumour(study, until, times, values)
    result._cells.wall_seconds = time.perf_counter() - began
    return result


def well_mixed_tumour(
    study: Study, until: Any, times: Any, values: Mapping[str, Any]
) -> TumourResult:
    """Return the same study without gradients: one voxel with the mean of surface and fields."""
    from krogh.space import Grid
    from krogh.volume import simulate_volume

    tumour = study.tumour_3d
    assert tumour is not None  # the caller has looked
    arguments = volume_arguments(study, until, times)
    inside = tumour.tissue
    for name in ("regions", "verify"):
        arguments.pop(name, None)
    mean = float(tumour.exchange[inside].mean())
    fields = arguments.pop("fields", {})
    means = {n: f"{float(array[inside].mean())!r} {unit}" for n, (array, unit) in fields.items()}
    found = simulate_volume(
        **{**arguments, "grid": Grid((1, 1, 1), "100 um"), "exchange": f"{mean!r} 1/um"},
        values={**means, **values} or None,
        progress=False,
    )
    return _result_of(study, found, values, {}, "well-mixed")


def _check(study: Study, options: Mapping[str, Any]) -> None:
    import inspect

    from krogh.volume import simulate_volume

    settings = study.settings
    for name in ("cells", "method"):
        if getattr(settings, name) != type(settings).model_fields[name].default:
            raise SpecError(
                f"KG-140: the setting {name!r} belongs to lines, and this tumour is in 3-D.  Leave"
                " it out, or solve study.as_line()."
            )
    for name in options:
        known = inspect.signature(simulate_volume).parameters
        if name in _OWN:
            raise SpecError(f"KG-103: {name!r} is stated by the study and its tumour.")
        if name not in known:
            raise SpecError(
                f"KG-103: simulate_volume has no option {name!r}.{did_you_mean(name, known)}"
            )


def _result_of(
    study: Study, found: Any, values: Mapping[str, Any], groups: Any, kind: str
) -> TumourResult:
    _, tissue = study.models
    balance, error = ledger_of_study(found, groups)
    known = {name: tissue.outputs[name] for name in found.outputs}
    result = TumourResult.of(
        found,
        study,
        kind=kind,
        drugs=drug_names(study),
        marks=marks_of(study, known, values, 1),
        balance=balance,
        balance_error=error,
    )
    result.plasma_curves = _plasma_curves(study, result, values)
    if found.is_complete and not found.failures:
        result.targets = outcomes(study, result)
    return result


def _numbers(study: Study, result: TumourResult) -> Any:
    """Return the report of the cylinder with the same density of vessels."""
    from krogh.study.numbers import numbers_of

    exposures = {}
    for name in result.plasma:
        found = result.plasma_of(name) if name.startswith("Cp_") else None
        if found is not None:
            times, values, unit = found
            exposures[name] = plasma_exposure(times, values, unit, result.time_unit)
    return numbers_of(study.as_line(), exposures)


def _plasma_curves(
    study: Study, result: TumourResult, values: Mapping[str, Any]
) -> tuple[Floats, dict[str, Floats]] | None:
    """Return the plasma at many times, the recorded ones among them.

    None where it feels the tumour, and has to be taken as it was recorded.  Voxels are kept at few
    times, from which neither Cmax nor AUC would follow.
    """
    if result.problem.volume is not None or result.problem.feeds:
        return None
    from krogh.simulate import simulate

    systemic, _ = study.models
    recorded = np.asarray(result.times.values, dtype=np.float64)
    last = f"{float(recorded[-1])!r} {result.time_unit}"
    if not recorded[-1] > 0.0:
        return None
    even, unit = recorded_times(study, last, None, 200)
    times = np.union1d(convert(even, unit, result.time_unit), recorded)
    given = study.plasma is None
    point = simulate(
        systemic,
        study._regimen,
        times=(times, result.time_unit),
        values={n: v for n, v in values.items() if n in systemic.parameters} or None,
        weight=study.subject.weight if given else None,
        surface=study.subject.surface if given else None,
        rtol=study.settings.rtol,
        metrics=False,
        progress=False,
    )
    return times, {name: np.asarray(point[name].values[0]) for name in systemic.outputs}
