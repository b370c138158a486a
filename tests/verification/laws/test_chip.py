"""A chip on a line: a perfused channel, a matrix beside it, interstitial flow through the matrix.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.model import tissue
from krogh.space import Slab

pytestmark = pytest.mark.verification

LENGTH, D, EPS, RATE = 400.0, 60.0, 0.9, 2e-3  # um, um^2/s, 1, 1/s
FLOW = tissue.darcy_velocity("2e-8 cm^2/mmHg/s", "40 mmHg", f"{LENGTH} um")


def chip(wall="fixed", permeability=None):
    """Matrix and channel of a drug that the matrix degrades."""
    matrix = tissue.free_drug(
        "dox", diffusivity=f"{D} um^2/s", void_fraction=EPS, wall=wall, permeability=permeability
    ) + tissue.metabolism("dox", metabolic_rate=f"{RATE} 1/s")
    channel = tissue.channel("dox", volume="4 uL", flow="2 uL/min", inlet="100 nM")
    return matrix, channel


def run(cells=64, velocity=None, until="2 d", supply="both", **options):
    matrix, channel = chip(**options)
    return kg.simulate_line(
        matrix, Slab(f"{LENGTH} um", cells=cells, growth=1.0, supply=supply), systemic=channel,
        velocity=velocity, times=until, rtol=1e-8,
    )  # fmt: skip


def between_channels(x, flow):
    """Steady free concentration: D eps c'' = u c' + k eps c, c = 100 nM at both channels."""
    half = flow / (2.0 * D * EPS)
    root = np.sqrt(half**2 + RATE / D)
    first, second = half + root, half - root
    a, b = np.linalg.solve(
        [[1.0, 1.0], [np.exp(first * LENGTH), np.exp(second * LENGTH)]], [100.0, 100.0]
    )
    return a * np.exp(first * x) + b * np.exp(second * x)


def test_the_flow_of_darcy_is_one_that_matters():
    assert FLOW.unit == "um/s"
    assert FLOW.value == pytest.approx(2e-8 * 1e8 * 40.0 / LENGTH)  # K dp/L
    assert FLOW.value * LENGTH / (D * EPS) > 1.0  # Peclet number


def test_the_channel_fills_within_its_residence_time():
    found = run(until="0..10 min by 2 min", cells=8)
    seconds = tissue.residence_time("4 uL", "2 uL/min").value
    assert seconds == pytest.approx(120.0)
    expected = 100.0 * (1.0 - np.exp(-found.times.values * 60.0 / seconds))
    assert found.plasma["Cp_dox"].values[0] == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("sign", [0.0, 1.0, -1.0])
def test_the_steady_profile_between_two_channels(sign):
    flow = sign * FLOW.value
    errors = []
    for cells in (64, 128):
        found = run(cells, velocity=(flow, "um/s"))
        exact = between_channels(found.positions.values, flow)
        errors.append(np.max(np.abs(found["free_dox"].values[0, -1] - exact)) / 100.0)
    assert errors[1] < 2e-4
    assert errors[0] / errors[1] == pytest.approx(4.0, abs=1.0)  # second order


def test_flow_makes_the_profile_lopsided_and_turning_it_round_mirrors_it():
    still, forth, back = (
        run(velocity=(s * FLOW.value, "um/s"))["free_dox"].values[0, -1] for s in (0.0, 1.0, -1.0)
    )
    assert still == pytest.approx(still[::-1], rel=1e-6)
    assert forth == pytest.approx(back[::-1], rel=1e-6)
    assert np.argmin(forth) > np.argmin(still) + 2


@pytest.mark.parametrize("supply", ["inner", "both"])
def test_behind_a_leaky_endothelium_cells_and_line_agree(supply):
    matrix, channel = chip("membrane", "0.05 um/s")
    line, cells = (
        kg.simulate_line(
            matrix, Slab(f"{LENGTH} um", cells=24, supply=supply), systemic=channel,
            velocity=(FLOW.value, "um/s"), times="0..6 h by 1 h", rtol=1e-5, method=method,
        )
        for method in ("line", "cells")
    )  # fmt: skip
    b = cells["free_dox"].values
    assert np.max(np.abs(line["free_dox"].values - b)) <= 2e-5 * np.max(np.abs(b))
    assert line["free_dox"].values[0, -1, 0] > 10.0


def test_pressure_of_the_fluid_gives_the_flow_that_carries_the_drug():
    # vessels in the matrix feed it with fluid, which leaves through both channels
    shape = Slab(f"{LENGTH} um", cells=64, growth=1.0, supply="both")
    k = 2.0  # um^2/mmHg/s
    pressure = tissue.interstitial_pressure(
        tissue_conductivity=f"{k} um^2/mmHg/s", hydraulic_conductivity="3e-3 um/mmHg/s",
        surface_per_volume="0.02 1/um", vascular_pressure="15 mmHg", reflection=0.0,
        oncotic_plasma="20 mmHg", oncotic_tissue="15 mmHg",
    )  # fmt: skip
    rest = kg.simulate_line(pressure, shape, times="1 h", rtol=1e-8)
    p = rest["interstitial_pressure"].values[0, -1]
    alpha = np.sqrt(3e-3 * 0.02 / k)
    x = shape.centers - 0.5 * LENGTH
    exact = 15.0 * (1.0 - np.cosh(alpha * x) / np.cosh(0.5 * alpha * LENGTH))
    assert p == pytest.approx(exact, abs=1e-3 * exact.max())
    faces = np.empty(65)
    faces[1:-1] = -k * np.diff(p) / np.diff(shape.centers)
    faces[0] = -k * p[0] / shape.centers[0]
    faces[-1] = k * p[-1] / (LENGTH - shape.centers[-1])
    assert faces[0] < 0.0 < faces[-1]  # outward on both sides
    still, washed = (run(velocity=v)["free_dox"].values[0, -1] for v in (None, (faces, "um/s")))
    assert washed[32] < still[32]  # it holds the drug back
