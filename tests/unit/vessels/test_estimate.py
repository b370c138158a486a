"""Estimated boundary conditions: the optimum by search, what is known is kept, what is refused.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from krogh.errors import DataError, SolverError
from krogh.vessels import Boundary, VesselNetwork, estimate_flow, generate, solve_flow
from numpy.typing import NDArray

TARGETS: dict[str, Any] = {"target_pressure": "20 mmHg", "target_shear": "10 dyn/cm^2"}


def fork() -> VesselNetwork:
    nodes = [[0, 0, 0], [300, 0, 0], [600, 200, 0], [500, -200, 0]]
    return VesselNetwork(nodes, [[0, 1], [1, 2], [1, 3]], [20, 12, 10])


def objective(network: VesselNetwork, pressure: NDArray[np.float64]) -> float:
    """Sum of squares that the estimate minimizes, written out; directions by what flows."""
    total = network.lengths.sum()
    value = 0.0
    for (one, two), d, length in zip(
        network.segments, network.diameter, network.lengths, strict=True
    ):
        for node in (one, two):
            value += 0.5 * length / total * (pressure[node] / 20.0 - 1.0) ** 2
        stress = abs(pressure[one] - pressure[two]) * 1333.22387415 * d / (4.0 * length)
        value += length / total * (stress / 10.0 - 1.0) ** 2
    return float(value)


def test_the_estimate_is_the_optimum_of_a_search() -> None:
    known = Boundary.of({0: 25.0, 2: 18.0})
    solved, report = estimate_flow(fork(), known, **TARGETS, viscosity="plasma", tolerance=1e-9)
    assert report.estimated == (3,)
    best = report.pressures[0]

    def at(pressure: float) -> float:
        complete = Boundary.of({0: 25.0, 2: 18.0, 3: pressure})
        trial, _ = solve_flow(fork(), complete, viscosity="plasma")
        assert trial.pressure is not None
        return objective(trial, trial.pressure)

    scan = np.linspace(best - 8.0, best + 8.0, 161)
    values = [at(p) for p in scan]
    assert scan[int(np.argmin(values))] == pytest.approx(best, abs=0.051)
    assert at(best) <= min(values) + 1e-12
    assert solved.pressure is not None
    assert solved.pressure[3] == pytest.approx(best, rel=1e-9)


def test_with_all_ends_known_nothing_is_estimated() -> None:
    known = Boundary.of({0: 25.0}, {2: -1.0, 3: -0.5}, hematocrit={0: 0.4})
    solved, report = estimate_flow(fork(), known, **TARGETS)
    plain, _ = solve_flow(fork(), known)
    assert report.estimated == ()
    np.testing.assert_allclose(solved.flow, plain.flow, rtol=1e-12)


def test_known_flows_are_kept_and_flow_is_conserved() -> None:
    tree = generate.space_colonization("0.5 mm", "60 mm/mm^3", diameter="8 um", seed=2, join=False)
    tree = tree.largest()
    ends = tree.ends
    known = Boundary.of({int(ends[0]): 35.0}, {int(ends[3]): -0.01}, hematocrit=0.4)
    solved, report = estimate_flow(tree, known, **TARGETS, inlet_hematocrit=0.4)
    assert report.converged
    assert report.flow.junction_error < 1e-12
    assert solved.pressure is not None
    assert solved.pressure[ends[0]] == 35.0
    segment = int(np.flatnonzero((tree.segments == ends[3]).any(axis=1))[0])
    sign = 1.0 if tree.segments[segment, 1] == ends[3] else -1.0
    assert solved.flow is not None
    assert sign * float(solved.flow[segment]) == pytest.approx(0.01, rel=1e-9)
    assert "ends estimated" in str(report)


@pytest.mark.parametrize(
    ("boundary", "options", "says"),
    [
        (None, {}, r"KG-184.*none is given"),
        (Boundary.of({0: 20.0}), {}, r"KG-184.*1 known.*needs two"),
        (Boundary.of({0: 20.0, 2: 10.0}), {"shear_weight": 0.0}, "KG-185"),
        (Boundary.of({0: 20.0, 2: 10.0}), {"viscosity": "water"}, r"KG-185.*water"),
    ],
)
def test_estimates_refuse(boundary: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError, match=says):
        estimate_flow(fork(), boundary, **TARGETS, **options)


def test_rounds_that_run_out_are_a_failure_with_its_state() -> None:
    known = Boundary.of({0: 25.0, 2: 18.0}, hematocrit=0.4)
    with pytest.raises(SolverError, match="KG-323") as caught:
        estimate_flow(fork(), known, **TARGETS, inlet_hematocrit=0.4, max_rounds=1)
    assert not caught.value.result[1].converged
