"""Antibodies around one vessel of a mouse's tumor: the models that the laws are tested on.

SPDX-License-Identifier: BSD-3-Clause

Tissue and plasma of BENCH-N87 (an antibody-drug conjugate and its naked antibody in NCI-N87).
"""

from __future__ import annotations

import numpy as np
from krogh.model import DoseInput, Model, Output, Parameter, Rate, Rule, Species, engagement, tissue
from krogh.space import Cylinder

EPS = 0.24
CELLS = "5.0165e8 cells/mL"  # 1200.5 molecules per cell and nM
VESSEL = Cylinder(inner_radius="8 um", outer_radius="75 um", cells=48)


def plasma(*drugs, volume="1 mL", half_life="278.4 h", molar_mass="148781 g/mol", exchange=True):
    """A mouse: two compartments (one without exchange), loss from both, each drug by itself."""
    parts = [Parameter("V", volume), Parameter("half_life", half_life)]
    if exchange:
        parts += [Parameter("k12", "0.1726 1/h"), Parameter("k21", "0.0890 1/h")]
    for d in drugs:
        parts += [
            Species(f"central_{d}", "nmol", molar_mass=molar_mass),
            DoseInput(f"central_{d}", drug=d),
            Rate(f"central_{d}", f"-log(2)/half_life*central_{d}"),
            Rule(f"Cp_{d}", f"central_{d}/V", unit="nM"),
            Output(f"Cp_{d}", unit="nM"),
        ]
        if exchange:
            parts += [
                Species(f"peripheral_{d}", "nmol"),
                Rate(f"peripheral_{d}", f"k12*central_{d} - k21*peripheral_{d}"),
                Rate(f"peripheral_{d}", f"-log(2)/half_life*peripheral_{d}"),
                Rate(f"central_{d}", f"k21*peripheral_{d} - k12*central_{d}"),
            ]
    return Model("mouse", parts)


def antibody(drug, target="HER2", transport=None, **options):
    """Transport and binding of one antibody, with the kinetics of BENCH-N87 unless told."""
    moves = {"diffusivity": "10 um^2/s", "void_fraction": EPS, "permeability": "3e-7 cm/s"}
    values = {
        "association_rate": "7.1e-4 1/nM/s",
        "dissociation_rate": "3.5e-4 1/s",
        "internalization_rate": "3.3e-5 1/s",
    }
    return Model(
        drug,
        tissue.free_drug(drug, **(moves | (transport or {}))),
        engagement.binding(drug, target, **(values | options)),
        partial=True,
    )


def target(name="HER2", **options):
    """The target of NCI-N87 unless told otherwise."""
    values = {"target_density": "833 nM", "internalization_rate": "3.3e-5 1/s"}
    return engagement.surface_target(name, **(values | options))


def tumor(*drugs, target_options=None, extra=(), **options):
    """Antibodies that compete for HER2, with total, uptake per cell and occupancy."""
    parts = []
    for d in drugs:
        one = antibody(d, **options)
        parts += [
            one,
            tissue.total_drug(d, forms=one),
            engagement.uptake(d, forms=one, cell_density=CELLS),
        ]
    return Model(
        "tumor",
        target(**(target_options or {})),
        parts,
        engagement.occupancy("HER2", list(drugs)),
        *extra,
    )


def half_radius(positions, values, level):
    """Distance at which a falling profile passes a level, straight between the cells."""
    below = np.nonzero(np.asarray(values) < level)[0]
    if not below.size or below[0] == 0:
        return positions[-1] if not below.size else positions[0]
    i = below[0]
    part = (values[i - 1] - level) / (values[i - 1] - values[i])
    return positions[i - 1] + part * (positions[i] - positions[i - 1])
