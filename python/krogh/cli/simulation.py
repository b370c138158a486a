"""``krogh simulate``: run, print the exposure table, write curves, exposures and a picture.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.markup import escape

from krogh.cli.options import dosing_from, model_from, pairs_from, rows_where
from krogh.cli.screen import exposure_tables
from krogh.dosing.cohort import in_turn
from krogh.errors import MissingExtra, SpecError, did_you_mean
from krogh.table import ResultTable
from krogh.units import convert, parse_quantity, require_dimension, same_dimension

__all__ = ["Study", "run_study"]

_GRID_POINTS: Final = 301
_MOST_PROFILES: Final = 5_000_000  # rows of profiles.csv, about 200 MB


@dataclass(frozen=True)
class Study:
    """What was asked for on the command line; see ``krogh simulate --help``."""

    dosing: str
    model: str
    subjects: int | None = None
    seed: int = 0
    until: str | None = None
    every: str | None = None
    units: list[str] = field(default_factory=list)
    covariates: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    weight: str | None = None
    outputs: list[str] = field(default_factory=list)
    variability: bool | None = None
    rtol: float = 1e-6
    method: str = "auto"
    num_threads: int = 0
    verify: bool = False
    log: bool = False
    level: float = 0.9
    folder: Path | None = None  # None: nothing is written
    profiles: bool = False
    progress: bool = True


def run_study(study: Study, console: Console) -> int:
    """Simulate and report; return the exit code (0, or 130 after Ctrl-C)."""
    from krogh.simulate import simulate

    if not 0.0 < study.level < 1.0:
        raise SpecError(f"KG-132: --level is a share between 0 and 1, not {study.level}.")
    model = model_from(study.model)
    unknown = [name for name in study.outputs if name not in model.outputs]
    if unknown:
        raise SpecError(
            f"KG-132: --show: the model has no output {unknown[0]!r}."
            f"{did_you_mean(unknown[0], model.outputs)}  Outputs: {', '.join(model.outputs)}."
        )
    _make_folder(study.folder)
    values = pairs_from(study.values, "--values", "CL=0.2L/d")
    dosing = dosing_from(
        study.dosing,
        pairs_from(study.units, "--units", "TIME=h,AMT=mg,DV=mg/L"),
        pairs_from(study.covariates, "--covariates", "WT=kg"),
    )
    conditions = pairs_from(study.where, "--where", "GROUP=1")
    given, (dosing, subjects) = dosing, _who(study, dosing, conditions)
    is_table = not hasattr(dosing, "doses")
    population = dosing.num_subjects if is_table else subjects
    variability = population > 1 if study.variability is None else study.variability
    options: dict[str, Any] = {} if is_table else {"subjects": subjects}
    if study.weight is not None:
        options["weight"] = study.weight
    options |= _grid(study, dosing) if is_table else {"until": study.until, "every": study.every}
    result = simulate(
        model,
        dosing,
        **options,
        values=values or None,
        variability=variability and bool(model.random_effects),
        seed=study.seed,
        rtol=study.rtol,
        method=study.method,
        num_threads=study.num_threads,
        verify=study.verify,
        progress=None if study.progress else False,
        on_failure="return",
        partial=True,
    )
    if not result.is_complete:
        finished = result.subjects[np.asarray(result.status) == 0]
        console.print(
            f"[yellow]stopped: {len(finished):,} of {len(result.subjects):,} subjects are done"
            " and reported[/yellow]"
        )
        if len(finished) == 0:
            return 130
        result = result.sel(subject=finished)
    outputs = study.outputs or list(result.outputs)
    _print_result(result, outputs, study, console)
    if is_table and conditions:
        given = rows_where(given, conditions)
    measured = _measurements(given, result, outputs[0], console) if is_table else None
    _write_files(result, outputs, study, measured, console)
    return 0 if result.is_complete else 130


def _who(study: Study, dosing: Any, conditions: dict[str, str]) -> tuple[Any, int]:
    """Return the dosing as it is simulated and the number of subjects."""
    is_table = not hasattr(dosing, "doses")
    if conditions and not is_table:
        raise SpecError("KG-132: --where chooses rows of a table; a sentence has none.")
    if study.subjects is not None and study.subjects < 1:
        raise SpecError(f"KG-132: --subjects is at least 1, not {study.subjects}.")
    if not is_table:
        return dosing, study.subjects or 1
    if conditions:
        dosing = rows_where(dosing, conditions)
    if study.subjects is None or study.subjects == dosing.num_subjects:
        return dosing, dosing.num_subjects
    return in_turn(dosing, study.subjects), study.subjects


def _grid(study: Study, table: Any) -> dict[str, Any]:
    """Return the times for the subjects of a table: one grid, to the end asked for or its last row.

    The table's own rows would be times of different subjects, over which no median can be taken.
    """
    unit = table.units["TIME"]
    if study.until is None:
        end = float(np.max(table["TIME"]))
        if end <= 0.0:
            raise SpecError("KG-132: the table ends at time 0; say how long: --until '7 d'.")
    else:
        until = parse_quantity(study.until, "--until")
        require_dimension(until.unit, "h", "--until")
        end, unit = until.value, until.unit
    if study.every is not None:
        return {"until": f"{end!r} {unit}", "every": study.every}
    start = min(0.0, convert(float(np.min(table["TIME"])), table.units["TIME"], unit))
    return {"times": (np.linspace(start, end, _GRID_POINTS), unit)}


def _print_result(result: Any, outputs: list[str], study: Study, console: Console) -> None:
    console.print(f"[bold]{escape(result._headline())}[/bold]")
    for line in result._lines():
        console.print(escape(line), highlight=False)
    if result.exposures is not None:
        summary = result.exposure_summary(outputs, level=study.level)
        for table in exposure_tables(summary, outputs, len(result.subjects) > 1):
            console.print(table)
    console.print(escape(str(result.provenance)), style="dim", highlight=False)


def _measurements(table: Any, result: Any, output: str, console: Console) -> Any:
    """Return measured points in the units of the result, or None with the reason on the screen."""
    kind = np.asarray(table["EVID"]) == 0
    rows = (
        kind & (np.asarray(table["MDV"]) == 0) & np.isfinite(np.asarray(table["DV"], dtype=float))
    )
    if not rows.any():
        return None
    unit, target = table.units.get("DV"), result[output].unit
    if not isinstance(unit, str):
        console.print("measurements of several kinds (DVID) are not drawn")
        return None
    if not same_dimension(unit, target):
        console.print(f"measurements in {unit} are not drawn: {output} is in {target}")
        return None
    times = convert(np.asarray(table["TIME"])[rows], table.units["TIME"], result.time_unit)
    return times, convert(np.asarray(table["DV"])[rows], unit, target)


# --- files ----------------------------------------------------------------------------------------


def _make_folder(folder: Path | None) -> None:
    """Make the folder before anything is computed, so that a wrong one costs no waiting."""
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpecError(f"KG-133: the folder {str(folder)!r} cannot be made: {error}.") from error


def _write_files(
    result: Any, outputs: list[str], study: Study, measured: Any, console: Console
) -> None:
    """Write each file under a temporary name and rename it, so that what is there is whole."""
    folder = study.folder
    if folder is None:
        return
    written = [
        _whole(folder / "curves.csv", lambda path: _curves(result, outputs, study).to_csv(path))
    ]
    if result.exposures is not None:
        exposure = result.exposure(outputs)
        written.append(_whole(folder / "exposure.csv", exposure.to_csv))
    if study.profiles:
        rows = len(result.subjects) * len(result.times.values)
        if rows > _MOST_PROFILES:
            raise SpecError(
                f"KG-133: --profiles would write {rows:,} rows, more than {_MOST_PROFILES:,};"
                " take fewer subjects or times (--every)."
            )
        written.append(_whole(folder / "profiles.csv", result.to_csv))
    try:
        written.append(
            _whole(
                folder / "concentration.png",
                lambda path: result.plot(
                    outputs, log=study.log, level=study.level, data=measured, path=path
                ),
            )
        )
    except MissingExtra as missing:
        console.print(escape(str(missing)), style="yellow")
    for path in written:
        console.print(f"wrote {escape(str(path))}", highlight=False)


def _whole(path: Path, write: Callable[[Path], Any]) -> Path:
    """Let `write` make a file beside `path`, then put it in its place at once."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".krogh-", suffix=path.suffix)
    except OSError as error:
        raise SpecError(f"KG-133: {str(path)!r} cannot be written: {error}.") from error
    os.close(handle)
    try:
        write(Path(name))
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:  # also Ctrl-C: nothing half-written stays behind
        Path(name).unlink(missing_ok=True)
        raise
    return path


def _curves(result: Any, outputs: list[str], study: Study) -> ResultTable:
    """Return time, median and interval of each output over the subjects."""
    columns: dict[str, Any] = {"time": result.times.values}
    units = {"time": result.time_unit}
    low, high = (1.0 - study.level) / 2.0, (1.0 + study.level) / 2.0
    for output in outputs:
        bands = result.quantiles(output, [0.5, low, high])
        if len(result.subjects) == 1:
            columns[output] = result[output].values[0]
            units[output] = bands.unit
            continue
        for name, band in zip(("median", f"{low:.3g}", f"{high:.3g}"), bands.values, strict=True):
            columns[f"{output}_{name}"] = band
            units[f"{output}_{name}"] = bands.unit
    return ResultTable(columns, units, "")
