"""Drug that sticks to the tissue or is filtered through the wall, against closed forms.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from krogh.line import simulate_line
from krogh.model import Model, tissue
from krogh.space import Cylinder, Slab

pytestmark = pytest.mark.verification

D, EPS, K, LEVEL = 100.0, 0.3, 4.0, 50.0
SHEET = Slab(thickness="1200 um", cells=1200, growth=1)
HELD = {"medium": (([0.0, 1.0], "h"), [LEVEL, LEVEL], "nM")}
TIMES = np.array([100.0, 400.0])


def sheet(**options):
    return tissue.free_drug(
        "d",
        plasma="medium",
        wall="fixed",
        diffusivity=f"{D} um^2/s",
        void_fraction=EPS,
        **options,
    )


def profile(model):
    result = simulate_line(model, SHEET, plasma=HELD, times=([0.0, *TIMES], "s"), rtol=1e-7)
    return np.asarray(result.distance).ravel(), np.asarray(result["free_d"].values)[0, 1:]


def exact(x, apparent):
    """Free drug in a half space whose surface is held: C0 erfc(x/sqrt(4 D t))."""
    return np.array(
        [[LEVEL * math.erfc(a / math.sqrt(4.0 * apparent * t)) for a in x] for t in TIMES]
    )


@pytest.mark.parametrize("ratio", [0.0, K])
def test_linear_binding_slows_the_front(ratio):
    """Crank: D/(1 + K), while the concentration at the wall stays that of the medium."""
    sites = tissue.linear_tissue_binding("d", bound_ratio=ratio, exchange_rate="1e4 1/s")
    x, found = profile(Model("linear", sheet(), sites))
    np.testing.assert_allclose(found, exact(x, D / (1.0 + ratio)), atol=1e-4 * LEVEL)


def test_fast_sites_far_from_full_bind_linearly():
    """K = kon Nmax/(eps koff) where few sites are taken and exchange is fast."""
    k_off = 1000.0
    capacity = 1e7
    k_on = K * EPS * k_off / capacity
    sites = tissue.saturable_tissue_binding(
        "d",
        capacity=f"{capacity} nM",
        association_rate=f"{k_on} 1/nM/s",
        dissociation_rate=f"{k_off} 1/s",
    )
    x, found = profile(Model("saturable", sheet(), sites))
    np.testing.assert_allclose(found, exact(x, D / (1.0 + K)), atol=3e-4 * LEVEL)


def test_few_sites_fill_and_let_the_drug_pass():
    """Saturated sites no longer hold it back: between free diffusion and linear binding."""
    sites = tissue.saturable_tissue_binding(
        "d", capacity="20 nM", association_rate="0.1 1/nM/s", dissociation_rate="0.1 1/s"
    )
    x, found = profile(Model("saturable", sheet(), sites))
    initial_slope = 0.1 * 20.0 / 0.1 / EPS
    assert np.all(found <= exact(x, D) + 1e-3)
    assert np.all(found[1] >= exact(x, D / (1.0 + initial_slope))[1] - 1e-3)
    assert found[1].sum() < 0.8 * exact(x, D)[1].sum()


@pytest.mark.parametrize("peclet", [-1.0, 0.0, 0.1, 3.0])
def test_first_flux_through_a_filtering_wall(peclet):
    """Into empty tissue: P S Cp Pe/(1 - exp(-Pe)) (Patlak), of free drug in plasma."""
    drug = tissue.free_drug(
        "d",
        plasma="medium",
        free_in_plasma=0.5,
        diffusivity="1e5 um^2/s",
        void_fraction=EPS,
        permeability="1e-6 cm/s",
        peclet=peclet,
    )
    vessel = Cylinder(inner_radius="8 um", outer_radius="75 um", cells=16)
    seconds = 2.0
    result = simulate_line(
        Model("wall", drug), vessel, plasma=HELD, times=([0.0, seconds], "s"), rtol=1e-8
    )
    free = np.asarray(result.mean("free_d").values)[0, -1]
    surface = tissue.surface_per_volume("8 um", "75 um").to("1/um")
    inward = 1e-2 * surface * tissue.patlak_factor(peclet) * 0.5 * LEVEL
    back = 1e-2 * surface * tissue.patlak_factor(-peclet) / EPS
    expected = inward / back * -np.expm1(-back * seconds) / EPS
    assert free == pytest.approx(expected, rel=1e-4)


def test_equilibrium_with_lymph():
    """What filtration brings lymph carries away: C/Cp = inward/(outward + drainage)."""
    drug = tissue.free_drug(
        "d",
        plasma="medium",
        diffusivity="1000 um^2/s",
        void_fraction=EPS,
        permeability="1e-6 cm/s",
        peclet=0.5,
        drainage_rate="1e-4 1/s",
    )
    vessel = Cylinder(inner_radius="8 um", outer_radius="75 um", cells=16)
    result = simulate_line(
        Model("lymph", drug),
        vessel,
        plasma={"medium": (([0.0, 100.0], "h"), [LEVEL, LEVEL], "nM")},
        times=([0.0, 100.0], "h"),
        rtol=1e-7,
    )
    surface = tissue.surface_per_volume("8 um", "75 um").to("1/um")
    inward, outward = (1e-2 * surface * tissue.patlak_factor(p) for p in (0.5, -0.5))
    free = np.asarray(result.mean("free_d").values)[0, -1]
    # diffusion is fast, so the tissue is nearly uniform
    assert free / LEVEL == pytest.approx(inward / (outward + 1e-4), rel=2e-2)
