"""A vessel along an axis in coarse voxels is the line source of theory.

SPDX-License-Identifier: BSD-3-Clause

Around a line of strength q per length in tissue that consumes at the rate k the concentration is
``q K0(r/lambda) / (2 pi D)``, lambda = sqrt(D/k); a voxel of width h that holds the line has the
value at r0 = 0.1985 h (Peaceman 1978, doi:10.2118/6893-PA).
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.model import Model, Output, Parameter, Reaction, Species, Transport
from krogh.space import Grid
from krogh.vessels import VesselNetwork
from scipy.special import k0, k1

pytestmark = pytest.mark.verification

D, LOSS, EPS = 100.0, 0.01, 0.5
LENGTH = np.sqrt(D / LOSS)  # 100 um
RADIUS = 4.0

MODEL = Model(
    "consumed",
    Parameter("D", f"{D} um^2/s"),
    Parameter("k", f"{LOSS} 1/s"),
    Parameter("eps", f"{EPS}", lower="0.01", upper="1"),
    Parameter("P", "1 um/s"),
    Species("C", "nM"),
    Reaction("C ->", "k*C"),
    Transport("C", diffusivity="D", void_fraction="eps", permeability="P", plasma="Cp"),
    Output("total", "C", unit="nM"),
)


def steady(axis: str, width: float, permeability: float):
    """A vessel through the middle voxel of 1 mm^2 of tissue, after 40 time constants."""
    across = 2 * round(500.0 / width) + 1
    shape = [across, across, across]
    shape["zyx".index(axis)] = 1
    grid = Grid(tuple(shape), (width, "um"), ((0.5 * width,) * 3, "um"))
    start = np.full(3, 0.5 * width * across)
    stop = start.copy()
    start["xyz".index(axis)], stop["xyz".index(axis)] = 0.0, width
    network = VesselNetwork(np.array([start, stop]), np.array([[0, 1]]), np.array([2 * RADIUS]))
    result = kg.simulate_volume(
        MODEL,
        grid,
        plasma={"Cp": (([0.0, 10.0], "h"), [100.0, 100.0], "nM")},
        exchange=network,
        values={"P": f"{permeability} um/s"},
        times=([3600.0, 4000.0], "s"),
        rtol=1e-5,
        num_threads=1,
        progress=False,
    )
    values = result["total"].values[-1]
    entered = result._outcome.entered[0, :, 0, 0]
    strength = float(entered[1] - entered[0]) / 400.0 / width
    return float(values[tuple(n // 2 for n in grid.shape)]), strength, values.sum() * width**2


@pytest.mark.parametrize("axis", ["x", "y", "z"])
@pytest.mark.parametrize("width", [40.0, 25.0])
def test_the_voxel_of_a_line_is_k0_at_a_fifth_of_its_width(axis, width):
    """To 2 % for h <= 0.4 sqrt(D/k)."""
    value, strength, content = steady(axis, width, 0.3)
    reach = width * np.exp(-np.euler_gamma) / np.sqrt(8.0)
    assert value == pytest.approx(strength * k0(reach / LENGTH) / (2.0 * np.pi * D), rel=0.02)
    assert content == pytest.approx(strength / LOSS, rel=1e-4)  # what enters is consumed


@pytest.mark.parametrize("permeability", [0.01, 0.3, 3.0])
def test_what_passes_a_line_is_what_passes_the_wall(permeability):
    """P R/(eps D) of 8e-4, 0.024 and 0.24: the same as of a vessel with a wall, to 2 %."""
    _, strength, _ = steady("z", 40.0, permeability)
    place = RADIUS / LENGTH
    hinder = permeability * LENGTH * k0(place) / (EPS * D * k1(place))
    wall = 2.0 * np.pi * RADIUS * permeability * 100.0 / (1.0 + hinder)
    assert strength == pytest.approx(wall, rel=0.02)
