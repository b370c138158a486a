"""Vessel networks: what they check, their parts, subsets, subdivision and repair.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from krogh.errors import DataError, UnitError
from krogh.vessels import Boundary, VesselNetwork, repaired

NODES = [[0, 0, 0], [100, 0, 0], [150, 50, 0], [150, -50, 0]]
SEGMENTS = [[0, 1], [1, 2], [1, 3]]


def tree(**changes: Any) -> VesselNetwork:
    arrays: dict[str, Any] = {"nodes": NODES, "segments": SEGMENTS, "diameter": [10, 8, 6]}
    return VesselNetwork(**(arrays | changes))


def test_geometry_of_a_small_tree() -> None:
    network = tree()
    assert network.lengths.tolist() == [100.0, np.hypot(50, 50), np.hypot(50, 50)]
    assert network.degrees.tolist() == [1, 3, 1, 1]
    assert network.ends.tolist() == [0, 2, 3]
    assert network.surfaces[0] == pytest.approx(np.pi * 10 * 100)
    assert network.volumes[0] == pytest.approx(np.pi * 25 * 100)
    assert network.num_components == 1
    assert "3 segments" in repr(network)


def test_arrays_are_read_only_copies() -> None:
    places = np.array(NODES, dtype=float)
    network = tree(nodes=places)
    places[0] = 99.0
    assert network.nodes[0].tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="read-only"):
        network.diameter[0] = 1.0


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"diameter": [10, 0, 6]}, "KG-181", "segment 1"),
        ({"diameter": [10, -2, 6]}, "KG-181", "must be positive"),
        ({"diameter": [10, np.nan, 6]}, "KG-181", "segment 1"),
        ({"diameter": [10, 6]}, "KG-180", "shape 3"),
        ({"nodes": [[0, 0, 0], [100, np.inf, 0], [150, 50, 0], [1, 2, 3]]}, "KG-181", "node 1"),
        ({"nodes": [[0, 0], [1, 1]]}, "KG-180", "n x 3"),
        ({"nodes": [[0, 0, 0], [1e200, 0, 0], [1, 2, 3], [4, 5, 6]]}, "KG-181", "node 1"),
        ({"segments": [[0, 1], [1, 2], [1, 1e300]]}, "KG-180", "whole"),
        ({"segments": [[0, 1], [1, 1], [1, 3]]}, "KG-182", "segment 1"),
        ({"segments": [[0, 1], [1, 2], [2, 1]]}, "KG-182", "2 joins the nodes of segment 1"),
        ({"segments": [[0, 1], [1, 2], [1, 9]]}, "KG-180", "1 and 9"),
        ({"segments": [[0, 1], [1, 2], [1, 2.5]]}, "KG-180", "whole"),
        ({"nodes": [*NODES[:3], [100, 0, 0]]}, "KG-182", "length zero"),
        ({"nodes": [*NODES, [1, 2, 3]]}, "KG-183", "node 4"),
        ({"segments": np.zeros((0, 2)), "diameter": []}, "KG-180", "no segment"),
        ({"flow": [1, 2, np.nan]}, "KG-181", "flow"),
        ({"hematocrit": [0.4, 1.2, 0.4]}, "KG-181", "hematocrit"),
        ({"pressure": [1, 2]}, "KG-180", "pressure"),
        ({"boundary": Boundary.of({7: 10.0})}, "KG-184", "node 7"),
        ({"box": [[0, 0, 0], [1, 0, 1]]}, "KG-180", "box"),
    ],
)
def test_wrong_networks_are_named(changes: dict[str, Any], code: str, says: str) -> None:
    with pytest.raises(DataError, match=says) as caught:
        tree(**changes)
    assert caught.value.code == code


def test_boundary_conditions_are_checked() -> None:
    with pytest.raises(DataError, match=r"KG-184.*node 1 has a pressure and a flow"):
        Boundary.of({1: 10.0}, {1: 2.0})
    with pytest.raises(DataError, match=r"KG-184.*no pressure"):
        Boundary.of()
    with pytest.raises(DataError, match=r"KG-184.*node 5 has a hematocrit"):
        Boundary.of({1: 10.0}, hematocrit={5: 0.4})
    with pytest.raises(DataError, match=r"KG-181.*hematocrit"):
        Boundary.of({1: 10.0}, hematocrit=1.4)
    with pytest.raises(DataError, match=r"KG-184.*node 1 has more than one"):
        Boundary(np.array([1, 1]), np.array([True, True]), np.ones(2), np.ones(2) * 0.4)


def test_disconnected_networks_say_where() -> None:
    two = VesselNetwork([*NODES, [0, 0, 50], [9, 0, 50]], [*SEGMENTS, [4, 5]], [10, 8, 6, 5])
    assert two.components().tolist() == [0, 0, 0, 0, 1, 1]
    with pytest.raises(DataError, match=r"KG-183.*2 parts.*node 4, 5"):
        two.require_connected()
    assert two.largest().num_segments == 3
    assert two.largest().require_connected().num_nodes == 4


def test_subset_keeps_what_belongs_to_it() -> None:
    network = tree(
        flow=[3, 2, 1],
        hematocrit=[0.4, 0.45, 0.3],
        pressure=[30, 20, 10, 5],
        kind=[1, 2, 3],
        boundary=Boundary.of({0: 30.0, 2: 10.0, 3: 5.0}, hematocrit={0: 0.4}),
        names={"nodes": ("a", "b", "c", "d"), "segments": ("s", "t", "u")},
    )
    part = network.subset([2])
    assert part.nodes.tolist() == [[100, 0, 0], [150, -50, 0]]
    assert part.flow is not None
    assert part.flow.tolist() == [1.0]
    assert part.names == {"nodes": ("b", "d"), "segments": ("u",)}
    assert part.boundary is not None
    assert part.boundary.nodes.tolist() == [1]
    assert part.boundary.values.tolist() == [5.0]
    with pytest.raises(DataError, match=r"KG-180.*no segment 5"):
        network.subset([1, 5])
    with pytest.raises(DataError, match=r"KG-180.*mask"):
        network.subset(np.array([True, False]))
    with pytest.raises(DataError, match=r"KG-180.*no segment"):
        network.subset([])
    mask = network.subset(np.array([True, False, False]))
    assert mask.kind is not None
    assert mask.kind.tolist() == [1]


def test_nodes_on_faces_of_the_box() -> None:
    network = tree()
    assert network.on_face("x", "low").tolist() == [0]
    assert network.on_face("x", "high").tolist() == [2, 3]
    assert network.on_face("z", "low").tolist() == [0, 1, 2, 3]
    assert network.on_face("x", "high", "60 um").tolist() == [1, 2, 3]
    with pytest.raises(DataError, match=r"KG-185.*'top'"):
        network.on_face("z", "top")


def test_subdivision_keeps_lengths_flow_and_order() -> None:
    network = tree(flow=[3, 2, 1], pressure=[30, 20, 10, 5])
    parts = network.subdivided("30 um")
    parents = network.parents_of("30 um")
    assert np.bincount(parents).tolist() == [4, 3, 3]
    assert parts.lengths.max() <= 30.0
    sums = np.bincount(parents, weights=parts.lengths)
    np.testing.assert_allclose(sums, network.lengths, rtol=1e-15)
    assert parts.flow is not None
    assert parts.flow.tolist() == np.array([3.0, 2.0, 1.0])[parents].tolist()
    np.testing.assert_allclose(parts.pressure[4:7], [27.5, 25.0, 22.5])
    assert (parts.segments[:3, 1] == parts.segments[1:4, 0]).all()
    whole = network.subdivided("100 um")
    assert whole.num_segments == 3
    with pytest.raises(UnitError, match="KG-124"):
        network.subdivided(30.0)
    with pytest.raises(DataError, match="KG-185"):
        network.subdivided("0 um")


def test_repair_joins_nodes_and_reports() -> None:
    nodes = [*NODES, [100.2, 0, 0], [200, 0, 0], [999, 0, 0]]
    segments = [*SEGMENTS, [4, 5], [1, 4], [0, 4], [5, 4]]
    network, report = repaired(nodes, segments, [10, 8, 6, 5, 4, 12, 5], tolerance="0.5 um")
    assert (report.joined_nodes, report.removed_selves) == (1, 1)
    assert (report.removed_duplicates, report.removed_nodes) == (2, 1)
    assert network.num_segments == 4
    widest = network.diameter[np.flatnonzero((network.segments == [0, 1]).all(axis=1))]
    assert widest.tolist() == [12.0]
    np.testing.assert_allclose(network.nodes[1], [100.1, 0, 0])
    assert "1 nodes joined" in str(report)


def test_repair_of_a_sound_network_changes_nothing() -> None:
    network = tree(flow=[3, 2, 1], boundary=Boundary.of({0: 30.0, 2: 10.0, 3: 5.0}))
    same, report = repaired(network)
    assert (report.joined_nodes, report.removed_duplicates) == (0, 0)
    np.testing.assert_array_equal(same.nodes, network.nodes)
    np.testing.assert_array_equal(same.segments, network.segments)
    np.testing.assert_array_equal(same.flow, network.flow)
    assert network.merged("1 um").num_nodes == 4


def test_repair_does_not_invent_diameters() -> None:
    with pytest.raises(DataError, match="KG-181"):
        repaired(NODES, SEGMENTS, [10, 0, 6])
    with pytest.raises(DataError, match=r"KG-180.*no segment is left"):
        repaired([[0, 0, 0], [0.1, 0, 0]], [[0, 1]], [5], tolerance="1 um")
