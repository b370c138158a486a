"""Tumours by shape: tissue around one vessel (Krogh), a spheroid, a slab, a box with vessels.

SPDX-License-Identifier: BSD-3-Clause

>>> import krogh as kg
>>> tumour = kg.tumour.krogh_cylinder(antigen="HER2 3+", outer_radius="60 um")
>>> tumour.values["outer_radius"].value
'60 um'

Each function starts from a tumour of the library, whose values keep their ranges and sources, and
changes what is given; see `krogh.library.tumours`.
"""

from krogh.library.tumour_spec import Tumour
from krogh.tumour.boxes import from_vessels, generate
from krogh.tumour.from_image import from_image
from krogh.tumour.lesion_map import lesion_map
from krogh.tumour.lesion_result import LesionMap, VoxelFailure
from krogh.tumour.lesions_result import Lesions
from krogh.tumour.living import Living
from krogh.tumour.several_lesions import Lesion, lesions
from krogh.tumour.shapes import krogh_cylinder, slab, spheroid
from krogh.tumour.volume import Tumour3D

__all__ = [
    "Lesion",
    "LesionMap",
    "Lesions",
    "Living",
    "Tumour",
    "Tumour3D",
    "VoxelFailure",
    "from_image",
    "from_vessels",
    "generate",
    "krogh_cylinder",
    "lesion_map",
    "lesions",
    "slab",
    "spheroid",
]
