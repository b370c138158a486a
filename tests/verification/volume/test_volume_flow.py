"""Flow, membranes, partition, axes and resolved vessels as a user states them.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import krogh as kg
import numpy as np
import pytest
from krogh.errors import Error
from krogh.interstitial import interstitial_flow
from krogh.model import Parameter
from krogh.space import Cylinder, Grid
from krogh.vessels import VesselNetwork
from line_models import MOVES, body, still, tissue

CURVE = {"Cp": (([0.0, 240.0], "h"), [100.0, 100.0], "nM")}
GRID = Grid((5, 6, 12), "20 um")


def run(model=None, grid=GRID, **options):
    """A run that is fed by a constant plasma unless told otherwise."""
    given = {"plasma": CURVE, "times": "240 h", "rtol": 1e-5, "progress": False} | options
    return kg.simulate_volume(model or still(), grid, **given)


def flow_of(grid=GRID, **options):
    """A leaky tumour that drains at one side."""
    given = {"sides": {"x low": "0 mmHg"}, "lymph_conductance": "1e-4 1/(mmHg s)"} | options
    return interstitial_flow(grid, "200 1/cm", lymph_pressure="0 mmHg", **given)


def test_what_fluid_brings_uniformly_stays_uniform():
    """Filtered as it is in the plasma, with nothing held back: C/eps is the plasma's."""
    flow = flow_of()
    assert flow.filtration.min() > 0.0
    assert flow.lymph.max() > 0.0
    found = run(flow=flow, exchange="0.02 1/um")
    assert found["F"].values[-1] / 0.24 == pytest.approx(100.0, rel=1e-4)
    assert found.ledger().largest < 1e-10
    passed = found.entered_by
    assert passed["F"]["vessels"][-1] > 0.0
    assert passed["F"]["lymph"][-1] < 0.0
    assert passed["F"]["x low"][-1] < 0.0
    assert passed["F"]["x high"][-1] == 0.0
    total = sum(v[-1] for v in passed["F"].values())
    assert total == pytest.approx(found.entered["F"].values[-1], rel=1e-12)


def test_what_the_wall_holds_back_stays_behind():
    """Without permeation the tissue gets (1 - sigma) of what fluid brings and loses all of it."""
    model = still(Parameter("sigma", "0.75"), reflection="sigma")
    found = run(model, flow=flow_of(), exchange="1e-9 1/um")
    assert found["F"].values[-1] / 0.24 == pytest.approx(25.0, rel=1e-3)


