"""Tumours in 3-D: vessels in a box of tissue, with the cells of a tumour of the library.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError
from krogh.library.tumour_spec import Tumour
from krogh.space.grid import Grid
from krogh.vessels import VesselNetwork, VesselVoxels
from krogh.vessels.checks import length_um

if TYPE_CHECKING:
    from krogh.io.image import Image
    from krogh.study.volume_result import TumourResult
    from krogh.tumour.living import Living
    from krogh.volume import Radiation, VolumeResult

__all__ = ["Tumour3D"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Tumour3D:
    """A box of tissue with vessels, frozen.

    Attributes
    ----------
    tumour
        Cells, targets and their densities; of its shape nothing is used.
    grid
        The voxels.
    network
        The vessels; None where `surface` stands for them.
    surface
        In place of a network, vessel surface per tissue volume, 1/um, (nz, ny, nx).
    lumen
        Voxels within vessels of which only the walls are known, (nz, ny, nx); they are no tissue.
    mask
        Which voxels are tissue, (nz, ny, nx); None: all.
    fields
        Parameters of the tissue that differ between voxels: name to (array (nz, ny, nx), unit).
    measured
        Images that were taken with the tumour, such as of a drug, by channel; on the same grid.
    notes
        How it was made of what was given.
    recipe
        Which function made it and with which arguments, where text can say so (for studies in
        files); None for tumours made of arrays.
    kernel_radius
        Over which the exchange of thin vessels is spread (`krogh.vessels.voxelize`); None: into the
        voxels that they cross.
    """

    tumour: Tumour
    grid: Grid
    network: VesselNetwork | None
    surface: Floats | None = None
    lumen: Bools | None = None
    mask: Bools | None = None
    fields: Mapping[str, tuple[Floats, str]] = field(default_factory=dict)
    measured: Mapping[str, Image] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    recipe: Mapping[str, Any] | None = None
    kernel_radius: str | None = None

    def __post_init__(self) -> None:
        if (self.network is None) == (self.surface is None):
            raise SpecError("KG-166: a Tumour3D has a network of vessels, or their surface.")
        for name, array in (("surface", self.surface), ("lumen", self.lumen), ("mask", self.mask)):
            if array is not None and array.shape != self.grid.shape:
                raise SpecError(
                    f"KG-166: {name} has shape {array.shape}; {self.grid.shape} (z, y, x) is"
                    " needed."
                )

    @cached_property
    def voxels(self) -> VesselVoxels:
        """The vessels on the grid, as `krogh.simulate_volume` takes them.

        Raises
        ------
        SpecError
            KG-166 for a tumour without a network.
        """
        if self.network is None:
            raise SpecError(
                "KG-166: of the vessels of this tumour only their surface per volume is known;"
                " tumour.exchange has it."
            )
        return self.network.voxelize(self.grid, kernel_radius=self.kernel_radius)

    @property
    def exchange(self) -> Floats:
        """Vessel surface per tissue volume, 1/um, (nz, ny, nx)."""
        return self.voxels.surface_density if self.surface is None else self.surface

    @cached_property
    def tissue(self) -> Bools:
        """Which voxels are tissue: within the mask, and not within a vessel, (nz, ny, nx)."""
        found = np.ones(self.grid.shape, dtype=bool) if self.mask is None else self.mask.copy()
        lumen = self.lumen if self.network is None else self.voxels.lumen
        return found if lumen is None else found & ~lumen

    @cached_property
    def distance(self) -> Floats:
        """Distance of each voxel's center to the nearest vessel, um, (nz, ny, nx).

        To its center line, or where only walls are known to the nearest voxel within a vessel.

        Raises
        ------
        SpecError
            KG-166 where vessels are known as a surface per volume only.
        """
        if self.network is not None:
            return self.voxels.distance()
        return self.wall_distance

    @cached_property
    def wall_distance(self) -> Floats:
        """Distance of each voxel's center to the nearest vessel wall, um, (nz, ny, nx).

        Raises
        ------
        SpecError
            KG-166 where vessels are known as a surface per volume only.
        """
        if self.network is not None:
            return self.voxels.distance(wall=True)
        if self.lumen is None or not self.lumen.any():
            raise SpecError(
                "KG-166: where the vessels of this tumour lie is not known, only their surface per"
                " volume; there is no distance to them."
            )
        from scipy.ndimage import distance_transform_edt

        away = distance_transform_edt(~self.lumen, sampling=self.grid.spacing[::-1])
        half = 0.5 * float(self.grid.spacing.min())
        return np.asarray(np.where(self.lumen, 0.0, np.maximum(away - half, 0.0)))

    @property
    def has_distance(self) -> bool:
        """Whether it is known where vessels lie."""
        return self.network is not None or (self.lumen is not None and bool(self.lumen.any()))

    def as_cylinder(self) -> Tumour:
        """Return the tissue around one vessel of the same density of vessels (Krogh's cylinder).

        Its inner radius is the mean radius of the vessels by length, that of the library's tumour
        where only their surface is known; its outer radius is ``1/sqrt(pi N)``, N being the length
        of vessels per volume within the box.
        """
        volume = float(np.count_nonzero(self.tissue)) * self.grid.voxel_volume
        if self.network is not None:
            lengths = self.voxels.inside_length
            inner = float((self.network.radius * lengths).sum() / lengths.sum())
            density = float(lengths.sum()) / volume
        else:
            inner = length_um(self.tumour.values["inner_radius"].value, "inner_radius")
            surface = float(self.exchange[self.tissue].sum()) * self.grid.voxel_volume
            density = surface / (2.0 * np.pi * inner) / volume
        outer = 1.0 / np.sqrt(np.pi * density)
        return self.tumour.with_values(
            inner_radius=f"{inner:.6g} um", outer_radius=f"{outer:.6g} um"
        )

    def with_values(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> Tumour3D:
        """Return the same box with other values of its cells and targets.

        Parameters
        ----------
        values, **more
            As of ``Tumour.with_values``.
        """
        return replace(self, tumour=self.tumour.with_values(values, **more))

    def run(
        self,
        drugs: Any,
        regimen: Any,
        *,
        subject: Any = "mouse 20 g",
        until: str = "24 h",
        times: Any = None,
        values: Mapping[str, Any] | None = None,
        progress: Any = None,
        **options: Any,
    ) -> TumourResult:
        """Solve the tumour after doses of drugs: `krogh.Study` of this tumour, run.

        Parameters
        ----------
        drugs, regimen, subject, until
            As of `krogh.Study`: names or specs, ``"3.6 mg/kg"``.
        times
            Recorded times as of `krogh.simulate_volume`; 25 up to `until` if left out.
        values
            Other values of the models' parameters, by their names (``"permeability_TDM1"``).
        progress
            As of `krogh.Study.run`.
        **options
            Further arguments of `krogh.simulate_volume`: ``rtol``, ``record``, ``checkpoint``,
            ``save``, ...

        Returns
        -------
        krogh.study.TumourResult
            A `krogh.volume.VolumeResult` with the four-level table.

        Raises
        ------
        SpecError, UnitError, DataError, SolverError
            As of `krogh.Study` and `krogh.simulate_volume`.
        """
        from krogh.study import Study

        study = Study(drugs, self, regimen, subject=subject, until=until)
        times = f"0..{until}" if times is None else times
        found: TumourResult = study.run(times=times, progress=progress, values=values, **options)
        return found

    def respond(
        self,
        drugs: Any = None,
        regimen: Any = None,
        *,
        living: Living | None = None,
        radiation: Radiation | None = None,
        subject: Any = "mouse 20 g",
        until: str = "14 d",
        times: Any = None,
        **options: Any,
    ) -> VolumeResult:
        """Solve the tumour as living tissue: oxygen, cells, vessels and receptors that respond.

        Cells divide, rest and die by the oxygen of their voxel, which they consume; drugs kill them
        where they are, radiation by the oxygen at that moment; vessels regress where cells die, and
        with them what they supply.  The cells fill the box at the start, and grow into the room
        that the dead leave.

        Parameters
        ----------
        drugs, regimen, subject, until
            As of `krogh.Study`; without drugs only `radiation` acts, or nothing.
        living
            Values; see `Living`.
        radiation
            `krogh.volume.Radiation`: ``Radiation("2 Gy daily x 5", "0.3 1/Gy", "0.03 1/Gy^2")``.
        times
            As of `krogh.simulate_volume`; 25 up to `until` if left out.
        **options
            Further arguments of `krogh.simulate_volume`: ``values``, ``record``, ``rtol``,
            ``tumour_volume``, ``feed``, ...

        Returns
        -------
        krogh.volume.VolumeResult
            Its `response` has the course of the tumour.

        Raises
        ------
        SpecError, UnitError, DataError, SolverError
            As of `krogh.Study` and `krogh.simulate_volume`; KG-112 for a regimen without drugs.
        """
        from krogh.tumour.living import Living, living_arguments
        from krogh.volume import simulate_volume

        times = f"0..{until}" if times is None else times
        if drugs is None:
            if regimen is not None:
                raise SpecError("KG-112: a regimen is given, but no drug.")
            arguments: dict[str, Any] = {"grid": self.grid, "exchange": self._supply}
            if self.mask is not None or (self.network is None and self.lumen is not None):
                arguments["regions"] = self.tissue
        else:
            from krogh.study import Study
            from krogh.study.volume import volume_arguments

            study = Study(drugs, self, regimen, subject=subject, until=until)
            arguments = volume_arguments(study, until, times)
        arguments["times"] = times
        given = living_arguments(self, arguments, living or Living(), radiation)
        for name in options:
            if name in ("tissue", "grid", "dosing", "systemic", "carried"):
                raise SpecError(f"KG-103: {name!r} is stated by the tumour and its drugs.")
        if "fields" in options:
            options["fields"] = {**given.get("fields", {}), **options["fields"]}
        return simulate_volume(**{**given, **options})

    @property
    def _supply(self) -> Any:
        return self.voxels if self.network is not None else (self.exchange, "1/um")

    def plot(self, *, path: str | Path | None = None) -> Any:
        """Draw the vessels in their box; see `krogh.volume.plot_vessels`."""
        from krogh.volume.vessel_pictures import plot_vessels

        return plot_vessels(self, path=path)

    def __repr__(self) -> str:
        parts = [f"{self.tumour.name}: {self.grid!r}"]
        if self.network is not None:
            length = float(self.network.lengths.sum())
            vessels = length / self.grid.voxel_volume / self.grid.num_voxels
            count = self.network.num_segments
            parts.append(f"{count:,} vessels, {1e6 * vessels:.4g} mm/mm^3")
        else:
            mean = float(self.exchange[self.tissue].mean())
            parts.append(f"vessel surface {1e3 * mean:.4g} mm^2/mm^3")
        if self.mask is not None:
            parts.append(f"{np.count_nonzero(self.mask):,} voxels in the mask")
        parts += [f"{name} by voxel" for name in self.fields]
        return f"<Tumour3D of {', '.join(parts)}>"
