"""The graph of every cell of a line: geometry, fluxes between cells, what passes the walls.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from krogh import _core
from krogh.line.problem import LineProblem, Mobile
from krogh.model.compile import CompiledModel
from krogh.model.lowering import Lowering
from krogh.space.shapes import Piece

__all__ = ["VOLUME", "CellGraph", "PieceNodes", "parameter_names"]

VOLUME: Final = "(tumour volume)"


def parameter_names(problem: LineProblem) -> tuple[str, ...]:
    """Return the parameters: systemic, tissue, lengths, volume of the tumour, fields by cell."""
    names: dict[str, None] = {}
    if problem.systemic is not None:
        names |= dict.fromkeys(problem.systemic.parameter_names)
    names |= dict.fromkeys(problem.tissue.parameter_names)
    names |= dict.fromkeys(f"({n})" for n in problem.shape.length_names)
    if problem.volume is not None:
        names[VOLUME] = None
    for name in problem.fields:
        names |= dict.fromkeys(f"{name}[{k}]" for k in range(problem.cells))
    if problem.flow is not None:
        names |= dict.fromkeys(f"(velocity)[{k}]" for k in range(problem.faces.shape[1]))
    return tuple(names)


@dataclass
class PieceNodes:
    """Nodes of one piece of a shape.

    Attributes
    ----------
    first_cell, first_face
        Its place among all cells and faces.
    weight
        How much of it is in one line.
    """

    number: int
    first_cell: int
    first_face: int
    faces: list[int]
    areas: list[int]
    volumes: list[int]
    weight: float

    @property
    def cells(self) -> int:
        """Number of its cells."""
        return len(self.volumes)


class CellGraph:
    """Lowers one problem into a graph.

    States: those of the systemic model, those of the tissue cell by cell, those of the blood in the
    segments of a capillary.
    """

    def __init__(self, problem: LineProblem) -> None:
        self.problem = problem
        self.graph = _core.Graph()
        self.names = parameter_names(problem)
        at = {name: i for i, name in enumerate(self.names)}
        self.parameter = {name: self.graph.parameter(i) for name, i in at.items()}
        systemic, tissue = problem.systemic, problem.tissue
        self.num_plasma = 0 if systemic is None else len(systemic.state_names)
        self.per_cell = len(tissue.state_names)
        self.time = self.graph.time()
        self.plasma = None if systemic is None else self._plasma(systemic)
        self.cells = [self._cell(k) for k in range(problem.cells)]
        self.pieces = self._pieces()

    # --- arithmetic of nodes ----------------------------------------------------------------------

    def constant(self, value: float) -> int:
        """Return the node of a number."""
        return int(self.graph.constant(value))

    def op(self, name: str, *nodes: int) -> int:
        """Return nodes joined from the left."""
        result = nodes[0]
        for other in nodes[1:]:
            result = self.graph.binary(name, result, other)
        return int(result)

    def negative(self, node: int) -> int:
        """Return the node with its sign turned."""
        return int(self.graph.unary("neg", node))

    # --- models -----------------------------------------------------------------------------------

    def _plasma(self, c: CompiledModel) -> Lowering:
        nodes = {"t": self.time}
        nodes |= {name: self.parameter[name] for name in c.parameter_names}
        nodes |= {name: self.graph.state(i) for i, name in enumerate(c.state_names)}
        return self._lowering(c, nodes)

    def state(self, cell: int, state: int) -> int:
        """Return the position of a tissue state."""
        return self.num_plasma + cell * self.per_cell + state

    def blood(self, segment: int, number: int) -> int:
        """Return the position of a mobile species in the blood of a segment."""
        first = self.num_plasma + self.problem.cells * self.per_cell
        return first + segment * len(self.problem.mobiles) + number

    def _cell(self, k: int) -> Lowering:
        c = self.problem.tissue
        nodes = {"t": self.time}
        for name in c.parameter_names:
            own = f"{name}[{k}]" if name in self.problem.fields else name
            nodes[name] = self.parameter[own]
        nodes |= {name: self.graph.state(self.state(k, i)) for i, name in enumerate(c.state_names)}
        return self._lowering(c, nodes)

    def _lowering(self, c: CompiledModel, nodes: dict[str, int]) -> Lowering:
        analysis = c.model.analysis
        lowering = Lowering(
            self.graph, nodes.__getitem__, c.model.parts.tables, analysis.is_constant
        )
        for name in analysis.rule_order:
            nodes[name] = lowering.node(analysis.definitions[name])
        return lowering

    # --- geometry ---------------------------------------------------------------------------------

    def _pieces(self) -> list[PieceNodes]:
        shape = self.problem.shape
        weights = self.problem.weights[0].tolist()
        found: list[PieceNodes] = []
        places = zip(shape.pieces, shape.cell_slices, shape.face_slices, weights, strict=True)
        for number, (piece, cells, faces, weight) in enumerate(places):
            nodes = self._geometry(piece)
            found.append(PieceNodes(number, cells.start, faces.start, *nodes, weight))
        return found

    def _length(self, piece: Piece, name: str) -> int:
        """Return a length: a parameter where it may differ between lines."""
        own = self.parameter.get(f"({name})")
        return self.constant(piece.lengths[name]) if own is None else own

    def _geometry(self, piece: Piece) -> tuple[list[int], list[int], list[int]]:
        lengths = [self._length(piece, n) for n in piece.length_names]
        inner, outer = (self.constant(0.0), lengths[0]) if len(lengths) == 1 else lengths
        span = self.op("sub", outer, inner)
        faces = [
            self.op("add", inner, self.op("mul", span, self.constant(float(s))))
            for s in piece.fractions
        ]
        faces[-1] = outer
        if piece.form == "cartesian":
            areas = [self.constant(1.0)] * len(faces)
        elif piece.form == "cylindrical":
            areas = [self.op("mul", self.constant(2.0 * math.pi), r) for r in faces]
        else:
            areas = [self.op("mul", self.constant(4.0 * math.pi), r, r) for r in faces]
        volumes = []
        for low, high in pairwise(faces):
            volume = self.op("sub", high, low)
            if piece.form == "cylindrical":
                sums = self.op("add", low, high)
                volume = self.op("mul", self.constant(math.pi), volume, sums)
            elif piece.form == "spherical":
                parts = [self.op("mul", a, b) for a, b in ((low, low), (low, high), (high, high))]
                squares = self.op("add", *parts)
                volume = self.op("mul", self.constant(4.0 / 3.0 * math.pi), volume, squares)
            volumes.append(volume)
        return faces, areas, volumes

    def number(self) -> int:
        """Return the node of the vessel length, number of spheres or area of the tumour."""
        shape = self.problem.shape
        volume = self.parameter[VOLUME]
        if not shape.length_names:
            return self.op("mul", volume, self.constant(float(shape.count_in(1.0, {}))))
        last = self.parameter[f"({shape.length_names[-1]})"]
        if shape.geometry == "cylindrical":
            size = self.op("mul", self.constant(math.pi), last, last)
        elif shape.geometry == "spherical":
            size = self.op("mul", self.constant(4.0 / 3.0 * math.pi), last, last, last)
        else:
            size = last
        return self.op("div", volume, size)

    # --- transport --------------------------------------------------------------------------------

    def inside(self, m: Mobile, k: int) -> int:
        """Return the concentration in the accessible space of a cell."""
        concentration = self.graph.state(self.state(k, m.state))
        return self.op("div", concentration, self.cells[k].node(m.transport.void_fraction))

    def resistance(self, m: Mobile, piece: PieceNodes, j: int) -> int:
        """Return the resistance of half of a piece's cell j, per area."""
        width = self.op("sub", piece.faces[j + 1], piece.faces[j])
        cell = self.cells[piece.first_cell + j]
        spread = self.op(
            "mul",
            self.constant(2.0),
            cell.node(m.transport.diffusivity),
            cell.node(m.transport.void_fraction),
        )
        return self.op("div", width, spread)

    def between(self, m: Mobile, piece: PieceNodes, j: int) -> int:
        """Return the amount per time that passes from a piece's cell j to the next."""
        resistance = self.op("add", self.resistance(m, piece, j), self.resistance(m, piece, j + 1))
        k = piece.first_cell + j
        return self.through(m, piece, j + 1, resistance, self.inside(m, k), self.inside(m, k + 1))

    def through(
        self, m: Mobile, piece: PieceNodes, face: int, resistance: int, left: int, right: int
    ) -> int:
        """Return the amount per time that passes a face of a piece outward.

        With a flow between two concentrations a resistance apart, ``c(x)`` solves ``q c - G c' =
        const``: ``G (B(-Pe) left - B(Pe) right)`` with ``B(x) = x/(exp(x) - 1)`` and ``Pe = q/G``.
        """
        conductance = self.op("div", piece.areas[face], resistance)
        if self.problem.flow is None:
            return self.op("mul", conductance, self.op("sub", left, right))
        beside = [j for j in (face - 1, face) if 0 <= j < piece.cells]
        shares = [self.cells[piece.first_cell + j].node(m.transport.retardation) for j in beside]
        carried = self.op("div", self.op("add", *shares), self.constant(float(len(shares))))
        velocity = self.parameter[f"(velocity)[{piece.first_face + face}]"]
        peclet = self.op("div", self.op("mul", piece.areas[face], carried, velocity), conductance)
        forth = self.op("mul", self._bernoulli(self.negative(peclet)), left)
        back = self.op("mul", self._bernoulli(peclet), right)
        return self.op("mul", conductance, self.op("sub", forth, back))

    def _bernoulli(self, x: int) -> int:
        """Return x/(exp(x) - 1), 1 at 0."""
        ratio = self.op("div", x, int(self.graph.unary("expm1", x)))
        return int(self.graph.choose(self.op("mul", x, x), ratio, self.constant(1.0)))

    def entering(self, m: Mobile, number: int, piece: PieceNodes, wall: int) -> int | None:
        """Return the amount per time that enters a piece by a wall; None where nothing can."""
        kind = self.problem.wall_kinds(m)[wall]
        if kind == "closed":
            return None
        j = 0 if wall == 0 else piece.cells - 1
        cell = self.cells[piece.first_cell + j]
        resistance = self.resistance(m, piece, j)
        if kind == "membrane":
            assert m.transport.permeability is not None
            p = cell.node(m.transport.permeability)
            resistance = self.op("add", resistance, self.op("div", self.constant(1.0), p))
        if self.problem.capillary is None:
            outside = self.outside(m, cell)
        else:
            outside = int(self.graph.state(self.blood(piece.number, number)))
        inside = self.inside(m, piece.first_cell + j)
        if wall == 0:
            return self.through(m, piece, 0, resistance, outside, inside)
        return self.negative(self.through(m, piece, piece.cells, resistance, inside, outside))

    def outside(self, m: Mobile, cell: Lowering) -> int:
        """Return the free concentration in the plasma."""
        free = cell.node(m.transport.free_in_plasma)
        if m.supply is not None:
            assert self.plasma is not None
            state = self.graph.state(m.supply.state)
            factor = self.plasma.node(m.supply.factor)
            per = self.constant(m.supply.per_tissue)
            return self.op("mul", free, per, factor, state)
        if m.curve is None:
            return self.constant(0.0)
        curve = self.problem.curves[m.curve]
        table = self.graph.table(
            curve.times.tolist(), (curve.values[0] * m.per_curve).tolist(), "linear", self.time
        )
        return self.op("mul", free, table)

    def blood_flow(self) -> int:
        """Return the flow of blood through a capillary, um^3/s."""
        capillary = self.problem.capillary
        assert capillary is not None
        radius = self.parameter["(inner_radius)"]
        speed = self.constant(math.pi * capillary.velocity.to("um/s"))
        return self.op("mul", speed, radius, radius)

    def blood_volume(self, segment: int) -> int:
        """Return the volume of blood in a segment, um^3."""
        capillary = self.problem.capillary
        assert capillary is not None
        radius = self.parameter["(inner_radius)"]
        length = self.constant(math.pi * capillary.length.to("um") * self.pieces[segment].weight)
        return self.op("mul", length, radius, radius)

    def taken(self, m: Mobile, flow: int) -> int:
        """Return the rate at which a flow into one line lowers the plasma state."""
        assert m.supply is not None
        assert self.plasma is not None
        rate = self.op("mul", flow, self.number())
        rate = self.op("div", rate, self.constant(m.supply.per_tissue))
        if m.supply.volume is not None:
            rate = self.op("div", rate, self.plasma.node(m.supply.volume))
        return rate
