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

from krogh.labeled import LabeledArray
from krogh.study.levels import Row
from krogh.table import ResultTable
from krogh.units import convert, parse_quantity

if TYPE_CHECKING:
    from krogh.study.result import StudyResult
    from krogh.study.study import Study
    from krogh.study.volume_result import TumourResult

__all__ = ["differences", "lengths_of", "no_counterpart", "run_well_mixed", "sentence"]


def run_well_mixed(
    study: Study, until: Any, times: Any, values: Mapping[str, Any], progress: Any
) -> StudyResult:
    """Return the result of the comparator; see `Study.well_mixed`."""
    from krogh.line import well_mixed
    from krogh.simulate import simulate
    from krogh.study.result import StudyResult
    from krogh.study.run import drug_names, line_arguments, marks_of, num_lines, outcomes

    began = time.perf_counter()
    lines = num_lines(values)
    arguments = line_arguments(study, until, times, lines)
    systemic, tissue = study.models
    shape = study.shape
    model = well_mixed(tissue, shape, systemic=systemic, tumour_volume=study.tumour_volume)
    faces = shape.faces_of(lengths_of(shape, values))
    point = simulate(
        model,
        study._regimen,
        subjects=lines,
        times=arguments["times"],
        values={**_means_of_fields(study, shape), **_for_one_cell(study, shape, faces, values)}
        or None,
        weight=arguments["weight"],
        surface=arguments["surface"],
        rtol=study.settings.rtol,
        num_threads=study.settings.num_threads,
        metrics=False,
        progress=progress,
    )
    line = {"line": np.arange(lines)}
    at = {"time": point.times.values}
    coords, units = {**line, **at}, {"time": point.time_unit}

    def of(name: str, cells: bool) -> LabeledArray:
        array = point[name]
        if not cells:
            return LabeledArray(array.values, ("line", "time"), array.unit, name, coords, units)
        inside = {**coords, "cell": np.arange(1)}
        dims = ("line", "time", "cell")
        return LabeledArray(array.values[:, :, None], dims, array.unit, name, inside, units)

    def geometry(name: str, values: Any, unit: str) -> LabeledArray:
        inside = {**line, "cell": np.arange(1)}
        column = np.broadcast_to(np.reshape(values, (-1, 1)), (lines, 1))
        return LabeledArray(column, ("line", "cell"), unit, name, inside)

    tissue_outputs = {name: of(name, True) for name in tissue.outputs if name in point}
    plasma = {name: of(name, False) for name in systemic.outputs if name in point}
    volumes = shape.volumes_of(faces)
    total = volumes.sum(axis=-1)
    distance = (shape.distance_of(faces) * volumes).sum(axis=-1) / total
    centers = (0.5 * (faces[..., 1:] + faces[..., :-1]) * volumes).sum(axis=-1) / total
    result = StudyResult(
        study=study,
        kind="well-mixed",
        times=point.times,
        distance=geometry("distance", distance, "um"),
        positions=geometry("positions", centers, "um"),
        volumes=geometry("volumes", total, _SIZE_UNITS[shape.geometry]),
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


def no_counterpart(study: Study) -> str:
    """Return why a study has no well-mixed counterpart, or an empty text."""
    _, tissue = study.models
    for transport in tissue.transports.values():
        if transport.wall_kind == "fixed":
            return (
                f"the wall holds {transport.species} at its concentration outside, which a"
                " well-mixed tumour would follow at once"
            )
    return ""


def _timed(provenance: Any, seconds: float) -> Any:
    return replace(provenance, wall_seconds=seconds)


_SIZE_UNITS = {"cylindrical": "um^2", "spherical": "um^3", "cartesian": "um"}


def lengths_of(shape: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lengths of the shape in um, with those of the values."""
    found = dict(shape.lengths)
    for name in found:
        given = values.get(name)
        if isinstance(given, tuple) and len(given) == 2:
            found[name] = convert(np.asarray(given[0], dtype=np.float64), given[1], "um")
        elif isinstance(given, str):
            found[name] = parse_quantity(given, name).to("um")
        elif given is not None:
            found[name] = np.asarray(given, dtype=np.float64)
    return found


def _for_one_cell(
    study: Study, shape: Any, faces: Any, values: Mapping[str, Any]
) -> dict[str, Any]:
    """Return values for the well-mixed model: lengths become surface over volume."""
    from krogh.line.mixed import SIZE, SURFACE

    found = {name: value for name, value in values.items() if name not in shape.lengths}
    if len(found) == len(values):
        return found
    areas, total = shape.areas_of(faces), shape.volumes_of(faces).sum(axis=-1)
    surface = sum(areas[..., 0 if wall == 0 else -1] for wall in shape.walls)
    found[SURFACE] = (surface / total, "1/um")
    if study.tumour_volume is not None and shape.geometry == "cylindrical":
        # the model counts the tissue of the nominal cylinder in the tumour's volume
        nominal = shape.volumes.sum() / (np.pi * shape.lengths["outer_radius"] ** 2)
        share = total / (np.pi * faces[..., -1] ** 2)
        volume = parse_quantity(study.tumour_volume)
        found[SIZE] = (volume.value * share / nominal, volume.unit)
    return found


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


def _pairs(result: StudyResult | TumourResult) -> list[tuple[Row, Row]]:
    """Return the rows about cells that both results have: line first, comparator second."""
    if result.comparator is None:
        from krogh.errors import SpecError

        raise SpecError(
            "KG-118: the comparator was not run; Study(..., comparator=True).run() runs it, or"
            " study.well_mixed() alone."
        )
    other = {row.key: row for row in result.comparator.rows()}
    return [(row, other[row.key]) for row in result.rows() if row.level > 1 and row.key in other]


def differences(result: StudyResult | TumourResult) -> ResultTable:
    """Return what line (or voxels) and well-mixed model say, and by how much the latter is off."""
    pairs = _pairs(result)
    return ResultTable(
        {
            "measure": [row.measure for row, _ in pairs],
            "line" if result.kind == "line" else "voxels": [row.value for row, _ in pairs],
            "well-mixed": [other.value for _, other in pairs],
            "difference": [other.value - row.value for row, other in pairs],
            "unit": [row.unit for row, _ in pairs],
        },
        title="what a model without gradients says of the same study",
    )


def sentence(result: StudyResult | TumourResult) -> str:
    """Return in one line how far the well-mixed model is off in the share of cells reached."""
    pairs = _pairs(result)
    shares = [(a, b) for a, b in pairs if a.unit == "%" and a.measure.startswith("cells with")]
    if not shares:
        row, other = max(pairs, key=lambda pair: _ratio(*pair))
        return f"well-mixed model: {row.measure} {other.text} instead of {row.text}"
    row, other = max(shares, key=lambda pair: abs(pair[1].value - pair[0].value))
    off = other.value - row.value
    if abs(off) <= 0.05:
        return f"well-mixed model agrees on coverage: {row.measure} {row.text}"
    verdict = "over-predicts" if off > 0.0 else "under-predicts"
    return f"well-mixed model {verdict} coverage: {row.measure} {other.text} instead of {row.text}"


def _ratio(row: Row, other: Row) -> float:
    """Return how far the values of two rows are from each other, relative to the larger."""
    largest = max(abs(row.value), abs(other.value))
    return abs(other.value - row.value) / largest if largest > 0.0 else 0.0
