"""Oxygen around a vessel and in a sheet, cells that live on it, and cells that a payload kills.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from around_a_vessel import CELLS, VESSEL, antibody, plasma, target
from krogh.line import simulate_line
from krogh.model import Model, effect, engagement, tissue
from krogh.space import Cylinder, Slab

pytestmark = pytest.mark.verification

D_ALPHA, CONSUMPTION, ALPHA = 4.2e-2, 5e-4, 3.1e-5  # um^2/mmHg/s, 1/s, 1/mmHg: Secomb 2004


def oxygen(half_pressure="1e-3 mmHg", **options):
    return tissue.oxygen(
        diffusivity=f"{D_ALPHA / ALPHA} um^2/s",
        solubility=f"{ALPHA} 1/mmHg",
        consumption=f"{CONSUMPTION} 1/s",
        half_pressure=half_pressure,
        initial="20[mmHg]",
        **options,
    )


def held(pressure, hours):
    """Oxygen of the blood at a constant pressure."""
    return {"pO2_blood": (([0.0, hours], "h"), [pressure, pressure], "mmHg")}


def test_krogh_erlang():
    """Consumption at full rate everywhere: the profile of Krogh 1919 in a cylinder it can feed."""
    rc, rk = 5.0, 50.0
    result = simulate_line(
        Model("oxygen", oxygen()),
        Cylinder(inner_radius=f"{rc} um", outer_radius=f"{rk} um", cells=400),
        plasma=held(40.0, 2.0),
        times=([0.0, 2.0], "h"),
        rtol=1e-7,
    )
    r = np.asarray(result.positions).ravel()
    found = np.asarray(result["pO2"].values)[0, -1]
    exact = 40.0 - CONSUMPTION / (4 * D_ALPHA) * (2 * rk**2 * np.log(r / rc) - r**2 + rc**2)
    np.testing.assert_allclose(found, exact, atol=4e-3)
    largest = tissue.oxygen_cylinder(
        "40 mmHg", "5 um", permeability="4.2e-10 cm^2/mmHg/s", consumption="5e-4 1/s"
    )
    assert rk < largest.to("um") < 60.0
    assert found[-1] > 1.0


def test_reach_into_a_sheet():
    """Zero-order consumption empties a sheet beyond sqrt(2 D alpha P/M) = 82.0 um."""
    result = simulate_line(
        Model("oxygen", oxygen()),
        Slab(thickness="150 um", cells=600, growth=1),
        plasma=held(40.0, 2.0),
        times=([0.0, 2.0], "h"),
        rtol=1e-6,
    )
    x = np.asarray(result.distance).ravel()
    pressure = np.asarray(result["pO2"].values)[0, -1]
    reach = np.sqrt(2 * D_ALPHA * 40.0 / CONSUMPTION)
    exact = np.where(x < reach, 40.0 * (1 - x / reach) ** 2, 0.0)
    np.testing.assert_allclose(pressure, exact, atol=0.03)
    assert reach == pytest.approx(82.0, abs=0.05)


def test_cells_far_from_the_vessel_die_and_do_not_grow():
    """Oxygen limits growth and life shell by shell; those that die consume no more."""
    model = Model(
        "hypoxia",
        oxygen("1 mmHg", factor="viable"),
        effect.oxygen_limits(
            p_growth="5 mmHg", kd_hypoxic="0.5 1/d", p_death="1 mmHg", n_death=2.0
        ),
        effect.cell_shell(
            "hypoxic_death",
            number=2,
            kclear="0.5 1/d",
            grows=True,
            kg="0.3 1/d",
            factor="oxygen_growth",
        ),
    )
    wide = Cylinder(inner_radius="5 um", outer_radius="110 um", cells=60)
    result = simulate_line(
        model, wide, plasma=held(40.0, 24 * 40.0), times=([0.0, 40.0], "d"), rtol=1e-4
    )
    alive = np.asarray(result["viable"].values)[0, -1]
    pressure = np.asarray(result["pO2"].values)[0, -1]
    assert np.all(np.diff(pressure) < 0)
    assert alive[0] > 0.99
    assert alive[-1] < 0.5
    # the fewer consume, the farther oxygen reaches: beyond the cylinder of Krogh and Erlang
    limit = tissue.oxygen_cylinder(
        "40 mmHg", "5 um", permeability="4.2e-10 cm^2/mmHg/s", consumption="5e-4 1/s"
    )
    r = np.asarray(result.positions).ravel()
    assert np.interp(limit.to("um"), r, pressure) > 1.0


def payload(**options):
    values = {
        "drug_antibody_ratio": 3.5,
        "diffusivity": "127 um^2/s",
        "void_fraction": 0.44,
        "permeability": "924 um/d",
        "uptake_rate": "5.95e-5 1/s",
        "efflux_rate": "3.95e-5 1/s",
        "binding": False,
        "cell_density": CELLS,
    }
    return engagement.payload("ADC", **(values | options))


def conjugate(**payload_options):
    return Model(
        "conjugate",
        target(),
        antibody("ADC", fate="lysosome", lysosomal_rate="1e-4 1/s", degradation_rate="2.4 1/h"),
        payload(**payload_options),
        partial=True,
    )


def test_a_permeable_payload_reaches_cells_that_the_conjugate_does_not():
    """The bystander effect: payload beyond the front, which a tight payload does not show.

    Fast passage spreads it over lengths of sqrt(D/(k_cell + k_w)); washout by vessels takes most.
    """
    result = simulate_line(
        Model("payload", conjugate()),
        VESSEL,
        "ADC 3.6 mg/kg",
        systemic=plasma("ADC"),
        weight="20 g",
        values={
            "payload_uptake_rate_ADC": (np.array([1e-7, 5e-3]), "1/s"),
            "payload_efflux_rate_ADC": (np.array([1e-7, 5e-3]), "1/s"),
        },
        times=([0.0, 48.0], "h"),
        rtol=1e-4,
    )
    per_cell = np.asarray(result["payload_ADC"].values)[:, -1]
    distance = np.asarray(result.distance).reshape(-1)[: per_cell.shape[1]]
    far = distance > 55.0
    tight, permeable = per_cell
    assert permeable[far].mean() > 10.0 * tight[far].mean()
    assert permeable[0] < 0.1 * tight[0]
    total = np.asarray(result.mean("payload_ADC").values)[:, -1]
    assert total[1] < 0.5 * total[0]


def test_no_payload_is_lost_but_through_the_vessel():
    result = simulate_line(
        Model("payload", conjugate()),
        VESSEL,
        "ADC 3.6 mg/kg",
        systemic=plasma("ADC"),
        weight="20 g",
        times=([0.0, 12.0, 48.0], "h"),
        rtol=1e-4,
    )
    content = {n: np.asarray(v.values)[0] for n, v in result.content.items()}
    left = np.asarray(result.entered["payload_out_ADC"].values)[0]
    assert left[-1] < 0
    free = content["payload_out_ADC"] + content["payload_in_ADC"] - left
    np.testing.assert_allclose(free[1:], 3.5 * content["G_ADC"][1:], rtol=1e-9)
    antibody_held = sum(content[f"{f}_ADC"] for f in "FBILG")
    np.testing.assert_allclose(
        antibody_held[1:], np.asarray(result.entered["F_ADC"].values)[0, 1:], rtol=1e-9
    )


def test_kill_follows_the_payload_of_each_shell():
    """Mean kill is not kill of the mean: the vessel's cells die, the far ones grow on."""
    model = Model(
        "kill",
        conjugate(uptake_rate="1e-7 1/s", efflux_rate="1e-7 1/s"),
        effect.emax(
            "payload_ADC",
            driver_unit="molecules/cell",
            effect="kill",
            unit="1/d",
            Emax="0.6 1/d",
            EC50="3e5 molecules/cell",
            label="ADC",
        ),
        effect.cell_shell(
            "kill_ADC",
            number=3,
            kclear="1 1/d",
            grows=True,
            kg="0.1 1/d",
            kill_outputs=("kill_ADC",),
        ),
    )
    result = simulate_line(
        model,
        VESSEL,
        "ADC 3.6 mg/kg",
        systemic=plasma("ADC"),
        weight="20 g",
        times=([0.0, 7.0, 14.0], "d"),
        rtol=1e-4,
    )
    alive = np.asarray(result["viable"].values)[0]
    assert np.all(alive[0] == 1.0)
    assert alive[1, 0] < 0.2
    assert alive[1, -1] > 0.8
    assert np.all(np.diff(alive[1]) > -1e-9)
    mean_kill = np.asarray(result.mean("kill_ADC").values)[0, 1]
    of_mean = 0.6 / (1 + 3e5 / np.asarray(result.mean("payload_ADC").values)[0, 1])
    assert abs(mean_kill - of_mean) > 0.1 * mean_kill


