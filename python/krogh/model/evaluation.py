"""Values of expressions of parameters, through the core's reference evaluator.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from krogh.errors import SpecError, did_you_mean
from krogh.model.expression import Expression, as_expression, symbols_of
from krogh.model.lowering import Lowering

if TYPE_CHECKING:
    from krogh.model.compile import CompiledModel

__all__ = ["parametric_value"]


def parametric_value(c: CompiledModel, expression: Expression | str, parameters: Any = None) -> Any:
    """See `CompiledModel.evaluate`."""
    from krogh import _core

    root = as_expression(expression)
    analysis = c.model.analysis
    known = {*analysis.constant_names}
    for name in symbols_of(root):
        if name not in known:
            what = "changes in time" if name in analysis.dimensions else "is unknown"
            raise SpecError(
                f"KG-111: '{root}' cannot be computed from parameters: {name!r} {what}."
                f"{did_you_mean(name, known)}"
            )
    values = np.asarray(c.nominal if parameters is None else parameters, dtype=np.float64)
    count = len(c.parameter_names)
    if values.ndim not in (1, 2) or values.shape[-1] != count:
        raise SpecError(
            f"KG-108: parameters must have shape ({count},) or (num_subjects, {count}), found"
            f" {values.shape}."
        )
    graph = _core.Graph()
    nodes = {n: graph.parameter(i) for i, n in enumerate(c.parameter_names)}
    lowering = Lowering(graph, nodes.__getitem__, c.model.tables, lambda expression: True)
    for name in analysis.rule_order:
        if name in analysis.constant_names:
            nodes[name] = lowering.node(analysis.definitions[name])
    node = lowering.node(root)
    states = np.zeros(len(c.state_names))
    rows = np.ascontiguousarray(np.atleast_2d(values))
    found = np.array([graph.evaluate(node, states, row, 0.0) for row in rows])
    return float(found[0]) if values.ndim == 1 else found
