"""Vessels of an image: which voxels they are, and the surface of their walls.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError
from krogh.io.image import Image
from krogh.units import format_number

__all__ = ["otsu_threshold", "vessel_mask", "wall_areas"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_NORMAL_WIDTH: Final = 1.0
"""Standard deviation of the Gaussian whose gradient gives the normals of walls, in voxels: the
narrowest that sees the two voxels beside a face and their neighbors."""


def vessel_mask(image: Image, tissue: Bools, threshold: float | None) -> tuple[Bools, str]:
    """Return the voxels of vessels, and how they were found, in words.

    Parameters
    ----------
    image
        A mask (two different values), or intensities.
    tissue
        Voxels that are looked at; vessels are found within them.
    threshold
        Intensities above it are vessels.  None: that of Otsu 1979 (IEEE Trans Syst Man Cybern 9:62,
        doi:10.1109/TSMC.1979.4310076), which makes the variance within the two classes least.

    Raises
    ------
    DataError
        KG-231 for values that are not finite, KG-232 where no voxel or every voxel is a vessel.
    """
    image.require_finite(tissue)
    values = np.asarray(image.values)
    own = values[tissue]
    different = np.unique(own)
    if threshold is None and different.size <= 2 and different[0] == 0:
        found, how = values != 0, "a mask"
    else:
        if threshold is None:
            if different.size == 1:
                raise DataError(
                    f"KG-232: the {image.name} has one value everywhere,"
                    f" {format_number(float(own[0]))}; vessels cannot be told from tissue."
                )
            limit, by = otsu_threshold(own), "Otsu's threshold"
        else:
            limit, by = float(threshold), "the threshold"
        found, how = values > limit, f"{by} {format_number(float(f'{limit:.4g}'))}"
    found = found & tissue
    share = float(found.sum()) / float(tissue.sum())
    if share == 0.0 or share == 1.0:
        what = "no voxel" if share == 0.0 else "every voxel"
        raise DataError(
            f"KG-232: by {how}, {what} of the tissue in the {image.name} is a vessel; say another"
            " threshold=..., or give a mask of vessels."
        )
    return found, f"{how}, {100.0 * share:.3g} % of the tissue"


def otsu_threshold(values: Any) -> float:
    """Return the threshold that makes the variance within two classes least (Otsu 1979).

    Between all distinct values, without bins: where none lies between the classes a bin's middle
    could part the noise of one of them.

    Parameters
    ----------
    values
        At least two different ones.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64), axis=None)
    count = np.arange(1, ordered.size)
    low = np.cumsum(ordered)[:-1]
    high = float(ordered.sum()) - low
    rest = ordered.size - count
    between = count * rest * (low / count - high / rest) ** 2
    between[np.diff(ordered) == 0.0] = -1.0  # no cut between equal values
    k = int(np.argmax(between))
    return float(0.5 * (ordered[k] + ordered[k + 1]))


def wall_areas(vessels: Bools, tissue: Bools, spacing: Floats) -> Floats:
    """Return the area of vessel wall in each tissue voxel, um^2, (nz, ny, nx).

    A face between a vessel and a tissue voxel counts with the cosine between it and the wall, so
    that the steps of a slanted wall add up to its area (Flin et al. 2005, IEEE Trans Image Process
    14:585, doi:10.1109/TIP.2005.846021).  The wall's normal is the gradient of the mask after a
    Gaussian of one voxel.

    Parameters
    ----------
    vessels, tissue
        Voxels, (nz, ny, nx).  At the border of the image vessels are cut, and have no wall.
    spacing
        x, y and z, um.
    """
    from scipy.ndimage import gaussian_filter

    steps = np.asarray(spacing, dtype=np.float64)[::-1]  # z, y, x
    widths = [_NORMAL_WIDTH if n > 1 else 0.0 for n in vessels.shape]
    smooth = gaussian_filter(vessels.astype(np.float64), widths, mode="nearest")
    gradient = np.zeros((3, *vessels.shape))
    for axis, n in enumerate(vessels.shape):
        if n > 1:
            gradient[axis] = np.gradient(smooth, steps[axis], axis=axis)
    areas = np.zeros(vessels.shape)
    for axis, n in enumerate(vessels.shape):
        if n == 1:
            continue
        face = float(np.prod(np.delete(steps, axis)))
        low = tuple(slice(0, -1) if a == axis else slice(None) for a in range(3))
        high = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        both = gradient[(slice(None), *low)] + gradient[(slice(None), *high)]
        length = np.sqrt((both**2).sum(axis=0))
        with np.errstate(invalid="ignore", divide="ignore"):
            cosine = np.where(length > 0.0, np.abs(both[axis]) / length, 1.0)
        for here, there in ((low, high), (high, low)):
            meets = tissue[here] & vessels[there]
            areas[here] += np.where(meets, face * cosine, 0.0)
    return areas
