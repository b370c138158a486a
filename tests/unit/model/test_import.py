"""What importing the model language loads.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import subprocess
import sys


def test_the_language_loads_no_heavy_package():
    code = (
        "import sys, krogh.model;"
        "heavy = {'scipy', 'pandas', 'matplotlib', 'pint', 'xarray', 'rich', 'typer'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
