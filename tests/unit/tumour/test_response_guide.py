"""The guide's page on tumours that respond runs as it stands there.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re


def test_the_page_runs(source_tree, capsys):
    text = (source_tree / "python/docs/response.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    exec(compile(block, "response.md", "exec"), {})
    shown = capsys.readouterr().out
    assert "relative_volume" in shown
    assert "dose [Gy]" in shown
