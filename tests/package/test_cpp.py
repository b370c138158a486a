"""The C++ tests and examples, built from these sources and run.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_cpp_tests_and_examples_pass(source_tree: Path, tmp_path: Path) -> None:
    beside = Path(sys.executable).parent
    cmake = shutil.which("cmake", path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
    if cmake is None:
        pytest.skip("cmake is not here; pip install 'krogh[test]' brings it")
    ctest = str(Path(cmake).with_name("ctest"))
    jobs = str(os.cpu_count() or 1)
    steps = [
        [cmake, "-S", str(source_tree), "-B", str(tmp_path), "-DCMAKE_BUILD_TYPE=Release"],
        [cmake, "--build", str(tmp_path), "--parallel", jobs],
        [ctest, "--test-dir", str(tmp_path), "--output-on-failure"],
    ]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True)
        assert done.returncode == 0, "\n".join((done.stdout[-4000:], done.stderr[-4000:]))
    assert "100% tests passed" in done.stdout
