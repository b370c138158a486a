"""Several vessels that share a plasma, and capillaries along which the blood is depleted.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math

import krogh as kg
import numpy as np
import pytest
from krogh.line import well_mixed
from krogh.model import DoseInput, Model, Parameter, Rate, Reaction, Rule, Species, Transport
from krogh.space import Capillary, Cylinder, Several, Slab, Sphere

pytestmark = pytest.mark.verification


def vessel(outer, cells=8):
    return Cylinder("8 um", f"{outer} um", cells=cells)


SHAPES = [
    Several([vessel(60), vessel(90, 10)], [0.3, 0.7]),
    Several([Slab("50 um", cells=6), Slab("80 um", cells=7), Slab("20 um", cells=5)]),
    Several([Sphere("90 um", cells=6), Sphere("140 um", cells=9)], [2, 1]),
    Capillary(vessel(75), length="600 um", velocity="20 um/s", segments=5),
    Capillary(vessel(75), length="600 um", velocity="2 um/s", segments=1),
]


def tissue(sink="0 1/s"):
    return Model(
        "tissue",
        Parameter("D", "10 um^2/s"),
        Parameter("eps", "0.24"),
        Parameter("P", "3e-3 um/s"),
        Parameter("k", sink),
        Parameter("kon", "1e-3 1/(nM h)"),
        Parameter("R0", "300 nM"),
        Species("F", "nM"),
        Species("R", "nM", initial="R0"),
        Species("RF", "nM"),
        Reaction("F + R <-> RF", "kon*F*R", "0.05[1/h]*RF"),
        Reaction("F ->", "k*F"),
        Transport("F", diffusivity="D", void_fraction="eps", permeability="P", plasma="Cp"),
    )


def body(unit="mg"):
    return Model(
        "body",
        Parameter("CL", "1 mL/d"),
        Parameter("V", "1 mL"),
        Species("A", unit, molar_mass="150 kDa"),
        Species("gone", unit),
        Rule("Cp", "A/V"),
        Reaction("A -> gone", "CL*Cp"),
        DoseInput("A"),
    )


def steady_plasma():
    return Model("plasma", Species("Cp", "nM", initial="100 nM"), Rate("Cp", "0*Cp/1[h]"))


TWO_WAY = {"systemic": body(), "tumour_volume": "0.3 mL", "times": "0..24 h by 6 h"}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: type(s).__name__ + str(s.num_cells))
def test_cells_and_line_agree_and_balance(shape):
    rtol = 1e-4
    line, cells = (
        kg.simulate_line(tissue(), shape, "0.1 mg", rtol=rtol, method=m, **TWO_WAY)
        for m in ("line", "cells")
    )
    for name in ("F", "R", "RF"):
        b = cells[name].values
        assert np.max(np.abs(line[name].values - b)) <= 2.0 * rtol * np.max(np.abs(b))
        b = cells.content[name].values
        assert np.max(np.abs(line.content[name].values - b)) <= 2.0 * rtol * np.max(np.abs(b))
    b = cells.plasma["A"].values
    assert np.max(np.abs(line.plasma["A"].values - b)) <= 2.0 * rtol * np.max(np.abs(b))
    for name, blood in line.vessel.items():
        assert blood.dims == ("line", "time", "segment")
        b = cells.vessel[name].values
        assert np.max(np.abs(blood.values - b)) <= 2.0 * rtol * np.max(np.abs(b))
    for found in (line, cells):
        assert found.ledger({"drug": ["F", "RF"]}, plasma={"dose": ["A", "gone"]}).largest < 1e-10


def test_equal_vessels_are_one():
    one = kg.simulate_line(tissue(), vessel(75), "0.1 mg", **TWO_WAY)
    three = kg.simulate_line(tissue(), Several([vessel(75)] * 3), "0.1 mg", **TWO_WAY)
    assert list(three.pieces) == [0] * 8 + [1] * 8 + [2] * 8
    for k in range(3):
        assert three["RF"].values[..., 8 * k : 8 * k + 8] == pytest.approx(
            one["RF"].values, rel=1e-3, abs=1e-6
        )
    assert three.mean("RF").values == pytest.approx(one.mean("RF").values, rel=1e-3)
    assert three.content["RF"].values == pytest.approx(one.content["RF"].values, rel=1e-3)


def test_shares_are_those_of_the_volume():
    first, second = Slab("50 um", cells=6), Slab("80 um", cells=7)
    options = {"systemic": steady_plasma(), "times": "6 h", "rtol": 1e-8}
    alone = [
        kg.simulate_line(tissue(), s, **options).mean("RF").values[0, 0] for s in (first, second)
    ]
    both = kg.simulate_line(tissue(), Several([first, second], [1, 3]), **options)
    assert both.mean("RF").values[0, 0] == pytest.approx(
        0.25 * alone[0] + 0.75 * alone[1], rel=1e-6
    )
    share = both.fraction_of_cells("RF", at_least=both["RF"].values[0, 0, 6]).values[0, 0]
    assert 0.0 < share < 1.0


def test_many_lines_of_several_vessels_are_those_of_each():
    shape = SHAPES[0]
    values = {"P": np.array([1e-3, 3e-3, 9e-3])}
    many = kg.simulate_line(tissue(), shape, "0.1 mg", values=values, **TWO_WAY)
    alone = kg.simulate_line(tissue(), shape, "0.1 mg", values={"P": 9e-3}, **TWO_WAY)
    assert np.array_equal(many["RF"].values[2], alone["RF"].values[0])


def test_blood_that_nothing_comes_back_to_is_depleted_exponentially():
    # a fast sink holds C/eps near zero: w dCp/dz = -(2 P/R) Cp
    length, speed, p, r = 400.0, 0.5, 3e-3, 8.0
    for segments in (4, 64):
        shape = Capillary(
            vessel(20, 40), length=f"{length} um", velocity=f"{speed} um/s", segments=segments
        )
        found = kg.simulate_line(
            tissue(), shape, systemic=steady_plasma(), values={"k": 1e4, "D": 1e3}, times="2 d",
            rtol=1e-6,
        )  # fmt: skip
        blood = found.vessel["F"].values[0, -1]
        step = 2.0 * p / r * length / segments / speed
        upwind = 100.0 / (1.0 + step) ** np.arange(1, segments + 1)
        assert blood == pytest.approx(upwind, rel=2e-3)
    exact = 100.0 * math.exp(-2.0 * p / r * length / speed)
    assert blood[-1] == pytest.approx(exact, rel=1e-2)


def test_fast_blood_is_the_plasma():
    one_way = TWO_WAY | {"tumour_volume": None}
    one = kg.simulate_line(tissue(), vessel(75), "0.1 mg", **one_way)
    fast = Capillary(vessel(75), length="500 um", velocity="1 m/s", segments=3)
    found = kg.simulate_line(tissue(), fast, "0.1 mg", **one_way)
    assert found["RF"].values[..., 16:] == pytest.approx(one["RF"].values, rel=1e-3, abs=1e-6)


def test_radii_of_a_capillary_may_differ_between_lines():
    shape = Capillary(vessel(75), length="500 um", velocity="20 um/s", segments=3)
    values = {"inner_radius": (np.array([6.0, 10.0]), "um"), "outer_radius": [60.0, 75.0]}
    both = [
        kg.simulate_line(tissue(), shape, "0.1 mg", values=values, method=m, rtol=1e-5, **TWO_WAY)
        for m in ("line", "cells")
    ]
    assert both[0]["RF"].values == pytest.approx(both[1]["RF"].values, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize("shape", [SHAPES[0], SHAPES[1], SHAPES[3]], ids=["a", "b", "c"])
@pytest.mark.parametrize("what", ["flow", "field by distance", "field by cell", "lines"])
def test_pieces_go_with_everything_else(shape, what):
    more = {
        "flow": {"velocity": "0.01 um/s"},
        "field by distance": {"fields": {"R0": lambda d: 300.0 * np.exp(-d / 40.0)}},
        "field by cell": {"fields": {"P": np.linspace(1e-3, 9e-3, shape.num_cells)}},
        "lines": {
            "values": {"P": [1e-3, 2e-3], "D": [5.0, 20.0]},
            "velocity": (np.full(shape.faces.size, 0.01), "um/s"),
        },
    }[what]
    line, cells = (
        kg.simulate_line(tissue(), shape, "0.1 mg", rtol=1e-4, method=m, **TWO_WAY | more)
        for m in ("line", "cells")
    )
    for name in ("F", "R", "RF"):
        b = cells[name].values
        assert np.max(np.abs(line[name].values - b)) <= 2e-4 * np.max(np.abs(b))
    assert line.ledger({"drug": ["F", "RF"]}, plasma={"dose": ["A", "gone"]}).largest < 1e-10


@pytest.mark.parametrize("shape", SHAPES[:3], ids=["cylinders", "slabs", "spheres"])
def test_sensitivities_of_several_are_those_of_cells(shape):
    names = ["P", "D", "kon", "V"]
    line, cells = (
        kg.simulate_line(
            tissue(), shape, "0.1 mg", rtol=1e-8, method=m, sensitivities=names, **TWO_WAY
        )
        for m in ("line", "cells")
    )
    for name in names:
        for output in ("F", "RF", "A"):
            b = cells.sensitivity(output, name).values
            apart = np.max(np.abs(line.sensitivity(output, name).values - b))
            assert apart <= 1e-6 * np.max(np.abs(b)), (output, name)


def test_sensitivities_in_moving_fluid():
    options = {"velocity": "0.01 um/s", "sensitivities": ["kon", "V"], "rtol": 1e-8} | TWO_WAY
    line = kg.simulate_line(tissue(), vessel(75), "0.1 mg", method="line", **options)
    cells = kg.simulate_line(tissue(), vessel(75), "0.1 mg", method="cells", **options)
    for name in ("kon", "V"):
        b = cells.sensitivity("RF", name).values
        assert line.sensitivity("RF", name).values == pytest.approx(
            b, rel=1e-4, abs=1e-6 * np.max(np.abs(b))
        )
    by_cells = kg.simulate_line(
        tissue(), vessel(75), "0.1 mg", **options | {"sensitivities": ["D"], "rtol": 1e-4}
    )
    assert "moving fluid" in str(by_cells)
    along = kg.simulate_line(tissue(), SHAPES[3], "0.1 mg", sensitivities=["P"], **TWO_WAY)
    assert "sensitivities along a capillary" in str(along)


def test_well_mixed_has_the_surface_of_all():
    shape = SHAPES[1]
    model = well_mixed(tissue(), shape, body(), "0.3 mL")
    mean = np.mean([1 / 50.0, 1 / 80.0, 1 / 20.0])
    found = model.parameters["supply_surface_per_volume"].value.to("1/um")
    assert found == pytest.approx(mean)
