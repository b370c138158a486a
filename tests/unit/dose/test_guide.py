"""The guide's page on decisions runs as it stands there, and prints what it shows.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
from pathlib import Path

import krogh
import pytest
from krogh.dose import Target

PAGE = "python/docs/decisions.md"


def without_numbers(text: str) -> list[str]:
    """Return lines without digits: another processor may turn a verdict of one tumour in 500."""
    return [re.sub(r"[\d.+-]+", "#", " ".join(line.split())) for line in text.splitlines()]


@pytest.mark.slow
def test_the_page_runs(
    source_tree: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    text = (source_tree / PAGE).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    (shown,) = re.findall(r"^```text\n(.*?)^```$", text, re.M | re.S)
    assert len(blocks) == 4
    names = {"kg": krogh}
    for k, block in enumerate(blocks):
        exec(compile(block, PAGE, "exec"), names)
        printed = capsys.readouterr().out
        if k == 0:
            assert without_numbers(printed) == without_numbers(shown)
    for name in ("map.png", "tradeoff.png"):
        assert (tmp_path / name).stat().st_size > 10_000
    assert (tmp_path / "plan.json").exists()


def test_the_targets_of_the_page_are_targets(source_tree: Path) -> None:
    text = (source_tree / PAGE).read_text(encoding="utf-8")
    table = text.partition("## Targets")[2].partition("\n- ")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 5
    for row in rows:
        for sentence in re.findall(r"`([^`]+)`", row[3]):
            target = Target(sentence)
            assert str(target) == sentence.replace("Target", "")
            if row[1].strip() != "any":
                assert target.level_name == row[1].strip()
