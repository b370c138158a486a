"""``krogh init`` and ``krogh run`` as a user meets them.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import csv
import os
import re
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import krogh as kg
import pytest
from krogh.cli import app
from krogh.study import Study
from typer.testing import CliRunner

FILES = {
    "levels.png",
    "limits.csv",
    "numbers.csv",
    "profiles.csv",
    "result.h5",
    "study_as_run.toml",
    "table.csv",
    "well_mixed.csv",
}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")


def krogh(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def test_what_init_writes_runs_and_python_does_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = krogh("init", "mine")
    assert done.exit_code == 0, done.output
    assert sorted(p.name for p in (tmp_path / "mine").iterdir()) == ["study.py", "study.toml"]
    ran = krogh("run", "mine/study.toml", "--output", "out")
    assert ran.exit_code == 0, ran.output
    for words in ("1 systemic", "2 tissue", "3 engagement", "4 effect", "what limits", "wrote"):
        assert words in ran.output
    assert {p.name for p in (tmp_path / "out").iterdir()} == FILES
    monkeypatch.chdir(tmp_path / "mine")
    from_python = runpy.run_path("study.py")["study"]
    assert from_python == Study.load("study.toml")
    printed = capsys.readouterr().out
    assert "3 engagement" in printed
    assert (tmp_path / "mine" / "levels.png").is_file()


def test_values_that_are_set_reach_the_study_and_its_files(tmp_path: Path) -> None:
    krogh("init")
    done = krogh(
        *("run", "study.toml", "--set", "drug.KD=0.1nM", "--set", "tumour.cells=16"),
        *("--set", "drug.internalization_rate=1e-5/s", "--set", "regimen=1.8 mg/kg"),
        *("--set", "settings.rtol=1e-2", "--no-limits"),
    )
    assert done.exit_code == 0, done.output
    folder = tmp_path / "krogh-study"
    assert {p.name for p in folder.iterdir()} == FILES - {"limits.csv"}
    study = kg.open(folder / "result.h5").study
    assert study == Study.load(folder / "study_as_run.toml")
    assert study.shape.cells == 16
    assert study.settings.rtol == 1e-2
    assert str(study.regimen) == "T-DM1 1.8 mg/kg"
    assert study.drugs[0].equilibrium_constant == pytest.approx(0.1)
    with (folder / "table.csv").open(encoding="utf-8") as stream:
        rows = {row["measure"]: row for row in csv.DictReader(stream)}
    result = kg.open(folder / "result.h5")
    assert float(rows["T-DM1 in plasma, Cmax"]["value"]) == result.value("Cmax:TDM1")
    assert rows["viable cells with occupancy >= 90 %"]["reached"] == "no"


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ("drug.difusivity=3um^2/s", "KG-103", "Did you mean 'diffusivity'"),
        ("drugs.diffusivity=3um^2/s", "KG-103", "Did you mean 'drug.diffusivity'"),
        ("drug.diffusivity", "KG-132", "is not NAME=VALUE"),
        ("drug.diffusivity=3um", "KG-121", "diffusivity"),
        ("until=soon", "KG-124", "until"),
        ("regimen=3.6 mg/kgg", "KG-120", "kgg"),
    ],
)
def test_wrong_values_are_named_and_nothing_is_written(
    change: str, code: str, words: str, tmp_path: Path
) -> None:
    krogh("init")
    done = krogh("run", "study.toml", "--set", change)
    assert done.exit_code == 2
    assert code in done.output
    assert words in " ".join(done.output.split())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["study.py", "study.toml"]


def test_a_wrong_key_is_named_with_file_and_line(tmp_path: Path) -> None:
    krogh("init")
    path = tmp_path / "study.toml"
    lines = path.read_text(encoding="utf-8").split("\n")
    at = next(k for k, line in enumerate(lines) if line.startswith("[tumour]"))
    lines.insert(at + 1, 'outer_radis = "60 um"')
    path.write_text("\n".join(lines), encoding="utf-8")
    done = krogh("run", "study.toml")
    assert done.exit_code == 2
    flat = " ".join(done.output.split())
    assert "KG-103: tumour.outer_radis is not a field. Did you mean 'outer_radius'?" in flat
    assert f"in study.toml, line {at + 2}" in flat


def test_init_overwrites_nothing_unless_told(tmp_path: Path) -> None:
    krogh("init")
    (tmp_path / "study.toml").write_text("mine", encoding="utf-8")
    done = krogh("init")
    assert done.exit_code == 2
    assert "KG-133" in done.output
    assert (tmp_path / "study.toml").read_text(encoding="utf-8") == "mine"
    assert krogh("init", "--force").exit_code == 0
    assert Study.load("study.toml").drugs[0].name == "T-DM1"


def test_the_commented_lines_of_the_example_are_right(tmp_path: Path) -> None:
    krogh("init")
    path = tmp_path / "study.toml"
    text = path.read_text(encoding="utf-8")
    plain = Study.load(path)
    opened = re.sub(r"(?m)^# (?=[A-Za-z0-9_.]+ = )", "", text)
    assert opened != text
    path.write_text(opened, encoding="utf-8")
    study = Study.load(path)
    assert study.tumour_volume == "0.2 mL"
    assert study.shape.cells == plain.shape.cells == 64
    assert study.drugs[0].values["permeability"].value == "3e-07 cm/s"


def test_what_to_cite_for_a_study() -> None:
    krogh("init")
    done = krogh("cite", "study.toml")
    assert done.exit_code == 0, done.output
    assert "Thurber" in done.output


def test_no_files(tmp_path: Path) -> None:
    krogh("init")
    done = krogh("run", "study.toml", "--no-files", "--no-limits", "--quiet")
    assert done.exit_code == 0, done.output
    assert "wrote" not in done.output
    assert sorted(p.name for p in tmp_path.iterdir()) == ["study.py", "study.toml"]


def test_an_interrupt_while_ranges_run_keeps_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("krogh.study.limits.one_at_a_time", stops)
    krogh("init")
    done = krogh("run", "study.toml", "--set", "tumour.cells=16")
    assert done.exit_code == 130
    assert "what matters most is left out" in done.output
    assert {p.name for p in (tmp_path / "krogh-study").iterdir()} == FILES - {"limits.csv"}


def test_an_interrupt_while_a_file_is_written_leaves_whole_files_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", stops)
    krogh("init")
    done = krogh("run", "study.toml", "--set", "tumour.cells=16", "--no-limits")
    assert done.exit_code == 130
    names = {p.name for p in (tmp_path / "krogh-study").iterdir()}
    assert names == FILES - {"levels.png", "limits.csv", "result.h5"}


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_stops_a_long_run_and_leaves_nothing(tmp_path: Path) -> None:
    krogh("init")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "krogh", "run", "study.toml", "--set", "tumour.cells=3000"),
            *("--set", "settings.rtol=1e-9", "--set", "settings.comparator=false"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    folder = tmp_path / "krogh-study"
    until = time.monotonic() + 30.0
    while not folder.is_dir() and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130, error
    assert time.monotonic() - sent < 5.0
    assert "stopped" in error
    assert sorted(p.name for p in tmp_path.iterdir()) == ["study.py", "study.toml"]
