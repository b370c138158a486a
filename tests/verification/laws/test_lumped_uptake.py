"""Uptake while nothing saturates: the closed form of Thurber & Wittrup 2012, and laws of size.

SPDX-License-Identifier: BSD-3-Clause

J Theor Biol 314:57, doi 10.1016/j.jtbi.2012.08.034, with the return flux kex/eps*fu (the free
fraction of tissue drug is fu).
"""

from __future__ import annotations

import numpy as np
import pytest
from around_a_vessel import EPS, VESSEL, plasma, tumor
from krogh.line import simulate_line
from krogh.model import tissue

pytestmark = pytest.mark.verification
DAY = 86400.0
TIMES = np.array([6.0, 24.0, 48.0, 72.0, 96.0, 168.0])
# computed from the closed form with kex = 2 P Rc/RK^2
TABLE = np.array([6.50, 11.36, 10.94, 9.95, 9.01, 6.70])


def lumped(hours, kex, eps, target, affinity, ke, ka):
    """Free and bound drug per plasma concentration at the start."""
    fu = affinity / (target / eps + affinity)
    omega = kex / eps * fu + ke * (1.0 - fu)
    t = np.asarray(hours) * 3600.0
    return kex / (omega - ka) * (np.exp(-ka * t) - np.exp(-omega * t))


def igg(kex):
    """%ID/g at the times of the table, plasma of 2 mL with a half-life of 168 h."""
    ka = np.log(2.0) / (168.0 * 3600.0)
    return 100.0 * lumped(TIMES, kex, 0.24, 833.0, 0.5, 3.3e-5, ka) / 2.0


def test_table_of_the_closed_form():
    kex = tissue.extravasation_rate("3e-7 cm/s", "8 um", "75 um", annulus=False).to("1/s")
    assert kex * DAY == pytest.approx(0.7373, abs=5e-5)
    np.testing.assert_allclose(np.round(igg(kex), 2), TABLE, atol=0.0051)


def test_the_line_is_the_closed_form_while_unsaturated():
    """Within 2 %, of which 1.15 % is the vessel's volume, tissue in the closed form."""
    result = simulate_line(
        tumor("mAb", dissociation_rate="3.5e-4 1/s", association_rate="7.0e-4 1/nM/s"),
        VESSEL,
        "mAb 1e-5 mg",
        systemic=plasma("mAb", volume="2 mL", half_life="168 h", exchange=False),
        times=([0.0, *TIMES], "h"),
        rtol=1e-5,
    )
    assert np.asarray(result["occupancy_HER2"].values).max() < 1e-3
    held = result.mean("free_mAb").values * EPS + result.mean("bound_mAb").values
    start = 1e-5 / 0.148781 / 2e-3  # nM: mg over molar mass (mg/nmol) over volume (L)
    found = 100.0 * np.asarray(held)[0, 1:] / start / 2.0
    whole = tissue.extravasation_rate("3e-7 cm/s", "8 um", "75 um", annulus=False).to("1/s")
    annulus = tissue.extravasation_rate("3e-7 cm/s", "8 um", "75 um").to("1/s")
    np.testing.assert_allclose(found, igg(whole), rtol=0.02)
    # what is left is the drug that diffusion keeps near the wall
    np.testing.assert_allclose(found, igg(annulus), rtol=0.01)
    np.testing.assert_allclose(found, TABLE, rtol=0.02)


# --- size -----------------------------------------------------------------------------------------

MASSES = np.array([1.0, 3.0, 7.0, 15.0, 20.0, 25.0, 30.0, 40.0, 60.0, 100.0, 150.0])
# glomerular filtration of a mouse of 20 g, 0.28 mL/min: Davies & Morris 1993, Pharm Res
# 10:1093-1095, doi 10.1023/A:1018943613122; loss by other ways as of an IgG of 168 h in 2 mL
FILTRATION = 0.28 * 60.0
OTHER = 2.0 * np.log(2.0) / 168.0


def half_life(mass):
    """Hours in plasma of 2 mL for a protein of a mass in kDa."""
    return np.log(2.0) * 2.0 / (FILTRATION * tissue.glomerular_sieving(f"{mass} kDa") + OTHER)


def uptake_by_size(dissociation, hours=24.0, masses=MASSES):
    """%ID/g of molecules of several sizes and one affinity: one line for each size."""
    open_values = dict.fromkeys(("permeability", "void_fraction", "diffusivity"))
    result = simulate_line(
        tumor(
            "protein",
            target_options={"target_density": "150 nM"},
            extra=[tissue.transport_by_size("protein", molar_mass="150 kDa", slowing=0.25)],
            transport=open_values,
            association_rate="1e-3 1/nM/s",
            internalization_rate="1e-5 1/s",
        ),
        VESSEL,
        "protein 1e-5 nmol",
        systemic=plasma("protein", volume="2 mL", exchange=False),
        values={
            "half_life": (np.array([half_life(m) for m in masses]), "h"),
            "molar_mass_protein": (masses, "kDa"),
            "dissociation_rate_protein": (np.full(len(masses), dissociation), "1/s"),
        },
        times=([0.0, hours], "h"),
        rtol=1e-4,
    )
    return 100.0 * np.asarray(result.mean("total_protein").values)[:, -1] / 1e-5 * 1e-3


def test_uptake_has_its_minimum_near_25_kda():
    """Small molecules enter fast, antibodies stay in the plasma; between them neither helps."""
    found = uptake_by_size(1e-3 * 1.0)
    at = MASSES[int(np.argmin(found))]
    assert 15.0 <= at <= 30.0
    assert found[0] > 1.5 * found.min()
    assert found[-1] > 5.0 * found.min()


def test_small_carriers_need_affinity_and_large_ones_do_not():
    """Raising KD a hundredfold from 1 nM costs a peptide most of its uptake, an IgG little."""
    pair = np.array([1.0, 150.0])
    tight, weak = (uptake_by_size(1e-3 * kd, masses=pair) for kd in (1.0, 100.0))
    kept = weak / tight
    assert kept[0] < 0.2
    assert kept[1] > 0.5
    assert kept[1] > 5.0 * kept[0]
