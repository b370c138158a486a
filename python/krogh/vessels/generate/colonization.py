"""Vessel trees by space colonization: arteries and veins that grow toward unsupplied tissue.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh.errors import DataError
from krogh.vessels.generate.inputs import density_of, positive_length, size_of, uniforms
from krogh.vessels.network import VesselNetwork

__all__ = ["space_colonization"]

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

_FIRST_KILL = 0.25
"""Kill distance of the first round over the shortest side: the trunk reaches all quarters."""

_SHRINK = 0.8
"""Kill distance of a round over that of the round before."""

_PER_CUBE = 2.0
"""Attractors in a cube of the kill distance: enough that no such cube stays empty by chance."""


@dataclass(frozen=True, eq=False)
class _Tree:
    """Nodes in the order in which they grew; ``parent[0]`` is -1."""

    nodes: Floats
    parent: Indices


def space_colonization(
    size: Any,
    density: Any,
    *,
    diameter: Any,
    seed: int,
    step: Any = "20 um",
    murray: float = 3.0,
    join: bool = True,
) -> VesselNetwork:
    """Return an arterial and a venous tree through the box, joined at their tips.

    Parameters
    ----------
    size
        Of the box: ``"1 mm"``, or x, y and z.
    density
        Length per volume, ``"100 mm/mm^3"``.
    diameter
        Of the tips and of the capillaries that join the trees.
    seed
        A whole number.
    step
        Length of the segments of the trees.
    murray
        Exponent g of ``r^g = sum of r_daughter^g`` (Murray 1926: 3).
    join
        Whether every tip is joined to the nearest node of the other tree by a capillary.

    Notes
    -----
    Runions, Lane and Prusinkiewicz 2007 (space colonization): attractors in the tissue pull the
    nearest node of the tree, which grows a step toward the mean of their directions; an attractor
    that is reached (kill distance) goes.  When none pulls any more, new ones come with a smaller
    kill distance, so that large vessels come first.  The artery enters in the middle of the lower z
    face and the vein leaves in the middle of the upper one; they grow independently, and both are
    cut back to the age at which trees and capillaries have the target length, which is met to
    within a few segments.  `kind` is 1 in arteries, 2 in capillaries, 3 in veins.

    Raises
    ------
    DataError
        KG-185 for options, or a density that needs a smaller step.
    SpecError
        KG-117 for a seed that is none.
    """
    box, wanted = size_of(size), density_of(density)
    width = positive_length(diameter, "diameter")
    stride = positive_length(step, "step")
    if stride > 0.25 * box.min():
        raise DataError(f"KG-185: step must be at most a quarter of the box, found {step}.")
    if not 1.0 <= murray <= 6.0:
        raise DataError(f"KG-185: murray must lie between 1 and 6, not {murray}.")
    length = wanted * float(box.prod())
    middle = 0.5 * box
    low, high = middle * [1.0, 1.0, 0.0], middle * [1.0, 1.0, 2.0]
    trees = [
        _grow(box, low, 0.5 * length, stride, seed, "artery"),
        _grow(box, high, 0.5 * length, stride, seed, "vein"),
    ]
    if join:
        trees = _cut_back(trees, length)
    nodes, pairs, kinds, sizes = _assembled(trees, _joints(trees) if join else None, murray)
    return VesselNetwork(
        nodes=nodes,
        segments=pairs,
        diameter=width * sizes,
        kind=kinds,
        box=np.array([np.zeros(3), box]),
        note=f"space colonization, {density}, seed {seed}",
    )


def _grow(box: Floats, root: Floats, length: float, step: float, seed: int, name: str) -> _Tree:
    """Return a tree of a total length (to a step), grown round by round."""
    from scipy.spatial import cKDTree

    most = max(2, int(np.ceil(length / step)) + 1)
    nodes, parent = np.empty((most, 3)), np.full(most, -1, dtype=np.intp)
    nodes[0] = root
    count, kill, drawn = 1, _FIRST_KILL * float(box.min()), 0
    while count < most:
        if kill < 0.5 * step:
            raise DataError(
                f"KG-185: a tree with steps of {step:g} um fills the box with"
                f" {count * step / 1000.0:.4g} of {length / 1000.0:.4g} mm; use a smaller step."
            )
        number = max(8, int(_PER_CUBE * float(box.prod()) / kill**3))
        attractors = uniforms(seed, f"colonization {name}", number, 3, first=drawn) * box
        drawn += number
        far, near = cKDTree(nodes[:count]).query(attractors)
        while count < most:
            alive = far > kill
            attractors, far, near = attractors[alive], far[alive], near[alive]
            if not far.size:
                break
            new, origin = _buds(nodes, attractors, near, step, most - count)
            fresh = _not_grown_before(nodes, parent, count, new, origin, 0.25 * step)
            if not fresh.any():
                # The pulls on these nodes cancel, or lead back: their attractors stay unreached.
                break
            new, origin = new[fresh], origin[fresh]
            nodes[count : count + len(new)] = new
            parent[count : count + len(new)] = origin
            away, which = cKDTree(new).query(attractors)
            closer = away < far
            far[closer], near[closer] = away[closer], count + which[closer]
            count += len(new)
        kill *= _SHRINK
    return _Tree(nodes[:count].copy(), parent[:count].copy())


def _buds(
    nodes: Floats, attractors: Floats, near: Indices, step: float, most: int
) -> tuple[Floats, Indices]:
    """Return a step from each pulled node toward its attractors, and the nodes."""
    origin, group = np.unique(near, return_inverse=True)
    pull = attractors - nodes[near]
    pull /= np.linalg.norm(pull, axis=1)[:, None]
    total = np.column_stack(
        [np.bincount(group, weights=pull[:, axis], minlength=origin.size) for axis in range(3)]
    )
    size = np.linalg.norm(total, axis=1)
    able = size > 1e-6
    origin, total, size = origin[able][:most], total[able][:most], size[able][:most]
    return nodes[origin] + step * total / size[:, None], origin


def _not_grown_before(
    nodes: Floats, parent: Indices, count: int, new: Floats, origin: Indices, limit: float
) -> NDArray[np.bool_]:
    """Return which new nodes lie apart from every daughter that their node already has."""
    daughters = np.flatnonzero(np.isin(parent[:count], origin))
    fresh = np.ones(len(new), dtype=bool)
    place = {int(node): index for index, node in enumerate(origin)}
    for daughter in daughters:
        index = place[int(parent[daughter])]
        if np.linalg.norm(nodes[daughter] - new[index]) < limit:
            fresh[index] = False
    return fresh


def _first(tree: _Tree, count: int) -> _Tree:
    return _Tree(tree.nodes[:count], tree.parent[:count])


def _tips(tree: _Tree) -> Indices:
    """Return nodes without a daughter, but the root."""
    inner = np.zeros(len(tree.nodes), dtype=bool)
    inner[tree.parent[1:]] = True
    inner[0] = True
    return np.flatnonzero(~inner)


def _length(tree: _Tree) -> float:
    return float(np.linalg.norm(tree.nodes[1:] - tree.nodes[tree.parent[1:]], axis=1).sum())


def _joints(trees: list[_Tree]) -> tuple[Indices, Floats]:
    """Return pairs (node of the artery, node of the vein), and the lengths between.

    Every tip gets one; a node that has three vessels takes no more, so that no node has above
    three where the trees have none.
    """
    from scipy.spatial import cKDTree

    vessels = []
    for tree in trees:
        have = np.bincount(tree.parent[1:], minlength=len(tree.nodes)) + 1
        vessels.append(have)
    vessels[0][0] = vessels[1][0] = 3  # nothing joins the roots
    pairs: list[tuple[int, int]] = []
    joined: set[tuple[int, int]] = set()
    for own, other in ((0, 1), (1, 0)):
        tips = _tips(trees[own])
        if not tips.size or len(trees[other].nodes) < 2:
            continue
        candidates = min(16, len(trees[other].nodes))
        _, near = cKDTree(trees[other].nodes).query(trees[own].nodes[tips], k=candidates)
        for tip, row in zip(tips.tolist(), near.reshape(len(tips), -1).tolist(), strict=True):
            if vessels[own][tip] > 1:
                continue  # a tip of the other tree has come here
            free = [node for node in row if vessels[other][node] < 3] or row[:1]
            pair = (tip, free[0]) if own == 0 else (free[0], tip)
            if pair in joined:
                continue
            joined.add(pair)
            pairs.append(pair)
            vessels[own][tip] += 1
            vessels[other][free[0]] += 1
    found = np.array(pairs, dtype=np.intp).reshape(-1, 2)
    apart = trees[0].nodes[found[:, 0]] - trees[1].nodes[found[:, 1]]
    lengths = np.linalg.norm(apart, axis=1)
    return found[lengths > 0.0], lengths[lengths > 0.0]


def _cut_back(trees: list[_Tree], length: float) -> list[_Tree]:
    """Return the trees at the age at which they and their joints have the wanted length."""
    low, high = 2, max(len(tree.nodes) for tree in trees)

    def at(age: int) -> list[_Tree]:
        return [_first(tree, min(age, len(tree.nodes))) for tree in trees]

    def total(age: int) -> float:
        young = at(age)
        return sum(_length(tree) for tree in young) + float(_joints(young)[1].sum())

    while high - low > 1:
        age = (low + high) // 2
        low, high = (age, high) if total(age) < length else (low, age)
    return at(low if abs(total(low) - length) < abs(total(high) - length) else high)


def _assembled(
    trees: list[_Tree], joints: tuple[Indices, Floats] | None, murray: float
) -> tuple[Floats, Indices, Indices, Floats]:
    """Return nodes, segments, kinds, and diameters over that of a tip."""
    offset = len(trees[0].nodes)
    nodes = np.concatenate([tree.nodes for tree in trees])
    pairs, kinds, sizes = [], [], []
    links = joints[0] if joints is not None else np.zeros((0, 2), dtype=np.intp)
    for index, tree in enumerate(trees):
        count = len(tree.nodes)
        # Murray's sum from the tips to the root: daughters stand behind their parents.
        load = np.bincount(links[:, index], minlength=count).astype(np.float64)
        load[_tips(tree)] = np.maximum(load[_tips(tree)], 1.0)
        for node in range(count - 1, 0, -1):
            load[tree.parent[node]] += load[node]
        ends = np.column_stack([tree.parent[1:], np.arange(1, count)]) + index * offset
        pairs.append(ends if index == 0 else ends[:, ::-1])
        kinds.append(np.full(count - 1, 1 if index == 0 else 3))
        sizes.append(load[1:] ** (1.0 / murray))
    if len(links):
        pairs.append(links + np.array([0, offset]))
        kinds.append(np.full(len(links), 2))
        sizes.append(np.ones(len(links)))
    return nodes, np.concatenate(pairs), np.concatenate(kinds), np.concatenate(sizes)
