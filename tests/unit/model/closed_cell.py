"""One cell of tissue without transport: right-hand sides and courses of blocks.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
from krogh import _core
from krogh.model import Model, Output, Transport
from krogh.model.lowering import Lowering


def closed(model, *parts):
    """Return the model without its transports, so that it runs at a point."""
    kept = [c for c in model.components if not isinstance(c, Transport)]
    return Model("closed cell", kept, *parts)


def evaluator(model):
    """Return a function (expression, state, parameters by name) -> number, in internal units."""
    compiled = closed(model).compile()
    analysis = compiled.model.analysis
    species = list(compiled.state_names)
    graph = _core.Graph()
    nodes = {n: graph.parameter(i) for i, n in enumerate(compiled.parameter_names)}
    nodes |= {n: graph.state(i) for i, n in enumerate(species)}
    nodes["t"] = graph.time()
    lowering = Lowering(graph, nodes.__getitem__, compiled.model.tables, lambda e: False)
    for name in analysis.rule_order:
        nodes[name] = lowering.node(analysis.definitions[name])
    nominal = np.asarray(compiled.nominal, dtype=float)

    def value(expression, state, parameters=None):
        row = nominal.copy()
        for name, number in (parameters or {}).items():
            row[list(compiled.parameter_names).index(name)] = number
        y = np.array([float(state.get(n, 0.0)) for n in species])
        unknown = set(state) - set(species)
        assert not unknown, unknown
        return graph.evaluate(lowering.node(expression), y, row, 0.0)

    return value


def right_hand_side(model, state):
    """Return the derivatives (nM/s) without transport at a state given by name."""
    value = evaluator(model)
    still = closed(model)
    return {n: value(still.derivative(n), state) for n in still.species}


def rule_value(model, name, state):
    """Return the value of a rule at a state, in internal units."""
    from krogh.model import parse

    return evaluator(model)(parse(name), state)


def course(model, times, unit="h", start=None, **options):
    """Return all species and outputs over time in a closed cell, by name."""
    from krogh.model import Species

    initial = {n: f"{v}" for n, v in (start or {}).items()}
    parts = [c for c in model.components if not isinstance(c, Transport)]
    parts = [
        c.changed(initial=initial[c.name]) if isinstance(c, Species) and c.name in initial else c
        for c in parts
    ]
    names = {c.name for c in parts if isinstance(c, Output)}
    extra = [
        Output(c.name, unit=c.unit) for c in parts if isinstance(c, Species) and c.name not in names
    ]
    still = Model("closed cell", parts, extra)
    given = {"rtol": 1e-9} | options
    result = kg.simulate(
        still, None, times=(list(times), unit), until=f"{max(times)} {unit}", metrics=False, **given
    )
    return {n: np.asarray(result[n].values)[0] for n in still.outputs}
