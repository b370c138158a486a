"""The guide's page on interstitial fluid runs as it stands there.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest


def test_the_page_runs(source_tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (source_tree / "python/docs/interstitial.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "interstitial.md", "exec"), names)
    shown = capsys.readouterr().out
    assert "<InterstitialFlow: 24 x 24 x 24 voxels" in shown
    assert "<FlowCourse: 3 flows from 0 to 6 d" in shown
    assert "6 to 10 d: up to" in shown
    assert names["result"].is_complete
    assert names["result"].ledger().largest < 1e-10
