"""What the commands print: tables and reports for a terminal.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from krogh.doctor import OPTIONAL, REQUIRED, Report
from krogh.table import ResultTable

__all__ = ["level_number", "print_report", "rich_table"]


def rich_table(
    table: ResultTable, *, skip: tuple[str, ...] = (), whole: tuple[str, ...] = (), limit: int = 40
) -> Table:
    """Return a result table for the console.

    Columns named in `skip` are left out, those in `whole` are never broken into lines, and rows
    beyond `limit` are counted below the table.
    """
    shown = Table(title=table.title or None, title_justify="left", header_style="bold")
    names = [name for name in table if name not in skip]
    for name in names:
        is_text = table[name].dtype.kind not in "fiu"
        shown.add_column(
            Text(table.header(name)),
            justify="left" if is_text else "right",
            no_wrap=name in whole or not is_text,
        )
    for number, row in enumerate(table.rows()):
        if number == limit:
            shown.caption = f"... and {len(table) - limit:,} more rows in the CSV file"
            break
        shown.add_row(*(Text(_cell(row[name])) for name in names))
    return shown


_SHOWN: Final = {
    "Cmax": "Cmax",
    "Tmax": "Tmax",
    "Cmin": "Cmin",
    "trough": "trough",
    "AUC": "AUC",
    "Cavg": "Cavg",
    "time_above": "time above",
    "time_to_threshold": "time to threshold",
    "half_life": "half-life",
    "AUC_inf": "AUC to infinity",
}
"""Metrics on the screen, in this order; the CSV file has all of them."""


def exposure_tables(summary: ResultTable, outputs: list[str], many: bool) -> Iterator[Table]:
    """Yield a table for each output: metrics down, windows across, the interval below the median.

    Parameters
    ----------
    summary
        What `SimulationResult.exposure_summary` returned.
    outputs
        Names of the outputs, in the order in which they are shown.
    many
        Whether there is an interval to show.
    """
    low, high = (name for name in summary if name.endswith("%"))
    cells: dict[tuple[str, str, str], str] = {}
    units: dict[tuple[str, str], str] = {}
    for row in summary.rows():
        interval = f"\n{_cell(row[low])} .. {_cell(row[high])}" if many else ""
        cells[row["output"], row["metric"], row["window"]] = f"{_cell(row['median'])}{interval}"
        units[row["output"], row["metric"]] = row["unit"]
    windows = list(dict.fromkeys(str(window) for window in summary["window"]))
    for output in outputs:
        shown = Table(header_style="bold", title_justify="left")
        shown.title = f"{output}: median, and {low} .. {high} of the subjects" if many else output
        shown.add_column("", no_wrap=True)
        for window in windows:
            shown.add_column(window, justify="right")
        for metric, name in _SHOWN.items():
            values = [cells.get((output, metric, window), "") for window in windows]
            if any(values):
                unit = units[output, metric]
                label = name if unit in ("", "1") else f"{name} [{unit}]"
                shown.add_row(Text(label), *values)
        yield shown


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if 999.5 <= abs(value) < 1e6 else f"{value:.3g}"


def print_report(report: Report, console: Console) -> None:
    """Print what `krogh doctor` found."""
    console.print(f"[bold]krogh {report.version}[/bold]")
    facts = Table(show_header=False, box=None, padding=(0, 2))
    others = [name for name in report.available_sets if name != report.instruction_set]
    also = f" (also available: {', '.join(others)})" if others else ""
    facts.add_row("instruction set", f"{report.instruction_set}{also}")
    facts.add_row("threads", f"{report.granted_threads} from {report.thread_backend}")
    facts.add_row("", "; ".join(report.thread_reasons))
    runtimes = ", ".join(report.runtimes) or "none"
    if len(report.runtimes) > 1:
        runtimes += " (several: they may compete for the processors)"
    facts.add_row("OpenMP libraries", runtimes)
    for name in REQUIRED:
        facts.add_row(name, report.packages[name] or "[red]missing; krogh needs it[/red]")
    for name, purpose in OPTIONAL.items():
        version = report.packages[name]
        facts.add_row(name, version or f"not installed ({purpose})")
    console.print(facts)
    checks = Table(header_style="bold")
    checks.add_column("check")
    checks.add_column("error", justify="right")
    checks.add_column("limit", justify="right")
    checks.add_column()
    for check in report.checks:
        verdict = "[green]good[/green]" if check.passed else "[bold red]WRONG[/bold red]"
        checks.add_row(check.name, f"{check.error:.1e}", f"{check.limit:.0e}", verdict)
    console.print(checks)
    console.print("For a report, copy this line:")
    console.print(Text(report.line), soft_wrap=True)


def level_number(value: float) -> str:
    """Return a number of the four-level table as a demo prints it."""
    if not math.isfinite(value):
        return "-"
    if abs(value) >= 1e5:
        return f"{value:.2e}".replace("e+0", "e")
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"
