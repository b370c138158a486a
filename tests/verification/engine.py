"""Laws as plain Python functions, traced into engine programs, and schedules from short records.

SPDX-License-Identifier: BSD-3-Clause

A law is ``law(t, y, p) -> list of derivatives``; ``y`` and ``p`` are looked up by name. The same
function is traced into the engine's graph and evaluated on numbers by the reference solvers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from krogh import _core

ROSENBROCK = ("rodas4", "rodas5p", "ros34pw2")
OBSERVE, DOSE, OTHER, RESET, RESET_DOSE, SET_PARAMETER = range(6)


class Symbol:
    """Node of a graph with operators."""

    __slots__ = ("graph", "node")

    def __init__(self, graph, node):
        self.graph = graph
        self.node = node

    def _with(self, operation, other, swap=False):
        other = lift(self.graph, other)
        a, b = (other, self.node) if swap else (self.node, other)
        return Symbol(self.graph, self.graph.binary(operation, a, b))

    def __add__(self, other):
        return self._with("add", other)

    def __radd__(self, other):
        return self._with("add", other, True)

    def __sub__(self, other):
        return self._with("sub", other)

    def __rsub__(self, other):
        return self._with("sub", other, True)

    def __mul__(self, other):
        return self._with("mul", other)

    def __rmul__(self, other):
        return self._with("mul", other, True)

    def __truediv__(self, other):
        return self._with("div", other)

    def __rtruediv__(self, other):
        return self._with("div", other, True)

    def __pow__(self, other):
        return self._with("pow", other)

    def __neg__(self):
        return Symbol(self.graph, self.graph.unary("neg", self.node))


def lift(graph, value):
    """Node of a symbol or of a number."""
    return value.node if isinstance(value, Symbol) else graph.constant(float(value))


def _unary(name, number):
    def apply(x):
        if isinstance(x, Symbol):
            return Symbol(x.graph, x.graph.unary(name, x.node))
        return number(x)

    apply.__name__ = name
    return apply


exp = _unary("exp", np.exp)
log = _unary("log", np.log)
sqrt = _unary("sqrt", np.sqrt)
sin = _unary("sin", np.sin)
cos = _unary("cos", np.cos)
lgamma = _unary("lgamma", math.lgamma)


def where(condition, a, b):
    """``a`` where ``condition`` > 0, else ``b``; a switching surface when traced."""
    symbols = [x for x in (condition, a, b) if isinstance(x, Symbol)]
    if not symbols:
        return a if condition > 0 else b
    graph = symbols[0].graph
    return Symbol(graph, graph.select(*(lift(graph, x) for x in (condition, a, b))))


class Names:
    """Values looked up as attributes or by position."""

    def __init__(self, names, values):
        self._values = list(values)
        self.__dict__.update(zip(names, self._values, strict=True))

    def __getitem__(self, i):
        return self._values[i]


@dataclass(frozen=True)
class Law:
    """A model: names, the law, and expressions of parameters for everything else.

    ``initial``, ``lag``, ``bioavailability``, ``duration`` and ``rate`` map a state to a function
    of the parameters; ``outputs`` maps a name to a function ``(t, y, p)``, by default the states.
    ``events`` lists ``(trigger(t, y, p), direction, {state: value(t, y, p)})``.
    """

    states: tuple[str, ...]
    parameters: tuple[str, ...]
    law: Any
    initial: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    lag: dict[str, Any] = field(default_factory=dict)
    bioavailability: dict[str, Any] = field(default_factory=dict)
    duration: dict[str, Any] = field(default_factory=dict)
    rate: dict[str, Any] = field(default_factory=dict)
    events: tuple[Any, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    def program(self):
        """The engine's program."""
        graph = _core.Graph()
        y = Names(self.states, [Symbol(graph, graph.state(i)) for i in range(len(self.states))])
        p = Names(
            self.parameters,
            [Symbol(graph, graph.parameter(i)) for i in range(len(self.parameters))],
        )
        t = Symbol(graph, graph.time())

        def of_parameters(table, default):
            return [lift(graph, table[s](p) if s in table else default) for s in self.states]

        def attribute(table, default):
            return of_parameters(table, default) if table else []

        outputs = self.outputs or {s: _component(i) for i, s in enumerate(self.states)}
        return _core.Program(
            graph,
            list(self.states),
            list(self.parameters),
            derivatives=[lift(graph, d) for d in self.law(t, y, p)],
            initial=of_parameters(self.initial, 0.0),
            outputs=[lift(graph, f(t, y, p)) for f in outputs.values()],
            names_outputs=list(outputs),
            bioavailability=attribute(self.bioavailability, 1.0),
            lag=attribute(self.lag, 0.0),
            duration=attribute(self.duration, 1.0),
            rate=attribute(self.rate, 1.0),
            events=[
                (
                    lift(graph, trigger(t, y, p)),
                    direction,
                    [
                        (self.states.index(s), lift(graph, value(t, y, p)))
                        for s, value in assign.items()
                    ],
                )
                for trigger, direction, assign in self.events
            ],
            **self.options,
        )

    def derivative(self, t, y, values):
        """The law on numbers."""
        return np.array(
            self.law(t, Names(self.states, y), Names(self.parameters, values)), dtype=float
        )


def _component(i):
    return lambda t, y, p: y[i]


@dataclass(frozen=True)
class Record:
    """One record with NONMEM's meaning; ``target`` is a state or parameter number."""

    time: float
    kind: int = OBSERVE
    target: int = 0
    amount: float = 0.0
    rate: float = 0.0
    interval: float = 0.0
    additional: int = 0
    steady: int = 0


def dose(time, amount, target=0, **rest):
    """A dose record."""
    return Record(time, DOSE, target, amount, **rest)


def observe(times):
    """Observation records."""
    return [Record(float(t)) for t in np.atleast_1d(times)]


def in_order(*records):
    """Records sorted by time; those of one time keep the order in which they are given."""
    flat = [r for item in records for r in (item if isinstance(item, list) else [item])]
    return sorted(flat, key=lambda r: r.time)


def schedule(lists, shared=False):
    """The engine's schedule of one list of records per subject."""
    flat = [r for records in lists for r in records]
    column = lambda name, kind: np.array([getattr(r, name) for r in flat], dtype=kind)  # noqa: E731
    return _core.Schedule(
        np.cumsum([0] + [len(records) for records in lists], dtype=np.int64),
        column("time", float),
        column("kind", np.int8),
        column("target", np.int32),
        column("amount", float),
        column("rate", float),
        column("interval", float),
        column("additional", np.int32),
        column("steady", np.int8),
        shared=shared,
    )


def solve(program, parameters, records, **options):
    """One subject; values (observations, outputs) after a success."""
    parameters = np.atleast_2d(np.asarray(parameters, dtype=float))
    run = _core.simulate_point(program, parameters, schedule([records]), **options)
    assert list(run.status) == [0], run.failures
    return run
