"""Everything that is to be solved in a volume, as arrays in internal units.

SPDX-License-Identifier: BSD-3-Clause

A volume is one line whose cells are the voxels within the tissue, in the order of the grid (x
fastest): what `krogh.line` knows of parameters, fields, plasma, tolerances and amounts holds for
it, and only what lies between the voxels and around them is its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError
from krogh.line.problem import LineProblem, Mobile
from krogh.space.box import SIDES
from krogh.space.grid import Grid
from krogh.volume.fluid import Fluid

if TYPE_CHECKING:
    from krogh.vessels import VesselVoxels
    from krogh.volume.carried import Carried
    from krogh.volume.feed import Feed
    from krogh.volume.radiation import Fractions

__all__ = ["WAYS", "VolumeProblem", "VoxelShape"]

Floats = NDArray[np.float64]

WAYS: Final = ("vessels", *SIDES, "lymph", "border")
"""By which something enters and leaves, in the order of ledgers."""


@dataclass(frozen=True)
class VoxelShape:
    """Stands where a line has its shape: voxels have no lengths that could be given as values."""

    grid: Grid
    length_names: tuple[str, ...] = ()
    label: str = "volume"

    def __repr__(self) -> str:
        return repr(self.grid)


@dataclass
class VolumeProblem(LineProblem):
    """Voxels of one tissue model; arrays over cells are arrays over the voxels inside.

    Attributes
    ----------
    grid
        Where the voxels lie.
    inside
        Flat numbers of the voxels within the tissue, ascending, shape (cells,).
    sides
        Kind of each of the six sides: closed, periodic, fixed, membrane or open.
    rates
        Exchange with vessels of every mobile species, 1/s, shape (mobiles, cells).
    exchanges
        Whether each mobile species exchanges with vessels.
    num_lumen
        Voxels within vessels: no tissue, but a part of the tumour's volume, as of a cylinder.
    labels
        Region of each voxel inside, shape (cells,).
    membranes
        Mobile species, two regions and permeability, um/s, of each.
    partition
        Coefficients K, shape (mobiles, cells); None: 1.
    anisotropy
        Factors of the diffusivity, shape (mobiles, 3, cells); None: 1.
    fluid
        That carries what moves; None: it rests.
    corrected
        Whether convection is corrected to second order.
    out_rates
        As `rates`, of what leaves; None: the same.
    drained
        Ways by which fluid alone takes something out of voxels, with rates, 1/s, of every mobile
        species, shape (mobiles, cells).
    turns
        Times, s, at which the flow changes, and the problem as it is from then on.
    per_length
        Of a network, what passes each vessel's wall per length and concentration, um^2/s, by
        number of the mobile species, shape (segments,).
    vessels_of
        The vessels on the grid by which each of them exchanges.
    carried
        Blood that flows along the network, or None.
    feeds
        What the plasma hears of the tissue.
    fractions
        Fractions of radiation, or None.
    """

    grid: Grid = field(default_factory=lambda: Grid((1, 1, 1), "1 um"))
    inside: NDArray[np.intp] = field(default_factory=lambda: np.zeros(1, dtype=np.intp))
    sides: tuple[str, ...] = ("closed",) * 6
    rates: Floats = field(default_factory=lambda: np.zeros((0, 1)))
    exchanges: tuple[bool, ...] = ()
    notes: tuple[str, ...] = ()
    num_lumen: int = 0
    labels: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(1, dtype=np.uint8))
    membranes: tuple[tuple[int, int, int, float], ...] = ()
    partition: Floats | None = None
    anisotropy: Floats | None = None
    fluid: Fluid | None = None
    corrected: bool = True
    out_rates: Floats | None = None
    drained: tuple[tuple[str, Floats], ...] = ()
    per_length: dict[int, Floats] = field(default_factory=dict)
    vessels_of: dict[int, VesselVoxels] = field(default_factory=dict)
    carried: Carried | None = None
    turns: tuple[tuple[float, VolumeProblem], ...] = ()
    feeds: tuple[Feed, ...] = ()
    fractions: Fractions | None = None

    @property
    def cells(self) -> int:
        """Number of voxels inside."""
        return int(self.inside.size)

    @property
    def pieces(self) -> int:
        """One: all voxels together."""
        return 1

    @property
    def capillary(self) -> None:
        """Blood is not followed."""
        return

    @cached_property
    def volumes(self) -> Floats:
        """Volumes of the voxels inside, um^3, shape (1, cells)."""
        return np.full((1, self.cells), self.grid.voxel_volume)

    @cached_property
    def number(self) -> Floats:
        """How many such boxes the tumour is, shape (1,)."""
        assert self.volume is not None
        return self.volume / ((self.cells + self.num_lumen) * self.grid.voxel_volume)

    @property
    def whole(self) -> bool:
        """Whether every voxel of the grid is inside."""
        return self.cells == self.grid.num_voxels

    @cached_property
    def storage(self) -> Floats:
        """Concentration in the tissue over that outside at rest, eps K, shape (mobiles, cells)."""
        eps: Floats = self.fraction[0]
        return eps if self.partition is None else eps * self.partition

    @cached_property
    def retardation(self) -> Floats:
        """Velocity of each mobile species over that of the fluid, shape (mobiles, cells).

        Raises
        ------
        SpecError
            KG-108 for one that is negative or not finite.
        """
        found = self.per_cell([m.transport.retardation for m in self.mobiles])
        self._require(found, "retardation", lambda v: v >= 0.0, "not negative")
        slowed: Floats = found[0]
        return slowed

    def from_plasma(self, entered: Floats) -> Floats:
        """Return what the plasma has lost of what entered by each way, (..., ways)."""
        found: Floats = entered[..., 0] + entered[..., 7]
        return found

    def on_grid(self, values: Floats, outside: float = np.nan) -> Floats:
        """Return values of the voxels inside, (..., cells), on the grid, (..., nz, ny, nx)."""
        shape = (*values.shape[:-1], *self.grid.shape)
        if self.whole:
            return np.ascontiguousarray(values).reshape(shape)
        full = np.full((*values.shape[:-1], self.grid.num_voxels), outside)
        full[..., self.inside] = values
        return full.reshape(shape)

    def uniform(self, expression: Any, what: str, mobile: Mobile) -> float:
        """Return a value that must be the same in all voxels.

        Raises
        ------
        SpecError
            KG-108 where it is not, or is negative or not finite.
        """
        found = np.atleast_1d(self.values.value(expression)).reshape(-1)
        value = float(found[0])
        if not (np.all(found == value) and np.isfinite(value) and value >= 0.0):
            raise SpecError(
                f"KG-108: {what} of the {mobile.transport.label} must be one number for all voxels,"
                f" finite and not negative; found {found.min():g} to {found.max():g}."
            )
        return value

    def free(self, mobile: Mobile, wall: int) -> Floats:
        """Return the free fraction in plasma, shape (1,)."""
        return np.array([self.uniform(mobile.transport.free_in_plasma, "free_in_plasma", mobile)])

    @property
    def facts(self) -> Mapping[str, Any]:
        """What is stored with results."""
        return {"sides": dict(zip(SIDES, self.sides, strict=True)), "voxels": self.cells}
