"""Lines through the model language: BENCH-N87, beside scipy's banded LSODA, and what Python adds.

SPDX-License-Identifier: BSD-3-Clause

    python -m bench.problems.lines [throughput|lsoda|cases|sensitivities ...] [--lines 10000]

An antibody-drug conjugate with three times as much naked antibody in NCI-N87 (8 species, mouse of
20 g with two compartments for each drug, 24 h, 64 cells), written as text and run through
`krogh.simulate_line` on one thread.  Of many lines each has its own diffusivity, permeability,
association rate and receptor density (log-normal, 30 %).  An error is the largest over all species
of the largest difference in any cell, relative to the largest value of that species.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import krogh as kg
import numpy as np
from krogh import _core
from krogh.line import solve_line
from krogh.model import (
    DoseInput,
    Model,
    Output,
    Parameter,
    Rate,
    Reaction,
    Rule,
    Species,
    Transport,
)

from bench.record import machine, markdown_table, write_json
from bench.timing import is_inside, summarize, time_at_error, time_interleaved, time_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from krogh.line import LineResult
    from numpy.typing import NDArray

REPEATS = 5
SPECIES = ("F1", "F2", "S", "B1", "B2", "E1", "L1", "E2")
VALUES = {"kon": 7.1e-4, "koff": 3.5e-4, "ke": 3.3e-5, "klys": 1e-5, "S0": 833.0, "eps": 0.24}
UNITS = {"kon": "1/(nM s)", "koff": "1/s", "ke": "1/s", "klys": "1/s", "S0": "nM", "eps": ""}
K12, K21, LOSS = 0.1726 / 3600.0, 0.0890 / 3600.0, np.log(2.0) / (278.4 * 3600.0)
PEAK = 3.6 * 0.020 / 148781.0 * 1e9  # 3.6 mg/kg of 20 g in 1 mL, nM
RATIO = 3.0


def tissue() -> Model:
    """Conjugate and naked antibody compete for one receptor."""
    parameters = [Parameter(n, f"{v} {UNITS[n]}".strip()) for n, v in VALUES.items()]
    return Model(
        "NCI-N87",
        parameters,
        Parameter("D", "10 um^2/s"),
        Parameter("P", "3e-3 um/s"),
        Species("S", "nM", initial="S0"),
        [Species(n, "nM") for n in SPECIES if n != "S"],
        Reaction("F1 + S <-> B1", forward="kon/eps*F1*S", backward="koff*B1"),
        Reaction("F2 + S <-> B2", forward="kon/eps*F2*S", backward="koff*B2"),
        Reaction("-> S", "ke*S0"),
        Reaction("S ->", "ke*S"),
        Reaction("B1 -> E1", "ke*B1"),
        Reaction("E1 -> L1", "klys*E1"),
        Reaction("B2 -> E2", "ke*B2"),
        [
            Transport(
                f"F{i}", diffusivity="D", void_fraction="eps", permeability="P", plasma=f"C{i}"
            )
            for i in (1, 2)
        ],
        Output("occupancy", "(B1 + B2)/(S + B1 + B2)", unit=""),
    )


def mouse() -> Model:
    """Two compartments for each drug."""
    parts: list[Any] = [
        Parameter("V", "1 mL"),
        Parameter("k12", f"{K12} 1/s"),
        Parameter("k21", f"{K21} 1/s"),
        Parameter("loss", f"{LOSS} 1/s"),
    ]
    for i in (1, 2):
        parts += [
            Species(f"A{i}", "nmol", molar_mass="148781 g/mol"),
            Species(f"Q{i}", "nmol"),
            Rule(f"C{i}", f"A{i}/V"),
            Rate(f"A{i}", f"-(loss + k12)*A{i} + k21*Q{i}"),
            Rate(f"Q{i}", f"k12*A{i} - (loss + k21)*Q{i}"),
            DoseInput(f"A{i}", drug=f"D{i}"),
        ]
    return Model("mouse", parts)


TISSUE, MOUSE = tissue(), mouse()


def run(cells: int = 64, **options: Any) -> LineResult:
    """BENCH-N87 through the language."""
    given: dict[str, Any] = {"times": "24 h", "record": ["occupancy"], "num_threads": 1}
    return kg.simulate_line(
        TISSUE,
        kg.Cylinder("8 um", "75 um", cells=cells),
        f"D1 3.6 mg/kg + D2 {3.6 * RATIO:g} mg/kg",
        systemic=MOUSE,
        weight="20 g",
        **(given | options),
    )


def varied(count: int) -> dict[str, Any]:
    """Values of many lines; one line has the nominal ones."""
    if count == 1:
        return {}
    rng = np.random.default_rng(0)
    nominal = {"D": 10.0, "P": 3e-3, "kon": VALUES["kon"], "S0": VALUES["S0"]}
    return {name: value * rng.lognormal(0.0, 0.3, count) for name, value in nominal.items()}


class Stopwatch:
    """Stands in for the core and adds up the time spent in its line solver."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(_core, name)

    def simulate_line(self, *arguments: Any, **options: Any) -> Any:
        """Call the solver, timed."""
        began = time.perf_counter()
        try:
            return _core.simulate_line(*arguments, **options)
        finally:
            self.seconds += time.perf_counter() - began


