"""Shapes of tissue in one dimension (cylinder, sphere, slab, several), and grids of voxels.

SPDX-License-Identifier: BSD-3-Clause

>>> from krogh.space import Cylinder
>>> shape = Cylinder(inner_radius="8 um", outer_radius="75 um", cells=64)
>>> round(float(shape.faces[0]), 6), round(float(shape.faces[-1]), 6)
(8.0, 75.0)
"""

from krogh.space.grid import Grid
from krogh.space.several import Capillary, Several
from krogh.space.shapes import Cylinder, Shape, Slab, Sphere

__all__ = ["Capillary", "Cylinder", "Grid", "Several", "Shape", "Slab", "Sphere"]
