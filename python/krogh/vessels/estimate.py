"""Boundary conditions that were not measured, estimated from target pressures and shear stresses.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError, SolverError
from krogh.units import convert, parse_quantity
from krogh.vessels.checks import first_few
from krogh.vessels.flow import FlowReport, conductances, solve_flow
from krogh.vessels.network import Boundary, VesselNetwork
from krogh.vessels.rheology import PLASMA_VISCOSITY, relative_viscosity

__all__ = ["EstimateReport", "estimate_flow"]

Floats = NDArray[np.float64]

_SHEAR = 0.25 * convert(1.0, "mmHg", "dyn/cm^2")
"""dyn/cm^2 at the wall for a fall of 1 mmHg over a length of one diameter: dP D/(4 L)."""

_SEARCHES = 3
"""Rounds in which directions are sought; they stay in later ones, where viscosities settle."""

_FIRST_WEIGHT = 1e-4
"""Weight of shear stress with which the search for directions begins."""


@dataclass(frozen=True)
class EstimateReport:
    """How missing boundary conditions were found.

    Attributes
    ----------
    estimated
        Nodes whose pressure was estimated.
    pressures
        There, mmHg.
    rounds
        Estimates with viscosities that follow from the flow of the round before.
    change
        Last change of the estimated pressures over the target.
    converged
        Whether that is below the tolerance.
    against
        Segments in which blood flows against the direction that the targets assume.
    pressure_deviation, shear_deviation
        Root mean square of (value - target)/target, weighted with length.
    flow
        Report of the last flow.
    """

    estimated: tuple[int, ...]
    pressures: tuple[float, ...]
    rounds: int
    change: float
    converged: bool
    against: int
    pressure_deviation: float
    shear_deviation: float
    flow: FlowReport

    def __str__(self) -> str:
        return (
            f"pressures at {len(self.estimated)} ends estimated in {self.rounds} rounds"
            f" (last change {self.change:.1e} of the target); deviation from the targets:"
            f" pressure {100 * self.pressure_deviation:.0f} %, shear stress"
            f" {100 * self.shear_deviation:.0f} %; {self.against} segments flow against the assumed"
            f" directions\n{self.flow}"
        )


def estimate_flow(
    network: VesselNetwork,
    boundary: Boundary | None = None,
    *,
    target_pressure: Any,
    target_shear: Any,
    shear_weight: float = 1.0,
    tolerance: float = 5e-3,
    max_rounds: int = 30,
    **options: Any,
) -> tuple[VesselNetwork, EstimateReport]:
    """Return the network with flow where pressures or flows are known at some of its ends only.

    Parameters
    ----------
    network
        The vessels.
    boundary
        What is known, at least two conditions in each part; default that of the network.
    target_pressure
        Pressure around which those of the nodes lie, ``"31 mmHg"``.
    target_shear
        Size of the shear stress at the walls, ``"15 dyn/cm^2"``.
    shear_weight
        Weight of relative deviations of shear stress against those of pressure.
    tolerance
        Change of the estimated pressures, over the target, at which the rounds end.  Hematocrit
        jumps where a flow turns, so the change may not fall below some 1e-3.
    max_rounds
        After which it fails.
    options
        Of `solve_flow`: viscosity, hematocrit and so on.

    Notes
    -----
    After Fry, Lee, Smith and Secomb 2012 (doi:10.1111/j.1549-8719.2012.00184.x): pressures minimize
    ``sum w ((p - p0)/p0)^2 + k sum l ((tau - s tau0)/tau0)^2`` (w: half the length of the vessels
    at a node, l: length, both over the total; tau = dP D/(4 L)) under conservation of flow at inner
    nodes and the known conditions.  The directions s are those of the flow found before; k rises
    from 1e-4 by factors of 2 to `shear_weight`, in each of the first three rounds.
    Here deviations are relative to the targets, and the viscosities follow from the flow, round by
    round.  An estimate is as good as its targets: report what they were.

    Raises
    ------
    DataError
        KG-184 for a part with fewer than two conditions, KG-185 for options, and those of
        `solve_flow`.
    SolverError
        KG-323 if the rounds do not converge.
    """
    known = boundary or network.boundary
    if known is None:
        raise DataError(
            "KG-184: an estimate needs at least two known pressures or flows; none is given."
        )
    pressure = float(parse_quantity(target_pressure, "target_pressure").to("mmHg"))
    shear = float(parse_quantity(target_shear, "target_shear").to("dyn/cm^2"))
    if not (pressure > 0.0 and shear > 0.0 and shear_weight > 0.0 and max_rounds >= 1):
        raise DataError("KG-185: targets, shear_weight and max_rounds must be positive.")
    part = network.components()
    given = np.bincount(part[known.nodes], minlength=network.num_components)
    few = np.flatnonzero(given < 2)
    if few.size:
        raise DataError(
            f"KG-184: part {first_few(few)} of {network.num_components} has {given[few[0]]} known"
            " boundary conditions, and an estimate needs two; for example at node"
            f" {first_few(np.intersect1d(network.ends, np.flatnonzero(part == few[0])))}"
            " (counted from 0)."
        )
    missing = np.setdiff1d(network.ends, known.nodes)
    law = options.get("viscosity", "in vivo 2005")
    plasma = options.get("plasma_viscosity", PLASMA_VISCOSITY)
    default = options.get("inlet_hematocrit")
    cells = known.hematocrit[~np.isnan(known.hematocrit)]
    guess = float(cells.mean()) if cells.size else float(default or 0.0)
    entering = np.full(missing.size, np.nan if default is None and not cells.size else guess)
    hematocrit = np.full(network.num_segments, guess)
    problem = _Targets(network, known, missing, pressure, shear)
    found = np.full(missing.size, pressure)
    change, before, rounds, mixing = np.inf, np.inf, 0, 1.0
    solved, report = network, None
    while rounds < max_rounds and change > tolerance:
        rounds, before = rounds + 1, change
        viscosity = plasma * relative_viscosity(law, network.diameter, hematocrit)
        new = problem.solve(conductances(network, viscosity), shear_weight, rounds <= _SEARCHES)
        new = new[missing]
        change = float(np.abs(new - found).max(initial=0.0)) / (pressure * mixing)
        found = new
        complete = Boundary(
            nodes=np.concatenate([known.nodes, missing]),
            is_pressure=np.concatenate([known.is_pressure, np.ones(missing.size, dtype=bool)]),
            values=np.concatenate([known.values, found]),
            hematocrit=np.concatenate([known.hematocrit, entering]),
        )
        solved, report = solve_flow(network, complete, **options)
        if solved.hematocrit is not None:
            # Cells and estimate may chase each other; a growing change halves the step.
            if rounds > _SEARCHES and change > 0.7 * before:
                mixing = max(0.5 * mixing, 0.05)
            hematocrit = hematocrit + mixing * (solved.hematocrit - hematocrit)
    assert report is not None
    assert solved.pressure is not None
    assert solved.flow is not None
    apart = problem.deviations(solved.pressure)
    result = EstimateReport(
        estimated=tuple(missing.tolist()),
        pressures=tuple(found.tolist()),
        rounds=rounds,
        change=change,
        converged=change <= tolerance,
        against=int((np.sign(solved.flow) * problem.signs < 0.0).sum()),
        pressure_deviation=apart[0],
        shear_deviation=apart[1],
        flow=report,
    )
    if change > tolerance:
        raise SolverError(
            f"KG-323: the estimated pressures still change by {change:.1e} of the target after"
            f" {rounds} rounds (tolerance {tolerance:.0e}); raise max_rounds or tolerance, or lower"
            " shear_weight.",
            result=(solved, result),
        )
    return solved, result


class _Targets:
    """The least-squares problem of one network: its matrices, all but the conductances."""

    def __init__(
        self,
        network: VesselNetwork,
        known: Boundary,
        missing: NDArray[np.intp],
        pressure: float,
        shear: float,
    ) -> None:
        from scipy.sparse import coo_matrix, diags

        self.network, self.pressure, self.shear = network, pressure, shear
        count, segments = network.num_nodes, network.num_segments
        rows = np.arange(segments)
        start, stop = network.segments.T
        ones = np.ones(segments)
        self.differences = coo_matrix(
            (
                np.concatenate([ones, -ones]),
                (np.concatenate([rows, rows]), np.concatenate([start, stop])),
            ),
            shape=(segments, count),
        ).tocsr()
        total = float(network.lengths.sum())
        self.share = network.lengths / total
        self.near = 0.5 * np.asarray(abs(self.differences).T @ self.share)
        slope = _SHEAR * network.diameter / network.lengths / shear
        self.stress = (diags(slope) @ self.differences).tocsr()  # shear over its target
        self.fixed = np.zeros(count, dtype=bool)
        self.fixed[known.nodes[known.is_pressure]] = True
        self.values = np.full(count, pressure)
        self.values[known.nodes[known.is_pressure]] = known.values[known.is_pressure]
        self.inflow = np.zeros(count)
        self.inflow[known.nodes[~known.is_pressure]] = known.values[~known.is_pressure]
        self.free = np.flatnonzero(~self.fixed)
        self.signs = np.zeros(segments)  # the directions of the last solution
        conserved = ~self.fixed
        conserved[missing] = False
        self.conserved = np.flatnonzero(conserved)

    def solve(self, conductance: Floats, weight: float, search: bool) -> Floats:
        """Return the pressures at all nodes, mmHg; directions anew, or as found before."""
        from scipy.sparse import bmat, diags
        from scipy.sparse.linalg import splu

        count = self.network.num_nodes
        balance = (self.differences.T @ diags(conductance) @ self.differences).tocsr()
        # Rows of equal size, so that the factorization sees no orders of magnitude.
        balance = (diags(1.0 / balance.diagonal()) @ balance).tocsr()
        scaled_inflow = self.inflow / np.asarray(abs(self.differences).T @ conductance)
        rows = balance[self.conserved]
        constraint = rows[:, self.free]
        fixed_pressure = np.where(self.fixed, self.values, 0.0)
        demand = scaled_inflow[self.conserved] - rows @ fixed_pressure
        mean = diags(self.near / self.pressure**2)
        values = self.values.copy()
        signs = np.zeros(self.network.num_segments) if search else self.signs
        strength = min(_FIRST_WEIGHT, weight) if search else weight
        again = 0
        while True:
            stress = self.stress
            quadratic = (mean + strength * (stress.T @ diags(self.share) @ stress)).tocsr()
            pull = self.near / self.pressure + strength * np.asarray(
                stress.T @ (self.share * signs)
            )
            pull = (pull - quadratic @ fixed_pressure)[self.free]
            matrix = bmat(
                [[quadratic[self.free][:, self.free], constraint.T], [constraint, None]]
            ).tocsc()
            solution = splu(matrix).solve(np.concatenate([pull, demand]))
            values = fixed_pressure.copy()
            values[self.free] = solution[: self.free.size]
            new = np.sign(np.asarray(self.differences @ values))
            self.signs = signs
            settled = not search or bool(np.array_equal(new, signs)) or again >= 20
            signs = new
            if strength < weight:
                strength, again = min(2.0 * strength, weight), 0
            elif settled:
                break
            else:
                again += 1
        assert values.shape == (count,)
        return values

    def deviations(self, pressure: Floats) -> tuple[float, float]:
        """Return root mean squares of relative deviations of pressure and shear stress."""
        apart = (pressure / self.pressure - 1.0) ** 2
        shear = (np.abs(np.asarray(self.stress @ pressure)) - 1.0) ** 2
        return float(np.sqrt((self.near * apart).sum() / self.near.sum())), float(
            np.sqrt((self.share * shear).sum())
        )
