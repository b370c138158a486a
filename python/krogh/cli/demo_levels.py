"""The four levels of several regimens side by side, as the demos print them.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from krogh.cli.screen import level_number
from krogh.study.levels import LEVEL_NAMES, Row
from krogh.study.result import StudyResult
from krogh.study.volume_result import TumourResult

__all__ = ["levels_beside", "print_balance"]

_ROUND_OFF: Final = 1e-10


def levels_beside(
    rows: Iterable[tuple[Row, Mapping[Any, Row]]],
    headers: Mapping[Any, str],
    *,
    measure: str = "measure",
    no_wrap: bool = False,
) -> Table:
    """Return rows of the four-level table with a column for each key of `headers`.

    Parameters
    ----------
    rows
        A row that says what is measured, and the rows of the columns that have it.
    headers
        Key to the column's heading.
    measure
        Heading of what is measured.
    no_wrap
        Whether cells are never broken into lines.
    """
    table = Table(header_style="bold")
    table.add_column("level", no_wrap=True)
    table.add_column(measure)
    for header in headers.values():
        table.add_column(header, justify="right", no_wrap=no_wrap)
    before = 0
    for row, by in rows:
        if row.level != before and before:
            table.add_section()
        level = f"{row.level} {LEVEL_NAMES[row.level]}" if row.level != before else ""
        before = row.level
        unit = f" ({row.unit})" if row.unit not in ("", "1") else ""
        what = f"[bold]target:[/bold] {escape(row.key.removeprefix('target:'))}"
        table.add_row(
            level,
            what if row.target else escape(f"{row.measure}{unit}"),
            *(_cell(by.get(key)) for key in headers),
        )
    return table


def print_balance(results: Iterable[StudyResult | TumourResult], console: Console) -> None:
    """Print how well the amounts of the worst of some results balance."""
    balance = max(result.balance_error for result in results)
    closes = "to round-off" if balance < _ROUND_OFF else f"to {balance:.0e} of what entered"
    console.print(f"What entered the tissue is in it, {closes}.", highlight=False)


def _cell(row: Row | None) -> str:
    if row is None:
        return "-"
    if row.target:
        return f"{row.value:.0f} {row.unit} {row.reached_text}"
    sign = "> " if row.at_least is not None and row.at_least[0] else ""
    return f"{sign}{level_number(row.value)}"
