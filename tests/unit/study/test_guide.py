"""The guide's page on studies runs as it stands there, and shows what comes out.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
from pathlib import Path

import krogh
import pytest
from krogh.errors import SpecError
from wrong_studies import toml_with


def without_timing(text: str) -> str:
    """Return a table without what differs between machines: seconds, threads, steps, round-off."""
    text = re.sub(r"[\d.e+-]+ s on \d+ threads?", "SECONDS", text)
    text = re.sub(r"steps [\d,]+ \(rejected [\d,]+\)", "STEPS", text)
    return re.sub(r"balance error \S+", "balance error TINY", text).strip()


def test_the_page_runs_and_its_table_is_that_of_the_run(
    source_tree: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    text = (source_tree / "python/docs/studies.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    shown = re.findall(r"^```text\n(.*?)^```$", text, re.M | re.S)
    assert (len(blocks), len(shown)) == (6, 2)
    names = {"kg": krogh}
    exec(compile(blocks[0], "studies.md", "exec"), names)
    assert without_timing(shown[0]) == without_timing(capsys.readouterr().out)
    for block in blocks[1:]:
        exec(compile(block, "studies.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "um instead of" in printed
    assert "clearance modulus Gamma" in printed
    assert "20 lines" in printed
    assert {p.name for p in tmp_path.iterdir()} == {"levels.png", "result.h5", "study.toml"}
    with pytest.raises(SpecError) as caught:
        toml_with("diffusivity", "difusivity")
    assert str(caught.value) == shown[1].strip()
