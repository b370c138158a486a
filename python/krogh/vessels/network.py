"""A network of vessels: straight segments between nodes, with diameters and what flows in them.

SPDX-License-Identifier: BSD-3-Clause

Lengths in um, flow in nl/min, pressure in mmHg; x, y, z in this order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from krogh.errors import DataError
from krogh.vessels.checks import (
    check_graph,
    check_values,
    counts_of,
    first_few,
    length_um,
    numbers,
    whole_numbers,
)

if TYPE_CHECKING:
    from krogh.vessels.statistics import Statistics
    from krogh.vessels.voxels import VesselVoxels

__all__ = ["Boundary", "VesselNetwork"]

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


_FARTHEST = 1e12
"""Largest coordinate, um: a thousand kilometers are a wrong unit, and squares stay finite."""


@dataclass(frozen=True, eq=False)
class Boundary:
    """What is known where vessels enter and leave: one pressure or one flow at each node.

    Attributes
    ----------
    nodes
        Nodes, shape (b,), each once.
    is_pressure
        Whether the value is a pressure (mmHg) or a flow (nl/min, positive into the network).
    values
        Shape (b,).
    hematocrit
        Discharge hematocrit of what enters there, shape (b,); NaN where it is not known.
    others
        Further columns of a file by name, shape (b,) each, such as ``"PO2"``.
    """

    nodes: Indices
    is_pressure: NDArray[np.bool_]
    values: Floats
    hematocrit: Floats
    others: Mapping[str, Floats] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        pressures: Mapping[int, float] | None = None,
        flows: Mapping[int, float] | None = None,
        hematocrit: Mapping[int, float] | float | None = None,
    ) -> Boundary:
        """Return conditions from ``{node: mmHg}`` and ``{node: nl/min into the network}``.

        Raises
        ------
        DataError
            KG-184 if a node has both, or nothing is given.
        """
        pressures, flows = dict(pressures or {}), dict(flows or {})
        both = sorted(set(pressures) & set(flows))
        if both:
            raise DataError(f"KG-184: node {first_few(both)} has a pressure and a flow; give one.")
        nodes = [*pressures, *flows]
        if not nodes:
            raise DataError("KG-184: no pressure and no flow is given.")
        known = hematocrit if isinstance(hematocrit, Mapping) else {}
        rest = np.nan if hematocrit is None or isinstance(hematocrit, Mapping) else hematocrit
        strangers = sorted(set(known) - set(nodes))
        if strangers:
            raise DataError(
                f"KG-184: node {first_few(strangers)} has a hematocrit but no pressure or flow."
            )
        return cls(
            nodes=np.array(nodes, dtype=np.intp),
            is_pressure=np.array([True] * len(pressures) + [False] * len(flows)),
            values=np.array([*pressures.values(), *flows.values()], dtype=np.float64),
            hematocrit=np.array([known.get(n, rest) for n in nodes], dtype=np.float64),
        )

    def __post_init__(self) -> None:
        count = len(np.atleast_1d(np.asarray(self.nodes)))
        object.__setattr__(self, "nodes", whole_numbers(self.nodes, (count,), "boundary nodes"))
        kinds = np.array(self.is_pressure, dtype=np.bool_)
        if kinds.shape != (count,):
            raise DataError(f"KG-180: is_pressure must have the shape {count}, not {kinds.shape}.")
        kinds.flags.writeable = False
        object.__setattr__(self, "is_pressure", kinds)
        values = numbers(self.values, (count,), "boundary values")
        check_values(values, "the boundary value", item="boundary node")
        object.__setattr__(self, "values", values)
        cells = numbers(self.hematocrit, (count,), "boundary hematocrit")
        known = cells[~np.isnan(cells)]
        check_values(known, "the boundary hematocrit", low=0.0, high=0.99, item="boundary node")
        object.__setattr__(self, "hematocrit", cells)
        others = {
            name: numbers(values, (count,), f"boundary column {name}")
            for name, values in self.others.items()
        }
        object.__setattr__(self, "others", others)
        twice = self.nodes[np.bincount(self.nodes, minlength=1)[self.nodes] > 1]
        if twice.size:
            raise DataError(
                f"KG-184: node {first_few(np.unique(twice))} has more than one boundary condition."
            )


@dataclass(frozen=True, eq=False)
class VesselNetwork:
    """Vessels as a graph; every array is a read-only copy and checked.

    Attributes
    ----------
    nodes
        Places, um, shape (n, 3).
    segments
        The two nodes of each segment, counted from 0, shape (m, 2).
    diameter
        Inner diameter, um, shape (m,).
    flow
        Flow from the first to the second node, nl/min, shape (m,), or None.
    hematocrit
        Discharge hematocrit, shape (m,), or None.
    pressure
        Pressure at the nodes, mmHg, shape (n,), or None.
    kind
        A number for the kind of each segment (a file's own meaning), shape (m,), or None.
    boundary
        What is known at the ends, or None.
    box
        Lower and upper corner of the tissue, um, shape (2, 3), or None: the smallest box.
    names
        Names of ``"nodes"`` and ``"segments"`` in the file they came from.
    note
        Where it came from.

    Raises
    ------
    DataError
        KG-180 to KG-184, see `krogh.vessels.checks`.
    """

    nodes: Floats
    segments: Indices
    diameter: Floats
    flow: Floats | None = None
    hematocrit: Floats | None = None
    pressure: Floats | None = None
    kind: Indices | None = None
    boundary: Boundary | None = None
    box: Floats | None = None
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        def put(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        put("nodes", numbers(self.nodes, (None, 3), "nodes"))
        check_values(self.nodes, "the place", item="node", low=-_FARTHEST, high=_FARTHEST)
        put("segments", whole_numbers(self.segments, (None, 2), "segments"))
        check_graph(self.nodes, self.segments)
        count = len(self.segments)
        put("diameter", numbers(self.diameter, (count,), "diameter"))
        check_values(self.diameter, "the diameter", positive=True)
        if self.flow is not None:
            put("flow", numbers(self.flow, (count,), "flow"))
            check_values(self.flow, "the flow")
        if self.hematocrit is not None:
            put("hematocrit", numbers(self.hematocrit, (count,), "hematocrit"))
            check_values(self.hematocrit, "the hematocrit", low=0.0, high=0.99)
        if self.pressure is not None:
            put("pressure", numbers(self.pressure, (len(self.nodes),), "pressure"))
            check_values(self.pressure, "the pressure", item="node")
        if self.kind is not None:
            put("kind", whole_numbers(self.kind, (count,), "kind"))
        if self.boundary is not None and self.boundary.nodes.max(initial=-1) >= len(self.nodes):
            raise DataError(
                f"KG-184: boundary node {self.boundary.nodes.max()} does not exist; there are"
                f" {len(self.nodes)} nodes, counted from 0."
            )
        if self.box is not None:
            put("box", numbers(self.box, (2, 3), "box"))
            if not (np.isfinite(self.box).all() and (self.box[1] > self.box[0]).all()):
                raise DataError(
                    "KG-180: the box must have its lower corner below its upper corner, found"
                    f" {self.box[0].tolist()} and {self.box[1].tolist()}."
                )

    # --- geometry ---------------------------------------------------------------------------------

    @property
    def num_nodes(self) -> int:
        """Number of nodes."""
        return len(self.nodes)

    @property
    def num_segments(self) -> int:
        """Number of segments."""
        return len(self.segments)

    @cached_property
    def vectors(self) -> Floats:
        """From the first to the second node of each segment, um, shape (m, 3)."""
        found: Floats = self.nodes[self.segments[:, 1]] - self.nodes[self.segments[:, 0]]
        found.flags.writeable = False
        return found

    @cached_property
    def lengths(self) -> Floats:
        """Length of each segment, um, shape (m,)."""
        found: Floats = np.linalg.norm(self.vectors, axis=1)
        found.flags.writeable = False
        return found

    @property
    def radius(self) -> Floats:
        """Radius of each segment, um, shape (m,)."""
        found: Floats = 0.5 * self.diameter
        return found

    @cached_property
    def surfaces(self) -> Floats:
        """Lateral surface of each segment, um^2, shape (m,)."""
        found: Floats = np.pi * self.diameter * self.lengths
        return found

    @cached_property
    def volumes(self) -> Floats:
        """Volume of each segment, um^3, shape (m,)."""
        found: Floats = 0.25 * np.pi * self.diameter**2 * self.lengths
        return found

    @cached_property
    def degrees(self) -> Indices:
        """How many segments meet at each node, shape (n,)."""
        return counts_of(self.segments, self.num_nodes)

    @property
    def ends(self) -> Indices:
        """Nodes with a single segment."""
        return np.flatnonzero(self.degrees == 1)

    @property
    def tissue_box(self) -> Floats:
        """The box, or the smallest one around all nodes, um, shape (2, 3)."""
        if self.box is not None:
            return self.box
        return np.array([self.nodes.min(axis=0), self.nodes.max(axis=0)])

    def on_face(self, axis: str, end: str, tolerance: Any = "0.001 um") -> Indices:
        """Return the nodes on a face of the box: `axis` "x", "y", "z" and `end` "low" or "high".

        Raises
        ------
        DataError
            KG-185 for another axis or end.
        """
        if axis not in ("x", "y", "z") or end not in ("low", "high"):
            raise DataError(
                f"KG-185: a face is an axis 'x', 'y' or 'z' and 'low' or 'high', not {axis!r} and"
                f" {end!r}."
            )
        number = "xyz".index(axis)
        place = self.tissue_box[0 if end == "low" else 1, number]
        near = np.abs(self.nodes[:, number] - place) <= length_um(tolerance, "tolerance")
        return np.flatnonzero(near)

    # --- parts ------------------------------------------------------------------------------------

    @cached_property
    def _labels(self) -> Indices:
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        pairs = (np.ones(self.num_segments), (self.segments[:, 0], self.segments[:, 1]))
        graph = coo_matrix(pairs, shape=(self.num_nodes, self.num_nodes))
        return np.asarray(connected_components(graph, directed=False)[1], dtype=np.intp)

    def components(self) -> Indices:
        """Return the connected part of each node, numbered from 0, shape (n,)."""
        return self._labels

    @property
    def num_components(self) -> int:
        """Number of connected parts."""
        return int(self._labels.max()) + 1

    def require_connected(self) -> VesselNetwork:
        """Return the network itself; KG-183 if it has more than one part."""
        if self.num_components > 1:
            sizes = np.bincount(self._labels)
            order = np.argsort(-sizes, kind="stable")
            raise DataError(
                f"KG-183: the network has {self.num_components} parts that are not connected, of"
                f" {first_few(sizes[order])} nodes; the second largest holds node"
                f" {first_few(np.flatnonzero(self._labels == order[1]))} (counted from 0)."
                "  `.largest()` keeps the largest part, `.merged(tolerance)` joins near nodes."
            )
        return self

    def subset(self, segments: ArrayLike) -> VesselNetwork:
        """Return the network of some segments (a mask or indices) and the nodes they use."""
        chosen = np.asarray(segments)
        keep = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen.astype(np.intp)
        if chosen.dtype == np.bool_ and chosen.shape != (self.num_segments,):
            raise DataError(
                f"KG-180: the mask of segments needs the shape {self.num_segments}, not"
                f" {chosen.shape}."
            )
        wrong = keep[(keep < 0) | (keep >= self.num_segments)]
        if wrong.size:
            raise DataError(
                f"KG-180: there is no segment {first_few(wrong)}; there are {self.num_segments},"
                " counted from 0."
            )
        used, renumbered = np.unique(self.segments[keep], return_inverse=True)
        place = np.full(self.num_nodes, -1, dtype=np.intp)
        place[used] = np.arange(used.size)

        def part(values: Any, index: Indices) -> Any:
            return None if values is None else values[index]

        boundary = self.boundary
        if boundary is not None:
            inside = np.flatnonzero(place[boundary.nodes] >= 0)
            boundary = (
                Boundary(
                    place[boundary.nodes[inside]],
                    boundary.is_pressure[inside],
                    boundary.values[inside],
                    boundary.hematocrit[inside],
                    {name: values[inside] for name, values in boundary.others.items()},
                )
                if inside.size
                else None
            )
        indices = {"nodes": used, "segments": keep}
        names = {what: tuple(name[i] for i in indices[what]) for what, name in self.names.items()}
        return replace(
            self,
            nodes=self.nodes[used],
            segments=renumbered.reshape(-1, 2),
            diameter=self.diameter[keep],
            flow=part(self.flow, keep),
            hematocrit=part(self.hematocrit, keep),
            pressure=part(self.pressure, used),
            kind=part(self.kind, keep),
            boundary=boundary,
            names=names,
        )

    def largest(self) -> VesselNetwork:
        """Return the connected part of the greatest total length."""
        label = self._labels[self.segments[:, 0]]
        return self.subset(label == np.argmax(np.bincount(label, weights=self.lengths)))

    def merged(self, tolerance: Any) -> VesselNetwork:
        """Return the network in which nodes nearer than `tolerance` are one node.

        Chains of near nodes become one node at their mean place; segments between nodes that
        became one, and segments that became the same, go.  `krogh.vessels.repaired` does the same
        for raw arrays and reports what it changed.
        """
        from krogh.vessels.repair import repaired

        return repaired(self, tolerance=tolerance)[0]

    def subdivided(self, max_length: Any) -> VesselNetwork:
        """Return the network with segments no longer than `max_length`, cut into equal parts.

        The parts of a segment follow each other in its direction; flow, hematocrit, diameter and
        kind are those of the segment, pressures are linear along it.  `parents_of` says which part
        came from which segment.
        """
        limit = length_um(max_length, "max_length")
        if not limit > 0.0:
            raise DataError(f"KG-185: max_length must be positive, not {max_length}.")
        parts = self._parts(limit)
        owner = np.repeat(np.arange(self.num_segments), parts)
        first = np.repeat(np.cumsum(parts) - parts, parts)
        step = np.arange(owner.size) - first  # 0, 1, ... within each segment
        extra = parts - 1
        base = self.num_nodes + np.cumsum(extra) - extra  # first new node of each segment
        start = np.where(step == 0, self.segments[owner, 0], base[owner] + step - 1)
        stop = np.where(step == parts[owner] - 1, self.segments[owner, 1], base[owner] + step)
        inner = step > 0
        share = (step[inner] / parts[owner[inner]])[:, None]
        head = self.segments[owner[inner], 0]
        new = self.nodes[head] + share * self.vectors[owner[inner]]
        pressure = self.pressure
        if pressure is not None:
            tail = self.segments[owner[inner], 1]
            between = pressure[head] + share[:, 0] * (pressure[tail] - pressure[head])
            pressure = np.concatenate([pressure, between])

        def spread(values: Any) -> Any:
            return None if values is None else values[owner]

        return replace(
            self,
            nodes=np.concatenate([self.nodes, new]),
            segments=np.column_stack([start, stop]),
            diameter=self.diameter[owner],
            flow=spread(self.flow),
            hematocrit=spread(self.hematocrit),
            kind=spread(self.kind),
            pressure=pressure,
            names={},
        )

    def _parts(self, limit: float) -> Indices:
        # A segment of exactly the limit stays whole in spite of round-off in its length.
        return np.maximum(1, np.ceil(self.lengths / limit * (1.0 - 1e-12))).astype(np.intp)

    def parents_of(self, max_length: Any) -> Indices:
        """Return the segment from which each segment of ``subdivided(max_length)`` came."""
        parts = self._parts(length_um(max_length, "max_length"))
        return np.repeat(np.arange(self.num_segments), parts)

    def replace(self, **changes: Any) -> VesselNetwork:
        """Return the network with some arrays changed, checked anew."""
        return replace(self, **changes)

    # --- what others compute from it --------------------------------------------------------------

    def statistics(self, box: ArrayLike | None = None, **options: Any) -> Statistics:
        """Return density, distances and the like: `krogh.vessels.statistics_of`."""
        from krogh.vessels.statistics import statistics_of

        return statistics_of(self, box, **options)

    def voxelize(self, grid: Any, **options: Any) -> VesselVoxels:
        """Return lengths and surfaces in the voxels of a grid: `krogh.vessels.voxelize`."""
        from krogh.vessels.voxels import voxelize

        return voxelize(self, grid, **options)

    def __repr__(self) -> str:
        parts = self.num_components
        return (
            f"<VesselNetwork: {self.num_segments} segments, {self.num_nodes} nodes,"
            f" {parts} part{'s' if parts > 1 else ''}, {self.lengths.sum() / 1000.0:.4g} mm,"
            f" diameters {self.diameter.min():.3g} to {self.diameter.max():.3g} um>"
        )
