"""The guide's page on volumes runs as it stands there, and its numbers are those of the run.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
import tomllib

import krogh as kg
import pytest


@pytest.fixture(scope="module")
def page(source_tree):
    return (source_tree / "python/docs/volumes.md").read_text(encoding="utf-8")


def test_the_page_runs(page, capsys, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    assert len(blocks) == 10
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "volumes.md", "exec"), names)
    shown = capsys.readouterr().out
    for words in (
        "512 voxels",
        "vessels from CD31 by Otsu's threshold",
        "HER2 from target, relative to its mean",
        "T-DM1 penetration depth",
        "against the distance to the nearest vessel",
        "F_TDM1 + B_TDM1",
    ):
        assert words in shown
    assert names["layer"].num_voxels == 10
    written = {p.name for p in tmp_path.iterdir()}
    pictures = {f"{n}.png" for n in ("levels", "slices", "distance", "coverage", "vessels")}
    times = names["whole"].times.values.size
    series = {f"tumour_{k:04d}.vti" for k in range(times)} | {"tumour.vti.series"}
    assert written == pictures | series | {"tumour.vti", "tumour.checkpoint"}
    assert "s were reached" in shown
    assert names["whole"].is_complete
    assert names["fine"].grid == names["image"].grid
    assert max(names["apart"].values()) < 1e-4
    misses = names["misses"]
    assert misses[10.0] > 1.9 * misses[5.0] > 1.9**2 * misses[2.5]
    for width, percent in re.findall(r"^\| ([\d.]+) um \| ([\d.]+) % \|", page, re.M):
        unit = 10.0 ** -len(percent.partition(".")[2])
        assert 100.0 * misses[float(width)] == pytest.approx(float(percent), abs=0.6 * unit)


def test_the_study_in_a_file_is_one(page):
    (text,) = re.findall(r"^```toml\n(.*?)^```$", page, re.M | re.S)
    study = kg.Study.from_document(tomllib.loads(text))
    assert study.tumour_3d.grid.shape == (20, 20, 20)
    assert study.tumour_3d.recipe["pattern"] == "percolation"
