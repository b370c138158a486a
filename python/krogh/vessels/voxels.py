"""Vessels in the voxels of a grid: lengths, surfaces, exchange that does not depend on the grid.

SPDX-License-Identifier: BSD-3-Clause

Vessels thinner than a voxel are lines: their surface lies in the voxels they cross, or is spread
over a disc around the line whose radius does not depend on the grid.  Vessels whose radius is above
half a voxel are resolved: their voxels are lumen, and their surface lies in the tissue voxels that
touch the lumen, face by face.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from krogh.errors import DataError
from krogh.vessels.checks import first_few, length_um, numbers, summed
from krogh.vessels.clip import Pieces, clip
from krogh.vessels.distance import distance_to_vessel, nearest_segment
from krogh.vessels.frame import VoxelFrame, frame_of
from krogh.vessels.network import VesselNetwork

__all__ = ["VesselVoxels", "WallFaces", "line_exchange", "voxelize"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_DISC = (4, 12)
"""Rings of equal area and points on each ring of the quadrature of a disc: 48 points.

Rings at the radii that halve the areas integrate r^2 exactly; twelve points integrate every
polynomial of degree 11 in the angle."""


@dataclass(frozen=True, eq=False)
class WallFaces:
    """Faces between tissue and the lumen of resolved vessels, one entry for each segment there.

    Attributes
    ----------
    segment, voxel, axis
        The segment, the flat number of the tissue voxel, and the axis x, y, z (0, 1, 2) to which
        the face is normal, shape (k,).
    area
        Of the face, um^2; where several segments share it, the part of each.
    surface
        Of the vessel behind it, um^2: a staircase has more area than the tube it stands for, so
        that these, not `area`, add up to the surface of each segment.
    """

    segment: NDArray[np.intp]
    voxel: NDArray[np.intp]
    axis: NDArray[np.intp]
    area: Floats
    surface: Floats


@dataclass(frozen=True, eq=False)
class VesselVoxels:
    """Vessels on a grid; fields have the shape (nz, ny, nx).

    Attributes
    ----------
    network, frame
        The vessels and where the voxels lie.
    pieces
        Parts of segments within single voxels (`krogh.vessels.clip.Pieces`).
    kernel_radius
        um; 0 where the surface lies in the voxels that the lines cross.
    resolved
        Segments whose radius is above half the widest voxel they could lie in, shape (m,).
    lumen
        Voxels whose center lies within a resolved vessel.
    wall
        Tissue voxels that share a face with the lumen.
    buried
        Length of thin segments within the lumen of resolved ones, um, shape (m,): it has no wall.
    weights
        Sparse (m, voxels): length of each segment, um, that exchanges with each voxel, by kernel or
        crossing; of resolved segments by their share of the wall.  Rows add up to the length of the
        segment within the grid, less what is buried.
    faces
        Of the lumen of resolved vessels (`WallFaces`).
    """

    network: VesselNetwork
    frame: VoxelFrame
    pieces: Pieces
    kernel_radius: float
    resolved: Bools
    lumen: Bools
    wall: Bools
    buried: Floats
    weights: Any
    faces: WallFaces

    @cached_property
    def length(self) -> Floats:
        """Length of vessel that crosses each voxel, um."""
        inside = self.pieces.voxel >= 0
        total = summed(self.pieces.voxel[inside], self.pieces.length[inside], self.frame.num_voxels)
        return total.reshape(self.frame.shape)

    @property
    def length_density(self) -> Floats:
        """Length of vessel per volume, 1/um^2."""
        return self.length / self.frame.volumes

    @cached_property
    def inside_length(self) -> Floats:
        """Length of each segment within the grid, um, shape (m,)."""
        inside = self.pieces.voxel >= 0
        return summed(
            self.pieces.segment[inside], self.pieces.length[inside], self.network.num_segments
        )

    @cached_property
    def surface_density(self) -> Floats:
        """Vessel surface per volume with which each voxel exchanges, 1/um: S/V."""
        return self.spread(np.pi * self.network.diameter)

    @cached_property
    def volume_fraction(self) -> Floats:
        """Volume of thin vessels per volume of voxel, and 1 in the lumen of resolved vessels."""
        inside = (self.pieces.voxel >= 0) & ~self.resolved[self.pieces.segment]
        area = 0.25 * np.pi * self.network.diameter**2
        amount = summed(
            self.pieces.voxel[inside],
            (area[self.pieces.segment] * self.pieces.length)[inside],
            self.frame.num_voxels,
        ).reshape(self.frame.shape)
        return np.where(self.lumen, 1.0, amount / self.frame.volumes)

    def spread(self, per_length: ArrayLike) -> Floats:
        """Return a field per volume from an amount per length of each segment, shape (m,).

        With `per_length` in amount per um (and time), the field has amount per um^3 (and time);
        its sum times the volumes is the sum of amount times the length within the grid.
        """
        values = numbers(per_length, (self.network.num_segments,), "per_length")
        found = np.asarray(self.weights.T @ values).reshape(self.frame.shape)
        return found / self.frame.volumes

    def average(self, field: ArrayLike) -> Floats:
        """Return the mean of a field around each segment, by the same weights, shape (m,).

        NaN for segments outside the grid.
        """
        values = numbers(field, self.frame.shape, "field").ravel()
        total = np.asarray(self.weights.sum(axis=1)).ravel()
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(total > 0.0, np.asarray(self.weights @ values) / total, np.nan)

    def distance(self, *, wall: bool = False) -> Floats:
        """Return the distance of each voxel's center to the nearest vessel, um."""
        found = distance_to_vessel(self.network, self.frame.centers(), wall=wall)
        return found.reshape(self.frame.shape)

    def __repr__(self) -> str:
        z, y, x = self.frame.shape
        return (
            f"<VesselVoxels: {x} x {y} x {z} voxels, {self.inside_length.sum() / 1000.0:.4g} mm of"
            f" {self.network.lengths.sum() / 1000.0:.4g} mm inside,"
            f" {int(self.resolved.sum())} segments resolved>"
        )


