"""Straight vessels at random places: the null model of vessel distances.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Any

import numpy as np

from krogh.vessels.generate.inputs import (
    axes_of,
    density_of,
    positive_length,
    size_of,
    straight_lines,
    uniforms,
)
from krogh.vessels.network import VesselNetwork

__all__ = ["poisson"]


def poisson(size: Any, density: Any, *, diameter: Any, seed: int, axes: str = "z") -> VesselNetwork:
    """Return straight vessels along axes at independent random places.

    Parameters
    ----------
    size
        Of the box: ``"1 mm"``, or x, y and z.
    density
        Length per volume or number per area, over all axes together.
    diameter
        Of every vessel.
    seed
        A whole number; the first k vessels of an axis are the same at every density.
    axes
        Along which vessels run: ``"z"``, or several such as ``"xyz"`` with equal densities.

    Notes
    -----
    The number of vessels of each axis is the density times the area across it, rounded: a Poisson
    process given its count.  Parallel vessels of n per area have distances to the nearest vessel
    with the mean ``1/(2 sqrt(n))`` and the median ``sqrt(log(2)/(pi n))`` in infinite tissue
    (``statistics(periodic=True)`` removes the border); the share beyond d is ``exp(-pi n d^2)``.

    Raises
    ------
    DataError
        KG-185 for sizes, densities and axes that are none, or no vessel at all.
    SpecError
        KG-117 for a seed that is none.
    """
    box, count = size_of(size), density_of(density)
    width = positive_length(diameter, "diameter")
    directions = axes_of(axes)
    lines = []
    for axis in directions:
        across = np.array([box[(axis + 1) % 3], box[(axis + 2) % 3]])
        number = round(count / len(directions) * float(across.prod()))
        lines.append((axis, uniforms(seed, f"poisson {'xyz'[axis]}", number, 2) * across))
    return straight_lines(
        box, lines, width, f"Poisson vessels along {axes}, {density}, seed {seed}"
    )