def throughput(lines: int) -> list[dict[str, Any]]:
    """Lines per second of one core, and the share of the time that is not the core's."""
    rows = []
    for count in (1, lines):
        values = varied(count)
        run(values=values)
        repeats, shares = [], []
        for _ in range(REPEATS):
            watch = Stopwatch()
            solve_line._core = watch  # type: ignore[assignment]
            try:
                seconds = time_once(lambda v=values: run(values=v))
            finally:
                solve_line._core = _core
            repeats.append(seconds)
            shares.append(1.0 - watch.seconds / seconds.wall)
        summary = summarize(repeats)
        rows.append(
            {
                "lines": count,
                "wall s": summary.wall_median,
                "cpu s": summary.cpu_median,
                "lines per cpu second": count / summary.cpu_median,
                "outside the core, %": 100.0 * float(np.median(shares)),
            }
        )
    return rows


def cases(lines: int) -> list[dict[str, Any]]:
    """Coarser and longer runs of the issue's list."""
    count = min(lines, 2000)
    settings: dict[str, dict[str, Any]] = {
        "64 cells, 1e-3, 24 h": {},
        "32 cells, 1e-2, 24 h": {"cells": 32, "rtol": 1e-2},
        "64 cells, 1e-3, 21 d": {"times": "21 d"},
    }
    work: dict[str, Callable[[], object]] = {
        name: (lambda o=options: run(values=varied(count), **o))
        for name, options in settings.items()
    }
    timed = time_interleaved(work, REPEATS)
    return [
        {"case": name, "lines": count, "lines per cpu second": count / timed[name].cpu_median}
        for name in settings
    ]


def sensitivities(lines: int) -> list[dict[str, Any]]:
    """Cost of derivatives by ten parameters, in solves."""
    count = min(lines, 500)
    names = ["D", "P", "kon", "koff", "ke", "klys", "S0", "eps", "loss", "k12"]
    work: dict[str, Callable[[], object]] = {
        "values": lambda: run(values=varied(count)),
        "with sensitivities": lambda: run(values=varied(count), sensitivities=names),
    }
    method = run(values=varied(2), sensitivities=names).method
    timed = time_interleaved(work, REPEATS)
    ratio = timed["with sensitivities"].cpu_median / timed["values"].cpu_median
    return [{"parameters": len(names), "method": method, "cost in solves": ratio}]


# --- scipy ----------------------------------------------------------------------------------------


