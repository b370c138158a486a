"""Cells of a shell and all of level 4 beside tissue and engagement in one closed cell.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from closed_cell import course, right_hand_side, rule_value
from krogh.errors import SpecError
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


def test_cells_come_to_rest_die_of_hypoxia_and_are_cleared_apart_from_the_killed():
    model = Model(
        "layers",
        Parameter("pO2", "2 mmHg"),
        effect.oxygen_limits(
            p_growth="6 mmHg",
            kd_hypoxic="0.5 1/d",
            p_death="2 mmHg",
            n_death=2.0,
            quiescence=True,
            k_rest="0.8 1/d",
            k_wake="1.2 1/d",
            p_rest="4 mmHg",
            n_rest=2.0,
        ),
        effect.cell_shell(
            "0.3[1/d]",
            number=1,
            kclear="0.5 1/d",
            grows=True,
            kg="0.4 1/d",
            factor="oxygen_growth",
            quiescence="quiescence",
            awakening="awakening",
            quiescent_sensitivity=0.2,
            necrosis="hypoxic_death",
            knecrotic="0.05 1/d",
        ),
    )
    y = {"living": 0.4, "quiescent": 0.2, "dying1": 0.1, "necrotic": 0.15}
    found = {n: v * 86400 for n, v in right_hand_side(model, y).items()}
    rest, wake, dies = 0.8 * 0.8 * 0.4, 1.2 * 0.2 * 0.2, 0.25
    grows = 0.25 * 0.4 * 0.4 * (1.0 - 0.85)
    assert found["living"] == pytest.approx(grows - rest + wake - 0.3 * 0.4 - dies * 0.4)
    assert found["quiescent"] == pytest.approx(rest - wake - 0.3 * 0.2 * 0.2 - dies * 0.2)
    assert found["dying1"] == pytest.approx(0.3 * (0.4 + 0.04) - 0.05)
    assert found["necrotic"] == pytest.approx(dies * 0.6 - 0.05 * 0.15)
    assert rule_value(model, "viable", y) == pytest.approx(0.6)
    assert rule_value(model, "cells_present", y) == pytest.approx(0.85)
    with pytest.raises(SpecError, match=r"KG-112.*'quiescence'"):
        effect.cell_shell("k", quiescence="q")
    with pytest.raises(SpecError, match=r"KG-112.*'knecrotic'"):
        effect.cell_shell("k", knecrotic="1 1/d")
    with pytest.raises(SpecError, match=r"KG-112.*'least'"):
        effect.cell_shell("k", least=0.1)
    with pytest.raises(SpecError, match=r"KG-112.*'k_rest'"):
        effect.oxygen_limits(k_rest="1 1/d")


def test_vessels_stay_with_cells_and_are_lost_without():
    lost = effect.vessels("0", formation="0.1 1/d", regression="0.3 1/d", pruning="0.2[1/d]")
    found = course(Model("lost", lost), [0.0, 2.0], "d")
    assert found["vessels"][-1] == pytest.approx(np.exp(-1.0), rel=1e-8)
    half = effect.vessels("0.5", formation="0.1 1/d", regression="0.3 1/d")
    found = course(Model("half", half), [0.0, 400.0], "d")
    assert found["vessels"][-1] == pytest.approx(0.25, rel=1e-8)  # k_f/(k_f + k_r)
    kept = effect.vessels("1", formation="0.1 1/d", regression="0.3 1/d")
    found = course(Model("kept", kept), [0.0, 400.0], "d")
    assert found["vessels"][-1] == pytest.approx(1.0, rel=1e-12)


def test_cells_that_move_spread_along_a_line():
    """Without growth the mean position of a step of cells obeys diffusion in a closed sheet."""
    from krogh.line import simulate_line
    from krogh.space import Slab

    moving = Model(
        "moving",
        effect.cell_shell("0[1/d]", number=0, motility="50 um^2/d", start=Parameter("start", 1.0)),
    )
    step = (np.arange(100) < 30).astype(float)
    result = simulate_line(
        moving,
        Slab(thickness="100 um", cells=100, growth=1),
        fields={"start": step},
        times=([0.0, 5.0, 20.0], "d"),
        rtol=1e-6,
    )
    cells = np.asarray(result["viable"].values)[0]
    np.testing.assert_allclose(cells.sum(axis=1), 30.0, rtol=1e-9)
    x = np.asarray(result.distance).ravel()
    k = np.pi * np.arange(1, 200) / 100.0
    for row, t in zip(cells[1:], (5.0, 20.0), strict=True):
        modes = 2.0 * np.sin(k * 30.0) / (k * 100.0) * np.exp(-50.0 * k**2 * t)
        np.testing.assert_allclose(row, 0.3 + np.cos(np.outer(x, k)) @ modes, atol=1e-3)
