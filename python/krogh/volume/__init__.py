"""Tissue in voxels: vessels within them, a plasma that feeds them.

SPDX-License-Identifier: BSD-3-Clause

`simulate_volume` solves a tissue model with `krogh.model.Transport` components on a grid.  Pictures
need matplotlib, which is loaded when one is drawn.
"""

from krogh.volume.blood_course import BloodCourse, blood_course
from krogh.volume.course_pictures import plot_course
from krogh.volume.distance_pictures import plot_coverage, plot_distance
from krogh.volume.parts import VolumeFailure, VolumePlasma
from krogh.volume.plot import plot_slices_of
from krogh.volume.radiation import Radiation
from krogh.volume.result import VolumeResult
from krogh.volume.run import simulate_volume
from krogh.volume.saving import Save
from krogh.volume.vessel_pictures import plot_vessels

__all__ = [
    "BloodCourse",
    "Radiation",
    "Save",
    "VolumeFailure",
    "VolumePlasma",
    "VolumeResult",
    "blood_course",
    "plot_course",
    "plot_coverage",
    "plot_distance",
    "plot_slices_of",
    "plot_vessels",
    "simulate_volume",
]
