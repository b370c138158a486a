"""The README's and the guide's Python runs as it stands there; the README's commands are one line.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
from pathlib import Path

import krogh
import pytest

PAGES = ("README.md", "python/docs/quick_start.md")


def blocks_of(file: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", file.read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.parametrize("page", PAGES)
def test_python_of_the_page_runs(
    page: str, source_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "events.csv").write_text("ID,TIME,AMT,DV\n1,0,400,.\n1,24,.,90\n", encoding="utf-8")
    blocks = blocks_of(source_tree / page)
    assert len(blocks) >= 2
    names: dict[str, object] = {"kg": krogh}
    for block in blocks:
        exec(compile(block, page, "exec"), names)
    if page.endswith("quick_start.md"):
        assert (tmp_path / "concentration.png").stat().st_size > 10_000


def test_each_command_of_the_readme_is_one_line(source_tree: Path) -> None:
    text = (source_tree / "README.md").read_text(encoding="utf-8")
    for name in ("main", "test"):
        found = re.search(rf"<!-- command: {name} -->\n```console\n(.*?)```", text, re.S)
        assert found is not None
        lines = found.group(1).splitlines()
        assert len(lines) == 1
        assert lines[0].startswith("python3 -m venv .venv && ")


def test_every_code_in_the_package_is_in_the_guide(source_tree: Path) -> None:
    guide = (source_tree / "python/docs/errors.md").read_text(encoding="utf-8")
    guide += (source_tree / "python/krogh/dosing/__init__.py").read_text(encoding="utf-8")
    missing: set[str] = set()
    for file in (source_tree / "python" / "krogh").rglob("*.py"):
        for code in re.findall(r"\"(KG-\d{3}):", file.read_text(encoding="utf-8")):
            if code not in guide:
                missing.add(f"{code} ({file.name})")
    assert not missing
