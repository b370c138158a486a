"""Vessels from a segmented image: skeleton, radii from the distance transform, graph.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from krogh.errors import DataError
from krogh.table import require_extra
from krogh.vessels.checks import length_um
from krogh.vessels.frame import VoxelFrame, frame_of
from krogh.vessels.network import VesselNetwork

__all__ = ["MaskReport", "from_mask"]

_MARGIN = 16
"""Voxels by which vessels go on beyond the border for the thinning."""

_NARROWER = ((2,), (1,), (0,), (1, 2), (0, 2), (0, 1), (0, 1, 2))
"""Axes along which a part that was thinned away is made narrower by a voxel, in turn."""

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class MaskReport:
    """What became of a mask.

    Attributes
    ----------
    vessel_voxels, skeleton_voxels
        Counts.
    lost_voxels
        Voxels of the skeleton without a neighbour: single points, which make no segment.
    removed_spurs
        Dead ends that were shorter than the limit.
    uncovered_voxels
        Vessel voxels farther from the skeleton than 1.5 of its radii there and a voxel: vessels
        that the thinning lost.  It does so for vessels an even number of voxels thick whose axis
        lies exactly between voxels.
    components
        Connected parts of the network.
    """

    vessel_voxels: int
    skeleton_voxels: int
    lost_voxels: int
    removed_spurs: int
    uncovered_voxels: int
    components: int

    def __str__(self) -> str:
        return (
            f"{self.vessel_voxels} vessel voxels, {self.skeleton_voxels} in the skeleton"
            f" ({self.lost_voxels} single ones lost), {self.removed_spurs} spurs removed,"
            f" {self.uncovered_voxels} vessel voxels far from it,"
            f" {self.components} connected parts"
        )


def from_mask(
    mask: ArrayLike,
    grid: Any,
    *,
    skeleton: ArrayLike | None = None,
    spur: float = 1.0,
    max_segment: Any = None,
) -> tuple[VesselNetwork, MaskReport]:
    """Return the vessels of a segmented image, and a report.

    Parameters
    ----------
    mask
        Vessel (nonzero) or tissue, shape (nz, ny, nx).
    grid
        A `krogh.space.Grid` or `VoxelFrame` with even spacing.
    skeleton
        Center lines, shape (nz, ny, nx), if you have them; otherwise scikit-image's thinning (Lee,
        Kashyap and Chu 1994) makes them.
    spur
        Dead ends shorter than this many times the radius at the branch, from where they leave, are
        removed: bumps of the wall, not vessels.  0 keeps all.
    max_segment
        Longest segment, default four voxels: between, the line is straight.

    Notes
    -----
    The radius at a voxel of the skeleton is its distance to the nearest tissue voxel less half the
    smallest voxel (the wall lies between the two centers), at least half the smallest voxel, from
    the exact distance transform.  A segment has the mean along it.  Where several voxels of the
    skeleton touch each other at a branch, they are one node at their mean.  Borders of the image
    count as if vessels went on.

    Raises
    ------
    DataError
        KG-188 for a mask of another shape, without vessel, all vessel, or with values that are not
        finite, a skeleton outside the mask, and a grid of uneven spacing.
    MissingExtra
        KG-901 without scikit-image, if no skeleton is given.
    """
    from scipy import ndimage

    frame = frame_of(grid)
    inside = _checked(mask, frame, "mask")
    spacing = _even_spacing(frame)
    if not inside.any() or inside.all():
        kind = "no vessel voxel" if not inside.any() else "vessel voxels only"
        raise DataError(f"KG-188: the mask holds {kind}; a segmentation has both.")
    if skeleton is None:
        morphology = require_extra("skimage.morphology", "from_mask", "imaging")
        # Beyond the border vessels go on, so that the thinning does not eat their ends.
        margin = [min(n, _MARGIN) for n in inside.shape]
        wide = np.pad(inside, [(n, n) for n in margin], mode="edge")
        thin = _thinned(wide, morphology.skeletonize)
        lines = thin[
            tuple(slice(n, n + size) for n, size in zip(margin, inside.shape, strict=True))
        ]
    else:
        lines = _checked(skeleton, frame, "skeleton")
        stray = np.argwhere(lines & ~inside)
        if stray.size:
            raise DataError(
                f"KG-188: the skeleton leaves the mask in {len(stray)} voxels, first at"
                f" {stray[0].tolist()} (z, y, x)."
            )
    depth = ndimage.distance_transform_edt(np.pad(inside, 1, mode="edge"), sampling=spacing)
    depth = depth[1:-1, 1:-1, 1:-1]
    smallest = float(spacing.min())
    radius = np.maximum(depth - 0.5 * smallest, 0.5 * smallest)
    voxels = np.argwhere(lines)
    if not len(voxels):
        raise DataError("KG-188: the skeleton is empty.")
    limit = 4.0 * float(spacing.max()) if max_segment is None else length_um(max_segment, "segment")
    graph = _Graph(lines, voxels, spacing)
    lost = int((graph.degree == 0).sum())
    if lost == len(voxels):
        raise DataError("KG-188: the skeleton holds single voxels only, and no line.")
    removed = graph.remove_spurs(radius[lines], spur) if spur > 0.0 else 0
    nodes, segments, widths = graph.segments(radius[lines], limit)
    middle = (np.stack([0.5 * (f[1:] + f[:-1])[:1] for f in frame.faces])).ravel()
    local = nodes[:, ::-1] * spacing[::-1] + middle
    box = None
    if np.array_equal(frame.direction, np.eye(3)):
        low = np.array([f[0] for f in frame.faces]) + frame.origin
        box = np.array([low, low + [f[-1] - f[0] for f in frame.faces]])
    network = VesselNetwork(
        nodes=local @ frame.direction.T + frame.origin,
        segments=segments,
        diameter=2.0 * widths,
        box=box,
        note="segmented image",
    )
    away, nearest = ndimage.distance_transform_edt(~lines, sampling=spacing, return_indices=True)
    far = inside & (away > 1.5 * radius[tuple(nearest)] + float(spacing.max()))
    report = MaskReport(
        vessel_voxels=int(inside.sum()),
        skeleton_voxels=len(voxels),
        lost_voxels=lost,
        removed_spurs=removed,
        uncovered_voxels=int(far.sum()),
        components=network.num_components,
    )
    return network, report


def _thinned(vessels: Bools, skeletonize: Any) -> Bools:
    """Return the center lines of a mask; every connected part keeps one.

    The thinning of scikit-image 0.26 removes straight vessels whose width is an even number of
    voxels altogether.  Such a part is thinned again with its last layer of voxels along some axes
    taken away, until one width is odd; the line is then off by half a voxel.
    """
    from scipy import ndimage

    thin = np.asarray(skeletonize(vessels), dtype=bool)
    labels, count = ndimage.label(vessels, np.ones((3, 3, 3)))
    for shift in _NARROWER:
        lost = np.ones(count + 1, dtype=bool)
        lost[0] = False
        lost[labels[thin]] = False
        if not lost.any():
            break
        part = lost[labels]
        narrow = part.copy()
        for axis in shift:
            ahead = np.zeros_like(part)
            here = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
            there = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
            ahead[here] = narrow[there]
            narrow &= ahead
        thin |= np.asarray(skeletonize(narrow), dtype=bool)
    return thin


def _checked(values: ArrayLike, frame: VoxelFrame, what: str) -> Bools:
    array = np.asarray(values)
    if array.shape != frame.shape:
        raise DataError(
            f"KG-188: the {what} has the shape {array.shape}, and the grid {frame.shape} (z, y, x)."
        )
    if array.dtype.kind == "f":
        bad = np.argwhere(~np.isfinite(array))
        if bad.size:
            raise DataError(
                f"KG-188: the {what} is not finite in {len(bad)} voxels, first at"
                f" {bad[0].tolist()} (z, y, x)."
            )
    found: Bools = array != 0
    return found


def _even_spacing(frame: VoxelFrame) -> Floats:
    """Return the spacing as z, y, x; KG-188 where it is not even."""
    found = []
    for name, widths in zip("xyz", frame.widths, strict=True):
        if not np.allclose(widths, widths[0], rtol=1e-6):
            raise DataError(f"KG-188: the spacing along {name} is not even; resample the mask.")
        found.append(float(widths.mean()))
    return np.array(found[::-1])


class _Graph:
    """Voxels of a skeleton and which touch; clusters of branching voxels are one node."""

    def __init__(self, lines: Bools, voxels: Indices, spacing: Floats) -> None:
        self.voxels, self.spacing = voxels, spacing
        number = np.full(np.array(lines.shape) + 2, -1, dtype=np.intp)
        number[1:-1, 1:-1, 1:-1][lines] = np.arange(len(voxels))
        pairs = []
        for z, y, x in np.ndindex(3, 3, 3):
            step = np.array([z, y, x]) - 1
            if tuple(step) <= (0, 0, 0):
                continue  # each pair once
            there = number[tuple((voxels + 1 + step).T)]
            here = np.flatnonzero(there >= 0)
            pairs.append(np.column_stack([here, there[here]]))
        self.pairs = self._without_shortcuts(np.concatenate(pairs))
        self.degree = np.bincount(self.pairs.ravel(), minlength=len(voxels))
        self.kept = np.ones(len(voxels), dtype=bool)

    def _without_shortcuts(self, pairs: Indices) -> Indices:
        """Return the pairs less those that a third voxel joins by two shorter steps.

        Three voxels around a corner touch each other; the diagonal makes a false triangle.
        """
        steps = np.abs(self.voxels[pairs[:, 0]] - self.voxels[pairs[:, 1]]).sum(axis=1)
        near: list[dict[int, int]] = [{} for _ in range(len(self.voxels))]
        for (one, two), step in zip(pairs.tolist(), steps.tolist(), strict=True):
            near[one][two] = step
            near[two][one] = step
        keep = np.ones(len(pairs), dtype=bool)
        for index, ((one, two), step) in enumerate(
            zip(pairs.tolist(), steps.tolist(), strict=True)
        ):
            if step > 1:
                both = near[one].keys() & near[two].keys()
                keep[index] = not any(near[one][v] < step and near[two][v] < step for v in both)
        return pairs[keep]

    def _paths(self) -> tuple[Indices, list[list[int]]]:
        """Return the cluster of each branching or end voxel (-1 within paths), and the paths.

        A path begins and ends at voxels of clusters; closed rings begin at their first voxel.
        """
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        alive = self.kept[self.pairs].all(axis=1)
        pairs = self.pairs[alive]
        count = len(self.voxels)
        degree = np.bincount(pairs.ravel(), minlength=count)
        special = self.kept & (degree != 2) & (degree > 0)
        label = np.arange(count)
        inner = special[pairs].all(axis=1) & (degree[pairs] > 2).all(axis=1)
        graph = coo_matrix(
            (np.ones(int(inner.sum())), (pairs[inner, 0], pairs[inner, 1])), shape=(count, count)
        )
        label = connected_components(graph, directed=False)[1]
        near: list[list[int]] = [[] for _ in range(count)]
        for one, two in pairs.tolist():
            near[one].append(two)
            near[two].append(one)
        paths: list[list[int]] = []
        seen: set[tuple[int, int]] = set()

        def follow(start: int, second: int) -> list[int]:
            path = [start, second]
            while not special[path[-1]] and path[-1] != start:
                one, two = near[path[-1]]
                path.append(two if one == path[-2] else one)
            seen.add((path[0], path[1]))
            seen.add((path[-1], path[-2]))
            return path

        for start in np.flatnonzero(special).tolist():
            for second in near[start]:
                same = special[second] and label[start] == label[second]
                if (start, second) not in seen and not same:
                    paths.append(follow(start, second))
        inside = {v for path in paths for v in path}
        for start in np.flatnonzero(self.kept & (degree == 2) & ~special).tolist():
            if start not in inside:  # a ring without a branch
                path = follow(start, near[start][0])
                inside.update(path)
                paths.append(path)
        return np.where(special, label, -1), paths

    def _length(self, path: list[int]) -> float:
        places = self.voxels[path] * self.spacing
        return float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())

    def remove_spurs(self, radius: Floats, factor: float) -> int:
        """Remove dead ends within `factor` radii of their branch, round by round; return how many.

        A vessel that ends is as long as its radius beyond the surface of the one it leaves.
        """
        removed = 0
        while True:
            pairs = self.pairs[self.kept[self.pairs].all(axis=1)]
            degree = np.bincount(pairs.ravel(), minlength=len(self.voxels))
            _, paths = self._paths()
            spurs = []
            for path in paths:
                ends = [path[0], path[-1]]
                dead = [v for v in ends if degree[v] == 1]
                if len(dead) == 1:
                    base = ends[0] if ends[1] == dead[0] else ends[1]
                    if self._length(path) < factor * radius[base]:
                        spurs.append((self._length(path), path, base))
            if not spurs:
                return removed
            # The shortest of each branch only: the other arms may then be one vessel.
            done: set[int] = set()
            for _, path, base in sorted(spurs, key=lambda spur: spur[0]):
                if base not in done:
                    done.add(base)
                    self.kept[[v for v in path if v != base]] = False
                    removed += 1

    def segments(self, radius: Floats, limit: float) -> tuple[Floats, Indices, Floats]:
        """Return places (z, y, x in voxels), pairs and radii of the segments."""
        label, paths = self._paths()
        places: list[Any] = []
        number: dict[tuple[str, int], int] = {}

        def node(key: tuple[str, int], voxels: Indices) -> int:
            if key not in number:
                number[key] = len(places)
                places.append(self.voxels[voxels].mean(axis=0))
            return number[key]

        members: dict[int, list[int]] = {}
        for voxel in np.flatnonzero(label >= 0).tolist():
            members.setdefault(int(label[voxel]), []).append(voxel)
        pairs: list[tuple[int, int]] = []
        widths: list[float] = []
        for path in paths:
            length = self._length(path)
            parts = max(1, int(np.ceil(length / limit * (1.0 - 1e-12))))
            closed = path[0] == path[-1] or (
                label[path[0]] >= 0 and label[path[0]] == label[path[-1]]
            )
            parts = max(parts, 3 if closed else 1)
            parts = min(parts, len(path) - 1)
            if closed and parts < 3:
                continue  # a loop within the voxels of one branch
            cuts = np.round(np.linspace(0, len(path) - 1, parts + 1)).astype(int)
            stops = []
            for cut in cuts.tolist():
                voxel = path[cut]
                own = int(label[voxel])
                if own >= 0:
                    stops.append(node(("cluster", own), np.array(members[own])))
                else:
                    stops.append(node(("voxel", voxel), np.array([voxel])))
            for index in range(parts):
                piece = path[cuts[index] : cuts[index + 1] + 1]
                if stops[index] != stops[index + 1]:
                    pairs.append((stops[index], stops[index + 1]))
                    widths.append(float(radius[piece].mean()))
        return _once(np.array(places), np.array(pairs, dtype=np.intp), np.array(widths))


def _once(places: Floats, pairs: Indices, widths: Floats) -> tuple[Floats, Indices, Floats]:
    """Return the segments with a node put into the middle of those that stand twice."""
    ordered = np.sort(pairs, axis=1)
    _, first, inverse = np.unique(ordered, axis=0, return_index=True, return_inverse=True)
    twice = first[inverse.ravel()] != np.arange(len(pairs))
    if not twice.any():
        return places, pairs, widths
    double = np.flatnonzero(twice)
    middle = places[pairs[double]].mean(axis=1)
    # Half a voxel aside, so that the two vessels do not lie in one place.
    middle[:, 0] += 0.5
    new = len(places) + np.arange(double.size)
    kept = np.flatnonzero(~twice)
    return (
        np.concatenate([places, middle]),
        np.concatenate(
            [
                pairs[kept],
                np.column_stack([pairs[double, 0], new]),
                np.column_stack([new, pairs[double, 1]]),
            ]
        ),
        np.concatenate([widths[kept], widths[double], widths[double]]),
    )
