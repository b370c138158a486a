"""Vessel networks: files, flow, what they carry, voxels, generators, statistics.

SPDX-License-Identifier: BSD-3-Clause
"""

from krogh.vessels import generate
from krogh.vessels.balance import balanced_flow
from krogh.vessels.distance import distance_to_vessel, nearest_segment
from krogh.vessels.estimate import EstimateReport, estimate_flow
from krogh.vessels.extraction import Extraction, extraction
from krogh.vessels.files import read, read_csv, write, write_csv
from krogh.vessels.flow import FlowReport, junction_errors, solve_flow, wall_shear_stress
from krogh.vessels.frame import VoxelFrame
from krogh.vessels.network import Boundary, VesselNetwork
from krogh.vessels.oxygen import (
    BloodOxygen,
    SteadyOxygen,
    intravascular_resistance,
    steady_oxygen,
)
from krogh.vessels.oxygen_field import OxygenField, TissueOxygen, oxygen_field
from krogh.vessels.repair import Repair, repaired
from krogh.vessels.skeleton import MaskReport, from_mask
from krogh.vessels.solute import SoluteCarriage, SoluteCourse, SteadySolute
from krogh.vessels.statistics import Statistics, statistics_of
from krogh.vessels.voxels import VesselVoxels, line_exchange, voxelize

__all__ = [
    "BloodOxygen",
    "Boundary",
    "EstimateReport",
    "Extraction",
    "FlowReport",
    "MaskReport",
    "OxygenField",
    "Repair",
    "SoluteCarriage",
    "SoluteCourse",
    "Statistics",
    "SteadyOxygen",
    "SteadySolute",
    "TissueOxygen",
    "VesselNetwork",
    "VesselVoxels",
    "VoxelFrame",
    "balanced_flow",
    "distance_to_vessel",
    "estimate_flow",
    "extraction",
    "from_mask",
    "generate",
    "intravascular_resistance",
    "junction_errors",
    "line_exchange",
    "nearest_segment",
    "oxygen_field",
    "read",
    "read_csv",
    "repaired",
    "solve_flow",
    "statistics_of",
    "steady_oxygen",
    "voxelize",
    "wall_shear_stress",
    "write",
    "write_csv",
]
