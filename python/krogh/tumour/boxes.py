"""Boxes of tissue: with generated vessels, and around measured ones.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, did_you_mean
from krogh.library.catalog import tumour as tumour_of_name
from krogh.library.tumour_spec import Tumour
from krogh.space.grid import Grid
from krogh.tumour.volume import Tumour3D
from krogh.units import format_number
from krogh.vessels import VesselNetwork, read
from krogh.vessels import generate as vessels_by
from krogh.vessels.checks import length_um, lengths_um

__all__ = ["cells_of", "from_vessels", "generate", "recipe_of"]

Floats = NDArray[np.float64]

_PATTERNS: Final = ("poisson", "lattice", "hexagonal", "tree", "percolation")
_WHOLE: Final = 1e-9
"""By how much a box may miss a whole number of voxels, relative."""


def generate(
    antigen: Any = "HER2 3+",
    *,
    size: Any = "1 mm",
    spacing: Any = "10 um",
    vessel_density: Any = None,
    pattern: str = "poisson",
    diameter: Any = None,
    seed: int = 0,
    axes: str | None = None,
    **values: Any,
) -> Tumour3D:
    """Return a box of tissue with generated vessels.

    Parameters
    ----------
    antigen
        Tumour of the library, by name or as it is, from which cells, targets and what is left out
        here are taken.
    size
        Of the box: ``"1 mm"``, or x, y and z; whole voxels.
    spacing
        Of the voxels: ``"10 um"``, or x, y and z.
    vessel_density
        Length per volume, ``"57 mm/mm^3"``, or number per area; that of the tumour's cylinder,
        1/(pi R^2), if left out.
    pattern
        ``"poisson"`` (straight vessels at random places), ``"lattice"``, ``"hexagonal"``,
        ``"tree"`` (an artery and a vein that grow together) or ``"percolation"``; see
        `krogh.vessels.generate`.
    diameter
        Of the vessels, of a tree that of its tips; twice the inner radius of the tumour's cylinder
        if left out.
    seed
        A whole number; lattices draw nothing.
    axes
        Along which the straight vessels of ``"poisson"`` and ``"lattice"`` (``"xyz"`` if left out)
        and ``"hexagonal"`` (``"z"``, or one other) run.
    **values
        Further values as of ``Tumour.with_values``: ``cell_density``, ``receptors_per_cell``, ...

    Raises
    ------
    SpecError
        KG-103 an unknown tumour, pattern or value; KG-147 a tumour of another geometry; KG-166 a
        box that is no whole number of voxels.
    DataError
        KG-185 as of the generators.
    """
    given = {"size": size, "spacing": spacing, "vessel_density": vessel_density}
    given |= {"pattern": pattern, "diameter": diameter, "seed": seed, "axes": axes}
    tumour = cells_of(antigen, values)
    grid = _grid(lengths_um(size, "size"), lengths_um(spacing, "spacing"), np.zeros(3), exact=True)
    if vessel_density is None:
        radius = length_um(tumour.values["outer_radius"].value, "outer_radius")
        vessel_density = f"{1.0 / (np.pi * radius**2)!r} 1/um^2"
    if diameter is None:
        inner = length_um(tumour.values["inner_radius"].value, "inner_radius")
        diameter = f"{2.0 * inner!r} um"
    if axes is None:
        axes = "z" if pattern == "hexagonal" else "xyz"
    box = tuple(f"{float(length)!r} um" for length in grid.spacing * grid.shape[::-1])
    if pattern == "poisson":
        network = vessels_by.poisson(box, vessel_density, diameter=diameter, seed=seed, axes=axes)
    elif pattern in ("lattice", "hexagonal"):
        kind = "square" if pattern == "lattice" else pattern
        network = vessels_by.lattice(
            box, vessel_density, diameter=diameter, pattern=kind, axes=axes
        )
    elif pattern == "tree":
        network = vessels_by.space_colonization(box, vessel_density, diameter=diameter, seed=seed)
    elif pattern == "percolation":
        network = vessels_by.percolation(box, vessel_density, diameter=diameter, seed=seed)
    else:
        raise SpecError(
            f"KG-103: there is no pattern {pattern!r} of vessels."
            f"{did_you_mean(str(pattern), _PATTERNS)}  There are {', '.join(_PATTERNS)}."
        )
    return Tumour3D(tumour, grid, network, recipe=recipe_of("generate", given))


def from_vessels(
    vessels: Any,
    antigen: Any = "HER2 3+",
    *,
    spacing: Any = "10 um",
    grid: Grid | None = None,
    kernel_radius: str | None = None,
    **values: Any,
) -> Tumour3D:
    """Return the tissue around measured vessels.

    Parameters
    ----------
    vessels
        A `krogh.vessels.VesselNetwork`, or the path of a file that `krogh.vessels.read` reads.
    antigen
        Tumour of the library, by name or as it is, from which cells and targets are taken.
    spacing
        Of the voxels: ``"10 um"``, or x, y and z.  They fill the network's box, rounded up.
    grid
        Other voxels in its place.
    kernel_radius
        ``"20 um"``: over which the exchange of vessels that are thinner than voxels is spread, so
        that it does not depend on the grid; two voxels are a good choice for drugs of high
        permeability.  Left out, it lies in the voxels that the vessels cross.
    **values
        Further values as of ``Tumour.with_values``.

    Raises
    ------
    SpecError
        KG-103 an unknown tumour or value; KG-147 a tumour of another geometry.
    DataError
        As of the readers.
    """
    network = read(vessels) if isinstance(vessels, (str, Path)) else vessels
    if not isinstance(network, VesselNetwork):
        raise SpecError(
            "KG-166: from_vessels takes a krogh.vessels.VesselNetwork or the path of a file, not"
            f" {type(network).__name__}."
        )
    tumour = cells_of(antigen, values)
    if grid is None:
        low, high = network.tissue_box
        step = lengths_um(spacing, "spacing")
        grid = _grid(np.maximum(high - low, step), step, low, exact=False)
        given = {"vessels": vessels, "spacing": spacing, "kernel_radius": kernel_radius}
        recipe = recipe_of("from_vessels", given, ("vessels",))
        return Tumour3D(tumour, grid, network, recipe=recipe, kernel_radius=kernel_radius)
    return Tumour3D(tumour, grid, network, kernel_radius=kernel_radius)


def recipe_of(
    function: str, given: Mapping[str, Any], files: Sequence[str] = ()
) -> dict[str, Any] | None:
    """Return name and arguments of a function as plain data, None where they are none.

    What is None is left out.

    Parameters
    ----------
    files
        Arguments that may be paths; those of files that are there become absolute.
    """
    found: dict[str, Any] = {"kind": function}
    for name, value in given.items():
        if value is None:
            continue
        if isinstance(value, Path):
            found[name] = str(value.resolve())
        elif isinstance(value, (str, bool, int, float)):
            found[name] = value
        elif isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value):
            found[name] = list(value)
        else:
            return None
    for name in files:
        if name in found and isinstance(found[name], str) and Path(found[name]).exists():
            found[name] = str(Path(found[name]).resolve())
    return found


def cells_of(given: Any, values: Mapping[str, Any]) -> Tumour:
    """Return the tumour of the library whose cells fill a box, with other values.

    Raises
    ------
    SpecError
        KG-103 for an unknown name, KG-147 for a tumour of another geometry than a cylinder.
    """
    tumour = given if isinstance(given, Tumour) else tumour_of_name(given)
    if tumour.geometry != "cylinder":
        raise SpecError(
            f"KG-147: tumour {tumour.name!r} is a {tumour.geometry}; a box with vessels takes cells"
            " and vessels from a tumour around a vessel."
        )
    return tumour.with_values(values) if values else tumour


def _grid(size: Floats, step: Floats, corner: Floats, *, exact: bool) -> Grid:
    """Return voxels over a box from its lower corner, um."""
    if not (np.all(np.isfinite(step)) and np.all(step > 0.0) and np.all(np.isfinite(size))):
        raise SpecError(f"KG-166: voxels of {step.tolist()} um in a box of {size.tolist()} um.")
    count = size / step
    whole = np.rint(count) if exact else np.ceil(count * (1.0 - _WHOLE))
    if np.any(whole < 1.0) or (exact and np.any(np.abs(count - whole) > _WHOLE * count)):
        axis = int(np.argmax(np.abs(count - whole)))
        raise SpecError(
            f"KG-166: a box of {format_number(float(size[axis]))} um along {'xyz'[axis]} is no"
            f" whole number of voxels of {format_number(float(step[axis]))} um."
        )
    x, y, z = (int(n) for n in whole)
    return Grid((z, y, x), (step, "um"), (corner + 0.5 * step, "um"))
