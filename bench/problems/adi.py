"""Plain diffusion by directions in turn: nanoseconds per voxel and step, share of the bandwidth.

SPDX-License-Identifier: BSD-3-Clause

    python -m bench.problems.adi [--program build/bench/.../krogh_thomas] [--cells 100 128 200 256]
                                 [--json FILE]

One species, one core: `krogh._core.diffuse_adi` beside `bench/kernels/thomas.cpp`, a tiled vector
Thomas code written for this comparison. Both solve the same factored implicit step; their values
are compared before anything is timed. The bandwidth is that of multiplying the same array by a
number in place (16 bytes a voxel, as many as one pass of a sweep has to move; a step has at least
two passes). Published: 28 to 90 ns per voxel, species and step for BioFVM, about 2.5 for the
fastest kernels.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from krogh import _core

from bench.record import machine, markdown_table, write_json

SPACING, DIFFUSIVITY, DECAY, STEP = 10.0, 10.0, 1e-3, 10.0
REPEATS = 5
AGREE = 1e-12


def start(cells: int) -> np.ndarray:
    """Uneven values between 1 and 2, those of the peer."""
    k = np.arange(cells**3, dtype=np.uint64)
    mixed = (k * np.uint64(2654435761)) % np.uint64(1000)
    return (1.0 + mixed.astype(float) * 1e-3).reshape((cells,) * 3)


def ours(values: np.ndarray, steps: int) -> float:
    """Seconds of some steps on one core, in place."""
    begin = time.perf_counter()
    _core.diffuse_adi(values, [SPACING] * 3, DIFFUSIVITY, DECAY, STEP, steps, num_threads=1)
    return time.perf_counter() - begin


def peer(program: Path, cells: int, steps: int, repeats: int) -> tuple[np.ndarray, float]:
    """Values after the first repeat, seconds of the fastest."""
    weight = 1.0 + STEP * DECAY
    share = STEP * DIFFUSIVITY / SPACING**2 / weight
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "values"
        found = subprocess.run(
            [program, str(cells), repr(share), repr(weight), str(steps), str(repeats), file],
            check=True,
            capture_output=True,
            text=True,
        )
        return np.fromfile(file).reshape((cells,) * 3), float(found.stdout)


def in_place(cells: int) -> float:
    """Seconds of one pass that reads and writes the array."""
    values = np.ones(cells**3)
    best = np.inf
    for _ in range(4 * REPEATS):
        begin = time.perf_counter()
        np.multiply(values, 0.999, out=values)
        best = min(best, time.perf_counter() - begin)
    return best


def row(program: Path | None, cells: int) -> dict[str, object]:
    """One line of the table; the answers are compared first."""
    voxels = cells**3
    steps = max(2, 60_000_000 // voxels)
    apart = None
    if program is not None:
        expected, _ = peer(program, cells, 3, 1)
        found = start(cells)
        ours(found, 3)
        apart = float(np.max(np.abs(found / expected - 1.0)))
        if apart > AGREE:
            raise RuntimeError(f"the two codes differ by {apart:.2g} at {cells}^3")
    values, seconds, other = start(cells), np.inf, np.inf
    for _ in range(REPEATS):  # interleaved: both meet the same neighbors
        seconds = min(seconds, ours(values, steps))
        if program is not None:
            other = min(other, peer(program, cells, steps, 1)[1])
    one_pass = in_place(cells)
    nanoseconds = 1e9 * seconds / (voxels * steps)
    return {
        "cells": cells,
        "ns": round(nanoseconds, 2),
        "peer ns": round(1e9 * other / (voxels * steps), 2) if program is not None else "",
        "apart": f"{apart:.1e}" if apart is not None else "",
        "GB/s in place": round(16e-9 * voxels / one_pass, 1),
        "share of two passes": round(2e9 * one_pass / voxels / nanoseconds, 2),
    }


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=Path)
    parser.add_argument("--cells", type=int, nargs="+", default=[100, 128, 200, 256])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    rows = [row(given.program, cells) for cells in given.cells]
    print(markdown_table(rows))
    if given.json is not None:
        write_json(given.json, {"machine": machine(), "adi": rows})


if __name__ == "__main__":
    main()
