"""Blocks of level 4 in every cell of a line, driven by what is there.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from krogh.line import simulate_line
from krogh.model import Model, Output, effect, engagement, tissue
from krogh.space import Slab

SHEET = Slab(thickness="60 um", cells=6, growth=1)
HELD = {
    "Cp_d": (([0.0, 48.0], "h"), [80.0, 80.0], "nM"),
    "pO2_blood": (([0.0, 48.0], "h"), [40.0, 40.0], "mmHg"),
}
BASE = Model(
    "tissue",
    tissue.free_drug("d", diffusivity="2 um^2/s", void_fraction=0.3, permeability="1e-6 cm/s"),
    engagement.surface_target("T", target_density="100 nM", internalization_rate="1e-5 1/s"),
    engagement.binding(
        "d",
        "T",
        association_rate="1e-4 1/nM/s",
        dissociation_rate="1e-4 1/s",
        internalization_rate="1e-5 1/s",
    ),
    engagement.occupancy("T", ["d"]),
)
OXYGEN = tissue.oxygen(
    diffusivity="1350 um^2/s",
    solubility="3.1e-5 1/mmHg",
    consumption="5e-4 1/s",
    half_pressure="1 mmHg",
)

BLOCKS = {
    "transit": (effect.transit("occupancy_T", 3, tau="4 h"), "signal_delayed"),
    "effect_compartment": (
        effect.effect_compartment("free_d", driver_unit="nM", ke0="0.1 1/h"),
        "Ce",
    ),
    "indirect_response": (
        effect.indirect_response(
            "II", "free_d", driver_unit="nM", R0=10.0, kout="0.1 1/h", Imax=0.9, IC50="20 nM"
        ),
        "response",
    ),
    "precursor_response": (
        effect.precursor_response("1 + occupancy_T", R0=10.0, P0=40.0, kout="0.1 1/h"),
        "response",
    ),
    "target_turnover": (
        effect.target_turnover(
            R0="5 nM", kdeg="0.2 1/h", degradation="1 + 3*occupancy_T", synthesis="1 + occupancy_T"
        ),
        "target",
    ),
    "adducts": (
        effect.adducts(
            "free_d",
            crosslinks=True,
            kin="1 1/h",
            kout="2 1/h",
            kinact="0.1 1/h",
            kform="0.1 nmol/g/nM/h",
            krep="0.05 1/h",
            kcross="0.1 1/h",
            krep_cross="0.02 1/h",
        ),
        "adducts_total",
    ),
    "growth_and_kill": (
        effect.emax(
            "free_d", driver_unit="nM", effect="kill", unit="1/d", Emax="0.6 1/d", EC50="9 nM"
        )
        + effect.growth(
            "gompertz", size="tumor_size", start="1 cm^3", kg="0.1 1/d", capacity="5 cm^3"
        )
        + effect.cell_kill("kill", 3, kclear="0.8 1/d"),
        "tumor_size",
    ),
    "cell_cycle": (
        effect.cell_cycle(
            {"G1": "10 h", "S": "8 h", "G2M": "4 h"},
            kill={"S": "0.05[1/h]*occupancy_T"},
            start="1 cells",
        ),
        None,
    ),
    "radiation": (
        OXYGEN
        + effect.oxygen_enhancement("pO2", OER=3.0, K_OER="3 mmHg")
        + effect.radiation(
            "rate",
            dose_rate="0.1[Gy/h]",
            sensitivity="radiosensitivity",
            alpha="0.3 1/Gy",
            beta="0.03 1/Gy^2",
            mu="0.5 1/h",
        ),
        "survival",
    ),
    "cell_shell": (
        OXYGEN
        + effect.oxygen_limits(p_growth="20 mmHg", kd_hypoxic="0.4 1/d", p_death="10 mmHg")
        + effect.cell_shell(
            "hypoxic_death", kclear="0.5 1/d", grows=True, kg="0.1 1/d", factor="oxygen_growth"
        ),
        "viable",
    ),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_of_level_four_live_in_cells(name):
    """The line solver and the point solver on the same cells agree, and cells differ."""
    block, output = BLOCKS[name]
    model = BASE + block
    if output is None:
        output = next(n for n in block.outputs)
    elif output not in model.outputs:
        unit = block.species[output].unit if output in block.species else ""
        model = model + Output(output, unit=unit)
    plasma = {t.plasma: HELD[t.plasma] for t in model.transports.values()}
    options = {"plasma": plasma, "times": ([0.0, 12.0, 48.0], "h"), "rtol": 1e-7}
    line, cells = (
        np.asarray(
            simulate_line(model, SHEET, method=m, record=[output], **options)[output].values
        )[0]
        for m in ("line", "cells")
    )
    np.testing.assert_allclose(line, cells, rtol=1e-5, atol=1e-8 * np.abs(cells).max())
    steps = np.diff(line[-1])
    assert np.all(steps > 0) or np.all(steps < 0)
    assert abs(line[-1, 0] - line[-1, -1]) > 1e-4 * abs(line[-1, 0])