def voxelize(
    network: VesselNetwork,
    grid: Any,
    *,
    kernel_radius: Any = None,
    resolve: bool = True,
) -> VesselVoxels:
    """Put vessels into the voxels of a grid.

    Parameters
    ----------
    network
        The vessels.
    grid
        A `krogh.space.Grid` or `krogh.vessels.VoxelFrame`.
    kernel_radius
        Radius of a disc around each thin vessel over which its exchange is spread, the same on
        every grid; None puts it into the voxels that the vessel crosses.  Parts of a disc beyond
        the grid go to the nearest voxel, so nothing is lost.
    resolve
        Whether vessels with a radius above half a voxel become lumen with a wall.

    Notes
    -----
    Lengths are exact: each segment is cut at the faces.  With a kernel the concentration that a
    vessel sees is the mean over the same disc (`VesselVoxels.average`), and `line_exchange` gives
    the permeability that accounts for the profile within it (for kernels: Koch et al. 2019,
    arXiv:1905.03346).

    Raises
    ------
    DataError
        KG-185 for the grid or the radius, or a resolved vessel whose wall touches no tissue voxel.
    """
    from scipy.sparse import coo_matrix

    frame = frame_of(grid)
    radius = 0.0 if kernel_radius is None else length_um(kernel_radius, "kernel_radius")
    if not 0.0 <= radius < np.inf:
        raise DataError(f"KG-185: kernel_radius must not be negative, found {kernel_radius}.")
    pieces = clip(network, frame)
    widest = max(float(widths.max()) for widths in frame.widths)
    large = network.radius > 0.5 * widest if resolve else np.zeros(network.num_segments, dtype=bool)
    inside = pieces.voxel >= 0
    large[np.bincount(pieces.segment[inside], minlength=network.num_segments) == 0] = False
    lumen, wall, faces, lengths = _resolved_walls(network, frame, pieces, large)
    thin = inside & ~large[pieces.segment]
    within = np.zeros(pieces.voxel.size, dtype=bool)
    within[thin] = lumen.ravel()[pieces.voxel[thin]]
    buried = summed(pieces.segment[within], pieces.length[within], network.num_segments)
    thin &= ~within
    if radius == 0.0:
        parts = (pieces.segment[thin], pieces.voxel[thin], pieces.length[thin])
    else:
        parts = _spread_over_discs(network, frame, pieces, np.flatnonzero(thin), radius)
        parts = _out_of_lumen(parts, lumen.ravel(), network.num_segments)
    weights = coo_matrix(
        (
            np.concatenate([parts[2], lengths]),
            (
                np.concatenate([parts[0], faces.segment]),
                np.concatenate([parts[1], faces.voxel]),
            ),
        ),
        shape=(network.num_segments, frame.num_voxels),
    ).tocsr()
    return VesselVoxels(network, frame, pieces, radius, large, lumen, wall, buried, weights, faces)


