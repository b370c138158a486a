"""The page on images runs.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest


def test_the_page_runs(
    source_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    for package in ("nibabel", "h5py", "h5netcdf", "xarray"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    page = (source_tree / "python" / "docs" / "images.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    assert len(blocks) == 4
    monkeypatch.chdir(tmp_path)
    exec(compile("\n".join(blocks), "images.md", "exec"), {})
    said = capsys.readouterr().out
    assert "voxels solved" in said
    assert "('z', 'y', 'x')" in said
    assert {p.name for p in tmp_path.iterdir()} == {
        "occupancy.nii.gz",
        "lesion.vti",
        "liver.vti",
        "lesion.vtkhdf",
    }