def compiled_rhs(shape: kg.Cylinder) -> Callable[..., NDArray[np.float64]]:
    """The semi-discrete equations, cell by cell, compiled by numba."""
    import numba

    faces, volumes = shape.faces, shape.volumes
    areas = 2.0 * np.pi * faces
    half = 0.5 * np.diff(faces) / (10.0 * VALUES["eps"])
    between = areas[1:-1] / (half[:-1] + half[1:])
    wall = areas[0] / (1.0 / 3e-3 + half[0])
    matrix = np.array([[-(K12 + LOSS), K21], [K12, -(K21 + LOSS)]])
    rates, vectors = np.linalg.eig(matrix)
    weights = vectors[0] * np.linalg.solve(vectors, [1.0, 0.0])
    kon, koff, ke, klys, s0, eps = (VALUES[n] for n in VALUES)
    cells = shape.cells

    @numba.njit(cache=False)
    def rhs(t: float, y: Any) -> Any:
        d = np.empty_like(y)
        plasma = PEAK * (weights * np.exp(rates * t)).sum()
        for k in range(cells):
            b = 8 * k
            adc = kon / eps * y[b] * y[b + 2] - koff * y[b + 3]
            antibody = kon / eps * y[b + 1] * y[b + 2] - koff * y[b + 4]
            d[b] = -adc
            d[b + 1] = -antibody
            d[b + 2] = ke * (s0 - y[b + 2]) - adc - antibody
            d[b + 3] = adc - ke * y[b + 3]
            d[b + 4] = antibody - ke * y[b + 4]
            d[b + 5] = ke * y[b + 3] - klys * y[b + 5]
            d[b + 6] = klys * y[b + 5]
            d[b + 7] = ke * y[b + 4]
        for i in range(2):
            outside = plasma if i == 0 else RATIO * plasma
            d[i] += wall * (outside - y[i] / eps) / volumes[0]
            for k in range(cells - 1):
                flow = between[k] * (y[8 * k + i] - y[8 * k + 8 + i]) / eps
                d[8 * k + i] -= flow / volumes[k]
                d[8 * k + 8 + i] += flow / volumes[k + 1]
        return d

    compiled: Callable[..., NDArray[np.float64]] = rhs
    return compiled


def lsoda(_lines: int) -> list[dict[str, Any]]:
    """Times at equal error; the reference is the line solver at 1e-9, checked by LSODA at 1e-11."""
    from scipy.integrate import solve_ivp

    shape = kg.Cylinder("8 um", "75 um", cells=64)
    rhs = compiled_rhs(shape)
    start = np.zeros((64, 8))
    start[:, 2] = VALUES["S0"]

    def by_scipy(rtol: float) -> NDArray[np.float64]:
        answer = solve_ivp(
            rhs,
            (0.0, 86400.0),
            start.reshape(-1),
            method="LSODA",
            rtol=rtol,
            atol=0.1 * rtol,
            lband=8,
            uband=8,
            t_eval=[86400.0],
        )
        found: NDArray[np.float64] = answer.y[:, -1].reshape(64, 8).T
        return found

    def by_krogh(rtol: float, count: int = 1) -> NDArray[np.float64]:
        result = run(rtol=rtol, record=list(SPECIES), lines=count)
        return np.stack([result[n].values[0, -1] for n in SPECIES])

    exact = by_krogh(1e-9)

    def error(found: NDArray[np.float64]) -> float:
        apart = np.abs(found - exact).max(axis=1) / exact.max(axis=1)
        return float(apart.max())

    if error(by_scipy(1e-11)) > 1e-6:
        raise RuntimeError(f"the two programs disagree by {error(by_scipy(1e-11)):.1e}")
    tolerances = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
    count = 512
    work: dict[str, Callable[[], object]] = {"krogh": lambda: by_krogh(1e-3, count)}
    work |= {str(rtol): (lambda r=rtol: by_scipy(r)) for rtol in tolerances}
    timed = time_interleaved(work, REPEATS)
    errors = [error(by_scipy(rtol)) for rtol in tolerances]
    seconds = [timed[str(rtol)].cpu_median for rtol in tolerances]
    own, reached = timed["krogh"].cpu_median / count, error(by_krogh(1e-3))
    other = time_at_error(errors, seconds, reached)
    return [
        {
            "krogh ms a line": 1e3 * own,
            "error": reached,
            "LSODA ms at that error": 1e3 * other,
            "ratio": other / own,
            "inside its measured errors": is_inside(errors, reached),
        }
    ]


MEASUREMENTS: dict[str, Callable[[int], list[dict[str, Any]]]] = {
    "throughput": throughput,
    "lsoda": lsoda,
    "cases": cases,
    "sensitivities": sensitivities,
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", choices=[*MEASUREMENTS, []], default=[])
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    content: dict[str, Any] = {"machine": machine()}
    for name in arguments.what or MEASUREMENTS:
        content[name] = MEASUREMENTS[name](arguments.lines)
        print(f"\n{name}\n" + markdown_table(content[name]))
    if arguments.json:
        write_json(arguments.json, content)


if __name__ == "__main__":
    main()
