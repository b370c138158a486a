"""Random tissues, bodies and shapes, and BENCH-N87 in the model language.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import numpy as np
from krogh.model import (
    DoseInput,
    Model,
    Output,
    Parameter,
    Rate,
    Reaction,
    Rule,
    Species,
    Transport,
)
from krogh.space import Cylinder, Slab, Sphere


def n87():
    """BENCH-N87: a conjugate (1) and its naked antibody (2) compete for one receptor."""
    return Model(
        "NCI-N87",
        Parameter("kon", "7.1e-4 1/(nM s)"),
        Parameter("koff", "3.5e-4 1/s"),
        Parameter("ke", "3.3e-5 1/s"),
        Parameter("klys", "1e-5 1/s"),
        Parameter("S0", "833 nM"),
        Parameter("eps", "0.24"),
        Parameter("D", "10 um^2/s"),
        Parameter("P", "3e-3 um/s"),
        Species("F1", "nM"),
        Species("F2", "nM"),
        Species("S", "nM", initial="S0"),
        Species("B1", "nM"),
        Species("B2", "nM"),
        Species("E1", "nM"),
        Species("L1", "nM"),
        Species("E2", "nM"),
        Reaction("F1 + S <-> B1", forward="kon/eps*F1*S", backward="koff*B1"),
        Reaction("F2 + S <-> B2", forward="kon/eps*F2*S", backward="koff*B2"),
        Reaction("-> S", "ke*S0"),
        Reaction("S ->", "ke*S"),
        Reaction("B1 -> E1", "ke*B1"),
        Reaction("E1 -> L1", "klys*E1"),
        Reaction("B2 -> E2", "ke*B2"),
        *(
            Transport(
                f"F{i}", diffusivity="D", void_fraction="eps", permeability="P", plasma=f"C{i}"
            )
            for i in (1, 2)
        ),
        Output("occupancy", "(B1 + B2)/(S + B1 + B2)", unit=""),
    )


def mouse():
    """Plasma of BENCH-N87: two compartments for each drug."""
    parts = [
        Parameter("V", "1 mL"),
        Parameter("k12", "0.1726 1/h"),
        Parameter("k21", "0.0890 1/h"),
        Parameter("half_life", "278.4 h"),
        Parameter("MW", "148781 g/mol"),
    ]
    for i in (1, 2):
        parts += [
            Species(f"A{i}", "nmol", molar_mass="MW"),
            Species(f"Q{i}", "nmol"),
            Rule(f"C{i}", f"A{i}/V"),
            Output(f"C{i}", f"C{i}", unit="nM"),
            Rate(f"A{i}", f"-(log(2)/half_life + k12)*A{i} + k21*Q{i}"),
            Rate(f"Q{i}", f"k12*A{i} - (log(2)/half_life + k21)*Q{i}"),
            DoseInput(f"A{i}", drug=f"D{i}"),
        ]
    return Model("mouse", *parts)


def random_case(number):
    """A case by number: tissue, shape, body, and the other arguments of simulate_line."""
    rng = np.random.default_rng(1000 + number)
    cells = int(rng.integers(8, 17))
    shape = [
        Cylinder(f"{rng.uniform(5, 12):.4g} um", f"{rng.uniform(40, 90):.4g} um", cells=cells),
        Sphere(f"{rng.uniform(60, 250):.4g} um", cells=cells),
        Slab(f"{rng.uniform(40, 150):.4g} um", cells=cells, supply=("inner", "both")[number % 2]),
    ][number % 3]
    drugs = 1 + number % 3
    parts = [
        Parameter("S0", f"{rng.uniform(50, 900):.4g} nM"),
        Parameter("ke", f"{10 ** rng.uniform(-5.5, -4):.4g} 1/s"),
        Species("S", "nM", initial="S0"),
        Rate("S", "ke*(S0 - S)"),
    ]
    body = [Parameter("V", f"{rng.uniform(0.8, 3):.4g} mL"), Parameter("MW", "150 kDa")]
    doses = []
    for i in range(1, drugs + 1):
        wall = ("membrane", "membrane", "fixed")[int(rng.integers(3))]
        parts += [
            Parameter(f"D{i}", f"{rng.uniform(3, 60):.4g} um^2/s"),
            Parameter(f"eps{i}", f"{rng.uniform(0.1, 0.6):.4g}"),
            Parameter(f"P{i}", f"{10 ** rng.uniform(-3, -1):.4g} um/s"),
            Parameter(f"fu{i}", f"{rng.uniform(0.2, 1):.4g}"),
            Parameter(f"kon{i}", f"{10 ** rng.uniform(-5, -3):.4g} 1/(nM s)"),
            Parameter(f"koff{i}", f"{10 ** rng.uniform(-5, -3):.4g} 1/s"),
            Species(f"F{i}", "nM"),
            Species(f"B{i}", "nM"),
            Reaction(f"F{i} + S <-> B{i}", f"kon{i}/eps{i}*F{i}*S", f"koff{i}*B{i}"),
            Reaction(f"B{i} ->", f"ke*B{i}"),
            Transport(
                f"F{i}",
                diffusivity=f"D{i}",
                void_fraction=f"eps{i}",
                permeability=f"P{i}" if wall == "membrane" else None,
                wall=wall,
                plasma=f"C{i}",
                free_in_plasma=f"fu{i}",
            ),
        ]
        mass = bool(rng.integers(2))
        unit = "mg" if mass else "nmol"
        body += [
            Parameter(f"CL{i}", f"{10 ** rng.uniform(-0.5, 1):.4g} mL/d"),
            Species(f"A{i}", unit, molar_mass="MW"),
            Species(f"gone{i}", unit),
            Rule(f"C{i}", f"A{i}/V"),
            Reaction(f"A{i} -> gone{i}", f"CL{i}*C{i}"),
            DoseInput(f"A{i}", drug=f"D{i}"),
        ]
        over = " over 2 h" if rng.integers(2) else ""
        doses.append(f"D{i} {rng.uniform(0.02, 0.2):.4g} mg{over}")
    where = np.arange(cells) < cells // 2
    fields = {}
    if rng.integers(2):
        fields["S0"] = np.where(where, 1.0, rng.uniform(0.1, 0.9)) * rng.uniform(50, 900)
    if rng.integers(2):
        fields["eps1"] = np.where(where, 0.2, 0.45)
    if rng.integers(2):
        fields["D1"] = np.where(where, 5.0, 40.0)
    volume = "0.2 mL" if rng.integers(2) else None
    options = {
        "systemic": Model("body", *body),
        "dosing": " + ".join(doses),
        "fields": fields,
        "tumour_volume": volume,
        "times": ([0.0, 1.0, 4.0, 9.0], "h"),
        "record": [s for d in range(1, drugs + 1) for s in (f"F{d}", f"B{d}")] + ["S"],
    }
    return Model("tissue", *parts), shape, options


def value_of(name, tissue, body, shape):
    """The nominal value of a parameter of either model, or a length of the shape."""
    for model in (tissue, body):
        if name in model.parameters:
            return model.parameters[name].value.value
    return shape.lengths[name]


def sensitivity_errors(found, reference, outputs, values):
    """Largest differences of sensitivities, relative to the largest value.

    Yields (output, name, error).  The error is relative to the largest value of that sensitivity;
    where a parameter hardly matters (its logarithmic sensitivity is below 1 % of the largest that
    the output has to any parameter) it is relative to 1 % of that largest one: tolerances of a
    solver that follows the states resolve no more.
    """
    for output in outputs:
        exact = {n: reference.sensitivity(output, n).values for n in values}
        largest = {n: abs(values[n]) * np.max(np.abs(exact[n])) for n in values}
        floor = 0.01 * max(largest.values())
        for name, value in values.items():
            apart = np.max(np.abs(found.sensitivity(output, name).values - exact[name]))
            scale = max(largest[name], floor)
            yield output, name, abs(value) * apart / scale if scale > 0.0 else apart
