"""The order in which blood passes the nodes and segments of a network.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError
from krogh.vessels.checks import first_few
from krogh.vessels.network import VesselNetwork

__all__ = ["FlowOrder", "flow_order"]

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class FlowOrder:
    """Segments directed with the flow and grouped so that each group feeds only later ones.

    Attributes
    ----------
    upstream, downstream
        Nodes where blood enters and leaves each segment, shape (m,).
    rate
        Flow without its sign, in the unit given, shape (m,).
    levels
        Groups of nodes: all segments that flow into a node start at nodes of earlier groups.
    stagnant
        Segments without flow, shape (m,).
    """

    upstream: Indices
    downstream: Indices
    rate: Floats
    levels: tuple[Indices, ...]
    stagnant: NDArray[np.bool_]

    def leaving(self) -> tuple[Indices, ...]:
        """Return the segments that leave the nodes of each level, in the order of levels."""
        level = np.empty(max(self.upstream.max(), self.downstream.max()) + 1, dtype=np.intp)
        for index, nodes in enumerate(self.levels):
            level[nodes] = index
        moving = np.flatnonzero(~self.stagnant)
        own = level[self.upstream[moving]]
        order = np.argsort(own, kind="stable")
        cuts = np.searchsorted(own[order], np.arange(1, len(self.levels)))
        return tuple(np.split(moving[order], cuts))


def flow_order(network: VesselNetwork, flow: Floats) -> FlowOrder:
    """Return the order of a flow field.

    Raises
    ------
    DataError
        KG-187 if blood flows in a circle, which no pressures can drive.
    """
    start, stop = network.segments[:, 0], network.segments[:, 1]
    backward = flow < 0.0
    upstream = np.where(backward, stop, start)
    downstream = np.where(backward, start, stop)
    stagnant = flow == 0.0
    moving = np.flatnonzero(~stagnant)
    waiting = np.bincount(downstream[moving], minlength=network.num_nodes)
    by_node = moving[np.argsort(upstream[moving], kind="stable")]
    first = np.searchsorted(upstream[by_node], np.arange(network.num_nodes + 1))
    current = np.flatnonzero(waiting == 0)
    levels, done = [], 0
    while current.size:
        levels.append(current)
        done += current.size
        leaving = np.concatenate([by_node[first[n] : first[n + 1]] for n in current])
        targets = downstream[leaving]
        waiting = waiting - np.bincount(targets, minlength=network.num_nodes)
        current = np.unique(targets[waiting[targets] == 0])
    if done < network.num_nodes:
        circle = np.flatnonzero(waiting > 0)
        raise DataError(
            f"KG-187: blood flows in a circle through node {first_few(circle)} (counted from 0), or"
            " these lie downstream of one; pressures cannot drive it.  Compute the flow with"
            " krogh.vessels.solve_flow."
        )
    return FlowOrder(upstream, downstream, np.abs(flow), tuple(levels), stagnant)
