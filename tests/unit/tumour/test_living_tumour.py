"""Tumours in 3-D that live: oxygen, growth and death by place, vessels, radiation and drugs.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.errors import SpecError, UnitError
from krogh.table import ResultTable
from krogh.tumour import Living
from krogh.volume import Radiation
from krogh.volume.response import regrowth_time

FRACTIONS = Radiation("2 Gy daily x 3", "0.3 1/Gy", "0.03 1/Gy^2")


@pytest.fixture(scope="module")
def tumour():
    """A box of patchy vessels, far apart."""
    return kg.tumour.generate(
        "HER2 3+", size="200 um", spacing="20 um", vessel_density="75 mm/mm^3", seed=3
    )


@pytest.fixture(scope="module")
def irradiated(tumour):
    return tumour.respond(
        radiation=FRACTIONS, until="20 d", times="0..20 d by 2 d", progress=False, num_threads=1
    )


def test_radiation_kills_near_vessels_and_the_hypoxic_survive(tumour, irradiated):
    pressure = np.asarray(irradiated["pO2"].values)[0]
    survived = np.asarray(irradiated["viable"].values)[0]
    assert pressure.min() < 3.0
    assert pressure.max() > 10.0
    omega = (3.0 * pressure + 3.0) / (3.0 * (pressure + 3.0))
    expected = np.exp(-0.3 * 2.0 * omega - 0.03 * (2.0 * omega) ** 2)
    np.testing.assert_allclose(survived, expected, rtol=1e-9)
    rows = irradiated.against_distance("viable", time="0 d")
    assert rows["median"][-1] > 1.1 * rows["median"][0]


def test_it_shrinks_is_oxygenated_and_grows_back(irradiated):
    table = irradiated.response(cell_density="1e8 cells/mL")
    assert table["volume"][0] == pytest.approx(0.2**3)
    assert table["relative_volume"].min() < 0.6
    assert table["surviving"][0] == pytest.approx(irradiated.fractions["survival"][0])
    assert table["surviving"].argmin() not in (0, len(table["time"]) - 1)
    assert table["surviving"][-1] > 1.5 * table["surviving"].min()
    after = table["time"].tolist().index(4.0)
    assert table["hypoxic"][after] < table["hypoxic"][0]  # the dead consume no more
    assert np.all(np.diff(irradiated.fractions["survival"]) < 0)  # so the next kills more
    living = irradiated.content["living"].values + irradiated.content["quiescent"].values
    np.testing.assert_allclose(table["cells"], living * 1e-4, rtol=1e-9)  # 1e8/mL: 1e-4/um^3
    vessels = np.asarray(irradiated.mean("vessels").values)
    assert vessels[-1] < 0.95


def test_a_drug_kills_where_it_is_and_receptors_go_with_the_cells(tumour):
    options = {
        "until": "8 d",
        "times": "0..8 d by 4 d",
        "progress": False,
        "rtol": 1e-2,
        "num_threads": 1,
    }
    drugged = tumour.respond("T-DM1", "10 mg/kg", **options)
    left = tumour.respond(**options)
    assert drugged.mean("viable").values[-1] < 0.8 * left.mean("viable").values[-1]
    tissue = drugged.problem.tissue.model
    assert "viable" in str(tissue.derivative("S_HER2"))
    factors = {m.vessel_factor for m in tissue.transports.values()}
    assert factors == {"vessels"}
    both = tumour.respond("T-DM1", "10 mg/kg", radiation=FRACTIONS, **options)
    assert both.mean("viable").values[1] < 0.8 * drugged.mean("viable").values[1]
    assert both.ledger().largest < 1e-9


def test_vessels_may_stay(tumour):
    living = Living(vessel_formation=None, vessel_regression=None, wall="500 um/s")
    result = tumour.respond(living=living, until="2 d", times="2 d", progress=False, num_threads=1)
    assert "vessels" not in result
    assert result.problem.tissue.model.transports["pO2"].vessel_factor is None


def test_known_surface_stands_for_vessels():
    from dataclasses import replace

    made = kg.tumour.generate(
        "HER2 3+", size="100 um", spacing="25 um", vessel_density="300 mm/mm^3", seed=1
    )
    surface = replace(made, network=None, surface=np.full((4, 4, 4), 0.01))
    result = surface.respond(until="1 d", times="1 d", progress=False, num_threads=1)
    assert np.ptp(result["pO2"].values[-1]) < 1e-6


def test_what_does_not_fit_is_named(tumour, irradiated):
    with pytest.raises(SpecError, match=r"KG-112.*no drug"):
        tumour.respond(regimen="1 mg/kg")
    with pytest.raises(SpecError, match=r"KG-103.*'grid' is stated"):
        tumour.respond(grid=tumour.grid)
    with pytest.raises(SpecError, match=r"KG-112.*belong together"):
        Living(vessel_formation=None)
    with pytest.raises(UnitError, match="KG-121"):
        irradiated.response(cell_density="3 mg")
    bare = tumour.run("trastuzumab", "1 mg/kg", until="1 h", times="1 h", progress=False)
    with pytest.raises(SpecError, match=r"KG-118.*'viable'"):
        bare.response()
    with pytest.raises(SpecError, match=r"KG-118.*no radiation"):
        bare.fractions  # noqa: B018


def test_time_of_regrowth():
    table = ResultTable({"time": [0.0, 1, 2, 3, 4], "relative_volume": [1.0, 0.4, 0.8, 1.2, 1.3]})
    assert regrowth_time(table) == pytest.approx(2.5)
    falls = ResultTable({"time": [0.0, 1.0], "relative_volume": [1.0, 0.4]})
    assert regrowth_time(falls) == np.inf
    grows = ResultTable({"time": [0.0, 1.0], "relative_volume": [1.0, 1.4]})
    assert regrowth_time(grows) == 0.0
    with pytest.raises(SpecError, match="KG-118"):
        regrowth_time(table, "viable")
