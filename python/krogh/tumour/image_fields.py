"""Receptors and cells of every voxel from stains, relative to their mean or in units.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError, SpecError, UnitError, did_you_mean
from krogh.io.image import Image, place_of
from krogh.library.tumour_spec import MOLECULES_PER_NM_LITER, Tumour
from krogh.space.grid import Grid
from krogh.tumour.coarse import Blocks
from krogh.tumour.image_parts import Parts
from krogh.units import convert, dimension, format_number, parse_quantity
from krogh.vessels.checks import length_um

__all__ = ["fields_of", "require_positive"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def fields_of(
    parts: Parts,
    cells: Tumour,
    target: Any,
    nuclei: Any,
    inside: Bools,
    blocks: Blocks,
    tissue: Bools,
    smoothing: Any,
    notes: list[str],
) -> dict[str, tuple[Floats, str]]:
    """Return what differs between voxels, by the name of the parameter."""
    own = parts.tissue & ~inside
    width = 0.0 if smoothing is None else length_um(smoothing, "smoothing")
    if not (np.isfinite(width) and width >= 0.0):
        raise SpecError(f"KG-108: smoothing must be a finite length, not {smoothing!r}.")

    def relative(image: Image) -> Floats:
        """Return values over their mean, by block."""
        image.require_finite(own)
        numbers = np.where(own, image.values, 0.0).astype(np.float64)
        require_positive(image, numbers, own)
        numbers = _smooth(numbers, own, width, parts.grid)
        mean = float(numbers[own].mean())
        if not mean > 0.0:
            raise DataError(f"KG-231: the {image.name} is 0 in the whole tissue.")
        return _filled(blocks.means(numbers, own) / mean, tissue)

    found: dict[str, tuple[Floats, str]] = {}
    density: Any = parse_quantity(cells.cell_density.value).to("cells/L")
    grown: Floats | None = None
    stained = parts.part("nuclei", nuclei)
    if stained is not None:
        if stained.unit:
            density = convert(
                _absolute(stained, own, "cells/mL", blocks, tissue, width), "cells/mL", "cells/L"
            )
            notes.append(f"cells per volume from {stained.name}")
        else:
            grown = relative(stained)
            density = density * grown
            notes.append(f"cells per volume from {stained.name}, relative to its mean")
        _require_cells(stained, density, tissue, blocks.grid)
        found["cell_density"] = (convert(density, "cells/L", "cells/mL"), "cells/mL")
    for name, image in _targets(parts, target).items():
        nominal = parse_quantity(cells.target_values(name)["target_density"].value).to("nM")
        if image is None:
            if stained is None:
                continue
            own_cells = parse_quantity(cells.cell_density.value).to("cells/L")
            found[f"target_density_{name}"] = (nominal * density / own_cells, "nM")
            notes.append(f"{name} goes with the cells")
        elif not image.unit:
            found[f"target_density_{name}"] = (nominal * relative(image), "nM")
            notes.append(
                f"{name} from {image.name}, relative to its mean, which is {nominal:.4g} nM"
            )
        elif dimension(image.unit) == dimension("nM"):
            found[f"target_density_{name}"] = (
                _absolute(image, own, "nM", blocks, tissue, width),
                "nM",
            )
            notes.append(f"{name} from {image.name}")
        else:
            number = _absolute(image, own, "molecules/cell", blocks, tissue, width)
            found[f"target_density_{name}"] = (number * density / MOLECULES_PER_NM_LITER, "nM")
            notes.append(f"{name} per cell from {image.name}")
    return found


def _targets(parts: Parts, given: Any) -> dict[str, Image | None]:
    """Return the images of targets by name; None where there is none."""
    names = parts.targets
    if isinstance(given, Mapping):
        for name in given:
            if name not in names:
                raise SpecError(
                    f"KG-103: the tumour has no target {name!r}.{did_you_mean(str(name), names)}"
                )
        return {n: parts.part("target", given[n]) if n in given else None for n in names}
    if len(names) == 1:
        return {names[0]: parts.part("target", given, names)}
    if given in (None, False):
        return {n: None if given is False else parts.part("target", None, (n,)) for n in names}
    raise SpecError(
        f"KG-112: the tumour has {len(names)} targets ({', '.join(names) or 'none'}); say which one"
        f" it is: target={{{names[0] if names else 'name'!r}: ...}}."
    )


def _absolute(
    image: Image, own: Bools, unit: str, blocks: Blocks, tissue: Bools, width: float
) -> Floats:
    """Return an image with a unit by block, in another unit."""
    if dimension(image.unit) != dimension(unit):
        raise UnitError(f"KG-121: the {image.name} has the unit {image.unit!r}; needed: {unit!r}.")
    image.require_finite(own)
    numbers = convert(np.where(own, image.values, 0.0).astype(np.float64), image.unit, unit)
    require_positive(image, numbers, own)
    return _filled(blocks.means(_smooth(numbers, own, width, blocks.fine), own), tissue)


def _smooth(values: Floats, chosen: Bools, width: float, grid: Grid) -> Floats:
    """Return the Gaussian mean over the chosen voxels around each."""
    if width == 0.0:
        return values
    from scipy.ndimage import gaussian_filter

    steps = grid.spacing[::-1]
    widths = [width / s if n > 1 else 0.0 for s, n in zip(steps, grid.shape, strict=True)]
    weight = gaussian_filter(chosen.astype(np.float64), widths, mode="constant")
    total = gaussian_filter(np.where(chosen, values, 0.0), widths, mode="constant")
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(chosen, total / weight, 0.0)


def _filled(values: Floats, tissue: Bools) -> Floats:
    """Return values with those of tissue whose own voxels are all vessels from the nearest one.

    Outside of the tissue, where nothing is computed, they are 0.
    """
    known = np.isfinite(values)
    lacking = tissue & ~known
    if lacking.any():
        from scipy.ndimage import distance_transform_edt

        near = distance_transform_edt(~known, return_distances=False, return_indices=True)
        values = np.where(lacking, values[tuple(near)], values)
    return np.where(tissue, values, 0.0)


def require_positive(image: Image, numbers: Floats, chosen: Bools) -> None:
    """Raise DataError KG-231 for a negative value, with its voxel."""
    wrong = chosen & ~(numbers >= 0.0)
    if wrong.any():
        where = np.argwhere(wrong)[0]
        raise DataError(
            f"KG-231: the {image.name} is {format_number(float(image.values[tuple(where)]))} at"
            f" {place_of(image.grid, where)}; a density cannot be negative."
        )


def _require_cells(image: Image, density: Floats, tissue: Bools, grid: Grid) -> None:
    """Raise DataError KG-231 for tissue without cells, with its voxel."""
    empty = tissue & ~(density > 0.0)
    if empty.any():
        where = np.argwhere(empty)[0]
        raise DataError(
            f"KG-231: by the {image.name} there are no cells at {place_of(grid, where)}, and in"
            f" {int(empty.sum()) - 1:,} more voxels.\n  Give smoothing='20 um' (the width of a"
            " neighborhood that holds cells), a wider spacing, or a mask that leaves them out."
        )
