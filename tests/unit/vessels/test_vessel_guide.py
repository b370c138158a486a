"""The guide's page on vessels runs as it stands there.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest


def test_the_page_runs(source_tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (source_tree / "python/docs/vessels.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "vessels.md", "exec"), names)
    shown = capsys.readouterr().out
    assert "beyond 100 um" in shown
    assert "converged after" in shown
    assert "leaves in one pass" in shown
    assert "60 x 60 x 60 voxels" in shown
    assert abs(names["steady"].imbalance) < 1e-12
    assert names["course"].mean.shape == (4, names["pieces"].num_segments)
    assert names["voxels"].surface_density.shape == (60, 60, 60)
