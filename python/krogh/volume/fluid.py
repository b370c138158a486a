"""Fluid that carries solutes through a volume: velocities, solvent drag of vessels, lymph.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError
from krogh.space.grid import Grid

if TYPE_CHECKING:
    from krogh.volume.problem import VolumeProblem

__all__ = ["Fluid", "drag", "drains", "fluid_of", "passed_sides"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

IMBALANCE: Final = 1e-6
"""Largest difference of what leaves through the faces of a voxel and its sources, relative to the
largest sum of sizes of both in any voxel, at which a flow counts as one that balances."""

NOTHING: Final = 1e-12
"""Share of the largest velocity below which nothing passes."""


@dataclass(frozen=True)
class Fluid:
    """A flow through the voxels of a grid.

    Attributes
    ----------
    velocity
        Through faces along x, y, z within the tissue and at the sides of the box, per total area,
        um/s; zero at faces to voxels outside.
    filtration, lymph
        Out of vessels and into lymphatics per tissue volume, 1/s, (nz, ny, nx).
    border
        What leaves to voxels outside of the tissue, per volume of the voxel, 1/s.
    """

    velocity: tuple[Floats, Floats, Floats]
    filtration: Floats
    lymph: Floats
    border: Floats


def fluid_of(given: Any, grid: Grid, inside: Bools) -> Fluid | None:
    """Return a flow, checked: of the grid, finite, and in balance in every voxel inside.

    Parameters
    ----------
    given
        A `krogh.interstitial.InterstitialFlow`, or what has its `grid`, `velocity`, `filtration`
        and `lymph`.

    Raises
    ------
    SpecError
        KG-166 for what does not fit.
    """
    if given is None:
        return None
    parts = [getattr(given, name, None) for name in ("grid", "velocity", "filtration", "lymph")]
    if any(p is None for p in parts) or not isinstance(parts[0], Grid):
        raise SpecError(
            "KG-166: flow is what krogh.interstitial gives: an InterstitialFlow with grid,"
            f" velocity, filtration and lymph; found {type(given).__name__}."
        )
    differences = parts[0].differences(grid)
    if differences:
        raise SpecError(f"KG-166: the flow lies on another grid: {'; '.join(differences)}.")
    nz, ny, nx = grid.shape
    shapes = ((nz, ny, nx + 1), (nz, ny + 1, nx), (nz + 1, ny, nx))
    velocity = [
        _array(v, shape, f"velocity along {axis}")
        for v, shape, axis in zip(given.velocity, shapes, "xyz", strict=True)
    ]
    filtration = _array(parts[2], grid.shape, "filtration")
    lymph = _array(parts[3], grid.shape, "lymph")
    if np.any(lymph[inside] < 0.0):
        raise SpecError(
            f"KG-166: flow: lymph must not be negative; found {lymph[inside].min():g} 1/s."
        )
    least = NOTHING * max(float(np.abs(v).max()) for v in velocity)
    leaves, sizes = np.zeros(grid.shape), np.abs(filtration) + lymph
    border = np.zeros(grid.shape)
    for d, v in enumerate(velocity):
        axis, width = 2 - d, float(grid.spacing[d])
        low, high = _at(axis, slice(None, -1)), _at(axis, slice(1, None))
        leaves += (v[high] - v[low]) / width
        sizes += (np.abs(v[high]) + np.abs(v[low])) / width
        # Faces between tissue and what is outside of it: what leaves there is booked by voxel.
        before, behind = inside[low], inside[high]
        between = np.zeros(v.shape, dtype=bool)
        inner = _at(axis, slice(1, -1))
        between[inner] = before != behind
        crossing = np.where(between, v, 0.0)
        crossing[np.abs(crossing) < least] = 0.0
        for outward in (crossing[high], -crossing[low]):
            border += np.where(inside, np.maximum(outward, 0.0), 0.0) / width
        empty = np.zeros(v.shape, dtype=bool)
        empty[inner] = ~(before & behind)
        empty[_at(axis, slice(0, 1))] = ~inside[_at(axis, slice(0, 1))]
        empty[_at(axis, slice(-1, None))] = ~inside[_at(axis, slice(-1, None))]
        v[empty] = 0.0
        v[np.abs(v) < least] = 0.0
    rest = np.abs(leaves - filtration + lymph)[inside]
    size = float(sizes[inside].max(initial=0.0))
    if size > 0.0 and rest.max() > IMBALANCE * size:
        flat = np.flatnonzero(inside.reshape(-1))[int(rest.argmax())]
        where = tuple(int(i) for i in np.unravel_index(flat, grid.shape))
        raise SpecError(
            f"KG-166: flow: voxel {where} (z, y, x) does not balance: what leaves through its faces"
            f" and what vessels and lymphatics add differ by {rest.max():.3g} 1/s."
        )
    return Fluid((velocity[0], velocity[1], velocity[2]), filtration, lymph, border)


def _at(axis: int, part: slice) -> tuple[slice, ...]:
    return tuple(part if a == axis else slice(None) for a in range(3))


def _array(given: Any, shape: tuple[int, ...], what: str) -> Floats:
    array = np.array(given, dtype=np.float64)
    if array.shape != shape:
        raise SpecError(f"KG-166: flow: {what} has shape {array.shape}; {shape} is needed.")
    if not np.all(np.isfinite(array)):
        raise SpecError(f"KG-166: flow: {what} is not finite everywhere.")
    return np.ascontiguousarray(array)


def passed_sides(fluid: Fluid | None) -> tuple[bool, ...]:
    """Return whether fluid passes each of the six sides of the box."""
    if fluid is None:
        return (False,) * 6
    found = []
    for d, v in enumerate(fluid.velocity):
        for end in (slice(0, 1), slice(-1, None)):
            found.append(bool(np.any(v[_at(2 - d, end)] != 0.0)))
    return tuple(found)


def drag(problem: VolumeProblem, rates: Floats) -> tuple[Floats, Floats]:
    """Return rates of exchange with vessels in and out, 1/s, shapes (mobiles, cells).

    Through a wall with permeability P and reflection coefficient sigma, by which fluid passes at J
    per tissue volume, ``in - out = (1 - sigma) J`` and both are those of the exact profile in the
    wall (Patlak, Goldstein & Hoffman 1963, J. Theor. Biol. 5:426, doi
    10.1016/0022-5193(63)90088-2; as Baxter & Jain 1989, Microvasc. Res. 37:77, doi
    10.1016/0026-2862(89)90074-5): with Pe = (1 - sigma) J/(P S/V), out = P S/V
    Pe/(e^Pe - 1).  Where nothing permeates, fluid alone carries: in = (1 - sigma) J where it
    filters, out = (1 - sigma) |J| where it goes back.

    Parameters
    ----------
    rates
        P S/V of every mobile species; those whose wall is no membrane stay as they are.

    Raises
    ------
    SpecError
        KG-108 for a reflection coefficient outside of 0 to 1.
    """
    fluid = problem.fluid
    assert fluid is not None
    into, out = rates.copy(), rates.copy()
    filtered = fluid.filtration.reshape(-1)[problem.inside]
    for k, m in enumerate(problem.mobiles):
        if m.transport.wall_kind != "membrane":
            continue
        sigma = problem.per_cell([m.transport.reflection])[0, 0]
        if not np.all((sigma >= 0.0) & (sigma <= 1.0)):
            raise SpecError(
                f"KG-108: reflection in the {m.transport.label} must lie between 0 and 1; found"
                f" {sigma.min():g} to {sigma.max():g}."
            )
        dragged = (1.0 - sigma) * filtered
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            peclet = np.abs(dragged) / rates[k]
            part = np.where(peclet > 0.0, np.abs(dragged) / np.expm1(peclet), rates[k])
        part = np.where(rates[k] > 0.0, part, 0.0)
        into[k] = part + np.maximum(dragged, 0.0)
        out[k] = part + np.maximum(-dragged, 0.0)
    return into, out


def drains(problem: VolumeProblem) -> tuple[tuple[str, Floats], ...]:
    """Return by which ways other than vessels fluid leaves single voxels: name and rates, 1/s.

    Lymph takes C/eps with its fluid; so does what passes the border of the tissue, at the
    `retardation` of the species, where inflow brings nothing; shapes (mobiles, cells).
    """
    fluid = problem.fluid
    if fluid is None:
        return ()
    found = []
    shape = (len(problem.mobiles), problem.cells)
    lymph = fluid.lymph.reshape(-1)[problem.inside]
    if np.any(lymph > 0.0):
        found.append(("lymph", np.array(np.broadcast_to(lymph, shape))))
    border = fluid.border.reshape(-1)[problem.inside]
    if np.any(border > 0.0):
        found.append(("border", problem.retardation * border))
    return tuple(found)
