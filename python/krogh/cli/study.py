"""``krogh init`` and ``krogh run``: a study as a file, its table, picture and CSV files.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from krogh.errors import MissingExtra, SpecError
from krogh.study.levels import LEVEL_NAMES
from krogh.table import ResultTable
from krogh.whole_files import make_folder, write_whole

if TYPE_CHECKING:
    from krogh.study.result import StudyResult
    from krogh.study.volume_result import TumourResult

__all__ = ["RunOptions", "init_study", "print_levels", "run_study_file"]

TOML: Final = """\
# A study of krogh: `krogh run study.toml` solves it, study.py does the same from Python.
# Every number carries its unit. A line that begins with # is a comment; take the # away to use it.

title = "T-DM1 around a vessel of an NCI-N87 tumour"

# What is given, to whom, for how long.
regimen = "3.6 mg/kg"          # or "3.6 mg/kg every 21 d x 2", "3.6 mg/kg over 90 min"
subject = "mouse 20 g"         # krogh.library.subjects() lists them
until = "24 h"

# What must be reached; the table says whether it is.
targets = [
  "occupancy >= 90 % in 90 % of viable cells",
]

# What the tumour takes leaves the plasma only if its volume is stated.
# tumour_volume = "0.2 mL"

[drug]
name = "T-DM1"                 # krogh.library.drugs() lists them
# Any value of the drug may be changed; print(krogh.library.drug("T-DM1")) shows all with sources.
# dissociation_rate = "3.5e-4 1/s"
# permeability = "3e-7 cm/s"

# A second drug makes an array of tables: write [[drug]] in place of [drug], name = "trastuzumab" in
# another [[drug]], and in the regimen "T-DM1 3.6 mg/kg + trastuzumab 10.8 mg/kg".

[tumour]
name = "NCI-N87"               # krogh.library.tumours() lists them
# outer_radius = "75 um"       # half the distance between vessels
# HER2.receptors_per_cell = "1e6 molecules/cell"
# In 3-D: vessels in a box of tissue, or of a file; see "In a volume" in the guide.
# kind = "generate"            # or "from_vessels" with vessels = "network.csv", "from_image"
# size = "500 um"
# spacing = "20 um"
# pattern = "percolation"

