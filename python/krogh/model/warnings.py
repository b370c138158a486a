"""What looks forgotten in a model: unused names, species that nothing changes.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from krogh.model.expression import (
    Call,
    Expression,
    Number,
    Operation,
    Symbol,
    fold,
    symbols_of,
    tables_of,
)

if TYPE_CHECKING:
    from krogh.model.network import Model

__all__ = ["warnings_of"]

_ZERO_AT_ZERO = frozenset(
    {"expm1", "log1p", "sqrt", "sin", "tan", "asin", "atan", "sinh", "tanh", "abs"}
)


def warnings_of(model: Model) -> tuple[str, ...]:
    """See `Model.check`."""
    analysis = model.analysis
    used: set[str] = set()
    tables: set[str] = set()
    for _, expression in analysis.expressions():
        used.update(symbols_of(expression))
        tables.update(tables_of(expression))
    found: list[str] = []
    for kind, names in (
        ("parameter", model.parameters),
        ("covariate", model.covariates),
        ("random effect", model.random_effects),
    ):
        found += [f"{kind} {n!r} is not used" for n in names if n not in used]
    reported = {n for o in model.outputs.values() for n in symbols_of(o.expression)}
    found += [f"rule {n!r} is not used" for n in model.rules if n not in used and n not in reported]
    found += [f"table {n!r} is not used" for n in model.tables if n not in tables]
    lived_in = {s.compartment for s in model.species.values()}
    found += [
        f"compartment {n!r} holds no species" for n in model.compartments if n not in lived_in
    ]
    assigned = {n for e in model.events.values() for n in e.assign}
    for name in model.species:
        moves = name in model.dose_inputs or name in assigned or name in model.transports
        if not analysis.terms[name] and not moves:
            found.append(f"species {name!r} never changes: it has no rate, reaction, dose or event")
    if model.dose_inputs:
        found += [
            f"species {n!r} stays at zero: nothing that reaches it ever becomes positive"
            for n in _stay_at_zero(model, assigned)
        ]
    found += [
        f"parameter {p.name!r} is not verified against its source"
        for p in model.parameters.values()
        if not p.verified
    ]
    return tuple(found)


def _stay_at_zero(model: Model, assigned: Iterable[str]) -> list[str]:
    """Return species that start at zero and whose derivative is zero while they are."""
    analysis = model.analysis
    zero = {
        n
        for n, s in model.species.items()
        if not s.starts_steady
        and analysis.starts[n] == Number(0.0)
        and n not in model.dose_inputs
        and n not in model.transports
        and n not in set(assigned)
        and analysis.terms[n]
    }
    while True:
        rules: dict[str, bool] = {}
        for name in analysis.rule_order:
            rules[name] = _is_zero(analysis.definitions[name], zero, rules)
        leaving = {
            n for n in zero if not all(_is_zero(t.law, zero, rules) for t in analysis.terms[n])
        }
        if not leaving:
            return [n for n in model.species if n in zero]
        zero -= leaving


def _is_zero(expression: Expression, zero: set[str], rules: dict[str, bool]) -> bool:
    """Return whether an expression certainly vanishes where the given species do."""

    def visit(node: Expression, args: list[bool]) -> bool:
        if isinstance(node, Number):
            return node.value == 0.0
        if isinstance(node, Symbol):
            return node.name in zero or rules.get(node.name, False)
        if isinstance(node, Operation):
            if node.op == "mul":
                return any(args)
            if node.op in ("div", "neg", "pow"):
                return args[0]
            return node.op in ("add", "sub") and all(args)
        assert isinstance(node, Call)
        if node.name == "if":
            return args[1] and args[2]
        if node.name == "michaelis_menten":
            return args[0] or args[1]
        if node.name in ("min", "max"):
            return all(args)
        return node.name in (*_ZERO_AT_ZERO, "hill") and args[0]

    return fold(expression, visit)