def line_exchange(
    permeability: ArrayLike,
    diffusivity: float,
    void_fraction: float,
    radius: ArrayLike,
    *,
    kernel_radius: float | None = None,
    spacing: float | None = None,
) -> Floats:
    """Return the permeability at which a line must exchange to act as a tube of its radius.

    The exchange per length is ``q = 2 pi R P' (Cp - C/eps)`` with the concentration C (per total
    tissue volume) read where the line is: the mean over the disc of `kernel_radius`, or the voxel
    crossed by the line on a square grid of `spacing`; um, s.

    Notes
    -----
    Around a line that gives q the profile is ``C(r) = C(R) - q/(2 pi D) ln(r/R)``.  A voxel holds
    the concentration at ``r0 = h e^-gamma / (2 sqrt 2) = 0.1985 h`` (five-point stencil; Peaceman
    1978, doi:10.2118/6893-PA, with the constant of a single cell in a uniform grid), so
    ``P' = P / (1 + P R/(eps D) ln(r0/R))``.  A source spread evenly over a disc of radius rho has
    the mean ``C(rho) + q/(8 pi D)``, which is the profile at ``r0 = rho e^-1/4``.

    Raises
    ------
    DataError
        KG-185 unless exactly one of kernel_radius and spacing is given, or if a radius is not below
        r0: the logarithm turns negative and a vessel that wide needs a kernel, or to be resolved.
    """
    if (kernel_radius is None) == (spacing is None):
        raise DataError("KG-185: give either kernel_radius or spacing.")
    if kernel_radius is not None:
        reach = kernel_radius * np.exp(-0.25)
    elif spacing is not None:
        reach = spacing * np.exp(-np.euler_gamma) / np.sqrt(8.0)
    own = np.asarray(radius, dtype=np.float64)
    wide = np.flatnonzero(np.atleast_1d(own) >= reach)
    if wide.size:
        raise DataError(
            f"KG-185: the radius of vessel {first_few(wide)} (counted from 0) is not below"
            f" {reach:.3g} um, where the concentration is read.  Use a wider kernel_radius, or"
            " resolve the vessel."
        )
    wall = np.asarray(permeability, dtype=np.float64)
    found: Floats = wall / (1.0 + wall * own / (void_fraction * diffusivity) * np.log(reach / own))
    return found