@pytest.mark.parametrize("peclet", [1e-3, 0.7, 20.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_solvent_drag_is_that_of_patlak(peclet, sign):
    """One voxel: what passes a wall at a steady flow of fluid, Patlak et al. 1963, eq. 16."""

    @dataclass
    class Fluid:
        grid: Any
        velocity: Any
        filtration: Any
        lymph: Any

    grid, sigma, surface = Grid((1, 1, 1), "10 um"), 0.4, 0.02
    ps = 3e-3 * surface
    j = sign * peclet * ps / (1.0 - sigma)
    # What filters goes to lymph; what is taken back comes in at the sides.
    x = np.zeros((1, 1, 2))
    if sign < 0.0:
        x[0, 0, 0] = -j * 10.0
    lymph = np.full((1, 1, 1), max(j, 0.0))
    flow = Fluid(grid, (x, np.zeros((1, 2, 1)), np.zeros((2, 1, 1))), np.full((1, 1, 1), j), lymph)
    model = still(Parameter("sigma", "0.4"), reflection="sigma")
    found = run(model, grid, flow=flow, exchange=f"{surface} 1/um")
    inside = float(found["F"].values[-1, 0, 0, 0]) / 0.24
    dragged = (1.0 - sigma) * j
    pe = dragged / ps
    flux = dragged * (100.0 - inside * np.exp(-pe)) / (1.0 - np.exp(-pe))
    assert flux == pytest.approx(lymph[0, 0, 0] * inside, rel=1e-4, abs=1e-9)


def test_a_plasma_that_feels_the_tissue_gets_back_what_lymph_takes():
    found = run(
        tissue(),
        plasma=None,
        dosing="3.6 mg/kg",
        systemic=body(),
        weight="20 g",
        tumour_volume="0.2 mL",
        flow=flow_of(sides="closed", lymph_conductance="1e-3 1/(mmHg s)"),
        exchange="0.02 1/um",
        times="0..24 h by 8 h",
        values={"CL": "0 mL/d"},
        rtol=1e-3,
    )
    assert found.entered_by["F"]["lymph"][-1] < 0.0
    ledger = found.ledger(plasma={"all": ["A", "gone"]})
    assert ledger.largest < 1e-10, str(ledger)


def test_a_border_takes_what_leaves():
    """A ball of tissue in a box, from whose border fluid leaves to where the pressure is held."""
    grid = Grid((9, 9, 9), "20 um")
    z, y, x = (grid.centers(a) - 90.0 for a in "zyx")
    ball = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 < 85.0**2
    flow = interstitial_flow(grid, "200 1/cm", regions=ball, outer_pressure="0 mmHg")
    found = run(grid=grid, regions=ball, flow=flow, exchange="0.02 1/um")
    passed = found.entered_by["F"]
    assert passed["border"][-1] < 0.0 < passed["vessels"][-1]
    assert found.ledger().largest < 1e-10
    inside = found["F"].values[-1][ball] / 0.24
    assert inside == pytest.approx(100.0, rel=1e-4)


def test_membranes_and_partition_between_regions():
    """A slab fed at one end and uniform in between: at rest C is eps K times the plasma's."""
    labels = np.zeros((1, 1, 10), dtype=int)
    labels[..., 4:] = 1
    grid = Grid((1, 1, 10), "10 um")
    options = {"regions": labels, "sides": {"x low": "fixed"}, "partition": {"F": [1.0, 2.5]}}
    free = run(grid=grid, interfaces={(1, 0): "0.01 um/s"}, **options)
    expected = np.where(labels == 0, 1.0, 2.5)
    assert free["F"].values[-1] / 24.0 == pytest.approx(expected, rel=1e-4)
    early = {"times": "10 min"} | options
    slow = run(grid=grid, interfaces={(0, 1): {"F": "1e-4 um/s"}}, **early)
    fast = run(grid=grid, **early)
    shut = run(grid=grid, interfaces={(0, 1): "0 um/s"}, **early)
    amounts = [float(r["F"].values[-1][labels == 1].sum()) for r in (shut, slow, fast)]
    assert amounts[0] == 0.0
    assert 0.0 < amounts[1] < 0.1 * amounts[2]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_axes_of_the_diffusivity(axis):
    """Three slabs along x, y and z: each as a uniform one with the diffusivity of its axis."""
    factors = (0.5, 2.0, 0.1)
    shape = [1, 1, 1]
    shape[2 - axis] = 12
    options = {"grid": Grid(shape, "10 um"), "sides": {f"{'xyz'[axis]} low": "membrane"}}
    options["times"] = "2 h"
    found = run(anisotropy={"F": factors}, **options)
    alone = run(values={"D": 10.0 * factors[axis]}, **options)
    assert found["F"].values == pytest.approx(alone["F"].values, rel=1e-6)


def test_a_resolved_vessel_equals_the_line():
    """Its wall and the tissue behind it resist alike, P R/(eps D) = 1, at steady uptake.

    What the staircase of voxels leaves does not fall evenly from grid to grid.
    """
    uptake = kg.model.Reaction("F ->", "k*F")
    model = still(Parameter("k", "2e-3 1/s"), uptake)
    options = {"plasma": CURVE, "times": "240 h", "rtol": 1e-4, "progress": False}
    options["values"] = {"P": "0.3 um/s"}
    line = kg.simulate_line(model, Cylinder("8 um", "40 um", cells=256), **options)
    expected = float(line.content["F"].values[0, -1])
    errors = []
    for width in (4.0, 2.0, 1.0):
        n = round(80.0 / width)
        grid = Grid((1, n, n), (width, "um"))
        away = np.hypot(grid.centers("x")[None, :] - 40.0, grid.centers("y")[:, None] - 40.0)
        vessel = VesselNetwork(
            nodes=np.array([[40.0, 40.0, 0.0], [40.0, 40.0, width]]),
            segments=np.array([[0, 1]]),
            diameter=np.array([16.0]),
        )
        found = kg.simulate_volume(
            model, grid, exchange=vessel, regions=(away < 40.0)[None], **options
        )
        errors.append(abs(float(found.content["F"].values[-1]) / width / expected - 1.0))
    assert max(errors) < 0.005, errors
    assert errors[-1] < 0.0015, errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flow": "fast"}, "KG-166: flow is what krogh.interstitial gives"),
        ({"flow": flow_of(Grid((5, 6, 11), "20 um"))}, "KG-166: the flow lies on another grid"),
        ({"flow": flow_of(), "sides": {"x low": "closed"}}, "KG-166: the side 'x low' is closed"),
        ({"interfaces": [(0, 1)]}, "KG-166: interfaces is a mapping"),
        ({"interfaces": {(0, 1): "1 um/s"}}, "KG-166: interfaces lie between two regions of the"),
        ({"interfaces": {0: "1 um/s"}}, "KG-166: interfaces lie between two regions"),
        ({"interfaces": {(0, 1): 1.0}, "regions": "two"}, "KG-124"),
        ({"interfaces": {(0, 1): "1 um"}, "regions": "two"}, "KG-121"),
        ({"interfaces": {(0, 1): "-1 um/s"}, "regions": "two"}, "KG-166: the permeability between"),
        ({"interfaces": {(0, 1): {"G": "1 um/s"}}, "regions": "two"}, "KG-166.*'G' is no species"),
        ({"interfaces": {(0, 1): "1 um/s", (1, 0): "1 um/s"}, "regions": "two"}, "given twice"),
        ({"partition": {"F": 0.0}}, "KG-166: partition must be finite and positive"),
        ({"partition": {"F": [1.0, 2.0], "X": 1.0}}, "KG-166: partition: 'X' is no species"),
        (
            {"partition": {"F": np.ones(3)}, "regions": np.full(GRID.shape, 4)},
            "KG-166: partition h",
        ),
        ({"anisotropy": 2.0}, "KG-166: anisotropy is three factors"),
        ({"anisotropy": (1.0, 1.0)}, "KG-166: anisotropy is three factors"),
        ({"anisotropy": (1.0, -1.0, 1.0)}, "KG-166: anisotropy along y"),
        ({"convection": "central"}, "KG-166: convection is 'limited' or 'fitted'"),
    ],
)
def test_what_is_wrong_is_said(options, message):
    if isinstance(options.get("regions"), str):
        options = options | {"regions": np.arange(360).reshape(GRID.shape) % 2}
    with pytest.raises(Error, match=message):
        run(**options)


def test_a_flow_that_does_not_balance_is_refused():
    flow = flow_of()
    broken = type("Flow", (), dict(vars(flow)))()
    broken.filtration = flow.filtration * 1.01
    with pytest.raises(Error, match=r"KG-166: flow: voxel .* does not balance"):
        run(flow=broken)
    broken.filtration, broken.lymph = flow.filtration, -np.ones(GRID.shape)
    with pytest.raises(Error, match="KG-166: flow: lymph must not be negative"):
        run(flow=broken)
    broken.lymph = flow.lymph[:-1]
    with pytest.raises(Error, match="KG-166: flow: lymph has shape"):
        run(flow=broken)


def test_reflection_out_of_range_is_refused():
    model = still(Parameter("sigma", "1.5"), reflection="sigma")
    with pytest.raises(Error, match="KG-108: reflection"):
        run(model, flow=flow_of())
    assert MOVES.reflection == kg.model.Transport("F", diffusivity="D").reflection
