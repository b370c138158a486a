"""Drug against distance to the vessels of a measured network: the rat R3230AC tumour.

SPDX-License-Identifier: BSD-3-Clause

    python -m bench.problems.rat_network NETWORK.dat [--spacing 9 7] [--carried] [--json FILE]

The network (Secomb et al. 2004, doi 10.1114/B:ABME.0000049036.08817.44; 550 x 520 x 230 um, 104
segments) is not shipped; the file is the one of Secomb's programs.  Its flow is solved with in-vivo
viscosity and checked at the junctions.  Then NCI-N87 cells around it get T-DM1 (3.6 mg/kg, mouse),
doxorubicin at once (50 mg/m^2, human) and over 3 h (150 mg): means in bins of the distance to the
nearest wall, and where they fall to half of the first bin.  ``--carried`` adds doxorubicin in blood
that falls along the vessels.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import krogh as kg
import numpy as np
from krogh.vessels import extraction, junction_errors, solve_flow
from numpy.typing import NDArray

from bench.record import machine, markdown_table, write_json

Floats = NDArray[np.float64]

EDGES = np.array([0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 150.0])
CASES: dict[str, dict[str, Any]] = {
    "T-DM1": {
        "drug": "T-DM1",
        "regimen": "3.6 mg/kg",
        "subject": "mouse 20 g",
        "times": ["1 h", "24 h", "72 h"],
    },
    "doxorubicin": {
        "drug": "doxorubicin",
        "regimen": "50 mg/m^2",
        "subject": "human 70 kg",
        "times": ["10 min", "1 h", "3 h", "24 h", "72 h"],
    },
    "doxorubicin over 3 h": {
        "drug": "doxorubicin",
        "regimen": "150 mg over 3 h",
        "subject": "human 70 kg",
        "times": ["10 min", "1 h", "3 h"],
    },
}


def binned(distance: Floats, values: Floats) -> Floats:
    """Return means of (times, voxels) in the bins, (bins, times)."""
    rows = []
    for low, high in pairwise(EDGES):
        inside = (distance >= low) & (distance < high) & np.isfinite(values[0])
        rows.append(values[:, inside].mean(axis=1))
    return np.array(rows)


def half_distance(means: Floats) -> float:
    """Return where a profile falls to half of the first bin, um beyond its middle, on a log scale.

    NaN where it does not.
    """
    middle = 0.5 * (EDGES[:-1] + EDGES[1:])
    share = means / means[0]
    below = np.flatnonzero(share < 0.5)
    if not below.size:
        return float("nan")
    k = int(below[0])
    a, b = np.log(share[k - 1]), np.log(share[k])
    place = middle[k - 1] + (np.log(0.5) - a) / (b - a) * (middle[k] - middle[k - 1])
    return float(place - middle[0])


def run(network: Any, name: str, spacing: float, **options: Any) -> tuple[Floats, Any, float]:
    """Solve one case; the means in the bins, the result, and seconds."""
    case = CASES[name]
    tumour = kg.tumour.from_vessels(network, "NCI-N87", spacing=f"{spacing:g} um")
    began = time.perf_counter()
    result = tumour.run(
        case["drug"],
        case["regimen"],
        subject=case["subject"],
        until=case["times"][-1],
        times=case["times"],
        progress=False,
        **options,
    )
    spent = time.perf_counter() - began
    total = np.asarray(result[f"total_{case['drug'].replace('-', '')}"].values)
    distance = tumour.voxels.distance(wall=True).ravel()
    return binned(distance, total.reshape(total.shape[0], -1)), result, spent


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("network", type=Path)
    parser.add_argument("--spacing", type=float, nargs="+", default=[9.0, 7.0])
    parser.add_argument("--carried", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    network, report = solve_flow(kg.vessels.read(arguments.network))
    error = float(junction_errors(network).max())
    print(
        f"{network}\nflow conserved at junctions to {error:.1e}; {report.iterations} iterations\n"
    )
    if not error < 1e-12:
        raise SystemExit("the flow is not conserved")
    for drug in ("doxorubicin", "T-DM1"):
        wall = str(kg.library.drug(drug).values["permeability"].value)
        print(f"{drug}, P {wall}: {extraction(network, wall)}")
    tables: dict[str, Any] = {}
    for name, case in CASES.items():
        ways: list[tuple[str, dict[str, Any]]] = [("", {})]
        if arguments.carried and name == "doxorubicin over 3 h":
            ways.append((" in blood that falls", {"carried": ["F_doxorubicin"]}))
        for words, options in ways:
            for spacing in arguments.spacing if not options else arguments.spacing[:1]:
                means, result, spent = run(network, name, spacing, **options)
                title = f"{name}{words}, voxels of {spacing:g} um"
                rows = [
                    {"um from the wall": f"{a:g} to {b:g}"}
                    | {f"{t}, nM": float(v) for t, v in zip(case["times"], row, strict=True)}
                    for a, b, row in zip(EDGES[:-1], EDGES[1:], means, strict=True)
                ]
                rows.append(
                    {"um from the wall": "half at"}
                    | {
                        f"{t}, nM": half_distance(column)
                        for t, column in zip(case["times"], means.T, strict=True)
                    }
                )
                tables[title] = rows
                print(f"{title}: {spent:.1f} s, {result!r:.100}\n{markdown_table(rows)}\n")
    if arguments.json:
        write_json(arguments.json, {"machine": machine(), "tables": tables})


if __name__ == "__main__":
    main()
