"""``krogh demo``: its parts in turn, with progress; files as soon as each part is done.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from krogh.cli.interrupt import forget_interrupt
from krogh.errors import MissingExtra, SpecError, did_you_mean
from krogh.table import ResultTable
from krogh.whole_files import make_folder, write_whole

__all__ = ["DemoOptions", "run_demo"]

Report = Callable[[str, float], Any]


@dataclass(frozen=True)
class DemoOptions:
    """What was asked for on the command line; see ``krogh demo --help``."""

    part: str = "all"
    folder: Path = Path("krogh-demo")
    growth: str = "koch"
    tumours: int = 500
    seed: int = 0
    progress: bool = True
    size: str = "1 mm"
    spacing: str = "20 um"


@dataclass(frozen=True)
class Shown:
    """What a part of the demo shows and writes.

    Attributes
    ----------
    screen
        Prints tables and sentences.
    tables
        CSV files: name without suffix, and table.
    pictures
        PNG files: name without suffix, and what draws it.
    """

    screen: Callable[[Console], None]
    tables: dict[str, ResultTable]
    pictures: dict[str, Callable[[], Any]]


class Stopped(KeyboardInterrupt):
    """Ctrl-C within a part; `shown` is what it had done."""

    def __init__(self, shown: Shown) -> None:
        self.shown = shown
        super().__init__("stopped")


def _erlotinib(options: DemoOptions, report: Report) -> Shown:
    from krogh.cli.demo_erlotinib import shown

    return shown(options.growth, options.seed, report)


def _tdm1(options: DemoOptions, report: Report) -> Shown:
    from krogh.cli.demo_tdm1 import shown

    return shown(options.tumours, options.seed, report)


def _volume(options: DemoOptions, report: Report) -> Shown:
    from krogh.cli.demo_volume import shown

    return shown(options.size, options.spacing, options.seed, report)


_PARTS: Final[dict[str, tuple[Callable[[DemoOptions, Report], Shown], float]]] = {
    "tdm1": (_tdm1, 5.0),
    "erlotinib": (_erlotinib, 3.0),
}
"""Parts in their order, with the seconds they take on two cores, for the bar."""
_ALONE: Final[dict[str, tuple[Callable[[DemoOptions, Report], Shown], float]]] = {
    "3d": (_volume, 30.0),
}
"""Parts that run only where they are asked for by name."""
_RUNNING: Final = 0.75
"""Share of a part's time that it computes; the rest it draws and writes."""


def run_demo(options: DemoOptions, console: Console) -> int:
    """Run the parts that were asked for; return the exit code (0, or 130 after Ctrl-C).

    Raises
    ------
    SpecError
        KG-132 for an unknown part, or a number of tumours below 2; KG-133 for a folder that cannot
        be written; KG-166 for a box that is no whole number of voxels.
    """
    from krogh.demo.growth_laws import growth_law
    from krogh.draws import require_seed

    names = _chosen(options.part)
    if options.tumours < 2:
        raise SpecError(f"KG-132: --tumours is at least 2, not {options.tumours}.")
    growth_law(options.growth)
    require_seed(options.seed)
    if "3d" in names:
        from krogh.demo.volume import demo_tumour

        demo_tumour(options.size, options.spacing, options.seed)
    make_folder(options.folder)
    begin = time.monotonic()
    total = sum((_PARTS | _ALONE)[name][1] for name in names)
    before = 0.0
    written: list[Path] = []
    done: list[str] = []
    with _bar(options.progress) as bar:
        task = bar.add_task("", total=1.0)
        try:
            for name in names:
                run, seconds = (_PARTS | _ALONE)[name]
                share = seconds / total

                def report(
                    what: str, fraction: float, base: float = before, share: float = share
                ) -> None:
                    bar.update(task, description=what, completed=base + _RUNNING * share * fraction)

                shown = run(options, report)
                bar.stop()  # what is printed must not run into the bar
                shown.screen(console)
                bar.start()
                rest = share * (1.0 - _RUNNING) / (len(shown.tables) + len(shown.pictures))
                for path in _files(shown, options.folder, console):
                    written.append(path)
                    bar.update(task, description=path.name, advance=rest)
                before += share
                done.append(name)
        except KeyboardInterrupt as stop:
            forget_interrupt()
            bar.stop()
            if isinstance(stop, Stopped):
                stop.shown.screen(console)
                written += _files(stop.shown, options.folder, console)
            what = f"{', '.join(done)} is done and written" if done else "no part is complete"
            console.print(f"[yellow]stopped: {what}; no file is half-written[/yellow]")
            _list(written, console)
            return 130
    _list(written, console)
    console.print(f"done in {time.monotonic() - begin:.1f} s", style="dim")
    return 0


def _chosen(part: str) -> list[str]:
    if part == "all":
        return list(_PARTS)
    known = [*_PARTS, *_ALONE, "all"]
    if part not in known:
        raise SpecError(
            f"KG-132: the demo has no part {part!r}.{did_you_mean(part, known)}"
            f"  There are: {', '.join(known)}."
        )
    return [part]


def _bar(is_wanted: bool) -> Progress:
    """Return a bar with the time left, on the error stream, which vanishes at the end."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        refresh_per_second=5,
        transient=True,
        disable=not (is_wanted and console.is_terminal),
    )


def _files(shown: Shown, folder: Path, console: Console) -> Iterator[Path]:
    """Write the files of a part, one after the other; each is yielded when it is whole."""
    for name, table in shown.tables.items():
        yield write_whole(folder / f"{name}.csv", table.to_csv)
    try:
        for name, draw in shown.pictures.items():
            figure = draw()

            def save(path: Path, figure: Any = figure) -> None:
                figure.savefig(path, dpi=120)

            yield write_whole(folder / f"{name}.png", save)
    except MissingExtra as missing:
        console.print(escape(str(missing)), style="yellow")


def _list(written: Sequence[Path], console: Console) -> None:
    for path in written:
        console.print(f"wrote {escape(str(path))}", highlight=False)
