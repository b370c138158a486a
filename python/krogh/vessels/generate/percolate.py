"""Vessels by invasion percolation: patchy networks as of tumours, with a necrotic core.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError
from krogh.vessels.generate.inputs import density_of, positive_length, size_of, uniforms
from krogh.vessels.network import VesselNetwork

__all__ = ["percolation"]

Floats = NDArray[np.float64]

_SHARE = 0.25
"""Share of the bonds of the full lattice that the cluster has, unless `spacing` is given.

Invasion percolation fills about a third of the sites of a cubic lattice when it first spans it
(threshold 0.3116: Xu, Wang, Lv and Deng 2014, Front Phys 9:113); with a quarter of the bonds the
cluster spans the box and leaves holes of several spacings."""


def percolation(
    size: Any,
    density: Any,
    *,
    diameter: Any,
    seed: int,
    core: float = 0.0,
    spacing: Any = None,
    jitter: float = 0.3,
) -> VesselNetwork:
    """Return a cluster of vessels on a cubic lattice, grown by invasion percolation.

    Parameters
    ----------
    size
        Of the box: ``"1 mm"``, or x, y and z.
    density
        Length per volume of the tissue outside the core.
    diameter
        Of every vessel.
    seed
        A whole number.
    core
        Half axes of an ellipsoid without vessels in the middle, as a share of those of the box, 0
        to 0.9.
    spacing
        Of the lattice; default such that the cluster has a quarter of the bonds of the full
        lattice.  The wider the lattice, the fuller and the more even the network.
    jitter
        Greatest shift of an inner node along each axis, as a share of the spacing, 0 to 0.45.

    Notes
    -----
    Invasion percolation as a picture of tumour vessels: Baish, Gazit, Berk, Nozue, Baxter and Jain
    1996, Microvasc Res 51:327.  Every site has a random number; the cluster starts in the middle of
    the lower z face and always takes the neighbouring site with the lowest number.  Vessels are the
    bonds between its sites; they stop, one bond after the other, at the target density.

    Raises
    ------
    DataError
        KG-185 for options, or a density above that of the full lattice.
    SpecError
        KG-117 for a seed that is none.
    """
    box, wanted = size_of(size), density_of(density)
    width = positive_length(diameter, "diameter")
    if not 0.0 <= core <= 0.9:
        raise DataError(f"KG-185: core must lie between 0 and 0.9, not {core}.")
    if not 0.0 <= jitter <= 0.45:
        raise DataError(f"KG-185: jitter must lie between 0 and 0.45, not {jitter}.")
    step = (3.0 * _SHARE / wanted) ** 0.5
    if spacing is not None:
        step = positive_length(spacing, "spacing")
    counts = np.maximum(1, np.round(box / step)).astype(int) + 1
    number = int(np.prod(counts))
    draws = uniforms(seed, "percolation", number, 4)
    places = np.stack(np.unravel_index(np.arange(number), counts), axis=-1)
    shift = (2.0 * draws[:, 1:] - 1.0) * jitter
    shift[(places == 0) | (places == counts - 1)] = 0.0  # nodes on faces stay there
    nodes = (places + shift) * box / (counts - 1)
    outside = ((2.0 * places / (counts - 1) - 1.0) ** 2).sum(axis=1) >= core**2
    start = np.ravel_multi_index((counts[0] // 2, counts[1] // 2, 0), tuple(counts))
    tissue = float(box.prod()) * (1.0 - np.pi / 6.0 * core**3)
    pairs = _invade(draws[:, 0], nodes, counts, outside, int(start), wanted * tissue)
    used, segments = np.unique(pairs, return_inverse=True)
    return VesselNetwork(
        nodes=nodes[used],
        segments=segments.reshape(-1, 2),
        diameter=np.full(len(pairs), width),
        box=np.array([np.zeros(3), box]),
        note=f"percolation cluster, {density}, seed {seed}, core {core:g}",
    )


def _invade(
    order: Floats,
    nodes: Floats,
    counts: NDArray[np.int_],
    allowed: NDArray[np.bool_],
    start: int,
    length: float,
) -> NDArray[np.intp]:
    """Return the bonds, in the order in which they join the cluster, up to a total length."""
    strides = [int(counts[1] * counts[2]), int(counts[2]), 1]
    extents = counts.tolist()
    taken = np.zeros(order.size, dtype=bool)
    waiting = np.zeros(order.size, dtype=bool)
    waiting[start] = True
    heap = [(float(order[start]), start)]
    pairs: list[tuple[int, int]] = []
    total = 0.0
    while heap:
        _, site = heapq.heappop(heap)
        taken[site] = True
        for axis, stride in enumerate(strides):
            place = site // stride % extents[axis]
            for move, inside in ((-stride, place > 0), (stride, place < extents[axis] - 1)):
                other = site + move
                if not inside or not allowed[other]:
                    continue
                if taken[other]:
                    pairs.append((other, site))
                    total += float(np.linalg.norm(nodes[other] - nodes[site]))
                    if total >= length:
                        return np.array(pairs, dtype=np.intp)
                elif not waiting[other]:
                    waiting[other] = True
                    heapq.heappush(heap, (float(order[other]), other))
    raise DataError(
        f"KG-185: the whole lattice has {total / 1000.0:.4g} mm of vessels, and the density needs"
        f" {length / 1000.0:.4g} mm; use a smaller spacing."
    )
