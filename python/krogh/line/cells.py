"""Every cell of a line as states of one point model: the independent way to solve it.

SPDX-License-Identifier: BSD-3-Clause

Geometry, two-point fluxes and exchange with the plasma are written here as expressions of the
model's parameters, not taken from the line solver, so one checks the other; and the point solver
differentiates them like every other expression.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh import _core
from krogh.line.problem import LineProblem, Mobile
from krogh.model.compile import CompiledModel
from krogh.model.lowering import Lowering
from krogh.model.program import delivered_node, derivative_node

__all__ = ["CellProgram", "build_cells", "cell_parameters"]

Floats = NDArray[np.float64]

VOLUME: Final = "(tumour volume)"


@dataclass
class CellProgram:
    """A point program with every cell, and where things are in it.

    States: those of the systemic model, those of the tissue cell by cell, then for every mobile
    species what has entered through its supplying walls.  Outputs: systemic states, recorded tissue
    states (state by state, cell by cell), contents of all tissue states, what has entered.
    """

    program: Any
    parameter_names: tuple[str, ...]
    num_plasma: int
    num_states: int
    recorded: tuple[int, ...]
    entered: tuple[tuple[int, int], ...]
    """(mobile, wall) of every count of what has entered."""


class _Builder:
    """Lowers one problem into a graph."""

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
        self.faces, self.areas, self.volumes = self._geometry()

    # --- arithmetic of nodes ----------------------------------------------------------------------

    def constant(self, value: float) -> int:
        return int(self.graph.constant(value))

    def op(self, name: str, *nodes: int) -> int:
        result = nodes[0]
        for other in nodes[1:]:
            result = self.graph.binary(name, result, other)
        return int(result)

    # --- models -----------------------------------------------------------------------------------

    def _plasma(self, c: CompiledModel) -> Lowering:
        nodes = {"t": self.time}
        nodes |= {name: self.parameter[name] for name in c.parameter_names}
        nodes |= {name: self.graph.state(i) for i, name in enumerate(c.state_names)}
        return self._lowering(c, nodes)

    def state(self, cell: int, state: int) -> int:
        """Return the position of a tissue state."""
        return self.num_plasma + cell * self.per_cell + state

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

    def _geometry(self) -> tuple[list[int], list[int], list[int]]:
        shape = self.problem.shape
        lengths = [self.parameter[f"({n})"] for n in shape.length_names]
        inner, outer = (self.constant(0.0), lengths[0]) if len(lengths) == 1 else lengths
        span = self.op("sub", outer, inner)
        faces = [
            self.op("add", inner, self.op("mul", span, self.constant(float(s))))
            for s in shape.fractions
        ]
        faces[-1] = outer
        if shape.geometry == "cartesian":
            areas = [self.constant(1.0)] * len(faces)
        elif shape.geometry == "cylindrical":
            areas = [self.op("mul", self.constant(2.0 * math.pi), r) for r in faces]
        else:
            areas = [self.op("mul", self.constant(4.0 * math.pi), r, r) for r in faces]
        volumes = []
        for low, high in pairwise(faces):
            width = self.op("sub", high, low)
            if shape.geometry == "cylindrical":
                width = self.op(
                    "mul", self.constant(math.pi), width, self.op("add", low, high)
                )  # fmt: skip
            elif shape.geometry == "spherical":
                squares = self.op(
                    "add",
                    self.op("mul", low, low),
                    self.op("mul", low, high),
                    self.op("mul", high, high),
                )
                width = self.op("mul", self.constant(4.0 / 3.0 * math.pi), width, squares)
            volumes.append(width)
        return faces, areas, volumes

    def number(self) -> int:
        """Return the node of the vessel length, number of spheres or area of the tumour."""
        shape = self.problem.shape
        last = self.parameter[f"({shape.length_names[-1]})"]
        if shape.geometry == "cylindrical":
            size = self.op("mul", self.constant(math.pi), last, last)
        elif shape.geometry == "spherical":
            size = self.op("mul", self.constant(4.0 / 3.0 * math.pi), last, last, last)
        else:
            size = last
        return self.op("div", self.parameter[VOLUME], size)

    # --- transport --------------------------------------------------------------------------------

    def inside(self, m: Mobile, k: int) -> int:
        """Return the concentration in the accessible space of a cell."""
        concentration = self.graph.state(self.state(k, m.state))
        return self.op("div", concentration, self.cells[k].node(m.transport.void_fraction))

    def resistance(self, m: Mobile, k: int) -> int:
        """Return the resistance of half a cell, per area."""
        width = self.op("sub", self.faces[k + 1], self.faces[k])
        spread = self.op(
            "mul",
            self.constant(2.0),
            self.cells[k].node(m.transport.diffusivity),
            self.cells[k].node(m.transport.void_fraction),
        )
        return self.op("div", width, spread)

    def between(self, m: Mobile, k: int) -> int:
        """Return the amount per time that passes from cell k to cell k + 1."""
        resistance = self.op("add", self.resistance(m, k), self.resistance(m, k + 1))
        return self.through(m, k + 1, resistance, self.inside(m, k), self.inside(m, k + 1))

    def through(self, m: Mobile, face: int, resistance: int, left: int, right: int) -> int:
        """Return the amount per time that passes a face outward.

        With a flow between two concentrations a resistance apart, ``c(x)`` solves ``q c - G c' =
        const``: ``G (B(-Pe) left - B(Pe) right)`` with ``B(x) = x/(exp(x) - 1)`` and ``Pe = q/G``.
        """
        conductance = self.op("div", self.areas[face], resistance)
        if self.problem.flow is None:
            return self.op("mul", conductance, self.op("sub", left, right))
        beside = [k for k in (face - 1, face) if 0 <= k < self.problem.cells]
        shares = [self.cells[k].node(m.transport.retardation) for k in beside]
        carried = self.op("div", self.op("add", *shares), self.constant(float(len(shares))))
        flow = self.op("mul", self.areas[face], carried, self.parameter[f"(velocity)[{face}]"])
        peclet = self.op("div", flow, conductance)
        forth = self.op("mul", self._bernoulli(self.op("sub", self.constant(0.0), peclet)), left)
        back = self.op("mul", self._bernoulli(peclet), right)
        return self.op("mul", conductance, self.op("sub", forth, back))

    def _bernoulli(self, x: int) -> int:
        """Return x/(exp(x) - 1), 1 at 0."""
        ratio = self.op("div", x, int(self.graph.unary("expm1", x)))
        return int(self.graph.choose(self.op("mul", x, x), ratio, self.constant(1.0)))

    def entering(self, m: Mobile, wall: int) -> int | None:
        """Return the amount per time that enters through a wall; None where nothing can."""
        kind = self.problem.wall_kinds(m)[wall]
        if kind == "closed":
            return None
        k = 0 if wall == 0 else self.problem.cells - 1
        resistance = self.resistance(m, k)
        cell = self.cells[k]
        if kind == "membrane":
            assert m.transport.permeability is not None
            p = cell.node(m.transport.permeability)
            resistance = self.op("add", resistance, self.op("div", self.constant(1.0), p))
        outside, inside = self._outside(m, cell), self.inside(m, k)
        if wall == 0:
            return self.through(m, 0, resistance, outside, inside)
        outward = self.through(m, self.problem.cells, resistance, inside, outside)
        return self.op("sub", self.constant(0.0), outward)

    def _outside(self, m: Mobile, cell: Lowering) -> int:
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

    def taken(self, m: Mobile, flow: int) -> int:
        """Return the rate at which a flow into one line lowers the plasma state."""
        assert m.supply is not None
        assert self.plasma is not None
        rate = self.op("mul", flow, self.number())
        rate = self.op("div", rate, self.constant(m.supply.per_tissue))
        if m.supply.volume is not None:
            rate = self.op("div", rate, self.plasma.node(m.supply.volume))
        return rate


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
        names |= dict.fromkeys(f"(velocity)[{k}]" for k in range(problem.cells + 1))
    return tuple(names)


def cell_parameters(problem: LineProblem) -> Floats:
    """Return the parameters of all lines, shape (1 or count, number of parameters)."""
    columns: dict[str, Floats] = {}
    for i, name in enumerate(problem.tissue.parameter_names):
        columns[name] = problem.parameters[:, i]
    if problem.systemic is not None:
        for i, name in enumerate(problem.systemic.parameter_names):
            columns[name] = problem.plasma_parameters[:, i]
    columns |= {f"({n})": v for n, v in problem.lengths.items()}
    if problem.volume is not None:
        columns[VOLUME] = problem.volume
    for name, values in problem.fields.items():
        columns |= {f"{name}[{k}]": values[:, k] for k in range(problem.cells)}
    if problem.flow is not None:
        columns |= {f"(velocity)[{k}]": problem.flow[:, k] for k in range(problem.cells + 1)}
    names = parameter_names(problem)
    sets = max(columns[n].shape[0] for n in names)
    table = np.empty((sets, len(names)))
    for i, name in enumerate(names):
        table[:, i] = columns[name]
    return table


def build_cells(problem: LineProblem, recorded: Sequence[int]) -> CellProgram:
    """Return the point program of a problem."""
    b = _Builder(problem)
    op, zero = b.op, b.constant(0.0)
    systemic, tissue, m = problem.systemic, problem.tissue, problem.cells
    own = tissue.model.analysis.terms
    plasma_terms = [] if systemic is None else [
        _plasma_derivative(b, systemic, i) for i in range(b.num_plasma)
    ]  # fmt: skip
    cells = [
        [derivative_node(b.graph, b.cells[k], own[name]) for name in tissue.state_names]
        for k in range(m)
    ]
    counts: list[tuple[int, int]] = []
    flows: list[int] = []
    for number, mobile in enumerate(problem.mobiles):
        inward = [b.entering(mobile, wall) for wall in (0, 1)]
        first, last = (zero if flow is None else flow for flow in inward)
        through = [first, *(b.between(mobile, k) for k in range(m - 1)), op("sub", zero, last)]
        for k in range(m):
            gained = op("div", op("sub", through[k], through[k + 1]), b.volumes[k])
            cells[k][mobile.state] = op("add", cells[k][mobile.state], gained)
        for wall in (0, 1):
            flow = inward[wall]
            if flow is None:
                continue
            counts.append((number, wall))
            flows.append(flow)
            if problem.volume is not None and mobile.supply is not None:
                at = mobile.supply.state
                plasma_terms[at] = op("sub", plasma_terms[at], b.taken(mobile, flow))
    starts = tissue.model.analysis.starts
    initial = [] if systemic is None else [
        _lowered(b.plasma, systemic.model.analysis.starts[name]) for name in systemic.state_names
    ]  # fmt: skip
    initial += [b.cells[k].node(starts[name]) for k in range(m) for name in tissue.state_names]
    initial += [zero] * len(flows)
    contents = []
    for i in range(b.per_cell):
        amounts = [op("mul", b.volumes[k], b.graph.state(b.state(k, i))) for k in range(m)]
        contents.append(op("add", *amounts))
    first_count = b.num_plasma + m * b.per_cell
    outputs = [b.graph.state(i) for i in range(b.num_plasma)]
    outputs += [b.graph.state(b.state(k, i)) for i in recorded for k in range(m)]
    outputs += contents
    outputs += [b.graph.state(first_count + i) for i in range(len(flows))]
    derivatives = [*plasma_terms, *(d for cell in cells for d in cell), *flows]
    program = _core.Program(
        b.graph,
        [f"y{i}" for i in range(len(derivatives))],
        list(b.names),
        derivatives,
        initial,
        outputs,
        [f"o{i}" for i in range(len(outputs))],
        **_dose_nodes(b, systemic, len(derivatives)),
        steady_initial=_steady(problem, len(derivatives)),
    )
    return CellProgram(
        program, b.names, b.num_plasma, b.per_cell, tuple(recorded), tuple(counts)
    )  # fmt: skip


def _lowered(lowering: Lowering | None, expression: Any) -> int:
    assert lowering is not None
    return lowering.node(expression)


def _plasma_derivative(b: _Builder, c: CompiledModel, i: int) -> int:
    """Return the derivative of a systemic state, with the input of stored doses."""
    name = c.state_names[i]
    model, lowering = c.model, b.plasma
    assert lowering is not None
    node = derivative_node(b.graph, lowering, model.analysis.terms[name])
    dose = model.parts.dose_inputs.get(name)
    if dose is None or dose.input_function is None:
        return node
    slots = c.stored[name]
    first = c.parameter_index(f"dose_time({name}, 0)")
    nodes = {n: b.parameter[n] for n in c.parameter_names}
    for rule in model.analysis.rule_order:
        nodes[rule] = lowering.node(model.analysis.definitions[rule])
    nodes |= {"t": b.time} | {n: b.graph.state(k) for k, n in enumerate(c.state_names)}
    delivered = delivered_node(b.graph, lowering, nodes, dose, first, slots)
    volume = model.analysis.volume_of(model.species[name])
    if volume is not None:
        delivered = b.op("div", delivered, lowering.node(volume))
    return b.op("add", node, delivered)


def _dose_nodes(b: _Builder, c: CompiledModel | None, size: int) -> dict[str, Any]:
    """Return attributes of doses and events of the systemic model, for all states."""
    if c is None:
        return {}
    lowering = b.plasma
    assert lowering is not None
    model = c.model
    rows: dict[str, list[int]] = {
        k: [-1] * size for k in ("bioavailability", "lag", "duration", "rate", "scale")
    }
    stored: list[tuple[int, int, int, int, bool]] = []
    for i, name in enumerate(c.state_names):
        dose = model.parts.dose_inputs.get(name)
        volume = model.analysis.volume_of(model.species[name])
        if dose is not None and dose.input_function is not None:
            slots, first = c.stored[name], c.parameter_index(f"dose_time({name}, 0)")
            stored.append((i, first, first + slots, slots, False))
        elif volume is not None:
            rows["scale"][i] = b.op("div", b.constant(1.0), lowering.node(volume))
        if dose is not None:
            rows["bioavailability"][i] = lowering.node(dose.bioavailability)
            rows["lag"][i] = lowering.node(dose.lag)
            if dose.duration is not None:
                rows["duration"][i] = lowering.node(dose.duration)
            if dose.rate is not None:
                rows["rate"][i] = lowering.node(dose.rate)
    direction = {"rising": 1, "falling": -1, "both": 0}
    events = [
        (
            lowering.trigger(event.when),
            direction[event.direction],
            [(c.state_index(n), lowering.node(v)) for n, v in event.assign.items()],
        )
        for event in model.parts.events.values()
    ]
    return {**rows, "stored_dose": stored, "events": events}


def _steady(problem: LineProblem, size: int) -> list[str]:
    """Return which states start steady; empty where none does."""
    systemic, tissue = problem.systemic, problem.tissue
    of: Callable[[CompiledModel], list[bool]] = lambda c: [  # noqa: E731
        c.model.species[n].starts_steady for n in c.state_names
    ]
    flags = [] if systemic is None else of(systemic)
    flags += of(tissue) * problem.cells
    flags += [False] * (size - len(flags))
    return [chr(f) for f in flags] if any(flags) else []
