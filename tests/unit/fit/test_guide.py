"""The guide's page on fitting runs as it stands there, and prints what it shows.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
from pathlib import Path

import krogh
import pytest


def test_the_page_runs(
    source_tree: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    text = (source_tree / "python/docs/fit.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    (shown,) = re.findall(r"^```text\n(.*?)^```$", text, re.M | re.S)
    assert len(blocks) == 3
    names = {"kg": krogh}
    for k, block in enumerate(blocks):
        exec(compile(block, "fit.md", "exec"), names)
        if k == 0:
            printed = capsys.readouterr().out
            assert [line.rstrip() for line in printed.splitlines()] == shown.splitlines()
    assert (tmp_path / "fit.png").stat().st_size > 10_000
    assert "profile of KA" in capsys.readouterr().out
