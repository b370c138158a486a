"""``krogh demo`` as a user meets it; the README shows what it prints.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import csv
import importlib.util
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from krogh import _core
from krogh.cli import app
from typer.testing import CliRunner

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
    "COLUMNS": "110",
    "NO_COLOR": "1",
    "MPLBACKEND": "Agg",
}
TABLES = {
    "tdm1": {"tdm1_levels", "tdm1_profiles", "tdm1_decision"},
    "erlotinib": {
        "erlotinib_parameters",
        "erlotinib_volumes",
        "erlotinib_plasma",
        "erlotinib_doses",
    },
}
PICTURES = {
    "tdm1": {"tdm1_gradients", "tdm1_sections", "tdm1_decision"},
    "erlotinib": {"erlotinib_plasma", "erlotinib_growth", "erlotinib_dose"},
}


def names_of(*parts: str, tables: bool = True, pictures: bool = True) -> list[str]:
    found = {f"{name}.csv" for part in parts for name in TABLES[part] if tables}
    found |= {f"{name}.png" for part in parts for name in PICTURES[part] if pictures}
    return sorted(found)


@pytest.fixture(scope="module")
def output(source_tree: Path) -> ModuleType:
    """Return the script that puts the demo's output into the README."""
    if not (source_tree / "python" / "docs" / "demo_output.py").is_file():
        pytest.skip("the guide is not here")
    spec = importlib.util.spec_from_file_location(
        "demo_output", source_tree / "python" / "docs" / "demo_output.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_whole_demo_writes_tables_and_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "demo"
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "krogh", "demo", "--out", str(folder), "--tumours", "100"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=300,
    )
    seconds = time.monotonic() - begin
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in folder.iterdir()) == names_of("tdm1", "erlotinib")
    for name in names_of("tdm1", "erlotinib"):
        assert f"{name}" in done.stdout.replace("\n", "")
    for path in folder.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size > 15_000
    for path in folder.glob("*.csv"):
        with path.open(encoding="utf-8") as stream:
            rows = list(csv.reader(stream))
        assert len(rows) > 2
        assert {len(row) for row in rows} == {len(rows[0])}
    assert seconds < 120.0  # 20 s on two idle cores; tests may run beside others


def test_without_matplotlib_tables_remain_and_the_way_to_pictures_is_told(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from krogh.cli import main\n"
        f"sys.argv = ['krogh', 'demo', '--out', {str(tmp_path / 'o')!r}, '--tumours', '20']\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert 'pip install "krogh[std]"' in done.stdout
    written = sorted(p.name for p in (tmp_path / "o").iterdir())
    assert written == names_of("tdm1", "erlotinib", pictures=False)


def test_the_part_in_3d_draws_vessels_slices_and_coverage(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    done = CliRunner().invoke(
        app, ["demo", "3d", "--size", "160 um", "--out", str(tmp_path), "--quiet"]
    )
    assert done.exit_code == 0, done.output
    tables = {"3d_levels.csv", "3d_distance.csv"}
    pictures = {"3d_vessels.png", "3d_slices.png", "3d_distance.png", "3d_coverage.png"}
    assert {p.name for p in tmp_path.iterdir()} == tables | pictures
    assert all((tmp_path / name).stat().st_size > 15_000 for name in pictures)
    flat = " ".join(re.sub("[│┃]", " ", done.output).split())
    for words in ("512 voxels", "target: occupancy", "one vessel of the same density", "round-off"):
        assert words in flat
    with (tmp_path / "3d_levels.csv").open(encoding="utf-8") as stream:
        rows = {row["measure"]: row for row in csv.DictReader(stream)}
    depth = rows["T-DM1 penetration depth (half of that beside the vessels)"]
    assert float(depth["T-DM1"]) < float(depth["T-DM1 + trastuzumab"])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("demo 3D", "KG-132", "'3d'"),
        ("demo 3d --spacing '30 um'", "KG-166", "whole number of voxels"),
        ("demo 3d --size '1 h'", "KG-121", "length"),
        ("demo erlotinb", "KG-132", "'erlotinib'"),
        ("demo erlotinib --growth kock", "KG-132", "'koch'"),
        ("demo tdm1 --tumours 1", "KG-132", "at least 2"),
        ("demo tdm1 --seed -1", "KG-117", "seed"),
        ("demo tdm1 --out README.md/out", "KG-133", "README.md"),
    ],
)
def test_wrong_options_are_told_before_anything_runs(
    arguments: str, code: str, words: str, source_tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source_tree)
    done = CliRunner().invoke(app, shlex.split(arguments))
    assert done.exit_code == 2
    assert code in done.output
    assert words in done.output
    assert "wrote" not in done.output
    assert not (source_tree / "krogh-demo").exists()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c_keeps_what_is_written_whole_and_says_so(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "krogh", "demo", "--out", str(tmp_path)),
            *("--tumours", "20", "--growth", "simeoni"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    first = tmp_path / "tdm1_decision.png"  # the last file of the first part
    deadline = time.monotonic() + 120.0
    while not first.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert "stopped: tdm1 is done and written" in out
    assert "Traceback" not in err
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".krogh-")]
    assert {p.name for p in tmp_path.iterdir()} >= set(names_of("tdm1"))
    for path in tmp_path.glob("*.csv"):
        assert path.read_text(encoding="utf-8").endswith("\n")


