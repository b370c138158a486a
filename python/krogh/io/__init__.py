"""Images and fields in and out: NIfTI, DICOM, OME-TIFF, VTK, HDF5, NumPy.

SPDX-License-Identifier: BSD-3-Clause

`read` looks at the suffix and returns an `Image`, or `Fields` for what krogh's results are stored
in; images and fields write themselves: ``image.save("maps.nii.gz")``.  NumPy arrays become images
with a grid that states the spacing: ``Image(array, Grid(array.shape, "2 mm"), "1/mm^2")``.

NIfTI, DICOM and TIFF need ``pip install "krogh[imaging]"``, HDF5 ``krogh[std]``; ``.vti`` nothing.
"""

from krogh.io.dicom import read_dicom
from krogh.io.fields import Fields
from krogh.io.files import read, write
from krogh.io.image import Image, match
from krogh.io.nifti import read_nifti
from krogh.io.ome_tiff import read_ome_tiff
from krogh.io.sections import RegisteredSections, register_sections
from krogh.io.vti import read_vti
from krogh.io.vtkhdf import read_vtkhdf

__all__ = [
    "Fields",
    "Image",
    "RegisteredSections",
    "match",
    "read",
    "read_dicom",
    "read_nifti",
    "read_ome_tiff",
    "read_vti",
    "read_vtkhdf",
    "register_sections",
    "write",
]
