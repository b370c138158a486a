"""Blood flow in a network: Poiseuille with viscosity and hematocrit that agree with the flow.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError, SolverError
from krogh.units import convert
from krogh.vessels.checks import first_few, summed
from krogh.vessels.fixed_point import FixedPoint
from krogh.vessels.hematocrit import distribute_cells
from krogh.vessels.network import Boundary, VesselNetwork
from krogh.vessels.rheology import PLASMA_VISCOSITY, relative_viscosity

__all__ = ["FlowReport", "conductances", "junction_errors", "solve_flow", "wall_shear_stress"]

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

_ROUND_OFF = 1e-14
"""Of flows, as share of the largest; smaller ones are set to zero and counted as stagnant."""

_LOG = logging.getLogger("krogh")

# pi/128 um^3/(mPa s) mmHg in nl/min
_POISEUILLE = np.pi / 128.0 * convert(1.0, "mmHg", "mPa") * convert(1.0, "um^3/s", "nl/min")
# 32/pi mPa s (nl/min)/um^3 in dyn/cm^2
_SHEAR = 32.0 / np.pi * convert(1.0, "nl/min", "um^3/s") * convert(1.0, "mPa", "dyn/cm^2")


@dataclass(frozen=True)
class FlowReport:
    """How the flow was found.

    Attributes
    ----------
    iterations
        Solutions of the pressures.
    converged
        Whether the disagreement is below the tolerance.
    disagreement
        Largest relative difference between the viscosity with which the flow was computed and that
        of the hematocrit which this flow carries.
    history
        The disagreement at each iteration.
    junction_error
        Largest imbalance at an inner node over the flow through it.
    adjusted
        By part of the network with flows at all ends: their sum over the flow through it, which was
        distributed over its ends.
    stagnant
        Segments without flow (below 1e-14 of the largest, which is round-off).
    viscosity
        Name of the law.
    """

    iterations: int
    converged: bool
    disagreement: float
    history: tuple[float, ...]
    junction_error: float
    adjusted: dict[int, float] = field(default_factory=dict)
    stagnant: int = 0
    viscosity: str = ""

    def __str__(self) -> str:
        lines = [
            f"{'converged' if self.converged else 'NOT converged'} after {self.iterations}"
            f" iterations: viscosity and the flow's hematocrit agree to {self.disagreement:.1e}"
            f" ({self.viscosity})",
            f"flow conserved at junctions to {self.junction_error:.1e}",
        ]
        lines += [
            f"part {part}: the given flows add up to {share:.1e} of the flow through it, which was"
            " distributed over its ends"
            for part, share in self.adjusted.items()
            if share != 0.0
        ]
        if self.stagnant:
            lines.append(f"{self.stagnant} segments without flow")
        return "\n".join(lines)


def conductances(network: VesselNetwork, viscosity: Floats) -> Floats:
    """Return flow per pressure difference of each segment, nl/min/mmHg (Poiseuille's law).

    Parameters
    ----------
    network
        The vessels.
    viscosity
        Apparent viscosity, mPa s, shape (m,).
    """
    found: Floats = _POISEUILLE * network.diameter**4 / (viscosity * network.lengths)
    return found


def wall_shear_stress(network: VesselNetwork, viscosity: Floats) -> Floats:
    """Return 32 mu Q / (pi D^3), dyn/cm^2, with the sign of the flow, shape (m,).

    Raises
    ------
    DataError
        KG-187 for a network without flow.
    """
    if network.flow is None:
        raise DataError("KG-187: the network has no flow; compute it with solve_flow.")
    found: Floats = _SHEAR * viscosity * network.flow / network.diameter**3
    return found


def junction_errors(network: VesselNetwork, flow: Floats | None = None) -> Floats:
    """Return the net inflow at each inner node over the flow through it, shape (n,); 0 at ends.

    Inner nodes have two segments or more and no boundary condition.
    """
    values = network.flow if flow is None else flow
    if values is None:
        raise DataError("KG-187: the network has no flow; compute it with solve_flow.")
    start, stop = network.segments.T
    net = summed(stop, values, network.num_nodes) - summed(start, values, network.num_nodes)
    size = np.abs(values)
    through = 0.5 * (summed(stop, size, network.num_nodes) + summed(start, size, network.num_nodes))
    inner = network.degrees > 1
    if network.boundary is not None:
        inner[network.boundary.nodes] = False
    share = np.divide(np.abs(net), through, out=np.zeros_like(net), where=through > 0.0)
    found: Floats = np.where(inner, share, 0.0)
    return found


def solve_flow(
    network: VesselNetwork,
    boundary: Boundary | None = None,
    *,
    viscosity: str = "in vivo 2005",
    plasma_viscosity: float = PLASMA_VISCOSITY,
    phase_separation: bool = True,
    inlet_hematocrit: float | None = None,
    tolerance: float = 1e-8,
    max_iterations: int = 200,
    max_imbalance: float = 1e-3,
    on_failure: str = "raise",
) -> tuple[VesselNetwork, FlowReport]:
    """Return the network with flow, hematocrit and pressures, and how they were found.

    Parameters
    ----------
    network
        The vessels.
    boundary
        Pressures or flows at boundary nodes; default those of the network.  A node with a single
        segment and no condition is a dead end without flow.
    viscosity
        Law of apparent viscosity: a name in `krogh.vessels.rheology.VISCOSITIES`.
    plasma_viscosity
        mPa s.
    phase_separation
        Whether red cells split unevenly where a vessel branches in two (`cell_split`); elsewhere,
        and without it, they follow the blood.
    inlet_hematocrit
        Where blood enters and the boundary condition states none.
    tolerance
        Relative disagreement of the viscosities at which the iteration ends.
    max_iterations
        After which it fails.
    max_imbalance
        Flows given at all ends of a part may add up to this share of the flow through it (rounded
        digits); the rest is distributed over these ends in proportion and reported.
    on_failure
        ``"raise"``, or ``"return"`` for the last state with ``converged=False``.

    Notes
    -----
    Pressures at nodes solve a symmetric sparse system; the flows are then corrected by the
    imbalance they leave, so that they are conserved to round-off.  Hematocrit and viscosity follow
    from the flow; the viscosities of the next step come from those of the last ones by Anderson's
    method (`krogh.vessels.fixed_point`).  Where flows are given at all ends of a part, its lowest
    end has the pressure 0.

    Raises
    ------
    DataError
        KG-184 if conditions are missing, do not balance, or leave hematocrit unknown; KG-185 for
        options.
    SolverError
        KG-324 if the iteration does not converge; the last state is in ``.result``.
    """
    conditions = boundary or network.boundary
    if conditions is None:
        raise DataError(
            "KG-184: no pressure or flow is given at any end; pass Boundary.of(pressures={...}), or"
            " estimate missing ones with krogh.vessels.estimate_flow."
        )
    if on_failure not in ("raise", "return"):
        raise DataError(f"KG-185: on_failure must be 'raise' or 'return', not {on_failure!r}.")
    if not (0.0 < tolerance < 1.0 and max_iterations >= 1 and plasma_viscosity > 0.0):
        raise DataError(
            "KG-185: tolerance must lie between 0 and 1, max_iterations and plasma_viscosity be"
            " positive."
        )
    system = PressureSystem(network.replace(boundary=conditions), max_imbalance)
    cells = entering_cells(network, conditions, inlet_hematocrit)
    start = cells[~np.isnan(cells)]
    constant = viscosity == "plasma" and not start.size  # no cells are known, and none needed
    hematocrit = np.full(network.num_segments, start.mean() if start.size else 0.0)
    log_viscosity = np.log(
        plasma_viscosity * relative_viscosity(viscosity, network.diameter, hematocrit)
    )
    steps, history = FixedPoint(), []
    while True:
        pressure, flow = system.solve(conductances(network, np.exp(log_viscosity)))
        if not constant:
            hematocrit = distribute_cells(network, flow, cells, phase_separation=phase_separation)
        wanted = np.log(
            plasma_viscosity * relative_viscosity(viscosity, network.diameter, hematocrit)
        )
        history.append(float(np.abs(wanted - log_viscosity).max()))
        if history[-1] <= tolerance or len(history) == max_iterations:
            break
        log_viscosity = steps.next(log_viscosity, wanted - log_viscosity)
    converged = history[-1] <= tolerance
    solved = network.replace(
        flow=flow,
        hematocrit=None if constant else hematocrit,
        pressure=pressure,
        boundary=system.boundary,
    )
    report = FlowReport(
        iterations=len(history),
        converged=converged,
        disagreement=history[-1],
        history=tuple(history),
        junction_error=float(junction_errors(solved).max()),
        adjusted=system.adjusted,
        stagnant=int((flow == 0.0).sum()),
        viscosity=viscosity,
    )
    _LOG.info("flow in %d segments: %s", network.num_segments, report)
    if not converged and on_failure == "raise":
        raise SolverError(
            f"KG-324: flow, viscosity and hematocrit do not agree after {max_iterations}"
            f" iterations: viscosities differ by {history[-1]:.1e} (tolerance {tolerance:.0e})."
            "  Raise max_iterations or tolerance; on_failure='return' gives the last state.",
            result=(solved, report),
        )
    return solved, report


def entering_cells(network: VesselNetwork, boundary: Boundary, default: float | None) -> Floats:
    """Return the hematocrit of blood that would enter at each node, NaN where none is known."""
    if default is not None and not 0.0 <= default <= 0.99:
        raise DataError(f"KG-185: inlet_hematocrit must lie between 0 and 0.99, not {default}.")
    cells = np.full(network.num_nodes, np.nan)
    cells[boundary.nodes] = boundary.hematocrit
    if default is not None:
        cells[boundary.nodes[np.isnan(boundary.hematocrit)]] = default
    return cells


class PressureSystem:
    """The linear system of the pressures of one network with its boundary conditions.

    Raises
    ------
    DataError
        KG-184 for parts without conditions or with flows that do not add up.
    """

    def __init__(self, network: VesselNetwork, max_imbalance: float) -> None:
        assert network.boundary is not None
        self.network = network
        self.adjusted: dict[int, float] = {}
        boundary = network.boundary
        part = network.components()
        count = network.num_components
        of_pressure = np.bincount(part[boundary.nodes[boundary.is_pressure]], minlength=count)
        of_any = np.bincount(part[boundary.nodes], minlength=count)
        lost = np.flatnonzero(of_any == 0)
        if lost.size:
            raise DataError(
                f"KG-184: part {first_few(lost)} of {count} has no boundary condition, for example"
                f" node {first_few(np.flatnonzero(part == lost[0]))} (counted from 0).  Give a"
                " pressure or flow there, or keep the connected rest with `.subset` or `.largest`."
            )
        values = boundary.values.copy()
        for index in np.flatnonzero(of_pressure == 0):
            own = np.flatnonzero(part[boundary.nodes] == index)
            total, size = float(values[own].sum()), 0.5 * float(np.abs(values[own]).sum())
            share = abs(total) / size if size > 0.0 else 0.0
            if share > max_imbalance:
                raise DataError(
                    f"KG-184: the flows given at the ends of part {index} add up to {total:g}"
                    f" nl/min, {share:.2g} of the flow through it (allowed: {max_imbalance:g}):"
                    f" nodes {first_few(boundary.nodes[own])}.  Give one end a pressure instead, or"
                    " raise max_imbalance."
                )
            if size > 0.0:
                values[own] -= total * np.abs(values[own]) / (2.0 * size)
            self.adjusted[int(index)] = share
        self.boundary = Boundary(
            boundary.nodes, boundary.is_pressure, values, boundary.hematocrit, boundary.others
        )
        self.fixed = np.zeros(network.num_nodes, dtype=bool)
        self.pressure = np.zeros(network.num_nodes)
        self.fixed[boundary.nodes[boundary.is_pressure]] = True
        self.pressure[boundary.nodes[boundary.is_pressure]] = values[boundary.is_pressure]
        self.inflow = np.zeros(network.num_nodes)
        self.inflow[boundary.nodes[~boundary.is_pressure]] = values[~boundary.is_pressure]
        # A part with flows only has pressures up to a constant: one of its nodes is held at 0.
        self.floating = [
            np.flatnonzero(part == index) for index in np.flatnonzero(of_pressure == 0)
        ]
        for nodes in self.floating:
            self.fixed[nodes[0]] = True
        self.free = np.flatnonzero(~self.fixed)

    def solve(self, conductance: Floats) -> tuple[Floats, Floats]:
        """Return pressures, mmHg, and flows, nl/min, for conductances in nl/min/mmHg."""
        from scipy.sparse import coo_matrix
        from scipy.sparse.linalg import splu

        network = self.network
        start, stop = network.segments.T
        pressure = self.pressure.copy()
        flow = conductance * (pressure[start] - pressure[stop])
        if not self.free.size:
            return pressure, flow
        rows = np.concatenate([start, stop, start, stop])
        columns = np.concatenate([start, stop, stop, start])
        values = np.concatenate([conductance, conductance, -conductance, -conductance])
        shape = (network.num_nodes, network.num_nodes)
        matrix = coo_matrix((values, (rows, columns)), shape=shape).tocsc()
        matrix = matrix[self.free][:, self.free]
        # Scaled to a unit diagonal: conductances span many orders of magnitude.
        scale = 1.0 / np.sqrt(matrix.diagonal())
        matrix.data *= scale[matrix.indices] * np.repeat(scale, np.diff(matrix.indptr))
        factor = splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
        # Corrections to the flows, not differences of pressures, carry the last digits.
        for _ in range(4):
            rest = self.inflow + summed(stop, flow, network.num_nodes)
            rest -= summed(start, flow, network.num_nodes)
            step = np.zeros(network.num_nodes)
            step[self.free] = scale * factor.solve(scale * rest[self.free])
            pressure += step
            flow = flow + conductance * (step[start] - step[stop])
        # Below the round-off of the largest flow stands nothing: dead ends and balanced bridges.
        largest = float(np.abs(flow).max(initial=0.0))
        drive = float((conductance * (np.abs(pressure[start]) + np.abs(pressure[stop]))).max())
        if largest < 10.0 * _ROUND_OFF * drive:  # equal pressures everywhere
            flow[:] = 0.0
        flow[np.abs(flow) < _ROUND_OFF * largest] = 0.0
        for nodes in self.floating:
            ends = np.intersect1d(nodes, self.boundary.nodes)
            pressure[nodes] -= pressure[ends].min()
        return pressure, flow
