"""What ``krogh demo erlotinib`` shows.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from krogh.cli.demo import Shown
from krogh.demo.erlotinib import GROUPS, ErlotinibAnswer, answer_erlotinib
from krogh.demo.erlotinib_pictures import draw_dose, draw_growth, draw_plasma

__all__ = ["shown"]


def shown(law: str, seed: int, report: Callable[[str, float], Any]) -> Shown:
    """Return tables and pictures of the erlotinib part."""
    answer = answer_erlotinib(law, seed=seed, progress=report)
    doses = np.array(sorted({*GROUPS.values(), 50.0, answer.standstill.dose}))
    return Shown(
        screen=lambda console: _print(answer, console),
        tables={
            "erlotinib_parameters": answer.plasma_and_growth,
            "erlotinib_volumes": answer.growth.observations,
            "erlotinib_plasma": answer.plasma.observations,
            "erlotinib_doses": answer.dose_table(doses),
        },
        pictures={
            "erlotinib_plasma": lambda: draw_plasma(answer),
            "erlotinib_growth": lambda: draw_growth(answer),
            "erlotinib_dose": lambda: draw_dose(answer),
        },
    )


def _print(answer: ErlotinibAnswer, console: Console) -> None:
    plasma, growth, still = answer.plasma, answer.growth, answer.standstill
    console.print(
        "[bold]Erlotinib in mice with LXF A677 lung tumours: which dose stops growth?[/bold]"
    )
    console.print(
        "Measured by Eigenmann 2016, doi 10.1158/1535-7163.MCT-16-0076; the data come with krogh.",
        highlight=False,
    )
    table = Table(header_style="bold")
    for name in ("", "parameter", "unit"):
        table.add_column(name)
    for name in ("estimate", "RSE %", f"{100.0 * still.level:g} % interval"):
        table.add_column(name, justify="right")
    low, high = (name for name in answer.shared if name.endswith((" low", " high")))
    for row in answer.shared.rows():
        table.add_row(
            row["fit"],
            row["parameter"],
            row["unit"],
            _number(row["estimate"]),
            f"{row['RSE']:.0f}" if np.isfinite(row["RSE"]) else "at its bound",
            f"{_number(row[low])} - {_number(row[high])}" if np.isfinite(row[low]) else "-",
        )
    starts = answer.starts
    table.add_row(
        "",
        f"{answer.law.start}, {len(starts)} mice",
        "cm^3",
        _number(answer.typical_start),
        "",
        f"{_number(starts.min())} - {_number(starts.max())} (range)",
    )
    console.print(table)
    _verdict("plasma", plasma, "log-normal error", console)
    sd, cv = float(growth.errors["sd"][0]), float(growth.errors["cv"][0])
    error = f"error {_number(sd)} cm^3 and {cv:.0f} %"
    _verdict("growth", growth, f"{answer.law.title}; {error}; AIC {growth.aic:.1f}", console)

    table = Table(header_style="bold")
    table.add_column("daily dose")
    table.add_column("")
    table.add_column(f"net growth per day ({100.0 * still.level:g} % interval)", justify="right")
    table.add_column("doubles or halves in", justify="right")
    doses = np.array(sorted({*GROUPS.values(), still.dose}))
    for row in answer.dose_table(doses).rows():
        dose, net = float(row["daily dose"]), float(row["net growth"])
        is_still = dose == still.dose
        low_net, high_net = (float(row[name]) for name in row if name.endswith((" low", " high")))
        table.add_row(
            f"{dose:.3g} mg/kg",
            "growth stops" if is_still else "measured",
            f"{0.0 if is_still else net:+.3f} ({low_net:+.3f} .. {high_net:+.3f})",
            "-"
            if is_still
            else f"{'x 2' if net > 0.0 else '/ 2'} in {np.log(2.0) / abs(net):.1f} d",
        )
    console.print(table)
    tumor = (
        "a small tumour, which grows fastest,"
        if still.size == 0.0
        else f"a tumour of {_number(still.size)} cm^3"
    )
    remark = f" {answer.law.remark}" if answer.law.remark else ""
    ends = f"{100.0 * still.level:g} % interval {_number(still.low)} - {_number(still.high)}"
    answered = f"Growth of {tumor} stops at {_number(still.dose)} mg/kg a day ({ends})"
    console.print(
        f"[bold]{answered}[/bold], an average of {still.concentration:.2f} mg/L in plasma.{remark}",
        highlight=False,
    )
    console.print(
        "The interval is log-normal, from the covariance of the growth parameters. The uncertainty"
        " of CL is not in it: volumes determine potency over CL, so that CL cancels. Nor is the"
        " choice of the growth law: --growth fits another.",
        highlight=False,
        style="dim",
    )


def _verdict(what: str, fit: Any, about: str, console: Console) -> None:
    people = fit.table.num_subjects
    head = f"{what}: {fit.num_observations} measurements of {people} mice, {about}"
    if fit.converged:
        count = len(fit.starts)
        console.print(escape(f"{head}; converged from {count} starts"), highlight=False)
    else:
        console.print(escape(head), highlight=False)
        for reason in fit.reasons:
            console.print(Text(f"NOT CONVERGED: {reason}", style="bold red"))
    for note in fit.notes:
        console.print(escape(f"  note: {note}"), highlight=False)


def _number(value: float) -> str:
    """Return three digits, trailing zeros included."""
    return f"{value:#.3g}".rstrip(".")
