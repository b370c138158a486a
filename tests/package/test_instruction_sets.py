"""Only kernels made for a newer processor hold its instructions.

SPDX-License-Identifier: BSD-3-Clause

A function template or inline function that a kernel file instantiates is merged by the linker with
the same function from other files; compiled for AVX it would then run, and fail, on a processor
without it.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from pathlib import Path

import krogh
import pytest
from krogh.errors import SpecError


def library() -> Path:
    try:
        folder = krogh.cmake_dir()
    except SpecError:
        pytest.skip("krogh is used from its source tree; the library is not installed")
    return folder.parents[1] / "libkrogh.a"


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="x86-64 only")
def test_no_avx_outside_of_the_kernels_made_for_it() -> None:
    objdump = shutil.which("objdump")
    if objdump is None:
        pytest.skip("objdump (binutils) is not here")
    listing = subprocess.run(
        [objdump, "-d", "--no-show-raw-insn", str(library())],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    function = ""
    wide: set[str] = set()
    kernels: set[str] = set()
    for line in listing.splitlines():
        header = re.match(r"[0-9a-f]+ <(.+)>:$", line)
        if header:
            function = header.group(1)
        elif re.search(r"%[yz]mm|\tv[a-z]+(?:ps|pd|ss|sd)\b", line):
            (kernels if re.search(r"6x86_v[34]", function) else wide).add(function)
    assert any("6x86_v3" in name for name in kernels)
    assert any("6x86_v4" in name for name in kernels)
    assert not wide
