"""Red cells carried through a network, with phase separation where a vessel branches in two.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError, SolverError
from krogh.vessels.checks import first_few
from krogh.vessels.network import VesselNetwork
from krogh.vessels.order import flow_order
from krogh.vessels.rheology import cell_split

__all__ = ["distribute_cells"]

Floats = NDArray[np.float64]


def distribute_cells(
    network: VesselNetwork, flow: Floats, entering: Floats, *, phase_separation: bool = True
) -> Floats:
    """Return the discharge hematocrit of each segment, shape (m,).

    Parameters
    ----------
    network
        The vessels.
    flow
        Flow in each segment, shape (m,).
    entering
        Hematocrit of blood that enters at each node, NaN where none can, shape (n,).
    phase_separation
        Whether `cell_split` holds where one vessel feeds two at a node of three segments.

    Notes
    -----
    Segments without flow get the hematocrit of the node with the higher flow through it; where
    there is none either, 0.

    Raises
    ------
    DataError
        KG-184 where blood enters without a known hematocrit.
    SolverError
        KG-321 if the split would put more than 99 % cells into a vessel.
    """
    order = flow_order(network, flow)
    moving = ~order.stagnant
    count = network.num_nodes
    rate = np.where(moving, order.rate, 0.0)
    out = np.bincount(order.upstream, weights=rate, minlength=count)
    into = np.bincount(order.downstream, weights=rate, minlength=count)
    # What leaves a node beyond what vessels bring enters from outside.
    outside = np.maximum(out - into, 0.0)
    source = outside > 1e-9 * np.maximum(out, into)
    unknown = np.flatnonzero(source & np.isnan(entering))
    if unknown.size:
        raise DataError(
            f"KG-184: blood enters at node {first_few(unknown)} (counted from 0), and no"
            " hematocrit is given there; set it in the boundary condition or inlet_hematocrit."
        )
    outside = np.where(source, outside, 0.0)
    fluxes = np.where(source, outside * np.where(np.isnan(entering), 0.0, entering), 0.0)
    through = into + outside
    cells = np.zeros(network.num_segments)
    branching = (
        (network.degrees == 3)
        & (np.bincount(order.upstream[moving], minlength=count) == 2)
        & (np.bincount(order.downstream[moving], minlength=count) == 1)
        & ~source
    )
    feeder = np.zeros(count, dtype=np.intp)
    feeder[order.downstream[moving]] = np.flatnonzero(moving)
    node_cells = np.zeros(count)
    for nodes, leaving in zip(order.levels, order.leaving(), strict=True):
        flowing = through[nodes] > 0.0
        node_cells[nodes[flowing]] = fluxes[nodes[flowing]] / through[nodes[flowing]]
        cells[leaving] = node_cells[order.upstream[leaving]]
        if phase_separation:
            _split(network, rate, order.upstream, leaving, branching, feeder, cells)
        fluxes += np.bincount(
            order.downstream[leaving], weights=cells[leaving] * rate[leaving], minlength=count
        )
    still = np.flatnonzero(order.stagnant)
    ends = network.segments[still]
    stronger = np.argmax(through[ends], axis=1)
    cells[still] = node_cells[ends[np.arange(still.size), stronger]]
    wrong = np.flatnonzero(cells > 0.99)
    if wrong.size:
        raise SolverError(
            f"KG-321: the hematocrit of segment {first_few(wrong)} (counted from 0) becomes"
            f" {cells[wrong[0]]:.3f}: the split of cells at branches does not hold for these"
            " diameters and flows.  Use phase_separation=False or a lower inlet hematocrit."
        )
    return cells


def _split(
    network: VesselNetwork,
    rate: Floats,
    upstream: NDArray[np.intp],
    leaving: NDArray[np.intp],
    branching: NDArray[np.bool_],
    feeder: NDArray[np.intp],
    cells: Floats,
) -> None:
    """Set the hematocrit of the pairs of segments that leave branching nodes."""
    chosen = leaving[branching[upstream[leaving]]]
    if not chosen.size:
        return
    pairs = chosen[np.argsort(upstream[chosen], kind="stable")].reshape(-1, 2)
    for one, two in pairs.tolist():
        parent = feeder[upstream[one]]
        total = rate[one] + rate[two]
        hd = cells[parent]
        share = cell_split(
            rate[one] / total,
            hd,
            network.diameter[parent],
            network.diameter[one],
            network.diameter[two],
        )
        cells[one] = share * hd * total / rate[one]
        cells[two] = (1.0 - share) * hd * total / rate[two]