def test_ratios_of_a_conjugate_move_as_one_antibody():
    """Chain of drug-to-antibody ratios on a line: its sum is the single antibody."""
    chain = Model(
        "chain",
        target(),
        engagement.conjugate_chain(
            "ADC",
            "HER2",
            2,
            plasma=["Cp_ADC_0", "Cp_ADC_1", "Cp_ADC_2"],
            deconjugation_rate="0.2 1/d",
            diffusivity="10 um^2/s",
            void_fraction=0.24,
            permeability="3e-7 cm/s",
            association_rate="7.1e-4 1/nM/s",
            dissociation_rate="3.5e-4 1/s",
            internalization_rate="3.3e-5 1/s",
            lysosomal_rate="1e-4 1/s",
            degradation_rate="2.4 1/h",
        ),
    )
    one = Model(
        "one",
        target(),
        antibody("ADC", fate="lysosome", lysosomal_rate="1e-4 1/s", degradation_rate="2.4 1/h"),
    )
    options = {"weight": "20 g", "times": ([0.0, 24.0], "h"), "rtol": 1e-6}
    many = simulate_line(
        chain,
        VESSEL,
        "ADC_2 2.6 mg/kg + ADC_1 1 mg/kg",
        systemic=plasma("ADC_0", "ADC_1", "ADC_2"),
        **options,
    )
    single = simulate_line(one, VESSEL, "ADC 3.6 mg/kg", systemic=plasma("ADC"), **options)
    for name in ("free_ADC", "bound_ADC", "internalized_ADC"):
        a, b = (np.asarray(r[name].values)[0, -1] for r in (many, single))
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6 * b.max())
    held = np.asarray(many["conjugated_ADC"].values)[0, -1]
    outside = np.asarray(many["free_ADC"].values * 0.24 + many["bound_ADC"].values)[0, -1]
    assert np.all(held < 2.0 * outside)


