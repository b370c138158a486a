"""Vessels that lie between the voxels: surface per volume, and what passes their walls.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, UnitError
from krogh.line.problem import value_and_unit
from krogh.space.grid import Grid
from krogh.volume.walls import wall_exchange

if TYPE_CHECKING:
    from krogh.vessels import VesselVoxels
    from krogh.volume.problem import VolumeProblem

__all__ = ["Exchange", "exchange_of", "exchange_rates"]

Floats = NDArray[np.float64]

MOST_CORRECTION: Final = 0.1
"""Largest share by which the permeability of a vessel that is thinner than its voxels, but too wide
for the correction of a line (`krogh.vessels.line_exchange`), may be off."""

_READ: Final = float(np.exp(-np.euler_gamma) / np.sqrt(8.0))
"""Where a voxel of width 1 holds the profile around a line (Peaceman 1978, doi 10.2118/6893-PA)."""


@dataclass(frozen=True)
class Exchange:
    """Vessel surface per tissue volume, 1/um, (nz, ny, nx); None where there are no vessels.

    Attributes
    ----------
    voxels
        The vessels on the grid where a network was given.
    spread
        The same averaged over a kernel, for species that pass so fast that vessels about as wide as
        a voxel would exchange wrongly; None: those are refused.
    """

    surface: Floats | None
    voxels: VesselVoxels | None = None
    spread: VesselVoxels | None = None

    @property
    def lumen(self) -> NDArray[np.bool_] | None:
        """Voxels within vessels that are wider than voxels."""
        return None if self.voxels is None else self.voxels.lumen


def exchange_of(given: Any, grid: Grid) -> Exchange:
    """Return the vessels: a surface per volume by voxel or for all, a network, or none.

    Raises
    ------
    SpecError
        KG-166 for another shape, or a surface that is negative or not finite.
    UnitError
        KG-124 for text or arrays without a unit, KG-121 for another dimension.
    """
    if given is None:
        return Exchange(None)
    if isinstance(given, Exchange):
        return given
    from krogh.vessels import VesselNetwork, VesselVoxels

    if isinstance(given, VesselNetwork):
        given = given.voxelize(grid)
    if isinstance(given, VesselVoxels):
        if given.frame.shape != grid.shape:
            raise SpecError(
                f"KG-166: the vessels lie on {given.frame.shape} voxels, the grid has {grid.shape}."
            )
        return Exchange(given.surface_density, given)
    numbers, unit = value_and_unit(given, "exchange", "1/um")
    if unit is None:
        raise UnitError(
            "KG-124: exchange is vessel surface per tissue volume and needs its unit: '0.01 1/um'"
            " or (array, '1/um')."
        )
    array = np.asarray(numbers, dtype=np.float64)
    if array.shape not in ((), grid.shape):
        raise SpecError(
            f"KG-166: exchange has shape {array.shape}; one number or {grid.shape} (z, y, x) is"
            " needed."
        )
    array = np.ascontiguousarray(np.broadcast_to(array, grid.shape))
    if not np.all(np.isfinite(array) & (array >= 0.0)):
        raise SpecError("KG-166: exchange must be finite and not negative in every voxel.")
    return Exchange(array)


def exchange_rates(
    problem: VolumeProblem, vessels: Exchange
) -> tuple[Floats, tuple[bool, ...], tuple[str, ...]]:
    """Return P S/V of every mobile species in the voxels inside, which exchange, and notes.

    For a network each vessel that is thinner than the voxels exchanges as a line
    (`krogh.vessels.line_exchange`) where its radius lies below the place at which a voxel holds the
    profile; a thicker one uses P as it is, if that is off by less than a tenth.  A vessel that is
    resolved exchanges through the faces of its lumen (`krogh.volume.walls`).

    Raises
    ------
    SpecError
        KG-166 for a transport whose wall is fixed, or a voxel too wide or too narrow for a vessel.
    """
    rates = np.zeros((len(problem.mobiles), problem.cells))
    exchanges = [False] * len(problem.mobiles)
    notes: list[str] = []
    if vessels.surface is None:
        return rates, tuple(exchanges), ()
    for k, m in enumerate(problem.mobiles):
        transport = m.transport
        if transport.wall_kind == "closed":
            continue
        if transport.permeability is None:
            raise SpecError(
                f"KG-166: the {transport.label} has a fixed wall; vessels in voxels exchange by a"
                " permeability."
            )
        p = np.broadcast_to(problem.per_cell([transport.permeability])[0, 0], problem.cells)
        if not np.all(np.isfinite(p) & (p >= 0.0)):
            raise SpecError(
                f"KG-108: permeability in the {transport.label} must be finite and not negative in"
                f" every voxel; found {p.min():g} to {p.max():g} um/s."
            )
        exchanges[k] = True
        if vessels.voxels is None:
            rates[k] = p * vessels.surface.reshape(-1)[problem.inside]
            continue
        lines, used, note = _of_network(problem, k, p, vessels.voxels, vessels.spread)
        walls, of_walls = wall_exchange(problem, k, p, used)
        field = used.spread(np.where(used.resolved, 0.0, lines))
        rates[k] = field.reshape(-1)[problem.inside] + walls
        problem.per_length[k] = np.where(used.resolved, of_walls, lines)
        if note:
            notes.append(note)
    if not any(exchanges):
        raise SpecError("KG-166: exchange is given, but no transport has a permeability.")
    return rates, tuple(exchanges), tuple(notes)


def _of_network(
    problem: VolumeProblem,
    k: int,
    permeability: Floats,
    voxels: VesselVoxels,
    spread: VesselVoxels | None = None,
) -> tuple[Floats, VesselVoxels, str]:
    """Return what passes each vessel per length and concentration, um^2/s, where, and notes."""
    from krogh.vessels import line_exchange

    problem.vessels_of[k] = voxels
    network = voxels.network
    label = problem.mobiles[k].transport.label
    own, diffusivity, fraction = (
        _at_vessels(problem, values, voxels)
        for values in (permeability, problem.diffusivity[0, k], problem.storage[k])
    )
    if problem.anisotropy is not None:
        diffusivity = diffusivity * _across(problem, k, voxels)
    thin, radius = ~voxels.resolved & (own > 0.0), network.radius
    if voxels.kernel_radius > 0.0:
        reach, option = (
            voxels.kernel_radius * float(np.exp(-0.25)),
            {"kernel_radius": voxels.kernel_radius},
        )
    else:
        width = float(problem.grid.spacing.min())
        reach, option = _READ * width, {"spacing": width}
    lines = np.flatnonzero(thin & (radius < reach))
    for i in lines:
        if own[i] > 0.0:
            own[i] = line_exchange(own[i], diffusivity[i], fraction[i], radius[i], **option)
    wide = np.flatnonzero(thin & (radius >= reach))
    if not wide.size:
        return 2.0 * np.pi * radius * own, voxels, ""
    off = own[wide] * radius[wide] / (fraction[wide] * diffusivity[wide])
    off = off * np.log(radius[wide] / reach)
    worst = float(off.max())
    if spread is not None and not worst < MOST_CORRECTION:
        found, used, note = _of_network(problem, k, permeability, spread)
        return found, used, note or f"{label}: exchanges over discs of {spread.kernel_radius:g} um"
    if not worst < MOST_CORRECTION:
        raise SpecError(
            f"KG-166: {label}: vessels of {2 * radius[wide].max():.3g} um in voxels of"
            f" {problem.grid.spacing.min():.3g} um are neither lines nor resolved, and what passes"
            f" them would be off by {100 * worst:.3g} %.\n"
            "  Use smaller voxels (below the radius), or exchange="
            "network.voxelize(grid, kernel_radius=...)."
        )
    return (
        2.0 * np.pi * radius * own,
        voxels,
        f"{label}: what passes vessels as wide as a voxel is right to {100 * worst:.2g} %",
    )


def _across(problem: VolumeProblem, k: int, voxels: VesselVoxels) -> Floats:
    """Return the factor of the diffusivity across each vessel, the mean over both directions.

    Around a line along t in a medium with D = diag(a) the profile is that of a medium alike in all
    directions with ``sqrt(det D (t D^-1 t))``.
    """
    assert problem.anisotropy is not None
    factors = np.stack(
        [_at_vessels(problem, problem.anisotropy[k, axis], voxels) for axis in range(3)], axis=1
    )
    along = voxels.network.vectors @ problem.grid.direction
    along = along / np.linalg.norm(along, axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = np.sqrt(factors.prod(axis=1) * (along**2 / factors).sum(axis=1))
    if not np.all(np.isfinite(found) & (found > 0.0)):
        raise SpecError(
            "KG-166: anisotropy must be positive along all axes where thin vessels exchange."
        )
    return found


def _at_vessels(problem: VolumeProblem, values: Floats, voxels: VesselVoxels) -> Floats:
    """Return the mean of a field around each vessel; 1 for vessels outside of the grid."""
    values = np.broadcast_to(values, problem.cells)
    if values.size and np.all(values == values[0]):
        return np.full(voxels.network.num_segments, float(values[0]))
    tissue = problem.on_grid(np.ones(problem.cells), 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = voxels.average(problem.on_grid(values, 0.0)) / voxels.average(tissue)
    return np.where(np.isfinite(found), found, 1.0)
