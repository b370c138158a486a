"""Fluid between the cells: pressure, flow, lymphatics, and how treatment changes them.

SPDX-License-Identifier: BSD-3-Clause
"""

from krogh.interstitial.course import FlowCourse, flow_course
from krogh.interstitial.flow import interstitial_flow
from krogh.interstitial.pores import PoreWall, wall_of_pores
from krogh.interstitial.result import FluidLedger, InterstitialFlow
from krogh.interstitial.values import NORMAL, TUMOUR, TissueFluid

__all__ = [
    "NORMAL",
    "TUMOUR",
    "FlowCourse",
    "FluidLedger",
    "InterstitialFlow",
    "PoreWall",
    "TissueFluid",
    "flow_course",
    "interstitial_flow",
    "wall_of_pores",
]
