"""The measured network of a rat tumor (R3230AC): file, flow, statistics, oxygen along vessels.

SPDX-License-Identifier: BSD-3-Clause

Secomb et al. 2004 (Ann Biomed Eng 32:1519); the file lies beside the source tree, is not shipped.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from krogh.vessels import (
    SoluteCarriage,
    VesselNetwork,
    VoxelFrame,
    balanced_flow,
    intravascular_resistance,
    junction_errors,
    oxygen_field,
    read,
    solve_flow,
    steady_oxygen,
    write,
)

pytestmark = pytest.mark.verification


@pytest.fixture(scope="module")
def rat(shared_data: Path) -> VesselNetwork:
    return read(shared_data / "vessels" / "rat_R3230AC_tumor_1998.network.dat")


def test_the_file_is_read_as_it_stands(rat: VesselNetwork) -> None:
    assert (rat.num_segments, rat.num_nodes) == (104, 92)
    assert rat.tissue_box.tolist() == [[0.0, 0.0, 0.0], [550.0, 520.0, 230.0]]
    assert rat.boundary is not None
    assert rat.boundary.nodes.size == 17
    assert sorted(rat.ends.tolist()) == sorted(rat.boundary.nodes.tolist())
    assert rat.boundary.others["PO2"].tolist() == [50.0] * 17
    # Two vessels pass through the tissue without a link to the rest.
    assert rat.num_components == 2
    assert np.bincount(rat.components()).tolist() == [80, 12]
    assert rat.lengths.sum() == pytest.approx(7466.0, abs=1.0)


def test_statistics(rat: VesselNetwork) -> None:
    found = rat.statistics()
    assert found.length_density == pytest.approx(113.5, abs=0.1)
    assert found.surface_density == pytest.approx(39.84, abs=0.05)
    assert found.mean_distance == pytest.approx(52.3, abs=0.3)
    assert found.median_distance == pytest.approx(48.7, abs=0.4)
    assert found.beyond == pytest.approx(0.066, abs=0.004)


@pytest.mark.parametrize("law", ["in vivo 2005", "in vivo 1994", "in vitro 1992", "plasma"])
def test_flow_is_conserved_at_every_junction(rat: VesselNetwork, law: str) -> None:
    solved, report = solve_flow(rat, viscosity=law)
    assert report.converged
    assert report.iterations <= 30
    assert junction_errors(solved).max() < 1e-12
    assert solved.flow is not None
    assert solved.hematocrit is not None
    start, stop = solved.segments.T
    cells = solved.flow * solved.hematocrit
    net = np.bincount(stop, cells, 92) - np.bincount(start, cells, 92)
    through = np.bincount(stop, np.abs(cells), 92) + np.bincount(start, np.abs(cells), 92)
    inner = solved.degrees > 1
    assert (np.abs(net[inner]) <= 1e-12 * through[inner]).all()
    assert solved.boundary is not None
    for node, value in zip(solved.boundary.nodes, solved.boundary.values, strict=True):
        segment = int(np.flatnonzero((solved.segments == node).any(axis=1))[0])
        into = float(solved.flow[segment]) * (1 if solved.segments[segment, 0] == node else -1)
        assert into == pytest.approx(float(value), rel=1e-12)


def test_flows_of_the_file_are_those_of_a_constant_viscosity(rat: VesselNetwork) -> None:
    """The file's flows were computed, at one viscosity, and rounded to 0.001 nl/min."""
    solved, _ = solve_flow(rat, viscosity="plasma")
    assert solved.flow is not None
    assert rat.flow is not None
    assert np.abs(solved.flow - rat.flow).max() < 2e-3
    start, stop = rat.segments.T
    net = np.bincount(stop, rat.flow, 92) - np.bincount(start, rat.flow, 92)
    assert np.abs(net[rat.degrees > 1]).max() < 2.1e-3
    balanced, change = balanced_flow(rat)
    assert junction_errors(balanced).max() < 1e-12
    assert np.abs(change).max() < 2e-3


