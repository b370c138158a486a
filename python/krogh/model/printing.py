"""Models as text, LaTeX and an HTML table: equations with units, values and their sources.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from krogh.errors import InvalidInput
from krogh.model import notation
from krogh.model.components import Covariate, DoseInput, Parameter, Species, Transport
from krogh.model.expression import Expression, Number
from krogh.model.names import dose_expressions
from krogh.model.transport_printing import (
    moved_html,
    moved_latex,
    moved_text,
    wall_html,
    wall_latex,
    wall_text,
)
from krogh.units import Dimension, format_number

if TYPE_CHECKING:
    from krogh.model.network import Model

__all__ = ["readable_unit", "to_html", "to_latex", "to_text"]


def readable_unit(powers: Dimension) -> str:
    """Return a common unit of a dimension, such as ``"L/h"``, for expressions without one."""
    left = {name: p for name, p in zip(_BASES, powers, strict=True) if p}
    parts: list[tuple[str, Any]] = []
    if left.get("length") == -3 and left.get("amount") == 1:
        parts.append(("nM", 1))
        del left["length"], left["amount"]
    elif left.get("length") == 3 and left.get("amount") == -1:
        parts.append(("nM", -1))
        del left["length"], left["amount"]
    for name, power in left.items():
        if name == "length" and power % 3 == 0:
            parts.append(("L", power / 3))
        else:
            parts.append((_COMMON[name], power))
    above = " ".join(_powered(u, p) for u, p in parts if p > 0)
    below = [_powered(u, -p) for u, p in parts if p < 0]
    if not below:
        return above
    shown = below[0] if len(below) == 1 else f"({' '.join(below)})"
    return f"{above or '1'}/{shown}"


_COMMON = {
    "time": "h",
    "length": "um",
    "amount": "nmol",
    "mass": "mg",
    "temperature": "K",
    "pressure": "mmHg",
    "radioactivity": "Bq",
    "angle": "rad",
    "biological activity": "IU",
    "absorbed dose": "Gy",
    "cells": "cell",
}
_BASES = tuple(_COMMON)


def _powered(unit: str, power: Any) -> str:
    if power == 1:
        return unit
    return f"{unit}^{power}" if power.denominator == 1 else f"{unit}^({power})"


def _per_time(unit: str) -> str:
    """Return the unit of a derivative; symbols carry their units, so no time unit is implied."""
    return f"{unit or '1'}/time"


# --- rows shared by text and HTML -----------------------------------------------------------------


def _valued_rows(items: Iterable[Parameter | Covariate]) -> list[tuple[str, str, str, str]]:
    """Return name, value, range and remark of parameters and covariates."""
    rows = []
    for item in items:
        value = str(item.value) if item.value is not None else f"(no value) {item.unit}"
        limits = "" if item.lower is None and item.upper is None else item.range_text
        remarks = []
        if isinstance(item, Covariate) and item.categories is not None:
            remarks.append(
                ", ".join(f"{k} = {format_number(v)}" for k, v in item.categories.items())
            )
        if isinstance(item, Parameter):
            remarks += [item.source] * bool(item.source)
            remarks += ["not verified"] * (not item.verified)
        remarks += [item.note] * bool(item.note)
        rows.append((item.name, value, limits, "; ".join(remarks)))
    return rows


def _effect_rows(model: Model) -> list[tuple[str, str, str, str]]:
    rows: list[tuple[str, str, str, str]] = []
    for v in model.variabilities:
        for i, name in enumerate(v.names):
            others = [
                f"cov({name}, {v.names[j]}) = {format_number(v.covariance[i][j])}"
                for j in range(i)
                if v.covariance[i][j]
            ]
            rows.append(
                (
                    name,
                    f"variance {format_number(v.covariance[i][i])}",
                    v.level,
                    "; ".join([*others, v.source]).rstrip("; "),
                )
            )
    return rows


def _species_words(species: Species) -> str:
    words = []
    if species.compartment is not None:
        words.append(f"in {species.compartment}")
    if species.molar_mass is not None:
        words.append(f"molar mass {species.molar_mass}")
    if species.note:
        words.append(species.note)
    return "; ".join(words)


def _dose_parts(dose: DoseInput) -> list[tuple[str, Expression]]:
    """Return what a dose input states beyond the defaults."""
    defaults = {"bioavailability": Number(1.0), "lag": Number(0.0)}
    return [(w, e) for w, e in dose_expressions(dose) if defaults.get(w) != e]


# --- text -----------------------------------------------------------------------------------------


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    widths = [min(36, max(len(row[i]) for row in rows)) for i in range(len(rows[0]))]
    return [
        ("  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]


def _why(model: Model) -> str:
    """Return what keeps a block from being a whole model, unless names of others are missing."""
    try:
        _ = model.analysis
    except InvalidInput as error:
        return "" if error.code == "KG-103" else f": {str(error).splitlines()[0]}"
    return ""


def to_text(model: Model) -> str:
    """Return the model as sections of plain text."""
    lines = [f"Model {model.name!r}" + ("" if model.is_complete else f" (partial{_why(model)})")]
    lines += [f"  {line}" for line in model.note.splitlines()]

    def section(title: str, content: list[str]) -> None:
        if content:
            lines.extend(["", title, *content])

    section("Parameters", _aligned([*_valued_rows(model.parameters.values())]))
    section("Covariates", _aligned([*_valued_rows(model.covariates.values())]))
    section("Random effects, normal with mean 0", _aligned([*_effect_rows(model)]))
    section(
        "Compartments", [f"  {c.name}: volume = {c.volume}" for c in model.compartments.values()]
    )
    section(
        "Species",
        _aligned(
            [
                (s.name, s.unit or "1", f"initially {s.initial}", _species_words(s))
                for s in model.species.values()
            ]
        ),
    )
    if not model.is_complete:
        section("Rates", [f"  d({r.species})/dt: {r.law}" for r in model.rates])
        section("Reactions", [f"  {r.equation}: {_laws(r)}" for r in model.reactions])
        section("Rules", [f"  {r.name} = {r.expression}" for r in model.rules.values()])
    else:
        section(
            "Equations",
            [
                f"  d({s.name})/dt = {_derivative_text(model, s.name)}   [{_per_time(s.unit)}]"
                for s in model.species.values()
            ],
        )
        section(
            "Rules",
            [
                f"  {name} = {model.rules[name].expression}   [{_rule_unit(model, name)}]"
                for name in model.analysis.rule_order
                if name in model.rules
            ],
        )
    section(
        "Transport",
        [f"  {m.species}: {_transport_text(m)}" for m in model.transports.values()],
    )
    section(
        "Outputs",
        [f"  {o.name} = {o.expression}   [{o.unit or '1'}]" for o in model.outputs.values()],
    )
    section(
        "Events",
        [
            f"  {e.name}: when {e.when}"
            + ("" if e.direction == "rising" else f" ({e.direction})")
            + ": "
            + ", ".join(f"{n} := {v}" for n, v in e.assign.items())
            for e in model.events.values()
        ],
    )
    section("Dosing", [_dose_text(d) for d in model.dose_inputs.values()])
    section(
        "Tables",
        [
            f"  {t.name}(x): {t.kind}, {len(t.x)} points from {t.x[0]:g} to {t.x[-1]:g}"
            f" {t.x_unit or '1'}, values in {t.y_unit or '1'}"
            for t in model.tables.values()
        ],
    )
    return "\n".join(lines)


def _derivative_text(model: Model, name: str) -> str:
    kinetics = model.derivative(name)
    transport = model.transports.get(name)
    return str(kinetics) if transport is None else moved_text(transport, kinetics)


def _transport_text(transport: Transport) -> str:
    words = [wall_text(transport), transport.note]
    if transport.retardation != Number(1.0):
        words.insert(1, f"carried along with {transport.retardation} of the fluid's velocity")
    if transport.reflection != Number(0.0):
        words.insert(1, f"the wall holds back {transport.reflection} of it from fluid that passes")
    return "; ".join(w for w in words if w)


def _laws(reaction: Any) -> str:
    if reaction.backward is None:
        return str(reaction.forward)
    return f"forward {reaction.forward}, backward {reaction.backward}"


def _rule_unit(model: Model, name: str) -> str:
    unit = model.rules[name].unit
    if unit is None:
        unit = readable_unit(model.analysis.dimensions[name])
    return unit or "1"


def _dose_text(dose: DoseInput) -> str:
    words = [f"{what} = {expression}" for what, expression in _dose_parts(dose)]
    if dose.route:
        words.append(f"route {dose.route}")
    if dose.drug:
        words.append(f"drug {dose.drug}")
    return f"  into {dose.species}" + (": " + ", ".join(words) if words else "")


# --- LaTeX ----------------------------------------------------------------------------------------


def to_latex(model: Model) -> str:
    """Return derivatives, rules, initial values and outputs as an ``aligned`` environment."""
    name = notation.name_latex
    rows = []
    for species in model.species.values():
        kinetics, transport = model.derivative(species.name), model.transports.get(species.name)
        right = (
            notation.to_latex(kinetics) if transport is None else moved_latex(transport, kinetics)
        )
        rows.append(rf"\frac{{\mathrm{{d}}{name(species.name)}}}{{\mathrm{{d}}t}} &= {right}")
    for species in model.species.values():
        if species.starts_steady:
            rows.append(
                rf"\left.\frac{{\mathrm{{d}}{name(species.name)}}}{{\mathrm{{d}}t}}\right|_{{t_0}}"
                " &= 0"
            )
        elif species.start != Number(0.0):
            rows.append(rf"{name(species.name)}(t_0) &= {notation.to_latex(species.start)}")
    rows += [wall_latex(m) for m in model.transports.values()]
    for rule in model.analysis.rule_order:
        if rule in model.rules:
            right = notation.to_latex(model.rules[rule].expression)
            rows.append(f"{name(rule)} &= {right}")
    for output in model.outputs.values():
        if not output.is_alias:
            unit = rf"\quad[{notation.unit_latex(output.unit)}]" if output.unit else ""
            rows.append(f"{name(output.name)} &= {notation.to_latex(output.expression)}{unit}")
    body = " \\\\\n".join(rows)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


# --- HTML -----------------------------------------------------------------------------------------


def _table(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return one HTML table; cells are HTML already."""
    if not rows:
        return ""
    top = "".join(f'<th style="text-align:left">{html.escape(h)}</th>' for h in head)
    body = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{cell}</td>' for cell in row) + "</tr>"
        for row in rows
    )
    return (
        f'<table><caption style="text-align:left"><b>{html.escape(title)}</b></caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    )


def _derivative_html(model: Model, name: str) -> str:
    kinetics, transport = model.derivative(name), model.transports.get(name)
    return notation.to_html(kinetics) if transport is None else moved_html(transport, kinetics)


def to_html(model: Model) -> str:
    """Return the model as HTML tables; all text is escaped."""
    name, formula = notation.name_html, notation.to_html
    valued = ("name", "value", "range", "source")

    def values(rows: list[tuple[str, str, str, str]]) -> list[tuple[str, ...]]:
        return [(name(n), *map(html.escape, rest)) for n, *rest in rows]

    tables = [
        _table("Parameters", valued, values(_valued_rows(model.parameters.values()))),
        _table("Covariates", valued, values(_valued_rows(model.covariates.values()))),
        _table(
            "Random effects", ("name", "variance", "level", "remark"), values(_effect_rows(model))
        ),
    ]
    if model.is_complete:
        equations = [
            (
                f"d{name(s.name)}/d<i>t</i>",
                _derivative_html(model, s.name),
                html.escape(_per_time(s.unit)),
                "steady state" if s.starts_steady else formula(s.start),
                html.escape(_species_words(s)),
            )
            for s in model.species.values()
        ]
        tables.append(
            _table("Equations", ("derivative", "=", "unit", "initial value", "remark"), equations)
        )
        rules = [
            (name(n), formula(model.rules[n].expression), html.escape(_rule_unit(model, n)))
            for n in model.analysis.rule_order
            if n in model.rules
        ]
        tables.append(_table("Rules", ("name", "=", "unit"), rules))
    transports = [
        (name(m.species), wall_html(m), html.escape(m.note)) for m in model.transports.values()
    ]
    tables.append(_table("Transport", ("species", "wall", "remark"), transports))
    outputs = [
        (name(o.name), formula(o.expression), html.escape(o.unit or "1"))
        for o in model.outputs.values()
    ]
    tables.append(_table("Outputs", ("name", "=", "unit"), outputs))
    events = [
        (
            html.escape(e.name),
            formula(e.when),
            ", ".join(f"{name(n)} := {formula(v)}" for n, v in e.assign.items()),
        )
        for e in model.events.values()
    ]
    tables.append(_table("Events", ("name", "when", "then"), events))
    doses = [
        (name(d.species), ", ".join(f"{w} = {formula(e)}" for w, e in _dose_parts(d)))
        for d in model.dose_inputs.values()
    ]
    tables.append(_table("Dosing", ("into", "attributes"), doses))
    note = f"<p>{html.escape(model.note)}</p>" if model.note else ""
    return f"<div><h4>{html.escape(model.name)}</h4>{note}{''.join(t for t in tables if t)}</div>"
