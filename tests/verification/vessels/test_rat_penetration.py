"""Drugs around the measured vessels of a rat tumor: how far they come, and by when.

SPDX-License-Identifier: BSD-3-Clause

Doxorubicin falls to half within 24 to 50 um in measured tissue (Primeau 2005, 40-50 um; 24 to 43 um
by the density of the cells, BMC Cancer 12:214), and within less at first; antibodies stay within a
few cells of the vessel until their targets there are full.
"""

from __future__ import annotations

from pathlib import Path

import krogh as kg
import numpy as np
import pytest
from krogh.vessels import VesselNetwork, extraction, junction_errors, read, solve_flow
from numpy.typing import NDArray

pytestmark = pytest.mark.verification

EDGES = np.array([0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0])


@pytest.fixture(scope="module")
def rat(shared_data: Path) -> VesselNetwork:
    found = solve_flow(read(shared_data / "vessels" / "rat_R3230AC_tumor_1998.network.dat"))[0]
    assert junction_errors(found).max() < 1e-12
    return found


def binned(tumour, values) -> NDArray[np.float64]:
    """Means over bins of the distance to the nearest wall, (bins, times)."""
    distance = tumour.voxels.distance(wall=True).ravel()
    flat = np.asarray(values).reshape(len(values), -1)
    place = np.digitize(distance, EDGES) - 1
    return np.array([np.nanmean(flat[:, place == k], axis=1) for k in range(EDGES.size - 1)])


def half_distance(means) -> float:
    """Where a profile falls to half of the first bin, um beyond its middle, on a log scale."""
    middle = 0.5 * (EDGES[:-1] + EDGES[1:])
    share = np.log(means / means[0])
    return float(np.interp(-np.log(0.5), -share, middle) - middle[0])


def test_doxorubicin_reaches_far_and_comes_back(rat):
    tumour = kg.tumour.from_vessels(rat, "NCI-N87", spacing="10 um", kernel_radius="20 um")
    result = tumour.run(
        "doxorubicin",
        "50 mg/m^2",
        subject="human 70 kg",
        until="24 h",
        times=["10 min", "1 h", "24 h"],
        record=["total_doxorubicin"],
        progress=False,
    )
    assert result.ledger().largest < 1e-12
    means = binned(tumour, result["total_doxorubicin"].values)
    early, hour, day = means.T
    assert (np.diff(early) < 0.0).all()
    assert half_distance(early) < 20.0
    assert 24.0 < half_distance(hour) < 50.0
    assert day[-1] > day[0]  # what is near the vessels washes out first


def test_a_conjugate_stays_near_its_vessels(rat):
    tumour = kg.tumour.from_vessels(rat, "NCI-N87", spacing="15 um")
    result = tumour.run("T-DM1", "3.6 mg/kg", until="24 h", times=["1 h", "24 h"], progress=False)
    total = binned(tumour, result["total_TDM1"].values)
    assert (np.diff(total[:6, 1]) < 0.0).all()
    assert 4.0 < half_distance(total[:, 1]) < 15.0
    assert total[4, 1] < 0.02 * total[0, 1]
    occupied = binned(tumour, result["occupancy_HER2"].values)[:, 1]
    assert occupied[0] > 0.3 > 20.0 * occupied[4]


def test_which_drug_the_blood_loses(rat):
    """In one pass a quarter of a per cent of a conjugate, and half of doxorubicin."""
    antibody, small = extraction(rat, "3e-7 cm/s"), extraction(rat, "1.0667 um/s")
    assert antibody.network == pytest.approx(2.6e-3, rel=0.05)
    assert antibody.shortfall < 5e-3
    assert small.network == pytest.approx(0.48, abs=0.05)
    assert small.lowest < 0.3
