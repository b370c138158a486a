"""The plasma of a drug in a subject: values of the typical subject, and the systemic model.

SPDX-License-Identifier: BSD-3-Clause
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

from krogh.errors import SpecError
from krogh.library.drug_spec import Drug, Plasma
from krogh.library.loading import info, model
from krogh.library.subject_spec import Subject
from krogh.library.values import Value, parameter_of
from krogh.model import systemic
from krogh.model.components import DoseInput, Parameter, Rate, Rule
from krogh.model.network import Model
from krogh.units import convert_amount, dimension, format_number, from_internal

__all__ = ["plasma_model", "plasma_of", "plasma_values", "shared_sinks"]

_MOLAR = {"Vmax": "nmol/d", "Km": "nM"}
_LIMITS = {"linear_elimination": ("linear",), "saturable_elimination": ("saturable",)}


def plasma_of(drug: Drug, subject: Subject) -> Plasma:
    """Return the plasma of a drug in a subject, of a published model where it names one.

    Raises
    ------
    SpecError
        KG-147 where the drug has no plasma values for the species.
    """
    if subject.species not in drug.plasma:
        known = ", ".join(drug.plasma) or "none"
        raise SpecError(
            f"KG-147: {drug.name} has no plasma values for the {subject.species}; it has:"
            f" {known}.\n  Choose another subject, or give plasma curves to simulate_line"
            " (plasma=...)."
        )
    found = drug.plasma[subject.species]
    if found.model:
        found = _typical(found.model, subject.weight, found.sink)
    given = {n: v for n, v in drug.given.items() if n in found.needed}
    return Plasma(**{**dict(found), "values": {**found.values, **given}})


def plasma_values(drug: Drug, subject: Subject) -> dict[str, Value]:
    """Return the plasma values of a drug, Vmax and Km molar (nmol/d, nM)."""
    values = dict(plasma_of(drug, subject).values)
    mass = drug.molar_mass.value
    for name, unit in _MOLAR.items():
        if name in values and dimension(values[name].unit) != dimension(unit):
            values[name] = _molar(values[name], unit, mass)
    return values


def _molar(value: Value, unit: str, molar_mass: str) -> Value:
    factor = convert_amount(1.0, value.unit, unit, molar_mass)
    return value.scaled(factor, unit, f"{value.value} at {molar_mass}")


@lru_cache(maxsize=64)
def _typical(name: str, weight: str, sink: str) -> Plasma:
    """Return the typical subject of a published model at a weight, as plain values.

    Random effects are 0, other covariates at their reference values; the range between subjects of
    each typical value, relative to it, becomes the range.  Absorption and metabolites are left out:
    doses are intravenous.
    """
    file, about = model(name), info(name)
    file_at = file.with_values(WT=weight) if "WT" in file.covariates else file
    number: Literal[1, 2, 3] = 1
    form: Literal["clearance", "micro"] = "clearance"
    paths: list[Any] = []
    for block in about.structure:
        kind = block["block"]
        if kind == "compartments":
            number, form = block.get("number", 1), block.get("form", "clearance")
        elif kind == "elimination":
            paths += {"parallel": ["linear", "saturable"]}.get(block["kind"], [block["kind"]])
        else:
            paths += _LIMITS.get(kind, ())
    if not paths:
        raise SpecError(
            f"KG-147: library model {name!r} has no elimination that can be taken over."
        )
    probe = Plasma.model_construct(compartments=number, form=form, elimination=tuple(paths))
    compiled = file_at.compile()
    ranges = about.ranges
    values = {}
    for base in probe.needed:
        entry_name = base if base in about.parameters else f"{base}_pop"
        if entry_name not in about.parameters:
            raise SpecError(f"KG-147: library model {name!r} has no typical value of {base!r}.")
        entry = about.parameters[entry_name]
        typical = Value(value=entry.value, range=_ASSUMED, source=entry.source)
        number_at = float(from_internal(float(compiled.evaluate(base)), typical.unit))
        between = ranges[entry_name].subjects
        text = _ASSUMED
        if between is not None and not between.additive:
            center = typical.quantity.value
            ends = [x / center * number_at for x in (between.lower, between.upper)]
            text = f"interval {ends[0]:.6g} to {ends[1]:.6g}, 90 % of the subjects"
        values[base] = Value(
            value=f"{format_number(float(f'{number_at:.10g}'))} {typical.unit}".strip(),
            range=text,
            source=f"typical subject of library model {name!r}: {entry.source}",
            verified=entry.verified,
            note=entry.note,
        )
    return Plasma(
        compartments=number,
        form=form,
        elimination=tuple(paths),
        sink=sink,
        values=values,
        note=f"typical subject of {weight} of library model {name!r}",
    )


_ASSUMED = "not reported in the source read"


def plasma_model(drug: Drug, plasma: Plasma, values: Mapping[str, Value], dosed: bool) -> Model:
    """Return the systemic model of one drug in nmol, without a shared saturable path.

    Parameters
    ----------
    drug
        Its label stands behind every name: ``central_<label>``, ``Cp_<label>`` (nM).
    plasma, values
        Form, and values as of `plasma_values`.
    dosed
        Whether doses may be given; mg arrive as nmol by ``molar_mass_<label>``.
    """
    label = drug.label
    given = {n: parameter_of(v) for n, v in values.items()}
    mass = f"molar_mass_{label}"
    parts: list[Any] = [parameter_of(drug.molar_mass).changed(name=mass)]
    distribution: dict[str, Any] = {
        n: given[n] for n in given if n not in ("CL", "kel", "Vmax", "Km")
    }
    compartments = systemic.compartments(
        plasma.compartments,
        form=plasma.form,
        amount="nmol",
        molar_mass=mass,
        drug=label,
        **distribution,
    )
    for component in compartments.components:
        if isinstance(component, DoseInput):
            if dosed:
                parts.append(component.changed(drug=drug.name))
        else:
            parts.append(component)
    if "linear" in plasma.elimination:
        rate = {n: given[n] for n in ("CL", "kel") if n in given}
        parts.append(systemic.linear_elimination(form=plasma.form, drug=label, **rate))
        if plasma.everywhere:
            for state in ("peripheral", "peripheral2")[: plasma.compartments - 1]:
                outer = f"{state}_{label}"
                parts.append(Rate(outer, f"-kel_{label}*{outer}", name="linear_elimination"))
    if "saturable" in plasma.elimination and not plasma.sink:
        parts.append(
            systemic.saturable_elimination(
                amount="nmol", drug=label, Vmax=given["Vmax"], Km=given["Km"]
            )
        )
    return Model(f"plasma of {drug.name}", *parts, note=plasma.note, partial=True)


def shared_sinks(
    members: Sequence[tuple[Drug, Plasma, Mapping[str, Value]]],
) -> list[Parameter | Rule | Rate]:
    """Return the saturable paths that drugs of one sink fill together.

    With relative concentrations ``x_i = Cp_i/Km_i``, drug i is eliminated at
    ``Vmax_i*x_i/(1 + sum of x_j)``: competition of substrates for one saturable path; for one drug
    that is Michaelis-Menten elimination.
    """
    parts: list[Parameter | Rule | Rate] = []
    sinks: dict[str, list[str]] = {}
    for drug, plasma, values in members:
        if "saturable" not in plasma.elimination or not plasma.sink:
            continue
        sinks.setdefault(plasma.sink, []).append(drug.label)
        for name in ("Vmax", "Km"):
            parts.append(parameter_of(values[name]).changed(name=f"{name}_{drug.label}"))
    for sink, labels in sinks.items():
        load = " + ".join(f"Cp_{x}/Km_{x}" for x in labels)
        parts.append(Rule(f"sink_load_{sink}", load, note="drugs in the shared saturable path"))
        for x in labels:
            flux = f"saturable_flux_{x}"
            law = f"Vmax_{x}*(Cp_{x}/Km_{x})/(1 + sink_load_{sink})"
            parts.append(Rule(flux, law, note="saturable elimination, shared"))
            parts.append(Rate(f"central_{x}", f"-{flux}", name="saturable_elimination"))
    return parts