@pytest.mark.parametrize("part", ["tdm1", "erlotinib"])
def test_the_readme_shows_what_the_demo_prints(
    part: str, output: ModuleType, source_tree: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    shown = output.block_of((source_tree / "README.md").read_text(encoding="utf-8"), part)
    assert len(shown.splitlines()) > 10
    assert output.differences(shown, output.screen_of(part, tmp_path)) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", ["tdm1", "erlotinib"])
def test_digits_that_are_shown_are_those_of_every_instruction_set(
    part: str, output: ModuleType, source_tree: Path, tmp_path: Path
) -> None:
    names = _core.available_instruction_sets()
    if len(names) < 2:
        pytest.skip("this processor or build has one instruction set")
    shown = output.block_of((source_tree / "README.md").read_text(encoding="utf-8"), part)
    chosen = _core.instruction_set()
    try:
        for name in names:
            if name == chosen:
                continue
            _core.select_instruction_set(name)
            assert output.differences(shown, output.screen_of(part, tmp_path)) == [], name
    finally:
        _core.select_instruction_set(chosen)


def test_pictures_of_readme_and_guide_are_here_and_small(
    output: ModuleType, source_tree: Path
) -> None:
    shown = {}
    for page in (source_tree / "README.md", *(source_tree / "python" / "docs").glob("*.md")):
        for path in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            shown.setdefault(Path(path).name, page.parent / path)
    assert set(shown) == {*output.PICTURES, *output.PICTURES_3D}
    for picture in shown.values():
        assert picture.read_bytes().startswith(b"\x89PNG")
        assert 10_000 < picture.stat().st_size < 200_000


def test_differences_see_words_and_digits_but_not_the_last_one(output: ModuleType) -> None:
    line = "│ k2 │ 0.0951 │ 1,204 │ 1.86e5 │ +0.094 │"
    assert output.differences(line, line) == []
    assert output.differences(line, line.replace("0.0951", "0.0952")) == []
    assert output.differences(line, line.replace("1,204", "1,203")) == []
    assert output.differences(line, line.replace("1.86e5", "1.85e5")) == []
    for one, other in (("0.0951", "0.0953"), ("1,204", "1,206"), ("1.86e5", "1.84e5")):
        assert len(output.differences(line, line.replace(one, other))) == 1
    assert len(output.differences(line, line.replace("+0.094", "-0.094"))) == 1
    assert len(output.differences(line, line.replace("k2", "k3"))) == 1
    assert len(output.differences(line, f"{line}\nmore")) == 1
