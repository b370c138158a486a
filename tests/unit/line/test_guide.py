"""The guide's page on lines runs as it stands there.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re


def test_the_page_runs(source_tree, capsys):
    text = (source_tree / "python/docs/lines.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    assert len(blocks) == 4
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "lines.md", "exec"), names)
    shown = capsys.readouterr().out
    assert "along 1 line" in shown
    assert "F + B + I" in shown
    assert "within twice the tolerance" in shown
    assert names["many"].num_lines == 50
    profile = names["chip"]["free_dox"].values[0, -1]
    assert profile[32] < profile[0]
    assert profile[32] < profile[63]
