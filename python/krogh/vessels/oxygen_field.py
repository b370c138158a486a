"""Oxygen in tissue around a network, in steady state with the blood that supplies it.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from krogh.errors import DataError, SolverError
from krogh.vessels.checks import first_few, length_um
from krogh.vessels.frame import VoxelFrame
from krogh.vessels.network import VesselNetwork
from krogh.vessels.oxygen import (
    BloodOxygen,
    SteadyOxygen,
    intravascular_resistance,
    steady_oxygen,
)
from krogh.vessels.solute import carrying_flow
from krogh.vessels.voxels import VesselVoxels, voxelize

__all__ = ["OxygenField", "TissueOxygen", "oxygen_field"]

Floats = NDArray[np.float64]

_FORCING: Final = 1e-3
"""Residual of a linear solve over its right side: Newton's method removes what is left."""

_NOTHING: Final = 1e30
"""Resistance of a vessel outside the grid, mmHg um s/um^3: nothing passes its wall."""


@dataclass(frozen=True)
class TissueOxygen:
    """How tissue conducts and consumes oxygen; values of secomb/GreensV4 for tumors.

    Attributes
    ----------
    conductivity
        Diffusivity times solubility, um^3 of oxygen per um, s and mmHg: 4.2e-10 cm^3/(cm s mmHg).
    consumption
        Where oxygen abounds, um^3 of oxygen in um^3 of tissue and s: 5e-4.
    half_pressure
        At which it is halved, mmHg: 1.
    """

    conductivity: float = 0.042
    consumption: float = 5e-4
    half_pressure: float = 1.0

    def __post_init__(self) -> None:
        for name in ("conductivity", "consumption", "half_pressure"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0.0):
                raise DataError(f"KG-181: {name} must be positive, not {value!r}.")

    def rate(self, pressure: Floats) -> tuple[Floats, Floats]:
        """Return consumption ``M P/(P + P50)`` and its slope; below zero the tangent at zero."""
        total = np.maximum(pressure, 0.0) + self.half_pressure
        slope = self.consumption * self.half_pressure / total**2
        found = np.where(
            pressure > 0.0,
            self.consumption * pressure / total,
            self.consumption / self.half_pressure * pressure,
        )
        return found, slope


@dataclass(frozen=True, eq=False)
class OxygenField:
    """Oxygen in tissue and blood.

    Attributes
    ----------
    pressure
        In the tissue, mmHg, (nz, ny, nx); NaN within resolved vessels.
    blood
        Along the vessels.
    voxels
        The vessels on the grid.
    consumed, supplied
        By the tissue and through the walls, um^3/s.
    iterations
        Of Newton's method.
    """

    pressure: Floats
    blood: SteadyOxygen
    voxels: VesselVoxels
    consumed: float
    supplied: float
    iterations: int

    @property
    def imbalance(self) -> float:
        """Supplied less consumed, over what is consumed."""
        return (self.supplied - self.consumed) / self.consumed

    def hypoxic_fraction(self, below: float = 10.0) -> float:
        """Return the share of the tissue's volume below a partial pressure, mmHg."""
        tissue = ~np.isnan(self.pressure)
        low = tissue & (np.nan_to_num(self.pressure, nan=np.inf) < below)
        volume = self.voxels.frame.volumes
        return float(volume[low].sum() / volume[tissue].sum())


def oxygen_field(
    network: VesselNetwork,
    grid: Any,
    inlet: ArrayLike,
    *,
    tissue: TissueOxygen | None = None,
    blood: BloodOxygen | None = None,
    kernel_radius: Any = "25 um",
    resistance: ArrayLike | None = None,
    tolerance: float = 1e-6,
    max_iterations: int = 50,
) -> OxygenField:
    """Return oxygen in tissue and blood in steady state, both ways coupled.

    Parameters
    ----------
    network
        With flow and hematocrit, cut into pieces of about a voxel (`VesselNetwork.subdivided`).
    grid
        A `krogh.space.Grid` or `VoxelFrame`; its borders let nothing through.
    inlet
        Partial pressure where blood enters, mmHg: one, or one for each node.
    tissue, blood
        How tissue and blood hold and use oxygen.
    kernel_radius
        Of the disc over which a thin vessel exchanges (`voxelize`); at least 1.3 of its radius and
        best two voxels or more.
    resistance
        From blood to wall, mmHg um s/um^3; default `intravascular_resistance`.
    tolerance
        Change of the pressures, mmHg, at which Newton's method ends.
    max_iterations
        After which it fails.

    Notes
    -----
    ``conductivity div grad P - M P/(P + P50) + supply = 0`` by finite volumes. A vessel supplies
    ``(P_blood - mean P)/(K + k)`` per length: K from blood to wall, and
    ``k = (ln(rho/R) - 1/4)/(2 pi conductivity)`` for the profile within the disc of radius rho over
    which the source is spread and the pressure averaged (`line_exchange`).  Newton's method holds
    tissue and blood together, since what a vessel gives depends on all vessels upstream.
    The consumption within the disc is left out of k: where oxygen abounds, pressures come out
    ``M (rho^2/8 - R^2/4)/conductivity`` too high, 0.9 mmHg for the default values and R of 5 um.

    Raises
    ------
    DataError
        KG-185 for a kernel too narrow for a vessel, KG-187 for flow that is missing or not
        conserved, KG-181 for diameters without a resistance.
    SolverError
        KG-325 if it does not converge.
    """
    law, hold = tissue or TissueOxygen(), blood or BloodOxygen()
    voxels = voxelize(network, grid, kernel_radius=kernel_radius)
    wall = intravascular_resistance(network.diameter) if resistance is None else resistance
    around = _around(network, voxels, length_um(kernel_radius, "kernel_radius"), law)
    problem = _Coupled(network, voxels, inlet, law, hold, np.asarray(wall) + around)
    return problem.solve(tolerance, max_iterations)


