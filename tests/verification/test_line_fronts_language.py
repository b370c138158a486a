"""The fronts of test_line_fronts.py and reference profiles, through `krogh.simulate_line`.

SPDX-License-Identifier: BSD-3-Clause

The same closed forms for models written in blocks: units, shapes, plasma curves and graded cells
are then in the path that is tested.
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.model import Model, Output, Rate, Species, Transport, engagement, tissue
from krogh.space import Cylinder, Slab, Sphere
from scipy import special
from test_line_fronts import D_SPHERE, RADIUS, TARGET, core, front, modulus

pytestmark = pytest.mark.verification

HOUR = 3600.0


def binder(internalization="0 1/s", **moves):
    """An antibody that binds HER2 and is not released; the target is made as fast as it is lost."""
    own = tissue.free_drug(
        "A", plasma="Cp_A", void_fraction=0.24, **({"diffusivity": "10 um^2/s"} | moves)
    )
    return Model(
        "binder",
        own,
        engagement.surface_target(
            "HER2", target_density=f"{TARGET} nM", internalization_rate=internalization
        ),
        engagement.binding(
            "A",
            "HER2",
            association_rate="7.1e-4 1/nM/s",
            dissociation_rate="0 1/s",
            internalization_rate=internalization,
        ),
        engagement.occupancy("HER2", ["A"]),
    )


def constant(value, hours):
    return {"Cp_A": (([0.0, hours], "h"), [value, value], "nM")}


def half(result, record):
    """Distance from the wall at which half of the targets are taken, um."""
    taken = np.asarray(result["occupancy_HER2"].values)[0, record]
    distance = np.ravel(result.distance)
    order = np.argsort(taken)
    return float(np.interp(0.5, taken[order], distance[order]))


@pytest.mark.parametrize(
    ("permeability", "hours", "expected"),
    [("3e-7 cm/s", (12.0, 24.0, 48.0), (23.63, 32.40, 45.06)), ("3e-6 cm/s", (12.0,), (65.89,))],
)
def test_front_around_a_vessel(permeability, hours, expected):
    result = kg.simulate_line(
        binder(permeability=permeability),
        Cylinder(inner_radius="8 um", outer_radius="75 um", cells=128),
        plasma=constant(200.0, 48.0),
        times=(list(hours), "h"),
        rtol=1e-4,
    )
    found = [8.0 + half(result, k) for k in range(len(hours))]
    assert found == pytest.approx(expected, rel=0.03)
    um_per_s = float(permeability.split()[0]) * 1e4
    assert list(expected) == pytest.approx(
        [front(um_per_s, 200.0 * HOUR * t) for t in hours], abs=6e-3
    )


def test_front_of_a_falling_plasma_curve_is_that_of_its_area():
    times = np.linspace(0.0, 48.0, 193)
    values = 600.0 * np.exp(-times / 20.0)
    result = kg.simulate_line(
        binder(permeability="3e-7 cm/s"),
        Cylinder(inner_radius="8 um", outer_radius="75 um", cells=128),
        plasma={"Cp_A": ((times, "h"), values, "nM")},
        times=([12.0, 24.0, 48.0], "h"),
        rtol=1e-4,
    )
    for k, t in enumerate((12.0, 24.0, 48.0)):
        area = 600.0 * 20.0 * (1.0 - np.exp(-t / 20.0)) * HOUR
        assert 8.0 + half(result, k) == pytest.approx(front(3e-3, area), rel=0.03)


def test_front_limited_by_internalization_in_a_spheroid():
    ke = 3.3e-5
    result = kg.simulate_line(
        binder(f"{ke} 1/s", diffusivity=f"{D_SPHERE} um^2/s", wall="fixed"),
        Sphere(radius=f"{RADIUS} um", cells=128),
        plasma=constant(20.0, 600.0),
        times=([500.0], "h"),
        rtol=1e-4,
    )
    exact = RADIUS * core(6.0 / modulus(20.0, ke))
    assert RADIUS - half(result, 0) == pytest.approx(exact, rel=0.03)


def decaying(rate, diffusivity="10 um^2/s"):
    """A drug held at the wall that diffuses and decays."""
    return Model(
        "decay",
        kg.Parameter("k", rate),
        kg.Parameter("D", diffusivity),
        Species("C", "nM"),
        Rate("C", "-k*C"),
        Transport("C", diffusivity="D", plasma="Cp_A", wall="fixed"),
        Output("c", "C", unit="nM"),
    )


@pytest.mark.parametrize(
    ("length", "expected"),
    [(50.0, (0.6658, 0.5050, 0.3541, 0.3016)), (20.0, (0.4382, 0.2212, 0.0687, 0.0307))],
)
def test_steady_decay_around_a_vessel(length, expected):
    result = kg.simulate_line(
        decaying(f"{10.0 / length**2!r} 1/s"),
        Cylinder(inner_radius="8 um", outer_radius="75 um", cells=256),
        plasma=constant(1.0, 100.0),
        times=([80.0], "h"),
        rtol=1e-6,
    )
    radius = 8.0 + np.ravel(result.distance)
    found = np.asarray(result["c"].values)[0, -1]
    m = 1.0 / length

    def profile(r):
        return special.i0(m * r) * special.k1(m * 75.0) + special.k0(m * r) * special.i1(m * 75.0)

    assert np.max(np.abs(found - profile(radius) / profile(8.0))) < 1e-4
    table = np.interp([18.0, 28.0, 48.0], radius, found)
    assert [*table, found[-1]] == pytest.approx(expected, abs=3e-4)


def test_uptake_of_a_sphere_in_time():
    """Crank: the share of the final amount at D t/R^2 = 0.01, 0.05, 0.1 and 0.2."""
    hours = np.array([0.01, 0.05, 0.1, 0.2]) * 100.0**2 / 10.0 / HOUR
    result = kg.simulate_line(
        decaying("0 1/s"),
        Sphere(radius="100 um", cells=256),
        plasma=constant(1.0, 1.0),
        times=(hours, "h"),
        rtol=1e-6,
    )
    volumes = np.ravel(result.volumes)
    share = np.asarray(result["c"].values)[0] @ volumes / volumes.sum()
    assert share == pytest.approx([0.3085, 0.6069, 0.7705, 0.9155], abs=1e-4)


def test_decay_into_a_half_space():
    """Danckwerts, D = 100 um^2/s, k = 0.04 1/s, at 25, 50 and 100 um."""
    result = kg.simulate_line(
        decaying("0.04 1/s", "100 um^2/s"),
        Slab(thickness="800 um", cells=800),
        plasma=constant(1.0, 1.0),
        times=([5.0, 25.0, 100.0], "s"),
        rtol=1e-6,
    )
    x = np.ravel(result.distance)
    table = np.array([[0.3927, 0.0996, 0.0013], [0.5825, 0.3257, 0.0850], [0.6063, 0.3674, 0.1345]])
    for k in range(3):
        found = np.interp([25.0, 50.0, 100.0], x, np.asarray(result["c"].values)[0, k])
        assert found == pytest.approx(table[k], abs=2e-4)
