"""Tumours in 3-D: generated and measured vessels, grids, and a run with drugs of the library.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.errors import Error
from krogh.vessels import generate


@pytest.mark.parametrize("pattern", ["poisson", "lattice", "hexagonal", "tree", "percolation"])
def test_generated_vessels_have_the_density(pattern):
    tumour = kg.tumour.generate(
        size="400 um", spacing="20 um", vessel_density="100 1/mm^2", pattern=pattern, seed=1
    )
    assert tumour.grid.shape == (20, 20, 20)
    density = tumour.network.lengths.sum() / 400.0**3
    assert density == pytest.approx(1e-4, rel=0.25)
    assert tumour.exchange.shape == tumour.distance.shape == (20, 20, 20)
    surface = (tumour.exchange * tumour.grid.voxel_volume).sum()
    walls = tumour.voxels.inside_length - tumour.voxels.buried  # within a wider vessel is no wall
    expected = (np.pi * tumour.network.diameter * walls).sum()
    assert surface == pytest.approx(expected, rel=1e-9)


def test_density_and_diameter_come_from_the_tumour():
    tumour = kg.tumour.generate("NCI-N87", size="1 mm", spacing="50 um", seed=4, axes="z")
    assert tumour.network.num_segments == 57  # 1/(pi (75 um)^2)
    assert set(tumour.network.diameter) == {16.0}
    assert "NCI-N87" in repr(tumour)


def test_the_same_seed_gives_the_same_tumour():
    one, two, other = (
        kg.tumour.generate(size="200 um", spacing="20 um", seed=s, vessel_density="200 1/mm^2")
        for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.exchange, two.exchange)
    assert not np.array_equal(one.exchange, other.exchange)


def test_measured_vessels_are_surrounded_by_voxels(tmp_path):
    network = generate.poisson("190 um", "100 1/mm^2", diameter="10 um", seed=1)
    tumour = kg.tumour.from_vessels(network, spacing="20 um", cell_density="4e8 cells/mL")
    assert tumour.grid.shape == (10, 10, 10)
    np.testing.assert_allclose(tumour.grid.corner, network.tissue_box[0], atol=1e-9)
    assert tumour.tumour.cell_density.value == "400000000 cells/mL"


def test_what_is_wrong_is_said():
    with pytest.raises(Error, match="KG-166: a box of 100 um along x"):
        kg.tumour.generate(size="100 um", spacing="30 um")
    with pytest.raises(Error, match=r"KG-103: there is no pattern 'poison'.*poisson"):
        kg.tumour.generate(size="100 um", pattern="poison")
    with pytest.raises(Error, match="KG-166: from_vessels"):
        kg.tumour.from_vessels([1, 2])


def test_more_antibody_covers_more_of_the_tumour():
    """T-DM1 alone and with three times as much trastuzumab: the order of coverage of 24 h."""
    tumour = kg.tumour.generate(
        size="120 um", spacing="20 um", vessel_density="200 1/mm^2", diameter="10 um", seed=5
    )
    covered = []
    for drugs, regimen in (
        ("T-DM1", "3.6 mg/kg"),
        (["T-DM1", "trastuzumab"], "T-DM1 3.6 mg/kg + trastuzumab 10.8 mg/kg"),
    ):
        found = tumour.run(
            drugs,
            regimen,
            times=([0.0, 24.0], "h"),
            record=["uptake_TDM1", "occupancy_HER2"],
            rtol=1e-2,
            progress=False,
        )
        assert found.ledger().largest < 1e-12
        covered.append(float(found.fraction_of_voxels("uptake_TDM1", at_least=1e4).values[-1]))
    assert covered[0] + 0.1 < covered[1]