def test_chip_fills_from_its_channel():
    """Channel, leaky wall and matrix: at rest the matrix holds what the inlet brings."""
    matrix = Model(
        "matrix",
        tissue.free_drug(
            "dye", diffusivity="50 um^2/s", void_fraction=0.8, permeability="1e-4 cm/s"
        ),
    )
    channel = Model("chip", tissue.channel("dye", volume="1 uL", flow="2 uL/min", inlet="100 nM"))
    shape = Slab(thickness="500 um", cells=100)
    result = simulate_line(
        matrix, shape, systemic=channel, times=([0.0, 10.0, 6000.0], "min"), rtol=1e-6
    )
    inlet = np.asarray(result.plasma["Cp_dye"].values)[0]
    assert inlet[1] == pytest.approx(100 * (1 - np.exp(-20.0)), rel=1e-6)
    free = np.asarray(result["free_dye"].values)[0]
    assert free[1, -1] < 10.0
    np.testing.assert_allclose(free[2], 100.0, rtol=1e-3)
    # the wall's share of the resistance: slowest mode of a sheet with a membrane, b tan b = P L/D
    biot = 1.0 * 500.0 / (50.0 * 0.8)
    low, high = 1e-6, np.pi / 2 - 1e-9
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if middle * np.tan(middle) < biot else (low, middle)
    slow = simulate_line(
        matrix, shape, systemic=channel, times=([0.0, 150.0, 200.0], "min"), rtol=1e-7
    )
    missing = 100.0 - np.asarray(slow.mean("free_dye").values)[0]
    rate = np.log(missing[1] / missing[2]) / (50 * 60.0)
    assert rate == pytest.approx(50.0 * low**2 / 500.0**2, rel=1e-3)
