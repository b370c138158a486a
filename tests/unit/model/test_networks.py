"""Random reaction networks: documents, renaming, order, and the equations themselves.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from krogh import _core, units
from krogh.model import (
    Compartment,
    Model,
    Output,
    Parameter,
    Rate,
    Reaction,
    Rule,
    Species,
    number,
)
from krogh.model.dimensions import dimension_of

VOLUMES = {"c0": 2.0, "c1": 5.0}  # L


@st.composite
def networks(draw):
    """Draw species (name, start, compartment or None) and reactions (sides, rate constant)."""
    count = draw(st.integers(1, 4))
    species = [
        (f"S{i}", draw(st.sampled_from([0.0, 0.5, 3.0])), draw(st.sampled_from([*VOLUMES, None])))
        for i in range(count)
    ]
    sides = st.dictionaries(st.integers(0, count - 1), st.integers(1, 2), max_size=2)
    reactions = []
    for _ in range(draw(st.integers(1, 4))):
        left, right = draw(sides), draw(sides)
        if (left or right) and left != right:
            reactions.append((left, right, draw(st.sampled_from([0.25, 1.0, 4.0]))))
    return species, reactions


def build(species, reactions) -> Model:
    """Mass action in amounts per time: k times the product of amounts in nmol or nM."""
    parts = [Compartment(c, f"{v}[L]") for c, v in VOLUMES.items()]
    for name, start, place in species:
        unit = "nmol" if place is None else "nM"
        parts.append(Species(name, unit, initial=f"{start}[{unit}]", compartment=place))
        parts.append(Rule(f"n_{name}", f"{name}/1[{unit}]"))
    for i, (left, right, k) in enumerate(reactions):
        text = " -> ".join(
            " + ".join(f"{n} S{j}" for j, n in side.items()) for side in (left, right)
        )
        law = "*".join([f"k{i}", *(f"n_S{j}^{n}" for j, n in left.items())])
        parts += [Parameter(f"k{i}", f"{k} nmol/h"), Reaction(text, rate=law)]
    return Model("network", *parts)


def slopes_by_hand(species, reactions) -> list[float]:
    """Derivatives in declared units per hour."""
    slopes = []
    for i, (_, _, place) in enumerate(species):
        total = 0.0
        for left, right, k in reactions:
            law = k * np.prod([species[j][1] ** n for j, n in left.items()])
            total += (right.get(i, 0) - left.get(i, 0)) * law
        slopes.append(total if place is None else total / VOLUMES[place])
    return slopes


def observed(model: Model) -> np.ndarray:
    """Outputs at the start, in declared units."""
    c = model.compile()
    one = np.zeros(1, dtype=np.int32)
    schedule = _core.Schedule(
        np.array([0, 1], dtype=np.int64),
        np.zeros(1),
        np.zeros(1, dtype=np.int8),
        one,
        np.zeros(1),
        np.zeros(1),
        np.zeros(1),
        one,
        np.zeros(1, dtype=np.int8),
        shared=True,
    )
    run = _core.simulate_point(c.program, c.pack(), schedule, method="rodas4")
    return run.values[0, 0] * c.output_factors


@given(networks())
@settings(max_examples=60, deadline=None)
def test_equations_are_what_the_reactions_say(network):
    species, reactions = network
    model = build(species, reactions)
    per_hour = [f"{model.species[name].unit}/h" for name, _, _ in species]
    slopes = Model(
        "slopes",
        model,
        *(
            Output(f"d_{name}", model.derivative(name), unit=unit)
            for (name, _, _), unit in zip(species, per_hour, strict=True)
        ),
    )
    assert observed(slopes) == pytest.approx(slopes_by_hand(species, reactions), rel=1e-12)


@given(networks(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_documents_renaming_and_order_change_nothing(network, random):
    model = build(*network)
    assert Model.from_document(model.to_document()) == model
    away = {n: f"x_{n}" for n in [*model.species, *model.parameters, *model.rules]}
    back = {new: old for old, new in away.items()}
    assert model.rename(away).rename(back) == model
    shuffled = list(model.components)
    random.shuffle(shuffled)
    other = Model("network", *shuffled)
    for name in model.species:
        assert sorted(map(str, terms(other, name))) == sorted(map(str, terms(model, name)))
    assert len(other.conserved()) == len(model.conserved())


def terms(model: Model, name: str):
    return [(t.count, t.law, t.volume) for t in model.analysis.terms[name]]


@given(networks())
@settings(max_examples=40, deadline=None)
def test_conserved_quantities_do_not_move(network):
    """They are linear, so a step along the derivatives must leave their values as they are."""
    species, reactions = network
    model = build(species, reactions)
    slopes = slopes_by_hand(species, reactions)
    for quantity in model.conserved():
        dimension = dimension_of(quantity, model.analysis.scope, "test")
        unit = "nM" if dimension == units.dimension("nM") else "nmol"
        probe = Model("probe", model, Output("q", quantity, unit=unit))
        moved = probe.replace(
            *(
                model.species[name].changed(
                    initial=number(start + float(slope), model.species[name].unit)
                )
                for (name, start, _), slope in zip(species, slopes, strict=True)
            )
        )
        assert observed(moved)[0] == pytest.approx(observed(probe)[0], rel=1e-9, abs=1e-9)


def test_rates_and_reactions_add_up():
    model = Model(
        "m",
        Parameter("k", "2 1/h"),
        Species("A", "nmol", initial="3 nmol"),
        Reaction("A ->", rate="k*A"),
        Rate("A", "1[nmol/h]"),
    )
    probe = model + Output("d", model.derivative("A"), unit="nmol/h")
    assert observed(probe)[0] == pytest.approx(-5.0)
