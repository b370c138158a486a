"""The core's program of a model: derivatives, doses, events and outputs lowered into one graph.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from krogh.model.components import DoseInput
from krogh.model.lowering import Lowering

if TYPE_CHECKING:
    from krogh.model.compile import CompiledModel
    from krogh.model.network import Model

__all__ = ["SMALLEST_TIME_AFTER_DOSE", "build_program", "structure_of"]

SMALLEST_TIME_AFTER_DOSE: Final = 1e-6
"""Input functions see no time after dose below this, in s."""


def structure_of(model: Model) -> str:
    """Return text that is equal for models with one program, whatever their nominal values."""
    from krogh.model.document import canonical

    return canonical(model, structure_only=True)


def build_program(c: CompiledModel) -> Any:
    """Return the core's program of a model, in internal units."""
    from krogh import _core

    model = c.model
    parts, analysis = model.parts, model.analysis
    graph = _core.Graph()
    nodes: dict[str, int] = {"t": graph.time()}
    for name, i in c._parameter.items():
        nodes[name] = graph.parameter(i)
    for name, i in c._state.items():
        nodes[name] = graph.state(i)
    lowering = Lowering(graph, nodes.__getitem__, parts.tables, analysis.is_constant)
    for name in analysis.rule_order:
        nodes[name] = lowering.node(analysis.definitions[name])

    derivatives = [derivative_node(graph, lowering, analysis.terms[name]) for name in c.state_names]
    num_states = len(derivatives)
    bioavailability, lag, duration, rate, scale = ([-1] * num_states for _ in range(5))
    stored: list[tuple[int, int, int, int, bool]] = []
    for i, name in enumerate(c.state_names):
        dose = parts.dose_inputs.get(name)
        volume = analysis.volume_of(parts.species[name])
        if dose is not None and dose.input_function is not None:
            slots = c.stored[name]
            first = c._parameter[f"dose_time({name}, 0)"]
            stored.append((i, first, first + slots, slots, False))
            delivered = delivered_node(graph, lowering, nodes, dose, first, slots)
            if volume is not None:
                delivered = graph.binary("div", delivered, lowering.node(volume))
            derivatives[i] = graph.binary("add", derivatives[i], delivered)
        elif volume is not None:  # doses are amounts, the state is a concentration
            scale[i] = graph.binary("div", graph.constant(1.0), lowering.node(volume))
        if dose is not None:
            bioavailability[i] = lowering.node(dose.bioavailability)
            lag[i] = lowering.node(dose.lag)
            for row, expression in ((duration, dose.duration), (rate, dose.rate)):
                if expression is not None:
                    row[i] = lowering.node(expression)
    direction = {"rising": 1, "falling": -1, "both": 0}
    events = [
        (
            lowering.trigger(event.when),
            direction[event.direction],
            [(c._state[n], lowering.node(v)) for n, v in event.assign.items()],
        )
        for event in parts.events.values()
    ]
    return _core.Program(
        graph,
        list(c.state_names),
        list(c.parameter_names),
        derivatives,
        [lowering.node(analysis.starts[name]) for name in c.state_names],
        [lowering.node(o.expression) for o in model.outputs.values()],
        list(c.output_names),
        bioavailability=bioavailability,
        lag=lag,
        duration=duration,
        rate=rate,
        scale=scale,
        events=events,
        stored_dose=stored,
        steady_initial=[chr(parts.species[n].starts_steady) for n in c.state_names]
        if any(s.starts_steady for s in parts.species.values())
        else [],
    )


def derivative_node(graph: Any, lowering: Lowering, terms: Any) -> int:
    """Return the node of a sum of signed terms, the constant 0 where there are none."""
    total = None
    for term in terms:
        node = lowering.node(term.expression)
        if total is None:
            total = graph.unary("neg", node) if term.is_negative else node
        else:
            total = graph.binary("sub" if term.is_negative else "add", total, node)
    return int(graph.constant(0.0) if total is None else total)


def delivered_node(
    graph: Any,
    lowering: Lowering,
    nodes: Mapping[str, int],
    dose: DoseInput,
    first: int,
    slots: int,
) -> int:
    """Return the input rate summed over the stored doses; empty slots hold the amount 0."""
    assert dose.input_function is not None
    zero = graph.constant(0.0)
    smallest = graph.constant(SMALLEST_TIME_AFTER_DOSE)
    total = zero
    for k in range(slots):
        given = graph.parameter(first + slots + k)
        elapsed = graph.binary("sub", graph.time(), graph.parameter(first + k))
        own = {**nodes, "tad": graph.binary("max", elapsed, smallest), "dose": given}
        value = lowering.with_symbols(own.__getitem__).node(dose.input_function)
        total = graph.binary("add", total, graph.select(given, value, zero))
    return int(total)
