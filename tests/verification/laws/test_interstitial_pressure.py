"""Pressure of the interstitial fluid in a sphere: Baxter & Jain 1989, alone and embedded.

SPDX-License-Identifier: BSD-3-Clause

Microvasc Res 37:77, doi 10.1016/0026-2862(89)90074-5.  With a = alpha/R the steady state is
p/pe = 1 - sinh(a r) R/(r sinh alpha) and the velocity at the edge K pe/R (alpha coth alpha - 1).
"""

from __future__ import annotations

import numpy as np
import pytest
from krogh.line import simulate_line
from krogh.model import Model, tissue
from krogh.space import Sphere

pytestmark = pytest.mark.verification
K, LP, S = 4.13e-8, 2.8e-7, 200.0  # cm^2/mmHg/s, cm/mmHg/s, 1/cm
PE = 11.5

MODEL = Model(
    "interstitial fluid",
    tissue.interstitial_pressure(
        tissue_conductivity="4.13e-8 cm^2/mmHg/s",
        hydraulic_conductivity="2.8e-7 cm/mmHg/s",
        surface_per_volume="200 1/cm",
        vascular_pressure="15.6 mmHg",
        reflection=0.82,
        oncotic_plasma="20 mmHg",
        oncotic_tissue="15 mmHg",
    ),
)


def steady(shape, **options):
    """Pressure (mmHg) of the cells and the fluid (1/s) that vessels give, long after the start."""
    result = simulate_line(MODEL, shape, times=([0.0, 48.0], "h"), rtol=1e-7, **options)
    pressure = np.asarray(result["interstitial_pressure"].values)[0, -1]
    fluid = np.asarray(result["filtration"].values)[0, -1]
    return np.asarray(result.positions).ravel(), pressure, fluid, np.asarray(result.volumes).ravel()


def exact(r, radius):
    """Baxter and Jain's profile over pe, r and radius in cm."""
    a = np.sqrt(LP * S / K)
    return 1.0 - np.sinh(a * r) * radius / (r * np.sinh(a * radius))


@pytest.mark.parametrize(
    ("radius", "alpha", "speed"), [(0.1, 3.682, 0.1276), (0.5, 18.41, 0.1654), (1.0, 36.82, 0.1701)]
)
def test_isolated_tumor(radius, alpha, speed):
    found = tissue.hydraulic_modulus(
        f"{radius} cm", "2.8e-7 cm/mmHg/s", "200 1/cm", "4.13e-8 cm^2/mmHg/s"
    )
    assert found == pytest.approx(alpha, rel=2e-4)
    shape = Sphere(radius=f"{radius} cm", cells=800, growth=12 if radius > 0.2 else 1)
    r, pressure, fluid, volumes = steady(shape)
    np.testing.assert_allclose(pressure / PE, exact(r * 1e-4, radius), atol=1e-4)
    # what the vessels give flows out at the edge
    edge = np.sum(fluid * volumes) / (4.0 * np.pi * (radius * 1e4) ** 2)
    expected = K * PE / radius * (found / np.tanh(found) - 1.0) * 1e4
    assert edge == pytest.approx(expected, rel=1e-4)
    assert edge == pytest.approx(speed, abs=5e-5)


def test_profile_of_the_table():
    """Values at the centre, half way and near the edge of a tumor of 1 mm."""
    r, pressure, _, _ = steady(Sphere(radius="0.1 cm", cells=800, growth=1))
    at = np.interp([0.5, 0.9], r / 1000.0, pressure / PE)
    assert pressure[0] / PE == pytest.approx(0.8145, abs=1e-4)
    np.testing.assert_allclose(at, [0.6905, 0.2317], atol=1e-4)


def test_tumor_embedded_in_normal_tissue():
    """In tissue of a fifth of the conductivity the flow at the edge is ten times less.

    The normal tissue reaches to 1.25 cm, twelve of its own lengths, where the pressure is 0.
    """
    cells, edge = 2000, 0.5
    radius = 1.25
    k_normal, lp_normal, s_normal = 8.53e-9, 0.36e-7, 70.0
    b = np.sqrt(lp_normal * s_normal / k_normal)
    assert b == pytest.approx(17.19, abs=0.01)
    shape = Sphere(radius=f"{radius} cm", cells=cells, growth=1)
    centers = np.asarray(shape.centers)
    fields = {
        name: np.where(centers < edge * 1e4, tumor, normal)
        for name, (tumor, normal) in {
            "tissue_conductivity": (K, k_normal),
            "hydraulic_conductivity": (LP, lp_normal),
            "vessel_surface_per_volume": (S, s_normal),
            # effective pressure 0 in normal tissue
            "vascular_pressure": (15.6, 0.82 * 5.0),
        }.items()
    }
    r, pressure, fluid, volumes = steady(shape, fields=fields)
    a = np.sqrt(LP * S / K)
    ar, br, ratio = a * edge, b * edge, K / k_normal
    amplitude = -edge * PE / (np.sinh(ar) + ratio * (ar * np.cosh(ar) - np.sinh(ar)) / (1.0 + br))
    at_edge = PE + amplitude * np.sinh(ar) / edge
    assert at_edge == pytest.approx(10.325, abs=1e-3)
    x = r * 1e-4
    outside = x > edge
    expected = np.where(
        outside,
        at_edge * edge / x * np.exp(-b * (x - edge)),
        PE + amplitude * np.sinh(a * np.minimum(x, edge)) / x,
    )
    np.testing.assert_allclose(pressure / PE, expected / PE, atol=1e-4)
    speed = np.sum((fluid * volumes)[~outside]) / (4.0 * np.pi * (edge * 1e4) ** 2)
    assert speed == pytest.approx(0.0169, abs=5e-5)
    slope = -K * amplitude * (ar * np.cosh(ar) - np.sinh(ar)) / edge**2 * 1e4
    assert speed == pytest.approx(slope, rel=1e-3)
