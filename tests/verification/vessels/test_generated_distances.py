"""Distances of tissue to generated vessels against closed forms and their computed values.

SPDX-License-Identifier: BSD-3-Clause

Krogh radius 75 um, which is 56.6 vessels per mm^2: Poisson vessels have the mean 66.5 um, the
median 62.4 um and 16.9 % of the tissue beyond 100 um; a square lattice (spacing 132.9 um) has at
most 94.0 um, a hexagonal one 82.5 um.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from krogh.vessels import generate

pytestmark = pytest.mark.verification

NUMBER = 1.0 / (math.pi * 75.0**2)  # per um^2
DENSITY = f"{NUMBER!r} 1/um^2"


def test_poisson_vessels() -> None:
    found = [
        generate.poisson(
            ("8 mm", "8 mm", "50 um"), DENSITY, diameter="16 um", seed=seed
        ).statistics(periodic=(True, True, False), spacing="38 um")
        for seed in range(4)
    ]
    mean = np.mean([f.mean_distance for f in found])
    median = np.mean([f.median_distance for f in found])
    beyond = np.mean([f.beyond for f in found])
    # 14,486 vessels: the means scatter by about 0.5 %.
    assert mean == pytest.approx(1.0 / (2.0 * math.sqrt(NUMBER)), rel=0.015)
    assert median == pytest.approx(math.sqrt(math.log(2.0) / (math.pi * NUMBER)), rel=0.015)
    assert beyond == pytest.approx(math.exp(-math.pi * NUMBER * 1e4), abs=0.005)
    assert mean == pytest.approx(66.5, rel=0.015)
    assert median == pytest.approx(62.4, rel=0.015)
    assert beyond == pytest.approx(0.169, abs=0.005)


def test_square_lattice() -> None:
    spacing = NUMBER**-0.5
    assert spacing == pytest.approx(132.9, abs=0.05)
    side = f"{4 * spacing!r} um"
    found = generate.lattice((side, side, "4 um"), DENSITY, diameter="16 um").statistics(
        periodic=(True, True, False), spacing="2 um"
    )
    assert found.length_density == pytest.approx(56.59, abs=0.01)
    assert found.max_distance == pytest.approx(94.0, abs=1.5)
    assert found.max_distance <= spacing / 2**0.5
    mean = spacing * (math.sqrt(2.0) + math.asinh(1.0)) / 6.0
    assert found.mean_distance == pytest.approx(mean, rel=1e-3)
    assert found.beyond == 0.0


def test_hexagonal_lattice() -> None:
    spacing = math.sqrt(2.0 / (math.sqrt(3.0) * NUMBER))
    size = (f"{4 * spacing!r} um", f"{2 * math.sqrt(3.0) * spacing!r} um", "4 um")
    network = generate.lattice(size, DENSITY, diameter="16 um", pattern="hexagonal")
    found = network.statistics(periodic=(True, True, False), spacing="2 um")
    assert found.length_density == pytest.approx(56.59, abs=0.01)
    assert found.max_distance == pytest.approx(82.5, abs=1.5)
    # Over a regular hexagon of inradius h: integral of sec^3 over that of sec^2, times 2 h/3.
    mean = 0.5 * spacing * (2.0 / 3.0 + math.log(3.0) / 2.0) / math.sqrt(3.0)
    assert found.mean_distance == pytest.approx(mean, rel=1e-3)