[settings]
# cells = 64                   # of the line from the vessel to the farthest cell
# rtol = 1e-3                  # relative tolerance of each step
"""

PYTHON: Final = '''\
"""The study of study.toml in Python; `krogh run study.toml` does the same."""

import krogh as kg

study = kg.Study(
    "T-DM1",  # kg.library.drug("T-DM1").with_values(permeability="3e-7 cm/s") changes values
    "NCI-N87",
    "3.6 mg/kg",
    subject="mouse 20 g",
    until="24 h",
    targets=["occupancy >= 90 % in 90 % of viable cells"],
    title="T-DM1 around a vessel of an NCI-N87 tumour",
)
result = study.run()
print(result)
print(study.numbers())
result.plot(path="levels.png")
'''


def init_study(folder: Path, force: bool, console: Console) -> int:
    """Write study.toml and study.py into a folder; return the exit code.

    Raises
    ------
    SpecError
        KG-133 where a file is there already, or cannot be written.
    """
    make_folder(folder)
    files = {"study.toml": TOML, "study.py": PYTHON}
    there = [name for name in files if (folder / name).exists()]
    if there and not force:
        raise SpecError(
            f"KG-133: {str(folder / there[0])!r} is there already and was not changed.  Choose"
            " another folder, or overwrite it with --force."
        )
    for name, text in files.items():
        path = write_whole(folder / name, partial(Path.write_text, data=text, encoding="utf-8"))
        console.print(f"wrote {escape(str(path))}", highlight=False)
    console.print(f"next: krogh run {escape(str(folder / 'study.toml'))}", highlight=False)
    return 0


@dataclass(frozen=True)
class RunOptions:
    """What was asked for on the command line; see ``krogh run --help``."""

    path: Path
    sets: Sequence[str]
    folder: Path | None  # None: nothing is written
    limits: bool
    progress: bool


def run_study_file(options: RunOptions, console: Console) -> int:
    """Run a study's file and report; return the exit code (0, or 130 after Ctrl-C).

    Raises
    ------
    SpecError
        As `krogh.Study.load`; KG-132 for a ``--set`` that is no NAME=VALUE.
    """
    from krogh.study.limits import with_limits
    from krogh.study.study import Study

    study = Study.load(options.path)
    wants_limits = options.limits and study.settings.ranges and study.tumour_3d is None
    changes = _changes(options.sets)
    if changes:
        study = study.with_values(changes)
    progress = None if options.progress else False
    made = options.folder is not None and not options.folder.exists()
    if options.folder is not None:
        make_folder(options.folder)
    try:
        result = study.with_values({"settings.ranges": False}).run(progress=progress)
    except BaseException:
        if made and options.folder is not None:
            _remove_if_empty(options.folder)
        raise
    code = 0
    if study.tumour_3d is not None:
        print_levels(result, console)
        if options.folder is not None:
            _write_volume(result, options.folder, console)
        return code
    result = replace(result, study=study)
    if wants_limits:
        try:
            result = with_limits(result, study.limits(progress=progress))
        except KeyboardInterrupt:
            console.print("[yellow]stopped: what matters most is left out[/yellow]")
            code = 130
    print_levels(result, console)
    if options.folder is not None:
        _write_files(result, options.folder, console)
    return code


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


_PER: Final = re.compile(r"\A([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)\s*/")
"""A number directly before a slash: ``1e-4/s``, which needs no quotes in a shell."""


def _changes(texts: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise SpecError(
                f"KG-132: --set {text!r} is not NAME=VALUE; write --set"
                " drug.dissociation_rate=3.5e-4/s."
            )
        if name in found:
            raise SpecError(f"KG-132: --set gives {name} twice, {found[name]!r} and {value!r}.")
        found[name] = _PER.sub(r"\1 1/", value)
    return found


# --- screen ---------------------------------------------------------------------------------------


def print_levels(result: StudyResult | TumourResult, console: Console) -> None:
    """Print the four-level table and the lines below it."""
    console.print(Text(result._headline(), style="bold"))
    table = Table(header_style="bold")
    for name in ("level", "measure"):
        table.add_column(name)
    table.add_column("value", justify="right")
    table.add_column("target")
    table.add_column("reached")
    before = 0
    for row in result.rows():
        if before and row.level != before:
            table.add_section()
        level = f"{row.level} {LEVEL_NAMES[row.level]}" if row.level != before else ""
        before = row.level
        style = {"yes": "green", "no": "bold red"}.get(row.reached_text, "")
        table.add_row(
            level,
            Text(row.measure),
            Text(row.text),
            Text(row.target or "-"),
            Text(row.reached_text, style=style),
        )
    console.print(table)
    for line in result._trust_lines():
        console.print(escape(line), highlight=False)
    console.print(escape(str(result.provenance)), style="dim", highlight=False)


# --- files ----------------------------------------------------------------------------------------


def _write_files(result: StudyResult, folder: Path, console: Console) -> None:
    from krogh.study.limits import limits_table

    tables: dict[str, ResultTable] = {
        "table.csv": result.table(),
        "profiles.csv": result.to_table(),
    }
    if result.comparator is not None:
        tables["well_mixed.csv"] = result.differences()
    if result.limits:
        tables["limits.csv"] = limits_table(result.limits)
    if result.numbers is not None:
        tables["numbers.csv"] = result.numbers.table()
    extras: tuple[Any, ...] = (
        lambda: _drawn(result, folder / "levels.png"),
        lambda: result.save(folder / "result.h5"),
    )
    _write(result, tables, extras, folder, console)


def _write_volume(result: TumourResult, folder: Path, console: Console) -> None:
    """Write what a study in 3-D found: table, drug against distance, picture, every voxel."""
    tables = {"table.csv": result.table()}
    if result.has_depth:
        tables["distance.csv"] = _against_distance(result)
    if result.comparator is not None:
        tables["well_mixed.csv"] = result.differences()
    if result.numbers is not None:
        tables["numbers.csv"] = result.numbers.table()
    extras: tuple[Any, ...] = (
        lambda: _drawn(result, folder / "levels.png"),
        lambda: result.save(folder / "result.vtkhdf"),
    )
    _write(result, tables, extras, folder, console)


def _against_distance(result: TumourResult) -> ResultTable:
    """Return every output against the distance to the nearest vessel at the end of the run."""
    columns: dict[str, list[Any]] = {"output": [], "unit": []}
    for name in result.outputs:
        table = result.against_distance(name)
        count = len(table["distance"])
        columns["output"] += [name] * count
        columns["unit"] += [table.units["median"] or "1"] * count
        for column in ("distance", "voxels", "median", "low", "high"):
            columns.setdefault(column, []).extend(table[column].tolist())
    return ResultTable(columns, {"distance": "um"})


def _write(
    result: Any,
    tables: dict[str, ResultTable],
    extras: Sequence[Any],
    folder: Path,
    console: Console,
) -> None:
    """Write tables, the study, and what needs further packages, and list the files."""
    written = [write_whole(folder / name, table.to_csv) for name, table in tables.items()]
    written.append(result.study.save(folder / "study_as_run.toml"))
    for write in extras:
        try:
            written.append(write())
        except MissingExtra as missing:
            console.print(escape(str(missing)), style="yellow")
    for path in written:
        console.print(f"wrote {escape(str(path))}", highlight=False)


def _drawn(result: StudyResult | TumourResult, path: Path) -> Path:
    result.plot(path=path)
    return path
