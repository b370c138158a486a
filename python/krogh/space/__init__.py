"""Shapes of tissue in one dimension: a cylinder around a vessel, a sphere, a slab.

SPDX-License-Identifier: BSD-3-Clause

>>> from krogh.space import Cylinder
>>> shape = Cylinder(inner_radius="8 um", outer_radius="75 um", cells=64)
>>> round(float(shape.faces[0]), 6), round(float(shape.faces[-1]), 6)
(8.0, 75.0)
"""

from krogh.space.shapes import Cylinder, Shape, Slab, Sphere

__all__ = ["Cylinder", "Shape", "Slab", "Sphere"]
