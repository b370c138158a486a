"""Laws of size, geometry and dimensionless numbers against tables and closed forms.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from krogh.errors import SpecError, UnitError
from krogh.model import tissue

# molar mass kDa: P cm/s, void fraction; where the polynomial of the hindrance holds or the small
# pore is closed (computed from the published coefficients)
BY_MASS = {0.5: (3.7e-5, 0.454), 5: (6.3e-6, 0.404), 15: (1.86e-6, 0.365), 150: (3.87e-7, 0.239)}
BY_RADIUS = {10: (1.79e-7, 0.083), 20: (8.2e-8, 0.048), 50: (2.5e-8, 0.045), 100: (7.4e-9, 0.041)}


def rounded(value, like):
    """Return the value with as many digits as the table's entry has."""
    digits = len(f"{like:.10g}".replace(".", "").lstrip("0").split("e")[0])
    return float(f"{value:.{digits - 1}e}")


@pytest.mark.parametrize(("mass", "expected"), BY_MASS.items())
def test_two_pore_table_by_mass(mass, expected):
    permeability = tissue.two_pore_permeability(f"{mass} kDa").to("cm/s")
    assert rounded(permeability, expected[0]) == expected[0]
    assert round(tissue.void_fraction_of(f"{mass} kDa"), 3) == expected[1]


@pytest.mark.parametrize(("radius", "expected"), BY_RADIUS.items())
def test_two_pore_table_by_radius(radius, expected):
    permeability = tissue.two_pore_permeability(radius=f"{radius} nm").to("cm/s")
    assert rounded(permeability, expected[0]) == expected[0]
    assert tissue.void_fraction_of(radius=f"{radius} nm") == pytest.approx(expected[1], abs=6e-4)


@pytest.mark.parametrize(("mass", "void"), [(27, 0.339), (55, 0.302), (80, 0.280), (110, 0.260)])
def test_void_fractions_between(mass, void):
    assert round(tissue.void_fraction_of(f"{mass} kDa"), 3) == void


@pytest.mark.parametrize(("mass", "without"), [(55, 5.5e-7), (80, 4.8e-7), (110, 4.3e-7)], ids=str)
def test_small_pores_nearly_closed(mass, without):
    """Above 0.6 of the pore the table of drags adds little to what large pores let through."""
    r = tissue.hydrodynamic_radius(f"{mass} kDa").value
    large = 3e-6 / r * 0.65 * tissue.hindrance(r / 500.0)
    assert rounded(large, without) == pytest.approx(without, rel=0.015)
    full = tissue.two_pore_permeability(f"{mass} kDa").to("cm/s")
    assert large <= full < 1.04 * large


def test_radius_and_diffusivity():
    assert tissue.hydrodynamic_radius("150 kDa").to("nm") == pytest.approx(4.84, abs=0.005)
    assert tissue.hydrodynamic_radius("15 kDa").to("nm") == pytest.approx(2.25, abs=0.005)
    assert tissue.free_diffusivity(radius="3 nm").to("cm^2/s") == pytest.approx(1e-6)
    assert tissue.free_diffusivity("150 kDa").to("um^2/s") == pytest.approx(62.0, abs=0.1)


def test_hindrance():
    assert tissue.hindrance(0.0) == 1.0
    assert tissue.hindrance(0.9) == pytest.approx(0.01 / 737.25652)
    assert tissue.hindrance(0.7) == pytest.approx(0.09 / 25.01092)
    # between two points of the table: the geometric mean of the drags
    middle = (1 - 0.71) ** 2 / math.sqrt(25.01092 * 30.35733)
    assert tissue.hindrance(0.71) == pytest.approx(middle)
    assert tissue.hindrance(0.95) == tissue.hindrance(1.0) == tissue.hindrance(7.0) == 0.0
    step = tissue.hindrance(0.6 - 1e-9) / tissue.hindrance(0.6)
    assert step == pytest.approx(1.05, abs=0.005)
    grid = [tissue.hindrance(x) for x in np.linspace(0.0, 0.9, 500)]
    assert all(b < a for a, b in itertools.pairwise(grid))
    with pytest.raises(SpecError, match="KG-108"):
        tissue.hindrance(-0.1)


def test_glomerular_sieving_table():
    table = {13: 0.677, 27: 0.403, 50: 0.131, 80: 0.022, 150: 0.0011}
    for mass, expected in table.items():
        found = tissue.glomerular_sieving(f"{mass} kDa")
        assert found == pytest.approx(expected, abs=6e-4 if expected > 0.01 else 6e-5)
    assert tissue.glomerular_sieving("0.001 kDa") == pytest.approx(0.985, abs=5e-4)


