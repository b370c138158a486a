"""Steady fields in voxels, ``-div(K grad p) + a p = f``, solved by the native core.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh import _core
from krogh.errors import SolverError, SpecError
from krogh.space.box import OUTSIDE
from krogh.threads import granted_threads

__all__ = ["SteadySolution", "SteadySolver"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_SUCCESS, _STOPPED = 0, 1


@dataclass(frozen=True, eq=False)
class SteadySolution:
    """A field, shape (nz, ny, nx), NaN outside; multigrid cycles; ``|b - A p|/|b|``; threads."""

    values: Floats
    cycles: int
    residual: float
    num_threads: int


class SteadySolver:
    """Finite volumes with harmonic means at the faces, kept for several right-hand sides.

    Parameters
    ----------
    faces
        Along x, y, z, um, ascending.
    conductivity
        K >= 0: one number, (nz, ny, nx), or along x, y, z (3, nz, ny, nx).
    inside
        Voxels to which the equation applies, (nz, ny, nx); None: all.
    sides
        Six of ``("closed", 0)``, ``("fixed", 0)``, ``("membrane", permeability)``,
        ``("periodic", 0)``: low and high x, y, z.

    Raises
    ------
    SpecError
        KG-167 for what the core refuses.
    """

    def __init__(
        self,
        faces: Sequence[Floats],
        conductivity: Any,
        *,
        inside: Bools | None = None,
        sides: Sequence[tuple[str, float]] = (),
        num_threads: int = 0,
    ) -> None:
        x, y, z = (np.ascontiguousarray(f, dtype=np.float64) for f in faces)
        self.shape = (z.size - 1, y.size - 1, x.size - 1)
        self.inside = inside
        self._threads = granted_threads(num_threads)
        given = np.asarray(conductivity, dtype=np.float64)
        axes = 3 if given.ndim == 4 or given.shape == (3,) else 1
        labels = None
        if inside is not None:
            labels = np.where(inside, np.uint8(0), np.uint8(OUTSIDE))
        try:
            self._core = _core.EllipticSolver(
                x,
                y,
                z,
                np.ascontiguousarray(given),
                axes=axes,
                sides=list(sides),
                regions=labels,
            )
        except ValueError as error:
            raise SpecError(f"KG-167: {error}.") from None

    @property
    def num_floating(self) -> int:
        """Sets of voxels that fix the field up to a constant."""
        return int(self._core.num_floating)

    def set_absorption(self, absorption: Any) -> None:
        """Set a >= 0: one number or (nz, ny, nx).

        Raises
        ------
        SpecError
            KG-167 for other values.
        """
        try:
            self._core.set_absorption(_flat(absorption), num_threads=self._threads)
        except ValueError as error:
            raise SpecError(f"KG-167: {error}.") from None

    def solve(
        self,
        source: Any,
        *,
        outside: Sequence[float] = (0.0,) * 6,
        guess: Floats | None = None,
        tolerance: float = 1e-10,
        max_cycles: int = 200,
        what: str = "the steady field",
        on_progress: Callable[[int, int, float], Any] | None = None,
    ) -> SteadySolution:
        """Return the field for a source, one number or (nz, ny, nx).

        Raises
        ------
        SpecError
            KG-167 for values that do not fit, and sources without an outlet that do not add up to
            zero.
        SolverError
            KG-327 where the residual stays above the tolerance.
        """
        try:
            values, status, cycles, residual, threads = self._core.solve(
                _flat(source),
                outside=[float(v) for v in outside],
                guess=None if guess is None else _flat(np.nan_to_num(guess)),
                tolerance=tolerance,
                max_cycles=max_cycles,
                num_threads=self._threads,
                progress=on_progress,
            )
        except ValueError as error:
            raise SpecError(f"KG-167: {error}.") from None
        if status == _STOPPED:
            raise SolverError(f"KG-327: {what} was stopped after {cycles} cycles.")
        if status != _SUCCESS:
            raise SolverError(
                f"KG-327: {what} was not solved: the residual is {residual:.1e} after {cycles}"
                f" cycles, {tolerance:.0e} is wanted.  Conductivities that differ by many powers of"
                " ten between neighbors, or a tolerance near round-off, may be the reason."
            )
        return SteadySolution(values.reshape(self.shape), int(cycles), float(residual), threads)

    def apply(self, values: Floats) -> Floats:
        """Return absorbed less entering per voxel, flat; values are zero outside."""
        return self._core.apply(_flat(values), num_threads=self._threads)

    def precondition(self, values: Floats) -> Floats:
        """Return about the field with a right-hand side per voxel, flat, by one cycle."""
        return self._core.precondition(_flat(values), num_threads=self._threads)

    def fluxes(
        self, values: Floats, outside: Sequence[float] = (0.0,) * 6
    ) -> tuple[Floats, Floats, Floats]:
        """Return K times the fall per length through all faces, positive along x, y, z."""
        x, y, z = self._core.fluxes(_flat(values), [float(v) for v in outside], self.shape)
        return x, y, z


def _flat(values: Any) -> Floats:
    return np.ascontiguousarray(values, dtype=np.float64).reshape(-1)
