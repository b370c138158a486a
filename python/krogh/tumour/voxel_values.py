"""What differs between the voxels of a lesion: images as values of parameters, checked.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError, SpecError, UnitError, did_you_mean
from krogh.io.image import Image, place_of
from krogh.library.tumour_spec import MOLECULES_PER_NM_LITER
from krogh.space.grid import Grid
from krogh.units import Quantity, convert, factor, parse_quantity, require_dimension

if TYPE_CHECKING:
    from krogh.study.study import Study

__all__ = ["VoxelValues", "voxel_values"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class VoxelValues:
    """Values of the voxels of a mask.

    Attributes
    ----------
    grid
        Of all images.
    chosen
        Voxels that are computed, numbers in the flat order of the grid, shape (n,).
    labels
        Of the mask, shape (n,).
    values
        By name of a parameter or length: (array (n,), unit).
    """

    grid: Grid
    chosen: NDArray[np.int64]
    labels: NDArray[np.int64]
    values: dict[str, tuple[Floats, str]]

    @property
    def count(self) -> int:
        """Number of voxels."""
        return int(self.chosen.size)

    def part(self, start: int, stop: int) -> dict[str, Any]:
        """Return the values of some voxels, as `krogh.simulate_line` takes them."""
        return {n: (v[start:stop], unit) for n, (v, unit) in self.values.items()}


def voxel_values(
    study: Study,
    *,
    vessel_density: Any,
    permeability: Any,
    receptors_per_cell: Any,
    target_density: Any,
    cell_density: Any,
    values: Mapping[str, Any],
    mask: Any,
    grid: Grid | None,
) -> VoxelValues:
    """Return what `lesion_map` is given as values of parameters.

    Raises
    ------
    DataError, SpecError, UnitError
        As of `lesion_map`.
    """
    given = _by_parameter(
        study, permeability, receptors_per_cell, target_density, cell_density, values
    )
    if vessel_density is not None:
        if "outer_radius" in given:
            raise SpecError(
                "KG-112: 'vessel_density' and 'outer_radius' state the same; give one of them."
            )
        given["vessel_density"] = ("vessel density", vessel_density, "1/mm^2")
    place = _common_grid(given, mask, grid)
    labels = _labels(mask, place)
    chosen = np.flatnonzero(labels)
    found: dict[str, tuple[Floats, str]] = {}
    for name, (what, value, unit) in given.items():
        found[name] = _numbers(what, value, unit, place, chosen)
    _receptors(study, found, place, chosen)
    _radii(study, found, place, chosen)
    _require_bounds(study, found, place, chosen)
    return VoxelValues(place, chosen, labels.ravel()[chosen], found)


# --- names ----------------------------------------------------------------------------------------


def _by_parameter(
    study: Study,
    permeability: Any,
    receptors_per_cell: Any,
    target_density: Any,
    cell_density: Any,
    values: Mapping[str, Any],
) -> dict[str, tuple[str, Any, str]]:
    """Return by name of the parameter: what it is in words, what is given, and its unit."""
    systemic, tissue = study.models
    known = [*tissue.parameters, "inner_radius", "outer_radius"]
    found: dict[str, tuple[str, Any, str]] = {}

    def put(name: str, what: str, value: Any) -> None:
        if name in found:
            raise SpecError(f"KG-112: {name!r} is given twice.")
        own = tissue.parameters.get(name)
        unit = "um" if own is None else (own.unit or "")
        found[name] = (what, value, unit)

    for name, value in values.items():
        if name in systemic.parameters and name not in tissue.parameters:
            raise SpecError(
                f"KG-112: {name!r} belongs to the plasma, and all voxels share one patient's."
            )
        if name not in known:
            raise SpecError(
                f"KG-103: values: the tissue has no parameter {name!r}."
                f"{did_you_mean(str(name), known)}"
            )
        put(name, name, value)
    for drug, value in _per(permeability, study, "permeability", _drug_names(study)).items():
        for label in (drug, f"{drug}_naked"):
            if f"permeability_{label}" in tissue.parameters:
                put(f"permeability_{label}", "permeability", value)
    targets = {t: (t,) for t in _targets(study)}
    for target, value in _per(target_density, study, "target_density", targets).items():
        put(f"target_density_{target}", "target density", value)
    for target, value in _per(receptors_per_cell, study, "receptors_per_cell", targets).items():
        if f"target_density_{target}" in found:
            raise SpecError(
                "KG-112: 'receptors_per_cell' and 'target_density' state the same; give one."
            )
        found[f"receptors {target}"] = ("receptors per cell", value, "molecules/cell")
    if cell_density is not None:
        if "cell_density" not in tissue.parameters and not receptors_per_cell:
            raise SpecError("KG-103: nothing in this study depends on the density of cells.")
        found["cell_density"] = ("cell density", cell_density, "cells/mL")
    return found


def _drug_names(study: Study) -> dict[str, tuple[str, ...]]:
    return {d.label: (d.label, d.name, *d.aliases) for d in study.drugs}


def _targets(study: Study) -> list[str]:
    found = [d.target for d in study.drugs if d.target]
    return list(dict.fromkeys(found))


def _per(
    given: Any, study: Study, what: str, names: Mapping[str, tuple[str, ...]]
) -> dict[str, Any]:
    """Return what is given for each drug or target by label."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        if len(names) != 1:
            raise SpecError(
                f"KG-112: {what}: this study has {len(names)} of them"
                f" ({', '.join(names) or 'none'}); give a mapping by name."
            )
        return {next(iter(names)): given}
    found = {}
    for name, value in given.items():
        label = next((k for k, all_names in names.items() if name in all_names), None)
        if label is None:
            known = [n for all_names in names.values() for n in all_names]
            raise SpecError(
                f"KG-103: {what}: this study has no {name!r}.{did_you_mean(str(name), known)}"
            )
        found[label] = value
    return found


