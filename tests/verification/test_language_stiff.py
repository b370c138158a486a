"""The stiff test set written in the model language, with units, reactions and `simulate`.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import krogh as kg
import numpy as np
import pytest
from krogh.model import Model, Parameter, Rate, Reaction, Species
from stiff import POLLU_BALANCE, POLLU_RATES, POLLU_REACTANTS, PROBLEMS

pytestmark = pytest.mark.verification

REFERENCE = json.loads((Path(__file__).parent / "data" / "stiff_reference.json").read_text())


def species(start, unit="nM"):
    return [Species(f"y{i + 1}", unit, initial=f"{v!r}[{unit}]") for i, v in enumerate(start)]


def rober():
    return Model(
        "ROBER",
        Parameter("k1", "0.04 1/s"),
        Parameter("k2", "3e7 1/(nM*s)"),
        Parameter("k3", "1e4 1/(nM*s)"),
        *species((1.0, 0.0, 0.0)),
        Reaction("y1 -> y2", rate="k1*y1"),
        Reaction("2 y2 -> y2 + y3", rate="k2*y2^2"),
        Reaction("y2 + y3 -> y1 + y3", rate="k3*y2*y3"),
    )


def hires():
    laws = (
        "-1.71*y1 + 0.43*y2 + 8.32*y3 + 0.0007[nM]",
        "1.71*y1 - 8.75*y2",
        "-10.03*y3 + 0.43*y4 + 0.035*y5",
        "8.32*y2 + 1.71*y3 - 1.12*y4",
        "-1.745*y5 + 0.43*y6 + 0.43*y7",
        "-280[1/nM]*y6*y8 + 0.69*y4 + 1.71*y5 - 0.43*y6 + 0.69*y7",
        "280[1/nM]*y6*y8 - 1.81*y7",
        "-280[1/nM]*y6*y8 + 1.81*y7",
    )
    rates = [Rate(f"y{i + 1}", f"({law})/1[s]") for i, law in enumerate(laws)]
    return Model("HIRES", *species(PROBLEMS["HIRES"].start), *rates)


def orego():
    return Model(
        "OREGO",
        *species((1.0, 2.0, 3.0)),
        Rate("y1", "77.27[1/s]*(y2 + y1*(1 - 8.375e-6[1/nM]*y1 - y2/1[nM]))"),
        Rate("y2", "(y3 - (1 + y1/1[nM])*y2)/77.27[s]"),
        Rate("y3", "0.161[1/s]*(y1 - y3)"),
    )


def vdpol():
    return Model(
        "VDPOL",
        *species((2.0, 0.0), "1"),
        Rate("y1", "y2/1[s]"),
        Rate("y2", "((1 - y1^2)*y2 - y1)/1e-6[s]"),
    )


def pollu():
    parts = []
    for number, (k, reactants) in enumerate(zip(POLLU_RATES, POLLU_REACTANTS, strict=True), 1):
        change = Counter()
        for s, terms in enumerate(POLLU_BALANCE, 1):
            change[s] = terms.count(number) - terms.count(-number)
        sides = Counter(reactants), Counter(reactants) + Counter()
        for s, net in change.items():
            sides[1][s] += net
        assert min(sides[1].values()) >= 0
        left, right = (
            " + ".join(f"{n} y{s}" for s, n in sorted(side.items()) if n) for side in sides
        )
        unit = "1/s" if len(reactants) == 1 else "1/(nM*s)"
        law = "*".join([f"k{number}", *(f"y{r}" for r in reactants)])
        parts.append(Parameter(f"k{number}", f"{k!r} {unit}"))
        parts.append(Reaction(f"{left} -> {right}", rate=law))
    return Model("POLLU", *species(PROBLEMS["POLLU"].start), *parts)


def e5():
    return Model(
        "E5",
        Parameter("A", "7.89e-10 1/s"),
        Parameter("B", "1.1e7 1/(nM*s)"),
        Parameter("C", "1.13e9 1/(nM*s)"),
        Parameter("D", "1.13e3 1/s"),
        *species((1.76e-3, 0.0, 0.0, 0.0)),
        Reaction("y1 -> y2 + y3", rate="A*y1"),
        Reaction("y1 + y3 -> y4", rate="B*y1*y3"),
        Reaction("y2 + y3 ->", rate="C*y2*y3"),
        Reaction("y4 -> y3", rate="D*y4"),
    )


MODELS = {
    "ROBER": rober, "HIRES": hires, "OREGO": orego, "VDPOL": vdpol, "POLLU": pollu, "E5": e5,
}  # fmt: skip


def test_the_set_is_complete():
    assert set(MODELS) == set(PROBLEMS)


@pytest.mark.parametrize("method", ["auto", "rodas4"])
@pytest.mark.parametrize("name", MODELS)
def test_values_at_rtol_1e_8(name, method):
    problem = PROBLEMS[name]
    stored = REFERENCE["problems"][name]
    unit = "1" if name == "VDPOL" else "nM"
    names = [f"y{i + 1}" for i in range(len(problem.start))]
    result = kg.simulate(
        MODELS[name](), times=([0.0, *stored["times"]], "s"), rtol=1e-8, method=method,
        atol=dict.fromkeys(names, f"{problem.atol!r} {unit}"), metrics=False,
    )  # fmt: skip
    values = np.stack([np.ravel(result[n].values) for n in names], axis=-1)[1:]
    largest = np.array(stored["largest"])
    published = np.abs(values[-1] - np.array(problem.published)) / largest
    assert published.max() <= 1e-6, published
    error = np.abs(values - np.array(stored["values"])) / largest
    assert error.max() <= 1e-6, error.max(axis=0)
