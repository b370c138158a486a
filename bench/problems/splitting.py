"""Time to one percent: the coupled solver beside Strang splitting on the same voxels.

SPDX-License-Identifier: BSD-3-Clause

    python -m bench.problems.splitting [--program build/bench/.../krogh_strang] [--cells 24]
                                       [--hours 24 504] [--json FILE]

The barrier of binding sites (`bench.problems.courses`, the antibody alone) after one dose. Both
programs solve the same equations on the same voxels on one thread; the error is that of the profile
of bound drug at the end, relative L2, against the coupled solver at rtol 1e-7. Splitting
(`bench/kernels/strang.cpp`) takes steps of one length, as codes of that kind do; the longest that
reaches one percent is found by halving it, and where a whole course would take too long its time
follows from the seconds a step takes, and its error from the last hours it ran: the table says so.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
from krogh import _core

from bench.problems.courses import CONSTANTS, HOUR, SPACING, plasma, vessels
from bench.problems.volume import program
from bench.record import machine, markdown_table, write_json

AIM = 1e-2


def coupled(cells: int, hours: float, rtol: float) -> tuple[np.ndarray, float, int]:
    """Bound drug at the end, seconds and steps of the coupled solver."""
    of, names = program(1)
    faces = np.arange(cells + 1) * SPACING
    curve = plasma(0.0)
    begin = time.perf_counter()
    run = _core.simulate_volume(
        of,
        np.array(list(CONSTANTS.values())),
        faces,
        faces,
        faces,
        [(names.index("F0"), [])],
        np.full((1, 1), 10.0),
        np.full((1, 1), 0.24),
        np.array([hours * HOUR]),
        exchange=[(0, 0)],
        exchange_rates=vessels(cells)[None],
        rates=curve["rates"][:1],
        pulse_times=curve["pulse_times"],
        pulse_amplitudes=np.ascontiguousarray(curve["pulse_amplitudes"][:, :1]),
        recorded=[names.index("B0")],
        rtol=rtol,
        linear_rtol=min(1e-2, max(1e-5, 10.0 * rtol)),
        num_threads=1,
    )
    seconds = time.perf_counter() - begin
    if run.status != 0:
        raise RuntimeError(str(run.failures))
    return run.values[0, 0], seconds, run.stats["accepted"] + run.stats["rejected"]


def split(command: Path, cells: int, step: float, steps: int) -> tuple[np.ndarray, float]:
    """Bound drug at the end and seconds of the splitting program."""
    done = subprocess.run(
        [str(command), str(cells), repr(step), str(steps)],
        input=vessels(cells).tobytes(),
        capture_output=True,
        check=True,
    )
    return np.frombuffer(done.stdout).reshape((cells,) * 3), float(done.stderr)


def relative(found: np.ndarray, exact: np.ndarray) -> float:
    """Relative L2 difference."""
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def compare(command: Path, cells: int, hours: float, longest: float) -> dict[str, Any]:
    """One course. ``longest`` seconds are spent on a run of the splitting program at most."""
    exact, _, _ = coupled(cells, hours, 1e-7)
    best: tuple[float, float, float, int] | None = None
    for rtol in (5e-2, 2e-2, 1e-2, 5e-3):
        found, _, steps = coupled(cells, hours, rtol)
        error = relative(found, exact)
        if error <= AIM:
            seconds = float(np.median([coupled(cells, hours, rtol)[1] for _ in range(5)]))
            best = (rtol, error, seconds, steps)
            break
    if best is None:
        raise RuntimeError(f"{hours:g} h: the coupled solver misses one percent at rtol 5e-3")
    rows: list[tuple[float, float, float]] = []
    step = 16.0
    while True:
        steps = round(hours * HOUR / step)
        if rows and rows[-1][2] * 2.0 > longest:
            break
        found, seconds = split(command, cells, hours * HOUR / steps, steps)
        rows.append((hours * HOUR / steps, relative(found, exact), seconds))
        print(f"  splitting: {rows[-1][0]:g} s, error {rows[-1][1]:.2e}, {seconds:.1f} s")
        if rows[-1][1] <= AIM:
            break
        step /= 2.0
    last, error, seconds = rows[-1]
    reached = error <= AIM
    if reached and len(rows) > 1 and rows[-2][1] > AIM:  # between two lengths, by a power law
        before = rows[-2]
        power = np.log(before[1] / error) / np.log(before[0] / last)
        wanted = last * (AIM / error) ** (1.0 / power)
    else:  # not reached: by the order of the last halving
        before = rows[-2]
        power = np.log(before[1] / error) / np.log(before[0] / last)
        wanted = last * (AIM / error) ** (1.0 / power)
    needed = seconds * last / wanted
    return {
        "hours": hours,
        "cells": cells,
        "rtol": best[0],
        "error": best[1],
        "steps": best[3],
        "coupled s": best[2],
        "splitting step s": float(wanted),
        "splitting s": float(needed),
        "extrapolated": not reached,
        "ratio": float(needed / best[2]),
        "rows": rows,
    }


def main(arguments: list[str] | None = None) -> None:
    """Compare and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, default=Path("build/bench/bench/krogh_strang"))
    parser.add_argument("--cells", type=int, default=24)
    parser.add_argument("--hours", type=float, nargs="+", default=[24.0, 504.0])
    parser.add_argument("--longest", type=float, default=120.0, help="seconds of one splitting run")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(arguments)
    rows = []
    for hours in given.hours:
        print(f"{hours:g} h")
        rows.append(compare(given.program, given.cells, hours, given.longest))
    print(markdown_table([{k: v for k, v in row.items() if k != "rows"} for row in rows]))
    if given.json:
        write_json(given.json, {"machine": machine(), "rows": rows})


if __name__ == "__main__":
    main()
