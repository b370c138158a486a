"""Tissue in voxels: vessels within them, a plasma that feeds them.

SPDX-License-Identifier: BSD-3-Clause

`simulate_volume` solves a tissue model with `krogh.model.Transport` components on a grid.
"""

from krogh.volume.parts import VolumeFailure, VolumePlasma
from krogh.volume.result import VolumeResult
from krogh.volume.run import simulate_volume
from krogh.volume.saving import Save

__all__ = ["Save", "VolumeFailure", "VolumePlasma", "VolumeResult", "simulate_volume"]
