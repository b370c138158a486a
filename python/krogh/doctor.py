"""What `krogh doctor` looks at: the installation, threads, extras, and three analytic checks.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
import platform
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from krogh import _core
from krogh.threads import granted_threads, thread_limits

__all__ = ["Check", "Report", "examine", "openmp_runtimes", "run_checks"]

REQUIRED: Final = ("numpy", "scipy", "pydantic", "pint", "typer", "rich")
"""Packages that a plain installation brings."""

OPTIONAL: Final = {
    "matplotlib": "pictures",
    "xarray": "labeled arrays",
    "h5py": "results files",
    "h5netcdf": "results files",
    "pandas": "data frames",
    "polars": "data frames",
    "nibabel": "NIfTI images",
    "pydicom": "DICOM series",
    "tifffile": "OME-TIFF images",
}
"""Packages that krogh uses where they are present, and what for."""


@dataclass(frozen=True, slots=True)
class Check:
    """One computation whose answer is known.

    Attributes
    ----------
    name
        What is computed.
    error
        Largest relative deviation from the known answer.
    limit
        The largest permitted deviation.
    """

    name: str
    error: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether the error lies within its limit; an error that is not a number does not."""
        return self.error <= self.limit


@dataclass(frozen=True, slots=True)
class Report:
    """What was found.

    Attributes
    ----------
    version
        Of krogh.
    instruction_set, available_sets
        Kernels in use, and those that this processor can run.
    thread_backend, granted_threads
        Where threads come from, and how many a call takes without `num_threads`.
    thread_reasons
        Each limit in words.
    runtimes
        OpenMP libraries loaded into this process.
    packages
        Version of each package, None where it is absent.
    checks
        The analytic checks.
    """

    version: str
    instruction_set: str
    available_sets: tuple[str, ...]
    thread_backend: str
    granted_threads: int
    thread_reasons: tuple[str, ...]
    runtimes: tuple[str, ...]
    packages: dict[str, str | None]
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether all checks passed and no required package is missing."""
        return all(c.passed for c in self.checks) and all(self.packages[n] for n in REQUIRED)

    @property
    def line(self) -> str:
        """One line with everything a bug report needs."""
        packages = " ".join(f"{n} {v}" for n, v in self.packages.items() if v)
        good = sum(c.passed for c in self.checks)
        worst = max(c.error / c.limit if math.isfinite(c.error) else math.inf for c in self.checks)
        return (
            f"krogh {self.version} | Python {platform.python_version()} {sys.platform}"
            f" {platform.machine()} | {self.instruction_set} | {self.thread_backend}"
            f" {self.granted_threads} threads | {packages} | checks {good}/{len(self.checks)},"
            f" worst {worst:.2g} of its limit"
        )


def examine() -> Report:
    """Look at this installation and run the checks.

    Returns
    -------
    Report
        Nothing is raised for what is missing or wrong: the report says so.
    """
    return Report(
        version=_core.__version__,
        instruction_set=_core.instruction_set(),
        available_sets=tuple(_core.available_instruction_sets()),
        thread_backend=_core.thread_backend(),
        granted_threads=granted_threads(),
        thread_reasons=_thread_reasons(thread_limits()),
        runtimes=openmp_runtimes(),
        packages={name: _version(name) for name in (*REQUIRED, *OPTIONAL)},
        checks=run_checks(),
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _thread_reasons(limits: dict[str, int]) -> tuple[str, ...]:
    """Return the limits in words, the deciding ones marked."""
    words = {
        "processors": "{} processors by affinity",
        "cgroup": "{} by the control group's quota",
        "openmp": "{} by OMP_NUM_THREADS",
        "slurm": "{} by SLURM_CPUS_PER_TASK",
    }
    least = min(value for value in limits.values() if value > 0)
    found = [
        text.format(limits[name]) + (" (decides)" if limits[name] == least else "")
        for name, text in words.items()
        if limits[name] > 0
    ]
    unset = [text for name, text in _UNSET.items() if limits[name] == 0]
    return (*found, *unset)


_UNSET: Final = {
    "cgroup": "no control-group quota",
    "openmp": "OMP_NUM_THREADS not set",
    "slurm": "no SLURM task",
}

_RUNTIME: Final = re.compile(
    r"lib(?:gomp|omp|iomp5|omp140)[^/\s]*\.(?:so|dylib)[^/\s]*|vcomp[^\\]*"
)


def openmp_runtimes() -> tuple[str, ...]:
    """Return the OpenMP libraries loaded into this process, by file name.

    More than one of them in a process can oversubscribe the processors; see the documentation of
    `threadpoolctl` for known clashes.
    """
    system: str = sys.platform  # as a plain string: all branches are checked on every system
    if system.startswith("linux"):
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
        return tuple(sorted(set(_RUNTIME.findall(maps))))
    if system == "darwin":
        return tuple(sorted(set(_RUNTIME.findall("\n".join(_images_on_macos())))))
    return ()


def _images_on_macos() -> list[str]:
    """Return the paths of all loaded libraries (dyld(3): _dyld_get_image_name)."""
    import ctypes

    system = ctypes.CDLL(None)
    system._dyld_get_image_name.restype = ctypes.c_char_p
    count = int(system._dyld_image_count())
    names = (system._dyld_get_image_name(ctypes.c_uint32(i)) for i in range(count))
    return [name.decode(errors="replace") for name in names if name]


# --- checks ---------------------------------------------------------------------------------------


def run_checks() -> tuple[Check, ...]:
    """Compute three answers that are known and compare."""
    return (_bolus(), _infusion(), _target_conservation())


def _program(
    states: list[str], laws: Any, initial: list[float], parameters: dict[str, float]
) -> tuple[Any, NDArray[np.float64]]:
    """Build a model in the core from ``laws(graph, states, parameters) -> derivatives``."""
    graph = _core.Graph()
    symbols = [graph.state(i) for i in range(len(states))]
    constants = {name: graph.parameter(i) for i, name in enumerate(parameters)}
    program = _core.Program(
        graph,
        states,
        list(parameters),
        laws(graph, symbols, constants),
        [graph.constant(value) for value in initial],
        symbols,
        states,
    )
    return program, np.array([list(parameters.values())])


def _schedule(records: list[dict[str, float]]) -> Any:
    def column(name: str, kind: Any) -> NDArray[Any]:
        return np.array([record.get(name, 0) for record in records], dtype=kind)

    return _core.Schedule(
        np.array([0, len(records)], dtype=np.int64),
        column("time", np.float64),
        column("kind", np.int8),
        column("target", np.int32),
        column("amount", np.float64),
        column("rate", np.float64),
        column("interval", np.float64),
        column("additional", np.int32),
        column("steady", np.int8),
        shared=True,
    )


def _observations(times: NDArray[np.float64]) -> list[dict[str, float]]:
    return [{"time": float(t)} for t in times]


def _solve(program: Any, parameters: NDArray[np.float64], records: Any, **options: Any) -> Any:
    run = _core.simulate_point(program, parameters, _schedule(records), num_threads=1, **options)
    return np.asarray(run.values)[0]


def _largest_deviation(values: NDArray[np.float64], exact: NDArray[np.float64]) -> float:
    scale = np.abs(exact).max(axis=0)
    return float(np.max(np.abs(values - exact) / scale))


def _bolus() -> Check:
    """One compartment after 100 units at once: A = 100 exp(-k t)."""

    def laws(g: Any, a: list[int], p: dict[str, int]) -> list[int]:
        return [g.unary("neg", g.binary("mul", p["k"], a[0]))]

    program, parameters = _program(["A"], laws, [0.0], {"k": 0.2})
    times = np.linspace(0.0, 24.0, 25)
    records = [{"time": 0.0, "kind": 1, "amount": 100.0}, *_observations(times)]
    values = _solve(program, parameters, records, method="rodas5p", rtol=1e-10)
    exact = 100.0 * np.exp(-0.2 * times)[:, None]
    return Check("one compartment, bolus, Rodas5P", _largest_deviation(values, exact), 1e-9)


def _infusion() -> Check:
    """Two compartments in the steady state of an infusion: A1 = R/k10, A2 = A1 k12/k21."""

    def laws(g: Any, a: list[int], p: dict[str, int]) -> list[int]:
        out = g.binary("mul", g.binary("add", p["k10"], p["k12"]), a[0])
        back = g.binary("mul", p["k21"], a[1])
        there = g.binary("mul", p["k12"], a[0])
        return [g.binary("sub", back, out), g.binary("sub", there, back)]

    rates = {"k10": 0.3, "k12": 0.5, "k21": 0.1}
    program, parameters = _program(["A1", "A2"], laws, [0.0, 0.0], rates)
    # 120 units over 10 h every 10 h is an infusion without end, seen within its first interval.
    steady = {"time": 0.0, "kind": 1, "amount": 120.0, "rate": 12.0, "interval": 10.0, "steady": 1}
    records = [steady, *_observations(np.array([0.0, 5.0, 10.0]))]
    values = _solve(program, parameters, records)
    first = 12.0 / rates["k10"]
    exact = np.tile([first, first * rates["k12"] / rates["k21"]], (3, 1))
    return Check(
        "two compartments, infusion at steady state", _largest_deviation(values, exact), 1e-9
    )


def _target_conservation() -> Check:
    """With kint = kdeg target-mediated disposition keeps R + RC constant whatever the drug does."""

    def laws(g: Any, y: list[int], p: dict[str, int]) -> list[int]:
        bound = g.binary("mul", p["kon"], g.binary("mul", y[0], y[1]))
        free = g.binary("mul", p["koff"], y[2])
        binding = g.binary("sub", bound, free)
        loss = [g.binary("mul", p["kel"], y[0]), *(g.binary("mul", p["kdeg"], s) for s in y[1:])]
        return [
            g.unary("neg", g.binary("add", loss[0], binding)),
            g.binary("sub", g.binary("sub", p["ksyn"], loss[1]), binding),
            g.binary("sub", binding, loss[2]),
        ]

    values = {"kel": 0.1, "kon": 10.0, "koff": 1.0, "kdeg": 1.0, "ksyn": 10.0}
    program, parameters = _program(["C", "R", "RC"], laws, [100.0, 10.0, 0.0], values)
    solution = _solve(
        program, parameters, _observations(np.linspace(0.0, 60.0, 61)), method="rodas4", rtol=1e-8
    )
    total = solution[:, 1] + solution[:, 2]
    error = float(np.max(np.abs(total - 10.0))) / 10.0
    return Check("target-mediated disposition, total target constant", error, 1e-11)