def _spread_over_discs(
    network: VesselNetwork, frame: VoxelFrame, pieces: Pieces, chosen: NDArray[np.intp], rho: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Return segment, voxel and length of the parts of discs around pieces of thin vessels."""
    narrowest = min(float(widths.min()) for widths in frame.widths)
    # Discs stand no farther apart than half a voxel.
    count = np.maximum(1, np.ceil(pieces.length[chosen] / (0.5 * narrowest))).astype(np.intp)
    piece = np.repeat(chosen, count)
    step = np.arange(piece.size) - np.repeat(np.cumsum(count) - count, count)
    each = np.repeat(count, count)
    share = pieces.start[piece] + (step + 0.5) / each * (pieces.stop[piece] - pieces.start[piece])
    segment = pieces.segment[piece]
    center = network.nodes[network.segments[segment, 0]] + share[:, None] * network.vectors[segment]
    one, two = _normals(network.vectors / network.lengths[:, None])
    rings, angles = _DISC
    # More rings where the disc spans many voxels, so that no voxel within it is missed.
    rings = max(rings, int(np.ceil(2.0 * rho / narrowest)))
    angles = max(angles, int(np.ceil(2.0 * np.pi * 2.0 * rho / narrowest)))
    weight = pieces.length[piece] / each / (rings * angles)
    local = frame.to_local(center)
    side, other = one[segment] @ frame.direction, two[segment] @ frame.direction
    from scipy.sparse import coo_matrix

    shape = (network.num_segments, frame.num_voxels)
    total = coo_matrix(shape).tocsr()
    for ring in range(rings):
        reach = rho * np.sqrt((ring + 0.5) / rings)
        turns = 2.0 * np.pi * (np.arange(angles) + 0.5 * (ring % 2)) / angles
        voxels = [
            frame.locate(local + reach * (np.cos(turn) * side + np.sin(turn) * other), clamp=True)
            for turn in turns
        ]
        entries = (np.tile(weight, angles), (np.tile(segment, angles), np.concatenate(voxels)))
        total = total + coo_matrix(entries, shape=shape).tocsr()
    merged = total.tocoo()
    return merged.row.astype(np.intp), merged.col.astype(np.intp), merged.data


def _out_of_lumen(
    parts: tuple[NDArray[np.intp], NDArray[np.intp], Floats], lumen: Bools, count: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Return the parts outside the lumen, scaled so that every segment keeps its length."""
    segment, voxel, length = parts
    out = ~lumen[voxel]
    if out.all():
        return parts
    whole = summed(segment, length, count)
    left = summed(segment[out], length[out], count)
    lost = np.flatnonzero((whole > 0.0) & (left == 0.0))
    if lost.size:
        raise DataError(
            f"KG-185: the whole disc around segment {first_few(lost)} (counted from 0) lies in the"
            " lumen of a resolved vessel; use a larger kernel_radius or finer voxels."
        )
    segment, voxel = segment[out], voxel[out]
    return segment, voxel, length[out] * (whole / np.where(left > 0.0, left, 1.0))[segment]


def _normals(axis: Floats) -> tuple[Floats, Floats]:
    """Return two unit vectors normal to each unit vector and to each other."""
    least = np.argmin(np.abs(axis), axis=1)
    pick = np.eye(3)[least]
    one = np.cross(axis, pick)
    one /= np.linalg.norm(one, axis=1)[:, None]
    return one, np.cross(axis, one)


def _resolved_walls(
    network: VesselNetwork, frame: VoxelFrame, pieces: Pieces, large: Bools
) -> tuple[Bools, Bools, WallFaces, Floats]:
    """Return lumen and wall voxels, faces between them, and the length of vessel behind each."""
    empty = np.zeros(0, dtype=np.intp)
    lumen = np.zeros(frame.shape, dtype=bool)
    if not large.any():
        none = WallFaces(empty, empty, empty, np.zeros(0), np.zeros(0))
        return lumen, lumen.copy(), none, np.zeros(0)
    from scipy.spatial import cKDTree

    chosen = np.flatnonzero(large)
    tubes = network.subset(chosen)
    near = _near(tubes, frame)
    depth, nearest = nearest_segment(tubes, frame.centers()[near], wall=True)
    lumen.reshape(-1)[near[depth < 0.0]] = True
    owner = np.zeros(frame.num_voxels, dtype=np.intp)
    owner[near] = nearest
    owner = owner.reshape(frame.shape)
    x, y, z = frame.widths
    areas = (
        np.broadcast_to((y[:, None] * x)[None, :, :], frame.shape),
        np.broadcast_to(z[:, None, None] * x, frame.shape),
        np.broadcast_to((z[:, None] * y)[:, :, None], frame.shape),
    )
    wall = np.zeros(frame.shape, dtype=bool)
    flat = np.arange(frame.num_voxels).reshape(frame.shape)
    rows, columns, normals, shares = [], [], [], []
    for axis in range(3):
        low = tuple(slice(None, -1) if a == axis else slice(None) for a in range(3))
        high = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        for tube, tissue in ((low, high), (high, low)):
            face = lumen[tube] & ~lumen[tissue]
            wall[tissue] |= face
            rows.append(owner[tube][face])
            columns.append(flat[tissue][face])
            normals.append(np.full(rows[-1].size, 2 - axis, dtype=np.intp))
            shares.append(areas[axis][tissue][face])
    row, column = np.concatenate(rows), np.concatenate(columns)
    normal, area = np.concatenate(normals), np.concatenate(shares)
    number = np.arange(area.size)
    total = summed(row, area, chosen.size)
    inside = pieces.voxel >= 0
    length = summed(pieces.segment[inside], pieces.length[inside], network.num_segments)[chosen]
    # A segment shorter than a voxel may have no lumen voxel of its own: its surface is then that of
    # the nearest resolved segment which has.
    bare = np.flatnonzero((total == 0.0) & (length > 0.0))
    clad = np.flatnonzero(total > 0.0)
    if bare.size and not clad.size:
        raise DataError(
            f"KG-185: segment {first_few(chosen[bare])} (counted from 0) is wider than a voxel, and"
            " no tissue voxel touches its lumen; use finer voxels, or `resolve=False`."
        )
    if bare.size:
        middle = tubes.nodes[tubes.segments].mean(axis=1)
        heirs = clad[cKDTree(middle[clad]).query(middle[bare])[1]]
        order = np.argsort(row, kind="stable")
        first = np.searchsorted(row[order], np.arange(chosen.size + 1))
        for segment, heir in zip(bare, heirs, strict=True):
            entries = order[first[heir] : first[heir + 1]]
            row = np.concatenate([row, np.full(entries.size, segment)])
            column = np.concatenate([column, column[entries]])
            normal = np.concatenate([normal, normal[entries]])
            number = np.concatenate([number, number[entries]])
            area = np.concatenate([area, area[entries]])
            total[segment] = total[heir]
    along = area / total[row] * length[row]
    surface = 2.0 * np.pi * network.radius[chosen][row] * along
    shared = summed(number, surface, int(number.max(initial=-1)) + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(shared[number] > 0.0, surface / shared[number], 0.0)
    return lumen, wall, WallFaces(chosen[row], column, normal, area * part, surface), along


def _near(tubes: VesselNetwork, frame: VoxelFrame) -> NDArray[np.intp]:
    """Return the voxels whose center may lie within a vessel, flat numbers."""
    from scipy.ndimage import binary_dilation

    # Points along the vessels, at most a voxel apart; those beyond the grid stand at its border.
    narrowest = min(float(widths.min()) for widths in frame.widths)
    count = np.maximum(2, np.ceil(tubes.lengths / narrowest).astype(np.intp) + 1)
    which = np.repeat(np.arange(count.size), count)
    step = np.arange(which.size) - np.repeat(np.cumsum(count) - count, count)
    share = step / (count[which] - 1)
    points = tubes.nodes[tubes.segments[which, 0]] + share[:, None] * tubes.vectors[which]
    crossed = np.zeros(frame.num_voxels, dtype=bool)
    crossed[frame.locate(frame.to_local(points), clamp=True)] = True
    reach = int(np.ceil(float(tubes.radius.max()) / narrowest)) + 2
    near = binary_dilation(
        crossed.reshape(frame.shape), structure=np.ones((3, 3, 3), dtype=bool), iterations=reach
    )
    return np.flatnonzero(near)
