"""Ten volumes of different physics for comparing integrators.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
from engine import Law
from test_volume_plasma import tumour
from volumes import (
    CLOSED,
    HOUR,
    N87,
    PERIODIC,
    Volume,
    antibody_law,
    box,
    fixed,
    n87,
    plasma_of,
    vessel_lines,
)

__all__ = ["CASES", "case"]


def _one_species(law, parameters, diffusivity, fraction, rates, cells=10, **options):
    return Volume(
        law,
        parameters,
        box(cells, cells, cells),
        {"c": None},
        diffusivity=diffusivity,
        fraction=fraction,
        exchange=(("c", 0, vessel_lines((cells,) * 3, 0.03)),),
        options=rates | options,
    )


def small_molecule():
    """Doxorubicin-like: fast, bound reversibly to DNA, gone from the plasma within the hour."""
    law = Law(
        ("c", "B"),
        ("on", "off", "total"),
        lambda t, y, p: [
            -p.on * y.c * (p.total - y.B) + p.off * y.B,
            p.on * y.c * (p.total - y.B) - p.off * y.B,
        ],
    )
    rates = {
        "rates": np.array([[2.3e-3, 8e-6]]),
        "pulse_times": np.zeros(1),
        "pulse_amplitudes": np.array([[[2500.0, 60.0]]]),
    }
    return _one_species(law, [2e-6, 3e-4, 4e4], 160.0, 0.4, rates), [0.25 * HOUR, HOUR, 6 * HOUR]


def fragment():
    """A single-chain fragment: fast in, fast out, two doses."""
    law = Law(
        ("c", "S", "B", "E"),
        ("on", "off", "ke", "total", "eps"),
        lambda t, y, p: [
            -p.on / p.eps * y.c * y.S + p.off * y.B,
            p.ke * (p.total - y.S) - p.on / p.eps * y.c * y.S + p.off * y.B,
            p.on / p.eps * y.c * y.S - p.off * y.B - p.ke * y.B,
            p.ke * y.B,
        ],
        initial={"S": lambda p: p.total},
    )
    rates = {
        "rates": np.array([[9e-4, 5e-5]]),
        "pulse_times": np.array([0.0, 2.0 * HOUR]),
        "pulse_amplitudes": np.array([[[700.0, 60.0]], [[350.0, 30.0]]]),
    }
    values = [5e-4, 1e-3, 5e-5, 200.0, 0.3]
    return _one_species(law, values, 60.0, 0.3, rates), [0.5 * HOUR, 3 * HOUR, 8 * HOUR]


def payload():
    """An antibody whose payload leaves the cells and moves, ten times as fast, and decays."""
    law = Law(
        ("F", "S", "B", "C", "P"),
        ("kon", "koff", "ke", "out", "back", "decay", "S0", "eps"),
        lambda t, y, p: [
            -p.kon / p.eps * y.F * y.S + p.koff * y.B,
            p.ke * (p.S0 - y.S) - p.kon / p.eps * y.F * y.S + p.koff * y.B,
            p.kon / p.eps * y.F * y.S - (p.koff + p.ke) * y.B,
            3.5 * p.ke * y.B - p.out * y.C + p.back * y.P,
            p.out * y.C - p.back * y.P - p.decay * y.P,
        ],
        initial={"S": lambda p: p.S0},
    )
    rate = vessel_lines((9, 9, 9), 0.03)
    return (
        Volume(
            law,
            [7.1e-4, 3.5e-4, 3.3e-5, 1e-4, 5e-4, 2e-5, 833.0, 0.24],
            box(9, 9, 9),
            {"F": None, "P": None},
            diffusivity=[10.0, 100.0],
            fraction=[0.24, 0.4],
            exchange=(("F", 0, rate), ("P", -1, 10.0 * rate)),
            options=plasma_of(1.0),
        ),
        [HOUR, 8 * HOUR, 24 * HOUR],
    )


def masked():
    """A ball of two tissues with holes in it."""
    volume = n87(14)
    x, y, z = volume.centers
    r = np.sqrt((x - 70.0) ** 2 + (y - 70.0) ** 2 + (z - 70.0) ** 2)
    regions = np.where(r > 66.0, 255, np.where(x > 75.0, 1, 0)).astype(np.uint8)
    regions[3:6, 6:9, 6:9] = 255
    return (
        volume.but(
            diffusivity=np.where(regions == 1, 25.0, 6.0),
            fraction=np.where(regions == 1, 0.4, 0.2),
            options=volume.options | {"regions": regions, "num_regions": 2},
        ),
        [HOUR, 24 * HOUR],
    )


def anisotropic():
    """Diffusion along fibers."""
    volume = n87(10)
    along = np.broadcast_to(
        np.array([30.0, 3.0, 0.5])[None, :, None, None, None], (1, 3, *volume.shape)
    )
    return (
        volume.but(diffusivity=along.copy(), options=volume.options | {"axes": 3}),
        [HOUR, 12 * HOUR],
    )


def ringed():
    """Sides that are periodic, with an odd number of voxels, and widths that grow."""
    graded = np.concatenate([[0.0], np.cumsum(5.0 * 1.15 ** np.arange(10))])
    volume = Volume(
        antibody_law(),
        list(N87.values()),
        (box(9)[0], graded, box(9)[0]),
        {"F": [PERIODIC] * 2 + [("membrane", 3e-3, 0), CLOSED] + [PERIODIC] * 2},
        diffusivity=10.0,
        fraction=0.24,
        exchange=(("F", 0, vessel_lines((9, 10, 9), 0.02)),),
        options=plasma_of(1.0),
    )
    return volume, [HOUR, 24 * HOUR]


def decaying():
    """First-order loss that differs from voxel to voxel, sides that are held and that leak."""
    law = Law(("c",), ("k",), lambda t, y, p: [-p.k * y.c])
    volume = Volume(
        law,
        [0.0],
        box(11, 8, 7),
        {"c": [fixed(0), ("membrane", 5e-2, -1), CLOSED, fixed(-1), CLOSED, CLOSED]},
        diffusivity=20.0,
        fraction=0.5,
        options=plasma_of(1.0),
    )
    draw = np.random.default_rng(11)
    fields = 10.0 ** draw.uniform(-5.0, -2.0, (1, *volume.shape))
    options = volume.options | {"field_parameters": [0], "fields": fields}
    return volume.but(options=options), [0.1 * HOUR, HOUR, 6 * HOUR]


CASES = {
    "antibody": lambda: (n87(12), [HOUR, 6 * HOUR, 24 * HOUR]),
    "1:8": lambda: (n87(9, ratio=8.0), [HOUR, 6 * HOUR, 24 * HOUR]),
    "small molecule": small_molecule,
    "fragment": fragment,
    "payload": payload,
    "plasma both ways": lambda: (tumour(9, 4e-7), [HOUR, 4 * HOUR, 24 * HOUR]),
    "two tissues": masked,
    "fibers": anisotropic,
    "ring": ringed,
    "decay": decaying,
}
"""By name, what returns a volume and the times of its records."""


def case(name):
    """Volume and times of a case."""
    return CASES[name]()
