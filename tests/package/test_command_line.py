"""The command line as a user meets it: files, tables, messages, exit codes, Ctrl-C.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import csv
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from krogh.cli import app
from krogh.cli.interrupt import kept_interrupts
from typer.testing import CliRunner

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(p for p in sys.path if p),
    "COLUMNS": "120",
    "NO_COLOR": "1",
    "MPLBACKEND": "Agg",
}
LOADING = "8 mg/kg over 90 min then 6 mg/kg over 30 min every 3 weeks x 6"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are written beside where the command is called."""
    monkeypatch.chdir(tmp_path)


def krogh(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "krogh", *arguments],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=120,
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_population_on_a_sentence_gives_table_curves_exposures_and_picture(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "new" / "out"
    done = krogh(
        *("simulate", LOADING, "--model", "trastuzumab_quartino_2019"),
        *("--subjects", "200", "--seed", "3", "--output", str(folder)),
    )
    assert done.returncode == 0, done.stderr
    assert "trastuzumab_quartino_2019: 200 subjects" in done.stdout
    for word in ("Cmax [mg/L]", "half-life [d]", "first dose", "last dose", "wrote"):
        assert word in done.stdout
    assert sorted(p.name for p in folder.iterdir()) == [
        "concentration.png",
        "curves.csv",
        "exposure.csv",
    ]
    curves = rows_of(folder / "curves.csv")
    assert list(curves[0]) == [
        "time [d]",
        "Cp_median [mg/L]",
        "Cp_0.05 [mg/L]",
        "Cp_0.95 [mg/L]",
    ]
    assert float(curves[-1]["time [d]"]) == pytest.approx(147.0)
    for row in curves:
        low, middle, high = (float(row[f"Cp_{q} [mg/L]"]) for q in ("0.05", "median", "0.95"))
        assert low <= middle <= high
    exposure = rows_of(folder / "exposure.csv")
    assert len({row["subject"] for row in exposure}) == 200
    assert {row["window"] for row in exposure} == {"first dose", "last dose", "whole"}
    picture = (folder / "concentration.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 20_000


def test_the_same_seed_gives_the_same_files_on_any_number_of_threads(tmp_path: Path) -> None:
    texts: list[str] = []
    for threads in ("1", "2", "3"):
        done = krogh(
            *("simulate", LOADING, "--model", "trastuzumab_quartino_2019", "--subjects", "60"),
            *("--num-threads", threads, "--output", str(tmp_path / threads)),
        )
        assert done.returncode == 0, done.stderr
        texts.append((tmp_path / threads / "exposure.csv").read_text(encoding="utf-8"))
    assert texts[0] == texts[1] == texts[2]


def test_the_data_set_that_comes_along_is_simulated_and_its_measurements_drawn(
    tmp_path: Path,
) -> None:
    done = krogh(
        *("simulate", "erlotinib_plasma", "--model", "erlotinib_mouse", "--where", "GROUP=1"),
        *("--until", "1d", "--profiles", "--output", str(tmp_path)),
    )
    assert done.returncode == 0, done.stderr
    assert "15 subjects" in done.stdout
    assert "not drawn" not in done.stdout
    profiles = rows_of(tmp_path / "profiles.csv")
    assert len({row["ID"] for row in profiles}) == 15
    # 100 mg/kg in every animal: the highest concentrations of all agree within a few per cent.
    assert {row["window"] for row in rows_of(tmp_path / "exposure.csv")} == {"whole"}


def test_a_table_of_the_user_with_units_on_the_command_line(tmp_path: Path) -> None:
    table = tmp_path / "events.csv"
    table.write_text("id,time,amt,dv\n1,0,100,.\n1,24,.,21\n1,168,.,15\n", encoding="utf-8")
    done = krogh(
        *("simulate", str(table), "--model", "antibody_davda_2014"),
        *("--units", "TIME=h,AMT=mg,DV=mg/L", "--output", str(tmp_path / "out")),
    )
    assert done.returncode == 0, done.stderr
    curves = rows_of(tmp_path / "out" / "curves.csv")
    assert float(curves[-1]["time [h]"]) == pytest.approx(168.0)
    population = krogh(
        *("simulate", str(table), "--model", "antibody_davda_2014", "--subjects", "20"),
        *("--units", "TIME=h,AMT=mg,DV=mg/L", "--until", "168 h"),
    )
    assert population.returncode == 0, population.stderr
    assert "20 subjects" in population.stdout


def test_subjects_of_a_table_are_taken_in_turn_by_a_cohort(tmp_path: Path) -> None:
    table = tmp_path / "events.csv"
    table.write_text("id,time,amt\n7,0,100\n7,168,.\n9,0,300\n9,168,.\n", encoding="utf-8")
    done = krogh(
        *("simulate", str(table), "--model", "antibody_davda_2014", "--subjects", "31"),
        *("--typical", "--profiles", "--units", "TIME=h,AMT=mg"),
    )
    assert done.returncode == 0, done.stderr
    # Without --output the folder bears the model's name.
    folder = tmp_path / "krogh-antibody_davda_2014"
    assert (folder / "concentration.png").is_file()
    largest: dict[str, float] = {}
    for row in rows_of(folder / "profiles.csv"):
        value = float(row["DV [mg/L]"] if "DV [mg/L]" in row else row["Cp [mg/L]"])
        largest[row["ID"]] = max(largest.get(row["ID"], 0.0), value)
    assert len(largest) == 31
    for subject, peak in largest.items():
        times = 1.0 if int(subject) % 2 == 1 else 3.0
        assert peak == pytest.approx(times * largest["1"], rel=1e-9)


def test_nothing_is_written_where_nothing_is_wanted(tmp_path: Path) -> None:
    done = krogh(
        *("simulate", "100 mg iv", "--model", "antibody_davda_2014", "--until", "7 d"), "--no-files"
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_table_without_units_is_told_the_options_of_the_command_line(tmp_path: Path) -> None:
    table = tmp_path / "events.csv"
    table.write_text("id,time,amt,wt\n1,0,100,90\n1,24,.,90\n", encoding="utf-8")
    command = ["simulate", str(table), "--model", "trastuzumab_quartino_2019"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 2
    assert "KG-126" in done.output
    assert "--units TIME=h,AMT=mg" in done.output
    done = CliRunner().invoke(app, [*command, "--units", "TIME=h,AMT=mg"])
    assert done.exit_code == 2
    assert "--covariates wt=kg" in done.output


def test_a_model_saved_as_a_document_is_simulated(tmp_path: Path) -> None:
    from krogh import library

    library.model("antibody_davda_2014").save(tmp_path / "mine.json")
    arguments = ["simulate", "100 mg iv", "--until", "7 d", "--model"]
    own = CliRunner().invoke(app, [*arguments, str(tmp_path / "mine.json")])
    published = CliRunner().invoke(app, [*arguments, "antibody_davda_2014"])
    assert own.exit_code == published.exit_code == 0
    table = own.output.index("Cmax")
    rows = own.output[table : own.output.index("krogh 0.")]
    assert rows in published.output


def test_verify_reports_the_difference_of_a_second_method() -> None:
    done = krogh(
        "simulate", "100 mg iv", "--model", "antibody_davda_2014", "--until=7d", "--verify"
    )
    assert done.returncode == 0, done.stderr
    assert "verif" in done.stdout


TABLE = "simulate erlotinib_plasma --model erlotinib_mouse"
DOSE = "simulate '5 mg' --model erlotinib_mouse"
WRONG = [
    ("simulate no_such_file.csv --model erlotinib_mouse", "KG-132", "no_such_file"),
    ("simulate '5 mg evry 3 h' --model erlotinib_mouse", "KG-202", "'every'"),
    ("simulate '5 mg' --model erlotinib_mous", "KG-103", "'erlotinib_mouse'"),
    (f"{TABLE} --where GROP=1", "KG-132", "'GROUP'"),
    (f"{TABLE} --where GROUP=9", "KG-132", "no row"),
    (f"{TABLE} --until 3mg", "KG-121", "time"),
    (f"{DOSE} --where ID=1", "KG-132", "sentence"),
    (f"{DOSE} --units TIME=h", "KG-132", "sentence"),
    (f"{DOSE} --subjects 0", "KG-132", "at least 1"),
    (f"{DOSE} --values KA", "KG-132", "NAME=VALUE"),
    (f"{DOSE} --values KA=1/h,KA=2/h", "KG-132", "twice"),
    (f"{DOSE} --values KA=3L --until 1d", "KG-121", "rate constant"),
    (f"{DOSE} --show Cq --until 1d", "KG-132", "Outputs: Cp"),
    (f"{DOSE} --level 1.5", "KG-132", "share"),
    (DOSE, "KG-119", "how long"),
    (f"{DOSE} --until 3x", "KG-120", "'x'"),
    (f"{DOSE} --until 1d --rtol 2", "KG-1", "rtol"),
    ("models erlotinb", "KG-103", "erlotinib_mouse"),
    ("cite nobody", "KG-103", "no model"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), WRONG)
def test_wrong_input_is_a_message_with_its_code_and_exit_two(
    arguments: str, code: str, words: str
) -> None:
    done = CliRunner().invoke(app, shlex.split(arguments))
    assert done.exit_code == 2
    assert code in done.output
    assert words in done.output
    assert "Traceback" not in done.output


def test_a_folder_that_cannot_be_made_is_found_before_the_run(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    done = krogh(
        *("simulate", "5 mg", "--model", "erlotinib_mouse", "--until", "1d"),
        *("--output", str(blocked / "out")),
    )
    assert done.returncode == 2
    assert "KG-133" in done.stderr
    assert "Cmax" not in done.stdout


def test_usage_errors_and_help() -> None:
    assert krogh("simulate").returncode == 2
    assert krogh("nonsense").returncode == 2
    for command in ("simulate", "demo", "models", "cite", "doctor"):
        done = krogh(command, "--help")
        assert done.returncode == 0
        assert "Usage" in done.stdout
    assert krogh("--version").stdout.startswith("krogh ")


def test_models_and_citations_are_listed() -> None:
    listing = krogh("models")
    assert listing.returncode == 0
    assert "trastuzumab_quartino_2019" in listing.stdout
    one = krogh("models", "trastuzumab_quartino_2019")
    assert "Quartino 2019" in one.stdout
    cited = krogh("cite", "trastuzumab_quartino_2019", "--bibtex")
    assert cited.returncode == 0
    assert "@article" in cited.stdout


def test_the_doctor_passes() -> None:
    done = krogh("doctor")
    assert done.returncode == 0, done.stdout
    assert "checks 3/3" in done.stdout.replace("\n", " ")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c_keeps_whole_files_and_says_so(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "krogh", "simulate", LOADING),
            *("--model", "trastuzumab_quartino_2019", "--subjects", "400000", "--every", "1 d"),
            *("--num-threads", "1", "--rtol", "1e-10", "--quiet", "--output", str(tmp_path)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    time.sleep(6.0)
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, (out, err)
    assert "stopped" in out + err
    assert "Traceback" not in err
    assert time.monotonic() - sent < 60.0
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".krogh-")]
    for path in tmp_path.glob("*.csv"):
        assert path.read_text(encoding="utf-8").endswith("\n")


def test_ctrl_c_within_a_finalizer_is_not_lost() -> None:
    class Fragile:
        def __del__(self) -> None:
            raise KeyboardInterrupt

    def run() -> None:
        with kept_interrupts():
            Fragile()
            for _ in range(1000):
                time.sleep(0.001)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            run()
    finally:
        signal.signal(signal.SIGINT, before)
