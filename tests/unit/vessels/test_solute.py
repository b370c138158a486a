"""Solutes and oxygen along vessels: closed forms, balances, limits, and what is refused.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from krogh.errors import DataError
from krogh.vessels import (
    BloodOxygen,
    Boundary,
    SoluteCarriage,
    VesselNetwork,
    balanced_flow,
    generate,
    intravascular_resistance,
    junction_errors,
    solve_flow,
    steady_oxygen,
)

NL_MIN = 1e6 / 60.0  # um^3/s


def tube(flow: float = 1.0, hematocrit: float = 0.4) -> VesselNetwork:
    return VesselNetwork(
        [[0, 0, 0], [1000, 0, 0]], [[0, 1]], [10], flow=[flow], hematocrit=[hematocrit]
    )


def joining() -> VesselNetwork:
    """Two vessels that join, and the one that leaves."""
    nodes = [[0, 0, 0], [0, 100, 0], [100, 50, 0], [300, 50, 0]]
    return VesselNetwork(
        nodes,
        [[0, 2], [2, 1], [2, 3]],
        [8, 10, 12],
        flow=[1.0, -3.0, 4.0],
        hematocrit=[0.4, 0.4, 0.4],
    )


@pytest.mark.parametrize("flow", [1.0, -1.0])
@pytest.mark.parametrize("parts", ["1000 um", "37 um"])
def test_one_vessel_is_the_exponential(flow: float, parts: str) -> None:
    network = tube(flow).subdivided(parts)
    carriage = SoluteCarriage(network, 20.0)
    found = carriage.steady(7.0, 2.0)
    fall = 20.0 * np.pi * 10.0 * 1000.0 / NL_MIN
    end = 2.0 + 5.0 * np.exp(-fall)
    outlet = 1 if flow > 0 else 0
    assert found.nodes[outlet] == pytest.approx(end, rel=1e-12)
    assert found.exchange.sum() == pytest.approx(NL_MIN * (7.0 - end), rel=1e-12)
    assert abs(found.imbalance) < 1e-14
    # Every node lies on the exponential.
    along = network.nodes[:, 0] / 1000.0 if flow > 0 else 1.0 - network.nodes[:, 0] / 1000.0
    np.testing.assert_allclose(found.nodes, 2.0 + 5.0 * np.exp(-fall * along), rtol=1e-11)
    # What the wall sees gives what is exchanged.
    drive = 20.0 * network.surfaces * (found.mean - 2.0)
    np.testing.assert_allclose(drive, found.exchange, rtol=1e-9, atol=1e-10)


def test_uptake_from_the_tissue_is_exchange_the_other_way() -> None:
    found = SoluteCarriage(tube(), 20.0).steady(0.0, 3.0)
    assert (found.exchange < 0.0).all()
    assert 0.0 < found.left <= 3.0 * NL_MIN
    assert abs(found.imbalance) < 1e-14


def test_junctions_mix_by_flow() -> None:
    carriage = SoluteCarriage(joining(), 0.0)
    found = carriage.steady(np.array([5.0, 1.0, np.nan, np.nan]))
    assert found.nodes[2] == pytest.approx((1.0 * 5.0 + 3.0 * 1.0) / 4.0)
    assert found.entered == pytest.approx(8.0 * NL_MIN)
    assert found.left == pytest.approx(8.0 * NL_MIN)
    assert not found.exchange.any()
    plasma = SoluteCarriage(joining(), 0.0, carried_fraction=0.6)
    assert plasma.steady(np.array([5.0, 1.0, 0, 0])).entered == pytest.approx(0.6 * 8.0 * NL_MIN)


def test_mass_is_balanced_in_a_large_network() -> None:
    tree = generate.space_colonization("0.6 mm", "90 mm/mm^3", diameter="8 um", seed=3)
    last = int(np.flatnonzero((tree.nodes == [300.0, 300.0, 600.0]).all(axis=1))[0])
    ends = Boundary.of({0: 40.0, last: 10.0}, hematocrit={0: 0.4})
    network, _ = solve_flow(tree, ends)
    outside = np.linspace(0.0, 3.0, network.num_segments)
    found = SoluteCarriage(network, 5.0).steady(2.0, outside)
    assert abs(found.imbalance) < 1e-12
    inside = found.nodes[~np.isnan(found.nodes)]
    assert inside.min() >= 0.0
    assert inside.max() <= 3.0
    oxygen = steady_oxygen(network, 80.0, 20.0, resistance=np.full(network.num_segments, 1.0))
    assert abs(oxygen.imbalance) < 1e-11
    pressures = oxygen.nodes[~np.isnan(oxygen.nodes)]
    assert pressures.max() <= 80.0 * (1 + 1e-12)
    assert pressures.min() >= 20.0 * (1 - 1e-12)


def test_stagnant_segments_are_in_equilibrium() -> None:
    network = VesselNetwork(
        [[0, 0, 0], [100, 0, 0], [200, 0, 0], [100, 90, 0]],
        [[0, 1], [1, 2], [1, 3]],
        [10, 10, 6],
        flow=[1.0, 1.0, 0.0],
    )
    found = SoluteCarriage(network, 3.0).steady(5.0, [0.0, 0.0, 1.5])
    assert found.mean[2] == 1.5
    assert found.exchange[2] == 0.0
    assert np.isnan(found.nodes[3])


def test_nothing_flows_and_nothing_is_exchanged() -> None:
    still = tube(0.0)
    found = SoluteCarriage(still, 3.0).steady(5.0, 2.0)
    assert (found.entered, found.left, found.imbalance) == (0.0, 0.0, 0.0)
    assert found.mean.tolist() == [2.0]
    assert steady_oxygen(still, 80.0, 20.0).imbalance == 0.0
    course = SoluteCarriage(still, 3.0).course([0.0, 1e4], 5.0, 2.0)
    assert course.mean[-1, 0] == pytest.approx(2.0, rel=1e-4)


def test_in_time_a_front_arrives_and_the_steady_state_follows() -> None:
    errors = []
    for parts in ("20 um", "10 um"):
        network = tube(hematocrit=0.0).subdivided(parts)
        carriage = SoluteCarriage(network, 2.0)
        transit = float(network.volumes.sum()) / NL_MIN
        course = carriage.course(np.array([0.0, 0.5, 8.0]) * transit, 4.0, 1.0, initial=1.0)
        assert course.imbalance < 1e-5
        last = network.segments[:, 1] == 1
        assert course.mean[1, last][0] < 1.0 + 0.05 * 3.0  # the front has not come
        steady = carriage.steady(4.0, 1.0)
        errors.append(abs(float(course.mean[2, last][0]) - float(steady.nodes[1])))
    # Upwind: the error halves with the length.
    assert 1.6 < errors[0] / errors[1] < 2.4
    assert errors[1] < 0.02


def test_in_time_a_single_stirred_vessel_is_an_exponential() -> None:
    network = VesselNetwork([[0, 0, 0], [100, 0, 0]], [[0, 1]], [10], flow=[1.0])
    carriage = SoluteCarriage(network, 10.0)
    times = np.linspace(0.0, 2.0, 5)
    course = carriage.course(times, lambda t: 4.0, lambda t: 1.0, rtol=1e-9)
    volume, surface = float(network.volumes[0]), 10.0 * float(network.surfaces[0])
    pace = (NL_MIN + surface) / volume
    level = (NL_MIN * 4.0 + surface * 1.0) / (NL_MIN + surface)
    np.testing.assert_allclose(
        course.mean[:, 0], level * (1.0 - np.exp(-pace * times)), rtol=1e-6, atol=1e-7
    )
    assert course.entered[-1] == pytest.approx(NL_MIN * 4.0 * 2.0, rel=1e-9)
    assert course.imbalance < 1e-8


def test_hill_law_and_its_inverse() -> None:
    blood = BloodOxygen()
    assert float(blood.saturation(38.0)) == 0.5
    assert float(blood.saturation(0.0)) == 0.0
    assert float(blood.content(38.0, 0.4)) == pytest.approx(0.5 * 0.4 * 0.5 + 3.1e-5 * 38.0)
    pressures = np.geomspace(1e-3, 700.0, 200)
    for cells in (0.0, 0.2, 0.45):
        back = blood.pressure(blood.content(pressures, cells), cells)
        np.testing.assert_allclose(back, pressures, rtol=1e-9)
    assert float(blood.pressure(0.0, 0.4)) == 0.0
    step = 1e-5
    slope = (blood.content(30 + step, 0.4) - blood.content(30 - step, 0.4)) / (2 * step)
    assert float(blood.slope(np.array(30.0), np.array(0.4))) == pytest.approx(slope, rel=1e-8)
    with pytest.raises(DataError, match=r"KG-181.*half_pressure"):
        BloodOxygen(half_pressure=0.0)


def test_resistance_at_the_table_and_beyond() -> None:
    np.testing.assert_allclose(
        intravascular_resistance([4, 8, 16, 32, 50]), [2.45, 1.44, 1.02, 0.779, 0.73]
    )
    assert 0.779 < float(intravascular_resistance(20.0)) < 1.02
    with pytest.raises(DataError, match=r"KG-181.*3 um.*segment 1"):
        intravascular_resistance([5.0, 3.0])


def test_oxygen_without_cells_is_the_exponential() -> None:
    network = tube(hematocrit=0.0).subdivided("2 um")
    found = steady_oxygen(network, 90.0, 30.0, resistance=1.2)
    fall = 1000.0 / 1.2 / (NL_MIN * 3.1e-5)
    # Implicit steps of 2 um: (1 + f/n)^-n for e^-f.
    expected = 30.0 + 60.0 * (1.0 + fall / 500) ** -500
    assert found.nodes[1] == pytest.approx(expected, rel=1e-9)


def test_oxygen_along_a_vessel_converges_to_the_separated_integral() -> None:
    """Compare with the length over which P falls: ``K Q`` times the integral of dc/(P - out)."""
    from scipy.integrate import quad

    blood, cells, hinder, out = BloodOxygen(), 0.4, 40.0, 10.0
    errors = []
    for parts in ("20 um", "10 um"):
        network = tube(1.0, cells).subdivided(parts)
        end = float(steady_oxygen(network, 90.0, out, resistance=hinder).nodes[1])
        assert 25.0 < end < 60.0

        def integrand(p: float) -> float:
            return float(blood.slope(np.array(p), np.array(cells))) / (p - out)

        length = hinder * NL_MIN * quad(integrand, end, 90.0)[0]
        errors.append(abs(length - 1000.0))
    assert 1.7 < errors[0] / errors[1] < 2.3
    assert errors[1] < 15.0


def test_oxygen_at_junctions_is_conserved_where_cells_split() -> None:
    nodes = [[0, 0, 0], [100, 0, 0], [200, 80, 0], [200, -80, 0]]
    network = VesselNetwork(
        nodes,
        [[0, 1], [1, 2], [1, 3]],
        [20, 14, 9],
        flow=[4.0, 3.0, 1.0],
        hematocrit=[0.4, 0.45, 0.25],
    )
    found = steady_oxygen(network, 80.0, 0.0, resistance=1e12)
    np.testing.assert_allclose(found.nodes, 80.0, rtol=1e-9)
    assert abs(found.imbalance) < 1e-9


def test_balanced_flow_changes_little_and_conserves() -> None:
    network = joining().replace(flow=[1.001, -2.998, 4.002])
    found, change = balanced_flow(network)
    assert junction_errors(found).max() < 1e-15
    assert np.abs(change).max() < 0.003
    assert found.flow is not None
    assert float(found.flow[0] - found.flow[1] - found.flow[2]) == pytest.approx(0.0, abs=1e-15)
    with pytest.raises(DataError, match=r"KG-187.*needs a change"):
        balanced_flow(joining().replace(flow=[1.0, -3.0, 9.0]))
    ring = VesselNetwork(
        [[0, 0, 0], [9, 0, 0], [0, 9, 0]], [[0, 1], [1, 2], [2, 0]], [5, 5, 5], flow=[1, 1, 1]
    )
    with pytest.raises(DataError, match=r"KG-187.*no end"):
        balanced_flow(ring)


def test_wrong_problems_are_named() -> None:
    with pytest.raises(DataError, match=r"KG-187.*no flow"):
        SoluteCarriage(VesselNetwork([[0, 0, 0], [9, 0, 0]], [[0, 1]], [5]), 1.0)
    with pytest.raises(DataError, match=r"KG-187.*not conserved at node 2"):
        SoluteCarriage(joining().replace(flow=[1.0, -3.0, 4.1]), 1.0)
    with pytest.raises(DataError, match=r"KG-187.*enters at node 1"):
        SoluteCarriage(joining(), 1.0).steady([5.0, np.nan, np.nan, np.nan])
    with pytest.raises(DataError, match=r"KG-187.*3 segments"):
        SoluteCarriage(joining(), [1.0, 2.0])
    with pytest.raises(DataError, match=r"KG-181.*permeability.*segment 2"):
        SoluteCarriage(joining(), [1.0, 2.0, -1.0])
    with pytest.raises(DataError, match=r"KG-187.*carried fraction"):
        SoluteCarriage(joining(), 1.0, carried_fraction=0.0)
    with pytest.raises(DataError, match=r"KG-187.*4 nodes"):
        SoluteCarriage(joining(), 1.0).steady([1.0, 2.0])
    with pytest.raises(DataError, match=r"KG-187.*times"):
        SoluteCarriage(joining(), 1.0).course([1.0], 1.0)
    with pytest.raises(DataError, match=r"KG-187.*no hematocrit"):
        steady_oxygen(joining().replace(hematocrit=None), 80.0, 20.0)
    loop = VesselNetwork(
        [[0, 0, 0], [50, 0, 0], [50, 50, 0], [90, 0, 0], [30, 80, 0]],
        [[0, 1], [1, 2], [2, 4], [4, 1], [1, 3]],
        [9, 9, 9, 9, 9],
        flow=[1.0, 2.0, 2.0, 2.0, 1.0],
    )
    with pytest.raises(DataError, match=r"KG-187.*circle"):
        SoluteCarriage(loop, 1.0)
