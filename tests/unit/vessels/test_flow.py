"""Flow: viscosity and cell split by hand, networks with known flow, what is refused.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from krogh.errors import DataError, SolverError
from krogh.vessels import Boundary, VesselNetwork, junction_errors, solve_flow, wall_shear_stress
from krogh.vessels.rheology import (
    cell_split,
    relative_viscosity,
    viscosity_in_vitro,
    viscosity_in_vivo_1994,
    viscosity_in_vivo_2005,
)

CP = 1.0466  # mPa s


def by_hand_2005(d: float, h: float) -> float:
    """Write the law of 2005 out, one number at a time."""
    w_as = 2.6 * (d - 2.4) / (d + 100 - 2 * 2.4) if d > 2.4 else 0.0
    if d <= 2.4:
        w_peak = 0.0
    elif d <= 10.5:
        w_peak = 1.1 * (d - 2.4) / (10.5 - 2.4)
    else:
        w_peak = 1.1 * math.exp(-0.03 * (d - 10.5))
    d_ph = d - 2 * (w_as + 0.6 * w_peak)
    d_eff = d - 2 * (w_as + w_peak * (1 + 1.18 * h))
    s = 1 / (1 + 1e-11 * d_ph**12)
    c = (0.8 + math.exp(-0.075 * d_ph)) * (-1 + s) + s
    at45 = 220 * math.exp(-1.3 * d_ph) + 3.2 - 2.44 * math.exp(-0.06 * d_ph**0.645)
    vitro = 1 + (at45 - 1) * ((1 - h) ** c - 1) / (0.55**c - 1)
    return vitro * (d / d_eff) ** 4


@pytest.mark.parametrize("d", [2.0, 4.0, 8.0, 10.5, 12.0, 30.0, 100.0])
@pytest.mark.parametrize("h", [0.0, 0.2, 0.45, 0.6])
def test_viscosity_2005_by_hand(d: float, h: float) -> None:
    assert float(viscosity_in_vivo_2005(d, h)) == pytest.approx(by_hand_2005(d, h), rel=1e-12)


def test_limits_of_the_viscosity_laws() -> None:
    wide = 1e4
    # Without cells blood is plasma, in glass exactly, in vivo but for the layer on the wall.
    assert float(viscosity_in_vitro(8.0, 0.0)) == 1.0
    assert float(viscosity_in_vivo_2005(wide, 0.0)) == pytest.approx(1.0, abs=5e-3)
    # In wide tubes 3.2 times plasma at a hematocrit of 0.45, in every law.
    for law in (viscosity_in_vitro, viscosity_in_vivo_2005, viscosity_in_vivo_1994):
        assert float(law(wide, 0.45)) == pytest.approx(3.2, rel=0.01)
    # The minimum in glass near 7 um, far below the value of wide tubes (Fahraeus-Lindqvist).
    widths = np.linspace(3.0, 50.0, 400)
    glass = viscosity_in_vitro(widths, 0.45)
    assert 5.0 < widths[np.argmin(glass)] < 9.0
    assert glass.min() < 1.4
    # In vivo it is higher than in glass for thin vessels, and rises with hematocrit.
    assert (viscosity_in_vivo_1994(widths, 0.45) > glass).all()
    assert (np.diff(viscosity_in_vivo_2005(10.0, np.linspace(0, 0.7, 20))) > 0).all()
    with pytest.raises(DataError, match="KG-181"):
        viscosity_in_vivo_1994(1.0, 0.4)
    with pytest.raises(DataError, match=r"KG-185.*Did you mean"):
        relative_viscosity("in vivo 2006", 10.0, 0.4)


def test_viscosity_1994_by_hand() -> None:
    d, h = 12.0, 0.3
    s = 1 / (1 + 1e-11 * d**12)
    c = (0.8 + math.exp(-0.075 * d)) * (-1 + s) + s
    at45 = 6 * math.exp(-0.085 * d) + 3.2 - 2.44 * math.exp(-0.06 * d**0.645)
    q = (d / (d - 1.1)) ** 2
    expected = (1 + (at45 - 1) * ((1 - h) ** c - 1) / (0.55**c - 1) * q) * q
    assert float(viscosity_in_vivo_1994(d, h)) == pytest.approx(expected, rel=1e-12)


def test_cell_split_by_hand_and_in_its_limits() -> None:
    # Equal daughters at equal flow share the cells equally.
    assert cell_split(0.5, 0.4, 10.0, 8.0, 8.0) == pytest.approx(0.5)
    # By hand: D 10, H 0.4, X0 = .964*.06, B = 1 + 6.98*.06, A of 6 and 9 um.
    x0, slope = 0.964 * 0.06, 1 + 6.98 * 0.06
    ratio = (6 / 9) ** 2
    bias = -13.29 * (ratio - 1) / (ratio + 1) * 0.06
    share = (0.3 - x0) / (1 - 2 * x0)
    logit = bias + slope * math.log(share / (1 - share))
    expected = 1 / (1 + math.exp(-logit))
    assert cell_split(0.3, 0.4, 10.0, 6.0, 9.0) == pytest.approx(expected, rel=1e-12)
    # No cells below X0, all above 1 - X0; the two daughters add up to 1.
    assert cell_split(x0 * 0.999, 0.4, 10.0, 6.0, 9.0) == 0.0
    assert cell_split(1 - x0 * 0.999, 0.4, 10.0, 6.0, 9.0) == 1.0
    for flow in (0.1, 0.3, 0.7):
        both = cell_split(flow, 0.4, 10, 6, 9) + cell_split(1 - flow, 0.4, 10, 9, 6)
        assert both == pytest.approx(1.0, rel=1e-12)
    # In wide vessels the cells follow the blood; in very thin ones they take the stronger flow.
    assert cell_split(0.3, 0.4, 1e6, 8.0, 8.0) == pytest.approx(0.3, rel=1e-4)
    assert cell_split(0.4, 0.4, 1.0, 1.0, 1.0) == 0.0
    assert cell_split(0.6, 0.4, 1.0, 1.0, 1.0) == 1.0
    assert cell_split(0.5, 0.4, 1.0, 1.0, 1.0) == 0.5


def tube(length: float = 500.0, diameter: float = 20.0) -> VesselNetwork:
    return VesselNetwork([[0, 0, 0], [length, 0, 0]], [[0, 1]], [diameter])


def test_poiseuille_in_one_tube() -> None:
    solved, report = solve_flow(tube(), Boundary.of({0: 30.0, 1: 10.0}), viscosity="plasma")
    pascal = 20.0 * 133.322387415
    flow = math.pi * (20e-6) ** 4 * pascal / (128 * CP * 1e-3 * 500e-6)  # m^3/s
    assert solved.flow is not None
    assert solved.flow[0] == pytest.approx(flow * 1e12 * 60.0, rel=1e-9)  # nl/min
    shear = pascal * 20e-6 / (4 * 500e-6) * 10.0  # dyn/cm^2: dp D / (4 L)
    assert wall_shear_stress(solved, np.array([CP]))[0] == pytest.approx(shear, rel=1e-9)
    assert report.converged


def test_blood_in_one_tube_has_the_viscosity_of_its_hematocrit() -> None:
    conditions = Boundary.of({0: 30.0, 1: 10.0}, hematocrit=0.3)
    blood, _ = solve_flow(tube(), conditions)
    plasma, _ = solve_flow(tube(), conditions, viscosity="plasma")
    assert blood.flow is not None
    assert plasma.flow is not None
    ratio = float(plasma.flow[0] / blood.flow[0])
    assert ratio == pytest.approx(by_hand_2005(20.0, 0.3), rel=1e-9)
    assert blood.hematocrit is not None
    assert blood.hematocrit.tolist() == [0.3]


def fork(**widths: float) -> VesselNetwork:
    nodes = [[0, 0, 0], [100, 0, 0], [200, 80, 0], [200, -80, 0]]
    diameters = [widths.get("parent", 20.0), widths.get("one", 14.0), widths.get("two", 14.0)]
    return VesselNetwork(nodes, [[0, 1], [1, 2], [1, 3]], diameters)


def test_a_symmetric_bifurcation_splits_evenly() -> None:
    conditions = Boundary.of({0: 30.0, 2: 10.0, 3: 10.0}, hematocrit={0: 0.4})
    solved, report = solve_flow(fork(), conditions)
    assert solved.flow is not None
    assert solved.hematocrit is not None
    assert solved.flow[1] == pytest.approx(solved.flow[2], rel=1e-12)
    np.testing.assert_allclose(solved.hematocrit, 0.4, rtol=1e-12)
    assert report.junction_error < 1e-14


def test_an_uneven_bifurcation_agrees_with_its_laws() -> None:
    conditions = Boundary.of({0: 30.0, 2: 10.0, 3: 22.0}, hematocrit={0: 0.4})
    solved, report = solve_flow(fork(one=12.0, two=9.0), conditions, tolerance=1e-12)
    flow, cells = solved.flow, solved.hematocrit
    assert flow is not None
    assert cells is not None
    share = flow[1] / flow[0]
    cells_one = cell_split(share, 0.4, 20.0, 12.0, 9.0)
    assert cells[1] == pytest.approx(cells_one * 0.4 / share, rel=1e-9)
    assert cells[2] < cells[0] < cells[1]  # less flow, fewer cells
    assert float(flow[1] * cells[1] + flow[2] * cells[2]) == pytest.approx(
        float(flow[0] * cells[0]), rel=1e-12
    )
    for segment in range(3):
        d, length = solved.diameter[segment], solved.lengths[segment]
        ends = solved.pressure[solved.segments[segment]]
        drop = float(ends[0] - ends[1]) * 133.322387415
        mu = by_hand_2005(float(d), float(cells[segment])) * CP * 1e-3
        expected = math.pi * (d * 1e-6) ** 4 * drop / (128 * mu * length * 1e-6) * 6e13
        assert flow[segment] == pytest.approx(expected, rel=1e-8)
    assert report.converged
    mixed, _ = solve_flow(fork(one=12.0, two=9.0), conditions, phase_separation=False)
    np.testing.assert_allclose(mixed.hematocrit, 0.4, rtol=1e-12)


def test_wheatstone_bridge_of_equal_resistances() -> None:
    nodes = [[0, 0, 0], [100, 100, 0], [100, -100, 0], [200, 0, 0]]
    pairs = [[0, 1], [0, 2], [1, 3], [2, 3], [1, 2]]
    bridge = VesselNetwork(nodes, pairs, [10, 10, 10, 10, 10])
    solved, report = solve_flow(bridge, Boundary.of({0: 20.0, 3: 0.0}), viscosity="plasma")
    assert solved.pressure is not None
    np.testing.assert_allclose(solved.pressure, [20, 10, 10, 0], atol=1e-12)
    assert solved.flow is not None
    assert solved.flow[4] == 0.0
    # Unbalanced: pressures by nodal analysis, conductances 1, 2, 3, 4, 5 (diameters ^ 1/4).
    weights = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    lengths = bridge.lengths
    uneven = bridge.replace(diameter=10.0 * (weights * lengths / lengths[0]) ** 0.25)
    solved, report = solve_flow(uneven, Boundary.of({0: 20.0, 3: 0.0}), viscosity="plasma")
    matrix = np.array([[1 + 3 + 5, -5], [-5, 2 + 4 + 5.0]])
    inner = np.linalg.solve(matrix, [20.0 * 1, 20.0 * 2])
    np.testing.assert_allclose(solved.pressure[1:3], inner, rtol=1e-12)
    assert report.junction_error < 1e-14


def test_flows_at_all_ends_and_rounded_digits() -> None:
    conditions = Boundary.of(flows={0: 3.0, 2: -1.0, 3: -2.0}, hematocrit=0.4)
    solved, _ = solve_flow(fork(), conditions)
    np.testing.assert_allclose(solved.flow, [3.0, 1.0, 2.0], rtol=1e-13)
    assert solved.pressure.min() == 0.0
    rounded = Boundary.of(flows={0: 3.0, 2: -1.0, 3: -1.999}, hematocrit=0.4)
    solved, report = solve_flow(fork(), rounded)
    assert report.adjusted[0] == pytest.approx(0.001 / 2.9995)
    assert "distributed" in str(report)
    assert solved.flow[0] == pytest.approx(3.0 - 0.0005, rel=1e-6)
    wrong = Boundary.of(flows={0: 3.0, 2: -1.0, 3: -1.5}, hematocrit=0.4)
    with pytest.raises(DataError, match=r"KG-184.*add up to 0.5"):
        solve_flow(fork(), wrong)


def test_dead_ends_carry_nothing() -> None:
    conditions = Boundary.of({0: 30.0, 2: 10.0}, hematocrit=0.4)
    solved, report = solve_flow(fork(), conditions)
    assert solved.flow[2] == 0.0
    assert report.stagnant == 1
    assert solved.flow[1] == pytest.approx(solved.flow[0], rel=1e-14)
    assert report.converged


def test_equal_pressures_drive_nothing() -> None:
    conditions = Boundary.of({0: 30.0, 2: 30.0, 3: 30.0}, hematocrit=0.4)
    solved, report = solve_flow(fork(), conditions)
    assert solved.flow.tolist() == [0.0, 0.0, 0.0]
    assert report.stagnant == 3
    assert report.converged


def test_cells_are_carried_by_a_fluid_of_one_viscosity_too() -> None:
    conditions = Boundary.of({0: 30.0, 2: 10.0, 3: 22.0}, hematocrit={0: 0.4})
    solved, _ = solve_flow(fork(one=12.0, two=9.0), conditions, viscosity="plasma")
    assert solved.hematocrit[2] < 0.4 < solved.hematocrit[1]
    bare, _ = solve_flow(fork(), Boundary.of({0: 30.0, 2: 10.0, 3: 9.0}), viscosity="plasma")
    assert bare.hematocrit is None


@pytest.mark.parametrize(
    ("boundary", "options", "says"),
    [
        (None, {}, r"KG-184.*no pressure or flow"),
        (Boundary.of({0: 30.0, 2: 1.0, 3: 1.0}), {"viscosity": "water"}, r"KG-185.*'water'"),
        (Boundary.of({0: 30.0, 2: 1.0, 3: 1.0}), {"tolerance": 0.0}, "KG-185"),
        (Boundary.of({0: 30.0, 2: 1.0, 3: 1.0}), {}, r"KG-184.*enters at node 0"),
        (Boundary.of({0: 30.0, 2: 1.0, 3: 1.0}), {"on_failure": "?"}, r"KG-185.*on_failure"),
        (Boundary.of({0: 30.0, 2: 1.0, 3: 1.0}), {"inlet_hematocrit": 2.0}, "KG-185"),
        (
            Boundary.of({0: 30.0, 2: 10.0, 3: 1.0}, hematocrit={3: 0.4}),
            {},
            r"KG-184.*enters at node 0",
        ),
    ],
)
def test_flow_refuses(boundary: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        solve_flow(fork(), boundary, **options)


def test_parts_without_conditions_are_named() -> None:
    two = VesselNetwork([[0, 0, 0], [9, 0, 0], [0, 9, 0], [9, 9, 0]], [[0, 1], [2, 3]], [5, 5])
    with pytest.raises(DataError, match=r"KG-184.*part 1 of 2.*node 2, 3"):
        solve_flow(two, Boundary.of({0: 10.0, 1: 5.0}, hematocrit=0.4))


def test_failure_carries_the_last_state() -> None:
    conditions = Boundary.of({0: 30.0, 2: 10.0, 3: 22.0}, hematocrit={0: 0.4})
    with pytest.raises(SolverError, match="KG-324") as caught:
        solve_flow(fork(one=12.0, two=9.0), conditions, max_iterations=2)
    solved, report = caught.value.result
    assert not report.converged
    assert solved.flow.shape == (3,)
    again, report = solve_flow(
        fork(one=12.0, two=9.0), conditions, max_iterations=2, on_failure="return"
    )
    np.testing.assert_array_equal(again.flow, solved.flow)
    assert "NOT converged" in str(report)


def test_junction_errors_of_given_flow() -> None:
    network = fork().replace(flow=[3.0, 1.0, 1.5])
    errors = junction_errors(network)
    assert errors.tolist() == [0.0, pytest.approx(0.5 / 2.75), 0.0, 0.0]
    with pytest.raises(DataError, match="KG-187"):
        junction_errors(fork())