def test_nanoparticle_diffusivity():
    found = tissue.nanoparticle_diffusivity("100 nm").to("cm^2/s")
    assert found == pytest.approx(1.981e-6 * 100**-1.157 + 2.221e-8)
    assert tissue.nanoparticle_diffusivity("12 nm").value > 3 * found


def test_pores_of_one_size():
    radius = tissue.pore_radius("2.8e-7 cm/mmHg/s").to("cm")
    assert radius == pytest.approx(math.sqrt(8 * 3e-5 * 5e-4 * 2.8e-7 / 1e-3))
    open_wall = tissue.single_pore_permeability("5 nm", pore_radius="1 mm").to("cm/s")
    assert open_wall == pytest.approx(1e-3 * 6e-7 / 5e-4, rel=1e-4)
    assert tissue.pore_reflection(0.0) == 0.0
    assert tissue.pore_reflection(1.0) == tissue.pore_reflection(3.0) == 1.0
    assert tissue.pore_reflection(0.5) == pytest.approx(0.5625)


@pytest.mark.parametrize(
    ("peclet", "factor"),
    [(0.001, 1.0005), (0.1, 1.0508), (1, 1.5820), (3, 3.1572), (10, 10.0005)],
)
def test_patlak_table(peclet, factor):
    assert round(tissue.patlak_factor(peclet), 4) == factor
    # what returns has the factor of -Pe; their difference is the flow itself
    back = tissue.patlak_factor(-peclet)
    assert tissue.patlak_factor(peclet) - back == pytest.approx(peclet, rel=1e-12)


def test_patlak_limits():
    assert tissue.patlak_factor(0) == 1.0
    assert tissue.patlak_factor(1e-300) == tissue.patlak_factor(-1e-300) == 1.0
    assert tissue.patlak_factor(1e-9) == pytest.approx(1 + 5e-10, rel=1e-15)
    assert tissue.patlak_factor(800.0) == 800.0
    assert 0 < tissue.patlak_factor(-700.0) < 1e-290
    with pytest.raises(SpecError, match="KG-108"):
        tissue.patlak_factor(float("nan"))


def test_peclet_of_a_wall():
    found = tissue.peclet_number("1e-4 1/s", 0.9, "1e-7 cm/s", "200 1/cm")
    assert found == pytest.approx(1e-4 * 0.1 / 2e-5)
    back = tissue.peclet_number("-1e-4 1/s", 0.9, "1e-7 cm/s", "200 1/cm")
    assert back == -found
    with pytest.raises(SpecError, match="KG-108"):
        tissue.peclet_number("1e-4 1/s", 1.1, "1e-7 cm/s", "200 1/cm")


def test_geometry_table():
    density = tissue.vessel_density("75 um")
    assert density.to("1/mm^2") == pytest.approx(56.6, abs=0.05)
    assert tissue.krogh_radius(density).to("um") == pytest.approx(75.0)
    expected = {
        ("random", "mean"): 66.5,
        ("random", "median"): 62.4,
        ("square", "largest"): 94.0,
        ("hexagonal", "largest"): 82.5,
        ("disc", "mean"): 50.0,
    }
    for (pattern, what), distance in expected.items():
        found = tissue.distance_to_vessel(density, pattern, what).to("um")
        assert round(found, 1) == distance
    assert tissue.share_beyond("100 um", density) == pytest.approx(0.169, abs=5e-4)
    oxygen = {"permeability": "4.2e-10 cm^2/mmHg/s", "consumption": "5e-4 1/s"}
    assert tissue.oxygen_reach("40 mmHg", **oxygen).to("um") == pytest.approx(82.0, abs=0.05)
    cylinder = tissue.oxygen_cylinder("40 mmHg", "5 um", **oxygen).to("um")
    assert cylinder == pytest.approx(58.5, abs=0.05)
    # Krogh-Erlang: the pressure at the corner of that cylinder is zero
    drop = 5e-4 / (4 * 4.2e-2) * (2 * cylinder**2 * np.log(cylinder / 5) - cylinder**2 + 25)
    assert drop == pytest.approx(40.0, rel=1e-10)
    with pytest.raises(SpecError, match=r"KG-108.*'mean'.*'square'"):
        tissue.distance_to_vessel(density, "square", "mean")


