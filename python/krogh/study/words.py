"""What a study says of itself: its title, its parts one by one, its sources.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from krogh.units import format_number

if TYPE_CHECKING:
    from krogh.study.study import Study
    from krogh.tumour.volume import Tumour3D

__all__ = ["facts_html", "facts_of", "given_of", "sources_of", "title_of"]


def title_of(study: Study) -> str:
    """Return what was given as title, then what is asked."""
    start = f"{study._title}: " if study._title else ""
    name = study.tumour.name
    if study.tumour_3d is not None:
        where = f"{name} in {_box(study.tumour_3d)}"
    else:
        shape = {"sphere": "spheroid", "slab": "slab"}.get(study.tumour.geometry, "")
        where = name if not shape or name.endswith(shape) else f"{name} {shape}"
    return f"{start}{given_of(study)} · {where} · {study.until}"


def given_of(study: Study) -> str:
    """Return what is given, and to whom."""
    if study.plasma is None:
        return f"{study.regimen} · {study.subject.name}"
    return " + ".join(f"{name} {curve.text}" for name, curve in study.plasma.items())


def sources_of(study: Study) -> str:
    """Return every source, for `krogh.cite`."""
    from krogh.citations import model_keys

    parts: list[Any] = [*study.drugs, study.tumour]
    if study.plasma is None:
        parts.append(study.subject)
    keys = " ".join(f"[{key}]" for model in study.models for key in model_keys(model))
    return "\n".join([*(part.source for part in parts), keys])


def _box(tumour: Tumour3D) -> str:
    """Return the extent of a box: ``1000 um`` for a cube, else ``400 x 300 x 10 um``."""
    extent = tumour.grid.spacing * tumour.grid.shape[::-1]
    texts = [format_number(float(f"{length:.4g}")) for length in extent]
    return f"a box of {texts[0] if len(set(texts)) == 1 else ' x '.join(texts)} um"


def facts_of(study: Study) -> list[tuple[str, str]]:
    """Return what a study consists of: names of facts, and facts."""
    cells = f"{study.tumour.name} ({study.tumour.geometry}, {study.shape.cells} cells)"
    facts = [
        ("drugs", ", ".join(drug.name for drug in study.drugs)),
        ("tumour", cells if study.tumour_3d is None else repr(study.tumour_3d)),
        ("given", given_of(study)),
        ("until", study.until),
    ]
    facts += [("target", f"{target} (level {target.level})") for target in study.targets]
    if study.tumour_volume is not None:
        facts.append(("tumour volume", f"{study.tumour_volume}, drawn from the plasma"))
    return facts


def facts_html(study: Study) -> str:
    """Return the facts as an HTML table."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
        for name, value in facts_of(study)
    )
    return f"<table><caption>{html.escape(study.title)}</caption>{rows}</table>"
