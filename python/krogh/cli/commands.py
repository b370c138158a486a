"""The commands and their options; errors become messages with their code.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ParamSpec

import typer
from rich.console import Console
from rich.markup import escape

from krogh.cli.interrupt import forget_interrupt, kept_interrupts
from krogh.errors import Error

__all__ = ["app", "main"]

Arguments = ParamSpec("Arguments")

app = typer.Typer(
    name="krogh",
    help="A drug's way from the dose to the tumour's response.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _console() -> Console:
    return Console(soft_wrap=False)


def _complain(message: str) -> None:
    console = Console(stderr=True)
    console.print(f"[bold red]error[/bold red] {escape(message)}", highlight=False, soft_wrap=True)


def _guarded(command: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Turn the errors of a command into a message with their code, and an exit code."""

    @functools.wraps(command)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            with kept_interrupts():
                command(*args, **kwargs)
        except KeyboardInterrupt:
            forget_interrupt()
            _complain("stopped")
            raise typer.Exit(130) from None
        except Error as error:
            _complain(str(error))
            raise typer.Exit(2) from None

    return run


def _print_version(wanted: bool) -> None:
    if wanted:
        from krogh._core import __version__

        typer.echo(f"krogh {__version__}")
        raise typer.Exit


@_guarded
def _echo_cmake_dir() -> None:
    from krogh.data import cmake_dir

    typer.echo(str(cmake_dir()))


def _print_cmake_dir(wanted: bool) -> None:
    if wanted:
        _echo_cmake_dir()
        raise typer.Exit


