"""Oxygen in tissue around a network, in steady state with the blood that supplies it.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from krogh.errors import DataError, SolverError
from krogh.space.steady import SteadySolver
from krogh.vessels.checks import first_few, length_um
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

_LARGEST_FORCING: Final = 0.1
_LEAST_FORCING: Final = 1e-3
"""Residual of a linear solve over its right side: Newton's method removes what is left."""

_WORTH: Final = 200_000
"""Voxels from which on several threads are worth it: many short passes wait for each other."""

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
    num_threads: int = 0,
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
    num_threads
        0: as many as are granted.

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
    problem = _Coupled(network, voxels, inlet, law, hold, np.asarray(wall) + around, num_threads)
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
    """Residual and Jacobian of tissue and blood; arrays over all voxels, zero within vessels."""

    def __init__(
        self,
        network: VesselNetwork,
        voxels: VesselVoxels,
        inlet: ArrayLike,
        law: TissueOxygen,
        hold: BloodOxygen,
        resistance: Floats,
        num_threads: int,
    ) -> None:
        from scipy.sparse import diags

        self.network, self.voxels, self.inlet = network, voxels, inlet
        self.law, self.hold = law, hold
        self.order, self.rate = carrying_flow(network)
        self.inside = ~voxels.lumen.ravel()
        self.whole = bool(self.inside.all())
        self.volume = np.where(self.inside, voxels.frame.volumes.ravel(), 0.0)
        weights = voxels.weights
        self.length = np.asarray(weights.sum(axis=1)).ravel()
        with np.errstate(divide="ignore"):
            share = np.where(self.length > 0.0, 1.0 / self.length, 0.0)
            # Only the length within the grid exchanges.
            scaled = np.where(self.length > 0.0, resistance * network.lengths * share, _NOTHING)
        self.resistance = scaled
        self.average = (diags(share) @ weights).tocsr()
        self.spread = self.average.T.tocsr()
        # The wall of a resolved vessel gives to each of its voxels by the pressure there; the mean
        # and the differences from it are two linear parts, of which the blood feels the first.
        self.wide = np.where(
            voxels.resolved & ~self.order.stagnant, network.lengths / self.resistance, 0.0
        )
        self.of_walls = self.spread @ self.wide
        self.solver = SteadySolver(
            voxels.frame.faces,
            law.conductivity,
            inside=None if self.whole else ~voxels.lumen,
            num_threads=num_threads if num_threads or self.volume.size >= _WORTH else 1,
        )
        self._put_absorption(self.of_walls)

    def _put_absorption(self, amounts: Floats) -> None:
        """Let voxels absorb amounts per pressure."""
        rate = np.divide(
            amounts, self.volume, out=np.zeros(self.volume.size), where=self.volume > 0.0
        )
        self.solver.set_absorption(rate)
        self.absorbed = amounts

    def _diffuse(self, pressure: Floats) -> Floats:
        """Return what leaves each voxel by diffusion and through walls of resolved vessels."""
        found: Floats = self.solver.apply(pressure) + (self.of_walls - self.absorbed) * pressure
        if self.wide.any():
            found -= self.spread @ (self.wide * (self.average @ pressure))
        return found

    def solve(self, tolerance: float, max_iterations: int) -> OxygenField:
        """Return the solution by Newton's method."""
        from scipy.sparse.linalg import LinearOperator, bicgstab

        known = np.asarray(self.inlet, dtype=np.float64)
        pressure = np.where(self.inside, 0.5 * float(np.nanmax(known)), 0.0)
        size = (pressure.size, pressure.size)
        residual, blood, slope = self._residual(pressure)
        forcing = _LARGEST_FORCING
        for iteration in range(1, max_iterations + 1):
            coupling, local = self._coupling(blood)
            thin = self.spread @ local
            used = self.volume * slope
            self._put_absorption(self.of_walls + used + thin)

            def apply(x: Floats, coupling: Any = coupling, thin: Floats = thin) -> Floats:
                around = self.average @ x
                found: Floats = self.solver.apply(x) - thin * x
                found += self.spread @ (coupling(around) - self.wide * around)
                return found

            step, info = bicgstab(
                LinearOperator(size, matvec=apply),
                -residual,
                rtol=forcing,
                maxiter=1000,
                M=LinearOperator(size, matvec=self.solver.precondition),
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
                after = float(np.linalg.norm(residual))
                if after < before or share == 0.125:
                    break
            pressure = new
            change = float(np.abs(step).max())
            if share == 1.0 and change <= tolerance:
                return self._field(pressure, blood, iteration)
            # Eisenstat & Walker 1996, SIAM J Sci Comput 17:16, choice 2 with gamma 0.9; never so
            # loose that a small step is one that was not solved.
            forcing = min(_LARGEST_FORCING, max(_LEAST_FORCING, 0.9 * (after / before) ** 2))
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
        rest = self._diffuse(pressure) + self.volume * used - self.spread @ blood.exchange
        return rest, blood, slope

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
        field = np.where(self.inside, pressure, np.nan)
        used, _ = self.law.rate(pressure)
        return OxygenField(
            pressure=field.reshape(self.voxels.frame.shape),
            blood=blood,
            voxels=self.voxels,
            consumed=float((self.volume * used).sum()),
            supplied=float(blood.exchange.sum()),
            iterations=iterations,
        )
