"""Interstitial flow as it was found: pressure, flow through faces, balance, pictures, files.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.space.box import SIDES
from krogh.space.grid import Grid
from krogh.units import convert

__all__ = ["FluidLedger", "InterstitialFlow"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class FluidLedger:
    """Volumes of fluid per time, um^3/s.

    Attributes
    ----------
    filtered, reabsorbed
        Out of vessels and back into them, both positive.
    drained
        By lymphatics.
    left
        Through each of the six sides of the box, positive outward, and ``"border"``: through faces
        to voxels outside of the tissue.
    """

    filtered: float
    reabsorbed: float
    drained: float
    left: dict[str, float]

    @property
    def imbalance(self) -> float:
        """What enters less what leaves, over the larger of the sums of both."""
        out = sum(max(v, 0.0) for v in self.left.values())
        back = sum(max(-v, 0.0) for v in self.left.values())
        enters, leaves = self.filtered + back, self.reabsorbed + self.drained + out
        size = max(enters, leaves)
        return (enters - leaves) / size if size > 0.0 else 0.0


@dataclass(frozen=True, eq=False)
class InterstitialFlow:
    """Fluid between the cells in steady state.

    Attributes
    ----------
    grid
        The voxels.
    pressure
        Pa, (nz, ny, nx); NaN outside of the tissue.
    velocity
        Through faces along x, y, z, fluid per total area, um/s, positive along the axis; shapes
        (nz, ny, nx + 1), (nz, ny + 1, nx), (nz + 1, ny, nx).
    filtration
        Fluid that leaves the vessels per tissue volume, 1/s, negative where it goes back.
    lymph
        Fluid that lymphatics take per tissue volume, 1/s.
    inside
        Tissue, (nz, ny, nx).
    sides
        Kinds of the six sides of the box: ``"closed"``, ``"open"``, ``"periodic"``.
    least
        A hundredth of the largest filtration at zero pressure, 1/s.
    cycles
        Of multigrid.
    residual
        Of the linear system over its right-hand side, Euclidean norms.
    """

    grid: Grid
    pressure: Floats
    velocity: tuple[Floats, Floats, Floats]
    filtration: Floats
    lymph: Floats
    inside: Bools
    sides: tuple[str, ...]
    least: float
    cycles: int
    residual: float

    def __post_init__(self) -> None:
        for array in (self.pressure, *self.velocity, self.filtration, self.lymph, self.inside):
            array.flags.writeable = False

    @cached_property
    def divergence(self) -> Floats:
        """Flow out through the faces of each voxel over its volume, 1/s, (nz, ny, nx)."""
        x, y, z = self.velocity
        hx, hy, hz = (float(h) for h in self.grid.spacing)
        found: Floats = np.diff(x, axis=2) / hx + np.diff(y, axis=1) / hy + np.diff(z, axis=0) / hz
        return np.where(self.inside, found, 0.0)

    @property
    def mismatch(self) -> float:
        """Largest ``divergence - filtration + lymph`` over the largest filtration, or `least`."""
        rest = float(np.abs(self.divergence - self.filtration + self.lymph).max())
        size = max(float(np.abs(self.filtration).max()), self.least)
        return rest / size if size > 0.0 else 0.0

    @cached_property
    def speed(self) -> Floats:
        """Size of the flow per total area at the centers of voxels, um/s; NaN outside."""
        x, y, z = self.velocity
        middle = (
            0.5 * (x[:, :, 1:] + x[:, :, :-1]),
            0.5 * (y[:, 1:] + y[:, :-1]),
            0.5 * (z[1:] + z[:-1]),
        )
        found = np.sqrt(sum(v**2 for v in middle))
        return np.where(self.inside, found, np.nan)

    def pressure_in(self, unit: str = "mmHg") -> Floats:
        """Return the pressure in another unit, (nz, ny, nx)."""
        return np.asarray(convert(self.pressure, "Pa", unit))

    def ledger(self) -> FluidLedger:
        """Return what enters and leaves the tissue."""
        volume = self.grid.voxel_volume
        left: dict[str, float] = {}
        border = 0.0
        for axis, flux in enumerate(self.velocity):
            numpy_axis = 2 - axis
            area = volume / float(self.grid.spacing[axis])
            low, high = np.take(flux, 0, numpy_axis), np.take(flux, -1, numpy_axis)
            if self.sides[2 * axis] == "periodic":
                left[SIDES[2 * axis]] = left[SIDES[2 * axis + 1]] = 0.0
            else:
                left[SIDES[2 * axis]] = -float(low.sum()) * area
                left[SIDES[2 * axis + 1]] = float(high.sum()) * area
            border += self._through_border(flux, numpy_axis, axis) * area
        left["border"] = border
        given = self.filtration * volume
        return FluidLedger(
            filtered=float(np.maximum(given, 0.0).sum()),
            reabsorbed=float(np.maximum(-given, 0.0).sum()),
            drained=float(self.lymph.sum()) * volume,
            left=left,
        )

    def _through_border(self, flux: Floats, numpy_axis: int, axis: int) -> float:
        """Return what passes from tissue to voxels outside across one axis, um/s summed."""
        tissue = np.moveaxis(self.inside, numpy_axis, 0).astype(np.int8)
        through = np.moveaxis(flux, numpy_axis, 0)
        found = float((through[1:-1] * (tissue[:-1] - tissue[1:])).sum())
        if self.sides[2 * axis] == "periodic":
            found += float((through[0] * (tissue[-1] - tissue[0])).sum())
        return found

    def fields(self) -> Any:
        """Return pressure, speed, filtration and lymph as `krogh.io.Fields`."""
        from krogh.io.fields import Fields

        outside = np.where(self.inside, 0.0, np.nan)
        return Fields(
            self.grid,
            ([0.0], "s"),
            {
                "pressure": (self.pressure_in("mmHg"), "mmHg"),
                "speed": (self.speed, "um/s"),
                "filtration": (self.filtration + outside, "1/s"),
                "lymph": (self.lymph + outside, "1/s"),
            },
            descriptions={
                "pressure": "interstitial pressure",
                "speed": "interstitial flow per total area",
                "filtration": "fluid from vessels per tissue volume",
                "lymph": "fluid into lymphatics per tissue volume",
            },
            facts={"sides": list(self.sides), "residual": self.residual},
        )

    def save(self, path: str | Path, name: str | None = None) -> Path:
        """Write pressure, speed, filtration and lymph to a file, as `krogh.io.Fields.save`.

        ``.vtkhdf``, ``.h5`` and ``.vti`` take all, ``.nii`` and ``.nii.gz`` one of them by name.
        """
        saved: Path = self.fields().save(path, name)
        return saved

    def plot_slices(
        self, name: str = "pressure", *, at: Any = None, path: str | Path | None = None
    ) -> Any:
        """Draw three orthogonal slices of pressure, speed, filtration or lymph.

        Parameters
        ----------
        name
            Which.
        at
            Voxel z, y, x through which the slices go; the middle of the grid if left out.
        path
            File to write as well.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        MissingExtra
            KG-901 without matplotlib.
        """
        from krogh.volume.plot import plot_slices

        return plot_slices(self._shown(), name, at=at, path=path)

    def _shown(self) -> Any:
        return _Shown(self)

    def __repr__(self) -> str:
        z, y, x = self.grid.shape
        known = self.pressure_in("mmHg")[self.inside]
        return (
            f"<InterstitialFlow: {x} x {y} x {z} voxels, pressure {known.min():.3g} to"
            f" {known.max():.3g} mmHg, flow up to {np.nanmax(self.speed):.3g} um/s>"
        )


class _Shown:
    """What a picture of slices asks a result for."""

    def __init__(self, flow: InterstitialFlow) -> None:
        self.grid = flow.grid
        self._fields = flow.fields()

    def fields(self, names: list[str]) -> Any:
        for name in names:
            self._fields[name]
        return self._fields
