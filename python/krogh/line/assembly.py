"""From models, a shape and what the user stated to a line problem.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, UnitError, did_you_mean
from krogh.line.problem import (
    Curve,
    LineProblem,
    Mobile,
    fluid_velocity,
    per_line,
    shape_lengths,
    split_values,
    value_and_unit,
)
from krogh.line.supply import curves_only, molar_conversion, supply_of
from krogh.model import Model
from krogh.model.compile import CompiledModel
from krogh.model.parts import joined
from krogh.space import Shape
from krogh.units import dimension, factor

__all__ = [
    "compiled_pair",
    "given_curves",
    "line_count",
    "line_problem",
    "mobile_of",
    "packed",
    "require_field_names",
    "require_span",
    "size_of",
    "tumour_volume_of",
]

Floats = NDArray[np.float64]


def compiled_pair(tissue: Any, systemic: Any) -> tuple[CompiledModel, CompiledModel | None]:
    """Return both models compiled.

    Raises
    ------
    SpecError
        KG-101 for something that is no model, KG-112 for a tissue without transport or with events,
        KG-115 where a parameter is defined differently in both, KG-162 for species in both.
    """
    models: list[CompiledModel] = []
    for what, given in (("tissue", tissue), ("systemic", systemic)):
        if given is None and what == "systemic":
            continue
        if not isinstance(given, (Model, CompiledModel)):
            raise SpecError(
                f"KG-101: the {what} model must be a Model, not {type(given).__name__}."
            )
        models.append(given if isinstance(given, CompiledModel) else given.compile())
    first = models[0].model
    if not first.transports:
        raise SpecError(
            f"KG-112: no species of model {first.name!r} moves; a tissue model needs a Transport"
            " for each species that does.  A point is solved by krogh.simulate."
        )
    if first.events:
        raise SpecError(
            f"KG-112: model {first.name!r} has events ({', '.join(first.events)}); along a line"
            " only the systemic model may have some."
        )
    if first.dose_inputs:
        name = next(iter(first.dose_inputs))
        raise SpecError(
            f"KG-162: model {first.name!r} doses into the tissue species {name!r}; doses go into"
            " the systemic model."
        )
    if len(models) == 1:
        return models[0], None
    second = models[1].model
    if second.transports:
        raise SpecError(
            f"KG-162: the systemic model {second.name!r} has transports"
            f" ({', '.join(second.transports)}); they belong to the tissue."
        )
    for name in first.species:
        if name in second.species:
            raise SpecError(f"KG-162: {name!r} is a species of both models; rename one of them.")
    shared = [
        c
        for c in (*second.components, *first.components)
        if getattr(c, "name", None) in _parameters(first) & _parameters(second)
        and c.what in ("parameter", "covariate")
    ]
    joined(shared)  # KG-115 where they differ
    return models[0], models[1]


def _parameters(model: Model) -> set[str]:
    return {*model.parameters, *model.covariates}


def line_count(
    lines: int | None, values: Mapping[str, Any], fields: Mapping[str, Any], others: list[Any]
) -> int:
    """Return the number of lines: as stated, or as the longest array says.

    Raises
    ------
    SpecError
        KG-163 for a number that is none, or where lengths disagree.
    """
    found: dict[int, str] = {}
    for name, value in values.items():
        size = size_of(value)
        if size is not None:
            found.setdefault(size, f"values of {name!r}")
    for name, value in fields.items():
        numbers = value[0] if isinstance(value, tuple) else value
        if not callable(numbers) and np.ndim(numbers) == 2:
            found.setdefault(int(np.shape(numbers)[0]), f"the field {name!r}")
    for what, value in others:
        size = value if isinstance(value, int) else size_of(value)
        if size is not None:
            found.setdefault(size, what)
    found.pop(1, None)
    if lines is not None:
        if isinstance(lines, bool) or not isinstance(lines, (int, np.integer)) or lines < 1:
            raise SpecError(f"KG-163: lines must be a positive whole number, not {lines!r}.")
        found.setdefault(int(lines), "lines")
    if len(found) > 1:
        listed = ", ".join(f"{what} {n}" for n, what in found.items())
        raise SpecError(f"KG-163: numbers of lines disagree: {listed}.")
    return next(iter(found), 1)


def size_of(value: Any) -> int | None:
    """Return how many lines an array of values speaks of; None for one value for all."""
    if value is None or isinstance(value, str):
        return None
    numbers: Any = value[0] if isinstance(value, tuple) and len(value) == 2 else value
    numbers = getattr(numbers, "magnitude", numbers)
    return int(np.shape(numbers)[0]) if np.ndim(numbers) == 1 else None


def line_problem(
    tissue: CompiledModel,
    systemic: CompiledModel | None,
    shape: Any,
    *,
    count: int,
    values: Mapping[str, Any],
    fields: Mapping[str, Any],
    tumour_volume: Any,
    plasma: Mapping[str, Any] | None,
    velocity: Any,
) -> tuple[LineProblem, tuple[dict[str, Any], dict[str, Any]]]:
    """Return the problem, and the values that concern the tissue and the systemic model.

    Raises
    ------
    SpecError, UnitError
        For everything that does not fit.
    """
    if not isinstance(shape, Shape) or type(shape) is Shape:
        raise SpecError(
            "KG-161: the shape must be a Cylinder, Sphere or Slab of krogh.space, Several of them,"
            f" or a Capillary, not {type(shape).__name__}."
        )
    of_tissue, of_plasma, of_shape = split_values(values, tissue, systemic, shape)
    require_field_names(fields, tissue, values)
    lengths = shape_lengths(shape, of_shape, count)
    nominal = {
        name: 0.0 for name in fields if np.isnan(tissue.nominal[tissue.parameter_index(name)])
    }
    problem = LineProblem(
        tissue=tissue,
        systemic=systemic,
        shape=shape,
        count=count,
        lengths=lengths,
        parameters=packed(tissue, nominal | of_tissue, count),
        plasma_parameters=(
            np.zeros((1, 0)) if systemic is None else packed(systemic, of_plasma, count)
        ),
        mobiles=(),
        curves=given_curves(tissue, plasma or {}, systemic, count),
        volume=tumour_volume_of(tumour_volume, systemic, count),
    )
    for transport in tissue.model.transports.values():
        if transport.vessel_factor is not None:
            raise SpecError(
                f"KG-164: the {transport.label} has the vessel factor"
                f" {transport.vessel_factor!r}; a line has one vessel, which is there.  It serves"
                " krogh.simulate_volume and krogh.line.well_mixed."
            )
    problem.flow = fluid_velocity(velocity, problem)
    problem.fields = {name: _field(problem, name, given) for name, given in fields.items()}
    problem.mobiles = tuple(
        mobile_of(problem, name) for name in tissue.model.transports
    )  # fmt: skip
    return problem, (of_tissue, of_plasma)


def packed(c: CompiledModel, values: Mapping[str, Any], count: int) -> Floats:
    """Return parameters, one row where nothing differs."""
    arrays = any(size_of(v) is not None for v in values.values())
    return c.pack(values, count if arrays and count > 1 else None)


def require_field_names(
    fields: Mapping[str, Any], tissue: CompiledModel, values: Mapping[str, Any]
) -> None:
    """Raise SpecError KG-103 for a field that is no parameter, KG-163 for one given twice."""
    known = tissue.parameter_names[: tissue.num_model_parameters]
    for name in fields:
        if name not in known:
            raise SpecError(
                f"KG-103: fields: {name!r} is no parameter of the tissue model"
                f" {tissue.model.name!r}.{did_you_mean(str(name), known)}"
            )
        if name in values:
            raise SpecError(f"KG-163: {name!r} is given twice, by values and by fields.")


def _field(problem: LineProblem, name: str, given: Any) -> Floats:
    """Return a field in internal units, shape (1 or count, cells)."""
    c, m = problem.tissue, problem.cells
    what = f"the field {name!r}"
    unit = c.parameter_units[c.parameter_index(name)] or "1"
    stated: str | None = None
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], str):
        given, stated = given
    if callable(given):
        distance = problem.shape.distance_of(problem.faces)
        given = given(distance[0] if distance.shape[0] == 1 else distance)
    numbers, _ = value_and_unit(given if stated is None else (given, stated), what, unit)
    try:
        array = np.asarray(numbers, dtype=np.float64)
    except (TypeError, ValueError):
        raise SpecError(f"KG-163: {what} needs numbers, not {str(numbers)[:40]!r}.") from None
    if array.ndim == 0:
        array = np.full(m, float(array))
    if array.ndim not in (1, 2) or array.shape[-1] != m or (
        array.ndim == 2 and array.shape[0] not in (1, problem.count)
    ):  # fmt: skip
        raise SpecError(
            f"KG-163: {what} has shape {array.shape}; ({m},) or ({problem.count}, {m}) is needed:"
            " one value in every cell."
        )
    if not np.all(np.isfinite(array)):
        raise SpecError(f"KG-163: {what} is not finite everywhere.")
    item = c.model.parameters.get(name) or c.model.covariates.get(name)
    scaled = np.atleast_2d(array) * factor(unit)
    if item is not None:
        low, high = item.bounds
        wrong = ~((scaled >= low) & (scaled <= high))
        if np.any(wrong):
            value = np.atleast_2d(array)[wrong][0]
            raise SpecError(f"KG-108: {what} = {value:g} {unit} lies outside {item.range_text}.")
    return np.ascontiguousarray(scaled)


def tumour_volume_of(given: Any, systemic: CompiledModel | None, count: int) -> Floats | None:
    """Return the volume of the tumour, um^3, or None; SpecError KG-162 without a systemic model."""
    if given is None:
        return None
    if systemic is None:
        raise SpecError(
            "KG-162: tumour_volume says how much the plasma loses to the tumour; it needs"
            " systemic=...."
        )
    numbers, unit = value_and_unit(given, "tumour_volume", "um^3")
    if unit is None:
        raise UnitError("KG-124: tumour_volume needs its unit: '0.2 mL' or (array, 'mL').")
    volume = per_line(numbers, count, "tumour_volume")
    if not np.all(np.isfinite(volume) & (volume > 0.0)):
        raise SpecError(f"KG-108: tumour_volume must be positive, found {given!r}.")
    return volume


def given_curves(
    tissue: CompiledModel,
    plasma: Mapping[str, Any],
    systemic: CompiledModel | None,
    count: int,
    *,
    beside: bool = False,
) -> dict[str, Curve]:
    """Return given plasma curves; SpecError KG-162, KG-165 for what does not fit.

    Parameters
    ----------
    beside
        Whether curves of what the systemic model does not have may stand beside it.
    """
    if plasma and systemic is not None and beside:
        model = systemic.model
        for name in plasma:
            if name in model.species or name in model.analysis.definitions or name in model.outputs:
                raise SpecError(
                    f"KG-162: plasma {name!r} is given as a curve, but the systemic model"
                    f" {model.name!r} has it; leave the curve out, or rename one of them."
                )
    elif plasma and systemic is not None:
        raise SpecError(
            "KG-162: give either plasma curves or a systemic model; the curve of a model comes from"
            " the model."
        )
    curves_only(tissue.model, plasma)
    found: dict[str, Curve] = {}
    for name, given in plasma.items():
        if not isinstance(given, tuple) or len(given) != 3:
            raise SpecError(
                f"KG-165: plasma {name!r} must be (times, values, unit), with times such as"
                " ([0, 1], 'h')."
            )
        times, values, unit = given
        found[name] = _curve(name, times, values, str(unit), count)
    return found


def _curve(name: str, times: Any, values: Any, unit: str, count: int) -> Curve:
    what = f"plasma {name!r}"
    if isinstance(times, tuple) and len(times) == 2 and isinstance(times[1], str):
        seconds, _ = value_and_unit(times, f"the times of {what}", "s")
        at = np.asarray(seconds, dtype=np.float64).reshape(-1)
    else:
        from krogh.schedule import seconds_of

        if any(not isinstance(t, str) for t in np.asarray(times, dtype=object).reshape(-1)):
            raise SpecError(f"KG-165: the times of {what} need a unit: ([0, 1], 'h').")
        at = np.array([seconds_of(t, f"the times of {what}") for t in times])
    numbers = np.atleast_2d(np.asarray(values, dtype=np.float64))
    if numbers.ndim != 2 or numbers.shape[1] != at.size or numbers.shape[0] not in (1, count):
        raise SpecError(
            f"KG-165: {what} has {at.size} times and values of shape {np.shape(values)}."
        )
    if at.size < 2 or not np.all(np.diff(at) > 0.0):
        raise SpecError(f"KG-165: the times of {what} must increase, and be two at least.")
    if not np.all(np.isfinite(numbers)) or not np.all(np.isfinite(at)):
        raise SpecError(f"KG-165: {what} is not finite everywhere.")
    if np.any(numbers < 0.0):
        raise SpecError(f"KG-165: {what} is negative; concentrations are not.")
    return Curve(at, numbers * factor(unit), unit)


def require_span(problem: LineProblem, begin: float, end: float) -> None:
    """Raise SpecError KG-165 for a given curve that does not cover the run."""
    for name, curve in problem.curves.items():
        if curve.times[0] > begin or curve.times[-1] < end:
            raise SpecError(
                f"KG-165: plasma {name!r} is given from {curve.times[0] / 3600:g} h to"
                f" {curve.times[-1] / 3600:g} h, the run goes from {begin / 3600:g} h to"
                f" {end / 3600:g} h; a curve is not extended."
            )


def mobile_of(problem: LineProblem, name: str) -> Mobile:
    """Return a species that moves, and what is outside for it; SpecError KG-162 where it lacks."""
    tissue, systemic = problem.tissue, problem.systemic
    transport = tissue.model.transports[name]
    state = tissue.state_index(name)
    if transport.plasma is None:
        return Mobile(state, transport)
    if systemic is not None and transport.plasma not in problem.curves:
        two_way = problem.volume is not None
        return Mobile(
            state, transport, supply=supply_of(transport, tissue, systemic, two_way=two_way)
        )
    if transport.plasma not in problem.curves:
        raise SpecError(
            f"KG-162: the {transport.label} takes {transport.plasma!r} from the plasma; give"
            f" systemic=... or plasma={{{transport.plasma!r}: (times, values, unit)}}."
        )
    curve = problem.curves[transport.plasma]
    where = f"{transport.label}, plasma {transport.plasma!r}"
    per = molar_conversion(transport, tissue, None, None, dimension(curve.unit), where)
    return Mobile(state, transport, curve=transport.plasma, per_curve=per)
