"""Repairs of raw vessel arrays: near nodes joined, empty and double segments removed, counted.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from krogh.errors import DataError
from krogh.vessels.checks import check_values, length_um, numbers, summed, whole_numbers
from krogh.vessels.network import VesselNetwork

__all__ = ["Repair", "repaired"]


@dataclass(frozen=True)
class Repair:
    """What `repaired` changed, as counts."""

    joined_nodes: int
    removed_selves: int
    removed_duplicates: int
    removed_nodes: int

    def __str__(self) -> str:
        return (
            f"{self.joined_nodes} nodes joined to another, {self.removed_selves} segments without"
            f" length removed, {self.removed_duplicates} double segments removed,"
            f" {self.removed_nodes} nodes without a segment removed"
        )


def repaired(
    nodes: ArrayLike | VesselNetwork,
    segments: ArrayLike | None = None,
    diameter: ArrayLike | None = None,
    *,
    tolerance: Any = "0 um",
) -> tuple[VesselNetwork, Repair]:
    """Return a sound network from raw arrays or another network, and what was changed.

    Parameters
    ----------
    nodes, segments, diameter
        A network, or places (n, 3) in um, pairs of nodes (m, 2) and diameters (m,) in um.
    tolerance
        Nodes at this distance or nearer become one, at their mean place; chains of near nodes are
        joined as a whole.  The default joins nodes at the same place.

    Notes
    -----
    Of double segments the widest is kept.  Flow, hematocrit and pressure are dropped if any node
    was joined, or any double segment removed, since they hold no longer; boundary conditions stay
    unless two of them would meet in one node (KG-184).  Diameters are never invented: a diameter
    of zero or below is the error KG-181.

    Raises
    ------
    DataError
        KG-180, KG-181 for arrays that no repair makes sound, KG-184, KG-185 for the tolerance.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    network = nodes if isinstance(nodes, VesselNetwork) else None
    if network is not None:
        places, pairs, width = network.nodes, network.segments, network.diameter
    elif segments is None or diameter is None:
        raise DataError("KG-180: nodes, segments and diameter belong together; one is missing.")
    else:
        places = numbers(nodes, (None, 3), "nodes")
        check_values(places, "the place", item="node")
        pairs = whole_numbers(segments, (None, 2), "segments")
        width = numbers(diameter, (len(pairs),), "diameter")
        check_values(width, "the diameter", positive=True)
        if pairs.size and (pairs.min() < 0 or pairs.max() >= len(places)):
            raise DataError(
                f"KG-180: a segment joins node {pairs.max()}, and there are {len(places)} nodes."
            )
    limit = length_um(tolerance, "tolerance")
    if not 0.0 <= limit < np.inf:
        raise DataError(f"KG-185: tolerance must not be negative, found {tolerance}.")
    near = cKDTree(places).query_pairs(limit, output_type="ndarray")
    graph = coo_matrix((np.ones(len(near)), (near[:, 0], near[:, 1])), shape=(len(places),) * 2)
    count, label = connected_components(graph, directed=False)
    sizes = np.bincount(label, minlength=count)
    totals = [summed(label, places[:, axis], int(count)) for axis in range(3)]
    mean = np.column_stack(totals) / sizes[:, None]
    single = sizes[label] == 1
    mean[label[single]] = places[single]  # bits of nodes that stay are kept
    ends = label[pairs]
    between = np.flatnonzero(ends[:, 0] != ends[:, 1])
    kept = _widest(np.sort(ends[between], axis=1), width[between])
    chosen = between[kept]
    if not chosen.size:
        raise DataError("KG-180: no segment is left after the repair.")
    used, renumbered = np.unique(ends[chosen], return_inverse=True)
    report = Repair(
        joined_nodes=len(places) - int(count),
        removed_selves=len(pairs) - between.size,
        removed_duplicates=between.size - chosen.size,
        removed_nodes=int(count) - used.size,
    )
    new = VesselNetwork(mean[used], renumbered.reshape(-1, 2), width[chosen])
    if network is None:
        return new, report
    changed = report.joined_nodes or report.removed_duplicates
    boundary = network.boundary
    if boundary is not None:
        place = np.full(int(count), -1, dtype=np.intp)
        place[used] = np.arange(used.size)
        moved = place[label[boundary.nodes]]
        boundary = replace(boundary, nodes=moved) if (moved >= 0).all() else None

    def segmentwise(values: Any) -> Any:
        return None if values is None else values[chosen]

    return new.replace(
        flow=None if changed else segmentwise(network.flow),
        hematocrit=None if changed else segmentwise(network.hematocrit),
        pressure=None if changed or network.pressure is None else network.pressure[used],
        kind=segmentwise(network.kind),
        boundary=boundary,
        box=network.box,
        note=network.note,
    ), report


def _widest(pairs: NDArray[np.intp], width: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return, ascending, the widest segment of each pair of nodes (the first of equal ones)."""
    order = np.lexsort((np.arange(len(width)), -width, pairs[:, 1], pairs[:, 0]))
    ordered = pairs[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return np.sort(order[first])
