"""Pictures of volumes: what is drawn, with which units, and what is refused.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import krogh as kg
import numpy as np
import pytest
from krogh.errors import Error
from krogh.space import Grid
from krogh.vessels import VesselNetwork
from krogh.volume import plot_coverage, plot_distance, plot_slices_of
from krogh.volume.vessel_pictures import within_slab
from krogh.volume.weighing import binned_means, half_distance, whole_share

pytest.importorskip("matplotlib")


@pytest.fixture(scope="module")
def results():
    tumour = kg.tumour.generate(
        "NCI-N87",
        size="120 um",
        spacing="20 um",
        vessel_density="200 1/mm^2",
        diameter="10 um",
        seed=5,
    )
    options = {"times": ([0.0, 6.0], "h"), "rtol": 1e-2, "progress": False}
    return {dose: tumour.run("T-DM1", dose, **options) for dose in ("1.8 mg/kg", "3.6 mg/kg")}


def test_slices_of_several_results_share_colors_and_a_bar(results, tmp_path):
    path = tmp_path / "slices.png"
    figure = plot_slices_of(
        results, ("occupancy_HER2", "uptake_TDM1"), axis="y", log=("uptake_TDM1",), path=path
    )
    assert path.stat().st_size > 10_000
    panels = [ax for ax in figure.axes if ax.images]
    assert len(panels) == 4
    top = [ax.images[0] for ax in panels[:2]]
    assert top[0].norm is top[1].norm
    high = max(float(r["occupancy_HER2"].values[-1].max()) for r in results.values())
    assert top[0].norm.vmax == high
    assert panels[0].get_title() == "1.8 mg/kg"
    assert panels[0].get_xlabel() == "x"
    assert panels[0].get_ylabel() == "z"
    assert any("µm" in text.get_text() for text in panels[2].texts)
    assert len(panels[0].collections) == 2  # the vessels: parts and their ends
    plain = plot_slices_of(results, "occupancy_HER2", vessels=False)
    assert not next(ax for ax in plain.axes if ax.images).collections
    with pytest.raises(Error, match="KG-166: there is no slice 6 along z; there are 6"):
        plot_slices_of(results, "occupancy_HER2", at=6)
    with pytest.raises(Error, match="KG-166: slices need results"):
        plot_slices_of({}, "occupancy_HER2")
    with pytest.raises(Error, match="KG-119: there is no record at 7 h"):
        plot_slices_of(results, "occupancy_HER2", time="7 h")


def test_a_section_is_one_picture(results):
    assert len([ax for ax in results["1.8 mg/kg"].plot_slices("free_TDM1").axes if ax.images]) == 3
    grid = Grid((1, 6, 8), "20 um")
    number = kg.io.Image(np.full(grid.shape, 100.0), grid, "1/mm^2")
    flat = kg.tumour.from_image(None, "NCI-N87", surface=number).run(
        "T-DM1", "3.6 mg/kg", times=([0.0, 6.0], "h"), rtol=1e-2, progress=False
    )
    (panel,) = [ax for ax in flat.plot_slices("free_TDM1").axes if ax.images]
    assert panel.images[0].get_extent() == [0.0, 160.0, 0.0, 120.0]
    assert (panel.get_xlabel(), panel.get_ylabel()) == ("x", "y")


def test_drug_against_distance_has_medians_bands_and_units(results):
    figure = plot_distance(results, ["free_TDM1", "occupancy_HER2"], width="15 um", level=0.8)
    free, occupancy = figure.axes
    assert free.get_yscale() == "log"
    assert free.get_ylabel() == "free_TDM1 (nM)"
    assert occupancy.get_yscale() == "linear"
    assert occupancy.get_xlabel() == "distance to the nearest vessel (µm)"
    table = results["1.8 mg/kg"].against_distance("free_TDM1", width="15 um", level=0.8)
    np.testing.assert_array_equal(free.lines[0].get_ydata(), table["median"])
    np.testing.assert_array_equal(free.lines[0].get_xdata(), table["distance"])
    assert free.lines[0].get_linestyle() != free.lines[1].get_linestyle()
    assert "80 % of them" in figure.get_suptitle()
    assert len(figure.legends) == 1
    alone = results["3.6 mg/kg"].plot_distance("free_TDM1", log=())
    assert alone.axes[0].get_yscale() == "linear"
    assert not alone.legends


def test_coverage_weighs_voxels(results):
    figure = plot_coverage(results, ["occupancy_HER2", "uptake_TDM1"], marks={"uptake_TDM1": 1e4})
    histogram, covered, _, uptake = figure.axes
    heights = histogram.patches[0].get_data().values
    assert heights.sum() == pytest.approx(100.0)
    result = results["1.8 mg/kg"]
    x, y = covered.lines[0].get_data()
    for level in (5.0, 20.0, 50.0):
        share = 100.0 * (result.of_voxels("occupancy_HER2")[-1] >= level / 100.0).mean()
        k = int(np.searchsorted(x, level))
        assert y[min(k, y.size - 1)] == pytest.approx(share, abs=0.6)
    assert covered.get_xlabel() == "occupancy_HER2 (%)"
    assert uptake.get_xlabel() == "uptake_TDM1 (molecules/cell)"
    assert uptake.lines[-1].get_xdata() == [1e4, 1e4]
    with pytest.raises(Error, match="KG-118"):
        plot_coverage({}, "occupancy_HER2")


def test_a_slab_holds_the_parts_of_vessels_within_it():
    nodes = [[0.0, 10.0, 0.0], [40.0, 10.0, 40.0], [5.0, 30.0, 20.0], [35.0, 30.0, 20.0]]
    network = VesselNetwork(nodes, [[0, 1], [2, 3]], [4.0, 6.0])
    grid = Grid((4, 4, 4), "10 um")
    starts, stops, radius = within_slab(network, grid, 2, 20.0, 5.0)
    np.testing.assert_allclose(radius, [2.0, 3.0])
    np.testing.assert_allclose(starts, [[15.0, 10.0], [5.0, 30.0]])
    np.testing.assert_allclose(stops, [[25.0, 10.0], [35.0, 30.0]])
    assert within_slab(network, grid, 2, 35.0, 2.0)[2].tolist() == [2.0]
    turned = Grid((4, 4, 4), "10 um", ([40.0, 0.0, 0.0], "um"), np.diag([-1.0, 1.0, 1.0]))
    moved = VesselNetwork(np.array(nodes) * [-1.0, 1.0, 1.0] + [45.0, -5.0, -5.0],
                          [[0, 1], [2, 3]], [4.0, 6.0])  # fmt: skip
    same = within_slab(moved, turned, 2, 20.0, 5.0)
    np.testing.assert_allclose(same[0], starts)


def test_vessels_are_drawn_only_where_they_are_known(results):
    tumour = results["1.8 mg/kg"].tumour
    assert f"{tumour.network.num_segments} vessels" in tumour.plot().get_suptitle()
    grid = Grid((1, 2, 2), "10 um")
    surface = kg.io.Image(np.full(grid.shape, 0.01), grid, "1/um")
    with pytest.raises(Error, match="KG-166: of the vessels"):
        kg.tumour.from_image(None, surface=surface).plot()


def test_shares_and_distances_over_voxels():
    assert whole_share([1.0, -1.0, 0.0, -2.0], [1.0, 1.0, 2.0, 4.0]) == pytest.approx(3.0 / 8.0)
    assert whole_share([1.0, 2.0], [0.1, 0.2]) == 1.0
    assert whole_share([-1.0], [0.0]) == 1.0  # nothing is left that lacks anything
    assert np.isnan(whole_share([1.0, np.nan], [1.0, 1.0]))
    away = np.array([1.0, 3.0, 11.0, 13.0, 31.0])
    at, mean = binned_means([8.0, 6.0, 5.0, 3.0, 1.0], away, 10.0)
    np.testing.assert_allclose(at, [2.0, 12.0, 31.0])  # the bin without voxels is left out
    np.testing.assert_allclose(mean, [7.0, 4.0, 1.0])
    depth, reached = half_distance([8.0, 6.0, 5.0, 3.0, 1.0], away, 10.0)
    assert reached
    assert depth == pytest.approx(12.0 + 19.0 * (4.0 - 3.5) / 3.0)
    assert half_distance([1.0, 1.0, 1.0, 1.0, 0.9], away, 10.0) == (31.0, False)
    assert half_distance([0.0] * 5, away, 10.0) == (0.0, True)
    assert np.isnan(half_distance([np.nan] * 5, away, 10.0)[0])
    heavy = half_distance([8.0, 6.0, 5.0, 3.0, 1.0], away, 10.0, weights=[1.0, 0.0, 1.0, 0.0, 1.0])
    assert heavy[0] == pytest.approx(11.0 + 20.0 * 1.0 / 4.0)