@app.callback()
@_guarded
def _start(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
    cmake_dir: Annotated[
        bool,
        typer.Option(
            "--cmake-dir",
            help="Print the folder of the CMake package files.",
            callback=_print_cmake_dir,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Run one of the commands below."""


@app.command()
@_guarded
def simulate(
    dosing: Annotated[
        str,
        typer.Argument(
            help="A NONMEM-like CSV file, a data set that comes along (erlotinib_plasma), or a"
            ' sentence such as "8 mg/kg then 6 mg/kg every 3 weeks x 6".'
        ),
    ],
    model: Annotated[
        str,
        typer.Option(help="Name in the library (krogh models), or a saved model (.json, .toml)."),
    ],
    subjects: Annotated[
        int | None,
        typer.Option(
            help="Size of the virtual population; the doses of a table's subjects go round in turn."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Selects the random numbers.")] = 0,
    until: Annotated[str | None, typer.Option(help='End of the run, such as "84 d".')] = None,
    every: Annotated[str | None, typer.Option(help='Step of the reported times, "1 h".')] = None,
    units: Annotated[
        list[str] | None, typer.Option(help="Units of a table's columns: TIME=h,AMT=mg,DV=mg/L.")
    ] = None,
    covariates: Annotated[
        list[str] | None, typer.Option(help="Covariate columns and their units: WT=kg,AGE=year.")
    ] = None,
    values: Annotated[
        list[str] | None, typer.Option(help="Other values of parameters: CL=0.2L/d,V1=3L.")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="Only rows of the table with these values: GROUP=1.")
    ] = None,
    weight: Annotated[
        str | None, typer.Option(help='Body weight for doses per kg, such as "70 kg".')
    ] = None,
    outputs: Annotated[
        list[str] | None, typer.Option("--show", help="Outputs to report; all of them if left out.")
    ] = None,
    variability: Annotated[
        bool | None,
        typer.Option(
            "--variability/--typical",
            help="Draw the random effects, or give everybody the typical values.",
        ),
    ] = None,
    rtol: Annotated[float, typer.Option(help="Relative tolerance of each step.")] = 1e-6,
    method: Annotated[str, typer.Option(help="Method of the solver.")] = "auto",
    num_threads: Annotated[int, typer.Option(help="0: as many as are granted.")] = 0,
    verify: Annotated[
        bool, typer.Option("--verify", help="Solve again by another method and compare.")
    ] = False,
    log: Annotated[bool, typer.Option("--log", help="Logarithmic axis of values.")] = False,
    level: Annotated[float, typer.Option(help="Width of the interval.")] = 0.9,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder for curves.csv, exposure.csv and the picture; krogh-MODEL if left out.",
        ),
    ] = None,
    files: Annotated[
        bool, typer.Option("--files/--no-files", help="Write files, or only to the screen.")
    ] = True,
    profiles: Annotated[
        bool, typer.Option("--profiles", help="Also write every subject's curve.")
    ] = False,
    progress: Annotated[
        bool, typer.Option("--progress/--quiet", help="A bar with the time left, for long runs.")
    ] = True,
) -> None:
    """Simulate a dosing with a model: exposure table, picture, CSV files."""
    from krogh.cli.simulation import Study, run_study

    study = Study(
        dosing=dosing,
        model=model,
        subjects=subjects,
        seed=seed,
        until=until,
        every=every,
        units=units or [],
        covariates=covariates or [],
        values=values or [],
        where=where or [],
        weight=weight,
        outputs=outputs or [],
        variability=variability,
        rtol=rtol,
        method=method,
        num_threads=num_threads,
        verify=verify,
        log=log,
        level=level,
        folder=(output or Path(f"krogh-{Path(model).stem}")) if files else None,
        profiles=profiles,
        progress=progress,
    )
    raise typer.Exit(run_study(study, _console()))


@app.command()
@_guarded
def demo(
    part: Annotated[
        str,
        typer.Argument(
            help="tdm1 (which co-dose reaches every cell), erlotinib (data), all (both of them),"
            " or 3d (a tumour in 3-D with patchy vessels)."
        ),
    ] = "all",
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the CSV files and pictures.")
    ] = Path("krogh-demo"),
    growth: Annotated[
        str,
        typer.Option(
            help="Growth law of the xenografts: koch, simeoni, linear-exponential, exponential,"
            " logistic, gompertz, claret."
        ),
    ] = "koch",
    tumours: Annotated[int, typer.Option(help="Virtual tumours for each regimen.")] = 500,
    seed: Annotated[int, typer.Option(help="Selects the random numbers.")] = 0,
    size: Annotated[str, typer.Option(help="3d: edge of the box.")] = "1 mm",
    spacing: Annotated[
        str, typer.Option(help='3d: edge of a voxel; "10 um" takes ten times as long.')
    ] = "20 um",
    progress: Annotated[
        bool, typer.Option("--progress/--quiet", help="A bar with the time left.")
    ] = True,
) -> None:
    """Show the way from dose to response on cases: tables, pictures, CSV files."""
    from krogh.cli.demo import DemoOptions, run_demo

    options = DemoOptions(part, out, growth, tumours, seed, progress, size, spacing)
    raise typer.Exit(run_demo(options, _console()))


@app.command()
@_guarded
def init(
    folder: Annotated[
        Path, typer.Argument(help="Where to write study.toml and study.py.")
    ] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
) -> None:
    """Write a commented study to begin with, and the Python that does the same."""
    from krogh.cli.study import init_study

    raise typer.Exit(init_study(folder, force, _console()))


@app.command()
@_guarded
def run(
    study: Annotated[Path, typer.Argument(help="A study's file (krogh init writes one).")],
    sets: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Another value: drug.dissociation_rate=3.5e-4/s, tumour.outer_radius=60um,"
            ' regimen="1.8 mg/kg"; as often as needed.',
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Folder for table, picture and results; krogh-STUDY if left out."
        ),
    ] = None,
    files: Annotated[
        bool, typer.Option("--files/--no-files", help="Write files, or only to the screen.")
    ] = True,
    limits: Annotated[
        bool, typer.Option("--limits/--no-limits", help="Also run each value over its range.")
    ] = True,
    progress: Annotated[
        bool, typer.Option("--progress/--quiet", help="A bar with the time left, for long runs.")
    ] = True,
) -> None:
    """Solve a study along a vessel or in 3-D: four-level table, picture, CSV files, results."""
    from krogh.cli.study import RunOptions, run_study_file

    folder = (output or Path(f"krogh-{study.stem}")) if files else None
    options = RunOptions(study, sets or [], folder, limits, progress)
    raise typer.Exit(run_study_file(options, _console()))


@app.command()
@_guarded
def models(
    name: Annotated[
        str | None, typer.Argument(help="A model to show in full; all are listed if left out.")
    ] = None,
) -> None:
    """List the published models, or show one with its values, units and sources."""
    from krogh import library
    from krogh.cli.screen import rich_table

    if name is None:
        _console().print(
            rich_table(library.models(), skip=("kind", "subjects"), whole=("name",), limit=1000)
        )
    else:
        model = library.model(name)
        typer.echo(str(model))
        typer.echo(str(model.info))


@app.command()
@_guarded
def cite(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Models of the library, or studies (.toml); krogh itself if left out."),
    ] = None,
    bibtex: Annotated[bool, typer.Option("--bibtex", help="BibTeX entries.")] = False,
) -> None:
    """Print what to cite."""
    from krogh import library
    from krogh.citations import cite as citations_of

    def of(name: str) -> Any:
        if name.endswith(".toml"):
            from krogh.study import Study

            return Study.load(name)
        return library.model(name)

    found = citations_of(*(of(name) for name in names or []))
    typer.echo(found.bibtex if bibtex else found.text)


@app.command()
@_guarded
def doctor() -> None:
    """Show what is installed, threads granted and why, and run three checks."""
    from krogh.cli.screen import print_report
    from krogh.doctor import examine

    report = examine()
    print_report(report, _console())
    raise typer.Exit(0 if report.passed else 1)


def main() -> None:
    """Run the command line and leave with its exit code."""
    # Dense matrices are small here; threads of BLAS cost more than they bring (a fit of 30 animals
    # took twice the processor time), and numpy reads this when it is loaded, which is later.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        app()
    except BrokenPipeError:  # the reader of the output has closed it, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
