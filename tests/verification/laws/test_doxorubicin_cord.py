"""Doxorubicin in a tumor cord: gradients in cells during a three-hour infusion.

SPDX-License-Identifier: BSD-3-Clause

Eikenberry 2009, doi 10.1186/1742-4682-6-16 (after El-Kareh & Secomb 2000, doi
10.1038/sj.neo.7900096); values as in a public transcription of the model.  The set gives shorter
gradients than those measured in xenografts (Primeau 2005: half in 40-50 um), early ones above all.
"""

from __future__ import annotations

import numpy as np
import pytest
from krogh.line import simulate_line
from krogh.model import DoseInput, Model, Output, Parameter, Rate, Rule, Species, tissue
from krogh.space import Cylinder

pytestmark = pytest.mark.verification

MOLAR_MASS = 543.52  # g/mol
PHI = 0.4  # part of the tissue outside cells
CELLS_PER_ML = 1e9
NG_PER_1E5 = CELLS_PER_ML / 1e5  # ng/1e5 cells are so many ng/mL of tissue
NM = 1e3 / MOLAR_MASS  # nM of 1 ug/L

THETA = 0.6  # plasma's part of blood, which the wall law of the set has as a factor of Cp

# The set counts free and bound drug per tissue volume, f and b.  Its wall law,
# P (theta*Cp*(1 - delta) - f), is a permeability of phi*P between theta/phi*Cp*(1 - delta) outside
# and the free concentration f/phi.
CORD = Model(
    "tumor cord",
    tissue.free_drug(
        "dox",
        plasma="supply",
        diffusivity="7000 um^2/min",
        void_fraction=PHI,
        permeability=f"{PHI * 160} um/min",
        free_in_plasma=0.25,
    ),
    tissue.protein_binding(
        "dox",
        plasma="supply",
        association_rate="50 1/min",
        dissociation_rate="17 1/min",
        diffusivity="530 um^2/min",
        permeability=f"{PHI * 0.5} um/min",
    ),
    tissue.cell_uptake(
        "dox",
        passive=False,
        outside="free_dox + protein_bound_dox",
        saturable_uptake=True,
        uptake_capacity=f"{0.28 * NG_PER_1E5 / (1 - PHI) * NM} nM/min",
        uptake_constant=f"{219 * NM} nM",
        saturable_efflux=True,
        efflux_capacity=f"{0.28 * NG_PER_1E5 / (1 - PHI) * NM} nM/min",
        efflux_constant=f"{1.37 * NG_PER_1E5 / (1 - PHI) * NM} nM",
    ),
    Rule("per_cells", f"C_dox/{NG_PER_1E5 * NM}[nM]", note="ng per 1e5 cells"),
    Output("per_cells", unit=""),
)
PATIENT = Model(
    "alpha phase",
    Parameter("V", f"{1 / 0.0746} L"),
    Species("central", "mg", molar_mass=f"{MOLAR_MASS} g/mol"),
    DoseInput("central", drug="dox"),
    Rate("central", "-0.161[1/min]*central"),
    Rule("Cp_dox", f"central/V/{MOLAR_MASS}[g/mol]", unit="nM"),
    Rule("supply", f"{THETA / PHI}*Cp_dox", unit="nM"),
    Output("Cp_dox", unit="nM"),
)
TIMES = np.array([10.0, 60.0, 180.0])


@pytest.fixture(scope="module")
def cord():
    return simulate_line(
        CORD,
        Cylinder(inner_radius="10 um", outer_radius="120 um", cells=256),
        "150 mg over 3 h",
        systemic=PATIENT,
        times=([0.0, *TIMES], "min"),
        rtol=1e-5,
    )


def test_plasma_of_the_infusion(cord):
    plasma = np.asarray(cord.plasma["Cp_dox"].values)[0, -1] / NM
    assert plasma == pytest.approx(386.1, rel=2e-3)


def test_profile_in_cells(cord):
    """ng per 1e5 cells at the end of the infusion, by distance from the wall."""
    distance = np.asarray(cord.distance).ravel()
    profile = np.asarray(cord["per_cells"].values)[0, -1]
    found = np.interp([0.5, 20.0, 40.0, 60.0, 100.0], distance, profile)
    np.testing.assert_allclose(found, [0.852, 0.478, 0.269, 0.156, 0.0715], rtol=0.01)


def test_half_distances(cord):
    """Where half of the value at 0.5 um is left: 9.5, 16.3 and 23.9 um at 10, 60 and 180 min."""
    distance = np.asarray(cord.distance).ravel()
    found = []
    for profile in np.asarray(cord["per_cells"].values)[0, 1:]:
        first = np.interp(0.5, distance, profile)
        found.append(np.interp(0.5 * first, profile[::-1], distance[::-1]))
    np.testing.assert_allclose(found, [9.5, 16.3, 23.9], atol=0.1)


def test_initial_length(cord):
    """Early, uptake is linear in the drug outside: sqrt(Df/(rho Vmax/(KE phi))) = 14.8 um."""
    rate = 0.28 * NG_PER_1E5 / (219 * PHI)
    assert np.sqrt(7000.0 / rate) == pytest.approx(14.8, abs=0.05)


def test_drug_in_the_cord_is_what_entered(cord):
    content = sum(np.asarray(cord.content[s].values)[0] for s in ("F_dox", "A_dox", "C_dox"))
    entered = sum(np.asarray(cord.entered[s].values)[0] for s in ("F_dox", "A_dox"))
    np.testing.assert_allclose(content, entered, rtol=1e-10, atol=1e-12 * content.max())
