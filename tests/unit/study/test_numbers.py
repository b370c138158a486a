"""The dimensionless report: numbers beside hand computation, verdicts beside what the solver finds.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from typing import Any

import krogh as kg
import numpy as np
import pytest
from krogh.study import Study
from krogh.study.limits import limits_table
from krogh.study.numbers import filled


def bench(**changes: Any) -> Study:
    """T-DM1 with the inputs of the co-dosing benchmark: P, D, eps, rates as published there."""
    drug = kg.library.drug("T-DM1").with_set("NCI-N87 benchmark")
    return Study(drug, "NCI-N87", "3.6 mg/kg", comparator=False, ranges=False, **changes)


def test_numbers_of_the_benchmark_by_hand() -> None:
    numbers = bench().numbers()
    p, rc, rk, d, eps, on, target, ke = 3e-3, 8.0, 75.0, 10.0, 0.24, 7.1e-4, 833.0, 3.3e-5
    area = bench(cells=8).run().value("AUC:TDM1") * 3600.0
    assert numbers.value("Bi") == pytest.approx(p * rc / (eps * d) * math.log(rk / rc), rel=1e-3)
    assert numbers.value("Da") == pytest.approx(on * target * 67.0**2 / (eps * d), rel=1e-3)
    assert numbers.value("l_b") == pytest.approx(math.sqrt(eps * d / (on * target)), rel=1e-3)
    supply = (rk**2 - rc**2) / (2.0 * p * rc)
    assert numbers.value("Gamma") == pytest.approx(target * supply / area, rel=2e-3)
    mean = area / 86400.0
    assert numbers.value("phi^2") == pytest.approx(ke * target * supply / mean, rel=2e-3)
    assert "supply through the vessel wall" in numbers.verdict
    assert math.isnan(numbers.value("no such number"))


@pytest.mark.parametrize(
    ("trastuzumab", "occupancy", "radius", "exposed", "uptake"),
    [
        (0.0, 5.09, 14.06, 22.0, 1.87e5),
        (10.8, 20.27, 32.3, 37.8, 1.86e5),
        (28.8, 45.48, 49.9, 59.9, 1.85e5),
    ],
)
def test_the_benchmark_of_co_dosing_through_a_study(
    trastuzumab: float, occupancy: float, radius: float, exposed: float, uptake: float
) -> None:
    """Means to 1 %, the radius of half occupancy to 0.5 um, shares to 0.2 % of the cells."""
    drugs = [kg.library.drug(n).with_set("NCI-N87 benchmark") for n in ("T-DM1", "trastuzumab")]
    regimen = f"T-DM1 3.6 mg/kg + trastuzumab {trastuzumab} mg/kg"
    if trastuzumab == 0.0:
        drugs, regimen = drugs[:1], "3.6 mg/kg"
    result = Study(drugs, "NCI-N87", regimen, comparator=False, ranges=False).run()
    assert result.value("mean occupancy:HER2") == pytest.approx(occupancy, rel=0.01)
    assert result.value("mean uptake_TDM1") == pytest.approx(uptake, rel=0.01)
    assert result.value("uptake_TDM1") == pytest.approx(exposed, abs=0.2)
    profile, place = result["occupancy_HER2"].values[0, -1], result.positions.values[0]
    k = int(np.argmax(profile < 0.5))
    step = (profile[k - 1] - 0.5) / (profile[k - 1] - profile[k])
    assert place[k - 1] + step * (place[k] - place[k - 1]) == pytest.approx(radius, abs=0.5)


def test_supplies_of_drugs_with_one_target_add_up() -> None:
    study = Study(["T-DM1", "trastuzumab"], "NCI-N87", "T-DM1 3.6 mg/kg + trastuzumab 10.8 mg/kg")
    numbers = study.numbers()
    own = [numbers.value("Gamma", of) for of in ("T-DM1", "trastuzumab")]
    assert numbers.value("Gamma", "HER2") == pytest.approx(1.0 / sum(1.0 / g for g in own))


def test_a_number_that_needs_a_missing_value_is_listed() -> None:
    assert any("blood_flow" in text for text in bench().numbers().missing)


@pytest.mark.parametrize("tumour", ["cylinder", "slab", "fixed slab", "sphere"])
def test_the_modulus_tells_whether_every_cell_is_reached(tumour: str) -> None:
    """Far below 1 the mean occupancy is high, far above it is low, in every shape."""
    drug = kg.library.drug("T-DM1").with_set("NCI-N87 benchmark")
    drug = drug.with_values(internalization_rate="1e-8 1/s", dissociation_rate="1e-6 1/s")
    shape = {
        "cylinder": kg.tumour.krogh_cylinder(),
        "slab": kg.tumour.slab(thickness="60 um"),
        "fixed slab": kg.tumour.slab(thickness="300 um", wall="fixed"),
        "sphere": kg.tumour.spheroid(radius="300 um"),
    }[tumour].with_values({"HER2.internalization_rate": "1e-8 1/s"})
    means = {}
    for dose in ("0.1 mg/kg", "300 mg/kg"):
        study = Study(drug, shape, dose, cells=24, comparator=False, ranges=False)
        gamma = study.numbers().value("Gamma")
        means[gamma] = study.run().value("mean occupancy:HER2")
    low, high = sorted(means)
    assert low < 0.5
    assert high > 2.0
    assert means[low] > 90.0
    share = filled(high, Study(drug, shape, "1 mg"))
    assert means[high] == pytest.approx(100.0 * share, rel=0.15)
    if tumour in ("fixed slab", "sphere"):  # where diffusion limits, more is filled than 1/modulus
        assert means[high] > 200.0 / high


def test_limits_are_those_of_runs_of_their_own() -> None:
    study = Study("T-DM1", "NCI-N87", "3.6 mg/kg", cells=16, comparator=False)
    result = study.run()
    sizes = [limit.size for limit in result.limits]
    assert sizes == sorted(sizes, reverse=True)
    names = [limit.name for limit in result.limits]
    assert "permeability of IgG" in names
    limit = next(found for found in result.limits if found.name == "permeability of IgG")
    assert {"permeability_TDM1", "permeability_TDM1_naked"} == set(limit.parameters)
    alone = study.run(values=dict.fromkeys(limit.parameters, limit.low_value))
    row = next(row for row in alone.rows() if row.measure == limit.measure)
    assert limit.low == pytest.approx(row.value, rel=5e-3)
    assert limit.base == pytest.approx(result.value(row.key), rel=5e-3)
    assert "matters most to" in str(result)
    table = limits_table(result.limits)
    assert len(table) == len(names)
    assert np.all(np.isfinite(table["at low end"]))


def test_limits_of_another_measure_and_of_fixed_values() -> None:
    study = Study("T-DM1", "NCI-N87", "3.6 mg/kg", cells=16, comparator=False)
    depth = study.limits("depth:TDM1")
    assert {limit.unit for limit in depth} == {"um"}
    given = study.run(values={"outer_radius": "50 um"})
    assert not any(limit.name.startswith("outer radius") for limit in given.limits)
    with pytest.raises(kg.SpecError, match="KG-118"):
        study.limits("depth:TDM2")
