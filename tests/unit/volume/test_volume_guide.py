"""The guide's page on volumes runs as it stands there.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re


def test_the_page_runs(source_tree, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (source_tree / "python/docs/volumes.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    assert len(blocks) == 3
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "volumes.md", "exec"), names)
    shown = capsys.readouterr().out
    assert "512 voxels" in shown
    assert "against the distance to the nearest vessel" in shown
    assert "F_TDM1 + B_TDM1" in shown
    assert names["layer"].num_voxels == 10
    assert "s were reached" in shown
    assert names["whole"].is_complete
    assert len(list(tmp_path.glob("tumour_*.vti"))) == names["whole"].times.values.size
