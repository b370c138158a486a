"""From models, a grid and what the user stated to a volume problem.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, did_you_mean
from krogh.line.assembly import (
    given_curves,
    mobile_of,
    packed,
    require_field_names,
    size_of,
    tumour_volume_of,
)
from krogh.line.problem import split_values, value_and_unit
from krogh.model.compile import CompiledModel
from krogh.space.box import OUTSIDE, SIDES, region_labels, require_pairs, sides_named
from krogh.space.grid import Grid
from krogh.units import factor
from krogh.volume.exchange import Exchange, exchange_of, exchange_rates
from krogh.volume.interfaces import membranes_of
from krogh.volume.places import anisotropy_of, partition_of
from krogh.volume.problem import VolumeProblem, VoxelShape
from krogh.volume.turns import flows_of, passed_by, turn_problem

__all__ = ["volume_problem"]

Floats = NDArray[np.float64]

_KINDS: Final = ("closed", "periodic", "fixed", "membrane", "open")


def volume_problem(
    tissue: CompiledModel,
    systemic: CompiledModel | None,
    grid: Any,
    *,
    values: Mapping[str, Any],
    fields: Mapping[str, Any],
    exchange: Any,
    regions: Any,
    sides: Any,
    tumour_volume: Any,
    plasma: Mapping[str, Any] | None,
    flow: Any = None,
    interfaces: Any = None,
    partition: Any = None,
    anisotropy: Any = None,
    begin: float = 0.0,
) -> tuple[VolumeProblem, tuple[dict[str, Any], dict[str, Any]], Exchange]:
    """Return the problem, the values that concern tissue and systemic model, and the vessels.

    Raises
    ------
    SpecError, UnitError
        For everything that does not fit.
    """
    if not isinstance(grid, Grid):
        raise SpecError(
            "KG-166: a volume needs a krogh.space.Grid, such as Grid((32, 32, 32), '10 um'), not"
            f" {type(grid).__name__}."
        )
    shape = VoxelShape(grid)
    of_tissue, of_plasma, _ = split_values(values, tissue, systemic, shape)  # type: ignore[arg-type]
    for name, value in values.items():
        if size_of(value) is not None:
            raise SpecError(
                f"KG-163: values: {name!r} is an array; a volume is one tumour.  What differs"
                " between voxels or regions goes into fields={...}."
            )
    require_field_names(fields, tissue, values)
    labels = np.zeros(grid.shape, dtype=np.uint8)
    if regions is not None:
        labels = region_labels(regions, grid, "KG-166")
    vessels = exchange_of(exchange, grid)
    of_tumour = np.count_nonzero(labels != OUTSIDE)
    if vessels.lumen is not None and np.any(vessels.lumen):
        labels = np.where(vessels.lumen, np.uint8(OUTSIDE), labels)
    inside = np.flatnonzero(labels.reshape(-1) != OUTSIDE)
    if not inside.size:
        raise SpecError("KG-166: every voxel lies outside of the tissue (255); nothing is left.")
    nominal = {
        name: 0.0 for name in fields if np.isnan(tissue.nominal[tissue.parameter_index(name)])
    }
    problem = VolumeProblem(
        tissue=tissue,
        systemic=systemic,
        shape=shape,  # type: ignore[arg-type]
        count=1,
        lengths={},
        parameters=packed(tissue, nominal | of_tissue, 1),
        plasma_parameters=(
            np.zeros((1, 0)) if systemic is None else packed(systemic, of_plasma, 1)
        ),
        mobiles=(),
        curves=given_curves(tissue, plasma or {}, systemic, 1, beside=True),
        volume=tumour_volume_of(tumour_volume, systemic, 1),
        grid=grid,
        inside=inside,
        num_lumen=int(of_tumour - inside.size),
        labels=labels.reshape(-1)[inside],
    )
    fluids = tuple((turn, turn.checked(grid, labels != OUTSIDE)) for turn in flows_of(flow))
    problem.sides = _sides(sides, grid, passed_by([fluid for _, fluid in fluids]))
    own = problem.labels
    problem.fields = {
        name: _field(problem, name, given, own, regions is not None)
        for name, given in fields.items()
    }
    problem.mobiles = tuple(mobile_of(problem, name) for name in tissue.model.transports)
    problem.membranes = membranes_of(problem, interfaces)
    problem.partition = partition_of(problem, partition)
    problem.anisotropy = anisotropy_of(problem, anisotropy)
    problem.rates, problem.exchanges, problem.notes = exchange_rates(problem, vessels)
    if fluids:
        turn_problem(problem, fluids, problem.rates, begin)
    _require_supply(problem)
    return problem, (of_tissue, of_plasma), vessels


def _sides(given: Any, grid: Grid, passed: tuple[bool, ...]) -> tuple[str, ...]:
    """Return the kind of every side; those not stated are open where fluid passes, else closed."""
    if given is None:
        given = {}
    if isinstance(given, str):
        given = dict.fromkeys("xyz", given)
    if not isinstance(given, Mapping):
        raise SpecError(
            "KG-166: sides must be a word for all, or a mapping such as"
            f" {{'x low': 'membrane', 'y': 'periodic'}}; found {given!r}."
        )
    found = {s: "open" if passes else "closed" for s, passes in zip(SIDES, passed, strict=True)}
    for name, kind in given.items():
        chosen = sides_named(name, "KG-166")
        if kind not in _KINDS:
            raise SpecError(
                f"KG-166: a side is {', '.join(_KINDS)}, not {kind!r}."
                f"{did_you_mean(str(kind), _KINDS)}"
            )
        for side in chosen:
            if kind == "closed" and passed[SIDES.index(side)]:
                raise SpecError(
                    f"KG-166: the side {side!r} is closed, but fluid passes it; make it 'open',"
                    " 'fixed' or 'membrane', or close it for the fluid too."
                )
            found[side] = str(kind)
    require_pairs(found, grid, "KG-166")
    return tuple(found[s] for s in SIDES)


def _field(
    problem: VolumeProblem, name: str, given: Any, labels: NDArray[np.uint8], by_region: bool
) -> Floats:
    """Return a field in internal units in the voxels inside, shape (1, cells)."""
    c = problem.tissue
    what = f"the field {name!r}"
    unit = c.parameter_units[c.parameter_index(name)] or "1"
    numbers, _ = value_and_unit(given, what, unit)
    try:
        array = np.asarray(numbers, dtype=np.float64)
    except (TypeError, ValueError):
        raise SpecError(f"KG-166: {what} needs numbers, not {str(numbers)[:40]!r}.") from None
    regions = int(labels.max()) + 1
    if array.shape == problem.grid.shape:
        own = array.reshape(-1)[problem.inside]
    elif by_region and array.ndim == 1 and array.size >= regions:
        own = array[labels]
    else:
        more = f", or ({regions},): one value for each region" if by_region else ""
        raise SpecError(
            f"KG-166: {what} has shape {array.shape}; {problem.grid.shape} (z, y, x){more} is"
            " needed."
        )
    scaled = own * factor(unit)
    if not np.all(np.isfinite(scaled)):
        raise SpecError(f"KG-166: {what} is not finite in every voxel of the tissue.")
    item = c.model.parameters.get(name) or c.model.covariates.get(name)
    if item is not None:
        low, high = item.bounds
        wrong = ~((scaled >= low) & (scaled <= high))
        if np.any(wrong):
            raise SpecError(
                f"KG-108: {what} = {own[wrong][0]:g} {unit} lies outside {item.range_text}."
            )
    return np.ascontiguousarray(scaled[None, :])


def _require_supply(problem: VolumeProblem) -> None:
    """Raise SpecError KG-166 where a supply is given that no species can take."""
    for side, kind in zip(SIDES, problem.sides, strict=True):
        if kind == "membrane" and all(m.transport.permeability is None for m in problem.mobiles):
            raise SpecError(
                f"KG-166: the side {side!r} is a membrane, but no transport has a permeability."
            )
