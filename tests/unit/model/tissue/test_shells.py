"""Cells of a shell and all of level 4 beside tissue and engagement in one closed cell.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from closed_cell import course, right_hand_side, rule_value
from krogh.model import Model, Parameter, effect, engagement, tissue


def free(drug):
    return tissue.free_drug(
        drug,
        plasma=None,
        diffusivity="10 um^2/s",
        void_fraction=0.24,
        permeability="3e-7 cm/s",
    )


def test_shell_of_cells_by_hand():
    model = Model(
        "shell",
        Parameter("C", "3 nM"),
        effect.emax(
            "C", driver_unit="nM", effect="kill", unit="1/d", Emax="0.6 1/d", EC50="3 nM", label="x"
        ),
        effect.cell_shell(
            "kill_x",
            "0.1[1/d]",
            number=2,
            kclear="0.5 1/d",
            grows=True,
            kg="0.2 1/d",
            factor="0.25",
            kill_outputs=("kill_x",),
        ),
    )
    y = {"living": 0.5, "dying1": 0.2, "dying2": 0.1}
    found = {n: v * 86400 for n, v in right_hand_side(model, y).items()}
    killed = 0.4 * 0.5
    assert found["living"] == pytest.approx(0.25 * 0.2 * 0.5 * 0.2 - killed)
    assert found["dying1"] == pytest.approx(killed - 0.1)
    assert found["dying2"] == pytest.approx(0.1 - 0.05)
    assert rule_value(model, "viable", y) == 0.5
    assert rule_value(model, "cells_present", y) == pytest.approx(0.8)
    assert model.outputs["kill_x"].unit == "1/d"


def test_shell_dies_with_delay_and_regrows():
    killed = effect.cell_shell("0.3[1/d]", number=3, kclear="0.5 1/d")
    found = course(Model("killed", killed), [0.0, 2.0, 40.0], "d")
    assert found["viable"][1] == pytest.approx(np.exp(-0.6), rel=1e-8)
    assert found["cells_present"][1] > 0.99 * (found["viable"][1] + 0.9 * (1 - found["viable"][1]))
    assert found["cells_present"][-1] < 1e-4
    grown = effect.cell_shell(grows=True, kg="0.4 1/d")
    regrowth = course(Model("grown", grown), [0.0, 10.0], "d", start={"living": "0.1"})
    logistic = 1 / (1 + 9 * np.exp(-4.0))
    assert regrowth["viable"][-1] == pytest.approx(logistic, rel=1e-8)
    at_once = Model("gone", effect.cell_shell("0.3[1/d]", number=0))
    assert set(at_once.species) == {"living"}


def test_everything_of_level_four_composes_in_a_cell():
    """Payload kills, adducts form, oxygen limits growth, receptors follow the living cells."""
    model = Model(
        "whole",
        free("ADC"),
        engagement.surface_target(
            "HER2",
            target_density="833 nM",
            internalization_rate="3.3e-5 1/s",
            synthesis_factor="viable*upregulation",
        ),
        engagement.binding(
            "ADC",
            "HER2",
            association_rate="7.1e-4 1/nM/s",
            dissociation_rate="3.5e-4 1/s",
            internalization_rate="3.3e-5 1/s",
            fate="lysosome",
            lysosomal_rate="1e-4 1/s",
            degradation_rate="2.4 1/h",
        ),
        engagement.occupancy("HER2", ["ADC"]),
        engagement.payload(
            "ADC",
            drug_antibody_ratio=3.5,
            diffusivity="127 um^2/s",
            void_fraction=0.44,
            permeability="924 um/d",
            uptake_rate="5.95e-5 1/s",
            efflux_rate="3.95e-5 1/s",
            binding=False,
            cell_density="5e8 cells/mL",
        ),
        tissue.oxygen(
            plasma=None,
            diffusivity="1350 um^2/s",
            solubility="3.1e-5 1/mmHg",
            consumption="5e-4 1/s",
            half_pressure="1 mmHg",
            factor="viable",
            initial="5[mmHg]",
        ),
        effect.oxygen_limits(p_growth="5 mmHg", kd_hypoxic="0.4 1/d", p_death="1 mmHg"),
        effect.emax(
            "payload_ADC",
            driver_unit="molecules/cell",
            effect="kill",
            unit="1/d",
            Emax="0.5 1/d",
            EC50="1e5 molecules/cell",
            label="ADC",
        ),
        effect.adducts(
            "payload_free_ADC",
            label="ADC",
            kin="1 1/h",
            kout="2 1/h",
            kinact="0.1 1/h",
            kform="0.1 nmol/g/nM/h",
            krep="0.05 1/h",
        ),
        effect.emax(
            "occupancy_HER2",
            driver_unit="",
            effect="upregulation",
            form="fraction",
            Emax=0.5,
            EC50=0.3,
            label="",
        ),
        effect.cell_shell(
            "kill_ADC",
            "hypoxic_death",
            number=3,
            kclear="0.8 1/d",
            grows=True,
            kg="0.1 1/d",
            factor="oxygen_growth",
            kill_outputs=("kill_ADC",),
        ),
    )
    assert model.check() == ()
    found = course(model, [0.0, 1.0, 5.0], "d", start={"F_ADC": "500[nM]"})
    assert found["payload_ADC"][1] > 1e5
    assert 0.2 < found["kill_ADC"][1] < 0.5
    assert found["viable"][-1] < 0.3
    assert found["adducts_total_ADC"][1] > 0
    # receptors follow the cells that are left, raised by the up-regulation
    receptors = found["S_HER2"] + found["B_ADC"]
    assert receptors[-1] < 0.5 * 833
    units = {n: o.unit for n, o in model.outputs.items()}
    assert units["payload_ADC"] == "molecules/cell"
    assert units["viable"] == ""
    assert units["kill_ADC"] == "1/d"


def test_targets_regulated_by_a_response():
    """Down-regulation by faster internalization: S at rest is S0/(1 + Emax*theta)."""
    model = Model(
        "regulated",
        Parameter("signal", 0.5),
        effect.emax("signal", driver_unit="", effect="faster", form="fraction", Emax=2.0, EC50=0.5),
        engagement.surface_target(
            "HER2",
            target_density="800 nM",
            internalization_rate="1e-4 1/s",
            internalization_factor="faster",
        ),
    )
    found = course(model, [0.0, 60.0])
    assert found["S_HER2"][-1] == pytest.approx(400.0, rel=1e-6)
