"""Measured flows made to agree at every junction, by the smallest relative changes.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError
from krogh.vessels.checks import first_few, summed
from krogh.vessels.flow import junction_errors
from krogh.vessels.network import VesselNetwork

__all__ = ["balanced_flow"]

_FLOOR = 1e-3
"""Flows below this share of the largest change as if they had it: a flow of zero can change."""


def balanced_flow(
    network: VesselNetwork, *, max_change: float = 0.05
) -> tuple[VesselNetwork, NDArray[np.float64]]:
    """Return the network with flows conserved at inner junctions, and their changes, nl/min.

    Parameters
    ----------
    network
        With a measured flow.  Boundary nodes and ends are free: what enters there follows.
    max_change
        Largest change allowed, as share of the largest flow in the network.

    Notes
    -----
    Of all flows that are conserved, the ones with the least sum of ``(change/size)^2`` (size: the
    measured flow, or a thousandth of the largest).  Boundary conditions that are flows are set to
    what now enters; hematocrit stays.

    Raises
    ------
    DataError
        KG-187 for a network without flow, a part without an end, or a change above `max_change`.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.linalg import splu

    if network.flow is None:
        raise DataError("KG-187: the network has no flow to balance.")
    flow, count = network.flow.copy(), network.num_nodes
    start, stop = network.segments.T
    inner = network.degrees > 1
    if network.boundary is not None:
        inner[network.boundary.nodes] = False
    part = network.components()
    closed = np.flatnonzero(np.bincount(part[~inner], minlength=network.num_components) == 0)
    if closed.size:
        raise DataError(
            f"KG-187: part {first_few(closed)} has no end through which blood enters, for example"
            f" node {first_few(np.flatnonzero(part == closed[0]))} (counted from 0)."
        )
    largest = float(np.abs(flow).max())
    if largest == 0.0:
        return network, np.zeros_like(flow)
    weight = np.maximum(np.abs(flow), _FLOOR * largest) ** 2
    rows = np.concatenate([start, stop, start, stop])
    columns = np.concatenate([start, stop, stop, start])
    values = np.concatenate([weight, weight, -weight, -weight])
    matrix = coo_matrix((values, (rows, columns)), shape=(count, count)).tocsc()
    free = np.flatnonzero(inner)
    if free.size:
        factor = splu(matrix[free][:, free].tocsc(), permc_spec="MMD_AT_PLUS_A")
        for _ in range(3):  # corrections carry the last digits
            rest = summed(stop, flow, count) - summed(start, flow, count)
            potential = np.zeros(count)
            potential[free] = factor.solve(rest[free])
            flow += weight * (potential[start] - potential[stop])
    change = flow - network.flow
    worst = float(np.abs(change).max()) / largest
    if worst > max_change:
        raise DataError(
            f"KG-187: conservation needs a change of {worst:.2g} of the largest flow (allowed:"
            f" {max_change:g}), in segment {int(np.argmax(np.abs(change)))} (counted from 0); at"
            f" node {int(np.argmax(junction_errors(network)))} the given flows differ most."
        )
    boundary = network.boundary
    if boundary is not None and not boundary.is_pressure.all():
        net = summed(start, flow, count) - summed(stop, flow, count)
        new = np.where(boundary.is_pressure, boundary.values, net[boundary.nodes])
        boundary = replace(boundary, values=new)
    return network.replace(flow=flow, boundary=boundary), change
