"""The guide's page on simulation runs as it stands there.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re

import krogh
import pytest


def test_the_page_runs(source_tree, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    text = (source_tree / "python/docs/simulation.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    assert len(blocks) == 7
    names = {"kg": krogh}
    for block in blocks:
        exec(compile(block, "simulation.md", "exec"), names)
    assert (tmp_path / "curves.png").stat().st_size > 10_000
    assert "Floquet radius" in capsys.readouterr().out
