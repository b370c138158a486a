"""Lesion maps equal lines solved by themselves, whatever their order, batches and threads.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import krogh as kg
import numpy as np
import pytest
from krogh.space import Grid
from krogh.study import statistics

pytestmark = pytest.mark.verification

GRID = Grid((5, 7, 11), ("1 mm", "2 mm", "3 mm"))


@pytest.fixture(scope="module")
def study() -> kg.Study:
    return kg.Study("trastuzumab", "NCI-N87", "3.6 mg/kg", until="48 h", cells=16, rtol=1e-2)


@pytest.fixture(scope="module")
def inputs() -> dict:
    rng = np.random.default_rng(3)
    return {
        "vessel_density": (rng.uniform(20.0, 300.0, GRID.shape), "1/mm^2"),
        "permeability": (rng.uniform(5e-8, 5e-7, GRID.shape), "cm/s"),
        "receptors_per_cell": (rng.uniform(1e4, 1e6, GRID.shape), "molecules/cell"),
    }


@pytest.fixture(scope="module")
def result(study, inputs):
    return kg.tumour.lesion_map(study, grid=GRID, times=["12 h", "48 h"], **inputs)


def test_equal_voxels_equal_one_line(study):
    vessels = "90 1/mm^2"
    result = kg.tumour.lesion_map(
        study, grid=GRID, vessel_density=vessels, permeability="2e-7 cm/s", times=["12 h", "48 h"]
    )
    arguments = study.line_arguments() | {"times": ([12.0, 48.0], "h")}
    radius = kg.model.tissue.krogh_radius(vessels)
    line = kg.simulate_line(
        **arguments, values={"outer_radius": str(radius), "permeability_trastuzumab": "2e-7 cm/s"}
    )
    for name in line.outputs:
        alone = np.asarray(line.mean(name).values[0])
        found = result.of_voxels(name)
        assert np.array_equal(found, np.broadcast_to(found[:, :1], found.shape)), name
        assert np.allclose(found[:, 0], alone, rtol=1e-12, atol=0.0), name
    occupancy, weights = line["occupancy_HER2"].values[0], np.asarray(line.volumes.values)
    covered = statistics.share_at_least(occupancy, weights, 0.9)
    assert np.allclose(result.of_voxels("covered_HER2")[:, 0], covered, rtol=1e-12, atol=1e-15)


def test_every_voxel_is_the_line_of_its_values(study, inputs, result):
    arguments = study.line_arguments() | {"times": ([12.0, 48.0], "h")}
    factor = study.tumour.molecules_per_cell_and_nM
    for index in ((0, 0, 0), (2, 3, 5), (4, 6, 10)):
        density = inputs["vessel_density"][0][index]
        line = kg.simulate_line(
            **arguments,
            values={
                "outer_radius": f"{float(1000.0 / np.sqrt(np.pi * density))!r} um",
                "permeability_trastuzumab": f"{float(inputs['permeability'][0][index])!r} cm/s",
                "target_density_HER2": (
                    f"{float(inputs['receptors_per_cell'][0][index]) / factor!r} nM"
                ),
            },
        )
        for name in ("occupancy_HER2", "total_trastuzumab", "uptake_trastuzumab"):
            alone = line.mean(name).values[0]
            assert np.allclose(result[name].values[:, *index], alone, rtol=1e-9), (name, index)


def test_permuted_voxels_give_permuted_maps_bit_for_bit(study, inputs, result):
    order = np.random.default_rng(5).permutation(GRID.num_voxels)
    moved = {
        name: (values.ravel()[order].reshape(GRID.shape), unit)
        for name, (values, unit) in inputs.items()
    }
    other = kg.tumour.lesion_map(study, grid=GRID, times=["12 h", "48 h"], **moved)
    for name in result:
        expected = result.of_voxels(name)[:, order]
        assert np.array_equal(other.of_voxels(name), expected), name


@pytest.mark.parametrize(("batch", "threads"), [(37, 1), (256, 3), (385, 2)])
def test_bits_do_not_depend_on_batches_and_threads(study, inputs, result, batch, threads):
    other = kg.tumour.lesion_map(
        study.with_values({"settings.num_threads": threads}),
        grid=GRID,
        times=["12 h", "48 h"],
        batch=batch,
        **inputs,
    )
    for name in result:
        assert np.array_equal(other.of_voxels(name), result.of_voxels(name)), name


def test_a_masked_voxel_has_the_bits_of_the_whole_map(study, inputs, result):
    mask = np.zeros(GRID.shape, dtype=int)
    mask[1:3, 2:6, 4] = 1
    other = kg.tumour.lesion_map(study, grid=GRID, times=["12 h", "48 h"], mask=mask, **inputs)
    for name in ("occupancy_HER2", "depth_trastuzumab", "amount_trastuzumab"):
        expected = np.where(mask == 1, result[name].values, np.nan)
        assert np.array_equal(other[name].values, expected, equal_nan=True), name


def test_more_vessels_and_a_leakier_wall_reach_more(study):
    values = np.geomspace(20.0, 400.0, 11)
    density = np.broadcast_to(values, GRID.shape)
    result = kg.tumour.lesion_map(study, grid=GRID, vessel_density=(density, "1/mm^2"))
    assert (np.diff(result["occupancy_HER2"].values[-1, 0, 0]) > 0.0).all()
    walls = (np.broadcast_to(np.geomspace(3e-8, 1e-6, 11), GRID.shape), "cm/s")
    result = kg.tumour.lesion_map(study, grid=GRID, permeability=walls)
    assert (np.diff(result["total_trastuzumab"].values[-1, 0, 0]) > 0.0).all()


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="signals as of POSIX")
def test_ctrl_c_ends_a_map_at_once():
    script = textwrap.dedent(
        """
        import sys, time
        import numpy as np
        import krogh as kg
        from krogh.space import Grid
        study = kg.Study("trastuzumab", "NCI-N87", "3.6 mg/kg", until="21 d", cells=64, rtol=1e-4)
        grid = Grid((50, 50, 50), "2 mm")
        density = (np.random.default_rng(0).uniform(40, 90, grid.shape), "1/mm^2")
        def say(done, total, seconds):
            print("running", flush=True)
        try:
            kg.tumour.lesion_map(study, grid=grid, vessel_density=density, progress=say)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
            sys.exit(7)
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=os.environ.copy()
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        sent = time.perf_counter()
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
        waited = time.perf_counter() - sent
    finally:
        process.kill()
        process.wait()
    assert rest.endswith("interrupted\n")
    assert process.returncode == 7
    assert waited < 5.0
