"""Tumours in 3-D from images: vessels, receptors and cells of every voxel.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError, SpecError, UnitError, did_you_mean
from krogh.io.image import Image, place_of
from krogh.library.tumour_spec import MOLECULES_PER_NM_LITER, Tumour
from krogh.space.grid import Grid
from krogh.tumour.coarse import Blocks, blocks_of
from krogh.tumour.image_vessels import vessel_mask, wall_areas
from krogh.tumour.volume import Tumour3D, cells_of, recipe_of
from krogh.units import convert, dimension, format_number, parse_quantity
from krogh.vessels.checks import length_um

__all__ = ["from_image"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_CHANNELS: Final = {
    "vessels": ("CD31", "vessels"),
    "target": ("target",),
    "nuclei": ("Hoechst", "DAPI", "nuclei"),
    "drug": ("drug",),
}
"""Names by which a channel is known where none is said."""


def from_image(
    image: Any,
    antigen: Any = "HER2 3+",
    *,
    mask: Any = None,
    label: int | None = None,
    vessels: Any = None,
    surface: Any = None,
    target: Any = None,
    nuclei: Any = None,
    drug: Any = None,
    threshold: float | None = None,
    way: Literal["auto", "skeleton", "walls"] = "auto",
    spacing: Any = None,
    smoothing: Any = None,
    **values: Any,
) -> Tumour3D:
    """Return the tumour of an image: its vessels, and what differs between its voxels.

    Parameters
    ----------
    image
        A `krogh.io.Image`, or the path of a file that `krogh.io.read` reads.  With channels, those
        called CD31 or vessels, target (or as the tumour's target, ``"HER2"``), Hoechst, DAPI or
        nuclei, and drug are taken for what they say, whatever their letter case; without channels
        it is the image of the vessels.  None where `surface` and `mask` say everything.
    antigen
        Tumour of the library, by name or as it is: mean densities of cells and targets.
    mask
        The tissue: an image or array that is not 0 there, its path, or the name of a channel.  Left
        out, every voxel.
    label
        Of the mask, where it has several.
    vessels, target, nuclei, drug
        In place of the channels known by name: the name of another one, an image of its own, or
        False for none.  `target` may be a mapping by target.
    surface
        In place of an image of vessels, their density by voxel: an image or its path, in
        surface per volume (``"1/um"``) or length per volume (``"1/mm^2"``), which times the
        circumference of the tumour's vessel gives the surface.
    threshold
        Above which the image of the vessels shows a vessel; Otsu's if left out.  An image of two
        values, one of them 0, is a mask and needs none.
    way
        What becomes of the vessels: ``"skeleton"``, a network of center lines with radii
        (`krogh.vessels.from_mask`), whose exchange does not depend on the voxels; or ``"walls"``,
        the area of their walls in the voxels beside them.  ``"auto"``: a skeleton, but walls in a
        single section, in which vessels are cut across; there the section is one layer of voxels,
        and the vessels run straight through it.
    spacing
        Of the voxels of the tumour, whole multiples of the image's: ``"10 um"``; the image's own if
        left out.  A voxel is tissue if at least half of it is.
    smoothing
        Standard deviation of a Gaussian over target and nuclei, within the tissue: ``"20 um"``.
        Single voxels of a stain are no density of cells.
    **values
        Further values as of ``Tumour.with_values``: ``receptors_per_cell`` and ``cell_density``
        state the means.

    Returns
    -------
    Tumour3D
        On the image's own grid (or its blocks), so that results lie on the patient:
        ``result.image("occupancy_HER2").save("occupancy.nii.gz")``; of blocks,
        ``krogh.io.match(result.image("occupancy_HER2"), to=image, order=0)``.

    Notes
    -----
    A stain has no absolute scale.  `target` and `nuclei` without a unit are taken relative to their
    mean over the tissue, which stands for the tumour's value: ``target_density = value * I /
    mean(I)``; a background has to be subtracted before.  With a unit (``"nM"``,
    ``"molecules/cell"``, ``"cells/mL"``) they hold as they are.  Where there are nuclei but no
    target, the target goes with the cells.

    Raises
    ------
    DataError
        KG-231 for values that are not finite or negative, with the voxel, and unknown channels;
        KG-232 for an empty mask, or vessels nowhere or everywhere; KG-233 for images on different
        grids, with what differs; KG-188 of the skeleton.
    SpecError
        KG-103 for an unknown tumour, value or word; KG-112 for inputs that exclude each other;
        KG-166 for a spacing that is no whole number of voxels.
    UnitError
        KG-121 for a unit of another dimension.
    MissingExtra
        KG-901 without scikit-image, for skeletons.

    Examples
    --------
    >>> import krogh as kg
    >>> tumour = kg.tumour.from_image("section.ome.tif", "NCI-N87", spacing="10 um",
    ...                               smoothing="20 um")  # doctest: +SKIP
    >>> result = tumour.run("T-DM1", "3.6 mg/kg")  # doctest: +SKIP
    """
    given = {"image": image, "mask": mask, "label": label, "vessels": vessels, "surface": surface}
    given |= {"target": target, "nuclei": nuclei, "drug": drug, "threshold": threshold, "way": way}
    given |= {"spacing": spacing, "smoothing": smoothing}
    if way not in ("auto", "skeleton", "walls"):
        raise SpecError(
            f"KG-103: way is 'auto', 'skeleton' or 'walls', not {way!r}."
            f"{did_you_mean(str(way), ('auto', 'skeleton', 'walls'))}"
        )
    cells = cells_of(antigen, values)
    parts = _Parts(cells, image, mask, label, surface)
    blocks = blocks_of(parts.grid, spacing)
    notes: list[str] = []
    surfaces = _surface_given(parts, surface, vessels, blocks, cells, notes)
    network, lumen = None, None
    if surfaces is None:
        found = parts.part("vessels", vessels)
        if found is None:
            raise DataError(
                "KG-231: from_image needs the vessels: a channel CD31 or vessels=..., or their"
                f" density surface=....{parts.known_channels()}"
            )
        inside, how = vessel_mask(found, parts.tissue, threshold)
        notes.append(f"vessels from {found.name} by {how}")
        if way == "skeleton" or (way == "auto" and parts.grid.shape[0] > 1):
            from krogh.vessels import from_mask

            network, report = from_mask(inside, parts.grid)
            notes.append(str(report))
        else:
            surfaces, lumen = _walls(inside, parts.tissue, blocks)
    else:
        inside = np.zeros(parts.grid.shape, dtype=bool)
    tissue = blocks.share(parts.tissue) >= 0.5
    if not tissue.any():
        raise DataError(
            "KG-232: no voxel of the tumour is tissue by half or more; use a smaller spacing."
        )
    fields = _fields(parts, cells, target, nuclei, inside, blocks, tissue, smoothing, notes)
    measured = {}
    shown = parts.part("drug", drug)
    if shown is not None:
        mean = blocks.means(shown.values, parts.tissue & np.isfinite(shown.values))
        measured["drug"] = Image(mean, blocks.grid, shown.unit, name=shown.name)
    return Tumour3D(
        cells,
        blocks.grid,
        network,
        surface=surfaces,
        lumen=lumen,
        mask=None if tissue.all() else tissue,
        fields=fields,
        measured=measured,
        notes=tuple(notes),
        recipe=recipe_of("from_image", given, ("image", "mask", "surface")),
    )


class _Parts:
    """The images that were given, on one grid."""

    def __init__(self, cells: Tumour, image: Any, mask: Any, label: int | None, surface: Any):
        self.targets = tuple(cells.targets)
        self.image = _image(image, "image")
        self._others: dict[str, Image] = {}
        first = self.image
        if first is None:
            given = (("surface", surface), ("mask", mask))
            first = next((m for m in (_image(v, n) for n, v in given) if m is not None), None)
        if first is None:
            raise DataError(
                "KG-231: from_image needs a krogh.io.Image or a path: an image with channels, or"
                " surface=... and mask=...."
            )
        self.name, self.grid = first.name, first.grid
        self.tissue = self._tissue(mask, label)

    def _tissue(self, mask: Any, label: int | None) -> Bools:
        if mask is None:
            if label is not None:
                raise SpecError("KG-112: a label needs the mask that has it: mask=....")
            return np.ones(self.grid.shape, dtype=bool)
        if isinstance(mask, str) and self.image is not None and mask in self.image.channels:
            return self.image[mask].mask(label)
        if isinstance(mask, np.ndarray):
            mask = Image(mask, self.grid, name="mask")
        found = _image(mask, "mask")
        assert found is not None  # it was given
        return self.on_grid(found, "mask").mask(label)

    def on_grid(self, image: Image, what: str) -> Image:
        """Return an image that shares the grid; DataError KG-233 says what differs."""
        if image.grid is not self.grid:
            self.grid.same_as(image.grid, (f"the {self.name}", f"the {what}"))
        return image.renamed(what) if image.name == "image" else image

    def known_channels(self) -> str:
        """Return the channels of the image, in words."""
        if self.image is None or not self.image.channels:
            return ""
        return f"  The image has the channels {', '.join(self.image.channels)}."

    def part(self, kind: str, given: Any, names: tuple[str, ...] = ()) -> Image | None:
        """Return what is known of vessels, target, nuclei or drug; None for nothing."""
        if given is False:
            return None
        if given is None:
            return self._known(kind, (*_CHANNELS[kind], *names))
        if isinstance(given, Image):
            return self.on_grid(given, kind)
        if isinstance(given, np.ndarray):
            return Image(given, self.grid, name=kind)
        if not isinstance(given, str):
            raise SpecError(
                f"KG-112: {kind} is the name of a channel, an image, or False, not"
                f" {type(given).__name__}."
            )
        if self.image is None:
            raise DataError(f"KG-231: there is no image that could have the channel {given!r}.")
        return self.image[given]

    def _known(self, kind: str, names: tuple[str, ...]) -> Image | None:
        if self.image is None:
            return None
        if not self.image.channels:
            return self.image if kind == "vessels" else None
        plain = [n.lower() for n in names]
        for channel in self.image.channels:
            if channel.lower() in plain:
                return self.image[channel]
        return None


def _image(given: Any, what: str) -> Image | None:
    """Return an image that was given as it is or by its path."""
    if given is None or isinstance(given, np.ndarray):
        return None
    if isinstance(given, (str, Path)):
        from krogh.io import read

        found = read(given)
        if not isinstance(found, Image):
            raise DataError(f"KG-231: {str(given)!r} holds results, and no image.")
        return found.renamed(what) if found.name == "image" else found
    if not isinstance(given, Image):
        raise DataError(
            f"KG-231: the {what} is a krogh.io.Image or the path of one, not"
            f" {type(given).__name__}."
        )
    return given


# --- vessels --------------------------------------------------------------------------------------


def _surface_given(
    parts: _Parts, surface: Any, vessels: Any, blocks: Blocks, cells: Tumour, notes: list[str]
) -> Floats | None:
    """Return the surface per volume that was given as an image, 1/um; None without."""
    if surface is None:
        return None
    if vessels not in (None, False):
        raise SpecError("KG-112: 'surface' and 'vessels' state the same; give one of them.")
    found = _image(surface, "surface")
    if found is None:
        raise UnitError("KG-124: surface needs a unit: an image with one, '1/um' or '1/mm^2'.")
    image = parts.on_grid(found, "surface")
    image.require_finite(parts.tissue)
    unit = image.unit or "1"
    if dimension(unit) == dimension("1/um"):
        density = convert(np.asarray(image.values, dtype=np.float64), unit, "1/um")
        notes.append(f"vessel surface per volume from {image.name}")
    elif dimension(unit) == dimension("1/um^2"):
        radius = length_um(cells.values["inner_radius"].value, "inner_radius")
        length = convert(np.asarray(image.values, dtype=np.float64), unit, "1/um^2")
        density = 2.0 * np.pi * radius * length
        notes.append(
            f"vessel surface from the density of {image.name}, times the circumference at a radius"
            f" of {format_number(radius)} um"
        )
    else:
        raise UnitError(
            f"KG-121: surface has the unit {unit!r}; surface per volume ('1/um') or length per"
            " volume ('1/mm^2') is needed."
        )
    _require_positive(image, density, parts.tissue)
    share = blocks.share(parts.tissue)
    total = blocks.sums(np.where(parts.tissue, density, 0.0)) / float(np.prod(blocks.factors))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(share > 0.0, total / share, 0.0)


def _walls(inside: Bools, tissue: Bools, blocks: Blocks) -> tuple[Floats, Bools]:
    """Return the wall per volume of each voxel, 1/um, and which voxels lie within vessels."""
    area = blocks.sums(wall_areas(inside, tissue & ~inside, blocks.fine.spacing))
    of_tissue, of_vessels = blocks.share(tissue), blocks.share(inside)
    lumen = of_vessels > 0.5
    chosen = (of_tissue >= 0.5) & ~lumen
    stray = (area > 0.0) & ~chosen
    if stray.any() and chosen.any():
        from scipy.ndimage import distance_transform_edt

        near = distance_transform_edt(
            ~chosen,
            sampling=blocks.grid.spacing[::-1],
            return_distances=False,
            return_indices=True,
        )
        np.add.at(area, tuple(n[stray] for n in near), area[stray])
        area[stray] = 0.0
    return area / blocks.grid.voxel_volume, lumen


# --- receptors and cells --------------------------------------------------------------------------


def _fields(
    parts: _Parts,
    cells: Tumour,
    target: Any,
    nuclei: Any,
    inside: Bools,
    blocks: Blocks,
    tissue: Bools,
    smoothing: Any,
    notes: list[str],
) -> dict[str, tuple[Floats, str]]:
    """Return what differs between voxels, by the name of the parameter."""
    own = parts.tissue & ~inside
    width = 0.0 if smoothing is None else length_um(smoothing, "smoothing")
    if not (np.isfinite(width) and width >= 0.0):
        raise SpecError(f"KG-108: smoothing must be a finite length, not {smoothing!r}.")

    def relative(image: Image) -> Floats:
        """Return values over their mean, by block."""
        image.require_finite(own)
        numbers = np.where(own, image.values, 0.0).astype(np.float64)
        _require_positive(image, numbers, own)
        numbers = _smooth(numbers, own, width, parts.grid)
        mean = float(numbers[own].mean())
        if not mean > 0.0:
            raise DataError(f"KG-231: the {image.name} is 0 in the whole tissue.")
        return _filled(blocks.means(numbers, own) / mean, tissue)

    found: dict[str, tuple[Floats, str]] = {}
    density: Any = parse_quantity(cells.cell_density.value).to("cells/L")
    grown: Floats | None = None
    stained = parts.part("nuclei", nuclei)
    if stained is not None:
        if stained.unit:
            density = convert(
                _absolute(stained, own, "cells/mL", blocks, tissue, width), "cells/mL", "cells/L"
            )
            notes.append(f"cells per volume from {stained.name}")
        else:
            grown = relative(stained)
            density = density * grown
            notes.append(f"cells per volume from {stained.name}, relative to its mean")
        _require_cells(stained, density, tissue, blocks.grid)
        found["cell_density"] = (convert(density, "cells/L", "cells/mL"), "cells/mL")
    for name, image in _targets(parts, target).items():
        nominal = parse_quantity(cells.target_values(name)["target_density"].value).to("nM")
        if image is None:
            if stained is None:
                continue
            own_cells = parse_quantity(cells.cell_density.value).to("cells/L")
            found[f"target_density_{name}"] = (nominal * density / own_cells, "nM")
            notes.append(f"{name} goes with the cells")
        elif not image.unit:
            found[f"target_density_{name}"] = (nominal * relative(image), "nM")
            notes.append(
                f"{name} from {image.name}, relative to its mean, which is {nominal:.4g} nM"
            )
        elif dimension(image.unit) == dimension("nM"):
            found[f"target_density_{name}"] = (
                _absolute(image, own, "nM", blocks, tissue, width),
                "nM",
            )
            notes.append(f"{name} from {image.name}")
        else:
            number = _absolute(image, own, "molecules/cell", blocks, tissue, width)
            found[f"target_density_{name}"] = (number * density / MOLECULES_PER_NM_LITER, "nM")
            notes.append(f"{name} per cell from {image.name}")
    return found


def _targets(parts: _Parts, given: Any) -> dict[str, Image | None]:
    """Return the images of targets by name; None where there is none."""
    names = parts.targets
    if isinstance(given, Mapping):
        for name in given:
            if name not in names:
                raise SpecError(
                    f"KG-103: the tumour has no target {name!r}.{did_you_mean(str(name), names)}"
                )
        return {n: parts.part("target", given[n]) if n in given else None for n in names}
    if len(names) == 1:
        return {names[0]: parts.part("target", given, names)}
    if given in (None, False):
        return {n: None if given is False else parts.part("target", None, (n,)) for n in names}
    raise SpecError(
        f"KG-112: the tumour has {len(names)} targets ({', '.join(names) or 'none'}); say which one"
        f" it is: target={{{names[0] if names else 'name'!r}: ...}}."
    )


def _absolute(
    image: Image, own: Bools, unit: str, blocks: Blocks, tissue: Bools, width: float
) -> Floats:
    """Return an image with a unit by block, in another unit."""
    if dimension(image.unit) != dimension(unit):
        raise UnitError(f"KG-121: the {image.name} has the unit {image.unit!r}; needed: {unit!r}.")
    image.require_finite(own)
    numbers = convert(np.where(own, image.values, 0.0).astype(np.float64), image.unit, unit)
    _require_positive(image, numbers, own)
    return _filled(blocks.means(_smooth(numbers, own, width, blocks.fine), own), tissue)


def _smooth(values: Floats, chosen: Bools, width: float, grid: Grid) -> Floats:
    """Return the Gaussian mean over the chosen voxels around each."""
    if width == 0.0:
        return values
    from scipy.ndimage import gaussian_filter

    steps = grid.spacing[::-1]
    widths = [width / s if n > 1 else 0.0 for s, n in zip(steps, grid.shape, strict=True)]
    weight = gaussian_filter(chosen.astype(np.float64), widths, mode="constant")
    total = gaussian_filter(np.where(chosen, values, 0.0), widths, mode="constant")
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(chosen, total / weight, 0.0)


def _filled(values: Floats, tissue: Bools) -> Floats:
    """Return values with those of tissue whose own voxels are all vessels from the nearest one.

    Outside of the tissue, where nothing is computed, they are 0.
    """
    known = np.isfinite(values)
    lacking = tissue & ~known
    if lacking.any():
        from scipy.ndimage import distance_transform_edt

        near = distance_transform_edt(~known, return_distances=False, return_indices=True)
        values = np.where(lacking, values[tuple(near)], values)
    return np.where(tissue, values, 0.0)


def _require_positive(image: Image, numbers: Floats, chosen: Bools) -> None:
    """Raise DataError KG-231 for a negative value, with its voxel."""
    wrong = chosen & ~(numbers >= 0.0)
    if wrong.any():
        where = np.argwhere(wrong)[0]
        raise DataError(
            f"KG-231: the {image.name} is {format_number(float(image.values[tuple(where)]))} at"
            f" {place_of(image.grid, where)}; a density cannot be negative."
        )


def _require_cells(image: Image, density: Floats, tissue: Bools, grid: Grid) -> None:
    """Raise DataError KG-231 for tissue without cells, with its voxel."""
    empty = tissue & ~(density > 0.0)
    if empty.any():
        where = np.argwhere(empty)[0]
        raise DataError(
            f"KG-231: by the {image.name} there are no cells at {place_of(grid, where)}, and in"
            f" {int(empty.sum()) - 1:,} more voxels.\n  Give smoothing='20 um' (the width of a"
            " neighborhood that holds cells), a wider spacing, or a mask that leaves them out."
        )