def _around(network: VesselNetwork, voxels: VesselVoxels, rho: float, law: TissueOxygen) -> Floats:
    """Return the resistance of the tissue within the disc, 0 for resolved vessels."""
    thin = ~voxels.resolved
    reach = rho * np.exp(-0.25)
    wide = np.flatnonzero(thin & (network.radius >= reach))
    if wide.size:
        raise DataError(
            f"KG-185: vessel {first_few(wide)} (counted from 0) has a radius of"
            f" {network.radius[wide].max():.3g} um, which needs a kernel_radius above"
            f" {network.radius[wide].max() * np.exp(0.25):.3g} um, or voxels so fine that it is"
            " resolved."
        )
    found = np.log(reach / network.radius) / (2.0 * np.pi * law.conductivity)
    return np.where(thin, found, 0.0)


class _Coupled:
    """Residual and Jacobian of tissue and blood."""

    def __init__(
        self,
        network: VesselNetwork,
        voxels: VesselVoxels,
        inlet: ArrayLike,
        law: TissueOxygen,
        hold: BloodOxygen,
        resistance: Floats,
    ) -> None:
        from scipy.sparse import diags

        self.network, self.voxels, self.inlet = network, voxels, inlet
        self.law, self.hold = law, hold
        self.order, self.rate = carrying_flow(network)
        self.inside = ~voxels.lumen.ravel()
        self.volume = voxels.frame.volumes.ravel()[self.inside]
        weights = voxels.weights.tocsc()[:, np.flatnonzero(self.inside)].tocsr()
        self.length = np.asarray(weights.sum(axis=1)).ravel()
        with np.errstate(divide="ignore"):
            share = np.where(self.length > 0.0, 1.0 / self.length, 0.0)
            # Only the length within the grid exchanges.
            scaled = np.where(self.length > 0.0, resistance * network.lengths * share, _NOTHING)
        self.resistance = scaled
        self.average = (diags(share) @ weights).tocsr()
        self.diffusion = law.conductivity * _laplacian(voxels.frame, self.inside)
        # The wall of a resolved vessel gives to each of its voxels by the pressure there; the mean
        # and the differences from it are two linear parts, of which the blood feels the first.
        order = self.order
        wide = np.where(voxels.resolved & ~order.stagnant, network.lengths / self.resistance, 0.0)
        local = diags(np.asarray(self.average.T @ wide))
        self.diffusion = (
            self.diffusion + local - self.average.T @ diags(wide) @ self.average
        ).tocsr()

    def solve(self, tolerance: float, max_iterations: int) -> OxygenField:
        """Return the solution by Newton's method."""
        from scipy.sparse.linalg import LinearOperator, bicgstab, spilu

        known = np.asarray(self.inlet, dtype=np.float64)
        pressure = np.full(self.volume.size, 0.5 * float(np.nanmax(known)))
        residual, blood, slope = self._residual(pressure)
        for iteration in range(1, max_iterations + 1):
            coupling, local = self._coupling(blood)
            matrix = self.diffusion.copy()
            matrix.setdiag(matrix.diagonal() + self.volume * slope)

            def apply(x: Floats, matrix: Any = matrix, coupling: Any = coupling) -> Floats:
                found: Floats = matrix @ x + self.average.T @ coupling(self.average @ x)
                return found

            rough = matrix.tocsc()
            rough.setdiag(rough.diagonal() + np.asarray(self.average.T @ local))
            guess = spilu(rough.tocsc(), drop_tol=1e-3, fill_factor=6.0)
            size = (self.volume.size, self.volume.size)
            step, info = bicgstab(
                LinearOperator(size, matvec=apply),
                -residual,
                rtol=_FORCING,
                maxiter=1000,
                M=LinearOperator(size, matvec=guess.solve),
            )
            if info != 0:
                raise SolverError(
                    "KG-325: the linear system of the oxygen field was not solved; is a part of the"
                    " tissue cut off from every vessel?"
                )
            before = float(np.linalg.norm(residual))
            for share in (1.0, 0.5, 0.25, 0.125):
                new = pressure + share * step
                residual, blood, slope = self._residual(new)
                if np.linalg.norm(residual) < before or share == 0.125:
                    break
            pressure = new
            if share == 1.0 and np.abs(step).max() <= tolerance:
                return self._field(pressure, blood, iteration)
        raise SolverError(
            f"KG-325: the oxygen field does not settle: pressures still change by"
            f" {np.abs(step).max():.1e} mmHg after {max_iterations} steps."
        )

    def _residual(self, pressure: Floats) -> tuple[Floats, SteadyOxygen, Floats]:
        outside = np.maximum(np.asarray(self.average @ pressure), 0.0)
        blood = steady_oxygen(
            self.network, self.inlet, outside, blood=self.hold, resistance=self.resistance
        )
        used, slope = self.law.rate(pressure)
        gain = np.asarray(self.average.T @ blood.exchange)
        return self.diffusion @ pressure + self.volume * used - gain, blood, slope

    def _coupling(self, blood: SteadyOxygen) -> tuple[Any, Floats]:
        """Return minus the derivative of what vessels give by the pressures around, as a function.

        And its own part, without the vessels upstream.
        """
        from scipy.sparse import coo_matrix, eye
        from scipy.sparse.linalg import splu

        network, order = self.network, self.order
        cells = network.hematocrit
        assert cells is not None
        moving = np.flatnonzero(~order.stagnant)
        conductance = network.lengths / self.resistance
        start = self.hold.slope(blood.inflow, cells) * self.rate
        end = self.hold.slope(blood.outflow, cells) * self.rate
        # d(out) = (start d(in) + conductance d(outside)) / (end + conductance)
        below = np.where(order.stagnant, 1.0, end + conductance)
        own = np.where(order.stagnant, 0.0, conductance / below)
        # d(node) = sum of end d(out) over what enters, by the slopes of all that leaves.
        count = network.num_nodes
        leave = np.bincount(order.upstream[moving], weights=start[moving], minlength=count)
        by_node = moving[np.argsort(order.downstream[moving], kind="stable")]
        first = np.searchsorted(order.downstream[by_node], np.arange(count + 1))
        feeders = np.diff(first)[order.upstream[moving]]
        rows = np.repeat(moving, feeders)
        step = np.arange(rows.size) - np.repeat(np.cumsum(feeders) - feeders, feeders)
        columns = by_node[first[order.upstream[rows]] + step]
        total = np.maximum(leave, 1e-300)[order.upstream[rows]]
        values = start[rows] / below[rows] * end[columns] / total
        number = network.num_segments
        carried = coo_matrix((values, (rows, columns)), shape=(number, number)).tocsc()
        factor = splu((eye(number, format="csc") - carried).tocsc())
        gives = np.where(order.stagnant, 0.0, conductance)

        def coupling(change: Floats) -> Floats:
            found: Floats = gives * (change - factor.solve(own * change))
            return found

        return coupling, gives * (1.0 - own)

    def _field(self, pressure: Floats, blood: SteadyOxygen, iterations: int) -> OxygenField:
        field = np.full(self.voxels.frame.num_voxels, np.nan)
        field[self.inside] = pressure
        used, _ = self.law.rate(pressure)
        return OxygenField(
            pressure=field.reshape(self.voxels.frame.shape),
            blood=blood,
            voxels=self.voxels,
            consumed=float((self.volume * used).sum()),
            supplied=float(blood.exchange.sum()),
            iterations=iterations,
        )


def _laplacian(frame: VoxelFrame, inside: NDArray[np.bool_]) -> Any:
    """Return minus the sum of fluxes out of each voxel inside, for conductivity 1."""
    from scipy.sparse import coo_matrix

    number = np.full(frame.num_voxels, -1, dtype=np.intp)
    number[inside] = np.arange(int(inside.sum()))
    number = number.reshape(frame.shape)
    x, y, z = frame.widths
    rows, columns, values = [], [], []
    areas = (y[:, None] * x, z[:, None] * x, z[:, None] * y)  # across z, y, x
    for axis, widths in enumerate((z, y, x)):
        low = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
        high = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        apart = 0.5 * (widths[1:] + widths[:-1])
        one, two = np.moveaxis(number[low], axis, 0), np.moveaxis(number[high], axis, 0)
        face = np.broadcast_to(areas[axis][None] / apart[:, None, None], one.shape)
        both = (one >= 0) & (two >= 0)
        first, second, flux = one[both], two[both], face[both]
        rows += [first, second, first, second]
        columns += [first, second, second, first]
        values += [flux, flux, -flux, -flux]
    count = int(inside.sum())
    return coo_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(count, count),
    ).tocsr()
