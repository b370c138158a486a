"""Tumours in 3-D: vessels in a box of tissue, with the cells of a tumour of the library.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import SpecError, did_you_mean
from krogh.library.catalog import tumour as tumour_of_name
from krogh.library.tumour_spec import Tumour
from krogh.space.grid import Grid
from krogh.units import format_number
from krogh.vessels import VesselNetwork, VesselVoxels, read
from krogh.vessels import generate as vessels_by
from krogh.vessels.checks import length_um, lengths_um

if TYPE_CHECKING:
    from krogh.io.image import Image
    from krogh.study.volume_result import TumourResult
    from krogh.tumour.living import Living
    from krogh.volume import Radiation, VolumeResult

__all__ = ["Tumour3D", "cells_of", "from_vessels", "generate", "recipe_of"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_PATTERNS: Final = ("poisson", "lattice", "hexagonal", "tree", "percolation")
_WHOLE: Final = 1e-9
"""By how much a box may miss a whole number of voxels, relative."""


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
            Further arguments of `krogh.simulate_volume`: ``rtol``, ``record``, ``sides``, ...

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


def generate(
    antigen: Any = "HER2 3+",
    *,
    size: Any = "1 mm",
    spacing: Any = "10 um",
    vessel_density: Any = None,
    pattern: str = "poisson",
    diameter: Any = None,
    seed: int = 0,
    axes: str | None = None,
    **values: Any,
) -> Tumour3D:
    """Return a box of tissue with generated vessels.

    Parameters
    ----------
    antigen
        Tumour of the library, by name or as it is, from which cells, targets and what is left out
        here are taken.
    size
        Of the box: ``"1 mm"``, or x, y and z; whole voxels.
    spacing
        Of the voxels: ``"10 um"``, or x, y and z.
    vessel_density
        Length per volume, ``"57 mm/mm^3"``, or number per area; that of the tumour's cylinder,
        1/(pi R^2), if left out.
    pattern
        ``"poisson"`` (straight vessels at random places), ``"lattice"``, ``"hexagonal"``,
        ``"tree"`` (an artery and a vein that grow together) or ``"percolation"``; see
        `krogh.vessels.generate`.
    diameter
        Of the vessels, of a tree that of its tips; twice the inner radius of the tumour's cylinder
        if left out.
    seed
        A whole number; lattices draw nothing.
    axes
        Along which the straight vessels of ``"poisson"`` and ``"lattice"`` (``"xyz"`` if left out)
        and ``"hexagonal"`` (``"z"``, or one other) run.
    **values
        Further values as of ``Tumour.with_values``: ``cell_density``, ``receptors_per_cell``, ...

    Raises
    ------
    SpecError
        KG-103 an unknown tumour, pattern or value; KG-147 a tumour of another geometry; KG-166 a
        box that is no whole number of voxels.
    DataError
        KG-185 as of the generators.
    """
    given = {"size": size, "spacing": spacing, "vessel_density": vessel_density}
    given |= {"pattern": pattern, "diameter": diameter, "seed": seed, "axes": axes}
    tumour = cells_of(antigen, values)
    grid = _grid(lengths_um(size, "size"), lengths_um(spacing, "spacing"), np.zeros(3), exact=True)
    if vessel_density is None:
        radius = length_um(tumour.values["outer_radius"].value, "outer_radius")
        vessel_density = f"{1.0 / (np.pi * radius**2)!r} 1/um^2"
    if diameter is None:
        inner = length_um(tumour.values["inner_radius"].value, "inner_radius")
        diameter = f"{2.0 * inner!r} um"
    if axes is None:
        axes = "z" if pattern == "hexagonal" else "xyz"
    box = tuple(f"{float(length)!r} um" for length in grid.spacing * grid.shape[::-1])
    if pattern == "poisson":
        network = vessels_by.poisson(box, vessel_density, diameter=diameter, seed=seed, axes=axes)
    elif pattern in ("lattice", "hexagonal"):
        kind = "square" if pattern == "lattice" else pattern
        network = vessels_by.lattice(
            box, vessel_density, diameter=diameter, pattern=kind, axes=axes
        )
    elif pattern == "tree":
        network = vessels_by.space_colonization(box, vessel_density, diameter=diameter, seed=seed)
    elif pattern == "percolation":
        network = vessels_by.percolation(box, vessel_density, diameter=diameter, seed=seed)
    else:
        raise SpecError(
            f"KG-103: there is no pattern {pattern!r} of vessels."
            f"{did_you_mean(str(pattern), _PATTERNS)}  There are {', '.join(_PATTERNS)}."
        )
    return Tumour3D(tumour, grid, network, recipe=recipe_of("generate", given))


def from_vessels(
    vessels: Any,
    antigen: Any = "HER2 3+",
    *,
    spacing: Any = "10 um",
    grid: Grid | None = None,
    kernel_radius: str | None = None,
    **values: Any,
) -> Tumour3D:
    """Return the tissue around measured vessels.

    Parameters
    ----------
    vessels
        A `krogh.vessels.VesselNetwork`, or the path of a file that `krogh.vessels.read` reads.
    antigen
        Tumour of the library, by name or as it is, from which cells and targets are taken.
    spacing
        Of the voxels: ``"10 um"``, or x, y and z.  They fill the network's box, rounded up.
    grid
        Other voxels in its place.
    kernel_radius
        ``"20 um"``: over which the exchange of vessels that are thinner than voxels is spread, so
        that it does not depend on the grid; two voxels are a good choice for drugs of high
        permeability.  Left out, it lies in the voxels that the vessels cross.
    **values
        Further values as of ``Tumour.with_values``.

    Raises
    ------
    SpecError
        KG-103 an unknown tumour or value; KG-147 a tumour of another geometry.
    DataError
        As of the readers.
    """
    network = read(vessels) if isinstance(vessels, (str, Path)) else vessels
    if not isinstance(network, VesselNetwork):
        raise SpecError(
            "KG-166: from_vessels takes a krogh.vessels.VesselNetwork or the path of a file, not"
            f" {type(network).__name__}."
        )
    tumour = cells_of(antigen, values)
    if grid is None:
        low, high = network.tissue_box
        step = lengths_um(spacing, "spacing")
        grid = _grid(np.maximum(high - low, step), step, low, exact=False)
        given = {"vessels": vessels, "spacing": spacing, "kernel_radius": kernel_radius}
        recipe = recipe_of("from_vessels", given, ("vessels",))
        return Tumour3D(tumour, grid, network, recipe=recipe, kernel_radius=kernel_radius)
    return Tumour3D(tumour, grid, network, kernel_radius=kernel_radius)


def recipe_of(
    function: str, given: Mapping[str, Any], files: Sequence[str] = ()
) -> dict[str, Any] | None:
    """Return name and arguments of a function as plain data, None where they are none.

    What is None is left out.

    Parameters
    ----------
    files
        Arguments that may be paths; those of files that are there become absolute.
    """
    found: dict[str, Any] = {"kind": function}
    for name, value in given.items():
        if value is None:
            continue
        if isinstance(value, Path):
            found[name] = str(value.resolve())
        elif isinstance(value, (str, bool, int, float)):
            found[name] = value
        elif isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value):
            found[name] = list(value)
        else:
            return None
    for name in files:
        if name in found and isinstance(found[name], str) and Path(found[name]).exists():
            found[name] = str(Path(found[name]).resolve())
    return found


def cells_of(given: Any, values: Mapping[str, Any]) -> Tumour:
    """Return the tumour of the library whose cells fill a box, with other values.

    Raises
    ------
    SpecError
        KG-103 for an unknown name, KG-147 for a tumour of another geometry than a cylinder.
    """
    tumour = given if isinstance(given, Tumour) else tumour_of_name(given)
    if tumour.geometry != "cylinder":
        raise SpecError(
            f"KG-147: tumour {tumour.name!r} is a {tumour.geometry}; a box with vessels takes cells"
            " and vessels from a tumour around a vessel."
        )
    return tumour.with_values(values) if values else tumour


def _grid(size: Floats, step: Floats, corner: Floats, *, exact: bool) -> Grid:
    """Return voxels over a box from its lower corner, um."""
    if not (np.all(np.isfinite(step)) and np.all(step > 0.0) and np.all(np.isfinite(size))):
        raise SpecError(f"KG-166: voxels of {step.tolist()} um in a box of {size.tolist()} um.")
    count = size / step
    whole = np.rint(count) if exact else np.ceil(count * (1.0 - _WHOLE))
    if np.any(whole < 1.0) or (exact and np.any(np.abs(count - whole) > _WHOLE * count)):
        axis = int(np.argmax(np.abs(count - whole)))
        raise SpecError(
            f"KG-166: a box of {format_number(float(size[axis]))} um along {'xyz'[axis]} is no"
            f" whole number of voxels of {format_number(float(step[axis]))} um."
        )
    x, y, z = (int(n) for n in whole)
    return Grid((z, y, x), (step, "um"), (corner + 0.5 * step, "um"))