def test_extravasation_rate_of_igg():
    whole = tissue.extravasation_rate("3e-7 cm/s", "8 um", "75 um", annulus=False)
    assert whole.to("1/d") == pytest.approx(0.7373, abs=5e-5)
    annulus = tissue.extravasation_rate("3e-7 cm/s", "8 um", "75 um")
    assert annulus.value / whole.value == pytest.approx(75**2 / (75**2 - 64))
    assert tissue.surface_per_volume("8 um", "75 um").to("1/um") == pytest.approx(16 / 5561)


IGG = {"diffusivity": "10 um^2/s", "void_fraction": 0.24}
VESSEL = {"permeability": "3e-7 cm/s", "inner_radius": "8 um", "outer_radius": "75 um"}
SPHERE = {"radius": "200 um", "diffusivity": "14 um^2/s", "void_fraction": 0.24}


def test_numbers_by_hand():
    bi = tissue.biot_number("3e-7 cm/s", "8 um", "75 um", **IGG)
    assert bi == pytest.approx(3e-3 * 8 / 2.4 * math.log(75 / 8))
    assert 0.01 < bi < 0.1
    length = tissue.binding_length("7.1e-4 1/nM/s", "833 nM", **IGG).to("um")
    assert length == pytest.approx(2.0, abs=0.05)
    da = tissue.damkoehler_number("7.1e-4 1/nM/s", "833 nM", "67 um", **IGG)
    assert da == pytest.approx((67 / length) ** 2)
    sphere = tissue.thiele_modulus("3.3e-5 1/s", "833 nM", "20 nM", **SPHERE)
    assert sphere == pytest.approx(16.36, abs=0.005)
    vessel = tissue.thiele_modulus("3.3e-5 1/s", "833 nM", "200 nM", **VESSEL)
    assert vessel == pytest.approx(3.3e-5 * 5561 * 833 / (2 * 3e-3 * 8 * 200))
    gamma = tissue.clearance_modulus("833 nM", "1e7 nM*s", **VESSEL)
    assert gamma == pytest.approx(5561 * 833 / (2 * 3e-3 * 8 * 1e7))
    # a sphere in constant medium fills in t_sat = R^2 [Ag]/(6 D eps C0) = 16 528 s
    filled = tissue.clearance_modulus("833 nM", f"{100 * 16528} nM*s", **SPHERE)
    assert filled == pytest.approx(1.0, abs=1e-4)
    flow = tissue.permeability_surface_over_flow("1e-3 cm/s", "8 um", "75 um", "0.01 1/s")
    assert flow == pytest.approx(10 * 16 / 5625 / 0.01)
    alpha = tissue.hydraulic_modulus(
        "0.5 cm", "2.8e-7 cm/mmHg/s", "200 1/cm", "4.13e-8 cm^2/mmHg/s"
    )
    assert alpha == pytest.approx(18.41, abs=0.005)
    assert tissue.bystander_range("320 um^2/s", "6e-5 1/s").to("um") == pytest.approx(2309, abs=1)
    assert tissue.bystander_fraction("3 1/h", "1 1/h") == 0.75


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: tissue.hydrodynamic_radius("150 nm"), UnitError, "KG-121"),
        (lambda: tissue.hydrodynamic_radius("0 kDa"), SpecError, "KG-108"),
        (lambda: tissue.two_pore_permeability(), SpecError, "KG-101"),
        (lambda: tissue.void_fraction_of("1 kDa", radius="1 nm"), SpecError, "KG-101"),
        (lambda: tissue.two_pore_permeability(radius="-1 nm"), SpecError, "KG-108"),
        (lambda: tissue.krogh_radius("0 1/mm^2"), SpecError, "KG-108"),
        (
            lambda: tissue.biot_number("1 cm/s", "80 um", "75 um", **IGG),
            SpecError,
            "KG-108.*exceed",
        ),
        (
            lambda: tissue.biot_number(
                "1 cm/s", "8 um", "75 um", diffusivity="1 um^2/s", void_fraction=2
            ),
            SpecError,
            "KG-108",
        ),
        (lambda: tissue.thiele_modulus("1 1/s", "1 nM", "1 nM"), SpecError, "KG-101"),
        (
            lambda: tissue.thiele_modulus("1 1/s", "1 nM", "1 nM", **VESSEL, radius="1 um"),
            SpecError,
            "KG-101",
        ),
        (
            lambda: tissue.thiele_modulus("1 1/s", "1 nM", "0 nM", **SPHERE),
            SpecError,
            "KG-108.*positive",
        ),
        (lambda: tissue.pore_radius("1 cm/mmHg/s", pore_fraction=2), SpecError, "KG-108"),
    ],
)
def test_wrong_inputs(call, error, match):
    with pytest.raises(error, match=match):
        call()
