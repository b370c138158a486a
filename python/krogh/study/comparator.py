"""The well-mixed comparator: the same study without gradients, and how far it is off.

SPDX-License-Identifier: BSD-3-Clause

One tissue cell with the line's volume behind the same wall; means, receptor numbers and plasma are
the same.  What is different is what the gradient does.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from krogh.labelled import LabelledArray
from krogh.study.levels import Row
from krogh.table import ResultTable

if TYPE_CHECKING:
    from krogh.study.result import StudyResult
    from krogh.study.study import Study

__all__ = ["differences", "run_well_mixed", "sentence"]


def run_well_mixed(
    study: Study, until: Any, times: Any, values: Mapping[str, Any], progress: Any
) -> StudyResult:
    """Return the result of the comparator; see `Study.well_mixed`."""
    from krogh.line import well_mixed
    from krogh.simulate import simulate
    from krogh.study.result import StudyResult
    from krogh.study.run import drug_names, line_arguments, marks_of, num_lines, outcomes

    began = time.perf_counter()
    arguments = line_arguments(study, until, times)
    systemic, tissue = study.models
    shape = study.shape
    model = well_mixed(tissue, shape, systemic=systemic, tumour_volume=study.tumour_volume)
    lines = num_lines(values)
    point = simulate(
        model,
        study.regimen,
        subjects=lines,
        times=arguments["times"],
        values={**_means_of_fields(study, shape), **values} or None,
        weight=study.subject.weight,
        surface=study.subject.surface,
        rtol=study.settings.rtol,
        num_threads=study.settings.num_threads,
        metrics=False,
        progress=progress,
    )
    line = {"line": np.arange(lines)}
    at = {"time": point.times.values}
    coords, units = {**line, **at}, {"time": point.time_unit}

    def of(name: str, cells: bool) -> LabelledArray:
        array = point[name]
        if not cells:
            return LabelledArray(array.values, ("line", "time"), array.unit, name, coords, units)
        inside = {**coords, "cell": np.arange(1)}
        dims = ("line", "time", "cell")
        return LabelledArray(array.values[:, :, None], dims, array.unit, name, inside, units)

    def geometry(name: str, value: float, unit: str) -> LabelledArray:
        inside = {**line, "cell": np.arange(1)}
        return LabelledArray(np.full((lines, 1), value), ("line", "cell"), unit, name, inside)

    tissue_outputs = {name: of(name, True) for name in tissue.outputs if name in point}
    plasma = {name: of(name, False) for name in systemic.outputs if name in point}
    middle = float(np.average(shape.distance, weights=shape.volumes))
    result = StudyResult(
        study=study,
        kind="well-mixed",
        times=point.times,
        distance=geometry("distance", middle, "um"),
        positions=geometry("positions", float(np.average(shape.centers)), "um"),
        volumes=geometry("volumes", float(np.sum(shape.volumes)), ""),
        tissue=tissue_outputs,
        plasma=plasma,
        drugs=drug_names(study),
        marks=marks_of(study, tissue_outputs, values, lines),
        targets=(),
        ledger=ResultTable({}),
        balance_error=float("nan"),
        stats={name: np.asarray(v) for name, v in point.stats.items()},
        provenance=_timed(point.provenance, time.perf_counter() - began),
    )
    return replace(result, targets=outcomes(study, result))


def _timed(provenance: Any, seconds: float) -> Any:
    return replace(provenance, wall_seconds=seconds)


def _means_of_fields(study: Study, shape: Any) -> dict[str, Any]:
    """Return parameters that vary over the cells as their means over the volume."""
    _, tissue = study.models
    found = {}
    for name, field in study.assembly.fields.items():
        mean = float(np.average(field(shape.distance), weights=shape.volumes))
        value = tissue.parameters[name].value
        unit = "" if value is None else value.unit
        found[name] = f"{mean!r} {unit}".strip()
    return found


# --- what differs ---------------------------------------------------------------------------------


def _pairs(result: StudyResult) -> list[tuple[Row, Row]]:
    """Return the rows about cells that both results have: line first, comparator second."""
    if result.comparator is None:
        from krogh.errors import SpecError

        raise SpecError(
            "KG-118: the comparator was not run; Study(..., comparator=True).run() runs it, or"
            " study.well_mixed() alone."
        )
    other = {row.key: row for row in result.comparator.rows()}
    return [(row, other[row.key]) for row in result.rows() if row.level > 1 and row.key in other]


def differences(result: StudyResult) -> ResultTable:
    """Return what line and well-mixed model say, and by how much the latter is off."""
    pairs = _pairs(result)
    return ResultTable(
        {
            "measure": [row.measure for row, _ in pairs],
            "line": [row.value for row, _ in pairs],
            "well-mixed": [other.value for _, other in pairs],
            "difference": [other.value - row.value for row, other in pairs],
            "unit": [row.unit for row, _ in pairs],
        },
        title="what a model without gradients says of the same study",
    )


def sentence(result: StudyResult) -> str:
    """Return in one line how far the well-mixed model is off in the share of cells reached."""
    shares = [(a, b) for a, b in _pairs(result) if a.unit == "%" and a.measure.startswith("cells")]
    if not shares:
        return "well-mixed model: no share of cells to compare"
    row, other = max(shares, key=lambda pair: abs(pair[1].value - pair[0].value))
    off = other.value - row.value
    verdict = "over-predicts" if off > 0.05 else "under-predicts" if off < -0.05 else "agrees on"
    return f"well-mixed model {verdict} coverage: {row.measure} {other.text} instead of {row.text}"
