"""Every cell of a line as states of one point model: the independent way to solve it.

SPDX-License-Identifier: BSD-3-Clause

Geometry, two-point fluxes and exchange with the plasma are written here as expressions of the
model's parameters, not taken from the line solver, so one checks the other; and the point solver
differentiates them like every other expression.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from krogh import _core
from krogh.line.cell_graph import VOLUME, CellGraph, parameter_names
from krogh.line.problem import LineProblem, Mobile
from krogh.model.compile import CompiledModel
from krogh.model.lowering import Lowering
from krogh.model.program import delivered_node, derivative_node

__all__ = ["CellProgram", "build_cells", "cell_parameters"]

Floats = NDArray[np.float64]


@dataclass
class CellProgram:
    """A point program with every cell, and where things are in it.

    States: those of the systemic model, those of the tissue cell by cell, mobile species in the
    blood of a capillary segment by segment, then for every mobile species what has entered through
    its supplying walls.  Outputs: systemic states, recorded tissue states (state by state, cell by
    cell), contents of all tissue states, blood, what has entered.
    """

    program: Any
    parameter_names: tuple[str, ...]
    num_plasma: int
    num_states: int
    recorded: tuple[int, ...]
    num_segments: int
    entered: tuple[tuple[int, int], ...]
    """(mobile, wall) of every count of what has entered."""


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
        columns |= {f"(velocity)[{k}]": problem.flow[:, k] for k in range(problem.faces.shape[1])}
    names = parameter_names(problem)
    sets = max(columns[n].shape[0] for n in names)
    table = np.empty((sets, len(names)))
    for i, name in enumerate(names):
        table[:, i] = columns[name]
    return table


def build_cells(problem: LineProblem, recorded: Sequence[int]) -> CellProgram:
    """Return the point program of a problem."""
    b = CellGraph(problem)
    zero = b.constant(0.0)
    systemic, tissue, m = problem.systemic, problem.tissue, problem.cells
    own = tissue.model.analysis.terms
    plasma = [] if systemic is None else [
        _plasma_derivative(b, systemic, i) for i in range(b.num_plasma)
    ]  # fmt: skip
    cells = [
        [derivative_node(b.graph, b.cells[k], own[name]) for name in tissue.state_names]
        for k in range(m)
    ]
    mobiles = len(problem.mobiles)
    has_blood = problem.capillary is not None
    blood = [[zero] * mobiles for _ in b.pieces] if has_blood else []
    counts: list[tuple[int, int]] = []
    flows: list[int] = []
    for number, mobile in enumerate(problem.mobiles):
        entering = _move(b, mobile, number, cells)
        if has_blood:
            _pass_blood(b, mobile, number, entering, blood, plasma)
        for wall in (0, 1):
            parts = [
                b.op("mul", b.constant(piece.weight), flow)
                for piece, both in zip(b.pieces, entering, strict=True)
                if (flow := both[wall]) is not None
            ]
            if not parts:
                continue
            counts.append((number, wall))
            flows.append(b.op("add", *parts))
            if problem.volume is not None and mobile.supply is not None and not has_blood:
                at = mobile.supply.state
                plasma[at] = b.op("sub", plasma[at], b.taken(mobile, flows[-1]))
    starts = tissue.model.analysis.starts
    initial = [] if systemic is None else [
        _lowered(b.plasma, systemic.model.analysis.starts[name]) for name in systemic.state_names
    ]  # fmt: skip
    initial += [b.cells[k].node(starts[name]) for k in range(m) for name in tissue.state_names]
    initial += [zero] * (len(blood) * mobiles + len(flows))
    contents = []
    for i in range(b.per_cell):
        amounts = [
            b.op(
                "mul",
                b.constant(piece.weight),
                piece.volumes[j],
                b.graph.state(b.state(piece.first_cell + j, i)),
            )
            for piece in b.pieces
            for j in range(piece.cells)
        ]
        contents.append(b.op("add", *amounts))
    segments = [b.blood(q, i) for q in range(len(blood)) for i in range(mobiles)]
    first_count = b.num_plasma + m * b.per_cell + len(segments)
    outputs = [b.graph.state(i) for i in range(b.num_plasma)]
    outputs += [b.graph.state(b.state(k, i)) for i in recorded for k in range(m)]
    outputs += contents
    outputs += [b.graph.state(i) for i in segments]
    outputs += [b.graph.state(first_count + i) for i in range(len(flows))]
    derivatives = [*plasma, *(d for cell in cells for d in cell)]
    derivatives += [d for segment in blood for d in segment]
    derivatives += flows
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
        program, b.names, b.num_plasma, b.per_cell, tuple(recorded), len(blood), tuple(counts)
    )


def _move(
    b: CellGraph, mobile: Mobile, number: int, cells: list[list[int]]
) -> list[list[int | None]]:
    """Add transport to the derivatives; return what enters each piece by its two walls."""
    zero = b.constant(0.0)
    found: list[list[int | None]] = []
    for piece in b.pieces:
        inward = [b.entering(mobile, number, piece, wall) for wall in (0, 1)]
        first, last = (zero if flow is None else flow for flow in inward)
        inner = [b.between(mobile, piece, j) for j in range(piece.cells - 1)]
        through = [first, *inner, b.negative(last)]
        for j in range(piece.cells):
            gained = b.op("div", b.op("sub", through[j], through[j + 1]), piece.volumes[j])
            cell = cells[piece.first_cell + j]
            cell[mobile.state] = b.op("add", cell[mobile.state], gained)
        found.append(inward)
    return found


def _pass_blood(
    b: CellGraph,
    mobile: Mobile,
    number: int,
    entering: list[list[int | None]],
    blood: list[list[int]],
    plasma: list[int],
) -> None:
    """Add the blood of a capillary: from segment to segment, to the tissue, back to the plasma."""
    if mobile.transport.wall_kind == "closed":
        return
    arriving = b.outside(mobile, b.cells[0])
    first, flow = arriving, b.blood_flow()
    capillary = b.problem.capillary
    assert capillary is not None
    for piece, (inward, _) in zip(b.pieces, entering, strict=True):
        assert inward is not None
        here = int(b.graph.state(b.blood(piece.number, number)))
        length = b.constant(capillary.length.to("um") * piece.weight)
        carried = b.op("mul", flow, b.op("sub", arriving, here))
        change = b.op("sub", carried, b.op("mul", inward, length))
        blood[piece.number][number] = b.op("div", change, b.blood_volume(piece.number))
        arriving = here
    if b.problem.volume is not None and mobile.supply is not None:
        lost = b.op("mul", flow, b.op("sub", first, arriving))
        lost = b.op("div", lost, b.constant(capillary.length.to("um")))
        at = mobile.supply.state
        plasma[at] = b.op("sub", plasma[at], b.taken(mobile, lost))


def _lowered(lowering: Lowering | None, expression: Any) -> int:
    assert lowering is not None
    return lowering.node(expression)


def _plasma_derivative(b: CellGraph, c: CompiledModel, i: int) -> int:
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


def _dose_nodes(b: CellGraph, c: CompiledModel | None, size: int) -> dict[str, Any]:
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
