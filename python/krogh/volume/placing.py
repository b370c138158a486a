"""Arrays over the voxels inside as the native solver takes them.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.space.box import OUTSIDE
from krogh.volume.carried import by_segment
from krogh.volume.problem import VolumeProblem

__all__ = ["change_of", "diffusivity_of", "exchange_options", "moving_options", "placed"]

Floats = NDArray[np.float64]


def regions_of(problem: VolumeProblem) -> int:
    """Return how many regions the solver is told of: more than one only between membranes.

    Never as many as there are voxels: the two could not be told apart.
    """
    if not problem.membranes:
        return 1
    count = int(problem.labels.max()) + 1
    return count + 1 if count == problem.grid.num_voxels else count


def placed(problem: VolumeProblem, values: Floats, outside: float) -> Floats:
    """Return (sets, cells) as the solver takes it: one number for all, or by voxel."""
    if values.ndim == 1:
        values = values[None]
    if np.all(values == values[:, :1]):
        return np.repeat(values[:, :1], regions_of(problem), axis=1)
    return np.ascontiguousarray(problem.on_grid(values, outside))


def diffusivity_of(problem: VolumeProblem) -> Floats:
    """Return the diffusivity, with three sets for each species where it differs along axes."""
    if problem.anisotropy is None:
        return placed(problem, problem.diffusivity[0], 1.0)
    along = problem.diffusivity[0][:, None, :] * problem.anisotropy
    return placed(problem, along.reshape(-1, problem.cells), 1.0)


def exchange_options(
    problem: VolumeProblem, inputs: list[int]
) -> tuple[list[tuple[int, str]], dict[str, Any]]:
    """Return species and way of every exchange, and the keywords.

    Parameters
    ----------
    inputs
        Of each mobile species, -1 for none.
    """
    vessels = [k for k, has in enumerate(problem.exchanges) if has]
    rates = problem.rates[vessels]
    if problem.carried is not None:  # each segment of the network on its own
        vessels, rates = by_segment(problem, vessels)
    ways = [(k, "vessels") for k in vessels]
    exchange = [(k, inputs[k]) for k in vessels]
    into = [rates]
    factors = [_factor(problem, k) for k in vessels]
    out = [rates if problem.out_rates is None else problem.out_rates[vessels]]
    for way, rates in problem.drained:
        ways += [(k, way) for k in range(len(problem.mobiles))]
        exchange += [(k, -1) for k in range(len(problem.mobiles))]
        factors += [-1] * len(problem.mobiles)
        into.append(np.zeros_like(rates))
        out.append(rates)
    if not exchange:
        return [], {}
    found = {
        "exchange": exchange,
        "exchange_rates": placed(problem, np.concatenate(into), 0.0),
        "exchange_factors": factors,
    }
    if problem.out_rates is not None:
        found["exchange_out_rates"] = placed(problem, np.concatenate(out), 0.0)
    return ways, found


def moving_options(problem: VolumeProblem) -> dict[str, Any]:
    """Return the keywords of regions, membranes, partition, axes and flow."""
    found: dict[str, Any] = {}
    if problem.membranes or not problem.whole:
        regions = np.full(problem.grid.num_voxels, OUTSIDE, dtype=np.uint8)
        regions[problem.inside] = problem.labels if problem.membranes else 0
        found["regions"] = regions.reshape(problem.grid.shape)
        found["num_regions"] = regions_of(problem)
    if problem.membranes:
        found["membranes"] = list(problem.membranes)
    if problem.partition is not None:
        found["partition"] = placed(problem, problem.partition, 1.0)
    if problem.anisotropy is not None:
        found["axes"] = 3
    if problem.fluid is not None:
        for axis, v in zip("xyz", problem.fluid.velocity, strict=True):
            found[f"velocity_{axis}"] = v
        found["corrected"] = problem.corrected
        found["retardation"] = placed(problem, problem.retardation, 1.0)
    return found


def _factor(problem: VolumeProblem, mobile: int) -> int:
    """Return the state by which the exchange of a species is multiplied; -1: none."""
    name = problem.mobiles[mobile].transport.vessel_factor
    return -1 if name is None else problem.tissue.state_index(name)


def change_of(time: float, stage: VolumeProblem, inputs: list[int]) -> tuple[Any, ...]:
    """Return what changes at a time as the solver takes it: velocities and rates of exchange."""
    assert stage.fluid is not None
    _, rates = exchange_options(stage, inputs)
    return (
        time,
        *stage.fluid.velocity,
        rates.get("exchange_rates"),
        rates.get("exchange_out_rates"),
    )