# --- places ---------------------------------------------------------------------------------------


def _common_grid(given: Mapping[str, tuple[str, Any, str]], mask: Any, grid: Grid | None) -> Grid:
    """Return the grid of all images; DataError KG-233 where they differ."""
    images = {what: value for what, value, _ in given.values() if isinstance(value, Image)}
    if isinstance(mask, Image):
        images = {"mask": mask, **images}
    name, place = "the grid", grid
    for what, image in images.items():
        if place is None:
            name, place = what, image.grid
        elif place is not image.grid:
            place.same_as(image.grid, (name, what))
    if place is None:
        raise DataError(
            "KG-231: where do the voxels lie?  Give images (krogh.io.read, krogh.io.Image), or"
            " arrays with grid=krogh.space.Grid(shape, spacing)."
        )
    return place


def _labels(mask: Any, grid: Grid) -> NDArray[np.int64]:
    """Return the labels of the mask, 1 everywhere without one."""
    if mask is None:
        return np.ones(grid.shape, dtype=np.int64)
    image = mask if isinstance(mask, Image) else Image(mask, grid, name="mask")
    image.mask()
    found = image.labels()
    if (found < 0).any():
        where = np.argwhere(found < 0)[0]
        raise DataError(
            f"KG-232: the {image.name} has the label {found[tuple(where)]} at"
            f" {place_of(grid, where)}; labels are 0 (outside) or positive."
        )
    return found


def _numbers(
    what: str, given: Any, unit: str, grid: Grid, chosen: NDArray[np.int64]
) -> tuple[Floats, str]:
    """Return values of the chosen voxels in their unit."""
    if isinstance(given, (str, Quantity)) or hasattr(given, "magnitude"):
        quantity = parse_quantity(given, f"the {what}")
        require_dimension(quantity.unit, unit or "1", f"the {what}")
        return np.full(chosen.size, quantity.to(unit or "1")), unit
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], str):
        given = Image(given[0], grid, given[1], name=what)
    if isinstance(given, np.ndarray) and not unit:
        given = Image(given, grid, name=what)
    if not isinstance(given, Image):
        raise UnitError(
            f"KG-124: the {what} needs a unit: an image with one, (array, {unit!r}), or text such"
            f" as '60 {unit}'."
        )
    if given.channels:
        raise DataError(
            f"KG-231: the {what} has channels ({', '.join(given.channels)}); take one of them:"
            f" image[{given.channels[0]!r}]."
        )
    require_dimension(given.unit or "1", unit or "1", f"the {what}")
    inside = np.zeros(grid.num_voxels, dtype=bool)
    inside[chosen] = True
    partial = chosen.size < grid.num_voxels
    given.renamed(what).require_finite(inside.reshape(grid.shape) if partial else None)
    numbers = given.values.reshape(-1)[chosen].astype(np.float64)
    return convert(numbers, given.unit or "1", unit or "1"), unit


