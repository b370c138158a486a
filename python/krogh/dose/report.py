"""A plan as one HTML file that opens without a network: words, pictures, table, what it rests on.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import base64
import html
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from krogh.dose.drivers import drivers_table
from krogh.dose.sample import LIMITS
from krogh.dose.words import explanation, table_cells, table_notes
from krogh.errors import MissingExtra, SpecError
from krogh.units import format_number

if TYPE_CHECKING:
    from krogh.dose.plan import Plan

__all__ = ["report_html", "write_report"]

_STYLE: Final = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.3rem } h2 { font-size: 1.05rem; margin-top: 1.6rem }
table { border-collapse: collapse; font-size: 13px } th, td { padding: .15rem .6rem }
td { text-align: right } th { text-align: right; border-bottom: 1px solid #888 }
tr.best { background: #fdebd8; font-weight: 600 } tr.own { background: #eee }
.note { color: #555; font-size: 13px } img { max-width: 100% }
.facts td, .facts th { text-align: left; border: none; vertical-align: top }
"""


def write_report(plan: Plan, path: str | Path) -> Path:
    """Write the report; a file of that name is replaced only when the new one is whole.

    Raises
    ------
    SpecError
        KG-133 for an ending other than ``.html``, or a place that cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() not in (".html", ".htm"):
        raise SpecError(f"KG-133: a report is an .html file, not {target.name!r}.")
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        partial.write_text(report_html(plan), encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        raise SpecError(f"KG-133: {target} cannot be written: {error.strerror or error}.") from None
    finally:
        partial.unlink(missing_ok=True)
    return target


def report_html(plan: Plan) -> str:
    """Return the report as text."""
    words = explanation(plan).split("\n")
    about = plan.settings.about
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        f"<title>{html.escape(plan.label)}: {html.escape(about.get('study', 'dose'))}</title>",
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{html.escape(about.get('study', 'Dose decision'))}</h1>",
        "<p class='note'>For research; not a medical device.</p>",
        *(f"<p>{html.escape(line)}</p>" for line in words),
        *_pictures(plan),
        "<h2>All regimens</h2>",
        _table(plan),
        "<h2>What decides between tumours</h2>",
        drivers_table(plan.drivers())._repr_html_(),
        "<h2>What it rests on</h2>",
        _facts(plan),
        "</body></html>",
    ]
    return "\n".join(parts)


def _pictures(plan: Plan) -> list[str]:
    """Return the pictures inside the page, or why there are none."""
    if len(plan.candidates) < 2 or not plan.sample.done.any():
        return []
    found = []
    try:
        for title, text, draw in (
            ("Dose map", "Share of the tumours in which all is reached together.", plan.plot),
            ("Trade-off", "The same share against exposure.", plan.plot_tradeoff),
        ):
            if draw == plan.plot_tradeoff and not plan.settings.exposure_unit:
                continue
            buffer = io.BytesIO()
            draw().savefig(buffer, format="png", dpi=130)
            data = base64.b64encode(buffer.getvalue()).decode("ascii")
            found.append(f"<h2>{title}</h2><p class='note'>{text}</p>")
            found.append(f"<img alt='{title}: {text}' src='data:image/png;base64,{data}'>")
    except MissingExtra as error:
        return [f"<p class='note'>{html.escape(str(error))}</p>"]
    return found


def _table(plan: Plan) -> str:
    from krogh.dose.decision import lowest_first

    rows = [int(k) for k in lowest_first(plan.candidates)]
    head, body = table_cells(plan, rows)
    lines = []
    for k, cells in zip(rows, body, strict=True):
        kind = {plan.decision.best: "best", plan.current_position: "own"}.get(k, "")
        data = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        lines.append(
            f"<tr class='{kind}'>{data}<td>{html.escape(str(plan.candidates[k]))}</td></tr>"
        )
    names = "".join(f"<th>{html.escape(cell)}</th>" for cell in [*head, "regimen"])
    notes = " ".join(html.escape(note) for note in table_notes(plan, rows))
    return (
        f"<table><thead><tr>{names}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
        f"<p class='note'>{notes}</p>"
    )


def _facts(plan: Plan) -> str:
    settings = plan.settings
    facts: list[tuple[str, Any]] = list(settings.about.items())
    facts += [
        ("end of the run", f"{format_number(round(settings.until / 3600.0, 6))} h"),
        ("virtual tumours", f"{plan.sample.tumours}, seed {settings.seed}"),
        ("drawn values", ", ".join(settings.uncertain)),
        ("confidence asked for", f"{settings.confidence:g}"),
        *((f"target, level {t.level_name}", str(t)) for t in plan.targets),
        *((f"{LIMITS}, risk {settings.risk:g}", str(t)) for t in plan.limits),
        ("fingerprint", settings.fingerprint),
    ]
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in facts
    )
    return f"<table class='facts'>{rows}</table>"
