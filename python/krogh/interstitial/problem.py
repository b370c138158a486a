"""What is stated about interstitial flow, as arrays over voxels in Pa, um and s.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, UnitError, did_you_mean
from krogh.interstitial.values import TissueFluid, fluid_of
from krogh.line.problem import value_and_unit
from krogh.space.box import OUTSIDE, SIDES, region_labels, require_pairs, sides_named
from krogh.space.grid import Grid

__all__ = ["UNITS", "FluidProblem", "fluid_problem"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

UNITS: Final = {
    "hydraulic_conductivity": "um^2/(Pa s)",
    "vascular_conductivity": "um/(Pa s)",
    "surface": "1/um",
    "vascular_pressure": "Pa",
    "oncotic_vascular": "Pa",
    "oncotic_interstitial": "Pa",
    "reflection": "1",
    "lymph_conductance": "1/(Pa s)",
    "lymph_pressure": "Pa",
}
_SIGNED: Final = frozenset(n for n in UNITS if "pressure" in n or "oncotic" in n)


@dataclass(frozen=True, eq=False)
class FluidProblem:
    """Values in voxels, (nz, ny, nx), Pa, um, s.

    Attributes
    ----------
    grid
        The voxels.
    inside
        Tissue: not outside, and not within vessels wider than voxels.
    conductivity
        K, along x, y and z: (3, nz, ny, nx).
    filtration_rate
        ``Lp S/V``, 1/(Pa s).
    filtration_pressure
        At which nothing passes the walls, ``p_v - sigma (pi_v - pi_i)``.
    lymph_rate, lymph_pressure
        Conductance of lymphatics and the pressure above which they drain.
    sides
        Of the box: ``"closed"``, ``"open"``, ``"periodic"``; and the pressures beyond open ones.
    outer_pressure
        Held at the faces between tissue and voxels outside of it; None: nothing passes.
    """

    grid: Grid
    inside: Bools
    conductivity: Floats
    filtration_rate: Floats
    filtration_pressure: Floats
    lymph_rate: Floats
    lymph_pressure: Floats
    sides: tuple[str, ...]
    side_pressures: tuple[float, ...]
    outer_pressure: float | None


def fluid_problem(
    grid: Any,
    vessels: Any,
    *,
    tissue: Any,
    regions: Any,
    sides: Any,
    outer_pressure: Any,
    values: Mapping[str, Any],
) -> FluidProblem:
    """Return what is to be solved.

    Raises
    ------
    SpecError
        KG-167 for shapes, sides, regions and values that do not fit.
    UnitError
        KG-124 for numbers without a unit, KG-121 for another dimension.
    """
    if not isinstance(grid, Grid):
        raise SpecError(
            "KG-167: interstitial flow needs a krogh.space.Grid, such as Grid((32, 32, 32),"
            f" '20 um'), not {type(grid).__name__}."
        )
    labels = _labels(regions, grid)
    inside = np.ones(grid.shape, dtype=bool) if labels is None else labels != OUTSIDE
    if not inside.any():
        raise SpecError("KG-167: every voxel lies outside of the tissue; nothing is left.")
    fluids = _fluids(tissue, labels, inside)
    found = {
        name: _by_voxel(name, given, grid, labels, inside)
        if given is not None
        else _of_fluids(name, fluids, grid, labels, inside)
        for name, given in values.items()
        if name != "surface"
    }
    surface, pressure, lumen = _vessels(vessels, grid, fluids, labels, inside)
    if lumen is not None:
        inside = inside & ~lumen
        if not inside.any():
            raise SpecError("KG-167: every voxel lies outside of the tissue; nothing is left.")
    if pressure is not None and values["vascular_pressure"] is None:
        found["vascular_pressure"] = pressure
    pull = found["reflection"] * (found["oncotic_vascular"] - found["oncotic_interstitial"])
    conductivity = found["hydraulic_conductivity"]
    kinds, pressures = _sides(sides, grid)
    return FluidProblem(
        grid=grid,
        inside=inside,
        conductivity=np.broadcast_to(conductivity, (3, *grid.shape)),
        filtration_rate=np.where(inside, found["vascular_conductivity"] * surface, 0.0),
        filtration_pressure=np.broadcast_to(found["vascular_pressure"] - pull, grid.shape),
        lymph_rate=np.where(inside, found["lymph_conductance"], 0.0),
        lymph_pressure=np.broadcast_to(found["lymph_pressure"], grid.shape),
        sides=kinds,
        side_pressures=pressures,
        outer_pressure=None if outer_pressure is None else _one(outer_pressure, "outer_pressure"),
    )


def _labels(given: Any, grid: Grid) -> NDArray[np.uint8] | None:
    return None if given is None else region_labels(given, grid, "KG-167")


def _count(labels: NDArray[np.uint8] | None, inside: Bools) -> int:
    return 1 if labels is None else int(labels[inside].max()) + 1


def _fluids(given: Any, labels: NDArray[np.uint8] | None, inside: Bools) -> list[TissueFluid]:
    """Return the values of each region; one for all."""
    if isinstance(given, (str, TissueFluid)) or not isinstance(given, Sequence):
        return [fluid_of(given)]
    count = _count(labels, inside)
    if labels is None or len(given) < count:
        raise SpecError(
            f"KG-167: tissue has {len(given)} entries; there are {count} regions"
            + ("" if labels is not None else " (regions=... is left out)")
            + "."
        )
    return [fluid_of(entry) for entry in given]


def _of_fluids(
    name: str,
    fluids: list[TissueFluid],
    grid: Grid,
    labels: NDArray[np.uint8] | None,
    inside: Bools,
) -> Floats:
    own = np.array([_number(getattr(f, name), name) for f in fluids])
    if own.size == 1 or labels is None:
        return np.full(grid.shape, own[0])
    return own[np.where(inside, labels, 0)]


def _number(text: Any, name: str) -> float:
    unit = UNITS[name]
    if unit == "1":
        value = float(text)
    else:
        numbers, _ = value_and_unit(text, name, unit)
        value = float(np.asarray(numbers))
    _require(np.array([value]), name)
    return value


def _one(given: Any, what: str) -> float:
    """Return a pressure in Pa."""
    numbers, unit = value_and_unit(given, what, "Pa")
    if unit is None:
        raise UnitError(f"KG-124: {what} is a pressure and needs its unit, such as '0 mmHg'.")
    value = np.asarray(numbers, dtype=np.float64)
    if value.shape != () or not np.isfinite(value):
        raise SpecError(f"KG-167: {what} must be one finite pressure, found {given!r}.")
    return float(value)


def _by_voxel(
    name: str, given: Any, grid: Grid, labels: NDArray[np.uint8] | None, inside: Bools
) -> Floats:
    """Return stated values, (nz, ny, nx) or, where they differ along axes, (3, nz, ny, nx)."""
    if name == "hydraulic_conductivity" and isinstance(given, Mapping):
        if set(given) != {"x", "y", "z"}:
            raise SpecError(
                "KG-167: hydraulic_conductivity by axis needs 'x', 'y' and 'z', found"
                f" {', '.join(map(repr, given))}."
            )
        return np.stack([_by_voxel(name, given[a], grid, labels, inside) for a in "xyz"])
    unit = UNITS[name]
    if unit == "1" and isinstance(given, str):
        given = _plain(given, name)
    numbers, stated = value_and_unit(given, name, unit)
    if stated is None and unit != "1":
        raise UnitError(
            f"KG-124: {name} needs a unit, such as '1 {unit}' or (array, '{unit}'); found"
            f" {str(given)[:40]!r}."
        )
    try:
        array = np.asarray(numbers, dtype=np.float64)
    except (TypeError, ValueError):
        raise SpecError(f"KG-167: {name} needs numbers, not {str(numbers)[:40]!r}.") from None
    count = _count(labels, inside)
    if array.shape == ():
        array = np.full(grid.shape, float(array))
    elif labels is not None and array.ndim == 1 and array.size >= count:
        array = array[np.where(inside, labels, 0)]
    elif array.shape != grid.shape:
        more = f", or ({count},): one for each region" if labels is not None else ""
        raise SpecError(
            f"KG-167: {name} has shape {array.shape}; one number or {grid.shape} (z, y, x){more}"
            " is needed."
        )
    _require(array[inside], name)
    return np.where(inside, array, 0.0)


def _plain(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SpecError(f"KG-167: {name} needs a number, not {text!r}.") from None


def _require(values: Floats, name: str) -> None:
    if not np.all(np.isfinite(values)):
        raise SpecError(f"KG-167: {name} is not finite in every voxel of the tissue.")
    low = -np.inf if name in _SIGNED else 0.0
    high = 1.0 if name == "reflection" else np.inf
    wrong = values[(values < low) | (values > high)]
    if wrong.size:
        limits = "between 0 and 1" if high == 1.0 else "not negative"
        raise SpecError(f"KG-167: {name} must be {limits}, found {wrong[0]:g} {UNITS[name]}.")


def _vessels(
    given: Any,
    grid: Grid,
    fluids: list[TissueFluid],
    labels: NDArray[np.uint8] | None,
    inside: Bools,
) -> tuple[Floats, Floats | None, Bools | None]:
    """Return S/V, the pressure in the vessels where a network knows it (Pa), and the lumen."""
    if isinstance(given, str) and given == "tissue":
        return _of_fluids("surface", fluids, grid, labels, inside), None, None
    if given is None:
        return np.zeros(grid.shape), None, None
    from krogh.volume.exchange import exchange_of

    if isinstance(given, str) and not any(c.isdigit() for c in given):
        raise SpecError(
            "KG-167: vessels are 'tissue', a surface per volume such as '200 1/cm', or a network;"
            f" found {given!r}.{did_you_mean(given, ('tissue',))}"
        )
    if isinstance(given, tuple) and labels is not None:
        numbers = np.asarray(given[0])
        if numbers.ndim == 1:  # by region
            return _by_voxel("surface", given, grid, labels, inside), None, None
    vessels = exchange_of(given, grid)
    assert vessels.surface is not None
    if vessels.voxels is None or vessels.voxels.network.pressure is None:
        return vessels.surface, None, vessels.lumen
    network = vessels.voxels.network
    known = np.asarray(network.pressure, dtype=np.float64)
    ends = known[network.segments]
    mean = 133.322387415 * ends.mean(axis=1)  # mmHg (BIPM) in Pa
    if np.isnan(mean).any():
        mean = np.where(np.isnan(mean), 0.0, mean)
        perfused = ~np.isnan(ends).any(axis=1)
        surface = vessels.voxels.spread(np.pi * network.diameter * perfused)
    else:
        surface = vessels.surface
    total = vessels.voxels.spread(np.pi * network.diameter * mean)
    pressure = np.divide(total, surface, out=np.zeros(grid.shape), where=surface > 0.0)
    return surface, pressure, vessels.lumen


def _sides(given: Any, grid: Grid) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return kinds and pressures of the six sides."""
    if given is None:
        return ("closed",) * 6, (0.0,) * 6
    if not isinstance(given, Mapping):
        given = dict.fromkeys("xyz", given)
    found: dict[str, tuple[str, float]] = dict.fromkeys(SIDES, ("closed", 0.0))
    for name, kind in given.items():
        chosen = sides_named(name, "KG-167")
        if isinstance(kind, str) and kind in ("closed", "periodic"):
            own = (kind, 0.0)
        elif isinstance(kind, str) and not any(c.isdigit() for c in kind):
            raise SpecError(
                "KG-167: a side is 'closed', 'periodic', or open at a pressure such as '0 mmHg',"
                f" not {kind!r}.{did_you_mean(kind, ('closed', 'periodic'))}"
            )
        else:
            own = ("open", _one(kind, f"the pressure at the side {name!r}"))
        for side in chosen:
            found[side] = own
    require_pairs({s: kind for s, (kind, _) in found.items()}, grid, "KG-167")
    kinds, pressures = zip(*(found[s] for s in SIDES), strict=True)
    return tuple(kinds), tuple(pressures)
