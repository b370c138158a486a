"""The fuzz targets of this part run and find nothing in a short loop.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("name", ["fuzz_regimen", "fuzz_event_table"])
def test_a_short_loop_finds_nothing(name, source_tree):
    path = source_tree / "tests" / "fuzz" / f"{name}.py"
    command = [sys.executable, str(path), "--random", "--runs", "1500", "--seed", "5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1500 random executions")