# --- what follows from them -----------------------------------------------------------------------


def _receptors(
    study: Study,
    found: dict[str, tuple[Floats, str]],
    grid: Grid,
    chosen: NDArray[np.int64],
) -> None:
    """Replace receptors per cell by target densities: times cells per volume."""
    density = found.get("cell_density")
    if density is None:
        own = parse_quantity(study.tumour.cell_density.value)
        cells: Any = own.to("cells/L")
    else:
        cells = convert(density[0], density[1], "cells/L")
    for name in [n for n in found if n.startswith("receptors ")]:
        value = found.pop(name)
        found[f"target_density_{name.partition(' ')[2]}"] = (
            value[0] * cells / MOLECULES_PER_NM_LITER,
            "nM",
        )
    if density is not None and "cell_density" not in study.models[1].parameters:
        del found["cell_density"]


def _radii(
    study: Study,
    found: dict[str, tuple[Floats, str]],
    grid: Grid,
    chosen: NDArray[np.int64],
) -> None:
    """Replace the vessel density by the radius of Krogh's cylinder, 1/sqrt(pi N)."""
    shape = study.shape
    inner = found.get("inner_radius")
    inner_um = (
        np.full(chosen.size, shape.inner_radius.to("um"))
        if inner is None
        else convert(inner[0], inner[1], "um")
    )
    density = found.pop("vessel_density", None)
    if density is not None:
        number = convert(density[0], density[1], "1/um^2")
        wrong = np.flatnonzero(~(number > 0.0))
        if wrong.size:
            raise DataError(
                f"KG-231: the vessel density is {_shown(density, int(wrong[0]))} at"
                f" {_place(grid, chosen, int(wrong[0]))}{_more(wrong)}.  Tissue without vessels has"
                " no cylinder: leave these voxels out of the mask."
            )
        found["outer_radius"] = (1.0 / np.sqrt(np.pi * number), "um")
    outer = found.get("outer_radius")
    outer_um = (
        np.full(chosen.size, shape.outer_radius.to("um"))
        if outer is None
        else convert(outer[0], outer[1], "um")
    )
    wrong = np.flatnonzero(~(outer_um > inner_um))
    if wrong.size:
        first = int(wrong[0])
        cause = "" if density is None else f" (vessel density {_shown(density, first)})"
        raise DataError(
            f"KG-231: the tissue around a vessel of radius {inner_um[first]:.4g} um would reach to"
            f" {outer_um[first]:.4g} um only{cause} at {_place(grid, chosen, first)}{_more(wrong)}:"
            " the vessels would fill the voxel."
        )


def _require_bounds(
    study: Study,
    found: Mapping[str, tuple[Floats, str]],
    grid: Grid,
    chosen: NDArray[np.int64],
) -> None:
    """Raise DataError KG-231 for a value out of the range of its parameter."""
    _, tissue = study.models
    for name, value in found.items():
        own = tissue.parameters.get(name)
        if own is None:
            continue
        low, high = own.bounds
        scaled = value[0] * factor(value[1] or "1")
        wrong = np.flatnonzero(~((scaled >= low) & (scaled <= high)))
        if wrong.size:
            first = int(wrong[0])
            raise DataError(
                f"KG-231: {name} is {_shown(value, first)} at {_place(grid, chosen, first)}"
                f"{_more(wrong)}, outside of {own.range_text}."
            )


def _shown(value: Any, at: int) -> str:
    return f"{value[0][at]:.4g} {value[1]}".rstrip()


def _place(grid: Grid, chosen: NDArray[np.int64], at: int) -> str:
    return place_of(grid, np.unravel_index(int(chosen[at]), grid.shape))


def _more(wrong: NDArray[Any]) -> str:
    return "" if wrong.size == 1 else f", and at {wrong.size - 1:,} more voxels"
