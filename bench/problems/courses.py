"""Courses of a conjugate and its antibody in a million voxels: wall time, steps, cycles, memory.

SPDX-License-Identifier: BSD-3-Clause

    python -m bench.problems.courses [--cells 100] [--threads 2] [--ratios 0 1 3 8]
                                     [--hours 24 504] [--json FILE]

The barrier of binding sites at the receptor density of NCI-N87 (seven states, two mobile) in a cube
of 10 um voxels after one bolus of 3.6 mg/kg of the conjugate in a mouse, with so many times as much
of the naked antibody; straight vessels along x, y and z at random (seed 1), 57 mm of them in a
cubic millimeter; rtol 1e-3. Before anything is timed, the same courses in 24^3 voxels are compared
with ones at rtol 1e-5, and what every run took in is compared with what it holds.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from krogh import _core

from bench.problems.volume import CONSTANTS, program
from bench.record import machine, markdown_table, write_json

HOUR = 3600.0
SPACING = 10.0  # um
RADIUS = 8.0  # um
PERMEABILITY = 3e-3  # um/s
DENSITY = 57e-6  # length of vessels per volume, um/um^3
DOSE = 3.6 * 0.020 / 148781.0 * 1e6 / 1e-3  # nM: 3.6 mg/kg, 20 g, 148781 g/mol, 1 mL
RTOL = 1e-3
PROFILES = ("B0", "E0")


def vessels(cells: int, seed: int = 1) -> np.ndarray:
    """Rates of exchange [1/s] of straight vessels along x, y and z, at the stated density."""
    draw = np.random.default_rng(seed)
    inside = np.zeros((cells,) * 3, dtype=bool)
    lines = round(DENSITY * (cells * SPACING) ** 2)
    for _ in range(lines):
        place: list[int | slice] = [int(i) for i in draw.integers(cells, size=3)]
        place[int(draw.integers(3))] = slice(None)
        inside[tuple(place)] = True
    return np.where(inside, PERMEABILITY * 2.0 * np.pi * RADIUS / SPACING**2, 0.0)


def plasma(ratio: float) -> dict[str, np.ndarray]:
    """Curves of both drugs: two compartments, 0.1726/h out, 0.0890/h back, half-life 278.4 h."""
    out, back, lost = 0.1726 / HOUR, 0.0890 / HOUR, np.log(2.0) / (278.4 * HOUR)
    values, vectors = np.linalg.eig(np.array([[-(out + lost), back], [out, -(back + lost)]]))
    weights = vectors[0] * np.linalg.solve(vectors, [1.0, 0.0])
    doses = DOSE * np.array([1.0, ratio])
    return {
        "rates": np.tile(-values, (2, 1)),
        "pulse_times": np.zeros(1),
        "pulse_amplitudes": np.ascontiguousarray((doses[:, None] * weights)[None]),
    }


def solve(
    cells: int, ratio: float, hours: float, threads: int, rtol: float = RTOL, record: bool = False
) -> tuple[_core.VolumeRun, list[str], float]:
    """One course, its states and its wall seconds."""
    of, names = program(2)
    faces = np.arange(cells + 1) * SPACING
    rate = vessels(cells)
    begin = time.perf_counter()
    run = _core.simulate_volume(
        of,
        np.array(list(CONSTANTS.values())),
        faces,
        faces,
        faces,
        [(names.index(f"F{d}"), []) for d in range(2)],
        np.full((2, 1), 10.0),
        np.full((2, 1), 0.24),
        np.array([hours * HOUR]),
        exchange=[(0, 0), (1, 1)],
        exchange_rates=np.broadcast_to(rate, (2, *rate.shape)).copy(),
        recorded=[names.index(name) for name in PROFILES] if record else [],
        rtol=rtol,
        num_threads=threads,
        **plasma(ratio),
    )
    seconds = time.perf_counter() - begin
    if run.status != 0:
        raise RuntimeError(str(run.failures))
    held = [sum(run.contents[0][names.index(f"{f}{d}")] for f in "FBE") for d in range(2)]
    for d in range(2):
        taken = run.exchanged[0][d]
        if abs(taken - held[d]) > 1e-10 * max(taken, 1.0):
            raise RuntimeError(f"drug {d}: {taken} taken up, {held[d]} held")
    return run, names, seconds


def check(ratio: float, hours: float) -> dict[str, float]:
    """Errors of the profiles in 24^3 voxels, relative L2 and largest, against rtol 1e-5."""
    run, _, _ = solve(24, ratio, hours, 2, record=True)
    tight, _, _ = solve(24, ratio, hours, 2, rtol=1e-5, record=True)
    worst = {"L2": 0.0, "max": 0.0}
    for found, exact in zip(run.values[0], tight.values[0], strict=True):
        difference = found - exact
        worst["L2"] = max(worst["L2"], float(np.linalg.norm(difference) / np.linalg.norm(exact)))
        worst["max"] = max(worst["max"], float(np.abs(difference).max() / np.abs(exact).max()))
    if worst["L2"] > RTOL or worst["max"] > 3.0 * RTOL:
        raise RuntimeError(f"1:{ratio:g}, {hours:g} h: {worst}")
    return worst


def course(cells: int, ratio: float, hours: float, threads: int) -> dict[str, float]:
    """What a course took; in a process of its own, so that its memory is its own."""
    run, names, seconds = solve(cells, ratio, hours, threads)
    stats = run.stats
    steps = stats["accepted"] + stats["rejected"]
    return {
        "ratio": ratio,
        "hours": hours,
        "seconds": seconds,
        "steps": stats["accepted"],
        "rejected": stats["rejected"],
        "cycles": stats["linear_iterations"] / max(stats["linear_solves"], 1),
        "most": stats["most_iterations"],
        "ns": 1e9 * seconds / (cells**3 * len(names) * steps),
        "peak_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0,
    }


def main(arguments: list[str] | None = None) -> None:
    """Check, time and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ratios", type=float, nargs="+", default=[0.0, 1.0, 3.0, 8.0])
    parser.add_argument("--hours", type=float, nargs="+", default=[24.0, 504.0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        print(json.dumps(course(given.cells, given.ratios[0], given.hours[0], given.threads)))
        return
    rows = []
    for hours in given.hours:
        for ratio in given.ratios:
            errors = check(ratio, hours)
            command = [sys.executable, "-m", "bench.problems.courses", "--one"]
            command += ["--cells", str(given.cells), "--threads", str(given.threads)]
            command += ["--ratios", str(ratio), "--hours", str(hours)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rows.append(json.loads(done.stdout) | errors)
    print(
        markdown_table(
            [
                {
                    "hours": f"{r['hours']:g}",
                    "dose": f"1:{r['ratio']:g}",
                    "wall s": r["seconds"],
                    "steps (refused)": f"{r['steps']} ({r['rejected']})",
                    "cycles a stage (most)": f"{r['cycles']:.2f} ({r['most']})",
                    "ns": r["ns"],
                    "peak MB": f"{r['peak_MB']:.0f}",
                    "error L2, largest": f"{r['L2']:.1e}, {r['max']:.1e}",
                }
                for r in rows
            ]
        )
    )
    if given.json:
        write_json(given.json, {"machine": machine(), "courses": rows})


if __name__ == "__main__":
    main()
