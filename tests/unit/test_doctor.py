"""The doctor: checks that can fail, reasons for threads, the line for a report.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from krogh import _core, doctor


def test_the_three_checks_pass_here() -> None:
    checks = doctor.run_checks()
    assert len(checks) == 3
    for check in checks:
        assert check.passed, check


@pytest.mark.parametrize("error", [1.1e-9, math.inf, math.nan])
def test_a_wrong_answer_fails_its_check(error: float) -> None:
    report = doctor.examine()
    assert report.passed
    wrong = replace(report, checks=(doctor.Check("one", error, 1e-9), *report.checks[1:]))
    assert not wrong.passed
    assert "checks 2/3" in wrong.line
    missing = replace(report, packages={**report.packages, "scipy": None})
    assert not missing.passed


def test_the_line_has_versions_and_instruction_set() -> None:
    report = doctor.examine()
    assert report.line.startswith(f"krogh {_core.__version__} | Python ")
    assert _core.instruction_set() in report.line
    assert "numpy" in report.line
    assert "checks 3/3" in report.line
    assert "\n" not in report.line


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"OMP_NUM_THREADS": "1"}, "1 by OMP_NUM_THREADS (decides)"),
        ({"SLURM_CPUS_PER_TASK": "1"}, "1 by SLURM_CPUS_PER_TASK (decides)"),
        ({"OMP_NUM_THREADS": "1000"}, "1000 by OMP_NUM_THREADS"),
    ],
)
def test_threads_are_granted_for_a_stated_reason(
    environment: dict[str, str], expected: str
) -> None:
    code = "from krogh.doctor import examine; r = examine(); print(r.granted_threads);"
    code += "print(*r.thread_reasons, sep='\\n')"
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "SLURM_"))}
    path = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**inherited, "PYTHONPATH": path, **environment},
    )
    granted, *reasons = done.stdout.splitlines()
    assert expected in reasons
    assert any(reason.endswith("(decides)") for reason in reasons)
    if "decides" in expected:
        assert granted == "1"


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads the loader's table on Linux"
)
def test_openmp_libraries_of_the_process_are_seen() -> None:
    found = doctor.openmp_runtimes()
    if _core.thread_backend() == "OpenMP":
        assert any("omp" in name for name in found)
    assert len(set(found)) == len(found)
