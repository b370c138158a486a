"""Steady fields in voxels: time and multigrid cycles against the grid, and oxygen around vessels.

SPDX-License-Identifier: BSD-3-Clause

    python -m bench.problems.elliptic [cells ...] [--oxygen network.dat]

``-div(K grad p) + a p = f`` to a residual of 1e-10 with a source that is random from voxel to
voxel, K one number or white noise over two decades, and a so that pressure reaches a tenth of the
box, for closed, fixed and periodic sides. With `--oxygen`, the oxygen field of a network of vessels
on voxels of 20, 10, 5 and 4 um.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from krogh.space.steady import SteadySolver
from krogh.vessels import VoxelFrame, oxygen_field, read, solve_flow

REACH = 0.1


def run(cells: int, decades: float, sides: str) -> str:
    """One field; a row of what it took."""
    draw = np.random.default_rng(1)
    shape = (cells,) * 3
    conductivity = 10.0 ** (decades * (draw.random(shape) - 0.5))
    source = draw.standard_normal(shape)
    faces = [np.linspace(0.0, 1.0, cells + 1)] * 3
    begin = time.perf_counter()
    solver = SteadySolver(faces, conductivity, sides=[(sides, 0.0)] * 6)
    solver.set_absorption(REACH**-2)
    ready = time.perf_counter()
    found = solver.solve(source)
    done = time.perf_counter()
    million = cells**3 / 1e6
    return (
        f"{cells:5d}^3 {decades:3.0f} decades {sides:>9s}: {found.cycles:3d} cycles,"
        f" {(ready - begin) / million:6.2f} s setup and {(done - ready) / million:6.2f} s solve per"
        f" million voxels, residual {found.residual:.0e}, {found.num_threads} threads"
    )


def oxygen(path: Path) -> None:
    """Oxygen around the vessels of a file on four grids."""
    network = read(path)
    pieces = solve_flow(network)[0].subdivided("15 um")
    low, high = network.tissue_box
    for spacing in (20.0, 10.0, 5.0, 4.0):
        shape = np.rint((high - low) / spacing).astype(int)
        frame = VoxelFrame.regular(tuple(shape[::-1]), (high - low) / shape, low)
        begin = time.perf_counter()
        found = oxygen_field(pieces, frame, 50.0)
        seconds = time.perf_counter() - begin
        shares = ", ".join(f"{100.0 * found.hypoxic_fraction(p):.1f} %" for p in (1.0, 3.0, 10.0))
        print(
            f"{spacing:4.0f} um, {frame.num_voxels:8d} voxels: {seconds:6.1f} s,"
            f" {found.iterations} steps of Newton; below 1, 3, 10 mmHg {shares}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cells", nargs="*", type=int, default=[32, 64, 128, 256])
    parser.add_argument("--oxygen", type=Path)
    options = parser.parse_args()
    for sides in ("closed", "fixed", "periodic"):
        for decades in (0.0, 2.0):
            for cells in options.cells:
                print(run(cells, decades, sides), flush=True)
    if options.oxygen is not None:
        oxygen(options.oxygen)


if __name__ == "__main__":
    main()