def test_round_trips(rat: VesselNetwork, tmp_path: Path) -> None:
    for name in ("rat.vtp", "rat_segments.csv"):
        again = read(write(rat, tmp_path / name))
        for what in ("nodes", "segments", "diameter", "flow", "hematocrit", "kind"):
            np.testing.assert_array_equal(getattr(again, what), getattr(rat, what))


def test_voxels_keep_its_length(rat: VesselNetwork) -> None:
    from krogh.space.grid import Grid

    for spacing in (20.0, 10.0, 5.0):
        shape = tuple(int(n / spacing) + 1 for n in (230.0, 520.0, 550.0))
        voxels = rat.voxelize(Grid(shape, f"{spacing} um"))
        assert voxels.length.sum() == pytest.approx(rat.lengths.sum(), rel=1e-12)


def test_resistances_lie_near_the_table(shared_data: Path) -> None:
    """The five values that are built in, and the eleven between them."""
    text = (shared_data / "vessels" / "intravascular_resistance.dat").read_text()
    rows = [line.split() for line in text.splitlines()[2:18]]
    table = np.array([[float(word) for word in row] for row in rows])
    assert table.shape == (16, 2)
    ratio = intravascular_resistance(table[:, 0]) / table[:, 1]
    assert np.abs(ratio - 1.0).max() < 0.04


def test_oxygen_and_drug_along_it(rat: VesselNetwork) -> None:
    solved, _ = solve_flow(rat)
    fine = solved.subdivided("10 um")
    assert fine.flow is not None
    oxygen = steady_oxygen(fine, 50.0, 15.0)
    assert abs(oxygen.imbalance) < 1e-12
    inside = oxygen.nodes[~np.isnan(oxygen.nodes)]
    assert inside.max() <= 50.0 * (1.0 + 1e-12)
    assert inside.min() >= 15.0 * (1.0 - 1e-12)
    coarse = steady_oxygen(solved.subdivided("20 um"), 50.0, 15.0)
    assert coarse.exchange.sum() == pytest.approx(oxygen.exchange.sum(), rel=0.02)
    # Of a conjugate (P = 3e-7 cm/s) PS/Q leaves the blood, 0.16 %; of a drug with P = 5e-4 cm/s
    # most goes in one pass.
    conjugate, small = (SoluteCarriage(fine, p).steady(1.0) for p in (3e-3, 5.0))
    assert abs(conjugate.imbalance) < 1e-12
    assert abs(small.imbalance) < 1e-12
    expected = 3e-3 * float(fine.surfaces.sum()) / conjugate.entered
    assert conjugate.exchange.sum() / conjugate.entered == pytest.approx(expected, rel=0.05)
    assert 0.6 < small.exchange.sum() / small.entered < 0.9


@pytest.mark.slow
def test_oxygen_in_its_tissue_does_not_depend_on_the_grid(rat: VesselNetwork) -> None:
    """Hypoxic fractions on three grids; blood enters with the file's 50 mmHg."""
    solved, _ = solve_flow(rat)
    pieces = solved.subdivided("15 um")
    fractions = []
    # 20, 10 and 5 um; on the last the vessels are resolved, on the others their exchange is spread.
    for shape in ((12, 26, 28), (23, 52, 55), (46, 104, 110)):
        spacing = np.array([550.0, 520.0, 230.0]) / shape[::-1]
        found = oxygen_field(pieces, VoxelFrame.regular(shape, spacing), 50.0)
        assert abs(found.imbalance) < 1e-12
        assert 0.0 < np.nanmin(found.pressure) < np.nanmax(found.pressure) < 50.0
        distance = found.voxels.distance()
        near, far = found.pressure[distance < 30.0], found.pressure[distance > 80.0]
        assert np.nanmean(near) > 3.0 * np.nanmean(far)
        fractions.append([found.hypoxic_fraction(limit) for limit in (1.0, 3.0, 10.0)])
    spread = np.ptp(np.array(fractions), axis=0)
    assert (spread < 0.015).all()  # measured: 0.010, 0.009, 0.010
    np.testing.assert_allclose(fractions[-1], [0.363, 0.504, 0.732], atol=0.005)
