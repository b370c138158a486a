"""interstitial_flow(): fluid between the cells, by Darcy, Starling and lymphatics.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SolverError
from krogh.interstitial.problem import FluidProblem, fluid_problem
from krogh.interstitial.result import InterstitialFlow
from krogh.space.steady import SteadySolver

__all__ = ["interstitial_flow"]

Floats = NDArray[np.float64]

_MOST_SWITCHES: Final = 50
"""Times that lymphatics may open and close; each changes the linear system."""

_EAGER: Final = 0.1
"""Of the linear system at first, over the tolerance of single voxels."""

_MOST_REPAIRS: Final = 4
"""Times that the linear system is solved further where single voxels are off by more."""


def interstitial_flow(
    grid: Any,
    vessels: Any = "tissue",
    *,
    tissue: Any = "tumour",
    regions: Any = None,
    hydraulic_conductivity: Any = None,
    vascular_conductivity: Any = None,
    vascular_pressure: Any = None,
    oncotic_vascular: Any = None,
    oncotic_interstitial: Any = None,
    reflection: Any = None,
    lymph_conductance: Any = None,
    lymph_pressure: Any = None,
    sides: Any = None,
    outer_pressure: Any = None,
    tolerance: float = 1e-10,
    num_threads: int = 0,
) -> InterstitialFlow:
    """Return pressure and flow of the fluid between the cells in steady state.

    Every value is a text with unit, ``(array, unit)`` with an array (nz, ny, nx), or with `regions`
    ``(array, unit)`` with one value for each region; left out, it is that of `tissue`.

    Parameters
    ----------
    grid
        `krogh.space.Grid`.
    vessels
        Surface per tissue volume (``"200 1/cm"``, ``(array, "1/um")``), a
        `krogh.vessels.VesselNetwork` or what its `voxelize` returns, ``"tissue"`` for the surface
        of `tissue`, or None: none.  Voxels within vessels wider than voxels are no tissue.
    tissue
        ``"tumour"``, ``"normal"``, a `TissueFluid`, or one of them for each region:
        ``("tumour", "normal")``.
    regions
        Whole numbers (nz, ny, nx), 255 outside of the tissue; or a mask, True within the tissue.
    hydraulic_conductivity
        K; also ``{"x": ..., "y": ..., "z": ...}`` where it differs along the axes.
    vascular_conductivity
        Lp of vessel walls.
    vascular_pressure
        In the vessels; left out, the mean of the ends of each segment where a network has
        pressures.
    oncotic_vascular, oncotic_interstitial, reflection
        Of plasma and interstitium, and of the wall.
    lymph_conductance, lymph_pressure
        What lymphatics take per volume, time and pressure above theirs; below it they take nothing.
    sides
        Of the grid's box: ``"closed"`` (as left out), ``"periodic"``, or a pressure such as
        ``"0 mmHg"`` for all, or a mapping ``{"x low": "0 mmHg", "y": "periodic"}``.
    outer_pressure
        Held at the faces between tissue and voxels outside of it (255), as of a tumor in a fluid;
        left out, nothing passes there.
    tolerance
        Of the balance of every voxel, over the largest filtration (or, if larger, a hundredth of
        what the vessels would give at zero pressure).
    num_threads
        0: as many as are granted.  Bits do not depend on it.

    Returns
    -------
    InterstitialFlow

    Raises
    ------
    SpecError
        KG-167 for what does not fit the voxels, and for sources without an outlet.
    UnitError
        KG-121, KG-124 for units.
    SolverError
        KG-327 where the system was not solved.

    Notes
    -----
    ``u = -K grad p`` and ``div u = Lp S/V (p_v - p - sigma (pi_v - pi_i)) - L (p - p_L)`` (Baxter &
    Jain 1989, doi 10.1016/0026-2862(89)90074-5), the last term where positive.  Finite volumes with
    harmonic means of K at the faces: second order, first order at staircase borders.  The flow
    through a face comes from the same conductances as the pressure, so that the flow out of a voxel
    equals its sources to `tolerance`.

    Examples
    --------
    >>> from krogh.space import Grid
    >>> from krogh.interstitial import interstitial_flow
    >>> flow = interstitial_flow(Grid((1, 1, 40), "50 um"), sides={"x": "0 mmHg"})
    >>> round(float(flow.pressure_in("mmHg").max()), 2), round(float(flow.speed.max()), 3)
    (10.92, 0.159)
    """
    problem = fluid_problem(
        grid,
        vessels,
        tissue=tissue,
        regions=regions,
        sides=sides,
        outer_pressure=outer_pressure,
        values={
            "hydraulic_conductivity": hydraulic_conductivity,
            "vascular_conductivity": vascular_conductivity,
            "vascular_pressure": vascular_pressure,
            "oncotic_vascular": oncotic_vascular,
            "oncotic_interstitial": oncotic_interstitial,
            "reflection": reflection,
            "lymph_conductance": lymph_conductance,
            "lymph_pressure": lymph_pressure,
        },
    )
    return solve_fluid(problem, tolerance, num_threads)


def solve_fluid(
    problem: FluidProblem,
    tolerance: float = 1e-10,
    num_threads: int = 0,
    guess: Floats | None = None,
) -> InterstitialFlow:
    """Return the flow of a problem in voxels; see `interstitial_flow`."""
    grid, inside = problem.grid, problem.inside
    kinds = {"closed": "closed", "open": "fixed", "periodic": "periodic"}
    solver = SteadySolver(
        [_faces(grid, axis) for axis in range(3)],
        problem.conductivity,
        inside=None if inside.all() else inside,
        sides=[(kinds[kind], 0.0) for kind in problem.sides],
        num_threads=num_threads,
    )
    borders = _outer_faces(problem)
    absorbed, entering = problem.filtration_rate.copy(), _product(problem)
    if problem.outer_pressure is not None:
        volume = grid.voxel_volume
        for lows, highs in borders:
            absorbed += (lows + highs) / volume
            entering += (lows + highs) / volume * problem.outer_pressure
    run = _Run(problem, solver, absorbed, entering)
    run.solve(_EAGER * tolerance, guess)
    for _ in range(_MOST_REPAIRS):
        flow = _result(problem, solver, run, borders)
        off = flow.mismatch / tolerance
        if off <= 1.0:
            return flow
        run.solve(0.3 * run.tolerance / off, None)
    raise SolverError(
        f"KG-327: the interstitial pressure was not solved: single voxels are off by"
        f" {flow.mismatch:.1e} of the largest filtration, {tolerance:.0e} is wanted."
    )


class _Run:
    """Pressure at the tolerance that is asked for, with lymphatics open where they drain."""

    def __init__(
        self, problem: FluidProblem, solver: SteadySolver, absorbed: Floats, entering: Floats
    ) -> None:
        self.problem, self.solver = problem, solver
        self.absorbed, self.entering = absorbed, entering
        self.drains = (problem.lymph_rate > 0.0) & problem.inside
        self.pressure: Floats | None = None
        self.tolerance, self.residual, self.cycles = 0.0, 0.0, 0

    def solve(self, tolerance: float, guess: Floats | None) -> None:
        """Find the pressure from the one before, or from a guess."""
        problem, self.tolerance = self.problem, tolerance
        for _ in range(_MOST_SWITCHES):
            rate = np.where(self.drains, problem.lymph_rate, 0.0)
            self.solver.set_absorption(self.absorbed + rate)
            solution = self.solver.solve(
                self.entering + rate * problem.lymph_pressure,
                outside=problem.side_pressures,
                guess=guess if self.pressure is None else self.pressure,
                tolerance=tolerance,
                what="the interstitial pressure",
            )
            self.pressure, self.residual = solution.values, solution.residual
            self.cycles += solution.cycles
            with np.errstate(invalid="ignore"):
                above = solution.values > problem.lymph_pressure
            now = (problem.lymph_rate > 0.0) & problem.inside & above
            if np.array_equal(now, self.drains):
                return
            self.drains = now
        raise SolverError(
            "KG-327: the interstitial pressure was not solved: lymphatics open and close without"
            f" end ({_MOST_SWITCHES} times)."
        )


def _faces(grid: Any, axis: int) -> Floats:
    return float(grid.spacing[axis]) * np.arange(grid.shape[2 - axis] + 1, dtype=np.float64)


def _product(problem: FluidProblem) -> Floats:
    found: Floats = np.where(
        problem.inside, problem.filtration_rate * problem.filtration_pressure, 0.0
    )
    return found


def _outer_faces(problem: FluidProblem) -> list[tuple[Floats, Floats]]:
    """Return along x, y, z the conductances of low and high faces towards voxels outside.

    Of half a voxel each, um^3/(Pa s), (nz, ny, nx).
    """
    grid, inside = problem.grid, problem.inside
    if problem.outer_pressure is None:
        return []
    found = []
    for axis in range(3):
        step = float(grid.spacing[axis])
        half = 2.0 * problem.conductivity[axis] * grid.voxel_volume / step**2
        numpy_axis = 2 - axis
        outside = ~inside
        is_periodic = problem.sides[2 * axis] == "periodic"
        before, behind = np.roll(outside, 1, numpy_axis), np.roll(outside, -1, numpy_axis)
        if not is_periodic:  # beyond the box stands its side
            first = tuple(slice(0, 1) if a == numpy_axis else slice(None) for a in range(3))
            last = tuple(slice(-1, None) if a == numpy_axis else slice(None) for a in range(3))
            before[first], behind[last] = False, False
        found.append((np.where(inside & before, half, 0.0), np.where(inside & behind, half, 0.0)))
    return found


def _result(
    problem: FluidProblem,
    solver: SteadySolver,
    run: _Run,
    borders: list[tuple[Floats, Floats]],
) -> InterstitialFlow:
    grid, inside, pressure = problem.grid, problem.inside, run.pressure
    assert pressure is not None
    filled = np.where(inside, pressure, 0.0)
    velocity = list(solver.fluxes(filled, problem.side_pressures))
    for axis, (lows, highs) in enumerate(borders):
        assert problem.outer_pressure is not None
        area = grid.voxel_volume / float(grid.spacing[axis])
        numpy_axis = 2 - axis
        count = grid.shape[numpy_axis]
        out = (filled - problem.outer_pressure) / area
        low = tuple(slice(0, count) if a == numpy_axis else slice(None) for a in range(3))
        high = tuple(slice(1, count + 1) if a == numpy_axis else slice(None) for a in range(3))
        own = velocity[axis]
        own[low] -= lows * out
        own[high] += highs * out
        if problem.sides[2 * axis] == "periodic":  # the first face and the last are one
            first = tuple(slice(0, 1) if a == numpy_axis else slice(None) for a in range(3))
            last = tuple(slice(-1, None) if a == numpy_axis else slice(None) for a in range(3))
            both = own[first] + own[last]
            shared = solver.fluxes(filled, problem.side_pressures)[axis][first]
            own[first] = both - shared
            own[last] = both - shared
    filtration = np.where(
        inside, problem.filtration_rate * (problem.filtration_pressure - filled), 0.0
    )
    lymph = np.where(run.drains, problem.lymph_rate * (filled - problem.lymph_pressure), 0.0)
    return InterstitialFlow(
        grid=grid,
        pressure=pressure,
        velocity=(velocity[0], velocity[1], velocity[2]),
        filtration=filtration,
        lymph=lymph,
        inside=inside,
        sides=problem.sides,
        least=0.01 * float(np.abs(_product(problem)).max()),
        cycles=run.cycles,
        residual=run.residual,
    )
