"""Cells that live on oxygen, radiation by the oxygen of each voxel, vessels and a plasma that hear.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.errors import SpecError, UnitError
from krogh.line import simulate_line, well_mixed
from krogh.model import (
    Compartment,
    DoseInput,
    Model,
    Output,
    Parameter,
    Rate,
    Reaction,
    Rule,
    Species,
    effect,
    tissue,
)
from krogh.space import Grid, Slab
from krogh.volume import Radiation, simulate_volume

pytestmark = pytest.mark.verification

D_ALPHA, CONSUMPTION, ALPHA = 4.2e-2, 5e-4, 3.1e-5  # um^2/mmHg/s, 1/s, 1/mmHg: Secomb 2004


def oxygen(**options):
    values = {
        "diffusivity": f"{D_ALPHA / ALPHA} um^2/s",
        "solubility": f"{ALPHA} 1/mmHg",
        "consumption": f"{CONSUMPTION} 1/s",
        "half_pressure": "1 mmHg",
        "initial": "20[mmHg]",
    }
    if options.get("wall") == "membrane":
        values["permeability"] = "600 um/s"
    return tissue.oxygen(**(values | options))


def held(days, pressure=40.0):
    return {"pO2_blood": (([0.0, days], "d"), [pressure, pressure], "mmHg")}


def patchy(grid, share=0.03, seed=2):
    draw = np.random.default_rng(seed)
    return np.where(draw.random(grid.shape) < share, 0.08, 0.0), "1/um"


def sensitivity(p, m=3.0, k=3.0):
    return (m * p + k) / (m * (p + k))


def cells(**options):
    values = {
        "number": 2,
        "kclear": "0.5 1/d",
        "grows": True,
        "kg": "0.6 1/d",
        "factor": "oxygen_growth",
        "quiescence": "quiescence",
        "awakening": "awakening",
        "necrosis": "hypoxic_death",
        "knecrotic": "0.1 1/d",
    }
    return effect.oxygen_limits(
        p_growth="1.4 mmHg",
        kd_hypoxic="0.4 1/d",
        p_death="0.7 mmHg",
        n_death=2.0,
        quiescence=True,
        k_rest="1 1/d",
        k_wake="1 1/d",
        p_rest="5 mmHg",
    ) + effect.cell_shell("0.02[1/d]", **(values | options))


@pytest.mark.parametrize("ratios", [{}, {"OER": 1.75, "OER_beta": 3.25, "K": "3.28 mmHg"}])
def test_survival_is_linear_quadratic_at_the_oxygen_of_each_voxel(ratios):
    model = Model(
        "irradiated",
        oxygen(wall="membrane"),
        effect.cell_shell("0[1/d]", number=1, kclear="0 1/d"),
    )
    grid = Grid((6, 7, 8), "15 um")
    radiation = Radiation(["2 Gy at 1 d", "3 Gy at 2 d"], "0.3 1/Gy", "0.03 1/Gy^2", **ratios)
    result = simulate_volume(
        model,
        grid,
        exchange=patchy(grid),
        plasma=held(4.0),
        times=([0.9, 1.0, 1.9, 3.0], "d"),
        rtol=1e-5,
        radiation=radiation,
        record=["pO2", "living", "dying1", "cells_present"],
    )
    pressure = np.asarray(result["pO2"].values)
    assert pressure[0].min() < 1.0 < 20.0 < pressure[0].max()
    k = 3.28 if ratios else 3.0
    of_alpha = sensitivity(pressure[0], ratios.get("OER", 3.0), k)
    of_beta = sensitivity(pressure[0], ratios.get("OER_beta", 3.0), k)
    log = [-0.3 * d * of_alpha - 0.03 * (d * of_beta) ** 2 for d in (2.0, 3.0)]
    living = np.asarray(result["living"].values)
    np.testing.assert_allclose(living[0], 1.0, rtol=1e-12)
    np.testing.assert_allclose(living[1], np.exp(log[0]), rtol=1e-6)  # records come after
    np.testing.assert_allclose(living[3], np.exp(log[0] + log[1]), rtol=1e-6)
    np.testing.assert_allclose(living + result["dying1"].values, 1.0, rtol=1e-12)
    survived = [np.exp(log[0]).mean(), np.exp(log[0] + log[1]).mean() / np.exp(log[0]).mean()]
    np.testing.assert_allclose(result.fractions["survival"], survived, rtol=1e-6)
    # where oxygen lacks, 3 times the dose does what a third does in plenty (beyond K)
    if not ratios:
        assert living[1].max() > 1.5 * living[1].min()


def test_a_dose_map_and_a_drug_that_sensitizes():
    model = Model(
        "map",
        oxygen(wall="membrane"),
        effect.cell_shell("0[1/d]", number=0),
        Parameter("plan", 1.0),
        Parameter("a", "0.2 1/Gy"),
        Rule("sensitized", "plan*1.5"),
    )
    grid = Grid((1, 4, 5), "15 um")
    plan = np.linspace(0.0, 1.0, 20).reshape(grid.shape)
    common = {"exchange": "0.01 1/um", "plasma": held(2.0), "times": "2 d"}
    terms = {"alpha": "a", "beta": "0 1/Gy^2", "oxygen": None, "dead": None}
    by_array = simulate_volume(
        model, grid, radiation=Radiation("2 Gy", dose_factor=plan, **terms), **common
    )
    by_rule = simulate_volume(
        model,
        grid,
        radiation=Radiation("2 Gy", dose_factor="sensitized", **terms),
        fields={"plan": plan},
        **common,
    )
    left = np.asarray(by_array["viable"].values)[-1]
    np.testing.assert_allclose(left, np.exp(-0.2 * 2.0 * plan), rtol=1e-12)
    left = np.asarray(by_rule["viable"].values)[-1]
    np.testing.assert_allclose(left, np.exp(-0.2 * 2.0 * 1.5 * plan), rtol=1e-12)


def test_no_cell_is_lost_where_nothing_is_cleared_or_grows():
    model = Model(
        "closed",
        oxygen(wall="membrane", factor="viable"),
        cells(kclear="0 1/d", knecrotic="0 1/d", grows=False, kg=None, factor=None),
    )
    grid = Grid((5, 6, 7), "20 um")
    radiation = Radiation(
        "2 Gy daily x 5", "0.3 1/Gy", "0.03 1/Gy^2", cells=("living", "quiescent")
    )
    result = simulate_volume(
        model,
        grid,
        exchange=patchy(grid),
        plasma=held(20.0),
        times="0..20 d by 5 d",
        radiation=radiation,
        record=["cells_present", "viable", "necrotic"],
    )
    present = np.asarray(result["cells_present"].values)
    assert np.abs(present - 1.0).max() < 1e-12
    assert np.asarray(result["necrotic"].values)[-1].max() > 0.01
    assert np.asarray(result["viable"].values)[-1].max() < 0.2


def test_fractions_are_a_short_source_at_a_point():
    """The block of dose rate and repair at a point, its source gone within seconds."""
    pressure = 4.0
    point = Model(
        "point",
        effect.oxygen_enhancement(f"{pressure}[mmHg]", OER=3.0, K_OER="3 mmHg"),
        effect.radiation(
            "decaying",
            sensitivity="radiosensitivity",
            alpha="0.3 1/Gy",
            beta="0.03 1/Gy^2",
            mu="2 1/h",
            kdecay="2e4 1/h",
        ),
        effect.cell_shell("radiation_kill", number=2, kclear="0.5 1/d"),
    )
    times = (np.array([0.9, 3.5, 8.0]), "d")
    exact = kg.simulate(point, "radiation 2 Gy daily x 3", times=times, rtol=1e-9)
    model = Model(
        "voxels",
        Parameter("p", f"{pressure} mmHg"),
        tissue.free_drug(
            "d", plasma=None, diffusivity="1 um^2/s", void_fraction=1.0, wall="closed"
        ),
        effect.cell_shell("0[1/d]", number=2, kclear="0.5 1/d"),
    )
    found = simulate_volume(
        model,
        Grid((1, 2, 2), "10 um"),
        times=times,
        rtol=1e-6,
        radiation=Radiation("2 Gy daily x 3", "0.3 1/Gy", "0.03 1/Gy^2", oxygen="p"),
    )
    for name in ("viable", "cells_present"):
        expected = np.asarray(exact[name].values).reshape(-1)
        np.testing.assert_allclose(found.mean(name).values, expected, rtol=3e-4, err_msg=name)


def body(extra=()):
    return Model(
        "body",
        Compartment("plasma", volume="2 mL"),
        Species("Cp_d", "nM", compartment="plasma", molar_mass="150 kDa"),
        Species("antigen", "nM"),
        Parameter("CL", "0.02 mL/h"),
        Parameter("induced", "5 1/nM"),
        Parameter("kel", "0.1 1/h"),
        Reaction("Cp_d ->", rate="CL*(1 + induced*antigen)*Cp_d"),
        Reaction("antigen ->", rate="kel*antigen"),
        DoseInput("Cp_d"),
        Output("Cp_d", unit="nM"),
        Output("antigen", unit="nM"),
        *extra,
    )


def drugged():
    """A drug that binds, kills and so lets vessels regress; oxygen by the same vessels."""
    return Model(
        "drugged",
        tissue.free_drug(
            "d",
            diffusivity="20 um^2/s",
            void_fraction=0.3,
            permeability="3e-3 um/s",
            vessel_factor="vessels",
        ),
        Species("held", "nM"),
        Parameter("kin", "0.2 1/h"),
        Reaction("F_d -> held", "kin*viable*F_d"),
        Reaction("held ->", "0.02[1/h]*held"),
        effect.emax(
            "held", driver_unit="nM", effect="kill", unit="1/d", Emax="0.8 1/d", EC50="20 nM"
        ),
        effect.vessels("viable", formation="0.1 1/d", regression="0.4 1/d"),
        effect.cell_shell("kill", number=2, kclear="0.6 1/d", grows=True, kg="0.15 1/d"),
    )


def test_voxels_that_are_all_alike_are_the_point_model():
    """Two ways: the plasma loses what the tumour takes, and its clearance hears of living cells."""
    shape = Slab(thickness="100 um")
    volume, rate = "0.05 mL", 0.4
    point = well_mixed(drugged(), shape, body(), tumour_volume=volume) + Model(
        "heard",
        Rate("antigen", f"{rate}[nM/(mL h)]*living*tumour_volume", name="heard"),
        partial=True,
    )
    times = (np.arange(0.0, 21.0, 2.0), "d")
    exact = kg.simulate(point, "0.03 mg", times=times, rtol=1e-9)
    result = simulate_volume(
        drugged(),
        Grid((2, 3, 4), "10 um"),
        "0.03 mg",
        systemic=body(),
        exchange="0.01 1/um",
        tumour_volume=volume,
        feed={"antigen": ("living", f"{rate} nM/(mL h)")},
        times=times,
        rtol=1e-7,
        record=["viable", "vessels", "held", "living"],
    )
    for name in ("viable", "vessels"):
        expected = np.asarray(exact[name].values).reshape(-1)
        found = np.asarray(result.mean(name).values)
        np.testing.assert_allclose(found, expected, rtol=3e-5, err_msg=name)
    for name in ("Cp_d", "antigen"):
        expected = np.asarray(exact[name].values).reshape(-1)
        np.testing.assert_allclose(
            result.plasma[name].values, expected, rtol=3e-5, atol=1e-6 * expected.max()
        )
    viable = np.asarray(result.mean("viable").values)
    assert viable.min() < 0.7
    assert viable[-1] > viable.min() + 0.05  # it regrows
    assert np.asarray(result.mean("vessels").values)[-1] < 0.9
    # without what the plasma hears the drug stays longer
    deaf = simulate_volume(
        drugged(),
        Grid((2, 3, 4), "10 um"),
        "0.03 mg",
        systemic=body(),
        exchange="0.01 1/um",
        tumour_volume=volume,
        times=times,
    )
    assert deaf.plasma["Cp_d"].values[3] > 1.2 * result.plasma["Cp_d"].values[3]


def test_what_the_plasma_hears_is_in_its_ledger():
    """Production by cells that stay alive, and loss: the closed form of one compartment."""
    model = Model("steady", drugged()).with_values({"Emax": "0 1/d"})
    result = simulate_volume(
        model,
        Grid((2, 3, 4), "10 um"),
        "0.3 mg",
        systemic=body(),
        exchange="0.01 1/um",
        tumour_volume="0.05 mL",
        feed={"antigen": ("living", "0.4 nM/(mL h)")},
        times="0..48 h by 6 h",
        rtol=1e-6,
    )
    t = np.asarray(result.times.values)
    np.testing.assert_allclose(
        result.plasma["antigen"].values, 0.02 / 0.1 * (1 - np.exp(-0.1 * t)), rtol=1e-5
    )
    np.testing.assert_allclose(result.fed["antigen"].values, 0.02 * t, rtol=1e-10)


def test_one_direction_equals_the_line():
    model = Model("sheet", oxygen(factor="viable"), cells())
    common = {"plasma": held(30.0), "times": ([2.0, 8.0, 20.0], "d"), "rtol": 1e-5}
    line = simulate_line(model, Slab(thickness="200 um", cells=40, growth=1), **common)
    found = simulate_volume(
        model, Grid((2, 3, 40), ("5 um", "20 um", "20 um")), sides={"x low": "fixed"}, **common
    )
    for name in ("pO2", "viable", "quiescent", "necrotic", "cells_present"):
        expected = np.asarray(line[name].values)[0]
        values = np.asarray(found[name].values)
        assert np.ptp(values, axis=(1, 2)).max() < 1e-7 * max(1.0, values.max())
        scale = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(values[:, 0, 0], expected, atol=3e-5 * scale, err_msg=name)
    necrotic = np.asarray(found["necrotic"].values)[-1, 0, 0]
    assert necrotic[0] < 0.01 < 0.1 < necrotic[-1]  # layers: living, at rest, necrotic
    resting = np.asarray(found["quiescent"].values)[0, 0, 0]
    assert resting[0] < 0.05 < 0.2 < resting[-1]


def test_cells_that_move_advance_as_a_front():
    """2 sqrt(D k) (Fisher 1937), less what the cut-off takes: pi^2/ln(least)^2 in units of
    sqrt(D k) (Brunet & Derrida 1997, doi 10.1103/PhysRevE.56.2597, unverified), to its next order.
    """
    model = Model(
        "front",
        effect.cell_shell(
            grows=True, kg="1 1/d", motility="100 um^2/d", least=1e-6, start=Parameter("s", 1.0)
        ),
    )
    grid = Grid((1, 1, 1000), "1 um")
    start = np.zeros(grid.shape)
    start[..., :20] = 1.0
    result = simulate_volume(
        model, grid, fields={"start": start}, times=([0.0, 15.0, 30.0], "d"), rtol=1e-5
    )
    filled = np.asarray(result["viable"].values)[:, 0, 0].sum(axis=1)
    expected = 10.0 * (2.0 - np.pi**2 / np.log(1e-6) ** 2) * 15.0
    assert filled[2] - filled[1] == pytest.approx(expected, rel=0.02)


def test_oxygen_stops_a_front():
    """Cells spread along a sheet from a vessel as far as oxygen lets them live."""
    limits = effect.oxygen_limits(
        p_growth="3 mmHg", kd_hypoxic="0.6 1/d", p_death="2 mmHg", n_death=2.0
    )
    model = Model(
        "rim",
        oxygen(factor="viable"),
        limits,
        effect.cell_shell(
            grows=True,
            kg="0.6 1/d",
            factor="oxygen_growth",
            necrosis="hypoxic_death",
            knecrotic="1 1/d",
            motility="20 um^2/d",
            start=Parameter("s", 1.0),
        ),
    )
    grid = Grid((1, 1, 80), "5 um")
    start = np.zeros(grid.shape)
    start[..., :4] = 1.0
    result = simulate_volume(
        model,
        grid,
        plasma=held(200.0),
        sides={"x low": "fixed"},
        fields={"start": start},
        times=([0.0, 100.0, 200.0], "d"),
        record=["viable", "pO2"],
    )
    viable = np.asarray(result["viable"].values)[:, 0, 0]
    width = 5.0 * viable.sum(axis=1)
    assert width[1] > 3.0 * width[0]
    assert width[2] == pytest.approx(width[1], rel=0.02)  # it has come to rest
    reach = np.sqrt(2 * D_ALPHA * 40.0 / CONSUMPTION)  # 82 um, where all cells consume
    assert 0.6 * reach < width[2] < 2.0 * reach


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"radiation": "2 Gy daily"}, SpecError, "KG-119.*krogh.volume.Radiation"),
        ({"feed": {"antigen": ("living", "1 nM/(mL h)")}}, SpecError, "KG-162.*tumour_volume"),
        ({"feed": ["antigen"]}, SpecError, "KG-119.*mapping"),
        (
            {"feed": {"antigen": "living"}, "tumour_volume": "1 mL"},
            SpecError,
            "KG-119.*species of the tissue, rate",
        ),
        (
            {"feed": {"antigne": ("living", "1 nM/(mL h)")}, "tumour_volume": "1 mL"},
            SpecError,
            "KG-103.*'antigne'.*antigen",
        ),
        (
            {"feed": {"antigen": ("lving", "1 nM/(mL h)")}, "tumour_volume": "1 mL"},
            SpecError,
            "KG-103.*'lving'.*living",
        ),
        (
            {"feed": {"antigen": ("living", "1 nM/h")}, "tumour_volume": "1 mL"},
            UnitError,
            "KG-121.*per tumour volume and time",
        ),
        (
            {"radiation": Radiation("2 Gy", "0.3 1/Gy", "0.03 1/Gy^2")},
            SpecError,
            "KG-103.*oxygen.*'pO2'",
        ),
        (
            {"radiation": Radiation("2 Gy", "0.3 1/Gy", "0.03 1/Gy", oxygen=None)},
            UnitError,
            "KG-121.*beta",
        ),
        (
            {"radiation": Radiation("2 Gy", "kg", "0.03 1/Gy^2", oxygen=None)},
            UnitError,
            "KG-121.*'kg' is not in 1/Gy",
        ),
        (
            {"radiation": Radiation("2 Gy", "0.3 1/Gy", "0.03 1/Gy^2", None, cells=("live",))},
            SpecError,
            "KG-103.*'live'",
        ),
        (
            {"plasma": {"Cp_d": (([0, 9], "d"), [1.0, 1.0], "nM")}},
            SpecError,
            "KG-162.*'body' has it",
        ),
    ],
)
def test_what_does_not_fit_is_named(options, error, message):
    with pytest.raises(error, match=f"(?s){message}"):
        simulate_volume(
            drugged(),
            Grid((1, 2, 2), "10 um"),
            "0.3 mg",
            **{"systemic": body(), "exchange": "0.01 1/um", "times": "24 h"} | options,
        )


@pytest.mark.parametrize(
    ("schedule", "options", "error", "message"),
    [
        ("2 mg daily x 5", {}, UnitError, "KG-121.*Gy"),
        ("2 Gy daily", {}, SpecError, "KG-108.*how many"),
        ("2 Gy over 1 h", {}, SpecError, "KG-108.*at once"),
        ("2 Gy", {"OER": 0.5}, SpecError, "KG-108.*OER"),
        ("2 Gy", {"K": "3 nM"}, UnitError, "KG-121.*pressure"),
        ("2 Gy", {"cells": "living"}, SpecError, "KG-108.*list"),
    ],
)
def test_fractions_are_checked(schedule, options, error, message):
    with pytest.raises(error, match=message):
        Radiation(schedule, "0.3 1/Gy", "0.03 1/Gy^2", **options)


def test_a_flow_belongs_to_vessels_that_stay():
    grid = Grid((2, 2, 3), "10 um")
    flow = kg.interstitial_flow(grid, "0.01 1/um", sides={"x low": "0 mmHg"})
    with pytest.raises(SpecError, match=r"KG-164.*left all vessels"):
        simulate_volume(
            drugged(), grid, systemic=body(), exchange="0.01 1/um", times="1 h", flow=flow
        )


def test_a_line_has_no_vessel_factor():
    with pytest.raises(SpecError, match=r"KG-164.*vessel factor"):
        simulate_line(drugged(), Slab(thickness="100 um"), systemic=body(), times="1 h")
