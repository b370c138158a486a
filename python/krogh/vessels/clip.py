"""Segments cut at the faces of voxels: which length lies in which voxel.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from krogh.vessels.frame import VoxelFrame
from krogh.vessels.network import VesselNetwork

__all__ = ["Pieces", "clip"]

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Pieces:
    """Parts of segments, each within one voxel, in the order of the segments.

    Attributes
    ----------
    segment
        Shape (p,).
    voxel
        Flat index (x fastest), -1 for parts outside the grid, shape (p,).
    start, stop
        Where the part begins and ends, as shares of its segment, shape (p,).
    length
        um, shape (p,).
    """

    segment: Indices
    voxel: Indices
    start: Floats
    stop: Floats
    length: Floats


def clip(network: VesselNetwork, frame: VoxelFrame) -> Pieces:
    """Return every segment cut where it crosses a face of a voxel.

    A part belongs to the voxel around its middle, so a segment within a face belongs to the voxel
    above it (at the grid's upper end to the one below), and lengths of parts add up to the lengths
    of the segments.
    """
    begin = frame.to_local(network.nodes[network.segments[:, 0]])
    end = frame.to_local(network.nodes[network.segments[:, 1]])
    along = end - begin
    count = network.num_segments
    owners = [np.arange(count), np.arange(count)]
    places = [np.zeros(count), np.ones(count)]
    for axis, faces in enumerate(frame.faces):
        low = np.minimum(begin[:, axis], end[:, axis])
        high = np.maximum(begin[:, axis], end[:, axis])
        first = np.searchsorted(faces, low, side="right")  # the first face above the lower end
        crossings = np.maximum(0, np.searchsorted(faces, high, side="left") - first)
        owner = np.repeat(np.arange(count), crossings)
        step = np.arange(owner.size) - np.repeat(np.cumsum(crossings) - crossings, crossings)
        face = faces[first[owner] + step]
        share = (face - begin[owner, axis]) / along[owner, axis]
        owners.append(owner)
        places.append(np.clip(share, 0.0, 1.0))
    owner, place = np.concatenate(owners), np.concatenate(places)
    order = np.lexsort((place, owner))
    owner, place = owner[order], place[order]
    same = (owner[1:] == owner[:-1]) & (place[1:] > place[:-1])
    segment, start, stop = owner[:-1][same], place[:-1][same], place[1:][same]
    middle = begin[segment] + (0.5 * (start + stop))[:, None] * along[segment]
    return Pieces(
        segment=segment,
        voxel=frame.locate(middle),
        start=start,
        stop=stop,
        length=(stop - start) * network.lengths[segment],
    )
