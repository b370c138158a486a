"""What ``krogh demo tdm1`` shows.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from krogh.cli.demo import Shown, Stopped
from krogh.cli.demo_levels import levels_beside, print_balance
from krogh.demo.tdm1 import RATIOS, TDM1Answer, TDM1Interrupted, answer_tdm1, label
from krogh.demo.tdm1_pictures import draw_decision, draw_gradients, draw_sections
from krogh.dose.plan import Plan
from krogh.study.comparator import sentence
from krogh.study.levels import Row

__all__ = ["shown"]

_SHOWN: Final = ("Cmax:", "depth:")
"""Keys of the rows about the added antibody that are on the screen; the CSV file has all."""


def shown(tumours: int, seed: int, report: Callable[[str, float], Any]) -> Shown:
    """Return tables and pictures of the T-DM1 part.

    Raises
    ------
    Stopped
        Ctrl-C; it holds what was done.
    """
    try:
        answer = answer_tdm1(tumours=tumours, seed=seed, progress=report)
    except TDM1Interrupted as stop:
        raise Stopped(_shown(stop.answer)) from None
    return _shown(answer)


def _shown(answer: TDM1Answer) -> Shown:
    tables = {"tdm1_levels": answer.table(), "tdm1_profiles": answer.profiles()}
    pictures = {
        "tdm1_gradients": lambda: draw_gradients(answer),
        "tdm1_sections": lambda: draw_sections(answer),
    }
    if answer.plan is not None:
        tables["tdm1_decision"] = answer.plan.probabilities
        pictures["tdm1_decision"] = lambda: draw_decision(answer)
    return Shown(lambda console: _print(answer, console), tables, pictures)


def _print(answer: TDM1Answer, console: Console) -> None:
    console.print(
        "[bold]T-DM1 3.6 mg/kg in mice with NCI-N87 tumours: how much trastuzumab beside it?[/bold]"
    )
    console.print(
        "Computed around one vessel, 24 h after the dose, at these mg T-DM1 : mg trastuzumab:",
        highlight=False,
    )
    rows = [(r, by) for r, by in answer.rows() if len(by) == len(RATIOS) or _is_shown(r)]
    console.print(levels_beside(rows, {ratio: label(ratio) for ratio in RATIOS}, no_wrap=True))
    print_balance(answer.results.values(), console)
    comparison = sentence(answer.results[RATIOS[0]])
    console.print(escape(f"At {label(RATIOS[0])}: {comparison}."), highlight=False)
    for ratio in (RATIOS[0], RATIOS[-1]):
        numbers = answer.results[ratio].numbers
        assert numbers is not None  # only the well-mixed comparator has none
        console.print(escape(f"What limits at {label(ratio)}: {numbers.verdict}."), highlight=False)
    if answer.plan is not None:
        _print_decision(answer.plan, console)
    else:
        console.print("Decision: interrupted before the first regimen was finished")


def _print_decision(plan: Plan, console: Console) -> None:
    console.print(f"[bold]Decision over {plan.sample.tumours:,} virtual tumours[/bold]")
    console.print(escape(plan.explain()), highlight=False)
    numbers = plan.probabilities
    levels = [name for name in numbers if name.startswith("P ") and name != "P joint"]
    table = Table(header_style="bold")
    table.add_column("trastuzumab", justify="right")
    for name in levels:
        table.add_column(name.removeprefix("P "), justify="right")
    table.add_column("all targets", justify="right")
    table.add_column("95 % interval", justify="right")
    best = plan.decision.best
    if best is not None:
        table.add_column("")
    for k, row in enumerate(numbers.rows()):
        cells = [f"1:{row['trastuzumab']:g}", *(_percent(row[name]) for name in levels)]
        cells += [_percent(row["P joint"]), f"{_percent(row['low'])} .. {_percent(row['high'])}"]
        table.add_row(*cells, *(["lowest that holds"] if k == best else []))
    console.print(table)


def _percent(share: float) -> str:
    return f"{100.0 * share:.1f} %" if np.isfinite(share) else "-"


def _is_shown(row: Row) -> bool:
    return row.key.startswith(_SHOWN)
