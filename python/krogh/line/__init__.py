"""Tissue along lines: cylinders around vessels, spheres, slabs.

SPDX-License-Identifier: BSD-3-Clause

`simulate_line` solves a tissue model with `krogh.model.Transport` components along one or many
lines; `well_mixed` is the same model without gradients.
"""

from krogh.line.ledger import Ledger
from krogh.line.mixed import well_mixed
from krogh.line.parts import LineFailure, PlasmaResult
from krogh.line.result import LineResult
from krogh.line.run import METHODS, simulate_line

__all__ = [
    "METHODS",
    "Ledger",
    "LineFailure",
    "LineResult",
    "PlasmaResult",
    "simulate_line",
    "well_mixed",
]
