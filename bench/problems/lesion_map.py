"""A lesion map of 100,000 voxels: one cylinder of 32 cells in each, at 1e-2.

SPDX-License-Identifier: BSD-3-Clause

    python -m bench.problems.lesion_map [--voxels 100000] [--drug trastuzumab|T-DM1] [--shared]
        [--json FILE]

Vessel density, permeability and receptors differ in every voxel (uniform between 20 and 200 per
mm^2, 5e-8 and 5e-7 cm/s, 1e4 and 1e6 per cell; seed 1), 24 h after 3.6 mg/kg in a mouse.  Before
it is timed, 64 voxels are solved at 1e-6 with 128 cells and the maps are compared with them.
``--shared``: the same voxels of 0.14 mm (0.27 mL for 100,000) as two lesions whose plasma loses
what they take.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path
from typing import Any

import krogh as kg
import numpy as np
from krogh.space import Grid

from bench.record import available_cores, machine, markdown_table, write_json

CHECKED = 64
COMPARED = ("occupancy_HER2", "total_{0}", "uptake_{0}")


def study(drug: str, cells: int, rtol: float, threads: int = 0) -> kg.Study:
    """The study of every voxel."""
    return kg.Study(
        drug, "NCI-N87", "3.6 mg/kg", until="24 h", cells=cells, rtol=rtol, num_threads=threads
    )


def inputs(shape: tuple[int, int, int]) -> dict[str, Any]:
    """Values of every voxel."""
    rng = np.random.default_rng(1)
    return {
        "vessel_density": (rng.uniform(20.0, 200.0, shape), "1/mm^2"),
        "permeability": (rng.uniform(5e-8, 5e-7, shape), "cm/s"),
        "receptors_per_cell": (rng.uniform(1e4, 1e6, shape), "molecules/cell"),
    }


def part(values: dict[str, Any], count: int) -> dict[str, Any]:
    """The values of the first voxels."""
    return {n: (v.ravel()[:count].reshape(1, 1, count), u) for n, (v, u) in values.items()}


def errors(drug: str, values: dict[str, Any]) -> dict[str, float]:
    """Largest difference of maps from finer ones, relative to the largest value of each map."""
    grid = Grid((1, 1, CHECKED), "2 mm")
    few = part(values, CHECKED)
    coarse = kg.tumour.lesion_map(study(drug, 32, 1e-2), grid=grid, **few)
    fine = kg.tumour.lesion_map(study(drug, 128, 1e-6), grid=grid, **few)
    label = drug.replace("-", "")
    found = {}
    for name in (n.format(label) for n in COMPARED):
        one, other = coarse.of_voxels(name)[-1], fine.of_voxels(name)[-1]
        found[name] = float(np.abs(one - other).max() / np.abs(other).max())
    return found


def shared(drug: str, values: dict[str, Any], shape: tuple[int, int, int]) -> dict[str, Any]:
    """Time two lesions that share a plasma."""
    grid = Grid(shape, "0.14 mm")
    first = np.zeros(shape, dtype=np.int64)
    first[:, : shape[1] // 2] = 1
    cpu = time.process_time()
    result = kg.tumour.lesions(
        study(drug, 32, 1e-2),
        [
            kg.tumour.Lesion("first", grid=grid, mask=first, **values),
            kg.tumour.Lesion("second", grid=grid, mask=1 - first, **values),
        ],
        progress=False,
    )
    print(result)
    return {
        "drug": drug,
        "voxels": grid.num_voxels,
        "wall s": result.wall_seconds,
        "cpu s": time.process_time() - cpu,
        "passes (of a sample)": f"{result.iterations} ({result.sampled})",
        "change of the plasma": result.change,
        "knot error": result.knot_error,
        "balance": float(max(result.ledger()["largest imbalance"])),
        "steps per voxel": sum(m.steps for m in result.values()) / grid.num_voxels,
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--voxels", type=int, default=100_000)
    parser.add_argument("--drug", choices=("trastuzumab", "T-DM1"), default="trastuzumab")
    parser.add_argument("--shared", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    shape = (1, max(arguments.voxels // 1000, 1), min(arguments.voxels, 1000))
    values = inputs(shape)
    if arguments.shared:
        row = shared(arguments.drug, values, shape)
        print(markdown_table([row]))
        if arguments.json:
            write_json(arguments.json, {"machine": machine(), "rows": [row]})
        return
    achieved = errors(arguments.drug, values)
    if max(achieved.values()) > 0.05:
        sys.exit(f"the maps are wrong: {achieved}")
    grid = Grid(shape, "2 mm")
    rows = []
    for threads in sorted({1, available_cores()}):
        one = study(arguments.drug, 32, 1e-2, threads)
        cpu = time.process_time()
        result = kg.tumour.lesion_map(one, grid=grid, progress=False, **values)
        spent = time.process_time() - cpu
        if result.failures:
            sys.exit(f"{len(result.failures)} voxels failed: {result.failures[0]}")
        rows.append(
            {
                "drug": arguments.drug,
                "voxels": grid.num_voxels,
                "species": len(one.models[1].species),
                "threads": threads,
                "wall s": result.wall_seconds,
                "cpu s": spent,
                "us per voxel": result.wall_seconds / grid.num_voxels * 1e6,
                "steps per voxel": result.steps / grid.num_voxels,
                "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
            }
        )
    print(markdown_table(rows))
    print(markdown_table([{"largest error": name, "of": v} for name, v in achieved.items()]))
    if arguments.json:
        write_json(arguments.json, {"machine": machine(), "rows": rows, "errors": achieved})


if __name__ == "__main__":
    main()
