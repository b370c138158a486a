"""Tumours in 3-D from images: vessels, receptors and cells of every voxel.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import logging
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError, SpecError, UnitError, did_you_mean
from krogh.io.image import Image
from krogh.library.tumour_spec import Tumour
from krogh.tumour.boxes import cells_of, recipe_of
from krogh.tumour.coarse import Blocks, blocks_of
from krogh.tumour.image_fields import fields_of, require_positive
from krogh.tumour.image_parts import Parts, image_of
from krogh.tumour.image_vessels import vessel_mask, wall_areas
from krogh.tumour.volume import Tumour3D
from krogh.units import convert, dimension, format_number
from krogh.vessels.checks import length_um

__all__ = ["from_image"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


_LOG = logging.getLogger("krogh")

_MISSED: Final = 0.1
"""Share of the vessel voxels far from the skeleton from which a warning is given: vessels of no
more than that are bumps and ends."""


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
    parts = Parts(cells, image, mask, label, surface)
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
            missed = report.uncovered_voxels / report.vessel_voxels
            if missed > _MISSED:
                notes.append(
                    f"the skeleton misses {100.0 * missed:.0f} % of the vessel voxels (sheets, or"
                    " vessels along the border); way='walls' keeps their walls"
                )
                _LOG.warning("%s", notes[-1])
        else:
            surfaces, lumen = _walls(inside, parts.tissue, blocks)
    else:
        inside = np.zeros(parts.grid.shape, dtype=bool)
    tissue = blocks.share(parts.tissue) >= 0.5
    if not tissue.any():
        raise DataError(
            "KG-232: no voxel of the tumour is tissue by half or more; use a smaller spacing."
        )
    fields = fields_of(parts, cells, target, nuclei, inside, blocks, tissue, smoothing, notes)
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


# --- vessels --------------------------------------------------------------------------------------


def _surface_given(
    parts: Parts, surface: Any, vessels: Any, blocks: Blocks, cells: Tumour, notes: list[str]
) -> Floats | None:
    """Return the surface per volume that was given as an image, 1/um; None without."""
    if surface is None:
        return None
    if vessels not in (None, False):
        raise SpecError("KG-112: 'surface' and 'vessels' state the same; give one of them.")
    found = image_of(surface, "surface")
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
    require_positive(image, density, parts.tissue)
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
